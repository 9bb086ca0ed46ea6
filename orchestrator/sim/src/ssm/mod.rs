//! Systems Manager: Run Command with its state machine, managed nodes, documents.

pub mod command;
mod documents;
mod listing;
mod machine;
mod nodes;
mod parameters;
mod send;

#[cfg(test)]
mod tests;
