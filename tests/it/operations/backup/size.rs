//! Memory of backup and restore does not grow with the log.

use sqlx::PgPool;
use tests::Demo;
use tests::processes::{Process, command, run};

use super::{Dir, bare, done, last, water};

/// Orders of the larger log, about 70 MB of rows.
const ORDERS: i64 = 40_000;
/// Allowed difference of the memory peaks of a large and a small log, in kB.
const MAX_PEAK_DIFFERENCE_KB: u64 = 28 * 1024;

/// Copies an order into streams of their own, as the program writes them.
async fn grow(pool: &PgPool) {
    sqlx::query(
        "INSERT INTO events (position, aggregate_type, aggregate_id, sequence, event_type, event_version, \
         recorded_at, payload, metadata) \
         SELECT h.position + n, e.aggregate_type, ids.id, 1, e.event_type, e.event_version, e.recorded_at, \
         replace(e.payload::text, e.aggregate_id, ids.id)::json, e.metadata \
         FROM event_log_head h, generate_series(1, $1) n, \
         LATERAL (SELECT gen_random_uuid()::text AS id WHERE n > 0) ids, \
         (SELECT * FROM events WHERE event_type = 'OrderPlaced' LIMIT 1) e",
    )
    .bind(ORDERS)
    .execute(pool)
    .await
    .unwrap();
    sqlx::query("UPDATE event_log_head SET position = position + $1")
        .bind(ORDERS)
        .execute(pool)
        .await
        .unwrap();
}

/// Peak memory of a command, in kB.
async fn peak(url: &str, arguments: &[&str]) -> u64 {
    let mut command = command(url);
    command.args(arguments).stdout(std::process::Stdio::null());
    let mut child = command.spawn().unwrap();
    let status = format!("/proc/{}/status", child.id().unwrap());
    let mut peak = 0;
    loop {
        // The peak only grows, so the last value seen is nearly the final one.
        let text = std::fs::read_to_string(&status).unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        peak = line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok()).unwrap_or(peak);
        if let Some(status) = child.try_wait().unwrap() {
            assert!(status.success(), "{arguments:?}");
            return peak;
        }
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn a_large_log_needs_no_more_memory_than_a_small_one() {
    let (dir, demo) = (Dir::new(), Demo::create().await);
    let process = Process::serve(&demo.database.url).await;
    demo.person(&process.base, "customer1").placed(water()).await;
    process.kill().await;
    let (small, large) = (dir.file("small.backup"), dir.file("large.backup"));
    let url = &demo.database.url;
    let few = peak(url, &["backup", &small]).await;
    grow(&demo.database.pool).await;
    let many = peak(url, &["backup", &large]).await;
    assert!(many < few + MAX_PEAK_DIFFERENCE_KB, "{few} kB, then {many} kB");
    let database = bare().await;
    done(&run(&database.url, &["migrate"]).await);
    let few = peak(&bare().await.url, &["restore", &small]).await;
    let many = peak(&database.url, &["restore", &large]).await;
    assert!(many < few + MAX_PEAK_DIFFERENCE_KB, "{few} kB, then {many} kB");
    assert_eq!(last(&database.pool).await, last(&demo.database.pool).await);
}
