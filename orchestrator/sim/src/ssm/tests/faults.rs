//! Bad days, whole stories, and large worlds.

use super::counts;
use crate::api::ssm::{
    DescribeInstanceInformationInput, InvocationStatus, ListCommandsInput, SendCommandInput,
};
use crate::api::{ApiError, Response};
use crate::fault::Fault;
use crate::trial::{HUB, SPOKE, Trial, code, install, package_command};

#[test]
fn a_lost_answer_after_sending_leaves_a_command_to_be_found() {
    let mut trial = Trial::new("faults: [{ operations: [SendCommand], calls: [1], lose_answer: after }]\n");
    let ids = trial.ids(HUB, "web");
    let input = SendCommandInput { comment: Some("marker".into()), ..install(&ids, "2.0.0") };
    let reply = trial.world.call(&Trial::caller(HUB), input.into());
    assert_eq!(reply.delivery, crate::api::Delivery::Dropped);
    trial.pass(5);
    let (commands, _) = trial.commands(ListCommandsInput::default());
    assert_eq!(commands[0].comment.as_deref(), Some("marker"));
    assert!(trial.world.calls()[0].executed);
}

#[test]
fn a_lost_request_leaves_no_trace() {
    let mut trial =
        Trial::new("faults: [{ operations: [SendCommand], first_calls: 1, lose_answer: before }]\n");
    let ids = trial.ids(HUB, "web");
    let reply = trial.world.call(&Trial::caller(HUB), install(&ids, "2.0.0").into());
    assert_eq!(reply.delivery, crate::api::Delivery::Dropped);
    trial.pass(60);
    assert!(trial.commands(ListCommandsInput::default()).0.is_empty());
    assert!(!trial.world.calls()[0].executed);
}

#[test]
fn faults_of_listings_hide_shorten_and_confuse() {
    let mut trial = Trial::new("");
    let ids = trial.ids(HUB, "web");
    trial.world.add_fault(Fault { listing_lag_seconds: Some(30.0), ..Fault::default() });
    let id = trial.install(&ids, "4.0.0");
    trial.pass(20);
    assert!(trial.invocations(&id).is_empty());
    trial.pass(20);
    trial.world.clear_faults();
    trial.world.add_fault(Fault { unknown_status: Some("Sparkling".into()), ..Fault::default() });
    let row = &trial.invocations(&id)[0];
    assert_eq!((row.status, row.status_details.as_str()), (InvocationStatus::InProgress, "Sparkling"));
    trial.world.clear_faults();
    trial.world.add_fault(Fault { short_pages: true, ..Fault::default() });
    let (mut seen, mut token, mut pages) = (0, None, 0);
    loop {
        let input = DescribeInstanceInformationInput {
            max_results: Some(5),
            next_token: token,
            ..Default::default()
        };
        let (rows, next) = trial.information(input).expect("listed");
        (seen, pages, token) = (seen + rows.len(), pages + 1, next);
        if token.is_none() {
            break;
        }
    }
    assert_eq!(seen, 10);
    assert!(pages > 2);
}

#[test]
fn denials_dead_sites_and_throttling_stop_calls_before_they_do_anything() {
    let mut trial = Trial::new(
        "faults:\n  - { accounts: [\"444455556666\"], deny: true }\n  - { operations: [ListCommands], throttle: { per_second: 1, burst: 1 } }\n",
    );
    let ids = trial.ids(SPOKE, "web");
    assert_eq!(code(trial.send(SPOKE, install(&ids, "2.0.0"))), "AccessDeniedException");
    assert!(trial.call(HUB, ListCommandsInput::default()).is_ok());
    let throttled: Result<Response, ApiError> = trial.call(HUB, ListCommandsInput::default());
    assert_eq!(code(throttled), "ThrottlingException");
    trial.pass(1);
    assert!(trial.call(HUB, ListCommandsInput::default()).is_ok());
    let errors: Vec<Option<&str>> = trial.world.calls().iter().map(|call| call.error.as_deref()).collect();
    assert_eq!(errors, [Some("AccessDeniedException"), None, Some("ThrottlingException"), None]);
}

#[test]
fn the_same_seed_and_the_same_calls_give_the_same_history() {
    let play = || {
        let mut trial = Trial::new("");
        let ids = trial.ids(HUB, "web");
        trial.install(&ids, "3.0.0");
        trial.pass(300);
        trial.send(HUB, package_command(&ids, "Uninstall", "1.0.0")).expect("accepted");
        trial.pass(300);
        trial.install(&ids, "1.0.0");
        trial.pass(300);
        trial.world.nodes().iter().map(|node| (node.id.clone(), node.history.clone())).collect::<Vec<_>>()
    };
    assert_eq!(play(), play());
}

#[test]
fn after_a_failed_upgrade_uninstall_and_install_restore_the_previous_version() {
    let mut trial = Trial::new("");
    let ids = trial.ids(HUB, "web");
    trial.install(&ids, "3.0.0");
    trial.pass(300);
    trial.send(HUB, package_command(&ids, "Uninstall", "1.0.0")).expect("accepted");
    trial.pass(300);
    trial.install(&ids, "1.0.0");
    trial.pass(300);
    assert!(ids.iter().all(|id| trial.bits(id).as_deref() == Some("1.0.0")));
}

#[test]
fn a_stuck_lock_fails_package_commands_until_it_is_gone() {
    let mut trial = Trial::of(
        r#"
sites: { accounts: ["111122223333"], regions: [eu-west-1] }
nodes:
  - { name: web, count: 2, platform: Linux, troubles: [{ first: 1, locked_for_seconds: 600 }] }
packages: [{ name: hello, versions: [{ name: 1.0.0 }] }]
"#,
    );
    let ids = trial.ids(HUB, "web");
    let id = trial.install(&ids, "1.0.0");
    trial.pass(120);
    assert_eq!(trial.details(&id), counts(&[("Failed", 1), ("Success", 1)]));
    trial.pass(600);
    let id = trial.install(&ids[..1], "1.0.0");
    trial.pass(120);
    assert_eq!(trial.details(&id), counts(&[("Success", 1)]));
}

#[test]
fn a_large_world_costs_what_happens_in_it() {
    let mut trial = Trial::of(
        r#"
sites: { accounts: ["111122223333", "444455556666"], regions: [eu-west-1, us-east-1] }
nodes: [{ name: web, count: 25000, platform: Linux, installed: { hello: { 1.0.0: 1 } } }]
packages: [{ name: hello, versions: [{ name: 1.0.0 }, { name: 2.0.0 }] }]
"#,
    );
    assert_eq!(trial.world.nodes().len(), 100_000);
    let here: Vec<String> = {
        let site = &trial.world.sites()[0];
        site.nodes
            .iter()
            .take(1000)
            .map(|index| trial.world.nodes()[*index as usize].id.to_string())
            .collect()
    };
    let sent: Vec<String> = here.chunks(50).map(|chunk| trial.install(chunk, "2.0.0")).collect();
    trial.pass(200);
    let (commands, token) = trial.commands(ListCommandsInput::default());
    assert_eq!((commands.len(), token), (sent.len(), None));
    assert!(commands.iter().all(|command| command.completed_count == 50));
    assert_eq!(trial.world.nodes().iter().filter(|node| node.history.sent > 0).count(), 1000);
}

#[test]
fn versions_seen_before_make_the_agents_own_rollback_true() {
    let text = |seen: &str| {
        format!(
            "sites: {{ accounts: [\"111122223333\"], regions: [eu-west-1] }}\n\
             nodes: [{{ name: web, count: 1, platform: Linux, installed: {{ hello: {{ 1.0.0: 1 }} }}{seen} }}]\n\
             packages: [{{ name: hello, versions: [{{ name: 1.0.0 }}, {{ name: 2.0.0, behaviour: [{{ install: fail }}] }}] }}]\n"
        )
    };
    for (seen, left) in [("", None), (", seen: { hello: [2.0.0] }", Some("1.0.0"))] {
        let mut trial = Trial::of(&text(seen));
        let ids = trial.ids(HUB, "web");
        trial.install(&ids, "2.0.0");
        trial.pass(300);
        assert_eq!(trial.bits(&ids[0]).as_deref(), left);
    }
}
