//! What a commit writes, refuses, and gives back on loading.

use super::{commit, event, intent, open_ids, quarantine, seen, started, summary, taken, versions};
use crate::{Error, IntentHandle, IntentStatus, SnapshotRecord, Store};

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

/// The last part of a commit fails; nothing of the parts before it is there.
pub async fn a_commit_that_fails_in_the_middle_leaves_nothing(store: &dyn Store) {
    let lease = started(store).await;
    let before = store.load("r").await.unwrap();
    let mut failing = commit(1, &lease);
    failing.events = vec![event(2)];
    failing.new_intents = vec![intent("i1", 1)];
    failing.snapshot = Some(SnapshotRecord { seq: 2, payload_version: 1, payload: b"state".to_vec() });
    failing.summary = summary("web", "paused");
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
    renamed.summary = summary("db", "held");
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
