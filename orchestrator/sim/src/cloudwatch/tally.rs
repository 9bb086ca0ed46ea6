//! How many nodes hold which version, kept while it changes.

use std::collections::BTreeMap;
use std::sync::Arc;

/// How many nodes hold which bits, by site, product and version.
#[derive(Debug, Clone, Default)]
pub struct Tally(BTreeMap<(u32, Arc<str>, Arc<str>), u32>);

impl Tally {
    /// One node more or less holds a version.
    pub fn count(&mut self, site: u32, product: &Arc<str>, version: &Arc<str>, more: bool) {
        let count = self.0.entry((site, Arc::clone(product), Arc::clone(version))).or_insert(0);
        *count = if more { *count + 1 } else { count.saturating_sub(1) };
    }

    /// Nodes of a site (of all sites when `None`) that hold a version.
    pub fn nodes(&self, site: Option<u32>, product: &str, version: &str) -> u32 {
        match site {
            Some(site) => self.0.get(&(site, Arc::from(product), Arc::from(version))).copied().unwrap_or(0),
            None => self
                .0
                .iter()
                .filter(|((_, name, label), _)| **name == *product && **label == *version)
                .map(|(_, count)| count)
                .sum(),
        }
    }
}
