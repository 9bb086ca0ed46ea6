//! Guards that every rollout has: nodes that SSM loses, metrics that end, installs that take too long.
//!
//! Each looks for a difference between upgraded and untouched nodes, or between waves, so that a bad hour of a Region is not blamed on
//! the version. Nothing to look at is good here: no wave waits for these guards.

use super::{Case, Judgement};
use crate::decide::answer::silent_since;
use crate::statistics::proportion::{Proportion, fisher_test};
use crate::statistics::{Alternative, significant};
use std::collections::BTreeMap;
use wavetrain_model::fleet::Platform;
use wavetrain_model::gate::{Found, Reading, Series, Verdict, Window};
use wavetrain_model::id::{SiteIndex, WaveIndex};
use wavetrain_model::intent::Action;
use wavetrain_model::outcome::Outcome;
use wavetrain_model::plan::Plan;
use wavetrain_model::quantity::Percent;
use wavetrain_model::spec::{Connection, Duration, Gate, Reporting};
use wavetrain_model::state::{Accepted, Forward, Progress, State, Touch};
use wavetrain_model::time::{Seconds, Timestamp};

/// Fewer nodes than this prove nothing, whatever their share.
const LEAST_LOST: u32 = 2;

/// Probability with which one look may take chance for a difference. No spending over looks as for comparisons: a loss lasts, so looks
/// see the same nodes again, and a level that shrinks would find the losses of the tenth hour too late.
const LEVEL: f64 = 0.001;

/// Installs on both pair without which medians are not compared.
const LEAST_INSTALLS: u32 = 5;

/// Nodes of one side, and how many of them are gone.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Side {
    gone: u32,
    nodes: u32,
}

impl Side {
    fn add(&mut self, other: Self) {
        self.gone += other.gone;
        self.nodes += other.nodes;
    }

    fn exceeds(self, limit: Percent) -> bool {
        self.gone >= LEAST_LOST && limit.is_exceeded_by(self.gone, self.nodes)
    }
}

/// Whether more upgraded nodes are gone than chance and the untouched ones explain.
fn is_worse(upgraded: Side, untouched: Side) -> bool {
    let proportion = |side: Side| Proportion::new(side.gone.min(side.nodes).into(), side.nodes.into());
    let (Ok(upgraded), Ok(untouched)) = (proportion(upgraded), proportion(untouched)) else { return false };
    significant(fisher_test(upgraded, untouched, Alternative::Greater).p, LEVEL)
}

/// Upgraded nodes that SSM lost. Sites whose untouched nodes are lost too say nothing about the version.
pub(super) fn connection(
    case: Case<'_>,
    gate: &Gate,
    connection: &Connection,
    readings: &[Reading],
) -> Judgement {
    let Connection { limit, patience } = *connection;
    let is_lost = |heard_at: Timestamp| case.now.since(heard_at) > patience;
    // Of a site that is held nothing is known, and that it cannot be asked has a hold of its own. Where all are, nothing is left.
    let is_held = |site: Option<SiteIndex>| site.is_some_and(|site| case.state.is_site_held(site));
    let is_blind = readings.iter().all(|reading| is_held(reading.site));
    let mut sites = population(case);
    sites.retain(|site, _| !is_held(Some(*site)));
    let mut failed = None;
    for reading in readings.iter().filter(|reading| is_blind || !is_held(reading.site)) {
        match (&reading.found, reading.site) {
            (Ok(Found::Lost(lost)), Some(site)) => {
                let Some(pair) = sites.get_mut(&site) else { continue };
                for lost in lost.iter().filter(|lost| is_lost(lost.heard_at)) {
                    let Some(node) = case.state.nodes.get(lost.node.at()) else { continue };
                    if case.plan.site_of(lost.node) != site {
                        continue;
                    }
                    if is_upgraded(node.forward) {
                        pair.0.gone += 1;
                    } else if node.touch == Touch::No {
                        pair.1.gone += 1;
                    }
                }
            }
            (Err(message), site) => {
                let place = super::place(case.plan, site);
                failed.get_or_insert_with(|| format!("{place}could not be measured: {message}"));
                // Nobody is known to be lost there, which is not the same as nobody is.
                site.map(|site| sites.remove(&site));
            }
            (Ok(_), site) => {
                let place = super::place(case.plan, site);
                failed.get_or_insert_with(|| format!("{place}was asked something else"));
            }
        }
    }
    let accepted = accepted(case, gate).map_or(0, |accepted| accepted.nodes);
    let bar = Losses { limit, patience, accepted };
    weigh_losses(sites.into_values(), bar, failed)
}

/// What a person accepted of this guard.
fn accepted<'a>(case: Case<'a>, gate: &Gate) -> Option<&'a Accepted> {
    case.state.accepted.get(&super::index_of(case.plan, gate))
}

/// How many nodes may be lost.
#[derive(Debug, Clone, Copy)]
struct Losses {
    limit: Percent,
    patience: Seconds,
    /// So many are lost with a person's knowledge: only what is lost beside them is held against the limit.
    accepted: u32,
}

fn weigh_losses(sites: impl Iterator<Item = (Side, Side)>, bar: Losses, failed: Option<String>) -> Judgement {
    let Losses { limit, patience, accepted } = bar;
    let (mut all, mut clear) = ((Side::default(), Side::default()), (Side::default(), Side::default()));
    for (upgraded, untouched) in sites {
        all.0.add(upgraded);
        all.1.add(untouched);
        if !untouched.exceeds(limit) {
            clear.0.add(upgraded);
            clear.1.add(untouched);
        }
    }
    let is_new = |side: Side| Side { gone: side.gone.saturating_sub(accepted), ..side }.exceeds(limit);
    let known = if accepted > 0 { format!(" ({accepted} lost ones were accepted)") } else { String::new() };
    let statistic = format!(
        "{} of {} upgraded and {} of {} untouched nodes are not heard for {patience}{known}",
        all.0.gone, all.0.nodes, all.1.gone, all.1.nodes
    );
    let (verdict, sentence) = if is_new(clear.0) && is_worse(clear.0, clear.1) {
        (Verdict::Fail, format!("SSM has lost upgraded nodes: {statistic}; at most {limit} may be"))
    } else if let Some(failed) = failed {
        (Verdict::Error, failed)
    } else if is_new(all.0) {
        let sentence =
            format!("upgraded nodes are lost, and it cannot be told from a fault of the sites: {statistic}");
        (Verdict::Inconclusive, sentence)
    } else if all.0.gone > accepted && all.0.gone == all.0.nodes {
        // However few they are, none is left of which anything good is known.
        (Verdict::Inconclusive, format!("no upgraded node is heard any more: {statistic}"))
    } else {
        (Verdict::Pass, statistic.clone())
    };
    Judgement { verdict, sentence, statistic, bad: Some(all.0.gone) }
}

fn is_upgraded(forward: Forward) -> bool {
    forward == Forward::Finished(Outcome::Succeeded)
}

/// Upgraded and untouched nodes of every site that has upgraded ones.
fn population(case: Case<'_>) -> BTreeMap<SiteIndex, (Side, Side)> {
    let mut sites: BTreeMap<SiteIndex, (Side, Side)> = BTreeMap::new();
    for (index, node) in case.plan.node_indices().zip(&case.state.nodes) {
        let pair = sites.entry(case.plan.site_of(index)).or_default();
        if is_upgraded(node.forward) {
            pair.0.nodes += 1;
        } else if node.touch == Touch::No {
            pair.1.nodes += 1;
        }
    }
    sites.retain(|_, (upgraded, _)| upgraded.nodes > 0);
    sites
}

/// Upgraded nodes whose metric ended, from what a comparison found; None: it looks back too little to tell.
pub(crate) fn reporting(reporting: &Reporting, window: Window, readings: &[Reading]) -> Option<Judgement> {
    let Reporting { limit, patience } = *reporting;
    if window.until.since(window.from) < patience {
        return None;
    }
    let since = Timestamp(window.until.0 - i64::from(patience.0) * 1000);
    let (mut upgraded, mut untouched, mut is_whole) = (Side::default(), Side::default(), true);
    for reading in readings {
        let Ok(Found::Series(all)) = &reading.found else {
            is_whole = false;
            continue;
        };
        for series in all {
            is_whole &= series.complete;
            let side = if series.control { &mut untouched } else { &mut upgraded };
            side.nodes += 1;
            side.gone += u32::from(is_silent(series, since));
        }
    }
    if upgraded.nodes == 0 || untouched.nodes == 0 {
        return None;
    }
    let statistic = format!(
        "{} of {} upgraded and {} of {} untouched nodes have reported nothing for {patience}",
        upgraded.gone, upgraded.nodes, untouched.gone, untouched.nodes
    );
    let (verdict, sentence) = if !is_whole {
        (Verdict::Inconclusive, "only a part of the data came back".to_owned())
    } else if upgraded.exceeds(limit) && is_worse(upgraded, untouched) {
        (Verdict::Fail, format!("upgraded nodes have stopped reporting: {statistic}; at most {limit} may"))
    } else if upgraded.exceeds(limit) {
        (Verdict::Inconclusive, format!("too few to show a difference: {statistic}"))
    } else {
        (Verdict::Pass, statistic.clone())
    };
    Some(Judgement { verdict, sentence, statistic, bad: None })
}

fn is_silent(series: &Series, since: Timestamp) -> bool {
    series.points.last().is_none_or(|point| point.at < since)
}

/// Installs of a wave beside those of the waves before it, platform by platform. What still runs counts with the time for which it
/// could have been heard so far: the median can only grow from there.
pub(super) fn duration(case: Case<'_>, gate: &Gate, duration: &Duration) -> Judgement {
    let accepted = accepted(case, gate);
    let mut said = None;
    for wave in under_way(case.plan, case.state) {
        let mut earlier = BTreeMap::new();
        for before in case.plan.wave_indices().take_while(|before| *before != wave) {
            gather(&mut earlier, &case.state.wave(before).install_seconds);
        }
        for (platform, now) in installs(case.plan, case.state, wave, case.now) {
            let was = earlier.get(&platform).and_then(median);
            let (Some(was), Some(is)) = (was, median(&now)) else { continue };
            let name = case.plan.wave_name(wave);
            let accepted = accepted.and_then(|accepted| accepted.install_seconds.get(&platform)).copied();
            let known = accepted.filter(|accepted| *accepted > was);
            let known = known.map_or_else(String::new, |accepted| format!(", {accepted}s were accepted"));
            let statistic = format!(
                "{platform} installs of wave {name} take {is}s, those before it took {was}s (medians){known}"
            );
            let usual = was.max(accepted.unwrap_or(0));
            let is_long =
                is > usual.saturating_mul(duration.times) && is > usual.saturating_add(duration.more.0);
            if is_long {
                let sentence = format!("{statistic}: more than {} times as long", duration.times);
                return Judgement { verdict: Verdict::Inconclusive, sentence, statistic, bad: None };
            }
            said = Some(statistic);
        }
    }
    let statistic = said.unwrap_or_else(|| "too few installs to compare".to_owned());
    Judgement { verdict: Verdict::Pass, sentence: statistic.clone(), statistic, bad: None }
}

/// The longest median of the waves under way, by platform.
pub(crate) fn install_medians(plan: &Plan, state: &State, now: Timestamp) -> BTreeMap<Platform, u32> {
    let mut medians = BTreeMap::new();
    for wave in under_way(plan, state) {
        for (platform, durations) in installs(plan, state, wave, now) {
            if let Some(seconds) = median(&durations) {
                let longest = medians.entry(platform).or_default();
                *longest = seconds.max(*longest);
            }
        }
    }
    medians
}

fn under_way<'a>(plan: &'a Plan, state: &'a State) -> impl Iterator<Item = WaveIndex> + 'a {
    plan.wave_indices().filter(|wave| super::sight::is_under_way(state, *wave))
}

/// Nodes by seconds.
type Durations = BTreeMap<u32, u32>;

fn gather(all: &mut BTreeMap<Platform, Durations>, more: &BTreeMap<Platform, Durations>) {
    for (platform, durations) in more {
        let all = all.entry(*platform).or_default();
        for (seconds, nodes) in durations {
            *all.entry(*seconds).or_default() += nodes;
        }
    }
}

/// Installs of one wave: those that are over, and those that run.
fn installs(plan: &Plan, state: &State, wave: WaveIndex, now: Timestamp) -> BTreeMap<Platform, Durations> {
    let mut all = state.wave(wave).install_seconds.clone();
    for open in state.open.values() {
        let site = open.intent.site;
        if let (Action::Install { wave: of, .. }, Progress::Sent { at, .. }) =
            (&open.intent.action, &open.progress)
            && *of == wave
            && !state.is_site_held(site)
        {
            let seconds = now.since(silent_since(state, site, *at)).0;
            for node in &open.pending {
                *all.entry(plan.platform_of(*node)).or_default().entry(seconds).or_default() += 1;
            }
        }
    }
    all
}

/// The duration that half of the nodes do not exceed; None: too few nodes.
fn median(durations: &Durations) -> Option<u32> {
    let nodes: u32 = durations.values().sum();
    if nodes < LEAST_INSTALLS {
        return None;
    }
    let mut passed = 0;
    durations.iter().find_map(|(seconds, count)| {
        passed += count;
        (passed * 2 >= nodes).then_some(*seconds)
    })
}

#[cfg(test)]
mod tests {
    use super::{Losses, Side, median, weigh_losses};
    use wavetrain_model::gate::Verdict;
    use wavetrain_model::quantity::Percent;
    use wavetrain_model::time::Seconds;

    fn weigh(sites: &[[u32; 4]], accepted: u32) -> Verdict {
        let side = |gone, nodes| Side { gone, nodes };
        let sites = sites.iter().map(|[a, b, c, d]| (side(*a, *b), side(*c, *d)));
        let bar = Losses { limit: Percent::whole(2), patience: Seconds::minutes(15), accepted };
        weigh_losses(sites, bar, None).verdict
    }

    #[test]
    fn lost_nodes_are_blamed_on_the_version_only_where_untouched_ones_are_heard() {
        for (sites, verdict) in [
            (&[[0, 50, 0, 200]][..], Verdict::Pass),
            (&[[1, 6, 0, 200]], Verdict::Pass),
            (&[[2, 6, 0, 200]], Verdict::Fail),
            (&[[10, 50, 0, 200]], Verdict::Fail),
            (&[[1, 100, 0, 200]], Verdict::Pass),
            // The Region is in trouble, not the version.
            (&[[50, 50, 200, 200]], Verdict::Inconclusive),
            (&[[50, 50, 20, 200]], Verdict::Inconclusive),
            // A bad Region elsewhere hides nothing.
            (&[[10, 50, 0, 200], [0, 50, 200, 200]], Verdict::Fail),
            // Nobody is left to compare with.
            (&[[10, 50, 0, 0]], Verdict::Inconclusive),
            // The only one there is.
            (&[[1, 1, 0, 200]], Verdict::Inconclusive),
            (&[[1, 1, 0, 20_000]], Verdict::Inconclusive),
            (&[], Verdict::Pass),
        ] {
            assert_eq!(weigh(sites, 0), verdict, "{sites:?}");
        }
    }

    #[test]
    fn lost_nodes_that_a_person_accepted_are_not_held_against_the_version_again() {
        for (sites, accepted, verdict) in [
            (&[[10, 50, 0, 200]][..], 10, Verdict::Pass),
            (&[[11, 50, 0, 200]], 10, Verdict::Pass),
            (&[[12, 50, 0, 200]], 10, Verdict::Fail),
            (&[[10, 50, 0, 0]], 10, Verdict::Pass),
            (&[[14, 50, 0, 0]], 10, Verdict::Inconclusive),
            (&[[1, 1, 0, 200]], 1, Verdict::Pass),
        ] {
            assert_eq!(weigh(sites, accepted), verdict, "{sites:?} {accepted}");
        }
    }

    #[test]
    fn a_median_needs_five_installs() {
        assert_eq!(median(&[(60, 4)].into()), None);
        assert_eq!(median(&[(60, 3), (600, 2)].into()), Some(60));
        assert_eq!(median(&[(60, 2), (600, 3)].into()), Some(600));
    }
}
