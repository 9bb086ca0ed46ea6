//! A first package to change: a commented `package.yaml`, scripts for both platforms, and a payload of two lines.

use crate::folder::RECIPE;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Every file, with `@NAME@` for the package's name.
const FILES: [(&str, &str); 11] = [
    (RECIPE, include_str!("templates/package.yaml")),
    ("linux/install.sh", include_str!("templates/linux/install.sh")),
    ("linux/uninstall.sh", include_str!("templates/linux/uninstall.sh")),
    ("linux/update.sh", include_str!("templates/linux/update.sh")),
    ("linux/validate.sh", include_str!("templates/linux/validate.sh")),
    ("linux/payload/VERSION", "1.0.0\n"),
    ("windows/install.ps1", include_str!("templates/windows/install.ps1")),
    ("windows/uninstall.ps1", include_str!("templates/windows/uninstall.ps1")),
    ("windows/update.ps1", include_str!("templates/windows/update.ps1")),
    ("windows/validate.ps1", include_str!("templates/windows/validate.ps1")),
    ("windows/payload/VERSION", "1.0.0\n"),
];

/// Why no package was begun.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Nothing is ever overwritten, and nothing was written.
    #[error("{} is there already", path.display())]
    Occupied {
        /// What.
        path: PathBuf,
    },
    /// A file cannot be written; those before it were.
    #[error("cannot write {}: {source}", path.display())]
    Unwritable {
        /// What.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// Writes the files into a folder, which is made if it is not there, and returns their paths.
///
/// # Errors
/// One of them is there already, or cannot be written.
pub fn init(folder: &Path, name: &str) -> Result<Vec<PathBuf>, Error> {
    let files = FILES.map(|(path, text)| (folder.join(path), text.replace("@NAME@", name)));
    if let Some((there, _)) = files.iter().find(|(path, _)| path.symlink_metadata().is_ok()) {
        return Err(Error::Occupied { path: there.clone() });
    }
    let mut written = Vec::new();
    for (path, text) in files {
        write(&path, &text).map_err(|source| Error::Unwritable { path: path.clone(), source })?;
        written.push(path);
    }
    Ok(written)
}

fn write(path: &Path, text: &str) -> io::Result<()> {
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent)?;
    }
    // Never over a file that appeared in between.
    File::create_new(path)?.write_all(text.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_overwritten() {
        let root = tempfile::tempdir().unwrap();
        init(root.path(), "tool").unwrap();
        fs::remove_file(root.path().join(RECIPE)).unwrap();
        fs::write(root.path().join("linux/validate.sh"), "mine").unwrap();
        assert!(matches!(init(root.path(), "tool"), Err(Error::Occupied { .. })));
        assert!(!root.path().join(RECIPE).exists(), "nothing is written");
        assert_eq!(fs::read_to_string(root.path().join("linux/validate.sh")).unwrap(), "mine");
    }
}
