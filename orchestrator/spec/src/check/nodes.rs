//! Gates that ask about single nodes, and what narrows a gate.

use super::distinct;
use super::metrics::condition;
use crate::code;
use crate::file;
use crate::problem::Problems;
use crate::scalar::Word;
use crate::shape::Placed;
use wavetrain_model::diagnostic::Span;
use wavetrain_model::id::WaveIndex;
use wavetrain_model::quantity::{Amount, Percent};
use wavetrain_model::spec::{
    Check, ComplianceCheck, Condition, InstallCheck, PROBE_VARIABLES, Per, ProbeCheck, Rollout,
};

/// A compliance gate; None when it is unusable, which was reported.
pub fn compliance(
    Placed { value: written, span }: Placed<file::Compliance>,
    is_blocker: bool,
    has_probe: bool,
    problems: &mut Problems,
) -> Option<ComplianceCheck> {
    let truth = written.truth.value.0;
    let mut refuse = |span, message: &str, help: &str| {
        problems.error(code::NODE_CHECK, span, message, help);
        None
    };
    let has_types = written.given.has("types");
    if !has_types && !truth {
        return refuse(
            span,
            "the gate names nothing to ask about",
            "add `types: [Patch]`, `truth: yes` or both",
        );
    }
    if truth && !has_probe {
        let help = "add `probe` to `package`, or remove `truth`";
        return refuse(written.truth.span, "without a probe there is no truth to compare with", help);
    }
    if is_blocker && !has_types {
        let help = "add `types: [Patch]`, or remove `blocker`";
        return refuse(span, "before a wave begins, no probe has looked at its nodes", help);
    }
    Some(ComplianceCheck {
        types: written.types.map(|types| distinct(types.value.0, problems)).unwrap_or_default(),
        severities: written.severities.map(|words| distinct(words.value.0, problems)).unwrap_or_default(),
        truth,
        at_least: written.at_least.value.0,
        minimum_reporting: written.minimum_reporting.value.0,
        max_age: written.max_age.value.0,
    })
}

/// A gate that asks by a command; None when it is unusable, which was reported.
pub fn probe(
    Placed { value: written, span }: Placed<file::NodeProbe>,
    problems: &mut Problems,
) -> Option<ProbeCheck> {
    if !written.given.has("linux") && !written.given.has("windows") {
        let help = "add `linux: COMMAND`, `windows: COMMAND` or both";
        problems.error(code::NODE_CHECK, span, "the probe has no command", help);
        return None;
    }
    let condition = if written.given.has("fail_if") || written.given.has("pass_if") {
        let (fail_if, pass_if) = (written.fail_if.as_ref(), written.pass_if.as_ref());
        condition(span, fail_if, pass_if, &PROBE_VARIABLES, problems)?
    } else {
        Condition { fail_if: None, pass_if: Some("exit == 0".to_owned()) }
    };
    Some(ProbeCheck {
        linux: written.linux.map(|command| command.value.text),
        windows: written.windows.map(|command| command.value.text),
        condition,
        sample: written.sample.value.0,
        at_least: written.at_least.value.0,
        minimum_reporting: written.minimum_reporting.value.0,
        timeout: written.timeout.value.0,
    })
}

/// A gate on failed installs.
pub fn install(written: &file::Install) -> InstallCheck {
    InstallCheck {
        failures: written.failures.as_ref().map_or(Amount::Count(0), |failures| failures.value.0),
        minimum_finished: written.minimum_finished.value.0,
    }
}

/// Refuses gates on failed installs that could never say anything, or never pass.
pub fn installs(rollout: &Rollout, span: Span, problems: &mut Problems) {
    for gate in &rollout.gates {
        let Check::Install(check) = &gate.check else { continue };
        let is_laxer = match (check.failures, rollout.limits.failures) {
            (Amount::Count(own), Amount::Count(limit)) => own > limit,
            (Amount::Share(own), Amount::Share(limit)) => own > limit,
            _ => false,
        };
        if is_laxer || check.failures == Amount::Share(Percent::ALL) {
            problems.error(
                code::INSTALL_CHECK,
                span,
                format!(
                    "gate `{}` tolerates {} failures, and `limits.failures` stops the rollout at more than {}",
                    gate.name, check.failures, rollout.limits.failures
                ),
                "lower `failures` of the gate: it can only be stricter than the budgets that every rollout has",
            );
        }
        let first = rollout.waves.iter().enumerate().find(|(index, wave)| {
            gate.blocker && wave.after.is_empty() && gate.judges(WaveIndex(*index as u16))
        });
        if let Some((_, wave)) = first {
            problems.error(
                code::INSTALL_CHECK,
                span,
                format!(
                    "before wave `{}` nothing is installed that gate `{}` could count",
                    wave.name, gate.name
                ),
                "restrict the gate to later waves with `waves`, or remove `blocker`",
            );
        }
    }
}

/// Refuses `where` and `per` that the kind of check cannot follow.
pub fn scope(
    check: &Check,
    within: Option<&Placed<file::Where>>,
    per: Option<&Placed<Word<Per>>>,
    problems: &mut Problems,
) {
    let (is_elsewhere, is_of_places) = match check {
        Check::Prometheus(_) | Check::Http(_) | Check::Callback(_) | Check::Approval(_) => (true, false),
        Check::Alarms(_) | Check::Metric(_) => (false, true),
        Check::Compare(_)
        | Check::Compliance(_)
        | Check::Probe(_)
        | Check::Connection(_)
        | Check::Reporting(_)
        | Check::Duration(_)
        | Check::Install(_) => (false, false),
    };
    if matches!(check, Check::Install(_)) {
        let spans = within.map(|within| within.span).into_iter().chain(per.map(|per| per.span));
        for span in spans {
            let message = "installs are counted by wave, by stratum and over the run, and not otherwise";
            problems.error(code::GATE_SCOPE, span, message, "remove it");
        }
        return;
    }
    if let Some(within) = within {
        if is_elsewhere {
            let help = "restrict the query, or `waves`";
            problems.error(code::GATE_SCOPE, within.span, "a server is asked once, for all sites", help);
        } else if let (true, Some(platforms)) = (is_of_places, &within.value.platforms) {
            let help = "restrict the metric's dimensions, or the alarms' names";
            let message = "CloudWatch is asked for each account and Region, not for each platform";
            problems.error(code::GATE_SCOPE, platforms.span, message, help);
        }
    }
    if let Some(per) = per {
        let message = match (per.value.0, is_elsewhere, is_of_places) {
            (_, true, _) => "a server is asked once, for all sites",
            (Per::Stratum, _, true) => {
                "CloudWatch is asked for each account and Region, not for each stratum"
            }
            _ => return,
        };
        problems.error(code::GATE_SCOPE, per.span, message, "remove `per`");
    }
}
