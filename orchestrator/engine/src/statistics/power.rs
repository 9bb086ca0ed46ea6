//! Before anything is measured: the smallest effect that these samples can show.

use super::discrete::{Binomial, Hypergeometric, Unimodal, partition};
use super::proportion::MOST_TRIALS;
use super::{Error, inside_unit, normal, significant};
use serde::{Deserialize, Serialize};

/// Up to this many trials together the power of Fisher's test is summed exactly.
pub const EXACT_TRIALS: u64 = 2_000;

/// What a test is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Demand {
    /// Probability of a false alarm that is accepted.
    pub alpha: f64,
    /// Probability of seeing the effect if it is there; 0.8 by convention.
    pub power: f64,
}

impl Demand {
    /// Both inside (0, 1).
    pub fn new(alpha: f64, power: f64) -> Result<Self, Error> {
        Ok(Self { alpha: inside_unit(alpha, "the level")?, power: inside_unit(power, "the power")? })
    }

    fn checked(self) -> Result<Self, Error> {
        Self::new(self.alpha, self.power)
    }
}

/// The smallest rise of a rate that is seen with the demanded power.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Rise {
    /// The control's rate, or the bound.
    pub from: f64,
    /// The canary's rate.
    pub to: f64,
    /// Whether the power was summed exactly or approximated by the normal distribution.
    pub exact: bool,
}

/// For Fisher's one-sided test of `canary` against `control` trials, the control's rate being `baseline` (in [0, 1)).
///
/// `None` if not even a rate of 1 would be seen, as with two nodes against two. Exact up to [`EXACT_TRIALS`] trials together, beyond
/// that the usual normal approximation with pooled variance under "no difference".
pub fn detectable_rise(
    canary: u64,
    control: u64,
    baseline: f64,
    demand: Demand,
) -> Result<Option<Rise>, Error> {
    let demand = demand.checked()?;
    in_unit(baseline, "the baseline")?;
    if canary == 0 || control == 0 {
        return Ok(None);
    }
    if canary.max(control) > MOST_TRIALS {
        return Err(Error::TooLarge { what: "trials", limit: MOST_TRIALS });
    }
    let exact = canary + control <= EXACT_TRIALS;
    let to = if exact {
        let table = Fisher::new(canary, control, baseline, demand.alpha);
        smallest(baseline, |rate| table.power(rate) >= demand.power)
    } else {
        let (m, n) = (canary as f64, control as f64);
        smallest(baseline, |rate| normal_power(m, n, baseline, rate, demand.alpha) >= demand.power)
    };
    Ok(to.map(|to| Rise { from: baseline, to, exact }))
}

/// For the exact one-sided binomial test of `trials` against the rate `bound` (in [0, 1)). Always exact.
pub fn detectable_excess(trials: u64, bound: f64, demand: Demand) -> Result<Option<Rise>, Error> {
    let demand = demand.checked()?;
    in_unit(bound, "the bound")?;
    if trials > MOST_TRIALS {
        return Err(Error::TooLarge { what: "trials", limit: MOST_TRIALS });
    }
    let under = Binomial { trials, rate: bound };
    let critical = partition(0, trials + 1, |events| !significant(under.at_least(events), demand.alpha));
    if critical > trials {
        return Ok(None);
    }
    let to = smallest(bound, |rate| Binomial { trials, rate }.at_least(critical) >= demand.power);
    Ok(to.map(|to| Rise { from: bound, to, exact: true }))
}

/// The smallest effect on a series that is seen with the demanded power.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Effect {
    /// Probability that a canary's value is larger than a control's; ½ is no effect.
    pub superiority: f64,
    /// The same as a shift of a normal distribution, in standard deviations of the baseline.
    pub standard_deviations: f64,
}

/// For the one-sided Mann–Whitney test of `canary` against `control` values.
///
/// Noether's normal approximation (1987): A = ½ + (z_α + z_β) √((m+n+1) / 12mn), which takes the variance under "no difference". `None` if
/// that is not below 1, or if even complete separation, one split of all, would not be significant.
pub fn detectable_effect(canary: u64, control: u64, demand: Demand) -> Result<Option<Effect>, Error> {
    let demand = demand.checked()?;
    if canary == 0 || control == 0 {
        return Ok(None);
    }
    let (m, n) = (canary as f64, control as f64);
    let z = normal::upper_quantile(demand.alpha) + normal::upper_quantile(1.0 - demand.power);
    let superiority = 0.5 + z * ((m + n + 1.0) / (12.0 * m * n)).sqrt();
    if !(0.5..1.0).contains(&superiority) || !significant((-ln_splits(canary, control)).exp(), demand.alpha) {
        return Ok(None);
    }
    let standard_deviations = std::f64::consts::SQRT_2 * normal::upper_quantile(1.0 - superiority);
    Ok(Some(Effect { superiority, standard_deviations }))
}

/// ln of the ways to choose the canaries; stops counting when that is certainly enough for any level.
fn ln_splits(canary: u64, control: u64) -> f64 {
    let (few, many) = (canary.min(control), canary.max(control) as f64);
    (1..=few.min(1_100)).map(|at| ((many + at as f64) / at as f64).ln()).sum()
}

fn in_unit(rate: f64, what: &'static str) -> Result<(), Error> {
    if (0.0..1.0).contains(&rate) {
        return Ok(());
    }
    Err(Error::OutOfRange { what, range: "at least 0 and below 1" })
}

/// The smallest rate above `from` that is enough, to the last bit; `None` if 1 is not. More is never worse.
fn smallest(from: f64, enough: impl Fn(f64) -> bool) -> Option<f64> {
    if !enough(1.0) {
        return None;
    }
    let (mut low, mut high) = (from, 1.0);
    for _ in 0..50 {
        let middle = f64::midpoint(low, high);
        if enough(middle) {
            high = middle;
        } else {
            low = middle;
        }
    }
    Some(high)
}

/// Fisher's one-sided test as its rejection region: for each number of the control's events that can reasonably occur, its
/// probability and the fewest events of the canary that are significant.
struct Fisher {
    canary: u64,
    rows: Vec<(f64, u64)>,
}

impl Fisher {
    fn new(canary: u64, control: u64, baseline: f64, alpha: f64) -> Self {
        let under = Binomial { trials: control, rate: baseline };
        let mut rows = Vec::new();
        let mut critical = 0;
        for events in under.lowest()..=under.highest() {
            let mass = under.ln_mass(events).exp();
            if mass < 1e-12 {
                continue;
            }
            // With more events of the control, no fewer of the canary are significant.
            let enough = |critical: u64| {
                let split = Hypergeometric { marked: canary, plain: control, drawn: events + critical };
                significant(split.at_least(critical), alpha)
            };
            while critical <= canary && !enough(critical) {
                critical += 1;
            }
            rows.push((mass, critical));
        }
        Self { canary, rows }
    }

    fn power(&self, rate: f64) -> f64 {
        let canary = Binomial { trials: self.canary, rate };
        self.rows.iter().map(|(mass, critical)| mass * canary.at_least(*critical)).sum()
    }
}

fn normal_power(m: f64, n: f64, baseline: f64, rate: f64, alpha: f64) -> f64 {
    let pooled = (m * rate + n * baseline) / (m + n);
    let under = (pooled * (1.0 - pooled) * (1.0 / m + 1.0 / n)).sqrt();
    let real = (rate * (1.0 - rate) / m + baseline * (1.0 - baseline) / n).sqrt();
    let above = rate - baseline - normal::upper_quantile(alpha) * under;
    if real > 0.0 { normal::upper_tail(-above / real) } else { f64::from(above > 0.0) }
}
