//! Limits of a request, checked before execution: its size, its nesting, and its number of fields with fragments
//! expanded.

mod text;
mod variables;

use std::collections::{HashMap, HashSet};

use async_graphql::parser::types::{
    Directive, ExecutableDocument, Field, OperationType, Selection, SelectionSet,
};
use async_graphql::{Name, Positioned};

pub use text::check_text;
pub use variables::{VariableLimitExceeded, check_variables};

/// Upper bound on a request body and on a WebSocket message, in bytes.
pub const MAX_BODY_BYTES: usize = 64 * 1024;
/// Upper bound on nested selections, with fragments expanded and counted.
const MAX_NESTING: usize = 64;
/// Upper bound on nested fields, with fragments expanded; the standard introspection query has 15.
const MAX_DEPTH: usize = 15;
/// Upper bound on fields and fragments of an operation, with fragments expanded.
const MAX_FIELDS: u64 = 10_000;
/// Upper bound on fields and fragments of all operations of a document, because validation reads all of them.
const MAX_DOCUMENT_FIELDS: u64 = 20_000;
/// Upper bound on aliases of an operation, with fragments expanded. A repeated field counts as an alias.
const MAX_ALIASES: u64 = 200;
/// Upper bound on aliases and repetitions of one field in one selection.
const MAX_FIELD_ALIASES: usize = 30;
/// Upper bound on directives at one place in a document.
const MAX_PLACE_DIRECTIVES: usize = 5;
/// Upper bound on directives in a document.
const MAX_DIRECTIVES: usize = 200;
/// Upper bound on variables of an operation.
const MAX_VARIABLES: usize = 100;
/// Upper bound on root fields of a mutation, with fragments expanded: each is a separate transaction.
const MAX_MUTATION_FIELDS: u64 = 10;
/// Upper bound on operations in a document.
const MAX_OPERATIONS: usize = 50;
/// Upper bound on fragments in a document.
const MAX_FRAGMENTS: usize = 200;
/// Introspection fields that are lists of types, fields or values: each multiplies the size of the result.
const TYPE_LISTS: [&str; 5] = ["fields", "interfaces", "possibleTypes", "inputFields", "enumValues"];
/// Upper bound on [`TYPE_LISTS`] on one path of introspection: the standard query needs one.
const MAX_PATH_TYPE_LISTS: usize = 1;
/// Upper bound on introspection fields of an operation, with fragments expanded: the standard query needs about 240.
/// Each may be resolved once per field of every type, and aliases count.
const MAX_INTROSPECTION_FIELDS: u64 = 400;

/// The limit that a document exceeds.
#[allow(missing_docs)] // the messages describe the variants
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum LimitExceeded {
    #[error("the document's brackets nest deeper than {}", text::MAX_BRACKETS)]
    Brackets,
    #[error("a document has at most {} tokens", text::MAX_TOKENS)]
    Tokens,
    #[error("a name has at most {} characters", text::MAX_NAME_BYTES)]
    Name,
    #[error("the selections nest deeper than {MAX_NESTING}")]
    Nesting,
    #[error("the fields nest deeper than {MAX_DEPTH}")]
    Depth,
    #[error("an operation asks for at most {MAX_FIELDS} fields")]
    Fields,
    #[error("the operations of a document ask for at most {MAX_DOCUMENT_FIELDS} fields together")]
    DocumentFields,
    #[error("a fragment contains itself")]
    Cycle,
    #[error("a document holds at most {MAX_OPERATIONS} operations")]
    Operations,
    #[error("a document holds at most {MAX_FRAGMENTS} fragments")]
    Fragments,
    #[error("an operation has at most {MAX_ALIASES} aliases and repeated fields")]
    Aliases,
    #[error("a field is selected at most {MAX_FIELD_ALIASES} times in one selection, by aliases or repeated")]
    FieldAliases,
    #[error("one place in a document has at most {MAX_PLACE_DIRECTIVES} directives")]
    PlaceDirectives,
    #[error("a document has at most {MAX_DIRECTIVES} directives")]
    Directives,
    #[error("an operation defines at most {MAX_VARIABLES} variables")]
    Variables,
    #[error("a mutation has at most {MAX_MUTATION_FIELDS} fields")]
    Mutations,
    #[error("the introspection asks for lists of types within each other")]
    IntrospectionNesting,
    #[error("the introspection asks for more than {MAX_INTROSPECTION_FIELDS} fields")]
    Introspection,
}

/// Size of a selection, with fragments expanded.
#[derive(Debug, Clone, Copy, Default)]
struct Weight {
    fields: u64,
    /// Depth in fields and fragments.
    nesting: usize,
    /// Depth in fields.
    depth: usize,
    aliases: u64,
    /// Fields of the selection itself.
    width: u64,
    /// Most [`TYPE_LISTS`] on one path, if this is part of an introspection.
    type_lists: usize,
    /// Fields below `__schema` and `__type`.
    introspection: u64,
}

impl Weight {
    /// Returns the weight of a field, from that of its selection.
    fn under(self, field: &Field, is_alias: bool) -> Result<Self, LimitExceeded> {
        let name = field.name.node.as_str();
        let introspects = ["__schema", "__type"].contains(&name);
        if introspects && self.type_lists > MAX_PATH_TYPE_LISTS {
            return Err(LimitExceeded::IntrospectionNesting);
        }
        Ok(Self {
            fields: self.fields.saturating_add(1),
            nesting: self.nesting + 1,
            depth: self.depth + 1,
            aliases: self.aliases.saturating_add(u64::from(is_alias)),
            width: 1,
            type_lists: self.type_lists + usize::from(TYPE_LISTS.contains(&name)),
            introspection: if introspects { self.fields } else { self.introspection },
        })
    }

    /// Returns the weight of a fragment, from that of its selection. A fragment counts as a field, because a reader of
    /// the expanded document visits it each time, even if it is empty. Spread again, its fields are repeated.
    fn spread(self, is_again: bool) -> Self {
        Self {
            fields: self.fields.saturating_add(1),
            nesting: self.nesting + 1,
            aliases: self.aliases.saturating_add(if is_again { self.width } else { 0 }),
            ..self
        }
    }

    /// Adds the weight of a sibling selection.
    fn beside(self, other: Self) -> Self {
        Self {
            fields: self.fields.saturating_add(other.fields),
            nesting: self.nesting.max(other.nesting),
            depth: self.depth.max(other.depth),
            aliases: self.aliases.saturating_add(other.aliases),
            width: self.width.saturating_add(other.width),
            type_lists: self.type_lists.max(other.type_lists),
            introspection: self.introspection.saturating_add(other.introspection),
        }
    }

    /// Rejects a weight that exceeds a limit at any place.
    fn check(self) -> Result<Self, LimitExceeded> {
        if self.introspection > MAX_INTROSPECTION_FIELDS {
            Err(LimitExceeded::Introspection)
        } else if self.fields > MAX_FIELDS {
            Err(LimitExceeded::Fields)
        } else if self.aliases > MAX_ALIASES {
            Err(LimitExceeded::Aliases)
        } else if self.depth > MAX_DEPTH {
            Err(LimitExceeded::Depth)
        } else {
            Ok(self)
        }
    }
}

/// Keys and fragments of one selection so far, including its inline fragments.
#[derive(Default)]
struct Selected<'a> {
    keys: HashSet<&'a Name>,
    fragments: HashSet<&'a Name>,
    /// Aliases and repetitions of each field.
    aliases: HashMap<&'a Name, usize>,
}

impl<'a> Selected<'a> {
    /// Adds a field; returns whether it counts as an alias.
    fn field(&mut self, field: &'a Field) -> Result<bool, LimitExceeded> {
        let is_again = !self.keys.insert(&field.response_key().node);
        if field.alias.is_none() && !is_again {
            return Ok(false);
        }
        let aliases = self.aliases.entry(&field.name.node).or_default();
        *aliases += 1;
        if *aliases > MAX_FIELD_ALIASES { Err(LimitExceeded::FieldAliases) } else { Ok(true) }
    }
}

/// State of the check of a document.
struct Weighing<'a> {
    document: &'a ExecutableDocument,
    /// Weight of each fragment, computed once; `None` while it is being computed.
    fragments: HashMap<&'a Name, Option<Weight>>,
    directives: usize,
}

/// Rejects a document with an operation that exceeds a limit. Each fragment is weighed once, regardless of how many
/// operations spread it.
///
/// # Errors
/// [`LimitExceeded`].
pub fn check_document(document: &ExecutableDocument) -> Result<(), LimitExceeded> {
    if document.operations.iter().len() > MAX_OPERATIONS {
        return Err(LimitExceeded::Operations);
    }
    if document.fragments.len() > MAX_FRAGMENTS {
        return Err(LimitExceeded::Fragments);
    }
    let mut all_fields = 0_u64;
    let mut weighing = Weighing { document, fragments: HashMap::new(), directives: 0 };
    for (_, operation) in document.operations.iter() {
        let operation = &operation.node;
        if operation.variable_definitions.len() > MAX_VARIABLES {
            return Err(LimitExceeded::Variables);
        }
        weighing.directives(&operation.directives)?;
        for definition in &operation.variable_definitions {
            weighing.directives(&definition.node.directives)?;
        }
        let weight = weighing.selections(&operation.selection_set.node, 0, &mut Selected::default())?;
        all_fields = all_fields.saturating_add(weight.fields);
        if all_fields > MAX_DOCUMENT_FIELDS {
            return Err(LimitExceeded::DocumentFields);
        }
        if operation.ty == OperationType::Mutation && weight.width > MAX_MUTATION_FIELDS {
            return Err(LimitExceeded::Mutations);
        }
    }
    // Validation also reads fragments that no operation spreads.
    for name in document.fragments.keys() {
        weighing.fragment(name, 0)?;
    }
    Ok(())
}

/// Returns the number of root fields of an operation, with fragments expanded. The document must have passed
/// [`check_document`].
pub fn root_fields(document: &ExecutableDocument, selections: &SelectionSet) -> usize {
    let fields = selections.items.iter().map(|selection| match &selection.node {
        Selection::Field(_) => 1,
        Selection::InlineFragment(fragment) => root_fields(document, &fragment.node.selection_set.node),
        Selection::FragmentSpread(spread) => {
            let fragment = document.fragments.get(&spread.node.fragment_name.node);
            fragment.map_or(0, |fragment| root_fields(document, &fragment.node.selection_set.node))
        }
    });
    fields.sum()
}

impl<'a> Weighing<'a> {
    fn directives(&mut self, directives: &[Positioned<Directive>]) -> Result<(), LimitExceeded> {
        self.directives += directives.len();
        if directives.len() > MAX_PLACE_DIRECTIVES {
            return Err(LimitExceeded::PlaceDirectives);
        }
        if self.directives > MAX_DIRECTIVES {
            return Err(LimitExceeded::Directives);
        }
        Ok(())
    }

    /// Returns the weight of a selection at a depth.
    fn selections(
        &mut self,
        selections: &'a SelectionSet,
        depth: usize,
        selected: &mut Selected<'a>,
    ) -> Result<Weight, LimitExceeded> {
        if depth > MAX_NESTING {
            return Err(LimitExceeded::Nesting);
        }
        let mut sum = Weight::default();
        for selection in &selections.items {
            let part = match &selection.node {
                Selection::Field(field) => {
                    let field = &field.node;
                    self.directives(&field.directives)?;
                    let is_alias = selected.field(field)?;
                    let mut below = Selected::default();
                    self.selections(&field.selection_set.node, depth + 1, &mut below)?
                        .under(field, is_alias)?
                }
                Selection::InlineFragment(fragment) => {
                    self.directives(&fragment.node.directives)?;
                    self.selections(&fragment.node.selection_set.node, depth + 1, selected)?.spread(false)
                }
                Selection::FragmentSpread(spread) => {
                    self.directives(&spread.node.directives)?;
                    let name = &spread.node.fragment_name.node;
                    let is_again = !selected.fragments.insert(name);
                    self.fragment(name, depth + 1)?.spread(is_again)
                }
            };
            sum = sum.beside(part).check()?;
            if depth + sum.nesting > MAX_NESTING {
                return Err(LimitExceeded::Nesting);
            }
        }
        Ok(sum)
    }

    fn fragment(&mut self, name: &'a Name, depth: usize) -> Result<Weight, LimitExceeded> {
        match self.fragments.get(name) {
            Some(Some(weight)) => return Ok(*weight),
            Some(None) => return Err(LimitExceeded::Cycle),
            None => {}
        }
        // Validation rejects unknown fragments.
        let Some(fragment) = self.document.fragments.get(name) else { return Ok(Weight::default()) };
        self.fragments.insert(name, None);
        self.directives(&fragment.node.directives)?;
        let weight = self.selections(&fragment.node.selection_set.node, depth, &mut Selected::default())?;
        self.fragments.insert(name, Some(weight));
        Ok(weight)
    }
}

#[cfg(test)]
mod tests;
