//! Answers of single nodes to a gate's probe.

use super::share::{self, Bar, Word};
use super::{Case, Judgement, condition, place};
use wavetrain_model::expression::Given;
use wavetrain_model::gate::{Found, Probed, Reading, Verdict};
use wavetrain_model::spec::{Gate, PROBE_VARIABLES, ProbeCheck};

/// Characters of an answer that a sentence repeats.
const SHOWN: usize = 80;

/// Judges all sites together, unless the gate says otherwise.
pub(super) fn judge(case: Case<'_>, gate: &Gate, check: &ProbeCheck, readings: &[Reading]) -> Judgement {
    let mut said = Vec::new();
    let mut error = None;
    for reading in readings {
        let place = place(case.plan, reading.site);
        match &reading.found {
            Ok(Found::Probed(nodes)) => {
                for probed in nodes {
                    match word(check, probed) {
                        Ok(word) => said.push((probed.node, word)),
                        Err(message) => {
                            let id = &case.plan.nodes[probed.node.at()].id;
                            error = error.or(Some(format!("{place}{id}: {message}")));
                        }
                    }
                }
            }
            Ok(_) => error = error.or(Some(format!("{place}was asked something else"))),
            Err(message) => error = error.or(Some(format!("{place}could not be measured: {message}"))),
        }
    }
    let bar = Bar { at_least: check.at_least, minimum_reporting: check.minimum_reporting, adjective: "good" };
    match (share::of_case(case, gate, bar, &said), error) {
        // What is bad is bad, whatever could not be asked.
        (Some(judgement), _) if judgement.verdict == Verdict::Fail => judgement,
        (_, Some(error)) => Judgement::new(Verdict::Error, error),
        (Some(judgement), None) => judgement,
        (None, None) => Judgement::new(Verdict::Inconclusive, "no node was asked".to_owned()),
    }
}

fn word(check: &ProbeCheck, probed: &Probed) -> Result<Word, String> {
    let Some(exit) = probed.exit else { return Ok(Word::Silent("did not answer".to_owned())) };
    let output = Given::Text(probed.output.clone());
    let given = [("exit", Given::Whole(i64::from(exit))), ("output", output)];
    let verdict =
        condition::weigh(&check.condition, &PROBE_VARIABLES, &given).map_err(|error| error.to_string())?;
    let answered = || {
        let line: String = probed.output.lines().next().unwrap_or_default().chars().take(SHOWN).collect();
        format!("answered with exit code {exit} and `{line}`")
    };
    Ok(match verdict {
        Verdict::Pass => Word::Good,
        Verdict::Fail => Word::Bad(answered()),
        Verdict::Inconclusive | Verdict::Error => Word::Silent(answered()),
    })
}

pub(super) fn query(check: &ProbeCheck) -> String {
    let scripts = [&check.linux, &check.windows].into_iter().flatten();
    let scripts: Vec<String> =
        scripts.map(|script| format!("`{}`", script.chars().take(SHOWN).collect::<String>())).collect();
    format!("{} on at most {} nodes", scripts.join(" or "), check.sample)
}

pub(super) fn threshold(check: &ProbeCheck) -> String {
    let meaning = condition::sentence(&check.condition);
    format!(
        "at least {} good of at least {} answering nodes; {meaning}",
        check.at_least, check.minimum_reporting
    )
}
