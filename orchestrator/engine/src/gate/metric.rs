//! CloudWatch metrics: series against a condition.

use super::{Case, Judgement, condition, nodes};
use wavetrain_model::gate::{Level, Series, Verdict};
use wavetrain_model::id::SiteIndex;
use wavetrain_model::spec::{Ask, Metric};

/// Judges what one site answered: each series for itself, the worst counts.
pub(super) fn judge(
    case: Case<'_>,
    metric: &Metric,
    place: &str,
    site: Option<SiteIndex>,
    found: &[Series],
) -> Judgement {
    let concerned = nodes(case, site);
    let judged: Vec<Judgement> = found.iter().map(|series| one(metric, place, series, concerned)).collect();
    let worst = judged.into_iter().rev().max_by_key(|judgement| judgement.verdict);
    worst.unwrap_or_else(|| Judgement::new(Verdict::Inconclusive, format!("{place}no such metric has data")))
}

fn one(metric: &Metric, place: &str, series: &Series, nodes: u32) -> Judgement {
    let label = &series.label;
    let count = series.points.len();
    let Some(value) = series.points.last().map(|point| point.value) else {
        return Judgement::new(Verdict::Inconclusive, format!("{place}{label} has no data"));
    };
    let said = condition::judge(&metric.condition, series, nodes);
    let rule = condition::sentence(&metric.condition);
    let statistic = statistic(series, value);
    let (verdict, sentence) = match said {
        Err(error) => (Verdict::Error, format!("{place}{label}: {error}")),
        // What is bad with some of the data is bad; what is good with some of it proves nothing.
        Ok(Verdict::Fail) => (Verdict::Fail, format!("{place}{label} is {statistic}; {rule}")),
        Ok(_) if !series.complete => {
            (Verdict::Inconclusive, format!("{place}{label}: CloudWatch gave only a part of the data"))
        }
        Ok(_) if count < metric.minimum_samples as usize => {
            let wanted = metric.minimum_samples;
            (Verdict::Inconclusive, format!("{place}{label} has {count} of at least {wanted} points"))
        }
        Ok(Verdict::Pass) => (Verdict::Pass, format!("{place}{label} is {statistic}; {rule}")),
        Ok(Verdict::Inconclusive | Verdict::Error) => (
            Verdict::Inconclusive,
            format!("{place}{label} is {statistic}, which neither fails nor passes; {rule}"),
        ),
    };
    Judgement { verdict, sentence, statistic }
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
