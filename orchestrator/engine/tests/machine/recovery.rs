//! Crashes and lost answers: every prefix of the log, and every effect before and after its call.

use crate::cloud::{Behaviour, Cloud, plan};
use wavetrain_engine::due;
use wavetrain_model::event::Event;
use wavetrain_model::spec::Gate;
use wavetrain_model::state::Phase;

fn small() -> Cloud {
    let mut cloud = Cloud::new(plan(&[5, 20, 20], |_| {}));
    for truth in cloud.truth.iter_mut().skip(5).step_by(4) {
        truth.behaviour = Behaviour::Lies;
    }
    cloud
}

/// The same with a gate whose probes are on their way all the time.
fn probed() -> Cloud {
    let mut cloud =
        Cloud::new(plan(&[5, 20], |spec| spec.gates = vec![Gate { guard: true, ..crate::nodes::asking(4) }]));
    for truth in cloud.truth.iter_mut().skip(5).step_by(4) {
        truth.behaviour = Behaviour::Lies;
    }
    cloud
}

#[test]
fn lost_answers_are_adopted_and_never_sent_again() {
    let mut cloud = small();
    cloud.lose_answer_every = Some(2);
    cloud.run_until_over();
    assert!(matches!(cloud.state.phase, Phase::Ended(_)));
    assert_eq!(cloud.changed(), Vec::<u32>::new());
}

/// Dies at turn `at`, after the intents are durable: before the calls, or after them but before their answers are recorded.
fn die_at(made: fn() -> Cloud, turn: usize, after_the_calls: bool) {
    let mut cloud = made();
    for _ in 0..turn {
        cloud.turn();
    }
    let intents = due(&cloud.plan, &cloud.state, cloud.now).intents;
    cloud.apply(intents.iter().map(|intent| Event::Intended { intent: intent.clone() }).collect());
    if after_the_calls {
        for intent in &intents {
            let _ = cloud.execute(intent);
        }
    }
    cloud.crash_and_recover();
    cloud.run_until_over();
    assert!(matches!(cloud.state.phase, Phase::Ended(_)), "turn {turn}: {:?}", cloud.state.holds);
    assert_eq!(cloud.changed(), Vec::<u32>::new(), "turn {turn}, after the calls: {after_the_calls}");
}

#[test]
fn a_crash_at_any_turn_ends_the_same_and_sends_nothing_twice() {
    for made in [small, probed] {
        let mut whole = made();
        let mut turns = 0;
        while !whole.state.is_over() {
            whole.turn();
            turns += 1;
        }
        for turn in 0..turns {
            die_at(made, turn, false);
            die_at(made, turn, true);
        }
    }
}
