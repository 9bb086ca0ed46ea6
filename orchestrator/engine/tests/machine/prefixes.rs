//! A process that dies after every single step: after each record, and before and after each call. Whatever prefix of the log
//! is left, and whatever AWS was told beyond it, the next process must come to the same end.

use crate::cloud::{Behaviour, Cloud, Died, alarm_gate, plan};
use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use wavetrain_model::event::Event;
use wavetrain_model::gate::AlarmState;
use wavetrain_model::spec;
use wavetrain_model::state::{Ending, Phase};
use wavetrain_model::time::Seconds;

/// A rollout, and what it comes to when its process lives.
struct Story {
    name: &'static str,
    begun: fn() -> Cloud,
    ending: Ending,
    /// Whether an alarm rises as soon as the second wave has changed something.
    alarms: bool,
}

const STORIES: [Story; 4] = [
    Story { name: "good", begun: good, ending: Ending::Completed, alarms: false },
    Story { name: "lies", begun: lies, ending: Ending::RolledBack, alarms: false },
    Story { name: "breaks", begun: breaks, ending: Ending::RolledBack, alarms: false },
    Story { name: "alarms", begun: slow, ending: Ending::RolledBack, alarms: true },
];

fn good() -> Cloud {
    Cloud::new(plan(&[2, 5, 5], |_| {}))
}

/// Nodes of the second wave claim to have rolled back and did not.
fn lies() -> Cloud {
    of_second_wave(Behaviour::Lies)
}

/// Nodes of the second wave are left with nothing.
fn breaks() -> Cloud {
    of_second_wave(Behaviour::Breaks)
}

fn of_second_wave(behaviour: Behaviour) -> Cloud {
    let mut cloud = good();
    for truth in cloud.truth.iter_mut().skip(2).take(5).step_by(2) {
        truth.behaviour = behaviour;
    }
    cloud
}

/// Commands run long enough to be cancelled.
fn slow() -> Cloud {
    let guard = spec::Gate { guard: true, every: Seconds(10), ..alarm_gate() };
    let mut cloud = Cloud::new(plan(&[2, 5, 5], |spec| spec.gates = vec![guard]));
    cloud.rows_take = Seconds(60);
    cloud
}

impl Story {
    /// Drives until the end, or until the process dies.
    fn drive(&self, cloud: &mut Cloud) -> Result<(), Died> {
        let driven = catch_unwind(AssertUnwindSafe(|| {
            for _ in 0..20_000 {
                if cloud.state.is_over() {
                    return;
                }
                assert!(cloud.state.holds.is_empty(), "{}: held: {:?}", self.name, cloud.state.holds);
                let changed = cloud.changed().into_iter().any(|node| (2..7).contains(&node));
                if self.alarms && changed {
                    cloud.alarm = AlarmState::Alarm;
                }
                cloud.turn();
            }
            panic!("{}: not over after 20,000 turns: {:?}", self.name, cloud.state.phase);
        }));
        driven
            .map_err(|cause| cause.downcast::<Died>().map_or_else(|cause| resume_unwind(cause), |died| *died))
    }

    /// Dies after so many steps each time, is taken up again after a pause, and lives in the end.
    fn dies(&self, steps: &[u64], pause: Seconds) -> Cloud {
        let mut cloud = (self.begun)();
        for steps in steps {
            cloud.steps_left = Some(*steps);
            let died = self.drive(&mut cloud).is_err();
            cloud.steps_left = None;
            if died {
                cloud.now = cloud.now.plus(pause);
                cloud.crash_and_recover();
            }
        }
        assert!(self.drive(&mut cloud).is_ok(), "nothing kills it any more");
        cloud
    }

    fn assert_ends_well(&self, cloud: &Cloud, told: &str) {
        let name = self.name;
        assert_eq!(cloud.state.phase, Phase::Ended(self.ending), "{name} {told}");
        let changed = cloud.changed().len();
        let wanted = if self.ending == Ending::Completed { cloud.truth.len() } else { 0 };
        assert_eq!(changed, wanted, "{name} {told}");
        // No node is installed on twice: a good version needs one install, a bad one is not tried again.
        for (node, truth) in cloud.truth.iter().enumerate() {
            let installs = truth.commands.iter().filter(|(word, _)| word == "install").count();
            assert!(installs <= 1, "{name} {told}: node {node}: {:?}", truth.commands);
        }
    }

    /// Records and sides of calls in the whole course.
    fn steps(&self) -> u64 {
        let mut cloud = (self.begun)();
        cloud.steps_left = Some(u64::MAX);
        assert!(self.drive(&mut cloud).is_ok(), "{}: nobody lives that long", self.name);
        self.assert_ends_well(&cloud, "undisturbed");
        u64::MAX - cloud.steps_left.unwrap_or_default()
    }
}

/// Nobody noticed; a person came back from lunch; the machine was away for longer than any command may take.
const PAUSES: [Seconds; 3] = [Seconds(1), Seconds::minutes(40), Seconds::hours(4)];

#[test]
fn dead_after_any_step_the_next_process_comes_to_the_same_end() {
    for story in STORIES {
        for step in 0..story.steps() {
            for pause in PAUSES {
                let cloud = story.dies(&[step], pause);
                story.assert_ends_well(&cloud, &format!("dead after step {step} for {pause}"));
            }
        }
    }
}

#[test]
fn dead_again_soon_after_it_comes_to_the_same_end() {
    for story in STORIES {
        for step in 0..story.steps() {
            for again in 1..6 {
                let cloud = story.dies(&[step, again, 1 + step % 7], Seconds(1 + again as u32 * 50));
                story.assert_ends_well(&cloud, &format!("dead after steps {step} and {again}"));
            }
        }
    }
}

#[test]
fn the_stories_hold_every_kind_of_call() {
    let mut words = BTreeSet::new();
    for story in STORIES {
        let cloud = story.dies(&[], Seconds(1));
        let intended = cloud.log.iter().filter_map(|entry| match &entry.event {
            Event::Intended { intent } => Some(intent.action.word().to_owned()),
            _ => None,
        });
        words.extend(intended);
    }
    let all = ["cancel", "install", "prove", "reinstall", "survey", "uninstall", "verify"];
    assert_eq!(words.iter().map(String::as_str).collect::<Vec<_>>(), all);
}
