//! Exports, intact and tampered with, before both verifiers: the program's and the Python script for auditors.
//! Their verdicts are equal.

mod support;

use domain::LogPosition;
use export::{Format, Selection};
use serde_json::Value;
use tests::Shop;
use tests::processes::run;
use transparency::{SealingKey, StoredEvent};

use support::{Auditor, Edit};

const FORMATS: [Format; 2] = [Format::Jsonl, Format::Csv];

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

/// A line with one change.
fn altered(line: &str, from: &str, to: &str) -> String {
    assert!(line.contains(from), "{from} in {line}");
    line.replacen(from, to, 1)
}

/// One microsecond later.
fn later(line: &str) -> String {
    let end = line.find('Z').unwrap();
    let digit = if &line[end - 1..end] == "9" { "8" } else { "9" };
    format!("{}{digit}{}", &line[..end - 1], &line[end..])
}

/// Changes of a forger, with the row that the verdict must name; `None` where it names a place without a row.
fn tamperings() -> Vec<(&'static str, Edit, &'static str)> {
    fn edit(change: impl Fn(&mut Vec<String>) + Send + Sync + 'static) -> Edit {
        Box::new(change)
    }
    vec![
        (
            "a byte of a payload",
            edit(|l| l[3] = altered(&l[3], "placement", "placemenu")),
            "row 4, position 4",
        ),
        (
            "an event's type",
            edit(|l| l[3] = altered(&l[3], "OrderPlaced", "OrderPlaceb")),
            "row 4, position 4",
        ),
        (
            "an event's metadata",
            edit(|l| l[3] = altered(&l[3], "placeOrder", "placeOrbit")),
            "row 4, position 4",
        ),
        ("an event's time", edit(|l| l[3] = later(&l[3])), "row 4, position 4"),
        ("a line that is gone", edit(|l| drop(l.remove(9))), "row 10: position 11 where 10 must be"),
        ("two lines swapped", edit(|l| l.swap(9, 10)), "row 10: position 11 where 10 must be"),
        ("a line put in", edit(|l| l.insert(9, l[8].clone())), "row 10: position 9 where 10 must be"),
        ("the tail cut off", edit(|l| l.truncate(l.len() - 1)), "the events end before position "),
        (
            "a line at the end",
            edit(|l| l.push(l[l.len() - 1].clone())),
            "more events than the proof speaks of",
        ),
        ("a line that is none", edit(|l| l[9] = "nothing".to_owned()), "row 10 is not an event"),
    ]
}

#[tokio::test]
async fn both_verifiers_name_each_change_of_the_events() {
    let auditor = Auditor::with_log().await;
    for format in FORMATS {
        let good = auditor.export("good", &Selection::default(), format).await;
        for (what, edit, place) in tamperings() {
            let copy = good.copy("events");
            copy.edit(&edit);
            let said = copy.refused(what).await;
            assert!(said.contains(place), "{what}: {said}");
            // With recomputed checksums, it is found at the same place.
            copy.mend();
            assert_eq!(copy.refused(what).await, said, "{what}");
        }
    }
}

#[tokio::test]
async fn recomputed_hashes_do_not_match_the_tree() {
    let auditor = Auditor::with_log().await;
    let good = auditor.export("good", &Selection::default(), Format::Jsonl).await;
    let copy = good.copy("forged");
    copy.edit(
        &(Box::new(|lines: &mut Vec<String>| {
            let mut row: export::Row = serde_json::from_str(&lines[3]).unwrap();
            row.payload = row.payload.replacen("P1", "P2", 1);
            let recorded_at = row.recorded_at.parse::<chrono::DateTime<chrono::Utc>>().unwrap();
            let leaf = StoredEvent {
                position: LogPosition(row.position),
                aggregate_type: &row.aggregate_type,
                aggregate_id: &row.aggregate_id,
                sequence: row.sequence,
                event_type: &row.event_type,
                event_version: &row.event_version,
                recorded_at: recorded_at.timestamp_micros(),
                payload: &row.payload,
                metadata: &row.metadata,
            };
            row.leaf_hash = leaf.hash().to_string();
            lines[3] = serde_json::to_string(&row).unwrap();
        }) as Edit),
    );
    copy.mend();
    let said = copy.refused("an event and its hash").await;
    assert!(said.contains("positions 1 to 256: the events are not those"), "{said}");
    // With a recomputed tree hash, the signature shows it.
    let hash = support::block_hash(&copy.lines()[..256]).to_string();
    copy.edit_tree(|lines| {
        let old: Value = serde_json::from_str(&lines[0]).unwrap();
        lines[0] = lines[0].replace(old["hash"].as_str().unwrap(), &hash);
    });
    copy.mend();
    let said = copy.refused("an event, its hash and the tree").await;
    assert!(said.contains("do not lead to the signed head"), "{said}");
}

#[tokio::test]
async fn both_verifiers_name_each_change_of_the_proof() {
    let auditor = Auditor::with_log().await;
    let good = auditor.export("good", &between("7", "300"), Format::Csv).await;
    let proof = good.proof();
    let log = proof["log_id"].as_str().unwrap().to_owned();
    let text = |name: &str| proof[name].to_string();
    let other_log = log.replace(&log[..1], if log.starts_with('0') { "1" } else { "0" });
    let stranger = SealingKey::from_seed(&[7; 32]);
    let signed = transparency::parse_notes(proof["head"].as_str().unwrap()).unwrap().remove(0);
    let forged = stranger.sign(signed.head.clone()).to_string();
    let strangers_key = stranger.public(signed.head.log).to_string();
    let quoted = |text: &str| Value::from(text).to_string();
    for (what, from, to, place) in [
        ("a count", "\"sealed\": 294".to_owned(), "\"sealed\": 293".to_owned(), "there are 294"),
        ("another log", quoted(&log), quoted(&other_log), "the log is "),
        ("a head of another key", text("head"), quoted(&forged), "the head is not signed with the key"),
        ("another key", text("public_key"), quoted(&strangers_key), "not one that was given"),
        ("a shorter range", "\"from\": 7".to_owned(), "\"from\": 8".to_owned(), "are not as the proof says"),
        ("a longer range", "\"to\": 300".to_owned(), "\"to\": 301".to_owned(), "are not as the proof says"),
        ("a filter", "\"types\": []".to_owned(), "\"types\": [\"X\"]".to_owned(), "none of those"),
        ("no filter at all", "\"types\": []".to_owned(), "\"types\": 1".to_owned(), "the proof is damaged"),
    ] {
        let copy = good.copy("proof");
        copy.edit_proof(&from, &to);
        let said = copy.refused(what).await;
        assert!(said.contains("the proof is damaged"), "{what}: {said}");
        copy.mend();
        let said = copy.refused(what).await;
        assert!(said.contains(place), "{what}: {said}");
    }
    // A foreign key and head match each other: only a known key shows the forgery.
    let copy = good.copy("stranger");
    copy.edit_proof(&text("head"), &quoted(&forged));
    copy.edit_proof(&text("public_key"), &quoted(&strangers_key));
    copy.mend();
    assert!(copy.refused("a stranger's signature").await.contains("not one that was given"));
    let trusting = copy.trusting().accepted().await;
    assert!(trusting.contains("shows only that the export agrees with itself"), "{trusting}");
}

#[tokio::test]
async fn both_verifiers_name_each_change_of_the_tree() {
    let auditor = Auditor::with_log().await;
    for (selection, what) in [(Selection::default(), "all"), (of_stream(), "a stream"), (of_types(), "types")]
    {
        let good = auditor.export("good", &selection, Format::Jsonl).await;
        let lines = good.tree_lines();
        for at in [0, lines.len() / 2, lines.len() - 1] {
            let copy = good.copy("hash");
            let old: Value = serde_json::from_str(&lines[at]).unwrap();
            let hash = old["hash"].as_str().unwrap();
            let other = if let Some(rest) = hash.strip_prefix('A') {
                format!("B{rest}")
            } else {
                format!("A{}", &hash[1..])
            };
            copy.edit_tree(|lines| lines[at] = lines[at].replace(hash, &other));
            copy.mend();
            copy.refused(&format!("{what}: a hash of the tree")).await;
            let copy = good.copy("line");
            copy.edit_tree(|lines| drop(lines.remove(at)));
            copy.mend();
            copy.refused(&format!("{what}: a line of the tree is gone")).await;
        }
    }
}

#[tokio::test]
async fn finds_any_changed_byte() {
    let auditor = Auditor::with_log().await;
    let mut seed = 20_261_124_u64;
    // Pseudo-random numbers (Knuth's MMIX), equal in each run.
    let mut random = move |below: usize| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(seed >> 33).unwrap() % below
    };
    for (selection, format) in [(between("7", "60"), Format::Jsonl), (of_types(), Format::Csv)] {
        let good = auditor.export("good", &selection, format).await;
        for n in 0..30 {
            let copy = good.copy("flipped");
            let file = match n % 3 {
                0 => &copy.paths.events,
                1 => &copy.paths.tree,
                _ => &copy.paths.proof,
            };
            let mut bytes = std::fs::read(file).unwrap();
            let at = random(bytes.len());
            bytes[at] ^= u8::try_from(1 + random(255)).unwrap();
            std::fs::write(file, bytes).unwrap();
            copy.rejected(&format!("byte {at} of {}", file.display())).await;
        }
    }
}

#[tokio::test]
async fn verifies_parquet_like_the_other_formats() {
    let auditor = Auditor::with_log().await;
    let good = auditor.export("good", &Selection::default(), Format::Parquet).await;
    let other = auditor.export("other", &between("1", "300"), Format::Parquet).await;
    let copy = good.copy("cut");
    std::fs::copy(&other.paths.events, &copy.paths.events).unwrap();
    copy.mend();
    let said = copy.rejected("the tail cut off").await;
    assert!(said.contains("the events end before position 301"), "{said}");
    let copy = good.copy("flipped");
    let mut bytes = std::fs::read(&copy.paths.events).unwrap();
    let at = bytes.len() / 2;
    bytes[at] ^= 1;
    std::fs::write(&copy.paths.events, bytes).unwrap();
    copy.rejected("a byte").await;
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
    let directory = std::env::temp_dir().join(format!("ocpizza-export-command-{}", std::process::id()));
    std::fs::create_dir_all(&directory).unwrap();
    let file = directory.join("all.jsonl");
    let (file, dir) = (file.to_str().unwrap(), directory.to_str().unwrap());
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
        let file = directory.join(format!("events.{format}"));
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
    std::fs::remove_dir_all(directory).unwrap();
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
