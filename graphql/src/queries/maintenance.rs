//! Whether the application is under maintenance.

use async_graphql::{Context, Object};

use crate::context::ApiContext;
use crate::error::ApiError;
use crate::types::maintenance::Maintenance;

/// Queries about maintenance.
#[derive(Debug, Default)]
pub struct MaintenanceQuery;

#[Object]
impl MaintenanceQuery {
    /// The maintenance that is under way; none most of the time. For anybody, no account needed.
    async fn maintenance(&self, ctx: &Context<'_>) -> Result<Option<Maintenance>, ApiError> {
        Ok(ctx.services()?.maintenance.window().map(Maintenance::from))
    }
}
