//! CloudWatch alarms: their states over time, and why they change.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::api::cloudwatch::{
    AlarmHistoryItem, AlarmType, CompositeAlarm, DescribeAlarmHistoryInput, DescribeAlarmHistoryOutput,
    DescribeAlarmsInput, DescribeAlarmsOutput, HistoryItemType, MetricAlarm, PutMetricAlarmInput,
    PutMetricAlarmOutput, SetAlarmStateInput, SetAlarmStateOutput, StateValue,
};
use crate::api::{ApiError, Timestamp};
use crate::clock::WorldTime;
use crate::fault::Judgement;
use crate::fleet::Site;
use crate::page::{Cut, Page};
use crate::world_file::{AlarmFile, AlarmState, RaisedWhen};

/// One alarm of one site.
#[derive(Debug, Clone)]
pub struct Alarm {
    /// Name.
    pub name: String,
    composite: bool,
    state: StateValue,
    reason: String,
    since: WorldTime,
    history: Vec<Change>,
    /// What raises it.
    pub raised_when: Option<RaisedWhen>,
    /// Whether its condition holds now; the state follows after the delay.
    pub condition: bool,
    metric: Option<PutMetricAlarmInput>,
}

#[derive(Debug, Clone)]
struct Change {
    at: WorldTime,
    from: StateValue,
    to: StateValue,
    reason: String,
}

impl AlarmState {
    /// The state on the wire.
    pub const fn wire(self) -> StateValue {
        match self {
            Self::Ok => StateValue::Ok,
            Self::Alarm => StateValue::Alarm,
            Self::InsufficientData => StateValue::InsufficientData,
        }
    }
}

impl Alarm {
    /// An alarm as it stands at the start of the world.
    pub fn from_file(file: &AlarmFile, start: WorldTime) -> Self {
        Self {
            name: file.name.clone(),
            composite: file.composite,
            state: file.starts.wire(),
            reason: "Unchecked: Initial alarm creation".to_owned(),
            since: start.plus_seconds(-86_400),
            history: Vec::new(),
            raised_when: file.raised_when.clone(),
            condition: false,
            metric: None,
        }
    }

    /// Changes the state, with an entry in the history. The same state again is no change.
    pub fn set(&mut self, state: StateValue, reason: &str, now: WorldTime) {
        if state == self.state {
            return;
        }
        let from = std::mem::replace(&mut self.state, state);
        self.history.push(Change { at: now, from, to: state, reason: reason.to_owned() });
        reason.clone_into(&mut self.reason);
        self.since = now;
    }

    /// The state now.
    pub fn state(&self) -> StateValue {
        self.state
    }

    fn kind(&self) -> AlarmType {
        if self.composite { AlarmType::CompositeAlarm } else { AlarmType::MetricAlarm }
    }
}

/// The alarms of one site, by name.
pub type SiteAlarms = BTreeMap<String, Alarm>;

/// `DescribeAlarms`.
pub(crate) fn describe_alarms(
    site: &Site,
    alarms: &SiteAlarms,
    input: &DescribeAlarmsInput,
    judgement: &Judgement,
) -> Result<DescribeAlarmsOutput, ApiError> {
    if input.alarm_names.is_some() && input.alarm_name_prefix.is_some() {
        return Err(ApiError::validation("AlarmNames and AlarmNamePrefix are mutually exclusive."));
    }
    // An alarm of a kind that was not asked for is left out without a word, composite ones by default.
    let kinds = input.alarm_types.as_deref().filter(|kinds| !kinds.is_empty());
    let meant = |alarm: &&Alarm| {
        kinds.map_or(!alarm.composite, |kinds| kinds.iter().any(|kind| kind == alarm.kind().as_str()))
            && input.alarm_names.as_ref().is_none_or(|names| names.contains(&alarm.name))
            && input.alarm_name_prefix.as_ref().is_none_or(|prefix| alarm.name.starts_with(prefix.as_str()))
            && input.state_value.as_deref().is_none_or(|state| state == alarm.state.as_str())
    };
    let cut = Cut { short: judgement.short_pages };
    let page = Page::open("alarms", input.next_token.as_deref(), input.max_records, 50, cut)?;
    let (rows, next_token) = page.of(alarms.values().filter(meant).collect());
    let mut output = DescribeAlarmsOutput { next_token, ..Default::default() };
    for alarm in rows {
        if alarm.composite {
            output.composite_alarms.push(composite_alarm(site, alarm));
        } else {
            output.metric_alarms.push(metric_alarm(site, alarm));
        }
    }
    Ok(output)
}

fn arn(site: &Site, alarm: &Alarm) -> String {
    format!("arn:aws:cloudwatch:{}:{}:alarm:{}", site.region, site.account, alarm.name)
}

fn moment(at: WorldTime) -> Timestamp {
    Timestamp::from_millis(at.millis())
}

fn metric_alarm(site: &Site, alarm: &Alarm) -> MetricAlarm {
    let metric = alarm.metric.clone().unwrap_or_default();
    MetricAlarm {
        alarm_name: alarm.name.clone(),
        alarm_arn: arn(site, alarm),
        alarm_description: metric.alarm_description,
        actions_enabled: metric.actions_enabled.unwrap_or(true),
        state_value: alarm.state,
        state_reason: Some(alarm.reason.clone()),
        state_updated_timestamp: Some(moment(alarm.since)),
        state_transitioned_timestamp: Some(moment(alarm.since)),
        metric_name: Some(metric.metric_name.unwrap_or_else(|| "Errors".to_owned())),
        namespace: Some(metric.namespace.unwrap_or_else(|| "Simulated".to_owned())),
        statistic: Some(metric.statistic.unwrap_or_else(|| "Sum".to_owned())),
        dimensions: metric.dimensions.unwrap_or_default(),
        period: Some(metric.period.unwrap_or(60)),
        evaluation_periods: Some(metric.evaluation_periods.unwrap_or(1)),
        threshold: Some(metric.threshold.unwrap_or(0.0)),
        comparison_operator: Some(
            metric.comparison_operator.unwrap_or_else(|| "GreaterThanThreshold".to_owned()),
        ),
        treat_missing_data: metric.treat_missing_data,
        ..Default::default()
    }
}

fn composite_alarm(site: &Site, alarm: &Alarm) -> CompositeAlarm {
    CompositeAlarm {
        actions_enabled: true,
        alarm_arn: arn(site, alarm),
        alarm_name: alarm.name.clone(),
        alarm_rule: "FALSE".to_owned(),
        state_reason: Some(alarm.reason.clone()),
        state_updated_timestamp: Some(moment(alarm.since)),
        state_value: alarm.state,
        state_transitioned_timestamp: Some(moment(alarm.since)),
        ..Default::default()
    }
}

/// `DescribeAlarmHistory`: changes of state only.
pub(crate) fn describe_alarm_history(
    alarms: &SiteAlarms,
    input: &DescribeAlarmHistoryInput,
    judgement: &Judgement,
) -> Result<DescribeAlarmHistoryOutput, ApiError> {
    let cut = Cut { short: judgement.short_pages };
    let page = Page::open("history", input.next_token.as_deref(), input.max_records, 100, cut)?;
    let kinds = input.alarm_types.as_deref().filter(|kinds| !kinds.is_empty());
    let wanted_kind = input.history_item_type.as_deref();
    let mut rows: Vec<AlarmHistoryItem> = Vec::new();
    for alarm in alarms.values() {
        let meant = input.alarm_name.as_ref().is_none_or(|name| *name == alarm.name)
            && kinds.map_or(!alarm.composite, |kinds| kinds.iter().any(|kind| kind == alarm.kind().as_str()))
            && wanted_kind.is_none_or(|kind| kind == HistoryItemType::StateUpdate.as_str());
        if meant {
            rows.extend(alarm.history.iter().map(|change| history_item(alarm, change)));
        }
    }
    rows.retain(|item| {
        input.start_date.is_none_or(|start| item.timestamp >= start)
            && input.end_date.is_none_or(|end| item.timestamp <= end)
    });
    rows.sort_by(|a, b| a.timestamp.0.total_cmp(&b.timestamp.0));
    if input.scan_by.as_deref() != Some("TimestampAscending") {
        rows.reverse();
    }
    let (alarm_history_items, next_token) = page.of(rows);
    Ok(DescribeAlarmHistoryOutput { alarm_history_items, next_token })
}

fn history_item(alarm: &Alarm, change: &Change) -> AlarmHistoryItem {
    let data = serde_json::json!({
        "version": "1.0",
        "oldState": { "stateValue": change.from.as_str() },
        "newState": { "stateValue": change.to.as_str(), "stateReason": change.reason },
    });
    AlarmHistoryItem {
        alarm_name: alarm.name.clone(),
        alarm_type: alarm.kind(),
        timestamp: Timestamp::from_millis(change.at.millis()),
        history_item_type: HistoryItemType::StateUpdate,
        history_summary: format!("Alarm updated from {} to {}", change.from, change.to),
        history_data: Some(data.to_string()),
    }
}

/// `SetAlarmState`.
pub(crate) fn set_alarm_state(
    alarms: &mut SiteAlarms,
    input: &SetAlarmStateInput,
    now: WorldTime,
) -> Result<SetAlarmStateOutput, ApiError> {
    let alarm = alarms
        .get_mut(&input.alarm_name)
        .ok_or_else(|| ApiError::resource_not_found(format!("Unknown alarm {}", input.alarm_name)))?;
    let state = StateValue::from_word(&input.state_value).unwrap_or_default();
    alarm.set(state, input.state_reason.as_deref().unwrap_or_default(), now);
    Ok(SetAlarmStateOutput {})
}

/// `PutMetricAlarm`: makes or changes an alarm. Nothing evaluates its metric; its state is set by calls.
pub(crate) fn put_metric_alarm(
    alarms: &mut SiteAlarms,
    input: PutMetricAlarmInput,
    now: WorldTime,
) -> PutMetricAlarmOutput {
    let alarm = alarms.entry(input.alarm_name.clone()).or_insert_with(|| Alarm {
        name: input.alarm_name.clone(),
        composite: false,
        state: StateValue::InsufficientData,
        reason: "Unchecked: Initial alarm creation".to_owned(),
        since: now,
        history: Vec::new(),
        raised_when: None,
        condition: false,
        metric: None,
    });
    alarm.metric = Some(input);
    PutMetricAlarmOutput {}
}

/// How many nodes hold which bits, by site, product and version.
#[derive(Debug, Clone, Default)]
pub struct Tally(BTreeMap<(u32, Arc<str>, Arc<str>), u32>);

impl Tally {
    /// One node more or less holds a version.
    pub fn count(&mut self, site: u32, product: &Arc<str>, version: &Arc<str>, more: bool) {
        let count = self.0.entry((site, Arc::clone(product), Arc::clone(version))).or_insert(0);
        *count = if more { *count + 1 } else { count.saturating_sub(1) };
    }

    /// Nodes of a site (of all sites when `None`) that hold a version.
    pub fn nodes(&self, site: Option<u32>, product: &str, version: &str) -> u32 {
        match site {
            Some(site) => self.0.get(&(site, Arc::from(product), Arc::from(version))).copied().unwrap_or(0),
            None => self
                .0
                .iter()
                .filter(|((_, name, label), _)| **name == *product && **label == *version)
                .map(|(_, count)| count)
                .sum(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::cloudwatch::Response as AlarmResponse;
    use crate::api::{Request, Response};
    use crate::trial::{HUB, REGION, SPOKE, Trial, package_command};

    const ALARMS: &str = r"
alarms:
  - { name: hello-errors, raised_when: { package: hello, version: 2.0.0, nodes_at_least: 3, delay_seconds: 60 } }
  - { name: hello-all, composite: true }
  - { name: other, starts: INSUFFICIENT_DATA, changes: [{ after_seconds: 10, state: ALARM }, { after_seconds: 20, state: OK }] }
";

    fn describe(trial: &mut Trial, input: DescribeAlarmsInput) -> Vec<(String, StateValue)> {
        match trial.call(HUB, input) {
            Ok(Response::CloudWatch(AlarmResponse::DescribeAlarms(output))) => {
                let metric = output.metric_alarms.into_iter().map(|row| (row.alarm_name, row.state_value));
                let composite =
                    output.composite_alarms.into_iter().map(|row| (row.alarm_name, row.state_value));
                metric.chain(composite).collect()
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn without_types_only_metric_alarms_are_shown_and_unknown_names_are_left_out() {
        let mut trial = Trial::new(ALARMS);
        let names = |list: &[&str]| Some(list.iter().map(|name| (*name).to_owned()).collect());
        let all = describe(&mut trial, DescribeAlarmsInput::default());
        assert_eq!(all.iter().map(|(name, _)| &**name).collect::<Vec<_>>(), ["hello-errors", "other"]);
        let input = DescribeAlarmsInput {
            alarm_names: names(&["hello-all", "nobody"]),
            alarm_types: names(&["MetricAlarm", "CompositeAlarm"]),
            ..Default::default()
        };
        assert_eq!(describe(&mut trial, input), [("hello-all".to_owned(), StateValue::Ok)]);
        let prefix = DescribeAlarmsInput { alarm_name_prefix: Some("hello-".into()), ..Default::default() };
        assert_eq!(describe(&mut trial, prefix).len(), 1);
        let state =
            DescribeAlarmsInput { state_value: Some("INSUFFICIENT_DATA".into()), ..Default::default() };
        assert_eq!(describe(&mut trial, state).len(), 1);
    }

    #[test]
    fn an_alarm_follows_the_bits_of_its_site_with_its_delay_and_recovers() {
        let mut trial = Trial::new(ALARMS);
        let ids = trial.ids(HUB, "web");
        let state = |trial: &Trial, account| trial.world.alarm_state(account, REGION, "hello-errors");
        trial.install(&ids[..2], "2.0.0");
        trial.pass(300);
        assert_eq!(state(&trial, HUB), Some(StateValue::Ok), "two nodes are not three");
        trial.install(&ids[2..3], "2.0.0");
        trial.pass(300);
        assert_eq!(state(&trial, HUB), Some(StateValue::Alarm));
        assert_eq!(state(&trial, SPOKE), Some(StateValue::Ok));
        trial.send(HUB, package_command(&ids[..1], "Install", "1.0.0")).expect("accepted");
        trial.pass(300);
        assert_eq!(state(&trial, HUB), Some(StateValue::Ok));
    }

    #[test]
    fn a_spike_between_two_looks_is_only_in_the_history() {
        let mut trial = Trial::new(ALARMS);
        trial.pass(60);
        let input = DescribeAlarmHistoryInput { alarm_name: Some("other".into()), ..Default::default() };
        match trial.call(HUB, Request::from(input)) {
            Ok(Response::CloudWatch(AlarmResponse::DescribeAlarmHistory(output))) => {
                let lines: Vec<_> =
                    output.alarm_history_items.iter().map(|item| item.history_summary.as_str()).collect();
                let expected =
                    ["Alarm updated from ALARM to OK", "Alarm updated from INSUFFICIENT_DATA to ALARM"];
                assert_eq!(lines, expected);
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn alarms_can_be_set_by_hand() {
        let mut trial = Trial::new(ALARMS);
        let set = |name: &str| SetAlarmStateInput {
            alarm_name: name.into(),
            state_value: "ALARM".into(),
            state_reason: Some("drill".into()),
            ..Default::default()
        };
        trial.call(HUB, set("hello-errors")).expect("set");
        assert_eq!(trial.world.alarm_state(HUB, REGION, "hello-errors"), Some(StateValue::Alarm));
        assert!(trial.call(HUB, set("nobody")).is_err());
    }

    #[test]
    fn terminated_nodes_count_no_more() {
        let mut trial = Trial::new(ALARMS);
        let ids = trial.ids(HUB, "web");
        trial.install(&ids[..3], "2.0.0");
        trial.pass(300);
        assert_eq!(trial.world.alarm_state(HUB, REGION, "hello-errors"), Some(StateValue::Alarm));
        trial.world.set_reach(&ids[0], crate::fleet::Reach::Terminated);
        trial.pass(120);
        assert_eq!(trial.world.alarm_state(HUB, REGION, "hello-errors"), Some(StateValue::Ok));
    }
}
