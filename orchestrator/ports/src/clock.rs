//! Time from outside.

use wavetrain_model::time::Timestamp;

/// Wall time, and how to wait for it.
#[async_trait::async_trait]
pub trait Clock: Send + Sync {
    /// Now.
    fn now(&self) -> Timestamp;

    /// Returns once `now()` has reached `until` (at once if it has).
    async fn sleep_until(&self, until: Timestamp);
}
