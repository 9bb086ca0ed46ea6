//! What AWS clients send: heads, JSON, forms, CBOR and paging tokens, through a real socket.

use super::Target;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;
use wavetrain_sim::serve::serve;
use wavetrain_sim::world::World;
use wavetrain_sim::world_file::WorldFile;

const WORLD: &str = include_str!("../../../orchestrator/sim/src/world_file/full.yaml");

const WORDS: [&str; 23] = [
    "SendCommand",
    "ListCommands",
    "ListCommandInvocations",
    "GetCommandInvocation",
    "DescribeInstanceInformation",
    "DescribeDocument",
    "GetDocument",
    "AssumeRole",
    "DescribeAlarms",
    "NextToken",
    "MaxResults",
    "CommandId",
    "InstanceIds",
    "Parameters",
    "Filters",
    "Comment",
    "TimeoutSeconds",
    "MaxConcurrency",
    "MaxErrors",
    "arn:aws:iam::111122223333:role/spoke",
    "content-encoding: gzip\n",
    "AWS4-HMAC-SHA256 ",
    "%00%ff%",
];

#[test]
fn door() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .expect("a runtime");
    let world = World::new(&WorldFile::parse(&calm()).expect("a world")).expect("it builds");
    let any_port: SocketAddr = ([127, 0, 0, 1], 0).into();
    let handle = runtime.block_on(serve(world, any_port, 100.0)).expect("a free port");
    Target { name: "door", seeds: seeds(), words: &WORDS, cases: 5000 }.run(|input| {
        let request = as_http(input);
        check_answer(&exchange(handle.address, &request), &request);
    });
    runtime.block_on(handle.shutdown());
}

/// The full world, but nothing is lost or slow in it: every request has an answer.
fn calm() -> String {
    let (world, _) = WORLD.split_once("rates:").expect("rates stand before faults");
    world.to_owned()
}

/// Line ends and a length as HTTP wants them, and no other word about the length: what is to be tried is the reading
/// behind them, and a server that waits for the rest of a body is right.
fn as_http(input: &[u8]) -> Vec<u8> {
    let split = input.windows(2).position(|pair| pair == b"\n\n").map_or(input.len(), |at| at + 1);
    let (head, body) = input.split_at(split);
    let body = body.strip_prefix(b"\n").unwrap_or(body);
    let mut request = Vec::with_capacity(input.len() + 200);
    let is_about_length = |line: &[u8]| {
        let line = String::from_utf8_lossy(line).to_lowercase();
        ["content-length", "transfer-encoding", "expect", "upgrade"].iter().any(|word| line.contains(word))
    };
    let lines = head.split(|byte| matches!(byte, b'\n' | b'\r'));
    for line in lines.filter(|line| !line.is_empty() && !is_about_length(line)) {
        request.extend_from_slice(line);
        request.extend_from_slice(b"\r\n");
    }
    request
        .extend_from_slice(format!("connection: close\r\ncontent-length: {}\r\n\r\n", body.len()).as_bytes());
    request.extend_from_slice(body);
    request
}

fn exchange(address: SocketAddr, request: &[u8]) -> Vec<u8> {
    let mut stream = TcpStream::connect(address).expect("it listens");
    stream.set_read_timeout(Some(Duration::from_mins(1))).expect("a socket option");
    // It may have answered, and closed, before it heard everything.
    let _ = stream.write_all(request);
    let mut answer = Vec::new();
    match stream.read_to_end(&mut answer) {
        Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {
            panic!("no answer: {:?}", shown(request))
        }
        _ => answer,
    }
}

fn shown(bytes: &[u8]) -> String {
    String::from_utf8_lossy(&bytes[..bytes.len().min(3000)]).into_owned()
}

/// A handler that panics closes its connection without a word. Errors are the caller's here, never the server's.
fn check_answer(answer: &[u8], request: &[u8]) {
    let split = answer.windows(4).position(|window| window == b"\r\n\r\n");
    let split = split.unwrap_or_else(|| panic!("closed without an answer: {:?}", shown(request)));
    let head = String::from_utf8_lossy(&answer[..split]).to_lowercase();
    let status: u16 = head.split(' ').nth(1).and_then(|word| word.parse().ok()).expect("a status");
    assert!((100..500).contains(&status), "{}: {:?}", shown(answer), shown(request));
    let body = &answer[split + 4..];
    if head.contains("json") && !body.is_empty() && status != 100 {
        let document: serde_json::Value =
            serde_json::from_slice(body).unwrap_or_else(|error| panic!("{error}: {}", shown(answer)));
        let is_named = status < 400 || document["__type"].is_string() || document["error"].is_string();
        assert!(is_named, "{}", shown(answer));
    }
    if head.contains("application/cbor") && !body.is_empty() {
        let read: Result<ciborium::Value, _> = ciborium::from_reader(body);
        assert!(read.is_ok(), "{}", shown(answer));
    }
}

fn seeds() -> Vec<Vec<u8>> {
    let signed = |service: &str| {
        format!(
            "authorization: AWS4-HMAC-SHA256 Credential=hub/20260302/eu-west-1/{service}/aws4_request, SignedHeaders=host, Signature=0\n"
        )
    };
    let ssm = |operation: &str, body: &str| {
        let head = format!(
            "POST / HTTP/1.1\nhost: a\ncontent-type: application/x-amz-json-1.1\nx-amz-target: AmazonSSM.{operation}\n"
        );
        format!("{head}{}\n{body}", signed("ssm")).into_bytes()
    };
    let form = |body: &str| {
        let head =
            "POST / HTTP/1.1\nhost: a\ncontent-type: application/x-www-form-urlencoded; charset=utf-8\n";
        format!("{head}{}\n{body}", signed("sts")).into_bytes()
    };
    let mut seeds = vec![
        ssm(
            "SendCommand",
            r#"{"DocumentName":"AWS-ConfigureAWSPackage","InstanceIds":["i-0123456789abcdef0"],"TimeoutSeconds":600,"Comment":"a b","MaxConcurrency":"50","MaxErrors":"100%","Parameters":{"action":["Install"],"installationType":["Uninstall and reinstall"],"name":["hello"],"version":["1.0.0"]}}"#,
        ),
        ssm(
            "SendCommand",
            r#"{"DocumentName":"AWS-RunShellScript","Targets":[{"Key":"tag:service","Values":["web"]}],"MaxConcurrency":"10%","Parameters":{"commands":["hello --version"],"executionTimeout":["60"]}}"#,
        ),
        ssm(
            "ListCommands",
            r#"{"MaxResults":2,"NextToken":"","Filters":[{"key":"InvokedAfter","value":"2026-03-01T00:00:00Z"}]}"#,
        ),
        ssm(
            "ListCommandInvocations",
            r#"{"CommandId":"01234567-89ab-4def-a012-3456789abcde","Details":true,"MaxResults":50,"NextToken":"000000000000000112345678"}"#,
        ),
        ssm(
            "GetCommandInvocation",
            r#"{"CommandId":"01234567-89ab-4def-a012-3456789abcde","InstanceId":"i-0123456789abcdef0","PluginName":"x"}"#,
        ),
        ssm(
            "DescribeInstanceInformation",
            r#"{"Filters":[{"Key":"tag:service","Values":["web"]}],"MaxResults":10}"#,
        ),
        ssm(
            "DescribeInstanceInformation",
            r#"{"InstanceInformationFilterList":[{"key":"PingStatus","valueSet":["Online"]}]}"#,
        ),
        ssm("DescribeDocument", r#"{"Name":"hello","DocumentVersion":"$LATEST","VersionName":"1.0.0"}"#),
        ssm("GetDocument", r#"{"Name":"hello","VersionName":"1.0.0"}"#),
        ssm("CancelCommand", r#"{"CommandId":"01234567-89ab-4def-a012-3456789abcde","InstanceIds":[]}"#),
        form(
            "Action=AssumeRole&Version=2011-06-15&RoleArn=arn%3Aaws%3Aiam%3A%3A111122223333%3Arole%2Fspoke&RoleSessionName=me&ExternalId=secret&DurationSeconds=3600",
        ),
        form("Action=GetCallerIdentity&Version=2011-06-15"),
        b"GET /_sim/nodes?limit=2&touched=true HTTP/1.1\nhost: a\n\n".to_vec(),
        b"POST /_sim/faults HTTP/1.1\nhost: a\ncontent-type: application/json\n\n{\"clear\":true}".to_vec(),
        b"POST /_sim/clock HTTP/1.1\nhost: a\ncontent-type: application/json\n\n{\"advance_seconds\":1.5}"
            .to_vec(),
        b"GET /_attachments/hello/1.0.0/a.zip HTTP/1.1\nhost: a\n\n".to_vec(),
    ];
    let head = "POST /service/GraniteServiceVersion20100801/operation/DescribeAlarms HTTP/1.1\nhost: a\nsmithy-protocol: rpc-v2-cbor\ncontent-type: application/cbor\n";
    let mut cbor = format!("{head}{}\n", signed("monitoring")).into_bytes();
    cbor.extend(b"\xbf\x6aAlarmNames\x82\x66errors\x61b\x6aMaxRecords\x07\x69NextToken\x60\xff");
    seeds.push(cbor);
    let alarms = "POST / HTTP/1.1\nhost: a\ncontent-type: application/x-amz-json-1.0\nx-amz-target: GraniteServiceVersion20100801.DescribeAlarmHistory\n";
    let body = r#"{"AlarmName":"errors","StartDate":1772352000.5,"EndDate":1872352000,"MaxRecords":3,"ScanBy":"TimestampDescending"}"#;
    seeds.push(format!("{alarms}{}\n{body}", signed("monitoring")).into_bytes());
    seeds
}
