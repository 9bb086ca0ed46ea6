//! The ports over real AWS: Systems Manager, STS, CloudWatch, S3 and Organizations through the AWS SDK.
//!
//! For: the command line, which builds one [`Aws`] and hands it to the driver. The same type works against AWS and against
//! anything that speaks AWS's wire formats at another address.
//! Must not know: plans, waves, gates, the store, or what a failed call means for a rollout; it says what happened
//! ([`wavetrain_ports::failure::Class`]) and stops there.
//! Start at [`Aws`]; then `site` (which credentials reach which account), `classify` (what an error means), `commands`
//! (the calls that change something).

#![cfg_attr(test, allow(clippy::unwrap_used))]

mod alarms;
mod associations;
mod bucket;
mod classify;
mod client;
mod commands;
mod compliance;
mod documents;
#[cfg(test)]
mod fake;
mod files;
mod fleet;
mod manifest;
mod meter;
mod metrics;
mod organization;
mod page;
mod platform;
mod registry;
mod site;
#[cfg(test)]
mod tests;

pub use client::{Options, StaticKeys};
pub use meter::CallCount;

use aws_smithy_runtime_api::client::http::SharedHttpConnector;
use std::sync::Arc;
use wavetrain_ports::failure::Failure;

/// AWS behind all ports ([`wavetrain_ports::Cloud`]). Cheap to share, safe to call concurrently.
///
/// Clients are made per site on first use and kept; all Regions of a spoke account share one `AssumeRole` session, which
/// the SDK renews before it runs out.
#[derive(Debug)]
pub struct Aws {
    sites: site::Sites,
    meter: Arc<meter::Meter>,
    outputs: commands::FullOutputs,
    downloads: SharedHttpConnector,
}

impl Aws {
    /// Reads the configuration; makes no call to AWS. Wrong credentials show at the first call.
    pub async fn connect(options: Options) -> Result<Self, Failure> {
        let http = client::http_client(&options);
        let downloads = client::download_connector(&options);
        Self::over(options, http, downloads).await
    }

    /// The same over a given HTTP client.
    async fn over(
        options: Options,
        http: aws_smithy_runtime_api::client::http::SharedHttpClient,
        downloads: SharedHttpConnector,
    ) -> Result<Self, Failure> {
        let session_name = client::session_name(&options.session_name);
        let base = client::base_config(&options, http).await?;
        let meter = Arc::new(meter::Meter::default());
        Ok(Self {
            sites: site::Sites::new(base, session_name, Arc::clone(&meter)),
            meter,
            outputs: commands::FullOutputs::default(),
            downloads,
        })
    }

    /// Every call made so far, by site, operation and how it ended; sorted.
    pub fn calls(&self) -> Vec<CallCount> {
        self.meter.calls()
    }
}
