//! CloudWatch alarms of a world.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// An alarm, one in each site it is for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AlarmFile {
    /// Alarm name.
    pub name: String,
    /// A composite alarm instead of a metric alarm.
    #[serde(default)]
    pub composite: bool,
    /// Accounts with the alarm; all when empty.
    #[serde(default)]
    pub accounts: Vec<String>,
    /// Regions with the alarm; all when empty.
    #[serde(default)]
    pub regions: Vec<String>,
    /// State at the start.
    #[serde(default)]
    pub starts: AlarmState,
    /// Goes to ALARM by what is installed, and back to OK when that is gone.
    #[serde(default)]
    pub raised_when: Option<RaisedWhen>,
    /// Watches a metric, as an alarm that a caller put would.
    #[serde(default)]
    pub on: Option<AlarmOn>,
    /// Changes at fixed times.
    #[serde(default)]
    pub changes: Vec<AlarmChange>,
}

/// State of an alarm.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum AlarmState {
    /// Fine.
    #[default]
    #[serde(rename = "OK")]
    Ok,
    /// Firing.
    #[serde(rename = "ALARM")]
    Alarm,
    /// Not enough data.
    #[serde(rename = "INSUFFICIENT_DATA")]
    InsufficientData,
}

/// A condition on what is installed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RaisedWhen {
    /// Package.
    pub package: String,
    /// Version whose bits count.
    pub version: String,
    /// Raised from so many nodes on.
    #[serde(default = "default_nodes")]
    pub nodes_at_least: u32,
    /// Count the nodes of the whole world, not only those of the alarm's own site.
    #[serde(default)]
    pub everywhere: bool,
    /// Time between the condition and the state.
    #[serde(default = "default_alarm_delay")]
    pub delay_seconds: i64,
}

fn default_nodes() -> u32 {
    1
}

fn default_alarm_delay() -> i64 {
    60
}

/// A change of an alarm's state at a time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AlarmChange {
    /// Seconds after the start of the world.
    pub after_seconds: i64,
    /// The state from then on.
    pub state: AlarmState,
}

/// What an alarm watches, and when it fires.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AlarmOn {
    /// Metric name; not with a query.
    #[serde(default)]
    pub metric: Option<String>,
    /// Namespace of the metric.
    #[serde(default = "default_namespace")]
    pub namespace: String,
    /// Dimensions of the metric.
    #[serde(default)]
    pub dimensions: BTreeMap<String, String>,
    /// Statistic of the metric, such as `Sum` or `p99`.
    #[serde(default = "default_statistic")]
    pub statistic: String,
    /// A Metrics Insights query that gives one series, instead of a metric.
    #[serde(default)]
    pub query: Option<String>,
    /// Seconds of a period.
    #[serde(default = "default_period")]
    pub period_seconds: i32,
    /// Periods looked at.
    #[serde(default = "default_periods")]
    pub evaluation_periods: i32,
    /// Periods among them that must be over the threshold; all when absent or more than that.
    #[serde(default)]
    pub datapoints_to_alarm: Option<i32>,
    /// The threshold.
    pub threshold: f64,
    /// How values are compared with it: a `ComparisonOperator`.
    #[serde(default = "default_comparison")]
    pub comparison: String,
    /// What periods without data count for: a `TreatMissingData`.
    #[serde(default)]
    pub missing: Option<String>,
}

fn default_namespace() -> String {
    "CWAgent".to_owned()
}

fn default_statistic() -> String {
    "Sum".to_owned()
}

fn default_period() -> i32 {
    60
}

fn default_periods() -> i32 {
    1
}

fn default_comparison() -> String {
    "GreaterThanThreshold".to_owned()
}
