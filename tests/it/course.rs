//! Whole rollouts by the real program, through the real SDK: a good version, a bad one, and what a failed install can
//! leave on a node.

use crate::kit::stage::Stage;
use crate::kit::truth::{assert_all_back, assert_everyone_has, assert_none_after_decision};
use crate::kit::until;
use crate::kit::worlds::{BAD, GOOD, fleet, one_site, one_site_plan, plan, plan_with};
use serde_json::Value;

const SPEED: u32 = 2000;

/// Every Windows node in eu-west-1; the canaries are elsewhere.
const BREAKS_WINDOWS: &str =
    "behaviour: [{ when: { platform: Windows, regions: [eu-west-1] }, install: fail, exit_code: 5 }]";

#[test]
fn a_good_version_reaches_every_node_and_then_there_is_nothing_to_do() {
    let stage = Stage::new(&fleet("", ""), SPEED);
    stage.write("plan.yaml", &plan(GOOD));
    let planned = stage.planned();
    let ended = stage.apply().ended_with(0).json();
    assert_eq!((&ended["phase"], &ended["exit_code"]), (&"completed".into(), &0.into()));
    let nodes = stage.nodes();
    assert_eq!((nodes.len(), planned.size()), (36, 36));
    assert_everyone_has(&nodes, GOOD);
    planned.assert_waves_in_order(&nodes, GOOD);

    let sent = stage.sim.calls("SendCommand").len();
    assert_eq!(stage.apply().ended_with(0).json()["nothing_to_do"], true);
    assert_eq!(stage.sim.calls("SendCommand").len(), sent, "nothing was sent");
    stage.run(&["plan", "plan.yaml", "--detailed-exit"]).ended_with(0);
}

#[test]
fn a_bad_version_is_stopped_taken_back_everywhere_and_refused_until_cleared() {
    let stage = Stage::new(&fleet(BREAKS_WINDOWS, ""), SPEED);
    stage.write("plan.yaml", &plan(BAD));
    let (before, planned) = (stage.nodes(), stage.planned());
    stage.run(&["plan", "plan.yaml", "--detailed-exit"]).ended_with(4);
    let ended = stage.apply().ended_with(5).json();
    assert_eq!(ended["phase"], "rolled_back");
    let after = stage.nodes();
    assert_all_back(&before, &after, BAD);
    planned.assert_waves_in_order(&after, BAD);
    assert_none_after_decision(&stage.log("agent"), &after, BAD);
    let last = planned.wave("all");
    let in_last = after.iter().filter(|node| last.contains(&node.id));
    assert!(in_last.into_iter().all(|node| node.commands.is_empty()), "wave `all` never opened");

    stage.apply().ended_with(7).says("quarantine");
    stage.run(&["quarantine", "list"]).ended_with(0).says(BAD);
    stage.run(&["quarantine", "clear", "agent", BAD, "--reason", "tried again"]).ended_with(0);
    stage.apply().ended_with(5);
    assert_all_back(&before, &stage.nodes(), BAD);
}

/// Rolls the bad version out to `stage` and compares what was on the nodes before with what is there after.
fn all_come_back(stage: &Stage) {
    let before = stage.nodes();
    stage.apply().ended_with(5);
    let after = stage.nodes();
    assert_all_back(&before, &after, BAD);
    assert_none_after_decision(&stage.log("agent"), &after, BAD);
}

const HAVE_1_0: &str = "{ 1.0.0-1: 1 }";
const HAVE_SOME: &str = "{ 1.0.0-1: 2, 1.1.0-1: 1 }";
const HAVE_NONE: &str = "{ none: 1 }";
const IN_PLACE: &str = "    install: in-place";

#[test]
fn nodes_left_with_nothing_by_a_failed_upgrade_come_back() {
    let stage = Stage::new(&one_site(12, HAVE_SOME, "behaviour: [{ install: fail }]", ""), SPEED);
    stage.write("plan.yaml", &one_site_plan(BAD, "", ""));
    all_come_back(&stage);
}

#[test]
fn nodes_whose_agent_only_claims_to_have_rolled_back_come_back() {
    let stage = Stage::new(&one_site(12, HAVE_SOME, "behaviour: [{ install: fail-once }]", ""), SPEED);
    stage.write("plan.yaml", &one_site_plan(BAD, "", ""));
    all_come_back(&stage);
}

#[test]
fn nodes_whose_agent_really_rolled_back_come_back() {
    let stage = Stage::new(&one_site(12, HAVE_1_0, "behaviour: [{ install: fail }]", ""), SPEED);
    stage.write("plan.yaml", &one_site_plan(BAD, "", ""));
    all_come_back(&stage);
    // Now the failing version's manifest is in the agent's cache.
    stage.run(&["quarantine", "clear", "agent", BAD, "--reason", "tried again"]).ended_with(0);
    all_come_back(&stage);
}

#[test]
fn an_in_place_update_without_its_script_is_refused_before_any_node_is_touched() {
    let stage = Stage::new(&one_site(12, HAVE_SOME, "update_script: false", ""), SPEED);
    stage.write("plan.yaml", &one_site_plan(BAD, IN_PLACE, ""));
    stage.apply().ended_with(7).says("update script");
    assert!(stage.sim.calls("SendCommand").is_empty());
}

#[test]
fn nodes_whose_agent_names_a_version_that_was_never_installed_come_back() {
    let world = one_site(12, HAVE_SOME, "behaviour: [{ install: fail }]", "");
    // Somebody else tried an in-place update to a version that has no script for it.
    let no_script = format!("{{ name: {GOOD}, update_script: false,");
    let stage = Stage::new(&world.replace(&format!("{{ name: {GOOD},"), &no_script), SPEED);
    let ids: Vec<String> = stage.nodes().into_iter().map(|node| node.id).collect();
    stage.sim.send_in_place(&ids, "agent", GOOD);
    let states = until("every agent names the version", || {
        let document = stage.sim.get("nodes");
        let nodes = document["nodes"].as_array()?;
        let states: Vec<Value> = nodes.iter().map(|node| node["installstate"]["agent"].clone()).collect();
        states.iter().all(|state| state["phase"] == "Failed").then_some(states)
    });
    assert!(states.iter().all(|state| state["version"] == GOOD), "{states:?}");
    let before = stage.nodes();
    assert!(before.iter().all(|node| node.version.as_deref() != Some(GOOD)), "the bits are the old ones");
    stage.write("plan.yaml", &one_site_plan(BAD, "", ""));
    stage.apply().ended_with(5);
    for (had, has) in before.iter().zip(stage.nodes()) {
        assert_eq!((&had.id, &had.version), (&has.id, &has.version));
    }
}

#[test]
fn nodes_whose_in_place_update_failed_come_back() {
    let stage = Stage::new(&one_site(12, HAVE_SOME, "behaviour: [{ update: fail }]", ""), SPEED);
    stage.write("plan.yaml", &one_site_plan(BAD, IN_PLACE, ""));
    all_come_back(&stage);
}

#[test]
fn nodes_that_had_nothing_have_nothing_again() {
    let stage = Stage::new(&one_site(12, HAVE_NONE, "behaviour: [{ install: fail }]", ""), SPEED);
    stage.write("plan.yaml", &one_site_plan(BAD, "", ""));
    all_come_back(&stage);
}

#[test]
fn a_failure_that_shows_only_in_an_alarm_takes_the_version_back() {
    let alarm = format!(
        "alarms: [{{ name: agent-crashes, raised_when: {{ package: agent, version: {BAD}, nodes_at_least: 2, everywhere: true, delay_seconds: 30 }} }}]"
    );
    let stage = Stage::new(&fleet("", &alarm), SPEED);
    stage.write(
        "plan.yaml",
        &plan_with(
            BAD,
            "",
            "  gates: [{ name: crashes, guard: yes, every: 30s, alarms: { prefix: agent- } }]",
        ),
    );
    let (before, planned) = (stage.nodes(), stage.planned());
    stage.apply().ended_with(5).says("agent-crashes");
    let after = stage.nodes();
    assert_all_back(&before, &after, BAD);
    let canary = planned.wave("canary");
    let touched = after.iter().filter(|node| node.was_told_to_change());
    assert!(touched.into_iter().all(|node| canary.contains(&node.id)), "only canaries were touched");
}
