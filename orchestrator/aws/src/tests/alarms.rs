//! CloudWatch, whose wire format is CBOR.

use crate::fake::{Answer, Call, Fake, hub};
use ciborium::Value;
use wavetrain_model::gate::{AlarmState, Window};
use wavetrain_model::time::Timestamp;
use wavetrain_ports::metrics::Metrics;

fn map(pairs: Vec<(&str, Value)>) -> Value {
    Value::Map(pairs.into_iter().map(|(name, value)| (Value::from(name), value)).collect())
}

fn alarm(name: &str, state: &str) -> Value {
    let at = Value::Tag(1, Box::new(Value::Float(1_700_000_000.5)));
    map(vec![
        ("AlarmName", name.into()),
        ("StateValue", state.into()),
        ("StateReason", "because".into()),
        ("StateTransitionedTimestamp", at),
    ])
}

fn answer(value: &Value) -> Answer {
    let mut bytes = Vec::new();
    ciborium::into_writer(value, &mut bytes).unwrap();
    Answer::Status(200, bytes)
}

fn asked(call: &Call) -> Vec<(String, Value)> {
    let value: Value = ciborium::from_reader(call.body.as_slice()).unwrap();
    let pairs = value.into_map().unwrap();
    pairs.into_iter().map(|(name, value)| (name.into_text().unwrap(), value)).collect()
}

fn get(call: &Call, name: &str) -> Option<Value> {
    asked(call).into_iter().find(|(key, _)| key == name).map(|(_, value)| value)
}

#[tokio::test]
async fn named_and_prefixed_alarms_of_all_kinds_come_back_once_and_sorted() {
    let fake = Fake::new(|call| match (get(call, "AlarmNamePrefix"), get(call, "NextToken")) {
        (None, _) => answer(&map(vec![("CompositeAlarms", Value::Array(vec![alarm("b", "ALARM")]))])),
        (Some(_), None) => answer(&map(vec![("NextToken", "n".into())])),
        (Some(_), Some(_)) => answer(&map(vec![
            ("MetricAlarms", Value::Array(vec![alarm("b", "ALARM"), alarm("a", "OK")])),
            ("LogAlarms", Value::Array(vec![alarm("c", "DREAMING"), alarm("d", "INSUFFICIENT_DATA")])),
        ])),
    });
    let names = ["b".to_owned(), "missing".to_owned()];
    let alarms = fake.aws().await.alarms(&hub(), &names, Some("x-")).await.unwrap();
    let seen: Vec<_> = alarms.iter().map(|alarm| (alarm.name.as_str(), alarm.state.clone())).collect();
    let other = AlarmState::Other("DREAMING".to_owned());
    assert_eq!(
        seen,
        [("a", AlarmState::Ok), ("b", AlarmState::Alarm), ("c", other), ("d", AlarmState::InsufficientData)]
    );
    assert_eq!(
        (alarms[1].transitioned_at, alarms[1].reason.as_str()),
        (Some(Timestamp(1_700_000_000_500)), "because")
    );
    for call in fake.calls("DescribeAlarms") {
        let types = get(&call, "AlarmTypes").unwrap().into_array().unwrap();
        assert_eq!(types, ["MetricAlarm", "CompositeAlarm", "LogAlarm"].map(Value::from));
    }
}

#[tokio::test]
async fn many_names_are_asked_in_hundreds() {
    let fake = Fake::new(|_| answer(&map(vec![])));
    let names: Vec<String> = (0..250).map(|n| format!("alarm-{n}")).collect();
    let alarms = fake.aws().await.alarms(&hub(), &names, None).await.unwrap();
    assert!(alarms.is_empty());
    let counts: Vec<usize> = fake
        .calls("DescribeAlarms")
        .iter()
        .map(|call| get(call, "AlarmNames").unwrap().into_array().unwrap().len())
        .collect();
    assert_eq!(counts, [100, 100, 50]);
}

#[tokio::test]
async fn changes_of_state_are_read_from_their_data_and_else_from_their_summary() {
    let item = |at: f64, data: Option<&str>| {
        let mut pairs = vec![
            ("Timestamp", Value::Tag(1, Box::new(Value::Float(at)))),
            ("HistorySummary", "Alarm updated from OK to ALARM".into()),
        ];
        pairs.extend(data.map(|data| ("HistoryData", Value::from(data))));
        map(pairs)
    };
    let told = r#"{"version":"1.0","newState":{"stateValue":"INSUFFICIENT_DATA"}}"#;
    let fake = Fake::new(move |call| match get(call, "NextToken") {
        None => {
            let items = Value::Array(vec![item(10.0, Some(told))]);
            answer(&map(vec![("AlarmHistoryItems", items), ("NextToken", "n".into())]))
        }
        Some(_) => answer(&map(vec![("AlarmHistoryItems", Value::Array(vec![item(20.5, None)]))])),
    });
    let window = Window { from: Timestamp(5_000), until: Timestamp(30_000) };
    let changes = fake.aws().await.changes(&hub(), "health", window).await.unwrap();
    let seen: Vec<_> = changes.iter().map(|change| (change.at.0, change.to.clone())).collect();
    assert_eq!(seen, [(10_000, AlarmState::InsufficientData), (20_500, AlarmState::Alarm)]);
    for call in fake.calls("DescribeAlarmHistory") {
        assert_eq!(get(&call, "AlarmName"), Some("health".into()));
        assert_eq!(get(&call, "HistoryItemType"), Some("StateUpdate".into()));
        assert_eq!(get(&call, "AlarmTypes").unwrap().into_array().unwrap().len(), 3);
    }
}
