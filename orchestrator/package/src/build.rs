//! A package's zips and manifest, written beside each other into a folder that appears whole or not at all.

use crate::archive::{self, Written};
use crate::contents;
use crate::folder::{self, Package};
use crate::manifest::{self, Listed, Manifest};
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use wavetrain_model::id::Digest;
use wavetrain_model::limit::{ATTACHMENT_BYTES, MANIFEST_BYTES};

/// Why nothing was built.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// What belongs into a zip cannot be read.
    #[error(transparent)]
    Contents(#[from] contents::Error),
    /// A zip would be empty.
    #[error("{name} would be empty: its folders hold no file")]
    Empty {
        /// Which.
        name: String,
    },
    /// The disk, or somebody's share of it, is full. Nothing is left behind.
    #[error("the disk is full: {} could not be written", path.display())]
    Full {
        /// What was being written.
        path: PathBuf,
    },
    /// Something cannot be written. Nothing is left behind.
    #[error("cannot write {}: {source}", path.display())]
    Unwritable {
        /// What.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Distributor would refuse it.
    #[error("{name} has {bytes} bytes; Distributor takes at most {limit}")]
    TooLarge {
        /// Which file.
        name: String,
        /// Its size.
        bytes: u64,
        /// The largest that is possible.
        limit: u64,
    },
    /// Something else is at the place of the output.
    #[error("{} is there already and was not made by a build", path.display())]
    Occupied {
        /// Where.
        path: PathBuf,
    },
    /// A folder is not what its manifest says.
    #[error("{}: {reason}", path.display())]
    Differs {
        /// Which file.
        path: PathBuf,
        /// How.
        reason: String,
    },
    /// A folder has no manifest, or a wrong one.
    #[error(transparent)]
    Folder(#[from] folder::Error),
}

/// A built version: what is uploaded, and what identifies it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Build {
    /// Where it is.
    pub folder: PathBuf,
    /// What it says.
    pub manifest: Manifest,
    /// The exact content of the package's document.
    pub text: String,
    /// The files to attach, by name.
    pub attachments: Vec<Attachment>,
    /// [`Manifest::digest`]: the same in every account and Region that has this version.
    pub digest: Digest,
}

/// One file of a version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attachment {
    /// Its name in the manifest.
    pub name: String,
    /// Where it is.
    pub path: PathBuf,
    /// Its size.
    pub bytes: u64,
    /// Its digest.
    pub sha256: Digest,
}

/// Builds a package into the folder `out`. An earlier build there is replaced as a whole.
///
/// # Errors
/// Nothing was built, and `out` is what it was before.
pub fn build(package: &Package, out: &Path) -> Result<Build, Error> {
    let is_replaced = out.symlink_metadata().is_ok();
    if is_replaced && !is_build(out) {
        return Err(Error::Occupied { path: out.to_owned() });
    }
    let parent = out.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let unwritable = |path: &Path| {
        let path = path.to_owned();
        move |source| write_error(path, source)
    };
    fs::create_dir_all(parent).map_err(unwritable(parent))?;
    // In the same folder, so that it can take its place in one step. Dropped, it is deleted with all that is in it.
    let started = tempfile::Builder::new()
        .prefix(".wavetrain-build-")
        .tempdir_in(parent)
        .map_err(unwritable(parent))?;
    fill(package, started.path(), out)?;
    make_readable(started.path()).map_err(unwritable(out))?;
    if is_replaced {
        replace(started.path(), out, parent)?;
    } else {
        fs::rename(started.path(), out).map_err(unwritable(out))?;
    }
    // There is nothing left to delete.
    let _ = started.keep();
    load_unchecked(out)
}

/// Puts a finished folder into the place of another, which comes back if that fails.
fn replace(finished: &Path, out: &Path, parent: &Path) -> Result<(), Error> {
    let unwritable = |source| write_error(out.to_owned(), source);
    let aside =
        tempfile::Builder::new().prefix(".wavetrain-build-").tempdir_in(parent).map_err(unwritable)?;
    let replaced = aside.path().join("replaced");
    fs::rename(out, &replaced).map_err(unwritable)?;
    fs::rename(finished, out).or_else(|error| fs::rename(&replaced, out).and(Err(error))).map_err(unwritable)
}

/// Zips and manifest of a package, into an empty folder that will be `out`.
fn fill(package: &Package, folder: &Path, out: &Path) -> Result<(), Error> {
    let mut manifest = package.manifest.clone();
    manifest.files.clear();
    for (name, contents) in &package.zips {
        if contents.0.is_empty() {
            return Err(Error::Empty { name: name.clone() });
        }
        let Written { bytes, sha256 } =
            archive::write(&folder.join(name), contents).map_err(|error| match error {
                archive::Error::Contents(error) => Error::Contents(error),
                archive::Error::Unwritable { source, .. } => write_error(out.join(name), source),
            })?;
        if bytes > ATTACHMENT_BYTES {
            return Err(Error::TooLarge { name: name.clone(), bytes, limit: ATTACHMENT_BYTES });
        }
        manifest.files.insert(name.clone(), Listed::new(&sha256, bytes));
    }
    let text = manifest.text();
    if text.len() > MANIFEST_BYTES {
        let (bytes, limit) = (text.len() as u64, MANIFEST_BYTES as u64);
        return Err(Error::TooLarge { name: manifest::FILE_NAME.to_owned(), bytes, limit });
    }
    let path = folder.join(manifest::FILE_NAME);
    let written = File::create_new(&path).and_then(|mut file| {
        file.write_all(text.as_bytes())?;
        file.sync_all()
    });
    written.map_err(|source| write_error(out.join(manifest::FILE_NAME), source))
}

/// A new temporary folder is for its owner's eyes only; a build is not.
fn make_readable(folder: &Path) -> io::Result<()> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        fs::set_permissions(folder, fs::Permissions::from_mode(0o755))?;
    }
    File::open(folder)?.sync_all()
}

fn write_error(path: PathBuf, source: io::Error) -> Error {
    match source.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Error::Full { path },
        _ => Error::Unwritable { path, source },
    }
}

/// Whether a folder holds a manifest and the zips that it lists, and nothing else that a replacement would delete.
fn is_build(folder: &Path) -> bool {
    let is_real = folder.symlink_metadata().is_ok_and(|about| about.is_dir());
    let text = fs::read_to_string(folder.join(manifest::FILE_NAME)).unwrap_or_default();
    let (true, Ok(manifest), Ok(mut items)) = (is_real, Manifest::parse(&text), fs::read_dir(folder)) else {
        return false;
    };
    items.all(|item| {
        item.is_ok_and(|item| {
            let name = item.file_name();
            name.to_str().is_some_and(|name| name == manifest::FILE_NAME || manifest.files.contains_key(name))
        })
    })
}

/// Opens what an earlier [`build`] made, and checks every file against the manifest.
///
/// # Errors
/// It is incomplete, or was changed since.
pub fn load(folder: &Path) -> Result<Build, Error> {
    let build = load_unchecked(folder)?;
    for Attachment { path, bytes, sha256, .. } in &build.attachments {
        let found = archive::measure(path)?;
        let reason = if found.bytes != *bytes {
            format!("has {} bytes, the manifest says {bytes}", found.bytes)
        } else if found.sha256 != *sha256 {
            format!("has the SHA-256 {}, the manifest says {}", found.sha256.as_str(), sha256.as_str())
        } else {
            continue;
        };
        return Err(Error::Differs { path: path.clone(), reason });
    }
    Ok(build)
}

fn load_unchecked(folder: &Path) -> Result<Build, Error> {
    let path = folder.join(manifest::FILE_NAME);
    let text = fs::read_to_string(&path)
        .map_err(|source| contents::Error::Unreadable { path: path.clone(), source })?;
    let manifest = Manifest::parse(&text)
        .map_err(|error| folder::Error::Manifest { path: path.clone(), reason: error.to_string() })?;
    let mut attachments = Vec::new();
    for (name, listed) in &manifest.files {
        let sha256 = listed.sha256().filter(|_| folder::is_file_name(name));
        let (Some(sha256), Some(bytes)) = (sha256, listed.size) else {
            let reason = format!("lists {name} without a size and a SHA-256");
            return Err(Error::Differs { path, reason });
        };
        let sha256 = Digest::new(sha256.to_owned());
        attachments.push(Attachment { name: name.clone(), path: folder.join(name), bytes, sha256 });
    }
    let digest = manifest.digest();
    Ok(Build { folder: folder.to_owned(), manifest, text, attachments, digest })
}
