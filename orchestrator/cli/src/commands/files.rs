//! Plan files: reading them, `validate`, `schema`, `explain code`.

use super::context::Context;
use super::guardrails;
use super::outside::{self, Beside};
use crate::args::{Format, SchemaKind};
use crate::exit::{Exit, Stop};
use crate::print::diagnostics;
use std::fmt::Write as _;
use std::io::Read;
use std::path::{Path, PathBuf};
use wavetrain_engine::guardrail::Known;
use wavetrain_model::diagnostic::Report;
use wavetrain_model::guardrail::{Guardrail, Used};
use wavetrain_model::limit::PLAN_FILE_BYTES;
use wavetrain_model::spec::{Gate, Rollout};
use wavetrain_model::time::Timestamp;
use wavetrain_spec::Kind;

/// A plan file that was read without an error.
#[derive(Debug)]
pub struct Checked {
    /// What it asks for.
    pub rollout: Rollout,
    /// What it is held against.
    pub guardrails: Vec<Guardrail>,
}

/// `wavetrain validate`.
pub async fn validate(
    context: &Context,
    file: &Path,
    enforced: &[PathBuf],
    output: Format,
) -> Result<Exit, Stop> {
    let now = context.now_to_look().await;
    let outcome = read(file, enforced, now)?;
    if output == Format::Json {
        let mut document = diagnostics::document(&outcome);
        let mut exit = Exit::InvalidFile;
        if let Some(rollout) = &outcome.rollout {
            let known = Known::File(rollout);
            let (said, is_denied) = guardrails::document(&outcome.guardrails, known, now);
            document["guardrails"] = said;
            exit = if is_denied { Exit::Denied } else { Exit::Done };
        }
        context.console.json(&document)?;
        return Ok(exit);
    }
    outcome.reports().for_each(|report| show(context, report));
    let Some(rollout) = outcome.rollout else { return Ok(Exit::InvalidFile) };
    let mut said = format!(
        "{} is valid: {} {} in {} waves",
        file.display(),
        rollout.package.name,
        rollout.package.version,
        rollout.waves.len()
    );
    for (what, used) in rollout.packs.iter().map(|used| ("uses", used)).chain(guards(&outcome.guardrails)) {
        let _ = write!(said, "\n  {what} {} (sha256 {})", used.path, used.digest);
    }
    let known = Known::File(&rollout);
    for guardrail in guardrails::later(&outcome.guardrails, known) {
        let _ = write!(
            said,
            "\n  not asked yet: guardrail {}, about accounts that `plan` finds in the organization",
            guardrail.name
        );
    }
    context.console.note(&said);
    guardrails::hold_against(context, &outcome.guardrails, known, now)?;
    Ok(Exit::Done)
}

/// The files of guardrails, each once.
fn guards(guardrails: &[Guardrail]) -> impl Iterator<Item = (&'static str, &Used)> {
    let files = guardrails.chunk_by(|one, other| one.file == other.file);
    files.filter_map(|file| file.first()).map(|first| ("held against", &first.file))
}

/// `wavetrain schema`.
pub fn schema(context: &Context, kind: SchemaKind) -> Result<Exit, Stop> {
    let kind = match kind {
        SchemaKind::Plan => Kind::Plan,
        SchemaKind::Policy => Kind::Policy,
        SchemaKind::Guardrails => Kind::Guardrails,
        SchemaKind::Package => Kind::Package,
    };
    context.console.json(&wavetrain_spec::schema_of(kind))?;
    Ok(Exit::Done)
}

/// `wavetrain explain code`.
pub fn explain_code(context: &Context, code: &str) -> Result<Exit, Stop> {
    let code = code.trim().to_ascii_uppercase();
    match wavetrain_spec::explain(&code).or_else(|| wavetrain_package::lint::explain(&code)) {
        Some(explanation) => {
            context.console.data(&format!("{code}: {explanation}"))?;
            Ok(Exit::Done)
        }
        None => Err(Stop::new(Exit::Usage, format!("no problem of plan files or packages has the code `{code}`"))
            .help("codes look like E0107 or L0301 and are shown by `wavetrain validate` and `wavetrain package lint`")),
    }
}

/// The checked plan file; problems are shown, errors end the command.
pub fn checked(
    context: &Context,
    file: &Path,
    guardrails: &[PathBuf],
    now: Timestamp,
) -> Result<Checked, Stop> {
    let outcome = read(file, guardrails, now)?;
    outcome.reports().for_each(|report| show(context, report));
    let rollout = outcome.rollout.ok_or_else(|| Stop::silent(Exit::InvalidFile))?;
    Ok(Checked { rollout, guardrails: outcome.guardrails })
}

/// The checked gates of a file of gates; problems are shown, errors end the command.
pub fn gates(context: &Context, file: &Path, waves: &[&str]) -> Result<Vec<Gate>, Stop> {
    let bytes = bytes(file, PLAN_FILE_BYTES)?;
    let wavetrain_spec::GatesOutcome { gates, report } =
        wavetrain_spec::read_gates(&file.display().to_string(), &bytes, waves);
    show(context, &report);
    gates.ok_or_else(|| Stop::silent(Exit::InvalidFile))
}

fn show(context: &Context, report: &Report) {
    if report.diagnostics.is_empty() {
        return;
    }
    let plain = wavetrain_spec::render(report);
    context.console.note(&diagnostics::text(report, &plain, context.console));
    context.console.note(&format!("{}: {}", report.path, diagnostics::count(report)));
}

fn read(file: &Path, guardrails: &[PathBuf], now: Timestamp) -> Result<wavetrain_spec::Outcome, Stop> {
    let bytes = bytes(file, PLAN_FILE_BYTES)?;
    let enforced = outside::enforced(guardrails)?;
    let outside = Beside::of(file, now);
    Ok(wavetrain_spec::read_with(&file.display().to_string(), &bytes, &enforced, &outside))
}

/// At most one byte more than `limit`: whoever reads the text can then tell that it is too long, and a file of any
/// size costs no more memory. Opening a pipe would wait for somebody to write, so only regular files are read; what
/// is read must be there for the next run too.
pub fn bytes(file: &Path, limit: usize) -> Result<Vec<u8>, Stop> {
    let unreadable = |error: std::io::Error| {
        Stop::new(Exit::InvalidFile, format!("cannot read {}: {error}", file.display()))
    };
    let kind = std::fs::metadata(file).map_err(unreadable)?.file_type();
    if kind.is_dir() {
        return Err(Stop::new(Exit::InvalidFile, format!("{} is a directory, not a file", file.display())));
    }
    if !kind.is_file() {
        return Err(Stop::new(
            Exit::InvalidFile,
            format!("{} is a pipe or a device, not a file", file.display()),
        )
        .help("write the text to a file and name that"));
    }
    let opened = std::fs::File::open(file).map_err(unreadable)?;
    let mut bytes = Vec::new();
    opened.take(limit as u64 + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_file_and_a_directory_are_invalid_files_and_named() {
        let missing = bytes(Path::new("/nonexistent/plan.yaml"), 10).unwrap_err();
        assert_eq!(missing.exit, Exit::InvalidFile);
        assert!(missing.message.contains("/nonexistent/plan.yaml"));
        assert_eq!(bytes(&std::env::temp_dir(), 10).unwrap_err().exit, Exit::InvalidFile);
    }

    #[test]
    fn a_device_is_not_waited_for() {
        let refused = bytes(Path::new("/dev/zero"), 10).unwrap_err();
        assert!(refused.message.contains("not a file"), "{refused:?}");
    }

    #[test]
    fn a_long_file_is_read_up_to_one_byte_beyond_the_limit() {
        let path = std::env::temp_dir().join(format!("wavetrain-long-{}", std::process::id()));
        std::fs::write(&path, [b'a'; 20]).unwrap();
        let read = bytes(&path, 10);
        std::fs::remove_file(&path).unwrap();
        assert_eq!(read.map(|bytes| bytes.len()), Ok(11));
    }
}
