//! `GetMetricData`: from series to pages.

use super::data::{Queries, refused};
use super::label;
use super::math::Series;
use super::series::MetricId;
use super::source::Source;
use crate::api::cloudwatch::{
    GetMetricDataInput, GetMetricDataOutput, MessageData, MetricDataResult, StatusCode,
};
use crate::api::{ApiError, Timestamp};
use crate::clock::WorldTime;
use crate::fault::Judgement;
use crate::random::Chance;
use crate::world::{SiteIndex, World};

/// Queries of one request.
const MOST_QUERIES: usize = 500;
/// Data points of one page.
const MOST_POINTS: i32 = 100_800;

/// Where a page begins: how many points were shown, of what was known when the first page was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Place {
    shown: u64,
    as_of: WorldTime,
}

impl Place {
    fn token(self) -> String {
        let as_of = self.as_of.millis().cast_unsigned();
        format!("{:016x}{as_of:016x}{:08x}", self.shown, self.check())
    }

    fn check(self) -> u32 {
        Chance::from_seed(self.shown).named("data").numbered(self.as_of.millis().cast_unsigned()).bits()
            as u32
    }

    fn of(token: Option<&str>, now: WorldTime) -> Result<Self, ApiError> {
        let Some(token) = token else { return Ok(Self { shown: 0, as_of: now }) };
        let read = || {
            let hex = |range: std::ops::Range<usize>| u64::from_str_radix(token.get(range)?, 16).ok();
            let (shown, as_of, check) = (hex(0..16)?, hex(16..32)?, hex(32..token.len())?);
            let place = Self { shown, as_of: WorldTime::from_millis(as_of.cast_signed()) };
            (token.len() == 40 && check == u64::from(place.check()) && place.as_of <= now).then_some(place)
        };
        read().ok_or_else(|| ApiError::invalid_next_token("The specified token is not valid."))
    }
}

/// One series with everything but its points.
struct Row {
    id: String,
    label: String,
    series: Series,
}

impl World {
    /// `GetMetricData` of a site at the present moment.
    pub(crate) fn get_metric_data(
        &self,
        site: SiteIndex,
        input: &GetMetricDataInput,
        judgement: &Judgement,
    ) -> Result<GetMetricDataOutput, ApiError> {
        let most = input.max_datapoints.unwrap_or(MOST_POINTS);
        if !(1..=MOST_POINTS).contains(&most) {
            return Err(ApiError::validation_error(format!(
                "MaxDatapoints must lie between 1 and {MOST_POINTS}."
            )));
        }
        let place = Place::of(input.next_token.as_deref(), self.now)?;
        let (rows, messages) = self.metric_rows(site, input, place.as_of, judgement)?;
        let most = if judgement.short_pages { most / 2 } else { most };
        Ok(page(rows, messages, place, most.max(1).unsigned_abs().into(), input, judgement))
    }

    fn metric_rows(
        &self,
        site: SiteIndex,
        input: &GetMetricDataInput,
        as_of: WorldTime,
        judgement: &Judgement,
    ) -> Result<(Vec<Row>, Vec<MessageData>), ApiError> {
        let wanted = input.metric_data_queries.as_deref().unwrap_or_default();
        if wanted.is_empty() || wanted.len() > MOST_QUERIES {
            return Err(ApiError::validation_error(format!(
                "The collection MetricDataQueries must have 1 to {MOST_QUERIES} members."
            )));
        }
        let from = WorldTime::from_epoch_seconds(input.start_time.unwrap_or_default().0);
        let until = WorldTime::from_epoch_seconds(input.end_time.unwrap_or_default().0);
        if from >= until {
            return Err(ApiError::validation_error(
                "The parameter StartTime must be less than the parameter EndTime.",
            ));
        }
        let source = Source::new(self, site, as_of, judgement.metric_lag_seconds.unwrap_or(0));
        let queries = Queries::new(wanted, source, (from, until))?;
        let metrics = wanted.iter().filter_map(|query| query.metric_stat.as_ref());
        let metrics: Vec<MetricId> = metrics.filter_map(|stat| MetricId::of(&stat.metric).ok()).collect();
        let mut rows = Vec::new();
        for query in wanted {
            // Queries that are not to be shown must make sense all the same.
            let series = queries.series(query).map_err(|error| ApiError {
                message: error.message.or_else(|| refused(query, "it cannot be worked out").message),
                ..error
            })?;
            if query.return_data == Some(false) {
                continue;
            }
            let several = series.len() > 1;
            for series in series {
                let usual = match (&query.metric_stat, series.label.is_empty()) {
                    (Some(_), _) => label::of_metric(&series, &metrics),
                    (None, true) => query.id.clone(),
                    (None, false) => series.label.clone(),
                };
                let label = label::wished(query, &series, &usual, several, &self.fleet.sites[site as usize]);
                rows.push(Row { id: query.id.clone(), label, series });
            }
        }
        let messages = queries.messages();
        Ok((rows, messages))
    }
}

/// Cuts the points of all series to a page. Each series that is not on it to its end is `PartialData`.
fn page(
    rows: Vec<Row>,
    messages: Vec<MessageData>,
    place: Place,
    most: u64,
    input: &GetMetricDataInput,
    judgement: &Judgement,
) -> GetMetricDataOutput {
    let ascending = input.scan_by.as_deref() == Some("TimestampAscending");
    let mut output = GetMetricDataOutput { messages, ..Default::default() };
    let (begin, end) = (place.shown, place.shown.saturating_add(most));
    let mut position = 0_u64;
    for row in rows {
        let mut points: Vec<(i64, f64)> = row.series.points.into_iter().collect();
        if !ascending {
            points.reverse();
        }
        let (first, last) = (position, position + points.len() as u64);
        position = last;
        // What was shown to its end is not shown again; what is empty is shown on the first page.
        if last <= begin && begin > 0 {
            continue;
        }
        let skip = begin.saturating_sub(first) as usize;
        let take = end.saturating_sub(first.max(begin)) as usize;
        let shown: Vec<(i64, f64)> = points.into_iter().skip(skip).take(take).collect();
        let mut status_code = if last > end { StatusCode::PartialData } else { StatusCode::Complete };
        if shown.is_empty() && last > first && first >= end {
            continue;
        }
        let mut values = shown;
        if let Some(status) = judgement.metric_status {
            status_code = status;
            let half = values.len() / 2;
            values.truncate(if status == StatusCode::PartialData { half } else { 0 });
        }
        output.metric_data_results.push(MetricDataResult {
            id: row.id,
            label: row.label,
            timestamps: values.iter().map(|(at, _)| Timestamp::from_millis(*at)).collect(),
            values: values.iter().map(|(_, value)| *value).collect(),
            status_code,
            messages: None,
        });
    }
    output.next_token = (position > end).then(|| Place { shown: end, ..place }.token());
    output
}
