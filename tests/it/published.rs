//! From a folder to the nodes, with the real program: build, publish into three accounts and four Regions, roll out, keep in order.

use crate::kit::stage::{APPLY, Ran, Stage};
use serde_json::Value;

const SPEED: u32 = 2000;

const REGIONS: [&str; 4] = ["us-east-1", "eu-west-1", "eu-north-1", "ap-south-1"];

const WORLD: &str = r#"
seed: 11
hub: "111122223333"
sites: { accounts: ["111122223333", "444455556666", "777788889999"], regions: [us-east-1, eu-west-1, eu-north-1, ap-south-1] }
roles: [{ name: wavetrain-spoke, external_id: tests }]
nodes:
  - { name: web, count: 1, platform: Linux, tagged: [{ key: rollout, value: canary, first: 1 }], installed: {} }
packages: []
published: [{ package: tool }]
probes: [{ contains: tool --version, package: tool }]
timing: { agent_wait_seconds: [0, 3], listing_lag_seconds: 1, document_seconds: [5, 20] }
buckets:
  - { name: packages-us-east-1, region: us-east-1 }
  - { name: packages-eu-west-1, region: eu-west-1 }
  - { name: packages-eu-north-1, region: eu-north-1 }
  - { name: packages-ap-south-1, region: ap-south-1 }
"#;

const PLAN: &str = r#"apiVersion: wavetrain/v1
rollout:
  name: tool
  package: { name: tool, owner: "111122223333", version: VERSION, probe: { linux: tool --version, windows: tool --version } }
  fleet:
    accounts: ["111122223333", "444455556666", "777788889999"]
    regions: [us-east-1, eu-west-1, eu-north-1, ap-south-1]
    role: "arn:aws:iam::{account}:role/wavetrain-spoke"
    external_id: tests
  limits: { in_flight: 100%, failures: 2 }
  waves: [{ name: all, percent: 100, bake: 5m }]
"#;

const RECIPE: &str = "apiVersion: wavetrain/v1
package:
  name: tool
  version: VERSION
  zips:
    tool-linux.zip: { from: linux, serves: [{ platform: _any }] }
";

fn stage() -> Stage {
    let stage = Stage::new(WORLD, SPEED);
    stage.write("plan.yaml", &PLAN.replace("VERSION", "1.0.0-1"));
    build(&stage, "1.0.0-1", 100);
    stage
}

fn build(stage: &Stage, version: &str, payload: usize) {
    std::fs::create_dir_all(stage.file("linux")).expect("a folder");
    stage.write("package.yaml", &RECIPE.replace("VERSION", version));
    for script in ["install.sh", "uninstall.sh", "validate.sh"] {
        stage.write(&format!("linux/{script}"), "exit 0\n");
    }
    stage.write("linux/payload.txt", &format!("{version}\n").repeat(payload));
    let out = format!("dist/{version}");
    stage.run(&["package", "build", ".", "--out", &out]).ended_with(0);
}

fn publish_args(dist: &str) -> Vec<&str> {
    vec![
        "package",
        "publish",
        dist,
        "--plan",
        "plan.yaml",
        "--bucket",
        "packages-{region}",
        "--output",
        "json",
    ]
}

fn publish(stage: &Stage, version: &str) -> Ran {
    let dist = format!("dist/{version}");
    stage.run(&publish_args(&dist))
}

fn outcomes(ran: &Ran) -> Vec<String> {
    let all = ran.json();
    let sites = all["sites"].as_array().expect("a list");
    sites.iter().map(|site| site["outcome"].as_str().expect("an outcome").to_owned()).collect()
}

/// Calls that make a version, answered or not.
fn made(stage: &Stage) -> usize {
    ["CreateDocument", "UpdateDocument"].iter().map(|call| stage.sim.calls(call).len()).sum()
}

#[test]
fn what_is_published_everywhere_is_rolled_out_everywhere() {
    let stage = stage();
    let ran = publish(&stage, "1.0.0-1").ended_with(0);
    assert_eq!(outcomes(&ran), ["published"; 4]);
    assert_eq!(outcomes(&publish(&stage, "1.0.0-1").ended_with(0)), ["was there"; 4]);
    assert_eq!(made(&stage), REGIONS.len(), "nothing is made twice");
    stage.run(&["package", "verify", "--plan", "plan.yaml"]).ended_with(0);
    stage.run(&APPLY).ended_with(0);
    assert!(stage.nodes().iter().all(|node| node.version.as_deref() == Some("1.0.0-1")));
    let versions =
        stage.run(&["package", "versions", "--plan", "plan.yaml", "--output", "json"]).ended_with(0).json();
    let rows = versions["versions"].as_array().expect("a list").clone();
    assert_eq!(rows.len(), REGIONS.len());
    assert!(rows.iter().all(|row| row["nodes"] == 12 && row["default"] == true), "{versions}");
}

#[test]
fn killed_at_any_moment_and_run_again_it_ends_the_same() {
    let stage = stage();
    // Moments by what AWS was asked last, not by the clock: the process dies when it has made that call.
    for call in ["HeadObject", "PutObject", "CreateDocument", "GetDocument", "ModifyDocumentPermission"] {
        let running = stage.start(&publish_args("dist/1.0.0-1"));
        crate::kit::until("the call is made, or all of it is done", || {
            let is_made = !stage.sim.calls(call).is_empty();
            is_made.then_some(())
        });
        running.kill();
    }
    publish(&stage, "1.0.0-1").ended_with(0);
    assert_eq!(made(&stage), REGIONS.len(), "nothing is made twice");
    stage.run(&["package", "verify", "--plan", "plan.yaml"]).ended_with(0);
}

#[test]
fn a_version_without_a_readable_source_is_told_and_mended_by_the_next_run() {
    let stage = stage();
    let fault = serde_json::json!({ "deny": true, "operations": ["GetObject"] });
    stage.sim.add_fault(&fault);
    publish(&stage, "1.0.0-1").ended_with(7).says("could not make version 1.0.0-1");
    stage.sim.clear_faults();
    publish(&stage, "1.0.0-1").ended_with(0);
    stage.run(&["package", "verify", "--plan", "plan.yaml"]).ended_with(0);
}

#[test]
fn versions_that_nodes_have_stay_and_old_ones_that_nobody_needs_go() {
    let stage = stage();
    publish(&stage, "1.0.0-1").ended_with(0);
    for minor in 1..4 {
        let version = format!("1.{minor}.0-1");
        build(&stage, &version, 10);
        publish(&stage, &version).ended_with(0);
    }
    stage.write("plan.yaml", &PLAN.replace("VERSION", "1.1.0-1"));
    stage.run(&APPLY).ended_with(0);
    stage.run(&["package", "set-default", "1.3.0-1", "--plan", "plan.yaml", "--yes"]).ended_with(0);
    let prune = ["package", "prune", "--keep", "1", "--plan", "plan.yaml", "--yes", "--output", "json"];
    let pruned = stage.run(&prune).ended_with(0).json();
    let kept = |row: &&Value| row["kept"] == true && row["site"] == "111122223333/us-east-1";
    let kept: Vec<&str> = pruned["versions"]
        .as_array()
        .expect("a list")
        .iter()
        .filter(kept)
        .filter_map(|row| row["version"].as_str())
        .collect();
    assert_eq!(kept, ["1.1.0-1", "1.3.0-1"], "{pruned}");
    stage.run(&["package", "verify", "1.1.0-1", "--plan", "plan.yaml"]).ended_with(0);
    stage.run(&["package", "verify", "1.0.0-1", "--plan", "plan.yaml"]).ended_with(7).says("not there");
}

#[test]
fn one_version_of_two_builds_is_never_rolled_out() {
    let stage = stage();
    let everywhere = PLAN.replace("VERSION", "1.0.0-1");
    stage.write("plan.yaml", &everywhere.replace(&REGIONS.join(", "), REGIONS[1]));
    publish(&stage, "1.0.0-1").ended_with(0);
    stage.write("plan.yaml", &everywhere);
    build(&stage, "1.0.0-1", 101);
    publish(&stage, "1.0.0-1").ended_with(7).says("is there already with other content");
    stage.run(&["package", "verify", "--plan", "plan.yaml"]).ended_with(7).says("eu-west-1");
    let refused = stage.run(&["plan", "plan.yaml"]).says("R0123").says("eu-west-1");
    assert_ne!(refused.code, 0);
    stage.run(&APPLY).says("R0123");
    assert!(stage.sim.calls("SendCommand").is_empty());
}

#[test]
fn the_default_version_moves_everywhere_or_nowhere() {
    let stage = stage();
    publish(&stage, "1.0.0-1").ended_with(0);
    build(&stage, "1.1.0-1", 10);
    let everywhere = PLAN.replace("VERSION", "1.1.0-1");
    stage.write("plan.yaml", &everywhere.replace(&REGIONS.join(", "), REGIONS[1]));
    publish(&stage, "1.1.0-1").ended_with(0);
    stage.write("plan.yaml", &everywhere);
    let set = ["package", "set-default", "1.1.0-1", "--plan", "plan.yaml", "--yes"];
    stage.run(&set).ended_with(7).says("3 of 4 sites failed").says("the default version stays");
    // Another content under the same name in one Region: published there is nothing, and moved nothing anywhere.
    build(&stage, "1.1.0-1", 11);
    let mut args = publish_args("dist/1.1.0-1");
    args.push("--default");
    stage.run(&args).ended_with(7);
    assert!(stage.sim.calls("UpdateDocumentDefaultVersion").is_empty());
}

#[test]
fn copies_in_every_account_are_what_a_rollout_installs() {
    let buckets = REGIONS.iter().flat_map(|region| {
        ["111122223333", "444455556666", "777788889999"].map(|account| {
            format!("  - {{ name: packages-{account}-{region}, region: {region}, owner: \"{account}\" }}\n")
        })
    });
    let (world, _) = WORLD.split_once("buckets:").expect("it has some");
    let stage = Stage::new(&format!("{world}buckets:\n{}", buckets.collect::<String>()), SPEED);
    let finish = "  finish: { default_version: yes }\n";
    let plan = |version: &str| {
        let copied = PLAN.replace("VERSION, probe", "VERSION, copies: yes, probe") + finish;
        stage.write("plan.yaml", &copied.replace("VERSION", version));
    };
    for version in ["1.0.0-1", "1.1.0-1"] {
        build(&stage, version, 100);
        plan(version);
        let dist = format!("dist/{version}");
        let mut args = publish_args(&dist);
        args[6] = "packages-{account}-{region}";
        assert_eq!(outcomes(&stage.run(&args).ended_with(0)), ["published"; 12]);
        stage.run(&["package", "verify", "--plan", "plan.yaml"]).ended_with(0);
        stage.run(&APPLY).ended_with(0);
        assert!(stage.nodes().iter().all(|node| node.version.as_deref() == Some(version)));
    }
    assert!(stage.sim.calls("ModifyDocumentPermission").is_empty(), "nothing is shared");
    let versions = ["package", "versions", "--plan", "plan.yaml", "--output", "json"];
    let versions = stage.run(&versions).ended_with(0).json();
    let rows = versions["versions"].as_array().expect("a list").iter();
    assert_eq!(
        rows.filter(|row| row["version"] == "1.1.0-1" && row["default"] == true).count(),
        12,
        "{versions}"
    );
    stage.run(&["rollback", "tool", "--reason", "second thoughts"]);
    stage.run(&APPLY).ended_with(5);
    assert!(stage.nodes().iter().all(|node| node.version.as_deref() == Some("1.0.0-1")));
}

#[test]
fn what_a_stopped_rollout_left_behind_is_not_pruned() {
    let breaks = "published: [{ package: tool, version: 1.1.0-1, behaviour: [{ install: fail, exit_code: 3 }] }, { package: tool }]";
    let stage = Stage::new(&WORLD.replace("published: [{ package: tool }]", breaks), SPEED);
    for version in ["1.0.0-1", "1.1.0-1", "1.2.0-1"] {
        build(&stage, version, 10);
        stage.write("plan.yaml", &PLAN.replace("VERSION", version));
        publish(&stage, version).ended_with(0);
        if version == "1.0.0-1" {
            // Somebody else's doing: the state that prune looks at does not know of it.
            stage.run(&[&["--state", "sqlite:elsewhere.db"][..], &APPLY].concat()).ended_with(0);
        }
        if version == "1.1.0-1" {
            let plan = PLAN.replace("VERSION", version) + "  rollback: { on_fail: abort }\n";
            stage.write("plan.yaml", &plan);
            let aborted = stage.run(&APPLY);
            assert_ne!(aborted.code, 0, "{}", aborted.stderr);
        }
    }
    stage.run(&["package", "set-default", "1.2.0-1", "--plan", "plan.yaml", "--yes"]).ended_with(0);
    let prune = ["package", "prune", "--keep", "0", "--plan", "plan.yaml", "--yes"];
    stage.run(&prune).ended_with(0);
    let versions = stage.run(&["package", "versions", "--plan", "plan.yaml"]).ended_with(0);
    let versions = versions.says("1.0.0-1");
    assert!(!versions.stdout.contains("1.1.0-1"), "nobody needs it: {}", versions.stdout);
}

#[test]
fn what_a_finished_rollout_would_give_back_is_not_pruned() {
    let stage = stage();
    for version in ["1.0.0-1", "1.1.0-1", "1.2.0-1"] {
        build(&stage, version, 10);
        publish(&stage, version).ended_with(0);
        stage.write("plan.yaml", &PLAN.replace("VERSION", version));
        if version != "1.2.0-1" {
            stage.run(&APPLY).ended_with(0);
        }
    }
    stage.run(&["package", "set-default", "1.2.0-1", "--plan", "plan.yaml", "--yes"]).ended_with(0);
    let prune = ["package", "prune", "--keep", "0", "--plan", "plan.yaml", "--yes"];
    let blind = [&["--state", "sqlite:elsewhere.db"][..], &prune].concat();
    stage.run(&blind).ended_with(7).says("nobody knows which versions nodes have");
    stage.run(&prune).ended_with(0).says("nothing to delete");
    stage.run(&["rollback", "tool", "--reason", "second thoughts"]);
    stage.write("plan.yaml", &PLAN.replace("VERSION", "1.1.0-1"));
    stage.run(&APPLY).ended_with(5);
    assert!(stage.nodes().iter().all(|node| node.version.as_deref() == Some("1.0.0-1")));
}

#[test]
fn what_would_stop_half_of_the_regions_stops_all_of_them() {
    let stage = stage();
    let one = ["package", "publish", "dist/1.0.0-1", "--plan", "plan.yaml", "--bucket", "packages-eu-west-1"];
    stage.run(&one).ended_with(2).says("write `{region}` in its name");
    assert_eq!(made(&stage), 0);
}

#[test]
fn what_lint_refuses_is_published_only_by_whoever_says_so() {
    let stage = stage();
    stage.write("linux/uninstall.sh", "rm -rf /opt/tool-1.0.0\n");
    stage.write("linux/tool.yaml", "api_key: 0123456789abcdef0123456789abcdef\n");
    let accept =
        "  accept: [{ code: L0305, reason: tests }, { code: L0501, file: linux/tool.yaml, reason: tests }]\n";
    stage.write("package.yaml", &(RECIPE.replace("VERSION", "1.0.0-1") + accept));
    stage.run(&["package", "build", ".", "--out", "dist/1.0.0-1"]).ended_with(0);
    publish(&stage, "1.0.0-1")
        .ended_with(3)
        .says("--accept L0305 --accept L0501=tool-linux.zip/tool.yaml publishes it");
    assert!(stage.sim.calls("CreateDocument").is_empty());
    let mut accepted = publish_args("dist/1.0.0-1");
    accepted.extend(["--accept", "l0305", "--accept"]);
    let and = |secret| [&accepted[..], &[secret]].concat();
    stage.run(&and("L0501")).ended_with(2).says("a secret is accepted in one file");
    stage.run(&and("L0501=install.sh")).ended_with(3).says("lint found L0501; nothing was published");
    assert!(stage.sim.calls("CreateDocument").is_empty());
    stage.run(&and("L0501=tool.yaml")).ended_with(0);
}

#[test]
fn a_region_that_does_not_answer_hides_no_other() {
    let stage = stage();
    publish(&stage, "1.0.0-1").ended_with(0);
    stage.sim.post(
        "faults",
        &serde_json::json!({ "add": [{ "regions": ["eu-north-1"], "unreachable": "refused" }] }),
    );
    let shown = stage.run(&["package", "versions", "--plan", "plan.yaml", "--output", "json"]).ended_with(9);
    let versions = shown.json()["versions"].as_array().expect("a list").len();
    assert_eq!(versions, REGIONS.len() - 1, "{}", shown.stdout);
    shown.says("1 of 4 sites did not say what they have");
}
