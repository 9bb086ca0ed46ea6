//! Queries. Each function is one look at the file at one moment.

use rusqlite::{Connection, OptionalExtension, Row};

use super::fault::Fault;
use super::pack::{Packed, unpack};
use crate::{
    Cleared, EventRecord, IntentRecord, IntentStatus, LeaseRecord, LedgerEntry, LedgerSite, Loaded, NewOrder,
    NewQuarantine, OrderOutcome, OrderRecord, QuarantineEntry, Rollout, SnapshotRecord, Summary,
};

const ROLLOUT: &str = "SELECT id, version, resource, plan_digest, created_at_ms, name, package, package_version, phase, \
                       headline, active, updated_at_ms FROM rollouts";
const QUARANTINE: &str = "SELECT package, version, reason, since_ms, by_whom, clear_reason, cleared_by, cleared_at_ms FROM quarantine";

/// SQLite's integers are signed; a number beyond them is beyond every row too.
pub(super) fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// A number the schema keeps from being negative.
pub(super) fn unsigned(row: &Row<'_>, column: usize) -> rusqlite::Result<u64> {
    let number: i64 = row.get(column)?;
    u64::try_from(number).map_err(|_| rusqlite::Error::IntegralValueOutOfRange(column, number))
}

pub(super) fn load(connection: &mut Connection, id: &str) -> Result<Loaded, Fault> {
    // One transaction: the snapshot and the events after it must be of the same moment.
    let tx = connection.transaction()?;
    let rollout = known(&tx, id)?;
    let select = "SELECT packing, length, bytes FROM plans WHERE rollout = ?1";
    let plan = tx
        .query_row(select, [id], |row| {
            Ok(Packed { packing: row.get(0)?, length: row.get(1)?, bytes: row.get(2)? })
        })
        .optional()?
        .ok_or_else(|| Fault::Corrupt(format!("rollout `{id}` has no plan")))?;
    let snapshot = snapshot(&tx, id)?;
    let after = snapshot.as_ref().map_or(0, |s| s.seq);
    let events = events(&tx, id, after, usize::MAX)?;
    Ok(Loaded { rollout, plan: unpack(plan)?, snapshot, events })
}

fn snapshot(connection: &Connection, rollout: &str) -> Result<Option<SnapshotRecord>, Fault> {
    let select = "SELECT seq, payload_version, packing, length, bytes FROM snapshots WHERE rollout = ?1";
    let found = connection
        .query_row(select, [rollout], |row| {
            let packed = Packed { packing: row.get(2)?, length: row.get(3)?, bytes: row.get(4)? };
            Ok((unsigned(row, 0)?, row.get(1)?, packed))
        })
        .optional()?;
    match found {
        None => Ok(None),
        Some((seq, payload_version, packed)) => {
            Ok(Some(SnapshotRecord { seq, payload_version, payload: unpack(packed)? }))
        }
    }
}

pub(super) fn known_events(
    connection: &mut Connection,
    rollout: &str,
    after_seq: u64,
    limit: usize,
) -> Result<Vec<EventRecord>, Fault> {
    let tx = connection.transaction()?;
    known(&tx, rollout)?;
    events(&tx, rollout, after_seq, limit)
}

fn events(
    connection: &Connection,
    rollout: &str,
    after_seq: u64,
    limit: usize,
) -> Result<Vec<EventRecord>, Fault> {
    let mut select = connection.prepare_cached(
        "SELECT seq, kind, payload_version, payload, at_ms, actor FROM events WHERE rollout = ?1 AND seq > ?2 \
         ORDER BY seq LIMIT ?3",
    )?;
    let rows = select.query_map((rollout, signed(after_seq), signed(limit as u64)), |row| {
        Ok(EventRecord {
            seq: unsigned(row, 0)?,
            kind: row.get(1)?,
            payload_version: row.get(2)?,
            payload: row.get(3)?,
            at_ms: row.get(4)?,
            actor: row.get(5)?,
        })
    })?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

pub(super) fn list(connection: &Connection) -> Result<Vec<Rollout>, Fault> {
    let mut select = connection.prepare_cached(&format!("{ROLLOUT} ORDER BY created_at_ms DESC, id DESC"))?;
    let rows = select.query_map([], rollout)?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

pub(super) fn by_id(connection: &Connection, id: &str) -> Result<Option<Rollout>, Fault> {
    let mut select = connection.prepare_cached(&format!("{ROLLOUT} WHERE id = ?1"))?;
    Ok(select.query_row([id], rollout).optional()?)
}

pub(super) fn known(connection: &Connection, id: &str) -> Result<Rollout, Fault> {
    by_id(connection, id)?.ok_or_else(|| Fault::NotFound("rollout", id.to_owned()))
}

pub(super) fn by_name(connection: &Connection, name: &str) -> Result<Option<Rollout>, Fault> {
    let mut select = connection.prepare_cached(&format!(
        "{ROLLOUT} WHERE name = ?1 ORDER BY active DESC, created_at_ms DESC, id DESC LIMIT 1"
    ))?;
    Ok(select.query_row([name], rollout).optional()?)
}

fn rollout(row: &Row<'_>) -> rusqlite::Result<Rollout> {
    Ok(Rollout {
        id: row.get(0)?,
        version: unsigned(row, 1)?,
        resource: row.get(2)?,
        plan_digest: row.get(3)?,
        created_at_ms: row.get(4)?,
        summary: Summary {
            name: row.get(5)?,
            package: row.get(6)?,
            version: row.get(7)?,
            phase: row.get(8)?,
            headline: row.get(9)?,
            active: row.get(10)?,
            updated_at_ms: row.get(11)?,
        },
    })
}

pub(super) fn open_intents(connection: &mut Connection, rollout: &str) -> Result<Vec<IntentRecord>, Fault> {
    let tx = connection.transaction()?;
    known(&tx, rollout)?;
    let mut select = tx.prepare_cached(
        "SELECT id, kind, payload_version, payload, epoch, handle, at_ms FROM intents \
         WHERE rollout = ?1 AND settled = 0 ORDER BY at_ms, id",
    )?;
    let rows = select.query_map([rollout], |row| {
        Ok(IntentRecord {
            id: row.get(0)?,
            kind: row.get(1)?,
            payload_version: row.get(2)?,
            payload: row.get(3)?,
            status: IntentStatus::Open,
            epoch: unsigned(row, 4)?,
            handle: row.get(5)?,
            at_ms: row.get(6)?,
        })
    })?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// A lease's row, released or not.
pub(super) struct LeaseRow {
    pub(super) holder: Option<String>,
    pub(super) expires_at_ms: i64,
    pub(super) epoch: u64,
}

pub(super) fn lease_row(connection: &Connection, resource: &str) -> Result<Option<LeaseRow>, Fault> {
    let mut select =
        connection.prepare_cached("SELECT holder, expires_at_ms, epoch FROM leases WHERE resource = ?1")?;
    let row = select.query_row([resource], |row| {
        Ok(LeaseRow { holder: row.get(0)?, expires_at_ms: row.get(1)?, epoch: unsigned(row, 2)? })
    });
    Ok(row.optional()?)
}

pub(super) fn lease(connection: &Connection, resource: &str) -> Result<Option<LeaseRecord>, Fault> {
    let held = |row: LeaseRow| {
        let LeaseRow { holder, expires_at_ms, epoch } = row;
        holder.map(|holder| LeaseRecord { holder, expires_at_ms, epoch })
    };
    Ok(lease_row(connection, resource)?.and_then(held))
}

pub(super) fn pending_orders(connection: &mut Connection, rollout: &str) -> Result<Vec<OrderRecord>, Fault> {
    let tx = connection.transaction()?;
    known(&tx, rollout)?;
    let mut select = tx.prepare_cached(
        "SELECT id, kind, payload, actor, at_ms FROM orders WHERE rollout = ?1 AND taken_at_ms IS NULL ORDER BY id",
    )?;
    let rows = select.query_map([rollout], |row| {
        let order = NewOrder {
            rollout: rollout.to_owned(),
            kind: row.get(1)?,
            payload: row.get(2)?,
            actor: row.get(3)?,
            at_ms: row.get(4)?,
        };
        Ok(OrderRecord { id: unsigned(row, 0)?, order })
    })?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

pub(super) fn order_outcome(connection: &Connection, order: u64) -> Result<Option<OrderOutcome>, Fault> {
    let mut select =
        connection.prepare_cached("SELECT accepted, outcome, taken_at_ms FROM orders WHERE id = ?1")?;
    let found = select.query_row([signed(order)], |row| {
        let Some(accepted) = row.get(0)? else { return Ok(None) };
        Ok(Some(OrderOutcome { accepted, outcome: row.get(1)?, at_ms: row.get(2)? }))
    });
    found.optional()?.ok_or_else(|| Fault::NotFound("order", order.to_string()))
}

pub(super) fn ledger(
    connection: &Connection,
    package: &str,
    site: Option<&LedgerSite>,
) -> Result<Vec<LedgerEntry>, Fault> {
    let entry = |row: &Row<'_>| {
        Ok(LedgerEntry {
            package: package.to_owned(),
            account: row.get(0)?,
            region: row.get(1)?,
            node: row.get(2)?,
            version: row.get(3)?,
            verified: row.get(4)?,
            at_ms: row.get(5)?,
        })
    };
    let select = "SELECT account, region, node, version, verified, at_ms FROM ledger WHERE package = ?1";
    let rows = match site {
        None => connection
            .prepare_cached(&format!("{select} ORDER BY account, region, node"))?
            .query_map([package], entry)?
            .collect::<rusqlite::Result<_>>()?,
        Some(site) => connection
            .prepare_cached(&format!(
                "{select} AND account = ?2 AND region = ?3 ORDER BY account, region, node"
            ))?
            .query_map([package, &site.account, &site.region], entry)?
            .collect::<rusqlite::Result<_>>()?,
    };
    Ok(rows)
}

pub(super) fn quarantine_list(connection: &Connection) -> Result<Vec<QuarantineEntry>, Fault> {
    quarantines(connection, "WHERE cleared_at_ms IS NULL ORDER BY package, version")
}

pub(super) fn quarantine_history(connection: &Connection) -> Result<Vec<QuarantineEntry>, Fault> {
    quarantines(connection, "ORDER BY id")
}

fn quarantines(connection: &Connection, which: &str) -> Result<Vec<QuarantineEntry>, Fault> {
    let mut select = connection.prepare_cached(&format!("{QUARANTINE} {which}"))?;
    let rows = select.query_map([], |row| {
        let entry = NewQuarantine {
            package: row.get(0)?,
            version: row.get(1)?,
            reason: row.get(2)?,
            since_ms: row.get(3)?,
            by: row.get(4)?,
        };
        let cleared = match row.get(7)? {
            None => None,
            Some(at_ms) => Some(Cleared { reason: row.get(5)?, by: row.get(6)?, at_ms }),
        };
        Ok(QuarantineEntry { entry, cleared })
    })?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}
