//! State Manager: what lies there before, what carries installs, and what stays behind.

use crate::kit::stage::{APPLY, Stage};
use crate::kit::truth::{assert_all_back, assert_everyone_has};
use crate::kit::worlds::{BAD, GOOD, one_site, one_site_plan};
use serde_json::{Value, json};

/// Sessions of an hour last seconds here; at twice the speed a busy machine is too slow for them.
const SPEED: u32 = 1000;

const HAVE_OLD: &str = "{ 1.0.0-1: 1 }";

const BREAKS: &str = "behaviour: [{ install: fail, exit_code: 3 }]";

fn stage(nodes: u32, version: &str, more: &str) -> Stage {
    let stage = Stage::new(&one_site(nodes, HAVE_OLD, BREAKS, ""), SPEED);
    stage.write("plan.yaml", &one_site_plan(version, "", more));
    stage
}

/// An association of somebody else that keeps every node on the old version; its id.
fn kept_by_somebody(stage: &Stage) -> String {
    let body = json!({
        "Name": "AWS-ConfigureAWSPackage",
        "AssociationName": "old-keeper",
        "Parameters": { "action": ["Install"], "name": ["agent"], "version": ["1.0.0-1"] },
        "Targets": [{ "Key": "InstanceIds", "Values": ["*"] }],
        "ScheduleExpression": "cron(0 2 ? * SUN *)",
        "ApplyOnlyAtCronInterval": true,
    });
    let made = stage.sim.ask_ssm("CreateAssociation", &body);
    made["AssociationDescription"]["AssociationId"].as_str().expect("an id").to_owned()
}

fn associations(stage: &Stage) -> Vec<Value> {
    let listed = stage.sim.ask_ssm("ListAssociations", &json!({}));
    let ids = listed["Associations"].as_array().expect("a list").clone();
    let described = |one: &Value| {
        let body = json!({ "AssociationId": one["AssociationId"] });
        stage.sim.ask_ssm("DescribeAssociation", &body)["AssociationDescription"].clone()
    };
    ids.iter().map(described).collect()
}

/// Where the output of an association is kept.
fn kept_in(association: &Value) -> Value {
    association["OutputLocation"]["S3Location"].clone()
}

fn default_version(stage: &Stage) -> String {
    let described = stage.sim.ask_ssm("DescribeDocument", &json!({ "Name": "agent" }));
    described["Document"]["VersionName"].as_str().expect("a name").to_owned()
}

#[test]
fn the_fleet_is_kept_on_the_version_that_passed() {
    let finish = "  dispatch: association
  association: { compliance_severity: high }
  finish: { default_version: yes, association: { name: keep, schedule: rate(7 days), max_errors: 10% } }
";
    let stage = stage(8, GOOD, finish);
    stage.apply().ended_with(0);
    assert!(stage.nodes().iter().all(|node| node.version.as_deref() == Some(GOOD)));
    assert_eq!(stage.sim.sent("Install", GOOD), 0, "associations carried the installs");
    assert_eq!(default_version(&stage), GOOD);
    let left = associations(&stage);
    assert_eq!(left.len(), 1, "{left:?}");
    let keeper = &left[0];
    assert_eq!(keeper["AssociationName"], "keep");
    assert_eq!(keeper["ScheduleExpression"], "rate(7 days)");
    assert_eq!(keeper["MaxErrors"], "10%");
    assert_eq!(keeper["Parameters"]["version"], json!([GOOD]));
    let made = stage.sim.calls("CreateAssociation").len();
    stage.apply();
    assert_eq!(stage.sim.calls("CreateAssociation").len(), made, "nothing is left to do");
    stage.run(&["rollback", "agent", "--reason", "second thoughts"]);
    stage.apply().ended_with(5);
    assert!(stage.nodes().iter().all(|node| node.version.as_deref() == Some("1.0.0-1")));
    assert_eq!(default_version(&stage), "1.0.0-1");
    assert!(associations(&stage).is_empty(), "it would bring the nodes back to what was taken from them");
}

#[test]
fn a_node_that_comes_after_the_rollout_is_brought_to_the_version() {
    let later = "platform: Linux, troubles: [{ first: 1, registered_after_seconds: 86400 }],";
    let world = one_site(6, HAVE_OLD, BREAKS, "").replace("platform: Linux,", later);
    let stage = Stage::new(&world, SPEED);
    let finish =
        "  finish: { association: { schedule: rate(7 days), output: { bucket: outputs, prefix: kept } } }\n";
    stage.write("plan.yaml", &one_site_plan(GOOD, "", finish));
    stage.apply().ended_with(0);
    let has =
        |version: &str| stage.nodes().iter().filter(|node| node.version.as_deref() == Some(version)).count();
    assert_eq!((has(GOOD), has("1.0.0-1")), (5, 1), "one has not come yet");
    assert_eq!(
        kept_in(&associations(&stage)[0]),
        json!({ "OutputS3BucketName": "outputs", "OutputS3KeyPrefix": "kept" })
    );
    stage.sim.pass(86_400 + 1_800);
    assert_eq!(has(GOOD), 6);
}

#[test]
fn an_association_that_would_fight_the_rollout_is_told_before_it_begins() {
    let stage = stage(6, GOOD, "");
    let id = kept_by_somebody(&stage);
    let refused = stage.run(&["plan", "plan.yaml"]).says("R0120").says(&id);
    assert_ne!(refused.code, 0);
    stage.run(&APPLY).says("R0120");
    assert!(stage.sim.calls("SendCommand").is_empty());
    stage.write("plan.yaml", &one_site_plan(GOOD, "", &format!("  allow_associations: {id}\n")));
    stage.run(&["plan", "plan.yaml"]).ended_with(0);
    let fault = json!({ "deny": true, "operations": ["ListAssociations"] });
    stage.sim.add_fault(&fault);
    stage.write("plan.yaml", &one_site_plan(GOOD, "", ""));
    stage.run(&["plan", "plan.yaml"]).says("R0121");
}

#[test]
fn what_is_taken_over_is_as_it_was_when_the_version_is_bad() {
    let finish =
        "  dispatch: association\n  finish: { association: { name: old-keeper, schedule: rate(7 days) } }\n";
    let stage = stage(10, BAD, finish);
    let before = stage.nodes();
    let id = kept_by_somebody(&stage);
    let was = associations(&stage);
    stage.apply().ended_with(5);
    assert_all_back(&before, &stage.nodes(), BAD);
    let is = associations(&stage);
    assert_eq!(is.len(), 1, "no association of a batch is left: {is:?}");
    for key in ["AssociationId", "AssociationName", "Targets", "Parameters", "ScheduleExpression"] {
        assert_eq!(is[0][key], was[0][key], "{key} of {id}");
    }
}

#[test]
fn an_association_that_cannot_be_deleted_holds_the_end_with_a_sentence() {
    let output = "  association: { output: { bucket: outputs, region: us-east-1 } }\n";
    let stage = stage(6, GOOD, &format!("  dispatch: association\n{output}"));
    stage.sim.add_fault(&json!({ "deny": true, "operations": ["DeleteAssociation"] }));
    let held = stage.apply();
    assert_ne!(held.code, 0, "{}{}", held.stdout, held.stderr);
    stage.run(&["explain", "stuck"]).ended_with(0).says("DeleteAssociation");
    for left in associations(&stage) {
        let bucket = json!({ "OutputS3BucketName": "outputs", "OutputS3Region": "us-east-1" });
        assert_eq!(kept_in(&left), bucket, "{left}");
    }
    stage.sim.clear_faults();
    stage.run(&["resume", "agent"]);
    stage.apply().ended_with(0);
    assert!(associations(&stage).is_empty());
    assert_everyone_has(&stage.nodes(), GOOD);
}
