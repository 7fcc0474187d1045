//! Every field of the schema declares its access.

use async_graphql::registry::MetaDirectiveInvocation;
use async_graphql::{Object, OutputType, SubscriptionType};

use super::*;
use crate::field_access::open;
use crate::mutations::Mutation;
use crate::queries::Query;
use crate::subscriptions::Subscription;

fn registry() -> Registry {
    let mut registry = Registry::default();
    <Query as OutputType>::create_type_info(&mut registry);
    <Mutation as OutputType>::create_type_info(&mut registry);
    <Subscription as SubscriptionType>::create_type_info(&mut registry);
    registry
}

#[test]
fn every_field_declares_its_access() {
    let registry = registry();
    let rules = rules_of(&registry);
    assert!(["Query", "Mutation", "Subscription", "Order"].iter().all(|name| rules.contains_key(*name)));
    let mut undeclared = Vec::new();
    for (name, fields) in rules {
        for (field, rule) in fields.into_iter().filter(|(field, _)| !field.starts_with("__")) {
            match rule {
                Some(Access::Open) => {}
                Some(Access::Requires { is_hidden, .. }) => {
                    let meta = registry.types[&name].field_by_name(&field).unwrap();
                    assert!(!is_hidden || !meta.ty.ends_with('!'), "{name}.{field} cannot be null");
                }
                None => undeclared.push(format!("{name}.{field}")),
            }
        }
    }
    assert_eq!(undeclared, Vec::<String>::new(), "declare each by a directive of field_access.rs");
}

#[test]
fn no_root_is_open_as_a_whole() {
    let registry = registry();
    for root in ["Query", "Mutation", "Subscription"] {
        let MetaType::Object { directive_invocations, .. } = &registry.types[root] else { panic!("{root}") };
        assert_eq!(Access::declared(directive_invocations), None, "{root}");
    }
}

struct Undeclared;

#[Object(name = "Query")]
impl Undeclared {
    async fn secrets(&self) -> bool {
        true
    }

    #[graphql(directive = open::apply())]
    async fn menu(&self) -> bool {
        true
    }
}

#[test]
fn refuses_undeclared_fields() {
    let mut registry = Registry::default();
    <Undeclared as OutputType>::create_type_info(&mut registry);
    let rules = rules_of(&registry);
    assert_eq!(rules["Query"]["secrets"], None);
    assert_eq!(rules["Query"]["menu"], Some(Access::Open));
    let unknown = MetaDirectiveInvocation { name: "requires".to_owned(), args: Default::default() };
    assert_eq!(Access::declared(&[unknown]), None, "a permission that is not known is refused");
}
