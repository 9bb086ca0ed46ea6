//! Run Command: send, find again, read, cancel.

use crate::Aws;
use crate::classify::{Effect, nonsense};
use crate::page::Pages;
use crate::site::{RENEWALS, Reach, with_reach};
use async_trait::async_trait;
use aws_sdk_ssm::types as ssm;
use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, PoisonError};
use wavetrain_model::agent::{Status, Trace, redact};
use wavetrain_model::fleet::{Platform, Site};
use wavetrain_model::id::{CommandId, NodeId};
use wavetrain_model::spec::InstallMode;
use wavetrain_model::time::Timestamp;
use wavetrain_ports::distributor::{Command, Distributor, Invocation, Job, Listing, Order, Sent};
use wavetrain_ports::failure::{Class, Failure};

/// `SendCommand` takes no more `InstanceIds`; more have been answered with a misleading throttling error.
const NODES_MAX: usize = 50;
/// `MaxResults` of the listings.
const PAGE: i32 = 50;
/// `Output` of a plugin is cut at 2,500 characters; at this length it may have been.
const OUTPUT_CUT_CHARS: usize = 2_490;
/// Commands asked for lie this much further back: AWS's clock and ours need not agree.
const SKEW_MS: i64 = 60_000;
/// Full outputs kept, so that a chatty failure is fetched once and not at every look at its command.
const FULL_OUTPUTS: usize = 512;

#[async_trait]
impl Distributor for Aws {
    async fn send(&self, site: &Site, order: &Order) -> Sent {
        if order.nodes.is_empty() || order.nodes.len() > NODES_MAX {
            let message = format!("a command is for 1 to {NODES_MAX} nodes, not {}", order.nodes.len());
            let (operation, code) = (SEND.to_owned(), String::new());
            return Sent::Refused(Failure { class: Class::Invalid, operation, message, code });
        }
        let mut reach = match self.sites.reach(site).await {
            Ok(reach) => reach,
            Err(failure) => return Sent::Refused(failure),
        };
        for _ in 0..RENEWALS {
            match send(&reach, order).await {
                Sent::Refused(failure) => match self.sites.renewed(site, &reach, &failure).await {
                    Some(renewed) => reach = renewed,
                    None => return Sent::Refused(failure),
                },
                sent => return sent,
            }
        }
        send(&reach, order).await
    }

    async fn commands(&self, site: &Site, since: Timestamp, limit: usize) -> Result<Listing, Failure> {
        with_reach!(self, site, |reach| list(reach, since, limit))
    }

    async fn invocations(&self, site: &Site, command: &CommandId) -> Result<Vec<Invocation>, Failure> {
        with_reach!(self, site, |reach| self.invocations_at(reach, command))
    }

    async fn cancel(&self, site: &Site, command: &CommandId) -> Result<(), Failure> {
        with_reach!(self, site, |reach| cancel(reach, command))
    }
}

const SEND: &str = "SendCommand";

async fn send(reach: &Reach, order: &Order) -> Sent {
    let result = request(reach, order).send().await;
    match reach.settle(SEND, Effect::Mutating, result) {
        Ok(answer) => match answer.command().and_then(ssm::Command::command_id) {
            Some(id) => Sent::Accepted { command: CommandId::new(id) },
            None => Sent::Unknown(nonsense(SEND, Effect::Mutating, "the answer names no command")),
        },
        Err(failure) => unsent(order, failure),
    }
}

async fn list(reach: &Reach, since: Timestamp, limit: usize) -> Result<Listing, Failure> {
    const OPERATION: &str = "ListCommands";
    let after = ssm::CommandFilter::builder()
        .key(ssm::CommandFilterKey::InvokedAfter)
        .value(Timestamp(since.0.saturating_sub(SKEW_MS)).to_string())
        .build()
        .map_err(|error| nonsense(OPERATION, Effect::Read, &error.to_string()))?;
    let mut listing = Listing::default();
    let mut pages = Pages::of(OPERATION);
    loop {
        let call = reach.run_command.list_commands().filters(after.clone()).max_results(PAGE);
        let result = call.set_next_token(pages.token()).send().await;
        let page = reach.settle(OPERATION, Effect::Read, result)?;
        listing.commands.extend(page.commands().iter().filter_map(command));
        let more = pages.turn(page.next_token())?;
        if listing.commands.len() > limit || (more && listing.commands.len() == limit) {
            listing.commands.truncate(limit);
            return Ok(listing);
        }
        if !more {
            listing.complete = true;
            return Ok(listing);
        }
    }
}

async fn cancel(reach: &Reach, command: &CommandId) -> Result<(), Failure> {
    let result = reach.run_command.cancel_command().command_id(command.as_str()).send().await;
    reach.settle("CancelCommand", Effect::Mutating, result).map(|_| ())
}

impl Aws {
    async fn invocations_at(&self, reach: &Reach, command: &CommandId) -> Result<Vec<Invocation>, Failure> {
        const OPERATION: &str = "ListCommandInvocations";
        let mut found = Vec::new();
        let mut pages = Pages::of(OPERATION);
        loop {
            let call =
                reach.run_command.list_command_invocations().command_id(command.as_str()).details(true);
            let result = call.max_results(PAGE).set_next_token(pages.token()).send().await;
            let page = reach.settle(OPERATION, Effect::Read, result)?;
            for raw in page.command_invocations() {
                if let Some(short) = invocation(raw) {
                    found.push(self.completed(reach, command, raw, short).await?);
                }
            }
            if !pages.turn(page.next_token())? {
                return Ok(found);
            }
        }
    }

    /// The invocation with its full output, where the listing cut off what decides.
    async fn completed(
        &self,
        reach: &Reach,
        command: &CommandId,
        raw: &ssm::CommandInvocation,
        short: Invocation,
    ) -> Result<Invocation, Failure> {
        let Some(plugin) = cut_plugin(raw).filter(|_| !is_decided(&short)) else { return Ok(short) };
        let key = (command.clone(), short.node.clone());
        if let Some(output) = self.outputs.get(&key) {
            return Ok(Invocation { output, ..short });
        }
        let call = reach.run_command.get_command_invocation().command_id(command.as_str());
        let call = call.instance_id(short.node.as_str()).set_plugin_name(plugin.name().map(str::to_owned));
        let result = call.send().await;
        let full = match reach.settle("GetCommandInvocation", Effect::Read, result) {
            Ok(full) => full,
            // Not there yet, or no longer: the listing's own text is what there is.
            Err(failure) if failure.class == Class::NotFound => return Ok(short),
            Err(failure) => return Err(failure),
        };
        let texts = [full.standard_output_content(), full.standard_error_content()];
        let output = redact(&joined(texts.into_iter().flatten()));
        self.outputs.put(key, output.clone());
        Ok(Invocation { output, ..short })
    }
}

/// Outputs of finished invocations, which do not change any more; already redacted.
#[derive(Debug, Default)]
pub(crate) struct FullOutputs {
    texts: Mutex<BTreeMap<(CommandId, NodeId), String>>,
}

impl FullOutputs {
    fn get(&self, key: &(CommandId, NodeId)) -> Option<String> {
        self.texts.lock().unwrap_or_else(PoisonError::into_inner).get(key).cloned()
    }

    fn put(&self, key: (CommandId, NodeId), output: String) {
        let mut texts = self.texts.lock().unwrap_or_else(PoisonError::into_inner);
        while texts.len() >= FULL_OUTPUTS {
            texts.pop_first();
        }
        texts.insert(key, output);
    }
}

fn request(
    reach: &Reach,
    order: &Order,
) -> aws_sdk_ssm::operation::send_command::builders::SendCommandFluentBuilder {
    let (document, parameters) = document(&order.job);
    reach
        .run_command
        .send_command()
        .set_instance_ids(Some(order.nodes.iter().map(|node| node.as_str().to_owned()).collect()))
        .document_name(document)
        .document_version("$DEFAULT")
        .set_parameters(Some(parameters))
        .comment(&order.comment)
        .timeout_seconds(i32::try_from(order.deliver_within.0).unwrap_or(i32::MAX))
        .max_concurrency(order.max_concurrency.max(1).to_string())
        .max_errors(order.max_errors.map_or_else(|| "100%".to_owned(), |errors| errors.to_string()))
}

/// The document and its parameters; every parameter is a list that holds one text.
fn document(job: &Job) -> (&'static str, HashMap<String, Vec<String>>) {
    const PACKAGE: &str = "AWS-ConfigureAWSPackage";
    let (document, pairs) = match job {
        Job::Install { package, version, mode, arguments } => {
            let kind = match mode {
                InstallMode::Reinstall => "Uninstall and reinstall",
                InstallMode::InPlace => "In-place update",
            };
            let mut pairs = vec![("action", "Install".to_owned()), ("installationType", kind.to_owned())];
            pairs.push(("name", package.clone()));
            pairs.push(("version", version.clone()));
            if !arguments.is_empty() {
                pairs.push(("additionalArguments", object(arguments)));
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
    };
    (document, pairs.into_iter().map(|(name, value)| (name.to_owned(), vec![value])).collect())
}

/// A `StringMap` parameter travels as JSON text.
fn object(arguments: &BTreeMap<String, String>) -> String {
    let text = |(name, value): (&String, &String)| (name.clone(), serde_json::Value::String(value.clone()));
    serde_json::Value::Object(arguments.iter().map(text).collect()).to_string()
}

fn unsent(order: &Order, failure: Failure) -> Sent {
    match failure.class {
        Class::UnknownOutcome => Sent::Unknown(failure),
        _ if failure.code == "InvalidInstanceId" => Sent::InvalidNodes {
            nodes: named_nodes(&failure.message, &order.nodes),
            message: failure.message,
        },
        _ => Sent::Refused(failure),
    }
}

/// The ordered nodes that a message names as whole words: `i-0abc` is not named by `mi-0abc` or `i-0abcd`.
fn named_nodes(message: &str, ordered: &[NodeId]) -> Vec<NodeId> {
    let words: Vec<&str> = message.split(|c: char| !c.is_ascii_alphanumeric() && c != '-').collect();
    ordered.iter().filter(|node| words.contains(&node.as_str())).cloned().collect()
}

fn command(raw: &ssm::Command) -> Option<Command> {
    let count = |n: i32| u32::try_from(n).unwrap_or(0);
    Some(Command {
        id: CommandId::new(raw.command_id()?),
        comment: raw.comment().unwrap_or_default().to_owned(),
        targets: count(raw.target_count()),
        completed: count(raw.completed_count()),
        errors: count(raw.error_count()),
        delivery_timed_out: count(raw.delivery_timed_out_count()),
        over: raw.status().is_some_and(is_over),
        requested_at: Timestamp(raw.requested_date_time().and_then(|at| at.to_millis().ok()).unwrap_or(0)),
    })
}

fn is_over(status: &ssm::CommandStatus) -> bool {
    use ssm::CommandStatus::{Cancelled, Failed, Success, TimedOut};
    matches!(status, Cancelled | Failed | Success | TimedOut)
}

fn invocation(raw: &ssm::CommandInvocation) -> Option<Invocation> {
    let status = raw.status().map_or("", ssm::CommandInvocationStatus::as_str);
    let plugins = raw.command_plugins();
    Some(Invocation {
        node: NodeId::new(raw.instance_id()?),
        status: Status::parse(status, raw.status_details().unwrap_or_default()),
        output: redact(&joined(plugins.iter().filter_map(ssm::CommandPlugin::output))),
        exit_code: plugins
            .iter()
            .filter_map(exit_code)
            .reduce(|first, next| if first == 0 { next } else { first }),
    })
}

/// `ResponseCode`, which is −1 (and 0 on the wire when left out) before the plugin began.
fn exit_code(plugin: &ssm::CommandPlugin) -> Option<i32> {
    use ssm::CommandPluginStatus::{InProgress, Pending};
    let begun = plugin.status().is_some_and(|status| !matches!(status, InProgress | Pending));
    (begun && plugin.response_code() >= 0).then(|| plugin.response_code())
}

fn cut_plugin(raw: &ssm::CommandInvocation) -> Option<&ssm::CommandPlugin> {
    let is_cut = |plugin: &&ssm::CommandPlugin| {
        plugin.output().is_some_and(|output| output.chars().count() >= OUTPUT_CUT_CHARS)
    };
    raw.command_plugins().iter().find(is_cut)
}

/// Whether more text could not change what is believed of the node.
fn is_decided(invocation: &Invocation) -> bool {
    let trace = Trace::read(&invocation.output);
    match invocation.status {
        Status::Success => trace.installed || trace.already || trace.uninstalled || trace.not_installed,
        // `untouched` does not count here: the line that refutes it comes last and may be the one cut off.
        Status::Failed => trace.busy || trace.rolled_back,
        _ => true,
    }
}

fn joined<'a>(texts: impl Iterator<Item = &'a str>) -> String {
    let texts: Vec<&str> = texts.filter(|text| !text.is_empty()).collect();
    texts.join("\n")
}
