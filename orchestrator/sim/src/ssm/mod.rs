//! Systems Manager: Run Command with its state machine, managed nodes, documents, State Manager, compliance.

pub(crate) mod association;
pub mod command;
mod compliance;
mod dispatch;
mod documents;
mod joined;
mod listing;
mod machine;
mod nodes;
mod parameters;
pub(crate) mod publish;
mod send;
mod sharing;
mod sources;

pub(crate) use compliance::PutTypes;
pub use documents::BrokenLink;

#[cfg(test)]
mod tests;
