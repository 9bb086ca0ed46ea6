//! Files into S3: whole, or in parts that a later process goes on with.

use super::{Error, Home, Payload, Publisher, Release, Step};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use wavetrain_ports::bucket::{Location, Object, Part};

/// Parts of one file on their way at once; all files together have fewer slots than many files would take.
const PARTS_OF_A_FILE: usize = 4;

impl Publisher<'_> {
    /// Every file, one after the other. Bytes that went over the line.
    pub(super) async fn upload(&self, home: &Home, release: &Release) -> Result<u64, Error> {
        let mut sent = 0;
        for file in &release.files {
            sent += self.upload_file(home, release, file).await?;
        }
        Ok(sent)
    }

    async fn upload_file(&self, home: &Home, release: &Release, file: &Payload) -> Result<u64, Error> {
        let at = Location {
            bucket: home.bucket.clone(),
            key: format!("{}/{}", folder(home, release), file.attachment.name),
        };
        let there = self.patiently(|| self.bucket.object(&home.site, &at)).await?;
        if there.is_some_and(|there| there.sha256.is_some() && is_it(&there, file)) {
            self.told(home, file, file.attachment.bytes);
            if file.parts.len() > 1 {
                self.forget(home, &at).await;
            }
            return Ok(0);
        }
        let sent = match file.parts.as_slice() {
            [] | [_] => self.upload_whole(home, &at, file).await?,
            _ => self.upload_parts(home, &at, file).await?,
        };
        let there = self.patiently(|| self.bucket.object(&home.site, &at)).await?;
        if there.as_ref().is_some_and(|there| is_it(there, file)) {
            return Ok(sent);
        }
        Err(Error::Different {
            version: release.version().to_owned(),
            file: format!("s3://{}/{}", at.bucket, at.key),
            found: there.map_or_else(
                || "missing".to_owned(),
                |there| there.sha256.unwrap_or_else(|| there.size.to_string()),
            ),
            expected: checksum(file),
        })
    }

    fn told(&self, home: &Home, file: &Payload, done: u64) {
        let (file, of) = (file.attachment.name.clone(), file.attachment.bytes);
        self.tell(home, Step::Uploading { file, done, of });
    }

    async fn upload_whole(&self, home: &Home, at: &Location, file: &Payload) -> Result<u64, Error> {
        let _slot = self.slots.acquire().await.expect("the slots are never closed");
        let bytes = if file.parts.is_empty() { Vec::new() } else { file.part(1)? };
        let (sent, sha256) = (bytes.len() as u64, checksum(file));
        self.patiently(|| self.bucket.put_object(&home.site, at, bytes.clone(), &sha256)).await?;
        self.told(home, file, sent);
        Ok(sent)
    }

    async fn upload_parts(&self, home: &Home, at: &Location, file: &Payload) -> Result<u64, Error> {
        let (upload, mut parts) = self.begun(home, at, file).await?;
        let (there, sent) = (AtomicU64::new(parts.values().map(|part| part.size).sum()), AtomicU64::new(0));
        self.told(home, file, there.load(Ordering::Relaxed));
        let numbers = (1..=file.parts.len() as u32).filter(|number| !parts.contains_key(number));
        let (upload, there, sent_bytes) = (&upload, &there, &sent);
        let put = |number: u32| async move {
            let part = self.upload_part(home, at, upload, file, number).await?;
            sent_bytes.fetch_add(part.size, Ordering::Relaxed);
            self.told(home, file, there.fetch_add(part.size, Ordering::Relaxed) + part.size);
            Ok::<Part, Error>(part)
        };
        let numbers: Vec<u32> = numbers.collect();
        let fresh: Vec<Part> =
            stream::iter(numbers).map(put).buffer_unordered(PARTS_OF_A_FILE).try_collect().await?;
        parts.extend(fresh.into_iter().map(|part| (part.number, part)));
        let parts: Vec<Part> = parts.into_values().collect();
        let ended = self.patiently(|| self.bucket.end_upload(&home.site, at, upload, &parts)).await;
        if let Err(failure) = ended {
            // The answer to an earlier call may have been lost: then the object is there and the upload is not.
            let there = self.patiently(|| self.bucket.object(&home.site, at)).await?;
            if !there.is_some_and(|there| is_it(&there, file)) {
                return Err(failure.into());
            }
        }
        self.forget(home, at).await;
        Ok(sent.load(Ordering::Relaxed))
    }

    /// The newest upload of the object that was begun and not ended, with the parts of it that are ours; else a new one.
    async fn begun(
        &self,
        home: &Home,
        at: &Location,
        file: &Payload,
    ) -> Result<(String, BTreeMap<u32, Part>), Error> {
        let mut uploads = self.patiently(|| self.bucket.uploads(&home.site, at)).await?;
        while let Some(upload) = uploads.pop() {
            // What cannot be gone on with is begun anew: bytes are cheaper than a publisher that is stuck.
            let Ok(Some(parts)) = self.bucket.parts(&home.site, at, &upload).await else { continue };
            let ours = parts.into_iter().filter(|part| is_part(part, file));
            return Ok((upload, ours.map(|part| (part.number, part)).collect()));
        }
        let upload = self.patiently(|| self.bucket.begin_upload(&home.site, at)).await?;
        Ok((upload, BTreeMap::new()))
    }

    async fn upload_part(
        &self,
        home: &Home,
        at: &Location,
        upload: &str,
        file: &Payload,
        number: u32,
    ) -> Result<Part, Error> {
        let _slot = self.slots.acquire().await.expect("the slots are never closed");
        let bytes = file.part(number)?;
        let sha256 = STANDARD.encode(file.parts[number as usize - 1]);
        let put = || self.bucket.put_part(&home.site, at, upload, number, bytes.clone(), &sha256);
        Ok(self.patiently(put).await?)
    }

    /// Uploads of the same object that nobody will go on with. Their parts cost money and nothing else: a failure is no reason to
    /// stop.
    async fn forget(&self, home: &Home, at: &Location) {
        for upload in self.bucket.uploads(&home.site, at).await.unwrap_or_default() {
            let _ = self.bucket.abort_upload(&home.site, at, &upload).await;
        }
    }
}

/// Where a version's files lie in the bucket: a folder of its own, because Systems Manager wants another address for every version.
pub(super) fn folder(home: &Home, release: &Release) -> String {
    let parts = [home.prefix.as_str(), &release.package, release.version()];
    parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("/")
}

/// What S3 says of the file: of a whole object its SHA-256; of parts the SHA-256 of theirs, and their number (Amazon S3 User Guide,
/// "Checking object integrity").
fn checksum(file: &Payload) -> String {
    match file.parts.as_slice() {
        [] => STANDARD.encode(Sha256::digest([])),
        [whole] => STANDARD.encode(whole),
        parts => format!("{}-{}", STANDARD.encode(Sha256::digest(parts.concat())), parts.len()),
    }
}

/// Whether an object is the file, as far as is said of it. S3 has held the bytes against their checksum when they came.
fn is_it(object: &Object, file: &Payload) -> bool {
    let expected = checksum(file);
    // Not every answer has the number of parts behind the checksum.
    let is_same =
        |there: &String| *there == expected || expected.split_once('-').is_some_and(|(sum, _)| there == sum);
    object.size == file.attachment.bytes && object.sha256.as_ref().is_none_or(is_same)
}

fn is_part(part: &Part, file: &Payload) -> bool {
    let Some(expected) = part.number.checked_sub(1).and_then(|at| file.parts.get(at as usize)) else {
        return false;
    };
    let begins = u64::from(part.number - 1) * file.part_bytes;
    part.size == file.part_bytes.min(file.attachment.bytes - begins)
        && part.sha256.as_deref() == Some(STANDARD.encode(expected).as_str())
}
