//! State files that are none, are damaged, or cannot be reached.

use super::{acts_on_a_terminal, assert_told, run_in};
use crate::kit::stage::{Ran, Stage};
use crate::kit::worlds::{GOOD, one_site, one_site_plan};
use std::path::Path;
use tempfile::TempDir;

const PAGE: usize = 4096;

/// Everything that a state tells about its newest rollout, event by event.
const WATCH: [&str; 6] = ["watch", "agent", "--all", "--output=json", "--state", "damaged.db"];

/// The state of a small rollout that ended well.
fn ended() -> Vec<u8> {
    let stage = Stage::new(&one_site(4, "{ 1.0.0-1: 1 }", "", ""), 2000);
    stage.write("plan.yaml", &one_site_plan(GOOD, "", ""));
    stage.apply().ended_with(0);
    std::fs::read(stage.file("state.db")).expect("a state")
}

fn watched(dir: &Path, state: &[u8]) -> Ran {
    std::fs::write(dir.join("damaged.db"), state).expect("a file");
    run_in(dir, &WATCH)
}

/// SQLite has no checksums, but a page that is not what it was at all is noticed when it is read, and one that is not
/// read cannot mislead.
#[test]
fn a_page_that_is_lost_is_reported_or_not_missed() {
    let (dir, good) = (TempDir::with_prefix("wavetrain-").expect("a directory"), ended());
    let whole = watched(dir.path(), &good).ended_with(0).stdout;
    assert!(whole.lines().count() > 20, "{whole}");
    let damages: [fn(&mut [u8]); 3] =
        [|page| page.fill(0), |page| page.fill(0xA5), |page| page[..64].fill(0x5A)];
    let mut reported = 0;
    for page in 0..good.len() / PAGE {
        for (at, damage) in damages.iter().enumerate() {
            let mut state = good.clone();
            damage(&mut state[page * PAGE..(page + 1) * PAGE]);
            let ran = watched(dir.path(), &state);
            let what = format!("page {page}, damage {at}");
            if ran.code == 0 {
                assert_eq!(ran.stdout, whole, "{what}");
                continue;
            }
            assert_told(&what, &ran, 9);
            assert!(whole.starts_with(&ran.stdout), "{what}: {}", ran.stdout);
            reported += 1;
        }
    }
    assert!(reported >= 6, "only {reported} damages were noticed");
}

/// A bit that turns inside a record may make another well-formed record; nothing about it may end the program.
#[test]
fn turned_bits_never_end_the_program() {
    let (dir, good) = (TempDir::with_prefix("wavetrain-").expect("a directory"), ended());
    // Spread over the file by a step that is no multiple of anything in it.
    for at in (0..good.len()).step_by((good.len() / 150) | 1) {
        let mut state = good.clone();
        state[at] ^= 1 << (at % 8);
        std::fs::write(dir.path().join("damaged.db"), state).expect("a file");
        // Not `watch`: it rightly waits for an end that a turned bit has taken away.
        let ran = run_in(dir.path(), &["status", "agent", "--output=json", "--state", "damaged.db"]);
        assert!([0, 7, 9].contains(&ran.code), "byte {at}: {ran:?}");
        assert!(
            !ran.stderr.contains("panicked") && !acts_on_a_terminal(&ran.stderr),
            "byte {at}: {}",
            ran.stderr
        );
    }
}

#[test]
fn a_state_that_is_cut_off_is_refused() {
    let (dir, good) = (TempDir::with_prefix("wavetrain-").expect("a directory"), ended());
    for length in [1, 15, 16, 99, 100, 511, 512, PAGE - 1, PAGE, 2 * PAGE, good.len() - PAGE, good.len() - 1]
    {
        assert_told(&format!("{length} bytes"), &watched(dir.path(), &good[..length]), 9);
    }
}

#[cfg(unix)]
#[test]
fn what_is_no_state_is_named_and_left_alone() {
    let dir = TempDir::with_prefix("wavetrain-").expect("a directory");
    let path = |name: &str| dir.path().join(name);
    std::fs::write(path("plan.yaml"), crate::kit::worlds::plan(GOOD)).expect("a file");
    std::fs::write(path("text.db"), "this is no database\n".repeat(1000)).expect("a file");
    std::fs::create_dir(path("directory")).expect("a directory");
    std::os::unix::fs::symlink("loop", path("loop")).expect("a link");
    assert!(std::process::Command::new("mkfifo").arg(path("pipe")).status().expect("mkfifo runs").success());
    for state in
        ["text.db", "directory", "loop", "pipe", "/dev/null", "/dev/zero", "/dev/full", "nowhere/state.db"]
    {
        let words: [&[&str]; 2] =
            [&["quarantine", "list"], &["quarantine", "add", "111122223333/agent", "1", "--reason", "r"]];
        for words in words {
            let words: Vec<&str> = words.iter().copied().chain(["--state", state]).collect();
            let ran = run_in(dir.path(), &words);
            // To look at a state that is not there yet is no mistake.
            if ran.code != 0 || words[1] == "add" {
                assert_told(state, &ran, if ran.code == 2 { 2 } else { 9 });
            }
        }
    }
    assert_eq!(
        std::fs::read(path("text.db")).expect("a file"),
        "this is no database\n".repeat(1000).as_bytes()
    );
}
