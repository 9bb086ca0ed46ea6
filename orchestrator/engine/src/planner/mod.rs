//! The planner: plan file + observed fleet → frozen plan. Start at [`plan`].
//!
//! In steps, each its own module: every selected node is judged (`survey`, with `files` for the agent's choice of file and
//! `target` for the version in each site); eligible nodes are sorted into strata and ranked by hash (`strata`); one fair
//! order of all of them is made (`spread`, `order`); waves cut that order (`graph`, `fill`); batches cut waves (`batches`).
//!
//! # Why one order
//!
//! Three rules pull at each other: a wave has an exact cumulative size, each stratum gets its share of it by rounding, and
//! raising a percentage never moves a node to a later wave. Splitting each size anew breaks the third (a stratum can lose
//! a seat when the total grows). So there is one order of the eligible nodes, independent of all percentages, whose every
//! beginning is split fairly; a wave takes what earlier waves left of a beginning. Canary nodes are taken before and keep
//! counting, so percentages go on where they stop: a stratum over its share waits until the others caught up.
//!
//! Sizes and the third rule contradict each other in one case only: earlier percentages took more of a part of a wave's
//! population than the wave reaches as a whole (all of one Region, then half of everything). Raising them must leave the
//! others fewer places, as the size is fixed. Sizes win there, and the plan carries a note.
//!
//! # Cost
//!
//! Sorting dominates: O(N log N) once for the fleet and once for the ranks; the order costs O(N log S) for S strata, each
//! wave two passes over N small integers. Nothing is kept per node in a map.

mod associations;
mod batches;
mod digest;
mod files;
mod fill;
mod gates;
mod graph;
mod order;
mod questions;
mod refusal;
pub mod render;
mod spread;
mod strata;
mod survey;
mod target;
mod versions;

pub use digest::{digest_of, is_digest_of};
pub use files::{find as find_file, is_older};

use questions::Questions;
use refusal::plural;
use std::collections::{BTreeMap, BTreeSet};
use survey::Survey;
use versions::Versions;
use wavetrain_model::fleet::{LedgerEntry, Snapshot};
use wavetrain_model::guardrail::Guardrail;
use wavetrain_model::id::{AccountId, Digest, NodeId, Region, WaveIndex};
use wavetrain_model::limit::NODES_PER_ROLLOUT;
use wavetrain_model::plan::{Exclusion, FORMAT, Plan, PlannedSite, Refusal, Source};
use wavetrain_model::planted::Planted;
use wavetrain_model::spec::Rollout;

/// Nodes in other active rollouts of the same package, with the rollout's name.
pub type BusyNodes = BTreeMap<(AccountId, Region, NodeId), String>;

/// Everything a plan depends on.
#[derive(Debug, Clone, Copy)]
pub struct Inputs<'a> {
    /// What is asked for.
    pub spec: &'a Rollout,
    /// The fleet, asked the questions of [`wavetrain_model::plan::tag_questions`].
    pub fleet: &'a Snapshot,
    /// What wavetrain itself verified earlier, for this package, in any order.
    pub ledger: &'a [LedgerEntry],
    /// Who is taken.
    pub busy: &'a BusyNodes,
    /// Why the target version is quarantined, if it is.
    pub quarantined: Option<&'a str>,
}

/// Makes the plan, or says everything that stands in its way.
///
/// Equal inputs give an equal plan, whatever the order of nodes, ledger entries and pages. A plan without nodes (all
/// waves empty) means that there is nothing to do.
pub fn plan(inputs: &Inputs<'_>) -> Result<Plan, Vec<Refusal>> {
    let spec = inputs.spec;
    let questions = fitting_questions(inputs)?;
    let graph =
        graph::WaveGraph::of(&spec.waves).map_err(|cycle| vec![refusal::cycle(&wave_names(spec, &cycle))])?;
    let mut versions = Versions::new(&spec.package.version);
    let sites = planned_sites(inputs.fleet, &mut versions);
    let targets = target::targets(inputs);
    let survey = survey::survey(inputs, &questions, &targets, &mut versions);
    let mut refusals = refusals(inputs, &survey, &versions);
    let mut notes = notes(inputs, &survey);

    let Survey { selected, eligible, excluded, .. } = survey;
    let ranked = strata::rank(spec, inputs.fleet, &questions, eligible);
    let order = order::order(spec, &inputs.fleet.sites, &ranked);
    let filled = fill::fill(spec, &inputs.fleet.sites, &questions, &graph, &ranked, &order);
    let taken: usize = filled.waves.iter().map(|wave| wave.nodes.len()).sum();
    let left_over = order.len() - taken;
    refusals.extend(filled.refusals);
    notes.extend(filled.notes);
    if left_over > 0 && spec.partial {
        notes.push(format!("partial: {} stay as they are", plural(left_over, "eligible node")));
    } else if left_over > 0 {
        refusals.push(refusal::left_over(left_over, order.len()));
    }
    if !refusals.is_empty() {
        return Err(refusals);
    }

    let mut ranked = ranked;
    for (at, wave) in filled.waves.iter().enumerate() {
        for node in &wave.nodes {
            ranked.nodes[node.at()].wave = Some(WaveIndex(at as u16));
        }
    }
    let associations = associations::judge(spec, inputs.fleet, &ranked.strata, &ranked.nodes);
    if !associations.refusals.is_empty() {
        return Err(associations.refusals);
    }
    notes.extend(associations.notes);
    let (waves, batches) = batches::cut(filled.waves, &ranked);
    let mut plan = Plan {
        format: FORMAT,
        digest: Digest::new(""),
        spec_digest: digest_of(spec),
        spec: spec.clone(),
        observed_at: inputs.fleet.observed_at,
        sites,
        versions: versions.into_names(),
        strata: ranked.strata,
        nodes: ranked.nodes,
        waves,
        batches,
        selected,
        excluded,
        notes,
        guardrails: Vec::new(),
        paused: associations.paused,
        planted: Planted::default(),
    };
    let refusals = gates::refusals(&plan);
    if !refusals.is_empty() {
        return Err(refusals);
    }
    plan.notes.extend(gates::notes(&plan));
    plan.digest = digest_of(&plan);
    Ok(plan)
}

/// The plan with what it is held against. Another guardrail makes another plan.
pub fn guarded(mut plan: Plan, guardrails: Vec<Guardrail>) -> Plan {
    plan.guardrails = guardrails;
    plan.digest = Digest::new("");
    plan.digest = digest_of(&plan);
    plan
}

/// Checks that the fleet is one for this plan file, before anything is looked up by index.
fn fitting_questions(inputs: &Inputs<'_>) -> Result<Questions, Vec<Refusal>> {
    let fleet = inputs.fleet;
    if fleet.packages.len() != fleet.sites.len() {
        return Err(vec![refusal::foreign_fleet("its sites and package views differ in number")]);
    }
    if fleet.nodes.iter().any(|node| node.site.at() >= fleet.sites.len()) {
        return Err(vec![refusal::foreign_fleet("a node lies in no site")]);
    }
    if !fleet.sites.is_sorted_by(|a, b| (&a.account, &a.region) < (&b.account, &b.region)) {
        return Err(vec![refusal::foreign_fleet("its sites are not sorted, or repeated")]);
    }
    if fleet.nodes.len() > NODES_PER_ROLLOUT {
        return Err(vec![refusal::too_many("managed nodes", fleet.nodes.len(), NODES_PER_ROLLOUT)]);
    }
    Questions::find(inputs.spec, &fleet.questions).map_err(|question| {
        let what = format!("nodes were not asked for tag {}={}", question.key, question.values.join("|"));
        vec![refusal::foreign_fleet(&what)]
    })
}

fn wave_names<'a>(spec: &'a Rollout, waves: &[WaveIndex]) -> Vec<&'a str> {
    waves.iter().map(|wave| spec.waves[wave.at()].name.as_str()).collect()
}

/// The sites with all that can be given back there. The target never can.
fn planned_sites<'a>(fleet: &'a Snapshot, versions: &mut Versions<'a>) -> Vec<PlannedSite> {
    let mut planned = Vec::with_capacity(fleet.sites.len());
    for (site, package) in fleet.sites.iter().zip(&fleet.packages) {
        let whole = package.versions.iter().filter(|(name, view)| survey::is_restorable(view, name));
        let restorable: Vec<_> = whole.map(|(name, _)| versions.intern(name)).collect();
        planned.push(PlannedSite {
            site: site.clone(),
            package: package.name.clone(),
            restorable: restorable.into_iter().filter(|version| *version != Plan::TARGET).collect(),
            default_version: package.default_version.as_deref().map(|name| versions.intern(name)),
        });
    }
    planned
}

/// Everything wrong before waves are filled.
fn refusals(inputs: &Inputs<'_>, survey: &Survey<'_>, versions: &Versions<'_>) -> Vec<Refusal> {
    let spec = inputs.spec;
    let mut refusals = Vec::new();
    if let Some(reason) = inputs.quarantined {
        refusals.push(refusal::quarantined(spec, reason));
    }
    if spec.rollback.to.as_ref() == Some(&spec.package.version) {
        refusals.push(refusal::restore_is_target(&spec.package.version));
    }
    if versions.len() > usize::from(u16::MAX) {
        refusals.push(refusal::too_many("versions", versions.len(), usize::from(u16::MAX)));
    }
    if survey.selected == 0 {
        refusals.push(refusal::nothing_selected(spec, inputs.fleet.nodes.len()));
    }
    for (block, sites) in &survey.blocks {
        refusals.push(refusal::blocked(spec, inputs.fleet, block, sites));
    }
    if !spec.package.allow_differing_contents {
        let differing = target::differing_contents(inputs.fleet, &survey.relied_on);
        refusals.extend(
            differing.iter().map(|differing| refusal::contents_differ(&inputs.fleet.sites, differing)),
        );
    }
    // Nodes behind a block are neither eligible nor excluded; their share is not known until it is gone.
    if survey.selected > 0 && survey.blocks.is_empty() {
        refusals.extend(coverage(spec, survey));
    }
    refusals
}

/// Nodes that the plan file itself excludes are not missed: only what a person wanted and does not get counts against coverage.
fn coverage(spec: &Rollout, survey: &Survey<'_>) -> Option<Refusal> {
    let eligible = survey.eligible.len() as u32;
    let left_out =
        survey.excluded.iter().filter(|node| matches!(node.reason, Exclusion::Excluded { .. })).count();
    let wanted = survey.selected - left_out as u32;
    let (covered, least) = (eligible + survey.at_target, spec.fleet.min_coverage);
    if u64::from(covered) * 10_000 < u64::from(least.0) * u64::from(wanted) {
        return Some(refusal::coverage(eligible, survey.at_target, wanted, least));
    }
    (covered == 0).then(|| refusal::nothing_eligible(survey.selected))
}

/// What a reader should know although nothing is wrong.
fn notes(inputs: &Inputs<'_>, survey: &Survey<'_>) -> Vec<String> {
    let differing = target::differing_contents(inputs.fleet, &survey.relied_on);
    let mut notes: Vec<String> = differing.iter().map(ToString::to_string).collect();
    for (version, nodes) in &survey.unrestorable_hints {
        notes.push(format!(
            "{} last had {version}, which cannot be given back where they are; a node whose probe still says so is not touched",
            plural(*nodes as usize, "node")
        ));
    }
    let assumed = survey.eligible.iter().filter(|eligible| eligible.restore.source.is_assumed());
    let mut by_source: BTreeMap<Source, usize> = BTreeMap::new();
    for eligible in assumed {
        *by_source.entry(eligible.restore.source).or_default() += 1;
    }
    for (source, nodes) in by_source {
        notes.push(format!(
            "the previous version of {} is only assumed ({}); a probe would know it",
            plural(nodes, "node"),
            source.word()
        ));
    }
    let mut unseen: BTreeSet<&str> = inputs.spec.fleet.exclude_nodes.iter().map(String::as_str).collect();
    if !unseen.is_empty() {
        for node in &inputs.fleet.nodes {
            unseen.remove(node.id.as_str());
        }
    }
    notes.extend(unseen.iter().map(|id| format!("`exclude_nodes` names {id}, which is not in the fleet")));
    notes
}
