//! What would go wrong with a package on a node, found without running anything.
//!
//! Rules follow what the SSM agent does with a package and what users of Distributor report. Start at [`lint`]; the modules
//! are the groups of codes, and [`explain`] says what a code means.

#[allow(missing_docs)] // a code's documentation is its explanation
mod code;
mod contract;
mod findings;
mod layout;
mod platforms;
mod quotas;
mod script;
mod secrets;

pub use code::explain;

use crate::contents::{Contents, Error};
use crate::folder::Package;
use crate::manifest::Manifest;
use findings::{Findings, Script, path_of};
use wavetrain_model::diagnostic::{Report, Span};

/// Longest script that is read.
const SCRIPT_BYTES: u64 = 1 << 20;

/// The platform that has PowerShell scripts.
const WINDOWS: &str = "windows";

/// One zip and who gets it.
struct Zip<'p> {
    name: &'p str,
    contents: &'p Contents,
    /// Its place in package.yaml.
    span: Option<Span>,
    for_linux: bool,
    for_windows: bool,
}

impl Zip<'_> {
    /// The text of a script at the top; None if there is none, or it is no text.
    fn script(&self, name: &str) -> Result<Option<Script>, Error> {
        let Some(bytes) = self.contents.read(name, SCRIPT_BYTES)? else { return Ok(None) };
        let Some(entry) = self.contents.0.get(name) else { return Ok(None) };
        let text = String::from_utf8(bytes).map(|text| text.replace('\r', ""));
        Ok(text.ok().map(|text| Script { path: path_of(self.name, name, entry), text }))
    }

    /// Endings of scripts that its machines run.
    fn endings(&self) -> impl Iterator<Item = &'static str> {
        self.for_linux.then_some("sh").into_iter().chain(self.for_windows.then_some("ps1"))
    }
}

/// Everything that was found, file by file. `version_name` is the VersionName that a package with nothing but a manifest
/// will be published under.
///
/// # Errors
/// A file of the package cannot be read.
pub fn lint(package: &Package, version_name: Option<&str>) -> Result<Vec<Report>, Error> {
    let mut findings = Findings::default();
    for (name, contents) in &package.zips {
        let zip = zip(package, name, contents);
        layout::check(&zip, package, &mut findings);
        script::check(&zip, package, &mut findings)?;
        contract::check(&zip, package, &mut findings)?;
        secrets::check(&zip, &mut findings)?;
    }
    layout::manifest(package, &mut findings)?;
    quotas::check(package, version_name, &mut findings);
    platforms::check(package, &mut findings);
    secrets::recipe(package, &mut findings);
    accept(package, &mut findings);
    Ok(findings.into_reports())
}

fn zip<'p>(package: &'p Package, name: &'p str, contents: &'p Contents) -> Zip<'p> {
    let recipe = package.recipe.iter().flat_map(|recipe| &recipe.zips);
    let span = recipe.into_iter().find(|zip| zip.name == name).map(|zip| zip.span);
    let platforms: Vec<&str> = platforms_of(&package.manifest, name).collect();
    // A file that nobody gets is judged by the scripts that it has.
    let is_for = |has: &str, is_served: bool| is_served || (platforms.is_empty() && contents.has(has));
    Zip {
        name,
        contents,
        span,
        for_linux: is_for("install.sh", platforms.iter().any(|platform| *platform != WINDOWS)),
        for_windows: is_for("install.ps1", platforms.contains(&WINDOWS)),
    }
}

/// Platforms with a key that leads to a file.
fn platforms_of<'m>(manifest: &'m Manifest, file: &str) -> impl Iterator<Item = &'m str> {
    manifest.packages.iter().filter_map(move |(platform, versions)| {
        let mut leaves = versions.values().flat_map(|architectures| architectures.values());
        leaves.any(|leaf| leaf.file == file).then_some(platform.as_str())
    })
}

fn accept(package: &Package, findings: &mut Findings) {
    for accepted in package.recipe.iter().flat_map(|recipe| &recipe.accept) {
        let file = accepted.file.as_deref();
        let place = file.map(|file| format!(" in {file}")).unwrap_or_default();
        let paths = findings.paths(&accepted.code, file);
        let (found, message, help) = match (&paths[..], file) {
            ([], _) => {
                let message =
                    format!("{} was not found{place}, so there is nothing to accept", accepted.code);
                (code::ACCEPTED_NOTHING, message, "delete this entry")
            }
            ([one, other, ..], Some(file)) => {
                let message =
                    format!("{} was found in {one}, {other}: `{file}` is the end of both", accepted.code);
                (
                    code::ACCEPTED_SEVERAL,
                    message,
                    "write more of the path, and an entry for each file that is meant",
                )
            }
            ([_, ..], _) => {
                findings.remove(&accepted.code, file);
                continue;
            }
        };
        findings.package(found, Some(accepted.span), message, help, &package.report);
    }
}

/// Every code with its explanation, in order.
pub fn codes() -> &'static [(&'static str, &'static str)] {
    code::ALL
}
