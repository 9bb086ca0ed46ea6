//! The AWS operations the world answers, as plain data: one struct a request, one a response, one error type.
//!
//! Names, members, limits and errors are those of the public service models (SSM 2014-11-06, CloudWatch
//! 2010-08-01, STS 2011-06-15, Organizations 2016-11-28). Nothing here knows HTTP: how these values look on the wire is the business of
//! the HTTP door; what they do is the business of the world.
//!
//! Members that AWS requires are plain values here and `""`, `0` or empty when the caller left them out:
//! [`Request::validate`] refuses those before the world looks at them, with the text AWS uses.

mod error;
mod validate;
mod wire;

pub mod cloudwatch;
pub mod messages;
pub mod organizations;
pub mod s3;
pub mod ssm;
pub mod sts;

pub use error::{ApiError, Fault};
pub use validate::{Violations, is_account_id, is_unit_or_root};
pub use wire::{Source, Timestamp};

/// Who calls and where, as read from a request's signature.
///
/// The world, which issued the keys of assumed roles, turns the access key into an account.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Caller {
    /// Access key id: a 12-digit account id, a key that `AssumeRole` handed out, or anything else (the hub).
    pub access_key_id: String,
    /// Session token of temporary credentials.
    pub session_token: Option<String>,
    /// Region of the SigV4 credential scope, such as `eu-west-1`.
    pub region: String,
}

/// AWS service that an operation belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Service {
    /// Systems Manager.
    Ssm,
    /// CloudWatch.
    CloudWatch,
    /// Security Token Service.
    Sts,
    /// Simple Storage Service.
    S3,
    /// Message delivery to agents.
    Messages,
    /// AWS Organizations.
    Organizations,
}

impl Service {
    /// The service's name as in an endpoint setting: `ssm`, `cloudwatch`, `sts`, `s3`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ssm => "ssm",
            Self::CloudWatch => "cloudwatch",
            Self::Sts => "sts",
            Self::S3 => "s3",
            Self::Messages => "ec2messages",
            Self::Organizations => "organizations",
        }
    }
}

/// One call to any operation.
#[derive(Clone, Debug, PartialEq)]
pub enum Request {
    /// To Systems Manager.
    Ssm(ssm::Request),
    /// To CloudWatch.
    CloudWatch(cloudwatch::Request),
    /// To the Security Token Service.
    Sts(sts::Request),
    /// To the Simple Storage Service.
    S3(s3::Request),
    /// To message delivery.
    Messages(messages::Request),
    /// To AWS Organizations.
    Organizations(organizations::Request),
}

impl Request {
    /// Service the operation belongs to.
    pub fn service(&self) -> Service {
        match self {
            Self::Ssm(_) => Service::Ssm,
            Self::CloudWatch(_) => Service::CloudWatch,
            Self::Sts(_) => Service::Sts,
            Self::S3(_) => Service::S3,
            Self::Messages(_) => Service::Messages,
            Self::Organizations(_) => Service::Organizations,
        }
    }

    /// Operation name, such as `SendCommand`.
    pub fn operation(&self) -> &'static str {
        match self {
            Self::Ssm(request) => request.operation(),
            Self::CloudWatch(request) => request.operation(),
            Self::Sts(request) => request.operation(),
            Self::S3(request) => request.operation(),
            Self::Messages(request) => request.operation(),
            Self::Organizations(request) => request.operation(),
        }
    }

    /// Checks the limits of the service model (required members, lengths, ranges, patterns, enum values).
    ///
    /// The door does not call this: the world does, first thing in a call, so that refused calls are recorded too
    /// and calls that never crossed HTTP obey the same limits.
    pub fn validate(&self) -> Result<(), ApiError> {
        match self {
            Self::Ssm(request) => request.validate(),
            // CloudWatch kept the older protocol's word for it.
            Self::CloudWatch(request) => request.validate().map_err(|error| ApiError {
                code: if error.code == "ValidationException" { "ValidationError".into() } else { error.code },
                ..error
            }),
            Self::Sts(request) => request.validate(),
            // Its model has no limits that a path and headers could break.
            Self::S3(_) => Ok(()),
            Self::Messages(request) => request.validate(),
            Self::Organizations(request) => {
                request.validate().map_err(|error| ApiError { code: "InvalidInputException".into(), ..error })
            }
        }
    }
}

impl serde::Serialize for Request {
    /// As the input of the operation, so that a log of calls shows what was asked.
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Ssm(request) => request.serialize(serializer),
            Self::CloudWatch(request) => request.serialize(serializer),
            Self::Sts(request) => request.serialize(serializer),
            Self::S3(request) => request.place().serialize(serializer),
            Self::Messages(request) => request.serialize(serializer),
            Self::Organizations(request) => request.serialize(serializer),
        }
    }
}

/// The successful answer to a [`Request`] of the same service and operation.
#[derive(Clone, Debug, PartialEq)]
pub enum Response {
    /// From Systems Manager.
    Ssm(ssm::Response),
    /// From CloudWatch.
    CloudWatch(cloudwatch::Response),
    /// From the Security Token Service.
    Sts(sts::Response),
    /// From the Simple Storage Service.
    S3(s3::Response),
    /// From message delivery.
    Messages(messages::Response),
    /// From AWS Organizations.
    Organizations(organizations::Response),
}

/// What becomes of an answer on its way back: decided by the world's faults, carried out by the door.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Delivery {
    /// It arrives.
    #[default]
    Arrives,
    /// The connection closes without an answer, although the call was carried out.
    Dropped,
    /// The status says success and the body is not what the protocol promises.
    Garbled,
    /// HTTP 503 from something in front of the service; whether the call was carried out is not visible.
    Unavailable,
    /// No answer for as long as the caller waits.
    Hangs,
}

/// The world's answer to one call.
#[derive(Clone, Debug, PartialEq)]
pub struct Reply {
    /// What the service answers.
    pub result: Result<Response, ApiError>,
    /// Whether the caller gets to see it.
    pub delivery: Delivery,
}

impl From<Result<Response, ApiError>> for Reply {
    fn from(result: Result<Response, ApiError>) -> Self {
        Self { result, delivery: Delivery::Arrives }
    }
}
