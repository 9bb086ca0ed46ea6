//! What is wrong with a file a person wrote: plain data, rendered elsewhere.

use serde::{Deserialize, Serialize};

/// How bad.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Works, but probably not as meant.
    Warning,
    /// Refused.
    Error,
}

/// A place in a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Default)]
pub struct Span {
    /// Byte offset.
    pub offset: usize,
    /// Length in bytes.
    pub length: usize,
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
}

/// One problem.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Diagnostic {
    /// Stable code such as `E0107`.
    pub code: String,
    /// How bad.
    pub severity: Severity,
    /// What is wrong, one lower-case sentence without a final stop.
    pub message: String,
    /// Where; None when the whole file is meant.
    pub span: Option<Span>,
    /// What to do about it.
    pub help: String,
}

/// A file with its problems.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// Path as it was given.
    pub path: String,
    /// The text, None if it could not be read as text (or is too large to show).
    pub text: Option<String>,
    /// Problems in the order of their places.
    pub diagnostics: Vec<Diagnostic>,
}

impl Report {
    /// Whether the file is refused.
    pub fn has_errors(&self) -> bool {
        self.diagnostics.iter().any(|diagnostic| diagnostic.severity == Severity::Error)
    }
}
