//! Holding a plan against its guardrails before anything begins.

use super::context::Context;
use crate::exit::{Exit, Stop};
use serde_json::{Value, json};
use std::fmt::Write;
use wavetrain_engine::guardrail::{Judged, Known, ask, is_answerable};
use wavetrain_model::guardrail::{Decision, Guardrail, Moment};
use wavetrain_model::time::Timestamp;

/// Those guardrails that are asked at this moment.
fn asked<'a>(guardrails: &'a [Guardrail], known: Known<'a>) -> impl Iterator<Item = &'a Guardrail> {
    let moment = match known {
        Known::File(_) => Moment::Validate,
        Known::Plan(_) => Moment::Start,
        Known::Wave(..) => Moment::Wave,
    };
    guardrails.iter().filter(move |guardrail| guardrail.is_asked(moment))
}

/// What those say that can be asked now.
fn judged<'a>(
    guardrails: &'a [Guardrail],
    known: Known<'a>,
    now: Timestamp,
) -> impl Iterator<Item = (&'a Guardrail, Judged)> {
    let answerable = asked(guardrails, known).filter(move |guardrail| is_answerable(guardrail, known));
    answerable.map(move |guardrail| (guardrail, ask(guardrail, known, now)))
}

/// Those that can only be asked later, when more is known than the plan file.
pub fn later<'a>(guardrails: &'a [Guardrail], known: Known<'a>) -> impl Iterator<Item = &'a Guardrail> {
    asked(guardrails, known).filter(move |guardrail| !is_answerable(guardrail, known))
}

/// Says what guardrails have to say. One that denies ends the command: the policy does not allow this.
pub fn hold_against(
    context: &Context,
    guardrails: &[Guardrail],
    known: Known<'_>,
    now: Timestamp,
) -> Result<(), Stop> {
    let (mut said, mut denied) = (String::new(), 0_u64);
    for (guardrail, Judged { decision, sentence, values, .. }) in judged(guardrails, known, now) {
        let head = match decision {
            Decision::Allow => continue,
            Decision::Warn => "warning",
            Decision::Approval => "needs an approval",
            Decision::Deny => "denied",
        };
        denied += u64::from(decision == Decision::Deny);
        let Guardrail { require, file, from, .. } = guardrail;
        let _ = write!(
            said,
            "{head}: {sentence}\n  requires: {require}\n  found: {values}\n  from: {}\n",
            file.path
        );
        if decision == Decision::Approval {
            let _ = writeln!(said, "  asks: {}", from.join(", "));
        }
    }
    if !said.is_empty() {
        context.console.note(said.trim_end());
    }
    if denied == 0 {
        return Ok(());
    }
    let what = crate::print::table::counted(denied, "guardrail");
    Err(Stop::new(Exit::Denied, format!("{what} denied this plan; nothing was changed"))
        .help("change the plan, or ask those who keep the guardrails"))
}

/// The same for scripts; whether one denies comes with it.
pub fn document(guardrails: &[Guardrail], known: Known<'_>, now: Timestamp) -> (Value, bool) {
    let mut is_denied = false;
    let mut list = Vec::new();
    for (guardrail, Judged { decision, sentence, values, .. }) in judged(guardrails, known, now) {
        is_denied |= decision == Decision::Deny;
        list.push(json!({
            "name": guardrail.name,
            "file": guardrail.file,
            "decision": decision,
            "require": guardrail.require,
            "values": values,
            "sentence": sentence,
        }));
    }
    for Guardrail { name, file, require, .. } in later(guardrails, known) {
        list.push(json!({ "name": name, "file": file, "decision": "later", "require": require }));
    }
    (Value::Array(list), is_denied)
}
