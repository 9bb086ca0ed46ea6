//! Guards that every rollout has: what they stop, what they leave alone, and that no wave waits for them.

use crate::cloud::{self, Cloud, plan};
use wavetrain_engine::input::{Input, Order};
use wavetrain_model::event::Event;
use wavetrain_model::fleet::Platform;
use wavetrain_model::gate::{Found, Level, Lost, Point, Reading, Scope, Series, Verdict, Which, Window};
use wavetrain_model::hold::{Hold, Kind};
use wavetrain_model::id::{GateIndex, NodeIndex, SiteIndex, WaveIndex};
use wavetrain_model::intent::Action;
use wavetrain_model::quantity::Percent;
use wavetrain_model::spec::{self, Check, Compare, Connection, Duration, Gate, MetricStat, Reporting, Worse};
use wavetrain_model::state::{Ending, Phase, Progress, State, WavePhase};
use wavetrain_model::time::{Seconds, Timestamp};

fn guard(name: &str, check: Check, inconclusive_limit: Option<u32>) -> Gate {
    Gate {
        name: name.to_owned(),
        guard: true,
        check,
        every: Seconds::minutes(5),
        inconclusive_limit,
        ..cloud::alarm_gate()
    }
}

fn connection() -> Gate {
    let check = Check::Connection(Connection { limit: Percent::whole(2), patience: Seconds::minutes(15) });
    guard("connection", check, Some(1))
}

fn duration() -> Gate {
    guard("duration", Check::Duration(Duration { times: 3, more: Seconds::minutes(5) }), Some(0))
}

fn reporting() -> Gate {
    let check = Check::Reporting(Reporting { limit: Percent::whole(5), patience: Seconds::minutes(15) });
    guard("reporting", check, None)
}

fn comparison() -> Gate {
    let check = Check::Compare(Compare {
        metric: MetricStat {
            namespace: "CWAgent".to_owned(),
            name: "latency".to_owned(),
            dimensions: std::collections::BTreeMap::new(),
            statistic: "Average".to_owned(),
        },
        node_dimension: "InstanceId".to_owned(),
        period: Seconds(60),
        window: Seconds::minutes(30),
        lag: Seconds(60),
        worse: Worse::Higher,
        tolerance: Percent::whole(10),
        bad_if: None,
        alpha: Percent::whole(1),
        nodes: 50,
        minimum_nodes: 5,
    });
    Gate { name: "latency".to_owned(), check, guard: true, dry_run: true, ..cloud::alarm_gate() }
}

fn with(gates: Vec<Gate>, sizes: &[u32], bake: u32) -> Cloud {
    Cloud::new(plan(sizes, |spec: &mut spec::Rollout| {
        spec.gates = gates;
        for wave in &mut spec.waves {
            wave.bake = Seconds::minutes(bake);
        }
    }))
}

/// These nodes were last heard a minute after the measurements began.
fn losing(nodes: std::ops::Range<u32>) -> cloud::MetricSource {
    Box::new(move |measurement| {
        let heard_at = measurement.window.from.plus(Seconds(60));
        Ok(Found::Lost(nodes.clone().map(|node| Lost { node: NodeIndex(node), heard_at }).collect()))
    })
}

fn said(cloud: &Cloud, gate: u16) -> Vec<(Verdict, String)> {
    let all = cloud.log.iter().filter_map(|entry| match &entry.event {
        Event::Measured { which, verdict, evidence, .. } if *which == Which::Planned(GateIndex(gate)) => {
            Some((*verdict, evidence.sentence.clone()))
        }
        _ => None,
    });
    all.collect()
}

fn is_held(state: &State) -> bool {
    state.holds.iter().any(|hold| matches!(hold.kind, Kind::Gate(Which::Planned(_), _)))
}

#[test]
fn upgraded_nodes_that_ssm_loses_take_the_version_back() {
    let mut cloud = with(vec![connection()], &[10, 40, 50], 60);
    cloud.metrics = Some(losing(0..4));
    cloud.run_until_over();
    assert_eq!(cloud.state.phase, Phase::Ended(Ending::RolledBack));
    let (verdict, sentence) = said(&cloud, 0).pop().expect("it was measured");
    assert_eq!(verdict, Verdict::Fail);
    assert!(sentence.contains("4 of 10 upgraded and 0 of 90 untouched nodes"), "{sentence}");
    assert!(cloud.state.waves[1].phase == WavePhase::Waiting, "nobody else was touched");
}

#[test]
fn a_fault_of_the_region_is_not_blamed_on_the_version() {
    let mut cloud = with(vec![connection()], &[10, 40, 50], 60);
    cloud.metrics = Some(losing(0..100));
    cloud.run_until(|state| is_held(state) || state.is_over());
    assert!(is_held(&cloud.state), "{:?}", cloud.state.phase);
    let (verdict, sentence) = said(&cloud, 0).pop().expect("it was measured");
    assert_eq!(verdict, Verdict::Inconclusive);
    assert!(sentence.contains("cannot be told from a fault of the sites"), "{sentence}");
}

#[test]
fn no_wave_waits_for_a_guard_that_only_stops() {
    for (gate, source) in [(connection(), None), (duration(), None), (reporting(), Some(losing(0..0)))] {
        let mut guarded = with(vec![gate], &[5, 5], 1);
        guarded.metrics = source;
        guarded.run_until_over();
        let mut bare = with(Vec::new(), &[5, 5], 1);
        bare.run_until_over();
        assert_eq!(guarded.state.phase, Phase::Ended(Ending::Completed));
        assert_eq!(guarded.state.updated_at, bare.state.updated_at, "it took no longer");
    }
}

#[test]
fn a_site_that_cannot_be_asked_is_an_error_with_a_sentence() {
    let mut cloud = with(vec![connection()], &[10, 40], 120);
    cloud.metrics = Some(Box::new(|_| Err("throttled".to_owned())));
    cloud.run_until(|state| is_held(state) || state.is_over());
    assert!(is_held(&cloud.state), "{:?}", cloud.state.phase);
    assert!(
        said(&cloud, 0)
            .iter()
            .all(|(verdict, sentence)| { *verdict == Verdict::Error && sentence.contains("throttled") })
    );
}

#[test]
fn installs_far_slower_than_those_before_hold_the_rollout_while_they_still_run() {
    let mut cloud = with(vec![duration()], &[10, 40], 5);
    cloud.run_until(|state| matches!(state.waves[0].phase, WavePhase::Passed { .. }));
    cloud.rows_take = Seconds::minutes(90);
    cloud.run_until(|state| is_held(state) || state.is_over());
    assert!(is_held(&cloud.state), "{:?}", cloud.state.phase);
    assert!(cloud.state.wave(WaveIndex(1)).in_flight > 0, "they still run");
    let (_, sentence) = said(&cloud, 0).pop().expect("it was measured");
    assert!(sentence.contains("more than 3 times as long"), "{sentence}");
}

#[test]
fn metrics_that_end_on_upgraded_nodes_take_the_version_back() {
    let ending = |silent: u32| -> cloud::MetricSource {
        Box::new(move |measurement| {
            let points = |is_silent: bool| {
                let at = if is_silent {
                    measurement.window.from
                } else {
                    Timestamp(measurement.window.until.0 - 60_000)
                };
                Level::new(5.0).map(|value| Point { at, value }).into_iter().collect::<Vec<_>>()
            };
            let upgraded = measurement.upgraded.iter().map(|node| (*node, false));
            let all = upgraded.chain(measurement.untouched.iter().map(|node| (*node, true)));
            let series = all.map(|(node, control)| Series {
                label: node.0.to_string(),
                node: Some(node),
                control,
                points: points(!control && node.0 < silent),
                complete: true,
            });
            Ok(Found::Series(series.collect()))
        })
    };
    for (silent, end) in [(0, Ending::Completed), (1, Ending::Completed), (8, Ending::RolledBack)] {
        let mut cloud = with(vec![comparison(), reporting()], &[10, 40, 10], 40);
        cloud.metrics = Some(ending(silent));
        cloud.run_until_over();
        assert_eq!(cloud.state.phase, Phase::Ended(end), "{silent} silent: {:?}", said(&cloud, 1));
    }
    assert!(said(&with(vec![reporting()], &[5], 1), 0).is_empty());
}

fn is_installing(state: &State) -> bool {
    state.open.values().any(|open| {
        matches!(open.intent.action, Action::Install { .. }) && matches!(open.progress, Progress::Sent { .. })
    })
}

/// Wave 0 is done, the installs of wave 1 run and say nothing for a long time.
fn with_slow_installs() -> Cloud {
    let mut cloud = with(vec![duration()], &[10, 40], 5);
    cloud.run_until(|state| matches!(state.waves[0].phase, WavePhase::Passed { .. }));
    cloud.rows_take = Seconds::hours(3);
    cloud.run_until(is_installing);
    cloud
}

#[test]
fn time_in_which_nobody_watched_is_no_duration_of_an_install() {
    let mut cloud = with_slow_installs();
    cloud.now = cloud.now.plus(Seconds::hours(3));
    cloud.crash_and_recover();
    cloud.rows_take = Seconds(0);
    cloud.turn();
    cloud.turn();
    assert!(!is_held(&cloud.state), "{:?}", cloud.state.holds);
    let longest = cloud.state.waves[1].install_seconds.values().flat_map(|durations| durations.keys()).max();
    assert!(longest.is_none_or(|longest| *longest < 600), "{longest:?}");
}

#[test]
fn time_in_which_a_site_could_not_be_heard_is_no_duration_of_an_install() {
    let mut cloud = with_slow_installs();
    let kind = Kind::Site(SiteIndex(0));
    let hold = Hold {
        kind,
        reason: "throttled".to_owned(),
        next_step: "wait".to_owned(),
        needs_person: false,
        since: cloud.now,
        deadline: None,
    };
    cloud.apply(vec![
        Event::SiteFailed { site: SiteIndex(0), message: "throttled".to_owned() },
        Event::Held { hold },
    ]);
    cloud.now = cloud.now.plus(Seconds::hours(2));
    cloud.turn();
    assert!(!is_held(&cloud.state), "{:?}", cloud.state.holds);
    cloud.apply(vec![Event::SiteAnswered { site: SiteIndex(0) }, Event::Released { kind, accepted: false }]);
    cloud.rows_take = Seconds(0);
    cloud.run_until_over();
    assert!(!is_held(&cloud.state), "{:?}", cloud.state.holds);
    let longest = cloud.state.waves[1].install_seconds.values().flat_map(|durations| durations.keys()).max();
    assert!(longest.is_some_and(|longest| *longest < 600), "{longest:?}");
}

#[test]
fn installs_are_compared_with_those_of_their_own_platform() {
    let spread = cloud::Spread { sites: 1, windows: true, domains: 0 };
    let plan = cloud::spread_plan(&[30, 30], spread, |spec| spec.gates = vec![duration()]);
    let mut cloud = Cloud::new(plan);
    cloud.run_until(|state| matches!(state.waves[0].phase, WavePhase::Passed { .. }));
    let seen: Vec<Platform> = cloud.state.waves[0].install_seconds.keys().copied().collect();
    assert_eq!(seen, [Platform::Linux, Platform::Windows]);
    // Windows takes fifteen minutes in both waves; in the second one it is all that has ended so far.
    cloud.state.waves[0].install_seconds.insert(Platform::Windows, [(900, 10)].into());
    cloud.state.waves[1].phase = WavePhase::Open { since: cloud.now };
    let wave = &mut cloud.state.waves[1];
    wave.install_seconds = [(Platform::Windows, [(900, 10)].into())].into();
    let look = |cloud: &mut Cloud| {
        let window = Window { from: cloud.now, until: cloud.now };
        let (gate, scope) = (GateIndex(0), Scope::Guard);
        cloud.input(&Input::Measured { gate, scope, window, readings: Vec::new() });
        said(cloud, 0).pop().expect("it was measured")
    };
    let (verdict, sentence) = look(&mut cloud);
    assert_eq!(verdict, Verdict::Pass, "{sentence}");
    assert!(sentence.contains("windows installs of wave w1 take 900s"), "{sentence}");
    let slow = [(Platform::Linux, [(600, 10)].into()), (Platform::Windows, [(900, 10)].into())];
    cloud.state.waves[1].install_seconds = slow.into();
    let (verdict, sentence) = look(&mut cloud);
    assert_eq!(verdict, Verdict::Inconclusive, "{sentence}");
    assert!(sentence.contains("linux installs of wave w1 take 600s"), "{sentence}");
}

#[test]
fn slow_installs_that_a_person_accepted_hold_again_only_if_they_get_much_slower() {
    let mut cloud = with(vec![duration()], &[10, 40], 5);
    cloud.run_until(|state| matches!(state.waves[0].phase, WavePhase::Passed { .. }));
    cloud.rows_take = Seconds::hours(4);
    cloud.run_until(is_held);
    let first = cloud.now;
    cloud.order(Order::Resume);
    assert!(!is_held(&cloud.state));
    cloud.run_until(is_held);
    let accepted = cloud.state.accepted[&GateIndex(0)].install_seconds[&Platform::Linux];
    let again = cloud.now.since(first).0;
    assert!(accepted >= 300 && again >= 2 * accepted, "held again after {again}s, {accepted}s were accepted");
}

#[test]
fn lost_nodes_that_a_person_accepted_do_not_hold_at_the_next_look() {
    let mut cloud = with(vec![connection()], &[10, 40, 50], 60);
    cloud.metrics = Some(losing(0..100));
    cloud.run_until(is_held);
    cloud.order(Order::Resume);
    // Nobody else is lost: those that are upgraded from now on are heard.
    cloud.metrics = Some(losing(0..10));
    cloud.run_until_over();
    assert_eq!(cloud.state.phase, Phase::Ended(Ending::Completed), "{:?}", cloud.state.holds);
}

#[test]
fn a_region_that_cannot_be_asked_does_not_look_like_lost_nodes() {
    let spread = cloud::Spread { sites: 2, windows: false, domains: 0 };
    let plan = cloud::spread_plan(&[20, 40], spread, |spec| {
        spec.gates = vec![connection()];
        spec.waves[0].bake = Seconds::hours(2);
    });
    let mut cloud = Cloud::new(plan);
    cloud.run_until(|state| matches!(state.waves[0].phase, WavePhase::Baking { .. }));
    let hold = Hold {
        kind: Kind::Site(SiteIndex(1)),
        reason: "throttled".to_owned(),
        next_step: "wait".to_owned(),
        needs_person: false,
        since: cloud.now,
        deadline: None,
    };
    cloud.apply(vec![Event::Held { hold }]);
    let look = |cloud: &mut Cloud, found: [Result<Found, String>; 2]| {
        let window = Window { from: cloud.now, until: cloud.now };
        let (gate, scope) = (GateIndex(0), Scope::Guard);
        let sites = (0..).map(SiteIndex).zip(found);
        let readings = sites.map(|(site, found)| Reading::new(Some(site), found)).collect();
        cloud.input(&Input::Measured { gate, scope, window, readings });
        said(cloud, 0).pop().expect("it was measured")
    };
    let none = || Ok(Found::Lost(Vec::new()));
    let dead = || Err("could not connect".to_owned());
    let (verdict, sentence) = look(&mut cloud, [none(), dead()]);
    assert_eq!(verdict, Verdict::Pass, "{sentence}");
    assert!(sentence.contains("0 of 10 upgraded and 0 of 20 untouched"), "{sentence}");
    let heard_at = Timestamp(0);
    let all = (0..60).map(|node| Lost { node: NodeIndex(node), heard_at }).collect();
    let (verdict, sentence) = look(&mut cloud, [none(), Ok(Found::Lost(all))]);
    assert_eq!(verdict, Verdict::Pass, "an old answer of the held site: {sentence}");
    let (verdict, sentence) = look(&mut cloud, [dead(), dead()]);
    assert_eq!(verdict, Verdict::Error, "{sentence}");
}
