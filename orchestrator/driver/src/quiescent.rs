//! Whether a held rollout has nothing left to do until a person acts. Pure.

use wavetrain_engine::due::Due;
use wavetrain_model::gate::Which;
use wavetrain_model::hold::Kind;
use wavetrain_model::id::{SiteIndex, WaveIndex};
use wavetrain_model::plan::Plan;
use wavetrain_model::state::{Phase, State, WavePhase};

/// Whether at least one hold is in force and nothing moves on by itself: no command is awaited, nothing is due
/// but waiting, and no wave bakes or installs beside the held ones.
pub fn is_quiescent(plan: &Plan, state: &State, due: &Due) -> bool {
    let held = |site: SiteIndex| state.holds.iter().any(|hold| hold.kind.site() == Some(site));
    // What cannot be found because its site is held waits for the site, for ever if need be.
    let looks = due.look_for.iter().filter_map(|intent| state.open.get(intent));
    let looks_elsewhere = looks.filter(|open| !held(open.intent.site)).count();
    if state.holds.is_empty()
        || !due.intents.is_empty()
        || !due.perform.is_empty()
        || !due.watch.is_empty()
        || looks_elsewhere > 0
    {
        return false;
    }
    match state.phase {
        Phase::Running => !plan.wave_indices().any(|wave| moves(state, wave, &held)),
        Phase::RollingBack => !rolls_back(state, &held),
        Phase::Aborting => state.open.values().all(|open| held(open.intent.site)),
        Phase::Ended(_) => false,
    }
}

/// Whether a wave goes on without a person.
fn moves(state: &State, index: WaveIndex, held: &impl Fn(SiteIndex) -> bool) -> bool {
    let stopped = state.holds.iter().any(|hold| match hold.kind {
        Kind::Gate(Which::Install | Which::Planned(_), Some(wave)) => wave == index,
        other => other.stops_installs(),
    });
    let wave = state.wave(index);
    match wave.phase {
        WavePhase::Waiting | WavePhase::Passed { .. } | WavePhase::Failed { .. } => false,
        _ if stopped => false,
        WavePhase::Blocked { .. } | WavePhase::Baking { .. } => true,
        WavePhase::Open { .. } => {
            let queued = wave.unsurveyed.iter().chain(&wave.ready);
            let queued = queued.filter(|(_, nodes)| !nodes.is_empty()).map(|(site, _)| *site);
            let proving = wave.proving.iter().filter(|(_, proving)| !proving.nodes.is_empty());
            let waits_elsewhere = queued.chain(proving.map(|(site, _)| *site)).any(|site| !held(site));
            waits_elsewhere || !wave.later.is_empty()
        }
    }
}

fn rolls_back(state: &State, held: &impl Fn(SiteIndex) -> bool) -> bool {
    if state.holds.iter().any(|hold| hold.kind.stops_rollback()) {
        return false;
    }
    let open_elsewhere = state.open.values().any(|open| !held(open.intent.site));
    let queues = state.rollback.iter().flat_map(|rollback| rollback.queue.values());
    let waits_elsewhere = queues.flatten().any(|(site, nodes)| !nodes.is_empty() && !held(*site));
    open_elsewhere || waits_elsewhere
}
