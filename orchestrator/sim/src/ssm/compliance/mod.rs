//! Compliance: items that scanners, associations and callers report about nodes, and summaries of them.

mod filter;
mod items;
mod listing;
mod put;

pub(crate) use put::PutTypes;
