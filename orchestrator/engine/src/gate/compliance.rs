//! SSM compliance of single nodes, joined with what their probes printed last.
//!
//! Whatever was found out before the node's install ended says nothing about what is on it now, however good it sounds.

use super::share::{self, Bar, Word};
use super::{Case, Judgement, place};
use wavetrain_model::gate::{Compliance, Found, Reading, Scope, Standing, Verdict};
use wavetrain_model::id::NodeIndex;
use wavetrain_model::outcome::Outcome;
use wavetrain_model::plan::Plan;
use wavetrain_model::spec::{ComplianceCheck, Gate};
use wavetrain_model::state::Forward;
use wavetrain_model::time::Timestamp;

/// Severities that a plan file may leave out. `UNSPECIFIED`, and words to come, always count.
const KNOWN: [&str; 5] = ["CRITICAL", "HIGH", "MEDIUM", "LOW", "INFORMATIONAL"];

/// Judges all sites together, unless the gate says otherwise.
pub(super) fn judge(case: Case<'_>, gate: &Gate, check: &ComplianceCheck, readings: &[Reading]) -> Judgement {
    let mut said = Vec::new();
    let mut error = None;
    for reading in readings {
        let place = place(case.plan, reading.site);
        match &reading.found {
            Ok(Found::Compliance { nodes, .. }) => {
                said.extend(nodes.iter().map(|standing| (standing.node, word(case, check, standing))));
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

fn word(case: Case<'_>, check: &ComplianceCheck, standing: &Standing) -> Word {
    let (node, of_blocker) = (standing.node, matches!(case.scope, Scope::Blocker(_)));
    let truth = if check.truth && !of_blocker { truth(case, node) } else { Word::Good };
    let types = check.types.iter().map(|kind| {
        let found = standing.types.iter().find(|found| found.kind == *kind);
        found.map_or_else(
            || Word::Silent(format!("has nothing of type {kind}")),
            |found| of_type(case, check, node, found),
        )
    });
    let mut silent = None;
    for word in std::iter::once(truth).chain(types) {
        match word {
            Word::Good => {}
            Word::Bad(_) => return word,
            Word::Silent(_) => silent = silent.or(Some(word)),
        }
    }
    silent.unwrap_or(Word::Good)
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

fn of_type(case: Case<'_>, check: &ComplianceCheck, node: NodeIndex, found: &Compliance) -> Word {
    let kind = &found.kind;
    let is_fresh = |at: Timestamp| match case.scope {
        Scope::Blocker(_) => case.now.since(at) <= check.max_age,
        Scope::Wave(_) | Scope::Guard => at > case.state.nodes[node.at()].finished_at,
    };
    match (found.at, found.compliant) {
        (None, _) => Word::Silent(format!("has {kind} of an unknown time")),
        (Some(at), _) if !is_fresh(at) => Word::Silent(format!("last reported {kind} at {at}")),
        (Some(_), None) => Word::Silent(format!("has {kind} in an unknown status")),
        (Some(_), Some(false)) if counts(check, found) => {
            let severities = found.bad.iter().filter(|(_, count)| **count > 0);
            let severities: Vec<String> =
                severities.map(|(severity, count)| format!("{count} {severity}")).collect();
            Word::Bad(format!("is not compliant in {kind} ({})", severities.join(", ")))
        }
        (Some(_), Some(_)) => Word::Good,
    }
}

/// Whether what is not compliant is of a severity that counts.
fn counts(check: &ComplianceCheck, found: &Compliance) -> bool {
    let mut bad = found.bad.iter().filter(|(_, count)| **count > 0).map(|(severity, _)| severity).peekable();
    let is_meant =
        |severity: &String| check.severities.contains(severity) || !KNOWN.contains(&severity.as_str());
    check.severities.is_empty() || bad.peek().is_none() || bad.any(is_meant)
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
