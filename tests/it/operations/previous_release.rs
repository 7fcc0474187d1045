//! A backup made by the binary of the previous release: it restores, verifies, projects and replays to the figures
//! that this release found.

use std::path::PathBuf;

use serde_json::Value;
use sqlx::Executor;
use tests::Database;
use tests::processes::run;

/// Release whose log is kept: 2,501 events of `simulate --events 2500 --seed 15 --days 1`, sealed.
const RELEASE: &str = "2026-11-30";

/// Figures of the read models, by the columns and fields that every release has.
const FIGURES: &str = "SELECT json_build_object( \
    'orders', (SELECT json_agg(json_build_array(number, status, total, due) ORDER BY number) FROM order_details), \
    'deliveries', (SELECT json_object_agg(status, orders) \
        FROM (SELECT status, count(*) AS orders FROM deliveries GROUP BY 1 ORDER BY 1) AS of_status), \
    'sales', (SELECT json_agg(json_build_array(pizzeria, day, document->'gross', document->'orders', document->'paid') \
        ORDER BY pizzeria, day) FROM daily_sales), \
    'stock', (SELECT json_agg(json_build_array(pizzeria, key, value->'onHand', value->'reserved') \
        ORDER BY pizzeria, key) FROM stock_levels, json_each(document->'levels')))";

fn kept(extension: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("releases").join(RELEASE).with_extension(extension)
}

/// Returns the output of a command that must succeed.
async fn done(database: &Database, arguments: &[&str]) -> String {
    let output = run(&database.url, arguments).await;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(output.status.success(), "{arguments:?}: {}{}", text(&output.stdout), text(&output.stderr));
    text(&output.stdout)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_of_the_previous_release_gives_the_same_figures() {
    let database = Database::create().await;
    database.pool.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public").await.unwrap();
    let expected: Value =
        serde_json::from_slice(&tokio::fs::read(kept("json")).await.unwrap()).unwrap();

    done(&database, &["restore", kept("backup").to_str().unwrap()]).await;
    done(&database, &["audit", "verify"]).await;
    done(&database, &["projections", "verify"]).await;
    let figures: Value = sqlx::query_scalar(FIGURES).fetch_one(&database.pool).await.unwrap();
    for (name, found) in figures.as_object().unwrap() {
        assert_eq!(*found, expected[name], "{name}");
    }

    let policy = tempfile::NamedTempFile::new().unwrap();
    let policy = policy.path().to_str().unwrap();
    let period = ["audit", "replay", "--from", "2025-01-01", "--to", "2025-01-03", "--format", "json", "--policy"];
    let replayed = done(&database, &[&period[..], &[policy]].concat()).await;
    let replayed: Value = serde_json::from_str(&replayed).unwrap();
    for (pizzeria, recorded) in expected["replay"].as_object().unwrap() {
        let found = if pizzeria == "all" { &replayed["all"] } else { &replayed["pizzerias"][pizzeria] };
        assert_eq!((&found["recorded"], &found["unchanged"]), (recorded, recorded), "{pizzeria}");
    }
}
