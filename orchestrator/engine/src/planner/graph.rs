//! The waves as a graph: an order to fill them in, and who comes before whom.

use petgraph::Direction;
use petgraph::algo::tarjan_scc;
use petgraph::graphmap::DiGraphMap;
use std::collections::BTreeSet;
use wavetrain_model::id::WaveIndex;
use wavetrain_model::spec::Wave;

/// Waves without cycles.
#[derive(Debug)]
pub(super) struct WaveGraph {
    /// Every wave after all that it waits for; among those that may come next, the first of the plan file.
    pub(super) order: Vec<WaveIndex>,
    /// For each wave, which waves have passed before it opens.
    before: Vec<Vec<bool>>,
}

impl WaveGraph {
    /// Sorts the waves; the error is one set of waves that wait for each other.
    pub(super) fn of(waves: &[Wave]) -> Result<Self, Vec<WaveIndex>> {
        let graph = edges(waves);
        let is_cycle =
            |group: &Vec<u16>| group.len() > 1 || group.iter().any(|wave| graph.contains_edge(*wave, *wave));
        if let Some(mut group) = tarjan_scc(&graph).into_iter().find(is_cycle) {
            group.sort_unstable();
            return Err(group.into_iter().map(WaveIndex).collect());
        }
        let order = stable_order(&graph);
        let mut before = vec![vec![false; waves.len()]; waves.len()];
        for wave in &order {
            for predecessor in graph.neighbors_directed(wave.0, Direction::Incoming) {
                let mut row = std::mem::take(&mut before[wave.at()]);
                row[usize::from(predecessor)] = true;
                for (mine, theirs) in row.iter_mut().zip(&before[usize::from(predecessor)]) {
                    *mine |= theirs;
                }
                before[wave.at()] = row;
            }
        }
        Ok(Self { order, before })
    }

    /// Whether `earlier` has passed before `later` opens.
    pub(super) fn is_before(&self, earlier: WaveIndex, later: WaveIndex) -> bool {
        self.before[later.at()][earlier.at()]
    }
}

fn edges(waves: &[Wave]) -> DiGraphMap<u16, ()> {
    let mut graph = DiGraphMap::new();
    for (at, wave) in waves.iter().enumerate() {
        graph.add_node(at as u16);
        for after in wave.after.iter().filter(|after| after.at() < waves.len()) {
            graph.add_edge(after.0, at as u16, ());
        }
    }
    graph
}

/// Takes the smallest free wave each time. `petgraph::algo::toposort` would do for validity, but its order among
/// unrelated waves follows its own search, and here the plan file's order must decide.
fn stable_order(graph: &DiGraphMap<u16, ()>) -> Vec<WaveIndex> {
    let mut done = BTreeSet::new();
    let mut order = Vec::with_capacity(graph.node_count());
    let waits = |wave: u16, done: &BTreeSet<u16>| {
        graph.neighbors_directed(wave, Direction::Incoming).any(|before| !done.contains(&before))
    };
    let mut free: BTreeSet<u16> = graph.nodes().filter(|wave| !waits(*wave, &done)).collect();
    while let Some(wave) = free.pop_first() {
        done.insert(wave);
        order.push(WaveIndex(wave));
        free.extend(graph.neighbors(wave).filter(|next| !done.contains(next) && !waits(*next, &done)));
    }
    order
}
