//! Associations that lie in the fleet's sites already: those that would fight the rollout, and those that it takes over.

use super::refusal;
use std::collections::BTreeSet;
use wavetrain_model::association::{Found, Paused};
use wavetrain_model::fleet::{PackageView, Snapshot};
use wavetrain_model::id::SiteIndex;
use wavetrain_model::plan::{PlannedNode, Refusal, Stratum};
use wavetrain_model::spec::{Allowed, Rollout};

/// What the plan says about them.
#[derive(Debug, Default)]
pub(super) struct Verdict {
    pub(super) paused: Vec<Paused>,
    pub(super) notes: Vec<String>,
    pub(super) refusals: Vec<Refusal>,
}

/// Judges every association of the package by what it would do to the nodes that take part.
pub(super) fn judge(spec: &Rollout, fleet: &Snapshot, strata: &[Stratum], nodes: &[PlannedNode]) -> Verdict {
    let mut verdict = Verdict::default();
    let mut fighting = Vec::new();
    for (at, view) in fleet.packages.iter().enumerate() {
        let site = SiteIndex(at as u32);
        let ours = ids(strata, nodes, site);
        if ours.is_empty() {
            continue;
        }
        let place = &fleet.sites[at];
        let Some(found) = &view.associations else {
            if spec.allow_associations == Allowed::All {
                verdict.notes.push(format!("{place}: nobody may look for associations there"));
            } else {
                verdict.refusals.push(refusal::associations_unseen(&place.to_string()));
            }
            continue;
        };
        for association in found.iter().filter(|association| reaches(association, &ours)) {
            let told = format!("{place}: {}", sentence(association));
            if is_taken_over(spec, view, association) {
                verdict.notes.push(format!(
                    "{told}; it rests from the start of the first wave on, and `finish` takes it over"
                ));
                let Found { id, definition, .. } = association.clone();
                verdict.paused.push(Paused { site, id, definition });
            } else if association.definition.pins(&spec.package.version) {
                verdict.notes.push(format!(
                    "{told}: the very version of this rollout, before any wave reaches those nodes"
                ));
            } else if spec.allow_associations.has(&association.id) {
                verdict.notes.push(format!("{told}; accepted by `allow_associations`"));
            } else {
                fighting.push(told);
            }
        }
    }
    if !fighting.is_empty() {
        verdict.refusals.push(refusal::associations_fight(&fighting));
    }
    verdict
}

fn ids<'a>(strata: &[Stratum], nodes: &'a [PlannedNode], site: SiteIndex) -> BTreeSet<&'a str> {
    let ours = nodes.iter().filter(|node| node.wave.is_some() && strata[node.stratum.at()].site == site);
    ours.map(|node| node.id.as_str()).collect()
}

fn reaches(association: &Found, ours: &BTreeSet<&str>) -> bool {
    let meant =
        |nodes: &Vec<_>| nodes.iter().any(|node: &wavetrain_model::id::NodeId| ours.contains(node.as_str()));
    association.nodes.as_ref().is_none_or(meant)
}

/// An earlier rollout's `finish` made it: found by the name that this plan's `finish` keeps it under. Names are not unique; of
/// two nobody knows which is meant, and both are in the way.
fn is_taken_over(spec: &Rollout, view: &PackageView, association: &Found) -> bool {
    let Some(keeping) = &spec.finish.association else { return false };
    let same = view.associations.iter().flatten().filter(|found| found.definition.name == keeping.name);
    association.definition.name == keeping.name && same.count() == 1
}

fn sentence(association: &Found) -> String {
    let definition = &association.definition;
    let name = if definition.name.is_empty() { "without a name" } else { definition.name.as_str() };
    let schedule = definition.schedule.as_deref().unwrap_or("once, and on nodes that come later");
    let reach = match &association.nodes {
        None => "every node".to_owned(),
        Some(nodes) => refusal::plural(nodes.len(), "node"),
    };
    format!("association {} ({name}) {} on {reach}, {schedule}", association.id, definition.deed())
}
