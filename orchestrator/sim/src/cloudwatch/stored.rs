//! `PutMetricData` and what it leaves behind, and `ListMetrics`.

use std::collections::BTreeMap;

use super::emit::Span;
use super::series::{MINUTE_MILLIS, MetricId, Observation, as_map};
use crate::api::ApiError;
use crate::api::cloudwatch::{
    ListMetricsInput, ListMetricsOutput, MetricDatum, PutMetricDataInput, PutMetricDataOutput,
};
use crate::clock::WorldTime;
use crate::fault::Judgement;
use crate::page::{Cut, Page};
use crate::world::{SiteIndex, World};

/// Data of one request.
const MOST_DATA: usize = 1000;
/// `Values` of one datum.
const MOST_VALUES: usize = 150;
/// Bytes of one request, after decompression.
const MOST_BYTES: usize = 1024 * 1024;
/// How old data may be.
const OLDEST_SECONDS: i64 = 14 * 86_400;
/// How far ahead of time data may be.
const NEWEST_SECONDS: i64 = 2 * 3600;
/// Values beyond this cannot be kept: 2^360.
const GREATEST: f64 = 2.348_542_582_773_834e108;
/// Metrics of one page of `ListMetrics`.
const LISTED_AT_ONCE: usize = 500;
/// Listings know metrics with data of so long ago.
const LISTED_SECONDS: i64 = 14 * 86_400;
/// What `RecentlyActive` means.
const RECENTLY_SECONDS: i64 = 3 * 3600;

/// Data that callers put, by metric, of one site.
#[derive(Debug, Clone, Default)]
pub(crate) struct Stored(BTreeMap<MetricId, Series>);

#[derive(Debug, Clone)]
struct Series {
    first_put: WorldTime,
    /// By moment: when it was received, and what.
    data: BTreeMap<WorldTime, Vec<(WorldTime, Observation)>>,
}

impl Stored {
    fn put(&mut self, id: MetricId, observation: Observation, now: WorldTime) {
        let series = self.0.entry(id).or_insert(Series { first_put: now, data: BTreeMap::new() });
        series.data.entry(observation.at).or_default().push((now, observation));
    }

    /// What was received of a metric by a moment.
    pub(crate) fn observations(&self, id: &MetricId, span: Span) -> Vec<Observation> {
        let Some(series) = self.0.get(id).filter(|_| span.from < span.until) else { return Vec::new() };
        let known = series.data.range(span.from..span.until).flat_map(|(_, data)| data);
        known.filter(|(received, _)| *received <= span.as_of).map(|(_, observation)| *observation).collect()
    }

    /// Metrics with data since a moment that listings know by now.
    pub(crate) fn listed(
        &self,
        since: WorldTime,
        lag_seconds: i64,
        now: WorldTime,
    ) -> impl Iterator<Item = &MetricId> {
        let fresh = move |series: &Series| {
            series.first_put.plus_seconds(lag_seconds) <= now
                && series.data.last_key_value().is_some_and(|(at, _)| *at >= since)
        };
        self.0.iter().filter(move |(_, series)| fresh(series)).map(|(id, _)| id)
    }
}

impl World {
    pub(crate) fn put_metric_data(
        &mut self,
        site: SiteIndex,
        input: &PutMetricDataInput,
    ) -> Result<PutMetricDataOutput, ApiError> {
        if input.namespace.starts_with("AWS/") {
            return Err(ApiError::invalid_parameter_value(
                "The value AWS/ for parameter Namespace is invalid: it is reserved.",
            ));
        }
        let entities = input.entity_metric_data.iter().flatten();
        let of_entities = entities.flat_map(|entity| entity.metric_data.iter().flatten());
        let data: Vec<&MetricDatum> = input.metric_data.iter().flatten().chain(of_entities).collect();
        if data.is_empty() {
            return Err(ApiError::missing_parameter("The parameter MetricData is required."));
        }
        if data.len() > MOST_DATA {
            return Err(ApiError::invalid_parameter_value(format!(
                "The collection MetricData must not have a size greater than {MOST_DATA}."
            )));
        }
        if data.iter().map(|datum| weight(datum)).sum::<usize>() > MOST_BYTES {
            return Err(ApiError::invalid_parameter_value("The request is larger than 1 MB."));
        }
        let mut checked = Vec::new();
        for (n, datum) in data.into_iter().enumerate() {
            let place = format!("MetricData.member.{}", n + 1);
            let dimensions = as_map(datum.dimensions.as_deref().unwrap_or_default()).ok_or_else(|| {
                ApiError::invalid_parameter_value(format!("{place} names the same dimension twice."))
            })?;
            let name = datum.metric_name.clone();
            let id = MetricId { namespace: input.namespace.clone(), name, dimensions };
            checked.push((id, self.observed(&place, datum)?));
        }
        // All or nothing: a refused datum leaves no trace of the others.
        for (id, observations) in checked {
            for observation in observations {
                self.stored_metrics[site as usize].put(id.clone(), observation, self.now);
            }
        }
        Ok(PutMetricDataOutput {})
    }

    fn observed(&self, place: &str, datum: &MetricDatum) -> Result<Vec<Observation>, ApiError> {
        let at = datum.timestamp.map_or(self.now, |at| WorldTime::from_epoch_seconds(at.0));
        let age = self.now.millis_since(at);
        if !(-NEWEST_SECONDS * 1000..=OLDEST_SECONDS * 1000).contains(&age) {
            return Err(ApiError::invalid_parameter_value(format!(
                "The parameter {place}.Timestamp must specify a time no more than two weeks in the past and two \
                 hours in the future."
            )));
        }
        let resolution = match datum.storage_resolution {
            None | Some(60) => MINUTE_MILLIS,
            Some(1) => 1000,
            Some(_) => {
                return Err(ApiError::invalid_parameter_value(format!(
                    "The parameter {place}.StorageResolution must be 1 or 60."
                )));
            }
        };
        let at = WorldTime::from_millis(at.millis().div_euclid(resolution) * resolution);
        let observations = values_of(place, datum, at)?;
        let numbers = observations.iter().flat_map(|each| [each.count, each.sum, each.minimum, each.maximum]);
        if numbers.into_iter().any(|number| !number.is_finite() || number.abs() > GREATEST) {
            return Err(ApiError::invalid_parameter_value(format!(
                "The parameter {place}.Value must be a number in the range of -2^360 to 2^360."
            )));
        }
        Ok(observations)
    }

    pub(crate) fn list_metrics(
        &self,
        site: SiteIndex,
        input: &ListMetricsInput,
        judgement: &Judgement,
    ) -> Result<ListMetricsOutput, ApiError> {
        if input.include_linked_accounts == Some(true) || input.owning_account.is_some() {
            return Err(ApiError::invalid_parameter_value("Linked accounts are not modelled here."));
        }
        let cut = Cut { short: judgement.short_pages };
        let page = Page::open("metrics", input.next_token.as_deref(), None, LISTED_AT_ONCE, cut)
            .map_err(|error| ApiError::invalid_parameter_value(error.message.unwrap_or_default()))?;
        let seconds = if input.recently_active.is_some() { RECENTLY_SECONDS } else { LISTED_SECONDS };
        let meant = |id: &MetricId| {
            input.namespace.as_ref().is_none_or(|namespace| *namespace == id.namespace)
                && input.metric_name.as_ref().is_none_or(|name| *name == id.name)
                && input.dimensions.iter().flatten().all(|wanted| {
                    let value = id.dimensions.get(&wanted.name);
                    value.is_some_and(|value| wanted.value.as_ref().is_none_or(|wanted| wanted == value))
                })
        };
        let found = self.listed_metrics(site, self.now.plus_seconds(-seconds), self.now, &meant);
        let (rows, next_token) = page.of(found);
        Ok(ListMetricsOutput { metrics: rows.iter().map(MetricId::to_wire).collect(), next_token })
    }
}

/// What a datum weighs in a request, about.
fn weight(datum: &MetricDatum) -> usize {
    let dimensions = datum.dimensions.iter().flatten();
    let texts =
        datum.metric_name.len() + dimensions.map(|each| each.name.len() + each.value.len()).sum::<usize>();
    texts + 8 * (2 + datum.values.as_ref().map_or(0, Vec::len) + datum.counts.as_ref().map_or(0, Vec::len))
}

fn values_of(place: &str, datum: &MetricDatum, at: WorldTime) -> Result<Vec<Observation>, ApiError> {
    let given = [datum.value.is_some(), datum.statistic_values.is_some(), datum.values.is_some()];
    if given.iter().filter(|given| **given).count() > 1 {
        return Err(ApiError::invalid_parameter_combination(format!(
            "The parameters {place}.Value, {place}.Values and {place}.StatisticValues are mutually exclusive."
        )));
    }
    if datum.counts.is_some() && datum.values.is_none() {
        return Err(ApiError::invalid_parameter_combination(format!(
            "The parameter {place}.Counts needs {place}.Values."
        )));
    }
    if let Some(value) = datum.value {
        return Ok(vec![Observation::of(at, value, 1.0)]);
    }
    if let Some(set) = &datum.statistic_values {
        if set.sample_count <= 0.0 || set.minimum > set.maximum {
            return Err(ApiError::invalid_parameter_value(format!(
                "The parameter {place}.StatisticValues needs a SampleCount above 0 and a Minimum up to the Maximum."
            )));
        }
        let (count, sum) = (set.sample_count, set.sum);
        return Ok(vec![Observation { at, count, sum, minimum: set.minimum, maximum: set.maximum }]);
    }
    let Some(values) = &datum.values else {
        return Err(ApiError::missing_parameter(format!(
            "One of the parameters {place}.Value, {place}.Values and {place}.StatisticValues is required."
        )));
    };
    let ones = vec![1.0; values.len()];
    let counts = datum.counts.as_ref().unwrap_or(&ones);
    if values.is_empty() || values.len() > MOST_VALUES || counts.len() != values.len() {
        return Err(ApiError::invalid_parameter_value(format!(
            "The parameter {place}.Values must have 1 to {MOST_VALUES} values, with a count for each."
        )));
    }
    if counts.iter().any(|count| *count <= 0.0) {
        return Err(ApiError::invalid_parameter_value(format!(
            "The parameter {place}.Counts must be above 0."
        )));
    }
    Ok(values.iter().zip(counts).map(|(value, count)| Observation::of(at, *value, *count)).collect())
}
