//! The way forward: waves, budgets, bakes, gates, holds.

use crate::cloud::{self, Behaviour, Cloud, plan};
use wavetrain_engine::input::Order;
use wavetrain_model::event::Event;
use wavetrain_model::gate::AlarmState;
use wavetrain_model::outcome::Outcome;
use wavetrain_model::quantity::{Amount, Percent};
use wavetrain_model::spec;
use wavetrain_model::state::{Ending, Phase};
use wavetrain_model::time::Seconds;

fn alarm_gate(guard: bool, blocker: bool) -> spec::Gate {
    spec::Gate { guard, blocker, ..cloud::alarm_gate() }
}

#[test]
fn a_good_version_reaches_every_node_wave_after_wave() {
    let mut cloud = Cloud::new(plan(&[10, 60, 130], |_| {}));
    cloud.run_until_over();
    assert_eq!(cloud.state.phase, Phase::Ended(Ending::Completed));
    assert!(cloud.truth.iter().all(|truth| truth.bits == Some(0)));
    let order: Vec<String> = cloud
        .log
        .iter()
        .filter_map(|entry| match &entry.event {
            Event::WaveOpened { wave } => Some(format!("open {}", wave.0)),
            Event::WavePassed { wave } => Some(format!("pass {}", wave.0)),
            _ => None,
        })
        .collect();
    assert_eq!(order, ["open 0", "pass 0", "open 1", "pass 1", "open 2", "pass 2"]);
    assert!(
        cloud
            .truth
            .iter()
            .all(|truth| truth.commands.iter().filter(|(word, _)| word == "install").count() == 1)
    );
}

#[test]
fn nodes_in_flight_stay_within_the_wave_cap() {
    let mut cloud = Cloud::new(plan(&[100], |spec| spec.limits.in_flight = Amount::Count(7)));
    cloud.run_until_over();
    assert_eq!(cloud.state.phase, Phase::Ended(Ending::Completed));
    assert!(cloud.peak_in_flight <= 7, "{}", cloud.peak_in_flight);
}

#[test]
fn a_count_budget_bounds_what_is_in_flight() {
    let mut cloud = Cloud::new(plan(&[100], |spec| {
        spec.limits.in_flight = Amount::Share(Percent::ALL);
        spec.limits.failures = Amount::Count(3);
    }));
    for truth in &mut cloud.truth {
        truth.behaviour = Behaviour::Breaks;
    }
    cloud.run_until_over();
    assert_eq!(cloud.state.tally.failures(), 4, "one more than tolerated stops, and no more were at risk");
    assert!(cloud.peak_in_flight <= 4);
}

#[test]
fn a_bake_is_waited_for_and_an_outage_of_ours_does_not_shorten_it() {
    let mut cloud = Cloud::new(plan(&[10, 10], |spec| spec.waves[0].bake = Seconds::minutes(30)));
    cloud.run_until(|state| state.waves[0].baked_ms > 5 * 60_000);
    let settled = cloud.log.iter().find(|entry| matches!(entry.event, Event::WaveSettled { .. })).unwrap().at;
    cloud.now = cloud.now.plus(Seconds::hours(2));
    cloud.crash_and_recover();
    cloud.run_until_over();
    let passed = cloud.log.iter().find(|entry| matches!(entry.event, Event::WavePassed { .. })).unwrap().at;
    assert!(passed.since(settled) >= Seconds(2 * 3600 + 29 * 60), "{}", passed.since(settled));
}

#[test]
fn a_slow_gates_interval_does_not_stand_for_a_fast_gates_outage() {
    let every = |name: &str, seconds| spec::Gate {
        name: name.to_owned(),
        every: Seconds(seconds),
        ..alarm_gate(false, false)
    };
    let mut cloud = Cloud::new(plan(&[10, 10], |spec| {
        spec.waves[0].bake = Seconds::minutes(10);
        spec.gates = vec![every("fast", 30), every("slow", 240)];
    }));
    cloud.run_until(|state| state.waves[0].baked_ms > 0);
    let baked_ms = cloud.state.waves[0].baked_ms;
    cloud.now = cloud.now.plus(Seconds::hours(2));
    cloud.crash_and_recover();
    cloud.run_until(|state| state.waves[0].baked_ms > baked_ms);
    assert!(cloud.state.waves[0].baked_ms <= baked_ms + 280_000, "the outage counted as observed");
    let settled = cloud.log.iter().find(|entry| matches!(entry.event, Event::WaveSettled { .. })).unwrap().at;
    cloud.run_until_over();
    let passed = cloud.log.iter().find(|entry| matches!(entry.event, Event::WavePassed { .. })).unwrap().at;
    let watched = passed.since(settled).0 - 2 * 3600;
    assert!(watched >= 10 * 60 - 40, "watched for {watched} s only");
}

#[test]
fn a_guard_that_sees_an_alarm_rolls_everything_back() {
    let mut cloud = Cloud::new(plan(&[10, 100], |spec| spec.gates = vec![alarm_gate(true, false)]));
    cloud.run_until(|state| state.waves[1].tally.finished() > 20);
    cloud.alarm = AlarmState::Alarm;
    cloud.run_until_over();
    assert_eq!(cloud.state.phase, Phase::Ended(Ending::RolledBack));
    assert_eq!(cloud.changed(), Vec::<u32>::new());
}

#[test]
fn a_blocker_keeps_a_wave_closed_until_it_passes() {
    let mut cloud = Cloud::new(plan(&[10], |spec| spec.gates = vec![alarm_gate(false, true)]));
    cloud.alarm = AlarmState::Alarm;
    for _ in 0..60 {
        cloud.turn();
    }
    assert_eq!(cloud.state.tally.finished(), 0);
    assert!(cloud.truth.iter().all(|truth| truth.commands.is_empty()));
    cloud.alarm = AlarmState::Ok;
    cloud.run_until_over();
    assert_eq!(cloud.state.phase, Phase::Ended(Ending::Completed));
}

#[test]
fn a_gate_without_data_holds_and_never_passes() {
    let mut cloud = Cloud::new(plan(&[10], |spec| spec.gates = vec![alarm_gate(false, false)]));
    cloud.alarm = AlarmState::InsufficientData;
    cloud.run_until_over();
    assert!(!cloud.state.is_over());
    assert_eq!(cloud.state.holds.len(), 1, "{:?}", cloud.state.holds);
    cloud.alarm = AlarmState::Ok;
    cloud.order(Order::Resume);
    cloud.run_until_over();
    assert_eq!(cloud.state.phase, Phase::Ended(Ending::Completed));
}

#[test]
fn unreachable_nodes_have_their_own_budget_and_hold_instead_of_condemning() {
    let mut cloud = Cloud::new(plan(&[100], |_| {}));
    for truth in cloud.truth.iter_mut().take(6) {
        truth.behaviour = Behaviour::Offline;
    }
    cloud.run_until_over();
    assert!(!cloud.state.is_over());
    assert_eq!(cloud.state.tally.of(Outcome::Undelivered), 6);
    cloud.order(Order::Resume);
    cloud.run_until_over();
    assert_eq!(cloud.state.phase, Phase::Ended(Ending::Completed));
}

#[test]
fn a_paused_rollout_installs_nothing_until_it_is_resumed() {
    let mut cloud = Cloud::new(plan(&[100], |_| {}));
    cloud.run_until(|state| state.tally.finished() > 10);
    cloud.order(Order::Pause { emergency: false, reason: "lunch".to_owned() });
    for _ in 0..20 {
        cloud.turn();
    }
    let before = cloud.state.tally.finished();
    for _ in 0..50 {
        cloud.turn();
    }
    assert_eq!(cloud.state.tally.finished(), before);
    assert!(before < 100);
    cloud.order(Order::Resume);
    cloud.run_until_over();
    assert_eq!(cloud.state.phase, Phase::Ended(Ending::Completed));
}

#[test]
fn a_wave_with_an_approval_waits_for_it_and_expires_without() {
    let approval = || Some(cloud::approval(&["anna"], 1, Seconds::hours(24)));
    let mut cloud = Cloud::new(plan(&[10, 10], |spec| spec.waves[1].approval = approval()));
    cloud.run_until(|state| !state.holds.is_empty());
    let order = cloud::approve(&cloud, 1);
    cloud.order(order);
    cloud.run_until_over();
    assert_eq!(cloud.state.phase, Phase::Ended(Ending::Completed));
    let mut cloud = Cloud::new(plan(&[10, 10], |spec| spec.waves[1].approval = approval()));
    cloud.run_until(|state| !state.holds.is_empty());
    cloud.now = cloud.now.plus(Seconds::hours(25));
    cloud.turn();
    assert_eq!(cloud.state.phase, Phase::Ended(Ending::Aborted));
    assert_eq!(cloud.state.tally.at_target(), 10, "nodes are left as they are");
}

#[test]
fn an_abort_leaves_nodes_as_they_are_and_starts_nothing() {
    let mut cloud = Cloud::new(plan(&[100], |_| {}));
    cloud.run_until(|state| state.tally.finished() > 10);
    cloud.order(Order::Abort { reason: "wrong version".to_owned() });
    let at = cloud.now;
    cloud.run_until_over();
    assert_eq!(cloud.state.phase, Phase::Ended(Ending::Aborted));
    assert!(cloud.truth.iter().all(|truth| truth.commands.iter().all(|(_, sent)| *sent <= at)));
    assert!(cloud.truth.iter().any(|truth| truth.bits == Some(0)));
}
