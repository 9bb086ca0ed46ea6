//! Commands are sent once, whatever becomes of the answer.

use crate::aws::Fault;
use crate::fixture::{Stage, TARGET, assert_nothing_was_sent_twice};
use wavetrain_model::state::{Ending, Phase};
use wavetrain_ports::failure::Class;

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
