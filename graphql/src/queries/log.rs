//! The log: how far it has come, and its events.

use async_graphql::{Context, Object, SimpleObject};
use domain::access::{Permission, Scope};

use crate::context::ApiContext;
use crate::error::ApiError;
use crate::scalars::LogPosition;

/// Queries over the log.
#[derive(Debug, Default)]
pub struct LogQuery;

/// The log of events.
#[derive(Debug, SimpleObject)]
pub struct Log {
    /// The position of the last event; 0 while there is none.
    pub position: LogPosition,
}

#[Object]
impl LogQuery {
    /// The log of events: how far it has come.
    async fn log(&self, ctx: &Context<'_>) -> Result<Log, ApiError> {
        ctx.caller()?.authorize(Permission::ReadLog, Scope::Group)?;
        let position = event_store::log::head(&ctx.services()?.pool).await?;
        Ok(Log { position: LogPosition(position) })
    }
}
