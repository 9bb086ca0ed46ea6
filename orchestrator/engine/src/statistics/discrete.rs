//! Binomial and hypergeometric masses and tails with full relative precision.
//!
//! Masses by the saddle-point expansion (Loader 2000, "Fast and Accurate Computation of Binomial Probabilities"): the tempting
//! `exp` of differences of log-gammas loses eight digits at a million trials, because numbers around 1e7 cancel.
//! Tails are sums away from the mode by the ratio of neighbours, relative to their first term, so that they neither
//! underflow nor cost more than a few standard deviations' worth of terms.

use super::whole;
use std::f64::consts::PI;

/// Two masses nearer than this are one mass computed twice; as R's and scipy's exact tests do it.
const SAME_MASS: f64 = 1e-7;

/// A distribution on a range of integers with one mode.
pub(super) trait Unimodal {
    fn lowest(&self) -> u64;
    fn highest(&self) -> u64;
    fn mode(&self) -> u64;
    fn ln_mass(&self, at: u64) -> f64;
    /// Mass of `at + 1` to mass of `at`, for `at` below the highest.
    fn step_up(&self, at: u64) -> f64;

    /// ln P(X ≥ from).
    fn ln_at_least(&self, from: u64) -> f64 {
        if from <= self.lowest() {
            return 0.0;
        }
        if from > self.highest() {
            return f64::NEG_INFINITY;
        }
        if from <= self.mode() {
            return ln_complement(self.ln_at_most(from - 1));
        }
        let ratios = (from..self.highest()).map(|at| self.step_up(at));
        (self.ln_mass(from) + falling_sum(ratios).ln()).min(0.0)
    }

    /// ln P(X ≤ to).
    fn ln_at_most(&self, to: u64) -> f64 {
        if to >= self.highest() {
            return 0.0;
        }
        if to < self.lowest() {
            return f64::NEG_INFINITY;
        }
        if to >= self.mode() {
            return ln_complement(self.ln_at_least(to + 1));
        }
        let ratios = (self.lowest()..to).rev().map(|at| 1.0 / self.step_up(at));
        (self.ln_mass(to) + falling_sum(ratios).ln()).min(0.0)
    }

    /// P(X ≥ from).
    fn at_least(&self, from: u64) -> f64 {
        self.ln_at_least(from).exp()
    }

    /// P(X ≤ to).
    fn at_most(&self, to: u64) -> f64 {
        self.ln_at_most(to).exp()
    }

    /// P(X is no likelier than `seen`): the two-sided exact p-value by the method of small masses.
    fn as_unlikely_as(&self, seen: u64) -> f64 {
        let bound = self.ln_mass(seen) + SAME_MASS;
        let mode = self.mode();
        if self.ln_mass(mode) <= bound {
            return 1.0;
        }
        let p = if seen < mode {
            let from = partition(mode, self.highest() + 1, |at| self.ln_mass(at) > bound);
            self.at_most(seen) + self.at_least(from)
        } else {
            let from = partition(self.lowest(), mode, |at| self.ln_mass(at) <= bound);
            let below = from.checked_sub(1).map_or(0.0, |to| self.at_most(to));
            self.at_least(seen) + below
        };
        p.min(1.0)
    }
}

/// The first number of `low..high` for which `holds` is false, or `high`. `holds` must be true, then false.
pub(super) fn partition(mut low: u64, mut high: u64, holds: impl Fn(u64) -> bool) -> u64 {
    while low < high {
        let middle = low + (high - low) / 2;
        if holds(middle) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    low
}

/// ln(1 - exp(x)) for x ≤ 0.
pub(super) fn ln_complement(x: f64) -> f64 {
    if x > -0.5 { (-x.exp_m1()).ln() } else { (-x.exp()).ln_1p() }
}

/// 1 + r₁ + r₁r₂ + …, until terms no longer count. From the mode outwards the ratios only fall, so once a term is below the
/// last bit, the rest is as well.
fn falling_sum(ratios: impl Iterator<Item = f64>) -> f64 {
    let (mut sum, mut term) = (1.0, 1.0);
    for ratio in ratios {
        term *= ratio;
        sum += term;
        if term < sum * 1e-19 {
            break;
        }
    }
    sum
}

/// Events in `trials` independent trials of one rate.
#[derive(Clone, Copy)]
pub(super) struct Binomial {
    pub trials: u64,
    /// In [0, 1].
    pub rate: f64,
}

impl Unimodal for Binomial {
    fn lowest(&self) -> u64 {
        if self.rate >= 1.0 { self.trials } else { 0 }
    }

    fn highest(&self) -> u64 {
        if self.rate <= 0.0 { 0 } else { self.trials }
    }

    fn mode(&self) -> u64 {
        whole((self.trials + 1) as f64 * self.rate).clamp(self.lowest(), self.highest())
    }

    fn ln_mass(&self, at: u64) -> f64 {
        ln_binomial(at, self.trials, self.rate, 1.0 - self.rate)
    }

    fn step_up(&self, at: u64) -> f64 {
        (self.trials - at) as f64 / (at + 1) as f64 * (self.rate / (1.0 - self.rate))
    }
}

/// Marked ones among `drawn`, drawn without replacement from `marked` and `plain` ones.
#[derive(Clone, Copy)]
pub(super) struct Hypergeometric {
    pub marked: u64,
    pub plain: u64,
    /// At most `marked + plain`.
    pub drawn: u64,
}

impl Unimodal for Hypergeometric {
    fn lowest(&self) -> u64 {
        self.drawn.saturating_sub(self.plain)
    }

    fn highest(&self) -> u64 {
        self.drawn.min(self.marked)
    }

    fn mode(&self) -> u64 {
        let (drawn, marked) = (u128::from(self.drawn), u128::from(self.marked));
        let all = marked + u128::from(self.plain);
        // At most the smaller of the two factors, which is a u64.
        let mode = ((drawn + 1) * (marked + 1) / (all + 2)) as u64;
        mode.clamp(self.lowest(), self.highest())
    }

    fn ln_mass(&self, at: u64) -> f64 {
        let (all, drawn) = ((self.marked + self.plain) as f64, self.drawn as f64);
        if self.drawn == 0 || self.lowest() == self.highest() {
            return 0.0;
        }
        let (rate, rest) = (drawn / all, (all - drawn) / all);
        ln_binomial(at, self.marked, rate, rest) + ln_binomial(self.drawn - at, self.plain, rate, rest)
            - ln_binomial(self.drawn, self.marked + self.plain, rate, rest)
    }

    fn step_up(&self, at: u64) -> f64 {
        let left = (self.marked - at) as f64 * (self.drawn - at) as f64;
        left / ((at + 1) as f64 * ((self.plain + at + 1) - self.drawn) as f64)
    }
}

/// ln of the binomial mass; `rest` is 1 - `rate`, given so that neither loses digits.
fn ln_binomial(events: u64, trials: u64, rate: f64, rest: f64) -> f64 {
    if rate <= 0.0 || rest <= 0.0 {
        let certain = if rate <= 0.0 { 0 } else { trials };
        return if events == certain { 0.0 } else { f64::NEG_INFINITY };
    }
    let (n, x) = (trials as f64, events as f64);
    if events == 0 {
        return if rate < 0.5 { n * (-rate).ln_1p() } else { n * rest.ln() };
    }
    if events == trials {
        return if rest < 0.5 { n * (-rest).ln_1p() } else { n * rate.ln() };
    }
    let y = n - x;
    stirling_error(trials)
        - stirling_error(events)
        - stirling_error(trials - events)
        - deviance(x, n * rate)
        - deviance(y, n * rest)
        + 0.5 * (n / (2.0 * PI * x * y)).ln()
}

/// ln n! less Stirling's formula, ½ ln(2πn) + n ln n - n.
fn stirling_error(n: u64) -> f64 {
    let x = n as f64;
    if n <= 15 {
        // Up to 15! every factorial is exact in an f64; the series needs larger numbers.
        let factorial: f64 = (1..=n).map(|factor| factor as f64).product();
        let formula = if n == 0 { 0.0 } else { 0.5 * (2.0 * PI * x).ln() + x * x.ln() - x };
        return factorial.ln() - formula;
    }
    let square = x * x;
    let tail = 1.0 / 1680.0 - 1.0 / (1188.0 * square);
    let tail = 1.0 / 1260.0 - tail / square;
    (1.0 / 12.0 - (1.0 / 360.0 - tail / square) / square) / x
}

/// x ln(x/m) + m - x without cancellation near x = m.
fn deviance(x: f64, m: f64) -> f64 {
    let difference = x - m;
    if difference.abs() >= 0.1 * (x + m) {
        return x * (x / m).ln() - difference;
    }
    // With v = (x-m)/(x+m): ln(x/m) = 2 artanh(v), so the sum is (x-m) v + 2x (v³/3 + v⁵/5 + …).
    let v = difference / (x + m);
    let (mut sum, mut power) = (difference * v, 2.0 * x * v);
    for odd in (3..100).step_by(2) {
        power *= v * v;
        let next = sum + power / f64::from(odd);
        if (next - sum).abs() <= 0.0 {
            break;
        }
        sum = next;
    }
    sum
}
