//! Contact retention: follows the log, applies its effects on personal data, and deletes contacts and notes whose
//! retention has ended. One process works at a time: the one that holds the lock of the progress row. Work that was not
//! committed is repeated.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use domain::ids::{ContactId, CustomerId};
use domain::personal_data::{RetentionEffect, followed_types};
use domain::{Event, LogPosition};
use event_store::{LogEntry, LogError, RecordedEvent, chain, log};
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use super::erase::erase_customer;
use crate::clock::Clock;

/// Interval between steps without work.
const POLL_INTERVAL: Duration = Duration::from_secs(1);
/// Events that one transaction applies.
const EVENTS_PER_STEP: i64 = 500;
/// Rows of each table that one transaction deletes.
const ROWS_PER_STEP: i64 = 500;
/// Deletes at most `$2` rows of orders that were closed before `$1`.
const DELETE_EXPIRED: [&str; 2] = [
    "DELETE FROM contacts WHERE id IN (SELECT id FROM contacts WHERE closed_at < $1 ORDER BY closed_at LIMIT $2)",
    "DELETE FROM notes WHERE id IN (SELECT id FROM notes WHERE closed_at < $1 ORDER BY closed_at LIMIT $2)",
];

/// Worker that enforces the retention of contacts and notes.
#[derive(Debug, Clone)]
pub struct ContactRetention {
    /// The database.
    pub pool: PgPool,
    /// The clock.
    pub clock: Clock,
    /// Time that a contact is kept after its order is closed.
    pub retention: TimeDelta,
}

/// Reason why a step failed; it is repeated.
#[derive(Debug, thiserror::Error)]
pub enum ContactRetentionError {
    /// The database did not answer.
    #[error("the database failed")]
    Database(#[from] sqlx::Error),
    /// An event could not be read.
    #[error(transparent)]
    Log(#[from] LogError),
}

/// Effects of events on personal data.
#[derive(Debug, Default, PartialEq, Eq)]
struct Effects {
    erased: Vec<(CustomerId, DateTime<Utc>)>,
    /// Contacts that were stored. Those of erased customers are deleted at once.
    stored: Vec<Uuid>,
    /// Notes that were stored, as for contacts.
    notes: Vec<Uuid>,
    /// Closed orders, with the time of closing.
    closed: Vec<(Uuid, DateTime<Utc>)>,
    /// Deliveries that ended.
    ended: Vec<Uuid>,
}

impl Effects {
    fn of(events: &[Arc<RecordedEvent>]) -> Self {
        let mut effects = Self::default();
        for recorded in events {
            // Streams without a UUID hold no personal data.
            let Ok(id) = recorded.stream.id.parse::<Uuid>() else { continue };
            for event in &recorded.events {
                effects.add(id, event, recorded.recorded_at);
            }
        }
        effects
    }

    fn add(&mut self, id: Uuid, event: &Event, at: DateTime<Utc>) {
        let facts = event.facts();
        self.stored.extend(facts.contact.map(|ContactId(contact)| contact));
        self.notes.extend(facts.all_notes().map(|note| note.id.0));
        match event.kind().retention() {
            RetentionEffect::ErasesCustomer => self.erased.push((CustomerId(id), at)),
            RetentionEffect::ClosesOrder => self.closed.push((id, at)),
            RetentionEffect::EndsDelivery => self.ended.push(id),
            RetentionEffect::StoresRow | RetentionEffect::MayStoreNotes | RetentionEffect::None => {}
        }
    }

    async fn apply(&self, db: &mut PgConnection) -> Result<(), sqlx::Error> {
        for (customer, at) in &self.erased {
            erase_customer(&mut *db, *customer, *at).await?;
        }
        for (table, stored) in [("contacts", &self.stored), ("notes", &self.notes)] {
            if !stored.is_empty() {
                let sql = format!(
                    "DELETE FROM {table} t USING erased_customers e \
                     WHERE t.id = ANY($1) AND e.customer_id = t.customer_id"
                );
                sqlx::query(&sql).bind(stored).execute(&mut *db).await?;
            }
        }
        if !self.closed.is_empty() {
            let (orders, at): (Vec<Uuid>, Vec<DateTime<Utc>>) = self.closed.iter().copied().unzip();
            for table in ["contacts", "notes"] {
                let sql = format!(
                    "UPDATE {table} t SET closed_at = o.at FROM unnest($1::uuid[], $2::timestamptz[]) AS o(id, at) \
                     WHERE t.order_id = o.id AND t.closed_at IS NULL"
                );
                sqlx::query(&sql).bind(&orders).bind(&at).execute(&mut *db).await?;
            }
        }
        if !self.ended.is_empty() {
            sqlx::query("DELETE FROM courier_positions WHERE delivery_id = ANY($1)")
                .bind(&self.ended)
                .execute(&mut *db)
                .await?;
        }
        Ok(())
    }
}

impl ContactRetention {
    /// Repeats [`Self::step`] until the pool is closed.
    pub async fn run(self) {
        while !self.pool.is_closed() {
            match self.step().await {
                Ok(true) => {}
                Ok(false) => tokio::time::sleep(POLL_INTERVAL).await,
                Err(error) => {
                    tracing::warn!(error = chain(&error), "contact retention failed and is repeated");
                    tokio::time::sleep(POLL_INTERVAL).await;
                }
            }
        }
    }

    /// Runs one transaction, or none while another process works. Returns whether more work is left.
    ///
    /// # Errors
    /// [`ContactRetentionError`]; nothing is changed then.
    pub async fn step(&self) -> Result<bool, ContactRetentionError> {
        let head = log::head(&self.pool).await?;
        let mut tx = self.pool.begin().await?;
        let held = "SELECT position FROM personal_data_progress FOR UPDATE SKIP LOCKED";
        let position: Option<i64> = sqlx::query_scalar(held).fetch_optional(&mut *tx).await?;
        let Some(position) = position.map(LogPosition) else { return Ok(false) };
        let followed = if position < head { Some(self.follow(&mut tx, position, head).await?) } else { None };
        let (mut erased, mut most) = (0, 0);
        let before = self.clock.now() - self.retention;
        for statement in DELETE_EXPIRED {
            let gone = sqlx::query(statement).bind(before).bind(ROWS_PER_STEP).execute(&mut *tx).await?;
            erased += gone.rows_affected();
            most = most.max(gone.rows_affected());
        }
        tx.commit().await?;
        if erased > 0 {
            tracing::info!(erased, "contacts and notes past their retention were deleted");
        }
        let behind = followed.is_some_and(|followed| followed < head);
        Ok(behind || most >= ROWS_PER_STEP.unsigned_abs())
    }

    /// Applies the events after a position. Returns the position reached.
    async fn follow(
        &self,
        tx: &mut PgConnection,
        position: LogPosition,
        head: LogPosition,
    ) -> Result<LogPosition, ContactRetentionError> {
        let filter = log::EventFilter {
            types: followed_types(),
            after: Some(position),
            before: Some(LogPosition(head.0.saturating_add(1))),
            ..log::EventFilter::default()
        };
        let events = log::search(&mut *tx, &filter, EVENTS_PER_STEP, false).await?;
        let whole = i64::try_from(events.len()).unwrap_or(i64::MAX) < EVENTS_PER_STEP;
        let last = events.last().map_or(head, LogEntry::position);
        let to = if whole { head } else { last };
        // An event that cannot be read may be an erasure, so none is skipped.
        let events = events.into_iter().map(LogEntry::readable).collect::<Result<Vec<_>, _>>()?;
        Effects::of(&events).apply(&mut *tx).await?;
        sqlx::query("UPDATE personal_data_progress SET position = $1").bind(to.0).execute(&mut *tx).await?;
        Ok(to)
    }
}

#[cfg(test)]
mod tests {
    use domain::EventType;

    use super::*;

    /// Reads every event that the domain's fixtures stand for.
    fn fixtures() -> Vec<Event> {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../domain/fixtures/events");
        let mut fixtures = Vec::new();
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let (name, version) = path.file_stem().unwrap().to_str().unwrap().split_once('-').unwrap();
            let (version, _added) = version.split_once('+').unwrap_or((version, ""));
            let Ok(event_type) = name.parse::<EventType>() else { continue };
            let text = std::fs::read_to_string(&path).unwrap();
            fixtures.extend(
                Event::from_stored(event_type.stream_type(), name, version, text.trim_end()).unwrap(),
            );
        }
        fixtures
    }

    #[test]
    fn applies_the_effect_that_the_domain_states_for_each_event() {
        let at = DateTime::UNIX_EPOCH;
        for event in fixtures() {
            let event_type = event.kind();
            let mut effects = Effects::default();
            effects.add(Uuid::nil(), &event, at);
            let done = match event_type.retention() {
                RetentionEffect::ErasesCustomer => !effects.erased.is_empty(),
                RetentionEffect::StoresRow => !effects.stored.is_empty(),
                // Most fixtures are older than notes; the notes of an event without effect are about no customer.
                RetentionEffect::None | RetentionEffect::MayStoreNotes => {
                    effects == Effects { notes: effects.notes.clone(), ..Effects::default() }
                }
                RetentionEffect::ClosesOrder => !effects.closed.is_empty(),
                RetentionEffect::EndsDelivery => !effects.ended.is_empty(),
            };
            assert!(done, "{event_type}: {effects:?}");
        }
    }
}
