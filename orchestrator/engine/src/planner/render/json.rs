//! The plan as JSON for programs. Independent of the stored form, so that either can change alone.

use super::summary::{Summary, before};
use serde_json::{Value, json};
use wavetrain_model::id::{BatchIndex, SiteIndex};
use wavetrain_model::plan::Plan;

/// Version of this JSON; grows when a field is removed or changes its meaning.
pub const VERSION: u32 = 1;

/// Everything: summary, then each node and each exclusion.
pub fn json(plan: &Plan) -> Value {
    let package = &plan.spec.package;
    json!({
        "version": VERSION,
        "digest": plan.digest,
        "spec_digest": plan.spec_digest,
        "rollout": plan.spec.name,
        "package": { "name": package.name, "owner": package.owner, "version": package.version },
        "observed_at": plan.observed_at.to_string(),
        "summary": Summary::of(plan),
        "sites": plan.sites.iter().map(|site| json!({
            "account": site.site.account,
            "region": site.site.region,
            "package": site.package,
            "restorable": site.restorable.iter().map(|version| plan.version(*version)).collect::<Vec<_>>(),
        })).collect::<Vec<_>>(),
        "nodes": nodes(plan),
        "excluded": plan.excluded.iter().map(|node| {
            let (account, region) = place(plan, node.site);
            json!({
                "id": node.id,
                "account": account,
                "region": region,
                "reason": node.reason.word(),
                "detail": node.reason.sentence(),
            })
        }).collect::<Vec<_>>(),
    })
}

fn nodes(plan: &Plan) -> Vec<Value> {
    let batches = batch_of_each(plan);
    let node = |(at, node): (usize, &wavetrain_model::plan::PlannedNode)| {
        let stratum = &plan.strata[node.stratum.at()];
        let (account, region) = place(plan, stratum.site);
        json!({
            "id": node.id,
            "account": account,
            "region": region,
            "platform": stratum.platform,
            "architecture": stratum.architecture,
            "wave": node.wave.map(|wave| plan.wave_name(wave)),
            "batch": batches[at],
            "rank": node.rank,
            "canary": node.canary,
            "restore": { "version": before(plan, node.restore.to), "source": node.restore.source.word() },
        })
    };
    plan.nodes.iter().enumerate().map(node).collect()
}

fn place(plan: &Plan, site: SiteIndex) -> (&str, &str) {
    let site = &plan.sites[site.at()].site;
    (site.account.as_str(), site.region.as_str())
}

fn batch_of_each(plan: &Plan) -> Vec<Option<BatchIndex>> {
    let mut of_each = vec![None; plan.nodes.len()];
    for (at, batch) in plan.batches.iter().enumerate() {
        for node in &batch.nodes {
            of_each[node.at()] = Some(BatchIndex(at as u32));
        }
    }
    of_each
}
