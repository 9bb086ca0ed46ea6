//! Guardrails: what they are told, what they answer, and what that means for a wave. Pure like the rest: a guardrail brings
//! its time zone with it.
//!
//! An expression that cannot be judged does not hold: a rule that fails open is none.

mod facts;
mod words;

pub(crate) use self::words::{is_awaiting, question, said};

use self::facts::{ACCOUNTS, Facts, facts, values};
use self::words::Count;
use crate::planner::digest_of;
use wavetrain_model::event::Event;
use wavetrain_model::expression::{Error, Expression, Given};
use wavetrain_model::guardrail::{Decision, Effect, Guardrail, Moment};
use wavetrain_model::hold::{Hold, Kind};
use wavetrain_model::id::{Digest, WaveIndex};
use wavetrain_model::limit::GUARDRAILS_PER_ROLLOUT;
use wavetrain_model::plan::Plan;
use wavetrain_model::spec::Rollout;
use wavetrain_model::state::State;
use wavetrain_model::time::Timestamp;

/// What a guardrail says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judged {
    /// It.
    pub decision: Decision,
    /// Why, one sentence.
    pub sentence: String,
    /// What the expression was told, in a few words.
    pub values: String,
    /// Digest of what it was told, but for the time.
    pub evidence: Digest,
}

/// What is known when a guardrail is asked.
#[derive(Debug, Clone, Copy)]
pub enum Known<'a> {
    /// The plan file.
    File(&'a Rollout),
    /// The plan for a fleet.
    Plan(&'a Plan),
    /// A wave that is about to open.
    Wave(&'a Plan, &'a State, WaveIndex),
}

/// Whether everything is known that a guardrail asks for. Of a plan file alone, the accounts of an organization are not.
pub fn is_answerable(guardrail: &Guardrail, known: Known<'_>) -> bool {
    let Known::File(spec) = known else { return true };
    let is_unresolved = spec.fleet.organization.as_ref().is_some_and(|units| units.listed.is_none());
    if !is_unresolved {
        return true;
    }
    let mut variables = Moment::Validate.variables().to_vec();
    variables.retain(|variable| *variable != ACCOUNTS);
    !matches!(Expression::parse(&guardrail.require, &variables), Err(Error::Unknown(name)) if name == ACCOUNTS)
}

/// Asks a guardrail.
pub fn ask(guardrail: &Guardrail, known: Known<'_>, now: Timestamp) -> Judged {
    let moment = match known {
        Known::File(_) => Moment::Validate,
        Known::Plan(_) => Moment::Start,
        Known::Wave(..) => Moment::Wave,
    };
    let facts = facts(guardrail, known, now);
    let (values, evidence) = (values(&facts), digest(guardrail, known, &facts));
    let given: Vec<(&str, Given)> = facts.into_iter().map(|(name, fact)| (name, Given::Fact(fact))).collect();
    let held = Expression::parse(&guardrail.require, moment.variables()).and_then(|rule| rule.holds(&given));
    let (decision, said) = match held {
        Ok(true) => (Decision::Allow, "holds".to_owned()),
        Ok(false) => {
            let decision = match guardrail.otherwise {
                Effect::Deny => Decision::Deny,
                Effect::Warn => Decision::Warn,
                Effect::Approval => Decision::Approval,
            };
            (decision, guardrail.message.clone())
        }
        Err(error) => (
            Decision::Deny,
            format!("cannot be judged, which counts as violated: {error} ({})", guardrail.message),
        ),
    };
    Judged { decision, sentence: format!("guardrail {}: {said}", guardrail.name), values, evidence }
}

/// What somebody agrees to: this rule, of this plan, with these facts. Not the time, which is another one at every look.
fn digest(guardrail: &Guardrail, known: Known<'_>, facts: &Facts) -> Digest {
    let plan = match known {
        Known::File(_) => None,
        Known::Plan(plan) | Known::Wave(plan, ..) => Some(&plan.digest),
    };
    let facts: Vec<_> = facts.iter().filter(|(name, _)| *name != "now").collect();
    digest_of(&(plan, &guardrail.name, &guardrail.file.digest, &guardrail.require, facts))
}

/// Everything that a rollout is held against: frozen in its plan, then added while it ran.
fn all<'a>(plan: &'a Plan, state: &'a State) -> impl Iterator<Item = (u16, &'a Guardrail)> {
    (0..).zip(plan.guardrails.iter().chain(&state.guardrails))
}

/// Those not known yet. Known is what has one name in one content: a time zone's rules do not matter.
fn unknown(plan: &Plan, state: &State, guardrails: &[Guardrail]) -> Vec<Guardrail> {
    let is_same =
        |one: &Guardrail, other: &Guardrail| one.name == other.name && one.file.digest == other.file.digest;
    let is_new = |new: &&Guardrail| all(plan, state).all(|(_, known)| !is_same(known, new));
    guardrails.iter().filter(is_new).cloned().collect()
}

/// Whether a rollout can be held against these as well. One that is left out would be none: whoever brings too many is told.
pub fn is_room(plan: &Plan, state: &State, guardrails: &[Guardrail]) -> bool {
    all(plan, state).count() + unknown(plan, state, guardrails).len() <= GUARDRAILS_PER_ROLLOUT
}

/// Those not known yet, as one fact.
pub(crate) fn added(plan: &Plan, state: &State, guardrails: &[Guardrail]) -> Vec<Event> {
    let guardrails = unknown(plan, state, guardrails);
    if guardrails.is_empty() { Vec::new() } else { vec![Event::GuardrailsAdded { guardrails }] }
}

/// What the guardrails of the plan say about its start, once. Whoever starts a rollout asks before; what was denied all the
/// same touches nothing.
pub(crate) fn started(plan: &Plan, state: &State, now: Timestamp) -> Vec<Event> {
    let mut events = Vec::new();
    let mut denied = None;
    for (at, guardrail) in (0..).zip(&plan.guardrails) {
        if !guardrail.is_asked(Moment::Start) || state.guarded(at, None).is_some() {
            continue;
        }
        let judged = ask(guardrail, Known::Plan(plan), now);
        if judged.decision == Decision::Deny {
            denied.get_or_insert_with(|| judged.sentence.clone());
        }
        events.push(event(at, guardrail, None, judged));
    }
    events.extend(denied.map(|cause| Event::AbortDecided { cause }));
    events
}

fn event(guardrail: u16, spec: &Guardrail, wave: Option<WaveIndex>, judged: Judged) -> Event {
    let Judged { decision, sentence, values, evidence } = judged;
    let evidence = (decision == Decision::Approval).then_some(evidence);
    Event::Guarded { guardrail, wave, decision, require: spec.require.clone(), values, sentence, evidence }
}

/// Whether a guardrail has a say about a wave. What is asked at the start of a rollout, and came later, is asked of the waves
/// that are left; and an approval of a start is one of the first waves.
fn concerns(plan: &Plan, at: u16, guardrail: &Guardrail, wave: WaveIndex) -> bool {
    let is_added = usize::from(at) >= plan.guardrails.len();
    let is_first = plan.spec.waves[wave.at()].after.is_empty();
    let is_start = guardrail.is_asked(Moment::Start);
    guardrail.is_asked(Moment::Wave)
        || (is_start && (is_added || (is_first && guardrail.otherwise == Effect::Approval)))
}

/// What stands between a wave and its beginning; None: nothing. Asked at every look, said when it changes.
pub(crate) fn before(plan: &Plan, state: &State, wave: WaveIndex, now: Timestamp) -> Option<Vec<Event>> {
    let mut changed = Vec::new();
    let mut blocking: Vec<Blocking<'_>> = Vec::new();
    for (at, guardrail) in all(plan, state).filter(|(at, guardrail)| concerns(plan, *at, guardrail, wave)) {
        let judged = ask(guardrail, Known::Wave(plan, state, wave), now);
        let record = state.guarded(at, Some(wave));
        let count = Count::of(state, guardrail, record);
        let is_asking = judged.decision == Decision::Approval;
        match judged.decision {
            Decision::Deny => blocking.push(Blocking { guardrail, decision: Decision::Deny, count }),
            Decision::Approval if !count.is_agreed() => {
                blocking.push(Blocking { guardrail, decision: Decision::Approval, count });
            }
            Decision::Allow | Decision::Warn | Decision::Approval => {}
        }
        // Whoever agreed agreed to these facts. With others, people are asked anew.
        let is_known = record.is_some_and(|record| {
            record.decision == judged.decision
                && (!is_asking || record.evidence.as_ref() == Some(&judged.evidence))
        });
        if !is_known {
            changed.push(event(at, guardrail, Some(wave), judged));
        }
    }
    if !changed.is_empty() {
        return Some(changed);
    }
    let kind = Kind::Guardrail(wave);
    let earlier = state.hold(kind);
    if blocking.is_empty() {
        return earlier.map(|_| vec![Event::Released { kind, accepted: false }]);
    }
    let hold = hold(plan, wave, &blocking, earlier.map_or(now, |hold| hold.since));
    Some(if earlier == Some(&hold) { Vec::new() } else { vec![Event::Held { hold }] })
}

/// A guardrail that keeps a wave from opening.
struct Blocking<'a> {
    guardrail: &'a Guardrail,
    decision: Decision,
    count: Count<'a>,
}

fn hold(plan: &Plan, wave: WaveIndex, blocking: &[Blocking<'_>], since: Timestamp) -> Hold {
    let name = plan.wave_name(wave);
    let message = |Blocking { guardrail, count, .. }: &Blocking<'_>| {
        let said = count.sentence();
        let said = if said.is_empty() { said } else { format!(", {said}") };
        format!("{} ({}{said})", guardrail.message, guardrail.name)
    };
    let messages = blocking.iter().map(message).collect::<Vec<_>>().join("; ");
    let is_denied = blocking.iter().any(|blocking| blocking.decision == Decision::Deny);
    let from: Vec<&str> =
        blocking.iter().flat_map(|blocking| &blocking.guardrail.from).map(String::as_str).collect();
    let (reason, next_step) = if is_denied {
        (format!("wave {name} may not open: {messages}"), "it opens by itself once that holds".to_owned())
    } else {
        (
            format!("wave {name} needs an approval from {}: {messages}", from.join(", ")),
            format!("`wavetrain approve {} {name} --by NAME`", plan.spec.name),
        )
    };
    let within = blocking.iter().map(|blocking| blocking.guardrail.within).min();
    let deadline = within.map(|within| since.plus(within));
    Hold { kind: Kind::Guardrail(wave), reason, next_step, needs_person: !is_denied, since, deadline }
}
