//! What a report says, once it is known who sent it.

use super::Desk;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Json, Response};
use serde::Deserialize;
use serde_json::json;
use wavetrain_engine::input::Callback;
use wavetrain_model::gate::Verdict;
use wavetrain_model::id::{GateIndex, WaveIndex};
use wavetrain_model::limit::REPORT_SKEW_SECONDS;
use wavetrain_model::time::{Seconds, Timestamp};

/// Characters of a sentence that are kept.
const SENTENCE: usize = 500;

/// Characters of a nonce.
const NONCE: usize = 128;

/// Why a report is not taken.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// There is no such gate here.
    NotFound(String),
    /// Not signed with the gate's secret. Why not is nobody's business.
    Unsigned,
    /// It cannot be read.
    Malformed(String),
    /// It does not fit what is carried out now.
    Conflict(String),
    /// It could not be kept; to be sent again.
    Lost,
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let (status, message) = match self {
            Self::NotFound(message) => (StatusCode::NOT_FOUND, message),
            Self::Unsigned => (StatusCode::UNAUTHORIZED, "unauthorized".to_owned()),
            Self::Malformed(message) => (StatusCode::BAD_REQUEST, message),
            Self::Conflict(message) => (StatusCode::CONFLICT, message),
            Self::Lost => (StatusCode::SERVICE_UNAVAILABLE, "not kept; send it again".to_owned()),
        };
        (status, Json(json!({ "accepted": false, "outcome": message }))).into_response()
    }
}

/// A report as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    rollout: String,
    gate: String,
    plan: String,
    #[serde(default)]
    wave: Option<String>,
    verdict: Word,
    sentence: String,
    at: String,
    nonce: String,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Word {
    Pass,
    Fail,
    Inconclusive,
}

/// A report about this gate of this rollout, at this time. What was signed must say so itself: a path is not signed, and gates
/// may share a secret.
pub(super) fn read(
    body: &[u8],
    (desk, name, gate): (&Desk, &str, GateIndex),
    now: Timestamp,
) -> Result<Callback, Refusal> {
    let (plan, waves) = (&desk.plan, &desk.waves);
    let malformed = |message: String| Refusal::Malformed(message);
    let written: Written = serde_json::from_slice(body).map_err(|error| malformed(error.to_string()))?;
    let at: jiff::Timestamp = written
        .at
        .parse()
        .map_err(|_| malformed("`at` is a time such as 2026-03-02T09:23:22Z".to_owned()))?;
    let is_printed = |text: &str, most: usize| {
        !text.trim().is_empty() && text.chars().count() <= most && !text.chars().any(char::is_control)
    };
    if !is_printed(&written.nonce, NONCE) {
        return Err(malformed(format!("`nonce` has 1 to {NONCE} characters, and is new in every report")));
    }
    if !is_printed(&written.sentence, SENTENCE) {
        return Err(malformed(format!("`sentence` has 1 to {SENTENCE} characters on one line")));
    }
    if written.gate != name {
        return Err(Refusal::Conflict("`gate` names another gate than the one it was sent to".to_owned()));
    }
    if !desk.is_about(&written.rollout) {
        return Err(Refusal::Conflict("`rollout` names another rollout".to_owned()));
    }
    if written.plan != plan.as_str() {
        return Err(Refusal::Conflict(format!("another plan is carried out: {plan}")));
    }
    let signed_at = Timestamp(at.as_millisecond());
    let skew = Seconds(REPORT_SKEW_SECONDS);
    // One from the future would be of this time later. The rules refuse it too, and it is spent then.
    if now.since(signed_at) > skew {
        return Err(Refusal::Conflict(format!("`at` is more than {skew} from now ({now})")));
    }
    let wave = written.wave.map(|name| {
        let at = waves.iter().position(|wave| *wave == name);
        at.map(|at| WaveIndex(at as u16)).ok_or_else(|| Refusal::NotFound(format!("there is no wave {name}")))
    });
    Ok(Callback {
        gate,
        wave: wave.transpose()?,
        plan: plan.clone(),
        verdict: match written.verdict {
            Word::Pass => Verdict::Pass,
            Word::Fail => Verdict::Fail,
            Word::Inconclusive => Verdict::Inconclusive,
        },
        sentence: written.sentence,
        signed_at,
        nonce: written.nonce,
    })
}
