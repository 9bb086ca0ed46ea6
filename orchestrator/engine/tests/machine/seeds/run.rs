//! One story from its first event to its end, driven the way a driver does: promise, commit, hand over, look, read.

use super::aws::Aws;
use super::draw::{Dice, Draw, START, draw};
use super::ledger::Ledger;
use crate::cloud;
use std::collections::{BTreeMap, BTreeSet};
use wavetrain_engine::due::Due;
use wavetrain_engine::input::{Answer, Input, Order, Trouble};
use wavetrain_engine::{decide, due, evolve};
use wavetrain_model::event::{Entry, Event};
use wavetrain_model::gate::{Found, Reading};
use wavetrain_model::hold::{Hold, Kind};
use wavetrain_model::id::{CommandId, IntentId, NodeIndex, SiteIndex, WaveIndex};
use wavetrain_model::intent::Action;
use wavetrain_model::state::{Ending, Phase, Progress, State, WavePhase};
use wavetrain_model::time::{Seconds, Timestamp};

/// Turns within which a story must end once nothing bad happens any more.
const CALM_TURNS: u32 = 3_000;
const SHORTEST_TURN: u32 = 10;
const LONGEST_TURN: u32 = 300;

pub(crate) struct Run {
    draw: Draw,
    dice: Dice,
    aws: Aws,
    ledger: Ledger,
    pub(crate) state: State,
    pub(crate) log: Vec<Entry>,
    now: Timestamp,
    turn_seconds: u32,
    /// Intents on their way to AWS, each with the turns until its call.
    hands: BTreeMap<IntentId, u32>,
    /// Sites whose last read failed.
    failed: BTreeSet<SiteIndex>,
    /// Commands that were read, to read some of them again when nobody asks any more.
    read: Vec<(IntentId, CommandId)>,
    pub(crate) turns: u32,
}

impl Run {
    pub(crate) fn new(seed: u64) -> Self {
        let mut dice = Dice::new(seed);
        let draw = draw(&mut dice);
        let mut run = Self {
            aws: Aws::new(&draw),
            ledger: Ledger::default(),
            state: State::new(&draw.plan),
            log: Vec::new(),
            now: START,
            turn_seconds: SHORTEST_TURN,
            hands: BTreeMap::new(),
            failed: BTreeSet::new(),
            read: Vec::new(),
            turns: 0,
            draw,
            dice,
        };
        let plan = run.draw.plan.digest.clone();
        run.apply(vec![Event::Started { plan }]);
        run
    }

    /// The whole story.
    pub(crate) fn tell(&mut self) {
        for _ in 0..self.draw.storm_turns {
            if self.state.is_over() {
                break;
            }
            self.disturb();
            self.turn();
        }
        self.aws.is_calm = true;
        self.end_calmly();
        let has_changed = matches!(self.state.phase, Phase::Ended(Ending::Completed | Ending::Aborted));
        if has_changed && self.draw.regrets {
            self.order(Order::Rollback { reason: "second thoughts".to_owned() });
            self.end_calmly();
        }
        if self.state.phase == Phase::Ended(Ending::RolledBackWithExceptions) {
            self.order(Order::Retry { nodes: Vec::new() });
            self.end_calmly();
            if self.draw.plan.spec.package.probe.is_some() {
                assert_eq!(
                    self.state.phase,
                    Phase::Ended(Ending::RolledBack),
                    "a retry in calm weather works"
                );
            }
        }
    }

    /// Nothing bad comes from outside any more, and a patient person resumes whatever is held: now it must end.
    fn end_calmly(&mut self) {
        let calm_since = self.now;
        for _ in 0..CALM_TURNS {
            let is_long_calm = self.now.since(calm_since) > Seconds::minutes(30);
            let is_lost = |hold: &Hold| matches!(hold.kind, Kind::Site(site) if self.has_work(site));
            assert!(
                !is_long_calm || !self.state.holds.iter().any(is_lost),
                "nobody asked the site whether it is back"
            );
            if let Phase::Ended(ending) = self.state.phase {
                self.check_replay();
                assert_eq!(
                    due(&self.draw.plan, &self.state, self.now),
                    Due::default(),
                    "over, yet something is due"
                );
                self.ledger.check_ending(ending, &self.aws.differs(), self.aws.live_count());
                return;
            }
            let kinds: Vec<Kind> = self.state.holds.iter().map(|hold| hold.kind).collect();
            for kind in kinds {
                match kind {
                    Kind::Approval(wave) => {
                        let order = self.approve(wave);
                        self.order(order);
                    }
                    // Sites come back by themselves.
                    Kind::Site(_) => {}
                    _ => self.order(Order::Resume),
                }
            }
            self.turn();
        }
        let open: Vec<_> = self.state.open.values().take(5).collect();
        let last: Vec<_> = self.log.iter().rev().take(8).collect();
        panic!(
            "stuck in {:?}\nholds {:?}\nwaves {:?}\nopen {open:#?}\nlast {last:#?}",
            self.state.phase,
            self.state.holds,
            self.state.waves.iter().map(|wave| (wave.phase, wave.in_flight)).collect::<Vec<_>>()
        );
    }

    fn has_work(&self, site: SiteIndex) -> bool {
        let is_here = |node: &NodeIndex| self.draw.plan.site_of(*node) == site;
        let waves = self.state.waves.iter().filter(|wave| matches!(wave.phase, WavePhase::Open { .. }));
        let mut queued = waves.flat_map(|wave| wave.unsurveyed.values().chain(wave.ready.values()).flatten());
        let is_stopped = self.state.holds.iter().any(|hold| hold.kind.stops_installs());
        self.state.phase == Phase::Running && !is_stopped && queued.any(is_here)
    }

    fn apply(&mut self, events: Vec<Event>) {
        for event in events {
            let entry = Entry { at: self.now, actor: "wavetrain".to_owned(), event };
            self.ledger.record(&self.draw.plan, &entry);
            evolve(&self.draw.plan, &mut self.state, &entry);
            self.log.push(entry);
        }
    }

    fn input(&mut self, input: &Input) {
        let events = decide(&self.draw.plan, &self.state, self.now, input).expect("only orders are rejected");
        self.apply(events);
    }

    fn order(&mut self, order: Order) {
        let input = Input::Order { order, by: "anna".to_owned() };
        if let Ok(events) = decide(&self.draw.plan, &self.state, self.now, &input) {
            self.apply(events);
        }
    }

    fn tick(&mut self) {
        for _ in 0..1000 {
            let events =
                decide(&self.draw.plan, &self.state, self.now, &Input::Tick).expect("never rejected");
            if events.is_empty() {
                return;
            }
            self.apply(events);
        }
        panic!("ticks never come to rest");
    }

    fn check_replay(&self) {
        let mut state = State::new(&self.draw.plan);
        for entry in &self.log {
            evolve(&self.draw.plan, &mut state, entry);
        }
        assert_eq!(state, self.state, "a replay gives the same state");
    }

    /// People, crashes, and news that nobody asked for.
    fn disturb(&mut self) {
        if self.dice.chance(self.draw.order_percent) {
            let order = self.any_order();
            self.order(order);
        }
        if self.dice.chance(self.draw.crash_percent) {
            self.crash();
        }
        if !self.read.is_empty() && self.dice.chance(5) {
            let (intent, command) = self.dice.pick(&self.read);
            let reports = self.aws.rows(&command, self.now);
            self.input(&Input::Observed { intent, reports });
            if !self.hands.contains_key(&intent) {
                self.input(&Input::Answered { intent, answer: Answer::Accepted(command) });
            }
        }
    }

    fn approve(&self, wave: WaveIndex) -> Order {
        let evidence = cloud::evidence(&self.draw.plan, &self.state, self.now, wave);
        Order::Approve { wave, gate: None, evidence, typed_by: None }
    }

    fn any_order(&mut self) -> Order {
        let reason = "because".to_owned();
        match self.dice.below(100) {
            0..30 => Order::Pause { emergency: self.dice.chance(30), reason },
            30..70 => Order::Resume,
            70..80 => {
                let wave = WaveIndex(self.dice.below(self.state.waves.len() as u32) as u16);
                self.approve(wave)
            }
            80..92 if self.dice.chance(50) => Order::Retry { nodes: Vec::new() },
            80..92 => Order::Retry { nodes: vec![NodeIndex(self.dice.below(self.state.nodes.len() as u32))] },
            92..97 => Order::Rollback { reason },
            _ => Order::Abort { reason },
        }
    }

    /// The process dies: what it was about to hand over is lost or arrives, and nobody hears the answer.
    fn crash(&mut self) {
        for intent in std::mem::take(&mut self.hands).into_keys() {
            let is_wanted =
                self.state.open.get(&intent).is_some_and(|open| !self.is_stopped(&open.intent.action));
            if is_wanted && self.dice.chance(50) {
                let _ = self.call(intent);
            }
        }
        // The next process takes the first read that works as news where calls failed before.
        let sites = self.state.sites.iter().enumerate().filter(|(_, site)| site.errors > 0);
        self.failed = sites.map(|(site, _)| SiteIndex(site as u32)).collect();
        self.check_replay();
        self.input(&Input::Recovered);
    }

    fn turn(&mut self) {
        self.turns += 1;
        let events_before = self.log.len();
        self.aws.advance(self.now);
        self.tick();
        let due = due(&self.draw.plan, &self.state, self.now);
        self.promise(&due);
        self.hand_over();
        self.look(&due);
        self.watch(&due);
        self.measure(&due);
        self.tick();
        self.ledger.compare(&self.draw.plan, &self.state);
        let is_quiet = self.log.len() == events_before && self.hands.is_empty();
        self.turn_seconds = if is_quiet { (self.turn_seconds * 2).min(LONGEST_TURN) } else { SHORTEST_TURN };
        let next = self.now.plus(Seconds(self.turn_seconds));
        let soonest = self.now.plus(Seconds(SHORTEST_TURN));
        self.now = due.wake_at.map_or(next, |wake| wake.max(soonest).min(next));
    }

    fn promise(&mut self, due: &Due) {
        self.apply(due.intents.iter().map(|intent| Event::Intended { intent: intent.clone() }).collect());
        let again: Vec<IntentId> =
            due.perform.iter().copied().filter(|intent| !self.hands.contains_key(intent)).collect();
        if !again.is_empty() {
            // A repetition may arrive although we die: it is on record as such before the call.
            self.apply(vec![Event::Uncertain { intents: again.clone(), reason: "repeated".to_owned() }]);
        }
        let new = due.intents.iter().map(|intent| intent.id);
        for intent in new.chain(again).collect::<Vec<_>>() {
            let turns = if self.aws.is_calm { 0 } else { self.dice.pick(&[0, 0, 0, 1, 8]) };
            self.hands.insert(intent, turns);
        }
        for intent in &due.revoke {
            self.hands.remove(intent);
        }
        if !due.revoke.is_empty() {
            self.input(&Input::Withdrawn { intents: due.revoke.clone() });
        }
    }

    fn is_stopped(&self, action: &Action) -> bool {
        let holds = &self.state.holds;
        match action {
            Action::Install { .. } | Action::Survey { .. } => {
                self.state.phase != Phase::Running || holds.iter().any(|hold| hold.kind.stops_installs())
            }
            Action::Ask { .. } | Action::Cancel { .. } | Action::Errand(_) => false,
            _ => holds.iter().any(|hold| hold.kind.stops_rollback()),
        }
    }

    fn hand_over(&mut self) {
        for (intent, turns) in std::mem::take(&mut self.hands) {
            let Some(open) = self.state.open.get(&intent) else { continue };
            if matches!(open.progress, Progress::Sent { .. }) {
                continue;
            }
            if self.is_stopped(&open.intent.action) {
                let input = if open.progress == Progress::Recorded {
                    Input::Withdrawn { intents: vec![intent] }
                } else {
                    let message = "called off".to_owned();
                    let answer = Answer::Refused { trouble: Trouble::Throttled, message };
                    Input::Answered { intent, answer }
                };
                self.input(&input);
            } else if turns > 0 {
                self.hands.insert(intent, turns - 1);
            } else {
                let answer = self.call(intent);
                self.input(&Input::Answered { intent, answer });
            }
        }
    }

    /// One call to AWS, with an answer that may be lost.
    fn call(&mut self, id: IntentId) -> Answer {
        let open = &self.state.open[&id];
        let mut intent = open.intent.clone();
        intent.nodes.clone_from(&open.pending);
        let lost = || Answer::Unknown { message: "connection lost".to_owned() };
        let is_lost = !self.aws.is_calm && self.dice.chance(self.draw.lost_percent);
        if is_lost && self.dice.chance(50) {
            return lost();
        }
        let lag = Seconds(self.dice.below(self.draw.longest_lag.0 + 1));
        let answer = self.aws.send(&intent, self.now, lag);
        if matches!(answer, Answer::Accepted(_)) {
            self.ledger.execute(&intent);
        }
        if is_lost { lost() } else { answer }
    }

    fn look(&mut self, due: &Due) {
        for intent in &due.look_for {
            let Some(open) = self.state.open.get(intent) else { continue };
            let site = open.intent.site;
            if self.hands.contains_key(intent) || !self.reads(site) {
                continue;
            }
            let found = self.aws.listed(*intent, self.now);
            self.input(&Input::Looked { intent: *intent, found });
        }
    }

    /// Whether a read of a site works now; the machine is told when that changes.
    fn reads(&mut self, site: SiteIndex) -> bool {
        let trouble = self.aws.trouble(site, self.now).filter(|trouble| *trouble != Trouble::Refused);
        let Some(trouble) = trouble else {
            if self.failed.remove(&site) {
                self.input(&Input::SiteAnswered { site });
            }
            return true;
        };
        if trouble != Trouble::Throttled {
            self.failed.insert(site);
            self.input(&Input::SiteFailed { site, trouble, message: "bad weather".to_owned() });
        }
        false
    }

    fn watch(&mut self, due: &Due) {
        for (site, intents) in &due.watch {
            if !self.reads(*site) {
                continue;
            }
            for intent in intents {
                let Some(Progress::Sent { command, .. }) =
                    self.state.open.get(intent).map(|open| &open.progress)
                else {
                    continue;
                };
                let command = command.clone();
                let mut reports = self.aws.rows(&command, self.now);
                if self.dice.chance(3) {
                    // A row moved to the next page while the listing was read.
                    reports.extend_from_within(..1.min(reports.len()));
                }
                self.read.push((*intent, command));
                self.input(&Input::Observed { intent: *intent, reports });
            }
        }
    }

    fn measure(&mut self, due: &Due) {
        for measurement in &due.measure {
            let alarm = self.aws.alarm(self.now);
            let readings = measurement.sites.iter().map(|site| {
                let read = match self.aws.trouble(*site, self.now) {
                    None | Some(Trouble::Refused) => Ok(Found::Alarms(vec![alarm.clone()])),
                    Some(_) => Err("bad weather".to_owned()),
                };
                Reading::new(Some(*site), read)
            });
            let readings = readings.collect();
            let (gate, scope, window) = (measurement.gate, measurement.scope, measurement.window);
            self.input(&Input::Measured { gate, scope, window, readings });
        }
    }
}
