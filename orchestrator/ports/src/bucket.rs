//! Objects of S3 buckets: where a package's files lie until Systems Manager has copied them.

use crate::failure::Failure;
use async_trait::async_trait;
use wavetrain_model::fleet::Site;

/// An S3 object.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Location {
    /// Name of the bucket, in the site's Region.
    pub bucket: String,
    /// Key of the object.
    pub key: String,
}

/// Objects and uploads in parts. Every call may be repeated: an object is its bytes.
#[async_trait]
pub trait Bucket: Send + Sync {
    /// `HeadObject` with its checksum. None: there is no such object.
    async fn object(&self, site: &Site, at: &Location) -> Result<Option<Object>, Failure>;

    /// `PutObject`; S3 refuses bytes that are not of this SHA-256 (base64).
    async fn put_object(
        &self,
        site: &Site,
        at: &Location,
        bytes: Vec<u8>,
        sha256: &str,
    ) -> Result<(), Failure>;

    /// `ListMultipartUploads` of exactly this key: uploads begun and not ended, the newest last.
    async fn uploads(&self, site: &Site, at: &Location) -> Result<Vec<String>, Failure>;

    /// `CreateMultipartUpload` with SHA-256 checksums; its id.
    async fn begin_upload(&self, site: &Site, at: &Location) -> Result<String, Failure>;

    /// `ListParts`, all pages. None: the upload has ended meanwhile.
    async fn parts(&self, site: &Site, at: &Location, upload: &str) -> Result<Option<Vec<Part>>, Failure>;

    /// `UploadPart`, with its SHA-256 (base64); its tag.
    async fn put_part(
        &self,
        site: &Site,
        at: &Location,
        upload: &str,
        number: u32,
        bytes: Vec<u8>,
        sha256: &str,
    ) -> Result<Part, Failure>;

    /// `CompleteMultipartUpload`.
    async fn end_upload(
        &self,
        site: &Site,
        at: &Location,
        upload: &str,
        parts: &[Part],
    ) -> Result<(), Failure>;

    /// `AbortMultipartUpload`: what was uploaded costs money until then.
    async fn abort_upload(&self, site: &Site, at: &Location, upload: &str) -> Result<(), Failure>;
}

/// What S3 says of an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Object {
    /// Bytes.
    pub size: u64,
    /// `ChecksumSHA256`: base64, of an upload in parts with `-` and their number behind it; None: it has no such checksum.
    pub sha256: Option<String>,
}

/// One uploaded part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// From 1 on.
    pub number: u32,
    /// Bytes.
    pub size: u64,
    /// `ETag`.
    pub tag: String,
    /// `ChecksumSHA256`, base64; None: it has no such checksum.
    pub sha256: Option<String>,
}
