//! Limits of a document's text, checked before parsing: they bound the parser's stack and memory.

use super::LimitExceeded;

/// Upper bound on nested brackets: deeper nesting could exhaust the parser's stack.
pub(super) const MAX_BRACKETS: usize = 64;
/// Upper bound on tokens; the standard introspection query has about 250.
pub(super) const MAX_TOKENS: usize = 5_000;
/// Upper bound on a name, in bytes, because errors contain names.
pub(super) const MAX_NAME_BYTES: usize = 128;

/// Rejects a text with too many tokens, too long names or too deeply nested brackets.
///
/// # Errors
/// [`LimitExceeded::Brackets`], [`LimitExceeded::Tokens`] or [`LimitExceeded::Name`].
pub fn check_text(query: &str) -> Result<(), LimitExceeded> {
    let bytes = query.as_bytes();
    let (mut depth, mut tokens, mut at) = (0_usize, 0_usize, 0);
    while let Some(byte) = bytes.get(at) {
        let (is_token, end) = match byte {
            b'{' | b'[' | b'(' => {
                depth += 1;
                if depth > MAX_BRACKETS {
                    return Err(LimitExceeded::Brackets);
                }
                (true, at)
            }
            b'}' | b']' | b')' => {
                depth = depth.saturating_sub(1);
                (true, at)
            }
            b'#' => {
                (false, at + bytes[at..].iter().take_while(|byte| !matches!(byte, b'\n' | b'\r')).count())
            }
            b'"' if bytes[at..].starts_with(b"\"\"\"") => (true, end_of_block(bytes, at + 3)),
            b'"' => (true, end_of_string(bytes, at + 1)),
            b' ' | b'\t' | b'\n' | b'\r' | b',' => (false, at),
            byte if is_in_a_name(*byte) => {
                let length = bytes[at..].iter().take_while(|byte| is_in_a_name(**byte)).count();
                if length > MAX_NAME_BYTES {
                    return Err(LimitExceeded::Name);
                }
                (true, at + length - 1)
            }
            _ => (true, at),
        };
        tokens += usize::from(is_token);
        if tokens > MAX_TOKENS {
            return Err(LimitExceeded::Tokens);
        }
        at = end + 1;
    }
    Ok(())
}

/// Returns whether a byte may be part of a name or a number.
fn is_in_a_name(byte: u8) -> bool {
    byte == b'_' || byte.is_ascii_alphanumeric()
}

/// Returns the offset of the last closing quote of a block string.
fn end_of_block(bytes: &[u8], mut at: usize) -> usize {
    while at < bytes.len() {
        if bytes[at..].starts_with(b"\\\"\"\"") {
            at += 4;
        } else if bytes[at..].starts_with(b"\"\"\"") {
            return at + 2;
        } else {
            at += 1;
        }
    }
    at
}

/// Returns the offset of a string's closing quote, or of the end of its line.
fn end_of_string(bytes: &[u8], mut at: usize) -> usize {
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'\\' => at += 1,
            b'"' | b'\n' => return at,
            _ => {}
        }
        at += 1;
    }
    at
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::MAX_BODY_BYTES;

    #[test]
    fn limits_nested_brackets() {
        let nested = |times: usize| format!("{}a{}", "{a".repeat(times - 1) + "{", "}".repeat(times));
        assert_eq!(check_text(&nested(MAX_BRACKETS)), Ok(()));
        assert_eq!(check_text(&nested(MAX_BRACKETS + 1)), Err(LimitExceeded::Brackets));
        assert_eq!(check_text(&"[".repeat(MAX_BODY_BYTES)), Err(LimitExceeded::Brackets));
        // Brackets in strings and comments do not count; an unterminated string ends.
        for text in [format!("\"{}", "[".repeat(99)), format!("#{}", "[".repeat(99)), "\"\"\"[".to_owned()] {
            assert_eq!(check_text(&text), Ok(()), "{text}");
        }
    }

    #[test]
    fn limits_tokens() {
        assert_eq!(check_text(&"a ".repeat(MAX_TOKENS)), Ok(()));
        assert_eq!(check_text(&"a ".repeat(MAX_TOKENS + 1)), Err(LimitExceeded::Tokens));
        assert_eq!(check_text(&"!".repeat(MAX_TOKENS + 1)), Err(LimitExceeded::Tokens));
        assert_eq!(check_text(&"\"\" ".repeat(MAX_TOKENS + 1)), Err(LimitExceeded::Tokens));
        // Ignored characters and the content of strings are not tokens.
        assert_eq!(check_text(&", \n#x y z\n".repeat(MAX_TOKENS)), Ok(()));
        assert_eq!(check_text(&format!("\"\"\"{}\"\"\"", "a ".repeat(MAX_TOKENS))), Ok(()));
    }

    #[test]
    fn limits_the_length_of_names() {
        assert_eq!(check_text(&"a".repeat(MAX_NAME_BYTES)), Ok(()));
        assert_eq!(check_text(&"a".repeat(MAX_NAME_BYTES + 1)), Err(LimitExceeded::Name));
        assert_eq!(check_text(&format!("\"{}\"", "a".repeat(MAX_NAME_BYTES + 1))), Ok(()));
    }
}
