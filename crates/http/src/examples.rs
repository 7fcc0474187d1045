//! The example operations of `crates/http/operations`: one file per area, at least one operation for every root field,
//! each with valid variables. GraphiQL shows them; tests check them against the schema.

use rust_embed::RustEmbed;
use serde::Serialize;
use serde_json::value::RawValue;

#[derive(RustEmbed)]
#[folder = "operations"]
struct Files;

/// The operations of one file.
#[derive(Debug, Serialize)]
pub struct Area {
    /// Name of the file, like `orders`.
    pub area: String,
    /// Text of the file: operations and their fragments.
    pub document: String,
    /// A JSON object of variables by operation name.
    pub variables: Box<RawValue>,
}

fn text(path: &str) -> Option<String> {
    String::from_utf8(Files::get(path)?.data.into_owned()).ok()
}

/// Returns all areas, ordered by name.
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

    /// Returns the root fields of an operation, like `mutation placeOrder`.
    fn root_fields(operation: &OperationDefinition) -> Vec<String> {
        let fields = operation.selection_set.node.items.iter().map(|selection| match &selection.node {
            Selection::Field(field) => format!("{} {}", operation.ty, field.node.name.node),
            _ => panic!("an example selects its root field without a fragment"),
        });
        fields.collect()
    }

    #[test]
    fn reads_every_file() {
        let files = std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/operations")).unwrap();
        let documents =
            files.filter(|file| file.as_ref().unwrap().file_name().to_string_lossy().ends_with(".graphql"));
        assert_eq!(examples().len(), documents.count());
    }

    #[test]
    fn every_root_field_has_an_example() {
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
    fn names_are_unique() {
        let mut names = BTreeSet::new();
        for area in examples() {
            let document = parsed(&area);
            let operations = document.operations.iter().map(|(name, _)| name.expect("a name").to_string());
            let operations: Vec<String> = operations.collect();
            for name in variables(&area).keys() {
                assert!(operations.contains(name), "{}: no operation {name} for the variables", area.area);
            }
            for name in operations.into_iter().chain(document.fragments.keys().map(ToString::to_string)) {
                assert!(names.insert(name.clone()), "{}: {name} is repeated", area.area);
            }
        }
    }

    #[tokio::test]
    async fn every_example_is_valid_and_within_the_limits() {
        let schema = graphql::schema::bare();
        let validator = Validator::new(&graphql::schema::sdl(), graphql::scalars::check).unwrap();
        for area in examples() {
            assert!(area.document.len() < limits::MAX_BODY_BYTES / 2, "{}", area.area);
            let (variables, document) = (variables(&area), validator.document(&area.document).unwrap());
            assert_eq!(document.violations, [], "{}", area.area);
            for (name, operation) in document.executable.operations.iter() {
                let named = name.map(Name::as_str);
                let given = Variables::from_json(variables.get(named.unwrap()).cloned().unwrap_or_default());
                let given = document.coerce(&validator, named, &operation.node, given).unwrap();
                let (schema_of, executable) = (validator.schema(), &document.executable);
                let executed = execution::plan(schema_of, executable, name, operation, &given).unwrap();
                let mut request = Request::new(&area.document)
                    .operation_name(named.unwrap())
                    .variables(given)
                    .data(graphql::schema::Executed::default());
                request.set_parsed_query(executed);
                let response = match operation.node.ty {
                    OperationType::Subscription => schema.execute_stream(request).next().await.unwrap(),
                    OperationType::Query | OperationType::Mutation => schema.execute(request).await,
                };
                // Resolvers fail without services, after validation.
                for error in response.errors {
                    assert_eq!(error.message, "internal error", "{named:?} of {}", area.area);
                }
            }
        }
    }
}
