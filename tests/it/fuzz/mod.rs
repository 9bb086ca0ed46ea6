//! A short fuzz run of everything that reads bytes of strangers: plan files, world files, what AWS clients send, and
//! the records of a state file. Nothing may panic or hang, and what is refused is refused in words.
//!
//! Every case follows from the seed and its number alone. A failure prints the one command that repeats it and leaves
//! the bytes in cargo's temporary directory; put them into `kept/` under a name that begins with the target's, and they
//! are tried first from then on.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a failure must say how it is repeated")]

mod door;
mod log;
mod mutate;
mod plan;
mod world;

use mutate::{Chance, Mutator};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::time::Duration;

/// A bound against hanging, not an expectation.
const PATIENCE: Duration = Duration::from_mins(2);

/// One thing that reads bytes.
struct Target<'t> {
    /// Name of its test, and what the names of its kept files begin with.
    name: &'static str,
    /// Well-formed inputs.
    seeds: Vec<Vec<u8>>,
    /// Words that mean something to it.
    words: &'t [&'t str],
    /// Cases in the test run.
    cases: u64,
}

impl Target<'_> {
    /// Tries the well-formed inputs, the kept files and the cases.
    fn run(&self, mut check: impl FnMut(&[u8])) {
        let (seed, only) = (number("WAVETRAIN_FUZZ_SEED").unwrap_or(1), number("WAVETRAIN_FUZZ_CASE"));
        let cases = number("WAVETRAIN_FUZZ_CASES").unwrap_or(self.cases);
        println!("{}: {cases} cases of seed {seed}", self.name);
        let watched = watch(self.name);
        let mut attempt =
            |input: Vec<u8>, how: String| attempt(self.name, &watched, &mut check, &input, &how);
        if only.is_none() {
            for (at, input) in self.seeds.iter().enumerate() {
                attempt(input.clone(), format!("well-formed input {at}"));
            }
            for file in kept(self.name) {
                attempt(std::fs::read(&file).expect("a kept file"), file.display().to_string());
            }
        }
        for case in only.map_or(0..cases, |only| only..only + 1) {
            let repeat = format!(
                "WAVETRAIN_FUZZ_SEED={seed} WAVETRAIN_FUZZ_CASE={case} cargo test -p wavetrain-tests --test it fuzz::{}",
                self.name
            );
            attempt(self.mutated(seed, case), repeat);
        }
    }

    fn mutated(&self, seed: u64, case: u64) -> Vec<u8> {
        let mutator = Mutator { seeds: &self.seeds, words: self.words };
        mutator.mutated(&mut Chance::new(seed.wrapping_mul(0x1_0000_0001).wrapping_add(case)))
    }
}

fn attempt(name: &str, watched: &Sender<String>, check: &mut impl FnMut(&[u8]), input: &[u8], how: &str) {
    watched.send(how.to_owned()).expect("the watcher waits");
    let outcome = catch_unwind(AssertUnwindSafe(|| check(input)));
    if let Err(panic) = outcome {
        eprintln!("\nto repeat it: {how}\nits bytes: {}", left(name, input).display());
        resume_unwind(panic);
    }
}

/// Ends the process when a case does not end, because nothing else could.
fn watch(name: &'static str) -> Sender<String> {
    let (begun, cases) = mpsc::channel::<String>();
    std::thread::spawn(move || {
        let mut last = String::from("none");
        loop {
            match cases.recv_timeout(PATIENCE) {
                Ok(how) => last = how,
                Err(RecvTimeoutError::Disconnected) => return,
                Err(RecvTimeoutError::Timeout) => {
                    eprintln!("fuzz {name}: this does not end: {last}");
                    std::process::abort();
                }
            }
        }
    });
    begun
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name)
        .ok()
        .map(|text| text.parse().unwrap_or_else(|_| panic!("{name}={text} is not a number")))
}

/// Inputs that once did harm.
fn kept(name: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("it/fuzz/kept");
    let files = std::fs::read_dir(folder).expect("the folder of kept inputs");
    let mut files: Vec<PathBuf> = files.map(|file| file.expect("a file").path()).collect();
    files.retain(|file| file.file_name().is_some_and(|file| file.to_string_lossy().starts_with(name)));
    files.sort();
    files
}

fn left(name: &str, input: &[u8]) -> PathBuf {
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}-{}", std::process::id()));
    std::fs::write(&file, input).expect("the input can be left behind");
    file
}

/// Whether a terminal would act on a character of this text.
fn acts_on_a_terminal(text: &str) -> bool {
    let turns =
        |at: char| matches!(at, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    text.chars().any(|at| turns(at) || (at.is_control() && !matches!(at, '\n' | '\t')))
}
