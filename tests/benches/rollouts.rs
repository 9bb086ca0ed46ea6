//! A thousand healthy rollouts and a thousand of every regression, judged by a comparison and by thresholds: false alarms, misses, and
//! how long it takes to see.
#![allow(missing_docs)]

#[path = "rehearsal/gauge.rs"]
#[allow(dead_code, reason = "every bench takes what it needs")]
mod gauge;
mod trial;

use gauge::{Figure, Target};
use trial::{COMPARE, ERRORS, LATENCY, Metric, failed, plan_with, threshold};

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
    let percent = |count: u32| 100.0 * f64::from(count) / f64::from(ROLLOUTS);
    let on = |text: &str| format!("{ROLLOUTS} rollouts, {what} {text}");
    let (alarms, _) = failed(&plan, metric, 1.0, 0..seeds);
    let measured = format!("false alarms: {gate}");
    Figure { measured: &measured, on: &on("healthy"), value: percent(alarms), unit: "%", target: level }
        .print();
    for (at, times) in regressions.iter().enumerate() {
        let from = seeds * (at as u64 + 1);
        let (caught, median) = failed(&plan, metric, *times, from..from + seeds);
        let on = on(&format!("{:+.0} %", (times - 1.0) * 100.0));
        let (missed, delay) = (format!("missed: {gate}"), format!("delay: {gate}"));
        let target = Target::None;
        Figure { measured: &missed, on: &on, value: percent(ROLLOUTS - caught), unit: "%", target }.print();
        if let Some(minutes) = median {
            Figure { measured: &delay, on: &on, value: minutes.into(), unit: "min", target }.print();
        }
    }
}
