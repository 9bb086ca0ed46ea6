//! When a site's commands are listed, and which of them are worth reading node by node. Pure: time comes in.
//!
//! Counters first: one listing answers for 50 commands of 50 nodes a page. A site is listed when one of its commands
//! can be expected to be over (as long as the others of this rollout took), and never less often than the longest pause,
//! which bounds how late a failure is noticed. A command's invocations are read when its counters say that it is over or
//! that something went wrong; good news in the middle only if the end is far.

mod usual;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
pub(crate) use usual::Kind;
use usual::Usual;
use wavetrain_model::id::{CommandId, IntentId, NodeIndex, SiteIndex};
use wavetrain_model::spec::{Api, Deadlines};
use wavetrain_model::state::OpenIntent;
use wavetrain_model::time::Timestamp;
use wavetrain_ports::distributor::{Command, Invocation, Listing};

/// Difference of clocks between AWS and this machine that a listing's start allows for.
const CLOCK_SKEW_MS: i64 = 60_000;

/// How long before its deadline a command's answer is read once more, so that the deadline finds it known.
const LAST_LOOK_MS: i64 = 10_000;

/// Commands asked for beyond those watched: other people send commands in the same account.
const COMMANDS_OF_OTHERS: usize = 50;

/// Looks begin at whole seconds: sites that are due at about the same time share one round of the driver.
const GRID_MS: i64 = 1_000;

/// A command to watch, as the state knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Sent {
    pub(crate) command: CommandId,
    pub(crate) kind: Kind,
    /// When it was accepted, or found again.
    pub(crate) at: Timestamp,
    /// When it was promised: AWS has had it since then at the earliest.
    pub(crate) recorded_at: Timestamp,
}

/// One listing to make.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct List {
    pub(crate) site: SiteIndex,
    pub(crate) since: Timestamp,
    pub(crate) limit: usize,
}

/// The polling of all sites.
#[derive(Debug)]
pub(crate) struct Watch {
    pauses: Pauses,
    /// Commands sent before were sent by an earlier process: what it read of them is lost.
    took_up_at: Timestamp,
    salt: u64,
    usual: Usual,
    sites: BTreeMap<SiteIndex, Site>,
}

/// The plan's settings in milliseconds.
#[derive(Debug, Clone, Copy)]
#[expect(clippy::struct_field_names, reason = "units last in names")]
struct Pauses {
    first_ms: i64,
    longest_ms: i64,
    /// After this long a command's answer is read once more, whatever its counters say.
    overdue_ms: i64,
}

#[derive(Debug, Default)]
struct Site {
    commands: BTreeMap<IntentId, Watched>,
    /// A listing that failed is not repeated before.
    rests_until: Timestamp,
    failed_pause_ms: i64,
    rounds: u64,
    listing: bool,
}

#[derive(Debug)]
struct Watched {
    sent: Sent,
    /// When it can be expected to be over.
    expected_at: Timestamp,
    /// The same, moved on when it was not.
    next_at: Timestamp,
    /// Pause after the next look that finds nothing new.
    pause_ms: i64,
    /// The last look, or the sending.
    looked_at: Timestamp,
    /// Counters of the last listing.
    seen: Counters,
    /// Counters whose invocations are all read. None: never read, so nothing is known.
    read: Option<Counters>,
    read_at: Option<Timestamp>,
    reading: bool,
    /// Statuses that this program does not know, as last told to the engine.
    told: BTreeMap<NodeIndex, String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Counters {
    targets: u32,
    completed: u32,
    errors: u32,
    delivery_timed_out: u32,
    over: bool,
}

impl From<&Command> for Counters {
    fn from(command: &Command) -> Self {
        let Command { targets, completed, errors, delivery_timed_out, over, .. } = *command;
        Self { targets, completed, errors, delivery_timed_out, over }
    }
}

impl Watch {
    pub(crate) fn new(api: &Api, deadlines: &Deadlines, took_up_at: Timestamp, salt: u64) -> Self {
        let first_ms = i64::from(api.first_poll.0.max(1)) * 1000;
        let patience_ms = (i64::from(deadlines.delivery.0) + i64::from(deadlines.execution.0)) * 1000;
        let pauses = Pauses {
            first_ms,
            longest_ms: (i64::from(api.longest_poll.0) * 1000).max(first_ms),
            overdue_ms: (patience_ms - LAST_LOOK_MS).max(patience_ms / 2),
        };
        Self { pauses, took_up_at, salt, usual: Usual::default(), sites: BTreeMap::new() }
    }

    /// Watches these commands and no others.
    pub(crate) fn follow(
        &mut self,
        now: Timestamp,
        wanted: &BTreeMap<SiteIndex, Vec<IntentId>>,
        sent: impl Fn(IntentId) -> Option<Sent>,
    ) {
        self.sites.retain(|site, _| wanted.contains_key(site));
        for (index, intents) in wanted {
            let site = self.sites.entry(*index).or_default();
            if site.commands.len() > intents.len() || intents.iter().any(|id| !site.commands.contains_key(id))
            {
                let still: BTreeSet<&IntentId> = intents.iter().collect();
                site.commands.retain(|intent, _| still.contains(intent));
            }
            for intent in intents {
                if site.commands.contains_key(intent) {
                    continue;
                }
                let Some(sent) = sent(*intent) else { continue };
                let usual_ms = self.usual.duration_ms(sent.kind).unwrap_or(0).max(self.pauses.first_ms);
                let first_look = Timestamp((sent.at.0 + usual_ms).max(now.0));
                let read = (sent.recorded_at >= self.took_up_at).then(Counters::default);
                site.commands.insert(*intent, Watched::new(sent, first_look, read, self.pauses));
            }
        }
        self.sites.retain(|_, site| !site.commands.is_empty());
    }

    /// When the next listing is due.
    pub(crate) fn next_at(&self) -> Option<Timestamp> {
        let idle = self.sites.values().filter(|site| !site.listing);
        idle.filter_map(|site| site.next_at(self.pauses)).min()
    }

    /// The listings to make now; each must be answered with [`Self::listed`].
    pub(crate) fn begin(&mut self, now: Timestamp) -> Vec<List> {
        let mut lists = Vec::new();
        for (index, site) in &mut self.sites {
            if site.listing || site.next_at(self.pauses).is_none_or(|at| at > now) {
                continue;
            }
            let Some(oldest) = site.commands.values().map(|watched| watched.sent.recorded_at).min() else {
                continue;
            };
            site.listing = true;
            lists.push(List {
                site: *index,
                since: Timestamp(oldest.0 - CLOCK_SKEW_MS),
                limit: site.commands.len() + COMMANDS_OF_OTHERS,
            });
        }
        lists
    }

    /// A listing came back (None: it failed or was not made). Gives the commands whose invocations are to be
    /// read now; each must be answered with [`Self::read`].
    pub(crate) fn listed(
        &mut self,
        index: SiteIndex,
        now: Timestamp,
        listing: Option<&Listing>,
    ) -> Vec<(IntentId, CommandId)> {
        let pauses = self.pauses;
        let Some(site) = self.sites.get_mut(&index) else { return Vec::new() };
        site.listing = false;
        site.rounds += 1;
        let seed = self.salt ^ u64::from(index.0) << 32 ^ site.rounds;
        let Some(listing) = listing else {
            site.failed_pause_ms = (site.failed_pause_ms * 2).clamp(pauses.first_ms * 2, pauses.longest_ms);
            site.rests_until = Timestamp(now.0 + shortened(site.failed_pause_ms, seed));
            return Vec::new();
        };
        site.failed_pause_ms = 0;
        let listed: BTreeMap<&CommandId, Counters> =
            listing.commands.iter().map(|command| (&command.id, Counters::from(command))).collect();
        let mut reads = Vec::new();
        for (intent, watched) in &mut site.commands {
            let counters = listed.get(&watched.sent.command).copied();
            if let Some(duration) = counters.and_then(|counters| watched.ended(now, counters)) {
                self.usual.learn(watched.sent.kind, duration.0, duration.1);
            }
            let moved = counters.is_some_and(|counters| watched.note(counters));
            if !watched.reading && watched.is_worth_reading(now, counters, moved, pauses) {
                watched.reading = true;
                reads.push((*intent, watched.sent.command.clone()));
            }
            watched.look_again(now, moved, pauses, seed);
        }
        reads
    }

    /// A command's invocations came back (None: reading failed or was not done). Gives the rows that say
    /// something new about nodes whose answer is awaited.
    pub(crate) fn read<'a>(
        &mut self,
        site: SiteIndex,
        now: Timestamp,
        open: &OpenIntent,
        rows: Option<&'a [Invocation]>,
        node_index: impl Fn(&Invocation) -> Option<NodeIndex>,
    ) -> Vec<(NodeIndex, &'a Invocation)> {
        let intent = open.intent.id;
        let Some(watched) = self.sites.get_mut(&site).and_then(|site| site.commands.get_mut(&intent)) else {
            return Vec::new();
        };
        watched.reading = false;
        let Some(rows) = rows else {
            watched.read_again(now, self.pauses);
            return Vec::new();
        };
        watched.read_at = Some(now);
        let ended = rows.iter().filter(|row| row.status.is_terminal()).count();
        // Listings and invocations are not of one moment: rows that lag behind the counters are read again.
        let expected =
            if watched.seen.over { open.intent.nodes.len() } else { watched.seen.completed as usize };
        watched.read = Some(watched.seen);
        if ended < expected {
            watched.read_again(now, self.pauses);
        }
        let indexed = rows.iter().filter_map(|row| node_index(row).map(|node| (node, row)));
        indexed.filter(|(node, row)| open.pending.contains(node) && watched.is_news(*node, row)).collect()
    }
}

impl Site {
    /// When the site is listed next: as soon as one command can be over, a little later if others can be by then.
    fn next_at(&self, pauses: Pauses) -> Option<Timestamp> {
        let moments = || self.commands.values().map(|watched| watched.wanted_at(pauses));
        let first = moments().min()?;
        let together = moments().filter(|at| at.0 <= first.0 + 2 * pauses.first_ms).max().unwrap_or(first);
        let latest =
            self.commands.values().map(|watched| watched.latest_at(pauses)).min().unwrap_or(together);
        let at = together.min(latest).max(first).max(self.rests_until);
        Some(Timestamp((at.0 + GRID_MS - 1).div_euclid(GRID_MS) * GRID_MS))
    }
}

impl Watched {
    fn new(sent: Sent, expected_at: Timestamp, read: Option<Counters>, pauses: Pauses) -> Self {
        Self {
            looked_at: sent.at,
            sent,
            expected_at,
            next_at: expected_at,
            pause_ms: pauses.first_ms,
            seen: Counters::default(),
            read,
            read_at: None,
            reading: false,
            told: BTreeMap::new(),
        }
    }

    fn overdue_at(&self, pauses: Pauses) -> Timestamp {
        Timestamp(self.sent.at.0 + pauses.overdue_ms)
    }

    /// When this command wants its site to be listed.
    fn wanted_at(&self, pauses: Pauses) -> Timestamp {
        let at = self.next_at.min(self.latest_at(pauses));
        let overdue_at = self.overdue_at(pauses);
        if overdue_at > self.looked_at { at.min(overdue_at) } else { at }
    }

    fn latest_at(&self, pauses: Pauses) -> Timestamp {
        Timestamp(self.looked_at.0 + pauses.longest_ms)
    }

    /// The ages at which it was last seen running and first seen over, if these counters are the first to say that it ended
    /// in an ordinary way. One with nodes that gave no answer for long says nothing about how long the others take.
    fn ended(&self, now: Timestamp, counters: Counters) -> Option<(i64, i64)> {
        let is_ordinary = counters.errors == 0 && counters.delivery_timed_out == 0 && self.read_at.is_none();
        let is_known_from_the_start = self.read.is_some();
        (counters.over && !self.seen.over && is_ordinary && is_known_from_the_start)
            .then(|| (self.looked_at.0 - self.sent.at.0, now.0 - self.sent.at.0))
    }

    /// Takes new counters; true if they moved.
    fn note(&mut self, counters: Counters) -> bool {
        let moved = (counters.completed, counters.over) != (self.seen.completed, self.seen.over);
        self.seen = counters;
        moved
    }

    fn is_worth_reading(
        &self,
        now: Timestamp,
        counters: Option<Counters>,
        moved: bool,
        pauses: Pauses,
    ) -> bool {
        let overdue_at = self.overdue_at(pauses);
        if now >= overdue_at && self.read_at.is_none_or(|at| at < overdue_at) {
            return true;
        }
        let is_long_since = |at: Timestamp| now.0 - at.0 >= pauses.longest_ms;
        let read_at = self.read_at.unwrap_or(self.sent.at);
        // Listings lag and are cut off: what they do not show is asked about directly, but rarely.
        let Some(counters) = counters else { return is_long_since(read_at) };
        let Some(read) = self.read else { return true };
        let bad = (read.errors, read.delivery_timed_out, read.over);
        if bad != (counters.errors, counters.delivery_timed_out, counters.over) {
            return true;
        }
        // Successes come in a burst. Reading at every step of it costs a page each time and frees a few places at a time,
        // which then go out as small commands. Its end is enough, unless the end does not come when it should, or is far.
        let is_stuck = now >= self.expected_at && (!moved || is_long_since(read_at.max(self.expected_at)));
        let is_far = self.expected_at.0 - now.0 > pauses.longest_ms && is_long_since(read_at);
        read.completed != counters.completed && (is_stuck || is_far)
    }

    /// After a look.
    fn look_again(&mut self, now: Timestamp, moved: bool, pauses: Pauses, seed: u64) {
        self.looked_at = now;
        if self.seen.over {
            // Its rows are being read; should they lag behind, reading says so.
            self.next_at = Timestamp(now.0 + pauses.longest_ms);
        } else if now >= self.next_at {
            let longer_ms = (self.pause_ms * 2).min(pauses.longest_ms);
            self.pause_ms = if moved { pauses.first_ms } else { longer_ms };
            self.next_at = Timestamp(now.0 + shortened(self.pause_ms, seed));
        }
    }

    /// Its rows could not be read, or lagged behind its counters.
    fn read_again(&mut self, now: Timestamp, pauses: Pauses) {
        self.read = None;
        self.next_at = self.next_at.min(Timestamp(now.0 + pauses.first_ms));
    }

    fn is_news(&mut self, node: NodeIndex, row: &Invocation) -> bool {
        use wavetrain_model::agent::Status;
        match &row.status {
            Status::Other(word) => self.told.insert(node, word.clone()).as_ref() != Some(word),
            status => status.is_terminal(),
        }
    }
}

/// Up to a tenth shorter, the same for the same seed: sites do not fall into step, and a run can be repeated.
pub(crate) fn shortened(pause_ms: i64, seed: u64) -> i64 {
    // One round of the finaliser of MurmurHash3: neighbouring seeds give unrelated values.
    let mixed = (seed ^ seed >> 33).wrapping_mul(0xff51_afd7_ed55_8ccd);
    let share = i64::try_from((mixed >> 40) % 100).unwrap_or(0);
    pause_ms - pause_ms * share / 1000
}
