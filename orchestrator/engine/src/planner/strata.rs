//! Strata, and the rank of each node in its own.

use super::questions::Questions;
use super::survey::Eligible;
use sha2::{Digest, Sha256};
use wavetrain_model::fleet::{Architecture, Platform, Site, Snapshot, TagAnswers};
use wavetrain_model::id::{SiteIndex, StratumIndex};
use wavetrain_model::plan::{PlannedNode, Restore, Stratum};
use wavetrain_model::spec::Rollout;

/// Eligible nodes by stratum and rank, not yet in waves. All but `strata` are parallel.
#[derive(Debug)]
pub(super) struct Ranked {
    pub(super) strata: Vec<Stratum>,
    pub(super) nodes: Vec<PlannedNode>,
    pub(super) tags: Vec<TagAnswers>,
    /// The beginning of each node's rank hash.
    pub(super) keys: Vec<u64>,
}

/// Sorted by its fields: comparing needs no look at the node itself until two hashes agree.
struct Entry<'a> {
    stratum: (SiteIndex, Platform, Architecture),
    /// First wave whose tag the node carries; the largest number for none.
    canary: u16,
    hash: (u64, u64),
    eligible: Eligible<'a>,
}

const NO_CANARY: u16 = u16::MAX;

/// Sorts once, then numbers.
pub(super) fn rank<'a>(
    spec: &Rollout,
    fleet: &Snapshot,
    questions: &Questions,
    eligible: Vec<Eligible<'a>>,
) -> Ranked {
    let hashers: Vec<Sha256> = fleet.sites.iter().map(|site| site_hasher(&spec.salt, site)).collect();
    let entry = |eligible: Eligible<'a>| {
        let node = eligible.node;
        let canary = questions.first_canary(node.tags).map_or(NO_CANARY, |wave| wave as u16);
        let hash = node_hash(hashers[node.site.at()].clone(), node.id.as_str());
        Entry { stratum: (node.site, node.platform, node.architecture), canary, hash, eligible }
    };
    let mut entries: Vec<Entry<'a>> = eligible.into_iter().map(entry).collect();
    entries.sort_unstable_by(|a, b| {
        (a.stratum, a.canary, a.hash).cmp(&(b.stratum, b.canary, b.hash)).then_with(|| {
            // Half a hash is compared; equal halves of different ids are as good as impossible, and decided all the same.
            a.eligible.node.id.cmp(&b.eligible.node.id)
        })
    });
    number(&entries, questions)
}

fn number(entries: &[Entry<'_>], questions: &Questions) -> Ranked {
    let mut ranked = Ranked {
        strata: Vec::new(),
        nodes: Vec::with_capacity(entries.len()),
        tags: Vec::with_capacity(entries.len()),
        keys: Vec::with_capacity(entries.len()),
    };
    for group in entries.chunk_by(|a, b| a.stratum == b.stratum) {
        let (site, platform, architecture) = group[0].stratum;
        let stratum = StratumIndex(ranked.strata.len() as u32);
        ranked.strata.push(Stratum { site, platform, architecture, size: group.len() as u32 });
        for (rank, entry) in group.iter().enumerate() {
            let Eligible { node, restore } = entry.eligible;
            let canary = entry.canary != NO_CANARY;
            ranked.nodes.push(planned(node, stratum, rank as u32, canary, restore, questions));
            ranked.tags.push(node.tags);
            ranked.keys.push(entry.hash.0);
        }
    }
    ranked
}

fn planned(
    node: &wavetrain_model::fleet::Node,
    stratum: StratumIndex,
    rank: u32,
    canary: bool,
    restore: Restore,
    questions: &Questions,
) -> PlannedNode {
    let domains = questions.domains(node.tags);
    PlannedNode { id: node.id.clone(), stratum, rank, wave: None, canary, restore, domains }
}

/// SHA-256 over salt, account, Region and node id, each behind its length in bytes (8 bytes, big-endian), so that no two
/// different lists of parts give the same bytes.
fn site_hasher(salt: &str, site: &Site) -> Sha256 {
    let mut hasher = Sha256::new();
    for part in [salt, site.account.as_str(), site.region.as_str()] {
        feed(&mut hasher, part);
    }
    hasher
}

fn feed(hasher: &mut Sha256, part: &str) {
    hasher.update((part.len() as u64).to_be_bytes());
    hasher.update(part.as_bytes());
}

fn node_hash(mut hasher: Sha256, id: &str) -> (u64, u64) {
    feed(&mut hasher, id);
    let digest = hasher.finalize();
    let word =
        |from: usize| digest[from..from + 8].iter().fold(0_u64, |word, byte| word << 8 | u64::from(*byte));
    (word(0), word(8))
}
