//! Receiving bodies: to disk as they come, while everything is worked out that the world wants to know of them.

use std::fs::File;
use std::future::poll_fn;
use std::io::{self, Read};
use std::pin::Pin;
use std::sync::Arc;

use axum::body::{Body, HttpBody};
use axum::http::HeaderMap;
use md5::Md5;
use sha2::{Digest, Sha256};

use super::checksum::{Running, base64, composite};
use super::chunked::Decoder;
use super::spool::{Spool, append};
use crate::api::ApiError;
use crate::content::{Checksum, Content};
use crate::package::hex;
use crate::s3::PartFacts;
use crate::zip::listing;

const CHECKSUM: &str = "x-amz-checksum-";
/// Bytes read at once when an object is read as a whole.
const BLOCK_BYTES: usize = 1 << 20;

/// What the headers of an upload say of its body.
struct Announced {
    /// Hash of the body, if it is not left unsigned.
    sha256: Option<String>,
    md5: Option<String>,
    length: Option<u64>,
    /// Algorithm, and the value if it is not behind the body.
    checksum: Option<(String, Option<String>)>,
    is_chunked: bool,
}

impl Announced {
    fn read(headers: &HeaderMap) -> Self {
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
        let hash = text("x-amz-content-sha256");
        let is_chunked = hash.as_deref().is_some_and(|hash| hash.starts_with("STREAMING-"))
            || text("content-encoding").is_some_and(|encoding| encoding.contains("aws-chunked"));
        Self {
            sha256: hash.filter(|hash| hash.len() == 64),
            md5: text("content-md5"),
            length: text("x-amz-decoded-content-length").and_then(|length| length.parse().ok()),
            checksum: announced_checksum(headers).or_else(|| {
                let trailer = text("x-amz-trailer")?;
                Some((trailer.to_lowercase().strip_prefix(CHECKSUM)?.to_owned(), None))
            }),
            is_chunked,
        }
    }
}

/// The checksum that stands in a header.
pub(super) fn announced_checksum(headers: &HeaderMap) -> Option<(String, Option<String>)> {
    headers.iter().find_map(|(name, value)| {
        let algorithm = name.as_str().strip_prefix(CHECKSUM)?;
        // These two say how, not what.
        let is_value = !matches!(algorithm, "mode" | "type" | "algorithm");
        is_value.then(|| Some((algorithm.to_owned(), Some(value.to_str().ok()?.to_owned()))))?
    })
}

/// A file being written, with everything that is worked out meanwhile.
struct Receiver {
    file: File,
    size: u64,
    sha256: Sha256,
    md5: Md5,
    checksum: Option<Running>,
    failure: Option<io::Error>,
}

impl Receiver {
    /// Writes to the page cache are so short that handing each to another thread would take longer.
    fn take(&mut self, bytes: &[u8]) {
        self.size += bytes.len() as u64;
        self.sha256.update(bytes);
        self.md5.update(bytes);
        if let Some(checksum) = &mut self.checksum {
            checksum.update(bytes);
        }
        if let Err(error) = append(&mut self.file, bytes) {
            self.failure.get_or_insert(error);
        }
    }
}

/// Receives a body and holds it against what the headers, and what stands behind it, say of it.
pub(super) async fn receive(spool: &Spool, headers: &HeaderMap, mut body: Body) -> Result<Content, ApiError> {
    let announced = Announced::read(headers);
    let algorithm = announced.checksum.as_ref().map(|(algorithm, _)| algorithm.clone());
    let checksum = match &algorithm {
        None => None,
        Some(algorithm) => Some(Running::new(algorithm).ok_or_else(not_implemented)?),
    };
    let (name, file) = spool.create().map_err(|error| disk(&error))?;
    let mut receiver =
        Receiver { file, size: 0, sha256: Sha256::new(), md5: Md5::new(), checksum, failure: None };
    let mut decoder = announced.is_chunked.then(Decoder::default);
    while let Some(frame) = poll_fn(|context| Pin::new(&mut body).poll_frame(context)).await {
        let Ok(frame) = frame else { return Err(incomplete()) };
        let Ok(bytes) = frame.into_data() else { continue };
        match &mut decoder {
            Some(decoder) => {
                decoder.decode(&bytes, |piece| receiver.take(piece)).map_err(|_| incomplete())?;
            }
            None => receiver.take(&bytes),
        }
    }
    if decoder.as_ref().is_some_and(|decoder| !decoder.is_whole()) {
        return Err(incomplete());
    }
    if let Some(error) = receiver.failure {
        return Err(disk(&error));
    }
    let trailers = decoder.map(|decoder| decoder.trailers).unwrap_or_default();
    let mut content = Content {
        blobs: vec![name],
        size: receiver.size,
        sha256: hex(&receiver.sha256.finalize()),
        md5: hex(&receiver.md5.clone().finalize()),
        ..Default::default()
    };
    let found = receiver.checksum.map(Running::finish);
    content.checksums =
        algorithm.zip(found).map(|(algorithm, value)| Checksum { algorithm, value }).into_iter().collect();
    check(&announced, &trailers, &content, &receiver.md5.finalize())?;
    content.zip = spool.open(&content.blobs).ok().and_then(listing).map(Arc::new);
    Ok(content)
}

fn check(
    announced: &Announced,
    trailers: &[(String, String)],
    content: &Content,
    md5: &[u8],
) -> Result<(), ApiError> {
    if announced.length.is_some_and(|length| length != content.size) {
        return Err(incomplete());
    }
    if announced.sha256.as_ref().is_some_and(|sha256| *sha256 != content.sha256) {
        let message = "The provided 'x-amz-content-sha256' header does not match what was computed.";
        return Err(ApiError::client("XAmzContentSHA256Mismatch", message));
    }
    if announced.md5.as_ref().is_some_and(|wanted| *wanted != base64(md5)) {
        return Err(ApiError::client(
            "BadDigest",
            "The Content-MD5 you specified did not match what we received.",
        ));
    }
    let Some(found) = content.checksums.first() else { return Ok(()) };
    let behind = || {
        let name = format!("{CHECKSUM}{}", found.algorithm);
        trailers.iter().find(|(trailer, _)| *trailer == name).map(|(_, value)| value.clone())
    };
    let wanted = announced.checksum.as_ref().and_then(|(_, value)| value.clone()).or_else(behind);
    if wanted.is_some_and(|wanted| wanted != found.value) {
        return Err(bad_checksum(&found.algorithm));
    }
    Ok(())
}

/// Reads the parts of an upload as one, for what the world wants to know of the whole.
pub(super) fn join(spool: &Spool, parts: &[PartFacts], headers: &HeaderMap) -> Result<Content, ApiError> {
    let blobs: Vec<Arc<str>> = parts.iter().flat_map(|part| part.content.blobs.iter().cloned()).collect();
    let of_part =
        |part: &PartFacts| part.content.checksums.first().map(|checksum| checksum.algorithm.clone());
    let announced = announced_checksum(headers);
    let algorithm =
        announced.as_ref().map(|(algorithm, _)| algorithm.clone()).or_else(|| of_part(parts.first()?));
    let full = headers.get("x-amz-checksum-type").is_some_and(|kind| kind == "FULL_OBJECT")
        || algorithm.as_deref() == Some("crc64nvme");
    let mut running = algorithm.as_deref().filter(|_| full).and_then(Running::new);
    let (mut sha256, mut md5, mut size) = (Sha256::new(), Md5::new(), 0);
    let mut pieces = spool.open(&blobs).map_err(|error| disk(&error))?;
    let mut block = vec![0; BLOCK_BYTES];
    loop {
        let read = pieces.read(&mut block).map_err(|error| disk(&error))?;
        if read == 0 {
            break;
        }
        sha256.update(&block[..read]);
        md5.update(&block[..read]);
        if let Some(running) = &mut running {
            running.update(&block[..read]);
        }
        size += read as u64;
    }
    let value = match (&algorithm, running) {
        (_, Some(running)) => Some(running.finish()),
        (Some(algorithm), None) => {
            let parts: Option<Vec<&str>> =
                parts.iter().map(|part| part.content.checksum(algorithm)).collect();
            parts.and_then(|parts| composite(algorithm, &parts))
        }
        (None, None) => None,
    };
    let wanted = announced.and_then(|(_, value)| value);
    if let (Some(algorithm), Some(value), Some(wanted)) = (&algorithm, &value, &wanted)
        && value.split('-').next() != wanted.split('-').next()
    {
        return Err(bad_checksum(algorithm));
    }
    let checksums = algorithm.zip(value).map(|(algorithm, value)| Checksum { algorithm, value });
    let zip = listing(&mut pieces).map(Arc::new);
    Ok(Content {
        blobs,
        size,
        sha256: hex(&sha256.finalize()),
        md5: hex(&md5.finalize()),
        checksums: checksums.into_iter().collect(),
        zip,
    })
}

fn bad_checksum(algorithm: &str) -> ApiError {
    let message =
        format!("The {} you specified did not match the calculated checksum.", algorithm.to_uppercase());
    ApiError::client("BadDigest", message)
}

pub(super) fn incomplete() -> ApiError {
    let message = "You did not provide the number of bytes specified by the Content-Length HTTP header";
    ApiError::client("IncompleteBody", message)
}

pub(super) fn not_implemented() -> ApiError {
    let message = "A header or query you provided implies functionality that is not implemented.";
    ApiError::client("NotImplemented", message).with_status(501)
}

/// The machine under the simulation is full or broken.
pub(super) fn disk(error: &io::Error) -> ApiError {
    ApiError::server("InternalError", format!("the simulated S3 cannot keep its files: {error}"))
}
