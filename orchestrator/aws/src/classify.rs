//! What a failed call means: every SDK error becomes a [`Failure`] with a [`Class`].
//!
//! The service's error code decides first, then the HTTP status, then how far the request came. The same loss of a
//! connection means two things: a read is simply repeated, a call that changes something must be looked for first.

use crate::site::Role;
use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_sts::operation::assume_role::AssumeRoleError;
use aws_sdk_sts::operation::assume_role_with_web_identity::AssumeRoleWithWebIdentityError;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use std::error::Error;
use std::io;
use wavetrain_model::agent::redact;
use wavetrain_ports::failure::{Class, Failure};

/// Longest message kept of an error, in characters.
const MESSAGE_CHARS: usize = 600;

/// Whether a call changes something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Effect {
    /// It only reads: repeating is safe.
    Read,
    /// It changes something: if it may have been executed, that must be known.
    Mutating,
}

/// How far a call came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// The request could not be built.
    Unbuilt,
    /// No credentials; what that means is already decided.
    Credentials(Class),
    /// No connection was made.
    Unconnected,
    /// The request may have arrived; no answer came.
    Lost,
    /// Answered with this HTTP status.
    Answered(u16),
}

/// What a failed call showed, free of the SDK's type parameters.
#[derive(Debug)]
struct Symptom {
    stage: Stage,
    code: String,
    message: String,
}

/// Classifies an error. `role` is where the site's credentials come from, for the advice in the message.
pub(crate) fn failure<E>(
    operation: &'static str,
    effect: Effect,
    role: Option<&Role>,
    error: &SdkError<E, HttpResponse>,
) -> Failure
where
    E: ProvideErrorMetadata + Error + 'static,
{
    let symptom = symptom(error);
    let class = class(&symptom, effect);
    let advice = advice(&symptom, class, role);
    let message = clip(&redact(&format!("{}{advice}", symptom.message)));
    Failure { class, operation: operation.to_owned(), message, code: symptom.code }
}

/// An answer that arrived, was a success by its status, and makes no sense.
pub(crate) fn nonsense(operation: &'static str, effect: Effect, message: &str) -> Failure {
    let class = not_known(effect);
    Failure { class, operation: operation.to_owned(), message: message.to_owned(), code: String::new() }
}

fn symptom<E>(error: &SdkError<E, HttpResponse>) -> Symptom
where
    E: ProvideErrorMetadata + Error + 'static,
{
    let answered = |status: u16| Symptom {
        stage: Stage::Answered(status),
        code: error.code().unwrap_or_default().to_owned(),
        message: said(error),
    };
    match error {
        SdkError::ServiceError(context) => answered(context.raw().status().as_u16()),
        SdkError::ResponseError(context) => answered(context.raw().status().as_u16()),
        SdkError::ConstructionFailure(_) => unanswered(error, Stage::Unbuilt),
        SdkError::DispatchFailure(context) if context.is_user() => unanswered(error, Stage::Unbuilt),
        // A time-out, a broken connection, or a kind of error that a later SDK invents.
        _ => unanswered(error, Stage::Lost),
    }
}

/// What the service said, or the SDK where the service said nothing: several SSM errors carry no text.
fn said<E>(error: &SdkError<E, HttpResponse>) -> String
where
    E: ProvideErrorMetadata + Error + 'static,
{
    match (error.message().map(str::trim).filter(|text| !text.is_empty()), error.code()) {
        (Some(message), _) => message.to_owned(),
        (None, Some(code)) => code.to_owned(),
        (None, None) => {
            match error.raw_response().map_or(0, |response| response.status().as_u16()) {
                // A gateway's page, or nothing: what the parser thinks of it helps nobody.
                status @ 500.. => format!("the service is not available (HTTP status {status})"),
                status => format!("an answer that makes no sense (HTTP status {status}): {}", chain(error)),
            }
        }
    }
}

fn unanswered(error: &(dyn Error + 'static), stage: Stage) -> Symptom {
    if let Some(credentials) = find::<CredentialsError>(error) {
        return without_credentials(credentials);
    }
    let stage = if never_connected(error) { Stage::Unconnected } else { stage };
    let what = match stage {
        Stage::Unconnected => "no connection",
        Stage::Unbuilt => "request not sent",
        _ => "no answer",
    };
    Symptom { stage, code: String::new(), message: format!("{what}: {}", chain(error)) }
}

/// A session that could not be had: STS's own answer, if there is one, says why.
fn without_credentials(error: &CredentialsError) -> Symptom {
    if let Some(refused) = find::<SdkError<AssumeRoleError, HttpResponse>>(error) {
        return from_sts(symptom(refused));
    }
    if let Some(refused) = find::<SdkError<AssumeRoleWithWebIdentityError, HttpResponse>>(error) {
        return from_sts(symptom(refused));
    }
    let message = chain(error);
    let class = match error {
        CredentialsError::ProviderTimedOut(_) => Class::Unavailable,
        _ if never_connected(error) => Class::Unavailable,
        // The sign-in providers have private error types; their texts say "expired".
        _ if message.to_ascii_lowercase().contains("expired") => Class::Expired,
        _ => Class::Denied,
    };
    Symptom { stage: Stage::Credentials(class), code: String::new(), message }
}

fn from_sts(symptom: Symptom) -> Symptom {
    let class = class(&symptom, Effect::Read);
    Symptom { stage: Stage::Credentials(class), ..symptom }
}

fn class(symptom: &Symptom, effect: Effect) -> Class {
    match symptom.stage {
        Stage::Unbuilt => Class::Invalid,
        Stage::Credentials(class) => class,
        Stage::Unconnected => Class::Unavailable,
        Stage::Lost => not_known(effect),
        Stage::Answered(status) => of_code(&symptom.code).unwrap_or_else(|| of_status(status, effect)),
    }
}

fn not_known(effect: Effect) -> Class {
    match effect {
        Effect::Read => Class::Unavailable,
        Effect::Mutating => Class::UnknownOutcome,
    }
}

/// A code that is not in the list is carried to the user and judged by its status.
fn of_code(code: &str) -> Option<Class> {
    Some(match code {
        "Throttling"
        | "ThrottlingException"
        | "ThrottledException"
        | "RequestThrottled"
        | "RequestThrottledException"
        | "RequestLimitExceeded"
        | "TooManyRequestsException"
        | "TooManyUpdates"
        | "BandwidthLimitExceeded"
        | "LimitExceededException"
        | "ProvisionedThroughputExceededException"
        | "SlowDown"
        | "PriorRequestNotComplete"
        | "TransactionInProgressException"
        | "EC2ThrottledException" => Class::Throttled,
        "ExpiredToken" | "ExpiredTokenException" | "RequestExpired" | "TokenRefreshRequired" => {
            Class::Expired
        }
        "UnauthorizedOperation"
        | "UnauthorizedException"
        | "NotAuthorized"
        | "OptInRequired"
        | "AuthFailure"
        | "RegionDisabledException"
        | "UnrecognizedClientException"
        | "InvalidClientTokenId"
        | "InvalidSignatureException"
        | "SignatureDoesNotMatch"
        | "IncompleteSignature"
        | "IncompleteSignatureException"
        | "MissingAuthenticationToken"
        | "MissingAuthenticationTokenException"
        | "RequestTimeTooSkewed"
        | "SubscriptionRequiredException" => Class::Denied,
        "InvalidDocument"
        | "InvalidDocumentVersion"
        | "InvalidCommandId"
        | "AssociationDoesNotExist"
        | "AssociationExecutionDoesNotExist"
        | "InvocationDoesNotExist"
        | "InvalidInstanceId"
        | "ResourceNotFound"
        | "ResourceNotFoundException"
        | "NoSuchKey"
        | "NoSuchUpload"
        | "NotFound"
        | "NoSuchEntity"
        | "ParentNotFoundException" => Class::NotFound,
        "RequestTimeout" | "RequestTimeoutException" => Class::Unavailable,
        _ if code.starts_with("AccessDenied") => Class::Denied,
        _ if code.starts_with("Validation") || code.starts_with("InvalidParameter") => Class::Invalid,
        _ => return None,
    })
}

/// A server error on a call that changes something proves nothing: the server may have failed after the deed.
fn of_status(status: u16, effect: Effect) -> Class {
    match status {
        401 | 403 => Class::Denied,
        408 => Class::Unavailable,
        429 => Class::Throttled,
        400..=499 => Class::Invalid,
        _ => not_known(effect),
    }
}

/// What a person can do about it, appended to what the service said.
fn advice(symptom: &Symptom, class: Class, role: Option<&Role>) -> String {
    match (symptom.stage, role) {
        (Stage::Credentials(Class::Denied | Class::Invalid | Class::NotFound), Some(role)) => {
            let external_id = match &role.external_id {
                Some(id) => format!("`{id}` was sent"),
                None => "none was sent".to_owned(),
            };
            return format!(
                "; cannot assume role {}: check that the role exists, that its trust policy names the caller, that the \
                 caller may call sts:AssumeRole on it, and its external id ({external_id})",
                role.arn
            );
        }
        (Stage::Credentials(Class::Expired), _) => {
            return "; the caller's own credentials have run out: sign in again".to_owned();
        }
        (Stage::Credentials(_), Some(role)) => return format!("; while assuming role {}", role.arn),
        (Stage::Credentials(Class::Denied), None) => {
            return "; no usable AWS credentials: set AWS_PROFILE or the AWS_ACCESS_KEY_ID variables, or sign in".to_owned();
        }
        _ => {}
    }
    match symptom.code.as_str() {
        "UnrecognizedClientException"
        | "InvalidClientTokenId"
        | "AuthFailure"
        | "OptInRequired"
        | "RegionDisabledException" => {
            "; Region not enabled for this account, or the keys no longer exist?".to_owned()
        }
        "InvalidSignatureException" | "SignatureDoesNotMatch" | "RequestTimeTooSkewed" | "RequestExpired" => {
            "; check this machine's clock".to_owned()
        }
        _ if class == Class::Expired => "; sign in again".to_owned(),
        _ => String::new(),
    }
}

/// Whether the failure came before a connection existed, so that nothing was sent: names, refused or timed-out
/// connections, TLS handshakes.
fn never_connected(error: &(dyn Error + 'static)) -> bool {
    find::<hyper_util::client::legacy::Error>(error)
        .is_some_and(hyper_util::client::legacy::Error::is_connect)
        || find::<io::Error>(error).is_some_and(|error| error.kind() == io::ErrorKind::ConnectionRefused)
}

/// The first error of a type in a chain of sources.
fn find<'a, T: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a T> {
    sources(error).find_map(|error| error.downcast_ref::<T>())
}

fn sources<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |&error| error.source())
}

/// An error and its sources in one line, without repetitions and without the SDK's names for its own layers.
fn chain(error: &(dyn Error + 'static)) -> String {
    const LAYERS: [&str; 9] = [
        "",
        "other",
        "io error",
        "dispatch failure",
        "response error",
        "service error",
        "unhandled error",
        "request has timed out",
        "an error occurred while loading credentials",
    ];
    let mut texts: Vec<String> = Vec::new();
    for text in sources(error).map(ToString::to_string).filter(|text| !LAYERS.contains(&text.as_str())) {
        if !texts.iter().any(|earlier| earlier.contains(&text)) {
            texts.push(text);
        }
    }
    texts.join(": ")
}

fn clip(text: &str) -> String {
    let text = text.trim();
    if text.is_empty() {
        return "no explanation".to_owned();
    }
    match text.char_indices().nth(MESSAGE_CHARS) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}
