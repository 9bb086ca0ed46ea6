//! The world's time as the program's clock: waiting costs no real time.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use wavetrain_model::time::Timestamp;
use wavetrain_ports::clock::Clock;

use crate::clock::WorldTime;

use super::SharedWorld;

/// How often the others get their turn before time moves on.
const TURNS: usize = 64;

/// A clock that jumps. When everybody who shares it sleeps, time moves to the earliest awakening and lets the world
/// happen until then.
///
/// "Everybody sleeps" is taken from the scheduler's turns: time moves once the other tasks had theirs and none asked
/// to wake earlier. On one thread that is exact for tasks that only wait for this clock; a task that waits for real
/// work (a blocking disk, a socket) meanwhile sees time pass.
#[derive(Debug, Clone)]
pub struct SimulatedClock {
    world: SharedWorld,
    sleepers: Arc<Mutex<Sleepers>>,
}

#[derive(Debug, Default)]
struct Sleepers {
    /// Awakenings, earliest first; the number tells equal ones apart.
    waiting: BTreeSet<(Timestamp, u64)>,
    count: u64,
}

impl SimulatedClock {
    /// The clock of a world.
    pub fn new(world: SharedWorld) -> Self {
        Self { world, sleepers: Arc::default() }
    }

    fn lock(&self) -> MutexGuard<'_, Sleepers> {
        self.sleepers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_next(&self, sleeper: (Timestamp, u64)) -> bool {
        self.lock().waiting.first() == Some(&sleeper)
    }
}

/// Takes a sleeper off the list even when its task is dropped while it sleeps; time would stand still for all.
struct Asleep<'c> {
    clock: &'c SimulatedClock,
    sleeper: (Timestamp, u64),
}

impl<'c> Asleep<'c> {
    fn until(clock: &'c SimulatedClock, until: Timestamp) -> Self {
        let mut sleepers = clock.lock();
        sleepers.count += 1;
        let sleeper = (until, sleepers.count);
        sleepers.waiting.insert(sleeper);
        drop(sleepers);
        Self { clock, sleeper }
    }
}

impl Drop for Asleep<'_> {
    fn drop(&mut self) {
        self.clock.lock().waiting.remove(&self.sleeper);
    }
}

#[async_trait]
impl Clock for SimulatedClock {
    fn now(&self) -> Timestamp {
        Timestamp(self.world.lock().now().millis())
    }

    async fn sleep_until(&self, until: Timestamp) {
        let asleep = Asleep::until(self, until);
        while self.now() < until {
            for _ in 0..TURNS {
                tokio::task::yield_now().await;
            }
            if self.is_next(asleep.sleeper) {
                self.world.lock().advance_to(WorldTime::from_millis(until.0));
            }
        }
    }
}
