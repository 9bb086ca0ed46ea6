//! Everything that a seed decides: the plan, the nodes' fates, the weather, the people.

use crate::cloud::{Behaviour, Spread, spread_plan};
use wavetrain_model::gate::AlarmState;
use wavetrain_model::id::WaveIndex;
use wavetrain_model::plan::Plan;
use wavetrain_model::quantity::{Amount, Percent};
use wavetrain_model::spec;
use wavetrain_model::time::{Seconds, Timestamp};

/// When every story begins.
pub(crate) const START: Timestamp = Timestamp(1_000_000);

/// A small generator (splitmix64): the same seed gives the same story everywhere.
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    pub(crate) fn below(&mut self, limit: u32) -> u32 {
        (self.next() % u64::from(limit.max(1))) as u32
    }

    pub(crate) fn between(&mut self, low: u32, high: u32) -> u32 {
        low + self.below(high - low + 1)
    }

    pub(crate) fn chance(&mut self, percent: u32) -> bool {
        self.below(100) < percent
    }

    pub(crate) fn pick<T: Clone>(&mut self, of: &[T]) -> T {
        of[self.below(of.len() as u32) as usize].clone()
    }

    /// A span of time within the first hours of a story.
    fn spell(&mut self, longest_minutes: u32) -> Spell {
        let from = START.plus(Seconds::minutes(self.below(120)));
        Spell { from, until: from.plus(Seconds::minutes(self.between(1, longest_minutes))) }
    }
}

/// From one moment to another.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Spell {
    from: Timestamp,
    until: Timestamp,
}

impl Spell {
    pub(crate) fn covers(self, now: Timestamp) -> bool {
        self.from <= now && now < self.until
    }
}

/// What SSM says, once, about one of a node's commands, whatever the behaviour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Odd {
    Terminated,
    Cancelled,
    Undeliverable,
    AccessDenied,
    InvalidPlatform,
    NeverDelivered,
    ExecutionTimedOut,
    /// It ran, and its result never arrived.
    ResultLost,
    /// The script cannot be run or exits with an error.
    Failed,
    /// First a word that nobody knows, then the result.
    UnknownWord,
}

const ODD: [Odd; 10] = [
    Odd::Terminated,
    Odd::Cancelled,
    Odd::Undeliverable,
    Odd::AccessDenied,
    Odd::InvalidPlatform,
    Odd::NeverDelivered,
    Odd::ExecutionTimedOut,
    Odd::ResultLost,
    Odd::Failed,
    Odd::UnknownWord,
];

/// One node's part in the story.
#[derive(Debug, Clone)]
pub(crate) struct Fate {
    pub(crate) behaviour: Behaviour,
    /// How long a command runs on it.
    pub(crate) slow: Seconds,
    pub(crate) offline: Vec<Spell>,
    /// SSM does not manage it then, and refuses whole commands because of it.
    pub(crate) unmanaged: Option<Spell>,
    /// Somebody else holds the package's lock.
    pub(crate) locked: Option<Spell>,
    /// Which of its commands is odd, and how.
    pub(crate) odd: Option<(u32, Odd)>,
}

/// How a site's calls fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Storm {
    Throttled,
    Unavailable,
    Denied,
    Refused,
}

/// A whole story.
pub(crate) struct Draw {
    pub(crate) plan: Plan,
    pub(crate) fates: Vec<Fate>,
    /// Bad weather per site.
    pub(crate) weather: Vec<Vec<(Spell, Storm)>>,
    pub(crate) alarms: Vec<(Spell, AlarmState)>,
    pub(crate) storm_turns: u32,
    /// Commands become visible in a listing after at most this long.
    pub(crate) longest_lag: Seconds,
    pub(crate) lost_percent: u32,
    pub(crate) crash_percent: u32,
    pub(crate) order_percent: u32,
    /// Whether a person orders the whole way back after the end.
    pub(crate) regrets: bool,
}

pub(crate) fn draw(dice: &mut Dice) -> Draw {
    let sizes: Vec<u32> = (0..dice.between(1, 4)).map(|_| dice.pick(&[1, 3, 5, 8, 14, 30, 55])).collect();
    let spread = Spread {
        sites: dice.pick(&[1, 1, 2, 3, 5]),
        windows: dice.chance(30),
        domains: dice.pick(&[0, 0, 1, 2]),
    };
    let has_probe = dice.chance(75);
    let plan = spread_plan(&sizes, spread, |spec| adjust(dice, spec, spread, has_probe));
    let (broken, odd) = (dice.pick(&[0, 0, 0, 2, 10, 50]), dice.pick(&[0, 0, 3, 15]));
    let (offline, locked) = (dice.pick(&[0, 0, 5, 20]), dice.pick(&[0, 0, 5]));
    let unmanaged = dice.pick(&[0, 0, 3]);
    let fates = plan
        .node_indices()
        .map(|_| Fate {
            behaviour: if dice.chance(broken) {
                dice.pick(&[Behaviour::Breaks, Behaviour::Lies])
            } else {
                Behaviour::Good
            },
            slow: Seconds(dice.pick(&[0, 5, 20, 60, 200])),
            offline: [dice.chance(offline), dice.chance(offline)]
                .into_iter()
                .filter(|is_off| *is_off)
                .map(|_| dice.spell(150))
                .collect(),
            unmanaged: dice.chance(unmanaged).then(|| dice.spell(60)),
            locked: dice.chance(locked).then(|| dice.spell(45)),
            odd: dice.chance(odd).then(|| (dice.below(6), dice.pick(&ODD))),
        })
        .collect();
    let most_storms = dice.pick(&[0, 0, 1, 3]);
    let kinds = [Storm::Throttled, Storm::Unavailable, Storm::Unavailable, Storm::Denied, Storm::Refused];
    let weather = (0..spread.sites)
        .map(|_| (0..dice.below(most_storms + 1)).map(|_| (dice.spell(90), dice.pick(&kinds))).collect())
        .collect();
    let states = [AlarmState::Alarm, AlarmState::InsufficientData, AlarmState::Other("ODD".to_owned())];
    let alarms = (0..dice.pick(&[0, 0, 0, 1, 2])).map(|_| (dice.spell(30), dice.pick(&states))).collect();
    Draw {
        plan,
        fates,
        weather,
        alarms,
        storm_turns: dice.between(40, 500),
        longest_lag: Seconds(dice.pick(&[0, 10, 60, 110])),
        lost_percent: dice.pick(&[0, 0, 5, 30]),
        crash_percent: dice.pick(&[0, 0, 1, 5]),
        order_percent: dice.pick(&[0, 0, 1, 4]),
        regrets: dice.chance(60),
    }
}

fn adjust(dice: &mut Dice, spec: &mut spec::Rollout, spread: Spread, has_probe: bool) {
    if !has_probe {
        spec.package.probe = None;
    }
    let percent = |whole: u16| Amount::Share(Percent::whole(whole));
    spec.limits.in_flight =
        dice.pick(&[Amount::Count(1), Amount::Count(4), percent(10), percent(34), percent(100)]);
    spec.limits.per_site = dice.pick(&[None, None, Some(Amount::Count(2)), Some(percent(25))]);
    spec.limits.failures = dice.pick(&[
        percent(2),
        percent(10),
        percent(60),
        Amount::Count(0),
        Amount::Count(2),
        Amount::Count(9),
    ]);
    spec.limits.undelivered = dice.pick(&[percent(5), percent(30), percent(100), Amount::Count(1)]);
    if spread.domains > 0 {
        let values = (0..spread.domains).map(|domain| domain.to_string()).collect();
        let nodes = dice.between(1, 3);
        spec.limits.max_unavailable = vec![spec::MaxUnavailable { key: "cell".to_owned(), values, nodes }];
    }
    let reactions =
        [spec::Reaction::Rollback, spec::Reaction::Rollback, spec::Reaction::Pause, spec::Reaction::Abort];
    spec.rollback.on_fail = dice.pick(&reactions);
    spec.rollback.on_error = dice.pick(&reactions);
    spec.rollback.on_inconclusive = dice.pick(&reactions[1..3]);
    spec.rollback.pace = dice.between(1, 5);
    spec.deadlines.delivery = Seconds::minutes(dice.between(2, 30));
    spec.deadlines.execution = Seconds::minutes(dice.between(10, 60));
    spec.deadlines.wave = Seconds::hours(dice.pick(&[1, 6, 12]));
    spec.deadlines.hold = Seconds::minutes(dice.pick(&[20, 60, 600]));
    spec.gates = (0..dice.pick(&[0, 0, 1, 2])).map(|index| gate(dice, index)).collect();
    let last = spec.waves.len() - 1;
    for (index, wave) in spec.waves.iter_mut().enumerate() {
        wave.bake = Seconds(dice.pick(&[0, 60, 300, 900]));
        if dice.chance(10) {
            wave.approval = Some(crate::cloud::approval(&["anna"], 1, Seconds::hours(2)));
        }
        if last == 3 && index > 0 {
            // Two waves side by side in the middle.
            wave.after = if index == 3 { vec![WaveIndex(1), WaveIndex(2)] } else { vec![WaveIndex(0)] };
        }
    }
}

fn gate(dice: &mut Dice, index: u32) -> spec::Gate {
    let blocker = dice.chance(25);
    spec::Gate {
        name: format!("alarms-{index}"),
        guard: !blocker && dice.chance(50),
        blocker,
        every: Seconds(dice.pick(&[30, 60, 120])),
        failure_limit: dice.below(2),
        deadline: Seconds::minutes(dice.pick(&[10, 60])),
        ..crate::cloud::alarm_gate()
    }
}
