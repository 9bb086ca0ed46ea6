//! What people are asked now: everything that one word could be about.

use crate::guardrail;
use crate::people::{self, Shown};
use wavetrain_model::approval::Subject;
use wavetrain_model::id::{GateIndex, WaveIndex};
use wavetrain_model::plan::Plan;
use wavetrain_model::state::State;
use wavetrain_model::time::Timestamp;

/// Who asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum About {
    /// The plan file: a wave or one of its gates.
    Subject(Subject),
    /// Guardrails, before the wave begins.
    Guardrails(WaveIndex),
}

/// What is asked, and what there is to see for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// Who asks.
    pub about: About,
    /// The evidence. An approval names its digest.
    pub shown: Shown,
}

/// What a word about a wave could answer now. An approval counts only if this is exactly one.
pub fn questions(
    plan: &Plan,
    state: &State,
    now: Timestamp,
    (wave, gate): (WaveIndex, Option<GateIndex>),
    is_refusal: bool,
) -> Vec<Question> {
    if gate.is_none()
        && let Some(shown) = guardrail::question(plan, state, wave, now)
    {
        return vec![Question { about: About::Guardrails(wave), shown }];
    }
    let all = people::subjects(plan, wave).into_iter();
    let asked = all.filter(|subject| {
        (gate.is_none() || subject.gate == gate) && people::is_heard(plan, state, *subject, is_refusal)
    });
    let question =
        |subject| Question { about: About::Subject(subject), shown: people::shown(plan, state, subject) };
    asked.map(question).collect()
}
