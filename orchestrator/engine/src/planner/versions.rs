//! The interned VersionNames of a plan.

use std::collections::BTreeMap;
use wavetrain_model::id::VersionIndex;
use wavetrain_model::plan::Plan;

/// Grows while the plan is made; asked in a fixed order, so equal inputs number versions alike.
#[derive(Debug)]
pub(super) struct Versions<'a> {
    names: Vec<&'a str>,
    index: BTreeMap<&'a str, VersionIndex>,
}

impl<'a> Versions<'a> {
    /// With the target at [`Plan::TARGET`].
    pub(super) fn new(target: &'a str) -> Self {
        Self { names: vec![target], index: BTreeMap::from([(target, Plan::TARGET)]) }
    }

    /// The index of a version, new or known.
    pub(super) fn intern(&mut self, name: &'a str) -> VersionIndex {
        *self.index.entry(name).or_insert_with(|| {
            self.names.push(name);
            // `len()` is checked against the index type before the plan is used.
            VersionIndex((self.names.len() - 1) as u16)
        })
    }

    pub(super) fn len(&self) -> usize {
        self.names.len()
    }

    pub(super) fn into_names(self) -> Vec<String> {
        self.names.into_iter().map(str::to_owned).collect()
    }
}
