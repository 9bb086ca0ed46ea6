//! What a probe's print says about the version on a node.

use wavetrain_model::spec;

/// The last line a probe printed, without surrounding blanks; None if it printed nothing.
///
/// Standard error is appended by SSM below a rule of dashes with the word `ERROR`; it is not part of the answer.
pub fn printed(output: &str) -> Option<&str> {
    let standard_output = output.split("----------ERROR-------").next().unwrap_or_default();
    standard_output.lines().map(str::trim).rfind(|line| !line.is_empty())
}

/// Whether a print means this VersionName.
pub fn means(probe: &spec::Probe, print: &str, version: &str) -> bool {
    let bare = without_revision(version);
    match &probe.expect {
        None => print == version || print == bare,
        Some(pattern) => {
            print == pattern.replace("{version_without_revision}", bare).replace("{version}", version)
        }
    }
}

/// A VersionName without its last `-revision`: `7.58.0-1` → `7.58.0`.
pub fn without_revision(version: &str) -> &str {
    version.rsplit_once('-').map_or(version, |(bare, _)| bare)
}

/// The version among `known` that a print means. An exact VersionName wins; of several that differ only in revision the
/// last one is meant, because revisions repackage the same product.
pub fn version_of<'a>(
    probe: &spec::Probe,
    print: &str,
    known: impl Iterator<Item = &'a str> + Clone,
) -> Option<&'a str> {
    known.clone().find(|version| *version == print).or_else(|| known.filter(|version| means(probe, print, version)).last())
}
