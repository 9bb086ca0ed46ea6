//! What each call does to objects.

use crate::api::ApiError;
use crate::api::Timestamp;
use crate::api::s3::{
    DeleteObjectInput, DeleteObjectOutput, ListObjectsV2Input, ListObjectsV2Output, ListedObject,
    ObjectFacts, PutObjectInput, PutObjectOutput,
};
use crate::clock::WorldTime;

use super::store::{Bucket, Object, Store, denied, no_such_key};

/// Most keys on one page of a listing.
const PAGE: i32 = 1000;

/// Longest key in bytes.
const MAX_KEY_BYTES: usize = 1024;
/// Most bytes of one upload that is not made of parts.
const MAX_PUT_BYTES: u64 = 5 << 30;

impl Store {
    pub(super) fn put_object(
        &mut self,
        account: &str,
        input: PutObjectInput,
        now: WorldTime,
    ) -> Result<PutObjectOutput, ApiError> {
        let number = self.next_number();
        let bucket = self.writable(account, &input.bucket, &input.key)?;
        check_key(&input.key)?;
        if input.content.size > MAX_PUT_BYTES {
            let message = "Your proposed upload exceeds the maximum allowed size";
            return Err(ApiError::client("EntityTooLarge", message));
        }
        refuse_existing(bucket, &input.key, input.if_none_match)?;
        let checksums = input.content.checksums.clone();
        let object = Object {
            e_tag: input.content.md5.clone(),
            content: input.content,
            modified: now,
            content_type: input.content_type,
            metadata: input.metadata,
            ..Default::default()
        };
        let e_tag = object.e_tag.clone();
        let version_id = bucket.put(&input.key, object, number);
        Ok(PutObjectOutput { e_tag, version_id, checksums })
    }

    pub(super) fn object_facts(
        &self,
        account: &str,
        bucket: &str,
        key: &str,
        version: Option<&str>,
    ) -> Result<ObjectFacts, ApiError> {
        let object = match version {
            None => self.readable(account, bucket, key)?,
            Some(version) => {
                let found = self.bucket(bucket)?;
                if !found.allows(account, "s3:GetObjectVersion", bucket, Some(key)) {
                    return Err(denied());
                }
                let mut versions = found.objects.get(key).into_iter().flatten();
                versions.find(|object| is_version(object, version)).ok_or_else(no_such_version)?
            }
        };
        if object.is_delete_marker {
            return Err(no_such_key());
        }
        Ok(ObjectFacts {
            content: object.content.clone(),
            e_tag: object.e_tag.clone(),
            version_id: object.version_id.clone(),
            last_modified: Timestamp::from_millis(object.modified.millis()),
            content_type: object.content_type.clone(),
            metadata: object.metadata.clone(),
            parts_count: object.parts,
        })
    }

    pub(super) fn delete_object(
        &mut self,
        account: &str,
        input: &DeleteObjectInput,
        now: WorldTime,
    ) -> Result<DeleteObjectOutput, ApiError> {
        let number = self.next_number();
        let bucket = self.writable(account, &input.bucket, &input.key)?;
        let Some(versions) = bucket.objects.get_mut(&input.key) else {
            return Ok(DeleteObjectOutput::default());
        };
        if let Some(version) = &input.version_id {
            let marker = versions.iter().any(|object| is_version(object, version) && object.is_delete_marker);
            versions.retain(|object| !is_version(object, version));
            if versions.is_empty() {
                bucket.objects.remove(&input.key);
            }
            return Ok(DeleteObjectOutput { delete_marker: marker, version_id: Some(version.clone()) });
        }
        if bucket.versioning.is_none() {
            bucket.objects.remove(&input.key);
            return Ok(DeleteObjectOutput::default());
        }
        let marker = Object { is_delete_marker: true, modified: now, ..Default::default() };
        let version_id = bucket.put(&input.key, marker, number);
        Ok(DeleteObjectOutput { delete_marker: true, version_id })
    }

    pub(super) fn list_objects(
        &self,
        account: &str,
        input: &ListObjectsV2Input,
    ) -> Result<ListObjectsV2Output, ApiError> {
        let bucket = self.bucket(&input.bucket)?;
        if !bucket.allows(account, "s3:ListBucket", &input.bucket, None) {
            return Err(denied());
        }
        let max_keys = input.max_keys.unwrap_or(PAGE).clamp(0, PAGE);
        let room = usize::try_from(max_keys).unwrap_or(0);
        let after = match &input.continuation_token {
            None => input.start_after.clone().unwrap_or_default(),
            Some(token) => after_token(token)?,
        };
        let mut output = ListObjectsV2Output { max_keys, ..Default::default() };
        let mut last = after.clone();
        for (key, object) in bucket.listed().filter(|(key, _)| key.starts_with(&input.prefix)) {
            let group = group_of(key, &input.prefix, input.delimiter.as_deref());
            let entry = group.unwrap_or(key);
            let seen = group.is_some() && output.common_prefixes.last().is_some_and(|last| last == entry);
            if entry <= after.as_str() || key <= &after || seen {
                continue;
            }
            if output.contents.len() + output.common_prefixes.len() >= room {
                output.next_continuation_token = Some(token_after(&last));
                break;
            }
            entry.clone_into(&mut last);
            match group {
                Some(group) => output.common_prefixes.push(group.to_owned()),
                None => output.contents.push(ListedObject {
                    key: key.clone(),
                    last_modified: Timestamp::from_millis(object.modified.millis()),
                    e_tag: object.e_tag.clone(),
                    size: object.content.size,
                }),
            }
        }
        if max_keys == 0 {
            output.next_continuation_token = None;
        }
        Ok(output)
    }

    pub(super) fn writable(
        &mut self,
        account: &str,
        bucket: &str,
        key: &str,
    ) -> Result<&mut Bucket, ApiError> {
        let found = self.buckets.get_mut(bucket).ok_or_else(super::store::no_such_bucket)?;
        if !found.allows(account, "s3:PutObject", bucket, Some(key)) {
            return Err(denied());
        }
        Ok(found)
    }
}

pub(super) fn check_key(key: &str) -> Result<(), ApiError> {
    if key.len() > MAX_KEY_BYTES {
        return Err(ApiError::client("KeyTooLongError", "Your key is too long"));
    }
    Ok(())
}

pub(super) fn refuse_existing(bucket: &Bucket, key: &str, if_none_match: bool) -> Result<(), ApiError> {
    if if_none_match && bucket.object(key).is_some() {
        let message = "At least one of the pre-conditions you specified did not hold";
        return Err(ApiError::client("PreconditionFailed", message).with_status(412));
    }
    Ok(())
}

/// The part of a key up to the delimiter after the prefix.
fn group_of<'a>(key: &'a str, prefix: &str, delimiter: Option<&str>) -> Option<&'a str> {
    let delimiter = delimiter.filter(|delimiter| !delimiter.is_empty())?;
    let at = key.get(prefix.len()..)?.find(delimiter)?;
    key.get(..prefix.len() + at + delimiter.len())
}

/// Versions of objects put before there was versioning are called `null`.
fn is_version(object: &Object, version: &str) -> bool {
    object.version_id.as_deref().unwrap_or("null") == version
}

fn no_such_version() -> ApiError {
    ApiError::client("NoSuchVersion", "The specified version does not exist.").with_status(404)
}

/// Continuation tokens are opaque, but must lead back to a key.
fn token_after(key: &str) -> String {
    crate::package::hex(key.as_bytes())
}

fn after_token(token: &str) -> Result<String, ApiError> {
    let wrong = || ApiError::client("InvalidArgument", "The continuation token provided is incorrect");
    if !token.len().is_multiple_of(2) || !token.is_ascii() {
        return Err(wrong());
    }
    let bytes: Option<Vec<u8>> =
        (0..token.len()).step_by(2).map(|at| u8::from_str_radix(&token[at..at + 2], 16).ok()).collect();
    bytes.and_then(|bytes| String::from_utf8(bytes).ok()).ok_or_else(wrong)
}
