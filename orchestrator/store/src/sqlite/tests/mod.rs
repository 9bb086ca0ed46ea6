//! The suite, and what only a file can get wrong.

mod crash;
mod opening;
mod sharing;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use super::Sqlite;

/// A directory of its own for each test, removed at its end.
struct Place(PathBuf);

impl Place {
    fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("wavetrain-store-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn file(&self) -> PathBuf {
        self.0.join("state.db")
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A store that keeps its directory until it is closed.
struct Opened {
    store: Sqlite,
    _place: Place,
}

impl std::ops::Deref for Opened {
    type Target = Sqlite;

    fn deref(&self) -> &Sqlite {
        &self.store
    }
}

fn opened() -> Opened {
    let place = Place::new();
    Opened { store: Sqlite::open(place.file()).unwrap(), _place: place }
}

crate::conformance_tests!(opened());

/// The bytes of every file in a directory, by name: to see that nothing was touched.
fn contents(directory: &Path) -> BTreeMap<OsString, Vec<u8>> {
    let files = std::fs::read_dir(directory).unwrap().map(|file| file.unwrap());
    files.map(|file| (file.file_name(), std::fs::read(file.path()).unwrap())).collect()
}

/// Changes the file behind the store's back.
fn tamper(path: &Path, sql: &str) {
    rusqlite::Connection::open(path).unwrap().execute_batch(sql).unwrap();
}
