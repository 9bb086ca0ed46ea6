//! Guards that every rollout has: gates that nobody had to write; and gates that time is too short for.

use crate::code;
use crate::file;
use crate::problem::Problems;
use crate::shape::Placed;
use wavetrain_model::diagnostic::Span;
use wavetrain_model::id::WaveIndex;
use wavetrain_model::spec::{Check, Connection, Duration, Gate, Reporting, Rollout, Within};
use wavetrain_model::time::Seconds;

/// Without a verdict a guard that only stops has no deadline; the field wants one.
const DEADLINE: Seconds = Seconds(3600);

/// Adds the guards to the gates of the plan file.
pub fn add(gates: &mut Vec<Gate>, written: Placed<file::Guards>, problems: &mut Problems) {
    let span = written.span;
    sees_reports(gates, &written, problems);
    for guard in guards(written.value) {
        if gates.iter().any(|gate| gate.name == guard.name) {
            problems.error(
                code::GATE_NAME,
                span,
                format!("a gate is named `{0}`, as is the guard that every rollout has", guard.name),
                format!(
                    "rename the gate, or switch the guard off: `guards: {{ {}: {{ enabled: no }} }}`",
                    guard.name
                ),
            );
        }
        gates.push(guard);
    }
}

/// Warns where the guard of reporting can see nothing in what the comparisons find: it would never speak.
fn sees_reports(gates: &[Gate], written: &Placed<file::Guards>, problems: &mut Problems) {
    let reporting = &written.value.reporting;
    let patience = reporting.value.patience.value.0;
    let comparisons = gates.iter().filter_map(|gate| match &gate.check {
        Check::Compare(compare) => Some(compare),
        _ => None,
    });
    let mut comparisons = comparisons.peekable();
    if !reporting.value.enabled.value.0 || comparisons.peek().is_none() {
        return;
    }
    if comparisons.all(|compare| compare.window < patience || compare.period > patience) {
        problems.warning(
            code::BLIND_GUARD,
            reporting.span,
            format!("no comparison looks at {patience} in periods short enough to show that a node fell silent"),
            "give a `compare` gate a `window` of at least `patience` and a `period` of at most that, or change `patience`, \
             or switch the guard off: `guards: { reporting: { enabled: no } }`",
        );
    }
}

/// Refuses gates that see enough only after their deadline: no wave could ever pass them.
pub fn ripe_in_time(rollout: &Rollout, span: Span, problems: &mut Problems) {
    for gate in rollout.gates.iter().filter(|gate| gate.check.looks()) {
        let late = rollout.waves.iter().enumerate().find(|(index, wave)| {
            let bake = wave.bake.0.into();
            let is_late = if gate.guard { is_late_guard(gate, bake) } else { is_late(gate, bake) };
            gate.judges(WaveIndex(*index as u16)) && (is_late || gate.blocker && is_late_blocker(gate))
        });
        if let Some((_, wave)) = late {
            problems.error(
                code::GATE_TIMES,
                span,
                format!(
                    "gate `{}` can see enough of wave `{}` only after its deadline",
                    gate.name, wave.name
                ),
                "raise `deadline`; or lower `window`, `lag`, `minimum_samples`, `initial_delay`, `every` or the number of \
                 looks; or give the wave a longer `bake`",
            );
        }
    }
}

/// Seconds from a wave's last node to the first look, and to the first that can be good. Nothing older is looked at.
fn first_looks(gate: &Gate) -> (u64, u64) {
    let (look, enough) = match &gate.check {
        Check::Metric(metric) => {
            let (lag, period) = (u64::from(metric.lag.0), u64::from(metric.period.0));
            (lag + 2 * period, lag + period * u64::from(metric.minimum_samples.max(1)))
        }
        Check::Compare(compare) => {
            let first = u64::from(compare.lag.0) + 2 * u64::from(compare.period.0);
            (first, first)
        }
        Check::Prometheus(ask) => (ask.window.0.into(), ask.window.0.into()),
        _ => (0, 0),
    };
    let delay = u64::from(gate.initial_delay.0);
    (look.max(delay), enough.max(delay))
}

/// Good looks that a wave needs at least.
fn wanted(gate: &Gate) -> u64 {
    gate.consecutive_success_limit.max(gate.count.unwrap_or(1)).max(1).into()
}

/// With a bake the deadline counts from the first look and from the end of the bake, without one from the wave's last node.
fn is_late(gate: &Gate, bake: u64) -> bool {
    let (every, deadline) = (u64::from(gate.every.0), u64::from(gate.deadline.0));
    let (look, enough) = first_looks(gate);
    let from = if bake == 0 { 0 } else { look };
    enough > from + deadline
        || bake == 0 && look >= deadline
        || enough + (wanted(gate) - 1) * every > look.max(bake) + deadline
}

/// A guard has looked long before the wave settled, but what it looks at must lie wholly after that.
fn is_late_guard(gate: &Gate, bake: u64) -> bool {
    let (every, deadline) = (u64::from(gate.every.0), u64::from(gate.deadline.0));
    let enough = match &gate.check {
        Check::Metric(metric) => u64::from(metric.lag.0) + u64::from(metric.window.0),
        Check::Compare(compare) => u64::from(compare.lag.0) + u64::from(compare.window.0),
        Check::Prometheus(ask) => ask.window.0.into(),
        _ => 0,
    };
    // Its passes are counted anew when a wave settles.
    enough.max((wanted(gate) - 1) * every) > bake + deadline
}

/// A blocker looks at what was there before, as soon as its first look is due.
fn is_late_blocker(gate: &Gate) -> bool {
    let looks = u64::from(gate.consecutive_success_limit.max(1));
    let (look, _) = first_looks(gate);
    look + (looks - 1) * u64::from(gate.every.0) >= u64::from(gate.deadline.0)
}

fn guards(written: file::Guards) -> Vec<Gate> {
    let file::Guards { connection, reporting, duration, .. } = written;
    let (connection, reporting, duration) = (connection.value, reporting.value, duration.value);
    let mut guards = Vec::new();
    if connection.enabled.value.0 {
        let (limit, patience) = (connection.limit.value.0, connection.patience.value.0);
        let check = Check::Connection(Connection { limit, patience });
        // One unclear look may be the middle of an outage that the next look knows for one.
        guards.push(guard("connection", check, connection.every.value.0, Some(1)));
    }
    if reporting.enabled.value.0 {
        let (limit, patience) = (reporting.limit.value.0, reporting.patience.value.0);
        let check = Check::Reporting(Reporting { limit, patience });
        // The comparison itself says when there is too little data.
        guards.push(guard("reporting", check, patience, None));
    }
    if duration.enabled.value.0 {
        let (times, more) = (duration.times.value.0, duration.more.value.0);
        guards.push(guard(
            "duration",
            Check::Duration(Duration { times, more }),
            duration.every.value.0,
            Some(0),
        ));
    }
    guards
}

fn guard(name: &str, check: Check, every: Seconds, inconclusive_limit: Option<u32>) -> Gate {
    Gate {
        name: name.to_owned(),
        guard: true,
        blocker: false,
        dry_run: false,
        waves: Vec::new(),
        check,
        every,
        initial_delay: Seconds(0),
        count: None,
        failure_limit: 0,
        inconclusive_limit,
        consecutive_error_limit: 4,
        consecutive_success_limit: 1,
        deadline: DEADLINE,
        within: Within::default(),
        per: None,
    }
}
