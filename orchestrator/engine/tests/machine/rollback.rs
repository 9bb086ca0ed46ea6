//! The way back.

use crate::cloud::{Behaviour, Cloud, plan};
use wavetrain_engine::input::Order;
use wavetrain_model::event::Event;
use wavetrain_model::state::{Ending, Phase};
use wavetrain_model::time::Seconds;

#[test]
fn a_broken_version_is_stopped_and_every_touched_node_gets_its_own_version_back() {
    let mut cloud = Cloud::new(plan(&[10, 90, 100], |_| {}));
    for (index, truth) in cloud.truth.iter_mut().enumerate().skip(10) {
        truth.behaviour = match index % 3 {
            0 => Behaviour::Lies,
            1 => Behaviour::Breaks,
            _ => Behaviour::Good,
        };
    }
    cloud.run_until_over();
    assert_eq!(cloud.state.phase, Phase::Ended(Ending::RolledBack), "{:?}", cloud.state.notes);
    assert_eq!(cloud.changed(), Vec::<u32>::new());
    let untouched = &cloud.truth[100..];
    assert!(untouched.iter().all(|truth| truth.commands.is_empty()), "the third wave was never commanded");
    let decided =
        cloud.log.iter().position(|entry| matches!(entry.event, Event::RollbackDecided { .. })).unwrap();
    let installs_after = cloud.log[decided..]
        .iter()
        .any(|entry| matches!(&entry.event, Event::Intended { intent } if intent.action.word() == "install"));
    assert!(!installs_after);
}

#[test]
fn without_a_probe_a_lying_agent_is_not_believed_either() {
    let mut cloud = Cloud::new(plan(&[40], |spec| spec.package.probe = None));
    for truth in &mut cloud.truth {
        truth.behaviour = Behaviour::Lies;
    }
    cloud.run_until_over();
    assert!(cloud.state.is_over());
    assert_eq!(cloud.changed(), Vec::<u32>::new());
}

#[test]
fn an_ordered_rollback_of_a_completed_rollout_restores_everything() {
    let mut cloud = Cloud::new(plan(&[10, 40], |_| {}));
    cloud.run_until_over();
    cloud.order(Order::Rollback { reason: "complaints".to_owned() });
    cloud.run_until_over();
    assert_eq!(cloud.state.phase, Phase::Ended(Ending::RolledBack));
    assert_eq!(cloud.changed(), Vec::<u32>::new());
}

#[test]
fn nodes_that_went_offline_are_exceptions_and_can_be_tried_again() {
    let mut cloud = Cloud::new(plan(&[50], |_| {}));
    cloud.run_until_over();
    for truth in cloud.truth.iter_mut().take(3) {
        truth.behaviour = Behaviour::Offline;
    }
    cloud.order(Order::Rollback { reason: "complaints".to_owned() });
    cloud.run_until_over();
    assert_eq!(cloud.state.phase, Phase::Ended(Ending::RolledBackWithExceptions));
    assert_eq!(cloud.changed(), vec![0, 1, 2]);
    for truth in cloud.truth.iter_mut().take(3) {
        truth.behaviour = Behaviour::Good;
    }
    cloud.order(Order::Retry { nodes: Vec::new() });
    cloud.run_until_over();
    assert_eq!(cloud.state.phase, Phase::Ended(Ending::RolledBack));
    assert_eq!(cloud.changed(), Vec::<u32>::new());
}

#[test]
fn a_pause_does_not_stop_a_rollback_but_an_emergency_stop_does() {
    let mut cloud = Cloud::new(plan(&[100], |_| {}));
    cloud.run_until(|state| state.tally.finished() > 50);
    cloud.order(Order::Rollback { reason: "bad".to_owned() });
    cloud.order(Order::Pause { emergency: true, reason: "stop".to_owned() });
    for _ in 0..100 {
        cloud.turn();
    }
    assert!(Cloud::is_rolling_back(&cloud.state));
    assert!(!cloud.changed().is_empty());
    cloud.order(Order::Resume);
    cloud.order(Order::Pause { emergency: false, reason: "only installs".to_owned() });
    cloud.run_until(wavetrain_model::state::State::is_over);
    assert_eq!(cloud.state.phase, Phase::Ended(Ending::RolledBack));
    assert_eq!(cloud.changed(), Vec::<u32>::new());
}

#[test]
fn a_node_that_fails_on_its_way_back_rests_before_it_is_tried_again() {
    let mut cloud = Cloud::new(plan(&[50], |_| {}));
    cloud.run_until_over();
    cloud.truth[0].behaviour = Behaviour::Offline;
    cloud.order(Order::Rollback { reason: "complaints".to_owned() });
    cloud.run_until_over();
    assert_eq!(cloud.changed(), vec![0]);
    let tries: Vec<_> = cloud.truth[0].commands.iter().filter(|(word, _)| word == "reinstall").collect();
    assert_eq!(tries.len(), 3, "{tries:?}");
    assert!(tries[1].1.since(tries[0].1) >= Seconds::minutes(2));
    assert!(tries[2].1.since(tries[1].1) >= Seconds::minutes(31), "the agent's lock has run out by then");
}
