//! One promise for every kind of gate: no order of looks makes a fail better, and no data is no pass.

use crate::cloud::{self, Cloud, plan};
use crate::gates::{beside, compare_gate, metric_gate, series};
use crate::nodes::{self, Says, asking, saying};
use proptest::prelude::*;
use std::cell::Cell;
use std::rc::Rc;
use wavetrain_model::event::Event;
use wavetrain_model::gate::{AlarmState, Found, Scope, Verdict, Which};
use wavetrain_model::id::{GateIndex, WaveIndex};
use wavetrain_model::quantity::Amount;
use wavetrain_model::spec::{Check, Condition, Gate, Http, InstallCheck, Prometheus};
use wavetrain_model::state::{Ending, Phase, WavePhase};
use wavetrain_model::time::Seconds;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Look {
    Good,
    Bad,
    Nothing,
    Error,
}

const KINDS: [&str; 8] =
    ["alarms", "metric", "compare", "prometheus", "http", "compliance", "probe", "install"];

fn gate(kind: &str) -> Gate {
    let condition = |text: &str| Condition { fail_if: Some(text.to_owned()), pass_if: None };
    let url = "https://example".to_owned();
    let check = match kind {
        "alarms" => return cloud::alarm_gate(),
        "metric" => return metric_gate(),
        "compare" => return Gate { waves: Vec::new(), ..compare_gate() },
        "compliance" => return nodes::gate(nodes::check()),
        "probe" => return asking(20),
        "prometheus" => Check::Prometheus(Prometheus {
            url,
            token_env: None,
            query: "up".to_owned(),
            window: Seconds(60),
            step: None,
            minimum_samples: 1,
            condition: condition("value > 5"),
        }),
        "http" => Check::Http(Http { url, token_env: None, condition: condition("answer.bad > 5") }),
        _ => Check::Install(InstallCheck { failures: Amount::Count(0), minimum_finished: 5 }),
    };
    Gate { name: kind.to_owned(), check, ..cloud::alarm_gate() }
}

/// Gives every gate of a kind what it should see.
fn show(cloud: &mut Cloud, kind: &'static str, look: &Rc<Cell<Look>>) {
    let seen = Rc::clone(look);
    cloud.metrics = Some(Box::new(move |measurement| {
        let look = seen.get();
        let says = match look {
            Look::Error => return Err("no answer".to_owned()),
            Look::Good => Says::Good,
            Look::Bad => Says::Bad("HIGH"),
            Look::Nothing => Says::Nothing,
        };
        match (kind, look) {
            ("compliance", _) => saying(move |_| says)(measurement),
            ("http", Look::Nothing) => Ok(Found::Answer { status: 503, body: String::new() }),
            ("http", _) => {
                let bad = if look == Look::Bad { 9 } else { 1 };
                Ok(Found::Answer { status: 200, body: format!("{{\"bad\": {bad}}}") })
            }
            (_, Look::Nothing) => Ok(Found::Series(Vec::new())),
            ("compare", _) => beside(if look == Look::Bad { 500.0 } else { 0.0 })(measurement),
            _ => Ok(Found::Series(vec![series(measurement, if look == Look::Bad { 9.0 } else { 1.0 })])),
        }
    }));
    let seen = Rc::clone(look);
    cloud.exits = Some(Box::new(move |_| i32::from(seen.get() != Look::Good)));
    cloud.alarm = match look.get() {
        Look::Good => AlarmState::Ok,
        Look::Bad => AlarmState::Alarm,
        Look::Nothing | Look::Error => AlarmState::InsufficientData,
    };
}

fn look() -> impl Strategy<Value = Look> {
    prop_oneof![3 => Just(Look::Good), 1 => Just(Look::Bad), 1 => Just(Look::Nothing), 1 => Just(Look::Error)]
}

fn cloud_of(gate: Gate) -> Cloud {
    Cloud::new(plan(&[20, 20, 20], |spec| {
        spec.gates = vec![gate];
        spec.limits.failures = Amount::Count(60);
        for wave in &mut spec.waves {
            wave.bake = Seconds::minutes(5);
        }
    }))
}

const GATE: Which = Which::Planned(GateIndex(0));

proptest! {
    #![proptest_config(ProptestConfig { cases: 120, ..ProptestConfig::default() })]

    #[test]
    fn no_order_of_looks_improves_a_verdict_or_passes_without_data(
        kind in proptest::sample::select(&KINDS[..]),
        looks in proptest::collection::vec(look(), 1..40),
        guard in any::<bool>(),
        failure_limit in 0_u32..3,
    ) {
        let mut cloud = cloud_of(Gate { guard, failure_limit, ..gate(kind) });
        let seen = Rc::new(Cell::new(Look::Good));
        for turn in 0..4_000 {
            if cloud.state.is_over() || !cloud.state.holds.is_empty() {
                break;
            }
            // Six turns are a minute: the time from one look to the next.
            seen.set(looks.get(turn / 6 % (looks.len() + 5)).copied().unwrap_or(Look::Good));
            show(&mut cloud, kind, &seen);
            cloud.turn();
        }
        let (mut passes, mut bad, mut judged) = (0, 0, None);
        for entry in &cloud.log {
            match &entry.event {
                Event::WaveSettled { .. } => passes = 0,
                Event::Measured { which, scope, verdict, .. } if *which == GATE && !matches!(scope, Scope::Blocker(_)) => {
                    passes += u32::from(*verdict == Verdict::Pass);
                    bad += u32::from(*verdict == Verdict::Fail);
                }
                Event::Judged { which, verdict, .. } if *which == GATE => {
                    prop_assert!(judged.is_none_or(|earlier| *verdict >= earlier), "{judged:?} became {verdict}");
                    judged = Some(*verdict);
                }
                Event::WavePassed { .. } => {
                    prop_assert!(passes > 0, "{kind}: passed without a good look");
                    prop_assert!(judged.is_none_or(|judged| judged == Verdict::Pass), "{kind}: passed after {judged:?}");
                }
                _ => {}
            }
        }
        if bad > 3 * (failure_limit + 1) {
            prop_assert!(matches!(cloud.state.phase, Phase::Ended(Ending::RolledBack) | Phase::RollingBack));
        }
    }
}

#[test]
fn no_data_and_no_answer_never_pass_a_wave_whatever_is_asked() {
    // Failed installs are counted by the machine itself, which always has them.
    for kind in KINDS.into_iter().filter(|kind| *kind != "install") {
        for (look, guard) in
            [(Look::Nothing, false), (Look::Nothing, true), (Look::Error, false), (Look::Error, true)]
        {
            let mut cloud = cloud_of(Gate { guard, ..gate(kind) });
            let seen = Rc::new(Cell::new(look));
            for _ in 0..2_500 {
                if cloud.state.is_over() || !cloud.state.holds.is_empty() {
                    break;
                }
                show(&mut cloud, kind, &seen);
                cloud.turn();
            }
            let has_passed = matches!(cloud.state.waves[0].phase, WavePhase::Passed { .. });
            assert!(!has_passed, "{kind} {look:?} {guard}");
            assert!(
                cloud.state.is_over() || !cloud.state.holds.is_empty(),
                "{kind} {look:?} {guard}: no deadline"
            );
        }
    }
}

fn installing(check: InstallCheck, adjust: impl FnOnce(&mut Gate)) -> Cloud {
    let mut gate = Gate { name: "installs".to_owned(), check: Check::Install(check), ..cloud::alarm_gate() };
    adjust(&mut gate);
    cloud_of(gate)
}

fn count(failures: u32) -> InstallCheck {
    InstallCheck { failures: Amount::Count(failures), minimum_finished: 5 }
}

#[test]
fn failed_installs_beyond_a_gates_own_limit_take_the_version_back() {
    for guard in [false, true] {
        for (failures, end) in [(1, Ending::RolledBack), (2, Ending::Completed)] {
            let mut cloud = installing(count(failures), |gate| gate.guard = guard);
            for node in [3, 5] {
                cloud.truth[node].behaviour = cloud::Behaviour::Breaks;
            }
            cloud.run_until_over();
            assert_eq!(cloud.state.phase, Phase::Ended(end), "{guard} {failures}: {:?}", cloud.state.holds);
        }
    }
}

#[test]
fn too_few_finished_nodes_say_nothing_about_installs() {
    let mut cloud = installing(InstallCheck { minimum_finished: 30, ..count(0) }, |_| {});
    for _ in 0..2_500 {
        if cloud.state.is_over() || !cloud.state.holds.is_empty() {
            break;
        }
        cloud.turn();
    }
    assert!(!matches!(cloud.state.waves[0].phase, WavePhase::Passed { .. }));
    assert!(cloud.state.holds[0].reason.contains("fewer than 30 nodes"), "{:?}", cloud.state.holds);
}

#[test]
fn a_blocker_on_installs_looks_at_what_went_before() {
    let blocking = |gate: &mut Gate| (gate.blocker, gate.waves) = (true, vec![WaveIndex(2)]);
    let mut cloud = installing(count(0), blocking);
    cloud.run_until_over();
    assert_eq!(cloud.state.phase, Phase::Ended(Ending::Completed), "{:?}", cloud.state.holds);
    let mut cloud = installing(count(0), blocking);
    cloud.truth[3].behaviour = cloud::Behaviour::Breaks;
    cloud.run_until_over();
    assert!(matches!(cloud.state.waves[2].phase, WavePhase::Blocked { .. }), "{:?}", cloud.state.phase);
    assert!(cloud.state.holds[0].reason.contains("1 of 20 nodes failed"), "{:?}", cloud.state.holds);
}

#[test]
fn a_shadowed_gate_on_installs_decides_nothing_and_accepted_failures_do_not_come_back() {
    let mut cloud = installing(count(0), |gate| gate.dry_run = true);
    cloud.truth[3].behaviour = cloud::Behaviour::Breaks;
    cloud.run_until_over();
    assert_eq!(cloud.state.phase, Phase::Ended(Ending::Completed), "{:?}", cloud.state.holds);
    let mut cloud = installing(count(0), |gate| gate.guard = true);
    cloud.plan.spec.rollback.on_fail = wavetrain_model::spec::Reaction::Pause;
    cloud.truth[3].behaviour = cloud::Behaviour::Breaks;
    cloud.run_until(|state| !state.holds.is_empty());
    cloud.order(wavetrain_engine::input::Order::Resume);
    cloud.run_until_over();
    assert_eq!(cloud.state.phase, Phase::Ended(Ending::Completed), "{:?}", cloud.state.holds);
}
