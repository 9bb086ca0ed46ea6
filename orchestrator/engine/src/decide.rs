//! Turns something that happened, or was asked, into facts.

use crate::input::{Input, Rejection};
use wavetrain_model::event::Event;
use wavetrain_model::plan::Plan;
use wavetrain_model::state::State;
use wavetrain_model::time::Timestamp;

/// The events that follow from `input`. Call with [`Input::Tick`] until it gives none before asking [`crate::due()`].
pub fn decide(plan: &Plan, state: &State, now: Timestamp, input: &Input) -> Result<Vec<Event>, Rejection> {
    let _ = (plan, state, now, input);
    Ok(Vec::new())
}
