//! Verdicts and the evidence behind them.

use crate::id::{GateIndex, WaveIndex};
use crate::time::Timestamp;
use serde::{Deserialize, Serialize};
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
}
