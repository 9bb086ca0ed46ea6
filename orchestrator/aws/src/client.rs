//! Configuration of the SDK: where settings come from, the one TLS stack, time-outs, retries.

use aws_config::retry::RetryConfig;
use aws_config::stalled_stream_protection::StalledStreamProtectionConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{AppName, BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_async::rt::sleep::{SharedAsyncSleep, TokioSleep};
use aws_smithy_async::time::{SystemTimeSource, TimeSource};
use aws_smithy_http_client::tls::Provider;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_http_client::{Builder, Connector};
use aws_smithy_runtime_api::client::http::{HttpConnectorSettings, SharedHttpClient, SharedHttpConnector};
use aws_smithy_runtime_api::shared::IntoShared;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use wavetrain_ports::clock::Clock;
use wavetrain_ports::failure::{Class, Failure};

/// A server that does not answer the handshake is treated as not there.
const CONNECT: Duration = Duration::from_secs(3);
/// First byte of an answer after the request was sent. The SDK has no such limit of its own.
const READ: Duration = Duration::from_secs(20);
/// One attempt, with signing and credentials.
const ATTEMPT: Duration = Duration::from_secs(30);
/// One call with the SDK's own repetitions.
const CALL: Duration = Duration::from_secs(100);
/// One attempt to upload a part: 16 MiB in this time are half a megabit a second.
const UPLOAD: Duration = Duration::from_mins(5);
/// Having credentials, all repetitions included.
const IDENTITY: Duration = Duration::from_secs(20);
/// `AssumeRole` with the SDK's own repetitions: ends before [`IDENTITY`], whose own end says nothing about why and cannot be
/// told from an answer that was lost.
const ASSUME: Duration = Duration::from_secs(15);
/// Attempts of a call that only reads. Few: the caller paces itself and wants to see throttling.
const READ_ATTEMPTS: u32 = 3;
/// Where to ask who we are when nothing names a Region; every account of the commercial partition has it.
const FALLBACK_REGION: &str = "us-east-1";

/// How to reach AWS.
#[derive(Clone, Default)]
pub struct Options {
    /// `RoleSessionName` of assumed roles, seen in the spoke's CloudTrail; name the rollout, such as
    /// `wavetrain-0192f0c1-…`. Characters that STS refuses become `-`.
    pub session_name: String,
    /// Another address for all services, such as `http://127.0.0.1:4566`. None: the SDK's own settings (`AWS_ENDPOINT_URL`, …).
    pub endpoint_url: Option<String>,
    /// Region for calls that belong to no site. None: the SDK's own settings, else `us-east-1`.
    pub region: Option<String>,
    /// Keys to use instead of everything the environment and the profile say. None: the SDK's own chain (environment,
    /// profiles, IAM Identity Center, container, instance).
    pub credentials: Option<StaticKeys>,
    /// The clock of a simulated AWS whose time is not the wall's: sessions run out by AWS's clock, and would otherwise
    /// look long expired and be begun anew for every call. None: the wall's.
    pub clock: Option<Arc<dyn Clock>>,
}

impl fmt::Debug for Options {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Options")
            .field("session_name", &self.session_name)
            .field("endpoint_url", &self.endpoint_url)
            .field("region", &self.region)
            .field("credentials", &self.credentials)
            .finish_non_exhaustive()
    }
}

/// A clock in the SDK's terms.
struct SharedClock(Arc<dyn Clock>);

impl fmt::Debug for SharedClock {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("SharedClock")
    }
}

impl TimeSource for SharedClock {
    fn now(&self) -> SystemTime {
        UNIX_EPOCH + Duration::from_millis(u64::try_from(self.0.now().0).unwrap_or(0))
    }
}

/// Long-lived keys, for a simulated AWS.
#[derive(Clone)]
pub struct StaticKeys {
    /// Access key id.
    pub access_key_id: String,
    /// Secret access key.
    pub secret_access_key: String,
}

impl fmt::Debug for StaticKeys {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("StaticKeys")
            .field("access_key_id", &self.access_key_id)
            .finish_non_exhaustive()
    }
}

/// The HTTP client of all services. Without TLS for a plain `http://` address: a machine without root certificates can
/// then still run a simulated AWS.
pub(crate) fn http_client(options: &Options) -> SharedHttpClient {
    if is_plain(options) {
        Builder::new().build_http()
    } else {
        Builder::new().tls_provider(Provider::Rustls(CryptoMode::Ring)).build_https()
    }
}

/// A connection for presigned addresses, which need no signing and no service client.
pub(crate) fn download_connector(options: &Options) -> SharedHttpConnector {
    let settings = HttpConnectorSettings::builder().connect_timeout(CONNECT).read_timeout(READ).build();
    let builder = Connector::builder()
        .connector_settings(settings)
        .sleep_impl(SharedAsyncSleep::new(TokioSleep::new()));
    if is_plain(options) {
        builder.build_http().into_shared()
    } else {
        builder.tls_provider(Provider::Rustls(CryptoMode::Ring)).build().into_shared()
    }
}

fn is_plain(options: &Options) -> bool {
    options.endpoint_url.as_deref().is_some_and(|url| url.starts_with("http://"))
}

/// The configuration that every client starts from: the caller's own credentials and Region.
pub(crate) async fn base_config(options: &Options, http: SharedHttpClient) -> Result<SdkConfig, Failure> {
    if let Some(url) = options.endpoint_url.as_deref().filter(|url| !is_http_address(url)) {
        return Err(Failure {
            class: Class::Invalid,
            operation: "Connect".to_owned(),
            message: format!("endpoint address `{url}` does not begin with http:// or https://"),
            code: String::new(),
        });
    }
    let config = match &options.credentials {
        Some(keys) => detached(options, keys, http),
        None => from_environment(options, http).await,
    };
    let config = on_clock(config, options.clock.clone());
    if config.region().is_some() {
        return Ok(config);
    }
    tracing::debug!(region = FALLBACK_REGION, "no Region configured; used for calls that belong to no site");
    Ok(config.into_builder().region(Region::from_static(FALLBACK_REGION)).build())
}

fn on_clock(config: SdkConfig, clock: Option<Arc<dyn Clock>>) -> SdkConfig {
    match clock {
        // Throughput is measured on the same clock: on a fast one every answer would look stalled.
        Some(clock) => config
            .into_builder()
            .time_source(SharedClock(clock))
            .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
            .build(),
        None => config,
    }
}

fn is_http_address(url: &str) -> bool {
    ["http://", "https://"].iter().any(|scheme| url.len() > scheme.len() && url.starts_with(scheme))
}

/// Nothing of the machine's AWS settings: a profile, a proxy endpoint or a FIPS switch meant for real AWS would break or
/// redirect a simulated one.
fn detached(options: &Options, keys: &StaticKeys, http: SharedHttpClient) -> SdkConfig {
    let credentials = Credentials::from_keys(&keys.access_key_id, &keys.secret_access_key, None);
    let mut config = SdkConfig::builder()
        .behavior_version(behaviour())
        .http_client(http)
        .sleep_impl(SharedAsyncSleep::new(TokioSleep::new()))
        .time_source(SystemTimeSource::new())
        .retry_config(retries())
        .timeout_config(timeouts())
        .app_name(app_name())
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .identity_cache(identity_cache());
    config.set_endpoint_url(options.endpoint_url.clone());
    config.set_region(options.region.clone().map(Region::new));
    config.build()
}

async fn from_environment(options: &Options, http: SharedHttpClient) -> SdkConfig {
    let mut loader = aws_config::defaults(behaviour())
        .http_client(http)
        .retry_config(retries())
        .timeout_config(timeouts())
        .app_name(app_name())
        .identity_cache(identity_cache());
    if let Some(url) = &options.endpoint_url {
        loader = loader.endpoint_url(url);
    }
    if let Some(region) = &options.region {
        loader = loader.region(Region::new(region.clone()));
    }
    loader.load().await
}

/// A cache of its own for each identity; the SDK renews what it holds ten seconds before it runs out.
pub(crate) fn identity_cache() -> aws_sdk_ssm::config::SharedIdentityCache {
    aws_config::identity::IdentityCache::lazy().load_timeout(IDENTITY).build()
}

/// Pinned: a newer SDK must not change time-outs and retries under a running rollout.
fn behaviour() -> BehaviorVersion {
    BehaviorVersion::v2026_01_12()
}

fn retries() -> RetryConfig {
    RetryConfig::standard().with_max_attempts(READ_ATTEMPTS)
}

fn timeouts() -> TimeoutConfig {
    TimeoutConfig::builder()
        .connect_timeout(CONNECT)
        .read_timeout(READ)
        .operation_attempt_timeout(ATTEMPT)
        .operation_timeout(CALL)
        .build()
}

/// Limits for `AssumeRole`.
pub(crate) fn assume_timeouts() -> TimeoutConfig {
    TimeoutConfig::builder().connect_timeout(CONNECT).read_timeout(ASSUME).operation_timeout(ASSUME).build()
}

/// S3: one attempt carries megabytes, and at another address buckets have no names of their own in DNS.
pub(crate) fn s3_config(config: &SdkConfig) -> aws_sdk_s3::Config {
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(CONNECT)
        .read_timeout(UPLOAD)
        .operation_attempt_timeout(UPLOAD)
        .operation_timeout(UPLOAD * READ_ATTEMPTS)
        .build();
    aws_sdk_s3::config::Builder::from(config)
        .timeout_config(timeouts)
        .force_path_style(config.endpoint_url().is_some())
        .build()
}

fn app_name() -> AppName {
    AppName::new("wavetrain").expect("letters only, which every application name may consist of")
}

/// A `RoleSessionName` out of any text: 2 to 64 of `[\w+=,.@-]`.
pub(crate) fn session_name(text: &str) -> String {
    let keep = |c: char| c.is_ascii_alphanumeric() || "_+=,.@-".contains(c);
    let name: String = text.chars().map(|c| if keep(c) { c } else { '-' }).take(64).collect();
    if name.len() < 2 { "wavetrain".to_owned() } else { name }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn session_names_are_what_sts_accepts() {
        assert_eq!(session_name("wavetrain-0192f0c1"), "wavetrain-0192f0c1");
        assert_eq!(session_name("wave train/ü"), "wave-train--");
        assert_eq!(session_name(""), "wavetrain");
        assert_eq!(session_name(&"x".repeat(90)).len(), 64);
    }

    #[test]
    fn secret_keys_are_not_printed() {
        let keys = StaticKeys { access_key_id: "AKIA".to_owned(), secret_access_key: "hush".to_owned() };
        assert!(!format!("{keys:?}").contains("hush"));
    }
}
