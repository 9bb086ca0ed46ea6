//! Sending commands and what becomes of them.

use super::counts;
use crate::api::ssm::{
    CancelCommandInput, CommandStatus, DescribeInstanceInformationInput, ListCommandsInput, SendCommandInput,
    Target,
};
use crate::fleet::Reach;
use crate::trial::{HUB, SPOKE, Trial, code, install, script};

#[test]
fn an_install_changes_the_bits_and_reports_success() {
    let mut trial = Trial::new("");
    let ids = trial.ids(HUB, "web");
    let id = trial.install(&ids, "2.0.0");
    trial.pass(120);
    let command = trial.command(&id);
    assert_eq!(
        (command.status, command.completed_count, command.error_count),
        (CommandStatus::Success, 6, 0)
    );
    assert!(ids.iter().all(|id| trial.bits(id).as_deref() == Some("2.0.0")));
    let invocation = &trial.invocations(&id)[0];
    let output = invocation.command_plugins[0].output.clone().unwrap_or_default();
    assert!(output.contains("Successfully installed hello 2.0.0"), "{output}");
    assert_eq!(invocation.command_plugins[0].name, "configurePackage");
    let history = &trial.node(&ids[0]).history;
    assert_eq!(history.commands.len(), 1);
    assert_eq!(history.bits.last().and_then(|change| change.to.clone()).as_deref(), Some("2.0.0"));
}

#[test]
fn a_failing_version_leaves_the_nodes_without_the_product_and_with_debris() {
    let mut trial = Trial::new("");
    let ids = trial.ids(HUB, "web");
    let id = trial.install(&ids, "3.0.0");
    trial.pass(300);
    let command = trial.command(&id);
    assert_eq!((command.status_details.as_str(), command.error_count), ("Incomplete", 6));
    assert!(ids.iter().all(|id| trial.bits(id).is_none() && trial.node(id).bits_of("hello").debris));
    let plugin = &trial.invocations(&id)[0].command_plugins[0];
    assert_eq!(plugin.response_code, 1);
    assert!(plugin.output.as_deref().unwrap_or_default().contains("exit status 7"));
}

#[test]
fn one_bad_id_refuses_the_whole_command_and_is_named() {
    let mut trial = Trial::new("");
    let mut ids = trial.ids(HUB, "web");
    let foreign = trial.ids(SPOKE, "web")[0].clone();
    ids.push(foreign.clone());
    let error = trial.send(HUB, install(&ids, "2.0.0")).expect_err("refused");
    assert_eq!(error.code, "InvalidInstanceId");
    assert_eq!(
        error.message.as_deref(),
        Some(&*format!("Instances [[{foreign}]] not in a valid state for account {HUB}"))
    );
    trial.pass(60);
    assert!(trial.commands(ListCommandsInput::default()).0.is_empty());
}

#[test]
fn requests_that_break_the_rules_are_refused_with_their_codes() {
    let mut trial = Trial::new("");
    let ids = trial.ids(HUB, "web");
    let good = install(&ids, "2.0.0");
    let many: Vec<String> = (0..51).map(|n| format!("i-{n:017x}")).collect();
    let doubled = [ids.clone(), ids.clone()].concat();
    let with = |name: &str, values: &[&str]| {
        let mut input = good.clone();
        let values = values.iter().map(|value| (*value).to_owned()).collect();
        input.parameters.get_or_insert_default().insert(name.to_owned(), values);
        input
    };
    let cases: Vec<(SendCommandInput, &str)> = vec![
        (install(&many, "2.0.0"), "ValidationException"),
        (install(&doubled, "2.0.0"), "DuplicateInstanceId"),
        (install(&[], "2.0.0"), "ValidationException"),
        (with("action", &["install"]), "InvalidParameters"),
        (with("action", &[]), "InvalidParameters"),
        (with("installationType", &["in-place"]), "InvalidParameters"),
        (with("name", &["no spaces allowed"]), "InvalidParameters"),
        (with("additionalArguments", &["not json"]), "InvalidParameters"),
        (with("colour", &["blue"]), "InvalidParameters"),
        (SendCommandInput { document_name: "AWS-Unknown".into(), ..good.clone() }, "InvalidDocument"),
        (SendCommandInput { document_version: Some("9".into()), ..good.clone() }, "InvalidDocumentVersion"),
        (SendCommandInput { comment: Some("x".repeat(101)), ..good.clone() }, "ValidationException"),
        (SendCommandInput { timeout_seconds: Some(29), ..good.clone() }, "ValidationException"),
        (SendCommandInput { max_concurrency: Some("0".into()), ..good.clone() }, "ValidationException"),
        (SendCommandInput { max_errors: Some("101%".into()), ..good.clone() }, "ValidationException"),
    ];
    for (input, expected) in cases {
        assert_eq!(code(trial.send(HUB, input.clone())), expected, "{input:?}");
    }
    assert!(trial.send(HUB, good).is_ok());
}

#[test]
fn max_concurrency_bounds_the_nodes_at_work_and_the_ramp_doubles() {
    let mut trial = Trial::new("timing: { ramp_seconds: 30, delivery_millis: [10, 10] }\n");
    let ids = trial.ids(HUB, "web");
    let id = trial
        .send(HUB, SendCommandInput { max_concurrency: Some("4".into()), ..install(&ids, "4.0.0") })
        .expect("accepted")
        .command_id;
    trial.pass(3);
    assert_eq!(trial.details(&id), counts(&[("InProgress", 1), ("Pending", 5)]));
    trial.pass(30);
    assert_eq!(trial.details(&id), counts(&[("InProgress", 2), ("Pending", 4)]));
    trial.pass(60);
    assert_eq!(trial.details(&id), counts(&[("InProgress", 4), ("Pending", 2)]));
}

#[test]
fn max_errors_zero_stops_after_the_first_error_and_terminates_the_rest() {
    let mut trial = Trial::new("timing: { ramp_seconds: 3600 }\n");
    let ids = trial.ids(HUB, "web");
    let input = SendCommandInput { max_errors: Some("0".into()), ..install(&ids, "3.0.0") };
    let id = trial.send(HUB, input).expect("accepted").command_id;
    trial.pass(200);
    let command = trial.command(&id);
    assert_eq!((command.error_count, command.completed_count), (1, 6));
    assert_eq!(command.status, CommandStatus::Failed);
    assert_eq!(trial.details(&id), counts(&[("Failed", 1), ("Terminated", 5)]));
    let untouched = ids.iter().filter(|id| trial.node(id).history.commands.is_empty()).count();
    assert_eq!(untouched, 5);
}

#[test]
fn what_does_not_answer_ends_as_delivery_time_out_when_the_command_expires() {
    let mut trial = Trial::new("");
    let ids = trial.ids(HUB, "web");
    trial.world.set_reach(&ids[0], Reach::Offline);
    let input = SendCommandInput { timeout_seconds: Some(60), ..install(&ids[..2], "4.0.0") };
    let id = trial.send(HUB, input).expect("accepted").command_id;
    trial.pass(3600);
    assert_eq!(trial.details(&id), counts(&[("InProgress", 1), ("Pending", 1)]));
    trial.pass(60);
    assert_eq!(trial.details(&id), counts(&[("DeliveryTimedOut", 2)]));
    let command = trial.command(&id);
    assert_eq!((command.delivery_timed_out_count, command.error_count), (2, 0));
    assert_eq!(command.status_details, "DeliveryTimedOut");
    assert!(trial.node(&ids[0]).history.commands.is_empty());
}

#[test]
fn a_node_that_returns_in_time_gets_its_command() {
    let mut trial = Trial::new("");
    let ids = trial.ids(HUB, "web");
    trial.world.set_reach(&ids[0], Reach::Offline);
    let id = trial.install(&ids[..1], "2.0.0");
    trial.pass(600);
    assert_eq!(trial.details(&id), counts(&[("Pending", 1)]));
    trial.world.set_reach(&ids[0], Reach::Online);
    trial.pass(120);
    assert_eq!(trial.details(&id), counts(&[("Success", 1)]));
}

#[test]
fn a_node_that_goes_offline_at_work_answers_when_it_returns() {
    let mut trial = Trial::new("timing: { agent_wait_seconds: [0, 0] }\n");
    let ids = trial.ids(HUB, "web");
    let id = trial.install(&ids[..1], "2.0.0");
    trial.pass(3);
    trial.world.set_reach(&ids[0], Reach::Offline);
    trial.pass(300);
    assert_eq!(trial.details(&id), counts(&[("InProgress", 1)]));
    assert_eq!(trial.bits(&ids[0]).as_deref(), Some("2.0.0"));
    trial.world.set_reach(&ids[0], Reach::Online);
    assert_eq!(trial.details(&id), counts(&[("Success", 1)]));
}

#[test]
fn a_node_terminated_before_delivery_is_undeliverable() {
    let mut trial = Trial::new("");
    let ids = trial.ids(HUB, "web");
    trial.world.set_reach(&ids[0], Reach::Offline);
    let id = trial.install(&ids[..1], "2.0.0");
    trial.pass(30);
    trial.world.set_reach(&ids[0], Reach::Terminated);
    assert_eq!(trial.details(&id), counts(&[("Undeliverable", 1)]));
    let (nodes, _) = trial.information(DescribeInstanceInformationInput::default()).expect("listed");
    assert!(nodes.iter().all(|node| node.instance_id != ids[0]));
    assert_eq!(code(trial.send(HUB, install(&ids[..1], "2.0.0"))), "InvalidInstanceId");
}

#[test]
fn a_script_for_the_other_platform_is_an_invalid_platform() {
    let mut trial = Trial::new("");
    let ids = trial.ids(HUB, "desk");
    let id = trial.send(HUB, script(&ids, "AWS-RunShellScript", "ls")).expect("accepted").command_id;
    trial.pass(30);
    assert_eq!(trial.details(&id), counts(&[("InvalidPlatform", 4)]));
    assert_eq!(trial.command(&id).status, CommandStatus::Failed);
}

#[test]
fn probes_print_the_bits_and_not_what_the_agent_believes() {
    let mut trial = Trial::new("");
    let (linux, windows) = (trial.ids(HUB, "web"), trial.ids(HUB, "desk"));
    let line = "hello --version | head -1";
    let a = trial.send(HUB, script(&linux[..1], "AWS-RunShellScript", line)).expect("accepted").command_id;
    let b =
        trial.send(HUB, script(&windows[..1], "AWS-RunPowerShellScript", line)).expect("accepted").command_id;
    trial.pass(30);
    let output = |trial: &mut Trial, id: &str| trial.invocations(id)[0].command_plugins[0].output.clone();
    assert_eq!(output(&mut trial, &a).as_deref(), Some("1.0.0\n"));
    assert_eq!(output(&mut trial, &b).as_deref(), Some(""));
}

#[test]
fn cancelling_stops_what_has_not_begun_and_nothing_else() {
    let mut trial = Trial::new("timing: { ramp_seconds: 3600, delivery_millis: [10, 10] }\n");
    let ids = trial.ids(HUB, "web");
    let id = trial.install(&ids, "2.0.0");
    trial.pass(3);
    let cancel = CancelCommandInput { command_id: id.clone(), instance_ids: Vec::new() };
    trial.call(HUB, cancel).expect("cancelled");
    assert_eq!(trial.command(&id).status, CommandStatus::Cancelling);
    trial.pass(120);
    assert_eq!(trial.command(&id).status, CommandStatus::Cancelled);
    assert_eq!(trial.details(&id), counts(&[("Cancelled", 5), ("Success", 1)]));
    let unknown = CancelCommandInput { command_id: "x".repeat(36), instance_ids: Vec::new() };
    assert_eq!(code(trial.call(HUB, unknown)), "InvalidCommandId");
}

#[test]
fn targets_by_tag_find_their_nodes_and_none_is_not_success() {
    let mut trial = Trial::new("");
    let by_tag = |value: &str| SendCommandInput {
        targets: vec![Target { key: Some("tag:service".into()), values: vec![value.into()] }],
        ..install(&[], "2.0.0")
    };
    assert_eq!(trial.send(HUB, by_tag("web")).expect("accepted").target_count, 6);
    let none = trial.send(HUB, by_tag("nobody")).expect("accepted");
    assert_eq!((none.target_count, none.status_details.as_str()), (0, "NoInstancesInTag"));
}

#[test]
fn a_version_that_is_not_active_fails_on_the_node() {
    let mut trial = Trial::new("");
    let ids = trial.ids(HUB, "web");
    let id = trial.install(&ids[..1], "5.0.0");
    trial.pass(60);
    let output = trial.invocations(&id)[0].command_plugins[0].output.clone().unwrap_or_default();
    assert!(output.contains("Current document status - Creating"), "{output}");
    assert_eq!(trial.bits(&ids[0]).as_deref(), Some("1.0.0"));
}
