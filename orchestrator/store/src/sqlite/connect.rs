//! Opening the file: what must hold before SQLite may write to it, and how every connection is set up.
//!
//! Nothing here opens the file except through SQLite. Its locks are POSIX locks, and closing any other handle
//! to the same file drops every lock this process holds on it: a second connection's close could then delete a
//! log that is in use. So what needs checking is checked by name.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, ErrorCode, OpenFlags};

use super::fault::Fault;
use super::schema;
use crate::{Error, Result};

/// How long a connection waits for another process's transaction; those take milliseconds.
const BUSY: Duration = Duration::from_secs(5);
/// How often switching to the write-ahead log is tried while another process opens the same new file: SQLite
/// does not wait by itself there.
const WAL_ATTEMPTS: u32 = 100;
const WAL_PAUSE: Duration = Duration::from_millis(50);
/// A large plan makes a large log once; do not keep it.
const WAL_LIMIT_BYTES: i64 = 64 << 20;
const STATEMENTS: usize = 64;
/// The smallest page SQLite allows; every other size is a multiple of it.
const PAGE_BYTES: u64 = 512;

/// Opens for writing, creating the file (not its directory) if needed, and brings the schema up to date.
pub(super) fn writer(path: &Path, store: &str) -> Result<Connection> {
    let refuse = |fault: Fault| fault.into_error(store);
    let (path, exists) = locate(path, store)?;
    let mut connection = if exists {
        look_first(&path, store)?;
        connect(&path, OpenFlags::SQLITE_OPEN_READ_WRITE).map_err(refuse)?
    } else {
        let create = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE;
        let connection = connect(&path, create).map_err(refuse)?;
        keep_private(&path).map_err(|error| from_io(&error, store))?;
        connection
    };
    // Asked to write, SQLite settles for reading where the file's mode allows no more.
    if connection.is_readonly("main").map_err(|error| refuse(error.into()))? {
        let detail = "the file is write-protected".to_owned();
        return Err(Error::ReadOnly { store: store.to_owned(), detail });
    }
    set_durable(&connection).map_err(refuse)?;
    schema::migrate(&mut connection, store).map_err(refuse)?;
    Ok(connection)
}

/// Opens for reading only; the schema must be up to date.
pub(super) fn reader(path: &Path, store: &str) -> Result<Connection> {
    let refuse = |fault: Fault| fault.into_error(store);
    let (path, exists) = locate(path, store)?;
    if !exists {
        let detail = "there is no such file; the first `apply` creates it".to_owned();
        return Err(Error::Missing { store: store.to_owned(), detail });
    }
    let connection = connect(&path, OpenFlags::SQLITE_OPEN_READ_ONLY).map_err(refuse)?;
    let found = schema::found(&connection, store).map_err(refuse)?;
    let supported = schema::supported();
    if found < supported {
        return Err(Error::Older { store: store.to_owned(), found, supported });
    }
    Ok(connection)
}

/// Refuses a file that is damaged, not ours or newer, with a connection that could not change it.
fn look_first(path: &Path, store: &str) -> Result<()> {
    let look = connect(path, OpenFlags::SQLITE_OPEN_READ_ONLY);
    match look
        .and_then(|connection| schema::found(&connection, store))
        .map_err(|fault| fault.into_error(store))
    {
        Err(refused @ (Error::Newer { .. } | Error::Corrupt { .. })) => Err(refused),
        // Whatever else fails (a transaction to be rolled back after a crash, for one) is for the connection
        // that may write.
        Ok(_) | Err(_) => Ok(()),
    }
}

/// The absolute path (a relative `file:x` would be taken for a URI) and whether there is a file.
fn locate(path: &Path, store: &str) -> Result<(PathBuf, bool)> {
    let absolute = std::path::absolute(path).map_err(|error| from_io(&error, store))?;
    match std::fs::metadata(&absolute) {
        // Opening a named pipe would wait for ever.
        Ok(found) if !found.is_file() => {
            Err(Error::Corrupt { store: store.to_owned(), detail: "not a regular file".to_owned() })
        }
        Ok(found) if !is_whole_pages(found.len(), &absolute) => {
            let detail = "not a SQLite file, or one that was cut off".to_owned();
            Err(Error::Corrupt { store: store.to_owned(), detail })
        }
        Ok(_) => Ok((absolute, true)),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            let directory = absolute.parent().filter(|parent| !parent.is_dir());
            match directory {
                None => Ok((absolute, false)),
                Some(missing) => {
                    let detail = format!("there is no directory {}; create it first", missing.display());
                    Err(Error::Missing { store: store.to_owned(), detail })
                }
            }
        }
        Err(error) if std::fs::symlink_metadata(&absolute).is_ok_and(|link| link.is_symlink()) => {
            let detail = format!("it is a symbolic link that cannot be followed ({error})");
            Err(Error::Missing { store: store.to_owned(), detail })
        }
        Err(error) => Err(from_io(&error, store)),
    }
}

/// Whether a file of this length can be SQLite's. SQLite itself takes a single byte for an empty file and would
/// write over it, and takes what a cut last page lacks for zeros.
fn is_whole_pages(length_bytes: u64, path: &Path) -> bool {
    let mut log = path.as_os_str().to_owned();
    log.push("-wal");
    // Power may have gone while the log was folded into the file; then the log still has the whole page.
    let has_log = length_bytes >= PAGE_BYTES && std::fs::metadata(log).is_ok_and(|log| log.len() > 0);
    length_bytes.is_multiple_of(PAGE_BYTES) || has_log
}

/// Makes a new file its owner's alone while it is still empty. The log beside it inherits the mode.
fn keep_private(path: &Path) -> std::io::Result<()> {
    #[cfg(unix)]
    std::fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(0o600))?;
    #[cfg(not(unix))]
    let _ = path;
    Ok(())
}

fn connect(path: &Path, access: OpenFlags) -> std::result::Result<Connection, Fault> {
    // The thread that owns it is the only one that uses it, so SQLite need not lock against itself.
    let connection = Connection::open_with_flags(path, access | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    connection.busy_timeout(BUSY)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    Ok(connection)
}

fn set_durable(connection: &Connection) -> std::result::Result<(), Fault> {
    switch_to_wal(connection)?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    // For systems where a plain sync stops at the drive's cache.
    connection.pragma_update(None, "fullfsync", true)?;
    connection.pragma_update(None, "checkpoint_fullfsync", true)?;
    connection.pragma_update(None, "foreign_keys", true)?;
    connection.pragma_update_and_check(None, "journal_size_limit", WAL_LIMIT_BYTES, |_| Ok(()))?;
    Ok(())
}

fn switch_to_wal(connection: &Connection) -> std::result::Result<(), Fault> {
    let mut attempt = 1;
    loop {
        let mode =
            connection.pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get::<_, String>(0));
        match mode {
            Ok(mode) if mode.eq_ignore_ascii_case("wal") => return Ok(()),
            Ok(mode) => {
                let detail =
                    format!("its file system does not allow a write-ahead log (journal mode {mode})");
                return Err(Fault::Invalid(detail));
            }
            Err(error)
                if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy) && attempt < WAL_ATTEMPTS =>
            {
                attempt += 1;
                std::thread::sleep(WAL_PAUSE);
            }
            Err(error) => return Err(error.into()),
        }
    }
}

fn from_io(error: &std::io::Error, store: &str) -> Error {
    let store = store.to_owned();
    let detail = error.to_string();
    match error.kind() {
        ErrorKind::NotFound | ErrorKind::NotADirectory | ErrorKind::InvalidFilename => {
            Error::Missing { store, detail }
        }
        ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => Error::ReadOnly { store, detail },
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => Error::Full { store },
        _ => Error::Unavailable { store, detail },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn io_errors_are_sorted_by_what_can_be_done() {
        let sorted = |kind: ErrorKind| from_io(&kind.into(), "y");
        assert!(matches!(sorted(ErrorKind::PermissionDenied), Error::ReadOnly { .. }));
        assert!(matches!(sorted(ErrorKind::ReadOnlyFilesystem), Error::ReadOnly { .. }));
        assert!(matches!(sorted(ErrorKind::StorageFull), Error::Full { .. }));
        assert!(matches!(sorted(ErrorKind::NotFound), Error::Missing { .. }));
        assert!(matches!(sorted(ErrorKind::TimedOut), Error::Unavailable { .. }));
    }
}
