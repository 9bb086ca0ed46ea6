//! What people order and ask from other terminals.

use crate::kit::stage::{APPLY, Running, Stage};
use crate::kit::truth::{assert_all_back, assert_everyone_has};
use crate::kit::until;
use crate::kit::worlds::{BAD, GOOD, fleet, one_site, one_site_plan, plan, plan_with};
use serde_json::Value;

const SPEED: u32 = 300;

fn started(stage: &Stage, args: &[&str]) -> Running {
    let running = stage.start(args);
    until("installs are under way", || (stage.sim.sent("Install", GOOD) >= 2).then_some(()));
    running
}

fn phase(stage: &Stage) -> Value {
    stage.run(&["status", "--output", "json"]).ended_with(0).json()
}

#[test]
fn a_paused_rollout_ends_held_and_goes_on_after_resume() {
    let stage = Stage::new(&fleet("", ""), SPEED);
    stage.write("plan.yaml", &plan(GOOD));
    let running = started(&stage, &APPLY);
    stage.run(&["pause", "--reason", "lunch"]).ended_with(0);
    running.wait().ended_with(6).says("lunch");
    let status = phase(&stage);
    assert_eq!(status["holds"].as_array().map(Vec::len), Some(1), "{status}");
    assert_eq!(status["run_by"], Value::Null);
    stage.run(&["status"]).ended_with(0).says("HELD").says("lunch");
    stage.run(&["explain", "rollout"]).ended_with(0).says("lunch").says("nobody runs it now");
    let sent = stage.sim.calls("SendCommand").len();
    stage.apply().ended_with(6);
    assert_eq!(stage.sim.calls("SendCommand").len(), sent, "a held rollout sends nothing");
    stage.run(&["resume"]).ended_with(0);
    stage.apply().ended_with(0);
    assert_everyone_has(&stage.nodes(), GOOD);
}

#[test]
fn a_waiting_process_takes_pause_and_resume_from_another_one() {
    let stage = Stage::new(&fleet("", ""), SPEED);
    stage.write("plan.yaml", &plan(GOOD));
    let running = started(&stage, &["apply", "plan.yaml", "--yes", "--on-hold", "wait"]);
    let watch = stage.start(&["watch", "agent"]);
    let answer = stage.run(&["pause", "agent", "--reason", "lunch", "--output", "json"]).ended_with(0).json();
    assert_eq!(answer["accepted"], true);
    assert!(phase(&stage)["run_by"].is_string());
    stage.run(&["list"]).ended_with(0).says("agent").says(GOOD);
    stage.run(&["resume", "agent"]).ended_with(0);
    running.wait().ended_with(0);
    watch.wait().ended_with(0).says("lunch").says("completed");
    assert_everyone_has(&stage.nodes(), GOOD);
    let list = stage.run(&["list", "--output", "json"]).ended_with(0).json();
    assert_eq!(list["rollouts"].as_array().map(Vec::len), Some(1), "{list}");
}

#[test]
fn an_aborted_rollout_leaves_nodes_as_they_are_and_can_be_taken_up_again() {
    let stage = Stage::new(&fleet("", ""), SPEED);
    stage.write("plan.yaml", &plan(GOOD));
    let running = started(&stage, &APPLY);
    stage.run(&["abort", "--yes", "--reason", "wrong day"]).ended_with(0);
    running.wait().ended_with(11).says("abort");
    let nodes = stage.nodes();
    let (done, rest): (Vec<_>, Vec<_>) = nodes.iter().partition(|node| node.version.as_deref() == Some(GOOD));
    assert!(!done.is_empty() && !rest.is_empty(), "{} done, {} not", done.len(), rest.len());
    stage.apply().ended_with(0);
    assert_everyone_has(&stage.nodes(), GOOD);
}

#[test]
fn a_rollback_that_a_person_orders_takes_even_a_good_version_back() {
    let stage = Stage::new(&fleet("", ""), SPEED);
    stage.write("plan.yaml", &plan(GOOD));
    let before = stage.nodes();
    let running = started(&stage, &APPLY);
    stage.run(&["rollback", "--yes", "--reason", "customers complain"]).ended_with(0);
    running.wait().ended_with(5).says("customers complain");
    assert_all_back(&before, &stage.nodes(), GOOD);
    stage.run(&["quarantine", "list"]).ended_with(0).says("customers complain");
    stage.apply().ended_with(7);
    // There is nothing left to order.
    stage.run(&["pause", "--reason", "x"]).ended_with(0).says("no rollout is active");
    stage.run(&["resume"]).ended_with(7);
    stage.run(&["rollback", "agent", "--yes", "--reason", "again"]).ended_with(7);
}

#[test]
fn failed_nodes_are_tried_again_when_a_person_says_so() {
    // The agent runs the install script twice for one failed install: the version's own, and its attempt to go back.
    let fails_first = "behaviour: [{ when: { attempts: 2 }, install: fail }]";
    let stage = Stage::new(&one_site(4, "{ 1.0.0-1: 1 }", fails_first, ""), SPEED);
    stage.write(
        "plan.yaml",
        &one_site_plan(BAD, "", "  limits: { failures: 0 }\n  rollback: { on_fail: pause }"),
    );
    stage.apply().ended_with(6).says("a person must act first");
    let mut last = stage.run(&["retry"]).ended_with(0);
    stage.run(&["resume"]).ended_with(0);
    // Without a failure to spare nodes change one after the other, and each of them fails for the first time.
    for _ in 0..4 {
        last = stage.apply();
        if last.code != 6 {
            break;
        }
        stage.run(&["retry", "agent"]).ended_with(0);
        stage.run(&["resume", "agent"]).ended_with(0);
    }
    last.ended_with(0);
    assert!(stage.nodes().iter().all(|node| node.version.as_deref() == Some(BAD)));
}

#[test]
fn a_wave_waits_for_its_approval() {
    let stage = Stage::new(&fleet("", ""), SPEED);
    let waves = "  waves:
    - { name: canary, tag: { rollout: canary }, bake: 1m }
    - { name: all, percent: 100, approval: { from: [release-managers], within: 2d } }";
    stage.write("plan.yaml", &plan_with(GOOD, "", waves));
    let planned = stage.planned();
    stage.apply().ended_with(6).says("approv");
    stage.run(&["explain", "rollout", "agent"]).ended_with(0).says("release-managers");
    let canary = planned.wave("canary");
    let asked = |stage: &Stage| stage.nodes().iter().filter(|node| !node.commands.is_empty()).count();
    assert_eq!(asked(&stage), canary.len());
    stage.run(&["approve", "agent", "nonsense"]).ended_with(2).says("canary, all");
    stage.run(&["approve", "agent", "all", "--by", "release-managers"]).ended_with(0);
    stage.apply().ended_with(0);
    assert_everyone_has(&stage.nodes(), GOOD);
}

#[test]
fn a_quarantined_version_is_refused_and_a_node_is_explained() {
    let stage = Stage::new(&fleet("", ""), SPEED);
    stage.write("plan.yaml", &plan(GOOD));
    let package = "111122223333/agent";
    stage.run(&["quarantine", "add", package, GOOD, "--reason", "recalled"]).ended_with(0);
    stage.apply().ended_with(7).says("recalled");
    stage.run(&["quarantine", "clear", package, GOOD, "--reason", "fixed"]).ended_with(0);
    stage.run(&["quarantine", "list", "--all"]).ended_with(0).says("recalled");
    let planned = stage.planned();
    let id = planned.wave("half").first().expect("a node").clone();
    stage.run(&["explain", "node", &id, "--plan", "plan.yaml"]).ended_with(0).says("half");
    stage.run(&["status"]).ended_with(0).says("no rollouts");
    stage.run(&["status", "nobody"]).ended_with(7);
    assert!(stage.sim.calls("SendCommand").is_empty());
}
