//! Brings a built version into the accounts and Regions that publish a package, and keeps what is there in order.
//!
//! Every step first looks at what is there: a rerun after any interruption does what is missing and nothing twice. The name of a version
//! is what makes that safe, because Systems Manager refuses a second version of one name.

mod document;
pub mod prune;
mod share;
mod upload;
pub mod verify;

use crate::build::{Attachment, Build};
use crate::manifest::Manifest;
use sha2::{Digest as _, Sha256};
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::PathBuf;
use tokio::sync::Semaphore;
use wavetrain_model::fleet::Site;
use wavetrain_model::id::AccountId;
use wavetrain_model::time::Seconds;
use wavetrain_ports::bucket::Bucket;
use wavetrain_ports::clock::Clock;
use wavetrain_ports::failure::{Class, Failure};
use wavetrain_ports::registry::Registry;

/// Bytes of one part of an upload, but for the last. Fixed: the checksum that S3 keeps of an object hangs on it, and so does whether an
/// upload that another process began can be gone on with.
pub const PART_BYTES: u64 = 8 << 20;

/// Parts in memory at once, over all files, accounts and Regions.
const PARTS_AT_ONCE: usize = 8;

/// Pauses before a throttled or unreachable service is asked again.
const PAUSES: [Seconds; 5] = [Seconds(1), Seconds(2), Seconds(4), Seconds(8), Seconds(16)];

/// Why a version is not published somewhere.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// AWS did not do it.
    #[error(transparent)]
    Call(#[from] Failure),
    /// The name of the version is taken by something else.
    #[error("version {version} is there already with other content")]
    Taken {
        /// Which.
        version: String,
    },
    /// What is attached is not what was built.
    #[error("{file} of version {version} is {found} there, and {expected} here")]
    Different {
        /// Which version.
        version: String,
        /// Which file.
        file: String,
        /// SHA-256 there, or that it is missing.
        found: String,
        /// SHA-256 here.
        expected: String,
    },
    /// Systems Manager could not make it.
    #[error("Systems Manager could not make version {version}: {information}")]
    Failed {
        /// Which.
        version: String,
        /// What it says.
        information: String,
    },
    /// It takes too long to become active.
    #[error("version {version} is still {status} after {waited}")]
    Slow {
        /// Which.
        version: String,
        /// Its status.
        status: String,
        /// How long was waited.
        waited: Seconds,
    },
    /// The document has as many versions as are possible.
    #[error("the package has {versions} versions, as many as are possible")]
    Full {
        /// How many.
        versions: usize,
    },
    /// A document cannot be shared so widely.
    #[error("the package would be shared with {accounts} accounts; {limit} are possible")]
    TooManyAccounts {
        /// How many.
        accounts: usize,
        /// How many are possible.
        limit: usize,
    },
    /// There is no such version.
    #[error("there is no active version {version}")]
    Missing {
        /// Which.
        version: String,
    },
    /// Nothing is wrong here, but elsewhere.
    #[error("the default version stays: the new one is not active everywhere")]
    Withheld,
    /// A file of the build cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    Unreadable {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file is not what its manifest says.
    #[error("{} is not what it was when it was built", path.display())]
    Changed {
        /// Which.
        path: PathBuf,
    },
}

/// An account and Region that keeps documents of the package.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Home {
    /// Which.
    pub site: Site,
    /// Bucket in its Region that Systems Manager takes the files from.
    pub bucket: String,
    /// Folder in the bucket, without slashes at its ends; may be empty.
    pub prefix: String,
    /// Accounts that install from here.
    pub share_with: Vec<AccountId>,
}

/// A built version, ready to be uploaded.
#[derive(Debug)]
pub struct Release {
    pub(crate) package: String,
    pub(crate) manifest: Manifest,
    pub(crate) content: String,
    pub(crate) files: Vec<Payload>,
}

/// One file, with what S3 will say of it.
#[derive(Debug)]
pub(crate) struct Payload {
    pub(crate) attachment: Attachment,
    /// Bytes of every part but the last.
    pub(crate) part_bytes: u64,
    /// SHA-256 of every part.
    pub(crate) parts: Vec<[u8; 32]>,
}

impl Release {
    /// Reads every file once.
    ///
    /// # Errors
    /// A file cannot be read, or is not what was built.
    pub fn new(package: &str, build: &Build) -> Result<Self, Error> {
        Self::in_parts(package, build, PART_BYTES)
    }

    /// The same with parts of another size, which S3 takes from 5 MiB on.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub fn in_parts(package: &str, build: &Build, part_bytes: u64) -> Result<Self, Error> {
        let files = build.attachments.iter().map(|attachment| payload(attachment, part_bytes));
        let files: Result<Vec<Payload>, Error> = files.collect();
        Ok(Self {
            package: package.to_owned(),
            manifest: build.manifest.clone(),
            content: build.text.clone(),
            files: files?,
        })
    }

    /// Its VersionName.
    pub fn version(&self) -> &str {
        &self.manifest.version
    }
}

fn payload(attachment: &Attachment, part_bytes: u64) -> Result<Payload, Error> {
    let unreadable = |source| Error::Unreadable { path: attachment.path.clone(), source };
    let changed = || Error::Changed { path: attachment.path.clone() };
    let mut file = File::open(&attachment.path).map_err(unreadable)?;
    let (mut whole, mut parts, mut bytes) = (Sha256::new(), Vec::new(), 0);
    loop {
        let mut part = Vec::new();
        let read = Read::by_ref(&mut file).take(part_bytes).read_to_end(&mut part).map_err(unreadable)?;
        if read == 0 {
            break;
        }
        bytes += read as u64;
        whole.update(&part);
        parts.push(Sha256::digest(&part).into());
    }
    let sha256 = crate::manifest::hexadecimal(&whole.finalize());
    if bytes != attachment.bytes || sha256 != attachment.sha256.as_str() {
        return Err(changed());
    }
    Ok(Payload { attachment: attachment.clone(), part_bytes, parts })
}

impl Payload {
    /// The bytes of a part, counted from 1; of what was read before.
    fn part(&self, number: u32) -> Result<Vec<u8>, Error> {
        let path = &self.attachment.path;
        let unreadable = |source| Error::Unreadable { path: path.clone(), source };
        let mut file = File::open(path).map_err(unreadable)?;
        file.seek(SeekFrom::Start(u64::from(number - 1) * self.part_bytes)).map_err(unreadable)?;
        let mut part = Vec::with_capacity(self.part_bytes.min(self.attachment.bytes) as usize);
        file.take(self.part_bytes).read_to_end(&mut part).map_err(unreadable)?;
        let expected = self.parts.get(number as usize - 1);
        if expected.is_none_or(|expected| expected[..] != Sha256::digest(&part)[..]) {
            return Err(Error::Changed { path: path.clone() });
        }
        Ok(part)
    }
}

/// What happens, for people who watch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// The version is there; nothing is uploaded.
    Found,
    /// So much of a file is uploaded.
    Uploading {
        /// Which.
        file: String,
        /// Bytes that are there.
        done: u64,
        /// Bytes that it has.
        of: u64,
    },
    /// A version that Systems Manager failed to make was deleted.
    Removed,
    /// Systems Manager was told to make the version.
    Sent,
    /// It is not active yet.
    Waiting,
    /// Systems Manager does not name what it attached, so the files cannot be held against what was built.
    Unnamed,
    /// Its content is what was built, and so are its files as far as they are named.
    Active,
    /// So many accounts were added.
    Shared(usize),
    /// It is the default version now.
    Default,
}

/// What was done at one home.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Done {
    /// Whether the version is new there.
    pub is_new: bool,
    /// Bytes that went over the line.
    pub uploaded: u64,
    /// Accounts that were added.
    pub shared: usize,
}

/// Publishes to AWS through its ports.
pub struct Publisher<'p> {
    registry: &'p dyn Registry,
    bucket: &'p dyn Bucket,
    clock: &'p dyn Clock,
    watcher: &'p (dyn Fn(&Site, Step) + Sync),
    slots: Semaphore,
}

impl std::fmt::Debug for Publisher<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Publisher")
    }
}

impl<'p> Publisher<'p> {
    /// `watcher` is told every step, at once.
    pub fn new(
        registry: &'p dyn Registry,
        bucket: &'p dyn Bucket,
        clock: &'p dyn Clock,
        watcher: &'p (dyn Fn(&Site, Step) + Sync),
    ) -> Self {
        Self { registry, bucket, clock, watcher, slots: Semaphore::new(PARTS_AT_ONCE) }
    }

    /// Makes the version at one home and shares it. Homes may be published to at once.
    ///
    /// # Errors
    /// What was done stays; the same call goes on from there.
    pub async fn publish(&self, home: &Home, release: &Release) -> Result<Done, Error> {
        let mut done = self.make(home, release).await?;
        done.shared = self.share(&home.site, &release.package, &home.share_with).await?;
        Ok(done)
    }

    fn tell(&self, home: &Home, step: Step) {
        (self.watcher)(&home.site, step);
    }

    async fn pause(&self, length: Seconds) {
        self.clock.sleep_until(self.clock.now().plus(length)).await;
    }

    /// Calls that may be repeated, until they are answered or all pauses are over.
    async fn patiently<T, F>(&self, call: impl Fn() -> F) -> Result<T, Failure>
    where
        F: Future<Output = Result<T, Failure>>,
    {
        for pause in PAUSES {
            match call().await {
                Err(failure) if is_passing(&failure) => self.pause(pause).await,
                answer => return answer,
            }
        }
        call().await
    }
}

/// Whether the same call may well succeed a little later, and surely did nothing.
fn is_passing(failure: &Failure) -> bool {
    matches!(failure.class, Class::Throttled | Class::Unavailable)
}
