//! Health signals from servers that plan files name: Prometheus, and anything that answers `GET` with JSON.
//!
//! For: the driver, through [`wavetrain_ports::signals::Signals`].
//! Must not know: gates, verdicts, rollouts, AWS. It fetches and reads; what an answer means is for the rules to say.
//! Start at [`Web`].

mod fetch;
mod prometheus;
#[cfg(test)]
mod tests;

use async_trait::async_trait;
use fetch::Fetched;
use std::sync::Arc;
use std::time::Duration;
use wavetrain_model::gate::{Found, Series, Window};
use wavetrain_model::limit::ANSWER_BYTES;
use wavetrain_model::spec::{Http, Prometheus};
use wavetrain_ports::failure::Failure;
use wavetrain_ports::signals::Signals;

/// Longest wait for an answer. A server that is slower is no basis for a gate that looks every minute.
const PATIENCE: Duration = Duration::from_secs(15);

/// Reads an environment variable.
pub type Environment = Arc<dyn Fn(&str) -> Option<String> + Send + Sync>;

/// The web as a source of measurements.
#[derive(Clone)]
pub struct Web {
    client: reqwest::Client,
    environment: Environment,
}

/// Why there is no client.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The TLS stack or the proxy settings are unusable.
    #[error("the HTTP client cannot be made: {0}")]
    Client(String),
}

impl Web {
    /// A client with the system's certificates and proxy settings; `environment` is where tokens come from.
    pub fn new(environment: Environment) -> Result<Self, Error> {
        let client = reqwest::Client::builder()
            .tls_backend_preconfigured(tls()?)
            .redirect(reqwest::redirect::Policy::none())
            .timeout(PATIENCE)
            .user_agent(concat!("wavetrain/", env!("CARGO_PKG_VERSION")))
            .build();
        let client = client.map_err(|error| Error::Client(error.without_url().to_string()))?;
        Ok(Self { client, environment })
    }
}

impl std::fmt::Debug for Web {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Web")
    }
}

fn tls() -> Result<rustls::ClientConfig, Error> {
    let mut roots = rustls::RootCertStore::empty();
    // A machine without certificates can still reach servers in plain HTTP; one with a single broken one can use the others.
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let config = config.map_err(|error| Error::Client(error.to_string()))?;
    Ok(config.with_root_certificates(roots).with_no_client_auth())
}

#[async_trait]
impl Signals for Web {
    async fn prometheus(&self, ask: &Prometheus, window: Window) -> Result<Vec<Series>, Failure> {
        prometheus::query(self, ask, window).await
    }

    async fn http(&self, ask: &Http) -> Result<Found, Failure> {
        let request = self.client.get(&ask.url).header("accept", "application/json");
        let Fetched { status, body } =
            self.fetch("GET", request, ask.token_env.as_deref(), ANSWER_BYTES).await?;
        Ok(Found::Answer { status, body })
    }
}
