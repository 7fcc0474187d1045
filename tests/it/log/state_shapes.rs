//! The shape of stored states. A change of it needs a new schema of snapshots, or a process would read the states of
//! another release.

use std::collections::BTreeSet;

use domain::StreamId;
use event_store::{SNAPSHOT_SCHEMA, state_at};
use serde_json::Value;
use simulation::history::{self, Options};
use tests::Database;

/// Streams read of each kind.
const STREAMS_PER_KIND: i64 = 150;

/// The name of a field or of a variant; a key of a map, such as an ingredient's code, is `*`.
fn step(key: &str) -> &str {
    let has_lower = key.chars().any(|letter| letter.is_ascii_lowercase());
    if has_lower && key.chars().all(|letter| letter.is_ascii_alphabetic() || letter == '_') {
        key
    } else {
        "*"
    }
}

/// Adds the path of every value, with its JSON type.
fn add_paths(value: &Value, path: &str, paths: &mut BTreeSet<String>) {
    match value {
        Value::Object(fields) => {
            for (key, value) in fields {
                add_paths(value, &format!("{path}.{}", step(key)), paths);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| add_paths(item, &format!("{path}[]"), paths)),
        Value::String(_) => drop(paths.insert(format!("{path}: text"))),
        Value::Number(_) => drop(paths.insert(format!("{path}: number"))),
        Value::Bool(_) => drop(paths.insert(format!("{path}: boolean"))),
        Value::Null => {}
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_changed_state_needs_a_new_schema_of_snapshots() {
    let database = Database::create().await;
    let now = "2026-11-01T00:00:00Z".parse().unwrap();
    history::generate(&database.pool, &Options::new(6_000, 5), now).await.unwrap();
    let streams: Vec<(String, String)> = sqlx::query_as(
        "SELECT aggregate_type, aggregate_id FROM (SELECT *, row_number() OVER (PARTITION BY aggregate_type ORDER BY first) AS rank \
         FROM (SELECT aggregate_type, aggregate_id, min(position) AS first FROM events GROUP BY 1, 2) AS s) AS r \
         WHERE rank <= $1",
    )
    .bind(STREAMS_PER_KIND)
    .fetch_all(&database.pool)
    .await
    .unwrap();
    let (mut db, mut paths) = (database.pool.acquire().await.unwrap(), BTreeSet::new());
    for (kind, id) in streams {
        let stream = StreamId { kind: kind.parse().unwrap(), id: id.into() };
        let state = state_at(&mut db, &stream, i64::MAX).await.unwrap();
        add_paths(&serde_json::to_value(state).unwrap(), "", &mut paths);
    }
    let shape = paths.into_iter().collect::<Vec<_>>().join("\n");
    // Differs: raise SNAPSHOT_SCHEMA, run with INSTA_UPDATE=always, and delete the snapshot of the schema before.
    insta::assert_snapshot!(format!("states_of_schema_{SNAPSHOT_SCHEMA}"), shape);
}
