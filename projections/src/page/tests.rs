use super::*;

#[test]
fn a_cursor_reads_back_in_its_own_list_only() {
    for key in [SortKey::Micros(1_764_000_000_123_456), SortKey::Text("P1-000042".into())] {
        let cursor = Cursor(key, Uuid::from_u128(7));
        let text = cursor.encode("orders by number");
        assert_eq!(Cursor::decode("orders by number", &text).unwrap(), cursor);
        assert!(matches!(Cursor::decode("orders by time", &text), Err(PageError::Cursor)));
    }
    let position = encode_cursor("history of order:1", 42);
    assert_eq!(decode_cursor::<u64>("history of order:1", &position).unwrap(), 42);
    assert!(matches!(decode_cursor::<u64>("history of order:2", &position), Err(PageError::Cursor)));
}

#[test]
fn what_is_not_a_cursor_is_refused() {
    let of = |place: serde_json::Value| encode_cursor("list", place);
    let far = of(serde_json::json!([i64::MAX, Uuid::nil()]));
    let nul = of(serde_json::json!(["\0", Uuid::nil()]));
    // A cursor of the former format, without a list.
    let former = URL_SAFE_NO_PAD.encode(serde_json::json!([7, Uuid::nil()]).to_string());
    let wrong = ["", "?", "bm9wZQ", &far, &nul, &former, &of(serde_json::json!([1])), "é", "42"];
    for text in wrong {
        assert!(matches!(Cursor::decode("list", text), Err(PageError::Cursor)), "{text}");
    }
}

#[test]
fn exactly_one_bound_of_1_to_100() {
    assert!(matches!(PageArgs::new(None, None, None, None), Err(PageError::Bound)));
    assert!(matches!(PageArgs::new(Some(1), None, Some(1), None), Err(PageError::Bound)));
    for size in [-1, 0, 101, i32::MAX] {
        assert!(matches!(PageArgs::new(Some(size), None, None, None), Err(PageError::Size)));
        assert!(matches!(PageArgs::new(None, None, Some(size), None), Err(PageError::Size)));
    }
    assert!(PageArgs::new(Some(100), None, None, None).is_ok());
}
