//! Processes that end in the middle.

use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};

use super::{Place, contents};
use crate::conformance::{commit, event, started};
use crate::sqlite::Sqlite;
use crate::{LeaseAnswer, LedgerEntry, NewIntent, SnapshotRecord, Store};

const PATH: &str = "WAVETRAIN_STORE_TEST_PATH";

/// The child of the test below: commits for ever and tells each version once its commit was answered.
#[tokio::test]
#[ignore = "runs until it is killed; started by the test that kills it"]
async fn child_commits_until_it_is_killed() {
    let Ok(path) = std::env::var(PATH) else { return };
    let store = Sqlite::open(path).unwrap();
    let lease = started(&store).await;
    let mut version = 1;
    loop {
        let mut next = commit(version, &lease);
        next.events = vec![event(version + 1), event(version + 2)];
        next.new_intents = vec![NewIntent {
            id: format!("i{version}"),
            kind: "send".to_owned(),
            payload_version: 1,
            payload: vec![7; 300],
            at_ms: i64::try_from(version).unwrap(),
        }];
        next.ledger = vec![LedgerEntry {
            account: "111122223333".to_owned(),
            region: "eu-west-1".to_owned(),
            node: "i-1".to_owned(),
            package: "agent".to_owned(),
            version: None,
            verified: true,
            at_ms: i64::try_from(version + 2).unwrap(),
        }];
        next.snapshot = (version % 10 == 1).then(|| SnapshotRecord {
            seq: version + 2,
            payload_version: 1,
            payload: (version + 2).to_be_bytes().repeat(2_000),
        });
        version = store.commit(next).await.unwrap();
        let mut out = std::io::stdout().lock();
        writeln!(out, "version {version}").unwrap();
        out.flush().unwrap();
    }
}

/// Runs the child until it told of `commits` commits, kills it there, and returns the last version it told.
fn killed_after(place: &Place, commits: usize) -> u64 {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "sqlite::tests::crash::child_commits_until_it_is_killed",
            "--ignored",
            "--nocapture",
        ])
        .env(PATH, place.file())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines().map(|line| line.unwrap());
    let mut told = lines.filter_map(|line| line.rsplit_once("version ")?.1.parse::<u64>().ok());
    let last = told.by_ref().take(commits).last().unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    // What it wrote between our last look and its end counts as told too.
    told.last().unwrap_or(last)
}

#[tokio::test]
async fn what_was_answered_survives_a_kill_and_what_was_not_is_whole_or_absent() {
    for commits in [1, 7, 40] {
        let place = Place::new();
        let told = killed_after(&place, commits);

        let store = Sqlite::open(place.file()).unwrap();
        let loaded = store.load("r").await.unwrap();
        let version = loaded.rollout.version;
        assert!(version == told || version == told + 2, "told {told}, found {version}");
        let seqs: Vec<_> = store.events("r", 0, usize::MAX).await.unwrap().iter().map(|e| e.seq).collect();
        assert_eq!(seqs, (1..=version).collect::<Vec<_>>());
        assert_eq!(store.open_intents("r").await.unwrap().len() as u64, (version - 1) / 2);
        let seen = store.ledger("agent", None).await.unwrap();
        assert_eq!(seen[0].at_ms, i64::try_from(version).unwrap());
        let snapshot = loaded.snapshot.unwrap();
        assert_eq!(snapshot.payload, snapshot.seq.to_be_bytes().repeat(2_000));
        assert_eq!(snapshot.seq + loaded.events.len() as u64, version);

        // The dead process's lease keeps others out until it expires, and not longer.
        let held = store.lease("web").await.unwrap().unwrap();
        let early = store.acquire_lease("web", "host-b", held.expires_at_ms - 1, 1_000).await.unwrap();
        assert_eq!(early, LeaseAnswer::Held(held.clone()));
        let answer = store.acquire_lease("web", "host-b", held.expires_at_ms, 1_000).await.unwrap();
        let LeaseAnswer::Acquired { token, .. } = answer else { panic!("held: {answer:?}") };
        let mut next = commit(version, &token);
        next.events = vec![event(version + 1)];
        assert_eq!(store.commit(next).await, Ok(version + 1));
    }
}

#[tokio::test]
async fn a_killed_processs_state_can_be_looked_at_before_anyone_repairs_it() {
    let place = Place::new();
    let told = killed_after(&place, 3);
    let looking = Sqlite::open_read_only(place.file()).unwrap();
    assert!(looking.load("r").await.unwrap().rollout.version >= told);
}

#[tokio::test]
async fn a_copy_taken_in_the_middle_of_a_transaction_holds_nothing_of_it() {
    let place = Place::new();
    let store = Sqlite::open(place.file()).unwrap();
    started(&store).await;
    let unfinished = rusqlite::Connection::open(place.file()).unwrap();
    // A small cache, so that the unfinished transaction reaches the log.
    unfinished
        .execute_batch("PRAGMA cache_size = 5; BEGIN IMMEDIATE; UPDATE rollouts SET version = 900")
        .unwrap();
    for seq in 2..900 {
        let insert = "INSERT INTO events VALUES ('r', ?1, 'x', 1, zeroblob(500), 0, 'x')";
        unfinished.execute(insert, [seq]).unwrap();
    }
    let copy = Place::new();
    for (name, bytes) in contents(&place.0) {
        // As after a power cut: the shared memory is gone, the file and its log are there.
        if !name.to_string_lossy().ends_with("-shm") {
            std::fs::write(copy.0.join(name), bytes).unwrap();
        }
    }
    let log = std::fs::metadata(copy.0.join("state.db-wal")).unwrap().len();
    assert!(log > 100_000, "the transaction never reached the log: {log} bytes");
    let store = Sqlite::open(copy.file()).unwrap();
    let loaded = store.load("r").await.unwrap();
    assert_eq!((loaded.rollout.version, loaded.events.len()), (1, 1));
}
