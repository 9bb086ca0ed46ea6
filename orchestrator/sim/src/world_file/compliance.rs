//! Compliance that nodes have of their own, and what versions do to it.

use serde::{Deserialize, Serialize};

use super::check::impossible;
use super::{WorldFile, WorldFileError};
use crate::api::ssm::ComplianceSeverity;

/// A compliance item that every node of some groups has, as a scanner would report it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ComplianceFile {
    /// `Patch`, or `Custom:` and a name.
    #[serde(rename = "type", default = "default_type")]
    pub kind: String,
    /// Id of the item.
    pub id: String,
    /// Title of the item.
    #[serde(default)]
    pub title: String,
    /// How bad it is.
    #[serde(default)]
    pub severity: ComplianceSeverity,
    /// Groups whose nodes have it; all when empty.
    #[serde(default)]
    pub nodes: Vec<String>,
    /// Accounts where nodes have it; all when empty.
    #[serde(default)]
    pub accounts: Vec<String>,
    /// Regions where nodes have it; all when empty.
    #[serde(default)]
    pub regions: Vec<String>,
    /// Fraction of the nodes that are not compliant, whatever happens.
    #[serde(default)]
    pub non_compliant: f64,
    /// Seconds between two scans of a node: nothing shows before the next one.
    #[serde(default = "default_every")]
    pub every_seconds: u32,
    /// A version that makes its nodes non-compliant.
    #[serde(default)]
    pub spoiled_by: Option<SpoiledBy>,
}

fn default_type() -> String {
    "Patch".to_owned()
}

fn default_every() -> u32 {
    86_400
}

/// What makes nodes non-compliant.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SpoiledBy {
    /// Package.
    pub package: String,
    /// Version of it that is installed.
    pub version: String,
    /// Fraction of its nodes on which it does so; all when absent.
    #[serde(default)]
    pub fraction: Option<f64>,
}

impl WorldFile {
    pub(super) fn check_compliance(&self) -> Result<(), WorldFileError> {
        for (index, item) in self.compliance.iter().enumerate() {
            let place = format!("compliance[{index}]");
            let custom = item.kind.strip_prefix("Custom:");
            let plain = |name: &str| {
                (2..=90).contains(&name.len())
                    && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
            };
            if item.kind != "Patch" && !custom.is_some_and(plain) {
                return Err(impossible(format!("{place}.type"), "must be Patch, or Custom: and a name"));
            }
            if item.id.is_empty() || item.id.len() > 200 || item.title.chars().count() > 500 {
                return Err(impossible(
                    place,
                    "needs an id of at most 200 and a title of at most 500 characters",
                ));
            }
            for group in &item.nodes {
                if !self.nodes.iter().any(|known| known.name == *group) {
                    return Err(impossible(
                        format!("{place}.nodes"),
                        format!("no group is called `{group}`"),
                    ));
                }
            }
            let twin = |other: &super::ComplianceFile| other.kind == item.kind && other.id == item.id;
            if self.compliance[..index].iter().any(twin) {
                return Err(impossible(place, format!("`{}` is there twice", item.id)));
            }
            if let Some(spoiled) = &item.spoiled_by {
                self.check_known(&format!("{place}.spoiled_by"), &spoiled.package, Some(&spoiled.version))?;
            }
        }
        Ok(())
    }
}
