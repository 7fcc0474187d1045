//! Backups of a serving system, and restores: the same log and facts, rebuilt read models, and no erased customer.

mod cutting;
mod destroying;
mod erasing;
mod refusing;
mod size;

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Output;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use backup::tables::{self, Kind};
use private_postgres::{Durability, Options, PrivatePostgres};
use serde_json::{Value, json};
use sqlx::{Executor, PgPool};
use tempfile::TempDir;
use tests::orders::{basket, pizza, side, with};
use tests::processes::{Process, run};
use tests::{Api, Database, Demo, eventually, within};

use crate::log::append::assert_refuses_changes;

/// A directory that is removed on drop.
struct Dir(TempDir);

impl Dir {
    fn new() -> Self {
        Self(TempDir::new().unwrap())
    }

    fn file(&self, name: &str) -> String {
        self.0.path().join(name).display().to_string()
    }
}

/// A database without tables.
async fn bare() -> Database {
    let database = Database::create().await;
    database.pool.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public").await.unwrap();
    database
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[track_caller]
fn done(output: &Output) -> String {
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    text(&output.stdout)
}

/// The one line on stderr of a refused command.
#[track_caller]
fn refused(output: &Output) -> String {
    let line = text(&output.stderr);
    assert_eq!((output.status.code(), line.lines().count()), (Some(1), 1), "{line}");
    line
}

/// The rows of every backed-up table and the log's head.
async fn contents(pool: &PgPool) -> BTreeMap<String, Vec<String>> {
    let mut contents = BTreeMap::new();
    let kept = tables::all().filter(|table| matches!(table.kind, Kind::Log | Kind::Facts));
    // `settings_position` matters only by whether it changes.
    let head = "(SELECT position, recorded_at FROM event_log_head)";
    for name in kept.map(|table| table.name).chain([head]) {
        let only = if name == "checkpoints" { "WHERE name LIKE 'reactor:%'" } else { "" };
        let sql = format!("SELECT t::text FROM {name} t {only} ORDER BY 1");
        contents.insert(name.to_owned(), sqlx::query_scalar(&sql).fetch_all(pool).await.unwrap());
    }
    contents
}

/// Asserts that two databases have equal contents, and shows the differences in short.
#[track_caller]
fn assert_same(one: &BTreeMap<String, Vec<String>>, other: &BTreeMap<String, Vec<String>>) {
    for (table, rows) in one {
        let first = rows.iter().zip(&other[table]).find(|(one, other)| one != other);
        assert_eq!((rows.len(), first), (other[table].len(), None), "{table}");
    }
}

/// Waits until all followers of the log have caught up.
async fn settled(pool: &PgPool) {
    let behind = "SELECT (SELECT count(*) FROM checkpoints c WHERE c.position < h.position) + \
                  (SELECT count(*) FROM personal_data_progress p WHERE p.position < h.position) + \
                  (SELECT count(*) = 0 FROM checkpoints)::int FROM event_log_head h";
    eventually("all followers are at the head", || async {
        (sqlx::query_scalar::<_, i64>(behind).fetch_one(pool).await.unwrap() == 0).then_some(())
    })
    .await;
}

async fn verified(url: &str) {
    let output = run(url, &["projections", "verify"]).await;
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stdout));
}

/// A signed-in account at a process on a restored database, where old sessions are invalid.
async fn signed_in(process: &Process, database: &Database, email: &str) -> Api {
    let token = done(&run(&database.url, &["token", email]).await);
    Api::new(&process.base).with_token(token.trim())
}

fn water() -> Value {
    basket("P1", "TAKEAWAY", &[side("WATER", 1)])
}

#[tokio::test]
async fn classifies_each_table() {
    let database = Database::create().await;
    let there: Vec<String> = sqlx::query_scalar(
        "SELECT relname::text FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p') \
         AND relname <> '_sqlx_migrations' ORDER BY 1",
    )
    .fetch_all(&database.pool)
    .await
    .unwrap();
    let mut classified: Vec<String> = tables::all().map(|table| table.name.to_owned()).collect();
    classified.sort();
    assert_eq!(classified, there, "crates/backup/src/tables.rs says what a backup has of each table");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_under_load_restores_the_same_contents() {
    let (dir, demo) = (Dir::new(), Demo::create().await);
    let process = Process::serve(&demo.database.url).await;
    let customer = demo.person(&process.base, "customer1");
    let (cook, manager) =
        (demo.person(&process.base, "pizzaiolo1.p1"), demo.person(&process.base, "manager.p1"));
    let order =
        with(basket("P1", "DELIVERY", &[pizza("MAR", "M", 2)]), json!({ "note": "à gauche \\ \"ici\"" }));
    let order = customer.placed(order).await;
    cook.step("startPreparation", &order).await;
    cook.step("markOrderReady", &order).await;
    manager.delivery_of(&order).await;
    let keyed = with(water(), json!({ "idempotencyKey": "again" }));
    let first = customer.placed(keyed.clone()).await;

    // Taken under load: the file holds one consistent state.
    let stop = Arc::new(AtomicBool::new(false));
    let ordering = {
        let (customer, stop) = (customer.clone(), stop.clone());
        tokio::spawn(async move {
            let mut orders = 0;
            while !stop.load(Ordering::Relaxed) {
                customer.placed(water()).await;
                orders += 1;
            }
            orders
        })
    };
    let busy = dir.file("busy.backup");
    done(&run(&demo.database.url, &["backup", &busy]).await);
    stop.store(true, Ordering::Relaxed);
    assert!(within(ordering).await.unwrap() > 0);
    let moment = bare().await;
    done(&run(&moment.url, &["restore", &busy]).await);
    verified(&moment.url).await;

    settled(&demo.database.pool).await;
    process.kill().await;
    let file = dir.file("whole.backup");
    let said = done(&run(&demo.database.url, &["backup", &file]).await);
    assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    let good = done(&run("postgres://127.0.0.1:1/none", &["backup", "--verify", &file]).await);
    let told = said.trim().split_once(": ").unwrap().1;
    assert!(good.contains(told) && good.contains("sha256"), "{said}{good}");

    let database = bare().await;
    let restored = done(&run(&database.url, &["restore", &file]).await);
    assert!(restored.contains("the database was empty") && restored.contains(told), "{restored}");
    assert_same(&contents(&database.pool).await, &contents(&demo.database.pool).await);
    verified(&database.url).await;
    assert_refuses_changes(&database.pool).await;
    let sessions: i64 =
        sqlx::query_scalar("SELECT (SELECT count(*) FROM sessions) + (SELECT count(*) FROM account_tokens)")
            .fetch_one(&database.pool)
            .await
            .unwrap();
    assert_eq!(sessions, 0, "a backup contains no session");

    // Positions, keys and reactors continue.
    let process = Process::serve(&database.url).await;
    let customer = signed_in(&process, &database, "customer1@ocpizza.example").await;
    let again = customer.placed(keyed).await;
    assert_eq!((&again["id"], &again["position"]), (&first["id"], &first["position"]));
    let head = last(&database.pool).await;
    let next = customer.placed(water()).await;
    assert!(tests::orders::position(&next["position"]) > head);
    assert_eq!(gapless(&database.pool).await, last(&database.pool).await);
}

async fn last(pool: &PgPool) -> i64 {
    sqlx::query_scalar("SELECT position FROM event_log_head").fetch_one(pool).await.unwrap()
}

/// Number of events; asserts that positions are gapless from 1.
async fn gapless(pool: &PgPool) -> i64 {
    let sql = "SELECT count(*), COALESCE(min(position), 1), COALESCE(max(position), 0) FROM events";
    let (count, first, last): (i64, i64, i64) = sqlx::query_as(sql).fetch_one(pool).await.unwrap();
    assert_eq!((first, count), (1, last));
    count
}

/// A program of the PostgreSQL installation.
fn beside_the_server(program: &str) -> std::process::Command {
    let path = private_postgres::program(program);
    std::process::Command::new(
        path.unwrap_or_else(|| panic!("{program} is not beside PostgreSQL's other programs")),
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dump_continues_in_another_cluster() {
    let (dir, demo) = (Dir::new(), Demo::create().await);
    let process = Process::serve(&demo.database.url).await;
    demo.person(&process.base, "customer1").placed(water()).await;
    process.kill().await;
    let dump = dir.file("dump");
    let dumped = beside_the_server("pg_dump")
        .args(["--format=custom", "--file", &dump, "--dbname", &demo.database.url])
        .output()
        .unwrap();
    assert!(dumped.status.success(), "{}", text(&dumped.stderr));

    let data_dir = PathBuf::from("/var/tmp").join(format!("ocpizza-other-cluster-{}", std::process::id()));
    let other = {
        let data_dir = data_dir.clone();
        tokio::task::spawn_blocking(move || {
            PrivatePostgres::start(Options {
                data_dir,
                durability: Durability::Fast,
                may_install: true,
                max_connections: 50,
                on_notice: Box::new(|_| {}),
                is_stopped: Box::new(|| false),
            })
        })
        .await
        .unwrap()
        .unwrap()
    };
    let url = other.database_url(private_postgres::DATABASE);
    let restored =
        beside_the_server("pg_restore").args(["--exit-on-error", "--dbname", &url, &dump]).output().unwrap();
    assert!(restored.status.success(), "{}", text(&restored.stderr));

    let pool = PgPool::connect(&url).await.unwrap();
    assert_same(&contents(&pool).await, &contents(&demo.database.pool).await);
    assert_refuses_changes(&pool).await;
    let migrated = done(&run(&url, &["migrate"]).await);
    assert!(migrated.contains("0 of them new"), "{migrated}");
    verified(&url).await;
    let before = last(&pool).await;
    let process = Process::serve(&url).await;
    let auditor = demo.person(&process.base, "auditor");
    let follow = "subscription($after: LogPosition) { eventAppended(after: $after) { position } }";
    let mut follower = auditor.subscribe(follow, json!({ "after": before.to_string() })).await;
    let placed = demo.person(&process.base, "customer1").placed(water()).await;
    let seen = follower.value().await;
    assert_eq!(tests::orders::position(&seen["position"]), before + 1);
    let seen = demo.person(&process.base, "customer1").order(&placed, "number", &placed["position"]).await;
    assert!(seen["number"].is_string(), "{seen}");
    assert_eq!(gapless(&pool).await, last(&pool).await);
    process.kill().await;
    pool.close().await;
    tokio::task::spawn_blocking(move || other.stop()).await.unwrap();
    let _ = tokio::task::spawn_blocking(move || {
        let _ = private_postgres::erase(&data_dir);
        std::fs::remove_dir_all(data_dir)
    })
    .await;
}
