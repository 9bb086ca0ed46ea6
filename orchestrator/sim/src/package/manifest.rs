//! The manifest of a published package: the document's content, read as the agent and the service read it.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::agent::platform::Platforms;
use crate::api::ApiError;

/// Most bytes a document's content may have.
pub const MAX_BYTES: usize = 64 * 1024;
/// Most files that can be attached to one version.
pub const MAX_FILES: usize = 20;

/// What matters of a manifest.
#[derive(Debug, Clone, PartialEq)]
pub struct Manifest {
    /// `version`: the name under which the agent keeps what it installs.
    pub version: String,
    /// `packages`, down to the file names.
    pub platforms: Platforms,
    /// `files`: checksums by algorithm, of each file.
    pub checksums: BTreeMap<String, BTreeMap<String, String>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Written {
    schema_version: Option<String>,
    #[serde(default)]
    version: String,
    #[serde(default)]
    packages: BTreeMap<String, BTreeMap<String, BTreeMap<String, Leaf>>>,
    #[serde(default)]
    files: BTreeMap<String, File>,
}

#[derive(Deserialize)]
struct Leaf {
    file: String,
}

#[derive(Deserialize)]
struct File {
    #[serde(default)]
    checksums: BTreeMap<String, String>,
}

impl Manifest {
    /// Reads a document's content and refuses what the service refuses.
    pub fn read(content: &str) -> Result<Self, ApiError> {
        if content.len() > MAX_BYTES {
            return Err(ApiError::max_document_size_exceeded("The size limit of a document is 64 KB."));
        }
        let wrong = |text: String| ApiError::invalid_document_content(text);
        let written: Written = serde_json::from_str(content)
            .map_err(|error| wrong(format!("The manifest is not the JSON of a package: {error}")))?;
        match written.schema_version.as_deref() {
            Some("2.0") => {}
            Some(other) => {
                let message = format!("The schema version {other} is not supported for a package: use 2.0.");
                return Err(ApiError::invalid_document_schema_version(message));
            }
            None => {
                return Err(ApiError::invalid_document_schema_version("The manifest has no schemaVersion."));
            }
        }
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte);
        if !(1..=128).contains(&written.version.len()) || !written.version.bytes().all(plain) {
            return Err(wrong("The manifest's version must be 1 to 128 letters, digits and _-. ".into()));
        }
        if written.packages.is_empty() || written.files.is_empty() {
            return Err(wrong("The manifest needs packages and files.".into()));
        }
        if written.files.len() > MAX_FILES {
            return Err(wrong(format!("The manifest lists more than {MAX_FILES} files.")));
        }
        let leaves = written.packages.values().flat_map(BTreeMap::values).flat_map(BTreeMap::values);
        if let Some(leaf) = leaves.clone().find(|leaf| !written.files.contains_key(&leaf.file)) {
            return Err(wrong(format!("The file {} is not among the manifest's files.", leaf.file)));
        }
        let platforms = written.packages.into_iter().map(|(platform, versions)| {
            let versions = versions.into_iter().map(|(version, architectures)| {
                let files = architectures.into_iter().map(|(architecture, leaf)| (architecture, leaf.file));
                (version, files.collect())
            });
            (platform, versions.collect())
        });
        Ok(Self {
            version: written.version,
            platforms: platforms.collect(),
            checksums: written.files.into_iter().map(|(name, file)| (name, file.checksums)).collect(),
        })
    }

    /// Whether a downloaded file passes the agent's check: the error is what the agent says.
    ///
    /// No checksum at all is no check. Only `sha256` and `md5` can be verified; of a file with others alone nothing
    /// can be believed.
    pub fn verify(&self, file: &str, sha256: &str, md5: &str) -> Result<(), &'static str> {
        let Some(checksums) = self.checksums.get(file) else { return Ok(()) };
        if checksums.values().all(String::is_empty) {
            return Ok(());
        }
        let differs = |algorithm: &str, found: &str| {
            checksums.get(algorithm).filter(|wanted| !wanted.is_empty()).map(|wanted| wanted != found)
        };
        match (differs("sha256", sha256), differs("md5", md5)) {
            (None, None) => Err("no supported algorithm is provided"),
            (Some(true), _) | (_, Some(true)) => Err("failed to verify hash of downloadinput"),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = r#"{
        "schemaVersion": "2.0", "version": "1.0.0",
        "packages": { "amazon": { "_any": { "x86_64": { "file": "a.zip" } } } },
        "files": { "a.zip": { "checksums": { "sha256": "aa" } } }
    }"#;

    #[test]
    fn a_manifest_is_read_down_to_its_files() {
        let manifest = Manifest::read(GOOD).expect("a manifest");
        assert_eq!(manifest.version, "1.0.0");
        assert_eq!(manifest.platforms["amazon"]["_any"]["x86_64"], "a.zip");
        assert_eq!(manifest.verify("a.zip", "aa", ""), Ok(()));
        assert_eq!(manifest.verify("a.zip", "bb", ""), Err("failed to verify hash of downloadinput"));
    }

    #[test]
    fn no_checksum_is_no_check_and_an_unknown_one_fails() {
        let none = Manifest::read(&GOOD.replace(r#""sha256": "aa""#, "")).expect("a manifest");
        assert_eq!(none.verify("a.zip", "bb", ""), Ok(()));
        let unknown = Manifest::read(&GOOD.replace("sha256", "sha512")).expect("a manifest");
        assert!(unknown.verify("a.zip", "aa", "").is_err());
    }

    #[test]
    fn what_is_no_package_is_refused_by_its_own_code() {
        let code = |content: &str| Manifest::read(content).expect_err("refused").code;
        assert_eq!(code("{"), "InvalidDocumentContent");
        assert_eq!(code(r#"{"schemaVersion":"2.0"}"#), "InvalidDocumentContent");
        assert_eq!(code(&GOOD.replace("2.0", "1.2")), "InvalidDocumentSchemaVersion");
        assert_eq!(code(&GOOD.replace(r#""file": "a.zip""#, r#""file": "b.zip""#)), "InvalidDocumentContent");
        let long = format!("{GOOD}{}", " ".repeat(MAX_BYTES));
        assert_eq!(code(&long), "MaxDocumentSizeExceeded");
    }
}
