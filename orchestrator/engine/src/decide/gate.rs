//! Gates of the plan file: when measurements add up to a verdict, and what follows from it.

use super::wave;
use crate::gate::{self, Case};
use wavetrain_model::event::Event;
use wavetrain_model::gate::{Evidence, Reading, Scope, Verdict, Which, Window};
use wavetrain_model::hold::{Hold, Kind};
use wavetrain_model::id::{GateIndex, WaveIndex};
use wavetrain_model::plan::Plan;
use wavetrain_model::spec::{Check, Gate, Reaction};
use wavetrain_model::state::{GateRecord, Phase, State};
use wavetrain_model::time::Timestamp;

pub(crate) fn measured(
    plan: &Plan,
    state: &State,
    now: Timestamp,
    gate: GateIndex,
    scope: Scope,
    window: Window,
    readings: &[Reading],
) -> Vec<Event> {
    let Some(spec) = plan.spec.gates.get(gate.at()) else { return Vec::new() };
    if state.phase != Phase::Running {
        return Vec::new();
    }
    let record = state.gate(Which::Planned(gate), scope);
    let case = Case { plan, state, scope, record, now };
    if matches!(scope, Scope::Blocker(_)) && !spec.blocker {
        return baseline(case, gate, window, readings);
    }
    let judgement = gate::judge(case, spec, readings);
    let mut events = consequences(case, gate, window, judgement, gate::kept(readings));
    // The guard of the compared nodes' metrics has its say about the same readings, unless they end the rollout already.
    if matches!(spec.check, Check::Compare(_)) && events.len() == 1 {
        events.extend(silenced(plan, state, now, window, readings));
    }
    events
}

/// A look at nodes that nobody touched yet, of a gate that blocks nothing: what it finds is remembered, and stops nobody.
fn baseline(case: Case<'_>, gate: GateIndex, window: Window, readings: &[Reading]) -> Vec<Event> {
    let spec = &case.plan.spec.gates[gate.at()];
    if !spec.needs_baseline() {
        return Vec::new();
    }
    let judgement = gate::baseline(case, readings);
    let verdict = judgement.verdict;
    let samples = case.record.map_or(0, |record| record.samples) + 1;
    let evidence = gate::evidence(case, spec, window, judgement, samples);
    let readings = gate::kept_of_baseline(readings);
    vec![Event::Measured { which: Which::Planned(gate), scope: case.scope, verdict, evidence, readings }]
}

/// What a comparison's readings say about metrics that ended.
fn silenced(plan: &Plan, state: &State, now: Timestamp, window: Window, readings: &[Reading]) -> Vec<Event> {
    let mut events = Vec::new();
    for (index, spec) in plan.spec.gates.iter().enumerate() {
        let gate = GateIndex(index as u16);
        if let Check::Reporting(reporting) = &spec.check
            && let Some(judgement) = gate::reporting(reporting, window, readings)
        {
            let record = state.gate(Which::Planned(gate), Scope::Guard);
            let case = Case { plan, state, scope: Scope::Guard, record, now };
            events.extend(consequences(case, gate, window, judgement, Vec::new()));
        }
    }
    events
}

/// One measurement, the verdict that it brings about, and what follows from that.
fn consequences(
    case: Case<'_>,
    gate: GateIndex,
    window: Window,
    judgement: gate::Judgement,
    readings: Vec<Reading>,
) -> Vec<Event> {
    let Case { plan, state, scope, record, now } = case;
    let spec = &plan.spec.gates[gate.at()];
    let verdict = judgement.verdict;
    let samples = record.map_or(0, |record| record.samples) + 1;
    let evidence = gate::evidence(case, spec, window, judgement, samples);
    taken(plan, state, now, Taken { gate, scope, verdict, evidence, readings })
}

/// One more measurement, as it was judged by itself.
pub(super) struct Taken {
    pub(super) gate: GateIndex,
    pub(super) scope: Scope,
    pub(super) verdict: Verdict,
    pub(super) evidence: Evidence,
    pub(super) readings: Vec<Reading>,
}

/// What one more measurement brings about.
pub(super) fn taken(plan: &Plan, state: &State, now: Timestamp, taken: Taken) -> Vec<Event> {
    let Taken { gate, scope, verdict, evidence, readings } = taken;
    let (spec, which) = (&plan.spec.gates[gate.at()], Which::Planned(gate));
    let record = state.gate(which, scope);
    let mut events = vec![Event::Measured { which, scope, verdict, evidence: evidence.clone(), readings }];
    let Some(reached) = reached(spec, scope, record, verdict) else { return events };
    // A verdict is said once; a worse one still counts, also while a hold waits for somebody to look at the first.
    if record.and_then(|record| record.judged).is_some_and(|earlier| earlier >= reached) {
        return events;
    }
    let evidence = Evidence { from: record.map_or(evidence.from, |record| record.first_at), ..evidence };
    if spec.dry_run {
        events.push(Event::Judged { which, scope, verdict: reached, evidence });
    } else {
        events.extend(verdict_events(plan, state, now, which, scope, reached, evidence));
    }
    events
}

/// The verdict that one more measurement brings about, if its limits are used up. Worst first.
fn reached(spec: &Gate, scope: Scope, record: Option<&GateRecord>, verdict: Verdict) -> Option<Verdict> {
    let count =
        |so_far: fn(&GateRecord) -> u32, of: Verdict| record.map_or(0, so_far) + u32::from(verdict == of);
    let failures = count(|record| record.failures, Verdict::Fail);
    let inconclusives = count(|record| record.inconclusives, Verdict::Inconclusive);
    let is_error = verdict == Verdict::Error;
    let errors = if is_error { count(|record| record.consecutive_errors, Verdict::Error) } else { 0 };
    // A blocker looks at nodes that nobody touched: bad health there says nothing about the version, it only waits.
    let is_blocker = matches!(scope, Scope::Blocker(_));
    if failures > spec.failure_limit && !is_blocker {
        Some(Verdict::Fail)
    } else if errors > spec.consecutive_error_limit {
        Some(Verdict::Error)
    } else if spec.inconclusive_limit.is_some_and(|limit| inconclusives > limit) {
        Some(Verdict::Inconclusive)
    } else {
        None
    }
}

/// Whether a gate's measurements let a wave pass that is to be judged by evidence from `since` on.
pub(crate) fn is_passed(spec: &Gate, record: Option<&GateRecord>, since: Timestamp) -> bool {
    record.is_some_and(|record| {
        record.last == Verdict::Pass
            && record.last_at > since
            && record.evidence.as_ref().is_some_and(|evidence| evidence.from >= since)
            && record.consecutive_passes >= spec.consecutive_success_limit
            && spec.count.is_none_or(|count| record.passes >= count)
    })
}

/// Whether a gate of one wave has seen all it wanted to see.
pub(crate) fn is_done(spec: &Gate, record: Option<&GateRecord>, since: Timestamp) -> bool {
    spec.count.is_some() && is_passed(spec, record, since)
}

/// The judgement and what the plan file says must follow.
pub(super) fn verdict_events(
    plan: &Plan,
    state: &State,
    now: Timestamp,
    which: Which,
    scope: Scope,
    verdict: Verdict,
    evidence: Evidence,
) -> Vec<Event> {
    let sentence = format!("{}: {verdict}: {}", name(plan, which), evidence.sentence);
    let mut events = vec![Event::Judged { which, scope, verdict, evidence }];
    let reaction = match (scope, verdict) {
        (_, Verdict::Pass) => return events,
        (Scope::Blocker(_), _) => Reaction::Pause,
        (_, Verdict::Fail) => plan.spec.rollback.on_fail,
        (_, Verdict::Error) => plan.spec.rollback.on_error,
        (_, Verdict::Inconclusive) => plan.spec.rollback.on_inconclusive,
    };
    let of_wave = match scope {
        Scope::Blocker(wave) | Scope::Wave(wave) => Some(wave),
        Scope::Guard => None,
    };
    match reaction {
        Reaction::Rollback => {
            events.extend(wave::fail(plan, state, of_wave));
            events.extend(wave::roll_back(plan, state, sentence));
        }
        Reaction::Abort => {
            events.extend(wave::fail(plan, state, of_wave));
            events.push(Event::AbortDecided { cause: sentence });
        }
        Reaction::Pause => events.push(Event::Held { hold: hold(plan, now, which, of_wave, sentence) }),
    }
    events
}

fn hold(plan: &Plan, now: Timestamp, which: Which, wave: Option<WaveIndex>, reason: String) -> Hold {
    Hold {
        kind: Kind::Gate(which, wave),
        reason,
        next_step: "look at the evidence, then `wavetrain resume` to accept it, `wavetrain rollback` or `wavetrain abort`"
            .to_owned(),
        needs_person: true,
        since: now,
        deadline: Some(now.plus(plan.spec.deadlines.hold)),
    }
}

/// A gate's name in sentences.
pub fn name(plan: &Plan, which: Which) -> &str {
    match which {
        Which::Install => "install",
        Which::Planned(gate) => plan.spec.gates.get(gate.at()).map_or("?", |gate| gate.name.as_str()),
    }
}

/// Evidence of a planned gate at this moment: that of its last measurement, for all that were taken.
pub(super) fn evidence(
    plan: &Plan,
    state: &State,
    gate: GateIndex,
    scope: Scope,
    sentence: String,
    now: Timestamp,
) -> Evidence {
    let record = state.gate(Which::Planned(gate), scope);
    let spec = &plan.spec.gates[gate.at()];
    let from = record.map_or(now, |record| record.first_at);
    match record.and_then(|record| record.evidence.clone()) {
        Some(evidence) => Evidence { sentence, from: from.min(evidence.from), until: now, ..evidence },
        None => Evidence {
            statistic: "nothing measured".to_owned(),
            sentence,
            query: gate::query(spec),
            from,
            until: now,
            samples: 0,
            threshold: gate::threshold(spec),
            nodes: 0,
            bad: None,
        },
    }
}
