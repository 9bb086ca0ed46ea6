//! Gates that measure, end to end: the real program, the real SDK, a fleet whose metrics react to what is installed.

use crate::kit::stage::Stage;
use crate::kit::truth::{assert_all_back, assert_everyone_has};
use crate::kit::worlds::{BAD, GOOD, one_site, one_site_plan};
use serde_json::Value;
use std::io::{Read, Write};
use std::net::TcpListener;

const SPEED: u32 = 2000;

const HAVE_OLD: &str = "{ 1.0.0-1: 1 }";

/// Crashes are counted by node, and so is a latency around 100 ms, each node with a level of its own.
const METRICS: &str = "metrics:
  - { name: crashes, kind: count, level: 0, late_seconds: [1, 20] }
  - { name: latency, level: 100, spread: 4, node_spread: 0.03, late_seconds: [1, 20] }";

const WORSE: &str = "raises: [{ metric: crashes, by: 4 }, { metric: latency, times: 1.5 }]";

const CRASHES: &str = r#"  gates:
    - name: crashes
      guard: yes
      metric:
        expression: SUM(SEARCH('{CWAgent,InstanceId} MetricName="crashes"', 'Sum', 60))
        fail_if: value > 5
"#;

const LATENCY: &str = "  gates:
    - name: latency
      waves: [canary]
      compare: { namespace: CWAgent, name: latency }
";

fn stage() -> Stage {
    Stage::new(&one_site(40, HAVE_OLD, WORSE, METRICS), SPEED)
}

/// The version that makes metrics worse is taken back by this gate after the canary; the other version passes it.
fn tells_good_from_bad(gates: &str, sentence: &str) {
    let stage = stage();
    stage.write("plan.yaml", &one_site_plan(BAD, "", gates));
    let (before, planned) = (stage.nodes(), stage.planned());
    stage.apply().ended_with(5).says(sentence);
    let after = stage.nodes();
    assert_all_back(&before, &after, BAD);
    let canary = planned.wave("canary");
    let touched = after.iter().filter(|node| node.was_told_to_change());
    assert!(touched.into_iter().all(|node| canary.contains(&node.id)), "only canaries were touched");

    let stage = self::stage();
    stage.write("plan.yaml", &one_site_plan(GOOD, "", gates));
    stage.apply().ended_with(0);
    assert_everyone_has(&stage.nodes(), GOOD);
}

#[test]
fn a_metric_that_rises_with_the_version_takes_it_back() {
    tells_good_from_bad(CRASHES, "fails if value > 5");
}

#[test]
fn a_canary_worse_than_untouched_nodes_takes_the_version_back() {
    tells_good_from_bad(LATENCY, "latency is worse");
}

#[test]
fn a_plan_tells_what_a_comparison_would_see_and_refuses_one_without_a_control() {
    let stage = stage();
    stage.write("plan.yaml", &one_site_plan(GOOD, "", LATENCY));
    stage
        .run(&["plan", "plan.yaml"])
        .ended_with(0)
        .says("gate latency compares 20 nodes of wave canary with 20");
    stage.write("plan.yaml", &one_site_plan(GOOD, "", &LATENCY.replace("      waves: [canary]\n", "")));
    stage.run(&["plan", "plan.yaml"]).ended_with(7).says("R0119");
}

#[test]
fn metrics_that_nobody_reports_hold_the_rollout_and_say_why() {
    let stage = Stage::new(&one_site(12, HAVE_OLD, "", ""), SPEED);
    let gates = CRASHES.replace("      guard: yes\n", "      deadline: 10m\n");
    stage.write("plan.yaml", &one_site_plan(GOOD, "", &gates));
    stage.apply().ended_with(6).says("has no data");
}

/// A server that answers every request with this document, until it is dropped with the process.
fn server(document: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let url = format!("http://{}/state", listener.local_addr().expect("it is bound"));
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            let mut asked = [0; 4096];
            let _ = stream.read(&mut asked);
            let head = "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-type: application/json";
            let _ = write!(stream, "{head}\r\ncontent-length: {}\r\n\r\n{document}", document.len());
        }
    });
    url
}

#[test]
fn another_server_can_speak_for_a_wave() {
    for (document, code) in [(r#"{"healthy": true}"#, 0), (r#"{"healthy": false}"#, 5), ("<html>", 6)] {
        let stage = Stage::new(&one_site(12, HAVE_OLD, "", ""), SPEED);
        let url = server(document);
        let gates =
            format!("  gates: [{{ name: office, http: {{ url: '{url}', pass_if: answer.healthy }} }}]\n");
        stage.write("plan.yaml", &one_site_plan(GOOD, "", &gates));
        let ended = stage.apply().ended_with(code);
        assert!(code == 0 || ended.stderr.contains("office"), "{}", ended.stderr);
    }
}

#[test]
fn a_shadow_gate_is_seen_in_the_log_and_changes_nothing() {
    let stage = stage();
    stage.write("plan.yaml", &one_site_plan(BAD, "", &CRASHES.replace("guard: yes", "dry_run: yes")));
    stage.apply().ended_with(0);
    assert_everyone_has(&stage.nodes(), BAD);
    let status: Value = stage.run(&["status", "agent", "--output", "json"]).ended_with(0).json();
    let gates = status["gates"].as_array().expect("a list");
    assert!(
        gates.iter().any(|gate| gate["gate"] == "crashes (dry run)" && gate["judged"] == "fail"),
        "{status}"
    );
}
