//! The shell around the rules: it takes a rollout up, carries out what is due, and brings back what happened.
//!
//! For: the command line (and later a server), which starts one [`Driver`] per rollout.
//! Must not know: what any event means for a rollout; that is the engine's. AWS, HTTP and SQL: only their traits.
//! It never decides and never judges: every choice it makes itself is about manners (rates, pauses, places) or
//! about durability (nothing is handed to AWS before it is committed).
//!
//! Start at [`Driver::run`], then `circle`: decide → commit → carry out → wait, round and round. The rest are its
//! parts: `batch` (what one commit holds), `perform` (calls), `call` and [`bucket`] (rates), `watch` (polling),
//! `adopt` (finding commands again), `lease`, [`log`] (bytes ↔ plan, state, events), [`progress`] and
//! [`telemetry`] (what people see), [`metrics`] (what is scraped). [`survey`] comes before all of it: the fleet before there is a plan.

mod adopt;
mod batch;
pub mod bucket;
mod call;
mod circle;
mod compliance;
pub mod crash;
mod driver;
mod errand;
mod error;
mod fit;
mod follow;
mod lease;
pub mod log;
mod measure;
pub mod metrics;
mod perform;
pub mod progress;
mod publish;
mod quiescent;
mod shape;
pub mod survey;
pub mod telemetry;
mod watch;

pub use driver::{Driver, Finished, OnEntry, OnHold, Options, Reason, Start, View};
pub use error::Error;
pub use metrics::Metrics;
pub use progress::Progress;
pub use quiescent::is_quiescent;
