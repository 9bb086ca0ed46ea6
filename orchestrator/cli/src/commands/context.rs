//! What commands share: where the state is, what time it is, who asks.

use crate::args::Global;
use crate::clock::{Follower, Simulated, Wall};
use crate::console::Console;
use crate::exit::{Exit, Stop};
use std::sync::Arc;
use wavetrain_model::time::{Seconds, Timestamp};
use wavetrain_ports::clock::Clock;
use wavetrain_store::{Store, StoreUrl};

/// The surroundings of one command.
#[derive(Debug, Clone)]
pub struct Context {
    /// How to speak.
    pub console: Console,
    /// Settings of every command.
    pub global: Global,
}

/// A clock, kept in step as long as this lives.
pub struct Time {
    /// It.
    pub clock: Arc<dyn Clock>,
    /// Seconds of this clock in a second of real time, as far as known at the start.
    speed: f64,
    follower: Option<Follower>,
}

impl Time {
    /// The clock of the simulated AWS behind an address.
    pub async fn of_simulation(endpoint_url: &str) -> Result<Self, Stop> {
        let (clock, follower) = Simulated::follow(endpoint_url).await?;
        Ok(Self { speed: clock.speed().max(1.0), clock, follower: Some(follower) })
    }

    /// Now.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// So many real seconds in this clock's own. Leases and mailboxes are between processes and people, who live in
    /// real time.
    #[expect(clippy::cast_sign_loss, reason = "clamped to at least one")]
    pub fn seconds(&self, real: u32) -> Seconds {
        Seconds((f64::from(real) * self.speed).clamp(1.0, 1e9) as u32)
    }

    /// The clock that the AWS SDK must follow instead of the wall's; None for real AWS.
    pub fn of_sessions(&self) -> Option<Arc<dyn Clock>> {
        self.follower.as_ref().map(|_| self.clock.clone())
    }
}

impl Context {
    /// Where the state is.
    pub fn place(&self) -> Result<StoreUrl, Stop> {
        StoreUrl::parse(&self.global.state)
            .map_err(|error| Stop::new(Exit::Usage, format!("--state: {error}")))
    }

    /// Opens the state to write to it, and creates it if it is not there.
    pub fn store(&self) -> Result<Arc<dyn Store>, Stop> {
        Ok(self.place()?.open()?)
    }

    /// Opens the state to look at it; None if there is none yet.
    pub fn store_to_look_at(&self) -> Result<Option<Arc<dyn Store>>, Stop> {
        match self.place()?.open_read_only() {
            Ok(store) => Ok(Some(store)),
            Err(wavetrain_store::Error::Missing { .. }) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Opens an existing state to write to it. Orders create no state: there would be nothing in it to order.
    pub fn existing_store(&self) -> Result<Option<Arc<dyn Store>>, Stop> {
        match self.store_to_look_at()? {
            Some(_) => self.store().map(Some),
            None => Ok(None),
        }
    }

    /// Now, for looking only: a simulated AWS that is gone must not hide what the state says.
    pub async fn now_to_look(&self) -> Timestamp {
        self.time().await.map_or_else(|_| crate::clock::wall_now(), |time| time.now())
    }

    /// The clock that rollouts in this state are run by.
    pub async fn time(&self) -> Result<Time, Stop> {
        // An empty variable is how shells unset one for a single command.
        let Some(asked) = self.global.sim_clock.as_ref().filter(|asked| !asked.is_empty()) else {
            return Ok(Time { clock: Arc::new(Wall), speed: 1.0, follower: None });
        };
        let endpoint = match asked.as_str() {
            "auto" => std::env::var("AWS_ENDPOINT_URL").map_err(|_| {
                Stop::new(Exit::Usage, "--sim-clock auto needs AWS_ENDPOINT_URL")
                    .help("name the address that `wavetrain sim serve` printed")
            })?,
            url => url.to_owned(),
        };
        Time::of_simulation(&endpoint).await
    }
}

/// Who asks, for the log: the login name. Recorded, not authenticated.
pub fn person() -> String {
    ["USER", "LOGNAME", "USERNAME"]
        .iter()
        .find_map(|name| std::env::var(name).ok().filter(|value| !value.is_empty()))
        .unwrap_or_else(|| "somebody".to_owned())
}

/// The account that this is typed with, for the log beside the name in which it is said. On Linux the kernel says whose process
/// this is: unlike a name in the environment nobody chooses that. Elsewhere it is the login name, as stated.
pub fn typed_by() -> String {
    account().unwrap_or_else(person)
}

#[cfg(target_os = "linux")]
fn account() -> Option<String> {
    use std::os::unix::fs::MetadataExt;
    let id = std::fs::metadata("/proc/self").ok()?.uid().to_string();
    let accounts = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    let mut accounts = accounts.lines().map(|line| line.split(':').collect::<Vec<_>>());
    let name = accounts.find(|fields| fields.get(2) == Some(&id.as_str()));
    let name = name.and_then(|fields| fields.first().map(ToString::to_string));
    Some(name.unwrap_or_else(|| format!("user {id}")))
}

#[cfg(not(target_os = "linux"))]
fn account() -> Option<String> {
    None
}

/// A name for this process that no other process has.
pub fn holder() -> String {
    format!("{} process {} {}", host(), std::process::id(), uuid::Uuid::now_v7())
}

/// Whether the process of this name is known to be gone: it ran on this machine, and no process has its number now.
/// Only Linux tells without unsafe code; elsewhere nothing is known.
pub fn is_gone(holder: &str) -> bool {
    let mut words = holder.strip_prefix(&host()).into_iter().flat_map(str::split_whitespace);
    match (words.next(), words.next().and_then(|number| number.parse::<u32>().ok())) {
        (Some("process"), Some(number)) => {
            std::path::Path::new("/proc/self").exists()
                && !std::path::Path::new(&format!("/proc/{number}")).exists()
        }
        _ => false,
    }
}

fn host() -> String {
    std::env::var("HOSTNAME").unwrap_or_else(|_| "localhost".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_is_not_gone_and_one_of_another_machine_is_not_judged() {
        assert!(!is_gone(&holder()));
        assert!(!is_gone("elsewhere process 4294967295 x"));
        assert!(!is_gone("something else"));
    }
}
