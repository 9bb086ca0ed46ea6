//! Commands through the world.

use std::collections::BTreeMap;

use async_trait::async_trait;
use wavetrain_model::agent::{Status, redact};
use wavetrain_model::fleet::{Platform, Site};
use wavetrain_model::id::{CommandId, NodeId};
use wavetrain_model::spec::InstallMode;
use wavetrain_model::time::Timestamp;
use wavetrain_ports::distributor::{Command, Distributor, Invocation, Job, Listing, Order, Sent};
use wavetrain_ports::failure::{Class, Failure};

use crate::api::Response;
use crate::api::ssm::{
    CancelCommandInput, Command as WireCommand, CommandFilter, CommandInvocation, CommandStatus,
    GetCommandInvocationInput, ListCommandInvocationsInput, ListCommandsInput, Response as Ssm,
    SendCommandInput,
};
use crate::clock::WorldTime;

use super::failure::{Effect, nonsense};
use super::{SimulatedCloud, failure};

/// `MaxResults` of the listings.
const PAGE: i32 = 50;
/// Characters after which a listing cuts output off.
const LISTED_OUTPUT: usize = 2500;

#[async_trait]
impl Distributor for SimulatedCloud {
    async fn send(&self, site: &Site, order: &Order) -> Sent {
        match self.call(site, Effect::Mutating, request(order)) {
            Ok(Response::Ssm(Ssm::SendCommand(output))) => {
                Sent::Accepted { command: CommandId::new(output.command.command_id) }
            }
            Ok(_) => Sent::Unknown(nonsense("SendCommand", Effect::Mutating)),
            Err(failure) => unsent(order, failure),
        }
    }

    async fn commands(&self, site: &Site, since: Timestamp, limit: usize) -> Result<Listing, Failure> {
        let after = WorldTime::from_millis(since.0).to_string();
        let mut listing = Listing::default();
        let mut token = None;
        loop {
            let input = ListCommandsInput {
                filters: Some(vec![CommandFilter { key: "InvokedAfter".to_owned(), value: after.clone() }]),
                max_results: Some(PAGE),
                next_token: token,
                ..Default::default()
            };
            let Response::Ssm(Ssm::ListCommands(page)) = self.call(site, Effect::Read, input)? else {
                return Err(nonsense("ListCommands", Effect::Read));
            };
            listing.commands.extend(page.commands.iter().map(command));
            let more = page.next_token.is_some();
            if listing.commands.len() > limit || (more && listing.commands.len() == limit) {
                listing.commands.truncate(limit);
                return Ok(listing);
            }
            if !more {
                listing.complete = true;
                return Ok(listing);
            }
            token = page.next_token;
        }
    }

    async fn invocations(&self, site: &Site, command: &CommandId) -> Result<Vec<Invocation>, Failure> {
        let mut found = Vec::new();
        let mut token = None;
        loop {
            let input = ListCommandInvocationsInput {
                command_id: Some(command.as_str().to_owned()),
                details: Some(true),
                max_results: Some(PAGE),
                next_token: token,
                ..Default::default()
            };
            let Response::Ssm(Ssm::ListCommandInvocations(page)) = self.call(site, Effect::Read, input)?
            else {
                return Err(nonsense("ListCommandInvocations", Effect::Read));
            };
            for raw in &page.command_invocations {
                found.push(self.completed(site, raw)?);
            }
            token = page.next_token;
            if token.is_none() {
                return Ok(found);
            }
        }
    }

    async fn cancel(&self, site: &Site, command: &CommandId) -> Result<(), Failure> {
        let input = CancelCommandInput { command_id: command.as_str().to_owned(), instance_ids: Vec::new() };
        self.call(site, Effect::Mutating, input).map(|_| ())
    }
}

impl SimulatedCloud {
    /// The invocation, with its whole output where the listing cut it off.
    fn completed(&self, site: &Site, raw: &CommandInvocation) -> Result<Invocation, Failure> {
        let mut invocation = invocation(raw);
        let listed =
            raw.command_plugins.first().and_then(|plugin| plugin.output.as_deref()).unwrap_or_default();
        if listed.chars().count() < LISTED_OUTPUT || !invocation.status.is_terminal() {
            return Ok(invocation);
        }
        let input = GetCommandInvocationInput {
            command_id: raw.command_id.clone(),
            instance_id: raw.instance_id.clone(),
            plugin_name: None,
        };
        match self.call(site, Effect::Read, input) {
            Ok(Response::Ssm(Ssm::GetCommandInvocation(full))) => {
                let text = format!("{}\n{}", full.standard_output_content, full.standard_error_content);
                invocation.output = redact(&text);
                Ok(invocation)
            }
            Ok(_) => Err(failure::nonsense("GetCommandInvocation", Effect::Read)),
            Err(failure) if failure.class == Class::NotFound => Ok(invocation),
            Err(failure) => Err(failure),
        }
    }
}

fn request(order: &Order) -> SendCommandInput {
    let (document, pairs) = document(&order.job);
    let parameters = pairs.into_iter().map(|(name, value)| (name.to_owned(), vec![value])).collect();
    SendCommandInput {
        instance_ids: order.nodes.iter().map(|node| node.as_str().to_owned()).collect(),
        document_name: document.to_owned(),
        parameters: Some(parameters),
        comment: Some(order.comment.clone()),
        timeout_seconds: Some(i32::try_from(order.deliver_within.0).unwrap_or(i32::MAX)),
        max_concurrency: Some(order.max_concurrency.max(1).to_string()),
        max_errors: Some(order.max_errors.map_or_else(|| "100%".to_owned(), |errors| errors.to_string())),
        ..Default::default()
    }
}

fn document(job: &Job) -> (&'static str, Vec<(&'static str, String)>) {
    const PACKAGE: &str = "AWS-ConfigureAWSPackage";
    match job {
        Job::Install { package, version, mode, arguments } => {
            let kind = match mode {
                InstallMode::Reinstall => "Uninstall and reinstall",
                InstallMode::InPlace => "In-place update",
            };
            let mut pairs = vec![
                ("action", "Install".to_owned()),
                ("installationType", kind.to_owned()),
                ("name", package.clone()),
                ("version", version.clone()),
            ];
            if !arguments.is_empty() {
                pairs.push(("additionalArguments", as_json(arguments)));
            }
            (PACKAGE, pairs)
        }
        Job::Uninstall { package, version } => {
            let mut pairs = vec![("action", "Uninstall".to_owned()), ("name", package.clone())];
            pairs.extend(version.clone().map(|version| ("version", version)));
            (PACKAGE, pairs)
        }
        Job::Script { platform, command } => {
            let document = match platform {
                Platform::Windows => "AWS-RunPowerShellScript",
                Platform::Linux | Platform::MacOs => "AWS-RunShellScript",
            };
            (document, vec![("commands", command.clone())])
        }
    }
}

fn as_json(arguments: &BTreeMap<String, String>) -> String {
    arguments
        .iter()
        .map(|(name, value)| (name.clone(), serde_json::Value::from(value.as_str())))
        .collect::<serde_json::Value>()
        .to_string()
}

fn unsent(order: &Order, failure: Failure) -> Sent {
    match failure.class {
        Class::UnknownOutcome => Sent::Unknown(failure),
        _ if failure.code == "InvalidInstanceId" => {
            let words: Vec<&str> = failure
                .message
                .split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '-')
                .collect();
            let named = |node: &&NodeId| words.contains(&node.as_str());
            let nodes = order.nodes.iter().filter(named).cloned().collect();
            Sent::InvalidNodes { nodes, message: failure.message.clone() }
        }
        _ => Sent::Refused(failure),
    }
}

fn command(raw: &WireCommand) -> Command {
    let count = |number: i32| u32::try_from(number).unwrap_or(0);
    let over = matches!(
        raw.status,
        CommandStatus::Cancelled | CommandStatus::Failed | CommandStatus::Success | CommandStatus::TimedOut
    );
    Command {
        id: CommandId::new(raw.command_id.as_str()),
        comment: raw.comment.clone().unwrap_or_default(),
        targets: count(raw.target_count),
        completed: count(raw.completed_count),
        errors: count(raw.error_count),
        delivery_timed_out: count(raw.delivery_timed_out_count),
        over,
        requested_at: Timestamp(raw.requested_date_time.map_or(0, crate::api::Timestamp::as_millis)),
    }
}

fn invocation(raw: &CommandInvocation) -> Invocation {
    let plugin = raw.command_plugins.first();
    Invocation {
        node: NodeId::new(raw.instance_id.as_str()),
        status: Status::parse(raw.status.as_str(), &raw.status_details),
        output: redact(plugin.and_then(|plugin| plugin.output.as_deref()).unwrap_or_default()),
        exit_code: plugin.map(|plugin| plugin.response_code).filter(|code| *code >= 0),
    }
}
