//! Processes end: asked to, or not.

use crate::aws::{Fault, OnSend};
use crate::fixture::{OLD, Stage, TARGET, assert_nothing_was_sent_twice, id};
use tokio_util::sync::CancellationToken;
use wavetrain_driver::{Reason, Start, View};
use wavetrain_model::state::{Ending, Phase};
use wavetrain_model::time::Timestamp;
use wavetrain_ports::clock::Clock;
use wavetrain_store::Store;

/// Cancels `stop` at the n-th send.
fn stop_at_send(stage: &Stage, n: usize) -> CancellationToken {
    let stop = CancellationToken::new();
    let cancel = stop.clone();
    stage.aws.world().on_send = Some(OnSend(Box::new(move |count| {
        if count == n {
            cancel.cancel();
        }
    })));
    stop
}

#[tokio::test(start_paused = true)]
async fn an_interrupted_rollout_is_resumable_at_once_and_withdraws_what_was_not_sent() {
    for n in [1, 2, 4, 6] {
        let stage = Stage::new(200);
        let start = stage.plan(|spec| spec.api.burst = 2).await;
        let stop = stop_at_send(&stage, n);
        let finished = stage.driver("first").run(start, stop, View::blind()).await.expect("driven");
        assert_eq!(finished.reason, Reason::Interrupted, "stopped at send {n}");
        assert_eq!(stage.store.lease("rollout/agent-2").await.expect("read"), None);
        // What is left open was really sent: nothing has to be searched for.
        let open = stage.store.open_intents(id().as_str()).await.expect("intents");
        assert!(open.iter().all(|intent| intent.handle.is_some()), "{open:?}");

        stage.aws.world().on_send = None;
        let finished = stage.run(Start::Resume(id())).await.expect("driven");
        assert_eq!(finished.state.phase, Phase::Ended(Ending::Completed));
        assert_eq!(stage.versions(), [(Some(TARGET.to_owned()), 400)].into());
        assert_nothing_was_sent_twice(&stage);
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_that_never_ends_does_not_keep_the_process_and_its_command_is_found_again() {
    let stage = Stage::new(20);
    let start = stage.plan(|_| {}).await;
    let stop = stop_at_send(&stage, 1);
    stage.aws.world().send_faults = [Fault::Hangs].into();
    let before = stage.clock.now();
    let finished = stage.driver("first").run(start, stop, View::blind()).await.expect("driven");
    assert_eq!(finished.reason, Reason::Interrupted);
    assert!(stage.clock.now().0 - before.0 < 30_000);
    stage.aws.world().on_send = None;
    let finished = stage.run(Start::Resume(id())).await.expect("driven");
    assert_eq!(finished.state.phase, Phase::Ended(Ending::Completed));
    assert_nothing_was_sent_twice(&stage);
}

/// Drives, and lets the process die after so many milliseconds; then another takes over.
async fn dies_after(stage: &Stage, start: Start, ms: i64) -> Phase {
    let task = tokio::spawn(stage.driver("first").run(start, CancellationToken::new(), View::blind()));
    stage.clock.sleep_until(Timestamp(stage.clock.now().0 + ms)).await;
    // Dropped in the middle of whatever it does, its calls with it; the lease stays.
    task.abort();
    let _ = task.await;
    stage.clock.sleep_until(Timestamp(stage.clock.now().0 + 61_000)).await;
    let second = stage.driver("second").run(Start::Resume(id()), CancellationToken::new(), View::blind());
    second.await.expect("driven").state.phase
}

#[tokio::test(start_paused = true)]
async fn a_process_that_dies_at_any_moment_of_an_upgrade_leaves_no_command_sent_twice() {
    for ms in (50..120_000).step_by(3_700) {
        let stage = Stage::new(60);
        stage.aws.world().send_faults = [Fault::AnswerLost, Fault::Hangs].into();
        let start = stage.plan(|_| {}).await;
        assert_eq!(
            dies_after(&stage, start, ms).await,
            Phase::Ended(Ending::Completed),
            "died after {ms} ms"
        );
        assert_eq!(stage.versions(), [(Some(TARGET.to_owned()), 120)].into(), "died after {ms} ms");
        assert_nothing_was_sent_twice(&stage);
    }
}

#[tokio::test(start_paused = true)]
async fn a_process_that_dies_at_any_moment_of_a_rollback_still_restores_every_node() {
    for ms in (50..240_000).step_by(7_300) {
        let stage = Stage::new(60);
        let failing = stage.aws.world().nodes.keys().cloned().collect();
        stage.aws.world().failing = failing;
        let start = stage.plan(|_| {}).await;
        assert_eq!(
            dies_after(&stage, start, ms).await,
            Phase::Ended(Ending::RolledBack),
            "died after {ms} ms"
        );
        assert_eq!(stage.versions(), [(Some(OLD.to_owned()), 120)].into(), "died after {ms} ms");
        assert_nothing_was_sent_twice(&stage);
    }
}

/// Drives, and lets the process die in the middle of its n-th send; then another takes over.
async fn dies_in_send(stage: &Stage, n: usize, fault: Fault) -> Phase {
    let died = std::sync::Arc::new(tokio::sync::Notify::new());
    let notify = died.clone();
    {
        let mut world = stage.aws.world();
        let fine = world.send_faults.len().max(n - 1);
        world.send_faults.resize(fine, Fault::Fine);
        world.send_faults.truncate(n - 1);
        world.send_faults.push_back(fault);
        world.on_send = Some(OnSend(Box::new(move |count| {
            if count == n {
                notify.notify_one();
            }
        })));
    }
    let start = stage.plan(|_| {}).await;
    let task = tokio::spawn(stage.driver("first").run(start, CancellationToken::new(), View::blind()));
    died.notified().await;
    task.abort();
    let _ = task.await;
    stage.aws.world().on_send = None;
    stage.clock.sleep_until(Timestamp(stage.clock.now().0 + 61_000)).await;
    let second = stage.driver("second").run(Start::Resume(id()), CancellationToken::new(), View::blind());
    second.await.expect("driven").state.phase
}

#[tokio::test(start_paused = true)]
async fn a_process_that_dies_in_the_middle_of_any_send_is_taken_over() {
    for n in 1..=8 {
        for fault in [Fault::Hangs, Fault::HangsUnsent] {
            let stage = Stage::new(60);
            let phase = dies_in_send(&stage, n, fault).await;
            assert_eq!(phase, Phase::Ended(Ending::Completed), "{fault:?} at send {n}");
            assert_eq!(stage.versions(), [(Some(TARGET.to_owned()), 120)].into(), "{fault:?} at send {n}");
            assert_nothing_was_sent_twice(&stage);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_process_that_dies_while_it_repeats_a_refused_send_is_taken_over() {
    for fault in [Fault::Hangs, Fault::HangsUnsent] {
        let stage = Stage::new(60);
        let refused = Fault::Fails(wavetrain_ports::failure::Class::Throttled);
        // Two sites, one survey each: both refused, then the first repetition is the third send.
        stage.aws.world().send_faults = [refused, refused].into();
        let phase = dies_in_send(&stage, 3, fault).await;
        assert_eq!(phase, Phase::Ended(Ending::Completed), "{fault:?}");
        assert_eq!(stage.versions(), [(Some(TARGET.to_owned()), 120)].into(), "{fault:?}");
        assert_nothing_was_sent_twice(&stage);
    }
}

#[tokio::test(start_paused = true)]
async fn a_process_that_dies_in_the_middle_of_a_rollbacks_send_is_taken_over() {
    for n in 3..=10 {
        for fault in [Fault::Hangs, Fault::HangsUnsent] {
            let stage = Stage::new(60);
            let failing = stage.aws.world().nodes.keys().cloned().collect();
            stage.aws.world().failing = failing;
            let phase = dies_in_send(&stage, n, fault).await;
            assert_eq!(phase, Phase::Ended(Ending::RolledBack), "{fault:?} at send {n}");
            assert_eq!(stage.versions(), [(Some(OLD.to_owned()), 120)].into(), "{fault:?} at send {n}");
            assert_nothing_was_sent_twice(&stage);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_rollout_that_is_over_is_not_driven_again() {
    let stage = Stage::new(20);
    let start = stage.plan(|_| {}).await;
    stage.run(start).await.expect("driven");
    let kinds = stage.kinds().await;
    let finished = stage.run(Start::Resume(id())).await.expect("read");
    assert_eq!(finished.reason, Reason::Ended);
    assert_eq!(stage.kinds().await.len(), kinds.len());
}
