//! What is measured: the identity of a metric, single observations, and the statistics made of them.

use std::collections::BTreeMap;

use crate::api::ApiError;
use crate::api::cloudwatch::{Dimension, Metric};
use crate::clock::WorldTime;

/// Milliseconds of a minute, the resolution at which ordinary metrics are kept.
pub const MINUTE_MILLIS: i64 = 60_000;

/// What identifies a metric.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct MetricId {
    /// Namespace such as `CWAgent`.
    pub namespace: String,
    /// Name.
    pub name: String,
    /// Dimensions; two metrics with other dimensions have nothing to do with each other.
    pub dimensions: BTreeMap<String, String>,
}

impl MetricId {
    /// The metric a request names. The two names must be there.
    pub fn of(metric: &Metric) -> Result<Self, ApiError> {
        let (Some(namespace), Some(name)) = (&metric.namespace, &metric.metric_name) else {
            return Err(ApiError::validation_error("A metric needs a Namespace and a MetricName."));
        };
        let dimensions = as_map(metric.dimensions.as_deref().unwrap_or_default())
            .ok_or_else(|| ApiError::validation_error("A metric names the same dimension twice."))?;
        Ok(Self { namespace: namespace.clone(), name: name.clone(), dimensions })
    }

    /// On the wire.
    pub fn to_wire(&self) -> Metric {
        Metric {
            namespace: Some(self.namespace.clone()),
            metric_name: Some(self.name.clone()),
            dimensions: Some(to_list(&self.dimensions)),
        }
    }
}

/// Dimensions by name; `None` when a name comes twice.
pub fn as_map(dimensions: &[Dimension]) -> Option<BTreeMap<String, String>> {
    let map: BTreeMap<String, String> =
        dimensions.iter().map(|each| (each.name.clone(), each.value.clone())).collect();
    (map.len() == dimensions.len()).then_some(map)
}

fn to_list(dimensions: &BTreeMap<String, String>) -> Vec<Dimension> {
    let pairs = dimensions.iter();
    pairs.map(|(name, value)| Dimension { name: name.clone(), value: value.clone() }).collect()
}

/// One or several measured values at a moment.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Observation {
    /// The moment under which it is kept.
    pub at: WorldTime,
    /// How many values.
    pub count: f64,
    /// Their sum.
    pub sum: f64,
    /// The least.
    pub minimum: f64,
    /// The greatest.
    pub maximum: f64,
}

impl Observation {
    /// The same value so many times.
    pub fn of(at: WorldTime, value: f64, count: f64) -> Self {
        Self { at, count, sum: value * count, minimum: value, maximum: value }
    }
}

/// A statistic over the observations of a period.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Statistic {
    /// How many.
    SampleCount,
    /// Sum over count.
    Average,
    /// Sum.
    Sum,
    /// Least.
    Minimum,
    /// Greatest.
    Maximum,
    /// `p99` and the like, as a percentage.
    Percentile(f64),
}

impl Statistic {
    /// Reads `Sum`, `p95`, `p99.9`. Other statistics that CloudWatch has are refused: a number in their place would be wrong.
    pub fn parse(text: &str) -> Result<Self, ApiError> {
        let percentile = || {
            let number: f64 = text.strip_prefix('p')?.parse().ok()?;
            (text.len() > 1 && (0.0..=100.0).contains(&number)).then_some(Self::Percentile(number))
        };
        match text {
            "SampleCount" => Ok(Self::SampleCount),
            "Average" => Ok(Self::Average),
            "Sum" => Ok(Self::Sum),
            "Minimum" => Ok(Self::Minimum),
            "Maximum" => Ok(Self::Maximum),
            _ => percentile().ok_or_else(|| {
                ApiError::validation_error(format!("The statistic {text} is not valid or not modelled here."))
            }),
        }
    }

    /// The statistic of a period; `None` where there is nothing to say.
    pub fn over(self, observations: &[Observation]) -> Option<f64> {
        let count: f64 = observations.iter().map(|each| each.count).sum();
        if observations.is_empty() || count <= 0.0 {
            return None;
        }
        let sum = || observations.iter().map(|each| each.sum).sum::<f64>();
        let value = match self {
            Self::SampleCount => count,
            Self::Average => sum() / count,
            Self::Sum => sum(),
            Self::Minimum => observations.iter().map(|each| each.minimum).fold(f64::INFINITY, f64::min),
            Self::Maximum => observations.iter().map(|each| each.maximum).fold(f64::NEG_INFINITY, f64::max),
            Self::Percentile(percent) => return percentile(observations, percent, count),
        };
        Some(value)
    }
}

/// Nearest rank. Sets of values of which only the summary is known have no percentiles.
fn percentile(observations: &[Observation], percent: f64, count: f64) -> Option<f64> {
    let exact = |each: &Observation| each.minimum.total_cmp(&each.maximum).is_eq();
    if !observations.iter().all(exact) {
        return None;
    }
    let mut values: Vec<(f64, f64)> = observations.iter().map(|each| (each.minimum, each.count)).collect();
    values.sort_by(|a, b| a.0.total_cmp(&b.0));
    let rank = (percent / 100.0 * count).ceil().max(1.0);
    let mut seen = 0.0;
    for (value, count) in &values {
        seen += count;
        if seen >= rank {
            return Some(*value);
        }
    }
    values.last().map(|(value, _)| *value)
}

/// Moments (milliseconds since the epoch, the beginnings of periods) with their values.
pub type Points = BTreeMap<i64, f64>;

/// The periods a query looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::struct_field_names, reason = "the unit belongs to the name")]
pub struct Window {
    /// Beginning of the first period.
    pub from_millis: i64,
    /// End, exclusive.
    pub until_millis: i64,
    /// Length of a period.
    pub period_millis: i64,
}

impl Window {
    /// Beginning of the period in which a moment lies. Periods are counted from the window's beginning: a window that
    /// does not begin at a whole period shifts all of them.
    pub fn period_of(&self, millis: i64) -> i64 {
        let since = millis.saturating_sub(self.from_millis);
        self.from_millis + since.div_euclid(self.period_millis) * self.period_millis
    }

    /// Beginnings of all periods up to a moment.
    pub fn periods(&self, now: WorldTime) -> impl Iterator<Item = i64> + use<> {
        let (from, step) = (self.from_millis, self.period_millis.max(1));
        let until = self.until_millis.min(now.millis().saturating_add(1));
        (0..).map(move |n: i64| from.saturating_add(n.saturating_mul(step))).take_while(move |at| *at < until)
    }

    /// The statistic of each period that has one.
    pub fn points(&self, observations: &[Observation], statistic: Statistic) -> Points {
        let mut periods: BTreeMap<i64, Vec<Observation>> = BTreeMap::new();
        for observation in observations {
            let at = observation.at.millis();
            if (self.from_millis..self.until_millis).contains(&at) {
                periods.entry(self.period_of(at)).or_default().push(*observation);
            }
        }
        let points = periods.iter().filter_map(|(at, group)| Some((*at, statistic.over(group)?)));
        points.filter(|(_, value)| value.is_finite()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64, value: f64) -> Observation {
        Observation::of(WorldTime::from_millis(seconds * 1000), value, 1.0)
    }

    #[test]
    fn statistics_are_those_of_the_observations_of_each_period() {
        let window = Window { from_millis: 0, until_millis: 180_000, period_millis: 60_000 };
        let observations = [at(0, 1.0), at(30, 3.0), at(130, 7.0), at(180, 100.0)];
        let points = |text| window.points(&observations, Statistic::parse(text).expect("known"));
        assert_eq!(points("Sum"), Points::from([(0, 4.0), (120_000, 7.0)]));
        assert_eq!(points("Average"), Points::from([(0, 2.0), (120_000, 7.0)]));
        assert_eq!(points("SampleCount"), Points::from([(0, 2.0), (120_000, 1.0)]));
        assert_eq!(points("p50"), Points::from([(0, 1.0), (120_000, 7.0)]));
        assert_eq!(points("p100"), Points::from([(0, 3.0), (120_000, 7.0)]));
    }

    #[test]
    fn a_set_of_values_has_no_percentiles() {
        let set =
            Observation { at: WorldTime::from_millis(0), count: 4.0, sum: 8.0, minimum: 1.0, maximum: 3.0 };
        assert_eq!(Statistic::Percentile(50.0).over(&[set]), None);
        assert_eq!(Statistic::Average.over(&[set]), Some(2.0));
    }

    #[test]
    fn statistics_that_are_not_modelled_are_refused() {
        for text in ["TM(10%:90%)", "tm99", "IQM", "p", "p101", "sum", ""] {
            assert!(Statistic::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_window_off_the_period_shifts_its_periods() {
        let window = Window { from_millis: 60_000, until_millis: 1_000_000, period_millis: 300_000 };
        assert_eq!(window.period_of(359_000), 60_000);
        assert_eq!(window.period_of(360_000), 360_000);
        assert_eq!(window.periods(WorldTime::from_millis(400_000)).collect::<Vec<_>>(), [60_000, 360_000]);
    }
}
