//! S3 on the door: REST with XML, bodies of any length, and URLs that are signed in their query.
//!
//! The bytes are kept here, on disk ([`spool`]); the world is told what they are. Unlike the other services' calls,
//! an upload is read before the world is asked, so that what was received is what the world speaks of.

mod answer;
mod checksum;
mod chunked;
pub(super) mod download;
mod request;
pub(super) mod spool;
mod upload;
mod xml;

use std::sync::Arc;

use axum::body::Body;
use axum::http::request::Parts;
use axum::http::{HeaderMap, Uri, header};
use axum::response::Response as HttpResponse;

use super::{Backend, CutSwitch, Door, garbled, hang, protocol, signature, unavailable};
use crate::api::{ApiError, Caller, Delivery, Reply, Request, Response, Service, s3};
use crate::clock::WorldTime;
use answer::Asked;
use request::Place;

/// Whether a request is for S3: its signature says so, in a header or in the query.
pub(super) fn is_meant(uri: &Uri, headers: &HeaderMap) -> bool {
    let signed = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let query = uri.query().unwrap_or_default().to_lowercase();
    signed.is_some_and(|signed| signed.contains("/s3/aws4_request"))
        || query.contains("%2fs3%2faws4_request")
        || query.contains("/s3/aws4_request")
}

/// Answers a request to S3.
pub(super) async fn call<B: Backend>(
    door: &Arc<Door<B>>,
    connection: &CutSwitch,
    head: &Parts,
    body: Body,
    request_id: &str,
) -> HttpResponse {
    let Some(place) = Place::read(&head.uri, &head.headers) else {
        let error = ApiError::client("InvalidURI", "Couldn't parse the specified URI.");
        return answer::error(&error, &Place::default(), request_id);
    };
    let mut response = match carry_out(door, &place, head, body).await {
        Err(error) => answer::error(&error, &place, request_id),
        Ok(reply) => {
            match reply.delivery {
                Delivery::Arrives => {}
                Delivery::Dropped => connection.cut(),
                Delivery::Garbled => return garbled(protocol::Protocol::Query, request_id),
                Delivery::Unavailable => return unavailable(),
                Delivery::Hangs => hang(door.closing.clone()).await,
            }
            let asked = Asked { method: &head.method, headers: &head.headers, place: &place };
            let answer = reply.result.and_then(|response| match response {
                Response::S3(response) => answer::success(response, &asked, &door.spool),
                _ => Err(ApiError::unknown_operation()),
            });
            answer.unwrap_or_else(|error| answer::error(&error, &place, request_id))
        }
    };
    answer::set(&mut response, "x-amz-request-id", Some(request_id));
    response
}

async fn carry_out<B: Backend>(
    door: &Arc<Door<B>>,
    place: &Place,
    head: &Parts,
    body: Body,
) -> Result<Reply, ApiError> {
    let caller = caller(door, place, &head.headers)?;
    let request = match place.bodiless(&head.method)? {
        Some(request) => request,
        None => with_body(door, place, head, body).await?,
    };
    Ok(door.with(|world| world.call(&caller, request)))
}

/// Who calls: by the header, or by the query of a URL that somebody signed for others.
fn caller<B: Backend>(door: &Door<B>, place: &Place, headers: &HeaderMap) -> Result<Caller, ApiError> {
    if headers.contains_key(header::AUTHORIZATION) {
        return signature::caller(headers, Service::S3);
    }
    let malformed = || {
        ApiError::client("AuthorizationQueryParametersError", "The query does not hold a whole signature.")
    };
    let asked = |name: &str| place.asks(name).ok_or_else(malformed);
    let caller = signature::presigned(&asked("X-Amz-Credential")?, place.asks("X-Amz-Security-Token"))?;
    asked("X-Amz-Signature")?;
    let signed = WorldTime::parse_basic(&asked("X-Amz-Date")?).ok_or_else(malformed)?;
    let expires: i64 = asked("X-Amz-Expires")?.parse().map_err(|_| malformed())?;
    // Callers sign by their own clock; the time for which it holds passes in the world's.
    let (then, now) = (door.world_millis_at(signed.epoch_seconds()), door.with(|world| world.now_millis()));
    if !(1..=604_800).contains(&expires) || now.saturating_sub(then) > expires.saturating_mul(1000) {
        return Err(ApiError::client("AccessDenied", "Request has expired").with_status(403));
    }
    Ok(caller)
}

/// Requests whose input is, or is in, their body.
async fn with_body<B: Backend>(
    door: &Arc<Door<B>>,
    place: &Place,
    head: &Parts,
    body: Body,
) -> Result<Request, ApiError> {
    let headers = &head.headers;
    let (bucket, key) = (place.bucket.clone(), place.key.clone());
    let if_none_match = headers.get(header::IF_NONE_MATCH).is_some_and(|value| value == "*");
    let (content_type, metadata) = request::described(headers);
    let is_put = head.method == "PUT";
    if key.is_empty() {
        let text = small(body).await?;
        return if is_put { place.of_bucket(&text) } else { Err(upload::not_implemented()) };
    }
    if is_put && headers.contains_key("x-amz-copy-source") {
        return Err(upload::not_implemented());
    }
    if is_put && let Some((part_number, upload_id)) = place.part() {
        let content = upload::receive(&door.spool, headers, body).await?;
        return Ok(s3::UploadPartInput { bucket, key, upload_id, part_number, content }.into());
    }
    if is_put && place.query.keys().all(|name| name == "x-id" || name.starts_with("X-Amz-")) {
        let content = upload::receive(&door.spool, headers, body).await?;
        let input = s3::PutObjectInput { bucket, key, content, content_type, metadata, if_none_match };
        return Ok(input.into());
    }
    if !is_put && place.query.contains_key("uploads") {
        return Ok(s3::CreateMultipartUploadInput { bucket, key, content_type, metadata }.into());
    }
    let upload_id = place.asks("uploadId").filter(|_| !is_put).ok_or_else(upload::not_implemented)?;
    let parts = parts_of(&small(body).await?)?;
    let numbers: Vec<i32> = parts.iter().map(|(number, _)| *number).collect();
    let content = joined(door, &bucket, &upload_id, &numbers, headers).await?;
    Ok(s3::CompleteMultipartUploadInput { bucket, key, upload_id, parts, content, if_none_match }.into())
}

/// What is known of the parts together. Reading a gigabyte takes seconds, in which other calls go on.
async fn joined<B: Backend>(
    door: &Arc<Door<B>>,
    bucket: &str,
    upload_id: &str,
    numbers: &[i32],
    headers: &HeaderMap,
) -> Result<crate::content::Content, ApiError> {
    let facts = door.with(|world| world.parts(bucket, upload_id, numbers));
    let (door, headers) = (Arc::clone(door), headers.clone());
    let read = tokio::task::spawn_blocking(move || upload::join(&door.spool, &facts, &headers));
    read.await.map_err(|error| ApiError::server("InternalError", error.to_string()))?
}

fn parts_of(body: &str) -> Result<Vec<(i32, String)>, ApiError> {
    let part =
        |part: &str| Some((xml::text_of(part, "PartNumber")?.parse().ok()?, xml::text_of(part, "ETag")?));
    let parts: Option<Vec<_>> = xml::inside(body, "Part").into_iter().map(part).collect();
    parts.ok_or_else(|| ApiError::client("MalformedXML", "The XML you provided was not well-formed"))
}

async fn small(body: Body) -> Result<String, ApiError> {
    let bytes = axum::body::to_bytes(body, protocol::MAX_BODY_BYTES as usize).await;
    let bytes = bytes.map_err(|_| upload::incomplete())?;
    String::from_utf8(bytes.to_vec())
        .map_err(|_| ApiError::client("MalformedXML", "The XML you provided was not well-formed"))
}

#[cfg(test)]
mod tests;
