//! How the world's time follows real time.

use std::time::Duration;

/// The longest single step forward, ten years: enough for any test, and far from what overflows.
const MAX_ADVANCE_SECONDS: f64 = 10.0 * 365.0 * 86_400.0;

/// The fastest pace: a day of the world in a second.
pub const MAX_SPEED: f64 = 86_400.0;

/// A pace or a step that makes no sense.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
pub enum PaceError {
    /// Negative, not a number, or faster than [`MAX_SPEED`].
    #[error("speed must be between 0 and {MAX_SPEED}, not {0}")]
    Speed(f64),
    /// Time does not go backwards.
    #[error("advance_seconds must be between 0 and {MAX_ADVANCE_SECONDS}, not {0}")]
    Advance(f64),
}

/// Maps real time elapsed to the world's time: a moment both are known for, and the speed since then.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Pace {
    world_millis: i64,
    elapsed: Duration,
    speed: f64,
    paused: bool,
}

impl Pace {
    /// The world stands at `world_millis` when no real time has elapsed.
    pub(crate) fn new(world_millis: i64, speed: f64) -> Result<Self, PaceError> {
        check_speed(speed)?;
        Ok(Self { world_millis, elapsed: Duration::ZERO, speed, paused: false })
    }

    /// The world's time, in milliseconds since the epoch.
    pub(crate) fn now_millis(&self, elapsed: Duration) -> i64 {
        if self.paused {
            return self.world_millis;
        }
        let since = elapsed.saturating_sub(self.elapsed).as_secs_f64() * 1000.0;
        self.world_millis.saturating_add((since * self.speed) as i64)
    }

    /// Since when the world moves in this way.
    pub(crate) fn since(&self) -> Duration {
        self.elapsed
    }

    /// Real seconds until the world reaches a moment; 0 if it has passed. As if at real speed while the world
    /// stands still, when nobody can know.
    pub(crate) fn real_seconds_until(&self, world_millis: i64, elapsed: Duration) -> f64 {
        let left = world_millis.saturating_sub(self.now_millis(elapsed)).max(0) as f64 / 1000.0;
        let moving = !self.paused && self.speed > 0.0;
        if moving { left / self.speed } else { left }
    }

    /// Seconds of the world in a second of real time; kept while paused.
    pub(crate) fn speed(&self) -> f64 {
        self.speed
    }

    /// Whether the world stands still.
    pub(crate) fn is_paused(&self) -> bool {
        self.paused
    }

    /// From now on at this speed.
    pub(crate) fn set_speed(&mut self, elapsed: Duration, speed: f64) -> Result<(), PaceError> {
        check_speed(speed)?;
        self.anchor(elapsed);
        self.speed = speed;
        Ok(())
    }

    /// Stands still, or moves on at the speed it had.
    pub(crate) fn set_paused(&mut self, elapsed: Duration, paused: bool) {
        self.anchor(elapsed);
        self.paused = paused;
    }

    /// Jumps forward, also while paused.
    pub(crate) fn advance(&mut self, elapsed: Duration, seconds: f64) -> Result<(), PaceError> {
        if !(0.0..=MAX_ADVANCE_SECONDS).contains(&seconds) {
            return Err(PaceError::Advance(seconds));
        }
        self.anchor(elapsed);
        self.world_millis = self.world_millis.saturating_add((seconds * 1000.0).round() as i64);
        Ok(())
    }

    fn anchor(&mut self, elapsed: Duration) {
        self.world_millis = self.now_millis(elapsed);
        self.elapsed = elapsed;
    }
}

fn check_speed(speed: f64) -> Result<(), PaceError> {
    if (0.0..=MAX_SPEED).contains(&speed) { Ok(()) } else { Err(PaceError::Speed(speed)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn world_time_runs_at_the_speed_set_and_keeps_its_place_when_it_changes() {
        let mut pace = Pace::new(1_000, 60.0).expect("a speed");
        assert_eq!(pace.now_millis(SECOND), 61_000);
        pace.set_speed(SECOND, 1.0).expect("a speed");
        assert_eq!(pace.now_millis(SECOND), 61_000);
        assert_eq!(pace.now_millis(SECOND * 2), 62_000);
    }

    #[test]
    fn a_paused_world_moves_only_when_advanced() {
        let mut pace = Pace::new(0, 10.0).expect("a speed");
        pace.set_paused(SECOND, true);
        assert_eq!(pace.now_millis(SECOND * 100), 10_000);
        pace.advance(SECOND * 100, 2.5).expect("a step");
        assert_eq!(pace.now_millis(SECOND * 200), 12_500);
        pace.set_paused(SECOND * 200, false);
        assert_eq!(pace.now_millis(SECOND * 201), 22_500);
    }

    #[test]
    fn moments_of_the_world_are_told_in_real_time() {
        let mut pace = Pace::new(0, 60.0).expect("a speed");
        assert_eq!(pace.real_seconds_until(3_600_000, Duration::ZERO).to_bits(), 60.0_f64.to_bits());
        assert_eq!(pace.real_seconds_until(1_000, SECOND).to_bits(), 0.0_f64.to_bits());
        pace.set_paused(Duration::ZERO, true);
        assert_eq!(pace.real_seconds_until(3_600_000, SECOND).to_bits(), 3_600.0_f64.to_bits());
    }

    #[test]
    fn impossible_speeds_and_steps_are_refused() {
        for speed in [-1.0, f64::NAN, f64::INFINITY, MAX_SPEED * 2.0] {
            assert!(Pace::new(0, speed).is_err(), "{speed}");
        }
        let mut pace = Pace::new(0, 1.0).expect("a speed");
        assert!(pace.advance(SECOND, -1.0).is_err());
        assert_eq!(pace.now_millis(SECOND), 1_000);
    }
}
