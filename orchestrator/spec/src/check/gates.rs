//! Gates.

use super::{approval, distinct, metrics, nodes, servers, waves};
use crate::code;
use crate::file;
use crate::problem::{Problems, quoted};
use crate::scalar::Text;
use crate::shape::{List, Placed};
use crate::text::{CelText, Name};
use std::collections::BTreeMap;
use wavetrain_model::expression::{Error, Expression};
use wavetrain_model::id::WaveIndex;
use wavetrain_model::spec::{Alarms, Check, Fleet, Gate};

/// Keys of gates that look by themselves; the first three also of none that waits for reports.
const ONLY_FOR_LOOKS: [&str; 9] = [
    "every",
    "initial_delay",
    "deadline",
    "dry_run",
    "count",
    "failure_limit",
    "inconclusive_limit",
    "consecutive_error_limit",
    "consecutive_success_limit",
];

type Written<const MAX: usize> = Option<Placed<List<file::Gate, 0, MAX>>>;

/// What a gate can refer to.
#[derive(Clone, Copy)]
pub struct Around<'a> {
    /// Names of the plan file's waves, in order.
    pub waves: &'a [&'a str],
    /// The fleet, if it is usable.
    pub fleet: Option<&'a Fleet>,
    /// Whether the package has a probe.
    pub has_probe: bool,
}

/// The gates; None when one of them is unusable.
pub fn check<const MAX: usize>(
    written: Written<MAX>,
    around: Around<'_>,
    problems: &mut Problems,
) -> Option<Vec<Gate>> {
    let Some(written) = written else { return Some(Vec::new()) };
    let mut places = BTreeMap::new();
    for gate in &written.value.0 {
        let Some(name) = &gate.value.name else { continue };
        if let Some(place) = places.insert(name.value.text.clone(), name.span) {
            let line = problems.line(place, name.span);
            problems.error(
                code::GATE_NAME,
                name.span,
                format!("two gates are named {}", quoted(&name.value.text)),
                format!("the other stands on {line}; rename one of the two"),
            );
        }
    }
    let gates: Vec<_> = written.value.0.into_iter().map(|placed| gate(placed, around, problems)).collect();
    gates.into_iter().collect()
}

fn gate(
    Placed { value: written, span }: Placed<file::Gate>,
    around: Around<'_>,
    problems: &mut Problems,
) -> Option<Gate> {
    if written.deadline.value.0 < written.every.value.0 {
        problems.error(
            code::GATE_TIMES,
            written.deadline.span,
            format!(
                "the deadline of {} passes before a second measurement ({})",
                written.deadline.value.0, written.every.value.0
            ),
            "raise `deadline`, or lower `every`",
        );
    }
    told(&written, problems);
    let kinds: Vec<&str> = file::GATE_KINDS.into_iter().filter(|kind| written.given.has(kind)).collect();
    match kinds.as_slice() {
        [] => problems.error(
            code::GATE_CHECK,
            span,
            "the gate does not say what it measures",
            "add `alarms: { prefix: … }`, `metric: { … }` or another kind of check",
        ),
        [_] => {}
        [first, second, ..] => problems.error(
            code::GATE_CHECK,
            span,
            format!("the gate measures both `{first}` and `{second}`"),
            "make two gates of it, each with a name",
        ),
    }
    let judged =
        written.waves.map(|judged| of_waves(judged.value.0, around.waves, problems)).unwrap_or_default();
    // Of two kinds, which was reported, both are looked at, so that nothing waits for the next run.
    let alarms = written.alarms.map(|alarms| Check::Alarms(check_alarms(alarms, problems)));
    let metric = written.metric.and_then(|metric| metrics::check(metric, problems)).map(Check::Metric);
    let is_blocker = written.blocker.value.0;
    let approval = written.approval.as_ref().and_then(|asked| approval::check(asked, problems));
    let approval = approval.map(Check::Approval);
    let compare = written.compare.and_then(|compare| metrics::compare(compare, is_blocker, problems));
    let prometheus = written.prometheus.and_then(|ask| servers::prometheus(ask, problems));
    let http = written.http.and_then(|ask| servers::http(ask, problems));
    let check = alarms.or(metric).or(compare.map(Check::Compare));
    let compliance =
        written.compliance.and_then(|ask| nodes::compliance(ask, is_blocker, around.has_probe, problems));
    let check = check.or(prometheus.map(Check::Prometheus)).or(http).or(approval);
    let probe = written.probe.and_then(|ask| nodes::probe(ask, problems));
    let check = check.or(compliance.map(Check::Compliance)).or(probe.map(Check::Probe));
    let install = written.install.map(|install| Check::Install(nodes::install(&install.value)));
    let check = check.or(install);
    let deadline = match &check {
        Some(Check::Callback(callback)) => callback.within,
        _ => written.deadline.value.0,
    };
    let check = check?;
    nodes::scope(&check, written.within.as_ref(), written.per.as_ref(), problems);
    Some(Gate {
        within: waves::within(written.within.as_ref(), around.fleet, problems),
        per: written.per.map(|per| per.value.0),
        check,
        name: written.name?.value.text,
        guard: written.guard.value.0,
        blocker: written.blocker.value.0,
        dry_run: written.dry_run.value.0,
        waves: judged,
        every: written.every.value.0,
        initial_delay: written.initial_delay.value.0,
        count: written.count.map(|count| count.value.0),
        failure_limit: written.failure_limit.value.0,
        inconclusive_limit: written.inconclusive_limit.map(|limit| limit.value.0),
        consecutive_error_limit: written.consecutive_error_limit.value.0,
        consecutive_success_limit: written.consecutive_success_limit.value.0,
        deadline,
    })
}

/// Gates that look nowhere by themselves have no intervals and no limits of their own.
fn told(written: &file::Gate, problems: &mut Problems) {
    let callback = written.http.as_ref().and_then(|http| http.value.callback.as_ref());
    let (noun, span, idle) = match (&written.approval, callback) {
        (Some(approval), _) => ("an approval", approval.span, &ONLY_FOR_LOOKS[..]),
        (None, Some(callback)) => ("a callback", callback.span, &ONLY_FOR_LOOKS[..3]),
        (None, None) => return,
    };
    for key in idle.iter().filter(|key| written.given.has(key)) {
        let help = match *key {
            "deadline" => "write `within` into it",
            "dry_run" => "remove the gate: people would be asked for nothing",
            _ => "delete it",
        };
        let message = format!("`{key}` has no meaning for {noun}, which is told and does not look");
        problems.error(code::APPROVAL, span, message, help);
    }
}

fn of_waves(judged: Vec<Placed<Text<Name>>>, waves: &[&str], problems: &mut Problems) -> Vec<WaveIndex> {
    let mut found = Vec::with_capacity(judged.len());
    for Placed { value: name, span } in judged {
        let Some(at) = waves.iter().position(|wave| **wave == name.text) else {
            let help = match problems.nearest(&name.text, waves.iter().copied()) {
                Some(wave) => format!("did you mean `{wave}`?"),
                None => "write the `name` of one of the waves".to_owned(),
            };
            problems.error(code::GATE_WAVE, span, format!("there is no wave {}", quoted(&name.text)), help);
            continue;
        };
        let wave = WaveIndex(at as u16);
        if found.contains(&wave) {
            super::repeated(&name.text, span, problems);
        } else {
            found.push(wave);
        }
    }
    found
}

fn check_alarms(Placed { value: written, span }: Placed<file::Alarms>, problems: &mut Problems) -> Alarms {
    if !written.given.has("names") && !written.given.has("prefix") {
        problems.error(
            code::ALARM_SELECTION,
            span,
            "the gate names no alarms",
            "add `names: […]`, `prefix: …` or both",
        );
    }
    Alarms {
        names: written.names.map(|names| distinct(names.value.0, problems)).unwrap_or_default(),
        prefix: written.prefix.map(|prefix| prefix.value.text),
        insufficient_data: written.insufficient_data.value.0,
        fail_if: written.fail_if.and_then(|rule| expression(&rule, &["alarm"], problems)),
    }
}

/// A condition that parses and names nothing unknown; None: reported.
pub(super) fn expression(
    written: &Placed<Text<CelText>>,
    variables: &[&str],
    problems: &mut Problems,
) -> Option<String> {
    let text = &written.value.text;
    match Expression::parse(text, variables) {
        Ok(_) => Some(text.clone()),
        Err(error) => {
            let names = variables.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
            let help = match &error {
                Error::Unknown(name) => match problems.nearest(name, variables.iter().copied()) {
                    Some(known) => format!("did you mean `{known}`?"),
                    None => format!("the names are {names}"),
                },
                Error::TooLong | Error::TooDeep | Error::Syntax(_) | Error::Evaluation(_) => {
                    let example = if variables[0] == "plan" { "plan.nodes" } else { variables[0] };
                    format!("write a comparison in CEL over {names}, such as `{example} > 5`")
                }
            };
            problems.error(code::CONDITION, written.span, error.to_string(), help);
            None
        }
    }
}
