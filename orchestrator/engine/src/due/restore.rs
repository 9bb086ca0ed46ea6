//! New commands on the way back, and cancels of what has not begun.

use super::{Drafts, forward, is_held};
use crate::errands::may_reinstall;
use std::collections::BTreeMap;
use wavetrain_model::fleet::Platform;
use wavetrain_model::id::{NodeIndex, SiteIndex};
use wavetrain_model::intent::Action;
use wavetrain_model::limit::{NODES_PER_COMMAND, ROLLBACK_SHARE_PERCENT};
use wavetrain_model::plan::Plan;
use wavetrain_model::quantity::Percent;
use wavetrain_model::state::{Progress, Restoration, State, Step, WavePhase};
use wavetrain_model::time::Timestamp;

/// Nodes that may be on their way back at once: `pace` times the largest forward cap of the waves that began, but at most a third of
/// the touched nodes, and at least one.
fn cap(plan: &Plan, state: &State, total: u32) -> u32 {
    let began = plan.wave_indices().filter(|wave| state.wave(*wave).phase != WavePhase::Waiting);
    let forward = began.map(|wave| forward::cap(plan, wave)).max().unwrap_or(1);
    let share = Percent::whole(ROLLBACK_SHARE_PERCENT).of_rounded_down(total);
    forward.saturating_mul(plan.spec.rollback.pace).min(share).max(1)
}

/// The next step of every waiting node, broken nodes first, as far as the cap allows new ones to begin.
pub(super) fn steps(plan: &Plan, state: &State, now: Timestamp, drafts: &mut Drafts) {
    let Some(rollback) = &state.rollback else { return };
    let mut room = cap(plan, state, rollback.total).saturating_sub(rollback.in_flight);
    for sites in rollback.queue.values() {
        for (site, nodes) in sites {
            if !is_held(state, *site) && !may_reinstall(state, *site) {
                let is_rested =
                    |node: &&NodeIndex| rollback.resting.get(*node).is_none_or(|until| *until <= now);
                site_steps(plan, state, *site, nodes.iter().filter(is_rested), &mut room, drafts);
            }
        }
    }
}

fn site_steps<'a>(
    plan: &Plan,
    state: &State,
    site: SiteIndex,
    nodes: impl Iterator<Item = &'a NodeIndex>,
    room: &mut u32,
    drafts: &mut Drafts,
) {
    let mut groups: BTreeMap<(Step, Option<Platform>), Vec<NodeIndex>> = BTreeMap::new();
    for node in nodes {
        let record = &state.nodes[node.at()];
        let Restoration::Waiting(step) = record.restoration else { continue };
        let is_new = record.attempts == 0;
        if is_new && *room == 0 {
            // Begun nodes have a queue of their own: all that follow are new as well.
            break;
        }
        *room -= u32::from(is_new);
        let platform = matches!(step, Step::Look | Step::Prove).then(|| plan.platform_of(*node));
        groups.entry((step, platform)).or_default().push(*node);
    }
    for ((step, _), nodes) in groups {
        let action = match step {
            Step::Look | Step::Prove => Action::Prove,
            Step::Uninstall(version) => Action::Uninstall { version: Some(version) },
            Step::UninstallBlank => Action::Uninstall { version: None },
            Step::Reinstall(version) => Action::Reinstall { version },
        };
        for chunk in nodes.chunks(NODES_PER_COMMAND) {
            drafts.push(action.clone(), site, chunk.to_vec());
        }
    }
}

/// Stops what has not begun. What has begun goes on whatever SSM says, and is awaited. Associations are removed instead.
pub(super) fn cancels(plan: &Plan, state: &State, drafts: &mut Drafts) {
    if !plan.spec.dispatch.is_command() {
        return;
    }
    for open in state.open.values() {
        let is_install = matches!(open.intent.action, Action::Install { .. });
        if let (true, false, Progress::Sent { command, .. }) = (is_install, open.cancelled, &open.progress)
            && !is_held(state, open.intent.site)
        {
            let action = Action::Cancel { of: open.intent.id, command: command.clone() };
            drafts.push(action, open.intent.site, Vec::new());
        }
    }
}
