//! Uploads in parts.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::api::s3::{
    CompleteMultipartUploadInput, CompleteMultipartUploadOutput, CreateMultipartUploadInput, ListPartsInput,
    ListPartsOutput, ListedPart, ListedUpload, UploadPartInput, UploadPartOutput,
};
use crate::api::{ApiError, Timestamp};
use crate::clock::WorldTime;
use crate::content::Content;

use super::objects::{check_key, refuse_existing};
use super::store::{Bucket, Object, Store, denied};

/// Fewest bytes of a part that is not the last.
const MIN_PART_BYTES: u64 = 5 << 20;
/// Most bytes of a part.
const MAX_PART_BYTES: u64 = 5 << 30;
/// Most parts of an upload, and on one page of a listing.
const MAX_PARTS: i32 = 10_000;
const PAGE: i32 = 1000;

/// An upload that is not complete.
#[derive(Debug, Clone)]
pub(super) struct Upload {
    key: String,
    begun: WorldTime,
    content_type: Option<String>,
    metadata: BTreeMap<String, String>,
    parts: BTreeMap<i32, Part>,
}

/// One part.
#[derive(Debug, Clone)]
struct Part {
    content: Content,
    put: WorldTime,
}

impl Store {
    pub(super) fn begin_upload(
        &mut self,
        account: &str,
        input: CreateMultipartUploadInput,
        upload_id: &str,
        now: WorldTime,
    ) -> Result<(), ApiError> {
        let bucket = self.writable(account, &input.bucket, &input.key)?;
        check_key(&input.key)?;
        let CreateMultipartUploadInput { key, content_type, metadata, .. } = input;
        let upload = Upload { key, begun: now, content_type, metadata, parts: BTreeMap::new() };
        bucket.uploads.insert(upload_id.to_owned(), upload);
        Ok(())
    }

    pub(super) fn put_part(
        &mut self,
        account: &str,
        input: UploadPartInput,
        now: WorldTime,
    ) -> Result<UploadPartOutput, ApiError> {
        let bucket = self.writable(account, &input.bucket, &input.key)?;
        let upload = upload_mut(bucket, &input.upload_id, &input.key)?;
        if !(1..=MAX_PARTS).contains(&input.part_number) {
            let message = format!("Part number must be an integer between 1 and {MAX_PARTS}, inclusive");
            return Err(ApiError::client("InvalidArgument", message));
        }
        if input.content.size > MAX_PART_BYTES {
            let message = "Your proposed upload exceeds the maximum allowed size";
            return Err(ApiError::client("EntityTooLarge", message));
        }
        let output =
            UploadPartOutput { e_tag: input.content.md5.clone(), checksums: input.content.checksums.clone() };
        upload.parts.insert(input.part_number, Part { content: input.content, put: now });
        Ok(output)
    }

    pub(super) fn complete_upload(
        &mut self,
        account: &str,
        input: CompleteMultipartUploadInput,
        now: WorldTime,
    ) -> Result<CompleteMultipartUploadOutput, ApiError> {
        let number = self.next_number();
        let bucket = self.writable(account, &input.bucket, &input.key)?;
        let upload = upload_mut(bucket, &input.upload_id, &input.key)?;
        upload.check(&input)?;
        refuse_existing(bucket, &input.key, input.if_none_match)?;
        let Some(upload) = bucket.uploads.remove(&input.upload_id) else { return Err(no_such_upload()) };
        let checksums = input.content.checksums.clone();
        let object = Object {
            // Not the MD5 of anything that a client could compute from the object alone: of its parts.
            e_tag: format!(
                "{}-{}",
                &input.content.sha256[..32.min(input.content.sha256.len())],
                input.parts.len()
            ),
            content: input.content,
            modified: now,
            content_type: upload.content_type,
            metadata: upload.metadata,
            parts: Some(input.parts.len() as u32),
            ..Default::default()
        };
        let e_tag = object.e_tag.clone();
        let version_id = bucket.put(&input.key, object, number);
        Ok(CompleteMultipartUploadOutput { e_tag, version_id, checksums })
    }

    pub(super) fn abort_upload(
        &mut self,
        account: &str,
        bucket: &str,
        key: &str,
        upload_id: &str,
    ) -> Result<(), ApiError> {
        let bucket = self.writable(account, bucket, key)?;
        upload_mut(bucket, upload_id, key)?;
        bucket.uploads.remove(upload_id);
        Ok(())
    }

    pub(super) fn list_parts(
        &mut self,
        account: &str,
        input: &ListPartsInput,
    ) -> Result<ListPartsOutput, ApiError> {
        let bucket = self.writable(account, &input.bucket, &input.key)?;
        let upload = upload_mut(bucket, &input.upload_id, &input.key)?;
        let max_parts = input.max_parts.unwrap_or(PAGE).clamp(1, PAGE);
        let after = input.part_number_marker.unwrap_or(0);
        let mut rest = upload.parts.range(after.saturating_add(1)..);
        let parts: Vec<ListedPart> = rest
            .by_ref()
            .take(usize::try_from(max_parts).unwrap_or(0))
            .map(|(number, part)| ListedPart {
                part_number: *number,
                last_modified: Timestamp::from_millis(part.put.millis()),
                e_tag: part.content.md5.clone(),
                size: part.content.size,
                checksums: part.content.checksums.clone(),
            })
            .collect();
        let more = rest.next().is_some();
        let next_part_number_marker = parts.last().map(|part| part.part_number).filter(|_| more);
        Ok(ListPartsOutput { parts, max_parts, next_part_number_marker })
    }

    pub(super) fn list_uploads(
        &self,
        account: &str,
        bucket: &str,
        prefix: &str,
    ) -> Result<Vec<ListedUpload>, ApiError> {
        let found = self.bucket(bucket)?;
        if !found.allows(account, "s3:ListBucketMultipartUploads", bucket, None) {
            return Err(denied());
        }
        let mut uploads: Vec<ListedUpload> = found
            .uploads
            .iter()
            .filter(|(_, upload)| upload.key.starts_with(prefix))
            .map(|(id, upload)| ListedUpload {
                key: upload.key.clone(),
                upload_id: id.clone(),
                initiated: Timestamp::from_millis(upload.begun.millis()),
            })
            .collect();
        uploads.sort_by(|a, b| (&a.key, a.initiated.as_millis()).cmp(&(&b.key, b.initiated.as_millis())));
        Ok(uploads)
    }

    /// The pieces of an upload's parts, in the order of the parts asked for. Parts that are not there are left out: the
    /// call that follows says so.
    pub fn parts(&self, bucket: &str, upload_id: &str, numbers: &[i32]) -> Vec<PartFacts> {
        let upload = self.buckets.get(bucket).and_then(|bucket| bucket.uploads.get(upload_id));
        let part = |number: &i32| upload.and_then(|upload| upload.parts.get(number));
        let facts = |part: &Part| PartFacts { content: part.content.clone() };
        numbers.iter().filter_map(part).map(facts).collect()
    }
}

/// What is known of one part of an upload.
#[derive(Debug, Clone, PartialEq)]
pub struct PartFacts {
    /// Its bytes.
    pub content: Content,
}

impl Upload {
    /// Whether the parts named are there, in order, and large enough.
    fn check(&self, input: &CompleteMultipartUploadInput) -> Result<(), ApiError> {
        if input.parts.is_empty() {
            return Err(ApiError::client("MalformedXML", "The XML you provided was not well-formed"));
        }
        if !input.parts.is_sorted_by(|(a, _), (b, _)| a < b) {
            let message = "The list of parts was not in ascending order. The parts list must be specified in order by \
                           part number.";
            return Err(ApiError::client("InvalidPartOrder", message));
        }
        let mut blobs: Vec<Arc<str>> = Vec::new();
        for (index, (number, e_tag)) in input.parts.iter().enumerate() {
            let part = self.parts.get(number).filter(|part| part.content.md5 == e_tag.trim_matches('"'));
            let part = part.ok_or_else(invalid_part)?;
            if index + 1 < input.parts.len() && part.content.size < MIN_PART_BYTES {
                let message = "Your proposed upload is smaller than the minimum allowed size";
                return Err(ApiError::client("EntityTooSmall", message));
            }
            blobs.extend(part.content.blobs.iter().cloned());
        }
        // A part was put again after the caller's parts were read together.
        if blobs == input.content.blobs { Ok(()) } else { Err(invalid_part()) }
    }
}

fn upload_mut<'a>(bucket: &'a mut Bucket, id: &str, key: &str) -> Result<&'a mut Upload, ApiError> {
    bucket.uploads.get_mut(id).filter(|upload| upload.key == key).ok_or_else(no_such_upload)
}

fn no_such_upload() -> ApiError {
    let message = "The specified upload does not exist. The upload ID may be invalid, or the upload may have been \
                   aborted or completed.";
    ApiError::client("NoSuchUpload", message).with_status(404)
}

fn invalid_part() -> ApiError {
    let message = "One or more of the specified parts could not be found. The part may not have been uploaded, or the \
                   specified entity tag may not match the part's entity tag.";
    ApiError::client("InvalidPart", message)
}
