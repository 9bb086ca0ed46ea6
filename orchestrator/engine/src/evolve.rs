//! Folds one fact into the state.

use wavetrain_model::event::Entry;
use wavetrain_model::plan::Plan;
use wavetrain_model::state::State;

/// Folds one fact into the state. Total; used live and in replay; never decides.
pub fn evolve(plan: &Plan, state: &mut State, entry: &Entry) {
    let _ = (plan, state, entry);
}
