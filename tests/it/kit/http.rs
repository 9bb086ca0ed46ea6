//! Just enough HTTP for `/_sim/`: one request, one connection, one JSON document.

use serde_json::Value;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

/// What the other side answered: status and document.
pub fn ask(authority: &str, method: &str, path: &str, body: Option<&Value>) -> (u16, Value) {
    exchange(authority, &format!("{method} {path}"), "content-type: application/json", body)
}

/// One call to SSM in us-east-1 as the hub. The simulation reads the account and the Region from the signature, and
/// does not check it.
pub fn call_ssm(authority: &str, operation: &str, body: &Value) -> (u16, Value) {
    let head = format!(
        "content-type: application/x-amz-json-1.1\r\nx-amz-target: AmazonSSM.{operation}\r\nauthorization: AWS4-HMAC-SHA256 \
         Credential=hub/20260302/us-east-1/ssm/aws4_request, SignedHeaders=host, Signature=0"
    );
    exchange(authority, "POST /", &head, Some(body))
}

fn exchange(authority: &str, line: &str, head: &str, body: Option<&Value>) -> (u16, Value) {
    let body = body.map(Value::to_string).unwrap_or_default();
    let request = format!(
        "{line} HTTP/1.1\r\nhost: {authority}\r\nconnection: close\r\n{head}\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    let mut stream = TcpStream::connect(authority).expect("somebody listens");
    stream.set_read_timeout(Some(Duration::from_mins(1))).expect("a socket option");
    stream.write_all(request.as_bytes()).expect("the request is sent");
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).expect("an answer comes");
    let answer = String::from_utf8(answer).expect("the answer is text");
    let (head, body) = answer.split_once("\r\n\r\n").expect("a head and a body");
    let status = head.split(' ').nth(1).and_then(|word| word.parse().ok()).expect("a status");
    (status, serde_json::from_str(body).unwrap_or_else(|error| panic!("{error}: {body}")))
}
