//! The package, and whether the fleet's accounts can name it.

use super::fleet::CheckedFleet;
use crate::code;
use crate::file;
use crate::problem::{Problems, quoted};
use crate::shape::Placed;
use std::collections::BTreeMap;
use wavetrain_model::diagnostic::Span;
use wavetrain_model::id::AccountId;
use wavetrain_model::spec::{Package, Probe};

/// What CreateDocument refuses as the beginning of a name; `aws` and `amazon` cover the longer ones.
const RESERVED: [&str; 3] = ["aws", "amazon", "amzn"];

/// Characters of `additionalArguments`, as JSON (AWS-ConfigureAWSPackage).
const ARGUMENTS: usize = 4096;

/// Characters of a document's name or ARN (GetDocument).
const DOCUMENT_NAME: usize = 128;

/// The package and the place of its name.
pub struct CheckedPackage {
    pub value: Package,
    pub name_span: Span,
}

pub fn check(written: Option<Placed<file::Package>>, problems: &mut Problems) -> Option<CheckedPackage> {
    let Placed { value: written, span } = written?;
    if let Some(name) = &written.name {
        reserved(name.value.text.as_str(), name.span, problems);
    }
    let arguments = written.arguments.map(|arguments| {
        let span = arguments.span;
        let entries = arguments.value.0.into_iter().map(|(key, value)| (key.value.text, value.value.text));
        let entries: BTreeMap<String, String> = entries.collect();
        arguments_size(&entries, span, problems);
        entries
    });
    if !written.given.has("probe") {
        no_probe(written.name.as_ref().map_or(span, |name| name.span), problems);
    }
    let probe = written.probe.map(|written| probe(written, problems));
    let Placed { value: name, span: name_span } = written.name?;
    let value = Package {
        name: name.text,
        owner: AccountId::new(written.owner?.value.text),
        version: written.version?.value.0.text,
        install: written.install.value.0,
        arguments: arguments.unwrap_or_default(),
        probe,
        copies: written.copies.value.0,
        allow_differing_contents: written.allow_differing_contents.value.0,
    };
    Some(CheckedPackage { value, name_span })
}

/// The beginning of a name that belongs to AWS.
pub fn reserved_prefix(name: &str) -> Option<&'static str> {
    let lower = name.to_lowercase();
    RESERVED.into_iter().find(|prefix| lower.starts_with(prefix))
}

pub fn reserved(name: &str, span: Span, problems: &mut Problems) {
    if let Some(prefix) = reserved_prefix(name) {
        problems.error(
            code::RESERVED_NAME,
            span,
            format!("{} cannot be the name of a customer's package", quoted(name)),
            format!("names that begin with `{prefix}` belong to AWS; name a package of your own"),
        );
    }
}

pub fn arguments_size(arguments: &BTreeMap<String, String>, span: Span, problems: &mut Problems) {
    let size = serde_json::Value::from_iter(arguments.clone()).to_string().chars().count();
    if size > ARGUMENTS {
        problems.error(
            code::ARGUMENTS_SIZE,
            span,
            format!("the arguments have {size} characters as JSON; at most {ARGUMENTS} are possible"),
            "keep long values in Parameter Store and write `{{ssm:/path}}`",
        );
    }
}

fn no_probe(span: Span, problems: &mut Problems) {
    problems.warning(
        code::NO_PROBE,
        span,
        "without a probe, success rests on SSM's word alone",
        "add `probe` with a command that prints the product's version on `linux`, on `windows` or on both",
    );
}

fn probe(Placed { value: written, span }: Placed<file::Probe>, problems: &mut Problems) -> Probe {
    let missing = match (written.given.has("linux"), written.given.has("windows")) {
        (false, false) => {
            problems.error(
                code::PROBE_EMPTY,
                span,
                "the probe has no command",
                "add `linux: …`, `windows: …` or both",
            );
            None
        }
        (true, false) => Some("windows"),
        (false, true) => Some("linux"),
        (true, true) => None,
    };
    if let Some(platform) = missing {
        problems.warning(
            code::PROBE_PLATFORM,
            span,
            format!("the probe has no command for {platform} nodes"),
            format!("add `{platform}: …`; without it, {platform} nodes are taken at SSM's word"),
        );
    }
    let text = |command: Option<Placed<_>>| {
        command.map(|command: Placed<crate::scalar::Text<_>>| command.value.text)
    };
    Probe {
        linux: text(written.linux),
        windows: text(written.windows),
        expect: written.expect.map(|expect| expect.value.text),
    }
}

/// Whether every account of the fleet can name the package.
pub fn fits_fleet(package: &CheckedPackage, fleet: &CheckedFleet, problems: &mut Problems) {
    let CheckedPackage { value: package, name_span } = package;
    let is_shared = fleet.value.accounts.iter().any(|account| account != package.owner_for(account));
    let arn_length = |region: &str| {
        format!("arn:{}:ssm:{region}:{}:document/{}", fleet.partition, package.owner, package.name).len()
    };
    let longest = fleet.value.regions.iter().map(|region| arn_length(region.as_str())).max().unwrap_or(0);
    if is_shared && longest > DOCUMENT_NAME {
        problems.error(
            code::PACKAGE_ARN,
            *name_span,
            format!("the package's ARN has {longest} characters; SSM accepts at most {DOCUMENT_NAME}"),
            format!(
                "publish the package under a name that is {} characters shorter",
                longest - DOCUMENT_NAME
            ),
        );
    }
}
