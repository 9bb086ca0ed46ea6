//! What people said, what reports said, and what guardrails said.

use wavetrain_model::approval::{Given, Subject, is_same_person};
use wavetrain_model::event::Event;
use wavetrain_model::id::WaveIndex;
use wavetrain_model::limit::REPORT_SKEW_SECONDS;
use wavetrain_model::state::{GuardRecord, Refusal, State};
use wavetrain_model::time::Timestamp;

/// What somebody said, or sent.
pub(super) fn told(state: &mut State, event: &Event, at: Timestamp) {
    let (subject, by, evidence, refusal) = match event {
        Event::Approved { wave, by, gate, before, evidence, .. } => {
            (Subject { wave: *wave, gate: *gate, before: *before }, by, evidence.clone(), None)
        }
        Event::Rejected { subject, by, evidence, reason, .. } => {
            (*subject, by, Some(evidence.clone()), Some(reason.clone()))
        }
        Event::Reported { nonce, signed_at, .. } => {
            // What is older could not be sent again: it would be refused for its age.
            let oldest = Timestamp(at.0 - 2 * i64::from(REPORT_SKEW_SECONDS) * 1000);
            state.nonces.retain(|_, signed_at| *signed_at >= oldest);
            state.nonces.insert(nonce.clone(), *signed_at);
            return;
        }
        _ => return,
    };
    // A person's last word is the one that counts.
    state.given.retain(|given| given.subject != subject || !is_same_person(&given.by, by));
    state.given.push(Given { subject, by: by.clone(), at, evidence, refusal });
}

/// What guardrails said, and people about it.
pub(super) fn guarded(state: &mut State, event: &Event) {
    match event {
        Event::Guarded { guardrail, wave, decision, evidence, .. } => {
            // Whoever agreed before agreed to something else.
            state.guarded.retain(|record| (record.guardrail, record.wave) != (*guardrail, *wave));
            state.guarded.push(GuardRecord {
                guardrail: *guardrail,
                wave: *wave,
                decision: *decision,
                approved_by: Vec::new(),
                rejected: Vec::new(),
                evidence: evidence.clone(),
            });
        }
        Event::GuardrailApproved { guardrail, wave, by, evidence, .. } => {
            for record in spoken_of(state, *guardrail, *wave) {
                unsay(record, by);
                if *evidence == record.evidence {
                    record.approved_by.push(by.clone());
                }
            }
        }
        Event::GuardrailRejected { guardrail, wave, by, reason, .. } => {
            for record in spoken_of(state, *guardrail, *wave) {
                unsay(record, by);
                record.rejected.push(Refusal { by: by.clone(), reason: reason.clone() });
            }
        }
        Event::GuardrailsAdded { guardrails } => {
            state.guardrails.extend(guardrails.iter().cloned());
        }
        _ => {}
    }
}

fn spoken_of(state: &mut State, guardrail: u16, wave: WaveIndex) -> impl Iterator<Item = &mut GuardRecord> {
    let is_it = move |record: &&mut GuardRecord| record.guardrail == guardrail && record.wave == Some(wave);
    state.guarded.iter_mut().filter(is_it)
}

/// What a person said before is not that person's word any more.
fn unsay(record: &mut GuardRecord, by: &str) {
    record.approved_by.retain(|earlier| !is_same_person(earlier, by));
    record.rejected.retain(|earlier| !is_same_person(&earlier.by, by));
}
