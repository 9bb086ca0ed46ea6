//! What the demo says at the end: a table of versions from the world's own record, and the checks.

use super::act::Played;
use super::checks::touched;
use super::truth::Node;
use crate::console::{Paint, Tone};
use crate::print::status::{bad_verdicts, tally, waves};
use crate::print::table::{Columns, counted, grouped};
use crate::print::words;
use crate::scripts::Offer;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fmt::Write;
use wavetrain_driver::progress::phase_word;
use wavetrain_model::time::Seconds;

/// Nodes by platform and version, before and after.
type Counts = BTreeMap<(String, String), (u64, u64)>;

/// One act for people.
pub fn text(played: &Played, paint: Paint) -> String {
    let (plan, state) = (&played.finished.plan, &played.finished.state);
    let mut text =
        format!("\n{}\n\n", paint.tone(words::phase_tone(&state.phase), words::phase_sentence(&state.phase)));
    text.push_str(&waves(plan, state).text(2));
    let _ = writeln!(text, "\n  nodes: {}", words::tally(&state.tally));
    if let Some(rollback) = &state.rollback {
        let _ = writeln!(text, "  rolled back because {}", rollback.cause);
    }
    for sentence in bad_verdicts(plan, state) {
        let _ = writeln!(text, "  {sentence}");
    }
    text.push_str("\n  what is really on the nodes, from the simulated AWS's own record:\n\n");
    let mut columns = Columns::new(&["platform", "version", "before#", "after#"]);
    for ((platform, version), (before, after)) in counts(&played.before, &played.after) {
        columns.row([platform, version, grouped(before), grouped(after)]);
    }
    text.push_str(&columns.text(2));
    text.push('\n');
    for check in &played.checks {
        let (mark, tone) = if check.holds { ("✓ holds ", Tone::Good) } else { ("✗ BROKEN", Tone::Bad) };
        let _ = writeln!(text, "  {}  {}", paint.tone(tone, mark), check.found);
    }
    if let Offer::Modelled(reason) = &played.scripts {
        let _ = writeln!(text, "\n  all scripts were modelled: this machine has no sandbox ({reason})");
    }
    let _ = writeln!(
        text,
        "\n  {} of simulated time in {:.1} s, {} calls through the AWS SDK",
        words::short(Seconds(u32::try_from(played.world_seconds).unwrap_or(u32::MAX))),
        played.real_seconds,
        grouped(played.calls)
    );
    text
}

/// The last lines.
pub fn end(played: &[Played], seconds: f64, paint: Paint) -> String {
    let checks = played.iter().map(|act| act.checks.len()).sum::<usize>() as u64;
    let broken = played.iter().flat_map(|act| &act.checks).filter(|check| !check.holds).count() as u64;
    if broken == 0 {
        let said = format!("all {checks} checks hold");
        format!(
            "\n{} ({seconds:.1} s). To look around yourself: wavetrain sim init my-fleet\n",
            paint.tone(Tone::Good, &said)
        )
    } else {
        let said = format!("{} of {checks} BROKEN", counted(broken, "check"));
        format!("\n{} ({seconds:.1} s)\n", paint.tone(Tone::Bad, &said))
    }
}

/// Everything for scripts.
pub fn document(played: &[Played], nodes: u32, seconds: f64) -> Value {
    json!({
        "version": crate::print::JSON_VERSION,
        "passed": played.iter().all(Played::passed),
        "nodes_asked_for": nodes,
        "seconds": seconds,
        "acts": played.iter().map(act).collect::<Vec<_>>(),
    })
}

fn act(played: &Played) -> Value {
    let (plan, state) = (&played.finished.plan, &played.finished.state);
    json!({
        "scenario": played.act.name,
        "package_version": played.act.version,
        "phase": phase_word(state),
        "nodes": played.after.len(),
        "planned": plan.nodes.len(),
        "touched": touched(&played.finished).count(),
        "outcomes": tally(&state.tally),
        "waves": plan.wave_indices().map(|wave| json!({
            "name": plan.wave_name(wave),
            "phase": words::wave_phase(&state.wave(wave).phase),
            "nodes": plan.waves[wave.at()].size,
            "outcomes": tally(&state.wave(wave).tally),
        })).collect::<Vec<_>>(),
        "rollback": state.rollback.as_ref().map(|rollback| json!({
            "cause": rollback.cause,
            "touched": rollback.total,
            "restored": rollback.restored,
            "not_restored": rollback.failed,
        })),
        "versions": counts(&played.before, &played.after).into_iter().map(|((platform, version), (before, after))| json!({
            "platform": platform, "version": version, "before": before, "after": after,
        })).collect::<Vec<_>>(),
        "scripts": played.scripts.word(),
        "checks": played.checks.iter().map(|check| json!({
            "name": check.name, "holds": check.holds, "found": check.found,
        })).collect::<Vec<_>>(),
        "events": played.log.len(),
        "calls": played.calls,
        "simulated_seconds": played.world_seconds,
        "seconds": played.real_seconds,
    })
}

fn counts(before: &[Node], after: &[Node]) -> Counts {
    let mut counts = Counts::new();
    let key =
        |node: &Node| (node.platform.to_owned(), node.version.clone().unwrap_or_else(|| "none".to_owned()));
    for node in before {
        counts.entry(key(node)).or_default().0 += 1;
    }
    for node in after {
        counts.entry(key(node)).or_default().1 += 1;
    }
    counts
}
