//! Health signals from outside of AWS.

use crate::failure::Failure;
use async_trait::async_trait;
use wavetrain_model::gate::{Found, Series, Window};
use wavetrain_model::spec::{Http, Prometheus};

/// Servers that plan files name. Reads only.
#[async_trait]
pub trait Signals: Send + Sync + std::fmt::Debug {
    /// `/api/v1/query` at the window's end, or `/api/v1/query_range` over it. What is not a finite number, or came with a
    /// warning, leaves a series incomplete. A query on a metric that does not exist is no failure: it has no series.
    async fn prometheus(&self, ask: &Prometheus, window: Window) -> Result<Vec<Series>, Failure>;

    /// `GET`, without following redirects; any status is an answer.
    async fn http(&self, ask: &Http) -> Result<Found, Failure>;
}
