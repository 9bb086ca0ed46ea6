//! What every implementation of [`Store`] must do, as one suite.
//!
//! `wavetrain_store::conformance_tests!(expression)` writes one test per rule; the expression gives a fresh,
//! empty store (anything that derefs to one, so that it can keep a temporary file alive). The crate that uses
//! it needs tokio's `macros` and `rt` for its tests.

// This is test code that other crates' tests can call.
#![allow(clippy::unwrap_used, clippy::missing_panics_doc)]

mod commits;
mod leases;
mod records;
mod rollouts;

pub use commits::*;
pub use leases::*;
pub use records::*;
pub use rollouts::*;

use crate::{
    Commit, LeaseAnswer, LeaseToken, LedgerEntry, NewEvent, NewIntent, NewOrder, NewQuarantine, NewRollout,
    Store, Summary, TakenOrder,
};

/// Writes one `#[tokio::test]` per rule of the suite, each with a store of its own.
#[macro_export]
macro_rules! conformance_tests {
    ($open:expr) => {
        $crate::conformance_tests! { @each $open;
            a_new_rollout_reads_back_as_it_was_given
            a_lost_update_is_refused
            a_stale_lease_is_refused
            a_commit_needs_the_lease_its_rollout_was_created_under
            a_commit_that_fails_in_the_middle_leaves_nothing
            a_commit_without_events_keeps_the_version
            loading_starts_at_the_snapshot
            a_snapshot_ahead_of_the_log_is_refused
            events_are_read_in_pages
            intents_open_get_a_handle_and_settle
            an_intent_of_an_unknown_id_is_refused
            orders_reach_the_holder_and_their_outcome_the_poster
            an_order_is_taken_once_and_by_its_own_rollout
            the_ledger_keeps_the_last_word_per_node_and_package
            a_quarantine_lasts_until_it_is_cleared
            a_quarantine_is_part_of_the_commit
            only_one_holder_has_a_lease
            the_same_holder_acquires_again_at_the_same_epoch
            an_expired_lease_is_taken_over_at_a_higher_epoch
            a_released_lease_never_goes_back_to_an_old_epoch
            a_rollout_is_created_once_and_under_a_lease
            a_second_active_rollout_of_a_name_is_refused
            rollouts_are_listed_newest_first
            a_name_finds_the_active_rollout_then_the_newest
            unknown_ids_are_not_found
        }
    };
    (@each $open:expr; $($rule:ident)*) => {
        $(
            #[tokio::test]
            async fn $rule() {
                let store = $open;
                $crate::conformance::$rule(&*store).await;
            }
        )*
    };
}

const TTL_MS: u64 = 30_000;

/// A lease on `resource`, held by `holder` from time zero.
pub async fn lease_on(store: &dyn Store, resource: &str, holder: &str) -> LeaseToken {
    match store.acquire_lease(resource, holder, 0, TTL_MS).await.unwrap() {
        LeaseAnswer::Acquired { token, .. } => token,
        LeaseAnswer::Held(other) => panic!("{resource} is held by {other:?}"),
    }
}

/// An event whose payload tells events apart.
pub fn event(number: u64) -> NewEvent {
    NewEvent {
        kind: format!("kind-{number}"),
        payload_version: 3,
        payload: number.to_be_bytes().to_vec(),
        at_ms: 1_000 + i64::try_from(number).unwrap(),
        actor: "machine".to_owned(),
    }
}

/// A summary of an active rollout of this name.
pub fn summary(name: &str, phase: &str) -> Summary {
    Summary {
        name: name.to_owned(),
        package: "agent".to_owned(),
        version: "7.58.0-1".to_owned(),
        phase: phase.to_owned(),
        headline: format!("{name} is {phase}"),
        active: true,
        updated_at_ms: 5,
    }
}

/// A rollout to create: id, name, and one event.
pub fn rollout(id: &str, name: &str) -> NewRollout {
    NewRollout {
        id: id.to_owned(),
        plan_digest: "sha256:0".to_owned(),
        plan: br#"{"waves":[]}"#.to_vec(),
        created_at_ms: 10,
        summary: summary(name, "running"),
        events: vec![event(1)],
        new_intents: Vec::new(),
        snapshot: None,
    }
}

/// Creates rollout `r` of name `web` under a fresh lease; its version is 1.
pub async fn started(store: &dyn Store) -> LeaseToken {
    let lease = lease_on(store, "web", "host-a").await;
    assert_eq!(store.create_rollout(rollout("r", "web"), &lease).await, Ok(1));
    lease
}

/// A commit of rollout `r` on this version that changes only the summary.
pub fn commit(version: u64, lease: &LeaseToken) -> Commit {
    Commit::new("r", version, lease.clone(), summary("web", "running"))
}

fn intent(id: &str, at_ms: i64) -> NewIntent {
    NewIntent {
        id: id.to_owned(),
        kind: "send".to_owned(),
        payload_version: 1,
        payload: id.as_bytes().to_vec(),
        at_ms,
    }
}

fn seen(node: &str, package: &str, version: Option<&str>, at_ms: i64) -> LedgerEntry {
    LedgerEntry {
        account: "111122223333".to_owned(),
        region: "eu-west-1".to_owned(),
        node: node.to_owned(),
        package: package.to_owned(),
        version: version.map(str::to_owned),
        verified: version.is_some(),
        at_ms,
    }
}

fn order(rollout: &str, kind: &str) -> NewOrder {
    NewOrder {
        rollout: rollout.to_owned(),
        kind: kind.to_owned(),
        payload: b"why".to_vec(),
        actor: "ana".to_owned(),
        at_ms: 7,
    }
}

fn taken(id: u64, accepted: bool) -> TakenOrder {
    TakenOrder { id, accepted, outcome: format!("outcome of {id}"), at_ms: 8 }
}

fn quarantine(version: &str) -> NewQuarantine {
    NewQuarantine {
        package: "agent".to_owned(),
        version: version.to_owned(),
        reason: "crashes".to_owned(),
        since_ms: 3,
        by: "rollout r".to_owned(),
    }
}

async fn versions(store: &dyn Store) -> Vec<String> {
    store.quarantine_list().await.unwrap().into_iter().map(|q| q.entry.version).collect()
}

async fn open_ids(store: &dyn Store) -> Vec<String> {
    store.open_intents("r").await.unwrap().into_iter().map(|i| i.id).collect()
}
