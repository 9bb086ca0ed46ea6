//! Collects findings, file by file.

use super::code::Code;
use crate::contents::{Entry, Place};
use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;
use wavetrain_model::diagnostic::{Diagnostic, Report, Span};

/// Findings of one package.
#[derive(Debug, Default)]
pub struct Findings {
    reports: BTreeMap<String, Report>,
}

/// A text of the package, and how its file is called.
#[derive(Debug, Clone)]
pub struct Script {
    /// Path for people.
    pub path: String,
    /// Without carriage returns, so that lines are lines.
    pub text: String,
}

impl Findings {
    /// Something about the package as a whole, or at a place in its file.
    pub fn package(&mut self, code: Code, span: Option<Span>, message: String, help: &str, file: &Report) {
        let report = self.report(&file.path, file.text.as_deref());
        push(report, code, span, message, help);
    }

    /// Something at a place in a text.
    pub fn script(&mut self, code: Code, at: Range<usize>, message: String, help: &str, script: &Script) {
        let span = span(&script.text, at);
        push(self.report(&script.path, Some(&script.text)), code, Some(span), message, help);
    }

    /// Something about a file of which no text is shown.
    pub fn file(&mut self, code: Code, message: String, help: &str, path: &str) {
        push(self.report(path, None), code, None, message, help);
    }

    fn report(&mut self, path: &str, text: Option<&str>) -> &mut Report {
        self.reports.entry(path.to_owned()).or_insert_with(|| Report {
            path: path.to_owned(),
            // Shown to whoever runs lint, and kept in its logs.
            text: text.map(super::secrets::masked),
            diagnostics: Vec::new(),
        })
    }

    /// Paths of the files in which a code was found: of all, or of those whose path has this end.
    pub fn paths(&self, code: &str, file: Option<&str>) -> Vec<&str> {
        let meant = self.reports.values().filter(|report| is_of(report, file));
        let having = meant.filter(|report| report.diagnostics.iter().any(|found| found.code == code));
        having.map(|report| report.path.as_str()).collect()
    }

    /// Takes away what was accepted.
    pub fn remove(&mut self, code: &str, file: Option<&str>) {
        for report in self.reports.values_mut().filter(|report| is_of(report, file)) {
            report.diagnostics.retain(|found| found.code != code);
        }
    }

    /// Every report with findings, by path; findings in the order of their places.
    pub fn into_reports(self) -> Vec<Report> {
        let mut reports: Vec<Report> =
            self.reports.into_values().filter(|report| !report.diagnostics.is_empty()).collect();
        for report in &mut reports {
            report
                .diagnostics
                .sort_by_key(|found| (found.span.map_or(0, |span| span.offset), found.code.clone()));
        }
        reports
    }
}

fn is_of(report: &Report, file: Option<&str>) -> bool {
    file.is_none_or(|file| Path::new(&report.path).ends_with(file))
}

fn push(report: &mut Report, code: Code, span: Option<Span>, message: String, help: &str) {
    let Code(code, severity) = code;
    let found = Diagnostic { code: code.to_owned(), severity, message, span, help: help.to_owned() };
    // Two zips may hold the same file.
    if !report.diagnostics.contains(&found) {
        report.diagnostics.push(found);
    }
}

/// How a file of a zip is called.
pub fn path_of(zip: &str, name: &str, entry: &Entry) -> String {
    match &entry.place {
        Place::File(path) => path.display().to_string(),
        Place::Zipped(..) => format!("{zip}/{name}"),
    }
}

/// A place, on its first line only.
pub fn span(text: &str, at: Range<usize>) -> Span {
    let before = text.get(..at.start).unwrap_or(text);
    let line_start = before.rfind('\n').map_or(0, |end| end + 1);
    let marked = text.get(at.clone()).unwrap_or_default();
    Span {
        offset: before.len(),
        length: marked.find('\n').unwrap_or(marked.len()),
        line: before.matches('\n').count() + 1,
        column: before[line_start..].chars().count() + 1,
    }
}
