//! When a site's commands are listed, and which of them are worth reading node by node. Pure: time comes in.
//!
//! Counters first: one listing answers for 50 commands of 50 nodes a page, so a command's invocations are read
//! only when its counters say that there is something to read: bad news at once, good news in bursts.

use std::collections::{BTreeMap, BTreeSet};
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

/// A command to watch, as the state knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Sent {
    pub(crate) command: CommandId,
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
    first_ms: i64,
    longest_ms: i64,
    /// After this long a command's answer is read once more, whatever its counters say.
    overdue_ms: i64,
    /// Commands sent before were sent by an earlier process: what it read of them is lost.
    took_up_at: Timestamp,
    salt: u64,
    sites: BTreeMap<SiteIndex, Site>,
}

#[derive(Debug, Default)]
struct Site {
    commands: BTreeMap<IntentId, Watched>,
    next_at: Timestamp,
    pause_ms: i64,
    rounds: u64,
    listing: bool,
}

#[derive(Debug)]
struct Watched {
    sent: Sent,
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
        Self {
            first_ms,
            longest_ms: (i64::from(api.longest_poll.0) * 1000).max(first_ms),
            overdue_ms: (patience_ms - LAST_LOOK_MS).max(patience_ms / 2),
            took_up_at,
            salt,
            sites: BTreeMap::new(),
        }
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
            let site = self.sites.entry(*index).or_insert_with(|| Site {
                next_at: Timestamp(i64::MAX),
                pause_ms: self.first_ms,
                ..Site::default()
            });
            let still: BTreeSet<&IntentId> = intents.iter().collect();
            site.commands.retain(|intent, _| still.contains(intent));
            for intent in intents {
                if site.commands.contains_key(intent) {
                    continue;
                }
                let Some(sent) = sent(*intent) else { continue };
                let first_look = Timestamp((sent.at.0 + self.first_ms).max(now.0));
                site.next_at = site.next_at.min(first_look);
                site.pause_ms = self.first_ms;
                let read = (sent.recorded_at >= self.took_up_at).then(Counters::default);
                site.commands.insert(*intent, Watched::new(sent, read));
            }
        }
        self.sites.retain(|_, site| !site.commands.is_empty());
    }

    /// When the next listing is due.
    pub(crate) fn next_at(&self) -> Option<Timestamp> {
        self.sites.values().filter(|site| !site.listing).map(|site| site.next_at).min()
    }

    /// The listings to make now; each must be answered with [`Self::listed`].
    pub(crate) fn begin(&mut self, now: Timestamp) -> Vec<List> {
        let mut lists = Vec::new();
        for (index, site) in &mut self.sites {
            if site.listing || site.next_at > now {
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
        let (longest_ms, overdue_ms) = (self.longest_ms, self.overdue_ms);
        let Some(site) = self.sites.get_mut(&index) else { return Vec::new() };
        site.listing = false;
        let mut progressed = false;
        let mut reads = Vec::new();
        if let Some(listing) = listing {
            let listed: BTreeMap<&CommandId, Counters> =
                listing.commands.iter().map(|command| (&command.id, Counters::from(command))).collect();
            for (intent, watched) in &mut site.commands {
                let counters = listed.get(&watched.sent.command).copied();
                let moved = counters.is_some_and(|counters| watched.note(counters));
                progressed |= moved;
                let overdue_at = Timestamp(watched.sent.at.0 + overdue_ms);
                if !watched.reading && watched.is_worth_reading(now, counters, moved, longest_ms, overdue_at)
                {
                    watched.reading = true;
                    reads.push((*intent, watched.sent.command.clone()));
                }
            }
        }
        site.pause_ms = if progressed { self.first_ms } else { (site.pause_ms * 2).min(longest_ms) };
        site.rounds += 1;
        let pause_ms = shortened(site.pause_ms, self.salt ^ u64::from(index.0) << 32 ^ site.rounds);
        site.next_at = Timestamp(now.0 + pause_ms);
        let overdue = site.commands.values().map(|watched| Timestamp(watched.sent.at.0 + overdue_ms));
        if let Some(next) = overdue.filter(|at| *at > now).min() {
            site.next_at = site.next_at.min(next);
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
        let Some(rows) = rows else { return Vec::new() };
        watched.read_at = Some(now);
        let ended = rows.iter().filter(|row| row.status.is_terminal()).count();
        // Listings and invocations are not of one moment: rows that lag behind the counters are read again.
        let expected =
            if watched.seen.over { open.intent.nodes.len() } else { watched.seen.completed as usize };
        watched.read = if ended >= expected { Some(watched.seen) } else { None };
        let indexed = rows.iter().filter_map(|row| node_index(row).map(|node| (node, row)));
        indexed.filter(|(node, row)| open.pending.contains(node) && watched.is_news(*node, row)).collect()
    }
}

impl Watched {
    fn new(sent: Sent, read: Option<Counters>) -> Self {
        Self { sent, seen: Counters::default(), read, read_at: None, reading: false, told: BTreeMap::new() }
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
        longest_ms: i64,
        overdue_at: Timestamp,
    ) -> bool {
        if now >= overdue_at && self.read_at.is_none_or(|at| at < overdue_at) {
            return true;
        }
        let is_long_ago = now.0 - self.read_at.unwrap_or(self.sent.at).0 >= longest_ms;
        match counters {
            Some(counters) => match self.read {
                None => true,
                Some(read) => {
                    let bad = (read.errors, read.delivery_timed_out, read.over);
                    if bad != (counters.errors, counters.delivery_timed_out, counters.over) {
                        return true;
                    }
                    // Successes come in a burst. Reading at every step of it costs a page each time and frees a few
                    // places at a time, which then go out as small commands; its end, or its length, is enough.
                    read.completed != counters.completed && (!moved || is_long_ago)
                }
            },
            // Listings lag and are cut off: what they do not show is asked about directly, but rarely.
            None => is_long_ago,
        }
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

#[cfg(test)]
mod tests {
    use super::*;
    use wavetrain_model::agent::Status;
    use wavetrain_model::intent::{Action, Intent};
    use wavetrain_model::state::Progress;
    use wavetrain_model::time::Seconds;

    const SITE: SiteIndex = SiteIndex(0);
    const SENT: Timestamp = Timestamp(1_000_000);

    fn watch(took_up_at: Timestamp) -> Watch {
        let api = Api {
            requests_per_second: 5,
            burst: 5,
            first_poll: Seconds(5),
            longest_poll: Seconds(40),
            settle: Seconds(60),
        };
        let deadlines = Deadlines {
            delivery: Seconds(300),
            execution: Seconds(700),
            wave: Seconds(10_000),
            hold: Seconds(10_000),
        };
        Watch::new(&api, &deadlines, took_up_at, 7)
    }

    fn following(took_up_at: Timestamp) -> Watch {
        let mut watch = watch(took_up_at);
        follow(&mut watch, SENT, &[1]);
        watch
    }

    fn follow(watch: &mut Watch, now: Timestamp, intents: &[u64]) {
        let wanted = [(SITE, intents.iter().copied().map(IntentId).collect())].into();
        watch.follow(now, &wanted, |intent| {
            Some(Sent { command: CommandId::new(format!("c-{intent}")), at: SENT, recorded_at: SENT })
        });
    }

    fn command(completed: u32, over: bool) -> Command {
        Command {
            id: "c-1".into(),
            comment: String::new(),
            targets: 2,
            completed,
            errors: 0,
            delivery_timed_out: 0,
            over,
            requested_at: SENT,
        }
    }

    fn listing(commands: Vec<Command>) -> Listing {
        Listing { commands, complete: true }
    }

    fn open() -> OpenIntent {
        let nodes = vec![NodeIndex(0), NodeIndex(1)];
        OpenIntent {
            intent: Intent { id: IntentId(1), action: Action::Prove, site: SITE, nodes: nodes.clone() },
            progress: Progress::Sent { command: "c-1".into(), at: SENT },
            pending: nodes,
            refusals: 0,
            recorded_at: SENT,
            cancelled: false,
        }
    }

    fn row(node: &str, status: Status) -> Invocation {
        Invocation { node: node.into(), status, output: String::new(), exit_code: None }
    }

    fn index(row: &Invocation) -> Option<NodeIndex> {
        row.node.as_str().parse().ok().map(NodeIndex)
    }

    fn at(seconds: i64) -> Timestamp {
        Timestamp(SENT.0 + seconds * 1000)
    }

    #[test]
    fn the_first_look_comes_after_the_first_pause_and_asks_from_before_the_oldest_command() {
        let mut watch = following(Timestamp(0));
        assert_eq!(watch.next_at(), Some(at(5)));
        assert!(watch.begin(at(4)).is_empty());
        let lists = watch.begin(at(5));
        assert_eq!(lists, [List { site: SITE, since: at(-60), limit: 51 }]);
        assert!(watch.begin(at(6)).is_empty(), "one listing of a site at a time");
        assert_eq!(watch.next_at(), None);
    }

    #[test]
    fn pauses_grow_while_nothing_happens_and_start_over_when_something_does() {
        let mut watch = following(Timestamp(0));
        let mut now = at(5);
        let mut pauses = Vec::new();
        for _ in 0..5 {
            watch.begin(now);
            assert!(watch.listed(SITE, now, Some(&listing(vec![command(0, false)]))).is_empty());
            let next = watch.next_at().expect("watching");
            pauses.push((next.0 - now.0 + 999) / 1000);
            now = next;
        }
        for (pause, most) in pauses.iter().zip([10, 20, 40, 40, 40]) {
            assert!(*pause <= most && *pause * 10 >= most * 9, "{pauses:?}");
        }
        watch.begin(now);
        watch.listed(SITE, now, Some(&listing(vec![command(1, false)])));
        assert!(watch.next_at().expect("watching").0 - now.0 <= 5_000);
    }

    #[test]
    fn successes_are_read_when_their_burst_is_over_and_once() {
        let mut watch = following(Timestamp(0));
        watch.begin(at(5));
        assert!(watch.listed(SITE, at(5), Some(&listing(vec![command(1, false)]))).is_empty());
        let read = watch.listed(SITE, at(10), Some(&listing(vec![command(1, false)])));
        assert_eq!(read, [(IntentId(1), "c-1".into())]);
        let rows = [row("0", Status::Success), row("1", Status::InProgress)];
        let open = open();
        let news = watch.read(SITE, at(11), &open, Some(&rows), index);
        assert_eq!(news.len(), 1, "rows that are not over say nothing");
        assert!(watch.listed(SITE, at(15), Some(&listing(vec![command(1, false)]))).is_empty());
        assert_eq!(watch.listed(SITE, at(20), Some(&listing(vec![command(2, true)]))).len(), 1);
    }

    #[test]
    fn successes_that_keep_coming_are_read_after_the_longest_pause() {
        let mut watch = following(Timestamp(0));
        assert!(watch.listed(SITE, at(39), Some(&listing(vec![command(1, false)]))).is_empty());
        assert_eq!(watch.listed(SITE, at(40), Some(&listing(vec![command(2, false)]))).len(), 1);
    }

    #[test]
    fn a_failure_is_read_at_once() {
        let mut watch = following(Timestamp(0));
        let failed = Command { errors: 1, ..command(1, false) };
        assert_eq!(watch.listed(SITE, at(5), Some(&listing(vec![failed]))).len(), 1);
        let mut watch = following(Timestamp(0));
        let undelivered = Command { delivery_timed_out: 1, ..command(1, false) };
        assert_eq!(watch.listed(SITE, at(5), Some(&listing(vec![undelivered]))).len(), 1);
    }

    #[test]
    fn rows_that_lag_behind_the_counters_are_read_again() {
        let mut watch = following(Timestamp(0));
        watch.listed(SITE, at(5), Some(&listing(vec![command(2, true)])));
        let open = open();
        watch.read(SITE, at(6), &open, Some(&[]), index);
        assert_eq!(watch.listed(SITE, at(10), Some(&listing(vec![command(2, true)]))).len(), 1);
    }

    #[test]
    fn a_command_is_not_read_twice_at_once() {
        let mut watch = following(Timestamp(0));
        assert_eq!(watch.listed(SITE, at(5), Some(&listing(vec![command(2, true)]))).len(), 1);
        assert!(watch.listed(SITE, at(10), Some(&listing(vec![command(2, true)]))).is_empty());
    }

    #[test]
    fn a_command_of_an_earlier_process_is_read_at_the_first_look() {
        let mut watch = following(at(60));
        assert_eq!(watch.listed(SITE, at(61), Some(&listing(vec![command(0, false)]))).len(), 1);
    }

    #[test]
    fn what_a_listing_does_not_show_is_read_rarely() {
        let mut watch = following(Timestamp(0));
        assert!(watch.listed(SITE, at(5), Some(&listing(vec![]))).is_empty());
        assert_eq!(watch.listed(SITE, at(40), Some(&listing(vec![]))).len(), 1);
        let open = open();
        watch.read(SITE, at(41), &open, Some(&[]), index);
        assert!(watch.listed(SITE, at(60), Some(&listing(vec![]))).is_empty());
        assert_eq!(watch.listed(SITE, at(81), Some(&listing(vec![]))).len(), 1);
    }

    #[test]
    fn shortly_before_its_deadline_a_command_is_read_whatever_its_counters_say() {
        let mut watch = following(Timestamp(0));
        watch.begin(at(985));
        watch.listed(SITE, at(985), Some(&listing(vec![command(0, false)])));
        assert_eq!(watch.next_at(), Some(at(990)));
        assert_eq!(watch.listed(SITE, at(990), Some(&listing(vec![command(0, false)]))).len(), 1);
        let open = open();
        watch.read(SITE, at(991), &open, Some(&[row("0", Status::Pending)]), index);
        assert!(watch.listed(SITE, at(995), Some(&listing(vec![command(0, false)]))).is_empty());
    }

    #[test]
    fn an_unknown_status_is_told_once_and_again_when_it_changes() {
        let mut watch = following(Timestamp(0));
        let open = open();
        let odd = |word: &str| [row("0", Status::Other(word.to_owned()))];
        assert_eq!(watch.read(SITE, at(5), &open, Some(&odd("Odd")), index).len(), 1);
        assert!(watch.read(SITE, at(6), &open, Some(&odd("Odd")), index).is_empty());
        assert_eq!(watch.read(SITE, at(7), &open, Some(&odd("Odder")), index).len(), 1);
    }

    #[test]
    fn rows_of_nodes_that_are_not_awaited_are_left_out() {
        let mut watch = following(Timestamp(0));
        let mut open = open();
        open.pending = vec![NodeIndex(1)];
        let rows = [row("0", Status::Success), row("1", Status::Failed), row("x", Status::Success)];
        let news = watch.read(SITE, at(5), &open, Some(&rows), index);
        assert_eq!(news.iter().map(|(node, _)| *node).collect::<Vec<_>>(), [NodeIndex(1)]);
    }

    #[test]
    fn a_command_that_is_settled_is_not_watched_any_more() {
        let mut watch = following(Timestamp(0));
        watch.follow(at(1), &BTreeMap::new(), |_| None);
        assert_eq!(watch.next_at(), None);
        assert!(watch.listed(SITE, at(5), Some(&listing(vec![command(2, true)]))).is_empty());
    }
}
