//! Systems Manager: Run Command with its state machine, managed nodes, documents, State Manager, compliance.

pub(crate) mod association;
pub mod command;
mod compliance;
mod dispatch;
mod documents;
mod listing;
mod machine;
mod nodes;
mod parameters;
mod send;

pub(crate) use compliance::PutTypes;

#[cfg(test)]
mod tests;
