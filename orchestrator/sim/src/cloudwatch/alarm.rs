//! CloudWatch alarms: their states over time, and how they are shown.

use std::collections::BTreeMap;

use crate::api::cloudwatch::{
    AlarmHistoryItem, AlarmType, CompositeAlarm, DescribeAlarmHistoryInput, DescribeAlarmHistoryOutput,
    DescribeAlarmsInput, DescribeAlarmsOutput, HistoryItemType, MetricAlarm, PutMetricAlarmInput, StateValue,
};
use crate::api::{ApiError, Timestamp};
use crate::clock::WorldTime;
use crate::fault::Judgement;
use crate::fleet::Site;
use crate::page::{Cut, Page};
use crate::world_file::{AlarmFile, AlarmState, RaisedWhen};

use super::put_alarm::from_file;

/// One alarm of one site.
#[derive(Debug, Clone)]
pub struct Alarm {
    /// Name.
    pub name: String,
    pub(super) composite: bool,
    pub(super) state: StateValue,
    pub(super) reason: String,
    pub(super) reason_data: Option<String>,
    pub(super) since: WorldTime,
    pub(super) configured: WorldTime,
    pub(super) history: Vec<Change>,
    /// What raises it.
    pub raised_when: Option<RaisedWhen>,
    /// Whether its condition holds now; the state follows after the delay.
    pub condition: bool,
    /// What it watches.
    pub(super) metric: Option<Box<PutMetricAlarmInput>>,
    /// Up to when it was looked whether it should fire.
    pub(super) evaluated: WorldTime,
}

/// An entry of the history.
#[derive(Debug, Clone)]
pub(super) struct Change {
    pub(super) at: WorldTime,
    pub(super) what: What,
}

/// What happened to an alarm.
#[derive(Debug, Clone)]
pub(super) enum What {
    /// Its state changed.
    State { from: StateValue, to: StateValue, reason: String },
    /// It was `created`, `updated` or `deleted`.
    Configuration(&'static str),
}

impl AlarmState {
    /// The state on the wire.
    pub const fn wire(self) -> StateValue {
        match self {
            Self::Ok => StateValue::Ok,
            Self::Alarm => StateValue::Alarm,
            Self::InsufficientData => StateValue::InsufficientData,
        }
    }
}

impl Alarm {
    /// An alarm as it stands at the start of the world.
    pub fn from_file(file: &AlarmFile, start: WorldTime) -> Self {
        let metric = file.on.as_ref().map(|on| Box::new(from_file(&file.name, on)));
        let at = start.plus_seconds(-86_400);
        Self {
            composite: file.composite,
            state: file.starts.wire(),
            raised_when: file.raised_when.clone(),
            metric,
            evaluated: start,
            ..Self::new(&file.name, at)
        }
    }

    /// An alarm of which nothing is known yet.
    pub(super) fn new(name: &str, now: WorldTime) -> Self {
        Self {
            name: name.to_owned(),
            composite: false,
            state: StateValue::InsufficientData,
            reason: "Unchecked: Initial alarm creation".to_owned(),
            reason_data: None,
            since: now,
            configured: now,
            history: Vec::new(),
            raised_when: None,
            condition: false,
            metric: None,
            evaluated: now,
        }
    }

    /// Changes the state, with an entry in the history. The same state again is no change.
    pub fn set(&mut self, state: StateValue, reason: &str, now: WorldTime) {
        if state == self.state {
            return;
        }
        let from = std::mem::replace(&mut self.state, state);
        let what = What::State { from, to: state, reason: reason.to_owned() };
        self.history.push(Change { at: now, what });
        reason.clone_into(&mut self.reason);
        self.reason_data = None;
        self.since = now;
    }

    /// The state now.
    pub fn state(&self) -> StateValue {
        self.state
    }

    fn kind(&self) -> AlarmType {
        if self.composite { AlarmType::CompositeAlarm } else { AlarmType::MetricAlarm }
    }
}

/// The alarms of one site.
#[derive(Debug, Clone, Default)]
pub struct SiteAlarms {
    /// Those there are, by name.
    pub live: BTreeMap<String, Alarm>,
    /// Those that were deleted: their history is still told.
    pub(super) deleted: Vec<Alarm>,
}

/// `DescribeAlarms`.
pub(crate) fn describe_alarms(
    site: &Site,
    alarms: &SiteAlarms,
    input: &DescribeAlarmsInput,
    judgement: &Judgement,
) -> Result<DescribeAlarmsOutput, ApiError> {
    if input.alarm_names.is_some() && input.alarm_name_prefix.is_some() {
        return Err(ApiError::validation("AlarmNames and AlarmNamePrefix are mutually exclusive."));
    }
    // An alarm of a kind that was not asked for is left out without a word, composite ones by default.
    let kinds = input.alarm_types.as_deref().filter(|kinds| !kinds.is_empty());
    let meant = |alarm: &&Alarm| {
        kinds.map_or(!alarm.composite, |kinds| kinds.iter().any(|kind| kind == alarm.kind().as_str()))
            && input.alarm_names.as_ref().is_none_or(|names| names.contains(&alarm.name))
            && input.alarm_name_prefix.as_ref().is_none_or(|prefix| alarm.name.starts_with(prefix.as_str()))
            && input.state_value.as_deref().is_none_or(|state| state == alarm.state.as_str())
    };
    let cut = Cut { short: judgement.short_pages };
    let page = Page::open("alarms", input.next_token.as_deref(), input.max_records, 50, cut)?;
    let (rows, next_token) = page.of(alarms.live.values().filter(meant).collect());
    let mut output = DescribeAlarmsOutput { next_token, ..Default::default() };
    for alarm in rows {
        if alarm.composite {
            output.composite_alarms.push(composite_alarm(site, alarm));
        } else {
            output.metric_alarms.push(metric_alarm(site, alarm));
        }
    }
    Ok(output)
}

fn arn(site: &Site, alarm: &Alarm) -> String {
    format!("arn:aws:cloudwatch:{}:{}:alarm:{}", site.region, site.account, alarm.name)
}

fn moment(at: WorldTime) -> Timestamp {
    Timestamp::from_millis(at.millis())
}

fn metric_alarm(site: &Site, alarm: &Alarm) -> MetricAlarm {
    let Some(metric) = alarm.metric.as_deref().cloned() else { return unwatched(site, alarm) };
    MetricAlarm {
        alarm_name: alarm.name.clone(),
        alarm_arn: arn(site, alarm),
        alarm_description: metric.alarm_description,
        actions_enabled: metric.actions_enabled.unwrap_or(true),
        state_value: alarm.state,
        state_reason: Some(alarm.reason.clone()),
        state_updated_timestamp: Some(moment(alarm.since)),
        state_transitioned_timestamp: Some(moment(alarm.since)),
        metric_name: metric.metric_name,
        namespace: metric.namespace,
        statistic: metric.statistic,
        extended_statistic: metric.extended_statistic,
        dimensions: metric.dimensions.unwrap_or_default(),
        period: metric.period,
        unit: metric.unit,
        evaluation_periods: metric.evaluation_periods,
        datapoints_to_alarm: metric.datapoints_to_alarm,
        threshold: metric.threshold,
        comparison_operator: metric.comparison_operator,
        metrics: metric.metrics,
        ok_actions: metric.ok_actions.unwrap_or_default(),
        alarm_actions: metric.alarm_actions.unwrap_or_default(),
        insufficient_data_actions: metric.insufficient_data_actions.unwrap_or_default(),
        alarm_configuration_updated_timestamp: Some(moment(alarm.configured)),
        state_reason_data: alarm.reason_data.clone(),
        treat_missing_data: metric.treat_missing_data,
        ..Default::default()
    }
}

/// An alarm whose state follows what is installed or a timetable: as what it watches something is shown.
fn unwatched(site: &Site, alarm: &Alarm) -> MetricAlarm {
    MetricAlarm {
        alarm_name: alarm.name.clone(),
        alarm_arn: arn(site, alarm),
        actions_enabled: true,
        state_value: alarm.state,
        state_reason: Some(alarm.reason.clone()),
        state_reason_data: alarm.reason_data.clone(),
        state_updated_timestamp: Some(moment(alarm.since)),
        state_transitioned_timestamp: Some(moment(alarm.since)),
        alarm_configuration_updated_timestamp: Some(moment(alarm.configured)),
        metric_name: Some("Errors".to_owned()),
        namespace: Some("Simulated".to_owned()),
        statistic: Some("Sum".to_owned()),
        period: Some(60),
        evaluation_periods: Some(1),
        threshold: Some(0.0),
        comparison_operator: Some("GreaterThanThreshold".to_owned()),
        ..Default::default()
    }
}

fn composite_alarm(site: &Site, alarm: &Alarm) -> CompositeAlarm {
    CompositeAlarm {
        actions_enabled: true,
        alarm_arn: arn(site, alarm),
        alarm_name: alarm.name.clone(),
        alarm_rule: "FALSE".to_owned(),
        state_reason: Some(alarm.reason.clone()),
        state_updated_timestamp: Some(moment(alarm.since)),
        state_value: alarm.state,
        state_transitioned_timestamp: Some(moment(alarm.since)),
        ..Default::default()
    }
}

/// `DescribeAlarmHistory`: changes of state and of configuration, of deleted alarms too.
pub(crate) fn describe_alarm_history(
    alarms: &SiteAlarms,
    input: &DescribeAlarmHistoryInput,
    judgement: &Judgement,
) -> Result<DescribeAlarmHistoryOutput, ApiError> {
    let cut = Cut { short: judgement.short_pages };
    let page = Page::open("history", input.next_token.as_deref(), input.max_records, 100, cut)?;
    let kinds = input.alarm_types.as_deref().filter(|kinds| !kinds.is_empty());
    let wanted_kind = input.history_item_type.as_deref();
    let mut rows: Vec<AlarmHistoryItem> = Vec::new();
    for alarm in alarms.live.values().chain(&alarms.deleted) {
        let meant = input.alarm_name.as_ref().is_none_or(|name| *name == alarm.name)
            && kinds.map_or(!alarm.composite, |kinds| kinds.iter().any(|kind| kind == alarm.kind().as_str()));
        if meant {
            rows.extend(alarm.history.iter().map(|change| history_item(alarm, change)));
        }
    }
    rows.retain(|item| {
        wanted_kind.is_none_or(|kind| kind == item.history_item_type.as_str())
            && input.start_date.is_none_or(|start| item.timestamp >= start)
            && input.end_date.is_none_or(|end| item.timestamp <= end)
    });
    rows.sort_by(|a, b| a.timestamp.0.total_cmp(&b.timestamp.0));
    if input.scan_by.as_deref() != Some("TimestampAscending") {
        rows.reverse();
    }
    let (alarm_history_items, next_token) = page.of(rows);
    Ok(DescribeAlarmHistoryOutput { alarm_history_items, next_token })
}

fn history_item(alarm: &Alarm, change: &Change) -> AlarmHistoryItem {
    let (kind, summary, data) = match &change.what {
        What::State { from, to, reason } => (
            HistoryItemType::StateUpdate,
            format!("Alarm updated from {from} to {to}"),
            serde_json::json!({
                "version": "1.0",
                "oldState": { "stateValue": from.as_str() },
                "newState": { "stateValue": to.as_str(), "stateReason": reason },
            }),
        ),
        What::Configuration(word) => (
            HistoryItemType::ConfigurationUpdate,
            format!("Alarm \"{}\" {word}", alarm.name),
            serde_json::json!({ "version": "1.0", "type": word }),
        ),
    };
    AlarmHistoryItem {
        alarm_name: alarm.name.clone(),
        alarm_type: alarm.kind(),
        timestamp: Timestamp::from_millis(change.at.millis()),
        history_item_type: kind,
        // Longer summaries do not fit the field.
        history_summary: summary.chars().take(255).collect(),
        history_data: Some(data.to_string()),
    }
}
