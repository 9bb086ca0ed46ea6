//! Events as lines: what happened, when, in words.

use super::table::counted;
use super::words;
use serde_json::{Value, json};
use wavetrain_model::event::{Entry, Event};
use wavetrain_model::gate::Verdict;
use wavetrain_model::id::{NodeIndex, WaveIndex};
use wavetrain_model::intent::Intent;
use wavetrain_model::outcome::Outcome;
use wavetrain_model::plan::Plan;
use wavetrain_model::state::Step;

/// Ids named in one line before the rest is only counted.
const IDS_NAMED: usize = 3;

/// How much an event matters to somebody who watches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Weight {
    /// About a single command or measurement.
    Detail,
    /// About batches of nodes.
    Work,
    /// About the course of the rollout.
    Course,
}

/// How much it matters.
pub fn weight(event: &Event) -> Weight {
    match event {
        Event::Intended { .. }
        | Event::Sent { .. }
        | Event::Cleared { .. }
        | Event::Settled { .. }
        | Event::Surveyed { .. }
        | Event::Installed { .. }
        | Event::Measured { .. }
        | Event::BakeCredited { .. }
        | Event::Stepped { retry: false, .. } => Weight::Detail,
        Event::Finished { outcome, .. } if outcome.is_at_target() => Weight::Detail,
        Event::Judged { verdict: Verdict::Pass, .. } => Weight::Work,
        Event::Deferred { .. }
        | Event::Uncertain { .. }
        | Event::Requeued { .. }
        | Event::Finished { .. }
        | Event::Stepped { .. }
        | Event::Restored { .. } => Weight::Work,
        _ => Weight::Course,
    }
}

/// Time, who and what on one line.
pub fn line(plan: &Plan, entry: &Entry) -> String {
    let by = if entry.actor == "wavetrain" { String::new() } else { format!(" [{}]", entry.actor) };
    format!("{}{by} {}", entry.at, sentence(plan, &entry.event))
}

/// One JSON document.
pub fn document(plan: &Plan, seq: u64, entry: &Entry) -> Value {
    json!({
        "version": super::JSON_VERSION,
        "seq": seq,
        "at": entry.at.to_string(),
        "actor": entry.actor,
        "event": entry.event.word(),
        "sentence": sentence(plan, &entry.event),
        "data": entry.event,
    })
}

/// What happened.
pub fn sentence(plan: &Plan, event: &Event) -> String {
    wave_sentence(plan, event)
        .or_else(|| command_sentence(plan, event))
        .or_else(|| node_sentence(plan, event))
        .unwrap_or_else(|| course_sentence(plan, event))
}

fn wave_sentence(plan: &Plan, event: &Event) -> Option<String> {
    let name = |wave: &WaveIndex| plan.wave_name(*wave).to_owned();
    Some(match event {
        Event::WaveBlocked { wave } => {
            format!("wave {}: its blockers are measured before it opens", name(wave))
        }
        Event::WaveOpened { wave } => {
            format!("wave {}: opened, {}", name(wave), counted(plan.waves[wave.at()].size, "node"))
        }
        Event::WaveSettled { wave } => {
            let bake = plan.spec.waves[wave.at()].bake;
            format!("wave {}: every node has its outcome, bake of {bake} begins", name(wave))
        }
        Event::BakeCredited { wave, earned_ms, .. } => {
            format!("wave {}: {} s of bake earned", name(wave), earned_ms / 1000)
        }
        Event::WavePassed { wave } => format!("wave {}: passed", name(wave)),
        Event::WaveFailed { wave } => format!("wave {}: failed", name(wave)),
        Event::Approved { wave, by } => format!("wave {}: approved by {by}", name(wave)),
        _ => return None,
    })
}

fn command_sentence(plan: &Plan, event: &Event) -> Option<String> {
    Some(match event {
        Event::Intended { intent } => promised(plan, intent),
        Event::Sent { intent, command, adopted: false } => {
            format!("command {command} accepted (intent {intent})")
        }
        Event::Sent { intent, command, adopted: true } => {
            format!("command {command} found again (intent {intent}); it is not sent twice")
        }
        Event::Deferred { intent, until, reason } => {
            format!("intent {intent} put off until {until}: {reason}")
        }
        Event::Uncertain { intents, reason } => {
            format!(
                "{} may have been sent: looking for them ({reason})",
                counted(intents.len() as u64, "command")
            )
        }
        Event::Cleared { intent } => format!("intent {intent} was never sent; it may be sent now"),
        Event::Settled { intents } => format!("{} settled", counted(intents.len() as u64, "intent")),
        _ => return None,
    })
}

fn promised(plan: &Plan, intent: &Intent) -> String {
    let site = &plan.sites[intent.site.at()].site;
    format!(
        "{} of {} in {site} (intent {})",
        intent.action.word(),
        counted(intent.nodes.len() as u64, "node"),
        intent.id
    )
}

fn node_sentence(plan: &Plan, event: &Event) -> Option<String> {
    Some(match event {
        Event::Surveyed { before, nodes, .. } => {
            format!("{} had {} before", some(plan, nodes), words::before(plan, *before))
        }
        Event::Installed { nodes, .. } => {
            format!("{}: installed, says SSM; the probe has to prove it", some(plan, nodes))
        }
        Event::Requeued { nodes, until, reason, .. } => {
            format!("{}: again after {until}: {reason}", some(plan, nodes))
        }
        Event::Finished { outcome, nodes, note, .. } if note.is_empty() || *outcome == Outcome::Succeeded => {
            format!("{}: {outcome}", some(plan, nodes))
        }
        Event::Finished { outcome, nodes, note, .. } => {
            format!("{}: {outcome}: {}", some(plan, nodes), one_line(note))
        }
        Event::Stepped { step, retry, nodes, note, .. } => {
            let again = if *retry { "tried again, " } else { "" };
            format!("{}: {again}{}{}", some(plan, nodes), step_words(plan, *step), suffix(note))
        }
        Event::Restored { nodes, proof, .. } => format!("{}: restored{}", some(plan, nodes), suffix(proof)),
        Event::NotRestored { nodes, note, .. } => {
            format!("{}: NOT restored{}", some(plan, nodes), suffix(note))
        }
        Event::Retried { nodes } => format!("{}: tried again by order", some(plan, nodes)),
        _ => return None,
    })
}

fn course_sentence(plan: &Plan, event: &Event) -> String {
    match event {
        Event::Started { plan: digest } => {
            format!(
                "started with plan {} over {}",
                short(digest.as_str()),
                counted(plan.nodes.len() as u64, "node")
            )
        }
        Event::Recovered => "taken up again; what was under way is looked for first".to_owned(),
        Event::Ordered { order } => format!("ordered: {order}"),
        Event::Measured { which, scope, verdict, sentence } => {
            format!(
                "gate {}, {}: measured {verdict}: {sentence}",
                words::gate(plan, *which),
                words::scope(plan, *scope)
            )
        }
        Event::Judged { which, scope, verdict, evidence } => {
            let (gate, scope) = (words::gate(plan, *which), words::scope(plan, *scope));
            format!("gate {gate}, {scope}: {verdict}: {}", evidence.sentence)
        }
        Event::Held { hold } => {
            format!("held ({}): {}; {}", words::hold_kind(plan, hold.kind), hold.reason, hold.next_step)
        }
        Event::Released { kind, accepted } => {
            let how = if *accepted { "ended by a person, who accepts what it was about" } else { "is over" };
            format!("hold ({}) {how}", words::hold_kind(plan, *kind))
        }
        Event::SiteFailed { site, message } => format!("{}: {message}", plan.sites[site.at()].site),
        Event::SiteAnswered { site } => format!("{}: answers again", plan.sites[site.at()].site),
        Event::RollbackDecided { cause } => {
            format!("ROLLBACK: {cause}; version {} is quarantined", plan.version(Plan::TARGET))
        }
        Event::AbortDecided { cause } => format!("ABORT: {cause}; nodes stay as they are"),
        Event::Ended { ending } => {
            format!("ended: {}", words::phase_sentence(&wavetrain_model::state::Phase::Ended(*ending)))
        }
        // Everything else has its sentence above.
        other => other.word().to_owned(),
    }
}

/// What a rollback step does.
pub fn step_words(plan: &Plan, step: Step) -> String {
    match step {
        Step::Look => "look what is there".to_owned(),
        Step::Uninstall(version) => format!("uninstall {}", plan.version(version)),
        Step::UninstallBlank => "uninstall whatever the agent believes in".to_owned(),
        Step::Reinstall(version) => format!("install {} again", plan.version(version)),
        Step::Prove => "ask the probe whether it is back".to_owned(),
    }
}

fn some(plan: &Plan, nodes: &[NodeIndex]) -> String {
    let named: Vec<&str> = nodes
        .iter()
        .take(IDS_NAMED)
        .filter_map(|node| plan.nodes.get(node.at()))
        .map(|node| node.id.as_str())
        .collect();
    match nodes.len() {
        0 => "no node".to_owned(),
        n if n <= IDS_NAMED => named.join(", "),
        n => format!("{} ({}, …)", counted(n as u64, "node"), named.join(", ")),
    }
}

fn suffix(note: &str) -> String {
    if note.is_empty() { String::new() } else { format!(": {}", one_line(note)) }
}

/// A note without line breaks and without anything that would act on a terminal.
pub fn one_line(note: &str) -> String {
    let plain: String = note.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    plain.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn short(digest: &str) -> &str {
    digest.get(..12).unwrap_or(digest)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::print::status::tests::plan;
    use wavetrain_model::id::IntentId;
    use wavetrain_model::state::Touch;

    #[test]
    fn nodes_are_named_up_to_three_and_counted_beyond() {
        let plan = plan();
        let nodes: Vec<NodeIndex> = plan.node_indices().collect();
        assert_eq!(some(&plan, &nodes[..2]), "i-1, i-2");
        assert_eq!(some(&plan, &nodes), "4 nodes (i-1, i-2, i-3, …)");
    }

    #[test]
    fn output_of_a_node_cannot_act_on_the_terminal() {
        let event = Event::Finished {
            intent: Some(IntentId(1)),
            outcome: Outcome::FailedBroken,
            touch: Touch::Suspect,
            nodes: vec![NodeIndex(0)],
            note: "exit\u{1b}[2J 1\nnow".to_owned(),
        };
        assert_eq!(sentence(&plan(), &event), "i-1: failed_broken: exit [2J 1 now");
    }

    #[test]
    fn failures_weigh_more_than_successes() {
        let finished = |outcome| Event::Finished {
            intent: None,
            outcome,
            touch: Touch::Clean,
            nodes: Vec::new(),
            note: String::new(),
        };
        assert_eq!(weight(&finished(Outcome::Succeeded)), Weight::Detail);
        assert_eq!(weight(&finished(Outcome::FailedBroken)), Weight::Work);
        assert_eq!(weight(&Event::Recovered), Weight::Course);
    }
}
