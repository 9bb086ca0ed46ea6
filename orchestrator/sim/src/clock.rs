//! Time inside a world. It is only a number that somebody outside hands in: nothing here reads a clock.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fmt;

use serde::{Deserialize, Serialize};

/// A moment of the world: milliseconds since 1970-01-01T00:00:00Z.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct WorldTime(i64);

impl WorldTime {
    /// From milliseconds since the epoch.
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis)
    }

    /// From seconds since the epoch, as SSM writes times (a number with a fraction).
    pub fn from_epoch_seconds(seconds: f64) -> Self {
        Self((seconds * 1000.0).round() as i64)
    }

    /// Reads RFC 3339 text such as `2026-03-01T08:00:00Z`. `None` when the text is not a time.
    pub fn parse(text: &str) -> Option<Self> {
        text.parse::<jiff::Timestamp>().ok().map(|at| Self(at.as_millisecond()))
    }

    /// Reads the basic form of ISO 8601 such as `20260301T080000Z`. `None` when the text is not a time.
    pub fn parse_basic(text: &str) -> Option<Self> {
        let parts = [0..4, 4..6, 6..8, 9..11, 11..13, 13..15].map(|range| text.get(range));
        let [year, month, day, hour, minute, second] = parts.map(|part| part.unwrap_or("x"));
        (text.len() == 16).then_some(())?;
        Self::parse(&format!("{year}-{month}-{day}T{hour}:{minute}:{second}Z"))
    }

    /// The basic form of ISO 8601 in whole seconds, such as `20260301T080000Z`.
    pub fn basic(self) -> String {
        self.to_string().chars().filter(|character| !"-:".contains(*character)).take(15).collect::<String>()
            + "Z"
    }

    /// Milliseconds since the epoch.
    pub const fn millis(self) -> i64 {
        self.0
    }

    /// Seconds since the epoch, as SSM and CloudWatch write times.
    pub fn epoch_seconds(self) -> f64 {
        self.0 as f64 / 1000.0
    }

    /// This moment moved by milliseconds.
    #[must_use]
    pub const fn plus_millis(self, millis: i64) -> Self {
        Self(self.0.saturating_add(millis))
    }

    /// This moment and a duration in milliseconds later.
    #[must_use]
    pub fn after(self, millis: u64) -> Self {
        self.plus_millis(i64::try_from(millis).unwrap_or(i64::MAX))
    }

    /// This moment moved by seconds.
    #[must_use]
    pub const fn plus_seconds(self, seconds: i64) -> Self {
        Self(self.0.saturating_add(seconds.saturating_mul(1000)))
    }

    /// Milliseconds from `earlier` to this moment (negative when it is later).
    pub const fn millis_since(self, earlier: Self) -> i64 {
        self.0.saturating_sub(earlier.0)
    }
}

impl fmt::Display for WorldTime {
    /// RFC 3339 in UTC with milliseconds; the bare number outside jiff's range of years.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::from_millisecond(self.0) {
            Ok(at) => write!(formatter, "{at:.3}"),
            Err(_) => write!(formatter, "{}ms", self.0),
        }
    }
}

/// What is still to happen, in order of time and, at the same moment, of scheduling.
#[derive(Debug, Clone)]
pub struct Schedule<H> {
    queue: BinaryHeap<Reverse<Entry<H>>>,
    scheduled: u64,
}

#[derive(Debug, Clone)]
struct Entry<H> {
    at: WorldTime,
    /// Breaks ties: a heap alone would order equal times arbitrarily and two runs could differ.
    sequence: u64,
    happening: H,
}

impl<H> PartialEq for Entry<H> {
    fn eq(&self, other: &Self) -> bool {
        (self.at, self.sequence) == (other.at, other.sequence)
    }
}

impl<H> Eq for Entry<H> {}

impl<H> PartialOrd for Entry<H> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl<H> Ord for Entry<H> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.at, self.sequence).cmp(&(other.at, other.sequence))
    }
}

impl<H> Default for Schedule<H> {
    fn default() -> Self {
        Self { queue: BinaryHeap::new(), scheduled: 0 }
    }
}

impl<H> Schedule<H> {
    /// Adds something that will happen at a moment.
    pub fn add(&mut self, at: WorldTime, happening: H) {
        self.scheduled += 1;
        self.queue.push(Reverse(Entry { at, sequence: self.scheduled, happening }));
    }

    /// Takes the next thing due at or before `until`.
    pub fn take_due(&mut self, until: WorldTime) -> Option<(WorldTime, H)> {
        if self.queue.peek()?.0.at > until {
            return None;
        }
        self.queue.pop().map(|Reverse(entry)| (entry.at, entry.happening))
    }

    /// When the next thing happens, if anything is left.
    pub fn next_at(&self) -> Option<WorldTime> {
        self.queue.peek().map(|entry| entry.0.at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn things_happen_in_order_of_time_then_of_scheduling() {
        let mut schedule = Schedule::default();
        schedule.add(WorldTime::from_millis(20), "c");
        schedule.add(WorldTime::from_millis(10), "a");
        schedule.add(WorldTime::from_millis(10), "b");
        let mut seen = Vec::new();
        while let Some((_, name)) = schedule.take_due(WorldTime::from_millis(15)) {
            seen.push(name);
        }
        assert_eq!(seen, ["a", "b"]);
        assert_eq!(schedule.next_at(), Some(WorldTime::from_millis(20)));
    }

    #[test]
    fn times_read_and_print_as_rfc_3339() {
        let at = WorldTime::parse("2026-03-01T08:00:00Z").expect("a time");
        assert_eq!(at.to_string(), "2026-03-01T08:00:00.000Z");
        assert_eq!(WorldTime::parse("next tuesday"), None);
        assert_eq!(at.basic(), "20260301T080000Z");
        assert_eq!(WorldTime::parse_basic("20260301T080000Z"), Some(at));
        for broken in ["", "20260301T0800Z", "2026-03-01T08:00Z", "20261301T080000Z", "äöüäöüäö"] {
            assert_eq!(WorldTime::parse_basic(broken), None, "{broken}");
        }
    }
}
