//! The failure budgets: per wave, per stratum and over the run. Integers only, and always "strictly more than".

use wavetrain_model::gate::{Evidence, Verdict};
use wavetrain_model::id::WaveIndex;
use wavetrain_model::limit::{FINISHED_BEFORE_PERCENT, SMALL_STRATUM, SMALL_WAVE};
use wavetrain_model::outcome::Outcome;
use wavetrain_model::plan::Plan;
use wavetrain_model::planted::Bug;
use wavetrain_model::quantity::{Amount, Percent};
use wavetrain_model::state::{State, Tally, WavePhase};
use wavetrain_model::time::Timestamp;

/// Nodes of a wave that may end without having been tried: nine in ten must have told something.
const UNTRIED_SHARE: Percent = Percent::whole(10);

/// A broken budget.
pub(super) struct Broken {
    /// `fail` for failures; `inconclusive` for nodes that could not be reached: that says nothing about the version.
    pub(super) verdict: Verdict,
    /// Wave in which it broke, if it is one wave's.
    pub(super) wave: Option<WaveIndex>,
    pub(super) evidence: Evidence,
}

/// The worst broken budget, if any: failures before undelivered, the wave before the run.
pub(super) fn broken(plan: &Plan, state: &State, now: Timestamp) -> Option<Broken> {
    let limits = &plan.spec.limits;
    let forgiven = u32::from(plan.has(Bug::BudgetOffByOne));
    let failures = |tally: &Tally| tally.failures().saturating_sub(forgiven);
    if state.tally.failures() > state.accepted_failures
        && let Some(Place { wave, sentence, total }) = place(plan, state, &|tally, total| {
            exceeds(limits.failures, failures(tally), total, tally, FINISHED_BEFORE_PERCENT)
        })
    {
        let sentence = format!("{sentence}; more than {} failures stop the rollout", limits.failures);
        return Some(Broken {
            verdict: Verdict::Fail,
            wave,
            evidence: evidence(state, now, sentence, state.tally.failures(), limits.failures, total),
        });
    }
    if state.tally.undelivered() > state.accepted_undelivered
        && let Some(Place { wave, sentence, total }) = place(plan, state, &|tally, total| {
            exceeds(limits.undelivered, tally.undelivered(), total, tally, FINISHED_BEFORE_PERCENT)
        })
    {
        let sentence =
            format!("{sentence}; more than {} unreachable nodes hold the rollout", limits.undelivered);
        return Some(Broken {
            verdict: Verdict::Inconclusive,
            wave,
            evidence: evidence(state, now, sentence, state.tally.undelivered(), limits.undelivered, total),
        });
    }
    None
}

/// Where a budget is broken.
pub(crate) struct Place {
    wave: Option<WaveIndex>,
    pub(crate) sentence: String,
    total: u32,
}

fn place(plan: &Plan, state: &State, is_broken: &dyn Fn(&Tally, u32) -> bool) -> Option<Place> {
    let is_open = |wave: &WaveIndex| {
        matches!(state.wave(*wave).phase, WavePhase::Open { .. } | WavePhase::Baking { .. })
    };
    let mut waves = plan.wave_indices().filter(is_open);
    waves.find_map(|wave| in_wave(plan, state, wave, is_broken)).or_else(|| in_run(plan, state, is_broken))
}

/// A wave by itself.
pub(crate) fn in_wave(
    plan: &Plan,
    state: &State,
    wave: WaveIndex,
    is_broken: &dyn Fn(&Tally, u32) -> bool,
) -> Option<Place> {
    let (tally, total) = (&state.wave(wave).tally, plan.waves[wave.at()].size);
    let name = format!("wave {}", plan.wave_name(wave));
    is_broken(tally, total).then(|| Place {
        wave: Some(wave),
        sentence: describe(tally, &name, total),
        total,
    })
}

/// Every stratum that is large enough, and the whole run.
pub(crate) fn in_run(plan: &Plan, state: &State, is_broken: &dyn Fn(&Tally, u32) -> bool) -> Option<Place> {
    for (stratum, tally) in plan.strata.iter().zip(&state.strata) {
        if stratum.size >= SMALL_STRATUM && tally.finished() > 0 && is_broken(tally, stratum.size) {
            let site = &plan.sites[stratum.site.at()].site;
            let name = format!("{} {} nodes of {site}", stratum.platform, stratum.architecture);
            let sentence = describe(tally, &name, stratum.size);
            return Some(Place { wave: None, sentence, total: stratum.size });
        }
    }
    let total = plan.nodes.len() as u32;
    let sentence = || describe(&state.tally, "the run", total);
    is_broken(&state.tally, total).then(|| Place { wave: None, sentence: sentence(), total })
}

/// How a population fares.
pub(crate) fn describe(tally: &Tally, place: &str, total: u32) -> String {
    format!(
        "in {place}, {} of {total} nodes failed and {} could not be reached ({} finished)",
        tally.failures(),
        tally.undelivered(),
        tally.finished(),
    )
}

/// Whether a count is over its budget. A share needs some finished nodes before it means anything, except in populations of five or
/// fewer, where any one stops.
pub(crate) fn exceeds(budget: Amount, count: u32, total: u32, tally: &Tally, least_finished: u32) -> bool {
    match budget {
        Amount::Count(_) => budget.is_exceeded_by(count, total),
        Amount::Share(_) if total <= SMALL_WAVE => count > 0,
        Amount::Share(_) => tally.finished() >= least_finished && budget.is_exceeded_by(count, total),
    }
}

fn evidence(
    state: &State,
    now: Timestamp,
    sentence: String,
    count: u32,
    limit: Amount,
    nodes: u32,
) -> Evidence {
    Evidence {
        sentence,
        query: "outcomes of commands and probes".to_owned(),
        from: state.first_dispatch_at.unwrap_or(now),
        until: now,
        samples: state.tally.finished(),
        statistic: format!("{count} nodes"),
        threshold: format!("more than {limit}"),
        nodes,
        bad: None,
    }
}

/// What the budgets say about a wave whose nodes all have their outcome. Nothing installed is no evidence.
pub(crate) fn settled(plan: &Plan, state: &State, wave: WaveIndex, now: Timestamp) -> (Verdict, Evidence) {
    let tally = &state.wave(wave).tally;
    let size = plan.waves[wave.at()].size;
    // Failed and unreachable nodes have their budgets; those whose command was stopped before it began told nothing at all.
    let stopped = tally.of(Outcome::Cancelled);
    let is_told = tally.at_target() > 0 && !UNTRIED_SHARE.is_exceeded_by(stopped, size);
    let verdict = if is_told || size == 0 { Verdict::Pass } else { Verdict::Inconclusive };
    let sentence = format!(
        "{} of {size} nodes of wave {} have the target version, {} failed (limit {}), {} could not be reached (limit {}), \
         {stopped} were stopped before they began",
        tally.at_target(),
        plan.wave_name(wave),
        tally.failures(),
        plan.spec.limits.failures,
        tally.undelivered(),
        plan.spec.limits.undelivered,
    );
    (verdict, evidence(state, now, sentence, tally.failures(), plan.spec.limits.failures, size))
}

/// How many more failures a wave may have before it stops; None for a budget that does not bound what is in flight.
pub(crate) fn remaining_count(plan: &Plan, state: &State) -> Option<u32> {
    match plan.spec.limits.failures {
        Amount::Count(count) => {
            // What a person accepted is spent: it moves the limit only where it lies above it.
            Some(count.max(state.accepted_failures).saturating_sub(state.tally.failures()))
        }
        Amount::Share(_) => None,
    }
}

/// `MaxErrors` of an install in this wave: AWS stops sending by itself where our own budget would be broken.
pub(crate) fn max_errors(plan: &Plan, state: &State, wave: WaveIndex) -> u32 {
    let size = plan.waves[wave.at()].size;
    match plan.spec.limits.failures {
        Amount::Count(_) => remaining_count(plan, state).unwrap_or(0),
        Amount::Share(_) if size <= SMALL_WAVE => 0,
        Amount::Share(share) => share
            .of_rounded_down(size)
            .max(FINISHED_BEFORE_PERCENT - 1)
            .saturating_sub(state.wave(wave).tally.failures()),
    }
}
