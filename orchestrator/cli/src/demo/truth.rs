//! The world's own record: what no client of AWS could ask for.

use crate::exit::{Exit, Stop};
use crate::http;
use serde::Deserialize;
use std::collections::BTreeMap;
use wavetrain_model::time::Timestamp;

/// The package of the demo.
pub const PACKAGE: &str = "datadog-agent";

/// One node as it really is.
#[derive(Debug, Clone, Deserialize)]
pub struct Node {
    /// Id.
    pub id: String,
    /// `Linux` or `Windows`.
    pub platform: String,
    /// What is really installed, by product.
    bits: BTreeMap<String, Bits>,
    /// How many commands were sent to it, whether or not they reached it.
    pub sent: u32,
    /// Commands that reached its agent, oldest first.
    pub commands: Vec<Receipt>,
    /// Changes of what is installed, oldest first.
    pub changes: Vec<Change>,
}

#[derive(Debug, Clone, Deserialize)]
struct Bits {
    version: Option<String>,
}

/// A command that reached an agent.
#[derive(Debug, Clone, Deserialize)]
pub struct Receipt {
    at: String,
    /// `Install` or `Uninstall`; empty for scripts.
    pub action: String,
    /// VersionName; the command text for scripts.
    pub version: String,
    /// The marker.
    pub comment: String,
}

/// A change of what is installed.
#[derive(Debug, Clone, Deserialize)]
pub struct Change {
    at: String,
}

impl Node {
    /// The version that is really there; None: nothing.
    pub fn version(&self) -> Option<&str> {
        self.bits.get(PACKAGE).and_then(|bits| bits.version.as_deref())
    }

    /// Commands that asked to install this version.
    pub fn installs<'n>(&'n self, version: &'n str) -> impl Iterator<Item = &'n Receipt> {
        self.commands.iter().filter(move |receipt| receipt.action == "Install" && receipt.version == version)
    }

    /// Whether a package command of any kind reached it.
    pub fn was_changed(&self) -> bool {
        self.commands.iter().any(|receipt| !receipt.action.is_empty())
    }
}

impl Receipt {
    /// When it arrived.
    pub fn at(&self) -> Timestamp {
        moment(&self.at)
    }

    /// The number of the intent in its marker.
    pub fn intent(&self) -> Option<u64> {
        self.comment.rsplit(' ').next()?.parse().ok()
    }
}

impl Change {
    /// When it happened.
    pub fn at(&self) -> Timestamp {
        moment(&self.at)
    }
}

/// A moment as the world writes it.
fn moment(text: &str) -> Timestamp {
    // The world writes RFC 3339; anything else would fail every check of an order in time, visibly.
    Timestamp(text.parse::<jiff::Timestamp>().map_or(0, jiff::Timestamp::as_millisecond))
}

/// Every node.
pub async fn nodes(endpoint_url: &str) -> Result<Vec<Node>, Stop> {
    page(endpoint_url, "/_sim/nodes").await
}

/// Calls received so far.
pub async fn calls(endpoint_url: &str) -> Result<u64, Stop> {
    #[derive(Deserialize)]
    struct Summary {
        calls: u64,
    }
    Ok(page::<Summary>(endpoint_url, "/_sim/summary").await?.calls)
}

async fn page<T: serde::de::DeserializeOwned>(endpoint_url: &str, path: &str) -> Result<T, Stop> {
    let failed =
        |why: String| Stop::new(Exit::Unexpected, format!("cannot read the world's truth at {path}: {why}"));
    let body = http::get(endpoint_url, path).await.map_err(|error| failed(error.to_string()))?;
    serde_json::from_slice(&body).map_err(|error| failed(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_intent_is_the_last_word_of_a_marker() {
        let receipt = Receipt {
            at: "2026-03-02T08:00:00.500Z".to_owned(),
            action: "Install".to_owned(),
            version: "1".to_owned(),
            comment: "wavetrain 0190-… 17".to_owned(),
        };
        assert_eq!(receipt.intent(), Some(17));
        assert_eq!(receipt.at().0 % 1000, 500);
    }
}
