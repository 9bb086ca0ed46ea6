//! Gates that ask about single nodes: what counts as evidence, how many must give it, and what is judged by itself.

use crate::cloud::{self, Behaviour, Cloud, MetricSource, Spread, plan, spread_plan};
use proptest::prelude::*;
use std::collections::BTreeMap;
use wavetrain_engine::due::Measurement;
use wavetrain_model::event::Event;
use wavetrain_model::fleet::Platform;
use wavetrain_model::gate::{AlarmChange, AlarmState, Compliance, Found, Scope, Standing, Verdict, Which};
use wavetrain_model::id::{GateIndex, NodeIndex};
use wavetrain_model::intent::Action;
use wavetrain_model::quantity::{Amount, Percent};
use wavetrain_model::spec::{self, Check, ComplianceCheck, Condition, Gate, Per, ProbeCheck, Within};
use wavetrain_model::state::{Ending, Forward, GateRecord, Phase, State, Touch, WavePhase};
use wavetrain_model::time::{Seconds, Timestamp};

pub(crate) fn check() -> ComplianceCheck {
    ComplianceCheck {
        types: vec!["Patch".to_owned()],
        severities: Vec::new(),
        truth: false,
        at_least: Percent::whole(98),
        minimum_reporting: Percent::whole(90),
        max_age: Seconds::hours(48),
    }
}

pub(crate) fn gate(check: ComplianceCheck) -> Gate {
    Gate { name: "patches".to_owned(), check: Check::Compliance(check), ..cloud::alarm_gate() }
}

/// What SSM knows about one node.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Says {
    Good,
    Bad(&'static str),
    /// Good, but found out before anything was installed.
    Old,
    /// A status of another century.
    Unknown,
    Nothing,
}

fn standing(node: NodeIndex, says: Says, now: Timestamp) -> Standing {
    let known = |compliant, bad: &[&str], at| Compliance {
        kind: "Patch".to_owned(),
        compliant,
        bad: bad.iter().map(|word| ((*word).to_owned(), 1)).collect::<BTreeMap<_, _>>(),
        at: Some(at),
    };
    let one = match says {
        Says::Good => Some(known(Some(true), &[], now)),
        Says::Bad(severity) => Some(known(Some(false), &[severity], now)),
        Says::Old => Some(known(Some(true), &[], Timestamp(1))),
        Says::Unknown => Some(known(None, &[], now)),
        Says::Nothing => None,
    };
    Standing { node, types: one.into_iter().collect() }
}

/// What is said after the install; before it all is well.
pub(crate) fn saying(says: impl FnMut(NodeIndex) -> Says + 'static) -> MetricSource {
    saying_before(|_| Says::Good, says)
}

/// What is said before the install, and after it.
fn saying_before(
    mut before: impl FnMut(NodeIndex) -> Says + 'static,
    mut after: impl FnMut(NodeIndex) -> Says + 'static,
) -> MetricSource {
    Box::new(move |measurement: &Measurement| {
        let now = measurement.window.until;
        let is_before = matches!(measurement.scope, Scope::Blocker(_));
        let mut says = |node| if is_before { before(node) } else { after(node) };
        let nodes = measurement.nodes.iter().map(|node| standing(*node, says(*node), now)).collect();
        Ok(Found::Compliance { nodes, left_out: 0 })
    })
}

fn baked(gate: Gate) -> impl FnOnce(&mut spec::Rollout) {
    |spec| {
        spec.gates = vec![gate];
        for wave in &mut spec.waves {
            wave.bake = Seconds::minutes(10);
        }
    }
}

fn with(gate: Gate, sizes: &[u32]) -> Cloud {
    Cloud::new(plan(sizes, baked(gate)))
}

fn sentence(state: &State) -> &str {
    let planned = state.gates.iter().filter(|record| record.which == Which::Planned(GateIndex(0)));
    &planned.max_by_key(|record| !is_before(record)).expect("it was measured").sentence
}

fn is_before(record: &GateRecord) -> bool {
    matches!(record.scope, Scope::Blocker(_))
}

fn first_verdict(mut cloud: Cloud) -> (Verdict, String) {
    let planned = |record: &&GateRecord| record.which != Which::Install && !is_before(record);
    cloud.run_until(|state| state.gates.iter().any(|record| planned(&record) && record.samples > 0));
    let record = cloud.state.gates.iter().find(planned).expect("it was measured");
    (record.last, sentence(&cloud.state).to_owned())
}

fn said_by_ten(check: ComplianceCheck, says: impl FnMut(NodeIndex) -> Says + 'static) -> (Verdict, String) {
    let mut cloud = with(gate(check), &[10, 10]);
    cloud.metrics = Some(saying(says));
    first_verdict(cloud)
}

#[test]
fn compliant_nodes_pass_and_only_the_waves_own_are_asked_about() {
    let mut cloud = with(gate(check()), &[10, 10]);
    let wave_nodes = 10;
    cloud.metrics = Some(Box::new(move |measurement| {
        assert_eq!(measurement.nodes.len(), wave_nodes);
        saying(|_| Says::Good)(measurement)
    }));
    cloud.run_until_over();
    assert_eq!(cloud.state.phase, Phase::Ended(Ending::Completed));
    assert_eq!(sentence(&cloud.state), "10 of 10 reporting nodes are compliant, at least 98% are wanted");
}

#[test]
fn too_many_bad_nodes_take_the_version_back() {
    let mut cloud = with(gate(check()), &[10, 10]);
    cloud.metrics = Some(saying(|node| if node.0 == 3 { Says::Bad("HIGH") } else { Says::Good }));
    cloud.run_until_over();
    assert_eq!(cloud.state.phase, Phase::Ended(Ending::RolledBack));
    let said = sentence(&cloud.state);
    assert!(said.starts_with("9 of 10 reporting nodes are compliant, at least 98% are wanted; "), "{said}");
    assert!(said.ends_with("is not compliant in Patch (1 HIGH)"), "{said}");
}

#[test]
fn nodes_that_were_not_compliant_before_the_wave_say_nothing_against_the_version() {
    let is_bad = |node: NodeIndex| if node.0 < 4 { Says::Bad("HIGH") } else { Says::Good };
    for guard in [false, true] {
        let mut cloud = with(Gate { guard, ..gate(check()) }, &[10, 10]);
        cloud.metrics = Some(saying_before(is_bad, is_bad));
        cloud.run_until_over();
        assert_eq!(cloud.state.phase, Phase::Ended(Ending::Completed), "{}", sentence(&cloud.state));
        let said = cloud.log.iter().filter_map(|entry| match &entry.event {
            Event::Measured { evidence, .. } => Some(evidence.sentence.as_str()),
            _ => None,
        });
        let said: Vec<&str> = said.collect();
        assert!(said.contains(&"before the wave 4 of 10 nodes are not compliant"), "{said:?}");
        assert!(
            said.contains(
                &"6 of 10 reporting nodes are compliant, 4 were not before the wave either, at least 98% are wanted"
            ),
            "{said:?}"
        );
    }
}

#[test]
fn what_is_new_on_nodes_that_were_not_compliant_before_counts() {
    for (before, after, verdict) in [
        (Says::Bad("HIGH"), Says::Bad("HIGH"), Verdict::Pass),
        (Says::Bad("HIGH"), Says::Good, Verdict::Pass),
        (Says::Bad("LOW"), Says::Bad("HIGH"), Verdict::Fail),
        (Says::Nothing, Says::Bad("HIGH"), Verdict::Fail),
        (Says::Good, Says::Bad("HIGH"), Verdict::Fail),
        (Says::Bad("HIGH"), Says::Nothing, Verdict::Inconclusive),
        (Says::Bad("HIGH"), Says::Old, Verdict::Inconclusive),
    ] {
        let check = ComplianceCheck { severities: vec!["HIGH".to_owned()], ..check() };
        let mut cloud = with(gate(check), &[10, 10]);
        cloud.metrics = Some(saying_before(move |_| before, move |_| after));
        let (said, sentence) = first_verdict(cloud);
        assert_eq!(said, verdict, "{before:?} {after:?}: {sentence}");
    }
}

#[test]
fn a_node_of_which_nothing_is_known_from_before_is_neither_held_against_the_version_nor_passed() {
    for (after, verdict) in [(Says::Bad("HIGH"), Verdict::Inconclusive), (Says::Good, Verdict::Pass)] {
        let mut cloud = with(gate(check()), &[10, 10]);
        let mut answer = saying(move |_| after);
        cloud.metrics = Some(Box::new(move |measurement| match measurement.scope {
            Scope::Blocker(_) => Err("denied".to_owned()),
            _ => answer(measurement),
        }));
        let (said, sentence) = first_verdict(cloud);
        assert_eq!(said, verdict, "{sentence}");
        assert!(
            verdict == Verdict::Pass || sentence.contains("nothing is known of it before the wave"),
            "{sentence}"
        );
    }
}

#[test]
fn a_look_before_the_wave_that_failed_is_repeated_and_nothing_is_touched_meanwhile() {
    let mut cloud = with(gate(check()), &[10]);
    let mut answer = saying(|_| Says::Good);
    let mut looks = 0;
    cloud.metrics = Some(Box::new(move |measurement| {
        looks += 1;
        if looks < 4 { Err("throttled".to_owned()) } else { answer(measurement) }
    }));
    while !matches!(cloud.state.waves[0].phase, WavePhase::Open { .. }) {
        assert!(cloud.state.first_dispatch_at.is_none());
        cloud.turn();
    }
    assert_eq!(cloud.state.waves[0].baselines[&GateIndex(0)].sites.len(), 1);
    cloud.run_until_over();
    assert_eq!(cloud.state.phase, Phase::Ended(Ending::Completed));
}

#[test]
fn what_was_found_out_before_the_install_or_in_unknown_words_is_no_evidence() {
    for (silent, word) in [
        (Says::Old, "last reported Patch at"),
        (Says::Unknown, "unknown status"),
        (Says::Nothing, "nothing of type Patch"),
    ] {
        let (verdict, said) = said_by_ten(check(), move |node| if node.0 < 2 { silent } else { Says::Good });
        assert_eq!(verdict, Verdict::Inconclusive, "{said}");
        assert!(said.contains("8 of 10 nodes report") && said.contains(word), "{said}");
        // One of ten may be silent.
        let (verdict, said) = said_by_ten(check(), move |node| if node.0 < 1 { silent } else { Says::Good });
        assert_eq!(verdict, Verdict::Pass, "{said}");
    }
}

#[test]
fn so_many_bad_nodes_that_the_silent_ones_could_not_save_it_fail_at_once() {
    let (verdict, said) =
        said_by_ten(check(), |node| if node.0 < 5 { Says::Nothing } else { Says::Bad("LOW") });
    assert_eq!(verdict, Verdict::Fail, "{said}");
}

#[test]
fn only_severities_that_were_named_count_and_those_without_a_name_always_do() {
    for (severity, verdict) in [
        ("LOW", Verdict::Pass),
        ("HIGH", Verdict::Fail),
        ("UNSPECIFIED", Verdict::Fail),
        ("COSMIC", Verdict::Fail),
    ] {
        let check = ComplianceCheck { severities: vec!["CRITICAL".to_owned(), "HIGH".to_owned()], ..check() };
        let (said, sentence) = said_by_ten(check, move |_| Says::Bad(severity));
        assert_eq!(said, verdict, "{severity}: {sentence}");
    }
}

#[test]
fn the_truth_counts_nodes_on_which_the_install_failed() {
    let check = ComplianceCheck { truth: true, ..check() };
    let mut cloud = Cloud::new(plan(&[10, 10], |spec| {
        baked(gate(check))(spec);
        spec.limits.failures = Amount::Count(5);
    }));
    cloud.truth[4].behaviour = Behaviour::Breaks;
    cloud.metrics = Some(saying(|_| Says::Good));
    let (verdict, said) = first_verdict(cloud);
    assert_eq!(verdict, Verdict::Fail, "{said}");
    assert!(said.contains("does not have 2.0.0-1"), "{said}");
}

#[test]
fn the_truth_alone_needs_no_types() {
    let mut cloud = with(gate(ComplianceCheck { types: Vec::new(), truth: true, ..check() }), &[10, 10]);
    cloud.metrics = Some(saying(|_| Says::Nothing));
    cloud.run_until_over();
    assert_eq!(cloud.state.phase, Phase::Ended(Ending::Completed));
}

#[test]
fn a_blocker_looks_at_untouched_nodes_and_refuses_old_evidence() {
    for (says, opens) in [(Says::Good, true), (Says::Old, false)] {
        let blocking =
            Gate { blocker: true, guard: true, ..gate(ComplianceCheck { max_age: Seconds(1), ..check() }) };
        let mut cloud = with(blocking, &[10]);
        cloud.metrics = Some(saying_before(move |_| says, |_| Says::Good));
        for _ in 0..30 {
            cloud.turn();
        }
        let is_open = !matches!(cloud.state.waves[0].phase, WavePhase::Blocked { .. });
        assert_eq!(is_open, opens, "{}", sentence(&cloud.state));
    }
}

fn spread(gate: Gate) -> Cloud {
    let spread = Spread { sites: 2, windows: true, domains: 0 };
    Cloud::new(spread_plan(&[40, 20], spread, baked(gate)))
}

#[test]
fn each_site_or_stratum_can_be_judged_by_itself() {
    let check = ComplianceCheck { at_least: Percent::whole(80), ..check() };
    // Every Windows node of the second site: 6 or 7 of 40 nodes, and of 20 there.
    let is_bad = |node: NodeIndex| node.0 % 2 == 1 && node.0 % 3 == 2;
    for (per, verdict, place) in [
        (None, Verdict::Pass, ""),
        (Some(Per::Site), Verdict::Fail, "/"),
        (Some(Per::Stratum), Verdict::Fail, "Windows"),
    ] {
        let mut cloud = spread(Gate { per, ..gate(check.clone()) });
        cloud.metrics = Some(saying(move |node| if is_bad(node) { Says::Bad("HIGH") } else { Says::Good }));
        let (said, sentence) = first_verdict(cloud);
        assert_eq!(said, verdict, "{sentence}");
        assert!(sentence.to_lowercase().contains(&place.to_lowercase()), "{sentence}");
    }
}

#[test]
fn a_gate_looks_only_where_it_was_told_to_and_lets_other_waves_pass() {
    let within = Within { platforms: vec![Platform::Windows], ..Within::default() };
    let mut cloud = spread(Gate { within, ..gate(check()) });
    cloud.metrics = Some(saying(|node| if node.0 % 3 == 2 { Says::Good } else { Says::Bad("HIGH") }));
    cloud.run_until_over();
    assert_eq!(cloud.state.phase, Phase::Ended(Ending::Completed), "{}", sentence(&cloud.state));

    let within = Within { platforms: vec![Platform::Windows], ..Within::default() };
    let mut cloud = with(Gate { within, ..gate(check()) }, &[10, 10]);
    cloud.metrics = Some(saying(|_| Says::Bad("HIGH")));
    cloud.run_until_over();
    assert_eq!(cloud.state.phase, Phase::Ended(Ending::Completed), "no node of the fleet is meant");
}

#[test]
fn an_alarm_that_fired_between_two_looks_fails_whatever_the_look_before_said() {
    for before in [AlarmState::Ok, AlarmState::InsufficientData] {
        let mut cloud = with(cloud::alarm_gate(), &[5, 5]);
        cloud.alarm = before;
        let measured =
            |samples| move |state: &State| state.gates.iter().any(|record| record.samples >= samples);
        cloud.run_until(measured(1));
        let at = cloud.now;
        cloud.meanwhile =
            vec![AlarmChange { at, to: AlarmState::Alarm }, AlarmChange { at, to: AlarmState::Ok }];
        cloud.alarm = AlarmState::Ok;
        cloud.run_until_over();
        assert_eq!(cloud.state.phase, Phase::Ended(Ending::RolledBack));
        assert!(sentence(&cloud.state).contains("went into ALARM at"), "{}", sentence(&cloud.state));
    }
}

#[test]
fn an_alarm_that_had_too_little_data_meanwhile_follows_the_policy() {
    use spec::InsufficientData::{Fail, Ignore, Inconclusive};
    for (policy, verdict) in
        [(Inconclusive, Verdict::Inconclusive), (Fail, Verdict::Fail), (Ignore, Verdict::Pass)]
    {
        let mut gate = cloud::alarm_gate();
        let Check::Alarms(alarms) = &mut gate.check else { unreachable!("it looks at alarms") };
        alarms.insufficient_data = policy;
        let mut cloud = with(gate, &[5]);
        let at = cloud.now;
        cloud.meanwhile = vec![
            AlarmChange { at, to: AlarmState::InsufficientData },
            AlarmChange { at, to: AlarmState::Ok },
        ];
        assert_eq!(first_verdict(cloud).0, verdict);
    }
}

/// A gate that asks by a command.
pub(crate) fn asking(sample: u32) -> Gate {
    let check = ProbeCheck {
        linux: Some("curl -sf 127.0.0.1:8126/info".to_owned()),
        windows: None,
        condition: Condition {
            fail_if: None,
            pass_if: Some("exit == 0 && output.contains(\"exit\")".to_owned()),
        },
        sample,
        at_least: Percent::whole(95),
        minimum_reporting: Percent::whole(90),
        timeout: Seconds::minutes(2),
    };
    Gate { name: "works".to_owned(), check: Check::Probe(check), ..cloud::alarm_gate() }
}

fn asked(cloud: &Cloud) -> Vec<usize> {
    let intents = cloud.log.iter().filter_map(|entry| match &entry.event {
        Event::Intended { intent } if matches!(intent.action, Action::Ask { .. }) => Some(intent.nodes.len()),
        _ => None,
    });
    intents.collect()
}

#[test]
fn a_probe_that_works_lets_waves_pass_and_asks_no_more_nodes_than_it_may() {
    for guard in [false, true] {
        let mut cloud = with(Gate { guard, ..asking(4) }, &[10, 10]);
        cloud.run_until_over();
        assert_eq!(cloud.state.phase, Phase::Ended(Ending::Completed));
        let asked = asked(&cloud);
        assert!(asked.len() > 5 && asked.iter().all(|nodes| *nodes <= 4), "{asked:?}");
        assert!(cloud.state.open.is_empty());
        assert!(
            sentence(&cloud.state).contains("4 of 4 reporting nodes are good"),
            "{}",
            sentence(&cloud.state)
        );
    }
}

#[test]
fn a_probe_that_fails_takes_the_version_back_and_nothing_of_it_is_left_open() {
    for guard in [false, true] {
        let mut cloud = with(Gate { guard, ..asking(20) }, &[10, 10]);
        cloud.exits = Some(Box::new(|node| i32::from(node.0 == 3) * 7));
        cloud.run_until_over();
        assert_eq!(cloud.state.phase, Phase::Ended(Ending::RolledBack));
        assert!(cloud.state.open.is_empty() && cloud.state.rounds.is_empty() && cloud.changed().is_empty());
        let said = sentence(&cloud.state);
        assert!(said.contains("answered with exit code 7 and `exit 7`"), "{said}");
    }
}

#[test]
fn nodes_that_do_not_answer_in_time_are_not_good() {
    let mut cloud = with(asking(20), &[10, 10]);
    cloud.run_until(|state| matches!(state.waves[0].phase, WavePhase::Baking { .. }));
    // From here on AWS tells nothing any more.
    cloud.rows_take = Seconds::hours(48);
    let begun = cloud.now;
    cloud.run_until(|state| {
        state.gates.iter().any(|record| record.which != Which::Install && record.samples > 0)
    });
    let said = sentence(&cloud.state);
    assert!(said.contains("0 of 10 nodes report") && said.ends_with("did not answer"), "{said}");
    assert!(cloud.now.since(begun) < Seconds::minutes(5), "the probe's own deadline counts");
}

#[test]
fn a_lost_answer_to_a_probe_is_looked_for_and_never_asked_twice() {
    // The cloud itself refuses a second command for one intent.
    let mut cloud = with(Gate { guard: true, ..asking(4) }, &[10, 10]);
    cloud.lose_answer_every = Some(2);
    cloud.run_until_over();
    assert_eq!(cloud.state.phase, Phase::Ended(Ending::Completed));
    let adopted = cloud.log.iter().filter(|entry| matches!(entry.event, Event::Sent { adopted: true, .. }));
    assert!(adopted.count() > 3);
}

#[test]
fn a_gates_probe_is_no_touch_and_a_blockers_asks_untouched_nodes() {
    let mut cloud = with(Gate { blocker: true, guard: true, ..asking(4) }, &[10]);
    cloud.exits = Some(Box::new(|_| 1));
    for _ in 0..60 {
        cloud.turn();
    }
    assert!(matches!(cloud.state.waves[0].phase, WavePhase::Blocked { .. }));
    assert!(cloud.state.nodes.iter().all(|node| node.touch == Touch::No && node.forward == Forward::Waiting));
    assert!(!asked(&cloud).is_empty());
    cloud.exits = None;
    cloud.run_until_over();
    assert_eq!(cloud.state.phase, Phase::Ended(Ending::Completed));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    /// More bad and fewer reporting nodes never make it better, and nobody's word is no pass.
    #[test]
    fn a_pass_is_earned_by_reporting_nodes_alone(good in 0_u32..=10, bad in 0_u32..=10, at_least in 1_u16..=100) {
        let bad = bad.min(10 - good);
        let check = ComplianceCheck { at_least: Percent::whole(at_least), ..check() };
        let (verdict, said) = said_by_ten(check, move |node| match node.0 {
            node if node < good => Says::Good,
            node if node < good + bad => Says::Bad("HIGH"),
            _ => Says::Nothing,
        });
        let is_enough = good * 100 >= u32::from(at_least) * (good + bad);
        prop_assert_eq!(verdict == Verdict::Pass, is_enough && good + bad >= 9, "{}", said);
        prop_assert!(verdict != Verdict::Fail || bad > 0, "{}", said);
    }

    /// A look that failed stays one, whatever is seen afterwards.
    #[test]
    fn no_order_of_looks_improves_a_fail(looks in proptest::collection::vec(0_u8..3, 1..30), guard in any::<bool>()) {
        let mut cloud = with(Gate { guard, ..gate(check()) }, &[5, 5]);
        let mut next = looks.into_iter();
        cloud.metrics = Some(Box::new(move |measurement| {
            let says = match next.next() {
                Some(0) => Says::Good,
                Some(1) => Says::Bad("HIGH"),
                _ => Says::Nothing,
            };
            saying(move |_| says)(measurement)
        }));
        cloud.run_until_over();
        let mut has_failed = false;
        let mut good_since_settled = false;
        for entry in &cloud.log {
            match &entry.event {
                Event::WaveSettled { .. } => good_since_settled = false,
                Event::Measured { verdict, .. } => {
                    has_failed |= *verdict == Verdict::Fail;
                    good_since_settled |= *verdict == Verdict::Pass;
                }
                Event::WavePassed { .. } => prop_assert!(good_since_settled && !has_failed),
                _ => {}
            }
        }
        if has_failed {
            prop_assert!(matches!(cloud.state.phase, Phase::Ended(Ending::RolledBack)));
        }
    }
}
