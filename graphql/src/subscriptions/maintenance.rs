//! Subscription to maintenance. It is not part of the log: there is nothing to resume, and the first item is
//! always the present state.

use async_graphql::{Context, SimpleObject, Subscription};
use domain::LogPosition;
use futures_util::{Stream, stream};

use super::follow::{Item, start};
use crate::context::ApiContext;
use crate::error::ApiError;
use crate::field_access::open;
use crate::progress::Progress;
use crate::scalars;
use crate::types::maintenance::Maintenance;

/// The start, change or end of a maintenance.
#[derive(Debug, Clone, SimpleObject)]
#[graphql(directive = open::apply())]
pub struct MaintenanceUpdate {
    /// The log position at that time.
    pub position: scalars::Position,
    /// The maintenance in progress; `null` when there is no maintenance.
    pub maintenance: Option<Maintenance>,
}

impl Item for MaintenanceUpdate {
    fn resume_after(&self) -> LogPosition {
        self.position.0
    }
}

/// Subscriptions to maintenance.
#[derive(Debug, Default)]
pub struct MaintenanceSubscription;

/// Subscriptions to maintenance.
#[Subscription]
impl MaintenanceSubscription {
    /// The current maintenance, now and whenever it changes. Open to every caller.
    #[graphql(directive = open::apply())]
    async fn maintenance_changed(
        &self,
        ctx: &Context<'_>,
        #[graphql(
            desc = "The position of the last item received; the first item is the present state in any case."
        )]
        after: Option<scalars::Position>,
    ) -> Result<impl Stream<Item = Result<MaintenanceUpdate, ApiError>> + use<>, ApiError> {
        let services = ctx.services()?;
        start(services, after).await?;
        let (mut window, head) = (services.maintenance.watch(), services.follower.head());
        window.mark_changed();
        let progress = Progress::of(ctx);
        // Shows no events of the log, so that a client cannot miss any.
        progress.shows_nothing_of(head.clone());
        let state = (window, head, progress);
        Ok(stream::unfold(state, |(mut window, head, progress)| async move {
            progress.pass(*head.borrow());
            window.changed().await.ok()?;
            let position = *head.borrow();
            let maintenance = window.borrow_and_update().clone().map(Maintenance::from);
            progress.show(position);
            let update = MaintenanceUpdate { position: scalars::Position(position), maintenance };
            Some((Ok(update), (window, head, progress)))
        }))
    }
}
