//! Applies events to accounts: role and pizzeria of staff, and whether an account is active. A mutation applies its own
//! event at once; a reactor follows the log and applies every event again, which repairs a crash in between. Each event
//! counts once, by its position.

use std::sync::Arc;

use domain::access::Role;
use domain::customer::CustomerEvent;
use domain::ids::PizzeriaId;
use domain::staff::StaffEvent;
use domain::{Event, EventType, LogPosition, StreamType};
use event_store::{LogError, RecordedEvent};
use sqlx::{PgConnection, PgExecutor, PgPool};
use uuid::Uuid;

use crate::batches::Batches;
use crate::checkpoint::{self, Checkpoint};
use crate::leadership::Leadership;
use crate::progress::Progress;
use crate::runner::{Backoff, Chain};

/// Name of the checkpoint and lock.
pub(crate) const NAME: &str = "reactor:account_access";

/// NOTIFY channel for changes of an account's sessions or rights; the payload is the account's id.
pub const SESSIONS_CHANGED: &str = "sessions_changed";

/// Notifies the processes that hold connections of an account that its sessions or rights have changed.
///
/// # Errors
/// The database does not answer.
pub async fn announce(db: impl PgExecutor<'_>, account: Uuid) -> Result<(), sqlx::Error> {
    let notify = sqlx::query("SELECT pg_notify($1, $2::text)");
    notify.bind(SESSIONS_CHANGED).bind(account).execute(db).await?;
    Ok(())
}

/// Activates or deactivates an account. Returns whether it changed.
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

/// Records the pizzeria of a member of staff from a position on; does nothing if it is recorded.
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

/// Records every posting of the log up to a position that the table lacks: after a restore, for events older than the
/// table, and for events of processes of an older release.
///
/// # Errors
/// The database does not answer.
pub async fn fill_postings(pool: &PgPool, to: LogPosition) -> Result<(), sqlx::Error> {
    sqlx::query(
        "INSERT INTO staff_postings (staff_id, position, pizzeria) \
         SELECT aggregate_id, position, payload->>'pizzeria' FROM events \
         WHERE aggregate_type = 'staff' AND event_type = ANY($2) AND position <= $1 ON CONFLICT DO NOTHING",
    )
    .bind(to.0)
    .bind(EventType::names_where(EventType::posts_staff))
    .execute(pool)
    .await?;
    Ok(())
}

/// Applies a hire, or the role and pizzeria of a person after they were changed. Returns whether the account changed.
///
/// # Errors
/// The database does not answer.
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

/// Applies a transfer.
async fn transferred(
    db: &mut PgConnection,
    account: Uuid,
    pizzeria: Option<&PizzeriaId>,
    position: LogPosition,
) -> Result<(), sqlx::Error> {
    posted(&mut *db, account, pizzeria, position).await?;
    let changed = sqlx::query(
        "UPDATE accounts SET pizzeria = $2, access_position = $3 \
         WHERE id = $1 AND COALESCE(access_position, 0) < $3",
    );
    let pizzeria = pizzeria.map(PizzeriaId::as_str);
    let changed = changed.bind(account).bind(pizzeria).bind(position.0).execute(&mut *db).await?;
    if changed.rows_affected() > 0 { announce(&mut *db, account).await } else { Ok(()) }
}

/// Applies a change of role.
async fn role_changed(
    db: &mut PgConnection,
    account: Uuid,
    role: Role,
    position: LogPosition,
) -> Result<(), sqlx::Error> {
    let changed = sqlx::query(
        "UPDATE accounts SET role = $2, access_position = $3 \
         WHERE id = $1 AND COALESCE(access_position, 0) < $3",
    );
    let changed = changed.bind(account).bind(role.as_str()).bind(position.0).execute(&mut *db).await?;
    if changed.rows_affected() > 0 { announce(&mut *db, account).await } else { Ok(()) }
}

/// Deactivates an account and deletes its sessions and one-time tokens. Returns whether the account changed.
///
/// # Errors
/// The database does not answer.
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

/// Activates the account of a customer who signed up. Returns whether the account changed.
///
/// # Errors
/// The database does not answer.
pub async fn registered(
    db: &mut PgConnection,
    account: Uuid,
    position: LogPosition,
) -> Result<bool, sqlx::Error> {
    set_active(db, account, true, position).await
}

/// Applies an event to the account of its stream, unless it was applied.
async fn apply(db: &mut PgConnection, recorded: &RecordedEvent) -> Result<(), sqlx::Error> {
    for event in &recorded.events {
        apply_one(&mut *db, recorded, event).await?;
    }
    Ok(())
}

async fn apply_one(
    db: &mut PgConnection,
    recorded: &RecordedEvent,
    event: &Event,
) -> Result<(), sqlx::Error> {
    let account = || recorded.stream.id.parse::<Uuid>().ok();
    let position = recorded.position;
    match event {
        Event::Staff(StaffEvent::StaffHired { staff, role, pizzeria, .. }) => {
            hired(db, staff.0, *role, pizzeria.as_ref(), position).await?;
        }
        Event::Staff(StaffEvent::StaffTransferred { pizzeria, .. }) => {
            if let Some(account) = account() {
                transferred(db, account, pizzeria.as_ref(), position).await?;
            }
        }
        Event::Staff(StaffEvent::RoleChanged { role, .. }) => {
            if let Some(account) = account() {
                role_changed(db, account, *role, position).await?;
            }
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

/// Why a batch could not be applied.
#[derive(Debug, thiserror::Error)]
enum AccessError {
    #[error("the database failed")]
    Database(#[from] sqlx::Error),
    #[error(transparent)]
    Log(#[from] LogError),
}

/// The reactor that applies events to accounts.
pub(crate) struct Access {
    pub(crate) pool: PgPool,
    pub(crate) batches: Arc<Batches>,
}

impl Access {
    /// Follows the log while this process is the leader. Never ends.
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

    /// Applies one batch and moves the checkpoint in one transaction, up to the first unreadable event of staff or a
    /// customer.
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
