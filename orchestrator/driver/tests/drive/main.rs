//! A driver against a small pretended AWS, on a clock that jumps ahead whenever everybody waits.

mod associations_of_aws;
mod aws;
mod counting;
mod course;
mod fixture;
mod full;
mod lease;
mod manager;
mod sending;
mod stopping;
