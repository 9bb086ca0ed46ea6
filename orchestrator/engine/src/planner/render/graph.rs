//! The wave graph for Graphviz and Mermaid.

use super::super::refusal::plural;
use super::summary::{Summary, WaveSummary};
use std::fmt::Write;
use wavetrain_model::plan::Plan;
use wavetrain_model::time::Seconds;

/// Graphviz source.
pub fn dot(plan: &Plan) -> String {
    let mut text = format!("digraph {} {{\n  rankdir=LR;\n  node [shape=box];\n", quoted(&plan.spec.name));
    for (at, wave) in Summary::of(plan).waves.iter().enumerate() {
        let _ = writeln!(text, "  w{at} [label={}];", quoted(&label(wave).join("\n")));
    }
    for (from, to) in edges(plan) {
        let _ = writeln!(text, "  w{from} -> w{to};");
    }
    text.push_str("}\n");
    text
}

/// Mermaid source.
pub fn mermaid(plan: &Plan) -> String {
    let mut text = "flowchart LR\n".to_owned();
    for (at, wave) in Summary::of(plan).waves.iter().enumerate() {
        // Mermaid has no escape for a quotation mark but its entity.
        let label = label(wave).join("<br/>").replace('"', "#quot;");
        let _ = writeln!(text, "  w{at}[\"{label}\"]");
    }
    for (from, to) in edges(plan) {
        let _ = writeln!(text, "  w{from} --> w{to}");
    }
    text
}

fn edges(plan: &Plan) -> impl Iterator<Item = (usize, usize)> {
    let waves = plan.spec.waves.iter().enumerate();
    waves.flat_map(|(to, wave)| wave.after.iter().map(move |from| (from.at(), to)))
}

fn label(wave: &WaveSummary) -> Vec<String> {
    let scope = if wave.within.is_empty() { String::new() } else { format!(" of {}", wave.within) };
    let mut lines = vec![
        wave.name.clone(),
        format!("{}{scope}", wave.take),
        format!("{}, {} of {}", plural(wave.size as usize, "node"), wave.cumulative, wave.population),
    ];
    if wave.bake_seconds > 0 {
        lines.push(format!("bake {}", Seconds(wave.bake_seconds)));
    }
    if !wave.approval_from.is_empty() {
        lines.push(format!("approval by {}", wave.approval_from.join(", ")));
    }
    lines
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n"))
}
