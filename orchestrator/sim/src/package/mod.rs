//! Packages as the document store holds them: versions, manifests, zips, sharing.

mod catalogue;
mod declared;
pub mod manifest;
mod published;
mod sharing;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;

use sha2::{Digest, Sha256};

use crate::agent::behaviour::{Behaviour, NodeTraits, Payload};
use crate::agent::platform::{self, Platforms};
use crate::agent::run::Fetched;
use crate::clock::WorldTime;
use crate::content::Content;
use crate::zip::Entry;

pub use catalogue::Catalogue;
pub use sharing::{EVERYONE, Shared, Sharing};

/// A package of one account.
#[derive(Debug, Clone)]
pub struct Package {
    /// Document name.
    pub name: Arc<str>,
    /// Owning account.
    pub owner: String,
    /// `DisplayName`.
    pub display_name: Option<String>,
    /// Who else may read it.
    pub sharing: Sharing,
    /// Versions in order of publication.
    pub versions: Vec<Version>,
    /// Number of the default version.
    pub default: u32,
    /// The highest number ever given to a version: numbers are not given twice.
    pub last_number: u32,
    /// Tags of the document.
    pub tags: BTreeMap<String, String>,
}

/// One version.
#[derive(Debug, Clone)]
pub struct Version {
    /// `VersionName`; empty when it was published without one.
    pub name: Arc<str>,
    /// `version` in the manifest.
    pub manifest_version: String,
    /// Document version number.
    pub number: u32,
    /// Document status word.
    pub status: String,
    /// Why it failed.
    pub status_information: Option<String>,
    /// When it was published; before the world began when absent.
    pub created: Option<WorldTime>,
    /// The manifest, which is the document's content.
    pub manifest: Arc<str>,
    /// Sha256 of the manifest, hexadecimal.
    pub hash: String,
    /// The attached zips.
    pub files: Arc<[Attachment]>,
    /// The manifest as the agent reads it; of declared packages, whose zips fit, only the platforms.
    read: Arc<Reading>,
    digest: u64,
    missing_in: Vec<String>,
}

/// What the agent takes from a manifest.
#[derive(Debug, Default)]
struct Reading {
    platforms: Platforms,
    checked: Option<manifest::Manifest>,
}

/// One attached zip.
#[derive(Debug, Clone)]
pub struct Attachment {
    /// File name.
    pub name: String,
    /// Where its bytes are.
    pub bytes: Arc<Attached>,
    /// Length in bytes.
    pub size: u64,
    /// Sha256 of the zip, hexadecimal.
    pub hash: String,
    /// What its scripts do, or what the agent says of a zip it cannot use.
    pub unpacked: Result<Arc<Behaviour>, String>,
}

/// Where the bytes of an attachment are.
#[derive(Debug, Clone, PartialEq)]
pub enum Attached {
    /// They are made when somebody asks.
    Made(Arc<[Entry]>),
    /// They were handed in.
    Stored(Content),
}

impl Attached {
    /// Whether there is a file of this name at the zip's root.
    pub fn has(&self, name: &str) -> bool {
        match self {
            Self::Made(entries) => entries.iter().any(|entry| entry.name == name),
            Self::Stored(content) => content.zip.as_ref().is_some_and(|zip| zip.has(name)),
        }
    }
}

/// What the scripts of a zip do, and the zip.
type Download = (Arc<Behaviour>, Arc<Attached>);

/// Why a document cannot be had.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unavailable {
    /// No such document here, or not shared with the caller.
    Document,
    /// The document has no such version here, or it is not shared with the caller.
    Version,
}

impl Package {
    /// Whether an account in a Region may read the package.
    pub fn visible_to(&self, account: &str, region: &str) -> bool {
        account == self.owner || self.sharing.with(account, region).is_some()
    }

    /// The document's name as returned to an account: bare to its owner, the ARN to others.
    pub fn name_for(&self, account: &str, region: &str) -> String {
        if account == self.owner {
            self.name.to_string()
        } else {
            format!("arn:aws:ssm:{region}:{}:document/{}", self.owner, self.name)
        }
    }

    /// Versions that exist in a Region.
    pub fn versions_in(&self, region: &str) -> impl DoubleEndedIterator<Item = &Version> {
        self.versions.iter().filter(move |version| version.exists_in(region))
    }

    /// Versions in a Region that an account may read.
    pub fn versions_for(&self, account: &str, region: &str) -> Vec<&Version> {
        let shared =
            if account == self.owner { Some(Shared::All) } else { self.sharing.with(account, region) };
        match shared {
            None => Vec::new(),
            Some(Shared::All) => self.versions_in(region).collect(),
            Some(Shared::Default) => self.default_in(region).into_iter().collect(),
            Some(Shared::Latest) => self.versions_in(region).next_back().into_iter().collect(),
        }
    }

    /// The default version in a Region: the one set, or the first that exists there.
    pub fn default_in(&self, region: &str) -> Option<&Version> {
        let set = self.versions_in(region).find(|version| version.number == self.default);
        set.or_else(|| self.versions_in(region).next())
    }

    /// Finds a version that an account may read, by `VersionName`, number, `$DEFAULT` or `$LATEST`; nothing given
    /// means the default.
    pub fn version(
        &self,
        account: &str,
        region: &str,
        number: Option<&str>,
        name: Option<&str>,
    ) -> Result<&Version, Unavailable> {
        let found = match (name, number) {
            (Some(name), _) => self.versions_in(region).find(|version| &*version.name == name),
            (None, None | Some("$DEFAULT")) => self.default_in(region),
            (None, Some("$LATEST")) => self.versions_in(region).next_back(),
            (None, Some(number)) => {
                self.versions_in(region).find(|version| version.number.to_string() == number)
            }
        };
        let readable = |version: &&Version| {
            account == self.owner
                || self.versions_for(account, region).iter().any(|each| each.number == version.number)
        };
        found.filter(readable).ok_or(Unavailable::Version)
    }
}

impl Version {
    /// A version without files.
    fn new(number: u32, name: &str, manifest_version: String, platforms: Platforms, manifest: &str) -> Self {
        let hash = hex(&Sha256::digest(manifest.as_bytes()));
        Self {
            name: Arc::from(name),
            manifest_version,
            number,
            status: "Active".to_owned(),
            status_information: None,
            created: None,
            manifest: Arc::from(manifest),
            digest: u64::from_str_radix(&hash[..16], 16).unwrap_or(u64::from(number)),
            hash,
            files: Arc::from([]),
            read: Arc::new(Reading { platforms, checked: None }),
            missing_in: Vec::new(),
        }
    }

    /// `VersionName`, if it has one.
    pub fn label(&self) -> Option<String> {
        Some(self.name.to_string()).filter(|name| !name.is_empty())
    }

    /// Platforms, versions and architectures with a file.
    pub fn platforms(&self) -> &Platforms {
        &self.read.platforms
    }

    /// Whether the version was published in a Region.
    pub fn exists_in(&self, region: &str) -> bool {
        !self.missing_in.iter().any(|missing| missing == region)
    }

    /// What a node gets when it fetches this version.
    pub fn fetched_by(&self, package: &Package, node: &NodeTraits) -> Fetched {
        let downloaded =
            platform::choose(&self.read.platforms, node).and_then(|file| self.download(package, node, file));
        let payload = downloaded.map(|(behaviour, zip)| Payload {
            product: Arc::clone(&package.name),
            version: self.installed_as(),
            behaviour,
            zip,
        });
        Fetched {
            key: package.name_for(&node.account, &node.region),
            document_version: self.number,
            digest: self.digest,
            manifest_version: self.manifest_version.clone(),
            payload,
        }
    }

    /// What the bits are called once installed.
    fn installed_as(&self) -> Arc<str> {
        if self.name.is_empty() { Arc::from(&*self.manifest_version) } else { Arc::clone(&self.name) }
    }

    /// Downloads and unpacks a file as the agent does: it is looked for among the attachments by its name only, and
    /// checked against the manifest, not against what the service says of the attachment.
    fn download(&self, package: &Package, node: &NodeTraits, file: &str) -> Result<Download, String> {
        const UNRELIABLE: &str = "failed to download installation package reliably";
        let attachment = self
            .files
            .iter()
            .find(|attachment| attachment.name == file)
            .ok_or_else(|| format!("{UNRELIABLE}, failed to find the attachment {file}"))?;
        let md5 = match &*attachment.bytes {
            Attached::Made(_) => "",
            Attached::Stored(content) => &content.md5,
        };
        if let Some(manifest) = &self.read.checked
            && let Err(problem) = manifest.verify(file, &attachment.hash, md5)
        {
            let url = format!(
                "https://aws-ssm-document-attachments-{region}.s3.{region}.amazonaws.com/{}/{}/{}/{file}\
                 ?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Signature={}",
                package.owner,
                package.name,
                self.number,
                self.hash,
                region = node.region
            );
            // The agent drops what it has, downloads once more, and says so each time.
            let attempt = format!("{UNRELIABLE}, {url}, {problem} {{{url} false map[]}}");
            return Err(format!("{attempt}\n{attempt}"));
        }
        attachment.unpacked.clone().map(|behaviour| (behaviour, Arc::clone(&attachment.bytes)))
    }
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}
