//! Installs by associations, and what a rollout leaves in State Manager and in the document.

use crate::associations_of_aws::Kept;
use crate::aws::Fault;
use crate::fixture::{OLD, Stage, TARGET, assert_nothing_was_sent_twice, id};
use std::collections::BTreeMap;
use wavetrain_driver::{Reason, Start, log};
use wavetrain_engine::input::Order;
use wavetrain_model::association::{Definition, Target};
use wavetrain_model::hold::Kind;
use wavetrain_model::id::AssociationId;
use wavetrain_model::spec::{Dispatch, Dispatched, Finish, Keeping, Rollout};
use wavetrain_model::state::{Ending, Phase};
use wavetrain_ports::clock::Clock;
use wavetrain_ports::failure::Class;
use wavetrain_store::Store;

fn by_association(spec: &mut Rollout) {
    spec.dispatch = Dispatch::Association(Dispatched::default());
}

fn keeping() -> Keeping {
    Keeping {
        name: "keep-agent".to_owned(),
        schedule: "rate(30 days)".to_owned(),
        targets: vec![Target::everyone()],
        compliance_severity: None,
        max_concurrency: "10%".to_owned(),
        max_errors: "5%".to_owned(),
        output: None,
    }
}

fn finishing(spec: &mut Rollout) {
    spec.finish = Finish { default_version: true, association: Some(keeping()) };
}

fn older() -> Definition {
    Definition {
        name: "keep-agent".to_owned(),
        parameters: BTreeMap::from([
            ("action".to_owned(), "Install".to_owned()),
            ("name".to_owned(), "agent".to_owned()),
            ("version".to_owned(), OLD.to_owned()),
        ]),
        targets: vec![Target::everyone()],
        schedule: Some("rate(1 day)".to_owned()),
        compliance_severity: None,
        max_concurrency: None,
        max_errors: None,
        output: None,
    }
}

/// An association of an earlier finish, in one of the two sites.
fn with_older(stage: &Stage) {
    let kept = Kept { site: "111122223333/eu-west-1".to_owned(), definition: older(), command: None };
    stage.aws.world().associations.insert(AssociationId::from("older"), kept);
}

fn all_fail(stage: &Stage) {
    let failing = stage.aws.world().nodes.keys().cloned().collect();
    stage.aws.world().failing = failing;
}

#[tokio::test(start_paused = true)]
async fn associations_bring_every_node_to_the_version_and_none_is_left() {
    let stage = Stage::new(60);
    let start = stage.plan(by_association).await;
    let finished = stage.run(start).await.expect("driven");
    assert_eq!(finished.state.phase, Phase::Ended(Ending::Completed));
    assert_eq!(stage.versions(), [(Some(TARGET.to_owned()), 120)].into());
    let world = stage.aws.world();
    assert!(world.associations_made >= 4 && world.associations.is_empty(), "{}", world.associations_made);
    let installs = world.comments().into_iter().filter(|comment| comment.starts_with("association ")).count();
    assert_eq!(installs as u64, world.associations_made, "every install was an association");
    drop(world);
    assert_nothing_was_sent_twice(&stage);
}

#[tokio::test(start_paused = true)]
async fn an_association_that_is_removed_while_it_is_read_holds_nothing() {
    let stage = Stage::new(60);
    let start = stage.plan(by_association).await;
    stage.aws.world().target_faults.extend([Class::NotFound; 3]);
    let finished = stage.run(start).await.expect("driven");
    assert_eq!(finished.state.phase, Phase::Ended(Ending::Completed));
    assert!(stage.aws.world().target_faults.is_empty(), "they were met");
    assert_eq!(stage.versions(), [(Some(TARGET.to_owned()), 120)].into());
}

#[tokio::test(start_paused = true)]
async fn an_association_whose_answer_was_lost_is_found_by_its_name() {
    let stage = Stage::new(60);
    let start = stage.plan(by_association).await;
    // The first sends are probes; every second call after them loses its answer or never arrives.
    let faults = [Fault::Fine, Fault::Fine, Fault::AnswerLost, Fault::RequestLost];
    stage.aws.world().send_faults.extend([faults, faults, faults].concat());
    let finished = stage.run(start).await.expect("driven");
    assert_eq!(finished.state.phase, Phase::Ended(Ending::Completed));
    assert_eq!(stage.versions(), [(Some(TARGET.to_owned()), 120)].into());
    assert!(stage.aws.world().associations.is_empty());
    assert_nothing_was_sent_twice(&stage);
}

#[tokio::test(start_paused = true)]
async fn a_rollback_removes_the_associations_before_nodes_get_their_version_back() {
    let stage = Stage::new(60);
    all_fail(&stage);
    let start = stage.plan(by_association).await;
    let finished = stage.run(start).await.expect("driven");
    assert_eq!(finished.state.phase, Phase::Ended(Ending::RolledBack));
    assert_eq!(stage.versions(), [(Some(OLD.to_owned()), 120)].into());
    assert!(stage.aws.world().associations.is_empty());
    assert!(finished.state.errands.carrying.is_empty());
}

#[tokio::test(start_paused = true)]
async fn an_association_that_cannot_be_removed_is_told_of_and_keeps_no_node_from_its_version() {
    let stage = Stage::new(60);
    all_fail(&stage);
    stage.aws.world().delete_faults.extend([Class::Denied; 20]);
    let start = stage.plan(by_association).await;
    let finished = stage.run(start).await.expect("driven");
    assert_eq!(finished.reason, Reason::Held);
    assert!(matches!(finished.state.holds[0].kind, Kind::Errand(_)), "{:?}", finished.state.holds);
    assert_eq!(stage.versions(), [(Some(OLD.to_owned()), 120)].into());
}

#[tokio::test(start_paused = true)]
async fn a_finish_sets_the_default_and_keeps_nodes_on_the_version_in_every_site() {
    let stage = Stage::new(20);
    let start = stage.plan(finishing).await;
    let finished = stage.run(start).await.expect("driven");
    assert_eq!(finished.state.phase, Phase::Ended(Ending::Completed));
    let world = stage.aws.world();
    let set: Vec<(&str, &str)> = world.defaults.iter().map(|(region, it)| (&**region, &**it)).collect();
    assert_eq!(set, [("eu-west-1", TARGET), ("us-east-1", TARGET)]);
    let kept: Vec<&Kept> = world.associations.values().collect();
    assert_eq!(kept.len(), 2);
    assert!(kept.iter().all(|kept| kept.definition.pins(TARGET) && kept.definition.name == "keep-agent"));
}

#[tokio::test(start_paused = true)]
async fn an_incomplete_finish_holds_and_rolls_nothing_back_and_goes_on_when_resumed() {
    let stage = Stage::new(20);
    stage.aws.world().default_faults.extend([Class::Denied; 2]);
    let start = stage.plan(finishing).await;
    let finished = stage.run(start).await.expect("driven");
    assert_eq!((finished.reason, finished.state.phase), (Reason::Held, Phase::Running));
    let hold = &finished.state.holds[0];
    assert!(hold.reason.starts_with("finish incomplete: "), "{}", hold.reason);
    assert!(hold.next_step.contains("wavetrain resume"), "{}", hold.next_step);
    assert_eq!(stage.versions(), [(Some(TARGET.to_owned()), 40)].into());
    let order = log::order(&id(), &Order::Resume, "bob", stage.clock.now()).expect("an order");
    stage.store.post_order(order).await.expect("posted");
    let finished = stage.run(Start::Resume(id())).await.expect("driven");
    assert_eq!(finished.state.phase, Phase::Ended(Ending::Completed));
    assert_eq!(stage.aws.world().defaults.len(), 2);
}

#[tokio::test(start_paused = true)]
async fn nothing_is_finished_before_success() {
    let stage = Stage::new(20);
    all_fail(&stage);
    let start = stage.plan(finishing).await;
    let finished = stage.run(start).await.expect("driven");
    assert_eq!(finished.state.phase, Phase::Ended(Ending::RolledBack));
    let world = stage.aws.world();
    assert!(world.defaults.is_empty() && world.associations_made == 0);
}

#[tokio::test(start_paused = true)]
async fn the_association_of_an_earlier_finish_rests_meanwhile_and_is_taken_over() {
    let stage = Stage::new(20);
    with_older(&stage);
    let start = stage.plan(finishing).await;
    let finished = stage.run(start).await.expect("driven");
    assert_eq!(finished.state.phase, Phase::Ended(Ending::Completed));
    let world = stage.aws.world();
    let kept = &world.associations[&AssociationId::from("older")];
    assert!(kept.definition.pins(TARGET));
    assert_eq!(kept.definition.targets, [Target::everyone()]);
    assert_eq!(world.associations.len(), 2, "one in each site");
}

#[tokio::test(start_paused = true)]
async fn a_rollback_wakes_what_rested_as_it_was() {
    let stage = Stage::new(20);
    all_fail(&stage);
    with_older(&stage);
    let start = stage.plan(finishing).await;
    let finished = stage.run(start).await.expect("driven");
    assert_eq!(finished.state.phase, Phase::Ended(Ending::RolledBack));
    let world = stage.aws.world();
    assert_eq!(world.associations[&AssociationId::from("older")].definition, older());
}
