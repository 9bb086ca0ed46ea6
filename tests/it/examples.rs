//! Every example is a valid file, plans on an example world and rolls out there.

use crate::kit::binary::root;
use crate::kit::stage::{Stage, at, start};
use crate::kit::truth::{assert_no_intent_twice, nodes};
use std::path::PathBuf;
use tempfile::TempDir;

const SPEED: u32 = 3000;

fn yaml_files(folder: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(root().join(folder)).expect("a folder of the project");
    let paths = entries.map(|entry| entry.expect("an entry").path());
    let mut files: Vec<PathBuf> =
        paths.filter(|path| path.extension().is_some_and(|it| it == "yaml")).collect();
    files.sort();
    files
}

fn example(name: &str) -> String {
    root().join("examples").join(name).to_str().expect("a path of letters").to_owned()
}

fn world(name: &str) -> String {
    std::fs::read_to_string(root().join("examples/worlds").join(name)).expect("an example world")
}

/// The same world with fewer nodes in each group, for tests that roll out more than once.
fn smaller(world: &str) -> String {
    let divided = |line: &str| match line.split_once("count: ") {
        Some((before, rest)) => {
            let end = rest.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(rest.len());
            let count: u32 = rest[..end].parse().expect("a number");
            format!("{before}count: {}{}", (count / 8).max(4), &rest[end..])
        }
        None => line.to_owned(),
    };
    world.lines().map(divided).collect::<Vec<_>>().join("\n")
}

#[test]
fn every_example_validates() {
    let dir = TempDir::with_prefix("wavetrain-").expect("a temporary directory");
    let files = yaml_files("examples");
    assert!(files.len() >= 5, "{files:?}");
    for file in files {
        let file = file.to_str().expect("a path of letters").to_owned();
        start(at(dir.path(), &["validate", &file]), dir.path()).wait().ended_with(0);
    }
}

#[test]
fn every_example_world_can_be_served() {
    let files = yaml_files("examples/worlds");
    assert!(files.len() >= 3, "{files:?}");
    for file in files {
        let sim = crate::kit::sim::Sim::serve(&file, 1);
        assert!(!nodes(&sim.get("nodes")).is_empty(), "{}", file.display());
    }
}

/// Plans and rolls an example out in a world; approves what waits for it.
fn rolls_out(stage: &Stage, name: &str) {
    let file = example(name);
    stage.run(&["plan", &file, "--detailed-exit"]).ended_with(4);
    let apply = ["apply", &file, "--yes"];
    let mut ran = stage.run(&apply);
    if ran.code == 6 {
        let status = stage.run(&["status", "--output", "json"]).ended_with(0).json();
        let rollout = status["name"].as_str().expect("a name").to_owned();
        stage.run(&["approve", &rollout, "all", "--by", "release-managers"]).ended_with(0);
        ran = stage.run(&apply);
    }
    ran.ended_with(0);
    assert_no_intent_twice(&stage.nodes());
}

#[test]
fn the_smallest_example_rolls_out_in_the_smallest_world() {
    let stage = Stage::new(&world("small.yaml"), SPEED);
    rolls_out(&stage, "minimal.yaml");
    assert!(stage.nodes().iter().all(|node| node.version.as_deref() == Some("7.58.0-1")));
}

#[test]
fn the_examples_of_the_agent_roll_out_in_three_accounts() {
    for name in [
        "datadog-agent.yaml",
        "organization.yaml",
        "two-regions-parallel.yaml",
        "windows-first-canary.yaml",
        "with-packs.yaml",
    ] {
        rolls_out(&Stage::new(&smaller(&world("three-accounts.yaml")), SPEED), name);
    }
}

#[test]
fn the_examples_of_the_bridge_roll_out_in_three_accounts() {
    for name in ["in-place.yaml", "probe-and-uninstall.yaml"] {
        rolls_out(&Stage::new(&smaller(&world("three-accounts.yaml")), SPEED), name);
    }
}

#[test]
fn the_world_and_plan_that_init_writes_fit_each_other() {
    let stage = Stage::new(&world("small.yaml"), SPEED);
    stage.run(&["sim", "init", "mine"]).ended_with(0);
    let own = Stage::new(&std::fs::read_to_string(stage.file("mine/world.yaml")).expect("a file"), SPEED);
    let plan = stage.file("mine/plan.yaml");
    own.run(&["apply", plan.to_str().expect("a path of letters"), "--yes"]).ended_with(0);
    stage.run(&["sim", "init", "mine"]).ended_with(7);
}
