//! AWS as a closure: what would be sent is looked at, what comes back is made up. Below the whole SDK, above the network.

use crate::{Aws, Options, StaticKeys};
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient,
    SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_runtime_api::shared::IntoShared;
use aws_smithy_types::body::SdkBody;
use std::fmt;
use std::sync::{Arc, Mutex};
use wavetrain_model::fleet::Site;
use wavetrain_model::id::{AccountId, Region};
use wavetrain_ports::clock::Clock;

/// The account of the caller's own keys.
pub(crate) const HUB: &str = "111111111111";
/// An account reached through a role.
pub(crate) const SPOKE: &str = "222222222222";

/// One request as it would have gone out.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    pub(crate) operation: String,
    pub(crate) region: String,
    pub(crate) access_key: String,
    pub(crate) agent: String,
    pub(crate) body: Vec<u8>,
}

impl Call {
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap()
    }
}

/// What comes back.
pub(crate) enum Answer {
    Status(u16, Vec<u8>),
    Broken(ConnectorError),
}

/// A success in JSON.
pub(crate) fn ok(json: &str) -> Answer {
    Answer::Status(200, json.as_bytes().to_vec())
}

/// An error as SSM writes it.
pub(crate) fn refusal(status: u16, code: &str, message: &str) -> Answer {
    let body = serde_json::json!({"__type": code, "message": message});
    Answer::Status(status, body.to_string().into_bytes())
}

/// An error as STS writes it.
pub(crate) fn sts_refusal(code: &str, message: &str) -> Answer {
    let body = format!(
        "<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code><Message>{message}</Message></Error></ErrorResponse>"
    );
    Answer::Status(403, body.into_bytes())
}

/// A session whose access key names the account of the asked role.
pub(crate) fn session(call: &Call) -> Answer {
    let account = if call.text().contains(SPOKE) { SPOKE } else { HUB };
    let body = format!(
        "<AssumeRoleResponse><AssumeRoleResult><Credentials><AccessKeyId>ASIA{account}</AccessKeyId>\
         <SecretAccessKey>s</SecretAccessKey><SessionToken>t</SessionToken>\
         <Expiration>2099-01-01T00:00:00Z</Expiration></Credentials></AssumeRoleResult></AssumeRoleResponse>"
    );
    Answer::Status(200, body.into_bytes())
}

/// Who the caller is.
pub(crate) fn identity() -> Answer {
    let body = format!(
        "<GetCallerIdentityResponse><GetCallerIdentityResult><Account>{HUB}</Account></GetCallerIdentityResult>\
         </GetCallerIdentityResponse>"
    );
    Answer::Status(200, body.into_bytes())
}

type Script = dyn Fn(&Call) -> Answer + Send + Sync;

/// A scripted AWS that remembers what it was asked.
#[derive(Clone)]
pub(crate) struct Fake {
    calls: Arc<Mutex<Vec<Call>>>,
    script: Arc<Script>,
}

impl Fake {
    /// Answers SSM and CloudWatch by `script`; STS by itself.
    pub(crate) fn new(script: impl Fn(&Call) -> Answer + Send + Sync + 'static) -> Self {
        Self::whole(move |call| match call.operation.as_str() {
            "AssumeRole" => session(call),
            "GetCallerIdentity" => identity(),
            _ => script(call),
        })
    }

    /// Answers everything by `script`.
    pub(crate) fn whole(script: impl Fn(&Call) -> Answer + Send + Sync + 'static) -> Self {
        Self { calls: Arc::default(), script: Arc::new(script) }
    }

    pub(crate) fn calls(&self, operation: &str) -> Vec<Call> {
        self.calls.lock().unwrap().iter().filter(|call| call.operation == operation).cloned().collect()
    }

    pub(crate) async fn aws(&self) -> Aws {
        self.aws_on(None).await
    }

    pub(crate) async fn aws_on(&self, clock: Option<Arc<dyn Clock>>) -> Aws {
        let options = Options {
            session_name: "wavetrain-test".to_owned(),
            endpoint_url: None,
            region: Some("eu-central-1".to_owned()),
            credentials: Some(StaticKeys {
                access_key_id: format!("AKIA{HUB}"),
                secret_access_key: "secret".to_owned(),
            }),
            clock,
        };
        Aws::over(options, self.clone().into_shared(), SharedHttpConnector::new(self.clone())).await.unwrap()
    }
}

impl fmt::Debug for Fake {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Fake")
    }
}

impl HttpConnector for Fake {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let call = read(&request);
        let answer = (self.script)(&call);
        self.calls.lock().unwrap().push(call);
        HttpConnectorFuture::ready(match answer {
            Answer::Status(status, body) => Ok(response(status, body)),
            Answer::Broken(error) => Err(error),
        })
    }
}

impl HttpClient for Fake {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

impl From<Fake> for SharedHttpClient {
    fn from(fake: Fake) -> Self {
        Self::new(fake)
    }
}

fn response(status: u16, body: Vec<u8>) -> HttpResponse {
    let bytes = body.len().to_string();
    let mut response = HttpResponse::new(status.try_into().unwrap(), SdkBody::from(body));
    response.headers_mut().insert("content-length", bytes);
    response.headers_mut().insert("smithy-protocol", "rpc-v2-cbor");
    response
}

fn read(request: &HttpRequest) -> Call {
    let header = |name: &str| request.headers().get(name).unwrap_or_default().to_owned();
    let body = request.body().bytes().unwrap_or_default().to_vec();
    let authorization = header("authorization");
    let scope = authorization.split("Credential=").nth(1).unwrap_or_default();
    let scope: Vec<&str> = scope.split(['/', ',']).collect();
    let form = String::from_utf8_lossy(&body);
    let action = form.split('&').find_map(|pair| pair.strip_prefix("Action="));
    let operation = match (header("x-amz-target").split_once('.'), action) {
        (Some((_, operation)), _) => operation.to_owned(),
        (None, Some(action)) => action.to_owned(),
        (None, None) => request.uri().rsplit('/').next().unwrap_or_default().to_owned(),
    };
    Call {
        operation,
        region: (*scope.get(2).unwrap_or(&"")).to_owned(),
        access_key: (*scope.first().unwrap_or(&"")).to_owned(),
        agent: header("x-amz-user-agent"),
        body,
    }
}

/// A site of the caller's own account.
pub(crate) fn hub() -> Site {
    Site {
        account: AccountId::from(HUB),
        region: Region::from("eu-central-1"),
        role: None,
        external_id: None,
    }
}

/// A site of the other account.
pub(crate) fn spoke(region: &str) -> Site {
    Site {
        account: AccountId::from(SPOKE),
        region: Region::from(region),
        role: Some(format!("arn:aws:iam::{SPOKE}:role/wavetrain-spoke")),
        external_id: Some("shared-word".to_owned()),
    }
}
