//! Plan files of ill will, through the real program: one clear error, exit code 3, at once.

use crate::kit::stage::{Ran, at, start};
use std::fmt::Write;
use tempfile::TempDir;

fn validated(contents: &[u8]) -> Ran {
    let dir = TempDir::with_prefix("wavetrain-").expect("a temporary directory");
    std::fs::write(dir.path().join("plan.yaml"), contents).expect("a file");
    start(at(dir.path(), &["validate", "plan.yaml"]), dir.path()).wait()
}

fn assert_refused(what: &str, contents: &[u8]) {
    let ran = validated(contents);
    assert_eq!(ran.code, 3, "{what}: {}", ran.stderr.chars().take(2000).collect::<String>());
    assert!(!ran.stderr.is_empty() && ran.stderr.len() < 100_000, "{what}: {} bytes said", ran.stderr.len());
    assert!(!ran.stderr.contains("panicked"), "{what}: {}", ran.stderr);
}

fn good() -> String {
    crate::kit::worlds::plan("2.0.0-1")
}

#[test]
fn alias_bombs_are_refused() {
    let mut bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..30 {
        let _ = writeln!(bomb, "a{level}: &a{level} [{}]", vec![format!("*a{}", level - 1); 9].join(", "));
    }
    assert_refused("an alias bomb", bomb.as_bytes());
}

#[test]
fn very_long_and_very_deep_files_are_refused() {
    assert_refused("100 MB of one letter", &vec![b'a'; 100_000_000]);
    assert_refused("deep lists", "[".repeat(100_000).as_bytes());
    let deep = (0..3000).fold(String::new(), |mut text, level| {
        let _ = writeln!(text, "{}a:", " ".repeat(level));
        text
    });
    assert_refused("deep mappings", deep.as_bytes());
}

#[test]
fn bytes_that_are_no_text_are_refused() {
    assert_refused("NUL bytes", &[0; 1000]);
    assert_refused("not UTF-8", b"apiVersion: \xff\xfe\xfd");
    let utf16: Vec<u8> = good().encode_utf16().flat_map(u16::to_le_bytes).collect();
    assert_refused("UTF-16", &utf16);
    assert_refused("nothing", b"");
}

#[test]
fn impossible_plans_are_refused_with_all_their_problems() {
    let percent = good().replace("percent: 75", "percent: 101");
    assert_refused("more than all", percent.as_bytes());
    let cycle = good().replace("tag: { rollout: canary }", "tag: { rollout: canary }, after: [all]");
    assert_refused("a cycle", cycle.as_bytes());
    let region = good().replace("us-east-1", "us-esat-1");
    assert!(
        validated(region.as_bytes()).ended_with(3).stderr.contains("us-east-1"),
        "the nearest Region is named"
    );
    let role = good().replace("arn:aws:iam:", "arn:aws:s3:");
    assert_refused("a bad ARN", role.as_bytes());
    let both = percent.replace("us-east-1", "us-esat-1");
    validated(both.as_bytes()).ended_with(3).says("101").says("us-esat-1");
}

#[test]
fn the_example_itself_is_accepted() {
    validated(good().as_bytes()).ended_with(0);
}
