//! The one thing that is waited for, in every situation in which something waits.

use crate::cloud::{self, Behaviour, Cloud, plan};
use wavetrain_engine::input::Order;
use wavetrain_engine::waiting::{self, Awaited, Waiting};
use wavetrain_model::hold::Kind;
use wavetrain_model::id::{GateIndex, WaveIndex};
use wavetrain_model::quantity::Percent;
use wavetrain_model::spec::{Check, Duration, Gate, Reporting};
use wavetrain_model::state::{Progress, WavePhase};
use wavetrain_model::time::Seconds;

const GATE: GateIndex = GateIndex(0);

fn with(gates: Vec<Gate>) -> Cloud {
    Cloud::new(plan(&[5, 5], |spec| spec.gates = gates))
}

fn stuck(cloud: &Cloud) -> Waiting {
    waiting::of_rollout(&cloud.plan, &cloud.state, cloud.now, true)
}

fn gate(cloud: &Cloud) -> Waiting {
    waiting::of_gate(&cloud.plan, &cloud.state, cloud.now, GATE)
}

fn wave(cloud: &Cloud, wave: u16) -> Waiting {
    waiting::of_wave(&cloud.plan, &cloud.state, cloud.now, WaveIndex(wave))
}

/// Whatever is waited for has a sentence, and a deadline names what happens then.
fn sound(waiting: &Waiting) {
    assert!(!waiting.sentence.is_empty());
    assert_eq!(waiting.deadline.is_some(), waiting.then.is_some(), "{waiting:?}");
}

#[test]
fn commands_are_awaited_until_their_own_deadline() {
    let mut cloud = with(Vec::new());
    cloud.rows_take = Seconds::hours(1);
    cloud.run_until(|state| state.open.values().any(|open| matches!(open.progress, Progress::Sent { .. })));
    let waiting = stuck(&cloud);
    assert_eq!(waiting.what, Awaited::Command);
    assert!(waiting.sentence.contains("survey of 5 nodes runs as command command-1"), "{waiting:?}");
    assert!(waiting.sentence.contains("offline has 30m to begin"), "{waiting:?}");
    assert_eq!(waiting.then.as_deref(), Some("its nodes are undelivered"));
    assert_eq!(wave(&cloud, 1).sentence, "waits until wave w0 passed");
    assert!(wave(&cloud, 1).evidence[0].contains("command-1"));
}

#[test]
fn a_bake_names_its_gate_with_its_looks_and_the_next_one() {
    let mut cloud = with(vec![Gate { consecutive_success_limit: 3, ..cloud::alarm_gate() }]);
    cloud.run_until(|state| state.gates.iter().any(|record| record.consecutive_passes == 1));
    let waiting = stuck(&cloud);
    assert_eq!(waiting.what, Awaited::Bake);
    assert!(
        waiting.evidence[0].contains("gate alarms, after wave w0: 1 of 3 good looks in a row, next look at"),
        "{waiting:?}"
    );
    assert!(waiting.evidence[1].starts_with("pass so far: "), "{waiting:?}");
    let waiting = gate(&cloud);
    assert_eq!(waiting.what, Awaited::Gate);
    assert!(waiting.then.as_deref().is_some_and(|then| then.contains("the rollout is held")), "{waiting:?}");
}

#[test]
fn a_gate_after_the_bake_names_its_deadline_and_the_machine_keeps_it() {
    let mut cloud = with(vec![Gate { consecutive_success_limit: 20, ..cloud::alarm_gate() }]);
    cloud.run_until(|state| state.waves[0].baked_ms >= 300_000);
    let deadline = stuck(&cloud).deadline.expect("a deadline");
    assert_eq!(stuck(&cloud).what, Awaited::Gate);
    cloud.alarm = wavetrain_model::gate::AlarmState::InsufficientData;
    cloud.run_until(|state| !state.holds.is_empty());
    assert!(
        cloud.now >= deadline && cloud.now.since(deadline) < Seconds::minutes(2),
        "{} {deadline}",
        cloud.now
    );
    let waiting = gate(&cloud);
    assert_eq!(waiting.what, Awaited::Person);
    assert!(waiting.next_step.is_some_and(|step| step.contains("resume")));
}

#[test]
fn people_and_holds_come_before_everything_else_and_nobody_runs_it_is_said() {
    let approval = cloud::approval(&["alice", "bob"], 2, Seconds::hours(24));
    let mut cloud = with(vec![Gate { check: Check::Approval(approval), ..cloud::alarm_gate() }]);
    cloud.run_until(|state| matches!(state.waves[0].phase, WavePhase::Open { .. }));
    assert!(gate(&cloud).sentence.contains("until wave w0 has settled"), "{:?}", gate(&cloud));
    let nobody = waiting::of_rollout(&cloud.plan, &cloud.state, cloud.now, false);
    assert_eq!(nobody.what, Awaited::Process);
    cloud.run_until(|state| !state.holds.is_empty());
    for waiting in [
        stuck(&cloud),
        gate(&cloud),
        wave(&cloud, 0),
        waiting::of_rollout(&cloud.plan, &cloud.state, cloud.now, false),
    ] {
        assert_eq!(waiting.what, Awaited::Approval);
        assert!(waiting.evidence[0].contains("0 of 2 approvals; may approve: alice, bob"), "{waiting:?}");
        assert!(waiting.then.is_some_and(|then| then.contains("inconclusive")));
    }
    cloud.order(Order::Pause { emergency: false, reason: "lunch".to_owned() });
    assert_eq!(stuck(&cloud).sentence, "paused by anna: lunch");
    assert_eq!(stuck(&cloud).what, Awaited::Person);
}

#[test]
fn a_lost_site_is_named() {
    let mut cloud = with(Vec::new());
    cloud.is_denied = true;
    cloud.run_until(|state| {
        state.holds.iter().any(|hold| matches!(hold.kind, Kind::Refused(_) | Kind::Site(_)))
    });
    let waiting = stuck(&cloud);
    assert_eq!(waiting.what, Awaited::Site, "{waiting:?}");
    assert!(waiting.sentence.contains("eu-west-1"), "{waiting:?}");
}

#[test]
fn every_moment_of_a_rollout_and_of_its_rollback_has_something_to_say() {
    let mut cloud = with(vec![Gate { guard: true, ..cloud::alarm_gate() }]);
    cloud.truth[7].behaviour = Behaviour::Lies;
    cloud.truth[8].behaviour = Behaviour::Breaks;
    for _ in 0..2_000 {
        if cloud.state.is_over() {
            break;
        }
        for waiting in [stuck(&cloud), gate(&cloud), wave(&cloud, 0), wave(&cloud, 1)] {
            sound(&waiting);
        }
        assert_ne!(stuck(&cloud).sentence, "it is over");
        cloud.turn();
    }
    assert_eq!(stuck(&cloud).sentence, "it is over");
    assert!(cloud.state.rollback.is_some());
}

#[test]
fn what_no_wave_waits_for_has_no_deadline() {
    let check = Check::Duration(Duration { times: 3, more: Seconds::minutes(5) });
    let reporting = Check::Reporting(Reporting { limit: Percent::whole(5), patience: Seconds::minutes(15) });
    for (gate_of, words) in [
        (Gate { check, guard: true, ..cloud::alarm_gate() }, "no wave waits for it, next look at"),
        (
            Gate { check: reporting, guard: true, ..cloud::alarm_gate() },
            "reads what the plan's comparisons find",
        ),
        (Gate { dry_run: true, ..cloud::alarm_gate() }, "good looks in a row"),
    ] {
        let mut cloud = with(vec![gate_of]);
        cloud.run_until(|state| matches!(state.waves[0].phase, WavePhase::Baking { .. }));
        let waiting = gate(&cloud);
        assert_eq!((waiting.deadline, waiting.then.clone()), (None, None), "{waiting:?}");
        assert!(waiting.sentence.contains(words), "{waiting:?}");
    }
}
