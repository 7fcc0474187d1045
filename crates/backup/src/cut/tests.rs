//! A cut never splits a command.

use super::*;

/// Three commands: events 1 and 2, event 3, events 4 and 5; a minute apart.
const ROWS: &str = "1\t2026-11-24 20:00:00+00\tA\n2\t2026-11-24 20:00:00+00\tA\n\
    3\t2026-11-24 20:01:00.5+00\tB\n4\t2026-11-24 20:02:00+00\tC\n5\t2026-11-24 20:02:00+00\tC\n";

fn cut(until: &str) -> Result<Option<i64>, RestoreTargetError> {
    let columns = ["position", "recorded_at", "metadata"].map(str::to_owned);
    let mut finder = CutFinder::new(until.parse().unwrap(), &columns);
    // In two parts, as rows arrive.
    let middle = ROWS.find("3\t").unwrap();
    finder.rows(&ROWS.as_bytes()[..middle]).unwrap();
    finder.rows(&ROWS.as_bytes()[middle..]).unwrap();
    let cut = finder.cut(5)?;
    if let Some(cut) = &cut {
        let kept: String = ROWS.split_inclusive('\n').take(usize::try_from(cut.position).unwrap()).collect();
        assert_eq!(cut.sha256, hex::encode(Sha256::digest(kept)));
    }
    Ok(cut.map(|cut| cut.position))
}

#[test]
fn cuts_at_the_last_whole_command_up_to_a_position() {
    assert_eq!(cut("1"), Err(RestoreTargetError::Before));
    assert_eq!(cut("2"), Ok(Some(2)));
    assert_eq!(cut("3"), Ok(Some(3)));
    assert_eq!(cut("4"), Ok(Some(3)));
    assert_eq!(cut("5"), Ok(None));
    assert_eq!(cut("6"), Err(RestoreTargetError::After(5)));
}

/// The reaction to event 1 is the third command, that to event 2 the fourth.
#[test]
fn finds_the_first_event_whose_reaction_is_cut_off() {
    let rows = "1\t2026-11-24 20:00:00+00\t{\"command\":\"a\"}\n2\t2026-11-24 20:00:00+00\t{\"command\":\"b\"}\n\
        3\t2026-11-24 20:01:00+00\t{\"command\":\"c\",\"causation\":\"1/1\"}\n\
        4\t2026-11-24 20:01:00+00\t{\"command\":\"d\",\"causationId\":2}\n";
    let columns = ["position", "recorded_at", "metadata"].map(str::to_owned);
    for (until, reacted) in [(1, 0), (2, 0), (3, 1)] {
        let mut finder = CutFinder::new(RestoreTarget::Position(until), &columns);
        finder.rows(rows.as_bytes()).unwrap();
        let cut = finder.cut(4).unwrap().unwrap();
        assert_eq!((cut.position, cut.reacted), (until, reacted));
    }
    assert_eq!(cause(br#"{"correlationId":"\\"causation\\":\\"1/7\\""}"#), None, "a client's text");
}

#[test]
fn cuts_at_the_last_whole_command_by_a_time() {
    assert_eq!(cut("2026-11-24T19:59:59Z"), Err(RestoreTargetError::Before));
    assert_eq!(cut("2026-11-24T20:00:00Z"), Ok(Some(2)));
    assert_eq!(cut("2026-11-24T21:01:00.499+01:00"), Ok(Some(2)));
    assert_eq!(cut("2026-11-24T20:01:00.5Z"), Ok(Some(3)));
    assert_eq!(cut("2026-11-25T00:00:00Z"), Ok(None));
}

#[test]
fn rejects_text_that_is_neither_position_nor_time() {
    for text in ["0", "-1", "yesterday", "2026-11-24 20:00"] {
        assert!(text.parse::<RestoreTarget>().is_err(), "{text}");
    }
}

#[test]
fn reports_invalid_rows_as_damage() {
    let columns = ["position", "recorded_at", "metadata"].map(str::to_owned);
    let finder = || CutFinder::new(RestoreTarget::Position(9), &columns);
    for row in ["x\t2026-11-24 20:00:00+00\tA\n", "1\n", "1\t2026-11-24 20:00:00+00\tA"] {
        assert!(finder().rows(row.as_bytes()).is_err(), "{row}");
    }
    assert!(CutFinder::new(RestoreTarget::Position(9), &columns[..1]).rows(b"1\n").is_err());
}
