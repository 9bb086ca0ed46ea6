//! Turns something that happened, or was asked, into facts. The rules live here.

pub(crate) mod answer;
pub(crate) mod ask;
pub(crate) mod budget;
mod forward;
pub mod gate;
mod order;
mod people;
mod report;
mod restore;
mod tick;
pub(crate) mod wave;

pub(crate) use self::order::rejection;
pub(crate) use self::people::{Word, unbound};

use crate::guardrail;
use crate::input::{Input, Order, Rejection, Report};
use std::collections::{BTreeMap, BTreeSet};
use wavetrain_model::event::Event;
use wavetrain_model::id::{IntentId, NodeIndex};
use wavetrain_model::intent::Action;
use wavetrain_model::plan::Plan;
use wavetrain_model::state::{OpenIntent, Phase, State};
use wavetrain_model::time::Timestamp;

/// The events that follow from `input`. Call with [`Input::Tick`] until it gives none before asking [`crate::due()`].
///
/// Only orders are ever rejected; what comes from outside and makes no sense (an answer to a settled intent, a second
/// report about a finished node) gives no events.
pub fn decide(plan: &Plan, state: &State, now: Timestamp, input: &Input) -> Result<Vec<Event>, Rejection> {
    let mut events = match input {
        Input::Order { order, by } => order::decide(plan, state, now, order, by)?,
        Input::Tick => tick::decide(plan, state, now),
        Input::Recovered => vec![Event::Recovered],
        Input::Guardrails { guardrails } => guardrail::added(plan, state, guardrails),
        Input::Answered { intent, answer } => answer::answered(plan, state, now, *intent, answer),
        Input::Looked { intent, found } => answer::looked(plan, state, now, *intent, found),
        Input::Observed { intent, reports } => observed(plan, state, now, *intent, reports),
        Input::Measured { gate, scope, window, readings } => {
            gate::measured(plan, state, now, *gate, *scope, *window, readings)
        }
        Input::SiteFailed { site, trouble, message } => {
            answer::site_failed(plan, state, now, *site, *trouble, message)
        }
        Input::SiteAnswered { site } => answer::site_answered(state, *site),
        Input::Withdrawn { intents } => answer::withdrawn(state, intents),
    };
    if state.phase == Phase::RollingBack {
        let joined = restore::join(plan, state, &events);
        events.extend(joined);
    }
    Ok(events)
}

/// What holds although an order was refused: a report that came in is spent, whatever was made of it. Else somebody who saw it
/// could send it once more when it counts.
pub fn refused(plan: &Plan, state: &State, order: &Order) -> Vec<Event> {
    match order {
        Order::Report(report) => report::spent(plan, state, report),
        _ => Vec::new(),
    }
}

fn observed(plan: &Plan, state: &State, now: Timestamp, intent: IntentId, reports: &[Report]) -> Vec<Event> {
    let Some(open) = state.open.get(&intent) else { return Vec::new() };
    match &open.intent.action {
        Action::Survey { .. } | Action::Install { .. } | Action::Verify { .. } => {
            forward::observed(plan, state, now, open, reports)
        }
        Action::Uninstall { .. } | Action::Reinstall { .. } | Action::Prove => {
            restore::observed(plan, state, now, open, reports)
        }
        Action::Ask { .. } => ask::observed(open, reports),
        Action::Cancel { .. } | Action::Errand(_) => Vec::new(),
    }
}

/// Nodes that an intent still waits for, by what their reports mean; reports that mean nothing yet are left out.
///
/// A row can move to the next page while a listing is read, and is then listed twice: its first meaning counts.
fn grouped<Meaning: Ord>(
    open: &OpenIntent,
    reports: &[Report],
    meaning_of: impl Fn(&Report) -> Option<Meaning>,
) -> BTreeMap<Meaning, Vec<NodeIndex>> {
    let mut groups: BTreeMap<Meaning, Vec<NodeIndex>> = BTreeMap::new();
    let mut heard = BTreeSet::new();
    for report in reports.iter().filter(|report| open.pending.contains(&report.node)) {
        if let Some(meaning) = meaning_of(report)
            && heard.insert(report.node)
        {
            groups.entry(meaning).or_default().push(report.node);
        }
    }
    groups
}
