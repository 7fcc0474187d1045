//! Every field of the schema declares its access.

use std::collections::BTreeSet;

use async_graphql::parser::parse_schema;
use async_graphql::parser::types::{BaseType, TypeKind, TypeSystemDefinition};

use super::*;
use crate::schema::sdl;

/// Parses every field of every object type from the schema's text: type, field, nullability and the roles of
/// its `@requires`.
fn fields() -> Vec<(String, String, bool, Option<String>)> {
    let mut all = Vec::new();
    for definition in parse_schema(sdl()).unwrap().definitions {
        let TypeSystemDefinition::Type(kind) = definition else { continue };
        let TypeKind::Object(object) = kind.node.kind else { continue };
        for field in object.fields {
            let field = field.node;
            let requires = field.directives.iter().find(|directive| directive.node.name.node == "requires");
            let roles = requires.map(|requires| requires.node.arguments[0].1.node.to_string());
            let name = kind.node.name.node.to_string();
            all.push((name, field.name.node.to_string(), field.ty.node.nullable, roles));
            assert!(matches!(field.ty.node.base, BaseType::Named(_) | BaseType::List(_)));
        }
    }
    all
}

fn directives(roles: Option<&String>) -> Vec<MetaDirectiveInvocation> {
    let roles = roles.map(|text| {
        let names = text.trim_matches(['[', ']']).split(", ").map(async_graphql::Name::new);
        let args = [("roles".to_owned(), Value::List(names.map(Value::Enum).collect()))];
        MetaDirectiveInvocation { name: "requires".to_owned(), args: args.into_iter().collect() }
    });
    roles.into_iter().collect()
}

#[test]
fn every_field_declares_its_access() {
    let unsaid: Vec<_> = fields()
        .into_iter()
        .filter(|(name, field, _, roles)| rule_of(name, field, &directives(roles.as_ref())).is_none())
        .map(|(name, field, ..)| format!("{name}.{field}"))
        .collect();
    assert_eq!(unsaid, Vec::<String>::new(), "give each a @requires, or declare it open in access.rs");
}

#[test]
fn declarations_name_existing_fields_once() {
    let fields = fields();
    let types: BTreeSet<&str> = fields.iter().map(|(name, ..)| name.as_str()).chain(["Node"]).collect();
    let gone: Vec<_> = OPEN.iter().filter(|name| !types.contains(*name)).collect();
    assert_eq!(gone, Vec::<&&str>::new());
    for (name, field) in [PUBLIC, PARTLY_OPEN]
        .into_iter()
        .flatten()
        .flat_map(|(name, fields)| fields.iter().map(move |field| (*name, *field)))
    {
        let found = fields.iter().find(|(of, named, ..)| of == name && named == field);
        let (.., requires) = found.unwrap_or_else(|| panic!("{name}.{field} is not there"));
        assert_eq!(*requires, None, "{name}.{field} is open and guarded");
        assert!(!OPEN.contains(&name) && !is_envelope(name), "{name} is open in whole and in part");
    }
    for (name, field) in HIDDEN {
        let found = fields.iter().find(|(of, named, ..)| of == name && named == field);
        let (_, _, nullable, roles) = found.unwrap_or_else(|| panic!("{name}.{field} is not there"));
        assert!(*nullable && roles.is_some(), "{name}.{field} cannot be hidden");
    }
    for root in ["Query", "Mutation", "Subscription"] {
        assert!(!OPEN.contains(&root) && !PARTLY_OPEN.iter().any(|(name, _)| *name == root), "{root}");
    }
}

#[test]
fn refuses_undeclared_fields() {
    assert_eq!(rule_of("Query", "secrets", &[]), None);
    assert_eq!(rule_of("Order", "secrets", &[]), None);
    assert_eq!(rule_of("Secrets", "id", &[]), None);
    let nobody = directives(Some(&"[]".to_owned()));
    assert_eq!(
        rule_of("Query", "menu", &nobody),
        Some(Rule::Roles { roles: Vec::new(), hidden: false }),
        "a role that is not known is nobody's"
    );
}
