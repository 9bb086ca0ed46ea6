//! What every implementation of [`Store`] must do, as one suite.
//!
//! `wavetrain_store::conformance_tests!(expression)` writes one test per rule; the expression gives a fresh,
//! empty store (anything that derefs to one, so that it can keep a temporary file alive). The crate that uses
//! it needs tokio's `macros` and `rt` for its tests.

// This is test code that other crates' tests can call.
#![allow(clippy::unwrap_used, clippy::missing_panics_doc)]

use crate::{
    Cleared, Commit, Error, IntentHandle, IntentStatus, LeaseAnswer, LeaseRecord, LeaseToken, LedgerEntry,
    LedgerSite, NewEvent, NewIntent, NewOrder, NewQuarantine, NewRollout, OrderOutcome, SnapshotRecord,
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

/// Plan bytes (large ones too), events, intents and summary come back unchanged.
pub async fn a_new_rollout_reads_back_as_it_was_given(store: &dyn Store) {
    let lease = lease_on(store, "web", "host-a").await;
    let plan = br#"{"node":"i-0123456789abcdef0"},"#.repeat(20_000);
    let mut new = rollout("r", "web");
    new.plan.clone_from(&plan);
    new.events.push(event(2));
    new.new_intents.push(intent("i1", 4));
    assert_eq!(store.create_rollout(new, &lease).await, Ok(2));

    let loaded = store.load("r").await.unwrap();
    assert_eq!(loaded.plan, plan);
    assert_eq!(loaded.rollout.version, 2);
    assert_eq!(loaded.rollout.resource, "web");
    assert_eq!(loaded.rollout.plan_digest, "sha256:0");
    assert_eq!(loaded.rollout.created_at_ms, 10);
    assert_eq!(loaded.rollout.summary, summary("web", "running"));
    assert_eq!(loaded.snapshot, None);
    let NewEvent { kind, payload_version, payload, at_ms, actor } = event(2);
    let second = &loaded.events[1];
    assert_eq!((second.seq, &second.kind, second.payload_version), (2, &kind, payload_version));
    assert_eq!((&second.payload, second.at_ms, &second.actor), (&payload, at_ms, &actor));
    assert_eq!(open_ids(store).await, ["i1"]);
    assert_eq!(store.find_by_id("r").await.unwrap(), Some(loaded.rollout));
}

/// Of two commits decided on the same version, the second is refused.
pub async fn a_lost_update_is_refused(store: &dyn Store) {
    let lease = started(store).await;
    let mut first = commit(1, &lease);
    first.events = vec![event(2), event(3)];
    assert_eq!(store.commit(first.clone()).await, Ok(3));
    let refused = store.commit(first).await;
    assert_eq!(refused, Err(Error::VersionConflict { rollout: "r".to_owned(), expected: 1, found: 3 }));
    assert_eq!(store.load("r").await.unwrap().events.len(), 3);
}

/// A holder whose lease was taken over can no longer write, renew or free the lease.
pub async fn a_stale_lease_is_refused(store: &dyn Store) {
    let old = started(store).await;
    let after = i64::try_from(TTL_MS).unwrap();
    let LeaseAnswer::Acquired { token: new, .. } =
        store.acquire_lease("web", "host-b", after, TTL_MS).await.unwrap()
    else {
        panic!("an expired lease was not given");
    };
    let lost = Error::LeaseLost {
        resource: "web".to_owned(),
        epoch: old.epoch,
        holder: Some("host-b".to_owned()),
        found_epoch: new.epoch,
    };
    assert_eq!(store.commit(commit(1, &old)).await, Err(lost.clone()));
    assert_eq!(store.renew_lease(&old, after, TTL_MS).await, Err(lost));
    // The same name with a guessed epoch, and the right epoch with another name, are no better.
    let guessed = LeaseToken { epoch: new.epoch, ..old.clone() };
    assert!(matches!(store.commit(commit(1, &guessed)).await, Err(Error::LeaseLost { .. })));

    store.release_lease(&old).await.unwrap();
    assert_eq!(store.lease("web").await.unwrap().unwrap().holder, "host-b");
    assert_eq!(store.commit(commit(1, &new)).await, Ok(1));
}

/// Holding some other lease is not enough.
pub async fn a_commit_needs_the_lease_its_rollout_was_created_under(store: &dyn Store) {
    started(store).await;
    let other = lease_on(store, "another", "host-a").await;
    assert!(matches!(store.commit(commit(1, &other)).await, Err(Error::Invalid { .. })));
    let never = LeaseToken { resource: "never".to_owned(), holder: "host-a".to_owned(), epoch: 1 };
    assert!(matches!(store.commit(commit(1, &never)).await, Err(Error::LeaseLost { found_epoch: 0, .. })));
}

/// The last part of a commit fails; nothing of the parts before it is there.
pub async fn a_commit_that_fails_in_the_middle_leaves_nothing(store: &dyn Store) {
    let lease = started(store).await;
    let before = store.load("r").await.unwrap();
    let mut failing = commit(1, &lease);
    failing.events = vec![event(2)];
    failing.new_intents = vec![intent("i1", 1)];
    failing.snapshot = Some(SnapshotRecord { seq: 2, payload_version: 1, payload: b"state".to_vec() });
    failing.summary.phase = "paused".to_owned();
    failing.ledger = vec![seen("i-1", "agent", Some("1"), 1)];
    failing.quarantine = Some(quarantine("7.58.0-1"));
    failing.orders_taken = vec![taken(404, true)];
    assert!(matches!(store.commit(failing.clone()).await, Err(Error::NotFound { what: "order", .. })));

    assert_eq!(store.load("r").await.unwrap(), before);
    assert_eq!(open_ids(store).await, Vec::<String>::new());
    assert_eq!(store.ledger("agent", None).await.unwrap(), []);
    assert_eq!(versions(store).await, Vec::<String>::new());
    failing.orders_taken.clear();
    assert_eq!(store.commit(failing).await, Ok(2));
    assert_eq!(open_ids(store).await, ["i1"]);
}

/// Settling or naming an intent, or a new headline, may come without an event.
pub async fn a_commit_without_events_keeps_the_version(store: &dyn Store) {
    let lease = started(store).await;
    let mut quiet = commit(1, &lease);
    quiet.summary = summary("web", "held");
    assert_eq!(store.commit(quiet).await, Ok(1));
    assert_eq!(store.find_by_id("r").await.unwrap().unwrap().summary.phase, "held");
    let mut renamed = commit(1, &lease);
    renamed.summary.name = "db".to_owned();
    assert!(matches!(store.commit(renamed).await, Err(Error::Invalid { .. })));
}

/// The newest snapshot and only the events after it are loaded; the whole log stays readable.
pub async fn loading_starts_at_the_snapshot(store: &dyn Store) {
    let lease = started(store).await;
    for (version, seq) in [(1, 2), (3, 4)] {
        let mut next = commit(version, &lease);
        next.events = vec![event(version + 1), event(version + 2)];
        let payload = format!("state at {seq};").repeat(1_000).into_bytes();
        next.snapshot = Some(SnapshotRecord { seq, payload_version: 9, payload });
        store.commit(next).await.unwrap();
    }
    let loaded = store.load("r").await.unwrap();
    let snapshot = loaded.snapshot.unwrap();
    assert_eq!((snapshot.seq, snapshot.payload_version), (4, 9));
    assert_eq!(snapshot.payload, "state at 4;".repeat(1_000).into_bytes());
    assert_eq!(loaded.events.iter().map(|e| e.seq).collect::<Vec<_>>(), [5]);
    assert_eq!(loaded.rollout.version, 5);
    assert_eq!(store.events("r", 0, 100).await.unwrap().len(), 5);

    // A commit without a snapshot keeps the one there is.
    let mut next = commit(5, &lease);
    next.events = vec![event(6)];
    store.commit(next).await.unwrap();
    let loaded = store.load("r").await.unwrap();
    assert_eq!((loaded.snapshot.unwrap().seq, loaded.events.len()), (4, 2));
}

/// A snapshot of events that are not there would make loading skip the next ones.
pub async fn a_snapshot_ahead_of_the_log_is_refused(store: &dyn Store) {
    let lease = started(store).await;
    let mut ahead = commit(1, &lease);
    ahead.events = vec![event(2)];
    ahead.snapshot = Some(SnapshotRecord { seq: 3, payload_version: 1, payload: Vec::new() });
    assert!(matches!(store.commit(ahead).await, Err(Error::Invalid { .. })));
    assert_eq!(store.load("r").await.unwrap().rollout.version, 1);
}

/// Pages of events join without gaps, and past the end there is nothing.
pub async fn events_are_read_in_pages(store: &dyn Store) {
    let lease = started(store).await;
    let mut more = commit(1, &lease);
    more.events = (2..=7).map(event).collect();
    store.commit(more).await.unwrap();
    let (mut after, mut all) = (0, Vec::new());
    loop {
        let page = store.events("r", after, 3).await.unwrap();
        assert!(page.len() <= 3);
        let Some(last) = page.last() else { break };
        after = last.seq;
        all.extend(page.into_iter().map(|e| e.seq));
    }
    assert_eq!(all, [1, 2, 3, 4, 5, 6, 7]);
    assert_eq!(store.events("r", u64::MAX, usize::MAX).await.unwrap(), []);
    assert_eq!(store.events("r", 0, 0).await.unwrap(), []);
}

/// An intent's life: recorded under an epoch, named, settled; settled twice without harm.
pub async fn intents_open_get_a_handle_and_settle(store: &dyn Store) {
    let lease = started(store).await;
    let mut first = commit(1, &lease);
    first.new_intents = vec![intent("late", 9), intent("b", 2), intent("a", 2)];
    first.handles = vec![IntentHandle { intent: "b".to_owned(), handle: "cmd-1".to_owned() }];
    store.commit(first).await.unwrap();
    assert_eq!(open_ids(store).await, ["a", "b", "late"]);
    let b = &store.open_intents("r").await.unwrap()[1];
    assert_eq!((b.status, b.epoch, b.handle.as_deref()), (IntentStatus::Open, lease.epoch, Some("cmd-1")));
    assert_eq!(
        (b.kind.as_str(), b.payload_version, b.payload.as_slice(), b.at_ms),
        ("send", 1, &b"b"[..], 2)
    );

    for _ in 0..2 {
        let mut settling = commit(1, &lease);
        settling.settled = vec!["b".to_owned()];
        store.commit(settling).await.unwrap();
        assert_eq!(open_ids(store).await, ["a", "late"]);
    }
    // An intent may be recorded and settled by one decision.
    let mut both = commit(1, &lease);
    both.new_intents = vec![intent("c", 3)];
    both.settled = vec!["c".to_owned(), "a".to_owned()];
    store.commit(both).await.unwrap();
    assert_eq!(open_ids(store).await, ["late"]);
}

/// An id that is taken, or not there, refuses the commit.
pub async fn an_intent_of_an_unknown_id_is_refused(store: &dyn Store) {
    let lease = started(store).await;
    let mut first = commit(1, &lease);
    first.new_intents = vec![intent("i1", 1)];
    store.commit(first.clone()).await.unwrap();
    assert!(matches!(store.commit(first).await, Err(Error::Duplicate { what: "intent", .. })));
    let mut twice = commit(1, &lease);
    twice.new_intents = vec![intent("i2", 1), intent("i2", 1)];
    assert!(matches!(store.commit(twice).await, Err(Error::Duplicate { what: "intent", .. })));
    let mut settling = commit(1, &lease);
    settling.settled = vec!["none".to_owned()];
    assert!(matches!(store.commit(settling).await, Err(Error::NotFound { what: "intent", .. })));
    let mut naming = commit(1, &lease);
    naming.handles = vec![IntentHandle { intent: "none".to_owned(), handle: "h".to_owned() }];
    assert!(matches!(store.commit(naming).await, Err(Error::NotFound { what: "intent", .. })));
    assert_eq!(open_ids(store).await, ["i1"]);
}

/// An order waits until a commit takes it; then its poster can read what became of it.
pub async fn orders_reach_the_holder_and_their_outcome_the_poster(store: &dyn Store) {
    let lease = started(store).await;
    let pause = store.post_order(order("r", "pause")).await.unwrap();
    let abort = store.post_order(order("r", "abort")).await.unwrap();
    assert!(pause < abort);
    let waiting = store.pending_orders("r").await.unwrap();
    assert_eq!(waiting.iter().map(|o| o.id).collect::<Vec<_>>(), [pause, abort]);
    assert_eq!(waiting[0].order, order("r", "pause"));
    assert_eq!(store.order_outcome(pause).await, Ok(None));

    let mut taking = commit(1, &lease);
    taking.events = vec![event(2)];
    taking.orders_taken = vec![taken(pause, true), taken(abort, false)];
    store.commit(taking).await.unwrap();
    assert_eq!(store.pending_orders("r").await.unwrap(), []);
    let outcome =
        |id: u64, accepted| Some(OrderOutcome { accepted, outcome: format!("outcome of {id}"), at_ms: 8 });
    assert_eq!(store.order_outcome(pause).await.unwrap(), outcome(pause, true));
    assert_eq!(store.order_outcome(abort).await.unwrap(), outcome(abort, false));
}

/// A second outcome would contradict the one already shown.
pub async fn an_order_is_taken_once_and_by_its_own_rollout(store: &dyn Store) {
    let lease = started(store).await;
    let other = lease_on(store, "db", "host-a").await;
    store.create_rollout(rollout("s", "db"), &other).await.unwrap();
    let mine = store.post_order(order("r", "pause")).await.unwrap();
    let theirs = store.post_order(order("s", "pause")).await.unwrap();
    let mut stealing = commit(1, &lease);
    stealing.orders_taken = vec![taken(theirs, true)];
    assert!(matches!(store.commit(stealing).await, Err(Error::NotFound { what: "order", .. })));
    let mut taking = commit(1, &lease);
    taking.orders_taken = vec![taken(mine, true)];
    store.commit(taking.clone()).await.unwrap();
    assert!(matches!(store.commit(taking).await, Err(Error::Duplicate { .. })));
    let mut twice = commit(1, &lease);
    let again = store.post_order(order("r", "resume")).await.unwrap();
    twice.orders_taken = vec![taken(again, true), taken(again, false)];
    assert!(matches!(store.commit(twice).await, Err(Error::Duplicate { .. })));
    assert_eq!(store.pending_orders("r").await.unwrap().len(), 1);
    assert_eq!(store.pending_orders("s").await.unwrap().len(), 1);
}

/// Later entries replace earlier ones of the same node and package, and nothing else.
pub async fn the_ledger_keeps_the_last_word_per_node_and_package(store: &dyn Store) {
    let lease = started(store).await;
    let far = LedgerEntry { region: "us-east-1".to_owned(), ..seen("i-9", "agent", Some("1"), 1) };
    let mut first = commit(1, &lease);
    first.ledger = vec![
        seen("i-2", "agent", Some("1"), 1),
        far.clone(),
        seen("i-1", "agent", Some("1"), 1),
        seen("i-1", "agent-x", Some("5"), 1),
    ];
    store.commit(first).await.unwrap();
    let mut second = commit(1, &lease);
    second.ledger = vec![seen("i-2", "agent", Some("2"), 2), seen("i-2", "agent", None, 3)];
    store.commit(second).await.unwrap();

    let near = [seen("i-1", "agent", Some("1"), 1), seen("i-2", "agent", None, 3)];
    let all = [near[0].clone(), near[1].clone(), far];
    assert_eq!(store.ledger("agent", None).await.unwrap(), all);
    let site = LedgerSite { account: "111122223333".to_owned(), region: "eu-west-1".to_owned() };
    assert_eq!(store.ledger("agent", Some(&site)).await.unwrap(), near);
    assert_eq!(store.ledger("agent-x", None).await.unwrap().len(), 1);
    assert_eq!(store.ledger("age", None).await.unwrap(), []);
}

/// Added once, cleared once, kept in the history, and it may come back.
pub async fn a_quarantine_lasts_until_it_is_cleared(store: &dyn Store) {
    assert_eq!(store.quarantine_add(quarantine("2")).await, Ok(true));
    assert_eq!(store.quarantine_add(quarantine("1")).await, Ok(true));
    let again = NewQuarantine { reason: "another reason".to_owned(), ..quarantine("1") };
    assert_eq!(store.quarantine_add(again).await, Ok(false));
    assert_eq!(versions(store).await, ["1", "2"]);
    assert_eq!(store.quarantine_list().await.unwrap()[0].entry, quarantine("1"));

    let cleared = Cleared { reason: "fixed".to_owned(), by: "ana".to_owned(), at_ms: 4 };
    store.quarantine_clear("agent", "1", cleared.clone()).await.unwrap();
    assert_eq!(versions(store).await, ["2"]);
    let twice = store.quarantine_clear("agent", "1", cleared.clone()).await;
    assert!(matches!(twice, Err(Error::NotFound { .. })));
    assert_eq!(store.quarantine_add(quarantine("1")).await, Ok(true));
    let history = store.quarantine_history().await.unwrap();
    let states: Vec<_> = history.iter().map(|q| (q.entry.version.as_str(), q.cleared.clone())).collect();
    assert_eq!(states, [("2", None), ("1", Some(cleared)), ("1", None)]);
}

/// The version is quarantined in the transaction of the decision; that it already was is no error.
pub async fn a_quarantine_is_part_of_the_commit(store: &dyn Store) {
    let lease = started(store).await;
    for version in 1..=2 {
        let mut deciding = commit(version, &lease);
        deciding.events = vec![event(version + 1)];
        deciding.quarantine = Some(quarantine("7.58.0-1"));
        store.commit(deciding).await.unwrap();
        assert_eq!(versions(store).await, ["7.58.0-1"]);
    }
}

/// While a lease runs, others are told who has it; leases on other resources are free.
pub async fn only_one_holder_has_a_lease(store: &dyn Store) {
    assert_eq!(store.lease("web").await, Ok(None));
    let mine = lease_on(store, "web", "host-a").await;
    let expires_at_ms = i64::try_from(TTL_MS).unwrap();
    let held = LeaseRecord { holder: "host-a".to_owned(), expires_at_ms, epoch: mine.epoch };
    let answer = store.acquire_lease("web", "host-b", expires_at_ms - 1, TTL_MS).await.unwrap();
    assert_eq!(answer, LeaseAnswer::Held(held.clone()));
    assert_eq!(store.lease("web").await, Ok(Some(held)));
    lease_on(store, "db", "host-b").await;
}

/// Asking again extends the lease and does not invalidate what was decided under it.
pub async fn the_same_holder_acquires_again_at_the_same_epoch(store: &dyn Store) {
    let lease = started(store).await;
    let again = store.acquire_lease("web", "host-a", 100, TTL_MS).await.unwrap();
    let expires_at_ms = 100 + i64::try_from(TTL_MS).unwrap();
    assert_eq!(again, LeaseAnswer::Acquired { token: lease.clone(), expires_at_ms });
    assert_eq!(store.renew_lease(&lease, 200, TTL_MS).await, Ok(expires_at_ms + 100));
    assert_eq!(store.lease("web").await.unwrap().unwrap().expires_at_ms, expires_at_ms + 100);
    assert_eq!(store.commit(commit(1, &lease)).await, Ok(1));
    // Past its end it is still this holder's, as long as no one else came.
    let late = store.renew_lease(&lease, 900_000, TTL_MS).await.unwrap();
    assert_eq!(late, 900_000 + i64::try_from(TTL_MS).unwrap());
}

/// Taking over raises the epoch, each time.
pub async fn an_expired_lease_is_taken_over_at_a_higher_epoch(store: &dyn Store) {
    let mut last = lease_on(store, "web", "host-0").await.epoch;
    for turn in 1..5_i64 {
        let now_ms = turn * i64::try_from(TTL_MS).unwrap();
        let answer = store.acquire_lease("web", &format!("host-{turn}"), now_ms, TTL_MS).await.unwrap();
        let LeaseAnswer::Acquired { token, .. } = answer else { panic!("held: {answer:?}") };
        assert!(token.epoch > last);
        last = token.epoch;
    }
}

/// A released lease is free at once, and its old token stays worthless, for its old holder too.
pub async fn a_released_lease_never_goes_back_to_an_old_epoch(store: &dyn Store) {
    let first = started(store).await;
    store.release_lease(&first).await.unwrap();
    store.release_lease(&first).await.unwrap();
    assert_eq!(store.lease("web").await, Ok(None));
    assert!(matches!(store.commit(commit(1, &first)).await, Err(Error::LeaseLost { holder: None, .. })));
    let second = lease_on(store, "web", "host-a").await;
    assert!(second.epoch > first.epoch);
    assert_eq!(store.commit(commit(1, &second)).await, Ok(1));
    store.release_lease(&first).await.unwrap();
    assert_eq!(store.lease("web").await.unwrap().unwrap().epoch, second.epoch);
}

/// No lease, no rollout; an id is used once; a bad part leaves nothing.
pub async fn a_rollout_is_created_once_and_under_a_lease(store: &dyn Store) {
    let never = LeaseToken { resource: "web".to_owned(), holder: "host-a".to_owned(), epoch: 1 };
    let refused = store.create_rollout(rollout("r", "web"), &never).await;
    assert!(matches!(refused, Err(Error::LeaseLost { .. })));
    let lease = lease_on(store, "web", "host-a").await;
    let mut twice = rollout("r", "web");
    twice.new_intents = vec![intent("i1", 1), intent("i1", 1)];
    let refused = store.create_rollout(twice, &lease).await;
    assert!(matches!(refused, Err(Error::Duplicate { what: "intent", .. })));
    assert_eq!(store.list().await, Ok(Vec::new()));

    store.create_rollout(rollout("r", "web"), &lease).await.unwrap();
    let again = store.create_rollout(rollout("r", "other"), &lease).await;
    assert!(matches!(again, Err(Error::Duplicate { what: "rollout", .. })));
}

/// Two active rollouts would fight over the same nodes.
pub async fn a_second_active_rollout_of_a_name_is_refused(store: &dyn Store) {
    let lease = started(store).await;
    let refused = store.create_rollout(rollout("s", "web"), &lease).await;
    assert!(
        matches!(refused, Err(Error::AlreadyActive { name, rollout, .. }) if name == "web" && rollout == "r")
    );
    let mut ending = commit(1, &lease);
    ending.summary.active = false;
    store.commit(ending).await.unwrap();
    store.create_rollout(rollout("s", "web"), &lease).await.unwrap();
    // Nor can the ended one come back while its successor is active.
    let revived = store.commit(commit(1, &lease)).await;
    assert!(matches!(revived, Err(Error::AlreadyActive { rollout, .. }) if rollout == "s"));
}

/// Newest first, and by id where two were created in the same millisecond.
pub async fn rollouts_are_listed_newest_first(store: &dyn Store) {
    for (id, created_at_ms) in [("b", 20), ("a", 20), ("c", 10), ("d", 30)] {
        let lease = lease_on(store, id, "host-a").await;
        let new = NewRollout { created_at_ms, ..rollout(id, id) };
        store.create_rollout(new, &lease).await.unwrap();
    }
    let ids: Vec<_> = store.list().await.unwrap().into_iter().map(|r| r.id).collect();
    assert_eq!(ids, ["d", "b", "a", "c"]);
}

/// A person who types a name means the rollout that still acts.
pub async fn a_name_finds_the_active_rollout_then_the_newest(store: &dyn Store) {
    let lease = lease_on(store, "web", "host-a").await;
    for (id, created_at_ms, active) in [("old", 10, false), ("now", 20, true), ("new", 30, false)] {
        let mut new = NewRollout { created_at_ms, ..rollout(id, "web") };
        new.summary.active = active;
        store.create_rollout(new, &lease).await.unwrap();
    }
    assert_eq!(store.find_by_name("web").await.unwrap().unwrap().id, "now");
    let mut ending = Commit::new("now", 1, lease, summary("web", "done"));
    ending.summary.active = false;
    store.commit(ending).await.unwrap();
    assert_eq!(store.find_by_name("web").await.unwrap().unwrap().id, "new");
    assert_eq!(store.find_by_name("we").await, Ok(None));
}

/// Asking for what is not there names it.
pub async fn unknown_ids_are_not_found(store: &dyn Store) {
    fn is_rollout<T>(result: crate::Result<T>) -> bool {
        matches!(result, Err(Error::NotFound { what: "rollout", id, .. }) if id == "none")
    }
    assert!(is_rollout(store.load("none").await));
    assert!(is_rollout(store.events("none", 0, 1).await));
    assert!(is_rollout(store.open_intents("none").await));
    assert!(is_rollout(store.pending_orders("none").await));
    assert!(is_rollout(store.post_order(order("none", "pause")).await));
    let lease = lease_on(store, "web", "host-a").await;
    assert!(is_rollout(store.commit(Commit::new("none", 1, lease, summary("web", "running"))).await));
    assert_eq!(store.find_by_id("none").await, Ok(None));
    for id in [0, 404, u64::MAX] {
        assert!(matches!(store.order_outcome(id).await, Err(Error::NotFound { what: "order", .. })));
    }
}
