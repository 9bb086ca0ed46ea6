//! `replay`: recorded measurements, judged by other gates.

use super::context::Context;
use super::find::{self, Unsaid};
use super::{files, look};
use crate::args::Format;
use crate::exit::{Exit, Stop};
use std::fmt::Write;
use std::path::Path;
use wavetrain_engine::replay::{Finding, Moment, Replay, Replayed, replay};
use wavetrain_model::event::Entry;
use wavetrain_model::id::RolloutId;
use wavetrain_store::Store;

/// Events read at a time.
const EVENTS_PER_READ: usize = 1_000;

/// `wavetrain replay`.
pub async fn run(context: &Context, said: &str, file: &Path, output: Format) -> Result<Exit, Stop> {
    let Some((store, rollout)) = look::the_rollout(context, Some(said), Unsaid::ActiveOrNewest).await? else {
        return Err(Stop::new(Exit::Refused, format!("there is no rollout called `{said}`")));
    };
    let record = look::load(store.as_ref(), &rollout).await?;
    let waves: Vec<&str> = record.plan.spec.waves.iter().map(|wave| wave.name.as_str()).collect();
    let gates = files::gates(context, file, &waves)?;
    let entries = entries(store.as_ref(), &find::id_of(&rollout)).await?;
    let replay = replay(&record.plan, &entries, &gates);
    match output {
        Format::Json => context.console.json(&serde_json::json!({
            "version": crate::print::JSON_VERSION,
            "rollout": rollout.id,
            "replay": replay,
        }))?,
        Format::Text => context.console.data(&text(&replay))?,
    }
    Ok(Exit::Done)
}

async fn entries(store: &dyn Store, id: &RolloutId) -> Result<Vec<Entry>, Stop> {
    let (mut all, mut after) = (Vec::new(), 0);
    loop {
        let page = wavetrain_driver::log::events(store, id, after, EVENTS_PER_READ)
            .await
            .map_err(|error| look::driver_stop(&error))?;
        let Some((last, _)) = page.last() else { return Ok(all) };
        after = *last;
        all.extend(page.into_iter().map(|(_, entry)| entry));
    }
}

fn text(replay: &Replay) -> String {
    let mut text = match &replay.stopped {
        Some(moment) => format!("the rollout was stopped {}\n", when(moment)),
        None => "nothing stopped the rollout\n".to_owned(),
    };
    for gate in &replay.gates {
        let _ = writeln!(text, "gate {}: {}", gate.name, finding(replay, gate));
    }
    if replay.gates.iter().any(|gate| gate.finding == Finding::NotRecorded) {
        let recorded = replay.recorded.iter().map(|question| format!("  {question}\n"));
        text.push_str(if replay.recorded.is_empty() {
            "no gate measured anything in this rollout\n"
        } else {
            "recorded are\n"
        });
        text.extend(recorded);
    }
    text
}

fn finding(replay: &Replay, gate: &Replayed) -> String {
    let said = match (gate.finding, &gate.failed) {
        (Finding::NotRecorded, _) => {
            return format!("cannot be judged, no reading of `{}` is recorded", gate.query);
        }
        (Finding::Caught, Some(failed)) => {
            format!("would have caught it {}{}", when(failed), compared(replay, failed))
        }
        (Finding::FalseAlarm, Some(failed)) => format!("false alarm {}", when(failed)),
        (Finding::Undecided, _) => {
            format!(
                "undecided: {} recorded readings are cut, {} alarms, points, nodes or bytes of them were left out",
                gate.cut, gate.left_out
            )
        }
        (Finding::Missed, _) => "would have missed it".to_owned(),
        _ => "quiet, and rightly so".to_owned(),
    };
    let held = gate.held.as_ref();
    let held =
        held.map_or_else(String::new, |held| format!("; it would have held the rollout {}", when(held)));
    format!("{said}{held} ({} measurements)", gate.measurements)
}

fn when(moment: &Moment) -> String {
    let waves = match moment.waves.as_slice() {
        [] => String::new(),
        waves => format!(" in wave {}", waves.join(", ")),
    };
    format!("at {}{waves} with {} nodes touched: {}", moment.at, moment.touched, moment.sentence)
}

fn compared(replay: &Replay, failed: &Moment) -> String {
    match &replay.stopped {
        Some(stopped) if failed.at < stopped.at => {
            let nodes = stopped.touched.saturating_sub(failed.touched);
            format!("; {} earlier than it was, and {nodes} nodes fewer", stopped.at.since(failed.at))
        }
        _ => "; no earlier than it was".to_owned(),
    }
}
