//! Guards that every rollout has: nodes that SSM loses, metrics that end, installs that take too long.
//!
//! Each looks for a difference between upgraded and untouched nodes, or between waves, so that a bad hour of a Region is not blamed on
//! the version. Nothing to look at is good here: no wave waits for these guards.

use super::{Case, Judgement};
use crate::statistics::proportion::{Proportion, fisher_test};
use crate::statistics::{Alternative, significant};
use std::collections::BTreeMap;
use wavetrain_model::gate::{Found, Reading, Series, Verdict, Window};
use wavetrain_model::id::SiteIndex;
use wavetrain_model::intent::Action;
use wavetrain_model::outcome::Outcome;
use wavetrain_model::quantity::Percent;
use wavetrain_model::spec::{Connection, Duration, Reporting};
use wavetrain_model::state::{Forward, Progress, State, Touch, WavePhase};
use wavetrain_model::time::Timestamp;

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
pub(super) fn connection(case: Case<'_>, connection: &Connection, readings: &[Reading]) -> Judgement {
    let Connection { limit, patience } = *connection;
    let is_lost = |heard_at: Timestamp| case.now.since(heard_at) > patience;
    let mut sites = population(case);
    let mut failed = None;
    for reading in readings {
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
    weigh_losses(sites.into_values(), limit, &patience.to_string(), failed)
}

fn weigh_losses(
    sites: impl Iterator<Item = (Side, Side)>,
    limit: Percent,
    patience: &str,
    failed: Option<String>,
) -> Judgement {
    let (mut all, mut clear) = ((Side::default(), Side::default()), (Side::default(), Side::default()));
    for (upgraded, untouched) in sites {
        all.0.add(upgraded);
        all.1.add(untouched);
        if !untouched.exceeds(limit) {
            clear.0.add(upgraded);
            clear.1.add(untouched);
        }
    }
    let statistic = format!(
        "{} of {} upgraded and {} of {} untouched nodes are not heard for {patience}",
        all.0.gone, all.0.nodes, all.1.gone, all.1.nodes
    );
    let (verdict, sentence) = if clear.0.exceeds(limit) && is_worse(clear.0, clear.1) {
        (Verdict::Fail, format!("SSM has lost upgraded nodes: {statistic}; at most {limit} may be"))
    } else if let Some(failed) = failed {
        (Verdict::Error, failed)
    } else if all.0.exceeds(limit) {
        let sentence =
            format!("upgraded nodes are lost, and it cannot be told from a fault of the sites: {statistic}");
        (Verdict::Inconclusive, sentence)
    } else {
        (Verdict::Pass, statistic.clone())
    };
    Judgement { verdict, sentence, statistic }
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
    Some(Judgement { verdict, sentence, statistic })
}

fn is_silent(series: &Series, since: Timestamp) -> bool {
    series.points.last().is_none_or(|point| point.at < since)
}

/// Installs of a wave beside those of the waves before it. What still runs counts with the time it has taken so far: the median can
/// only grow from there.
pub(super) fn duration(case: Case<'_>, duration: &Duration) -> Judgement {
    let mut said = None;
    for wave in case.plan.wave_indices() {
        let is_under_way =
            matches!(case.state.wave(wave).phase, WavePhase::Open { .. } | WavePhase::Baking { .. });
        if !is_under_way {
            continue;
        }
        let mut earlier = BTreeMap::new();
        for before in case.plan.wave_indices().take_while(|before| *before != wave) {
            gather(&mut earlier, &case.state.wave(before).install_seconds);
        }
        let mut now = case.state.wave(wave).install_seconds.clone();
        running(case.state, wave, case.now, &mut now);
        let (Some(was), Some(is)) = (median(&earlier), median(&now)) else { continue };
        let name = case.plan.wave_name(wave);
        let statistic = format!("installs of wave {name} take {is}s, those before it took {was}s (medians)");
        let is_long = is > was.saturating_mul(duration.times) && is > was.saturating_add(duration.more.0);
        if is_long {
            let sentence = format!("{statistic}: more than {} times as long", duration.times);
            return Judgement { verdict: Verdict::Inconclusive, sentence, statistic };
        }
        said = Some(statistic);
    }
    let statistic = said.unwrap_or_else(|| "too few installs to compare".to_owned());
    Judgement { verdict: Verdict::Pass, sentence: statistic.clone(), statistic }
}

/// Nodes by seconds.
type Durations = BTreeMap<u32, u32>;

fn gather(all: &mut Durations, more: &Durations) {
    for (seconds, nodes) in more {
        *all.entry(*seconds).or_default() += nodes;
    }
}

fn running(state: &State, wave: wavetrain_model::id::WaveIndex, now: Timestamp, all: &mut Durations) {
    for open in state.open.values() {
        if let (Action::Install { wave: of, .. }, Progress::Sent { at, .. }) =
            (&open.intent.action, &open.progress)
            && *of == wave
        {
            *all.entry(now.since(*at).0).or_default() += open.pending.len() as u32;
        }
    }
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
    use super::{Side, median, weigh_losses};
    use wavetrain_model::gate::Verdict;
    use wavetrain_model::quantity::Percent;

    fn weigh(sites: &[[u32; 4]]) -> Verdict {
        let side = |gone, nodes| Side { gone, nodes };
        let sites = sites.iter().map(|[a, b, c, d]| (side(*a, *b), side(*c, *d)));
        weigh_losses(sites, Percent::whole(2), "15m", None).verdict
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
            (&[], Verdict::Pass),
        ] {
            assert_eq!(weigh(sites), verdict, "{sites:?}");
        }
    }

    #[test]
    fn a_median_needs_five_installs() {
        assert_eq!(median(&[(60, 4)].into()), None);
        assert_eq!(median(&[(60, 3), (600, 2)].into()), Some(60));
        assert_eq!(median(&[(60, 2), (600, 3)].into()), Some(600));
    }
}
