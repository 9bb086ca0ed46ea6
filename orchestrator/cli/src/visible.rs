//! What may reach a terminal. File names, answers of AWS and the state hold words of strangers, and a terminal obeys
//! some characters: they would move the cursor, rename the window or turn the writing direction.

use std::borrow::Cow;

/// The text with a stand-in for every character that a terminal would act on, line ends and tabs excepted.
pub fn plain(text: &str) -> Cow<'_, str> {
    if !text.contains(acts) {
        return Cow::Borrowed(text);
    }
    Cow::Owned(text.chars().map(|character| if acts(character) { '\u{fffd}' } else { character }).collect())
}

/// The same, but colours stay: all that our own paint and the frames around diagnostics write. A stranger's word can
/// colour itself at most; what hides text (concealed, reversed, blinking) is not let through.
pub fn painted(text: &str) -> Cow<'_, str> {
    if !text.contains('\u{1b}') {
        return plain(text);
    }
    let mut shown = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('\u{1b}') {
        shown.push_str(&plain(&rest[..at]));
        let length = colour_length(&rest[at..]);
        match length {
            Some(length) => shown.push_str(&rest[at..at + length]),
            None => shown.push('\u{fffd}'),
        }
        rest = &rest[at + length.unwrap_or(1)..];
    }
    shown.push_str(&plain(rest));
    Cow::Owned(shown)
}

/// At most so many characters, for one sentence that repeats what somebody typed.
pub fn shortened(text: &str, most: usize) -> Cow<'_, str> {
    match text.char_indices().nth(most) {
        None => Cow::Borrowed(text),
        Some((end, _)) => Cow::Owned(format!("{}…", &text[..end])),
    }
}

/// A JSON document in which the characters that a terminal would act on are escaped. JSON already demands that of
/// some; where they may stand at all (in strings), an escape means the same as the character.
pub fn json(document: &str) -> Cow<'_, str> {
    use std::fmt::Write;
    if !document.contains(acts) {
        return Cow::Borrowed(document);
    }
    let mut escaped = String::with_capacity(document.len() + 16);
    for character in document.chars() {
        if acts(character) {
            // Writing to a string cannot fail. None of these lies beyond four digits.
            let _ = write!(escaped, "\\u{:04x}", u32::from(character));
        } else {
            escaped.push(character);
        }
    }
    Cow::Owned(escaped)
}

fn acts(character: char) -> bool {
    let turns_direction =
        matches!(character, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    turns_direction || (character.is_control() && !matches!(character, '\n' | '\t'))
}

/// Length of the colour that begins the text, if it is one.
fn colour_length(text: &str) -> Option<usize> {
    let end = text.find('m')?;
    let mut codes = text.get(2..end).filter(|_| text.starts_with("\u{1b}["))?.split(';');
    while let Some(code) = codes.next() {
        let is_known = match code.parse::<u8>() {
            Ok(0..=4 | 9 | 22..=24 | 29..=37 | 39..=47 | 49 | 90..=97 | 100..=107) => true,
            Ok(38 | 48) => match codes.next() {
                Some("2") => codes.by_ref().take(3).filter(|part| part.parse::<u8>().is_ok()).count() == 3,
                Some("5") => codes.next().is_some_and(|part| part.parse::<u8>().is_ok()),
                _ => false,
            },
            _ => false,
        };
        if !is_known {
            return None;
        }
    }
    Some(end + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOSTILE: [&str; 9] = [
        "\u{1b}[2J",
        "\u{1b}]0;title\u{7}",
        "\u{1b}[8mhidden",
        "\u{9b}31m",
        "\u{202e}",
        "\u{2066}",
        "\r",
        "\u{8}",
        "\0",
    ];

    #[test]
    fn what_a_terminal_would_obey_is_replaced() {
        for text in HOSTILE {
            for shown in [plain(text), painted(text)] {
                assert!(!shown.contains(acts), "{text:?}: {shown:?}");
            }
        }
        assert_eq!(plain("a\tb\nä"), "a\tb\nä");
    }

    #[test]
    fn our_colours_pass_where_they_are_wanted() {
        for text in ["\u{1b}[1mbold\u{1b}[0m", "\u{1b}[38;2;1;2;3mx\u{1b}[0m", "\u{1b}[36;1;4mx\u{1b}[39m"] {
            assert_eq!(painted(text), text);
            assert!(!plain(text).contains('\u{1b}'));
        }
        assert_eq!(painted("\u{1b}[38;5;8;8mx"), "\u{fffd}[38;5;8;8mx");
        assert_eq!(painted("\u{1b}"), "\u{fffd}");
    }

    #[test]
    fn documents_keep_their_meaning() {
        for text in HOSTILE {
            let document = serde_json::to_string(&[text]).expect("text");
            let shown = json(&document);
            assert!(!shown.contains(acts), "{shown:?}");
            assert_eq!(serde_json::from_str::<[String; 1]>(&shown).expect("JSON"), [text]);
        }
    }

    #[test]
    fn long_words_are_cut_between_characters() {
        assert_eq!(shortened("äöü", 2), "äö…");
        assert_eq!(shortened("äöü", 3), "äöü");
    }
}
