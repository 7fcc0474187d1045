//! Normalization of entered text: composed (Unicode NFC), trimmed, with line feeds as the only line breaks. Refuses
//! unsafe characters and never drops them.

use unicode_normalization::UnicodeNormalization;

/// The text holds characters that cannot be shown safely.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "the text must not have control characters or characters that change the direction of text: remove them"
)]
pub struct UnsafeCharacters;

/// Normalizes a single line, such as a name: no line breaks, control characters or marks that change the direction of
/// the surrounding text. Returns `None` if it is blank.
pub fn single_line(value: &str) -> Result<Option<String>, UnsafeCharacters> {
    let text: String = value.trim().nfc().map(|letter| if letter == '\t' { ' ' } else { letter }).collect();
    if text.chars().any(|letter| letter.is_control() || is_line_break(letter) || turns_direction(letter)) {
        return Err(UnsafeCharacters);
    }
    Ok(Some(text).filter(|text| !is_blank(text)))
}

/// Normalizes a text of several lines, such as a note. Returns `None` if it is blank.
pub fn lines(value: &str) -> Result<Option<String>, UnsafeCharacters> {
    let mut text = String::with_capacity(value.len());
    let mut letters = value.trim().nfc().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            '\r' => {
                letters.next_if_eq(&'\n');
                text.push('\n');
            }
            '\t' => text.push(' '),
            letter if is_line_break(letter) => text.push('\n'),
            letter if letter.is_control() && letter != '\n' => return Err(UnsafeCharacters),
            letter => text.push(letter),
        }
    }
    Ok(Some(text).filter(|text| !is_blank(text)))
}

/// Whether a text has no visible character.
fn is_blank(text: &str) -> bool {
    text.chars().all(|letter| letter.is_whitespace() || is_invisible(letter))
}

/// Line breaks outside ASCII: next line, line separator and paragraph separator.
fn is_line_break(letter: char) -> bool {
    matches!(letter, '\u{85}' | '\u{2028}' | '\u{2029}')
}

/// Marks, embeddings, overrides and isolates of direction (UAX #9).
fn turns_direction(letter: char) -> bool {
    matches!(letter, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Characters without a glyph: soft hyphen, fillers, zero-width spaces and joiners.
fn is_invisible(letter: char) -> bool {
    matches!(
        letter,
        '\u{ad}' | '\u{115f}' | '\u{1160}' | '\u{200b}'..='\u{200d}' | '\u{2060}' | '\u{3164}' | '\u{feff}'
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accepts_names_in_any_script() {
        for name in ["Zoé 🍕", "محمد بن سلمان", "שלום", "李小龍", "👩‍👩‍👧‍👦", "O'Brien; DROP TABLE \"orders\"; --"]
        {
            assert_eq!(single_line(name), Ok(Some(name.to_owned())));
        }
    }

    #[test]
    fn normalizes_names() {
        for (given, kept) in [("  Zoe\u{301}\t", "Zoé"), ("Ada\tLovelace", "Ada Lovelace"), ("Ada\n", "Ada")]
        {
            assert_eq!(single_line(given), Ok(Some(kept.to_owned())), "{given:?}");
        }
        for blank in ["", "  ", "\r\n", "\u{200b}", "\u{3164} \u{feff}"] {
            assert_eq!(single_line(blank), Ok(None), "{blank:?}");
        }
    }

    #[test]
    fn refuses_line_breaks_and_direction_marks_in_names() {
        for mark in
            "\0\n\r\u{1b}\u{7f}\u{85}\u{2028}\u{61c}\u{200e}\u{200f}\u{202a}\u{202e}\u{2066}\u{2069}".chars()
        {
            assert_eq!(single_line(&format!("a{mark}b")), Err(UnsafeCharacters), "{mark:?}");
        }
    }

    #[test]
    fn keeps_the_lines_of_a_note_and_refuses_other_control_characters() {
        let kept = |given| lines(given).map(Option::unwrap_or_default);
        assert_eq!(kept(" 2e étage\r\nCode:\t12\rB\u{2028}! "), Ok("2e étage\nCode: 12\nB\n!".to_owned()));
        assert_eq!(kept("\r\n\t"), Ok(String::new()));
        assert_eq!(kept("nul\0"), Err(UnsafeCharacters));
        assert_eq!(kept("\u{1b}[31m"), Err(UnsafeCharacters));
    }
}
