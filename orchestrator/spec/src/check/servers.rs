//! Gates that ask servers outside of AWS.

use super::metrics::condition;
use crate::code;
use crate::file;
use crate::problem::Problems;
use crate::shape::Placed;
use wavetrain_model::spec::{ANSWER_VARIABLES, CONDITION_VARIABLES, Callback, Check, Http, Prometheus};

/// Steps of one range query that Prometheus answers.
const STEPS: u32 = 11_000;

/// A Prometheus gate; None when it is unusable, which was reported.
pub fn prometheus(
    Placed { value: written, span }: Placed<file::Prometheus>,
    problems: &mut Problems,
) -> Option<Prometheus> {
    let (fail_if, pass_if) = (written.fail_if.as_ref(), written.pass_if.as_ref());
    let condition = condition(span, fail_if, pass_if, &CONDITION_VARIABLES, problems);
    let window = written.window.value.0;
    if let Some(step) = &written.step
        && window.0 / step.value.0.0.max(1) > STEPS
    {
        problems.error(
            code::METRIC_TIMES,
            step.span,
            format!("a window of {window} has more than {STEPS} steps of {}", step.value.0),
            "raise `step`, or lower `window`",
        );
    }
    Some(Prometheus {
        url: written.url?.value.text,
        token_env: written.token_env.map(|name| name.value.text),
        query: written.query?.value.text,
        window,
        step: written.step.map(|step| step.value.0),
        minimum_samples: written.minimum_samples.value.0,
        condition: condition?,
    })
}

/// An HTTP gate, asking or waiting; None when it is unusable, which was reported.
pub fn http(Placed { value: written, span }: Placed<file::Http>, problems: &mut Problems) -> Option<Check> {
    if let Some(Placed { value: callback, span }) = written.callback {
        let asks = ["url", "token_env", "fail_if", "pass_if"];
        if let Some(key) = asks.into_iter().find(|key| written.given.has(key)) {
            problems.error(
                code::CALLBACK,
                span,
                format!(
                    "a gate that waits for a report asks nobody: `{key}` has no meaning beside `callback`"
                ),
                "delete one of the two, or make two gates of it",
            );
        }
        let secret_env = callback.secret_env?.value.text;
        return Some(Check::Callback(Callback { secret_env, within: callback.within.value.0 }));
    }
    if written.given.has("callback") {
        return None;
    }
    if !written.given.has("url") {
        problems.error(
            code::CALLBACK,
            span,
            "the gate neither asks a server nor waits for a report",
            "add `url: …`, or `callback: { secret_env: … }`",
        );
    }
    let (fail_if, pass_if) = (written.fail_if.as_ref(), written.pass_if.as_ref());
    let condition = condition(span, fail_if, pass_if, &ANSWER_VARIABLES, problems);
    Some(Check::Http(Http {
        url: written.url?.value.text,
        token_env: written.token_env.map(|name| name.value.text),
        condition: condition?,
    }))
}
