//! What gates ask of a plan: enough nodes to compare, and a word on what can be seen with them.

use super::refusal;
use crate::gate;
use wavetrain_model::plan::{Plan, Refusal};

/// Waves that a gate could never judge.
pub(super) fn refusals(plan: &Plan) -> Vec<Refusal> {
    let mut refusals = Vec::new();
    for spec in plan.spec.gates.iter().filter(|spec| !spec.dry_run) {
        for wave in plan.wave_indices().filter(|wave| {
            plan.waves[wave.at()].size > 0 && spec.judges(*wave) && gate::concerns(plan, spec, *wave)
        }) {
            if let Some((there, wanted)) = gate::too_few(plan, spec, wave) {
                refusals.push(refusal::incomparable(&spec.name, plan.wave_name(wave), there, wanted));
            }
        }
    }
    refusals
}

/// The smallest effect that each comparison can show.
pub(super) fn notes(plan: &Plan) -> Vec<String> {
    let mut notes = Vec::new();
    for spec in &plan.spec.gates {
        let waves = plan.wave_indices().filter(|wave| {
            plan.waves[wave.at()].size > 0 && spec.measures(*wave) && gate::concerns(plan, spec, *wave)
        });
        notes.extend(waves.filter_map(|wave| gate::detectable(plan, spec, wave)));
    }
    notes
}
