//! Gates that ask servers outside of AWS.

use super::metrics::condition;
use crate::code;
use crate::file;
use crate::problem::Problems;
use crate::shape::Placed;
use wavetrain_model::spec::{ANSWER_VARIABLES, CONDITION_VARIABLES, Http, Prometheus};

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

/// An HTTP gate; None when it is unusable, which was reported.
pub fn http(Placed { value: written, span }: Placed<file::Http>, problems: &mut Problems) -> Option<Http> {
    let (fail_if, pass_if) = (written.fail_if.as_ref(), written.pass_if.as_ref());
    let condition = condition(span, fail_if, pass_if, &ANSWER_VARIABLES, problems);
    Some(Http {
        url: written.url?.value.text,
        token_env: written.token_env.map(|name| name.value.text),
        condition: condition?,
    })
}
