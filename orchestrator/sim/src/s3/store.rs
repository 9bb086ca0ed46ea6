//! Buckets with their objects. The names of buckets are one space for all accounts and Regions.

use std::collections::BTreeMap;

use super::policy::Policy;
use super::upload::Upload;
use crate::api::ApiError;
use crate::clock::WorldTime;
use crate::content::Content;
use crate::world_file::{BucketFile, WorldFile};

/// All buckets of a world.
#[derive(Debug, Clone, Default)]
pub struct Store {
    pub(super) buckets: BTreeMap<String, Bucket>,
    pub(super) counted: u64,
}

/// One bucket.
#[derive(Debug, Clone)]
pub struct Bucket {
    /// Account that owns it.
    pub owner: String,
    /// Its Region.
    pub region: String,
    /// When it was made.
    pub created: WorldTime,
    /// Whether earlier versions of objects are kept; `None` when that was never said.
    pub versioning: Option<bool>,
    pub(super) policy: Option<Policy>,
    readers: Vec<String>,
    /// By key, the newest version last.
    pub(super) objects: BTreeMap<String, Vec<Object>>,
    pub(super) uploads: BTreeMap<String, Upload>,
}

/// One version of an object.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Object {
    /// Its bytes.
    pub content: Content,
    /// `ETag`, without quotes.
    pub e_tag: String,
    /// Version, in buckets that keep them.
    pub version_id: Option<String>,
    /// Whether it stands for the object's deletion.
    pub is_delete_marker: bool,
    /// When it was put.
    pub modified: WorldTime,
    /// `Content-Type`.
    pub content_type: Option<String>,
    /// `x-amz-meta-…`, without the prefix.
    pub metadata: BTreeMap<String, String>,
    /// How many parts it was made of, if of parts.
    pub parts: Option<u32>,
}

impl Bucket {
    pub(super) fn new(owner: &str, region: &str, created: WorldTime) -> Self {
        Self {
            owner: owner.to_owned(),
            region: region.to_owned(),
            created,
            versioning: None,
            policy: None,
            readers: Vec::new(),
            objects: BTreeMap::new(),
            uploads: BTreeMap::new(),
        }
    }

    fn from_file(file: &BucketFile, world: &WorldFile) -> Self {
        let owner = file.owner.as_deref().unwrap_or_else(|| world.hub_account());
        let mut bucket = Self::new(owner, &file.region, world.start());
        bucket.readers.clone_from(&file.readers);
        bucket.versioning = file.versioned.then_some(true);
        bucket
    }

    /// Whether an account may do something with a key: its owner everything, others what the policy or the world file
    /// says.
    pub(super) fn allows(&self, account: &str, action: &str, name: &str, key: Option<&str>) -> bool {
        let reads = matches!(action, "s3:GetObject" | "s3:GetObjectVersion" | "s3:ListBucket");
        account == self.owner
            || (reads && self.readers.iter().any(|reader| reader == account))
            || self.policy.as_ref().is_some_and(|policy| policy.allows(account, action, name, key))
    }

    /// The newest version of an object, unless that is its deletion.
    pub(super) fn object(&self, key: &str) -> Option<&Object> {
        self.objects.get(key).and_then(|versions| versions.last()).filter(|object| !object.is_delete_marker)
    }

    /// The objects there are, by key.
    pub(super) fn listed(&self) -> impl Iterator<Item = (&String, &Object)> {
        self.objects.keys().filter_map(|key| Some((key, self.object(key)?)))
    }

    /// Puts an object; gives its version.
    pub(super) fn put(&mut self, key: &str, mut object: Object, version: u64) -> Option<String> {
        let versions = self.objects.entry(key.to_owned()).or_default();
        if self.versioning == Some(true) {
            object.version_id = Some(format!("v{version:031x}"));
        } else {
            // Without versioning, or while it is suspended, the version without an id is replaced.
            versions.retain(|version| version.version_id.is_some());
        }
        let id = object.version_id.clone();
        versions.push(object);
        id
    }
}

impl Store {
    /// The buckets of a world file.
    pub fn new(file: &WorldFile) -> Self {
        let buckets = file.buckets.iter();
        let buckets = buckets.map(|bucket| (bucket.name.clone(), Bucket::from_file(bucket, file)));
        Self { buckets: buckets.collect(), counted: 0 }
    }

    /// A bucket by name, wherever it is and whoever asks.
    pub fn bucket(&self, name: &str) -> Result<&Bucket, ApiError> {
        self.buckets.get(name).ok_or_else(no_such_bucket)
    }

    /// An object that an account may read.
    pub fn readable(&self, account: &str, bucket: &str, key: &str) -> Result<&Object, ApiError> {
        let found = self.bucket(bucket)?;
        if !found.allows(account, "s3:GetObject", bucket, Some(key)) {
            return Err(denied());
        }
        found.object(key).ok_or_else(no_such_key)
    }

    pub(super) fn next_number(&mut self) -> u64 {
        self.counted += 1;
        self.counted
    }
}

/// Lower case letters, digits, `.` and `-`, 3 to 63 of them, with a letter or digit at both ends.
pub fn is_bucket_name(name: &str) -> bool {
    let ends = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let bytes = name.as_bytes();
    (3..=63).contains(&name.len())
        && bytes.iter().all(|byte| ends(*byte) || b".-".contains(byte))
        && bytes.first().is_some_and(|byte| ends(*byte))
        && bytes.last().is_some_and(|byte| ends(*byte))
}

pub(super) fn denied() -> ApiError {
    ApiError::client("AccessDenied", "Access Denied").with_status(403)
}

pub(super) fn no_such_bucket() -> ApiError {
    ApiError::client("NoSuchBucket", "The specified bucket does not exist").with_status(404)
}

pub(super) fn no_such_key() -> ApiError {
    ApiError::client("NoSuchKey", "The specified key does not exist.").with_status(404)
}
