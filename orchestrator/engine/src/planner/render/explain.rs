//! The story of one node.

use super::summary::before;
use serde::Serialize;
use std::fmt;
use wavetrain_model::id::{BatchIndex, NodeIndex, SiteIndex};
use wavetrain_model::plan::{Excluded, Plan};

/// Ids listed when a prefix fits many nodes.
const CANDIDATES: usize = 20;

/// What the plan says about a node id or the beginning of one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Explanation {
    /// It takes part.
    Planned(PlannedStory),
    /// It was selected, but takes no part.
    Excluded {
        /// Id.
        id: String,
        /// `account/region`.
        site: String,
        /// The reason's word.
        reason: &'static str,
        /// The reason for people.
        sentence: String,
    },
    /// The text begins several ids, sorted and at most twenty.
    Ambiguous {
        /// `id (account/region)`.
        candidates: Vec<String>,
        /// All that fit.
        total: usize,
    },
}

/// Place of a node in the plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PlannedStory {
    /// Id.
    pub id: String,
    /// `account/region`.
    pub site: String,
    /// `platform architecture`.
    pub platform: String,
    /// Whether it carries the canary tag.
    pub canary: bool,
    /// Whether a canary was topped up with it.
    pub topped_up: bool,
    /// Wave, None where a partial plan leaves the node alone.
    pub wave: Option<String>,
    /// Rank in its stratum, from 1.
    pub rank: u32,
    /// Nodes in its stratum.
    pub stratum_size: u32,
    /// Batch in its wave, from 1.
    pub batch: Option<u32>,
    /// Batches of its wave.
    pub batches: u32,
    /// What it gets back.
    pub restore: String,
    /// How that is known.
    pub source: &'static str,
}

/// Looks a node up by id, or by a beginning of its id that no other node shares. None: the plan does not know it, so it is
/// not managed or was not selected.
pub fn explain_node(plan: &Plan, id: &str) -> Option<Explanation> {
    let planned = plan
        .node_indices()
        .filter(|node| plan.nodes[node.at()].id.as_str().starts_with(id))
        .map(Found::Planned);
    let excluded = plan.excluded.iter().filter(|node| node.id.as_str().starts_with(id)).map(Found::Excluded);
    let mut found: Vec<Found<'_>> = planned.chain(excluded).collect();
    // A whole id counts more than a longer one that it begins.
    if found.iter().any(|one| one.id(plan) == id) {
        found.retain(|one| one.id(plan) == id);
    }
    match found.as_slice() {
        [] => None,
        [Found::Planned(node)] => Some(Explanation::Planned(story(plan, *node))),
        [Found::Excluded(node)] => Some(Explanation::Excluded {
            id: node.id.to_string(),
            site: site(plan, node.site),
            reason: node.reason.word(),
            sentence: node.reason.sentence(),
        }),
        many => {
            let mut candidates: Vec<String> =
                many.iter().map(|one| format!("{} ({})", one.id(plan), site(plan, one.site(plan)))).collect();
            candidates.sort();
            candidates.truncate(CANDIDATES);
            Some(Explanation::Ambiguous { candidates, total: many.len() })
        }
    }
}

enum Found<'a> {
    Planned(NodeIndex),
    Excluded(&'a Excluded),
}

impl Found<'_> {
    fn id<'a>(&'a self, plan: &'a Plan) -> &'a str {
        match self {
            Self::Planned(node) => plan.nodes[node.at()].id.as_str(),
            Self::Excluded(node) => node.id.as_str(),
        }
    }

    fn site(&self, plan: &Plan) -> SiteIndex {
        match self {
            Self::Planned(node) => plan.site_of(*node),
            Self::Excluded(node) => node.site,
        }
    }
}

fn site(plan: &Plan, site: SiteIndex) -> String {
    plan.sites[site.at()].site.to_string()
}

fn story(plan: &Plan, index: NodeIndex) -> PlannedStory {
    let node = &plan.nodes[index.at()];
    let stratum = &plan.strata[node.stratum.at()];
    let wave = node.wave.map(|wave| &plan.waves[wave.at()]);
    let holds = |batch: &usize| plan.batches[*batch].nodes.contains(&index);
    let batch = wave.and_then(|wave| {
        let mut batches = wave.batch_indices().map(BatchIndex::at);
        batches.find(holds).map(|batch| batch as u32 - wave.first_batch.0 + 1)
    });
    PlannedStory {
        id: node.id.to_string(),
        site: site(plan, stratum.site),
        platform: format!("{} {}", stratum.platform, stratum.architecture),
        canary: node.canary,
        topped_up: wave.is_some_and(|wave| wave.topped_up.contains(&index)),
        wave: node.wave.map(|wave| plan.wave_name(wave).to_owned()),
        rank: node.rank + 1,
        stratum_size: stratum.size,
        batch,
        batches: wave.map_or(0, |wave| wave.batches),
        restore: before(plan, node.restore.to).to_owned(),
        source: node.restore.source.word(),
    }
}

impl fmt::Display for Explanation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Planned(story) => write!(formatter, "{story}"),
            Self::Excluded { id, site, sentence, .. } => {
                writeln!(formatter, "{id} in {site} takes no part: {sentence}")
            }
            Self::Ambiguous { candidates, total } => {
                writeln!(formatter, "{total} nodes have an id that begins so:")?;
                for candidate in candidates {
                    writeln!(formatter, "  {candidate}")?;
                }
                match total - candidates.len() {
                    0 => Ok(()),
                    more => writeln!(formatter, "  and {more} more"),
                }
            }
        }
    }
}

impl fmt::Display for PlannedStory {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(formatter, "{} in {}, {}", self.id, self.site, self.platform)?;
        match (&self.wave, self.batch) {
            (Some(wave), Some(batch)) => {
                let why = match (self.canary, self.topped_up) {
                    (true, _) => ", has the canary tag",
                    (_, true) => ", tops the canary up: no tagged node has its platform and architecture",
                    _ => "",
                };
                writeln!(formatter, "  wave: {wave}, batch {batch} of {}{why}", self.batches)?;
            }
            _ => writeln!(formatter, "  wave: none, the plan is partial")?,
        }
        let (rank, size) = (self.rank, self.stratum_size);
        writeln!(formatter, "  rank: {rank} of {size} among its platform and architecture in this site")?;
        writeln!(formatter, "  given back on failure: {} ({})", self.restore, self.source)
    }
}
