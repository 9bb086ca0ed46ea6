//! CloudWatch metrics.

use crate::classify::Effect;
use crate::page::Pages;
use crate::site::Reach;
use aws_sdk_cloudwatch::primitives::DateTime;
use aws_sdk_cloudwatch::types::{
    Dimension, Metric, MetricDataQuery, MetricDataResult, MetricStat, ScanBy, StatusCode,
};
use std::collections::BTreeMap;
use wavetrain_model::gate::{Level, Point, Series, Window};
use wavetrain_model::spec::{self, Ask};
use wavetrain_model::time::{Seconds, Timestamp};
use wavetrain_ports::failure::{Class, Failure};
use wavetrain_ports::metrics::{Answer, Question};

const OPERATION: &str = "GetMetricData";

/// Series by question and label; a series goes on over pages.
type Found = BTreeMap<(String, String), Gathered>;

#[derive(Default)]
struct Gathered {
    points: BTreeMap<Timestamp, Level>,
    is_partial: bool,
    has_gap: bool,
}

pub(crate) async fn data(
    reach: &Reach,
    questions: &[Question],
    period: Seconds,
    window: Window,
) -> Result<Vec<Answer>, Failure> {
    let queries: Vec<MetricDataQuery> = questions.iter().map(|question| query(question, period)).collect();
    let mut found = Found::new();
    let mut pages = Pages::of(OPERATION);
    let mut is_cut = false;
    loop {
        let call = reach.cloudwatch.get_metric_data().set_metric_data_queries(Some(queries.clone()));
        let call = call.start_time(DateTime::from_millis(window.from.0));
        let call = call.end_time(DateTime::from_millis(window.until.0));
        let call = call.scan_by(ScanBy::TimestampAscending).set_next_token(pages.token());
        let page = reach.settle(OPERATION, Effect::Read, call.send().await)?;
        // A message about the whole call ("maximum number of metrics exceeded") means that some series are missing.
        is_cut |= !page.messages().is_empty();
        for result in page.metric_data_results() {
            gather(result, &mut found)?;
        }
        if !pages.turn(page.next_token())? {
            break;
        }
    }
    let answers = found.into_iter().map(|((id, label), gathered)| {
        let complete = !(is_cut || gathered.is_partial || gathered.has_gap);
        let points = gathered.points.into_iter().map(|(at, value)| Point { at, value }).collect();
        Answer { id, series: Series { label, node: None, control: false, points, complete } }
    });
    Ok(answers.collect())
}

fn query(question: &Question, period: Seconds) -> MetricDataQuery {
    let seconds = i32::try_from(period.0).unwrap_or(i32::MAX);
    let query = MetricDataQuery::builder().id(&question.id).return_data(question.wanted);
    match &question.ask {
        Ask::Expression(text) => query.expression(text).period(seconds).build(),
        Ask::Stat(stat) => query.metric_stat(self::stat(stat, seconds)).build(),
    }
}

fn stat(stat: &spec::MetricStat, seconds: i32) -> MetricStat {
    let dimensions =
        stat.dimensions.iter().map(|(name, value)| Dimension::builder().name(name).value(value).build());
    let metric = Metric::builder().namespace(&stat.namespace).metric_name(&stat.name);
    let metric = metric.set_dimensions(Some(dimensions.collect())).build();
    MetricStat::builder().metric(metric).period(seconds).stat(&stat.statistic).build()
}

fn gather(result: &MetricDataResult, found: &mut Found) -> Result<(), Failure> {
    let id = result.id().unwrap_or_default().to_owned();
    let messages = result.messages().iter().filter_map(|message| message.value());
    let message = messages.collect::<Vec<_>>().join("; ");
    if matches!(result.status_code(), Some(StatusCode::Forbidden)) {
        // Inside of an answer that is otherwise fine: whoever looks at values only would take it for no data.
        return Err(failure(Class::Denied, format!("{id} is forbidden {message}").trim_end().to_owned()));
    }
    let key = (id.clone(), result.label().unwrap_or(&id).to_owned());
    let gathered = found.entry(key).or_default();
    // `PartialData` with a token is followed by the rest; what is still partial on the last page stays so.
    gathered.is_partial = !matches!(result.status_code(), Some(StatusCode::Complete));
    for (at, value) in result.timestamps().iter().zip(result.values()) {
        let at = at.to_millis().ok().map(Timestamp);
        match (at, Level::new(*value)) {
            (Some(at), Some(value)) => {
                gathered.points.insert(at, value);
            }
            _ => gathered.has_gap = true,
        }
    }
    Ok(())
}

fn failure(class: Class, message: String) -> Failure {
    Failure { class, operation: OPERATION.to_owned(), message, code: String::new() }
}
