//! Costs of operations against the schema, and the tables against its fields.

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
    assert_eq!(document.violations, [], "{query}");
    let (name, operation) = find_operation(&document.executable, None).unwrap();
    let given = Variables::from_json(variables);
    let variables = document.coerce(&validator, name.map(Name::as_str), &operation.node, given).unwrap();
    costs().cost(&document.executable, &operation.node, &variables).requested
}

#[test]
fn multiplies_by_the_page_size() {
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
fn adds_the_cost_of_as_of() {
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
fn adds_the_cost_of_scanned_events() {
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
fn counts_fragments_where_they_are_spread() {
    let query = "{ orders(first: 10) { nodes { ...F } } deliveries(first: 5) { nodes { order { ...F } } } }
                 fragment F on Order { id history(first: 2) { nodes { position } } }";
    let fragment = 1 + (1 + 10 + 2 * 2);
    assert_eq!(cost(query, json!({})), (1 + 10 * (1 + fragment)) + (1 + 5 * (2 + fragment)));
    assert_eq!(cost("{ node(id: \"x\") { ... on Order { id } ... on Delivery { id } } }", json!({})), 3);
}

#[test]
fn saturates_for_doubling_fragments() {
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
fn the_tables_name_fields_of_the_schema() {
    let costs = costs();
    for (ty, field, _) in SIZES.iter().chain(&WEIGHTS).chain(&PAST) {
        assert!(costs.field(ty, field).is_some(), "{ty}.{field}");
    }
}

#[test]
fn every_root_list_has_a_size() {
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
                "{}: add its size to SIZES",
                field.node.name.node
            );
        }
    }
}

#[test]
fn accepts_a_page_of_whole_orders_and_rejects_nested_pages() {
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
    assert!(cost(&page(10), json!({})) <= MAX_COST);
    assert!(cost(&page(100), json!({})) > MAX_COST);
}
