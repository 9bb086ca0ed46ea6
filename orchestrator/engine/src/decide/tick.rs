//! What the passing of time means: deadlines, budgets, waves, ends. One layer of consequences per call.

use super::{answer, budget, gate, wave};
use wavetrain_model::event::Event;
use wavetrain_model::gate::{Scope, Which};
use wavetrain_model::hold::Kind;
use wavetrain_model::id::{IntentId, NodeIndex};
use wavetrain_model::intent::Action;
use wavetrain_model::plan::Plan;
use wavetrain_model::state::{Ending, Phase, Progress, State, WavePhase};
use wavetrain_model::time::Timestamp;

pub(super) fn decide(plan: &Plan, state: &State, now: Timestamp) -> Vec<Event> {
    if state.is_over() {
        return Vec::new();
    }
    let overdue = overdue_hold(plan, state, now);
    if !overdue.is_empty() {
        return overdue;
    }
    let expired = answer::expired(plan, state, now);
    if !expired.is_empty() {
        return expired;
    }
    match state.phase {
        Phase::Running => running(plan, state, now),
        Phase::RollingBack => rolling_back(state),
        Phase::Aborting => aborting(state),
        Phase::Ended(_) => Vec::new(),
    }
}

fn overdue_hold(plan: &Plan, state: &State, now: Timestamp) -> Vec<Event> {
    let Some(hold) = state.holds.iter().find(|hold| hold.deadline.is_some_and(|deadline| now >= deadline))
    else {
        return Vec::new();
    };
    match (&state.phase, hold.kind.site()) {
        // A rollback is not given up as a whole: the site's nodes are exceptions, the others go on.
        (Phase::RollingBack, Some(site)) => {
            let queue = state.rollback.iter().flat_map(|rollback| rollback.queue.values());
            let nodes: Vec<NodeIndex> =
                queue.filter_map(|sites| sites.get(&site)).flatten().copied().collect();
            let place = &plan.sites[site.at()].site;
            let mut events = vec![Event::Released { kind: hold.kind, accepted: false }];
            if !nodes.is_empty() {
                let note = format!("{place} did not answer in time");
                events.push(Event::NotRestored { intent: None, nodes, note });
            }
            events
        }
        _ => vec![Event::AbortDecided { cause: format!("not answered in time: {}", hold.reason) }],
    }
}

fn running(plan: &Plan, state: &State, now: Timestamp) -> Vec<Event> {
    if let Some(broken) = budget::broken(plan, state, now)
        && !state.holds.iter().any(|hold| matches!(hold.kind, Kind::Gate(Which::Install, _)))
    {
        let scope = broken.wave.map_or(Scope::Guard, Scope::Wave);
        return gate::verdict_events(
            plan,
            state,
            now,
            Which::Install,
            scope,
            broken.verdict,
            broken.evidence,
        );
    }
    let waves = wave::decide(plan, state, now);
    if !waves.is_empty() {
        return waves;
    }
    let all_passed = state.waves.iter().all(|wave| matches!(wave.phase, WavePhase::Passed { .. }));
    if all_passed { vec![Event::Ended { ending: Ending::Completed }] } else { Vec::new() }
}

/// Commands that AWS certainly does not have and that are not wanted any more.
fn unwanted(state: &State, is_wanted: impl Fn(&Action) -> bool) -> Vec<IntentId> {
    let deferred = state.open.values().filter(|open| matches!(open.progress, Progress::Deferred { .. }));
    deferred.filter(|open| !is_wanted(&open.intent.action)).map(|open| open.intent.id).collect()
}

fn rolling_back(state: &State) -> Vec<Event> {
    let unwanted = unwanted(state, |action| match action {
        Action::Survey { .. } | Action::Install { .. } => false,
        Action::Verify { .. }
        | Action::Uninstall { .. }
        | Action::Reinstall { .. }
        | Action::Prove
        | Action::Cancel { .. } => true,
    });
    if !unwanted.is_empty() {
        return vec![Event::Settled { intents: unwanted }];
    }
    let Some(rollback) = &state.rollback else { return Vec::new() };
    let is_proving = state.waves.iter().any(|wave| wave.in_flight > 0);
    if !state.open.is_empty() || is_proving || rollback.restored + rollback.failed < rollback.total {
        return Vec::new();
    }
    let ending = if rollback.failed == 0 { Ending::RolledBack } else { Ending::RolledBackWithExceptions };
    vec![Event::Ended { ending }]
}

fn aborting(state: &State) -> Vec<Event> {
    let unwanted = unwanted(state, |action| matches!(action, Action::Cancel { .. }));
    if !unwanted.is_empty() {
        return vec![Event::Settled { intents: unwanted }];
    }
    if state.open.is_empty() { vec![Event::Ended { ending: Ending::Aborted }] } else { Vec::new() }
}
