//! The AWS-owned command documents and the check of their parameters.

use std::collections::BTreeMap;

use crate::agent::behaviour::PlatformType;
use crate::agent::request::{Action, ConfigurePackage};
use crate::api::ApiError;

use super::command::Job;

/// Seconds a document may run when it does not say otherwise.
const EXECUTION_SECONDS: i64 = 3600;

/// A parameter of a command document.
pub(super) struct Parameter {
    pub(super) name: &'static str,
    pub(super) kind: &'static str,
    pub(super) default: Option<&'static str>,
    pub(super) description: &'static str,
}

/// A command document owned by AWS.
pub(super) struct CommandDocument {
    pub(super) name: &'static str,
    pub(super) description: &'static str,
    pub(super) platforms: &'static [PlatformType],
    pub(super) parameters: &'static [Parameter],
    /// Plugin and name of its one step.
    pub(super) step: (&'static str, &'static str),
}

const PACKAGE_PARAMETERS: &[Parameter] = &[
    parameter("action", "String", None, "Whether to install or uninstall the package."),
    parameter(
        "installationType",
        "String",
        Some("Uninstall and reinstall"),
        "How an installed package is replaced.",
    ),
    parameter("name", "String", None, "The package, by name or ARN."),
    parameter("version", "String", Some(""), "The version of the package."),
    parameter("additionalArguments", "String", Some("{}"), "Arguments for the package's scripts."),
];

const SCRIPT_PARAMETERS: &[Parameter] = &[
    parameter("commands", "StringList", None, "The lines to run."),
    parameter("workingDirectory", "String", Some(""), "Where to run them."),
    parameter("executionTimeout", "String", Some("3600"), "Seconds they may run."),
];

const fn parameter(
    name: &'static str,
    kind: &'static str,
    default: Option<&'static str>,
    description: &'static str,
) -> Parameter {
    Parameter { name, kind, default, description }
}

/// The documents the world knows.
pub(super) const COMMAND_DOCUMENTS: &[CommandDocument] = &[
    CommandDocument {
        name: "AWS-ConfigureAWSPackage",
        description: "Install or uninstall a Distributor package.",
        platforms: &[PlatformType::Linux, PlatformType::Windows],
        parameters: PACKAGE_PARAMETERS,
        step: ("aws:configurePackage", "configurePackage"),
    },
    CommandDocument {
        name: "AWS-RunShellScript",
        description: "Run a shell script or specify the commands to run.",
        platforms: &[PlatformType::Linux],
        parameters: SCRIPT_PARAMETERS,
        step: ("aws:runShellScript", "runShellScript"),
    },
    CommandDocument {
        name: "AWS-RunPowerShellScript",
        description: "Run a PowerShell script or specify the paths to scripts to run.",
        platforms: &[PlatformType::Windows],
        parameters: SCRIPT_PARAMETERS,
        step: ("aws:runPowerShellScript", "runPowerShellScript"),
    },
];

/// Finds an AWS-owned command document by name or ARN.
pub(super) fn command_document(name: &str) -> Option<&'static CommandDocument> {
    let bare = crate::agent::run::bare_name(name);
    COMMAND_DOCUMENTS.iter().find(|document| document.name == bare)
}

/// What a command will do and how many seconds it may run once begun.
pub(super) fn job(
    document: &CommandDocument,
    parameters: &BTreeMap<String, Vec<String>>,
) -> Result<(Job, i64), ApiError> {
    for name in parameters.keys() {
        if !document.parameters.iter().any(|known| known.name == name) {
            return Err(ApiError::invalid_parameters(format!(
                "Parameter \"{name}\" is not defined in document {}.",
                document.name
            )));
        }
    }
    for known in document.parameters.iter().filter(|known| known.default.is_none()) {
        if !parameters.contains_key(known.name) {
            return Err(ApiError::invalid_parameters(format!(
                "Parameter \"{}\" requires a value.",
                known.name
            )));
        }
    }
    if document.name == "AWS-ConfigureAWSPackage" {
        return Ok((Job::Package(package_job(parameters)?), EXECUTION_SECONDS));
    }
    let platform = document.platforms.first().copied().unwrap_or(PlatformType::Linux);
    script_job(platform, parameters)
}

fn package_job(parameters: &BTreeMap<String, Vec<String>>) -> Result<ConfigurePackage, ApiError> {
    let action = single(parameters, "action")?.unwrap_or_default();
    let action = Action::parse(action).ok_or_else(|| not_allowed("action", action, "Install, Uninstall"))?;
    let kind = single(parameters, "installationType")?.unwrap_or("Uninstall and reinstall");
    let in_place = match kind {
        "Uninstall and reinstall" => false,
        "In-place update" => true,
        other => {
            return Err(not_allowed("installationType", other, "Uninstall and reinstall, In-place update"));
        }
    };
    let name = single(parameters, "name")?.unwrap_or_default();
    if !is_package_name(name) {
        return Err(ApiError::invalid_parameters(format!(
            "Parameter \"name\" has value \"{name}\" not matching the allowed pattern."
        )));
    }
    let arguments = single(parameters, "additionalArguments")?.unwrap_or_default();
    let is_map =
        |text: &str| serde_json::from_str::<serde_json::Value>(text).is_ok_and(|value| value.is_object());
    if arguments.len() > 4096 || !(arguments.is_empty() || is_map(arguments)) {
        return Err(ApiError::invalid_parameters(
            "Parameter \"additionalArguments\" must be a JSON object of at most 4096 characters.",
        ));
    }
    Ok(ConfigurePackage {
        action,
        in_place,
        name: name.to_owned(),
        version: ConfigurePackage::version_of(single(parameters, "version")?.unwrap_or_default()),
        additional_arguments: arguments.to_owned(),
    })
}

fn script_job(
    platform: PlatformType,
    parameters: &BTreeMap<String, Vec<String>>,
) -> Result<(Job, i64), ApiError> {
    let seconds = match single(parameters, "executionTimeout")? {
        None | Some("") => EXECUTION_SECONDS,
        Some(text) => text
            .parse::<i64>()
            .ok()
            .filter(|seconds| (1..=172_800).contains(seconds))
            .ok_or_else(|| not_allowed("executionTimeout", text, "1 to 172800"))?,
    };
    let text = parameters.get("commands").map(|lines| lines.join("\n")).unwrap_or_default();
    Ok((Job::Script { platform, text }, seconds))
}

fn single<'p>(
    parameters: &'p BTreeMap<String, Vec<String>>,
    name: &str,
) -> Result<Option<&'p str>, ApiError> {
    match parameters.get(name).map(Vec::as_slice) {
        None => Ok(None),
        Some([value]) => Ok(Some(value)),
        Some(_) => {
            Err(ApiError::invalid_parameters(format!("Parameter \"{name}\" must have exactly one value.")))
        }
    }
}

fn not_allowed(name: &str, value: &str, allowed: &str) -> ApiError {
    ApiError::invalid_parameters(format!(
        "Parameter \"{name}\" has value \"{value}\" not in the allowed values: {allowed}."
    ))
}

fn is_package_name(name: &str) -> bool {
    let plain = |text: &str| {
        (1..=128).contains(&text.len())
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"/:.-_".contains(&byte))
    };
    if !name.starts_with("arn:") {
        return plain(name);
    }
    let rest = name.split_once("document/").or_else(|| name.split_once("package/"));
    rest.is_some_and(|(_, rest)| plain(rest))
}
