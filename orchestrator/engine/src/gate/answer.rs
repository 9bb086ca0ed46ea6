//! A JSON document against a condition.

use super::{Judgement, condition};
use wavetrain_model::expression::{Error, Given};
use wavetrain_model::gate::Verdict;
use wavetrain_model::spec::{ANSWER_VARIABLES, Http};

/// What a server's answer says. What is no JSON is an error, whatever the status: a login page answers 200, too.
pub(super) fn judge(http: &Http, status: u16, body: &str) -> Judgement {
    let document = match serde_json::from_str(body) {
        Ok(document) => document,
        Err(error) => {
            return Judgement::new(Verdict::Error, format!("status {status}, and no JSON: {error}"));
        }
    };
    let given = [("answer", Given::Document(document)), ("status", Given::Whole(i64::from(status)))];
    let meaning = condition::sentence(&http.condition);
    match condition::weigh(&http.condition, &ANSWER_VARIABLES, &given) {
        // A condition that finds no such key in the answer of a server in trouble has measured nothing.
        Err(Error::Evaluation(message)) => {
            Judgement::new(Verdict::Error, format!("status {status}: {message}"))
        }
        Err(error) => Judgement::new(Verdict::Error, error.to_string()),
        Ok(verdict) => Judgement::new(verdict, format!("status {status}; {meaning}")),
    }
}
