//! `package test`.

use super::super::context::Context;
use super::open;
use crate::args::Format;
use crate::exit::{Exit, Stop};
use crate::print::{JSON_VERSION, table::counted};
use serde_json::json;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use wavetrain_package::trial::{self, Step, Trial};

/// `wavetrain package test`.
pub fn run(
    context: &Context,
    path: &Path,
    from: Option<&Path>,
    seconds: u32,
    output: Format,
) -> Result<Exit, Stop> {
    let package = open(context, path)?;
    let earlier = from.map(|from| open(context, from)).transpose()?;
    if let Some(reason) = trial::missing() {
        return Err(Stop::new(Exit::Refused, format!("there is no sandbox here, so nothing was run: {reason}"))
            .help("scripts run in user and mount namespaces only (`unshare` of util-linux), never on the machine itself"));
    }
    let name = package.recipe.as_ref().map_or("package", |recipe| recipe.name.as_str());
    let trials = trial::run(name, &package, earlier.as_ref(), pwsh().as_deref(), seconds)
        .map_err(|error| Stop::unexpected(&error))?;
    let failed = trials.iter().flat_map(|trial| &trial.steps).filter(|step| step.problem.is_some()).count();
    let exit = if failed == 0 { Exit::Done } else { Exit::InvalidFile };
    if output == Format::Json {
        context
            .console
            .json(&json!({ "version": JSON_VERSION, "path": path, "passed": failed == 0, "zips": trials }))?;
        return Ok(exit);
    }
    for trial in &trials {
        context.console.data(&text(trial))?;
    }
    if failed > 0 {
        return Err(Stop::new(
            exit,
            format!("{} did not go as they should", counted(failed as u64, "trial")),
        ));
    }
    Ok(exit)
}

/// PowerShell, if this machine has it: by its own path, because its libraries lie beside it.
fn pwsh() -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    let mut all = std::env::split_paths(&path).map(|folder| folder.join("pwsh"));
    all.find(|program| program.is_file()).and_then(|program| program.canonicalize().ok())
}

fn text(trial: &Trial) -> String {
    let mut text = format!("{}\n", trial.zip);
    for Step { name, problem, invocation } in &trial.steps {
        let mark = if problem.is_some() { "failed" } else { "ok    " };
        let ran: Vec<String> = invocation
            .ran
            .iter()
            .map(|ran| {
                let whose = if ran.scripts_of == ran.folder {
                    String::new()
                } else {
                    format!(" of {} in the folder of {}", ran.scripts_of, ran.folder)
                };
                format!("{}{whose} ({})", ran.action, ran.exit_code)
            })
            .collect();
        let ran = if ran.is_empty() { "no script".to_owned() } else { ran.join(", ") };
        let _ = writeln!(text, "  {mark} {name}: {ran}");
        if let Some(problem) = problem {
            let _ = writeln!(text, "         {problem}");
            for line in invocation.stdout.lines().chain(invocation.stderr.lines()) {
                let _ = writeln!(text, "         | {line}");
            }
        }
    }
    for reason in &trial.skipped {
        let _ = writeln!(text, "  skipped {reason}");
    }
    for path in &trial.left {
        let _ = writeln!(text, "  left behind {path}");
    }
    text
}
