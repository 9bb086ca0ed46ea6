//! The bytes of objects, on disk: the world knows their names, sizes and hashes only, so that an object of a gigabyte
//! costs it nothing.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use tempfile::TempDir;

use crate::agent::real::{Bytes, ReadSeek};
use crate::content::Content;

/// Files in a folder of the door's own, which goes when the door goes.
#[derive(Debug, Clone, Default)]
pub(crate) struct Spool {
    state: Arc<Mutex<State>>,
}

impl Bytes for Spool {
    fn open(&self, content: &Content) -> io::Result<Box<dyn ReadSeek>> {
        Ok(Box::new(self.open(&content.blobs)?))
    }
}

#[derive(Debug, Default)]
struct State {
    folder: Option<TempDir>,
    written: u64,
    /// A file goes when nobody in the world knows its name any more.
    names: Vec<Weak<str>>,
}

impl Spool {
    /// Makes a new file and its name. Files that nobody knows any more are removed first.
    pub(super) fn create(&self) -> io::Result<(Arc<str>, File)> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.folder.is_none() {
            state.folder = Some(tempfile::Builder::new().prefix("simulated-s3-").tempdir()?);
        }
        let folder = state.folder.as_ref().map(|folder| folder.path().to_owned()).unwrap_or_default();
        state.written += 1;
        let name: Arc<str> = Arc::from(format!("{:08}", state.written));
        let file = File::create_new(folder.join(&*name))?;
        let names = std::mem::take(&mut state.names);
        let (known, gone): (Vec<_>, Vec<_>) = names.into_iter().partition(|name| name.strong_count() > 0);
        state.names = known;
        state.names.push(Arc::downgrade(&name));
        drop(state);
        if !gone.is_empty() {
            self.remove_unknown(&folder);
        }
        Ok((name, file))
    }

    /// Removes the files in the folder that have no known name.
    fn remove_unknown(&self, folder: &std::path::Path) {
        // In this order: what somebody makes meanwhile is not listed.
        let listed: Vec<_> = std::fs::read_dir(folder).into_iter().flatten().flatten().collect();
        let known: BTreeSet<Arc<str>> = {
            let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
            state.names.iter().filter_map(Weak::upgrade).collect()
        };
        for entry in listed {
            if !entry.file_name().to_str().is_some_and(|name| known.contains(name)) {
                // What cannot be removed now goes with the folder.
                let _ = std::fs::remove_file(entry.path());
            }
        }
    }

    /// The bytes of some pieces, one after the other.
    pub(super) fn open(&self, names: &[Arc<str>]) -> io::Result<Pieces> {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let folder = state.folder.as_ref().map(|folder| folder.path().to_owned()).unwrap_or_default();
        drop(state);
        let mut pieces = Vec::new();
        let mut size = 0;
        for name in names {
            let path = folder.join(&**name);
            let length = std::fs::metadata(&path)?.len();
            pieces.push((size, length, path));
            size += length;
        }
        Ok(Pieces { files: pieces, size, position: 0, open: None })
    }
}

/// Files read as one.
#[derive(Debug)]
pub(super) struct Pieces {
    /// Where each begins, how long it is, and where it lies.
    files: Vec<(u64, u64, PathBuf)>,
    size: u64,
    position: u64,
    /// The file under way, by its place; one at a time, because an object may have ten thousand.
    open: Option<(usize, File)>,
}

impl Read for Pieces {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let inside =
            |(start, length, _): &(u64, u64, PathBuf)| (*start..start + length).contains(&self.position);
        let Some(index) = self.files.iter().position(inside) else { return Ok(0) };
        let (start, _, path) = &self.files[index];
        let file = match &mut self.open {
            Some((open, file)) if *open == index => file,
            other => {
                let mut file = File::open(path)?;
                file.seek(SeekFrom::Start(self.position - start))?;
                &mut other.insert((index, file)).1
            }
        };
        let read = file.read(buffer)?;
        self.position += read as u64;
        Ok(read)
    }
}

impl Seek for Pieces {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let wanted = match to {
            SeekFrom::Start(position) => Some(position),
            SeekFrom::End(offset) => self.size.checked_add_signed(offset),
            SeekFrom::Current(offset) => self.position.checked_add_signed(offset),
        };
        self.position = wanted.ok_or(io::ErrorKind::InvalidInput)?;
        self.open = None;
        Ok(self.position)
    }
}

/// Writes a piece while it is received.
pub(super) fn append(file: &mut File, bytes: &[u8]) -> io::Result<()> {
    file.write_all(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_are_read_as_one_and_unknown_ones_go() {
        let spool = Spool::default();
        let write = |text: &str| {
            let (name, mut file) = spool.create().expect("a file");
            append(&mut file, text.as_bytes()).expect("written");
            name
        };
        let names = [write("hello "), write(""), write("world")];
        let mut pieces = spool.open(&names).expect("there");
        let mut text = String::new();
        pieces.read_to_string(&mut text).expect("read");
        assert_eq!(text, "hello world");
        assert_eq!(pieces.seek(SeekFrom::End(-3)).expect("a place"), 8);
        text.clear();
        pieces.read_to_string(&mut text).expect("read");
        assert_eq!(text, "rld");
        let kept = [Arc::clone(&names[0])];
        drop(names);
        let _another = write("more");
        assert!(spool.open(&kept).is_ok());
        assert!(spool.open(&["00000003".into()]).is_err(), "nobody knew it any more");
    }
}
