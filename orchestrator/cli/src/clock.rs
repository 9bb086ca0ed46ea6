//! Time for the driver: the real clock, or the clock of a simulated AWS.
//!
//! A simulated AWS can run much faster than the wall. Waits of hours then pass in seconds, but only if both sides
//! agree on the time: the follower asks the simulation for its clock and its speed, and is answered again whenever a
//! test moves either.

use crate::exit::{Exit, Stop};
use crate::http;
use async_trait::async_trait;
use serde::Deserialize;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use wavetrain_model::time::Timestamp;
use wavetrain_ports::clock::Clock;

/// Longest single wait: a machine that slept, or a clock that was set, is noticed within this time.
const LONGEST_WAIT: Duration = Duration::from_secs(5);

/// Pause after a simulated clock that did not answer.
const ASK_AGAIN_AFTER: Duration = Duration::from_millis(200);

/// Milliseconds since the epoch on the real clock.
pub fn wall_now() -> Timestamp {
    // A clock before 1970 is a broken machine; zero is as good as any answer then.
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

/// The real clock.
#[derive(Debug, Clone, Copy)]
pub struct Wall;

#[async_trait]
impl Clock for Wall {
    fn now(&self) -> Timestamp {
        wall_now()
    }

    async fn sleep_until(&self, until: Timestamp) {
        loop {
            let left = until.since_ms(self.now());
            if left == 0 {
                return;
            }
            tokio::time::sleep(Duration::from_millis(left).min(LONGEST_WAIT)).await;
        }
    }
}

/// The clock of a simulated AWS, extrapolated between two looks at it.
#[derive(Debug)]
pub struct Simulated {
    anchor: Mutex<Anchor>,
    /// Wakes those who sleep: the clock moved.
    moved: watch::Sender<()>,
    /// Never handed out an earlier moment than this: a correction must not turn time back.
    latest_ms: AtomicI64,
}

/// A moment at which both clocks were known.
#[derive(Debug, Clone, Copy)]
struct Anchor {
    real: Instant,
    world_ms: i64,
    speed: f64,
}

/// What `GET /_sim/clock` says.
#[derive(Debug, Clone, Copy, Deserialize)]
struct Reading {
    /// Seconds since the epoch.
    now: f64,
    /// Seconds of the world in a second of real time.
    speed: f64,
    /// Whether it stands still.
    #[serde(default)]
    paused: bool,
    /// How often it was moved.
    #[serde(default)]
    change: u64,
}

/// Keeps a [`Simulated`] clock in step until it is dropped.
#[derive(Debug)]
pub struct Follower(JoinHandle<()>);

impl Drop for Follower {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Simulated {
    /// Reads the clock of the simulated AWS behind `endpoint_url` and follows it from then on.
    pub async fn follow(endpoint_url: &str) -> Result<(Arc<Self>, Follower), Stop> {
        let first = read(endpoint_url, None).await.map_err(|why| {
            Stop::new(Exit::LostContact, format!("cannot read the simulated clock at {endpoint_url}: {why}"))
                .help("start it with `wavetrain sim serve --world FILE`; leave --sim-clock out for real AWS")
        })?;
        let clock = Arc::new(Self::starting_at(first));
        let followed = Arc::clone(&clock);
        let endpoint = endpoint_url.to_owned();
        let task = tokio::spawn(async move {
            let mut seen = first.change;
            loop {
                // A simulation that went away is reported by the calls that need it; the clock just runs on.
                match read(&endpoint, Some(seen)).await {
                    Ok(reading) => {
                        seen = reading.change;
                        followed.correct(reading);
                    }
                    Err(_) => tokio::time::sleep(ASK_AGAIN_AFTER).await,
                }
            }
        });
        Ok((clock, Follower(task)))
    }

    fn starting_at(reading: Reading) -> Self {
        let anchor = reading.anchor();
        Self {
            anchor: Mutex::new(anchor),
            moved: watch::Sender::new(()),
            latest_ms: AtomicI64::new(anchor.world_ms),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Anchor> {
        self.anchor.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn correct(&self, reading: Reading) {
        let fresh = reading.anchor();
        let mut anchor = self.lock();
        let drift_ms = (fresh.world_ms - anchor.world_ms_at(fresh.real)).abs() as f64;
        // Small differences are the way of the answer through the wire, not a change of the clock.
        let same_speed = (fresh.speed - anchor.speed).abs() < f64::EPSILON;
        if !same_speed || drift_ms > (fresh.speed * 50.0).max(500.0) {
            *anchor = fresh;
            self.moved.send_replace(());
        }
    }

    /// Seconds of the world in a second of real time.
    pub fn speed(&self) -> f64 {
        self.lock().speed
    }
}

impl Reading {
    fn anchor(self) -> Anchor {
        Anchor {
            real: Instant::now(),
            world_ms: (self.now * 1000.0).round() as i64,
            speed: if self.paused { 0.0 } else { self.speed },
        }
    }
}

impl Anchor {
    fn world_ms_at(&self, real: Instant) -> i64 {
        let elapsed_ms = real.saturating_duration_since(self.real).as_secs_f64() * 1000.0;
        self.world_ms.saturating_add((elapsed_ms * self.speed) as i64)
    }
}

/// The clock now, or at its next change after one that was seen.
async fn read(endpoint_url: &str, seen: Option<u64>) -> Result<Reading, http::Error> {
    let path = seen.map_or("/_sim/clock".to_owned(), |seen| format!("/_sim/clock?after_change={seen}"));
    let body = http::get(endpoint_url, &path).await?;
    serde_json::from_slice(&body).map_err(|error| http::Error::Answer(error.to_string()))
}

#[async_trait]
impl Clock for Simulated {
    fn now(&self) -> Timestamp {
        let world_ms = self.lock().world_ms_at(Instant::now());
        let before = self.latest_ms.fetch_max(world_ms, Ordering::Relaxed);
        Timestamp(world_ms.max(before))
    }

    async fn sleep_until(&self, until: Timestamp) {
        let mut moved = self.moved.subscribe();
        loop {
            moved.mark_unchanged();
            let left_ms = until.since_ms(self.now());
            if left_ms == 0 {
                return;
            }
            let speed = self.speed();
            let real_ms = if speed > 0.0 { left_ms as f64 / speed } else { f64::INFINITY };
            let wait = Duration::from_secs_f64((real_ms / 1000.0).min(LONGEST_WAIT.as_secs_f64()));
            // Early or late, the loop looks at the clock again.
            let _ = tokio::time::timeout(wait.max(Duration::from_micros(200)), moved.changed()).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_paused_simulation_stands_still() {
        let clock = Simulated::starting_at(Reading { now: 1000.0, speed: 60.0, paused: true, change: 0 });
        assert_eq!(clock.now(), Timestamp(1_000_000));
        assert_eq!(clock.now(), Timestamp(1_000_000));
    }

    #[test]
    fn a_jump_forward_is_followed_and_time_never_turns_back() {
        let clock = Simulated::starting_at(Reading { now: 1000.0, speed: 1.0, paused: true, change: 0 });
        clock.correct(Reading { now: 5000.0, speed: 1.0, paused: true, change: 0 });
        assert_eq!(clock.now(), Timestamp(5_000_000));
        clock.correct(Reading { now: 4000.0, speed: 1.0, paused: true, change: 0 });
        assert_eq!(clock.now(), Timestamp(5_000_000));
    }
}
