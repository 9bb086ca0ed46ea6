//! Fills the waves from the one order.

use super::graph::WaveGraph;
use super::order::is_within;
use super::questions::Questions;
use super::refusal;
use super::strata::Ranked;
use std::collections::{BTreeMap, BTreeSet};
use wavetrain_model::fleet::{Architecture, Platform, Site};
use wavetrain_model::id::{NodeIndex, WaveIndex};
use wavetrain_model::plan::Refusal;
use wavetrain_model::spec::{Rollout, Take};

/// A wave's nodes, in the one order.
#[derive(Debug, Default, Clone)]
pub(super) struct Members {
    pub(super) nodes: Vec<NodeIndex>,
    pub(super) topped_up: Vec<NodeIndex>,
    pub(super) cumulative: u32,
    pub(super) population: u32,
}

/// All waves, parallel to the plan file's.
#[derive(Debug)]
pub(super) struct Filled {
    pub(super) waves: Vec<Members>,
    pub(super) notes: Vec<String>,
    pub(super) refusals: Vec<Refusal>,
}

/// No wave yet.
const NONE: u16 = u16::MAX;

type Kind = (Platform, Architecture);

/// Fills wave after wave.
pub(super) fn fill(
    spec: &Rollout,
    sites: &[Site],
    questions: &Questions,
    graph: &WaveGraph,
    ranked: &Ranked,
    order: &[u32],
) -> Filled {
    let mut filling = Filling {
        spec,
        questions,
        graph,
        ranked,
        order,
        populations: spec
            .waves
            .iter()
            .map(|wave| ranked.strata.iter().map(|stratum| is_within(&wave.within, sites, stratum)).collect())
            .collect(),
        wave_of: vec![NONE; order.len()],
        kinds: vec![BTreeSet::new(); spec.waves.len()],
        filled: Filled {
            waves: vec![Members::default(); spec.waves.len()],
            notes: Vec::new(),
            refusals: Vec::new(),
        },
    };
    for wave in &graph.order {
        filling.wave(*wave);
    }
    filling.filled
}

struct Filling<'a> {
    spec: &'a Rollout,
    questions: &'a Questions,
    graph: &'a WaveGraph,
    ranked: &'a Ranked,
    order: &'a [u32],
    /// Per wave, which strata belong to it.
    populations: Vec<Vec<bool>>,
    /// Per node.
    wave_of: Vec<u16>,
    /// Per tag wave: platforms and architectures covered by it and the tag waves before it.
    kinds: Vec<BTreeSet<Kind>>,
    filled: Filled,
}

impl Filling<'_> {
    fn wave(&mut self, wave: WaveIndex) {
        let strata = self.ranked.strata.iter().zip(&self.populations[wave.at()]);
        let population = strata.filter(|(_, within)| **within).map(|(stratum, _)| stratum.size).sum();
        let before = self.taken_before(wave);
        let mut members = match &self.spec.waves[wave.at()].take {
            Take::Tag { .. } => self.tagged(wave),
            Take::Percent(percent) => {
                let least = before + u32::from(before < population);
                let wanted = percent.of_rounded_up(population).max(least) - before;
                let members = self.next(wave, wanted as usize);
                self.note_taken_ahead(wave, &members);
                members
            }
        };
        for node in &members.nodes {
            self.wave_of[node.at()] = wave.0;
        }
        members.population = population;
        members.cumulative = before + members.nodes.len() as u32;
        self.filled.waves[wave.at()] = members;
    }

    /// Nodes of the wave's population in waves that come before it.
    fn taken_before(&self, wave: WaveIndex) -> u32 {
        let within = &self.populations[wave.at()];
        let is_taken = |(node, taken_by): &(usize, &u16)| {
            **taken_by != NONE
                && self.graph.is_before(WaveIndex(**taken_by), wave)
                && within[self.ranked.nodes[*node].stratum.at()]
        };
        self.wave_of.iter().enumerate().filter(is_taken).count() as u32
    }

    /// The next free nodes of the wave's population.
    fn next(&self, wave: WaveIndex, wanted: usize) -> Members {
        let nodes = self.free(wave).take(wanted).collect();
        Members { nodes, ..Members::default() }
    }

    fn free(&self, wave: WaveIndex) -> impl Iterator<Item = NodeIndex> {
        self.of_population(wave).filter(|node| self.wave_of[node.at()] == NONE)
    }

    fn of_population(&self, wave: WaveIndex) -> impl Iterator<Item = NodeIndex> {
        let within = &self.populations[wave.at()];
        let nodes = self.order.iter().map(|node| NodeIndex(*node));
        nodes.filter(|node| within[self.ranked.nodes[node.at()].stratum.at()])
    }

    fn kind(&self, node: NodeIndex) -> Kind {
        let stratum = &self.ranked.strata[self.ranked.nodes[node.at()].stratum.at()];
        (stratum.platform, stratum.architecture)
    }

    /// A canary: its tagged nodes, and the first in order of each platform and architecture that they miss.
    ///
    /// What is missed is judged by tags alone, whatever percentages took before: otherwise raising a percentage could
    /// make a top-up needless and move its node back.
    fn tagged(&mut self, wave: WaveIndex) -> Members {
        let is_tagged = |node: NodeIndex| self.questions.is_canary_of(wave.at(), self.ranked.tags[node.at()]);
        let earlier = self.graph.order.iter().filter(|earlier| self.graph.is_before(**earlier, wave));
        let mut covered: BTreeSet<Kind> =
            earlier.flat_map(|earlier| self.kinds[earlier.at()].iter().copied()).collect();
        covered.extend(self.of_population(wave).filter(|node| is_tagged(*node)).map(|node| self.kind(node)));
        let mut missing: BTreeMap<Kind, NodeIndex> = BTreeMap::new();
        for node in self.of_population(wave) {
            let kind = self.kind(node);
            if !covered.contains(&kind) {
                missing.entry(kind).or_insert(node);
            }
        }
        let names: Vec<String> =
            missing.keys().map(|(platform, architecture)| format!("{platform} {architecture}")).collect();
        let spec = &self.spec.waves[wave.at()];
        if !spec.top_up && !names.is_empty() {
            self.filled.refusals.push(refusal::canary_incomplete(&spec.name, &names));
        }
        let added: BTreeSet<NodeIndex> = missing.values().copied().collect();
        let nodes: Vec<NodeIndex> =
            self.free(wave).filter(|node| is_tagged(*node) || added.contains(node)).collect();
        let topped_up: Vec<NodeIndex> = nodes.iter().copied().filter(|node| added.contains(node)).collect();
        for node in &topped_up {
            let (platform, architecture) = self.kind(*node);
            let id = &self.ranked.nodes[node.at()].id;
            self.filled.notes.push(format!(
                "canary wave {} is topped up with {id}: no tagged node is {platform} {architecture}",
                spec.name
            ));
        }
        covered.extend(missing.into_keys());
        self.kinds[wave.at()] = covered;
        Members { nodes, topped_up, ..Members::default() }
    }

    /// Nodes that earlier percentages of a part of this population took beyond what this wave reaches elsewhere. They
    /// count, so others find fewer places; no choice of nodes could avoid that while sizes stay exact, so it is said.
    fn note_taken_ahead(&mut self, wave: WaveIndex, members: &Members) {
        let Some(last) = members.nodes.last() else { return };
        let beyond = self.of_population(wave).skip_while(|node| node != last);
        let takers = beyond.map(|node| self.wave_of[node.at()]).filter(|taker| {
            let is_percent =
                |taker: u16| matches!(self.spec.waves[usize::from(taker)].take, Take::Percent(_));
            *taker != NONE && is_percent(*taker) && self.graph.is_before(WaveIndex(*taker), wave)
        });
        let mut ahead: BTreeMap<u16, usize> = BTreeMap::new();
        for taker in takers {
            *ahead.entry(taker).or_default() += 1;
        }
        for (taker, nodes) in ahead {
            self.filled.notes.push(format!(
                "wave {} counts {} that {} took ahead of their turn; the others find fewer places",
                self.spec.waves[wave.at()].name,
                refusal::plural(nodes, "node"),
                self.spec.waves[usize::from(taker)].name,
            ));
        }
    }
}
