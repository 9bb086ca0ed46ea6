//! CloudWatch: alarms, their history, and setting their state.

#![expect(missing_docs, reason = "members are documented in the API reference of the operation")]

use super::validate::{Text, Violations};
use super::wire::{Timestamp, operations, structures, words};

operations! {
    CloudWatch:
    DescribeAlarms(DescribeAlarmsInput) -> DescribeAlarmsOutput,
    DescribeAlarmHistory(DescribeAlarmHistoryInput) -> DescribeAlarmHistoryOutput,
    SetAlarmState(SetAlarmStateInput) -> SetAlarmStateOutput,
    PutMetricAlarm(PutMetricAlarmInput) -> PutMetricAlarmOutput,
}

words! {
    /// State of an alarm.
    StateValue { InsufficientData = "INSUFFICIENT_DATA", Ok = "OK", Alarm = "ALARM" }
    /// Kind of alarm.
    AlarmType { MetricAlarm = "MetricAlarm", CompositeAlarm = "CompositeAlarm", LogAlarm = "LogAlarm" }
    /// Kind of an entry in an alarm's history.
    HistoryItemType {
        ConfigurationUpdate = "ConfigurationUpdate", StateUpdate = "StateUpdate", Action = "Action",
        AlarmContributorStateUpdate = "AlarmContributorStateUpdate",
        AlarmContributorAction = "AlarmContributorAction",
    }
    /// Order of an alarm's history.
    ScanBy { TimestampDescending = "TimestampDescending", TimestampAscending = "TimestampAscending" }
    /// How a metric alarm compares.
    ComparisonOperator {
        GreaterThanOrEqualToThreshold = "GreaterThanOrEqualToThreshold",
        GreaterThanThreshold = "GreaterThanThreshold",
        LessThanThreshold = "LessThanThreshold",
        LessThanOrEqualToThreshold = "LessThanOrEqualToThreshold",
        LessThanLowerOrGreaterThanUpperThreshold = "LessThanLowerOrGreaterThanUpperThreshold",
        LessThanLowerThreshold = "LessThanLowerThreshold",
        GreaterThanUpperThreshold = "GreaterThanUpperThreshold",
    }
}

structures! {
    /// Without `alarm_types` only metric alarms are answered; names nobody has are left out without a word.
    DescribeAlarmsInput {
        alarm_names: Option<Vec<String>>,
        alarm_name_prefix: Option<String>,
        alarm_types: Option<Vec<String>>,
        children_of_alarm_name: Option<String>,
        parents_of_alarm_name: Option<String>,
        state_value: Option<String>,
        action_prefix: Option<String>,
        max_records: Option<i32>,
        next_token: Option<String>,
    }
    DescribeAlarmsOutput {
        composite_alarms: Vec<CompositeAlarm>,
        metric_alarms: Vec<MetricAlarm>,
        next_token: Option<String>,
    }

    DescribeAlarmHistoryInput {
        alarm_name: Option<String>,
        alarm_contributor_id: Option<String>,
        alarm_types: Option<Vec<String>>,
        history_item_type: Option<String>,
        start_date: Option<Timestamp>,
        end_date: Option<Timestamp>,
        max_records: Option<i32>,
        next_token: Option<String>,
        scan_by: Option<String>,
    }
    DescribeAlarmHistoryOutput { alarm_history_items: Vec<AlarmHistoryItem>, next_token: Option<String> }

    SetAlarmStateInput {
        alarm_name: String,
        state_value: String,
        /// May be empty; `None` only if it was left out.
        state_reason: Option<String>,
        state_reason_data: Option<String>,
    }
    SetAlarmStateOutput {}

    PutMetricAlarmInput {
        alarm_name: String,
        alarm_description: Option<String>,
        actions_enabled: Option<bool>,
        #[serde(rename = "OKActions")]
        ok_actions: Option<Vec<String>>,
        alarm_actions: Option<Vec<String>>,
        insufficient_data_actions: Option<Vec<String>>,
        metric_name: Option<String>,
        namespace: Option<String>,
        statistic: Option<String>,
        extended_statistic: Option<String>,
        dimensions: Option<Vec<Dimension>>,
        period: Option<i32>,
        unit: Option<String>,
        evaluation_periods: Option<i32>,
        datapoints_to_alarm: Option<i32>,
        threshold: Option<f64>,
        comparison_operator: Option<String>,
        treat_missing_data: Option<String>,
        tags: Option<Vec<Tag>>,
    }
    PutMetricAlarmOutput {}

    CompositeAlarm {
        actions_enabled: bool,
        alarm_actions: Vec<String>,
        alarm_arn: String,
        alarm_configuration_updated_timestamp: Option<Timestamp>,
        alarm_description: Option<String>,
        alarm_name: String,
        alarm_rule: String,
        insufficient_data_actions: Vec<String>,
        #[serde(rename = "OKActions")]
        ok_actions: Vec<String>,
        state_reason: Option<String>,
        state_reason_data: Option<String>,
        state_updated_timestamp: Option<Timestamp>,
        state_value: StateValue,
        state_transitioned_timestamp: Option<Timestamp>,
    }
    MetricAlarm {
        alarm_name: String,
        alarm_arn: String,
        alarm_description: Option<String>,
        alarm_configuration_updated_timestamp: Option<Timestamp>,
        actions_enabled: bool,
        #[serde(rename = "OKActions")]
        ok_actions: Vec<String>,
        alarm_actions: Vec<String>,
        insufficient_data_actions: Vec<String>,
        state_value: StateValue,
        state_reason: Option<String>,
        state_reason_data: Option<String>,
        state_updated_timestamp: Option<Timestamp>,
        metric_name: Option<String>,
        namespace: Option<String>,
        statistic: Option<String>,
        extended_statistic: Option<String>,
        dimensions: Vec<Dimension>,
        period: Option<i32>,
        unit: Option<String>,
        evaluation_periods: Option<i32>,
        datapoints_to_alarm: Option<i32>,
        threshold: Option<f64>,
        comparison_operator: Option<String>,
        treat_missing_data: Option<String>,
        evaluation_state: Option<String>,
        state_transitioned_timestamp: Option<Timestamp>,
    }
    AlarmHistoryItem {
        alarm_name: String,
        alarm_type: AlarmType,
        timestamp: Timestamp,
        history_item_type: HistoryItemType,
        history_summary: String,
        history_data: Option<String>,
    }
    Dimension { name: String, value: String }
    Tag { key: String, value: String }
}

const ALARM_NAME: Text = Text::length(1, 255);
const STATE_VALUE: Text = Text::one_of(&["OK", "ALARM", "INSUFFICIENT_DATA"]);
const ALARM_TYPE: Text = Text::one_of(AlarmType::WORDS);
const STATISTIC: Text = Text::one_of(&["SampleCount", "Average", "Sum", "Minimum", "Maximum"]);

impl DescribeAlarmsInput {
    fn check(&self, v: &mut Violations) {
        v.texts("alarmNames", self.alarm_names.as_deref().unwrap_or_default(), 0, 100, &ALARM_NAME);
        v.optional("alarmNamePrefix", self.alarm_name_prefix.as_deref(), &ALARM_NAME);
        v.texts("alarmTypes", self.alarm_types.as_deref().unwrap_or_default(), 0, usize::MAX, &ALARM_TYPE);
        v.optional("childrenOfAlarmName", self.children_of_alarm_name.as_deref(), &ALARM_NAME);
        v.optional("parentsOfAlarmName", self.parents_of_alarm_name.as_deref(), &ALARM_NAME);
        v.optional("stateValue", self.state_value.as_deref(), &STATE_VALUE);
        v.optional("actionPrefix", self.action_prefix.as_deref(), &Text::length(1, 1024));
        v.range("maxRecords", self.max_records, 1, 100);
    }
}

impl DescribeAlarmHistoryInput {
    fn check(&self, v: &mut Violations) {
        v.optional("alarmName", self.alarm_name.as_deref(), &ALARM_NAME);
        v.optional("alarmContributorId", self.alarm_contributor_id.as_deref(), &Text::length(1, 16));
        v.texts("alarmTypes", self.alarm_types.as_deref().unwrap_or_default(), 0, usize::MAX, &ALARM_TYPE);
        v.optional(
            "historyItemType",
            self.history_item_type.as_deref(),
            &Text::one_of(HistoryItemType::WORDS),
        );
        v.range("maxRecords", self.max_records, 1, 100);
        v.optional("scanBy", self.scan_by.as_deref(), &Text::one_of(ScanBy::WORDS));
    }
}

impl SetAlarmStateInput {
    fn check(&self, v: &mut Violations) {
        v.required("alarmName", &self.alarm_name, &ALARM_NAME);
        v.required("stateValue", &self.state_value, &STATE_VALUE);
        match &self.state_reason {
            Some(reason) => v.optional("stateReason", Some(reason), &Text::length(0, 1023)),
            None => v.missing("stateReason"),
        }
        v.optional("stateReasonData", self.state_reason_data.as_deref(), &Text::length(0, 4000));
    }
}

impl PutMetricAlarmInput {
    fn check(&self, v: &mut Violations) {
        v.required("alarmName", &self.alarm_name, &ALARM_NAME);
        v.optional("alarmDescription", self.alarm_description.as_deref(), &Text::length(0, 1024));
        v.optional("metricName", self.metric_name.as_deref(), &ALARM_NAME);
        v.optional("namespace", self.namespace.as_deref(), &ALARM_NAME);
        v.optional("statistic", self.statistic.as_deref(), &STATISTIC);
        v.range("period", self.period, 1, i32::MAX);
        v.range("evaluationPeriods", self.evaluation_periods, 1, i32::MAX);
        v.range("datapointsToAlarm", self.datapoints_to_alarm, 1, i32::MAX);
        let operator = self.comparison_operator.as_deref();
        v.optional("comparisonOperator", operator, &Text::one_of(ComparisonOperator::WORDS));
    }
}
