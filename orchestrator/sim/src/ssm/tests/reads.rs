//! Listings of commands, nodes and documents.

use crate::api::ssm::{
    DescribeDocumentInput, DescribeInstanceInformationInput, DescribeInstancePropertiesInput,
    GetCommandInvocationInput, GetDocumentInput, InstanceInformationFilter, InstanceInformationStringFilter,
    ListCommandsInput, ListDocumentVersionsInput, PingStatus, SendCommandInput,
};
use crate::api::{Response, ssm};
use crate::fleet::Reach;
use crate::trial::{HUB, REGION, SPOKE, Trial, code, filter, install, text};

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
    assert!(trial.world.catalogue().attachment(path).expect("served").has("install.ps1"));
}
