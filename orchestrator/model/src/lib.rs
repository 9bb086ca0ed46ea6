//! The nouns of wavetrain: ids, sites, nodes, plan files once checked, plans, events, intents, verdicts, holds.
//!
//! For: every other crate; two crates that exchange something do so in these types.
//! Must not know: YAML, AWS, HTTP, SQL, clocks, randomness. Behaviour here is validation and display only.
//! Start at [`plan::Plan`], then [`event::Event`]: together they are the whole vocabulary of a rollout.

pub mod agent;
pub mod approval;
pub mod association;
pub mod diagnostic;
pub mod event;
pub mod expression;
pub mod fleet;
pub mod gate;
pub mod guardrail;
pub mod hold;
pub mod id;
pub mod intent;
pub mod limit;
pub mod outcome;
pub mod plan;
pub mod planted;
pub mod quantity;
pub mod recipe;
pub mod spec;
pub mod state;
pub mod time;
