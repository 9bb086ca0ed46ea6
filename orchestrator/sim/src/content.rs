//! Bytes that callers hand in. The world keeps none of them: whoever received them says what they are, and keeps them
//! under names that only it understands.

use std::sync::Arc;

use crate::zip::Listing;

/// What is known of some bytes.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Content {
    /// Names of the pieces that make them up, in order.
    pub blobs: Vec<Arc<str>>,
    /// Length in bytes.
    pub size: u64,
    /// Sha256, hexadecimal.
    pub sha256: String,
    /// MD5, hexadecimal.
    pub md5: String,
    /// Checksums the sender announced, and which were found right.
    pub checksums: Vec<Checksum>,
    /// What is in them, if they are a zip.
    pub zip: Option<Arc<Listing>>,
}

/// A checksum under one of S3's algorithms.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Checksum {
    /// Name as in the header `x-amz-checksum-NAME`, such as `crc32`.
    pub algorithm: String,
    /// The value, in base64; of an object made of parts it may end in their number.
    pub value: String,
}

impl Content {
    /// The checksum of an algorithm.
    pub fn checksum(&self, algorithm: &str) -> Option<&str> {
        self.checksums.iter().find(|known| known.algorithm == algorithm).map(|known| known.value.as_str())
    }
}
