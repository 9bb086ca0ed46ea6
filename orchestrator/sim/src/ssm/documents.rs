//! Reading documents: packages, and the command documents owned by AWS.

use sha2::{Digest, Sha256};

use crate::api::ApiError;
use crate::api::ssm::{
    AttachmentContent, AttachmentInformation, DescribeDocumentInput, DescribeDocumentOutput,
    DocumentDefaultVersionDescription, DocumentDescription, DocumentIdentifier, DocumentParameter,
    DocumentStatus, DocumentVersionInfo, GetDocumentInput, GetDocumentOutput, ListDocumentVersionsInput,
    ListDocumentVersionsOutput, ListDocumentsInput, ListDocumentsOutput, PlatformType, Tag,
    UpdateDocumentDefaultVersionInput, UpdateDocumentDefaultVersionOutput,
};
use crate::clock::WorldTime;
use crate::fault::Judgement;
use crate::fleet::Site;
use crate::package::{Attached, Package, Unavailable, Version};
use crate::page::{Cut, Page};
use crate::world::{SiteIndex, World};

use super::parameters::{COMMAND_DOCUMENTS, CommandDocument, command_document};
use super::publish::published_at;

/// Seconds for which an attachment's link is said to hold.
const LINK_SECONDS: u32 = 900;

impl World {
    fn document(
        &self,
        site: &Site,
        name: &str,
        number: Option<&str>,
        version_name: Option<&str>,
    ) -> Result<(&Package, &Version), ApiError> {
        let Site { account, region, .. } = site;
        let package = self.catalogue.find(account, region, name).map_err(|_| no_document(name))?;
        let version =
            package.version(account, region, number, version_name).map_err(|reason| match reason {
                Unavailable::Document => no_document(name),
                Unavailable::Version => bad_version(),
            })?;
        Ok((package, version))
    }

    pub(crate) fn describe_document(
        &self,
        site: SiteIndex,
        input: &DescribeDocumentInput,
    ) -> Result<DescribeDocumentOutput, ApiError> {
        if let Some(document) = aws_owned(&input.name) {
            return Ok(DescribeDocumentOutput { document: describe_command_document(document) });
        }
        let site = &self.fleet.sites[site as usize];
        let (number, label) = (input.document_version.as_deref(), input.version_name.as_deref());
        let document = self.description(site, &input.name, number, label)?;
        Ok(DescribeDocumentOutput { document })
    }

    pub(super) fn description(
        &self,
        site: &Site,
        name: &str,
        number: Option<&str>,
        label: Option<&str>,
    ) -> Result<DocumentDescription, ApiError> {
        let (package, version) = self.document(site, name, number, label)?;
        let latest = package.versions_in(&site.region).next_back().unwrap_or(version);
        let default = package.default_in(&site.region).unwrap_or(version);
        let attachments = version.files.iter().map(|file| AttachmentInformation { name: file.name.clone() });
        Ok(DocumentDescription {
            hash: Some(version.hash.clone()),
            hash_type: Some("Sha256".to_owned()),
            name: package.name_for(&site.account, &site.region),
            display_name: package.display_name.clone(),
            version_name: version.label(),
            owner: package.owner.clone(),
            created_date: Some(published_at(version, self.start)),
            status: status_word(&version.status),
            status_information: version.status_information.clone(),
            document_version: version.number.to_string(),
            platform_types: package_platforms(version),
            document_type: "Package".to_owned(),
            schema_version: "2.0".to_owned(),
            latest_version: latest.number.to_string(),
            default_version: default.number.to_string(),
            document_format: "JSON".to_owned(),
            tags: tags_of(package),
            attachments_information: Some(attachments.collect()),
            ..Default::default()
        })
    }

    pub(crate) fn get_document(
        &self,
        site: SiteIndex,
        input: &GetDocumentInput,
    ) -> Result<GetDocumentOutput, ApiError> {
        if let Some(document) = aws_owned(&input.name) {
            return Ok(get_command_document(document));
        }
        let site = &self.fleet.sites[site as usize];
        let (number, label) = (input.document_version.as_deref(), input.version_name.as_deref());
        let (package, version) = self.document(site, &input.name, number, label)?;
        let attachments = version.files.iter().map(|file| AttachmentContent {
            name: file.name.clone(),
            size: file.size.cast_signed(),
            hash: file.hash.clone(),
            hash_type: "Sha256".to_owned(),
            url: self.link(site, package, version, &file.name),
        });
        Ok(GetDocumentOutput {
            name: package.name_for(&site.account, &site.region),
            created_date: Some(published_at(version, self.start)),
            version_name: version.label(),
            document_version: version.number.to_string(),
            display_name: package.display_name.clone(),
            status: status_word(&version.status),
            status_information: version.status_information.clone(),
            content: version.manifest.to_string(),
            document_type: "Package".to_owned(),
            document_format: "JSON".to_owned(),
            attachments_content: Some(attachments.collect()),
        })
    }

    /// A path on the door, signed: clients must keep it to themselves.
    fn link(&self, site: &Site, package: &Package, version: &Version, file: &str) -> String {
        let path = format!("{}/{}/{}/{}/{file}", package.owner, site.region, package.name, version.number);
        let date = self.now.basic();
        let signature = self.link_signature(&path, &date);
        format!(
            "/_attachments/{path}?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Date={date}&X-Amz-Expires={LINK_SECONDS}\
             &X-Amz-Signature={signature}"
        )
    }

    fn link_signature(&self, path: &str, date: &str) -> String {
        self.chance.named("link").named(path).named(date).hex(64)
    }

    /// What an attachment's link leads to now: `path` and the date and signature of its query.
    pub fn linked(&self, path: &str, date: &str, signature: &str) -> Result<&Attached, BrokenLink> {
        if self.link_signature(path, date) != signature {
            return Err(BrokenLink::Signature);
        }
        let signed = WorldTime::parse_basic(date).ok_or(BrokenLink::Signature)?;
        if self.now > signed.plus_seconds(i64::from(LINK_SECONDS)) {
            return Err(BrokenLink::Expired);
        }
        self.catalogue.attachment(path).ok_or(BrokenLink::Gone)
    }

    /// `UpdateDocumentDefaultVersion`, of one Region. Nodes are not touched by it.
    pub(crate) fn update_document_default_version(
        &mut self,
        site: SiteIndex,
        input: &UpdateDocumentDefaultVersionInput,
    ) -> Result<UpdateDocumentDefaultVersionOutput, ApiError> {
        let Site { account, region, .. } = self.fleet.sites[site as usize].clone();
        let package =
            self.catalogue.own_mut(&account, &region, &input.name).ok_or_else(|| no_document(&input.name))?;
        let found = package
            .versions_in(&region)
            .find(|version| version.number.to_string() == input.document_version)
            .ok_or_else(bad_version)?;
        if found.status != "Active" {
            return Err(ApiError::invalid_document_version("The document version is not active."));
        }
        let (number, label) = (found.number, found.label());
        package.default = number;
        let description = DocumentDefaultVersionDescription {
            name: input.name.clone(),
            default_version: input.document_version.clone(),
            default_version_name: label,
        };
        Ok(UpdateDocumentDefaultVersionOutput { description })
    }

    /// Tags a document of the caller's own.
    pub(super) fn tag_document(&mut self, site: SiteIndex, name: &str, tags: &[Tag]) -> Result<(), ApiError> {
        let Site { account, region, .. } = self.fleet.sites[site as usize].clone();
        let package =
            self.catalogue.own_mut(&account, &region, name).ok_or_else(ApiError::invalid_resource_id)?;
        package.tags.extend(tags.iter().map(|tag| (tag.key.clone(), tag.value.clone())));
        Ok(())
    }

    pub(super) fn document_tags(&self, site: SiteIndex, name: &str) -> Result<Vec<Tag>, ApiError> {
        let Site { account, region, .. } = &self.fleet.sites[site as usize];
        self.catalogue.at(region, account, name).map(tags_of).ok_or_else(ApiError::invalid_resource_id)
    }

    pub(crate) fn list_document_versions(
        &self,
        site: SiteIndex,
        input: &ListDocumentVersionsInput,
        judgement: &Judgement,
    ) -> Result<ListDocumentVersionsOutput, ApiError> {
        let site = &self.fleet.sites[site as usize];
        let cut = Cut { short: judgement.short_pages };
        let page = Page::open("versions", input.next_token.as_deref(), input.max_results, 50, cut)?;
        if let Some(document) = aws_owned(&input.name) {
            let only = DocumentVersionInfo {
                name: document.name.to_owned(),
                document_version: "1".to_owned(),
                is_default_version: true,
                document_format: "JSON".to_owned(),
                status: DocumentStatus::Active,
                ..Default::default()
            };
            return Ok(ListDocumentVersionsOutput { document_versions: vec![only], next_token: None });
        }
        let package = self
            .catalogue
            .find(&site.account, &site.region, &input.name)
            .map_err(|_| no_document(&input.name))?;
        let default = package.default_in(&site.region).map(|version| version.number);
        let rows = package.versions_for(&site.account, &site.region).into_iter().rev().map(|version| {
            DocumentVersionInfo {
                name: package.name_for(&site.account, &site.region),
                document_version: version.number.to_string(),
                version_name: version.label(),
                created_date: Some(published_at(version, self.start)),
                is_default_version: Some(version.number) == default,
                document_format: "JSON".to_owned(),
                status: status_word(&version.status),
                status_information: version.status_information.clone(),
                ..Default::default()
            }
        });
        let (document_versions, next_token) = page.of(rows.collect());
        Ok(ListDocumentVersionsOutput { document_versions, next_token })
    }

    pub(crate) fn list_documents(
        &self,
        site: SiteIndex,
        input: &ListDocumentsInput,
        judgement: &Judgement,
    ) -> Result<ListDocumentsOutput, ApiError> {
        let site = &self.fleet.sites[site as usize];
        let cut = Cut { short: judgement.short_pages };
        let page = Page::open("documents", input.next_token.as_deref(), input.max_results, 10, cut)?;
        let packages = self.catalogue.in_region(&site.region);
        let packages = packages.filter(|package| package.visible_to(&site.account, &site.region));
        let packages = packages.filter_map(|package| {
            let version = package.default_in(&site.region)?;
            Some(DocumentIdentifier {
                name: package.name_for(&site.account, &site.region),
                created_date: Some(published_at(version, self.start)),
                owner: package.owner.clone(),
                version_name: version.label(),
                platform_types: package_platforms(version),
                document_version: version.number.to_string(),
                document_type: "Package".to_owned(),
                schema_version: "2.0".to_owned(),
                document_format: "JSON".to_owned(),
                display_name: package.display_name.clone(),
                tags: tags_of(package),
                ..Default::default()
            })
        });
        let commands = COMMAND_DOCUMENTS.iter().map(identify_command_document);
        let legacy = input.document_filter_list.iter().flatten();
        let mut wanted: Vec<(&str, Vec<&str>)> =
            legacy.map(|filter| (filter.key.as_str(), vec![filter.value.as_str()])).collect();
        for filter in input.filters.iter().flatten() {
            wanted.push((&filter.key, filter.values.iter().map(String::as_str).collect()));
        }
        let known = ["Name", "Owner", "PlatformTypes", "DocumentType", "TargetType", "SearchKeyword"];
        if wanted.iter().any(|(key, _)| !known.contains(key) && !key.starts_with("tag:")) {
            return Err(ApiError::invalid_filter_key());
        }
        let meant = |row: &DocumentIdentifier| {
            wanted.iter().all(|(key, values)| document_passes(row, &site.account, key, values))
        };
        let (document_identifiers, next_token) = page.of(packages.chain(commands).filter(meant).collect());
        Ok(ListDocumentsOutput { document_identifiers, next_token })
    }
}

fn document_passes(row: &DocumentIdentifier, account: &str, key: &str, values: &[&str]) -> bool {
    values.iter().any(|value| match key {
        "Name" => row.name == *value,
        "DocumentType" => row.document_type == *value,
        "PlatformTypes" => row.platform_types.iter().any(|platform| platform.as_str() == *value),
        "Owner" => match *value {
            "Self" => row.owner == account,
            "Amazon" => row.owner == "Amazon",
            "Private" => row.owner != "Amazon",
            _ => false,
        },
        key => key
            .strip_prefix("tag:")
            .is_none_or(|key| row.tags.iter().any(|tag| tag.key == key && tag.value == *value)),
    })
}

/// Operating systems for which a version has a file.
fn package_platforms(version: &Version) -> Vec<PlatformType> {
    let mut platforms = Vec::new();
    let keys = || version.platforms().keys().map(String::as_str);
    if keys().any(|key| matches!(key, "windows" | "_any")) {
        platforms.push(PlatformType::Windows);
    }
    if keys().any(|key| key != "windows") {
        platforms.push(PlatformType::Linux);
    }
    platforms
}

fn tags_of(package: &Package) -> Vec<Tag> {
    let tag = |(key, value): (&String, &String)| Tag { key: key.clone(), value: value.clone() };
    package.tags.iter().map(tag).collect()
}

/// Why an attachment's link leads nowhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BrokenLink {
    /// Nobody made it.
    Signature,
    /// Its time is over.
    Expired,
    /// The attachment was deleted.
    Gone,
}

/// A name that only AWS may use; anything else is looked up among the packages.
fn aws_owned(name: &str) -> Option<&'static CommandDocument> {
    command_document(name)
}

pub(super) fn bad_version() -> ApiError {
    ApiError::invalid_document_version("The document version is not valid or does not exist.")
}

pub(super) fn no_document(name: &str) -> ApiError {
    ApiError::invalid_document(format!("Document with name {name} does not exist."))
}

fn status_word(word: &str) -> DocumentStatus {
    DocumentStatus::from_word(word).unwrap_or(DocumentStatus::Active)
}

fn platforms(document: &CommandDocument) -> Vec<PlatformType> {
    let wire = |platform: &crate::agent::behaviour::PlatformType| match platform {
        crate::agent::behaviour::PlatformType::Linux => PlatformType::Linux,
        crate::agent::behaviour::PlatformType::Windows => PlatformType::Windows,
    };
    document.platforms.iter().map(wire).collect()
}

fn describe_command_document(document: &CommandDocument) -> DocumentDescription {
    let parameters = document.parameters.iter().map(|parameter| DocumentParameter {
        name: parameter.name.to_owned(),
        parameter_type: parameter.kind.to_owned(),
        description: Some(parameter.description.to_owned()),
        default_value: parameter.default.map(str::to_owned),
    });
    DocumentDescription {
        hash: Some(content_hash(&content(document))),
        hash_type: Some("Sha256".to_owned()),
        name: document.name.to_owned(),
        owner: "Amazon".to_owned(),
        status: DocumentStatus::Active,
        document_version: "1".to_owned(),
        description: Some(document.description.to_owned()),
        parameters: Some(parameters.collect()),
        platform_types: platforms(document),
        document_type: "Command".to_owned(),
        schema_version: "2.2".to_owned(),
        latest_version: "1".to_owned(),
        default_version: "1".to_owned(),
        document_format: "JSON".to_owned(),
        ..Default::default()
    }
}

fn get_command_document(document: &CommandDocument) -> GetDocumentOutput {
    GetDocumentOutput {
        name: document.name.to_owned(),
        document_version: "1".to_owned(),
        status: DocumentStatus::Active,
        content: content(document),
        document_type: "Command".to_owned(),
        document_format: "JSON".to_owned(),
        ..Default::default()
    }
}

fn identify_command_document(document: &CommandDocument) -> DocumentIdentifier {
    DocumentIdentifier {
        name: document.name.to_owned(),
        owner: "Amazon".to_owned(),
        platform_types: platforms(document),
        document_version: "1".to_owned(),
        document_type: "Command".to_owned(),
        schema_version: "2.2".to_owned(),
        document_format: "JSON".to_owned(),
        ..Default::default()
    }
}

/// The document's text.
pub(super) fn content(document: &CommandDocument) -> String {
    let parameters: serde_json::Map<String, serde_json::Value> = document
        .parameters
        .iter()
        .map(|parameter| {
            let mut entry =
                serde_json::json!({ "type": parameter.kind, "description": parameter.description });
            if let Some(default) = parameter.default {
                entry["default"] = default.into();
            }
            (parameter.name.to_owned(), entry)
        })
        .collect();
    let inputs: serde_json::Map<String, serde_json::Value> = document
        .parameters
        .iter()
        .map(|parameter| {
            let input = match parameter.name {
                "commands" => "runCommand",
                "executionTimeout" => "timeoutSeconds",
                same => same,
            };
            (input.to_owned(), format!("{{{{ {} }}}}", parameter.name).into())
        })
        .collect();
    let (action, step) = document.step;
    serde_json::json!({
        "schemaVersion": "2.2",
        "description": document.description,
        "parameters": parameters,
        "mainSteps": [{ "action": action, "name": step, "inputs": inputs }],
    })
    .to_string()
}

fn content_hash(content: &str) -> String {
    crate::package::hex(&Sha256::digest(content.as_bytes()))
}
