//! Points in time and lengths of time. All from an injected clock; nothing here reads one.

use serde::{Deserialize, Serialize};
use std::fmt;

/// Milliseconds since 1970-01-01T00:00:00Z.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Default)]
#[serde(transparent)]
pub struct Timestamp(pub i64);

impl Timestamp {
    /// This moment and `seconds` later.
    #[must_use]
    pub fn plus(self, seconds: Seconds) -> Self {
        Self(self.0.saturating_add(i64::from(seconds.0).saturating_mul(1000)))
    }

    /// Whole seconds from `earlier` to this moment, zero if it lies before.
    pub fn since(self, earlier: Self) -> Seconds {
        let seconds = self.0.saturating_sub(earlier.0).max(0) / 1000;
        Seconds(u32::try_from(seconds).unwrap_or(u32::MAX))
    }

    /// Milliseconds from `earlier` to this moment, zero if it lies before.
    pub fn since_ms(self, earlier: Self) -> u64 {
        u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0)
    }
}

/// RFC 3339 in UTC with seconds, such as `2026-05-01T09:30:00Z`.
impl fmt::Display for Timestamp {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::from_millisecond(self.0) {
            Ok(moment) => write!(formatter, "{}", moment.strftime("%Y-%m-%dT%H:%M:%SZ")),
            Err(_) => write!(formatter, "{} ms", self.0),
        }
    }
}

/// A length of time in whole seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Default)]
#[serde(transparent)]
pub struct Seconds(pub u32);

impl Seconds {
    /// `n` minutes.
    pub const fn minutes(n: u32) -> Self {
        Self(n * 60)
    }

    /// `n` hours.
    pub const fn hours(n: u32) -> Self {
        Self(n * 3600)
    }
}

/// Short form: `45s`, `30m`, `1h 30m`, `2d`.
impl fmt::Display for Seconds {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts =
            [(self.0 / 86_400, 'd'), (self.0 / 3600 % 24, 'h'), (self.0 / 60 % 60, 'm'), (self.0 % 60, 's')];
        let shown: Vec<String> =
            parts.iter().filter(|(n, _)| *n > 0).map(|(n, unit)| format!("{n}{unit}")).collect();
        formatter.pad(if shown.is_empty() { "0s".to_owned() } else { shown.join(" ") }.as_str())
    }
}
