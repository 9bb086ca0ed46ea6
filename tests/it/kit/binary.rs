//! The program under test.

use serde_json::Value;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

static BINARY: OnceLock<PathBuf> = OnceLock::new();
static WITH_CRASH_POINTS: OnceLock<PathBuf> = OnceLock::new();

/// Root of the workspace.
pub fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

/// Where the program is. Built once per test process: cargo offers a test the binaries of its own package only.
pub fn path() -> &'static Path {
    BINARY.get_or_init(|| build("wavetrain", &[]))
}

/// The same program, but `WAVETRAIN_CRASH_AT` can let it die.
pub fn with_crash_points() -> &'static Path {
    WITH_CRASH_POINTS.get_or_init(|| {
        let crashing = build("wavetrain-with-crash-points", &["--features", "crash-points"]);
        // Nobody should find this one where cargo puts the program.
        build("wavetrain", &[]);
        crashing
    })
}

/// Builds the program and gives it a name of its own, under which the next build does not replace it.
fn build(name: &str, features: &[&str]) -> PathBuf {
    let kept = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    // Cargo puts the program at the same place, with or without crash points, whichever test process asks.
    let place = File::create(kept.with_file_name("building")).expect("a file");
    place.lock().expect("a lock");
    let output = Command::new(env!("CARGO"))
        .args([
            "build",
            "--quiet",
            "--package",
            "wavetrain-cli",
            "--bin",
            "wavetrain",
            "--message-format",
            "json",
        ])
        .args(features)
        .current_dir(root())
        .output()
        .expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let messages = String::from_utf8(output.stdout).expect("cargo's messages are text");
    let built = messages
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .filter(|message| message["target"]["name"] == "wavetrain")
        .find_map(|message| message["executable"].as_str().map(PathBuf::from))
        .expect("cargo says where the program is");
    let new = kept.with_extension(std::process::id().to_string());
    // Renaming replaces at once: another test process may be starting the program at this moment.
    std::fs::hard_link(&built, &new)
        .and_then(|()| std::fs::rename(&new, &kept))
        .expect("the program can be named");
    // Renaming to a second name of the same file leaves both.
    let _ = std::fs::remove_file(&new);
    kept
}
