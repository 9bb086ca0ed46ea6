//! What is to be so in State Manager and in the package's document, beside the commands to nodes.
//!
//! Level-triggered: what is outstanding follows from the state alone, and every errand may be repeated.

use crate::decide::wave::sites_of_documents;
use wavetrain_model::hold::Kind;
use wavetrain_model::id::SiteIndex;
use wavetrain_model::intent::{Action, Errand};
use wavetrain_model::plan::Plan;
use wavetrain_model::state::{OpenIntent, Phase, State, WavePhase};

/// Errands that are wanted and not over, in the order in which they begin. Empty: nothing keeps the rollout from its end.
pub fn outstanding(plan: &Plan, state: &State) -> Vec<(SiteIndex, Errand)> {
    let mut wanted = removals(state);
    match state.phase {
        Phase::Running if has_passed(state) => wanted.extend(finish(plan)),
        Phase::Running => wanted.extend(plan.paused.iter().map(|paused| (paused.site, Errand::Pause))),
        Phase::RollingBack => wanted.extend(back(plan, state)),
        // What rests goes on resting, once a node was touched: the association would bring upgraded nodes back to the old
        // version at once, and an abort leaves nodes as they are.
        Phase::Aborting if state.first_dispatch_at.is_none() => wanted.extend(unpauses(plan, state)),
        Phase::Aborting | Phase::Ended(_) => {}
    }
    wanted.retain(|(site, errand)| !state.errands.is_done(*site, errand));
    wanted
}

/// Whether every wave has passed.
pub(crate) fn has_passed(state: &State) -> bool {
    state.waves.iter().all(|wave| matches!(wave.phase, WavePhase::Passed { .. }))
}

/// Whether an association may still apply the target version in a site, although nodes are to get their previous one back.
pub(crate) fn may_reinstall(state: &State, site: SiteIndex) -> bool {
    // One that cannot be removed must not keep nodes from their previous version: a person is told, and it goes on.
    if state.hold(Kind::Errand(site)).is_some() {
        return false;
    }
    state.errands.carrying.values().any(|carrying| carrying.site == site)
        || state.errands.has_begun(site, &Errand::Keep) && !state.errands.is_done(site, &Errand::Unkeep)
}

/// The associations of batches that are over; while nodes get their previous version back, those of all batches.
fn removals(state: &State) -> Vec<(SiteIndex, Errand)> {
    let carrying = state.errands.carrying.iter();
    let unwanted = carrying.filter(|(of, _)| state.phase != Phase::Running || !state.open.contains_key(of));
    unwanted
        .map(|(of, carrying)| {
            let (of, stop) = (*of, state.open.contains_key(of));
            (carrying.site, Errand::Remove { of, association: carrying.association.clone(), stop })
        })
        .collect()
}

fn finish(plan: &Plan) -> Vec<(SiteIndex, Errand)> {
    let mut wanted = Vec::new();
    if plan.spec.finish.default_version {
        wanted.extend(sites_of_documents(plan).into_iter().map(|site| (site, Errand::MakeDefault)));
    }
    if plan.spec.finish.association.is_some() {
        wanted.extend((0..plan.sites.len() as u32).map(|site| (SiteIndex(site), Errand::Keep)));
    }
    wanted
}

/// A rollback undoes what a finish did before it was ordered. What rested is woken last: it brings nodes to the version that they
/// have by then.
fn back(plan: &Plan, state: &State) -> Vec<(SiteIndex, Errand)> {
    let mut wanted = Vec::new();
    for (site, errand) in &state.errands.begun {
        match errand {
            Errand::Keep => wanted.push((*site, Errand::Unkeep)),
            Errand::MakeDefault => wanted.push((*site, Errand::UnmakeDefault)),
            _ => {}
        }
    }
    let is_restored =
        state.rollback.as_ref().is_some_and(|rollback| rollback.restored + rollback.failed >= rollback.total);
    let is_moving = state.waves.iter().any(|wave| wave.in_flight > 0);
    if is_restored && !is_moving && state.open.values().all(is_errand) {
        wanted.extend(unpauses(plan, state));
    }
    wanted
}

fn unpauses(plan: &Plan, state: &State) -> Vec<(SiteIndex, Errand)> {
    let paused = plan.paused.iter().map(|paused| paused.site);
    let begun = paused.filter(|site| state.errands.has_begun(*site, &Errand::Pause));
    begun.map(|site| (site, Errand::Unpause)).collect()
}

fn is_errand(open: &OpenIntent) -> bool {
    matches!(open.intent.action, Action::Errand(_))
}
