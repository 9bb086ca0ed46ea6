//! Plan files: reading them, `validate`, `schema`, `explain code`.

use super::context::Context;
use crate::args::Format;
use crate::exit::{Exit, Stop};
use crate::print::diagnostics;
use std::io::Read;
use std::path::Path;
use wavetrain_model::diagnostic::Report;
use wavetrain_model::limit::PLAN_FILE_BYTES;
use wavetrain_model::spec::{Gate, Rollout};

/// `wavetrain validate`.
pub fn validate(context: &Context, file: &Path, output: Format) -> Result<Exit, Stop> {
    let wavetrain_spec::Outcome { rollout, report } = read(file)?;
    if output == Format::Json {
        context.console.json(&diagnostics::document(&report))?;
        return Ok(if rollout.is_some() { Exit::Done } else { Exit::InvalidFile });
    }
    show(context, &report);
    match rollout {
        None => Ok(Exit::InvalidFile),
        Some(rollout) => {
            context.console.note(&format!(
                "{} is valid: {} {} in {} waves",
                file.display(),
                rollout.package.name,
                rollout.package.version,
                rollout.waves.len()
            ));
            Ok(Exit::Done)
        }
    }
}

/// `wavetrain schema`.
pub fn schema(context: &Context) -> Result<Exit, Stop> {
    context.console.json(&wavetrain_spec::schema())?;
    Ok(Exit::Done)
}

/// `wavetrain explain code`.
pub fn explain_code(context: &Context, code: &str) -> Result<Exit, Stop> {
    let code = code.trim().to_ascii_uppercase();
    match wavetrain_spec::explain(&code) {
        Some(explanation) => {
            context.console.data(&format!("{code}: {explanation}"))?;
            Ok(Exit::Done)
        }
        None => Err(Stop::new(Exit::Usage, format!("no problem of plan files has the code `{code}`"))
            .help("codes look like E0107 and are shown by `wavetrain validate`")),
    }
}

/// The checked plan file; problems are shown, errors end the command.
pub fn checked(context: &Context, file: &Path) -> Result<Rollout, Stop> {
    let wavetrain_spec::Outcome { rollout, report } = read(file)?;
    show(context, &report);
    rollout.ok_or_else(|| Stop::silent(Exit::InvalidFile))
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

fn read(file: &Path) -> Result<wavetrain_spec::Outcome, Stop> {
    let bytes = bytes(file, PLAN_FILE_BYTES)?;
    Ok(wavetrain_spec::read(&file.display().to_string(), &bytes))
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
