//! What a package is made of: a `package.yaml` once checked.

use crate::diagnostic::Span;
use crate::fleet::Architecture;
use crate::spec::InstallMode;
use std::collections::BTreeMap;

/// One version of a Distributor package, before it is built.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recipe {
    /// Name of the package document.
    pub name: String,
    /// Its VersionName, and so the version in its manifest: the agent looks one up and stores the other.
    pub version: String,
    /// Where the version stands.
    pub version_span: Span,
    /// Shown in the console.
    pub publisher: Option<String>,
    /// Shown in the console.
    pub description: Option<String>,
    /// How rollouts of it replace an installed version.
    pub install: InstallMode,
    /// Where that stands.
    pub install_span: Span,
    /// Its zips, by name.
    pub zips: Vec<Zip>,
    /// `additionalArguments` that its scripts read, with the values that tests give them.
    pub arguments: BTreeMap<String, String>,
    /// Machines that must be served.
    pub fleet: Vec<Machine>,
    /// Findings that were looked at and are meant to be.
    pub accept: Vec<Accepted>,
}

/// One zip of a package.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Zip {
    /// File name.
    pub name: String,
    /// Where it stands.
    pub span: Span,
    /// Folders whose contents it holds, laid over one another: a later one replaces files of an earlier one.
    pub from: Vec<String>,
    /// Machines that get it.
    pub serves: Vec<Serves>,
}

/// One leaf of the manifest's `packages`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Serves {
    /// Platform code, such as `amazon`; or [`ANY`].
    pub platform: String,
    /// Platform version, such as `22.04` or `9.*`; or [`ANY`].
    pub version: String,
    /// Architecture code, such as `x86_64`; or [`ANY`].
    pub architecture: String,
    /// Where it stands.
    pub span: Span,
}

/// The key that stands for everything that has no key of its own.
pub const ANY: &str = "_any";

/// A kind of machine of the fleet, in the words of the SSM agent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Machine {
    /// Platform code.
    pub platform: String,
    /// Its version.
    pub version: String,
    /// Processor.
    pub architecture: Architecture,
    /// Where it stands.
    pub span: Span,
}

/// Whether a finding of this code can only be accepted file by file: those about secrets.
pub fn is_of_one_file(code: &str) -> bool {
    code.get(..3).is_some_and(|start| start.eq_ignore_ascii_case("L05"))
}

/// A finding that is meant to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Accepted {
    /// Its code.
    pub code: String,
    /// Where that stands.
    pub span: Span,
    /// Why.
    pub reason: String,
    /// The one file, by the end of its path, which no other finding of the code has; None: everywhere.
    pub file: Option<String>,
}
