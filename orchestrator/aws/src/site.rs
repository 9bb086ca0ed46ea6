//! Which clients and credentials reach which site.

use crate::classify::{self, Effect};
use crate::client;
use crate::meter::Meter;
use aws_config::retry::RetryConfig;
use aws_config::sts::AssumeRoleProvider;
use aws_config::{Region, SdkConfig};
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};
use tokio::sync::{Mutex, OnceCell};
use wavetrain_model::fleet::Site;
use wavetrain_model::id::AccountId;
use wavetrain_ports::failure::{Class, Failure};

/// How often one call is made again because its session ran out meanwhile. A laptop that slept, and a simulated clock that
/// runs fast, let even a new session run out before it is used.
pub(crate) const RENEWALS: usize = 3;

/// One call with a site's clients, and again with new ones while AWS no longer takes their session: an expired session
/// executes nothing.
macro_rules! with_reach {
    ($aws:expr, $site:expr, |$reach:ident| $call:expr) => {{
        let mut current = $aws.sites.reach($site).await?;
        let mut renewals = 0;
        loop {
            let $reach = &current;
            match $call.await {
                Err(failure) if renewals < $crate::site::RENEWALS => {
                    match $aws.sites.renewed($site, &current, &failure).await {
                        Some(renewed) => current = renewed,
                        None => break Err(failure),
                    }
                }
                done => break done,
            }
            renewals += 1;
        }
    }};
}
pub(crate) use with_reach;

/// The role that a site's credentials come from.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Role {
    pub(crate) arn: String,
    pub(crate) external_id: Option<String>,
}

/// The clients of one site.
#[derive(Debug)]
pub(crate) struct Reach {
    pub(crate) ssm: aws_sdk_ssm::Client,
    /// For commands. No repetition inside the SDK: the port promises its callers that they see every attempt, and a repeated
    /// `SendCommand` whose first answer was lost would start two commands. A client of its own, because settings that are
    /// overridden call by call cost a tenth of the call.
    pub(crate) run_command: aws_sdk_ssm::Client,
    pub(crate) cloudwatch: aws_sdk_cloudwatch::Client,
    /// Made when something is published: most programs never do, and a fleet has thousands of sites.
    s3: OnceLock<aws_sdk_s3::Client>,
    config: SdkConfig,
    label: Arc<str>,
    role: Option<Role>,
    meter: Arc<Meter>,
}

impl Reach {
    pub(crate) fn s3(&self) -> &aws_sdk_s3::Client {
        self.s3.get_or_init(|| aws_sdk_s3::Client::from_conf(client::s3_config(&self.config)))
    }

    /// Counts the call and turns its error into a [`Failure`].
    pub(crate) fn settle<T, E>(
        &self,
        operation: &'static str,
        effect: Effect,
        result: Result<T, SdkError<E, HttpResponse>>,
    ) -> Result<T, Failure>
    where
        E: ProvideErrorMetadata + std::error::Error + 'static,
    {
        let result = result.map_err(|error| classify::failure(operation, effect, self.role.as_ref(), &error));
        self.meter.count(&self.label, operation, result.as_ref().err().map(|failure| failure.class));
        result
    }
}

/// All sites met so far.
#[derive(Debug)]
pub(crate) struct Sites {
    base: SdkConfig,
    session_name: String,
    meter: Arc<Meter>,
    caller: OnceCell<Caller>,
    table: Mutex<Table>,
}

/// The identity of the caller's own credentials.
#[derive(Debug, Clone)]
pub(crate) struct Caller {
    pub(crate) account: AccountId,
}

#[derive(Debug, Default)]
struct Table {
    reaches: BTreeMap<Site, Arc<Reach>>,
    /// One per role, shared by all its Regions: an `AssumeRole` per Region would be refused at fleet scale and log a
    /// session per Region in the spoke.
    roles: BTreeMap<Role, SdkConfig>,
}

impl Sites {
    pub(crate) fn new(base: SdkConfig, session_name: String, meter: Arc<Meter>) -> Self {
        Self { base, session_name, meter, caller: OnceCell::new(), table: Mutex::default() }
    }

    /// `GetCallerIdentity`, asked once; failures are not kept.
    pub(crate) async fn caller(&self) -> Result<&Caller, Failure> {
        self.caller.get_or_try_init(|| self.ask_caller()).await
    }

    async fn ask_caller(&self) -> Result<Caller, Failure> {
        const OPERATION: &str = "GetCallerIdentity";
        let answer = aws_sdk_sts::Client::new(&self.base).get_caller_identity().send().await;
        let result = match answer {
            Ok(identity) => match identity.account() {
                Some(account) => Ok(Caller { account: AccountId::new(account) }),
                None => Err(classify::nonsense(OPERATION, Effect::Read, "the answer names no account")),
            },
            Err(error) => Err(classify::failure(OPERATION, Effect::Read, None, &error)),
        };
        self.count(OPERATION, &result);
        result
    }

    /// What the caller's own credentials may be used for.
    pub(crate) fn base(&self) -> &SdkConfig {
        &self.base
    }

    /// Counts a call with the caller's own credentials.
    pub(crate) fn count<T>(&self, operation: &'static str, result: &Result<T, Failure>) {
        self.meter.count(&Arc::from("caller"), operation, result.as_ref().err().map(|failure| failure.class));
    }

    /// The clients of a site, made on first use.
    pub(crate) async fn reach(&self, site: &Site) -> Result<Arc<Reach>, Failure> {
        if let Some(reach) = self.table.lock().await.reaches.get(site) {
            return Ok(Arc::clone(reach));
        }
        self.check_account(site).await?;
        let mut table = self.table.lock().await;
        let config = self.site_config(&mut table, site).await;
        let unrepeated = config.clone().into_builder().retry_config(RetryConfig::disabled()).build();
        let reach = Arc::new(Reach {
            ssm: aws_sdk_ssm::Client::new(&config),
            run_command: aws_sdk_ssm::Client::new(&unrepeated),
            cloudwatch: aws_sdk_cloudwatch::Client::new(&config),
            s3: OnceLock::new(),
            config,
            label: Arc::from(site.to_string()),
            role: role_of(site),
            meter: Arc::clone(&self.meter),
        });
        table.reaches.insert(site.clone(), Arc::clone(&reach));
        Ok(reach)
    }

    /// New clients with a new session, if AWS no longer accepts the one they had; None if that would not help.
    ///
    /// The SDK renews a session by this machine's clock before it runs out. A wrong clock, or an administrator who
    /// revokes sessions, is only seen in the answer. An expired session executes nothing, so any call may be repeated.
    pub(crate) async fn renewed(
        &self,
        site: &Site,
        refused: &Arc<Reach>,
        failure: &Failure,
    ) -> Option<Arc<Reach>> {
        let role = refused.role.as_ref().filter(|_| failure.class == Class::Expired)?;
        let mut table = self.table.lock().await;
        // Of several calls that fail together, the first forgets the session and the others find the new one.
        if table.reaches.get(site).is_some_and(|current| Arc::ptr_eq(current, refused)) {
            table.reaches.retain(|_, reach| reach.role.as_ref() != Some(role));
            table.roles.remove(role);
        }
        drop(table);
        self.reach(site).await.ok()
    }

    /// Credentials of another account would list, and command, that other account's nodes under this site's name.
    async fn check_account(&self, site: &Site) -> Result<(), Failure> {
        let (actual, what) = match &site.role {
            Some(arn) => (account_of_role(arn), format!("role {arn}")),
            None => (Some(self.caller().await?.account.clone()), "the caller's own credentials".to_owned()),
        };
        match actual {
            Some(account) if account == site.account => Ok(()),
            Some(account) => Err(mismatch(site, &format!("{what} belong(s) to account {account}"))),
            None => Err(mismatch(site, &format!("{what} is not the ARN of a role"))),
        }
    }

    async fn site_config(&self, table: &mut Table, site: &Site) -> SdkConfig {
        let region = Region::new(site.region.as_str().to_owned());
        let Some(role) = role_of(site) else {
            return self.base.clone().into_builder().region(region).build();
        };
        if let Some(config) = table.roles.get(&role) {
            return config.clone().into_builder().region(region).build();
        }
        let config = self.assume(&role).await;
        table.roles.insert(role, config.clone());
        config.into_builder().region(region).build()
    }

    /// No call yet: the session begins with the first request that needs it.
    async fn assume(&self, role: &Role) -> SdkConfig {
        let base = self.base.clone().into_builder().timeout_config(client::assume_timeouts()).build();
        let mut provider =
            AssumeRoleProvider::builder(&role.arn).session_name(&self.session_name).configure(&base);
        if let Some(external_id) = &role.external_id {
            provider = provider.external_id(external_id);
        }
        self.base
            .clone()
            .into_builder()
            .credentials_provider(SharedCredentialsProvider::new(provider.build().await))
            .identity_cache(client::identity_cache())
            .build()
    }
}

fn role_of(site: &Site) -> Option<Role> {
    site.role.clone().map(|arn| Role { arn, external_id: site.external_id.clone() })
}

/// The account in `arn:<partition>:iam::<account>:role/<name>`.
fn account_of_role(arn: &str) -> Option<AccountId> {
    let parts: Vec<&str> = arn.splitn(6, ':').collect();
    match parts.as_slice() {
        ["arn", _, "iam", _, account, name] if name.starts_with("role/") => Some(AccountId::new(*account)),
        _ => None,
    }
}

fn mismatch(site: &Site, reason: &str) -> Failure {
    Failure {
        class: Class::Invalid,
        operation: "AssumeRole".to_owned(),
        message: format!("site {site} cannot be reached: {reason}; name a role of account {}", site.account),
        code: String::new(),
    }
}
