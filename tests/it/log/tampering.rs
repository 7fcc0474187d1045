//! Changes of the log by the database's owner, without triggers, are found with their position.
//! `OCPIZZA_TAMPERED_EVENTS` sets the length of the log (5000 by default).

#![allow(clippy::print_stderr)] // says how far it has come, and how fast

use std::time::Instant;

use chrono::{DateTime, Utc};
use domain::LogPosition;
use sqlx::PgPool;
use tests::Database;
use tests::log::grow;
use transparency::{FindingKind, SealingKey, SignedHead, StoredEvent, TrustError, Until, seal};

use crate::log::sealing::{all_heads, key, now, seal_now, trusted};

/// Number of events, a multiple of a thousand.
fn length() -> i64 {
    let asked = std::env::var("OCPIZZA_TAMPERED_EVENTS").ok();
    asked.map_or(5_000, |asked| asked.parse().expect("a number")) / 1_000 * 1_000
}

/// A sealed log in a template database.
async fn sealed() -> (String, Vec<SignedHead>) {
    let database = Database::create().await;
    grow(&database.pool, length()).await;
    let began = Instant::now();
    seal_now(&database.pool, &key()).await;
    eprintln!("{} events sealed in {:.1?}", length(), began.elapsed());
    sqlx::query("VACUUM ANALYZE").execute(&database.pool).await.unwrap();
    let heads = all_heads(&database.pool).await;
    database.pool.close().await;
    (database.keep(), heads)
}

/// Executes statements as the superuser, without triggers.
async fn tamper(pool: &PgPool, statements: &str) {
    let statements =
        format!("SET session_replication_role = replica; {statements}; RESET session_replication_role");
    sqlx::raw_sql(&statements).execute(pool).await.unwrap();
}

/// Moves the events after a position.
fn shift(behind: i64, by: i64) -> String {
    format!(
        "UPDATE events SET position = 1000000000 + position WHERE position > {behind}; \
         UPDATE events SET position = position - 1000000000 + {by} WHERE position > 1000000000; \
         UPDATE event_log_head SET position = position + {by}"
    )
}

/// Cuts the log and the tree to a size, as if there had never been more.
fn cut(size: i64) -> String {
    let mut statements = format!(
        "DELETE FROM events WHERE position > {size}; DELETE FROM tree_heads WHERE size > {size}; \
         UPDATE event_log_head SET position = {size}; DELETE FROM tree_floor"
    );
    let mut hashes = size;
    for level in 0..8 {
        let (tile, bytes) = (hashes / 256, hashes % 256 * 32);
        statements += &format!(
            "; DELETE FROM tree_tiles WHERE level = {level} AND (tile > {tile} OR tile = {tile} AND {bytes} = 0); \
             UPDATE tree_tiles SET hashes = substring(hashes FOR {bytes}) WHERE level = {level} AND tile = {tile}"
        );
        hashes /= 256;
    }
    statements
}

/// Writes the hash of the changed event into the tree, as a forger would.
async fn fit_leaf(pool: &PgPool, position: i64) {
    type Row = (String, String, i64, String, String, DateTime<Utc>, String, String);
    let sql = "SELECT aggregate_type, aggregate_id, sequence, event_type, event_version, recorded_at, payload::text, \
               metadata::text FROM events WHERE position = $1";
    let row: Row = sqlx::query_as(sql).bind(position).fetch_one(pool).await.unwrap();
    let event = StoredEvent {
        position: LogPosition(position),
        aggregate_type: &row.0,
        aggregate_id: &row.1,
        sequence: row.2,
        event_type: &row.3,
        event_version: &row.4,
        recorded_at: row.5.timestamp_micros(),
        payload: &row.6,
        metadata: &row.7,
    };
    let index = position - 1;
    let sql =
        "UPDATE tree_tiles SET hashes = overlay(hashes PLACING $1 FROM $2) WHERE level = 0 AND tile = $3";
    let from = i32::try_from(index % 256 * 32 + 1).unwrap();
    sqlx::query(sql).bind(&event.hash().0[..]).bind(from).bind(index / 256).execute(pool).await.unwrap();
}

/// A change, its finding, and whether finding it needs published heads.
struct Case {
    what: &'static str,
    statements: String,
    first: i64,
    last: i64,
    wrong: FindingKind,
    published: bool,
}

fn case(what: &'static str, statements: impl Into<String>, at: i64, wrong: FindingKind) -> Case {
    Case { what, statements: statements.into(), first: at, last: at, wrong, published: false }
}

fn cases(at: i64) -> Vec<Case> {
    let end = length();
    let size = u64::try_from(end).unwrap();
    let only =
        |column: &str, value: &str| format!("UPDATE events SET {column} = {value} WHERE position = {at}");
    let other = "INSERT INTO events SELECT {at} + 1, aggregate_type, 'another', 1, event_type, event_version, \
                 recorded_at, payload, metadata FROM events WHERE position = {at}";
    let insert = |at: i64| other.replace("{at}", &at.to_string());
    vec![
        case(
            "one byte of a payload",
            only("payload", r#"replace(payload::text, '"note":"a', '"note":"b')::json"#),
            at,
            FindingKind::NotTheSealed,
        ),
        case(
            "a space in a payload",
            only("payload", "(payload::text || ' ')::json"),
            at,
            FindingKind::NotTheSealed,
        ),
        case(
            "metadata",
            only("metadata", "replace(metadata::text, 'SYSTEM', 'AUDITOR')::json"),
            at,
            FindingKind::NotTheSealed,
        ),
        case(
            "the time",
            only("recorded_at", "recorded_at + interval '1 microsecond'"),
            at,
            FindingKind::NotTheSealed,
        ),
        case("the type", only("event_type", "'Other'"), at, FindingKind::NotTheSealed),
        case("an impossible time", only("recorded_at", "'infinity'"), at, FindingKind::NotTheSealed),
        case("removed", format!("DELETE FROM events WHERE position = {at}"), at, FindingKind::Missing),
        case(
            "removed, and the others moved up",
            format!("DELETE FROM events WHERE position = {at}; {}", shift(at, -1)),
            at,
            FindingKind::NotTheSealed,
        ),
        case("inserted", format!("{}; {}", shift(at, 1), insert(at)), at + 1, FindingKind::NotTheSealed),
        case(
            "inserted beside another",
            format!(
                "DROP INDEX events_position; {}",
                insert(at).replace("{at} + 1", "{at}").replacen(" + 1", "", 1)
            ),
            at,
            FindingKind::Twice,
        ),
        case(
            "two swapped",
            format!(
                "UPDATE events SET position = 2000000000 WHERE position = {at}; \
                 UPDATE events SET position = {at} WHERE position = {at} + 7; \
                 UPDATE events SET position = {at} + 7 WHERE position = 2000000000"
            ),
            at,
            FindingKind::NotTheSealed,
        ),
        Case {
            last: end,
            ..case(
                "the tail is cut off",
                format!("DELETE FROM events WHERE position > {}", end - 300),
                end - 299,
                FindingKind::CutOff { size, given: false },
            )
        },
        Case {
            last: end,
            published: true,
            ..case(
                "the tail is cut off with its heads, behind a published one",
                cut(end - 1_000),
                end - 999,
                FindingKind::CutOff { size, given: true },
            )
        },
        case(
            "a stored hash",
            format!(
                "UPDATE tree_tiles SET hashes = set_byte(hashes, {0}, 255 - get_byte(hashes, {0})) \
                 WHERE level = 0 AND tile = {1}",
                (at - 1) % 256 * 32,
                (at - 1) / 256
            ),
            at,
            FindingKind::StoredHash,
        ),
        Case {
            last: end,
            ..case(
                "a head is gone",
                format!("DELETE FROM tree_heads WHERE size = {}", end - 1_000),
                end - 1_999,
                FindingKind::HeadsMissing,
            )
        },
        Case {
            last: end,
            ..case(
                "the last head is gone",
                format!("DELETE FROM tree_heads WHERE size = {end}"),
                end - 999,
                FindingKind::HeadGone,
            )
        },
        Case {
            last: end + 1,
            ..case(
                "the log's own row",
                "UPDATE event_log_head SET position = position + 1",
                end + 1,
                FindingKind::LogHead(size + 1),
            )
        },
    ]
}

async fn verify(pool: &PgPool, given: &[SignedHead]) -> transparency::Report {
    transparency::verify(pool, &trusted(pool).await, given, &mut |_, _| {}).await.unwrap()
}

#[tokio::test]
async fn finds_each_change_of_the_log_and_names_its_position() {
    let (template, heads) = sealed().await;
    let untouched = Database::copy_of(&template).await;
    let began = Instant::now();
    let report = verify(&untouched.pool, &heads).await;
    let rate = report.events as f64 / began.elapsed().as_secs_f64();
    eprintln!("{} events verified, {rate:.0} a second", report.events);
    assert_eq!(report.finding, None);
    assert_eq!((report.heads, report.given), (heads.len() as u64, heads.len() as u64));

    for Case { what, statements, first, last, wrong, published } in cases(length() / 2 + 137) {
        let database = Database::copy_of(&template).await;
        tamper(&database.pool, &statements).await;
        if published {
            assert_eq!(
                verify(&database.pool, &[]).await.finding,
                None,
                "{what}: not detectable without published heads"
            );
        }
        let given = if published { &heads[..] } else { &[] };
        let finding = verify(&database.pool, given).await.finding;
        let finding = finding.unwrap_or_else(|| panic!("{what}: not found"));
        eprintln!("{what}: {finding}");
        assert_eq!((finding.first.0, finding.last.0, finding.wrong), (first, last, wrong), "{what}");
    }
    rewritten(&template, &heads).await;
    signed_again(&template, &heads).await;
}

/// With matching stored hashes, the head shows between which positions the change is.
async fn rewritten(template: &str, heads: &[SignedHead]) {
    let at = length() / 2 + 137;
    let (before, behind) = (at / 1_000 * 1_000, at / 1_000 * 1_000 + 1_000);
    let database = Database::copy_of(template).await;
    let changed = format!("UPDATE events SET payload = (payload::text || ' ')::json WHERE position = {at}");
    tamper(&database.pool, &changed).await;
    fit_leaf(&database.pool, at).await;
    let finding = verify(&database.pool, &[]).await.finding.unwrap();
    eprintln!("a payload and its stored hash: {finding}");
    assert_eq!((finding.first.0, finding.last.0), (before + 1, behind));
    let size = u64::try_from(behind).unwrap();
    let key_id = heads[0].key_id;
    assert_eq!(finding.wrong, FindingKind::NotOfHead { size, given: false, key: key_id });
}

/// Heads signed by another key: one of them, or all over a changed log.
async fn signed_again(template: &str, heads: &[SignedHead]) {
    let other = SealingKey::from_seed(&[66; 32]);
    let database = Database::copy_of(template).await;
    let pool = &database.pool;
    let head = heads[heads.len() / 2].head.clone();
    let (log, size) = (head.log, head.size);
    let forged = other.sign(head);
    let sql = "UPDATE tree_heads SET signature = $2, key_id = $3, public_key = $4 WHERE size = $1";
    let mut db = pool.acquire().await.unwrap();
    sqlx::raw_sql("SET session_replication_role = replica").execute(&mut *db).await.unwrap();
    let (first, last) =
        (LogPosition(i64::try_from(size).unwrap() - 999), LogPosition(i64::try_from(size).unwrap()));
    let ours = key().public(log);
    for (key_id, public, why) in [
        (forged.key_id, other.public(log), TrustError::UnknownKey(forged.key_id)),
        (ours.id(), ours.clone(), TrustError::BadSignature(ours.id())),
    ] {
        sqlx::query(sql)
            .bind(i64::try_from(size).unwrap())
            .bind(&forged.signature[..])
            .bind(key_id.to_string())
            .bind(&public.to_bytes()[..])
            .execute(&mut *db)
            .await
            .unwrap();
        let finding = verify(pool, &[]).await.finding.unwrap();
        eprintln!("a head signed again: {finding}");
        assert_eq!((finding.first, finding.last, finding.wrong), (first, last, FindingKind::Head(why)));
    }

    // All heads anew, over a changed event.
    let at = length() / 2 + 137;
    let database = Database::copy_of(template).await;
    let pool = &database.pool;
    let changed = format!(
        "UPDATE events SET payload = (payload::text || ' ')::json WHERE position = {at}; \
         DELETE FROM tree_heads; DELETE FROM tree_tiles; DELETE FROM tree_floor"
    );
    tamper(pool, &changed).await;
    let mut db = pool.acquire().await.unwrap();
    seal(&mut db, &other, Until::Now, now()).await.unwrap();
    let finding = verify(pool, &[]).await.finding.unwrap();
    eprintln!("all heads signed again: {finding}");
    assert_eq!((finding.first.0, finding.last.0), (1, 1000));
    assert_eq!(finding.wrong, FindingKind::Head(TrustError::UnknownKey(other.public(log).id())));
    let finding = verify(pool, heads).await.finding.unwrap();
    eprintln!("all heads signed again, and heads were kept: {finding}");
    let before = at / 1_000 * 1_000;
    assert_eq!((finding.first.0, finding.last.0), (before + 1, before + 1_000));
    assert!(matches!(finding.wrong, FindingKind::NotOfHead { given: true, .. }));

    // Heads of another log or key are refused, not compared.
    let trusted = trusted(pool).await;
    let strange = heads.last().unwrap().head.clone();
    let elsewhere = key().sign(transparency::TreeHead { log: sqlx::types::Uuid::nil(), ..strange.clone() });
    for given in [elsewhere, other.sign(strange)] {
        let refused = transparency::verify(pool, &trusted, &[given], &mut |_, _| {}).await;
        assert!(matches!(refused, Err(transparency::VerifyError::Given { .. })), "{refused:?}");
    }
}

#[tokio::test]
async fn finds_a_gap_in_a_sequence_before_sealing() {
    let database = Database::create().await;
    let pool = &database.pool;
    grow(pool, 100).await;
    tamper(pool, "UPDATE events SET sequence = 9 WHERE position = 43").await;
    let report = verify(pool, &[]).await;
    let finding = report.finding.unwrap();
    // 44 follows 42: the gap shows at 43.
    assert_eq!((finding.first.0, finding.wrong), (43, FindingKind::Sequence));
}
