//! The cost of an operation, by the schema's text and the coerced variables. Each selected field costs 1, merged or not;
//! the fields below it are multiplied by the number of items: a page by its size.

use std::collections::HashMap;
use std::sync::Arc;

use async_graphql::parser::types::{
    BaseType, ExecutableDocument, Field, FieldDefinition, OperationDefinition, OperationType, Selection,
    SelectionSet, Type, TypeKind, TypeSystemDefinition,
};
use async_graphql::{Name, Value, Variables};

/// Upper bound on the cost of an operation.
pub const MAX_COST: u64 = 30_000;
/// Upper bound on the items of a page.
const MAX_PAGE_ITEMS: u64 = 100;

/// Assumed sizes of lists without pages. Lists that are stored with their object (an order's lines and payments) count
/// once.
const SIZES: [(&str, &str, u64); 7] = [
    ("Query", "pizzerias", 20),
    ("Query", "sales", 31),
    ("Query", "closings", 31),
    ("Menu", "pizzas", 30),
    ("Stock", "levels", 50),
    ("StockUpdate", "changes", 50),
    ("KitchenQueueUpdate", "queue", 100),
];

/// Additional costs of fields that read the log or aggregate a period.
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

/// Additional costs of fields with `asOf`, because their result is replayed from the log.
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

/// Lists that scan rows if their filter sets one of some fields, and the upper bound on scanned rows. A range of positions
/// may reduce it.
const SCANS: [(&str, &str, &[&str], u64); 1] = [(
    "Query",
    "events",
    &["streamTypes", "types", "pizzeriaId", "actorId", "command", "correlationId"],
    event_store::log::MAX_SCANNED_EVENTS.unsigned_abs(),
)];
/// Number of scanned rows that cost as much as one field.
const ROWS_PER_FIELD: u64 = 5;

/// The cost of an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cost {
    /// Requested cost.
    pub requested: u64,
}

impl Cost {
    /// Returns `extensions.cost` of a response.
    pub fn to_value(self) -> Value {
        async_graphql::value!({ "requested": self.requested, "limit": MAX_COST })
    }
}

/// Number of items of a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Size {
    /// A fixed number.
    Fixed(u64),
    /// `first` or `last`; without them, this default.
    Page(u64),
}

#[derive(Debug)]
struct FieldCost {
    ty: Name,
    size: Size,
    weight: u64,
    /// Additional cost of `asOf`.
    past: u64,
    /// Filter fields that need a scan, and the upper bound on scanned rows.
    scan: Option<(&'static [&'static str], u64)>,
}

/// Costs of the schema's fields. Clones share them.
#[derive(Debug, Clone)]
pub struct Costs(Arc<HashMap<Name, HashMap<Name, FieldCost>>>);

impl Costs {
    /// Computes the costs of a schema's fields from its text.
    ///
    /// # Errors
    /// If the text is not a schema.
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

    /// Returns the cost of an operation with coerced variables. The document must have passed
    /// [`check_document`](document::limits::check_document), which rejects recursive fragments.
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

    /// Returns the fields of a type.
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
        // Without a default in the schema, the longest page.
        Some(argument) => {
            let default = argument.node.default_value.as_ref().and_then(|value| number(&value.node));
            Size::Page(default.unwrap_or(MAX_PAGE_ITEMS))
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
        // Execution rejects numbers below 1.
        Value::Number(number) => Some(number.as_u64().unwrap_or(1).clamp(1, MAX_PAGE_ITEMS)),
        _ => None,
    }
}

struct Counting<'a> {
    costs: &'a Costs,
    document: &'a ExecutableDocument,
    variables: &'a Variables,
    /// Cost of each fragment, computed once.
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
        // Validation rejects unknown fields; introspection has limits of its own.
        let Some(cost) = costs.field(ty, &field.name.node) else {
            return 1_u64.saturating_add(self.selections("", &field.selection_set.node));
        };
        let times = match cost.size {
            Size::Fixed(times) => times,
            Size::Page(default) => self.page(field).unwrap_or(default),
        };
        let below = self.selections(&cost.ty, &field.selection_set.node);
        let past = if self.has_as_of(field) { cost.past } else { 0 };
        let scan =
            cost.scan.map_or(0, |(fields, rows)| self.rows_of(field, fields).min(rows) / ROWS_PER_FIELD);
        let own = cost.weight.saturating_add(past).saturating_add(scan).saturating_add(1);
        below.saturating_mul(times).saturating_add(own)
    }

    /// Returns the number of rows that a filter scans: 0 unless it sets one of `fields`, else the distance of its
    /// positions, or `u64::MAX` without both.
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

    /// Returns whether a field has `asOf` with a value other than null.
    fn has_as_of(&self, field: &Field) -> bool {
        let given = field.get_argument("asOf").map(|value| value.node.clone());
        let given = given.and_then(|value| value.into_const_with(|name| self.variable(&name).ok_or(())).ok());
        given.is_some_and(|value| value != Value::Null)
    }

    /// Returns the page size that a field requests.
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
mod tests;
