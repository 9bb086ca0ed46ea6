//! When time alone changes something.

use super::Due;
use super::forward::{MOVING_PATIENCE, PROVING_PATIENCE, SURVEY_PATIENCE};
use crate::decide::wave::BAKE_STEP;
use wavetrain_model::hold::Kind;
use wavetrain_model::intent::Action;
use wavetrain_model::plan::Plan;
use wavetrain_model::state::{Phase, State, WavePhase};
use wavetrain_model::time::{Seconds, Timestamp};

/// Deadlines of holds and waves, steps of a bake, nodes that wait for another try.
pub(super) fn times(plan: &Plan, state: &State, now: Timestamp, due: &mut Due) {
    for open in state.open.values() {
        let patience = match open.intent.action {
            Action::Survey { .. } => SURVEY_PATIENCE,
            Action::Install { .. } | Action::Verify { .. } => MOVING_PATIENCE,
            _ => continue,
        };
        let hopeless_at = open.recorded_at.plus(patience);
        if hopeless_at > now {
            due.look_again(hopeless_at);
        }
    }
    // Guardrails may speak of the time, and no expression says when its answer changes. Clocks show minutes.
    if state.holds.iter().any(|hold| matches!(hold.kind, Kind::Guardrail(_))) {
        due.look_again(Timestamp((now.0.div_euclid(60_000) + 1) * 60_000));
    }
    for deadline in state.holds.iter().filter_map(|hold| hold.deadline) {
        due.look_again(deadline);
    }
    let resting = state.rollback.iter().flat_map(|rollback| rollback.resting.values());
    for until in resting.filter(|until| **until > now) {
        due.look_again(*until);
    }
    for wave in plan.wave_indices() {
        let record = state.wave(wave);
        for later in record.later.iter().filter(|later| later.until > now) {
            due.look_again(later.until);
        }
        for proving in record.proving.values() {
            let ripe = proving.since.plus(PROVING_PATIENCE);
            if ripe > now {
                due.look_again(ripe);
            }
        }
        if state.phase != Phase::Running {
            continue;
        }
        match record.phase {
            WavePhase::Open { since } => {
                let deadline = since.max(state.taken_up_at).plus(plan.spec.deadlines.wave);
                if deadline > now {
                    due.look_again(deadline);
                }
            }
            WavePhase::Baking { .. } => {
                let bake_ms = u64::from(plan.spec.waves[wave.at()].bake.0) * 1000;
                let left = bake_ms.saturating_sub(record.baked_ms).div_ceil(1000);
                let step = Seconds(u32::try_from(left).unwrap_or(u32::MAX).clamp(1, BAKE_STEP.0));
                due.look_again(now.plus(step));
            }
            WavePhase::Blocked { .. } => due.look_again(now.plus(BAKE_STEP)),
            WavePhase::Waiting | WavePhase::Passed { .. } | WavePhase::Failed { .. } => {}
        }
    }
}
