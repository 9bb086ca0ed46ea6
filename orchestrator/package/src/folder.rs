//! What a package is made from: a folder with a `package.yaml`; or a folder with a manifest and its zips, as `build` or a
//! person made it.

use crate::archive;
use crate::contents::{Contents, Error as Unreadable};
use crate::manifest::{self, Leaf, Manifest};
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use wavetrain_model::diagnostic::Report;
use wavetrain_model::limit::{MANIFEST_BYTES, PLAN_FILE_BYTES};
use wavetrain_model::recipe::Recipe;

/// Name of the file that says what a package is made of.
pub const RECIPE: &str = "package.yaml";

/// Why a folder is no package.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Neither kind of folder.
    #[error("{} holds neither a {RECIPE} nor a {}", path.display(), manifest::FILE_NAME)]
    Neither {
        /// Which.
        path: PathBuf,
    },
    /// Its `package.yaml` is refused.
    #[error("{} is invalid", .0.path)]
    Refused(Box<Report>),
    /// Its manifest is none.
    #[error("{} is not a manifest: {reason}", path.display())]
    Manifest {
        /// Which.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// Something cannot be read.
    #[error(transparent)]
    Unreadable(#[from] Unreadable),
}

/// A package before it is built, or afterwards.
#[derive(Debug, Clone)]
pub struct Package {
    /// Where it is.
    pub folder: PathBuf,
    /// What it is made of; None if there is only a manifest.
    pub recipe: Option<Recipe>,
    /// Problems of `package.yaml` that do not refuse it, with its text.
    pub report: Report,
    /// The manifest; made from the recipe, it lists zips without digests, because they are not built yet.
    pub manifest: Manifest,
    /// What each zip holds.
    pub zips: BTreeMap<String, Contents>,
}

/// Opens a package folder of either kind.
///
/// # Errors
/// It is none, or cannot be read.
pub fn open(folder: &Path) -> Result<Package, Error> {
    let (recipe, manifest) = (folder.join(RECIPE), folder.join(manifest::FILE_NAME));
    if recipe.exists() {
        return source(folder, &recipe);
    }
    if manifest.exists() {
        return built(folder, &manifest);
    }
    Err(Error::Neither { path: folder.to_owned() })
}

fn source(folder: &Path, path: &Path) -> Result<Package, Error> {
    let bytes = bounded(path, PLAN_FILE_BYTES)?;
    let outcome = wavetrain_spec::read_recipe(&path.display().to_string(), &bytes);
    let Some(recipe) = outcome.recipe else { return Err(Error::Refused(Box::new(outcome.report))) };
    let mut zips = BTreeMap::new();
    for zip in &recipe.zips {
        let folders: Vec<PathBuf> = zip.from.iter().map(|from| folder.join(from)).collect();
        zips.insert(zip.name.clone(), Contents::of_folders(folders.iter().map(PathBuf::as_path))?);
    }
    let manifest = planned(&recipe);
    Ok(Package { folder: folder.to_owned(), recipe: Some(recipe), report: outcome.report, manifest, zips })
}

fn built(folder: &Path, path: &Path) -> Result<Package, Error> {
    let refused = |reason: String| Error::Manifest { path: path.to_owned(), reason };
    // More than the limit is read, so that lint can say by how much.
    let bytes = bounded(path, 16 * MANIFEST_BYTES)?;
    let text = String::from_utf8(bytes).map_err(|_| refused("it is not UTF-8 text".to_owned()))?;
    let manifest = Manifest::parse(&text).map_err(|error| refused(error.to_string()))?;
    let mut zips = BTreeMap::new();
    for name in manifest.files.keys().filter(|name| is_file_name(name)) {
        let zip = folder.join(name);
        if zip.is_file() {
            zips.insert(name.clone(), archive::contents(&zip)?);
        }
    }
    let report = Report { path: path.display().to_string(), text: Some(text), diagnostics: Vec::new() };
    Ok(Package { folder: folder.to_owned(), recipe: None, report, manifest, zips })
}

/// Whether a name stays in its folder: manifests that other people made may say anything.
pub(crate) fn is_file_name(name: &str) -> bool {
    !name.is_empty() && name != "." && name != ".." && !name.contains(['/', '\\', '\0'])
}

/// The manifest of a package that is not built: everything but sizes and digests.
fn planned(recipe: &Recipe) -> Manifest {
    let mut packages: BTreeMap<String, BTreeMap<String, BTreeMap<String, Leaf>>> = BTreeMap::new();
    for zip in &recipe.zips {
        for serves in &zip.serves {
            let versions = packages.entry(serves.platform.clone()).or_default();
            let architectures = versions.entry(serves.version.clone()).or_default();
            architectures.insert(serves.architecture.clone(), Leaf { file: zip.name.clone() });
        }
    }
    let unbuilt = manifest::Listed { checksums: BTreeMap::new(), size: None };
    Manifest {
        schema_version: manifest::SCHEMA.to_owned(),
        publisher: recipe.publisher.clone(),
        description: recipe.description.clone(),
        version: recipe.version.clone(),
        packages,
        files: recipe.zips.iter().map(|zip| (zip.name.clone(), unbuilt.clone())).collect(),
    }
}

/// At most one byte more than `limit`, of regular files only: opening a pipe would wait for somebody to write.
fn bounded(path: &Path, limit: usize) -> Result<Vec<u8>, Unreadable> {
    let unreadable = |source: io::Error| Unreadable::Unreadable { path: path.to_owned(), source };
    if !fs::metadata(path).map_err(unreadable)?.is_file() {
        return Err(Unreadable::Special { path: path.to_owned() });
    }
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|file| file.take(limit as u64 + 1).read_to_end(&mut bytes))
        .map_err(unreadable)?;
    Ok(bytes)
}
