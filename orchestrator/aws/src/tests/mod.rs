//! The adapters below the whole SDK, against a scripted AWS.

mod alarms;
mod associations;
mod commands;
mod compliance;
mod failures;
mod fleet;
mod organization;
mod sites;
