//! Reading documents: packages, and the command documents owned by AWS.

use sha2::{Digest, Sha256};

use crate::api::ssm::{
    AttachmentContent, AttachmentInformation, DescribeDocumentInput, DescribeDocumentOutput,
    DocumentDefaultVersionDescription, DocumentDescription, DocumentIdentifier, DocumentParameter,
    DocumentStatus, DocumentVersionInfo, GetDocumentInput, GetDocumentOutput, ListDocumentVersionsInput,
    ListDocumentVersionsOutput, ListDocumentsInput, ListDocumentsOutput, PlatformType,
    UpdateDocumentDefaultVersionInput, UpdateDocumentDefaultVersionOutput,
};
use crate::api::{ApiError, Timestamp};
use crate::fault::Judgement;
use crate::fleet::Site;
use crate::package::{Package, Unavailable, Version};
use crate::page::{Cut, Page};
use crate::world::{SiteIndex, World};

use super::parameters::{COMMAND_DOCUMENTS, CommandDocument, command_document};

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
        let package =
            self.catalogue.find(&site.account, &site.region, name).map_err(|_| no_document(name))?;
        let version = package.version(&site.region, number, version_name).map_err(|reason| match reason {
            Unavailable::Document => no_document(name),
            Unavailable::Version => {
                ApiError::invalid_document_version("The document version is not valid or does not exist.")
            }
        })?;
        Ok((package, version))
    }

    fn published(&self, version: &Version) -> Timestamp {
        // Versions were published one a day before the world began, the newest last.
        Timestamp::from_millis(self.start.plus_seconds(86_400 * (i64::from(version.number) - 1000)).millis())
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
        let (package, version) = self.document(site, &input.name, number, label)?;
        let latest = package.versions_in(&site.region).next_back().unwrap_or(version);
        let default = package.default_in(&site.region).unwrap_or(version);
        let attachments = version.files.iter().map(|file| AttachmentInformation { name: file.name.clone() });
        let document = DocumentDescription {
            hash: Some(version.hash.clone()),
            hash_type: Some("Sha256".to_owned()),
            name: package.name_for(&site.account, &site.region),
            version_name: Some(version.name.to_string()),
            owner: package.owner.clone(),
            created_date: Some(self.published(version)),
            status: status_word(&version.status),
            document_version: version.number.to_string(),
            platform_types: vec![PlatformType::Windows, PlatformType::Linux],
            document_type: "Package".to_owned(),
            schema_version: "2.0".to_owned(),
            latest_version: latest.number.to_string(),
            default_version: default.number.to_string(),
            document_format: "JSON".to_owned(),
            attachments_information: Some(attachments.collect()),
            ..Default::default()
        };
        Ok(DescribeDocumentOutput { document })
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
            size: i64::try_from(file.size).unwrap_or(i64::MAX),
            hash: file.hash.clone(),
            hash_type: "Sha256".to_owned(),
            url: self.link(site, package, version, &file.name),
        });
        Ok(GetDocumentOutput {
            name: package.name_for(&site.account, &site.region),
            created_date: Some(self.published(version)),
            version_name: Some(version.name.to_string()),
            document_version: version.number.to_string(),
            status: status_word(&version.status),
            content: version.manifest.to_string(),
            document_type: "Package".to_owned(),
            document_format: "JSON".to_owned(),
            attachments_content: Some(attachments.collect()),
            ..Default::default()
        })
    }

    /// A path on the door, with a query that looks like a signature: clients must keep it to themselves.
    fn link(&self, site: &Site, package: &Package, version: &Version, file: &str) -> String {
        let signature =
            self.chance.named("link").named(file).numbered(self.now.millis().unsigned_abs()).hex(64);
        format!(
            "/_attachments/{}/{}/{}/{}/{file}?X-Amz-Expires={LINK_SECONDS}&X-Amz-Signature={signature}",
            package.owner, site.region, package.name, version.number
        )
    }

    /// `UpdateDocumentDefaultVersion`, of one Region. Nodes are not touched by it.
    pub(crate) fn update_document_default_version(
        &mut self,
        site: SiteIndex,
        input: &UpdateDocumentDefaultVersionInput,
    ) -> Result<UpdateDocumentDefaultVersionOutput, ApiError> {
        let Site { account, region, .. } = &self.fleet.sites[site as usize];
        let mut packages = self.catalogue.packages.iter_mut();
        let package = packages.find(|package| *package.name == *input.name && package.owner == *account);
        let package = package.ok_or_else(|| no_document(&input.name))?;
        let found =
            package.versions.iter().position(|version| version.number.to_string() == input.document_version);
        let index =
            found.filter(|index| package.versions_in(region).any(|each| each.number as usize == index + 1));
        let index = index.ok_or_else(|| {
            ApiError::invalid_document_version("The document version is not valid or does not exist.")
        })?;
        if package.versions[index].status != "Active" {
            return Err(ApiError::invalid_document_version("The document version is not active."));
        }
        package.defaults.insert(region.clone(), index);
        let description = DocumentDefaultVersionDescription {
            name: input.name.clone(),
            default_version: input.document_version.clone(),
            default_version_name: Some(package.versions[index].name.to_string()),
        };
        Ok(UpdateDocumentDefaultVersionOutput { description })
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
        let rows = package.versions_in(&site.region).rev().map(|version| DocumentVersionInfo {
            name: package.name_for(&site.account, &site.region),
            document_version: version.number.to_string(),
            version_name: Some(version.name.to_string()),
            created_date: Some(self.published(version)),
            is_default_version: Some(version.number) == default,
            document_format: "JSON".to_owned(),
            status: status_word(&version.status),
            ..Default::default()
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
        let packages =
            self.catalogue.packages.iter().filter(|package| package.visible_to(&site.account, &site.region));
        let packages = packages.filter_map(|package| {
            let version = package.default_in(&site.region)?;
            Some(DocumentIdentifier {
                name: package.name_for(&site.account, &site.region),
                created_date: Some(self.published(version)),
                owner: package.owner.clone(),
                version_name: Some(version.name.to_string()),
                platform_types: vec![PlatformType::Windows, PlatformType::Linux],
                document_version: version.number.to_string(),
                document_type: "Package".to_owned(),
                schema_version: "2.0".to_owned(),
                document_format: "JSON".to_owned(),
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
        _ => true,
    })
}

/// A name that only AWS may use; anything else is looked up among the packages.
fn aws_owned(name: &str) -> Option<&'static CommandDocument> {
    command_document(name)
}

fn no_document(name: &str) -> ApiError {
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

/// The document's text, as far as its parameters go.
fn content(document: &CommandDocument) -> String {
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
    serde_json::json!({
        "schemaVersion": "2.2",
        "description": document.description,
        "parameters": parameters,
    })
    .to_string()
}

fn content_hash(content: &str) -> String {
    crate::package::hex(&Sha256::digest(content.as_bytes()))
}
