//! Gates that ask about single nodes, end to end: a fleet whose compliance reacts to what is installed, and alarms that come and go.

use crate::kit::stage::{APPLY, Stage};
use crate::kit::truth::{assert_all_back, assert_everyone_has, assert_no_intent_twice};
use crate::kit::until;
use crate::kit::worlds::{BAD, GOOD, one_site, one_site_plan};
use serde_json::json;

const SPEED: u32 = 2000;

const HAVE_OLD: &str = "{ 1.0.0-1: 1 }";

/// A scan every minute, which the bad version's nodes do not survive; some nodes lack a patch of little weight anyway.
const SCANS: &str = "compliance:
  - { id: KB1, severity: HIGH, every_seconds: 60, spoiled_by: { package: agent, version: 3.0.0-1 } }
  - { id: KB2, severity: LOW, every_seconds: 60, non_compliant: 0.5 }";

const PATCHES: &str = "  gates:
    - { name: patches, deadline: 10m, compliance: { types: [Patch], severities: [CRITICAL, HIGH], truth: yes } }
";

#[test]
fn nodes_that_lost_their_compliance_take_the_version_back() {
    let stage = Stage::new(&one_site(20, HAVE_OLD, "", SCANS), SPEED);
    stage.write("plan.yaml", &one_site_plan(BAD, "", PATCHES));
    let before = stage.nodes();
    stage.apply().ended_with(5).says("is not compliant in Patch");
    assert_all_back(&before, &stage.nodes(), BAD);

    let stage = Stage::new(&one_site(20, HAVE_OLD, "", SCANS), SPEED);
    stage.write("plan.yaml", &one_site_plan(GOOD, "", PATCHES));
    stage.apply().ended_with(0);
    assert_everyone_has(&stage.nodes(), GOOD);
}

#[test]
fn scans_from_before_the_install_hold_the_rollout() {
    let world = one_site(8, HAVE_OLD, "", &SCANS.replace("every_seconds: 60", "every_seconds: 864000"));
    let stage = Stage::new(&world, SPEED);
    stage.write("plan.yaml", &one_site_plan(GOOD, "", PATCHES));
    stage.apply().ended_with(6).says("last reported Patch at");
}

#[test]
fn what_is_known_about_touched_nodes_is_shown_in_compliance() {
    let stage = Stage::new(&one_site(6, HAVE_OLD, "", ""), SPEED);
    stage.write("plan.yaml", &one_site_plan(GOOD, "", "  publish_compliance: { severity: LOW }\n"));
    stage.apply().ended_with(0);
    let answer = stage.sim.ask_ssm("ListComplianceItems", &json!({ "ResourceTypes": ["ManagedInstance"] }));
    let items = answer["ComplianceItems"].as_array().expect("a list");
    assert_eq!(items.len(), 6, "{answer}");
    for item in items {
        assert_eq!(
            (item["ComplianceType"].as_str(), item["Id"].as_str()),
            (Some("Custom:Wavetrain"), Some("agent"))
        );
        assert_eq!((item["Status"].as_str(), item["Severity"].as_str()), (Some("COMPLIANT"), Some("LOW")));
        assert_eq!(
            (item["Details"]["Version"].as_str(), item["Details"]["Rollout"].as_str()),
            (Some(GOOD), Some("agent"))
        );
    }
}

/// A probe that prints the version; at this speed an hour is two seconds.
const WORKS: &str = "  gates:
    - name: works
      guard: yes
      deadline: 12h
      probe: { linux: agent --version, pass_if: '!output.startsWith(\"3.\")', sample: 5, timeout: 1h }
";

/// Commands that were sent for a gate.
fn asked(stage: &Stage) -> usize {
    let log = stage.log("agent");
    log.0.iter().filter(|entry| entry["event"] == "probed").count()
}

#[test]
fn a_probe_asks_nodes_and_takes_the_version_back_that_it_does_not_like() {
    let stage = Stage::new(&one_site(12, HAVE_OLD, "", ""), SPEED);
    stage.write("plan.yaml", &one_site_plan(BAD, "", WORKS));
    let before = stage.nodes();
    stage.apply().ended_with(5).says("answered with exit code 0 and `3.0.0-1`");
    assert_all_back(&before, &stage.nodes(), BAD);

    let stage = Stage::new(&one_site(12, HAVE_OLD, "", ""), SPEED);
    stage.write("plan.yaml", &one_site_plan(GOOD, "", WORKS));
    stage.apply().ended_with(0);
    assert_everyone_has(&stage.nodes(), GOOD);
    assert!(asked(&stage) > 2);
}

#[test]
fn a_probe_in_flight_survives_the_death_of_the_process_and_is_not_asked_twice() {
    let stage = Stage::new(&one_site(12, HAVE_OLD, "", ""), SPEED);
    stage.write("plan.yaml", &one_site_plan(GOOD, "", WORKS));
    let running = stage.start(&APPLY);
    until("a gate's probe is sent", || {
        let mentions = running.stderr_so_far().contains("bake of 5m begins");
        mentions.then_some(())
    });
    running.kill();
    // The lease of the dead process runs out.
    stage.sim.pass(16 * SPEED);
    stage.apply().ended_with(0);
    assert_no_intent_twice(&stage.nodes());
    assert_everyone_has(&stage.nodes(), GOOD);
}
