//! Migrations on a database in use: they wait for locks and block others only briefly, and an older release
//! continues to serve.

use std::borrow::Cow;
use std::time::Duration;

use event_store::MIGRATOR;
use event_store::migrate::{self, MigrateError, MigrationState, Patience, Rehearsal};
use serde_json::json;
use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx::{Connection, Executor, PgConnection, PgPool};
use tests::orders::{basket, side};
use tests::processes::{Process, run};
use tests::{Database, Demo, within};

use crate::log::pizzas::{margherita, open, order_id, stock_for};
use crate::read_models::projections::store;

/// The last migration written before the rules.
const BEFORE_THE_RULES: i64 = 10;

fn migration(version: i64, sql: &'static str) -> Migration {
    let no_tx = sql.starts_with("-- no-transaction");
    Migration::new(version, "of a test".into(), MigrationType::Simple, sql.into(), no_tx)
}

/// The program's migrations and one more.
fn with(sql: &'static str) -> Migrator {
    let migrations = MIGRATOR.iter().cloned().chain([migration(9999, sql)]).collect();
    Migrator { migrations: Cow::Owned(migrations), ..Migrator::DEFAULT }
}

fn patience() -> Patience {
    Patience {
        turn: Duration::from_secs(30),
        lock: Duration::from_millis(200),
        tries: 1000,
        pause: Duration::from_millis(20),
    }
}

async fn connect(url: &str) -> PgConnection {
    PgConnection::connect(url).await.unwrap()
}

async fn column(pool: &PgPool, table: &str, name: &str) -> bool {
    let sql =
        "SELECT EXISTS (SELECT FROM information_schema.columns WHERE table_name = $1 AND column_name = $2)";
    sqlx::query_scalar(sql).bind(table).bind(name).fetch_one(pool).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_migration_retries_for_its_lock_while_writers_pass() {
    let database = Database::create().await;
    let store = store(&database);
    open(&store, stock_for(100)).await;
    let mut reader = database.pool.begin().await.unwrap();
    reader.execute("LOCK TABLE events IN ACCESS SHARE MODE").await.unwrap();

    let (told, mut heard) = tokio::sync::mpsc::unbounded_channel();
    let migrating = {
        let url = database.url.clone();
        tokio::spawn(async move {
            let migrator = with("ALTER TABLE events ADD COLUMN note text");
            let mut told = |line: &str| told.send(line.to_owned()).unwrap();
            migrate::run(&mut connect(&url).await, &migrator, patience(), &mut told).await
        })
    };
    for _ in 0..5 {
        let line = within(heard.recv()).await.unwrap();
        assert!(line.contains("migration 9999 of a test waits for locks"), "{line}");
        // While the lock is held throughout: a writer waits no longer than one try.
        assert_eq!(within(crate::log::pizzas::run(&store, margherita(order_id()))).await.refusal, None);
    }
    assert!(!migrating.is_finished());
    reader.rollback().await.unwrap();
    assert_eq!(within(migrating).await.unwrap().unwrap(), ["9999 of a test"]);
    assert!(column(&database.pool, "events", "note").await);
    // An older program continues with its prepared statements.
    assert_eq!(crate::log::pizzas::run(&store, margherita(order_id())).await.refusal, None);
}

#[tokio::test]
async fn a_migration_without_its_lock_gives_up_and_changes_nothing() {
    let database = Database::create().await;
    let mut reader = database.pool.begin().await.unwrap();
    reader.execute("SET LOCAL application_name = 'a long report'; SELECT FROM events").await.unwrap();
    let migrator = with("CREATE TABLE half (id int); ALTER TABLE events ADD COLUMN note text");
    let mut db = connect(&database.url).await;
    let twice = Patience { tries: 2, ..patience() };
    let failed = migrate::run(&mut db, &migrator, twice, &mut |_| {}).await.unwrap_err();
    let line = failed.to_string();
    assert!(matches!(failed, MigrateError::Locked { tries: 2, .. }), "{failed:?}");
    assert!(line.contains("9999 of a test") && line.contains("a long report"), "{line}");
    assert!(!column(&database.pool, "half", "id").await);
    // The migration lock is free again.
    reader.rollback().await.unwrap();
    migrate::run(&mut connect(&database.url).await, &migrator, twice, &mut |_| {}).await.unwrap();
}

#[tokio::test]
async fn a_failing_migration_changes_nothing_and_the_old_release_serves() {
    let demo = Demo::create().await;
    let process = Process::serve(&demo.database.url).await;
    let customer = demo.person(&process.base, "customer1");
    customer.placed(basket("P1", "TAKEAWAY", &[side("WATER", 1)])).await;

    let migrator = with("CREATE TABLE half (id int); SELECT 1 / 0");
    let mut db = connect(&demo.database.url).await;
    let failed = migrate::run(&mut db, &migrator, patience(), &mut |_| {}).await.unwrap_err();
    assert!(matches!(failed, MigrateError::Failed { .. }), "{failed:?}");
    assert!(!column(&demo.database.pool, "half", "id").await);

    // The same by the program: its last migration fails, because the object exists.
    let last = MIGRATOR.iter().rfind(|migration| !migration.no_tx).unwrap().version;
    let forget = sqlx::query("DELETE FROM _sqlx_migrations WHERE version = $1").bind(last);
    forget.execute(&demo.database.pool).await.unwrap();
    let output = run(&demo.database.url, &["migrate"]).await;
    let line = String::from_utf8(output.stderr).unwrap();
    assert_eq!((output.status.code(), line.lines().count()), (Some(1), 1), "{line}");
    assert!(line.contains("failed, nothing of it is applied, and what runs goes on"), "{line}");
    customer.placed(basket("P1", "TAKEAWAY", &[side("WATER", 1)])).await;
}

#[tokio::test]
async fn waits_for_another_migration_and_names_its_process() {
    let database = Database::create().await;
    let mut other = connect(&database.url).await;
    other
        .execute("SET application_name = 'deployer'; SELECT pg_advisory_lock(31353056872004193)")
        .await
        .unwrap();
    let output = run(&database.url, &["migrate", "--wait", "0.3"]).await;
    let line = String::from_utf8(output.stderr).unwrap();
    assert_eq!((output.status.code(), line.lines().count()), (Some(1), 1), "{line}");
    assert!(line.contains("another process migrates this database") && line.contains("(deployer)"), "{line}");
    other.close().await.unwrap();
    assert_eq!(run(&database.url, &["migrate"]).await.status.code(), Some(0));
}

#[tokio::test]
async fn rebuilds_a_concurrent_index_after_an_interruption() {
    let database = Database::create().await;
    let store = store(&database);
    open(&store, stock_for(10)).await;
    // The remains of an interrupted migration: an index with the name, on other columns.
    database.pool.execute("CREATE INDEX events_at ON events (event_type)").await.unwrap();
    let sql = "-- no-transaction\nCREATE INDEX CONCURRENTLY events_at ON events (recorded_at)";
    let migrator = with(sql);
    let rehearsed = migrate::rehearse(&mut connect(&database.url).await, &migrator, patience(), &mut |_| {})
        .await
        .unwrap();
    assert_eq!(rehearsed, [Rehearsal::Untried("9999 of a test".into(), sql.into())]);
    // Two at a time: the waiting one holds nothing that the index would wait for.
    let (mut one, mut other) = (connect(&database.url).await, connect(&database.url).await);
    let (mut quiet, mut still) = (|_: &str| {}, |_: &str| {});
    let (one, other) = within(async {
        tokio::join!(
            migrate::run(&mut one, &migrator, patience(), &mut quiet),
            migrate::run(&mut other, &migrator, patience(), &mut still),
        )
    })
    .await;
    assert_eq!(one.unwrap().len() + other.unwrap().len(), 1);
    let made: String = sqlx::query_scalar("SELECT indexdef FROM pg_indexes WHERE indexname = 'events_at'")
        .fetch_one(&database.pool)
        .await
        .unwrap();
    assert!(made.contains("(recorded_at)"), "{made}");
}

#[tokio::test]
async fn status_and_dry_run_change_nothing() {
    let database = Database::create().await;
    // A migration that can be rehearsed; building an index concurrently can not.
    let last = MIGRATOR.iter().rfind(|migration| !migration.no_tx).unwrap();
    let name = format!("{:04} {}", last.version, last.description);
    let pool = &database.pool;
    pool.execute("INSERT INTO _sqlx_migrations VALUES (9999, 'of tomorrow', now(), true, '', 0)")
        .await
        .unwrap();
    let status = |url: String| async move {
        let output = run(&url, &["migrate", "--status"]).await;
        (
            output.status.code(),
            String::from_utf8(output.stdout).unwrap(),
            String::from_utf8(output.stderr).unwrap(),
        )
    };
    let (code, said, _) = status(database.url.clone()).await;
    assert_eq!(code, Some(0), "{said}");
    let line = |said: &str, of: &str| said.lines().find(|line| line.starts_with(of)).unwrap().to_owned();
    assert!(line(&said, &name).contains(" applied "), "{said}");
    assert!(line(&said, "9999 of tomorrow").contains(" unknown "), "{said}");
    // After a newer program, this one has nothing to do and reports it.
    let migrated = run(&database.url, &["migrate"]).await;
    assert!(String::from_utf8(migrated.stdout).unwrap().starts_with("1 migrations are of a newer program"));

    let fresh = Database::create().await;
    fresh.pool.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public").await.unwrap();
    let (code, said, _) = status(fresh.url.clone()).await;
    assert_eq!(code, Some(0), "{said}");
    assert!(line(&said, &name).contains(" pending "), "{said}");
    let tried = run(&fresh.url, &["migrate", "--dry-run"]).await;
    let said = String::from_utf8(tried.stdout).unwrap();
    assert_eq!(tried.status.code(), Some(0), "{said}");
    assert!(said.contains(&format!("would apply {name}")), "{said}");
    let tables: i64 = sqlx::query_scalar("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'")
        .fetch_one(&fresh.pool)
        .await
        .unwrap();
    assert_eq!(tables, 0);

    sqlx::query("UPDATE _sqlx_migrations SET checksum = 'x' WHERE version = $1")
        .bind(last.version)
        .execute(pool)
        .await
        .unwrap();
    let (code, said, error) = status(database.url.clone()).await;
    assert_eq!((code, error.contains(&name)), (Some(1), true), "{said}{error}");
    assert!(line(&said, &name).contains(" differs "), "{said}");
    let refused = run(&database.url, &["migrate"]).await;
    assert!(String::from_utf8(refused.stderr).unwrap().contains("was changed after it had been applied"));
}

/// Columns of the existing tables: table, column, type, whether nullable or with a default.
async fn columns(db: &mut PgConnection) -> Vec<(String, String, String, bool)> {
    let sql = "SELECT c.table_name::text, c.column_name::text, c.data_type::text, \
               c.is_nullable = 'YES' OR c.column_default IS NOT NULL OR c.is_identity = 'YES' \
               FROM information_schema.columns c WHERE c.table_schema = 'public' ORDER BY 1, 2";
    sqlx::query_as(sql).fetch_all(db).await.unwrap()
}

/// The file of each table, which changes when the table is rewritten.
async fn places(db: &mut PgConnection) -> Vec<(String, i64)> {
    let sql = "SELECT relname::text, relfilenode::bigint FROM pg_class \
               WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace ORDER BY 1";
    sqlx::query_as(sql).fetch_all(db).await.unwrap()
}

#[tokio::test]
async fn migrations_keep_the_columns_of_older_releases_and_rewrite_no_table() {
    let database = Database::create().await;
    database.pool.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public").await.unwrap();
    let mut db = connect(&database.url).await;
    for known in 1..=MIGRATOR.iter().count() {
        let (before, there) = (columns(&mut db).await, places(&mut db).await);
        let migrations: Vec<Migration> = MIGRATOR.iter().take(known).cloned().collect();
        let one = migrations[known - 1].clone();
        let migrator = Migrator { migrations: Cow::Owned(migrations), ..Migrator::DEFAULT };
        migrate::run(&mut db, &migrator, patience(), &mut |_| {}).await.unwrap();
        let contract = one.sql.lines().any(|line| line.starts_with("-- contract:"));
        if one.version <= BEFORE_THE_RULES || contract {
            continue;
        }
        let (after, moved) = (columns(&mut db).await, places(&mut db).await);
        for column in &before {
            assert!(after.contains(column), "{} takes {column:?} from an older program", one.version);
        }
        for column in after.iter().filter(|column| !before.contains(column)) {
            let old_table = before.iter().any(|(table, ..)| *table == column.0);
            assert!(!old_table || column.3, "{}: an older program cannot store {column:?}", one.version);
        }
        for place in &there {
            assert!(moved.contains(place), "{} rewrites {place:?}", one.version);
        }
    }
    let all = migrate::status(&mut db, &MIGRATOR).await.unwrap();
    assert!(all.iter().all(|one| matches!(one.state, MigrationState::Applied(_))), "{all:?}");
    // The triggers of the log exist after all migrations.
    let guards: i64 = sqlx::query_scalar(
        "SELECT count(*) FROM pg_trigger WHERE tgname = 'events_append_only' AND tgenabled = 'O'",
    )
    .fetch_one(&mut db)
    .await
    .unwrap();
    assert_eq!(guards, 1);
}

#[tokio::test]
async fn a_read_model_of_a_new_shape_is_filled_while_the_old_process_serves() {
    let demo = Demo::create().await;
    let old = Process::serve(&demo.database.url).await;
    let customer = demo.person(&old.base, "customer1");
    let first = customer.placed(basket("P1", "TAKEAWAY", &[side("WATER", 1)])).await;
    // Expand: a column of the new version, unknown to the old one.
    let migrator = with("ALTER TABLE order_details ADD COLUMN lateness bigint NOT NULL DEFAULT 0");
    migrate::run(&mut connect(&demo.database.url).await, &migrator, patience(), &mut |_| {}).await.unwrap();
    // Fill: beside the live table, while orders are placed and read.
    let rebuilding = run(&demo.database.url, &["projections", "rebuild", "order_details"]);
    let serving = async {
        for _ in 0..5 {
            let order = customer.placed(basket("P1", "TAKEAWAY", &[side("WATER", 1)])).await;
            let seen = customer.order(&order, "number", &order["position"]).await;
            assert!(seen["number"].is_string(), "{seen}");
        }
    };
    let (rebuilt, ()) = tokio::join!(rebuilding, serving);
    assert!(rebuilt.status.success(), "{}", String::from_utf8_lossy(&rebuilt.stderr));
    let seen = customer.order(&first, "number", &json!(null)).await;
    assert!(seen["number"].is_string(), "{seen}");
    assert!(column(&demo.database.pool, "order_details", "lateness").await);
    let verified = run(&demo.database.url, &["projections", "verify"]).await;
    assert!(verified.status.success(), "{}", String::from_utf8_lossy(&verified.stdout));
}
