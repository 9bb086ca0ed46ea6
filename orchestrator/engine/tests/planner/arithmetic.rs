//! Every rule of wave arithmetic, for random fleets and shapes.

use super::fixture::{percent, planned, planned_with, rollout, small_fleet, verified};
use super::shapes::{Canary, Case, any_case, case, chain};
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use wavetrain_model::fleet::{LedgerEntry, Platform};
use wavetrain_model::id::WaveIndex;
use wavetrain_model::plan::{Plan, PlannedNode, Stratum};
use wavetrain_model::quantity::Percent;
use wavetrain_model::spec::{Rollout, Take};

fn made(case: &Case) -> Plan {
    planned(&case.spec, &case.fleet).unwrap_or_else(|refusals| panic!("refused: {refusals:?}"))
}

/// All waves that have passed before this one opens, by walking `after`.
fn ancestors(spec: &Rollout, wave: usize) -> BTreeSet<usize> {
    let mut found = BTreeSet::new();
    let mut open = vec![wave];
    while let Some(wave) = open.pop() {
        open.extend(
            spec.waves[wave].after.iter().map(|after| after.at()).filter(|after| found.insert(*after)),
        );
    }
    found
}

fn stratum<'a>(plan: &'a Plan, node: &PlannedNode) -> &'a Stratum {
    &plan.strata[node.stratum.at()]
}

fn is_within(plan: &Plan, stratum: &Stratum, wave: usize) -> bool {
    let within = &plan.spec.waves[wave].within;
    let site = &plan.sites[stratum.site.at()].site;
    (within.regions.is_empty() || within.regions.contains(&site.region))
        && (within.accounts.is_empty() || within.accounts.contains(&site.account))
        && (within.platforms.is_empty() || within.platforms.contains(&stratum.platform))
}

/// Nodes per stratum in these waves, within the population of `wave`.
fn held(plan: &Plan, waves: &BTreeSet<usize>, wave: usize) -> BTreeMap<usize, u64> {
    let mut held: BTreeMap<usize, u64> = (0..plan.strata.len())
        .filter(|at| is_within(plan, &plan.strata[*at], wave))
        .map(|at| (at, 0))
        .collect();
    for node in &plan.nodes {
        if node.wave.is_some_and(|of| waves.contains(&of.at())) {
            held.entry(node.stratum.at()).and_modify(|count| *count += 1);
        }
    }
    held
}

fn population(plan: &Plan, wave: usize) -> u64 {
    plan.strata
        .iter()
        .filter(|stratum| is_within(plan, stratum, wave))
        .map(|stratum| u64::from(stratum.size))
        .sum()
}

fn says_taken_ahead(plan: &Plan) -> bool {
    plan.notes.iter().any(|note| note.contains("took ahead"))
}

/// The first `length` places split among strata: is this stratum's count its share rounded up or down?
fn is_rounded_share(count: u64, size: u64, length: u64, total: u64) -> bool {
    (length * size / total.max(1)..=(length * size).div_ceil(total.max(1))).contains(&count)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn order_of_nodes_and_ledger_never_shows(case in any_case(), seed: u64) {
        let entries = |case: &Case| -> Vec<LedgerEntry> {
            case.fleet.nodes.iter().step_by(3).map(|node| verified(&case.fleet, node, Some("1.0.0"))).collect()
        };
        let ledger = entries(&case);
        let first = planned_with(&case.spec, &case.fleet, &ledger).unwrap();
        let (mut shuffled, mut other_ledger) = (case.fleet.clone(), ledger.clone());
        let mut state = seed | 1;
        let mut scramble = |id: &str| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(id.len() as u64);
            state
        };
        shuffled.nodes.sort_by_cached_key(|node| scramble(node.id.as_str()));
        shuffled.nodes.extend(case.fleet.nodes.first().cloned());
        other_ledger.sort_by_cached_key(|entry| scramble(entry.node.as_str()));
        let second = planned_with(&case.spec, &shuffled, &other_ledger).unwrap();
        prop_assert_eq!(serde_json::to_vec(&first).unwrap(), serde_json::to_vec(&second).unwrap());
    }

    #[test]
    fn sizes_are_cumulative_and_rounded_up(case in any_case()) {
        let plan = made(&case);
        for (at, wave) in plan.waves.iter().enumerate() {
            let before: u64 = held(&plan, &ancestors(&case.spec, at), at).values().sum();
            let own = plan.nodes.iter().filter(|node| node.wave == Some(WaveIndex(at as u16))).count() as u64;
            prop_assert_eq!(u64::from(wave.size), own);
            prop_assert_eq!(u64::from(wave.cumulative), before + own);
            prop_assert_eq!(u64::from(wave.population), population(&plan, at));
            if let Take::Percent(Percent(share)) = case.spec.waves[at].take {
                let total = population(&plan, at);
                let least = if before < total { before + 1 } else { before };
                prop_assert_eq!(before + own, least.max((u64::from(share) * total).div_ceil(10_000)));
            }
        }
    }

    #[test]
    fn strata_get_their_share_rounded(case in case(Canary::Never)) {
        let plan = made(&case);
        prop_assume!(!says_taken_ahead(&plan));
        let is_restricted = case.spec.waves.iter().any(|wave| !wave.within.is_everything());
        for at in 0..plan.waves.len() {
            let mut waves = ancestors(&case.spec, at);
            waves.insert(at);
            let (held, total) = (held(&plan, &waves, at), population(&plan, at));
            let length: u64 = held.values().sum();
            for (stratum, count) in held {
                let size = u64::from(plan.strata[stratum].size);
                if !is_restricted || !case.spec.waves[at].within.is_everything() {
                    prop_assert!(is_rounded_share(count, size, length, total), "{count} of {length}, {size} of {total}");
                } else {
                    prop_assert!((count * total).abs_diff(length * size) < 2 * total, "{count} of {length}");
                }
            }
        }
    }

    /// A canary may hold more than a stratum's share; the others then get theirs of what one common length gives.
    #[test]
    fn strata_beside_canaries_share_alike(case in chain(Canary::Always)) {
        let plan = made(&case);
        let total = population(&plan, 0);
        let of_canary = held(&plan, &BTreeSet::from([0]), 0);
        for at in 1..plan.waves.len() {
            let waves = (0..=at).collect();
            let held = held(&plan, &waves, at);
            let fits = |length: u64| held.iter().all(|(stratum, count)| {
                let size = u64::from(plan.strata[*stratum].size);
                let (low, high) = (length * size / total, (length * size).div_ceil(total));
                let canaries = of_canary[stratum];
                (low.max(canaries)..=high.max(canaries)).contains(count)
            });
            prop_assert!((0..=total).any(fits), "wave {at}: {held:?} with canaries {of_canary:?}");
        }
    }

    #[test]
    fn raising_a_percentage_moves_no_node_to_a_later_wave(case in any_case(), which: prop::sample::Index, by in 1_u16..=10_000) {
        let raisable: Vec<usize> = (0..case.spec.waves.len())
            .filter(|at| matches!(case.spec.waves[*at].take, Take::Percent(share) if share < Percent::ALL))
            .collect();
        prop_assume!(!raisable.is_empty());
        let raised_wave = raisable[which.index(raisable.len())];
        let mut raised = case.clone();
        if let Take::Percent(Percent(share)) = &mut raised.spec.waves[raised_wave].take {
            *share = (*share + by).min(10_000);
        }
        let (before, after) = (made(&case), made(&raised));
        // Sizes come first where an earlier wave took more of a part than this one reaches as a whole; the plan says so.
        prop_assume!(!says_taken_ahead(&before) && !says_taken_ahead(&after));
        for (was, is) in before.nodes.iter().zip(&after.nodes) {
            prop_assert_eq!(&was.id, &is.id);
            let (was, is) = (was.wave.unwrap().at(), is.wave.unwrap().at());
            prop_assert!(was == is || ancestors(&case.spec, was).contains(&is), "from {was} to {is}");
        }
    }

    #[test]
    fn canaries_hold_every_platform_and_architecture(case in case(Canary::Always)) {
        let plan = made(&case);
        let kind = |node: &PlannedNode| (stratum(&plan, node).platform, stratum(&plan, node).architecture);
        let all: BTreeSet<_> = plan.nodes.iter().map(kind).collect();
        let in_canary: Vec<_> = plan.nodes.iter().filter(|node| node.wave == Some(WaveIndex(0))).collect();
        prop_assert_eq!(all, in_canary.iter().map(|node| kind(node)).collect());
        for (at, node) in plan.nodes.iter().enumerate() {
            prop_assert!(!node.canary || node.wave == Some(WaveIndex(0)), "a tagged node waits");
            let is_added = plan.waves[0].topped_up.iter().any(|added| added.at() == at);
            prop_assert_eq!(is_added, !node.canary && node.wave == Some(WaveIndex(0)));
            // Nobody is added where a tagged node already stands for the kind, and one is enough.
            let alike = in_canary.iter().filter(|other| kind(other) == kind(node)).count();
            prop_assert!(!is_added || alike == 1);
        }
        for added in &plan.waves[0].topped_up {
            let id = plan.nodes[added.at()].id.as_str();
            prop_assert!(plan.notes.iter().any(|note| note.contains(id)), "the plan does not say so");
        }
    }

    #[test]
    fn strata_list_canaries_first_then_ranks(case in any_case()) {
        let plan = made(&case);
        for pair in plan.nodes.windows(2) {
            prop_assert!((pair[0].stratum, pair[0].rank) < (pair[1].stratum, pair[1].rank));
            prop_assert!(pair[0].stratum != pair[1].stratum || pair[0].canary >= pair[1].canary);
            // Lower ranks never wait for higher ones.
            let earlier = ancestors(&case.spec, pair[1].wave.unwrap().at());
            let (low, high) = (pair[0].wave.unwrap().at(), pair[1].wave.unwrap().at());
            prop_assert!(pair[0].stratum != pair[1].stratum || low == high || earlier.contains(&low));
        }
        prop_assert!(plan.strata.is_sorted());
    }

    #[test]
    fn every_selected_node_is_once_in_a_wave_or_excluded(case in any_case(), offline in prop::collection::vec(any::<bool>(), 40)) {
        let mut case = case;
        case.spec.fleet.min_coverage = Percent(0);
        for (node, offline) in case.fleet.nodes.iter_mut().skip(1).zip(offline) {
            if offline {
                node.agent_version = "2.0.0".into();
            }
        }
        let plan = made(&case);
        let mut seen: Vec<&str> = plan.nodes.iter().map(|node| node.id.as_str()).collect();
        prop_assert!(plan.nodes.iter().all(|node| node.wave.is_some()));
        seen.extend(plan.excluded.iter().map(|excluded| excluded.id.as_str()));
        seen.sort_unstable();
        let mut all: Vec<&str> = case.fleet.nodes.iter().map(|node| node.id.as_str()).collect();
        all.sort_unstable();
        prop_assert_eq!(seen.len() as u32, plan.selected);
        prop_assert_eq!(seen, all);
    }

    #[test]
    fn batches_cover_each_wave_once_in_small_bites_of_one_site(case in any_case()) {
        let plan = made(&case);
        let mut next = 0;
        let mut seen = BTreeSet::new();
        for wave in plan.wave_indices() {
            let planned = &plan.waves[wave.at()];
            prop_assert_eq!(planned.first_batch.0, next);
            next += planned.batches;
            let mut in_wave = 0;
            for batch in planned.batch_indices() {
                let batch = &plan.batches[batch.at()];
                prop_assert_eq!(batch.wave, wave);
                prop_assert!((1..=50).contains(&batch.nodes.len()));
                in_wave += batch.nodes.len() as u32;
                for node in &batch.nodes {
                    prop_assert_eq!(plan.site_of(*node), batch.site);
                    prop_assert_eq!(plan.nodes[node.at()].wave, Some(wave));
                    prop_assert!(seen.insert(*node));
                }
            }
            prop_assert_eq!(in_wave, planned.size);
        }
        prop_assert_eq!(next as usize, plan.batches.len());
        prop_assert_eq!(seen.len(), plan.nodes.len());
    }

    #[test]
    fn waves_take_only_their_population(case in any_case()) {
        let plan = made(&case);
        for node in &plan.nodes {
            prop_assert!(is_within(&plan, stratum(&plan, node), node.wave.unwrap().at()));
        }
    }

    #[test]
    fn order_of_waves_in_the_file_never_matters(case in any_case(), rotate in 1_usize..8) {
        let count = case.spec.waves.len();
        let moved = |at: usize| (at + rotate) % count;
        let mut other = case.clone();
        for (at, wave) in case.spec.waves.iter().enumerate() {
            let mut wave = wave.clone();
            wave.after.iter_mut().for_each(|after| *after = WaveIndex(moved(after.at()) as u16));
            other.spec.waves[moved(at)] = wave;
        }
        let (first, second) = (made(&case), made(&other));
        for (one, same) in first.nodes.iter().zip(&second.nodes) {
            prop_assert_eq!(&one.id, &same.id);
            prop_assert_eq!(first.wave_name(one.wave.unwrap()), second.wave_name(same.wave.unwrap()));
        }
    }

    #[test]
    fn partial_plans_leave_exactly_the_rest(count in 1_usize..200, share in 0_u16..100) {
        let mut spec = rollout(vec![percent("some", share, &[])]);
        spec.partial = true;
        let plan = planned(&spec, &small_fleet(&spec, count)).unwrap();
        let taken = plan.nodes.iter().filter(|node| node.wave.is_some()).count();
        prop_assert_eq!(taken, (usize::from(share) * count).div_ceil(100).max(1));
    }
}

#[test]
fn a_wave_short_of_the_end_is_refused_unless_partial() {
    let spec = rollout(vec![percent("half", 50, &[])]);
    let refusals = planned(&spec, &small_fleet(&spec, 10)).unwrap_err();
    assert_eq!(refusals[0].code, "R0110");
    assert!(refusals[0].message.contains("5 of 10"));
}

#[test]
fn equal_percentages_still_move_on_by_one_node() {
    let spec = rollout(vec![percent("a", 10, &[]), percent("b", 10, &[0]), percent("c", 100, &[1])]);
    let plan = planned(&spec, &small_fleet(&spec, 30)).unwrap();
    assert_eq!(plan.waves.iter().map(|wave| wave.size).collect::<Vec<_>>(), [3, 1, 26]);
}

#[test]
fn waves_that_wait_for_each_other_are_refused() {
    let spec = rollout(vec![percent("a", 10, &[1]), percent("b", 50, &[0]), percent("c", 100, &[1])]);
    let refusals = planned(&spec, &small_fleet(&spec, 30)).unwrap_err();
    assert_eq!(refusals[0].code, "R0108");
    assert!(refusals[0].message.contains("a, b"));
}

#[test]
fn nodes_taken_ahead_are_noted_and_only_then() {
    let eu = |share| super::fixture::in_region(percent("eu", share, &[]), "eu-west-1");
    let notes = |share| {
        let spec = rollout(vec![eu(share), percent("half", 50, &[0]), percent("all", 100, &[1])]);
        let plan = planned(&spec, &super::eligibility::mixed_fleet(&spec)).unwrap();
        plan.notes.into_iter().filter(|note| note.contains("took ahead")).collect::<Vec<_>>()
    };
    assert!(notes(40).is_empty());
    assert_eq!(
        notes(75),
        ["wave half counts 40 nodes that eu took ahead of their turn; the others find fewer places"]
    );
}

#[test]
fn another_salt_gives_another_order() {
    let spec = rollout(vec![percent("a", 10, &[]), percent("all", 100, &[0])]);
    let fleet = small_fleet(&spec, 300);
    let first = planned(&spec, &fleet).unwrap();
    let salted = Rollout { salt: "other".to_owned(), ..spec };
    let second = planned(&salted, &fleet).unwrap();
    let wave_of = |plan: &Plan| -> BTreeMap<String, Option<WaveIndex>> {
        plan.nodes.iter().map(|node| (node.id.to_string(), node.wave)).collect()
    };
    assert_ne!(wave_of(&first), wave_of(&second));
    assert_ne!(first.digest, second.digest);
}

#[test]
fn sites_take_turns_in_the_order_of_batches() {
    let spec = rollout(vec![percent("all", 100, &[])]);
    let mut fleet = small_fleet(&spec, 120);
    fleet.nodes.extend((0..120).map(|at| {
        super::fixture::node(1, at, Platform::Linux, wavetrain_model::fleet::Architecture::X86_64)
    }));
    let plan = planned(&spec, &fleet).unwrap();
    assert_eq!(plan.batches.iter().map(|batch| batch.site.0).collect::<Vec<_>>(), [0, 1, 0, 1, 0, 1]);
}
