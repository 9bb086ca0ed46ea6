//! What an agent's output says about an `AWS-ConfigureAWSPackage` run.
//!
//! Lines are not chronological, so they are read as a set. The agent's own account of its rollback is kept as a claim,
//! never as a fact: it may have run the new version's scripts under the old version's name.

use crate::limit::EXCERPT_CHARS;
use serde::{Deserialize, Serialize};

/// Invocation status, from `StatusDetails` (compared without spaces and case), then `Status`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Not yet at the agent, or delivery is being retried.
    Pending,
    /// The agent works on it, or is gone while it should.
    InProgress,
    /// Exit code 0: read the output before believing it.
    Success,
    /// The plugin failed.
    Failed,
    /// The agent said that a script took too long.
    ExecutionTimedOut,
    /// Expired without an answer; the install may have happened.
    DeliveryTimedOut,
    /// Cancelled by `CancelCommand`, or being cancelled.
    Cancelled,
    /// Never sent: the command's error budget was used up.
    Terminated,
    /// The node is gone.
    Undeliverable,
    /// The document is not for this platform.
    InvalidPlatform,
    /// The service may not reach the node.
    AccessDenied,
    /// A word this program does not know: not terminal, carried as it came.
    Other(String),
}

impl Status {
    /// Reads SSM's two status texts.
    pub fn parse(status: &str, details: &str) -> Self {
        let plain = |text: &str| text.replace(' ', "").to_ascii_lowercase();
        Self::word(&plain(details)).or_else(|| Self::word(&plain(status))).unwrap_or_else(|| {
            Self::Other(if details.is_empty() { status.to_owned() } else { details.to_owned() })
        })
    }

    fn word(plain: &str) -> Option<Self> {
        Some(match plain {
            "pending" | "delayed" => Self::Pending,
            "inprogress" | "cancelling" => Self::InProgress,
            "success" => Self::Success,
            "failed" => Self::Failed,
            "executiontimedout" => Self::ExecutionTimedOut,
            "deliverytimedout" | "timedout" => Self::DeliveryTimedOut,
            "cancelled" => Self::Cancelled,
            "terminated" => Self::Terminated,
            "undeliverable" => Self::Undeliverable,
            "invalidplatform" => Self::InvalidPlatform,
            "accessdenied" => Self::AccessDenied,
            _ => return None,
        })
    }

    /// Whether the invocation will not change any more.
    pub fn is_terminal(&self) -> bool {
        match self {
            Self::Pending | Self::InProgress | Self::Other(_) => false,
            Self::Success
            | Self::Failed
            | Self::ExecutionTimedOut
            | Self::DeliveryTimedOut
            | Self::Cancelled
            | Self::Terminated
            | Self::Undeliverable
            | Self::InvalidPlatform
            | Self::AccessDenied => true,
        }
    }
}

/// The decisive lines of an invocation's output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[expect(clippy::struct_excessive_bools, reason = "a set of lines that were seen or not")]
pub struct Trace {
    /// `Successfully installed P V`.
    pub installed: bool,
    /// `P V is already installed`.
    pub already: bool,
    /// `Successfully uninstalled P V`.
    pub uninstalled: bool,
    /// `version: V is not installed`.
    pub not_installed: bool,
    /// `successfully rolled back to P W`: a claim.
    pub rolled_back: bool,
    /// The package lock was held: nothing was done.
    pub busy: bool,
    /// Manifest, platform, file or completeness trouble before any script ran: what was installed is untouched.
    pub untouched: bool,
}

impl Trace {
    /// Reads an invocation's combined output.
    pub fn read(output: &str) -> Self {
        let has = |text: &str| output.contains(text);
        Self {
            installed: has("Successfully installed "),
            already: has(" is already installed"),
            uninstalled: has("Successfully uninstalled "),
            not_installed: has(" is not installed"),
            rolled_back: has("successfully rolled back to "),
            busy: has("is already in the process of action"),
            untouched: !has("Failed to install package; install status Failed")
                && (has("failed to download manifest")
                    || has("package document is not currently active")
                    || has("failed to find platform")
                    || has("Package is not supported")
                    || has("Package is incomplete")
                    || has("failed to download installation package reliably")),
        }
    }
}

/// The end of an output, short enough to keep as evidence; cut at a word, with `…` in front. The caller has redacted it.
pub fn excerpt(output: &str) -> String {
    let text = output.trim();
    let skip = text.chars().count().saturating_sub(EXCERPT_CHARS);
    if skip == 0 {
        return text.to_owned();
    }
    let tail: String = text.chars().skip(skip).collect();
    let tail = tail.split_once(char::is_whitespace).map_or(tail.as_str(), |(_, rest)| rest);
    format!("… {}", tail.trim_start())
}

/// Removes query strings from URLs: a failed download prints the attachment's presigned address, signature included.
pub fn redact(output: &str) -> String {
    let mut clean = String::with_capacity(output.len());
    let mut in_url = false;
    let mut dropping = false;
    let mut rest = output;
    while let Some(first) = rest.chars().next() {
        if rest.starts_with("https://") || rest.starts_with("http://") {
            in_url = true;
        }
        if first.is_whitespace() || matches!(first, '"' | '\'' | '<' | '>' | '}' | ')') {
            in_url = false;
            dropping = false;
        }
        if in_url && first == '?' {
            dropping = true;
            clean.push_str("?<redacted>");
        }
        if !dropping {
            clean.push(first);
        }
        rest = &rest[first.len_utf8()..];
    }
    clean
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses_are_read_with_and_without_spaces_and_unknown_ones_are_carried() {
        assert_eq!(Status::parse("TimedOut", "Delivery Timed Out"), Status::DeliveryTimedOut);
        assert_eq!(Status::parse("TimedOut", "ExecutionTimedOut"), Status::ExecutionTimedOut);
        assert_eq!(Status::parse("Success", ""), Status::Success);
        assert_eq!(Status::parse("Failed", "SomethingNew"), Status::Failed);
        assert_eq!(Status::parse("Odd", "SomethingNew"), Status::Other("SomethingNew".to_owned()));
        assert!(!Status::Other("x".to_owned()).is_terminal());
    }

    #[test]
    fn a_presigned_url_loses_its_query() {
        let text = "reliably, https://b.s3.amazonaws.com/a.zip?X-Amz-Signature=abc&x=1, failed to verify";
        let clean = redact(text);
        assert!(!clean.contains("abc"), "{clean}");
        assert!(clean.contains("https://b.s3.amazonaws.com/a.zip?<redacted>"), "{clean}");
        assert!(clean.contains("failed to verify"), "{clean}");
    }

    #[test]
    fn a_long_output_is_cut_at_a_word() {
        let text = format!("Initiating tool 2 install {}Failed to install", "word ".repeat(200));
        let short = excerpt(&text);
        assert!(short.starts_with("… word ") && short.ends_with("Failed to install"), "{short}");
    }

    #[test]
    fn a_failed_upgrade_is_not_read_as_untouched() {
        let trace = Trace::read(
            "Initiating p 2 install\nFailed to install p 2, successfully rolled back to p 1\n\
             Failed to install package; install status Failed",
        );
        assert!(trace.rolled_back && !trace.untouched && !trace.installed);
    }
}
