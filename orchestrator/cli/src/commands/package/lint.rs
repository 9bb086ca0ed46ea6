//! `package lint`.

use super::super::context::Context;
use super::{open, show};
use crate::args::{Accepted, Format};
use crate::exit::{Exit, Stop, chain};
use crate::print::{JSON_VERSION, table::counted};
use serde_json::json;
use std::collections::BTreeSet;
use std::path::Path;
use wavetrain_model::diagnostic::{Report, Severity};
use wavetrain_model::recipe::is_of_one_file;
use wavetrain_package::folder::{self, Package};
use wavetrain_package::lint::lint;

/// `wavetrain package lint`.
pub fn run(context: &Context, path: &Path, version_name: Option<&str>, output: Format) -> Result<Exit, Stop> {
    let reports = match (folder::open(path), output) {
        (Ok(package), _) => found(&package, version_name)?,
        // What refuses package.yaml is a finding too.
        (Err(folder::Error::Refused(report)), Format::Json) => vec![*report],
        (Err(_), _) => return open(context, path).map(|_| Exit::InvalidFile),
    };
    let exit = if count(&reports, Severity::Error) == 0 { Exit::Done } else { Exit::InvalidFile };
    if output == Format::Json {
        let file = |report: &Report| json!({ "path": report.path, "diagnostics": report.diagnostics });
        context.console.json(&json!({
            "version": JSON_VERSION,
            "path": path,
            "valid": exit == Exit::Done,
            "errors": count(&reports, Severity::Error),
            "warnings": count(&reports, Severity::Warning),
            "files": reports.iter().map(file).collect::<Vec<_>>(),
        }))?;
        return Ok(exit);
    }
    for report in &reports {
        show(context, report);
    }
    if reports.is_empty() {
        context.console.note(&format!("{}: nothing found", path.display()));
    }
    Ok(exit)
}

/// Errors end the command; warnings are shown.
pub fn must_be_clean(context: &Context, package: &Package) -> Result<(), Stop> {
    let reports = found(package, None)?;
    for report in &reports {
        show(context, report);
    }
    match count(&reports, Severity::Error) {
        0 => Ok(()),
        errors => {
            let what = counted(errors, "error");
            Err(Stop::new(Exit::InvalidFile, format!("lint found {what}; nothing was built")).help(
                "`wavetrain explain code L…` says why; what is meant to be goes into `accept` in package.yaml",
            ))
        }
    }
}

/// The same for a build, which whoever built it may have made by hand; what is accepted is shown and does not stop it. What
/// its package.yaml accepted is not known any more.
pub fn must_be_publishable(context: &Context, path: &Path, accept: &[Accepted]) -> Result<(), Stop> {
    let reports = found(&open(context, path)?, None)?;
    for report in &reports {
        show(context, report);
    }
    let errors: BTreeSet<(&str, &str)> = errors(&reports).collect();
    let is_accepted = |error| accept.iter().any(|accepted| accepted.is_of(error, &errors));
    let left: Vec<(&str, &str)> = errors.iter().filter(|error| !is_accepted(error)).copied().collect();
    if left.is_empty() {
        return Ok(());
    }
    let codes: BTreeSet<&str> = left.iter().map(|(_, code)| *code).collect();
    let what = format!("lint found {}; nothing was published", Vec::from_iter(codes).join(", "));
    // It is typed into a shell, and whoever made the package chose the names of its files.
    let is_plain = |path: &str| path.chars().all(|it| it.is_ascii_alphanumeric() || "._-/".contains(it));
    let flag = |(path, code): (&str, &str)| match is_of_one_file(code) {
        true if is_plain(path) => format!("--accept {code}={path}"),
        true => format!("--accept {code}=FILE"),
        false => format!("--accept {code}"),
    };
    let flags: BTreeSet<String> = left.into_iter().map(flag).collect();
    let flags = Vec::from_iter(flags).join(" ");
    let help = format!("`wavetrain explain code L…` says why; {flags} publishes it all the same");
    Err(Stop::new(Exit::InvalidFile, what).help(help))
}

/// Path and code of every error.
fn errors(reports: &[Report]) -> impl Iterator<Item = (&str, &str)> {
    reports.iter().flat_map(|report| {
        let errors = report.diagnostics.iter().filter(|one| one.severity == Severity::Error);
        errors.map(|one| (report.path.as_str(), one.code.as_str()))
    })
}

impl Accepted {
    /// Whether it means this error; one that is named by an end that several paths have is not meant.
    fn is_of(&self, (path, code): &(&str, &str), errors: &BTreeSet<(&str, &str)>) -> bool {
        let is_named = |path: &str| self.file.as_ref().is_none_or(|file| Path::new(path).ends_with(file));
        let named = errors.iter().filter(|(path, other)| other == code && is_named(path));
        self.code.eq_ignore_ascii_case(code) && is_named(path) && (self.file.is_none() || named.count() == 1)
    }
}

fn found(package: &Package, version_name: Option<&str>) -> Result<Vec<Report>, Stop> {
    lint(package, version_name).map_err(|error| Stop::new(Exit::InvalidFile, chain(&error)))
}

fn count(reports: &[Report], severity: Severity) -> u64 {
    reports.iter().flat_map(|report| &report.diagnostics).filter(|one| one.severity == severity).count()
        as u64
}
