//! Sharing with the accounts of a fleet.

use super::{Error, Publisher, Step};
use wavetrain_model::fleet::Site;
use wavetrain_model::id::AccountId;
use wavetrain_ports::registry::{ACCOUNTS_PER_CALL, ACCOUNTS_PER_DOCUMENT};

/// All versions: shared otherwise, an account may install the default version only, and none that it shall go back to.
const ALL: &str = "$ALL";

impl Publisher<'_> {
    /// Shares all versions with these accounts; nobody else loses anything. How many were added.
    ///
    /// # Errors
    /// AWS did not do it, or they are too many.
    pub async fn share(&self, site: &Site, package: &str, accounts: &[AccountId]) -> Result<usize, Error> {
        let wanted: Vec<&AccountId> = accounts.iter().filter(|account| **account != site.account).collect();
        if wanted.is_empty() {
            return Ok(0);
        }
        let shares = self.patiently(|| self.registry.shares(site, package)).await?;
        let has = |account: &AccountId| shares.get(account).is_some_and(|versions| versions == ALL);
        let missing: Vec<AccountId> = wanted.into_iter().filter(|account| !has(account)).cloned().collect();
        let accounts = shares.len() + missing.iter().filter(|account| !shares.contains_key(account)).count();
        if accounts > ACCOUNTS_PER_DOCUMENT {
            return Err(Error::TooManyAccounts { accounts, limit: ACCOUNTS_PER_DOCUMENT });
        }
        for some in missing.chunks(ACCOUNTS_PER_CALL) {
            self.patiently(|| self.registry.share(site, package, some)).await?;
        }
        if !missing.is_empty() {
            (self.watcher)(site, Step::Shared(missing.len()));
        }
        Ok(missing.len())
    }
}
