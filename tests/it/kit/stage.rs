//! A world, a directory with a plan file and a state, and a person with a terminal.

use super::sim::Sim;
use super::truth::{Log, Node, Planned, nodes};
use super::{binary, until};
use serde_json::Value;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use tempfile::TempDir;

/// Everything around one test.
#[derive(Debug)]
pub struct Stage {
    /// The simulated AWS.
    pub sim: Sim,
    dir: TempDir,
}

/// A command that ended.
#[derive(Debug)]
pub struct Ran {
    /// Exit code; -1 when a signal ended it.
    pub code: i32,
    /// Data.
    pub stdout: String,
    /// Everything else.
    pub stderr: String,
}

impl Ran {
    /// The same, if it ended with this code.
    ///
    /// # Panics
    /// With all that was said, if not.
    pub fn ended_with(self, code: i32) -> Self {
        assert_eq!(self.code, code, "stdout:\n{}\nstderr:\n{}", self.stdout, self.stderr);
        self
    }

    /// Standard output as one JSON document.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.stdout)
            .unwrap_or_else(|error| panic!("{error}: {}{}", self.stdout, self.stderr))
    }

    /// The same, if one of the outputs has this text.
    ///
    /// # Panics
    /// With all that was said, if not.
    pub fn says(self, text: &str) -> Self {
        let there = self.stdout.contains(text) || self.stderr.contains(text);
        assert!(there, "`{text}` is missing in\nstdout:\n{}\nstderr:\n{}", self.stdout, self.stderr);
        self
    }
}

/// A command that runs. Killed when dropped.
#[derive(Debug)]
pub struct Running {
    child: Child,
    stdout: PathBuf,
    stderr: PathBuf,
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Running {
    /// Waits for its end.
    pub fn wait(mut self) -> Ran {
        let status = until("the command ends", || self.child.try_wait().expect("it is ours"));
        Ran {
            code: status.code().unwrap_or(-1),
            stdout: std::fs::read_to_string(&self.stdout).expect("its output is text"),
            stderr: self.stderr_so_far(),
        }
    }

    /// What it said to people so far.
    pub fn stderr_so_far(&self) -> String {
        std::fs::read_to_string(&self.stderr).expect("its output is text")
    }

    /// Whether it ended by itself.
    pub fn has_ended(&mut self) -> bool {
        self.child.try_wait().expect("it is ours").is_some()
    }

    /// SIGKILL: it cannot say another word.
    pub fn kill(mut self) {
        self.child.kill().expect("it is ours");
        self.child.wait().expect("it is ours");
    }

    /// Sends it `INT` or `TERM`.
    pub fn signal(&self, name: &str) {
        let order = format!("kill -{name} {}", self.child.id());
        assert!(Command::new("sh").args(["-c", &order]).status().expect("sh runs").success());
    }
}

impl Stage {
    /// Serves a world.
    pub fn new(world: &str, speed: u32) -> Self {
        let dir = TempDir::with_prefix("wavetrain-").expect("a temporary directory");
        let file = dir.path().join("world.yaml");
        std::fs::write(&file, world).expect("a file");
        Self { sim: Sim::serve(&file, speed), dir }
    }

    /// A file of this test.
    pub fn file(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Writes a file of this test.
    pub fn write(&self, name: &str, text: &str) {
        std::fs::write(self.file(name), text).expect("a file");
    }

    /// The program in a clean environment, with the hub's credentials.
    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = at(self.dir.path(), args);
        command
            .env("AWS_ENDPOINT_URL", &self.sim.endpoint)
            .env("AWS_ACCESS_KEY_ID", "hub")
            .env("AWS_SECRET_ACCESS_KEY", "hub")
            .env("WAVETRAIN_SIM_CLOCK", "auto");
        command
    }

    /// Starts a command.
    pub fn start(&self, args: &[&str]) -> Running {
        start(self.command(args), self.dir.path())
    }

    /// Runs a command to its end.
    pub fn run(&self, args: &[&str]) -> Ran {
        self.start(args).wait()
    }

    /// Runs `apply` on `plan.yaml`.
    pub fn apply(&self) -> Ran {
        self.run(&APPLY)
    }

    /// Every node as it really is.
    pub fn nodes(&self) -> Vec<Node> {
        nodes(&self.sim.get("nodes"))
    }

    /// The events of the newest rollout of a name.
    pub fn log(&self, name: &str) -> Log {
        Log::of(&self.run(&["watch", name, "--all", "--output", "json"]).stdout)
    }

    /// The plan that `plan.yaml` would have now.
    pub fn planned(&self) -> Planned {
        Planned::of(&self.run(&["plan", "plan.yaml", "--output", "json"]).ended_with(0).json())
    }
}

/// What most tests run.
pub const APPLY: [&str; 4] = ["apply", "plan.yaml", "--yes", "--output=json"];

/// The program in a directory, in an environment without anybody's settings.
pub fn at(dir: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(binary::path());
    command
        .args(args)
        .current_dir(dir)
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("HOME", dir)
        .env("USER", "tester")
        .env("AWS_REGION", "us-east-1")
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .env("WAVETRAIN_STATE", dir.join("state.db"));
    command
}

/// Starts a command with its outputs in files of a directory: a pipe that nobody reads would stop it.
pub fn start(mut command: Command, dir: &Path) -> Running {
    let output = || {
        tempfile::Builder::new().prefix("output-").tempfile_in(dir).expect("a file").keep().expect("a file")
    };
    let ((stdout, stdout_path), (stderr, stderr_path)): ((File, PathBuf), (File, PathBuf)) =
        (output(), output());
    let child =
        command.stdin(Stdio::null()).stdout(stdout).stderr(stderr).spawn().expect("the program starts");
    Running { child, stdout: stdout_path, stderr: stderr_path }
}
