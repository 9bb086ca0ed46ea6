//! Alarms through the world's calls.

use crate::api::cloudwatch::{
    DescribeAlarmHistoryInput, DescribeAlarmsInput, Response as AlarmResponse, SetAlarmStateInput, StateValue,
};
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
            let composite = output.composite_alarms.into_iter().map(|row| (row.alarm_name, row.state_value));
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
    let state = DescribeAlarmsInput { state_value: Some("INSUFFICIENT_DATA".into()), ..Default::default() };
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
