//! Commands and nodes in bad weather: what is sent waits, runs, gets lost, and ends in every way that SSM knows.

use super::draw::{Draw, Fate, Odd, Storm};
use crate::cloud::{self, Truth, VERSIONS, before_of};
use std::collections::BTreeSet;
use wavetrain_engine::input::{Answer, Report, Trouble};
use wavetrain_model::agent::Status;
use wavetrain_model::gate::{Alarm, AlarmState};
use wavetrain_model::id::{CommandId, IntentId, NodeIndex, SiteIndex};
use wavetrain_model::intent::{Action, Intent};
use wavetrain_model::time::{Seconds, Timestamp};

/// How far one node is with one command.
enum Stage {
    Waiting,
    Running {
        until: Timestamp,
    },
    /// Done; the node has yet to say so.
    Unreported(Status, String),
    Over(Status, String),
}

struct Row {
    node: NodeIndex,
    odd: Option<Odd>,
    stage: Stage,
}

struct Command {
    id: CommandId,
    intent: Intent,
    sent_at: Timestamp,
    visible_at: Timestamp,
    is_cancelled: bool,
    rows: Vec<Row>,
}

struct Node {
    truth: Truth,
    fate: Fate,
    /// Commands it was ever sent.
    commands: u32,
    /// Whether a package command of ours runs on it.
    is_busy: bool,
}

pub(crate) struct Aws {
    nodes: Vec<Node>,
    commands: Vec<Command>,
    weather: Vec<Vec<(super::draw::Spell, Storm)>>,
    alarms: Vec<(super::draw::Spell, AlarmState)>,
    delivery: Seconds,
    total: Seconds,
    /// Faults that come from outside have stopped.
    pub(crate) is_calm: bool,
}

impl Aws {
    pub(crate) fn new(draw: &Draw) -> Self {
        let truth = |node: u32, fate: &Fate| Truth {
            bits: before_of(node),
            believes: before_of(node),
            behaviour: fate.behaviour,
            commands: Vec::new(),
        };
        let deadlines = &draw.plan.spec.deadlines;
        let node = |(node, fate): (usize, &Fate)| Node {
            truth: truth(node as u32, fate),
            fate: fate.clone(),
            commands: 0,
            is_busy: false,
        };
        Self {
            nodes: draw.fates.iter().enumerate().map(node).collect(),
            commands: Vec::new(),
            weather: draw.weather.clone(),
            alarms: draw.alarms.clone(),
            delivery: deadlines.delivery,
            total: Seconds(deadlines.delivery.0 + deadlines.execution.0),
            is_calm: false,
        }
    }

    /// What the weather does to a call.
    pub(crate) fn trouble(&self, site: SiteIndex, now: Timestamp) -> Option<Trouble> {
        let storm = self.weather[site.at()].iter().find(|(spell, _)| !self.is_calm && spell.covers(now));
        storm.map(|(_, storm)| match storm {
            Storm::Throttled => Trouble::Throttled,
            Storm::Unavailable => Trouble::Unavailable,
            Storm::Denied => Trouble::Denied,
            Storm::Refused => Trouble::Refused,
        })
    }

    pub(crate) fn alarm(&self, now: Timestamp) -> Alarm {
        let fired = self.alarms.iter().find(|(spell, _)| !self.is_calm && spell.covers(now));
        Alarm {
            name: "health".to_owned(),
            state: fired.map_or(AlarmState::Ok, |(_, state)| state.clone()),
            transitioned_at: None,
            reason: "threshold crossed".to_owned(),
            meanwhile: Vec::new(),
        }
    }

    fn is_in(&self, spell: Option<super::draw::Spell>, now: Timestamp) -> bool {
        spell.is_some_and(|spell| !self.is_calm && spell.covers(now))
    }

    fn is_online(&self, node: NodeIndex, now: Timestamp) -> bool {
        let fate = &self.nodes[node.at()].fate;
        !fate.offline.iter().any(|spell| self.is_in(Some(*spell), now)) && !self.is_in(fate.unmanaged, now)
    }

    /// Carries a call out, unless the weather or a node forbids it. The caller decides who learns of it.
    pub(crate) fn send(&mut self, intent: &Intent, now: Timestamp, lag: Seconds) -> Answer {
        if let Some(trouble) = self.trouble(intent.site, now) {
            return Answer::Refused { trouble, message: "bad weather".to_owned() };
        }
        if let Action::Cancel { command, .. } = &intent.action {
            if let Some(of) = self.commands.iter_mut().find(|of| of.id == *command) {
                of.is_cancelled = true;
            }
            return Answer::CancelDone;
        }
        let is_bad = |node: &NodeIndex| self.is_in(self.nodes[node.at()].fate.unmanaged, now);
        let bad: Vec<NodeIndex> = intent.nodes.iter().copied().filter(is_bad).collect();
        if !bad.is_empty() {
            return Answer::InvalidNodes { nodes: bad, message: "not in a valid state".to_owned() };
        }
        self.check_alone(intent);
        let id = CommandId::new(format!("command-{}", self.commands.len()));
        let rows = intent.nodes.iter().map(|node| self.row(*node)).collect();
        self.commands.push(Command {
            id: id.clone(),
            intent: intent.clone(),
            sent_at: now,
            visible_at: now.plus(lag),
            is_cancelled: false,
            rows,
        });
        Answer::Accepted(id)
    }

    fn row(&mut self, node: NodeIndex) -> Row {
        let record = &mut self.nodes[node.at()];
        let odd = record.fate.odd.filter(|(at, _)| *at == record.commands).map(|(_, odd)| odd);
        record.commands += 1;
        Row { node, odd, stage: Stage::Waiting }
    }

    /// No node is part of two commands that change it.
    fn check_alone(&self, intent: &Intent) {
        if !intent.action.changes_nodes() {
            return;
        }
        for command in self.live() {
            let row = command.rows.iter().find(|row| !row.is_over() && intent.nodes.contains(&row.node));
            let node = row.map(|row| row.node);
            assert_eq!(
                node,
                None,
                "{} of intent {} is live on it",
                command.intent.action.word(),
                command.intent.id
            );
        }
    }

    fn live(&self) -> impl Iterator<Item = &Command> {
        let changing = self.commands.iter().filter(|command| command.intent.action.changes_nodes());
        changing.filter(|command| command.rows.iter().any(|row| !row.is_over()))
    }

    /// Commands that still may change nodes.
    pub(crate) fn live_count(&self) -> usize {
        self.live().count()
    }

    /// Commands that carry an intent's mark and are listed by now.
    pub(crate) fn listed(&self, intent: IntentId, now: Timestamp) -> Vec<CommandId> {
        let of =
            self.commands.iter().filter(|command| command.intent.id == intent && command.visible_at <= now);
        of.map(|command| command.id.clone()).collect()
    }

    /// The invocations of a command, as far as they are listed.
    pub(crate) fn rows(&self, id: &CommandId, now: Timestamp) -> Vec<Report> {
        let command = self.commands.iter().find(|command| command.id == *id && command.visible_at <= now);
        command.map_or_else(Vec::new, |command| command.rows.iter().map(Row::report).collect())
    }

    /// Lets the nodes work up to `now`.
    pub(crate) fn advance(&mut self, now: Timestamp) {
        let mut commands = std::mem::take(&mut self.commands);
        for command in commands.iter_mut().filter(|command| command.rows.iter().any(|row| !row.is_over())) {
            for row in &mut command.rows {
                // A node may come through several stages in one look.
                for _ in 0..3 {
                    let age = now.since(command.sent_at);
                    self.step(&command.intent.action, command.is_cancelled, row, age, now);
                }
            }
        }
        self.commands = commands;
    }

    fn step(&mut self, action: &Action, is_cancelled: bool, row: &mut Row, age: Seconds, now: Timestamp) {
        let is_online = self.is_online(row.node, now);
        match &row.stage {
            Stage::Waiting if is_cancelled => row.over(Status::Cancelled, ""),
            Stage::Waiting if age > self.delivery => row.over(Status::DeliveryTimedOut, ""),
            Stage::Waiting if !is_online => {}
            Stage::Waiting => self.begin(action, row, now),
            Stage::Running { until } if *until <= now => self.finish(action, row),
            Stage::Over(..) | Stage::Running { .. } => {}
            Stage::Unreported(..) if row.odd == Some(Odd::ResultLost) || !is_online => {
                if age > self.total {
                    row.over(Status::DeliveryTimedOut, "");
                }
            }
            Stage::Unreported(status, output) => row.stage = Stage::Over(status.clone(), output.clone()),
        }
    }

    fn begin(&mut self, action: &Action, row: &mut Row, now: Timestamp) {
        let is_locked = self.is_in(self.nodes[row.node.at()].fate.locked, now);
        let node = &mut self.nodes[row.node.at()];
        match row.odd {
            Some(Odd::Terminated) => return row.over(Status::Terminated, ""),
            Some(Odd::Cancelled) => return row.over(Status::Cancelled, ""),
            Some(Odd::Undeliverable) => return row.over(Status::Undeliverable, ""),
            Some(Odd::AccessDenied) => return row.over(Status::AccessDenied, ""),
            Some(Odd::InvalidPlatform) => return row.over(Status::InvalidPlatform, ""),
            Some(Odd::NeverDelivered) => return,
            Some(Odd::ExecutionTimedOut | Odd::ResultLost | Odd::Failed | Odd::UnknownWord) | None => {}
        }
        if action.changes_nodes() && (is_locked || node.is_busy) {
            let text = "Package \"tool\" is already in the process of action \"Install\"";
            return row.over(Status::Failed, text);
        }
        node.is_busy |= action.changes_nodes();
        row.stage = Stage::Running { until: now.plus(node.fate.slow) };
    }

    fn finish(&mut self, action: &Action, row: &mut Row) {
        let node = &mut self.nodes[row.node.at()];
        node.is_busy &= !action.changes_nodes();
        let truth = &mut node.truth;
        let failed = "failed to run commands: exit status 1".to_owned();
        let (status, output) = match (row.odd, action) {
            (Some(Odd::ExecutionTimedOut), action) => {
                // Killed half way.
                if action.changes_nodes() {
                    truth.bits = None;
                }
                (Status::ExecutionTimedOut, String::new())
            }
            (Some(Odd::Failed), Action::Install { .. } | Action::Reinstall { .. }) => {
                truth.bits = None;
                (Status::Failed, "Failed to install package; install status Failed".to_owned())
            }
            (Some(Odd::Failed), _) => (Status::Failed, failed),
            (_, Action::Survey { .. } | Action::Verify { .. } | Action::Prove) => {
                let print = truth.bits.map(|version| VERSIONS[usize::from(version)]).unwrap_or_default();
                (Status::Success, print.rsplit_once('-').map_or(String::new(), |(bare, _)| bare.to_owned()))
            }
            (_, Action::Install { .. }) if truth.believes == Some(0) => {
                (Status::Success, "tool 2.0.0-1 is already installed".to_owned())
            }
            (_, Action::Install { .. }) => cloud::install(truth),
            (_, Action::Uninstall { version }) => cloud::uninstall(truth, *version),
            (_, Action::Reinstall { version }) => cloud::reinstall(truth, *version),
            (_, Action::Ask { .. } | Action::Cancel { .. } | Action::Errand(_)) => {
                (Status::Success, String::new())
            }
        };
        row.stage = Stage::Unreported(status, output);
    }

    /// Nodes whose bits differ from what they had before the rollout.
    pub(crate) fn differs(&self) -> BTreeSet<NodeIndex> {
        let nodes = self.nodes.iter().enumerate().map(|(index, node)| (index as u32, &node.truth));
        nodes
            .filter(|(node, truth)| truth.bits != before_of(*node))
            .map(|(node, _)| NodeIndex(node))
            .collect()
    }
}

impl Row {
    fn is_over(&self) -> bool {
        matches!(self.stage, Stage::Over(..))
    }

    fn over(&mut self, status: Status, output: &str) {
        self.stage = Stage::Over(status, output.to_owned());
    }

    fn report(&self) -> Report {
        let (status, output) = match &self.stage {
            Stage::Waiting => (Status::Pending, String::new()),
            Stage::Running { .. } | Stage::Unreported(..) if self.odd == Some(Odd::UnknownWord) => {
                (Status::Other("Bewildered".to_owned()), String::new())
            }
            Stage::Running { .. } | Stage::Unreported(..) => (Status::InProgress, String::new()),
            Stage::Over(status, output) => (status.clone(), output.clone()),
        };
        Report { node: self.node, status, output, exit_code: Some(0) }
    }
}
