//! Commands are sent once, whatever becomes of the answer.

use crate::aws::{Fault, Run};
use crate::fixture::{Stage, TARGET, assert_nothing_was_sent_twice, id};
use wavetrain_driver::{Reason, Start};
use wavetrain_model::quantity::{Amount, Percent};
use wavetrain_model::state::{Ending, Phase};
use wavetrain_ports::clock::Clock;
use wavetrain_ports::distributor::Job;
use wavetrain_ports::failure::Class;
use wavetrain_store::Store;

async fn completes(stage: &Stage) {
    let start = stage.plan(|_| {}).await;
    let finished = stage.run(start).await.expect("driven");
    assert_eq!(finished.state.phase, Phase::Ended(Ending::Completed), "{:?}", finished.state.holds);
    assert_eq!(stage.versions().keys().next(), Some(&Some(TARGET.to_owned())));
    assert_nothing_was_sent_twice(stage);
}

#[tokio::test(start_paused = true)]
async fn a_command_whose_answer_was_lost_is_adopted_not_sent_again() {
    let stage = Stage::new(20);
    stage.aws.world().send_faults = [Fault::AnswerLost; 3].into();
    completes(&stage).await;
    let world = stage.aws.world();
    assert_eq!(world.count("send"), world.commands.len(), "every send led to one command");
}

#[tokio::test(start_paused = true)]
async fn a_command_that_never_arrived_is_sent_again_only_after_the_settle_time() {
    let stage = Stage::new(20);
    stage.aws.world().send_faults = [Fault::RequestLost].into();
    completes(&stage).await;
    let world = stage.aws.world();
    let first = world.calls.iter().find(|(_, call)| *call == "send").expect("a send").0;
    let carried =
        world.commands.iter().find(|run| run.order.comment.ends_with(" 1")).expect("sent in the end");
    assert!(carried.at.0 - first.0 >= 120_000, "sent again after {} ms", carried.at.0 - first.0);
}

#[tokio::test(start_paused = true)]
async fn throttled_and_failed_sends_are_repeated() {
    let stage = Stage::new(20);
    let fault = |class| Fault::Fails(class);
    stage.aws.world().send_faults =
        [fault(Class::Throttled), fault(Class::Unavailable), fault(Class::Throttled)].into();
    completes(&stage).await;
}

#[tokio::test(start_paused = true)]
async fn a_listing_that_is_cut_off_slows_reading_down_and_hides_nothing() {
    let stage = Stage::new(20);
    stage.aws.world().listed_at_most = Some(0);
    completes(&stage).await;
    let world = stage.aws.world();
    assert!(world.count("read") <= world.commands.len() * 2, "{} reads", world.count("read"));
}

#[tokio::test(start_paused = true)]
async fn sends_keep_to_the_rate() {
    let stage = Stage::new(600);
    let start = stage
        .plan(|spec| {
            spec.api.requests_per_second = 1;
            spec.api.burst = 1;
        })
        .await;
    stage.run(start).await.expect("driven");
    let world = stage.aws.world();
    let mut at: Vec<i64> =
        world.commands.iter().filter(|run| run.site.ends_with("us-east-1")).map(|run| run.at.0).collect();
    at.sort_unstable();
    assert!(at.windows(2).all(|pair| pair[1] - pair[0] >= 999), "{at:?}");
}

#[tokio::test(start_paused = true)]
async fn installs_that_wait_for_their_turn_are_called_off_when_the_rollback_is_decided() {
    let stage = Stage::new(5_000);
    let start = stage
        .plan(|spec| {
            spec.api.requests_per_second = 1;
            spec.api.burst = 1;
            spec.package.probe = None;
            spec.limits.in_flight = Amount::Share(Percent::ALL);
        })
        .await;
    {
        let mut world = stage.aws.world();
        world.failing = world.nodes.keys().cloned().collect();
        // Some of those that wait were refused before and wait for the second time.
        world.send_faults = [Fault::Fails(Class::Throttled); 4].into();
    }
    let finished = stage.run(start).await.expect("driven");
    assert_eq!(finished.state.phase, Phase::Ended(Ending::RolledBack));
    let events = stage.store.events(id().as_str(), 0, 100_000).await.expect("events");
    let decided_at = events.iter().find(|event| event.kind == "rollback_decided").expect("decided").at_ms;
    let world = stage.aws.world();
    let is_install = |run: &&Run| matches!(&run.order.job, Job::Install { version, .. } if version == TARGET);
    let installs: Vec<i64> = world.commands.iter().filter(is_install).map(|run| run.at.0).collect();
    let late = installs.iter().filter(|at| **at > decided_at).count();
    let promised = events.iter().filter(|event| event.kind == "intended").count();
    assert_eq!(late, 0, "{late} of {} installs after the decision", installs.len());
    assert!(installs.len() < promised, "none was waiting: the test shows nothing");
}

#[tokio::test(start_paused = true)]
async fn a_region_that_dies_is_held_and_the_rollout_goes_on_there_once_it_answers() {
    let stage = Stage::new(20);
    let start = stage.plan(|_| {}).await;
    {
        let mut world = stage.aws.world();
        world.deaf.insert("us-east-1".to_owned(), Class::Unavailable);
        world.refusing.insert("us-east-1".to_owned(), Class::Unavailable);
    }
    let finished = stage.run(start).await.expect("driven");
    assert_eq!(finished.reason, Reason::Held);
    assert!(finished.state.holds[0].reason.contains("us-east-1"), "{:?}", finished.state.holds);
    {
        let mut world = stage.aws.world();
        world.deaf.clear();
        world.refusing.clear();
    }
    let finished = stage.run(Start::Resume(id())).await.expect("driven");
    assert_eq!(finished.state.phase, Phase::Ended(Ending::Completed), "{:?}", finished.state.holds);
    assert_nothing_was_sent_twice(&stage);
}

#[tokio::test(start_paused = true)]
async fn reads_that_are_throttled_slow_down_and_hold_nothing() {
    let stage = Stage::new(60);
    let start = stage.plan(|_| {}).await;
    stage.aws.world().deaf.insert("us-east-1".to_owned(), Class::Throttled);
    let (aws, clock) = (stage.aws.clone(), stage.clock.clone());
    let later = wavetrain_model::time::Timestamp(clock.now().0 + 300_000);
    tokio::spawn(async move {
        clock.sleep_until(later).await;
        aws.world().deaf.clear();
    });
    let finished = stage.run(start).await.expect("driven");
    assert_eq!(finished.state.phase, Phase::Ended(Ending::Completed));
    assert!(!stage.kinds().await.iter().any(|kind| kind == "held" || kind == "site_failed"));
}
