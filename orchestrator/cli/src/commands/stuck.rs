//! `explain gate`, `explain wave`, `explain stuck`: the one thing that is waited for.

use super::approve::gate_of;
use super::context::Context;
use super::find::{self, Unsaid};
use super::look;
use super::order::wave_of;
use crate::args::{Asked, Format};
use crate::exit::{Exit, Stop};
use crate::print::{JSON_VERSION, words};
use serde_json::json;
use std::fmt::Write;
use wavetrain_driver::log::Record;
use wavetrain_driver::progress::phase_word;
use wavetrain_engine::waiting::{self, Waiting};
use wavetrain_model::time::Timestamp;

/// What is asked about.
#[derive(Debug)]
pub enum Part {
    /// A gate, by its name.
    Gate(String),
    /// A wave, by its name.
    Wave(String),
    /// The whole rollout.
    All,
}

/// Says it.
pub async fn explain(context: &Context, part: Part, asked: &Asked) -> Result<Exit, Stop> {
    let found = look::the_rollout(context, asked.rollout.as_deref(), Unsaid::ActiveOrNewest).await?;
    let Some((store, rollout)) = found else { return look::nothing(context, asked.output) };
    let Record { plan, state, .. } = look::load(store.as_ref(), &rollout).await?;
    let now = context.now_to_look().await;
    let runner = find::runner(store.as_ref(), &rollout, now).await?;
    let (about, waiting) = match &part {
        Part::Gate(name) => {
            let gate = gate_of(&plan, name)?;
            (format!("gate {name}"), waiting::of_gate(&plan, &state, now, gate))
        }
        Part::Wave(name) => {
            let wave = wave_of(&plan, name)?;
            (format!("wave {name}"), waiting::of_wave(&plan, &state, now, wave))
        }
        Part::All => (plan.spec.name.clone(), waiting::of_rollout(&plan, &state, now, runner.is_some())),
    };
    match asked.output {
        Format::Json => context.console.json(&json!({
            "version": JSON_VERSION,
            "id": rollout.id,
            "name": rollout.summary.name,
            "phase": phase_word(&state),
            "about": about,
            "run_by": runner,
            "waits_for": document(&waiting),
        }))?,
        Format::Text => {
            let mut shown = format!("{about}: {}", text(&waiting, now));
            if !state.is_over() && !matches!(part, Part::All) && runner.is_none() {
                shown.push_str("  nobody runs it now: the same `wavetrain apply` goes on\n");
            }
            context.console.data(&shown)?;
        }
    }
    Ok(Exit::Done)
}

/// For people; ends in a line break.
pub fn text(waiting: &Waiting, now: Timestamp) -> String {
    let mut text = format!("{}\n", waiting.sentence);
    for sentence in &waiting.evidence {
        let _ = writeln!(text, "  {sentence}");
    }
    if let (Some(deadline), Some(then)) = (waiting.deadline, &waiting.then) {
        let left = if deadline > now {
            format!("in {}", words::short(deadline.since(now)))
        } else {
            "due".to_owned()
        };
        let _ = writeln!(text, "  at {deadline} ({left}): {then}");
    }
    if let Some(step) = &waiting.next_step {
        let _ = writeln!(text, "  next step: {step}");
    }
    text
}

/// For scripts.
pub fn document(waiting: &Waiting) -> serde_json::Value {
    json!({
        "kind": waiting.what,
        "sentence": waiting.sentence,
        "evidence": waiting.evidence,
        "deadline": waiting.deadline.map(|at| at.to_string()),
        "then": waiting.then,
        "next_step": waiting.next_step,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::print::status::tests::plan;
    use wavetrain_model::state::{State, WavePhase};

    #[test]
    fn one_thing_is_named_with_what_happens_at_its_deadline() {
        let plan = plan();
        let mut state = State::new(&plan);
        state.waves[0].phase = WavePhase::Open { since: Timestamp(0) };
        let shown = text(&waiting::of_rollout(&plan, &state, Timestamp(60_000), true), Timestamp(60_000));
        assert!(shown.starts_with("its nodes begin as the limits leave room for them\n"), "{shown}");
        assert!(shown.contains("at 1970-01-01T06:00:00Z (in 5h 59m): nodes that have not begun"), "{shown}");
        let nobody = waiting::of_rollout(&plan, &state, Timestamp(60_000), false);
        assert_eq!(document(&nobody)["kind"], "process");
    }
}
