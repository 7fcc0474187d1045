//! What a request may be at most, checked before anything is executed: its size, how deep it nests,
//! and how many fields it asks for once its fragments are expanded. Counts; executes nothing.

mod text;
mod variables;

use std::collections::{HashMap, HashSet};

use async_graphql::parser::types::{
    Directive, ExecutableDocument, Field, OperationType, Selection, SelectionSet,
};
use async_graphql::{Name, Positioned};

pub use text::check_text;
pub use variables::{TooManyVariables, check_variables};

/// The largest body of a request and message of a WebSocket, in bytes.
pub const BODY: usize = 64 * 1024;
/// How deep selections may nest, fragments expanded and counted.
const NESTING: usize = 64;
/// How deep fields may nest, fragments expanded; the deepest of the standard introspection is 15.
const DEPTH: usize = 15;
/// How many fields and fragments an operation may have, fragments expanded.
const FIELDS: u64 = 10_000;
/// How many fields and fragments all operations of a document may have together: validation reads each of them.
const FIELDS_TOGETHER: u64 = 20_000;
/// How many aliases an operation may have, fragments expanded. What is selected again under the same key counts as one.
const ALIASES: u64 = 200;
/// How often one field may be selected in one selection, under aliases or again under the same key.
const ALIASES_OF_A_FIELD: usize = 30;
/// How many directives one place in a document may have.
const DIRECTIVES_AT_A_PLACE: usize = 5;
/// How many directives a document may have.
const DIRECTIVES: usize = 200;
/// How many variables an operation may define.
const VARIABLES: usize = 100;
/// How many fields a mutation may have, fragments expanded: each is a transaction of its own.
const MUTATIONS: u64 = 10;
/// How many operations a document may hold.
const OPERATIONS: usize = 50;
/// How many fragments a document may hold.
const FRAGMENTS: usize = 200;
/// The lists of types of types: each multiplies the answer by as many as the schema has.
const TYPE_LISTS: [&str; 5] = ["fields", "interfaces", "possibleTypes", "inputFields", "enumValues"];
/// How many of them may lie on one path of introspection: the standard query needs one.
const TYPE_LISTS_ON_A_PATH: usize = 1;
/// How many fields an operation may ask the schema about itself, fragments expanded: the standard
/// query needs about 240. Each may be answered once a field of every type, and aliases count.
const INTROSPECTION: u64 = 400;

/// Why a document is not executed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TooMuch {
    /// Brackets in brackets in brackets.
    #[error("the document's brackets nest deeper than {}", text::BRACKETS)]
    Brackets,
    /// A long document.
    #[error("a document has at most {} tokens", text::TOKENS)]
    Tokens,
    /// A long name.
    #[error("a name has at most {} characters", text::NAME)]
    Name,
    /// Selections in selections.
    #[error("the selections nest deeper than {NESTING}")]
    Nesting,
    /// Fields in fields.
    #[error("the fields nest deeper than {DEPTH}")]
    Depth,
    /// Fragments that expand to too many fields.
    #[error("an operation asks for at most {FIELDS} fields")]
    Fields,
    /// Operations with many fields beside each other.
    #[error("the operations of a document ask for at most {FIELDS_TOGETHER} fields together")]
    FieldsTogether,
    /// A fragment that contains itself.
    #[error("a fragment contains itself")]
    Cycle,
    /// Operations beside operations.
    #[error("a document holds at most {OPERATIONS} operations")]
    Operations,
    /// Fragments beside fragments.
    #[error("a document holds at most {FRAGMENTS} fragments")]
    Fragments,
    /// The same again under other names.
    #[error("an operation has at most {ALIASES} aliases and repeated fields")]
    Aliases,
    /// One field under many names.
    #[error(
        "a field is selected at most {ALIASES_OF_A_FIELD} times in one selection, by aliases or repeated"
    )]
    AliasesOfAField,
    /// Directives on directives.
    #[error("one place in a document has at most {DIRECTIVES_AT_A_PLACE} directives")]
    DirectivesAtAPlace,
    /// Directives everywhere.
    #[error("a document has at most {DIRECTIVES} directives")]
    Directives,
    /// Variables beside variables.
    #[error("an operation defines at most {VARIABLES} variables")]
    Variables,
    /// Changes beside changes.
    #[error("a mutation has at most {MUTATIONS} fields")]
    Mutations,
    /// Types of types of types.
    #[error("the introspection asks for lists of types within each other")]
    IntrospectionNesting,
    /// An answer about the schema that is many times the schema.
    #[error("the introspection asks for more than {INTROSPECTION} fields")]
    Introspection,
}

/// What a selection comes to, fragments expanded.
#[derive(Debug, Clone, Copy, Default)]
struct Weight {
    fields: u64,
    /// Fields and fragments within each other.
    nesting: usize,
    /// Fields within each other.
    depth: usize,
    aliases: u64,
    /// The fields of the selection itself.
    width: u64,
    /// The most [`TYPE_LISTS`] on one path, if this is a part of an introspection.
    type_lists: usize,
    /// The fields below `__schema` and `__type`.
    introspection: u64,
}

impl Weight {
    /// A field over its selection.
    fn under(self, field: &Field, is_alias: bool) -> Result<Self, TooMuch> {
        let name = field.name.node.as_str();
        let introspects = ["__schema", "__type"].contains(&name);
        if introspects && self.type_lists > TYPE_LISTS_ON_A_PATH {
            return Err(TooMuch::IntrospectionNesting);
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

    /// A fragment over its selection. It counts as a field: whoever reads the document expanded comes by
    /// it each time, even when nothing is in it. Spread again, its fields are repeated.
    fn spread(self, is_again: bool) -> Self {
        Self {
            fields: self.fields.saturating_add(1),
            nesting: self.nesting + 1,
            aliases: self.aliases.saturating_add(if is_again { self.width } else { 0 }),
            ..self
        }
    }

    /// One selection beside another.
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

    /// Refuses what is too much wherever it stands.
    fn check(self) -> Result<Self, TooMuch> {
        if self.introspection > INTROSPECTION {
            Err(TooMuch::Introspection)
        } else if self.fields > FIELDS {
            Err(TooMuch::Fields)
        } else if self.aliases > ALIASES {
            Err(TooMuch::Aliases)
        } else if self.depth > DEPTH {
            Err(TooMuch::Depth)
        } else {
            Ok(self)
        }
    }
}

/// What one selection has so far, with the inline fragments in it.
#[derive(Default)]
struct Selected<'a> {
    keys: HashSet<&'a Name>,
    fragments: HashSet<&'a Name>,
    /// How often each field is selected under an alias or again.
    aliases: HashMap<&'a Name, usize>,
}

impl<'a> Selected<'a> {
    /// Adds a field; whether it counts as an alias.
    fn field(&mut self, field: &'a Field) -> Result<bool, TooMuch> {
        let is_again = !self.keys.insert(&field.response_key().node);
        if field.alias.is_none() && !is_again {
            return Ok(false);
        }
        let aliases = self.aliases.entry(&field.name.node).or_default();
        *aliases += 1;
        if *aliases > ALIASES_OF_A_FIELD { Err(TooMuch::AliasesOfAField) } else { Ok(true) }
    }
}

/// What is known of a document so far.
struct Weighing<'a> {
    document: &'a ExecutableDocument,
    /// Each fragment is weighed once, however often it is spread; `None` while it is being weighed.
    fragments: HashMap<&'a Name, Option<Weight>>,
    directives: usize,
}

/// Refuses a document of which any operation asks for too much. Each fragment is weighed once,
/// however many operations spread it.
///
/// # Errors
/// [`TooMuch`].
pub fn check_document(document: &ExecutableDocument) -> Result<(), TooMuch> {
    if document.operations.iter().len() > OPERATIONS {
        return Err(TooMuch::Operations);
    }
    if document.fragments.len() > FRAGMENTS {
        return Err(TooMuch::Fragments);
    }
    let mut together = 0_u64;
    let mut weighing = Weighing { document, fragments: HashMap::new(), directives: 0 };
    for (_, operation) in document.operations.iter() {
        let operation = &operation.node;
        if operation.variable_definitions.len() > VARIABLES {
            return Err(TooMuch::Variables);
        }
        weighing.directives(&operation.directives)?;
        for definition in &operation.variable_definitions {
            weighing.directives(&definition.node.directives)?;
        }
        let weight = weighing.selections(&operation.selection_set.node, 0, &mut Selected::default())?;
        together = together.saturating_add(weight.fields);
        if together > FIELDS_TOGETHER {
            return Err(TooMuch::FieldsTogether);
        }
        if operation.ty == OperationType::Mutation && weight.width > MUTATIONS {
            return Err(TooMuch::Mutations);
        }
    }
    // Fragments that no operation spreads are read by validation all the same.
    for name in document.fragments.keys() {
        weighing.fragment(name, 0)?;
    }
    Ok(())
}

/// How many fields an operation has at its root, fragments expanded. The document must have passed
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
    fn directives(&mut self, directives: &[Positioned<Directive>]) -> Result<(), TooMuch> {
        self.directives += directives.len();
        if directives.len() > DIRECTIVES_AT_A_PLACE {
            return Err(TooMuch::DirectivesAtAPlace);
        }
        if self.directives > DIRECTIVES {
            return Err(TooMuch::Directives);
        }
        Ok(())
    }

    /// Weighs a selection that stands so deep.
    fn selections(
        &mut self,
        selections: &'a SelectionSet,
        depth: usize,
        selected: &mut Selected<'a>,
    ) -> Result<Weight, TooMuch> {
        if depth > NESTING {
            return Err(TooMuch::Nesting);
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
            if depth + sum.nesting > NESTING {
                return Err(TooMuch::Nesting);
            }
        }
        Ok(sum)
    }

    fn fragment(&mut self, name: &'a Name, depth: usize) -> Result<Weight, TooMuch> {
        match self.fragments.get(name) {
            Some(Some(weight)) => return Ok(*weight),
            Some(None) => return Err(TooMuch::Cycle),
            None => {}
        }
        // A fragment that does not exist is for validation to refuse.
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
