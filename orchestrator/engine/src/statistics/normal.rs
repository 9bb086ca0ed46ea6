//! The normal distribution's upper tail and its quantile.

use statrs::function::erf::{erfc, erfc_inv};
use std::f64::consts::{FRAC_1_SQRT_2, SQRT_2};

/// P(Z > z). Keeps its relative precision far out, where `1 - cdf` would be 0.
pub(super) fn upper_tail(z: f64) -> f64 {
    0.5 * erfc(z * FRAC_1_SQRT_2)
}

/// The z with P(Z > z) = `tail`; infinite at 0 and 1.
pub(super) fn upper_quantile(tail: f64) -> f64 {
    SQRT_2 * erfc_inv(2.0 * tail)
}
