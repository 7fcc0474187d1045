//! Whatever happens to the file is found.

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
fn what_was_written_is_read() {
    let sums = read(&written()).unwrap();
    let digest = "a6e2b7a040683432de03a18fd8a1939a2fdf82585b364bfc874bdd4095c4cae1";
    assert_eq!(sums[0], TableSum { table: "events".to_owned(), rows: 2, sha256: digest.to_owned() });
    assert_eq!(Reader::open(&written()[..]).unwrap().header(), &header());
}

#[test]
fn every_shorter_file_is_cut_off() {
    let bytes = written();
    for length in 0..bytes.len() {
        let error = read(&bytes[..length]).unwrap_err();
        assert!(matches!(error, FormatError::CutOff), "{length} of {}: {error:?}", bytes.len());
    }
}

#[test]
fn what_is_something_else_or_newer_is_said() {
    assert!(matches!(read(b"PGDMP and more of it").unwrap_err(), FormatError::NoBackup));
    let other = zstd::encode_all(&b"a text that somebody compressed"[..], 3).unwrap();
    assert!(matches!(read(&other).unwrap_err(), FormatError::Damaged(_) | FormatError::CutOff));
    let newer = Header { format: 2, ..header() };
    let bytes = Writer::begin(Vec::new(), &newer).unwrap().finish().unwrap().1;
    assert!(matches!(read(&bytes).unwrap_err(), FormatError::Newer(2)));
}

/// The parts, to be written again otherwise: the sums' own digests are then the only guard.
fn again(change: impl Fn(&mut Vec<u8>)) -> Vec<u8> {
    let mut plain = zstd::decode_all(&written()[..]).unwrap();
    change(&mut plain);
    zstd::encode_all(&plain[..], 3).unwrap()
}

#[test]
fn changed_rows_are_found_in_a_file_that_is_a_good_frame() {
    let changed = again(|plain| {
        let at = plain.windows(4).position(|window| window == b"1\n2\n").unwrap();
        plain[at] = b'7';
    });
    assert!(matches!(read(&changed).unwrap_err(), FormatError::Damaged(_)));
    let longer = again(|plain| plain.push(b'x'));
    assert!(matches!(read(&longer).unwrap_err(), FormatError::Damaged(_)));
}

proptest! {
    #[test]
    fn no_changed_byte_goes_unnoticed(at in 0..4096_usize, with in 1..=255_u8) {
        let mut bytes = written();
        let at = at % bytes.len();
        bytes[at] ^= with;
        // Bits that zstd does not use may change: what is read is then what was written.
        if let Ok(sums) = read(&bytes) {
            prop_assert_eq!(sums, read(&written()).unwrap());
        }
    }

    #[test]
    fn no_bytes_are_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        prop_assert!(read(&bytes).is_err());
        let framed = zstd::encode_all(&bytes[..], 1).unwrap();
        prop_assert!(read(&framed).is_err());
    }
}
