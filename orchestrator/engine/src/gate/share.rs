//! The share of good nodes among those that say something.

use super::Judgement;
use std::collections::BTreeMap;
use wavetrain_model::gate::Verdict;
use wavetrain_model::id::NodeIndex;
use wavetrain_model::plan::Plan;
use wavetrain_model::quantity::Percent;
use wavetrain_model::spec::Per;

/// What one node says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Word {
    Good,
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
    bad: Vec<(NodeIndex, &'a str)>,
    silent: Vec<(NodeIndex, &'a str)>,
}

/// Judges all nodes together, or each group by itself: the worst counts. None: nobody was asked.
pub(super) fn judge(
    plan: &Plan,
    per: Option<Per>,
    bar: Bar<'_>,
    said: &[(NodeIndex, Word)],
) -> Option<Judgement> {
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
    let reporting = group.good + group.bad.len() as u32;
    let silent = group.silent.len() as u32;
    let asked = reporting + silent;
    let first = |nodes: &[(NodeIndex, &str)]| {
        nodes.first().map_or_else(String::new, |(node, why)| format!("; {} {why}", plan.nodes[node.at()].id))
    };
    let statistic = format!("{} of {reporting} reporting nodes are {adjective}", group.good);
    // Were all that say nothing good, it would still be too few.
    let is_hopeless = is_below(at_least, group.good + silent, asked);
    let is_heard = reporting > 0 && !is_below(minimum_reporting, reporting, asked);
    let (verdict, sentence) = if is_hopeless || is_heard && is_below(at_least, group.good, reporting) {
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
    Judgement { verdict, sentence, statistic }
}

/// Whether a part is less than this share of the whole.
fn is_below(share: Percent, part: u32, whole: u32) -> bool {
    u64::from(part) * 10_000 < u64::from(share.0) * u64::from(whole)
}
