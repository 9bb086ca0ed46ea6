//! Working out expressions, and the functions in them.

use super::parse::Expression;
use super::value::{Series, Value, same_period};
use crate::api::ApiError;
use crate::clock::WorldTime;
use crate::cloudwatch::series::{Points, Window};

/// What an expression can refer to.
pub(crate) trait Scope {
    /// The value of another query.
    fn query(&self, id: &str) -> Result<Value, ApiError>;

    /// `METRICS()`: the queries that are plain metrics, those with a text in their id if one is given.
    fn metrics(&self, containing: Option<&str>) -> Result<Vec<Series>, ApiError>;

    /// `SEARCH()`.
    fn search(
        &self,
        query: &str,
        statistic: &str,
        period_seconds: Option<i64>,
    ) -> Result<Vec<Series>, ApiError>;

    /// The periods looked at.
    fn window(&self, period_seconds: i64) -> Window;

    /// The present moment.
    fn now(&self) -> WorldTime;
}

/// The error of an expression.
fn wrong(message: impl std::fmt::Display) -> ApiError {
    ApiError::validation_error(format!("Error in expression: {message}."))
}

/// Works an expression out.
pub(crate) fn evaluate(expression: &Expression, scope: &dyn Scope) -> Result<Value, ApiError> {
    match expression {
        Expression::Number(number) => Ok(Value::Number(*number)),
        Expression::Text(text) => Ok(Value::Text(text.clone())),
        Expression::Name(name) => match name.as_str() {
            "REPEAT" | "LINEAR" => Ok(Value::Text(name.clone())),
            id => scope.query(id),
        },
        Expression::Negative(inner) => evaluate(inner, scope)?.map(|number| -number).map_err(wrong),
        Expression::Binary(operator, a, b) => {
            evaluate(a, scope)?.join(*operator, evaluate(b, scope)?).map_err(wrong)
        }
        Expression::List(items) => {
            let mut many = Vec::new();
            for item in items {
                many.extend(evaluate(item, scope)?.into_series().map_err(wrong)?);
            }
            Ok(Value::Many(many))
        }
        Expression::Call(name, arguments) => {
            let mut values = Vec::new();
            for argument in arguments {
                values.push(evaluate(argument, scope)?);
            }
            call(name, values, scope)
        }
    }
}

fn call(name: &str, mut values: Vec<Value>, scope: &dyn Scope) -> Result<Value, ApiError> {
    match (name, values.as_slice()) {
        ("METRICS", []) => return scope.metrics(None).map(Value::Many),
        ("METRICS", [Value::Text(part)]) => return scope.metrics(Some(part)).map(Value::Many),
        ("SEARCH", [Value::Text(query), Value::Text(statistic)]) => {
            return scope.search(query, statistic, None).map(Value::Many);
        }
        ("SEARCH", [Value::Text(query), Value::Text(statistic), Value::Number(period)]) => {
            return scope.search(query, statistic, Some(*period as i64)).map(Value::Many);
        }
        ("METRIC_COUNT", [Value::Many(many)]) => return Ok(Value::Number(many.len() as f64)),
        ("FILL", [_, _]) => {
            let filler = values.pop().unwrap_or(Value::Number(0.0));
            return fill(values.remove(0), &filler, scope);
        }
        ("IF", [_, _] | [_, _, _]) => return choose(values),
        ("TIME_SERIES", [Value::Number(number)]) => return Ok(constant(*number, scope)),
        _ => {}
    }
    let count = values.len();
    let (1, Some(value)) = (count, values.pop()) else {
        return Err(if is_known(name) {
            wrong(format!("{name} does not take {count} arguments like these"))
        } else {
            unknown(name)
        });
    };
    let one = match name {
        "ABS" => value.map(f64::abs),
        "CEIL" => value.map(f64::ceil),
        "FLOOR" => value.map(f64::floor),
        "LOG" => value.map(f64::ln),
        "LOG10" => value.map(f64::log10),
        "AVG" | "SUM" | "MIN" | "MAX" | "STDDEV" => aggregate(name, value),
        "RATE" => each(value, rate),
        "DIFF" => each(value, |points| steps(points, |_, before, _, now| now - before)),
        "DIFF_TIME" => each(value, |points| steps(points, |then, _, at, _| (at - then) as f64 / 1000.0)),
        "RUNNING_SUM" => each(value, running_sum),
        "PERIOD" => value.into_series().and_then(|many| period(&many)),
        "REMOVE_EMPTY" => value.into_series().map(|mut many| {
            many.retain(|series| !series.points.is_empty());
            Value::Many(many)
        }),
        "FIRST" | "LAST" => value.into_series().and_then(|mut many| {
            let found = if name == "FIRST" { many.first().cloned() } else { many.pop() };
            found.map(Value::Series).ok_or_else(|| format!("{name} of nothing"))
        }),
        _ if is_known(name) => Err(format!("{name} does not take an argument like this")),
        _ => return Err(unknown(name)),
    };
    one.map_err(wrong)
}

/// Functions that are there with other arguments than those given.
fn is_known(name: &str) -> bool {
    const ONE: &[&str] = &[
        "ABS",
        "CEIL",
        "FLOOR",
        "LOG",
        "LOG10",
        "AVG",
        "SUM",
        "MIN",
        "MAX",
        "STDDEV",
        "RATE",
        "DIFF",
        "DIFF_TIME",
        "RUNNING_SUM",
        "PERIOD",
        "REMOVE_EMPTY",
        "FIRST",
        "LAST",
    ];
    ONE.contains(&name)
        || matches!(name, "METRICS" | "SEARCH" | "METRIC_COUNT" | "FILL" | "IF" | "TIME_SERIES")
}

fn unknown(name: &str) -> ApiError {
    ApiError::validation_error(format!(
        "Error in expression: Unsupported function: {name} (there is none, or it is not modelled here)."
    ))
}

fn each(value: Value, change: impl Fn(&Points) -> Points) -> Result<Value, String> {
    let changed = |series: &Series| Series { points: change(&series.points), ..series.clone() };
    match value {
        Value::Series(series) => Ok(Value::Series(changed(&series))),
        Value::Many(many) => Ok(Value::Many(many.iter().map(changed).collect())),
        other => other.into_series().map(Value::Many),
    }
}

/// Of one series a number; of several a series. Where some of several lack a point, averages and deviations take it for 0.
fn aggregate(name: &str, value: Value) -> Result<Value, String> {
    let of = |values: &[f64], count: f64| {
        let sum: f64 = values.iter().sum();
        let mean = sum / count;
        match name {
            "SUM" => sum,
            "AVG" => mean,
            "MIN" => values.iter().copied().fold(f64::INFINITY, f64::min),
            "MAX" => values.iter().copied().fold(f64::NEG_INFINITY, f64::max),
            _ => {
                let missing = count - values.len() as f64;
                let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
                ((squares + missing * mean * mean) / count).sqrt()
            }
        }
    };
    match value {
        Value::Series(series) if series.points.is_empty() => Ok(Value::Series(series)),
        Value::Series(series) => {
            let values: Vec<f64> = series.points.values().copied().collect();
            Ok(Value::Number(of(&values, values.len() as f64)))
        }
        Value::Many(many) => {
            let period = same_period(&many)?.unwrap_or(60);
            let mut together: std::collections::BTreeMap<i64, Vec<f64>> = std::collections::BTreeMap::new();
            for (at, value) in many.iter().flat_map(|series| &series.points) {
                together.entry(*at).or_default().push(*value);
            }
            let count = many.len() as f64;
            let points = together.iter().map(|(at, values)| (*at, of(values, count))).collect();
            Ok(Value::Series(Series::made(period, points)))
        }
        Value::Number(number) => Ok(Value::Number(number)),
        Value::Text(_) => Err(format!("{name} of a text")),
    }
}

/// Each point with the one before it.
fn steps(points: &Points, step: impl Fn(i64, f64, i64, f64) -> f64) -> Points {
    let pairs = points.iter().zip(points.iter().skip(1));
    pairs.map(|((then, before), (at, now))| (*at, step(*then, *before, *at, *now))).collect()
}

/// Change a second.
fn rate(points: &Points) -> Points {
    steps(points, |then, before, at, now| (now - before) / ((at - then) as f64 / 1000.0))
}

fn running_sum(points: &Points) -> Points {
    let mut sum = 0.0;
    points
        .iter()
        .map(|(at, value)| {
            sum += value;
            (*at, sum)
        })
        .collect()
}

fn period(many: &[Series]) -> Result<Value, String> {
    same_period(many)?
        .map(|seconds| Value::Number(seconds as f64))
        .ok_or_else(|| "PERIOD of nothing".to_owned())
}

fn constant(number: f64, scope: &dyn Scope) -> Value {
    let window = scope.window(60);
    let points = window.periods(scope.now()).map(|at| (at, number)).collect();
    Value::Series(Series::made(window.period_millis / 1000, points))
}

/// Puts a number, the last one, or what lies on the line between two, where there is no point.
fn fill(value: Value, filler: &Value, scope: &dyn Scope) -> Result<Value, ApiError> {
    let complete = |series: &Series| {
        let window = scope.window(series.period_seconds);
        let mut points = series.points.clone();
        for at in window.periods(scope.now()) {
            if points.contains_key(&at) {
                continue;
            }
            let before = points.range(..at).next_back().map(|(at, value)| (*at, *value));
            let after = series.points.range(at..).next().map(|(at, value)| (*at, *value));
            let made = match filler {
                Value::Number(number) => Some(*number),
                Value::Text(word) if word == "REPEAT" => before.map(|(_, value)| value),
                Value::Text(_) => before.zip(after).map(|((then, low), (later, high))| {
                    low + (high - low) * (at - then) as f64 / (later - then) as f64
                }),
                _ => None,
            };
            if let Some(made) = made {
                points.insert(at, made);
            }
        }
        Series { points, ..series.clone() }
    };
    let known = match filler {
        Value::Number(_) => true,
        Value::Text(word) => matches!(word.as_str(), "REPEAT" | "LINEAR"),
        _ => false,
    };
    match (known, value) {
        (false, _) => Err(wrong("FILL fills with a number, REPEAT or LINEAR")),
        (true, Value::Series(series)) => Ok(Value::Series(complete(&series))),
        (true, Value::Many(many)) => Ok(Value::Many(many.iter().map(complete).collect())),
        (true, _) => Err(wrong("FILL of something that is no time series")),
    }
}

/// `IF(condition, then, otherwise)`: without an `otherwise` there is no point where the condition does not hold.
fn choose(mut values: Vec<Value>) -> Result<Value, ApiError> {
    let otherwise = (values.len() == 3).then(|| values.pop()).flatten();
    let (Some(then), Some(condition)) = (values.pop(), values.pop()) else {
        return Err(wrong("IF needs a condition and a value"));
    };
    let condition = match condition {
        Value::Number(holds) => {
            let chosen = if holds == 0.0 { otherwise } else { Some(then) };
            return chosen.ok_or_else(|| wrong("IF chooses nothing at all"));
        }
        Value::Series(series) => series,
        _ => return Err(wrong("IF of several time series is not modelled here")),
    };
    let at = |value: &Value, moment: &i64| match value {
        Value::Number(number) => Ok(Some(*number)),
        Value::Series(series) => Ok(series.points.get(moment).copied()),
        _ => Err(wrong("IF between several time series is not modelled here")),
    };
    for value in [Some(&then), otherwise.as_ref()].into_iter().flatten() {
        if let Value::Series(series) = value {
            same_period([series, &condition]).map_err(wrong)?;
        }
    }
    let mut points = Points::new();
    for (moment, holds) in &condition.points {
        let chosen = if *holds == 0.0 { otherwise.as_ref() } else { Some(&then) };
        if let Some(value) = chosen.map(|value| at(value, moment)).transpose()?.flatten() {
            points.insert(*moment, value);
        }
    }
    Ok(Value::Series(Series::made(condition.period_seconds, points)))
}
