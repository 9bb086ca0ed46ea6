//! Where a gate looks, and which single nodes it asks about.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use wavetrain_model::fleet::Platform;
use wavetrain_model::gate::Scope;
use wavetrain_model::id::{NodeIndex, SiteIndex, WaveIndex};
use wavetrain_model::outcome::Outcome;
use wavetrain_model::plan::{Plan, Stratum};
use wavetrain_model::spec::{Check, Gate, Per, Wave};
use wavetrain_model::state::{Forward, State, WavePhase};

/// Whether a gate looks at a site.
pub(crate) fn sees_site(plan: &Plan, gate: &Gate, site: SiteIndex) -> bool {
    let site = &plan.sites[site.at()].site;
    let within = &gate.within;
    (within.accounts.is_empty() || within.accounts.contains(&site.account))
        && (within.regions.is_empty() || within.regions.contains(&site.region))
}

/// Whether a gate looks at a node.
pub(super) fn sees(plan: &Plan, gate: &Gate, node: NodeIndex) -> bool {
    sees_platform(plan, gate, plan.site_of(node), plan.platform_of(node))
}

fn sees_platform(plan: &Plan, gate: &Gate, site: SiteIndex, platform: Platform) -> bool {
    let platforms = &gate.within.platforms;
    let can_answer = match &gate.check {
        Check::Probe(check) => check.script(platform).is_some(),
        _ => true,
    };
    can_answer && (platforms.is_empty() || platforms.contains(&platform)) && sees_site(plan, gate, site)
}

/// Whether a gate looks at every node that a wave may have. By strata: a guardrail asks at every look, and a fleet is large.
pub(crate) fn sees_all(plan: &Plan, gate: &Gate, wave: &Wave) -> bool {
    if gate.within.is_everything() && !matches!(gate.check, Check::Probe(_)) {
        return true;
    }
    let within = &wave.within;
    let may_have = |stratum: &&Stratum| {
        let site = &plan.sites[stratum.site.at()].site;
        (within.accounts.is_empty() || within.accounts.contains(&site.account))
            && (within.regions.is_empty() || within.regions.contains(&site.region))
            && (within.platforms.is_empty() || within.platforms.contains(&stratum.platform))
            && stratum.size > 0
    };
    let mut strata = plan.strata.iter().filter(may_have);
    strata.all(|stratum| sees_platform(plan, gate, stratum.site, stratum.platform))
}

/// Whether a wave has nodes where a gate looks: of the others it says nothing, and lets them pass.
pub(crate) fn concerns(plan: &Plan, gate: &Gate, wave: WaveIndex) -> bool {
    if gate.within.is_everything() && !matches!(gate.check, Check::Probe(_)) {
        return true;
    }
    let batches = plan.waves[wave.at()].batch_indices().map(|batch| &plan.batches[batch.at()]);
    let mut nodes = batches.flat_map(|batch| &batch.nodes);
    nodes.any(|node| sees(plan, gate, *node))
}

/// The nodes that a gate asks about now; none for gates that look at places as a whole.
///
/// After the install those that have the target, and where the truth is asked for also those that should have it; before it
/// those that nobody touched. What could not be reached has a budget of its own.
pub(crate) fn asked(plan: &Plan, state: &State, gate: &Gate, scope: Scope) -> Vec<NodeIndex> {
    let with_failures = match &gate.check {
        Check::Compliance(check) => check.truth,
        Check::Probe(_) => false,
        _ => return Vec::new(),
    };
    let is_meant = |node: &NodeIndex| {
        let forward = state.nodes[node.at()].forward;
        match scope {
            _ if !of_gate(plan, gate, *node) => false,
            Scope::Blocker(wave) => plan.nodes[node.at()].wave == Some(wave) && forward == Forward::Waiting,
            Scope::Wave(wave) => plan.nodes[node.at()].wave == Some(wave) && is_heard(forward, with_failures),
            Scope::Guard => is_heard(forward, with_failures),
        }
    };
    let meant = plan.node_indices().filter(|node| is_meant(node) && sees(plan, gate, *node));
    match &gate.check {
        Check::Probe(check) => drawn(plan, state, gate.per, meant.collect(), check.sample as usize),
        _ => meant.collect(),
    }
}

/// Whether a node is of a wave that a gate looks at.
pub(super) fn of_gate(plan: &Plan, gate: &Gate, node: NodeIndex) -> bool {
    gate.waves.is_empty() || plan.nodes[node.at()].wave.is_some_and(|wave| gate.measures(wave))
}

/// Whether a wave is open or bakes: it waits for what gates say.
pub(super) fn is_under_way(state: &State, wave: WaveIndex) -> bool {
    matches!(state.wave(wave).phase, WavePhase::Open { .. } | WavePhase::Baking { .. })
}

/// The first so many: of the waves under way before all others, the newest first; then by rank. Where parts are judged by
/// themselves each part has its turn, and so has each wave under way: none of them may pass on the nodes of another.
pub(super) fn drawn(
    plan: &Plan,
    state: &State,
    per: Option<Per>,
    nodes: Vec<NodeIndex>,
    sample: usize,
) -> Vec<NodeIndex> {
    let under_way = |node: NodeIndex| plan.nodes[node.at()].wave.filter(|wave| is_under_way(state, *wave));
    in_turns(plan, per, nodes, under_way, sample)
}

/// The first so many of nodes that may be in a preferred wave.
pub(super) fn in_turns(
    plan: &Plan,
    per: Option<Per>,
    mut nodes: Vec<NodeIndex>,
    preferred: impl Fn(NodeIndex) -> Option<WaveIndex>,
    sample: usize,
) -> Vec<NodeIndex> {
    nodes.sort_by_key(|node| {
        let planned = &plan.nodes[node.at()];
        (Reverse(planned.wave), planned.rank, *node)
    });
    let mut parts: BTreeMap<(Option<WaveIndex>, u32), usize> = BTreeMap::new();
    let mut turns: Vec<((bool, usize), NodeIndex)> = Vec::with_capacity(nodes.len());
    for node in nodes {
        let part = match per {
            None => 0,
            Some(Per::Site) => plan.site_of(node).0,
            Some(Per::Stratum) => plan.nodes[node.at()].stratum.0,
        };
        let wave = preferred(node);
        let turn = parts.entry((wave, part)).or_default();
        turns.push(((wave.is_none(), *turn), node));
        *turn += 1;
    }
    turns.sort_by_key(|(turn, _)| *turn);
    turns.into_iter().take(sample).map(|(_, node)| node).collect()
}

/// Sites that a scope is about.
pub(crate) fn sites_of(plan: &Plan, state: &State, scope: Scope) -> Vec<SiteIndex> {
    match scope {
        Scope::Blocker(wave) | Scope::Wave(wave) => crate::decide::wave::sites(plan, wave),
        Scope::Guard => {
            let sites = state.sites.iter().enumerate().filter(|(_, site)| site.touched > 0);
            sites.map(|(index, _)| SiteIndex(index as u32)).collect()
        }
    }
}

fn is_heard(forward: Forward, with_failures: bool) -> bool {
    match forward {
        Forward::Finished(Outcome::Succeeded | Outcome::Already) => true,
        Forward::Finished(outcome) => with_failures && (outcome.is_failure() || outcome == Outcome::Unknown),
        _ => false,
    }
}
