//! What people and scripts read. Pure: data in, text or JSON out.

pub mod diagnostics;
pub mod event;
pub mod listing;
pub mod status;
pub mod summary;
pub mod table;
pub mod words;

/// Version of every JSON document that this program prints.
pub const JSON_VERSION: u32 = 1;
