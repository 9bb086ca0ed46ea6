//! What goes wrong between a caller and the service, decided for each call before and after it is carried out.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::api::cloudwatch::StatusCode;
use crate::api::{ApiError, Delivery};
use crate::clock::WorldTime;
use crate::random::Chance;
use crate::world_file::Rate;

/// One fault: which calls it meets, and exactly one thing that it does to them.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[expect(clippy::struct_excessive_bools, reason = "a file says each effect by its own key")]
pub struct Fault {
    /// Accounts called; any when empty.
    pub accounts: Vec<String>,
    /// Regions called; any when empty.
    pub regions: Vec<String>,
    /// Operations such as `SendCommand`; any when empty.
    pub operations: Vec<String>,
    /// From so many seconds after the world's start.
    pub from_seconds: Option<i64>,
    /// Until so many seconds after the world's start.
    pub until_seconds: Option<i64>,
    /// Of the calls that match so far, only the first so many.
    pub first_calls: Option<u64>,
    /// Of the calls that match so far, only these, counted from 1.
    pub calls: Vec<u64>,
    /// Of the calls that match so far, only every so-many-th.
    pub every: Option<u64>,
    /// Of the calls that match so far, each with this probability.
    pub probability: Option<f64>,

    /// Refuse calls above this rate, counted for each account, Region and operation.
    pub throttle: Option<Rate>,
    /// Answer with an error instead of carrying the call out.
    pub error: Option<ErrorFault>,
    /// Lose the answer: `after` the call was carried out, or `before`.
    pub lose_answer: Option<Loss>,
    /// Refuse for lack of permission.
    pub deny: bool,
    /// Nobody there: `refused` (503 from something in between) or `hangs`.
    pub unreachable: Option<Unreachable>,
    /// The caller's credentials count as expired.
    pub expired_credentials: bool,
    /// The call is carried out, but the answer is not AWS's.
    pub nonsense: bool,
    /// Listings show a command only so many seconds after it was sent.
    pub listing_lag_seconds: Option<f64>,
    /// Pages are shorter than asked for, some empty, with a token to go on.
    pub short_pages: bool,
    /// Invocations that are not finished show these status details, which nobody knows.
    pub unknown_status: Option<String>,
    /// Metric data can be read only so many seconds later than otherwise.
    pub metric_lag_seconds: Option<i64>,
    /// Queries for metric data are answered with this status inside a success: `PartialData` with half of the points,
    /// `InternalError` or `Forbidden` with none.
    pub metric_status: Option<StatusCode>,
}

/// An error answered by a fault.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ErrorFault {
    /// Error code.
    pub code: String,
    /// HTTP status.
    #[serde(default = "internal")]
    pub status: u16,
    /// Text.
    #[serde(default)]
    pub message: String,
}

fn internal() -> u16 {
    500
}

/// When an answer is lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Loss {
    /// The call was carried out.
    After,
    /// The call never arrived.
    Before,
}

/// How a dead site looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Unreachable {
    /// HTTP 503 at once.
    Refused,
    /// No answer at all.
    Hangs,
}

impl Fault {
    /// The error text when the fault does nothing, or more than one thing.
    pub fn check(&self) -> Result<(), String> {
        let effects = [
            self.throttle.is_some(),
            self.error.is_some(),
            self.lose_answer.is_some(),
            self.deny,
            self.unreachable.is_some(),
            self.expired_credentials,
            self.nonsense,
            self.listing_lag_seconds.is_some(),
            self.short_pages,
            self.unknown_status.is_some(),
            self.metric_lag_seconds.is_some(),
            self.metric_status.is_some(),
        ];
        match effects.iter().filter(|effect| **effect).count() {
            1 => Ok(()),
            0 => Err("says which calls it meets, but not what happens to them".to_owned()),
            _ => Err("does more than one thing; write one fault for each".to_owned()),
        }
    }

    fn covers(&self, call: &Call<'_>, start: WorldTime) -> bool {
        let listed = |list: &[String], value: &str| list.is_empty() || list.iter().any(|item| item == value);
        let age = call.at.millis_since(start);
        listed(&self.accounts, call.account)
            && listed(&self.regions, call.region)
            && listed(&self.operations, call.operation)
            && self.from_seconds.is_none_or(|from| age >= from.saturating_mul(1000))
            && self.until_seconds.is_none_or(|until| age < until.saturating_mul(1000))
    }

    /// Whether the `count`-th matching call is met.
    fn picks(&self, count: u64, chance: Chance) -> bool {
        self.first_calls.is_none_or(|first| count <= first)
            && (self.calls.is_empty() || self.calls.contains(&count))
            && self.every.is_none_or(|every| every > 0 && count.is_multiple_of(every))
            && self.probability.is_none_or(|probability| chance.numbered(count).hits(probability))
    }
}

/// The call under judgement.
#[derive(Debug, Clone, Copy)]
pub struct Call<'a> {
    /// Account called.
    pub account: &'a str,
    /// Region called.
    pub region: &'a str,
    /// Operation.
    pub operation: &'a str,
    /// When.
    pub at: WorldTime,
}

/// What happens to one call.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Judgement {
    /// Answered with this error, not carried out.
    pub refusal: Option<ApiError>,
    /// Whether the call is carried out at all (a refusal is not).
    pub lost_before: bool,
    /// What becomes of the answer.
    pub delivery: Delivery,
    /// Listings lag at least this long.
    pub listing_lag_seconds: Option<f64>,
    /// Pages are cut short.
    pub short_pages: bool,
    /// Status details shown for unfinished invocations.
    pub unknown_status: Option<String>,
    /// Metric data arrive so much later.
    pub metric_lag_seconds: Option<i64>,
    /// Status of every query for metric data.
    pub metric_status: Option<StatusCode>,
}

/// The faults of a world with their counters.
#[derive(Debug, Clone)]
pub struct Faults {
    start: WorldTime,
    chance: Chance,
    counted: Vec<Counted>,
    rates: BTreeMap<String, Rate>,
    buckets: BTreeMap<(usize, String, String, String), Bucket>,
}

#[derive(Debug, Clone)]
struct Counted {
    fault: Fault,
    met: u64,
}

#[derive(Debug, Clone, Copy)]
struct Bucket {
    tokens: f64,
    filled_at: WorldTime,
}

/// Bucket key of the world's ordinary rates, beside the indices of faults.
const ORDINARY: usize = usize::MAX;

impl Faults {
    /// The faults and ordinary rates of a world that starts at a moment.
    pub fn new(faults: Vec<Fault>, rates: BTreeMap<String, Rate>, start: WorldTime, chance: Chance) -> Self {
        let counted = faults.into_iter().map(|fault| Counted { fault, met: 0 }).collect();
        Self { start, chance, counted, rates, buckets: BTreeMap::new() }
    }

    /// Adds a fault while the world runs; its counters begin at zero.
    pub fn add(&mut self, fault: Fault) {
        self.counted.push(Counted { fault, met: 0 });
    }

    /// Removes all faults; the ordinary rates stay.
    pub fn clear(&mut self) {
        self.counted.clear();
        self.buckets.retain(|(index, ..), _| *index == ORDINARY);
    }

    /// Decides about one call. Counts it.
    pub fn judge(&mut self, call: &Call<'_>) -> Judgement {
        let mut judgement = Judgement::default();
        let rate = self.rates.get(call.operation).or_else(|| self.rates.get("*")).copied();
        if let Some(rate) = rate
            && !self.take(ORDINARY, rate, call)
        {
            judgement.refusal = Some(ApiError::throttling());
        }
        for index in 0..self.counted.len() {
            let counted = &mut self.counted[index];
            if !counted.fault.covers(call, self.start) {
                continue;
            }
            counted.met += 1;
            if !counted.fault.picks(counted.met, self.chance.numbered(index as u64)) {
                continue;
            }
            let fault = counted.fault.clone();
            if let Some(rate) = fault.throttle
                && !self.take(index, rate, call)
            {
                judgement.refusal.get_or_insert_with(ApiError::throttling);
            }
            judgement.suffer(&fault, call);
        }
        judgement
    }

    fn take(&mut self, index: usize, rate: Rate, call: &Call<'_>) -> bool {
        let key = (index, call.account.to_owned(), call.region.to_owned(), call.operation.to_owned());
        let bucket = self.buckets.entry(key).or_insert(Bucket { tokens: rate.burst, filled_at: call.at });
        let passed = call.at.millis_since(bucket.filled_at).max(0) as f64 / 1000.0;
        bucket.tokens = (bucket.tokens + passed * rate.per_second).min(rate.burst);
        bucket.filled_at = call.at;
        if bucket.tokens < 1.0 {
            return false;
        }
        bucket.tokens -= 1.0;
        true
    }
}

impl Judgement {
    fn suffer(&mut self, fault: &Fault, call: &Call<'_>) {
        if let Some(error) = &fault.error {
            self.refusal.get_or_insert_with(|| as_api_error(error));
        }
        if fault.deny {
            self.refusal.get_or_insert_with(|| denied(call));
        }
        if fault.expired_credentials {
            self.refusal.get_or_insert_with(ApiError::expired_token);
        }
        match fault.lose_answer {
            Some(Loss::Before) => {
                self.lost_before = true;
                self.delivery = Delivery::Dropped;
            }
            Some(Loss::After) => self.delivery = Delivery::Dropped,
            None => {}
        }
        match fault.unreachable {
            Some(Unreachable::Refused) => {
                self.lost_before = true;
                self.delivery = Delivery::Unavailable;
            }
            Some(Unreachable::Hangs) => {
                self.lost_before = true;
                self.delivery = Delivery::Hangs;
            }
            None => {}
        }
        if fault.nonsense {
            self.delivery = Delivery::Garbled;
        }
        self.short_pages |= fault.short_pages;
        self.metric_lag_seconds = self.metric_lag_seconds.or(fault.metric_lag_seconds);
        self.metric_status = self.metric_status.or(fault.metric_status);
        self.listing_lag_seconds = self.listing_lag_seconds.or(fault.listing_lag_seconds);
        if self.unknown_status.is_none() {
            self.unknown_status.clone_from(&fault.unknown_status);
        }
    }
}

fn as_api_error(error: &ErrorFault) -> ApiError {
    let answer = if error.status >= 500 {
        ApiError::server(error.code.clone(), error.message.clone())
    } else {
        ApiError::client(error.code.clone(), error.message.clone())
    };
    // Many errors are modelled without a text.
    let message = answer.message.filter(|message| !message.is_empty());
    ApiError { message, ..answer }.with_status(error.status)
}

fn denied(call: &Call<'_>) -> ApiError {
    let text = format!(
        "User: arn:aws:sts::{}:assumed-role/caller is not authorized to perform: {}",
        call.account, call.operation
    );
    if matches!(call.operation, "AssumeRole" | "GetCallerIdentity") {
        ApiError::sts_access_denied(text)
    } else {
        ApiError::access_denied(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(operation: &str, seconds: i64) -> Call<'_> {
        Call {
            account: "111122223333",
            region: "eu-west-1",
            operation,
            at: WorldTime::from_millis(seconds * 1000),
        }
    }

    fn faults(fault: Fault) -> Faults {
        Faults::new(vec![fault], BTreeMap::new(), WorldTime::from_millis(0), Chance::from_seed(1))
    }

    #[test]
    fn a_token_bucket_refuses_above_its_rate_and_refills() {
        let mut faults =
            faults(Fault { throttle: Some(Rate { per_second: 1.0, burst: 2.0 }), ..Fault::default() });
        let mut refused = |seconds| faults.judge(&call("ListCommands", seconds)).refusal.is_some();
        assert_eq!(
            [refused(0), refused(0), refused(0), refused(1), refused(1)],
            [false, false, true, false, true]
        );
    }

    #[test]
    fn calls_are_counted_only_where_the_selectors_match() {
        let mut faults = faults(Fault {
            operations: vec!["SendCommand".to_owned()],
            calls: vec![2],
            lose_answer: Some(Loss::After),
            ..Fault::default()
        });
        let mut lost = |operation| faults.judge(&call(operation, 0)).delivery == Delivery::Dropped;
        assert_eq!(
            [lost("SendCommand"), lost("ListCommands"), lost("SendCommand"), lost("SendCommand")],
            [false, false, true, false]
        );
    }

    #[test]
    fn every_nth_call_and_time_windows_hold() {
        let mut faults = faults(Fault {
            every: Some(2),
            from_seconds: Some(10),
            until_seconds: Some(20),
            error: Some(ErrorFault {
                code: "InternalServerError".into(),
                status: 500,
                message: String::new(),
            }),
            ..Fault::default()
        });
        let mut failed = |seconds| faults.judge(&call("ListCommands", seconds)).refusal.is_some();
        assert_eq!(
            [failed(5), failed(10), failed(11), failed(19), failed(20)],
            [false, false, true, false, false]
        );
    }

    #[test]
    fn a_fault_must_do_exactly_one_thing() {
        assert!(Fault::default().check().is_err());
        assert!(Fault { deny: true, nonsense: true, ..Fault::default() }.check().is_err());
        assert!(Fault { deny: true, ..Fault::default() }.check().is_ok());
    }
}
