//! The order of waves: a directed graph, hopefully without circles.

use petgraph::algo::{tarjan_scc, toposort};
use petgraph::graph::{DiGraph, NodeIndex};

/// Which waves come before which, directly or not.
#[derive(Debug)]
pub struct Order {
    /// For each wave the set of waves before it, as bits; a rollout has at most 100 waves.
    before: Vec<u128>,
}

impl Order {
    /// Whether `first` must have passed before `second` may begin.
    pub fn is_before(&self, first: usize, second: usize) -> bool {
        self.before[second] >> first & 1 == 1
    }

    /// Whether one of the two always waits for the other.
    pub fn is_ordered(&self, one: usize, other: usize) -> bool {
        self.is_before(one, other) || self.is_before(other, one)
    }
}

/// What is wrong with the order.
#[derive(Debug)]
pub struct Circles {
    /// Waves of each circle, each waiting for the one before it in the list, the first for the last.
    pub circles: Vec<Vec<usize>>,
    /// Waves that wait for a circle without being part of one.
    pub behind: Vec<usize>,
}

/// The order that `after` (for each wave, the waves directly before it) describes.
pub fn order(after: &[Vec<usize>]) -> Result<Order, Circles> {
    let mut graph = DiGraph::<(), ()>::with_capacity(after.len(), after.len());
    let nodes: Vec<NodeIndex> = after.iter().map(|_| graph.add_node(())).collect();
    for (wave, predecessors) in after.iter().enumerate() {
        for predecessor in predecessors {
            graph.update_edge(nodes[*predecessor], nodes[wave], ());
        }
    }
    let Ok(sorted) = toposort(&graph, None) else { return Err(circles(&graph, after)) };
    let mut before = vec![0_u128; after.len()];
    for wave in sorted.into_iter().map(NodeIndex::index) {
        before[wave] = after[wave].iter().fold(0, |set, first| set | before[*first] | 1 << first);
    }
    Ok(Order { before })
}

fn circles(graph: &DiGraph<(), ()>, after: &[Vec<usize>]) -> Circles {
    let mut circles: Vec<Vec<usize>> = tarjan_scc(graph)
        .into_iter()
        .map(|component| component.into_iter().map(NodeIndex::index).collect::<Vec<_>>())
        .filter(|component| component.len() > 1 || after[component[0]].contains(&component[0]))
        .map(|component| one_circle(&component, after))
        .collect();
    circles.sort();
    let mut is_stuck = vec![false; after.len()];
    for wave in circles.iter().flatten() {
        is_stuck[*wave] = true;
    }
    let in_circle = is_stuck.clone();
    while let Some(next) =
        (0..after.len()).find(|wave| !is_stuck[*wave] && after[*wave].iter().any(|first| is_stuck[*first]))
    {
        is_stuck[next] = true;
    }
    let behind = (0..after.len()).filter(|wave| is_stuck[*wave] && !in_circle[*wave]).collect();
    Circles { circles, behind }
}

/// One circle through the first wave of a strongly connected component, walked backwards along `after`.
fn one_circle(component: &[usize], after: &[Vec<usize>]) -> Vec<usize> {
    let Some(start) = component.iter().min().copied() else { return Vec::new() };
    let mut walked = vec![start];
    loop {
        let here = walked[walked.len() - 1];
        let Some(next) = after[here].iter().copied().find(|wave| component.contains(wave)) else { break };
        if let Some(seen) = walked.iter().position(|wave| *wave == next) {
            walked.drain(..seen);
            break;
        }
        walked.push(next);
    }
    walked.reverse();
    walked
}
