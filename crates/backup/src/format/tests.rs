//! Every change of a file is detected.

use proptest::prelude::*;

use super::*;

fn header() -> Header {
    Header {
        format: FORMAT,
        program: "0.1.0".to_owned(),
        log_id: None,
        position: 2,
        taken_at: chrono::DateTime::UNIX_EPOCH,
        migrations: vec![1, 2],
    }
}

fn head(table: &str) -> TableHead {
    TableHead { table: table.to_owned(), columns: vec!["a".to_owned()] }
}

fn written() -> Vec<u8> {
    let mut writer = Writer::begin(Vec::new(), &header()).unwrap();
    writer.table(head("events")).unwrap();
    writer.row(b"1\n").unwrap();
    writer.row(b"2\n").unwrap();
    writer.table(head("contacts")).unwrap();
    let (sums, bytes) = writer.finish().unwrap();
    assert_eq!(sums.iter().map(|sum| sum.rows).collect::<Vec<_>>(), [2, 0]);
    bytes
}

fn read(bytes: &[u8]) -> Result<Vec<TableSum>, FormatError> {
    let mut reader = Reader::open(bytes)?;
    loop {
        if let Part::End(sums) = reader.next()? {
            return Ok(sums);
        }
    }
}

#[test]
fn reads_what_was_written() {
    let sums = read(&written()).unwrap();
    let digest = "a6e2b7a040683432de03a18fd8a1939a2fdf82585b364bfc874bdd4095c4cae1";
    assert_eq!(sums[0], TableSum { table: "events".to_owned(), rows: 2, sha256: digest.to_owned() });
    assert_eq!(Reader::open(&written()[..]).unwrap().header(), &header());
}

#[test]
fn reports_every_shorter_file_as_cut_off() {
    let bytes = written();
    for length in 0..bytes.len() {
        let error = read(&bytes[..length]).unwrap_err();
        assert!(matches!(error, FormatError::CutOff), "{length} of {}: {error:?}", bytes.len());
    }
}

#[test]
fn refuses_other_files_and_newer_formats() {
    assert!(matches!(read(b"PGDMP and more of it").unwrap_err(), FormatError::NoBackup));
    let other = zstd::encode_all(&b"a compressed text"[..], 3).unwrap();
    assert!(matches!(read(&other).unwrap_err(), FormatError::Damaged(_) | FormatError::CutOff));
    let newer = Header { format: 2, ..header() };
    let bytes = Writer::begin(Vec::new(), &newer).unwrap().finish().unwrap().1;
    assert!(matches!(read(&bytes).unwrap_err(), FormatError::Newer(2)));
}

/// Changes the decompressed parts and compresses them again, so that only the digests detect the change.
fn recompressed(change: impl Fn(&mut Vec<u8>)) -> Vec<u8> {
    let mut plain = zstd::decode_all(&written()[..]).unwrap();
    change(&mut plain);
    zstd::encode_all(&plain[..], 3).unwrap()
}

#[test]
fn detects_changed_rows_in_a_valid_frame() {
    let changed = recompressed(|plain| {
        let at = plain.windows(4).position(|window| window == b"1\n2\n").unwrap();
        plain[at] = b'7';
    });
    assert!(matches!(read(&changed).unwrap_err(), FormatError::Damaged(_)));
    let longer = recompressed(|plain| plain.push(b'x'));
    assert!(matches!(read(&longer).unwrap_err(), FormatError::Damaged(_)));
}

proptest! {
    #[test]
    fn detects_every_changed_byte(at in 0..4096_usize, with in 1..=255_u8) {
        let mut bytes = written();
        let at = at % bytes.len();
        bytes[at] ^= with;
        // zstd ignores some bits: the content is then unchanged.
        if let Ok(sums) = read(&bytes) {
            prop_assert_eq!(sums, read(&written()).unwrap());
        }
    }

    #[test]
    fn never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        prop_assert!(read(&bytes).is_err());
        let framed = zstd::encode_all(&bytes[..], 1).unwrap();
        prop_assert!(read(&framed).is_err());
    }
}
