//! Policy packs and guardrails with the real program: what a plan is made of is frozen, and what it may not do it does not.

use crate::kit::stage::{APPLY, Stage, start};
use crate::kit::worlds::{self, GOOD};
use wavetrain_model::guardrail::Zone;
use wavetrain_model::time::Timestamp;

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
fn a_changed_comment_stops_nothing_and_a_changed_pack_no_rollback() {
    let stage = with_pack();
    let asking = WAVES.replace("100, bake", "100, approval: { from: [alice], within: 30d }, bake");
    stage.write("waves.yaml", &asking);
    stage.run(&APPLY).ended_with(6).says("waits for an approval");
    stage.write("waves.yaml", &format!("{asking}# reviewed\n"));
    stage.run(&APPLY).ended_with(6).says("waits for an approval");
    stage.write("waves.yaml", &asking.replace("5m", "6m"));
    stage.run(&APPLY).ended_with(7).says("active with another plan file");
    stage.run(&["rollback", "agent", "--yes", "--reason", "second thoughts"]).ended_with(0);
    stage.run(&APPLY).ended_with(5).says("it goes on with the plan that was frozen");
    assert!(stage.nodes().iter().all(|node| node.version.as_deref() != Some(GOOD)));
}

#[test]
fn what_is_wrong_in_a_pack_is_shown_in_the_pack() {
    let stage = with_pack();
    stage.write("waves.yaml", &WAVES.replace("100", "101"));
    stage.run(&["validate", "plan.yaml"]).ended_with(3).says("waves.yaml:5:29: error[E0111]");
    let report = stage.run(&["validate", "plan.yaml", "--output", "json"]).ended_with(3).json();
    assert_eq!(report["files"][0]["diagnostics"][0]["span"]["line"], 5, "{report}");
    stage.run(&APPLY).ended_with(3);
}

const RULES: &str = "apiVersion: wavetrain/v1
guardrails:
  - { name: rule, when: [WHEN], require: \"REQUIRE\", message: this is how it is done here, within: 14d }
";

fn rules(when: &str, require: &str) -> String {
    RULES.replace("WHEN", when).replace("REQUIRE", require)
}

fn with_plan(rollout: &str) -> Stage {
    let stage = Stage::new(&worlds::fleet("", ""), SPEED);
    stage.write("plan.yaml", &worlds::plan_with(GOOD, "", rollout));
    stage
}

fn guarded<'a>(command: &[&'a str], rules: &'a str) -> Vec<&'a str> {
    command.iter().copied().chain(["--guardrails", rules]).collect()
}

#[test]
fn what_a_guardrail_denies_is_not_begun_and_ends_with_eight() {
    let stage = with_plan("");
    stage.write("file.yaml", &rules("validate", "plan.waves.all(w, w.bake_seconds >= 3600)"));
    stage.write("start.yaml", &rules("start", "plan.nodes < 5"));
    let refused = stage.run(&guarded(&["validate", "plan.yaml"], "file.yaml")).ended_with(8);
    refused
        .says("guardrail rule: this is how it is done here")
        .says("requires: plan.waves.all")
        .says("file.yaml");
    let said =
        stage.run(&guarded(&["validate", "plan.yaml", "--output=json"], "file.yaml")).ended_with(8).json();
    assert_eq!(said["guardrails"][0]["decision"], "deny", "{said}");
    // Nobody knows the fleet when a file is validated.
    stage
        .run(&guarded(&["validate", "plan.yaml"], "start.yaml"))
        .ended_with(0)
        .says("held against start.yaml");
    stage.run(&guarded(&["plan", "plan.yaml"], "start.yaml")).ended_with(8).says("plan.nodes = 36");
    for rules in ["file.yaml", "start.yaml"] {
        stage.run(&guarded(&APPLY, rules)).ended_with(8).says("nothing was changed");
    }
    assert!(stage.sim.calls("SendCommand").is_empty());
    assert!(
        stage.run(&["list", "--output", "json"]).ended_with(0).json()["rollouts"]
            .as_array()
            .is_none_or(Vec::is_empty)
    );
}

#[test]
fn a_plan_cannot_weaken_what_it_is_held_against() {
    // It names a file with a guardrail of the same name that everything satisfies.
    let stage = with_plan("  guardrails: own.yaml\n");
    stage.write("own.yaml", &rules("start", "true"));
    stage.write("theirs.yaml", &rules("start", "plan.nodes < 5"));
    let mut apply = stage.command(&APPLY);
    apply.env("WAVETRAIN_GUARDRAILS", "theirs.yaml");
    start(apply, &stage.file("")).wait().ended_with(8).says("theirs.yaml");
    // A flag adds to what the environment says, and takes nothing away.
    let mut apply = stage.command(&guarded(&APPLY, "own.yaml"));
    apply.env("WAVETRAIN_GUARDRAILS", "theirs.yaml");
    start(apply, &stage.file("")).wait().ended_with(8);
    // And what the plan adds holds too.
    stage.write("own.yaml", &rules("start", "plan.nodes < 4"));
    stage.run(&APPLY).ended_with(8).says("own.yaml");
}

#[test]
fn a_wave_waits_for_its_hours_also_when_the_flag_is_forgotten() {
    let stage = with_plan("");
    let clock = stage.sim.get("clock");
    let now = clock["now"].as_f64().expect("seconds") as i64;
    let later = Timestamp((now + 6 * 24 * 3600) * 1000);
    let date = Zone::utc().clock(later).expect("a date").date;
    stage.write("hours.yaml", &rules("wave", &format!("wave.first || now.date > '{date}'")));
    let running = stage.start(&guarded(&APPLY, "hours.yaml"));
    crate::kit::until("the second wave is held", || {
        running.stderr_so_far().contains("wave half may not open").then_some(())
    });
    running.kill();
    stage.sim.pass(16 * SPEED);
    // Without the flag: frozen is frozen.
    let running = stage.start(&APPLY);
    crate::kit::until("it is taken up again", || {
        running.stderr_so_far().contains("taken up again").then_some(())
    });
    stage.sim.pass(10 * 24 * 3600);
    running.wait().ended_with(0);
    let log = stage.log("agent");
    let said: Vec<&str> = log
        .0
        .iter()
        .filter(|entry| entry["event"] == "guarded")
        .filter_map(|entry| entry["sentence"].as_str().filter(|said| said.contains("wave half")))
        .collect();
    assert!(said.len() == 2 && said[0].contains("denies") && said[1].contains("allows"), "{said:?}");
    let place = |what: &str, begins: &str| {
        log.0.iter().position(|entry| {
            entry["event"] == what && entry["sentence"].as_str().is_some_and(|said| said.starts_with(begins))
        })
    };
    assert!(place("recovered", "") < place("wave_opened", "wave half"), "{log:?}");
    assert!(place("recovered", "").is_some(), "{log:?}");
}
