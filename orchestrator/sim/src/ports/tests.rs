//! The in-memory door against the words of the ports.

use wavetrain_model::agent::Status;
use wavetrain_model::fleet::{Platform, TagMatch};
use wavetrain_model::gate::{AlarmState, Window};
use wavetrain_model::id::{AccountId, NodeId, Region, SiteIndex, TagMatchIndex};
use wavetrain_model::spec::{Ask, InstallMode};
use wavetrain_model::time::{Seconds, Timestamp};
use wavetrain_ports::clock::Clock;
use wavetrain_ports::compliance::ComplianceBook;
use wavetrain_ports::distributor::{Distributor, Job, Order, Sent};
use wavetrain_ports::fleet::Fleet;
use wavetrain_ports::metrics::{Metrics, Question};

use super::*;
use crate::api::cloudwatch::StatusCode;
use crate::fault::Fault;
use crate::trial::{HUB, REGION, SPOKE, Trial};

fn cloud(extra: &str) -> (SharedWorld, SimulatedCloud) {
    let world = SharedWorld::new(Trial::new(extra).world);
    (world.clone(), SimulatedCloud::new(world, "wavetrain-test"))
}

fn site(account: &str) -> Site {
    let is_hub = account == HUB;
    Site {
        account: AccountId::new(account),
        region: Region::new(REGION),
        role: (!is_hub).then(|| format!("arn:aws:iam::{account}:role/spoke")),
        external_id: (!is_hub).then(|| "secret".to_owned()),
    }
}

fn order(nodes: Vec<NodeId>, job: Job) -> Order {
    Order {
        job,
        nodes,
        comment: "marker".to_owned(),
        deliver_within: Seconds(600),
        max_concurrency: 50,
        max_errors: None,
    }
}

fn install(version: &str) -> Job {
    Job::Install {
        package: format!("arn:aws:ssm:{REGION}:{HUB}:document/hello"),
        version: version.to_owned(),
        mode: InstallMode::Reinstall,
        arguments: BTreeMap::from([("SSM_site".to_owned(), "a".to_owned())]),
    }
}

async fn linux(cloud: &SimulatedCloud) -> Vec<NodeId> {
    let nodes = cloud.nodes(&site(SPOKE), SiteIndex(0), &[]).await.expect("listed");
    nodes.into_iter().filter(|node| node.platform == Platform::Linux).map(|node| node.id).collect()
}

#[tokio::test]
async fn discovery_reads_nodes_tags_and_the_shared_package() {
    let (_, cloud) = cloud("faults: [{ short_pages: true }]\n");
    assert_eq!(cloud.caller_account().await.expect("known").as_str(), HUB);
    let question = TagMatch { key: "service".to_owned(), values: vec!["web".to_owned()] };
    let nodes = cloud.nodes(&site(SPOKE), SiteIndex(3), &[question]).await.expect("listed");
    assert_eq!(nodes.len(), 10);
    assert_eq!(nodes.iter().filter(|node| node.tags.has(TagMatchIndex(0))).count(), 6);
    let owner = AccountId::new(HUB);
    let wanted = ["2.0.0".to_owned(), "9.9.9".to_owned()];
    let view = cloud.package(&site(SPOKE), "hello", &owner, &wanted, true).await.expect("seen");
    assert!(view.name.starts_with("arn:aws:ssm:"));
    assert_eq!(view.default_version.as_deref(), Some("1.0.0"));
    let manifest = view.versions["2.0.0"].manifest.as_ref().expect("read");
    assert!(manifest.packages["windows"]["_any"].contains_key("x86_64"));
    assert!(manifest.update_script.values().all(|has| *has));
    let none = cloud.package(&site(SPOKE), "nobody", &owner, &wanted, false).await.expect("empty");
    assert!(none.versions.is_empty());
    assert!(cloud.check_documents(&site(SPOKE), &["AWS-ConfigureAWSPackage"]).await.is_ok());
}

#[tokio::test]
async fn a_command_is_sent_found_by_its_comment_and_read() {
    let (world, cloud) = cloud("");
    let clock = SimulatedClock::new(world.clone());
    let nodes = linux(&cloud).await;
    let since = clock.now();
    let Sent::Accepted { command } = cloud.send(&site(SPOKE), &order(nodes.clone(), install("2.0.0"))).await
    else {
        panic!("not sent");
    };
    clock.sleep_until(since.plus(Seconds(120))).await;
    let listing = cloud.commands(&site(SPOKE), since, 10).await.expect("listed");
    assert!(listing.complete && listing.commands[0].over);
    assert_eq!((listing.commands[0].comment.as_str(), listing.commands[0].completed), ("marker", 6));
    let invocations = cloud.invocations(&site(SPOKE), &command).await.expect("read");
    assert!(invocations.iter().all(|one| one.status == Status::Success && one.exit_code == Some(0)));
    assert!(nodes.iter().all(|node| world.with(|world| {
        world.node(node.as_str()).and_then(|node| node.bits_of("hello").version).as_deref() == Some("2.0.0")
    })));
}

#[tokio::test]
async fn failures_are_told_apart_as_for_the_real_service() {
    let faults = "faults:\n  - { operations: [SendCommand], calls: [1], lose_answer: after }\n  - { operations: [SendCommand], calls: [2], throttle: { per_second: 0, burst: 0 } }\n  - { operations: [ListCommands], unreachable: refused }\n";
    let (_, cloud) = cloud(faults);
    let nodes = linux(&cloud).await;
    let order = order(nodes, install("2.0.0"));
    assert!(matches!(cloud.send(&site(SPOKE), &order).await, Sent::Unknown(_)));
    match cloud.send(&site(SPOKE), &order).await {
        Sent::Refused(failure) => assert_eq!(failure.class, Class::Throttled),
        other => panic!("{other:?}"),
    }
    let bad = Order { nodes: vec![NodeId::new("i-00000000000000000")], ..order };
    match cloud.send(&site(SPOKE), &bad).await {
        Sent::InvalidNodes { nodes, .. } => assert_eq!(nodes, bad.nodes),
        other => panic!("{other:?}"),
    }
    let dead = cloud.commands(&site(SPOKE), Timestamp(0), 10).await.expect_err("dead");
    assert_eq!(dead.class, Class::Unavailable);
    let stranger = Site { external_id: None, ..site(SPOKE) };
    let denied = cloud.nodes(&stranger, SiteIndex(0), &[]).await.expect_err("denied");
    assert_eq!(denied.class, Class::Denied);
}

#[tokio::test]
async fn sessions_are_renewed_when_they_have_run_out() {
    let (world, cloud) = cloud("");
    assert!(cloud.alarms(&site(SPOKE), &[], Some("x")).await.is_ok());
    world.with(|world| world.advance_to(world.now().plus_seconds(7200)));
    assert!(cloud.alarms(&site(SPOKE), &[], Some("x")).await.is_ok());
    let assumed =
        world.with(|world| world.calls().iter().filter(|call| call.operation == "AssumeRole").count());
    assert_eq!(assumed, 2);
}

#[tokio::test]
async fn sleepers_wake_in_order_and_time_jumps_between_them() {
    let (world, _) = cloud("");
    let clock = SimulatedClock::new(world);
    let start = clock.now();
    let woken = Arc::new(Mutex::new(Vec::new()));
    let tasks: Vec<_> = [30_u32, 10, 20]
        .into_iter()
        .map(|seconds| {
            let (clock, woken) = (clock.clone(), Arc::clone(&woken));
            tokio::spawn(async move {
                clock.sleep_until(start.plus(Seconds(seconds))).await;
                woken.lock().expect("whole").push((seconds, clock.now().since(start).0));
            })
        })
        .collect();
    for task in tasks {
        task.await.expect("woken");
    }
    assert_eq!(*woken.lock().expect("whole"), [(10, 10), (20, 20), (30, 30)]);
}

#[tokio::test]
async fn metric_data_come_whole_over_short_pages_and_partial_data_are_not_complete() {
    let metric = "metrics: [{ name: crashes, kind: count, level: 2, nodes: [web] }]\n";
    let (world, cloud) =
        cloud(&format!("{metric}faults: [{{ operations: [GetMetricData], short_pages: true }}]\n"));
    world.with(|world| world.advance_to(world.start().plus_seconds(3600)));
    let search = "SEARCH('{CWAgent,InstanceId} MetricName=\"crashes\"', 'Sum', 60)".to_owned();
    let questions = [
        Question { id: "found".to_owned(), ask: Ask::Expression(search), wanted: false },
        Question { id: "total".to_owned(), ask: Ask::Expression("SUM(found)".to_owned()), wanted: true },
        Question { id: "each".to_owned(), ask: Ask::Expression("found".to_owned()), wanted: true },
    ];
    let until = Timestamp(world.with(|world| world.now().millis()));
    let window = Window { from: Timestamp(until.0 - 600_000), until };
    let answers = cloud.data(&site(SPOKE), &questions, Seconds(60), window).await.expect("answered");
    let of = |id: &str| answers.iter().filter(|answer| answer.id == id).collect::<Vec<_>>();
    assert_eq!((of("found").len(), of("total").len(), of("each").len()), (0, 1, 6));
    assert!(answers.iter().all(|answer| answer.series.complete && answer.series.points.len() == 10));

    world.with(|world| {
        world.add_fault(Fault { metric_status: Some(StatusCode::PartialData), ..Fault::default() });
    });
    let answers = cloud.data(&site(SPOKE), &questions, Seconds(60), window).await.expect("answered");
    assert!(answers.iter().all(|answer| !answer.series.complete));
}

#[tokio::test]
async fn compliance_says_the_same_for_all_nodes_at_once_and_for_each() {
    let scans = "compliance: [{ id: KB1, severity: HIGH, non_compliant: 0.5 }, { id: KB2, severity: LOW, non_compliant: 0.5 }]\n";
    let (_, cloud) = cloud(&format!(
        "{scans}faults: [{{ operations: [ListResourceComplianceSummaries], short_pages: true }}]\n"
    ));
    let types = ["Patch".to_owned()];
    let rows = cloud.summaries(&site(SPOKE), &types).await.expect("listed");
    assert!(rows.len() > 5 && rows.iter().any(|(_, row)| row.compliant == Some(false)));
    for (node, row) in rows {
        let items = cloud.items(&site(SPOKE), &node, &types).await.expect("listed");
        assert_eq!((items[0].compliant, &items[0].bad), (row.compliant, &row.bad));
        assert!(items[0].at <= row.at);
    }
    let gone = NodeId::new("i-00000000000000000");
    assert_eq!(cloud.items(&site(SPOKE), &gone, &types).await.expect("nobody"), []);
}

#[tokio::test]
async fn an_alarm_tells_what_it_went_into_meanwhile() {
    let (world, cloud) = cloud(
        "alarms: [{ name: other, changes: [{ after_seconds: 600, state: ALARM }, { after_seconds: 660, state: OK }] }]\n",
    );
    let from = Timestamp(world.with(|world| world.now().millis()));
    world.with(|world| world.advance_to(world.start().plus_seconds(1200)));
    let until = Timestamp(world.with(|world| world.now().millis()));
    let alarms = cloud.alarms(&site(SPOKE), &[], Some("other")).await.expect("listed");
    assert_eq!(alarms[0].state, AlarmState::Ok);
    let changes = cloud.changes(&site(SPOKE), "other", Window { from, until }).await.expect("told");
    assert_eq!(
        changes.iter().map(|change| change.to.clone()).collect::<Vec<_>>(),
        [AlarmState::Alarm, AlarmState::Ok]
    );
    let later = Window { from: until, until };
    assert_eq!(cloud.changes(&site(SPOKE), "other", later).await.expect("told"), []);
}
