//! Files for the tests of plan files that name others.

#![allow(clippy::unwrap_used, clippy::disallowed_methods)] // a test reads files and may panic

use std::path::{Path, PathBuf};
use wavetrain_model::guardrail::Offset;
use wavetrain_model::time::Timestamp;
use wavetrain_spec::{Outcome, Outside, RecipeOutcome, Source, read_recipe, read_with};

/// A folder, and one time zone.
pub struct Folder(pub PathBuf);

impl Outside for Folder {
    fn file(&self, path: &str) -> Result<Source, String> {
        let bytes = std::fs::read(self.0.join(path)).map_err(|_| "there is no such file".to_owned())?;
        Ok(Source { path: path.to_owned(), bytes })
    }

    fn zone(&self, name: &str) -> Option<Vec<Offset>> {
        (name == "Europe/Berlin").then(|| vec![Offset { from: Timestamp(0), seconds: 3600 }])
    }
}

/// The repository.
#[allow(dead_code)] // not every test needs it
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The plan file of a folder, held against its `enforced.yaml` if there is one; or its package file, without what it says.
#[allow(dead_code)]
pub fn case(folder: &Path) -> Outcome {
    if let Ok(bytes) = std::fs::read(folder.join("package.yaml")) {
        let RecipeOutcome { recipe, report } = read_recipe("package.yaml", &bytes);
        assert_eq!(recipe.is_none(), report.has_errors(), "{}", folder.display());
        return Outcome { rollout: None, guardrails: Vec::new(), report, others: Vec::new() };
    }
    let enforced = std::fs::read(folder.join("enforced.yaml")).ok();
    let enforced = enforced.map(|bytes| Source { path: "enforced.yaml".to_owned(), bytes });
    let bytes = std::fs::read(folder.join("plan.yaml")).unwrap();
    read_with("plan.yaml", &bytes, enforced.as_slice(), &Folder(folder.to_owned()))
}
