//! Files, command lines and states of ill will, through the real program: one clear error with the right exit code, at
//! once, in bounded memory, and nothing lost.

mod commands;
mod files;
mod space;
mod state;

use crate::kit::binary;
use crate::kit::stage::{Ran, at, start};
use std::path::Path;
use std::process::Command;

/// What the program may allocate, in kibibytes: stacks of its threads and all. Files of any size cost no more.
const MEMORY_KIB: u32 = 192 * 1024;

/// Runs the program in a directory under a limit of memory: what needs more is killed and fails the test.
fn run_in(dir: &Path, args: &[&str]) -> Ran {
    let program = at(dir, args);
    let mut limited = Command::new("sh");
    let limit = format!("ulimit -d {MEMORY_KIB}; exec \"$0\" \"$@\"");
    limited.args(["-c", &limit]).arg(binary::path()).args(args).current_dir(dir).env_clear();
    limited.envs(program.get_envs().filter_map(|(name, value)| value.map(|value| (name, value))));
    // Two threads on any machine, so that the limit means the same everywhere.
    limited.env("TOKIO_WORKER_THREADS", "2");
    start(limited, dir).wait()
}

/// Whether a terminal would act on a character of this text.
fn acts_on_a_terminal(text: &str) -> bool {
    let turns =
        |at: char| matches!(at, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    text.chars().any(|at| turns(at) || (at.is_control() && !matches!(at, '\n' | '\t')))
}

/// Ended with this code, with something said, in few words that a terminal can show, and without a panic.
#[track_caller]
fn assert_told(what: &str, ran: &Ran, code: i32) {
    let start: String = ran.stderr.chars().take(2000).collect();
    assert_eq!(ran.code, code, "{what}: {start}");
    assert!(!ran.stderr.trim().is_empty(), "{what}: nothing is said");
    assert!(ran.stderr.len() < 50_000, "{what}: {} bytes said", ran.stderr.len());
    assert!(!ran.stderr.contains("panicked"), "{what}: {start}");
    assert!(!acts_on_a_terminal(&ran.stderr), "{what}: {:?}", ran.stderr);
}
