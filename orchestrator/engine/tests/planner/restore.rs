//! What each node gets back.

use super::fixture::{
    DEFAULT, TARGET, codes, exclusion, node, percent, planned, planned_node, planned_with, rollout,
    small_fleet, verified, version_view,
};
use wavetrain_model::fleet::{Architecture, Platform, Snapshot};
use wavetrain_model::plan::{Before, Exclusion, Plan, Source};
use wavetrain_model::quantity::Percent;
use wavetrain_model::spec::{Probe, Rollout};

fn everything() -> Rollout {
    let mut spec = rollout(vec![percent("all", 100, &[])]);
    spec.fleet.min_coverage = Percent(0);
    spec
}

fn publish(fleet: &mut Snapshot, version: &str) {
    for package in &mut fleet.packages {
        package.versions.insert(version.to_owned(), version_view(version));
    }
}

fn restore<'a>(plan: &'a Plan, node: &wavetrain_model::fleet::Node) -> (Option<&'a str>, Before, Source) {
    let restore = planned_node(plan, node).restore;
    let version = match restore.to {
        Before::Version(version) => Some(plan.version(version)),
        Before::Absent | Before::Unknown => None,
    };
    (version, restore.to, restore.source)
}

#[test]
fn the_ledger_knows_better_than_rollback_to_and_that_better_than_the_default() {
    let mut spec = everything();
    let mut fleet = small_fleet(&spec, 3);
    publish(&mut fleet, "0.9.0");
    publish(&mut fleet, "1.1.0");
    let ledger = [verified(&fleet, &fleet.nodes[0], Some("0.9.0")), verified(&fleet, &fleet.nodes[1], None)];
    let plan = planned_with(&spec, &fleet, &ledger).unwrap();
    assert_eq!(restore(&plan, &fleet.nodes[0]).0, Some("0.9.0"));
    assert_eq!(restore(&plan, &fleet.nodes[0]).2, Source::Ledger);
    assert_eq!(restore(&plan, &fleet.nodes[1]).1, Before::Absent);
    assert_eq!(
        (restore(&plan, &fleet.nodes[2]).0, restore(&plan, &fleet.nodes[2]).2),
        (Some(DEFAULT), Source::Default)
    );
    assert!(plan.notes.iter().any(|note| note.contains("1 node is only assumed")));

    spec.rollback.to = Some("1.1.0".to_owned());
    let plan = planned_with(&spec, &fleet, &ledger).unwrap();
    assert_eq!(restore(&plan, &fleet.nodes[0]).2, Source::Ledger);
    assert_eq!(
        (restore(&plan, &fleet.nodes[2]).0, restore(&plan, &fleet.nodes[2]).2),
        (Some("1.1.0"), Source::Stated)
    );
}

#[test]
fn a_probe_counts_for_its_platform_only() {
    let mut spec = everything();
    spec.package.probe =
        Some(Probe { linux: Some("agent --version".to_owned()), windows: None, expect: None });
    spec.rollback.require_known = true;
    let mut fleet = small_fleet(&spec, 1);
    fleet.nodes.push(node(0, 9, Platform::Windows, Architecture::X86_64));
    let plan = planned(&spec, &fleet).unwrap();
    assert_eq!(restore(&plan, &fleet.nodes[0]), (None, Before::Unknown, Source::Probe));
    assert_eq!(*exclusion(&plan, &fleet.nodes[1]), Exclusion::PreviousUnknown);
}

#[test]
fn require_known_keeps_nodes_the_ledger_knows() {
    let mut spec = everything();
    spec.rollback.require_known = true;
    spec.rollback.to = Some(DEFAULT.to_owned());
    let fleet = small_fleet(&spec, 2);
    let plan = planned_with(&spec, &fleet, &[verified(&fleet, &fleet.nodes[0], None)]).unwrap();
    assert_eq!(plan.nodes.len(), 1);
    assert_eq!(*exclusion(&plan, &fleet.nodes[1]), Exclusion::PreviousUnknown);
}

#[test]
fn a_default_that_is_the_target_is_no_way_back() {
    let mut spec = everything();
    let mut fleet = small_fleet(&spec, 2);
    fleet.packages[0].default_version = Some(TARGET.to_owned());
    let refusals = planned(&spec, &fleet).unwrap_err();
    assert_eq!(refusals[0].code, "R0117");
    assert!(refusals[0].help.contains("rollback.to"));
    let ledger: Vec<_> = fleet.nodes.iter().map(|node| verified(&fleet, node, Some(DEFAULT))).collect();
    assert!(planned_with(&spec, &fleet, &ledger).is_ok(), "the ledger knows all of them");
    fleet.packages[0].default_version = None;
    assert_eq!(codes(planned(&spec, &fleet)), ["R0116"]);
    spec.rollback.to = Some(DEFAULT.to_owned());
    assert!(planned(&spec, &fleet).is_ok());
}

#[test]
fn versions_to_give_back_must_be_active_where_they_may_be_needed() {
    let mut spec = everything();
    spec.rollback.to = Some("1.1.0".to_owned());
    let mut fleet = small_fleet(&spec, 3);
    publish(&mut fleet, "1.1.0");
    fleet.packages[0].versions.get_mut("1.1.0").unwrap().status = "Deleting".to_owned();
    fleet.packages[1].versions.remove("1.1.0");
    let ledger = [verified(&fleet, &fleet.nodes[0], Some("0.1.0"))];
    let refusals = planned_with(&spec, &fleet, &ledger).unwrap_err();
    assert_eq!(refusals.len(), 2, "the site without nodes does not matter");
    assert!(refusals.iter().all(|refusal| refusal.code == "R0118"));
    assert!(refusals[0].message.starts_with("0.1.0") && refusals[0].message.contains("1 node"));
    assert!(refusals[1].message.starts_with("1.1.0") && refusals[1].message.contains("2 nodes"));
}

#[test]
fn probed_nodes_with_a_lost_version_are_noted_not_refused() {
    let mut spec = everything();
    spec.package.probe =
        Some(Probe { linux: Some("agent --version".to_owned()), windows: None, expect: None });
    let fleet = small_fleet(&spec, 2);
    let ledger = [verified(&fleet, &fleet.nodes[0], Some("0.1.0"))];
    let plan = planned_with(&spec, &fleet, &ledger).unwrap();
    assert!(plan.notes.iter().any(|note| note.contains("0.1.0")));
}

#[test]
fn sites_offer_every_active_version_but_the_target() {
    let spec = everything();
    let mut fleet = small_fleet(&spec, 1);
    publish(&mut fleet, "0.9.0");
    publish(&mut fleet, "0.8.0");
    fleet.packages[0].versions.get_mut("0.8.0").unwrap().status = "Failed".to_owned();
    let plan = planned(&spec, &fleet).unwrap();
    assert_eq!(plan.version(Plan::TARGET), TARGET);
    let offered = |site: usize| -> Vec<&str> {
        let mut names: Vec<&str> =
            plan.sites[site].restorable.iter().map(|version| plan.version(*version)).collect();
        names.sort_unstable();
        names
    };
    assert_eq!(offered(0), ["0.9.0", DEFAULT]);
    assert_eq!(offered(1), ["0.8.0", "0.9.0", DEFAULT]);
}

#[test]
fn the_latest_word_of_the_ledger_counts() {
    let spec = everything();
    let mut fleet = small_fleet(&spec, 1);
    publish(&mut fleet, "0.9.0");
    let mut old = verified(&fleet, &fleet.nodes[0], Some(TARGET));
    old.verified_at.0 -= 1000;
    let ledger = [old, verified(&fleet, &fleet.nodes[0], Some("0.9.0"))];
    let plan = planned_with(&spec, &fleet, &ledger).unwrap();
    assert_eq!(restore(&plan, &fleet.nodes[0]).0, Some("0.9.0"));
}
