//! What one zip holds or will hold: paths at its root and below, and where their bytes are.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// Why the contents of a zip cannot be told.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Read or listed in vain.
    #[error("cannot read {}: {source}", path.display())]
    Unreadable {
        /// What.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A link, a pipe or a device: a node would not get what is here.
    #[error("{} is neither a file nor a folder", path.display())]
    Special {
        /// What.
        path: PathBuf,
    },
    /// A name that a zip for all systems cannot hold.
    #[error("the name {:?} is not text without backslashes and control characters", path.display())]
    Name {
        /// What.
        path: PathBuf,
    },
    /// Not a zip, or a damaged one.
    #[error("{} cannot be read as a zip: {reason}", path.display())]
    Zip {
        /// Which.
        path: PathBuf,
        /// Why.
        reason: String,
    },
}

impl Error {
    /// What it is about.
    pub fn path(&self) -> &Path {
        match self {
            Self::Unreadable { path, .. }
            | Self::Special { path }
            | Self::Name { path }
            | Self::Zip { path, .. } => path,
        }
    }
}

/// Files by their path in the zip, `/` between folders, in the order of their bytes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Contents(pub BTreeMap<String, Entry>);

/// One file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Uncompressed bytes.
    pub bytes: u64,
    /// Where they are.
    pub place: Place,
}

/// Where a file's bytes are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// A file of its own.
    File(PathBuf),
    /// The entry with this index of a zip.
    Zipped(PathBuf, usize),
}

impl Contents {
    /// The files of folders, laid over one another: a later folder replaces files of an earlier one. Modification times,
    /// owners, permissions and the order of listings play no part.
    ///
    /// # Errors
    /// Something cannot be read, or is not a file.
    pub fn of_folders<'f>(folders: impl IntoIterator<Item = &'f Path>) -> Result<Self, Error> {
        let mut found = BTreeMap::new();
        for folder in folders {
            let mut open = vec![(folder.to_owned(), String::new())];
            while let Some((folder, prefix)) = open.pop() {
                list(&folder, &prefix, &mut open, &mut found)?;
            }
        }
        Ok(Self(found))
    }

    /// Whether a file lies at this path.
    pub fn has(&self, path: &str) -> bool {
        self.0.contains_key(path)
    }

    /// Names at the root: files, and folders with a `/` at their end.
    pub fn at_root(&self) -> impl Iterator<Item = &str> {
        let mut last = "";
        self.0.keys().filter_map(move |path| {
            let name = path.split_inclusive('/').next().unwrap_or(path);
            let is_new = name != last;
            last = name;
            is_new.then_some(name)
        })
    }

    /// The bytes of a small file; None if it is not there, or has more than `limit` bytes.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn read(&self, path: &str, limit: u64) -> Result<Option<Vec<u8>>, Error> {
        let Some(entry) = self.0.get(path).filter(|entry| entry.bytes <= limit) else { return Ok(None) };
        let mut bytes = Vec::new();
        entry.with_reader(|reader| reader.take(limit + 1).read_to_end(&mut bytes))?;
        Ok(Some(bytes).filter(|bytes| bytes.len() as u64 <= limit))
    }
}

impl Entry {
    /// Gives its bytes, decompressed, to `take`.
    ///
    /// # Errors
    /// It cannot be opened or read.
    pub fn with_reader<T>(&self, take: impl FnOnce(&mut dyn Read) -> io::Result<T>) -> Result<T, Error> {
        match &self.place {
            Place::File(path) => {
                let unreadable = |source| Error::Unreadable { path: path.clone(), source };
                take(&mut File::open(path).map_err(unreadable)?).map_err(unreadable)
            }
            Place::Zipped(path, at) => crate::archive::with_entry(path, *at, take),
        }
    }
}

fn list(
    folder: &Path,
    prefix: &str,
    open: &mut Vec<(PathBuf, String)>,
    found: &mut BTreeMap<String, Entry>,
) -> Result<(), Error> {
    let unreadable = |source| Error::Unreadable { path: folder.to_owned(), source };
    for item in fs::read_dir(folder).map_err(unreadable)? {
        let path = item.map_err(unreadable)?.path();
        // Not followed: what a link leads to is not the same on another machine.
        let about =
            fs::symlink_metadata(&path).map_err(|source| Error::Unreadable { path: path.clone(), source })?;
        let name = path.file_name().and_then(|name| name.to_str()).filter(|name| is_plain(name));
        let Some(name) = name.map(|name| format!("{prefix}{name}")) else { return Err(Error::Name { path }) };
        if about.is_dir() {
            open.push((path, format!("{name}/")));
        } else if about.is_file() {
            found.insert(name, Entry { bytes: about.len(), place: Place::File(path) });
        } else {
            return Err(Error::Special { path });
        }
    }
    Ok(())
}

fn is_plain(name: &str) -> bool {
    !name.contains(|character: char| character.is_control() || character == '\\')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_later_folder_replaces_files_of_an_earlier_one() {
        let root = tempfile::tempdir().unwrap();
        for (path, text) in [("one/a", "1"), ("one/sub/b", "1"), ("two/a", "22"), ("two/c", "2")] {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        let (one, two) = (root.path().join("one"), root.path().join("two"));
        let contents = Contents::of_folders([one.as_path(), two.as_path()]).unwrap();
        let sizes: Vec<_> = contents.0.iter().map(|(path, entry)| (path.as_str(), entry.bytes)).collect();
        assert_eq!(sizes, [("a", 2), ("c", 1), ("sub/b", 1)]);
        assert_eq!(contents.at_root().collect::<Vec<_>>(), ["a", "c", "sub/"]);
        assert_eq!(contents.read("a", 10).unwrap().as_deref(), Some(b"22".as_slice()));
        assert_eq!(contents.read("a", 1).unwrap(), None);
    }

    #[cfg(unix)]
    #[test]
    fn links_are_refused_and_named() {
        let root = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink("/etc/passwd", root.path().join("link")).unwrap();
        let refused = Contents::of_folders([root.path()]).unwrap_err();
        assert!(matches!(&refused, Error::Special { path } if path.ends_with("link")), "{refused}");
    }
}
