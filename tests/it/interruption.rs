//! The program is stopped, kindly or not, and the same command goes on where it was.

use crate::kit::sim::Sim;
use crate::kit::stage::{APPLY, Ran, Running, Stage};
use crate::kit::truth::{
    assert_all_back, assert_everyone_has, assert_no_intent_twice, assert_none_after_decision,
};
use crate::kit::until;
use crate::kit::worlds::{BAD, GOOD, fleet, plan};

/// Slow enough to be caught in the middle, fast enough not to wait.
const SPEED: u32 = 300;

/// The lease of a killed process lasts 30 real seconds, which is so long in the world.
const LEASE_SECONDS: u32 = 31 * SPEED;

const BREAKS_WINDOWS: &str =
    "behaviour: [{ when: { platform: Windows, regions: [eu-west-1] }, install: fail }]";

/// Installs on the canaries are one command for each account at most; more means that a later wave has begun.
fn is_in_second_wave(sim: &Sim) -> bool {
    sim.sent("Install", GOOD) + sim.sent("Install", BAD) > 4
}

fn is_rolling_back(sim: &Sim) -> bool {
    sim.sent("Uninstall", "") + sim.sent("Install", "1.0.0-1") + sim.sent("Install", "1.1.0-1") > 0
}

/// Starts `apply` and lets the world stand still as soon as it is there.
fn caught(stage: &Stage, what: &str, there: impl Fn(&Sim) -> bool) -> Running {
    let mut running = stage.start(&APPLY);
    until(what, || {
        assert!(!running.has_ended(), "ended too early: {}", running.stderr_so_far());
        there(&stage.sim).then_some(())
    });
    stage.sim.stop_clock();
    running
}

/// Kills it and runs the same command at once: it waits for the lease of the killed process, which must run out.
fn killed_and_run_again(stage: &Stage, running: Running) -> Ran {
    running.kill();
    stage.sim.start_clock();
    let again = stage.start(&APPLY);
    until("it waits for the lease", || {
        again.stderr_so_far().contains("until its lease runs out").then_some(())
    });
    stage.sim.pass(LEASE_SECONDS);
    again.wait()
}

#[test]
fn killed_in_a_wave_it_goes_on_and_no_node_is_told_twice() {
    let stage = Stage::new(&fleet("", ""), SPEED);
    stage.write("plan.yaml", &plan(GOOD));
    let planned = stage.planned();
    let running = caught(&stage, "the second wave runs", is_in_second_wave);
    killed_and_run_again(&stage, running).ended_with(0).says("going on with rollout");
    let nodes = stage.nodes();
    assert_everyone_has(&nodes, GOOD);
    planned.assert_waves_in_order(&nodes, GOOD);
    assert!(stage.log("agent").position("recovered").is_some());
}

#[test]
fn killed_in_a_rollback_it_goes_on_and_every_touched_node_comes_back() {
    let stage = Stage::new(&fleet(BREAKS_WINDOWS, ""), SPEED);
    stage.write("plan.yaml", &plan(BAD));
    let before = stage.nodes();
    let running = caught(&stage, "the rollback runs", is_rolling_back);
    killed_and_run_again(&stage, running).ended_with(5);
    let (after, log) = (stage.nodes(), stage.log("agent"));
    assert_all_back(&before, &after, BAD);
    assert_none_after_decision(&log, &after, BAD);
    assert!(log.position("recovered") > log.position("rollback_decided"), "it was killed in the rollback");
}

#[test]
fn killed_after_every_few_commands_it_ends_the_same() {
    let stage = Stage::new(&fleet(BREAKS_WINDOWS, ""), SPEED);
    stage.write("plan.yaml", &plan(BAD));
    let before = stage.nodes();
    let mut kills = 0;
    let code = loop {
        let sent = stage.sim.calls("SendCommand").len();
        let mut running = stage.start(&APPLY);
        let ended = until("it is further", || {
            let further = stage.sim.calls("SendCommand").len() >= sent + 3;
            if running.has_ended() { Some(true) } else { further.then_some(false) }
        });
        if ended {
            break running.wait().code;
        }
        running.kill();
        kills += 1;
        stage.sim.pass(LEASE_SECONDS);
    };
    assert_eq!(code, 5, "after {kills} kills");
    assert!(kills > 3, "{kills} kills");
    let after = stage.nodes();
    assert_all_back(&before, &after, BAD);
    assert_none_after_decision(&stage.log("agent"), &after, BAD);
}

#[test]
fn interrupted_it_says_how_to_go_on_and_the_same_command_completes() {
    let stage = Stage::new(&fleet("", ""), SPEED);
    stage.write("plan.yaml", &plan(GOOD));
    for signal in ["INT", "TERM"] {
        let sent = stage.sim.calls("SendCommand").len();
        let running = caught(&stage, "commands are sent", |sim| sim.calls("SendCommand").len() > sent + 2);
        running.signal(signal);
        stage.sim.start_clock();
        let ran = running.wait().ended_with(6).says("run the same command again: wavetrain apply plan.yaml");
        assert_eq!(ran.json()["exit_code"], 6);
    }
    stage.apply().ended_with(0);
    assert_everyone_has(&stage.nodes(), GOOD);
}

#[test]
fn a_second_apply_is_refused_while_the_first_one_runs() {
    let stage = Stage::new(&fleet("", ""), SPEED);
    stage.write("plan.yaml", &plan(GOOD));
    let running = caught(&stage, "commands are sent", |sim| sim.calls("SendCommand").len() > 2);
    let sent = stage.sim.calls("SendCommand").len();
    stage.apply().ended_with(7).says("is being carried out by");
    // Nor may another plan of the same name push in.
    stage.write("other.yaml", &plan(BAD));
    stage.run(&["apply", "other.yaml", "--yes"]).ended_with(7).says("another plan file");
    // A plan of another name does not touch nodes that the first one is about to change.
    stage.write("other.yaml", &plan(BAD).replace("name: agent\n  package", "name: rival\n  package"));
    stage.run(&["apply", "other.yaml", "--yes"]).ended_with(7);
    assert!(stage.sim.calls("SendCommand").len() <= sent + 2, "only the first one sends");
    stage.sim.start_clock();
    running.wait().ended_with(0);
    let nodes = stage.nodes();
    assert_everyone_has(&nodes, GOOD);
    assert!(nodes.iter().all(|node| node.installs(BAD).next().is_none()));
}

#[test]
fn killed_with_answers_lost_on_the_way_no_command_is_sent_twice() {
    let lost = "faults: [{ operations: [SendCommand], every: 2, lose_answer: after }]";
    let stage = Stage::new(&fleet("", lost), SPEED);
    stage.write("plan.yaml", &plan(GOOD));
    let running = caught(&stage, "the second wave runs", is_in_second_wave);
    killed_and_run_again(&stage, running).ended_with(0);
    let nodes = stage.nodes();
    assert_everyone_has(&nodes, GOOD);
    assert_no_intent_twice(&nodes);
}
