//! Gates.

use super::distinct;
use crate::code;
use crate::file;
use crate::problem::{Problems, quoted};
use crate::shape::{List, Placed};
use std::collections::BTreeMap;
use wavetrain_model::spec::{Alarms, Check, Gate};

type Written<const MAX: usize> = Option<Placed<List<file::Gate, 0, MAX>>>;

/// The gates; None when one of them is unusable.
pub fn check<const MAX: usize>(written: Written<MAX>, problems: &mut Problems) -> Option<Vec<Gate>> {
    let Some(written) = written else { return Some(Vec::new()) };
    let mut lines = BTreeMap::new();
    for gate in &written.value.0 {
        let Some(name) = &gate.value.name else { continue };
        if let Some(line) = lines.insert(name.value.text.clone(), name.span.line) {
            problems.error(
                code::GATE_NAME,
                name.span,
                format!("two gates are named {}", quoted(&name.value.text)),
                format!("the other stands on line {line}; rename one of the two"),
            );
        }
    }
    let gates: Vec<_> = written.value.0.into_iter().map(|placed| gate(placed, problems)).collect();
    gates.into_iter().collect()
}

fn gate(Placed { value: written, span }: Placed<file::Gate>, problems: &mut Problems) -> Option<Gate> {
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
    let says_what = file::GATE_KINDS.iter().any(|kind| written.given.has(kind));
    if !says_what {
        problems.error(
            code::GATE_CHECK,
            span,
            "the gate does not say what it measures",
            "add `alarms: { prefix: … }` or `alarms: { names: […] }`",
        );
    }
    Some(Gate {
        check: Check::Alarms(alarms(written.alarms?, problems)),
        name: written.name?.value.text,
        guard: written.guard.value.0,
        blocker: written.blocker.value.0,
        every: written.every.value.0,
        failure_limit: written.failure_limit.value.0,
        consecutive_error_limit: written.consecutive_error_limit.value.0,
        deadline: written.deadline.value.0,
    })
}

fn alarms(Placed { value: written, span }: Placed<file::Alarms>, problems: &mut Problems) -> Alarms {
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
    }
}
