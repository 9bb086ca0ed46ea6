//! Run Command, nodes and documents as a client sees them.

use std::collections::BTreeMap;

use crate::api::ssm::{
    CancelCommandInput, CommandStatus, DescribeDocumentInput, DescribeInstanceInformationInput,
    DescribeInstancePropertiesInput, GetCommandInvocationInput, GetDocumentInput, InstanceInformationFilter,
    InstanceInformationStringFilter, InvocationStatus, ListCommandsInput, ListDocumentVersionsInput,
    PingStatus, SendCommandInput, Target,
};
use crate::api::{ApiError, Response, ssm};
use crate::fault::Fault;
use crate::fleet::Reach;
use crate::trial::{HUB, REGION, SPOKE, Trial, code, filter, install, package_command, script, text};

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
fn reads_show_nothing_until_the_lag_has_passed() {
    let mut trial = Trial::new("");
    let ids = trial.ids(HUB, "web");
    let id = trial.install(&ids, "2.0.0");
    trial.pass(1);
    assert!(trial.commands(ListCommandsInput::default()).0.is_empty());
    assert!(trial.invocations(&id).is_empty());
    let get =
        GetCommandInvocationInput { command_id: id.clone(), instance_id: ids[0].clone(), plugin_name: None };
    assert_eq!(code(trial.call(HUB, get.clone())), "InvocationDoesNotExist");
    trial.pass(1);
    assert_eq!(trial.commands(ListCommandsInput::default()).0.len(), 1);
    assert_eq!(trial.invocations(&id).len(), 6);
    assert!(trial.call(HUB, get).is_ok());
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
fn commands_are_listed_newest_first_in_pages_by_filter() {
    let mut trial = Trial::new("");
    let ids = trial.ids(HUB, "web");
    for n in 0..7 {
        let comment = Some(format!("n{n}"));
        trial.send(HUB, SendCommandInput { comment, ..install(&ids[..1], "1.0.0") }).expect("accepted");
        trial.pass(60);
    }
    let (mut seen, mut token) = (Vec::new(), None);
    loop {
        let input = ListCommandsInput { max_results: Some(3), next_token: token, ..Default::default() };
        let (page, next) = trial.commands(input);
        assert!(page.len() <= 3);
        seen.extend(page.into_iter().filter_map(|command| command.comment));
        token = next;
        if token.is_none() {
            break;
        }
    }
    assert_eq!(seen, ["n6", "n5", "n4", "n3", "n2", "n1", "n0"]);
    let after = text(trial.world.now().plus_seconds(-150));
    let filtered = |filters| ListCommandsInput { filters: Some(filters), ..Default::default() };
    assert_eq!(trial.commands(filtered(vec![filter("InvokedAfter", &after)])).0.len(), 2);
    assert_eq!(trial.commands(filtered(vec![filter("ExecutionStage", "Executing")])).0.len(), 0);
    assert_eq!(trial.commands(filtered(vec![filter("DocumentName", "AWS-RunShellScript")])).0.len(), 0);
    assert_eq!(trial.commands(filtered(vec![filter("Status", "Success")])).0.len(), 7);
    let bad = ListCommandsInput { next_token: Some("guess".into()), ..Default::default() };
    assert_eq!(code(trial.call(HUB, bad)), "InvalidNextToken");
    trial.pass(31 * 24 * 3600);
    assert!(trial.commands(ListCommandsInput::default()).0.is_empty(), "forgotten after 30 days");
}

#[test]
fn node_listings_page_filter_and_refuse_mixed_filters() {
    let mut trial = Trial::new("");
    let linux = trial.ids(HUB, "web");
    trial.world.set_reach(&linux[0], Reach::Offline);
    trial.pass(600);
    let input = DescribeInstanceInformationInput { max_results: Some(5), ..Default::default() };
    let (first, token) = trial.information(input).expect("listed");
    let input =
        DescribeInstanceInformationInput { max_results: Some(5), next_token: token, ..Default::default() };
    let (second, end) = trial.information(input).expect("listed");
    assert_eq!((first.len(), second.len(), end), (5, 5, None));
    assert_eq!(first[0].ping_status, PingStatus::ConnectionLost);
    let small = DescribeInstanceInformationInput { max_results: Some(4), ..Default::default() };
    assert_eq!(code(trial.information(small)), "ValidationException");
    let string = |key: &str, value: &str| InstanceInformationStringFilter {
        key: key.into(),
        values: vec![value.into()],
    };
    let tag = string("tag:service", "desk");
    let input = DescribeInstanceInformationInput { filters: Some(vec![tag.clone()]), ..Default::default() };
    assert_eq!(trial.information(input).expect("listed").0.len(), 4);
    let mixed = vec![tag, string("PingStatus", "Online")];
    let input = DescribeInstanceInformationInput { filters: Some(mixed), ..Default::default() };
    assert_eq!(code(trial.information(input)), "InvalidInstanceInformationFilterValue");
    let legacy =
        vec![InstanceInformationFilter { key: "PlatformTypes".into(), value_set: vec!["Windows".into()] }];
    let input = DescribeInstanceInformationInput {
        instance_information_filter_list: Some(legacy),
        ..Default::default()
    };
    assert_eq!(trial.information(input).expect("listed").0.len(), 4);
}

#[test]
fn properties_tell_the_architecture() {
    let mut trial = Trial::new("");
    let input = DescribeInstancePropertiesInput { max_results: Some(1000), ..Default::default() };
    match trial.call(HUB, input) {
        Ok(Response::Ssm(ssm::Response::DescribeInstanceProperties(output))) => {
            assert_eq!(output.instance_properties.len(), 10);
            assert!(
                output.instance_properties.iter().all(|row| row.architecture.as_deref() == Some("x86_64"))
            );
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn shared_packages_are_seen_by_arn_in_their_region_only() {
    let mut trial = Trial::new("");
    let arn = format!("arn:aws:ssm:{REGION}:{HUB}:document/hello");
    let describe = |name: &str, version: &str| DescribeDocumentInput {
        name: name.into(),
        version_name: Some(version.into()),
        ..Default::default()
    };
    match trial.call(SPOKE, describe(&arn, "2.0.0")) {
        Ok(Response::Ssm(ssm::Response::DescribeDocument(output))) => assert_eq!(output.document.name, arn),
        other => panic!("{other:?}"),
    }
    assert_eq!(code(trial.call(SPOKE, describe("hello", "2.0.0"))), "InvalidDocument");
    let elsewhere = format!("arn:aws:ssm:us-east-1:{HUB}:document/hello");
    assert_eq!(code(trial.call(SPOKE, describe(&elsewhere, "2.0.0"))), "InvalidDocument");
    assert_eq!(code(trial.call(HUB, describe("hello", "9.9.9"))), "InvalidDocumentVersion");
    let list = ListDocumentVersionsInput { name: arn, ..Default::default() };
    match trial.call(SPOKE, list) {
        Ok(Response::Ssm(ssm::Response::ListDocumentVersions(output))) => {
            let names: Vec<_> =
                output.document_versions.iter().filter_map(|row| row.version_name.clone()).collect();
            assert_eq!(names, ["5.0.0", "4.0.0", "3.0.0", "2.0.0", "1.0.0"]);
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_document_gives_its_manifest_and_links_to_its_zips() {
    let mut trial = Trial::new("");
    let input = GetDocumentInput { name: "hello".into(), ..Default::default() };
    let Ok(Response::Ssm(ssm::Response::GetDocument(output))) = trial.call(HUB, input) else {
        panic!("no document");
    };
    let manifest: serde_json::Value = serde_json::from_str(&output.content).expect("JSON");
    assert_eq!(manifest["version"], "1.0.0");
    let file = manifest["packages"]["windows"]["_any"]["x86_64"]["file"].as_str().expect("a file");
    let attachments = output.attachments_content.expect("attachments");
    let attachment = attachments.iter().find(|attachment| attachment.name == file).expect("attached");
    assert_eq!(manifest["files"][file]["checksums"]["sha256"], *attachment.hash);
    let path = attachment.url.strip_prefix("/_attachments/").expect("a path on the door");
    let (path, _signature) = path.split_once('?').expect("a query");
    let entries = trial.world.catalogue().attachment(path).expect("served");
    assert!(entries.iter().any(|entry| entry.name == "install.ps1"));
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

fn counts(pairs: &[(&str, usize)]) -> BTreeMap<String, usize> {
    pairs.iter().map(|(word, count)| ((*word).to_owned(), *count)).collect()
}
