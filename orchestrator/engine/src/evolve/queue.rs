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
    let mut missing = left.len();
    if missing > 0 {
        queue.retain(|node| !is_one_of(left, &mut missing, *node));
    }
    if queue.is_empty() {
        queues.remove(&site);
    }
}

/// Whether a node is one of those not yet found; after the last one nothing is compared any more.
fn is_one_of(nodes: &[NodeIndex], missing: &mut usize, node: NodeIndex) -> bool {
    let is_found = *missing > 0 && nodes.contains(&node);
    *missing -= usize::from(is_found);
    is_found
}

/// Takes waiting nodes of one site out of the rollback's queues.
pub(super) fn take_restoring(plan: &Plan, state: &mut State, site: SiteIndex, nodes: &[NodeIndex]) {
    let mut by_priority: BTreeMap<u32, Vec<NodeIndex>> = BTreeMap::new();
    for node in nodes {
        by_priority.entry(priority(plan, state, *node)).or_default().push(*node);
    }
    let Some(rollback) = &mut state.rollback else { return };
    for node in nodes {
        rollback.resting.remove(node);
    }
    for (priority, nodes) in by_priority {
        let Some(sites) = rollback.queue.get_mut(&priority) else { continue };
        if let Some(queue) = sites.get_mut(&site) {
            let mut missing = nodes.len();
            if *queue == nodes {
                queue.clear();
            } else {
                queue.retain(|node| !is_one_of(&nodes, &mut missing, *node));
            }
            if queue.is_empty() {
                sites.remove(&site);
            }
        }
        if sites.is_empty() {
            rollback.queue.remove(&priority);
        }
    }
}

/// Begun nodes go on, then broken nodes begin, then later waves back to earlier.
///
/// Begun nodes take no room, and have a queue of their own so that a look need not search the others for them.
pub(super) fn priority(plan: &Plan, state: &State, node: NodeIndex) -> u32 {
    let record = &state.nodes[node.at()];
    match record.touch {
        _ if record.attempts > 0 => 0,
        Touch::Suspect => 1,
        Touch::No | Touch::Maybe | Touch::Clean => {
            2 + plan.waves.len() as u32 - u32::from(wave_of(plan, node).0)
        }
    }
}
