//! The mutation root: a merge of one small struct an entity.

/// Everything that can be changed.
pub type Mutation = async_graphql::EmptyMutation;
