//! Counts calls, so that a run can say what it cost AWS's API limits.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use wavetrain_ports::failure::Class;

/// How often one operation ended one way at one site.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct CallCount {
    /// `account/region`, or `caller` for calls with the caller's own identity.
    pub site: Arc<str>,
    /// API operation, such as `ListCommands`.
    pub operation: &'static str,
    /// `ok`, or the failure's class such as `throttled`.
    pub outcome: &'static str,
    /// Calls, each counted once however often the SDK repeated it inside.
    pub count: u64,
}

type Key = (Arc<str>, &'static str, &'static str);

/// The table of counters.
#[derive(Debug, Default)]
pub(crate) struct Meter {
    counts: Mutex<BTreeMap<Key, u64>>,
}

impl Meter {
    /// Counts one call; None is success.
    pub(crate) fn count(&self, site: &Arc<str>, operation: &'static str, failed: Option<Class>) {
        let key = (Arc::clone(site), operation, failed.map_or("ok", outcome));
        // A poisoned table still holds whole numbers: nothing is written in two steps.
        *self.counts.lock().unwrap_or_else(PoisonError::into_inner).entry(key).or_insert(0) += 1;
    }

    pub(crate) fn calls(&self) -> Vec<CallCount> {
        let counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let row = |((site, operation, outcome), count): (&Key, &u64)| CallCount {
            site: Arc::clone(site),
            operation,
            outcome,
            count: *count,
        };
        counts.iter().map(row).collect()
    }
}

fn outcome(class: Class) -> &'static str {
    match class {
        Class::Throttled => "throttled",
        Class::Denied => "denied",
        Class::Expired => "expired",
        Class::NotFound => "not_found",
        Class::Invalid => "invalid",
        Class::Unavailable => "unavailable",
        Class::UnknownOutcome => "unknown_outcome",
    }
}
