//! Objects of S3.

use crate::Aws;
use crate::classify::{self, Effect};
use crate::page::Pages;
use crate::site::Reach;
use async_trait::async_trait;
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{ChecksumAlgorithm, ChecksumMode, CompletedMultipartUpload, CompletedPart};
use wavetrain_model::fleet::Site;
use wavetrain_ports::bucket::{Bucket, Location, Object, Part};
use wavetrain_ports::failure::{Class, Failure};

#[async_trait]
impl Bucket for Aws {
    async fn object(&self, site: &Site, at: &Location) -> Result<Option<Object>, Failure> {
        self.at(site, |reach| async move {
            let call = reach.s3().head_object().bucket(&at.bucket).key(&at.key);
            let call = call.checksum_mode(ChecksumMode::Enabled);
            match reach.settle("HeadObject", Effect::Read, call.send().await) {
                Err(failure) if failure.class == Class::NotFound => Ok(None),
                head => head.map(|head| {
                    let bytes = u64::try_from(head.content_length().unwrap_or_default()).unwrap_or_default();
                    Some(Object { size: bytes, sha256: head.checksum_sha256().map(str::to_owned) })
                }),
            }
        })
        .await
    }

    async fn put_object(
        &self,
        site: &Site,
        at: &Location,
        bytes: Vec<u8>,
        sha256: &str,
    ) -> Result<(), Failure> {
        let reach = self.sites.reach(site).await?;
        let call = reach.s3().put_object().bucket(&at.bucket).key(&at.key);
        let call = call.checksum_sha256(sha256).body(ByteStream::from(bytes));
        reach.settle("PutObject", Effect::Read, call.send().await).map(|_| ())
    }

    async fn uploads(&self, site: &Site, at: &Location) -> Result<Vec<String>, Failure> {
        self.at(site, |reach| async move { uploads(&reach, at).await }).await
    }

    async fn begin_upload(&self, site: &Site, at: &Location) -> Result<String, Failure> {
        const OPERATION: &str = "CreateMultipartUpload";
        self.at(site, |reach| async move {
            let call = reach.s3().create_multipart_upload().bucket(&at.bucket).key(&at.key);
            let call = call.checksum_algorithm(ChecksumAlgorithm::Sha256);
            let begun = reach.settle(OPERATION, Effect::Read, call.send().await)?;
            let id = begun.upload_id().map(str::to_owned);
            id.ok_or_else(|| classify::nonsense(OPERATION, Effect::Read, "the answer names no upload"))
        })
        .await
    }

    async fn parts(&self, site: &Site, at: &Location, upload: &str) -> Result<Option<Vec<Part>>, Failure> {
        self.at(site, |reach| async move { parts(&reach, at, upload).await }).await
    }

    async fn put_part(
        &self,
        site: &Site,
        at: &Location,
        upload: &str,
        number: u32,
        bytes: Vec<u8>,
        sha256: &str,
    ) -> Result<Part, Failure> {
        const OPERATION: &str = "UploadPart";
        let reach = self.sites.reach(site).await?;
        let length = bytes.len() as u64;
        let call = reach.s3().upload_part().bucket(&at.bucket).key(&at.key).upload_id(upload);
        let call = call.part_number(i32::try_from(number).unwrap_or(i32::MAX)).checksum_sha256(sha256);
        let call = call.body(ByteStream::from(bytes));
        let done = reach.settle(OPERATION, Effect::Read, call.send().await)?;
        let tag = done.e_tag().map(str::to_owned);
        let tag = tag.ok_or_else(|| classify::nonsense(OPERATION, Effect::Read, "the answer has no ETag"))?;
        Ok(Part { number, size: length, tag, sha256: Some(sha256.to_owned()) })
    }

    async fn end_upload(
        &self,
        site: &Site,
        at: &Location,
        upload: &str,
        parts: &[Part],
    ) -> Result<(), Failure> {
        let part = |part: &Part| {
            CompletedPart::builder()
                .part_number(i32::try_from(part.number).unwrap_or(i32::MAX))
                .e_tag(&part.tag)
                .set_checksum_sha256(part.sha256.clone())
                .build()
        };
        let parts: Vec<CompletedPart> = parts.iter().map(part).collect();
        let whole = CompletedMultipartUpload::builder().set_parts(Some(parts)).build();
        self.at(site, |reach| {
            let call = reach.s3().complete_multipart_upload().bucket(&at.bucket).key(&at.key).upload_id(upload);
            let call = call.multipart_upload(whole.clone());
            async move { reach.settle("CompleteMultipartUpload", Effect::Read, call.send().await).map(|_| ()) }
        })
        .await
    }

    async fn abort_upload(&self, site: &Site, at: &Location, upload: &str) -> Result<(), Failure> {
        self.at(site, |reach| async move {
            let call = reach.s3().abort_multipart_upload().bucket(&at.bucket).key(&at.key).upload_id(upload);
            match reach.settle("AbortMultipartUpload", Effect::Read, call.send().await) {
                Err(failure) if failure.class == Class::NotFound => Ok(()),
                done => done.map(|_| ()),
            }
        })
        .await
    }
}

async fn uploads(reach: &Reach, at: &Location) -> Result<Vec<String>, Failure> {
    const OPERATION: &str = "ListMultipartUploads";
    let mut pages = Pages::of(OPERATION);
    let mut found = Vec::new();
    let mut upload_marker: Option<String> = None;
    loop {
        let call = reach.s3().list_multipart_uploads().bucket(&at.bucket).prefix(&at.key);
        let call = call.set_key_marker(pages.token()).set_upload_id_marker(upload_marker.take());
        let page = reach.settle(OPERATION, Effect::Read, call.send().await)?;
        for upload in page.uploads().iter().filter(|upload| upload.key() == Some(at.key.as_str())) {
            let Some(id) = upload.upload_id() else { continue };
            let begun = upload.initiated().and_then(|at| at.to_millis().ok()).unwrap_or_default();
            found.push((begun, id.to_owned()));
        }
        upload_marker = page.next_upload_id_marker().map(str::to_owned);
        let is_whole = !page.is_truncated().unwrap_or_default();
        if is_whole || !pages.turn(page.next_key_marker())? {
            found.sort();
            return Ok(found.into_iter().map(|(_, id)| id).collect());
        }
    }
}

async fn parts(reach: &Reach, at: &Location, upload: &str) -> Result<Option<Vec<Part>>, Failure> {
    const OPERATION: &str = "ListParts";
    let mut pages = Pages::of(OPERATION);
    let mut found = Vec::new();
    loop {
        let call = reach.s3().list_parts().bucket(&at.bucket).key(&at.key).upload_id(upload);
        let result = call.set_part_number_marker(pages.token()).send().await;
        let page = match reach.settle(OPERATION, Effect::Read, result) {
            Err(failure) if failure.class == Class::NotFound => return Ok(None),
            page => page?,
        };
        found.extend(page.parts().iter().filter_map(|part| {
            Some(Part {
                number: part.part_number().and_then(|number| u32::try_from(number).ok())?,
                size: part.size().and_then(|size| u64::try_from(size).ok())?,
                tag: part.e_tag()?.to_owned(),
                sha256: part.checksum_sha256().map(str::to_owned),
            })
        }));
        if !page.is_truncated().unwrap_or_default() || !pages.turn(page.next_part_number_marker())? {
            return Ok(Some(found));
        }
    }
}
