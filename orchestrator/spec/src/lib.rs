//! Plan files: YAML text → a checked [`Rollout`], or everything that is wrong with it.
//!
//! [`read`] is a pure function over the bytes of one file, and [`read_with`] over those of the policy packs and guardrails
//! that it names as well. They know nothing of file systems, terminals or AWS: the caller reads the files ([`Outside`]) and
//! shows the [`Report`]s, for instance with [`render`]. Bytes pass five stages, each its own module:
//!
//! 1. `source`: bytes → text (size, encoding, control characters);
//! 2. `tree`: text → a tree of values that know their places (nesting, aliases, duplicate keys);
//! 3. `pack`: the plan's tree and those of its packs → one tree;
//! 4. `file`: tree → the plan file's own structs, declared with `shape`, which also gives the JSON
//!    [`schema`];
//! 5. `check`: those → [`Rollout`], with everything that needs more than one value to be seen.
//!
//! Each stage goes on after a problem as far as it makes sense, so one run reports everything.

mod check;
#[allow(missing_docs)] // a code's documentation is its explanation
mod code;
mod file;
mod home;
mod outside;
mod pack;
mod problem;
mod region;
mod render;
mod scalar;
mod shape;
mod source;
mod text;
mod tree;

pub use code::explain;
pub use outside::{Alone, Outside, Source};
pub use render::render;

use problem::Problems;
use shape::Shape;
use wavetrain_model::diagnostic::Report;
use wavetrain_model::guardrail::{Guardrail, Used};
use wavetrain_model::limit::GUARDRAILS_PER_ROLLOUT;
use wavetrain_model::recipe::Recipe;
use wavetrain_model::spec::{Gate, Rollout};

/// The format that this crate reads.
pub const API_VERSION: &str = "wavetrain/v1";

/// What became of a plan file.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// The rollout; None when a report has errors.
    pub rollout: Option<Rollout>,
    /// What the rollout is held against: the guardrails given from outside, then those that the plan file adds.
    pub guardrails: Vec<Guardrail>,
    /// Errors and warnings, with the text they point into.
    pub report: Report,
    /// The same for every other file that was read, in order.
    pub others: Vec<Report>,
}

impl Outcome {
    /// All reports, that of the plan file first.
    pub fn reports(&self) -> impl Iterator<Item = &Report> {
        std::iter::once(&self.report).chain(&self.others)
    }
}

/// Reads a plan file that needs no others. `path` is only shown. The caller need not read more than one byte beyond
/// [`wavetrain_model::limit::PLAN_FILE_BYTES`]: longer files are refused unseen.
pub fn read(path: &str, bytes: &[u8]) -> Outcome {
    read_with(path, bytes, &[], &Alone)
}

/// Reads a plan file with the policy packs and guardrails that it names, and the files of guardrails that it cannot avoid.
pub fn read_with(path: &str, bytes: &[u8], enforced: &[Source], outside: &dyn Outside) -> Outcome {
    let mut problems = Problems::default();
    let mut texts = Vec::new();
    problems.begin(path);
    let text = source::text(bytes, &mut problems);
    texts.push((path.to_owned(), text.map(str::to_owned)));
    let node = text.and_then(|text| source::document(text, &mut problems));
    let mut guardrails = Vec::new();
    for source in enforced {
        let used = Used { path: source.path.clone(), digest: pack::digest(&source.bytes) };
        let node = pack::parse(source, &mut texts, &mut problems);
        if let Some(node) = node {
            guardrails.extend(guarded(&node, &used, outside, &mut problems));
            few_enough(&guardrails, &node, &mut problems);
        }
        problems.back();
    }
    let rollout = node.and_then(|node| {
        let added = added(&node, outside, &mut texts, &mut problems);
        let files = added.iter().map(|(used, _)| used.clone()).collect();
        guardrails.extend(added.into_iter().flat_map(|(_, guardrails)| guardrails));
        few_enough(&guardrails, &node, &mut problems);
        rollout(node, files, outside, &mut texts, &mut problems)
    });
    let rollout = rollout.filter(|_| !problems.has_errors());
    let mut reports = texts.into_iter().zip(problems.into_diagnostics());
    let mut next = || reports.next().map(|((path, text), diagnostics)| Report { path, text, diagnostics });
    let report =
        next().unwrap_or_else(|| Report { path: path.to_owned(), text: None, diagnostics: Vec::new() });
    let others = std::iter::from_fn(next).collect();
    Outcome { rollout, guardrails, report, others }
}

/// The guardrails that the plan file itself names, by file.
fn added(
    plan: &tree::Node,
    outside: &dyn Outside,
    texts: &mut pack::Texts,
    problems: &mut Problems,
) -> Vec<(Used, Vec<Guardrail>)> {
    let Some(rollout) = plan.get("rollout") else { return Vec::new() };
    let mut added = Vec::new();
    for path in pack::paths(rollout, "guardrails", problems) {
        if let Some((node, used)) = pack::open(&path, outside, texts, problems) {
            let guardrails = guarded(&node, &used, outside, problems);
            added.push((used, guardrails));
            problems.back();
        }
    }
    added
}

/// Says that there are too many, at every file with which they are.
fn few_enough(guardrails: &[Guardrail], node: &tree::Node, problems: &mut Problems) {
    if guardrails.len() > GUARDRAILS_PER_ROLLOUT {
        problems.error(
            code::GUARDRAILS,
            node.span,
            format!("{} guardrails are too many", guardrails.len()),
            format!("name fewer files: at most {GUARDRAILS_PER_ROLLOUT} guardrails hold for one rollout"),
        );
    }
}

fn guarded(node: &tree::Node, used: &Used, outside: &dyn Outside, problems: &mut Problems) -> Vec<Guardrail> {
    let file = file::GuardrailFile::read(node, problems);
    file.map(|file| check::guardrails(file, used, outside, problems)).unwrap_or_default()
}

fn rollout(
    node: tree::Node,
    guardrails: Vec<Used>,
    outside: &dyn Outside,
    texts: &mut pack::Texts,
    problems: &mut Problems,
) -> Option<Rollout> {
    let (node, packs) = pack::merged(node, outside, texts, problems);
    let file = file::PlanFile::read(&node, problems)?;
    let rollout = check::rollout(file, problems)?;
    Some(Rollout { packs, guardrails, ..rollout })
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
        diagnostics: problems.into_diagnostics().swap_remove(0),
    };
    GatesOutcome { gates: gates.filter(|_| !report.has_errors()), report }
}

/// What became of a `package.yaml`.
#[derive(Debug, Clone)]
pub struct RecipeOutcome {
    /// What the package is made of; None when the report has errors.
    pub recipe: Option<Recipe>,
    /// Errors and warnings, with the text they point into.
    pub report: Report,
}

/// Reads a `package.yaml`. Arguments as for [`read`].
pub fn read_recipe(path: &str, bytes: &[u8]) -> RecipeOutcome {
    let mut problems = Problems::of(Kind::Package);
    let text = source::text(bytes, &mut problems);
    let recipe = text.and_then(|text| {
        let node = source::document(text, &mut problems)?;
        check::recipe(file::PackageFile::read(&node, &mut problems)?, &mut problems)
    });
    let report = Report {
        path: path.to_owned(),
        text: text.map(str::to_owned),
        diagnostics: problems.into_diagnostics().swap_remove(0),
    };
    RecipeOutcome { recipe: recipe.filter(|_| !report.has_errors()), report }
}

/// Whether a package of a customer can have this name.
pub fn is_package_name(name: &str) -> bool {
    use scalar::Rule as _;
    text::PackageName::holds(name) && check::reserved_prefix(name).is_none()
}

/// Every code with its explanation, in order.
pub fn codes() -> &'static [(&'static str, &'static str)] {
    code::ALL
}

/// Files that have a JSON Schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Kind {
    /// Plan files.
    #[default]
    Plan,
    /// Policy packs.
    Policy,
    /// Files of guardrails.
    Guardrails,
    /// Files that say what a package is made of.
    Package,
}

/// The JSON Schema of plan files (draft 2020-12), for editors and other programs. It says what single values
/// look like; what needs several values to be seen (the order of waves, say) only [`read`] knows.
pub fn schema() -> serde_json::Value {
    schema_of(Kind::Plan)
}

/// The JSON Schema of a kind of file. A plan that uses packs may leave out `waves`: one of them has to give them.
pub fn schema_of(kind: Kind) -> serde_json::Value {
    let mut generator = schemars::generate::SchemaSettings::draft2020_12().into_generator();
    let (title, root) = match kind {
        Kind::Plan => ("wavetrain plan file", file::PlanFile::schema(&mut generator)),
        Kind::Policy => ("wavetrain policy file", file::PolicyFile::schema(&mut generator)),
        Kind::Guardrails => ("wavetrain guardrail file", file::GuardrailFile::schema(&mut generator)),
        Kind::Package => ("wavetrain package file", file::PackageFile::schema(&mut generator)),
    };
    let mut definitions = generator.take_definitions(true);
    if let Some(rollout) = definitions.get_mut("Rollout").and_then(|rollout| rollout.as_object_mut()) {
        if let Some(required) = rollout.get_mut("required").and_then(|required| required.as_array_mut()) {
            required.retain(|key| key != "waves");
        }
        rollout.insert(
            "anyOf".to_owned(),
            serde_json::json!([{ "required": ["waves"] }, { "required": ["use"] }]),
        );
    }
    serde_json::json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": title,
        "$ref": root.get("$ref"),
        "$defs": definitions,
    })
}
