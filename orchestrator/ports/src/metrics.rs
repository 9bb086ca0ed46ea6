//! Health signals.

use crate::failure::Failure;
use async_trait::async_trait;
use wavetrain_model::fleet::Site;
use wavetrain_model::gate::Alarm;

/// CloudWatch. Reads only.
#[async_trait]
pub trait Metrics: Send + Sync {
    /// `DescribeAlarms`, all alarm types, all pages: those named plus those with the prefix, each once, sorted by name. Names that
    /// do not exist are simply absent: the caller compares.
    async fn alarms(
        &self,
        site: &Site,
        names: &[String],
        prefix: Option<&str>,
    ) -> Result<Vec<Alarm>, Failure>;
}
