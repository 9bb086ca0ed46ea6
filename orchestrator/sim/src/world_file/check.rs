//! Reading and checking world files.

use crate::agent::behaviour::PlatformType;
use crate::clock::WorldTime;

use super::{
    MAX_BYTES, MAX_NODES, MAX_REPEATED, MAX_SITES, NodeGroup, PackageFile, Scripts, WorldFile, WorldFileError,
};

/// From 1970 to the end of 2999, in milliseconds since 1970: clients write years with four digits, and count from 1970.
const START_MILLIS: std::ops::Range<i64> = 0..32_503_680_000_000;

/// Most nodes with a disk on this machine.
const MAX_REAL: u64 = 200;

/// Longest message, in characters: what is wrong with a file is said at its beginning.
const SHOWN_CHARS: usize = 2000;

impl WorldFile {
    /// Reads a world file. A byte order mark before it is ignored.
    pub fn parse(text: &str) -> Result<Self, WorldFileError> {
        if text.len() > MAX_BYTES {
            return Err(WorldFileError::TooLong { bytes: text.len() });
        }
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        refuse_other_than_text(text)?;
        let file: Self =
            serde_yaml::from_str_with_options(text, options()).map_err(|error| unreadable(&error))?;
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
        self.check_numbers()?;
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
        self.check_metrics()?;
        self.check_compliance()?;
        self.check_published()?;
        self.check_organization()?;
        for (index, fault) in self.faults.iter().enumerate() {
            fault.check().map_err(|message| impossible(format!("faults[{index}]"), message))?;
        }
        Ok(())
    }

    fn check_sites(&self) -> Result<(), WorldFileError> {
        if WorldTime::parse(&self.starts_at).is_none_or(|start| !START_MILLIS.contains(&start.millis())) {
            return Err(impossible(
                "starts_at",
                "not a time such as 2026-03-02T08:00:00Z, in the years 1970 to 2999",
            ));
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
        for region in &self.sites.regions {
            let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
            if region.is_empty() || region.len() > 64 || !region.bytes().all(is_plain) {
                return Err(impossible(
                    "sites.regions",
                    "a Region is written as eu-west-1: lower case letters, digits and -",
                ));
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
        let per_site = self.nodes.len()
            + self.metrics.len()
            + self.alarms.iter().map(|alarm| 1 + alarm.changes.len()).sum::<usize>();
        if per_site.saturating_mul(self.sites.accounts.len() * self.sites.regions.len()) > MAX_REPEATED {
            return Err(impossible(
                "sites",
                format!("more than {MAX_REPEATED} groups and alarms over all sites"),
            ));
        }
        let nodes: u64 = self.nodes.iter().map(|group| self.nodes_of(group)).sum();
        let real = self.nodes.iter().filter(|group| group.scripts == Scripts::Real);
        let real: u64 = real.map(|group| self.nodes_of(group)).sum();
        if real > MAX_REAL {
            let message = format!("{real} nodes run scripts for real; a world may have at most {MAX_REAL}");
            return Err(impossible("nodes", message));
        }
        if nodes > MAX_NODES {
            return Err(impossible("nodes", format!("{nodes} nodes; a world may have at most {MAX_NODES}")));
        }
        Ok(())
    }

    fn nodes_of(&self, group: &NodeGroup) -> u64 {
        let count =
            |own: &[String], all: &[String]| if own.is_empty() { all.len() } else { own.len() } as u64;
        let sites = self.sites.accounts.len() as u64 * self.sites.regions.len() as u64;
        let own = count(&group.accounts, &self.sites.accounts) * count(&group.regions, &self.sites.regions);
        u64::from(group.count) * own.min(sites)
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
        if group.scripts == Scripts::Real && group.platform == PlatformType::Windows {
            return Err(impossible(format!("{place}.scripts"), "can be real on Linux only"));
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

    pub(super) fn check_known(
        &self,
        place: &str,
        package: &str,
        version: Option<&str>,
    ) -> Result<(), WorldFileError> {
        let mut published = self.published.iter().filter(|known| known.package == package);
        if published.any(|known| version.is_none_or(|version| known.version.as_deref() == Some(version))) {
            return Ok(());
        }
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
    }
    match &package.default {
        Some(default) if !names.contains(default) => {
            Err(impossible(format!("{place}.default"), format!("there is no version `{default}`")))
        }
        _ => Ok(()),
    }
}

/// A refusal. Words of the file come in as they are, and may be anything.
pub(super) fn impossible(place: impl Into<String>, message: impl Into<String>) -> WorldFileError {
    WorldFileError::Impossible { place: visible(&place.into()), message: visible(&message.into()) }
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

/// Control characters are named, because the parser would show them as they are, which is nothing.
fn refuse_other_than_text(text: &str) -> Result<(), WorldFileError> {
    let is_out_of_place = |character: char| character.is_control() && !"\t\n\r\u{85}".contains(character);
    let Some((at, character)) = text.char_indices().find(|(_, character)| is_out_of_place(*character)) else {
        return Ok(());
    };
    let line_start = text[..at].rfind('\n').map_or(0, |at| at + 1);
    let line = text[..at].matches('\n').count() as u64 + 1;
    let column = text[line_start..at].chars().count() as u64 + 1;
    let message = format!(
        "line {line} column {column}: the control character U+{:04X}; if there are many, the file is binary or \
         saved as UTF-16",
        u32::from(character)
    );
    Err(WorldFileError::Unreadable { message, line, column })
}

/// The parser's words, without its advice to programmers and without characters that would act on a terminal.
fn unreadable(error: &serde_yaml::Error) -> WorldFileError {
    let place = error.location();
    let message = match error.without_snippet() {
        serde_yaml::Error::Eof { .. } => "the file is empty, or ends too early".to_owned(),
        serde_yaml::Error::MultipleDocuments { .. } => {
            "a second document begins in the file; keep one world in a file".to_owned()
        }
        _ => error.to_string(),
    };
    WorldFileError::Unreadable {
        line: place.as_ref().map_or(0, serde_yaml::Location::line),
        column: place.as_ref().map_or(0, serde_yaml::Location::column),
        message: visible(&message.replace(", set DuplicateKeyPolicy in Options if acceptable", "")),
    }
}

/// A text that a terminal can show: not endless, and without characters that move the cursor or turn the direction.
fn visible(text: &str) -> String {
    let turns_direction = |character| matches!(character, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let shown = |character: char| match character {
        '\n' => '\n',
        _ if character.is_control() || turns_direction(character) => '\u{fffd}',
        _ => character,
    };
    let mut visible: String = text.chars().take(SHOWN_CHARS).map(shown).collect();
    if visible.len() < text.len() && text.chars().nth(SHOWN_CHARS).is_some() {
        visible.push('…');
    }
    visible
}
