//! The three wire formats: which one a request speaks, how its input is read, how answers and errors look in it.
//!
//! | protocol | services here | operation named by | body |
//! |---|---|---|---|
//! | AWS JSON 1.0 and 1.1 | CloudWatch, SSM, Organizations | `X-Amz-Target` | JSON |
//! | Smithy RPC v2 CBOR | CloudWatch | the path | CBOR |
//! | AWS Query | STS | form field `Action` | form in, XML out |

use std::io::Read;

use axum::http::{HeaderMap, header};

use serde::de::DeserializeOwned;

use super::query;
use crate::api::{
    ApiError, Fault, Request, Response, Service, Source, cloudwatch, messages, organizations, ssm,
};

const SSM_TARGET: &str = "AmazonSSM.";
const CLOUDWATCH_TARGET: &str = "GraniteServiceVersion20100801.";
const ORGANIZATIONS_TARGET: &str = "AWSOrganizationsV20161128.";
const MESSAGES_TARGET: &str = "EC2WindowsMessageDeliveryService.";
const CLOUDWATCH_PATH: &str = "/service/GraniteServiceVersion20100801/operation/";

/// Namespace of CloudWatch's error shapes.
const CLOUDWATCH_SHAPES: &str = "com.amazonaws.cloudwatch#";

/// The largest request body read, before and after decompression; no input of any operation comes near it.
pub(super) const MAX_BODY_BYTES: u64 = 4 << 20;

/// Wire format of a request, and so of its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Protocol {
    /// AWS JSON 1.1.
    Json11,
    /// AWS JSON 1.0.
    Json10,
    /// Smithy RPC v2 CBOR.
    Cbor,
    /// AWS Query.
    Query,
}

/// Where a request goes, before its body is read.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Route {
    pub(super) protocol: Protocol,
    pub(super) service: Service,
    /// `None` under AWS Query, which names the operation inside the body.
    operation: Option<String>,
}

/// Body and headers of an answer.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) content_type: &'static str,
    /// For `x-amzn-query-error`: the code that clients of the older protocol know, and whose fault it is.
    pub(super) query_error: Option<String>,
    pub(super) body: Vec<u8>,
}

impl Route {
    /// Finds the service by path, then by target header, then by content type. `None` if none of them names one.
    pub(super) fn find(path: &str, headers: &HeaderMap) -> Option<Self> {
        let route = |protocol, service, operation: Option<&str>| {
            Some(Self { protocol, service, operation: operation.map(str::to_owned) })
        };
        if let Some(operation) = path.strip_prefix(CLOUDWATCH_PATH) {
            return route(Protocol::Cbor, Service::CloudWatch, Some(operation));
        }
        if let Some(target) = headers.get("x-amz-target").and_then(|target| target.to_str().ok()) {
            if let Some(operation) = target.strip_prefix(SSM_TARGET) {
                return route(Protocol::Json11, Service::Ssm, Some(operation));
            }
            if let Some(operation) = target.strip_prefix(ORGANIZATIONS_TARGET) {
                return route(Protocol::Json11, Service::Organizations, Some(operation));
            }
            if let Some(operation) = target.strip_prefix(MESSAGES_TARGET) {
                return route(Protocol::Json11, Service::Messages, Some(operation));
            }
            let operation = target.strip_prefix(CLOUDWATCH_TARGET)?;
            return route(Protocol::Json10, Service::CloudWatch, Some(operation));
        }
        let content_type = headers.get(header::CONTENT_TYPE)?.to_str().ok()?;
        content_type.starts_with("application/x-www-form-urlencoded").then_some(Self {
            protocol: Protocol::Query,
            service: Service::Sts,
            operation: None,
        })
    }

    /// Whether the operation is how an agent gets its credentials, and so is not signed with any.
    pub(super) fn is_registration(&self) -> bool {
        let operation = self.operation.as_deref();
        matches!(operation, Some("RegisterManagedInstance" | "RequestManagedInstanceRoleToken"))
    }

    /// Reads the input of the operation.
    pub(super) fn read(&self, headers: &HeaderMap, body: &[u8]) -> Result<Request, ApiError> {
        let inflated;
        let body = if headers.get(header::CONTENT_ENCODING).is_some_and(|encoding| encoding == "gzip") {
            inflated = inflate(body)?;
            &inflated
        } else {
            body
        };
        let operation = self.operation.as_deref().unwrap_or_default();
        match (self.protocol, self.service) {
            (Protocol::Query, _) => query::read(body).map(Request::Sts),
            (Protocol::Cbor, _) => {
                known(cloudwatch::Request::read(operation, Cbor(body))).map(Request::CloudWatch)
            }
            (_, Service::CloudWatch) => {
                known(cloudwatch::Request::read(operation, Json(body))).map(Request::CloudWatch)
            }
            (_, Service::Organizations) => {
                known(organizations::Request::read(operation, Json(body))).map(Request::Organizations)
            }
            (_, Service::Messages) => {
                known(messages::Request::read(operation, Json(body))).map(Request::Messages)
            }
            (_, _) => known(ssm::Request::read(operation, Json(body))).map(Request::Ssm),
        }
    }
}

fn known<T>(input: Option<Result<T, ApiError>>) -> Result<T, ApiError> {
    input.unwrap_or_else(|| Err(ApiError::unknown_operation()))
}

fn inflate(body: &[u8]) -> Result<Vec<u8>, ApiError> {
    let mut inflated = Vec::new();
    let read = flate2::read::GzDecoder::new(body).take(MAX_BODY_BYTES + 1).read_to_end(&mut inflated);
    match read {
        Ok(length) if length as u64 <= MAX_BODY_BYTES => Ok(inflated),
        Ok(_) => Err(too_large()),
        Err(error) => Err(ApiError::serialization(format!("Could not decompress the request: {error}"))),
    }
}

/// A body beyond what is read at all.
pub(super) fn too_large() -> ApiError {
    ApiError::client("RequestEntityTooLargeException", "Request is too large.").with_status(413)
}

/// A JSON body. Clients may leave it empty when the input has no members.
struct Json<'a>(&'a [u8]);

impl Source for Json<'_> {
    type Error = ApiError;

    fn read<T: DeserializeOwned>(self) -> Result<T, ApiError> {
        let body = if self.0.is_empty() { b"{}" } else { self.0 };
        // Left to itself, serde reads an array as the members in their order.
        if body.trim_ascii_start().first() != Some(&b'{') {
            return Err(ApiError::serialization("the input is not an object"));
        }
        serde_json::from_slice(body).map_err(|error| ApiError::serialization(error.to_string()))
    }
}

/// A CBOR body; may be empty like a JSON one.
struct Cbor<'a>(&'a [u8]);

impl Source for Cbor<'_> {
    type Error = ApiError;

    fn read<T: DeserializeOwned>(self) -> Result<T, ApiError> {
        let body = if self.0.is_empty() { &[0xa0] } else { self.0 };
        if !(0xa0..=0xbf).contains(&body[0]) {
            return Err(ApiError::serialization("the input is not a map"));
        }
        ciborium::from_reader(body).map_err(|error| ApiError::serialization(error.to_string()))
    }
}

impl Protocol {
    fn content_type(self) -> &'static str {
        match self {
            Self::Json11 => "application/x-amz-json-1.1",
            Self::Json10 => "application/x-amz-json-1.0",
            Self::Cbor => "application/cbor",
            Self::Query => "text/xml",
        }
    }

    /// A successful answer.
    pub(super) fn success(self, response: &Response, request_id: &str) -> Answer {
        let body = match (self, response) {
            (Self::Query, Response::Sts(response)) => query::success(response, request_id),
            (Self::Cbor, Response::CloudWatch(response)) => write_cbor(response),
            (_, Response::Ssm(response)) => write_json(response),
            (_, Response::CloudWatch(response)) => write_json(response),
            (_, Response::Sts(response)) => write_json(response),
            (_, Response::Messages(response)) => write_json(response),
            (_, Response::Organizations(response)) => write_json(response),
            // Never asked for: its wire has a module of its own.
            (_, Response::S3(_)) => Vec::new(),
        };
        Answer { status: 200, content_type: self.content_type(), query_error: None, body }
    }

    /// An error answer.
    pub(super) fn error(self, error: &ApiError, request_id: &str) -> Answer {
        let (status, body) = match self {
            Self::Query => query::error(error, request_id),
            Self::Json11 => (error.http_status, write_json(&error_members(error, ""))),
            Self::Json10 => (error.http_status, write_json(&error_members(error, CLOUDWATCH_SHAPES))),
            Self::Cbor => (error.http_status, write_cbor(&error_members(error, CLOUDWATCH_SHAPES))),
        };
        let query_error = matches!(self, Self::Json10 | Self::Cbor).then(|| {
            let sender = if error.fault == Fault::Client { "Sender" } else { "Receiver" };
            format!("{};{sender}", error.query_code())
        });
        Answer { status, content_type: self.content_type(), query_error, body }
    }
}

/// SSM's own errors model their text as `Message`; errors common to all services and CloudWatch's call it
/// `message`, as do two of SSM's.
fn message_member(code: &str) -> &'static str {
    let common = code.ends_with("Exception") || code.ends_with("FilterValue");
    if common { "message" } else { "Message" }
}

fn error_members(error: &ApiError, namespace: &str) -> std::collections::BTreeMap<&'static str, String> {
    let mut members = std::collections::BTreeMap::from([("__type", format!("{namespace}{}", error.code))]);
    if let Some(message) = &error.message {
        let member = if namespace.is_empty() { message_member(&error.code) } else { "message" };
        members.insert(member, message.clone());
    }
    members
}

fn write_json(value: &impl serde::Serialize) -> Vec<u8> {
    serde_json::to_vec(value).expect("our own structs have text keys and no failing parts")
}

fn write_cbor(value: &impl serde::Serialize) -> Vec<u8> {
    let mut body = Vec::new();
    ciborium::into_writer(value, &mut body).expect("writing our own structs to memory cannot fail");
    body
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::Timestamp;
    use crate::api::cloudwatch::{
        DescribeAlarmHistoryInput, DescribeAlarmsInput, DescribeAlarmsOutput, MetricAlarm,
    };

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs
            .iter()
            .map(|(name, value)| (name.parse().expect("a name"), value.parse().expect("a value")))
            .collect()
    }

    fn cbor_route(operation: &str) -> Route {
        Route::find(&format!("{CLOUDWATCH_PATH}{operation}"), &HeaderMap::new()).expect("a route")
    }

    fn read_ssm(operation: &str, body: &str) -> Result<Request, ApiError> {
        let route = Route {
            protocol: Protocol::Json11,
            service: Service::Ssm,
            operation: Some(operation.to_owned()),
        };
        route.read(&HeaderMap::new(), body.as_bytes())
    }

    fn text(answer: &Answer) -> &str {
        std::str::from_utf8(&answer.body).expect("UTF-8")
    }

    #[test]
    fn the_protocol_is_found_by_path_then_target_then_content_type() {
        let json =
            |target| headers(&[("x-amz-target", target), ("content-type", "application/x-amz-json-1.1")]);
        let find = |path, headers: &HeaderMap| {
            Route::find(path, headers).map(|r| (r.protocol, r.service, r.operation.unwrap_or_default()))
        };
        assert_eq!(
            find("/", &json("AmazonSSM.ListCommands")),
            Some((Protocol::Json11, Service::Ssm, "ListCommands".into()))
        );
        assert_eq!(
            find("/", &json("GraniteServiceVersion20100801.DescribeAlarms")),
            Some((Protocol::Json10, Service::CloudWatch, "DescribeAlarms".into()))
        );
        assert_eq!(
            find("/service/GraniteServiceVersion20100801/operation/SetAlarmState", &HeaderMap::new()),
            Some((Protocol::Cbor, Service::CloudWatch, "SetAlarmState".into()))
        );
        let form = headers(&[("content-type", "application/x-www-form-urlencoded; charset=utf-8")]);
        assert_eq!(find("/", &form), Some((Protocol::Query, Service::Sts, String::new())));
        assert_eq!(find("/", &json("DynamoDB_20120810.ListTables")), None);
        assert_eq!(find("/", &HeaderMap::new()), None);
    }

    #[test]
    fn cbor_maps_of_unknown_length_and_tagged_times_are_read() {
        // {_ "AlarmName": "a", "StartDate": 1(1772352000.5), "EndDate": 1(1772352000), "New": [_ 1]}
        let mut body = vec![0xbf];
        body.extend(b"\x69AlarmName\x61a\x69StartDate\xc1\xfb");
        body.extend(1_772_352_000.5_f64.to_be_bytes());
        body.extend(b"\x67EndDate\xc1\x1a\x69\xa3\xf2\x00\x63New\x9f\x01\xff\xff");
        let request = cbor_route("DescribeAlarmHistory").read(&HeaderMap::new(), &body).expect("readable");
        let expected = DescribeAlarmHistoryInput {
            alarm_name: Some("a".into()),
            start_date: Some(Timestamp(1_772_352_000.5)),
            end_date: Some(Timestamp(1_772_352_000.0)),
            ..Default::default()
        };
        assert_eq!(request, expected.into());
    }

    #[test]
    fn cbor_times_are_written_as_tag_1_around_a_float() {
        let at = 1_772_352_000.25_f64;
        let response = DescribeAlarmsOutput {
            metric_alarms: vec![MetricAlarm {
                state_updated_timestamp: Some(Timestamp(at)),
                ..Default::default()
            }],
            ..Default::default()
        };
        let answer = Protocol::Cbor.success(&response.into(), "id");
        assert_eq!((answer.status, answer.content_type), (200, "application/cbor"));
        let mut expected = b"\x75StateUpdatedTimestamp\xc1\xfb".to_vec();
        expected.extend(at.to_be_bytes());
        assert!(answer.body.windows(expected.len()).any(|window| window == expected), "{:x?}", answer.body);
    }

    #[test]
    fn gzip_bodies_are_inflated_and_bombs_are_not() {
        let gzip = |bytes: &[u8]| {
            let mut encoder = flate2::read::GzEncoder::new(bytes, flate2::Compression::best());
            let mut compressed = Vec::new();
            encoder.read_to_end(&mut compressed).expect("in memory");
            compressed
        };
        let encoded = headers(&[("content-encoding", "gzip")]);
        let route = cbor_route("DescribeAlarms");
        // {_ "MaxRecords": 7}
        let request = route.read(&encoded, &gzip(b"\xbf\x6aMaxRecords\x07\xff")).expect("readable");
        assert_eq!(request, DescribeAlarmsInput { max_records: Some(7), ..Default::default() }.into());
        let bomb = route.read(&encoded, &gzip(&vec![0; 5 << 20])).expect_err("too large");
        assert_eq!(bomb.http_status, 413);
        assert_eq!(route.read(&encoded, b"no gzip").expect_err("refused").code, "SerializationException");
    }

    #[test]
    fn unknown_members_and_nulls_are_ignored_and_wrong_types_are_not() {
        let plain = read_ssm("ListCommands", r#"{"CommandId":null,"MaxResults":5,"Colour":"red"}"#);
        let expected = ssm::ListCommandsInput { max_results: Some(5), ..Default::default() };
        assert_eq!(plain, Ok(expected.into()));
        assert!(read_ssm("ListCommands", "").is_ok());
        for bad in [r#"{"MaxResults":"5"}"#, r#"{"Filters":{}}"#, "[]", "{", "{} {}", "null x", "\u{0}"] {
            let error = read_ssm("ListCommands", bad).expect_err(bad);
            assert_eq!(error.code, "SerializationException", "{bad}");
        }
        assert_eq!(read_ssm("Fly", "{}").expect_err("unknown").code, "UnknownOperationException");
    }

    #[test]
    fn deep_nesting_does_not_crash() {
        let json = format!(r#"{{"Colour":{}1{}}}"#, "[".repeat(100_000), "]".repeat(100_000));
        assert!(read_ssm("ListCommands", &json).is_ok(), "an unknown member is skipped, however deep");
        let mut cbor = b"\xa1\x63New".to_vec();
        cbor.resize(100_000, 0x81);
        let error = cbor_route("DescribeAlarms").read(&HeaderMap::new(), &cbor).expect_err("too deep");
        assert_eq!(error.code, "SerializationException");
    }

    #[test]
    fn ssm_errors_carry_their_text_as_modelled() {
        let json = |error: &ApiError| text(&Protocol::Json11.error(error, "id")).to_owned();
        assert_eq!(json(&ApiError::invalid_command_id()), r#"{"__type":"InvalidCommandId"}"#);
        assert_eq!(
            json(&ApiError::invalid_instance_id("Instances [[i-1]] not in a valid state")),
            r#"{"Message":"Instances [[i-1]] not in a valid state","__type":"InvalidInstanceId"}"#
        );
        assert_eq!(
            json(&ApiError::throttling()),
            r#"{"__type":"ThrottlingException","message":"Rate exceeded"}"#
        );
        assert_eq!(Protocol::Json11.error(&ApiError::internal_server_error("x"), "id").status, 500);
    }

    #[test]
    fn cloudwatch_errors_name_their_query_code_too() {
        let answer = Protocol::Json10.error(&ApiError::invalid_format("not JSON"), "id");
        assert_eq!(
            text(&answer),
            r#"{"__type":"com.amazonaws.cloudwatch#InvalidFormatFault","message":"not JSON"}"#
        );
        assert_eq!(answer.query_error.as_deref(), Some("InvalidFormat;Sender"));
        let answer = Protocol::Cbor.error(&ApiError::resource_not_found("gone"), "id");
        assert_eq!((answer.status, answer.query_error.as_deref()), (404, Some("ResourceNotFound;Sender")));
        assert_eq!(
            answer.body,
            b"\xa2\x66__type\x78\x29com.amazonaws.cloudwatch#ResourceNotFound\x67message\x64gone"
        );
    }

    #[test]
    fn json_times_are_numbers_of_seconds_and_absent_members_are_left_out() {
        let response = ssm::ListCommandsOutput {
            commands: vec![ssm::Command {
                requested_date_time: Some(Timestamp(1_772_352_000.25)),
                ..Default::default()
            }],
            next_token: None,
        };
        let answer = Protocol::Json11.success(&response.into(), "id");
        assert!(text(&answer).contains(r#""RequestedDateTime":1772352000.25"#), "{}", text(&answer));
        assert!(!text(&answer).contains("NextToken"));
        assert!(text(&answer).contains(r#""Status":"Pending""#));
    }
}
