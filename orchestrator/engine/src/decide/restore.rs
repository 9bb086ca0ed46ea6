//! The way back, one node at a time.
//!
//! After a failed install the agent may claim to have rolled back while the new version's files lie under the old version's
//! name; `Install` of the old version is then answered "already installed" and does nothing. So a suspect node is uninstalled
//! first, by the name the agent believes in (explicit, then blank), and only then given its previous version.

use super::forward::{Seen, before_is, probe_of, seen};
use super::grouped;
use crate::input::Report;
use std::collections::BTreeMap;
use wavetrain_model::agent::{Status, Trace, excerpt};
use wavetrain_model::event::Event;
use wavetrain_model::id::{IntentId, NodeIndex};
use wavetrain_model::intent::Action;
use wavetrain_model::limit::RESTORE_RETRIES;
use wavetrain_model::plan::{Before, Plan};
use wavetrain_model::planted::Bug;
use wavetrain_model::state::{OpenIntent, Restoration, State, Step, Touch};
use wavetrain_model::time::{Seconds, Timestamp};

/// What one node's report leads to.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Next {
    Step(Step, String),
    Retry(Step, Seconds, String),
    Restored(&'static str),
    GiveUp(String),
}

/// The first step of every touched node when the rollback is decided, except those still on their way (they join) and those that
/// an earlier, aborted rollback has in hand or is done with.
pub(super) fn begin(plan: &Plan, state: &State) -> Vec<Event> {
    let touched = plan.node_indices().filter_map(|node| {
        let record = &state.nodes[node.at()];
        let is_wanted = record.touch != Touch::No
            && !record.forward.is_in_flight()
            && record.restoration == Restoration::None;
        is_wanted.then_some((node, record.before, record.touch))
    });
    first_steps(plan, touched)
}

/// Nodes that are no longer on their way while the rollback runs join it.
///
/// Those that finish, and those whose second try comes to nothing: the first may have left something on them.
pub(super) fn join(plan: &Plan, state: &State, events: &[Event]) -> Vec<Event> {
    let touch_of = |node: NodeIndex| state.nodes[node.at()].touch;
    let joining = events.iter().flat_map(|event| -> Vec<(NodeIndex, Touch)> {
        match event {
            Event::Finished { touch, nodes, .. } => {
                nodes.iter().map(|node| (*node, (*touch).max(touch_of(*node)))).collect()
            }
            Event::Requeued { intent, nodes, .. } if is_install(state, *intent) => {
                nodes.iter().map(|node| (*node, touch_of(*node))).collect()
            }
            Event::Settled { intents } => {
                let installs = intents.iter().filter(|intent| is_install(state, **intent));
                let pending =
                    installs.filter_map(|intent| state.open.get(intent)).flat_map(|open| &open.pending);
                pending.map(|node| (*node, touch_of(*node))).collect()
            }
            _ => Vec::new(),
        }
    });
    let touched = joining.filter(|(_, touch)| *touch != Touch::No);
    first_steps(plan, touched.map(|(node, touch)| (node, state.nodes[node.at()].before, touch)))
}

fn is_install(state: &State, intent: IntentId) -> bool {
    state.open.get(&intent).is_some_and(|open| matches!(open.intent.action, Action::Install { .. }))
}

/// The first step of nodes that are tried again: whatever happened on them, they are suspect now.
pub(super) fn anew(plan: &Plan, state: &State, nodes: &[NodeIndex]) -> Vec<Event> {
    first_steps(plan, nodes.iter().map(|node| (*node, state.nodes[node.at()].before, Touch::Suspect)))
}

/// Groups nodes by their first step.
fn first_steps(plan: &Plan, nodes: impl Iterator<Item = (NodeIndex, Before, Touch)>) -> Vec<Event> {
    let mut groups: BTreeMap<Step, Vec<NodeIndex>> = BTreeMap::new();
    let mut lost = Vec::new();
    for (node, before, touch) in nodes {
        let touch = if plan.has(Bug::SuspectTrusted) { touch.min(Touch::Clean) } else { touch };
        match first_step(before, touch, probe_of(plan, node).is_some()) {
            Some(step) => groups.entry(step).or_default().push(node),
            None => lost.push(node),
        }
    }
    let mut events: Vec<Event> = groups
        .into_iter()
        .map(|(step, nodes)| Event::Stepped {
            intent: None,
            step,
            retry: false,
            until: Timestamp::default(),
            nodes,
            note: String::new(),
        })
        .collect();
    if !lost.is_empty() {
        let note = "its previous version is not known".to_owned();
        events.push(Event::NotRestored { intent: None, nodes: lost, note });
    }
    events
}

fn first_step(before: Before, touch: Touch, has_probe: bool) -> Option<Step> {
    match (touch, before) {
        (_, Before::Unknown) => None,
        (Touch::Maybe, _) if has_probe => Some(Step::Look),
        (Touch::Suspect, Before::Version(version)) => Some(Step::Uninstall(version)),
        (Touch::No | Touch::Maybe | Touch::Clean, Before::Version(version)) => Some(Step::Reinstall(version)),
        (_, Before::Absent) => Some(Step::Uninstall(Plan::TARGET)),
    }
}

pub(super) fn observed(
    plan: &Plan,
    state: &State,
    now: Timestamp,
    open: &OpenIntent,
    reports: &[Report],
) -> Vec<Event> {
    let groups = grouped(open, reports, |report| match &open.intent.action {
        Action::Uninstall { .. } => uninstalled(plan, state, report),
        Action::Reinstall { .. } => reinstalled(plan, state, report),
        Action::Prove => proven(plan, state, report),
        Action::Survey { .. }
        | Action::Install { .. }
        | Action::Verify { .. }
        | Action::Ask { .. }
        | Action::Cancel { .. }
        | Action::Errand(_) => None,
    });
    groups.into_iter().map(|(next, nodes)| event(now, open.intent.id, next, nodes)).collect()
}

fn event(now: Timestamp, intent: IntentId, next: Next, nodes: Vec<NodeIndex>) -> Event {
    let intent = Some(intent);
    match next {
        Next::Step(step, note) => Event::Stepped { intent, step, retry: false, until: now, nodes, note },
        Next::Retry(step, pause, note) => {
            Event::Stepped { intent, step, retry: true, until: now.plus(pause), nodes, note }
        }
        Next::Restored(proof) => Event::Restored { intent, nodes, proof: proof.to_owned() },
        Next::GiveUp(note) => Event::NotRestored { intent, nodes, note },
    }
}

/// After a successful uninstall (or one that found nothing): the previous version, or proof that nothing is there.
fn after_uninstall(plan: &Plan, node: NodeIndex, before: Before, is_proven: bool) -> Next {
    match before {
        Before::Version(version) => Next::Step(Step::Reinstall(version), String::new()),
        Before::Absent | Before::Unknown if probe_of(plan, node).is_some() => {
            Next::Step(Step::Prove, String::new())
        }
        Before::Absent | Before::Unknown if is_proven => Next::Restored("the agent uninstalled it"),
        Before::Absent | Before::Unknown => Next::GiveUp(
            "its first install failed and there is nothing that the agent would uninstall: clean up by hand"
                .into(),
        ),
    }
}

fn uninstalled(plan: &Plan, state: &State, report: &Report) -> Option<Next> {
    let record = &state.nodes[report.node.at()];
    let Restoration::Running(step) = record.restoration else { return None };
    let trace = Trace::read(&report.output);
    Some(match &report.status {
        Status::Pending | Status::InProgress | Status::Other(_) => return None,
        Status::Success if trace.uninstalled => after_uninstall(plan, report.node, record.before, true),
        // The explicit version is not what the agent believes: a blank one always is.
        Status::Success if step != Step::UninstallBlank => Next::Step(Step::UninstallBlank, String::new()),
        Status::Success => after_uninstall(plan, report.node, record.before, false),
        Status::Failed if record.attempts > RESTORE_RETRIES => match record.before {
            // The uninstall script will not work; the install of the previous version may still overlay it, and the
            // probe has the last word.
            Before::Version(version) if probe_of(plan, report.node).is_some() => {
                Next::Step(Step::Reinstall(version), excerpt(&report.output))
            }
            Before::Version(_) | Before::Absent | Before::Unknown => {
                Next::GiveUp(format!("the uninstall failed: {}", excerpt(&report.output)))
            }
        },
        Status::Failed
        | Status::ExecutionTimedOut
        | Status::DeliveryTimedOut
        | Status::Cancelled
        | Status::Terminated
        | Status::Undeliverable
        | Status::InvalidPlatform
        | Status::AccessDenied => again(record.attempts, step, report),
    })
}

fn reinstalled(plan: &Plan, state: &State, report: &Report) -> Option<Next> {
    let record = &state.nodes[report.node.at()];
    let Restoration::Running(step) = record.restoration else { return None };
    let Step::Reinstall(version) = step else { return None };
    let has_probe = probe_of(plan, report.node).is_some();
    let trace = Trace::read(&report.output);
    let anew = Step::Uninstall(version);
    Some(match &report.status {
        Status::Pending | Status::InProgress | Status::Other(_) => return None,
        Status::Success if has_probe => Next::Step(Step::Prove, String::new()),
        Status::Success if trace.installed => Next::Restored("the agent installed it"),
        // An earlier attempt whose answer was lost, on a node that never failed: a plain repetition.
        Status::Success if trace.already && record.touch != Touch::Suspect => {
            Next::Restored("the agent has it installed")
        }
        Status::Success | Status::Failed | Status::ExecutionTimedOut => again(record.attempts, anew, report),
        Status::DeliveryTimedOut
        | Status::Cancelled
        | Status::Terminated
        | Status::Undeliverable
        | Status::InvalidPlatform
        | Status::AccessDenied => again(record.attempts, step, report),
    })
}

fn proven(plan: &Plan, state: &State, report: &Report) -> Option<Next> {
    let record = &state.nodes[report.node.at()];
    let Restoration::Running(step) = record.restoration else { return None };
    let probe = probe_of(plan, report.node)?;
    let print = match seen(report) {
        Seen::NotYet => return None,
        Seen::Failed | Seen::Unreached => return Some(again(record.attempts, step, report)),
        Seen::Printed(print) => Some(print),
        Seen::Nothing => None,
    };
    if before_is(plan, probe, record.before, print) {
        return Some(Next::Restored(if step == Step::Look {
            "the probe shows that nothing changed"
        } else {
            "the probe printed it"
        }));
    }
    let anew = first_step(record.before, Touch::Suspect, false)?;
    Some(if step == Step::Look {
        Next::Step(anew, String::new())
    } else if record.attempts > RESTORE_RETRIES {
        Next::GiveUp(format!("the probe printed `{}`", print.unwrap_or("")))
    } else {
        Next::Retry(anew, pause(record.attempts), format!("the probe printed `{}`", print.unwrap_or("")))
    })
}

/// Pause before another attempt. The agent's lock on a package lasts at most half an hour: the last attempt comes after it.
fn pause(attempts: u8) -> Seconds {
    if attempts < RESTORE_RETRIES { Seconds::minutes(2) } else { Seconds::minutes(31) }
}

fn again(attempts: u8, step: Step, report: &Report) -> Next {
    let text = excerpt(&report.output);
    let text = if text.is_empty() { format!("{:?}", report.status) } else { text };
    if attempts > RESTORE_RETRIES { Next::GiveUp(text) } else { Next::Retry(step, pause(attempts), text) }
}
