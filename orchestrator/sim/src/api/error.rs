//! Errors as AWS answers them.

use std::borrow::Cow;

/// Whose fault an error is said to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The caller's (`Sender`).
    Client,
    /// The service's (`Receiver`).
    Server,
}

/// An error answer of a service.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{code}{}", .message.as_deref().map(|text| format!(": {text}")).unwrap_or_default())]
pub struct ApiError {
    /// Shape name in the service model, such as `InvalidInstanceId`.
    pub code: Cow<'static, str>,
    /// Text for people. Several SSM errors are modelled without one.
    pub message: Option<String>,
    /// HTTP status.
    pub http_status: u16,
    /// Whose fault.
    pub fault: Fault,
}

impl ApiError {
    /// A client error of status 400, the usual kind.
    pub fn client(code: impl Into<Cow<'static, str>>, message: impl Into<String>) -> Self {
        Self::bare(code).with_message(message)
    }

    /// A client error of status 400 that carries no text.
    pub fn bare(code: impl Into<Cow<'static, str>>) -> Self {
        Self { code: code.into(), message: None, http_status: 400, fault: Fault::Client }
    }

    /// A server error of status 500.
    pub fn server(code: impl Into<Cow<'static, str>>, message: impl Into<String>) -> Self {
        Self { http_status: 500, fault: Fault::Server, ..Self::client(code, message) }
    }

    /// The same error with a text.
    #[must_use]
    pub fn with_message(self, message: impl Into<String>) -> Self {
        Self { message: Some(message.into()), ..self }
    }

    /// The same error with another HTTP status.
    #[must_use]
    pub fn with_status(self, http_status: u16) -> Self {
        Self { http_status, ..self }
    }

    /// Code in the older Query protocol, which names some errors otherwise than their shapes, and in the `x-amzn-query-error` header.
    pub fn query_code(&self) -> &str {
        match &*self.code {
            "InvalidFormatFault" => "InvalidFormat",
            "LimitExceededFault" => "LimitExceeded",
            "InvalidParameterValueException" => "InvalidParameterValue",
            "InvalidParameterCombinationException" => "InvalidParameterCombination",
            "MissingRequiredParameterException" => "MissingParameter",
            "InternalServiceFault" => "InternalServiceError",
            "MalformedPolicyDocumentException" => "MalformedPolicyDocument",
            "PackedPolicyTooLargeException" => "PackedPolicyTooLarge",
            same => same,
        }
    }
}

macro_rules! constructors {
    ($($(#[$doc:meta])* $name:ident($($message:ident)?) => $code:literal $(.$change:ident($value:expr))*;)*) => {
        impl ApiError { $(
            $(#[$doc])*
            pub fn $name($($message: impl Into<String>)?) -> Self {
                constructors!(@new $code $($message)?)$(.$change($value))*
            }
        )* }
    };
    (@new $code:literal) => { Self::bare($code) };
    (@new $code:literal $message:ident) => { Self::client($code, $message) };
}

constructors! {
    // Any service.
    /// The call rate of the account and Region is exhausted. Rejected before it was carried out.
    throttling() => "ThrottlingException".with_message("Rate exceeded");
    /// A limit of the service model is broken.
    validation(message) => "ValidationException";
    /// The body is not what the protocol promises.
    serialization(message) => "SerializationException";
    /// The service has no such operation here.
    unknown_operation() => "UnknownOperationException";
    /// Not allowed (every service but STS).
    access_denied(message) => "AccessDeniedException";
    /// Not allowed, as STS says it.
    sts_access_denied(message) => "AccessDenied".with_status(403);
    /// No signature on the request.
    missing_authentication_token() => "MissingAuthenticationTokenException".with_message("Missing Authentication Token");
    /// A signature that cannot be read.
    incomplete_signature(message) => "IncompleteSignatureException";
    /// Temporary credentials past their end.
    expired_token() => "ExpiredTokenException".with_message("The security token included in the request is expired");
    /// Credentials nobody issued.
    unrecognized_client() =>
        "UnrecognizedClientException".with_message("The security token included in the request is invalid.");

    // SSM.
    /// `InvalidInstanceId`: one bad id fails the whole call.
    invalid_instance_id(message) => "InvalidInstanceId";
    /// `DuplicateInstanceId`, which has no text.
    duplicate_instance_id() => "DuplicateInstanceId";
    /// `InvalidDocument`: does not exist, or no access.
    invalid_document(message) => "InvalidDocument";
    /// `InvalidDocumentVersion`.
    invalid_document_version(message) => "InvalidDocumentVersion";
    /// `DocumentAlreadyExists`.
    document_already_exists(message) => "DocumentAlreadyExists";
    /// `DocumentLimitExceeded`: too many documents in the account and Region.
    document_limit_exceeded(message) => "DocumentLimitExceeded";
    /// `DocumentVersionLimitExceeded`: too many versions of one document.
    document_version_limit_exceeded(message) => "DocumentVersionLimitExceeded";
    /// `DocumentPermissionLimit`: shared with too many accounts.
    document_permission_limit(message) => "DocumentPermissionLimit";
    /// `DuplicateDocumentContent`: the content is that of an earlier version.
    duplicate_document_content(message) => "DuplicateDocumentContent";
    /// `DuplicateDocumentVersionName`: the label is taken.
    duplicate_document_version_name(message) => "DuplicateDocumentVersionName";
    /// `InvalidDocumentContent`.
    invalid_document_content(message) => "InvalidDocumentContent";
    /// `InvalidDocumentSchemaVersion`.
    invalid_document_schema_version(message) => "InvalidDocumentSchemaVersion";
    /// `InvalidDocumentOperation`: not in this state, such as deleting what is still shared.
    invalid_document_operation(message) => "InvalidDocumentOperation";
    /// `InvalidOutputFolder`, which has no text.
    invalid_output_folder() => "InvalidOutputFolder";
    /// `InvalidParameters`: parameters that do not fit the document.
    invalid_parameters(message) => "InvalidParameters";
    /// `UnsupportedPlatformType`.
    unsupported_platform_type(message) => "UnsupportedPlatformType";
    /// `MaxDocumentSizeExceeded`.
    max_document_size_exceeded(message) => "MaxDocumentSizeExceeded";
    /// `InvalidRole`.
    invalid_role(message) => "InvalidRole";
    /// `InvalidNotificationConfig`.
    invalid_notification_config(message) => "InvalidNotificationConfig";
    /// `InvalidCommandId`, which has no text.
    invalid_command_id() => "InvalidCommandId";
    /// `InvalidFilterKey`, which has no text.
    invalid_filter_key() => "InvalidFilterKey";
    /// `InvalidPluginName`, which has no text.
    invalid_plugin_name() => "InvalidPluginName";
    /// `InvocationDoesNotExist`, which has no text. Usual for some seconds after a command was sent.
    invocation_does_not_exist() => "InvocationDoesNotExist";
    /// `InvalidNextToken`, of SSM and of CloudWatch.
    invalid_next_token(message) => "InvalidNextToken";
    /// `InvalidInstanceInformationFilterValue`.
    invalid_instance_information_filter_value(message) => "InvalidInstanceInformationFilterValue";
    /// `InvalidInstancePropertyFilterValue`.
    invalid_instance_property_filter_value(message) => "InvalidInstancePropertyFilterValue";
    /// `InvalidActivationId`.
    invalid_activation_id(message) => "InvalidActivationId";
    /// `InvalidResourceType`, which has no text.
    invalid_resource_type() => "InvalidResourceType";
    /// `InvalidResourceId`, which has no text.
    invalid_resource_id() => "InvalidResourceId";
    /// `TooManyTagsError`, which has no text.
    too_many_tags() => "TooManyTagsError";
    /// `InvalidFilter`.
    invalid_filter(message) => "InvalidFilter";
    /// `InvalidItemContentException`: a compliance item that makes no sense.
    invalid_item_content(message) => "InvalidItemContentException";
    /// `ItemSizeLimitExceededException`.
    item_size_limit_exceeded(message) => "ItemSizeLimitExceededException";
    /// `TotalSizeLimitExceededException`.
    total_size_limit_exceeded(message) => "TotalSizeLimitExceededException";
    /// `ComplianceTypeCountLimitExceededException`: too many custom types on one node.
    compliance_type_count_limit_exceeded(message) => "ComplianceTypeCountLimitExceededException";
    /// `AssociationAlreadyExists`, which has no text.
    association_already_exists() => "AssociationAlreadyExists";
    /// `AssociationLimitExceeded`, which has no text.
    association_limit_exceeded() => "AssociationLimitExceeded";
    /// `AssociationVersionLimitExceeded`.
    association_version_limit_exceeded(message) => "AssociationVersionLimitExceeded";
    /// `AssociationDoesNotExist`.
    association_does_not_exist(message) => "AssociationDoesNotExist";
    /// `AssociationExecutionDoesNotExist`.
    association_execution_does_not_exist(message) => "AssociationExecutionDoesNotExist";
    /// `InvalidAssociationVersion`.
    invalid_association_version(message) => "InvalidAssociationVersion";
    /// `InvalidSchedule`.
    invalid_schedule(message) => "InvalidSchedule";
    /// `InvalidTarget`: no target, or one that is not supported.
    invalid_target(message) => "InvalidTarget";
    /// `InvalidTargetMaps`.
    invalid_target_maps(message) => "InvalidTargetMaps";
    /// `InvalidOutputLocation`, which has no text.
    invalid_output_location() => "InvalidOutputLocation";
    /// `TooManyUpdates`: concurrent change of one resource.
    too_many_updates(message) => "TooManyUpdates";

    // CloudWatch.
    /// `ResourceNotFound`: no alarm of that name.
    resource_not_found(message) => "ResourceNotFound".with_status(404);
    /// `InvalidFormatFault`: state reason data that is not JSON.
    invalid_format(message) => "InvalidFormatFault";
    /// `ValidationError`, which no CloudWatch operation models: a query or expression that makes no sense.
    validation_error(message) => "ValidationError";
    /// `InvalidParameterValueException`: a number, name or moment that is not allowed.
    invalid_parameter_value(message) => "InvalidParameterValueException";
    /// `InvalidParameterCombinationException`: members that exclude each other.
    invalid_parameter_combination(message) => "InvalidParameterCombinationException";
    /// `MissingRequiredParameterException`: a member without which the others say nothing.
    missing_parameter(message) => "MissingRequiredParameterException";
    /// `LimitExceededFault`.
    limit_exceeded(message) => "LimitExceededFault";

    // STS.
    /// `MalformedPolicyDocumentException`.
    malformed_policy_document(message) => "MalformedPolicyDocumentException";
    /// `RegionDisabledException`: STS is not activated in the Region for the account.
    region_disabled(message) => "RegionDisabledException".with_status(403);
}

impl ApiError {
    /// `InternalServerError`, the server fault every SSM operation models.
    pub fn internal_server_error(message: impl Into<String>) -> Self {
        Self::server("InternalServerError", message)
    }

    /// A service that cannot serve now, HTTP 503.
    pub fn service_unavailable() -> Self {
        Self::server("ServiceUnavailable", "Service is unable to handle request.").with_status(503)
    }
}
