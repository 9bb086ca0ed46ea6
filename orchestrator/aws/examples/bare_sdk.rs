//! What the AWS SDK alone costs: repeats the calls of a rollout, one after the other, and does nothing with the answers.
//!
//! `tests/bench wire` compares the program with it. The calls come from standard input, one a line, with tabs in between, each
//! behind the milliseconds from the start at which it is made: calls that follow each other at once find everything in
//! the processor's caches and cost half. `assume ROLE`, `describe ACCOUNT REGION` (one page of nodes), `send ACCOUNT REGION NODES`, `list ACCOUNT REGION SINCE,UNTIL`,
//! `read ACCOUNT REGION COMMAND`. Clients are set up once for each site, as the program does.
#![allow(clippy::expect_used, reason = "a bench that cannot be set up has nothing to say")]

use aws_config::retry::RetryConfig;
use aws_config::sts::AssumeRoleProvider;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_sdk_ssm::Client;
use aws_sdk_ssm::types::{CommandFilter, CommandFilterKey};
use aws_smithy_http_client::Builder;
use std::collections::BTreeMap;
use std::io::BufRead;
use std::time::Duration;

const PAGE: i32 = 50;

/// A site's client and the nodes that it knows.
struct Site {
    client: Client,
    nodes: Vec<String>,
    token: Option<String>,
}

fn main() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(repeat());
}

async fn repeat() {
    let base = aws_config::defaults(BehaviorVersion::v2026_01_12())
        .http_client(Builder::new().build_http())
        .retry_config(RetryConfig::disabled())
        .load()
        .await;
    let mut accounts: BTreeMap<String, SdkConfig> = BTreeMap::new();
    let mut sites: BTreeMap<(String, String), Site> = BTreeMap::new();
    let begun = tokio::time::Instant::now();
    for line in std::io::stdin().lock().lines() {
        let line = line.expect("text");
        let (at, line) = line.split_once('\t').expect("a moment and a call");
        let at = Duration::from_millis(at.parse().expect("milliseconds"));
        tokio::time::sleep_until(begun + at).await;
        let words: Vec<&str> = line.split('\t').collect();
        if let ["assume", role] = words[..] {
            let account = role.split(':').nth(4).expect("the ARN of a role");
            accounts.insert(account.to_owned(), assumed(&base, role).await);
            continue;
        }
        let [call, account, region, about] = words[..] else { panic!("not a call: {line}") };
        let site = sites.entry((account.to_owned(), region.to_owned())).or_insert_with(|| {
            let config = accounts[account].clone().into_builder().region(Region::new(region.to_owned()));
            Site { client: Client::new(&config.build()), nodes: Vec::new(), token: None }
        });
        site.call(call, about).await;
    }
}

async fn assumed(base: &SdkConfig, role: &str) -> SdkConfig {
    let provider = AssumeRoleProvider::builder(role).session_name("bare").configure(base).build().await;
    base.clone()
        .into_builder()
        .credentials_provider(SharedCredentialsProvider::new(provider))
        .identity_cache(aws_config::identity::IdentityCache::lazy().build())
        .build()
}

impl Site {
    async fn call(&mut self, call: &str, about: &str) {
        match call {
            "describe" => self.describe().await,
            "send" => self.send(about.parse().expect("a number")).await,
            "list" => self.list(about).await,
            "read" => self.read(about).await,
            other => panic!("no such call: {other}"),
        }
    }

    async fn describe(&mut self) {
        let call = self.client.describe_instance_information().max_results(PAGE);
        let page = call.set_next_token(self.token.take()).send().await.expect("a page");
        let ids = page.instance_information_list().iter().filter_map(|node| node.instance_id());
        self.nodes.extend(ids.map(str::to_owned));
        self.token = page.next_token().map(str::to_owned);
    }

    async fn send(&self, nodes: usize) {
        let nodes = self.nodes.iter().take(nodes).cloned().collect();
        let call = self.client.send_command().set_instance_ids(Some(nodes));
        let call = call.document_name("AWS-RunShellScript").timeout_seconds(1800).comment("bare");
        call.parameters("commands", vec!["agent --version".to_owned()]).send().await.expect("a command");
    }

    async fn list(&self, period: &str) {
        let (since, until) = period.split_once(',').expect("two moments");
        let filter = |key, value| CommandFilter::builder().key(key).value(value).build().expect("a filter");
        let call = self.client.list_commands().filters(filter(CommandFilterKey::InvokedAfter, since));
        let call = call.filters(filter(CommandFilterKey::InvokedBefore, until)).max_results(PAGE);
        call.send().await.expect("a page");
    }

    async fn read(&self, command: &str) {
        let call = self.client.list_command_invocations().command_id(command).details(true);
        call.max_results(PAGE).send().await.expect("a page");
    }
}
