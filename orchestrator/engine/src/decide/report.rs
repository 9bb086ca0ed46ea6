//! Signed reports: measurements that somebody sends instead of being asked.

use super::gate::{Taken, taken};
use super::order::rejection;
use super::wave::scope_of;
use crate::input::{Callback, Rejection};
use wavetrain_model::event::Event;
use wavetrain_model::gate::{Evidence, Scope, Verdict, Which};
use wavetrain_model::id::WaveIndex;
use wavetrain_model::limit::REPORT_SKEW_SECONDS;
use wavetrain_model::plan::Plan;
use wavetrain_model::spec::Check;
use wavetrain_model::state::{Phase, State, WavePhase};
use wavetrain_model::time::{Seconds, Timestamp};

/// What a report means. Its signature was verified where it came in; here it is seen whether anybody waits for it.
pub(super) fn came(
    plan: &Plan,
    state: &State,
    now: Timestamp,
    report: &Callback,
) -> Result<Vec<Event>, Rejection> {
    let known = plan.spec.gates.get(report.gate.at());
    let Some(spec) = known.filter(|spec| matches!(spec.check, Check::Callback(_))) else {
        return Err(rejection(
            "S0111",
            "no such gate waits for reports",
            "`wavetrain status` lists the gates",
        ));
    };
    if report.plan != plan.digest {
        return Err(rejection(
            "S0112",
            "the report is about another plan",
            "report the digest of the plan that is carried out",
        ));
    }
    let skew = Seconds(REPORT_SKEW_SECONDS);
    if now.since(report.signed_at) > skew || report.signed_at.since(now) > skew {
        return Err(rejection("S0113", "the report is not of this time", "sign a new one"));
    }
    if state.nonces.contains_key(&report.nonce) {
        return Err(rejection("S0114", "this report came in before", "sign a new one, with another nonce"));
    }
    if state.phase != Phase::Running {
        return Err(rejection("S0115", "no gate is being judged any more", "nothing to do"));
    }
    let scope = scope(plan, state, report)?;
    let reported =
        Event::Reported { gate: report.gate, nonce: report.nonce.clone(), signed_at: report.signed_at };
    let samples = state.gate(Which::Planned(report.gate), scope).map_or(0, |record| record.samples);
    let evidence = Evidence {
        sentence: report.sentence.clone(),
        query: crate::gate::query(spec),
        // What happened before its wave settled proves nothing about it, so a report is as old as it says.
        from: report.signed_at,
        until: now,
        samples: samples + 1,
        statistic: report.verdict.to_string(),
        threshold: crate::gate::threshold(spec),
        nodes: 0,
        bad: None,
    };
    let look = Taken { gate: report.gate, scope, verdict: report.verdict, evidence, readings: Vec::new() };
    let mut events = vec![reported];
    events.extend(taken(plan, state, now, look));
    Ok(events)
}

/// That a report was refused does not make it new again.
pub(super) fn spent(plan: &Plan, state: &State, report: &Callback) -> Vec<Event> {
    let known = plan.spec.gates.get(report.gate.at());
    let is_asked = known.is_some_and(|spec| matches!(spec.check, Check::Callback(_)));
    if !is_asked || state.is_over() || state.nonces.contains_key(&report.nonce) {
        return Vec::new();
    }
    vec![Event::Reported { gate: report.gate, nonce: report.nonce.clone(), signed_at: report.signed_at }]
}

/// What it is about: the wave it names, or the one wave that the gate waits for.
fn scope(plan: &Plan, state: &State, report: &Callback) -> Result<Scope, Rejection> {
    let waits = |wave: &WaveIndex| scope_in(plan, state, report, *wave);
    if let Some(wave) = report.wave {
        return waits(&wave).ok_or_else(|| not_waited_for(plan, wave));
    }
    let mut scopes: Vec<Scope> = plan.wave_indices().filter_map(|wave| waits(&wave)).collect();
    // A guard is about all nodes touched so far, whichever waves they are of.
    scopes.dedup();
    match scopes.as_slice() {
        [one] => Ok(*one),
        [] => Err(rejection(
            "S0116",
            "the gate does not wait for a report now",
            "report again once the wave has settled; `wavetrain explain gate` says when that is",
        )),
        _ => Err(rejection("S0117", "several waves wait for a report", "name one with `wave`")),
    }
}

fn not_waited_for(plan: &Plan, wave: WaveIndex) -> Rejection {
    let name = plan.spec.waves.get(wave.at()).map_or("?", |spec| spec.name.as_str());
    rejection(
        "S0116",
        format!("the gate does not wait for a report about wave {name} now"),
        "report again once the wave has settled; `wavetrain explain gate` says when that is",
    )
}

/// Under which scope a report about a wave counts now; None: not at all.
fn scope_in(plan: &Plan, state: &State, report: &Callback, wave: WaveIndex) -> Option<Scope> {
    let spec = &plan.spec.gates[report.gate.at()];
    if wave.at() >= plan.waves.len() || !spec.measures(wave) {
        return None;
    }
    match state.wave(wave).phase {
        WavePhase::Blocked { .. } if spec.blocker => Some(Scope::Blocker(wave)),
        WavePhase::Baking { .. } => Some(scope_of(plan, report.gate, wave)),
        // Bad news about nodes that change cannot wait for the last of them; good news would be too early.
        WavePhase::Open { .. } if spec.guard && report.verdict == Verdict::Fail => Some(Scope::Guard),
        _ => None,
    }
}
