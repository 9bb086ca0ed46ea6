//! Where the files of a published version come from, and how they get into the document.

use crate::api::ApiError;
use crate::api::ssm::AttachmentsSource;
use crate::content::Content;
use crate::fault::Call;
use crate::package::manifest::Manifest;
use crate::package::{Attachment, Version};
use crate::world::World;
use crate::world_file::WorldFile;

use super::publish::{Copying, given};

/// Most bytes of one file.
const MAX_FILE_BYTES: u64 = 1 << 30;
/// Most bytes of all files of a version.
const MAX_TOTAL_BYTES: u64 = 20 << 30;

/// One source of files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Source {
    /// A folder that holds every file of the manifest.
    Folder { bucket: String, prefix: String },
    /// One object.
    Object { name: String, bucket: String, key: String },
    /// A file of a version published earlier.
    Reference { name: String, document: String, number: String, file: String },
}

impl World {
    /// Copies the files of a version; the error is the document's status information.
    pub(super) fn copy_sources(
        &mut self,
        account: &str,
        region: &str,
        copying: &Copying,
        version: &Version,
    ) -> Result<Vec<Attachment>, String> {
        let said = WorldFile::published_as(&self.published, &copying.name, &version.name);
        let mut files = Vec::new();
        for source in &copying.sources {
            let wanted: Vec<(String, Source)> = match source {
                Source::Folder { bucket, prefix } => {
                    let names = version.files_listed().into_iter();
                    let object = |name: String| {
                        let key = if prefix.is_empty() { name.clone() } else { format!("{prefix}/{name}") };
                        (name.clone(), Source::Object { name, bucket: bucket.clone(), key })
                    };
                    names.map(object).collect()
                }
                Source::Object { name, .. } | Source::Reference { name, .. } => {
                    vec![(name.clone(), source.clone())]
                }
            };
            for (name, source) in wanted {
                let file = match source {
                    Source::Object { bucket, key, .. } => {
                        let content = self.copied(account, region, &name, &bucket, &key)?;
                        Attachment::stored(name, content, said.as_ref())
                    }
                    Source::Reference { document, number, file, .. } => {
                        let found = self.referred(account, region, (&document, &number, &file))?;
                        Attachment { name, ..found }
                    }
                    Source::Folder { .. } => continue,
                };
                if file.size > MAX_FILE_BYTES {
                    return Err(format!("The attachment {} is larger than 1 GB.", file.name));
                }
                files.push(file);
            }
        }
        if files.iter().map(|file| file.size).sum::<u64>() > MAX_TOTAL_BYTES {
            return Err("The attachments together are larger than 20 GB.".to_owned());
        }
        Ok(files)
    }

    /// Reads an object for the caller who published. Faults of `GetObject` meet this read too.
    fn copied(
        &mut self,
        account: &str,
        region: &str,
        name: &str,
        bucket: &str,
        key: &str,
    ) -> Result<Content, String> {
        let failed = |error: &ApiError| {
            let text = error.message.as_deref().unwrap_or_default();
            format!(
                "The attachment {name} could not be read from s3://{bucket}/{key}: {}: {text}",
                error.code
            )
        };
        let call = Call { account, region, operation: "GetObject", at: self.now };
        let judgement = self.faults.judge(&call);
        if let Some(refusal) = judgement.refusal {
            return Err(failed(&refusal));
        }
        let object = self.s3.readable(account, bucket, key).map_err(|error| failed(&error))?;
        Ok(object.content.clone())
    }

    fn referred(
        &self,
        account: &str,
        region: &str,
        (document, number, file): (&str, &str, &str),
    ) -> Result<Attachment, String> {
        let missing = || format!("The attachment {document}/{number}/{file} does not exist.");
        let package = self.catalogue.find(account, region, document).map_err(|_| missing())?;
        let version = package.version(account, region, Some(number), None).map_err(|_| missing())?;
        version.files.iter().find(|attachment| attachment.name == file).cloned().ok_or_else(missing)
    }
}

/// Reads the sources of a call.
pub(super) fn sources(
    manifest: &Manifest,
    attachments: Option<&[AttachmentsSource]>,
) -> Result<Vec<Source>, ApiError> {
    let sources: Vec<Source> = given(attachments)?.iter().map(source).collect::<Result<_, _>>()?;
    let folders = sources.iter().filter(|source| matches!(source, Source::Folder { .. })).count();
    if folders > 0 && sources.len() > 1 {
        return Err(wrong("SourceUrl names one folder for all files and cannot be combined."));
    }
    for source in &sources {
        let (Source::Object { name, .. } | Source::Reference { name, .. }) = source else { continue };
        if !manifest.checksums.contains_key(name) {
            return Err(wrong(&format!("The attachment {name} is not among the files of the manifest.")));
        }
    }
    let named = |file: &&String| {
        sources.iter().any(|source| match source {
            Source::Folder { .. } => true,
            Source::Object { name, .. } | Source::Reference { name, .. } => name == *file,
        })
    };
    match manifest.checksums.keys().find(|file| !named(file)) {
        Some(file) => Err(wrong(&format!("The file {file} of the manifest is not attached."))),
        None => Ok(sources),
    }
}

fn source(source: &AttachmentsSource) -> Result<Source, ApiError> {
    let value = source.values.first().map(String::as_str).unwrap_or_default();
    let place =
        || object_of(value).ok_or_else(|| wrong(&format!("{value} is not the address of an object.")));
    let name = |file: &str| source.name.clone().unwrap_or_else(|| file.to_owned());
    match source.key.as_deref() {
        Some("SourceUrl") => {
            let (bucket, prefix) = place()?;
            Ok(Source::Folder { bucket, prefix: prefix.trim_end_matches('/').to_owned() })
        }
        Some("S3FileUrl") => {
            let (bucket, key) = place()?;
            let file = key.rsplit('/').next().unwrap_or_default();
            Ok(Source::Object { name: name(file), bucket, key })
        }
        _ => {
            // The document's name may be an ARN, which has slashes of its own.
            let mut parts = value.rsplitn(3, '/');
            let (file, number, document) = (parts.next(), parts.next(), parts.next());
            let (Some(file), Some(number), Some(document)) = (file, number, document) else {
                return Err(wrong(&format!("{value} is not the name of an attachment.")));
            };
            Ok(Source::Reference {
                name: name(file),
                document: document.to_owned(),
                number: number.to_owned(),
                file: file.to_owned(),
            })
        }
    }
}

/// Bucket and key of an address: `s3://bucket/key`, `https://s3.region.amazonaws.com/bucket/key`, or
/// `https://bucket.s3.region.amazonaws.com/key`. Any host that is not S3's own is taken for an endpoint with the
/// bucket in the path, as simulated ones have it.
fn object_of(address: &str) -> Option<(String, String)> {
    let whole = |rest: &str| {
        let (bucket, key) = rest.split_once('/').unwrap_or((rest, ""));
        (!bucket.is_empty()).then(|| (bucket.to_owned(), key.to_owned()))
    };
    if let Some(rest) = address.strip_prefix("s3://") {
        return whole(rest);
    }
    let rest = address.strip_prefix("https://").or_else(|| address.strip_prefix("http://"))?;
    let (host, path) = rest.split_once('/')?;
    match host.split_once(".s3.").or_else(|| host.split_once(".s3-")) {
        Some((bucket, _)) => Some((bucket.to_owned(), path.to_owned())),
        None => whole(path),
    }
}

fn wrong(message: &str) -> ApiError {
    ApiError::client("InvalidParameterValueException", message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objects_are_found_in_every_form_of_address() {
        let wanted = Some(("bucket".to_owned(), "a/b.zip".to_owned()));
        for address in [
            "s3://bucket/a/b.zip",
            "https://s3.eu-west-1.amazonaws.com/bucket/a/b.zip",
            "https://bucket.s3.eu-west-1.amazonaws.com/a/b.zip",
            "https://bucket.s3-eu-west-1.amazonaws.com/a/b.zip",
            "http://127.0.0.1:4711/bucket/a/b.zip",
        ] {
            assert_eq!(object_of(address), wanted, "{address}");
        }
        for broken in ["", "bucket/a", "s3://", "ftp://bucket/a"] {
            assert_eq!(object_of(broken), None, "{broken}");
        }
    }

    #[test]
    fn a_reference_may_name_a_document_by_its_arn() {
        let given = AttachmentsSource {
            key: Some("AttachmentReference".into()),
            values: vec!["arn:aws:ssm:eu-west-1:111122223333:document/tool/3/a.zip".into()],
            name: None,
        };
        let Ok(Source::Reference { document, number, file, .. }) = source(&given) else { panic!("refused") };
        assert_eq!(document, "arn:aws:ssm:eu-west-1:111122223333:document/tool");
        assert_eq!((&*number, &*file), ("3", "a.zip"));
    }
}
