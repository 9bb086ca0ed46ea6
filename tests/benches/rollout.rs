//! Whole rollouts in virtual time, over the simulation's in-memory door: CPU, memory, and what the log costs.
//!
//! `cargo bench --bench rollout` compares 10,000 with 100,000 nodes, each in a process of its own, so that the memory of
//! one is not that of the other; `… -- --nodes 50000` runs one size.
#![allow(missing_docs)]
#![allow(clippy::unwrap_used, reason = "a bench that cannot be set up has nothing to say")]
#![allow(clippy::print_stdout, reason = "printing is what a bench is for")]

mod rehearsal;

use rehearsal::gauge::{Figure, Target, cpu_seconds, peak_megabytes, resident_megabytes};
use rehearsal::{Rehearsal, Size, block_on};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::process::Command;
use std::time::Instant;
use wavetrain_model::state::{Ending, Phase, State};

const NODES_PER_SITE: usize = 1_000;

/// What one process measured.
#[derive(Debug, Serialize, Deserialize)]
struct Measured {
    nodes: usize,
    planning_seconds: f64,
    cpu_seconds: f64,
    events: usize,
    virtual_hours: f64,
    log_bytes: usize,
    load_seconds: f64,
    replay_seconds: f64,
    megabytes_before: f64,
    megabytes_peak: f64,
    calls: BTreeMap<String, usize>,
}

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    if let Some(at) = arguments.iter().position(|word| word == "--nodes") {
        let measured = measure(arguments[at + 1].parse().unwrap());
        println!("{}", serde_json::to_string(&measured).unwrap());
        return;
    }
    let [small, large] = [10_000, 100_000].map(apart);
    for measured in [&small, &large] {
        show(measured);
    }
    let per_node =
        |measured: &Measured| (measured.megabytes_peak - measured.megabytes_before) / measured.nodes as f64;
    let ratios = [
        ("memory a node, ratio", per_node(&large) / per_node(&small), Target::AtMost(1.05)),
        ("CPU a node, ratio", large.cpu_seconds / 10.0 / small.cpu_seconds, Target::None),
        ("events a node, ratio", large.events as f64 / 10.0 / small.events as f64, Target::None),
    ];
    for (measured, value, target) in ratios {
        Figure { measured, on: "100,000 nodes to 10,000", value, unit: "×", target }.print();
    }
}

/// The same measurement in a process of its own.
fn apart(nodes: usize) -> Measured {
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--nodes", &nodes.to_string()])
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn measure(nodes: usize) -> Measured {
    let accounts = (nodes / NODES_PER_SITE / rehearsal::REGIONS.len()).max(1);
    let nodes_per_site = nodes / accounts / rehearsal::REGIONS.len();
    let size = Size { accounts, nodes_per_site, in_flight: "10%" };
    block_on(async {
        let begun = cpu_seconds();
        let rehearsal = Rehearsal::new(size).await;
        let planning_seconds = cpu_seconds() - begun;
        let megabytes_before = resident_megabytes();
        let begun = cpu_seconds();
        let course = rehearsal.run().await;
        let cpu_seconds = cpu_seconds() - begun;
        let megabytes_peak = peak_megabytes();
        let state = &course.finished.state;
        assert_eq!(state.phase, Phase::Ended(Ending::Completed), "{:?}", state.holds);

        let begun = Instant::now();
        let record = course.load().await;
        let load_seconds = begun.elapsed().as_secs_f64();
        assert!(record.state == *state, "a loaded rollout is not the one that ran");

        let begun = Instant::now();
        let log = course.log().await;
        let mut replayed = State::new(&record.plan);
        for entry in &log {
            wavetrain_engine::evolve(&record.plan, &mut replayed, entry);
        }
        let replay_seconds = begun.elapsed().as_secs_f64();
        assert!(replayed == *state, "the replayed state is not the one that ran");
        Measured {
            nodes: record.plan.nodes.len(),
            planning_seconds,
            cpu_seconds,
            events: log.len(),
            virtual_hours: log[log.len() - 1].at.since_ms(log[0].at) as f64 / 3_600_000.0,
            log_bytes: course.log_bytes().await,
            load_seconds,
            replay_seconds,
            megabytes_before,
            megabytes_peak,
            calls: course.calls.into_iter().collect(),
        }
    })
}

fn show(measured: &Measured) {
    let on = format!("{} nodes in virtual time, in memory", measured.nodes);
    let is_target = measured.nodes == 100_000;
    let target = |bound: f64| if is_target { Target::AtMost(bound) } else { Target::None };
    let figures = [
        ("rollout, CPU with the simulated AWS", measured.cpu_seconds, "s", target(30.0)),
        ("building the world, survey and plan, CPU", measured.planning_seconds, "s", Target::None),
        ("duration, virtual", measured.virtual_hours, "h", Target::None),
        ("events in the log", measured.events as f64, "", Target::None),
        ("log", measured.log_bytes as f64 / 1e6, "MB", Target::None),
        ("taking up: newest snapshot and the rest", measured.load_seconds, "s", target(1.0)),
        ("replay of the whole log", measured.replay_seconds, "s", target(1.0)),
        ("memory before the rollout", measured.megabytes_before, "MB", Target::None),
        ("memory at most", measured.megabytes_peak, "MB", Target::None),
    ];
    for (measured, value, unit, target) in figures {
        Figure { measured, on: &on, value, unit, target }.print();
    }
    for (operation, calls) in &measured.calls {
        let value = *calls as f64 / measured.nodes as f64;
        let name = format!("calls of {operation}, a node");
        Figure { measured: &name, on: &on, value, unit: "", target: Target::None }.print();
    }
}
