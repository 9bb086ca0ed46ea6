//! Discovery through the world.

use std::collections::BTreeMap;

use async_trait::async_trait;
use serde::Deserialize;
use wavetrain_model::fleet::{
    Architecture, Manifest, Node, PackageView, Ping, Platform, Site, TagAnswers, TagMatch, VersionView,
};
use wavetrain_model::id::{AccountId, Digest, NodeId, SiteIndex, TagMatchIndex};
use wavetrain_model::time::Timestamp;
use wavetrain_ports::failure::{Class, Failure};
use wavetrain_ports::fleet::Fleet;

use crate::agent::platform::{Platforms, platform_key};
use crate::api::Response;
use crate::api::ssm::{
    DescribeDocumentInput, DescribeInstanceInformationInput, DescribeInstancePropertiesInput,
    GetDocumentInput, GetDocumentOutput, InstanceInformation, InstanceInformationStringFilter,
    ListDocumentVersionsInput, PingStatus, PlatformType, Response as Ssm,
};
use crate::api::sts::{GetCallerIdentityInput, Response as Sts};

use super::failure::{Effect, nonsense};
use super::{SimulatedCloud, hub};

/// `MaxResults` of DescribeInstanceInformation.
const INFORMATION_PAGE: i32 = 50;
/// `MaxResults` of DescribeInstanceProperties.
const PROPERTIES_PAGE: i32 = 1000;

#[async_trait]
impl Fleet for SimulatedCloud {
    async fn caller_account(&self) -> Result<AccountId, Failure> {
        let region = self.world.with(|world| world.sites().first().map(|site| site.region.clone()));
        let caller = hub(region.as_deref().unwrap_or("us-east-1"));
        match self.call_as(&caller, Effect::Read, GetCallerIdentityInput {}.into())? {
            Response::Sts(Sts::GetCallerIdentity(output)) => Ok(AccountId::new(output.account)),
            _ => Err(nonsense("GetCallerIdentity", Effect::Read)),
        }
    }

    async fn nodes(
        &self,
        site: &Site,
        index: SiteIndex,
        questions: &[TagMatch],
    ) -> Result<Vec<Node>, Failure> {
        let architectures = self.architectures(site)?;
        let mut nodes: BTreeMap<String, Node> = self
            .information(site, None)?
            .into_iter()
            .map(|row| {
                let architecture =
                    architectures.get(&row.instance_id).copied().unwrap_or(Architecture::Unknown);
                (row.instance_id.clone(), node(row, index, architecture))
            })
            .collect();
        for (number, question) in (0_u8..64).zip(questions) {
            let filter = InstanceInformationStringFilter {
                key: format!("tag:{}", question.key),
                values: question.values.clone(),
            };
            for row in self.information(site, Some(filter))? {
                if let Some(node) = nodes.get_mut(&row.instance_id) {
                    node.tags = node.tags.with(TagMatchIndex(number));
                }
            }
        }
        Ok(nodes.into_values().collect())
    }

    async fn lost(&self, site: &Site) -> Result<Vec<(NodeId, Timestamp)>, Failure> {
        let filter = InstanceInformationStringFilter {
            key: "PingStatus".to_owned(),
            values: vec!["ConnectionLost".to_owned(), "Inactive".to_owned()],
        };
        let rows = self.information(site, Some(filter))?;
        Ok(rows
            .into_iter()
            .map(|row| (NodeId::new(row.instance_id), heard(row.last_ping_date_time)))
            .collect())
    }

    async fn package(
        &self,
        site: &Site,
        name: &str,
        owner: &AccountId,
        wanted: &[String],
        look_into_files: bool,
    ) -> Result<PackageView, Failure> {
        let name = if site.account == *owner || name.starts_with("arn:") {
            name.to_owned()
        } else {
            format!("arn:aws:ssm:{}:{owner}:document/{name}", site.region)
        };
        let mut view = self.versions(site, &name)?;
        let default = view.default_version.clone().filter(|version| !wanted.contains(version));
        for (position, version) in wanted.iter().chain(&default).enumerate() {
            let Some(seen) = view.versions.get_mut(version) else { continue };
            let document = self.document(site, &name, version)?;
            seen.amiss = amiss(&document);
            seen.hash = Some(Digest::new(content_hash(&document.content)));
            seen.manifest = self.manifest(&document, look_into_files && position == 0);
        }
        Ok(view)
    }

    async fn check_documents(&self, site: &Site, names: &[&str]) -> Result<(), Failure> {
        for name in names {
            let input = DescribeDocumentInput { name: (*name).to_owned(), ..Default::default() };
            self.call(site, Effect::Read, input)?;
        }
        Ok(())
    }
}

impl SimulatedCloud {
    fn information(
        &self,
        site: &Site,
        filter: Option<InstanceInformationStringFilter>,
    ) -> Result<Vec<InstanceInformation>, Failure> {
        let filters = filter.map(|filter| vec![filter]);
        let (mut rows, mut token) = (Vec::new(), None);
        loop {
            let input = DescribeInstanceInformationInput {
                filters: filters.clone(),
                max_results: Some(INFORMATION_PAGE),
                next_token: token,
                ..Default::default()
            };
            let Response::Ssm(Ssm::DescribeInstanceInformation(page)) =
                self.call(site, Effect::Read, input)?
            else {
                return Err(nonsense("DescribeInstanceInformation", Effect::Read));
            };
            rows.extend(page.instance_information_list);
            token = page.next_token;
            if token.is_none() {
                return Ok(rows);
            }
        }
    }

    fn architectures(&self, site: &Site) -> Result<BTreeMap<String, Architecture>, Failure> {
        let (mut found, mut token) = (BTreeMap::new(), None);
        loop {
            let input = DescribeInstancePropertiesInput {
                max_results: Some(PROPERTIES_PAGE),
                next_token: token,
                ..Default::default()
            };
            let Response::Ssm(Ssm::DescribeInstanceProperties(page)) =
                self.call(site, Effect::Read, input)?
            else {
                return Err(nonsense("DescribeInstanceProperties", Effect::Read));
            };
            for row in page.instance_properties {
                let architecture = match row.architecture.as_deref() {
                    Some("x86_64") => Architecture::X86_64,
                    Some("arm64") => Architecture::Arm64,
                    Some("386") => Architecture::X86,
                    _ => Architecture::Unknown,
                };
                found.insert(row.instance_id, architecture);
            }
            token = page.next_token;
            if token.is_none() {
                return Ok(found);
            }
        }
    }

    /// The version list; a package that is not there or not shared has no versions.
    fn versions(&self, site: &Site, name: &str) -> Result<PackageView, Failure> {
        let mut view = PackageView {
            name: name.to_owned(),
            versions: BTreeMap::new(),
            default_version: None,
            associations: None,
        };
        let mut token = None;
        loop {
            let input =
                ListDocumentVersionsInput { name: name.to_owned(), max_results: Some(50), next_token: token };
            let page = match self.call(site, Effect::Read, input) {
                Ok(Response::Ssm(Ssm::ListDocumentVersions(page))) => page,
                Ok(_) => return Err(nonsense("ListDocumentVersions", Effect::Read)),
                Err(failure) if failure.class == Class::NotFound => return Ok(view),
                Err(failure) => return Err(failure),
            };
            for row in page.document_versions {
                let Some(label) = row.version_name else { continue };
                if row.is_default_version {
                    view.default_version = Some(label.clone());
                }
                let status = row.status.as_str().to_owned();
                view.versions.insert(label, VersionView::unread(status));
            }
            token = page.next_token;
            if token.is_none() {
                return Ok(view);
            }
        }
    }

    fn document(&self, site: &Site, name: &str, version: &str) -> Result<GetDocumentOutput, Failure> {
        let input = GetDocumentInput {
            name: name.to_owned(),
            version_name: Some(version.to_owned()),
            ..Default::default()
        };
        match self.call(site, Effect::Read, input)? {
            Response::Ssm(Ssm::GetDocument(output)) => Ok(*output),
            _ => Err(nonsense("GetDocument", Effect::Read)),
        }
    }

    /// The manifest's file table. Text that is no manifest gives none, as an unread manifest would.
    fn manifest(&self, document: &GetDocumentOutput, look_into_files: bool) -> Option<Manifest> {
        let content: Content = serde_json::from_str(&document.content).ok()?;
        let packages = content.packages.into_iter().map(|(platform, versions)| {
            let versions = versions.into_iter().map(|(version, architectures)| {
                let files = architectures.into_iter().map(|(architecture, leaf)| (architecture, leaf.file));
                (version, files.collect())
            });
            (platform, versions.collect())
        });
        let mut manifest = Manifest {
            version: content.version,
            packages: packages.collect::<Platforms>(),
            update_script: BTreeMap::new(),
        };
        if look_into_files {
            for attachment in document.attachments_content.iter().flatten() {
                let path = attachment.url.trim_start_matches("/_attachments/");
                let path = path.split('?').next().unwrap_or_default();
                let update = self.world.with(|world| {
                    let zip = world.catalogue().attachment(path)?;
                    Some(["update.sh", "update.ps1"].iter().any(|script| zip.has(script)))
                });
                manifest.update_script.extend(update.map(|update| (attachment.name.clone(), update)));
            }
        }
        Some(manifest)
    }
}

/// Files of the manifest that are not attached as it says.
fn amiss(document: &GetDocumentOutput) -> Vec<String> {
    let Ok(content) = serde_json::from_str::<Content>(&document.content) else { return Vec::new() };
    let Some(attached) = &document.attachments_content else { return Vec::new() };
    let is_there = |name: &str, sha256: &str| {
        attached.iter().any(|file| file.name == name && file.hash.eq_ignore_ascii_case(sha256))
    };
    content
        .files
        .into_iter()
        .filter(|(name, file)| !file.checksums.get("sha256").is_none_or(|sum| is_there(name, sum)))
        .map(|(name, _)| name)
        .collect()
}

/// The parts of a package manifest that matter here.
#[derive(Deserialize)]
struct Content {
    version: String,
    packages: BTreeMap<String, BTreeMap<String, BTreeMap<String, Leaf>>>,
    #[serde(default)]
    files: BTreeMap<String, Listed>,
}

#[derive(Deserialize)]
struct Listed {
    #[serde(default)]
    checksums: BTreeMap<String, String>,
}

#[derive(Deserialize)]
struct Leaf {
    file: String,
}

fn content_hash(content: &str) -> String {
    use sha2::Digest as _;
    crate::package::hex(&sha2::Sha256::digest(content.as_bytes()))
}

fn heard(at: Option<crate::api::Timestamp>) -> Timestamp {
    Timestamp(at.map_or(0, crate::api::Timestamp::as_millis))
}

fn node(row: InstanceInformation, site: SiteIndex, architecture: Architecture) -> Node {
    let platform = match row.platform_type {
        PlatformType::Linux => Platform::Linux,
        PlatformType::Windows => Platform::Windows,
        PlatformType::MacOS => Platform::MacOs,
    };
    Node {
        id: NodeId::new(row.instance_id),
        site,
        platform,
        distribution: platform_key(&row.platform_name).into(),
        distribution_version: row.platform_version.into(),
        architecture,
        agent_version: row.agent_version.into(),
        ping: match row.ping_status {
            PingStatus::Online => Ping::Online,
            PingStatus::ConnectionLost => Ping::ConnectionLost,
            PingStatus::Inactive => Ping::Other,
        },
        last_ping: heard(row.last_ping_date_time),
        tags: TagAnswers::default(),
    }
}
