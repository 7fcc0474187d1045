use std::path::PathBuf;

use super::*;

struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Self {
        Self(std::env::temp_dir().join(format!("ocpizza-export-{}-{name}", std::process::id())))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

fn row(position: i64, payload: &str) -> Row {
    Row {
        position,
        aggregate_type: "order".to_owned(),
        aggregate_id: "é, \"quoted\"".to_owned(),
        sequence: i64::MAX,
        event_type: "OrderPlaced".to_owned(),
        event_version: "1.0.0".to_owned(),
        recorded_at: "2026-11-24T18:00:00.000001Z".to_owned(),
        payload: payload.to_owned(),
        metadata: "{}".to_owned(),
        leaf_hash: String::new(),
    }
}

fn written(format: Format, all: &[Row]) -> Scratch {
    let scratch = Scratch::new(&format!("{}.{format}", all.len()));
    let mut sink = sink(format, File::create(&scratch.0).unwrap()).unwrap();
    for row in all {
        sink.write(row.clone()).unwrap();
    }
    sink.finish().unwrap();
    scratch
}

#[test]
fn every_format_gives_back_each_text_to_the_byte() {
    let texts =
        ["{}", "", " {\"a\" : 1,\n\t\"b\":\"é\u{1f355}\"}\r\n", "\"", ",", "\u{feff}{}", "\\u0000", "a\r\nb"];
    let all: Vec<Row> = (1..).zip(texts).map(|(position, text)| row(position, text)).collect();
    for format in Format::ALL {
        let scratch = written(format, &all);
        let read: Vec<Row> = rows(format, &scratch.0).unwrap().map(|row| row.unwrap()).collect();
        assert_eq!(read, all, "{format}");
    }
}

#[test]
fn parquet_is_written_and_read_in_groups() {
    let all: Vec<Row> = (1..=25_001).map(|position| row(position, "{}")).collect();
    let scratch = written(Format::Parquet, &all);
    let read = rows(Format::Parquet, &scratch.0).unwrap().map(|row| row.unwrap());
    assert!(read.eq(all));
}

#[test]
fn a_damaged_file_is_refused_and_nothing_panics() {
    let all: Vec<Row> = (1..=50).map(|position| row(position, "{\"a\":1}")).collect();
    for format in Format::ALL {
        let scratch = written(format, &all);
        let whole = std::fs::read(&scratch.0).unwrap();
        for at in (0..whole.len()).step_by(whole.len() / 97 + 1) {
            let mut damaged = whole.clone();
            damaged[at] ^= 0x55;
            std::fs::write(&scratch.0, &damaged).unwrap();
            let read = rows(format, &scratch.0).and_then(Iterator::collect::<io::Result<Vec<Row>>>);
            // Some bytes of a Parquet file do not affect the rows.
            assert!(format == Format::Parquet || read.map_or(true, |read| read != all), "{format} at {at}");
        }
        for cut in (0..whole.len()).step_by(whole.len() / 23 + 1) {
            std::fs::write(&scratch.0, &whole[..cut]).unwrap();
            let read = rows(format, &scratch.0).and_then(Iterator::collect::<io::Result<Vec<Row>>>);
            assert!(read.map_or(true, |read| read != all), "{format} cut at {cut}");
        }
    }
}
