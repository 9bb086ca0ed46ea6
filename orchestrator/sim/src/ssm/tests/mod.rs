//! Run Command, nodes and documents as a client sees them.

mod associations;
mod commands;
mod compliance;
mod faults;
mod joined;
mod publishing;
mod reads;
mod real;

use std::collections::BTreeMap;

/// Expected counts of status details.
fn counts(pairs: &[(&str, usize)]) -> BTreeMap<String, usize> {
    pairs.iter().map(|(word, count)| ((*word).to_owned(), *count)).collect()
}
