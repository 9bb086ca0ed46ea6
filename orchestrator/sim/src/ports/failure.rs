//! What a failed call means, by the same rules as for the real AWS: the error code decides first, then the status,
//! then whether the call may have been carried out.

use wavetrain_model::agent::redact;
use wavetrain_ports::failure::{Class, Failure};

use crate::api::{ApiError, Delivery, Reply, Response};

/// Whether a call changes something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Effect {
    /// It only reads: repeating is safe.
    Read,
    /// It changes something: whether it was carried out must be known.
    Mutating,
}

/// What a client makes of an answer, or of its absence.
pub(super) fn settle(operation: &'static str, effect: Effect, reply: Reply) -> Result<Response, Failure> {
    match reply.delivery {
        Delivery::Arrives => reply.result.map_err(|error| answered(operation, effect, &error)),
        Delivery::Garbled => Err(nonsense(operation, effect)),
        Delivery::Unavailable => {
            Err(failure(operation, not_known(effect), "503 Service Unavailable", String::new()))
        }
        Delivery::Dropped => Err(failure(operation, not_known(effect), "connection closed", String::new())),
        // A client gives up after its time-out; virtual time does not make anyone wait for it.
        Delivery::Hangs => Err(failure(operation, not_known(effect), "timed out", String::new())),
    }
}

/// An answer that is a success by its status and makes no sense.
pub(super) fn nonsense(operation: &'static str, effect: Effect) -> Failure {
    failure(operation, not_known(effect), "the answer makes no sense", String::new())
}

fn answered(operation: &'static str, effect: Effect, error: &ApiError) -> Failure {
    let class = of_code(&error.code).unwrap_or_else(|| match error.http_status {
        401 | 403 => Class::Denied,
        429 => Class::Throttled,
        400..=499 => Class::Invalid,
        _ => not_known(effect),
    });
    let text = error.message.as_deref().filter(|text| !text.is_empty()).unwrap_or(&error.code);
    failure(operation, class, text, error.code.to_string())
}

fn failure(operation: &'static str, class: Class, message: &str, code: String) -> Failure {
    Failure { class, operation: operation.to_owned(), message: redact(message), code }
}

/// What CloudWatch says inside of an answer that is otherwise fine.
pub(super) fn forbidden(operation: &'static str, id: &str) -> Failure {
    failure(operation, Class::Denied, &format!("{id} is forbidden"), String::new())
}

fn not_known(effect: Effect) -> Class {
    match effect {
        Effect::Read => Class::Unavailable,
        Effect::Mutating => Class::UnknownOutcome,
    }
}

fn of_code(code: &str) -> Option<Class> {
    Some(match code {
        "Throttling" | "ThrottlingException" | "TooManyUpdates" | "RequestLimitExceeded" => Class::Throttled,
        "ExpiredToken" | "ExpiredTokenException" => Class::Expired,
        "UnrecognizedClientException" | "RegionDisabledException" | "MissingAuthenticationTokenException" => {
            Class::Denied
        }
        "InvalidDocument"
        | "InvalidDocumentVersion"
        | "InvalidCommandId"
        | "AssociationDoesNotExist"
        | "AssociationExecutionDoesNotExist"
        | "InvocationDoesNotExist"
        | "InvalidInstanceId"
        | "ResourceNotFound" => Class::NotFound,
        _ if code.starts_with("AccessDenied") => Class::Denied,
        _ if code.starts_with("Validation") || code.starts_with("InvalidParameter") => Class::Invalid,
        _ => return None,
    })
}
