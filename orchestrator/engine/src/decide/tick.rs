//! What the passing of time means: deadlines, budgets, waves, ends. One layer of consequences per call.

use super::{answer, ask, budget, gate, people, wave};
use crate::errands;
use crate::guardrail;
use std::collections::BTreeSet;
use wavetrain_model::event::Event;
use wavetrain_model::gate::{Scope, Verdict, Which};
use wavetrain_model::hold::Kind;
use wavetrain_model::id::{IntentId, NodeIndex, SiteIndex};
use wavetrain_model::intent::{Action, Errand};
use wavetrain_model::outcome::Outcome;
use wavetrain_model::plan::Plan;
use wavetrain_model::spec::Reaction;
use wavetrain_model::state::{Ending, Forward, OpenIntent, Phase, Progress, State, Touch};
use wavetrain_model::time::Timestamp;

pub(super) fn decide(plan: &Plan, state: &State, now: Timestamp) -> Vec<Event> {
    if state.is_over() {
        return Vec::new();
    }
    let overdue = overdue_hold(plan, state, now);
    if !overdue.is_empty() {
        return overdue;
    }
    let mut expired = answer::expired(plan, state, now);
    expired.extend(ask::expired(plan, state, now));
    if !expired.is_empty() {
        return expired;
    }
    match state.phase {
        Phase::Running => running(plan, state, now),
        Phase::RollingBack => rolling_back(plan, state),
        Phase::Aborting => aborting(plan, state),
        Phase::Ended(_) => Vec::new(),
    }
}

fn overdue_hold(plan: &Plan, state: &State, now: Timestamp) -> Vec<Event> {
    let Some(hold) = state.holds.iter().find(|hold| hold.deadline.is_some_and(|deadline| now >= deadline))
    else {
        return Vec::new();
    };
    if let Kind::SignOff(gate, of) = hold.kind {
        return people::unanswered(plan, state, now, gate, of);
    }
    if let (Kind::Errand(site), true) = (hold.kind, may_forsake(state)) {
        let mut events = vec![Event::Released { kind: hold.kind, accepted: false }];
        events.extend(forsake(plan, state, site));
        return events;
    }
    match (&state.phase, hold.kind.site()) {
        // A rollback is not given up as a whole: the site's nodes are exceptions, the others go on.
        (Phase::RollingBack, Some(site)) => {
            let mut events = vec![Event::Released { kind: hold.kind, accepted: false }];
            events.extend(give_up_site(plan, state, site, now));
            events
        }
        // Nothing of what is open waits for the site: whoever needs it later finds out.
        (Phase::Running, Some(site)) if !wave::has_work(plan, state, site) => {
            vec![Event::Released { kind: hold.kind, accepted: false }]
        }
        // Nobody came to let us await what runs there.
        (Phase::Aborting, _) => vec![Event::Ended { ending: Ending::Aborted }],
        _ => vec![Event::AbortDecided { cause: format!("not answered in time: {}", hold.reason) }],
    }
}

/// Everything at a site that only a working call could bring to an end. What AWS has ends by its own deadline.
fn give_up_site(plan: &Plan, state: &State, site: SiteIndex, now: Timestamp) -> Vec<Event> {
    let note = format!("{} did not answer in time", plan.sites[site.at()].site);
    let patience = answer::patience(plan);
    let mut events = Vec::new();
    for open in state.open.values().filter(|open| open.intent.site == site) {
        let is_stuck = match open.progress {
            Progress::Deferred { .. } => true,
            // As long as its command may still run, nobody else may command its nodes.
            Progress::Uncertain { since } => now.since(since) > patience,
            Progress::Recorded | Progress::Sent { .. } => false,
        };
        if is_stuck {
            events.push(give_up_intent(open, note.clone()));
        }
    }
    let proving = state.waves.iter().flat_map(|wave| {
        let later = wave.later.iter().map(|later| later.node).filter(|node| plan.site_of(*node) == site);
        let later = later.filter(|node| state.nodes[node.at()].forward == Forward::Proving);
        wave.proving.get(&site).into_iter().flat_map(|proving| proving.nodes.iter().copied()).chain(later)
    });
    let proving: Vec<NodeIndex> = proving.collect();
    if !proving.is_empty() {
        let (outcome, touch) = (Outcome::Unknown, Touch::Suspect);
        events.push(Event::Finished { intent: None, outcome, touch, nodes: proving, note: note.clone() });
    }
    let queue = state.rollback.iter().flat_map(|rollback| rollback.queue.values());
    let nodes: Vec<NodeIndex> = queue.filter_map(|sites| sites.get(&site)).flatten().copied().collect();
    if !nodes.is_empty() {
        events.push(Event::NotRestored { intent: None, nodes, note });
    }
    events
}

/// Whether errands are all that is missing: nothing of the nodes depends on them, so nothing is aborted for their sake.
fn may_forsake(state: &State) -> bool {
    match state.phase {
        Phase::RollingBack | Phase::Aborting => true,
        // A rollout whose beginning waits for an association to rest is not begun without that.
        Phase::Running => errands::has_passed(state) || state.first_dispatch_at.is_some(),
        Phase::Ended(_) => false,
    }
}

/// The site's errands are given up: a person finds them among the exceptions.
fn forsake(plan: &Plan, state: &State, site: SiteIndex) -> Vec<Event> {
    let open = state
        .open
        .values()
        .filter(|open| open.intent.site == site && matches!(open.intent.action, Action::Errand(_)));
    let place = &plan.sites[site.at()].site;
    open.map(|open| Event::CarriedOut {
        intent: open.intent.id,
        done: false,
        note: format!("{place}: to {} was not possible in time", open.intent.action.word()),
    })
    .collect()
}

fn give_up_intent(open: &OpenIntent, note: String) -> Event {
    let (intent, nodes) = (Some(open.intent.id), open.pending.clone());
    match open.intent.action {
        Action::Survey { .. } => {
            Event::Finished { intent, outcome: Outcome::Undelivered, touch: Touch::No, nodes, note }
        }
        Action::Install { .. } | Action::Verify { .. } => {
            Event::Finished { intent, outcome: Outcome::Unknown, touch: Touch::Suspect, nodes, note }
        }
        Action::Uninstall { .. } | Action::Reinstall { .. } | Action::Prove => {
            Event::NotRestored { intent, nodes, note }
        }
        Action::Ask { .. } | Action::Cancel { .. } | Action::Errand(_) => {
            Event::Settled { intents: vec![open.intent.id] }
        }
    }
}

/// Whether a person is already asked about the budgets, and this verdict would only ask once more.
fn is_awaiting(plan: &Plan, state: &State, verdict: Verdict) -> bool {
    let is_only_a_hold = verdict != Verdict::Fail || plan.spec.rollback.on_fail == Reaction::Pause;
    is_only_a_hold && state.holds.iter().any(|hold| matches!(hold.kind, Kind::Gate(Which::Install, _)))
}

fn running(plan: &Plan, state: &State, now: Timestamp) -> Vec<Event> {
    let started = guardrail::started(plan, state, now);
    if !started.is_empty() {
        return started;
    }
    let looked = ask::complete(plan, state, now);
    if !looked.is_empty() {
        return looked;
    }
    if let Some(broken) = budget::broken(plan, state, now)
        && !is_awaiting(plan, state, broken.verdict)
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
    match ask::unneeded(state) {
        _ if !errands::has_passed(state) => Vec::new(),
        intents if !intents.is_empty() => vec![Event::Settled { intents }],
        _ if !errands::outstanding(plan, state).is_empty() => Vec::new(),
        // What is being handed over right now ends first.
        _ if state
            .open
            .values()
            .any(|open| matches!(open.intent.action, Action::Ask { .. } | Action::Errand(_))) =>
        {
            Vec::new()
        }
        _ => vec![Event::Ended { ending: Ending::Completed }],
    }
}

/// Commands that AWS certainly does not have and that are not wanted any more.
fn unwanted(state: &State, is_wanted: impl Fn(&Action) -> bool) -> Vec<IntentId> {
    let deferred = state.open.values().filter(|open| matches!(open.progress, Progress::Deferred { .. }));
    let unwanted = deferred.filter(|open| !is_wanted(&open.intent.action)).map(|open| open.intent.id);
    let unwanted: BTreeSet<IntentId> = unwanted.chain(ask::unneeded(state)).collect();
    unwanted.into_iter().collect()
}

fn is_among(outstanding: &[(SiteIndex, Errand)], errand: &Errand) -> bool {
    outstanding.iter().any(|(_, wanted)| wanted == errand)
}

fn rolling_back(plan: &Plan, state: &State) -> Vec<Event> {
    let outstanding = errands::outstanding(plan, state);
    let unwanted = unwanted(state, |action| match action {
        Action::Survey { .. } | Action::Install { .. } | Action::Ask { .. } => false,
        Action::Verify { .. } | Action::Uninstall { .. } | Action::Reinstall { .. } | Action::Prove => true,
        Action::Cancel { of, .. } => state.open.contains_key(of),
        Action::Errand(errand) => is_among(&outstanding, errand),
    });
    if !unwanted.is_empty() {
        return vec![Event::Settled { intents: unwanted }];
    }
    let Some(rollback) = &state.rollback else { return Vec::new() };
    let is_proving = state.waves.iter().any(|wave| wave.in_flight > 0);
    if !state.open.is_empty() || is_proving || rollback.restored + rollback.failed < rollback.total {
        return Vec::new();
    }
    if !outstanding.is_empty() {
        return Vec::new();
    }
    let is_whole = rollback.failed == 0 && state.errands.exceptions.is_empty();
    let ending = if is_whole { Ending::RolledBack } else { Ending::RolledBackWithExceptions };
    vec![Event::Ended { ending }]
}

fn aborting(plan: &Plan, state: &State) -> Vec<Event> {
    // A cancel is worth repeating only as long as its command runs: a site that never answers again must not hold up the end.
    let outstanding = errands::outstanding(plan, state);
    let is_wanted = |action: &Action| match action {
        Action::Cancel { of, .. } => state.open.contains_key(of),
        Action::Errand(errand) => is_among(&outstanding, errand),
        _ => false,
    };
    let unwanted = unwanted(state, is_wanted);
    if !unwanted.is_empty() {
        return vec![Event::Settled { intents: unwanted }];
    }
    let is_over = state.open.is_empty() && outstanding.is_empty();
    if is_over { vec![Event::Ended { ending: Ending::Aborted }] } else { Vec::new() }
}
