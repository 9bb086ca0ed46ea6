//! Rollouts of one wave that are judged by one gate on made-up metrics: the real plan, machine and judgement, no AWS.
//!
//! What the gate sees is what CloudWatch would give it: one value a node and minute. Each node has a level of its own, all follow the hour
//! of the day, and a node's minutes hang together. A driver adds calls and waiting to this, and nothing to the judgement: what it hands
//! over is the readings of the measurements that `due` asks for, and it commits what `decide` makes of them.
#![allow(clippy::cast_possible_wrap, clippy::cast_sign_loss, reason = "hours of a day and minutes of a few")]

use std::collections::BTreeMap;
use std::f64::consts::TAU;
use wavetrain_engine::due::Measurement;
use wavetrain_engine::input::Input;
use wavetrain_engine::planner::{BusyNodes, Inputs, plan};
use wavetrain_engine::{decide, due, evolve};
use wavetrain_model::event::{Entry, Event};
use wavetrain_model::fleet::{
    Architecture, Manifest, Node, PackageView, Ping, Platform, Site, Snapshot, TagAnswers, VersionView,
};
use wavetrain_model::gate::{Found, Level, Point, Reading, Series, Which};
use wavetrain_model::id::{AccountId, Digest, IntentId, NodeId, NodeIndex, Region, SiteIndex, WaveIndex};
use wavetrain_model::intent::{Action, Intent};
use wavetrain_model::outcome::Outcome;
use wavetrain_model::plan::Plan;
use wavetrain_model::spec::Check;
use wavetrain_model::state::{Phase, State, Touch, WavePhase};
use wavetrain_model::time::{Seconds, Timestamp};

/// Nodes of the wave that is judged; three times as many are untouched.
pub const UPGRADED: usize = 40;
const NODES: usize = 160;
const MINUTE: i64 = 60_000;
const DAY_MINUTES: f64 = 1_440.0;
/// 2026-03-02, midnight.
const MIDNIGHT: i64 = 1_772_409_600_000;

/// Numbers that look random and are the same in every run (Steele, Lea and Flood 2014, `SplitMix`).
pub struct Numbers(u64);

impl Numbers {
    fn unit(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (((bits ^ (bits >> 31)) >> 11) as f64 + 0.5) / (1u64 << 53) as f64
    }

    fn normal(&mut self) -> f64 {
        (-2.0 * self.unit().ln()).sqrt() * (TAU * self.unit()).cos()
    }
}

/// What a metric is like while all is well.
#[derive(Clone, Copy)]
pub struct Metric {
    /// Mean level.
    pub level: f64,
    /// Standard deviation of the nodes' own levels, as a share.
    pub between_nodes: f64,
    /// How far it swings in the course of a day, as a share.
    pub daily: f64,
    /// Standard deviation of a node's minutes, as a share.
    pub noise: f64,
    /// How much a minute hangs on the one before.
    pub hangs_on: f64,
}

/// Errors a minute.
pub const ERRORS: Metric = Metric { level: 4.0, between_nodes: 0.3, daily: 0.4, noise: 0.5, hangs_on: 0.8 };
/// Milliseconds.
pub const LATENCY: Metric =
    Metric { level: 100.0, between_nodes: 0.1, daily: 0.2, noise: 0.1, hangs_on: 0.9 };

impl Metric {
    fn at(self, own: f64, minute: f64, wobble: f64) -> f64 {
        let day = 1.0 + self.daily * (TAU * minute / DAY_MINUTES).sin();
        (self.level * own * day * (1.0 + self.noise * wobble)).max(0.0)
    }

    /// Mean and standard deviation of the upgraded nodes' mean over a healthy week, minute by minute: what one reads off a
    /// dashboard to set a threshold.
    pub fn history(self) -> (f64, f64) {
        let fleet = Fleet::new(7, self, 1.0, 0, 7 * 1_440);
        let (mut total, mut squares) = (0.0, 0.0);
        for minute in 0..fleet.minutes {
            let mean = fleet.mean(minute);
            total += mean;
            squares += mean * mean;
        }
        let n = fleet.minutes as f64;
        (total / n, (squares / n - (total / n).powi(2)).max(0.0).sqrt())
    }
}

/// Every node's minutes from the beginning of a bake on.
struct Fleet {
    minutes: usize,
    values: Vec<Vec<f64>>,
}

impl Fleet {
    /// `times`: what the version does to the metric of upgraded nodes, the first [`UPGRADED`].
    fn new(seed: u64, metric: Metric, times: f64, first_minute: usize, minutes: usize) -> Self {
        let mut numbers = Numbers(seed.wrapping_mul(0x2545_f491_4f6c_dd1d) ^ 0x5bd1);
        let fresh = (1.0 - metric.hangs_on * metric.hangs_on).sqrt();
        let values = (0..NODES)
            .map(|node| {
                let own = (metric.between_nodes * numbers.normal()).exp();
                let factor = if node < UPGRADED { times } else { 1.0 };
                let mut wobble = numbers.normal();
                (0..minutes)
                    .map(|minute| {
                        wobble = metric.hangs_on * wobble + fresh * numbers.normal();
                        factor * metric.at(own, (first_minute + minute) as f64, wobble)
                    })
                    .collect()
            })
            .collect();
        Self { minutes, values }
    }

    fn mean(&self, minute: usize) -> f64 {
        self.values[..UPGRADED].iter().map(|values| values[minute]).sum::<f64>() / UPGRADED as f64
    }
}

/// One rollout to be judged.
#[derive(Clone, Copy)]
pub struct Case {
    pub seed: u64,
    pub metric: Metric,
    /// What the version does to the metric.
    pub times: f64,
}

/// A plan with a canary of [`UPGRADED`] nodes and this gate.
pub fn plan_with(gate: &str) -> Plan {
    let file = format!(
        "apiVersion: wavetrain/v1\nrollout:\n  name: trial\n  package: {{ name: agent, owner: \"111122223333\", version: 2.0.0-1 }}\n  \
         fleet: {{ accounts: [\"111122223333\"], regions: [us-east-1] }}\n  waves:\n    - {{ name: first, percent: 25, bake: 1h }}\n    \
         - {{ name: all, percent: 100 }}\n  gates:\n    - {gate}\n  deadlines: {{ wave: 1h }}\n  guards: {{ connection: {{ enabled: no }}, duration: {{ enabled: no }} }}\n"
    );
    let outcome = wavetrain_spec::read("trial.yaml", file.as_bytes());
    let spec = outcome.rollout.unwrap_or_else(|| panic!("{}", wavetrain_spec::render(&outcome.report)));
    let now = Timestamp(MIDNIGHT);
    let fleet = Snapshot {
        observed_at: now,
        sites: vec![Site {
            account: AccountId::from("111122223333"),
            region: Region::from("us-east-1"),
            role: None,
            external_id: None,
        }],
        packages: vec![package()],
        questions: wavetrain_model::plan::tag_questions(&spec),
        nodes: (0..NODES).map(|at| node(at, now)).collect(),
    };
    let busy = BusyNodes::new();
    let inputs = Inputs { spec: &spec, fleet: &fleet, ledger: &[], busy: &busy, quarantined: None };
    plan(&inputs).unwrap_or_else(|refusals| panic!("{refusals:?}"))
}

fn package() -> PackageView {
    let file = BTreeMap::from([("_any".to_owned(), "linux.zip".to_owned())]);
    let packages = BTreeMap::from([("amazon".to_owned(), BTreeMap::from([("_any".to_owned(), file)]))]);
    let view = |version: &str| {
        let manifest = Manifest {
            version: version.to_owned(),
            packages: packages.clone(),
            update_script: BTreeMap::new(),
        };
        let hash = Some(Digest::new(version));
        (
            version.to_owned(),
            VersionView { status: "Active".to_owned(), hash, manifest: Some(manifest), amiss: Vec::new() },
        )
    };
    PackageView {
        name: "agent".to_owned(),
        versions: BTreeMap::from([view("1.0.0-1"), view("2.0.0-1")]),
        default_version: Some("1.0.0-1".to_owned()),
        associations: Some(Vec::new()),
    }
}

fn node(at: usize, now: Timestamp) -> Node {
    Node {
        id: NodeId::new(format!("i-{at:017x}")),
        site: SiteIndex(0),
        platform: Platform::Linux,
        distribution: "amazon".into(),
        distribution_version: "2023".into(),
        architecture: Architecture::X86_64,
        agent_version: "3.3.1230.0".into(),
        ping: Ping::Online,
        last_ping: now,
        tags: TagAnswers::default(),
    }
}

/// What became of the wave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// Condemned after so many minutes of bake.
    Failed(u32),
    /// The gate's deadline came while it could not tell: somebody has to look.
    Held,
    Passed,
}

/// How a rollout ends that this gate judges.
///
/// # Panics
/// When it does not end in three hours: then the trial itself is wrong.
pub fn judged(plan: &Plan, case: Case) -> Ended {
    let mut numbers = Numbers(case.seed);
    let hour = (numbers.unit() * DAY_MINUTES) as usize;
    let fleet = Fleet::new(case.seed, case.metric, case.times, hour, 180);
    let settled = Timestamp(MIDNIGHT + hour as i64 * MINUTE);
    let mut state = State::new(plan);
    let wave: Vec<NodeIndex> =
        plan.node_indices().filter(|node| plan.nodes[node.at()].wave == Some(WaveIndex(0))).collect();
    assert_eq!(wave.len(), UPGRADED);
    settle(plan, &mut state, &wave, settled);
    for minute in 0..180_u32 {
        let now = settled.plus(Seconds(minute * 60 + 20));
        for measurement in due(plan, &state, now).measure {
            let found = Ok(Found::Series(series(plan, &measurement, &wave, &fleet, settled)));
            let readings = vec![Reading::new(Some(SiteIndex(0)), found)];
            let Measurement { gate, scope, window, .. } = measurement;
            fold(plan, &mut state, now, &Input::Measured { gate, scope, window, readings });
        }
        for _ in 0..4 {
            fold(plan, &mut state, now, &Input::Tick);
        }
        if state.phase == Phase::RollingBack {
            return Ended::Failed(minute);
        }
        if state.holds.iter().any(|hold| hold.needs_person) {
            return Ended::Held;
        }
        if matches!(state.wave(WaveIndex(0)).phase, WavePhase::Passed { .. }) {
            return Ended::Passed;
        }
    }
    let record = state.gates.iter().find(|record| record.which != Which::Install);
    panic!("neither passed nor failed: {:?}", record.map(|record| &record.sentence))
}

/// The wave as it is when its bake begins.
fn settle(plan: &Plan, state: &mut State, wave: &[NodeIndex], settled: Timestamp) {
    let intent = IntentId(1);
    let install = Intent {
        id: intent,
        action: Action::Install { wave: WaveIndex(0), max_errors: 0 },
        site: SiteIndex(0),
        nodes: wave.to_vec(),
    };
    let events = [
        Event::Started { plan: plan.digest.clone() },
        Event::WaveOpened { wave: WaveIndex(0) },
        Event::Intended { intent: install },
        Event::Finished {
            intent: Some(intent),
            outcome: Outcome::Succeeded,
            touch: Touch::Clean,
            nodes: wave.to_vec(),
            note: String::new(),
        },
        Event::WaveSettled { wave: WaveIndex(0) },
    ];
    for event in events {
        evolve(plan, state, &Entry { at: settled, actor: "trial".to_owned(), event });
    }
}

fn fold(plan: &Plan, state: &mut State, now: Timestamp, input: &Input) {
    for event in decide(plan, state, now, input).unwrap_or_default() {
        evolve(plan, state, &Entry { at: now, actor: "trial".to_owned(), event });
    }
}

/// What CloudWatch has of a measurement: of a comparison every node's values, else the upgraded nodes' mean.
fn series(
    plan: &Plan,
    asked: &Measurement,
    wave: &[NodeIndex],
    fleet: &Fleet,
    settled: Timestamp,
) -> Vec<Series> {
    let minutes = |at: Timestamp| ((at.0 - settled.0) / MINUTE).clamp(0, fleet.minutes as i64) as usize;
    let span = minutes(asked.window.from)..minutes(asked.window.until);
    let points = |value: &dyn Fn(usize) -> f64| {
        let at = |minute: usize| Timestamp(settled.0 + minute as i64 * MINUTE);
        let point = |minute: usize| Level::new(value(minute)).map(|value| Point { at: at(minute), value });
        span.clone().filter_map(point).collect::<Vec<_>>()
    };
    if !matches!(plan.spec.gates[asked.gate.at()].check, Check::Compare(_)) {
        let points = points(&|minute| fleet.mean(minute));
        return vec![Series { label: "mean".to_owned(), node: None, control: false, points, complete: true }];
    }
    // The upgraded nodes have the first values, in the order of the wave; the others follow.
    let place: BTreeMap<NodeIndex, usize> = wave
        .iter()
        .copied()
        .chain(plan.node_indices().filter(|node| plan.nodes[node.at()].wave != Some(WaveIndex(0))))
        .enumerate()
        .map(|(at, node)| (node, at))
        .collect();
    let upgraded = asked.upgraded.iter().map(|node| (*node, false));
    let all = upgraded.chain(asked.untouched.iter().map(|node| (*node, true)));
    all.map(|(node, control)| Series {
        label: String::new(),
        node: Some(node),
        control,
        points: points(&|minute| fleet.values[place[&node]][minute]),
        complete: true,
    })
    .collect()
}

/// The comparison as everybody writes it.
pub const COMPARE: &str = "{ name: compared, waves: [first], compare: { namespace: CWAgent, name: m, tolerance: 10%, window: 1h } }";

/// A threshold on the upgraded nodes' mean.
pub fn threshold(value: f64) -> String {
    format!(
        "{{ name: threshold, waves: [first], metric: {{ namespace: CWAgent, name: m, fail_if: value > {value:.4} }} }}"
    )
}

/// How many rollouts ended in which way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Count {
    pub failed: u32,
    pub held: u32,
    pub passed: u32,
    /// Half of those that failed had failed after this many minutes of bake.
    pub median_minutes: Option<u32>,
}

/// Rollouts with these seeds, judged one by one.
pub fn count(plan: &Plan, metric: Metric, times: f64, seeds: std::ops::Range<u64>) -> Count {
    let (mut minutes, mut held, mut passed) = (Vec::new(), 0, 0);
    for seed in seeds {
        match judged(plan, Case { seed, metric, times }) {
            Ended::Failed(minute) => minutes.push(minute),
            Ended::Held => held += 1,
            Ended::Passed => passed += 1,
        }
    }
    minutes.sort_unstable();
    let median_minutes = minutes.get(minutes.len() / 2).copied();
    Count { failed: minutes.len() as u32, held, passed, median_minutes }
}
