//! `watch`: a rollout's events as lines, until it ends.

use super::context::Context;
use super::find::{self, Unsaid};
use super::look;
use crate::args::Format;
use crate::exit::{Exit, Stop};
use crate::print::event::{self, Weight};
use std::time::Duration;
use wavetrain_model::event::Event;
use wavetrain_model::plan::Plan;
use wavetrain_model::state::Phase;
use wavetrain_store::{Rollout, Store};

/// How often the state is read.
const READ_EVERY: Duration = Duration::from_millis(250);

/// Events read at once.
const EVENTS_PER_READ: usize = 500;

/// What to show.
#[derive(Debug, Clone, Copy)]
pub struct Shown {
    /// Lines for people, or JSON lines.
    pub output: Format,
    /// The lightest events that are shown.
    pub from: Weight,
}

/// `wavetrain watch`.
pub async fn watch(context: &Context, said: Option<&str>, output: Format, all: bool) -> Result<Exit, Stop> {
    let Some((store, rollout)) = look::the_rollout(context, said, Unsaid::Active).await? else {
        context
            .console
            .note(&format!("no rollout is active in {}: there is nothing to watch", context.place()?));
        return Ok(Exit::Done);
    };
    let record = look::load(store.as_ref(), &rollout).await?;
    let shown = Shown { output, from: if all { Weight::Detail } else { Weight::Work } };
    tokio::select! {
        exit = follow(context, store.as_ref(), &rollout, &record.plan, shown) => exit,
        _ = tokio::signal::ctrl_c() => {
            context.console.note("no longer watching; the rollout itself is not touched by this");
            Ok(Exit::Held)
        }
    }
}

async fn follow(
    context: &Context,
    store: &dyn Store,
    rollout: &Rollout,
    plan: &Plan,
    shown: Shown,
) -> Result<Exit, Stop> {
    let id = find::id_of(rollout);
    let mut after = 0;
    loop {
        let entries = wavetrain_driver::log::events(store, &id, after, EVENTS_PER_READ)
            .await
            .map_err(|error| look::driver_stop(&error))?;
        let full = entries.len() == EVENTS_PER_READ;
        let mut ended = None;
        for (seq, entry) in &entries {
            after = *seq;
            if event::weight(&entry.event) >= shown.from {
                match shown.output {
                    Format::Text => context.console.stream(&event::line(plan, entry))?,
                    Format::Json => context.console.json_stream(&event::document(plan, *seq, entry))?,
                }
            }
            match entry.event {
                Event::Ended { ending } => ended = Some(ending),
                // A person may order another try of nodes that a rollback gave up on.
                Event::Retried { .. } => ended = None,
                _ => {}
            }
        }
        if full {
            continue;
        }
        if let Some(ending) = ended {
            return Ok(Exit::of_phase(&Phase::Ended(ending)));
        }
        tokio::time::sleep(READ_EVERY).await;
    }
}
