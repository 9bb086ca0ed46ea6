//! The planner, held to the rules of wave arithmetic as they are promised, not as they are coded.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

mod arithmetic;
mod eligibility;
mod fixture;
mod rendering;
mod restore;
mod shapes;
