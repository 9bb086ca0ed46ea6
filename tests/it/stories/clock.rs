//! The world's time, moved on by the runtime itself: when no task can run, it jumps to the earliest awakening.
//!
//! The clock of the in-memory door finds out that everybody sleeps by giving the others their turn many times; this one is told
//! by the scheduler, which is exact and an order of magnitude cheaper. It needs a runtime of its own making.

use async_trait::async_trait;
use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll, Waker};
use tokio::runtime::Runtime;
use wavetrain_model::time::Timestamp;
use wavetrain_ports::clock::Clock;
use wavetrain_sim::clock::WorldTime;
use wavetrain_sim::ports::SharedWorld;

/// Awakenings, earliest first; the number tells equal ones apart and keeps their order.
type Sleepers = BTreeMap<(Timestamp, u64), Waker>;

#[derive(Debug, Clone)]
pub struct StoryClock {
    world: SharedWorld,
    sleepers: Arc<Mutex<(Sleepers, u64)>>,
}

impl StoryClock {
    pub fn new(world: SharedWorld) -> Self {
        Self { world, sleepers: Arc::default() }
    }

    /// A runtime of one thread on which this clock runs.
    pub fn runtime(&self) -> Runtime {
        let clock = self.clone();
        let mut builder = tokio::runtime::Builder::new_current_thread();
        // The time of tokio is real; the driver uses it only to be patient when it is asked to stop.
        builder.enable_time().on_thread_park(move || clock.jump()).build().expect("a runtime can be had")
    }

    fn lock(&self) -> MutexGuard<'_, (Sleepers, u64)> {
        self.sleepers.lock().expect("nothing panics while it holds the list")
    }

    fn jump(&self) {
        let mut due = {
            let mut sleepers = self.lock();
            let Some((until, _)) = sleepers.0.first_key_value().map(|(key, _)| *key) else { return };
            let later = sleepers.0.split_off(&(Timestamp(until.0 + 1), 0));
            std::mem::replace(&mut sleepers.0, later)
        };
        if let Some(((until, _), _)) = due.first_key_value() {
            let until = WorldTime::from_millis(until.0);
            self.world.with(|world| world.advance_to(until));
        }
        while let Some((_, waker)) = due.pop_first() {
            waker.wake();
        }
    }
}

struct Sleep<'c> {
    clock: &'c StoryClock,
    until: Timestamp,
    key: Option<(Timestamp, u64)>,
}

impl Future for Sleep<'_> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if self.clock.now() >= self.until {
            return Poll::Ready(());
        }
        let clock = self.clock;
        let mut sleepers = clock.lock();
        let key = self.key.unwrap_or_else(|| {
            sleepers.1 += 1;
            (self.until, sleepers.1)
        });
        sleepers.0.insert(key, context.waker().clone());
        drop(sleepers);
        self.key = Some(key);
        Poll::Pending
    }
}

impl Drop for Sleep<'_> {
    fn drop(&mut self) {
        if let Some(key) = self.key {
            self.clock.lock().0.remove(&key);
        }
    }
}

#[async_trait]
impl Clock for StoryClock {
    fn now(&self) -> Timestamp {
        Timestamp(self.world.with(|world| world.now().millis()))
    }

    async fn sleep_until(&self, until: Timestamp) {
        Sleep { clock: self, until, key: None }.await;
    }
}
