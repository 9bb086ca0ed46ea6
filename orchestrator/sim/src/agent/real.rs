//! Scripts that are not modelled but run. The world has no processes and no files: somebody outside has a disk for each
//! such node, and runs there what the modelled agent would run.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{self, Write as _};
use std::io::{self, Cursor, Read, Seek};
use std::sync::Arc;

use super::behaviour::{NodeTraits, Payload, Script};
use super::local::Agent;
use super::run::{Ending, Report};
use crate::content::Content;
use crate::package::Attached;
use crate::zip::stored_zip;

/// Bytes that are read from any place.
pub trait ReadSeek: Read + Seek {}

impl<T: Read + Seek> ReadSeek for T {}

/// Whoever keeps the bytes that callers handed in.
pub trait Bytes: Send + Sync + fmt::Debug {
    /// The bytes of a content.
    fn open(&self, content: &Content) -> io::Result<Box<dyn ReadSeek>>;
}

/// The folder of a version on a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Folder<'a> {
    /// Node id.
    pub node: &'a str,
    /// Package, as a name that a folder may have.
    pub package: &'a str,
    /// Version, as the agent names it.
    pub version: &'a str,
}

/// How something that ran has ended.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ended {
    /// Exit code; 137 when it was killed because it took too long.
    pub code: i32,
    /// What it printed.
    pub stdout: String,
    /// What it complained about.
    pub stderr: String,
}

/// Environment variables.
pub type Environment = BTreeMap<String, String>;

/// Whoever runs scripts. Callers of the simulated AWS wait meanwhile.
pub trait Scripts: Send + fmt::Debug {
    /// Lays the files of a zip into the folder of a version, over what lies there.
    fn unpack(&mut self, folder: Folder<'_>, zip: &mut dyn ReadSeek) -> io::Result<()>;

    /// The folder of a version goes.
    fn forget(&mut self, folder: Folder<'_>) -> io::Result<()>;

    /// Runs a script that lies in the folder of a version; `None` if it does not.
    fn run(
        &mut self,
        folder: Folder<'_>,
        script: &str,
        environment: &Environment,
    ) -> io::Result<Option<Ended>>;

    /// Runs the text of a command.
    fn command(&mut self, node: &str, text: &str, environment: &Environment) -> io::Result<Ended>;
}

/// Real scripts, in a world that has nodes for them.
#[derive(Debug)]
pub(crate) struct Real {
    scripts: Box<dyn Scripts>,
    bytes: Option<Arc<dyn Bytes>>,
    /// Nodes, and products whose version of the start is on their disk.
    pub(crate) prepared: BTreeSet<(u32, Arc<str>)>,
}

impl Real {
    pub(crate) fn new(scripts: Box<dyn Scripts>) -> Self {
        Self { scripts, bytes: None, prepared: BTreeSet::new() }
    }

    pub(crate) fn keep(&mut self, bytes: Arc<dyn Bytes>) {
        self.bytes = Some(bytes);
    }

    /// The disk of a node, for one command.
    pub(crate) fn disk<'a>(&'a mut self, node: &'a NodeTraits, command: &'a str) -> Disk<'a> {
        Disk { real: self, node, command }
    }
}

/// The disk of a node while a command is carried out.
pub(crate) struct Disk<'a> {
    real: &'a mut Real,
    node: &'a NodeTraits,
    command: &'a str,
}

impl Disk<'_> {
    /// Installs what an agent has noted as installed of a package.
    pub(crate) fn prepare(&mut self, agent: &Agent, key: &str) {
        let Some(local) = agent.packages.get(key) else { return };
        let Some(version) = local.state.installed_version(false) else { return };
        let Some(payload) = local.directories.get(version) else { return };
        // Where it fails the node simply has nothing, as its probe will say.
        if self.unpack(key, version, payload).is_ok() {
            self.run(key, version, Script::Install, "");
        }
    }

    /// Unpacks a version's zip into the folder of a version, which need not be the same; the error is for the agent's output.
    pub(super) fn unpack(&mut self, key: &str, version: &str, payload: &Payload) -> Result<(), String> {
        let failed = |error: io::Error| format!("failed to install package: {error}");
        let mut zip: Box<dyn ReadSeek> = match &*payload.zip {
            Attached::Made(entries) => Box::new(Cursor::new(stored_zip(entries))),
            Attached::Stored(content) => {
                let kept = self.real.bytes.as_ref().ok_or_else(|| "nobody keeps its bytes".to_owned())?;
                kept.open(content).map_err(failed)?
            }
        };
        let package = folder_name(key);
        let folder = Folder { node: &self.node.id, package: &package, version };
        self.real.scripts.unpack(folder, &mut zip).map_err(failed)
    }

    pub(super) fn forget(&mut self, key: &str, version: &str) {
        let package = folder_name(key);
        // What stays behind is laid over when the version comes back.
        let _ = self.real.scripts.forget(Folder { node: &self.node.id, package: &package, version });
    }

    /// Runs a script of the folder of a version; `None` if there is none.
    pub(super) fn run(&mut self, key: &str, version: &str, script: Script, arguments: &str) -> Option<Ended> {
        let package = folder_name(key);
        let mut environment = self.environment(arguments);
        environment.insert("BWS_ACTION_NAME".to_owned(), script.as_str().to_owned());
        let folder = Folder { node: &self.node.id, package: &package, version };
        let file = format!("{}.sh", script.as_str());
        match self.real.scripts.run(folder, &file, &environment) {
            Ok(ended) => ended,
            Err(error) => Some(unusable(&error)),
        }
    }

    /// Runs the text of a command.
    pub(crate) fn command(&mut self, text: &str) -> Report {
        let environment = self.environment("");
        let ended = self.real.scripts.command(&self.node.id, text, &environment);
        let Ended { code, stdout, mut stderr } = ended.unwrap_or_else(|error| unusable(&error));
        if code != 0 {
            // Writing to a String cannot fail.
            let _ = writeln!(stderr, "failed to run commands: exit status {code}");
        }
        let ending = if code == 0 { Ending::Success } else { Ending::Failed };
        Report { ending, code, stdout, stderr }
    }

    /// What the agent tells its scripts. Arguments that are no JSON were refused before.
    fn environment(&self, arguments: &str) -> Environment {
        let node = self.node;
        let platform = super::platform::platform_key(&node.platform_name);
        let fixed = [
            ("BWS_PLATFORM_NAME", &*platform),
            ("BWS_PLATFORM_VERSION", &node.platform_version),
            ("BWS_PLATFORM_FAMILY", "linux"),
            ("BWS_ARCHITECTURE", &node.architecture),
            ("BWS_INIT_SYSTEM", "systemd"),
            ("BWS_PACKAGE_MANAGER", ""),
            ("BWS_INSTANCE_ID", &node.id),
            ("BWS_INSTANCE_TYPE", "t3.micro"),
            ("BWS_REGION", &node.region),
            ("BWS_ACCOUNT_ID", &node.account),
            ("BWS_AVAILABILITY_ZONE", &*format!("{}a", node.region)),
            ("AWS_SSM_INSTANCE_ID", &node.id),
            ("AWS_SSM_REGION_NAME", &node.region),
            ("AWS_SSM_PLATFORM_NAME", &*platform),
            ("AWS_SSM_PLATFORM_VERSION", &node.platform_version),
            ("SSM_COMMAND_ID", self.command),
        ]
        .map(|(key, value)| (key.to_owned(), value.to_owned()));
        let given: Environment = serde_json::from_str(arguments).unwrap_or_default();
        given.into_iter().chain(fixed).collect()
    }
}

fn unusable(error: &io::Error) -> Ended {
    Ended { code: 1, stdout: String::new(), stderr: format!("the node's disk cannot be used: {error}\n") }
}

/// An ARN without what leads into other folders.
fn folder_name(key: &str) -> String {
    key.replace([':', '/'], "_")
}
