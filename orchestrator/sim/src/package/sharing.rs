//! Who but its owner may read a document.

use std::collections::BTreeMap;

use crate::world_file::Place;

/// Every account, in a list of accounts.
pub const EVERYONE: &str = "all";

/// Which versions of a document an account may read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shared {
    /// The default version only, which is what a share means that says nothing else.
    Default,
    /// The latest version only.
    Latest,
    /// Every version.
    All,
}

impl Shared {
    /// Reads `SharedDocumentVersion`.
    pub fn from_word(word: Option<&str>) -> Self {
        match word {
            Some("$ALL") => Self::All,
            Some("$LATEST") => Self::Latest,
            _ => Self::Default,
        }
    }

    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Default => "$DEFAULT",
            Self::Latest => "$LATEST",
            Self::All => "$ALL",
        }
    }
}

/// Who may read a document.
#[derive(Debug, Clone, PartialEq)]
pub enum Sharing {
    /// As the world file says, all versions.
    Declared {
        /// Accounts; every one when absent.
        with: Option<Vec<String>>,
        /// Sites the share does not reach.
        not_in: Vec<Place>,
    },
    /// Accounts, or [`EVERYONE`], and what they may read.
    Listed(BTreeMap<String, Shared>),
}

impl Sharing {
    /// What an account may read in a Region.
    pub fn with(&self, account: &str, region: &str) -> Option<Shared> {
        match self {
            Self::Declared { with, not_in } => {
                let listed = with.as_ref().is_none_or(|list| list.iter().any(|shared| shared == account));
                let reached = !not_in.iter().any(|place| place.covers(account, region));
                (listed && reached).then_some(Shared::All)
            }
            Self::Listed(accounts) => accounts.get(account).or_else(|| accounts.get(EVERYONE)).copied(),
        }
    }

    /// The accounts by name, of those there are in the world.
    pub fn listed<'a>(
        &self,
        accounts: impl Iterator<Item = &'a str>,
        owner: &str,
        region: &str,
    ) -> BTreeMap<String, Shared> {
        match self {
            Self::Listed(listed) => listed.clone(),
            Self::Declared { .. } => accounts
                .filter(|account| *account != owner)
                .filter_map(|account| Some((account.to_owned(), self.with(account, region)?)))
                .collect(),
        }
    }
}
