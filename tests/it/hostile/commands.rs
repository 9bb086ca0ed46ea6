//! Command lines, environments and streams.

use super::{assert_told, run_in};
use crate::kit::binary;
use crate::kit::stage::{Ran, at};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Stdio};
use tempfile::TempDir;

fn dir() -> TempDir {
    let dir = TempDir::with_prefix("wavetrain-").expect("a temporary directory");
    std::fs::write(dir.path().join("plan.yaml"), crate::kit::worlds::plan("2.0.0-1")).expect("a file");
    std::fs::write(dir.path().join("bad.yaml"), "a: 1\n").expect("a file");
    std::fs::write(dir.path().join("world.yaml"), crate::kit::worlds::fleet("", "")).expect("a file");
    dir
}

#[test]
fn wrong_usage_is_told_with_code_two() {
    let dir = dir();
    let lines = [
        "",
        "--nope",
        "validate",
        "validate a b",
        "validate plan.yaml --output xml",
        "plan plan.yaml --output",
        "apply",
        "apply plan.yaml --on-hold never",
        "apply plan.yaml --metrics-listen nope",
        "apply plan.yaml --metrics-listen 127.0.0.1:99999",
        "apply plan.yaml --metrics-listen 127.0.0.1:-1",
        "status --state sqlite:",
        "status --state postgres://me:hunter2@db/x",
        "status --log ][",
        "status --color blue",
        "pause",
        "approve a",
        "abort",
        "rollback",
        "explain",
        "explain code E9999",
        "explain node x --plan p --rollout q",
        "quarantine add a",
        "quarantine add a 1 --reason r",
        "sim serve",
        "sim serve --world world.yaml --speed -1",
        "sim serve --world world.yaml --speed nan",
        "sim serve --world world.yaml --speed inf",
        "sim serve --world world.yaml --speed 1e9",
        "sim serve --world world.yaml --listen 0.0.0.0:0",
        "sim serve --world world.yaml --listen nope",
        "demo --nodes 0",
        "demo --nodes -5",
        "demo --nodes 99999999999",
        "demo --scenario none",
        "completions nope",
        "status --state status --state x",
        "validate --yes plan.yaml",
    ];
    for line in lines {
        let words: Vec<&str> = line.split_whitespace().collect();
        let ran = run_in(dir.path(), &words);
        assert_told(line, &ran, 2);
        assert!(!ran.stderr.contains("hunter2"), "{}", ran.stderr);
    }
    let files: Vec<_> = std::fs::read_dir(dir.path())
        .expect("a directory")
        .map(|file| file.expect("a file").file_name())
        .collect();
    assert!(!files.iter().any(|file| file.to_string_lossy().contains(".db")), "{files:?}");
}

#[test]
fn huge_and_strange_words_are_answered() {
    let (dir, huge) = (dir(), "x".repeat(100_000));
    for word in [
        &*huge,
        "\u{1b}[31m",
        "\u{202e}",
        "\u{9b}2J",
        " ",
        "-",
        "../../..",
        "%s%n",
        "'; DROP TABLE rollouts; --",
        "\u{1f4a3}",
    ] {
        assert_told("a file", &run_in(dir.path(), &["validate", word]), 3);
        assert_told("a rollout", &run_in(dir.path(), &["status", "--", word]), 7);
        assert_told("a code", &run_in(dir.path(), &["explain", "code", "--", word]), 2);
        assert_told(
            "a package",
            &run_in(dir.path(), &["quarantine", "add", "--reason", "r", "--", word, "1"]),
            2,
        );
    }
    assert_told(
        "a state",
        &run_in(
            dir.path(),
            &["quarantine", "add", "111122223333/agent", "1", "--reason", "r", "--state", &huge],
        ),
        9,
    );
}

#[cfg(unix)]
#[test]
fn words_that_are_no_text_are_answered() {
    use std::os::unix::ffi::OsStrExt;
    let (dir, bad) = (dir(), std::ffi::OsStr::from_bytes(b"\xff\xfe"));
    for (words, code) in
        [(vec!["validate"], 3), (vec![], 2), (vec!["status", "--state"], 2), (vec!["status"], 2)]
    {
        let output = at(dir.path(), &words).arg(bad).output().expect("it runs");
        assert_eq!(
            output.status.code(),
            Some(code),
            "{words:?}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
    }
}

#[test]
fn an_address_that_is_taken_is_named_before_anything_is_done() {
    let (dir, taken) = (dir(), TcpListener::bind("127.0.0.1:0").expect("a port"));
    let address = taken.local_addr().expect("an address").to_string();
    for words in [
        vec!["sim", "serve", "--world", "world.yaml", "--listen", &address],
        vec!["apply", "plan.yaml", "--yes", "--metrics-listen", &address],
    ] {
        let ran = run_in(dir.path(), &words);
        assert!([1, 2].contains(&ran.code), "{ran:?}");
        assert!(ran.stderr.contains(&address) && !ran.stderr.contains("panicked"), "{}", ran.stderr);
    }
}

#[test]
fn odd_surroundings_change_nothing() {
    let dir = dir();
    for (name, value) in [
        ("TERM", "dumb"),
        ("TERM", ""),
        ("COLUMNS", "1"),
        ("COLUMNS", "0"),
        ("COLUMNS", "-7"),
        ("COLUMNS", "99999999999999999999"),
        ("LANG", "C"),
        ("NO_COLOR", "1"),
        ("HOME", ""),
        ("USER", "\u{1b}[31m"),
        ("TZ", "Nowhere/Atall"),
        ("PATH", ""),
    ] {
        for (words, code) in [(&["--help"][..], 0), (&["validate", "bad.yaml"], 3), (&["list"], 0)] {
            let output = at(dir.path(), words).env(name, value).output().expect("it runs");
            let said = String::from_utf8_lossy(&output.stderr);
            assert_eq!(output.status.code(), Some(code), "{name}={value} {words:?}: {said}");
            assert!(!super::acts_on_a_terminal(&said), "{said:?}");
        }
    }
}

/// Runs a line of the shell, in which `"$0"` is the program.
fn shell(dir: &Path, line: &str) -> Ran {
    let program = at(dir, &[]);
    let mut command = Command::new("sh");
    command.args(["-c", line]).arg(binary::path()).current_dir(dir).env_clear().stdin(Stdio::null());
    command.envs(program.get_envs().filter_map(|(name, value)| value.map(|value| (name, value))));
    let output = command.output().expect("sh runs");
    Ran {
        code: output.status.code().unwrap_or(-1),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

const SPEAKERS: [(&str, i32); 8] = [
    ("schema", 0),
    ("completions bash", 0),
    ("--help", 0),
    ("--version", 0),
    ("list --output json", 0),
    ("explain code E0107", 0),
    ("quarantine list --output json", 0),
    ("validate bad.yaml --output json", 3),
];

#[cfg(target_os = "linux")]
#[test]
fn an_output_that_takes_nothing_is_an_error() {
    let dir = dir();
    for (words, _) in SPEAKERS {
        let ran = shell(dir.path(), &format!("\"$0\" {words} >/dev/full"));
        assert_eq!(ran.code, 1, "{words}: {}", ran.stderr);
        assert!(!ran.stderr.contains("panicked"), "{words}: {}", ran.stderr);
    }
}

/// Whoever reads half of it has read enough, and how the command ends is not changed by that.
#[test]
fn a_reader_that_went_away_changes_no_exit_code() {
    let dir = dir();
    for (words, code) in SPEAKERS {
        let (reader, writer) = std::io::pipe().expect("a pipe");
        drop(reader);
        let words: Vec<&str> = words.split(' ').collect();
        let output = at(dir.path(), &words).stdout(writer).output().expect("it runs");
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{words:?}: {said}");
        assert!(!said.contains("panicked"), "{words:?}: {said}");
    }
}

#[test]
fn closed_streams_change_no_exit_code() {
    let dir = dir();
    for (words, code) in SPEAKERS {
        let ran = shell(dir.path(), &format!("\"$0\" {words} <&- >&- 2>&-"));
        assert_eq!(ran.code, code, "{words}");
    }
    let ran = shell(dir.path(), "\"$0\" validate bad.yaml 2>/dev/full");
    assert_eq!(ran.code, 3, "{ran:?}");
}
