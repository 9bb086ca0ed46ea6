//! A root of its own for scripts, by user and mount namespaces: `unshare` of util-linux does it, without rights on the machine.

use super::shell::Shell;
use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// What runs inside, before the script.
const SETUP: &str = include_str!("sandbox.sh");

/// Bytes of output that are kept of one stream.
const OUTPUT_BYTES: u64 = 64 << 10;

/// Namespaces: user, mounts, processes, network, host name, shared memory, control groups.
const ISOLATED: [&str; 9] =
    ["--map-root-user", "--mount", "--pid", "--fork", "--kill-child", "--net", "--uts", "--ipc", "--cgroup"];

/// `nobody`: who the scripts are for the machine when it is root who tries them. Its own root would be the machine's, and what lies
/// under `/proc/sys` its to change.
const NOBODY: u32 = 65_534;

/// Where the agent keeps packages.
pub const PACKAGES: &str = "var/lib/amazon/ssm/packages";

/// Names at the top that [`SETUP`] makes.
const MOUNTED: [&str; 11] =
    ["bin", "dev", "lib", "lib32", "lib64", "libx32", "proc", "sbin", "usr", ".old", ".shell"];

/// Files of the machine that programs need, and that say nothing about it.
const COPIED: [&str; 3] = ["etc/ld.so.cache", "etc/os-release", "etc/nsswitch.conf"];

/// A folder that becomes the root of scripts. Deleted when dropped.
#[derive(Debug)]
pub struct Sandbox {
    home: tempfile::TempDir,
}

/// How a script ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ended {
    /// Exit code; 137 when it took too long.
    pub code: i32,
    /// What it printed.
    pub stdout: String,
    /// What it complained about.
    pub stderr: String,
}

impl Sandbox {
    /// A root with nothing but the machine's programs.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn new() -> io::Result<Self> {
        let home = tempfile::Builder::new().prefix("wavetrain-package-").tempdir()?;
        let sandbox = Self { home };
        let root = sandbox.root();
        for folder in ["etc", "tmp", "run", "root", "home", "opt", "var/log", "var/tmp", PACKAGES] {
            fs::create_dir_all(root.join(folder))?;
        }
        fs::write(root.join("etc/passwd"), "root:x:0:0:root:/root:/bin/sh\n")?;
        fs::write(root.join("etc/group"), "root:x:0:\n")?;
        for file in COPIED {
            // What the machine does not have, its programs do not need.
            let _ = fs::copy(Path::new("/").join(file), root.join(file));
        }
        copy_links(Path::new("/etc/alternatives"), &root.join("etc/alternatives"))?;
        Ok(sandbox)
    }

    /// Why this machine has no sandbox; None if it has.
    pub fn missing() -> Option<String> {
        let tried = Self::new().and_then(|sandbox| {
            fs::write(sandbox.root().join("try.sh"), "exit 0\n")?;
            sandbox.run("/", &Shell::Sh, "try.sh", &BTreeMap::new(), 60)
        });
        match tried {
            Ok(Ended { code: 0, .. }) => None,
            Ok(ended) => {
                Some(ended.stderr.lines().next().unwrap_or("the namespaces are not permitted").to_owned())
            }
            Err(error) => Some(format!("unshare cannot run: {error}")),
        }
    }

    /// The root, as the machine sees it.
    pub fn root(&self) -> PathBuf {
        self.home.path().join("root")
    }

    /// Runs a script as the agent does: through its shell, in its folder, as root of the sandbox.
    ///
    /// # Errors
    /// The sandbox cannot be entered; what the script does is no error.
    pub fn run(
        &self,
        folder: &str,
        shell: &Shell,
        script: &str,
        environment: &BTreeMap<String, String>,
        seconds: u32,
    ) -> io::Result<Ended> {
        let mut command = self.unshare()?;
        let mut child = command
            .args(ISOLATED)
            .args(["sh", "-c", SETUP, "sandbox"])
            .arg(self.home.path())
            .args([folder, &seconds.to_string()])
            .arg(shell.home().unwrap_or(Path::new("")))
            .args(shell.command(script))
            .env_clear()
            .env("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")
            .env("HOME", "/root")
            .envs(shell.environment())
            .envs(environment)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        let (out, err) = (child.stdout.take(), child.stderr.take());
        let (stdout, stderr) = std::thread::scope(|scope| {
            let err = scope.spawn(|| beginning(err));
            (beginning(out), err.join().unwrap_or_default())
        });
        let status = child.wait()?;
        Ok(Ended { code: status.code().unwrap_or(137), stdout, stderr })
    }

    #[cfg(unix)]
    fn unshare(&self) -> io::Result<Command> {
        use std::os::unix::fs::MetadataExt as _;
        let is_root = fs::metadata("/proc/self")?.uid() == 0;
        if !is_root {
            return Ok(Command::new("unshare"));
        }
        give_away(self.home.path())?;
        let mut command = Command::new("setpriv");
        let id = NOBODY.to_string();
        command.args(["--reuid", &id, "--regid", &id, "--clear-groups", "--no-new-privs", "unshare"]);
        Ok(command)
    }

    #[cfg(not(unix))]
    fn unshare(&self) -> io::Result<Command> {
        Err(io::Error::other("there are no namespaces here"))
    }

    /// Everything on the sandbox's disk that scripts can have written, with sizes; not what the agent keeps.
    ///
    /// # Errors
    /// It cannot be listed.
    pub fn files(&self) -> io::Result<BTreeMap<String, u64>> {
        let mut found = BTreeMap::new();
        let ours: Vec<String> =
            MOUNTED.into_iter().chain([PACKAGES]).map(|path| format!("/{path}")).collect();
        walk(&self.root(), "", &ours, &mut found)?;
        let upper = self.home.path().join("upper");
        if upper.is_dir() {
            walk(&upper, "/usr", &[], &mut found)?;
        }
        Ok(found)
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        // The overlay leaves a folder that nobody may list, not even its owner, who may change that.
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            let _ =
                fs::set_permissions(self.home.path().join("work/work"), fs::Permissions::from_mode(0o700));
        }
    }
}

fn copy_links(from: &Path, to: &Path) -> io::Result<()> {
    #[cfg(unix)]
    if let Ok(links) = fs::read_dir(from) {
        fs::create_dir_all(to)?;
        for link in links {
            let link = link?;
            if let Ok(target) = fs::read_link(link.path()) {
                std::os::unix::fs::symlink(target, to.join(link.file_name()))?;
            }
        }
    }
    Ok(())
}

/// The beginning of what is said. The rest is read too, and forgotten: whoever says it would wait otherwise.
fn beginning(stream: Option<impl Read>) -> String {
    let Some(mut stream) = stream else { return String::new() };
    let mut bytes = Vec::new();
    // A stream that breaks off has said what it has said.
    let _ = stream.by_ref().take(OUTPUT_BYTES).read_to_end(&mut bytes);
    let _ = io::copy(&mut stream, &mut io::sink());
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Everything in a folder belongs to nobody from now on. Links themselves, never what they lead to.
#[cfg(unix)]
fn give_away(path: &Path) -> io::Result<()> {
    std::os::unix::fs::lchown(path, Some(NOBODY), Some(NOBODY))?;
    if path.symlink_metadata()?.is_dir() {
        for item in fs::read_dir(path)? {
            give_away(&item?.path())?;
        }
    }
    Ok(())
}

fn walk(
    folder: &Path,
    prefix: &str,
    left_out: &[String],
    found: &mut BTreeMap<String, u64>,
) -> io::Result<()> {
    for item in fs::read_dir(folder)? {
        let item = item?;
        let name = format!("{prefix}/{}", item.file_name().to_string_lossy());
        // Links are listed, never followed: a script may have let one lead out of the sandbox.
        let about = item.metadata()?;
        if left_out.contains(&name) {
            continue;
        }
        if about.is_dir() {
            walk(&item.path(), &name, left_out, found)?;
        } else {
            found.insert(name, about.len());
        }
    }
    Ok(())
}

/// Makes a folder of a root, and refuses to follow a link on the way: scripts have written there.
///
/// # Errors
/// There is a link, or it cannot be made.
pub fn folder_beneath(root: &Path, path: &str) -> io::Result<PathBuf> {
    let mut at = root.to_owned();
    for part in path.split('/').filter(|part| !part.is_empty()) {
        if part == ".." {
            return Err(io::Error::other("the path leads out of the sandbox"));
        }
        at.push(part);
        match at.symlink_metadata() {
            Ok(about) if about.is_dir() => {}
            Ok(_) => return Err(io::Error::other(format!("a script left something else at {path}"))),
            Err(_) => fs::create_dir(&at)?,
        }
    }
    Ok(at)
}
