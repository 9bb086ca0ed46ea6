//! Named points at which a test lets the process die.
//!
//! Compiled in by the feature `crash-points`; without it a point is nothing.

use serde::{Deserialize, Serialize};

/// Where to die.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Point {
    /// An intent is durable and was not handed to AWS. Counted by intent number.
    AfterIntent,
    /// AWS answered and the answer is not durable. Counted by intent number.
    AfterCall,
    /// A commit is durable. Counted by the commits of this process, from 1.
    AfterCommit,
}

/// Where to die, and the how-manieth time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct CrashAt {
    /// Where.
    pub point: Point,
    /// Number, as [`Point`] counts.
    pub number: u64,
}

/// The text names no crash point.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no crash point: expected after-intent:N, after-call:N or after-commit:N")]
pub struct ParseError(String);

impl std::str::FromStr for CrashAt {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let unknown = || ParseError(text.to_owned());
        let (name, number) = text.split_once(':').ok_or_else(unknown)?;
        let point = match name {
            "after-intent" => Point::AfterIntent,
            "after-call" => Point::AfterCall,
            "after-commit" => Point::AfterCommit,
            _ => return Err(unknown()),
        };
        Ok(Self { point, number: number.parse().map_err(|_| unknown())? })
    }
}

/// Aborts the process if this is where it was asked to die.
#[cfg(feature = "crash-points")]
pub(crate) fn point(asked: Option<CrashAt>, point: Point, number: u64) {
    if asked == Some(CrashAt { point, number }) {
        // Not a panic: nothing may be cleaned up, as when the power fails.
        std::process::abort();
    }
}

/// Nothing: crash points are not compiled in.
#[cfg(not(feature = "crash-points"))]
pub(crate) fn point(_asked: Option<CrashAt>, _point: Point, _number: u64) {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn crash_points_are_read_from_text() {
        assert_eq!("after-call:17".parse(), Ok(CrashAt { point: Point::AfterCall, number: 17 }));
        assert!("after-lunch:1".parse::<CrashAt>().is_err());
        assert!("after-call".parse::<CrashAt>().is_err());
    }
}
