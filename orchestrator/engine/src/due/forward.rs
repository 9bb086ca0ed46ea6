//! New commands on the way to the target: probe, install, probe again.

use super::{Drafts, is_held};
use crate::decide::budget::{max_errors, remaining_count};
use crate::probe;
use std::collections::BTreeMap;
use wavetrain_model::id::{NodeIndex, SiteIndex, WaveIndex};
use wavetrain_model::intent::Action;
use wavetrain_model::limit::NODES_PER_COMMAND;
use wavetrain_model::plan::Plan;
use wavetrain_model::state::{Forward, State, Wave, WavePhase};
use wavetrain_model::time::{Seconds, Timestamp};

/// Installed nodes wait this long for company before their probe is sent, unless nothing else is on its way.
pub(super) const PROVING_PATIENCE: Seconds = Seconds(15);

/// A probe that did not answer within this time is not waited for before others are sent.
const SURVEY_PATIENCE: Seconds = Seconds::minutes(2);

fn open_waves<'a>(plan: &'a Plan, state: &'a State) -> impl Iterator<Item = (WaveIndex, &'a Wave)> {
    let waves = plan.wave_indices().map(|wave| (wave, state.wave(wave)));
    waves.filter(|(_, record)| matches!(record.phase, WavePhase::Open { .. }))
}

/// Nodes changing at once that the wave allows by its own cap.
pub(super) fn cap(plan: &Plan, wave: WaveIndex) -> u32 {
    plan.spec.limits.in_flight.as_cap(plan.waves[wave.at()].size)
}

/// Nodes of one site's queue that share the first one's platform: a probe is one script for one platform.
fn same_platform(plan: &Plan, queue: impl Iterator<Item = NodeIndex>) -> Vec<NodeIndex> {
    let mut platform = None;
    let mut nodes = Vec::new();
    for node in queue.take(NODES_PER_COMMAND * 4) {
        if *platform.get_or_insert(plan.platform_of(node)) == plan.platform_of(node) {
            nodes.push(node);
            if nodes.len() == NODES_PER_COMMAND {
                break;
            }
        }
    }
    nodes
}

fn later(wave: &Wave, state: &State, now: Timestamp, forward: Forward) -> Vec<NodeIndex> {
    let due = wave.later.iter().filter(|later| later.until <= now).map(|later| later.node);
    due.filter(|node| state.nodes[node.at()].forward == forward).collect()
}

/// Probes nodes shortly before they are touched: enough for what can be in flight twice over, no more.
pub(super) fn survey(plan: &Plan, state: &State, now: Timestamp, drafts: &mut Drafts) {
    for (wave, record) in open_waves(plan, state) {
        let mut ahead = ready_ahead(plan, state, wave) + surveying_ahead(state, wave, now);
        let enough = cap(plan, wave) as usize * 2;
        if ahead >= enough {
            continue;
        }
        let mut queues: BTreeMap<SiteIndex, Vec<NodeIndex>> = BTreeMap::new();
        for node in later(record, state, now, Forward::Waiting) {
            queues.entry(plan.site_of(node)).or_default().push(node);
        }
        for (site, queue) in &record.unsurveyed {
            // One command's worth per site and look: the next look comes with the next answer.
            queues.entry(*site).or_default().extend(queue.iter().take(NODES_PER_COMMAND * 4));
        }
        for (site, queue) in queues {
            if ahead >= enough || is_held(state, site) {
                continue;
            }
            let nodes = same_platform(plan, queue.into_iter());
            ahead += nodes.len();
            drafts.push(Action::Survey { wave }, site, nodes);
        }
    }
}

/// Ready nodes that will be installed on soon. What waits at a lost site or behind a site's own cap does not count: the other
/// sites must not wait for it.
fn ready_ahead(plan: &Plan, state: &State, wave: WaveIndex) -> usize {
    let ready = state.wave(wave).ready.iter().filter(|(site, _)| !is_held(state, **site));
    ready.map(|(site, queue)| queue.len().min(site_cap(plan, state, wave, *site) as usize * 2)).sum()
}

/// Nodes whose probe can be expected to answer soon.
fn surveying_ahead(state: &State, wave: WaveIndex, now: Timestamp) -> usize {
    let surveys = state.open.values().filter(|open| open.intent.action == Action::Survey { wave });
    let fresh = surveys.filter(|open| now.since(open.recorded_at) < SURVEY_PATIENCE);
    fresh.filter(|open| !is_held(state, open.intent.site)).map(|open| open.pending.len()).sum()
}

/// Nodes changing at once that the wave allows at one site.
fn site_cap(plan: &Plan, state: &State, wave: WaveIndex, site: SiteIndex) -> u32 {
    let nodes = state.wave(wave).site_size.get(&site).copied().unwrap_or(0);
    plan.spec.limits.per_site.map_or(u32::MAX, |limit| limit.as_cap(nodes))
}

/// Room that every install must find: the wave's cap, the site's, each failure domain's, and the failure budget's.
struct Room {
    wave: u32,
    budget: Option<u32>,
    domains: Vec<u32>,
}

impl Room {
    fn of_nodes(&self) -> u32 {
        self.budget.map_or(self.wave, |budget| self.wave.min(budget))
    }

    fn take(&mut self, plan: &Plan, node: NodeIndex) -> bool {
        let domains = &plan.nodes[node.at()].domains;
        if domains.iter().any(|domain| self.domains.get(usize::from(*domain)).is_some_and(|room| *room == 0))
        {
            return false;
        }
        for domain in domains {
            if let Some(room) = self.domains.get_mut(usize::from(*domain)) {
                *room -= 1;
            }
        }
        self.wave -= 1;
        self.budget = self.budget.map(|budget| budget - 1);
        true
    }
}

fn domain_room(plan: &Plan, state: &State) -> Vec<u32> {
    let caps = plan
        .spec
        .limits
        .max_unavailable
        .iter()
        .flat_map(|entry| std::iter::repeat_n(entry.nodes, entry.values.len()));
    caps.zip(&state.domains).map(|(cap, used)| cap.saturating_sub(*used)).collect()
}

/// Installs on ready nodes, as far as every limit has room.
pub(super) fn install(plan: &Plan, state: &State, now: Timestamp, drafts: &mut Drafts) {
    let in_flight: u32 = state.waves.iter().map(|wave| wave.in_flight).sum();
    // With a count budget, what is in flight can never break it by more than the one that stops the rollout.
    let most_at_risk = remaining_count(plan, state).map_or(u32::MAX, |left| left.saturating_add(1));
    let mut budget = (most_at_risk < u32::MAX).then(|| most_at_risk.saturating_sub(in_flight));
    let mut domains = domain_room(plan, state);
    for (wave, record) in open_waves(plan, state) {
        let cap = cap(plan, wave);
        let mut room = Room { wave: cap.saturating_sub(record.in_flight), budget, domains };
        let mut queues: BTreeMap<SiteIndex, Vec<NodeIndex>> = BTreeMap::new();
        for node in later(record, state, now, Forward::Ready) {
            queues.entry(plan.site_of(node)).or_default().push(node);
        }
        for (site, queue) in &record.ready {
            let wanted = room.of_nodes() as usize + NODES_PER_COMMAND;
            queues.entry(*site).or_default().extend(queue.iter().take(wanted));
        }
        // The least busy sites first, so that one site's queue does not starve the others.
        let busy = |site: &SiteIndex| record.site_in_flight.get(site).copied().unwrap_or(0);
        let mut sites: Vec<SiteIndex> =
            queues.keys().copied().filter(|site| !is_held(state, *site)).collect();
        sites.sort_by_key(|site| (busy(site), *site));
        for site in sites {
            let site_cap = site_cap(plan, state, wave, site);
            let site_room = site_cap.saturating_sub(busy(&site));
            let most = cap.min(site_cap).min(most_at_risk);
            let waits_for_more = record.in_flight > 0;
            send_to_site(
                plan,
                state,
                wave,
                site,
                &queues[&site],
                site_room,
                most,
                waits_for_more,
                &mut room,
                drafts,
            );
        }
        budget = room.budget;
        domains = room.domains;
    }
}

#[expect(clippy::too_many_arguments, reason = "one loop body with its limits, split for length")]
fn send_to_site(
    plan: &Plan,
    state: &State,
    wave: WaveIndex,
    site: SiteIndex,
    queue: &[NodeIndex],
    mut site_room: u32,
    most: u32,
    waits_for_more: bool,
    room: &mut Room,
    drafts: &mut Drafts,
) {
    let mut rest = queue;
    while !rest.is_empty() {
        let possible = room.of_nodes().min(site_room).min(NODES_PER_COMMAND as u32);
        // One command for a few nodes costs as much as one for fifty: wait until more room is free, while something runs.
        let worth = (rest.len() as u32).min(NODES_PER_COMMAND as u32).min(most.div_ceil(4));
        if possible == 0 || (waits_for_more && possible < worth) {
            return;
        }
        let mut nodes = Vec::new();
        let mut looked_at = 0;
        for node in rest {
            if nodes.len() as u32 == possible {
                break;
            }
            looked_at += 1;
            if room.take(plan, *node) {
                nodes.push(*node);
            }
        }
        if nodes.is_empty() {
            return;
        }
        rest = &rest[looked_at..];
        site_room -= nodes.len() as u32;
        drafts.push(Action::Install { wave, max_errors: max_errors(plan, state, wave) }, site, nodes);
    }
}

/// Probes nodes whose install SSM calls successful.
pub(super) fn verify(plan: &Plan, state: &State, now: Timestamp, drafts: &mut Drafts) {
    for wave in plan.wave_indices() {
        let record = state.wave(wave);
        for (site, proving) in &record.proving {
            if is_held(state, *site) || !is_worth_probing(state, wave, *site, now) {
                continue;
            }
            push_by_platform(plan, wave, *site, &proving.nodes, drafts);
        }
        let mut again: BTreeMap<SiteIndex, Vec<NodeIndex>> = BTreeMap::new();
        for node in later(record, state, now, Forward::Proving) {
            again.entry(plan.site_of(node)).or_default().push(node);
        }
        for (site, nodes) in again.into_iter().filter(|(site, _)| !is_held(state, *site)) {
            push_by_platform(plan, wave, site, &nodes, drafts);
        }
    }
}

fn is_worth_probing(state: &State, wave: WaveIndex, site: SiteIndex, now: Timestamp) -> bool {
    let Some(proving) = state.wave(wave).proving.get(&site) else { return false };
    let more_to_come = state.open.values().any(|open| {
        open.intent.site == site
            && matches!(open.intent.action, Action::Install { wave: of, .. } if of == wave)
    });
    !more_to_come || proving.nodes.len() >= NODES_PER_COMMAND || now.since(proving.since) >= PROVING_PATIENCE
}

fn push_by_platform(plan: &Plan, wave: WaveIndex, site: SiteIndex, nodes: &[NodeIndex], drafts: &mut Drafts) {
    let mut by_platform: BTreeMap<_, Vec<NodeIndex>> = BTreeMap::new();
    for node in nodes {
        let platform = plan.platform_of(*node);
        if probe::script(&plan.spec, platform).is_some() {
            by_platform.entry(platform).or_default().push(*node);
        }
    }
    for nodes in by_platform.values().flat_map(|nodes| nodes.chunks(NODES_PER_COMMAND)) {
        drafts.push(Action::Verify { wave }, site, nodes.to_vec());
    }
}
