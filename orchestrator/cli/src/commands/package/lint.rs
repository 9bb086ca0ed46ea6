//! `package lint`.

use super::super::context::Context;
use super::{open, show};
use crate::args::Format;
use crate::exit::{Exit, Stop, chain};
use crate::print::{JSON_VERSION, table::counted};
use serde_json::json;
use std::path::Path;
use wavetrain_model::diagnostic::{Report, Severity};
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
pub fn must_be_publishable(context: &Context, path: &Path, accept: &[String]) -> Result<(), Stop> {
    let reports = found(&open(context, path)?, None)?;
    let is_accepted = |code: &str| accept.iter().any(|accepted| accepted.eq_ignore_ascii_case(code));
    for report in &reports {
        show(context, report);
    }
    let all = reports.iter().flat_map(|report| &report.diagnostics);
    let mut errors: Vec<&str> =
        all.filter(|one| one.severity == Severity::Error).map(|one| one.code.as_str()).collect();
    errors.retain(|code| !is_accepted(code));
    errors.sort_unstable();
    errors.dedup();
    if errors.is_empty() {
        return Ok(());
    }
    let what = format!("lint found {}; nothing was published", errors.join(", "));
    Err(Stop::new(Exit::InvalidFile, what)
        .help("`wavetrain explain code L…` says why; --accept CODE publishes it all the same"))
}

fn found(package: &Package, version_name: Option<&str>) -> Result<Vec<Report>, Stop> {
    lint(package, version_name).map_err(|error| Stop::new(Exit::InvalidFile, chain(&error)))
}

fn count(reports: &[Report], severity: Severity) -> u64 {
    reports.iter().flat_map(|report| &report.diagnostics).filter(|one| one.severity == severity).count()
        as u64
}
