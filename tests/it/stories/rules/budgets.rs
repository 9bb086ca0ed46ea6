//! Budgets and limits, recounted.

use super::book::Book;
use super::{Judge, Rule};
use wavetrain_model::id::NodeIndex;
use wavetrain_model::intent::{Action, Intent};
use wavetrain_model::outcome::Outcome;
use wavetrain_model::quantity::Amount;

/// Which nodes count against a budget.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Budget {
    Failures,
    Undelivered,
}

/// More than a number of nodes, or more than a share of `total` once five have finished; of five or fewer, any.
fn is_over(limit: Amount, counted: u32, finished: u32, total: u32) -> bool {
    match limit {
        Amount::Count(count) => counted > count,
        Amount::Share(_) if total <= 5 => counted > 0,
        Amount::Share(share) => {
            finished >= 5 && 10_000 * u64::from(counted) > u64::from(share.0) * u64::from(total)
        }
    }
}

impl Book<'_> {
    /// Where a budget is broken beyond what a person accepted.
    pub(super) fn broken(&self, budget: Budget) -> Option<String> {
        let limits = &self.plan.spec.limits;
        let (limit, accepted, is_counted): (_, _, fn(Outcome) -> bool) = match budget {
            Budget::Failures => (limits.failures, self.accepted.0, Outcome::is_failure),
            Budget::Undelivered => (limits.undelivered, self.accepted.1, Outcome::is_undelivered),
        };
        let over = |place: &str, is_here: &dyn Fn(NodeIndex) -> bool, total: u32| {
            let here = || self.outcomes.iter().filter(|(node, _)| is_here(**node));
            let counted = here().filter(|(_, outcome)| is_counted(**outcome)).count() as u32;
            let finished = here().count() as u32;
            is_over(limit, counted, finished, total).then(|| {
                format!("{budget:?} of {limit}: {counted} of {finished} finished of {total} in {place}")
            })
        };
        let counted = self.outcomes.values().filter(|outcome| is_counted(**outcome)).count() as u32;
        if counted <= accepted {
            return None;
        }
        let of_waves = self.plan.wave_indices().filter(|wave| !self.passed.contains(wave)).find_map(|wave| {
            let is_here = |node: NodeIndex| self.plan.nodes[node.at()].wave == Some(wave);
            over(self.plan.wave_name(wave), &is_here, self.plan.waves[wave.at()].size)
        });
        let of_strata = || {
            let strata = self.plan.strata.iter().enumerate().filter(|(_, stratum)| stratum.size >= 10);
            strata.into_iter().find_map(|(at, stratum)| {
                let is_here = |node: NodeIndex| self.plan.nodes[node.at()].stratum.at() == at;
                over("a stratum", &is_here, stratum.size)
            })
        };
        of_waves.or_else(of_strata).or_else(|| over("the run", &|_| true, self.plan.nodes.len() as u32))
    }
}

impl Judge<'_> {
    /// A new install needs unbroken budgets.
    pub(super) fn budgets_allow(&mut self, intent: &Intent) {
        if !matches!(intent.action, Action::Install { .. }) {
            return;
        }
        for (budget, rule) in
            [(Budget::Failures, Rule::FailureBudget), (Budget::Undelivered, Rule::UndeliveredBudget)]
        {
            let broken = self.book.broken(budget);
            self.require(broken.is_none(), rule, || {
                format!("intent {} begins installs after {}", intent.id, broken.unwrap_or_default())
            });
        }
    }

    /// With this intent, no more nodes are changing than the limits allow.
    pub(super) fn limits_hold(&mut self, intent: &Intent) {
        match intent.action {
            Action::Install { .. } => self.forward_limits(intent),
            Action::Uninstall { .. } | Action::Reinstall { .. } | Action::Prove => {
                let (busy, of) = (self.book.returning.len(), self.book.wanted.len());
                self.require(busy <= (of * 33 / 100).max(1), Rule::RollbackShare, || {
                    format!("{busy} of {of} nodes on their way back at once")
                });
            }
            Action::Survey { .. }
            | Action::Verify { .. }
            | Action::Ask { .. }
            | Action::Cancel { .. }
            | Action::Errand(_) => {}
        }
    }

    fn forward_limits(&mut self, intent: &Intent) {
        let plan = self.book.plan;
        let limits = &plan.spec.limits;
        let cap = |amount: Amount, total: u32| match amount {
            Amount::Count(count) => count.max(1),
            Amount::Share(share) => (u32::from(share.0) * total / 10_000).max(1),
        };
        let busy = |is_here: &dyn Fn(NodeIndex) -> bool| {
            self.book.in_flight.keys().filter(|node| is_here(**node)).count() as u32
        };
        let mut over = Vec::new();
        for wave in plan.wave_indices() {
            let in_wave = |node: NodeIndex| plan.nodes[node.at()].wave == Some(wave);
            let (now, most) = (busy(&in_wave), cap(limits.in_flight, plan.waves[wave.at()].size));
            if now > most {
                over.push(format!("{now} in flight in {}, at most {most}", plan.wave_name(wave)));
            }
            if let Some(per_site) = limits.per_site {
                let is_here = |node: NodeIndex| in_wave(node) && plan.site_of(node) == intent.site;
                let size = plan.node_indices().filter(|node| is_here(*node)).count() as u32;
                let (now, most) = (busy(&is_here), cap(per_site, size));
                if now > most {
                    over.push(format!("{now} in flight at site {}, at most {most}", intent.site.0));
                }
            }
        }
        let domains =
            limits.max_unavailable.iter().flat_map(|entry| entry.values.iter().map(|_| entry.nodes));
        for (domain, most) in domains.enumerate() {
            let now = busy(&|node| plan.nodes[node.at()].domains.contains(&(domain as u16)));
            if now > most {
                over.push(format!("{now} unavailable in domain {domain}, at most {most}"));
            }
        }
        if let Amount::Count(count) = limits.failures {
            let failed = self.book.outcomes.values().filter(|outcome| outcome.is_failure()).count() as u32;
            let left = count.max(self.book.accepted.0).saturating_sub(failed);
            let now = busy(&|_| true);
            if now > left + 1 {
                over.push(format!("{now} in flight with a budget of {left} left"));
            }
        }
        self.require(over.is_empty(), Rule::InFlight, || over.join("; "));
    }
}
