//! AWS Query, as STS speaks it: a form in, XML out.

use std::borrow::Cow;
use std::collections::BTreeMap;

use crate::api::{ApiError, Fault, sts};
use crate::clock::WorldTime;

const NAMESPACE: &str = "https://sts.amazonaws.com/doc/2011-06-15/";

/// Reads a form's `Action` and its input.
pub(super) fn read(body: &[u8]) -> Result<sts::Request, ApiError> {
    let mut form = fields(body)?;
    let action = form.remove("Action").unwrap_or_default();
    match action.as_str() {
        "AssumeRole" => {
            let duration = form.remove("DurationSeconds").map(|text| text.parse());
            let duration_seconds = duration
                .transpose()
                .map_err(|_| ApiError::client("MalformedInput", "DurationSeconds is not an integer"))?;
            Ok(sts::Request::AssumeRole(Box::new(sts::AssumeRoleInput {
                role_arn: form.remove("RoleArn").unwrap_or_default(),
                role_session_name: form.remove("RoleSessionName").unwrap_or_default(),
                policy: form.remove("Policy"),
                duration_seconds,
                external_id: form.remove("ExternalId"),
                source_identity: form.remove("SourceIdentity"),
            })))
        }
        "GetCallerIdentity" => Ok(sts::Request::GetCallerIdentity(Box::default())),
        other => Err(ApiError::client(
            "InvalidAction",
            format!("Could not find operation {other} for version 2011-06-15"),
        )),
    }
}

/// Decodes `a=1&b=x%20y+z`. The last of several equal names wins.
fn fields(body: &[u8]) -> Result<BTreeMap<String, String>, ApiError> {
    body.split(|&byte| byte == b'&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let mut halves = pair.splitn(2, |&byte| byte == b'=');
            let mut half = || percent_decoded(halves.next().unwrap_or_default());
            Ok((half()?, half()?))
        })
        .collect()
}

fn percent_decoded(text: &[u8]) -> Result<String, ApiError> {
    let mut decoded = Vec::with_capacity(text.len());
    let mut rest = text.iter();
    while let Some(&byte) = rest.next() {
        decoded.push(match byte {
            b'+' => b' ',
            b'%' => {
                let mut digit = || rest.next().and_then(|&digit| char::from(digit).to_digit(16));
                let (high, low) = (digit(), digit());
                let value = high.zip(low).map(|(high, low)| (high * 16 + low) as u8);
                value.ok_or_else(|| {
                    ApiError::client("MalformedQueryString", "The query string is malformed")
                })?
            }
            plain => plain,
        });
    }
    String::from_utf8(decoded)
        .map_err(|_| ApiError::client("MalformedQueryString", "The query string is not UTF-8"))
}

/// The XML of a successful answer.
pub(super) fn success(response: &sts::Response, request_id: &str) -> Vec<u8> {
    let (operation, result) = match response {
        sts::Response::AssumeRole(output) => ("AssumeRole", assume_role(output)),
        sts::Response::GetCallerIdentity(output) => (
            "GetCallerIdentity",
            [
                element("Arn", &output.arn),
                element("UserId", &output.user_id),
                element("Account", &output.account),
            ]
            .concat(),
        ),
    };
    format!(
        "<{operation}Response xmlns=\"{NAMESPACE}\">\
         <{operation}Result>{result}</{operation}Result>\
         <ResponseMetadata><RequestId>{request_id}</RequestId></ResponseMetadata>\
         </{operation}Response>"
    )
    .into_bytes()
}

fn assume_role(output: &sts::AssumeRoleOutput) -> String {
    let sts::Credentials { access_key_id, secret_access_key, session_token, expiration } =
        &output.credentials;
    let expiration = WorldTime::from_epoch_seconds(expiration.0).to_string();
    let source_identity = output.source_identity.as_deref().map(|source| element("SourceIdentity", source));
    [
        source_identity.unwrap_or_default(),
        "<AssumedRoleUser>".into(),
        element("AssumedRoleId", &output.assumed_role_user.assumed_role_id),
        element("Arn", &output.assumed_role_user.arn),
        "</AssumedRoleUser><Credentials>".into(),
        element("AccessKeyId", access_key_id),
        element("SecretAccessKey", secret_access_key),
        element("SessionToken", session_token),
        element("Expiration", &expiration),
        "</Credentials>".into(),
    ]
    .concat()
}

/// Status and XML of an error answer.
///
/// Common errors have other codes here than in the JSON protocols, and 403 for whatever concerns credentials.
pub(super) fn error(error: &ApiError, request_id: &str) -> (u16, Vec<u8>) {
    let (status, code) = match &*error.code {
        "ThrottlingException" => (400, "Throttling"),
        "ValidationException" => (400, "ValidationError"),
        "AccessDeniedException" => (403, "AccessDenied"),
        "MissingAuthenticationTokenException" => (403, "MissingAuthenticationToken"),
        "IncompleteSignatureException" => (403, "IncompleteSignature"),
        "InvalidSignatureException" => (403, "SignatureDoesNotMatch"),
        "ExpiredTokenException" => (403, "ExpiredToken"),
        "UnrecognizedClientException" => (403, "InvalidClientTokenId"),
        _ => (error.http_status, error.query_code()),
    };
    let fault = if error.fault == Fault::Client { "Sender" } else { "Receiver" };
    let body = format!(
        "<ErrorResponse xmlns=\"{NAMESPACE}\"><Error><Type>{fault}</Type>{}{}</Error>{}</ErrorResponse>",
        element("Code", code),
        element("Message", error.message.as_deref().unwrap_or_default()),
        element("RequestId", request_id),
    );
    (status, body.into_bytes())
}

fn element(name: &str, text: &str) -> String {
    format!("<{name}>{}</{name}>", escaped(text))
}

fn escaped(text: &str) -> Cow<'_, str> {
    if !text.contains(['&', '<', '>', '"']) {
        return text.into();
    }
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;").into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::Timestamp;

    #[test]
    fn a_form_becomes_an_assume_role_input() {
        let body =
            b"Action=AssumeRole&Version=2011-06-15&RoleArn=arn%3Aaws%3Aiam%3A%3A222222222222%3Arole%2Fspoke\
                     &RoleSessionName=run-1&ExternalId=a+b%2b&DurationSeconds=900";
        let sts::Request::AssumeRole(input) = read(body).expect("a readable form") else {
            panic!("another operation");
        };
        assert_eq!(input.role_arn, "arn:aws:iam::222222222222:role/spoke");
        assert_eq!(input.external_id.as_deref(), Some("a b+"));
        assert_eq!(input.duration_seconds, Some(900));
    }

    #[test]
    fn broken_forms_and_unknown_actions_are_refused() {
        let code = |body: &[u8]| read(body).expect_err("refused").code;
        assert_eq!(code(b"Action=AssumeRole&RoleArn=%4"), "MalformedQueryString");
        assert_eq!(code(b"Action=AssumeRole&RoleArn=%ff"), "MalformedQueryString");
        assert_eq!(code(b"Action=Fly"), "InvalidAction");
        assert_eq!(code(b""), "InvalidAction");
    }

    #[test]
    fn credentials_are_written_as_xml_with_a_readable_end() {
        let response = sts::Response::AssumeRole(Box::new(sts::AssumeRoleOutput {
            credentials: sts::Credentials {
                access_key_id: "ASIAEXAMPLE".into(),
                secret_access_key: "s<&>".into(),
                session_token: "t".into(),
                expiration: Timestamp(1_772_352_000.0),
            },
            ..Default::default()
        }));
        let xml = String::from_utf8(success(&response, "id-1")).expect("UTF-8");
        assert!(xml.starts_with("<AssumeRoleResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\">"));
        assert!(xml.contains("<SecretAccessKey>s&lt;&amp;&gt;</SecretAccessKey>"), "{xml}");
        assert!(xml.contains("<Expiration>2026-03-01T08:00:00"), "{xml}");
        assert!(xml.contains("<ResponseMetadata><RequestId>id-1</RequestId></ResponseMetadata>"));
    }

    #[test]
    fn common_errors_have_their_query_codes() {
        let (status, xml) = error(&ApiError::expired_token(), "id-1");
        assert_eq!(status, 403);
        let xml = String::from_utf8(xml).expect("UTF-8");
        assert!(xml.contains("<Type>Sender</Type><Code>ExpiredToken</Code>"), "{xml}");
    }
}
