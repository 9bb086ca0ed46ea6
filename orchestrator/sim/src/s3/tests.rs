//! Buckets and objects as a client sees them.

use crate::api::s3::{
    AbortMultipartUploadInput, CompleteMultipartUploadInput, CreateBucketInput, CreateMultipartUploadInput,
    DeleteBucketInput, DeleteObjectInput, GetObjectInput, HeadBucketInput, ListObjectsV2Input,
    ListObjectsV2Output, ListPartsInput, PutBucketVersioningInput, PutObjectInput, Response as S3,
    UploadPartInput,
};
use crate::api::{ApiError, Caller, Request, Response};
use crate::content::Content;
use crate::trial::{HUB, REGION, SPOKE, Trial, code};

const BUCKET: &str = "tools";

fn trial() -> Trial {
    let mut trial = Trial::new("");
    trial.call(HUB, made(BUCKET)).expect("made");
    trial
}

fn made(bucket: &str) -> CreateBucketInput {
    CreateBucketInput { bucket: bucket.into(), location_constraint: Some(REGION.into()) }
}

fn content(name: &str, size: u64) -> Content {
    Content {
        blobs: vec![name.into()],
        size,
        sha256: "ab".repeat(32),
        md5: name.into(),
        ..Default::default()
    }
}

fn object(key: &str) -> PutObjectInput {
    let content = content(key, 10);
    PutObjectInput { bucket: BUCKET.into(), key: key.into(), content, ..Default::default() }
}

fn get(key: &str) -> GetObjectInput {
    GetObjectInput { bucket: BUCKET.into(), key: key.into(), version_id: None }
}

fn listed(trial: &mut Trial, input: ListObjectsV2Input) -> ListObjectsV2Output {
    match trial.call(HUB, ListObjectsV2Input { bucket: BUCKET.into(), ..input }) {
        Ok(Response::S3(S3::ListObjectsV2(output))) => *output,
        other => panic!("{other:?}"),
    }
}

#[test]
fn bucket_names_are_one_space_for_everybody() {
    let mut trial = trial();
    assert_eq!(code(trial.call(HUB, made(BUCKET))), "BucketAlreadyOwnedByYou");
    assert_eq!(code(trial.call(SPOKE, made(BUCKET))), "BucketAlreadyExists");
    assert_eq!(code(trial.call(HUB, made("No_Bucket"))), "InvalidBucketName");
    let elsewhere =
        CreateBucketInput { bucket: "other".into(), location_constraint: Some("eu-west-2".into()) };
    assert_eq!(code(trial.call(HUB, elsewhere)), "IllegalLocationConstraintException");
    let head = |bucket: &str| HeadBucketInput { bucket: bucket.into() };
    assert_eq!(code(trial.call(HUB, head("absent"))), "NoSuchBucket");
    assert_eq!(code(trial.call(SPOKE, head(BUCKET))), "AccessDenied");
    trial.call(HUB, object("a")).expect("put");
    assert_eq!(code(trial.call(HUB, DeleteBucketInput { bucket: BUCKET.into() })), "BucketNotEmpty");
}

#[test]
fn a_bucket_is_reached_in_its_own_region_only() {
    let mut trial =
        Trial::of(&crate::trial::WORLD.replace("regions: [eu-west-1]", "regions: [eu-west-1, us-east-1]"));
    trial.call(HUB, made(BUCKET)).expect("made");
    let caller = Caller { region: "us-east-1".into(), ..Trial::caller(HUB) };
    let reply = trial.world.call(&caller, Request::from(get("a")));
    let error: ApiError = reply.result.expect_err("refused");
    assert_eq!(error.code, "AuthorizationHeaderMalformed");
    assert!(error.message.expect("a text").ends_with("expecting 'eu-west-1'"));
}

#[test]
fn objects_are_listed_by_prefix_and_delimiter_page_by_page() {
    let mut trial = trial();
    for key in ["a/1", "a/2", "b", "c/1", "d"] {
        trial.call(HUB, object(key)).expect("put");
    }
    let keys = |output: &ListObjectsV2Output| {
        output.contents.iter().map(|object| object.key.clone()).collect::<Vec<_>>()
    };
    let inside = listed(&mut trial, ListObjectsV2Input { prefix: "a/".into(), ..Default::default() });
    assert_eq!(keys(&inside), ["a/1", "a/2"]);
    let (mut found, mut groups, mut token) = (Vec::new(), Vec::new(), None);
    loop {
        let input = ListObjectsV2Input {
            delimiter: Some("/".into()),
            max_keys: Some(1),
            continuation_token: token,
            ..Default::default()
        };
        let page = listed(&mut trial, input);
        assert!(page.contents.len() + page.common_prefixes.len() <= 1);
        found.extend(keys(&page));
        groups.extend(page.common_prefixes);
        token = page.next_continuation_token;
        if token.is_none() {
            break;
        }
    }
    assert_eq!((found, groups), (vec!["b".to_owned(), "d".into()], vec!["a/".to_owned(), "c/".into()]));
}

#[test]
fn an_object_is_put_once_when_asked_so_and_kept_in_versions_when_asked_so() {
    let mut trial = trial();
    let once = PutObjectInput { if_none_match: true, ..object("a") };
    trial.call(HUB, once.clone()).expect("put");
    assert_eq!(code(trial.call(HUB, once)), "PreconditionFailed");
    assert_eq!(code(trial.call(SPOKE, get("a"))), "AccessDenied");
    trial.call(HUB, PutBucketVersioningInput { bucket: BUCKET.into(), enabled: true }).expect("set");
    trial.call(HUB, object("a")).expect("put");
    let delete = DeleteObjectInput { bucket: BUCKET.into(), key: "a".into(), version_id: None };
    trial.call(HUB, delete).expect("deleted");
    assert_eq!(code(trial.call(HUB, get("a"))), "NoSuchKey");
    let first = GetObjectInput { version_id: Some("null".into()), ..get("a") };
    assert!(trial.call(HUB, first).is_ok());
}

#[test]
fn parts_become_an_object_when_they_are_whole_and_in_order() {
    let mut trial = trial();
    let begin = CreateMultipartUploadInput { bucket: BUCKET.into(), key: "big".into(), ..Default::default() };
    let Ok(Response::S3(S3::CreateMultipartUpload(upload))) = trial.call(HUB, begin) else {
        panic!("not begun")
    };
    let upload_id = upload.upload_id;
    let part = |number: i32, name: &str, size: u64| UploadPartInput {
        bucket: BUCKET.into(),
        key: "big".into(),
        upload_id: upload_id.clone(),
        part_number: number,
        content: content(name, size),
    };
    trial.call(HUB, part(1, "p1", 5 << 20)).expect("put");
    trial.call(HUB, part(2, "p2", 10)).expect("put");
    let complete = |parts: &[(i32, &str)], blobs: &[&str]| CompleteMultipartUploadInput {
        bucket: BUCKET.into(),
        key: "big".into(),
        upload_id: upload_id.clone(),
        parts: parts.iter().map(|(number, tag)| (*number, format!("\"{tag}\""))).collect(),
        content: Content {
            blobs: blobs.iter().map(|blob| (*blob).into()).collect(),
            size: (5 << 20) + 10,
            sha256: "cd".repeat(32),
            ..Default::default()
        },
        if_none_match: false,
    };
    let list = ListPartsInput {
        bucket: BUCKET.into(),
        key: "big".into(),
        upload_id: upload_id.clone(),
        max_parts: Some(1),
        part_number_marker: None,
    };
    let Ok(Response::S3(S3::ListParts(parts))) = trial.call(HUB, list) else { panic!("no parts") };
    assert_eq!((parts.parts.len(), parts.next_part_number_marker), (1, Some(1)));
    assert_eq!(code(trial.call(HUB, complete(&[(1, "p1"), (3, "p3")], &["p1"]))), "InvalidPart");
    assert_eq!(code(trial.call(HUB, complete(&[(2, "p2"), (1, "p1")], &["p2", "p1"]))), "InvalidPartOrder");
    trial.call(HUB, complete(&[(1, "p1"), (2, "p2")], &["p1", "p2"])).expect("completed");
    let Ok(Response::S3(S3::GetObject(found))) = trial.call(HUB, get("big")) else { panic!("no object") };
    assert_eq!((found.object.parts_count, found.object.content.size), (Some(2), (5 << 20) + 10));
    let abort =
        AbortMultipartUploadInput { bucket: BUCKET.into(), key: "big".into(), upload_id: upload_id.clone() };
    assert_eq!(code(trial.call(HUB, abort)), "NoSuchUpload");
}
