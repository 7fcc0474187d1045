//! The example operations of `crates/http/operations`: one file an area, at least one operation for every field of the
//! roots, each with variables that fit. GraphiQL shows them; tests hold them against the schema. Executes nothing.

use rust_embed::RustEmbed;
use serde::Serialize;
use serde_json::value::RawValue;

#[derive(RustEmbed)]
#[folder = "operations"]
struct Files;

/// What one file holds.
#[derive(Debug, Serialize)]
pub struct Area {
    /// The file's name, `orders`.
    pub area: String,
    /// Its text: operations and their fragments.
    pub document: String,
    /// Variables by the operation's name: a JSON object.
    pub variables: Box<RawValue>,
}

fn text(path: &str) -> Option<String> {
    String::from_utf8(Files::get(path)?.data.into_owned()).ok()
}

/// Every area, by name.
pub fn examples() -> Vec<Area> {
    let mut areas: Vec<Area> = Files::iter()
        .filter_map(|path| {
            let area = path.strip_suffix(".graphql")?.to_owned();
            let variables = text(&format!("{area}.variables.json")).unwrap_or_else(|| "{}".to_owned());
            let variables = RawValue::from_string(variables).ok()?;
            Some(Area { document: text(&path)?, area, variables })
        })
        .collect();
    areas.sort_by(|a, b| a.area.cmp(&b.area));
    areas
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use async_graphql::parser::types::{
        ExecutableDocument, OperationDefinition, OperationType, Selection, TypeKind, TypeSystemDefinition,
    };
    use async_graphql::parser::{parse_query, parse_schema};
    use async_graphql::{Name, Request, Variables};
    use futures_util::StreamExt;

    use super::*;
    use document::limits;
    use document::{Validator, execution};

    fn parsed(area: &Area) -> ExecutableDocument {
        parse_query(&area.document).unwrap_or_else(|error| panic!("{}: {error}", area.area))
    }

    fn variables(area: &Area) -> BTreeMap<String, serde_json::Value> {
        serde_json::from_str(area.variables.get()).unwrap()
    }

    /// The fields of the roots that an operation asks for, as `mutation placeOrder`.
    fn root_fields(operation: &OperationDefinition) -> Vec<String> {
        let fields = operation.selection_set.node.items.iter().map(|selection| match &selection.node {
            Selection::Field(field) => format!("{} {}", operation.ty, field.node.name.node),
            _ => panic!("an example names its root field itself"),
        });
        fields.collect()
    }

    #[test]
    fn every_file_is_read() {
        let files = std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/operations")).unwrap();
        let documents =
            files.filter(|file| file.as_ref().unwrap().file_name().to_string_lossy().ends_with(".graphql"));
        assert_eq!(examples().len(), documents.count());
    }

    #[test]
    fn every_field_of_the_roots_has_an_example() {
        let shown: BTreeSet<String> = examples()
            .iter()
            .flat_map(|area| {
                let document = parsed(area);
                document.operations.iter().flat_map(|(_, one)| root_fields(&one.node)).collect::<Vec<_>>()
            })
            .collect();
        let mut bare = Vec::new();
        for definition in parse_schema(graphql::schema::sdl()).unwrap().definitions {
            let TypeSystemDefinition::Type(definition) = definition else { continue };
            let TypeKind::Object(object) = &definition.node.kind else { continue };
            let operation = definition.node.name.node.to_lowercase();
            if ["query", "mutation", "subscription"].contains(&operation.as_str()) {
                let fields =
                    object.fields.iter().map(|field| format!("{operation} {}", field.node.name.node));
                bare.extend(fields.filter(|field| !shown.contains(field)));
            }
        }
        assert_eq!(bare, Vec::<String>::new(), "fields without an example in crates/http/operations");
    }

    #[test]
    fn operations_and_fragments_have_names_of_their_own() {
        let mut names = BTreeSet::new();
        for area in examples() {
            let document = parsed(&area);
            let operations = document.operations.iter().map(|(name, _)| name.expect("a name").to_string());
            let operations: Vec<String> = operations.collect();
            for name in variables(&area).keys() {
                assert!(operations.contains(name), "{}: no operation {name} for the variables", area.area);
            }
            for name in operations.into_iter().chain(document.fragments.keys().map(ToString::to_string)) {
                assert!(names.insert(name.clone()), "{}: {name} is there twice", area.area);
            }
        }
    }

    #[tokio::test]
    async fn every_example_is_valid_and_within_the_limits() {
        let schema = graphql::schema::bare();
        let validator = Validator::new(&graphql::schema::sdl(), graphql::scalars::check).unwrap();
        for area in examples() {
            assert!(area.document.len() < limits::BODY / 2, "{}", area.area);
            let (variables, document) = (variables(&area), validator.document(&area.document).unwrap());
            assert_eq!(document.complaints, [], "{}", area.area);
            for (name, operation) in document.executable.operations.iter() {
                let named = name.map(Name::as_str);
                let given = Variables::from_json(variables.get(named.unwrap()).cloned().unwrap_or_default());
                let given = document.coerce(&validator, named, &operation.node, given).unwrap();
                let (schema_of, executable) = (validator.schema(), &document.executable);
                let executed = execution::executed(schema_of, executable, name, operation, &given).unwrap();
                let mut request = Request::new(&area.document)
                    .operation_name(named.unwrap())
                    .variables(given)
                    .data(graphql::schema::Executed::default());
                request.set_parsed_query(executed);
                let response = match operation.node.ty {
                    OperationType::Subscription => schema.execute_stream(request).next().await.unwrap(),
                    OperationType::Query | OperationType::Mutation => schema.execute(request).await,
                };
                // There is nobody to answer, but it is asked.
                for error in response.errors {
                    assert_eq!(error.message, "internal error", "{named:?} of {}", area.area);
                }
            }
        }
    }
}
