//! Creating, finding and listing rollouts.

use super::{commit, event, intent, lease_on, open_ids, order, rollout, started, summary};
use crate::{Commit, Error, LeaseToken, NewEvent, NewRollout, Store};

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
