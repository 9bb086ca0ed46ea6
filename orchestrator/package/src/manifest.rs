//! The manifest of a package version: which machine gets which file, and the digests of the files.
//!
//! Format: manifest schema 2.0 of the AWS Systems Manager User Guide, as the SSM agent reads it.

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use wavetrain_model::id::Digest;
use wavetrain_model::recipe::ANY;

/// The only schema that documents of type Package have.
pub const SCHEMA: &str = "2.0";

/// Name of the manifest beside its zips. Inside of a zip the agent would take it for something else.
pub const FILE_NAME: &str = "manifest.json";

/// A manifest. Its text is the content of the package's document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Manifest {
    /// [`SCHEMA`].
    pub schema_version: String,
    /// Shown in the console.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub publisher: Option<String>,
    /// Shown in the console.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// What the agent stores as the installed version. Must be the document version's VersionName, which is what the
    /// agent is asked for: two VersionNames with one version here cannot be told apart on a node.
    pub version: String,
    /// Platform → its version → architecture → file. Every level may have [`ANY`].
    pub packages: BTreeMap<String, BTreeMap<String, BTreeMap<String, Leaf>>>,
    /// The attached files, by name. No others may be attached, and all of these must be.
    pub files: BTreeMap<String, Listed>,
}

/// What a machine gets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Leaf {
    /// Key of [`Manifest::files`].
    pub file: String,
}

/// One attached file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listed {
    /// Algorithm → lower-case hexadecimal digest. The agent checks `sha256` and `md5`, and nothing if the map is empty.
    pub checksums: BTreeMap<String, String>,
    /// Bytes. The agent does not check them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<u64>,
}

impl Listed {
    /// A file with its SHA-256.
    pub fn new(sha256: &Digest, bytes: u64) -> Self {
        let checksums = BTreeMap::from([("sha256".to_owned(), sha256.as_str().to_owned())]);
        Self { checksums, size: Some(bytes) }
    }

    /// Its SHA-256, if the manifest has one.
    pub fn sha256(&self) -> Option<&str> {
        self.checksums.get("sha256").map(String::as_str).filter(|digest| !digest.is_empty())
    }
}

impl Manifest {
    /// Reads the content of a package's document. Keys that the agent does not know are ignored, as it does.
    ///
    /// # Errors
    /// The text is not a manifest.
    pub fn parse(text: &str) -> Result<Self, serde_json::Error> {
        serde_json::from_str(text)
    }

    /// The text that is published: the same for the same manifest, byte for byte.
    pub fn text(&self) -> String {
        let mut text = serde_json::to_string_pretty(self).expect("maps with text keys are JSON");
        text.push('\n');
        text
    }

    /// The file that the agent chooses for a machine, by its own rules: a more exact key wins, and there is no way back.
    /// Once a platform has a key of its own, what [`ANY`] has beside it is never looked at, on no level.
    pub fn choose(&self, platform: &str, version: &str, architecture: &str) -> Option<&str> {
        let versions = self.packages.get(platform).or_else(|| self.packages.get(ANY))?;
        let architectures = versions
            .get(version)
            .or_else(|| longest_wildcard(versions, version))
            .or_else(|| versions.get(ANY))
            .or_else(|| versions.get("*"))?;
        let leaf = architectures.get(architecture).or_else(|| architectures.get(ANY))?;
        Some(&leaf.file)
    }

    /// One digest for the whole version: of the text and of every attached file, by name, bytes and SHA-256. Two accounts or
    /// Regions have the same version exactly if this is equal.
    pub fn digest(&self) -> Digest {
        let mut whole = self.text();
        for (name, file) in &self.files {
            let size = file.size.map_or_else(String::new, |bytes| bytes.to_string());
            let _ = writeln!(whole, "{name} {size} {}", file.sha256().unwrap_or_default());
        }
        sha256(whole.as_bytes())
    }
}

/// Of the keys such as `9.*` that fit a version, the one with most parts. Nano Server only matches keys that name it.
fn longest_wildcard<'m, T>(versions: &'m BTreeMap<String, T>, version: &str) -> Option<&'m T> {
    let parts: Vec<&str> = version.split('.').collect();
    let fits = |key: &&String| {
        let Some(prefix) = key.strip_suffix(".*") else { return false };
        let wanted: Vec<&str> = prefix.split('.').collect();
        wanted.len() < parts.len() && parts.starts_with(&wanted) && !version.ends_with("nano")
    };
    let key = versions.keys().filter(fits).max_by_key(|key| key.split('.').count())?;
    versions.get(key)
}

/// SHA-256 of bytes in memory.
pub fn sha256(bytes: &[u8]) -> Digest {
    Digest::new(hexadecimal(&Sha256::digest(bytes)))
}

/// Lower-case hexadecimal, as `sha256sum` prints it.
pub(crate) fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn manifest(packages: &str) -> Manifest {
        Manifest::parse(&format!(
            r#"{{"schemaVersion":"2.0","version":"1","packages":{packages},"files":{{}},"unknown":1}}"#
        ))
        .unwrap()
    }

    #[test]
    fn the_most_exact_key_wins_and_there_is_no_way_back() {
        let packages = r#"{
            "amazon": { "2023": { "x86_64": { "file": "exact" } }, "_any": { "arm64": { "file": "arm" } } },
            "redhat": { "9.*": { "_any": { "file": "nine" } }, "9.4.*": { "_any": { "file": "nine-four" } } },
            "_any": { "_any": { "_any": { "file": "all" } } }
        }"#;
        let manifest = manifest(packages);
        let cases = [
            (("amazon", "2023", "x86_64"), Some("exact")),
            (("amazon", "2023", "arm64"), None),
            (("amazon", "2", "arm64"), Some("arm")),
            (("amazon", "2", "x86_64"), None),
            (("redhat", "9.4.1", "x86_64"), Some("nine-four")),
            (("redhat", "9.5", "x86_64"), Some("nine")),
            (("redhat", "9", "x86_64"), None),
            (("redhat", "90.1", "x86_64"), None),
            (("gentoo", "2.15", "386"), Some("all")),
        ];
        for ((platform, version, architecture), expected) in cases {
            let chosen = manifest.choose(platform, version, architecture);
            assert_eq!(chosen, expected, "{platform} {version} {architecture}");
        }
    }

    #[test]
    fn a_text_is_read_back_as_it_was() {
        let mut manifest = manifest(r#"{"amazon":{"_any":{"_any":{"file":"a.zip"}}}}"#);
        manifest.files.insert("a.zip".to_owned(), Listed::new(&sha256(b"a"), 1));
        assert_eq!(Manifest::parse(&manifest.text()).unwrap(), manifest);
        assert_eq!(manifest.text(), Manifest::parse(&manifest.text()).unwrap().text());
    }

    #[test]
    fn another_file_makes_another_digest() {
        let mut manifest = manifest("{}");
        manifest.files.insert("a.zip".to_owned(), Listed::new(&sha256(b"a"), 1));
        let before = manifest.digest();
        manifest.files.insert("a.zip".to_owned(), Listed::new(&sha256(b"b"), 1));
        assert_ne!(manifest.digest(), before);
    }
}
