//! Whether a held rollout has nothing left to do until a person acts. Pure.

use wavetrain_engine::due::Due;
use wavetrain_model::hold::Kind;
use wavetrain_model::id::{IntentId, SiteIndex, WaveIndex};
use wavetrain_model::intent::Action;
use wavetrain_model::plan::Plan;
use wavetrain_model::state::{OpenIntent, Phase, Progress, State, WavePhase};

/// Whether at least one hold is in force and nothing moves on by itself: no command is awaited, nothing is due
/// but waiting, and no wave bakes or waits for its probes beside what is held.
///
/// Queued nodes do not count: were there room for them, they would be due. Nor do commands at a site that refuses us
/// until a person has acted: nothing that we ask there is answered.
pub fn is_quiescent(plan: &Plan, state: &State, due: &Due) -> bool {
    let refuses =
        |site: SiteIndex| state.holds.iter().any(|hold| hold.needs_person && hold.kind.site() == Some(site));
    let is_refused = |id: &IntentId| state.open.get(id).is_some_and(|open| refuses(open.intent.site));
    let is_waiting_only = due.intents.iter().all(|intent| refuses(intent.site))
        && due.perform.iter().all(is_refused)
        && due.revoke.is_empty()
        && due.watch.keys().all(|site| refuses(*site))
        && due.measure.is_empty();
    if state.holds.is_empty() || !is_waiting_only || state.is_over() {
        return false;
    }
    let held = |site: SiteIndex| state.holds.iter().any(|hold| hold.kind.site() == Some(site));
    let works = state.open.values().any(|open| !held(open.intent.site) && is_going_on(state, open));
    let proves = !stops_everything(state) && proves(state, &held);
    let waves = state.phase == Phase::Running && plan.wave_indices().any(|wave| moves(state, wave));
    !works && !proves && !waves
}

fn stops_everything(state: &State) -> bool {
    state.holds.iter().any(|hold| hold.kind.stops_rollback())
}

/// Whether an open intent of a site that is not held gets further without a person.
fn is_going_on(state: &State, open: &OpenIntent) -> bool {
    match open.progress {
        Progress::Uncertain { .. } | Progress::Sent { .. } => true,
        // Kept back by a hold, or about to be repeated.
        Progress::Recorded | Progress::Deferred { .. } => match open.intent.action {
            Action::Survey { .. } | Action::Install { .. } => {
                !state.holds.iter().any(|hold| hold.kind.stops_installs())
            }
            Action::Verify { .. }
            | Action::Uninstall { .. }
            | Action::Reinstall { .. }
            | Action::Prove
            | Action::Ask { .. }
            | Action::Cancel { .. } => !stops_everything(state),
            // Under a hold of its own it waits for a person; under another one it is about to be repeated.
            Action::Errand(_) => {
                !stops_everything(state) && state.hold(Kind::Errand(open.intent.site)).is_none()
            }
        },
    }
}

/// Whether installed nodes are about to be probed.
fn proves(state: &State, held: &impl Fn(SiteIndex) -> bool) -> bool {
    let proving = state.waves.iter().flat_map(|wave| &wave.proving);
    proving.into_iter().any(|(site, proving)| !proving.nodes.is_empty() && !held(*site))
}

/// Whether a wave gets further by time alone.
fn moves(state: &State, index: WaveIndex) -> bool {
    // A bake beside a hold of this kind goes on, but nothing could follow it.
    let is_stopped = state.holds.iter().any(|hold| hold.kind.stops_installs());
    // Only people are missing: what still looks in between could not let the wave go on either.
    let asks = state.holds.iter().any(|hold| matches!(hold.kind, Kind::SignOff(_, of) if of == index));
    let wave = state.wave(index);
    match wave.phase {
        // What a guardrail denies at this hour it may allow at another.
        WavePhase::Waiting => {
            !is_stopped && state.hold(Kind::Guardrail(index)).is_some_and(|hold| !hold.needs_person)
        }
        WavePhase::Passed { .. } | WavePhase::Failed { .. } => false,
        WavePhase::Blocked { .. } | WavePhase::Baking { .. } => !is_stopped && !asks,
        WavePhase::Open { .. } => !is_stopped && !wave.later.is_empty(),
    }
}
