//! Publishing packages: documents are made, get versions, and lose them.

use std::sync::Arc;

use crate::api::ssm::{
    AttachmentsSource, CreateDocumentInput, CreateDocumentOutput, DeleteDocumentInput, DeleteDocumentOutput,
    UpdateDocumentInput, UpdateDocumentOutput,
};
use crate::api::{ApiError, Timestamp, ssm::DocumentDescription};
use crate::fleet::Site;
use crate::package::manifest::Manifest;
use crate::package::{Package, Version};
use crate::world::{Happening, SiteIndex, World};

use super::documents::{bad_version, no_document};
use super::sources::{Source, sources};

/// Most documents of an account in a Region.
const MAX_DOCUMENTS: usize = 500;
/// Most versions of a package.
const MAX_VERSIONS: usize = 25;
/// Beginnings of names that only AWS may use.
const RESERVED: [&str; 6] = ["aws", "amazon", "amzn", "AWSEC2", "AWSConfigRemediation", "AWSSupport"];

/// A version whose files are being copied.
#[derive(Debug, Clone)]
pub(crate) struct Copying {
    pub(super) site: SiteIndex,
    pub(super) name: Arc<str>,
    pub(super) number: u32,
    pub(super) sources: Vec<Source>,
}

impl World {
    pub(crate) fn create_document(
        &mut self,
        index: SiteIndex,
        input: &CreateDocumentInput,
    ) -> Result<CreateDocumentOutput, ApiError> {
        if input.document_type.as_deref() != Some("Package") {
            return Err(ApiError::validation("Only documents of the type Package can be made here."));
        }
        let lower = input.name.to_lowercase();
        if RESERVED.iter().any(|reserved| lower.starts_with(&reserved.to_lowercase())) {
            let message = format!("Document name {} begins with a prefix that AWS reserves.", input.name);
            return Err(ApiError::validation(message));
        }
        let manifest = manifest(&input.content, input.document_format.as_deref())?;
        let sources = sources(&manifest, input.attachments.as_deref())?;
        let Site { account, region, .. } = self.fleet.sites[index as usize].clone();
        if self.catalogue.at(&region, &account, &input.name).is_some() {
            let message = format!("Document with same name {} already exists", input.name);
            return Err(ApiError::document_already_exists(message));
        }
        let own = self.catalogue.in_region(&region).filter(|package| package.owner == account).count();
        if own >= MAX_DOCUMENTS {
            let message = format!("You can have at most {MAX_DOCUMENTS} active SSM documents.");
            return Err(ApiError::document_limit_exceeded(message));
        }
        let mut package = Package::published(&input.name, &account);
        package.display_name.clone_from(&input.display_name);
        let tags = input.tags.iter().flatten();
        package.tags = tags.map(|tag| (tag.key.clone(), tag.value.clone())).collect();
        self.catalogue.add(&region, package);
        let version = Publication {
            site: index,
            name: &input.name,
            label: input.version_name.as_deref(),
            content: &input.content,
            manifest: &manifest,
        };
        let document_description = self.publish(&version, sources)?;
        Ok(CreateDocumentOutput { document_description })
    }

    pub(crate) fn update_document(
        &mut self,
        index: SiteIndex,
        input: &UpdateDocumentInput,
    ) -> Result<UpdateDocumentOutput, ApiError> {
        let Site { account, region, .. } = self.fleet.sites[index as usize].clone();
        let package =
            self.catalogue.at(&region, &account, &input.name).ok_or_else(|| no_document(&input.name))?;
        let base = input.document_version.as_deref();
        let base = package.version(&account, &region, base, None).map_err(|_| bad_version())?;
        let latest = package.versions_in(&region).next_back();
        if latest.is_some_and(|latest| latest.number != base.number) {
            return Err(ApiError::invalid_document_version(
                "The document version is not valid: only the latest version of a document can be updated.",
            ));
        }
        if latest.is_some_and(Version::is_pending) {
            return Err(ApiError::invalid_document_operation(
                "The document cannot be updated while a version of it is being created.",
            ));
        }
        let manifest = manifest(&input.content, input.document_format.as_deref())?;
        let sources = sources(&manifest, input.attachments.as_deref())?;
        check_new(package, &region, input)?;
        if let Some(package) = self.catalogue.own_mut(&account, &region, &input.name)
            && input.display_name.is_some()
        {
            package.display_name.clone_from(&input.display_name);
        }
        let version = Publication {
            site: index,
            name: &input.name,
            label: input.version_name.as_deref(),
            content: &input.content,
            manifest: &manifest,
        };
        let document_description = self.publish(&version, sources)?;
        Ok(UpdateDocumentOutput { document_description })
    }

    /// Adds the version, and begins to copy its files.
    fn publish(
        &mut self,
        publication: &Publication<'_>,
        sources: Vec<Source>,
    ) -> Result<DocumentDescription, ApiError> {
        let Publication { site, name, .. } = *publication;
        let Site { account, region, .. } = self.fleet.sites[site as usize].clone();
        let now = self.now;
        let package = self.catalogue.own_mut(&account, &region, name).ok_or_else(|| no_document(name))?;
        let Publication { label, content, manifest, .. } = *publication;
        let number = package.add_version(label, content, manifest, now);
        let name = Arc::clone(&package.name);
        let [low, high] = self.timing.document_seconds;
        let chance = self.chance.named("document").named(&name).named(&region).numbered(u64::from(number));
        let takes_millis = chance.between(low * 1000, high * 1000);
        let copying = Copying { site, name: Arc::clone(&name), number, sources };
        self.schedule.add(now.after(takes_millis), Happening::DocumentSettles(Box::new(copying)));
        let number = number.to_string();
        self.description(&self.fleet.sites[site as usize], &name, Some(&number), None)
    }

    /// The files of a version have been copied, if they could be.
    pub(crate) fn settle_document(&mut self, copying: &Copying) {
        let Site { account, region, .. } = self.fleet.sites[copying.site as usize].clone();
        let wanted = self.catalogue.at(&region, &account, &copying.name).and_then(|package| {
            package.versions.iter().find(|version| version.number == copying.number).cloned()
        });
        // It may have been deleted meanwhile.
        let Some(mut version) = wanted.filter(Version::is_pending) else { return };
        let files = self.copy_sources(&account, &region, copying, &version);
        version.settle(files);
        let package = self.catalogue.own_mut(&account, &region, &copying.name);
        let mut versions = package.into_iter().flat_map(|package| &mut package.versions);
        if let Some(place) = versions.find(|version| version.number == copying.number) {
            *place = version;
        }
    }

    pub(crate) fn delete_document(
        &mut self,
        index: SiteIndex,
        input: &DeleteDocumentInput,
    ) -> Result<DeleteDocumentOutput, ApiError> {
        let Site { account, region, .. } = self.fleet.sites[index as usize].clone();
        let package =
            self.catalogue.at(&region, &account, &input.name).ok_or_else(|| no_document(&input.name))?;
        let (number, label) = (input.document_version.as_deref(), input.version_name.as_deref());
        if number.is_none() && label.is_none() {
            let accounts = self.fleet.sites.iter().map(|site| site.account.as_str());
            if !package.sharing.listed(accounts, &account, &region).is_empty() {
                return Err(ApiError::invalid_document_operation(
                    "The document is still shared: stop sharing it before you delete it.",
                ));
            }
            self.catalogue.remove(&region, &account, &input.name);
            return Ok(DeleteDocumentOutput {});
        }
        let version = package.version(&account, &region, number, label).map_err(|_| bad_version())?;
        if package.default_in(&region).is_some_and(|default| default.number == version.number) {
            return Err(ApiError::invalid_document_operation(
                "Default version of the document can't be deleted.",
            ));
        }
        let number = version.number;
        if let Some(package) = self.catalogue.own_mut(&account, &region, &input.name) {
            package.versions.retain(|version| version.number != number);
        }
        Ok(DeleteDocumentOutput {})
    }
}

/// A version about to be published.
struct Publication<'a> {
    site: SiteIndex,
    name: &'a str,
    label: Option<&'a str>,
    content: &'a str,
    manifest: &'a Manifest,
}

fn manifest(content: &str, format: Option<&str>) -> Result<Manifest, ApiError> {
    if format.is_some_and(|format| format != "JSON") {
        return Err(ApiError::invalid_document_content("The manifest of a package must be JSON."));
    }
    Manifest::read(content)
}

/// Whether a document can have the version: its content and label are new, and there is room.
fn check_new(package: &Package, region: &str, input: &UpdateDocumentInput) -> Result<(), ApiError> {
    let versions = || package.versions_in(region);
    if versions().any(|version| *version.manifest == *input.content) {
        return Err(ApiError::duplicate_document_content(
            "The content of the association document matches another document. Change the content of the \
             document and try again.",
        ));
    }
    let label = input.version_name.as_deref();
    if label.is_some_and(|label| versions().any(|version| &*version.name == label)) {
        return Err(ApiError::duplicate_document_version_name(
            "The version name has already been used in this document. Specify a different version name, and then \
             try again.",
        ));
    }
    if versions().count() >= MAX_VERSIONS {
        let message =
            format!("The document has {MAX_VERSIONS} versions, which is the most a package can have.");
        return Err(ApiError::document_version_limit_exceeded(message));
    }
    Ok(())
}

/// When a version was published.
pub(super) fn published_at(version: &Version, start: crate::clock::WorldTime) -> Timestamp {
    // Versions of the world file were published one a day before the world began, the newest last.
    let declared = || start.plus_seconds(86_400 * (i64::from(version.number) - 1000));
    Timestamp::from_millis(version.created.unwrap_or_else(declared).millis())
}

/// Sources as a call gives them; none is an error of its own for packages.
pub(super) fn given(attachments: Option<&[AttachmentsSource]>) -> Result<&[AttachmentsSource], ApiError> {
    attachments.filter(|attachments| !attachments.is_empty()).ok_or_else(|| {
        ApiError::client(
            "InvalidParameterValueException",
            "AttachmentSource not provided in the input request.",
        )
    })
}
