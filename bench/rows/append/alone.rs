//! A single client beside a sqlx connection that executes one prepared INSERT of three rows as its own
//! transaction, which saves the two round trips of BEGIN and COMMIT.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use bench::load::{Watched, closed_loop};
use bench::{Database, Sample};
use sqlx::{Connection, PgConnection};
use tokio::sync::Mutex;
use uuid::Uuid;

use super::pgbench::Stored;

const INSERT: &str = "
INSERT INTO events (position, aggregate_type, aggregate_id, sequence, event_type, event_version, recorded_at,
                    payload, metadata)
VALUES (nextval('positions'), 'order', $1, 1, $2, '1.0.0', now(), $3::text::json, $4::text::json),
       (nextval('positions'), 'order', $1, 2, $5, '1.0.0', now(), $6::text::json, $7::text::json),
       (nextval('positions'), 'order', $1, 3, $8, '1.0.0', now(), $9::text::json, $10::text::json)";

/// The reference.
pub(crate) async fn insert(database: &Database, stored: &[Stored], duration: Duration) -> Result<Sample> {
    let connection = Arc::new(Mutex::new(PgConnection::connect(&database.url).await?));
    let stored: Arc<[Stored]> = stored.into();
    let watched = Watched { process: None, postmaster: database.postmaster };
    closed_loop(1, duration, watched, move |_, _| {
        let (connection, stored) = (connection.clone(), stored.clone());
        async move {
            let mut insert = sqlx::query(INSERT).bind(Uuid::now_v7().to_string());
            for (event_type, payload, metadata) in &*stored {
                insert = insert.bind(event_type).bind(payload).bind(metadata);
            }
            insert.execute(&mut *connection.lock().await).await?;
            Ok(())
        }
    })
    .await
}
