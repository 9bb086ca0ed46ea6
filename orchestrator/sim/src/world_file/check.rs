//! Reading and checking world files.

use crate::clock::WorldTime;

use super::{
    MAX_BYTES, MAX_NODES, MAX_REPEATED, MAX_SITES, NodeGroup, PackageFile, WorldFile, WorldFileError,
};

impl WorldFile {
    /// Reads a world file.
    pub fn parse(text: &str) -> Result<Self, WorldFileError> {
        if text.len() > MAX_BYTES {
            return Err(WorldFileError::TooLong { bytes: text.len() });
        }
        let file: Self = serde_yaml::from_str_with_options(text, options()).map_err(|error| {
            let place = error.location();
            WorldFileError::Unreadable {
                line: place.as_ref().map_or(0, serde_yaml::Location::line),
                column: place.as_ref().map_or(0, serde_yaml::Location::column),
                message: error.to_string(),
            }
        })?;
        file.check()?;
        Ok(file)
    }

    /// The account behind unknown credentials.
    pub fn hub_account(&self) -> &str {
        self.hub.as_deref().or_else(|| self.sites.accounts.first().map(String::as_str)).unwrap_or_default()
    }

    /// When the world starts.
    pub fn start(&self) -> WorldTime {
        WorldTime::parse(&self.starts_at).unwrap_or_default()
    }

    /// Checks what types cannot say. Worlds made in code pass through here too.
    pub fn check(&self) -> Result<(), WorldFileError> {
        self.check_sites()?;
        for (index, group) in self.nodes.iter().enumerate() {
            self.check_group(&format!("nodes[{index}]"), group)?;
        }
        for (index, package) in self.packages.iter().enumerate() {
            check_package(&format!("packages[{index}]"), package)?;
        }
        for (index, probe) in self.probes.iter().enumerate() {
            self.check_known(&format!("probes[{index}].package"), &probe.package, None)?;
        }
        for (index, alarm) in self.alarms.iter().enumerate() {
            if let Some(when) = &alarm.raised_when {
                let place = format!("alarms[{index}].raised_when");
                self.check_known(&place, &when.package, Some(&when.version))?;
            }
        }
        for (index, fault) in self.faults.iter().enumerate() {
            fault.check().map_err(|message| impossible(format!("faults[{index}]"), message))?;
        }
        Ok(())
    }

    fn check_sites(&self) -> Result<(), WorldFileError> {
        if WorldTime::parse(&self.starts_at).is_none() {
            return Err(impossible("starts_at", "not a time such as 2026-03-02T08:00:00Z"));
        }
        for (name, list) in [("accounts", &self.sites.accounts), ("regions", &self.sites.regions)] {
            if list.is_empty() {
                return Err(impossible(format!("sites.{name}"), "must not be empty"));
            }
            let unique: std::collections::BTreeSet<&String> = list.iter().collect();
            if unique.len() < list.len() {
                return Err(impossible(format!("sites.{name}"), "lists an entry twice"));
            }
        }
        for account in self.sites.accounts.iter().chain(&self.hub) {
            if account.len() != 12 || !account.bytes().all(|byte| byte.is_ascii_digit()) {
                return Err(impossible(
                    "sites.accounts",
                    format!("`{account}` is not an account id of twelve digits (quote it)"),
                ));
            }
        }
        if self.sites.accounts.len().saturating_mul(self.sites.regions.len()) > MAX_SITES {
            return Err(impossible("sites", format!("more than {MAX_SITES} accounts times Regions")));
        }
        let per_site =
            self.nodes.len() + self.alarms.iter().map(|alarm| 1 + alarm.changes.len()).sum::<usize>();
        if per_site.saturating_mul(self.sites.accounts.len() * self.sites.regions.len()) > MAX_REPEATED {
            return Err(impossible(
                "sites",
                format!("more than {MAX_REPEATED} groups and alarms over all sites"),
            ));
        }
        let sites = self.sites.accounts.len() as u64 * self.sites.regions.len() as u64;
        let nodes: u64 = self
            .nodes
            .iter()
            .map(|group| {
                let accounts =
                    if group.accounts.is_empty() { self.sites.accounts.len() } else { group.accounts.len() };
                let regions =
                    if group.regions.is_empty() { self.sites.regions.len() } else { group.regions.len() };
                u64::from(group.count) * (accounts as u64 * regions as u64).min(sites)
            })
            .sum();
        if nodes > MAX_NODES {
            return Err(impossible("nodes", format!("{nodes} nodes; a world may have at most {MAX_NODES}")));
        }
        Ok(())
    }

    fn check_group(&self, place: &str, group: &NodeGroup) -> Result<(), WorldFileError> {
        for account in &group.accounts {
            if !self.sites.accounts.contains(account) {
                return Err(impossible(format!("{place}.accounts"), format!("`{account}` is not a site")));
            }
        }
        for region in &group.regions {
            if !self.sites.regions.contains(region) {
                return Err(impossible(format!("{place}.regions"), format!("`{region}` is not a site")));
            }
        }
        if !matches!(group.architecture.as_str(), "x86_64" | "arm64") {
            return Err(impossible(format!("{place}.architecture"), "must be x86_64 or arm64"));
        }
        check_fraction(&format!("{place}.offline"), group.offline)?;
        check_fraction(&format!("{place}.manifest_cached"), group.manifest_cached)?;
        for fraction in group.tagged.iter().filter_map(|tag| tag.fraction) {
            check_fraction(&format!("{place}.tagged"), fraction)?;
        }
        let sane = |value: f64| value.is_finite() && (0.0..=1000.0).contains(&value);
        if !group.slowness.iter().all(|value| sane(*value)) {
            return Err(impossible(format!("{place}.slowness"), "must lie between 0 and 1000"));
        }
        for (package, versions) in &group.seen {
            for version in versions {
                self.check_known(&format!("{place}.seen.{package}"), package, Some(version))?;
            }
        }
        for (package, weights) in &group.installed {
            let place = format!("{place}.installed.{package}");
            if weights.values().all(|weight| *weight == 0) {
                return Err(impossible(place, "needs a version with a weight above 0"));
            }
            for version in weights.keys().filter(|version| *version != "none") {
                self.check_known(&place, package, Some(version))?;
            }
        }
        Ok(())
    }

    fn check_known(&self, place: &str, package: &str, version: Option<&str>) -> Result<(), WorldFileError> {
        let Some(known) = self.packages.iter().find(|known| known.name == package) else {
            return Err(impossible(place, format!("no package is called `{package}`")));
        };
        match version {
            Some(version) if !known.versions.iter().any(|known| known.name == version) => {
                Err(impossible(place, format!("package `{package}` has no version `{version}`")))
            }
            _ => Ok(()),
        }
    }
}

fn check_package(place: &str, package: &PackageFile) -> Result<(), WorldFileError> {
    if package.versions.is_empty() || package.versions.len() > 1000 {
        return Err(impossible(format!("{place}.versions"), "needs 1 to 1000 versions"));
    }
    let mut names = std::collections::BTreeSet::new();
    for version in &package.versions {
        if !names.insert(&version.name) {
            return Err(impossible(format!("{place}.versions"), format!("`{}` appears twice", version.name)));
        }
        if !matches!(version.status.as_str(), "Active" | "Creating" | "Updating" | "Deleting" | "Failed") {
            return Err(impossible(
                format!("{place}.versions"),
                format!("`{}` is not a document status", version.status),
            ));
        }
        for fraction in version.behaviour.iter().filter_map(|rule| rule.when.fraction) {
            check_fraction(&format!("{place}.versions.behaviour"), fraction)?;
        }
        let ranges = version.behaviour.iter().filter_map(|rule| rule.takes_seconds);
        for range in ranges.chain([version.takes_seconds]) {
            if range[0] > range[1] || range[1] > 172_800 {
                return Err(impossible(
                    format!("{place}.versions.takes_seconds"),
                    "must be [shortest, longest], at most 172800",
                ));
            }
        }
    }
    match &package.default {
        Some(default) if !names.contains(default) => {
            Err(impossible(format!("{place}.default"), format!("there is no version `{default}`")))
        }
        _ => Ok(()),
    }
}

fn check_fraction(place: &str, fraction: f64) -> Result<(), WorldFileError> {
    if fraction.is_finite() && (0.0..=1.0).contains(&fraction) {
        Ok(())
    } else {
        Err(impossible(place, "must lie between 0 and 1"))
    }
}

fn impossible(place: impl Into<String>, message: impl Into<String>) -> WorldFileError {
    WorldFileError::Impossible { place: place.into(), message: message.into() }
}

/// Strict and bounded: a world file is small and flat, aliases have no use in it.
fn options() -> serde_yaml::Options {
    let mut budget = serde_yaml::Budget::default();
    budget.max_depth = 32;
    budget.max_nodes = 100_000;
    budget.max_events = 400_000;
    budget.max_aliases = 1_000;
    let mut options = serde_yaml::Options::default();
    options.budget = Some(budget);
    options
}
