//! The subscription root: a merge of one small struct an entity.

/// Everything that can be followed.
pub type Subscription = async_graphql::EmptySubscription;
