//! What AWS said to a command, and what the search for one brought.

use crate::input::{Answer, Trouble};
use wavetrain_model::event::Event;
use wavetrain_model::hold::{Hold, Kind};
use wavetrain_model::id::{CommandId, IntentId, NodeIndex, SiteIndex};
use wavetrain_model::intent::{Action, Errand};
use wavetrain_model::limit::SITE_ERRORS_BEFORE_HOLD;
use wavetrain_model::outcome::Outcome;
use wavetrain_model::plan::Plan;
use wavetrain_model::planted::Bug;
use wavetrain_model::state::{OpenIntent, Progress, State, Touch};
use wavetrain_model::time::{Seconds, Timestamp};

/// Pause before a refused command is repeated, doubled with each refusal.
const FIRST_BACKOFF: Seconds = Seconds(2);
/// Longest such pause.
const LONGEST_BACKOFF: Seconds = Seconds(60);

pub(super) fn answered(
    plan: &Plan,
    state: &State,
    now: Timestamp,
    intent: IntentId,
    answer: &Answer,
) -> Vec<Event> {
    let Some(open) = state.open.get(&intent) else { return Vec::new() };
    if let Progress::Sent { .. } = open.progress {
        // It was found by its comment meanwhile. A late word of the call must not have it sent a second time.
        return Vec::new();
    }
    let site = open.intent.site;
    if let Action::Errand(errand) = &open.intent.action {
        return errand_answered(plan, state, now, open, errand, answer);
    }
    match answer {
        Answer::Accepted(command) => {
            let mut events = vec![Event::Sent { intent, command: command.clone(), adopted: false }];
            events.extend(site_answered(state, site));
            events
        }
        Answer::CancelDone => {
            let mut events = vec![Event::Settled { intents: vec![intent] }];
            events.extend(site_answered(state, site));
            events
        }
        Answer::CarriedOut { .. } => Vec::new(),
        Answer::InvalidNodes { nodes, message } => invalid_nodes(plan, state, now, open, nodes, message),
        Answer::Refused { trouble, message } => refused(plan, state, now, open, *trouble, message),
        Answer::Unknown { message } => {
            vec![Event::Uncertain { intents: vec![intent], reason: message.clone() }]
        }
    }
}

/// An errand is repeated until it is done, or until a person has to look at why it cannot be.
fn errand_answered(
    plan: &Plan,
    state: &State,
    now: Timestamp,
    open: &OpenIntent,
    errand: &Errand,
    answer: &Answer,
) -> Vec<Event> {
    let (intent, site) = (open.intent.id, open.intent.site);
    let (trouble, message, pause) = match answer {
        Answer::CarriedOut { note } => {
            let mut events = vec![Event::CarriedOut { intent, done: true, note: note.clone() }];
            // What another errand met there is not mended by this one.
            let is_other = |other: &OpenIntent| {
                other.intent.id != intent
                    && other.intent.site == site
                    && other.refusals > 0
                    && matches!(other.intent.action, Action::Errand(_))
            };
            if state.hold(Kind::Errand(site)).is_some() && !state.open.values().any(is_other) {
                events.push(Event::Released { kind: Kind::Errand(site), accepted: false });
            }
            events.extend(unheard(state, errand));
            return events;
        }
        Answer::Refused { trouble, message } => (*trouble, message, backoff(open.refusals)),
        // Looked for by its name before it is done again; what was made just now may not be listed yet.
        Answer::Unknown { message } => (Trouble::Unavailable, message, plan.spec.api.settle),
        Answer::Accepted(_) | Answer::CancelDone | Answer::InvalidNodes { .. } => return Vec::new(),
    };
    let mut events = vec![Event::Deferred { intent, until: now.plus(pause), reason: message.clone() }];
    let is_hopeless = match trouble {
        Trouble::Throttled | Trouble::Awaiting => false,
        Trouble::Unavailable => open.refusals + 1 >= SITE_ERRORS_BEFORE_HOLD,
        Trouble::Denied | Trouble::Refused => true,
    };
    if is_hopeless && state.hold(Kind::Errand(site)).is_none() {
        let place = &plan.sites[site.at()].site;
        let what = if crate::errands::has_passed(state) { "finish incomplete: " } else { "" };
        let hold = Hold {
            kind: Kind::Errand(site),
            reason: format!("{what}cannot {} in {place}: {message}", open.intent.action.word()),
            next_step: format!(
                "mend the cause, then `wavetrain resume {0}`; `wavetrain abort {0}` ends it as it is",
                plan.spec.name
            ),
            needs_person: true,
            since: now,
            deadline: Some(now.plus(plan.spec.deadlines.hold)),
        };
        events.push(Event::Held { hold });
    }
    events
}

/// Nodes whose association is gone before they answered. What it began there may go on: nothing that they say before they are
/// uninstalled can be believed.
fn unheard(state: &State, errand: &Errand) -> Option<Event> {
    let Errand::Remove { of, .. } = errand else { return None };
    let open = state.open.get(of)?;
    (!open.pending.is_empty()).then(|| Event::Finished {
        intent: Some(*of),
        outcome: Outcome::Cancelled,
        touch: Touch::Suspect,
        nodes: open.pending.clone(),
        note: "its association was removed before it answered".to_owned(),
    })
}

/// AWS refuses a command as a whole for one bad id: the bad ones leave, the others are sent again.
fn invalid_nodes(
    plan: &Plan,
    state: &State,
    now: Timestamp,
    open: &OpenIntent,
    named: &[NodeIndex],
    message: &str,
) -> Vec<Event> {
    let intent = open.intent.id;
    let nodes: Vec<NodeIndex> = open.pending.iter().copied().filter(|node| named.contains(node)).collect();
    if nodes.is_empty() {
        return refused(plan, state, now, open, Trouble::Refused, message);
    }
    let note = "SSM no longer manages this node".to_owned();
    let gone = match &open.intent.action {
        Action::Survey { .. } | Action::Install { .. } => {
            Event::Finished { intent: Some(intent), outcome: Outcome::Gone, touch: Touch::No, nodes, note }
        }
        Action::Verify { .. } => Event::Finished {
            intent: Some(intent),
            outcome: Outcome::Gone,
            touch: Touch::Suspect,
            nodes,
            note,
        },
        Action::Uninstall { .. } | Action::Reinstall { .. } | Action::Prove => {
            Event::NotRestored { intent: Some(intent), nodes, note }
        }
        Action::Ask { .. } => super::ask::unreached(intent, &nodes),
        Action::Cancel { .. } | Action::Errand(_) => Event::Settled { intents: vec![intent] },
    };
    vec![Event::Deferred { intent, until: now, reason: message.to_owned() }, gone]
}

fn refused(
    plan: &Plan,
    state: &State,
    now: Timestamp,
    open: &OpenIntent,
    trouble: Trouble,
    message: &str,
) -> Vec<Event> {
    let site = open.intent.site;
    let deferred = Event::Deferred {
        intent: open.intent.id,
        until: now.plus(backoff(open.refusals)),
        reason: message.to_owned(),
    };
    // Throttling passes; whatever else is the matter, the gate's look ends with it.
    if matches!(open.intent.action, Action::Ask { .. }) {
        return match trouble {
            Trouble::Throttled | Trouble::Awaiting => vec![deferred],
            Trouble::Unavailable | Trouble::Denied | Trouble::Refused => {
                vec![deferred, super::ask::refused(open, message)]
            }
        };
    }
    let mut events = vec![deferred];
    events.extend(site_failed(plan, state, now, site, trouble, message));
    events
}

fn backoff(refusals: u32) -> Seconds {
    Seconds((FIRST_BACKOFF.0 << refusals.min(5)).min(LONGEST_BACKOFF.0))
}

/// A failed call to a site: throttling is no sign of illness, a refusal holds the site at once, silence after some in a row.
pub(super) fn site_failed(
    plan: &Plan,
    state: &State,
    now: Timestamp,
    site: SiteIndex,
    trouble: Trouble,
    message: &str,
) -> Vec<Event> {
    let place = &plan.sites[site.at()].site;
    let (kind, next_step) = match trouble {
        Trouble::Throttled | Trouble::Awaiting => return Vec::new(),
        Trouble::Unavailable if state.sites[site.at()].errors + 1 < SITE_ERRORS_BEFORE_HOLD => {
            return vec![Event::SiteFailed { site, message: message.to_owned() }];
        }
        Trouble::Unavailable => (
            Kind::Site(site),
            format!("check that {place} can be reached; the rollout goes on there by itself once it answers"),
        ),
        Trouble::Denied => (
            Kind::Site(site),
            format!("renew the credentials or mend the role for {place}, then `wavetrain resume`"),
        ),
        Trouble::Refused => (
            Kind::Refused(site),
            format!(
                "AWS will not take this request at {place} as it is: mend the cause, then `wavetrain resume`"
            ),
        ),
    };
    let needs_person = trouble != Trouble::Unavailable;
    // A site that was merely lost and now refuses us is not coming back by itself any more.
    if state.hold(kind).is_some_and(|hold| hold.needs_person || !needs_person) {
        return Vec::new();
    }
    let hold = Hold {
        kind,
        reason: format!("{place}: {message}"),
        next_step,
        needs_person,
        since: now,
        deadline: Some(now.plus(plan.spec.deadlines.hold)),
    };
    vec![Event::SiteFailed { site, message: message.to_owned() }, Event::Held { hold }]
}

pub(super) fn site_answered(state: &State, site: SiteIndex) -> Vec<Event> {
    let mut events = Vec::new();
    if state.sites[site.at()].errors > 0 {
        events.push(Event::SiteAnswered { site });
    }
    if state.hold(Kind::Site(site)).is_some() {
        events.push(Event::Released { kind: Kind::Site(site), accepted: false });
    }
    events
}

/// The result of searching for an uncertain intent's marker.
///
/// Not found counts only after the settle time, and the settle time runs from the moment since which the intent is uncertain
/// (a recovery, a lost answer), never from the moment it was written down.
pub(super) fn looked(
    plan: &Plan,
    state: &State,
    now: Timestamp,
    intent: IntentId,
    found: &[CommandId],
) -> Vec<Event> {
    let Some(open) = state.open.get(&intent) else { return Vec::new() };
    let Progress::Uncertain { since } = open.progress else { return Vec::new() };
    let since = if plan.has(Bug::SettleFromIntent) { open.recorded_at } else { since };
    match found {
        [] if now.since(since) < plan.spec.api.settle => Vec::new(),
        [] => vec![Event::Cleared { intent }],
        [command] => vec![Event::Sent { intent, command: command.clone(), adopted: true }],
        [command, ..] => {
            let hold = Hold {
                kind: Kind::Twice,
                reason: format!("{} commands carry the mark of intent {intent}", found.len()),
                next_step:
                    "find out who else runs this rollout; then `wavetrain resume` or `wavetrain abort`"
                        .to_owned(),
                needs_person: true,
                since: now,
                deadline: None,
            };
            vec![Event::Sent { intent, command: command.clone(), adopted: true }, Event::Held { hold }]
        }
    }
}

/// Intents that were never handed to AWS: nodes go back to their queues.
pub(super) fn withdrawn(state: &State, intents: &[IntentId]) -> Vec<Event> {
    let intents: Vec<IntentId> = intents
        .iter()
        .copied()
        .filter(|intent| state.open.get(intent).is_some_and(|open| open.progress == Progress::Recorded))
        .collect();
    if intents.is_empty() { Vec::new() } else { vec![Event::Settled { intents }] }
}

/// How long a command may give no answer.
pub(crate) fn patience(plan: &Plan) -> Seconds {
    Seconds(plan.spec.deadlines.delivery.0 + plan.spec.deadlines.execution.0)
}

/// Since when a command that was sent at `at` could have been heard.
pub(crate) fn silent_since(state: &State, site: SiteIndex, at: Timestamp) -> Timestamp {
    at.max(state.taken_up_at).max(state.sites[site.at()].answering_since)
}

/// A command that gave no answer until its deadline: its pending nodes are read as not delivered. While no process ran
/// the rollout nobody asked, so that time does not count.
pub(super) fn expired(plan: &Plan, state: &State, now: Timestamp) -> Vec<Event> {
    let mut events = Vec::new();
    for open in state.open.values() {
        let (Progress::Sent { at, .. }, false) =
            (&open.progress, matches!(open.intent.action, Action::Ask { .. }))
        else {
            continue;
        };
        let patience = patience(plan);
        let site = open.intent.site;
        // Nobody can hear what a held site's commands say.
        if state.holds.iter().any(|hold| hold.kind.site() == Some(site)) {
            continue;
        }
        let silent_since = silent_since(state, site, *at);
        if now.since(silent_since) <= patience {
            continue;
        }
        let reports: Vec<crate::input::Report> = open
            .pending
            .iter()
            .map(|node| crate::input::Report {
                node: *node,
                status: wavetrain_model::agent::Status::DeliveryTimedOut,
                output: format!("no answer within {patience}"),
                exit_code: None,
            })
            .collect();
        events.extend(super::observed(plan, state, now, open.intent.id, &reports));
    }
    events
}
