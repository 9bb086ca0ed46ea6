//! Several handles on one file, and a disk that does not play along.

use std::sync::{Arc, Barrier};
use std::task::{Context, Waker};

use super::{Place, opened};
use crate::conformance::{commit, event, lease_on, rollout, started};
use crate::sqlite::Sqlite;
use crate::{Error, LeaseAnswer, LedgerEntry, NewIntent, NewOrder, Store, StoreUrl, TakenOrder};

#[tokio::test]
async fn a_dropped_commit_happens_whole_or_not_at_all() {
    let store = opened();
    let lease = started(&*store).await;
    let mut next = commit(1, &lease);
    next.events = (2..=500).map(event).collect();
    next.settled = Vec::new();
    {
        // Polled once, so that it is under way; then no one waits for it any more.
        let mut pending = std::pin::pin!(store.commit(next));
        let _ = pending.as_mut().poll(&mut Context::from_waker(Waker::noop()));
    }
    // The writer works in order: after this answer the dropped commit is over.
    store.renew_lease(&lease, 1, 1).await.unwrap();
    let loaded = store.load("r").await.unwrap();
    assert_eq!((loaded.rollout.version, loaded.events.len()), (500, 500));
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_commits_from_two_handles_one_is_refused() {
    let place = Place::new();
    let (one, two) = (Sqlite::open(place.file()).unwrap(), Sqlite::open(place.file()).unwrap());
    let lease = started(&one).await;
    for version in 1..=50 {
        let mut next = commit(version, &lease);
        next.events = vec![event(version + 1)];
        let (a, b) = tokio::join!(one.commit(next.clone()), two.commit(next));
        let (won, lost) = if a.is_ok() { (a, b) } else { (b, a) };
        assert_eq!(won, Ok(version + 1));
        let (rollout, expected, found) = ("r".to_owned(), version, version + 1);
        assert_eq!(lost, Err(Error::VersionConflict { rollout, expected, found }));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_processes_asking_for_a_lease_one_gets_it() {
    let place = Place::new();
    let (one, two) = (Sqlite::open(place.file()).unwrap(), Sqlite::open(place.file()).unwrap());
    for turn in 0..20 {
        let resource = format!("web-{turn}");
        let (a, b) = tokio::join!(
            one.acquire_lease(&resource, "a", 0, 100),
            two.acquire_lease(&resource, "b", 0, 100)
        );
        let acquired = [a, b].into_iter().filter(|x| matches!(x, Ok(LeaseAnswer::Acquired { .. }))).count();
        assert_eq!(acquired, 1);
    }
}

#[tokio::test]
async fn an_order_posted_beside_a_running_rollout_is_answered() {
    let place = Place::new();
    let running = Sqlite::open(place.file()).unwrap();
    let lease = started(&running).await;
    let poster = Sqlite::open(place.file()).unwrap();
    let order = NewOrder {
        rollout: "r".to_owned(),
        kind: "pause".to_owned(),
        payload: Vec::new(),
        actor: "ana".to_owned(),
        at_ms: 1,
    };
    let id = poster.post_order(order).await.unwrap();
    assert_eq!(running.pending_orders("r").await.unwrap().len(), 1);
    let mut taking = commit(1, &lease);
    taking.orders_taken = vec![TakenOrder { id, accepted: true, outcome: "paused".to_owned(), at_ms: 2 }];
    running.commit(taking).await.unwrap();
    assert_eq!(poster.order_outcome(id).await.unwrap().unwrap().outcome, "paused");
}

#[tokio::test]
async fn looking_works_beside_a_writer_and_writes_nothing() {
    let place = Place::new();
    let writer = Sqlite::open(place.file()).unwrap();
    let lease = started(&writer).await;
    let looking = Sqlite::open_read_only(place.file()).unwrap();
    let mut next = commit(1, &lease);
    next.events = vec![event(2)];
    writer.commit(next.clone()).await.unwrap();
    assert_eq!(looking.load("r").await.unwrap().rollout.version, 2);
    assert!(matches!(looking.commit(next).await, Err(Error::ReadOnly { .. })));
    assert!(matches!(looking.release_lease(&lease).await, Err(Error::ReadOnly { .. })));
    drop(writer);
    assert_eq!(looking.events("r", 1, 10).await.unwrap().len(), 1);
}

#[test]
fn a_new_file_may_be_opened_by_many_at_once() {
    for _ in 0..5 {
        let place = Place::new();
        let start = Barrier::new(4);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    start.wait();
                    Sqlite::open(place.file()).unwrap();
                });
            }
        });
    }
}

#[tokio::test]
async fn a_state_locked_by_another_is_unavailable_and_nothing_is_lost() {
    let place = Place::new();
    let store = Sqlite::open(place.file()).unwrap();
    let lease = started(&store).await;
    let impatient = |c: &mut rusqlite::Connection| Ok(c.busy_timeout(std::time::Duration::ZERO)?);
    store.writer().unwrap().call(impatient).await.unwrap();
    let other = rusqlite::Connection::open(place.file()).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let refused = store.commit(commit(1, &lease)).await.unwrap_err();
    assert!(matches!(refused, Error::Unavailable { .. }), "{refused}");
    assert!(refused.to_string().contains("state.db"), "{refused}");
    // Reading goes on meanwhile.
    assert_eq!(store.load("r").await.unwrap().rollout.version, 1);
    other.execute_batch("ROLLBACK").unwrap();
    assert_eq!(store.commit(commit(1, &lease)).await, Ok(1));
}

#[tokio::test]
async fn a_full_disk_refuses_the_commit_and_loses_nothing() {
    let store = opened();
    let lease = started(&*store).await;
    let before = store.load("r").await.unwrap();
    let limit = |pages: i64| {
        move |c: &mut rusqlite::Connection| {
            Ok(c.pragma_update_and_check(None, "max_page_count", pages, |_| Ok(()))?)
        }
    };
    let writer = store.writer().unwrap();
    let used = writer.call(|c| Ok(c.pragma_query_value(None, "page_count", |row| row.get::<_, i64>(0))?));
    let used = used.await.unwrap();
    writer.call(limit(used + 2)).await.unwrap();
    let mut large = commit(1, &lease);
    large.events = (2..=2_000).map(event).collect();
    let refused = store.commit(large.clone()).await.unwrap_err();
    assert!(matches!(refused, Error::Full { .. }), "{refused}");
    assert!(refused.to_string().contains("free some space"), "{refused}");
    assert_eq!(store.load("r").await.unwrap(), before);
    // Small changes still fit; and after making room, the large one does.
    assert_eq!(store.commit(commit(1, &lease)).await, Ok(1));
    writer.call(limit(1_000_000)).await.unwrap();
    assert_eq!(store.commit(large).await, Ok(2_000));
}

#[tokio::test]
async fn a_state_that_turns_read_only_says_so() {
    let store = opened();
    let lease = started(&*store).await;
    store.writer().unwrap().call(|c| Ok(c.pragma_update(None, "query_only", true)?)).await.unwrap();
    let refused = store.commit(commit(1, &lease)).await;
    assert!(matches!(refused, Err(Error::ReadOnly { .. })), "{refused:?}");
}

#[tokio::test]
async fn a_bug_on_the_writers_thread_is_an_error_and_not_a_hang() {
    let store = opened();
    let lease = started(&*store).await;
    let bug: Result<(), Error> = store.writer().unwrap().call(|_| panic!("a bug, on purpose")).await;
    assert!(matches!(bug, Err(Error::Unavailable { .. })));
    assert!(matches!(store.commit(commit(1, &lease)).await, Err(Error::Unavailable { .. })));
    assert_eq!(store.load("r").await.unwrap().rollout.version, 1);
}

#[tokio::test]
async fn twenty_thousand_events_are_written_and_replayed() {
    let store = opened();
    let lease = started(&*store).await;
    let mut version = 1;
    while version < 20_001 {
        let mut next = commit(version, &lease);
        next.events = (version + 1..=version + 1_000).map(event).collect();
        version = store.commit(next).await.unwrap();
    }
    let loaded = store.load("r").await.unwrap();
    assert_eq!(loaded.events.len(), 20_001);
    for (seq, found) in (1_u64..).zip(&loaded.events) {
        assert_eq!((found.seq, &found.payload), (seq, &seq.to_be_bytes().to_vec()));
    }
}

#[tokio::test]
async fn a_commit_writes_what_changed_and_not_the_fleet() {
    let store = opened();
    let lease = started(&*store).await;
    let node = |number: u32| LedgerEntry {
        account: "111122223333".to_owned(),
        region: "eu-west-1".to_owned(),
        node: format!("i-{number:017x}"),
        package: "agent".to_owned(),
        version: Some("7.58.0-1".to_owned()),
        verified: true,
        at_ms: 1,
    };
    let mut large = commit(1, &lease);
    large.ledger = (0..20_000).map(node).collect();
    large.new_intents = (0..2_000)
        .map(|i| NewIntent {
            id: format!("i{i}"),
            kind: "send".to_owned(),
            payload_version: 1,
            payload: vec![0; 200],
            at_ms: i,
        })
        .collect();
    store.commit(large).await.unwrap();

    let writer = store.writer().unwrap();
    let fold = |c: &mut rusqlite::Connection| {
        Ok(c.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get::<_, i64>(2))?)
    };
    assert_eq!(writer.call(fold).await.unwrap(), 0);
    let mut small = commit(1, &lease);
    small.events = vec![event(2)];
    small.settled = vec!["i7".to_owned()];
    small.ledger = vec![LedgerEntry { at_ms: 2, ..node(7) }];
    store.commit(small).await.unwrap();
    let logged =
        writer.call(|c| Ok(c.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |row| row.get::<_, i64>(1))?));
    let pages = logged.await.unwrap();
    assert!(pages <= 12, "one event, one intent and one node wrote {pages} pages");
}

#[tokio::test]
async fn an_address_opens_the_store_it_names() {
    let place = Place::new();
    let url = StoreUrl::parse(&format!("sqlite:{}", place.file().display())).unwrap();
    assert!(matches!(url.open_read_only().map(drop), Err(Error::Missing { .. })));
    let store: Arc<dyn Store> = url.open().unwrap();
    let lease = lease_on(&*store, "web", "host-a").await;
    store.create_rollout(rollout("r", "web"), &lease).await.unwrap();
    assert_eq!(url.open_read_only().unwrap().list().await.unwrap().len(), 1);
    let memory = StoreUrl::parse("memory:").unwrap().open().unwrap();
    assert_eq!(memory.list().await, Ok(Vec::new()));
}
