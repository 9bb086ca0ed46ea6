//! A simulated AWS, as far as rolling out Distributor packages needs one: accounts and Regions, managed nodes with
//! the SSM agent's package logic on them, Run Command, associations, compliance, documents, roles, metrics and alarms.
//!
//! Two halves. The **world** ([`world`], [`agent`], [`ssm`]) is pure: seeded, on virtual time, no I/O, no clock, no
//! threads. The **doors** let callers in: in memory as the program's own ports ([`ports`]), or over HTTP in AWS's own
//! wire formats ([`door`], [`serve`]).
//!
//! The world must not know who calls it or why: it knows nothing of plans, waves or rollouts. What a client believes
//! about a node is compared with what is true there through the world's own record ([`world::World`]).
//!
//! Start at [`agent::run`] for what happens on one node, at [`world`] for everything around it.

pub mod agent;
pub mod api;
pub mod clock;
pub mod cloudwatch;
pub mod content;
pub mod door;
pub mod fault;
pub mod fleet;
pub mod joining;
pub mod organization;
pub mod package;
mod page;
pub mod ports;
pub mod random;
pub mod record;
pub mod s3;
pub mod serve;
pub mod ssm;
pub mod sts;
pub mod world;
pub mod world_file;
pub mod zip;

#[cfg(test)]
mod trial;
