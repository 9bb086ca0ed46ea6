//! The text an agent reports, in the words clients search for.

use super::behaviour::{Effect, PlatformType, Script, ScriptRun};

/// What a script printed.
#[derive(Debug, Default)]
pub(super) struct Said {
    /// Without what the agent itself prints around it.
    pub(super) stdout: String,
    /// What it complained about.
    pub(super) stderr: String,
}

/// Collects the lines of one run of the plugin.
#[derive(Debug, Default)]
pub(super) struct Transcript {
    running: Vec<String>,
    /// Closing lines, newest first: the agent prints its trace from the outside in, so the last thing done
    /// (installing the new) is reported before an earlier one (uninstalling the old).
    closing: Vec<String>,
    errors: Vec<String>,
}

impl Transcript {
    /// A script of a version (named as the agent names it) ran, printing a line of its own.
    pub(super) fn script(
        &mut self,
        platform: PlatformType,
        package: &str,
        version: &str,
        script: Script,
        said: &Said,
        run: &ScriptRun,
    ) {
        let action = script.as_str();
        let (plugin, start) = match platform {
            PlatformType::Linux => ("aws:runShellScript", format!("Running sh {action}.sh")),
            PlatformType::Windows => ("aws:runPowerShellScript", format!("Running {action}.ps1")),
        };
        let status = match run.effect {
            Effect::Fail | Effect::FailOnce => "Failed",
            Effect::TimeOut | Effect::Hang => "TimedOut",
            Effect::Reboot => "SuccessAndReboot",
            Effect::Ok | Effect::Silent => "Success",
        };
        self.running.push(format!("Initiating {package} {version} {action}"));
        self.running.push(format!("Plugin {plugin} ResultStatus {status}"));
        self.running.push(format!("{action} output: {start}\n{}\n", said.stdout.trim_end()));
        if status == "Failed" {
            self.errors.push(format!(
                "{action} errors: {}\nfailed to run commands: exit status {}",
                said.stderr.trim_end(),
                run.exit_code
            ));
        } else if !said.stderr.is_empty() {
            self.errors.push(format!("{action} errors: {}", said.stderr.trim_end()));
        }
    }

    /// A closing line on stdout.
    pub(super) fn close(&mut self, line: String) {
        self.closing.insert(0, line);
    }

    /// A line on stderr.
    pub(super) fn error(&mut self, line: impl Into<String>) {
        self.errors.push(line.into());
    }

    /// stdout and stderr.
    pub(super) fn finish(self) -> (String, String) {
        let mut lines = self.running;
        lines.extend(self.closing);
        (joined(&lines), joined(&self.errors))
    }
}

fn joined(lines: &[String]) -> String {
    if lines.is_empty() { String::new() } else { lines.join("\n") + "\n" }
}
