//! The first command of the README, on a small fleet: every scenario ends well and passes its own checks.

use crate::kit::stage::{at, start};
use std::io::Write as _;
use tempfile::TempDir;

fn demo(scenario: &str, acts: usize) {
    let dir = TempDir::with_prefix("wavetrain-").expect("a temporary directory");
    let args = ["demo", "--output", "json", "--nodes", "150", "--scenario", scenario];
    let report = start(at(dir.path(), &args), dir.path()).wait().ended_with(0).json();
    assert_eq!(report["passed"], true, "{report}");
    let played = report["acts"].as_array().expect("a list");
    assert_eq!(played.len(), acts, "{report}");
    for check in played.iter().flat_map(|act| act["checks"].as_array().expect("a list")) {
        assert_eq!(check["holds"], true, "{check}");
    }
    // Some nodes are more than a model: their scripts were run, and their disks were looked at.
    for act in played {
        if act["scripts"] == "modelled" {
            let _ = writeln!(std::io::stderr(), "skipped: no script was run, there is no sandbox here");
            continue;
        }
        let checks = act["checks"].as_array().expect("a list");
        assert!(checks.iter().any(|check| check["name"] == "disks_agree"), "{act}");
    }
}

#[test]
fn a_good_and_a_bad_version_play_as_promised() {
    demo("both", 2);
}

#[test]
fn a_lying_agent_is_found_out() {
    demo("lying-agent", 1);
}

#[test]
fn an_outage_is_waited_out() {
    demo("outage", 1);
}
