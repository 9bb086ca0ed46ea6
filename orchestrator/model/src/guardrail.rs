//! Guardrails: what no plan may do, whatever it says. They come from outside of the plan file, or are added by it; nothing in
//! a plan file takes one away.

use crate::time::{Seconds, Timestamp};
use serde::{Deserialize, Serialize};

/// A file that a plan file refers to.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Used {
    /// Its path as it is written.
    pub path: String,
    /// SHA-256 of its bytes, in hexadecimal.
    pub digest: String,
}

/// One rule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Guardrail {
    /// Name, unique in its file.
    pub name: String,
    /// The file that it stands in.
    pub file: Used,
    /// When it is asked, in order.
    pub when: Vec<Moment>,
    /// CEL that must hold.
    pub require: String,
    /// What happens when it does not.
    pub otherwise: Effect,
    /// Why, for people.
    pub message: String,
    /// Who may approve.
    pub from: Vec<String>,
    /// How many of them must.
    #[serde(default = "one")]
    pub need: u32,
    /// How long a wave waits for it.
    pub within: Seconds,
    /// Whose clocks `now` shows.
    pub zone: Zone,
}

// Before guardrails could ask for several people, one was enough.
fn one() -> u32 {
    1
}

impl Guardrail {
    /// Whether it is asked then. What was asked of the plan file is asked again of the whole plan: more is known.
    pub fn is_asked(&self, moment: Moment) -> bool {
        self.when.contains(&moment) || (moment == Moment::Start && self.when.contains(&Moment::Validate))
    }
}

/// When a guardrail is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Moment {
    /// The plan file was read.
    Validate,
    /// There is a plan, and nothing was touched.
    Start,
    /// A wave is about to open.
    Wave,
}

impl Moment {
    /// What an expression can name then.
    pub fn variables(self) -> &'static [&'static str] {
        match self {
            Self::Validate => &["plan", "now", "accounts", "regions"],
            Self::Start => &["plan", "now", "accounts", "regions", "unverified"],
            Self::Wave => &["plan", "now", "accounts", "regions", "unverified", "wave"],
        }
    }
}

/// What follows when a guardrail does not hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    /// Refused; a wave waits until it holds.
    Deny,
    /// Said and logged.
    Warn,
    /// The next wave waits for people.
    Approval,
}

/// What was decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Decision {
    /// It holds.
    Allow,
    /// It does not hold, which is only said.
    Warn,
    /// It does not hold; people must agree.
    Approval,
    /// It does not hold, or cannot be judged.
    Deny,
}

impl Decision {
    /// The word in logs.
    pub fn word(self) -> &'static str {
        match self {
            Self::Allow => "allows",
            Self::Warn => "warns",
            Self::Approval => "asks for an approval",
            Self::Deny => "denies",
        }
    }
}

/// A time zone, as far as a rollout can last: the rules of time zones change, and a log must always be read in one way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Zone {
    /// Name, such as `Europe/Berlin`.
    pub name: String,
    /// Ordered; the first holds from ever, the last for ever.
    pub offsets: Vec<Offset>,
}

/// Difference to UTC from a moment on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Offset {
    /// From then on.
    pub from: Timestamp,
    /// Seconds to add to UTC.
    pub seconds: i32,
}

impl Zone {
    /// UTC.
    pub fn utc() -> Self {
        Self { name: "UTC".to_owned(), offsets: Vec::new() }
    }

    /// Seconds to add to UTC at a moment.
    pub fn seconds_at(&self, at: Timestamp) -> i32 {
        let known = self.offsets.iter().rev().find(|offset| offset.from <= at).or(self.offsets.first());
        known.map_or(0, |offset| offset.seconds)
    }

    /// What its clocks show at a moment; None beyond the years that calendars know.
    pub fn clock(&self, at: Timestamp) -> Option<Clock> {
        let offset = jiff::tz::Offset::from_seconds(self.seconds_at(at)).ok()?;
        let shown = offset.to_datetime(jiff::Timestamp::from_millisecond(at.0).ok()?);
        Some(Clock {
            weekday: i64::from(shown.weekday().to_monday_one_offset()),
            hour: i64::from(shown.hour()),
            minute: i64::from(shown.minute()),
            date: shown.date().to_string(),
        })
    }
}

/// What the clocks of a time zone show.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Clock {
    /// 1 is Monday, 7 is Sunday.
    pub weekday: i64,
    /// 0 to 23.
    pub hour: i64,
    /// 0 to 59.
    pub minute: i64,
    /// Such as `2026-12-24`.
    pub date: String,
}
