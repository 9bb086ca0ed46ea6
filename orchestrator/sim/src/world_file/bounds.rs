//! Numbers of a world file and what they may be.
//!
//! Most would do no harm beyond their bounds, because times saturate. They are refused because what they describe is
//! not what happens then: a world that silently does something else is worse than none.

use std::ops::RangeInclusive;

use super::check::impossible;
use super::{
    AlarmFile, ComplianceFile, LosesPing, MemberFile, MetricFile, NodeGroup, PackageFile, PartialTag,
    PublishedFile, Raise, Rate, Role, Swing, Timing, Trouble, WorldFile, WorldFileError,
};
use crate::agent::behaviour::Rule;
use crate::fault::Fault;

/// Ten years: longer than any world is watched.
const LATEST_SECONDS: RangeInclusive<i64> = 0..=315_360_000;
/// Two days: the longest that an agent waits for a script (`executionTimeout` of AWS-RunShellScript).
const LONGEST_SECONDS: u64 = 172_800;
/// `MaxSessionDuration` of CreateRole ends at twelve hours; worlds may also have shorter sessions than AWS.
const SESSION_SECONDS: RangeInclusive<i64> = 1..=43_200;
/// Calls per second, and at once.
const CALLS: RangeInclusive<f64> = 0.0..=1_000_000.0;
/// Values of metrics: far from where sums of them lose digits that matter.
const VALUES: RangeInclusive<f64> = -1_000_000_000.0..=1_000_000_000.0;
/// Factors on them.
const FACTORS: RangeInclusive<f64> = 0.0..=1_000_000.0;
/// HTTP statuses that say that something went wrong.
const ERROR_STATUS: RangeInclusive<u16> = 400..=599;

impl WorldFile {
    pub(super) fn check_numbers(&self) -> Result<(), WorldFileError> {
        each("roles", &self.roles, check_role)?;
        each("nodes", &self.nodes, check_group)?;
        let members = self.organization.as_ref().map(|organization| organization.accounts.as_slice());
        each("organization.accounts", members.unwrap_or_default(), |place, member: &MemberFile| {
            within(place, "joins_after_seconds", Some(member.joins_after_seconds), &LATEST_SECONDS)
        })?;
        each("packages", &self.packages, check_package)?;
        each("published", &self.published, check_published)?;
        each("alarms", &self.alarms, check_alarm)?;
        each("metrics", &self.metrics, check_metric)?;
        each("compliance", &self.compliance, |place, item: &ComplianceFile| {
            within(place, "non_compliant", Some(item.non_compliant), &(0.0..=1.0))?;
            within(place, "every_seconds", Some(item.every_seconds), &(60..=2_592_000))?;
            let fraction = item.spoiled_by.as_ref().and_then(|by| by.fraction);
            within(place, "spoiled_by.fraction", fraction, &(0.0..=1.0))
        })?;
        check_timing(&self.timing)?;
        for (operation, rate) in &self.rates {
            check_rate(&format!("rates.{operation}"), *rate)?;
        }
        each("faults", &self.faults, check_fault)
    }
}

fn each<T>(
    key: &str,
    items: &[T],
    check: impl Fn(&str, &T) -> Result<(), WorldFileError>,
) -> Result<(), WorldFileError> {
    items.iter().enumerate().try_for_each(|(index, item)| check(&format!("{key}[{index}]"), item))
}

fn check_role(place: &str, role: &Role) -> Result<(), WorldFileError> {
    within(place, "max_session_seconds", Some(role.max_session_seconds), &SESSION_SECONDS)
}

fn check_group(place: &str, group: &NodeGroup) -> Result<(), WorldFileError> {
    within(place, "offline", Some(group.offline), &(0.0..=1.0))?;
    within(place, "manifest_cached", Some(group.manifest_cached), &(0.0..=1.0))?;
    let [low, high] = group.slowness;
    if !(0.0..=1000.0).contains(&low) || !(low..=1000.0).contains(&high) {
        return Err(impossible(
            format!("{place}.slowness"),
            "must be [least, most], both between 0 and 1000",
        ));
    }
    each(&format!("{place}.tagged"), &group.tagged, |place, tag: &PartialTag| {
        within(place, "fraction", tag.fraction, &(0.0..=1.0))
    })?;
    each(&format!("{place}.troubles"), &group.troubles, |place, trouble: &Trouble| {
        within(place, "fraction", trouble.fraction, &(0.0..=1.0))?;
        within(place, "offline_after_seconds", trouble.offline_after_seconds, &LATEST_SECONDS)?;
        within(place, "online_after_seconds", trouble.online_after_seconds, &LATEST_SECONDS)?;
        within(place, "terminated_after_seconds", trouble.terminated_after_seconds, &LATEST_SECONDS)?;
        within(place, "registered_after_seconds", trouble.registered_after_seconds, &LATEST_SECONDS)?;
        within(place, "locked_for_seconds", trouble.locked_for_seconds, &LATEST_SECONDS)
    })
}

fn check_package(place: &str, package: &PackageFile) -> Result<(), WorldFileError> {
    each(&format!("{place}.versions"), &package.versions, |place, version| {
        check_scripts(place, version.takes_seconds, &version.behaviour)?;
        check_consequences(place, &version.raises, version.loses_ping.as_ref())
    })
}

fn check_published(place: &str, file: &PublishedFile) -> Result<(), WorldFileError> {
    check_scripts(place, file.takes_seconds, &file.behaviour)?;
    check_consequences(place, &file.raises, file.loses_ping.as_ref())
}

fn check_scripts(place: &str, takes_seconds: [u64; 2], behaviour: &[Rule]) -> Result<(), WorldFileError> {
    check_range(place, "takes_seconds", takes_seconds, LONGEST_SECONDS)?;
    each(&format!("{place}.behaviour"), behaviour, |place, rule| {
        within(place, "when.fraction", rule.when.fraction, &(0.0..=1.0))?;
        rule.takes_seconds.map_or(Ok(()), |range| check_range(place, "takes_seconds", range, LONGEST_SECONDS))
    })
}

fn check_consequences(
    place: &str,
    raises: &[Raise],
    loses_ping: Option<&LosesPing>,
) -> Result<(), WorldFileError> {
    if let Some(loses) = loses_ping {
        let place = &format!("{place}.loses_ping");
        within(place, "when.fraction", loses.when.fraction, &(0.0..=1.0))?;
        within(place, "after_seconds", Some(i64::from(loses.after_seconds)), &LATEST_SECONDS)?;
    }
    each(&format!("{place}.raises"), raises, |place, raise: &Raise| {
        within(place, "when.fraction", raise.when.fraction, &(0.0..=1.0))?;
        within(place, "by", Some(raise.by), &VALUES)?;
        within(place, "times", Some(raise.times), &FACTORS)?;
        within(place, "spread_times", Some(raise.spread_times), &FACTORS)?;
        within(place, "after_seconds", Some(i64::from(raise.after_seconds)), &LATEST_SECONDS)?;
        within(place, "for_seconds", raise.for_seconds.map(i64::from), &LATEST_SECONDS)
    })
}

fn check_alarm(place: &str, alarm: &AlarmFile) -> Result<(), WorldFileError> {
    let delay = alarm.raised_when.as_ref().map(|when| when.delay_seconds);
    within(place, "raised_when.delay_seconds", delay, &LATEST_SECONDS)?;
    if let Some(on) = &alarm.on {
        let place = format!("{place}.on");
        within(&place, "period_seconds", Some(on.period_seconds), &(10..=86_400))?;
        within(&place, "evaluation_periods", Some(on.evaluation_periods), &(1..=1440))?;
        within(&place, "datapoints_to_alarm", on.datapoints_to_alarm, &(1..=1440))?;
        within(&place, "threshold", Some(on.threshold), &VALUES)?;
        crate::cloudwatch::check_alarm_on(&alarm.name, on).map_err(|message| impossible(&place, message))?;
    }
    each(&format!("{place}.changes"), &alarm.changes, |place, change| {
        within(place, "after_seconds", Some(change.after_seconds), &LATEST_SECONDS)
    })
}

fn check_metric(place: &str, metric: &MetricFile) -> Result<(), WorldFileError> {
    within(place, "level", Some(metric.level), &VALUES)?;
    within(place, "spread", Some(metric.spread), &(0.0..=*VALUES.end()))?;
    within(place, "node_spread", Some(metric.node_spread), &(0.0..=1000.0))?;
    within(place, "daily", Some(metric.daily), &(0.0..=1.0))?;
    within(place, "least", metric.least, &VALUES)?;
    within(place, "every_seconds", Some(metric.every_seconds), &(5..=86_400))?;
    check_range(place, "late_seconds", metric.late_seconds.map(u64::from), 86_400)?;
    within(place, "missing", Some(metric.missing), &(0.0..=1.0))?;
    within(place, "duplicated", Some(metric.duplicated), &(0.0..=1.0))?;
    each(&format!("{place}.swings"), &metric.swings, |place, swing: &Swing| {
        within(place, "from_seconds", Some(swing.from_seconds), &LATEST_SECONDS)?;
        within(place, "until_seconds", swing.until_seconds, &LATEST_SECONDS)?;
        within(place, "times", Some(swing.times), &FACTORS)?;
        within(place, "by", Some(swing.by), &VALUES)
    })
}

fn check_timing(timing: &Timing) -> Result<(), WorldFileError> {
    let seconds = 0.0..=LONGEST_SECONDS as f64;
    within("timing", "listing_lag_seconds", Some(timing.listing_lag_seconds), &seconds)?;
    within("timing", "ramp_seconds", Some(timing.ramp_seconds), &seconds)?;
    let lag = Some(timing.compliance_lag_seconds);
    within("timing", "compliance_lag_seconds", lag, &(0..=172_800))?;
    let lag = Some(timing.metric_listing_lag_seconds);
    within("timing", "metric_listing_lag_seconds", lag, &(0..=172_800))?;
    check_range("timing", "document_seconds", timing.document_seconds, LONGEST_SECONDS)?;
    check_range("timing", "delivery_millis", timing.delivery_millis, LONGEST_SECONDS * 1000)?;
    check_range("timing", "agent_wait_seconds", timing.agent_wait_seconds, LONGEST_SECONDS)?;
    check_range("timing", "script_millis", timing.script_millis, LONGEST_SECONDS * 1000)
}

fn check_rate(place: &str, rate: Rate) -> Result<(), WorldFileError> {
    within(place, "per_second", Some(rate.per_second), &CALLS)?;
    within(place, "burst", Some(rate.burst), &CALLS)
}

/// The numbers of one fault; faults that are added while the world runs pass through here too.
pub(crate) fn check_fault(place: &str, fault: &Fault) -> Result<(), WorldFileError> {
    within(place, "from_seconds", fault.from_seconds, &LATEST_SECONDS)?;
    within(place, "until_seconds", fault.until_seconds, &LATEST_SECONDS)?;
    within(place, "every", fault.every, &(1..=u64::MAX))?;
    within(place, "probability", fault.probability, &(0.0..=1.0))?;
    let lag = fault.listing_lag_seconds;
    within(place, "listing_lag_seconds", lag, &(0.0..=LONGEST_SECONDS as f64))?;
    within(place, "metric_lag_seconds", fault.metric_lag_seconds, &(0..=172_800))?;
    within(place, "error.status", fault.error.as_ref().map(|error| error.status), &ERROR_STATUS)?;
    fault.throttle.map_or(Ok(()), |rate| check_rate(&format!("{place}.throttle"), rate))
}

fn within<T: PartialOrd + std::fmt::Display>(
    place: &str,
    key: &str,
    value: Option<T>,
    bounds: &RangeInclusive<T>,
) -> Result<(), WorldFileError> {
    match value {
        // Not a number is in no range.
        Some(value) if !bounds.contains(&value) => Err(impossible(
            format!("{place}.{key}"),
            format!("must lie between {} and {}", bounds.start(), bounds.end()),
        )),
        _ => Ok(()),
    }
}

fn check_range(place: &str, key: &str, [low, high]: [u64; 2], most: u64) -> Result<(), WorldFileError> {
    if low > high || high > most {
        return Err(impossible(
            format!("{place}.{key}"),
            format!("must be [shortest, longest], at most {most}"),
        ));
    }
    Ok(())
}
