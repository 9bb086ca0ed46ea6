//! `demo`: real rollouts through the real AWS SDK on a simulated AWS in this process, checked against its truth.
//!
//! Nothing of the machine's AWS settings is used, and nothing is left behind.

mod act;
mod checks;
mod report;
mod stage;
mod truth;

use crate::args::{Demo, Format, Scenario};
use crate::commands::context::Context;
use crate::console::Tone;
use crate::exit::{Exit, Stop};
use act::{Act, Played};
use std::time::Instant;

/// `wavetrain demo`.
pub async fn run(context: &Context, args: &Demo) -> Result<Exit, Stop> {
    let began = Instant::now();
    let mut played = Vec::new();
    for act in acts(args.scenario) {
        context.console.note(&format!(
            "\n{}\n{}",
            context.console.err.tone(Tone::Strong, act.title),
            act.story
        ));
        let outcome = Box::pin(act::play(context, act, args.nodes)).await?;
        if args.output == Format::Text {
            context.console.data(&report::text(&outcome, context.console.out))?;
        }
        played.push(outcome);
    }
    let passed = played.iter().all(Played::passed);
    let seconds = began.elapsed().as_secs_f64();
    match args.output {
        Format::Json => context.console.json(&report::document(&played, args.nodes, seconds))?,
        Format::Text => context.console.data(&report::end(&played, seconds, context.console.out))?,
    }
    Ok(if passed { Exit::Done } else { Exit::Unexpected })
}

fn acts(scenario: Scenario) -> Vec<Act> {
    match scenario {
        Scenario::Both => vec![Act::GOOD, Act::BAD_WINDOWS],
        Scenario::Good => vec![Act::GOOD],
        Scenario::BadWindows => vec![Act::BAD_WINDOWS],
        Scenario::LyingAgent => vec![Act::LYING_AGENT],
        Scenario::Outage => vec![Act::OUTAGE],
    }
}
