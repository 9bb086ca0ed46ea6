//! Simple Storage Service: buckets, objects, uploads in parts.
//!
//! Its wire is REST with XML, unlike the other services', and bodies are bytes of any length: what is handed in here
//! are facts about them ([`Content`]), which the door finds out while it stores them.

#![expect(missing_docs, reason = "members are documented in the API reference of the operation")]

use std::collections::BTreeMap;

use super::wire::Timestamp;
use crate::content::{Checksum, Content};

macro_rules! actions {
    ($($name:ident($input:ident) -> $output:ident),* $(,)?) => {
        /// One call to this service.
        #[derive(Clone, Debug, PartialEq)]
        pub enum Request { $(#[doc = concat!("`", stringify!($name), "`")] $name(Box<$input>),)* }

        /// The successful answer to the request of the same name.
        #[derive(Clone, Debug, PartialEq)]
        pub enum Response { $(#[doc = concat!("`", stringify!($name), "`")] $name(Box<$output>),)* }

        impl Request {
            /// Operation names of this service.
            pub const OPERATIONS: &'static [&'static str] = &[$(stringify!($name)),*];

            /// Operation name.
            pub fn operation(&self) -> &'static str {
                match self { $(Self::$name(_) => stringify!($name),)* }
            }
        }

        $(
            impl From<$input> for super::Request {
                fn from(input: $input) -> Self {
                    Self::S3(Request::$name(Box::new(input)))
                }
            }

            impl From<$output> for super::Response {
                fn from(output: $output) -> Self {
                    Self::S3(Response::$name(Box::new(output)))
                }
            }
        )*
    };
}

actions! {
    CreateBucket(CreateBucketInput) -> CreateBucketOutput,
    DeleteBucket(DeleteBucketInput) -> DeleteBucketOutput,
    HeadBucket(HeadBucketInput) -> HeadBucketOutput,
    GetBucketLocation(GetBucketLocationInput) -> GetBucketLocationOutput,
    ListBuckets(ListBucketsInput) -> ListBucketsOutput,
    PutBucketVersioning(PutBucketVersioningInput) -> PutBucketVersioningOutput,
    GetBucketVersioning(GetBucketVersioningInput) -> GetBucketVersioningOutput,
    PutBucketPolicy(PutBucketPolicyInput) -> PutBucketPolicyOutput,
    GetBucketPolicy(GetBucketPolicyInput) -> GetBucketPolicyOutput,
    PutObject(PutObjectInput) -> PutObjectOutput,
    GetObject(GetObjectInput) -> GetObjectOutput,
    HeadObject(HeadObjectInput) -> HeadObjectOutput,
    DeleteObject(DeleteObjectInput) -> DeleteObjectOutput,
    ListObjectsV2(ListObjectsV2Input) -> ListObjectsV2Output,
    CreateMultipartUpload(CreateMultipartUploadInput) -> CreateMultipartUploadOutput,
    UploadPart(UploadPartInput) -> UploadPartOutput,
    CompleteMultipartUpload(CompleteMultipartUploadInput) -> CompleteMultipartUploadOutput,
    AbortMultipartUpload(AbortMultipartUploadInput) -> AbortMultipartUploadOutput,
    ListParts(ListPartsInput) -> ListPartsOutput,
    ListMultipartUploads(ListMultipartUploadsInput) -> ListMultipartUploadsOutput,
}

macro_rules! shapes {
    ($($(#[$doc:meta])* $name:ident { $($(#[$on:meta])* $field:ident: $type:ty),* $(,)? })*) => { $(
        $(#[$doc])*
        #[derive(Clone, Debug, Default, PartialEq)]
        pub struct $name { $($(#[$on])* pub $field: $type,)* }
    )* };
}

shapes! {
    CreateBucketInput { bucket: String, location_constraint: Option<String> }
    CreateBucketOutput { location: String }
    DeleteBucketInput { bucket: String }
    DeleteBucketOutput {}
    HeadBucketInput { bucket: String }
    HeadBucketOutput { bucket_region: String }
    GetBucketLocationInput { bucket: String }
    /// `None` for us-east-1, as ever.
    GetBucketLocationOutput { location_constraint: Option<String> }
    ListBucketsInput {}
    ListBucketsOutput { owner: String, buckets: Vec<(String, Timestamp)> }
    PutBucketVersioningInput { bucket: String, enabled: bool }
    PutBucketVersioningOutput {}
    GetBucketVersioningInput { bucket: String }
    GetBucketVersioningOutput { enabled: Option<bool> }
    PutBucketPolicyInput { bucket: String, policy: String }
    PutBucketPolicyOutput {}
    GetBucketPolicyInput { bucket: String }
    GetBucketPolicyOutput { policy: String }

    PutObjectInput {
        bucket: String,
        key: String,
        content: Content,
        content_type: Option<String>,
        metadata: BTreeMap<String, String>,
        /// `If-None-Match: *`
        if_none_match: bool,
    }
    PutObjectOutput { e_tag: String, version_id: Option<String>, checksums: Vec<Checksum> }
    GetObjectInput { bucket: String, key: String, version_id: Option<String> }
    GetObjectOutput { object: ObjectFacts }
    HeadObjectInput { bucket: String, key: String, version_id: Option<String> }
    HeadObjectOutput { object: ObjectFacts }
    ObjectFacts {
        content: Content,
        e_tag: String,
        version_id: Option<String>,
        last_modified: Timestamp,
        content_type: Option<String>,
        metadata: BTreeMap<String, String>,
        parts_count: Option<u32>,
    }
    DeleteObjectInput { bucket: String, key: String, version_id: Option<String> }
    DeleteObjectOutput { delete_marker: bool, version_id: Option<String> }
    ListObjectsV2Input {
        bucket: String,
        prefix: String,
        delimiter: Option<String>,
        max_keys: Option<i32>,
        continuation_token: Option<String>,
        start_after: Option<String>,
    }
    ListObjectsV2Output {
        contents: Vec<ListedObject>,
        common_prefixes: Vec<String>,
        max_keys: i32,
        next_continuation_token: Option<String>,
    }
    ListedObject { key: String, last_modified: Timestamp, e_tag: String, size: u64 }

    CreateMultipartUploadInput {
        bucket: String,
        key: String,
        content_type: Option<String>,
        metadata: BTreeMap<String, String>,
    }
    CreateMultipartUploadOutput { upload_id: String }
    UploadPartInput { bucket: String, key: String, upload_id: String, part_number: i32, content: Content }
    UploadPartOutput { e_tag: String, checksums: Vec<Checksum> }
    CompleteMultipartUploadInput {
        bucket: String,
        key: String,
        upload_id: String,
        /// Number and `ETag`.
        parts: Vec<(i32, String)>,
        /// The parts together.
        content: Content,
        if_none_match: bool,
    }
    CompleteMultipartUploadOutput { e_tag: String, version_id: Option<String>, checksums: Vec<Checksum> }
    AbortMultipartUploadInput { bucket: String, key: String, upload_id: String }
    AbortMultipartUploadOutput {}
    ListPartsInput {
        bucket: String,
        key: String,
        upload_id: String,
        max_parts: Option<i32>,
        part_number_marker: Option<i32>,
    }
    ListPartsOutput { parts: Vec<ListedPart>, max_parts: i32, next_part_number_marker: Option<i32> }
    ListedPart {
        part_number: i32,
        last_modified: Timestamp,
        e_tag: String,
        size: u64,
        checksums: Vec<Checksum>,
    }
    ListMultipartUploadsInput { bucket: String, prefix: String }
    ListMultipartUploadsOutput { uploads: Vec<ListedUpload> }
    ListedUpload { key: String, upload_id: String, initiated: Timestamp }
}

impl Request {
    /// Bucket and key that are meant, for records of calls.
    pub fn place(&self) -> (&str, &str) {
        match self {
            Self::ListBuckets(_) => ("", ""),
            Self::CreateBucket(input) => (&input.bucket, ""),
            Self::DeleteBucket(input) => (&input.bucket, ""),
            Self::HeadBucket(input) => (&input.bucket, ""),
            Self::GetBucketLocation(input) => (&input.bucket, ""),
            Self::PutBucketVersioning(input) => (&input.bucket, ""),
            Self::GetBucketVersioning(input) => (&input.bucket, ""),
            Self::PutBucketPolicy(input) => (&input.bucket, ""),
            Self::GetBucketPolicy(input) => (&input.bucket, ""),
            Self::ListObjectsV2(input) => (&input.bucket, &input.prefix),
            Self::ListMultipartUploads(input) => (&input.bucket, &input.prefix),
            Self::PutObject(input) => (&input.bucket, &input.key),
            Self::GetObject(input) => (&input.bucket, &input.key),
            Self::HeadObject(input) => (&input.bucket, &input.key),
            Self::DeleteObject(input) => (&input.bucket, &input.key),
            Self::CreateMultipartUpload(input) => (&input.bucket, &input.key),
            Self::UploadPart(input) => (&input.bucket, &input.key),
            Self::CompleteMultipartUpload(input) => (&input.bucket, &input.key),
            Self::AbortMultipartUpload(input) => (&input.bucket, &input.key),
            Self::ListParts(input) => (&input.bucket, &input.key),
        }
    }
}
