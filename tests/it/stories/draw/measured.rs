//! Gates that measure numbers, and everything that can be wrong with numbers: late, missing, doubled, not a number, refused, dead.

use super::Fleet;
use crate::stories::dice::Dice;
use std::fmt::Write as _;
use wavetrain_sim::fault::{ErrorFault, Fault};

/// What is added to a story.
#[derive(Default)]
pub(super) struct Measured {
    /// Lines of the world file.
    pub(super) world: String,
    /// Keys of the version.
    pub(super) version: String,
    /// Items of the plan file's list of gates.
    pub(super) gates: String,
    pub(super) faults: Vec<Fault>,
}

pub(super) fn draw(dice: &mut Dice, fleet: &Fleet, storm: u32) -> Measured {
    let mut measured = Measured::default();
    if dice.chance(20) {
        // Kills the agent of some nodes: the guard that every rollout has is to see it.
        let _ = write!(
            measured.version,
            ", loses_ping: {{ when: {{ fraction: {} }}, after_seconds: {} }}",
            dice.pick(&["0.1", "0.5", "1.0"]),
            dice.pick(&[10, 300, 1200])
        );
    }
    if !dice.chance(45) {
        return measured;
    }
    let quality = dice.pick(&[
        "late_seconds: [1, 20]",
        "late_seconds: [1, 20]",
        "late_seconds: [60, 400]",
        "missing: 0.3",
        "missing: 1.0",
        "duplicated: 0.5",
    ]);
    let silent = dice.pick(&["", "", ", swings: [{ from_seconds: 900, until_seconds: 3000, silent: true }]"]);
    let _ = writeln!(
        measured.world,
        "metrics:\n  - {{ name: crashes, kind: count, level: 0, {quality}{silent} }}\n  - {{ name: latency, level: 100, spread: 4, \
         node_spread: 0.03, {quality} }}"
    );
    measured.version.push_str(dice.pick::<&str>(&[
        "",
        "",
        ", raises: [{ metric: crashes, by: 6 }]",
        ", raises: [{ metric: crashes, by: 6, after_seconds: 400 }, { metric: latency, times: 1.5 }]",
        ", raises: [{ metric: latency, silent: true }]",
    ]));
    metric(dice, &mut measured.gates);
    if fleet.groups[0].count >= 15 && dice.chance(60) {
        let _ = writeln!(
            measured.gates,
            "    - {{ name: compared{}, dry_run: yes, compare: {{ namespace: CWAgent, name: latency, minimum_nodes: 2 }} }}",
            dice.pick(&["", ", guard: yes"])
        );
    }
    if dice.chance(40) {
        measured.faults.push(fault(dice, storm));
    }
    measured
}

fn metric(dice: &mut Dice, gates: &mut String) {
    let crashes = r#"expression: "SUM(SEARCH('{CWAgent,InstanceId} MetricName=\"crashes\"', 'Sum', 60))""#;
    let ask = dice.pick(&[
        crashes,
        crashes,
        crashes,
        // One metric that nobody reports, a division by nothing, and what no service understands.
        "namespace: CWAgent, name: unheard",
        r#"expression: "SUM(SEARCH('{CWAgent,InstanceId} MetricName=\"crashes\"', 'Sum', 60)) / 0""#,
        "expression: SUMM(1",
    ]);
    let _ = writeln!(
        gates,
        "    - {{ name: crashes{}, every: {}s, failure_limit: {}, deadline: {}m, metric: {{ {ask}, fail_if: value > 5 }} }}",
        dice.pick(&["", ", guard: yes", ", guard: yes", ", dry_run: yes"]),
        dice.pick(&[30, 60, 120]),
        dice.pick(&[0, 0, 1]),
        dice.pick(&[10, 30]),
    );
}

/// CloudWatch throttles, or is dead.
fn fault(dice: &mut Dice, storm: u32) -> Fault {
    let from = dice.below(storm);
    let (code, status) = dice.pick(&[("ThrottlingException", 400), ("InternalServiceFault", 500)]);
    Fault {
        operations: vec!["GetMetricData".to_owned()],
        from_seconds: Some(from.into()),
        until_seconds: Some((from + dice.between(60, storm)).into()),
        probability: Some(f64::from(dice.pick(&[30, 100])) / 100.0),
        error: Some(ErrorFault { code: code.into(), status, message: "Rate exceeded".into() }),
        ..Fault::default()
    }
}

/// The plan file with more gates.
pub(super) fn add(plan: &str, gates: &str) -> String {
    if gates.is_empty() {
        return plan.to_owned();
    }
    match plan.split_once("  gates:\n") {
        Some((before, after)) => format!("{before}  gates:\n{gates}{after}"),
        None => plan.replacen("  rollback:", &format!("  gates:\n{gates}  rollback:"), 1),
    }
}
