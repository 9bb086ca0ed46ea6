//! State Manager associations, as far as a rollout makes, follows or fears them.

use crate::id::{AssociationId, NodeId, SiteIndex};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The document that installs packages; associations of any other document are nobody's business here.
pub const DOCUMENT: &str = "AWS-ConfigureAWSPackage";

/// Tag key that a paused association is pointed at. No node carries it, so that nothing is applied any more: neither by
/// its schedule, nor to nodes that register meanwhile, nor by the very change.
pub const PAUSED_TAG: &str = "wavetrain-paused";

/// One entry of `Targets`: a key and any of its values. Several entries must all hold.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Target {
    /// `InstanceIds`, `tag:<key>`, `tag-key` or `resource-groups:…`.
    pub key: String,
    /// Values; `*` under `InstanceIds` means every managed node.
    pub values: Vec<String>,
}

impl Target {
    /// Every managed node of the site.
    pub fn everyone() -> Self {
        Self { key: "InstanceIds".to_owned(), values: vec!["*".to_owned()] }
    }

    /// Whether it is every managed node of the site.
    pub fn is_everyone(&self) -> bool {
        self.key == "InstanceIds" && self.values.iter().any(|value| value == "*")
    }

    /// Where a paused association points.
    pub fn nowhere() -> Self {
        Self { key: format!("tag:{PAUSED_TAG}"), values: vec!["yes".to_owned()] }
    }
}

/// `S3Location` of an association.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Output {
    /// `OutputS3BucketName`.
    pub bucket: String,
    /// `OutputS3KeyPrefix`.
    pub prefix: Option<String>,
    /// `OutputS3Region`.
    pub region: Option<String>,
}

/// What an association says, as far as wavetrain sets it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Definition {
    /// `AssociationName`; empty if it has none. Not unique in AWS.
    pub name: String,
    /// `Parameters`, of which every list holds one text.
    pub parameters: BTreeMap<String, String>,
    /// `Targets`.
    pub targets: Vec<Target>,
    /// `ScheduleExpression`; None: applied when it is made or changed, and to nodes that come later.
    pub schedule: Option<String>,
    /// `ComplianceSeverity`.
    pub compliance_severity: Option<String>,
    /// `MaxConcurrency`.
    pub max_concurrency: Option<String>,
    /// `MaxErrors`.
    pub max_errors: Option<String>,
    /// `OutputLocation`.
    pub output: Option<Output>,
}

impl Definition {
    /// The package that it is about: the bare name, also of an ARN.
    pub fn package(&self) -> &str {
        let name = self.parameters.get("name").map_or("", String::as_str);
        name.rsplit_once('/').map_or(name, |(_, bare)| bare)
    }

    /// What it does to a node, such as `installs 1.2.3`.
    pub fn deed(&self) -> String {
        let version = self.parameters.get("version").map_or("", String::as_str);
        let version = if version.is_empty() { "whichever version is default or latest" } else { version };
        match self.parameters.get("action").map_or("Install", String::as_str) {
            "Uninstall" => format!("uninstalls {version}"),
            _ => format!("installs {version}"),
        }
    }

    /// Whether it brings nodes to this version and no other.
    pub fn pins(&self, version: &str) -> bool {
        self.parameters.get("action").is_none_or(|action| action == "Install")
            && self.parameters.get("version").is_some_and(|pinned| pinned == version)
    }
}

/// An association of the package that lies in a site already.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Found {
    /// `AssociationId`.
    pub id: AssociationId,
    /// What it says.
    pub definition: Definition,
    /// Nodes that it targets; None: every node, or nobody knows which.
    pub nodes: Option<Vec<NodeId>>,
}

/// An association that keeps nodes on an earlier version, and rests while the rollout runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Paused {
    /// Where.
    pub site: SiteIndex,
    /// Which.
    pub id: AssociationId,
    /// What it said, to be given back after a rollback.
    pub definition: Definition,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn definition(pairs: &[(&str, &str)]) -> Definition {
        Definition {
            name: String::new(),
            parameters: pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect(),
            targets: Vec::new(),
            schedule: None,
            compliance_severity: None,
            max_concurrency: None,
            max_errors: None,
            output: None,
        }
    }

    #[test]
    fn the_package_is_the_bare_name_also_of_an_arn() {
        let arn = "arn:aws:ssm:eu-west-1:111122223333:document/agent";
        assert_eq!(definition(&[("name", arn)]).package(), "agent");
        assert_eq!(definition(&[("name", "agent")]).package(), "agent");
    }

    #[test]
    fn only_an_install_of_exactly_this_version_pins_it() {
        assert!(definition(&[("action", "Install"), ("version", "2")]).pins("2"));
        assert!(!definition(&[("action", "Install"), ("version", "")]).pins("2"));
        assert!(!definition(&[("action", "Install")]).pins("2"));
        assert!(!definition(&[("action", "Uninstall"), ("version", "2")]).pins("2"));
    }
}
