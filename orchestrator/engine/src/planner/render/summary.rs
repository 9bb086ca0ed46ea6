//! Counts that both the tables and the JSON show.

use serde::Serialize;
use std::collections::BTreeMap;
use wavetrain_model::id::VersionIndex;
use wavetrain_model::plan::{Before, Plan, Source};
use wavetrain_model::spec::Take;

/// A plan in numbers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Summary {
    /// Managed nodes that matched the selection.
    pub selected: u32,
    /// Those that take part.
    pub eligible: u32,
    /// Parallel to the plan's waves.
    pub waves: Vec<WaveSummary>,
    /// Nodes left out, by the reason's word.
    pub excluded: BTreeMap<&'static str, u32>,
    /// Nodes by what they get back and how that is known.
    pub restore: Vec<RestoreSummary>,
    /// What the planner decided on its own.
    pub notes: Vec<String>,
}

/// One wave in numbers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct WaveSummary {
    /// Name.
    pub name: String,
    /// What it takes: `tag rollout=canary`, `5%`.
    pub take: String,
    /// Names of the waves that must have passed.
    pub after: Vec<String>,
    /// What `where` leaves of the fleet, empty for all.
    pub within: String,
    /// Eligible nodes in its population.
    pub population: u32,
    /// Nodes of this wave alone.
    pub size: u32,
    /// Nodes of its population in it and the waves before it.
    pub cumulative: u32,
    /// Batches.
    pub batches: u32,
    /// Observation time, seconds.
    pub bake_seconds: u32,
    /// Who must approve before it opens.
    pub approval_from: Vec<String>,
    /// Ids added to a canary.
    pub topped_up: Vec<String>,
    /// Nodes by `account/region`.
    pub sites: BTreeMap<String, u32>,
    /// Nodes by `platform/architecture`.
    pub platforms: BTreeMap<String, u32>,
}

/// Nodes that get the same thing back for the same reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RestoreSummary {
    /// VersionName, `nothing` (uninstall) or `as the probe says`.
    pub version: String,
    /// How that is known.
    pub source: &'static str,
    /// Nodes.
    pub nodes: u32,
}

impl Summary {
    /// Counts once over the nodes.
    pub fn of(plan: &Plan) -> Self {
        let mut waves: Vec<WaveSummary> = (0..plan.waves.len()).map(|at| wave(plan, at)).collect();
        // Strata first, names later: a million nodes lie in few strata.
        let mut per_stratum = vec![vec![0_u32; plan.strata.len()]; plan.waves.len()];
        let mut restore: BTreeMap<(Source, Before), u32> = BTreeMap::new();
        for node in &plan.nodes {
            if let Some(wave) = node.wave {
                per_stratum[wave.at()][node.stratum.at()] += 1;
            }
            *restore.entry((node.restore.source, node.restore.to)).or_default() += 1;
        }
        for (wave, counts) in waves.iter_mut().zip(&per_stratum) {
            for (stratum, count) in plan.strata.iter().zip(counts).filter(|(_, count)| **count > 0) {
                let site = plan.sites[stratum.site.at()].site.to_string();
                *wave.sites.entry(site).or_default() += count;
                let kind = format!("{}/{}", stratum.platform, stratum.architecture);
                *wave.platforms.entry(kind).or_default() += count;
            }
        }
        let mut excluded = BTreeMap::new();
        for node in &plan.excluded {
            *excluded.entry(node.reason.word()).or_default() += 1;
        }
        let restore_summary = |((source, to), nodes): ((Source, Before), u32)| RestoreSummary {
            version: before(plan, to).to_owned(),
            source: source.word(),
            nodes,
        };
        Self {
            selected: plan.selected,
            eligible: plan.nodes.len() as u32,
            waves,
            excluded,
            restore: restore.into_iter().map(restore_summary).collect(),
            notes: plan.notes.clone(),
        }
    }
}

fn wave(plan: &Plan, at: usize) -> WaveSummary {
    let (spec, planned) = (&plan.spec.waves[at], &plan.waves[at]);
    WaveSummary {
        name: spec.name.clone(),
        take: match &spec.take {
            Take::Tag { key, value } => format!("tag {key}={value}"),
            Take::Percent(share) => share.to_string(),
        },
        after: spec.after.iter().map(|after| plan.wave_name(*after).to_owned()).collect(),
        within: within(&spec.within),
        population: planned.population,
        size: planned.size,
        cumulative: planned.cumulative,
        batches: planned.batches,
        bake_seconds: spec.bake.0,
        approval_from: spec.approval.as_ref().map(|approval| approval.from.clone()).unwrap_or_default(),
        topped_up: planned.topped_up.iter().map(|node| plan.nodes[node.at()].id.to_string()).collect(),
        sites: BTreeMap::new(),
        platforms: BTreeMap::new(),
    }
}

fn within(within: &wavetrain_model::spec::Within) -> String {
    let accounts = within.accounts.iter().map(ToString::to_string);
    let regions = within.regions.iter().map(ToString::to_string);
    let platforms = within.platforms.iter().map(ToString::to_string);
    let parts = [accounts.collect::<Vec<_>>(), regions.collect(), platforms.collect()];
    let parts: Vec<String> =
        parts.into_iter().filter(|part| !part.is_empty()).map(|part| part.join(" ")).collect();
    parts.join(", ")
}

/// What a node gets back, in words.
pub(super) fn before(plan: &Plan, to: Before) -> &str {
    let name = |version: VersionIndex| plan.version(version);
    match to {
        Before::Unknown => "as the probe says",
        Before::Absent => "nothing",
        Before::Version(version) => name(version),
    }
}
