//! Follows the log for what it means for personal data, and erases what is kept no longer. Of all processes
//! one does so at a time: the one that holds the row of the progress. What a process has begun and not
//! finished, the next one does again.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use domain::ids::{ContactId, CustomerId};
use domain::personal_data::{RetentionEffect, followed_types};
use domain::{Event, LogPosition};
use event_store::chain;
use event_store::{LogEntry, LogError, RecordedEvent, log};
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use super::erase::erase_customer;
use crate::clock::Clock;

/// How often it looks.
const POLL_INTERVAL: Duration = Duration::from_secs(1);
/// Events that one transaction takes in.
const EVENTS_PER_STEP: i64 = 500;
/// Rows of each table that one transaction erases.
const ROWS_PER_STEP: i64 = 500;
/// Erases what is kept no longer: at most `$2` rows that were closed before `$1`.
const EXPIRED_ROWS: [&str; 2] = [
    "DELETE FROM contacts WHERE id IN (SELECT id FROM contacts WHERE closed_at < $1 ORDER BY closed_at LIMIT $2)",
    "DELETE FROM notes WHERE id IN (SELECT id FROM notes WHERE closed_at < $1 ORDER BY closed_at LIMIT $2)",
];

/// Looks after personal data.
#[derive(Debug, Clone)]
pub struct ContactRetention {
    /// The database.
    pub pool: PgPool,
    /// The clock.
    pub clock: Clock,
    /// How long a contact is kept once its order is over.
    pub retention: TimeDelta,
}

/// Why it has to try again.
#[derive(Debug, thiserror::Error)]
pub enum ContactRetentionError {
    /// The database did not answer.
    #[error("the database failed")]
    Database(#[from] sqlx::Error),
    /// An event could not be read.
    #[error(transparent)]
    Log(#[from] LogError),
}

/// What some events mean.
#[derive(Debug, Default, PartialEq, Eq)]
struct Meaning {
    erased: Vec<(CustomerId, DateTime<Utc>)>,
    /// Contacts that were stored: those of the erased go at once.
    stored: Vec<Uuid>,
    /// Notes that were stored: as for contacts.
    notes: Vec<Uuid>,
    /// Orders that are over, and since when.
    closed: Vec<(Uuid, DateTime<Utc>)>,
    /// Deliveries that nobody is on the way with any more.
    ended: Vec<Uuid>,
}

impl Meaning {
    fn of(events: &[Arc<RecordedEvent>]) -> Self {
        let mut meaning = Self::default();
        for recorded in events {
            // Ids that are none name nothing.
            let Ok(id) = recorded.stream.id.parse::<Uuid>() else { continue };
            meaning.add(id, &recorded.event, recorded.recorded_at);
        }
        meaning
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

    async fn carry_out(&self, db: &mut PgConnection) -> Result<(), sqlx::Error> {
        for (customer, at) in &self.erased {
            erase_customer(&mut *db, *customer, *at).await?;
        }
        if !self.stored.is_empty() {
            sqlx::query(
                "DELETE FROM contacts c USING erased_customers e \
                 WHERE c.id = ANY($1) AND e.customer_id = c.customer_id",
            )
            .bind(&self.stored)
            .execute(&mut *db)
            .await?;
        }
        if !self.notes.is_empty() {
            sqlx::query(
                "DELETE FROM notes n USING erased_customers e \
                 WHERE n.id = ANY($1) AND e.customer_id = n.customer_id",
            )
            .bind(&self.notes)
            .execute(&mut *db)
            .await?;
        }
        if !self.closed.is_empty() {
            let (orders, at): (Vec<Uuid>, Vec<DateTime<Utc>>) = self.closed.iter().copied().unzip();
            sqlx::query(
                "UPDATE contacts c SET closed_at = o.at FROM unnest($1::uuid[], $2::timestamptz[]) AS o(id, at) \
                 WHERE c.order_id = o.id AND c.closed_at IS NULL",
            )
            .bind(&orders)
            .bind(&at)
            .execute(&mut *db)
            .await?;
            sqlx::query(
                "UPDATE notes n SET closed_at = o.at FROM unnest($1::uuid[], $2::timestamptz[]) AS o(id, at) \
                 WHERE n.order_id = o.id AND n.closed_at IS NULL",
            )
            .bind(orders)
            .bind(at)
            .execute(&mut *db)
            .await?;
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
    /// Keeps at it for as long as the database is open.
    pub async fn run(self) {
        while !self.pool.is_closed() {
            match self.step().await {
                Ok(true) => {}
                Ok(false) => tokio::time::sleep(POLL_INTERVAL).await,
                Err(error) => {
                    tracing::warn!(error = chain(&error), "personal data could not be looked after");
                    tokio::time::sleep(POLL_INTERVAL).await;
                }
            }
        }
    }

    /// One transaction; whether there is more to do at once. Nothing while another process is at it.
    ///
    /// # Errors
    /// When the database does not answer, or an event cannot be read; nothing is done then.
    pub async fn step(&self) -> Result<bool, ContactRetentionError> {
        let head = log::head(&self.pool).await?;
        let mut tx = self.pool.begin().await?;
        let held = "SELECT position FROM personal_data_progress FOR UPDATE SKIP LOCKED";
        let position: Option<i64> = sqlx::query_scalar(held).fetch_optional(&mut *tx).await?;
        let Some(position) = position.map(LogPosition) else { return Ok(false) };
        let followed = if position < head { Some(self.follow(&mut tx, position, head).await?) } else { None };
        let (mut erased, mut most) = (0, 0);
        let before = self.clock.now() - self.retention;
        for statement in EXPIRED_ROWS {
            let gone = sqlx::query(statement).bind(before).bind(ROWS_PER_STEP).execute(&mut *tx).await?;
            erased += gone.rows_affected();
            most = most.max(gone.rows_affected());
        }
        tx.commit().await?;
        if erased > 0 {
            tracing::info!(erased, "contacts and notes of orders that are long over were erased");
        }
        let behind = followed.is_some_and(|followed| followed < head);
        Ok(behind || most >= ROWS_PER_STEP.unsigned_abs())
    }

    /// Takes in what follows a position; how far it has come.
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
        // One that cannot be read may be an erasure: nothing is passed over.
        let events = events.into_iter().map(LogEntry::readable).collect::<Result<Vec<_>, _>>()?;
        Meaning::of(&events).carry_out(&mut *tx).await?;
        sqlx::query("UPDATE personal_data_progress SET position = $1").bind(to.0).execute(&mut *tx).await?;
        Ok(to)
    }
}

#[cfg(test)]
mod tests {
    use domain::EventType;

    use super::*;

    /// The stored text of every event, as the domain's fixtures have it.
    fn fixtures() -> Vec<(EventType, Event)> {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../domain/fixtures/events");
        let mut fixtures = Vec::new();
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let (name, version) = path.file_stem().unwrap().to_str().unwrap().split_once('-').unwrap();
            let (version, _added) = version.split_once('+').unwrap_or((version, ""));
            let Ok(event_type) = name.parse::<EventType>() else { continue };
            let text = std::fs::read_to_string(&path).unwrap();
            let event = Event::from_stored(event_type.stream_type(), name, version, text.trim_end()).unwrap();
            fixtures.push((event_type, event));
        }
        fixtures
    }

    #[test]
    fn each_event_does_what_the_domain_says_that_it_means() {
        let at = DateTime::UNIX_EPOCH;
        for (event_type, event) in fixtures() {
            let mut meaning = Meaning::default();
            meaning.add(Uuid::nil(), &event, at);
            let done = match event_type.retention() {
                RetentionEffect::None => meaning == Meaning::default(),
                RetentionEffect::ErasesCustomer => !meaning.erased.is_empty(),
                RetentionEffect::StoresRow => !meaning.stored.is_empty(),
                // The fixtures are older than notes.
                RetentionEffect::MayStoreNotes => meaning == Meaning::default(),
                RetentionEffect::ClosesOrder => !meaning.closed.is_empty(),
                RetentionEffect::EndsDelivery => !meaning.ended.is_empty(),
            };
            assert!(done, "{event_type}: {meaning:?}");
        }
    }
}
