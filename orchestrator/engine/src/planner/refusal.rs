//! Why no plan is made: every reason at once, each with a stable code.

use super::survey::Block;
use super::target::Differing;
use std::collections::BTreeMap;
use std::fmt::Write;
use wavetrain_model::fleet::{Site, Snapshot};
use wavetrain_model::id::SiteIndex;
use wavetrain_model::plan::Refusal;
use wavetrain_model::quantity::Percent;
use wavetrain_model::spec::Rollout;

/// Sites named in one sentence before the rest is only counted.
const SITES_NAMED: usize = 5;

fn refusal(code: &str, message: String, help: impl Into<String>) -> Refusal {
    Refusal { code: code.to_owned(), message, help: help.into() }
}

/// The observed fleet does not belong to this plan file.
pub(super) fn foreign_fleet(what: &str) -> Refusal {
    let help = "observe the fleet again with the tag questions of this plan file";
    refusal("R0101", format!("the observed fleet does not fit the plan file: {what}"), help)
}

/// Nothing matched.
pub(super) fn nothing_selected(spec: &Rollout, managed: usize) -> Refusal {
    let sites = spec.fleet.accounts.len() * spec.fleet.regions.len();
    refusal(
        "R0102",
        format!("none of the {managed} managed nodes in {sites} sites matches `fleet.select`"),
        "check the tags under `fleet.select`, the accounts and the Regions; nodes must be managed by SSM to be seen",
    )
}

/// Too few of the selected nodes can take part.
pub(super) fn coverage(eligible: u32, at_target: u32, selected: u32, least: Percent) -> Refusal {
    let covered = u64::from(eligible) + u64::from(at_target);
    let share = Percent(u16::try_from(covered * 10_000 / u64::from(selected.max(1))).unwrap_or(10_000));
    refusal(
        "R0103",
        format!(
            "{eligible} eligible + {at_target} already at the target = {covered} of {selected} wanted nodes ({share}), \
             below min_coverage {least}"
        ),
        "see the excluded nodes by reason; bring them back, select fewer, or lower `fleet.min_coverage`",
    )
}

/// Nodes were selected, none is left to change and none has the target.
pub(super) fn nothing_eligible(selected: u32) -> Refusal {
    refusal(
        "R0104",
        format!("none of the {selected} selected nodes can take part"),
        "see the excluded nodes by reason",
    )
}

/// A person has to clear the version first.
pub(super) fn quarantined(spec: &Rollout, reason: &str) -> Refusal {
    let package = &spec.package;
    refusal(
        "R0105",
        format!("{} {} is in quarantine: {reason}", package.name, package.version),
        "choose another version, or clear it with `wavetrain quarantine` once the cause is understood",
    )
}

/// `rollback.to` names the version that would be rolled back.
pub(super) fn restore_is_target(version: &str) -> Refusal {
    refusal(
        "R0106",
        format!("`rollback.to` is {version}, the very version this rollout installs"),
        "name the version that nodes should get back",
    )
}

/// More of something than indices can count.
pub(super) fn too_many(what: &str, found: usize, limit: usize) -> Refusal {
    refusal("R0107", format!("{found} {what} are more than {limit}"), "split the rollout")
}

/// Waves that wait for each other.
pub(super) fn cycle(names: &[&str]) -> Refusal {
    refusal(
        "R0108",
        format!("waves wait for each other: {}", names.join(", ")),
        "remove one of their `after` entries",
    )
}

/// A canary without every platform and architecture, and no permission to complete it.
pub(super) fn canary_incomplete(wave: &str, missing: &[String]) -> Refusal {
    refusal(
        "R0109",
        format!("canary wave {wave} has no node of {}", missing.join(", ")),
        "tag one node of each, or allow `top_up`",
    )
}

/// Nodes that no wave takes.
pub(super) fn left_over(nodes: usize, eligible: usize) -> Refusal {
    refusal(
        "R0110",
        format!("{nodes} of {eligible} eligible nodes are in no wave"),
        "let the last waves reach 100 % of every node, or say `partial: true`",
    )
}

/// A comparison without enough nodes.
pub(super) fn incomparable(gate: &str, wave: &str, there: u32, wanted: u32) -> Refusal {
    refusal(
        "R0119",
        format!(
            "gate {gate} cannot judge wave {wave}: {there} of its nodes have untouched ones of their kind beside them, and it \
             takes at least {wanted} (more for a small `alpha`) to see a difference"
        ),
        "name the waves that the gate judges in its `waves`, make the wave larger, or lower `minimum_nodes`",
    )
}

/// Associations that would bring nodes to another version while waves bring them to this one.
pub(super) fn associations_fight(told: &[String]) -> Refusal {
    let mut text = told.iter().take(SITES_NAMED).cloned().collect::<Vec<_>>().join("; ");
    if told.len() > SITES_NAMED {
        let _ = write!(text, "; and {} more", told.len() - SITES_NAMED);
    }
    refusal(
        "R0120",
        format!("State Manager would change nodes of this rollout to another version: {text}"),
        "delete them, let `finish.association.name` take one over, or name their ids in `allow_associations`",
    )
}

/// Nobody knows whether an association fights the rollout.
pub(super) fn associations_unseen(place: &str) -> Refusal {
    refusal(
        "R0121",
        format!(
            "{place} does not show its associations, so nobody knows whether one would fight this rollout"
        ),
        "allow ssm:ListAssociations and ssm:DescribeAssociation there, or write `allow_associations: all`",
    )
}

/// One VersionName that means different things.
pub(super) fn contents_differ(table: &[Site], differing: &Differing<'_>) -> Refusal {
    let name = |site: &SiteIndex| table.get(site.at()).map(Site::to_string).unwrap_or_default();
    let mut others = differing.others.iter().take(SITES_NAMED).map(name).collect::<Vec<_>>().join(", ");
    if differing.others.len() > SITES_NAMED {
        let _ = write!(others, " and {} more", differing.others.len() - SITES_NAMED);
    }
    refusal(
        "R0123",
        format!("{differing}: {others} differ from {}", name(&differing.usual)),
        "see `wavetrain package verify` and publish one build everywhere; where each Region builds its own on purpose, write \
         `package.allow_differing_contents: yes`",
    )
}

/// What the survey stumbled over, with the nodes concerned per site.
pub(super) fn blocked(
    spec: &Rollout,
    fleet: &Snapshot,
    block: &Block<'_>,
    sites: &BTreeMap<SiteIndex, u32>,
) -> Refusal {
    let package = format!("{} {}", spec.package.name, spec.package.version);
    let place = places(&fleet.sites, sites);
    match block {
        Block::TargetMissing => refusal(
            "R0111",
            format!("{package} is not visible in {place}"),
            "publish the version there, or share the document with the account",
        ),
        Block::TargetInactive { status } => refusal(
            "R0112",
            format!("{package} is {status}, not Active, in {place}"),
            "wait until the version is Active, or publish it again",
        ),
        Block::ManifestUnread => refusal(
            "R0113",
            format!("the manifest of {package} could not be read in {place}"),
            "allow ssm:GetDocument there; without the manifest nobody knows which nodes have a file",
        ),
        Block::ManifestVersion { version } => refusal(
            "R0114",
            format!("the manifest of {package} says version {version} in {place}"),
            "publish it with the VersionName as `version`: agents keep their state under the manifest's version",
        ),
        Block::FileAmiss { version, file } => refusal(
            "R0122",
            format!("{file} of version {version} is not attached as its manifest says, in {place}"),
            "nodes would refuse it: see `wavetrain package verify`, and publish the version again under a new name",
        ),
        Block::NoUpdateScript { file } => refusal(
            "R0115",
            format!(
                "in-place update asked for, but {file} is not known to hold an update script, in {place}"
            ),
            "add update.sh / update.ps1 to the file, or use `install: reinstall`",
        ),
        Block::NoDefault => refusal(
            "R0116",
            format!(
                "nothing says which version nodes get back in {place}: the package has no default version there"
            ),
            "set `rollback.to`, or give a probe",
        ),
        Block::DefaultIsTarget => refusal(
            "R0117",
            format!(
                "nothing says which version nodes get back in {place}: the package's default is the version being installed"
            ),
            "set `rollback.to`, or give a probe",
        ),
        Block::RestoreUnavailable { version, source } => refusal(
            "R0118",
            format!(
                "{version}, to be given back on failure ({}), is not visible, Active and whole, with files for the nodes, in {place}",
                source.word()
            ),
            "see `wavetrain package verify`; publish or share that version there, or set `rollback.to` to one that exists",
        ),
    }
}

/// `3 nodes in 2 sites (111122223333/eu-west-1, 111122223333/us-east-1)`.
pub(super) fn places(table: &[Site], sites: &BTreeMap<SiteIndex, u32>) -> String {
    let nodes: u32 = sites.values().sum();
    let names: Vec<String> =
        sites.keys().take(SITES_NAMED).filter_map(|site| table.get(site.at())).map(Site::to_string).collect();
    let mut text = format!("{} ({}", plural(sites.len(), "site"), names.join(", "));
    if sites.len() > SITES_NAMED {
        let _ = write!(text, " and {} more", sites.len() - SITES_NAMED);
    }
    let _ = write!(text, "), {}", plural(nodes as usize, "node"));
    text
}

/// `1 node`, `2 nodes`.
pub(super) fn plural(count: usize, word: &str) -> String {
    if count == 1 { format!("1 {word}") } else { format!("{count} {word}s") }
}
