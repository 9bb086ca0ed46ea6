//! Series of numbers against a condition, from CloudWatch or Prometheus.

use super::{Judgement, condition};
use wavetrain_model::gate::{Level, Series, Verdict};
use wavetrain_model::spec::{Ask, Condition, Metric};

/// What series are judged by, wherever they come from.
#[derive(Clone, Copy)]
pub(super) struct Rule<'a> {
    pub(super) condition: &'a Condition,
    pub(super) minimum_samples: u32,
}

/// Judges what one place answered: each series for itself, the worst counts. `nodes` is how many the gate is about.
pub(super) fn judge(rule: Rule<'_>, place: &str, nodes: u32, found: &[Series]) -> Judgement {
    let judged: Vec<Judgement> = found.iter().map(|series| one(rule, place, series, nodes)).collect();
    let worst = judged.into_iter().rev().max_by_key(|judgement| judgement.verdict);
    worst.unwrap_or_else(|| Judgement::new(Verdict::Inconclusive, format!("{place}no such metric has data")))
}

fn one(rule: Rule<'_>, place: &str, series: &Series, nodes: u32) -> Judgement {
    let label = &series.label;
    let count = series.points.len();
    let Some(value) = series.points.last().map(|point| point.value) else {
        return Judgement::new(Verdict::Inconclusive, format!("{place}{label} has no data"));
    };
    let said = condition::judge(rule.condition, series, nodes);
    let meaning = condition::sentence(rule.condition);
    let statistic = statistic(series, value);
    let (verdict, sentence) = match said {
        Err(error) => (Verdict::Error, format!("{place}{label}: {error}")),
        // What is bad with some of the data is bad; what is good with some of it proves nothing.
        Ok(Verdict::Fail) => (Verdict::Fail, format!("{place}{label} is {statistic}; {meaning}")),
        Ok(_) if !series.complete => {
            (Verdict::Inconclusive, format!("{place}{label}: only a part of the data came back"))
        }
        Ok(_) if count < rule.minimum_samples as usize => {
            let wanted = rule.minimum_samples;
            (Verdict::Inconclusive, format!("{place}{label} has {count} of at least {wanted} points"))
        }
        Ok(Verdict::Pass) => (Verdict::Pass, format!("{place}{label} is {statistic}; {meaning}")),
        Ok(Verdict::Inconclusive | Verdict::Error) => (
            Verdict::Inconclusive,
            format!("{place}{label} is {statistic}, which neither fails nor passes; {meaning}"),
        ),
    };
    Judgement { verdict, sentence, statistic, bad: None }
}

fn statistic(series: &Series, value: Level) -> String {
    match series.points.len() {
        1 => value.to_string(),
        count => {
            let total: f64 = series.points.iter().map(|point| point.value.get()).sum();
            let average =
                Level::new(total / count as f64).map_or_else(String::new, |level| level.to_string());
            format!("{value} (average {average} of {count})")
        }
    }
}

pub(super) fn query(metric: &Metric) -> String {
    let ask = match &metric.ask {
        Ask::Expression(text) => text.clone(),
        Ask::Stat(stat) => {
            let dimensions = stat.dimensions.iter().map(|(name, value)| format!(" {name}={value}"));
            format!("{} {}/{}{}", stat.statistic, stat.namespace, stat.name, dimensions.collect::<String>())
        }
    };
    format!("GetMetricData {ask} every {}", metric.period)
}
