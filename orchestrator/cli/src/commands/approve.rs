//! `approve`: what a person agrees to or refuses, shown before it is recorded.

use super::context::{person, typed_by};
use crate::exit::{Exit, Stop};
use std::fmt::Write;
use wavetrain_driver::log::Record;
use wavetrain_engine::input::Order;
use wavetrain_engine::question::{About, Question, questions};
use wavetrain_model::approval::Subject;
use wavetrain_model::id::{Digest, GateIndex, WaveIndex};
use wavetrain_model::plan::Plan;
use wavetrain_model::time::Timestamp;

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

/// The word in the plan's own indices, bound to the evidence as it is now. Only what was shown is approved: when nothing is
/// asked, or several things are, no digest is sent and the rules say why that is not enough.
pub fn ready(record: &Record, say: &Say, wave: WaveIndex, now: Timestamp) -> Result<Ready, Stop> {
    let (plan, state) = (record.plan.as_ref(), &record.state);
    let gate = say.gate.as_deref().map(|name| gate_of(plan, name)).transpose()?;
    let is_refusal = say.refusal.is_some();
    let (mut evidence, mut text) = (None, String::new());
    if let [question] = questions(plan, state, now, (wave, gate), is_refusal).as_slice() {
        if let Some(meant) = &say.evidence {
            is_meant(meant, &question.shown.digest)?;
        }
        text = words(plan, question);
        // A no is heard whatever changes meanwhile, unless it names what it is about.
        if !is_refusal || say.evidence.is_some() {
            evidence = Some(question.shown.digest.clone());
        }
    }
    let typed_by = Some(typed_by());
    let order = match &say.refusal {
        None => Order::Approve { wave, gate, evidence, typed_by },
        Some(reason) => Order::Reject { wave, gate, evidence, reason: reason.clone(), typed_by },
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

fn words(plan: &Plan, Question { about, shown }: &Question) -> String {
    let (wave, when) = match about {
        About::Guardrails(wave) => (*wave, "begins (guardrails ask)".to_owned()),
        About::Subject(Subject { wave, gate, before }) => {
            let when = match (gate, before) {
                (None, _) => "begins".to_owned(),
                (Some(gate), true) => format!("begins (gate {})", plan.spec.gates[gate.at()].name),
                (Some(gate), false) => format!("passes (gate {})", plan.spec.gates[gate.at()].name),
            };
            (*wave, when)
        }
    };
    let mut text = format!(
        "{}: wave {} {when}\n  plan {}\n  evidence {}\n",
        plan.spec.name,
        plan.wave_name(wave),
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
