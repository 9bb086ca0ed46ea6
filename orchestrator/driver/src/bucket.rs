//! A token bucket that slows down while AWS throttles. Pure: time comes in.

use wavetrain_model::time::Timestamp;

/// Slowest rate, in calls a second: a throttled site is still asked now and then.
const FLOOR_PER_SECOND: f64 = 0.2;

/// Seconds in which the rate climbs from nothing back to the configured one.
const RECOVERY_SECONDS: f64 = 60.0;

/// Answers to calls that left together count as one throttling.
const ONE_THROTTLING_MS: u64 = 1_000;

/// Calls of one family to one site.
///
/// Reservations, not attempts: a caller is told when it may go and is counted at once, so waiting callers keep
/// their order and do not wake up together to fight for one token.
#[derive(Debug, Clone, PartialEq)]
pub struct Bucket {
    configured_per_second: f64,
    rate_per_second: f64,
    burst: f64,
    /// Below zero while reservations lie in the future.
    tokens: f64,
    updated_at: Timestamp,
    throttled_at: Option<Timestamp>,
}

impl Bucket {
    /// A full bucket.
    pub fn new(requests_per_second: u32, burst: u32, now: Timestamp) -> Self {
        let rate = f64::from(requests_per_second.max(1));
        let burst = f64::from(burst.max(1));
        Self {
            configured_per_second: rate,
            rate_per_second: rate,
            burst,
            tokens: burst,
            updated_at: now,
            throttled_at: None,
        }
    }

    /// Takes one token and says when the call may be made.
    pub fn reserve(&mut self, now: Timestamp) -> Timestamp {
        self.refill(now);
        self.tokens -= 1.0;
        if self.tokens >= 0.0 {
            return now;
        }
        let wait_ms = (-self.tokens / self.rate_per_second * 1000.0).ceil();
        Timestamp(now.0.saturating_add(wait_ms as i64))
    }

    /// Counts calls that were made without asking, such as the further pages of a listing.
    pub fn charge(&mut self, calls: u32, now: Timestamp) {
        self.refill(now);
        self.tokens -= f64::from(calls);
    }

    /// AWS throttled a call: half the rate from here on, and no burst.
    pub fn throttled(&mut self, now: Timestamp) {
        self.refill(now);
        if self.throttled_at.is_some_and(|at| now.since_ms(at) < ONE_THROTTLING_MS) {
            return;
        }
        self.throttled_at = Some(now);
        self.rate_per_second = (self.rate_per_second / 2.0).max(FLOOR_PER_SECOND);
        self.tokens = self.tokens.min(0.0);
    }

    /// Calls a second at the moment.
    pub fn rate_per_second(&self) -> f64 {
        self.rate_per_second
    }

    fn refill(&mut self, now: Timestamp) {
        // A clock that steps back gives nothing and takes nothing.
        let seconds = now.since_ms(self.updated_at) as f64 / 1000.0;
        self.updated_at = self.updated_at.max(now);
        self.tokens = (self.tokens + seconds * self.rate_per_second).min(self.burst);
        let climbed = self.rate_per_second + seconds * self.configured_per_second / RECOVERY_SECONDS;
        self.rate_per_second = climbed.min(self.configured_per_second);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: i64) -> Timestamp {
        Timestamp(ms)
    }

    #[test]
    fn a_burst_goes_at_once_and_the_rest_in_order_at_the_rate() {
        let mut bucket = Bucket::new(2, 3, at(0));
        let times: Vec<i64> = (0..6).map(|_| bucket.reserve(at(0)).0).collect();
        assert_eq!(times, [0, 0, 0, 500, 1000, 1500]);
    }

    #[test]
    fn an_idle_bucket_fills_up_to_its_burst_only() {
        let mut bucket = Bucket::new(2, 2, at(0));
        for _ in 0..4 {
            bucket.reserve(at(0));
        }
        let times: Vec<i64> = (0..3).map(|_| bucket.reserve(at(60_000)).0).collect();
        assert_eq!(times, [60_000, 60_000, 60_500]);
    }

    #[test]
    fn throttling_halves_once_for_calls_that_left_together_and_never_stops_entirely() {
        let mut bucket = Bucket::new(4, 4, at(0));
        bucket.throttled(at(0));
        bucket.throttled(at(10));
        assert!(bucket.rate_per_second() < 2.01, "{bucket:?}");
        assert!(bucket.reserve(at(10)) > at(10), "a throttled bucket has no burst left");
        for second in 1..40 {
            bucket.throttled(at(second * 1000));
        }
        assert!(bucket.rate_per_second() >= FLOOR_PER_SECOND);
    }

    #[test]
    fn the_rate_recovers_step_by_step_to_the_configured_one() {
        let mut bucket = Bucket::new(6, 1, at(0));
        bucket.throttled(at(0));
        bucket.charge(0, at(10_000));
        assert!((bucket.rate_per_second() - 4.0).abs() < 0.01, "{bucket:?}");
        bucket.charge(0, at(300_000));
        assert!((bucket.rate_per_second() - 6.0).abs() < f64::EPSILON);
    }

    #[test]
    fn charged_calls_delay_the_next_one() {
        let mut bucket = Bucket::new(1, 2, at(0));
        bucket.charge(4, at(0));
        assert_eq!(bucket.reserve(at(0)), at(3000));
    }

    #[test]
    fn a_clock_that_steps_back_gives_no_tokens() {
        let mut bucket = Bucket::new(1, 1, at(10_000));
        bucket.reserve(at(10_000));
        assert!(bucket.reserve(at(5_000)) > at(5_000));
    }
}
