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
        let command = CommandId::new(format!("c-{intent}"));
        Some(Sent { command, kind: Kind::Package, at: SENT, recorded_at: SENT })
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
        pauses.push((next.0 - now.0) / 1000);
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
    // Since it was expected to be over.
    assert!(watch.listed(SITE, at(44), Some(&listing(vec![command(1, false)]))).is_empty());
    assert_eq!(watch.listed(SITE, at(45), Some(&listing(vec![command(2, false)]))).len(), 1);
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

/// Follows commands that are sent at these seconds.
fn follow_sent(watch: &mut Watch, now: Timestamp, commands: &[(u64, i64)]) {
    let seconds: BTreeMap<IntentId, i64> = commands.iter().map(|(id, sent)| (IntentId(*id), *sent)).collect();
    let wanted = [(SITE, seconds.keys().copied().collect())].into();
    watch.follow(now, &wanted, |intent| {
        let sent_at = at(seconds[&intent]);
        let command = CommandId::new(format!("c-{}", intent.0));
        Some(Sent { command, kind: Kind::Package, at: sent_at, recorded_at: sent_at })
    });
}

/// A watch that saw a command end 20 seconds after it was sent.
fn taught() -> Watch {
    let mut watch = following(Timestamp(0));
    watch.listed(SITE, at(20), Some(&listing(vec![command(2, true)])));
    watch.follow(at(20), &BTreeMap::new(), |_| None);
    watch
}

#[test]
fn later_commands_are_looked_at_when_the_earlier_ones_were_over() {
    let mut watch = taught();
    follow_sent(&mut watch, at(100), &[(2, 100)]);
    assert_eq!(watch.next_at(), Some(at(120)));
}

#[test]
fn however_long_commands_take_no_pause_is_longer_than_the_longest() {
    let mut watch = following(Timestamp(0));
    watch.listed(SITE, at(600), Some(&listing(vec![command(2, true)])));
    follow_sent(&mut watch, at(1000), &[(2, 1000)]);
    let mut now = at(1000);
    for _ in 0..5 {
        let next = watch.next_at().expect("watching");
        assert!(next.0 - now.0 <= 40_000, "{next:?} after {now:?}");
        watch.listed(SITE, next, Some(&listing(vec![Command { id: "c-2".into(), ..command(0, false) }])));
        now = next;
    }
}

#[test]
fn commands_that_can_be_over_at_about_the_same_time_share_a_look() {
    let mut watch = taught();
    follow_sent(&mut watch, at(111), &[(2, 100), (3, 104), (4, 111)]);
    assert_eq!(watch.next_at(), Some(at(124)));
    let over = ["c-2", "c-3"].map(|id| Command { id: id.into(), ..command(2, true) });
    assert_eq!(watch.listed(SITE, at(124), Some(&listing(over.to_vec()))).len(), 2);
    assert_eq!(watch.next_at(), Some(at(131)));
}

#[test]
fn good_news_is_read_in_the_middle_only_if_the_end_is_far() {
    for (took, reads) in [(60, 0), (200, 1)] {
        let mut watch = following(Timestamp(0));
        watch.listed(SITE, at(took), Some(&listing(vec![command(2, true)])));
        follow_sent(&mut watch, at(1000), &[(2, 1000)]);
        let half = Command { id: "c-2".into(), ..command(1, false) };
        assert_eq!(watch.listed(SITE, at(1040), Some(&listing(vec![half]))).len(), reads, "{took} s");
    }
}

#[test]
fn a_listing_that_fails_is_repeated_ever_less_often() {
    let mut watch = following(Timestamp(0));
    let mut now = at(5);
    for longest in [10, 20, 40, 40] {
        watch.begin(now);
        watch.listed(SITE, now, None);
        let next = watch.next_at().expect("watching");
        assert!(next > now && next.0 - now.0 <= longest * 1000, "{next:?} after {now:?}");
        now = next;
    }
}
