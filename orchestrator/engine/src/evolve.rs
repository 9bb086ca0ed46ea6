//! Folds one fact into the state.

mod node;
mod queue;
mod words;

use crate::decide::answer::silent_since;
use crate::gate::{first_look, install_medians};
use std::collections::BTreeMap;
use wavetrain_model::event::{Entry, Event};
use wavetrain_model::fleet::Platform;
use wavetrain_model::gate::{Evidence, Found, Probed, Reading, Scope, Standing, Verdict, Which};
use wavetrain_model::hold::{Hold, Kind};
use wavetrain_model::id::{AssociationId, CommandId, GateIndex, IntentId, NodeIndex, SiteIndex, WaveIndex};
use wavetrain_model::intent::{Action, Errand, Intent};
use wavetrain_model::limit::NODES_PER_COMMAND;
use wavetrain_model::outcome::Outcome;
use wavetrain_model::plan::Plan;
use wavetrain_model::planted::Bug;
use wavetrain_model::spec::{Check, Gate};
use wavetrain_model::state::{
    Baseline, Carrying, GateRecord, INSTALL_STEP_SECONDS, OpenIntent, Phase, Progress, Rollback, Round,
    State, WavePhase,
};
use wavetrain_model::time::{Seconds, Timestamp};

/// Folds one fact into the state. Total; used live and in replay; never decides.
pub fn evolve(plan: &Plan, state: &mut State, entry: &Entry) {
    state.seq += 1;
    state.updated_at = entry.at;
    let at = entry.at;
    match &entry.event {
        Event::Started { .. } => start(state, entry),
        Event::Recovered => recover(plan, state, at),
        Event::Ordered { .. } => {}
        Event::WaveBlocked { wave } => state.waves[wave.at()].phase = WavePhase::Blocked { since: at },
        Event::WaveOpened { wave } => open_wave(plan, state, *wave, at),
        Event::WaveSettled { wave } => settle_wave(plan, state, *wave, at),
        Event::BakeCredited { wave, until, earned_ms } => {
            let wave = &mut state.waves[wave.at()];
            wave.credited_until = *until;
            wave.baked_ms = wave.baked_ms.saturating_add(*earned_ms);
        }
        Event::WavePassed { wave } => pass_wave(state, *wave, at),
        Event::WaveFailed { wave } => state.waves[wave.at()].phase = WavePhase::Failed { at },
        Event::Intended { intent } => intend(plan, state, intent, at),
        Event::Sent { intent, command, .. } => {
            carry(plan, state, *intent, command);
            progress(state, *intent, Progress::Sent { command: command.clone(), at });
        }
        Event::Deferred { intent, until, .. } => defer(state, *intent, *until),
        Event::Uncertain { intents, .. } => {
            for intent in intents {
                progress(state, *intent, Progress::Uncertain { since: at });
            }
        }
        Event::Cleared { intent } => progress(state, *intent, Progress::Deferred { until: at }),
        Event::Settled { intents } => settle(plan, state, intents, at),
        Event::CarriedOut { intent, done, note } => carried_out(state, *intent, *done, note),
        Event::Surveyed { intent, before, nodes } => {
            node::surveyed(plan, state, *before, nodes);
            answered(state, Some(*intent), nodes);
        }
        Event::Installed { intent, touch, nodes } => {
            note_duration(plan, state, *intent, nodes, at);
            node::installed(plan, state, *touch, nodes, at);
            answered(state, Some(*intent), nodes);
        }
        Event::Requeued { intent, until, nodes, .. } => {
            node::requeued(plan, state, *until, nodes);
            answered(state, Some(*intent), nodes);
        }
        Event::Finished { intent, outcome, touch, nodes, note } => {
            if let (Some(intent), Outcome::Succeeded) = (intent, outcome) {
                note_duration(plan, state, *intent, nodes, at);
            }
            node::finished(plan, state, (*outcome, *touch), nodes, at);
            node::note(state, nodes, note);
            answered(state, *intent, nodes);
        }
        Event::Probed { intent, answers, refused } => probed(state, *intent, answers, refused.as_ref()),
        Event::Measured { which, scope, verdict, evidence, readings } => {
            baseline(plan, state, *which, *scope, readings);
            measured(plan, state, *which, *scope, *verdict, evidence, at);
        }
        Event::Judged { which, scope, verdict, evidence } => {
            judged(gate_record(state, *which, *scope, at), *verdict, &evidence.sentence);
        }
        Event::Held { hold } => hold_on(state, hold),
        Event::Released { kind, accepted } => release(plan, state, *kind, *accepted, at),
        Event::Approved { .. } | Event::Rejected { .. } | Event::Reported { .. } => {
            words::told(state, &entry.event, at);
        }
        Event::Guarded { .. }
        | Event::GuardrailApproved { .. }
        | Event::GuardrailRejected { .. }
        | Event::GuardrailsAdded { .. } => {
            words::guarded(state, &entry.event);
        }
        Event::SiteFailed { site, .. } => state.sites[site.at()].errors += 1,
        Event::SiteAnswered { site } => site_answered(state, *site, at),
        Event::RollbackDecided { cause } => begin_rollback(state, cause, at),
        Event::Stepped { intent, step, retry, until, nodes, note } => {
            node::stepped(plan, state, *step, *retry, nodes);
            node::rest(state, *until, at, nodes);
            node::note(state, nodes, note);
            answered(state, *intent, nodes);
        }
        Event::Restored { intent, nodes, .. } => {
            node::restored(plan, state, nodes, true);
            answered(state, *intent, nodes);
        }
        Event::NotRestored { intent, nodes, note } => {
            node::restored(plan, state, nodes, false);
            node::note(state, nodes, note);
            answered(state, *intent, nodes);
        }
        Event::Retried { nodes } => node::retried(plan, state, nodes, at),
        Event::AbortDecided { .. } => {
            state.phase = Phase::Aborting;
            state.rounds.clear();
            state.holds.clear();
        }
        Event::Ended { ending } => {
            state.phase = Phase::Ended(*ending);
            state.holds.clear();
        }
    }
}

fn start(state: &mut State, entry: &Entry) {
    state.started_at = entry.at;
    state.started_by.clone_from(&entry.actor);
}

/// Whatever was being handed to AWS when the process died may or may not have arrived. The settle time starts now, not when
/// the intent was written: the call can have started at any moment up to the crash.
fn recover(plan: &Plan, state: &mut State, at: Timestamp) {
    state.taken_up_at = at;
    for open in state.open.values_mut() {
        if let Action::Errand(errand) = &open.intent.action {
            // May be repeated without a search, except that what was made just now may not be listed by its name yet.
            let pause = if *errand == Errand::Keep { plan.spec.api.settle } else { Seconds(0) };
            open.progress = Progress::Deferred { until: at.plus(pause) };
            continue;
        }
        if matches!(open.progress, Progress::Recorded | Progress::Uncertain { .. }) {
            let resent = plan.has(Bug::ResendWithoutAdopting);
            open.progress =
                if resent { Progress::Deferred { until: at } } else { Progress::Uncertain { since: at } };
        }
    }
}

fn progress(state: &mut State, intent: IntentId, progress: Progress) {
    if let Some(open) = state.open.get_mut(&intent) {
        open.progress = progress;
    }
}

fn defer(state: &mut State, intent: IntentId, until: Timestamp) {
    if let Some(open) = state.open.get_mut(&intent) {
        open.refusals += 1;
    }
    progress(state, intent, Progress::Deferred { until });
}

/// Intents that nobody needs any more: their nodes go back to where they were.
fn settle(plan: &Plan, state: &mut State, intents: &[IntentId], at: Timestamp) {
    for intent in intents {
        if let Some(open) = state.open.remove(intent) {
            void_round(state, &open.intent.action);
            node::give_back(plan, state, &open, at);
        }
    }
}

/// A verdict stays as bad as the worst that was said.
fn judged(record: &mut GateRecord, verdict: Verdict, sentence: &str) {
    record.objections += u32::from(verdict != Verdict::Pass);
    record.judged = Some(record.judged.map_or(verdict, |earlier| earlier.max(verdict)));
    sentence.clone_into(&mut record.sentence);
}

/// Counts how long an install took, for those to come. Where nobody watched for a time, the duration would be ours, not the nodes'.
fn note_duration(plan: &Plan, state: &mut State, intent: IntentId, nodes: &[NodeIndex], at: Timestamp) {
    let Some(open) = state.open.get(&intent) else { return };
    let is_watched = silent_since(state, open.intent.site, open.recorded_at) == open.recorded_at;
    if !is_watched || state.is_site_held(open.intent.site) {
        return;
    }
    if let (Action::Install { wave, .. }, Progress::Sent { at: sent, .. }) =
        (&open.intent.action, &open.progress)
    {
        let seconds = at.since(*sent).0;
        let step = seconds.div_ceil(INSTALL_STEP_SECONDS).saturating_mul(INSTALL_STEP_SECONDS);
        let durations = &mut state.waves[wave.at()].install_seconds;
        for node in nodes {
            *durations.entry(plan.platform_of(*node)).or_default().entry(step).or_default() += 1;
        }
    }
}

/// An install that an association carries out: it must be removed, whatever becomes of the install.
fn carry(plan: &Plan, state: &mut State, intent: IntentId, command: &CommandId) {
    let Some(open) = state.open.get(&intent) else { return };
    if matches!(open.intent.action, Action::Install { .. }) && !plan.spec.dispatch.is_command() {
        let carrying = Carrying { site: open.intent.site, association: AssociationId::new(command.as_str()) };
        state.errands.carrying.insert(intent, carrying);
    }
}

fn carried_out(state: &mut State, intent: IntentId, done: bool, note: &str) {
    let Some(open) = state.open.remove(&intent) else { return };
    let Action::Errand(errand) = open.intent.action else { return };
    if let Errand::Remove { of, .. } = errand {
        state.errands.carrying.remove(&of);
    } else {
        state.errands.done.insert((open.intent.site, errand));
    }
    if !done {
        state.errands.exceptions.push(note.to_owned());
    }
}

/// Takes answered nodes off an intent; an intent without pending nodes is settled.
fn answered(state: &mut State, intent: Option<IntentId>, nodes: &[NodeIndex]) {
    let Some(intent) = intent else { return };
    let Some(open) = state.open.get_mut(&intent) else { return };
    open.pending.retain(|node| !nodes.contains(node));
    if open.pending.is_empty() {
        state.open.remove(&intent);
    }
}

fn open_wave(plan: &Plan, state: &mut State, wave: WaveIndex, at: Timestamp) {
    state.waves[wave.at()].phase = WavePhase::Open { since: at };
    let has_probe = plan.spec.package.probe.is_some();
    let mut filling: BTreeMap<(SiteIndex, Platform), Vec<NodeIndex>> = BTreeMap::new();
    for batch in plan.waves[wave.at()].batch_indices() {
        let batch = &plan.batches[batch.at()];
        *state.waves[wave.at()].site_size.entry(batch.site).or_default() += batch.nodes.len() as u32;
        for node in &batch.nodes {
            if !has_probe {
                queue::enqueue(plan, state, *node);
                continue;
            }
            // A probe is one script for one platform. Whole commands of one platform, in the order in which they fill: they
            // stay together from probe to probe, and no platform waits for the end of the other.
            let part = filling.entry((batch.site, plan.platform_of(*node))).or_default();
            part.push(*node);
            if part.len() == NODES_PER_COMMAND {
                part.drain(..).for_each(|node| queue::enqueue(plan, state, node));
            }
        }
    }
    filling.into_values().flatten().for_each(|node| queue::enqueue(plan, state, node));
}

fn settle_wave(plan: &Plan, state: &mut State, wave: WaveIndex, at: Timestamp) {
    let vouched = state.gates.iter().filter_map(|record| {
        let Which::Planned(gate) = record.which else { return None };
        let spec = planned(plan, record.which)?;
        let before_ms = match record.scope {
            // A guard's next measurement vouches for a time that began before the wave settled.
            Scope::Guard => record.last_measured_at.map_or(0, |last| vouches_ms(spec, last, at, false)),
            Scope::Wave(of) if of == wave => 0,
            Scope::Wave(_) | Scope::Blocker(_) => return None,
        };
        Some((gate, record.vouched_ms + before_ms))
    });
    let vouched_before_ms = vouched.collect();
    // What was seen before the last node ended says nothing about the whole wave.
    for record in &mut state.gates {
        if matches!(record.scope, Scope::Guard) || record.scope == Scope::Wave(wave) {
            (record.passes, record.consecutive_passes) = (0, 0);
        }
    }
    let wave = &mut state.waves[wave.at()];
    wave.vouched_before_ms = vouched_before_ms;
    wave.phase = WavePhase::Baking { since: at };
    wave.credited_until = at;
    wave.baked_ms = 0;
}

fn pass_wave(state: &mut State, wave: WaveIndex, at: Timestamp) {
    state.waves[wave.at()].phase = WavePhase::Passed { at };
    // What was accepted was this wave's evidence, not the next one's.
    state.install_accepted = false;
}

fn intend(plan: &Plan, state: &mut State, intent: &Intent, at: Timestamp) {
    state.next_intent = intent.id.0.saturating_add(1);
    match &intent.action {
        Action::Cancel { of, .. } => {
            if let Some(open) = state.open.get_mut(of) {
                open.cancelled = true;
            }
        }
        Action::Install { .. } => {
            state.first_dispatch_at.get_or_insert(at);
            state.sites[intent.site.at()].touched += intent.nodes.len() as u32;
            node::begin(plan, state, intent);
        }
        Action::Survey { .. }
        | Action::Verify { .. }
        | Action::Uninstall { .. }
        | Action::Reinstall { .. }
        | Action::Prove => node::begin(plan, state, intent),
        Action::Ask { gate, scope } => join_round(state, *gate, *scope, &intent.nodes, at),
        Action::Errand(Errand::Remove { .. }) => {}
        Action::Errand(errand) => {
            state.errands.begun.insert((intent.site, errand.clone()));
        }
    }
    let open = OpenIntent {
        intent: intent.clone(),
        progress: Progress::Recorded,
        pending: intent.nodes.clone(),
        refusals: 0,
        recorded_at: at,
        cancelled: false,
    };
    state.open.insert(intent.id, open);
}

fn join_round(state: &mut State, gate: GateIndex, scope: Scope, nodes: &[NodeIndex], at: Timestamp) {
    let known = state.rounds.iter_mut().find(|round| round.gate == gate && round.scope == scope);
    if let Some(round) = known {
        round.asked.extend(nodes);
    } else {
        let asked = nodes.to_vec();
        let (answers, refused) = (Vec::new(), BTreeMap::new());
        state.rounds.push(Round { gate, scope, begun_at: at, asked, answers, refused });
    }
}

fn probed(state: &mut State, intent: IntentId, answers: &[Probed], refused: Option<&String>) {
    let Some(open) = state.open.get(&intent) else { return };
    let Action::Ask { gate, scope } = open.intent.action else { return };
    let site = open.intent.site;
    let nodes: Vec<NodeIndex> = answers.iter().map(|answer| answer.node).collect();
    answered(state, Some(intent), &nodes);
    let round = state.rounds.iter_mut().find(|round| round.gate == gate && round.scope == scope);
    if let Some(round) = round {
        round.answers.extend_from_slice(answers);
        round.refused.extend(refused.map(|message| (site, message.clone())));
    }
}

/// A look of which a part was given up never was: half of it would speak for nodes that were not asked.
fn void_round(state: &mut State, action: &Action) {
    if let Action::Ask { gate, scope } = action {
        state.rounds.retain(|round| round.gate != *gate || round.scope != *scope);
    }
}

fn gate_record(state: &mut State, which: Which, scope: Scope, at: Timestamp) -> &mut GateRecord {
    let known = state.gates.iter().position(|record| record.which == which && record.scope == scope);
    let index = known.unwrap_or_else(|| {
        state.gates.push(GateRecord {
            which,
            scope,
            first_at: at,
            last_at: at,
            last_measured_at: None,
            last: Verdict::Inconclusive,
            sentence: String::new(),
            evidence: None,
            samples: 0,
            failures: 0,
            inconclusives: 0,
            consecutive_errors: 0,
            consecutive_passes: 0,
            passes: 0,
            vouched_ms: 0,
            seen_until: None,
            objections: 0,
            judged: None,
        });
        state.gates.len() - 1
    });
    &mut state.gates[index]
}

fn planned(plan: &Plan, which: Which) -> Option<&Gate> {
    let Which::Planned(gate) = which else { return None };
    plan.spec.gates.get(gate.at())
}

/// Remembers what was not compliant before a wave was touched. The last look before it opens stands.
fn baseline(plan: &Plan, state: &mut State, which: Which, scope: Scope, readings: &[Reading]) {
    let (Which::Planned(gate), Scope::Blocker(wave)) = (which, scope) else { return };
    if !planned(plan, which).is_some_and(Gate::needs_baseline) {
        return;
    }
    let mut found = Baseline::default();
    for reading in readings {
        let (Some(site), Ok(Found::Compliance { nodes, left_out })) = (reading.site, &reading.found) else {
            continue;
        };
        let is_bad = |standing: &Standing| standing.types.iter().any(|one| one.compliant == Some(false));
        // The worst are kept first: one that is not bad shows that none of those left out is.
        if *left_out == 0 || nodes.iter().any(|standing| !is_bad(standing)) {
            found.sites.insert(site);
        }
        for standing in nodes.iter().filter(|standing| is_bad(standing)) {
            let bad = standing.types.iter().filter(|one| one.compliant == Some(false));
            let bad = bad.map(|one| (one.kind.clone(), one.bad.clone())).collect();
            found.bad.insert(standing.node, bad);
        }
    }
    state.waves[wave.at()].baselines.insert(gate, found);
}

/// How much of the time between two measurements of a wave's or a guard's health the later one vouches for: no more than its own
/// interval (and a quarter, for latency). Nothing can be seen before the first look, so that look vouches for the time before it.
fn vouches_ms(spec: &Gate, from: Timestamp, at: Timestamp, is_first: bool) -> u64 {
    let interval = if is_first { spec.every.max(first_look(spec)) } else { spec.every };
    let interval_ms = u64::from(interval.0) * 1000;
    at.since_ms(from).min(interval_ms + interval_ms / 4)
}

fn measured(
    plan: &Plan,
    state: &mut State,
    which: Which,
    scope: Scope,
    verdict: Verdict,
    evidence: &Evidence,
    at: Timestamp,
) {
    let settled_at = match scope {
        Scope::Wave(wave) => match state.wave(wave).phase {
            WavePhase::Baking { since } => Some(since),
            _ => None,
        },
        Scope::Blocker(_) | Scope::Guard => None,
    };
    state.rounds.retain(|round| Which::Planned(round.gate) != which || round.scope != scope);
    let record = gate_record(state, which, scope, at);
    if let (Some(spec), Verdict::Pass | Verdict::Fail) = (planned(plan, which), verdict) {
        let from = record.last_measured_at.max(settled_at).unwrap_or(at);
        record.vouched_ms += vouches_ms(spec, from, at, record.last_measured_at < settled_at);
    }
    record.last_at = at;
    record.last = verdict;
    record.samples += 1;
    record.sentence.clone_from(&evidence.sentence);
    record.evidence = Some(evidence.clone());
    if verdict != Verdict::Error {
        record.seen_until = Some(evidence.until);
    }
    record.consecutive_errors = if verdict == Verdict::Error { record.consecutive_errors + 1 } else { 0 };
    record.consecutive_passes = if verdict == Verdict::Pass { record.consecutive_passes + 1 } else { 0 };
    match verdict {
        Verdict::Error => {}
        // A look that found no data vouches for no time.
        Verdict::Inconclusive => record.inconclusives += 1,
        Verdict::Pass => {
            record.passes += 1;
            record.last_measured_at = Some(at);
        }
        Verdict::Fail => {
            record.failures += 1;
            record.last_measured_at = Some(at);
        }
    }
}

fn hold_on(state: &mut State, hold: &Hold) {
    state.holds.retain(|earlier| earlier.kind != hold.kind);
    state.holds.push(hold.clone());
    state.holds.sort_by_key(|hold| hold.kind);
}

fn site_answered(state: &mut State, site: SiteIndex, at: Timestamp) {
    if state.holds.iter().any(|hold| hold.kind.site() == Some(site)) {
        state.sites[site.at()].answering_since = at;
    }
    state.sites[site.at()].errors = 0;
}

fn release(plan: &Plan, state: &mut State, kind: Kind, accepted: bool, at: Timestamp) {
    state.holds.retain(|hold| hold.kind != kind);
    if let Some(site) = kind.site() {
        state.sites[site.at()].errors = 0;
        state.sites[site.at()].answering_since = at;
    }
    if kind.stops_installs() && !state.holds.iter().any(|hold| hold.kind.stops_installs()) {
        // Nobody could begin anything meanwhile: the waves get their time anew.
        for wave in &mut state.waves {
            if let WavePhase::Open { since } = &mut wave.phase {
                *since = at;
            }
        }
    }
    if !accepted {
        return;
    }
    let Kind::Gate(which, _) = kind else { return };
    accept(plan, state, which, at);
    // What a person accepted is forgotten; the gate is measured afresh, with a new deadline.
    for record in state.gates.iter_mut().filter(|record| record.which == which) {
        record.judged = record.judged.filter(|judged| *judged == Verdict::Pass);
        record.failures = 0;
        record.inconclusives = 0;
        record.consecutive_errors = 0;
        record.first_at = at;
    }
    if which == Which::Install {
        state.install_accepted = true;
        state.accepted_failures = state.tally.failures();
        state.accepted_undelivered = state.tally.undelivered();
    }
}

fn begin_rollback(state: &mut State, cause: &str, at: Timestamp) {
    state.phase = Phase::RollingBack;
    state.rounds.clear();
    state.holds.retain(|hold| hold.kind.stops_rollback() || hold.kind.site().is_some());
    // After an aborted rollback the way back goes on where it stood.
    state.rollback.get_or_insert_with(|| Rollback {
        cause: cause.to_owned(),
        decided_at: at,
        queue: BTreeMap::new(),
        resting: BTreeMap::new(),
        in_flight: 0,
        total: 0,
        restored: 0,
        failed: 0,
    });
}

/// Remembers what a guard had seen when a person accepted it: what is lost stays lost, and the next look would hold again.
fn accept(plan: &Plan, state: &mut State, which: Which, at: Timestamp) {
    let (Which::Planned(gate), Some(spec)) = (which, planned(plan, which)) else { return };
    match &spec.check {
        Check::Install(_) => {
            let failures = state.tally.failures();
            state.accepted.entry(gate).or_default().nodes = failures;
        }
        Check::Connection(_) => {
            let record = state.gate(which, Scope::Guard);
            let bad = record.and_then(|record| record.evidence.as_ref()).and_then(|evidence| evidence.bad);
            let accepted = state.accepted.entry(gate).or_default();
            accepted.nodes = accepted.nodes.max(bad.unwrap_or(0));
        }
        Check::Duration(_) => {
            let medians = install_medians(plan, state, at);
            let accepted = state.accepted.entry(gate).or_default();
            for (platform, seconds) in medians {
                let so_far = accepted.install_seconds.entry(platform).or_default();
                *so_far = seconds.max(*so_far);
            }
        }
        _ => {}
    }
}
