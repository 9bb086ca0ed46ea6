//! L04: names and quotas.

use super::code;
use super::findings::Findings;
use crate::folder::Package;
use wavetrain_model::limit::{
    ATTACHMENT_BYTES, ATTACHMENTS_PER_VERSION, FILES_PER_VERSION, MANIFEST_BYTES, VERSION_BYTES,
};

/// Bytes that a digest and a size add for each file once it is built.
const BUILT_FILE_BYTES: usize = 150;

pub fn check(package: &Package, version_name: Option<&str>, findings: &mut Findings) {
    let manifest = &package.manifest;
    let version_span = package.recipe.as_ref().map(|recipe| recipe.version_span);
    let mut note = |code, span, message: String, help: &str| {
        findings.package(code, span, message, help, &package.report);
    };
    let is_built = package.recipe.is_none();
    let unbuilt_bytes = if is_built { 0 } else { manifest.files.len() * BUILT_FILE_BYTES };
    let text_bytes = manifest.text().len() + unbuilt_bytes;
    if text_bytes > MANIFEST_BYTES {
        let message =
            format!("the manifest has about {text_bytes} bytes; at most {MANIFEST_BYTES} are possible");
        note(code::MANIFEST_SIZE, None, message, "name fewer versions: `_any` and `9.*` stand for many");
    }
    let mut whole: u64 = 0;
    for (name, contents) in &package.zips {
        let bytes: u64 = contents.0.values().map(|entry| entry.bytes).sum();
        let packed = package.folder.join(name).metadata().map_or(0, |about| about.len());
        let size = if is_built { packed } else { bytes };
        whole += size;
        let span = super::zip(package, name, contents).span;
        let message = format!("{name} holds {size} bytes; a file has at most {ATTACHMENT_BYTES}");
        let help = "split it over several zips, or let a script fetch what is large";
        match (size > ATTACHMENT_BYTES, is_built) {
            (true, true) => note(code::ZIP_SIZE, span, message, help),
            (true, false) => note(code::CONTENTS_SIZE, span, message, help),
            (false, _) => {}
        }
    }
    if whole > VERSION_BYTES {
        let message = format!("the version holds {whole} bytes; at most {VERSION_BYTES} are possible");
        note(code::ZIP_SIZE, None, message, "let a script fetch what is large");
    }
    let files: usize = package.zips.values().map(|contents| contents.0.len()).sum();
    if files > FILES_PER_VERSION {
        let message = format!("the zips hold {files} files; at most {FILES_PER_VERSION} are possible");
        note(code::FILE_COUNT, None, message, "pack them into an archive that the install script unpacks");
    }
    if manifest.files.len() > ATTACHMENTS_PER_VERSION {
        let message = format!(
            "the manifest lists {} files; at most {ATTACHMENTS_PER_VERSION} are possible",
            manifest.files.len()
        );
        note(code::ZIP_COUNT, None, message, "let similar machines share a zip");
    }
    if let Some(name) = version_name.filter(|name| *name != manifest.version) {
        let message =
            format!("the manifest says version {:?}, the VersionName is {name:?}", manifest.version);
        note(code::VERSION_NAME, version_span, message, "make them equal");
    }
    if manifest.version.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'.') {
        let message = format!("{:?} could name a version of a package that AWS publishes", manifest.version);
        let help = format!("call it `{}-1`", manifest.version);
        note(code::PLAIN_VERSION, version_span, message, &help);
    }
}
