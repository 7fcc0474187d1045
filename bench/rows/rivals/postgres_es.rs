//! cqrs-es over postgres-es by their documentation: a framework over an event repository, without views.

use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Result, anyhow};
use bench::load::{Watched, closed_loop};
use bench::{Cluster, Database, Sample};
use cqrs_es::Aggregate;
use cqrs_es::event_sink::EventSink;
use domain::order::Order;
use event_store::FrameworkEvent;
use postgres_es::{PostgresCqrs, postgres_cqrs};
use serde::{Deserialize, Serialize};
use sqlx::Executor;
use sqlx::postgres::PgPoolOptions;
use uuid::Uuid;

use crate::append::command::{self, Events};

/// The table of its README.
const TABLE: &str = "
CREATE TABLE events (
    aggregate_type text                         NOT NULL,
    aggregate_id   text                         NOT NULL,
    sequence       bigint CHECK (sequence >= 0) NOT NULL,
    event_type     text                         NOT NULL,
    event_version  text                         NOT NULL,
    payload        json                         NOT NULL,
    metadata       json                         NOT NULL,
    PRIMARY KEY (aggregate_type, aggregate_id, sequence)
)";

/// An order that accepts every command.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Told(Order);

impl Aggregate for Told {
    const TYPE: &'static str = "order";
    type Command = Events;
    type Event = FrameworkEvent<Order>;
    type Error = Infallible;
    type Services = ();

    async fn handle(
        &mut self,
        events: Events,
        _services: &(),
        sink: &EventSink<Self>,
    ) -> Result<(), Infallible> {
        for event in events.list() {
            sink.write(FrameworkEvent(event.clone()), self).await;
        }
        Ok(())
    }

    fn apply(&mut self, event: FrameworkEvent<Order>) {
        self.0.evolve(&event.0);
    }
}

pub(crate) struct Framework {
    database: Database,
    cqrs: Arc<PostgresCqrs<Told>>,
}

impl Framework {
    pub(crate) async fn prepare(cluster: &Cluster, connections: usize) -> Result<Self> {
        let database = cluster.bare_database().await?;
        database.pool.execute(TABLE).await?;
        let pool =
            PgPoolOptions::new().max_connections(u32::try_from(connections)?).connect(&database.url).await?;
        Ok(Self { database, cqrs: Arc::new(postgres_cqrs(pool, Vec::new(), ())) })
    }

    pub(crate) async fn run(&self, events: &Events, clients: usize, duration: Duration) -> Result<Sample> {
        let (cqrs, events) = (self.cqrs.clone(), events.clone());
        let watched = Watched { process: None, postmaster: self.database.postmaster };
        closed_loop(clients, duration, watched, move |_, _| {
            let (cqrs, events) = (cqrs.clone(), events.clone());
            async move {
                let order = Uuid::now_v7().to_string();
                let done = cqrs.execute_with_metadata(&order, events, metadata()).await;
                done.map_err(|error| anyhow!("postgres-es: {error}"))
            }
        })
        .await
    }

    pub(crate) async fn end(self) -> Result<()> {
        drop(self.cqrs);
        self.database.remove().await
    }
}

/// As much as ours.
fn metadata() -> HashMap<String, String> {
    let context = command::context();
    HashMap::from([
        ("actor".to_owned(), context.actor.id.to_string()),
        ("role".to_owned(), "SYSTEM".to_owned()),
        ("command".to_owned(), command::NAME.to_owned()),
        ("commandId".to_owned(), context.command_id.to_string()),
        ("correlationId".to_owned(), context.correlation_id),
    ])
}
