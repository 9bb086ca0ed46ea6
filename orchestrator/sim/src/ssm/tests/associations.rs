//! State Manager through the calls of the world.

use std::collections::BTreeMap;

use crate::api::ssm::{
    AddTagsToResourceInput, AssociationDescription, AssociationExecution, AssociationExecutionTarget,
    CreateAssociationInput, DeleteAssociationInput, DescribeAssociationExecutionTargetsInput,
    DescribeAssociationExecutionsInput, DescribeAssociationInput, GetCommandInvocationInput,
    ListAssociationsInput, ListCommandsInput, Response as Answer, StartAssociationsOnceInput, Tag, Target,
    UpdateAssociationInput, UpdateDocumentDefaultVersionInput,
};
use crate::api::{ApiError, Response};
use crate::fleet::Reach;
use crate::trial::{HUB, SPOKE, Trial, WORLD, code};

fn target(key: &str, values: &[&str]) -> Target {
    Target { key: Some(key.into()), values: values.iter().map(|value| (*value).into()).collect() }
}

fn parameters(version: &str) -> BTreeMap<String, Vec<String>> {
    let pairs = [("action", "Install"), ("name", "hello"), ("version", version)];
    pairs.into_iter().map(|(name, value)| (name.to_owned(), vec![value.to_owned()])).collect()
}

pub(super) fn keep_web_on(version: &str) -> CreateAssociationInput {
    CreateAssociationInput {
        name: "AWS-ConfigureAWSPackage".into(),
        association_name: Some("keep-web".into()),
        parameters: Some(parameters(version)),
        targets: Some(vec![target("tag:service", &["web"])]),
        compliance_severity: Some("HIGH".into()),
        max_concurrency: Some("100%".into()),
        max_errors: Some("100%".into()),
        ..Default::default()
    }
}

pub(super) fn create(
    trial: &mut Trial,
    input: CreateAssociationInput,
) -> Result<AssociationDescription, ApiError> {
    match trial.call(HUB, input)? {
        Response::Ssm(Answer::CreateAssociation(output)) => Ok(output.association_description),
        other => panic!("{other:?}"),
    }
}

fn describe(trial: &mut Trial, id: &str) -> AssociationDescription {
    let input = DescribeAssociationInput { association_id: Some(id.into()), ..Default::default() };
    match trial.call(HUB, input) {
        Ok(Response::Ssm(Answer::DescribeAssociation(output))) => output.association_description,
        other => panic!("{other:?}"),
    }
}

fn executions(trial: &mut Trial, id: &str) -> Vec<AssociationExecution> {
    let input = DescribeAssociationExecutionsInput { association_id: id.into(), ..Default::default() };
    match trial.call(HUB, input) {
        Ok(Response::Ssm(Answer::DescribeAssociationExecutions(output))) => output.association_executions,
        other => panic!("{other:?}"),
    }
}

fn targets(trial: &mut Trial, row: &AssociationExecution) -> Vec<AssociationExecutionTarget> {
    let input = DescribeAssociationExecutionTargetsInput {
        association_id: row.association_id.clone(),
        execution_id: row.execution_id.clone(),
        ..Default::default()
    };
    match trial.call(HUB, input) {
        Ok(Response::Ssm(Answer::DescribeAssociationExecutionTargets(output))) => {
            output.association_execution_targets
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_association_installs_at_once_and_its_output_is_read_by_the_command_it_names() {
    let mut trial = Trial::new("");
    let ids = trial.ids(HUB, "web");
    let made = create(&mut trial, keep_web_on("2.0.0")).expect("created");
    assert_eq!(made.overview.detailed_status.as_deref(), Some("Creating"));
    trial.pass(300);
    assert!(ids.iter().all(|id| trial.bits(id).as_deref() == Some("2.0.0")));
    let rows = executions(&mut trial, &made.association_id);
    assert_eq!(
        (rows.len(), &*rows[0].status, &*rows[0].resource_count_by_status),
        (1, "Success", "{Success=6}")
    );
    let of_nodes = targets(&mut trial, &rows[0]);
    assert_eq!(of_nodes.len(), 6);
    let command = of_nodes[0].output_source.as_ref().expect("an output").output_source_id.clone();
    let input = GetCommandInvocationInput {
        command_id: command,
        instance_id: of_nodes[0].resource_id.clone(),
        plugin_name: None,
    };
    match trial.call(HUB, input) {
        Ok(Response::Ssm(Answer::GetCommandInvocation(output))) => {
            assert!(output.standard_output_content.contains("Successfully installed hello 2.0.0"));
        }
        other => panic!("{other:?}"),
    }
    assert!(
        trial.commands(ListCommandsInput::default()).0.is_empty(),
        "only those who know the id find the command"
    );
    let overview = describe(&mut trial, &made.association_id).overview;
    assert_eq!(
        (overview.status.as_deref(), overview.detailed_status.as_deref()),
        (Some("Success"), Some("Success"))
    );
    assert!(trial.ids(SPOKE, "web").iter().all(|id| trial.bits(id).as_deref() == Some("1.0.0")));
}

#[test]
fn failures_stop_at_the_error_budget_and_show_as_failed() {
    let mut trial = Trial::new("");
    let input = CreateAssociationInput {
        max_errors: Some("0".into()),
        max_concurrency: Some("1".into()),
        ..keep_web_on("3.0.0")
    };
    let made = create(&mut trial, input).expect("created");
    trial.pass(900);
    let rows = executions(&mut trial, &made.association_id);
    assert_eq!((&*rows[0].status, &*rows[0].resource_count_by_status), ("Failed", "{Failed=1, Skipped=5}"));
    let overview = describe(&mut trial, &made.association_id).overview;
    assert_eq!(
        (overview.status.as_deref(), overview.detailed_status.as_deref()),
        (Some("Failed"), Some("Failed"))
    );
}

#[test]
fn an_update_makes_a_version_applies_it_and_forgets_what_it_does_not_say() {
    let mut trial = Trial::new("");
    let made = create(&mut trial, keep_web_on("1.0.0")).expect("created");
    trial.pass(300);
    let update = UpdateAssociationInput {
        association_id: made.association_id.clone(),
        parameters: Some(parameters("2.0.0")),
        targets: Some(vec![target("InstanceIds", &["*"])]),
        ..Default::default()
    };
    trial.call(HUB, update.clone()).expect("updated");
    trial.pass(300);
    let now = describe(&mut trial, &made.association_id);
    assert_eq!((&*now.association_version, now.compliance_severity, now.association_name), ("2", None, None));
    assert!(trial.ids(HUB, "desk").iter().all(|id| trial.bits(id).as_deref() == Some("2.0.0")));
    let stale = UpdateAssociationInput { association_version: Some("1".into()), ..update };
    assert_eq!(code(trial.call(HUB, stale)), "InvalidAssociationVersion");
    let rows = executions(&mut trial, &made.association_id);
    assert_eq!(rows.iter().map(|row| &*row.association_version).collect::<Vec<_>>(), ["2", "1"]);
}

#[test]
fn a_schedule_repeats_and_a_cron_only_association_waits_for_it() {
    let mut trial = Trial::new("");
    let rate =
        CreateAssociationInput { schedule_expression: Some("rate(30 minutes)".into()), ..keep_web_on("") };
    let rate = create(&mut trial, rate).expect("created");
    let cron = CreateAssociationInput {
        schedule_expression: Some("cron(0 10 ? * * *)".into()),
        apply_only_at_cron_interval: Some(true),
        targets: Some(vec![target("tag:service", &["desk"])]),
        ..keep_web_on("2.0.0")
    };
    let cron = create(&mut trial, cron).expect("created");
    trial.pass(3700);
    assert_eq!(executions(&mut trial, &rate.association_id).len(), 3);
    assert!(executions(&mut trial, &cron.association_id).is_empty());
    assert_eq!(
        describe(&mut trial, &cron.association_id).overview.detailed_status.as_deref(),
        Some("Associated")
    );
    trial.pass(3700);
    assert_eq!(executions(&mut trial, &cron.association_id).len(), 1);
    let once = StartAssociationsOnceInput { association_ids: Some(vec![cron.association_id.clone()]) };
    trial.call(HUB, once).expect("started");
    trial.pass(60);
    assert_eq!(executions(&mut trial, &cron.association_id).len(), 2);
    let delete = DeleteAssociationInput { association_id: Some(rate.association_id), ..Default::default() };
    trial.call(HUB, delete.clone()).expect("deleted");
    assert_eq!(code(trial.call(HUB, delete)), "AssociationDoesNotExist");
}

#[test]
fn nodes_that_come_come_back_or_get_the_tag_are_brought_to_the_version() {
    let newcomer = "tags: { service: web }, troubles: [{ first: 1, registered_after_seconds: 1800 }]";
    let mut trial = Trial::of(&WORLD.replace("tags: { service: web }", newcomer));
    let (web, desk) = (trial.ids(HUB, "web"), trial.ids(HUB, "desk"));
    trial.world.set_reach(&web[1], Reach::Offline);
    let made = create(&mut trial, keep_web_on("2.0.0")).expect("created");
    trial.pass(600);
    assert_eq!((trial.bits(&web[0]), trial.bits(&web[1])), (Some("1.0.0".into()), Some("1.0.0".into())));
    let first = executions(&mut trial, &made.association_id).remove(0);
    assert_eq!(first.resource_count_by_status, "{Pending=1, Success=4}");
    trial.world.set_reach(&web[1], Reach::Online);
    let tag = AddTagsToResourceInput {
        resource_type: "ManagedInstance".into(),
        resource_id: desk[0].clone(),
        tags: vec![Tag { key: "service".into(), value: "web".into() }],
    };
    trial.call(HUB, tag).expect("tagged");
    trial.pass(2400);
    for id in [&web[0], &web[1], &desk[0]] {
        assert_eq!(trial.bits(id).as_deref(), Some("2.0.0"), "{id}");
    }
    assert_eq!(trial.bits(&desk[1]), None);
    assert_eq!(executions(&mut trial, &made.association_id).len(), 4);
}

#[test]
fn a_blank_version_follows_the_default_that_is_set() {
    let mut trial = Trial::new("");
    let set = |number: &str| UpdateDocumentDefaultVersionInput {
        name: "hello".into(),
        document_version: number.into(),
    };
    assert_eq!(code(trial.call(SPOKE, set("2"))), "InvalidDocument");
    assert_eq!(code(trial.call(HUB, set("9"))), "InvalidDocumentVersion");
    trial.call(HUB, set("2")).expect("set");
    create(&mut trial, keep_web_on("")).expect("created");
    trial.pass(300);
    assert!(trial.ids(HUB, "web").iter().all(|id| trial.bits(id).as_deref() == Some("2.0.0")));
}

#[test]
fn associations_that_make_no_sense_are_refused_by_their_codes() {
    let mut trial = Trial::new("");
    let good = || keep_web_on("2.0.0");
    let id = trial.ids(HUB, "web")[0].clone();
    for (bad, wanted) in [
        (CreateAssociationInput { name: "Nothing".into(), ..good() }, "InvalidDocument"),
        (CreateAssociationInput { document_version: Some("7".into()), ..good() }, "InvalidDocumentVersion"),
        (CreateAssociationInput { parameters: None, ..good() }, "InvalidParameters"),
        (CreateAssociationInput { targets: None, ..good() }, "InvalidTarget"),
        (CreateAssociationInput { instance_id: Some(id.clone()), ..good() }, "InvalidTarget"),
        (
            CreateAssociationInput {
                instance_id: Some("i-0000000000000dead".into()),
                targets: None,
                ..good()
            },
            "InvalidInstanceId",
        ),
        (
            CreateAssociationInput { targets: Some(vec![target("Colour", &["red"])]), ..good() },
            "InvalidTarget",
        ),
        (CreateAssociationInput { schedule_expression: Some("daily".into()), ..good() }, "InvalidSchedule"),
        (
            CreateAssociationInput {
                schedule_expression: Some("rate(1 day)".into()),
                apply_only_at_cron_interval: Some(true),
                ..good()
            },
            "InvalidSchedule",
        ),
        (CreateAssociationInput { target_maps: Some(vec![BTreeMap::new()]), ..good() }, "InvalidTargetMaps"),
        (CreateAssociationInput { max_errors: Some("many".into()), ..good() }, "ValidationException"),
    ] {
        assert_eq!(code(create(&mut trial, bad)), wanted);
    }
    let of_one = CreateAssociationInput { instance_id: Some(id), targets: None, ..good() };
    create(&mut trial, of_one.clone()).expect("created");
    assert_eq!(code(create(&mut trial, of_one)), "AssociationAlreadyExists");
    match trial.call(HUB, ListAssociationsInput::default()) {
        Ok(Response::Ssm(Answer::ListAssociations(output))) => assert_eq!(output.associations.len(), 1),
        other => panic!("{other:?}"),
    }
}
