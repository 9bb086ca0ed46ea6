//! The disk of one node: folders of versions where the agent has them, and the scripts in them run in a sandbox.

use super::sandbox::{Ended, PACKAGES, Sandbox, folder_beneath};
use super::shell::Shell;
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read, Seek};

/// A node's disk. Deleted when dropped.
#[derive(Debug)]
pub struct Disk {
    sandbox: Sandbox,
}

impl Disk {
    /// A disk with nothing but the machine's programs.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn new() -> io::Result<Self> {
        Ok(Self { sandbox: Sandbox::new()? })
    }

    /// Writes a file into the folder of a version, over what is there.
    ///
    /// # Errors
    /// A script left a link or something else on the way, or it cannot be written.
    pub fn write(&self, package: &str, version: &str, name: &str, content: &mut dyn Read) -> io::Result<()> {
        let (parent, file) = name.rsplit_once('/').unwrap_or(("", name));
        let folder = format!("{}/{parent}", folder(package, version));
        let path = folder_beneath(&self.sandbox.root(), &folder)?.join(file);
        // Never through a link that a script left.
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        io::copy(content, &mut File::create_new(&path)?)?;
        make_executable(&path)
    }

    /// Writes all files of a zip into the folder of a version.
    ///
    /// # Errors
    /// As of [`Disk::write`], or it is no zip.
    pub fn unpack(&self, package: &str, version: &str, zip: impl Read + Seek) -> io::Result<()> {
        let mut archive = zip::ZipArchive::new(zip).map_err(io::Error::other)?;
        for index in 0..archive.len() {
            let mut entry = archive.by_index(index).map_err(io::Error::other)?;
            if !entry.is_dir() {
                let name = entry.name().map_err(io::Error::other)?.into_owned();
                self.write(package, version, &name, &mut entry)?;
            }
        }
        Ok(())
    }

    /// The folder of a version goes.
    ///
    /// # Errors
    /// It cannot be removed.
    pub fn forget(&self, package: &str, version: &str) -> io::Result<()> {
        fs::remove_dir_all(folder_beneath(&self.sandbox.root(), &folder(package, version))?)
    }

    /// Runs a script of a version's folder; None if there is none.
    ///
    /// # Errors
    /// The sandbox cannot be entered; what the script does is no error.
    pub fn run(
        &self,
        package: &str,
        version: &str,
        shell: &Shell,
        script: &str,
        environment: &BTreeMap<String, String>,
        seconds: u32,
    ) -> io::Result<Option<Ended>> {
        let folder = folder(package, version);
        if !folder_beneath(&self.sandbox.root(), &folder)?.join(script).is_file() {
            return Ok(None);
        }
        self.sandbox.run(&format!("/{folder}"), shell, script, environment, seconds).map(Some)
    }

    /// Runs the lines of a command, which are no part of a package.
    ///
    /// # Errors
    /// As of [`Disk::run`].
    pub fn command(
        &self,
        lines: &str,
        environment: &BTreeMap<String, String>,
        seconds: u32,
    ) -> io::Result<Ended> {
        // In a folder that no script can have replaced by a link.
        let (package, script) = ("command", "command.sh");
        self.write(package, "lines", script, &mut lines.as_bytes())?;
        let folder = format!("/{}", folder(package, "lines"));
        self.sandbox.run(&folder, &Shell::Sh, script, environment, seconds)
    }

    /// Everything on it that scripts can have written, with sizes; not what the agent keeps.
    ///
    /// # Errors
    /// It cannot be listed.
    pub fn files(&self) -> io::Result<BTreeMap<String, u64>> {
        self.sandbox.files()
    }
}

fn folder(package: &str, version: &str) -> String {
    format!("{PACKAGES}/{package}/{version}")
}

fn make_executable(path: &std::path::Path) -> io::Result<()> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        fs::set_permissions(path, fs::Permissions::from_mode(0o755))?;
    }
    Ok(())
}
