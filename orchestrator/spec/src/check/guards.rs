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

/// Refuses gates that see enough only after their deadline: no wave could ever pass them. With a bake the deadline counts from the
/// first look, without one from the wave's last node; a guard has looked long before.
pub fn ripe_in_time(rollout: &Rollout, span: Span, problems: &mut Problems) {
    for gate in rollout.gates.iter().filter(|gate| !gate.guard) {
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
            _ => continue,
        };
        let late = rollout.waves.iter().enumerate().find(|(index, wave)| {
            let from = if wave.bake.0 == 0 { 0 } else { look };
            enough > from + u64::from(gate.deadline.0) && gate.judges(WaveIndex(*index as u16))
        });
        if let Some((_, wave)) = late {
            problems.error(
                code::GATE_TIMES,
                span,
                format!(
                    "gate `{}` can see enough of wave `{}` only after its deadline",
                    gate.name, wave.name
                ),
                "raise `deadline`, or lower `window`, `lag` or `minimum_samples`; or give the wave a `bake`",
            );
        }
    }
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
