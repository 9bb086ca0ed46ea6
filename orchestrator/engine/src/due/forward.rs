//! New commands on the way to the target: probe, install, probe again.

use super::{Drafts, is_held};
use crate::decide::budget::{max_errors, remaining_count};
use crate::probe;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use wavetrain_model::fleet::Platform;
use wavetrain_model::id::{NodeIndex, SiteIndex, WaveIndex};
use wavetrain_model::intent::Action;
use wavetrain_model::limit::NODES_PER_COMMAND;
use wavetrain_model::plan::Plan;
use wavetrain_model::state::{Forward, State, Wave, WavePhase};
use wavetrain_model::time::{Seconds, Timestamp};

/// Installed nodes wait this long for company before their probe is sent, unless nothing else is on its way.
pub(super) const PROVING_PATIENCE: Seconds = Seconds(15);

/// Commands that one site gets at a time, and then goes through probe, install and probe with: they are looked at together.
const COMMANDS_TOGETHER: usize = 4;

const NODES_TOGETHER: u32 = (NODES_PER_COMMAND * COMMANDS_TOGETHER) as u32;

/// A probe that did not answer within this time is not waited for before others are sent.
pub(super) const SURVEY_PATIENCE: Seconds = Seconds::minutes(2);

/// Room that an install of this age still takes is not waited for: offline nodes hold theirs for half an hour, lost sites for ever.
pub(super) const MOVING_PATIENCE: Seconds = Seconds::minutes(5);

fn open_waves<'a>(plan: &'a Plan, state: &'a State) -> impl Iterator<Item = (WaveIndex, &'a Wave)> {
    let waves = plan.wave_indices().map(|wave| (wave, state.wave(wave)));
    waves.filter(|(_, record)| matches!(record.phase, WavePhase::Open { .. }))
}

/// Nodes changing at once that the wave allows by its own cap.
pub(super) fn cap(plan: &Plan, wave: WaveIndex) -> u32 {
    plan.spec.limits.in_flight.as_cap(plan.waves[wave.at()].size)
}

/// Takes one command's worth of nodes that share the first one's platform: a probe is one script for one platform.
fn same_platform(plan: &Plan, queue: &mut Vec<NodeIndex>) -> Vec<NodeIndex> {
    let platform = queue.first().map(|first| plan.platform_of(*first));
    let mut nodes = Vec::new();
    queue.retain(|node| {
        let is_taken = nodes.len() < NODES_PER_COMMAND && Some(plan.platform_of(*node)) == platform;
        if is_taken {
            nodes.push(*node);
        }
        !is_taken
    });
    nodes
}

fn later(wave: &Wave, state: &State, now: Timestamp, forward: Forward) -> Vec<NodeIndex> {
    let due = wave.later.iter().filter(|later| later.until <= now).map(|later| later.node);
    due.filter(|node| state.nodes[node.at()].forward == forward).collect()
}

/// Commands on the way to the target that have not answered. Gathered once a look: every site asks.
pub(super) struct OnTheWay {
    /// Nodes whose probe before the install can be expected to answer soon.
    surveying: BTreeMap<(WaveIndex, SiteIndex), usize>,
    installing: BTreeSet<(WaveIndex, SiteIndex)>,
    /// Waves in which something can be expected to end soon, and make room.
    moving: BTreeSet<WaveIndex>,
}

impl OnTheWay {
    pub(super) fn of(state: &State, now: Timestamp) -> Self {
        let mut way =
            Self { surveying: BTreeMap::new(), installing: BTreeSet::new(), moving: BTreeSet::new() };
        way.moving.extend(proving(state));
        for open in state.open.values() {
            let site = open.intent.site;
            match open.intent.action {
                Action::Survey { wave } if now.since(open.recorded_at) < SURVEY_PATIENCE => {
                    *way.surveying.entry((wave, site)).or_default() += open.pending.len();
                }
                Action::Install { wave, .. } => {
                    if now.since(open.recorded_at) < MOVING_PATIENCE && !is_held(state, site) {
                        way.moving.insert(wave);
                    }
                    way.installing.insert((wave, site));
                }
                Action::Verify { wave }
                    if now.since(open.recorded_at) < MOVING_PATIENCE && !is_held(state, site) =>
                {
                    way.moving.insert(wave);
                }
                _ => {}
            }
        }
        way
    }

    fn surveying(&self, wave: WaveIndex, site: SiteIndex) -> usize {
        self.surveying.get(&(wave, site)).copied().unwrap_or(0)
    }
}

/// Waves with installed nodes that wait for their probe at a site that can be asked.
fn proving(state: &State) -> impl Iterator<Item = WaveIndex> {
    let waves = state.waves.iter().enumerate();
    let is_moving = |wave: &Wave| wave.proving.keys().any(|site| !is_held(state, *site));
    waves.filter(move |(_, wave)| is_moving(wave)).map(|(at, _)| WaveIndex(at as u16))
}

/// Probes nodes shortly before they are touched: enough for what can be in flight twice over, no more.
pub(super) fn survey(plan: &Plan, state: &State, now: Timestamp, way: &OnTheWay, drafts: &mut Drafts) {
    for (wave, record) in open_waves(plan, state) {
        let cap = cap(plan, wave) as usize;
        let mut ahead = ready_ahead(plan, state, wave) + surveying_ahead(state, wave, way);
        // In rounds: probes that leave together are looked at together. What is left between two rounds is more than installs
        // can use before the next round's answers.
        if ahead >= cap + cap / 2 {
            continue;
        }
        let mut again: BTreeMap<SiteIndex, Vec<NodeIndex>> = BTreeMap::new();
        for node in later(record, state, now, Forward::Waiting) {
            again.entry(plan.site_of(node)).or_default().push(node);
        }
        let sites: BTreeSet<SiteIndex> = again.keys().chain(record.unsurveyed.keys()).copied().collect();
        let mut sites: Vec<SiteIndex> = sites.into_iter().filter(|site| !is_held(state, *site)).collect();
        sites
            .sort_by_key(|site| record.ready.get(site).map_or(0, VecDeque::len) + way.surveying(wave, *site));
        for site in sites {
            if ahead >= cap * 2 {
                break;
            }
            let queue = record.unsurveyed.get(&site).into_iter().flatten().copied();
            let mut rest: Vec<NodeIndex> = again.remove(&site).unwrap_or_default();
            rest.extend(queue.take(NODES_PER_COMMAND * COMMANDS_TOGETHER * 2));
            for _ in 0..COMMANDS_TOGETHER {
                if rest.is_empty() || ahead >= cap * 2 {
                    break;
                }
                let nodes = same_platform(plan, &mut rest);
                ahead += nodes.len();
                drafts.push(Action::Survey { wave }, site, nodes);
            }
        }
    }
}

/// Ready nodes that will be installed on soon. What waits at a lost site or behind a site's own cap does not count: the other
/// sites must not wait for it.
fn ready_ahead(plan: &Plan, state: &State, wave: WaveIndex) -> usize {
    let ready = state.wave(wave).ready.iter().filter(|(site, _)| !is_held(state, **site));
    ready.map(|(site, queue)| queue.len().min(site_cap(plan, state, wave, *site) as usize * 2)).sum()
}

fn surveying_ahead(state: &State, wave: WaveIndex, way: &OnTheWay) -> usize {
    let of_wave = way.surveying.iter().filter(|((of, site), _)| *of == wave && !is_held(state, *site));
    of_wave.map(|(_, nodes)| nodes).sum()
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
        if !take_domains(&mut self.domains, plan, node) {
            return false;
        }
        self.wave -= 1;
        self.budget = self.budget.map(|budget| budget - 1);
        true
    }
}

/// Counts a node in each of its failure domains, unless one of them is full.
fn take_domains(rooms: &mut [u32], plan: &Plan, node: NodeIndex) -> bool {
    let domains = &plan.nodes[node.at()].domains;
    if domains.iter().any(|domain| rooms.get(usize::from(*domain)).is_some_and(|room| *room == 0)) {
        return false;
    }
    for domain in domains {
        if let Some(room) = rooms.get_mut(usize::from(*domain)) {
            *room -= 1;
        }
    }
    true
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
pub(super) fn install(plan: &Plan, state: &State, now: Timestamp, way: &OnTheWay, drafts: &mut Drafts) {
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
            if room.of_nodes() == 0 {
                break;
            }
            let site_cap = site_cap(plan, state, wave, site);
            let gap = Gap {
                room: site_cap.saturating_sub(busy(&site)),
                most: cap.min(site_cap).min(most_at_risk),
                waits_for_more: way.moving.contains(&wave),
            };
            let mut domains = room.domains.clone();
            let queue = queues[&site].iter().copied().filter(|node| take_domains(&mut domains, plan, *node));
            let lots = lots(plan, queue, gap.most, way.surveying(wave, site));
            for nodes in fitting(plan, lots, gap, &mut room) {
                let max_errors = max_errors(plan, state, wave);
                drafts.push(Action::Install { wave, max_errors }, site, nodes);
            }
        }
        budget = room.budget;
        domains = room.domains;
    }
}

/// A site's queue cut into commands: whole ones of one platform first, as their probes will be, then what is left over.
///
/// What is left over waits while probes are about to add to it (`coming` nodes, of which a few may never answer).
fn lots(
    plan: &Plan,
    queue: impl Iterator<Item = NodeIndex>,
    most: u32,
    coming: usize,
) -> Vec<Vec<NodeIndex>> {
    let size = NODES_PER_COMMAND.min(most as usize).max(1);
    let has_probe = plan.spec.package.probe.is_some();
    let mut filling: BTreeMap<Option<Platform>, Vec<NodeIndex>> = BTreeMap::new();
    let mut lots = Vec::new();
    for node in queue {
        let part = filling.entry(has_probe.then(|| plan.platform_of(node))).or_default();
        part.push(node);
        if part.len() == size {
            lots.push(std::mem::take(part));
        }
    }
    let rest: Vec<NodeIndex> = filling.into_values().flatten().collect();
    let is_about_to_grow = coming * 10 >= rest.len().min(size) && coming > 0;
    if !is_about_to_grow {
        lots.extend(rest.chunks(size).map(<[NodeIndex]>::to_vec));
    }
    lots
}

/// What one site allows.
struct Gap {
    /// Nodes that may begin there now.
    room: u32,
    /// Nodes that could ever be in flight there.
    most: u32,
    /// Whether something runs in the wave, whose end will make more room.
    waits_for_more: bool,
}

/// As many of the lots, in order, as all limits have room for.
fn fitting(plan: &Plan, lots: Vec<Vec<NodeIndex>>, mut gap: Gap, room: &mut Room) -> Vec<Vec<NodeIndex>> {
    let mut fitting = Vec::new();
    // One command for a few nodes costs as much as one for fifty, and one that runs alone as many looks as several that run
    // together: wait until more room is free, while something runs.
    let quarter = gap.most.div_ceil(4);
    let mut worth = (lots.iter().map(Vec::len).sum::<usize>() as u32).min(quarter).min(NODES_TOGETHER);
    for lot in lots {
        let possible = room.of_nodes().min(gap.room);
        if possible == 0 || (gap.waits_for_more && possible < worth) {
            break;
        }
        worth = (NODES_PER_COMMAND as u32).min(lot.len() as u32).min(quarter);
        let mut nodes = Vec::new();
        for node in lot {
            if nodes.len() as u32 == possible {
                break;
            }
            if room.take(plan, node) {
                nodes.push(node);
            }
        }
        gap.room -= nodes.len() as u32;
        if !nodes.is_empty() {
            fitting.push(nodes);
        }
    }
    fitting
}

/// Probes nodes whose install SSM calls successful.
pub(super) fn verify(plan: &Plan, state: &State, now: Timestamp, way: &OnTheWay, drafts: &mut Drafts) {
    for wave in plan.wave_indices() {
        let record = state.wave(wave);
        for (site, proving) in record.proving.iter().filter(|(site, _)| !is_held(state, **site)) {
            let is_patient =
                way.installing.contains(&(wave, *site)) && now.since(proving.since) < PROVING_PATIENCE;
            let least = if is_patient { NODES_PER_COMMAND } else { 1 };
            push_by_platform(plan, wave, *site, &proving.nodes, least, drafts);
        }
        let mut again: BTreeMap<SiteIndex, Vec<NodeIndex>> = BTreeMap::new();
        for node in later(record, state, now, Forward::Proving) {
            again.entry(plan.site_of(node)).or_default().push(node);
        }
        for (site, nodes) in again.into_iter().filter(|(site, _)| !is_held(state, *site)) {
            push_by_platform(plan, wave, site, &nodes, 1, drafts);
        }
    }
}

/// Probes for these nodes, as far as a command has at least so many.
fn push_by_platform(
    plan: &Plan,
    wave: WaveIndex,
    site: SiteIndex,
    nodes: &[NodeIndex],
    least: usize,
    drafts: &mut Drafts,
) {
    let mut by_platform: BTreeMap<_, Vec<NodeIndex>> = BTreeMap::new();
    for node in nodes {
        let platform = plan.platform_of(*node);
        if probe::script(&plan.spec, platform).is_some() {
            by_platform.entry(platform).or_default().push(*node);
        }
    }
    let commands = by_platform.values().flat_map(|nodes| nodes.chunks(NODES_PER_COMMAND));
    for nodes in commands.filter(|nodes| nodes.len() >= least) {
        drafts.push(Action::Verify { wave }, site, nodes.to_vec());
    }
}
