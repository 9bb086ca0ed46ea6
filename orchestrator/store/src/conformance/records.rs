//! Orders, the ledger and the quarantine.

use super::{commit, event, lease_on, order, quarantine, rollout, seen, started, taken, versions};
use crate::{Cleared, Error, LedgerEntry, LedgerSite, NewQuarantine, OrderOutcome, Store};

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
