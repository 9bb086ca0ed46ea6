//! A cloud of nodes with bits, and a loop that drives the machine against it the way a driver does.

use std::collections::BTreeMap;
use wavetrain_engine::due::Measurement;
use wavetrain_engine::input::{Answer, Input, Order, Report, Trouble};
use wavetrain_engine::question::questions;
use wavetrain_engine::{decide, due, evolve};
use wavetrain_model::agent::Status;
use wavetrain_model::event::{Entry, Event};
use wavetrain_model::fleet::{Architecture, Platform, Site};
use wavetrain_model::gate::{Alarm, AlarmChange, AlarmState, Found, Reading};
use wavetrain_model::id::{
    AccountId, BatchIndex, CommandId, Digest, IntentId, NodeId, NodeIndex, Region, SiteIndex, StratumIndex,
    VersionIndex, WaveIndex,
};
use wavetrain_model::intent::{Action, Errand, Intent};
use wavetrain_model::plan::{
    Batch, Before, Plan, PlannedNode, PlannedSite, PlannedWave, Restore, Source, Stratum,
};
use wavetrain_model::quantity::{Amount, Percent};
use wavetrain_model::spec;
use wavetrain_model::state::{Phase, Progress, State};
use wavetrain_model::time::{Seconds, Timestamp};

/// What an install of the target does on a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Behaviour {
    /// Works.
    Good,
    /// Fails; the agent's state stays truthful and nothing is installed.
    Breaks,
    /// Fails, claims to have rolled back, and leaves the target's bits under the old version's name.
    Lies,
    /// Never answers.
    Offline,
}

/// One node's truth.
#[derive(Debug, Clone)]
pub(crate) struct Truth {
    pub(crate) bits: Option<u16>,
    pub(crate) believes: Option<u16>,
    pub(crate) behaviour: Behaviour,
    pub(crate) commands: Vec<(String, Timestamp)>,
}

struct Running {
    command: CommandId,
    intent: Intent,
    since: Timestamp,
    rows: Vec<Report>,
}

pub(crate) struct Cloud {
    pub(crate) plan: Plan,
    pub(crate) state: State,
    pub(crate) log: Vec<Entry>,
    pub(crate) truth: Vec<Truth>,
    pub(crate) now: Timestamp,
    pub(crate) alarm: AlarmState,
    /// What CloudWatch's metrics say; unless given, there is no data.
    pub(crate) metrics: Option<MetricSource>,
    /// With which code a gate's probe ends on a node; 0 unless given.
    pub(crate) exits: Option<Box<dyn FnMut(NodeIndex) -> i32>>,
    /// What the alarm went into since the last look.
    pub(crate) meanwhile: Vec<AlarmChange>,
    /// Alarms beside that one.
    pub(crate) other_alarms: Vec<(String, AlarmState)>,
    /// How AWS refuses the commands of gates.
    pub(crate) refuses_asks: Option<Trouble>,
    /// Most nodes ever in flight at once.
    pub(crate) peak_in_flight: u32,
    running: Vec<Running>,
    commands: u32,
    /// Errands carried out, in order.
    pub(crate) errands: Vec<Errand>,
    /// Intents whose `SendCommand` is executed but whose answer is lost.
    pub(crate) lose_answer_every: Option<u64>,
    /// Every call is denied.
    pub(crate) is_denied: bool,
    /// How long a command's rows say nothing.
    pub(crate) rows_take: Seconds,
    /// Steps until the process dies; None: it lives. A step is a record, or one side of a call.
    pub(crate) steps_left: Option<u64>,
}

/// What one measurement of a metric gate finds.
pub(crate) type MetricSource = Box<dyn FnMut(&Measurement) -> Result<Found, String>>;

/// What unwinds out of a turn when the process dies.
pub(crate) struct Died;

/// Who starts every rollout.
pub(crate) const AUTHOR: &str = "author";

pub(crate) const VERSIONS: [&str; 3] = ["2.0.0-1", "1.0.0-1", "1.1.0-1"];

/// Over what a plan's nodes are spread.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Spread {
    /// Sites, each of which gets every n-th node.
    pub(crate) sites: u32,
    /// Whether every third node runs Windows.
    pub(crate) windows: bool,
    /// Failure domains: the first gets every fifth node, the second the node after it.
    pub(crate) domains: u16,
}

impl Spread {
    fn site_of(self, node: u32) -> u32 {
        node % self.sites
    }

    fn stratum_of(self, node: u32) -> u32 {
        self.site_of(node) * 2 + u32::from(self.windows && node % 3 == 2)
    }

    fn domains_of(self, node: u32) -> Vec<u16> {
        (0..self.domains).filter(|domain| node % 5 == u32::from(*domain)).collect()
    }
}

/// A gate on the one alarm of this cloud.
pub(crate) fn alarm_gate() -> spec::Gate {
    spec::Gate {
        name: "alarms".to_owned(),
        guard: false,
        blocker: false,
        dry_run: false,
        waves: Vec::new(),
        check: spec::Check::Alarms(spec::Alarms {
            names: vec!["health".to_owned()],
            prefix: None,
            insufficient_data: spec::InsufficientData::Inconclusive,
            fail_if: None,
        }),
        every: Seconds(60),
        initial_delay: Seconds(0),
        count: None,
        failure_limit: 0,
        inconclusive_limit: None,
        consecutive_error_limit: 4,
        consecutive_success_limit: 1,
        deadline: Seconds::hours(1),
        within: spec::Within::default(),
        per: None,
    }
}

/// What these people are asked.
pub(crate) fn approval(from: &[&str], need: u32, within: Seconds) -> spec::Approval {
    let from = from.iter().map(|name| (*name).to_owned()).collect();
    spec::Approval { from, need, within, valid_for: None, author_may_approve: false }
}

/// The digest of the one thing that is asked about a wave; None: nothing is, or several things are.
pub(crate) fn evidence(plan: &Plan, state: &State, now: Timestamp, wave: WaveIndex) -> Option<Digest> {
    match questions(plan, state, now, (wave, None), false).as_slice() {
        [one] => Some(one.shown.digest.clone()),
        _ => None,
    }
}

/// Agrees to what is asked about a wave, as it is now.
pub(crate) fn approve(cloud: &Cloud, wave: u16) -> Order {
    let wave = WaveIndex(wave);
    let evidence = evidence(&cloud.plan, &cloud.state, cloud.now, wave);
    Order::Approve { wave, gate: None, evidence, typed_by: None }
}

/// Says no to whatever is asked about a wave.
pub(crate) fn reject(wave: u16, reason: &str) -> Order {
    let reason = reason.to_owned();
    Order::Reject { wave: WaveIndex(wave), gate: None, evidence: None, reason, typed_by: None }
}

/// A plan of waves of the given sizes over one site; every second node had 1.1.0-1, every tenth none.
pub(crate) fn plan(sizes: &[u32], adjust: impl FnOnce(&mut spec::Rollout)) -> Plan {
    spread_plan(sizes, Spread { sites: 1, windows: false, domains: 0 }, adjust)
}

/// A plan of waves of the given sizes, spread over sites, platforms and failure domains.
pub(crate) fn spread_plan(sizes: &[u32], spread: Spread, adjust: impl FnOnce(&mut spec::Rollout)) -> Plan {
    let mut spec = spec_of(sizes.len());
    adjust(&mut spec);
    let total: u32 = sizes.iter().sum();
    let mut plan = Plan {
        format: 1,
        digest: Digest::from("00"),
        spec_digest: Digest::from("00"),
        observed_at: Timestamp(0),
        sites: (0..spread.sites).map(site).collect(),
        versions: VERSIONS.map(str::to_owned).to_vec(),
        strata: (0..spread.sites * 2)
            .map(|stratum| Stratum {
                site: SiteIndex(stratum / 2),
                platform: if stratum % 2 == 0 { Platform::Linux } else { Platform::Windows },
                architecture: Architecture::X86_64,
                size: (0..total).filter(|node| spread.stratum_of(*node) == stratum).count() as u32,
            })
            .collect(),
        nodes: Vec::new(),
        waves: Vec::new(),
        batches: Vec::new(),
        selected: total,
        excluded: Vec::new(),
        notes: Vec::new(),
        guardrails: Vec::new(),
        paused: Vec::new(),
        planted: wavetrain_model::planted::Planted::default(),
        spec,
    };
    let has_probe = plan.spec.package.probe.is_some();
    for (index, size) in sizes.iter().enumerate() {
        add_wave(&mut plan, WaveIndex(index as u16), *size, spread, has_probe);
    }
    plan
}

fn site(index: u32) -> PlannedSite {
    PlannedSite {
        site: Site {
            account: AccountId::new(format!("1111222233{index:02}")),
            region: Region::from("eu-west-1"),
            role: None,
            external_id: None,
        },
        package: "tool".to_owned(),
        restorable: vec![VersionIndex(0), VersionIndex(1), VersionIndex(2)],
        default_version: Some(VersionIndex(1)),
    }
}

pub(crate) fn before_of(node: u32) -> Option<u16> {
    match node % 10 {
        9 => None,
        rest => Some(1 + (rest % 2) as u16),
    }
}

fn add_wave(plan: &mut Plan, wave: WaveIndex, size: u32, spread: Spread, has_probe: bool) {
    let first = plan.nodes.len() as u32;
    for node in first..first + size {
        let known = before_of(node).map_or(Before::Absent, |version| Before::Version(VersionIndex(version)));
        let restore = if has_probe {
            Restore { to: Before::Unknown, source: Source::Probe }
        } else {
            Restore { to: known, source: Source::Ledger }
        };
        plan.nodes.push(PlannedNode {
            id: NodeId::new(format!("i-{node:017x}")),
            stratum: StratumIndex(spread.stratum_of(node)),
            rank: node,
            wave: Some(wave),
            canary: false,
            restore,
            domains: spread.domains_of(node),
        });
    }
    let first_batch = BatchIndex(plan.batches.len() as u32);
    for site in 0..spread.sites {
        let nodes: Vec<NodeIndex> =
            (first..first + size).filter(|node| spread.site_of(*node) == site).map(NodeIndex).collect();
        for chunk in nodes.chunks(50) {
            plan.batches.push(Batch { wave, site: SiteIndex(site), nodes: chunk.to_vec() });
        }
    }
    plan.waves.push(PlannedWave {
        size,
        cumulative: first + size,
        population: size,
        topped_up: Vec::new(),
        first_batch,
        batches: plan.batches.len() as u32 - first_batch.0,
    });
}

fn spec_of(waves: usize) -> spec::Rollout {
    let wave = |index: usize| spec::Wave {
        name: format!("w{index}"),
        take: spec::Take::Percent(Percent::ALL),
        bake: Seconds::minutes(5),
        after: if index == 0 { Vec::new() } else { vec![WaveIndex(index as u16 - 1)] },
        within: spec::Within::default(),
        top_up: true,
        approval: None,
    };
    spec::Rollout {
        name: "test".to_owned(),
        package: spec::Package {
            name: "tool".to_owned(),
            owner: AccountId::from("111122223333"),
            version: VERSIONS[0].to_owned(),
            install: spec::InstallMode::Reinstall,
            arguments: BTreeMap::new(),
            probe: Some(spec::Probe {
                linux: Some("tool version".to_owned()),
                windows: Some("tool version".to_owned()),
                expect: None,
            }),
            copies: false,
            allow_differing_contents: false,
        },
        fleet: spec::Fleet {
            accounts: vec![AccountId::from("111122223333")],
            organization: None,
            regions: vec![Region::from("eu-west-1")],
            role: None,
            external_id: None,
            select: BTreeMap::new(),
            exclude: BTreeMap::new(),
            exclude_nodes: Vec::new(),
            min_coverage: Percent::whole(90),
            max_offline_age: Seconds::hours(24),
            min_agent: "3.1.1374.0".to_owned(),
        },
        waves: (0..waves).map(wave).collect(),
        partial: false,
        salt: "test".to_owned(),
        limits: spec::Limits {
            in_flight: Amount::Share(Percent::whole(20)),
            per_site: None,
            max_unavailable: Vec::new(),
            failures: Amount::Share(Percent::whole(2)),
            undelivered: Amount::Share(Percent::whole(5)),
        },
        gates: Vec::new(),
        rollback: spec::Rollback {
            to: None,
            require_known: false,
            on_fail: spec::Reaction::Rollback,
            on_error: spec::Reaction::Pause,
            on_inconclusive: spec::Reaction::Pause,
            pace: 3,
        },
        deadlines: spec::Deadlines {
            delivery: Seconds::minutes(30),
            execution: Seconds::hours(2),
            wave: Seconds::hours(12),
            hold: Seconds::hours(24),
        },
        publish_compliance: None,
        api: spec::Api {
            requests_per_second: 3,
            burst: 5,
            first_poll: Seconds(4),
            longest_poll: Seconds(30),
            settle: Seconds::minutes(2),
        },
        packs: Vec::new(),
        guardrails: Vec::new(),
        dispatch: wavetrain_model::spec::Dispatch::Command,
        finish: wavetrain_model::spec::Finish::default(),
        allow_associations: wavetrain_model::spec::Allowed::None,
    }
}

impl Cloud {
    pub(crate) fn new(plan: Plan) -> Self {
        let truth = (0..plan.nodes.len() as u32)
            .map(|node| Truth {
                bits: before_of(node),
                believes: before_of(node),
                behaviour: Behaviour::Good,
                commands: Vec::new(),
            })
            .collect();
        let state = State::new(&plan);
        let mut cloud = Self {
            plan,
            state,
            log: Vec::new(),
            truth,
            now: Timestamp(1_000_000),
            alarm: AlarmState::Ok,
            metrics: None,
            meanwhile: Vec::new(),
            other_alarms: Vec::new(),
            refuses_asks: None,
            exits: None,
            peak_in_flight: 0,
            running: Vec::new(),
            commands: 0,
            errands: Vec::new(),
            lose_answer_every: None,
            is_denied: false,
            rows_take: Seconds(0),
            steps_left: None,
        };
        let plan = cloud.plan.digest.clone();
        cloud.apply(vec![Event::Started { plan }]);
        cloud
    }

    pub(crate) fn apply(&mut self, events: Vec<Event>) {
        if events.is_empty() {
            return;
        }
        for event in events {
            let actor = if matches!(event, Event::Started { .. }) { AUTHOR } else { "wavetrain" };
            let entry = Entry { at: self.now, actor: actor.to_owned(), event };
            evolve(&self.plan, &mut self.state, &entry);
            self.log.push(entry);
        }
        let in_flight = self.state.waves.iter().map(|wave| wave.in_flight).sum();
        self.peak_in_flight = self.peak_in_flight.max(in_flight);
        self.step();
    }

    /// One more step is done; perhaps the last one.
    fn step(&mut self) {
        match &mut self.steps_left {
            Some(0) => std::panic::resume_unwind(Box::new(Died)),
            Some(left) => *left -= 1,
            None => {}
        }
    }

    pub(crate) fn input(&mut self, input: &Input) {
        let events = decide(&self.plan, &self.state, self.now, input).expect("the input is accepted");
        self.apply(events);
    }

    pub(crate) fn order(&mut self, order: Order) {
        self.input(&Input::Order { order, by: "anna".to_owned() });
    }

    /// Drops everything a process keeps in memory, and takes the rollout up from its log.
    pub(crate) fn crash_and_recover(&mut self) {
        let mut state = State::new(&self.plan);
        for entry in &self.log {
            evolve(&self.plan, &mut state, entry);
        }
        assert_eq!(state, self.state, "a replay gives the same state");
        self.input(&Input::Recovered);
    }

    pub(crate) fn tick(&mut self) {
        for _ in 0..1000 {
            let events =
                decide(&self.plan, &self.state, self.now, &Input::Tick).expect("ticks are never rejected");
            if events.is_empty() {
                return;
            }
            self.apply(events);
        }
        panic!("ticks never come to rest");
    }

    /// One turn of the circle: decide, record, and (unless the process dies in between) perform.
    pub(crate) fn turn(&mut self) {
        self.tick();
        let due = due(&self.plan, &self.state, self.now);
        let new: Vec<IntentId> = due.intents.iter().map(|intent| intent.id).collect();
        self.apply(due.intents.iter().map(|intent| Event::Intended { intent: intent.clone() }).collect());
        if !due.revoke.is_empty() {
            self.input(&Input::Withdrawn { intents: due.revoke });
        }
        let is_deferred = |id: &IntentId| matches!(self.state.open[id].progress, Progress::Deferred { .. });
        assert!(due.perform.iter().all(is_deferred), "only what certainly was not executed is repeated");
        if !due.perform.is_empty() {
            // A process that dies in the middle of the call must not take it for certainly unsent.
            let reason = "being sent again".to_owned();
            self.apply(vec![Event::Uncertain { intents: due.perform.clone(), reason }]);
        }
        for id in new.into_iter().chain(due.perform) {
            self.perform(id);
        }
        for id in due.look_for {
            let running = self.running.iter().filter(|running| running.intent.id == id);
            let found = running.map(|running| running.command.clone()).collect();
            self.input(&Input::Looked { intent: id, found });
        }
        for measurement in due.measure {
            let alarm = Alarm {
                name: "health".to_owned(),
                state: self.alarm.clone(),
                transitioned_at: None,
                reason: "threshold crossed".to_owned(),
                meanwhile: std::mem::take(&mut self.meanwhile),
            };
            let found = match (&self.plan.spec.gates[measurement.gate.at()].check, &mut self.metrics) {
                (spec::Check::Alarms(_), _) => {
                    let others = self.other_alarms.iter().map(|(name, state)| Alarm {
                        name: name.clone(),
                        state: state.clone(),
                        meanwhile: Vec::new(),
                        ..alarm.clone()
                    });
                    Ok(Found::Alarms(std::iter::once(alarm.clone()).chain(others).collect()))
                }
                (_, None) => Ok(Found::Series(Vec::new())),
                (_, Some(metrics)) => metrics(&measurement),
            };
            let reading = |site: &SiteIndex| {
                let mut found = found.clone();
                if let Ok(Found::Compliance { nodes, .. }) = &mut found {
                    nodes.retain(|standing| self.plan.site_of(standing.node) == *site);
                }
                Reading::new(Some(*site), found)
            };
            let readings = measurement.sites.iter().map(reading).collect();
            let (gate, scope, window) = (measurement.gate, measurement.scope, measurement.window);
            self.input(&Input::Measured { gate, scope, window, readings });
        }
        self.report();
        self.tick();
        self.now = self.now.plus(Seconds(10));
    }

    pub(crate) fn perform(&mut self, id: IntentId) {
        let Some(open) = self.state.open.get(&id) else { return };
        let mut intent = open.intent.clone();
        intent.nodes.clone_from(&open.pending);
        if self.is_denied {
            let answer = Answer::Refused { trouble: Trouble::Denied, message: "access denied".to_owned() };
            self.input(&Input::Answered { intent: id, answer });
            return;
        }
        if let (Some(trouble), Action::Ask { .. }) = (self.refuses_asks, &intent.action) {
            let answer = Answer::Refused { trouble, message: "no such document".to_owned() };
            self.input(&Input::Answered { intent: id, answer });
            return;
        }
        self.step();
        let answer = self.execute(&intent);
        self.step();
        let is_lost = self.lose_answer_every.is_some_and(|every| id.0.is_multiple_of(every));
        let answer = if is_lost { Answer::Unknown { message: "connection lost".to_owned() } } else { answer };
        self.input(&Input::Answered { intent: id, answer });
    }

    /// Executes a command on the nodes; rows are reported one turn later.
    pub(crate) fn execute(&mut self, intent: &Intent) -> Answer {
        if let Action::Cancel { .. } = intent.action {
            return Answer::CancelDone;
        }
        if let Action::Errand(errand) = &intent.action {
            self.errands.push(errand.clone());
            return Answer::CarriedOut { note: errand.word().to_owned() };
        }
        let duplicate = self.running.iter().any(|running| running.intent.id == intent.id);
        assert!(!duplicate, "intent {} was sent twice", intent.id);
        self.commands += 1;
        let command = CommandId::new(format!("command-{}", self.commands));
        let rows = intent.nodes.iter().map(|node| self.run(*node, &intent.action)).collect();
        self.running.push(Running {
            command: command.clone(),
            intent: intent.clone(),
            since: self.now,
            rows,
        });
        Answer::Accepted(command)
    }

    fn run(&mut self, node: NodeIndex, action: &Action) -> Report {
        let now = self.now;
        let truth = &mut self.truth[node.at()];
        truth.commands.push((action.word().to_owned(), now));
        let (status, output) = match action {
            _ if truth.behaviour == Behaviour::Offline => (Status::Undeliverable, String::new()),
            Action::Survey { .. } | Action::Verify { .. } | Action::Prove => {
                let print = truth.bits.map(|version| VERSIONS[usize::from(version)]).unwrap_or_default();
                (Status::Success, print.rsplit_once('-').map_or(String::new(), |(bare, _)| bare.to_owned()))
            }
            Action::Install { .. } => install(truth),
            Action::Uninstall { version } => uninstall(truth, *version),
            Action::Reinstall { version } => reinstall(truth, *version),
            Action::Ask { .. } => {
                let exit = self.exits.as_mut().map_or(0, |exits| exits(node));
                let status = if exit == 0 { Status::Success } else { Status::Failed };
                return Report { node, status, output: format!("exit {exit}"), exit_code: Some(exit) };
            }
            Action::Cancel { .. } | Action::Errand(_) => (Status::Success, String::new()),
        };
        Report { node, status, output, exit_code: Some(0) }
    }

    /// Reports the rows of every command the machine knows of.
    fn report(&mut self) {
        if self.is_denied {
            return;
        }
        let known: Vec<(IntentId, Vec<Report>)> = self
            .running
            .iter()
            .filter(|running| {
                let open = self.state.open.get(&running.intent.id);
                let is_sent = open.is_some_and(|open| matches!(open.progress, Progress::Sent { .. }));
                is_sent && running.since.plus(self.rows_take) <= self.now
            })
            .map(|running| (running.intent.id, running.rows.clone()))
            .collect();
        for (intent, reports) in known {
            self.input(&Input::Observed { intent, reports });
        }
    }

    pub(crate) fn run_until_over(&mut self) {
        for _ in 0..20_000 {
            if self.state.is_over() || !self.state.holds.is_empty() {
                return;
            }
            self.turn();
        }
        panic!("not over after 20,000 turns: {:?} {:?}", self.state.phase, self.state.holds);
    }

    pub(crate) fn run_until(&mut self, is_reached: impl Fn(&State) -> bool) {
        for _ in 0..20_000 {
            if is_reached(&self.state) {
                return;
            }
            self.turn();
        }
        panic!("never reached: {:?} {:?}", self.state.phase, self.state.holds);
    }

    pub(crate) fn is_rolling_back(state: &State) -> bool {
        state.phase == Phase::RollingBack
    }

    /// Nodes whose bits differ from what they had before the rollout.
    pub(crate) fn changed(&self) -> Vec<u32> {
        let differs = |node: &u32| self.truth[*node as usize].bits != before_of(*node);
        (0..self.truth.len() as u32).filter(differs).collect()
    }
}

pub(crate) fn install(truth: &mut Truth) -> (Status, String) {
    match truth.behaviour {
        // With nothing to go back to, the agent cannot claim that it went back.
        Behaviour::Lies if truth.believes.is_none() => {
            (Status::Failed, "Failed to install package; install status Failed".to_owned())
        }
        Behaviour::Good => {
            truth.bits = Some(0);
            truth.believes = Some(0);
            (Status::Success, "Successfully installed tool 2.0.0-1".to_owned())
        }
        Behaviour::Breaks => {
            truth.bits = None;
            (Status::Failed, "Failed to install package; install status Failed".to_owned())
        }
        Behaviour::Lies => {
            truth.bits = Some(0);
            let text = "Failed to install tool 2.0.0-1, successfully rolled back to tool 1.0.0-1\n\
                        Failed to install package; install status Failed";
            (Status::Failed, text.to_owned())
        }
        Behaviour::Offline => (Status::Undeliverable, String::new()),
    }
}

pub(crate) fn uninstall(truth: &mut Truth, version: Option<VersionIndex>) -> (Status, String) {
    let matches = truth.believes.is_some() && version.is_none_or(|version| truth.believes == Some(version.0));
    if !matches {
        return (Status::Success, "version: x is not installed".to_owned());
    }
    truth.bits = None;
    truth.believes = None;
    (Status::Success, "Successfully uninstalled tool".to_owned())
}

pub(crate) fn reinstall(truth: &mut Truth, version: VersionIndex) -> (Status, String) {
    if truth.believes == Some(version.0) {
        return (Status::Success, "tool is already installed".to_owned());
    }
    truth.bits = Some(version.0);
    truth.believes = Some(version.0);
    (Status::Success, "Successfully installed tool".to_owned())
}
