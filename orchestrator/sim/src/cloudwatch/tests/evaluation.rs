//! Alarms that watch metrics, in virtual time.

use crate::api::cloudwatch::{
    DeleteAlarmsInput, DescribeAlarmHistoryInput, DescribeAlarmsInput, MetricAlarm, MetricDataQuery,
    MetricDatum, PutMetricAlarmInput, PutMetricDataInput, Response as Answer, SetAlarmStateInput, StateValue,
};
use crate::api::{ApiError, Response};
use crate::trial::{HUB, REGION, Trial, WORLD};

const CRASHES: &str = r"
metrics: [{ name: crashes, kind: count, level: 0.1, nodes: [web], dimensions: [[InstanceId], []] }]
alarms:
  - { name: crashing, starts: INSUFFICIENT_DATA, on: { metric: crashes, threshold: 20, evaluation_periods: 3, datapoints_to_alarm: 2 } }
  - { name: asked, on: { query: 'SELECT SUM(crashes) FROM SCHEMA(CWAgent, InstanceId)', threshold: 20, missing: ignore } }
";

fn trial() -> Trial {
    let raised = "{ name: 2.0.0, raises: [{ metric: crashes, by: 8 }] }";
    Trial::of(&format!("{}{CRASHES}", WORLD.replace("{ name: 2.0.0 }", raised)))
}

fn own(name: &str, missing: Option<&str>) -> PutMetricAlarmInput {
    PutMetricAlarmInput {
        alarm_name: name.into(),
        namespace: Some("Mine".into()),
        metric_name: Some("own".into()),
        statistic: Some("Sum".into()),
        period: Some(60),
        evaluation_periods: Some(1),
        threshold: Some(5.0),
        comparison_operator: Some("GreaterThanThreshold".into()),
        treat_missing_data: missing.map(str::to_owned),
        ..Default::default()
    }
}

fn put(trial: &mut Trial, value: f64) {
    let datum = MetricDatum { metric_name: "own".into(), value: Some(value), ..Default::default() };
    let input =
        PutMetricDataInput { namespace: "Mine".into(), metric_data: Some(vec![datum]), ..Default::default() };
    trial.call(HUB, input).expect("put");
}

fn described(trial: &mut Trial, name: &str) -> Option<MetricAlarm> {
    let input = DescribeAlarmsInput { alarm_names: Some(vec![name.into()]), ..Default::default() };
    match trial.call(HUB, input) {
        Ok(Response::CloudWatch(Answer::DescribeAlarms(output))) => output.metric_alarms.into_iter().next(),
        other => panic!("{other:?}"),
    }
}

fn history(trial: &mut Trial, name: &str) -> Vec<String> {
    let input = DescribeAlarmHistoryInput {
        alarm_name: Some(name.into()),
        scan_by: Some("TimestampAscending".into()),
        ..Default::default()
    };
    match trial.call(HUB, input) {
        Ok(Response::CloudWatch(Answer::DescribeAlarmHistory(output))) => {
            output.alarm_history_items.into_iter().map(|item| item.history_summary).collect()
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_alarm_on_a_metric_fires_by_what_is_installed_and_recovers() {
    let mut trial = trial();
    let state = |trial: &Trial, name| trial.world.alarm_state(HUB, REGION, name);
    trial.pass(600);
    assert_eq!(state(&trial, "crashing"), Some(StateValue::Ok));
    let ids = trial.ids(HUB, "web");
    trial.install(&ids, "2.0.0");
    trial.pass(600);
    assert_eq!(state(&trial, "crashing"), Some(StateValue::Alarm));
    assert_eq!(state(&trial, "asked"), Some(StateValue::Alarm));
    let reason = described(&mut trial, "crashing").and_then(|alarm| alarm.state_reason).expect("a reason");
    assert!(reason.starts_with("Threshold Crossed: ") && reason.contains("threshold (20.0)"), "{reason}");
    trial.install(&ids, "1.0.0");
    trial.pass(900);
    assert_eq!(state(&trial, "crashing"), Some(StateValue::Ok));
    let told = history(&mut trial, "crashing");
    assert_eq!(told[..2], ["Alarm updated from INSUFFICIENT_DATA to OK", "Alarm updated from OK to ALARM"]);
    assert_eq!(told.last().map(String::as_str), Some("Alarm updated from ALARM to OK"));
}

#[test]
fn looking_seldom_and_looking_often_tell_the_same_history() {
    let run = |looks: i64| {
        let mut trial = trial();
        let ids = trial.ids(HUB, "web");
        trial.install(&ids, "2.0.0");
        for _ in 0..looks {
            trial.pass(3600 / looks);
            described(&mut trial, "crashing");
        }
        history(&mut trial, "crashing")
    };
    assert_eq!(run(1), run(60));
}

#[test]
fn an_alarm_that_a_caller_put_goes_through_its_states() {
    let mut trial = trial();
    trial.call(HUB, own("mine", None)).expect("put");
    let state = |trial: &mut Trial| described(trial, "mine").expect("there").state_value;
    trial.pass(120);
    assert_eq!(state(&mut trial), StateValue::InsufficientData);
    put(&mut trial, 9.0);
    trial.pass(61);
    assert_eq!(state(&mut trial), StateValue::Alarm);
    put(&mut trial, 1.0);
    trial.pass(61);
    assert_eq!(state(&mut trial), StateValue::Ok);
    trial.pass(600);
    assert_eq!(state(&mut trial), StateValue::InsufficientData);
    let told = history(&mut trial, "mine");
    assert_eq!(told[0], "Alarm \"mine\" created");
    assert_eq!(told.len(), 4, "{told:?}");
}

#[test]
fn a_state_set_by_hand_lasts_until_the_next_look() {
    let mut trial = trial();
    trial.call(HUB, own("mine", Some("notBreaching"))).expect("put");
    trial.pass(120);
    let set = SetAlarmStateInput {
        alarm_name: "mine".into(),
        state_value: "ALARM".into(),
        state_reason: Some("drill".into()),
        state_reason_data: Some("{\"who\":\"me\"}".into()),
    };
    trial.call(HUB, set.clone()).expect("set");
    let alarm = described(&mut trial, "mine").expect("there");
    assert_eq!((alarm.state_value, alarm.state_reason.as_deref()), (StateValue::Alarm, Some("drill")));
    trial.pass(60);
    assert_eq!(described(&mut trial, "mine").expect("there").state_value, StateValue::Ok);
    let broken = SetAlarmStateInput { state_reason_data: Some("{".into()), ..set };
    assert_eq!(trial.call(HUB, broken).expect_err("refused").code, "InvalidFormatFault");
}

#[test]
fn deleting_takes_all_or_none_and_leaves_the_history() {
    let mut trial = trial();
    trial.call(HUB, own("mine", None)).expect("put");
    let delete = |names: &[&str]| DeleteAlarmsInput {
        alarm_names: Some(names.iter().map(|name| (*name).into()).collect()),
    };
    assert_eq!(trial.call(HUB, delete(&["mine", "nobody"])).expect_err("refused").code, "ResourceNotFound");
    assert!(described(&mut trial, "mine").is_some());
    trial.call(HUB, delete(&["mine"])).expect("deleted");
    assert!(described(&mut trial, "mine").is_none());
    assert_eq!(history(&mut trial, "mine"), ["Alarm \"mine\" created", "Alarm \"mine\" deleted"]);
}

#[test]
fn alarms_that_make_no_sense_are_refused() {
    let mut trial = trial();
    let good = || own("mine", None);
    let math = |text: &str| {
        let query = MetricDataQuery {
            id: "e".into(),
            expression: Some(text.into()),
            period: Some(60),
            ..Default::default()
        };
        PutMetricAlarmInput {
            metrics: Some(vec![query]),
            namespace: None,
            metric_name: None,
            statistic: None,
            period: None,
            ..good()
        }
    };
    let mut refused = |input: PutMetricAlarmInput| -> Option<ApiError> { trial.call(HUB, input).err() };
    for bad in [
        PutMetricAlarmInput { threshold: None, ..good() },
        PutMetricAlarmInput { comparison_operator: None, ..good() },
        PutMetricAlarmInput { evaluation_periods: None, ..good() },
        PutMetricAlarmInput { datapoints_to_alarm: Some(2), ..good() },
        PutMetricAlarmInput { period: Some(61), ..good() },
        PutMetricAlarmInput { evaluation_periods: Some(2000), ..good() },
        PutMetricAlarmInput { statistic: Some("Median".into()), ..good() },
        PutMetricAlarmInput { extended_statistic: Some("p90".into()), ..good() },
        PutMetricAlarmInput { namespace: None, ..good() },
        PutMetricAlarmInput { treat_missing_data: Some("maybe".into()), ..good() },
        PutMetricAlarmInput { comparison_operator: Some("GreaterThanUpperThreshold".into()), ..good() },
        math("SEARCH('{CWAgent,InstanceId}', 'Sum', 60)"),
        math("SELECT SUM(crashes) FROM SCHEMA(CWAgent, InstanceId) GROUP BY InstanceId"),
        math("nobody"),
    ] {
        assert_eq!(refused(bad).expect("refused").code, "ValidationError");
    }
    assert_eq!(refused(math("SELECT SUM(crashes) FROM SCHEMA(CWAgent, InstanceId)")), None);
}
