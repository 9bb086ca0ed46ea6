//! Numbered steps that bring a file to the schema this build knows.

use rusqlite::{Connection, OptionalExtension, TransactionBehavior};
use sha2::{Digest, Sha256};

use super::fault::Fault;
use crate::Error;

/// "WTRN": marks a SQLite file as ours, so that another program's is never written to.
const APPLICATION_ID: i32 = 0x5754_524E;

/// Steps in order; a released step is never changed, only followed.
const MIGRATIONS: &[(&str, &str)] =
    &[("0001_initial", include_str!("../migrations/sqlite/0001_initial.sql"))];

const META: &str = "CREATE TABLE meta (
    version INTEGER NOT NULL PRIMARY KEY,
    name    TEXT    NOT NULL,
    sha256  TEXT    NOT NULL
) STRICT;";

/// The schema number this build knows.
pub(super) fn supported() -> u32 {
    MIGRATIONS.len() as u32
}

/// The schema number of the file; 0 for an empty one. Refuses files that are not ours, newer than this build,
/// or brought here by other steps than this build's.
pub(super) fn found(connection: &Connection, store: &str) -> Result<u32, Fault> {
    let tables: u32 = connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    if tables == 0 {
        return Ok(0);
    }
    let id: i32 = connection.pragma_query_value(None, "application_id", |row| row.get(0))?;
    if id != APPLICATION_ID {
        return Err(Fault::Corrupt("this SQLite file belongs to another program".to_owned()));
    }
    let newest: Option<u32> = connection.query_row("SELECT max(version) FROM meta", [], |row| row.get(0))?;
    let newest = newest.unwrap_or(0);
    if newest > supported() {
        let (store, found, supported) = (store.to_owned(), newest, supported());
        return Err(Fault::Whole(Error::Newer { store, found, supported }));
    }
    for (number, (name, sql)) in (1..=newest).zip(MIGRATIONS) {
        check_step(connection, number, name, sql)?;
    }
    Ok(newest)
}

/// Applies what is missing, all of it in one transaction.
pub(super) fn migrate(connection: &mut Connection, store: &str) -> Result<(), Fault> {
    // Immediate, also when nothing is missing: it shows at once whether the file can be written, not at the
    // first decision of a rollout.
    let tx = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let from = found(&tx, store)?;
    if from == 0 {
        tx.execute_batch(META)?;
        tx.pragma_update(None, "application_id", APPLICATION_ID)?;
    }
    for (number, (name, sql)) in (1_u32..).zip(MIGRATIONS).skip(from as usize) {
        tx.execute_batch(sql)?;
        tx.execute(
            "INSERT INTO meta (version, name, sha256) VALUES (?1, ?2, ?3)",
            (number, name, sha256(sql)),
        )?;
    }
    tx.commit()?;
    Ok(())
}

fn check_step(connection: &Connection, number: u32, name: &str, sql: &str) -> Result<(), Fault> {
    let select = "SELECT sha256 FROM meta WHERE version = ?1";
    let found: Option<String> = connection.query_row(select, [number], |row| row.get(0)).optional()?;
    if found.as_deref() == Some(sha256(sql).as_str()) {
        return Ok(());
    }
    Err(Fault::Corrupt(format!("schema step {name} is not the one this build would have applied")))
}

fn sha256(text: &str) -> String {
    use std::fmt::Write;
    // Checked out with other line ends it is still the same step.
    let digest = Sha256::digest(text.replace('\r', "").as_bytes());
    digest.iter().fold(String::new(), |mut hex, byte| {
        // Writing to a string cannot fail.
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn released_steps_never_change() {
        let known = [("0001_initial", "ff32dcdaa942afe5607f7c0c7cfb464684f02b86ec448088f4356dcab246912d")];
        let found: Vec<_> = MIGRATIONS.iter().map(|(name, sql)| (*name, sha256(sql))).collect();
        assert!(
            found.iter().map(|(name, hash)| (*name, hash.as_str())).eq(known),
            "{found:?}: add a step instead"
        );
    }

    #[test]
    fn migrating_twice_changes_nothing() {
        let mut connection = Connection::open_in_memory().unwrap();
        for _ in 0..2 {
            migrate(&mut connection, "x").unwrap();
            assert_eq!(found(&connection, "x").unwrap(), supported());
        }
    }
}
