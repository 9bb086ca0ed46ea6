//! Collects what is wrong with a file, so that all of it can be reported at once.

use crate::Kind;
use crate::code::{self, Code};
use crate::home::{self, Homes};
use std::cell::OnceCell;
use wavetrain_model::diagnostic::{Diagnostic, Severity, Span};
use wavetrain_model::limit::PLAN_FILE_BYTES;

/// Problems kept of one file; a person repairs a handful at a time, and a hostile file must not fill memory.
const KEPT: usize = 100;

/// Characters of a file's own words repeated in a message.
const QUOTED: usize = 60;

/// Longest word that is compared with the known ones; the comparison costs the product of the lengths.
const COMPARED: usize = 48;

/// Places in the n-th file that is read begin at n times this. A place alone then says which file it is in, and values of
/// several files can be checked together. No file is longer.
pub const STRIDE: usize = 2 * PLAN_FILE_BYTES;

/// The problems found so far.
#[derive(Debug, Default)]
pub struct Problems {
    kept: Vec<(usize, Diagnostic)>,
    /// The file that is being read: the one meant by a problem without a place.
    file: usize,
    /// Paths of the files read so far, the plan file first.
    paths: Vec<String>,
    warnings: usize,
    dropped: usize,
    homes: OnceCell<Homes>,
    /// What kind of file the first one is.
    kind: Kind,
}

impl Problems {
    /// Of a file that is not a plan file.
    pub fn of(kind: Kind) -> Self {
        Self { kind, ..Self::default() }
    }

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
        let span = span.map(|span| self.placed(span));
        let file = span.map_or(self.file, |span| span.offset / STRIDE);
        let problem = Diagnostic { code: code.0.to_owned(), severity, message, span, help };
        // What a policy pack says is read twice: on its own, and as a part of the plan.
        if self.kept.iter().any(|(at, known)| *at == file && *known == problem) {
            return;
        }
        if self.kept.len() >= KEPT {
            self.dropped += 1;
            if severity == Severity::Warning || self.warnings == 0 {
                return;
            }
            self.kept.retain(|(_, known)| known.severity == Severity::Error);
            self.dropped += self.warnings;
            self.warnings = 0;
        }
        self.warnings += usize::from(severity == Severity::Warning);
        self.kept.push((file, problem));
    }

    /// Begins with another file; the first is the plan file.
    pub fn begin(&mut self, path: &str) {
        self.file = self.paths.len();
        self.paths.push(path.to_owned());
    }

    /// Goes back to the plan file.
    pub fn back(&mut self) {
        self.file = 0;
    }

    /// What the places of the file that is being read are moved by.
    pub fn base(&self) -> usize {
        self.file * STRIDE
    }

    /// A place in the file that is being read is told by its text; everything else knows its file.
    fn placed(&self, span: Span) -> Span {
        let base = if span.offset < STRIDE { self.base() } else { 0 };
        Span { offset: span.offset + base, ..span }
    }

    /// How a place is called in a message about `near`: by its line, and by its file if that is another one.
    pub fn line(&self, place: Span, near: Span) -> String {
        let file = place.offset / STRIDE;
        match self.paths.get(file) {
            Some(path) if file != near.offset / STRIDE => format!("line {} of {}", place.line, quoted(path)),
            _ => format!("line {}", place.line),
        }
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
        self.homes.get_or_init(|| home::homes(&crate::schema_of(self.kind))).get(key).map(String::as_str)
    }

    /// Whether the file is refused.
    pub fn has_errors(&self) -> bool {
        self.kept.iter().any(|(_, problem)| problem.severity == Severity::Error)
    }

    /// Whether the file that is being read is refused.
    pub fn has_errors_here(&self) -> bool {
        let is_error =
            |(file, problem): &(usize, Diagnostic)| *file == self.file && problem.severity == Severity::Error;
        self.kept.iter().any(is_error)
    }

    /// How the file that is being read should begin.
    pub fn beginning(&self) -> &'static str {
        match self.file {
            0 if self.kind == Kind::Package => "begin with `apiVersion: wavetrain/v1` and a `package`",
            0 => "begin with `apiVersion: wavetrain/v1` and a `rollout`",
            _ => "begin with `apiVersion: wavetrain/v1` and a `policy`, or `guardrails`",
        }
    }

    /// The problems of each file, in the order of their places, those of the whole file last.
    pub fn into_diagnostics(mut self) -> Vec<Vec<Diagnostic>> {
        self.kept.sort_by_key(|(_, problem)| problem.span.map_or(usize::MAX, |span| span.offset));
        let mut files = vec![Vec::new(); self.paths.len().max(1)];
        for (file, mut problem) in self.kept {
            if let Some(span) = &mut problem.span {
                span.offset %= STRIDE;
            }
            files[file].push(problem);
        }
        if self.dropped > 0 {
            files[0].push(Diagnostic {
                code: code::TOO_MANY_PROBLEMS.0.to_owned(),
                severity: Severity::Error,
                message: format!("{} more problems are not shown", self.dropped),
                span: None,
                help: "repair the problems above and check the file again".to_owned(),
            });
        }
        files
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
