//! The normal distribution's upper tail and its quantile.

use std::f64::consts::FRAC_1_SQRT_2;

/// P(Z > z). Keeps its relative precision far out, where `1 - cdf` would be 0.
pub(super) fn upper_tail(z: f64) -> f64 {
    0.5 * libm::erfc(z * FRAC_1_SQRT_2)
}

/// The z with P(Z > z) = `tail`; beyond ±40, where nothing is left, ±40. By halving: it is asked once a test, not in a loop.
pub(super) fn upper_quantile(tail: f64) -> f64 {
    let (mut low, mut high) = (-40.0, 40.0);
    for _ in 0..64 {
        let middle = f64::midpoint(low, high);
        if upper_tail(middle) > tail {
            low = middle;
        } else {
            high = middle;
        }
    }
    f64::midpoint(low, high)
}
