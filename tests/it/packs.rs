//! Policy packs and guardrails with the real program: what a plan is made of is frozen, and what it may not do it does not.

use crate::kit::stage::{APPLY, Stage};
use crate::kit::worlds::{self, GOOD};

const SPEED: u32 = 2000;

const WAVES: &str = "apiVersion: wavetrain/v1
policy:
  waves:
    - { name: canary, tag: { rollout: canary }, bake: 5m }
    - { name: all, percent: 100, bake: 5m }
";

/// A stage with a plan that has its waves from `waves.yaml`.
fn with_pack() -> Stage {
    let stage = Stage::new(&worlds::fleet("", ""), SPEED);
    let plan = worlds::plan(GOOD);
    let (before, rest) = plan.split_once("  waves:\n").expect("waves");
    let after = rest.find("  limits").map_or("", |at| &rest[at..]);
    stage.write("plan.yaml", &format!("{before}  use: waves.yaml\n{after}"));
    stage.write("waves.yaml", WAVES);
    stage
}

#[test]
fn a_plan_says_which_packs_it_is_made_of_and_another_pack_makes_another_plan() {
    let stage = with_pack();
    let validated = stage
        .run(&["validate", "plan.yaml"])
        .ended_with(0)
        .says("in 2 waves")
        .says("uses waves.yaml (sha256 ");
    let digest = validated.stderr.split_once("sha256 ").expect("a digest").1[..64].to_owned();
    stage.run(&["plan", "plan.yaml"]).ended_with(0).says(&digest);
    let first = stage.run(&["plan", "plan.yaml", "--output", "json"]).json();
    stage.write("waves.yaml", &format!("{WAVES}# reviewed\n"));
    let second = stage.run(&["plan", "plan.yaml", "--output", "json"]).json();
    assert_ne!(first["spec_digest"], second["spec_digest"], "{first}");
    stage.run(&["validate", "plan.yaml", "--output", "json"]).ended_with(0).says("\"packs\"");
    stage.run(&APPLY).ended_with(0);
    assert!(stage.nodes().iter().all(|node| node.version.as_deref() == Some(GOOD)));
}

#[test]
fn what_is_wrong_in_a_pack_is_shown_in_the_pack() {
    let stage = with_pack();
    stage.write("waves.yaml", &WAVES.replace("100", "101"));
    stage.run(&["validate", "plan.yaml"]).ended_with(3).says("waves.yaml:5:28: error[E0111]");
    let report = stage.run(&["validate", "plan.yaml", "--output", "json"]).ended_with(3).json();
    assert_eq!(report["files"][0]["diagnostics"][0]["span"]["line"], 5, "{report}");
    stage.run(&APPLY).ended_with(3);
}
