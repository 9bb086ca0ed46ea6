//! Measurements, verdicts and the evidence behind them.

use crate::id::{GateIndex, NodeIndex, SiteIndex, WaveIndex};
use crate::time::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;

/// Worst last, so that `max` combines: fail > error > inconclusive > pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[must_use]
pub enum Verdict {
    /// Earned.
    Pass,
    /// Measured too little.
    Inconclusive,
    /// Could not measure.
    Error,
    /// Bad.
    Fail,
}

impl fmt::Display for Verdict {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(match self {
            Self::Pass => "pass",
            Self::Inconclusive => "inconclusive",
            Self::Error => "error",
            Self::Fail => "fail",
        })
    }
}

/// Which gate judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Which {
    /// The failure budgets, which every rollout has.
    Install,
    /// A gate of the plan file.
    Planned(GateIndex),
}

/// What a measurement is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// Before a wave is dispatched, over its untouched population.
    Blocker(WaveIndex),
    /// After a wave settled.
    Wave(WaveIndex),
    /// All nodes touched so far, from first dispatch to the last bake.
    Guard,
}

/// What a verdict rests on. `sentence` is what every view shows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Evidence {
    /// One sentence with value, threshold and place.
    pub sentence: String,
    /// What was asked, such as `DescribeAlarms prefix datadog-`.
    pub query: String,
    /// First moment covered.
    pub from: Timestamp,
    /// Last moment covered.
    pub until: Timestamp,
    /// Measurements taken.
    pub samples: u32,
    /// Measured statistic, as text with unit.
    pub statistic: String,
    /// Threshold, as text with unit.
    pub threshold: String,
    /// Nodes concerned.
    pub nodes: u32,
    /// Nodes that it counts as bad, where a person who accepts it accepts so many and no more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bad: Option<u32>,
}

/// State of an alarm, as CloudWatch says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AlarmState {
    /// `OK`.
    Ok,
    /// `ALARM`.
    Alarm,
    /// `INSUFFICIENT_DATA`.
    InsufficientData,
    /// A word this program does not know.
    Other(String),
}

/// One alarm as `DescribeAlarms` showed it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alarm {
    /// Name.
    pub name: String,
    /// State.
    pub state: AlarmState,
    /// Last change of state (`StateTransitionedTimestamp`).
    pub transitioned_at: Option<Timestamp>,
    /// `StateReason`.
    pub reason: String,
    /// What it went into since the look before, as `DescribeAlarmHistory` tells; empty where nothing changed, or nobody asked.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub meanwhile: Vec<AlarmChange>,
}

/// A change of an alarm's state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AlarmChange {
    /// When.
    pub at: Timestamp,
    /// Into which state.
    pub to: AlarmState,
}

/// The stretch of time that a measurement looked at; `from` is part of it, `until` is not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Window {
    /// First moment.
    pub from: Timestamp,
    /// End.
    pub until: Timestamp,
}

/// What one measurement found in one place, or why it found nothing.
///
/// Readings are kept in the log as they came, so that other gates can judge the same rollout later.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reading {
    /// Where; None: asked once for all sites.
    pub site: Option<SiteIndex>,
    /// What, or why not.
    pub found: Result<Found, String>,
    /// Alarms, points, nodes or bytes of it that the log had no room for.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub left_out: u32,
}

impl Reading {
    /// A whole reading.
    pub fn new(site: Option<SiteIndex>, found: Result<Found, String>) -> Self {
        Self { site, found, left_out: 0 }
    }

    /// How much of what was found is not here.
    pub fn missing(&self) -> u32 {
        match &self.found {
            Ok(Found::Compliance { left_out, .. }) => self.left_out.saturating_add(*left_out),
            _ => self.left_out,
        }
    }
}

/// What a source of measurements can say.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Found {
    /// Alarms.
    Alarms(Vec<Alarm>),
    /// Series of numbers.
    Series(Vec<Series>),
    /// What an HTTP server answered.
    Answer {
        /// Status code.
        status: u16,
        /// The document as text, cut at [`crate::limit::ANSWER_BYTES`].
        body: String,
    },
    /// What SSM knows about the compliance of single nodes.
    Compliance {
        /// Every node that was asked about, also those about which nothing is known.
        nodes: Vec<Standing>,
        /// Nodes that the log has no room for; none of them is worse than those it has.
        #[serde(default, skip_serializing_if = "is_zero")]
        left_out: u32,
    },
    /// What a probe found on single nodes.
    Probed(Vec<Probed>),
    /// Nodes of the plan that SSM does not call `Online`, and that it last heard since the first install.
    Lost(Vec<Lost>),
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
fn is_zero(count: &u32) -> bool {
    *count == 0
}

/// A node's compliance, by type.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Standing {
    /// Node.
    pub node: NodeIndex,
    /// Types about which something is known.
    pub types: Vec<Compliance>,
}

/// A node's compliance of one type, as its summary says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Compliance {
    /// `Association`, `Patch` or `Custom:…`.
    pub kind: String,
    /// `Status`; None: a word this program does not know.
    pub compliant: Option<bool>,
    /// Items that are not compliant, by `Severity`.
    pub bad: BTreeMap<String, u32>,
    /// `ExecutionTime`: when it was found out.
    pub at: Option<Timestamp>,
}

/// What a probe found on one node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Probed {
    /// Node.
    pub node: NodeIndex,
    /// Exit code; None: the command never reached the node.
    pub exit: Option<i32>,
    /// What it printed, cut at [`crate::limit::PRINT_BYTES`].
    pub output: String,
}

/// A node that SSM does not hear any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lost {
    /// Node.
    pub node: NodeIndex,
    /// When it was last heard (`LastPingDateTime`).
    pub heard_at: Timestamp,
}

/// Numbers over time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Series {
    /// What the source calls it.
    pub label: String,
    /// The node that it describes; None: more than one, or unknown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node: Option<NodeIndex>,
    /// Whether that node is untouched, and only there to be compared with.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub control: bool,
    /// Points, by time, each time once.
    pub points: Vec<Point>,
    /// Whether the source gave all it has: not after `PartialData`, nor where a value was not a number.
    pub complete: bool,
}

/// One value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Point {
    /// Beginning of its period.
    pub at: Timestamp,
    /// Value.
    pub value: Level,
}

/// A measured number: finite, so that it compares and survives JSON.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Level(f64);

impl Level {
    /// None for what is no number.
    pub fn new(value: f64) -> Option<Self> {
        // Negative zero would be unequal to zero, and print as `-0`.
        value.is_finite().then_some(Self(value + 0.0))
    }

    /// The number.
    pub fn get(self) -> f64 {
        self.0
    }
}

impl PartialEq for Level {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Level {}

impl PartialOrd for Level {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Level {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.0.total_cmp(&other.0)
    }
}

impl fmt::Display for Level {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let magnitude = self.0.abs();
        // Four significant digits are what a sentence can carry; the log has all of them.
        match magnitude {
            0.0 => formatter.write_str("0"),
            _ if self.0.fract() == 0.0 && magnitude < 1e9 => write!(formatter, "{:.0}", self.0),
            _ if (1e-3..1e9).contains(&magnitude) => {
                let digits =
                    [1e3, 1e2, 1e1, 1.0, 1e-1, 1e-2].iter().take_while(|floor| magnitude < **floor).count();
                let text = format!("{:.*}", digits, self.0);
                let text =
                    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
                formatter.write_str(text)
            }
            _ => write!(formatter, "{:.3e}", self.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Level;

    #[test]
    fn a_level_is_shown_with_what_a_sentence_can_carry() {
        let shown = |value: f64| Level::new(value).map(|level| level.to_string());
        for (value, text) in [
            (0.0, "0"),
            (-0.0, "0"),
            (5.0, "5"),
            (1234.0, "1234"),
            (1234.56, "1235"),
            (12.3456, "12.35"),
            (0.5, "0.5"),
            (0.012_345, "0.01235"),
            (-3.25, "-3.25"),
            (1e-7, "1.000e-7"),
            (2.5e12, "2.500e12"),
        ] {
            assert_eq!(shown(value).as_deref(), Some(text));
        }
        assert_eq!(shown(f64::NAN), None);
        assert_eq!(shown(f64::INFINITY), None);
    }
}
