//! Gates that measure numbers: what lets a wave pass, what stops a rollout, and what never does either.

use crate::cloud::{self, Cloud, plan};
use proptest::prelude::*;
use wavetrain_engine::due::Measurement;
use wavetrain_engine::input::Order;
use wavetrain_model::event::Event;
use wavetrain_model::gate::{AlarmState, Found, Level, Point, Scope, Series, Verdict, Which};
use wavetrain_model::hold::Kind;
use wavetrain_model::id::{GateIndex, NodeIndex, WaveIndex};
use wavetrain_model::intent::Action;
use wavetrain_model::quantity::Percent;
use wavetrain_model::spec::{self, Ask, Check, Compare, Condition, Gate, Metric, MetricStat, Worse};
use wavetrain_model::state::{Ending, Phase, State, WavePhase};
use wavetrain_model::time::{Seconds, Timestamp};

fn stat() -> MetricStat {
    MetricStat {
        namespace: "CWAgent".to_owned(),
        name: "crashes".to_owned(),
        dimensions: std::collections::BTreeMap::new(),
        statistic: "Sum".to_owned(),
    }
}

/// Fails above five.
pub(crate) fn metric_gate() -> Gate {
    let check = Check::Metric(Metric {
        queries: Vec::new(),
        ask: Ask::Stat(stat()),
        period: Seconds(60),
        window: Seconds(300),
        lag: Seconds(60),
        minimum_samples: 1,
        condition: Condition { fail_if: Some("value > 5".to_owned()), pass_if: None },
    });
    Gate { name: "crashes".to_owned(), check, ..cloud::alarm_gate() }
}

pub(crate) fn compare_gate() -> Gate {
    let check = Check::Compare(Compare {
        metric: stat(),
        node_dimension: "InstanceId".to_owned(),
        period: Seconds(60),
        window: Seconds(1800),
        lag: Seconds(60),
        worse: Worse::Higher,
        tolerance: Percent::whole(10),
        bad_if: None,
        alpha: Percent::whole(5),
        nodes: 50,
        minimum_nodes: 5,
    });
    Gate { name: "latency".to_owned(), check, waves: vec![WaveIndex(0)], ..cloud::alarm_gate() }
}

pub(crate) fn series(measurement: &Measurement, value: f64) -> Series {
    let at = Timestamp(measurement.window.until.0 - 60_000);
    let points = Level::new(value).map(|value| Point { at, value }).into_iter().collect();
    Series { label: "crashes".to_owned(), node: None, control: false, points, complete: true }
}

fn always(value: f64) -> cloud::MetricSource {
    Box::new(move |measurement| Ok(Found::Series(vec![series(measurement, value)])))
}

/// Values of the nodes that are compared: a slow drift over nodes, and what the upgraded ones have on top.
pub(crate) fn beside(extra: f64) -> cloud::MetricSource {
    Box::new(move |measurement| {
        let upgraded = measurement.upgraded.iter().map(|node| (*node, false, extra));
        let all = upgraded.chain(measurement.untouched.iter().map(|node| (*node, true, 0.0)));
        let series = all.map(|(node, control, extra)| Series {
            node: Some(node),
            control,
            ..series(measurement, 100.0 + f64::from(node.0 % 17) + extra)
        });
        Ok(Found::Series(series.collect()))
    })
}

fn with(gate: Gate, sizes: &[u32]) -> Cloud {
    let baked = |spec: &mut spec::Rollout| {
        spec.gates = vec![gate];
        for wave in &mut spec.waves {
            wave.bake = Seconds::minutes(10);
        }
    };
    Cloud::new(plan(sizes, baked))
}

fn passed(state: &State, wave: usize) -> bool {
    matches!(state.waves[wave].phase, WavePhase::Passed { .. })
}

fn record(cloud: &Cloud) -> &wavetrain_model::state::GateRecord {
    cloud
        .state
        .gates
        .iter()
        .find(|record| record.which == Which::Planned(GateIndex(0)))
        .expect("it was measured")
}

#[test]
fn a_wave_passes_on_numbers_from_after_it_settled() {
    let mut cloud = with(metric_gate(), &[5, 5]);
    cloud.metrics = Some(always(3.0));
    cloud.run_until_over();
    assert_eq!(cloud.state.phase, Phase::Ended(Ending::Completed));
    let settled =
        cloud.log.iter().find(|entry| matches!(entry.event, Event::WaveSettled { .. })).map(|entry| entry.at);
    let first = cloud.log.iter().find_map(|entry| match &entry.event {
        Event::Measured { evidence, .. } => Some(evidence.clone()),
        _ => None,
    });
    let first = first.expect("it was measured");
    assert!(Some(first.from) >= settled, "{first:?}");
    assert_eq!(first.threshold, "fails if value > 5");
    assert_eq!(first.sentence, "111122223300/eu-west-1: crashes is 3; fails if value > 5");
}

#[test]
fn one_bad_number_too_many_rolls_back_and_says_so() {
    let mut cloud = with(Gate { failure_limit: 1, ..metric_gate() }, &[5, 5]);
    cloud.metrics = Some(always(8.0));
    cloud.run_until_over();
    assert_eq!(cloud.state.phase, Phase::Ended(Ending::RolledBack));
    let record = record(&cloud);
    assert_eq!((record.failures, record.judged), (2, Some(Verdict::Fail)));
    assert!(record.sentence.contains("crashes is 8; fails if value > 5"), "{}", record.sentence);
    assert!(!passed(&cloud.state, 0) && cloud.changed().is_empty());
}

#[test]
fn no_data_never_passes_and_ends_in_a_hold_at_the_deadline() {
    let mut cloud = with(metric_gate(), &[5, 5]);
    cloud.run_until_over();
    assert!(!passed(&cloud.state, 0));
    let hold = &cloud.state.holds[0];
    assert!(matches!(hold.kind, Kind::Gate(Which::Planned(_), _)), "{hold:?}");
    assert!(hold.reason.contains("no such metric has data"), "{}", hold.reason);
}

/// Each look that sees something puts the end of the silence off; together they earn a bake of ten minutes in eight hours.
#[test]
fn a_bake_that_is_earned_by_a_few_looks_only_ends_at_a_deadline_too() {
    let mut cloud = Cloud::new(plan(&[5, 5], |spec: &mut spec::Rollout| {
        spec.gates = vec![metric_gate()];
        spec.waves[0].bake = Seconds::minutes(10);
        spec.deadlines.wave = Seconds::hours(3);
    }));
    let began = cloud.state.updated_at;
    cloud.metrics = Some(Box::new(|measurement| {
        let sees = (measurement.window.until.0 / 60_000) % 50 == 0;
        Ok(Found::Series(if sees { vec![series(measurement, 3.0)] } else { Vec::new() }))
    }));
    cloud.run_until_over();
    assert!(!passed(&cloud.state, 0));
    let hold = &cloud.state.holds[0];
    assert!(hold.reason.contains("a bake of 10m is not over 3h later"), "{}", hold.reason);
    assert!(record(&cloud).passes > 0 && hold.since.since(began) > Seconds::hours(3));
}

#[test]
fn partial_data_may_fail_but_never_pass() {
    for (value, verdict) in [(8.0, Verdict::Fail), (3.0, Verdict::Inconclusive)] {
        let mut cloud = with(metric_gate(), &[5, 5]);
        cloud.metrics = Some(Box::new(move |measurement| {
            Ok(Found::Series(vec![Series { complete: false, ..series(measurement, value) }]))
        }));
        cloud.run_until(|state| state.gates.iter().any(|record| record.samples > 0));
        assert_eq!(record(&cloud).last, verdict);
    }
}

#[test]
fn a_shadow_gate_is_judged_and_decides_nothing() {
    let mut cloud = with(Gate { dry_run: true, ..metric_gate() }, &[5, 5]);
    cloud.metrics = Some(always(8.0));
    cloud.run_until_over();
    assert_eq!(cloud.state.phase, Phase::Ended(Ending::Completed));
    let verdicts =
        cloud.log.iter().filter(|entry| matches!(entry.event, Event::Judged { verdict: Verdict::Fail, .. }));
    assert_eq!(verdicts.count(), 2, "one of each wave");
}

#[test]
fn a_gate_of_one_wave_leaves_the_others_alone() {
    let mut cloud = with(Gate { waves: vec![WaveIndex(1)], ..metric_gate() }, &[5, 5, 5]);
    cloud.metrics = Some(always(3.0));
    cloud.run_until_over();
    assert_eq!(cloud.state.phase, Phase::Ended(Ending::Completed));
    let scopes: Vec<Scope> = cloud
        .state
        .gates
        .iter()
        .filter(|record| record.which != Which::Install)
        .map(|record| record.scope)
        .collect();
    assert_eq!(scopes, [Scope::Wave(WaveIndex(1))]);
}

#[test]
fn a_counted_gate_is_not_measured_any_more_once_it_is_content() {
    let mut cloud = with(Gate { count: Some(3), ..metric_gate() }, &[5]);
    cloud.metrics = Some(always(3.0));
    cloud.run_until_over();
    assert_eq!(cloud.state.phase, Phase::Ended(Ending::Completed));
    assert_eq!(record(&cloud).samples, 3);
}

#[test]
fn passes_in_a_row_are_counted_from_the_last_that_was_none() {
    let mut cloud = with(Gate { consecutive_success_limit: 4, failure_limit: 9, ..metric_gate() }, &[5]);
    let mut looks = 0;
    cloud.metrics = Some(Box::new(move |measurement| {
        looks += 1;
        Ok(Found::Series(vec![series(measurement, if looks == 8 { 9.0 } else { 1.0 })]))
    }));
    cloud.run_until_over();
    assert_eq!(cloud.state.phase, Phase::Ended(Ending::Completed));
    assert!(record(&cloud).samples >= 12, "{:?}", record(&cloud));
}

#[test]
fn too_many_unclear_measurements_are_a_verdict() {
    let mut cloud = with(Gate { inconclusive_limit: Some(2), ..metric_gate() }, &[5, 5]);
    cloud.run_until_over();
    assert_eq!(record(&cloud).judged, Some(Verdict::Inconclusive));
    assert_eq!(record(&cloud).samples, 3);
}

#[test]
fn the_first_look_waits_for_the_initial_delay_and_the_bake_is_no_longer_for_it() {
    let mut cloud = with(Gate { initial_delay: Seconds::minutes(5), ..metric_gate() }, &[5]);
    cloud.metrics = Some(always(3.0));
    cloud.run_until_over();
    let at = |wanted: fn(&Event) -> bool| {
        cloud.log.iter().find(|entry| wanted(&entry.event)).map(|entry| entry.at)
    };
    let settled = at(|event| matches!(event, Event::WaveSettled { .. })).expect("it settled");
    let measured = at(|event| matches!(event, Event::Measured { .. })).expect("it was measured");
    let passed = at(|event| matches!(event, Event::WavePassed { .. })).expect("it passed");
    assert!(measured.since(settled) >= Seconds::minutes(5), "{}", measured.since(settled));
    assert!(passed.since(settled) <= Seconds::minutes(12), "{}", passed.since(settled));
}

#[test]
fn a_guard_stops_installs_in_the_tick_of_its_verdict_and_rolls_back_in_the_next() {
    let mut cloud = with(Gate { guard: true, ..metric_gate() }, &[5, 200]);
    cloud.rows_take = Seconds(60);
    cloud.metrics = Some(Box::new(|measurement| {
        let value = if measurement.window.until > Timestamp(2_600_000) { 9.0 } else { 1.0 };
        Ok(Found::Series(vec![series(measurement, value)]))
    }));
    cloud.run_until_over();
    assert_eq!(cloud.state.phase, Phase::Ended(Ending::RolledBack));
    let broken = cloud
        .log
        .iter()
        .position(|entry| matches!(entry.event, Event::RollbackDecided { .. }))
        .expect("it broke");
    let after = &cloud.log[broken..];
    let is_install = |event: &Event| matches!(event, Event::Intended { intent } if matches!(intent.action, Action::Install { .. }));
    assert!(!after.iter().any(|entry| is_install(&entry.event)), "no install is promised after the verdict");
    let is_rollback = |event: &Event| matches!(event, Event::Intended { intent } if matches!(intent.action, Action::Reinstall { .. } | Action::Uninstall { .. }));
    let first = after.iter().find(|entry| is_rollback(&entry.event)).expect("something is given back");
    assert!(first.at.since(after[0].at) <= Seconds(20), "two turns of ten seconds");
}

#[test]
fn a_canary_no_worse_than_its_control_passes_and_says_what_would_have_been_seen() {
    let mut cloud = with(compare_gate(), &[20, 100]);
    cloud.metrics = Some(beside(0.0));
    cloud.run_until_over();
    assert_eq!(cloud.state.phase, Phase::Ended(Ending::Completed), "{:?}", record(&cloud));
    let sentence = &record(&cloud).sentence;
    assert!(sentence.contains("20 upgraded against") && sentence.contains("would be seen"), "{sentence}");
}

#[test]
fn a_canary_worse_than_its_control_fails_at_the_first_look_that_counts() {
    let mut cloud = with(compare_gate(), &[20, 100]);
    cloud.metrics = Some(beside(60.0));
    cloud.run_until_over();
    assert_eq!(cloud.state.phase, Phase::Ended(Ending::RolledBack));
    assert_eq!((record(&cloud).samples, record(&cloud).judged), (1, Some(Verdict::Fail)));
    assert!(record(&cloud).sentence.contains("crashes is worse"), "{}", record(&cloud).sentence);
}

#[test]
fn a_little_worse_is_within_the_tolerance() {
    let mut cloud = with(compare_gate(), &[20, 100]);
    cloud.metrics = Some(beside(6.0));
    cloud.run_until_over();
    assert_eq!(cloud.state.phase, Phase::Ended(Ending::Completed), "{:?}", record(&cloud));
}

#[test]
fn shares_of_bad_nodes_are_compared_too() {
    let mut gate = compare_gate();
    let Check::Compare(compare) = &mut gate.check else { unreachable!("it compares") };
    compare.bad_if = Some("average > 150".to_owned());
    for (extra, ending) in [(0.0, Ending::Completed), (60.0, Ending::RolledBack)] {
        let mut cloud = with(gate.clone(), &[20, 100]);
        cloud.metrics = Some(beside(extra));
        cloud.run_until_over();
        assert_eq!(cloud.state.phase, Phase::Ended(ending), "{:?}", record(&cloud));
    }
}

#[test]
fn the_control_is_untouched_and_of_the_same_strata() {
    let mut cloud = with(compare_gate(), &[20, 100]);
    cloud.run_until(|state| matches!(state.waves[0].phase, WavePhase::Baking { .. }));
    let seen = std::rc::Rc::new(std::cell::RefCell::new(Vec::new()));
    let kept = std::rc::Rc::clone(&seen);
    cloud.metrics = Some(Box::new(move |measurement| {
        kept.borrow_mut().push(measurement.clone());
        Ok(Found::Series(Vec::new()))
    }));
    cloud.run_until(|state| state.gates.iter().any(|record| record.samples >= 3));
    let seen = seen.borrow();
    let strata = |nodes: &[NodeIndex]| {
        let mut strata: Vec<u32> = nodes.iter().map(|node| cloud.plan.nodes[node.at()].stratum.0).collect();
        strata.sort_unstable();
        strata
    };
    assert_eq!(seen[0].upgraded.len(), 20);
    assert_eq!(strata(&seen[0].upgraded), strata(&seen[0].untouched));
    let is_later = |node: &NodeIndex| cloud.plan.nodes[node.at()].wave == Some(WaveIndex(1));
    assert!(seen[0].untouched.iter().all(is_later));
    assert_eq!(seen[0].untouched, seen[2].untouched, "the same nodes serve from look to look");
}

#[test]
fn a_comparison_per_stratum_sees_what_all_nodes_together_hide() {
    for (per, verdict) in [(None, Verdict::Pass), (Some(spec::Per::Stratum), Verdict::Fail)] {
        let baked = |spec: &mut spec::Rollout| {
            spec.gates = vec![Gate { per, ..compare_gate() }];
            for wave in &mut spec.waves {
                wave.bake = Seconds::minutes(10);
            }
        };
        let spread = cloud::Spread { sites: 1, windows: true, domains: 0 };
        let mut cloud = Cloud::new(cloud::spread_plan(&[60, 60], spread, baked));
        cloud.metrics = Some(Box::new(move |measurement| {
            // Only the Windows nodes, a third of all, are worse, and the others are far above both.
            let value = |node: NodeIndex, extra: f64| match node.0 % 3 {
                2 => 100.0 + f64::from(node.0 % 17) + extra,
                _ => 900.0 + f64::from(node.0 % 17) * 40.0,
            };
            let upgraded = measurement.upgraded.iter().map(|node| (*node, false, value(*node, 60.0)));
            let untouched = measurement.untouched.iter().map(|node| (*node, true, value(*node, 0.0)));
            let all = upgraded.chain(untouched).map(|(node, control, value)| Series {
                node: Some(node),
                control,
                ..series(measurement, value)
            });
            Ok(Found::Series(all.collect()))
        }));
        cloud.run_until(|state| {
            state.gates.iter().any(|record| record.which != Which::Install && record.samples > 0)
        });
        let record = record(&cloud);
        assert_eq!(record.last, verdict, "{}", record.sentence);
        assert!(per.is_none() || record.sentence.contains("windows"), "{}", record.sentence);
    }
}

#[test]
fn a_fail_that_comes_while_a_hold_waits_still_takes_the_version_back() {
    let mut cloud = with(Gate { guard: true, inconclusive_limit: Some(1), ..metric_gate() }, &[5, 5]);
    cloud.run_until(|state| state.holds.iter().any(|hold| matches!(hold.kind, Kind::Gate(..))));
    assert_eq!(record(&cloud).judged, Some(Verdict::Inconclusive));
    cloud.metrics = Some(always(9.0));
    cloud.run_until(Cloud::is_rolling_back);
    assert_eq!(record(&cloud).judged, Some(Verdict::Fail));
}

#[test]
fn too_few_nodes_to_show_any_difference_never_pass() {
    let mut gate = compare_gate();
    let Check::Compare(compare) = &mut gate.check else { unreachable!("it compares") };
    (compare.alpha, compare.minimum_nodes) = (Percent::whole(1), 2);
    let mut cloud = with(gate, &[5, 100]);
    cloud.metrics = Some(beside(0.0));
    cloud.run_until(|state| state.gates.iter().any(|record| record.samples > 0));
    assert_eq!(record(&cloud).last, Verdict::Inconclusive);
    assert!(record(&cloud).sentence.contains("too few"), "{}", record(&cloud).sentence);
}

#[test]
fn what_looks_worse_between_the_looks_that_decide_earns_no_pass() {
    let mut cloud = with(Gate { guard: true, ..compare_gate() }, &[20, 100]);
    let mut looks = 0;
    let (mut good, mut bad) = (beside(0.0), beside(60.0));
    cloud.metrics = Some(Box::new(move |measurement| {
        looks += 1;
        // Of the looks from the eighth on, every second one decides.
        if looks == 9 { bad(measurement) } else { good(measurement) }
    }));
    cloud.run_until(|state| state.gates.iter().any(|record| record.samples == 9));
    assert_eq!(record(&cloud).last, Verdict::Inconclusive, "{}", record(&cloud).sentence);
}

#[test]
fn a_guards_good_looks_from_before_the_wave_settled_do_not_count_for_it() {
    let mut cloud = with(Gate { guard: true, consecutive_success_limit: 8, ..metric_gate() }, &[5]);
    cloud.rows_take = Seconds(1200);
    cloud.metrics = Some(always(1.0));
    cloud.run_until_over();
    let at = |wanted: fn(&Event) -> bool| {
        cloud.log.iter().position(|entry| wanted(&entry.event)).expect("it happened")
    };
    let settled = at(|event| matches!(event, Event::WaveSettled { .. }));
    let passed = at(|event| matches!(event, Event::WavePassed { .. }));
    let looks = cloud.log[settled..passed]
        .iter()
        .filter(|entry| matches!(entry.event, Event::Measured { .. }))
        .count();
    assert!(looks >= 8, "{looks}");
}

#[test]
fn a_bad_alarm_counts_although_another_is_missing() {
    for (state, verdict) in [(AlarmState::Alarm, Verdict::Fail), (AlarmState::Ok, Verdict::Error)] {
        let mut gate = cloud::alarm_gate();
        let Check::Alarms(alarms) = &mut gate.check else { unreachable!("it looks at alarms") };
        alarms.names.push("never-made".to_owned());
        let mut cloud = with(gate, &[5]);
        cloud.alarm = state;
        cloud.run_until(|state| {
            state.gates.iter().any(|record| record.which != Which::Install && record.samples > 0)
        });
        assert_eq!(record(&cloud).last, verdict);
    }
}

#[test]
fn a_combination_of_alarms_is_bad_only_together() {
    for (rule, verdict) in [
        (r#"alarm["health"] && alarm["never-made"]"#, Verdict::Error),
        (r#"alarm["health"] || alarm["never-made"]"#, Verdict::Fail),
        (r#"alarm["health"] && size(alarm) > 5"#, Verdict::Error),
    ] {
        let mut gate = cloud::alarm_gate();
        let Check::Alarms(alarms) = &mut gate.check else { unreachable!("it looks at alarms") };
        alarms.names.push("never-made".to_owned());
        alarms.fail_if = Some(rule.to_owned());
        let mut cloud = with(gate, &[5]);
        cloud.alarm = AlarmState::Alarm;
        cloud.run_until(|state| {
            state.gates.iter().any(|record| record.which != Which::Install && record.samples > 0)
        });
        assert_eq!(record(&cloud).last, verdict, "{rule}: {}", record(&cloud).sentence);
    }
}

#[test]
fn a_blocked_wave_does_not_open_while_a_person_says_stop() {
    let mut cloud = with(Gate { blocker: true, ..cloud::alarm_gate() }, &[5]);
    cloud.alarm = AlarmState::InsufficientData;
    cloud.run_until(|state| matches!(state.waves[0].phase, WavePhase::Blocked { .. }));
    cloud.order(Order::Pause { emergency: false, reason: "lunch".to_owned() });
    cloud.alarm = AlarmState::Ok;
    for _ in 0..30 {
        cloud.turn();
    }
    assert!(matches!(cloud.state.waves[0].phase, WavePhase::Blocked { .. }));
    cloud.order(Order::Resume);
    cloud.run_until_over();
    assert_eq!(cloud.state.phase, Phase::Ended(Ending::Completed));
}

/// What one measurement can come to.
fn a_look() -> impl Strategy<Value = Option<f64>> {
    prop_oneof![4 => Just(Some(1.0)), 1 => Just(Some(9.0)), 2 => Just(Some(f64::NAN)), 2 => Just(None)]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    /// 1 is good, 9 is bad, not a number is no data, none is a failed call.
    #[test]
    fn no_order_of_measurements_improves_a_verdict_or_passes_without_data(
        looks in proptest::collection::vec(a_look(), 1..60),
        guard in any::<bool>(),
        failure_limit in 0_u32..4,
        consecutive_success_limit in 1_u32..4,
        count in proptest::option::of(1_u32..6),
    ) {
        let gate = Gate { guard, failure_limit, consecutive_success_limit, count, ..metric_gate() };
        let mut cloud = with(gate, &[5, 5]);
        let mut next = looks.clone().into_iter();
        cloud.metrics = Some(Box::new(move |measurement| match next.next().unwrap_or(Some(f64::NAN)) {
            None => Err("no answer".to_owned()),
            Some(value) => Ok(Found::Series(vec![series(measurement, value)])),
        }));
        cloud.run_until_over();
        let mut worst: std::collections::BTreeMap<(Which, Scope), Verdict> = std::collections::BTreeMap::new();
        let mut good_since_settled = false;
        let mut bad = 0;
        for entry in &cloud.log {
            match &entry.event {
                Event::WaveSettled { .. } => good_since_settled = false,
                Event::Measured { verdict, .. } => {
                    good_since_settled |= *verdict == Verdict::Pass;
                    bad += u32::from(*verdict == Verdict::Fail);
                }
                Event::Judged { which, scope, verdict, .. } => {
                    let earlier = worst.insert((*which, *scope), *verdict);
                    prop_assert!(earlier.is_none_or(|earlier| *verdict >= earlier), "{earlier:?} became {verdict}");
                }
                Event::WavePassed { .. } => prop_assert!(good_since_settled, "passed without a good measurement"),
                _ => {}
            }
        }
        if bad > 2 * (failure_limit + 1) {
            prop_assert!(matches!(cloud.state.phase, Phase::Ended(Ending::RolledBack)));
        }
    }
}
