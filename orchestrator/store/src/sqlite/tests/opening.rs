//! What a file must be to be opened, and that a refused one stays as it was.

use super::{Place, contents, tamper};
use crate::conformance::{commit, event, lease_on, started};
use crate::sqlite::{Sqlite, schema};
use crate::{Error, Store};

async fn closed_with_one_rollout(place: &Place) {
    let store = Sqlite::open(place.file()).unwrap();
    started(&store).await;
}

#[tokio::test]
async fn everything_is_there_after_closing_and_opening() {
    let place = Place::new();
    let store = Sqlite::open(place.file()).unwrap();
    let lease = started(&store).await;
    let mut next = commit(1, &lease);
    next.events = vec![event(2)];
    store.commit(next).await.unwrap();
    let before = store.load("r").await.unwrap();
    drop(store);
    assert_eq!(contents(&place.0).len(), 1, "a closed store is one file, to be copied as one");

    let store = Sqlite::open(place.file()).unwrap();
    assert_eq!(store.load("r").await.unwrap(), before);
    // The lease outlived the process: the same holder goes on under it.
    assert_eq!(lease_on(&store, "web", "host-a").await, lease);
    assert_eq!(store.commit(commit(2, &lease)).await, Ok(2));
}

#[cfg(unix)]
#[tokio::test]
async fn the_file_and_its_log_are_their_owners_alone() {
    use std::os::unix::fs::PermissionsExt;
    let place = Place::new();
    let store = Sqlite::open(place.file()).unwrap();
    started(&store).await;
    for file in std::fs::read_dir(&place.0).unwrap() {
        let file = file.unwrap();
        assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600, "{:?}", file.file_name());
    }
}

#[test]
fn a_missing_directory_is_named_and_not_created() {
    let place = Place::new();
    let path = place.0.join("none").join("state.db");
    let refused = Sqlite::open(&path).unwrap_err();
    assert!(matches!(refused, Error::Missing { .. }), "{refused}");
    let message = refused.to_string();
    assert!(message.contains("state.db") && message.contains("create it first"), "{message}");
    assert!(!place.0.join("none").exists());
}

#[test]
fn looking_at_a_missing_file_does_not_create_it() {
    let place = Place::new();
    assert!(matches!(Sqlite::open_read_only(place.file()), Err(Error::Missing { .. })));
    assert!(!place.file().exists());
}

#[test]
fn an_empty_file_becomes_a_state_but_not_by_looking() {
    let place = Place::new();
    std::fs::write(place.file(), b"").unwrap();
    let looked = Sqlite::open_read_only(place.file()).unwrap_err();
    assert!(matches!(looked, Error::Older { found: 0, .. }), "{looked}");
    Sqlite::open(place.file()).unwrap();
    Sqlite::open_read_only(place.file()).unwrap();
}

#[tokio::test]
async fn a_newer_schema_is_refused_and_left_untouched() {
    let place = Place::new();
    closed_with_one_rollout(&place).await;
    tamper(&place.file(), "INSERT INTO meta (version, name, sha256) VALUES (99, '0099_later', 'x')");
    let before = std::fs::read(place.file()).unwrap();
    let newer =
        Error::Newer { store: place.file().display().to_string(), found: 99, supported: schema::supported() };
    assert_eq!(Sqlite::open(place.file()).unwrap_err(), newer);
    assert_eq!(Sqlite::open_read_only(place.file()).unwrap_err(), newer);
    assert!(std::fs::read(place.file()).unwrap() == before);
}

#[tokio::test]
async fn a_schema_brought_about_by_other_steps_is_refused() {
    let place = Place::new();
    closed_with_one_rollout(&place).await;
    tamper(&place.file(), "UPDATE meta SET sha256 = 'another' WHERE version = 1");
    let refused = Sqlite::open(place.file()).unwrap_err();
    assert!(matches!(refused, Error::Corrupt { .. }), "{refused}");
    assert!(refused.to_string().contains("0001_initial"), "{refused}");
}

#[tokio::test]
async fn a_file_that_is_no_state_is_refused_and_left_untouched() {
    let good = Place::new();
    closed_with_one_rollout(&good).await;
    let good = std::fs::read(good.file()).unwrap();
    let flipped = {
        let mut bytes = good.clone();
        bytes[100..4096].fill(0xA5);
        bytes
    };
    let cases: [(&str, &[u8]); 6] = [
        ("text", b"apiVersion: wavetrain/v1\n"),
        ("one byte", b"S"),
        ("zeros", &[0; 8192]),
        ("only the first page", &good[..4096]),
        ("cut in a page", &good[..good.len() - 1000]),
        ("first page overwritten", &flipped),
    ];
    for (name, bytes) in cases {
        let place = Place::new();
        std::fs::write(place.file(), bytes).unwrap();
        for refused in [Sqlite::open(place.file()), Sqlite::open_read_only(place.file())] {
            let refused = refused.err();
            assert!(matches!(refused, Some(Error::Corrupt { .. })), "{name}: {refused:?}");
        }
        assert!(std::fs::read(place.file()).unwrap() == bytes, "{name}: touched");
    }
}

#[test]
fn another_programs_sqlite_file_is_refused_and_left_untouched() {
    let place = Place::new();
    tamper(&place.file(), "CREATE TABLE cookies (name TEXT)");
    let before = contents(&place.0);
    let refused = Sqlite::open(place.file()).unwrap_err();
    assert!(matches!(refused, Error::Corrupt { .. }), "{refused}");
    assert!(refused.to_string().contains("another program"), "{refused}");
    assert!(contents(&place.0) == before);
}

#[tokio::test]
async fn a_damaged_page_met_later_is_reported_as_damage() {
    let place = Place::new();
    closed_with_one_rollout(&place).await;
    let mut bytes = std::fs::read(place.file()).unwrap();
    // Past the schema, whose pages are read at opening.
    let pages = bytes.len() / 4096;
    for page in 2..pages {
        bytes[page * 4096..page * 4096 + 64].fill(0xA5);
    }
    std::fs::write(place.file(), &bytes).unwrap();
    let met = match Sqlite::open_read_only(place.file()) {
        Ok(store) => store.load("r").await.unwrap_err(),
        Err(refused) => refused,
    };
    assert!(matches!(met, Error::Corrupt { .. }), "{met}");
}

#[test]
fn a_directory_is_not_a_state() {
    let place = Place::new();
    assert!(matches!(Sqlite::open(&place.0), Err(Error::Corrupt { .. })));
}

#[cfg(unix)]
#[test]
fn a_link_to_itself_and_an_endless_name_are_missing_and_not_locked() {
    let place = Place::new();
    std::os::unix::fs::symlink(place.file(), place.file()).unwrap();
    for path in [place.file(), place.0.join("x".repeat(5000))] {
        let refused = Sqlite::open(&path).unwrap_err();
        assert!(matches!(refused, Error::Missing { .. }), "{refused}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_directory_that_takes_no_files_is_read_only() {
    // True for root too, whom permissions do not stop.
    let refused = Sqlite::open("/proc/wavetrain-state.db").unwrap_err();
    assert!(matches!(refused, Error::ReadOnly { .. }), "{refused}");
    assert!(refused.to_string().contains("/proc/wavetrain-state.db"), "{refused}");
}

#[cfg(unix)]
#[tokio::test]
async fn a_write_protected_state_is_read_only() {
    use std::fs::{Permissions, set_permissions};
    use std::os::unix::fs::PermissionsExt;
    let place = Place::new();
    closed_with_one_rollout(&place).await;
    let protect = |file: u32, directory: u32| {
        set_permissions(place.file(), Permissions::from_mode(file)).unwrap();
        set_permissions(&place.0, Permissions::from_mode(directory)).unwrap();
    };
    for (file, directory) in [(0o400, 0o700), (0o600, 0o500), (0o400, 0o500)] {
        protect(file, directory);
        let opened = Sqlite::open(place.file()).map(drop);
        protect(0o600, 0o700);
        // Root is not stopped by permissions; everyone else gets told.
        let root = std::os::unix::fs::MetadataExt::uid(&std::fs::metadata(place.file()).unwrap()) == 0;
        assert!(root || matches!(opened, Err(Error::ReadOnly { .. })), "{file:o} {directory:o}: {opened:?}");
    }
}

#[tokio::test]
async fn every_commit_is_synced_through_a_write_ahead_log() {
    let store = super::opened();
    for (pragma, expected) in [("journal_mode", "wal"), ("synchronous", "2"), ("foreign_keys", "1")] {
        let read = move |c: &mut rusqlite::Connection| {
            let text = |row: &rusqlite::Row<'_>| match row.get_ref(0)? {
                rusqlite::types::ValueRef::Integer(number) => Ok(number.to_string()),
                other => Ok(other.as_str()?.to_owned()),
            };
            Ok(c.pragma_query_value(None, pragma, text)?)
        };
        let found = store.writer().unwrap().call(read).await.unwrap();
        assert_eq!(found, expected, "{pragma}");
    }
}
