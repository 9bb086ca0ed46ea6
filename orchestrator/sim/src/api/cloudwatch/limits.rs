//! Limits of the inputs of [`super`], as the service model has them.

use super::{
    AlarmType, ComparisonOperator, DeleteAlarmsInput, DescribeAlarmHistoryInput, DescribeAlarmsInput,
    Dimension, GetMetricDataInput, HistoryItemType, ListMetricsInput, MetricDataQuery, MetricDatum,
    PutMetricAlarmInput, PutMetricDataInput, ScanBy, SetAlarmStateInput,
};
use crate::api::validate::{Text, Violations};

const ALARM_NAME: Text = Text::length(1, 255);
const STATE_VALUE: Text = Text::one_of(&["OK", "ALARM", "INSUFFICIENT_DATA"]);
const ALARM_TYPE: Text = Text::one_of(AlarmType::WORDS);
const NAME: Text = Text::length(1, 255);
const NAMESPACE: Text = Text::length(1, 255).and_pattern("[^:].*", |text| !text.starts_with(':'));
const DIMENSION_VALUE: Text = Text::length(1, 1024);
const ACTION: Text = Text::length(1, 1024);
const UNIT: Text = Text::one_of(&[
    "Seconds",
    "Microseconds",
    "Milliseconds",
    "Bytes",
    "Kilobytes",
    "Megabytes",
    "Gigabytes",
    "Terabytes",
    "Bits",
    "Kilobits",
    "Megabits",
    "Gigabits",
    "Terabits",
    "Percent",
    "Count",
    "Bytes/Second",
    "Kilobytes/Second",
    "Megabytes/Second",
    "Gigabytes/Second",
    "Terabytes/Second",
    "Bits/Second",
    "Kilobits/Second",
    "Megabits/Second",
    "Gigabits/Second",
    "Terabits/Second",
    "Count/Second",
    "None",
]);
const STATISTIC: Text = Text::one_of(&["SampleCount", "Average", "Sum", "Minimum", "Maximum"]);

impl DescribeAlarmsInput {
    pub(super) fn check(&self, v: &mut Violations) {
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
    pub(super) fn check(&self, v: &mut Violations) {
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
    pub(super) fn check(&self, v: &mut Violations) {
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
    pub(super) fn check(&self, v: &mut Violations) {
        v.required("alarmName", &self.alarm_name, &ALARM_NAME);
        v.optional("alarmDescription", self.alarm_description.as_deref(), &Text::length(0, 1024));
        for (path, actions) in [
            ("okActions", &self.ok_actions),
            ("alarmActions", &self.alarm_actions),
            ("insufficientDataActions", &self.insufficient_data_actions),
        ] {
            v.texts(path, actions.as_deref().unwrap_or_default(), 0, 5, &ACTION);
        }
        v.optional("metricName", self.metric_name.as_deref(), &NAME);
        v.optional("namespace", self.namespace.as_deref(), &NAMESPACE);
        check_dimensions(v, "dimensions", self.dimensions.as_deref());
        v.optional("unit", self.unit.as_deref(), &UNIT);
        v.optional("treatMissingData", self.treat_missing_data.as_deref(), &NAME);
        v.optional("thresholdMetricId", self.threshold_metric_id.as_deref(), &NAME);
        check_queries(v, "metrics", self.metrics.as_deref().unwrap_or_default());
        v.optional("statistic", self.statistic.as_deref(), &STATISTIC);
        v.range("period", self.period, 1, i32::MAX);
        v.range("evaluationPeriods", self.evaluation_periods, 1, i32::MAX);
        v.range("datapointsToAlarm", self.datapoints_to_alarm, 1, i32::MAX);
        let operator = self.comparison_operator.as_deref();
        v.optional("comparisonOperator", operator, &Text::one_of(ComparisonOperator::WORDS));
    }
}

fn check_dimensions(v: &mut Violations, path: &str, dimensions: Option<&[Dimension]>) {
    let dimensions = dimensions.unwrap_or_default();
    v.size(path, dimensions, 0, 30, |dimension| format!("{}={}", dimension.name, dimension.value));
    for (n, dimension) in dimensions.iter().enumerate() {
        v.required(&format!("{path}.{}.member.name", n + 1), &dimension.name, &NAME);
        v.required(&format!("{path}.{}.member.value", n + 1), &dimension.value, &DIMENSION_VALUE);
    }
}

fn check_queries(v: &mut Violations, path: &str, queries: &[MetricDataQuery]) {
    for (n, query) in queries.iter().enumerate() {
        let path = format!("{path}.{}.member", n + 1);
        v.required(&format!("{path}.id"), &query.id, &NAME);
        v.optional(&format!("{path}.expression"), query.expression.as_deref(), &Text::length(1, 2048));
        v.range(&format!("{path}.period"), query.period, 1, i32::MAX);
        v.optional(&format!("{path}.accountId"), query.account_id.as_deref(), &NAME);
        let Some(stat) = &query.metric_stat else { continue };
        v.range(&format!("{path}.metricStat.period"), Some(stat.period), 1, i32::MAX);
        v.required(&format!("{path}.metricStat.stat"), &stat.stat, &Text::length(0, usize::MAX));
        v.optional(&format!("{path}.metricStat.unit"), stat.unit.as_deref(), &UNIT);
        let metric = &stat.metric;
        let path = format!("{path}.metricStat.metric");
        v.optional(&format!("{path}.namespace"), metric.namespace.as_deref(), &NAMESPACE);
        v.optional(&format!("{path}.metricName"), metric.metric_name.as_deref(), &NAME);
        check_dimensions(v, &format!("{path}.dimensions"), metric.dimensions.as_deref());
    }
}

impl DeleteAlarmsInput {
    pub(super) fn check(&self, v: &mut Violations) {
        match &self.alarm_names {
            Some(names) => v.texts("alarmNames", names, 0, 100, &ALARM_NAME),
            None => v.missing("alarmNames"),
        }
    }
}

impl GetMetricDataInput {
    pub(super) fn check(&self, v: &mut Violations) {
        match &self.metric_data_queries {
            Some(queries) => check_queries(v, "metricDataQueries", queries),
            None => v.missing("metricDataQueries"),
        }
        if self.start_time.is_none() {
            v.missing("startTime");
        }
        if self.end_time.is_none() {
            v.missing("endTime");
        }
        v.optional("scanBy", self.scan_by.as_deref(), &Text::one_of(ScanBy::WORDS));
    }
}

impl PutMetricDataInput {
    pub(super) fn check(&self, v: &mut Violations) {
        v.required("namespace", &self.namespace, &NAMESPACE);
        let entities = self.entity_metric_data.iter().flatten();
        let of_entities = entities.flat_map(|entity| entity.metric_data.iter().flatten());
        for (n, datum) in self.metric_data.iter().flatten().chain(of_entities).enumerate() {
            datum.check(v, &format!("metricData.{}.member", n + 1));
        }
    }
}

impl MetricDatum {
    fn check(&self, v: &mut Violations, path: &str) {
        v.required(&format!("{path}.metricName"), &self.metric_name, &NAME);
        check_dimensions(v, &format!("{path}.dimensions"), self.dimensions.as_deref());
        v.optional(&format!("{path}.unit"), self.unit.as_deref(), &UNIT);
        v.range(&format!("{path}.storageResolution"), self.storage_resolution, 1, i32::MAX);
    }
}

impl ListMetricsInput {
    pub(super) fn check(&self, v: &mut Violations) {
        v.optional("namespace", self.namespace.as_deref(), &NAMESPACE);
        v.optional("metricName", self.metric_name.as_deref(), &NAME);
        v.optional("recentlyActive", self.recently_active.as_deref(), &Text::one_of(&["PT3H"]));
        let dimensions = self.dimensions.as_deref().unwrap_or_default();
        v.size("dimensions", dimensions, 0, 10, |dimension| dimension.name.clone());
        for (n, dimension) in dimensions.iter().enumerate() {
            v.required(&format!("dimensions.{}.member.name", n + 1), &dimension.name, &NAME);
            let value = dimension.value.as_deref();
            v.optional(&format!("dimensions.{}.member.value", n + 1), value, &DIMENSION_VALUE);
        }
    }
}
