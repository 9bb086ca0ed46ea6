//! AWS, the network, the credentials or the disk fail: a clear word, the right exit code, nothing lost.

use crate::kit::stage::{APPLY, Running, Stage};
use crate::kit::truth::{assert_everyone_has, assert_no_intent_twice};
use crate::kit::until;
use crate::kit::worlds::{GOOD, fleet, plan};
use serde_json::{Value, json};

const SPEED: u32 = 300;

fn stage(more: &str) -> Stage {
    let stage = Stage::new(&fleet("", more), SPEED);
    stage.write("plan.yaml", &plan(GOOD));
    stage
}

fn assert_nothing_sent(stage: &Stage) {
    assert!(stage.sim.calls("SendCommand").is_empty());
}

/// Starts `apply` and lets a fault begin once installs are under way.
fn applying_until(stage: &Stage, fault: &Value) -> Running {
    let running = stage.start(&APPLY);
    until("installs are under way", || (stage.sim.sent("Install", GOOD) >= 2).then_some(()));
    stage.sim.add_fault(fault);
    running
}

/// Waits until the rollout is held for a reason with this text, and a next step.
fn until_held(stage: &Stage, reason: &str) {
    until("it is held", || {
        let status = stage.run(&["status", "--output", "json"]).ended_with(0).json();
        let holds = status["holds"].as_array()?.clone();
        let hold =
            holds.iter().find(|hold| hold["reason"].as_str().is_some_and(|text| text.contains(reason)))?;
        hold["next_step"].as_str().filter(|step| !step.is_empty()).map(drop)
    });
}

/// Goes on after a hold, as its next step says, until the rollout ends.
fn gone_on(stage: &Stage) {
    stage.sim.clear_faults();
    let ran = stage.apply();
    let ran = if ran.code == 6 {
        stage.run(&["resume"]).ended_with(0);
        stage.apply()
    } else {
        ran
    };
    ran.ended_with(0);
    assert_everyone_has(&stage.nodes(), GOOD);
}

#[test]
fn a_denied_role_is_named_and_nothing_is_sent() {
    let stage = stage("");
    stage.write("plan.yaml", &plan(GOOD).replace("external_id: tests", "external_id: guessed"));
    stage.apply().ended_with(8).says("444455556666").says("AssumeRole");
    assert_nothing_sent(&stage);
}

#[test]
fn a_denied_operation_is_named_with_its_site() {
    let stage =
        stage("faults: [{ regions: [eu-west-1], operations: [DescribeInstanceInformation], deny: true }]");
    stage.apply().ended_with(8).says("DescribeInstanceInformation").says("eu-west-1");
    assert_nothing_sent(&stage);
}

#[test]
fn a_version_missing_in_one_region_is_refused_before_anything_is_sent() {
    let world =
        fleet("", "").replace(&format!("name: {GOOD},"), &format!("name: {GOOD}, missing_in: [eu-west-1],"));
    let stage = Stage::new(&world, SPEED);
    stage.write("plan.yaml", &plan(GOOD));
    stage.apply().ended_with(7).says("eu-west-1").says(GOOD);
    assert_nothing_sent(&stage);
}

#[test]
fn a_region_dead_from_the_start_ends_it_with_nothing_changed() {
    let stage = stage("faults: [{ regions: [eu-west-1], unreachable: refused }]");
    stage.apply().ended_with(9).says("eu-west-1").says("nothing was changed");
    assert_nothing_sent(&stage);
}

#[test]
fn a_region_that_dies_in_mid_wave_holds_the_rollout_which_goes_on_by_itself() {
    let stage = stage("");
    let running = applying_until(&stage, &json!({ "regions": ["us-east-1"], "unreachable": "refused" }));
    until_held(&stage, "us-east-1");
    stage.run(&["explain", "rollout"]).ended_with(0).says("us-east-1");
    stage.sim.clear_faults();
    running.wait().ended_with(0);
    assert_everyone_has(&stage.nodes(), GOOD);
}

#[test]
fn interrupted_while_a_region_is_dead_nothing_is_lost() {
    let stage = stage("");
    let running = applying_until(&stage, &json!({ "regions": ["us-east-1"], "unreachable": "refused" }));
    until_held(&stage, "us-east-1");
    running.signal("INT");
    running.wait().ended_with(6);
    gone_on(&stage);
}

#[test]
fn credentials_that_run_out_on_the_way_hold_the_rollout_and_it_ends_well_later() {
    let stage = stage("");
    let running = applying_until(&stage, &json!({ "expired_credentials": true }));
    running.wait().ended_with(6).says("credentials");
    gone_on(&stage);
}

#[test]
fn permissions_lost_on_the_way_hold_the_rollout_and_it_ends_well_later() {
    let stage = stage("");
    let running = applying_until(&stage, &json!({ "operations": ["SendCommand"], "deny": true }));
    running.wait().ended_with(6).says("SendCommand");
    gone_on(&stage);
}

#[test]
fn a_state_that_cannot_be_written_is_named_before_anything_is_sent() {
    let stage = stage("");
    std::fs::create_dir(stage.file("taken")).expect("a directory");
    stage.write("no.db", "this is no database, but it is long enough to be looked at as if it were one");
    for state in ["/dev/null/state.db", "taken", "no.db", "/nowhere/at/all/state.db"] {
        let mut apply = APPLY.to_vec();
        apply.extend(["--state", state]);
        let ran = stage.run(&apply);
        assert!(ran.stderr.contains(state), "{ran:?}");
        ran.ended_with(9);
    }
    assert_nothing_sent(&stage);
}

#[test]
fn nonsense_from_the_start_ends_it_with_nothing_changed() {
    let stage = stage("faults: [{ operations: [DescribeInstanceInformation], nonsense: true }]");
    let ran = stage.apply();
    assert!([1, 9].contains(&ran.code), "{ran:?}");
    ran.says("DescribeInstanceInformation");
    assert_nothing_sent(&stage);
}

#[test]
fn nonsense_for_some_answers_costs_nothing_but_time() {
    let stage = stage(
        "faults:
  - { operations: [ListCommandInvocations, ListCommands], every: 4, nonsense: true }
  - { operations: [SendCommand], every: 3, nonsense: true }",
    );
    stage.apply().ended_with(0);
    let nodes = stage.nodes();
    assert_everyone_has(&nodes, GOOD);
    assert_no_intent_twice(&nodes);
}

#[test]
fn throttling_is_waited_out() {
    let stage = stage(
        "rates:
  SendCommand: { per_second: 0.1, burst: 1 }
  \"*\": { per_second: 5, burst: 5 }",
    );
    stage.apply().ended_with(0);
    assert_everyone_has(&stage.nodes(), GOOD);
    let throttled = stage.sim.calls("SendCommand").iter().filter(|call| !call["error"].is_null()).count();
    assert!(throttled > 0, "nothing was throttled");
}

#[test]
fn lost_answers_lead_to_no_second_command() {
    let stage = stage(
        "faults:
  - { operations: [SendCommand], every: 3, lose_answer: after }
  - { operations: [SendCommand], every: 4, lose_answer: before }
  - { operations: [ListCommands, ListCommandInvocations], probability: 0.1, short_pages: true }",
    );
    stage.apply().ended_with(0);
    let nodes = stage.nodes();
    assert_everyone_has(&nodes, GOOD);
    assert_no_intent_twice(&nodes);
}

#[test]
fn status_words_that_nobody_knows_are_carried() {
    let stage =
        stage("faults: [{ operations: [ListCommandInvocations], every: 2, unknown_status: Contemplating }]");
    stage.apply().ended_with(0);
    assert_everyone_has(&stage.nodes(), GOOD);
}
