//! Compliance.

use crate::fake::{Answer, Call, Fake, hub, ok, refusal};
use serde_json::json;
use wavetrain_model::id::NodeId;
use wavetrain_model::time::Timestamp;
use wavetrain_ports::compliance::{ComplianceBook, Item};
use wavetrain_ports::failure::Class;

const A: &str = "i-0000000000000000a";

fn types() -> Vec<String> {
    vec!["Patch".to_owned(), "Custom:Own".to_owned()]
}

fn summaries(call: &Call) -> Answer {
    let body = call.json();
    assert_eq!(body["MaxResults"], 50);
    let filter = json!([{"Key": "ComplianceType", "Values": ["Patch", "Custom:Own"], "Type": "EQUAL"}]);
    assert_eq!(body["Filters"], filter);
    let row = |kind: &str, status: &str| {
        json!({"ResourceId": A, "ResourceType": "ManagedInstance", "ComplianceType": kind, "Status": status,
            "ExecutionSummary": {"ExecutionTime": 1_700_000_000.5},
            "NonCompliantSummary": {"NonCompliantCount": 3, "SeveritySummary": {"HighCount": 2, "UnspecifiedCount": 1}}})
    };
    let page = match body.get("NextToken").and_then(|token| token.as_str()) {
        None => json!({"ResourceComplianceSummaryItems": [], "NextToken": "1"}),
        Some("1") => {
            json!({"ResourceComplianceSummaryItems": [row("Patch", "NON_COMPLIANT")], "NextToken": "2"})
        }
        Some(_) => json!({"ResourceComplianceSummaryItems": [row("Custom:Own", "DREAMING")]}),
    };
    ok(&page.to_string())
}

#[tokio::test]
async fn summaries_come_whole_with_severities_and_times_and_unknown_words_are_not_compliant() {
    let fake = Fake::new(summaries);
    let rows = fake.aws().await.summaries(&hub(), &types()).await.unwrap();
    assert_eq!(rows.len(), 2);
    let (node, patch) = &rows[0];
    assert_eq!((node.as_str(), patch.kind.as_str(), patch.compliant), (A, "Patch", Some(false)));
    assert_eq!(patch.at, Some(Timestamp(1_700_000_000_500)));
    assert_eq!((patch.bad["HIGH"], patch.bad["UNSPECIFIED"], patch.bad.len()), (2, 1, 2));
    assert_eq!(rows[1].1.compliant, None);
}

#[tokio::test]
async fn items_of_one_node_are_summed_up_by_type_with_the_time_of_the_oldest() {
    let fake = Fake::new(|call| {
        let body = call.json();
        assert_eq!(body["ResourceIds"], json!([A]));
        let item = |id: &str, status: &str, at: f64| {
            json!({"ResourceId": A, "ComplianceType": "Patch", "Id": id, "Status": status, "Severity": "LOW",
                "ExecutionSummary": {"ExecutionTime": at}})
        };
        let page = match body.get("NextToken") {
            None => json!({"ComplianceItems": [item("a", "COMPLIANT", 30.0)], "NextToken": "1"}),
            Some(_) => {
                json!({"ComplianceItems": [item("b", "NON_COMPLIANT", 20.0), item("c", "COMPLIANT", 40.0)]})
            }
        };
        ok(&page.to_string())
    });
    let found = fake.aws().await.items(&hub(), &NodeId::new(A), &types()).await.unwrap();
    assert_eq!(found.len(), 1);
    assert_eq!((found[0].compliant, found[0].at), (Some(false), Some(Timestamp(20_000))));
    assert_eq!(found[0].bad["LOW"], 1);
}

#[tokio::test]
async fn a_node_that_left_has_no_items_and_a_denied_call_is_a_failure() {
    let fake = Fake::new(|_| refusal(400, "InvalidResourceId", "no such node"));
    let found = fake.aws().await.items(&hub(), &NodeId::new(A), &types()).await.unwrap();
    assert!(found.is_empty());
    let fake = Fake::new(|_| refusal(400, "AccessDeniedException", "not allowed"));
    let failure = fake.aws().await.summaries(&hub(), &types()).await.unwrap_err();
    assert_eq!(failure.class, Class::Denied);
}

#[tokio::test]
async fn an_item_is_put_with_all_that_a_console_shows() {
    let item = Item {
        kind: "Custom:Wavetrain".to_owned(),
        id: "agent".to_owned(),
        title: "agent 2.0".to_owned(),
        severity: "HIGH".to_owned(),
        compliant: false,
        at: Timestamp(1_700_000_000_000),
        details: [("Version".to_owned(), "1.0".to_owned())].into(),
    };
    let fake = Fake::new(|_| ok("{}"));
    fake.aws().await.put(&hub(), &NodeId::new(A), &item).await.unwrap();
    let calls = fake.calls("PutComplianceItems");
    let expected = json!({
        "ResourceId": A, "ResourceType": "ManagedInstance", "ComplianceType": "Custom:Wavetrain",
        "ExecutionSummary": {"ExecutionTime": 1_700_000_000},
        "Items": [{"Id": "agent", "Title": "agent 2.0", "Severity": "HIGH", "Status": "NON_COMPLIANT",
            "Details": {"Version": "1.0"}}],
    });
    assert_eq!((calls.len(), calls[0].json()), (1, expected));
}
