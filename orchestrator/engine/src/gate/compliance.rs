//! SSM compliance of single nodes, joined with what their probes printed last.
//!
//! Whatever was found out before the node's install ended says nothing about what is on it now, however good it sounds. And what was
//! bad before the wave opened says nothing about the version: only what is new counts, so nodes are looked at before they are touched.

use super::share::{self, Bar, Word};
use super::{Case, Judgement, place};
use std::collections::BTreeMap;
use wavetrain_model::gate::{Compliance, Found, Reading, Scope, Standing, Verdict, Which};
use wavetrain_model::id::{GateIndex, NodeIndex, WaveIndex};
use wavetrain_model::outcome::Outcome;
use wavetrain_model::plan::Plan;
use wavetrain_model::spec::{ComplianceCheck, Gate};
use wavetrain_model::state::{Forward, State};
use wavetrain_model::time::Timestamp;

/// Severities that a plan file may leave out. `UNSPECIFIED`, and words to come, always count.
const KNOWN: [&str; 5] = ["CRITICAL", "HIGH", "MEDIUM", "LOW", "INFORMATIONAL"];

/// Judges all sites together, unless the gate says otherwise.
pub(super) fn judge(case: Case<'_>, gate: &Gate, check: &ComplianceCheck, readings: &[Reading]) -> Judgement {
    let index = super::index_of(case.plan, gate);
    let mut said = Vec::new();
    let mut error = None;
    for reading in readings {
        let place = place(case.plan, reading.site);
        match &reading.found {
            Ok(Found::Compliance { nodes, .. }) => {
                said.extend(nodes.iter().map(|standing| (standing.node, word(case, index, check, standing))));
            }
            Ok(_) => error = error.or(Some(format!("{place}was asked something else"))),
            Err(message) => error = error.or(Some(format!("{place}could not be measured: {message}"))),
        }
    }
    let bar =
        Bar { at_least: check.at_least, minimum_reporting: check.minimum_reporting, adjective: "compliant" };
    match (share::of_case(case, gate, bar, &said), error) {
        // What is bad is bad, whatever could not be asked.
        (Some(judgement), _) if judgement.verdict == Verdict::Fail => judgement,
        (_, Some(error)) => Judgement::new(Verdict::Error, error),
        (Some(judgement), None) => judgement,
        (None, None) => Judgement::new(Verdict::Inconclusive, "no node to ask about".to_owned()),
    }
}

fn word(case: Case<'_>, gate: GateIndex, check: &ComplianceCheck, standing: &Standing) -> Word {
    let (node, of_blocker) = (standing.node, matches!(case.scope, Scope::Blocker(_)));
    let truth = if check.truth && !of_blocker { truth(case, node) } else { Word::Good };
    let types = check.types.iter().map(|kind| {
        let found = standing.types.iter().find(|found| found.kind == *kind);
        found.map_or_else(
            || Word::Silent(format!("has nothing of type {kind}")),
            |found| of_type(case, gate, check, node, found),
        )
    });
    let (mut silent, mut is_before) = (None, false);
    for word in std::iter::once(truth).chain(types) {
        match word {
            Word::Good => {}
            Word::Before => is_before = true,
            Word::Bad(_) => return word,
            Word::Silent(_) => silent = silent.or(Some(word)),
        }
    }
    silent.unwrap_or(if is_before { Word::Before } else { Word::Good })
}

fn truth(case: Case<'_>, node: NodeIndex) -> Word {
    match case.state.nodes[node.at()].forward {
        Forward::Finished(Outcome::Succeeded | Outcome::Already) => Word::Good,
        Forward::Finished(outcome) if outcome.is_failure() => {
            Word::Bad(format!("does not have {}", case.plan.version(Plan::TARGET)))
        }
        _ => Word::Silent("has no probed version".to_owned()),
    }
}

fn of_type(
    case: Case<'_>,
    gate: GateIndex,
    check: &ComplianceCheck,
    node: NodeIndex,
    found: &Compliance,
) -> Word {
    let kind = &found.kind;
    let is_fresh = |at: Timestamp| match case.scope {
        Scope::Blocker(_) => case.now.since(at) <= check.max_age,
        Scope::Wave(_) | Scope::Guard => at > case.state.nodes[node.at()].finished_at,
    };
    match (found.at, found.compliant) {
        (None, _) => Word::Silent(format!("has {kind} of an unknown time")),
        (Some(at), _) if !is_fresh(at) => Word::Silent(format!("last reported {kind} at {at}")),
        (Some(_), None) => Word::Silent(format!("has {kind} in an unknown status")),
        (Some(_), Some(false)) if is_meant(check, &found.bad) => {
            let severities = found.bad.iter().filter(|(_, count)| **count > 0);
            let severities: Vec<String> =
                severities.map(|(severity, count)| format!("{count} {severity}")).collect();
            let now = format!("is not compliant in {kind} ({})", severities.join(", "));
            match before(case, gate, check, node, found) {
                Before::Unknown => Word::Silent(format!("{now}, and nothing is known of it before the wave")),
                Before::AsBad => Word::Before,
                Before::Better => Word::Bad(now),
            }
        }
        (Some(_), Some(_)) => Word::Good,
    }
}

/// How a node was before anything was touched.
enum Before {
    Unknown,
    /// At least as many items that count.
    AsBad,
    Better,
}

fn before(
    case: Case<'_>,
    gate: GateIndex,
    check: &ComplianceCheck,
    node: NodeIndex,
    now: &Compliance,
) -> Before {
    // Before a wave nothing is new.
    if matches!(case.scope, Scope::Blocker(_)) {
        return Before::Better;
    }
    let wave = case.plan.nodes[node.at()].wave;
    let Some(known) = wave.and_then(|wave| case.state.wave(wave).baselines.get(&gate)) else {
        return Before::Unknown;
    };
    let was = known.bad.get(&node).and_then(|types| types.get(&now.kind));
    match was {
        Some(was) if is_meant(check, was) && meant(check, &now.bad) <= meant(check, was) => Before::AsBad,
        Some(_) => Before::Better,
        None if known.sites.contains(&case.plan.site_of(node)) => Before::Better,
        None => Before::Unknown,
    }
}

/// Items of severities that count.
fn meant(check: &ComplianceCheck, bad: &BTreeMap<String, u32>) -> u32 {
    let is_meant = |severity: &str| {
        check.severities.is_empty()
            || check.severities.iter().any(|meant| meant == severity)
            || !KNOWN.contains(&severity)
    };
    bad.iter().filter(|(severity, _)| is_meant(severity)).map(|(_, count)| count).sum()
}

/// What a look before a wave found. It is no verdict: whatever was bad before says nothing about the version.
pub(crate) fn baseline(case: Case<'_>, readings: &[Reading]) -> Judgement {
    let (mut bad, mut all) = (0, 0);
    for reading in readings {
        let place = place(case.plan, reading.site);
        match &reading.found {
            Ok(Found::Compliance { nodes, .. }) => {
                let is_bad =
                    |standing: &&Standing| standing.types.iter().any(|one| one.compliant == Some(false));
                all += nodes.len();
                bad += nodes.iter().filter(is_bad).count();
            }
            Ok(_) => return Judgement::new(Verdict::Error, format!("{place}was asked something else")),
            Err(message) => {
                return Judgement::new(Verdict::Error, format!("{place}could not be measured: {message}"));
            }
        }
    }
    let sentence = format!("before the wave {bad} of {all} nodes are not compliant");
    Judgement::new(Verdict::Pass, sentence)
}

/// Whether a gate has looked at a wave's nodes before they are touched, or has tried often enough.
pub(crate) fn is_baseline_known(state: &State, gate: GateIndex, spec: &Gate, wave: WaveIndex) -> bool {
    state.gate(Which::Planned(gate), Scope::Blocker(wave)).is_some_and(|record| {
        record.last == Verdict::Pass || record.consecutive_errors > spec.consecutive_error_limit
    })
}

/// Whether what is not compliant is of a severity that counts. What has no items counts, whatever it is.
fn is_meant(check: &ComplianceCheck, bad: &BTreeMap<String, u32>) -> bool {
    bad.values().all(|count| *count == 0) || meant(check, bad) > 0
}

pub(super) fn query(check: &ComplianceCheck) -> String {
    let truth = if check.truth { " and the last probe" } else { "" };
    match check.types.as_slice() {
        [] => "the last probe of each node".to_owned(),
        types => format!("compliance of type {}{truth}", types.join(", ")),
    }
}

pub(super) fn threshold(check: &ComplianceCheck) -> String {
    let severities = match check.severities.as_slice() {
        [] => String::new(),
        severities => format!(", as far as {} items go", severities.join(" and ")),
    };
    format!(
        "at least {} compliant of at least {} reporting nodes{severities}",
        check.at_least, check.minimum_reporting
    )
}
