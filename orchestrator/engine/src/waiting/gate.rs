//! What one gate waits for.

use super::{Awaited, Waiting, held, reaction, wave};
use crate::gate::first_look;
use crate::people;
use wavetrain_model::approval::Subject;
use wavetrain_model::gate::{Scope, Verdict, Which};
use wavetrain_model::hold::Kind;
use wavetrain_model::id::{GateIndex, WaveIndex};
use wavetrain_model::plan::Plan;
use wavetrain_model::spec::{Check, Gate};
use wavetrain_model::state::{State, WavePhase};
use wavetrain_model::time::Timestamp;

pub(super) fn of(plan: &Plan, state: &State, now: Timestamp, gate: GateIndex) -> Waiting {
    let spec = &plan.spec.gates[gate.at()];
    let which = Which::Planned(gate);
    let is_about = |kind: Kind| matches!(kind, Kind::Gate(of, _) if of == which);
    if let Some(hold) = state.holds.iter().find(|hold| is_about(hold.kind)) {
        return held(plan, state, now, hold);
    }
    for index in plan.wave_indices().filter(|wave| spec.measures(*wave)) {
        if let Some(waiting) = about(plan, state, now, (gate, spec), index) {
            return waiting;
        }
    }
    let next = plan.wave_indices().find(|wave| {
        spec.measures(*wave)
            && !matches!(state.wave(*wave).phase, WavePhase::Passed { .. } | WavePhase::Failed { .. })
    });
    let waiting = match next {
        None => Waiting::new(Awaited::Nothing, "has nothing left to judge"),
        Some(wave) => {
            let when = if spec.guard || spec.blocker { "begins" } else { "has settled" };
            let sentence = format!("looks at nothing until wave {} {when}", plan.wave_name(wave));
            let first = wave::of(plan, state, now, wave);
            Waiting { deadline: first.deadline, then: first.then, ..Waiting::new(Awaited::Wave, sentence) }
                .seen([format!("wave {}: {}", plan.wave_name(wave), first.sentence)])
        }
    };
    said(state, gate, waiting)
}

/// What it waits for about one wave; None: that wave is not its business now.
fn about(
    plan: &Plan,
    state: &State,
    now: Timestamp,
    (gate, spec): (GateIndex, &Gate),
    of: WaveIndex,
) -> Option<Waiting> {
    let phase = state.wave(of).phase;
    if let Check::Approval(_) = spec.check {
        let before = matches!(phase, WavePhase::Blocked { .. });
        let subject = Subject { wave: of, gate: Some(gate), before };
        let is_asked = (!before || spec.blocker) && people::is_asked(plan, state, subject);
        return if is_asked { wave::asks(plan, state, now, subject) } else { None };
    }
    let bake = plan.spec.waves[of.at()].bake;
    let (scope, since, deadline) = match phase {
        WavePhase::Blocked { since } if spec.blocker => {
            (Scope::Blocker(of), since, since.max(state.taken_up_at).plus(spec.deadline))
        }
        WavePhase::Blocked { .. } if spec.needs_baseline() => {
            let sentence = format!(
                "gate {} reads the compliance of nodes of wave {} before they are touched",
                spec.name,
                plan.wave_name(of)
            );
            return Some(Waiting::new(Awaited::Gate, sentence));
        }
        WavePhase::Baking { since } => {
            let scope = if spec.guard { Scope::Guard } else { Scope::Wave(of) };
            (scope, since, since.max(state.taken_up_at).plus(bake).plus(spec.deadline))
        }
        WavePhase::Open { since } if spec.guard => {
            let waiting = in_scope(plan, state, (gate, Scope::Guard, since), None);
            return Some(waiting.seen(known_before(state, gate, of)));
        }
        _ => return None,
    };
    // No wave waits for these, so nothing comes of a deadline.
    let deadline = (!spec.dry_run && !spec.check.only_stops()).then_some(deadline);
    Some(in_scope(plan, state, (gate, scope, since), deadline).seen(known_before(state, gate, of)))
}

/// What it found before the wave was touched.
fn known_before(state: &State, gate: GateIndex, wave: WaveIndex) -> Option<String> {
    state.wave(wave).baselines.get(&gate)?;
    let record = state.gate(Which::Planned(gate), Scope::Blocker(wave))?;
    Some(format!("{}; what was not compliant then is not held against the version", record.sentence))
}

/// How far its measurements are within one scope.
pub(super) fn in_scope(
    plan: &Plan,
    state: &State,
    (gate, scope, since): (GateIndex, Scope, Timestamp),
    deadline: Option<Timestamp>,
) -> Waiting {
    let spec = &plan.spec.gates[gate.at()];
    let record = state.gate(Which::Planned(gate), scope);
    let about = match scope {
        Scope::Blocker(wave) => format!("before wave {}", plan.wave_name(wave)),
        Scope::Wave(wave) => format!("after wave {}", plan.wave_name(wave)),
        Scope::Guard => "over all touched nodes".to_owned(),
    };
    let name = &spec.name;
    let (kind, sentence) = if matches!(spec.check, Check::Reporting(_)) {
        (
            Awaited::Gate,
            format!("guard {name}, {about}: reads what the plan's comparisons find at their next look"),
        )
    } else if spec.check.only_stops() {
        let next =
            record.map_or_else(|| since.plus(first_look(spec)), |record| record.last_at.plus(spec.every));
        (Awaited::Gate, format!("guard {name}, {about}: no wave waits for it, next look at {next}"))
    } else if spec.check.looks() {
        let wanted = spec.consecutive_success_limit.max(1);
        let row = record.map_or(0, |record| record.consecutive_passes);
        let counted = match (spec.count, record) {
            (Some(count), record) => {
                format!("{} of {count} good looks", record.map_or(0, |record| record.passes))
            }
            (None, _) => format!("{} of {wanted} good looks in a row", row.min(wanted)),
        };
        let next =
            record.map_or_else(|| since.plus(first_look(spec)), |record| record.last_at.plus(spec.every));
        (Awaited::Gate, format!("gate {name}, {about}: {counted}, next look at {next}"))
    } else {
        (Awaited::Report, format!("gate {name}, {about}: waits for a good signed report"))
    };
    let waiting = Waiting::new(kind, sentence);
    let waiting = match deadline {
        None => waiting,
        Some(deadline) => {
            let then = match scope {
                Scope::Blocker(_) => "the rollout is held for a person",
                Scope::Wave(_) | Scope::Guard => reaction(plan.spec.rollback.on_inconclusive),
            };
            let verdict = match record.map(|record| record.last) {
                Some(Verdict::Error) if matches!(scope, Scope::Blocker(_)) => Verdict::Error,
                _ => Verdict::Inconclusive,
            };
            waiting.until(deadline, format!("gate {name} is {verdict}: {then}"))
        }
    };
    let said = record.map(|record| {
        let verdict = record.judged.unwrap_or(record.last);
        let bad = format!("{} bad of at most {}", record.failures, spec.failure_limit);
        format!("{verdict} so far: {} ({} looks, {bad})", record.sentence, record.samples)
    });
    waiting.seen(said)
}

/// With what it said last.
pub(super) fn said(state: &State, gate: GateIndex, waiting: Waiting) -> Waiting {
    let records = state.gates.iter().filter(|record| record.which == Which::Planned(gate));
    let last = records.max_by_key(|record| record.last_at);
    waiting.seen(last.map(|record| format!("{}: {}", record.judged.unwrap_or(record.last), record.sentence)))
}
