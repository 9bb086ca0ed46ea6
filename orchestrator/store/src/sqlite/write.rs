//! Changes. Each function is one transaction; an error on the way leaves nothing of it.

use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior};

use super::fault::Fault;
use super::pack::{Packed, pack};
use super::read::{self, LeaseRow, signed};
use crate::{
    Cleared, Commit, Error, IntentHandle, LeaseAnswer, LeaseRecord, LeaseToken, LedgerEntry, NewEvent,
    NewIntent, NewOrder, NewQuarantine, NewRollout, Rollout, SnapshotRecord, Summary, TakenOrder,
};

/// Begins a transaction that may write from its first statement: one that turns from reading to writing can
/// fail when another process wrote in between, without waiting.
fn begin(connection: &mut Connection) -> Result<Transaction<'_>, Fault> {
    // A rollback that itself failed (a dying disk) leaves the transaction open; it must not swallow this one.
    if !connection.is_autocommit() {
        connection.execute_batch("ROLLBACK")?;
    }
    Ok(connection.transaction_with_behavior(TransactionBehavior::Immediate)?)
}

pub(super) fn create_rollout(
    connection: &mut Connection,
    new: NewRollout,
    lease: &LeaseToken,
) -> Result<u64, Fault> {
    // Compressed before the transaction begins: it takes a while, and others wait for the transaction.
    let plan = pack(new.plan);
    let version = new.events.len() as u64;
    let snapshot = pack_snapshot(new.snapshot, version)?;
    let tx = begin(connection)?;
    check_lease(&tx, lease)?;
    if read::by_id(&tx, &new.id)?.is_some() {
        return Err(Fault::Duplicate("rollout", new.id));
    }
    check_name_free(&tx, &new.id, &new.summary)?;
    let Summary { name, package, version: package_version, phase, headline, active, updated_at_ms } =
        new.summary;
    tx.execute(
        "INSERT INTO rollouts (id, name, version, resource, plan_digest, created_at_ms, package, package_version, \
         phase, headline, active, updated_at_ms) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
        rusqlite::params![
            new.id,
            name,
            signed(version),
            lease.resource,
            new.plan_digest,
            new.created_at_ms,
            package,
            package_version,
            phase,
            headline,
            active,
            updated_at_ms
        ],
    )?;
    tx.execute(
        "INSERT INTO plans (rollout, packing, length, bytes) VALUES (?1, ?2, ?3, ?4)",
        (&new.id, plan.packing, plan.length, &plan.bytes),
    )?;
    append_events(&tx, &new.id, 0, &new.events)?;
    insert_intents(&tx, &new.id, lease.epoch, &new.new_intents)?;
    replace_snapshot(&tx, &new.id, snapshot)?;
    tx.commit()?;
    Ok(version)
}

pub(super) fn commit(connection: &mut Connection, commit: Commit) -> Result<u64, Fault> {
    let id = commit.rollout.as_str();
    let version = commit.expected_version.saturating_add(commit.events.len() as u64);
    let tx = begin(connection)?;
    check_guards(&tx, &commit)?;
    // Compressed inside the transaction: a snapshot that may not be written is not worth compressing.
    let snapshot = pack_snapshot(commit.snapshot, version)?;
    check_name_free(&tx, id, &commit.summary)?;
    append_events(&tx, id, commit.expected_version, &commit.events)?;
    insert_intents(&tx, id, commit.lease.epoch, &commit.new_intents)?;
    name_intents(&tx, id, &commit.handles)?;
    settle_intents(&tx, id, &commit.settled)?;
    replace_snapshot(&tx, id, snapshot)?;
    update_rollout(&tx, id, version, &commit.summary)?;
    upsert_ledger(&tx, &commit.ledger)?;
    take_orders(&tx, id, &commit.orders_taken)?;
    if let Some(entry) = &commit.quarantine {
        insert_quarantine(&tx, entry)?;
    }
    tx.commit()?;
    Ok(version)
}

/// The lease and the version, in the order the trait promises.
fn check_guards(tx: &Transaction<'_>, commit: &Commit) -> Result<(), Fault> {
    let rollout: Rollout = read::known(tx, &commit.rollout)?;
    check_lease(tx, &commit.lease)?;
    if rollout.version != commit.expected_version {
        return Err(Fault::Whole(Error::VersionConflict {
            rollout: rollout.id,
            expected: commit.expected_version,
            found: rollout.version,
        }));
    }
    if rollout.resource != commit.lease.resource {
        return Err(Fault::Invalid("the lease is for another resource than the rollout's".to_owned()));
    }
    if rollout.summary.name != commit.summary.name {
        return Err(Fault::Invalid("a rollout's name never changes".to_owned()));
    }
    Ok(())
}

fn check_lease(tx: &Transaction<'_>, lease: &LeaseToken) -> Result<(), Fault> {
    let row = read::lease_row(tx, &lease.resource)?;
    match row {
        Some(row) if row.epoch == lease.epoch && row.holder.as_deref() == Some(&lease.holder) => Ok(()),
        row => Err(Fault::Whole(Error::LeaseLost {
            resource: lease.resource.clone(),
            epoch: lease.epoch,
            found_epoch: row.as_ref().map_or(0, |r| r.epoch),
            holder: row.and_then(|r| r.holder),
        })),
    }
}

fn check_name_free(tx: &Transaction<'_>, id: &str, summary: &Summary) -> Result<(), Fault> {
    if !summary.active {
        return Ok(());
    }
    let mut select =
        tx.prepare_cached("SELECT id FROM rollouts WHERE name = ?1 AND active = 1 AND id <> ?2 LIMIT 1")?;
    match select.query_row((&summary.name, id), |row| row.get(0)).optional()? {
        None => Ok(()),
        Some(rollout) => Err(Fault::AlreadyActive { name: summary.name.clone(), rollout }),
    }
}

fn append_events(tx: &Transaction<'_>, id: &str, after_seq: u64, events: &[NewEvent]) -> Result<(), Fault> {
    let mut insert = tx.prepare_cached(
        "INSERT INTO events (rollout, seq, kind, payload_version, payload, at_ms, actor) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    )?;
    for (seq, event) in (after_seq + 1..).zip(events) {
        let NewEvent { kind, payload_version, payload, at_ms, actor } = event;
        insert.execute((id, signed(seq), kind, payload_version, payload, at_ms, actor))?;
    }
    Ok(())
}

fn insert_intents(tx: &Transaction<'_>, id: &str, epoch: u64, intents: &[NewIntent]) -> Result<(), Fault> {
    let mut insert = tx.prepare_cached(
        "INSERT INTO intents (rollout, id, kind, payload_version, payload, epoch, at_ms) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    )?;
    for intent in intents {
        let NewIntent { id: intent, kind, payload_version, payload, at_ms } = intent;
        insert
            .execute((id, intent, kind, payload_version, payload, signed(epoch), at_ms))
            .map_err(|error| Fault::taken(error, "intent", intent))?;
    }
    Ok(())
}

fn name_intents(tx: &Transaction<'_>, id: &str, handles: &[IntentHandle]) -> Result<(), Fault> {
    let mut update = tx.prepare_cached("UPDATE intents SET handle = ?3 WHERE rollout = ?1 AND id = ?2")?;
    for IntentHandle { intent, handle } in handles {
        found(update.execute((id, intent, handle))?, "intent", intent)?;
    }
    Ok(())
}

fn settle_intents(tx: &Transaction<'_>, id: &str, settled: &[String]) -> Result<(), Fault> {
    let mut update = tx.prepare_cached("UPDATE intents SET settled = 1 WHERE rollout = ?1 AND id = ?2")?;
    for intent in settled {
        found(update.execute((id, intent))?, "intent", intent)?;
    }
    Ok(())
}

fn pack_snapshot(
    snapshot: Option<SnapshotRecord>,
    version: u64,
) -> Result<Option<(u64, u16, Packed)>, Fault> {
    match snapshot {
        None => Ok(None),
        Some(s) if s.seq > version => Err(Fault::Invalid("a snapshot cannot be ahead of the log".to_owned())),
        Some(s) => Ok(Some((s.seq, s.payload_version, pack(s.payload)))),
    }
}

/// Only the newest is kept: an older one would never be read again, and the log itself is complete.
fn replace_snapshot(
    tx: &Transaction<'_>,
    id: &str,
    snapshot: Option<(u64, u16, Packed)>,
) -> Result<(), Fault> {
    let Some((seq, payload_version, packed)) = snapshot else { return Ok(()) };
    let mut upsert = tx.prepare_cached(
        "INSERT INTO snapshots (rollout, seq, payload_version, packing, length, bytes) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT (rollout) DO UPDATE SET seq = excluded.seq, \
         payload_version = excluded.payload_version, packing = excluded.packing, length = excluded.length, \
         bytes = excluded.bytes",
    )?;
    upsert.execute((id, signed(seq), payload_version, packed.packing, packed.length, packed.bytes))?;
    Ok(())
}

fn update_rollout(tx: &Transaction<'_>, id: &str, version: u64, summary: &Summary) -> Result<(), Fault> {
    let mut update = tx.prepare_cached(
        "UPDATE rollouts SET version = ?2, package = ?3, package_version = ?4, phase = ?5, headline = ?6, \
         active = ?7, updated_at_ms = ?8 WHERE id = ?1",
    )?;
    let Summary { name: _, package, version: package_version, phase, headline, active, updated_at_ms } =
        summary;
    update.execute((
        id,
        signed(version),
        package,
        package_version,
        phase,
        headline,
        active,
        updated_at_ms,
    ))?;
    Ok(())
}

fn upsert_ledger(tx: &Transaction<'_>, rows: &[LedgerEntry]) -> Result<(), Fault> {
    let mut upsert = tx.prepare_cached(
        "INSERT INTO ledger (package, account, region, node, version, verified, at_ms) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT (package, account, region, node) DO UPDATE SET \
         version = excluded.version, verified = excluded.verified, at_ms = excluded.at_ms",
    )?;
    for LedgerEntry { account, region, node, package, version, verified, at_ms } in rows {
        upsert.execute((package, account, region, node, version, verified, at_ms))?;
    }
    Ok(())
}

fn take_orders(tx: &Transaction<'_>, rollout: &str, taken: &[TakenOrder]) -> Result<(), Fault> {
    let mut select =
        tx.prepare_cached("SELECT taken_at_ms IS NOT NULL FROM orders WHERE id = ?1 AND rollout = ?2")?;
    let mut update =
        tx.prepare_cached("UPDATE orders SET accepted = ?2, outcome = ?3, taken_at_ms = ?4 WHERE id = ?1")?;
    for TakenOrder { id, accepted, outcome, at_ms } in taken {
        match select.query_row((signed(*id), rollout), |row| row.get(0)).optional()? {
            None => return Err(Fault::NotFound("order", id.to_string())),
            Some(true) => return Err(Fault::Duplicate("outcome of order", id.to_string())),
            Some(false) => update.execute((signed(*id), accepted, outcome, at_ms))?,
        };
    }
    Ok(())
}

pub(super) fn acquire_lease(
    connection: &mut Connection,
    resource: &str,
    holder: &str,
    now_ms: i64,
    ttl_ms: u64,
) -> Result<LeaseAnswer, Fault> {
    let tx = begin(connection)?;
    let epoch = match read::lease_row(&tx, resource)? {
        None => 1,
        Some(LeaseRow { holder: Some(other), expires_at_ms, epoch })
            if other != holder && expires_at_ms > now_ms =>
        {
            return Ok(LeaseAnswer::Held(LeaseRecord { holder: other, expires_at_ms, epoch }));
        }
        Some(LeaseRow { holder: Some(same), epoch, .. }) if same == holder => epoch,
        Some(row) => row.epoch + 1,
    };
    let expires_at_ms = now_ms.saturating_add_unsigned(ttl_ms);
    tx.execute(
        "INSERT INTO leases (resource, holder, expires_at_ms, epoch) VALUES (?1, ?2, ?3, ?4) \
         ON CONFLICT (resource) DO UPDATE SET holder = excluded.holder, expires_at_ms = excluded.expires_at_ms, \
         epoch = excluded.epoch",
        (resource, holder, expires_at_ms, signed(epoch)),
    )?;
    tx.commit()?;
    let token = LeaseToken { resource: resource.to_owned(), holder: holder.to_owned(), epoch };
    Ok(LeaseAnswer::Acquired { token, expires_at_ms })
}

pub(super) fn renew_lease(
    connection: &mut Connection,
    lease: &LeaseToken,
    now_ms: i64,
    ttl_ms: u64,
) -> Result<i64, Fault> {
    let tx = begin(connection)?;
    check_lease(&tx, lease)?;
    let expires_at_ms = now_ms.saturating_add_unsigned(ttl_ms);
    tx.execute("UPDATE leases SET expires_at_ms = ?2 WHERE resource = ?1", (&lease.resource, expires_at_ms))?;
    tx.commit()?;
    Ok(expires_at_ms)
}

pub(super) fn release_lease(connection: &mut Connection, lease: &LeaseToken) -> Result<(), Fault> {
    let tx = begin(connection)?;
    tx.execute(
        "UPDATE leases SET holder = NULL WHERE resource = ?1 AND holder = ?2 AND epoch = ?3",
        (&lease.resource, &lease.holder, signed(lease.epoch)),
    )?;
    tx.commit()?;
    Ok(())
}

pub(super) fn post_order(connection: &mut Connection, order: &NewOrder) -> Result<u64, Fault> {
    let tx = begin(connection)?;
    read::known(&tx, &order.rollout)?;
    let NewOrder { rollout, kind, payload, actor, at_ms } = order;
    let id: i64 = tx.query_row(
        "INSERT INTO orders (rollout, kind, payload, actor, at_ms) VALUES (?1, ?2, ?3, ?4, ?5) RETURNING id",
        (rollout, kind, payload, actor, at_ms),
        |row| row.get(0),
    )?;
    tx.commit()?;
    u64::try_from(id).map_err(|_| Fault::Corrupt("a negative order number".to_owned()))
}

pub(super) fn quarantine_add(connection: &mut Connection, entry: &NewQuarantine) -> Result<bool, Fault> {
    let tx = begin(connection)?;
    let added = insert_quarantine(&tx, entry)?;
    tx.commit()?;
    Ok(added)
}

fn insert_quarantine(tx: &Transaction<'_>, entry: &NewQuarantine) -> Result<bool, Fault> {
    let NewQuarantine { package, version, reason, since_ms, by } = entry;
    let added = tx.execute(
        "INSERT INTO quarantine (package, version, reason, since_ms, by_whom) VALUES (?1, ?2, ?3, ?4, ?5) \
         ON CONFLICT (package, version) WHERE cleared_at_ms IS NULL DO NOTHING",
        (package, version, reason, since_ms, by),
    )?;
    Ok(added > 0)
}

pub(super) fn quarantine_clear(
    connection: &mut Connection,
    package: &str,
    version: &str,
    cleared: &Cleared,
) -> Result<(), Fault> {
    let tx = begin(connection)?;
    let Cleared { reason, by, at_ms } = cleared;
    let changed = tx.execute(
        "UPDATE quarantine SET clear_reason = ?3, cleared_by = ?4, cleared_at_ms = ?5 \
         WHERE package = ?1 AND version = ?2 AND cleared_at_ms IS NULL",
        (package, version, reason, by, at_ms),
    )?;
    found(changed, "quarantine of", &format!("{package} {version}"))?;
    tx.commit()?;
    Ok(())
}

fn found(changed: usize, what: &'static str, id: &str) -> Result<(), Fault> {
    if changed == 0 { Err(Fault::NotFound(what, id.to_owned())) } else { Ok(()) }
}
