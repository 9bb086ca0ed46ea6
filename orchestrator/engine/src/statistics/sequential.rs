//! Tests for guards that look again and again.
//!
//! An ordinary test at level 0.05, repeated every minute, raises a false alarm sooner or later. What is here may be looked at after
//! every observation, for ever, and stopped at any moment: the probability that it *ever* alarms without cause is at most
//! the level (Ville 1939: a non-negative process whose expectation never rises above 1 exceeds 1/α with probability at most α).
//!
//! | question | here | what it assumes |
//! |---|---|---|
//! | is a rate above a bound? | [`above_bound`] | given the past, each trial's rate is at most the bound; repeated trials are fresh ones |
//! | is the canary's rate above the control's? | [`Proportions`] | trials of a look are independent given the past, and its mean rates keep the margin; rates may differ from trial to trial and change with time, as long as they do so for both |
//! | are the canary's values above the control's? | [`Series`] | given the past, the values of a look are independent, and canary's (less the margin) are stochastically no larger than control's; the distribution may be any and change from look to look |
//! | anything, also about the same nodes again and again | [`level_of_look`] with an ordinary test | what that test assumes, once per look; looks may depend on each other in any way |
//!
//! The first three multiply evidence from look to look, so every look must bring *new* trials. Nodes that differ for good break
//! that: canaries that have always been slower by chance are a lasting difference, and [`Series`] finds it, rightly, within hours.
//! Differences to each node's own past help but do not suffice, because the past is only known to some precision; together with
//! a [`Margin`] of half a deviation they do (the bench `sequential` has the figures). For "which nodes have failed so far", where the same
//! nodes are looked at again, only the last row is right. It is slow for regressions that come late, because totals dilute them.

use super::discrete::{Binomial, Unimodal};
use super::proportion::Proportion;
use super::rank::{MannWhitney, Method, mann_whitney};
use super::{Alternative, Error, inside_unit};
use serde::{Deserialize, Serialize};
use std::f64::consts::LN_2;

/// Canary's rates or values that are still fine beside the control's: up to `factor · control + offset`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Margin {
    factor: f64,
    offset: f64,
}

impl Margin {
    /// Anything larger than the control's counts.
    pub const NONE: Self = Self { factor: 1.0, offset: 0.0 };

    /// `factor` above 0 (and meant for values that are not negative if it is not 1), `offset` in the values' unit.
    pub fn new(factor: f64, offset: f64) -> Result<Self, Error> {
        if !(factor.is_finite() && factor > 0.0) {
            return Err(Error::OutOfRange { what: "the margin's factor", range: "finite and above 0" });
        }
        if !offset.is_finite() {
            return Err(Error::OutOfRange { what: "the margin's offset", range: "finite" });
        }
        Ok(Self { factor, offset })
    }

    fn of(self, control: f64) -> f64 {
        self.factor * control + self.offset
    }
}

/// How much has been gathered against "no difference".
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Evidence {
    /// ln of the e-value now. 0 says nothing; the odds one would have won by betting against "no difference".
    pub ln_e: f64,
    /// The largest `ln_e` so far.
    pub ln_highest: f64,
    /// Looks that brought something.
    pub looks: u64,
}

impl Evidence {
    /// The always-valid p-value, one over the largest e-value so far: never rises, and is at most α with probability at most α,
    /// however often one looks.
    pub fn p(&self) -> f64 {
        (-self.ln_highest).exp().clamp(0.0, 1.0)
    }
}

/// ln of the e-value that a rate is above `bound` (in (0, 1)); a function of the totals alone.
///
/// Robbins' beta-binomial mixture (1970), one-sided: the likelihood ratio against `bound` = p₀, averaged over all rates above
/// it alike,
/// `M = ∫_{p₀}^{1} (p/p₀)^s (q/q₀)^(n-s) dp / (1 - p₀)`. With uniform weights the integral is a binomial tail:
/// `M = P(Bin(n+1, p₀) ≤ s) / ((n+1) (1 - p₀) P(Bin(n, p₀) = s))`.
/// Every ratio for p > p₀ has an expectation of at most 1 a trial when the rate is at most p₀, so one-sidedness costs nothing.
/// Alarm when it ever reaches ln(1/α).
pub fn above_bound(sample: Proportion, bound: f64) -> Result<f64, Error> {
    inside_unit(bound, "the bound")?;
    let (events, trials) = (sample.events(), sample.trials());
    let tail = Binomial { trials: trials + 1, rate: bound }.ln_at_most(events);
    let mass = Binomial { trials, rate: bound }.ln_mass(events);
    Ok(tail - mass - ((trials + 1) as f64).ln() - (1.0 - bound).ln())
}

/// Sums of exponentials that neither overflow nor underflow.
fn ln_sum(terms: impl Iterator<Item = f64> + Clone) -> f64 {
    let largest = terms.clone().fold(f64::NEG_INFINITY, f64::max);
    if largest == f64::NEG_INFINITY {
        return largest;
    }
    largest + terms.map(|term| (term - largest).exp()).sum::<f64>().ln()
}

/// Bets of several strengths, started at every look.
///
/// The e-value is Σ over strengths j and starts t of w_j r_t × (product of the factors of strength j since look t), plus the money not
/// yet placed. Started at look 1 only, hours of healthy looks would lose so much that a regression at noon is seen at
/// midnight. A mixture over starts keeps a share for every one: r₁ = ½, and r_t = ½ / (t (t-1)) after that, which sums to 1.
/// It is an e-process because every part of it is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Bets {
    /// ln of what each strength's placed money has become; empty before the first look.
    placed: Vec<f64>,
    looks: u64,
    ln_highest: f64,
}

/// Less than this is nothing; keeps the state finite, because JSON has no infinities.
const NOTHING: f64 = -1e12;

impl Bets {
    const NEW: Self = Self { placed: Vec::new(), looks: 0, ln_highest: 0.0 };

    /// Places this look's share and multiplies with its factors, which must have an expectation of at most 1.
    fn observe(&mut self, ln_factors: &[f64]) {
        self.placed.resize(ln_factors.len(), NOTHING);
        self.looks = self.looks.saturating_add(1);
        let ln_start = if self.looks == 1 {
            -LN_2
        } else {
            let look = self.looks as f64;
            -LN_2 - look.ln() - (look - 1.0).ln()
        };
        let ln_weight = ln_start - (ln_factors.len() as f64).ln();
        for (placed, ln_factor) in self.placed.iter_mut().zip(ln_factors) {
            let sum = ln_sum([*placed, ln_weight].into_iter()) + ln_factor;
            *placed = if sum.is_nan() { NOTHING } else { sum.clamp(NOTHING, -NOTHING) };
        }
        self.ln_highest = self.ln_highest.max(self.ln_e());
    }

    fn ln_e(&self) -> f64 {
        // ½ / looks is what the starts still to come will get.
        let kept = if self.looks == 0 { 0.0 } else { -LN_2 - (self.looks as f64).ln() };
        ln_sum(self.placed.iter().copied().chain([kept]))
    }

    fn evidence(&self) -> Evidence {
        Evidence { ln_e: self.ln_e(), ln_highest: self.ln_highest, looks: self.looks }
    }
}

/// Odds ratios over the margin that [`Proportions`] bets on, alike.
const ODDS_RATIOS: [f64; 5] = [1.5, 2.5, 5.0, 15.0, 60.0];
/// What is assumed of the control's rate before it was ever seen: one event in a hundred trials, worth fifty trials.
const PRIOR: (f64, f64) = (0.5, 50.0);

/// Is the canary's rate above the control's, look after look?
///
/// Every look is a block: n_a canary trials and n_b control trials with y_a and y_b events. Its e-value is
/// `p(y_a | θ_a) p(y_b | θ_b) / (p(y_a | θ°_a) p(y_b | θ°_b))`, where (θ_a, θ_b) is a guess made before the look and (θ°_a, θ°_b) the pair on
/// the border θ°_a = factor·θ°_b + offset that is nearest to it in Kullback–Leibler divergence (Turner, Ly and Grünwald 2021,
/// "Generic E-Variables for Exact Sequential k-Sample Tests that allow for Optional Stopping"; Turner and Grünwald 2022 for
/// one-sided and shifted hypotheses).
///
/// Why that is safe for *every* pair of mean rates (a, b) with a ≤ factor·b + offset, also when each trial has a rate of its own: the
/// expectation is a product over trials of 1 + (θ - θ°)(rate - θ°)/(θ°(1-θ°)), by ln(1+x) ≤ x at most
/// exp(λ (a - factor·b - offset)) with λ = n_a (θ_a - θ°_a)/(θ°_a (1-θ°_a)) ≥ 0, because at the nearest pair
/// n_b (θ_b - θ°_b)/(θ°_b (1-θ°_b)) = -factor·λ.
///
/// The guesses: the control's rate from the looks before this one, the canary's five odds ratios over the margin.
/// Without canary or control trials a look says nothing. Serialisable; a few numbers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Proportions {
    margin: Margin,
    /// Control's events and trials so far, history and [`PRIOR`] included.
    events: f64,
    trials: f64,
    bets: Bets,
}

impl Proportions {
    /// `history`: what is known of the rate from before the first look. It makes the bets better, never the level worse.
    pub fn new(margin: Margin, history: Option<Proportion>) -> Self {
        let mut new = Self { margin, events: PRIOR.0, trials: PRIOR.1, bets: Bets::NEW };
        if let Some(history) = history {
            new.learn(history);
        }
        new
    }

    /// New trials of both groups, which no look has counted before.
    pub fn observe(&mut self, canary: Proportion, control: Proportion) {
        if canary.trials() > 0 && control.trials() > 0 {
            let baseline = self.events / self.trials;
            let factors = ODDS_RATIOS.map(|odds| self.ln_factor(baseline, odds, canary, control));
            self.bets.observe(&factors);
        }
        self.learn(control);
    }

    /// What the looks so far amount to.
    pub fn evidence(&self) -> Evidence {
        self.bets.evidence()
    }

    fn learn(&mut self, control: Proportion) {
        self.events += control.events() as f64;
        self.trials += control.trials() as f64;
    }

    fn ln_factor(&self, baseline: f64, odds_ratio: f64, canary: Proportion, control: Proportion) -> f64 {
        let Margin { factor, offset } = self.margin;
        // A negative offset may ask for less than no events; then nothing below it is a fair guess of "no difference".
        let fine = self.margin.of(baseline);
        if !(fine > 0.0 && fine < 1.0) {
            return 0.0;
        }
        let odds = fine / (1.0 - fine) * odds_ratio;
        let guess = odds / (1.0 + odds);
        let (m, n) = (canary.trials() as f64, control.trials() as f64);
        // Between the guessed control's rate and the one whose margin reaches the guessed canary's. The slope of the divergence
        // falls from above 0 to below it.
        let (mut low, mut high) = (baseline, ((guess - offset) / factor).min(1.0));
        while low < high {
            let middle = f64::midpoint(low, high);
            if middle <= low || middle >= high {
                break;
            }
            let border = self.margin.of(middle);
            let slope = m * factor * (guess - border) / (border * (1.0 - border))
                + n * (baseline - middle) / (middle * (1.0 - middle));
            if slope > 0.0 {
                low = middle;
            } else {
                high = middle;
            }
        }
        let nearest = f64::midpoint(low, high);
        ln_ratio(canary, guess, self.margin.of(nearest)) + ln_ratio(control, baseline, nearest)
    }
}

/// ln of the likelihood of `rate` to that of `under`, both inside (0, 1).
fn ln_ratio(sample: Proportion, rate: f64, under: f64) -> f64 {
    let rest = (sample.trials() - sample.events()) as f64;
    sample.events() as f64 * ((rate - under) / under).ln_1p()
        + rest * ((under - rate) / (1.0 - under)).ln_1p()
}

/// Shifts that [`Series`] bets on, in standard deviations of one look's U, alike.
const SHIFTS: [f64; 5] = [0.25, 0.5, 1.0, 2.0, 4.0];

/// Are the canary's values above the control's, look after look? By ranks within each look, so that the values' distribution
/// does not matter, nor that it changes during the day.
///
/// With U the pairs of a look in which the canary is larger than the margin of the control (ties one half), m and n the sizes,
/// and σ² = mn(m+n+1)/12, the factor of a look is exp(λ(U - mn/2)) / E₀, for λ = η/σ with five η. E₀ is the exact expectation over all
/// splits of m+n distinct values, from the generating function of U (Mann and Whitney 1947):
/// `E₀ = Π_{i=1}^{m} [sinh(λ(n+i)/2) / (n+i)] / [sinh(λi/2) / i]`.
/// Its expectation is 1 if canary and control have one distribution; at most 1 if canary's values are stochastically smaller,
/// because U rises with every one of them; and at most 1 with ties, because U with halves for ties is the mean of U over random
/// orders of the tied, and exp is convex. The factors are bets in the sense of Waudby-Smith and Ramdas (2024), "Estimating means
/// of bounded random variables by betting", on ranks.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Series {
    margin: Margin,
    bets: Bets,
}

impl Series {
    /// Nothing seen yet.
    pub fn new(margin: Margin) -> Self {
        Self { margin, bets: Bets::NEW }
    }

    /// One value of each node of both groups, for a window that no look has counted before.
    pub fn observe(&mut self, canary: &[f64], control: &[f64]) -> Result<(), Error> {
        let allowed: Vec<f64> = control.iter().map(|value| self.margin.of(*value)).collect();
        let MannWhitney { u, .. } = mann_whitney(canary, &allowed, Alternative::Greater, Method::Asymptotic)?;
        let (m, n) = (canary.len().min(control.len()), canary.len().max(control.len()));
        let pairs = m as f64 * n as f64;
        let deviation = (pairs * (m as f64 + n as f64 + 1.0) / 12.0).sqrt();
        let factors = SHIFTS.map(|shift| {
            let strength = shift / deviation;
            strength * (u - pairs / 2.0) - ln_expectation(strength, m, n)
        });
        self.bets.observe(&factors);
        Ok(())
    }

    /// What the looks so far amount to.
    pub fn evidence(&self) -> Evidence {
        self.bets.evidence()
    }
}

/// ln E exp(λ(U - mn/2)) over all splits of m+n distinct values.
fn ln_expectation(strength: f64, m: usize, n: usize) -> f64 {
    let half = strength / 2.0;
    (1..=m).map(|i| ln_sinhc(half * (n + i) as f64) - ln_sinhc(half * i as f64)).sum()
}

/// ln(sinh(x)/x) for x ≥ 0.
fn ln_sinhc(x: f64) -> f64 {
    if x < 0.03 {
        let square = x * x;
        return square / 6.0 - square * square / 180.0 + square * square * square / 2835.0;
    }
    x + (-(-2.0 * x).exp_m1() / (2.0 * x)).ln()
}

/// The level at which an ordinary test may be made at look number `look` (from 1), so that all looks together keep `alpha`.
/// `None`: not at this look.
///
/// Alpha spending by the union bound, after Lan and DeMets (1983), so looks may depend on each other in any way; right for totals so
/// far, such as [`super::proportion::fisher_test`] of the nodes that have failed, or [`super::rank::mann_whitney`] of each
/// node's mean so far. Testing at every look would spend the level on nearly equal data. Between the
/// powers of two there are four looks that count, so that one waits at most a quarter of the time that has passed. The looks
/// from 2^j on share α · 2 / ((j+2)(j+3)), which sums to α.
pub fn level_of_look(look: u64, alpha: f64) -> Result<Option<f64>, Error> {
    inside_unit(alpha, "the level")?;
    let Some(octave) = look.checked_ilog2() else {
        return Ok(None);
    };
    let counted = (1u64 << octave).min(4);
    if !look.is_multiple_of((1 << octave) / counted) {
        return Ok(None);
    }
    let octave = f64::from(octave);
    Ok(Some(alpha * 2.0 / ((octave + 2.0) * (octave + 3.0)) / counted as f64))
}
