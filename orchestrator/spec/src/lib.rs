//! Plan files: YAML text → a checked [`Rollout`], or everything that is wrong with it.
//!
//! [`read`] is a pure function over the bytes of one file. It knows nothing of file systems, terminals or
//! AWS: the caller reads the file and shows the [`Report`], for instance with [`render`]. Bytes pass four
//! stages, each its own module:
//!
//! 1. `source`: bytes → text (size, encoding, control characters);
//! 2. `tree`: text → a tree of values that know their places (nesting, aliases, duplicate keys);
//! 3. `file`: tree → the plan file's own structs, declared with `shape`, which also gives the JSON
//!    [`schema`];
//! 4. `check`: those → [`Rollout`], with everything that needs more than one value to be seen.
//!
//! Each stage goes on after a problem as far as it makes sense, so one run reports everything.

mod check;
#[allow(missing_docs)] // a code's documentation is its explanation
mod code;
mod file;
mod home;
mod problem;
mod region;
mod render;
mod scalar;
mod shape;
mod source;
mod text;
mod tree;

pub use code::explain;
pub use render::render;

use problem::Problems;
use shape::Shape;
use wavetrain_model::diagnostic::Report;
use wavetrain_model::spec::{Gate, Rollout};

/// The format that this crate reads.
pub const API_VERSION: &str = "wavetrain/v1";

/// What became of a plan file.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// The rollout; None when the report has errors.
    pub rollout: Option<Rollout>,
    /// Errors and warnings, with the text they point into.
    pub report: Report,
}

/// Reads a plan file. `path` is only shown. The caller need not read more than one byte beyond
/// [`wavetrain_model::limit::PLAN_FILE_BYTES`]: longer files are refused unseen.
pub fn read(path: &str, bytes: &[u8]) -> Outcome {
    let mut problems = Problems::default();
    let text = source::text(bytes, &mut problems);
    let rollout = text.and_then(|text| rollout(text, &mut problems));
    let report = Report {
        path: path.to_owned(),
        text: text.map(str::to_owned),
        diagnostics: problems.into_diagnostics(),
    };
    Outcome { rollout: rollout.filter(|_| !report.has_errors()), report }
}

fn rollout(text: &str, problems: &mut Problems) -> Option<Rollout> {
    let node = source::document(text, problems)?;
    let file = file::PlanFile::read(&node, problems)?;
    check::rollout(file, problems)
}

/// What became of a file of gates.
#[derive(Debug, Clone)]
pub struct GatesOutcome {
    /// The gates; None when the report has errors.
    pub gates: Option<Vec<Gate>>,
    /// Errors and warnings, with the text they point into.
    pub report: Report,
}

/// Reads a file whose only key is `gates`, as in a plan file; `waves` are the names that the gates may use. Arguments as for [`read`].
pub fn read_gates(path: &str, bytes: &[u8], waves: &[&str]) -> GatesOutcome {
    let mut problems = Problems::default();
    let text = source::text(bytes, &mut problems);
    let gates = text.and_then(|text| {
        let node = source::document(text, &mut problems)?;
        let file = file::GatesFile::read(&node, &mut problems)?;
        check::gates(file.gates, waves, &mut problems)
    });
    let report = Report {
        path: path.to_owned(),
        text: text.map(str::to_owned),
        diagnostics: problems.into_diagnostics(),
    };
    GatesOutcome { gates: gates.filter(|_| !report.has_errors()), report }
}

/// Every code with its explanation, in order.
pub fn codes() -> &'static [(&'static str, &'static str)] {
    code::ALL
}

/// The JSON Schema of plan files (draft 2020-12), for editors and other programs. It says what single values
/// look like; what needs several values to be seen (the order of waves, say) only [`read`] knows.
pub fn schema() -> serde_json::Value {
    let mut generator = schemars::generate::SchemaSettings::draft2020_12().into_generator();
    let root = file::PlanFile::schema(&mut generator);
    let definitions = generator.take_definitions(true);
    serde_json::json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "wavetrain plan file",
        "$ref": root.get("$ref"),
        "$defs": definitions,
    })
}
