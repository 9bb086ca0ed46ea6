//! A rollout at a glance: small enough to be built at every look, whatever the size of the fleet.

use serde::Serialize;
use std::collections::BTreeMap;
use wavetrain_model::hold::Hold;
use wavetrain_model::id::{SiteIndex, WaveIndex};
use wavetrain_model::plan::Plan;
use wavetrain_model::state::{Ending, Phase, State, Tally, WavePhase};
use wavetrain_model::time::{Seconds, Timestamp};

/// Sentences kept in a progress.
pub const SENTENCES_KEPT: usize = 8;

/// A rollout at a glance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Progress {
    /// When it was looked at.
    pub at: Timestamp,
    /// Where it stands, in one word.
    pub phase: &'static str,
    /// Where it stands, in one sentence.
    pub headline: String,
    /// Eligible nodes of the plan.
    pub nodes: u32,
    /// Outcomes over the run.
    pub tally: Tally,
    /// Holds in force.
    pub holds: Vec<Hold>,
    /// Waves, in the order of the plan.
    pub waves: Vec<WaveProgress>,
    /// Sites, in the order of the plan.
    pub sites: Vec<SiteProgress>,
    /// The rollback, once decided.
    pub rollback: Option<RollbackProgress>,
    /// What happened last, oldest first; at most [`SENTENCES_KEPT`].
    pub last: Vec<String>,
    /// Commands that AWS accepted from, or that were adopted by, this process.
    pub commands: u64,
    /// Calls to AWS made by this process.
    pub calls: u64,
}

/// One wave at a glance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct WaveProgress {
    /// Name.
    pub name: String,
    /// Where it stands.
    pub phase: WavePhase,
    /// Nodes in it.
    pub size: u32,
    /// Nodes changing now.
    pub in_flight: u32,
    /// Outcomes so far.
    pub tally: Tally,
    /// Bake time earned.
    pub baked: Seconds,
    /// Bake time to be earned.
    pub bake: Seconds,
}

/// One site at a glance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SiteProgress {
    /// `account/region`.
    pub name: String,
    /// Eligible nodes there.
    pub nodes: u32,
    /// Nodes with an outcome.
    pub finished: u32,
    /// Of those, failures.
    pub failures: u32,
    /// Nodes changing now.
    pub in_flight: u32,
    /// Commands that are not settled.
    pub open_commands: u32,
    /// Failed calls in a row.
    pub errors: u32,
}

/// The rollback at a glance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RollbackProgress {
    /// Why.
    pub cause: String,
    /// Nodes to be restored.
    pub total: u32,
    /// Nodes restored.
    pub restored: u32,
    /// Nodes given up on.
    pub failed: u32,
    /// Nodes being restored now.
    pub in_flight: u32,
}

impl Progress {
    /// The glance that a plan and a state allow; what only the driving process knows is left zero and empty.
    pub fn of(plan: &Plan, state: &State, at: Timestamp) -> Self {
        Self {
            at,
            phase: phase_word(state),
            headline: headline(plan, state),
            nodes: plan.nodes.len() as u32,
            tally: state.tally,
            holds: state.holds.clone(),
            waves: plan.wave_indices().map(|wave| wave_progress(plan, state, wave)).collect(),
            sites: site_progress(plan, state),
            rollback: state.rollback.as_ref().map(|rollback| RollbackProgress {
                cause: rollback.cause.clone(),
                total: rollback.total,
                restored: rollback.restored,
                failed: rollback.failed,
                in_flight: rollback.in_flight,
            }),
            last: Vec::new(),
            commands: 0,
            calls: 0,
        }
    }
}

/// Where a rollout stands, in one word: `running`, `held`, `rolling_back`, `aborting`, or how it ended.
pub fn phase_word(state: &State) -> &'static str {
    match state.phase {
        Phase::Ended(ending) => ending_word(ending),
        Phase::Aborting => "aborting",
        Phase::RollingBack if state.holds.iter().any(|hold| hold.kind.stops_rollback()) => "held",
        Phase::RollingBack => "rolling_back",
        Phase::Running if state.holds.is_empty() => "running",
        Phase::Running => "held",
    }
}

/// How it ended, in one word.
pub fn ending_word(ending: Ending) -> &'static str {
    match ending {
        Ending::Completed => "completed",
        Ending::RolledBack => "rolled_back",
        Ending::RolledBackWithExceptions => "rolled_back_with_exceptions",
        Ending::Aborted => "aborted",
    }
}

/// Where a rollout stands, in one sentence.
pub fn headline(plan: &Plan, state: &State) -> String {
    let total = plan.nodes.len();
    let back = state.rollback.as_ref();
    let restored = back.map_or(0, |rollback| rollback.restored);
    let of = back.map_or(0, |rollback| rollback.total);
    let not_restored = back.map_or(0, |rollback| rollback.failed);
    match &state.phase {
        Phase::Ended(Ending::Completed) => {
            format!(
                "completed: {} of {total} nodes at {}",
                state.tally.at_target(),
                plan.spec.package.version
            )
        }
        Phase::Ended(Ending::RolledBack) => format!("rolled back: {restored} of {of} touched nodes restored"),
        Phase::Ended(Ending::RolledBackWithExceptions) => {
            format!("rolled back with exceptions: {not_restored} of {of} touched nodes not restored")
        }
        Phase::Ended(Ending::Aborted) => {
            format!("aborted: {} of {total} nodes at {}", state.tally.at_target(), plan.spec.package.version)
        }
        Phase::Aborting => format!("aborting: {} commands are still awaited", state.open.len()),
        Phase::RollingBack => match state.holds.iter().find(|hold| hold.kind.stops_rollback()) {
            Some(hold) => format!("held while rolling back: {}", hold.reason),
            None => format!("rolling back: {restored} of {of} touched nodes restored, {not_restored} failed"),
        },
        Phase::Running => match state.holds.first() {
            Some(hold) => format!("held: {}", hold.reason),
            None => running(plan, state),
        },
    }
}

fn running(plan: &Plan, state: &State) -> String {
    let passed = state.waves.iter().filter(|wave| matches!(wave.phase, WavePhase::Passed { .. })).count();
    let active: Vec<String> = plan
        .wave_indices()
        .filter_map(|wave| {
            let word = match state.wave(wave).phase {
                WavePhase::Open { .. } => "installs",
                WavePhase::Baking { .. } => "bakes",
                WavePhase::Blocked { .. } => "is being checked",
                WavePhase::Waiting | WavePhase::Passed { .. } | WavePhase::Failed { .. } => return None,
            };
            Some(format!("{} {word}", plan.wave_name(wave)))
        })
        .collect();
    let active = if active.is_empty() { "nothing is open".to_owned() } else { active.join(", ") };
    format!(
        "{passed} of {} waves passed, {active}; {} of {} nodes finished, {} failed",
        state.waves.len(),
        state.tally.finished(),
        plan.nodes.len(),
        state.tally.failures(),
    )
}

fn wave_progress(plan: &Plan, state: &State, index: WaveIndex) -> WaveProgress {
    let wave = state.wave(index);
    WaveProgress {
        name: plan.wave_name(index).to_owned(),
        phase: wave.phase,
        size: plan.waves[index.at()].size,
        in_flight: wave.in_flight,
        tally: wave.tally,
        baked: Seconds(u32::try_from(wave.baked_ms / 1000).unwrap_or(u32::MAX)),
        bake: plan.spec.waves[index.at()].bake,
    }
}

fn site_progress(plan: &Plan, state: &State) -> Vec<SiteProgress> {
    let mut sites: Vec<SiteProgress> = plan
        .sites
        .iter()
        .zip(&state.sites)
        .map(|(planned, health)| SiteProgress {
            name: planned.site.to_string(),
            nodes: 0,
            finished: 0,
            failures: 0,
            in_flight: 0,
            open_commands: 0,
            errors: health.errors,
        })
        .collect();
    for (stratum, tally) in plan.strata.iter().zip(&state.strata) {
        let site = &mut sites[stratum.site.at()];
        site.nodes += stratum.size;
        site.finished += tally.finished();
        site.failures += tally.failures();
    }
    let mut in_flight: BTreeMap<SiteIndex, u32> = BTreeMap::new();
    for (site, nodes) in state.waves.iter().flat_map(|wave| &wave.site_in_flight) {
        *in_flight.entry(*site).or_default() += nodes;
    }
    for (site, nodes) in in_flight {
        sites[site.at()].in_flight = nodes;
    }
    for open in state.open.values() {
        sites[open.intent.site.at()].open_commands += 1;
    }
    sites
}
