//! Which gates to measure now.

use super::{Drafts, Due, Measurement, is_held, stops_everything};
use crate::decide::ask;
use crate::decide::gate::is_done;
use crate::decide::wave;
use crate::gate::{self, Arms, first_look};
use std::collections::BTreeMap;
use wavetrain_model::fleet::Platform;
use wavetrain_model::gate::{Scope, Which};
use wavetrain_model::id::{GateIndex, NodeIndex, SiteIndex, WaveIndex};
use wavetrain_model::intent::Action;
use wavetrain_model::limit::NODES_PER_COMMAND;
use wavetrain_model::plan::Plan;
use wavetrain_model::spec::{Check, Gate};
use wavetrain_model::state::{Phase, State, WavePhase};
use wavetrain_model::time::Timestamp;

/// Guards from the first dispatch to the last bake, blockers before a wave, gates during its bake.
pub(super) fn gates(plan: &Plan, state: &State, now: Timestamp, due: &mut Due, drafts: &mut Drafts) {
    if state.phase != Phase::Running {
        return;
    }
    for (index, spec) in plan.spec.gates.iter().enumerate().filter(|(_, spec)| spec.check.looks()) {
        let gate = GateIndex(index as u16);
        for Place { scope, mut sites, start, since } in places(plan, state, gate) {
            sites.retain(|site| gate::sees_site(plan, spec, *site));
            let record = state.gate(Which::Planned(gate), scope);
            if sites.is_empty() || matches!(scope, Scope::Wave(_)) && is_done(spec, record, since) {
                continue;
            }
            // What was there before is asked for at once: the wave waits for it.
            let is_baseline = matches!(scope, Scope::Blocker(_)) && !spec.blocker;
            let first = if is_baseline { since } else { since.plus(first_look(spec)) };
            if matches!(spec.check, Check::Probe(_)) {
                probe(plan, state, now, (gate, scope, first), due, drafts);
                continue;
            }
            let next = record.map_or(first, |record| record.last_at.plus(spec.every));
            match gate::window(spec, start, now) {
                Some(window) if next <= now => {
                    let Arms { upgraded, untouched } = gate::arms(plan, state, spec, scope);
                    let nodes = gate::asked(plan, state, spec, scope);
                    let unseen_from = record.and_then(|record| record.seen_until).max(start);
                    due.measure.push(Measurement {
                        gate,
                        scope,
                        sites,
                        window,
                        upgraded,
                        untouched,
                        nodes,
                        unseen_from,
                    });
                }
                Some(_) => due.look_again(next),
                None => due.look_again(next.max(now.plus(spec.every))),
            }
        }
    }
}

/// Promises the probes of a gate's next look, if it is time. One look at a time: the next is due an interval after this one began.
/// While a person is waited for, it is due an interval after the last look of any gate was over: a node that does not answer makes
/// looks longer than intervals, and nobody could ever see the rollout at rest.
fn probe(
    plan: &Plan,
    state: &State,
    now: Timestamp,
    (gate, scope, first): (GateIndex, Scope, Timestamp),
    due: &mut Due,
    drafts: &mut Drafts,
) {
    let spec = &plan.spec.gates[gate.at()];
    let last = state.gate(Which::Planned(gate), scope).and_then(|record| record.evidence.as_ref());
    let next = last.map_or(first, |evidence| evidence.from.plus(spec.every));
    let is_person_awaited = state.holds.iter().any(|hold| hold.needs_person);
    let rested_at = rested_at(plan, state).filter(|_| is_person_awaited);
    let next = rested_at.map_or(next, |at| next.max(at.plus(spec.every)));
    let is_over = state.waves.iter().all(|wave| matches!(wave.phase, WavePhase::Passed { .. }));
    if is_over || stops_everything(state) || ask::is_open(state, gate, scope) {
        return;
    }
    if is_person_awaited && !state.rounds.is_empty() {
        return;
    }
    if next > now {
        return due.look_again(next);
    }
    let mut commands: BTreeMap<(SiteIndex, Platform), Vec<NodeIndex>> = BTreeMap::new();
    for node in gate::asked(plan, state, spec, scope) {
        let site = plan.site_of(node);
        if !is_held(state, site) {
            commands.entry((site, plan.platform_of(node))).or_default().push(node);
        }
    }
    if commands.is_empty() {
        due.look_again(now.plus(spec.every));
    }
    for ((site, _), nodes) in commands {
        for chunk in nodes.chunks(NODES_PER_COMMAND) {
            drafts.push(Action::Ask { gate, scope }, site, chunk.to_vec());
        }
    }
}

/// When the last look of any probe was over; None: there was none.
fn rested_at(plan: &Plan, state: &State) -> Option<Timestamp> {
    let asks = |which| match which {
        Which::Planned(gate) => {
            plan.spec.gates.get(gate.at()).is_some_and(|spec| matches!(spec.check, Check::Probe(_)))
        }
        Which::Install => false,
    };
    let over = state.gates.iter().filter(|record| record.samples > 0 && asks(record.which));
    over.map(|record| record.last_at).max()
}

/// Something that a gate looks at.
struct Place {
    scope: Scope,
    sites: Vec<SiteIndex>,
    /// Nothing before this is looked at; None: nothing was touched, so the past counts.
    start: Option<Timestamp>,
    /// When it became this gate's business.
    since: Timestamp,
}

fn places(plan: &Plan, state: &State, gate: GateIndex) -> Vec<Place> {
    let spec = &plan.spec.gates[gate.at()];
    let mut places = Vec::new();
    if matches!(spec.check, Check::Reporting(_)) {
        // It reads what the comparisons found, and asks nothing by itself.
        return places;
    }
    if let Some(dispatched) = state.first_dispatch_at
        && spec.guard
        && is_watching(plan, state, spec)
    {
        let (scope, sites) = (Scope::Guard, gate::sites_of(plan, state, Scope::Guard));
        places.push(Place { scope, sites, start: Some(dispatched), since: dispatched });
    }
    for wave in plan.wave_indices().filter(|wave| spec.measures(*wave) && !spec.check.only_stops()) {
        let sites = || wave::sites(plan, wave);
        match state.wave(wave).phase {
            WavePhase::Blocked { since } if spec.blocker => {
                places.push(Place { scope: Scope::Blocker(wave), sites: sites(), start: None, since });
            }
            WavePhase::Blocked { since }
                if spec.needs_baseline() && !gate::is_baseline_known(state, gate, spec, wave) =>
            {
                places.push(Place { scope: Scope::Blocker(wave), sites: sites(), start: None, since });
            }
            WavePhase::Baking { since } if !spec.guard => {
                places.push(Place { scope: Scope::Wave(wave), sites: sites(), start: Some(since), since });
            }
            // Nothing was dispatched (every node had the target): the guard still owes this wave its evidence.
            WavePhase::Baking { since } if state.first_dispatch_at.is_none() => {
                places.push(Place { scope: Scope::Guard, sites: sites(), start: Some(since), since });
            }
            WavePhase::Waiting
            | WavePhase::Blocked { .. }
            | WavePhase::Open { .. }
            | WavePhase::Baking { .. }
            | WavePhase::Passed { .. }
            | WavePhase::Failed { .. } => {}
        }
    }
    places
}

/// Whether a guard that looks at some waves only has one of them to look at.
fn is_watching(plan: &Plan, state: &State, spec: &Gate) -> bool {
    let is_under_way = |wave: &WaveIndex| {
        matches!(state.wave(*wave).phase, WavePhase::Open { .. } | WavePhase::Baking { .. })
    };
    spec.waves.is_empty() || plan.wave_indices().filter(is_under_way).any(|wave| spec.measures(wave))
}
