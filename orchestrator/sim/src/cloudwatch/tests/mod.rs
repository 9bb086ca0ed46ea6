//! CloudWatch through the calls of the world.

mod alarms;
mod evaluation;
mod metrics;
