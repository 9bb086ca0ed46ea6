//! One driver at a time.

use crate::aws::OnSend;
use crate::fixture::{Stage, id};
use tokio_util::sync::CancellationToken;
use wavetrain_driver::{Error, Start, View};
use wavetrain_ports::clock::Clock;
use wavetrain_store::Store;

#[tokio::test(start_paused = true)]
async fn a_second_driver_is_refused_and_told_who_has_the_lease() {
    let stage = Stage::new(20);
    let start = stage.plan(|_| {}).await;
    let first = stage.driver("first");
    let task = tokio::spawn(first.run(start, CancellationToken::new(), View::blind()));
    stage.clock.sleep_until(wavetrain_model::time::Timestamp(stage.clock.now().0 + 5_000)).await;
    let second =
        stage.driver("second").run(Start::Resume(id()), CancellationToken::new(), View::blind()).await;
    match second {
        Err(Error::LeaseHeld { resource, holder, .. }) => {
            assert_eq!((resource.as_str(), holder.as_str()), ("rollout/agent-2", "first"));
        }
        other => panic!("{other:?}"),
    }
    task.await.expect("joined").expect("driven");
}

#[tokio::test(start_paused = true)]
async fn the_lease_is_kept_through_a_long_bake_and_given_back_at_the_end() {
    let stage = Stage::new(20);
    let start = stage.plan(|spec| spec.waves[0].bake = wavetrain_model::time::Seconds::hours(5)).await;
    stage.run(start).await.expect("driven");
    assert_eq!(stage.store.lease("rollout/agent-2").await.expect("read"), None);
}

#[tokio::test(start_paused = true)]
async fn a_driver_that_lost_its_lease_sends_nothing_more() {
    let stage = Stage::new(200);
    let start = stage.plan(|_| {}).await;
    let (store, clock) = (stage.store.clone(), stage.clock.clone());
    let (lost, mut seen) = tokio::sync::mpsc::unbounded_channel();
    stage.aws.world().on_send = Some(OnSend(Box::new(move |count| {
        if count == 3 {
            let (store, clock, lost) = (store.clone(), clock.clone(), lost.clone());
            tokio::spawn(async move {
                // As if this process had slept for an hour and another had taken over.
                let later = clock.now().0 + 3_600_000;
                store.acquire_lease("rollout/agent-2", "other", later, 60_000).await.expect("taken");
                lost.send(clock.now()).expect("heard");
            });
        }
    })));
    let result = stage.run(start).await;
    assert!(matches!(result, Err(Error::LeaseLost(_))), "{result:?}");
    let lost_at = seen.recv().await.expect("the lease was taken");
    // Intents that were durable under the old lease may still have gone out; none was recorded after it.
    let recorded = stage.store.open_intents(id().as_str()).await.expect("intents").len();
    let sends = stage.aws.world().count("send");
    assert!(sends <= 3 + recorded, "{sends} sends, {recorded} intents");
    let events = stage.store.events(id().as_str(), 0, 100_000).await.expect("events");
    assert!(events.iter().all(|event| event.at_ms <= lost_at.0), "events after the lease was lost");
    let held = stage.store.lease("rollout/agent-2").await.expect("read").expect("held");
    assert_eq!(held.holder, "other", "someone else's lease is not given back");
}
