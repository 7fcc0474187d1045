//! Writes `docs/events.md` from the definitions, the descriptions in the source and the fixtures.

use std::fmt::Write;

use super::*;
use crate::stream::StreamType;

const INTRODUCTION: &str = "# Events

Every event that the log may hold: its fields, its version, the release that brought it, and an example as it is stored. A test writes
this page from the source, `domain/fixtures/definitions.txt` and the examples (`domain/src/upcasters/catalogue.rs`); after a change:
`OCPIZZA_WRITE_EVENTS=1 cargo test -p domain catalogue`.

- A definition never changes within its version; only fields that may be missing are added. Anything else is a new version or another
  name, and earlier events are [converted as they are read](adding.md#a-new-version-of-an-event-another-name-or-none-any-more).
- Every event below is essential: a program that does not know its type or version stops there and answers `UNAVAILABLE`. An
  informative event says so in its metadata (`class`), and a program that does not know it passes it; none is written yet.
- `?` marks a field that may be missing or null, `[]` a list, `{}` an object whose keys are codes.
- A time is RFC 3339 in UTC, with up to six decimals. An amount is in cents. A quantity of an ingredient is in that ingredient's unit
  (`GRAM`, `MILLILITRE` or `PIECE`), which never changes once used. An id is a UUID.
  [Personal data](privacy.md) says what texts may hold.
- Every payload begins with `type`, the event's name.
";

pub(super) fn render(pinned: &[Line], source: &Source) -> String {
    let mut page = INTRODUCTION.to_owned();
    for stream in StreamType::ALL {
        let _ = write!(page, "\n## Streams of type `{}`\n", stream.as_str());
        for event_type in EventType::ALL.iter().filter(|one| one.stream_type() == stream) {
            event(&mut page, event_type.as_str(), pinned, source);
        }
    }
    earlier(&mut page, pinned);
    codes(&mut page, pinned);
    page
}

fn event(page: &mut String, name: &str, pinned: &[Line], source: &Source) {
    let version = current_version(name);
    let (description, fields) = source.event(name);
    let since = since(pinned, name, version);
    let _ = write!(page, "\n### {name}\n\n{description} Version {version}, since {since}.\n\n");
    page.push_str("| Field | Type | Meaning |\n|---|---|---|\n");
    for field in fields {
        let line = format!("{name} {version} {}: {}", field.path, field.kind);
        let release = pinned.iter().find(|other| other.text == line).map_or(UNRELEASED, |line| &line.release);
        let added = if release == since { String::new() } else { format!(" Since {release}.") };
        let _ = writeln!(page, "| `{}` | {} | {}{added} |", field.path, kind(&field.kind), field.meaning);
    }
    example(page, name, version);
}

fn example(page: &mut String, name: &str, version: &str) {
    for (_, _, text) in
        fixtures::fixtures().into_iter().filter(|(of, at, _)| (&**of, &**at) == (name, version))
    {
        let _ = write!(page, "\n```json\n{text}\n```\n");
    }
}

fn earlier(page: &mut String, pinned: &[Line]) {
    page.push_str("\n## Earlier versions and retired names\n\nThey are read, and never written any more.\n");
    for step in UPCASTERS {
        let (name, version) = (step.event_type, step.from);
        let what = if is_retired(name) { "Retired." } else { "Earlier version." };
        let into = step.into.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>();
        let into = if into.is_empty() { "nothing".to_owned() } else { into.join(", ") };
        let since = since(pinned, name, version);
        let _ = write!(
            page,
            "\n### {name} {version}\n\n{what} Since {since}, of streams of type `{}`.",
            step.stream.as_str()
        );
        let _ = write!(page, " Read as {into}.\n\n| Field | Type |\n|---|---|\n");
        for line in pinned.iter().filter(|line| line.is_of(name, version)) {
            if let Some((_, _, path, of)) = line.field() {
                let _ = writeln!(page, "| `{path}` | {} |", kind(of));
            }
        }
        example(page, name, version);
    }
}

fn codes(page: &mut String, pinned: &[Line]) {
    page.push_str("\n## Enumerations\n\n| Name | Values |\n|---|---|\n");
    let names: BTreeSet<&str> = pinned.iter().filter_map(|line| line.code().map(|(name, _)| name)).collect();
    for name in names {
        let values = pinned.iter().filter_map(Line::code).filter(|(of, _)| *of == name);
        let values: Vec<String> = values.map(|(_, value)| format!("`{value}`")).collect();
        let _ = writeln!(page, "| `{name}` | {} |", values.join(", "));
    }
}

fn since<'a>(pinned: &'a [Line], name: &str, version: &str) -> &'a str {
    pinned.iter().find(|line| line.is_of(name, version)).map_or(UNRELEASED, |line| &line.release)
}

/// Marks the name of an enumeration as one.
fn kind(kind: &str) -> String {
    if kind.starts_with(char::is_uppercase) { format!("`{kind}`") } else { kind.to_owned() }
}
