//! Statistics: is the canary worse than its control, and how sure is that? Pure functions of numbers.
//!
//! For: whoever judges a measurement. Must not know: plans, waves, gates, where numbers come from, time.
//!
//! - [`rank`]: two series of values, once. Mann–Whitney U, effect size, shift with its interval.
//! - [`proportion`]: events in trials, once. Exact binomial and Fisher tests, risk difference and ratio.
//! - [`sequential`]: the same questions asked again and again. However often one looks, the probability of ever raising a
//!   false alarm stays under the stated level.
//! - [`power`]: before anything is measured, the smallest effect that the samples can show.
//!
//! No input panics: what has no answer is an [`Error`] or `None`. One-sided [`Alternative::Greater`] asks everywhere whether
//! the *canary* is larger than the control (or than the bound).

mod discrete;
mod normal;
pub mod power;
pub mod proportion;
pub mod rank;
pub mod sequential;

use serde::{Deserialize, Serialize};

/// Why a question has no answer.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
pub enum Error {
    /// A sample has no value. No data is never evidence, so there is no p-value to give.
    #[error("a sample has no values")]
    Empty,
    /// NaN or an infinity: the caller decides what a missing value means, not a rank.
    #[error("value {at} of a sample is not a finite number")]
    NotFinite {
        /// Index in the sample, from 0.
        at: usize,
    },
    /// More events than trials.
    #[error("{events} events in only {trials} trials")]
    MoreEventsThanTrials {
        /// Events.
        events: u64,
        /// Trials.
        trials: u64,
    },
    /// A parameter outside its range; also NaN.
    #[error("{what} must be {range}")]
    OutOfRange {
        /// The parameter.
        what: &'static str,
        /// What it may be.
        range: &'static str,
    },
    /// More values or trials than this module counts exactly in bounded time.
    #[error("{what}: at most {limit}")]
    TooLarge {
        /// What there is too much of.
        what: &'static str,
        /// The largest number of it.
        limit: u64,
    },
}

/// Which departure from "no difference" counts as evidence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Alternative {
    /// The canary is smaller.
    Less,
    /// The canary is larger.
    Greater,
    /// Either.
    TwoSided,
}

impl Alternative {
    /// The same question with canary and control exchanged.
    #[must_use]
    pub fn mirrored(self) -> Self {
        match self {
            Self::Less => Self::Greater,
            Self::Greater => Self::Less,
            Self::TwoSided => Self::TwoSided,
        }
    }
}

/// Whether a p-value is at or under the level. A p-value of exactly 1/20 is significant at 0.05, also when its last bit is not.
pub fn significant(p: f64, alpha: f64) -> bool {
    p <= alpha * (1.0 + 1e-9)
}

/// Probabilities that must be inside (0, 1): levels, powers, confidences, bounds.
fn inside_unit(value: f64, what: &'static str) -> Result<f64, Error> {
    if value > 0.0 && value < 1.0 {
        return Ok(value);
    }
    Err(Error::OutOfRange { what, range: "above 0 and below 1" })
}

/// Rounded down; 0 for everything below.
fn whole(value: f64) -> u64 {
    let floor = value.max(0.0);
    #[allow(clippy::cast_sign_loss)] // not below 0
    let whole = floor as u64;
    whole
}
