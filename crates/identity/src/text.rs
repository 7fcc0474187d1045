//! Texts of people, brought to one form: composed (Unicode NFC), trimmed, with line feeds as the only line
//! breaks. What cannot be shown safely is refused, never dropped.

use unicode_normalization::UnicodeNormalization;

/// A text has characters that cannot be shown safely.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the text has control characters, or characters that change the direction of the text around it")]
pub struct UnsafeCharacters;

/// A text in one line, such as a name: no line breaks, no control characters, and nothing that changes the
/// direction in which the text around it is read. `None` when it is blank.
pub fn single_line(value: &str) -> Result<Option<String>, UnsafeCharacters> {
    let text: String = value.trim().nfc().map(|letter| if letter == '\t' { ' ' } else { letter }).collect();
    if text.chars().any(|letter| letter.is_control() || is_line_break(letter) || turns_direction(letter)) {
        return Err(UnsafeCharacters);
    }
    Ok(Some(text).filter(|text| !is_blank(text)))
}

/// A text that may have several lines, such as a note. `None` when it is blank.
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

/// Nothing that can be seen.
fn is_blank(text: &str) -> bool {
    text.chars().all(|letter| letter.is_whitespace() || is_invisible(letter))
}

/// The line breaks that are not ASCII's: next line, line and paragraph separator.
fn is_line_break(letter: char) -> bool {
    matches!(letter, '\u{85}' | '\u{2028}' | '\u{2029}')
}

/// Marks, embeddings, overrides and isolates of direction (UAX #9).
fn turns_direction(letter: char) -> bool {
    matches!(letter, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Letters without a shape of their own: soft hyphen, fillers, zero-width spaces and joiners.
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
    fn any_script_is_a_name() {
        for name in ["Zoé 🍕", "محمد بن سلمان", "שלום", "李小龍", "👩‍👩‍👧‍👦", "O'Brien; DROP TABLE \"orders\"; --"]
        {
            assert_eq!(single_line(name), Ok(Some(name.to_owned())));
        }
    }

    #[test]
    fn a_name_has_one_form() {
        for (given, kept) in [("  Zoe\u{301}\t", "Zoé"), ("Ada\tLovelace", "Ada Lovelace"), ("Ada\n", "Ada")]
        {
            assert_eq!(single_line(given), Ok(Some(kept.to_owned())), "{given:?}");
        }
        for blank in ["", "  ", "\r\n", "\u{200b}", "\u{3164} \u{feff}"] {
            assert_eq!(single_line(blank), Ok(None), "{blank:?}");
        }
    }

    #[test]
    fn a_name_neither_breaks_the_line_nor_turns_the_text_around_it() {
        for mark in
            "\0\n\r\u{1b}\u{7f}\u{85}\u{2028}\u{61c}\u{200e}\u{200f}\u{202a}\u{202e}\u{2066}\u{2069}".chars()
        {
            assert_eq!(single_line(&format!("a{mark}b")), Err(UnsafeCharacters), "{mark:?}");
        }
    }

    #[test]
    fn a_note_keeps_its_lines_and_no_other_control_characters() {
        let kept = |given| lines(given).map(Option::unwrap_or_default);
        assert_eq!(kept(" 2e étage\r\nCode:\t12\rB\u{2028}! "), Ok("2e étage\nCode: 12\nB\n!".to_owned()));
        assert_eq!(kept("\r\n\t"), Ok(String::new()));
        assert_eq!(kept("nul\0"), Err(UnsafeCharacters));
        assert_eq!(kept("\u{1b}[31m"), Err(UnsafeCharacters));
    }
}
