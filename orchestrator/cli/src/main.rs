//! wavetrain rolls Systems Manager Distributor packages out to fleets of nodes, wave after wave.
//!
//! This binary is the only place that knows every part: it reads the command line, connects the pure engine with a
//! store, a clock and AWS (real or simulated), and says what happened in words, JSON and exit codes.
//! Start at [`commands`]; [`exit::Exit`] lists what the process can end with.

mod args;
mod callback_listen;
mod clock;
mod commands;
mod console;
mod demo;
mod exit;
mod http;
mod metrics_listen;
mod print;
mod progress;
mod scripts;
mod visible;

use args::{Cli, Command};
use clap::Parser;
use console::Console;
use exit::{Exit, Stop};
use std::io::Write;
use std::process::ExitCode;
use tracing_subscriber::EnvFilter;

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(problem) => return usage(&problem),
    };
    let console = Console::detect(cli.global.color);
    let ended = log_to_stderr(&cli.global.log, console).and_then(|()| run(cli, console));
    let exit = ended.unwrap_or_else(|stop| {
        console.stop(&stop);
        stop.exit
    });
    ExitCode::from(exit.code())
}

/// clap's own words: help and version are answers, everything else is wrong usage.
fn usage(problem: &clap::Error) -> ExitCode {
    if problem.use_stderr() {
        // A closed standard error changes nothing about what was typed.
        let _ = problem.print();
        return ExitCode::from(Exit::Usage.code());
    }
    match problem.print().and_then(|()| std::io::stdout().flush()) {
        Ok(()) => ExitCode::from(Exit::Done.code()),
        // A reader that closed the pipe has read enough of the help.
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => ExitCode::from(Exit::Done.code()),
        Err(_) => ExitCode::from(Exit::Unexpected.code()),
    }
}

fn log_to_stderr(filter: &str, console: Console) -> Result<(), Stop> {
    let filter = EnvFilter::builder().parse(filter).map_err(|error| {
        Stop::new(Exit::Usage, format!("--log: {error}"))
            .help("write a level such as info, or wavetrain_driver=debug")
    })?;
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(console.err.0)
        .try_init()
        .map_err(|error| Stop::new(Exit::Unexpected, format!("cannot start logging: {error}")))
}

fn run(cli: Cli, console: Console) -> Result<Exit, Stop> {
    let mut builder = if matches!(cli.command, Command::Sim(_) | Command::Demo(_)) {
        tokio::runtime::Builder::new_multi_thread()
    } else {
        // A rollout waits for AWS, not for a processor: handing tasks from thread to thread costs more than their work.
        tokio::runtime::Builder::new_current_thread()
    };
    let runtime = builder
        .enable_all()
        .build()
        .map_err(|error| Stop::new(Exit::Unexpected, format!("cannot start: {error}")))?;
    let exit = runtime.block_on(commands::run(cli, console));
    // Blocking reads of a terminal must not keep the process alive.
    runtime.shutdown_background();
    exit
}
