//! As much of AWS as a driver calls: nodes that have a version, commands that end after a while, and faults on demand.

use crate::associations_of_aws::Kept;
use crate::fixture::{TARGET, VirtualClock};
use async_trait::async_trait;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard};
use wavetrain_model::agent::Status;
use wavetrain_model::fleet::{self, PackageView, Site, TagMatch};
use wavetrain_model::gate::{Alarm, AlarmChange, Compliance, Window};
use wavetrain_model::id::{AccountId, AssociationId, CommandId, NodeId, SiteIndex};
use wavetrain_model::time::{Seconds, Timestamp};
use wavetrain_ports::clock::Clock;
use wavetrain_ports::compliance::{ComplianceBook, Item};
use wavetrain_ports::distributor::{Command, Distributor, Invocation, Job, Listing, Order, Sent};
use wavetrain_ports::failure::{Class, Failure};
use wavetrain_ports::fleet::Fleet;
use wavetrain_ports::metrics::{Answer, Metrics, Question};

/// How long every command takes.
const COMMAND_MS: i64 = 20_000;

/// What a call may run into.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Rejected with this class.
    Fails(Class),
    /// Carried out, and the answer lost.
    AnswerLost,
    /// Not carried out, and nobody knows.
    RequestLost,
    /// Carried out, and the answer never comes.
    Hangs,
    /// Not carried out, and the answer never comes.
    HangsUnsent,
    /// None.
    Fine,
}

#[derive(Debug)]
pub(crate) struct Aws {
    clock: Arc<VirtualClock>,
    world: Mutex<World>,
}

#[derive(Debug, Default)]
pub(crate) struct World {
    /// Version on every node, None for nothing.
    pub(crate) nodes: BTreeMap<String, Option<String>>,
    pub(crate) commands: Vec<Run>,
    /// The next sends run into these, one each.
    pub(crate) send_faults: VecDeque<Fault>,
    /// All sends to these Regions are refused with this class.
    pub(crate) refusing: BTreeMap<String, Class>,
    /// All reads of these Regions fail with this class.
    pub(crate) deaf: BTreeMap<String, Class>,
    /// Commands listed at most, however many were asked for.
    pub(crate) listed_at_most: Option<usize>,
    /// Installs of the target fail on these nodes.
    pub(crate) failing: BTreeSet<String>,
    /// Nodes that are no longer managed: a command that names one is refused as a whole.
    pub(crate) gone: BTreeSet<String>,
    /// Associations that exist.
    pub(crate) associations: BTreeMap<AssociationId, Kept>,
    pub(crate) associations_made: u64,
    /// The next deletions are refused with these classes.
    pub(crate) delete_faults: VecDeque<Class>,
    /// The next changes of a default version are refused with these classes.
    pub(crate) default_faults: VecDeque<Class>,
    /// How the next readings of what became of an association's nodes fail.
    pub(crate) target_faults: VecDeque<Class>,
    /// Default version by Region, as far as it was set.
    pub(crate) defaults: BTreeMap<String, String>,
    pub(crate) calls: Vec<(Timestamp, &'static str)>,
    /// Called at every send, before anything else.
    pub(crate) on_send: Option<OnSend>,
}

pub(crate) struct OnSend(pub(crate) Box<dyn FnMut(usize) + Send>);

impl std::fmt::Debug for OnSend {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("OnSend")
    }
}

#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) id: CommandId,
    pub(crate) site: String,
    pub(crate) order: Order,
    pub(crate) at: Timestamp,
    results: Option<Vec<(Status, String, i32)>>,
}

impl World {
    pub(crate) fn count(&self, call: &str) -> usize {
        self.calls.iter().filter(|(_, name)| *name == call).count()
    }

    /// Comments of all commands that AWS carried out, in order.
    pub(crate) fn comments(&self) -> Vec<&str> {
        self.commands.iter().map(|run| run.order.comment.as_str()).collect()
    }

    fn catch_up(&mut self, now: Timestamp) {
        for run in &mut self.commands {
            if run.results.is_none() && now.0 >= run.at.0 + COMMAND_MS {
                let nodes = run.order.nodes.clone();
                let results =
                    nodes.iter().map(|node| act(&mut self.nodes, &self.failing, node, &run.order.job));
                run.results = Some(results.collect());
            }
        }
    }
}

fn act(
    nodes: &mut BTreeMap<String, Option<String>>,
    failing: &BTreeSet<String>,
    node: &NodeId,
    job: &Job,
) -> (Status, String, i32) {
    let has = nodes.get_mut(node.as_str()).expect("a node of this fleet");
    match job {
        Job::Install { version, .. } if version == TARGET && failing.contains(node.as_str()) => {
            let text = "Failed to install package; install status Failed";
            (Status::Failed, text.to_owned(), 1)
        }
        Job::Install { version, package, .. } => {
            *has = Some(version.clone());
            (Status::Success, format!("Successfully installed {package} {version}"), 0)
        }
        Job::Uninstall { package, .. } => {
            *has = None;
            (Status::Success, format!("Successfully uninstalled {package}"), 0)
        }
        Job::Script { .. } => match has {
            Some(version) => (Status::Success, format!("{version}\n"), 0),
            None => (Status::Failed, "sh: agent: command not found".to_owned(), 127),
        },
    }
}

impl Aws {
    pub(crate) fn new(clock: Arc<VirtualClock>, nodes: BTreeMap<String, Option<String>>) -> Self {
        Self { clock, world: Mutex::new(World { nodes, ..World::default() }) }
    }

    pub(crate) fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().expect("no test panics while it holds the world")
    }

    fn enter(&self, call: &'static str) -> MutexGuard<'_, World> {
        let now = self.clock.now();
        let mut world = self.world();
        world.calls.push((now, call));
        world.catch_up(now);
        world
    }

    fn deaf(&self, site: &Site, call: &'static str) -> Result<MutexGuard<'_, World>, Failure> {
        let world = self.enter(call);
        match world.deaf.get(site.region.as_str()) {
            Some(class) => Err(failure(*class)),
            None => Ok(world),
        }
    }

    /// Takes a command in and says what the caller gets to hear; None: nothing, ever.
    pub(crate) fn accept(&self, site: &Site, order: &Order) -> Option<Sent> {
        let mut world = self.enter("send");
        let count = world.count("send");
        if let Some(on_send) = &mut world.on_send {
            (on_send.0)(count);
        }
        if let Some(class) = world.refusing.get(site.region.as_str()) {
            return Some(Sent::Refused(failure(*class)));
        }
        let gone: Vec<NodeId> =
            order.nodes.iter().filter(|node| world.gone.contains(node.as_str())).cloned().collect();
        if !gone.is_empty() {
            return Some(Sent::InvalidNodes { nodes: gone, message: "not in a valid state".to_owned() });
        }
        let fault = world.send_faults.pop_front();
        match fault {
            Some(Fault::Fails(class)) => return Some(Sent::Refused(failure(class))),
            Some(Fault::RequestLost) => return Some(Sent::Unknown(failure(Class::UnknownOutcome))),
            Some(Fault::HangsUnsent) => return None,
            Some(Fault::AnswerLost | Fault::Hangs | Fault::Fine) | None => {}
        }
        let id = CommandId::new(format!("c-{}", world.commands.len() + 1));
        world.commands.push(Run {
            id: id.clone(),
            site: site.to_string(),
            order: order.clone(),
            at: self.clock.now(),
            results: None,
        });
        match fault {
            Some(Fault::AnswerLost) => Some(Sent::Unknown(failure(Class::UnknownOutcome))),
            Some(Fault::Hangs) => None,
            _ => Some(Sent::Accepted { command: id }),
        }
    }
}

pub(crate) fn failure(class: Class) -> Failure {
    Failure { class, operation: "Pretended".to_owned(), message: "as asked".to_owned(), code: String::new() }
}

fn listed(run: &Run) -> Command {
    let ended = run.results.as_ref();
    let failed = |(status, ..): &&(Status, String, i32)| *status == Status::Failed;
    Command {
        id: run.id.clone(),
        comment: run.order.comment.clone(),
        targets: run.order.nodes.len() as u32,
        completed: ended.map_or(0, |results| results.len() as u32),
        errors: ended.map_or(0, |results| results.iter().filter(failed).count() as u32),
        delivery_timed_out: 0,
        over: ended.is_some(),
        requested_at: run.at,
    }
}

#[async_trait]
impl Distributor for Aws {
    async fn send(&self, site: &Site, order: &Order) -> Sent {
        let answer = self.accept(site, order);
        match answer {
            Some(sent) => sent,
            None => std::future::pending().await,
        }
    }

    async fn commands(&self, site: &Site, since: Timestamp, limit: usize) -> Result<Listing, Failure> {
        let world = self.deaf(site, "list")?;
        let limit = world.listed_at_most.map_or(limit, |most| most.min(limit));
        let of_site = world.commands.iter().rev();
        let of_site: Vec<&Run> = of_site
            .filter(|run| {
                run.site == site.to_string()
                    && run.at >= since
                    && !run.order.comment.starts_with("association ")
            })
            .collect();
        let complete = of_site.len() <= limit;
        Ok(Listing { commands: of_site.into_iter().take(limit).map(listed).collect(), complete })
    }

    async fn invocations(&self, site: &Site, command: &CommandId) -> Result<Vec<Invocation>, Failure> {
        let world = self.deaf(site, "read")?;
        let Some(run) = world.commands.iter().find(|run| &run.id == command) else { return Ok(Vec::new()) };
        let row = |at: usize, node: &NodeId| {
            let ended = run.results.as_ref().map(|results| results[at].clone());
            let (status, output, exit_code) =
                ended.map_or((Status::InProgress, String::new(), None), |(s, o, code)| (s, o, Some(code)));
            Invocation { node: node.clone(), status, output, exit_code }
        };
        Ok(run.order.nodes.iter().enumerate().map(|(at, node)| row(at, node)).collect())
    }

    async fn cancel(&self, _: &Site, _: &CommandId) -> Result<(), Failure> {
        drop(self.enter("cancel"));
        Ok(())
    }
}

#[async_trait]
impl Fleet for Aws {
    async fn caller_account(&self) -> Result<AccountId, Failure> {
        Ok("111122223333".into())
    }

    async fn nodes(
        &self,
        site: &Site,
        index: SiteIndex,
        _: &[TagMatch],
    ) -> Result<Vec<fleet::Node>, Failure> {
        let world = self.deaf(site, "nodes")?;
        let here = world.nodes.keys().filter(|id| id.contains(site.region.as_str()));
        Ok(here.map(|id| crate::fixture::node(id, index, self.clock.now())).collect())
    }

    async fn lost(&self, site: &Site) -> Result<Vec<(NodeId, Timestamp)>, Failure> {
        self.deaf(site, "lost").map(|_| Vec::new())
    }

    async fn package(
        &self,
        _: &Site,
        _: &str,
        _: &AccountId,
        _: &[String],
        _: bool,
    ) -> Result<PackageView, Failure> {
        Ok(crate::fixture::package_view())
    }

    async fn check_documents(&self, site: &Site, names: &[&str]) -> Result<(), Failure> {
        let known = ["AWS-ConfigureAWSPackage", "AWS-RunShellScript"];
        assert!(names.iter().all(|name| known.contains(name)), "{names:?}");
        self.deaf(site, "documents").map(|_| ())
    }
}

#[async_trait]
impl Metrics for Aws {
    async fn alarms(&self, site: &Site, _: &[String], _: Option<&str>) -> Result<Vec<Alarm>, Failure> {
        self.deaf(site, "alarms").map(|_| Vec::new())
    }

    async fn changes(&self, site: &Site, _: &str, _: Window) -> Result<Vec<AlarmChange>, Failure> {
        self.deaf(site, "changes").map(|_| Vec::new())
    }

    async fn data(&self, site: &Site, _: &[Question], _: Seconds, _: Window) -> Result<Vec<Answer>, Failure> {
        self.deaf(site, "data").map(|_| Vec::new())
    }
}

#[async_trait]
impl ComplianceBook for Aws {
    async fn summaries(&self, site: &Site, _: &[String]) -> Result<Vec<(NodeId, Compliance)>, Failure> {
        self.deaf(site, "summaries").map(|_| Vec::new())
    }

    async fn items(&self, site: &Site, _: &NodeId, _: &[String]) -> Result<Vec<Compliance>, Failure> {
        self.deaf(site, "items").map(|_| Vec::new())
    }

    async fn put(&self, site: &Site, _: &NodeId, _: &Item) -> Result<(), Failure> {
        self.deaf(site, "put").map(|_| ())
    }
}
