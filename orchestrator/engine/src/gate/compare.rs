//! Canary against control: upgraded nodes beside untouched nodes of the same strata, over the same stretch of time.
//!
//! Each node counts once, with its mean: values of one node minutes apart are not independent of each other. A gate looks again
//! and again, so each look may only spend a part of the level ([`level_of_look`]); that holds whatever the looks have in common.

use super::{Case, Judgement, condition, share, sight};
use crate::statistics::power::{Demand, detectable_effect, detectable_rise};
use crate::statistics::proportion::{Proportion, fisher_test};
use crate::statistics::rank::{Method, mann_whitney};
use crate::statistics::sequential::level_of_look;
use crate::statistics::{Alternative, Error, significant};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use wavetrain_model::gate::{Found, Level, Reading, Scope, Series, Verdict};
use wavetrain_model::id::{NodeIndex, SiteIndex, StratumIndex, WaveIndex};
use wavetrain_model::outcome::Outcome;
use wavetrain_model::plan::Plan;
use wavetrain_model::quantity::Percent;
use wavetrain_model::spec::{Check, Compare, Condition, Gate, Per, Worse};
use wavetrain_model::state::{Forward, State};

/// Power at which the smallest visible effect is told: what one sees four times out of five.
const POWER: f64 = 0.8;

/// Share of the nodes asked that must report.
const REPORTING: Percent = Percent::whole(90);

/// Nodes to compare.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Arms {
    pub(crate) upgraded: Vec<NodeIndex>,
    pub(crate) untouched: Vec<NodeIndex>,
}

/// The nodes that a gate compares now; none for other kinds of gates.
///
/// From every stratum as many untouched nodes as upgraded ones. The untouched ones are taken from the end of the order: those are
/// touched last, so the same nodes serve from look to look.
pub(crate) fn arms(plan: &Plan, state: &State, gate: &Gate, scope: Scope) -> Arms {
    let Check::Compare(compare) = &gate.check else { return Arms::default() };
    let is_upgraded = |node: &NodeIndex| {
        let forward = state.nodes[node.at()].forward;
        let of_scope = match scope {
            Scope::Wave(wave) | Scope::Blocker(wave) => plan.nodes[node.at()].wave == Some(wave),
            Scope::Guard => true,
        };
        of_scope
            && sight::of_gate(plan, gate, *node)
            && sight::sees(plan, gate, *node)
            && matches!(forward, Forward::Finished(Outcome::Succeeded | Outcome::Already))
    };
    let is_untouched = |node: NodeIndex| state.nodes[node.at()].forward == Forward::Waiting;
    let candidates: Vec<NodeIndex> = plan.node_indices().filter(is_upgraded).collect();
    let under_way =
        |node: NodeIndex| plan.nodes[node.at()].wave.filter(|wave| sight::is_under_way(state, *wave));
    matched(plan, gate.per, compare, candidates, is_untouched, under_way)
}

/// Nodes with an untouched one of their stratum each, cut to what a gate may ask about. First matched and then cut: a node that
/// stays without a counterpart must take nobody's place. Every part has its turn, because each must have enough by itself.
fn matched(
    plan: &Plan,
    per: Option<Per>,
    compare: &Compare,
    candidates: Vec<NodeIndex>,
    is_untouched: impl Fn(NodeIndex) -> bool,
    under_way: impl Fn(NodeIndex) -> Option<WaveIndex>,
) -> Arms {
    let mut room: BTreeMap<StratumIndex, u32> = BTreeMap::new();
    for node in &candidates {
        room.entry(plan.nodes[node.at()].stratum).or_default();
    }
    for node in plan.node_indices().filter(|node| is_untouched(*node)) {
        if let Some(room) = room.get_mut(&plan.nodes[node.at()].stratum) {
            *room += 1;
        }
    }
    // Where an earlier wave left too few of a kind, both sides go without: a platform's own level is no effect of the version.
    let count = candidates.len();
    let mut upgraded = sight::in_turns(plan, per, candidates, &under_way, count);
    upgraded.retain(|node| {
        let room = room.entry(plan.nodes[node.at()].stratum).or_default();
        let has_counterpart = *room > 0;
        *room = room.saturating_sub(1);
        has_counterpart
    });
    let mut upgraded = sight::in_turns(plan, per, upgraded, &under_way, compare.nodes as usize);
    let mut wanted: BTreeMap<StratumIndex, u32> = BTreeMap::new();
    for node in &upgraded {
        *wanted.entry(plan.nodes[node.at()].stratum).or_default() += 1;
    }
    let mut untouched = Vec::with_capacity(upgraded.len());
    for node in plan.node_indices().rev().filter(|node| is_untouched(*node)) {
        if let Some(wanted) = wanted.get_mut(&plan.nodes[node.at()].stratum).filter(|wanted| **wanted > 0) {
            *wanted -= 1;
            untouched.push(node);
        }
    }
    let order = |node: &NodeIndex| (plan.nodes[node.at()].stratum, plan.nodes[node.at()].rank, *node);
    upgraded.sort_by_key(order);
    untouched.sort_by_key(|node| (plan.nodes[node.at()].stratum, Reverse(*node)));
    Arms { upgraded, untouched }
}

/// Judges all sites together (arms are matched by stratum, not by site), or each part by itself: the worst counts.
pub(super) fn judge(case: Case<'_>, gate: &Gate, compare: &Compare, readings: &[Reading]) -> Judgement {
    let Some(per) = gate.per else { return together(case, compare, readings) };
    let parts: BTreeSet<u32> = parts(case.plan, gate).into_values().collect();
    // All parts look, so they share the level, too.
    let compare = Compare { alpha: part_alpha(compare, parts.len()), ..compare.clone() };
    let judged = parts.iter().filter_map(|part| {
        let readings: Vec<Reading> =
            readings.iter().filter_map(|reading| of_part(case.plan, per, *part, reading)).collect();
        let is_asked = readings.iter().any(|reading| match &reading.found {
            Ok(Found::Series(all)) => !all.is_empty(),
            _ => true,
        });
        let judgement = is_asked.then(|| together(case, &compare, &readings))?;
        let sentence = format!("{}{}", share::place(case.plan, Some(per), *part), judgement.sentence);
        Some(Judgement { sentence, ..judgement })
    });
    let judged: Vec<Judgement> = judged.collect();
    let worst = judged.into_iter().rev().max_by_key(|judgement| judgement.verdict);
    worst.unwrap_or_else(|| Judgement::new(Verdict::Inconclusive, "no nodes to compare".to_owned()))
}

/// What a reading says about one part; None: nothing.
fn of_part(plan: &Plan, per: Per, part: u32, reading: &Reading) -> Option<Reading> {
    let Ok(Found::Series(all)) = &reading.found else {
        let site_of_part = match per {
            Per::Site => SiteIndex(part),
            Per::Stratum => plan.strata[part as usize].site,
        };
        return reading.site.is_none_or(|site| site == site_of_part).then(|| reading.clone());
    };
    let part_of_node = |node: NodeIndex| part_of(plan, Some(per), plan.nodes[node.at()].stratum);
    let of_part = all.iter().filter(|series| series.node.is_some_and(|node| part_of_node(node) == part));
    Some(Reading::new(reading.site, Ok(Found::Series(of_part.cloned().collect()))))
}

fn part_of(plan: &Plan, per: Option<Per>, stratum: StratumIndex) -> u32 {
    match per {
        None => 0,
        Some(Per::Site) => plan.strata[stratum.at()].site.0,
        Some(Per::Stratum) => stratum.0,
    }
}

/// The strata where a gate looks, each with its part. From the plan alone, so that the level is shared in the same way at all looks.
fn parts(plan: &Plan, gate: &Gate) -> BTreeMap<StratumIndex, u32> {
    let strata = (0..plan.strata.len() as u32).map(StratumIndex).filter(|index| {
        let stratum = &plan.strata[index.at()];
        let platforms = &gate.within.platforms;
        stratum.size > 0
            && sight::sees_site(plan, gate, stratum.site)
            && (platforms.is_empty() || platforms.contains(&stratum.platform))
    });
    strata.map(|stratum| (stratum, part_of(plan, gate.per, stratum))).collect()
}

fn part_alpha(compare: &Compare, parts: usize) -> Percent {
    Percent(compare.alpha.0 / u16::try_from(parts.max(1)).unwrap_or(u16::MAX))
}

fn together(case: Case<'_>, compare: &Compare, readings: &[Reading]) -> Judgement {
    let mut sides = [Side::default(), Side::default()];
    for reading in readings {
        let place = super::place(case.plan, reading.site);
        match &reading.found {
            Err(message) => {
                return Judgement::new(Verdict::Error, format!("{place}could not be measured: {message}"));
            }
            Ok(Found::Series(all)) => {
                for series in all {
                    sides[usize::from(series.control)].take(compare, series);
                }
            }
            Ok(_) => {
                return Judgement::new(Verdict::Error, format!("{place}was asked something else"));
            }
        }
    }
    let [upgraded, untouched] = sides;
    let look = u64::from(case.record.map_or(0, |record| record.samples)) + 1;
    if let Some(lack) = lack(compare, &upgraded, &untouched) {
        return Judgement::new(Verdict::Inconclusive, lack);
    }
    match tested(compare, &upgraded, &untouched, look) {
        Err(error) => Judgement::new(Verdict::Error, format!("not comparable: {error}")),
        Ok(judgement) if judgement.verdict == Verdict::Fail => judgement,
        Ok(_) if !(upgraded.complete && untouched.complete) => {
            Judgement::new(Verdict::Inconclusive, "only a part of the data came back".to_owned())
        }
        Ok(judgement) => judgement,
    }
}

/// What one side of the comparison brought home.
struct Side {
    asked: u32,
    values: Vec<f64>,
    bad: Vec<Result<bool, String>>,
    complete: bool,
}

impl Default for Side {
    fn default() -> Self {
        Self { asked: 0, values: Vec::new(), bad: Vec::new(), complete: true }
    }
}

impl Side {
    fn take(&mut self, compare: &Compare, series: &Series) {
        self.asked += 1;
        self.complete &= series.complete;
        if series.points.is_empty() {
            return;
        }
        let total: f64 = series.points.iter().map(|point| point.value.get()).sum();
        self.values.push(total / series.points.len() as f64);
        if let Some(bad_if) = &compare.bad_if {
            let condition = Condition { fail_if: Some(bad_if.clone()), pass_if: None };
            let judged = condition::judge(&condition, series, 1).map_err(|error| error.to_string());
            self.bad.push(judged.map(|verdict| verdict == Verdict::Fail));
        }
    }

    fn reporting(&self) -> u32 {
        self.values.len() as u32
    }

    fn share(&self) -> Result<Proportion, String> {
        let mut bad = 0;
        for judged in &self.bad {
            bad += u64::from(judged.clone()?);
        }
        Proportion::new(bad, self.bad.len() as u64).map_err(|error| error.to_string())
    }
}

/// Why a comparison would prove nothing.
fn lack(compare: &Compare, upgraded: &Side, untouched: &Side) -> Option<String> {
    for (side, what) in [(upgraded, "upgraded"), (untouched, "untouched")] {
        let (reporting, asked, least) = (side.reporting(), side.asked, compare.minimum_nodes);
        if asked < least {
            return Some(format!("{asked} {what} nodes to compare, at least {least} are wanted"));
        }
        let silent = asked - reporting;
        if Percent(10_000 - REPORTING.0).is_exceeded_by(silent, asked) {
            return Some(format!(
                "{reporting} of {asked} {what} nodes report, at least {REPORTING} are wanted"
            ));
        }
        if reporting < least {
            return Some(format!("{reporting} {what} nodes report, at least {least} are wanted"));
        }
    }
    None
}

fn tested(compare: &Compare, upgraded: &Side, untouched: &Side, look: u64) -> Result<Judgement, String> {
    let alpha = alpha(compare);
    let level = level_of_look(look, alpha).map_err(|error| error.to_string())?;
    let (p, statistic) = match &compare.bad_if {
        Some(_) => by_share(upgraded, untouched)?,
        None => by_rank(compare, upgraded, untouched).map_err(|error| error.to_string())?,
    };
    let name = &compare.metric.name;
    let (m, n) = (u64::from(upgraded.reporting()), u64::from(untouched.reporting()));
    if !is_decidable(alpha, m, n) {
        let sentence = format!("{m} upgraded and {n} untouched nodes are too few to show any difference");
        return Ok(Judgement { verdict: Verdict::Inconclusive, sentence, statistic, bad: None });
    }
    let (verdict, sentence) = match level {
        Some(level) if significant(p, level) => {
            let sentence =
                format!("{name} is worse: {statistic}, p {p:.2e} at level {level:.2e} of look {look}");
            (Verdict::Fail, sentence)
        }
        // Not this look's turn, or not at its share of the level; but whoever looks suspicious earns no pass.
        _ if significant(p, alpha) => (
            Verdict::Inconclusive,
            format!("{name} may be worse: {statistic}, p {p:.2e}, not decided at look {look}"),
        ),
        _ => (Verdict::Pass, format!("{name} is not worse: {statistic}, p {p:.2}; {}", sees(compare, m, n))),
    };
    Ok(Judgement { verdict, sentence, statistic, bad: None })
}

/// The largest share of a level that any look gets.
fn best_level(alpha: f64) -> f64 {
    level_of_look(1, alpha).ok().flatten().unwrap_or(0.0)
}

/// Whether the clearest of all differences, every upgraded node beyond every untouched one, would be seen at any look: it has
/// the probability 1 / C(m+n, m) by chance.
fn is_decidable(alpha: f64, m: u64, n: u64) -> bool {
    let (few, many) = (m.min(n), m.max(n) as f64);
    let ln_splits: f64 = (1..=few.min(1_100)).map(|at| ((many + at as f64) / at as f64).ln()).sum();
    significant((-ln_splits).exp(), best_level(alpha))
}

fn by_share(upgraded: &Side, untouched: &Side) -> Result<(f64, String), String> {
    let (canary, control) = (upgraded.share()?, untouched.share()?);
    let statistic = format!(
        "{} of {} upgraded and {} of {} untouched nodes are bad",
        canary.events(),
        canary.trials(),
        control.events(),
        control.trials()
    );
    Ok((fisher_test(canary, control, Alternative::Greater).p, statistic))
}

fn by_rank(compare: &Compare, upgraded: &Side, untouched: &Side) -> Result<(f64, String), Error> {
    let tolerance = f64::from(compare.tolerance.0) / 10_000.0;
    let (alternative, factor) = match compare.worse {
        Worse::Higher => (Alternative::Greater, 1.0 + tolerance),
        Worse::Lower => (Alternative::Less, 1.0 - tolerance),
    };
    let allowed: Vec<f64> = untouched.values.iter().map(|value| value * factor).collect();
    let test = mann_whitney(&upgraded.values, &allowed, alternative, Method::Auto)?;
    let statistic = format!(
        "mean {} of {} upgraded against {} of {} untouched nodes, probability of superiority {:.2}",
        mean(&upgraded.values),
        upgraded.values.len(),
        mean(&untouched.values),
        untouched.values.len(),
        test.superiority
    );
    Ok((test.p, statistic))
}

fn mean(values: &[f64]) -> String {
    let mean = values.iter().sum::<f64>() / values.len().max(1) as f64;
    Level::new(mean).map_or_else(|| "?".to_owned(), |level| level.to_string())
}

fn alpha(compare: &Compare) -> f64 {
    f64::from(compare.alpha.0) / 10_000.0
}

/// The smallest effect that a comparison of so many nodes shows four times out of five, as a sentence.
fn sees(compare: &Compare, upgraded: u64, untouched: u64) -> String {
    let unseen = || "no effect could be seen with so few nodes".to_owned();
    let Ok(demand) = Demand::new(best_level(alpha(compare)), POWER) else { return unseen() };
    match &compare.bad_if {
        Some(_) => match detectable_rise(upgraded, untouched, 0.01, demand) {
            Ok(Some(rise)) => format!("a rise from 1 % to {:.0} % bad nodes would be seen", rise.to * 100.0),
            Ok(None) | Err(_) => unseen(),
        },
        None => match detectable_effect(upgraded, untouched, demand) {
            Ok(Some(effect)) => {
                format!("a shift of {:.1} standard deviations would be seen", effect.standard_deviations)
            }
            Ok(None) | Err(_) => unseen(),
        },
    }
}

/// Nodes that a gate wants to compare in a wave and cannot have, as (there, wanted).
pub(crate) fn too_few(plan: &Plan, gate: &Gate, wave: WaveIndex) -> Option<(u32, u32)> {
    let Check::Compare(compare) = &gate.check else { return None };
    let (there, compare) = narrowest(plan, gate, compare, wave);
    let is_enough =
        there >= compare.minimum_nodes && is_decidable(alpha(&compare), there.into(), there.into());
    (!is_enough).then_some((there, compare.minimum_nodes))
}

/// What a gate can see in a wave at best, as a sentence; None for gates that compare nothing.
pub(crate) fn detectable(plan: &Plan, gate: &Gate, wave: WaveIndex) -> Option<String> {
    let Check::Compare(compare) = &gate.check else { return None };
    let (nodes, compare) = narrowest(plan, gate, compare, wave);
    let sees = sees(&compare, nodes.into(), nodes.into());
    Some(format!(
        "gate {} compares {nodes} nodes of wave {} with {nodes}: {sees}",
        gate.name,
        plan.wave_name(wave)
    ))
}

/// Nodes of a wave that have an untouched node of their stratum beside them, as far as the order of waves tells; of the part with
/// the fewest, and with the level that a part has.
fn narrowest(plan: &Plan, gate: &Gate, compare: &Compare, wave: WaveIndex) -> (u32, Compare) {
    let parts = parts(plan, gate);
    let of_wave = |node: &NodeIndex| plan.nodes[node.at()].wave == Some(wave);
    let seen = plan.node_indices().filter(|node| parts.contains_key(&plan.nodes[node.at()].stratum));
    let candidates: Vec<NodeIndex> = seen.filter(of_wave).collect();
    let part_of = |node: &NodeIndex| parts[&plan.nodes[node.at()].stratum];
    let mut counts: BTreeMap<u32, u32> = candidates.iter().map(|node| (part_of(node), 0)).collect();
    let is_later = |node: NodeIndex| plan.nodes[node.at()].wave.is_none_or(|of| of > wave);
    for node in matched(plan, gate.per, compare, candidates, is_later, |_| Some(wave)).upgraded {
        *counts.entry(part_of(&node)).or_default() += 1;
    }
    let count = parts.values().collect::<BTreeSet<_>>().len();
    let there = counts.values().min().copied().unwrap_or(0);
    (there, Compare { alpha: part_alpha(compare, count), ..compare.clone() })
}

pub(super) fn query(compare: &Compare) -> String {
    let stat = &compare.metric;
    format!(
        "GetMetricData {} {}/{} by {} every {}, upgraded against untouched nodes",
        stat.statistic, stat.namespace, stat.name, compare.node_dimension, compare.period
    )
}

pub(super) fn threshold(compare: &Compare) -> String {
    let test = match (&compare.bad_if, compare.worse) {
        (Some(bad_if), _) => format!("more nodes with {bad_if}, Fisher's exact test"),
        (None, Worse::Higher) => format!("higher by more than {}, Mann–Whitney U", compare.tolerance),
        (None, Worse::Lower) => format!("lower by more than {}, Mann–Whitney U", compare.tolerance),
    };
    format!("{test}, level {} over all looks", compare.alpha)
}
