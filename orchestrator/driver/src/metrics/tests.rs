use super::*;
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, Ordering};

#[test]
fn names_are_distinct_and_say_their_kind() {
    let names: BTreeSet<&str> = catalogue::ALL.iter().map(|metric| metric.name).collect();
    assert_eq!(names.len(), catalogue::ALL.len());
    for metric in catalogue::ALL {
        assert!(metric.name.starts_with("wavetrain_"), "{}", metric.name);
        let is_counter = metric.kind == catalogue::Kind::Counter;
        assert_eq!(metric.name.ends_with("_total"), is_counter, "{}", metric.name);
        assert_eq!(metric.labels.first(), Some(&"rollout"), "{}", metric.name);
        assert!(!metric.help.ends_with('.'), "{}", metric.name);
        assert!(!metric.labels.iter().any(|label| label.contains("node")), "{}", metric.name);
    }
}

#[test]
fn calls_are_counted_once_however_often_they_are_scraped() {
    let metrics = Metrics::default();
    let made = Arc::new(AtomicU64::new(3));
    let source = Arc::clone(&made);
    metrics.count_calls(
        "agent",
        Box::new(move || {
            let count = source.load(Ordering::SeqCst);
            vec![ApiCalls { operation: "SendCommand", outcome: "ok", count }]
        }),
    );
    let line = |n: u64| {
        format!(
            "wavetrain_api_calls_total{{operation=\"SendCommand\",outcome=\"ok\",rollout=\"agent\"}} {n}\n"
        )
    };
    assert!(metrics.text().contains(&line(3)));
    assert!(metrics.text().contains(&line(3)));
    made.store(5, Ordering::SeqCst);
    let text = metrics.text();
    assert!(text.contains(&line(5)), "{text}");
    let throttled =
        "wavetrain_api_calls_total{operation=\"SendCommand\",outcome=\"throttled\",rollout=\"agent\"} 0\n";
    assert!(text.contains(throttled), "{text}");
}

#[test]
fn two_registries_know_nothing_of_each_other() {
    let (one, other) = (Metrics::default(), Metrics::default());
    let call = ApiCalls { operation: "SendCommand", outcome: "ok", count: 1 };
    one.count_calls("agent", Box::new(move || vec![call]));
    assert!(!one.text().is_empty());
    assert_eq!(other.text(), "");
}
