//! What people say, and when a wave must wait for it.

use super::gate::{name, verdict_events};
use super::order::rejection;
use crate::input::Rejection;
use crate::people::{self, Standing, short};
use wavetrain_model::approval::{Given, Subject, is_same_person};
use wavetrain_model::event::Event;
use wavetrain_model::gate::{Scope, Verdict, Which};
use wavetrain_model::hold::{Hold, Kind};
use wavetrain_model::id::{Digest, GateIndex, WaveIndex};
use wavetrain_model::plan::Plan;
use wavetrain_model::state::{State, WavePhase};
use wavetrain_model::time::Timestamp;

/// A person's word: about which wave, which gate's question, having seen what.
pub(crate) struct Word<'a> {
    pub(crate) wave: WaveIndex,
    pub(crate) gate: Option<GateIndex>,
    pub(crate) evidence: Option<&'a Digest>,
    pub(crate) by: &'a str,
    /// The account that it was typed with.
    pub(crate) typed_by: Option<&'a str>,
    /// Why not; None: agreed.
    pub(crate) refusal: Option<&'a str>,
}

/// An approval that does not say what was seen could count for whatever comes later.
pub(crate) fn unbound() -> Rejection {
    rejection(
        "S0118",
        "an approval must say which evidence it is of",
        "`wavetrain approve` shows the evidence and binds the word to it",
    )
}

pub(super) fn said(
    plan: &Plan,
    state: &State,
    now: Timestamp,
    word: &Word<'_>,
) -> Result<Vec<Event>, Rejection> {
    let subject = match meant(plan, state, now, word)? {
        Meant::Said => return Ok(Vec::new()),
        Meant::Asked(subject) => subject,
    };
    let Some(standing) = people::standing(plan, state, now, subject) else { return Ok(Vec::new()) };
    may_say(state, &standing, word)?;
    if word.evidence.is_none() && word.refusal.is_none() {
        return Err(unbound());
    }
    if let Some(shown) = word.evidence
        && *shown != standing.evidence
    {
        return Err(rejection(
            "S0109",
            format!("the evidence is another one now ({})", short(&standing.evidence)),
            "look at it again with `wavetrain approve` and decide anew",
        ));
    }
    let given = Given {
        subject,
        by: word.by.to_owned(),
        at: now,
        evidence: Some(standing.evidence.clone()),
        refusal: word.refusal.map(str::to_owned),
    };
    let Some(with) = people::with(plan, state, now, subject, Some(&given)) else { return Ok(Vec::new()) };
    let (Subject { wave, gate, before }, by) = (subject, given.by);
    let typed_by = word.typed_by.map(str::to_owned);
    let Some(reason) = given.refusal else {
        let mut events = vec![Event::Approved { wave, by, gate, before, evidence: given.evidence, typed_by }];
        if with.is_agreed() {
            events.extend(released(state, subject));
        }
        return Ok(events);
    };
    let evidence = standing.evidence.clone();
    let mut events = vec![Event::Rejected { subject, by, evidence, reason, typed_by }];
    // Before a wave nothing of it is touched that a rollback could mend: what waits for the people goes on waiting.
    if let (Some(gate), false) = (gate, before) {
        events.extend(released(state, subject));
        let sentence = with.sentence();
        events.extend(verdict(plan, state, now, (gate, subject), Verdict::Fail, &with, sentence));
    }
    Ok(events)
}

/// What a word is about.
enum Meant {
    /// A question that is open.
    Asked(Subject),
    /// One that this person has answered so, and that is closed.
    Said,
}

fn meant(plan: &Plan, state: &State, now: Timestamp, word: &Word<'_>) -> Result<Meant, Rejection> {
    let Some(spec) = plan.spec.waves.get(word.wave.at()) else {
        return Err(rejection("S0102", "the plan has no such wave", "`wavetrain status` lists the waves"));
    };
    let all = people::subjects(plan, word.wave);
    let all: Vec<Subject> =
        all.into_iter().filter(|subject| word.gate.is_none() || subject.gate == word.gate).collect();
    if all.is_empty() {
        let message = match word.gate {
            None => format!("wave {} asks for no approval", spec.name),
            Some(gate) => {
                let gate = name(plan, Which::Planned(gate));
                format!("gate {gate} asks nobody for an approval of wave {}", spec.name)
            }
        };
        return Err(rejection("S0103", message, "nothing to do"));
    }
    let is_refusal = word.refusal.is_some();
    let is_open = |subject: &Subject| people::is_heard(plan, state, *subject, is_refusal);
    let open: Vec<Subject> = all.iter().copied().filter(is_open).collect();
    match open.as_slice() {
        [one] => {
            let standing = people::standing(plan, state, now, *one);
            let is_said = standing.is_some_and(|standing| has_said(&standing, word, now));
            Ok(if is_said { Meant::Said } else { Meant::Asked(*one) })
        }
        [] => {
            let standings = all.iter().filter_map(|subject| people::standing(plan, state, now, *subject));
            if standings.into_iter().any(|standing| has_said(&standing, word, now)) {
                return Ok(Meant::Said);
            }
            let message = format!("wave {} does not wait for an approval now", spec.name);
            let help = "`wavetrain explain wave` says what it waits for; approve when the evidence is there";
            Err(rejection("S0106", message, help))
        }
        several => {
            let gates: Vec<&str> = several
                .iter()
                .map(|subject| subject.gate.map_or("the wave's own", |gate| name(plan, Which::Planned(gate))))
                .collect();
            let message = format!("wave {} waits for several approvals: {}", spec.name, gates.join(", "));
            Err(rejection("S0108", message, "name the gate with `--gate`"))
        }
    }
}

/// Whether a word adds nothing. One that grows old is renewed by saying it again.
fn has_said(standing: &Standing<'_>, word: &Word<'_>, now: Timestamp) -> bool {
    let pile = if word.refusal.is_some() { &standing.rejected } else { &standing.agreed };
    let grows_old = word.refusal.is_none() && standing.approval.valid_for.is_some();
    pile.iter().any(|given| {
        let is_same = is_same_person(&given.by, word.by) && given.refusal.as_deref() == word.refusal;
        is_same && (!grows_old || given.at == now)
    })
}

fn may_say(state: &State, standing: &Standing<'_>, word: &Word<'_>) -> Result<(), Rejection> {
    let approval = standing.approval;
    if !approval.from.iter().any(|name| is_same_person(name, word.by)) {
        let message = format!("{} is not among those who are asked", word.by);
        return Err(rejection("S0107", message, format!("they are {}", approval.from.join(", "))));
    }
    if word.refusal.is_none() && people::is_author(state, approval, word.by) {
        let message = format!("{} started this rollout and may not approve it", word.by);
        let help = format!("ask {}", standing.missing.join(", "));
        return Err(rejection("S0110", message, help));
    }
    Ok(())
}

/// What was held for people alone goes on.
fn released(state: &State, subject: Subject) -> Vec<Event> {
    let kind = people::hold_kind(subject);
    if state.hold(kind).is_none() {
        return Vec::new();
    }
    let mut events = vec![Event::Released { kind, accepted: true }];
    // By the time somebody agreed, the wave's other blockers must have looked again.
    if subject.gate.is_some() && matches!(state.wave(subject.wave).phase, WavePhase::Blocked { .. }) {
        events.push(Event::WaveBlocked { wave: subject.wave });
    }
    events
}

/// What stands between a wave and its people; None: nothing.
///
/// An empty answer is a wait that is known already.
pub(super) fn awaited(plan: &Plan, state: &State, now: Timestamp, subject: Subject) -> Option<Vec<Event>> {
    let standing = people::standing(plan, state, now, subject)?;
    let kind = people::hold_kind(subject);
    if standing.is_agreed() {
        // It counts again after a while in which it did not.
        return state.hold(kind).is_some().then(|| vec![Event::Released { kind, accepted: true }]);
    }
    let is_decided = subject
        .gate
        .is_some_and(|gate| state.hold(Kind::Gate(Which::Planned(gate), Some(subject.wave))).is_some());
    if state.hold(kind).is_some() || is_decided {
        return Some(Vec::new());
    }
    Some(vec![Event::Held { hold: hold(plan, now, &standing) }])
}

fn hold(plan: &Plan, now: Timestamp, standing: &Standing<'_>) -> Hold {
    let Standing { subject, approval, .. } = standing;
    let wave = plan.wave_name(subject.wave);
    let whom = approval.from.join(", ");
    let whom = if approval.need == 1 { whom } else { format!("{} of {whom}", approval.need) };
    let (reason, option) = match subject.gate {
        None => (format!("wave {wave} waits for an approval from {whom}"), String::new()),
        Some(gate) => {
            let gate = name(plan, Which::Planned(gate));
            let when = if subject.before { "before" } else { "after" };
            (
                format!("gate {gate} waits for an approval {when} wave {wave} from {whom}"),
                format!(" --gate {gate}"),
            )
        }
    };
    Hold {
        kind: people::hold_kind(*subject),
        reason,
        next_step: format!("`wavetrain approve {} {wave}{option}`", plan.spec.name),
        needs_person: true,
        since: now,
        deadline: Some(now.plus(approval.within)),
    }
}

/// What it means that a gate's people did not answer in time.
pub(super) fn unanswered(
    plan: &Plan,
    state: &State,
    now: Timestamp,
    gate: GateIndex,
    wave: WaveIndex,
) -> Vec<Event> {
    let kind = Kind::SignOff(gate, wave);
    let mut events = vec![Event::Released { kind, accepted: false }];
    let before = match state.wave(wave).phase {
        WavePhase::Blocked { .. } => true,
        WavePhase::Baking { .. } => false,
        // Nodes are tried again meanwhile; people are asked anew once the wave has settled.
        _ => return events,
    };
    let subject = Subject { wave, gate: Some(gate), before };
    let Some(standing) = people::standing(plan, state, now, subject) else { return events };
    let within = standing.approval.within;
    let sentence = format!("not approved within {within}: {}", standing.sentence());
    events.extend(verdict(plan, state, now, (gate, subject), Verdict::Inconclusive, &standing, sentence));
    events
}

/// The verdict that lets a wave pass, once its people agreed.
pub(super) fn agreed(plan: &Plan, state: &State, now: Timestamp, subject: Subject) -> Option<Event> {
    let standing = people::standing(plan, state, now, subject)?;
    let sentence = format!("{} for evidence {}", standing.sentence(), short(&standing.evidence));
    let evidence = people::evidence(&standing, now, sentence);
    let which = Which::Planned(subject.gate?);
    Some(Event::Judged { which, scope: people::scope(subject), verdict: Verdict::Pass, evidence })
}

fn verdict(
    plan: &Plan,
    state: &State,
    now: Timestamp,
    (gate, subject): (GateIndex, Subject),
    verdict: Verdict,
    standing: &Standing<'_>,
    sentence: String,
) -> Vec<Event> {
    let scope: Scope = people::scope(subject);
    let evidence = people::evidence(standing, now, sentence);
    verdict_events(plan, state, now, Which::Planned(gate), scope, verdict, evidence)
}
