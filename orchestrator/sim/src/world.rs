//! The world: all state of the simulated AWS, its clock, and the one way in for calls.
//!
//! Time moves only by [`World::advance_to`]; what is due then happens in order. A call happens at the world's present
//! moment. Costs follow what happens: nothing here walks the whole fleet except listings of it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::agent::local::Bits;
use crate::agent::real::{Bytes, Real, Scripts};
use crate::agent::run::Report;
use crate::api::cloudwatch::StateValue;
use crate::api::{ApiError, Caller, Reply, Request, Response, ssm, sts as api_sts};
use crate::clock::{Schedule, WorldTime};
use crate::cloudwatch::{Alarm, Emitter, SiteAlarms, Stored, Tally};
use crate::fault::{self, Fault, Faults, Judgement};
use crate::fleet::{Fleet, Node, NodeIndex, Reach, Site};
use crate::package::{Catalogue, Package};
use crate::random::Chance;
use crate::record::{BitsChange, CallRecord, brief, delivery_word};
use crate::s3::Store;
use crate::ssm::PutTypes;
use crate::ssm::association::{Association, AssociationRef};
use crate::ssm::command::Command;
use crate::ssm::publish::Copying;
use crate::sts::{self, Identity, Tokens};
use crate::world_file::{
    ActivationFile, AlarmFile, ComplianceFile, LosesPing, OrganizationFile, Probe, PublishedFile, Timing,
    WorldFile, WorldFileError,
};

/// Index of a site in its world.
pub type SiteIndex = u32;

/// A command of a site.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct CommandRef {
    pub(crate) site: SiteIndex,
    pub(crate) index: u32,
}

/// One node's part of a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct InvocationRef {
    pub(crate) command: CommandRef,
    pub(crate) index: u32,
}

/// Something that will happen by itself.
#[derive(Debug, Clone)]
pub(crate) enum Happening {
    /// A command's ramp takes a step.
    Ramp(CommandRef),
    /// A message reaches a node.
    Deliver(InvocationRef),
    /// The files of a published version have been copied, or not.
    DocumentSettles(Box<Copying>),
    /// An agent begins to work on it.
    Begin(InvocationRef),
    /// An agent answers.
    Answer(InvocationRef, Box<Report>),
    /// A command's time is up.
    Expire(CommandRef),
    /// What is installed on a node changes.
    Bits { node: NodeIndex, product: Arc<str>, bits: Bits, command_id: Arc<str> },
    /// A version kills the agent of a node that still has it.
    Silence { node: NodeIndex, product: Arc<str>, version: Arc<str> },
    /// A node comes or goes.
    Reach { node: NodeIndex, reach: Reach },
    /// An association's schedule says that it is time, if it is still the latest plan.
    AssociationDue { association: AssociationRef, plan: u32 },
    /// Associations are applied to a node that came, came back or got another tag.
    Meet { node: NodeIndex },
    /// An alarm follows its condition, if that still holds.
    AlarmFollows { site: SiteIndex, name: String, condition: bool },
    /// An alarm changes at a time of the world file.
    AlarmChanges { site: SiteIndex, name: String, state: StateValue },
}

/// A simulated AWS.
#[derive(Debug)]
pub struct World {
    pub(crate) start: WorldTime,
    pub(crate) now: WorldTime,
    pub(crate) chance: Chance,
    pub(crate) timing: Timing,
    pub(crate) probes: Vec<Probe>,
    pub(crate) fleet: Fleet,
    pub(crate) ids: BTreeMap<Arc<str>, NodeIndex>,
    pub(crate) catalogue: Catalogue,
    /// How versions behave that callers publish.
    pub(crate) published: Vec<PublishedFile>,
    /// Buckets and what lies in them.
    pub(crate) s3: Store,
    /// Commands of each site in the order of `SendCommand`.
    pub(crate) commands: Vec<Vec<Command>>,
    pub(crate) command_ids: BTreeMap<Arc<str>, CommandRef>,
    pub(crate) schedule: Schedule<Happening>,
    /// Invocations that were sent and are not over, by node.
    pub(crate) active: BTreeMap<NodeIndex, Vec<InvocationRef>>,
    sites: BTreeMap<(String, String), SiteIndex>,
    pub(crate) alarms: Vec<SiteAlarms>,
    /// Metrics that nodes report.
    pub(crate) emitters: Vec<Emitter>,
    /// Versions that kill the agent, by product and version.
    losing: BTreeMap<(String, String), LosesPing>,
    /// Associations of each site in the order of their making.
    pub(crate) associations: Vec<Vec<Association>>,
    pub(crate) association_ids: BTreeMap<Arc<str>, AssociationRef>,
    /// Compliance items that nodes have of their own.
    pub(crate) compliance_files: Vec<ComplianceFile>,
    /// Compliance items that callers put.
    pub(crate) put_compliance: BTreeMap<NodeIndex, PutTypes>,
    /// Metric data that callers put, of each site.
    pub(crate) stored_metrics: Vec<Stored>,
    /// Alarms that depend on what is installed, by product: only these are looked at when bits change.
    watched: BTreeMap<String, Vec<(SiteIndex, String)>>,
    tally: Tally,
    pub(crate) tokens: Tokens,
    /// Which accounts belong together.
    pub(crate) organization: Option<OrganizationFile>,
    /// How real agents may join.
    pub(crate) activations: Vec<ActivationFile>,
    pub(crate) faults: Faults,
    calls: Vec<CallRecord>,
    uuids: u64,
    /// Scripts that are run and not modelled.
    pub(crate) real: Option<Real>,
}

fn losing(file: &WorldFile) -> BTreeMap<(String, String), LosesPing> {
    let declared = file.packages.iter().flat_map(|package| {
        package.versions.iter().map(|version| (&package.name, Some(&version.name), &version.loses_ping))
    });
    let published =
        file.published.iter().map(|file| (&file.package, file.version.as_ref(), &file.loses_ping));
    let all = declared.chain(published);
    all.filter_map(|(package, version, loses)| Some(((package.clone(), version?.clone()), loses.clone()?)))
        .collect()
}

impl World {
    /// Builds the world a file describes.
    pub fn new(file: &WorldFile) -> Result<Self, WorldFileError> {
        file.check()?;
        let chance = Chance::from_seed(file.seed);
        let start = file.start();
        let hub = file.hub_account().to_owned();
        let packages = file.packages.iter().map(|package| Package::from_file(package, &hub)).collect();
        let fleet = Fleet::generate(file, chance.named("fleet"));
        let sites: BTreeMap<_, _> = fleet
            .sites
            .iter()
            .enumerate()
            .map(|(index, site)| ((site.account.clone(), site.region.clone()), index as SiteIndex))
            .collect();
        let ids =
            fleet.nodes.iter().enumerate().map(|(index, node)| (Arc::clone(&node.id), index as NodeIndex));
        let mut world = Self {
            start,
            now: start,
            chance,
            timing: file.timing.clone(),
            probes: file.probes.clone(),
            ids: ids.collect(),
            catalogue: Catalogue::new(packages),
            published: file.published.clone(),
            s3: Store::new(file),
            commands: vec![Vec::new(); fleet.sites.len()],
            command_ids: BTreeMap::new(),
            schedule: Schedule::default(),
            active: BTreeMap::new(),
            sites,
            alarms: vec![SiteAlarms::default(); fleet.sites.len()],
            emitters: Emitter::all(file),
            losing: losing(file),
            associations: vec![Vec::new(); fleet.sites.len()],
            association_ids: BTreeMap::new(),
            compliance_files: file.compliance.clone(),
            put_compliance: BTreeMap::new(),
            stored_metrics: vec![Stored::default(); fleet.sites.len()],
            watched: BTreeMap::new(),
            tally: Tally::default(),
            activations: file.activations.clone(),
            tokens: Tokens::new(file, chance.named("tokens")),
            organization: file.organization.clone(),
            faults: Faults::new(file.faults.clone(), file.rates.clone(), start, chance.named("faults")),
            calls: Vec::new(),
            uuids: 0,
            real: None,
            fleet,
        };
        world.plan_changes();
        for alarm in &file.alarms {
            world.add_alarm(alarm);
        }
        world.count_bits();
        Ok(world)
    }

    fn plan_changes(&mut self) {
        for change in std::mem::take(&mut self.fleet.changes) {
            self.schedule.add(change.at, Happening::Reach { node: change.node, reach: change.reach });
        }
    }

    fn add_alarm(&mut self, file: &AlarmFile) {
        let listed = |list: &[String], value: &String| list.is_empty() || list.contains(value);
        for (index, site) in self.fleet.sites.iter().enumerate() {
            if !listed(&file.accounts, &site.account) || !listed(&file.regions, &site.region) {
                continue;
            }
            let index = index as SiteIndex;
            self.alarms[index as usize].live.insert(file.name.clone(), Alarm::from_file(file, self.start));
            if let Some(when) = &file.raised_when {
                self.watched.entry(when.package.clone()).or_default().push((index, file.name.clone()));
            }
            for change in &file.changes {
                let at = self.start.plus_seconds(change.after_seconds);
                let (name, state) = (file.name.clone(), change.state.wire());
                self.schedule.add(at, Happening::AlarmChanges { site: index, name, state });
            }
        }
    }

    /// Counts what is installed at the start, once.
    fn count_bits(&mut self) {
        for node in &self.fleet.nodes {
            for (product, bits) in &node.bits {
                if let Some(version) = &bits.version {
                    self.tally.count(node.site, product, version, true);
                }
            }
        }
        for product in self.watched.keys().cloned().collect::<Vec<_>>() {
            self.judge_alarms(&product, None);
        }
    }

    /// Lets the nodes that run scripts for real have them run; without, they are modelled as everywhere.
    pub fn run_scripts(&mut self, scripts: Box<dyn Scripts>) {
        self.real = Some(Real::new(scripts));
    }

    /// Names of the groups that run scripts for real.
    pub fn groups_with_scripts(&self) -> BTreeSet<&str> {
        let groups = self.nodes().iter().map(|node| &node.group).filter(|group| group.runs_scripts);
        groups.map(|group| group.name.as_str()).collect()
    }

    /// Who keeps the bytes that callers hand in.
    pub(crate) fn keep_bytes(&mut self, bytes: Arc<dyn Bytes>) {
        if let Some(real) = &mut self.real {
            real.keep(bytes);
        }
    }

    /// The present moment.
    pub fn now(&self) -> WorldTime {
        self.now
    }

    /// When the world began.
    pub fn start(&self) -> WorldTime {
        self.start
    }

    /// When the next thing happens by itself, if anything will.
    pub fn next_happening(&self) -> Option<WorldTime> {
        self.schedule.next_at()
    }

    /// Lets everything happen that is due until `until`. Time never goes back: an earlier moment changes nothing.
    pub fn advance_to(&mut self, until: WorldTime) {
        while let Some((at, happening)) = self.schedule.take_due(until) {
            self.now = self.now.max(at);
            self.happen(happening);
        }
        self.now = self.now.max(until);
    }

    fn happen(&mut self, happening: Happening) {
        match happening {
            Happening::Ramp(command) => self.ramp(command),
            Happening::Deliver(invocation) => self.deliver(invocation),
            Happening::DocumentSettles(copying) => self.settle_document(&copying),
            Happening::Begin(invocation) => self.begin(invocation),
            Happening::Answer(invocation, report) => self.answer(invocation, *report),
            Happening::Expire(command) => self.expire(command),
            Happening::Bits { node, product, bits, command_id } => {
                self.change_bits(node, &product, bits, &command_id);
            }
            Happening::Silence { node, product, version } => {
                let held = self.fleet.nodes[node as usize].bits_of(&product).version;
                if held.is_some_and(|held| held == version) {
                    self.change_reach(node, Reach::Offline);
                }
            }
            Happening::Reach { node, reach } => self.change_reach(node, reach),
            Happening::AssociationDue { association, plan } => self.association_due(association, plan),
            Happening::Meet { node } => self.meet_associations(node),
            Happening::AlarmFollows { site, name, condition } => {
                self.follow_condition(site, &name, condition);
            }
            Happening::AlarmChanges { site, name, state } => {
                self.evaluate_alarms(site);
                if let Some(alarm) = self.alarms[site as usize].live.get_mut(&name) {
                    alarm.set(state, "Changed as the world file says", self.now);
                }
            }
        }
    }

    pub(crate) fn site_of(&self, account: &str, region: &str) -> Option<SiteIndex> {
        self.sites.get(&(account.to_owned(), region.to_owned())).copied()
    }

    pub(crate) fn change_bits(
        &mut self,
        index: NodeIndex,
        product: &Arc<str>,
        bits: Bits,
        command_id: &Arc<str>,
    ) {
        let now = self.now;
        let node = &mut self.fleet.nodes[index as usize];
        if node.reach == Reach::Terminated {
            return;
        }
        let site = node.site;
        let after = bits.clone();
        let before = node.set_bits(product, bits);
        node.history.bits.push(BitsChange {
            at: now,
            product: Arc::clone(product),
            from: before.version.clone(),
            to: after.version.clone(),
            debris: after.debris,
            command_id: Arc::clone(command_id),
        });
        if before.version == after.version {
            return;
        }
        for (version, more) in [(before.version, false), (after.version.clone(), true)] {
            if let Some(version) = version {
                self.tally.count(site, product, &version, more);
            }
        }
        self.judge_alarms(product, Some(site));
        if let Some(version) = after.version {
            self.plan_silence(index, product, version);
        }
    }

    fn plan_silence(&mut self, index: NodeIndex, product: &Arc<str>, version: Arc<str>) {
        let Some(loses) = self.losing.get(&(product.to_string(), version.to_string())) else { return };
        let node = &self.fleet.nodes[index as usize];
        let traits = node.traits(&self.fleet.sites[node.site as usize]);
        if loses.when.matches(&traits, 1, node.chance.named("loses_ping").named(&version)) {
            let at = self.now.plus_seconds(i64::from(loses.after_seconds));
            let silence = Happening::Silence { node: index, product: Arc::clone(product), version };
            self.schedule.add(at, silence);
        }
    }

    /// A terminated node emits nothing any more: alarms count without it. Its own record keeps what it had.
    pub(crate) fn forget_bits(&mut self, index: NodeIndex) {
        let node = &self.fleet.nodes[index as usize];
        let (site, bits) = (node.site, node.bits.clone());
        for (product, bits) in bits {
            if let Some(version) = bits.version {
                self.tally.count(site, &product, &version, false);
                self.judge_alarms(&product, Some(site));
            }
        }
    }

    /// Looks at the alarms that depend on a product; of one site only, except those that count everywhere.
    fn judge_alarms(&mut self, product: &str, changed: Option<SiteIndex>) {
        let Some(watched) = self.watched.get(product) else { return };
        for (site, name) in watched {
            let Some(alarm) = self.alarms[*site as usize].live.get_mut(name) else { continue };
            let Some(when) = &alarm.raised_when else { continue };
            if !when.everywhere && changed.is_some_and(|changed| changed != *site) {
                continue;
            }
            let scope = (!when.everywhere).then_some(*site);
            let condition = self.tally.nodes(scope, &when.package, &when.version) >= when.nodes_at_least;
            if condition == alarm.condition {
                continue;
            }
            let at = self.now.plus_seconds(when.delay_seconds);
            alarm.condition = condition;
            self.schedule.add(at, Happening::AlarmFollows { site: *site, name: name.clone(), condition });
        }
    }

    fn follow_condition(&mut self, site: SiteIndex, name: &str, condition: bool) {
        let Some(alarm) = self.alarms[site as usize].live.get_mut(name) else { return };
        if alarm.condition == condition {
            let state = if condition { StateValue::Alarm } else { StateValue::Ok };
            alarm.set(state, "Threshold Crossed: 1 datapoint", self.now);
        }
    }

    /// Carries out one call at the present moment.
    pub fn call(&mut self, caller: &Caller, request: Request) -> Reply {
        let (service, operation, brief) = (request.service(), request.operation(), brief(&request));
        let identity = self.tokens.identify(caller, self.now);
        let (account, session) = match &identity {
            Ok(identity) => (identity.account.clone(), identity.session.clone().map(|(_, session)| session)),
            Err(_) => (String::new(), None),
        };
        let call = fault::Call { account: &account, region: &caller.region, operation, at: self.now };
        let judgement = self.faults.judge(&call);
        let admitted = match identity {
            _ if judgement.lost_before => Err(ApiError::service_unavailable()),
            Err(error) => Err(error),
            Ok(identity) => {
                let refusal = judgement.refusal.clone().map_or_else(|| request.validate(), Err);
                refusal.map(|()| identity)
            }
        };
        let result =
            admitted.and_then(|identity| self.carry_out(&identity, &caller.region, request, &judgement));
        self.calls.push(CallRecord {
            at: self.now,
            account,
            region: caller.region.clone(),
            session,
            service: service.name(),
            operation,
            error: result.as_ref().err().map(|error| error.code.to_string()),
            executed: result.is_ok(),
            delivery: delivery_word(judgement.delivery),
            brief,
        });
        Reply { result, delivery: judgement.delivery }
    }

    fn carry_out(
        &mut self,
        identity: &Identity,
        region: &str,
        request: Request,
        judgement: &Judgement,
    ) -> Result<Response, ApiError> {
        if let Request::Sts(request) = request {
            return match request {
                api_sts::Request::AssumeRole(input) => {
                    self.tokens.assume_role(identity, &input, self.now).map(Into::into)
                }
                api_sts::Request::GetCallerIdentity(_) => Ok(sts::caller_identity(identity).into()),
            };
        }
        if let Request::Organizations(request) = &request {
            return self.carry_out_organizations(identity, request, judgement.short_pages);
        }
        let request = match request {
            Request::Ssm(ssm::Request::RegisterManagedInstance(input)) => {
                return self.register_managed_instance(&input).map(Into::into);
            }
            Request::Ssm(ssm::Request::RequestManagedInstanceRoleToken(input)) => {
                return self.request_role_token(&input).map(Into::into);
            }
            request => request,
        };
        // A Region that is not enabled answers as if the keys were unknown.
        let site = self
            .sites
            .get(&(identity.account.clone(), region.to_owned()))
            .copied()
            .ok_or_else(ApiError::unrecognized_client)?;
        match request {
            Request::Ssm(request) => self.carry_out_ssm(site, request, judgement),
            Request::CloudWatch(request) => self.carry_out_cloudwatch(site, request, judgement),
            Request::S3(request) => self.carry_out_s3(site, request),
            Request::Messages(request) => self.carry_out_messages(request),
            Request::Sts(_) | Request::Organizations(_) => Err(ApiError::unknown_operation()),
        }
    }

    pub(crate) fn next_uuid(&mut self, name: &str) -> String {
        self.uuids += 1;
        self.chance.named(name).numbered(self.uuids).uuid()
    }

    /// All sites.
    pub fn sites(&self) -> &[Site] {
        &self.fleet.sites
    }

    /// All nodes, terminated ones too, with their histories.
    pub fn nodes(&self) -> &[Node] {
        &self.fleet.nodes
    }

    /// A node by id.
    pub fn node(&self, id: &str) -> Option<&Node> {
        self.ids.get(id).map(|index| &self.fleet.nodes[*index as usize])
    }

    /// Every call received, oldest first.
    pub fn calls(&self) -> &[CallRecord] {
        &self.calls
    }

    /// Every command of a site, oldest first.
    pub fn commands_of(&self, site: &Site) -> &[Command] {
        let index = self.sites.get(&(site.account.clone(), site.region.clone()));
        index.map(|index| self.commands[*index as usize].as_slice()).unwrap_or_default()
    }

    /// The packages.
    pub fn catalogue(&self) -> &Catalogue {
        &self.catalogue
    }

    /// The state of an alarm of a site.
    pub fn alarm_state(&self, account: &str, region: &str, name: &str) -> Option<StateValue> {
        let site = *self.sites.get(&(account.to_owned(), region.to_owned()))?;
        let mut alarm = self.alarms[site as usize].live.get(name)?.clone();
        self.evaluate_alarm(site, &mut alarm);
        Some(alarm.state())
    }

    /// Adds a fault to those of the world file.
    pub fn add_fault(&mut self, fault: Fault) {
        self.faults.add(fault);
    }

    /// Removes all faults, those of the world file too.
    pub fn clear_faults(&mut self) {
        self.faults.clear();
    }

    /// Makes a node reachable, unreachable or gone, now. False when there is no such node.
    pub fn set_reach(&mut self, id: &str, reach: Reach) -> bool {
        let Some(index) = self.ids.get(id).copied() else { return false };
        self.change_reach(index, reach);
        true
    }
}
