//! Read models: catching up, rebuilding, and lag.

use std::time::Instant;

use anyhow::{Result, bail};
use bench::load::Watched;
use bench::{Database, Measure, Row, Target, Unit, in_turn};
use domain::{LogPosition, StreamType};
use event_store::log;
use projections::Model;
use sqlx::Executor;

use crate::{Bench, million, place_order};

/// Events of the projected log.
const EVENTS: (u64, u64) = (200_000, 2_000);
/// Events for the reference, whose speed is constant.
const ONE_BY_ONE: (i64, i64) = (4_000, 200);
/// The measured read model: the largest, with the most indexes.
const MODEL: Model = Model::OrderDetails;
/// Target ratio to one transaction per event.
const SPEEDUP_TARGET: Target = Target::AtLeast(40.0);
/// Target lag of a read model at the 99th percentile, in seconds.
const LAG_TARGET: Target = Target::AtMost(1.0);

const REFERENCE: &str =
    "an upsert of the row and an update of the checkpoint, one transaction an event (prepared)";

/// Result of one turn.
struct Turn {
    /// Events a second.
    rate: f64,
    /// CPU seconds an event: of this process and of PostgreSQL.
    process: f64,
    postgres: f64,
}

pub(crate) async fn rows(bench: &Bench) -> Result<Vec<Row>> {
    let (database, events) = million::generated(bench, bench.length.pick(EVENTS.0, EVENTS.1)).await?;
    prepare_one_by_one(&database).await?;
    // All are at the head, so that one can catch up alone later.
    projections::catch_up(&database.pool).await?;
    let few = bench.length.pick(ONE_BY_ONE.0, ONE_BY_ONE.1);
    let mut turns = in_turn(bench.length.repetitions(), 4, async |thing| match thing {
        0 => timed(&database, events, catch_up(&database, &[MODEL])).await,
        1 => timed(&database, events, rebuild(&database)).await,
        2 => one_by_one(&database, few).await,
        _ => timed(&database, events, catch_up(&database, Model::ALL)).await,
    })
    .await?
    .into_iter();
    let mut next = || turns.next().unwrap_or_default();
    let (caught_up, rebuilt, one_by_one, all) = (next(), next(), next(), next());
    database.remove().await?;

    let work = |what: &str| format!("{what}, a log of {events} events");
    Ok(vec![
        beside(
            "projections-catch-up",
            &work("`order_details` catching up from nothing"),
            &caught_up,
            &one_by_one,
        ),
        beside(
            "projections-rebuild",
            &work("`order_details` rebuilt aside and swapped in"),
            &rebuilt,
            &one_by_one,
        ),
        Row::new("projections-all", &work("all ten read models catching up together"), "")
            .with(Measure::alone("events", Unit::PerSecond, of(&all, |turn| turn.rate)))
            .with(Measure::alone("CPU of the process", Unit::CpuMicros, of(&all, |turn| turn.process * 1e6)))
            .with(Measure::alone("CPU of PostgreSQL", Unit::CpuMicros, of(&all, |turn| turn.postgres * 1e6))),
        lag(bench).await?,
    ])
}

fn of(turns: &[Turn], figure: fn(&Turn) -> f64) -> Vec<f64> {
    turns.iter().map(figure).collect()
}

fn beside(id: &str, work: &str, ours: &[Turn], reference: &[Turn]) -> Row {
    let measure =
        |name: &str, unit, figure| Measure::beside(name, unit, of(ours, figure), of(reference, figure));
    Row::new(id, work, REFERENCE)
        .with(measure("events", Unit::PerSecond, |turn| turn.rate).to_reach(SPEEDUP_TARGET))
        .with(measure("CPU of the process", Unit::CpuMicros, |turn| turn.process * 1e6))
        .with(measure("CPU of PostgreSQL", Unit::CpuMicros, |turn| turn.postgres * 1e6))
}

#[allow(clippy::cast_precision_loss)] // far below 2^52
async fn timed(database: &Database, events: i64, work: impl Future<Output = Result<()>>) -> Result<Turn> {
    let watched = Watched { process: None, postmaster: database.postmaster };
    let (from, begun) = (watched.cpu(), Instant::now());
    work.await?;
    let (seconds, to) = (begun.elapsed().as_secs_f64(), watched.cpu());
    let events = events as f64;
    Ok(Turn { rate: events / seconds, process: (to.0 - from.0) / events, postgres: (to.1 - from.1) / events })
}

/// From empty tables to the head.
async fn catch_up(database: &Database, models: &[Model]) -> Result<()> {
    for model in models {
        let tables: Vec<&str> = model.table_names().collect();
        database.pool.execute(&*format!("TRUNCATE {}", tables.join(", "))).await?;
        let forget = sqlx::query("DELETE FROM checkpoints WHERE name = $1").bind(model.name());
        forget.execute(&database.pool).await?;
    }
    Ok(projections::catch_up(&database.pool).await?)
}

async fn rebuild(database: &Database) -> Result<()> {
    projections::rebuild(&database.pool, MODEL, &mut |_| {}).await?;
    Ok(())
}

/// A table like the read model's, with its indexes.
async fn prepare_one_by_one(database: &Database) -> Result<()> {
    database.pool.execute("CREATE TABLE one_by_one (LIKE order_details INCLUDING ALL)").await?;
    database.pool.execute("CREATE TABLE one_by_one_checkpoint AS SELECT 0::bigint AS position").await?;
    Ok(())
}

/// A simple projector: one event at a time, its row and the checkpoint in one transaction. The row contains the
/// event without folding, which costs the reference nothing.
async fn one_by_one(database: &Database, few: i64) -> Result<Turn> {
    database.pool.execute("TRUNCATE one_by_one").await?;
    let entries = log::read_after(&database.pool, LogPosition::START, few).await?;
    let mut connection = database.pool.acquire().await?;
    let work = async {
        for entry in &entries {
            let log::LogEntry::Event(event) = entry else { bail!("an event that cannot be read") };
            let mut transaction = sqlx::Connection::begin(&mut *connection).await?;
            if event.stream.kind == StreamType::Order {
                sqlx::query(
                    "INSERT INTO one_by_one (id, number, pizzeria, status, channel, fulfilment, placed_at, \
                     promised_at, total, due, version, position, document) \
                     VALUES ($1::uuid, 'P1-1', 'P1', $2, 'WEB', 'DELIVERY', $3, $3, 1000, 0, $4, $5, $6::json) \
                     ON CONFLICT (id) DO UPDATE SET status = EXCLUDED.status, version = EXCLUDED.version, \
                     position = EXCLUDED.position, document = EXCLUDED.document",
                )
                .bind(uuid::Uuid::parse_str(&event.stream.id)?)
                .bind(&event.event_type)
                .bind(event.recorded_at)
                .bind(event.sequence)
                .bind(event.position.0)
                .bind(event.payload.get())
                .execute(&mut *transaction)
                .await?;
            }
            sqlx::query("UPDATE one_by_one_checkpoint SET position = $1")
                .bind(event.position.0)
                .execute(&mut *transaction)
                .await?;
            transaction.commit().await?;
        }
        Ok(())
    };
    timed(database, few, work).await
}

/// Under a maximal rate of orders.
async fn lag(bench: &Bench) -> Result<Row> {
    let (mut rates, mut late) = (Vec::new(), Vec::new());
    for _ in 0..bench.length.repetitions() {
        let (sample, seconds) = place_order::lag(bench).await?;
        rates.push(sample.rate());
        late.push(seconds);
    }
    Ok(Row::new("projections-lag", "read models while 64 clients place orders over HTTP", "")
        .with(Measure::alone("orders", Unit::PerSecond, rates))
        .with(
            Measure::alone("age of what the latest read model has not counted, p99", Unit::Seconds, late)
                .to_reach(LAG_TARGET),
        ))
}
