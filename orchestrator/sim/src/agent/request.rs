//! The input of the `aws:configurePackage` plugin, with the checks the agent itself makes.

use std::collections::BTreeMap;

/// What to do with the package.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Bring the package to a version.
    Install,
    /// Remove it.
    Uninstall,
}

impl Action {
    /// The parameter's value, case-sensitive on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Install => "Install",
            Self::Uninstall => "Uninstall",
        }
    }

    /// Reads the parameter's value.
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "Install" => Some(Self::Install),
            "Uninstall" => Some(Self::Uninstall),
            _ => None,
        }
    }
}

/// The parameters of one command of `AWS-ConfigureAWSPackage`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigurePackage {
    /// Install or uninstall.
    pub action: Action,
    /// `In-place update` was asked for.
    pub in_place: bool,
    /// Document name or ARN, as given.
    pub name: String,
    /// `VersionName`; `None` for the document's default (blank and `latest` both mean that).
    pub version: Option<String>,
    /// JSON text of the additional arguments; empty when not given.
    pub additional_arguments: String,
}

impl ConfigurePackage {
    /// The `version` parameter's text as a request field.
    pub fn version_of(text: &str) -> Option<String> {
        (!text.is_empty() && text != "latest").then(|| text.to_owned())
    }

    /// The checks made on the node; the error is the plugin's stderr.
    pub fn validate(&self) -> Result<(), String> {
        if self.additional_arguments.is_empty() {
            return Ok(());
        }
        let arguments: BTreeMap<String, String> = serde_json::from_str(&self.additional_arguments)
            .map_err(|error| format!("unable to unmarshal additional arguments from input: {error}"))?;
        for key in arguments.keys() {
            if key.is_empty() {
                return Err("empty key is not allowed in additional arguments from input".to_owned());
            }
            if !key.starts_with("SSM_") {
                return Err(
                    "keys need to start with \"SSM_\" prefix in additional arguments from input".to_owned()
                );
            }
        }
        Ok(())
    }
}
