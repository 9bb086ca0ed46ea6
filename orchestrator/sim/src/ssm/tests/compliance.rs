//! Compliance through the calls of the world.

use crate::api::ssm::{
    ComplianceExecutionSummary, ComplianceItem, ComplianceItemEntry, ComplianceSeverity, ComplianceStatus,
    ComplianceStringFilter, ListComplianceItemsInput, ListComplianceSummariesInput,
    ListResourceComplianceSummariesInput, PutComplianceItemsInput, ResourceComplianceSummaryItem,
    Response as Answer,
};
use crate::api::{ApiError, Response, Timestamp};
use crate::fault::Fault;
use crate::trial::{HUB, Trial, code};

use super::associations::{create, keep_web_on};

const SCANS: &str = r"
compliance:
  - { type: Patch, id: KB1, severity: LOW, nodes: [web], non_compliant: 0.4, every_seconds: 600 }
  - { type: 'Custom:Hardening', id: files, severity: CRITICAL, nodes: [web], every_seconds: 600, spoiled_by: { package: hello, version: 2.0.0 } }
";

fn filter(key: &str, kind: &str, value: &str) -> ComplianceStringFilter {
    ComplianceStringFilter {
        key: Some(key.into()),
        values: Some(vec![value.into()]),
        kind: Some(kind.into()),
    }
}

fn items(trial: &mut Trial, input: ListComplianceItemsInput) -> Result<Vec<ComplianceItem>, ApiError> {
    match trial.call(HUB, input)? {
        Response::Ssm(Answer::ListComplianceItems(output)) => Ok(output.compliance_items),
        other => panic!("{other:?}"),
    }
}

fn of(id: &str) -> ListComplianceItemsInput {
    ListComplianceItemsInput { resource_ids: Some(vec![id.into()]), ..Default::default() }
}

fn summaries(trial: &mut Trial, filters: Vec<ComplianceStringFilter>) -> Vec<ResourceComplianceSummaryItem> {
    let mut input = ListResourceComplianceSummariesInput {
        filters: Some(filters),
        max_results: Some(3),
        ..Default::default()
    };
    let mut rows = Vec::new();
    loop {
        match trial.call(HUB, input.clone()) {
            Ok(Response::Ssm(Answer::ListResourceComplianceSummaries(output))) => {
                rows.extend(output.resource_compliance_summary_items);
                input.next_token = output.next_token;
            }
            other => panic!("{other:?}"),
        }
        if input.next_token.is_none() {
            return rows;
        }
    }
}

fn put(id: &str, kind: &str, status: &str) -> PutComplianceItemsInput {
    let summary = ComplianceExecutionSummary { execution_time: Some(Timestamp(1e9)), ..Default::default() };
    let entry = |name: &str| ComplianceItemEntry {
        id: Some(name.into()),
        title: Some("an item".into()),
        severity: "MEDIUM".into(),
        status: status.into(),
        details: None,
    };
    PutComplianceItemsInput {
        resource_id: id.into(),
        resource_type: "ManagedInstance".into(),
        compliance_type: kind.into(),
        execution_summary: Some(summary),
        items: Some(vec![entry("a"), entry("b")]),
        ..Default::default()
    }
}

#[test]
fn scans_find_what_was_amiss_and_what_a_version_spoiled() {
    let mut trial = Trial::new(SCANS);
    let id = trial.ids(HUB, "web")[0].clone();
    let hardening = |trial: &mut Trial| {
        let filters = Some(vec![filter("ComplianceType", "EQUAL", "Custom:Hardening")]);
        let found = items(trial, ListComplianceItemsInput { filters, ..of(&id) }).expect("listed");
        (found[0].status, found[0].execution_summary.execution_time.expect("a time").as_millis())
    };
    let before = hardening(&mut trial);
    assert_eq!(before.0, ComplianceStatus::Compliant);
    trial.install(std::slice::from_ref(&id), "2.0.0");
    trial.pass(700);
    let after = hardening(&mut trial);
    assert!(after.0 == ComplianceStatus::NonCompliant && after.1 > before.1);
    let patches = summaries(&mut trial, vec![filter("ComplianceType", "EQUAL", "Patch")]);
    let bad = patches.iter().filter(|row| row.status == ComplianceStatus::NonCompliant).count();
    assert!(patches.len() == 6 && (1..6).contains(&bad), "{bad}");
}

#[test]
fn an_association_is_compliant_by_its_last_run_after_the_agent_posted_it() {
    let mut trial = Trial::new("");
    let id = trial.ids(HUB, "web")[0].clone();
    let made = create(&mut trial, keep_web_on("3.0.0")).expect("created");
    assert!(items(&mut trial, of(&id)).expect("listed").is_empty());
    trial.pass(300);
    let found = items(&mut trial, of(&id)).expect("listed");
    assert_eq!((&*found[0].compliance_type, &*found[0].id), ("Association", &*made.association_id));
    assert_eq!(
        (found[0].status, found[0].severity),
        (ComplianceStatus::NonCompliant, ComplianceSeverity::High)
    );
    assert_eq!(
        (&*found[0].title, &*found[0].details["DocumentName"]),
        ("keep-web", "AWS-ConfigureAWSPackage")
    );
    // Another association that runs refreshes the time of the first one too.
    let time = found[0].execution_summary.execution_time;
    trial.pass(600);
    create(&mut trial, keep_web_on("1.0.0")).expect("created");
    trial.pass(300);
    let found = items(&mut trial, of(&id)).expect("listed");
    assert_eq!(found.len(), 2);
    assert!(found.iter().all(|item| item.execution_summary.execution_time > time));
    let bad = summaries(&mut trial, vec![filter("Status", "EQUAL", "NON_COMPLIANT")]);
    assert_eq!((bad.len(), bad[0].non_compliant_summary.severity_summary.high_count), (6, 1));
}

#[test]
fn what_callers_put_is_listed_and_replaced_whole() {
    let mut trial = Trial::new(SCANS);
    let ids = trial.ids(HUB, "web");
    trial.call(HUB, put(&ids[0], "Custom:Rollout", "NON_COMPLIANT")).expect("put");
    let custom = || vec![filter("ComplianceType", "BEGIN_WITH", "Custom:Roll")];
    let listed = |trial: &mut Trial| {
        items(trial, ListComplianceItemsInput { filters: Some(custom()), ..Default::default() })
            .expect("listed")
    };
    assert_eq!(listed(&mut trial).iter().map(|item| &*item.id).collect::<Vec<_>>(), ["a", "b"]);
    let mut one = put(&ids[0], "Custom:Rollout", "COMPLIANT");
    one.items.as_mut().expect("items").pop();
    trial.call(HUB, one).expect("put");
    let rows = summaries(&mut trial, custom());
    assert_eq!(
        (rows.len(), rows[0].status, rows[0].compliant_summary.compliant_count),
        (1, ComplianceStatus::Compliant, 1)
    );
    match trial.call(HUB, ListComplianceSummariesInput::default()) {
        Ok(Response::Ssm(Answer::ListComplianceSummaries(output))) => {
            let types: Vec<_> =
                output.compliance_summary_items.iter().map(|row| &*row.compliance_type).collect();
            assert_eq!(types, ["Custom:Hardening", "Custom:Rollout", "Patch"]);
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn compliance_calls_are_refused_by_their_codes() {
    let mut trial = Trial::new("");
    let id = trial.ids(HUB, "web")[0].clone();
    let good = || put(&id, "Custom:Rollout", "COMPLIANT");
    let twice = {
        let mut twice = good();
        let items = twice.items.as_mut().expect("items");
        items[1].id = items[0].id.clone();
        twice
    };
    for (bad, wanted) in [
        (PutComplianceItemsInput { resource_type: "Bucket".into(), ..good() }, "InvalidResourceType"),
        (
            PutComplianceItemsInput { resource_id: "i-0000000000000dead".into(), ..good() },
            "InvalidResourceId",
        ),
        (
            PutComplianceItemsInput { upload_type: Some("PARTIAL".into()), ..good() },
            "InvalidItemContentException",
        ),
        (PutComplianceItemsInput { compliance_type: "Custom:".into(), ..good() }, "ValidationException"),
        (PutComplianceItemsInput { execution_summary: None, ..good() }, "ValidationException"),
        (twice, "InvalidItemContentException"),
    ] {
        assert_eq!(code(trial.call(HUB, bad)), wanted);
    }
    for n in 0..10 {
        trial.call(HUB, put(&id, &format!("Custom:T{n}"), "COMPLIANT")).expect("put");
    }
    assert_eq!(code(trial.call(HUB, good())), "ComplianceTypeCountLimitExceededException");
    let colour = ListComplianceItemsInput {
        filters: Some(vec![filter("Colour", "EQUAL", "red")]),
        ..Default::default()
    };
    assert_eq!(code(items(&mut trial, colour)), "InvalidFilter");
    let nobody = of("i-0000000000000dead");
    assert_eq!(code(items(&mut trial, nobody)), "InvalidResourceId");
}

#[test]
fn faults_meet_compliance_calls_as_any_other() {
    let mut trial = Trial::new(SCANS);
    let whole = items(&mut trial, ListComplianceItemsInput::default()).expect("listed");
    trial.world.add_fault(Fault { short_pages: true, ..Fault::default() });
    let mut input = ListComplianceItemsInput { max_results: Some(4), ..Default::default() };
    let mut found = Vec::new();
    loop {
        match trial.call(HUB, input.clone()) {
            Ok(Response::Ssm(Answer::ListComplianceItems(output))) => {
                found.extend(output.compliance_items);
                input.next_token = output.next_token;
            }
            other => panic!("{other:?}"),
        }
        if input.next_token.is_none() {
            break;
        }
    }
    assert_eq!(found, whole);
    trial.world.add_fault(Fault {
        deny: true,
        operations: vec!["PutComplianceItems".into()],
        ..Fault::default()
    });
    let id = trial.ids(HUB, "web")[0].clone();
    assert_eq!(code(trial.call(HUB, put(&id, "Custom:Rollout", "COMPLIANT"))), "AccessDeniedException");
}
