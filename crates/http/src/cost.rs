//! What an operation costs, by the schema's text and its coerced variables. Each selection counts, merged or not. Each field
//! counts one, and what is below it as many times as it may come: a page as often as it is long.

use std::collections::HashMap;
use std::sync::Arc;

use async_graphql::parser::types::{
    BaseType, ExecutableDocument, Field, FieldDefinition, OperationDefinition, OperationType, Selection,
    SelectionSet, Type, TypeKind, TypeSystemDefinition,
};
use async_graphql::{Name, Value, Variables};

/// How much an operation may cost.
pub const COST: u64 = 30_000;
/// The longest page of a connection.
const PAGE: u64 = 100;

/// Lists that are no pages, and how long they are taken to be. Those that come in one piece with what
/// they belong to (an order's lines, its payments) count once.
const SIZES: [(&str, &str, u64); 7] = [
    ("Query", "pizzerias", 20),
    ("Query", "sales", 31),
    ("Query", "closings", 31),
    ("Menu", "pizzas", 30),
    ("Stock", "levels", 50),
    ("StockUpdate", "changes", 50),
    ("KitchenQueueUpdate", "queue", 100),
];

/// Fields that cost more than others, because they read the log or sum up a period, and by how much.
const WEIGHTS: [(&str, &str, u64); 10] = [
    ("Query", "events", 10),
    ("Query", "sales", 100),
    ("Query", "whyUnavailable", 2_000),
    ("Order", "history", 10),
    ("Delivery", "history", 10),
    ("Stock", "history", 10),
    ("Event", "cause", 2),
    ("Event", "changes", 5),
    ("Log", "inclusionProof", 20),
    ("Log", "consistencyProof", 20),
];

/// What `asOf` adds to a field, because its answer is replayed from the log.
const PAST: [(&str, &str, u64); 8] = [
    ("Query", "order", 20),
    ("Query", "delivery", 20),
    ("Query", "menu", 100),
    ("Query", "stock", 100),
    ("Query", "orders", 2_000),
    ("Query", "deliveries", 2_000),
    ("Query", "kitchenQueue", 2_000),
    ("Query", "sales", 5_000),
];

/// Lists that look through their rows one by one where their filter has one of some fields, and how many rows they look
/// through at most. A part that the filter names by positions may be shorter.
const SCANS: [(&str, &str, &[&str], u64); 1] = [(
    "Query",
    "events",
    &["streamTypes", "types", "pizzeriaId", "actorId", "command", "correlationId"],
    event_store::log::MAX_SCANNED_EVENTS.unsigned_abs(),
)];
/// How many rows that are looked through cost as much as one field.
const ROWS_OF_A_FIELD: u64 = 5;

/// What an operation costs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cost {
    /// What it costs.
    pub requested: u64,
}

impl Cost {
    /// As it stands in `extensions.cost` of an answer.
    pub fn to_value(self) -> Value {
        async_graphql::value!({ "requested": self.requested, "limit": COST })
    }
}

/// How often what is below a field comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Size {
    /// So often.
    Fixed(u64),
    /// As `first` or `last` says; by the schema's own default when neither is given.
    Page(u64),
}

#[derive(Debug)]
struct FieldCost {
    ty: Name,
    size: Size,
    weight: u64,
    /// What `asOf` adds.
    past: u64,
    /// By which fields of its filter rows are looked through, and how many at most.
    scan: Option<(&'static [&'static str], u64)>,
}

/// What the fields of the schema cost. Clones share it.
#[derive(Debug, Clone)]
pub struct Costs(Arc<HashMap<Name, HashMap<Name, FieldCost>>>);

impl Costs {
    /// Those of a schema, by its text.
    ///
    /// # Errors
    /// When it is none.
    pub fn of(schema: &str) -> Result<Self, async_graphql::parser::Error> {
        let mut types = HashMap::new();
        for definition in async_graphql::parser::parse_schema(schema)?.definitions {
            let TypeSystemDefinition::Type(ty) = definition else { continue };
            let fields = match ty.node.kind {
                TypeKind::Object(object) => object.fields,
                TypeKind::Interface(interface) => interface.fields,
                TypeKind::Scalar | TypeKind::Union(_) | TypeKind::Enum(_) | TypeKind::InputObject(_) => {
                    continue;
                }
            };
            let name = ty.node.name.node;
            let costs =
                fields.into_iter().map(|field| (field.node.name.node.clone(), cost_of(&name, &field.node)));
            let costs = costs.collect();
            types.insert(name, costs);
        }
        Ok(Self(Arc::new(types)))
    }

    /// What one operation of a document costs, over its coerced variables. The document must have passed
    /// [`super::check_document`], which sees to it that this ends.
    pub fn cost(
        &self,
        document: &ExecutableDocument,
        operation: &OperationDefinition,
        variables: &Variables,
    ) -> Cost {
        let fragments = HashMap::new();
        let mut counting = Counting { costs: self, document, variables, fragments };
        let root = match operation.ty {
            OperationType::Query => "Query",
            OperationType::Mutation => "Mutation",
            OperationType::Subscription => "Subscription",
        };
        Cost { requested: counting.selections(root, &operation.selection_set.node) }
    }

    /// The fields of a type.
    pub fn fields_of(&self, ty: &str) -> impl Iterator<Item = &Name> {
        self.0.get(ty).into_iter().flat_map(HashMap::keys)
    }

    fn field(&self, ty: &str, field: &str) -> Option<&FieldCost> {
        self.0.get(ty)?.get(field)
    }
}

fn cost_of(ty: &str, field: &FieldDefinition) -> FieldCost {
    let named = |table: &[(&str, &str, u64)]| {
        let row = table.iter().find(|(of, name, _)| *of == ty && *name == field.name.node.as_str());
        row.map(|(_, _, value)| *value)
    };
    let page = |name: &str| field.arguments.iter().find(|argument| argument.node.name.node == name);
    let size = match page("first").or(page("last")) {
        // The longest, where the schema leaves it to us.
        Some(argument) => {
            let default = argument.node.default_value.as_ref().and_then(|value| number(&value.node));
            Size::Page(default.unwrap_or(PAGE))
        }
        None => Size::Fixed(named(&SIZES).unwrap_or(1)),
    };
    FieldCost {
        ty: name_of(&field.ty.node),
        size,
        weight: named(&WEIGHTS).unwrap_or(0),
        past: named(&PAST).unwrap_or(0),
        scan: SCANS
            .iter()
            .find(|(of, name, ..)| *of == ty && *name == field.name.node.as_str())
            .map(|(_, _, fields, rows)| (*fields, *rows)),
    }
}

fn name_of(ty: &Type) -> Name {
    match &ty.base {
        BaseType::Named(name) => name.clone(),
        BaseType::List(inner) => name_of(inner),
    }
}

fn number(value: &Value) -> Option<u64> {
    match value {
        // Less than one is refused where it is executed.
        Value::Number(number) => Some(number.as_u64().unwrap_or(1).clamp(1, PAGE)),
        _ => None,
    }
}

struct Counting<'a> {
    costs: &'a Costs,
    document: &'a ExecutableDocument,
    variables: &'a Variables,
    /// Each fragment is counted once, however often it is spread.
    fragments: HashMap<&'a Name, u64>,
}

impl<'a> Counting<'a> {
    fn selections(&mut self, ty: &str, selections: &'a SelectionSet) -> u64 {
        let costs = selections.items.iter().map(|selection| match &selection.node {
            Selection::Field(field) => self.field(ty, &field.node),
            Selection::InlineFragment(fragment) => {
                let on = fragment.node.type_condition.as_ref().map_or(ty, |on| on.node.on.node.as_str());
                self.selections(on, &fragment.node.selection_set.node)
            }
            Selection::FragmentSpread(spread) => self.fragment(&spread.node.fragment_name.node),
        });
        costs.fold(0, u64::saturating_add)
    }

    fn fragment(&mut self, name: &'a Name) -> u64 {
        if let Some(cost) = self.fragments.get(name) {
            return *cost;
        }
        let Some(fragment) = self.document.fragments.get(name) else { return 0 };
        let on = fragment.node.type_condition.node.on.node.as_str();
        let cost = self.selections(on, &fragment.node.selection_set.node);
        self.fragments.insert(name, cost);
        cost
    }

    fn field(&mut self, ty: &str, field: &'a Field) -> u64 {
        let costs = self.costs;
        // What the schema does not have is for validation to refuse; introspection has limits of its own.
        let Some(cost) = costs.field(ty, &field.name.node) else {
            return 1_u64.saturating_add(self.selections("", &field.selection_set.node));
        };
        let times = match cost.size {
            Size::Fixed(times) => times,
            Size::Page(default) => self.page(field).unwrap_or(default),
        };
        let below = self.selections(&cost.ty, &field.selection_set.node);
        let past = if self.is_of_the_past(field) { cost.past } else { 0 };
        let scan =
            cost.scan.map_or(0, |(fields, rows)| self.rows_of(field, fields).min(rows) / ROWS_OF_A_FIELD);
        let own = cost.weight.saturating_add(past).saturating_add(scan).saturating_add(1);
        below.saturating_mul(times).saturating_add(own)
    }

    /// How many rows a filter has looked through: none, unless it has one of some fields; as many as there are between
    /// its positions, or without bounds.
    fn rows_of(&self, field: &Field, fields: &[&str]) -> u64 {
        let given = field.get_argument("filter").map(|value| value.node.clone());
        let given = given.and_then(|value| value.into_const_with(|name| self.variable(&name).ok_or(())).ok());
        let Some(Value::Object(filter)) = given else { return 0 };
        let is_given = |name: &&str| {
            let empty = [Value::Null, Value::List(Vec::new())];
            filter.get(*name).is_some_and(|value| !empty.contains(value))
        };
        if !fields.iter().any(is_given) {
            return 0;
        }
        let position = |name: &str| match filter.get(name) {
            Some(Value::String(text)) => text.parse::<u64>().ok(),
            Some(_) | None => None,
        };
        match (position("afterPosition"), position("beforePosition")) {
            (Some(after), Some(before)) => before.saturating_sub(after),
            (Some(_) | None, Some(_) | None) => u64::MAX,
        }
    }

    /// Whether a field says `asOf`, and not as a variable that is null or not given.
    fn is_of_the_past(&self, field: &Field) -> bool {
        let given = field.get_argument("asOf").map(|value| value.node.clone());
        let given = given.and_then(|value| value.into_const_with(|name| self.variable(&name).ok_or(())).ok());
        given.is_some_and(|value| value != Value::Null)
    }

    /// The page that a field asks for.
    fn page(&self, field: &Field) -> Option<u64> {
        let given = |name: &str| {
            let value = field.get_argument(name)?.node.clone();
            number(&value.into_const_with(|name| self.variable(&name).ok_or(())).ok()?)
        };
        given("first").into_iter().chain(given("last")).max()
    }

    fn variable(&self, name: &Name) -> Option<Value> {
        self.variables.get(name).cloned()
    }
}

#[cfg(test)]
mod fuzz;

#[cfg(test)]
mod tests {
    use async_graphql::parser::parse_query;
    use serde_json::json;

    use super::*;
    use document::Validator;
    use document::completion::find_operation;

    fn costs() -> Costs {
        Costs::of(&graphql::schema::sdl()).unwrap()
    }

    fn cost(query: &str, variables: serde_json::Value) -> u64 {
        let validator = Validator::new(&graphql::schema::sdl(), graphql::scalars::check).unwrap();
        let document = validator.document(query).unwrap();
        assert_eq!(document.complaints, [], "{query}");
        let (name, operation) = find_operation(&document.executable, None).unwrap();
        let given = Variables::from_json(variables);
        let variables = document.coerce(&validator, name.map(Name::as_str), &operation.node, given).unwrap();
        costs().cost(&document.executable, &operation.node, &variables).requested
    }

    #[test]
    fn a_page_counts_as_often_as_it_is_long() {
        let none = || json!({});
        assert_eq!(cost("{ me { id email } }", none()), 3);
        assert_eq!(cost("{ orders(first: 10) { nodes { id number } } }", none()), 1 + 10 * 3);
        assert_eq!(cost("{ orders(last: 10) { nodes { id number } } }", none()), 1 + 10 * 3);
        assert_eq!(cost("{ orders { nodes { id } } }", none()), 1 + 100 * 2);
        assert_eq!(cost("{ orders(first: 2000000000) { nodes { id } } }", none()), 1 + 100 * 2);
        assert_eq!(cost("{ orders(first: -5) { nodes { id } } }", none()), 1 + 2);
        assert_eq!(cost("{ kitchenQueue(pizzeriaId: \"P1\") { id } }", none()), 1 + 100);
        let variable = "query($n: Int! = 7) { orders(first: $n) { nodes { id } } }";
        assert_eq!(cost(variable, none()), 1 + 7 * 2);
        assert_eq!(cost(variable, json!({ "n": 50 })), 1 + 50 * 2);
    }

    #[test]
    fn the_past_costs_more() {
        let stock = |argument: &str| {
            let declared = if argument.contains('$') { "query($at: AsOf)" } else { "" };
            format!("{declared} {{ stock(pizzeriaId: \"P1\"{argument}) {{ version }} }}")
        };
        assert_eq!(cost(&stock(""), json!({})), 2);
        assert_eq!(cost(&stock(", asOf: { position: \"7\" }"), json!({})), 102);
        assert_eq!(cost(&stock(", asOf: $at"), json!({ "at": { "position": "7" } })), 102);
        assert_eq!(cost(&stock(", asOf: $at"), json!({ "at": null })), 2);
        assert_eq!(cost(&stock(", asOf: $at"), json!({})), 2);
    }

    #[test]
    fn events_that_are_looked_through_cost_by_their_number() {
        let events =
            |filter: &str| cost(&format!("{{ events(first: 1{filter}) {{ nodes {{ id }} }} }}"), json!({}));
        let plain = events("");
        assert_eq!(events(", filter: { streamId: \"stock:P1\" }"), plain);
        assert_eq!(events(", filter: { correlationId: null, types: [] }"), plain);
        assert_eq!(events(", filter: { correlationId: \"x\" }"), plain + 2_000);
        let part = ", filter: { command: \"x\", afterPosition: \"100\", beforePosition: \"600\" }";
        assert_eq!(events(part), plain + 100);
        let far = ", filter: { types: [\"x\"], afterPosition: \"0\", beforePosition: \"900000\" }";
        assert_eq!(events(far), plain + 2_000);
        let variable = "query($f: EventFilter) { events(first: 1, filter: $f) { nodes { id } } }";
        assert_eq!(cost(variable, json!({ "f": { "actorId": "x" } })), plain + 2_000);
    }

    #[test]
    fn fragments_count_where_they_are_spread() {
        let query =
            "{ orders(first: 10) { nodes { ...F } } deliveries(first: 5) { nodes { order { ...F } } } }
                     fragment F on Order { id history(first: 2) { nodes { position } } }";
        let fragment = 1 + (1 + 10 + 2 * 2);
        assert_eq!(cost(query, json!({})), (1 + 10 * (1 + fragment)) + (1 + 5 * (2 + fragment)));
        assert_eq!(cost("{ node(id: \"x\") { ... on Order { id } ... on Delivery { id } } }", json!({})), 3);
    }

    #[test]
    fn what_doubles_and_doubles_is_counted_without_end() {
        let mut bomb = String::from("{ ...F0 }");
        for level in 0..200 {
            bomb += &format!(" fragment F{level} on Query {{ ...F{0} ...F{0} }}", level + 1);
        }
        let document = parse_query(bomb + " fragment F200 on Query { me { id } }").unwrap();
        let (_, operation) = find_operation(&document, None).unwrap();
        let cost = costs().cost(&document, &operation.node, &Variables::default());
        assert_eq!(cost.requested, u64::MAX);
    }

    #[test]
    fn what_the_tables_name_is_in_the_schema() {
        let costs = costs();
        for (ty, field, _) in SIZES.iter().chain(&WEIGHTS).chain(&PAST) {
            assert!(costs.field(ty, field).is_some(), "{ty}.{field}");
        }
    }

    #[test]
    fn every_list_at_the_root_has_a_size() {
        let schema = async_graphql::parser::parse_schema(graphql::schema::sdl()).unwrap();
        let costs = costs();
        for definition in schema.definitions {
            let TypeSystemDefinition::Type(ty) = definition else { continue };
            let TypeKind::Object(object) = ty.node.kind else { continue };
            let root = ["Query", "Mutation", "Subscription"].contains(&ty.node.name.node.as_str());
            for field in object.fields.iter().filter(|_| root) {
                let cost = costs.field(&ty.node.name.node, &field.node.name.node).unwrap();
                let is_list =
                    matches!(field.node.ty.node.base, BaseType::List(_)) || cost.ty.ends_with("Connection");
                assert!(
                    !is_list || cost.size != Size::Fixed(1),
                    "{}: say how long it is",
                    field.node.name.node
                );
            }
        }
    }

    #[test]
    fn a_page_of_a_hundred_whole_orders_is_not_too_much_and_nested_pages_are() {
        let order = "id number version status statusLabel channel fulfilment \
            lines { item name size quantity extras without unitPrice { amount } total { amount } baked } \
            subtotal { amount currency } deliveryFee { amount currency } vat { rate net { amount } tax { amount } \
            gross { amount } } total { amount currency } payment paid { amount } due { amount } \
            payments { kind method amount { amount } at } promisedAt promises { promisedAt givenAt } late placedAt \
            contact { name phone email address { street postcode city } } note pizzeria { code name } \
            delivery { id status courier { id name } } allowedActions { action enabled code reason }";
        let page = |history: u32| {
            format!(
                "{{ orders(first: 100) {{ nodes {{ {order} history(first: {history}) {{ nodes {{ position recordedAt \
                 type payload actor {{ id role }} command }} pageInfo {{ hasNextPage endCursor }} }} }} \
                 pageInfo {{ hasNextPage endCursor }} }} }}"
            )
        };
        assert!(cost(&page(10), json!({})) <= COST);
        assert!(cost(&page(100), json!({})) > COST);
    }
}
