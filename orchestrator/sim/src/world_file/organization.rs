//! AWS Organizations: which accounts stand in which unit.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::check::impossible;
use super::{WorldFile, WorldFileError};
use crate::api::{is_account_id, is_unit_or_root};

/// Most units and accounts.
const MOST: usize = 20_000;

/// An organization. Its management account is the hub.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OrganizationFile {
    /// Id of the root.
    #[serde(default = "default_root")]
    pub root: String,
    /// Units, in any order.
    #[serde(default)]
    pub units: Vec<UnitFile>,
    /// Accounts. They need not be sites.
    #[serde(default)]
    pub accounts: Vec<MemberFile>,
}

fn default_root() -> String {
    "r-sim0".to_owned()
}

/// A unit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UnitFile {
    /// Id, such as `ou-sim0-production`.
    pub id: String,
    /// Name.
    pub name: String,
    /// The unit that it is in; the root when absent.
    #[serde(default)]
    pub parent: Option<String>,
}

/// An account of the organization.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MemberFile {
    /// Account id, quoted.
    pub id: String,
    /// The unit that it is in; the root when absent.
    #[serde(default)]
    pub unit: Option<String>,
    /// What Organizations says of it.
    #[serde(default)]
    pub state: MemberState,
    /// It joins so many seconds after the world's beginning.
    #[serde(default)]
    pub joins_after_seconds: i64,
}

/// State of an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum MemberState {
    /// It can be used.
    #[default]
    Active,
    /// It is being closed, or was stopped.
    Suspended,
    /// It is about to be closed.
    PendingClosure,
    /// It was never used yet.
    PendingActivation,
    /// It is closed.
    Closed,
}

impl MemberState {
    /// The word in `State`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "ACTIVE",
            Self::Suspended => "SUSPENDED",
            Self::PendingClosure => "PENDING_CLOSURE",
            Self::PendingActivation => "PENDING_ACTIVATION",
            Self::Closed => "CLOSED",
        }
    }

    /// The word in `Status`, which has fewer.
    pub const fn status(self) -> &'static str {
        match self {
            Self::Active | Self::PendingActivation => "ACTIVE",
            Self::Suspended | Self::Closed => "SUSPENDED",
            Self::PendingClosure => "PENDING_CLOSURE",
        }
    }
}

impl WorldFile {
    pub(super) fn check_organization(&self) -> Result<(), WorldFileError> {
        let Some(organization) = &self.organization else { return Ok(()) };
        let place = |of: &str, index: usize| format!("organization.{of}[{index}]");
        if organization.units.len() + organization.accounts.len() > MOST {
            return Err(impossible("organization", format!("more than {MOST} units and accounts")));
        }
        let mut known = BTreeSet::from([organization.root.as_str()]);
        if !organization.root.starts_with("r-") || !is_unit_or_root(&organization.root) {
            return Err(impossible("organization.root", "an id of a root looks like r-sim0"));
        }
        for (index, unit) in organization.units.iter().enumerate() {
            if !unit.id.starts_with("ou-") || !is_unit_or_root(&unit.id) {
                return Err(impossible(
                    place("units", index),
                    "an id of a unit looks like ou-sim0-production",
                ));
            }
            let parent = unit.parent.as_deref().unwrap_or(&organization.root);
            if !known.contains(parent) {
                return Err(impossible(place("units", index), format!("`{parent}` is no unit before it")));
            }
            if !known.insert(&unit.id) {
                return Err(impossible(place("units", index), format!("`{}` appears twice", unit.id)));
            }
        }
        let mut members = BTreeSet::new();
        for (index, member) in organization.accounts.iter().enumerate() {
            if !is_account_id(&member.id) || !members.insert(&member.id) {
                let why = format!("`{}` is not an account id of twelve digits, or appears twice", member.id);
                return Err(impossible(place("accounts", index), why));
            }
            if let Some(unit) = member.unit.as_deref().filter(|unit| !known.contains(unit)) {
                return Err(impossible(place("accounts", index), format!("there is no unit `{unit}`")));
            }
        }
        Ok(())
    }
}
