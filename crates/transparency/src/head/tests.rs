use tlog_tiles::record_hash;

use super::*;
use crate::SealingKey;

fn signed(size: u64) -> SignedHead {
    let signed_at = "2026-11-24T18:00:00Z".parse().unwrap();
    let root = record_hash(&size.to_be_bytes());
    SealingKey::from_seed(&[1; 32]).sign(TreeHead {
        log: Uuid::from_u128(7),
        size,
        root,
        signed_at,
        resumption: None,
    })
}

#[test]
fn the_text_is_that_of_the_documents() {
    let head = signed(3);
    let note = head.to_string();
    let lines: Vec<&str> = note.split('\n').collect();
    let [name, size, root, time, empty, signature, end] = lines[..] else { panic!("{note}") };
    assert_eq!(name, "ocpizza-manager/00000000-0000-0000-0000-000000000007");
    assert_eq!((size, time, empty, end), ("3", "2026-11-24T18:00:00.000000Z", "", ""));
    assert_eq!(root, BASE64_STANDARD.encode(head.head.root.0));
    let encoded = signature.strip_prefix(&format!("— {name} ")).unwrap();
    let bytes = BASE64_STANDARD.decode(encoded).unwrap();
    assert_eq!(bytes, [&head.key_id.0[..], &head.signature].concat());
}

#[test]
fn notes_are_read_one_behind_the_other() {
    let (one, two) = (signed(1), signed(1000));
    assert_eq!(parse_notes(&format!("{one}{two}")).unwrap(), [one.clone(), two.clone()]);
    assert_eq!(parse_notes(&format!("\n{one}\n\n{two}\n")).unwrap(), [one.clone(), two.clone()]);
    let witnessed = format!("{one}— witness.example AAAA\n{two}");
    assert_eq!(parse_notes(&witnessed).unwrap(), [one, two]);
}

#[test]
fn what_is_not_written_in_the_one_way_is_no_head() {
    let note = signed(1).to_string();
    for (bad, line) in [
        (String::new(), 1),
        ("head\n".to_owned(), 1),
        (note.replacen("\n1\n", "\n01\n", 1), 1),
        (note.replacen("\n1\n", "\n+1\n", 1), 1),
        (note.replacen("000000Z", "000000+00:00", 1), 1),
        (note.replacen("ocpizza", "pizza", 1), 1),
        (note.replace("— ", "- "), 5),
        (format!("{note}{}", note.lines().take(4).collect::<Vec<_>>().join("\n")), 7),
    ] {
        assert_eq!(parse_notes(&bad), Err(NoteError { line }), "{bad}");
    }
}

fn resumption(size: u64, gave_up: u64) -> SignedHead {
    let resumption = Resumption { size: gave_up, root: None, reason: "failover to the standby".to_owned() };
    let head = TreeHead { resumption: Some(resumption), ..signed(size).head };
    SealingKey::from_seed(&[1; 32]).sign(head)
}

#[test]
fn a_resumption_is_a_head_with_two_lines_more() {
    let (head, resumed) = (signed(3), resumption(3, 900));
    let note = resumed.to_string();
    assert_eq!(note.lines().nth(4), Some("resumes 900 -"));
    assert_eq!(note.lines().nth(5), Some("reason failover to the standby"));
    assert_eq!(parse_notes(&format!("{head}\n{note}\n{head}")).unwrap(), [head.clone(), resumed, head]);
    let empty = resumption(0, 900);
    assert_eq!(parse_notes(&empty.to_string()).unwrap(), [empty]);
    for bad in [
        note.replace("resumes", "resume"),
        note.replace("reason", "because"),
        note.replace("900 -", "0900 -"),
    ] {
        assert_eq!(parse_notes(&bad), Err(NoteError { line: 1 }), "{bad}");
    }
}

#[test]
fn a_resumption_gives_up_the_heads_between_its_cut_and_the_head_that_it_names() {
    let resumed = resumption(3, 900).head;
    let gives_up = |size| resumed.gives_up(&signed(size).head);
    assert_eq!([2, 3, 4, 900, 901].map(gives_up), [false, false, true, true, false]);
    let later = TreeHead { signed_at: resumed.signed_at + chrono::TimeDelta::seconds(1), ..signed(5).head };
    assert!(!resumed.gives_up(&later), "signed after it");
    assert!(!signed(3).head.gives_up(&signed(4).head), "no resumption");
    let mut named = resumed;
    named.resumption.as_mut().unwrap().root = Some(signed(7).head.root);
    assert!(!named.gives_up(&signed(900).head), "it names another head of this size");
}
