//! `status`, `list`, `explain rollout`: looking only, beside a process that runs.

use super::context::Context;
use super::find::{self, Unsaid};
use crate::args::Format;
use crate::exit::{Exit, Stop, chain};
use crate::print::status::View;
use crate::print::{listing, status, summary, words};
use std::fmt::Write;
use wavetrain_driver::log::Record;
use wavetrain_driver::progress::headline;
use wavetrain_model::state::Phase;
use wavetrain_store::{Rollout, Store};

/// `wavetrain status`.
pub async fn status(context: &Context, said: Option<&str>, output: Format) -> Result<Exit, Stop> {
    let Some((store, rollout)) = the_rollout(context, said, Unsaid::ActiveOrNewest).await? else {
        return nothing(context, output);
    };
    let record = load(store.as_ref(), &rollout).await?;
    let now = context.now_to_look().await;
    let runner = find::runner(store.as_ref(), &rollout, now).await?;
    let view =
        View { id: &rollout.id, plan: &record.plan, state: &record.state, now, runner: runner.as_deref() };
    match output {
        Format::Json => {
            let exit = Exit::of_phase(&record.state.phase);
            context.console.json(&summary::final_document(view, exit))?;
        }
        Format::Text => context.console.data(&status::text(view, context.console.out))?,
    }
    Ok(Exit::Done)
}

/// `wavetrain explain rollout`: what it waits for.
pub async fn waits_for(context: &Context, said: Option<&str>) -> Result<Exit, Stop> {
    let Some((store, rollout)) = the_rollout(context, said, Unsaid::ActiveOrNewest).await? else {
        return nothing(context, Format::Text);
    };
    let Record { plan, state, .. } = load(store.as_ref(), &rollout).await?;
    let now = context.now_to_look().await;
    let runner = find::runner(store.as_ref(), &rollout, now).await?;
    let mut text = format!("{}: {}\n", rollout.summary.name, headline(&plan, &state));
    for hold in &state.holds {
        text.push_str(&words::hold_lines(&plan, hold, now));
    }
    if let Phase::Ended(_) = state.phase {
        if let Some(next) = summary::next_step(&plan, &state) {
            let _ = writeln!(text, "next: {next}");
        }
        context.console.data(&text)?;
        return Ok(Exit::Done);
    }
    if runner.is_none() {
        text.push_str("nobody runs it now: the same `wavetrain apply` goes on\n");
    }
    let waiting = wavetrain_engine::waiting::of_rollout(&plan, &state, now, runner.is_some());
    if state.holds.is_empty() {
        let _ = write!(text, "waits for: {}", super::stuck::text(&waiting, now));
    }
    text.push_str(&super::waiting::sentences(&plan, &state, now));
    context.console.data(&text)?;
    Ok(Exit::Done)
}

/// `wavetrain list`.
pub async fn list(context: &Context, output: Format) -> Result<Exit, Stop> {
    let rollouts = match context.store_to_look_at()? {
        Some(store) => store.list().await?,
        None => Vec::new(),
    };
    match output {
        Format::Json => context.console.json(&listing::rollouts_document(&rollouts))?,
        Format::Text if rollouts.is_empty() => {
            context.console.note(&format!("no rollouts in {}", context.place()?));
        }
        Format::Text => context.console.data(&listing::rollouts(&rollouts))?,
    }
    Ok(Exit::Done)
}

/// The state and the rollout meant. None: there is none, or no state yet.
pub async fn the_rollout(
    context: &Context,
    said: Option<&str>,
    unsaid: Unsaid,
) -> Result<Option<(std::sync::Arc<dyn Store>, Rollout)>, Stop> {
    let Some(store) = context.store_to_look_at()? else {
        return match said {
            Some(said) => Err(Stop::new(
                Exit::Refused,
                format!("there is no rollout called `{said}`: there is no state at {} yet", context.place()?),
            )
            .help("name another state with --state or WAVETRAIN_STATE")),
            None => Ok(None),
        };
    };
    Ok(find::rollout(store.as_ref(), said, unsaid).await?.map(|rollout| (store, rollout)))
}

/// Reads a rollout's plan and state.
pub async fn load(store: &dyn Store, rollout: &Rollout) -> Result<Record, Stop> {
    wavetrain_driver::log::load(store, &find::id_of(rollout)).await.map_err(|error| driver_stop(&error))
}

/// What a driver's error ends the process with.
pub fn driver_stop(error: &wavetrain_driver::Error) -> Stop {
    use wavetrain_driver::Error;
    let exit = match error {
        Error::LeaseHeld { .. } | Error::LeaseLost(_) => Exit::Refused,
        Error::Store(inner) => Stop::from(inner.clone()).exit,
        Error::LeaseNotRenewed(_) | Error::Log { .. } => Exit::LostContact,
        Error::Bug(_) => Exit::Unexpected,
    };
    let stop = Stop::new(exit, chain(error));
    match error {
        Error::LeaseHeld { .. } => stop.help(
            "`wavetrain watch` follows it; orders such as `wavetrain pause` reach it from any terminal",
        ),
        _ => stop,
    }
}

/// There is no rollout yet.
pub fn nothing(context: &Context, output: Format) -> Result<Exit, Stop> {
    match output {
        Format::Json => context.console.json(
            &serde_json::json!({ "version": crate::print::JSON_VERSION, "phase": null, "waves": [] }),
        )?,
        Format::Text => context.console.note(&format!("no rollouts in {}", context.place()?)),
    }
    Ok(Exit::Done)
}
