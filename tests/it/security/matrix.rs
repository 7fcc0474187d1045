//! The access matrix: every root field and every guarded field, called anonymously and by each role, on own, other
//! pizzerias' and other customers' objects. The server's answers are compared with `docs/access.md` (written by
//! `OCPIZZA_WRITE_ACCESS=1`, reviewed by people) and with `@requires` in the schema and the rule of scopes,
//! without calling the function that decides.

mod fixtures;
mod samples;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use async_graphql::parser::parse_schema;
use async_graphql::parser::types::{ObjectType, TypeKind, TypeSystemDefinition};
use futures_util::future::join_all;
use serde_json::Value;
use tests::{Api, Item};

use fixtures::{CALLERS, Fixtures, TARGETS, Target};
use samples::{SAMPLES, Sample};

const SCHEMA: &str = include_str!("../../../schema.graphql");
const ROOTS: [&str; 3] = ["Query", "Mutation", "Subscription"];

/// The outcome for a caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Seen {
    /// The requested value.
    Yes,
    /// The value with a pseudonym instead of a name.
    Pseudonym,
    /// A list without the target.
    Nothing,
    /// `null` without an error.
    Hidden,
    Unauthenticated,
    Forbidden,
    NotFound,
}

impl Seen {
    fn sign(self) -> &'static str {
        match self {
            Self::Yes => "✓",
            Self::Pseudonym => "p",
            Self::Nothing => "∅",
            Self::Hidden => "·",
            Self::Unauthenticated => "U",
            Self::Forbidden => "F",
            Self::NotFound => "N",
        }
    }
}

/// The roles of `@requires`, by `Type.field`.
fn requirements() -> BTreeMap<String, Vec<String>> {
    let mut all = BTreeMap::new();
    for (name, object) in objects() {
        for field in object.fields {
            let field = field.node;
            let requires = field.directives.iter().find(|directive| directive.node.name.node == "requires");
            let Some(requires) = requires else { continue };
            let roles = requires.node.arguments[0].1.node.clone().into_json().unwrap();
            let roles = roles.as_array().unwrap().iter().map(|role| role.as_str().unwrap().to_owned());
            all.insert(format!("{name}.{}", field.name.node), roles.collect());
        }
    }
    all
}

fn objects() -> Vec<(String, ObjectType)> {
    let definitions = parse_schema(SCHEMA).unwrap().definitions.into_iter();
    definitions
        .filter_map(|definition| match definition {
            TypeSystemDefinition::Type(kind) => match kind.node.kind {
                TypeKind::Object(object) => Some((kind.node.name.node.to_string(), object)),
                _ => None,
            },
            _ => None,
        })
        .collect()
}

/// The targets of a sample: those that its ids can tell apart.
fn targets(sample: &Sample) -> &'static [Target] {
    let names = |names: &[&str]| names.iter().any(|name| sample.document.contains(name));
    if names(&["$order", "$delivery", "$event"]) {
        &TARGETS
    } else if names(&["$customer"]) {
        // Customers have no pizzeria.
        &[Target::Own, Target::OtherCustomer]
    } else if names(&["$pizzeria", "$stock", "$staff"]) {
        &TARGETS[..2]
    } else {
        &TARGETS[..1]
    }
}

/// The value of the sample's field, at any depth.
fn found<'a>(data: &'a Value, name: &str) -> Option<&'a Value> {
    match data {
        Value::Object(fields) => {
            fields.get(name).or_else(|| fields.values().find_map(|value| found(value, name)))
        }
        Value::Array(items) => items.iter().find_map(|item| found(item, name)),
        _ => None,
    }
}

fn is_pseudonym(value: &Value) -> bool {
    let name = value.as_str().or_else(|| value["name"].as_str()).unwrap_or_default();
    ["contact ", "staff "].iter().any(|word| name.starts_with(word))
}

fn classify(sample: &Sample, errors: &Value, data: &Value) -> Seen {
    match errors[0]["extensions"]["code"].as_str() {
        Some("UNAUTHENTICATED") => return Seen::Unauthenticated,
        Some("FORBIDDEN") => return Seen::Forbidden,
        Some("NOT_FOUND") => return Seen::NotFound,
        Some(_) => panic!("the sample of {} {} is wrong: {errors}", sample.field, sample.by),
        None => assert!(errors.is_null(), "{errors}"),
    }
    let (_, name) = sample.field.split_once('.').unwrap();
    match found(data, name) {
        // A parent is missing.
        None | Some(Value::Null) => Seen::Hidden,
        Some(value) if is_pseudonym(value) => Seen::Pseudonym,
        Some(value) if value["nodes"] == Value::Array(Vec::new()) => Seen::Nothing,
        Some(_) => Seen::Yes,
    }
}

async fn tried(api: &Api, sample: &Sample, document: &str) -> Seen {
    if !document.starts_with("subscription") {
        let answer = api.ask(document, Value::Null).await;
        return classify(sample, &answer.body["errors"], &answer.body["data"]);
    }
    match api.subscribe(document, Value::Null).await.item().await {
        Item::Next(_) => Seen::Yes,
        Item::Failed(errors) => classify(sample, &errors, &Value::Null),
        other => panic!("{document}: {other:?}"),
    }
}

/// The outcome by the schema's roles and the rule of scopes: outside the caller's scope, `NOT_FOUND` for customers
/// and `FORBIDDEN` for staff.
fn expected(roles: Option<&Vec<String>>, caller: &str, target: Target) -> Seen {
    let Some(roles) = roles else { return Seen::Yes };
    if caller == "anonymous" {
        return Seen::Unauthenticated;
    }
    if !roles.iter().any(|role| role == caller) {
        return Seen::Forbidden;
    }
    match (caller, target) {
        ("DIRECTOR" | "AUDITOR" | "SYSTEM", _) => Seen::Yes,
        ("CUSTOMER", Target::OtherCustomer) => Seen::NotFound,
        ("CUSTOMER", _) => Seen::Yes,
        (_, Target::OtherPizzeria) => Seen::Forbidden,
        (_, _) => Seen::Yes,
    }
}

/// The outcome that the schema gives for a sample; `None` for a field over several kinds with rules of their own,
/// for which only the committed table holds.
fn derived(
    requirements: &BTreeMap<String, Vec<String>>,
    sample: &Sample,
    caller: &str,
    target: Target,
) -> Option<Seen> {
    if sample.document.contains(" node(") {
        return None;
    }
    if (sample.field, caller) == ("Query.me", "anonymous") {
        return Some(Seen::Hidden);
    }
    let root = ROOTS.iter().any(|root| sample.field.split_once('.').is_some_and(|(of, _)| of == *root));
    if root {
        return Some(expected(requirements.get(sample.field), caller, target));
    }
    let outer = sample.document.trim_start_matches("{ ").split('(').next().unwrap();
    let Some(outer) = requirements.get(&format!("Query.{outer}")) else {
        // On a public object, a guarded field answers like a root field.
        return Some(expected(requirements.get(sample.field), caller, target));
    };
    let outer = expected(Some(outer), caller, target);
    if outer != Seen::Yes {
        return Some(outer);
    }
    let roles = requirements.get(sample.field).unwrap_or_else(|| panic!("{} is not guarded", sample.field));
    Some(if roles.iter().any(|role| role == caller) { Seen::Yes } else { Seen::Hidden })
}

/// Whether an answer is the schema's outcome, or hides other callers' data as well.
fn agrees(seen: Seen, derived: Seen, is_filter: bool) -> bool {
    let listed = is_filter && matches!(derived, Seen::Forbidden | Seen::NotFound) && seen == Seen::Nothing;
    // A list restricted to what the caller may see.
    let restricted = is_filter && derived == Seen::NotFound && seen == Seen::Forbidden;
    let pseudonym = derived == Seen::Yes && seen == Seen::Pseudonym;
    let empty = derived == Seen::Yes && seen == Seen::Nothing;
    seen == derived || listed || restricted || pseudonym || empty
}

/// One row of the table per sample.
async fn observed(fixtures: &Fixtures, wrong: &mut Vec<String>) -> String {
    let requirements = requirements();
    let mut rows = String::new();
    for sample in SAMPLES {
        let cells = join_all(CALLERS.map(|caller| async move {
            join_all(targets(sample).iter().map(|target| async move {
                let api = if sample.spends { fixtures.spare(caller).await } else { fixtures.caller(caller) };
                tried(&api, sample, &fixtures.about(sample.document, *target)).await
            }))
            .await
        }))
        .await;
        for (caller, cells) in CALLERS.iter().zip(&cells) {
            for (target, seen) in targets(sample).iter().zip(cells) {
                let Some(derived) = derived(&requirements, sample, caller, *target) else { continue };
                if !agrees(*seen, derived, sample.by.starts_with("filter")) {
                    let what = format!("{} {}", sample.field, sample.by);
                    wrong.push(format!("{what} by {caller} on {target:?}: {seen:?}, and not {derived:?}"));
                }
            }
        }
        let by = if sample.by.is_empty() { String::new() } else { format!(" by {}", sample.by) };
        rows += &format!("| `{}`{by} |", sample.field);
        for cells in cells {
            rows += &format!(" {} |", cells.iter().map(|seen| seen.sign()).collect::<String>());
        }
        rows.push('\n');
    }
    rows
}

/// The table of `docs/access.md` without its head.
fn committed(text: &str) -> (&str, &str) {
    let head = text.find("|---").and_then(|at| text[at..].find('\n').map(|end| at + end + 1)).unwrap();
    text.split_at(head)
}

#[tokio::test]
async fn access_matches_the_committed_table_and_the_schema() {
    let fixtures = Fixtures::open().await;
    let mut wrong = Vec::new();
    let rows = observed(&fixtures, &mut wrong).await;
    assert_eq!(wrong, Vec::<String>::new(), "the server does not do what the schema says");
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/access.md");
    let text = std::fs::read_to_string(&path).unwrap();
    let (head, table) = committed(&text);
    if std::env::var_os("OCPIZZA_WRITE_ACCESS").is_some() {
        std::fs::write(&path, format!("{head}{rows}")).unwrap();
        return;
    }
    let (is, was): (BTreeSet<&str>, BTreeSet<&str>) = (rows.lines().collect(), table.lines().collect());
    let changed: Vec<_> = is.symmetric_difference(&was).collect();
    assert!(
        changed.is_empty(),
        "docs/access.md says otherwise (OCPIZZA_WRITE_ACCESS=1 writes it): {changed:#?}"
    );
}

#[test]
fn every_root_field_and_guarded_field_has_a_sample() {
    let sampled: BTreeSet<String> = SAMPLES.iter().map(|sample| sample.field.to_owned()).collect();
    let mut fields: BTreeSet<String> = requirements().into_keys().collect();
    for (name, object) in objects().into_iter().filter(|(name, _)| ROOTS.contains(&name.as_str())) {
        fields.extend(object.fields.iter().map(|field| format!("{name}.{}", field.node.name.node)));
    }
    let missing: Vec<_> = fields.difference(&sampled).collect();
    assert!(missing.is_empty(), "add a line to tests/it/security/matrix/samples.rs for each of {missing:?}");
    let gone: Vec<_> = sampled.difference(&fields).collect();
    assert!(gone.is_empty(), "{gone:?} are no root fields and not guarded");
}

/// The id arguments of a root field, including those in inputs, such as `filter.orderId`.
fn ids_of(root: &ObjectType, inputs: &BTreeMap<String, Vec<(String, String)>>) -> Vec<(String, String)> {
    let mut all = Vec::new();
    for field in &root.fields {
        for argument in &field.node.arguments {
            let kind = argument.node.ty.node.to_string();
            let kind = kind.trim_matches(['!', '[', ']']);
            let field = field.node.name.node.to_string();
            if kind == "ID" {
                all.push((field, argument.node.name.node.to_string()));
            } else {
                let ids = inputs.get(kind).into_iter().flatten().filter(|(_, kind)| kind == "ID");
                all.extend(ids.map(|(name, _)| (field.clone(), name.clone())));
            }
        }
    }
    all
}

#[test]
fn every_id_argument_is_tried_with_foreign_objects() {
    let mut inputs = BTreeMap::new();
    for definition in parse_schema(SCHEMA).unwrap().definitions {
        let TypeSystemDefinition::Type(kind) = definition else { continue };
        let TypeKind::InputObject(input) = kind.node.kind else { continue };
        let fields = input.fields.iter().map(|field| {
            let kind = field.node.ty.node.to_string();
            (field.node.name.node.to_string(), kind.trim_matches(['!', '[', ']']).to_owned())
        });
        inputs.insert(kind.node.name.node.to_string(), fields.collect::<Vec<_>>());
    }
    // The menu is public.
    let public = ["pizza", "ingredient", "withdrawn", "withdrawnExtras"];
    // The receiving pizzeria needs no permission.
    let receiver = [("transferStock", "toPizzeriaId")];
    // Numbers of lines within the order that `orderId` names.
    let within = [("changeOrderLines", "remove")];
    let mut missing = Vec::new();
    for (root, object) in objects().into_iter().filter(|(name, _)| ROOTS.contains(&name.as_str())) {
        for (field, id) in ids_of(&object, &inputs) {
            let of_field = format!("{root}.{field}");
            let given = format!("{id}: \"$");
            let tried = SAMPLES.iter().any(|one| one.field == of_field && one.document.contains(&given));
            let open = public.contains(&id.as_str())
                || receiver.iter().chain(&within).any(|known| *known == (field.as_str(), id.as_str()));
            if !tried && !open {
                missing.push(format!("{of_field} by {id}"));
            }
        }
    }
    // Filters are tried on `events` and behave the same elsewhere.
    missing.retain(|one| {
        !["streamId", "actorId"].iter().any(|id| one == &format!("Subscription.eventAppended by {id}"))
    });
    assert_eq!(missing, Vec::<String>::new(), "add samples that give these ids");
}
