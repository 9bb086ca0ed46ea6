//! A gate's probes: what nodes answer, how long is waited for them, and when a look is over.

use super::gate;
use crate::gate::{sees_site, sites_of};
use crate::input::Report;
use std::collections::{BTreeMap, BTreeSet};
use wavetrain_model::agent::Status;
use wavetrain_model::event::Event;
use wavetrain_model::gate::{Found, Probed, Reading, Scope, Window};
use wavetrain_model::id::{GateIndex, IntentId, NodeIndex, SiteIndex};
use wavetrain_model::intent::Action;
use wavetrain_model::limit::PRINT_BYTES;
use wavetrain_model::plan::Plan;
use wavetrain_model::spec::Check;
use wavetrain_model::state::{OpenIntent, Phase, Progress, Round, State};
use wavetrain_model::time::{Seconds, Timestamp};

/// Exit code of a probe that the agent stopped because it took too long.
const STOPPED: i32 = -1;

pub(super) fn observed(open: &OpenIntent, reports: &[Report]) -> Vec<Event> {
    let mut heard = BTreeSet::new();
    let pending = reports.iter().filter(|report| open.pending.contains(&report.node));
    let answers = pending.filter_map(probed).filter(|answer| heard.insert(answer.node));
    let answers: Vec<Probed> = answers.collect();
    if answers.is_empty() { Vec::new() } else { vec![told(open.intent.id, answers)] }
}

/// What a row says; None: not over yet.
fn probed(report: &Report) -> Option<Probed> {
    let exit = match &report.status {
        Status::Pending | Status::InProgress | Status::Other(_) => return None,
        Status::Success => Some(report.exit_code.unwrap_or(0)),
        Status::Failed => Some(report.exit_code.filter(|code| *code != 0).unwrap_or(1)),
        Status::ExecutionTimedOut => Some(STOPPED),
        Status::DeliveryTimedOut
        | Status::Cancelled
        | Status::Terminated
        | Status::Undeliverable
        | Status::InvalidPlatform
        | Status::AccessDenied => None,
    };
    let output = if exit.is_some() { crate::probe::standard_output(&report.output) } else { "" };
    let output = output[..output.floor_char_boundary(PRINT_BYTES)].to_owned();
    Some(Probed { node: report.node, exit, output })
}

/// Nodes that did not answer.
pub(super) fn unreached(intent: IntentId, nodes: &[NodeIndex]) -> Event {
    let answer = |node: &NodeIndex| Probed { node: *node, exit: None, output: String::new() };
    told(intent, nodes.iter().map(answer).collect())
}

fn told(intent: IntentId, answers: Vec<Probed>) -> Event {
    Event::Probed { intent, answers, refused: None }
}

/// A command that AWS did not take: an error of the gate. What the gate may not look at says nothing about installs and rollbacks
/// there, so the site is not held.
pub(super) fn refused(open: &OpenIntent, message: &str) -> Event {
    let answer = |node: &NodeIndex| Probed { node: *node, exit: None, output: String::new() };
    let answers = open.pending.iter().map(answer).collect();
    Event::Probed { intent: open.intent.id, answers, refused: Some(message.to_owned()) }
}

/// When an open probe is no longer waited for. It only looks: whether AWS has it, will have it or never had it is all the same
/// by then, so its search ends too.
pub(crate) fn ends_at(plan: &Plan, state: &State, open: &OpenIntent) -> Option<Timestamp> {
    let Action::Ask { gate, .. } = open.intent.action else { return None };
    let Check::Probe(check) = &plan.spec.gates.get(gate.at())?.check else { return None };
    let asked_at = open.recorded_at.max(state.taken_up_at);
    Some(asked_at.plus(Seconds(check.timeout.0.saturating_add(plan.spec.api.longest_poll.0))))
}

/// Probes whose time is up: what has not answered counts as not reached.
pub(super) fn expired(plan: &Plan, state: &State, now: Timestamp) -> Vec<Event> {
    let over = state.open.values().filter(|open| {
        open.progress != Progress::Recorded && ends_at(plan, state, open).is_some_and(|at| at <= now)
    });
    over.map(|open| unreached(open.intent.id, &open.pending)).collect()
}

/// Probes that nobody needs any more. One that is being handed over is waited for first.
pub(super) fn unneeded(state: &State) -> Vec<IntentId> {
    let asks = state.open.values().filter(|open| matches!(open.intent.action, Action::Ask { .. }));
    asks.filter(|open| open.progress != Progress::Recorded).map(|open| open.intent.id).collect()
}

/// Whether a look of the gate is under way, or probes of an earlier one are.
pub(crate) fn is_open(state: &State, gate: GateIndex, scope: Scope) -> bool {
    state.rounds.iter().any(|round| round.gate == gate && round.scope == scope)
        || is_awaited(state, gate, scope)
}

fn is_awaited(state: &State, gate: GateIndex, scope: Scope) -> bool {
    state.open.values().any(|open| open.intent.action == Action::Ask { gate, scope })
}

/// The first look to which nothing can be added any more becomes a measurement.
pub(super) fn complete(plan: &Plan, state: &State, now: Timestamp) -> Vec<Event> {
    if state.phase != Phase::Running {
        return Vec::new();
    }
    let over = state.rounds.iter().find(|round| !is_awaited(state, round.gate, round.scope));
    let Some(round) = over else { return Vec::new() };
    let window = Window { from: round.begun_at, until: now };
    gate::measured(plan, state, now, round.gate, round.scope, window, &readings(plan, state, round))
}

/// What each site's nodes said. Sites to which nothing could be sent are errors: the others do not speak for them.
fn readings(plan: &Plan, state: &State, round: &Round) -> Vec<Reading> {
    let mut sites: BTreeMap<SiteIndex, Vec<Probed>> = BTreeMap::new();
    for node in &round.asked {
        let answer = round.answers.iter().find(|answer| answer.node == *node);
        let answer = answer.cloned().unwrap_or(Probed { node: *node, exit: None, output: String::new() });
        sites.entry(plan.site_of(*node)).or_default().push(answer);
    }
    let gate = &plan.spec.gates[round.gate.at()];
    let held = state.holds.iter().filter_map(|hold| hold.kind.site());
    let concerned = sites_of(plan, state, round.scope);
    let held = held.filter(|site| concerned.contains(site) && sees_site(plan, gate, *site));
    let lost = held.map(|site| Reading::new(Some(site), Err("it is held".to_owned())));
    let lost: Vec<Reading> = lost.collect();
    let told = sites.into_iter().map(|(site, said)| Reading::new(Some(site), Ok(Found::Probed(said))));
    let refused = round.refused.iter();
    let refused = refused.map(|(site, why)| Reading::new(Some(*site), Err(why.clone())));
    told.chain(refused).chain(lost).collect()
}
