//! What a series means: the plan file's condition in CEL.

use wavetrain_model::expression::{Error, Expression, Given};
use wavetrain_model::gate::{Series, Verdict};
use wavetrain_model::spec::{CONDITION_VARIABLES, Condition};

/// What a condition says of one series that has points.
pub(super) fn judge(condition: &Condition, series: &Series, nodes: u32) -> Result<Verdict, Error> {
    weigh(condition, &CONDITION_VARIABLES, &given(series, nodes))
}

/// What a condition says of anything.
pub(super) fn weigh(
    condition: &Condition,
    variables: &[&str],
    given: &[(&str, Given)],
) -> Result<Verdict, Error> {
    let holds = |text: &Option<String>| -> Result<Option<bool>, Error> {
        let Some(text) = text else { return Ok(None) };
        Expression::parse(text, variables)?.holds(given).map(Some)
    };
    let fails = holds(&condition.fail_if)?;
    // What is bad is bad, also where `pass_if` has no answer: a server in trouble rarely sends all its keys.
    if fails == Some(true) {
        return Ok(Verdict::Fail);
    }
    Ok(match (fails, holds(&condition.pass_if)?) {
        (Some(true), _) | (None, Some(false)) => Verdict::Fail,
        (Some(false), None) | (_, Some(true)) => Verdict::Pass,
        (Some(false), Some(false)) | (None, None) => Verdict::Inconclusive,
    })
}

fn given(series: &Series, nodes: u32) -> [(&'static str, Given); 7] {
    let samples: Vec<f64> = series.points.iter().map(|point| point.value.get()).collect();
    let total: f64 = samples.iter().sum();
    let smallest = samples.iter().copied().fold(f64::INFINITY, f64::min);
    let largest = samples.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    [
        ("value", Given::Number(samples.last().copied().unwrap_or(f64::NAN))),
        ("average", Given::Number(total / samples.len() as f64)),
        ("minimum", Given::Number(smallest)),
        ("maximum", Given::Number(largest)),
        ("total", Given::Number(total)),
        ("samples", Given::Numbers(samples)),
        ("nodes", Given::Whole(i64::from(nodes))),
    ]
}

/// The condition as evidence shows it.
pub(super) fn sentence(condition: &Condition) -> String {
    let parts = [("fails if", &condition.fail_if), ("passes if", &condition.pass_if)];
    let parts = parts.iter().filter_map(|(word, text)| text.as_ref().map(|text| format!("{word} {text}")));
    parts.collect::<Vec<_>>().join(", ")
}
