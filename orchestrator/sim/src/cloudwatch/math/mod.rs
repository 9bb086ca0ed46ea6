//! Expressions of `GetMetricData`: metric math, and the words that Metrics Insights shares with it.

mod functions;
pub(crate) mod lex;
mod parse;
mod value;

pub(crate) use functions::{Scope, evaluate};
pub(crate) use parse::parse;
pub(crate) use value::{Series, Value};
