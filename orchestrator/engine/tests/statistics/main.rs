//! The statistics: exact tests against plain enumeration, symmetries, and the false alarms of sequential tests.
#![allow(missing_docs, clippy::unwrap_used, clippy::cast_sign_loss)]

mod exact;
mod sequential;
mod sizes;
