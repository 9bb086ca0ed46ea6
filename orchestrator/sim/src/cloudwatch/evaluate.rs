//! Alarms that watch a metric: brought up to date when somebody looks, minute by minute as the service would have done.

use super::alarm::Alarm;
use super::data::Queries;
use super::put_alarm::period_of;
use super::series::Points;
use super::source::Source;
use crate::api::ApiError;
use crate::api::cloudwatch::{Metric, MetricDataQuery, MetricStat, PutMetricAlarmInput, StateValue};
use crate::clock::WorldTime;
use crate::world::{SiteIndex, World};

/// Periods fetched beyond those that count, so that a late or missing one does not decide alone.
const MORE_PERIODS: i64 = 2;
/// Looks that are made up for at most; what lies further back is not told.
const MOST_LOOKS: i64 = 3 * 1440;

/// What an alarm makes of its periods.
#[derive(Debug, Clone, PartialEq)]
struct Finding {
    /// `None` leaves the state as it is.
    state: Option<StateValue>,
    reason: String,
}

impl World {
    /// Brings the alarms of a site up to the present moment.
    pub(crate) fn evaluate_alarms(&mut self, site: SiteIndex) {
        let mut alarms = std::mem::take(&mut self.alarms[site as usize]);
        for alarm in alarms.live.values_mut() {
            self.evaluate_alarm(site, alarm);
        }
        self.alarms[site as usize] = alarms;
    }

    /// Brings one alarm up to the present moment.
    pub(crate) fn evaluate_alarm(&self, site: SiteIndex, alarm: &mut Alarm) {
        let Some(input) = alarm.metric.clone() else { return };
        let step = if period_of(&input).unwrap_or(60) < 60 { 10_000 } else { 60_000 };
        let last = self.now.millis().div_euclid(step);
        let first = (alarm.evaluated.millis().div_euclid(step) + 1).max(last - MOST_LOOKS);
        for look in first..=last {
            let at = WorldTime::from_millis(look * step);
            // Queries that make no sense any more change nothing: CloudWatch calls that an evaluation failure.
            let Ok(points) = self.watched_points(site, &input, at) else { continue };
            let found = find(&input, &points);
            if let Some(state) = found.state
                && state != alarm.state()
            {
                alarm.set(state, &found.reason, at);
                alarm.reason_data = Some(reason_data(&input, &points, at));
            }
        }
        alarm.evaluated = self.now;
    }

    /// What an alarm sees at a moment: the periods that count and a few before them.
    pub(super) fn watched_points(
        &self,
        site: SiteIndex,
        input: &PutMetricAlarmInput,
        at: WorldTime,
    ) -> Result<Points, ApiError> {
        let queries = match &input.metrics {
            Some(metrics) => metrics.clone(),
            None => vec![plain_query(input)],
        };
        let source = Source::new(self, site, at, 0);
        let queries = Queries::new(&queries, source, (from(input, at), at))?;
        let shown = queries.all().iter().find(|query| query.return_data != Some(false));
        let Some(shown) = shown else { return Ok(Points::new()) };
        if shown.expression.as_deref().is_some_and(|text| text.contains("SEARCH(")) {
            return Err(ApiError::validation_error("An alarm cannot be based on SEARCH."));
        }
        let mut series = queries.series(shown)?;
        match series.len() {
            0 => Ok(Points::new()),
            1 => Ok(series.remove(0).points),
            _ => Err(ApiError::validation_error("An alarm watches one time series.")),
        }
    }
}

fn plain_query(input: &PutMetricAlarmInput) -> MetricDataQuery {
    let metric = Metric {
        namespace: input.namespace.clone(),
        metric_name: input.metric_name.clone(),
        dimensions: input.dimensions.clone(),
    };
    let stat = input.statistic.clone().or_else(|| input.extended_statistic.clone()).unwrap_or_default();
    let stat = MetricStat { metric, period: input.period.unwrap_or(60), stat, unit: input.unit.clone() };
    MetricDataQuery { id: "m".to_owned(), metric_stat: Some(stat), ..Default::default() }
}

fn periods(input: &PutMetricAlarmInput) -> i64 {
    i64::from(input.evaluation_periods.unwrap_or(1)).max(1)
}

/// A number of periods, at least one.
fn count(periods: Option<i32>) -> Option<usize> {
    periods.map(|periods| usize::try_from(periods).unwrap_or(1).max(1))
}

fn from(input: &PutMetricAlarmInput, at: WorldTime) -> WorldTime {
    at.plus_seconds(-(periods(input) + MORE_PERIODS) * period_of(input).unwrap_or(60))
}

/// Decides as the public tables on missing data do: enough real points decide alone; only when they are too few does the
/// treatment of missing ones matter.
fn find(input: &PutMetricAlarmInput, points: &Points) -> Finding {
    let wanted = count(input.evaluation_periods).unwrap_or(1);
    let needed = count(input.datapoints_to_alarm).unwrap_or(wanted);
    let used: Vec<(i64, f64)> = points.iter().rev().take(wanted).map(|(at, value)| (*at, *value)).collect();
    let over = used.iter().filter(|(_, value)| is_over(input, *value)).count();
    let missing = wanted - used.len();
    let (state, assumed) = match input.treat_missing_data.as_deref().unwrap_or("missing") {
        "breaching" => {
            (if over + missing >= needed { StateValue::Alarm } else { StateValue::Ok }, "Breaching")
        }
        "notBreaching" => (if over >= needed { StateValue::Alarm } else { StateValue::Ok }, "NonBreaching"),
        _ if over >= needed => (StateValue::Alarm, ""),
        "ignore" if over == used.len() => return Finding { state: None, reason: String::new() },
        "ignore" => (StateValue::Ok, ""),
        _ if used.is_empty() => (StateValue::InsufficientData, ""),
        // All that is known is over the threshold, and what is not known is not taken for good.
        _ if missing > 0 && over == used.len() => (StateValue::Alarm, ""),
        _ => (StateValue::Ok, ""),
    };
    Finding { state: Some(state), reason: reason(input, &used, over, missing, (state, assumed)) }
}

fn is_over(input: &PutMetricAlarmInput, value: f64) -> bool {
    let threshold = input.threshold.unwrap_or_default();
    match input.comparison_operator.as_deref() {
        Some("GreaterThanOrEqualToThreshold") => value >= threshold,
        Some("LessThanThreshold") => value < threshold,
        Some("LessThanOrEqualToThreshold") => value <= threshold,
        _ => value > threshold,
    }
}

fn reason(
    input: &PutMetricAlarmInput,
    used: &[(i64, f64)],
    over: usize,
    missing: usize,
    (state, assumed): (StateValue, &str),
) -> String {
    let total = periods(input);
    let plural = |count: usize| if count == 1 { "" } else { "s" };
    if state == StateValue::InsufficientData {
        return format!(
            "Insufficient Data: {missing} datapoint{} unknown.",
            if missing == 1 { " was" } else { "s were" }
        );
    }
    if used.is_empty() {
        return format!(
            "Threshold Crossed: no datapoints were received for {missing} period{0} and {missing} missing datapoint{0} \
             were treated as [{assumed}].",
            plural(missing)
        );
    }
    let alarm = state == StateValue::Alarm;
    let count = if alarm { over } else { used.len() - over };
    let meant = used.iter().filter(|(_, value)| is_over(input, *value) == alarm).take(5);
    let shown: Vec<String> =
        meant.map(|(at, value)| format!("{value:?} ({})", WorldTime::from_millis(*at))).collect();
    let relation = match input.comparison_operator.as_deref() {
        Some("GreaterThanOrEqualToThreshold") => "greater than or equal to",
        Some("LessThanThreshold") => "less than",
        Some("LessThanOrEqualToThreshold") => "less than or equal to",
        _ => "greater than",
    };
    format!(
        "Threshold Crossed: {count} out of the last {total} datapoint{} [{}] {} {}{relation} the threshold ({:?}).",
        plural(usize::from(total != 1) + 1),
        shown.join(", "),
        if count == 1 { "was" } else { "were" },
        if alarm { "" } else { "not " },
        input.threshold.unwrap_or_default(),
    )
}

fn reason_data(input: &PutMetricAlarmInput, points: &Points, at: WorldTime) -> String {
    let recent: Vec<f64> = points.values().copied().collect();
    serde_json::json!({
        "version": "1.0",
        "queryDate": at.to_string(),
        "startDate": points.keys().next().map(|first| WorldTime::from_millis(*first).to_string()),
        "statistic": input.statistic.as_ref().or(input.extended_statistic.as_ref()),
        "period": period_of(input),
        "recentDatapoints": recent,
        "threshold": input.threshold,
    })
    .to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Five periods of which three count, oldest first: `0` within, `X` over the threshold, `-` missing.
    fn found(periods: &str, of: i32, treatment: &str) -> Option<StateValue> {
        let input = PutMetricAlarmInput {
            evaluation_periods: Some(3),
            datapoints_to_alarm: Some(of),
            threshold: Some(1.0),
            treat_missing_data: Some(treatment.to_owned()),
            ..Default::default()
        };
        let value = |letter: char| match letter {
            '0' => Some(0.0),
            'X' => Some(2.0),
            _ => None,
        };
        let points = periods.chars().enumerate();
        let points = points
            .filter_map(|(n, letter)| Some((i64::try_from(n).ok()? * 60_000, value(letter)?)))
            .collect();
        find(&input, &points).state
    }

    #[test]
    fn missing_data_are_treated_as_in_the_published_tables() {
        let (ok, alarm, unknown) =
            (Some(StateValue::Ok), Some(StateValue::Alarm), Some(StateValue::InsufficientData));
        let keep = None;
        let rows = [
            ("0-X-X", 3, [ok, ok, ok, ok]),
            ("0----", 3, [ok, ok, ok, ok]),
            ("-----", 3, [unknown, keep, alarm, ok]),
            ("0XX-X", 3, [alarm, alarm, alarm, alarm]),
            ("--X--", 3, [alarm, keep, alarm, ok]),
            ("0-X-X", 2, [alarm, alarm, alarm, alarm]),
            ("00X0X", 2, [alarm, alarm, alarm, alarm]),
            ("0-X--", 2, [ok, ok, alarm, ok]),
            ("----0", 2, [ok, ok, alarm, ok]),
            ("---X-", 2, [alarm, keep, alarm, ok]),
        ];
        for (periods, of, states) in rows {
            for (treatment, state) in
                ["missing", "ignore", "breaching", "notBreaching"].into_iter().zip(states)
            {
                assert_eq!(found(periods, of, treatment), state, "{periods} {of} {treatment}");
            }
        }
    }
}
