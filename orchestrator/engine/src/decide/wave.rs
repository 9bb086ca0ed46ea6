//! Waves: when they open, settle, earn their bake and pass.

use super::{budget, gate, people, restore};
use crate::gate::{concerns, first_look, is_baseline_known};
use crate::guardrail;
use crate::people::subjects;
use std::collections::{BTreeMap, BTreeSet};
use wavetrain_model::approval::Subject;
use wavetrain_model::event::Event;
use wavetrain_model::gate::{Scope, Verdict, Which};
use wavetrain_model::hold::Kind;
use wavetrain_model::id::{GateIndex, NodeIndex, Region, SiteIndex, WaveIndex};
use wavetrain_model::intent::{Action, Errand};
use wavetrain_model::outcome::Outcome;
use wavetrain_model::plan::Plan;
use wavetrain_model::planted::Bug;
use wavetrain_model::spec::{Check, Gate};
use wavetrain_model::state::{State, Touch, Wave, WavePhase};
use wavetrain_model::time::{Seconds, Timestamp};

/// Bake of a wave without gates is counted in steps of this length.
pub(crate) const BAKE_STEP: Seconds = Seconds(30);

/// What the passing of time means for the waves, the first change first.
pub(super) fn decide(plan: &Plan, state: &State, now: Timestamp) -> Vec<Event> {
    for wave in plan.wave_indices() {
        let events = match state.wave(wave).phase {
            WavePhase::Waiting => waiting(plan, state, wave, now),
            WavePhase::Blocked { since } => blocked(plan, state, wave, since, now),
            WavePhase::Open { since } => open(plan, state, wave, since, now),
            WavePhase::Baking { since } => baking(plan, state, wave, since, now),
            WavePhase::Passed { .. } | WavePhase::Failed { .. } => Vec::new(),
        };
        if !events.is_empty() {
            return events;
        }
    }
    Vec::new()
}

fn waiting(plan: &Plan, state: &State, wave: WaveIndex, now: Timestamp) -> Vec<Event> {
    let spec = &plan.spec.waves[wave.at()];
    let has_passed = |wave: &WaveIndex| match state.wave(*wave).phase {
        WavePhase::Passed { .. } => true,
        WavePhase::Baking { .. } => plan.has(Bug::WaveBeforeVerdict),
        _ => false,
    };
    if !spec.after.iter().all(has_passed) || state.holds.iter().any(|hold| hold.kind.stops_installs()) {
        return Vec::new();
    }
    // Nothing may bring nodes back to the old version while waves bring them to the new one.
    if plan.paused.iter().any(|paused| !state.errands.is_done(paused.site, &Errand::Pause)) {
        return Vec::new();
    }
    if let Some(events) = guardrail::before(plan, state, wave, now) {
        return events;
    }
    if let Some(events) = people::awaited(plan, state, now, Subject { wave, gate: None, before: true }) {
        return events;
    }
    if plan.waves[wave.at()].size == 0 {
        return vec![Event::WaveOpened { wave }, Event::WaveSettled { wave }];
    }
    let has_blockers =
        judges(plan, wave).any(|(_, gate)| gate.blocker) || baselines(plan, wave).next().is_some();
    vec![if has_blockers { Event::WaveBlocked { wave } } else { Event::WaveOpened { wave } }]
}

fn blocked(plan: &Plan, state: &State, wave: WaveIndex, since: Timestamp, now: Timestamp) -> Vec<Event> {
    let scope = Scope::Blocker(wave);
    if baselines(plan, wave).any(|(gate, spec)| !is_baseline_known(state, gate, spec, wave)) {
        return Vec::new();
    }
    for (gate, spec) in judges(plan, wave).filter(|(_, spec)| spec.blocker && !is_asking(spec)) {
        let which = Which::Planned(gate);
        let record = state.gate(which, scope);
        let is_passed = record.is_some_and(|record| {
            let is_enough = record.consecutive_passes >= spec.consecutive_success_limit;
            record.last == Verdict::Pass && record.last_at >= since && is_enough
        });
        if is_passed {
            continue;
        }
        let is_judged = record.is_some_and(|record| record.judged.is_some());
        if is_judged || now.since(since.max(state.taken_up_at)) < spec.deadline {
            return Vec::new();
        }
        let (verdict, said) = record.map_or((Verdict::Inconclusive, never(spec).to_owned()), |record| {
            (record.last.max(Verdict::Inconclusive), record.sentence.clone())
        });
        let sentence =
            format!("not passed within {} before wave {}: {said}", spec.deadline, plan.wave_name(wave));
        let evidence = gate::evidence(plan, state, gate, scope, sentence, now);
        return gate::verdict_events(plan, state, now, which, scope, verdict, evidence);
    }
    // What nobody may begin is not opened: by the time it may, the blockers must have looked again.
    if state.holds.iter().any(|hold| hold.kind.stops_installs()) {
        return Vec::new();
    }
    // People come last: they judge what the others found.
    let waiting = asked(plan, state, wave, now, true);
    // And nothing passes between what guardrails say and the opening.
    let waiting = waiting.or_else(|| guardrail::before(plan, state, wave, now));
    waiting.unwrap_or_else(|| vec![Event::WaveOpened { wave }])
}

/// Gates that must know how the wave's nodes were before they are touched. Blockers look anyway.
pub(crate) fn baselines(plan: &Plan, wave: WaveIndex) -> impl Iterator<Item = (GateIndex, &Gate)> {
    let gates = plan.spec.gates.iter().enumerate().map(|(index, spec)| (GateIndex(index as u16), spec));
    gates.filter(move |(_, spec)| {
        spec.needs_baseline() && !spec.blocker && spec.measures(wave) && concerns(plan, spec, wave)
    })
}

/// What a gate says that has said nothing.
fn never(spec: &Gate) -> &'static str {
    if spec.check.looks() { "never measured" } else { "no report came" }
}

/// Whether a gate asks people.
fn is_asking(spec: &Gate) -> bool {
    matches!(spec.check, Check::Approval(_))
}

/// What stands between a wave and the people whom its gates ask; None: nothing.
fn asked(plan: &Plan, state: &State, wave: WaveIndex, now: Timestamp, before: bool) -> Option<Vec<Event>> {
    let subjects = people_asked(plan, wave, before);
    let awaited: Vec<Vec<Event>> =
        subjects.filter_map(|subject| people::awaited(plan, state, now, subject)).collect();
    if awaited.is_empty() { None } else { Some(awaited.into_iter().flatten().collect()) }
}

fn people_asked(plan: &Plan, wave: WaveIndex, before: bool) -> impl Iterator<Item = Subject> {
    let subjects = subjects(plan, wave).into_iter();
    subjects.filter(move |subject| subject.gate.is_some() && subject.before == before)
}

fn open(plan: &Plan, state: &State, wave: WaveIndex, since: Timestamp, now: Timestamp) -> Vec<Event> {
    let record = state.wave(wave);
    if is_settled(record) && !has_open_intents(state, wave) {
        return vec![Event::WaveSettled { wave }];
    }
    let is_held = state.holds.iter().any(|hold| hold.kind.stops_installs());
    // While no process ran the rollout nobody could begin anything.
    if is_held || now.since(since.max(state.taken_up_at)) < plan.spec.deadlines.wave {
        return Vec::new();
    }
    // The deadline names its outcome: what was not begun by now is undelivered. Running commands have their own deadlines, and
    // installed nodes that wait for another probe have begun.
    let later = record.later.iter().map(|later| later.node);
    let later = later.filter(|node| !state.nodes[node.at()].forward.is_in_flight());
    let queued = record.unsurveyed.values().chain(record.ready.values()).flatten().copied();
    // In the order of the queues: the head of a queue is cheap to take.
    let nodes: Vec<NodeIndex> = later.chain(queued).collect();
    if nodes.is_empty() {
        return Vec::new();
    }
    let note = format!("not begun within the wave's {}", plan.spec.deadlines.wave);
    vec![Event::Finished { intent: None, outcome: Outcome::Undelivered, touch: Touch::No, nodes, note }]
}

fn is_settled(wave: &Wave) -> bool {
    wave.unsurveyed.is_empty()
        && wave.ready.is_empty()
        && wave.proving.is_empty()
        && wave.later.is_empty()
        && wave.surveying == 0
        && wave.in_flight == 0
}

fn has_open_intents(state: &State, wave: WaveIndex) -> bool {
    state.open.values().any(|open| match &open.intent.action {
        Action::Survey { wave: of } | Action::Install { wave: of, .. } | Action::Verify { wave: of } => {
            *of == wave
        }
        Action::Uninstall { .. }
        | Action::Reinstall { .. }
        | Action::Prove
        | Action::Ask { .. }
        | Action::Cancel { .. }
        | Action::Errand(_) => false,
    })
}

/// Whether anything that is begun or about to begin needs a site.
pub(crate) fn has_work(plan: &Plan, state: &State, site: SiteIndex) -> bool {
    let waits = |wave: &Wave| {
        wave.unsurveyed.contains_key(&site)
            || wave.ready.contains_key(&site)
            || wave.proving.contains_key(&site)
            || wave.later.iter().any(|later| plan.site_of(later.node) == site)
    };
    state.open.values().any(|open| open.intent.site == site) || state.waves.iter().any(waits)
}

/// The gates that have a say about a wave, as far as it has nodes where they look.
fn judges(plan: &Plan, wave: WaveIndex) -> impl Iterator<Item = (GateIndex, &Gate)> {
    let gates = plan
        .spec
        .gates
        .iter()
        .enumerate()
        .filter(move |(_, spec)| spec.judges(wave) && concerns(plan, spec, wave));
    gates.map(|(index, spec)| (GateIndex(index as u16), spec))
}

/// Where a gate of the plan file measures for a wave that bakes: guards measure everything touched so far.
pub(crate) fn scope_of(plan: &Plan, gate: GateIndex, wave: WaveIndex) -> Scope {
    if plan.spec.gates[gate.at()].guard { Scope::Guard } else { Scope::Wave(wave) }
}

fn baking(plan: &Plan, state: &State, wave: WaveIndex, since: Timestamp, now: Timestamp) -> Vec<Event> {
    if state.holds.iter().any(|hold| matches!(hold.kind, Kind::Gate(..))) {
        return Vec::new();
    }
    if plan.waves[wave.at()].size == 0 {
        // Nothing that could be measured, and nothing that could be bad.
        return vec![Event::WavePassed { wave }];
    }
    let (verdict, evidence) = budget::settled(plan, state, wave, now);
    if verdict != Verdict::Pass && !state.install_accepted {
        return gate::verdict_events(plan, state, now, Which::Install, Scope::Wave(wave), verdict, evidence);
    }
    let record = state.wave(wave);
    if let Some(credit) = credit(plan, state, wave, since, now) {
        return vec![credit];
    }
    let bake_ms = u64::from(plan.spec.waves[wave.at()].bake.0) * 1000;
    if record.baked_ms < bake_ms {
        return unmeasured(plan, state, wave, since, now);
    }
    let mut events = vec![Event::Judged {
        which: Which::Install,
        scope: Scope::Wave(wave),
        verdict: Verdict::Pass,
        evidence,
    }];
    for (gate, spec) in judges(plan, wave).filter(|(_, spec)| !is_asking(spec)) {
        let (which, scope) = (Which::Planned(gate), scope_of(plan, gate, wave));
        let measured = state.gate(which, scope);
        if !gate::is_passed(spec, measured, since) {
            let baked = since.plus(plan.spec.waves[wave.at()].bake);
            let from = measured.map_or(baked, |record| record.first_at.max(baked)).max(state.taken_up_at);
            if now.since(from) < spec.deadline {
                return Vec::new();
            }
            let said = measured.map_or(never(spec), |record| record.sentence.as_str());
            let sentence = format!("no pass within {} after the bake: {said}", spec.deadline);
            let evidence = gate::evidence(plan, state, gate, scope, sentence, now);
            return gate::verdict_events(plan, state, now, which, scope, Verdict::Inconclusive, evidence);
        }
        let sentence = measured.map_or_else(String::new, |record| record.sentence.clone());
        let evidence = gate::evidence(plan, state, gate, scope, sentence, now);
        if scope != Scope::Guard {
            events.push(Event::Judged { which, scope, verdict: Verdict::Pass, evidence });
        }
    }
    if let Some(waiting) = asked(plan, state, wave, now, false) {
        return waiting;
    }
    events.extend(people_asked(plan, wave, false).filter_map(|it| people::agreed(plan, state, now, it)));
    events.push(Event::WavePassed { wave });
    events
}

/// A bake that earns nothing, or next to nothing, because a gate finds no data ends there with a verdict; it must not wait for ever.
fn unmeasured(plan: &Plan, state: &State, wave: WaveIndex, since: Timestamp, now: Timestamp) -> Vec<Event> {
    for (gate, spec) in judges(plan, wave).filter(|(_, spec)| spec.check.looks()) {
        let (which, scope) = (Which::Planned(gate), scope_of(plan, gate, wave));
        let record = state.gate(which, scope);
        if gate::is_done(spec, record, since) {
            continue;
        }
        // While no process ran the rollout nobody asked, and before the first look there is nothing to see.
        let since = since.max(state.taken_up_at).plus(first_look(spec));
        let asked = record.map_or(since, |record| record.first_at.max(since));
        let measured = record.and_then(|record| record.last_measured_at).map_or(asked, |at| at.max(asked));
        if now.since(measured) >= spec.deadline {
            let said = record.map_or("never measured", |record| record.sentence.as_str());
            let sentence = format!("nothing measured for {} of the bake: {said}", spec.deadline);
            let evidence = gate::evidence(plan, state, gate, scope, sentence, now);
            return gate::verdict_events(plan, state, now, which, scope, Verdict::Inconclusive, evidence);
        }
        let bake = plan.spec.waves[wave.at()].bake;
        if now >= overdue(plan, wave, asked) {
            let said = record.map_or("never measured", |record| record.sentence.as_str());
            let sentence = format!("a bake of {bake} is not over {} later: {said}", plan.spec.deadlines.wave);
            let evidence = gate::evidence(plan, state, gate, scope, sentence, now);
            return gate::verdict_events(plan, state, now, which, scope, Verdict::Inconclusive, evidence);
        }
    }
    Vec::new()
}

/// When a bake has lasted too long, though something is measured now and then: looks that mostly say nothing earn it so slowly that
/// it would go on for days. `asked`: when the gate was first asked, or asked anew.
pub(crate) fn overdue(plan: &Plan, wave: WaveIndex, asked: Timestamp) -> Timestamp {
    asked.plus(plan.spec.waves[wave.at()].bake).plus(plan.spec.deadlines.wave)
}

/// Bake time earned since it was last counted: with gates, as much as each of them vouches for. The tempting shortcut, to count
/// up to the oldest of their last measurements, would let a slow gate's interval stand for a fast gate's outage.
fn credit(plan: &Plan, state: &State, wave: WaveIndex, since: Timestamp, now: Timestamp) -> Option<Event> {
    let record = state.wave(wave);
    let bake_ms = u64::from(plan.spec.waves[wave.at()].bake.0) * 1000;
    if record.baked_ms >= bake_ms {
        return None;
    }
    let (mut until, mut vouched_ms) = (now, None::<u64>);
    let mut step = Seconds(0);
    for (gate, spec) in judges(plan, wave).filter(|(_, spec)| spec.check.looks()) {
        let measured = state.gate(Which::Planned(gate), scope_of(plan, gate, wave));
        if gate::is_done(spec, measured, since) {
            continue;
        }
        until = until.min(measured.and_then(|record| record.last_measured_at).unwrap_or(since));
        let before_ms = record.vouched_before_ms.get(&gate).copied().unwrap_or(0);
        let by_gate_ms = measured.map_or(0, |record| record.vouched_ms).saturating_sub(before_ms);
        vouched_ms = Some(vouched_ms.map_or(by_gate_ms, |least| least.min(by_gate_ms)));
        step = step.max(spec.every);
    }
    let earned_ms = if let Some(vouched_ms) = vouched_ms {
        vouched_ms.saturating_sub(record.baked_ms)
    } else {
        // No gate looks, or none does any more: the time that this process sees go by counts.
        step = BAKE_STEP;
        now.since_ms(record.credited_until).min(u64::from(step.0) * 1250)
    };
    let step_ms = u64::from(step.0) * 1000;
    // A moment that earns little is left to grow, unless it completes the bake.
    (earned_ms > 0 && (earned_ms >= step_ms.min(bake_ms - record.baked_ms))).then_some(Event::BakeCredited {
        wave,
        until,
        earned_ms,
    })
}

/// The waves that end failed: the one named, or all that are open.
pub(super) fn fail(plan: &Plan, state: &State, wave: Option<WaveIndex>) -> Vec<Event> {
    let is_open = |wave: &WaveIndex| {
        matches!(
            state.wave(*wave).phase,
            WavePhase::Blocked { .. } | WavePhase::Open { .. } | WavePhase::Baking { .. }
        )
    };
    let waves = plan.wave_indices().filter(|open| is_open(open) && wave.is_none_or(|wave| wave == *open));
    waves.map(|wave| Event::WaveFailed { wave }).collect()
}

/// The decision to roll back, with the first step of every node that is already finished.
pub(super) fn roll_back(plan: &Plan, state: &State, cause: String) -> Vec<Event> {
    let mut events = vec![Event::RollbackDecided { cause }];
    events.extend(restore::begin(plan, state));
    events
}

/// Sites of a wave.
pub(crate) fn sites(plan: &Plan, wave: WaveIndex) -> Vec<SiteIndex> {
    let batches = plan.waves[wave.at()].batch_indices();
    batches.map(|batch| plan.batches[batch.at()].site).collect::<BTreeSet<_>>().into_iter().collect()
}

/// One site for each document of the package: each Region has one, spoken of in the owner's site, where that is among the sites; and
/// where every account has a copy, each site.
pub(crate) fn sites_of_documents(plan: &Plan) -> Vec<SiteIndex> {
    if plan.spec.package.copies {
        return (0..plan.sites.len() as u32).map(SiteIndex).collect();
    }
    let mut chosen: BTreeMap<&Region, SiteIndex> = BTreeMap::new();
    for (at, planned) in plan.sites.iter().enumerate() {
        let site = SiteIndex(at as u32);
        let chosen = chosen.entry(&planned.site.region).or_insert(site);
        if planned.site.account == plan.spec.package.owner {
            *chosen = site;
        }
    }
    chosen.into_values().collect()
}
