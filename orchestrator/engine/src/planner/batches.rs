//! Batches: what one command can carry.

use super::fill::Members;
use super::strata::Ranked;
use wavetrain_model::id::{BatchIndex, NodeIndex, SiteIndex, WaveIndex};
use wavetrain_model::limit::NODES_PER_COMMAND;
use wavetrain_model::plan::{Batch, PlannedWave};

/// Cuts each wave into batches of one site, keeping the order of the nodes (so platforms stay mixed as in the wave), and
/// lets sites take turns, so that dispatch in this order loads all of them alike.
pub(super) fn cut(waves: Vec<Members>, ranked: &Ranked) -> (Vec<PlannedWave>, Vec<Batch>) {
    let mut batches = Vec::new();
    let planned = waves.into_iter().enumerate().map(|(at, members)| {
        let first_batch = BatchIndex(batches.len() as u32);
        append(&mut batches, WaveIndex(at as u16), &members.nodes, ranked);
        PlannedWave {
            size: members.nodes.len() as u32,
            cumulative: members.cumulative,
            population: members.population,
            topped_up: members.topped_up,
            first_batch,
            batches: batches.len() as u32 - first_batch.0,
        }
    });
    (planned.collect(), batches)
}

fn append(batches: &mut Vec<Batch>, wave: WaveIndex, nodes: &[NodeIndex], ranked: &Ranked) {
    let sites = ranked.strata.last().map_or(0, |stratum| stratum.site.at() + 1);
    let mut by_site: Vec<Vec<NodeIndex>> = vec![Vec::new(); sites];
    for node in nodes {
        let stratum = ranked.nodes[node.at()].stratum;
        by_site[ranked.strata[stratum.at()].site.at()].push(*node);
    }
    let mut turns: Vec<_> = by_site
        .iter()
        .enumerate()
        .map(|(site, nodes)| (SiteIndex(site as u32), nodes.chunks(NODES_PER_COMMAND)))
        .collect();
    while !turns.is_empty() {
        turns.retain_mut(|(site, chunks)| {
            let chunk = chunks.next();
            batches.extend(chunk.map(|nodes| Batch { wave, site: *site, nodes: nodes.to_vec() }));
            chunk.is_some()
        });
    }
}
