//! Fleets whose accounts are those of an organization: found before the plan, kept while the rollout runs, shared with when they join.

use crate::kit::stage::Stage;
use crate::kit::until;
use std::collections::BTreeSet;

const SPEED: u32 = 2000;

/// When the last account joins, in seconds of the world.
const JOINS_SECONDS: u32 = 7200;

/// Production has an inner unit and an account that is being closed; another account stands beside it.
const WORLD: &str = r#"
seed: 23
hub: "111122223333"
sites: { accounts: ["111122223333", "444455556666", "777788889999", "888899990000", "999900001111"], regions: [us-east-1] }
roles: [{ name: wavetrain-spoke, external_id: tests }]
organization:
  root: r-ab12
  units:
    - { id: ou-ab12-production, name: Production }
    - { id: ou-ab12-innermost, name: Inner, parent: ou-ab12-production }
    - { id: ou-ab12-playground, name: Playground }
  accounts:
    - { id: "111122223333" }
    - { id: "444455556666", unit: ou-ab12-production }
    - { id: "777788889999", unit: ou-ab12-innermost }
    - { id: "888899990000", unit: ou-ab12-production }
    - { id: "222233334444", unit: ou-ab12-production, state: SUSPENDED }
    - { id: "333344445555", unit: ou-ab12-playground }
    - { id: "999900001111", unit: ou-ab12-innermost, joins_after_seconds: JOINS }
nodes:
  - { name: web, count: 2, platform: Linux, installed: { tool: { 1.0.0-1: 1 } } }
packages:
  - { name: tool, versions: [{ name: 1.0.0-1 }, { name: 1.1.0-1 }] }
probes: [{ contains: tool --version, package: tool }]
timing: { agent_wait_seconds: [0, 3], listing_lag_seconds: 1 }
faults: FAULTS
"#;

const PLAN: &str = r#"apiVersion: wavetrain/v1
rollout:
  name: tool
  package: { name: tool, owner: "111122223333", version: 1.1.0-1, probe: { linux: tool --version, windows: tool --version } }
  fleet:
    organization: { units: [ou-ab12-production], exclude: ["888899990000"] }
    regions: [us-east-1]
    role: "arn:aws:iam::{account}:role/wavetrain-spoke"
    external_id: tests
  limits: { in_flight: 100%, failures: 2 }
  waves: [{ name: first, percent: 50, bake: 5m }, { name: all, percent: 100, bake: 5m }]
"#;

fn stage(faults: &str) -> Stage {
    let world = WORLD.replace("JOINS", &JOINS_SECONDS.to_string()).replace("FAULTS", faults);
    let stage = Stage::new(&world, SPEED);
    stage.write("plan.yaml", PLAN);
    stage
}

/// Accounts with nodes that have the new version.
fn upgraded(stage: &Stage) -> BTreeSet<String> {
    let document = stage.sim.get("nodes");
    let nodes = document["nodes"].as_array().expect("a list").iter();
    let upgraded = nodes.filter(|node| node["bits"]["tool"]["version"] == "1.1.0-1");
    upgraded.map(|node| node["account"].as_str().expect("text").to_owned()).collect()
}

fn accounts(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

#[test]
fn the_accounts_of_a_unit_and_below_are_rolled_out_to_but_not_those_left_out() {
    let stage = stage("[{ operations: [ListAccountsForParent], short_pages: true }]");
    let planned = stage.run(&["plan", "plan.yaml"]).ended_with(0);
    planned.says("2 accounts, with those of ou-ab12-production");
    stage.apply().ended_with(0);
    assert_eq!(upgraded(&stage), accounts(&["444455556666", "777788889999"]));
}

#[test]
fn a_rollout_goes_on_with_the_accounts_that_it_began_with() {
    let stage = stage("[]");
    stage.write("plan.yaml", &PLAN.replace("bake: 5m }, {", "bake: 3h }, {"));
    let running = stage.start(&["apply", "plan.yaml", "--yes"]);
    until("the first wave has it", || (!upgraded(&stage).is_empty()).then_some(()));
    running.kill();
    stage.sim.pass(JOINS_SECONDS.max(16 * SPEED));
    let shown = stage.run(&["plan", "plan.yaml", "--output", "json"]);
    assert!(shown.stdout.contains("999900001111"), "it has joined by now: {}", shown.stdout);
    let another =
        "organization: { units: [ou-ab12-production], exclude: [\"888899990000\", \"777788889999\"] }";
    let asked = "organization: { units: [ou-ab12-production], exclude: [\"888899990000\"] }";
    let plan = PLAN.replace("bake: 5m }, {", "bake: 3h }, {");
    stage.write("plan.yaml", &plan.replace(asked, another));
    stage.apply().ended_with(7).says("another plan file");
    stage.write("plan.yaml", &plan);
    stage.apply().ended_with(0);
    assert_eq!(upgraded(&stage), accounts(&["444455556666", "777788889999"]));
}

#[test]
fn an_account_that_joined_is_shared_with_by_the_same_command() {
    let world = WORLD.replace("JOINS", &JOINS_SECONDS.to_string()).replace("FAULTS", "[]");
    let world =
        world.replace("name: tool, versions", "name: tool, shared_with: [\"444455556666\"], versions");
    let stage = Stage::new(&world, SPEED);
    stage.write("plan.yaml", PLAN);
    let added = || {
        let share = ["package", "share", "--plan", "plan.yaml", "--output", "json"];
        let shared = stage.run(&share).ended_with(0).json();
        shared["sites"][0]["accounts_added"].as_u64().expect("a number")
    };
    assert_eq!(added(), 1, "one of two has it already");
    stage.sim.pass(JOINS_SECONDS);
    assert_eq!(added(), 1, "another one has joined");
    assert_eq!(added(), 0, "nobody else has");
}

#[test]
fn a_guardrail_about_accounts_is_asked_when_those_of_the_organization_are_known() {
    let stage = stage("[]");
    let rule = |require: &str| {
        format!(
            "apiVersion: wavetrain/v1\nguardrails:\n  - {{ name: whose, when: [validate], require: '{require}', message: ours }}\n"
        )
    };
    stage.write("of.yaml", &rule("\"444455556666\" in accounts"));
    stage.write("not-of.yaml", &rule("!(\"444455556666\" in accounts)"));
    for file in ["of.yaml", "not-of.yaml"] {
        let validated = stage.run(&["validate", "plan.yaml", "--guardrails", file]).ended_with(0);
        validated.says("not asked yet: guardrail whose");
        let command = ["validate", "plan.yaml", "--guardrails", file, "--output", "json"];
        assert_eq!(stage.run(&command).ended_with(0).json()["guardrails"][0]["decision"], "later");
    }
    stage.run(&["plan", "plan.yaml", "--guardrails", "of.yaml"]).ended_with(0);
    stage
        .run(&["plan", "plan.yaml", "--guardrails", "not-of.yaml"])
        .ended_with(8)
        .says("guardrail whose: ours");
    let apply = ["apply", "plan.yaml", "--yes", "--guardrails", "not-of.yaml"];
    stage.run(&apply).ended_with(8).says("guardrail whose: ours");
}

#[test]
fn what_stands_in_the_way_of_knowing_the_accounts_is_said() {
    let denied = stage("[{ operations: [ListAccountsForParent], deny: true }]");
    denied.run(&["plan", "plan.yaml"]).ended_with(8).says("delegated administrators");

    let empty = stage("[]");
    empty.write("plan.yaml", &PLAN.replace("ou-ab12-production], exclude", "ou-ab12-elsewhere], exclude"));
    empty.run(&["plan", "plan.yaml"]).ended_with(7).says("shows the ids of units");
    let none = PLAN.replace("\"888899990000\"", "\"888899990000\", \"444455556666\", \"777788889999\"");
    empty.write("plan.yaml", &none);
    empty.run(&["plan", "plan.yaml"]).ended_with(7).says("no active account is left");
    let elsewhere = "percent: 50, where: { accounts: [\"888899990000\"] }, bake: 5m";
    empty.write("plan.yaml", &PLAN.replace("percent: 50, bake: 5m", elsewhere));
    empty.run(&["plan", "plan.yaml"]).ended_with(7).says("which the fleet does not have");
    // Nothing of it is needed to check the file.
    empty.run(&["validate", "plan.yaml"]).ended_with(0);

    let text = WORLD.replace("JOINS", "0").replace("FAULTS", "[]");
    let (before, rest) = text.split_once("organization:").expect("it has one");
    let (_, after) = rest.split_once("nodes:").expect("it has nodes");
    let alone = Stage::new(&format!("{before}nodes:{after}"), SPEED);
    alone.write("plan.yaml", PLAN);
    alone.run(&["plan", "plan.yaml"]).ended_with(7).says("is in no organization");
}
