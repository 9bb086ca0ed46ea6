//! All documents of a world.
//!
//! What the world file declares stands in every Region. The first change of it in one Region, and everything that
//! callers publish, lives in that Region alone: a copy for each Region from the start would cost a large world more
//! than all its nodes.

use std::collections::BTreeMap;

use super::{Attached, Package, Unavailable};
use crate::agent::behaviour::NodeTraits;
use crate::agent::run::{Distributor, Fetched};

/// Region, owner and name of a document.
type Key = (String, String, String);

/// All packages of a world.
#[derive(Debug, Clone, Default)]
pub struct Catalogue {
    declared: Vec<Package>,
    /// Documents as they are in one Region; `None` where a declared one was deleted.
    local: BTreeMap<Key, Option<Package>>,
}

impl Catalogue {
    /// A catalogue of the packages a world file declares.
    pub fn new(declared: Vec<Package>) -> Self {
        Self { declared, local: BTreeMap::new() }
    }

    /// A package of the world file, as it was declared: what nodes had installed before the world began.
    pub fn declared(&self, name: &str) -> Option<&Package> {
        self.declared.iter().find(|package| *package.name == *name)
    }

    /// A package that the agents of a Region may have got a version of before anybody looked.
    pub fn had_in<'a>(&'a self, region: &'a str, account: &str, name: &str) -> Option<&'a Package> {
        let mut known = self.in_region(region).filter(|package| *package.name == *name);
        known.find(|package| package.visible_to(account, region))
    }

    /// A document of an account in a Region.
    pub fn at(&self, region: &str, owner: &str, name: &str) -> Option<&Package> {
        if !self.local.is_empty()
            && let Some(local) = self.local.get(&key(region, owner, name))
        {
            return local.as_ref();
        }
        self.declared.iter().find(|package| *package.name == *name && package.owner == owner)
    }

    /// All documents in a Region.
    pub fn in_region<'a>(&'a self, region: &'a str) -> impl Iterator<Item = &'a Package> {
        let unchanged = |package: &&Package| {
            self.local.is_empty() || !self.local.contains_key(&key(region, &package.owner, &package.name))
        };
        let local = self.local.iter().filter(move |((of, ..), _)| of == region);
        self.declared.iter().filter(unchanged).chain(local.filter_map(|(_, package)| package.as_ref()))
    }

    /// A document of an account in a Region, to be changed there.
    pub fn own_mut(&mut self, account: &str, region: &str, name: &str) -> Option<&mut Package> {
        let key = key(region, account, name);
        if !self.local.contains_key(&key) {
            let declared = self.at(region, account, name)?.clone();
            self.local.insert(key.clone(), Some(declared));
        }
        self.local.get_mut(&key)?.as_mut()
    }

    /// Adds a document in a Region.
    pub fn add(&mut self, region: &str, package: Package) {
        self.local.insert(key(region, &package.owner, &package.name), Some(package));
    }

    /// Removes a document from a Region.
    pub fn remove(&mut self, region: &str, owner: &str, name: &str) {
        self.local.insert(key(region, owner, name), None);
    }

    /// Resolves a name or ARN as an account in a Region sees it. A bare name means the account's own document.
    pub fn find(&self, account: &str, region: &str, name: &str) -> Result<&Package, Unavailable> {
        let found = if name.starts_with("arn:") {
            let mut parts = name.splitn(6, ':').skip(3);
            let (wanted_region, owner, resource) = (parts.next(), parts.next(), parts.next());
            let document = resource.and_then(|resource| resource.strip_prefix("document/"));
            owner
                .zip(document)
                .filter(|_| wanted_region == Some(region))
                .and_then(|(owner, document)| self.at(region, owner, document))
        } else {
            self.at(region, account, name)
        };
        found.filter(|package| package.visible_to(account, region)).ok_or(Unavailable::Document)
    }

    /// The bytes of an attachment, by its path `owner/region/package/number/file`.
    pub fn attachment(&self, path: &str) -> Option<&Attached> {
        let mut parts = path.trim_start_matches('/').splitn(5, '/');
        let (owner, region, name) = (parts.next()?, parts.next()?, parts.next()?);
        let (number, file) = (parts.next()?, parts.next()?);
        let package = self.at(region, owner, name)?;
        let version = package.version(owner, region, Some(number), None).ok()?;
        version.files.iter().find(|attachment| attachment.name == file).map(|found| &*found.bytes)
    }
}

fn key(region: &str, owner: &str, name: &str) -> Key {
    (region.to_owned(), owner.to_owned(), name.to_owned())
}

impl Distributor for Catalogue {
    fn fetch(&self, node: &NodeTraits, name: &str, version: Option<&str>) -> Result<Fetched, String> {
        const PREFIX: &str = "failed to download manifest - failed to retrieve package document description";
        let package = self.find(&node.account, &node.region, name).map_err(|_| {
            format!(
                "{PREFIX}: InvalidDocument: Document with name {name} does not exist.\n\tstatus code: 400"
            )
        })?;
        let version = package.version(&node.account, &node.region, None, version).map_err(|_| {
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
