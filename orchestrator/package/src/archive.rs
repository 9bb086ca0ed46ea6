//! Zips that are the same bytes for the same files, on every machine; and reading any zip.

use crate::contents::{Contents, Entry, Error as Unreadable, Place};
use crate::manifest::hexadecimal;
use sha2::{Digest as _, Sha256};
use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use wavetrain_model::id::Digest;
use zip::result::ZipError;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, System, ZipArchive, ZipWriter};

/// Bytes handed on at a time: files of any size need no more memory.
const CHUNK: usize = 1 << 16;

/// Fixed: another level gives other bytes.
const LEVEL: i64 = 6;

/// Permissions of files that begin like a program, and of others. What the source files have depends on the umask, and on
/// file systems that know no executable files.
const PROGRAM: u32 = 0o755;
const DATA: u32 = 0o644;

/// Endings of files that do not get smaller.
const COMPRESSED: [&str; 14] =
    ["7z", "bz2", "cab", "deb", "gz", "jar", "msi", "nupkg", "rpm", "tgz", "whl", "xz", "zip", "zst"];

/// Why a zip was not written.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// What belongs into it cannot be read.
    #[error(transparent)]
    Contents(#[from] Unreadable),
    /// It cannot be written.
    #[error("cannot write {}: {source}", path.display())]
    Unwritable {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// A zip that was written, or that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// Bytes.
    pub bytes: u64,
    /// Digest of them.
    pub sha256: Digest,
}

/// Writes a zip. Names are in the order of their bytes, every time is the first that zips can tell, permissions follow from
/// how a file begins.
///
/// # Errors
/// A file cannot be read, or the zip not be written.
pub fn write(path: &Path, contents: &Contents) -> Result<Written, Error> {
    let unwritable = |source| Error::Unwritable { path: path.to_owned(), source };
    let file = File::options().read(true).write(true).create_new(true).open(path).map_err(unwritable)?;
    let mut zip = ZipWriter::new(BufWriter::with_capacity(CHUNK, file));
    let mut folders = BTreeSet::new();
    for (name, entry) in &contents.0 {
        for (at, _) in name.match_indices('/') {
            let folder = &name[..=at];
            if folders.insert(folder) {
                // Without entries of their own, folders would get their first file's permissions.
                let options = options(PROGRAM, CompressionMethod::Stored);
                zip.add_directory(folder, options).map_err(|error| unwritable(io_error(error)))?;
            }
        }
        add(&mut zip, name, entry, path)?;
    }
    let mut file = zip
        .finish()
        .map_err(|error| unwritable(io_error(error)))?
        .into_inner()
        .map_err(|error| unwritable(error.into_error()))?;
    file.sync_all().map_err(unwritable)?;
    file.seek(SeekFrom::Start(0)).map_err(unwritable)?;
    digest(&mut file).map_err(unwritable)
}

fn options(permissions: u32, method: CompressionMethod) -> SimpleFileOptions {
    SimpleFileOptions::default()
        .compression_method(method)
        .compression_level((method == CompressionMethod::Deflated).then_some(LEVEL))
        .last_modified_time(DateTime::DEFAULT)
        .system(System::Unix)
        .unix_permissions(permissions)
}

fn add(zip: &mut ZipWriter<BufWriter<File>>, name: &str, entry: &Entry, path: &Path) -> Result<(), Error> {
    let mut failed = None;
    entry.with_reader(|reader| {
        let mut beginning = Vec::new();
        reader.take(4).read_to_end(&mut beginning)?;
        let is_program = beginning.starts_with(b"#!") || beginning.starts_with(b"\x7fELF");
        let options = options(if is_program { PROGRAM } else { DATA }, method(name))
            .large_file(entry.bytes >= u64::from(u32::MAX));
        failed = zip.start_file(name, options).map_err(io_error).err();
        let mut whole = beginning.as_slice().chain(reader);
        let mut chunk = vec![0; CHUNK];
        while failed.is_none() {
            let read = match whole.read(&mut chunk) {
                Ok(0) => break,
                Ok(read) => read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            failed = zip.write_all(&chunk[..read]).err();
        }
        Ok(())
    })?;
    match failed {
        Some(source) => Err(Error::Unwritable { path: path.to_owned(), source }),
        None => Ok(()),
    }
}

fn method(name: &str) -> CompressionMethod {
    let ending = name.rsplit_once('.').map_or("", |(_, ending)| ending).to_ascii_lowercase();
    if COMPRESSED.contains(&ending.as_str()) {
        CompressionMethod::Stored
    } else {
        CompressionMethod::Deflated
    }
}

fn io_error(error: ZipError) -> io::Error {
    match error {
        ZipError::Io(error) => error,
        other => io::Error::other(other),
    }
}

/// Size and digest of a file that is there.
///
/// # Errors
/// It cannot be read.
pub fn measure(path: &Path) -> Result<Written, Unreadable> {
    let unreadable = |source| Unreadable::Unreadable { path: path.to_owned(), source };
    digest(&mut File::open(path).map_err(unreadable)?).map_err(unreadable)
}

fn digest(file: &mut File) -> io::Result<Written> {
    let mut hasher = Sha256::new();
    let mut chunk = vec![0; CHUNK];
    let mut bytes = 0;
    loop {
        match file.read(&mut chunk) {
            Ok(0) => break,
            Ok(read) => {
                hasher.update(&chunk[..read]);
                bytes += read as u64;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(Written { bytes, sha256: Digest::new(hexadecimal(&hasher.finalize())) })
}

/// What a zip holds, whoever made it.
///
/// # Errors
/// It is not a zip.
pub fn contents(path: &Path) -> Result<Contents, Unreadable> {
    let mut archive = open(path)?;
    let mut found = BTreeMap::new();
    for at in 0..archive.len() {
        let entry = archive.by_index_raw(at).map_err(|error| damaged(path, &error))?;
        if !entry.is_dir() {
            let name = entry.name().map_err(|error| damaged(path, &error))?.into_owned();
            let place = Place::Zipped(path.to_owned(), at);
            found.insert(name, Entry { bytes: entry.size(), place });
        }
    }
    Ok(Contents(found))
}

/// Gives the bytes of the entry with this index to `take`.
pub(crate) fn with_entry<T>(
    path: &Path,
    at: usize,
    take: impl FnOnce(&mut dyn Read) -> io::Result<T>,
) -> Result<T, Unreadable> {
    let mut archive = open(path)?;
    let mut entry = archive.by_index(at).map_err(|error| damaged(path, &error))?;
    take(&mut entry).map_err(|source| Unreadable::Unreadable { path: path.to_owned(), source })
}

fn open(path: &Path) -> Result<ZipArchive<BufReader<File>>, Unreadable> {
    let file = File::open(path).map_err(|source| Unreadable::Unreadable { path: path.to_owned(), source })?;
    ZipArchive::new(BufReader::new(file)).map_err(|error| damaged(path, &error))
}

fn damaged(path: &Path, error: &ZipError) -> Unreadable {
    Unreadable::Zip { path: path.to_owned(), reason: error.to_string() }
}
