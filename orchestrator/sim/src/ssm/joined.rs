//! Real agents that join the fleet: they register, ask for messages, and answer them. What they do is not worked out
//! here but happens on the machine they run on; the world knows of it what they say.

use std::sync::Arc;

use sha2::{Digest, Sha256};

use crate::agent::local::Bits;
use crate::agent::run::{Ending, Report, bare_name};
use crate::api::messages::{
    AcknowledgeMessageOutput, DeleteMessageOutput, FailMessageInput, FailMessageOutput, GetMessagesInput,
    GetMessagesOutput, Message, Request as Messages, SendReplyInput, SendReplyOutput,
};
use crate::api::ssm::{
    GetManifestInput, PutConfigurePackageResultInput, PutConfigurePackageResultOutput,
    RegisterManagedInstanceInput, RegisterManagedInstanceOutput, RequestManagedInstanceRoleTokenInput,
    RequestManagedInstanceRoleTokenOutput, UpdateInstanceInformationInput, UpdateInstanceInformationOutput,
};
use crate::api::{ApiError, Response};
use crate::fleet::NodeIndex;
use crate::joining::{Letter, RealAgent};
use crate::world::{InvocationRef, SiteIndex, World};

use super::command::Command;
use super::documents::content;
use super::parameters::command_document;

/// Seconds for which the credentials of a registered node hold.
const TOKEN_SECONDS: i64 = 3600;

impl World {
    /// Calls that are not signed with credentials, because they are how an agent gets some.
    pub(crate) fn register_managed_instance(
        &mut self,
        input: &RegisterManagedInstanceInput,
    ) -> Result<RegisterManagedInstanceOutput, ApiError> {
        let mut activations = self.activations.iter();
        let found = activations
            .find(|known| known.id == input.activation_id && known.code == input.activation_code)
            .ok_or_else(|| ApiError::client("InvalidActivation", "The activation is not valid."))?;
        let (account, region) = (found.account.clone(), found.region.clone());
        let site = self.site_of(&account, &region).ok_or_else(ApiError::unrecognized_client)?;
        let fingerprint = input.fingerprint.clone().unwrap_or_default();
        let id = format!("mi-{}", self.next_uuid("joined").replace('-', "").get(..17).unwrap_or_default());
        self.join(site, &id, fingerprint);
        Ok(RegisterManagedInstanceOutput { instance_id: id })
    }

    pub(crate) fn request_role_token(
        &mut self,
        input: &RequestManagedInstanceRoleTokenInput,
    ) -> Result<RequestManagedInstanceRoleTokenOutput, ApiError> {
        let of = |agent: &RealAgent| agent.fingerprint == input.fingerprint;
        let node = self.fleet.nodes.iter().rev().find(|node| node.real.as_deref().is_some_and(of));
        let node =
            node.ok_or_else(|| ApiError::client("MachineFingerprintDoesNotMatch", "Unknown fingerprint."))?;
        let (account, id) = (self.fleet.sites[node.site as usize].account.clone(), Arc::clone(&node.id));
        let credentials = self.tokens.issue(&account, "joined-node", &id, TOKEN_SECONDS, self.now);
        Ok(RequestManagedInstanceRoleTokenOutput {
            access_key_id: credentials.access_key_id,
            secret_access_key: credentials.secret_access_key,
            session_token: credentials.session_token,
            token_expiration_date: Some(credentials.expiration),
            update_key_pair: false,
        })
    }

    /// A ping. An instance nobody knows joins the fleet by it, as it would with an instance profile.
    pub(super) fn update_instance_information(
        &mut self,
        site: SiteIndex,
        input: &UpdateInstanceInformationInput,
    ) -> Result<UpdateInstanceInformationOutput, ApiError> {
        if !self.ids.contains_key(&*input.instance_id) {
            self.join(site, &input.instance_id, String::new());
        }
        let index = self.real_node(&input.instance_id)?;
        self.fleet.describe_real(index, input);
        Ok(UpdateInstanceInformationOutput {})
    }

    fn join(&mut self, site: SiteIndex, id: &str, fingerprint: String) {
        let chance = self.chance.named("joined").named(id);
        let agent = RealAgent { fingerprint, ..RealAgent::default() };
        let index = self.fleet.join(site, id, agent, self.now, chance);
        self.ids.insert(Arc::clone(&self.fleet.nodes[index as usize].id), index);
        self.plan_meeting(index);
    }

    pub(super) fn real_node(&self, id: &str) -> Result<NodeIndex, ApiError> {
        let index = self.ids.get(id).copied();
        index
            .filter(|index| self.fleet.nodes[*index as usize].real.is_some())
            .ok_or_else(|| ApiError::invalid_instance_id(format!("{id} is not a node of a real agent")))
    }

    /// No package of AWS's own is called so: the agent looks for a document then.
    pub(super) fn get_manifest(input: &GetManifestInput) -> ApiError {
        let message = format!("Package {} is not one of AWS's own.", input.package_name);
        ApiError::client("ResourceNotFoundException", message)
    }

    /// What an agent says it did with a package is all that is known of what is installed on its machine.
    pub(super) fn put_configure_package_result(
        &mut self,
        input: &PutConfigurePackageResultInput,
    ) -> Result<PutConfigurePackageResultOutput, ApiError> {
        let id = input.attributes.as_ref().and_then(|attributes| attributes.get("instanceID"));
        let index = self.real_node(id.map(String::as_str).unwrap_or_default())?;
        if input.result == 0 {
            let product: Arc<str> = Arc::from(bare_name(&input.package_name));
            let gone = input.operation.as_deref() == Some("Uninstall");
            let version = (!gone).then(|| Arc::from(&*input.package_version));
            self.change_bits(index, &product, Bits { version, debris: false }, &Arc::from(""));
        }
        Ok(PutConfigurePackageResultOutput {})
    }

    pub(crate) fn carry_out_messages(&mut self, request: Messages) -> Result<Response, ApiError> {
        match request {
            Messages::GetMessages(input) => self.get_messages(*input).map(Into::into),
            Messages::AcknowledgeMessage(input) => {
                self.take_letter(&input.message_id)?;
                Ok(AcknowledgeMessageOutput {}.into())
            }
            Messages::DeleteMessage(input) => {
                self.take_letter(&input.message_id)?;
                Ok(DeleteMessageOutput {}.into())
            }
            Messages::SendReply(input) => self.send_reply(&input).map(Into::into),
            Messages::FailMessage(input) => self.fail_message(&input).map(Into::into),
        }
    }

    /// Whether a node has something to do that it was not told of lately.
    pub fn has_message(&self, destination: &str) -> bool {
        let node = self.real_node(destination).ok().map(|index| &self.fleet.nodes[index as usize]);
        let letters = node.and_then(|node| node.real.as_deref()).map(|agent| &agent.letters);
        letters.is_some_and(|letters| letters.iter().any(|letter| letter.shown_until <= self.now))
    }

    fn get_messages(&mut self, input: GetMessagesInput) -> Result<GetMessagesOutput, ApiError> {
        let index = self.real_node(&input.destination)?;
        let hidden_until =
            self.now.plus_seconds(i64::from(input.visibility_timeout_in_seconds.unwrap_or(10).max(1)));
        let now = self.now;
        let mut messages = Vec::new();
        let mut shown = Vec::new();
        let agent = self.fleet.nodes[index as usize].real.as_deref();
        for (place, letter) in agent.into_iter().flat_map(|agent| agent.letters.iter().enumerate()) {
            if letter.shown_until <= now {
                messages.push(self.message(letter.invocation, &input.destination));
                shown.push(place);
            }
        }
        if let Some(agent) = self.fleet.nodes[index as usize].real.as_deref_mut() {
            for place in shown {
                agent.letters[place].shown_until = hidden_until;
            }
        }
        Ok(GetMessagesOutput {
            destination: input.destination,
            messages,
            messages_request_id: input.messages_request_id,
        })
    }

    fn message(&self, at: InvocationRef, destination: &str) -> Message {
        let command = self.command(at.command);
        let payload = payload(command);
        Message {
            created_date: command.requested.to_string(),
            destination: destination.to_owned(),
            message_id: format!("aws.ssm.{}.{destination}", command.id),
            payload_digest: crate::package::hex(&Sha256::digest(payload.as_bytes())),
            payload,
            topic: "aws.ssm.sendCommand".to_owned(),
        }
    }

    /// The part of a command that a message is about.
    fn meant(&self, message_id: &str) -> Result<(NodeIndex, InvocationRef), ApiError> {
        let wrong = || ApiError::client("InvalidMessageIdException", "There is no such message.");
        let parts = message_id.strip_prefix("aws.ssm.").and_then(|rest| rest.split_once('.'));
        let (command, node) = parts.ok_or_else(wrong)?;
        let index = self.real_node(node).map_err(|_| wrong())?;
        let command = self.command_ids.get(command).copied().ok_or_else(wrong)?;
        let invocations = &self.command(command).invocations;
        let found = invocations.iter().position(|invocation| invocation.node == index).ok_or_else(wrong)?;
        Ok((index, InvocationRef { command, index: found as u32 }))
    }

    fn take_letter(&mut self, message_id: &str) -> Result<InvocationRef, ApiError> {
        let (index, at) = self.meant(message_id)?;
        if let Some(agent) = self.fleet.nodes[index as usize].real.as_deref_mut() {
            agent.letters.retain(|letter| letter.invocation != at);
        }
        Ok(at)
    }

    fn send_reply(&mut self, input: &SendReplyInput) -> Result<SendReplyOutput, ApiError> {
        let (_, at) = self.meant(&input.message_id)?;
        let reply: serde_json::Value = serde_json::from_str(&input.payload)
            .map_err(|error| ApiError::client("InvalidPayloadException", error.to_string()))?;
        match report(&reply) {
            Some(report) => {
                self.take_letter(&input.message_id)?;
                self.answer(at, report);
            }
            None => self.mark_begun(at),
        }
        Ok(SendReplyOutput {})
    }

    fn fail_message(&mut self, input: &FailMessageInput) -> Result<FailMessageOutput, ApiError> {
        let at = self.take_letter(&input.message_id)?;
        let text = format!("the agent could not use the message: {}", input.failure_type);
        self.answer(at, Report::failed(text));
        Ok(FailMessageOutput {})
    }

    /// A command's part is put where its node will look for it.
    pub(super) fn post_letter(&mut self, index: NodeIndex, at: InvocationRef) {
        let now = self.now;
        if let Some(agent) = self.fleet.nodes[index as usize].real.as_deref_mut()
            && !agent.letters.iter().any(|letter| letter.invocation == at)
        {
            agent.letters.push(Letter { invocation: at, shown_until: now });
        }
    }

    /// What is over needs nobody any more.
    pub(super) fn withdraw_letter(&mut self, index: NodeIndex, at: InvocationRef) {
        if let Some(agent) = self.fleet.nodes[index as usize].real.as_deref_mut() {
            agent.letters.retain(|letter| letter.invocation != at);
        }
    }
}

/// A command as its message carries it: the whole document, with the parameters beside it.
fn payload(command: &Command) -> String {
    let name = command.job.document();
    let document = command_document(name);
    let text = document.map(content).unwrap_or_default();
    let kind = |name: &str| {
        let mut known = document.into_iter().flat_map(|document| document.parameters);
        known.find(|known| known.name == name).map_or("String", |known| known.kind)
    };
    let parameters: serde_json::Map<String, serde_json::Value> = command
        .parameters
        .iter()
        .map(|(name, values)| {
            let value = match kind(name) {
                "StringList" => values.clone().into(),
                _ => values.first().cloned().unwrap_or_default().into(),
            };
            (name.clone(), value)
        })
        .collect();
    serde_json::json!({
        "Parameters": parameters,
        "DocumentContent": serde_json::from_str::<serde_json::Value>(&text).unwrap_or_default(),
        "CommandId": &*command.id,
        "DocumentName": name,
        "OutputS3BucketName": "",
        "OutputS3KeyPrefix": "",
        "CloudWatchLogGroupName": "",
        "CloudWatchOutputEnabled": "false",
    })
    .to_string()
}

/// What an agent's last reply says; `None` while it works.
fn report(reply: &serde_json::Value) -> Option<Report> {
    let ending = match reply["documentStatus"].as_str()? {
        "Success" => Ending::Success,
        "TimedOut" => Ending::TimedOut,
        "Failed" | "Cancelled" => Ending::Failed,
        _ => return None,
    };
    let steps = reply["runtimeStatus"].as_object();
    let step = steps.and_then(|steps| steps.values().next()).cloned().unwrap_or_default();
    let text = |name: &str| step[name].as_str().unwrap_or_default().to_owned();
    let code = step["code"].as_i64().and_then(|code| i32::try_from(code).ok());
    Some(Report {
        ending,
        code: code.unwrap_or(i32::from(ending != Ending::Success)),
        stdout: text("standardOutput"),
        stderr: text("standardError"),
    })
}
