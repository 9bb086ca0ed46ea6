//! One module per command, or per family of commands that share their way.

pub mod apply;
pub mod approve;
pub mod context;
mod desk;
mod files;
mod find;
mod guardrails;
mod look;
mod order;
mod outside;
mod package;
mod plan;
pub mod planning;
mod quarantine;
mod replay;
pub mod sim;
pub mod stuck;
mod waiting;
mod watch;

use crate::args::{Cli, Command, Explain, Target};
use crate::console::Console;
use crate::exit::{Exit, Stop};
use clap::CommandFactory;
use context::Context;
use order::Wish;

/// Carries out the command.
pub async fn run(cli: Cli, console: Console) -> Result<Exit, Stop> {
    let context = &Context { console, global: cli.global };
    match cli.command {
        Command::Validate { file, guardrails, output } => {
            files::validate(context, &file, &guardrails, output).await
        }
        Command::Schema { kind } => files::schema(context, kind),
        Command::Completions { shell } => completions(context, shell),
        Command::Plan { file, guardrails, output, detailed_exit } => {
            plan::plan(context, &file, &guardrails, output, detailed_exit).await
        }
        Command::Apply(args) => apply::apply(context, args).await,
        Command::Status { rollout, output } => look::status(context, rollout.as_deref(), output).await,
        Command::List { output } => look::list(context, output).await,
        Command::Watch { rollout, output, all } => {
            watch::watch(context, rollout.as_deref(), output, all).await
        }
        Command::Replay { rollout, gates, output } => replay::run(context, &rollout, &gates, output).await,
        Command::Explain(explain) => explain_what(context, explain).await,
        Command::Quarantine(command) => quarantine::run(context, command).await,
        Command::Package(command) => package::run(context, command).await,
        Command::Sim(command) => sim::run(context, command).await,
        Command::Demo(args) => Box::pin(crate::demo::run(context, &args)).await,
        Command::Pause { target, emergency, reason } => {
            order::give(context, &target, Wish::Pause { emergency, reason }).await
        }
        Command::Resume { target } => order::give(context, &target, Wish::Resume).await,
        Command::Approve { rollout, wave, gate, by, evidence, reject: _, reason, output } => {
            let target = Target { rollout: Some(rollout), output };
            let say = approve::Say { wave, gate, by, evidence, refusal: reason };
            order::give(context, &target, Wish::Say(say)).await
        }
        Command::Abort { target, yes, reason } => {
            order::give(context, &target, Wish::Abort { reason, yes }).await
        }
        Command::Rollback { target, yes, reason } => {
            order::give(context, &target, Wish::Rollback { reason, yes }).await
        }
        Command::Retry { target, nodes } => order::give(context, &target, Wish::Retry { nodes }).await,
    }
}

async fn explain_what(context: &Context, explain: Explain) -> Result<Exit, Stop> {
    match explain {
        Explain::Node { id, plan, rollout } => {
            plan::explain_node(context, &id, plan.as_deref(), rollout.as_deref()).await
        }
        Explain::Code { code } => files::explain_code(context, &code),
        Explain::Rollout { rollout } => look::waits_for(context, rollout.as_deref()).await,
        Explain::Gate { gate, asked } => stuck::explain(context, stuck::Part::Gate(gate), &asked).await,
        Explain::Wave { wave, asked } => stuck::explain(context, stuck::Part::Wave(wave), &asked).await,
        Explain::Stuck { asked } => stuck::explain(context, stuck::Part::All, &asked).await,
    }
}

fn completions(context: &Context, shell: clap_complete::Shell) -> Result<Exit, Stop> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut crate::args::Cli::command(), "wavetrain", &mut script);
    context.console.data(&String::from_utf8_lossy(&script))?;
    Ok(Exit::Done)
}
