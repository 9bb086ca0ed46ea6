//! A plan for people and programs: tables, JSON, the wave graph, and the story of one node.
//!
//! All from the frozen plan alone, so a stored plan can be shown long after its fleet changed.

mod explain;
mod graph;
mod json;
mod summary;
mod text;

pub use explain::{Explanation, PlannedStory, explain_node};
pub use graph::{dot, mermaid};
pub use json::{VERSION, json};
pub use summary::{RestoreSummary, Summary, WaveSummary};
pub use text::{refusals, text};
