//! CloudWatch alarms.

use crate::Aws;
use crate::classify::Effect;
use crate::metrics;
use crate::page::Pages;
use crate::site::{Reach, with_reach};
use async_trait::async_trait;
use aws_sdk_cloudwatch::operation::describe_alarms::DescribeAlarmsOutput;
use aws_sdk_cloudwatch::primitives::DateTime;
use aws_sdk_cloudwatch::types::{AlarmHistoryItem, AlarmType, HistoryItemType, ScanBy, StateValue};
use std::collections::BTreeMap;
use wavetrain_model::fleet::Site;
use wavetrain_model::gate::{Alarm, AlarmChange, AlarmState, Window};
use wavetrain_model::time::{Seconds, Timestamp};
use wavetrain_ports::failure::Failure;
use wavetrain_ports::metrics::{Answer, Metrics, Question};

/// `AlarmNames` of one request.
const NAMES_MAX: usize = 100;
/// `MaxRecords` of one page.
const PAGE: i32 = 100;

/// Which alarms to ask for; CloudWatch takes names or a prefix, not both.
enum Wanted<'a> {
    Names(&'a [String]),
    Prefix(&'a str),
}

#[async_trait]
impl Metrics for Aws {
    async fn alarms(
        &self,
        site: &Site,
        names: &[String],
        prefix: Option<&str>,
    ) -> Result<Vec<Alarm>, Failure> {
        with_reach!(self, site, |reach| all(reach, names, prefix))
    }

    async fn changes(&self, site: &Site, alarm: &str, window: Window) -> Result<Vec<AlarmChange>, Failure> {
        with_reach!(self, site, |reach| history(reach, alarm, window))
    }

    async fn data(
        &self,
        site: &Site,
        questions: &[Question],
        period: Seconds,
        window: Window,
    ) -> Result<Vec<Answer>, Failure> {
        with_reach!(self, site, |reach| metrics::data(reach, questions, period, window))
    }
}

async fn all(reach: &Reach, names: &[String], prefix: Option<&str>) -> Result<Vec<Alarm>, Failure> {
    let mut found = BTreeMap::new();
    for chunk in names.chunks(NAMES_MAX) {
        collect(reach, &Wanted::Names(chunk), &mut found).await?;
    }
    if let Some(prefix) = prefix {
        collect(reach, &Wanted::Prefix(prefix), &mut found).await?;
    }
    Ok(found.into_values().collect())
}

async fn collect(
    reach: &Reach,
    wanted: &Wanted<'_>,
    found: &mut BTreeMap<String, Alarm>,
) -> Result<(), Failure> {
    const OPERATION: &str = "DescribeAlarms";
    let mut pages = Pages::of(OPERATION);
    loop {
        let call = reach.cloudwatch.describe_alarms().max_records(PAGE).set_next_token(pages.token());
        let call = call.set_alarm_types(Some(kinds()));
        let call = match wanted {
            Wanted::Names(names) => call.set_alarm_names(Some(names.to_vec())),
            Wanted::Prefix(prefix) => call.alarm_name_prefix(*prefix),
        };
        let page = reach.settle(OPERATION, Effect::Read, call.send().await)?;
        found.extend(alarms(&page).map(|alarm| (alarm.name.clone(), alarm)));
        if !pages.turn(page.next_token())? {
            return Ok(());
        }
    }
}

async fn history(reach: &Reach, alarm: &str, window: Window) -> Result<Vec<AlarmChange>, Failure> {
    const OPERATION: &str = "DescribeAlarmHistory";
    let mut pages = Pages::of(OPERATION);
    let mut changes = Vec::new();
    loop {
        let call = reach.cloudwatch.describe_alarm_history().alarm_name(alarm).max_records(PAGE);
        let call = call.set_alarm_types(Some(kinds())).history_item_type(HistoryItemType::StateUpdate);
        let call = call.start_date(DateTime::from_millis(window.from.0));
        let call = call.end_date(DateTime::from_millis(window.until.0));
        let call = call.scan_by(ScanBy::TimestampAscending).set_next_token(pages.token());
        let page = reach.settle(OPERATION, Effect::Read, call.send().await)?;
        changes.extend(page.alarm_history_items().iter().filter_map(change));
        if !pages.turn(page.next_token())? {
            return Ok(changes);
        }
    }
}

/// A change of state. Its data are JSON in a text; where they cannot be read, the summary ends with the state's name.
fn change(raw: &AlarmHistoryItem) -> Option<AlarmChange> {
    let data: Option<serde_json::Value> = raw.history_data().and_then(|text| serde_json::from_str(text).ok());
    let told = data.as_ref().and_then(|data| data["newState"]["stateValue"].as_str());
    let word = told.or_else(|| raw.history_summary()?.rsplit(' ').next()).unwrap_or_default();
    let at = raw.timestamp().and_then(|at| at.to_millis().ok()).map(Timestamp)?;
    Some(AlarmChange { at, to: state(Some(&StateValue::from(word))) })
}

/// Without this list only metric alarms come back, and a composite alarm would look as if it did not exist.
fn kinds() -> Vec<AlarmType> {
    vec![AlarmType::MetricAlarm, AlarmType::CompositeAlarm, AlarmType::LogAlarm]
}

fn alarms(page: &DescribeAlarmsOutput) -> impl Iterator<Item = Alarm> {
    let metric = page.metric_alarms().iter().filter_map(|raw| {
        alarm(raw.alarm_name(), raw.state_value(), raw.state_transitioned_timestamp(), raw.state_reason())
    });
    let composite = page.composite_alarms().iter().filter_map(|raw| {
        alarm(raw.alarm_name(), raw.state_value(), raw.state_transitioned_timestamp(), raw.state_reason())
    });
    let log = page.log_alarms().iter().filter_map(|raw| {
        alarm(raw.alarm_name(), raw.state_value(), raw.state_transitioned_timestamp(), raw.state_reason())
    });
    metric.chain(composite).chain(log)
}

fn alarm(
    name: Option<&str>,
    state: Option<&StateValue>,
    transitioned: Option<&DateTime>,
    reason: Option<&str>,
) -> Option<Alarm> {
    Some(Alarm {
        name: name?.to_owned(),
        state: self::state(state),
        meanwhile: Vec::new(),
        transitioned_at: transitioned.and_then(|at| at.to_millis().ok()).map(Timestamp),
        reason: reason.unwrap_or_default().to_owned(),
    })
}

fn state(state: Option<&StateValue>) -> AlarmState {
    match state {
        Some(StateValue::Ok) => AlarmState::Ok,
        Some(StateValue::Alarm) => AlarmState::Alarm,
        Some(StateValue::InsufficientData) => AlarmState::InsufficientData,
        Some(other) => AlarmState::Other(other.as_str().to_owned()),
        None => AlarmState::Other(String::new()),
    }
}
