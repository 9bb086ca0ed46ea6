//! The Prometheus HTTP API: `/api/v1/query` and `/api/v1/query_range`.

use crate::Web;
use crate::fetch::{Fetched, failure};
use serde::Deserialize;
use std::collections::BTreeMap;
use wavetrain_model::gate::{Level, Point, Series, Window};
use wavetrain_model::spec::Prometheus;
use wavetrain_model::time::Timestamp;
use wavetrain_ports::failure::{Class, Failure};

/// Bytes of the longest answer: a hundred full series of a range query.
const MOST_BYTES: usize = 32 << 20;

#[derive(Deserialize)]
struct Answer {
    status: String,
    #[serde(default)]
    data: Option<Data>,
    #[serde(default)]
    error: String,
    #[serde(default)]
    warnings: Vec<String>,
}

#[derive(Deserialize)]
#[serde(tag = "resultType", content = "result", rename_all = "lowercase")]
enum Data {
    Vector(Vec<Instant>),
    Matrix(Vec<Range>),
    Scalar(Sample),
    String(serde::de::IgnoredAny),
}

#[derive(Deserialize)]
struct Instant {
    metric: BTreeMap<String, String>,
    value: Option<Sample>,
}

#[derive(Deserialize)]
struct Range {
    metric: BTreeMap<String, String>,
    #[serde(default)]
    values: Vec<Sample>,
}

/// Seconds since 1970, and the value as text: `NaN` and `+Inf` are values, too.
#[derive(Deserialize)]
struct Sample(f64, String);

pub(crate) async fn query(web: &Web, ask: &Prometheus, window: Window) -> Result<Vec<Series>, Failure> {
    let base = ask.url.trim_end_matches('/');
    let (operation, request) = match ask.step {
        None => {
            let time = [("query", ask.query.clone()), ("time", seconds(window.until))];
            ("query", web.client.get(format!("{base}/api/v1/query")).query(&time))
        }
        Some(step) => {
            let times = [
                ("query", ask.query.clone()),
                ("start", seconds(window.from)),
                ("end", seconds(window.until)),
                ("step", step.0.to_string()),
            ];
            ("query_range", web.client.get(format!("{base}/api/v1/query_range")).query(&times))
        }
    };
    let Fetched { status, body } =
        web.fetch(operation, request, ask.token_env.as_deref(), MOST_BYTES).await?;
    read(operation, status, &body)
}

fn seconds(at: Timestamp) -> String {
    format!("{}.{:03}", at.0.div_euclid(1000), at.0.rem_euclid(1000))
}

/// Prometheus explains its errors in JSON; a proxy before it does not.
pub(crate) fn read(operation: &str, status: u16, body: &str) -> Result<Vec<Series>, Failure> {
    let class = match status {
        401 | 403 => Class::Denied,
        429 => Class::Throttled,
        400 | 404 | 405 | 422 => Class::Invalid,
        _ => Class::Unavailable,
    };
    let Ok(answer) = serde_json::from_str::<Answer>(body) else {
        return Err(failure(
            operation,
            class,
            format!("status {status}, and no answer of a Prometheus server"),
        ));
    };
    let data = match answer.data {
        Some(data) if answer.status == "success" => data,
        _ => return Err(failure(operation, class, format!("status {status}: {}", answer.error))),
    };
    let complete = answer.warnings.is_empty();
    match data {
        Data::Vector(all) => {
            Ok(all.into_iter().map(|one| series(&one.metric, one.value, complete)).collect())
        }
        Data::Matrix(all) => {
            Ok(all.into_iter().map(|one| series(&one.metric, one.values, complete)).collect())
        }
        Data::Scalar(sample) => Ok(vec![series(&BTreeMap::new(), [sample], complete)]),
        Data::String(_) => Err(failure(operation, Class::Invalid, "the query gives a text".to_owned())),
    }
}

fn series(
    metric: &BTreeMap<String, String>,
    samples: impl IntoIterator<Item = Sample>,
    complete: bool,
) -> Series {
    let mut points = BTreeMap::new();
    let mut complete = complete;
    for Sample(at, value) in samples {
        match value.parse().ok().and_then(Level::new) {
            Some(value) => {
                points.insert(Timestamp((at * 1000.0).round() as i64), value);
            }
            None => complete = false,
        }
    }
    let points = points.into_iter().map(|(at, value)| Point { at, value }).collect();
    Series { label: label(metric), node: None, control: false, points, complete }
}

/// `name{key="value"}`, as Prometheus itself writes it.
fn label(metric: &BTreeMap<String, String>) -> String {
    let name = metric.get("__name__").map_or("", String::as_str);
    let labels = metric.iter().filter(|(key, _)| *key != "__name__");
    let labels: Vec<String> = labels.map(|(key, value)| format!("{key}={value:?}")).collect();
    match (name, labels.is_empty()) {
        ("", true) => "the query".to_owned(),
        (name, true) => name.to_owned(),
        (name, false) => format!("{name}{{{}}}", labels.join(",")),
    }
}
