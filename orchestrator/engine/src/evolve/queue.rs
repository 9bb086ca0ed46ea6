//! The sets of open work: which queue a node stands in follows from its own state.

use std::collections::{BTreeMap, VecDeque};
use wavetrain_model::id::{NodeIndex, SiteIndex, WaveIndex};
use wavetrain_model::plan::{Before, Plan};
use wavetrain_model::state::{Forward, Proving, State, Touch};
use wavetrain_model::time::Timestamp;

/// The wave of a planned node; nodes without a wave are never handled.
pub(super) fn wave_of(plan: &Plan, node: NodeIndex) -> WaveIndex {
    plan.nodes[node.at()].wave.expect("only nodes of a wave are dispatched")
}

/// Puts a node that has not been installed on into the queue where it belongs.
pub(super) fn enqueue(plan: &Plan, state: &mut State, node: NodeIndex) {
    let site = plan.site_of(node);
    let wave = &mut state.waves[wave_of(plan, node).at()];
    let record = &mut state.nodes[node.at()];
    let queues = if record.before == Before::Unknown {
        record.forward = Forward::Waiting;
        &mut wave.unsurveyed
    } else {
        record.forward = Forward::Ready;
        &mut wave.ready
    };
    queues.entry(site).or_default().push_back(node);
}

/// Adds a node to those that wait for the probe after their install.
pub(super) fn enqueue_proving(plan: &Plan, state: &mut State, node: NodeIndex, at: Timestamp) {
    let site = plan.site_of(node);
    let wave = &mut state.waves[wave_of(plan, node).at()];
    let queue = wave.proving.entry(site).or_insert_with(|| Proving { since: at, nodes: Vec::new() });
    queue.nodes.push(node);
}

/// Takes nodes out of a queue of their site. They usually are its head, in order.
pub(super) fn take(
    queues: &mut BTreeMap<SiteIndex, VecDeque<NodeIndex>>,
    site: SiteIndex,
    nodes: &[NodeIndex],
) {
    let Some(queue) = queues.get_mut(&site) else { return };
    let mut left = nodes;
    while let (Some(head), Some(first)) = (queue.front(), left.first()) {
        if head != first {
            break;
        }
        queue.pop_front();
        left = &left[1..];
    }
    if !left.is_empty() {
        queue.retain(|node| !left.contains(node));
    }
    if queue.is_empty() {
        queues.remove(&site);
    }
}

/// Takes nodes out of the rollback's queues.
pub(super) fn take_restoring(plan: &Plan, state: &mut State, site: SiteIndex, nodes: &[NodeIndex]) {
    let priorities: Vec<u32> = {
        let mut all: Vec<u32> = nodes.iter().map(|node| priority(plan, state, *node)).collect();
        all.dedup();
        all
    };
    let Some(rollback) = &mut state.rollback else { return };
    for priority in priorities {
        let Some(sites) = rollback.queue.get_mut(&priority) else { continue };
        if let Some(queue) = sites.get_mut(&site) {
            queue.retain(|node| !nodes.contains(node));
            if queue.is_empty() {
                sites.remove(&site);
            }
        }
        if sites.is_empty() {
            rollback.queue.remove(&priority);
        }
    }
}

/// Broken nodes first, then later waves back to earlier.
pub(super) fn priority(plan: &Plan, state: &State, node: NodeIndex) -> u32 {
    match state.nodes[node.at()].touch {
        Touch::Suspect => 0,
        Touch::No | Touch::Maybe | Touch::Clean => {
            1 + plan.waves.len() as u32 - u32::from(wave_of(plan, node).0)
        }
    }
}
