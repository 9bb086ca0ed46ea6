//! `approve`: what a person agrees to or refuses, shown before it is recorded.

use super::context::person;
use crate::exit::{Exit, Stop};
use std::fmt::Write;
use wavetrain_driver::log::Record;
use wavetrain_engine::input::Order;
use wavetrain_engine::people::{self, Shown};
use wavetrain_model::approval::Subject;
use wavetrain_model::id::{Digest, GateIndex, WaveIndex};
use wavetrain_model::plan::Plan;

/// Characters of a digest that a person must at least repeat.
const LEAST_DIGEST: usize = 8;

/// A person's word about a wave.
#[derive(Debug, Clone)]
pub struct Say {
    /// Name of the wave.
    pub wave: String,
    /// Name of the gate that asks.
    pub gate: Option<String>,
    /// In whose name.
    pub by: Option<String>,
    /// Beginning of the digest of the evidence that is meant.
    pub evidence: Option<String>,
    /// Why not; None: agreed.
    pub refusal: Option<String>,
}

/// A word ready to be given.
pub struct Ready {
    /// The order.
    pub order: Order,
    /// In whose name.
    pub by: String,
    /// What was shown for it; empty if nothing is asked now, which the rules will say.
    pub shown: String,
}

/// The word in the plan's own indices, bound to the evidence as it is now.
pub fn ready(record: &Record, say: &Say, wave: WaveIndex) -> Result<Ready, Stop> {
    let (plan, state) = (record.plan.as_ref(), &record.state);
    let gate = say.gate.as_deref().map(|name| gate_of(plan, name)).transpose()?;
    let asked = people::subjects(plan, wave).into_iter().filter(|subject| {
        people::is_asked(plan, state, *subject) && (gate.is_none() || subject.gate == gate)
    });
    let asked: Vec<Subject> = asked.collect();
    let (mut evidence, mut text) = (None, String::new());
    if let [subject] = asked.as_slice() {
        let shown = people::shown(plan, state, *subject);
        if let Some(meant) = &say.evidence {
            is_meant(meant, &shown.digest)?;
        }
        text = words(plan, *subject, &shown);
        evidence = Some(shown.digest);
    } else if let Some(meant) = &say.evidence {
        // Nothing is asked, or too much; the rules say which. A whole digest is compared by them.
        evidence = Some(Digest::new(meant.as_str()));
    }
    let order = match &say.refusal {
        None => Order::Approve { wave, gate, evidence },
        Some(reason) => Order::Reject { wave, gate, evidence, reason: reason.clone() },
    };
    Ok(Ready { order, by: say.by.clone().unwrap_or_else(person), shown: text })
}

fn is_meant(meant: &str, now: &Digest) -> Result<(), Stop> {
    if meant.len() < LEAST_DIGEST {
        return Err(Stop::new(Exit::Usage, format!("`{meant}` is too short for a digest"))
            .help(format!("write at least {LEAST_DIGEST} characters of it")));
    }
    if now.as_str().starts_with(&meant.to_lowercase()) {
        return Ok(());
    }
    Err(Stop::new(Exit::Refused, format!("the evidence is another one now: {now}"))
        .help("`wavetrain status` shows it; look at it and decide anew"))
}

fn words(plan: &Plan, subject: Subject, shown: &Shown) -> String {
    let when = match (subject.gate, subject.before) {
        (None, _) => "begins".to_owned(),
        (Some(gate), true) => format!("begins (gate {})", plan.spec.gates[gate.at()].name),
        (Some(gate), false) => format!("passes (gate {})", plan.spec.gates[gate.at()].name),
    };
    let mut text = format!(
        "{}: wave {} {when}\n  plan {}\n  evidence {}\n",
        plan.spec.name,
        plan.wave_name(subject.wave),
        plan.digest,
        shown.digest
    );
    for sentence in &shown.sentences {
        let _ = writeln!(text, "    {sentence}");
    }
    text
}

/// A gate by its name.
pub fn gate_of(plan: &Plan, name: &str) -> Result<GateIndex, Stop> {
    let at = plan.spec.gates.iter().position(|gate| gate.name == name);
    at.map(|at| GateIndex(at as u16)).ok_or_else(|| {
        let names: Vec<&str> = plan.spec.gates.iter().map(|gate| gate.name.as_str()).collect();
        let help = if names.is_empty() {
            "it has none".to_owned()
        } else {
            format!("its gates are {}", names.join(", "))
        };
        Stop::new(Exit::Usage, format!("the plan has no gate `{name}`")).help(help)
    })
}
