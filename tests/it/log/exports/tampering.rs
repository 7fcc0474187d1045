//! Exports that were tampered with, before both verifiers.

use domain::LogPosition;
use export::{Format, Selection};
use serde_json::Value;
use transparency::{SealingKey, StoredEvent};

use super::support::{Auditor, Edit};
use super::{between, of_stream, of_types};

const FORMATS: [Format; 2] = [Format::Jsonl, Format::Csv];

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
    let hash = super::support::block_hash(&copy.lines()[..256]).to_string();
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
