//! Random fleets and random wave shapes.

use super::fixture::{canary, empty_fleet, in_region, node, on_platform, percent, rollout, with_canary_tag};
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::fmt;
use wavetrain_model::fleet::{Architecture, Platform, Snapshot};
use wavetrain_model::quantity::Percent;
use wavetrain_model::spec::{Rollout, Take, Wave};

const KINDS: [(Platform, Architecture); 3] = [
    (Platform::Linux, Architecture::X86_64),
    (Platform::Linux, Architecture::Arm64),
    (Platform::Windows, Architecture::X86_64),
];

/// A plan file and a fleet for it.
#[derive(Clone)]
pub(crate) struct Case {
    pub(crate) spec: Rollout,
    pub(crate) fleet: Snapshot,
}

/// Small enough to read when a property fails: the waves, and nodes per site, platform, architecture and tag.
impl fmt::Debug for Case {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut counts: BTreeMap<_, u32> = BTreeMap::new();
        for node in &self.fleet.nodes {
            *counts.entry((node.site.0, node.platform, node.architecture, node.tags.0)).or_default() += 1;
        }
        let waves = self.spec.waves.iter().map(|wave| (&wave.name, &wave.take, &wave.after, &wave.within));
        formatter.debug_list().entries(waves).finish()?;
        formatter.debug_map().entries(counts).finish()
    }
}

#[derive(Debug, Clone, Copy)]
pub(crate) enum Canary {
    Never,
    Always,
    Sometimes,
}

/// Any fleet, any shape.
pub(crate) fn any_case() -> impl Strategy<Value = Case> {
    case(Canary::Sometimes)
}

pub(crate) fn case(canary: Canary) -> impl Strategy<Value = Case> {
    case_of(waves(canary, 4))
}

/// As [`case`], with one unrestricted wave after the other.
pub(crate) fn chain(canary: Canary) -> impl Strategy<Value = Case> {
    case_of(waves(canary, 1))
}

fn case_of(waves: impl Strategy<Value = Vec<Wave>>) -> impl Strategy<Value = Case> {
    (waves, groups(), "[a-z]{1,8}").prop_map(|(waves, groups, salt)| {
        let mut spec = rollout(waves);
        spec.salt = salt;
        let mut fleet = empty_fleet(&spec);
        let has_canary = spec.waves.iter().any(|wave| matches!(wave.take, Take::Tag { .. }));
        for (at, (count, tagged)) in groups.into_iter().enumerate() {
            let (platform, architecture) = KINDS[at % KINDS.len()];
            for number in 0..count {
                let node = node((at / KINDS.len()) as u32, at * 1000 + number, platform, architecture);
                let is_tagged = has_canary && number < tagged;
                fleet.nodes.push(if is_tagged { with_canary_tag(node) } else { node });
            }
        }
        if fleet.nodes.is_empty() {
            fleet.nodes.push(node(0, 0, Platform::Linux, Architecture::X86_64));
        }
        Case { spec, fleet }
    })
}

/// Nodes and canary tags per stratum: often none, sometimes many.
fn groups() -> impl Strategy<Value = Vec<(usize, usize)>> {
    let count = prop_oneof![2 => Just(0_usize), 3 => 1_usize..6, 3 => 6_usize..90];
    let tagged = prop_oneof![3 => Just(0_usize), 1 => 1_usize..4, 1 => 4_usize..30];
    prop::collection::vec((count, tagged), 4 * KINDS.len())
}

fn waves(with_canary: Canary, fork_kinds: u8) -> impl Strategy<Value = Vec<Wave>> {
    let canary_first = match with_canary {
        Canary::Never => Just(false).boxed(),
        Canary::Always => Just(true).boxed(),
        Canary::Sometimes => any::<bool>().boxed(),
    };
    let shares = prop::collection::vec(0_u16..=10_000, 0..5);
    let forks = prop::collection::vec(0_u16..=10_000, 4);
    let joint = prop::option::of(0_u16..=10_000);
    (canary_first, shares, 0..fork_kinds, forks, joint).prop_map(
        |(canary_first, mut shares, fork, mut forks, joint)| {
            let mut waves = Vec::new();
            if canary_first {
                waves.push(canary("canary", &[]));
            }
            shares.sort_unstable();
            for (at, share) in shares.iter().enumerate() {
                let after: Vec<u16> =
                    waves.len().checked_sub(1).map(|last| last as u16).into_iter().collect();
                let wave =
                    Wave { take: Take::Percent(Percent(*share)), ..percent(&format!("p{at}"), 0, &after) };
                waves.push(wave);
            }
            let least = shares.last().copied().unwrap_or(0);
            for share in &mut forks {
                *share = (*share).max(least);
            }
            let mut ends = push_fork(&mut waves, fork, &forks);
            if let Some(joint) = joint {
                let wave = percent("joint", 0, &ends);
                waves.push(Wave { take: Take::Percent(Percent(joint.max(least))), ..wave });
                ends = vec![waves.len() as u16 - 1];
            }
            waves.push(percent("all", 100, &ends));
            waves
        },
    )
}

/// Two branches of two waves each, one branch after the other, or none; gives the last waves.
fn push_fork(waves: &mut Vec<Wave>, fork: u8, shares: &[u16]) -> Vec<u16> {
    let end: Vec<u16> = waves.len().checked_sub(1).map(|last| last as u16).into_iter().collect();
    if fork == 0 {
        return end;
    }
    let restrict = |wave: Wave, branch: usize| match (fork, branch) {
        (1 | 3, 0) => in_region(wave, "eu-west-1"),
        (1 | 3, _) => in_region(wave, "us-east-1"),
        (_, 0) => on_platform(wave, Platform::Linux),
        _ => on_platform(wave, Platform::Windows),
    };
    let mut ends = Vec::new();
    let mut before = end;
    for branch in 0..2 {
        let (low, high) =
            (shares[branch * 2].min(shares[branch * 2 + 1]), shares[branch * 2].max(shares[branch * 2 + 1]));
        let mut after = before.clone();
        for (step, share) in [low, high].into_iter().enumerate() {
            let wave = percent(&format!("b{branch}{step}"), 0, &after);
            waves.push(restrict(Wave { take: Take::Percent(Percent(share)), ..wave }, branch));
            after = vec![waves.len() as u16 - 1];
        }
        if fork == 3 {
            before.clone_from(&after);
            ends = after;
        } else {
            ends.extend(after);
        }
    }
    ends
}
