//! What is said when a rollout's run in this process ends.

use super::event::one_line;
use super::status::{View, bad_verdicts, document, waves};
use super::table::{Columns, counted, grouped};
use super::words;
use crate::console::Paint;
use crate::exit::Exit;
use serde_json::{Value, json};
use std::fmt::Write;
use wavetrain_driver::progress::headline;
use wavetrain_model::id::NodeIndex;
use wavetrain_model::plan::Plan;
use wavetrain_model::state::{Ending, Phase, Restoration, State};

/// Rows of the table of unrestored nodes before the rest is left to `--output json`.
const ROWS_SHOWN: usize = 50;

/// For people.
pub fn text(view: View<'_>, paint: Paint) -> String {
    let View { plan, state, .. } = view;
    let standing = paint.tone(words::phase_tone(&state.phase), &headline(plan, state));
    let mut text = format!("\n{}: {standing}\n\n", plan.spec.name);
    text.push_str(&waves(plan, state).text(2));
    let _ = writeln!(text, "\nnodes: {}", words::tally(&state.tally));
    for sentence in bad_verdicts(plan, state) {
        let _ = writeln!(text, "{sentence}");
    }
    for hold in &state.holds {
        let _ = write!(text, "HELD {}", words::hold_lines(plan, hold, view.now));
    }
    if let Some(rollback) = &state.rollback {
        let _ = writeln!(
            text,
            "rolled back because {}\n{} of {} restored, {} not restored",
            rollback.cause,
            grouped(rollback.restored),
            counted(rollback.total, "touched node"),
            grouped(rollback.failed)
        );
    }
    text.push_str(&exceptions(plan, state));
    for line in left(plan, state) {
        let _ = writeln!(text, "left: {line}");
    }
    if let Some(next) = next_step(plan, state) {
        let _ = writeln!(text, "next: {next}");
    }
    text
}

/// For scripts: the status document with what only matters at the end.
pub fn final_document(view: View<'_>, exit: Exit) -> Value {
    let mut value = document(view);
    if let Some(fields) = value.as_object_mut() {
        fields.insert("exit_code".to_owned(), exit.code().into());
        fields.insert("verdicts".to_owned(), bad_verdicts(view.plan, view.state).into());
        fields.insert("next_step".to_owned(), next_step(view.plan, view.state).into());
        let rows: Vec<Value> = unrestored(view.state)
            .map(|node| {
                json!({
                    "node": view.plan.nodes[node.at()].id,
                    "site": view.plan.sites[view.plan.site_of(node).at()].site.to_string(),
                    "previous": words::before(view.plan, view.state.nodes[node.at()].before),
                    "note": view.state.notes.get(&node),
                })
            })
            .collect();
        fields.insert("not_restored".to_owned(), rows.into());
        fields.insert("left".to_owned(), left(view.plan, view.state).into());
    }
    value
}

/// Nodes that a rollback gave up on.
pub fn unrestored(state: &State) -> impl Iterator<Item = NodeIndex> {
    let failed = state.nodes.iter().enumerate().filter(|(_, node)| node.restoration == Restoration::Failed);
    failed.map(|(at, _)| NodeIndex(at as u32))
}

/// What a rollout that is over could not bring about in State Manager: given up, or left where it was.
pub fn left(plan: &Plan, state: &State) -> Vec<String> {
    let mut lines: Vec<String> = state.errands.exceptions.iter().map(|line| one_line(line)).collect();
    if state.is_over() {
        lines.extend(state.errands.carrying.values().map(|carrying| {
            let site = &plan.sites[carrying.site.at()].site;
            format!(
                "association {} in {site} still installs {}",
                carrying.association, plan.spec.package.version
            )
        }));
    }
    lines
}

fn exceptions(plan: &Plan, state: &State) -> String {
    let mut columns = Columns::new(&["not restored", "site", "platform", "had", "last seen"]);
    for node in unrestored(state).take(ROWS_SHOWN) {
        let note = state.notes.get(&node).map(|note| one_line(note)).unwrap_or_default();
        columns.row([
            plan.nodes[node.at()].id.as_str(),
            &plan.sites[plan.site_of(node).at()].site.to_string(),
            &plan.platform_of(node).to_string(),
            words::before(plan, state.nodes[node.at()].before),
            &note.chars().take(120).collect::<String>(),
        ]);
    }
    let more = unrestored(state).count().saturating_sub(ROWS_SHOWN);
    let mut text = columns.text(2);
    if more > 0 {
        let _ = writeln!(
            text,
            "  and {}; `wavetrain status --output json` has them all",
            counted(more as u64, "more node")
        );
    }
    text
}

/// What to type next, where something is left to do.
pub fn next_step(plan: &Plan, state: &State) -> Option<String> {
    let name = &plan.spec.name;
    match state.phase {
        Phase::Ended(Ending::Completed) => None,
        Phase::Ended(Ending::RolledBack) => Some(format!(
            "{version} is quarantined; find the cause, then choose another version, or `wavetrain quarantine clear {package} {version} --reason …`",
            version = plan.spec.package.version,
            package = plan.spec.package.name,
        )),
        Phase::Ended(Ending::RolledBackWithExceptions) => Some(format!(
            "repair the nodes listed above, then `wavetrain retry {name}` and the same `wavetrain apply` again"
        )),
        Phase::Ended(Ending::Aborted) => Some(
            "nodes are as they are: apply the same plan file again to go on from there, or one with the previous version to go back"
                .to_owned(),
        ),
        Phase::Running | Phase::RollingBack | Phase::Aborting => {
            state.holds.is_empty().then(|| "run the same command again to go on".to_owned())
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::print::status::tests::plan;
    use wavetrain_model::state::State;
    use wavetrain_model::time::Timestamp;

    #[test]
    fn nodes_that_were_not_restored_are_listed_with_what_they_had() {
        let plan = plan();
        let mut state = State::new(&plan);
        state.phase = Phase::Ended(Ending::RolledBackWithExceptions);
        state.nodes[2].restoration = Restoration::Failed;
        state.notes.insert(NodeIndex(2), "uninstall failed\nexit 3".to_owned());
        let view = View { id: "0190", plan: &plan, state: &state, now: Timestamp(0), runner: None };
        let shown = text(view, Paint(false));
        for part in ["i-3", "1.0-1", "uninstall failed exit 3", "wavetrain retry agent-2"] {
            assert!(shown.contains(part), "{part} is missing in\n{shown}");
        }
        let document = final_document(view, Exit::of_phase(&state.phase));
        assert_eq!(document["exit_code"], 10);
        assert_eq!(document["not_restored"][0]["node"], "i-3");
    }
}
