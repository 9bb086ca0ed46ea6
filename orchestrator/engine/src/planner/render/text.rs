//! Tables for a terminal. Meaning never depends on colour: there is none.

use super::summary::Summary;
use comfy_table::{CellAlignment, ContentArrangement, Table, presets};
use std::fmt::Write;
use wavetrain_model::guardrail::Used;
use wavetrain_model::plan::{Plan, Refusal};
use wavetrain_model::time::Seconds;

/// Sites listed one by one before only their number is told.
const SITES_LISTED: usize = 12;

/// The whole plan, ending in a line break.
pub fn text(plan: &Plan) -> String {
    let summary = Summary::of(plan);
    let package = &plan.spec.package;
    let mut text = format!(
        "{}: {} {} (plan {})\n{} of {} selected nodes take part, in {} of {} sites, as observed {}\n",
        plan.spec.name,
        package.name,
        package.version,
        plan.digest.as_str().get(..12).unwrap_or_default(),
        summary.eligible,
        summary.selected,
        sites_with_nodes(plan),
        plan.sites.len(),
        plan.observed_at,
    );
    for (what, used) in used(plan) {
        let _ = writeln!(text, "{what} {} (sha256 {})", used.path, used.digest);
    }
    section(&mut text, "waves", waves(&summary));
    section(&mut text, "nodes by site", sites(plan, &summary));
    section(&mut text, "nodes by platform", platforms(&summary));
    section(&mut text, "given back on failure", restore(&summary));
    section(&mut text, "left out", excluded(plan, &summary));
    if !summary.notes.is_empty() {
        text.push_str("\nnotes\n");
        for note in &summary.notes {
            let _ = writeln!(text, "  - {note}");
        }
    }
    text
}

/// The files that the plan file is made of, or held against.
fn used(plan: &Plan) -> impl Iterator<Item = (&'static str, &Used)> {
    let packs = plan.spec.packs.iter().map(|used| ("uses", used));
    let guardrails = plan.guardrails.chunk_by(|one, other| one.file == other.file);
    packs.chain(guardrails.filter_map(|file| file.first()).map(|first| ("held against", &first.file)))
}

/// Refusals, one paragraph each.
pub fn refusals(refusals: &[Refusal]) -> String {
    let mut text = String::new();
    for refusal in refusals {
        let _ = writeln!(text, "refused [{}]: {}\n  help: {}", refusal.code, refusal.message, refusal.help);
    }
    text
}

fn sites_with_nodes(plan: &Plan) -> usize {
    plan.strata.chunk_by(|a, b| a.site == b.site).count()
}

/// A table under its title; a table without rows is left out.
fn section(text: &mut String, title: &str, table: Option<Table>) {
    if let Some(table) = table {
        let _ = write!(text, "\n{title}\n");
        for line in table.lines() {
            let _ = writeln!(text, "  {}", line.trim());
        }
    }
}

/// Without borders; `numbers` are the columns aligned right.
fn table<T: Into<String>>(header: impl IntoIterator<Item = T>, numbers: &[usize]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
    table.set_header(header.into_iter().map(Into::into).collect::<Vec<String>>());
    for column in numbers {
        if let Some(column) = table.column_mut(*column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table
}

fn filled(table: Table) -> Option<Table> {
    (table.row_count() > 0).then_some(table)
}

fn waves(summary: &Summary) -> Option<Table> {
    let header =
        ["wave", "after", "takes", "of", "population", "nodes", "cumulative", "batches", "bake", "approval"];
    let mut table = table(header, &[4, 5, 6, 7]);
    for wave in &summary.waves {
        let shown = |text: &str| if text.is_empty() { "-".to_owned() } else { text.to_owned() };
        table.add_row([
            wave.name.clone(),
            shown(&wave.after.join(", ")),
            wave.take.clone(),
            if wave.within.is_empty() { "all".to_owned() } else { wave.within.clone() },
            wave.population.to_string(),
            wave.size.to_string(),
            wave.cumulative.to_string(),
            wave.batches.to_string(),
            Seconds(wave.bake_seconds).to_string(),
            shown(&wave.approval_from.join(", ")),
        ]);
    }
    filled(table)
}

fn sites(plan: &Plan, summary: &Summary) -> Option<Table> {
    let names = summary.waves.iter().map(|wave| wave.name.as_str());
    let columns: Vec<usize> = (1..=summary.waves.len()).collect();
    let mut table = table(std::iter::once("site").chain(names), &columns);
    let mut unlisted = 0;
    for site in plan.strata.chunk_by(|a, b| a.site == b.site).map(|strata| strata[0].site) {
        let name = plan.sites[site.at()].site.to_string();
        if table.row_count() == SITES_LISTED {
            unlisted += 1;
            continue;
        }
        let counts: Vec<String> = summary.waves.iter().map(|wave| count(wave.sites.get(&name))).collect();
        table.add_row(std::iter::once(name).chain(counts));
    }
    if unlisted > 0 {
        table.add_row([format!("and {unlisted} more sites")]);
    }
    filled(table)
}

fn platforms(summary: &Summary) -> Option<Table> {
    let names = summary.waves.iter().map(|wave| wave.name.as_str());
    let columns: Vec<usize> = (1..=summary.waves.len()).collect();
    let mut table = table(std::iter::once("platform").chain(names), &columns);
    let mut kinds: Vec<&String> = summary.waves.iter().flat_map(|wave| wave.platforms.keys()).collect();
    kinds.sort();
    kinds.dedup();
    for kind in kinds {
        let counts: Vec<String> = summary.waves.iter().map(|wave| count(wave.platforms.get(kind))).collect();
        table.add_row(std::iter::once(kind.clone()).chain(counts));
    }
    filled(table)
}

fn count(nodes: Option<&u32>) -> String {
    nodes.copied().unwrap_or(0).to_string()
}

fn restore(summary: &Summary) -> Option<Table> {
    let mut table = table(["version", "known from", "nodes"], &[2]);
    for row in &summary.restore {
        table.add_row([row.version.clone(), row.source.to_owned(), row.nodes.to_string()]);
    }
    filled(table)
}

fn excluded(plan: &Plan, summary: &Summary) -> Option<Table> {
    let mut table = table(["reason", "nodes", "for example"], &[1]);
    for (word, nodes) in &summary.excluded {
        let example = plan.excluded.iter().find(|excluded| excluded.reason.word() == *word);
        let example = example.map(|one| format!("{}: {}", one.id, one.reason.sentence())).unwrap_or_default();
        table.add_row([(*word).to_owned(), nodes.to_string(), example]);
    }
    filled(table)
}
