//! Documents: the package as a site sees it, and the command documents that we send.

use crate::classify::Effect;
use crate::files;
use crate::manifest;
use crate::page::Pages;
use crate::site::Reach;
use aws_sdk_ssm::operation::get_document::GetDocumentOutput;
use aws_sdk_ssm::types::{DocumentDescription, DocumentStatus};
use aws_smithy_runtime_api::client::http::SharedHttpConnector;
use std::collections::BTreeMap;
use wavetrain_model::fleet::{Manifest, PackageView, Site, VersionView};
use wavetrain_model::id::AccountId;
use wavetrain_ports::failure::{Class, Failure};

/// `MaxResults` of ListDocumentVersions.
const PAGE: i32 = 50;

/// What to call a package at a site: bare in its owner's account, the ARN elsewhere. A bare name in another account is
/// looked for in that account and among AWS's own packages.
pub(crate) fn name_at(site: &Site, name: &str, owner: &AccountId) -> String {
    if site.account == *owner || name.starts_with("arn:") {
        return name.to_owned();
    }
    let region = site.region.as_str();
    format!("arn:{}:ssm:{region}:{owner}:document/{name}", partition(region))
}

fn partition(region: &str) -> &'static str {
    const PARTITIONS: [(&str, &str); 7] = [
        ("cn-", "aws-cn"),
        ("us-gov-", "aws-us-gov"),
        ("us-iso-", "aws-iso"),
        ("us-isob-", "aws-iso-b"),
        ("eu-isoe-", "aws-iso-e"),
        ("us-isof-", "aws-iso-f"),
        ("eusc-", "aws-eusc"),
    ];
    PARTITIONS.iter().find(|(start, _)| region.starts_with(start)).map_or("aws", |(_, partition)| partition)
}

/// A package as one site asks for it.
#[derive(Debug)]
pub(crate) struct Package<'a> {
    /// What the site calls it.
    pub(crate) name: String,
    /// Whether another account owns it.
    pub(crate) is_shared: bool,
    /// Versions whose manifests are read.
    pub(crate) wanted: &'a [String],
    /// How to fetch files, to look into the first wanted version's zips.
    pub(crate) look: Option<&'a SharedHttpConnector>,
}

impl Package<'_> {
    /// Everything that the site can see of the package.
    pub(crate) async fn view(&self, reach: &Reach) -> Result<PackageView, Failure> {
        let mut view = match versions(reach, &self.name).await {
            // Reading single versions of a shared document needs fewer rights than listing them.
            Err(failure) if failure.class == Class::Denied && self.is_shared && !self.wanted.is_empty() => {
                PackageView {
                    name: self.name.clone(),
                    versions: BTreeMap::new(),
                    default_version: None,
                    associations: None,
                }
            }
            listed => listed?,
        };
        let ask_unlisted = self.is_shared && view.versions.is_empty();
        // What nodes get back that nothing else is known of.
        let default = view.default_version.clone().filter(|version| !self.wanted.contains(version));
        for (position, version) in self.wanted.iter().chain(&default).enumerate() {
            if !ask_unlisted && !view.versions.contains_key(version) {
                continue;
            }
            let look = self.look.filter(|_| position == 0);
            if let Some(read) = read_version(reach, &self.name, version, look).await? {
                view.versions.insert(version.clone(), read);
            }
        }
        Ok(view)
    }
}

/// The version list, without contents. A package that is not there or not shared has no versions.
async fn versions(reach: &Reach, name: &str) -> Result<PackageView, Failure> {
    const OPERATION: &str = "ListDocumentVersions";
    let mut view = PackageView {
        name: name.to_owned(),
        versions: BTreeMap::new(),
        default_version: None,
        associations: None,
    };
    let mut pages = Pages::of(OPERATION);
    loop {
        let call = reach.ssm.list_document_versions().name(name).max_results(PAGE);
        let result = call.set_next_token(pages.token()).send().await;
        let page = match reach.settle(OPERATION, Effect::Read, result) {
            Ok(page) => page,
            Err(failure) if failure.class == Class::NotFound => return Ok(view),
            Err(failure) => return Err(failure),
        };
        for raw in page.document_versions() {
            // Distributor addresses versions by VersionName only; one without can be installed as the default at most.
            let Some(version) = raw.version_name() else { continue };
            if raw.is_default_version() {
                view.default_version = Some(version.to_owned());
            }
            let status = raw.status().map_or("", DocumentStatus::as_str).to_owned();
            view.versions.insert(version.to_owned(), VersionView::unread(status));
        }
        if !pages.turn(page.next_token())? {
            return Ok(view);
        }
    }
}

/// One version with its manifest, None if this account cannot see it. With `look` its zips are looked into as well.
async fn read_version(
    reach: &Reach,
    name: &str,
    version: &str,
    look: Option<&SharedHttpConnector>,
) -> Result<Option<VersionView>, Failure> {
    let result = reach.ssm.get_document().name(name).version_name(version).send().await;
    let document = match reach.settle("GetDocument", Effect::Read, result) {
        Ok(document) => document,
        Err(failure) if failure.class == Class::NotFound => return Ok(None),
        Err(failure) => return Err(failure),
    };
    let content = document.content().unwrap_or_default();
    let mut manifest = manifest::parse(content);
    if let (Some(manifest), Some(connector)) = (&mut manifest, look) {
        manifest.update_script = update_scripts(connector, &document, manifest).await;
    }
    Ok(Some(VersionView {
        status: document.status().map_or("", DocumentStatus::as_str).to_owned(),
        hash: (!content.is_empty()).then(|| manifest::hash(content)),
        manifest,
        amiss: amiss(&document, content),
    }))
}

/// Files of the manifest that no node could take. Attachments are listed once the version is Active.
fn amiss(document: &GetDocumentOutput, content: &str) -> Vec<String> {
    if document.status() != Some(&DocumentStatus::Active) {
        return Vec::new();
    }
    let attached: BTreeMap<&str, &str> = document
        .attachments_content()
        .iter()
        .filter_map(|file| Some((file.name()?, file.hash().unwrap_or_default())))
        .collect();
    let fits = |name: &str, expected: &str| {
        attached.get(name).is_some_and(|hash| hash.is_empty() || hash.eq_ignore_ascii_case(expected))
    };
    manifest::checksums(content)
        .into_iter()
        .filter(|(name, sum)| !fits(name, sum))
        .map(|(name, _)| name)
        .collect()
}

async fn update_scripts(
    connector: &SharedHttpConnector,
    document: &GetDocumentOutput,
    manifest: &Manifest,
) -> BTreeMap<String, bool> {
    let mut known = BTreeMap::new();
    for attachment in document.attachments_content() {
        let (Some(file), Some(url)) = (attachment.name(), attachment.url()) else { continue };
        if let Some(scripts) = files::update_scripts(connector, url).await {
            known.insert(file.to_owned(), manifest::has_update_script(manifest, file, scripts));
        }
    }
    known
}

/// Proves that the command documents are there and take the parameters that we send.
pub(crate) async fn check(reach: &Reach, names: &[&str]) -> Result<(), Failure> {
    for name in names {
        check_one(reach, name).await?;
    }
    Ok(())
}

async fn check_one(reach: &Reach, name: &str) -> Result<(), Failure> {
    const OPERATION: &str = "DescribeDocument";
    let result = reach.ssm.describe_document().name(name).document_version("$DEFAULT").send().await;
    let answer = reach.settle(OPERATION, Effect::Read, result)?;
    let parameters = answer.document().map(DocumentDescription::parameters).unwrap_or_default();
    let has = |wanted: &&str| parameters.iter().any(|parameter| parameter.name() == Some(*wanted));
    let missing: Vec<&str> = parameters_of(name).iter().copied().filter(|wanted| !has(wanted)).collect();
    if missing.is_empty() {
        return Ok(());
    }
    Err(Failure {
        class: Class::Invalid,
        operation: OPERATION.to_owned(),
        message: format!("the default version of document {name} does not take: {}", missing.join(", ")),
        code: String::new(),
    })
}

fn parameters_of(document: &str) -> &'static [&'static str] {
    match document {
        "AWS-ConfigureAWSPackage" => {
            &["action", "installationType", "name", "version", "additionalArguments"]
        }
        "AWS-RunShellScript" | "AWS-RunPowerShellScript" => &["commands"],
        _ => &[],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wavetrain_model::id::Region;

    fn site(account: &str, region: &str) -> Site {
        Site {
            account: AccountId::from(account),
            region: Region::from(region),
            role: None,
            external_id: None,
        }
    }

    #[test]
    fn the_owner_says_the_bare_name_and_everyone_else_the_arn() {
        let owner = AccountId::from("111111111111");
        assert_eq!(name_at(&site("111111111111", "eu-west-1"), "agent", &owner), "agent");
        assert_eq!(
            name_at(&site("222222222222", "eu-west-1"), "agent", &owner),
            "arn:aws:ssm:eu-west-1:111111111111:document/agent"
        );
        assert_eq!(
            name_at(&site("222222222222", "us-gov-west-1"), "agent", &owner),
            "arn:aws-us-gov:ssm:us-gov-west-1:111111111111:document/agent"
        );
        assert_eq!(
            name_at(&site("222222222222", "cn-north-1"), "agent", &owner),
            "arn:aws-cn:ssm:cn-north-1:111111111111:document/agent"
        );
    }
}
