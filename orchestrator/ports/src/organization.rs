//! Accounts of AWS Organizations.

use crate::failure::Failure;
use async_trait::async_trait;
use wavetrain_model::id::AccountId;

/// Who belongs to an organization.
#[async_trait]
pub trait Organization: Send + Sync {
    /// The active accounts in units (`ou-…`) and roots (`r-…`), and in all units below them; sorted, each once. With the
    /// caller's own credentials: only the management account and delegated administrators may ask.
    async fn accounts(&self, units: &[String]) -> Result<Vec<AccountId>, Failure>;
}
