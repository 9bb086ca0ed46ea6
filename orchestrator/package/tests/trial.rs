//! The example package in the sandbox: what goes well, and that a broken one is caught.

#![allow(clippy::unwrap_used, clippy::print_stderr)] // a test may panic, and says what it skips

use std::path::Path;
use wavetrain_package::{folder, trial};

#[test]
fn the_example_is_installed_upgraded_rolled_back_and_uninstalled() {
    if let Some(reason) = trial::missing() {
        eprintln!("skipped: there is no sandbox here: {reason}");
        return;
    }
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/datadog-agent");
    let (package, earlier) =
        (folder::open(&example).unwrap(), folder::open(&example.join("earlier")).unwrap());
    let trials = trial::run("datadog-agent", &package, Some(&earlier), 60).unwrap();
    for step in trials.iter().flat_map(|trial| &trial.steps) {
        assert_eq!(step.problem, None, "{step:#?}");
    }
    assert!(trials[0].steps.len() >= 10, "{trials:#?}");
    assert!(trials[0].left.is_empty(), "{:?}", trials[0].left);
    assert!(!Path::new("/opt/datadog-agent").exists(), "the machine is not touched");
}
