//! Two series of values: is one shifted against the other? By ranks, so that neither the shape of the distribution nor an
//! outlier matters.

use super::{Alternative, Error, inside_unit, normal, whole};
use serde::{Deserialize, Serialize};

/// Most values of one sample.
pub const MOST_VALUES: usize = 1_000_000;
/// Up to this smaller sample, untied values get their exact distribution; scipy's rule as well.
const EXACT_SMALLER: usize = 8;
/// Up to this many values together, tied ones get their exact distribution, and untied ones as well.
const EXACT_TOGETHER: usize = 40;
/// Most values together for which [`Method::Exact`] with ties is tried: the number of ways to choose must fit a u64.
const EXACT_TIED: usize = 60;
/// Most steps of exact counting without ties.
const EXACT_STEPS: u128 = 50_000_000;

/// How the p-value is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Method {
    /// Exact where that is cheap (smaller sample of at most 8 untied values, or at most 40 values together), else the
    /// normal approximation. With ties in small samples the approximation would be off by more than a level of 0.05.
    Auto,
    /// The distribution of U over all ways to split the pooled values, ties included. [`Error::TooLarge`] if that is too much.
    Exact,
    /// The normal approximation with corrections for ties and continuity.
    Asymptotic,
}

/// Result of a Mann–Whitney test.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct MannWhitney {
    /// Pairs in which the canary's value is larger; ties count one half.
    pub u: f64,
    /// p-value.
    pub p: f64,
    /// Whether `p` is exact.
    pub exact: bool,
    /// Probability of superiority (common-language effect size, Vargha and Delaney's A): U of all pairs. ½ is no effect.
    pub superiority: f64,
}

impl MannWhitney {
    /// Rank-biserial correlation, from -1 to 1; 0 is no effect.
    pub fn rank_biserial(&self) -> f64 {
        2.0 * self.superiority - 1.0
    }
}

/// The Mann–Whitney U test (Mann and Whitney 1947). Time n log n, and a few milliseconds for exact distributions.
///
/// Assumes independent values; under "no difference" canary and control have one distribution. The two-sided p-value is
/// twice the smaller tail.
pub fn mann_whitney(
    canary: &[f64],
    control: &[f64],
    alternative: Alternative,
    method: Method,
) -> Result<MannWhitney, Error> {
    let pooled = Pooled::new(canary, control)?;
    let tail = match method {
        Method::Exact => {
            let limit = if pooled.tied() { EXACT_TIED as u64 } else { EXACT_STEPS as u64 };
            Some(pooled.exact(alternative).ok_or(Error::TooLarge { what: "exact splits", limit })?)
        }
        Method::Auto if pooled.small() => pooled.exact(alternative),
        Method::Asymptotic | Method::Auto => None,
    };
    let u = pooled.doubled_u as f64 / 2.0;
    Ok(MannWhitney {
        u,
        p: tail.unwrap_or_else(|| pooled.asymptotic(alternative)),
        exact: tail.is_some(),
        superiority: u / pooled.pairs(),
    })
}

/// What the test needs to know of two samples.
struct Pooled {
    canary: usize,
    control: usize,
    /// Twice U of the canary, so that it is a whole number.
    doubled_u: u128,
    /// Sizes of the groups of equal values, smallest value first.
    groups: Vec<usize>,
}

impl Pooled {
    fn new(canary: &[f64], control: &[f64]) -> Result<Self, Error> {
        check(canary)?;
        check(control)?;
        let mut all: Vec<(f64, bool)> = canary.iter().map(|value| (*value, true)).collect();
        all.extend(control.iter().map(|value| (*value, false)));
        all.sort_unstable_by(|one, other| one.0.total_cmp(&other.0));
        let mut doubled_u = 0u128;
        let mut groups = Vec::new();
        let mut below = 0u128;
        // -0.0 and 0.0 sort apart but are equal, which is what `==` says.
        #[allow(clippy::float_cmp)]
        for group in all.chunk_by(|one, other| one.0 == other.0) {
            let ours = group.iter().filter(|(_, canary)| *canary).count() as u128;
            let theirs = group.len() as u128 - ours;
            doubled_u += ours * (2 * below + theirs);
            below += theirs;
            groups.push(group.len());
        }
        Ok(Self { canary: canary.len(), control: control.len(), doubled_u, groups })
    }

    fn pairs(&self) -> f64 {
        self.canary as f64 * self.control as f64
    }

    fn tied(&self) -> bool {
        self.groups.len() < self.canary + self.control
    }

    fn small(&self) -> bool {
        let few = self.canary + self.control <= EXACT_TOGETHER;
        few || (!self.tied() && self.canary.min(self.control) <= EXACT_SMALLER)
    }

    /// 2U of the side whose largeness is the evidence.
    fn doubled_extreme(&self, alternative: Alternative) -> u128 {
        let all = 2 * self.canary as u128 * self.control as u128;
        match alternative {
            Alternative::Greater => self.doubled_u,
            Alternative::Less => all - self.doubled_u,
            Alternative::TwoSided => self.doubled_u.max(all - self.doubled_u),
        }
    }

    fn asymptotic(&self, alternative: Alternative) -> f64 {
        let (m, n) = (self.canary as f64, self.control as f64);
        let all = m + n;
        let ties: f64 = self.groups.iter().map(|size| *size as f64).map(|t| t * (t * t - 1.0)).sum();
        let variance = m * n / 12.0 * ((all + 1.0) - ties / (all * (all - 1.0)));
        if variance <= 0.0 {
            return 1.0;
        }
        let above = self.doubled_extreme(alternative) as f64 / 2.0 - m * n / 2.0 - 0.5;
        sided(normal::upper_tail(above / variance.sqrt()), alternative)
    }

    /// `None` if there are too many splits to count.
    fn exact(&self, alternative: Alternative) -> Option<f64> {
        if !self.tied() {
            return Some(sided(self.untied_tail(self.doubled_extreme(alternative) / 2)?, alternative));
        }
        // With ties the distribution is not symmetric: both tails must be counted.
        let (above, below) = self.tied_tails()?;
        let tail = match alternative {
            Alternative::Greater => above,
            Alternative::Less => below,
            Alternative::TwoSided => above.min(below),
        };
        Some(sided(tail, alternative))
    }

    /// P(U ≥ `from`) without ties, from the coefficients of the Gaussian binomial
    /// Π (1 - q^(n+i)) / (1 - q^i), whose coefficient of q^u counts the splits with U = u. Whole numbers throughout: in floating
    /// point the differences would cancel.
    fn untied_tail(&self, from: u128) -> Option<f64> {
        let (m, n) = (self.canary.min(self.control) as u128, self.canary.max(self.control) as u128);
        let splits = choose(m + n, m)?;
        // By symmetry P(U ≥ from) = P(U ≤ mn - from), and only the lower half is ever counted.
        let (upper, to) =
            if 2 * from >= m * n { (true, m * n - from) } else { (false, from.wrapping_sub(1)) };
        if from == 0 {
            return Some(1.0);
        }
        if m * (to + 1) > EXACT_STEPS {
            return None;
        }
        let size = usize::try_from(to + 1).ok()?;
        let mut ways = vec![0i128; size];
        ways[0] = 1;
        for i in 1..=m {
            let shift = usize::try_from(n + i).ok()?;
            for at in (shift..size).rev() {
                ways[at] -= ways[at - shift];
            }
            let stride = usize::try_from(i).ok()?;
            for at in stride..size {
                ways[at] += ways[at - stride];
            }
        }
        let share = ways.iter().sum::<i128>() as f64 / splits as f64;
        Some(if upper { share } else { 1.0 - share })
    }

    /// P(U ≥ seen) and P(U ≤ seen) over all splits of tied values.
    fn tied_tails(&self) -> Option<(f64, f64)> {
        let (chosen, all) = (self.canary, self.canary + self.control);
        if all > EXACT_TIED {
            return None;
        }
        // Twice the midrank of every value, from 0, so that sums are whole numbers; U is the rank sum less a constant.
        let mut doubled_ranks = Vec::with_capacity(all);
        let mut below = 0;
        for size in &self.groups {
            doubled_ranks.extend(std::iter::repeat_n(2 * below + size - 1, *size));
            below += size;
        }
        let least = chosen * (chosen - 1);
        let seen = usize::try_from(self.doubled_u).ok()? + least;
        let most = doubled_ranks.iter().rev().take(chosen).sum::<usize>();
        let width = most.max(seen) + 1;
        // ways[k * width + s]: ways to choose k values whose doubled ranks sum to s.
        let mut ways = vec![0u64; (chosen + 1) * width];
        ways[0] = 1;
        for (seen, rank) in doubled_ranks.iter().enumerate() {
            for count in (1..=chosen.min(seen + 1)).rev() {
                for sum in *rank..width {
                    ways[count * width + sum] += ways[(count - 1) * width + sum - rank];
                }
            }
        }
        let full = &ways[chosen * width..];
        let share = |part: &[u64]| part.iter().sum::<u64>() as f64 / full.iter().sum::<u64>() as f64;
        Some((share(&full[seen..]), share(&full[..=seen])))
    }
}

fn sided(tail: f64, alternative: Alternative) -> f64 {
    let factor = if alternative == Alternative::TwoSided { 2.0 } else { 1.0 };
    (factor * tail).clamp(0.0, 1.0)
}

/// Ways to choose `chosen` of `all`; `None` beyond i128.
fn choose(all: u128, chosen: u128) -> Option<i128> {
    let mut ways = 1u128;
    for at in 0..chosen {
        ways = ways.checked_mul(all - at)? / (at + 1);
    }
    i128::try_from(ways).ok()
}

fn check(sample: &[f64]) -> Result<(), Error> {
    if sample.is_empty() {
        return Err(Error::Empty);
    }
    if sample.len() > MOST_VALUES {
        return Err(Error::TooLarge { what: "values of a sample", limit: MOST_VALUES as u64 });
    }
    match sample.iter().position(|value| !value.is_finite()) {
        Some(at) => Err(Error::NotFinite { at }),
        None => Ok(()),
    }
}

/// By how much the canary's values lie above the control's, in their own unit.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Shift {
    /// Median of all pairwise differences.
    pub estimate: f64,
    /// Lower end of the interval.
    pub low: f64,
    /// Upper end of the interval.
    pub high: f64,
}

/// The Hodges–Lehmann shift (1963) with Moses' interval from the ordered pairwise differences.
///
/// `confidence` is the interval's, for example 0.95; its ranks come from the normal approximation without ties, which makes
/// it a little too wide when there are ties. Samples too small for the confidence get the whole range of differences. No list of
/// the pairs is made: each order statistic is found by halving, in time n.
pub fn hodges_lehmann(canary: &[f64], control: &[f64], confidence: f64) -> Result<Shift, Error> {
    check(canary)?;
    check(control)?;
    inside_unit(confidence, "the confidence")?;
    let differences = Differences::new(canary, control);
    let (m, n) = (canary.len() as f64, control.len() as f64);
    let spread = (m * n * (m + n + 1.0) / 12.0).sqrt();
    let cut = m * n / 2.0 - normal::upper_quantile((1.0 - confidence) / 2.0) * spread;
    let all = differences.count();
    // Rounded down: rather too wide.
    let rank = whole(cut).clamp(1, all);
    let middle = (differences.at(all.div_ceil(2)), differences.at(all / 2 + 1));
    let shift = Shift {
        estimate: middle.0 + (middle.1 - middle.0) / 2.0,
        low: differences.at(rank),
        high: differences.at(all - rank + 1),
    };
    if [shift.estimate, shift.low, shift.high].iter().all(|value| value.is_finite()) {
        return Ok(shift);
    }
    Err(Error::OutOfRange { what: "differences of values", range: "finite" })
}

/// The pairwise differences of two sorted samples, never written down.
struct Differences {
    canary: Vec<f64>,
    control: Vec<f64>,
}

impl Differences {
    fn new(canary: &[f64], control: &[f64]) -> Self {
        let sorted = |sample: &[f64]| {
            let mut sorted = sample.to_vec();
            sorted.sort_unstable_by(f64::total_cmp);
            sorted
        };
        Self { canary: sorted(canary), control: sorted(control) }
    }

    fn count(&self) -> u64 {
        self.canary.len() as u64 * self.control.len() as u64
    }

    /// The difference of the given rank, from 1.
    fn at(&self, rank: u64) -> f64 {
        let (mut low, mut high) = (ordered(f64::NEG_INFINITY), ordered(f64::INFINITY));
        while low < high {
            let middle = low + ((i128::from(high) - i128::from(low)) / 2) as i64;
            if self.at_most(value(middle)) >= rank {
                high = middle;
            } else {
                low = middle + 1;
            }
        }
        value(low)
    }

    /// Number of differences that are at most `bound`.
    fn at_most(&self, bound: f64) -> u64 {
        let mut first = 0;
        let mut count = 0;
        for canary in &self.canary {
            while first < self.control.len() && canary - self.control[first] > bound {
                first += 1;
            }
            count += (self.control.len() - first) as u64;
        }
        count
    }
}

/// Numbers as integers in the same order, so that halving ends after 64 steps at a number that is there.
fn ordered(value: f64) -> i64 {
    let bits = value.to_bits().cast_signed();
    bits ^ (((bits >> 63).cast_unsigned()) >> 1).cast_signed()
}

fn value(ordered: i64) -> f64 {
    let bits = ordered ^ (((ordered >> 63).cast_unsigned()) >> 1).cast_signed();
    f64::from_bits(bits.cast_unsigned())
}
