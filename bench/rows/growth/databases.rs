//! Databases with generated logs of three lengths.

use std::time::Instant;

use anyhow::Result;
use bench::Database;
use bench::postgres::note;
use chrono::NaiveDate;
use domain::LogPosition;
use event_store::log;
use futures_util::TryStreamExt;
use identity::clock::Clock;
use projections::Model;
use simulation::history::{Options, generate};
use sqlx::Executor;
use sqlx::postgres::PgPoolCopyExt;

use crate::Bench;
use crate::million::SEED;

/// Events projected at once.
const BATCH: i64 = 2_000;
/// The read models of the measured queries, with the columns that make copies of their rows unique.
const MODELS: [(Model, &str); 2] = [(Model::OrderDetails, ORDERS), (Model::Deliveries, DELIVERIES)];

/// Copies closed orders `$1` times, each one period earlier and with new ids.
const ORDERS: &str = "
INSERT INTO order_details (id, number, pizzeria, status, channel, fulfilment, customer, contact, placed_at,
                           promised_at, total, due, version, position, document)
SELECT md5(id::text || n)::uuid, number, pizzeria, status, channel, fulfilment, customer, contact,
       placed_at - n * span, promised_at - n * span, total, due, version, position,
       replace(document::text, id::text, md5(id::text || n)::uuid::text)::json
FROM order_details, generate_series(1, $1) AS n,
     (SELECT max(placed_at) - min(placed_at) AS span FROM order_details) AS period
WHERE status IN ('DELIVERED', 'NOT_DELIVERED', 'RETURNED', 'HANDED_OVER', 'CANCELLED', 'EXPIRED')";

/// Copies their deliveries.
const DELIVERIES: &str = "
INSERT INTO deliveries (id, order_id, pizzeria, status, courier, customer, scheduled_at, promised_at, version,
                        position, document)
SELECT md5(id::text || n)::uuid, md5(order_id::text || n)::uuid, pizzeria, status, courier, customer,
       scheduled_at - n * span, promised_at - n * span, version, position,
       replace(replace(document::text, id::text, md5(id::text || n)::uuid::text),
               order_id::text, md5(order_id::text || n)::uuid::text)::json
FROM deliveries, generate_series(1, $1) AS n,
     (SELECT max(scheduled_at) - min(scheduled_at) AS span FROM deliveries) AS period
WHERE status IN ('DELIVERED', 'RETURNED')";

/// One database per length.
pub(super) async fn make(bench: &Bench, sizes: [u64; 3]) -> Result<Vec<Database>> {
    let mut databases: Vec<Database> = Vec::new();
    for (number, events) in sizes.into_iter().enumerate() {
        let began = Instant::now();
        let database = bench.cluster.database().await?;
        // Equally dense, so over more days: ten years for ten million.
        let options = Options { from: NaiveDate::from_ymd_opt(2016, 1, 1), ..Options::new(events, SEED) };
        generate(&database.pool, &options, Clock::system().now()).await?;
        let generated = began.elapsed().as_secs_f64();
        match databases.last() {
            // Projecting the whole longest log would dominate the run.
            Some(shorter) if number + 1 == sizes.len() => {
                let times = i32::try_from(events / sizes[number - 1])?;
                multiply(shorter, &database, times).await?;
            }
            _ => project(&database).await?,
        }
        let filled = began.elapsed().as_secs_f64() - generated;
        // As the server does within a minute, but not during a measurement.
        database.pool.execute("VACUUM (ANALYZE)").await?;
        database.pool.execute("CHECKPOINT").await?;
        let all = began.elapsed().as_secs_f64();
        note(&format!(
            "  {events} events: generated in {generated:.0} s, read models in {filled:.0} s, all in {all:.0} s"
        ));
        databases.push(database);
    }
    Ok(databases)
}

/// Projects the queried read models up to the log's head.
async fn project(database: &Database) -> Result<()> {
    let mut after = LogPosition::START;
    loop {
        let entries = log::read_after(&database.pool, after, BATCH).await?;
        let Some(last) = entries.last() else { return Ok(()) };
        after = last.position();
        let events: Vec<_> = entries
            .into_iter()
            .filter_map(|entry| match entry {
                log::LogEntry::Event(event) => Some((*event).clone()),
                log::LogEntry::Unreadable(_) => None,
            })
            .collect();
        let deliver = |model| projections::deliver(&database.pool, model, &events);
        tokio::try_join!(deliver(MODELS[0].0), deliver(MODELS[1].0))?;
    }
}

/// Copies the rows of a read model repeatedly.
async fn multiply(from: &Database, to: &Database, times: i32) -> Result<()> {
    for (model, again) in MODELS {
        for table in model.table_names() {
            let mut rows = from.pool.copy_out_raw(&format!("COPY {table} TO STDOUT (FORMAT binary)")).await?;
            let mut copy = to.pool.copy_in_raw(&format!("COPY {table} FROM STDIN (FORMAT binary)")).await?;
            while let Some(bytes) = rows.try_next().await? {
                copy.send(bytes).await?;
            }
            copy.finish().await?;
        }
        sqlx::query(again).bind(times - 1).execute(&to.pool).await?;
    }
    Ok(())
}
