//! A world under test, with the few words the tests of this crate share.

use std::collections::BTreeMap;

use crate::api::ssm::{
    Command, CommandFilter, CommandInvocation, DescribeInstanceInformationInput, InstanceInformation,
    ListCommandInvocationsInput, ListCommandsInput, SendCommandInput, SendCommandOutput,
};
use crate::api::{ApiError, Caller, Request, Response, ssm};
use crate::clock::WorldTime;
use crate::fleet::Node;
use crate::world::World;
use crate::world_file::WorldFile;

pub(crate) const HUB: &str = "111122223333";
pub(crate) const SPOKE: &str = "444455556666";
pub(crate) const REGION: &str = "eu-west-1";

/// Two accounts in one Region; six Linux nodes with 1.0.0 and four Windows nodes without anything in each.
pub(crate) const WORLD: &str = r#"
seed: 3
sites: { accounts: ["111122223333", "444455556666"], regions: [eu-west-1] }
roles: [{ name: spoke, external_id: secret }]
nodes:
  - { name: web, count: 6, platform: Linux, tags: { service: web }, installed: { hello: { 1.0.0: 1 } } }
  - { name: desk, count: 4, platform: Windows, tags: { service: desk } }
packages:
  - name: hello
    versions:
      - { name: 1.0.0 }
      - { name: 2.0.0 }
      - { name: 3.0.0, behaviour: [{ install: fail, exit_code: 7 }] }
      - { name: 4.0.0, behaviour: [{ install: hang }] }
      - { name: 5.0.0, status: Creating }
probes: [{ contains: hello --version, package: hello }]
"#;

pub(crate) struct Trial {
    pub(crate) world: World,
}

impl Trial {
    pub(crate) fn new(extra: &str) -> Self {
        Self::of(&format!("{WORLD}{extra}"))
    }

    pub(crate) fn of(text: &str) -> Self {
        let file = WorldFile::parse(text).unwrap_or_else(|error| panic!("{error}"));
        Self { world: World::new(&file).expect("builds") }
    }

    pub(crate) fn caller(account: &str) -> Caller {
        Caller { access_key_id: account.to_owned(), session_token: None, region: REGION.to_owned() }
    }

    pub(crate) fn call(&mut self, account: &str, request: impl Into<Request>) -> Result<Response, ApiError> {
        self.world.call(&Self::caller(account), request.into()).result
    }

    pub(crate) fn pass(&mut self, seconds: i64) {
        let until = self.world.now().plus_seconds(seconds);
        self.world.advance_to(until);
    }

    /// Ids of a group in an account.
    pub(crate) fn ids(&self, account: &str, group: &str) -> Vec<String> {
        let meant = |node: &&Node| {
            self.world.sites()[node.site as usize].account == account && node.group.name == group
        };
        self.world.nodes().iter().filter(meant).map(|node| node.id.to_string()).collect()
    }

    pub(crate) fn node(&self, id: &str) -> &Node {
        self.world.node(id).expect("a node")
    }

    pub(crate) fn bits(&self, id: &str) -> Option<String> {
        self.node(id).bits_of("hello").version.map(|version| version.to_string())
    }

    pub(crate) fn send(&mut self, account: &str, input: SendCommandInput) -> Result<Command, ApiError> {
        match self.call(account, input)? {
            Response::Ssm(ssm::Response::SendCommand(output)) => {
                let SendCommandOutput { command } = *output;
                Ok(command)
            }
            other => panic!("{other:?}"),
        }
    }

    pub(crate) fn install(&mut self, ids: &[String], version: &str) -> String {
        self.send(HUB, install(ids, version)).expect("accepted").command_id
    }

    pub(crate) fn commands(&mut self, input: ListCommandsInput) -> (Vec<Command>, Option<String>) {
        match self.call(HUB, input) {
            Ok(Response::Ssm(ssm::Response::ListCommands(output))) => (output.commands, output.next_token),
            other => panic!("{other:?}"),
        }
    }

    pub(crate) fn command(&mut self, id: &str) -> Command {
        let input = ListCommandsInput { command_id: Some(id.to_owned()), ..Default::default() };
        self.commands(input).0.into_iter().next().expect("listed")
    }

    pub(crate) fn invocations(&mut self, id: &str) -> Vec<CommandInvocation> {
        let input = ListCommandInvocationsInput {
            command_id: Some(id.to_owned()),
            details: Some(true),
            ..Default::default()
        };
        match self.call(HUB, input) {
            Ok(Response::Ssm(ssm::Response::ListCommandInvocations(output))) => output.command_invocations,
            other => panic!("{other:?}"),
        }
    }

    /// How many invocations have which status details.
    pub(crate) fn details(&mut self, id: &str) -> BTreeMap<String, usize> {
        let mut counts = BTreeMap::new();
        for invocation in self.invocations(id) {
            *counts.entry(invocation.status_details).or_insert(0) += 1;
        }
        counts
    }

    pub(crate) fn information(
        &mut self,
        input: DescribeInstanceInformationInput,
    ) -> Result<(Vec<InstanceInformation>, Option<String>), ApiError> {
        match self.call(HUB, input)? {
            Response::Ssm(ssm::Response::DescribeInstanceInformation(output)) => {
                Ok((output.instance_information_list, output.next_token))
            }
            other => panic!("{other:?}"),
        }
    }
}

pub(crate) fn package_command(ids: &[String], action: &str, version: &str) -> SendCommandInput {
    let parameters = [("action", action), ("name", "hello"), ("version", version)];
    SendCommandInput {
        instance_ids: ids.to_vec(),
        document_name: "AWS-ConfigureAWSPackage".to_owned(),
        parameters: Some(
            parameters.iter().map(|(name, value)| ((*name).to_owned(), vec![(*value).to_owned()])).collect(),
        ),
        max_errors: Some("100%".to_owned()),
        ..Default::default()
    }
}

pub(crate) fn install(ids: &[String], version: &str) -> SendCommandInput {
    package_command(ids, "Install", version)
}

pub(crate) fn script(ids: &[String], document: &str, line: &str) -> SendCommandInput {
    SendCommandInput {
        instance_ids: ids.to_vec(),
        document_name: document.to_owned(),
        parameters: Some(BTreeMap::from([("commands".to_owned(), vec![line.to_owned()])])),
        max_errors: Some("100%".to_owned()),
        ..Default::default()
    }
}

pub(crate) fn filter(key: &str, value: &str) -> CommandFilter {
    CommandFilter { key: key.to_owned(), value: value.to_owned() }
}

pub(crate) fn code<T: std::fmt::Debug>(result: Result<T, ApiError>) -> String {
    result.expect_err("refused").code.into_owned()
}

pub(crate) fn text(at: WorldTime) -> String {
    at.to_string()
}
