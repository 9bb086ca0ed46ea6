//! A package's scripts, run for real in a sandbox, as the SSM agent would on a node: fresh install, repeat, upgrade, failed
//! upgrade, rollback, uninstall.
//!
//! Nothing runs without a sandbox. Start at [`run`].

mod agent;
mod disk;
mod sandbox;
mod shell;

pub use agent::{Error, Invocation, Ran};
pub use disk::Disk;
pub use sandbox::Ended;
pub use shell::Shell;

use crate::folder::Package;
use crate::manifest::Manifest;
use agent::{Node, Version};
use sandbox::Sandbox;
use serde::Serialize;
use std::collections::BTreeMap;
use std::path::Path;

/// Longest run of one script, in seconds, as the agent has it.
pub const SCRIPT_SECONDS: u32 = 3600;

/// What was tried on one zip.
#[derive(Debug, Clone, Serialize)]
pub struct Trial {
    /// File name of the zip.
    pub zip: String,
    /// What was tried, in order.
    pub steps: Vec<Step>,
    /// Why something was not tried.
    pub skipped: Vec<String>,
    /// Files that are left after an uninstall.
    pub left: Vec<String>,
}

/// One thing that was tried.
#[derive(Debug, Clone, Serialize)]
pub struct Step {
    /// What.
    pub name: String,
    /// What is wrong; None if it went as it should.
    pub problem: Option<String>,
    /// What happened.
    pub invocation: Invocation,
}

/// Why this machine has no sandbox; None if it has.
pub fn missing() -> Option<String> {
    Sandbox::missing()
}

/// Tries the zips of a package; `earlier` is the version that nodes are upgraded from, `pwsh` where this machine has
/// PowerShell: zips for Windows need it. Their scripts run on this machine's system all the same.
///
/// # Errors
/// The sandbox or a zip failed; what is wrong with scripts is in the trials.
pub fn run<'p>(
    name: &'p str,
    package: &'p Package,
    earlier: Option<&'p Package>,
    pwsh: Option<&Path>,
    seconds: u32,
) -> Result<Vec<Trial>, Error> {
    let mut trials = Vec::new();
    for (zip, contents) in &package.zips {
        let mut trial = Trial { zip: zip.clone(), steps: Vec::new(), skipped: Vec::new(), left: Vec::new() };
        match machine(&package.manifest, zip, pwsh) {
            None => trial.skipped.push(unrunnable(&package.manifest, zip)),
            Some(machine) => {
                let environment = environment(package, &machine);
                let target = Version { name: &package.manifest.version, contents };
                let previous = earlier.and_then(|earlier| {
                    let file = earlier.manifest.choose(
                        &machine.platform,
                        &machine.version,
                        &machine.architecture,
                    )?;
                    Some(Version { name: &earlier.manifest.version, contents: earlier.zips.get(file)? })
                });
                let stage = Stage { name, shell: machine.shell, environment, seconds, target };
                stage.alone(&mut trial)?;
                match previous {
                    Some(previous) if previous.name != target.name => {
                        stage.after(previous, &mut trial)?;
                        stage.in_place(previous, &mut trial)?;
                    }
                    Some(_) => trial
                        .skipped
                        .push("upgrades: the earlier version has the same VersionName".to_owned()),
                    None => trial
                        .skipped
                        .push("upgrades and rollbacks: no earlier version for this machine".to_owned()),
                }
            }
        }
        trials.push(trial);
    }
    Ok(trials)
}

/// A machine that gets a zip, and that this one can stand for.
struct Machine {
    platform: String,
    version: String,
    architecture: String,
    shell: Shell,
}

fn machine(manifest: &Manifest, zip: &str, pwsh: Option<&Path>) -> Option<Machine> {
    let own = match std::env::consts::ARCH {
        "aarch64" => "arm64",
        "x86" => "386",
        other => other,
    };
    for (platform, versions) in &manifest.packages {
        let shell = match (platform.as_str(), pwsh) {
            ("windows", None) => continue,
            ("windows", Some(pwsh)) => Shell::PowerShell(pwsh.to_owned()),
            _ => Shell::Sh,
        };
        for (version, architectures) in versions {
            let fits =
                |architecture: &&str| architectures.get(*architecture).is_some_and(|leaf| leaf.file == zip);
            if [own, "_any"].iter().any(fits) {
                let (platform, version, architecture) = (platform.clone(), version.clone(), own.to_owned());
                return Some(Machine { platform, version, architecture, shell });
            }
        }
    }
    None
}

fn unrunnable(manifest: &Manifest, zip: &str) -> String {
    let windows = manifest.packages.get("windows");
    let mut leaves = windows.into_iter().flat_map(|versions| versions.values()).flat_map(|all| all.values());
    if leaves.any(|leaf| leaf.file == zip) {
        "PowerShell scripts: there is no pwsh here, or they are for processors of another kind".to_owned()
    } else {
        "it is for processors of another kind than this one".to_owned()
    }
}

fn environment(package: &Package, machine: &Machine) -> BTreeMap<String, String> {
    let (family, init_system) = match machine.shell {
        Shell::Sh => ("linux", "systemd"),
        Shell::PowerShell(_) => ("windows", ""),
    };
    let fixed = [
        ("BWS_PLATFORM_NAME", machine.platform.as_str()),
        ("BWS_PLATFORM_VERSION", machine.version.as_str()),
        ("BWS_PLATFORM_FAMILY", family),
        ("BWS_ARCHITECTURE", machine.architecture.as_str()),
        ("BWS_INIT_SYSTEM", init_system),
        ("BWS_PACKAGE_MANAGER", ""),
        ("BWS_INSTANCE_ID", "i-00000000000000000"),
        ("BWS_INSTANCE_TYPE", "t3.micro"),
        ("BWS_REGION", "us-east-1"),
        ("BWS_ACCOUNT_ID", "111122223333"),
        ("BWS_AVAILABILITY_ZONE", "us-east-1a"),
        ("AWS_SSM_INSTANCE_ID", "i-00000000000000000"),
        ("AWS_SSM_REGION_NAME", "us-east-1"),
        ("AWS_SSM_PLATFORM_NAME", machine.platform.as_str()),
        ("AWS_SSM_PLATFORM_VERSION", machine.version.as_str()),
        ("SSM_COMMAND_ID", "00000000-0000-0000-0000-000000000000"),
    ];
    let arguments = package.recipe.iter().flat_map(|recipe| &recipe.arguments);
    let arguments = arguments.map(|(key, value)| (key.clone(), value.clone()));
    arguments.chain(fixed.map(|(key, value)| (key.to_owned(), value.to_owned()))).collect()
}

/// One zip with all that its trials share.
struct Stage<'p> {
    name: &'p str,
    shell: Shell,
    environment: BTreeMap<String, String>,
    seconds: u32,
    target: Version<'p>,
}

impl<'p> Stage<'p> {
    fn node(&self) -> Result<Node<'p>, Error> {
        Node::new(self.name, self.shell.clone(), self.environment.clone(), self.seconds)
    }

    /// What needs no other version.
    fn alone(&self, trial: &mut Trial) -> Result<(), Error> {
        let target = self.target;
        let mut node = self.node()?;
        let before = node.disk.files()?;
        note(trial, "fresh install", node.install(target)?, true, "");
        note(trial, "repeated install", node.install(target)?, true, "is already installed");
        let mut again = Invocation::default();
        let code = node.run("install", target.name, &mut again)?;
        again.is_success = matches!(code, Some(0 | agent::RESTART))
            && node.run("validate", target.name, &mut again)?.is_none_or(|code| code == 0);
        note(trial, "install over itself", again, true, "");
        note(trial, "uninstall", node.uninstall(target)?, true, "Successfully uninstalled");
        trial.left = node.disk.files()?.into_keys().filter(|path| !before.contains_key(path)).collect();
        Ok(())
    }

    /// What needs an earlier version.
    fn after(&self, previous: Version<'p>, trial: &mut Trial) -> Result<(), Error> {
        let target = self.target;
        let mut node = self.node()?;
        note(trial, "install of the earlier version", node.install(previous)?, true, "");
        note(trial, "upgrade", node.install(target)?, true, "Successfully installed");
        note(trial, "plain rollback", node.install(previous)?, true, "Successfully installed");
        truth(&mut node, previous, "the earlier version is back", trial)?;

        // Failing once, the agent claims to have rolled back, and has not; failing always, it leaves nothing installed.
        for (name, times) in [("failed upgrade", 1), ("upgrade that always fails", u32::MAX)] {
            let mut node = self.node()?;
            node.install(previous)?;
            node.fail_installs_of(target.name, times);
            note(trial, name, node.install(target)?, false, "");
            back(&mut node, previous, trial)?;
        }
        Ok(())
    }

    /// `In-place update`, by the update script.
    fn in_place(&self, previous: Version<'p>, trial: &mut Trial) -> Result<(), Error> {
        let target = self.target;
        let update = self.shell.script("update");
        if !target.contents.has(&update) {
            trial.skipped.push(format!("in-place updates: there is no {update}"));
            return Ok(());
        }
        let mut node = self.node()?;
        node.install(previous)?;
        note(trial, "in-place update", node.update(target)?, true, "Successfully installed");
        truth(&mut node, target, "the new version is there", trial)?;
        note(
            trial,
            "rollback of an in-place update",
            node.install(previous)?,
            true,
            "Successfully installed",
        );
        truth(&mut node, previous, "the earlier version is back", trial)?;

        let mut node = self.node()?;
        node.install(previous)?;
        node.fail_installs_of(target.name, u32::MAX);
        note(trial, "failed in-place update", node.update(target)?, false, "");
        back(&mut node, previous, trial)
    }
}

/// A node whose state nobody believes gets its earlier version.
fn back<'p>(node: &mut Node<'p>, previous: Version<'p>, trial: &mut Trial) -> Result<(), Error> {
    let gone = node.uninstall(previous)?;
    note(trial, "rollback of a suspect node: uninstall", gone, true, "Successfully uninstalled");
    let there = node.install(previous)?;
    note(trial, "rollback of a suspect node: install", there, true, "Successfully installed");
    truth(node, previous, "the earlier version is back", trial)
}

/// The version's own validate script has the last word.
fn truth<'p>(node: &mut Node<'p>, version: Version<'p>, name: &str, trial: &mut Trial) -> Result<(), Error> {
    let mut asked = Invocation::default();
    let Some(code) = node.run("validate", version.name, &mut asked)? else {
        trial.skipped.push(format!("proof that {} is there: it has no validate script", version.name));
        return Ok(());
    };
    asked.is_success = code == 0;
    note(trial, name, asked, true, "");
    Ok(())
}

fn note(trial: &mut Trial, name: &str, invocation: Invocation, succeeds: bool, says: &str) {
    let problem = if invocation.is_success != succeeds {
        let last = invocation.ran.iter().rev().find(|ran| ran.exit_code != 0);
        Some(last.map_or_else(
            || "it did not end as it should".to_owned(),
            |ran| format!("{} ended with {}", ran.action, ran.exit_code),
        ))
    } else if !invocation.stdout.contains(says) {
        Some(format!("the agent does not say `{says}`"))
    } else {
        None
    };
    trial.steps.push(Step { name: name.to_owned(), problem, invocation });
}
