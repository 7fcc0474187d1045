//! Exports, intact and tampered with, before both verifiers: the program's and the Python script for auditors.
//! Their verdicts are equal.

mod support;
mod tampering;

use export::{Format, Selection};
use serde_json::Value;
use tests::Shop;
use tests::processes::run;

use support::{Auditor, Edit};

fn of_stream() -> Selection {
    Selection { streams: vec!["stock:P1".to_owned()], ..Selection::default() }
}

fn of_types() -> Selection {
    Selection { types: vec!["OrderPlaced".to_owned(), "MenuPublished".to_owned()], ..Selection::default() }
}

fn between(from: &str, to: &str) -> Selection {
    Selection { from: Some(from.parse().unwrap()), to: Some(to.parse().unwrap()), ..Selection::default() }
}

#[tokio::test]
async fn exports_of_every_format_are_accepted() {
    let auditor = Auditor::with_log().await;
    let part = Selection { unsealed: true, from: "200".parse().ok(), to: None, ..Selection::default() };
    let selections = [Selection::default(), between("7", "300"), of_stream(), of_types(), part];
    for (n, selection) in selections.iter().enumerate() {
        for format in [Format::Jsonl, Format::Csv, Format::Parquet] {
            let copy = auditor.export(&format!("good{n}"), selection, format).await;
            let report = copy.accepted().await;
            assert!(report.contains("the one that was given"), "{report}");
            let is_whole = selection.streams.is_empty() && selection.types.is_empty();
            assert_eq!(report.contains("none missing"), is_whole, "{report}");
            assert_eq!(report.contains("nothing proves them yet"), selection.unsealed, "{report}");
        }
    }
}

#[tokio::test]
async fn exported_events_equal_the_log_byte_for_byte() {
    let auditor = Auditor::with_log().await;
    let copy = auditor.export("bytes", &Selection::default(), Format::Jsonl).await;
    let rows: Vec<(i64, String, String)> = sqlx::query_as(
        "SELECT position, payload::text, metadata::text FROM events WHERE position <= $1 ORDER BY position",
    )
    .bind(i64::try_from(auditor.size().await).unwrap())
    .fetch_all(&auditor.database.pool)
    .await
    .unwrap();
    let lines = copy.lines();
    assert_eq!(lines.len(), rows.len());
    for (line, (position, payload, metadata)) in lines.iter().zip(rows) {
        let row: Value = serde_json::from_str(line).unwrap();
        assert_eq!(row["position"], position);
        assert_eq!((row["payload"].as_str(), row["metadata"].as_str()), (Some(&*payload), Some(&*metadata)));
    }
}

#[tokio::test]
async fn finds_a_published_head_in_the_export_or_reports_it_missing() {
    let auditor = Auditor::with_log().await;
    let size = auditor.size().await;
    let first = auditor.head().await;
    auditor.grow().await;
    let second = auditor.head().await;
    let whole = auditor.export("whole", &Selection::default(), Format::Jsonl).await;
    let report = whole.compared_with(&[&first, &second]).accepted().await;
    assert!(report.contains(&format!("the head of {size} events is one of this log")), "{report}");

    let part = auditor.export("part", &between("7", "60"), Format::Jsonl).await;
    let said = part.compared_with(&[&first]).refused("a head among others").await;
    assert!(said.contains("export with --head to compare"), "{said}");
    let cut = auditor.export_cut("cut", &between("7", "60"), Format::Jsonl, &[size]).await;
    cut.compared_with(&[&first]).accepted().await;

    // A head published over a different log.
    let mut other = transparency::parse_notes(&first).unwrap().remove(0);
    other.head.root.0[0] ^= 1;
    let other = auditor.key.sign(other.head).to_string();
    let said = whole.compared_with(&[&other]).refused("another history").await;
    assert!(said.contains("is not one of this log"), "{said}");
    // With the end cut off after it.
    let older = Auditor::with_log().await;
    let export = older.export("older", &Selection::default(), Format::Jsonl).await;
    let said = export.compared_with(&[&second]).refused("the end cut off").await;
    assert!(said.contains("it is older, or its end was cut off"), "{said}");
}

#[tokio::test]
async fn the_command_writes_and_verifies_exports_and_refuses_bad_ones() {
    let shop = Shop::open().await;
    let (url, pool) = (&shop.database().url, &shop.database().pool);
    // An order with contact data, which is not exported.
    crate::api::deliveries::ready(&shop).await;
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("all.jsonl");
    let (file, dir) = (file.to_str().unwrap(), directory.path().to_str().unwrap());
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let export = ["audit", "export", "--output", file];
    let done = async |arguments: &[&str]| {
        let output = run(url, arguments).await;
        assert_eq!(output.status.code(), Some(0), "{arguments:?}: {}", text(&output.stderr));
        text(&output.stdout)
    };
    let refused = async |arguments: &[&str]| {
        let output = run(url, arguments).await;
        assert_eq!(output.status.code(), Some(1), "{arguments:?}: {}", text(&output.stdout));
        text(&output.stderr)
    };
    done(&["audit", "seal"]).await;
    assert!(done(&export).await.contains("all.jsonl.proof.json\n"));
    assert!(refused(&export).await.contains("is there already: --force replaces it"));
    done(&["audit", "export", "--output", file, "--force"]).await;
    let listed = std::fs::read_dir(dir).unwrap().count();
    assert_eq!(listed, 3, "nothing half-done is left");

    let key = done(&["audit", "key"]).await;
    let verify = ["audit", "verify", "--offline", file, "--public-key", key.trim()];
    // `verify` needs no database: this address does not exist.
    let offline = run("postgres://nobody@127.0.0.1:1/nothing", &verify).await;
    assert_eq!(offline.status.code(), Some(0), "{}", text(&offline.stderr));
    assert!(text(&offline.stdout).contains("none altered, none missing"));
    for format in ["csv", "parquet"] {
        done(&["audit", "export", "--output", dir, "--format", format]).await;
        let file = directory.path().join(format!("events.{format}"));
        done(&["audit", "verify", "--offline", file.to_str().unwrap()]).await;
    }
    let lines = done(&["audit", "export", "--output", "-", "--stream", "menu"]).await;
    assert!(
        lines.lines().count() > 0 && lines.lines().all(|line| line.contains("\"aggregate_type\":\"menu\""))
    );
    assert!(
        refused(&["audit", "export", "--output", dir, "--type", "Nothing"])
            .await
            .contains("no event is selected")
    );

    let exported = std::fs::read_to_string(file).unwrap();
    let personal: Vec<String> = sqlx::query_scalar(
        "SELECT DISTINCT value FROM contacts, unnest(ARRAY[name, phone, email, street, note]) AS value \
         WHERE length(value) > 3 UNION SELECT email FROM accounts UNION SELECT display_name FROM accounts",
    )
    .fetch_all(pool)
    .await
    .unwrap();
    assert!(personal.len() > 20, "{personal:?}");
    for value in personal {
        assert!(!exported.contains(&value), "an export holds {value}");
    }

    std::fs::write(file, exported.replacen("menu", "manu", 1)).unwrap();
    let said = refused(&verify).await;
    assert!(said.contains("the event is not the one that was exported"), "{said}");
    let wrong = run(url, &["audit", "verify", "--offline", file, "--public-key", "none"]).await;
    assert_eq!(wrong.status.code(), Some(2));
    // A changed log is not exported.
    let change = "UPDATE events SET metadata = '{}' WHERE position = 5";
    let mut db = pool.begin().await.unwrap();
    for sql in
        ["GRANT UPDATE ON events TO CURRENT_USER", "SET LOCAL session_replication_role = replica", change]
    {
        sqlx::query(sql).execute(&mut *db).await.unwrap();
    }
    db.commit().await.unwrap();
    assert!(refused(&["audit", "export", "--output", file, "--force"]).await.contains("audit verify"));
    assert!(std::fs::read_to_string(file).unwrap().contains("manu"), "nothing was replaced");
}

/// Appends an event with its bytes unchanged.
async fn append(auditor: &Auditor, stream: (&str, &str, i64), event: &str, payload: &str) {
    let (kind, id, sequence) = stream;
    sqlx::query(
        "WITH head AS (UPDATE event_log_head SET position = position + 1, \
             recorded_at = greatest(recorded_at, clock_timestamp()) RETURNING position, recorded_at) \
         INSERT INTO events SELECT position, $1, $2, $3, $4, '1.0.0', recorded_at, $5::json, '{}' FROM head",
    )
    .bind(kind)
    .bind(id)
    .bind(sequence)
    .bind(event)
    .bind(payload)
    .execute(&auditor.database.pool)
    .await
    .unwrap();
}

#[tokio::test]
async fn omits_a_valid_delivery_code_and_keeps_its_hash() {
    let auditor = Auditor::with_log().await;
    append(&auditor, ("order", "x", 1), "OrderPlaced", r#"{"placement":{"deliveryCode":"K-4711"}}"#).await;
    append(&auditor, ("delivery", "y", 1), "DeliveryScheduled", r#"{"code":"K-4711"}"#).await;
    append(&auditor, ("delivery", "z", 1), "DeliveryScheduled", r#"{"code":null}"#).await;
    auditor.grow().await;
    for format in [Format::Jsonl, Format::Csv, Format::Parquet] {
        let copy = auditor.export("codes", &Selection::default(), format).await;
        let report = copy.accepted().await;
        assert!(report.contains("redacted  2 events are without payload"), "{report}");
        assert!(report.contains("none missing"), "{report}");
        let bytes = std::fs::read(&copy.paths.events).unwrap();
        assert!(!bytes.windows(6).any(|six| six == b"K-4711"), "{format}");
    }
    let copy = auditor.export("codes", &Selection::default(), Format::Jsonl).await;
    let is_redacted = |line: &String| line.contains(r#""payload":"""#);
    assert_eq!(copy.lines().iter().filter(|line| is_redacted(line)).count(), 2);

    // Only an event with a code may lack its payload, and its hash is the tree's.
    let forged = copy.copy("blanked");
    let edit: Edit = Box::new(|lines| {
        let mut row: Value = serde_json::from_str(&lines[0]).unwrap();
        row["payload"] = "".into();
        lines[0] = row.to_string();
    });
    forged.edit(&edit);
    forged.mend();
    let said = forged.refused("another event without payload").await;
    assert!(said.starts_with("row 1, position 1: the event is not the one that was exported"), "{said}");
    let forged = copy.copy("other-hash");
    let edit: Edit = Box::new(|lines| {
        let other: Value = serde_json::from_str(&lines[0]).unwrap();
        let line = lines.iter_mut().find(|line| line.contains(r#""payload":"""#)).unwrap();
        let mut row: Value = serde_json::from_str(line).unwrap();
        row["leaf_hash"] = other["leaf_hash"].clone();
        *line = row.to_string();
    });
    forged.edit(&edit);
    forged.mend();
    let said = forged.refused("another hash of a redacted event").await;
    assert!(said.contains("the events are not those whose hash is in the tree"), "{said}");

    // Once the delivery is over, the export is complete.
    append(&auditor, ("order", "x", 2), "OrderDelivered", "{}").await;
    append(&auditor, ("delivery", "y", 2), "DeliveryCompleted", "{}").await;
    auditor.grow().await;
    let copy = auditor.export("over", &Selection::default(), Format::Jsonl).await;
    let report = copy.accepted().await;
    assert!(!report.contains("redacted"), "{report}");
    assert_eq!(copy.lines().iter().filter(|line| line.contains("K-4711")).count(), 2);
}
