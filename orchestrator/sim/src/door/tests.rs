//! The door over a real socket, in front of a backend that answers what each test scripts.

use std::net::SocketAddr;

use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::*;
use crate::api::cloudwatch::DescribeAlarmsOutput;
use crate::api::sts::GetCallerIdentityOutput;
use crate::serve::{Handle, ServeError, serve};
use crate::zip::Entry;

/// Answers every call by its operation's name and remembers how far its time was moved.
#[derive(Default)]
struct Scripted {
    now_millis: i64,
    delivery: Delivery,
}

impl Backend for Scripted {
    fn keep_bytes(&mut self, _: Arc<dyn crate::agent::real::Bytes>) {}

    fn now_millis(&self) -> i64 {
        self.now_millis
    }

    fn advance_to(&mut self, now_millis: i64) {
        self.now_millis = self.now_millis.max(now_millis);
    }

    fn call(&mut self, caller: &Caller, request: Request) -> Reply {
        let result = match request.operation() {
            "GetCallerIdentity" => {
                let arn = format!("{}@{}", caller.access_key_id, caller.region);
                Ok(GetCallerIdentityOutput { arn, ..Default::default() }.into())
            }
            "DescribeAlarms" => Ok(DescribeAlarmsOutput::default().into()),
            "GetDocument" => Ok(document_with_attachment().into()),
            "CancelCommand" => Ok(ssm::CancelCommandOutput {}.into()),
            _ => Err(ApiError::invalid_instance_id("nobody")),
        };
        Reply { result, delivery: self.delivery }
    }

    fn attachment(&self, path: &str, _: &str, _: &str) -> Result<Attached, BrokenLink> {
        let entry = Entry { name: "install.sh".into(), content: b"exit 0".to_vec() };
        (path == "a/tool.zip").then(|| Attached::Made(Arc::from([entry]))).ok_or(BrokenLink::Gone)
    }

    fn parts(&self, _: &str, _: &str, _: &[i32]) -> Vec<PartFacts> {
        Vec::new()
    }

    fn has_message(&self, _: &str) -> bool {
        true
    }

    fn nodes(&self, filter: &NodeFilter) -> Value {
        json!({ "account": filter.account, "touched": filter.touched })
    }

    fn calls(&self, _: &CallFilter) -> Value {
        json!([])
    }

    fn summary(&self) -> Value {
        json!({})
    }

    fn change_faults(&mut self, faults: Value) -> Result<Value, ControlError> {
        Ok(faults)
    }

    fn change_node(&mut self, id: &str, _: NodeChange) -> Result<Value, ControlError> {
        Err(ControlError::NotFound(format!("no node {id}")))
    }
}

fn document_with_attachment() -> ssm::GetDocumentOutput {
    let attachment = ssm::AttachmentContent { url: "/_attachments/a/tool.zip".into(), ..Default::default() };
    ssm::GetDocumentOutput { attachments_content: Some(vec![attachment]), ..Default::default() }
}

async fn open(delivery: Delivery) -> Handle<Scripted> {
    let any_port: SocketAddr = ([127, 0, 0, 1], 0).into();
    serve(Scripted { delivery, now_millis: 1_000 }, any_port, 0.0).await.expect("a free port")
}

/// Sends one request on a connection of its own and returns everything that comes back until it closes.
async fn exchange(handle: &Handle<Scripted>, head: &str, body: &[u8]) -> Vec<u8> {
    let mut stream = TcpStream::connect(handle.address).await.expect("listening");
    let head = format!(
        "{head}host: {}\r\nconnection: close\r\ncontent-length: {}\r\n\r\n",
        handle.address,
        body.len()
    );
    stream.write_all(head.as_bytes()).await.expect("open");
    stream.write_all(body).await.expect("open");
    let mut answer = Vec::new();
    // A reset instead of an orderly end is one of the answers tested.
    let _ = stream.read_to_end(&mut answer).await;
    answer
}

async fn say(handle: &Handle<Scripted>, head: &str, body: &[u8]) -> String {
    String::from_utf8_lossy(&exchange(handle, head, body).await).into_owned()
}

fn signed(service: &str) -> String {
    format!(
        "authorization: AWS4-HMAC-SHA256 Credential=KEY/20260301/eu-west-1/{service}/aws4_request, Signature=0\r\n"
    )
}

fn to_ssm(operation: &str) -> String {
    format!("POST / HTTP/1.1\r\nx-amz-target: AmazonSSM.{operation}\r\n{}", signed("ssm"))
}

#[tokio::test]
async fn each_protocol_is_answered_in_kind() {
    let handle = open(Delivery::Arrives).await;

    let json = say(&handle, &to_ssm("CancelCommand"), b"{}").await;
    assert!(json.starts_with("HTTP/1.1 200 OK\r\n"), "{json}");
    assert!(json.contains("content-type: application/x-amz-json-1.1\r\n"), "{json}");
    assert!(json.contains("x-amzn-requestid: "), "{json}");
    assert!(json.ends_with("\r\n\r\n{}"), "{json}");

    let head = format!(
        "POST /service/GraniteServiceVersion20100801/operation/DescribeAlarms HTTP/1.1\r\n{}",
        signed("monitoring")
    );
    let cbor = say(&handle, &head, b"\xbf\xff").await;
    assert!(cbor.contains("smithy-protocol: rpc-v2-cbor\r\n"), "{cbor}");
    assert!(cbor.contains("content-type: application/cbor\r\n"), "{cbor}");

    let head =
        format!("POST / HTTP/1.1\r\ncontent-type: application/x-www-form-urlencoded\r\n{}", signed("sts"));
    let xml = say(&handle, &head, b"Action=GetCallerIdentity&Version=2011-06-15").await;
    assert!(xml.contains("<GetCallerIdentityResult><Arn>KEY@eu-west-1</Arn>"), "{xml}");
    handle.shutdown().await;
}

#[tokio::test]
async fn errors_come_with_their_status_and_type() {
    let handle = open(Delivery::Arrives).await;
    let refused = say(&handle, &to_ssm("SendCommand"), b"{}").await;
    assert!(refused.starts_with("HTTP/1.1 400 "), "{refused}");
    assert!(refused.ends_with(r#"{"Message":"nobody","__type":"InvalidInstanceId"}"#), "{refused}");

    let unsigned = say(&handle, "POST / HTTP/1.1\r\nx-amz-target: AmazonSSM.ListCommands\r\n", b"{}").await;
    assert!(unsigned.contains("MissingAuthenticationTokenException"), "{unsigned}");
    let unknown = say(&handle, &to_ssm("Fly"), b"{}").await;
    assert!(unknown.contains("UnknownOperationException"), "{unknown}");
    let homeless = say(&handle, "POST / HTTP/1.1\r\n", b"{}").await;
    assert!(homeless.starts_with("HTTP/1.1 404 "), "{homeless}");
}

#[tokio::test]
async fn a_dropped_answer_closes_the_connection_without_a_byte() {
    let handle = open(Delivery::Dropped).await;
    assert_eq!(exchange(&handle, &to_ssm("CancelCommand"), b"{}").await, b"");
}

#[tokio::test]
async fn garbled_and_unavailable_answers_are_no_json() {
    let handle = open(Delivery::Garbled).await;
    let garbled = say(&handle, &to_ssm("CancelCommand"), b"{}").await;
    assert!(garbled.starts_with("HTTP/1.1 200 ") && garbled.contains("<html>"), "{garbled}");
    let handle = open(Delivery::Unavailable).await;
    let unavailable = say(&handle, &to_ssm("CancelCommand"), b"{}").await;
    assert!(unavailable.starts_with("HTTP/1.1 503 "), "{unavailable}");
}

#[tokio::test]
async fn a_hanging_call_ends_when_the_door_closes() {
    let handle = open(Delivery::Hangs).await;
    let mut stream = TcpStream::connect(handle.address).await.expect("listening");
    let head =
        format!("{}host: x\r\nconnection: close\r\ncontent-length: 2\r\n\r\n{{}}", to_ssm("CancelCommand"));
    stream.write_all(head.as_bytes()).await.expect("open");
    let reader = tokio::spawn(async move {
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer).await;
    });
    handle.shutdown().await;
    reader.await.expect("the call ended");
}

#[tokio::test]
async fn attachments_are_named_by_the_address_the_caller_used() {
    let handle = open(Delivery::Arrives).await;
    let document = say(&handle, &to_ssm("GetDocument"), br#"{"Name":"tool"}"#).await;
    assert!(
        document.contains(&format!(r#""Url":"{}/_attachments/a/tool.zip""#, handle.endpoint_url)),
        "{document}"
    );
    let zip = exchange(&handle, "GET /_attachments/a/tool.zip HTTP/1.1\r\n", b"").await;
    assert!(zip.windows(10).any(|window| window == b"install.sh"));
    let none = say(&handle, "GET /_attachments/b HTTP/1.1\r\n", b"").await;
    assert!(none.starts_with("HTTP/1.1 404 "), "{none}");
}

const POST_JSON: &str = "content-type: application/json\r\n";

/// The document of an answer. The order of its keys depends on what else is built with it.
fn document_of(answer: &str) -> serde_json::Value {
    let (_, body) = answer.split_once("\r\n\r\n").expect("a head and a body");
    serde_json::from_str(body).expect("a JSON document")
}

#[tokio::test]
async fn the_clock_is_shown_and_moved() {
    let handle = open(Delivery::Arrives).await;
    let shown = say(&handle, "GET /_sim/clock HTTP/1.1\r\n", b"").await;
    assert_eq!(
        document_of(&shown),
        serde_json::json!({ "now": 1.0, "paused": false, "speed": 0.0, "change": 0 })
    );
    let post = format!("POST /_sim/clock HTTP/1.1\r\n{POST_JSON}");
    let (followed, moved) = tokio::join!(
        say(&handle, "GET /_sim/clock?after_change=0 HTTP/1.1\r\n", b""),
        say(&handle, &post, br#"{"pause": false}"#),
    );
    assert_eq!(document_of(&followed), document_of(&moved), "who waits for a change is told of it");
    let moved = say(&handle, &post, br#"{"advance_seconds": 90, "pause": true}"#).await;
    assert_eq!(
        document_of(&moved),
        serde_json::json!({ "now": 91.0, "paused": true, "speed": 0.0, "change": 2 })
    );
    for bad in [&br#"{"speed": -1}"#[..], br#"{"spede": 1}"#, br#"{"advance_seconds": -5}"#, b"{"] {
        let refused = say(&handle, &post, bad).await;
        assert!(refused.starts_with("HTTP/1.1 400 ") && refused.contains(r#"{"error":"#), "{refused}");
    }
}

#[tokio::test]
async fn the_truth_is_filtered_by_query() {
    let handle = open(Delivery::Arrives).await;
    let nodes = say(&handle, "GET /_sim/nodes?account=1&touched=true HTTP/1.1\r\n", b"").await;
    assert!(nodes.ends_with(r#"{"account":"1","touched":true}"#), "{nodes}");
    let typo = say(&handle, "GET /_sim/nodes?acount=1 HTTP/1.1\r\n", b"").await;
    assert!(typo.starts_with("HTTP/1.1 400 "), "{typo}");
    let post = format!("POST /_sim/nodes/i-1 HTTP/1.1\r\n{POST_JSON}");
    let gone = say(&handle, &post, br#"{"action":"terminate"}"#).await;
    assert!(gone.starts_with("HTTP/1.1 404 ") && gone.contains("no node i-1"), "{gone}");
}

#[tokio::test]
async fn only_loopback_addresses_are_listened_on() {
    let everywhere: SocketAddr = ([0, 0, 0, 0], 0).into();
    let refused = serve(Scripted::default(), everywhere, 1.0).await.expect_err("refused");
    assert!(matches!(refused, ServeError::NotLoopback(_)));
    assert!(refused.to_string().contains("only loopback"), "{refused}");
}

struct Frozen;

impl RealTime for Frozen {
    fn elapsed(&self) -> Duration {
        Duration::ZERO
    }

    fn epoch_seconds(&self) -> f64 {
        5_000.0
    }
}

#[test]
fn credentials_end_by_the_clock_of_the_caller() {
    let (_closing, closed) = watch::channel(false);
    let door = Door::new(Scripted::default(), 60.0, Frozen, closed).expect("a speed");
    let credentials = sts::Credentials { expiration: Timestamp(3_600.0), ..Default::default() };
    let issued = sts::AssumeRoleOutput { credentials, ..Default::default() };
    let Response::Sts(sts::Response::AssumeRole(told)) = door.with_real_expiry(issued.into()) else {
        panic!("another response");
    };
    // An hour of a world that runs sixty times as fast is a minute.
    assert_eq!(told.credentials.expiration, Timestamp(5_060.0));
}
