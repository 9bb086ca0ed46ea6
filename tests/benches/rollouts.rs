//! A thousand healthy rollouts and a thousand of every regression, judged by a comparison and by thresholds: false alarms, misses, and
//! how long it takes to see.
#![allow(missing_docs)]

#[path = "rehearsal/gauge.rs"]
#[allow(dead_code, reason = "every bench takes what it needs")]
mod gauge;
mod trial;

use gauge::{Figure, Target};
use trial::{COMPARE, ERRORS, LATENCY, Metric, count, plan_with, threshold};

const ROLLOUTS: u32 = 1_000;

/// Percent of healthy rollouts that a comparison may stop: its default level.
const LEVEL: f64 = 1.0;

fn main() {
    for (what, metric, regressions) in
        [("errors", ERRORS, &[1.25, 1.5, 2.0][..]), ("latency", LATENCY, &[1.1, 1.2, 1.5])]
    {
        let (mean, deviation) = metric.history();
        let gates = [
            ("compare", COMPARE.to_owned(), Target::AtMost(LEVEL)),
            ("threshold, mean + 3 deviations", threshold(mean + 3.0 * deviation), Target::None),
            ("threshold, mean + 1.5 deviations", threshold(mean + 1.5 * deviation), Target::None),
        ];
        for (gate, file, level) in gates {
            judge(what, metric, gate, &file, regressions, level);
        }
    }
}

fn judge(what: &str, metric: Metric, gate: &str, file: &str, regressions: &[f64], level: Target) {
    let plan = plan_with(file);
    let seeds = u64::from(ROLLOUTS);
    let print = |measured: &str, on: &str, rollouts: u32, target| {
        let (measured, on) = (format!("{measured}: {gate}"), format!("{ROLLOUTS} rollouts, {what} {on}"));
        let value = 100.0 * f64::from(rollouts) / f64::from(ROLLOUTS);
        Figure { measured: &measured, on: &on, value, unit: "%", target }.print();
    };
    let healthy = count(&plan, metric, 1.0, 0..seeds);
    print("false alarms", "healthy", healthy.failed, level);
    print("undecided", "healthy", healthy.held, Target::None);
    for (at, times) in regressions.iter().enumerate() {
        let from = seeds * (at as u64 + 1);
        let regressed = count(&plan, metric, *times, from..from + seeds);
        let on = format!("{:+.0} %", (times - 1.0) * 100.0);
        print("missed", &on, regressed.passed, Target::None);
        print("undecided", &on, regressed.held, Target::None);
        if let Some(minutes) = regressed.median_minutes {
            let (measured, on) = (format!("delay: {gate}"), format!("{ROLLOUTS} rollouts, {what} {on}"));
            let value = minutes.into();
            Figure { measured: &measured, on: &on, value, unit: "min", target: Target::None }.print();
        }
    }
}
