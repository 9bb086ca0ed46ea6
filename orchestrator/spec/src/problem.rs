//! Collects what is wrong with a file, so that all of it can be reported at once.

use crate::code::{self, Code};
use crate::home::{self, Homes};
use std::cell::OnceCell;
use wavetrain_model::diagnostic::{Diagnostic, Severity, Span};

/// Problems kept of one file; a person repairs a handful at a time, and a hostile file must not fill memory.
const KEPT: usize = 100;

/// Characters of a file's own words repeated in a message.
const QUOTED: usize = 60;

/// Longest word that is compared with the known ones; the comparison costs the product of the lengths.
const COMPARED: usize = 48;

/// The problems found so far.
#[derive(Debug, Default)]
pub struct Problems {
    kept: Vec<Diagnostic>,
    warnings: usize,
    dropped: usize,
    homes: OnceCell<Homes>,
}

impl Problems {
    /// Notes something that refuses the file.
    pub fn error(&mut self, code: Code, span: Span, message: impl Into<String>, help: impl Into<String>) {
        self.note(code, Severity::Error, Some(span), message.into(), help.into());
    }

    /// Notes something that refuses the file and has no place in it.
    pub fn error_in_file(&mut self, code: Code, message: impl Into<String>, help: impl Into<String>) {
        self.note(code, Severity::Error, None, message.into(), help.into());
    }

    /// Notes something that is probably not meant.
    pub fn warning(&mut self, code: Code, span: Span, message: impl Into<String>, help: impl Into<String>) {
        self.note(code, Severity::Warning, Some(span), message.into(), help.into());
    }

    /// Errors are kept before warnings: a warning must never push out the reason for a refusal.
    fn note(&mut self, code: Code, severity: Severity, span: Option<Span>, message: String, help: String) {
        if self.kept.len() >= KEPT {
            self.dropped += 1;
            if severity == Severity::Warning || self.warnings == 0 {
                return;
            }
            self.kept.retain(|known| known.severity == Severity::Error);
            self.dropped += self.warnings;
            self.warnings = 0;
        }
        self.warnings += usize::from(severity == Severity::Warning);
        self.kept.push(Diagnostic { code: code.0.to_owned(), severity, message, span, help });
    }

    /// The known word that `text` was probably meant to be. Not looked for once no further problem is kept:
    /// the search compares with every word, and a hostile file has many wrong ones.
    pub fn nearest<'w>(&self, text: &str, known: impl IntoIterator<Item = &'w str>) -> Option<&'w str> {
        if self.kept.len() >= KEPT { None } else { nearest(text, known) }
    }

    /// The key under which the mapping stands that alone knows this key.
    pub fn home_of(&self, key: &str) -> Option<&str> {
        if self.kept.len() >= KEPT {
            return None;
        }
        self.homes.get_or_init(|| home::homes(&crate::schema())).get(key).map(String::as_str)
    }

    /// Whether the file is refused.
    pub fn has_errors(&self) -> bool {
        self.kept.iter().any(|problem| problem.severity == Severity::Error)
    }

    /// The problems in the order of their places, those of the whole file last.
    pub fn into_diagnostics(mut self) -> Vec<Diagnostic> {
        self.kept.sort_by_key(|problem| problem.span.map_or(usize::MAX, |span| span.offset));
        if self.dropped > 0 {
            self.kept.push(Diagnostic {
                code: code::TOO_MANY_PROBLEMS.0.to_owned(),
                severity: Severity::Error,
                message: format!("{} more problems are not shown", self.dropped),
                span: None,
                help: "repair the problems above and check the file again".to_owned(),
            });
        }
        self.kept
    }
}

/// Words of the file for a message: shortened, and without characters that would act on a terminal.
pub fn quoted(text: &str) -> String {
    if text.is_empty() {
        return "`\"\"`".to_owned();
    }
    let mut shown: String = text.chars().take(QUOTED).map(visible).collect();
    if text.chars().nth(QUOTED).is_some() {
        shown.push('…');
    }
    format!("`{shown}`")
}

/// The character itself, or a stand-in if it would move the cursor or turn the writing direction.
pub fn visible(character: char) -> char {
    let turns_direction =
        matches!(character, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    if character.is_control() || turns_direction { '\u{fffd}' } else { character }
}

fn nearest<'w>(text: &str, known: impl IntoIterator<Item = &'w str>) -> Option<&'w str> {
    if text.len() > COMPARED {
        return None;
    }
    let lower = text.to_lowercase();
    let allowed = lower.chars().count().max(3) / 3;
    known
        .into_iter()
        .map(|word| (strsim::osa_distance(&lower, &word.to_lowercase()), word))
        .filter(|(distance, _)| *distance <= allowed)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, word)| word)
}

/// `a`, `a or b`, `a, b or c`, each in quotes.
pub fn either(words: &[&str]) -> String {
    let shown: Vec<String> = words.iter().map(|word| format!("`{word}`")).collect();
    match shown.split_last() {
        None => String::new(),
        Some((last, [])) => last.clone(),
        Some((last, rest)) => format!("{} or {last}", rest.join(", ")),
    }
}
