//! What one measurement of a gate says: pure judgement of readings, before any limit or reaction.
//!
//! | readings | verdict |
//! |---|---|
//! | one place is bad | `fail`, whatever the others say |
//! | none is bad, one could not be asked | `error` |
//! | none is bad, none failed to answer, one said too little (or nothing) | `inconclusive` |
//! | all are good | `pass` |
//!
//! No reading at all is `inconclusive`: a pass is earned.

mod alarms;
mod answer;
mod compare;
mod compliance;
mod condition;
mod guards;
mod install;
mod kept;
mod metric;
mod probe;
mod share;
mod sight;

use crate::people;
use metric::Rule;
use wavetrain_model::gate::{Evidence, Found, Reading, Scope, Verdict, Window};
use wavetrain_model::id::{GateIndex, SiteIndex};
use wavetrain_model::plan::Plan;
use wavetrain_model::spec::{Check, Compare, Connection, Duration, Gate, Metric, Reporting};
use wavetrain_model::state::{GateRecord, State};
use wavetrain_model::time::{Seconds, Timestamp};

pub(crate) use compare::{Arms, arms, detectable, too_few};
pub(crate) use compliance::{baseline, is_baseline_known};
pub(crate) use guards::{install_medians, reporting};
pub(crate) use kept::{kept, kept_of_baseline};
pub(crate) use sight::{asked, concerns, sees_all, sees_site, sites_of};

/// What is judged, and what is known beside the readings.
#[derive(Clone, Copy)]
pub(crate) struct Case<'a> {
    pub(crate) plan: &'a Plan,
    pub(crate) state: &'a State,
    pub(crate) scope: Scope,
    pub(crate) record: Option<&'a GateRecord>,
    pub(crate) now: Timestamp,
}

/// What one measurement says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Judgement {
    pub(crate) verdict: Verdict,
    pub(crate) sentence: String,
    pub(crate) statistic: String,
    /// Nodes counted as bad, where a person can accept so many.
    pub(crate) bad: Option<u32>,
}

impl Judgement {
    fn new(verdict: Verdict, sentence: String) -> Self {
        Self { verdict, statistic: sentence.clone(), sentence, bad: None }
    }
}

/// Judges one measurement.
pub(crate) fn judge(case: Case<'_>, gate: &Gate, readings: &[Reading]) -> Judgement {
    match &gate.check {
        Check::Compare(compare) => return compare::judge(case, gate, compare, readings),
        Check::Compliance(check) => return compliance::judge(case, gate, check, readings),
        Check::Probe(check) => return probe::judge(case, gate, check, readings),
        Check::Connection(check) => return guards::connection(case, gate, check, readings),
        Check::Duration(check) => return guards::duration(case, gate, check),
        Check::Install(check) => return install::judge(case, gate, check),
        _ => {}
    }
    let judged = readings.iter().map(|reading| {
        let place = place(case.plan, reading.site);
        match &reading.found {
            Err(message) => {
                Judgement::new(Verdict::Error, format!("{place}could not be measured: {message}"))
            }
            Ok(found) => one(case, gate, &place, reading.site, found),
        }
    });
    let judged: Vec<Judgement> = judged.collect();
    // The first of the worst: the sentence names one place, always the same for the same readings.
    let worst = judged.iter().rev().max_by_key(|judgement| judgement.verdict);
    match worst {
        None => Judgement::new(Verdict::Inconclusive, "nowhere to measure".to_owned()),
        Some(worst) if worst.verdict == Verdict::Pass && judged.len() > 1 => {
            let sentence = format!("good in {} places; {}", judged.len(), worst.sentence);
            Judgement { sentence, ..worst.clone() }
        }
        Some(worst) => worst.clone(),
    }
}

fn one(case: Case<'_>, gate: &Gate, place: &str, site: Option<SiteIndex>, found: &Found) -> Judgement {
    match (&gate.check, found) {
        (Check::Alarms(alarms), Found::Alarms(found)) => alarms::judge(alarms, place, found),
        (Check::Metric(metric), Found::Series(found)) => {
            let rule = Rule { condition: &metric.condition, minimum_samples: metric.minimum_samples };
            metric::judge(rule, place, nodes(case, site), found)
        }
        (Check::Prometheus(prometheus), Found::Series(found)) => {
            let rule = Rule { condition: &prometheus.condition, minimum_samples: prometheus.minimum_samples };
            metric::judge(rule, place, nodes(case, site), found)
        }
        (Check::Http(http), Found::Answer { status, body }) => answer::judge(http, *status, body),
        (_, _) => Judgement::new(Verdict::Error, format!("{place}was asked something else")),
    }
}

/// Which of the plan's gates this is: names are unique.
fn index_of(plan: &Plan, gate: &Gate) -> GateIndex {
    let index = plan.spec.gates.iter().position(|known| known.name == gate.name);
    GateIndex(index.map_or(u16::MAX, |index| index as u16))
}

/// The beginning of a sentence about a place.
fn place(plan: &Plan, site: Option<SiteIndex>) -> String {
    site.map_or_else(String::new, |site| format!("{}: ", plan.sites[site.at()].site))
}

/// Evidence of one measurement.
pub(crate) fn evidence(
    case: Case<'_>,
    gate: &Gate,
    window: Window,
    judgement: Judgement,
    samples: u32,
) -> Evidence {
    Evidence {
        sentence: judgement.sentence,
        query: query(gate),
        from: window.from,
        until: window.until,
        samples,
        statistic: judgement.statistic,
        threshold: threshold(gate),
        nodes: nodes(case, None),
        bad: judgement.bad,
    }
}

/// What is asked, as people know it.
pub(crate) fn query(gate: &Gate) -> String {
    match &gate.check {
        Check::Alarms(alarms) => alarms::query(alarms),
        Check::Metric(metric) => metric::query(metric),
        Check::Compare(compare) => compare::query(compare),
        Check::Prometheus(prometheus) => format!("{} at {}", prometheus.query, shown(&prometheus.url)),
        Check::Http(http) => format!("GET {}", shown(&http.url)),
        Check::Compliance(check) => compliance::query(check),
        Check::Callback(callback) => format!("a report signed with {}", callback.secret_env),
        Check::Approval(approval) => people::query(approval),
        Check::Connection(_) => "DescribeInstanceInformation PingStatus ConnectionLost, Inactive".to_owned(),
        Check::Reporting(_) => "metrics of compared nodes".to_owned(),
        Check::Duration(_) => "install commands".to_owned(),
        Check::Install(_) => "outcomes of commands and probes".to_owned(),
        Check::Probe(check) => probe::query(check),
    }
}

/// A URL as evidence shows it: what follows a `?` may be a key.
fn shown(url: &str) -> &str {
    url.split(['?', '#']).next().unwrap_or(url)
}

/// What is bad, as the plan file says it.
pub(crate) fn threshold(gate: &Gate) -> String {
    match &gate.check {
        Check::Alarms(alarms) => alarms.fail_if.clone().unwrap_or_else(|| "no alarm in ALARM".to_owned()),
        Check::Metric(metric) => condition::sentence(&metric.condition),
        Check::Compare(compare) => compare::threshold(compare),
        Check::Prometheus(prometheus) => condition::sentence(&prometheus.condition),
        Check::Http(http) => condition::sentence(&http.condition),
        Check::Compliance(check) => compliance::threshold(check),
        Check::Callback(_) => "what the report says".to_owned(),
        Check::Approval(approval) => people::threshold(approval),
        Check::Connection(Connection { limit, patience }) => {
            format!(
                "more than {limit} of the upgraded nodes lost for {patience}, and more than of the untouched ones"
            )
        }
        Check::Reporting(Reporting { limit, patience }) => {
            format!(
                "more than {limit} of the upgraded nodes silent for {patience}, and more than of the untouched ones"
            )
        }
        Check::Duration(Duration { times, more }) => {
            format!("a median over {times} times that of earlier waves, and longer by more than {more}")
        }
        Check::Probe(check) => probe::threshold(check),
        Check::Install(check) => install::threshold(check),
    }
}

/// Nodes that a measurement is about, in one site or in all.
fn nodes(case: Case<'_>, site: Option<SiteIndex>) -> u32 {
    let Case { plan, state, scope, .. } = case;
    match (scope, site) {
        (Scope::Guard, None) => state.sites.iter().map(|site| site.touched).sum(),
        (Scope::Guard, Some(site)) => state.sites[site.at()].touched,
        (Scope::Blocker(wave) | Scope::Wave(wave), None) => plan.waves[wave.at()].size,
        (Scope::Blocker(wave) | Scope::Wave(wave), Some(site)) => {
            let batches = plan.waves[wave.at()].batch_indices().map(|batch| &plan.batches[batch.at()]);
            let nodes = batches.filter(|batch| batch.site == site).map(|batch| batch.nodes.len() as u32);
            nodes.sum()
        }
    }
}

/// From the moment a gate may first look at something to its first look: before that there can be nothing to see.
pub(crate) fn first_look(gate: &Gate) -> Seconds {
    let ripe = match &gate.check {
        Check::Alarms(_)
        | Check::Http(_)
        | Check::Compliance(_)
        | Check::Probe(_)
        | Check::Callback(_)
        | Check::Approval(_)
        | Check::Install(_)
        | Check::Reporting(_) => 0,
        Check::Connection(Connection { patience, .. }) => patience.0,
        Check::Duration(Duration { more, .. }) => more.0,
        Check::Prometheus(prometheus) => prometheus.window.0,
        // One whole period lies within any two.
        Check::Metric(Metric { lag, period, .. }) | Check::Compare(Compare { lag, period, .. }) => {
            lag.0 + 2 * period.0
        }
    };
    Seconds(gate.initial_delay.0.max(ripe))
}

/// What a look at `now` covers, of a time that begins at `start`; None: nothing yet.
pub(crate) fn window(gate: &Gate, start: Option<Timestamp>, now: Timestamp) -> Option<Window> {
    match &gate.check {
        // Nobody looks.
        Check::Callback(_) | Check::Approval(_) => None,
        Check::Alarms(_) | Check::Http(_) | Check::Compliance(_) | Check::Probe(_) | Check::Install(_) => {
            Some(Window { from: now, until: now })
        }
        Check::Connection(_) | Check::Duration(_) | Check::Reporting(_) => {
            Some(Window { from: start.unwrap_or(now), until: now })
        }
        // The query alone knows what it looks at: before a whole window lies behind the start, it would see older times.
        Check::Prometheus(prometheus) => {
            let from = Timestamp(now.0.saturating_sub(ms(prometheus.window)));
            start.is_none_or(|start| from >= start).then_some(Window { from, until: now })
        }
        Check::Metric(Metric { lag, period, window, .. })
        | Check::Compare(Compare { lag, period, window, .. }) => {
            // CloudWatch shifts the points of a window that is not aligned to the period.
            let period = ms(*period);
            let until = now.0.saturating_sub(ms(*lag));
            let until = until - until.rem_euclid(period);
            let begun = until.saturating_sub(ms(*window));
            let begun = start.map_or(begun, |start| begun.max(start.0));
            let from = begun + (period - begun.rem_euclid(period)) % period;
            (from < until).then_some(Window { from: Timestamp(from), until: Timestamp(until) })
        }
    }
}

fn ms(seconds: Seconds) -> i64 {
    i64::from(seconds.0) * 1000
}
