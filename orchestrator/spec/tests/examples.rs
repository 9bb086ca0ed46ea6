//! Every example is a valid plan file, without a warning.

#![allow(clippy::unwrap_used, clippy::disallowed_methods)] // a test reads files and may panic

use std::path::{Path, PathBuf};
use wavetrain_spec::{read, render};

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
        let outcome = read(&path.display().to_string(), &bytes);
        assert!(outcome.report.diagnostics.is_empty(), "{}", render(&outcome.report));
        assert!(outcome.rollout.is_some());
    }
}

/// The README's plan file, and the same with the gates that it shows further down.
#[test]
fn what_the_readme_shows_is_valid() {
    let readme = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../README.md");
    let readme = std::fs::read_to_string(readme).unwrap();
    let blocks = readme.split("```yaml\n").skip(1).map(|rest| rest.split("```").next().unwrap());
    let (plans, gates): (Vec<&str>, Vec<&str>) = blocks.partition(|block| block.starts_with("apiVersion"));
    assert_eq!((plans.len(), gates.len()), (1, 2));
    let without = plans[0].split("  gates:").next().unwrap();
    let with = gates.iter().map(|gates| format!("{without}{gates}"));
    for text in with.chain([plans[0].to_owned()]) {
        let outcome = read("README.md", text.as_bytes());
        assert!(outcome.report.diagnostics.is_empty(), "{}", render(&outcome.report));
    }
}
