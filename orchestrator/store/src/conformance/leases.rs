//! Who may commit.

use super::{TTL_MS, commit, lease_on, started};
use crate::{Error, LeaseAnswer, LeaseRecord, LeaseToken, Store};

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
    // The holder's name is the same; only the epoch tells its two lives apart.
    assert!(matches!(store.commit(commit(1, &first)).await, Err(Error::LeaseLost { .. })));
    assert!(matches!(store.renew_lease(&first, 1, TTL_MS).await, Err(Error::LeaseLost { .. })));
    assert_eq!(store.commit(commit(1, &second)).await, Ok(1));
    store.release_lease(&first).await.unwrap();
    assert_eq!(store.lease("web").await.unwrap().unwrap().epoch, second.epoch);
}
