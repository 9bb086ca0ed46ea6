//! What the commands on the way to the target report.

use super::grouped;
use crate::input::Report;
use crate::probe;
use wavetrain_model::agent::{Status, Trace, excerpt};
use wavetrain_model::event::Event;
use wavetrain_model::id::{IntentId, NodeIndex, VersionIndex};
use wavetrain_model::intent::Action;
use wavetrain_model::limit::BUSY_RETRIES;
use wavetrain_model::outcome::Outcome;
use wavetrain_model::plan::{Before, Plan};
use wavetrain_model::spec;
use wavetrain_model::state::{OpenIntent, State, Touch};
use wavetrain_model::time::{Seconds, Timestamp};

/// Pause before a node whose package was locked by another action is tried again. The agent's lock lasts at most 30 minutes.
const BUSY_PAUSE: Seconds = Seconds::minutes(10);
/// Pause before a probe that did not answer is sent again.
const PROBE_PAUSE: Seconds = Seconds(30);
/// Probes of one node that may go unanswered.
const PROBE_RETRIES: u8 = 2;

/// What one node's report means.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Meaning {
    Surveyed(Before),
    Installed(Touch),
    Finished(Outcome, Touch, String),
    Again(Timestamp, String),
}

pub(super) fn observed(
    plan: &Plan,
    state: &State,
    now: Timestamp,
    open: &OpenIntent,
    reports: &[Report],
) -> Vec<Event> {
    let groups = grouped(open, reports, |report| match &open.intent.action {
        Action::Survey { .. } => survey(plan, state, now, report),
        Action::Install { .. } => install(plan, state, now, report),
        Action::Verify { .. } => verify(plan, state, now, report),
        Action::Uninstall { .. }
        | Action::Reinstall { .. }
        | Action::Prove
        | Action::Ask { .. }
        | Action::Cancel { .. }
        | Action::Errand(_) => None,
    });
    let intent = open.intent.id;
    groups.into_iter().map(|(meaning, nodes)| event(intent, meaning, nodes)).collect()
}

fn event(intent: IntentId, meaning: Meaning, nodes: Vec<NodeIndex>) -> Event {
    match meaning {
        Meaning::Surveyed(before) => Event::Surveyed { intent, before, nodes },
        Meaning::Installed(touch) => Event::Installed { intent, touch, nodes },
        Meaning::Again(until, reason) => Event::Requeued { intent, until, nodes, reason },
        Meaning::Finished(outcome, touch, note) => {
            Event::Finished { intent: Some(intent), outcome, touch, nodes, note }
        }
    }
}

/// The probe command of a node's platform.
pub(super) fn probe_of(plan: &Plan, node: NodeIndex) -> Option<&spec::Probe> {
    crate::probe::script(&plan.spec, plan.platform_of(node)).and(plan.spec.package.probe.as_ref())
}

/// What a probe's report says about the node.
pub(super) enum Seen<'a> {
    /// It printed this.
    Printed(&'a str),
    /// The product is not there.
    Nothing,
    /// The probe itself failed.
    Failed,
    /// The probe never ran.
    Unreached,
    /// Not over yet.
    NotYet,
}

/// Reads a probe's report.
///
/// A probe that fails proves nothing, with one exception: a shell or PowerShell that says that the program or its file does not
/// exist says that the product is not installed.
pub(super) fn seen(report: &Report) -> Seen<'_> {
    match &report.status {
        Status::Pending | Status::InProgress | Status::Other(_) => Seen::NotYet,
        Status::Success => probe::printed(&report.output).map_or(Seen::Nothing, Seen::Printed),
        Status::Failed if probe::says_absent(&report.output, report.exit_code) => Seen::Nothing,
        Status::Failed | Status::ExecutionTimedOut => Seen::Failed,
        Status::DeliveryTimedOut
        | Status::Cancelled
        | Status::Terminated
        | Status::Undeliverable
        | Status::InvalidPlatform
        | Status::AccessDenied => Seen::Unreached,
    }
}

fn survey(plan: &Plan, state: &State, now: Timestamp, report: &Report) -> Option<Meaning> {
    let node = report.node;
    let finished = |outcome, note: String| Some(Meaning::Finished(outcome, Touch::No, note));
    let again = |reason: &str| {
        (state.nodes[node.at()].attempts < PROBE_RETRIES)
            .then(|| Meaning::Again(now.plus(PROBE_PAUSE), reason.to_owned()))
    };
    let probe = probe_of(plan, node)?;
    match seen(report) {
        Seen::NotYet => None,
        Seen::Nothing => Some(Meaning::Surveyed(Before::Absent)),
        Seen::Unreached => {
            finished(Outcome::Undelivered, "the probe before the install was not delivered".into())
        }
        Seen::Failed => again("the probe failed").or_else(|| {
            finished(Outcome::Unknown, format!("not touched, the probe failed: {}", excerpt(&report.output)))
        }),
        Seen::Printed(print) if probe::means(probe, print, plan.version(Plan::TARGET)) => {
            finished(Outcome::Already, String::new())
        }
        Seen::Printed(print) => {
            match probe::version_of(probe, print, plan.versions.iter().map(String::as_str)) {
                None => finished(
                    Outcome::Unsupported,
                    format!(
                        "not touched: the probe printed `{print}`, which is no known version of the package"
                    ),
                ),
                Some(version) => {
                    let version = plan.version_index(version)?;
                    if plan.sites[plan.site_of(node).at()].restorable.contains(&version) {
                        Some(Meaning::Surveyed(Before::Version(version)))
                    } else {
                        let version = plan.version(version);
                        finished(
                            Outcome::Unsupported,
                            format!("not touched: it has {version}, which cannot be given back at its site"),
                        )
                    }
                }
            }
        }
    }
}

fn install(plan: &Plan, state: &State, now: Timestamp, report: &Report) -> Option<Meaning> {
    let has_probe = probe_of(plan, report.node).is_some();
    let trace = Trace::read(&report.output);
    let failed = |outcome, touch| Some(Meaning::Finished(outcome, touch, excerpt(&report.output)));
    match &report.status {
        Status::Pending | Status::InProgress | Status::Other(_) => None,
        Status::Success if has_probe => Some(Meaning::Installed(Touch::Clean)),
        Status::Success if trace.already && !trace.installed => {
            Some(Meaning::Finished(Outcome::Already, Touch::No, String::new()))
        }
        Status::Success => Some(Meaning::Finished(Outcome::Succeeded, Touch::Clean, String::new())),
        Status::Failed if trace.busy && state.nodes[report.node.at()].attempts <= BUSY_RETRIES => {
            Some(Meaning::Again(now.plus(BUSY_PAUSE), "the package is locked by another action".to_owned()))
        }
        // The old version was not touched as far as the agent says; a rollback still treats the node as suspect.
        Status::Failed if trace.busy || trace.untouched => failed(Outcome::FailedRestored, Touch::Suspect),
        Status::Failed => failed(Outcome::FailedBroken, Touch::Suspect),
        Status::ExecutionTimedOut => failed(Outcome::TimedOut, Touch::Suspect),
        // The install may have happened: only the probe can tell.
        Status::DeliveryTimedOut if has_probe => Some(Meaning::Installed(Touch::Maybe)),
        Status::DeliveryTimedOut => failed(Outcome::Unknown, Touch::Suspect),
        Status::Cancelled => failed(Outcome::Cancelled, Touch::Maybe),
        Status::Terminated => failed(Outcome::Cancelled, Touch::No),
        Status::Undeliverable | Status::AccessDenied => failed(Outcome::Undelivered, Touch::No),
        Status::InvalidPlatform => failed(Outcome::Unsupported, Touch::No),
    }
}

fn verify(plan: &Plan, state: &State, now: Timestamp, report: &Report) -> Option<Meaning> {
    let record = &state.nodes[report.node.at()];
    let probe = probe_of(plan, report.node)?;
    let target = plan.version(Plan::TARGET);
    let finished = |outcome, touch, note: String| Some(Meaning::Finished(outcome, touch, note));
    match seen(report) {
        Seen::NotYet => None,
        Seen::Printed(print) if probe::means(probe, print, target) => {
            finished(Outcome::Succeeded, Touch::Clean, String::new())
        }
        Seen::Printed(print) if before_is(plan, probe, record.before, Some(print)) => {
            let note = format!("SSM reported no failure, yet the probe printed `{print}`");
            Some(unchanged(record.touch, &note))
        }
        Seen::Nothing if record.before == Before::Absent => {
            Some(unchanged(record.touch, "SSM reported no failure, yet the probe printed nothing"))
        }
        Seen::Printed(print) => finished(
            Outcome::FailedBroken,
            Touch::Suspect,
            format!("the probe printed `{print}` instead of `{target}`"),
        ),
        Seen::Nothing => {
            finished(Outcome::FailedBroken, Touch::Suspect, "the probe found no installed product".to_owned())
        }
        Seen::Failed | Seen::Unreached if record.attempts < PROBE_RETRIES => {
            Some(Meaning::Again(now.plus(PROBE_PAUSE), "the probe did not answer".to_owned()))
        }
        Seen::Failed | Seen::Unreached => finished(
            Outcome::Unknown,
            Touch::Suspect,
            "installed as SSM says, but the probe did not answer".to_owned(),
        ),
    }
}

/// The node still has what it had: either nothing ever reached it, or the install did nothing.
fn unchanged(touch: Touch, note: &str) -> Meaning {
    match touch {
        Touch::Maybe => Meaning::Finished(
            Outcome::Undelivered,
            Touch::Maybe,
            "the command expired, the probe shows no change".into(),
        ),
        Touch::No | Touch::Clean | Touch::Suspect => {
            Meaning::Finished(Outcome::FailedRestored, Touch::Suspect, note.to_owned())
        }
    }
}

/// Whether a print (None: nothing) is what was there before.
pub(super) fn before_is(plan: &Plan, probe: &spec::Probe, before: Before, print: Option<&str>) -> bool {
    match (before, print) {
        (Before::Absent, None) => true,
        (Before::Version(version), Some(print)) => means(plan, probe, version, print),
        (Before::Unknown | Before::Absent | Before::Version(_), _) => false,
    }
}

fn means(plan: &Plan, probe: &spec::Probe, version: VersionIndex, print: &str) -> bool {
    probe::means(probe, print, plan.version(version))
}
