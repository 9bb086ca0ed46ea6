//! The one thing that a rollout, a wave or a gate waits for: its evidence so far, its deadline, and what happens then.
//!
//! Every view that says why nothing happens asks here, so that all of them say the same.

mod gate;
mod wave;

use crate::guardrail;
use serde::Serialize;
use wavetrain_model::gate::Which;
use wavetrain_model::hold::{Hold, Kind};
use wavetrain_model::id::{GateIndex, WaveIndex};
use wavetrain_model::intent::Action;
use wavetrain_model::plan::Plan;
use wavetrain_model::spec::Reaction;
use wavetrain_model::state::{OpenIntent, Phase, Progress, State, WavePhase};
use wavetrain_model::time::Timestamp;

/// What is waited for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Waiting {
    /// In one word, for scripts.
    pub what: Awaited,
    /// In one sentence.
    pub sentence: String,
    /// What is known so far, sentence by sentence.
    pub evidence: Vec<String>,
    /// Until when; None: as long as it takes.
    pub deadline: Option<Timestamp>,
    /// What happens at the deadline.
    pub then: Option<String>,
    /// What a person can do about it.
    pub next_step: Option<String>,
}

/// Kinds of things that are waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Awaited {
    /// Nothing: it is over, or about to go on by itself.
    Nothing,
    /// A process that carries the rollout out.
    Process,
    /// A person's order.
    Person,
    /// People who must agree.
    Approval,
    /// A signed report.
    Report,
    /// A site that answers.
    Site,
    /// Commands that AWS has, or that are being handed over.
    Command,
    /// Nodes that are tried again later.
    Retry,
    /// Nodes that wait for room within the limits.
    Room,
    /// Measurements of a gate.
    Gate,
    /// Time that must pass.
    Bake,
    /// Another wave.
    Wave,
}

impl Waiting {
    fn new(what: Awaited, sentence: impl Into<String>) -> Self {
        let (evidence, deadline, then, next_step) = (Vec::new(), None, None, None);
        Self { what, sentence: sentence.into(), evidence, deadline, then, next_step }
    }

    fn until(mut self, deadline: Timestamp, then: impl Into<String>) -> Self {
        self.deadline = Some(deadline);
        self.then = Some(then.into());
        self
    }

    fn seen(mut self, evidence: impl IntoIterator<Item = String>) -> Self {
        self.evidence.extend(evidence.into_iter().filter(|sentence| !sentence.is_empty()));
        self
    }

    fn next(mut self, step: impl Into<String>) -> Self {
        self.next_step = Some(step.into());
        self
    }
}

/// The one thing that the whole rollout waits for; `is_run`: whether a process carries it out at this moment.
pub fn of_rollout(plan: &Plan, state: &State, now: Timestamp, is_run: bool) -> Waiting {
    let waiting = waited_for(plan, state, now);
    let is_persons = matches!(waiting.what, Awaited::Person | Awaited::Approval);
    if is_run || state.is_over() || is_persons {
        return waiting;
    }
    let next = format!("then: {}", waiting.sentence);
    Waiting::new(
        Awaited::Process,
        "no process carries it out: nothing will happen until `wavetrain apply` is run again",
    )
    .seen([next])
    .next("run the same `wavetrain apply` again")
}

fn waited_for(plan: &Plan, state: &State, now: Timestamp) -> Waiting {
    match state.phase {
        Phase::Ended(_) => Waiting::new(Awaited::Nothing, "it is over"),
        Phase::Aborting => open_command(plan, state, now, |_| true)
            .unwrap_or_else(|| Waiting::new(Awaited::Nothing, "it is about to end")),
        Phase::RollingBack => rollback(plan, state, now),
        Phase::Running => running(plan, state, now),
    }
}

fn running(plan: &Plan, state: &State, now: Timestamp) -> Waiting {
    let is_errand = |hold: &&Hold| matches!(hold.kind, Kind::Errand(_)) && errands_only(plan, state);
    let stopping = state.holds.iter().find(|hold| hold.kind.stops_installs());
    if let Some(hold) = stopping.or_else(|| state.holds.iter().find(is_errand)) {
        return held(plan, state, now, hold);
    }
    // Of waves side by side one that needs a person comes first: the others go on by themselves.
    let open = plan.wave_indices().filter(|wave| is_next(plan, state, *wave));
    let mut all: Vec<Waiting> = open.map(|wave| of_wave(plan, state, now, wave)).collect();
    all.sort_by_key(|waiting| !matches!(waiting.what, Awaited::Person | Awaited::Approval | Awaited::Site));
    all.into_iter().next().unwrap_or_else(|| Waiting::new(Awaited::Nothing, "it is about to end"))
}

/// Whether nothing but errands is missing: before the first wave, or after the last.
fn errands_only(plan: &Plan, state: &State) -> bool {
    crate::errands::has_passed(state) || !plan.paused.is_empty() && state.first_dispatch_at.is_none()
}

/// Whether a wave is under way, or only its predecessors kept it back so far.
fn is_next(plan: &Plan, state: &State, wave: WaveIndex) -> bool {
    match state.wave(wave).phase {
        WavePhase::Passed { .. } | WavePhase::Failed { .. } => false,
        WavePhase::Waiting => {
            let has_passed = |wave: &WaveIndex| matches!(state.wave(*wave).phase, WavePhase::Passed { .. });
            plan.spec.waves[wave.at()].after.iter().all(has_passed)
        }
        WavePhase::Blocked { .. } | WavePhase::Open { .. } | WavePhase::Baking { .. } => true,
    }
}

/// The one thing that a wave waits for.
pub fn of_wave(plan: &Plan, state: &State, now: Timestamp, wave: WaveIndex) -> Waiting {
    match state.phase {
        Phase::Running => wave::of(plan, state, now, wave),
        Phase::RollingBack | Phase::Aborting | Phase::Ended(_) => waited_for(plan, state, now),
    }
}

/// The one thing that a gate waits for.
pub fn of_gate(plan: &Plan, state: &State, now: Timestamp, gate: GateIndex) -> Waiting {
    match state.phase {
        Phase::Running => gate::of(plan, state, now, gate),
        Phase::RollingBack | Phase::Aborting | Phase::Ended(_) => {
            gate::said(state, gate, Waiting::new(Awaited::Nothing, "gates are not judged any more"))
        }
    }
}

fn held(plan: &Plan, state: &State, now: Timestamp, hold: &Hold) -> Waiting {
    let (kind, then) = match hold.kind {
        Kind::Approval(_) => {
            (Awaited::Approval, "the rollout is aborted, nodes are left as they are".to_owned())
        }
        Kind::SignOff(gate, _) => {
            let name = &plan.spec.gates[gate.at()].name;
            (
                Awaited::Approval,
                format!("gate {name} is inconclusive: {}", reaction(plan.spec.rollback.on_inconclusive)),
            )
        }
        Kind::Guardrail(_) => {
            let kind = if hold.needs_person { Awaited::Approval } else { Awaited::Wave };
            (kind, "the rollout is aborted, nodes are left as they are".to_owned())
        }
        Kind::Site(_) | Kind::Refused(_) => {
            (Awaited::Site, "the rollout is aborted if anything still needs the site".to_owned())
        }
        Kind::Errand(_) if crate::errands::has_passed(state) || state.phase == Phase::RollingBack => {
            (Awaited::Person, "it is given up, and told among the exceptions".to_owned())
        }
        Kind::Operator | Kind::Emergency | Kind::Gate(..) | Kind::Twice | Kind::Errand(_) => {
            (Awaited::Person, "the rollout is aborted, nodes are left as they are".to_owned())
        }
    };
    let waiting = Waiting::new(kind, hold.reason.clone()).next(hold.next_step.clone());
    let waiting = match hold.deadline {
        Some(deadline) => waiting.until(deadline, then),
        None => waiting,
    };
    match hold.kind {
        Kind::Approval(wave) => wave::answers(plan, state, now, wave, None, waiting),
        Kind::SignOff(gate, wave) => wave::answers(plan, state, now, wave, Some(gate), waiting),
        Kind::Gate(which, _) => {
            let records = state.gates.iter().filter(|record| record.which == which);
            waiting.seen(records.map(|record| record.sentence.clone()).take(3))
        }
        Kind::Guardrail(wave) => match guardrail::question(plan, state, wave, now) {
            Some(shown) => waiting.seen([format!("evidence {}", shown.digest)]).seen(shown.sentences),
            None => waiting,
        },
        _ => waiting,
    }
}

fn rollback(plan: &Plan, state: &State, now: Timestamp) -> Waiting {
    if let Some(hold) = state.holds.iter().find(|hold| hold.kind.stops_rollback()) {
        return held(plan, state, now, hold);
    }
    let told = state.rollback.as_ref().map(|rollback| {
        let left = rollback.total.saturating_sub(rollback.restored + rollback.failed);
        format!("{left} of {} touched nodes are not restored yet: {}", rollback.total, rollback.cause)
    });
    let waiting = open_command(plan, state, now, |_| true)
        .or_else(|| state.holds.first().map(|hold| held(plan, state, now, hold)))
        .unwrap_or_else(|| {
            Waiting::new(
                Awaited::Room,
                "touched nodes are given their previous version back, as many at once as `pace` allows",
            )
        });
    waiting.seen(told)
}

/// The command that has been awaited for longest, among those of interest.
fn open_command(
    plan: &Plan,
    state: &State,
    now: Timestamp,
    is_of_interest: impl Fn(&OpenIntent) -> bool,
) -> Option<Waiting> {
    let open = state.open.values().filter(|open| is_of_interest(open));
    let open = open.min_by_key(|open| (open.recorded_at, open.intent.id))?;
    let site = &plan.sites[open.intent.site.at()].site;
    let (word, nodes) = (open.intent.action.word(), counted(open.pending.len() as u64, "node"));
    let lost = if matches!(open.intent.action, Action::Survey { .. }) {
        "its nodes are undelivered"
    } else {
        "what became of its nodes is unknown"
    };
    Some(match &open.progress {
        Progress::Recorded => {
            Waiting::new(Awaited::Command, format!("{site}: {word} of {nodes} is being handed to AWS"))
        }
        Progress::Deferred { until } => Waiting::new(
            Awaited::Command,
            format!("{site}: {word} of {nodes} was refused {} times and is repeated", open.refusals),
        )
        .until(*until, "it is sent again"),
        Progress::Uncertain { since } => Waiting::new(
            Awaited::Command,
            format!("{site}: {word} of {nodes} may have been sent; its command is looked for"),
        )
        .until(since.plus(plan.spec.api.settle), "not listed by then, it was never sent and is sent now"),
        Progress::Sent { command, at } => {
            let since = now.since(*at);
            let sentence = format!(
                "{site}: {word} of {nodes} runs as command {command} since {since}; a node that is offline has {} to begin",
                plan.spec.deadlines.delivery
            );
            let end = at.plus(crate::decide::answer::patience(plan));
            Waiting::new(Awaited::Command, sentence).until(end, lost)
        }
    })
}

/// What a bad verdict leads to, in words.
fn reaction(reaction: Reaction) -> &'static str {
    match reaction {
        Reaction::Rollback => "every touched node gets its previous version back",
        Reaction::Pause => "the rollout is held for a person",
        Reaction::Abort => "the rollout ends, nodes are left as they are",
    }
}

fn counted(n: u64, noun: &str) -> String {
    if n == 1 { format!("1 {noun}") } else { format!("{n} {noun}s") }
}

/// Whether this hold lies over a gate's verdict about a wave.
fn is_gate_hold(hold: &Hold, of: WaveIndex) -> bool {
    matches!(hold.kind, Kind::Gate(_, Some(wave)) if wave == of)
        || matches!(hold.kind, Kind::Gate(Which::Install, None))
}
