//! Gates of the plan file: what one measurement says, and when a verdict is reached.

use super::wave;
use wavetrain_model::event::Event;
use wavetrain_model::gate::{Alarm, AlarmState, Evidence, Scope, Verdict, Which};
use wavetrain_model::hold::{Hold, Kind};
use wavetrain_model::id::{GateIndex, SiteIndex, WaveIndex};
use wavetrain_model::plan::Plan;
use wavetrain_model::spec::{Alarms, Check, InsufficientData, Reaction};
use wavetrain_model::state::{GateRecord, Phase, State};
use wavetrain_model::time::Timestamp;

/// One site's alarms, or why they could not be read.
type Sample = (SiteIndex, Result<Vec<Alarm>, String>);

pub(super) fn measured(
    plan: &Plan,
    state: &State,
    now: Timestamp,
    gate: GateIndex,
    scope: Scope,
    sites: &[Sample],
) -> Vec<Event> {
    let Some(spec) = plan.spec.gates.get(gate.at()) else { return Vec::new() };
    if state.phase != Phase::Running {
        return Vec::new();
    }
    let which = Which::Planned(gate);
    let record = state.gate(which, scope);
    let Check::Alarms(alarms) = &spec.check;
    let (verdict, sentence) = judge_alarms(plan, alarms, record, sites);
    let mut events = vec![Event::Measured { which, scope, verdict, sentence: sentence.clone() }];
    if record.is_some_and(|record| record.judged.is_some()) {
        return events;
    }
    let failures = record.map_or(0, |record| record.failures) + u32::from(verdict == Verdict::Fail);
    let errors = match verdict {
        Verdict::Error => record.map_or(0, |record| record.consecutive_errors) + 1,
        Verdict::Pass | Verdict::Inconclusive | Verdict::Fail => 0,
    };
    let reached = if errors > spec.consecutive_error_limit {
        Some(Verdict::Error)
    } else if failures > spec.failure_limit && !matches!(scope, Scope::Blocker(_)) {
        // A blocker looks at nodes that nobody touched: bad health there says nothing about the version, it only waits.
        Some(Verdict::Fail)
    } else {
        None
    };
    if let Some(reached) = reached {
        let evidence = evidence(plan, state, gate, scope, sentence, now);
        events.extend(verdict_events(plan, state, now, which, scope, reached, evidence));
    }
    events
}

/// The judgement and what the plan file says must follow.
pub(super) fn verdict_events(
    plan: &Plan,
    state: &State,
    now: Timestamp,
    which: Which,
    scope: Scope,
    verdict: Verdict,
    evidence: Evidence,
) -> Vec<Event> {
    let sentence = format!("{}: {verdict}: {}", name(plan, which), evidence.sentence);
    let mut events = vec![Event::Judged { which, scope, verdict, evidence }];
    let reaction = match (scope, verdict) {
        (_, Verdict::Pass) => return events,
        (Scope::Blocker(_), _) => Reaction::Pause,
        (_, Verdict::Fail) => plan.spec.rollback.on_fail,
        (_, Verdict::Error) => plan.spec.rollback.on_error,
        (_, Verdict::Inconclusive) => plan.spec.rollback.on_inconclusive,
    };
    let of_wave = match scope {
        Scope::Blocker(wave) | Scope::Wave(wave) => Some(wave),
        Scope::Guard => None,
    };
    match reaction {
        Reaction::Rollback => {
            events.extend(wave::fail(plan, state, of_wave));
            events.extend(wave::roll_back(plan, state, sentence));
        }
        Reaction::Abort => {
            events.extend(wave::fail(plan, state, of_wave));
            events.push(Event::AbortDecided { cause: sentence });
        }
        Reaction::Pause => events.push(Event::Held { hold: hold(plan, now, which, of_wave, sentence) }),
    }
    events
}

fn hold(plan: &Plan, now: Timestamp, which: Which, wave: Option<WaveIndex>, reason: String) -> Hold {
    Hold {
        kind: Kind::Gate(which, wave),
        reason,
        next_step: "look at the evidence, then `wavetrain resume` to accept it, `wavetrain rollback` or `wavetrain abort`"
            .to_owned(),
        needs_person: true,
        since: now,
        deadline: Some(now.plus(plan.spec.deadlines.hold)),
    }
}

/// A gate's name in sentences.
pub fn name(plan: &Plan, which: Which) -> &str {
    match which {
        Which::Install => "install",
        Which::Planned(gate) => plan.spec.gates.get(gate.at()).map_or("?", |gate| gate.name.as_str()),
    }
}

/// Evidence of a planned gate at this moment.
pub(super) fn evidence(
    plan: &Plan,
    state: &State,
    gate: GateIndex,
    scope: Scope,
    sentence: String,
    now: Timestamp,
) -> Evidence {
    let record = state.gate(Which::Planned(gate), scope);
    let Check::Alarms(alarms) = &plan.spec.gates[gate.at()].check;
    let nodes = match scope {
        Scope::Blocker(wave) | Scope::Wave(wave) => plan.waves[wave.at()].size,
        Scope::Guard => state.tally.finished() + state.waves.iter().map(|wave| wave.in_flight).sum::<u32>(),
    };
    Evidence {
        statistic: sentence.clone(),
        sentence,
        query: query(alarms),
        from: record.map_or(now, |record| record.first_at),
        until: now,
        samples: record.map_or(0, |record| record.samples),
        threshold: "no alarm in ALARM".to_owned(),
        nodes,
    }
}

fn query(alarms: &Alarms) -> String {
    let names = match alarms.names.as_slice() {
        [] => String::new(),
        names => format!(" names {}", names.join(", ")),
    };
    let prefix = alarms.prefix.as_ref().map_or_else(String::new, |prefix| format!(" prefix {prefix}"));
    format!("DescribeAlarms{names}{prefix}")
}

/// What one look at the alarms of all sites says. Worst wins, and the sentence names the place of the worst.
fn judge_alarms(
    plan: &Plan,
    alarms: &Alarms,
    record: Option<&GateRecord>,
    sites: &[Sample],
) -> (Verdict, String) {
    let worst = sites
        .iter()
        .map(|(site, sample)| {
            let place = plan.sites[site.at()].site.to_string();
            match sample {
                Err(message) => (Verdict::Error, format!("{place}: alarms could not be read: {message}")),
                Ok(found) => judge_site(alarms, record, &place, found),
            }
        })
        .max_by_key(|(verdict, _)| *verdict);
    match worst {
        None => (Verdict::Inconclusive, "no site to measure".to_owned()),
        Some((Verdict::Pass, _)) => {
            let count: usize =
                sites.iter().filter_map(|(_, sample)| sample.as_ref().ok()).map(Vec::len).sum();
            (Verdict::Pass, format!("{count} alarms of {} sites are OK", sites.len()))
        }
        Some(worst) => worst,
    }
}

fn judge_site(
    alarms: &Alarms,
    record: Option<&GateRecord>,
    place: &str,
    found: &[Alarm],
) -> (Verdict, String) {
    let missing = alarms.names.iter().find(|name| !found.iter().any(|alarm| alarm.name == **name));
    if let Some(missing) = missing {
        return (Verdict::Error, format!("{place}: alarm {missing} does not exist"));
    }
    if found.is_empty() {
        return (Verdict::Inconclusive, format!("{place}: no alarm matches"));
    }
    let judged = found.iter().filter_map(|alarm| judge_alarm(alarms, record, place, alarm));
    judged
        .max_by_key(|(verdict, _)| *verdict)
        .unwrap_or((Verdict::Inconclusive, format!("{place}: no alarm has data")))
}

fn judge_alarm(
    alarms: &Alarms,
    record: Option<&GateRecord>,
    place: &str,
    alarm: &Alarm,
) -> Option<(Verdict, String)> {
    let name = &alarm.name;
    match &alarm.state {
        AlarmState::Ok => {
            // It fired and recovered between two looks: OK now is not OK throughout.
            let flapped = record.is_some_and(|record| {
                record.last == Verdict::Pass && alarm.transitioned_at.is_some_and(|at| at > record.last_at)
            });
            Some(if flapped {
                (Verdict::Fail, format!("{place}: alarm {name} left OK and came back between two looks"))
            } else {
                (Verdict::Pass, String::new())
            })
        }
        AlarmState::Alarm => {
            Some((Verdict::Fail, format!("{place}: alarm {name} is in ALARM: {}", alarm.reason)))
        }
        AlarmState::InsufficientData => match alarms.insufficient_data {
            InsufficientData::Ignore => None,
            InsufficientData::Fail => Some((Verdict::Fail, format!("{place}: alarm {name} has no data"))),
            InsufficientData::Inconclusive => {
                Some((Verdict::Inconclusive, format!("{place}: alarm {name} has too little data")))
            }
        },
        AlarmState::Other(word) => {
            Some((Verdict::Inconclusive, format!("{place}: alarm {name} is in the unknown state {word}")))
        }
    }
}
