//! Problems of a file: with frames and carets on a terminal, plain everywhere else.

use crate::console::Console;
use miette::{GraphicalReportHandler, GraphicalTheme, LabeledSpan, NamedSource, SourceCode};
use serde_json::{Value, json};
use std::fmt;
use wavetrain_model::diagnostic::{Diagnostic, Report, Severity};

/// The report for a person. `plain` is the text for everything that is not a terminal.
pub fn text(report: &Report, plain: &str, console: Console) -> String {
    if !console.live {
        return plain.to_owned();
    }
    let theme = if console.err.0 { GraphicalTheme::unicode() } else { GraphicalTheme::unicode_nocolor() };
    let handler = GraphicalReportHandler::new_themed(theme).with_links(false);
    let mut text = String::new();
    for diagnostic in &report.diagnostics {
        let framed = Framed {
            diagnostic,
            source: report.text.as_ref().map(|text| NamedSource::new(&report.path, text.clone())),
        };
        if handler.render_report(&mut text, &framed).is_err() {
            // A terminal view must never hide what is wrong.
            return plain.to_owned();
        }
    }
    text
}

/// The reports for scripts: those of other files that the plan file is made of stand under `files`.
pub fn document(outcome: &wavetrain_spec::Outcome) -> Value {
    let wavetrain_spec::Outcome { rollout, report, others, .. } = outcome;
    let mut document = json!({
        "version": super::JSON_VERSION,
        "path": report.path,
        "valid": rollout.is_some(),
        "diagnostics": report.diagnostics,
    });
    if !others.is_empty() {
        let file = |report: &Report| json!({ "path": report.path, "diagnostics": report.diagnostics });
        document["files"] = others.iter().map(file).collect();
    }
    if let Some(rollout) = rollout {
        document["packs"] = json!(rollout.packs);
    }
    document
}

/// How many of what, such as `2 errors, 1 warning`.
pub fn count(report: &Report) -> String {
    let of = |severity| report.diagnostics.iter().filter(|one| one.severity == severity).count() as u64;
    let (errors, warnings) = (of(Severity::Error), of(Severity::Warning));
    let mut parts = Vec::new();
    if errors > 0 {
        parts.push(super::table::counted(errors, "error"));
    }
    if warnings > 0 {
        parts.push(super::table::counted(warnings, "warning"));
    }
    parts.join(", ")
}

/// One problem as miette wants it.
#[derive(Debug)]
struct Framed<'r> {
    diagnostic: &'r Diagnostic,
    source: Option<NamedSource<String>>,
}

impl fmt::Display for Framed<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.diagnostic.message)
    }
}

impl std::error::Error for Framed<'_> {}

impl miette::Diagnostic for Framed<'_> {
    fn code<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        Some(Box::new(&self.diagnostic.code))
    }

    fn severity(&self) -> Option<miette::Severity> {
        Some(match self.diagnostic.severity {
            Severity::Error => miette::Severity::Error,
            Severity::Warning => miette::Severity::Warning,
        })
    }

    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        if self.diagnostic.help.is_empty() { None } else { Some(Box::new(&self.diagnostic.help)) }
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        self.source.as_ref().map(|source| source as &dyn SourceCode)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        let span = self.diagnostic.span?;
        let known = self.source.as_ref()?.inner().len();
        // A place outside the text would make the handler give up on the whole problem.
        let offset = span.offset.min(known);
        let length = span.length.min(known - offset);
        Some(Box::new(std::iter::once(LabeledSpan::underline((offset, length)))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::console::{PLAIN, Paint};
    use wavetrain_model::diagnostic::Span;

    fn report() -> Report {
        let diagnostic = Diagnostic {
            code: "E0107".to_owned(),
            severity: Severity::Error,
            message: "a share lies between 0% and 100%".to_owned(),
            span: Some(Span { offset: 9, length: 4, line: 1, column: 10 }),
            help: "write 100%".to_owned(),
        };
        Report {
            path: "p.yaml".to_owned(),
            text: Some("percent: 101%\n".to_owned()),
            diagnostics: vec![diagnostic],
        }
    }

    #[test]
    fn off_a_terminal_the_plain_text_is_shown_as_it_is() {
        assert_eq!(text(&report(), "plain", PLAIN), "plain");
    }

    #[test]
    fn on_a_terminal_the_line_the_code_and_the_help_are_shown() {
        let live = Console { live: true, ..PLAIN };
        let shown = text(&report(), "plain", live);
        for part in ["E0107", "percent: 101%", "write 100%", "p.yaml"] {
            assert!(shown.contains(part), "{part} is missing in\n{shown}");
        }
        assert!(!shown.contains('\u{1b}'), "no colour was asked for:\n{shown}");
    }

    #[test]
    fn a_place_outside_the_text_does_no_harm() {
        let mut report = report();
        report.diagnostics[0].span = Some(Span { offset: 999, length: 999, line: 9, column: 9 });
        let live = Console { live: true, err: Paint(true), ..PLAIN };
        assert!(text(&report, "plain", live).contains("E0107"));
    }

    #[test]
    fn problems_are_counted_by_severity() {
        assert_eq!(count(&report()), "1 error");
    }
}
