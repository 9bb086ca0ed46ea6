//! The share of good nodes among those that say something.

use super::{Case, Judgement, sight};
use std::collections::{BTreeMap, BTreeSet};
use wavetrain_model::gate::{Scope, Verdict};
use wavetrain_model::id::{NodeIndex, WaveIndex};
use wavetrain_model::plan::Plan;
use wavetrain_model::quantity::Percent;
use wavetrain_model::spec::{Gate, Per};
use wavetrain_model::state::WavePhase;

/// What one node says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Word {
    Good,
    /// Bad, and no better before the version came: it says nothing against it.
    Before,
    /// Why not.
    Bad(String),
    /// Why nothing is known.
    Silent(String),
}

/// How many good nodes are wanted.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bar<'a> {
    pub(super) at_least: Percent,
    pub(super) minimum_reporting: Percent,
    /// What good nodes are, such as `compliant`.
    pub(super) adjective: &'a str,
}

#[derive(Debug, Default)]
struct Group<'a> {
    good: u32,
    before: u32,
    bad: Vec<(NodeIndex, &'a str)>,
    silent: Vec<(NodeIndex, &'a str)>,
}

/// Judges what a guard's nodes say: all together, and the waves under way also by themselves, because the many good nodes of earlier
/// waves would outweigh them. Of a wave that still opens only what it cannot make good any more counts.
pub(super) fn of_case(
    case: Case<'_>,
    gate: &Gate,
    bar: Bar<'_>,
    said: &[(NodeIndex, Word)],
) -> Option<Judgement> {
    let Case { plan, state, scope, .. } = case;
    let all = judge(plan, gate.per, bar, said);
    if scope != Scope::Guard {
        return all;
    }
    let by_wave = plan.wave_indices().filter(|wave| gate.measures(*wave)).filter_map(|wave| {
        let of_wave = |node: &NodeIndex| plan.nodes[node.at()].wave == Some(wave);
        let mut own: Vec<(NodeIndex, Word)> =
            said.iter().filter(|(node, _)| of_wave(node)).cloned().collect();
        // Nothing of it was asked about: what concerns it is the others' business, too.
        if own.is_empty() || own.len() == said.len() {
            return None;
        }
        let judgement = match state.wave(wave).phase {
            WavePhase::Baking { .. } => judge(plan, gate.per, bar, &own),
            WavePhase::Open { .. } => {
                own.extend(unheard(plan, gate, wave, &own));
                judge(plan, gate.per, bar, &own).filter(|judgement| judgement.verdict == Verdict::Fail)
            }
            WavePhase::Waiting
            | WavePhase::Blocked { .. }
            | WavePhase::Passed { .. }
            | WavePhase::Failed { .. } => None,
        }?;
        let sentence = format!("wave {}: {}", plan.wave_name(wave), judgement.sentence);
        Some(Judgement { sentence, ..judgement })
    });
    let judged: Vec<Judgement> = all.into_iter().chain(by_wave).collect();
    judged.into_iter().rev().max_by_key(|judgement| judgement.verdict)
}

/// Nodes of a wave that may still be good.
fn unheard(plan: &Plan, gate: &Gate, wave: WaveIndex, said: &[(NodeIndex, Word)]) -> Vec<(NodeIndex, Word)> {
    let heard: BTreeSet<NodeIndex> = said.iter().map(|(node, _)| *node).collect();
    let batches = plan.waves[wave.at()].batch_indices().map(|batch| &plan.batches[batch.at()]);
    let others = batches.flat_map(|batch| &batch.nodes).copied();
    let others = others.filter(|node| !heard.contains(node) && sight::sees(plan, gate, *node));
    others.map(|node| (node, Word::Silent("is not upgraded yet".to_owned()))).collect()
}

/// Judges all nodes together, or each group by itself: the worst counts. None: nobody was asked.
fn judge(plan: &Plan, per: Option<Per>, bar: Bar<'_>, said: &[(NodeIndex, Word)]) -> Option<Judgement> {
    let mut groups: BTreeMap<u32, Group<'_>> = BTreeMap::new();
    for (node, word) in said {
        let key = match per {
            None => 0,
            Some(Per::Site) => plan.site_of(*node).0,
            Some(Per::Stratum) => plan.nodes[node.at()].stratum.0,
        };
        let group = groups.entry(key).or_default();
        match word {
            Word::Good => group.good += 1,
            Word::Before => group.before += 1,
            Word::Bad(why) => group.bad.push((*node, why)),
            Word::Silent(why) => group.silent.push((*node, why)),
        }
    }
    let judged: Vec<Judgement> =
        groups.iter().map(|(key, group)| one(plan, bar, &place(plan, per, *key), group)).collect();
    judged.into_iter().rev().max_by_key(|judgement| judgement.verdict)
}

/// The beginning of a sentence about a part.
pub(super) fn place(plan: &Plan, per: Option<Per>, key: u32) -> String {
    match per {
        None => String::new(),
        Some(Per::Site) => format!("{}: ", plan.sites[key as usize].site),
        Some(Per::Stratum) => {
            let stratum = &plan.strata[key as usize];
            let site = &plan.sites[stratum.site.at()].site;
            format!("{site} {} {}: ", stratum.platform, stratum.architecture)
        }
    }
}

fn one(plan: &Plan, bar: Bar<'_>, place: &str, group: &Group<'_>) -> Judgement {
    let Bar { at_least, minimum_reporting, adjective } = bar;
    let fine = group.good + group.before;
    let reporting = fine + group.bad.len() as u32;
    let silent = group.silent.len() as u32;
    let asked = reporting + silent;
    let first = |nodes: &[(NodeIndex, &str)]| {
        nodes.first().map_or_else(String::new, |(node, why)| format!("; {} {why}", plan.nodes[node.at()].id))
    };
    let before = match group.before {
        0 => String::new(),
        before => format!(", {before} were not before the wave either"),
    };
    let statistic = format!("{} of {reporting} reporting nodes are {adjective}{before}", group.good);
    // Were all that say nothing good, it would still be too few.
    let is_hopeless = is_below(at_least, fine + silent, asked);
    let is_heard = reporting > 0 && !is_below(minimum_reporting, reporting, asked);
    let (verdict, sentence) = if is_hopeless || is_heard && is_below(at_least, fine, reporting) {
        (Verdict::Fail, format!("{place}{statistic}, at least {at_least} are wanted{}", first(&group.bad)))
    } else if is_heard {
        (Verdict::Pass, format!("{place}{statistic}, at least {at_least} are wanted"))
    } else {
        let why = first(&group.silent);
        let sentence = format!(
            "{place}{reporting} of {asked} nodes report, at least {minimum_reporting} are wanted{why}"
        );
        (Verdict::Inconclusive, sentence)
    };
    Judgement { verdict, sentence, statistic, bad: None }
}

/// Whether a part is less than this share of the whole.
fn is_below(share: Percent, part: u32, whole: u32) -> bool {
    u64::from(part) * 10_000 < u64::from(share.0) * u64::from(whole)
}
