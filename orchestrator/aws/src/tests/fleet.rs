//! Nodes and packages.

use crate::fake::{Answer, Call, Fake, hub, ok, refusal, spoke};
use serde_json::json;
use wavetrain_model::fleet::{Architecture, Ping, Platform, TagMatch};
use wavetrain_model::id::{AccountId, SiteIndex, TagMatchIndex};
use wavetrain_model::time::Timestamp;
use wavetrain_ports::failure::Class;
use wavetrain_ports::fleet::Fleet;

const A: &str = "i-0000000000000000a";
const B: &str = "mi-0000000000000000b";

fn instances(call: &Call) -> Answer {
    let body = call.json();
    if call.operation == "DescribeInstanceProperties" {
        assert_eq!(body["MaxResults"], 1000);
        return ok(&json!({"InstanceProperties": [{"InstanceId": A, "Architecture": "arm64"}]}).to_string());
    }
    assert_eq!(body["MaxResults"], 50);
    if let Some(filters) = body.get("Filters") {
        assert_eq!(filters, &json!([{"Key": "tag:Ring", "Values": ["canary", "early"]}]));
        let unknown = "i-0000000000000000f";
        return ok(
            &json!({"InstanceInformationList": [{"InstanceId": B}, {"InstanceId": unknown}]}).to_string()
        );
    }
    let page = match body.get("NextToken").and_then(|token| token.as_str()) {
        None => json!({"InstanceInformationList": [], "NextToken": "1"}),
        Some("1") => {
            json!({"InstanceInformationList": [{"InstanceId": B, "PingStatus": "Snoozing", "PlatformType": "Windows",
            "PlatformName": "Microsoft Windows Server 2019 Datacenter", "PlatformVersion": "10.0.17763",
            "AgentVersion": "3.3.1.0"}], "NextToken": "2"})
        }
        Some(_) => {
            json!({"InstanceInformationList": [{"InstanceId": A, "PingStatus": "Online", "PlatformType": "Linux",
            "LastPingDateTime": 1_700_000_000.25, "PlatformName": "Amazon Linux", "PlatformVersion": "2023",
            "AgentVersion": "3.3.2.0"}]})
        }
    };
    ok(&page.to_string())
}

#[tokio::test]
async fn nodes_come_with_platform_architecture_and_tag_answers() {
    let fake = Fake::new(instances);
    let question = TagMatch { key: "Ring".to_owned(), values: vec!["canary".to_owned(), "early".to_owned()] };
    let nodes = fake.aws().await.nodes(&hub(), SiteIndex(3), &[question]).await.unwrap();
    assert_eq!(nodes.len(), 2);
    let (a, b) = (&nodes[0], &nodes[1]);
    assert_eq!((a.id.as_str(), a.site, a.platform, a.ping), (A, SiteIndex(3), Platform::Linux, Ping::Online));
    assert_eq!(
        (&*a.distribution, &*a.distribution_version, a.architecture),
        ("amazon", "2023", Architecture::Arm64)
    );
    assert_eq!((a.last_ping, &*a.agent_version), (Timestamp(1_700_000_000_250), "3.3.2.0"));
    assert_eq!((b.platform, b.ping, &*b.distribution), (Platform::Windows, Ping::Other, "windows"));
    assert_eq!(b.architecture, Architecture::Unknown);
    assert!(b.tags.has(TagMatchIndex(0)) && !a.tags.has(TagMatchIndex(0)));
}

#[tokio::test]
async fn discovery_rides_out_one_throttled_page() {
    let seen = std::sync::atomic::AtomicU32::new(0);
    let fake = Fake::new(move |call| match seen.fetch_add(1, std::sync::atomic::Ordering::SeqCst) {
        0 => refusal(400, "ThrottlingException", "Rate exceeded"),
        _ => instances(call),
    });
    assert_eq!(fake.aws().await.nodes(&hub(), SiteIndex(0), &[]).await.unwrap().len(), 2);
}

const CONTENT: &str =
    r#"{"schemaVersion":"2.0","version":"2","packages":{"amazon":{"_any":{"_any":{"file":"l.zip"}}}}}"#;

fn package(call: &Call) -> Answer {
    let body = call.json();
    match call.operation.as_str() {
        "ListDocumentVersions" => ok(&json!({"DocumentVersions": [
            {"DocumentVersion": "1", "VersionName": "1", "Status": "Active", "IsDefaultVersion": true},
            {"DocumentVersion": "2", "VersionName": "2", "Status": "Creating"},
            {"DocumentVersion": "3", "Status": "Active"}]})
        .to_string()),
        _ if body["VersionName"] == "2" => {
            let url = "https://bucket.s3.amazonaws.com/l.zip?X-Amz-Signature=abc";
            ok(&json!({"Content": CONTENT, "Status": "Active", "VersionName": "2",
                "AttachmentsContent": [{"Name": "l.zip", "Size": 10, "Url": url}]})
            .to_string())
        }
        _ => refusal(400, "InvalidDocument", ""),
    }
}

#[tokio::test]
async fn a_package_is_seen_with_its_versions_and_wanted_manifests() {
    let fake = Fake::new(package);
    let owner = AccountId::from("111111111111");
    let wanted = ["2".to_owned(), "9".to_owned()];
    let view = fake.aws().await.package(&hub(), "agent", &owner, &wanted, false).await.unwrap();
    assert_eq!(view.name, "agent");
    assert_eq!(view.default_version.as_deref(), Some("1"));
    assert_eq!(view.versions.keys().collect::<Vec<_>>(), ["1", "2"]);
    let read = &view.versions["2"];
    assert!(read.is_active() && read.hash.is_some());
    assert_eq!(read.manifest.as_ref().unwrap().packages["amazon"]["_any"]["_any"], "l.zip");
    assert!(view.versions["1"].manifest.is_none());
    assert_eq!(fake.calls("GetDocument").len(), 2, "the default may have to be given back");
}

#[tokio::test]
async fn files_that_are_not_attached_as_the_manifest_says_are_named() {
    let fake = Fake::new(|call| match call.operation.as_str() {
        "GetDocument" => {
            let checksums = |sum: &str| json!({"checksums": {"sha256": sum}, "size": 1});
            let content = json!({"schemaVersion": "2.0", "version": "2", "packages": {},
                "files": {"same.zip": checksums("AA"), "other.zip": checksums("bb"), "none.zip": checksums("cc")}});
            ok(&json!({"Content": content.to_string(), "Status": "Active", "VersionName": "2",
                "AttachmentsContent": [{"Name": "same.zip", "Hash": "aa"}, {"Name": "other.zip", "Hash": "dd"}]})
            .to_string())
        }
        _ => package(call),
    });
    let owner = AccountId::from("111111111111");
    let view = fake.aws().await.package(&hub(), "agent", &owner, &["2".to_owned()], false).await.unwrap();
    assert_eq!(view.versions["2"].amiss, ["none.zip", "other.zip"]);
}

#[tokio::test]
async fn a_package_that_is_not_shared_is_an_empty_view_under_its_arn() {
    let fake = Fake::new(|_| refusal(400, "InvalidDocument", ""));
    let owner = AccountId::from("111111111111");
    let view = fake
        .aws()
        .await
        .package(&spoke("eu-west-1"), "agent", &owner, &["2".to_owned()], true)
        .await
        .unwrap();
    assert_eq!(view.name, "arn:aws:ssm:eu-west-1:111111111111:document/agent");
    assert!(view.versions.is_empty() && view.default_version.is_none());
}

#[tokio::test]
async fn a_denied_package_is_a_failure_and_not_an_empty_view() {
    let fake = Fake::new(|_| refusal(400, "AccessDeniedException", "no"));
    let owner = AccountId::from("111111111111");
    let failure = fake.aws().await.package(&hub(), "agent", &owner, &[], false).await.unwrap_err();
    assert_eq!(failure.class, Class::Denied);
}

#[tokio::test]
async fn zips_that_cannot_be_opened_stay_unknown() {
    // The download connector is the scripted AWS too; it answers with something that is no zip.
    let fake = Fake::new(|call| match call.operation.as_str() {
        "ListDocumentVersions" | "GetDocument" => package(call),
        _ => Answer::Status(200, b"not a zip".to_vec()),
    });
    let owner = AccountId::from("111111111111");
    let view = fake.aws().await.package(&hub(), "agent", &owner, &["2".to_owned()], true).await.unwrap();
    assert!(view.versions["2"].manifest.as_ref().unwrap().update_script.is_empty());
}

#[tokio::test]
async fn a_command_document_without_our_parameters_is_told_apart() {
    let described = |names: &[&str]| {
        let parameters: Vec<_> = names.iter().map(|name| json!({"Name": name, "Type": "String"})).collect();
        json!({"Document": {"Name": "x", "Status": "Active", "Parameters": parameters}}).to_string()
    };
    let old = described(&["action", "name", "version"]);
    let failure =
        Fake::new(move |_| ok(&old)).aws().await.check_documents(&hub(), &["AWS-ConfigureAWSPackage"]).await;
    let failure = failure.unwrap_err();
    assert_eq!(failure.class, Class::Invalid);
    assert!(failure.message.contains("installationType, additionalArguments"), "{}", failure.message);
    let new = described(&["action", "installationType", "name", "version", "additionalArguments"]);
    let aws = Fake::new(move |_| ok(&new)).aws().await;
    assert_eq!(aws.check_documents(&hub(), &["AWS-ConfigureAWSPackage"]).await, Ok(()));
}

#[tokio::test]
async fn the_zips_of_the_first_wanted_version_are_looked_into() {
    let fake = Fake::new(|call| match call.operation.as_str() {
        "ListDocumentVersions" | "GetDocument" => package(call),
        _ => Answer::Status(206, crate::files::tests::zip(&["install.sh", "update.sh"])),
    });
    let owner = AccountId::from("111111111111");
    let wanted = ["2".to_owned(), "1".to_owned()];
    let view = fake.aws().await.package(&hub(), "agent", &owner, &wanted, true).await.unwrap();
    assert!(view.versions["2"].manifest.as_ref().unwrap().update_script["l.zip"]);
}

#[tokio::test]
async fn a_shared_package_that_may_be_read_but_not_listed_is_still_seen() {
    let fake = Fake::new(|call| match call.operation.as_str() {
        "ListDocumentVersions" => refusal(400, "AccessDeniedException", "no"),
        _ => package(call),
    });
    let owner = AccountId::from("111111111111");
    let wanted = ["9".to_owned(), "2".to_owned()];
    let view = fake.aws().await.package(&spoke("eu-west-1"), "agent", &owner, &wanted, false).await.unwrap();
    assert_eq!(view.versions.keys().collect::<Vec<_>>(), ["2"]);
}
