//! The adapters below the whole SDK, against a scripted AWS.

mod alarms;
mod commands;
mod failures;
mod fleet;
mod sites;
