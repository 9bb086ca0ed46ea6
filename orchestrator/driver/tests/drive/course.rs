//! Whole rollouts.

use crate::fixture::{OLD, Stage, TARGET, assert_nothing_was_sent_twice, id};
use std::sync::{Arc, Mutex};
use tokio_util::sync::CancellationToken;
use wavetrain_driver::{Reason, View, log, survey};
use wavetrain_engine::input::Order;
use wavetrain_model::spec::Approval;
use wavetrain_model::state::{Ending, Phase};
use wavetrain_model::time::Seconds;
use wavetrain_ports::clock::Clock;
use wavetrain_ports::failure::Class;
use wavetrain_store::Store;

#[tokio::test(start_paused = true)]
async fn a_good_version_reaches_every_node_and_the_ledger() {
    let stage = Stage::new(60);
    let start = stage.plan(|_| {}).await;
    let finished = stage.run(start).await.expect("driven");
    assert_eq!(finished.reason, Reason::Ended);
    assert_eq!(finished.state.phase, Phase::Ended(Ending::Completed));
    assert_eq!(stage.versions(), [(Some(TARGET.to_owned()), 120)].into());
    assert_nothing_was_sent_twice(&stage);
    let ledger = stage.store.ledger("111122223333/agent", None).await.expect("ledger");
    assert_eq!(ledger.len(), 120);
    assert!(ledger.iter().all(|row| row.verified && row.version.as_deref() == Some(TARGET)));
    assert!(stage.store.open_intents(id().as_str()).await.expect("intents").is_empty());
    let summary = stage.store.find_by_id(id().as_str()).await.expect("found").expect("there").summary;
    assert_eq!((summary.phase.as_str(), summary.active), ("completed", false));
    assert_eq!(summary.headline, "completed: 120 of 120 nodes at 2.0.0");
}

#[tokio::test(start_paused = true)]
async fn a_bad_version_is_rolled_back_and_quarantined_in_one_stroke() {
    let stage = Stage::new(60);
    let failing = stage.aws.world().nodes.keys().cloned().collect();
    stage.aws.world().failing = failing;
    let start = stage.plan(|_| {}).await;
    let finished = stage.run(start).await.expect("driven");
    assert_eq!(finished.state.phase, Phase::Ended(Ending::RolledBack));
    assert_eq!(stage.versions(), [(Some(OLD.to_owned()), 120)].into());
    let quarantine = stage.store.quarantine_list().await.expect("quarantine");
    assert_eq!(quarantine.len(), 1);
    assert_eq!(quarantine[0].entry.package, "111122223333/agent");
    assert_eq!(quarantine[0].entry.version, TARGET);
    assert!(stage.store.open_intents(id().as_str()).await.expect("intents").is_empty());
}

#[tokio::test(start_paused = true)]
async fn nodes_that_left_do_not_keep_the_others_from_their_command() {
    let stage = Stage::new(60);
    let start = stage.plan(|_| {}).await;
    let gone: std::collections::BTreeSet<String> =
        stage.aws.world().nodes.keys().step_by(40).cloned().collect();
    stage.aws.world().gone.clone_from(&gone);
    let finished = stage.run(start).await.expect("driven");
    assert_eq!(finished.state.phase, Phase::Ended(Ending::Completed));
    assert_eq!(finished.state.tally.of(wavetrain_model::outcome::Outcome::Gone), gone.len() as u32);
    assert_eq!(finished.state.tally.at_target(), 120 - gone.len() as u32);
    assert_nothing_was_sent_twice(&stage);
}

#[tokio::test(start_paused = true)]
async fn a_replay_of_the_log_gives_the_state_that_was_reached() {
    let stage = Stage::new(60);
    let start = stage.plan(|_| {}).await;
    let finished = stage.run(start).await.expect("driven");
    let record = log::load(stage.store.as_ref(), &id()).await.expect("read");
    assert_eq!(record.state, finished.state);
    let mut replayed = wavetrain_model::state::State::new(&record.plan);
    for (_, entry) in log::events(stage.store.as_ref(), &id(), 0, 100_000).await.expect("read") {
        wavetrain_engine::evolve(&record.plan, &mut replayed, &entry);
    }
    assert_eq!(replayed, finished.state);
}

#[tokio::test(start_paused = true)]
async fn invocations_are_read_only_when_counters_say_so() {
    let stage = Stage::new(60);
    let start = stage.plan(|_| {}).await;
    stage.run(start).await.expect("driven");
    let world = stage.aws.world();
    // Every command ends at once for all its nodes, so one read of each is enough.
    assert_eq!(world.count("read"), world.commands.len());
}

#[tokio::test(start_paused = true)]
async fn a_rollout_that_waits_for_a_person_is_left_and_goes_on_after_the_order() {
    let stage = Stage::new(20);
    let start = stage
        .plan(|spec| {
            spec.waves[1].approval = Some(Approval {
                from: vec!["bob".to_owned()],
                need: 1,
                within: Seconds::hours(24),
                valid_for: None,
                author_may_approve: false,
            });
        })
        .await;
    let finished = stage.run(start).await.expect("driven");
    assert_eq!(finished.reason, Reason::Held);
    assert_eq!(finished.state.holds.len(), 1);
    assert_eq!(stage.versions()[&Some(TARGET.to_owned())], 8);

    let (wave, gate) = (wavetrain_model::id::WaveIndex(1), None);
    let now = stage.clock.now();
    let asked =
        wavetrain_engine::question::questions(&finished.plan, &finished.state, now, (wave, gate), false);
    let evidence = Some(asked[0].shown.digest.clone());
    let order = Order::Approve { wave, gate, evidence, typed_by: Some("operator".to_owned()) };
    let order = log::order(&id(), &order, "bob", stage.clock.now()).expect("an order");
    let posted = stage.store.post_order(order).await.expect("posted");
    let finished = stage.run(wavetrain_driver::Start::Resume(id())).await.expect("driven");
    assert_eq!(finished.state.phase, Phase::Ended(Ending::Completed));
    let outcome = stage.store.order_outcome(posted).await.expect("known").expect("taken");
    assert!(outcome.accepted, "{outcome:?}");
    assert!(outcome.outcome.contains("approved by bob (typed by operator)"), "{outcome:?}");
}

#[tokio::test(start_paused = true)]
async fn an_order_that_the_state_forbids_is_answered_with_the_reason() {
    let stage = Stage::new(20);
    let start = stage.plan(|_| {}).await;
    let posted = Arc::new(Mutex::new(None));
    let (store, clock, remember) = (stage.store.clone(), stage.clock.clone(), posted.clone());
    let view = View {
        on_entry: Box::new(move |_, entry| {
            if entry.event.word() == "wave_passed" && remember.lock().expect("lock").is_none() {
                let order = Order::Approve {
                    wave: wavetrain_model::id::WaveIndex(0),
                    gate: None,
                    evidence: None,
                    typed_by: None,
                };
                let order = log::order(&id(), &order, "bob", clock.now()).expect("an order");
                let store = store.clone();
                *remember.lock().expect("lock") =
                    Some(tokio::spawn(async move { store.post_order(order).await.expect("posted") }));
            }
        }),
        ..View::blind()
    };
    stage.driver("first").run(start, CancellationToken::new(), view).await.expect("driven");
    let task = posted.lock().expect("lock").take().expect("a wave passed");
    let order = task.await.expect("posted");
    let outcome = stage.store.order_outcome(order).await.expect("known").expect("taken");
    assert!(!outcome.accepted && outcome.outcome.starts_with('S'), "{outcome:?}");
}

#[tokio::test(start_paused = true)]
async fn a_rollback_ordered_as_the_last_wave_passes_is_carried_out() {
    let stage = Stage::new(20);
    let start = stage.plan(|_| {}).await;
    let (store, clock) = (stage.store.clone(), stage.clock.clone());
    let view = View {
        on_entry: Box::new(move |_, entry| {
            if entry.event.word() == "wave_opened" {
                let order = Order::Rollback { reason: "second thoughts".to_owned() };
                let order = log::order(&id(), &order, "bob", clock.now()).expect("an order");
                let store = store.clone();
                tokio::spawn(async move { store.post_order(order).await });
            }
        }),
        ..View::blind()
    };
    let mut driver = stage.driver("first");
    // Read at the start and then not before the end.
    driver.options.mailbox_seconds = 1_000_000;
    let finished = driver.run(start, CancellationToken::new(), view).await.expect("driven");
    assert_eq!(finished.reason, Reason::Ended);
    assert_eq!(finished.state.phase, Phase::Ended(Ending::RolledBack));
    assert_eq!(stage.versions().len(), 1, "{:?}", stage.versions());
}

#[tokio::test(start_paused = true)]
async fn a_site_that_denies_commands_is_held_while_the_other_goes_on() {
    let stage = Stage::new(20);
    let start = stage.plan(|_| {}).await;
    stage.aws.world().refusing.insert("us-east-1".to_owned(), Class::Denied);
    let finished = stage.run(start).await.expect("driven");
    assert_eq!(finished.reason, Reason::Held);
    assert!(finished.state.holds[0].reason.contains("us-east-1"), "{:?}", finished.state.holds);
    assert!(stage.aws.world().commands.iter().all(|run| run.site.ends_with("eu-west-1")));

    stage.aws.world().refusing.clear();
    let order = log::order(&id(), &Order::Resume, "bob", stage.clock.now()).expect("an order");
    stage.store.post_order(order).await.expect("posted");
    let finished = stage.run(wavetrain_driver::Start::Resume(id())).await.expect("driven");
    assert_eq!(finished.state.phase, Phase::Ended(Ending::Completed));
    assert_nothing_was_sent_twice(&stage);
}

#[tokio::test(start_paused = true)]
async fn credentials_that_run_out_while_commands_are_open_end_the_process_and_not_the_rollout() {
    let stage = Stage::new(20);
    let start = stage.plan(|_| {}).await;
    let aws = Arc::clone(&stage.aws);
    stage.aws.world().on_send = Some(crate::aws::OnSend(Box::new(move |count| {
        if count == 3 {
            // Not here: the world is locked while it is being asked.
            let aws = Arc::clone(&aws);
            tokio::spawn(async move {
                for region in ["us-east-1", "eu-west-1"] {
                    aws.world().deaf.insert(region.to_owned(), Class::Expired);
                    aws.world().refusing.insert(region.to_owned(), Class::Expired);
                }
            });
        }
    })));
    let finished = stage.run(start).await.expect("driven");
    assert_eq!(finished.reason, Reason::Held, "{:?}", finished.state.holds);
    assert!(finished.state.holds.iter().any(|hold| hold.needs_person), "{:?}", finished.state.holds);
    stage.aws.world().deaf.clear();
    stage.aws.world().refusing.clear();
    stage.aws.world().on_send = None;
    let finished = stage.run(wavetrain_driver::Start::Resume(id())).await.expect("driven");
    assert_eq!(finished.state.phase, Phase::Ended(Ending::Completed));
    assert_nothing_was_sent_twice(&stage);
}

#[tokio::test(start_paused = true)]
async fn the_troubles_of_all_sites_are_reported_together() {
    let stage = Stage::new(2);
    let wavetrain_driver::Start::New(plan, _) = stage.plan(|_| {}).await else { unreachable!() };
    for region in ["us-east-1", "eu-west-1"] {
        stage.aws.world().deaf.insert(region.to_owned(), Class::Denied);
    }
    let troubles = survey::observe(
        &stage.cloud(),
        stage.clock.as_ref(),
        &plan.spec,
        &std::collections::BTreeSet::new(),
        1,
    )
    .await
    .expect_err("deaf");
    let places: Vec<String> = troubles.iter().map(|trouble| trouble.site.to_string()).collect();
    assert_eq!(places, ["111122223333/eu-west-1", "111122223333/us-east-1"]);
}

#[tokio::test(start_paused = true)]
async fn without_a_role_foreign_accounts_are_refused_before_anything_is_read() {
    let stage = Stage::new(2);
    let wavetrain_driver::Start::New(plan, _) = stage.plan(|_| {}).await else { unreachable!() };
    let mut spec = plan.spec.clone();
    spec.fleet.accounts.push("444455556666".into());
    let troubles =
        survey::observe(&stage.cloud(), stage.clock.as_ref(), &spec, &std::collections::BTreeSet::new(), 1)
            .await
            .expect_err("foreign");
    assert_eq!(troubles.len(), 2);
    assert!(stage.aws.world().calls.is_empty());
}
