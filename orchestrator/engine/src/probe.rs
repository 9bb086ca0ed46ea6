//! What a probe's print says about the version on a node.

use wavetrain_model::fleet::Platform;
use wavetrain_model::spec;

/// The last line a probe printed, without surrounding blanks; None if it printed nothing.
///
/// Standard error is appended by SSM below a rule of dashes with the word `ERROR`; it is not part of the answer.
pub fn printed(output: &str) -> Option<&str> {
    standard_output(output).lines().map(str::trim).rfind(|line| !line.is_empty())
}

/// What went to standard output, without blanks around it.
pub fn standard_output(output: &str) -> &str {
    output.split("----------ERROR-------").next().unwrap_or_default().trim()
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
    known
        .clone()
        .find(|version| *version == print)
        .or_else(|| known.filter(|version| means(probe, print, version)).last())
}

/// Whether a failed probe says that the program or its file does not exist: exit code 127 of a POSIX shell, or the words of
/// a shell or PowerShell for it, with nothing printed.
pub fn says_absent(output: &str, exit_code: Option<i32>) -> bool {
    let words = [
        "not found",
        "No such file or directory",
        "Cannot find path",
        "because it does not exist",
        "is not recognized as",
    ];
    printed(output).is_none() && (exit_code == Some(127) || words.iter().any(|word| output.contains(word)))
}

/// The probe command for a platform.
pub fn script(spec: &spec::Rollout, platform: Platform) -> Option<&str> {
    let probe = spec.package.probe.as_ref()?;
    match platform {
        Platform::Linux => probe.linux.as_deref(),
        Platform::Windows => probe.windows.as_deref(),
        Platform::MacOs => None,
    }
}
