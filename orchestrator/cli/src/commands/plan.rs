//! `plan` and `explain node`.

use super::context::Context;
use super::find::Unsaid;
use super::{files, guardrails, look, planning};
use crate::args::PlanFormat;
use crate::exit::{Exit, Stop};
use serde_json::Value;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use wavetrain_engine::guardrail::Known;
use wavetrain_engine::planner::{self, render};
use wavetrain_model::plan::Plan;
use wavetrain_ports::Cloud;

/// Largest saved plan that is read: a million nodes fit.
const SAVED_PLAN_BYTES: usize = 1 << 30;

/// `wavetrain plan`.
pub async fn plan(
    context: &Context,
    file: &Path,
    guardrails: &[PathBuf],
    output: PlanFormat,
    detailed: bool,
) -> Result<Exit, Stop> {
    let plan = planned(context, file, guardrails).await?;
    let text = match output {
        PlanFormat::Text => render::text(&plan),
        PlanFormat::Json => {
            serde_json::to_string_pretty(&render::json(&plan)).map_err(|error| Stop::unexpected(&error))?
        }
        PlanFormat::Dot => render::dot(&plan),
        PlanFormat::Mermaid => render::mermaid(&plan),
    };
    context.console.data(&text)?;
    Ok(if detailed && !plan.nodes.is_empty() { Exit::ChangesPending } else { Exit::Done })
}

/// `wavetrain explain node`.
pub async fn explain_node(
    context: &Context,
    id: &str,
    file: Option<&Path>,
    said: Option<&str>,
) -> Result<Exit, Stop> {
    let explained = match file {
        Some(file) if is_saved_plan(file)? => saved_story(file, id)?,
        Some(file) => {
            render::explain_node(&planned(context, file, &[]).await?, id).map(|story| story.to_string())
        }
        None => render::explain_node(&frozen(context, said).await?, id).map(|story| story.to_string()),
    };
    match explained {
        Some(text) => {
            context.console.data(&text)?;
            Ok(Exit::Done)
        }
        None => Err(Stop::new(
            Exit::Refused,
            format!("node {id} is not part of this plan, nor selected by it"),
        )
        .help("nodes are selected by account, Region and tags, and only when Systems Manager manages them")),
    }
}

async fn planned(context: &Context, file: &Path, guardrails: &[PathBuf]) -> Result<Plan, Stop> {
    let time = context.time().await?;
    let files::Checked { rollout, guardrails } = files::checked(context, file, guardrails, time.now())?;
    let store = context.store_to_look_at()?;
    let aws = planning::aws("wavetrain-plan", &time).await?;
    let rollout = planning::resolved(context, rollout, aws.as_ref()).await?;
    guardrails::hold_against(context, &guardrails, Known::File(&rollout), time.now())?;
    let cloud: Arc<dyn Cloud> = aws;
    let plan = planning::plan(context, &rollout, &cloud, store.as_deref(), &time).await?;
    let plan = planner::guarded(plan, guardrails);
    guardrails::hold_against(context, &plan.guardrails, Known::Plan(&plan), time.now())?;
    Ok(plan)
}

async fn frozen(context: &Context, said: Option<&str>) -> Result<Plan, Stop> {
    let Some((store, rollout)) = look::the_rollout(context, said, Unsaid::ActiveOrNewest).await? else {
        return Err(Stop::new(Exit::Refused, format!("there is no rollout in {}", context.place()?))
            .help("give a plan file with --plan"));
    };
    let record = look::load(store.as_ref(), &rollout).await?;
    Ok(std::sync::Arc::unwrap_or_clone(record.plan))
}

/// Whether a file is a plan saved as JSON rather than a plan file: those begin with a brace.
fn is_saved_plan(file: &Path) -> Result<bool, Stop> {
    let start = files::bytes(file, 64)?;
    Ok(start.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'{'))
}

/// What a plan saved with `plan --output json` says about a node: its own words, field by field.
fn saved_story(file: &Path, id: &str) -> Result<Option<String>, Stop> {
    let bytes = files::bytes(file, SAVED_PLAN_BYTES)?;
    let document: Value = serde_json::from_slice(&bytes).map_err(|error| {
        Stop::new(Exit::InvalidFile, format!("{} is not a saved plan: {error}", file.display()))
    })?;
    let rows = |key: &str| document.get(key).and_then(Value::as_array).into_iter().flatten();
    let found =
        rows("nodes").chain(rows("excluded")).find(|row| row.get("id").and_then(Value::as_str) == Some(id));
    let Some(Value::Object(fields)) = found else { return Ok(None) };
    let mut text = format!("{id}\n");
    for (key, value) in fields.iter().filter(|(key, _)| *key != "id") {
        let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let _ = writeln!(text, "  {key}: {value}");
    }
    Ok(Some(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_saved_plan_tells_about_a_node_without_aws() {
        let file = std::env::temp_dir().join(format!("wavetrain-plan-{}.json", uuid::Uuid::now_v7()));
        let plan = render::json(&crate::print::status::tests::plan());
        std::fs::write(&file, plan.to_string()).unwrap();
        assert!(is_saved_plan(&file).unwrap());
        let story = saved_story(&file, "i-1").unwrap().unwrap();
        assert!(story.contains("wave: canary") && story.contains("platform: linux"), "{story}");
        assert_eq!(saved_story(&file, "i-9").unwrap(), None);
        std::fs::remove_file(&file).unwrap();
    }
}
