//! What series are called.

use std::collections::BTreeSet;

use super::math::Series;
use super::series::MetricId;
use crate::api::cloudwatch::MetricDataQuery;
use crate::fleet::Site;

/// A name for each metric: the dimension values in which they differ, and the metric name if that differs too.
pub(crate) fn distinct(ids: &[MetricId]) -> Vec<String> {
    let varies =
        |part: &dyn Fn(&MetricId) -> Option<String>| ids.iter().map(part).collect::<BTreeSet<_>>().len() > 1;
    let by_name = varies(&|id| Some(id.name.clone()));
    let names: BTreeSet<&String> = ids.iter().flat_map(|id| id.dimensions.keys()).collect();
    let names: Vec<&String> =
        names.into_iter().filter(|name| varies(&|id| id.dimensions.get(*name).cloned())).collect();
    let label = |id: &MetricId| {
        let values = names.iter().filter_map(|name| id.dimensions.get(*name).cloned());
        let mut parts: Vec<String> = values.collect();
        if by_name || parts.is_empty() {
            parts.push(id.name.clone());
        }
        parts.join(" ")
    };
    ids.iter().map(label).collect()
}

/// Names of the results of `MetricStat` queries: the metric name alone where that tells them apart.
pub(crate) fn of_metric(series: &Series, all: &[MetricId]) -> String {
    let Some((id, _)) = &series.metric else { return series.label.clone() };
    let namesakes: Vec<MetricId> = all.iter().filter(|other| other.name == id.name).cloned().collect();
    let labels = distinct(&namesakes);
    let own = namesakes.iter().position(|other| other == id).and_then(|index| labels.get(index));
    match own {
        Some(own) if *own != id.name => format!("{own} {}", id.name),
        _ => id.name.clone(),
    }
}

/// The label of a result, with what a caller's own label asks for.
pub(crate) fn wished(
    query: &MetricDataQuery,
    series: &Series,
    usual: &str,
    several: bool,
    site: &Site,
) -> String {
    let Some(label) = &query.label else { return usual.to_owned() };
    if !label.contains("${") {
        return if several { format!("{label} {usual}") } else { label.clone() };
    }
    let mut text = String::new();
    let mut rest = label.as_str();
    while let Some((before, after)) = rest.split_once("${") {
        text.push_str(before);
        let (inside, after) = after.split_once('}').unwrap_or((after, ""));
        text.push_str(
            &property(inside.trim(), series, usual, site).unwrap_or_else(|| format!("${{{inside}}}")),
        );
        rest = after;
    }
    text.push_str(rest);
    text
}

fn property(name: &str, series: &Series, usual: &str, site: &Site) -> Option<String> {
    let values = || series.points.values().copied();
    let count = series.points.len();
    let shown = |value: f64| if count == 0 { "--".to_owned() } else { value.to_string() };
    match name {
        "LABEL" => return Some(usual.to_owned()),
        "DATAPOINT_COUNT" => return Some(count.to_string()),
        "SUM" => return Some(shown(values().sum())),
        "AVG" => return Some(shown(values().sum::<f64>() / count as f64)),
        "MIN" => return Some(shown(values().fold(f64::INFINITY, f64::min))),
        "MAX" => return Some(shown(values().fold(f64::NEG_INFINITY, f64::max))),
        "FIRST" => return Some(shown(values().next().unwrap_or(0.0))),
        "LAST" => return Some(shown(values().next_back().unwrap_or(0.0))),
        _ => {}
    }
    let name = name.strip_prefix("PROP(")?.strip_suffix(')')?.trim().trim_matches('\'');
    match name {
        "AccountId" => return Some(site.account.clone()),
        "Region" => return Some(site.region.clone()),
        "Period" => return Some(series.period_seconds.to_string()),
        _ => {}
    }
    let (id, statistic) = series.metric.as_ref()?;
    match name {
        "Namespace" => Some(id.namespace.clone()),
        "MetricName" => Some(id.name.clone()),
        "Stat" => Some(statistic.clone()),
        dimension => id.dimensions.get(dimension.strip_prefix("Dim.")?).cloned(),
    }
}
