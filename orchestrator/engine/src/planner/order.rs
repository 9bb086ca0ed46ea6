//! The one order of the eligible nodes that all percentages cut.
//!
//! Strata take turns as [`spread`] says; within a stratum nodes come by rank. Where the plan file restricts percentages
//! (`where`), strata are first put into cells that no restriction splits; cells take turns among all nodes, strata within
//! their cell. So
//!
//! - a population that is one cell (all of E when nothing is restricted; each Region when waves go Region by Region) finds,
//!   in every beginning, each stratum's exact share rounded up or down;
//! - a population of several cells finds each cell's share so, and each stratum's within less than two nodes.
//!
//! One order per population would be exact everywhere, but then a node that an early unrestricted wave takes could
//! displace another from a later restricted wave, and raising a percentage would move nodes back.

use super::spread::spread;
use super::strata::Ranked;
use std::collections::BTreeMap;
use wavetrain_model::fleet::Site;
use wavetrain_model::plan::Stratum;
use wavetrain_model::spec::{Rollout, Take, Within};

/// Whether a restriction lets a stratum through.
pub(super) fn is_within(within: &Within, sites: &[Site], stratum: &Stratum) -> bool {
    let site = &sites[stratum.site.at()];
    (within.accounts.is_empty() || within.accounts.contains(&site.account))
        && (within.regions.is_empty() || within.regions.contains(&site.region))
        && (within.platforms.is_empty() || within.platforms.contains(&stratum.platform))
}

/// Node indices in order.
pub(super) fn order(spec: &Rollout, sites: &[Site], ranked: &Ranked) -> Vec<u32> {
    let mut next: Vec<u32> = Vec::with_capacity(ranked.strata.len());
    let mut first = 0;
    for stratum in &ranked.strata {
        next.push(first);
        first += stratum.size;
    }
    let cells = cells(spec, sites, &ranked.strata);
    let in_cells: Vec<Vec<u32>> = cells
        .iter()
        .map(|strata| {
            let weights: Vec<u32> = strata.iter().map(|at| ranked.strata[*at as usize].size).collect();
            // Seats equally urgent go by hash, not by the strata's order: that would send every rollout to the same
            // accounts first.
            let tie = |group: u32, seat: u32| {
                let stratum = strata[group as usize] as usize;
                ranked.keys[(next[stratum] + seat) as usize]
            };
            let turns = spread(&weights, tie);
            turns.into_iter().map(|group| strata[group as usize]).collect()
        })
        .collect();
    let weights: Vec<u32> = in_cells.iter().map(|turns| turns.len() as u32).collect();
    let mut cursors: Vec<_> = in_cells.iter().map(|turns| turns.iter()).collect();
    let mut order = Vec::with_capacity(ranked.nodes.len());
    for cell in spread(&weights, |_, _| 0) {
        let Some(stratum) = cursors[cell as usize].next() else { continue };
        order.push(next[*stratum as usize]);
        next[*stratum as usize] += 1;
    }
    order
}

/// Strata by which restrictions let them through.
fn cells(spec: &Rollout, sites: &[Site], strata: &[Stratum]) -> Vec<Vec<u32>> {
    let restrictions: Vec<&Within> = spec
        .waves
        .iter()
        .filter(|wave| matches!(wave.take, Take::Percent(_)) && !wave.within.is_everything())
        .map(|wave| &wave.within)
        .collect();
    let mut cells: BTreeMap<Vec<bool>, Vec<u32>> = BTreeMap::new();
    for (at, stratum) in strata.iter().enumerate() {
        let passes = restrictions.iter().map(|within| is_within(within, sites, stratum)).collect();
        cells.entry(passes).or_default().push(at as u32);
    }
    let mut cells: Vec<Vec<u32>> = cells.into_values().collect();
    // By strata, not by the restrictions' places in the plan file: reordering its waves changes nothing.
    cells.sort_unstable();
    cells
}
