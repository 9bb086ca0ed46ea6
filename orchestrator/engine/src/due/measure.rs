//! Which gates to measure now.

use super::{Due, Measurement};
use crate::decide::wave;
use wavetrain_model::gate::{Scope, Which};
use wavetrain_model::id::{GateIndex, SiteIndex};
use wavetrain_model::plan::Plan;
use wavetrain_model::state::{Phase, State, WavePhase};
use wavetrain_model::time::Timestamp;

/// Guards from the first dispatch to the last bake, blockers before a wave, gates during its bake.
pub(super) fn gates(plan: &Plan, state: &State, now: Timestamp, due: &mut Due) {
    if state.phase != Phase::Running {
        return;
    }
    for (index, spec) in plan.spec.gates.iter().enumerate() {
        let gate = GateIndex(index as u16);
        for (scope, sites) in scopes(plan, state, gate) {
            let last = state.gate(Which::Planned(gate), scope).map(|record| record.last_at);
            let next = last.map_or(now, |last| last.plus(spec.every));
            if next <= now && !sites.is_empty() {
                due.measure.push(Measurement { gate, scope, sites });
            } else {
                due.look_again(next);
            }
        }
    }
}

fn scopes(plan: &Plan, state: &State, gate: GateIndex) -> Vec<(Scope, Vec<SiteIndex>)> {
    let spec = &plan.spec.gates[gate.at()];
    let mut scopes = Vec::new();
    if spec.guard && state.first_dispatch_at.is_some() {
        scopes.push((Scope::Guard, touched_sites(state)));
    }
    for wave in plan.wave_indices() {
        match state.wave(wave).phase {
            WavePhase::Blocked { .. } if spec.blocker => {
                scopes.push((Scope::Blocker(wave), wave::sites(plan, wave)));
            }
            WavePhase::Baking { .. } if !spec.guard => {
                scopes.push((Scope::Wave(wave), wave::sites(plan, wave)));
            }
            // Nothing was dispatched (every node had the target): the guard still owes this wave its evidence.
            WavePhase::Baking { .. } if state.first_dispatch_at.is_none() => {
                scopes.push((Scope::Guard, wave::sites(plan, wave)));
            }
            WavePhase::Waiting
            | WavePhase::Blocked { .. }
            | WavePhase::Open { .. }
            | WavePhase::Baking { .. }
            | WavePhase::Passed { .. }
            | WavePhase::Failed { .. } => {}
        }
    }
    scopes
}

fn touched_sites(state: &State) -> Vec<SiteIndex> {
    let sites = state.sites.iter().enumerate().filter(|(_, site)| site.touched > 0);
    sites.map(|(index, _)| SiteIndex(index as u32)).collect()
}
