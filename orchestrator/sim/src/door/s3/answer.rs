//! Answers in S3's own form: headers, XML, bytes.

use axum::body::Body;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::response::Response as HttpResponse;

use super::Place;
use super::download::{self, Range};
use super::spool::Spool;
use super::upload::disk;
use super::xml::{Writer, iso};
use crate::api::s3::{self, ObjectFacts};
use crate::api::{ApiError, Timestamp};
use crate::content::Checksum;

/// What an answer may depend on beside the response.
pub(super) struct Asked<'a> {
    pub(super) method: &'a Method,
    pub(super) headers: &'a HeaderMap,
    pub(super) place: &'a Place,
}

/// The answer to a call that was carried out.
pub(super) fn success(
    response: s3::Response,
    asked: &Asked<'_>,
    spool: &Spool,
) -> Result<HttpResponse, ApiError> {
    use s3::Response as R;
    Ok(match response {
        R::CreateBucket(output) => with(StatusCode::OK, [("location", &*output.location)]),
        R::HeadBucket(output) => with(StatusCode::OK, [("x-amz-bucket-region", &*output.bucket_region)]),
        R::DeleteBucket(_) | R::AbortMultipartUpload(_) | R::PutBucketPolicy(_) => {
            empty(StatusCode::NO_CONTENT)
        }
        R::PutBucketVersioning(_) => empty(StatusCode::OK),
        R::GetBucketPolicy(output) => {
            let mut answer = HttpResponse::new(Body::from(output.policy));
            answer.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
            answer
        }
        R::PutObject(output) => {
            let mut answer = empty(StatusCode::OK);
            put_facts(&mut answer, &output.e_tag, output.version_id.as_deref(), &output.checksums);
            answer
        }
        R::UploadPart(output) => {
            let mut answer = empty(StatusCode::OK);
            put_facts(&mut answer, &output.e_tag, None, &output.checksums);
            answer
        }
        R::DeleteObject(output) => {
            let mut answer = empty(StatusCode::NO_CONTENT);
            set(&mut answer, "x-amz-version-id", output.version_id.as_deref());
            set(&mut answer, "x-amz-delete-marker", output.delete_marker.then_some("true"));
            answer
        }
        R::GetObject(output) => object(&output.object, asked, spool)?,
        R::HeadObject(output) => object(&output.object, asked, spool)?,
        document => xml(&document, asked.place),
    })
}

fn put_facts(answer: &mut HttpResponse, e_tag: &str, version: Option<&str>, checksums: &[Checksum]) {
    set(answer, "etag", Some(&format!("\"{e_tag}\"")));
    set(answer, "x-amz-version-id", version);
    for checksum in checksums {
        set(answer, &format!("x-amz-checksum-{}", checksum.algorithm), Some(&checksum.value));
    }
}

/// An object, or a range of it. The bytes are left out for `HeadObject`, not their length.
fn object(facts: &ObjectFacts, asked: &Asked<'_>, spool: &Spool) -> Result<HttpResponse, ApiError> {
    let size = facts.content.size;
    let asks = |name: &str| asked.headers.get(name).and_then(|value| value.to_str().ok());
    let is_same = |tags: &str| {
        tags.split(',')
            .any(|tag| matches!(tag.trim().trim_matches('"'), tag if tag == facts.e_tag || tag == "*"))
    };
    if asks("if-match").is_some_and(|tags| !is_same(tags)) {
        let message = "At least one of the pre-conditions you specified did not hold";
        return Err(ApiError::client("PreconditionFailed", message).with_status(412));
    }
    if asks("if-none-match").is_some_and(is_same) {
        return Ok(empty(StatusCode::NOT_MODIFIED));
    }
    let range = Range::read(asks("range"), size)?;
    let sent = range.unwrap_or(Range { start: 0, end: size });
    let body = if asked.method == Method::HEAD {
        Body::empty()
    } else {
        download::body(spool, &facts.content, sent).map_err(|error| disk(&error))?
    };
    let mut answer = HttpResponse::new(body);
    // A checksum of the whole says nothing of a part.
    let shows = range.is_none()
        && asks("x-amz-checksum-mode").is_some_and(|mode| mode.eq_ignore_ascii_case("enabled"));
    let checksums = if shows { facts.content.checksums.as_slice() } else { &[] };
    put_facts(&mut answer, &facts.e_tag, facts.version_id.as_deref(), checksums);
    if range.is_some() {
        *answer.status_mut() = StatusCode::PARTIAL_CONTENT;
        let text = format!("bytes {}-{}/{size}", sent.start, sent.end - 1);
        set(&mut answer, "content-range", Some(&text));
    }
    set(&mut answer, "content-length", Some(&(sent.end - sent.start).to_string()));
    set(&mut answer, "accept-ranges", Some("bytes"));
    set(&mut answer, "last-modified", Some(&http_date(facts.last_modified)));
    set(&mut answer, "content-type", facts.content_type.as_deref().or(Some("binary/octet-stream")));
    set(&mut answer, "x-amz-mp-parts-count", facts.parts_count.map(|count| count.to_string()).as_deref());
    for (name, value) in &facts.metadata {
        set(&mut answer, &format!("x-amz-meta-{name}"), Some(value));
    }
    Ok(answer)
}

/// Answers that are documents.
fn xml(response: &s3::Response, place: &Place) -> HttpResponse {
    use s3::Response as R;
    let body = match response {
        R::GetBucketLocation(output) => {
            let mut xml = Writer::new("LocationConstraint");
            if let Some(region) = &output.location_constraint {
                xml.content(region);
            }
            xml.end("LocationConstraint")
        }
        R::ListBuckets(output) => buckets(output),
        R::GetBucketVersioning(output) => {
            let mut xml = Writer::new("VersioningConfiguration");
            if let Some(enabled) = output.enabled {
                xml.text("Status", if enabled { "Enabled" } else { "Suspended" });
            }
            xml.end("VersioningConfiguration")
        }
        R::ListObjectsV2(output) => objects(output, place),
        R::CreateMultipartUpload(output) => {
            let mut xml = Writer::new("InitiateMultipartUploadResult");
            xml.text("Bucket", &place.bucket).text("Key", &place.key).text("UploadId", &output.upload_id);
            xml.end("InitiateMultipartUploadResult")
        }
        R::CompleteMultipartUpload(output) => {
            let mut xml = Writer::new("CompleteMultipartUploadResult");
            xml.text("Location", &format!("/{}/{}", place.bucket, place.key));
            xml.text("Bucket", &place.bucket).text("Key", &place.key);
            xml.text("ETag", &format!("\"{}\"", output.e_tag));
            checksums(&mut xml, &output.checksums);
            xml.end("CompleteMultipartUploadResult")
        }
        R::ListParts(output) => parts(output, place),
        R::ListMultipartUploads(output) => uploads(output, place),
        _ => Vec::new(),
    };
    let mut answer = HttpResponse::new(Body::from(body));
    answer.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/xml"));
    if let R::CompleteMultipartUpload(output) = response {
        set(&mut answer, "x-amz-version-id", output.version_id.as_deref());
    }
    answer
}

fn buckets(output: &s3::ListBucketsOutput) -> Vec<u8> {
    let mut xml = Writer::new("ListAllMyBucketsResult");
    xml.nested("Owner", |xml| {
        xml.text("ID", &output.owner);
    });
    xml.nested("Buckets", |xml| {
        for (name, created) in &output.buckets {
            xml.nested("Bucket", |xml| {
                xml.text("Name", name).text("CreationDate", &iso(*created));
            });
        }
    });
    xml.end("ListAllMyBucketsResult")
}

fn objects(output: &s3::ListObjectsV2Output, place: &Place) -> Vec<u8> {
    let mut xml = Writer::new("ListBucketResult");
    // Only on request, because clients that did not ask would take the percent signs for part of the key.
    let is_encoded = place.asks("encoding-type").as_deref() == Some("url");
    let shown = |text: &str| if is_encoded { encoded(text) } else { text.to_owned() };
    xml.text("Name", &place.bucket).text("Prefix", &shown(&place.asks("prefix").unwrap_or_default()));
    if let Some(delimiter) = place.asks("delimiter") {
        xml.text("Delimiter", &shown(&delimiter));
    }
    if is_encoded {
        xml.text("EncodingType", "url");
    }
    xml.value("KeyCount", output.contents.len() + output.common_prefixes.len());
    xml.value("MaxKeys", output.max_keys).value("IsTruncated", output.next_continuation_token.is_some());
    if let Some(token) = place.asks("continuation-token") {
        xml.text("ContinuationToken", &token);
    }
    if let Some(token) = &output.next_continuation_token {
        xml.text("NextContinuationToken", token);
    }
    for object in &output.contents {
        xml.nested("Contents", |xml| {
            xml.text("Key", &shown(&object.key)).text("LastModified", &iso(object.last_modified));
            xml.text("ETag", &format!("\"{}\"", object.e_tag)).value("Size", object.size);
            xml.text("StorageClass", "STANDARD");
        });
    }
    for prefix in &output.common_prefixes {
        xml.nested("CommonPrefixes", |xml| {
            xml.text("Prefix", &shown(prefix));
        });
    }
    xml.end("ListBucketResult")
}

fn parts(output: &s3::ListPartsOutput, place: &Place) -> Vec<u8> {
    let mut xml = Writer::new("ListPartsResult");
    xml.text("Bucket", &place.bucket).text("Key", &place.key);
    xml.text("UploadId", &place.asks("uploadId").unwrap_or_default());
    if let Some(next) = output.next_part_number_marker {
        xml.value("NextPartNumberMarker", next);
    }
    xml.value("MaxParts", output.max_parts).value("IsTruncated", output.next_part_number_marker.is_some());
    for part in &output.parts {
        xml.nested("Part", |xml| {
            xml.value("PartNumber", part.part_number).text("LastModified", &iso(part.last_modified));
            xml.text("ETag", &format!("\"{}\"", part.e_tag)).value("Size", part.size);
            checksums(xml, &part.checksums);
        });
    }
    xml.end("ListPartsResult")
}

fn uploads(output: &s3::ListMultipartUploadsOutput, place: &Place) -> Vec<u8> {
    let mut xml = Writer::new("ListMultipartUploadsResult");
    xml.text("Bucket", &place.bucket).value("MaxUploads", 1000).value("IsTruncated", false);
    for upload in &output.uploads {
        xml.nested("Upload", |xml| {
            xml.text("Key", &upload.key).text("UploadId", &upload.upload_id);
            xml.text("Initiated", &iso(upload.initiated)).text("StorageClass", "STANDARD");
        });
    }
    xml.end("ListMultipartUploadsResult")
}

fn checksums(xml: &mut Writer, checksums: &[Checksum]) {
    for checksum in checksums {
        xml.text(&format!("Checksum{}", checksum.algorithm.to_uppercase()), &checksum.value);
    }
}

/// The answer to a call that was refused. Codes of the other services get the names S3 has for the same.
pub(super) fn error(error: &ApiError, place: &Place, request_id: &str) -> HttpResponse {
    let (status, code) = match &*error.code {
        "ThrottlingException" => (503, "SlowDown"),
        "AccessDeniedException" | "MissingAuthenticationTokenException" => (403, "AccessDenied"),
        "InvalidSignatureException" => (403, "SignatureDoesNotMatch"),
        "UnrecognizedClientException" => (403, "InvalidAccessKeyId"),
        "ExpiredTokenException" => (400, "ExpiredToken"),
        "IncompleteSignatureException" => (400, "AuthorizationHeaderMalformed"),
        "UnknownOperationException" => (501, "NotImplemented"),
        code => (error.http_status, code),
    };
    let message = error.message.as_deref().unwrap_or_default();
    let region = message.split_once("; expecting '").map(|(_, region)| region.trim_end_matches('\''));
    let mut xml = Writer::plain("Error");
    xml.text("Code", code).text("Message", message);
    if let Some(region) = region {
        xml.text("Region", region);
    }
    xml.text("Resource", &format!("/{}/{}", place.bucket, place.key)).text("RequestId", request_id);
    let mut answer = HttpResponse::new(Body::from(xml.end("Error")));
    *answer.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    answer.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/xml"));
    set(&mut answer, "x-amz-bucket-region", region);
    answer
}

fn empty(status: StatusCode) -> HttpResponse {
    with(status, [])
}

fn with<const N: usize>(status: StatusCode, headers: [(&str, &str); N]) -> HttpResponse {
    let mut answer = HttpResponse::new(Body::empty());
    *answer.status_mut() = status;
    for (name, value) in headers {
        set(&mut answer, name, Some(value));
    }
    answer
}

/// Sets a header; a value that no header can have is left out.
pub(super) fn set(answer: &mut HttpResponse, name: &str, value: Option<&str>) {
    let name = HeaderName::from_bytes(name.as_bytes());
    if let (Ok(name), Some(Ok(value))) = (name, value.map(HeaderValue::from_str)) {
        answer.headers_mut().insert(name, value);
    }
}

/// A moment as HTTP headers have it.
fn http_date(at: Timestamp) -> String {
    let at = jiff::Timestamp::from_millisecond(at.as_millis()).unwrap_or_default();
    at.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()
}

/// A key as it is listed for clients that ask for encoded ones.
fn encoded(text: &str) -> String {
    use std::fmt::Write as _;
    text.bytes().fold(String::new(), |mut encoded, byte| {
        if byte.is_ascii_alphanumeric() || b"-_.~/".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            // Writing to a String cannot fail.
            let _ = write!(encoded, "%{byte:02X}");
        }
        encoded
    })
}
