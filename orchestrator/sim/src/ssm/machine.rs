//! Run Command over time: sending with its ramp, delivery, the agents' work, answers, expiry.

use std::sync::Arc;

use crate::agent::local::Bits;
use crate::agent::request::ConfigurePackage;
use crate::agent::run::{Ending, Report, Run, configure_package};
use crate::clock::WorldTime;
use crate::fleet::{NodeIndex, Reach};
use crate::random::Chance;
use crate::record::Receipt;
use crate::world::{CommandRef, Happening, InvocationRef, World};
use crate::world_file::Probe;

use super::command::{Command, Detail, Job};

impl World {
    pub(in crate::ssm) fn command(&self, at: CommandRef) -> &Command {
        &self.commands[at.site as usize][at.index as usize]
    }

    fn command_mut(&mut self, at: CommandRef) -> &mut Command {
        &mut self.commands[at.site as usize][at.index as usize]
    }

    fn invocation_chance(&self, at: InvocationRef) -> Chance {
        let command = self.command(at.command);
        self.chance.named("invocation").named(&command.id).numbered(u64::from(at.index))
    }

    /// The ramp takes a step: twice as many nodes at once as before.
    pub(crate) fn ramp(&mut self, at: CommandRef) {
        let command = self.command_mut(at);
        command.allowance = (command.allowance * 2).clamp(1, command.max_concurrency);
        self.send_more(at);
        let command = self.command(at);
        let goes_on = command.next_unsent < command.invocations.len()
            && command.allowance < command.max_concurrency
            && !command.is_stopped();
        if goes_on {
            let step = (self.timing.ramp_seconds.max(0.001) * 1000.0) as i64;
            self.schedule.add(self.now.plus_millis(step), Happening::Ramp(at));
        }
    }

    /// Sends as many invocations as the ramp and `MaxConcurrency` allow now.
    fn send_more(&mut self, at: CommandRef) {
        loop {
            let command = self.command_mut(at);
            let index = command.next_unsent;
            if index >= command.invocations.len() {
                return;
            }
            if command.is_stopped() {
                self.terminate_unsent(at);
                return;
            }
            if command.in_flight >= command.allowance {
                return;
            }
            command.next_unsent += 1;
            if command.invocations[index].detail != Detail::Unsent {
                continue;
            }
            command.in_flight += 1;
            command.set(index, Detail::Pending);
            let node = command.invocations[index].node;
            let invocation = InvocationRef { command: at, index: index as u32 };
            self.active.entry(node).or_default().push(invocation);
            self.fleet.nodes[node as usize].history.sent += 1;
            let [low, high] = self.timing.delivery_millis;
            let delay = self.invocation_chance(invocation).named("delivery").between(low, high);
            self.schedule.add(self.now.after(delay), Happening::Deliver(invocation));
        }
    }

    fn terminate_unsent(&mut self, at: CommandRef) {
        let now = self.now;
        let command = self.command_mut(at);
        let detail = if command.cancelled { Detail::Cancelled } else { Detail::Terminated };
        for index in command.next_unsent..command.invocations.len() {
            if command.invocations[index].detail == Detail::Unsent {
                command.set(index, detail);
                command.invocations[index].finished = Some(now);
            }
        }
        command.next_unsent = command.invocations.len();
    }

    /// A message reaches the node, if it can be reached.
    pub(crate) fn deliver(&mut self, at: InvocationRef) {
        let command = self.command(at.command);
        let invocation = &command.invocations[at.index as usize];
        let node = &self.fleet.nodes[invocation.node as usize];
        if invocation.detail != Detail::Pending || self.now > command.start_by {
            return;
        }
        match node.reach {
            // Stays pending; the node's return delivers it again.
            Reach::Offline | Reach::Unregistered => return,
            Reach::Terminated => return self.settle(at, Detail::Undeliverable, None),
            Reach::Online => {}
        }
        let wrong = matches!(&command.job, Job::Script { platform, .. } if *platform != node.group.platform);
        if wrong {
            return self.settle(at, Detail::InvalidPlatform, None);
        }
        if node.real.is_some() {
            let (receipt, index) = (receipt(command, self.now), invocation.node);
            // What an association asks for is no message: the agent lists its associations by itself.
            let is_fetched = command.association.is_some();
            self.fleet.nodes[index as usize].history.commands.push(receipt);
            if !is_fetched {
                self.post_letter(index, at);
            }
            return;
        }
        let (receipt, is_package) = (receipt(command, self.now), matches!(command.job, Job::Package(_)));
        let (now, index) = (self.now, invocation.node);
        let command = self.command_mut(at.command);
        command.set(at.index as usize, Detail::InProgress);
        command.invocations[at.index as usize].started = Some(now);
        self.fleet.nodes[index as usize].history.commands.push(receipt);
        let chance = self.invocation_chance(at);
        let wait = if is_package {
            let [low, high] = self.timing.agent_wait_seconds;
            chance.named("wait").between(low * 1000, high * 1000)
        } else {
            let [low, high] = self.timing.script_millis;
            chance.named("script").between(low, high)
        };
        self.schedule.add(self.now.after(wait), Happening::Begin(at));
    }

    /// The agent has waited and works.
    pub(crate) fn begin(&mut self, at: InvocationRef) {
        let command = self.command(at.command);
        let index = command.invocations[at.index as usize].node;
        if self.fleet.nodes[index as usize].reach == Reach::Terminated {
            return;
        }
        match command.job.clone() {
            Job::Package(request) => self.begin_package(at, index, &request),
            Job::Script { text, .. } if self.runs_scripts(index) => {
                let report = self.run_for_real(index, &text, Some(at));
                if let Some(report) = report {
                    self.answer(at, report);
                }
            }
            Job::Script { text, .. } => {
                let report =
                    probe(&self.probes, &text, |package| self.fleet.nodes[index as usize].bits_of(package));
                self.answer(at, report);
            }
        }
    }

    fn begin_package(&mut self, at: InvocationRef, index: NodeIndex, request: &ConfigurePackage) {
        let command_id = Arc::clone(&self.command(at.command).id);
        let run = self.run_package(index, request, &command_id);
        if let Some(product) = &run.product {
            for (offset, bits) in run.changes {
                let change = Happening::Bits {
                    node: index,
                    product: Arc::clone(product),
                    bits,
                    command_id: Arc::clone(&command_id),
                };
                self.schedule.add(self.now.after(offset), change);
            }
        }
        if run.report.ending != Ending::NoAnswer {
            let done = self.now.after(run.took_millis);
            self.schedule.add(done, Happening::Answer(at, Box::new(run.report)));
        }
    }

    fn run_package(&mut self, index: NodeIndex, request: &ConfigurePackage, command: &str) -> Run {
        self.prepare(index);
        let runs_scripts = self.runs_scripts(index);
        let node = &mut self.fleet.nodes[index as usize];
        let refused = |stderr: String| Run {
            report: Report::failed(stderr),
            product: None,
            changes: Vec::new(),
            reboots: Vec::new(),
            took_millis: 500,
        };
        if node.reach != Reach::Online {
            return refused(
                "failed to download manifest - failed to retrieve package document description: \
                 RequestError: send request failed"
                    .to_owned(),
            );
        }
        if node.locked_until.is_some_and(|until| until > self.now) {
            let (name, action) = (&request.name, request.action.as_str());
            return refused(format!("Package \"{name}\" is already in the process of action \"{action}\""));
        }
        let traits = node.traits(&self.fleet.sites[node.site as usize]);
        let mut agent = node.take_agent(&traits, &self.catalogue);
        let bits = |product: &str| node.bits_of(product);
        let real = self.real.as_mut().filter(|_| runs_scripts);
        let disk = real.map(|real| real.disk(&traits, command));
        let run = configure_package(request, &traits, &mut agent, &bits, &self.catalogue, self.now, disk);
        node.put_agent(agent);
        run
    }

    /// Whether a node's scripts are run and not modelled.
    fn runs_scripts(&self, index: NodeIndex) -> bool {
        self.real.is_some() && self.fleet.nodes[index as usize].group.runs_scripts
    }

    /// Installs on the disk of a node that runs scripts what it has had since before the world began; what callers still have to
    /// publish, once they have.
    fn prepare(&mut self, index: NodeIndex) {
        if !self.runs_scripts(index) {
            return;
        }
        let Some(real) = self.real.as_mut() else { return };
        let node = &mut self.fleet.nodes[index as usize];
        let is_missing = |product: &&Arc<str>| !real.prepared.contains(&(index, Arc::clone(product)));
        let missing: Vec<Arc<str>> = node.products().filter(is_missing).cloned().collect();
        let traits = node.traits(&self.fleet.sites[node.site as usize]);
        let mut agent = node.take_agent(&traits, &self.catalogue);
        for product in missing {
            if let Some(key) = node.install_published(&product, &mut agent, &traits, &self.catalogue) {
                real.disk(&traits, "").prepare(&agent, &key);
                real.prepared.insert((index, product));
            }
        }
        node.put_agent(agent);
    }

    /// Runs the text of a command on a node that runs scripts; `None` on all others.
    fn run_for_real(&mut self, index: NodeIndex, text: &str, at: Option<InvocationRef>) -> Option<Report> {
        self.prepare(index);
        let command = at.map(|at| Arc::clone(&self.command(at.command).id));
        let node = &self.fleet.nodes[index as usize];
        let traits = node.traits(&self.fleet.sites[node.site as usize]);
        let real = self.real.as_mut().filter(|_| node.group.runs_scripts)?;
        Some(real.disk(&traits, command.as_deref().unwrap_or_default()).command(text))
    }

    /// What a command's text prints on a node that runs scripts, past all calls; `None` on all others.
    pub fn print_of(&mut self, node: &str, text: &str) -> Option<String> {
        let index = *self.ids.get(node)?;
        self.run_for_real(index, text, None).map(|report| report.stdout)
    }

    /// The agent answers; an answer that cannot leave the node waits for its return.
    pub(crate) fn answer(&mut self, at: InvocationRef, report: Report) {
        let invocation = &self.command(at.command).invocations[at.index as usize];
        if invocation.detail.is_terminal() {
            return;
        }
        match self.fleet.nodes[invocation.node as usize].reach {
            Reach::Terminated => return,
            Reach::Offline | Reach::Unregistered => {
                let command = self.command_mut(at.command);
                command.invocations[at.index as usize].held = Some(Box::new(report));
                return;
            }
            Reach::Online => {}
        }
        let detail = match report.ending {
            Ending::Success => Detail::Success,
            Ending::Failed => Detail::Failed,
            Ending::TimedOut => Detail::ExecutionTimedOut,
            Ending::NoAnswer => return,
        };
        self.settle(at, detail, Some(report));
    }

    /// A real agent has begun.
    pub(super) fn mark_begun(&mut self, at: InvocationRef) {
        let now = self.now;
        let command = self.command_mut(at.command);
        // An agent that lists its associations can be quicker than the command that stands for the run.
        if matches!(command.invocations[at.index as usize].detail, Detail::Unsent | Detail::Pending) {
            command.set(at.index as usize, Detail::InProgress);
            command.invocations[at.index as usize].started = Some(now);
        }
    }

    /// An invocation is over; the next one may go.
    fn settle(&mut self, at: InvocationRef, detail: Detail, report: Option<Report>) {
        let now = self.now;
        let command = self.command_mut(at.command);
        let index = at.index as usize;
        if command.invocations[index].detail.is_terminal() {
            return;
        }
        command.set(index, detail);
        command.in_flight = command.in_flight.saturating_sub(1);
        let invocation = &mut command.invocations[index];
        invocation.finished = Some(now);
        if let Some(report) = report {
            invocation.response_code = report.code;
            invocation.stdout = report.stdout;
            invocation.stderr = report.stderr;
        }
        let node = invocation.node;
        self.withdraw_letter(node, at);
        if let Some(active) = self.active.get_mut(&node) {
            active.retain(|other| *other != at);
            if active.is_empty() {
                self.active.remove(&node);
            }
        }
        self.send_more(at.command);
    }

    /// The command's time is up: what has not ended is a delivery time-out.
    pub(crate) fn expire(&mut self, at: CommandRef) {
        let count = self.command(at).invocations.len();
        self.command_mut(at).next_unsent = count;
        for index in 0..count {
            self.settle(InvocationRef { command: at, index: index as u32 }, Detail::DeliveryTimedOut, None);
        }
    }

    /// Cancels what has not begun; `nodes` empty means all.
    pub(super) fn cancel(&mut self, at: CommandRef, nodes: &[NodeIndex]) {
        let command = self.command_mut(at);
        if nodes.is_empty() && !command.is_over() {
            command.cancelled = true;
        }
        for index in 0..self.command(at).invocations.len() {
            let invocation = &self.command(at).invocations[index];
            let meant = nodes.is_empty() || nodes.contains(&invocation.node);
            match invocation.detail {
                Detail::Pending if meant => {
                    let reference = InvocationRef { command: at, index: index as u32 };
                    self.settle(reference, Detail::Cancelled, None);
                }
                Detail::Unsent if meant => {
                    let now = self.now;
                    let command = self.command_mut(at);
                    command.set(index, Detail::Cancelled);
                    command.invocations[index].finished = Some(now);
                }
                _ => {}
            }
        }
    }

    /// A node comes, goes, or is gone for good.
    pub(crate) fn change_reach(&mut self, index: NodeIndex, reach: Reach) {
        let node = &mut self.fleet.nodes[index as usize];
        if node.reach == reach || node.reach == Reach::Terminated {
            return;
        }
        // A node that does not exist has no agent to lose.
        if node.reach == Reach::Unregistered && reach == Reach::Offline {
            return;
        }
        node.set_reach(reach, self.now);
        if reach == Reach::Terminated {
            self.forget_bits(index);
        }
        if reach == Reach::Online {
            self.plan_meeting(index);
        }
        let active = self.active.get(&index).cloned().unwrap_or_default();
        for at in active {
            let invocation = &mut self.command_mut(at.command).invocations[at.index as usize];
            match (reach, invocation.detail) {
                (Reach::Online, Detail::Pending) => {
                    self.schedule.add(self.now.plus_millis(1000), Happening::Deliver(at));
                }
                (Reach::Online, _) => {
                    if let Some(report) = invocation.held.take() {
                        self.answer(at, *report);
                    }
                }
                (Reach::Terminated, Detail::Pending) => self.settle(at, Detail::Undeliverable, None),
                _ => {}
            }
        }
    }
}

fn receipt(command: &Command, at: WorldTime) -> Receipt {
    let (action, package, version) = match &command.job {
        Job::Package(request) => (
            request.action.as_str().to_owned(),
            request.name.clone(),
            request.version.clone().unwrap_or_default(),
        ),
        Job::Script { text, .. } => (String::new(), String::new(), text.clone()),
    };
    Receipt {
        at,
        command_id: Arc::clone(&command.id),
        document: command.job.document(),
        action,
        package,
        version,
        comment: Arc::clone(&command.comment),
    }
}

/// What a script prints: the bits if it is a known probe, else nothing.
fn probe(probes: &[Probe], text: &str, bits: impl Fn(&str) -> Bits) -> Report {
    let mut report =
        Report { ending: Ending::Success, code: 0, stdout: String::new(), stderr: String::new() };
    let Some(probe) = probes.iter().find(|probe| text.contains(&probe.contains)) else { return report };
    match bits(&probe.package).version {
        Some(version) => {
            let shown = match version.rsplit_once('-') {
                Some((product, _)) if probe.strip_revision => product,
                _ => &version,
            };
            report.stdout = format!("{shown}\n");
        }
        None if probe.absent_exit_code != 0 => {
            report.ending = Ending::Failed;
            report.code = probe.absent_exit_code;
            report.stderr = format!("failed to run commands: exit status {}\n", probe.absent_exit_code);
        }
        None => {}
    }
    report
}
