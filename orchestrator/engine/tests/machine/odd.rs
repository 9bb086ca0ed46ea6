//! Unusual orders of things: late answers, rows listed twice, second thoughts, sites that never come back.

use crate::cloud::{Behaviour, Cloud, alarm_gate, plan};
use wavetrain_engine::input::{Answer, Input, Order, Report, Trouble};
use wavetrain_model::agent::Status;
use wavetrain_model::event::Event;
use wavetrain_model::gate::AlarmState;
use wavetrain_model::hold::Kind;
use wavetrain_model::id::{CommandId, IntentId, NodeIndex};
use wavetrain_model::outcome::Outcome;
use wavetrain_model::quantity::{Amount, Percent};
use wavetrain_model::state::{Ending, Forward, Phase, Progress, State, Touch};
use wavetrain_model::time::Seconds;

/// Goes on until a command of this kind is due, and records it without performing it.
fn promise(cloud: &mut Cloud, word: &str) -> IntentId {
    for _ in 0..100 {
        cloud.tick();
        let due = wavetrain_engine::due(&cloud.plan, &cloud.state, cloud.now);
        if let Some(intent) = due.intents.iter().find(|intent| intent.action.word() == word) {
            let id = intent.id;
            cloud.apply(due.intents.into_iter().map(|intent| Event::Intended { intent }).collect());
            return id;
        }
        cloud.turn();
    }
    panic!("{word} is never due");
}

fn row(node: u32, status: Status) -> Report {
    Report { node: NodeIndex(node), status, output: String::new(), exit_code: None }
}

#[test]
fn a_node_that_a_listing_names_twice_counts_once() {
    let mut cloud = Cloud::new(plan(&[1], |spec| spec.package.probe = None));
    let intent = promise(&mut cloud, "install");
    cloud.input(&Input::Answered { intent, answer: Answer::Accepted(CommandId::from("c")) });
    let reports = vec![row(0, Status::Failed), row(0, Status::Failed)];
    cloud.input(&Input::Observed { intent, reports });
    assert_eq!(cloud.state.tally.failures(), 1);
}

#[test]
fn a_late_word_about_an_adopted_command_does_not_have_it_sent_again() {
    let mut cloud = Cloud::new(plan(&[4], |_| {}));
    let intent = promise(&mut cloud, "install");
    cloud.input(&Input::Answered {
        intent,
        answer: Answer::Unknown { message: "connection lost".to_owned() },
    });
    cloud.input(&Input::Looked { intent, found: vec![CommandId::from("c")] });
    let message = "slow down".to_owned();
    cloud
        .input(&Input::Answered { intent, answer: Answer::Refused { trouble: Trouble::Throttled, message } });
    assert!(matches!(cloud.state.open[&intent].progress, Progress::Sent { .. }));
}

#[test]
fn a_second_try_that_comes_to_nothing_does_not_hide_what_the_first_one_left() {
    let mut cloud = Cloud::new(plan(&[20], |spec| spec.limits.failures = Amount::Count(5)));
    cloud.truth[0].behaviour = Behaviour::Lies;
    cloud.run_until(|state| state.tally.failures() == 1);
    cloud.order(Order::Pause { emergency: false, reason: "look".to_owned() });
    cloud.order(Order::Retry { nodes: vec![NodeIndex(0)] });
    assert_eq!(cloud.state.nodes[0].forward, Forward::Ready);
    cloud.order(Order::Rollback { reason: "bad".to_owned() });
    cloud.run_until(State::is_over);
    assert_eq!(cloud.changed(), Vec::<u32>::new());
}

#[test]
fn a_node_keeps_its_touch_when_a_later_command_never_reaches_it() {
    let mut cloud = Cloud::new(plan(&[10], |spec| spec.limits.failures = Amount::Count(5)));
    cloud.truth[0].behaviour = Behaviour::Lies;
    cloud.run_until(|state| state.tally.failures() == 1);
    cloud.truth[0].behaviour = Behaviour::Offline;
    cloud.order(Order::Retry { nodes: vec![NodeIndex(0)] });
    cloud.run_until(|state| matches!(state.nodes[0].forward, Forward::Finished(Outcome::Undelivered)));
    assert_eq!(cloud.state.nodes[0].touch, Touch::Suspect);
}

#[test]
fn an_aborted_rollback_that_is_ordered_again_goes_on_where_it_stood() {
    let mut cloud = Cloud::new(plan(&[60], |_| {}));
    cloud.run_until_over();
    cloud.order(Order::Rollback { reason: "complaints".to_owned() });
    cloud.run_until(|state| state.rollback.as_ref().is_some_and(|rollback| rollback.restored > 5));
    cloud.order(Order::Abort { reason: "wait".to_owned() });
    cloud.run_until_over();
    assert_eq!(cloud.state.phase, Phase::Ended(Ending::Aborted));
    assert!(!cloud.changed().is_empty());
    cloud.order(Order::Rollback { reason: "go on".to_owned() });
    cloud.run_until_over();
    assert_eq!(cloud.state.phase, Phase::Ended(Ending::RolledBack));
    assert_eq!(cloud.changed(), Vec::<u32>::new());
    let restored =
        |truth: &crate::cloud::Truth| truth.commands.iter().filter(|(word, _)| word == "reinstall").count();
    assert!(cloud.truth.iter().all(|truth| restored(truth) <= 1), "nobody is restored twice");
}

#[test]
fn an_accepted_failure_does_not_enlarge_the_budget() {
    let mut cloud = Cloud::new(plan(&[40], |spec| {
        spec.limits.in_flight = Amount::Share(Percent::ALL);
        spec.limits.failures = Amount::Count(2);
        spec.limits.undelivered = Amount::Count(0);
    }));
    cloud.truth[0].behaviour = Behaviour::Breaks;
    cloud.run_until(|state| state.tally.failures() == 1);
    // A node that cannot be reached holds the rollout; whoever resumes accepts the one failure as well.
    cloud.truth[6].behaviour = Behaviour::Offline;
    for truth in cloud.truth.iter_mut().skip(7) {
        truth.behaviour = Behaviour::Breaks;
    }
    cloud.run_until(|state| !state.holds.is_empty());
    cloud.order(Order::Resume);
    cloud.run_until_over();
    assert_eq!(cloud.state.tally.failures(), 3, "one more than tolerated");
}

#[test]
fn a_pause_that_outlasts_the_wave_gives_it_its_time_anew() {
    let mut cloud = Cloud::new(plan(&[100], |_| {}));
    cloud.run_until(|state| state.tally.finished() > 10);
    cloud.order(Order::Pause { emergency: false, reason: "weekend".to_owned() });
    for _ in 0..20 {
        cloud.turn();
    }
    cloud.now = cloud.now.plus(Seconds::hours(48));
    for _ in 0..20 {
        cloud.turn();
    }
    cloud.order(Order::Resume);
    cloud.run_until_over();
    assert_eq!(cloud.state.phase, Phase::Ended(Ending::Completed));
    assert_eq!(cloud.state.tally.at_target(), 100);
}

#[test]
fn a_lost_site_with_nothing_to_repeat_is_asked_by_the_next_command() {
    let mut cloud = Cloud::new(plan(&[30], |spec| spec.limits.in_flight = Amount::Count(3)));
    cloud.run_until(|state| state.tally.finished() > 5 && state.open.is_empty());
    let site = wavetrain_model::id::SiteIndex(0);
    cloud.input(&Input::SiteFailed { site, trouble: Trouble::Denied, message: "expired".to_owned() });
    assert!(cloud.state.hold(Kind::Site(site)).is_some());
    cloud.run_until(State::is_over);
    assert_eq!(cloud.state.phase, Phase::Ended(Ending::Completed));
}

#[test]
fn an_abort_ends_although_the_site_denies_its_cancels_for_ever() {
    let mut cloud = Cloud::new(plan(&[30], |_| {}));
    let intent = promise(&mut cloud, "install");
    cloud.input(&Input::Answered { intent, answer: Answer::Accepted(CommandId::from("c")) });
    cloud.is_denied = true;
    cloud.order(Order::Abort { reason: "stop".to_owned() });
    cloud.run_until(State::is_over);
    assert_eq!(cloud.state.phase, Phase::Ended(Ending::Aborted));
}

#[test]
fn a_rollback_ends_with_exceptions_when_a_site_denies_everything_for_ever() {
    for word in ["install", "verify"] {
        let mut cloud = Cloud::new(plan(&[30], |_| {}));
        let intent = promise(&mut cloud, word);
        cloud.input(&Input::Answered { intent, answer: Answer::Accepted(CommandId::from("c")) });
        cloud.is_denied = true;
        cloud.order(Order::Rollback { reason: "bad".to_owned() });
        for _ in 0..2_000 {
            cloud.turn();
            cloud.now = cloud.now.plus(Seconds::minutes(10));
        }
        assert_eq!(cloud.state.phase, Phase::Ended(Ending::RolledBackWithExceptions), "{word}");
    }
}

#[test]
fn installed_nodes_that_wait_for_another_probe_are_not_called_untouched() {
    let mut cloud = Cloud::new(plan(&[6], |spec| {
        spec.limits.in_flight = Amount::Share(Percent::ALL);
        spec.deadlines.wave = Seconds::minutes(30);
    }));
    let intent = promise(&mut cloud, "verify");
    cloud.input(&Input::Answered { intent, answer: Answer::Accepted(CommandId::from("c")) });
    let nodes = cloud.state.open[&intent].pending.clone();
    cloud.now = cloud.now.plus(Seconds::minutes(40));
    let reports = nodes.iter().map(|node| row(node.0, Status::ExecutionTimedOut)).collect();
    cloud.input(&Input::Observed { intent, reports });
    cloud.turn();
    assert_eq!(cloud.state.tally.of(Outcome::Undelivered), 0);
    cloud.run_until_over();
    assert_eq!(cloud.state.phase, Phase::Ended(Ending::Completed));
}

#[test]
fn time_without_data_is_not_baked_and_does_not_wait_for_ever() {
    let mut cloud = Cloud::new(plan(&[10], |spec| {
        spec.gates = vec![alarm_gate()];
        spec.waves[0].bake = Seconds::minutes(30);
    }));
    cloud.run_until(|state| state.waves[0].baked_ms > 5 * 60_000);
    cloud.alarm = AlarmState::InsufficientData;
    cloud.run_until(|state| !state.holds.is_empty());
    assert!(cloud.state.waves[0].baked_ms < 10 * 60_000, "{} ms", cloud.state.waves[0].baked_ms);
    cloud.alarm = AlarmState::Ok;
    cloud.order(Order::Resume);
    cloud.run_until_over();
    assert_eq!(cloud.state.phase, Phase::Ended(Ending::Completed));
}

#[test]
fn an_empty_wave_passes_although_its_gates_have_nothing_to_measure() {
    let mut cloud = Cloud::new(plan(&[5, 0, 5], |spec| spec.gates = vec![alarm_gate()]));
    cloud.run_until_over();
    assert_eq!(cloud.state.phase, Phase::Ended(Ending::Completed));
}

#[test]
fn a_wave_most_of_whose_commands_were_stopped_from_outside_does_not_pass() {
    let mut cloud = Cloud::new(plan(&[10], |spec| {
        spec.package.probe = None;
        spec.limits.in_flight = Amount::Share(Percent::ALL);
    }));
    let intent = promise(&mut cloud, "install");
    cloud.input(&Input::Answered { intent, answer: Answer::Accepted(CommandId::from("c")) });
    let mut reports: Vec<Report> = (0..9).map(|node| row(node, Status::Cancelled)).collect();
    reports.push(row(9, Status::Success));
    cloud.input(&Input::Observed { intent, reports });
    cloud.run_until_over();
    assert!(!cloud.state.is_over());
    assert!(matches!(cloud.state.holds[0].kind, Kind::Gate(..)), "{:?}", cloud.state.holds);
}
