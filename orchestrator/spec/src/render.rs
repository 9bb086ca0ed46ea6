//! A report as plain text.

use crate::problem::visible;
use std::fmt::Write;
use wavetrain_model::diagnostic::{Diagnostic, Report, Severity, Span};

/// Characters of a source line that are shown, and how many of them stand before the place.
const SHOWN: usize = 110;
const SHOWN_BEFORE: usize = 70;

/// The report without colour, for logs, pipes and golden files:
///
/// ```text
/// plan.yaml:12:9: error[E0107]: `101%x` is not a percentage
///    12 | - { name: early, percent: 101%x }
///       |                           ^^^^^
///       = help: write `5`, `5%` or `0.5%`, with at most two decimals
/// ```
pub fn render(report: &Report) -> String {
    let mut out = String::new();
    for (at, diagnostic) in report.diagnostics.iter().enumerate() {
        if at > 0 {
            out.push('\n');
        }
        one(report, diagnostic, &mut out);
    }
    out
}

/// Writing to a `String` cannot fail, so the results are dropped.
fn one(report: &Report, diagnostic: &Diagnostic, out: &mut String) {
    let Diagnostic { code, severity, message, span, help } = diagnostic;
    let severity = match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
    };
    let place = span.map_or_else(String::new, |span| format!(":{}:{}", span.line, span.column));
    let path: String = report.path.chars().map(visible).collect();
    let _ = writeln!(out, "{path}{place}: {severity}[{code}]: {message}");
    let source = span.and_then(|span| report.text.as_deref().and_then(|text| excerpt(text, span)));
    if let (Some(span), Some(Excerpt { line, before, width })) = (span, source) {
        let _ = writeln!(out, "{:>5} | {line}", span.line);
        let _ = writeln!(out, "      | {}{}", " ".repeat(before), "^".repeat(width));
    }
    if !help.is_empty() {
        let _ = writeln!(out, "      = help: {help}");
    }
}

/// A tab as one space, so that the mark below stays under its place.
fn shown(character: char) -> char {
    if character == '\t' { ' ' } else { visible(character) }
}

/// The part of a line around a place.
struct Excerpt {
    line: String,
    /// Characters before the place.
    before: usize,
    /// Characters of the place on this line, at least one.
    width: usize,
}

fn excerpt(text: &str, span: Span) -> Option<Excerpt> {
    let offset = span.offset.min(text.len());
    let (head, tail) = (text.get(..offset)?, text.get(offset..)?);
    let start = head.rfind('\n').map_or(0, |at| at + 1);
    let before = &head[start..];
    let after = tail.lines().next().unwrap_or_default();
    let marked = after.get(..span.length.min(after.len())).unwrap_or(after);

    // Counted from the place, so that a line of a million characters costs no more than a short one.
    let head_length = before.chars().rev().take(SHOWN_BEFORE + 1).count();
    let is_cut = head_length > SHOWN_BEFORE;
    let kept = head_length.min(SHOWN_BEFORE);
    let mut head: Vec<char> = before.chars().rev().take(kept).collect();
    head.reverse();
    let head: String = head.into_iter().collect();
    let room = SHOWN.saturating_sub(kept);

    let tail: String = after.chars().take(room).collect();
    let cut_mark = if is_cut { "…" } else { "" };
    let end_mark = if after.chars().nth(room).is_some() { "…" } else { "" };
    let line: String = format!("{cut_mark}{head}{tail}{end_mark}").trim_end().chars().map(shown).collect();
    Some(Excerpt {
        line,
        before: cut_mark.chars().count() + head.chars().count(),
        width: marked.chars().take(room).count().max(1),
    })
}
