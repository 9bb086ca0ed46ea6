//! What the SSM agent does when it is told to install or uninstall a package, with its faults: the order of scripts, whose
//! scripts they are, and what it says and notes.

use super::disk::Disk;
use super::shell::Shell;
use crate::contents::{Contents, Error as Unreadable};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::io;

/// The exit code by which a script asks for a restart.
pub const RESTART: i32 = 194;
/// How often one script may ask for it.
const RESTARTS: u32 = 3;

/// Why a command could not be carried out; what scripts do is no such reason.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A zip cannot be read.
    #[error(transparent)]
    Contents(#[from] Unreadable),
    /// The sandbox cannot be used.
    #[error("the sandbox cannot be used: {0}")]
    Sandbox(#[from] io::Error),
}

/// One version as a node gets it.
#[derive(Debug, Clone, Copy)]
pub struct Version<'p> {
    /// VersionName.
    pub name: &'p str,
    /// Its zip.
    pub contents: &'p Contents,
}

/// One run of a script.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Ran {
    /// `install`, `uninstall`, `update` or `validate`.
    pub action: String,
    /// In the folder of this version.
    pub folder: String,
    /// Packaged with this version: not always that of the folder.
    pub scripts_of: String,
    /// How it ended.
    pub exit_code: i32,
}

/// One command, as SSM shows it.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize)]
pub struct Invocation {
    /// Whether SSM calls it a success.
    pub is_success: bool,
    /// What ran, in order.
    pub ran: Vec<Ran>,
    /// Trace of the agent with the scripts' output.
    pub stdout: String,
    /// The same for what went wrong.
    pub stderr: String,
}

/// What the agent notes about a package.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    None,
    Installed,
    Failed,
}

/// A node with one package on it.
#[derive(Debug)]
pub struct Node<'p> {
    /// Its disk.
    pub disk: Disk,
    package: &'p str,
    shell: Shell,
    environment: BTreeMap<String, String>,
    seconds: u32,
    version: Option<&'p str>,
    state: State,
    /// Versions whose manifest it has seen.
    cached: BTreeSet<&'p str>,
    /// Folder of a version → version whose files lie in it.
    unpacked: BTreeMap<&'p str, &'p str>,
    /// Install and update scripts that are made to fail after they ran, and how often.
    sabotage: Option<(&'p str, u32)>,
}

impl<'p> Node<'p> {
    /// A node that never heard of the package.
    ///
    /// # Errors
    /// The sandbox cannot be written.
    pub fn new(
        package: &'p str,
        shell: Shell,
        environment: BTreeMap<String, String>,
        seconds: u32,
    ) -> Result<Self, Error> {
        Ok(Self {
            disk: Disk::new()?,
            package,
            shell,
            environment,
            seconds,
            version: None,
            state: State::None,
            cached: BTreeSet::new(),
            unpacked: BTreeMap::new(),
            sabotage: None,
        })
    }

    /// Lets the install and update scripts of a version fail so many times, after they did their work.
    pub fn fail_installs_of(&mut self, version: &'p str, times: u32) {
        self.sabotage = Some((version, times));
    }

    /// `Install` by uninstall and reinstall.
    ///
    /// # Errors
    /// The sandbox or a zip failed.
    pub fn install(&mut self, target: Version<'p>) -> Result<Invocation, Error> {
        self.bring(target, "install")
    }

    /// `Install` as an in-place update: the update script runs where something is installed.
    ///
    /// # Errors
    /// The sandbox or a zip failed.
    pub fn update(&mut self, target: Version<'p>) -> Result<Invocation, Error> {
        let is_installed = self.version.is_some() && self.state != State::None;
        self.bring(target, if is_installed { "update" } else { "install" })
    }

    fn bring(&mut self, target: Version<'p>, action: &str) -> Result<Invocation, Error> {
        let mut said = Invocation::default();
        let is_same = !self.cached.insert(target.name);
        self.unpack(target, target.name, is_same)?;
        let old = self.version.filter(|_| self.state != State::None);
        if let Some(old) = old.filter(|old| *old != target.name) {
            // The agent fetches the old version's files again, by the new version's manifest: the fault that makes a new
            // version's scripts run in the old one's folder.
            self.unpack(target, old, is_same)?;
        }
        if old == Some(target.name)
            && self.state == State::Installed
            && is_same
            && self.validate(target.name, &mut said)?
        {
            let _ = writeln!(said.stdout, "{} {} is already installed", self.package, target.name);
            said.is_success = true;
            return Ok(said);
        }
        if action == "update" && !target.contents.has(&self.shell.script("update")) {
            // The agent then takes the version for installed that never was.
            (self.version, self.state) = (Some(target.name), State::Failed);
            said.stderr.push_str("missing update script required for in-place update\n");
            return Ok(said);
        }
        if let Some(old) = old.filter(|old| *old != target.name && action == "install") {
            self.uninstall_step(old, &mut said)?;
        }
        if self.install_step(action, target.name, &mut said)? {
            if let Some(old) = old.filter(|old| *old != target.name) {
                self.forget(old)?;
            }
            (self.version, self.state, said.is_success) = (Some(target.name), State::Installed, true);
            let _ = writeln!(said.stdout, "Successfully installed {} {}", self.package, target.name);
            return Ok(said);
        }
        said.stderr.push_str("Failed to install package; install status Failed\n");
        self.go_back(target.name, old.filter(|old| *old != target.name), &mut said)?;
        Ok(said)
    }

    fn go_back(&mut self, new: &'p str, old: Option<&'p str>, said: &mut Invocation) -> Result<(), Error> {
        let Some(old) = old else {
            (self.version, self.state) = (Some(new), State::Failed);
            return Ok(());
        };
        self.uninstall_step(new, said)?;
        (self.version, self.state) = (Some(old), State::Failed);
        if self.install_step("install", old, said)? {
            self.forget(new)?;
            self.state = State::Installed;
            let package = self.package;
            let _ = writeln!(
                said.stdout,
                "Failed to install {package} {new}, successfully rolled back to {package} {old}"
            );
        } else {
            said.stderr.push_str("Failed to install package; install status Failed\n");
        }
        Ok(())
    }

    /// `Uninstall` of a version.
    ///
    /// # Errors
    /// The sandbox or a zip failed.
    pub fn uninstall(&mut self, version: Version<'p>) -> Result<Invocation, Error> {
        let mut said = Invocation::default();
        let is_same = !self.cached.insert(version.name);
        if self.state == State::None || self.version != Some(version.name) {
            let _ = writeln!(said.stdout, "version: {} is not installed", version.name);
            said.is_success = true;
            return Ok(said);
        }
        self.unpack(version, version.name, is_same)?;
        if self.run_through_restarts("uninstall", version.name, &mut said)?.is_none_or(|code| code == 0) {
            self.forget(version.name)?;
            (self.state, said.is_success) = (State::None, true);
            let _ = writeln!(said.stdout, "Successfully uninstalled {} {}", self.package, version.name);
        } else {
            self.state = State::Failed;
            said.stderr.push_str("Failed to uninstall package; uninstall status Failed\n");
        }
        Ok(said)
    }

    fn uninstall_step(&mut self, version: &'p str, said: &mut Invocation) -> Result<(), Error> {
        match self.run_through_restarts("uninstall", version, said)? {
            Some(0) | None => {
                let _ = writeln!(said.stdout, "Successfully uninstalled {} {version}", self.package);
            }
            Some(_) => {
                let _ = writeln!(
                    said.stderr,
                    "Failed to uninstall version {version} of package; uninstall status Failed"
                );
            }
        }
        Ok(())
    }

    fn install_step(&mut self, action: &str, version: &'p str, said: &mut Invocation) -> Result<bool, Error> {
        let is_installed = match self.run(action, version, said)? {
            Some(0) => true,
            // It goes on behind the restart: with `validate`, not with the script again.
            Some(RESTART) => {
                said.stdout.push_str("Rebooting\n");
                true
            }
            _ => false,
        };
        Ok(is_installed && self.validate(version, said)?)
    }

    /// A script that asks for a restart is run again behind it.
    fn run_through_restarts(
        &mut self,
        action: &str,
        version: &'p str,
        said: &mut Invocation,
    ) -> Result<Option<i32>, Error> {
        let mut code = self.run(action, version, said)?;
        for _ in 0..RESTARTS {
            if code != Some(RESTART) {
                break;
            }
            said.stdout.push_str("Rebooting\n");
            code = self.run(action, version, said)?;
        }
        Ok(code)
    }

    fn validate(&mut self, version: &'p str, said: &mut Invocation) -> Result<bool, Error> {
        Ok(self.run("validate", version, said)?.is_none_or(|code| code == 0))
    }

    /// Runs the script of an action, whatever the agent would do; None if there is none.
    ///
    /// # Errors
    /// The sandbox failed.
    pub fn run(
        &mut self,
        action: &str,
        version: &'p str,
        said: &mut Invocation,
    ) -> Result<Option<i32>, Error> {
        let script = self.shell.script(action);
        let mut environment = self.environment.clone();
        environment.insert("BWS_ACTION_NAME".to_owned(), action.to_owned());
        let ran = self.disk.run(self.package, version, &self.shell, &script, &environment, self.seconds)?;
        let Some(mut ended) = ran else { return Ok(None) };
        let scripts_of = self.unpacked.get(version).copied().unwrap_or(version);
        if let Some((bad, times)) = &mut self.sabotage
            && matches!(action, "install" | "update")
            && *bad == scripts_of
            && *times > 0
        {
            *times -= 1;
            ended.code = 1;
            ended.stderr.push_str("(made to fail by the test)\n");
        }
        let word = if ended.code == 0 { "Success" } else { "Failed" };
        let _ = writeln!(
            said.stdout,
            "Initiating {} {version} {action}\nPlugin {} ResultStatus {word}\n{action} output: {}\n{}",
            self.package,
            self.shell.plugin(),
            self.shell.announced(&script),
            ended.stdout
        );
        if !ended.stderr.is_empty() {
            let _ = writeln!(said.stderr, "{action} errors: {}", ended.stderr.trim_end());
        }
        said.ran.push(Ran {
            action: action.to_owned(),
            folder: version.to_owned(),
            scripts_of: scripts_of.to_owned(),
            exit_code: ended.code,
        });
        Ok(Some(ended.code))
    }

    /// Lays the files of a version into a folder, unless they are taken to be there.
    fn unpack(&mut self, from: Version<'p>, into: &'p str, is_same: bool) -> Result<(), Error> {
        let is_there = self.unpacked.contains_key(into);
        let is_refreshed = self.version == Some(into) && (self.state == State::Failed || !is_same);
        if is_there && !is_refreshed {
            return Ok(());
        }
        for (name, entry) in &from.contents.0 {
            entry.with_reader(|reader| self.disk.write(self.package, into, name, reader))?;
        }
        self.unpacked.insert(into, from.name);
        Ok(())
    }

    fn forget(&mut self, version: &str) -> Result<(), Error> {
        self.unpacked.remove(version);
        Ok(self.disk.forget(self.package, version)?)
    }
}
