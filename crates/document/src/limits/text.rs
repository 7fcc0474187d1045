//! What the text of a document may be, before it is parsed: the parser's own stack and memory are at stake.

use super::TooMuch;

/// How deep brackets may nest in a document: deeper ones would use up the parser's stack.
pub(super) const BRACKETS: usize = 64;
/// How many tokens a document may have; the standard introspection has about 250.
pub(super) const TOKENS: usize = 5_000;
/// How long a name may be, in bytes: names come back in errors.
pub(super) const NAME: usize = 128;

/// Refuses a text of too many or too long tokens, or whose brackets nest too deep.
///
/// # Errors
/// [`TooMuch::Brackets`], [`TooMuch::Tokens`] or [`TooMuch::Name`].
pub fn check_text(query: &str) -> Result<(), TooMuch> {
    let bytes = query.as_bytes();
    let (mut depth, mut tokens, mut at) = (0_usize, 0_usize, 0);
    while let Some(byte) = bytes.get(at) {
        let (is_token, end) = match byte {
            b'{' | b'[' | b'(' => {
                depth += 1;
                if depth > BRACKETS {
                    return Err(TooMuch::Brackets);
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
                if length > NAME {
                    return Err(TooMuch::Name);
                }
                (true, at + length - 1)
            }
            _ => (true, at),
        };
        tokens += usize::from(is_token);
        if tokens > TOKENS {
            return Err(TooMuch::Tokens);
        }
        at = end + 1;
    }
    Ok(())
}

/// Of a name, or of a number.
fn is_in_a_name(byte: u8) -> bool {
    byte == b'_' || byte.is_ascii_alphanumeric()
}

/// Where a block string ends: at the last of its closing quotes.
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

/// Where a string ends: at its closing quote, or at the end of its line.
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
    use crate::limits::BODY;

    #[test]
    fn brackets_nest_to_a_bound() {
        let nested = |times: usize| format!("{}a{}", "{a".repeat(times - 1) + "{", "}".repeat(times));
        assert_eq!(check_text(&nested(BRACKETS)), Ok(()));
        assert_eq!(check_text(&nested(BRACKETS + 1)), Err(TooMuch::Brackets));
        assert_eq!(check_text(&"[".repeat(BODY)), Err(TooMuch::Brackets));
        // What stands in a string or a comment is no bracket; an open string ends somewhere.
        for text in [format!("\"{}", "[".repeat(99)), format!("#{}", "[".repeat(99)), "\"\"\"[".to_owned()] {
            assert_eq!(check_text(&text), Ok(()), "{text}");
        }
    }

    #[test]
    fn tokens_are_counted() {
        assert_eq!(check_text(&"a ".repeat(TOKENS)), Ok(()));
        assert_eq!(check_text(&"a ".repeat(TOKENS + 1)), Err(TooMuch::Tokens));
        assert_eq!(check_text(&"!".repeat(TOKENS + 1)), Err(TooMuch::Tokens));
        assert_eq!(check_text(&"\"\" ".repeat(TOKENS + 1)), Err(TooMuch::Tokens));
        // What a reader skips is none, nor is what stands in a string.
        assert_eq!(check_text(&", \n#x y z\n".repeat(TOKENS)), Ok(()));
        assert_eq!(check_text(&format!("\"\"\"{}\"\"\"", "a ".repeat(TOKENS))), Ok(()));
    }

    #[test]
    fn names_have_a_length() {
        assert_eq!(check_text(&"a".repeat(NAME)), Ok(()));
        assert_eq!(check_text(&"a".repeat(NAME + 1)), Err(TooMuch::Name));
        assert_eq!(check_text(&format!("\"{}\"", "a".repeat(NAME + 1))), Ok(()));
    }
}
