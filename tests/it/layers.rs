//! The directions of dependency, and who may name which library. The tables here are the law; `ARCHITECTURE.md` explains it.

use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

/// Every allowed edge between crates of the workspace. A crate that is not listed may depend on none.
const EDGES: &[(&str, &[&str])] = &[
    ("model", &[]),
    ("spec", &["model"]),
    ("engine", &["model"]),
    ("ports", &["model"]),
    ("store", &[]),
    ("driver", &["model", "engine", "ports", "store"]),
    ("aws", &["model", "ports"]),
    ("sim", &["model", "ports"]),
    ("signals", &["model", "ports"]),
    ("package", &["model", "spec", "ports"]),
    ("cli", &["model", "spec", "engine", "ports", "store", "driver", "aws", "sim", "signals", "package"]),
    ("tests", &["model", "spec", "engine", "ports", "store", "driver", "sim"]),
];

/// Libraries that enter through their owners only.
const OWNERS: &[(&str, &[&str])] = &[
    ("aws-config", &["aws"]),
    ("aws-sdk-organizations", &["aws"]),
    ("aws-sdk-s3", &["aws"]),
    ("aws-sdk-ssm", &["aws"]),
    ("aws-sdk-sts", &["aws"]),
    ("aws-sdk-cloudwatch", &["aws"]),
    ("rusqlite", &["store"]),
    ("axum", &["sim", "cli"]),
    ("clap", &["cli"]),
    ("miette", &["cli"]),
    ("indicatif", &["cli"]),
    ("petgraph", &["engine", "spec"]),
    ("cel", &["model"]),
    ("zip", &["package"]),
    ("reqwest", &["signals"]),
    ("rustls", &["signals"]),
    ("prometheus", &["driver"]),
    ("tracing-subscriber", &["cli"]),
];

/// Crates without any I/O: none of these libraries, in no kind of dependency that ships.
const PURE: &[&str] = &["model", "spec", "engine", "ports"];
const IMPURE: &[&str] = &["tokio", "axum", "hyper", "reqwest", "rusqlite", "rand", "tracing"];

fn metadata() -> Value {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--no-deps"])
        .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
        .output()
        .expect("cargo runs");
    serde_json::from_slice(&output.stdout).expect("cargo metadata prints JSON")
}

/// Crate (without prefix) → names of its normal and build dependencies.
fn dependencies() -> BTreeMap<String, BTreeSet<String>> {
    let metadata = metadata();
    let packages = metadata["packages"].as_array().expect("packages are listed");
    let short = |name: &Value| name.as_str().expect("a name").trim_start_matches("wavetrain-").to_owned();
    let shipped = |package: &Value| {
        let all = package["dependencies"].as_array().expect("a list").clone();
        all.iter()
            .filter(|dependency| dependency["kind"] != "dev")
            .map(|dependency| short(&dependency["name"]))
            .collect()
    };
    packages.iter().map(|package| (short(&package["name"]), shipped(package))).collect()
}

#[test]
fn crates_depend_only_downwards() {
    let dependencies = dependencies();
    let ours: BTreeSet<&String> = dependencies.keys().collect();
    for (name, needs) in &dependencies {
        let allowed = EDGES.iter().find(|(listed, _)| listed == name).map(|(_, allowed)| *allowed);
        let allowed =
            allowed.unwrap_or_else(|| panic!("wavetrain-{name} has no place in the table of edges"));
        for need in needs.iter().filter(|need| ours.contains(need)) {
            assert!(allowed.contains(&need.as_str()), "wavetrain-{name} must not depend on wavetrain-{need}");
        }
    }
}

#[test]
fn libraries_enter_through_their_owners() {
    for (name, needs) in dependencies() {
        for (library, owners) in OWNERS {
            let is_owner = owners.contains(&name.as_str());
            assert!(is_owner || !needs.contains(*library), "wavetrain-{name} must not name {library}");
        }
    }
}

#[test]
fn pure_crates_have_no_way_out() {
    for (name, needs) in dependencies() {
        if PURE.contains(&name.as_str()) {
            for library in IMPURE {
                assert!(!needs.contains(*library), "wavetrain-{name} must stay free of {library}");
            }
        }
    }
}

/// Bugs on purpose are for the tests of the stories: nothing that ships may ask for them, not even by way of a feature.
#[test]
fn planted_bugs_are_never_shipped() {
    let metadata = metadata();
    for package in metadata["packages"].as_array().expect("packages are listed") {
        let name = &package["name"];
        for dependency in package["dependencies"].as_array().expect("a list") {
            let asks = dependency["features"].to_string().contains("planted-bugs");
            let is_test = name == "wavetrain-tests" && dependency["kind"] == "dev";
            assert!(!asks || is_test, "{name} asks for planted bugs");
        }
        for (feature, enables) in package["features"].as_object().expect("a mapping") {
            assert!(!enables.to_string().contains("planted-bugs"), "{name}/{feature} turns on planted bugs");
        }
    }
}

/// The simulated AWS is one crate with a pure half: everything but the two doors.
#[test]
fn the_world_has_no_clock_no_runtime_and_no_wire() {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../orchestrator/sim/src");
    let doors = ["door", "ports", "serve.rs"];
    let mut folders = vec![std::path::PathBuf::from(root)];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).expect("the folder is there") {
            let path = entry.expect("the folder can be listed").path();
            if doors.iter().any(|door| path.ends_with(format!("sim/src/{door}"))) {
                continue;
            }
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let text = std::fs::read_to_string(&path).expect("sources are text");
            for word in [
                "tokio",
                "axum",
                "SystemTime",
                "Instant::now",
                "crate::door",
                "crate::serve",
                "std::env",
                "std::fs",
            ] {
                assert!(!text.contains(word), "{} names {word}", path.display());
            }
        }
    }
}
