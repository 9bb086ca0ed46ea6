//! CloudWatch: metrics and their data, alarms, their history, and setting their state.

#![expect(missing_docs, reason = "members are documented in the API reference of the operation")]

mod limits;

use super::wire::{Timestamp, operations, structures, words};

operations! {
    CloudWatch:
    DescribeAlarms(DescribeAlarmsInput) -> DescribeAlarmsOutput,
    DescribeAlarmHistory(DescribeAlarmHistoryInput) -> DescribeAlarmHistoryOutput,
    SetAlarmState(SetAlarmStateInput) -> SetAlarmStateOutput,
    PutMetricAlarm(PutMetricAlarmInput) -> PutMetricAlarmOutput,
    DeleteAlarms(DeleteAlarmsInput) -> DeleteAlarmsOutput,
    GetMetricData(GetMetricDataInput) -> GetMetricDataOutput,
    PutMetricData(PutMetricDataInput) -> PutMetricDataOutput,
    ListMetrics(ListMetricsInput) -> ListMetricsOutput,
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
    /// What became of one query of `GetMetricData`.
    StatusCode {
        Complete = "Complete", InternalError = "InternalError", PartialData = "PartialData",
        Forbidden = "Forbidden",
    }
    /// Order of an alarm's history, or of data points.
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
        evaluate_low_sample_count_percentile: Option<String>,
        metrics: Option<Vec<MetricDataQuery>>,
        tags: Option<Vec<Tag>>,
        threshold_metric_id: Option<String>,
        /// Only whether it was given: an alarm over PromQL or a log query is not modelled.
        evaluation_criteria: Option<Given>,
    }
    PutMetricAlarmOutput {}
    Given {}

    DeleteAlarmsInput { alarm_names: Option<Vec<String>> }
    DeleteAlarmsOutput {}

    GetMetricDataInput {
        metric_data_queries: Option<Vec<MetricDataQuery>>,
        start_time: Option<Timestamp>,
        end_time: Option<Timestamp>,
        next_token: Option<String>,
        scan_by: Option<String>,
        max_datapoints: Option<i32>,
        label_options: Option<LabelOptions>,
    }
    GetMetricDataOutput {
        metric_data_results: Vec<MetricDataResult>,
        next_token: Option<String>,
        messages: Vec<MessageData>,
    }
    /// Either a `metric_stat` or an `expression`.
    MetricDataQuery {
        id: String,
        metric_stat: Option<MetricStat>,
        expression: Option<String>,
        label: Option<String>,
        return_data: Option<bool>,
        period: Option<i32>,
        account_id: Option<String>,
    }
    MetricStat { metric: Metric, period: i32, stat: String, unit: Option<String> }
    Metric {
        namespace: Option<String>,
        metric_name: Option<String>,
        dimensions: Option<Vec<Dimension>>,
    }
    LabelOptions { timezone: Option<String> }
    MetricDataResult {
        id: String,
        label: String,
        timestamps: Vec<Timestamp>,
        values: Vec<f64>,
        status_code: StatusCode,
        messages: Option<Vec<MessageData>>,
    }
    MessageData { code: String, value: String }

    PutMetricDataInput {
        namespace: String,
        metric_data: Option<Vec<MetricDatum>>,
        entity_metric_data: Option<Vec<EntityMetricData>>,
        strict_entity_validation: Option<bool>,
    }
    PutMetricDataOutput {}
    /// Exactly one of `value`, `statistic_values` and `values`.
    MetricDatum {
        metric_name: String,
        dimensions: Option<Vec<Dimension>>,
        timestamp: Option<Timestamp>,
        value: Option<f64>,
        statistic_values: Option<StatisticSet>,
        values: Option<Vec<f64>>,
        counts: Option<Vec<f64>>,
        unit: Option<String>,
        storage_resolution: Option<i32>,
    }
    StatisticSet { sample_count: f64, sum: f64, minimum: f64, maximum: f64 }
    /// The entity itself is not kept.
    EntityMetricData { metric_data: Option<Vec<MetricDatum>> }

    ListMetricsInput {
        namespace: Option<String>,
        metric_name: Option<String>,
        dimensions: Option<Vec<DimensionFilter>>,
        next_token: Option<String>,
        recently_active: Option<String>,
        include_linked_accounts: Option<bool>,
        owning_account: Option<String>,
    }
    ListMetricsOutput { metrics: Vec<Metric>, next_token: Option<String> }
    DimensionFilter { name: String, value: Option<String> }

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
        evaluate_low_sample_count_percentile: Option<String>,
        metrics: Option<Vec<MetricDataQuery>>,
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
