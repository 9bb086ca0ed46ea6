//! What tests of the real program share: a binary built once, a simulated AWS in its own process, a person's
//! terminal, and the world's own record to compare with.

pub mod binary;
pub mod http;
pub mod sim;
pub mod stage;
pub mod truth;
pub mod worlds;

use std::time::{Duration, Instant};

/// Longest that anything is waited for, in real time. A bound against hanging, not an expectation.
const PATIENCE: Duration = Duration::from_mins(2);

/// Asks again and again until `look` finds something.
///
/// # Panics
/// When it never does.
pub fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(begun.elapsed() < PATIENCE, "waited in vain until {what}");
        std::thread::sleep(Duration::from_millis(3));
    }
}
