//! Who calls, read from the Signature Version 4 headers. The signature itself is not checked: nobody here keeps
//! secrets, and any client's dummy keys should work.

use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;

use crate::api::{ApiError, Caller, Service};

/// Reads `Authorization: AWS4-HMAC-SHA256 Credential=KEY/DATE/REGION/SERVICE/aws4_request, …`.
///
/// The scope must name the service that is called, as AWS demands: a client that signs for the wrong one is
/// misconfigured and would fail on AWS.
pub(super) fn caller(headers: &HeaderMap, service: Service) -> Result<Caller, ApiError> {
    let Some(authorization) = headers.get(AUTHORIZATION) else {
        return Err(ApiError::missing_authentication_token());
    };
    let scope = authorization
        .to_str()
        .ok()
        .and_then(|text| text.strip_prefix("AWS4-HMAC-SHA256"))
        .and_then(credential)
        .ok_or_else(|| {
            ApiError::incomplete_signature("Authorization header requires 'Credential' parameter.")
        })?;
    if scope.service != signing_name(service) {
        let message = format!("Credential should be scoped to correct service: '{}'.", signing_name(service));
        return Err(ApiError::client("InvalidSignatureException", message));
    }
    Ok(Caller {
        access_key_id: scope.access_key_id.to_owned(),
        session_token: headers.get("x-amz-security-token").and_then(|t| t.to_str().ok()).map(str::to_owned),
        region: scope.region.to_owned(),
    })
}

/// Who signed a URL: `X-Amz-Credential` and `X-Amz-Security-Token` of its query.
pub(super) fn presigned(credential_of_query: &str, token: Option<String>) -> Result<Caller, ApiError> {
    let parameters = format!("Credential={credential_of_query}");
    let scope = credential(&parameters).filter(|scope| scope.service == "s3").ok_or_else(|| {
        ApiError::client("AuthorizationQueryParametersError", "Error parsing the X-Amz-Credential parameter.")
    })?;
    Ok(Caller {
        access_key_id: scope.access_key_id.to_owned(),
        session_token: token,
        region: scope.region.to_owned(),
    })
}

fn signing_name(service: Service) -> &'static str {
    match service {
        Service::Ssm => "ssm",
        Service::CloudWatch => "monitoring",
        Service::Sts => "sts",
        Service::S3 => "s3",
        Service::Messages => "ec2messages",
        Service::Organizations => "organizations",
    }
}

struct Scope<'a> {
    access_key_id: &'a str,
    region: &'a str,
    service: &'a str,
}

fn credential(parameters: &str) -> Option<Scope<'_>> {
    let credential =
        parameters.split(',').find_map(|parameter| parameter.trim().strip_prefix("Credential="))?;
    // From the right: an access key id may hold a slash, the rest of the scope may not.
    let mut parts = credential.trim().rsplitn(5, '/');
    let (terminator, service, region) = (parts.next()?, parts.next()?, parts.next()?);
    let (_date, access_key_id) = (parts.next()?, parts.next()?);
    let complete = terminator == "aws4_request" && !region.is_empty() && !access_key_id.is_empty();
    complete.then_some(Scope { access_key_id, region, service })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(authorization: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(AUTHORIZATION, authorization.parse().expect("a header value"));
        headers
    }

    #[test]
    fn key_token_and_region_come_from_the_signed_headers() {
        let mut headers = headers(
            "AWS4-HMAC-SHA256 Credential=ASIAEXAMPLE/20260301/eu-west-1/ssm/aws4_request, \
             SignedHeaders=host;x-amz-date, Signature=00ff",
        );
        headers.insert("x-amz-security-token", "token".parse().expect("a header value"));
        assert_eq!(
            caller(&headers, Service::Ssm),
            Ok(Caller {
                access_key_id: "ASIAEXAMPLE".into(),
                session_token: Some("token".into()),
                region: "eu-west-1".into(),
            })
        );
    }

    #[test]
    fn unsigned_and_half_signed_requests_are_told_apart() {
        let code = |headers: &HeaderMap| caller(headers, Service::Ssm).expect_err("refused").code;
        assert_eq!(code(&HeaderMap::new()), "MissingAuthenticationTokenException");
        for half in
            ["Bearer abc", "AWS4-HMAC-SHA256 Signature=1", "AWS4-HMAC-SHA256 Credential=A/20260301/ssm"]
        {
            assert_eq!(code(&headers(half)), "IncompleteSignatureException", "{half}");
        }
    }

    #[test]
    fn a_signature_for_another_service_is_refused() {
        let headers =
            headers("AWS4-HMAC-SHA256 Credential=A/20260301/us-east-1/ssm/aws4_request, Signature=1");
        let error = caller(&headers, Service::CloudWatch).expect_err("refused");
        assert_eq!(error.code, "InvalidSignatureException");
        assert_eq!(
            error.message.as_deref(),
            Some("Credential should be scoped to correct service: 'monitoring'.")
        );
    }
}
