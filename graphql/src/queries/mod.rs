//! The query root: a merge of one small struct an entity.

pub mod log;

use async_graphql::MergedObject;

/// Everything that can be read.
#[derive(Debug, Default, MergedObject)]
pub struct Query(log::LogQuery);
