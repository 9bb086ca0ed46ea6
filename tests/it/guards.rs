//! Guards that nobody has to write, and other gates in hindsight, end to end.

use crate::kit::stage::Stage;
use crate::kit::truth::Node;
use crate::kit::worlds::{BAD, one_site, one_site_plan};
use serde_json::Value;

const SPEED: u32 = 2000;

const HAVE_OLD: &str = "{ 1.0.0-1: 1 }";

const WAVES: &str = "
  waves:
    - { name: canary, tag: { rollout: canary }, bake: 45m }
    - { name: all, percent: 100 }
";

#[test]
fn a_version_that_kills_the_agent_is_stopped_without_a_word_in_the_plan_file() {
    let behaviour = "loses_ping: { when: { fraction: 0.7 }, after_seconds: 60 }";
    let stage = Stage::new(&one_site(40, HAVE_OLD, behaviour, ""), SPEED);
    stage.write("plan.yaml", &one_site_plan(BAD, "", WAVES));
    let (planned, ended) = (stage.planned(), stage.apply());
    // What is lost cannot be given back: it ends with the list of those nodes.
    let ended = ended.ended_with(10).says("SSM has lost upgraded nodes");
    let canary = planned.wave("canary");
    let touched: Vec<_> = stage.nodes().into_iter().filter(Node::was_told_to_change).collect();
    assert!(touched.iter().all(|node| canary.contains(&node.id)), "{}", ended.stderr);
}

#[test]
fn a_product_that_falls_silent_is_stopped_though_its_ssm_agent_lives() {
    let metrics =
        "metrics: [{ name: latency, level: 100, spread: 4, node_spread: 0.03, late_seconds: [1, 20] }]";
    let behaviour = "raises: [{ metric: latency, silent: true, after_seconds: 60 }]";
    let stage = Stage::new(&one_site(40, HAVE_OLD, behaviour, metrics), SPEED);
    let gates =
        "  gates: [{ name: latency, waves: [canary], compare: { namespace: CWAgent, name: latency } }]\n";
    stage.write("plan.yaml", &one_site_plan(BAD, "", &format!("{WAVES}{gates}")));
    stage.apply().ended_with(5).says("upgraded nodes have stopped reporting");
}

#[test]
fn other_gates_are_judged_by_what_was_measured() {
    let metrics = "metrics: [{ name: crashes, kind: count, level: 0, late_seconds: [1, 20] }]";
    let behaviour = "raises: [{ metric: crashes, by: 4 }]";
    let stage = Stage::new(&one_site(12, HAVE_OLD, behaviour, metrics), SPEED);
    let gate = |name: &str, query: &str, limit: u32| {
        let search = format!("SUM(SEARCH('{{CWAgent,InstanceId}} MetricName=\\\"{query}\\\"', 'Sum', 60))");
        format!(
            "    - {{ name: {name}, metric: {{ expression: \"{search}\", fail_if: value > {limit} }} }}\n"
        )
    };
    let gates = format!("  gates:\n{}", gate("shown", "crashes", 1_000_000));
    stage.write("plan.yaml", &one_site_plan(BAD, "", &gates));
    stage.apply().ended_with(0);
    let others = [gate("strict", "crashes", 3), gate("lax", "crashes", 500_000), gate("new", "latency", 1)];
    stage.write("other.yaml", &format!("gates:\n{}", others.concat().replace("    - ", "  - ")));
    let replay = |output: &str| stage.run(&["replay", "agent", "--gates", "other.yaml", "--output", output]);
    let found: Value = replay("json").ended_with(0).json();
    let findings: Vec<&str> = found["replay"]["gates"]
        .as_array()
        .expect("a list")
        .iter()
        .filter_map(|gate| gate["finding"].as_str())
        .collect();
    assert_eq!(findings, ["false_alarm", "quiet", "not_recorded"], "{found}");
    replay("text").ended_with(0).says("gate strict: false alarm").says("gate new: cannot be judged");
    stage.write("other.yaml", "gates: [{ name: x, metric: { nmae: y } }]\n");
    replay("text").ended_with(3).says("did you mean `name`");
}
