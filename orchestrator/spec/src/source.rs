//! Bytes → text → one document, with what can be wrong before anything is understood.

use crate::code;
use crate::problem::Problems;
use crate::tree::{self, Node, Value};
use wavetrain_model::diagnostic::Span;
use wavetrain_model::limit::PLAN_FILE_BYTES;

/// The text of a file, without a byte order mark.
pub fn text<'b>(bytes: &'b [u8], problems: &mut Problems) -> Option<&'b str> {
    if bytes.len() > PLAN_FILE_BYTES {
        problems.error_in_file(
            code::SIZE,
            format!("the file is larger than {} KiB", PLAN_FILE_BYTES / 1024),
            "plan files have a few kilobytes; is this the right file?",
        );
        return None;
    }
    if let Some(encoding) = marked_encoding(bytes) {
        encoding_problem(&format!("the file is {encoding}, not UTF-8"), None, problems);
        return None;
    }
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    match std::str::from_utf8(bytes) {
        Ok(text) => Some(text),
        Err(error) => {
            let valid = bytes.get(..error.valid_up_to()).and_then(|valid| std::str::from_utf8(valid).ok());
            let place = place_after(valid.unwrap_or_default());
            encoding_problem("the file is not UTF-8 text from here on", Some(place), problems);
            None
        }
    }
}

/// Encodings that announce themselves with a byte order mark.
fn marked_encoding(bytes: &[u8]) -> Option<&'static str> {
    match bytes {
        [0xff, 0xfe, 0, 0, ..] | [0, 0, 0xfe, 0xff, ..] => Some("UTF-32"),
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => Some("UTF-16"),
        _ => None,
    }
}

fn encoding_problem(message: &str, place: Option<Span>, problems: &mut Problems) {
    let help = "save the file as UTF-8";
    match place {
        Some(span) => problems.error(code::ENCODING, span, message, help),
        None => problems.error_in_file(code::ENCODING, message, help),
    }
}

/// The place of the character that follows `text`.
fn place_after(text: &str) -> Span {
    let line_start = text.rfind('\n').map_or(0, |at| at + 1);
    Span {
        offset: text.len(),
        length: 1,
        line: text.bytes().filter(|byte| *byte == b'\n').count() + 1,
        column: text[line_start..].chars().count() + 1,
    }
}

/// The one document of a text, which must be a mapping.
pub fn document(text: &str, problems: &mut Problems) -> Option<Node> {
    if let Some(at) =
        text.find(|character: char| character.is_ascii_control() && !"\t\n\r".contains(character))
    {
        problems.error(
            code::CONTROL,
            place_after(&text[..at]),
            format!("the file holds the control character U+{:04X}", text.as_bytes()[at]),
            "delete it; if there are many, the file is binary or saved as UTF-16",
        );
        return None;
    }
    let node = tree::parse(text, problems);
    let is_blank = node.as_ref().is_none_or(|node| matches!(node.value, Value::Nothing));
    if is_blank && !problems.has_errors_here() {
        problems.error_in_file(code::EMPTY, "the file is empty", problems.beginning());
    }
    let node = node.filter(|_| !is_blank)?;
    let Value::Mapping(_) = node.value else {
        problems.error(
            code::TOP,
            node.span,
            format!("the file holds {}, not a mapping", node.value.noun()),
            problems.beginning(),
        );
        return None;
    };
    Some(node)
}
