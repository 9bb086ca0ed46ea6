//! A driver against a small pretended AWS, on a clock that jumps ahead whenever everybody waits.

mod aws;
mod counting;
mod course;
mod fixture;
mod full;
mod lease;
mod sending;
mod stopping;
