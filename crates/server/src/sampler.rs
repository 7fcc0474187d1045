//! Samples at each scrape of the metrics: the pool, the lag of read models, reactors and sealing, stuck orders. At most once
//! a second, in bounded time.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use chrono::TimeDelta;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use graphql::context::Services;
use http_api::health::{REVISION, SCHEMA_VERSION};
use projections::{dead_letters, lag, order_board};
use telemetry::Sample;
use tokio::sync::Mutex;

/// Time in which a sample is reused.
const SAMPLE_LIFETIME: Duration = Duration::from_secs(1);
/// Time within which the database must answer.
const QUERY_TIMEOUT: Duration = Duration::from_secs(2);
/// Time after the end of its time to pay from which an order is stuck: normally it expires within seconds.
const UNPAID_DELAY: TimeDelta = TimeDelta::minutes(2);
/// Delay against its promise from which an order is stuck.
const PROMISE_DELAY: TimeDelta = TimeDelta::minutes(30);

#[derive(Debug, Default)]
struct State {
    sampled: Option<Instant>,
    /// Pizzerias and states that once had stuck orders, whose gauges return to zero.
    stuck: HashSet<(String, String)>,
}

/// Samples the state of the process and its database.
#[derive(Debug)]
pub struct Sampler {
    services: Services,
    state: Mutex<State>,
}

#[allow(clippy::cast_precision_loss)] // a gauge is a float; what is counted here stays far below 2^53
fn gauge(value: i64) -> f64 {
    value as f64
}

impl Sampler {
    pub fn new(services: Services) -> Self {
        let (version, schema) = (env!("CARGO_PKG_VERSION"), SCHEMA_VERSION.as_str());
        metrics::gauge!("ocpizza_build_info", "version" => version, "revision" => REVISION, "schema" => schema)
            .set(1.0);
        let started = services.clock.now().timestamp();
        metrics::gauge!("ocpizza_process_start_time_seconds").set(gauge(started));
        Self { services, state: Mutex::default() }
    }

    /// Updates the gauges.
    async fn refresh(&self) {
        let mut state = self.state.lock().await;
        if state.sampled.is_some_and(|sampled| sampled.elapsed() < SAMPLE_LIFETIME) {
            return;
        }
        let Services { pool, store, follower, .. } = &self.services;
        metrics::gauge!("ocpizza_log_position").set(gauge(follower.head().borrow().0));
        metrics::gauge!("ocpizza_append_queue_depth")
            .set(f64::from(u32::try_from(store.queue_depth()).unwrap_or(u32::MAX)));
        let maintenance = self.services.maintenance.window().is_some();
        metrics::gauge!("ocpizza_maintenance").set(f64::from(u8::from(maintenance)));
        let (open, idle) = (pool.size(), u32::try_from(pool.num_idle()).unwrap_or(u32::MAX));
        metrics::gauge!("ocpizza_database_connections", "state" => "idle").set(f64::from(idle));
        metrics::gauge!("ocpizza_database_connections", "state" => "in_use")
            .set(f64::from(open.saturating_sub(idle)));
        metrics::gauge!("ocpizza_database_connections_max")
            .set(f64::from(pool.options().get_max_connections()));
        let queried = tokio::time::timeout(QUERY_TIMEOUT, self.query(&mut state)).await;
        let up = matches!(queried, Ok(Ok(())));
        metrics::gauge!("ocpizza_database_up").set(f64::from(u8::from(up)));
        // Also after a failure: a slow database is not queried more often.
        state.sampled = Some(Instant::now());
    }

    async fn query(&self, state: &mut State) -> Result<(), sqlx::Error> {
        let begun = Instant::now();
        let mut db = self.services.pool.acquire().await?;
        metrics::gauge!("ocpizza_database_acquire_seconds").set(begun.elapsed().as_secs_f64());
        for lag in lag::lags(&mut db).await? {
            let (stopped, events) = (f64::from(u8::from(lag.stopped)), gauge(lag.events));
            if lag.is_read_model() {
                metrics::gauge!("ocpizza_projection_lag_events", "model" => lag.name.clone()).set(events);
                metrics::gauge!("ocpizza_projection_lag_seconds", "model" => lag.name.clone())
                    .set(lag.seconds);
                metrics::gauge!("ocpizza_projection_stopped", "model" => lag.name).set(stopped);
            } else {
                let name = lag.name.strip_prefix("reactor:").unwrap_or(&lag.name).to_owned();
                metrics::gauge!("ocpizza_reactor_lag_events", "reactor" => name.clone()).set(events);
                metrics::gauge!("ocpizza_reactor_lag_seconds", "reactor" => name.clone()).set(lag.seconds);
                metrics::gauge!("ocpizza_reactor_stopped", "reactor" => name).set(stopped);
            }
        }
        for (policy, letters) in dead_letters::counts(&mut *db).await? {
            metrics::gauge!("ocpizza_dead_letters", "reactor" => policy).set(gauge(letters));
        }
        let sealing = self.services.read_models.sealing_on(&mut db).await?;
        metrics::gauge!("ocpizza_sealed_position").set(gauge(sealing.position));
        metrics::gauge!("ocpizza_sealing_lag_events").set(gauge(sealing.events));
        metrics::gauge!("ocpizza_sealing_lag_seconds").set(sealing.seconds);
        metrics::gauge!("ocpizza_sealing_stopped").set(f64::from(u8::from(sealing.stopped.is_some())));
        let now = self.services.clock.now();
        let stuck = order_board::stuck(&mut db, now - UNPAID_DELAY, now - PROMISE_DELAY).await?;
        for (pizzeria, status) in &state.stuck {
            stuck_orders(pizzeria, status, 0);
        }
        for (pizzeria, status, orders) in stuck {
            stuck_orders(&pizzeria, &status, orders);
            state.stuck.insert((pizzeria, status));
        }
        Ok(())
    }
}

impl Sample for Sampler {
    fn sample(&self) -> BoxFuture<'_, ()> {
        self.refresh().boxed()
    }
}

fn stuck_orders(pizzeria: &str, status: &str, orders: i64) {
    let labels = [("pizzeria", pizzeria.to_owned()), ("status", status.to_owned())];
    metrics::gauge!("ocpizza_stuck_orders", &labels).set(gauge(orders));
}
