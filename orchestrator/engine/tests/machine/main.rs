//! The machine against a small cloud written for these tests: no AWS wire, no agent model, only what a command's rows can say.

mod cloud;
mod evidence;
mod gates;
mod guardrails;
mod guards;
mod kinds;
mod nodes;
mod odd;
mod people;
mod prefixes;
mod recovery;
mod replay;
mod rollback;
mod rollout;
mod seeds;
mod waiting;
