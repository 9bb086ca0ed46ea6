//! A rollout in numbers.
#![expect(clippy::float_cmp, reason = "samples are whole numbers")]

use crate::fixture::{Stage, TARGET};
use std::collections::BTreeMap;
use tokio_util::sync::CancellationToken;
use wavetrain_driver::metrics::catalogue;
use wavetrain_driver::{Metrics, View};

/// Sample (name and labels without the rollout's) → value.
fn samples(metrics: &Metrics) -> BTreeMap<String, f64> {
    let text = metrics.text();
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines
        .map(|line| {
            let (name, value) = line.rsplit_once(' ').expect("a sample");
            let name = name.replace(",rollout=\"agent-2\"", "").replace("rollout=\"agent-2\",", "");
            (name.replace("{rollout=\"agent-2\"}", ""), value.parse().expect("a number"))
        })
        .collect()
}

async fn counted(stage: &Stage, all_fail: bool) -> BTreeMap<String, f64> {
    if all_fail {
        let nodes = stage.aws.world().nodes.keys().cloned().collect();
        stage.aws.world().failing = nodes;
    }
    let start = stage.plan(|_| {}).await;
    let driver = stage.driver("first");
    let metrics = driver.options.metrics.clone();
    driver.run(start, CancellationToken::new(), View::blind()).await.expect("driven");
    samples(&metrics)
}

#[tokio::test(start_paused = true)]
async fn a_good_version_ends_without_exposure() {
    let stage = Stage::new(60);
    let seen = counted(&stage, false).await;
    assert_eq!(seen["wavetrain_rollout_phase{phase=\"completed\"}"], 1.0);
    assert_eq!(seen["wavetrain_rollout_phase{phase=\"running\"}"], 0.0);
    assert_eq!(seen["wavetrain_outcome_nodes{outcome=\"succeeded\"}"], 120.0);
    assert_eq!(seen["wavetrain_exposed_nodes"], 0.0);
    assert_eq!(seen["wavetrain_failure_budget_used_ratio"], 0.0);
    assert_eq!(seen["wavetrain_rollback_nodes"], 0.0);
    assert_eq!(seen["wavetrain_events_total{kind=\"started\"}"], 1.0);
    let info = format!("wavetrain_rollout_info{{id=\"0190-test\",package=\"agent\",version=\"{TARGET}\"}}");
    assert_eq!(seen[&info], 1.0);
}

#[tokio::test(start_paused = true)]
async fn a_bad_version_is_seen_in_budget_verdict_and_rollback() {
    let stage = Stage::new(60);
    let seen = counted(&stage, true).await;
    assert_eq!(seen["wavetrain_rollout_phase{phase=\"rolled_back\"}"], 1.0);
    assert!(seen["wavetrain_failure_budget_used_ratio"] >= 1.0);
    assert!(seen["wavetrain_rollback_nodes"] > 0.0);
    assert_eq!(seen["wavetrain_rollback_nodes"], seen["wavetrain_rollback_restored_nodes"]);
    assert_eq!(seen["wavetrain_exposed_nodes"], 0.0);
    let verdicts = seen.iter().filter(|(name, _)| {
        name.starts_with("wavetrain_gate_verdicts_total") && name.contains("verdict=\"fail\"")
    });
    assert_eq!(verdicts.map(|(_, count)| *count).sum::<f64>(), 1.0);
}

#[tokio::test(start_paused = true)]
async fn commands_are_counted_as_often_as_aws_has_them() {
    let stage = Stage::new(60);
    let seen = counted(&stage, true).await;
    let sent = seen.iter().filter(|(name, _)| name.starts_with("wavetrain_commands_total"));
    let sent: f64 = sent.map(|(_, count)| *count).sum();
    assert_eq!(sent, stage.aws.world().commands.len() as f64);
    assert!(!seen.keys().any(|name| name.contains("action=\"settled\"")), "every command has its action");
}

#[tokio::test(start_paused = true)]
async fn every_series_belongs_to_a_metric_of_the_catalogue() {
    let stage = Stage::new(20);
    let seen = counted(&stage, false).await;
    let bare = |sample: &str| {
        let name = sample.split('{').next().unwrap_or_default().to_owned();
        let histogram = ["_bucket", "_sum", "_count"].into_iter().find_map(|end| name.strip_suffix(end));
        histogram.map_or(name.clone(), str::to_owned)
    };
    for sample in seen.keys() {
        assert!(catalogue::ALL.iter().any(|metric| metric.name == bare(sample)), "{sample}");
    }
    let never_here = ["wavetrain_api_calls_total", "wavetrain_gate_measurements_total"];
    for metric in catalogue::ALL.iter().filter(|metric| !never_here.contains(&metric.name)) {
        assert!(seen.keys().any(|sample| bare(sample) == metric.name), "{} is never set", metric.name);
    }
}
