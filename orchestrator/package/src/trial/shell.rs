//! What scripts are run with.

use std::path::{Path, PathBuf};

/// Where [`Shell::home`] is seen in a sandbox.
const PLACE: &str = "/.shell";

/// A shell of the machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Shell {
    /// `sh`, for Linux.
    Sh,
    /// `pwsh`, for Windows: by its whole path, links followed.
    PowerShell(PathBuf),
}

impl Shell {
    /// The script of an action.
    pub fn script(&self, action: &str) -> String {
        match self {
            Self::Sh => format!("{action}.sh"),
            Self::PowerShell(_) => format!("{action}.ps1"),
        }
    }

    /// How the agent names what runs it.
    pub const fn plugin(&self) -> &'static str {
        match self {
            Self::Sh => "aws:runShellScript",
            Self::PowerShell(_) => "aws:runPowerShellScript",
        }
    }

    /// What the agent prints before it runs a script.
    pub fn announced(&self, script: &str) -> String {
        match self {
            Self::Sh => format!("Running sh {script}"),
            Self::PowerShell(_) => format!("Running {script}"),
        }
    }

    /// The command line that runs a script of the current folder, as the agent calls it.
    pub(super) fn command(&self, script: &str) -> Vec<String> {
        match self {
            Self::Sh => vec!["sh".to_owned(), script.to_owned()],
            Self::PowerShell(program) => {
                let name = program.file_name().filter(|_| self.home().is_some());
                let program = name.map_or_else(|| program.clone(), |name| Path::new(PLACE).join(name));
                let program = program.display().to_string();
                // Not `-File`: it forgets the exit code of the last program that a script runs.
                let command = format!(".\\{script}; exit $LASTEXITCODE");
                let options = ["-NoLogo", "-NoProfile", "-NonInteractive", "-Command"].map(str::to_owned);
                std::iter::once(program).chain(options).chain([command]).collect()
            }
        }
    }

    /// What it needs to run at all, beside what the agent sets.
    pub(super) fn environment(&self) -> Option<(&'static str, &'static str)> {
        match self {
            Self::Sh => None,
            // It looks for words of all languages otherwise, and the sandbox has none.
            Self::PowerShell(_) => Some(("DOTNET_SYSTEM_GLOBALIZATION_INVARIANT", "1")),
        }
    }

    /// The folder of the machine that must be seen in the sandbox beside what is always seen there.
    pub(super) fn home(&self) -> Option<&Path> {
        match self {
            Self::Sh => None,
            Self::PowerShell(program) => program.parent().filter(|home| !home.starts_with("/usr")),
        }
    }
}
