//! What people order. Every order is harmless when it has nothing to do; what the state forbids is refused with a reason.

use super::people::{self, Word};
use super::{report, wave};
use crate::guardrail;
use crate::input::{Order, Rejection};
use wavetrain_model::event::Event;
use wavetrain_model::hold::{Hold, Kind};
use wavetrain_model::id::NodeIndex;
use wavetrain_model::plan::Plan;
use wavetrain_model::state::{Ending, Forward, Phase, Restoration, State, WavePhase};
use wavetrain_model::time::Timestamp;

pub(super) fn decide(
    plan: &Plan,
    state: &State,
    now: Timestamp,
    order: &Order,
    by: &str,
) -> Result<Vec<Event>, Rejection> {
    let mut events = vec![Event::Ordered { order: format!("{} (by {by})", order.sentence()) }];
    events.extend(match order {
        Order::Pause { emergency, reason } => pause(state, now, *emergency, reason, by)?,
        Order::Resume => resume(plan, state),
        Order::Approve { wave, gate, evidence, typed_by } => {
            let (evidence, typed_by) = (evidence.as_ref(), typed_by.as_deref());
            let word = Word { wave: *wave, gate: *gate, evidence, by, typed_by, refusal: None };
            spoken(plan, state, now, &word)?
        }
        Order::Reject { wave, gate, evidence, reason, typed_by } => {
            let (evidence, typed_by, refusal) =
                (evidence.as_ref(), typed_by.as_deref(), Some(reason.as_str()));
            let word = Word { wave: *wave, gate: *gate, evidence, by, typed_by, refusal };
            spoken(plan, state, now, &word)?
        }
        Order::Report(report) => report::came(plan, state, now, report)?,
        Order::Abort { reason } => abort(state, reason, by)?,
        Order::Rollback { reason } => roll_back(plan, state, reason, by)?,
        Order::Retry { nodes } => retry(plan, state, nodes)?,
    });
    Ok(events)
}

pub(crate) fn rejection(code: &str, message: impl Into<String>, help: impl Into<String>) -> Rejection {
    Rejection { code: code.to_owned(), message: message.into(), help: help.into() }
}

fn over(state: &State) -> Option<Rejection> {
    let Phase::Ended(ending) = state.phase else { return None };
    let word = match ending {
        Ending::Completed => "completed",
        Ending::RolledBack => "rolled back",
        Ending::RolledBackWithExceptions => "rolled back with exceptions",
        Ending::Aborted => "aborted",
    };
    Some(rejection(
        "S0101",
        format!("the rollout is over ({word})"),
        "start a new one with `wavetrain apply`",
    ))
}

fn pause(
    state: &State,
    now: Timestamp,
    emergency: bool,
    reason: &str,
    by: &str,
) -> Result<Vec<Event>, Rejection> {
    if let Some(over) = over(state) {
        return Err(over);
    }
    let kind = if emergency { Kind::Emergency } else { Kind::Operator };
    if state.hold(kind).is_some() {
        return Ok(Vec::new());
    }
    let hold = Hold {
        kind,
        reason: format!("paused by {by}: {reason}"),
        next_step: "`wavetrain resume`, `wavetrain rollback` or `wavetrain abort`".to_owned(),
        needs_person: true,
        since: now,
        deadline: None,
    };
    Ok(vec![Event::Held { hold }])
}

fn resume(plan: &Plan, state: &State) -> Vec<Event> {
    let mut events: Vec<Event> = state
        .holds
        .iter()
        .filter(|hold| !matches!(hold.kind, Kind::Approval(_) | Kind::SignOff(..) | Kind::Guardrail(_)))
        .map(|hold| Event::Released { kind: hold.kind, accepted: true })
        .collect();
    // A wave whose blocker was held is measured afresh, with a new deadline.
    for wave in plan.wave_indices() {
        let is_held =
            state.holds.iter().any(|hold| matches!(hold.kind, Kind::Gate(_, Some(of)) if of == wave));
        if is_held && matches!(state.wave(wave).phase, WavePhase::Blocked { .. }) {
            events.push(Event::WaveBlocked { wave });
        }
    }
    events
}

fn spoken(plan: &Plan, state: &State, now: Timestamp, word: &Word<'_>) -> Result<Vec<Event>, Rejection> {
    match over(state) {
        Some(over) => Err(over),
        // The wave's own approval, if it has one, is another word, and asked for once guardrails let it begin.
        None if word.gate.is_none() && guardrail::is_awaiting(state, word.wave) => {
            guardrail::said(plan, state, now, word)
        }
        None => people::said(plan, state, now, word),
    }
}

fn abort(state: &State, reason: &str, by: &str) -> Result<Vec<Event>, Rejection> {
    if let Some(over) = over(state) {
        return Err(over);
    }
    Ok(vec![match state.phase {
        Phase::Aborting => Event::Ended { ending: Ending::Aborted },
        Phase::Running | Phase::RollingBack | Phase::Ended(_) => {
            Event::AbortDecided { cause: format!("aborted by {by}: {reason}") }
        }
    }])
}

fn roll_back(plan: &Plan, state: &State, reason: &str, by: &str) -> Result<Vec<Event>, Rejection> {
    let cause = format!("ordered by {by}: {reason}");
    match state.phase {
        Phase::RollingBack => Ok(Vec::new()),
        Phase::Ended(Ending::RolledBack | Ending::RolledBackWithExceptions) => Err(rejection(
            "S0104",
            "the rollout was rolled back already",
            "`wavetrain retry` tries the nodes again that were not restored",
        )),
        Phase::Running | Phase::Aborting | Phase::Ended(Ending::Completed | Ending::Aborted) => {
            let mut events = wave::fail(plan, state, None);
            events.extend(wave::roll_back(plan, state, cause));
            Ok(events)
        }
    }
}

fn retry(plan: &Plan, state: &State, nodes: &[NodeIndex]) -> Result<Vec<Event>, Rejection> {
    let is_wanted = |node: &NodeIndex| nodes.is_empty() || nodes.contains(node);
    let all = plan.node_indices().filter(is_wanted);
    let nodes: Vec<NodeIndex> = match state.phase {
        Phase::Running => all
            .filter(|node| match (state.nodes[node.at()].forward, plan.nodes[node.at()].wave) {
                (Forward::Finished(outcome), Some(wave)) => {
                    let phase = state.wave(wave).phase;
                    !outcome.is_at_target()
                        && matches!(phase, WavePhase::Open { .. } | WavePhase::Baking { .. })
                }
                _ => false,
            })
            .collect(),
        Phase::RollingBack | Phase::Ended(Ending::RolledBackWithExceptions) => {
            all.filter(|node| state.nodes[node.at()].restoration == Restoration::Failed).collect()
        }
        Phase::Aborting | Phase::Ended(_) => {
            return Err(rejection(
                "S0105",
                "there is nothing that this rollout could try again",
                "apply the plan file again: nodes at the target version are left out by themselves",
            ));
        }
    };
    if nodes.is_empty() {
        return Ok(Vec::new());
    }
    let mut events = vec![Event::Retried { nodes: nodes.clone() }];
    if state.rollback.is_some() {
        events.extend(super::restore::anew(plan, state, &nodes));
    }
    Ok(events)
}
