//! What should be in flight right now, from state alone.
//!
//! Level-triggered: it does not know what just happened, so the first look after a crash is the same call as every other.

use std::collections::BTreeMap;
use wavetrain_model::gate::Scope;
use wavetrain_model::id::{GateIndex, IntentId, SiteIndex};
use wavetrain_model::intent::Intent;
use wavetrain_model::plan::Plan;
use wavetrain_model::state::State;
use wavetrain_model::time::Timestamp;

/// What should be in flight, and when to look again.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Due {
    /// New intents, numbered from `state.next_intent`. Record them as [`wavetrain_model::event::Event::Intended`], commit, then perform.
    pub intents: Vec<Intent>,
    /// Open intents that are durable, not with AWS, and may be performed now.
    pub perform: Vec<IntentId>,
    /// Uncertain intents: search the site's commands for their markers, answer with [`crate::input::Input::Looked`].
    pub look_for: Vec<IntentId>,
    /// Commands whose invocations are awaited, per site.
    pub watch: BTreeMap<SiteIndex, Vec<IntentId>>,
    /// Gates to measure now.
    pub measure: Vec<Measurement>,
    /// When the next deadline or measurement falls due, if nothing happens before.
    pub wake_at: Option<Timestamp>,
}

/// One gate to measure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Measurement {
    /// Gate.
    pub gate: GateIndex,
    /// About what.
    pub scope: Scope,
    /// Sites concerned.
    pub sites: Vec<SiteIndex>,
}

/// What should be in flight at `now`.
pub fn due(plan: &Plan, state: &State, now: Timestamp) -> Due {
    let _ = (plan, state, now);
    Due::default()
}
