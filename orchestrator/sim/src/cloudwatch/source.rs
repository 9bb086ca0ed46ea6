//! Where queries get their observations from: what nodes reported and what callers put.

use std::cell::Cell;
use std::collections::BTreeSet;

use super::emit::{Emitter, Span};
use super::series::{MetricId, Observation};
use crate::api::ApiError;
use crate::clock::WorldTime;
use crate::fleet::{Node, Site};
use crate::world::{SiteIndex, World};

/// Values worked out for one call: beyond this a caller would wait too long for the simulation.
const MOST_VALUES: u64 = 20_000_000;
/// The metrics of one site as they look at a moment.
pub(crate) struct Source<'w> {
    world: &'w World,
    site: SiteIndex,
    /// What arrived later is not seen.
    pub(crate) as_of: WorldTime,
    /// What arrives, arrives so much later.
    lag_seconds: i64,
    left: Cell<u64>,
}

impl<'w> Source<'w> {
    pub(crate) fn new(world: &'w World, site: SiteIndex, as_of: WorldTime, lag_seconds: i64) -> Self {
        Self {
            world,
            site,
            as_of,
            lag_seconds: lag_seconds.clamp(0, 10 * 86_400),
            left: Cell::new(MOST_VALUES),
        }
    }

    /// The account and Region.
    pub(crate) fn site(&self) -> &'w Site {
        &self.world.fleet.sites[self.site as usize]
    }

    /// What is known of a metric between two moments.
    pub(crate) fn observations(
        &self,
        id: &MetricId,
        (from, until): (WorldTime, WorldTime),
    ) -> Result<Vec<Observation>, ApiError> {
        let span = Span { from, until, as_of: self.as_of.plus_seconds(-self.lag_seconds) };
        let mut found = self.world.stored_metrics[self.site as usize].observations(id, span);
        for emitter in &self.world.emitters {
            for node in self.reporters(emitter, id) {
                self.spend(emitter.count_in(span))?;
                found.extend(emitter.observations(node, self.site(), span));
            }
        }
        Ok(found)
    }

    /// Metrics that listings know, with data since a moment.
    pub(crate) fn listed(&self, since: WorldTime, meant: &dyn Fn(&MetricId) -> bool) -> Vec<MetricId> {
        self.world.listed_metrics(self.site, since, self.as_of, meant)
    }

    fn spend(&self, values: u64) -> Result<(), ApiError> {
        let left = self.left.get().checked_sub(values).ok_or_else(|| {
            ApiError::validation_error(format!(
                "The query asks for more than the {MOST_VALUES} values that the simulation works out in one call."
            ))
        })?;
        self.left.set(left);
        Ok(())
    }

    /// The nodes whose values make up a metric.
    fn reporters(&self, emitter: &'w Emitter, id: &MetricId) -> Vec<&'w Node> {
        if emitter.file.name != id.name || emitter.file.namespace != id.namespace {
            return Vec::new();
        }
        let same = |list: &&Vec<String>| {
            let names: BTreeSet<&String> = list.iter().collect();
            names.iter().copied().eq(id.dimensions.keys())
        };
        let Some(list) = emitter.file.dimensions.iter().find(same) else { return Vec::new() };
        let meant = |node: &&'w Node| {
            emitter.is_for(node, self.site()) && emitter.id_of(node, list).is_some_and(|own| own == *id)
        };
        // One node is found by its id, whatever the size of the fleet.
        if let Some(instance) = id.dimensions.get("InstanceId") {
            let node = self.world.node(instance).filter(|node| node.site == self.site);
            return node.into_iter().filter(meant).collect();
        }
        self.nodes().filter(meant).collect()
    }

    fn nodes(&self) -> impl Iterator<Item = &'w Node> {
        let world = self.world;
        self.site().nodes.iter().map(move |index| &world.fleet.nodes[*index as usize])
    }
}

impl World {
    /// Metrics of a site that had data since a moment and that listings know by now, each once, in order.
    pub(crate) fn listed_metrics(
        &self,
        site: SiteIndex,
        since: WorldTime,
        now: WorldTime,
        meant: &dyn Fn(&MetricId) -> bool,
    ) -> Vec<MetricId> {
        let lag = self.timing.metric_listing_lag_seconds;
        let stored = self.stored_metrics[site as usize].listed(since, i64::from(lag), now);
        let mut found: BTreeSet<MetricId> = stored.filter(|id| meant(id)).cloned().collect();
        let source = Source::new(self, site, now, 0);
        for emitter in &self.emitters {
            for node in source.nodes().filter(|node| emitter.is_for(node, source.site())) {
                let ids = emitter.file.dimensions.iter().filter_map(|list| emitter.id_of(node, list));
                let news: Vec<MetricId> = ids.filter(|id| meant(id) && !found.contains(id)).collect();
                if !news.is_empty() && emitter.reports_in(node, since, now) {
                    found.extend(news);
                }
            }
        }
        found.into_iter().collect()
    }
}
