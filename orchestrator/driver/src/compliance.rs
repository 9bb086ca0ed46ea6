//! What SSM knows about the compliance of a site's nodes, asked in the cheaper of two ways.

use crate::call::Family;
use crate::perform::Hands;
use std::collections::BTreeMap;
use wavetrain_model::gate::{Compliance, Found, Standing};
use wavetrain_model::id::{NodeId, NodeIndex, SiteIndex};
use wavetrain_model::spec::ComplianceCheck;
use wavetrain_ports::failure::Failure;

/// Rows of one page of either listing.
const ROWS: usize = 50;

impl Hands {
    /// The compliance of those of the nodes that are at this site; None: not asked.
    pub(crate) async fn compliance(
        &self,
        site: SiteIndex,
        check: &ComplianceCheck,
        nodes: &[NodeIndex],
    ) -> Option<Result<Found, Failure>> {
        let here: Vec<NodeIndex> =
            nodes.iter().copied().filter(|node| self.plan.site_of(*node) == site).collect();
        let known = if here.is_empty() || check.types.is_empty() {
            Ok(BTreeMap::new())
        } else if here.len() <= self.pages(site, check) {
            self.one_by_one(site, check, &here).await?
        } else {
            self.all_at_once(site, check).await?
        };
        let mut known: BTreeMap<NodeId, Vec<Compliance>> = match known {
            Ok(known) => known,
            Err(failure) => return Some(Err(failure)),
        };
        let standing = |node: NodeIndex| Standing {
            node,
            types: known.remove(&self.plan.nodes[node.at()].id).unwrap_or_default(),
        };
        let nodes = here.into_iter().map(standing).collect();
        Some(Ok(Found::Compliance { nodes, left_out: 0 }))
    }

    /// Pages of the listing that has a row for every node and type of the site, as far as the plan knows its nodes. It takes no
    /// list of nodes, and the other listing takes no more than one.
    fn pages(&self, site: SiteIndex, check: &ComplianceCheck) -> usize {
        let planned = self.plan.strata.iter().filter(|stratum| stratum.site == site);
        let planned: usize = planned.map(|stratum| stratum.size as usize).sum();
        let excluded = self.plan.excluded.iter().filter(|node| node.site == site).count();
        ((planned + excluded) * check.types.len()).div_ceil(ROWS)
    }

    async fn all_at_once(
        &self,
        site: SiteIndex,
        check: &ComplianceCheck,
    ) -> Option<Result<BTreeMap<NodeId, Vec<Compliance>>, Failure>> {
        let _place = self.line.admit(site, Family::Summaries, &self.line.closing).await?;
        let answer = self.line.cloud.summaries(&self.plan.sites[site.at()].site, &check.types).await;
        self.line.learn(site, Family::Summaries, answer.as_ref().err());
        Some(answer.map(|rows| {
            let pages = rows.len().div_ceil(ROWS).max(1);
            self.line.charge(site, Family::Summaries, pages as u32 - 1);
            let mut known: BTreeMap<NodeId, Vec<Compliance>> = BTreeMap::new();
            for (node, row) in rows {
                known.entry(node).or_default().push(row);
            }
            known
        }))
    }

    async fn one_by_one(
        &self,
        site: SiteIndex,
        check: &ComplianceCheck,
        nodes: &[NodeIndex],
    ) -> Option<Result<BTreeMap<NodeId, Vec<Compliance>>, Failure>> {
        let mut known = BTreeMap::new();
        for node in nodes {
            let id = &self.plan.nodes[node.at()].id;
            let _place = self.line.admit(site, Family::Items, &self.line.closing).await?;
            let answer = self.line.cloud.items(&self.plan.sites[site.at()].site, id, &check.types).await;
            self.line.learn(site, Family::Items, answer.as_ref().err());
            match answer {
                Ok(rows) => known.insert(id.clone(), rows),
                Err(failure) => return Some(Err(failure)),
            };
        }
        Some(Ok(known))
    }
}
