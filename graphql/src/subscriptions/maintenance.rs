//! Whether the application is under maintenance, as it changes. It stands in no log: there is nothing to
//! resume, and the first item is the present state, always.

use async_graphql::{Context, SimpleObject, Subscription};
use domain::LogPosition;
use futures_util::{Stream, stream};

use super::follow::{Item, start};
use super::progress::Progress;
use crate::context::ApiContext;
use crate::error::ApiError;
use crate::scalars;
use crate::types::maintenance::Maintenance;

/// That a maintenance begins, changes or ends.
#[derive(Debug, Clone, SimpleObject)]
pub struct MaintenanceUpdate {
    /// The log's position at that time, as every update has one.
    pub position: scalars::Position,
    /// The maintenance that is under way; none when there is none.
    pub maintenance: Option<Maintenance>,
}

impl Item for MaintenanceUpdate {
    fn resume_after(&self) -> LogPosition {
        self.position.0
    }
}

/// Maintenance.
#[derive(Debug, Default)]
pub struct MaintenanceSubscription;

/// Maintenance.
#[Subscription]
impl MaintenanceSubscription {
    /// Whether there is a maintenance, now and whenever that changes. For anybody, no account needed.
    async fn maintenance_changed(
        &self,
        ctx: &Context<'_>,
        #[graphql(
            desc = "The position of the last item that was seen. The first item is the present state \
                          all the same."
        )]
        after: Option<scalars::Position>,
    ) -> Result<impl Stream<Item = Result<MaintenanceUpdate, ApiError>> + use<>, ApiError> {
        let services = ctx.services()?;
        start(services, after).await?;
        let (mut window, head) = (services.maintenance.watch(), services.follower.head());
        window.mark_changed();
        let progress = Progress::of(ctx);
        // Nothing of the log is shown here: whatever has happened there, nothing was missed.
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
