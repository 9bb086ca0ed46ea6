//! What expressions are worth, and arithmetic on it.

use super::parse::Operator;
use crate::cloudwatch::series::{MetricId, Points};

/// What an expression is worth.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value {
    /// One number, whatever the time.
    Number(f64),
    /// Text, which only functions take.
    Text(String),
    /// A number for each period that has one.
    Series(Series),
    /// Several series.
    Many(Vec<Series>),
}

/// Numbers over time.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Series {
    /// What to call it.
    pub(crate) label: String,
    /// The metric it comes from, if it is just that.
    pub(crate) metric: Option<(MetricId, String)>,
    /// Seconds of a period.
    pub(crate) period_seconds: i64,
    /// The numbers.
    pub(crate) points: Points,
}

impl Series {
    /// A series made of others.
    pub(crate) fn made(period_seconds: i64, points: Points) -> Self {
        let points = points.into_iter().filter(|(_, value)| value.is_finite()).collect();
        Self { label: String::new(), metric: None, period_seconds, points }
    }

    /// The same series with other numbers. What is no number is no point.
    pub(crate) fn map(&self, change: impl Fn(f64) -> f64) -> Self {
        let points = self.points.iter().map(|(at, value)| (*at, change(*value)));
        let points = points.filter(|(_, value)| value.is_finite()).collect();
        Self { points, ..self.clone() }
    }

    fn joined(&self, other: &Self, operator: Operator) -> Result<Self, String> {
        same_period([self, other])?;
        // A period that one of them lacks is a period without a result.
        let both =
            self.points.iter().filter_map(|(at, a)| Some((*at, operator.apply(*a, *other.points.get(at)?))));
        Ok(Self { label: self.label.clone(), ..Self::made(self.period_seconds, both.collect()) })
    }
}

/// The one period of several series; mixing periods is not modelled.
pub(crate) fn same_period<'s>(series: impl IntoIterator<Item = &'s Series>) -> Result<Option<i64>, String> {
    let mut periods = series.into_iter().map(|each| each.period_seconds);
    let Some(first) = periods.next() else { return Ok(None) };
    if periods.all(|period| period == first) {
        Ok(Some(first))
    } else {
        Err("metrics of different periods in one expression are not modelled here".to_owned())
    }
}

impl Value {
    /// All series of a value, in order; the error names what it is instead.
    pub(crate) fn into_series(self) -> Result<Vec<Series>, String> {
        match self {
            Self::Series(series) => Ok(vec![series]),
            Self::Many(many) => Ok(many),
            Self::Number(_) => Err("a number stands where a time series should".to_owned()),
            Self::Text(_) => Err("a text stands where a time series should".to_owned()),
        }
    }

    /// The same change of each number.
    pub(crate) fn map(self, change: impl Fn(f64) -> f64) -> Result<Self, String> {
        Ok(match self {
            Self::Number(number) => Self::Number(change(number)),
            Self::Series(series) => Self::Series(series.map(change)),
            Self::Many(many) => Self::Many(many.iter().map(|each| each.map(&change)).collect()),
            Self::Text(_) => return Err("a text stands where a number should".to_owned()),
        })
    }

    /// Two values joined by an operator. Two lists of series cannot be.
    pub(crate) fn join(self, operator: Operator, other: Self) -> Result<Self, String> {
        match (self, other) {
            (Self::Text(_), _) | (_, Self::Text(_)) => Err("texts have no arithmetic".to_owned()),
            (Self::Number(a), Self::Number(b)) => Ok(Self::Number(operator.apply(a, b))),
            (Self::Number(a), other) => other.map(|b| operator.apply(a, b)),
            (this, Self::Number(b)) => this.map(|a| operator.apply(a, b)),
            (Self::Series(a), Self::Series(b)) => a.joined(&b, operator).map(Self::Series),
            (Self::Many(many), Self::Series(b)) => {
                let each = many.iter().map(|a| {
                    Ok(Series { label: a.label.clone(), metric: a.metric.clone(), ..a.joined(&b, operator)? })
                });
                each.collect::<Result<_, String>>().map(Self::Many)
            }
            (Self::Series(a), Self::Many(many)) => {
                let each = many.iter().map(|b| {
                    Ok(Series { label: b.label.clone(), metric: b.metric.clone(), ..a.joined(b, operator)? })
                });
                each.collect::<Result<_, String>>().map(Self::Many)
            }
            (Self::Many(_), Self::Many(_)) => Err("two arrays of time series cannot be joined".to_owned()),
        }
    }
}
