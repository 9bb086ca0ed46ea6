//! Events as lines: what happened, when, in words.

use serde_json::{Value, json};
use wavetrain_driver::telemetry::sentence;
use wavetrain_model::event::{Entry, Event};
use wavetrain_model::gate::Verdict;
#[cfg(test)]
use wavetrain_model::outcome::Outcome;
use wavetrain_model::plan::Plan;

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
        Event::Judged { verdict: Verdict::Pass, .. }
        | Event::Deferred { .. }
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
    let by =
        if entry.actor == "wavetrain" { String::new() } else { format!(" [{}]", one_line(&entry.actor)) };
    format!("{}{by} {}", entry.at, one_line(&sentence(plan, entry)))
}

/// One JSON document.
pub fn document(plan: &Plan, seq: u64, entry: &Entry) -> Value {
    json!({
        "version": super::JSON_VERSION,
        "seq": seq,
        "at": entry.at.to_string(),
        "actor": entry.actor,
        "event": entry.event.word(),
        "sentence": sentence(plan, entry),
        "data": entry.event,
    })
}

/// A note without line breaks and without anything that would act on a terminal.
pub fn one_line(note: &str) -> String {
    let plain: String = note.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    plain.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::print::status::tests::plan;
    use wavetrain_model::id::{IntentId, NodeIndex};
    use wavetrain_model::state::Touch;
    use wavetrain_model::time::Timestamp;

    #[test]
    fn output_of_a_node_cannot_act_on_the_terminal() {
        let event = Event::Finished {
            intent: Some(IntentId(1)),
            outcome: Outcome::FailedBroken,
            touch: Touch::Suspect,
            nodes: vec![NodeIndex(0)],
            note: "exit\u{1b}[2J 1\nnow".to_owned(),
        };
        let shown = line(&plan(), &Entry { at: Timestamp(0), actor: "wavetrain".to_owned(), event });
        assert!(!shown.contains('\u{1b}') && !shown.contains('\n'), "{shown}");
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
