//! The metrics that nodes report: worked out from seed, node, moment and what was installed then, whenever somebody
//! asks. Nothing is stored, so a large idle fleet costs nothing.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::series::{MINUTE_MILLIS, MetricId, Observation};
use crate::agent::behaviour::NodeTraits;
use crate::clock::WorldTime;
use crate::fleet::{Node, Reach, Site};
use crate::random::Chance;
use crate::world_file::{MetricFile, MetricKind, Raise, WorldFile};

/// Beyond this mean a Poisson distribution is drawn as a normal one.
const MANY: f64 = 50.0;

/// One metric of the world file with everything that changes it.
#[derive(Debug, Clone)]
pub(crate) struct Emitter {
    pub(crate) file: MetricFile,
    effects: Vec<Effect>,
    /// Packages that any effect depends on.
    products: Vec<Arc<str>>,
    start: WorldTime,
}

#[derive(Debug, Clone)]
struct Effect {
    product: Arc<str>,
    version: Arc<str>,
    raise: Raise,
    index: u64,
}

/// Moments between which observations are wanted, and what is known by when.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Span {
    /// First moment.
    pub(crate) from: WorldTime,
    /// End, exclusive.
    pub(crate) until: WorldTime,
    /// What arrived later is not seen.
    pub(crate) as_of: WorldTime,
}

/// What the level of a node is at a moment.
#[derive(Debug, Clone, Copy)]
struct Level {
    mean: f64,
    deviation: f64,
}

impl Emitter {
    /// The metrics of a world file.
    pub(crate) fn all(file: &WorldFile) -> Vec<Self> {
        file.metrics.iter().map(|metric| Self::of(metric, file)).collect()
    }

    fn of(metric: &MetricFile, world: &WorldFile) -> Self {
        let mut effects = Vec::new();
        let mut products: Vec<Arc<str>> = Vec::new();
        for package in &world.packages {
            let product: Arc<str> = Arc::from(&*package.name);
            for version in &package.versions {
                let raises = version.raises.iter().enumerate();
                for (index, raise) in raises.filter(|(_, raise)| raise.metric == metric.name) {
                    effects.push(Effect {
                        product: Arc::clone(&product),
                        version: Arc::from(&*version.name),
                        raise: raise.clone(),
                        index: index as u64,
                    });
                }
            }
            if effects.iter().any(|effect| effect.product == product) {
                products.push(product);
            }
        }
        for file in &world.published {
            let (product, version): (Arc<str>, _) = (Arc::from(&*file.package), file.version.as_deref());
            let raises = file.raises.iter().enumerate().filter(|(_, raise)| raise.metric == metric.name);
            let before = effects.len();
            effects.extend(raises.map(|(index, raise)| Effect {
                product: Arc::clone(&product),
                version: Arc::from(version.unwrap_or_default()),
                raise: raise.clone(),
                index: index as u64,
            }));
            if effects.len() > before && !products.contains(&product) {
                products.push(product);
            }
        }
        Self { file: metric.clone(), effects, products, start: world.start() }
    }

    /// Whether a node reports this metric at all, whatever is installed.
    pub(crate) fn is_for(&self, node: &Node, site: &Site) -> bool {
        let listed = |list: &[String], value: &String| list.is_empty() || list.contains(value);
        listed(&self.file.nodes, &node.group.name)
            && listed(&self.file.accounts, &site.account)
            && listed(&self.file.regions, &site.region)
    }

    /// The metric that a node's values go to under one list of dimensions; `None` when it lacks one of the tags.
    pub(crate) fn id_of(&self, node: &Node, dimensions: &[String]) -> Option<MetricId> {
        let pairs = dimensions.iter().map(|name| Some((name.clone(), dimension_of(node, name)?)));
        Some(MetricId {
            namespace: self.file.namespace.clone(),
            name: self.file.name.clone(),
            dimensions: pairs.collect::<Option<BTreeMap<_, _>>>()?,
        })
    }

    /// Whether a node reported anything in a span: decided at its beginning and at every change since.
    pub(crate) fn reports_in(&self, node: &Node, from: WorldTime, until: WorldTime) -> bool {
        let bits = node.history.bits.iter().map(|change| change.at);
        let reach = node.reach_changes.iter().map(|(at, _)| *at);
        let changes = bits.chain(reach).filter(|at| (from..until).contains(at));
        std::iter::once(from).chain(changes).any(|at| self.is_reporting(node, at))
    }

    fn is_reporting(&self, node: &Node, at: WorldTime) -> bool {
        let works = |product: &String| {
            let held = node.held_at(product, at);
            held.version.is_some() && !held.debris
        };
        node.reach_at(at) == Reach::Online && self.file.reported_by.as_ref().is_none_or(works)
    }

    /// How many values a node reports in a span, about.
    pub(crate) fn count_in(&self, span: Span) -> u64 {
        span.until.millis_since(span.from).max(0).unsigned_abs() / self.every_millis().unsigned_abs() + 1
    }

    fn every_millis(&self) -> i64 {
        i64::from(self.file.every_seconds) * 1000
    }

    /// What a node reported in a span and what had arrived of it, oldest first.
    pub(crate) fn observations(&self, node: &Node, site: &Site, span: Span) -> Vec<Observation> {
        let traits = node.traits(site);
        let chance = node.chance.named("metric").named(&self.file.namespace).named(&self.file.name);
        let every = self.every_millis();
        // Agents do not all wake at the same moment.
        let phase = chance.named("phase").between(0, every.unsigned_abs() - 1).cast_signed();
        let first = span.from.millis().saturating_sub(phase).div_euclid(every);
        let mut found = Vec::new();
        for number in first.. {
            let at = WorldTime::from_millis(number.saturating_mul(every).saturating_add(phase));
            let kept_at = WorldTime::from_millis(at.millis().div_euclid(MINUTE_MILLIS) * MINUTE_MILLIS);
            if kept_at >= span.until {
                break;
            }
            if kept_at < span.from {
                continue;
            }
            let chance = chance.numbered(number.cast_unsigned());
            if !self.arrived(at, span.as_of, chance) || !self.is_reporting(node, at) {
                continue;
            }
            if let Some(level) = self.level(node, &traits, at) {
                let value = self.value(level, chance);
                let count = if chance.named("twice").hits(self.file.duplicated) { 2.0 } else { 1.0 };
                found.push(Observation::of(kept_at, value, count));
            }
        }
        found
    }

    fn arrived(&self, at: WorldTime, as_of: WorldTime, chance: Chance) -> bool {
        let [low, high] = self.file.late_seconds;
        let late = chance.named("late").between(u64::from(low) * 1000, u64::from(high) * 1000);
        at.after(late) <= as_of && !chance.named("missing").hits(self.file.missing)
    }

    /// The level of a node at a moment; `None` when something silences it.
    fn level(&self, node: &Node, traits: &NodeTraits, at: WorldTime) -> Option<Level> {
        let file = &self.file;
        let own = normal(node.chance.named("level").named(&file.name)) * file.node_spread;
        let mut level = Level { mean: file.level * (1.0 + own), deviation: file.spread };
        let day = at.millis().rem_euclid(86_400_000) as f64 / 86_400_000.0;
        level.mean *= 1.0 + file.daily * (std::f64::consts::TAU * day).sin();
        let age = at.millis_since(self.start);
        for swing in &file.swings {
            let listed = |list: &[String], value: &String| list.is_empty() || list.contains(value);
            let now = age >= swing.from_seconds.saturating_mul(1000)
                && swing.until_seconds.is_none_or(|until| age < until.saturating_mul(1000));
            if !now || !listed(&swing.accounts, &traits.account) || !listed(&swing.regions, &traits.region) {
                continue;
            }
            if swing.silent {
                return None;
            }
            level.mean = level.mean * swing.times + swing.by;
        }
        for product in &self.products {
            let held = node.held_at(product, at);
            let Some(version) = held.version else { continue };
            let of_version = self
                .effects
                .iter()
                .filter(|effect| effect.product == *product && *effect.version == *version);
            for effect in of_version {
                if !effect.works(node, traits, held.since, at) {
                    continue;
                }
                if effect.raise.silent {
                    return None;
                }
                level.mean = level.mean * effect.raise.times + effect.raise.by;
                level.deviation *= effect.raise.spread_times;
            }
        }
        Some(level)
    }

    fn value(&self, level: Level, chance: Chance) -> f64 {
        let value = match self.file.kind {
            MetricKind::Gauge => level.mean + level.deviation * normal(chance.named("value")),
            MetricKind::Count => poisson(level.mean, chance.named("value")),
        };
        self.file.least.map_or(value, |least| value.max(least))
    }
}

impl Effect {
    fn works(&self, node: &Node, traits: &NodeTraits, since: Option<WorldTime>, at: WorldTime) -> bool {
        let begins = since.map(|since| since.plus_seconds(i64::from(self.raise.after_seconds)));
        let ends =
            begins.zip(self.raise.for_seconds).map(|(begins, seconds)| begins.plus_seconds(seconds.into()));
        let chance =
            node.chance.named(&self.product).named(&self.version).named("raises").numbered(self.index);
        // What was there when the world began has been there for long.
        begins.map_or(self.raise.for_seconds.is_none(), |begins| at >= begins)
            && ends.is_none_or(|ends| at < ends)
            && self.raise.when.matches(traits, 1, chance)
    }
}

fn dimension_of(node: &Node, name: &str) -> Option<String> {
    match name {
        "InstanceId" => Some(node.id.to_string()),
        "Group" => Some(node.group.name.clone()),
        "Platform" => Some(node.group.platform.as_str().to_owned()),
        "Architecture" => Some(node.group.architecture.clone()),
        tag => node.tag(tag).map(str::to_owned),
    }
}

/// A number of the standard normal distribution (Box and Muller).
fn normal(chance: Chance) -> f64 {
    // Never zero, so that the logarithm is finite.
    let radius = (-2.0 * (1.0 - chance.named("radius").fraction()).ln()).sqrt();
    radius * (std::f64::consts::TAU * chance.named("angle").fraction()).cos()
}

/// A whole number of the Poisson distribution: by inversion, and rounded from the normal one when it is large.
fn poisson(mean: f64, chance: Chance) -> f64 {
    if mean <= 0.0 {
        return 0.0;
    }
    if mean > MANY {
        return (mean + mean.sqrt() * normal(chance)).round().max(0.0);
    }
    let wanted = chance.fraction();
    let mut probability = (-mean).exp();
    let (mut below, mut value) = (probability, 0.0);
    // The tail beyond this is less likely than a fraction can tell.
    while below <= wanted && value < 500.0 {
        value += 1.0;
        probability *= mean / value;
        below += probability;
    }
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mean_of(draw: impl Fn(Chance) -> f64) -> (f64, f64) {
        let root = Chance::from_seed(5);
        let values: Vec<f64> = (0..20_000).map(|n| draw(root.numbered(n))).collect();
        let mean = values.iter().sum::<f64>() / 20_000.0;
        (mean, values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / 20_000.0)
    }

    #[test]
    fn draws_have_the_mean_and_variance_of_their_distribution() {
        let near = |(mean, variance): (f64, f64), wanted: (f64, f64)| {
            let close = |a: f64, b: f64| (a - b).abs() < 0.05 * b.abs().max(1.0);
            assert!(close(mean, wanted.0) && close(variance, wanted.1), "{mean} {variance}");
        };
        near(mean_of(normal), (0.0, 1.0));
        near(mean_of(|chance| poisson(3.0, chance)), (3.0, 3.0));
        near(mean_of(|chance| poisson(80.0, chance)), (80.0, 80.0));
        assert!(poisson(0.0, Chance::from_seed(1)).abs() < f64::EPSILON);
    }
}
