//! Metrics that nodes report, and what the versions on them do to those.

use serde::{Deserialize, Serialize};

use super::check::impossible;
use super::{WorldFile, WorldFileError};
use crate::agent::behaviour::Selector;

/// A CloudWatch metric that every node of some groups reports. Values are worked out when somebody asks for them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MetricFile {
    /// Metric name.
    pub name: String,
    /// Namespace.
    #[serde(default = "default_namespace")]
    pub namespace: String,
    /// Groups whose nodes report it; all when empty.
    #[serde(default)]
    pub nodes: Vec<String>,
    /// Accounts where it is reported; all when empty.
    #[serde(default)]
    pub accounts: Vec<String>,
    /// Regions where it is reported; all when empty.
    #[serde(default)]
    pub regions: Vec<String>,
    /// Dimensions of each metric made of it: `InstanceId`, `Group`, `Platform`, `Architecture`, or the key of a tag. Nodes
    /// that agree in all of them share a metric; `[]` is one metric for the whole site.
    #[serde(default = "default_dimensions")]
    pub dimensions: Vec<Vec<String>>,
    /// What the values are like.
    #[serde(default)]
    pub kind: MetricKind,
    /// Mean value.
    #[serde(default)]
    pub level: f64,
    /// Standard deviation from one value to the next. Counts have that of a Poisson distribution.
    #[serde(default)]
    pub spread: f64,
    /// Standard deviation of the nodes' own levels, as a fraction of the level.
    #[serde(default)]
    pub node_spread: f64,
    /// How far the level swings in the course of a day, as a fraction of it.
    #[serde(default)]
    pub daily: f64,
    /// No value is below this.
    #[serde(default)]
    pub least: Option<f64>,
    /// Seconds between two values of a node.
    #[serde(default = "default_every")]
    pub every_seconds: u32,
    /// Shortest and longest time in seconds until a value can be read.
    #[serde(default)]
    pub late_seconds: [u32; 2],
    /// Fraction of the values that never arrive.
    #[serde(default)]
    pub missing: f64,
    /// Fraction of the values that arrive twice, and count twice.
    #[serde(default)]
    pub duplicated: f64,
    /// Package that reports it: nodes on which that is absent or broken say nothing.
    #[serde(default)]
    pub reported_by: Option<String>,
    /// What happens to it at certain times, whatever is installed.
    #[serde(default)]
    pub swings: Vec<Swing>,
}

fn default_namespace() -> String {
    "CWAgent".to_owned()
}

fn default_dimensions() -> Vec<Vec<String>> {
    vec![vec!["InstanceId".to_owned()]]
}

fn default_every() -> u32 {
    60
}

/// How the values of a metric are spread.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MetricKind {
    /// Around the level, by the normal distribution.
    #[default]
    Gauge,
    /// Whole numbers with the level as their mean, by the Poisson distribution.
    Count,
}

/// A change of a metric for some time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Swing {
    /// Seconds after the start of the world.
    pub from_seconds: i64,
    /// Seconds after the start of the world; for ever when absent.
    #[serde(default)]
    pub until_seconds: Option<i64>,
    /// Accounts where it happens; all when empty.
    #[serde(default)]
    pub accounts: Vec<String>,
    /// Regions where it happens; all when empty.
    #[serde(default)]
    pub regions: Vec<String>,
    /// Factor on the level.
    #[serde(default = "default_times")]
    pub times: f64,
    /// Added to the level.
    #[serde(default)]
    pub by: f64,
    /// Nothing is reported at all.
    #[serde(default)]
    pub silent: bool,
}

fn default_times() -> f64 {
    1.0
}

/// What a version does to a metric of the nodes it is installed on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Raise {
    /// Name of the metric, in any namespace.
    pub metric: String,
    /// On which nodes.
    #[serde(default)]
    pub when: Selector,
    /// Added to the level.
    #[serde(default)]
    pub by: f64,
    /// Factor on the level.
    #[serde(default = "default_times")]
    pub times: f64,
    /// Factor on the standard deviation.
    #[serde(default = "default_times")]
    pub spread_times: f64,
    /// Seconds from the install to the effect.
    #[serde(default)]
    pub after_seconds: u32,
    /// Seconds for which it lasts; as long as the version is there when absent.
    #[serde(default)]
    pub for_seconds: Option<u32>,
    /// The nodes stop reporting the metric.
    #[serde(default)]
    pub silent: bool,
}

impl WorldFile {
    pub(super) fn check_metrics(&self) -> Result<(), WorldFileError> {
        for (index, metric) in self.metrics.iter().enumerate() {
            let place = format!("metrics[{index}]");
            self.check_metric(&place, metric)?;
            let twin = |other: &MetricFile| {
                other.name == metric.name
                    && other.namespace == metric.namespace
                    && shares_a_node(other, metric)
            };
            if self.metrics[..index].iter().any(twin) {
                return Err(impossible(
                    place,
                    format!("`{}` is reported twice by the same nodes", metric.name),
                ));
            }
        }
        for package in &self.packages {
            for version in &package.versions {
                for raise in &version.raises {
                    let place = format!("packages.{}.versions.{}.raises", package.name, version.name);
                    self.check_raise(&place, raise)?;
                }
            }
        }
        Ok(())
    }

    fn check_metric(&self, place: &str, metric: &MetricFile) -> Result<(), WorldFileError> {
        let short = |text: &str| (1..=255).contains(&text.chars().count());
        if !short(&metric.name) || !short(&metric.namespace) || metric.namespace.starts_with(':') {
            return Err(impossible(place, "needs a name and a namespace of at most 255 characters"));
        }
        for group in &metric.nodes {
            if !self.nodes.iter().any(|known| known.name == *group) {
                return Err(impossible(format!("{place}.nodes"), format!("no group is called `{group}`")));
            }
        }
        if metric.dimensions.is_empty() || metric.dimensions.len() > 10 {
            return Err(impossible(format!("{place}.dimensions"), "needs 1 to 10 lists"));
        }
        if metric.dimensions.iter().any(|list| list.len() > 30 || !list.iter().all(|name| short(name))) {
            return Err(impossible(format!("{place}.dimensions"), "a metric has at most 30 dimensions"));
        }
        match &metric.reported_by {
            Some(package) => self.check_known(&format!("{place}.reported_by"), package, None),
            None => Ok(()),
        }
    }

    fn check_raise(&self, place: &str, raise: &Raise) -> Result<(), WorldFileError> {
        if !self.metrics.iter().any(|metric| metric.name == raise.metric) {
            return Err(impossible(place, format!("no metric is called `{}`", raise.metric)));
        }
        Ok(())
    }
}

fn shares_a_node(a: &MetricFile, b: &MetricFile) -> bool {
    let overlap =
        |a: &[String], b: &[String]| a.is_empty() || b.is_empty() || a.iter().any(|one| b.contains(one));
    overlap(&a.nodes, &b.nodes) && overlap(&a.accounts, &b.accounts) && overlap(&a.regions, &b.regions)
}
