//! Every example is a valid plan file, without a warning.

#![allow(clippy::unwrap_used, clippy::disallowed_methods)] // a test reads files and may panic

mod kit;

use kit::Folder;
use std::path::{Path, PathBuf};
use wavetrain_spec::{Outcome, Source, read, read_with, render};

/// Read as a file of the repository, with nothing to complain about in any file.
fn assert_fine(path: &str, bytes: &[u8], enforced: &[Source]) -> Outcome {
    let outcome = read_with(path, bytes, enforced, &Folder(kit::root()));
    let said: String = outcome.reports().map(render).collect();
    assert!(said.is_empty() && outcome.rollout.is_some(), "{path}: {said}");
    outcome
}

fn examples() -> Vec<(PathBuf, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples");
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "yaml"))
        .collect();
    files.sort();
    files
        .into_iter()
        .map(|path| (path.clone(), std::fs::read(path).unwrap()))
        .filter(|(_, bytes)| bytes.windows(9).any(|window| window == b"\nrollout:")) // worlds lie beside them
        .collect()
}

#[test]
fn examples_are_valid_without_warnings() {
    for (path, bytes) in examples() {
        assert_fine(&path.display().to_string(), &bytes, &[]);
    }
}

/// The files of a folder of `policies/`, as paths from the repository's root.
fn policies(folder: &str) -> Vec<String> {
    let entries = std::fs::read_dir(kit::root().join("policies").join(folder)).unwrap();
    let name = |entry: std::io::Result<std::fs::DirEntry>| entry.unwrap().file_name().into_string().unwrap();
    let mut files: Vec<String> = entries.map(|entry| format!("policies/{folder}/{}", name(entry))).collect();
    files.sort();
    files
}

/// A plan that uses these packs, with waves of its own unless one of them has some.
fn using(packs: &[String]) -> String {
    let has_waves = packs.iter().any(|pack| pack.contains("/waves/"));
    let waves =
        if has_waves { "" } else { "  waves: [{ name: all, percent: 100, bake: 10m }]\n  partial: no\n" };
    format!(
        "apiVersion: wavetrain/v1\nrollout:\n  name: agent\n  package: {{ name: agent, owner: '111122223333', version: 1.0-1, \
         probe: {{ linux: agent version, windows: agent version }} }}\n  fleet: {{ accounts: ['111122223333'], \
         regions: [us-east-1] }}\n  use: [{}]\n{}",
        packs.join(", "),
        waves.replace(
            "percent: 100, bake: 10m }",
            "percent: 10, bake: 10m }, { name: rest, percent: 100, bake: 10m }"
        )
    )
}

#[test]
fn every_shipped_pack_can_be_used_and_all_kinds_of_them_together() {
    let kinds = ["waves", "gates", "rollback", "budgets"].map(policies);
    for pack in kinds.iter().flatten() {
        let outcome = assert_fine(pack, using(std::slice::from_ref(pack)).as_bytes(), &[]);
        assert_eq!(&outcome.rollout.unwrap().packs[0].path, pack);
    }
    let together: Vec<String> = kinds.iter().map(|kind| kind[0].clone()).collect();
    assert_fine("together", using(&together).as_bytes(), &[]);
}

#[test]
fn every_shipped_guardrail_can_be_held_against_a_plan() {
    let files = policies("guardrails");
    let source =
        |path: &String| Source { path: path.clone(), bytes: std::fs::read(kit::root().join(path)).unwrap() };
    let enforced: Vec<Source> = files.iter().map(source).collect();
    let packs = [String::from("policies/waves/standard.yaml")];
    let outcome = assert_fine("all guardrails", using(&packs).as_bytes(), &enforced);
    assert!(outcome.guardrails.len() >= files.len());
}

#[test]
fn every_shipped_policy_is_explained_and_listed() {
    let readme = std::fs::read_to_string(kit::root().join("policies/README.md")).unwrap();
    for file in ["waves", "gates", "rollback", "budgets", "guardrails"].map(policies).iter().flatten() {
        let text = std::fs::read_to_string(kit::root().join(file)).unwrap();
        assert!(text.starts_with("# "), "{file} does not say what it is for");
        let listed = file.trim_start_matches("policies/");
        assert!(readme.contains(&format!("| `{listed}` |")), "policies/README.md does not list {listed}");
    }
}

/// The README's plan file, and the same with the gates that it shows further down.
#[test]
fn what_the_readme_shows_is_valid() {
    let readme = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../README.md");
    let readme = std::fs::read_to_string(readme).unwrap();
    let blocks = readme.split("```yaml\n").skip(1).map(|rest| rest.split("```").next().unwrap());
    let (plans, gates): (Vec<&str>, Vec<&str>) = blocks.partition(|block| block.starts_with("apiVersion"));
    assert!(plans.len() == 1 && gates.len() >= 4, "{} and {}", plans.len(), gates.len());
    let without = plans[0].split("  gates:").next().unwrap();
    let with = gates.iter().map(|gates| format!("{without}{gates}"));
    for text in with.chain([plans[0].to_owned()]) {
        let outcome = read("README.md", text.as_bytes());
        assert!(outcome.report.diagnostics.is_empty(), "{}", render(&outcome.report));
    }
}

/// Parts of plan files lie over each other guard by guard, the plan's own on top.
#[test]
fn guards_of_a_pack_hold_until_the_plan_has_its_own() {
    let folder = std::env::temp_dir().join(format!("wavetrain-guards-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let pack = "apiVersion: wavetrain/v1\npolicy:\n  guards: { duration: { enabled: no }, connection: { enabled: no } }\n";
    std::fs::write(folder.join("guards.yaml"), pack).unwrap();
    let names = |own: &str| {
        let text = format!("{}{own}", using(&["guards.yaml".to_owned()]));
        let outcome =
            wavetrain_spec::read_with("plan.yaml", text.as_bytes(), &[], &kit::Folder(folder.clone()));
        let rollout = outcome.rollout.unwrap_or_else(|| panic!("{}", render(&outcome.report)));
        rollout.gates.into_iter().map(|gate| gate.name).collect::<Vec<_>>()
    };
    let (without, with) = (names(""), names("  guards: { connection: { limit: 5% } }\n"));
    std::fs::remove_dir_all(&folder).unwrap();
    assert_eq!(without, ["reporting"]);
    assert_eq!(with, ["connection", "reporting"]);
}
