//! What a gate's evidence is about: the nodes of the wave that waits for it, and nothing that nobody could find out.

use crate::cloud::{self, Cloud, Spread, plan, spread_plan};
use crate::gates::{beside, compare_gate};
use crate::nodes::{Says, asking, check, gate, saying};
use std::cell::RefCell;
use std::rc::Rc;
use wavetrain_engine::input::{Order, Trouble};
use wavetrain_model::event::Event;
use wavetrain_model::gate::{AlarmState, Verdict, Which};
use wavetrain_model::hold::Kind;
use wavetrain_model::id::{GateIndex, NodeIndex, WaveIndex};
use wavetrain_model::intent::Action;
use wavetrain_model::spec::{self, Check, Gate, InsufficientData, Per};
use wavetrain_model::state::{Ending, GateRecord, Phase, State, WavePhase};
use wavetrain_model::time::Seconds;

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

fn record(state: &State) -> Option<&GateRecord> {
    state.gates.iter().find(|record| record.which == Which::Planned(GateIndex(0)) && record.samples > 0)
}

fn composed(rule: &str, names: &[&str]) -> Gate {
    let mut gate = cloud::alarm_gate();
    let Check::Alarms(alarms) = &mut gate.check else { unreachable!("it looks at alarms") };
    alarms.names = names.iter().map(|name| (*name).to_owned()).collect();
    alarms.insufficient_data = InsufficientData::Ignore;
    alarms.fail_if = Some(rule.to_owned());
    gate
}

#[test]
fn alarms_that_are_ignored_pass_nothing_by_themselves_and_are_not_bad_beside_others() {
    for (state, verdict) in
        [(AlarmState::InsufficientData, Verdict::Inconclusive), (AlarmState::Ok, Verdict::Pass)]
    {
        let mut cloud = with(composed("alarm[\"health\"] || alarm[\"quiet\"]", &["health", "quiet"]), &[5]);
        cloud.alarm = state;
        cloud.other_alarms = vec![("quiet".to_owned(), AlarmState::InsufficientData)];
        cloud.run_until(|state| record(state).is_some());
        let record = record(&cloud.state).expect("it was measured");
        assert_eq!(record.last, verdict, "{}", record.sentence);
    }
}

#[test]
fn a_comparison_per_part_gives_every_part_its_turn() {
    let mut gate = Gate { per: Some(Per::Stratum), ..compare_gate() };
    let Check::Compare(compare) = &mut gate.check else { unreachable!("it compares") };
    (compare.nodes, compare.minimum_nodes) = (32, 8);
    let spread = Spread { sites: 2, windows: true, domains: 0 };
    let mut cloud = Cloud::new(spread_plan(&[200, 200], spread, baked(gate)));
    let seen = Rc::new(RefCell::new(Vec::new()));
    let (kept, mut good) = (Rc::clone(&seen), beside(0.0));
    cloud.metrics = Some(Box::new(move |measurement| {
        kept.borrow_mut().extend(measurement.upgraded.clone());
        good(measurement)
    }));
    cloud.run_until(|state| record(state).is_some());
    let mut counts = [0; 4];
    for node in seen.borrow().iter() {
        counts[cloud.plan.nodes[node.at()].stratum.at()] += 1;
    }
    assert_eq!(counts, [8; 4]);
}

fn asked(cloud: &Cloud) -> Vec<NodeIndex> {
    let asked = cloud.log.iter().filter_map(|entry| match &entry.event {
        Event::Intended { intent } if matches!(intent.action, Action::Ask { .. }) => Some(&intent.nodes),
        _ => None,
    });
    asked.flatten().copied().collect()
}

#[test]
fn a_guards_sample_is_drawn_from_the_wave_that_bakes() {
    let mut cloud = with(Gate { guard: true, ..asking(4) }, &[10, 10]);
    cloud.exits = Some(Box::new(|node| i32::from(node.0 >= 10)));
    cloud.run_until_over();
    assert_eq!(cloud.state.phase, Phase::Ended(Ending::RolledBack));
}

#[test]
fn a_guard_of_some_waves_asks_their_nodes_only() {
    let mut cloud = with(Gate { guard: true, waves: vec![WaveIndex(1)], ..asking(20) }, &[10, 10]);
    cloud.run_until_over();
    assert_eq!(cloud.state.phase, Phase::Ended(Ending::Completed));
    let asked = asked(&cloud);
    assert!(!asked.is_empty() && asked.iter().all(|node| node.0 >= 10), "{asked:?}");
}

#[test]
fn a_guards_comparison_is_about_the_wave_that_bakes() {
    let mut gate = Gate { guard: true, waves: Vec::new(), ..compare_gate() };
    let Check::Compare(compare) = &mut gate.check else { unreachable!("it compares") };
    compare.nodes = 20;
    let mut cloud = with(gate, &[60, 60, 60]);
    let seen = Rc::new(RefCell::new(Vec::new()));
    let (kept, mut good) = (Rc::clone(&seen), beside(0.0));
    cloud.metrics = Some(Box::new(move |measurement| {
        kept.borrow_mut().push(measurement.upgraded.clone());
        good(measurement)
    }));
    cloud.run_until(|state| matches!(state.waves[1].phase, WavePhase::Baking { .. }));
    seen.borrow_mut().clear();
    cloud.run_until(|state| matches!(state.waves[1].phase, WavePhase::Passed { .. }));
    let seen = seen.borrow();
    let is_of_wave = |nodes: &Vec<NodeIndex>| nodes.len() == 20 && nodes.iter().all(|node| node.0 >= 60);
    assert!(!seen.is_empty() && seen.iter().all(is_of_wave), "{seen:?}");
}

#[test]
fn many_good_nodes_of_earlier_waves_do_not_outweigh_a_bad_wave() {
    for (bad, ending) in [(4, Ending::RolledBack), (0, Ending::Completed)] {
        let mut cloud = with(Gate { guard: true, ..gate(check()) }, &[200, 20]);
        let is_bad = move |node: NodeIndex| (200..200 + bad).contains(&node.0);
        cloud.metrics = Some(saying(move |node| if is_bad(node) { Says::Bad("HIGH") } else { Says::Good }));
        cloud.run_until_over();
        assert_eq!(cloud.state.phase, Phase::Ended(ending));
    }
}

#[test]
fn the_first_nodes_of_an_open_wave_are_not_yet_the_wave() {
    // One of a hundred is within the limit, also while it is one of the first two.
    let mut cloud = with(Gate { guard: true, ..gate(check()) }, &[200, 100]);
    cloud.rows_take = Seconds(120);
    cloud.metrics = Some(saying(|node| if node.0 == 200 { Says::Bad("HIGH") } else { Says::Good }));
    cloud.run_until_over();
    assert_eq!(cloud.state.phase, Phase::Ended(Ending::Completed));
}

#[test]
fn a_gates_command_that_is_refused_is_an_error_of_the_gate_and_holds_no_site() {
    for trouble in [Trouble::Denied, Trouble::Refused, Trouble::Unavailable] {
        let mut cloud = with(Gate { guard: true, dry_run: true, ..asking(4) }, &[10, 10]);
        cloud.refuses_asks = Some(trouble);
        cloud.run_until_over();
        assert_eq!(cloud.state.phase, Phase::Ended(Ending::Completed), "{:?}", cloud.state.holds);
        let record = record(&cloud.state).expect("it was measured");
        assert_eq!(record.last, Verdict::Error, "{}", record.sentence);
        assert!(record.sentence.contains("no such document"), "{}", record.sentence);
    }
    let mut cloud = with(asking(4), &[10, 10]);
    cloud.refuses_asks = Some(Trouble::Denied);
    cloud.run_until_over();
    let kinds: Vec<Kind> = cloud.state.holds.iter().map(|hold| hold.kind).collect();
    assert!(matches!(kinds.as_slice(), [Kind::Gate(..)]), "{kinds:?}");
}

#[test]
fn between_two_looks_of_a_held_rollout_nothing_is_asked_though_a_node_is_silent() {
    let mut cloud = with(asking(4), &[10, 10]);
    cloud.run_until(|state| matches!(state.waves[0].phase, WavePhase::Baking { .. }));
    cloud.rows_take = Seconds::hours(48);
    cloud.order(Order::Pause { emergency: false, reason: "lunch".to_owned() });
    cloud.run_until(|state| record(state).is_some());
    let mut quiet = 0;
    for _ in 0..60 {
        cloud.turn();
        quiet += u32::from(cloud.state.rounds.is_empty() && cloud.state.open.is_empty());
    }
    assert!(quiet > 0, "a look is followed by the next");
}
