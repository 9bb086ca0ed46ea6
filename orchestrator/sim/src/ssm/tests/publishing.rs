//! Packages that callers publish, from the bucket to the node.

use std::sync::Arc;

use crate::api::s3::{CreateBucketInput, PutBucketPolicyInput, PutObjectInput};
use crate::api::ssm::{
    AttachmentsSource, CreateDocumentInput, DeleteDocumentInput, DescribeDocumentInput,
    DescribeDocumentPermissionInput, DocumentDescription, GetDocumentInput, ListDocumentVersionsInput,
    ListDocumentsInput, ModifyDocumentPermissionInput, Response as Ssm, UpdateDocumentDefaultVersionInput,
    UpdateDocumentInput,
};
use crate::api::{ApiError, Response};
use crate::content::Content;
use crate::ssm::BrokenLink;
use crate::trial::{HUB, REGION, SPOKE, Trial, code};
use crate::zip::Listing;

const BUCKET: &str = "packages";

/// A trial with a bucket.
fn trial(extra: &str) -> Trial {
    let mut trial = Trial::new(extra);
    make_bucket(&mut trial);
    trial
}

/// Makes the bucket that [`publish`] uses.
pub(super) fn make_bucket(trial: &mut Trial) {
    let bucket = CreateBucketInput { bucket: BUCKET.into(), location_constraint: Some(REGION.into()) };
    trial.call(HUB, bucket).expect("made");
}

fn zip(hash: &str, files: &[&str]) -> Content {
    let files = files.iter().map(|file| (*file).to_owned()).collect();
    Content {
        size: 1000,
        sha256: hash.repeat(32),
        md5: hash.repeat(16),
        zip: Some(Arc::new(Listing { files, folders: false })),
        ..Default::default()
    }
}

fn put(trial: &mut Trial, key: &str, content: Content) {
    let input = PutObjectInput { bucket: BUCKET.into(), key: key.into(), content, ..Default::default() };
    trial.call(HUB, input).expect("put");
}

fn manifest(version: &str, hash: &str) -> String {
    serde_json::json!({
        "schemaVersion": "2.0",
        "version": version,
        "packages": { "amazon": { "_any": { "x86_64": { "file": "tool.zip" } } } },
        "files": { "tool.zip": { "checksums": { "sha256": hash.repeat(32) } } },
    })
    .to_string()
}

fn folder(version: &str) -> Vec<AttachmentsSource> {
    let values = vec![format!("s3://{BUCKET}/{version}")];
    vec![AttachmentsSource { key: Some("SourceUrl".into()), values, name: None }]
}

fn creation(name: &str, version: &str, hash: &str) -> CreateDocumentInput {
    CreateDocumentInput {
        name: name.into(),
        version_name: Some(version.into()),
        content: manifest(version, hash),
        attachments: Some(folder(version)),
        document_type: Some("Package".into()),
        ..Default::default()
    }
}

fn update(name: &str, version: &str, hash: &str) -> UpdateDocumentInput {
    UpdateDocumentInput {
        name: name.into(),
        version_name: Some(version.into()),
        content: manifest(version, hash),
        attachments: Some(folder(version)),
        document_version: Some("$LATEST".into()),
        ..Default::default()
    }
}

fn describe(
    trial: &mut Trial,
    account: &str,
    name: &str,
    version: &str,
) -> Result<DocumentDescription, ApiError> {
    let input = DescribeDocumentInput {
        name: name.into(),
        version_name: Some(version.into()),
        document_version: None,
    };
    match trial.call(account, input)? {
        Response::Ssm(Ssm::DescribeDocument(output)) => Ok(output.document),
        other => panic!("{other:?}"),
    }
}

/// Publishes a version that works and waits until it is active.
pub(super) fn publish(trial: &mut Trial, name: &str, version: &str, hash: &str) {
    put(trial, &format!("{version}/tool.zip"), zip(hash, &["install.sh", "uninstall.sh"]));
    match trial.call(HUB, creation(name, version, hash)) {
        Ok(_) => {}
        Err(error) if error.code == "DocumentAlreadyExists" => {
            trial.call(HUB, update(name, version, hash)).expect("updated");
        }
        Err(error) => panic!("{error}"),
    }
    trial.pass(60);
    assert_eq!(describe(trial, HUB, name, version).expect("there").status.as_str(), "Active");
}

#[test]
fn a_document_is_created_then_active_and_served_under_its_hash() {
    let mut trial = trial("");
    put(&mut trial, "1.0.0/tool.zip", zip("ab", &["install.sh", "uninstall.sh"]));
    trial.call(HUB, creation("tool", "1.0.0", "ab")).expect("accepted");
    assert_eq!(describe(&mut trial, HUB, "tool", "1.0.0").expect("there").status.as_str(), "Creating");
    trial.pass(60);
    let document = describe(&mut trial, HUB, "tool", "1.0.0").expect("there");
    assert_eq!((document.status.as_str(), &*document.default_version), ("Active", "1"));
    assert_eq!(
        document.platform_types.iter().map(|platform| platform.as_str()).collect::<Vec<_>>(),
        ["Linux"]
    );

    let input = GetDocumentInput { name: "tool".into(), ..Default::default() };
    let Ok(Response::Ssm(Ssm::GetDocument(output))) = trial.call(HUB, input) else { panic!("no document") };
    let attachment = &output.attachments_content.expect("attachments")[0];
    assert_eq!((attachment.size, &attachment.hash), (1000, &"ab".repeat(32)));
    let (path, query) = attachment.url.split_once('?').expect("a query");
    let path = path.trim_start_matches("/_attachments/");
    let value = |name: &str| {
        query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('=')).expect("in the query")
    };
    let (date, signature) = (value("X-Amz-Date"), value("X-Amz-Signature"));
    assert!(trial.world.linked(path, date, signature).is_ok());
    assert_eq!(trial.world.linked(path, date, "00").expect_err("forged"), BrokenLink::Signature);
    trial.pass(901);
    assert_eq!(trial.world.linked(path, date, signature).expect_err("late"), BrokenLink::Expired);
}

#[test]
fn sources_that_cannot_be_read_fail_the_version_with_the_reason() {
    let mut trial = trial("");
    trial.call(HUB, creation("tool", "1.0.0", "ab")).expect("accepted");
    let mut foreign = creation("tool", "1.0.0", "ab");
    foreign.attachments = Some(folder("0.9.0"));
    put(&mut trial, "0.9.0/tool.zip", zip("ab", &["install.sh", "uninstall.sh"]));
    trial.call(SPOKE, foreign.clone()).expect("accepted");
    trial.pass(60);
    let missing = describe(&mut trial, HUB, "tool", "1.0.0").expect("there");
    assert_eq!(missing.status.as_str(), "Failed");
    assert!(missing.status_information.expect("a reason").contains("NoSuchKey"));
    let denied = describe(&mut trial, SPOKE, "tool", "1.0.0").expect("there");
    assert!(denied.status_information.expect("a reason").contains("AccessDenied"));

    // With a policy that lets the other account read, the same works.
    let policy =
        r#"{"Statement":[{"Effect":"Allow","Principal":"*","Action":"s3:GetObject","Resource":"*"}]}"#;
    let policy = PutBucketPolicyInput { bucket: BUCKET.into(), policy: policy.into() };
    trial.call(HUB, policy).expect("put");
    trial.call(SPOKE, DeleteDocumentInput { name: "tool".into(), ..Default::default() }).expect("deleted");
    trial.call(SPOKE, foreign).expect("accepted");
    trial.pass(60);
    assert_eq!(describe(&mut trial, SPOKE, "tool", "1.0.0").expect("there").status.as_str(), "Active");
}

#[test]
fn updates_are_refused_each_by_its_own_code() {
    let mut trial = trial("");
    publish(&mut trial, "tool", "1.0.0", "ab");
    assert_eq!(code(trial.call(HUB, creation("tool", "1.0.0", "ab"))), "DocumentAlreadyExists");
    let same = UpdateDocumentInput { version_name: Some("1.0.1".into()), ..update("tool", "1.0.0", "ab") };
    assert_eq!(code(trial.call(HUB, same)), "DuplicateDocumentContent");
    let label = UpdateDocumentInput { version_name: Some("1.0.0".into()), ..update("tool", "1.0.1", "ab") };
    assert_eq!(code(trial.call(HUB, label)), "DuplicateDocumentVersionName");
    let bare = UpdateDocumentInput { attachments: None, ..update("tool", "1.0.1", "ab") };
    assert_eq!(code(trial.call(HUB, bare)), "InvalidParameterValueException");
    assert_eq!(code(trial.call(HUB, update("gone", "1.0.1", "ab"))), "InvalidDocument");
    publish(&mut trial, "tool", "1.0.1", "ab");
    let old = UpdateDocumentInput { document_version: Some("1".into()), ..update("tool", "1.0.2", "ab") };
    assert_eq!(code(trial.call(HUB, old)), "InvalidDocumentVersion");
    let named = CreateDocumentInput { name: "aws-tool".into(), ..creation("tool", "1.0.0", "ab") };
    assert_eq!(code(trial.call(HUB, named)), "ValidationException");
    trial.call(HUB, update("tool", "1.0.2", "ab")).expect("accepted");
    assert_eq!(code(trial.call(HUB, update("tool", "1.0.3", "ab"))), "InvalidDocumentOperation");
}

#[test]
fn a_package_has_at_most_25_versions_and_numbers_are_not_given_twice() {
    let mut trial = trial("");
    for n in 0..25 {
        publish(&mut trial, "tool", &format!("1.0.{n}"), "ab");
    }
    put(&mut trial, "2.0.0/tool.zip", zip("ab", &["install.sh", "uninstall.sh"]));
    assert_eq!(code(trial.call(HUB, update("tool", "2.0.0", "ab"))), "DocumentVersionLimitExceeded");
    let delete = |version: &str| DeleteDocumentInput {
        name: "tool".into(),
        version_name: Some(version.into()),
        ..Default::default()
    };
    assert_eq!(code(trial.call(HUB, delete("1.0.0"))), "InvalidDocumentOperation");
    trial.call(HUB, delete("1.0.24")).expect("deleted");
    publish(&mut trial, "tool", "2.0.0", "ab");
    assert_eq!(describe(&mut trial, HUB, "tool", "2.0.0").expect("there").document_version, "26");
    assert_eq!(code(describe(&mut trial, HUB, "tool", "1.0.24").map(|_| ())), "InvalidDocumentVersion");
}

#[test]
fn a_new_version_is_not_the_default_until_it_is_made_so() {
    let mut trial = trial("");
    publish(&mut trial, "tool", "1.0.0", "ab");
    publish(&mut trial, "tool", "2.0.0", "ab");
    let document = describe(&mut trial, HUB, "tool", "2.0.0").expect("there");
    assert_eq!((&*document.latest_version, &*document.default_version), ("2", "1"));
    let input = UpdateDocumentDefaultVersionInput { name: "tool".into(), document_version: "2".into() };
    trial.call(HUB, input).expect("made the default");
    assert_eq!(describe(&mut trial, HUB, "tool", "1.0.0").expect("there").default_version, "2");
}

fn permission(add: &[&str], remove: &[&str], versions: Option<&str>) -> ModifyDocumentPermissionInput {
    let owned = |ids: &[&str]| Some(ids.iter().map(|id| (*id).to_owned()).collect());
    ModifyDocumentPermissionInput {
        name: "tool".into(),
        permission_type: "Share".into(),
        account_ids_to_add: owned(add),
        account_ids_to_remove: owned(remove),
        shared_document_version: versions.map(str::to_owned),
    }
}

#[test]
fn a_share_opens_the_versions_it_names_to_the_account_it_names() {
    let mut trial = trial("");
    publish(&mut trial, "tool", "1.0.0", "ab");
    publish(&mut trial, "tool", "2.0.0", "ab");
    let arn = format!("arn:aws:ssm:{REGION}:{HUB}:document/tool");
    assert_eq!(code(describe(&mut trial, SPOKE, &arn, "1.0.0").map(|_| ())), "InvalidDocument");
    trial.call(HUB, permission(&[SPOKE], &[], None)).expect("shared");
    assert_eq!(describe(&mut trial, SPOKE, &arn, "1.0.0").expect("shared").name, arn);
    assert_eq!(code(describe(&mut trial, SPOKE, &arn, "2.0.0").map(|_| ())), "InvalidDocumentVersion");
    trial.call(HUB, permission(&[SPOKE], &[], Some("$ALL"))).expect("shared");
    assert!(describe(&mut trial, SPOKE, &arn, "2.0.0").is_ok());
    let whole = DeleteDocumentInput { name: "tool".into(), ..Default::default() };
    assert_eq!(code(trial.call(HUB, whole.clone())), "InvalidDocumentOperation");
    // An account in both lists is removed.
    trial.call(HUB, permission(&[SPOKE], &[SPOKE], Some("$ALL"))).expect("changed");
    assert_eq!(code(describe(&mut trial, SPOKE, &arn, "1.0.0").map(|_| ())), "InvalidDocument");
    trial.call(HUB, whole).expect("deleted");
    assert_eq!(code(describe(&mut trial, HUB, "tool", "1.0.0").map(|_| ())), "InvalidDocument");
}

#[test]
fn shares_are_listed_twenty_at_a_time_and_end_at_a_thousand() {
    let mut trial = trial("");
    publish(&mut trial, "tool", "1.0.0", "ab");
    let ids: Vec<String> = (0..1001).map(|n| format!("{n:012}")).collect();
    for chunk in ids[..1000].chunks(20) {
        let chunk: Vec<&str> = chunk.iter().map(String::as_str).collect();
        trial.call(HUB, permission(&chunk, &[], Some("$ALL"))).expect("shared");
    }
    assert_eq!(code(trial.call(HUB, permission(&[&ids[1000]], &[], None))), "DocumentPermissionLimit");
    let many: Vec<&str> = ids[..21].iter().map(String::as_str).collect();
    assert_eq!(code(trial.call(HUB, permission(&many, &[], None))), "ValidationException");
    let (mut seen, mut token) = (0, None);
    loop {
        let input = DescribeDocumentPermissionInput {
            name: "tool".into(),
            permission_type: "Share".into(),
            max_results: Some(200),
            next_token: token,
        };
        let Ok(Response::Ssm(Ssm::DescribeDocumentPermission(page))) = trial.call(HUB, input) else {
            panic!("no page");
        };
        assert!(page.account_ids.len() <= 20);
        assert_eq!(page.account_sharing_info_list[0].shared_document_version.as_deref(), Some("$ALL"));
        seen += page.account_ids.len();
        token = page.next_token;
        if token.is_none() {
            break;
        }
    }
    assert_eq!(seen, 1000);
}

#[test]
fn declared_packages_take_new_versions_in_the_region_where_they_are_published() {
    let mut trial = trial("");
    publish(&mut trial, "hello", "6.0.0", "ab");
    let input = ListDocumentVersionsInput { name: "hello".into(), ..Default::default() };
    let Ok(Response::Ssm(Ssm::ListDocumentVersions(output))) = trial.call(HUB, input) else {
        panic!("no list");
    };
    let names: Vec<_> = output.document_versions.iter().filter_map(|row| row.version_name.clone()).collect();
    assert_eq!(names, ["6.0.0", "5.0.0", "4.0.0", "3.0.0", "2.0.0", "1.0.0"]);
    assert_eq!(trial.world.catalogue().in_region("us-east-1").count(), 1);
    assert!(describe(&mut trial, HUB, "hello", "6.0.0").is_ok());
    let own = ListDocumentsInput { ..Default::default() };
    assert!(trial.call(HUB, own).is_ok());
}

#[test]
fn nodes_install_what_was_published() {
    let extra =
        "published: [{ package: hello, version: 7.0.0, behaviour: [{ install: fail, exit_code: 9 }] }]\n";
    let mut trial = trial(extra);
    let ids = trial.ids(HUB, "web");
    publish(&mut trial, "hello", "6.0.0", "ab");
    publish(&mut trial, "hello", "7.0.0", "ab");
    let command = trial.install(&ids[..1], "6.0.0");
    trial.pass(300);
    assert_eq!(trial.details(&command), super::counts(&[("Success", 1)]));
    assert_eq!(trial.bits(&ids[0]).as_deref(), Some("6.0.0"));
    let command = trial.install(&ids[1..2], "7.0.0");
    trial.pass(300);
    assert_eq!(trial.details(&command), super::counts(&[("Failed", 1)]));
}

/// What a node says that installs a version of these bytes, under a manifest with this hash.
fn said_of(content: Content, hash: &str) -> String {
    let mut trial = trial("");
    let ids = trial.ids(HUB, "web");
    put(&mut trial, "6.0.0/tool.zip", content);
    trial.call(HUB, update("hello", "6.0.0", hash)).expect("accepted");
    trial.pass(60);
    let command = trial.install(&ids[..1], "6.0.0");
    trial.pass(300);
    assert_eq!(trial.bits(&ids[0]).as_deref(), Some("1.0.0"), "nothing was touched");
    trial.invocations(&command)[0].command_plugins[0].output.clone().expect("output")
}

#[test]
fn nodes_refuse_files_as_the_agent_does() {
    let both = ["install.sh", "uninstall.sh"];
    let wrong = said_of(zip("cd", &both), "ab");
    assert!(wrong.contains("failed to download installation package reliably, https://"), "{wrong}");
    assert!(wrong.contains("X-Amz-Signature="), "{wrong}");
    assert!(wrong.contains("failed to verify hash of downloadinput"), "{wrong}");
    assert!(said_of(zip("ab", &["install.sh"]), "ab").contains("Package is incomplete"));
    let lacking = said_of(zip("ab", &["uninstall.sh", "notes"]), "ab");
    assert!(lacking.contains("package is missing install action"), "{lacking}");
    let twice = said_of(zip("ab", &["install.sh", "install.ps1", "uninstall.sh"]), "ab");
    assert!(twice.contains("install has more than one implementation (sh, ps1, json)"), "{twice}");
    assert!(said_of(Content { zip: None, ..zip("ab", &[]) }, "ab").contains("not a valid zip file"));
}

#[test]
fn nodes_say_when_no_file_is_for_them() {
    let mut trial = trial("");
    let ids = trial.ids(HUB, "web");
    put(&mut trial, "6.0.0/tool.zip", zip("ab", &["install.sh", "uninstall.sh"]));
    let content = manifest("6.0.0", "ab").replace("amazon", "ubuntu");
    trial.call(HUB, UpdateDocumentInput { content, ..update("hello", "6.0.0", "ab") }).expect("accepted");
    trial.pass(60);
    let command = trial.install(&ids[..1], "6.0.0");
    trial.pass(300);
    let said = trial.invocations(&command)[0].command_plugins[0].output.clone().expect("output");
    let text =
        "failed to find platform: no manifest found for platform: amazon, version 2023, architecture x86_64";
    assert!(said.contains(text), "{said}");
}

#[test]
fn a_file_published_earlier_is_attached_by_reference() {
    let mut trial = trial("");
    publish(&mut trial, "tool", "1.0.0", "ab");
    let source = AttachmentsSource {
        key: Some("AttachmentReference".into()),
        values: vec!["tool/1/tool.zip".into()],
        name: None,
    };
    let input = UpdateDocumentInput { attachments: Some(vec![source]), ..update("tool", "2.0.0", "ab") };
    trial.call(HUB, input).expect("accepted");
    trial.pass(60);
    let document = describe(&mut trial, HUB, "tool", "2.0.0").expect("there");
    assert_eq!(document.status.as_str(), "Active", "{:?}", document.status_information);
}
