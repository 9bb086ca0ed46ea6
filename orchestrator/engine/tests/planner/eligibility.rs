//! Who takes part, who does not and why, and what stops the whole plan.

use super::fixture::{
    DEFAULT, NOW, TARGET, canary, codes, empty_fleet, exclusion, node, percent, planned, planned_with,
    rollout, small_fleet, verified,
};
use std::collections::BTreeMap;
use wavetrain_engine::planner::{BusyNodes, Inputs, plan};
use wavetrain_model::fleet::{Architecture, Ping, Platform, Snapshot};
use wavetrain_model::id::{Digest, TagMatchIndex};
use wavetrain_model::plan::{Exclusion, tag_questions};
use wavetrain_model::quantity::Percent;
use wavetrain_model::spec::{InstallMode, MaxUnavailable, Rollout};
use wavetrain_model::time::Timestamp;

fn everything() -> Rollout {
    let mut spec = rollout(vec![percent("all", 100, &[])]);
    spec.fleet.min_coverage = Percent(0);
    spec
}

/// Forty nodes in each of four sites, every fourth on Windows.
pub(crate) fn mixed_fleet(spec: &Rollout) -> Snapshot {
    let mut fleet = empty_fleet(spec);
    for site in 0..4 {
        fleet.nodes.extend((0..40).map(|at| {
            let platform = if at % 4 == 0 { Platform::Windows } else { Platform::Linux };
            node(site, at, platform, Architecture::X86_64)
        }));
    }
    fleet
}

#[test]
fn nodes_unseen_for_too_long_are_excluded_unless_online() {
    let spec = everything();
    let mut fleet = small_fleet(&spec, 3);
    let long_ago = Timestamp(NOW.0 - 25 * 3_600_000);
    let lately = Timestamp(NOW.0 - 23 * 3_600_000);
    for (node, (ping, seen)) in fleet.nodes.iter_mut().zip([
        (Ping::ConnectionLost, long_ago),
        (Ping::ConnectionLost, lately),
        (Ping::Online, long_ago),
    ]) {
        (node.ping, node.last_ping) = (ping, seen);
    }
    let plan = planned(&spec, &fleet).unwrap();
    assert_eq!(plan.nodes.len(), 2);
    assert_eq!(*exclusion(&plan, &fleet.nodes[0]), Exclusion::Offline { last_ping: long_ago });
}

#[test]
fn agents_older_than_asked_are_excluded() {
    let spec = everything();
    let mut fleet = small_fleet(&spec, 2);
    fleet.nodes[0].agent_version = "3.1.999.0".into();
    let plan = planned(&spec, &fleet).unwrap();
    assert_eq!(
        *exclusion(&plan, &fleet.nodes[0]),
        Exclusion::AgentTooOld { version: "3.1.999.0".to_owned() }
    );
}

#[test]
fn nodes_without_a_file_are_excluded() {
    let spec = everything();
    let mut fleet = small_fleet(&spec, 3);
    fleet.nodes[0].distribution = "debian".into();
    fleet.nodes[1] = node(0, 1, Platform::MacOs, Architecture::Arm64);
    let plan = planned(&spec, &fleet).unwrap();
    assert_eq!(
        *exclusion(&plan, &fleet.nodes[0]),
        Exclusion::NoFile { wanted: "debian 2023 x86_64".to_owned() }
    );
    assert_eq!(exclusion(&plan, &fleet.nodes[1]).word(), "no_file");
}

#[test]
fn tags_and_ids_exclude_and_say_which() {
    let mut spec = everything();
    spec.fleet.select = BTreeMap::from([("service".to_owned(), vec!["web".to_owned(), "api".to_owned()])]);
    spec.fleet.exclude = BTreeMap::from([("freeze".to_owned(), vec!["yes".to_owned()])]);
    let mut fleet = small_fleet(&spec, 4);
    let question = |key: &str| {
        let at = tag_questions(&spec).iter().position(|question| question.key == key).unwrap();
        TagMatchIndex(at as u8)
    };
    for node in &mut fleet.nodes[..3] {
        node.tags = node.tags.with(question("service"));
    }
    fleet.nodes[0].tags = fleet.nodes[0].tags.with(question("freeze"));
    spec.fleet.exclude_nodes = vec![fleet.nodes[1].id.to_string(), "i-gone".to_owned()];
    let plan = planned(&spec, &fleet).unwrap();
    assert_eq!(plan.selected, 3, "one is not selected at all");
    assert_eq!(*exclusion(&plan, &fleet.nodes[0]), Exclusion::Excluded { by: "tag freeze=yes".to_owned() });
    assert_eq!(exclusion(&plan, &fleet.nodes[1]).word(), "excluded");
    assert_eq!(plan.nodes.len(), 1);
    assert!(plan.notes.iter().any(|note| note.contains("i-gone")));
}

#[test]
fn select_keys_must_all_match() {
    let mut spec = everything();
    let yes = || vec!["yes".to_owned()];
    spec.fleet.select = BTreeMap::from([("a".to_owned(), yes()), ("b".to_owned(), yes())]);
    let mut fleet = small_fleet(&spec, 3);
    fleet.nodes[0].tags = fleet.nodes[0].tags.with(TagMatchIndex(0));
    fleet.nodes[1].tags = fleet.nodes[1].tags.with(TagMatchIndex(1));
    fleet.nodes[2].tags = fleet.nodes[2].tags.with(TagMatchIndex(0)).with(TagMatchIndex(1));
    let plan = planned(&spec, &fleet).unwrap();
    assert_eq!(plan.selected, 1);
    assert_eq!(plan.nodes[0].id, fleet.nodes[2].id);
}

#[test]
fn nodes_of_another_rollout_are_excluded() {
    let spec = everything();
    let fleet = small_fleet(&spec, 2);
    let site = &fleet.sites[0];
    let key = (site.account.clone(), site.region.clone(), fleet.nodes[0].id.clone());
    let busy = BusyNodes::from([(key, "other".to_owned())]);
    let inputs = Inputs { spec: &spec, fleet: &fleet, ledger: &[], busy: &busy, quarantined: None };
    let plan = plan(&inputs).unwrap();
    assert_eq!(*exclusion(&plan, &fleet.nodes[0]), Exclusion::Busy { rollout: "other".to_owned() });
}

#[test]
fn nodes_at_the_target_are_left_out_but_count_as_covered() {
    let mut spec = everything();
    spec.fleet.min_coverage = Percent::whole(100);
    let fleet = small_fleet(&spec, 4);
    let ledger: Vec<_> = fleet.nodes[..3].iter().map(|node| verified(&fleet, node, Some(TARGET))).collect();
    let plan = planned_with(&spec, &fleet, &ledger).unwrap();
    assert_eq!((plan.nodes.len(), plan.excluded.len()), (1, 3));
    assert_eq!(*exclusion(&plan, &fleet.nodes[0]), Exclusion::AtTarget);
}

#[test]
fn a_fleet_wholly_at_the_target_gives_an_empty_plan() {
    let spec = rollout(vec![canary("canary", &[]), percent("all", 100, &[0])]);
    let fleet = small_fleet(&spec, 4);
    let ledger: Vec<_> = fleet.nodes.iter().map(|node| verified(&fleet, node, Some(TARGET))).collect();
    let plan = planned_with(&spec, &fleet, &ledger).unwrap();
    assert!(plan.nodes.is_empty() && plan.batches.is_empty());
    assert!(plan.waves.iter().all(|wave| wave.size == 0));
}

#[test]
fn coverage_below_the_least_is_refused_with_its_arithmetic() {
    let mut spec = everything();
    spec.fleet.min_coverage = Percent::whole(90);
    let mut fleet = small_fleet(&spec, 20);
    for node in &mut fleet.nodes[..3] {
        node.agent_version = "2.0".into();
    }
    let ledger = [verified(&fleet, &fleet.nodes[5], Some(TARGET))];
    let refusals = planned_with(&spec, &fleet, &ledger).unwrap_err();
    assert_eq!(refusals.len(), 1);
    assert_eq!(refusals[0].code, "R0103");
    assert!(
        refusals[0].message.contains("16 eligible + 1 already at the target = 17 of 20 wanted nodes (85%)")
    );
    fleet.nodes[0].agent_version = "3.3".into();
    assert!(planned_with(&spec, &fleet, &ledger).is_ok(), "18 of 20 are exactly 90 %");
    spec.fleet.exclude_nodes = fleet.nodes[10..].iter().map(|node| node.id.as_str().to_owned()).collect();
    fleet.nodes[1].agent_version = "3.3".into();
    assert!(planned_with(&spec, &fleet, &ledger).is_ok(), "what the plan file excludes is not missed");
}

#[test]
fn nothing_selected_and_nothing_eligible_are_told_apart() {
    let spec = everything();
    assert_eq!(codes(planned(&spec, &empty_fleet(&spec))), ["R0102"]);
    let mut fleet = small_fleet(&spec, 2);
    fleet.nodes.iter_mut().for_each(|node| node.agent_version = "2.0".into());
    assert_eq!(codes(planned(&spec, &fleet)), ["R0104"]);
}

#[test]
fn target_must_be_active_visible_and_itself_in_every_site_with_nodes() {
    let spec = everything();
    let mut fleet = mixed_fleet(&spec);
    fleet.packages[0].versions.remove(TARGET);
    fleet.packages[1].versions.get_mut(TARGET).unwrap().status = "Creating".to_owned();
    let other = fleet.packages[2].versions.get_mut(TARGET).unwrap();
    other.hash = Some(Digest::new("another"));
    other.manifest.as_mut().unwrap().version = "1.9".to_owned();
    let refusals = planned(&spec, &fleet).unwrap_err();
    assert_eq!(
        refusals.iter().map(|refusal| refusal.code.as_str()).collect::<Vec<_>>(),
        ["R0111", "R0112", "R0114"]
    );
    assert!(refusals[0].message.contains("111122223333/eu-west-1"));
    assert!(refusals[0].message.contains("40 nodes"));
    fleet.nodes.retain(|node| node.site.0 == 3);
    assert!(planned(&spec, &fleet).is_ok());
}

#[test]
fn one_version_of_two_contents_is_refused_unless_that_is_wanted() {
    let mut spec = everything();
    let mut fleet = mixed_fleet(&spec);
    fleet.packages[1].versions.get_mut(TARGET).unwrap().hash = Some(Digest::new("another"));
    let refusals = planned(&spec, &fleet).unwrap_err();
    assert_eq!(refusals.iter().map(|refusal| refusal.code.as_str()).collect::<Vec<_>>(), ["R0123"]);
    assert!(refusals[0].message.contains(&fleet.sites[1].to_string()), "{}", refusals[0].message);
    spec.package.allow_differing_contents = true;
    let plan = planned(&spec, &fleet).unwrap();
    assert!(plan.notes.iter().any(|note| note.contains("2 different manifests")), "{:?}", plan.notes);
    spec.package.allow_differing_contents = false;
    fleet.nodes.retain(|node| node.site.0 != 1);
    assert!(planned(&spec, &fleet).is_ok(), "a site without nodes says nothing");
}

#[test]
fn what_nodes_may_get_back_is_the_same_everywhere_too() {
    let mut spec = everything();
    spec.package.probe = None;
    let mut fleet = mixed_fleet(&spec);
    assert!(planned(&spec, &fleet).is_ok());
    fleet.packages[2].versions.get_mut(DEFAULT).unwrap().hash = Some(Digest::new("another"));
    assert_eq!(codes(planned(&spec, &fleet)), ["R0123"]);
}

#[test]
fn a_file_that_is_not_attached_as_the_manifest_says_stops_its_nodes_only() {
    let spec = everything();
    let mut fleet = mixed_fleet(&spec);
    let view = fleet.packages[0].versions.get_mut(TARGET).unwrap();
    let files: Vec<String> = view.manifest.iter().flat_map(files_of).collect();
    view.amiss = vec!["no-node-takes-this.zip".to_owned()];
    assert!(planned(&spec, &fleet).is_ok());
    fleet.packages[0].versions.get_mut(TARGET).unwrap().amiss = files;
    assert_eq!(codes(planned(&spec, &fleet)).first().map(String::as_str), Some("R0122"));
}

fn files_of(manifest: &wavetrain_model::fleet::Manifest) -> Vec<String> {
    let versions = manifest.packages.values().flat_map(|versions| versions.values());
    versions.flat_map(|architectures| architectures.values().cloned()).collect()
}

#[test]
fn a_manifest_read_once_serves_every_site_with_the_same_content() {
    let spec = everything();
    let mut fleet = mixed_fleet(&spec);
    for package in &mut fleet.packages[1..] {
        package.versions.get_mut(TARGET).unwrap().manifest = None;
    }
    assert!(planned(&spec, &fleet).is_ok());
    fleet.packages[0].versions.get_mut(TARGET).unwrap().manifest = None;
    assert_eq!(codes(planned(&spec, &fleet)), ["R0113"]);
}

#[test]
fn quarantined_versions_are_refused_beside_all_else() {
    let mut spec = everything();
    spec.rollback.to = Some(TARGET.to_owned());
    let fleet = empty_fleet(&spec);
    let busy = BusyNodes::new();
    let inputs =
        Inputs { spec: &spec, fleet: &fleet, ledger: &[], busy: &busy, quarantined: Some("broke Windows") };
    let refusals = plan(&inputs).unwrap_err();
    assert_eq!(
        refusals.iter().map(|refusal| refusal.code.as_str()).collect::<Vec<_>>(),
        ["R0105", "R0106", "R0102"]
    );
    assert!(refusals[0].message.contains("broke Windows"));
}

#[test]
fn in_place_update_needs_a_script_in_every_file_used() {
    let mut spec = everything();
    spec.package.install = InstallMode::InPlace;
    let mut fleet = mixed_fleet(&spec);
    for package in &mut fleet.packages {
        let manifest = package.versions.get_mut(TARGET).unwrap().manifest.as_mut().unwrap();
        manifest.update_script.insert("linux.zip".to_owned(), true);
    }
    let refusals = planned(&spec, &fleet).unwrap_err();
    assert_eq!(refusals.len(), 1);
    assert_eq!(refusals[0].code, "R0115");
    assert!(refusals[0].message.contains("windows.zip"));
    fleet.nodes.retain(|node| node.platform == Platform::Linux);
    assert!(planned(&spec, &fleet).is_ok());
}

#[test]
fn canaries_that_may_not_be_topped_up_are_refused() {
    let mut first = canary("canary", &[]);
    first.top_up = false;
    let spec = rollout(vec![first, percent("all", 100, &[0])]);
    let mut fleet = mixed_fleet(&spec);
    fleet.nodes[1].tags = fleet.nodes[1].tags.with(TagMatchIndex(0));
    let refusals = planned(&spec, &fleet).unwrap_err();
    assert_eq!(refusals[0].code, "R0109");
    assert!(refusals[0].message.ends_with("has no node of windows x86_64"), "{}", refusals[0].message);
    fleet.nodes[0].tags = fleet.nodes[0].tags.with(TagMatchIndex(0));
    assert_eq!(planned(&spec, &fleet).unwrap().waves[0].size, 2);
}

#[test]
fn failure_domains_are_numbered_through_all_entries() {
    let mut spec = everything();
    let domain = |key: &str, values: &[&str]| MaxUnavailable {
        key: key.to_owned(),
        values: values.iter().map(ToString::to_string).collect(),
        nodes: 1,
    };
    spec.limits.max_unavailable = vec![domain("cell", &["a", "b"]), domain("db", &["main"])];
    let mut fleet = small_fleet(&spec, 2);
    fleet.nodes[0].tags = fleet.nodes[0].tags.with(TagMatchIndex(1)).with(TagMatchIndex(2));
    let plan = planned(&spec, &fleet).unwrap();
    assert_eq!(super::fixture::planned_node(&plan, &fleet.nodes[0]).domains, [1, 2]);
    assert!(super::fixture::planned_node(&plan, &fleet.nodes[1]).domains.is_empty());
}

#[test]
fn a_fleet_asked_for_other_tags_is_refused() {
    let spec = rollout(vec![canary("canary", &[]), percent("all", 100, &[0])]);
    let mut fleet = small_fleet(&spec, 2);
    fleet.questions.clear();
    assert_eq!(codes(planned(&spec, &fleet)), ["R0101"]);
}
