//! Scripts of simulated nodes, run in sandboxes of this machine: each node has a disk of its own there.

use std::collections::BTreeMap;
use std::io;
use wavetrain_package::trial::{self, Disk, Shell};
use wavetrain_sim::agent::real::{Ended, Environment, Folder, ReadSeek, Scripts};
use wavetrain_sim::world::World;

/// Longest run of a script, in seconds: everybody who calls the simulated AWS waits meanwhile.
const SCRIPT_SECONDS: u32 = 60;

/// What became of scripts that a world file wants to be real.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Offer {
    /// No group of nodes wants it.
    Unasked,
    /// They are run.
    Real,
    /// This machine has no sandbox, for this reason: they are modelled.
    Modelled(String),
}

impl Offer {
    /// Gives a world's nodes disks, if they want them and this machine can.
    pub fn to(world: &mut World) -> Self {
        if world.groups_with_scripts().is_empty() {
            return Self::Unasked;
        }
        if let Some(reason) = trial::missing() {
            return Self::Modelled(reason);
        }
        world.run_scripts(Box::<Sandboxes>::default());
        Self::Real
    }

    /// Word for scripts; none where nobody asked.
    pub const fn word(&self) -> Option<&'static str> {
        match self {
            Self::Unasked => None,
            Self::Real => Some("real"),
            Self::Modelled(_) => Some("modelled"),
        }
    }
}

/// Disks by node.
#[derive(Debug, Default)]
struct Sandboxes {
    disks: BTreeMap<String, Disk>,
}

impl Sandboxes {
    fn disk(&mut self, node: &str) -> io::Result<&Disk> {
        if !self.disks.contains_key(node) {
            self.disks.insert(node.to_owned(), Disk::new()?);
        }
        self.disks.get(node).ok_or_else(|| io::ErrorKind::NotFound.into())
    }
}

impl Scripts for Sandboxes {
    fn unpack(&mut self, folder: Folder<'_>, zip: &mut dyn ReadSeek) -> io::Result<()> {
        self.disk(folder.node)?.unpack(folder.package, folder.version, zip)
    }

    fn forget(&mut self, folder: Folder<'_>) -> io::Result<()> {
        self.disk(folder.node)?.forget(folder.package, folder.version)
    }

    fn run(
        &mut self,
        folder: Folder<'_>,
        script: &str,
        environment: &Environment,
    ) -> io::Result<Option<Ended>> {
        let disk = self.disk(folder.node)?;
        let ran =
            disk.run(folder.package, folder.version, &Shell::Sh, script, environment, SCRIPT_SECONDS)?;
        Ok(ran.map(told))
    }

    fn command(&mut self, node: &str, text: &str, environment: &Environment) -> io::Result<Ended> {
        self.disk(node)?.command(text, environment, SCRIPT_SECONDS).map(told)
    }
}

fn told(ended: trial::Ended) -> Ended {
    Ended { code: ended.code, stdout: ended.stdout, stderr: ended.stderr }
}
