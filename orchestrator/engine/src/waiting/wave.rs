//! What one wave waits for.

use super::{Awaited, Waiting, counted, gate, held, is_gate_hold, open_command};
use crate::decide::gate::{is_done, is_passed};
use crate::decide::wave::{baselines, has_work, overdue, scope_of};
use crate::gate::{concerns, first_look, is_baseline_known};
use crate::people;
use wavetrain_model::approval::Subject;
use wavetrain_model::gate::{Scope, Verdict, Which};
use wavetrain_model::hold::Kind;
use wavetrain_model::id::{GateIndex, WaveIndex};
use wavetrain_model::intent::Action;
use wavetrain_model::plan::Plan;
use wavetrain_model::spec::{Check, Gate};
use wavetrain_model::state::{State, WavePhase};
use wavetrain_model::time::{Seconds, Timestamp};

pub(super) fn of(plan: &Plan, state: &State, now: Timestamp, wave: WaveIndex) -> Waiting {
    match state.wave(wave).phase {
        WavePhase::Passed { at } => Waiting::new(Awaited::Nothing, format!("passed at {at}")),
        WavePhase::Failed { at } => Waiting::new(Awaited::Nothing, format!("failed at {at}")),
        WavePhase::Waiting => waiting(plan, state, now, wave),
        WavePhase::Blocked { since } => blocked(plan, state, now, wave, since),
        WavePhase::Open { since } => open(plan, state, now, wave, since),
        WavePhase::Baking { since } => baking(plan, state, now, wave, since),
    }
}

fn stopped(plan: &Plan, state: &State, now: Timestamp) -> Option<Waiting> {
    let hold = state.holds.iter().find(|hold| hold.kind.stops_installs())?;
    Some(held(plan, state, now, hold))
}

fn waiting(plan: &Plan, state: &State, now: Timestamp, wave: WaveIndex) -> Waiting {
    let spec = &plan.spec.waves[wave.at()];
    let has_passed = |before: &&WaveIndex| matches!(state.wave(**before).phase, WavePhase::Passed { .. });
    if let Some(missing) = spec.after.iter().find(|before| !has_passed(before)) {
        // Waves form no circle, so this ends at one that is under way.
        let first = of(plan, state, now, *missing);
        let name = plan.wave_name(*missing);
        return Waiting {
            what: Awaited::Wave,
            evidence: vec![format!("wave {name}: {}", first.sentence)],
            sentence: format!("waits until wave {name} passed"),
            ..first
        };
    }
    if let Some(stopped) = stopped(plan, state, now) {
        return stopped;
    }
    if let Some(hold) = state.hold(Kind::Guardrail(wave)) {
        return held(plan, state, now, hold);
    }
    asks(plan, state, now, Subject { wave, gate: None, before: true })
        .unwrap_or_else(|| Waiting::new(Awaited::Nothing, "is about to begin"))
}

fn blocked(plan: &Plan, state: &State, now: Timestamp, wave: WaveIndex, since: Timestamp) -> Waiting {
    if let Some(stopped) = stopped(plan, state, now) {
        return stopped;
    }
    let scope = Scope::Blocker(wave);
    for (index, spec) in judges(plan, wave).filter(|(_, spec)| spec.blocker) {
        if matches!(spec.check, Check::Approval(_)) {
            continue;
        }
        let record = state.gate(Which::Planned(index), scope);
        let is_passed = record.is_some_and(|record| {
            record.last == Verdict::Pass
                && record.last_at >= since
                && record.consecutive_passes >= spec.consecutive_success_limit
        });
        if !is_passed {
            let deadline = since.max(state.taken_up_at).plus(spec.deadline);
            return gate::in_scope(plan, state, (index, scope, since), Some(deadline));
        }
    }
    let unknown = baselines(plan, wave).find(|(gate, spec)| !is_baseline_known(state, *gate, spec, wave));
    if let Some((_, spec)) = unknown {
        let sentence =
            format!("gate {} reads the compliance of the wave's nodes before they are touched", spec.name);
        return Waiting::new(Awaited::Gate, sentence);
    }
    if let Some(hold) = state.hold(Kind::Guardrail(wave)) {
        return held(plan, state, now, hold);
    }
    people_of(plan, state, now, wave, true)
        .unwrap_or_else(|| Waiting::new(Awaited::Nothing, "is about to begin"))
}

fn open(plan: &Plan, state: &State, now: Timestamp, wave: WaveIndex, since: Timestamp) -> Waiting {
    if let Some(stopped) = stopped(plan, state, now) {
        return stopped;
    }
    let record = state.wave(wave);
    let left = plan.waves[wave.at()].size.saturating_sub(record.tally.finished());
    let told = format!(
        "{} of wave {} without an outcome, {} in flight",
        counted(left.into(), "node"),
        plan.wave_name(wave),
        record.in_flight
    );
    let lost =
        state.holds.iter().find(|hold| hold.kind.site().is_some_and(|site| has_work(plan, state, site)));
    let is_of_wave = |action: &Action| match action {
        Action::Survey { wave: of } | Action::Install { wave: of, .. } | Action::Verify { wave: of } => {
            *of == wave
        }
        _ => false,
    };
    let is_lost = |site| lost.is_some_and(|hold| hold.kind.site() == Some(site));
    let command =
        open_command(plan, state, now, |open| is_of_wave(&open.intent.action) && !is_lost(open.intent.site));
    if let Some(command) = command {
        return command.seen([told]);
    }
    if let Some(hold) = lost {
        return held(plan, state, now, hold).seen([told]);
    }
    let end = since.max(state.taken_up_at).plus(plan.spec.deadlines.wave);
    let then = "nodes that have not begun by then are undelivered";
    if let Some(later) = record.later.iter().map(|later| later.until).min() {
        let nodes = counted(record.later.len() as u64, "node");
        return Waiting::new(Awaited::Retry, format!("{nodes} are tried again, the first at {later}"))
            .until(end, then)
            .seen([told]);
    }
    Waiting::new(Awaited::Room, "its nodes begin as the limits leave room for them")
        .until(end, then)
        .seen([told])
}

fn baking(plan: &Plan, state: &State, now: Timestamp, wave: WaveIndex, since: Timestamp) -> Waiting {
    if let Some(hold) = state.holds.iter().find(|hold| is_gate_hold(hold, wave)) {
        return held(plan, state, now, hold);
    }
    if let Some(stopped) = stopped(plan, state, now) {
        return stopped;
    }
    let record = state.wave(wave);
    let bake = plan.spec.waves[wave.at()].bake;
    let left_ms = (u64::from(bake.0) * 1000).saturating_sub(record.baked_ms);
    if left_ms > 0 {
        let left = Seconds(u32::try_from(left_ms.div_ceil(1000)).unwrap_or(u32::MAX));
        return bake_left(plan, state, (wave, since), (left, bake));
    }
    for (index, spec) in judges(plan, wave) {
        let scope = scope_of(plan, index, wave);
        let measured = state.gate(Which::Planned(index), scope);
        if matches!(spec.check, Check::Approval(_)) || is_passed(spec, measured, since) {
            continue;
        }
        let baked = since.plus(bake);
        let from = measured.map_or(baked, |record| record.first_at.max(baked)).max(state.taken_up_at);
        return gate::in_scope(plan, state, (index, scope, since), Some(from.plus(spec.deadline)));
    }
    people_of(plan, state, now, wave, false)
        .unwrap_or_else(|| Waiting::new(Awaited::Nothing, "is about to pass"))
}

/// Bake time that is missing, and the gate that has vouched for least of it.
fn bake_left(
    plan: &Plan,
    state: &State,
    (wave, since): (WaveIndex, Timestamp),
    (left, bake): (Seconds, Seconds),
) -> Waiting {
    let record = state.wave(wave);
    let waiting = Waiting::new(Awaited::Bake, format!("bakes for another {left} of {bake}"));
    let looking = judges(plan, wave).filter(|(_, spec)| spec.check.looks());
    let slowest = looking
        .filter_map(|(index, spec)| {
            let measured = state.gate(Which::Planned(index), scope_of(plan, index, wave));
            if is_done(spec, measured, since) {
                return None;
            }
            let before_ms = record.vouched_before_ms.get(&index).copied().unwrap_or(0);
            let vouched_ms = measured.map_or(0, |record| record.vouched_ms).saturating_sub(before_ms);
            Some((vouched_ms, index, spec))
        })
        .min_by_key(|(vouched_ms, index, _)| (*vouched_ms, *index));
    let Some((_, index, spec)) = slowest else { return waiting };
    let scope = scope_of(plan, index, wave);
    let looks = gate::in_scope(plan, state, (index, scope, since), None);
    let gate = state.gate(Which::Planned(index), scope);
    let asked = since.max(state.taken_up_at).plus(first_look(spec));
    let asked = gate.map_or(asked, |record| record.first_at.max(asked));
    let silent = gate.and_then(|record| record.last_measured_at).map_or(asked, |at| at.max(asked));
    let (silent, late) = (silent.plus(spec.deadline), overdue(plan, wave, asked));
    let deadline = silent.min(late);
    let then = if silent <= late {
        format!("without any measurement gate {} is inconclusive", spec.name)
    } else {
        format!("a bake that is not over then is inconclusive by gate {}", spec.name)
    };
    waiting.until(deadline, then).seen([looks.sentence]).seen(looks.evidence)
}

fn people_of(plan: &Plan, state: &State, now: Timestamp, wave: WaveIndex, before: bool) -> Option<Waiting> {
    let subjects = people::subjects(plan, wave).into_iter();
    let mut subjects = subjects.filter(|subject| subject.gate.is_some() && subject.before == before);
    subjects.find_map(|subject| asks(plan, state, now, subject))
}

/// What is missing of an approval; None: nothing.
pub(super) fn asks(plan: &Plan, state: &State, now: Timestamp, subject: Subject) -> Option<Waiting> {
    let standing = people::standing(plan, state, now, subject)?;
    if standing.is_agreed() {
        return None;
    }
    if let Some(hold) = state.hold(people::hold_kind(subject)) {
        return Some(held(plan, state, now, hold));
    }
    let gate = subject.gate.map(|gate| format!(" for gate {}", plan.spec.gates[gate.at()].name));
    let sentence = format!(
        "waits for people to approve wave {}{}",
        plan.wave_name(subject.wave),
        gate.unwrap_or_default()
    );
    let waiting = Waiting::new(Awaited::Approval, sentence);
    Some(answers(plan, state, now, subject.wave, subject.gate, waiting))
}

/// Who said what, and what they were shown.
pub(super) fn answers(
    plan: &Plan,
    state: &State,
    now: Timestamp,
    wave: WaveIndex,
    gate: Option<GateIndex>,
    waiting: Waiting,
) -> Waiting {
    let is_before = matches!(state.wave(wave).phase, WavePhase::Waiting | WavePhase::Blocked { .. });
    let subject = Subject { wave, gate, before: gate.is_none() || is_before };
    let standing = people::standing(plan, state, now, subject);
    let shown = people::shown(plan, state, subject);
    waiting
        .seen(standing.map(|standing| standing.sentence()))
        .seen([format!("evidence {}", shown.digest)])
        .seen(shown.sentences)
}

fn judges(plan: &Plan, wave: WaveIndex) -> impl Iterator<Item = (GateIndex, &Gate)> {
    let gates = plan.spec.gates.iter().enumerate();
    let gates = gates.filter(move |(_, spec)| spec.judges(wave) && concerns(plan, spec, wave));
    gates.map(|(index, spec)| (GateIndex(index as u16), spec))
}
