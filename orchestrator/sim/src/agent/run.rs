//! One run of the `aws:configurePackage` plugin on a node, from the fetched manifest to the reply.
//!
//! The run is worked out at once when it begins; its effects carry the moment at which they show. That is the same
//! as stepping through it, because the package lock keeps every other action off the package until the end.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::behaviour::{Contents, Effect, NodeTraits, Payload, Script, ScriptRun, Validate};
use super::effects::Effects;
use super::local::{Agent, Bits, Local, Lock, Phase};
use super::real::Disk;
use super::request::{Action, ConfigurePackage};
use super::transcript::{Said, Transcript};
use crate::clock::WorldTime;

/// Seconds after which the agent kills a script.
const SCRIPT_LIMIT_SECONDS: u64 = 3600;
/// Seconds after which a package lock counts as stale.
const LOCK_SECONDS: i64 = 30 * 60;
/// Exit code by which a script asks for a reboot.
const REBOOT_CODE: i32 = 194;
/// Exit code of a script that was killed.
const KILLED_CODE: i32 = 137;
/// How often a document is resumed after reboots.
const RESUME_LIMIT: u32 = 15;

/// A manifest as the agent gets it from `DescribeDocument` and `GetDocument`.
#[derive(Debug, Clone)]
pub struct Fetched {
    /// The document's name as returned: bare in the owner's account, the ARN elsewhere. The agent's state is kept
    /// under it.
    pub key: String,
    /// Document version number.
    pub document_version: u32,
    /// Stands for the manifest's bytes.
    pub digest: u64,
    /// `version` inside the manifest.
    pub manifest_version: String,
    /// The zip for this node, or why there is none.
    pub payload: Result<Payload, String>,
}

/// Where agents get packages from.
pub trait Distributor {
    /// The manifest of a version (of the default one when `None`) as a node sees it; the error is the text that
    /// follows `failed to download manifest - `, or the whole text for a document that is not active.
    fn fetch(&self, node: &NodeTraits, name: &str, version: Option<&str>) -> Result<Fetched, String>;
}

/// How an invocation of the plugin ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// Plugin success.
    Success,
    /// Plugin failure.
    Failed,
    /// The agent's own limit on a script was reached on a first install.
    TimedOut,
    /// The agent never answers.
    NoAnswer,
}

/// What the agent reports.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// The ending.
    pub ending: Ending,
    /// Exit code of the step. The package plugin says 1 for every failure, whatever its script said.
    pub code: i32,
    /// Standard output, not cut.
    pub stdout: String,
    /// Standard error, not cut.
    pub stderr: String,
}

impl Report {
    /// A failure before anything was touched.
    pub fn failed(stderr: impl Into<String>) -> Self {
        Self { ending: Ending::Failed, code: 1, stdout: String::new(), stderr: stderr.into() + "\n" }
    }
}

/// A finished run: what it changed and when it answers, both counted from its beginning.
#[derive(Debug, Clone, PartialEq)]
pub struct Run {
    /// The reply.
    pub report: Report,
    /// The product the bits belong to.
    pub product: Option<Arc<str>>,
    /// Changes of the bits: milliseconds after the beginning, and what is installed from then on.
    pub changes: Vec<(u64, Bits)>,
    /// Reboots: milliseconds after the beginning at which the node goes down, and for how long.
    pub reboots: Vec<(u64, u64)>,
    /// Milliseconds from the beginning to the reply.
    pub took_millis: u64,
}

/// Runs the plugin on a node. `bits` is what is installed of the product now; it is not changed, the changes are
/// in the answer. Scripts are modelled, unless there is a disk for them to run on.
pub(crate) fn configure_package(
    request: &ConfigurePackage,
    node: &NodeTraits,
    agent: &mut Agent,
    bits: &dyn Fn(&str) -> Bits,
    distributor: &dyn Distributor,
    now: WorldTime,
    mut disk: Option<Disk<'_>>,
) -> Run {
    if let Err(message) = request.validate() {
        return unstarted(Report::failed(message));
    }
    let mut effects: Option<Effects> = None;
    let mut round = 0;
    loop {
        let fetched = match distributor.fetch(node, &request.name, request.version.as_deref()) {
            Ok(fetched) => fetched,
            Err(message) => return unfetched(effects, message),
        };
        let local = agent.packages.entry(fetched.key.clone()).or_default();
        let same = local.manifests.insert(fetched.document_version, fetched.digest) == Some(fetched.digest);
        if round == 0
            && let Some(lock) = local.lock.as_ref().filter(|lock| lock.until > now)
        {
            return unstarted(Report::failed(format!(
                "Package \"{}\" is already in the process of action \"{}\"",
                fetched.key, lock.action
            )));
        }
        let start = effects.take().unwrap_or_else(|| Effects::from_here(bits, &fetched));
        let mut worker =
            Worker { request, node, transcript: Transcript::default(), effects: start, disk: disk.as_mut() };
        let mut pass = Pass { fetched: &fetched, local, same, attempts: &mut agent.attempts };
        let step = match request.action {
            Action::Install => worker.install(&mut pass),
            Action::Uninstall => worker.uninstall(&mut pass),
        };
        if matches!(step, Step::Reboot) && round < RESUME_LIMIT {
            worker.effects.reboot(node, round);
            effects = Some(worker.effects);
            round += 1;
            continue;
        }
        let hung = matches!(step, Step::NoAnswer);
        let run = worker.end(&step);
        pass.local.lock = Some(Lock { action: request.action.as_str(), until: lock_end(now, &run, hung) });
        return run;
    }
}

/// A run whose manifest could not be fetched, at the beginning or when it was resumed after a reboot.
fn unfetched(effects: Option<Effects>, message: String) -> Run {
    let report = Report::failed(message);
    match effects {
        None => unstarted(report),
        Some(effects) => Run {
            report,
            product: effects.product,
            changes: effects.changes,
            reboots: effects.reboots,
            took_millis: effects.elapsed_millis,
        },
    }
}

/// The document's name without the ARN around it.
pub fn bare_name(name: &str) -> &str {
    name.rsplit_once("document/").map_or(name, |(_, bare)| bare)
}

fn unstarted(report: Report) -> Run {
    Run { report, product: None, changes: Vec::new(), reboots: Vec::new(), took_millis: 300 }
}

/// The lock goes with the run, and after 30 minutes in any case.
fn lock_end(now: WorldTime, run: &Run, hung: bool) -> WorldTime {
    let stale = now.plus_seconds(LOCK_SECONDS);
    let done = now.plus_millis(i64::try_from(run.took_millis).unwrap_or(i64::MAX));
    if hung { stale } else { done.min(stale) }
}

/// How one pass through the algorithm ended.
enum Step {
    Success,
    Failed,
    TimedOut,
    NoAnswer,
    /// A script asked for a reboot: the pass stops and the document is resumed afterwards.
    Reboot,
}

/// Attempts of scripts, as kept by [`Agent`].
type Attempts = BTreeMap<(Arc<str>, Arc<str>, Script), u32>;

struct Worker<'a, 'd> {
    request: &'a ConfigurePackage,
    node: &'a NodeTraits,
    transcript: Transcript,
    effects: Effects,
    disk: Option<&'a mut Disk<'d>>,
}

/// The package under work in one pass: names, state and what was fetched.
struct Pass<'p> {
    fetched: &'p Fetched,
    local: &'p mut Local,
    same: bool,
    attempts: &'p mut Attempts,
}

impl Worker<'_, '_> {
    fn end(self, step: &Step) -> Run {
        let ending = match step {
            Step::NoAnswer => Ending::NoAnswer,
            _ if self.effects.silent => Ending::NoAnswer,
            Step::Success => Ending::Success,
            Step::TimedOut => Ending::TimedOut,
            Step::Failed | Step::Reboot => Ending::Failed,
        };
        let (stdout, stderr) = self.transcript.finish();
        let code = match ending {
            Ending::Success => 0,
            Ending::TimedOut => 137,
            Ending::Failed | Ending::NoAnswer => 1,
        };
        Run {
            report: Report { ending, code, stdout, stderr },
            product: self.effects.product,
            changes: self.effects.changes,
            reboots: self.effects.reboots,
            took_millis: self.effects.elapsed_millis,
        }
    }

    fn install(&mut self, pass: &mut Pass<'_>) -> Step {
        let target = pass.fetched.manifest_version.clone();
        let package = pass.fetched.key.clone();
        let old = pass.local.state.installed_version(true).map(str::to_owned);
        let phase = pass.local.state.phase;
        if let Err(message) = self.ensure(pass, &target) {
            self.transcript.error(message);
            return Step::Failed;
        }
        let upgradable = old.clone().filter(|_| phase != Phase::None);
        // The refresh of the old directory fetches the manifest in hand, not the old version's own: from here on
        // the "old" scripts may be the new ones.
        let uninstallable = upgradable
            .clone()
            .filter(|old| *old != target || !pass.same)
            .filter(|old| self.ensure(pass, old).is_ok());
        let in_place = self.request.in_place && upgradable.is_some();
        let resumed = matches!(phase, Phase::Installing | Phase::Updating);
        let believed = old.as_deref() == Some(&*target) && matches!(phase, Phase::Installed | Phase::Unknown);
        if (resumed || believed) && self.validates(pass, &target) {
            if resumed {
                return self.installed(pass, &target, uninstallable.as_deref());
            }
            self.transcript.close(format!("{package} {target} is already installed"));
            if pass.same {
                return Step::Success;
            }
        }
        match (phase, uninstallable) {
            (Phase::RollbackInstall, Some(old)) => self.resume_rollback(pass, &target, &old),
            (Phase::RollbackUninstall, Some(old)) => self.roll_back(pass, &target, &old),
            (Phase::Installing | Phase::Updating, old) => {
                self.install_step(pass, &target, old.as_deref(), phase == Phase::Updating)
            }
            (_, Some(old)) if !in_place => {
                pass.local.set_phase(&target, Phase::Upgrading);
                if let Some(stop) = self.uninstall_for_upgrade(pass, &old) {
                    return stop;
                }
                self.install_step(pass, &target, Some(&old), false)
            }
            (_, old) => self.install_step(pass, &target, old.as_deref(), in_place),
        }
    }

    /// Runs install or update of the target, and goes back to `old` when that fails.
    fn install_step(&mut self, pass: &mut Pass<'_>, target: &str, old: Option<&str>, update: bool) -> Step {
        pass.local.set_phase(target, if update { Phase::Updating } else { Phase::Installing });
        if update && !pass.local.has_update_script(target) {
            self.transcript.error("missing update script required for in-place update");
            self.transcript.error("Failed to install package; install status Failed");
            pass.local.set_phase(target, Phase::Failed);
            return Step::Failed;
        }
        let run = self.run_script(pass, target, if update { Script::Update } else { Script::Install });
        match run.effect {
            Effect::Reboot => return Step::Reboot,
            Effect::Hang => return Step::NoAnswer,
            Effect::Ok | Effect::Silent if self.validates(pass, target) => {
                return self.installed(pass, target, old);
            }
            _ => {}
        }
        self.transcript.error("Failed to install package; install status Failed");
        if let Some(old) = old {
            return self.roll_back(pass, target, old);
        }
        pass.local.set_phase(target, Phase::Failed);
        if run.effect == Effect::TimeOut { Step::TimedOut } else { Step::Failed }
    }

    /// The agent's own rollback: uninstall the new, install what lies in the old directory.
    fn roll_back(&mut self, pass: &mut Pass<'_>, new: &str, old: &str) -> Step {
        pass.local.set_phase(new, Phase::RollbackUninstall);
        if let Some(stop) = self.uninstall_for_upgrade(pass, new) {
            return stop;
        }
        self.install_back(pass, new, old)
    }

    fn install_back(&mut self, pass: &mut Pass<'_>, new: &str, old: &str) -> Step {
        pass.local.set_phase(old, Phase::RollbackInstall);
        let run = self.run_script(pass, old, Script::Install);
        match run.effect {
            Effect::Reboot => Step::Reboot,
            Effect::Hang => Step::NoAnswer,
            Effect::Ok | Effect::Silent if self.validates(pass, old) => self.rolled_back(pass, new, old),
            _ => {
                self.transcript.error("Failed to install package; install status Failed");
                pass.local.set_phase(old, Phase::Failed);
                Step::Failed
            }
        }
    }

    /// After a reboot in the middle of the rollback's install: only the check is left.
    fn resume_rollback(&mut self, pass: &mut Pass<'_>, new: &str, old: &str) -> Step {
        if self.validates(pass, old) {
            self.rolled_back(pass, new, old)
        } else {
            self.install_back(pass, new, old)
        }
    }

    fn rolled_back(&mut self, pass: &mut Pass<'_>, new: &str, old: &str) -> Step {
        let package = &pass.fetched.key;
        self.transcript
            .close(format!("Failed to install {package} {new}, successfully rolled back to {package} {old}"));
        self.forget(pass, new);
        pass.local.set_installed(old);
        Step::Failed
    }

    fn installed(&mut self, pass: &mut Pass<'_>, target: &str, old: Option<&str>) -> Step {
        self.transcript.close(format!("Successfully installed {} {target}", pass.fetched.key));
        if let Some(old) = old.filter(|old| *old != target) {
            self.forget(pass, old);
        }
        pass.local.set_installed(target);
        Step::Success
    }

    /// Uninstalls to make room; a failure is only noted. Gives the step that stops the pass, if one does.
    fn uninstall_for_upgrade(&mut self, pass: &mut Pass<'_>, version: &str) -> Option<Step> {
        let package = pass.fetched.key.clone();
        match self.run_script(pass, version, Script::Uninstall).effect {
            Effect::Reboot => Some(Step::Reboot),
            Effect::Hang => Some(Step::NoAnswer),
            Effect::Ok | Effect::Silent => {
                self.transcript.close(format!("Successfully uninstalled {package} {version}"));
                None
            }
            _ => {
                self.transcript.error(format!(
                    "Failed to uninstall version {version} of package; uninstall status Failed"
                ));
                None
            }
        }
    }

    fn uninstall(&mut self, pass: &mut Pass<'_>) -> Step {
        let installed = pass.local.state.installed_version(false).map(str::to_owned);
        let wanted = self.request.version.clone().or_else(|| installed.clone()).unwrap_or_default();
        let gone = matches!(pass.local.state.phase, Phase::None | Phase::Uninstalled);
        if gone || installed.as_deref() != Some(&*wanted) {
            self.transcript.close(format!("version: {wanted} is not installed"));
            return Step::Success;
        }
        if let Err(message) = self.ensure(pass, &wanted) {
            self.transcript.error(message);
            return Step::Failed;
        }
        pass.local.set_phase(&wanted, Phase::Uninstalling);
        match self.run_script(pass, &wanted, Script::Uninstall).effect {
            Effect::Reboot => Step::Reboot,
            Effect::Hang => Step::NoAnswer,
            Effect::Ok | Effect::Silent => {
                self.transcript.close(format!("Successfully uninstalled {} {wanted}", pass.fetched.key));
                self.forget(pass, &wanted);
                pass.local.set_phase("", Phase::None);
                Step::Success
            }
            _ => {
                self.transcript.error(format!(
                    "Failed to uninstall version {wanted} of package; uninstall status Failed"
                ));
                pass.local.set_phase(&wanted, Phase::Failed);
                Step::Failed
            }
        }
    }

    /// Makes sure a version's directory is there. When it is refreshed, what is unpacked is the zip of the manifest
    /// in hand, whatever version the directory is for.
    fn ensure(&mut self, pass: &mut Pass<'_>, version: &str) -> Result<(), String> {
        let state = &pass.local.state;
        let suspect = version == state.version && (state.phase == Phase::Failed || !pass.same);
        if pass.local.directories.contains_key(version) && !suspect {
            return Ok(());
        }
        let payload = pass.fetched.payload.clone()?;
        let download = self.node.chance.named("download").numbered(self.effects.elapsed_millis);
        self.effects.elapsed_millis += self.node.paced(download.between(300, 1500));
        match payload.behaviour.contents {
            Contents::Complete => {
                if let Some(disk) = &mut self.disk {
                    disk.unpack(&pass.fetched.key, version, &payload)?;
                }
                pass.local.directories.insert(version.to_owned(), payload);
                Ok(())
            }
            Contents::MissingInstall => {
                Err("Package is not supported (package is missing install action)".to_owned())
            }
            Contents::Incomplete => Err("Package is incomplete".to_owned()),
        }
    }

    /// A version's directory goes.
    fn forget(&mut self, pass: &mut Pass<'_>, version: &str) {
        pass.local.directories.remove(version);
        if let Some(disk) = &mut self.disk {
            disk.forget(&pass.fetched.key, version);
        }
    }

    /// Runs the validate script of whatever lies in a version's directory; none counts as success.
    fn validates(&mut self, pass: &mut Pass<'_>, version: &str) -> bool {
        let Some(payload) = pass.local.directories.get(version).cloned() else { return true };
        let passes = match payload.behaviour.validate {
            Validate::Absent => return true,
            Validate::Passes => true,
            Validate::Fails => false,
            Validate::ChecksVersion => self.effects.bits.version.as_ref() == Some(&payload.version),
        };
        let may_pass = self.disk.is_some() && payload.behaviour.validate != Validate::Fails;
        let effect = if passes || may_pass { Effect::Ok } else { Effect::Fail };
        let mut run = ScriptRun { effect, exit_code: 1, took_millis: 500 };
        let said = self.carry_out(pass, version, Script::Validate, &payload, &mut run);
        self.effects.elapsed_millis += run.took_millis;
        self.narrate(pass, version, Script::Validate, &said, &run);
        run.effect == Effect::Ok
    }

    /// Runs a script of whatever lies in a version's directory, with its effect on the bits.
    fn run_script(&mut self, pass: &mut Pass<'_>, version: &str, script: Script) -> ScriptRun {
        let Some(payload) = pass.local.directories.get(version).cloned() else {
            return ScriptRun { effect: Effect::Ok, exit_code: 0, took_millis: 0 };
        };
        let key = (Arc::clone(&payload.product), Arc::clone(&payload.version), script);
        let attempt = pass.attempts.entry(key).and_modify(|count| *count += 1).or_insert(1);
        let mut run = payload.script(script, self.node, *attempt);
        let said = self.carry_out(pass, version, script, &payload, &mut run);
        if run.effect == Effect::Reboot && !self.effects.asks_for_reboot(script, &payload.version) {
            run.effect = Effect::Ok;
        }
        if run.effect == Effect::TimeOut {
            run.took_millis = SCRIPT_LIMIT_SECONDS * 1000;
        }
        self.effects.elapsed_millis += run.took_millis;
        self.effects.script_ran(script, run.effect, &payload.version);
        self.narrate(pass, version, script, &said, &run);
        run
    }

    /// What a script says. Run for real it also decides how it ends, unless the world file lets it fail: then it has done
    /// its work in vain.
    fn carry_out(
        &mut self,
        pass: &Pass<'_>,
        version: &str,
        script: Script,
        payload: &Payload,
        run: &mut ScriptRun,
    ) -> Said {
        let line = format!("{} {} {}", present(script), payload.product, payload.version);
        let Some(disk) = &mut self.disk else {
            let failed = matches!(run.effect, Effect::Fail | Effect::FailOnce);
            let stderr = if failed { format!("{line}: failed") } else { String::new() };
            return Said { stdout: line, stderr };
        };
        let Some(ended) = disk.run(&pass.fetched.key, version, script, &self.request.additional_arguments)
        else {
            return Said::default();
        };
        let mut said = Said { stdout: ended.stdout, stderr: ended.stderr };
        match (run.effect, ended.code) {
            (Effect::Ok, 0) | (Effect::Hang | Effect::TimeOut | Effect::Silent | Effect::Reboot, _) => {}
            (Effect::Ok, REBOOT_CODE) => run.effect = Effect::Reboot,
            (Effect::Ok, KILLED_CODE) => run.effect = Effect::TimeOut,
            (Effect::Ok, code) => (run.effect, run.exit_code) = (Effect::Fail, code),
            (Effect::Fail | Effect::FailOnce, _) => said.stderr.push_str("made to fail by the world file"),
        }
        said
    }

    fn narrate(&mut self, pass: &Pass<'_>, version: &str, script: Script, said: &Said, run: &ScriptRun) {
        self.transcript.script(self.node.platform, &pass.fetched.key, version, script, said, run);
    }
}

/// The one line each modelled script prints, so that a reader of the output sees whose script ran.
fn present(script: Script) -> &'static str {
    match script {
        Script::Install => "installing",
        Script::Update => "updating to",
        Script::Uninstall => "uninstalling",
        Script::Validate => "validating",
    }
}
