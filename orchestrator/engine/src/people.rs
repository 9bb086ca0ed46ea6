//! Approvals: what people are asked, what they are shown, and whose word counts.
//!
//! One set of rules for the approval that a wave asks for before it begins and for gates of the kind `approval`:
//!
//! | said by | counts |
//! |---|---|
//! | somebody not named in `from`, or who started the rollout (unless `author_may_approve`) | never: refused |
//! | the same person twice | once; the last word |
//! | somebody who does not say what was shown | never: refused |
//! | somebody who was shown other evidence than there is now | not any more |
//! | somebody whose approval is older than `valid_for` | not any more |
//! | somebody who says no | until that person says yes, whatever the evidence; `resume` does not unsay it |
//!
//! Names are compared without capitals and blanks around them. A yes is heard once everything else has been found; a no about a
//! guard from the first install on.
//!
//! The evidence is a digest of what is decided and counted, not of every sample: else no two people could ever be shown the same.

use crate::planner::digest_of;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use wavetrain_model::approval::{Given, Subject, is_same_person, person};
use wavetrain_model::gate::{Evidence, Scope, Verdict, Which};
use wavetrain_model::hold::Kind;
use wavetrain_model::id::{Digest, GateIndex, WaveIndex};
use wavetrain_model::plan::Plan;
use wavetrain_model::spec::{Approval, Check};
use wavetrain_model::state::{GateRecord, State, WavePhase};
use wavetrain_model::time::Timestamp;

/// Where an approval stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing<'p> {
    /// What it is about.
    pub subject: Subject,
    /// What the plan file asks for.
    pub approval: &'p Approval,
    /// Digest of the evidence as it is now.
    pub evidence: Digest,
    /// Who agreed, and counts.
    pub agreed: Vec<Given>,
    /// Who said no.
    pub rejected: Vec<Given>,
    /// Who agreed to other evidence than there is now.
    pub outdated: Vec<Given>,
    /// Who agreed too long ago.
    pub expired: Vec<Given>,
    /// Who may still be asked.
    pub missing: Vec<String>,
}

impl Standing<'_> {
    /// Whether enough people agree and nobody says no.
    pub fn is_agreed(&self) -> bool {
        self.rejected.is_empty() && self.agreed.len() as u32 >= self.approval.need
    }

    /// Where it stands, in one sentence fragment.
    pub fn sentence(&self) -> String {
        let names =
            |given: &[Given]| given.iter().map(|given| given.by.as_str()).collect::<Vec<_>>().join(", ");
        let mut parts = Vec::new();
        for no in &self.rejected {
            let why = no.refusal.as_deref().unwrap_or_default();
            parts.push(format!("rejected by {}: {why}", no.by));
        }
        parts.push(match self.agreed.as_slice() {
            [] => format!("0 of {} approvals", self.approval.need),
            some => format!("{} of {} approvals ({})", some.len(), self.approval.need, names(some)),
        });
        if !self.outdated.is_empty() {
            parts.push(format!("given for other evidence: {}", names(&self.outdated)));
        }
        if !self.expired.is_empty() {
            parts.push(format!("expired: {}", names(&self.expired)));
        }
        if !self.is_agreed() && !self.missing.is_empty() {
            parts.push(format!("may approve: {}", self.missing.join(", ")));
        }
        parts.join("; ")
    }
}

/// What a person is shown before agreeing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shown {
    /// Digest of the part that decides.
    pub digest: Digest,
    /// The evidence, sentence by sentence.
    pub sentences: Vec<String>,
}

/// Everything that people are asked about a wave, in the order in which it is asked.
pub fn subjects(plan: &Plan, wave: WaveIndex) -> Vec<Subject> {
    let Some(spec) = plan.spec.waves.get(wave.at()) else { return Vec::new() };
    let own = spec.approval.is_some().then_some(Subject { wave, gate: None, before: true });
    let gates = gates(plan, wave);
    let before = gates.iter().filter(|(_, blocker)| *blocker);
    let before = before.map(|(gate, _)| Subject { wave, gate: Some(*gate), before: true });
    let after = gates.iter().map(|(gate, _)| Subject { wave, gate: Some(*gate), before: false });
    own.into_iter().chain(before).chain(after).collect()
}

/// Gates that ask people about a wave, and whether they also do before it begins.
fn gates(plan: &Plan, wave: WaveIndex) -> Vec<(GateIndex, bool)> {
    let all = plan.spec.gates.iter().enumerate();
    let asking = all.filter(|(_, spec)| matches!(spec.check, Check::Approval(_)) && spec.judges(wave));
    asking.map(|(index, spec)| (GateIndex(index as u16), spec.blocker)).collect()
}

/// The approval that the plan file asks for.
pub fn approval(plan: &Plan, subject: Subject) -> Option<&Approval> {
    match subject.gate {
        None => plan.spec.waves.get(subject.wave.at())?.approval.as_ref(),
        Some(gate) => match &plan.spec.gates.get(gate.at())?.check {
            Check::Approval(approval) => Some(approval),
            _ => None,
        },
    }
}

/// The hold that lies over what waits for this approval alone.
pub fn hold_kind(subject: Subject) -> Kind {
    match subject.gate {
        None => Kind::Approval(subject.wave),
        Some(gate) => Kind::SignOff(gate, subject.wave),
    }
}

/// Under which scope a gate's verdict about it is kept.
pub(crate) fn scope(subject: Subject) -> Scope {
    if subject.before { Scope::Blocker(subject.wave) } else { Scope::Wave(subject.wave) }
}

/// Whether there is something to agree to yet: before that, nobody could have seen the evidence.
pub fn is_asked(plan: &Plan, state: &State, subject: Subject) -> bool {
    let Subject { wave, gate, before } = subject;
    let phase = state.wave(wave).phase;
    let Some(gate) = gate else {
        let has_passed = |wave: &WaveIndex| matches!(state.wave(*wave).phase, WavePhase::Passed { .. });
        return phase == WavePhase::Waiting && plan.spec.waves[wave.at()].after.iter().all(has_passed);
    };
    if before {
        return matches!(phase, WavePhase::Blocked { .. });
    }
    let is_waited_for = state.hold(Kind::SignOff(gate, wave)).is_some()
        || state.hold(Kind::Gate(Which::Planned(gate), Some(wave))).is_some();
    matches!(phase, WavePhase::Baking { .. }) && is_waited_for
}

/// Whether a word about it is heard now. Bad news about nodes that change cannot wait for the last of them.
pub fn is_heard(plan: &Plan, state: &State, subject: Subject, is_refusal: bool) -> bool {
    let is_guard = subject.gate.is_some_and(|gate| plan.spec.gates[gate.at()].guard);
    let phase = state.wave(subject.wave).phase;
    let is_changing = matches!(phase, WavePhase::Open { .. } | WavePhase::Baking { .. });
    is_asked(plan, state, subject) || (is_refusal && is_guard && !subject.before && is_changing)
}

/// Where an approval stands; None: the plan file asks for none.
pub fn standing<'p>(plan: &'p Plan, state: &State, now: Timestamp, subject: Subject) -> Option<Standing<'p>> {
    with(plan, state, now, subject, None)
}

/// Where it would stand with one more word.
pub(crate) fn with<'p>(
    plan: &'p Plan,
    state: &State,
    now: Timestamp,
    subject: Subject,
    word: Option<&Given>,
) -> Option<Standing<'p>> {
    let approval = approval(plan, subject)?;
    let evidence = digest(plan, state, subject);
    let mut last: BTreeMap<String, &Given> = BTreeMap::new();
    for given in state.given.iter().chain(word).filter(|given| given.subject == subject) {
        last.insert(person(&given.by), given);
    }
    let mut standing = Standing {
        subject,
        approval,
        evidence,
        agreed: Vec::new(),
        rejected: Vec::new(),
        outdated: Vec::new(),
        expired: Vec::new(),
        missing: Vec::new(),
    };
    for given in last.into_values() {
        let is_expired = approval.valid_for.is_some_and(|life| now >= given.at.plus(life));
        let pile = if given.refusal.is_some() {
            &mut standing.rejected
        } else if given.evidence.as_ref() != Some(&standing.evidence) {
            &mut standing.outdated
        } else if is_expired {
            &mut standing.expired
        } else {
            &mut standing.agreed
        };
        pile.push(given.clone());
    }
    let is_missing = |name: &&String| {
        standing.agreed.iter().all(|given| !is_same_person(&given.by, name))
            && !is_author(state, approval, name)
    };
    standing.missing = approval.from.iter().filter(is_missing).cloned().collect();
    Some(standing)
}

/// Whether this is who started the rollout, and may not approve it.
pub(crate) fn is_author(state: &State, approval: &Approval, name: &str) -> bool {
    !approval.author_may_approve && is_same_person(&state.started_by, name)
}

/// What a person is shown before agreeing.
pub fn shown(plan: &Plan, state: &State, subject: Subject) -> Shown {
    let mut sentences = Vec::new();
    for wave in waves(plan, subject) {
        let (tally, size) = (&state.wave(wave).tally, plan.waves[wave.at()].size);
        sentences.push(format!(
            "wave {}: {} of {size} nodes have the target version, {} failed, {} could not be reached",
            plan.wave_name(wave),
            tally.at_target(),
            tally.failures(),
            tally.undelivered()
        ));
    }
    for record in records(plan, state, subject) {
        let verdict = record.judged.unwrap_or(record.last);
        let standing = if record.judged.is_some() { "" } else { " so far" };
        let about = match record.scope {
            Scope::Blocker(wave) => format!("before {}", plan.wave_name(wave)),
            Scope::Wave(wave) => format!("after {}", plan.wave_name(wave)),
            Scope::Guard => "all touched nodes".to_owned(),
        };
        let name = crate::decide::gate::name(plan, record.which);
        sentences.push(format!("gate {name}, {about}: {verdict}{standing}: {}", record.sentence));
    }
    Shown { digest: digest(plan, state, subject), sentences }
}

/// What is decided and counted, in an order that is always the same.
#[derive(Serialize)]
struct Canon<'a> {
    plan: &'a Digest,
    wave: &'a str,
    gate: Option<&'a str>,
    before: bool,
    outcomes: Vec<(&'a str, [u32; 10])>,
    verdicts: BTreeSet<(Which, Scope, Option<Verdict>, u32, u32)>,
}

fn digest(plan: &Plan, state: &State, subject: Subject) -> Digest {
    // A gate that has found nothing bad and has not been judged says as much as one that has not looked yet.
    let says = |record: &&GateRecord| record.judged.is_some() || record.failures > 0 || record.objections > 0;
    digest_of(&Canon {
        plan: &plan.digest,
        wave: plan.wave_name(subject.wave),
        gate: subject.gate.map(|gate| plan.spec.gates[gate.at()].name.as_str()),
        before: subject.before,
        outcomes: waves(plan, subject)
            .into_iter()
            .map(|wave| (plan.wave_name(wave), state.wave(wave).tally.0))
            .collect(),
        verdicts: records(plan, state, subject)
            .filter(says)
            .map(|record| (record.which, record.scope, record.judged, record.failures, record.objections))
            .collect(),
    })
}

/// The waves whose outcomes are evidence: those before this one, and this one if it is settled when people are asked.
fn waves(plan: &Plan, subject: Subject) -> BTreeSet<WaveIndex> {
    let mut waves = BTreeSet::new();
    let mut open = plan.spec.waves[subject.wave.at()].after.clone();
    while let Some(wave) = open.pop() {
        if waves.insert(wave) {
            open.extend(&plan.spec.waves[wave.at()].after);
        }
    }
    if !subject.before {
        waves.insert(subject.wave);
    }
    waves
}

/// What gates said about these waves. Not those that ask people, nor those that decide nothing.
fn records<'a>(plan: &'a Plan, state: &'a State, subject: Subject) -> impl Iterator<Item = &'a GateRecord> {
    let waves = waves(plan, subject);
    state.gates.iter().filter(move |record| {
        let is_evidence = match record.which {
            Which::Install => true,
            Which::Planned(gate) => plan
                .spec
                .gates
                .get(gate.at())
                .is_some_and(|spec| !spec.dry_run && !matches!(spec.check, Check::Approval(_))),
        };
        let is_about = match record.scope {
            Scope::Guard => true,
            Scope::Wave(wave) => waves.contains(&wave) || !subject.before && wave == subject.wave,
            Scope::Blocker(wave) => waves.contains(&wave) || subject.gate.is_some() && wave == subject.wave,
        };
        is_evidence && is_about
    })
}

/// The evidence of a verdict that people reached, or did not.
pub(crate) fn evidence(standing: &Standing<'_>, now: Timestamp, sentence: String) -> Evidence {
    let given = standing.agreed.iter().chain(&standing.rejected);
    let approval = standing.approval;
    Evidence {
        sentence,
        query: query(approval),
        from: given.map(|given| given.at).min().unwrap_or(now),
        until: now,
        samples: (standing.agreed.len() + standing.rejected.len()) as u32,
        statistic: format!("{} of {}", standing.agreed.len(), approval.need),
        threshold: threshold(approval),
        nodes: 0,
        bad: None,
    }
}

/// The beginning of a digest, as people compare it.
pub(crate) fn short(digest: &Digest) -> &str {
    digest.as_str().get(..12).unwrap_or(digest.as_str())
}

pub(crate) fn query(approval: &Approval) -> String {
    format!("approval of {} of {}", approval.need, approval.from.join(", "))
}

pub(crate) fn threshold(approval: &Approval) -> String {
    format!("{} to agree, nobody to say no", approval.need)
}
