//! The failure budgets as a gate: the counters and the rule of [`crate::decide::budget`], with other limits.
//!
//! A limit that is laxer than that of the budgets never speaks, because they stop the rollout before. What a person accepted of them is
//! accepted here, too.

use super::{Case, Judgement};
use crate::decide::budget::{self, Place};
use wavetrain_model::gate::{Scope, Verdict};
use wavetrain_model::id::WaveIndex;
use wavetrain_model::limit::SMALL_WAVE;
use wavetrain_model::spec::{Gate, InstallCheck};
use wavetrain_model::state::{Tally, WavePhase};

pub(super) fn judge(case: Case<'_>, gate: &Gate, check: &InstallCheck) -> Judgement {
    let accepted = case.state.accepted.get(&super::index_of(case.plan, gate));
    let accepted = accepted.map_or(0, |accepted| accepted.nodes).max(case.state.accepted_failures);
    let failures = case.state.tally.failures();
    let judgement = match broken(case, gate, check).filter(|_| failures > accepted) {
        Some(place) => Judgement::new(
            Verdict::Fail,
            format!("{}; more than {} failures are bad", place.sentence, check.failures),
        ),
        None => told(case, gate, check),
    };
    Judgement { bad: Some(failures), ..judgement }
}

/// Where too many installs failed, if anywhere.
fn broken(case: Case<'_>, gate: &Gate, check: &InstallCheck) -> Option<Place> {
    let Case { plan, state, scope, .. } = case;
    let is_broken = |tally: &Tally, total: u32| {
        budget::exceeds(check.failures, tally.failures(), total, tally, check.minimum_finished)
    };
    match scope {
        Scope::Wave(wave) => budget::in_wave(plan, state, wave, &is_broken),
        // Of some waves the strata and the run say nothing: they count the others, too.
        Scope::Guard | Scope::Blocker(_) if !gate.waves.is_empty() => {
            let mut waves = plan.wave_indices().filter(|wave| is_meant(case, gate, *wave));
            waves.find_map(|wave| budget::in_wave(plan, state, wave, &is_broken))
        }
        Scope::Guard | Scope::Blocker(_) => {
            let mut waves = plan.wave_indices().filter(|wave| is_meant(case, gate, *wave));
            let in_waves = waves.find_map(|wave| budget::in_wave(plan, state, wave, &is_broken));
            in_waves.or_else(|| budget::in_run(plan, state, &is_broken))
        }
    }
}

/// Waves that are judged: before a wave those that went before it, else the gate's own.
fn is_meant(case: Case<'_>, gate: &Gate, wave: WaveIndex) -> bool {
    match case.scope {
        Scope::Blocker(_) => {
            !matches!(case.state.wave(wave).phase, WavePhase::Waiting | WavePhase::Blocked { .. })
        }
        Scope::Wave(of) => wave == of,
        Scope::Guard => gate.measures(wave) && super::sight::is_under_way(case.state, wave),
    }
}

/// Whether enough nodes say something: each baking wave by itself, else all that were tried.
fn told(case: Case<'_>, gate: &Gate, check: &InstallCheck) -> Judgement {
    let Case { plan, state, .. } = case;
    let is_baking = |wave: &WaveIndex| matches!(state.wave(*wave).phase, WavePhase::Baking { .. });
    let baking = plan.wave_indices().filter(|wave| is_meant(case, gate, *wave)).filter(is_baking);
    let baking: Vec<WaveIndex> =
        if matches!(case.scope, Scope::Blocker(_)) { Vec::new() } else { baking.collect() };
    let places = baking.iter().map(|wave| {
        let (verdict, evidence) = budget::settled(plan, state, *wave, case.now);
        let size = plan.waves[wave.at()].size;
        (said(&state.wave(*wave).tally, size, check).max(verdict), evidence.sentence)
    });
    let mut places: Vec<(Verdict, String)> = places.collect();
    if places.is_empty() {
        let total = plan.nodes.len() as u32;
        places.push((said(&state.tally, total, check), budget::describe(&state.tally, "the run", total)));
    }
    let worst = places.into_iter().rev().max_by_key(|(verdict, _)| *verdict);
    worst.map_or_else(
        || Judgement::new(Verdict::Inconclusive, "no node was tried".to_owned()),
        |(verdict, sentence)| match verdict {
            Verdict::Pass => Judgement::new(verdict, sentence),
            _ => Judgement::new(
                Verdict::Inconclusive,
                format!("{sentence}; fewer than {} nodes say something", check.minimum_finished),
            ),
        },
    )
}

/// Unreachable nodes say nothing about the version.
fn said(tally: &Tally, total: u32, check: &InstallCheck) -> Verdict {
    let wanted = if total <= SMALL_WAVE { 1 } else { check.minimum_finished.max(1) };
    if tally.at_target() + tally.failures() >= wanted { Verdict::Pass } else { Verdict::Inconclusive }
}

pub(super) fn threshold(check: &InstallCheck) -> String {
    format!(
        "more than {} of the installs failed, of at least {} finished ones",
        check.failures, check.minimum_finished
    )
}
