//! Which operation of S3 a request is: method, bucket and key of its path, and words of its query.

use std::collections::BTreeMap;

use axum::http::{HeaderMap, Method, Uri, header};

use super::upload::not_implemented;
use super::xml::text_of;
use crate::api::{ApiError, Request, s3};

/// Prefix of headers with metadata.
const METADATA: &str = "x-amz-meta-";

/// Where a request goes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) bucket: String,
    pub(super) key: String,
    pub(super) query: BTreeMap<String, String>,
}

impl Place {
    /// Reads path or host, and query. `None` when they are not well encoded.
    pub(super) fn read(uri: &Uri, headers: &HeaderMap) -> Option<Self> {
        let path = uri.path().strip_prefix('/').unwrap_or_default();
        let (bucket, key) = if let Some(bucket) = bucket_of_host(headers) {
            (bucket, decoded(path, false)?)
        } else {
            let (bucket, key) = path.split_once('/').unwrap_or((path, ""));
            (decoded(bucket, false)?, decoded(key, false)?)
        };
        let pairs = uri.query().unwrap_or_default().split('&').filter(|pair| !pair.is_empty());
        let query = pairs
            .map(|pair| {
                let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
                Some((decoded(name, true)?, decoded(value, true)?))
            })
            .collect::<Option<_>>()?;
        Some(Self { bucket, key, query })
    }

    pub(super) fn asks(&self, name: &str) -> Option<String> {
        self.query.get(name).cloned()
    }

    fn number(&self, name: &str) -> Option<i32> {
        self.query.get(name)?.parse().ok()
    }

    /// The request, unless it has a body.
    pub(super) fn bodiless(&self, method: &Method) -> Result<Option<Request>, ApiError> {
        let has = |name: &str| self.query.contains_key(name);
        let bucket = self.bucket.clone();
        Ok(Some(match (method.as_str(), bucket.is_empty(), self.key.is_empty()) {
            ("GET", true, _) => s3::ListBucketsInput {}.into(),
            ("HEAD", false, true) => s3::HeadBucketInput { bucket }.into(),
            ("DELETE", false, true) if self.is_plain() => s3::DeleteBucketInput { bucket }.into(),
            ("GET", false, true) if has("location") => s3::GetBucketLocationInput { bucket }.into(),
            ("GET", false, true) if has("versioning") => s3::GetBucketVersioningInput { bucket }.into(),
            ("GET", false, true) if has("policy") => s3::GetBucketPolicyInput { bucket }.into(),
            ("GET", false, true) if has("uploads") => {
                let prefix = self.asks("prefix").unwrap_or_default();
                s3::ListMultipartUploadsInput { bucket, prefix }.into()
            }
            ("GET", false, true) if self.asks("list-type").as_deref() == Some("2") => {
                s3::ListObjectsV2Input {
                    bucket,
                    prefix: self.asks("prefix").unwrap_or_default(),
                    delimiter: self.asks("delimiter"),
                    max_keys: self.number("max-keys"),
                    continuation_token: self.asks("continuation-token"),
                    start_after: self.asks("start-after"),
                }
                .into()
            }
            ("GET" | "HEAD" | "DELETE", false, false) => self.of_object(method)?,
            ("PUT" | "POST", false, _) => return Ok(None),
            _ => return Err(not_implemented()),
        }))
    }

    /// Nothing in the query but what signs it or names the operation to whoever reads logs.
    fn is_plain(&self) -> bool {
        self.query.keys().all(|name| name == "x-id" || name.to_lowercase().starts_with("x-amz-"))
    }

    fn of_object(&self, method: &Method) -> Result<Request, ApiError> {
        let (bucket, key) = (self.bucket.clone(), self.key.clone());
        let (upload_id, version_id) = (self.asks("uploadId"), self.asks("versionId"));
        let known = ["uploadId", "versionId", "max-parts", "part-number-marker"];
        let rest = Self { query: self.query.clone(), ..Self::default() };
        if !rest.query.keys().all(|name| {
            known.contains(&name.as_str())
                || name.starts_with("response-")
                || name == "x-id"
                || name.to_lowercase().starts_with("x-amz-")
        }) {
            return Err(not_implemented());
        }
        Ok(match (method.as_str(), upload_id) {
            ("GET", Some(upload_id)) => s3::ListPartsInput {
                bucket,
                key,
                upload_id,
                max_parts: self.number("max-parts"),
                part_number_marker: self.number("part-number-marker"),
            }
            .into(),
            ("GET", None) => s3::GetObjectInput { bucket, key, version_id }.into(),
            ("DELETE", Some(upload_id)) => s3::AbortMultipartUploadInput { bucket, key, upload_id }.into(),
            ("DELETE", None) => s3::DeleteObjectInput { bucket, key, version_id }.into(),
            _ => s3::HeadObjectInput { bucket, key, version_id }.into(),
        })
    }

    /// The upload's number of a part and id, if it is one of a part.
    pub(super) fn part(&self) -> Option<(i32, String)> {
        Some((self.number("partNumber")?, self.asks("uploadId")?))
    }

    /// A request to a bucket with a body that is a document.
    pub(super) fn of_bucket(&self, body: &str) -> Result<Request, ApiError> {
        let bucket = self.bucket.clone();
        if self.query.contains_key("versioning") {
            let enabled = text_of(body, "Status").as_deref() == Some("Enabled");
            return Ok(s3::PutBucketVersioningInput { bucket, enabled }.into());
        }
        if self.query.contains_key("policy") {
            return Ok(s3::PutBucketPolicyInput { bucket, policy: body.to_owned() }.into());
        }
        if !self.is_plain() {
            return Err(not_implemented());
        }
        let location_constraint = text_of(body, "LocationConstraint").filter(|name| !name.is_empty());
        Ok(s3::CreateBucketInput { bucket, location_constraint }.into())
    }
}

/// `Content-Type` and metadata of an object about to be put.
pub(super) fn described(headers: &HeaderMap) -> (Option<String>, BTreeMap<String, String>) {
    let text = |value: &axum::http::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    let metadata = headers
        .iter()
        .filter_map(|(name, value)| Some((name.as_str().strip_prefix(METADATA)?.to_owned(), text(value))));
    (headers.get(header::CONTENT_TYPE).map(text), metadata.collect())
}

/// The bucket of a virtual host, such as `bucket.s3.localhost`. Addresses in numbers have none.
fn bucket_of_host(headers: &HeaderMap) -> Option<String> {
    let host = headers.get(header::HOST)?.to_str().ok()?;
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
    let bucket = name.strip_suffix(".localhost")?;
    let bucket = bucket.strip_suffix(".s3").unwrap_or(bucket);
    (!bucket.is_empty() && bucket != "s3").then(|| bucket.to_owned())
}

/// Takes percent signs off. In a path, unlike in a form, a plus is a plus.
fn decoded(text: &str, is_form: bool) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' if is_form => b' ',
            b'%' => {
                let mut digit = || rest.next().and_then(|digit| char::from(digit).to_digit(16));
                let (high, low) = (digit()?, digit()?);
                (high * 16 + low) as u8
            }
            byte => byte,
        });
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(uri: &str, host: &str) -> Place {
        let headers = HeaderMap::from_iter([(header::HOST, host.parse().expect("a header value"))]);
        Place::read(&uri.parse().expect("a path"), &headers).expect("well encoded")
    }

    #[test]
    fn bucket_and_key_come_from_the_path_or_the_host() {
        let by_path = place("/tools/a%20b+c/d.zip?x-id=GetObject", "127.0.0.1:4711");
        assert_eq!((&*by_path.bucket, &*by_path.key), ("tools", "a b+c/d.zip"));
        let by_host = place("/a/d.zip", "tools.s3.localhost:4711");
        assert_eq!((&*by_host.bucket, &*by_host.key), ("tools", "a/d.zip"));
        assert!(Place::read(&"/a%ff".parse().expect("a path"), &HeaderMap::new()).is_none());
    }

    #[test]
    fn operations_are_told_apart_by_method_and_query() {
        let named = |method: Method, uri: &str| {
            place(uri, "127.0.0.1")
                .bodiless(&method)
                .map(|request| request.map(|request| request.operation()))
        };
        for (method, uri, operation) in [
            (Method::GET, "/", "ListBuckets"),
            (Method::HEAD, "/b", "HeadBucket"),
            (Method::GET, "/b?list-type=2&prefix=a", "ListObjectsV2"),
            (Method::GET, "/b?uploads", "ListMultipartUploads"),
            (Method::GET, "/b/k", "GetObject"),
            (Method::GET, "/b/k?uploadId=u", "ListParts"),
            (Method::HEAD, "/b/k", "HeadObject"),
            (Method::DELETE, "/b/k?uploadId=u", "AbortMultipartUpload"),
            (Method::DELETE, "/b/k", "DeleteObject"),
        ] {
            assert_eq!(named(method, uri), Ok(Some(operation)), "{uri}");
        }
        for (method, uri) in
            [(Method::GET, "/b?acl"), (Method::GET, "/b/k?tagging"), (Method::DELETE, "/b?policy")]
        {
            assert_eq!(named(method, uri).expect_err("refused").code, "NotImplemented", "{uri}");
        }
    }
}
