//! Documents that callers publish: made, changed, shared and deleted.

use super::limits::{DOCUMENT_VERSION, TAG_KEY, TAG_VALUE, VERSION_NAME};
use super::{DocumentDescription, Tag};
use crate::api::validate::{Text, Violations, is_account_id, is_association_name};
use crate::api::wire::structures;

structures! {
    CreateDocumentInput {
        content: String,
        requires: Option<Vec<DocumentRequires>>,
        attachments: Option<Vec<AttachmentsSource>>,
        name: String,
        display_name: Option<String>,
        version_name: Option<String>,
        document_type: Option<String>,
        document_format: Option<String>,
        target_type: Option<String>,
        tags: Option<Vec<Tag>>,
    }
    CreateDocumentOutput { document_description: DocumentDescription }

    UpdateDocumentInput {
        content: String,
        attachments: Option<Vec<AttachmentsSource>>,
        name: String,
        display_name: Option<String>,
        version_name: Option<String>,
        document_version: Option<String>,
        document_format: Option<String>,
        target_type: Option<String>,
    }
    UpdateDocumentOutput { document_description: DocumentDescription }

    DeleteDocumentInput {
        name: String,
        document_version: Option<String>,
        version_name: Option<String>,
        force: Option<bool>,
    }
    DeleteDocumentOutput {}

    ModifyDocumentPermissionInput {
        name: String,
        permission_type: String,
        account_ids_to_add: Option<Vec<String>>,
        account_ids_to_remove: Option<Vec<String>>,
        shared_document_version: Option<String>,
    }
    ModifyDocumentPermissionOutput {}

    DescribeDocumentPermissionInput {
        name: String,
        permission_type: String,
        max_results: Option<i32>,
        next_token: Option<String>,
    }
    DescribeDocumentPermissionOutput {
        account_ids: Vec<String>,
        account_sharing_info_list: Vec<AccountSharingInfo>,
        next_token: Option<String>,
    }

    DocumentRequires { name: String, version: Option<String> }
    /// Where attached files come from: a folder, one object, or a version published earlier.
    AttachmentsSource { key: Option<String>, values: Vec<String>, name: Option<String> }
    AccountSharingInfo { account_id: String, shared_document_version: Option<String> }
}

const NAME: Text = Text::pattern(r"^[a-zA-Z0-9_\-.]{3,128}$", is_association_name);
const CONTENT: Text = Text::length(1, usize::MAX);
const DOCUMENT_TYPE: Text = Text::one_of(&[
    "Command",
    "Policy",
    "Automation",
    "Session",
    "Package",
    "ApplicationConfiguration",
    "ApplicationConfigurationSchema",
    "DeploymentStrategy",
    "ChangeCalendar",
    "Automation.ChangeTemplate",
    "ProblemAnalysis",
    "ProblemAnalysisTemplate",
    "CloudFormation",
    "ConformancePackTemplate",
    "QuickSetup",
    "ManualApprovalPolicy",
    "AutoApprovalPolicy",
]);
const DOCUMENT_FORMAT: Text = Text::one_of(&["YAML", "JSON", "TEXT"]);
const SOURCE_KEY: Text = Text::one_of(&["SourceUrl", "S3FileUrl", "AttachmentReference"]);
const PERMISSION: Text = Text::one_of(&["Share"]);
const ACCOUNT: Text = Text::pattern("(all)|([0-9]{12})", |text| text == "all" || is_account_id(text));
const SHARED_VERSION: Text = Text::length(0, 8)
    .and_pattern("([$]LATEST|[$]DEFAULT|[$]ALL)", |text| matches!(text, "$LATEST" | "$DEFAULT" | "$ALL"));

fn check_attachments(v: &mut Violations, attachments: &[AttachmentsSource]) {
    v.size("attachments", attachments, 0, 20, |source| format!("{source:?}"));
    for (n, source) in attachments.iter().enumerate() {
        let path = |member: &str| format!("attachments.{}.member.{member}", n + 1);
        v.optional(&path("key"), source.key.as_deref(), &SOURCE_KEY);
        v.texts(&path("values"), &source.values, 1, 1, &Text::length(1, 1024));
        v.optional(&path("name"), source.name.as_deref(), &NAME);
    }
}

impl CreateDocumentInput {
    pub(super) fn check(&self, v: &mut Violations) {
        v.required("content", &self.content, &CONTENT);
        check_attachments(v, self.attachments.as_deref().unwrap_or_default());
        v.required("name", &self.name, &NAME);
        v.optional("displayName", self.display_name.as_deref(), &Text::length(0, 1024));
        v.optional("versionName", self.version_name.as_deref(), &VERSION_NAME);
        v.optional("documentType", self.document_type.as_deref(), &DOCUMENT_TYPE);
        v.optional("documentFormat", self.document_format.as_deref(), &DOCUMENT_FORMAT);
        let tags = self.tags.as_deref().unwrap_or_default();
        v.size("tags", tags, 0, 1000, |tag| format!("Tag(key={}, value={})", tag.key, tag.value));
        for (n, tag) in tags.iter().enumerate() {
            v.required(&format!("tags.{}.member.key", n + 1), &tag.key, &TAG_KEY);
            v.optional(&format!("tags.{}.member.value", n + 1), Some(&tag.value), &TAG_VALUE);
        }
    }
}

impl UpdateDocumentInput {
    pub(super) fn check(&self, v: &mut Violations) {
        v.required("content", &self.content, &CONTENT);
        check_attachments(v, self.attachments.as_deref().unwrap_or_default());
        v.required("name", &self.name, &NAME);
        v.optional("displayName", self.display_name.as_deref(), &Text::length(0, 1024));
        v.optional("versionName", self.version_name.as_deref(), &VERSION_NAME);
        v.optional("documentVersion", self.document_version.as_deref(), &DOCUMENT_VERSION);
        v.optional("documentFormat", self.document_format.as_deref(), &DOCUMENT_FORMAT);
    }
}

impl DeleteDocumentInput {
    pub(super) fn check(&self, v: &mut Violations) {
        v.required("name", &self.name, &NAME);
        v.optional("documentVersion", self.document_version.as_deref(), &DOCUMENT_VERSION);
        v.optional("versionName", self.version_name.as_deref(), &VERSION_NAME);
    }
}

impl ModifyDocumentPermissionInput {
    pub(super) fn check(&self, v: &mut Violations) {
        v.required("name", &self.name, &NAME);
        v.required("permissionType", &self.permission_type, &PERMISSION);
        v.texts("accountIdsToAdd", self.account_ids_to_add.as_deref().unwrap_or_default(), 0, 20, &ACCOUNT);
        let removed = self.account_ids_to_remove.as_deref().unwrap_or_default();
        v.texts("accountIdsToRemove", removed, 0, 20, &ACCOUNT);
        v.optional("sharedDocumentVersion", self.shared_document_version.as_deref(), &SHARED_VERSION);
    }
}

impl DescribeDocumentPermissionInput {
    pub(super) fn check(&self, v: &mut Violations) {
        v.required("name", &self.name, &NAME);
        v.required("permissionType", &self.permission_type, &PERMISSION);
        v.range("maxResults", self.max_results, 1, 200);
    }
}
