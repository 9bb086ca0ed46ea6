//! `GetMetricData`: from queries to series.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;

use super::insights::Select;
use super::math::{Scope, Series, Value, evaluate, parse};
use super::search::Search;
use super::series::{MetricId, Observation, Points, Statistic, Window};
use super::source::Source;
use crate::api::ApiError;
use crate::api::cloudwatch::{MessageData, MetricDataQuery, MetricStat};
use crate::clock::WorldTime;

/// Series that one search finds at most.
const MOST_FOUND: usize = 100;
/// Metrics that one query of Metrics Insights looks at.
const MOST_SCANNED: usize = 10_000;
/// Series that it answers.
const MOST_GROUPS: usize = 500;
/// Metrics without data for so long are not found any more.
const FOUND_SECONDS: i64 = 14 * 86_400;
/// Data are kept for so long, by the shortest period that they can be had in afterwards.
const KEPT: [(i64, i64); 3] = [(60, 3 * 3600), (300, 15 * 86_400), (3600, 63 * 86_400)];
/// Data are kept no longer.
const KEPT_SECONDS: i64 = 455 * 86_400;
/// Data may be so far ahead of time, and a little more.
const AHEAD_SECONDS: i64 = 3 * 3600;
/// How far references from one query to another may lead.
const DEEPEST: usize = 20;

/// The queries of one request at work.
pub(crate) struct Queries<'q> {
    asked: &'q [MetricDataQuery],
    source: Source<'q>,
    from: WorldTime,
    until: WorldTime,
    done: RefCell<BTreeMap<String, Value>>,
    depth: Cell<usize>,
    truncated: Cell<bool>,
}

impl<'q> Queries<'q> {
    /// Checks queries among themselves.
    pub(crate) fn new(
        queries: &'q [MetricDataQuery],
        source: Source<'q>,
        (from, until): (WorldTime, WorldTime),
    ) -> Result<Self, ApiError> {
        let mut ids = std::collections::BTreeSet::new();
        let mut insights = 0;
        for query in queries {
            if !is_id(&query.id) {
                return Err(refused(
                    query,
                    "the Id must begin with a lower case letter and hold letters, digits and _",
                ));
            }
            if !ids.insert(&query.id) {
                return Err(refused(query, "the Id is used twice"));
            }
            if query.metric_stat.is_some() == query.expression.is_some() {
                return Err(refused(query, "exactly one of MetricStat and Expression is needed"));
            }
            if query.account_id.as_ref().is_some_and(|account| *account != source.site().account) {
                return Err(refused(query, "metrics of linked accounts are not modelled here"));
            }
            let period = query.metric_stat.as_ref().map(|stat| stat.period).or(query.period);
            if let Some(period) = period {
                check_period(i64::from(period)).map_err(|text| refused(query, text))?;
            }
            insights += usize::from(query.expression.as_deref().is_some_and(Select::is_one));
        }
        if insights > 1 {
            return Err(ApiError::validation_error("A request can hold one Metrics Insights query."));
        }
        Ok(Self {
            asked: queries,
            source,
            from,
            until,
            done: RefCell::default(),
            depth: Cell::new(0),
            truncated: Cell::new(false),
        })
    }

    /// The queries as they were given.
    pub(crate) fn all(&self) -> &'q [MetricDataQuery] {
        self.asked
    }

    /// The series of a query. A number becomes the same number in every period.
    pub(crate) fn series(&self, query: &MetricDataQuery) -> Result<Vec<Series>, ApiError> {
        match self.query(&query.id)? {
            Value::Number(number) => {
                let longest =
                    self.asked.iter().filter_map(|query| query.metric_stat.as_ref()).map(|stat| stat.period);
                let seconds = i64::from(query.period.or(longest.max()).unwrap_or(60));
                let window = self.window(seconds);
                let points: Points = window.periods(self.now()).map(|at| (at, number)).collect();
                Ok(vec![Series::made(seconds, points)])
            }
            value => value.into_series().map_err(|text| refused(query, text)),
        }
    }

    /// What else there is to say about the request.
    pub(crate) fn messages(&self) -> Vec<MessageData> {
        let message =
            |code: &str, value: &str| MessageData { code: code.to_owned(), value: value.to_owned() };
        let truncated = self.truncated.get().then(|| {
            message(
                "MaxMetricsExceeded",
                "The maximum number of allowed metrics was exceeded; the others were left out.",
            )
        });
        truncated.into_iter().collect()
    }

    fn stat(&self, stat: &MetricStat) -> Result<Series, ApiError> {
        let id = MetricId::of(&stat.metric)?;
        let statistic = Statistic::parse(&stat.stat)?;
        let period_seconds = i64::from(stat.period);
        let window = self.window(period_seconds);
        let observations = self.observations(&id, window)?;
        Ok(Series {
            label: id.name.clone(),
            metric: Some((id, stat.stat.clone())),
            period_seconds,
            points: window.points(&observations, statistic),
        })
    }

    fn observations(&self, id: &MetricId, window: Window) -> Result<Vec<Observation>, ApiError> {
        let span = (WorldTime::from_millis(window.from_millis), WorldTime::from_millis(window.until_millis));
        self.source.observations(id, span)
    }

    fn found(&self, meant: &dyn Fn(&MetricId) -> bool) -> Vec<MetricId> {
        self.source.listed(self.now().plus_seconds(-FOUND_SECONDS), meant)
    }

    fn select(&self, query: &MetricDataQuery, text: &str) -> Result<Value, ApiError> {
        let select = Select::parse(text).map_err(|text| refused(query, text))?;
        let seconds =
            query.period.ok_or_else(|| refused(query, "a Metrics Insights query needs a Period"))?;
        let window = self.window(i64::from(seconds));
        let mut ids = self.found(&|id| select.finds(id));
        if ids.len() > MOST_SCANNED {
            self.truncated.set(true);
            ids.truncate(MOST_SCANNED);
        }
        let mut groups: BTreeMap<Vec<String>, Vec<Observation>> = BTreeMap::new();
        for id in &ids {
            let key = select.groups.iter().filter_map(|name| id.dimensions.get(name).cloned()).collect();
            groups.entry(key).or_default().extend(self.observations(id, window)?);
        }
        let mut rows: Vec<(f64, Series)> = Vec::new();
        for (key, observations) in groups {
            let label = if key.is_empty() {
                format!("{}({})", select.function, select.metric)
            } else {
                key.join(" ")
            };
            let order = select.order.and_then(|order| order.statistic.over(&observations)).unwrap_or(0.0);
            let points = window.points(&observations, select.statistic);
            rows.push((order, Series { label, ..Series::made(i64::from(seconds), points) }));
        }
        if let Some(order) = select.order {
            rows.sort_by(|a, b| if order.descending { b.0.total_cmp(&a.0) } else { a.0.total_cmp(&b.0) });
        }
        if rows.len() > MOST_GROUPS {
            self.truncated.set(true);
        }
        rows.truncate(select.limit.unwrap_or(MOST_GROUPS));
        Ok(Value::Many(rows.into_iter().map(|(_, series)| series).collect()))
    }

    fn work_out(&self, query: &MetricDataQuery) -> Result<Value, ApiError> {
        if let Some(stat) = &query.metric_stat {
            return self.stat(stat).map(Value::Series);
        }
        let text = query.expression.as_deref().unwrap_or_default();
        if Select::is_one(text) {
            return self.select(query, text);
        }
        let expression = parse(text).map_err(|text| refused(query, text))?;
        evaluate(&expression, self).map_err(|error| match (&*error.code, error.message) {
            // Says which of the expressions is meant.
            ("ValidationError", Some(text)) => {
                let text =
                    text.replacen("Error in expression:", &format!("Error in expression '{}':", query.id), 1);
                ApiError::validation_error(text)
            }
            (_, message) => ApiError { message, ..error },
        })
    }
}

impl Scope for Queries<'_> {
    fn query(&self, id: &str) -> Result<Value, ApiError> {
        if let Some(value) = self.done.borrow().get(id) {
            return Ok(value.clone());
        }
        let query = self.asked.iter().find(|query| query.id == id).ok_or_else(|| {
            ApiError::validation_error(format!("Error in expression: {id} is no Id of this request."))
        })?;
        let depth = self.depth.get() + 1;
        if depth > DEEPEST {
            return Err(refused(query, "the expressions refer to each other, or too far"));
        }
        self.depth.set(depth);
        let value = self.work_out(query)?;
        self.depth.set(depth - 1);
        self.done.borrow_mut().insert(id.to_owned(), value.clone());
        Ok(value)
    }

    fn metrics(&self, containing: Option<&str>) -> Result<Vec<Series>, ApiError> {
        let meant = |query: &&MetricDataQuery| {
            query.metric_stat.is_some() && containing.is_none_or(|part| query.id.contains(part))
        };
        let mut many = Vec::new();
        for query in self.asked.iter().filter(meant) {
            many.extend(self.series(query)?);
        }
        Ok(many)
    }

    fn search(
        &self,
        query: &str,
        statistic: &str,
        period_seconds: Option<i64>,
    ) -> Result<Vec<Series>, ApiError> {
        let wrong = |text: String| ApiError::validation_error(format!("Error in expression: {text}."));
        let search = Search::parse(query).map_err(wrong)?;
        let kind = Statistic::parse(statistic)?;
        let own = self
            .asked
            .iter()
            .find(|each| each.expression.as_deref().is_some_and(|text| text.contains(query)));
        let seconds = period_seconds.or_else(|| own.and_then(|own| own.period).map(i64::from));
        let seconds = seconds.ok_or_else(|| wrong("SEARCH needs a period here".to_owned()))?;
        check_period(seconds).map_err(|text| wrong(text.to_owned()))?;
        let window = self.window(seconds);
        let mut ids = self.found(&|id| search.finds(id));
        if ids.len() > MOST_FOUND {
            self.truncated.set(true);
            ids.truncate(MOST_FOUND);
        }
        let labels = super::label::distinct(&ids);
        let mut many = Vec::new();
        for (id, label) in ids.into_iter().zip(labels) {
            let points = window.points(&self.observations(&id, window)?, kind);
            let metric = Some((id, statistic.to_owned()));
            many.push(Series { label, metric, period_seconds: seconds, points });
        }
        Ok(many)
    }

    fn window(&self, period_seconds: i64) -> Window {
        let period = period_seconds.max(1) * 1000;
        let now = self.now();
        // Beginnings are moved down to whole minutes, or to whole periods of shorter ones.
        let step = period.min(60_000);
        let far = now.plus_seconds(-10 * KEPT_SECONDS);
        let mut from_millis = self.from.max(far).millis().div_euclid(step) * step;
        let kept =
            KEPT.iter().find(|(least, _)| period_seconds < *least).map_or(KEPT_SECONDS, |(_, kept)| *kept);
        let gone = now.plus_seconds(-kept).millis() - from_millis;
        if gone > 0 {
            from_millis += (gone + period - 1) / period * period;
        }
        let until_millis = self.until.min(now.plus_seconds(AHEAD_SECONDS)).millis();
        Window { from_millis, until_millis, period_millis: period }
    }

    fn now(&self) -> WorldTime {
        self.source.as_of
    }
}

/// The error of one query.
pub(crate) fn refused(query: &MetricDataQuery, text: impl std::fmt::Display) -> ApiError {
    ApiError::validation_error(format!("Error in expression '{}': {text}.", query.id))
}

fn is_id(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_lowercase())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

fn check_period(seconds: i64) -> Result<(), &'static str> {
    let known = matches!(seconds, 1 | 5 | 10 | 20 | 30) || (seconds >= 60 && seconds % 60 == 0);
    if known && seconds <= 86_400 * 7 {
        Ok(())
    } else {
        Err("the period must be 1, 5, 10, 20, 30 or a multiple of 60 up to a week")
    }
}
