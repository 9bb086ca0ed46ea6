//! Alarms and metrics through the world.

use std::collections::BTreeMap;

use async_trait::async_trait;
use wavetrain_model::fleet::Site;
use wavetrain_model::gate::{Alarm, AlarmChange, AlarmState, Level, Point, Series, Window};
use wavetrain_model::spec::Ask;
use wavetrain_model::time::{Seconds, Timestamp};
use wavetrain_ports::failure::Failure;
use wavetrain_ports::metrics::{Answer, Metrics, Question};

use crate::api::Response;
use crate::api::Timestamp as Moment;
use crate::api::cloudwatch::{
    AlarmHistoryItem, AlarmType, DescribeAlarmHistoryInput, DescribeAlarmsInput, Dimension,
    GetMetricDataInput, Metric, MetricDataQuery, MetricDataResult, MetricStat, Response as CloudWatch,
    StateValue, StatusCode,
};

use super::SimulatedCloud;
use super::failure::{Effect, forbidden, nonsense};

/// `AlarmNames` of one request.
const NAMES: usize = 100;

#[async_trait]
impl Metrics for SimulatedCloud {
    async fn alarms(
        &self,
        site: &Site,
        names: &[String],
        prefix: Option<&str>,
    ) -> Result<Vec<Alarm>, Failure> {
        let mut found = BTreeMap::new();
        for chunk in names.chunks(NAMES) {
            let input = DescribeAlarmsInput { alarm_names: Some(chunk.to_vec()), ..Default::default() };
            self.collect(site, &input, &mut found)?;
        }
        if let Some(prefix) = prefix {
            let input =
                DescribeAlarmsInput { alarm_name_prefix: Some(prefix.to_owned()), ..Default::default() };
            self.collect(site, &input, &mut found)?;
        }
        Ok(found.into_values().collect())
    }

    async fn changes(&self, site: &Site, alarm: &str, window: Window) -> Result<Vec<AlarmChange>, Failure> {
        let (mut token, mut changes) = (None, Vec::new());
        loop {
            let input = DescribeAlarmHistoryInput {
                alarm_name: Some(alarm.to_owned()),
                alarm_types: Some(AlarmType::WORDS.iter().map(|word| (*word).to_owned()).collect()),
                history_item_type: Some("StateUpdate".to_owned()),
                start_date: Some(Moment::from_millis(window.from.0)),
                end_date: Some(Moment::from_millis(window.until.0)),
                max_records: Some(100),
                next_token: token,
                scan_by: Some("TimestampAscending".to_owned()),
                ..Default::default()
            };
            let Response::CloudWatch(CloudWatch::DescribeAlarmHistory(page)) =
                self.call(site, Effect::Read, input)?
            else {
                return Err(nonsense("DescribeAlarmHistory", Effect::Read));
            };
            changes.extend(page.alarm_history_items.iter().map(change));
            token = page.next_token;
            if token.is_none() {
                return Ok(changes);
            }
        }
    }

    async fn data(
        &self,
        site: &Site,
        questions: &[Question],
        period: Seconds,
        window: Window,
    ) -> Result<Vec<Answer>, Failure> {
        let mut found: BTreeMap<(String, String), Gathered> = BTreeMap::new();
        let (mut token, mut is_cut) = (None, false);
        loop {
            let input = GetMetricDataInput {
                metric_data_queries: Some(questions.iter().map(|question| query(question, period)).collect()),
                start_time: Some(Moment::from_millis(window.from.0)),
                end_time: Some(Moment::from_millis(window.until.0)),
                scan_by: Some("TimestampAscending".to_owned()),
                next_token: token,
                ..Default::default()
            };
            let Response::CloudWatch(CloudWatch::GetMetricData(page)) =
                self.call(site, Effect::Read, input)?
            else {
                return Err(nonsense("GetMetricData", Effect::Read));
            };
            is_cut |= !page.messages.is_empty();
            for result in page.metric_data_results {
                gather(result, &mut found)?;
            }
            token = page.next_token;
            if token.is_none() {
                let answer = |((id, _), gathered): ((String, String), Gathered)| {
                    let complete = !(is_cut || gathered.is_partial || gathered.has_gap);
                    Answer { id, series: Series { complete, ..gathered.series } }
                };
                return Ok(found.into_iter().map(answer).collect());
            }
        }
    }
}

fn query(question: &Question, period: Seconds) -> MetricDataQuery {
    let seconds = i32::try_from(period.0).unwrap_or(i32::MAX);
    let mut query =
        MetricDataQuery { id: question.id.clone(), return_data: Some(question.wanted), ..Default::default() };
    match &question.ask {
        Ask::Expression(text) => {
            query.expression = Some(text.clone());
            query.period = Some(seconds);
        }
        Ask::Stat(stat) => {
            let dimension =
                |(name, value): (&String, &String)| Dimension { name: name.clone(), value: value.clone() };
            query.metric_stat = Some(MetricStat {
                metric: Metric {
                    namespace: Some(stat.namespace.clone()),
                    metric_name: Some(stat.name.clone()),
                    dimensions: Some(stat.dimensions.iter().map(dimension).collect()),
                },
                period: seconds,
                stat: stat.statistic.clone(),
                unit: None,
            });
        }
    }
    query
}

fn change(item: &AlarmHistoryItem) -> AlarmChange {
    let word = item.history_summary.rsplit(' ').next().unwrap_or_default();
    let to = StateValue::from_word(word).map_or_else(|| AlarmState::Other(word.to_owned()), as_model);
    AlarmChange { at: Timestamp(item.timestamp.as_millis()), to }
}

/// One series as far as pages have brought it.
struct Gathered {
    series: Series,
    is_partial: bool,
    has_gap: bool,
}

/// Puts one page's points into their series.
fn gather(result: MetricDataResult, found: &mut BTreeMap<(String, String), Gathered>) -> Result<(), Failure> {
    if result.status_code == StatusCode::Forbidden {
        return Err(forbidden("GetMetricData", &result.id));
    }
    let key = (result.id, result.label.clone());
    let gathered = found.entry(key).or_insert_with(|| {
        let series =
            Series { label: result.label, node: None, control: false, points: Vec::new(), complete: true };
        Gathered { series, is_partial: false, has_gap: false }
    });
    // The rest of a partial series may follow on the next page.
    gathered.is_partial = result.status_code != StatusCode::Complete;
    for (at, value) in result.timestamps.iter().zip(result.values) {
        match Level::new(value) {
            Some(value) => gathered.series.points.push(Point { at: Timestamp(at.as_millis()), value }),
            None => gathered.has_gap = true,
        }
    }
    Ok(())
}

impl SimulatedCloud {
    fn collect(
        &self,
        site: &Site,
        input: &DescribeAlarmsInput,
        found: &mut BTreeMap<String, Alarm>,
    ) -> Result<(), Failure> {
        let mut token = None;
        loop {
            let input = DescribeAlarmsInput {
                // Without the list only metric alarms come back.
                alarm_types: Some(AlarmType::WORDS.iter().map(|word| (*word).to_owned()).collect()),
                max_records: Some(100),
                next_token: token,
                ..input.clone()
            };
            let Response::CloudWatch(CloudWatch::DescribeAlarms(page)) =
                self.call(site, Effect::Read, input)?
            else {
                return Err(nonsense("DescribeAlarms", Effect::Read));
            };
            let metric = page.metric_alarms.into_iter().map(|row| {
                (row.alarm_name, row.state_value, row.state_transitioned_timestamp, row.state_reason)
            });
            let composite = page.composite_alarms.into_iter().map(|row| {
                (row.alarm_name, row.state_value, row.state_transitioned_timestamp, row.state_reason)
            });
            for (name, state, at, reason) in metric.chain(composite) {
                let alarm = Alarm {
                    name: name.clone(),
                    state: as_model(state),
                    transitioned_at: at.map(|at| Timestamp(at.as_millis())),
                    reason: reason.unwrap_or_default(),
                    meanwhile: Vec::new(),
                };
                found.insert(name, alarm);
            }
            token = page.next_token;
            if token.is_none() {
                return Ok(());
            }
        }
    }
}

fn as_model(state: StateValue) -> AlarmState {
    match state {
        StateValue::Ok => AlarmState::Ok,
        StateValue::Alarm => AlarmState::Alarm,
        StateValue::InsufficientData => AlarmState::InsufficientData,
    }
}
