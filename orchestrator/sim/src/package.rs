//! Packages as the document store holds them: versions, manifests, zips, sharing.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;

use sha2::{Digest, Sha256};

use crate::agent::behaviour::{Behaviour, Contents, NodeTraits, Payload, PlatformType, Validate};
use crate::agent::platform::{self, Platforms};
use crate::agent::run::{Distributor, Fetched};
use crate::world_file::{PackageFile, Place, RunsOn, VersionFile};
use crate::zip::{Entry, stored_zip};

/// A package of one account, in every Region of the world.
#[derive(Debug, Clone)]
pub struct Package {
    /// Document name.
    pub name: Arc<str>,
    /// Owning account.
    pub owner: String,
    shared_with: Option<Vec<String>>,
    not_shared_in: Vec<Place>,
    /// Versions in order of publication; the number of a version is its index plus one.
    pub versions: Vec<Version>,
    /// Index of the default version.
    pub default: usize,
    /// Index of the default version in Regions where it was changed.
    pub defaults: BTreeMap<String, usize>,
}

/// One version.
#[derive(Debug, Clone)]
pub struct Version {
    /// `VersionName`.
    pub name: Arc<str>,
    /// `version` in the manifest.
    pub manifest_version: String,
    /// Document version number.
    pub number: u32,
    /// Document status word.
    pub status: String,
    /// The manifest, which is the document's content.
    pub manifest: Arc<str>,
    /// Sha256 of the manifest, hexadecimal.
    pub hash: String,
    /// The attached zips.
    pub files: Vec<Attachment>,
    /// What the scripts do.
    pub behaviour: Arc<Behaviour>,
    platforms: Platforms,
    digest: u64,
    missing_in: Vec<String>,
}

/// One attached zip.
#[derive(Debug, Clone)]
pub struct Attachment {
    /// File name.
    pub name: String,
    /// Files in it.
    pub entries: Vec<Entry>,
    /// Length in bytes.
    pub size: usize,
    /// Sha256 of the zip, hexadecimal.
    pub hash: String,
}

/// Why a document cannot be had.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unavailable {
    /// No such document here, or not shared with the caller.
    Document,
    /// The document has no such version here.
    Version,
}

impl Package {
    /// Builds a package from its description.
    pub fn from_file(file: &PackageFile, hub: &str) -> Self {
        let name: Arc<str> = Arc::from(&*file.name);
        let versions: Vec<Version> = file
            .versions
            .iter()
            .enumerate()
            .map(|(index, version)| Version::from_file(&name, version, index as u32 + 1))
            .collect();
        let default = file
            .default
            .as_ref()
            .and_then(|default| versions.iter().position(|version| *version.name == **default))
            .unwrap_or(0);
        Self {
            name,
            owner: file.owner.clone().unwrap_or_else(|| hub.to_owned()),
            shared_with: file.shared_with.clone(),
            not_shared_in: file.not_shared_in.clone(),
            versions,
            default,
            defaults: BTreeMap::new(),
        }
    }

    /// Whether an account in a Region may read the package.
    pub fn visible_to(&self, account: &str, region: &str) -> bool {
        if account == self.owner {
            return true;
        }
        let shared = self.shared_with.as_ref().is_none_or(|list| list.iter().any(|shared| shared == account));
        shared && !self.not_shared_in.iter().any(|place| place.covers(account, region))
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

    /// The default version in a Region: the one set, or the first that exists there.
    pub fn default_in(&self, region: &str) -> Option<&Version> {
        let index = self.defaults.get(region).copied().unwrap_or(self.default);
        let set = self.versions.get(index).filter(|version| version.exists_in(region));
        set.or_else(|| self.versions_in(region).next())
    }

    /// Finds a version by `VersionName`, number, `$DEFAULT` or `$LATEST`; nothing given means the default.
    pub fn version(
        &self,
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
        found.ok_or(Unavailable::Version)
    }
}

impl Version {
    fn from_file(package: &Arc<str>, file: &VersionFile, number: u32) -> Self {
        let manifest_version = file.manifest_version.clone().unwrap_or_else(|| file.name.clone());
        let behaviour = Behaviour {
            contents: file.contents,
            update_script: file.update_script,
            validate: file.validate,
            takes_seconds: file.takes_seconds,
            rules: file.behaviour.clone(),
        };
        let runs_on = file.runs_on.clone().unwrap_or_else(usual_platforms);
        let (platforms, files) = zips(package, &file.name, &runs_on, &behaviour);
        let manifest = manifest_text(&manifest_version, &platforms, &files);
        let hash = hex(&Sha256::digest(manifest.as_bytes()));
        Self {
            name: Arc::from(&*file.name),
            manifest_version,
            number,
            status: file.status.clone(),
            digest: u64::from_str_radix(&hash[..16], 16).unwrap_or(u64::from(number)),
            manifest: Arc::from(manifest),
            hash,
            files,
            behaviour: Arc::new(behaviour),
            platforms,
            missing_in: file.missing_in.clone(),
        }
    }

    /// Whether the version was published in a Region.
    pub fn exists_in(&self, region: &str) -> bool {
        !self.missing_in.iter().any(|missing| missing == region)
    }

    /// What a node gets when it fetches this version.
    pub fn fetched_by(&self, package: &Package, node: &NodeTraits) -> Fetched {
        let payload = platform::choose(&self.platforms, node).map(|_| Payload {
            product: Arc::clone(&package.name),
            version: Arc::clone(&self.name),
            behaviour: Arc::clone(&self.behaviour),
        });
        Fetched {
            key: package.name_for(&node.account, &node.region),
            document_version: self.number,
            digest: self.digest,
            manifest_version: self.manifest_version.clone(),
            payload,
        }
    }
}

/// All packages of a world.
#[derive(Debug, Clone, Default)]
pub struct Catalogue {
    /// The packages.
    pub packages: Vec<Package>,
}

impl Catalogue {
    /// Resolves a name or ARN as an account in a Region sees it. A bare name means the account's own document.
    pub fn find(&self, account: &str, region: &str, name: &str) -> Result<&Package, Unavailable> {
        let found = if name.starts_with("arn:") {
            let mut parts = name.splitn(6, ':').skip(3);
            let (wanted_region, owner, resource) = (parts.next(), parts.next(), parts.next());
            let document = resource.and_then(|resource| resource.strip_prefix("document/"));
            self.packages.iter().find(|package| {
                Some(&*package.name) == document
                    && Some(&*package.owner) == owner
                    && Some(region) == wanted_region
            })
        } else {
            self.packages.iter().find(|package| *package.name == *name && package.owner == account)
        };
        found.filter(|package| package.visible_to(account, region)).ok_or(Unavailable::Document)
    }

    /// The files in an attachment, by its path `owner/region/package/number/file`.
    pub fn attachment(&self, path: &str) -> Option<&[Entry]> {
        let mut parts = path.trim_start_matches('/').splitn(5, '/');
        let (owner, region, name) = (parts.next()?, parts.next()?, parts.next()?);
        let (number, file) = (parts.next()?, parts.next()?);
        let package =
            self.packages.iter().find(|package| package.owner == owner && *package.name == *name)?;
        let version = package.version(region, Some(number), None).ok()?;
        version.files.iter().find(|attachment| attachment.name == file).map(|found| &*found.entries)
    }
}

impl Distributor for Catalogue {
    fn fetch(&self, node: &NodeTraits, name: &str, version: Option<&str>) -> Result<Fetched, String> {
        const PREFIX: &str = "failed to download manifest - failed to retrieve package document description";
        let package = self.find(&node.account, &node.region, name).map_err(|_| {
            format!(
                "{PREFIX}: InvalidDocument: Document with name {name} does not exist.\n\tstatus code: 400"
            )
        })?;
        let version = package.version(&node.region, None, version).map_err(|_| {
            format!(
                "{PREFIX}: InvalidDocumentVersion: The document version is not valid or does not exist.\n\t\
                 status code: 400"
            )
        })?;
        if version.status != "Active" {
            return Err(format!(
                "package document is not currently active, kindly retry when the status is active. \
                 Current document status - {}",
                version.status
            ));
        }
        Ok(version.fetched_by(package, node))
    }
}

fn usual_platforms() -> RunsOn {
    let mut runs_on = RunsOn::new();
    let both = vec!["x86_64".to_owned(), "arm64".to_owned()];
    for platform in ["amazon", "ubuntu", "redhat", "debian", "suse", "rocky", "almalinux"] {
        runs_on.insert(platform.to_owned(), BTreeMap::from([("_any".to_owned(), both.clone())]));
    }
    let windows = BTreeMap::from([("_any".to_owned(), vec!["x86_64".to_owned()])]);
    runs_on.insert("windows".to_owned(), windows);
    runs_on
}

fn zips(
    package: &str,
    version: &str,
    runs_on: &RunsOn,
    behaviour: &Behaviour,
) -> (Platforms, Vec<Attachment>) {
    let mut platforms = Platforms::new();
    let mut files: BTreeMap<String, PlatformType> = BTreeMap::new();
    for (platform, versions) in runs_on {
        let family = if platform == "windows" { PlatformType::Windows } else { PlatformType::Linux };
        for (platform_version, architectures) in versions {
            for architecture in architectures {
                let word = family.as_str().to_lowercase();
                let file = format!("{package}-{version}-{word}-{architecture}.zip");
                files.insert(file.clone(), family);
                platforms
                    .entry(platform.clone())
                    .or_default()
                    .entry(platform_version.clone())
                    .or_default()
                    .insert(architecture.clone(), file);
            }
        }
    }
    let attachments = files
        .into_iter()
        .map(|(name, family)| {
            let entries = scripts(package, version, family, behaviour);
            let content = stored_zip(&entries);
            Attachment { name, entries, size: content.len(), hash: hex(&Sha256::digest(&content)) }
        })
        .collect();
    (platforms, attachments)
}

/// The files of a zip. They only print, but their names are what a reader of the zip looks for.
fn scripts(package: &str, version: &str, family: PlatformType, behaviour: &Behaviour) -> Vec<Entry> {
    let extension = if family == PlatformType::Windows { "ps1" } else { "sh" };
    let mut names = vec!["install", "uninstall"];
    match behaviour.contents {
        Contents::Complete => {}
        Contents::MissingInstall => names = vec!["uninstall", "notes"],
        Contents::Incomplete => names = vec!["install"],
    }
    if behaviour.update_script {
        names.push("update");
    }
    if behaviour.validate != Validate::Absent {
        names.push("validate");
    }
    names
        .into_iter()
        .map(|name| Entry {
            name: format!("{name}.{extension}"),
            content: format!("echo {name} {package} {version}\n").into_bytes(),
        })
        .collect()
}

fn manifest_text(version: &str, platforms: &Platforms, files: &[Attachment]) -> String {
    let packages: BTreeMap<_, BTreeMap<_, BTreeMap<_, _>>> = platforms
        .iter()
        .map(|(platform, versions)| {
            let versions = versions.iter().map(|(key, architectures)| {
                let leaves = architectures
                    .iter()
                    .map(|(architecture, file)| (architecture.as_str(), serde_json::json!({ "file": file })));
                (key.as_str(), leaves.collect())
            });
            (platform.as_str(), versions.collect())
        })
        .collect();
    let files: BTreeMap<_, _> = files
        .iter()
        .map(|file| {
            let entry = serde_json::json!({ "checksums": { "sha256": file.hash }, "size": file.size });
            (file.name.as_str(), entry)
        })
        .collect();
    serde_json::json!({
        "schemaVersion": "2.0",
        "publisher": "simulated",
        "version": version,
        "packages": packages,
        "files": files,
    })
    .to_string()
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}
