//! `PutMetricAlarm`, `SetAlarmState` and `DeleteAlarms`.

use super::alarm::{Alarm, Change, SiteAlarms, What};
use crate::api::ApiError;
use crate::api::cloudwatch::{
    DeleteAlarmsInput, DeleteAlarmsOutput, Dimension, MetricDataQuery, PutMetricAlarmInput,
    PutMetricAlarmOutput, SetAlarmStateInput, SetAlarmStateOutput, StateValue,
};
use crate::clock::WorldTime;
use crate::world::{SiteIndex, World};
use crate::world_file::AlarmOn;

/// Seconds that an alarm may look back when its period is shorter than an hour.
const SHORT_SECONDS: i64 = 86_400;
/// Seconds that an alarm may look back otherwise.
const LONG_SECONDS: i64 = 7 * 86_400;

/// `SetAlarmState`. An alarm that watches a metric goes back to what that says at its next look.
pub(crate) fn set_alarm_state(
    alarms: &mut SiteAlarms,
    input: &SetAlarmStateInput,
    now: WorldTime,
) -> Result<SetAlarmStateOutput, ApiError> {
    let data = input.state_reason_data.as_deref();
    if data.is_some_and(|data| serde_json::from_str::<serde_json::Value>(data).is_err()) {
        return Err(ApiError::invalid_format("StateReasonData is not JSON."));
    }
    let alarm = alarms
        .live
        .get_mut(&input.alarm_name)
        .ok_or_else(|| ApiError::resource_not_found(format!("Unknown alarm {}", input.alarm_name)))?;
    let state = StateValue::from_word(&input.state_value).unwrap_or_default();
    alarm.set(state, input.state_reason.as_deref().unwrap_or_default(), now);
    alarm.reason_data = data.map(str::to_owned);
    Ok(SetAlarmStateOutput {})
}

/// `DeleteAlarms`: all of those named, or none.
pub(crate) fn delete_alarms(
    alarms: &mut SiteAlarms,
    input: &DeleteAlarmsInput,
    now: WorldTime,
) -> Result<DeleteAlarmsOutput, ApiError> {
    let names = input.alarm_names.as_deref().unwrap_or_default();
    let unknown: Vec<&str> =
        names.iter().filter(|name| !alarms.live.contains_key(*name)).map(String::as_str).collect();
    if !unknown.is_empty() {
        return Err(ApiError::resource_not_found(format!("Unknown alarms: {}", unknown.join(", "))));
    }
    let composite =
        names.iter().filter_map(|name| alarms.live.get(name)).filter(|alarm| alarm.composite).count();
    if composite > 1 {
        return Err(ApiError::validation_error("Only one composite alarm can be deleted at once."));
    }
    for name in names {
        if let Some(mut alarm) = alarms.live.remove(name) {
            alarm.history.push(Change { at: now, what: What::Configuration("deleted") });
            alarms.deleted.push(alarm);
        }
    }
    Ok(DeleteAlarmsOutput {})
}

/// What is wrong with what an alarm of a world file watches, if anything.
pub(crate) fn check_alarm_on(name: &str, on: &AlarmOn) -> Result<(), String> {
    if on.metric.is_some() == on.query.is_some() {
        return Err("needs either a metric or a query".to_owned());
    }
    if let Some(query) = &on.query {
        return super::insights::Select::parse(query).map(drop);
    }
    let input = from_file(name, on);
    let statistic = input.statistic.as_deref().or(input.extended_statistic.as_deref()).unwrap_or_default();
    let checked = check(&input).and_then(|()| super::series::Statistic::parse(statistic).map(drop));
    checked.map_err(|error| error.message.unwrap_or_default())
}

/// An alarm of a world file as a caller would have put it.
pub(super) fn from_file(name: &str, on: &AlarmOn) -> PutMetricAlarmInput {
    let percentile = on.statistic.starts_with('p');
    let dimensions = on.dimensions.iter();
    let dimensions = dimensions.map(|(name, value)| Dimension { name: name.clone(), value: value.clone() });
    let watched = match &on.query {
        Some(query) => PutMetricAlarmInput {
            metrics: Some(vec![MetricDataQuery {
                id: "q".to_owned(),
                expression: Some(query.clone()),
                period: Some(on.period_seconds),
                return_data: Some(true),
                ..Default::default()
            }]),
            ..Default::default()
        },
        None => PutMetricAlarmInput {
            metric_name: on.metric.clone(),
            namespace: Some(on.namespace.clone()),
            dimensions: Some(dimensions.collect()),
            statistic: (!percentile).then(|| on.statistic.clone()),
            extended_statistic: percentile.then(|| on.statistic.clone()),
            period: Some(on.period_seconds),
            ..Default::default()
        },
    };
    PutMetricAlarmInput {
        alarm_name: name.to_owned(),
        evaluation_periods: Some(on.evaluation_periods),
        datapoints_to_alarm: on.datapoints_to_alarm.map(|points| points.min(on.evaluation_periods)),
        threshold: Some(on.threshold),
        comparison_operator: Some(on.comparison.clone()),
        treat_missing_data: on.missing.clone(),
        ..watched
    }
}

impl World {
    /// `PutMetricAlarm`: makes an alarm, or changes one. A change keeps the state until the next look.
    pub(crate) fn put_metric_alarm(
        &mut self,
        site: SiteIndex,
        input: PutMetricAlarmInput,
    ) -> Result<PutMetricAlarmOutput, ApiError> {
        check(&input)?;
        // Whether its queries make sense shows when they are tried.
        self.watched_points(site, &input, self.now)?;
        let now = self.now;
        let live = &mut self.alarms[site as usize].live;
        if live.get(&input.alarm_name).is_some_and(|alarm| alarm.composite) {
            return Err(ApiError::validation_error("A composite alarm of this name is there already."));
        }
        let word = if live.contains_key(&input.alarm_name) { "updated" } else { "created" };
        let alarm =
            live.entry(input.alarm_name.clone()).or_insert_with(|| Alarm::new(&input.alarm_name, now));
        alarm.history.push(Change { at: now, what: What::Configuration(word) });
        alarm.configured = now;
        alarm.evaluated = now;
        // From now on it watches a metric and nothing else.
        alarm.raised_when = None;
        alarm.metric = Some(Box::new(input));
        Ok(PutMetricAlarmOutput {})
    }
}

/// Checks what an alarm says about itself.
pub(super) fn check(input: &PutMetricAlarmInput) -> Result<(), ApiError> {
    let wrong = |text: &str| Err(ApiError::validation_error(text));
    if input.evaluation_criteria.is_some() || input.threshold_metric_id.is_some() {
        return wrong("Alarms over PromQL or anomaly detection are not modelled here.");
    }
    let Some(periods) = input.evaluation_periods else {
        return wrong("The parameter EvaluationPeriods is required.");
    };
    if input.threshold.is_none_or(|threshold| !threshold.is_finite()) {
        return wrong("The parameter Threshold is required and must be a finite number.");
    }
    match input.comparison_operator.as_deref() {
        None => return wrong("The parameter ComparisonOperator is required."),
        Some(word) if word.contains("Lower") || word.contains("Upper") => {
            return wrong("Comparison with a band of anomaly detection is not modelled here.");
        }
        Some(_) => {}
    }
    if input.datapoints_to_alarm.is_some_and(|points| points > periods) {
        return wrong("DatapointsToAlarm must not be greater than EvaluationPeriods.");
    }
    let known = ["breaching", "notBreaching", "ignore", "missing"];
    if input.treat_missing_data.as_deref().is_some_and(|word| !known.contains(&word)) {
        return wrong("TreatMissingData must be breaching, notBreaching, ignore or missing.");
    }
    let plain = [&input.metric_name, &input.namespace, &input.statistic, &input.extended_statistic];
    match &input.metrics {
        Some(_) if plain.iter().any(|member| member.is_some()) || input.period.is_some() => {
            return wrong("Metrics cannot be combined with MetricName, Namespace, Statistic or Period.");
        }
        Some(metrics) => {
            let shown = metrics.iter().filter(|query| query.return_data != Some(false)).count();
            if shown != 1 {
                return wrong("Exactly one element of Metrics must return data.");
            }
        }
        None => {
            if input.metric_name.is_none() || input.namespace.is_none() {
                return wrong("The parameters MetricName and Namespace are required.");
            }
            if input.statistic.is_some() == input.extended_statistic.is_some() {
                return wrong("Exactly one of Statistic and ExtendedStatistic is required.");
            }
        }
    }
    let Some(period) = period_of(input) else { return wrong("The parameter Period is required.") };
    if !(matches!(period, 10 | 20 | 30) || (period >= 60 && period % 60 == 0)) {
        return wrong("Period must be 10, 20, 30 or a multiple of 60.");
    }
    let longest = if period < 3600 { SHORT_SECONDS } else { LONG_SECONDS };
    if period.saturating_mul(i64::from(periods)) > longest {
        return wrong("EvaluationPeriods times Period is more than an alarm may look back.");
    }
    Ok(())
}

/// Seconds of a period of what an alarm watches.
pub(super) fn period_of(input: &PutMetricAlarmInput) -> Option<i64> {
    let own = |query: &MetricDataQuery| query.metric_stat.as_ref().map(|stat| stat.period).or(query.period);
    let queries = input.metrics.iter().flatten();
    let shown = queries.clone().filter(|query| query.return_data != Some(false)).find_map(own);
    input.period.or(shown).or_else(|| queries.filter_map(own).max()).map(i64::from)
}
