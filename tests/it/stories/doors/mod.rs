//! The program's ports over the simulated AWS and a store in memory, with what a real process meets there: calls take time,
//! answers come twice, requests arrive after their sender died. Everything that passes is written down.

mod ports;
mod store;

use super::chronicle::{Command, Happening, Kind, NodeTruth, What};
use super::clock::StoryClock;
use super::dice::Dice;
use super::draw::{Death, Wire};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard};
use tokio_util::sync::CancellationToken;
use wavetrain_model::event::{Entry, Event};
use wavetrain_model::fleet::Site;
use wavetrain_model::id::{NodeId, NodeIndex, marker_of_association};
use wavetrain_model::plan::Plan;
use wavetrain_model::time::{Seconds, Timestamp};
use wavetrain_ports::associations::Associations as _;
use wavetrain_ports::clock::Clock;
use wavetrain_sim::clock::WorldTime;
use wavetrain_sim::fleet::Reach;
use wavetrain_sim::ports::{SharedWorld, SimulatedCloud};
use wavetrain_sim::ssm::command::{
    Command as WorldCommand, Detail, Invocation as WorldInvocation, Job as WorldJob,
};
use wavetrain_sim::world::World;
use wavetrain_store::NewEvent;
use wavetrain_store::memory::Memory;

/// The product that every story is about.
const PACKAGE: &str = "agent";

/// How long a request may outlive its sender, in milliseconds.
const POSTHUMOUS_MS: u32 = 10_000;

/// The simulated AWS and the store of one story, with its record.
pub struct Stage {
    pub world: SharedWorld,
    pub clock: StoryClock,
    pub store: Memory,
    cloud: SimulatedCloud,
    /// Ids of the plan's nodes, for what a commit says of them.
    nodes: Vec<NodeId>,
    /// How long a command may say nothing.
    patience: Seconds,
    inner: Mutex<Inner>,
}

struct Inner {
    happenings: Vec<Happening>,
    /// Commands already written down, by place in the world's list of sites.
    seen: Vec<usize>,
    wire: Wire,
    deaths: Vec<Death>,
    dice: Dice,
    calls: u32,
    sends: u32,
    commits: u32,
    death: CancellationToken,
}

impl Stage {
    pub fn new(
        world: SharedWorld,
        clock: StoryClock,
        plan: &Plan,
        wire: Wire,
        deaths: Vec<Death>,
        dice: Dice,
    ) -> Self {
        let seen = world.with(|world| vec![0; world.sites().len()]);
        Self {
            clock,
            cloud: SimulatedCloud::new(world.clone(), "story"),
            world,
            store: Memory::new(),
            nodes: plan.nodes.iter().map(|node| node.id.clone()).collect(),
            patience: Seconds(plan.spec.deadlines.delivery.0 + plan.spec.deadlines.execution.0),
            inner: Mutex::new(Inner {
                happenings: Vec::new(),
                seen,
                wire,
                deaths,
                dice,
                calls: 0,
                sends: 0,
                commits: 0,
                death: CancellationToken::new(),
            }),
        }
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().expect("nothing panics while it writes")
    }

    pub fn note(&self, what: What) {
        let at = self.clock.now();
        self.inner().happenings.push(Happening { at, what });
    }

    pub fn happenings(&self) -> Vec<Happening> {
        std::mem::take(&mut self.inner().happenings)
    }

    /// A new process: what is cancelled when it dies.
    pub fn begin(&self) -> CancellationToken {
        self.note(What::Began);
        let death = CancellationToken::new();
        self.inner().death = death.clone();
        death
    }

    /// From now on nothing goes wrong.
    pub fn calm(&self) {
        self.note(What::Calm);
        let mut inner = self.inner();
        inner.wire = Wire { there: 0, back: 0, doubled: 0 };
        inner.deaths.clear();
        drop(inner);
        self.world.with(|world| {
            world.clear_faults();
            let away: Vec<String> = world
                .nodes()
                .iter()
                .filter(|node| node.reach == Reach::Offline)
                .map(|node| node.id.to_string())
                .collect();
            for id in away {
                world.set_reach(&id, Reach::Online);
            }
        });
    }

    pub fn truth(&self) -> BTreeMap<NodeId, NodeTruth> {
        self.world.with(|world| truth(world, self.patience))
    }

    /// Does not return if the process dies here.
    async fn survive(&self, is_deadly: impl Fn(&Death, &Inner) -> bool) {
        let dies = {
            let mut inner = self.inner();
            let at = inner.deaths.iter().position(|death| is_deadly(death, &inner));
            if let Some(at) = at {
                inner.deaths.remove(at);
                inner.death.cancel();
            }
            at.is_some()
        };
        if dies {
            std::future::pending::<()>().await;
        }
    }

    async fn travel(&self, most_ms: u32) {
        if most_ms == 0 {
            return;
        }
        let millis = self.inner().dice.below(most_ms);
        self.clock.sleep_until(Timestamp(self.clock.now().0 + i64::from(millis))).await;
    }

    async fn call(&self) {
        self.inner().calls += 1;
        self.survive(|death, inner| *death == Death::InCall(inner.calls)).await;
        let there = self.inner().wire.there;
        self.travel(there).await;
    }

    async fn answer(&self) {
        let back = self.inner().wire.back;
        self.travel(back).await;
    }

    fn is_doubled(&self) -> bool {
        let mut inner = self.inner();
        let doubled = inner.wire.doubled;
        inner.dice.chance(doubled)
    }

    /// Writes down what AWS has taken since the last look.
    pub fn look(&self) {
        let mut inner = self.inner();
        let at = self.clock.now();
        let mut seen = std::mem::take(&mut inner.seen);
        let taken: Vec<What> = self.world.with(|world| {
            let mut taken = Vec::new();
            for (site, seen) in world.sites().iter().zip(&mut seen) {
                for index in *seen..world.commands_of(site).len() {
                    taken.push(taken_by(world, self.patience, site, index));
                }
                *seen = world.commands_of(site).len();
            }
            taken
        });
        inner.seen = seen;
        inner.happenings.extend(taken.into_iter().map(|what| Happening { at, what }));
    }

    fn stored(&self, events: &[NewEvent], quarantines: bool) {
        // Associations give nodes commands by themselves.
        self.look();
        let entries: Vec<Entry> = events
            .iter()
            .map(|event| Entry {
                at: Timestamp(event.at_ms),
                actor: event.actor.clone(),
                event: serde_json::from_slice(&event.payload).expect("an event that was just written"),
            })
            .collect();
        let claimed = entries.iter().filter_map(|entry| match &entry.event {
            Event::Finished { nodes, .. } | Event::Restored { nodes, .. } => Some(nodes),
            _ => None,
        });
        let claimed: Vec<NodeIndex> = claimed.flatten().copied().collect();
        let truth = self.world.with(|world| {
            let version = |node: &NodeIndex| {
                let id = self.nodes[node.at()].clone();
                let bits = world.node(id.as_str()).map(|node| node.bits_of(PACKAGE));
                (id, bits.and_then(|bits| bits.version).map(|version| version.to_string()))
            };
            claimed.iter().map(version).collect()
        });
        self.note(What::Stored { entries, quarantines, truth });
    }
}

fn is_package(job: &WorldJob) -> bool {
    matches!(job, WorldJob::Package(_))
}

/// Whether a command changes a node or may begin to: an agent does not begin what reaches it too late, and what says nothing
/// for as long as the plan file allows is given up.
fn lives(world: &World, patience: Seconds, command: &WorldCommand, row: &WorldInvocation) -> bool {
    world.now() <= command.requested.plus_seconds(patience.0.into())
        && match row.detail {
            Detail::Unsent | Detail::Pending => world.now() <= command.start_by,
            detail => !detail.is_terminal(),
        }
}

fn taken_by(world: &World, patience: Seconds, site: &wavetrain_sim::fleet::Site, index: usize) -> What {
    let commands = world.commands_of(site);
    let command = &commands[index];
    let parameter = |name: &str| {
        command.parameters.get(name).and_then(|values| values.first()).cloned().unwrap_or_default()
    };
    let kind = match (&command.job, parameter("action").as_str()) {
        (WorldJob::Package(_), "Install") => Kind::Install(parameter("version")),
        (WorldJob::Package(_), _) => Kind::Uninstall,
        (WorldJob::Script { .. }, _) => Kind::Probe,
    };
    let id = |node: u32| NodeId::new(&*world.nodes()[node as usize].id);
    let others = || commands.iter().enumerate().filter(|(at, other)| *at != index && is_package(&other.job));
    let is_live = |node: u32| {
        others().any(|(_, other)| {
            other.invocations.iter().any(|row| row.node == node && lives(world, patience, other, row))
        })
    };
    let nodes = || command.invocations.iter().map(|row| row.node);
    let live = nodes().filter(|node| is_package(&command.job) && is_live(*node)).map(id).collect();
    let marker = match &command.association {
        Some(name) => marker_of_association(name).unwrap_or_default(),
        None => command.comment.to_string(),
    };
    What::Taken { command: Command { kind, marker, nodes: nodes().map(id).collect() }, live }
}

fn truth(world: &World, patience: Seconds) -> BTreeMap<NodeId, NodeTruth> {
    let commands = || {
        world
            .sites()
            .iter()
            .flat_map(|site| world.commands_of(site))
            .filter(|command| is_package(&command.job))
    };
    let rows = commands()
        .flat_map(|command| command.invocations.iter().filter(|row| lives(world, patience, command, row)));
    let end = |command: &WorldCommand| command.expires.min(command.requested.plus_seconds(patience.0.into()));
    let over: BTreeMap<&str, WorldTime> = commands().map(|command| (&*command.id, end(command))).collect();
    let busy: BTreeSet<&str> = rows.map(|row| &*world.nodes()[row.node as usize].id).collect();
    let node = |node: &wavetrain_sim::fleet::Node| {
        let truth = NodeTruth {
            version: node.bits_of(PACKAGE).version.map(|version| version.to_string()),
            sent: node.history.sent,
            changes: node.history.bits.len(),
            is_haunted: node
                .history
                .bits
                .iter()
                .any(|change| over.get(&*change.command_id) < Some(&change.at)),
            group: node.group.name.clone(),
            is_busy: busy.contains(&*node.id),
        };
        (NodeId::new(&*node.id), truth)
    };
    world.nodes().iter().map(node).collect()
}

impl Stage {
    /// Associations of batches that are there in a site. Nothing goes wrong any more when this is asked.
    pub async fn batches_left(&self, site: &Site) -> Vec<String> {
        self.world.with(World::clear_faults);
        let all = self.cloud.associations(site).await.expect("a world without faults");
        all.into_iter().map(|one| one.name).filter(|name| marker_of_association(name).is_some()).collect()
    }
}

/// What a process has of a stage.
#[derive(Clone)]
pub struct Door(pub Arc<Stage>);
