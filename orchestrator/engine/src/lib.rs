//! The rules: what a rollout decides. Pure.
//!
//! For: the driver, which calls three functions in a circle, and everything that explains or rehearses a rollout.
//! Must not know: clocks, randomness, AWS, storage, tokio. Time comes in as an argument, everything else as [`input::Input`].
//! Start at [`planner`] (fleet → plan), then [`decide`] (something happened → events), [`evolve`] (event → state) and
//! [`due`] (state → what should be in flight). [`question`] is what people are asked. [`replay`] judges a log with other gates. [`statistics`] stands beside them and knows nothing of rollouts.

pub mod decide;
pub mod due;
pub mod errands;
pub mod evolve;
pub(crate) mod gate;
pub mod guardrail;
pub mod input;
pub mod people;
pub mod planner;
pub mod probe;
pub mod question;
pub mod replay;
pub mod statistics;
pub mod waiting;

pub use decide::decide;
pub use due::due;
pub use evolve::evolve;
