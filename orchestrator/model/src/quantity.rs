//! Shares and amounts, in integers only: the same inputs give the same numbers on every machine.

use serde::{Deserialize, Serialize};
use std::fmt;

/// A share in hundredths of a percent (basis points), 0 to 10,000.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Percent(pub u16);

impl Percent {
    /// 100 %.
    pub const ALL: Self = Self(10_000);

    /// Whole percent.
    pub const fn whole(percent: u16) -> Self {
        Self(percent * 100)
    }

    /// `ceil(share · total)`.
    pub fn of_rounded_up(self, total: u32) -> u32 {
        let product = u64::from(self.0) * u64::from(total);
        u32::try_from(product.div_ceil(10_000)).unwrap_or(u32::MAX)
    }

    /// `floor(share · total)`.
    pub fn of_rounded_down(self, total: u32) -> u32 {
        u32::try_from(u64::from(self.0) * u64::from(total) / 10_000).unwrap_or(u32::MAX)
    }

    /// Whether `part` is strictly more than this share of `total`.
    pub fn is_exceeded_by(self, part: u32, total: u32) -> bool {
        u64::from(part) * 10_000 > u64::from(self.0) * u64::from(total)
    }
}

impl fmt::Display for Percent {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.0 / 100, self.0 % 100) {
            (whole, 0) => write!(formatter, "{whole}%"),
            (whole, rest) => write!(formatter, "{whole}.{}%", format!("{rest:02}").trim_end_matches('0')),
        }
    }
}

/// A number of nodes, absolute or as a share of something named where it is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Amount {
    /// That many nodes.
    Count(u32),
    /// That share of the nodes.
    Share(Percent),
}

impl Amount {
    /// Whether `part` of `total` is strictly more than this amount.
    pub fn is_exceeded_by(self, part: u32, total: u32) -> bool {
        match self {
            Self::Count(count) => part > count,
            Self::Share(share) => share.is_exceeded_by(part, total),
        }
    }

    /// As a cap on simultaneous nodes out of `total`: shares round down, and a cap is never below one.
    pub fn as_cap(self, total: u32) -> u32 {
        match self {
            Self::Count(count) => count.max(1),
            Self::Share(share) => share.of_rounded_down(total).max(1),
        }
    }

    /// The largest number of nodes that does not exceed this amount.
    pub fn tolerated(self, total: u32) -> u32 {
        match self {
            Self::Count(count) => count,
            Self::Share(share) => share.of_rounded_down(total),
        }
    }
}

impl fmt::Display for Amount {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Count(count) => write!(formatter, "{count}"),
            Self::Share(share) => write!(formatter, "{share}"),
        }
    }
}
