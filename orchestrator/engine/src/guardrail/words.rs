//! What people say when a guardrail asks for their word: only of the facts that they were shown, never of a rollout that they
//! started themselves, and a no holds until that person agrees.

use super::{Known, all, ask};
use crate::decide::{Word, rejection};
use crate::input::Rejection;
use crate::people::{Shown, short};
use crate::planner::digest_of;
use wavetrain_model::approval::is_same_person;
use wavetrain_model::event::Event;
use wavetrain_model::guardrail::{Decision, Effect, Guardrail};
use wavetrain_model::hold::Kind;
use wavetrain_model::id::{Digest, WaveIndex};
use wavetrain_model::plan::Plan;
use wavetrain_model::state::{GuardRecord, Refusal, State};
use wavetrain_model::time::Timestamp;

/// Whose words count for a guardrail now.
pub(super) struct Count<'a> {
    agreed: Vec<&'a str>,
    rejected: &'a [Refusal],
    need: u32,
}

impl<'a> Count<'a> {
    pub(super) fn of(state: &State, guardrail: &Guardrail, record: Option<&'a GuardRecord>) -> Self {
        let agreed = record.map_or(&[][..], |record| &record.approved_by);
        let counts = |by: &&String| is_named(guardrail, by) && !is_same_person(by, &state.started_by);
        let agreed = agreed.iter().filter(counts).map(String::as_str).collect();
        let rejected = record.map_or(&[][..], |record| &record.rejected);
        Self { agreed, rejected, need: guardrail.need }
    }

    pub(super) fn is_agreed(&self) -> bool {
        self.rejected.is_empty() && self.agreed.len() as u32 >= self.need
    }

    /// Where it stands; empty while nobody said anything and one is enough.
    pub(super) fn sentence(&self) -> String {
        let no = |no: &Refusal| format!("rejected by {}: {}", no.by, no.reason);
        let mut parts: Vec<String> = self.rejected.iter().map(no).collect();
        if self.need > 1 || !self.agreed.is_empty() {
            let names =
                if self.agreed.is_empty() { String::new() } else { format!(" ({})", self.agreed.join(", ")) };
            parts.push(format!("{} of {} approvals{names}", self.agreed.len(), self.need));
        }
        parts.join(", ")
    }
}

fn is_named(guardrail: &Guardrail, name: &str) -> bool {
    guardrail.from.iter().any(|named| is_same_person(named, name))
}

/// Whether guardrails wait for somebody's word about a wave.
pub(crate) fn is_awaiting(state: &State, wave: WaveIndex) -> bool {
    state.hold(Kind::Guardrail(wave)).is_some_and(|hold| hold.needs_person)
}

/// A guardrail that asks people about a wave.
struct Asking<'a> {
    at: u16,
    guardrail: &'a Guardrail,
    record: &'a GuardRecord,
    evidence: Digest,
    sentence: String,
    values: String,
}

fn asking<'a>(plan: &'a Plan, state: &'a State, wave: WaveIndex, now: Timestamp) -> Vec<Asking<'a>> {
    let asks = all(plan, state).filter(|(_, guardrail)| guardrail.otherwise == Effect::Approval);
    let asks = asks.filter_map(|(at, guardrail)| {
        let record = state.guarded(at, Some(wave)).filter(|record| record.decision == Decision::Approval)?;
        let judged = ask(guardrail, Known::Wave(plan, state, wave), now);
        let (evidence, sentence, values) = (judged.evidence, judged.sentence, judged.values);
        Some(Asking { at, guardrail, record, evidence, sentence, values })
    });
    asks.collect()
}

/// What people are shown about a wave that guardrails ask about; None: they ask nobody.
pub(crate) fn question(plan: &Plan, state: &State, wave: WaveIndex, now: Timestamp) -> Option<Shown> {
    is_awaiting(state, wave).then(|| shown(plan, wave, state, &asking(plan, state, wave, now)))
}

fn shown(plan: &Plan, wave: WaveIndex, state: &State, asking: &[Asking<'_>]) -> Shown {
    let facts: Vec<(u16, &Digest)> = asking.iter().map(|asking| (asking.at, &asking.evidence)).collect();
    let mut sentences = Vec::new();
    for Asking { guardrail, record, sentence, values, .. } in asking {
        sentences.push(sentence.clone());
        sentences.push(format!("it requires {}; it was told {values}", guardrail.require));
        let count = Count::of(state, guardrail, Some(record)).sentence();
        let count = if count.is_empty() { "nobody approved yet".to_owned() } else { count };
        sentences.push(format!("{count}; it asks {} of {}", guardrail.need, guardrail.from.join(", ")));
    }
    Shown { digest: digest_of(&(&plan.digest, plan.wave_name(wave), facts)), sentences }
}

/// What somebody's word means to the guardrails that ask about a wave.
pub(crate) fn said(
    plan: &Plan,
    state: &State,
    now: Timestamp,
    word: &Word<'_>,
) -> Result<Vec<Event>, Rejection> {
    let (wave, by) = (word.wave, word.by);
    let all = asking(plan, state, wave, now);
    let named: Vec<&Asking<'_>> = all.iter().filter(|asking| is_named(asking.guardrail, by)).collect();
    if named.is_empty() {
        let name = plan.wave_name(wave);
        let from: Vec<&str> =
            all.iter().flat_map(|asking| &asking.guardrail.from).map(String::as_str).collect();
        return Err(rejection(
            "S0107",
            format!("{by} is not one of those whom guardrails ask about wave {name}"),
            format!("they ask {}: `--by NAME`", from.join(", ")),
        ));
    }
    if word.refusal.is_none() && is_same_person(by, &state.started_by) {
        return Err(rejection(
            "S0110",
            format!("{by} started this rollout and may not approve it"),
            "somebody else must",
        ));
    }
    is_of(&shown(plan, wave, state, &all), word)?;
    let typed_by = word.typed_by.map(str::to_owned);
    let Some(reason) = word.refusal else { return Ok(agreed(state, word, &all, &named)) };
    let has_said = |asking: &&&Asking<'_>| {
        asking.record.rejected.iter().any(|no| is_same_person(&no.by, by) && no.reason == reason)
    };
    let new = named.iter().filter(|asking| !has_said(asking));
    let rejected = new.map(|asking| Event::GuardrailRejected {
        guardrail: asking.at,
        wave,
        by: by.to_owned(),
        reason: reason.to_owned(),
        typed_by: typed_by.clone(),
    });
    Ok(rejected.collect())
}

/// An approval is of what was shown, or it is none. A no is heard without.
fn is_of(shown: &Shown, word: &Word<'_>) -> Result<(), Rejection> {
    match word.evidence {
        Some(evidence) if *evidence == shown.digest => Ok(()),
        Some(_) => Err(rejection(
            "S0109",
            format!("the evidence is another one now ({})", short(&shown.digest)),
            "look at it again with `wavetrain approve` and decide anew",
        )),
        None if word.refusal.is_some() => Ok(()),
        None => Err(crate::decide::unbound()),
    }
}

fn agreed(state: &State, word: &Word<'_>, all: &[Asking<'_>], named: &[&Asking<'_>]) -> Vec<Event> {
    let by = word.by;
    let has_said =
        |asking: &Asking<'_>| asking.record.approved_by.iter().any(|earlier| is_same_person(earlier, by));
    let new: Vec<&&Asking<'_>> = named.iter().filter(|asking| !has_said(asking)).collect();
    let mut events: Vec<Event> = Vec::new();
    for asking in &new {
        events.push(Event::GuardrailApproved {
            guardrail: asking.at,
            wave: word.wave,
            by: by.to_owned(),
            evidence: Some(asking.evidence.clone()),
            typed_by: word.typed_by.map(str::to_owned),
        });
    }
    let is_done = |asking: &Asking<'_>| {
        let count = Count::of(state, asking.guardrail, Some(asking.record));
        let is_new = new.iter().any(|new| new.at == asking.at);
        let no = asking.record.rejected.iter().filter(|no| !is_new || !is_same_person(&no.by, by)).count();
        let is_current = asking.record.evidence.as_ref() == Some(&asking.evidence);
        is_current && no == 0 && count.agreed.len() as u32 + u32::from(is_new) >= count.need
    };
    if !new.is_empty() && all.iter().all(is_done) {
        events.push(Event::Released { kind: Kind::Guardrail(word.wave), accepted: true });
    }
    events
}
