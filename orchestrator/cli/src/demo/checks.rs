//! What must hold after an act, each compared with the world's own record rather than with what wavetrain believes.

use super::act::Act;
use super::truth::Node;
use crate::scripts::Offer;
use std::collections::BTreeMap;
use wavetrain_driver::Finished;
use wavetrain_model::event::{Entry, Event};
use wavetrain_model::id::{NodeIndex, WaveIndex};
use wavetrain_model::intent::Action;
use wavetrain_model::plan::Plan;
use wavetrain_model::state::{Ending, Phase};
use wavetrain_model::time::Timestamp;

/// Nodes named when a check fails.
const NAMED: usize = 5;

/// One thing that must hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    /// Word for scripts.
    pub name: &'static str,
    /// Whether it holds.
    pub holds: bool,
    /// What was found.
    pub found: String,
}

/// A rollout and the truth about it, side by side.
struct Pair<'a> {
    plan: &'a Plan,
    log: &'a [Entry],
    before: BTreeMap<&'a str, &'a Node>,
    after: BTreeMap<&'a str, &'a Node>,
}

/// All checks of an act.
pub fn all(act: Act, finished: &Finished, log: &[Entry], before: &[Node], after: &[Node]) -> Vec<Check> {
    fn by_id(nodes: &[Node]) -> BTreeMap<&str, &Node> {
        nodes.iter().map(|node| (node.id.as_str(), node)).collect()
    }
    let pair = Pair { plan: &finished.plan, log, before: by_id(before), after: by_id(after) };
    let mut checks = vec![ended(act, finished), pair.waves_in_order()];
    match act.ends {
        Ending::Completed => checks.extend([pair.everyone_has_it(), pair.nobody_twice()]),
        _ => checks.extend([
            pair.touched_are_back(),
            pair.others_are_untouched(),
            pair.unopened_were_never_asked(),
            pair.no_install_after_decision(),
        ]),
    }
    checks
}

/// Nodes that run scripts for real have on their disks what the record says.
pub fn disks(scripts: &Offer, disks: &BTreeMap<String, String>, after: &[Node]) -> Option<Check> {
    match scripts {
        Offer::Unasked | Offer::Modelled(_) => None,
        Offer::Real => {
            let differs = |node: &&Node| {
                disks
                    .get(&node.id)
                    .is_some_and(|print| print.trim() != node.version.as_deref().unwrap_or_default())
            };
            let faults: Vec<String> = after
                .iter()
                .filter(differs)
                .map(|node| {
                    format!(
                        "the disk of {} says {:?}",
                        node.id,
                        disks.get(&node.id).map(|print| print.trim())
                    )
                })
                .collect();
            let found =
                format!("{} Linux nodes ran all scripts for real, and their disks say the same", disks.len());
            Some(check("disks_agree", &faults, found))
        }
    }
}

fn ended(act: Act, finished: &Finished) -> Check {
    let holds = finished.state.phase == Phase::Ended(act.ends);
    let found = crate::print::words::phase_sentence(&finished.state.phase).to_owned();
    Check { name: "ended_as_it_should", holds, found: format!("the rollout ended: {found}") }
}

impl Pair<'_> {
    fn target(&self) -> &str {
        self.plan.version(Plan::TARGET)
    }

    fn nodes_of(&self, wave: WaveIndex) -> impl Iterator<Item = &Node> {
        let planned = self.plan.nodes.iter().filter(move |node| node.wave == Some(wave));
        planned.filter_map(|node| self.after.get(node.id.as_str()).copied())
    }

    /// The first install of a wave lies behind the last change in each of its predecessors, plus their bake time.
    fn waves_in_order(&self) -> Check {
        let mut faults = Vec::new();
        let mut began = 0_u32;
        for wave in self.plan.wave_indices() {
            let first = self
                .nodes_of(wave)
                .flat_map(|node| node.installs(self.target()))
                .map(|receipt| receipt.at)
                .min();
            let Some(first) = first else { continue };
            began += 1;
            for before in &self.plan.spec.waves[wave.at()].after {
                let last = self.last_change_before(*before, first);
                let bake = self.plan.spec.waves[before.at()].bake;
                if last.plus(bake) > first {
                    faults.push(format!(
                        "{} began before {} had baked",
                        self.plan.wave_name(wave),
                        self.plan.wave_name(*before)
                    ));
                }
            }
        }
        let found = format!("{began} waves began, each after its predecessor had finished and baked");
        check("waves_in_order", &faults, found)
    }

    /// A rollback changes the nodes of earlier waves again, much later: only changes before `until` belong to the wave.
    fn last_change_before(&self, wave: WaveIndex, until: Timestamp) -> Timestamp {
        let changes = self.nodes_of(wave).flat_map(|node| node.changed_at.iter().copied());
        changes.filter(|at| *at <= until).max().unwrap_or_default()
    }

    fn everyone_has_it(&self) -> Check {
        let target = Some(self.target());
        let without = self.after.values().filter(|node| node.version.as_deref() != target);
        let faults: Vec<String> = without.map(|node| has(node)).collect();
        check("everyone_has_it", &faults, format!("{} nodes really have {}", self.after.len(), self.target()))
    }

    fn nobody_twice(&self) -> Check {
        let twice = self.after.values().filter(|node| node.installs(self.target()).count() > 1);
        let faults: Vec<String> = twice.map(|node| format!("{} was told twice", node.id)).collect();
        check("nobody_twice", &faults, "no node was told to install twice".to_owned())
    }

    fn touched_are_back(&self) -> Check {
        let touched: Vec<&&Node> =
            self.after.values().filter(|node| node.installs(self.target()).next().is_some()).collect();
        let mut versions: BTreeMap<&str, u32> = BTreeMap::new();
        let mut faults = Vec::new();
        for node in &touched {
            let had = self.before.get(node.id.as_str()).and_then(|before| before.version.as_deref());
            *versions.entry(had.unwrap_or("none")).or_default() += 1;
            if node.version.as_deref() != had {
                faults.push(format!("{}, had {}", has(node), had.unwrap_or("nothing")));
            }
        }
        let mix: Vec<String> =
            versions.iter().map(|(version, nodes)| format!("{nodes} × {version}")).collect();
        let found =
            format!("{} touched nodes really have what they had before ({})", touched.len(), mix.join(", "));
        // A rollback of nothing proves nothing.
        if touched.is_empty() {
            faults.push("no node was touched".to_owned());
        }
        check("touched_are_back", &faults, found)
    }

    fn others_are_untouched(&self) -> Check {
        let others: Vec<&&Node> =
            self.after.values().filter(|node| node.installs(self.target()).next().is_none()).collect();
        let changed = others.iter().filter(|node| {
            let had = self.before.get(node.id.as_str()).and_then(|before| before.version.as_deref());
            node.was_changed() || node.version.as_deref() != had || !node.changed_at.is_empty()
        });
        let faults: Vec<String> = changed.map(|node| format!("{} was changed", node.id)).collect();
        check("others_are_untouched", &faults, format!("{} other nodes got no package command", others.len()))
    }

    /// Nodes of waves that never opened were not even probed.
    fn unopened_were_never_asked(&self) -> Check {
        let opened = |wave: &WaveIndex| {
            self.log.iter().any(|entry| matches!(&entry.event, Event::WaveOpened { wave: opened } | Event::WaveBlocked { wave: opened } if opened == wave))
        };
        let closed: Vec<WaveIndex> = self.plan.wave_indices().filter(|wave| !opened(wave)).collect();
        let nodes: Vec<&Node> = closed.iter().flat_map(|wave| self.nodes_of(*wave)).collect();
        let asked = nodes.iter().filter(|node| node.sent > 0);
        let faults: Vec<String> =
            asked.map(|node| format!("{} got {} commands", node.id, node.sent)).collect();
        let found =
            format!("{} nodes of {} waves that never opened were never commanded", nodes.len(), closed.len());
        check("unopened_were_never_asked", &faults, found)
    }

    /// Every command to install the bad version that arrived anywhere was promised before the rollback was decided.
    fn no_install_after_decision(&self) -> Check {
        let decided = self.log.iter().position(|entry| matches!(entry.event, Event::RollbackDecided { .. }));
        let Some(decided) = decided else {
            return Check {
                name: "no_install_after_decision",
                holds: false,
                found: "no rollback was decided".to_owned(),
            };
        };
        let promised: Vec<u64> = self.log[..decided].iter().filter_map(install_intent).collect();
        let late = self.log[decided..]
            .iter()
            .filter_map(install_intent)
            .map(|id| format!("intent {id} was promised later"));
        let mut faults: Vec<String> = late.collect();
        let mut arrived = 0_u32;
        for node in self.after.values() {
            for receipt in node.installs(self.target()) {
                arrived += 1;
                if receipt.intent().is_none_or(|intent| !promised.contains(&intent)) {
                    faults.push(format!("{}: `{}`", node.id, receipt.comment));
                }
            }
        }
        let found = format!(
            "all {arrived} installs of {} were promised before the decision, none after",
            self.target()
        );
        check("no_install_after_decision", &faults, found)
    }
}

fn install_intent(entry: &Entry) -> Option<u64> {
    match &entry.event {
        Event::Intended { intent } if matches!(intent.action, Action::Install { .. }) => Some(intent.id.0),
        _ => None,
    }
}

fn has(node: &Node) -> String {
    format!("{} ({}) has {}", node.id, node.platform, node.version.as_deref().unwrap_or("nothing"))
}

fn check(name: &'static str, faults: &[String], found: String) -> Check {
    if faults.is_empty() {
        return Check { name, holds: true, found };
    }
    let named = faults.iter().take(NAMED).cloned().collect::<Vec<_>>().join("; ");
    let more =
        if faults.len() > NAMED { format!("; and {} more", faults.len() - NAMED) } else { String::new() };
    Check { name, holds: false, found: format!("{named}{more}") }
}

/// Nodes that the rollout touched, as the plan counts them.
pub fn touched(finished: &Finished) -> impl Iterator<Item = NodeIndex> {
    use wavetrain_model::state::Touch;
    let nodes = finished.state.nodes.iter().enumerate();
    nodes.filter(|(_, node)| node.touch != Touch::No).map(|(at, _)| NodeIndex(at as u32))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_check_names_a_few_and_counts_the_rest() {
        let faults: Vec<String> = (0..7).map(|n| format!("i-{n}")).collect();
        let failed = check("x", &faults, "fine".to_owned());
        assert!(!failed.holds);
        assert_eq!(failed.found, "i-0; i-1; i-2; i-3; i-4; and 2 more");
    }
}
