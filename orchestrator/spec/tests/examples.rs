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
