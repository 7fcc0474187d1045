//! What accounts may, brought in line with the log: the role and pizzeria of a member of staff, and whether
//! an account is in use. A mutation does it at once for the event that it has stored; a reactor follows the
//! log and does it again, so that a crash between the two is mended. Each change counts once, by its position.

use std::sync::Arc;

use domain::access::Role;
use domain::customer::CustomerEvent;
use domain::ids::PizzeriaId;
use domain::staff::StaffEvent;
use domain::{Event, LogPosition, StreamType};
use event_store::{LogError, RecordedEvent};
use sqlx::{PgConnection, PgExecutor, PgPool};
use uuid::Uuid;

use crate::batches::Batches;
use crate::checkpoint::{self, Checkpoint};
use crate::leadership::Leadership;
use crate::progress::Progress;
use crate::runner::{Backoff, Chain};

/// The name of its checkpoint and lock.
pub(crate) const NAME: &str = "reactor:account_access";

/// The channel that a change of an account's sessions or rights is announced on; the payload is the
/// account's id.
pub const SESSIONS_CHANGED: &str = "sessions_changed";

/// Announces that an account's sessions or rights have changed, for those who hold a connection for it.
///
/// # Errors
/// When the database does not answer.
pub async fn announce(db: impl PgExecutor<'_>, account: Uuid) -> Result<(), sqlx::Error> {
    let told = sqlx::query("SELECT pg_notify($1, $2::text)");
    told.bind(SESSIONS_CHANGED).bind(account).execute(db).await?;
    Ok(())
}

/// Takes an account into use, or out of it; whether that was news.
async fn set_active(
    db: &mut PgConnection,
    account: Uuid,
    active: bool,
    position: LogPosition,
) -> Result<bool, sqlx::Error> {
    let changed = sqlx::query(
        "UPDATE accounts SET active = $2, access_position = $3 \
         WHERE id = $1 AND COALESCE(access_position, 0) < $3",
    );
    let changed = changed.bind(account).bind(active).bind(position.0).execute(db).await?;
    Ok(changed.rows_affected() > 0)
}

/// Notes where a member of staff works from an event on; noted before, it stays so.
async fn posted(
    db: &mut PgConnection,
    staff: Uuid,
    pizzeria: Option<&PizzeriaId>,
    position: LogPosition,
) -> Result<(), sqlx::Error> {
    sqlx::query("INSERT INTO staff_postings (staff_id, position, pizzeria) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING")
        .bind(staff.to_string())
        .bind(position.0)
        .bind(pizzeria.map(PizzeriaId::as_str))
        .execute(db)
        .await?;
    Ok(())
}

/// Notes every posting that the log has up to a position and the table has not: of a restore, of events that are older
/// than the table, and of processes of an older release.
///
/// # Errors
/// When the database does not answer.
pub async fn fill_postings(pool: &PgPool, to: LogPosition) -> Result<(), sqlx::Error> {
    sqlx::query(
        "INSERT INTO staff_postings (staff_id, position, pizzeria) \
         SELECT aggregate_id, position, payload->>'pizzeria' FROM events \
         WHERE aggregate_type = 'staff' AND event_type = 'StaffHired' AND position <= $1 ON CONFLICT DO NOTHING",
    )
    .bind(to.0)
    .execute(pool)
    .await?;
    Ok(())
}

/// Somebody was hired, or has another role; whether that was news.
///
/// # Errors
/// When the database does not answer.
pub async fn hired(
    db: &mut PgConnection,
    account: Uuid,
    role: Role,
    pizzeria: Option<&PizzeriaId>,
    position: LogPosition,
) -> Result<bool, sqlx::Error> {
    posted(&mut *db, account, pizzeria, position).await?;
    let changed = sqlx::query(
        "UPDATE accounts SET role = $2, pizzeria = $3, active = true, access_position = $4 \
         WHERE id = $1 AND COALESCE(access_position, 0) < $4",
    )
    .bind(account)
    .bind(role.as_str())
    .bind(pizzeria.map(PizzeriaId::as_str))
    .bind(position.0)
    .execute(&mut *db)
    .await?;
    let news = changed.rows_affected() > 0;
    if news {
        announce(&mut *db, account).await?;
    }
    Ok(news)
}

/// Somebody left: their sessions end, and what was sent to them by mail opens nothing any more.
///
/// # Errors
/// When the database does not answer.
pub async fn revoked(
    db: &mut PgConnection,
    account: Uuid,
    position: LogPosition,
) -> Result<bool, sqlx::Error> {
    let news = set_active(db, account, false, position).await?;
    if news {
        sqlx::query("DELETE FROM sessions WHERE account_id = $1").bind(account).execute(&mut *db).await?;
        sqlx::query("DELETE FROM account_tokens WHERE account_id = $1")
            .bind(account)
            .execute(&mut *db)
            .await?;
        announce(&mut *db, account).await?;
    }
    Ok(news)
}

/// A customer signed up: the account is in use.
///
/// # Errors
/// When the database does not answer.
pub async fn registered(
    db: &mut PgConnection,
    account: Uuid,
    position: LogPosition,
) -> Result<bool, sqlx::Error> {
    set_active(db, account, true, position).await
}

/// Does what an event says about the account of its stream, unless it was done.
async fn apply(db: &mut PgConnection, recorded: &RecordedEvent) -> Result<(), sqlx::Error> {
    let account = || recorded.stream.id.parse::<Uuid>().ok();
    let position = recorded.position;
    match &recorded.event {
        Event::Staff(StaffEvent::StaffHired { staff, role, pizzeria, .. }) => {
            hired(db, staff.0, *role, pizzeria.as_ref(), position).await?;
        }
        Event::Staff(StaffEvent::StaffRevoked { .. }) => {
            if let Some(account) = account() {
                revoked(db, account, position).await?;
            }
        }
        Event::Customer(CustomerEvent::CustomerRegistered { customer, .. }) => {
            registered(db, customer.0, position).await?;
        }
        Event::Staff(
            StaffEvent::DeliveryTaken { .. }
            | StaffEvent::DeliveryPutDown { .. }
            | StaffEvent::StaffAccountUpdated { .. }
            | StaffEvent::StaffEmailVerified { .. }
            | StaffEvent::StaffPasswordChanged { .. },
        )
        | Event::Customer(
            CustomerEvent::CustomerEmailVerified { .. }
            | CustomerEvent::CustomerAccountUpdated { .. }
            | CustomerEvent::CustomerPasswordChanged { .. }
            | CustomerEvent::CustomerErased { .. },
        )
        | Event::Order(_)
        | Event::Stock(_)
        | Event::Delivery(_)
        | Event::Pizzeria(_)
        | Event::Menu(_)
        | Event::Closing(_) => {}
    }
    Ok(())
}

/// What keeps it from going on.
#[derive(Debug, thiserror::Error)]
enum AccessError {
    #[error("the database failed")]
    Database(#[from] sqlx::Error),
    #[error(transparent)]
    Log(#[from] LogError),
}

/// Follows the log for as long as this process is the one to do so.
pub(crate) struct Access {
    pub(crate) pool: PgPool,
    pub(crate) batches: Arc<Batches>,
}

impl Access {
    /// Runs for ever.
    pub(crate) async fn run(self, leadership: Leadership, progress: Arc<Progress>) {
        let mut backoff = Backoff::default();
        loop {
            leadership.gained(NAME).await;
            let mut at = match checkpoint::load(&self.pool, NAME).await {
                Ok(at) => at,
                Err(error) => {
                    tracing::warn!(reactor = NAME, %error, "a checkpoint cannot be read");
                    backoff.pause().await;
                    continue;
                }
            };
            if let Err(error) = fill_postings(&self.pool, LogPosition(at.position)).await {
                tracing::warn!(reactor = NAME, %error, "postings cannot be filled");
                backoff.pause().await;
                continue;
            }
            while leadership.holds(NAME) {
                let before = at.position;
                match self.step(&mut at).await {
                    Ok(()) if at.position == before => progress.head_beyond(before).await,
                    Ok(()) => {
                        backoff.reset();
                        progress.reached(NAME, at.position);
                    }
                    Err(error) => {
                        self.report(&error).await;
                        backoff.pause().await;
                    }
                }
            }
        }
    }

    /// One batch: its changes and the checkpoint in one transaction, up to the first event of a person that
    /// this program cannot read.
    async fn step(&self, at: &mut Checkpoint) -> Result<(), AccessError> {
        let batch = self.batches.after(at.position).await?;
        let needed = batch.all().needed(|kind| matches!(kind, StreamType::Staff | StreamType::Customer));
        let part = needed.map_or(batch.all(), |record| batch.all().before(record.position));
        if !part.is_empty() {
            let to = at.after(part);
            let mut transaction = self.pool.begin().await?;
            if checkpoint::advance(&mut transaction, NAME, at, &to).await? {
                for event in part.events {
                    apply(&mut transaction, event).await?;
                }
                transaction.commit().await?;
                *at = to;
            } else {
                *at = checkpoint::reload(&mut transaction, NAME).await?;
                transaction.commit().await?;
            }
        }
        needed.map_or(Ok(()), |record| Err(record.error().into()))
    }

    async fn report(&self, error: &AccessError) {
        let AccessError::Log(LogError::Unreadable { position, .. }) = error else {
            tracing::warn!(reactor = NAME, error = %Chain(error), "a reactor waits");
            return;
        };
        match checkpoint::fail(&self.pool, NAME, *position, &error.to_string()).await {
            Ok(true) => {
                tracing::error!(reactor = NAME, %position, %error, "a reactor has stopped at an event");
            }
            Ok(false) => {}
            Err(error) => tracing::warn!(reactor = NAME, %position, %error, "a failure cannot be noted"),
        }
    }
}
