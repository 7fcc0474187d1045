//! Tests of the definitions of events. `domain/fixtures/definitions.txt` has a line for each field of each version under
//! the release that brought it; `docs/events.md` is written from it. Lines are only added: a definition never changes
//! within a version, and what is added to it may be missing.
//!
//! `OCPIZZA_WRITE_EVENTS=1 cargo test -p domain catalogue` adds new lines and writes the document.

mod document;
mod source;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::*;
use crate::EventType;
use source::Source;

/// Heading of what no release has yet.
const UNRELEASED: &str = "Unreleased";

/// Line of the definitions: a field of a version of an event, or a value of an enumeration.
#[derive(Debug, Clone)]
struct Line {
    release: String,
    text: String,
}

impl Line {
    /// Event type, version, path and kind; `None` for the value of an enumeration.
    fn field(&self) -> Option<(&str, &str, &str, &str)> {
        let (field, kind) = self.text.split_once(": ")?;
        let mut words = field.split(' ');
        Some((words.next()?, words.next()?, words.next()?, kind))
    }

    /// Name and value of an enumeration.
    fn code(&self) -> Option<(&str, &str)> {
        self.text.split_once(" = ")
    }

    fn is_of(&self, event_type: &str, version: &str) -> bool {
        self.field().is_some_and(|(name, of, ..)| (name, of) == (event_type, version))
    }
}

fn folder() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn file() -> PathBuf {
    folder().join("fixtures/definitions.txt")
}

fn read(text: &str) -> Vec<Line> {
    let mut release = String::new();
    let mut lines = Vec::new();
    for text in text.lines().filter(|line| !line.is_empty()) {
        match text.strip_prefix("# ") {
            Some(heading) => heading.clone_into(&mut release),
            None => lines.push(Line { release: release.clone(), text: text.to_owned() }),
        }
    }
    lines
}

/// Returns the definitions of today's events, as the source has them.
fn defined(source: &Source) -> Vec<String> {
    let mut lines = Vec::new();
    let mut kinds = BTreeSet::new();
    for event_type in EventType::ALL.iter().map(|one| one.as_str()) {
        for field in source.event(event_type).1 {
            lines.push(format!(
                "{event_type} {} {}: {}",
                current_version(event_type),
                field.path,
                field.kind
            ));
            kinds.insert(field.kind);
        }
    }
    for kind in kinds {
        lines.extend(source.codes(&kind).into_iter().map(|code| format!("{kind} = {code}")));
    }
    lines
}

/// Returns the pinned lines that the definitions of today break.
fn broken(pinned: &[Line], defined: &[String]) -> Vec<String> {
    let today = |line: &&Line| match (line.field(), line.code()) {
        (Some((name, version, ..)), _) => {
            name.parse::<EventType>().is_ok() && version == current_version(name)
        }
        (None, Some((kind, _))) => defined.iter().any(|other| other.starts_with(&format!("{kind} = "))),
        (None, None) => true,
    };
    let lost = pinned.iter().filter(today).filter(|line| !defined.contains(&line.text));
    let lost = lost.map(|line| format!("{} (changed or removed within its version)", line.text));
    let added = added(pinned, defined).into_iter().filter(|line| {
        let Some((name, version, path, _)) = line.field() else { return false };
        let versions = pinned.iter().filter(|other| other.is_of(name, version));
        let paths: Vec<&str> = versions.filter_map(|other| other.field().map(|field| field.2)).collect();
        !paths.is_empty() && !is_optional_beside(path, &paths)
    });
    lost.chain(added.map(|line| format!("{} (added and not optional)", line.text))).collect()
}

/// Whether the first part of a path that is new beside other paths may be missing.
fn is_optional_beside(path: &str, others: &[&str]) -> bool {
    let ends = path.match_indices('.').map(|(at, _)| at).chain([path.len()]);
    let new = ends.map(|end| &path[..end]).find(|part| {
        let below = format!("{part}.");
        others.iter().all(|other| other != part && !other.starts_with(&below))
    });
    new.is_none_or(|part| part.trim_end_matches("[]").trim_end_matches("{}").ends_with('?'))
}

fn added(pinned: &[Line], defined: &[String]) -> Vec<Line> {
    let new = defined.iter().filter(|text| pinned.iter().all(|line| line.text != **text));
    new.map(|text| Line { release: UNRELEASED.to_owned(), text: text.clone() }).collect()
}

/// Returns the text of the definitions with new lines at its end.
fn with_added(text: &str, added: &[Line]) -> String {
    let heading = format!("# {UNRELEASED}\n");
    let mut text = text.to_owned();
    if !added.is_empty() && !text.contains(&heading) {
        text = format!("{text}\n{heading}");
    }
    added.iter().for_each(|line| text = format!("{text}{}\n", line.text));
    text
}

#[test]
fn the_catalogue_has_every_event_and_no_definition_changes_within_its_version() {
    let source = Source::read(&folder().join("src"));
    let text = std::fs::read_to_string(file()).unwrap();
    let (pinned, defined) = (read(&text), defined(&source));
    let broken = broken(&pinned, &defined);
    assert!(broken.is_empty(), "a new version needs an upcaster (docs/adding.md): {broken:#?}");
    let text = with_added(&text, &added(&pinned, &defined));
    let document = document::render(&read(&text), &source);
    let path = folder().join("../docs/events.md");
    if std::env::var_os("OCPIZZA_WRITE_EVENTS").is_some() {
        std::fs::write(file(), text).unwrap();
        std::fs::write(path, document).unwrap();
    } else {
        let stale = "stale: OCPIZZA_WRITE_EVENTS=1 cargo test -p domain catalogue";
        assert!(std::fs::read_to_string(file()).unwrap() == text, "definitions.txt is {stale}");
        assert!(std::fs::read_to_string(path).unwrap() == document, "docs/events.md is {stale}");
    }
}

#[test]
fn refuses_a_change_within_a_version() {
    let pinned = read("# 0.1.0\nOrderExpired 1.0.0 at: time\nOrderExpired 1.0.0 note?.id: id\nUnit = GRAM\n");
    let broken = |defined: &[&str]| {
        broken(&pinned, &defined.iter().map(ToString::to_string).collect::<Vec<_>>()).len()
    };
    let same = ["OrderExpired 1.0.0 at: time", "OrderExpired 1.0.0 note?.id: id", "Unit = GRAM"];
    assert_eq!(broken(&same), 0);
    assert_eq!(broken(&same[1..]), 1, "a field is gone");
    assert_eq!(broken(&["OrderExpired 1.0.0 at: date", same[1], same[2]]), 1, "a field has another type");
    assert_eq!(broken(&["OrderExpired 1.0.0 at?: time", same[1], same[2]]), 1, "a field may be missing now");
    assert_eq!(broken(&[same[0], same[1], "Unit = PIECE"]), 1, "a code is gone");
    let with = |line: &str| broken(&[&same[..], &[line]].concat());
    assert_eq!(with("OrderExpired 1.0.0 by: id"), 1, "a field that earlier events lack");
    assert_eq!(with("OrderExpired 1.0.0 note?.line: integer, number"), 1, "the same, deeper");
    for line in ["by?: id", "by?.id: id", "by?[]: id", "note?.line?: integer, number"] {
        assert_eq!(with(&format!("OrderExpired 1.0.0 {line}")), 0, "{line}");
    }
    assert_eq!(with("OrderReady 1.0.0 at: time") + with("Unit = PIECE"), 0, "another event, another code");
}

#[test]
fn every_fixture_has_the_fields_of_its_definition_and_no_other() {
    let text = std::fs::read_to_string(file()).unwrap();
    let defined = defined(&Source::read(&folder().join("src")));
    let pinned = read(&with_added(&text, &added(&read(&text), &defined)));
    for (event_type, version, text) in fixtures::fixtures() {
        let fields: Vec<(&str, &str)> = pinned
            .iter()
            .filter(|line| line.is_of(&event_type, &version))
            .filter_map(|line| line.field().map(|(_, _, path, kind)| (path, kind)))
            .collect();
        let mut payload: Value = serde_json::from_str(&text).unwrap();
        payload.as_object_mut().unwrap().remove("type");
        let mut faults = Vec::new();
        compare(&payload, "", &fields, &pinned, &mut faults);
        assert!(faults.is_empty(), "{event_type} {version}: {faults:#?}");
    }
}

/// Compares a value with the fields whose paths begin with `prefix`.
fn compare(value: &Value, prefix: &str, fields: &[(&str, &str)], codes: &[Line], faults: &mut Vec<String>) {
    let below: Vec<&str> = fields.iter().filter_map(|(path, _)| path.strip_prefix(prefix)).collect();
    let kind = fields.iter().find(|(path, _)| *path == prefix).map(|(_, kind)| *kind);
    match value {
        Value::Null if prefix.ends_with('?') => {}
        Value::Array(items) if below.iter().any(|rest| rest.starts_with("[]")) => {
            items.iter().for_each(|item| compare(item, &format!("{prefix}[]"), fields, codes, faults));
        }
        Value::Object(entries) if below.iter().any(|rest| rest.starts_with("{}")) => {
            entries.values().for_each(|item| compare(item, &format!("{prefix}{{}}"), fields, codes, faults));
        }
        Value::Object(entries) => {
            let names: BTreeSet<&str> =
                below.iter().filter_map(|rest| name(rest, prefix.is_empty())).collect();
            let plain = |name: &str| name.trim_end_matches('?').to_owned();
            let missing = names.iter().filter(|name| !name.ends_with('?') && !entries.contains_key(**name));
            faults.extend(missing.map(|name| format!("{prefix}.{name} is missing")));
            for (key, item) in entries {
                match names.iter().find(|name| plain(name) == *key) {
                    Some(name) if prefix.is_empty() => compare(item, name, fields, codes, faults),
                    Some(name) => compare(item, &format!("{prefix}.{name}"), fields, codes, faults),
                    None => faults.push(format!("{prefix}.{key} is not defined")),
                }
            }
        }
        _ if kind.is_some_and(|kind| is_of_kind(value, kind, codes)) => {}
        _ => faults.push(format!("{prefix} is {value}, defined as {kind:?}")),
    }
}

/// Returns the first name of the rest of a path.
fn name(rest: &str, first: bool) -> Option<&str> {
    let rest = if first { rest } else { rest.strip_prefix('.')? };
    let end = rest.find(['.', '[', '{']).unwrap_or(rest.len());
    rest.get(..end)
}

fn is_of_kind(value: &Value, kind: &str, codes: &[Line]) -> bool {
    match kind.split(',').next().unwrap_or(kind) {
        "integer" => value.is_i64(),
        "boolean" => value.is_boolean(),
        "text" | "time" | "date" | "id" | "code" => value.is_string(),
        name => codes.iter().any(|line| line.code().is_some_and(|(of, code)| of == name && value == code)),
    }
}
