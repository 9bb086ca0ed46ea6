//! `package`: Distributor packages, from a folder to what can be published.

mod lint;
mod published;
mod test;

use super::context::Context;
use crate::args::{Format, Package};
use crate::exit::{Exit, Stop, chain};
use crate::print::{JSON_VERSION, diagnostics, table::Columns};
use serde_json::json;
use std::path::{Path, PathBuf};
use wavetrain_model::diagnostic::Report;
use wavetrain_package::build::{self, Build};
use wavetrain_package::{folder, init};

/// `wavetrain package …`.
pub async fn run(context: &Context, command: Package) -> Result<Exit, Stop> {
    match command {
        Package::Published(command) => published::run(context, command).await,
        Package::Init { path, name } => init(context, &path, name),
        Package::Lint { path, version_name, output } => {
            lint::run(context, &path, version_name.as_deref(), output)
        }
        Package::Test { path, from, timeout, output } => {
            test::run(context, &path, from.as_deref(), timeout, output)
        }
        Package::Build { path, out, output } => build(context, &path, out, output),
    }
}

fn init(context: &Context, path: &Path, name: Option<String>) -> Result<Exit, Stop> {
    let name = name.unwrap_or_else(|| own_name(path));
    if !wavetrain_spec::is_package_name(&name) {
        return Err(Stop::new(Exit::Usage, format!("`{name}` cannot be the name of a package")).help(
            "give a --name of 3 to 128 letters, digits, `.`, `_` and `-` that does not begin with aws, amazon or amzn",
        ));
    }
    let written = init::init(path, &name).map_err(|error| match error {
        init::Error::Occupied { .. } => Stop::new(Exit::Refused, error.to_string())
            .help("name another directory, or move the file away; nothing was written"),
        init::Error::Unwritable { .. } => Stop::unexpected(&error),
    })?;
    for file in written {
        context.console.data(&file.display().to_string())?;
    }
    context.console.note(&format!("now: wavetrain package lint {}", path.display()));
    Ok(Exit::Done)
}

/// The directory's own name, also for `.`.
fn own_name(path: &Path) -> String {
    let whole = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    whole.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned())
}

fn build(context: &Context, path: &Path, out: Option<PathBuf>, output: Format) -> Result<Exit, Stop> {
    let package = open(context, path)?;
    lint::must_be_clean(context, &package)?;
    let out = out.unwrap_or_else(|| path.join("dist").join(&package.manifest.version));
    let built = build::build(&package, &out).map_err(|error| build_stop(&error))?;
    match output {
        Format::Json => context.console.json(&document(&built))?,
        Format::Text => {
            let mut columns = Columns::new(&["file", "bytes#", "sha256"]);
            for file in &built.attachments {
                columns.row([file.name.clone(), file.bytes.to_string(), file.sha256.to_string()]);
            }
            context.console.data(&columns.text(0))?;
            context.console.note(&format!(
                "{} is built in {} (digest {})",
                built.manifest.version,
                built.folder.display(),
                built.digest
            ));
        }
    }
    Ok(Exit::Done)
}

fn document(built: &Build) -> serde_json::Value {
    let files: Vec<_> = built
        .attachments
        .iter()
        .map(|file| json!({ "name": file.name, "path": file.path, "bytes": file.bytes, "sha256": file.sha256 }))
        .collect();
    json!({
        "version": JSON_VERSION,
        "package_version": built.manifest.version,
        "folder": built.folder,
        "digest": built.digest,
        "files": files,
        "manifest": built.manifest,
    })
}

/// The package in a folder; problems of its file are shown, errors end the command.
fn open(context: &Context, path: &Path) -> Result<folder::Package, Stop> {
    let package = folder::open(path).map_err(|error| {
        if let folder::Error::Refused(report) = &error {
            show(context, report);
            return Stop::silent(Exit::InvalidFile);
        }
        let stop = Stop::new(Exit::InvalidFile, chain(&error));
        match error {
            folder::Error::Neither { .. } => stop.help(format!(
                "name the package's directory, or begin one with `wavetrain package init {}`",
                path.display()
            )),
            _ => stop,
        }
    })?;
    show(context, &package.report);
    Ok(package)
}

fn show(context: &Context, report: &Report) {
    if report.diagnostics.is_empty() {
        return;
    }
    let plain = wavetrain_spec::render(report);
    context.console.note(&diagnostics::text(report, &plain, context.console));
    context.console.note(&format!("{}: {}", report.path, diagnostics::count(report)));
}

fn build_stop(error: &build::Error) -> Stop {
    use build::Error;
    let (exit, help) = match error {
        Error::Full { .. } => {
            (Exit::Unexpected, "free some space, or build elsewhere with --out; nothing was left behind")
        }
        Error::Unwritable { .. } => (Exit::Unexpected, "build elsewhere with --out; nothing was left behind"),
        Error::Occupied { .. } => {
            (Exit::Refused, "name another directory with --out; only earlier builds are replaced")
        }
        Error::Contents(_) | Error::Folder(_) => (Exit::InvalidFile, ""),
        Error::Empty { .. } => (Exit::InvalidFile, "check `from` of this zip in package.yaml"),
        Error::TooLarge { .. } => {
            (Exit::InvalidFile, "split what it holds over several zips, or let scripts fetch it")
        }
        Error::Differs { .. } => (Exit::InvalidFile, "build it again"),
    };
    Stop::new(exit, chain(error)).help(help)
}
