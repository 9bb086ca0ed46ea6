//! What an event does to its nodes, and to the counts they are part of.

use super::queue::{enqueue, enqueue_proving, priority, take, take_restoring, wave_of};
use std::collections::BTreeMap;
use wavetrain_model::id::{NodeIndex, SiteIndex};
use wavetrain_model::intent::{Action, Intent};
use wavetrain_model::outcome::Outcome;
use wavetrain_model::plan::{Before, Plan, Source};
use wavetrain_model::state::{
    Forward, Later, NOTES_KEPT, Node, OpenIntent, Phase, Restoration, State, Step, Touch, Wave, WavePhase,
};
use wavetrain_model::time::Timestamp;

/// A promised intent takes its nodes out of their queues.
pub(super) fn begin(plan: &Plan, state: &mut State, intent: &Intent) {
    let (site, nodes) = (intent.site, &intent.nodes);
    match &intent.action {
        Action::Survey { wave } => {
            let wave = &mut state.waves[wave.at()];
            take(&mut wave.unsurveyed, site, nodes);
            wave.later.retain(|later| !nodes.contains(&later.node));
            wave.surveying += nodes.len() as u32;
            set_forward(state, nodes, Forward::Surveying);
        }
        Action::Install { wave, .. } => {
            let wave = &mut state.waves[wave.at()];
            take(&mut wave.ready, site, nodes);
            wave.later.retain(|later| !nodes.contains(&later.node));
            for node in nodes {
                begin_attempt(&mut state.nodes[node.at()]);
                count_in_flight(plan, state, *node, true);
            }
            set_forward(state, nodes, Forward::Installing);
        }
        Action::Verify { wave } => {
            let wave = &mut state.waves[wave.at()];
            if let Some(queue) = wave.proving.get_mut(&site) {
                queue.nodes.retain(|node| !nodes.contains(node));
                if queue.nodes.is_empty() {
                    wave.proving.remove(&site);
                }
            }
            wave.later.retain(|later| !nodes.contains(&later.node));
            set_forward(state, nodes, Forward::Verifying);
        }
        Action::Uninstall { .. } | Action::Reinstall { .. } | Action::Prove => {
            take_restoring(plan, state, site, nodes);
            for node in nodes {
                let record = &mut state.nodes[node.at()];
                if let Restoration::Waiting(step) = record.restoration {
                    record.restoration = Restoration::Running(step);
                }
                if record.attempts == 0 {
                    record.attempts = 1;
                    if let Some(rollback) = &mut state.rollback {
                        rollback.in_flight += 1;
                    }
                }
            }
        }
        Action::Ask { .. } | Action::Cancel { .. } | Action::Errand(_) => {}
    }
}

/// An intent that was never carried out gives its nodes back to their queues.
pub(super) fn give_back(plan: &Plan, state: &mut State, open: &OpenIntent, at: Timestamp) {
    for node in &open.pending {
        match &open.intent.action {
            Action::Survey { wave } => {
                no_longer_surveying(&mut state.waves[wave.at()]);
                enqueue(plan, state, *node);
            }
            Action::Install { .. } => {
                count_in_flight(plan, state, *node, false);
                let record = &mut state.nodes[node.at()];
                record.attempts = record.attempts.saturating_sub(1);
                enqueue(plan, state, *node);
            }
            Action::Verify { .. } => {
                state.nodes[node.at()].forward = Forward::Proving;
                enqueue_proving(plan, state, *node, at);
            }
            Action::Uninstall { .. } | Action::Reinstall { .. } | Action::Prove => {
                if let Restoration::Running(step) = state.nodes[node.at()].restoration {
                    wait_for(plan, state, *node, step);
                }
            }
            Action::Ask { .. } | Action::Cancel { .. } | Action::Errand(_) => {}
        }
    }
}

pub(super) fn surveyed(plan: &Plan, state: &mut State, before: Before, nodes: &[NodeIndex]) {
    for node in nodes {
        no_longer_surveying(&mut state.waves[wave_of(plan, *node).at()]);
        let record = &mut state.nodes[node.at()];
        record.before = before;
        record.source = Source::Probe;
        enqueue(plan, state, *node);
    }
}

pub(super) fn installed(plan: &Plan, state: &mut State, touch: Touch, nodes: &[NodeIndex], at: Timestamp) {
    for node in nodes {
        let record = &mut state.nodes[node.at()];
        record.forward = Forward::Proving;
        record.touch = record.touch.max(touch);
        record.attempts = 0;
        enqueue_proving(plan, state, *node, at);
    }
}

pub(super) fn requeued(plan: &Plan, state: &mut State, until: Timestamp, nodes: &[NodeIndex]) {
    for node in nodes {
        let forward = state.nodes[node.at()].forward;
        let next = match forward {
            Forward::Surveying => {
                no_longer_surveying(&mut state.waves[wave_of(plan, *node).at()]);
                begin_attempt(&mut state.nodes[node.at()]);
                Forward::Waiting
            }
            Forward::Installing => {
                count_in_flight(plan, state, *node, false);
                Forward::Ready
            }
            Forward::Verifying => {
                begin_attempt(&mut state.nodes[node.at()]);
                Forward::Proving
            }
            Forward::Waiting | Forward::Ready | Forward::Proving | Forward::Finished(_) => continue,
        };
        state.nodes[node.at()].forward = next;
        state.waves[wave_of(plan, *node).at()].later.push(Later { node: *node, until });
    }
}

pub(super) fn finished(
    plan: &Plan,
    state: &mut State,
    (outcome, touch): (Outcome, Touch),
    nodes: &[NodeIndex],
    at: Timestamp,
) {
    for node in nodes {
        leave_queue(plan, state, *node);
        let record = &mut state.nodes[node.at()];
        record.forward = Forward::Finished(outcome);
        // A node that is tried again keeps what an earlier attempt may have left on it.
        record.touch = record.touch.max(touch);
        record.attempts = 0;
        record.finished_at = at;
        let stratum = plan.nodes[node.at()].stratum;
        state.waves[wave_of(plan, *node).at()].tally.add(outcome, 1);
        state.strata[stratum.at()].add(outcome, 1);
        state.tally.add(outcome, 1);
    }
}

fn leave_queue(plan: &Plan, state: &mut State, node: NodeIndex) {
    let site = plan.site_of(node);
    let wave = &mut state.waves[wave_of(plan, node).at()];
    wave.later.retain(|later| later.node != node);
    match state.nodes[node.at()].forward {
        Forward::Waiting => take(&mut wave.unsurveyed, site, &[node]),
        Forward::Surveying => no_longer_surveying(wave),
        Forward::Ready => take(&mut wave.ready, site, &[node]),
        Forward::Installing | Forward::Verifying => count_in_flight(plan, state, node, false),
        Forward::Proving => {
            if let Some(queue) = wave.proving.get_mut(&site) {
                queue.nodes.retain(|waiting| *waiting != node);
                if queue.nodes.is_empty() {
                    wave.proving.remove(&site);
                }
            }
            count_in_flight(plan, state, node, false);
        }
        Forward::Finished(_) => {}
    }
}

fn begin_attempt(node: &mut Node) {
    node.attempts = node.attempts.saturating_add(1);
}

/// Counts never go below nothing, whatever a damaged log says.
fn no_longer_surveying(wave: &mut Wave) {
    wave.surveying = wave.surveying.saturating_sub(1);
}

/// Remembers evidence for the first few hundred failed nodes; the log has it for all.
pub(super) fn note(state: &mut State, nodes: &[NodeIndex], note: &str) {
    if note.is_empty() {
        return;
    }
    for node in nodes {
        if state.notes.len() < NOTES_KEPT || state.notes.contains_key(node) {
            state.notes.insert(*node, note.to_owned());
        }
    }
}

pub(super) fn stepped(plan: &Plan, state: &mut State, step: Step, retry: bool, nodes: &[NodeIndex]) {
    for node in nodes {
        let record = &mut state.nodes[node.at()];
        let is_new = record.restoration == Restoration::None;
        if is_new {
            record.attempts = 0;
        }
        record.attempts = record.attempts.saturating_add(u8::from(retry));
        if let (true, Some(rollback)) = (is_new, &mut state.rollback) {
            rollback.total += 1;
        }
        wait_for(plan, state, *node, step);
    }
}

/// Nodes that are to be tried again only later stay in their queue, and rest there.
pub(super) fn rest(state: &mut State, until: Timestamp, now: Timestamp, nodes: &[NodeIndex]) {
    if let Some(rollback) = &mut state.rollback
        && until > now
    {
        rollback.resting.extend(nodes.iter().map(|node| (*node, until)));
    }
}

fn wait_for(plan: &Plan, state: &mut State, node: NodeIndex, step: Step) {
    state.nodes[node.at()].restoration = Restoration::Waiting(step);
    let priority = priority(plan, state, node);
    let site = plan.site_of(node);
    if let Some(rollback) = &mut state.rollback {
        rollback.queue.entry(priority).or_default().entry(site).or_default().push(node);
    }
}

pub(super) fn restored(plan: &Plan, state: &mut State, nodes: &[NodeIndex], is_restored: bool) {
    let mut waiting: BTreeMap<SiteIndex, Vec<NodeIndex>> = BTreeMap::new();
    for node in nodes {
        if let Restoration::Waiting(_) = state.nodes[node.at()].restoration {
            waiting.entry(plan.site_of(*node)).or_default().push(*node);
        }
    }
    for (site, nodes) in &waiting {
        take_restoring(plan, state, *site, nodes);
    }
    for node in nodes {
        let record = &mut state.nodes[node.at()];
        let was_new = record.restoration == Restoration::None;
        let had_begun = record.attempts > 0;
        record.restoration = if is_restored { Restoration::Done } else { Restoration::Failed };
        let Some(rollback) = &mut state.rollback else { continue };
        rollback.total += u32::from(was_new);
        rollback.in_flight -= u32::from(had_begun && !was_new).min(rollback.in_flight);
        *(if is_restored { &mut rollback.restored } else { &mut rollback.failed }) += 1;
    }
}

/// Another try: of the way back if there is a rollback, else of the way forward.
pub(super) fn retried(plan: &Plan, state: &mut State, nodes: &[NodeIndex], at: Timestamp) {
    if let Some(rollback) = &mut state.rollback {
        state.phase = Phase::RollingBack;
        rollback.failed -= (nodes.len() as u32).min(rollback.failed);
        rollback.total -= (nodes.len() as u32).min(rollback.total);
        for node in nodes {
            let record = &mut state.nodes[node.at()];
            record.restoration = Restoration::None;
            record.touch = Touch::Suspect;
            record.attempts = 0;
        }
        return;
    }
    for node in nodes {
        let Forward::Finished(outcome) = state.nodes[node.at()].forward else { continue };
        let wave = wave_of(plan, *node);
        state.waves[wave.at()].tally.remove(outcome, 1);
        state.strata[plan.nodes[node.at()].stratum.at()].remove(outcome, 1);
        state.tally.remove(outcome, 1);
        state.nodes[node.at()].attempts = 0;
        enqueue(plan, state, *node);
        let wave = &mut state.waves[wave.at()];
        if matches!(wave.phase, WavePhase::Open { .. } | WavePhase::Baking { .. }) {
            wave.phase = WavePhase::Open { since: at };
        }
    }
    state.accepted_failures = state.accepted_failures.min(state.tally.failures());
    state.accepted_undelivered = state.accepted_undelivered.min(state.tally.undelivered());
}

fn set_forward(state: &mut State, nodes: &[NodeIndex], forward: Forward) {
    for node in nodes {
        state.nodes[node.at()].forward = forward;
    }
}

fn count_in_flight(plan: &Plan, state: &mut State, node: NodeIndex, more: bool) {
    let change = |count: &mut u32| *count = if more { *count + 1 } else { count.saturating_sub(1) };
    let wave = &mut state.waves[wave_of(plan, node).at()];
    change(&mut wave.in_flight);
    change(wave.site_in_flight.entry(plan.site_of(node)).or_default());
    for domain in &plan.nodes[node.at()].domains {
        if let Some(count) = state.domains.get_mut(usize::from(*domain)) {
            change(count);
        }
    }
}
