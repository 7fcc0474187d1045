//! The query for the current maintenance.

use async_graphql::{Context, Object};

use crate::context::ApiContext;
use crate::error::ApiError;
use crate::field_access::open;
use crate::types::maintenance::Maintenance;

/// Queries for maintenance.
#[derive(Debug, Default)]
pub struct MaintenanceQuery;

#[Object]
impl MaintenanceQuery {
    /// The maintenance in progress; `null` otherwise. Open to every caller.
    #[graphql(directive = open::apply())]
    async fn maintenance(&self, ctx: &Context<'_>) -> Result<Option<Maintenance>, ApiError> {
        Ok(ctx.services()?.maintenance.window().map(Maintenance::from))
    }
}
