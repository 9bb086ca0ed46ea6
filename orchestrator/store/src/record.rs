//! The plain data that goes in and comes out. Payloads are bytes with the version of their encoding; `*_ms` are
//! milliseconds since the Unix epoch.

/// One decision in a rollout's log, as read back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventRecord {
    /// Position in the rollout's log: 1, 2, 3, … without gaps.
    pub seq: u64,
    /// The event's name, for reading a log without decoding it.
    pub kind: String,
    /// Version of the payload's encoding.
    pub payload_version: u16,
    /// The encoded event.
    pub payload: Vec<u8>,
    /// When it was decided.
    pub at_ms: i64,
    /// Who decided: a person, a schedule or the machine itself.
    pub actor: String,
}

/// One decision to append; its `seq` follows from its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewEvent {
    /// The event's name.
    pub kind: String,
    /// Version of the payload's encoding.
    pub payload_version: u16,
    /// The encoded event.
    pub payload: Vec<u8>,
    /// When it was decided.
    pub at_ms: i64,
    /// Who decided.
    pub actor: String,
}

/// Whether an intent still asks for something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum IntentStatus {
    /// Recorded; its effect may or may not have happened.
    Open,
    /// Its outcome is in the log.
    Settled,
}

/// An effect recorded before it is carried out, as read back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IntentRecord {
    /// Unique within its rollout.
    pub id: String,
    /// The intent's name.
    pub kind: String,
    /// Version of the payload's encoding.
    pub payload_version: u16,
    /// The encoded intent.
    pub payload: Vec<u8>,
    /// Open or settled.
    pub status: IntentStatus,
    /// The lease's epoch under which it was recorded: an older one than the current means another process
    /// may have carried it out.
    pub epoch: u64,
    /// What the outside calls the effect (a command id), once known.
    pub handle: Option<String>,
    /// When it was recorded.
    pub at_ms: i64,
}

/// An effect to record before it is carried out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewIntent {
    /// Unique within its rollout.
    pub id: String,
    /// The intent's name.
    pub kind: String,
    /// Version of the payload's encoding.
    pub payload_version: u16,
    /// The encoded intent.
    pub payload: Vec<u8>,
    /// When it is recorded.
    pub at_ms: i64,
}

/// The name the outside gave to an intent's effect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IntentHandle {
    /// The intent's id.
    pub intent: String,
    /// What the outside calls it.
    pub handle: String,
}

/// The state folded up to an event, so that loading need not start at the first one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SnapshotRecord {
    /// The last event folded in.
    pub seq: u64,
    /// Version of the payload's encoding.
    pub payload_version: u16,
    /// The encoded state.
    pub payload: Vec<u8>,
}

/// What a list of rollouts shows without decoding anything.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summary {
    /// The rollout's name; never changes.
    pub name: String,
    /// The package it installs.
    pub package: String,
    /// The package version it installs.
    pub version: String,
    /// Where it stands, in one word.
    pub phase: String,
    /// Where it stands, in one sentence.
    pub headline: String,
    /// Whether it still may act. At most one rollout of a name is active.
    pub active: bool,
    /// When this was written.
    pub updated_at_ms: i64,
}

/// A rollout as a list shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rollout {
    /// Its id.
    pub id: String,
    /// The last event's `seq`; 0 if it has none.
    pub version: u64,
    /// The resource whose lease its commits must hold.
    pub resource: String,
    /// Digest of its plan, as given by the caller.
    pub plan_digest: String,
    /// When it was created.
    pub created_at_ms: i64,
    /// Where it stands.
    pub summary: Summary,
}

/// A rollout to create.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewRollout {
    /// Its id, unique in the store.
    pub id: String,
    /// Digest of the plan.
    pub plan_digest: String,
    /// The frozen plan. May be hundreds of megabytes; kept compressed where that pays.
    pub plan: Vec<u8>,
    /// When it is created.
    pub created_at_ms: i64,
    /// Where it stands.
    pub summary: Summary,
    /// Its first events, from `seq` 1.
    pub events: Vec<NewEvent>,
    /// Its first intents.
    pub new_intents: Vec<NewIntent>,
    /// The state after `events`, if worth keeping.
    pub snapshot: Option<SnapshotRecord>,
}

/// Everything one decision changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Commit {
    /// The rollout's id.
    pub rollout: String,
    /// The version decided on.
    pub expected_version: u64,
    /// The lease under which it was decided.
    pub lease: LeaseToken,
    /// Events to append.
    pub events: Vec<NewEvent>,
    /// Intents to record.
    pub new_intents: Vec<NewIntent>,
    /// Names the outside gave to effects. Applied after `new_intents`.
    pub handles: Vec<IntentHandle>,
    /// Ids of intents whose outcome is known. Applied last; settling twice is harmless.
    pub settled: Vec<String>,
    /// The state folded up to one of the events, now and then. Replaces the snapshot before.
    pub snapshot: Option<SnapshotRecord>,
    /// Where the rollout stands now.
    pub summary: Summary,
    /// What was seen on nodes; replaces what was known of the same node and package.
    pub ledger: Vec<LedgerEntry>,
    /// Orders carried out or refused by this decision.
    pub orders_taken: Vec<TakenOrder>,
    /// A package version this decision quarantines. Harmless if it already is.
    pub quarantine: Option<NewQuarantine>,
}

impl Commit {
    /// A commit that only updates the summary; fill in what the decision changed.
    pub fn new(
        rollout: impl Into<String>,
        expected_version: u64,
        lease: LeaseToken,
        summary: Summary,
    ) -> Self {
        Self {
            rollout: rollout.into(),
            expected_version,
            lease,
            events: Vec::new(),
            new_intents: Vec::new(),
            handles: Vec::new(),
            settled: Vec::new(),
            snapshot: None,
            summary,
            ledger: Vec::new(),
            orders_taken: Vec::new(),
            quarantine: None,
        }
    }
}

/// What is needed to go on with a rollout.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Loaded {
    /// Id, version, digest and summary.
    pub rollout: Rollout,
    /// The frozen plan, byte for byte as it was given.
    pub plan: Vec<u8>,
    /// The newest snapshot, if one was ever written.
    pub snapshot: Option<SnapshotRecord>,
    /// The events after the snapshot, or all of them.
    pub events: Vec<EventRecord>,
}

/// Proof of holding a lease; worthless once the epoch moved on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeaseToken {
    /// What the lease is for.
    pub resource: String,
    /// Who holds it; unique to a process and its start.
    pub holder: String,
    /// Rises at every change of holder.
    pub epoch: u64,
}

/// A lease as it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeaseRecord {
    /// Who holds it.
    pub holder: String,
    /// When it runs out unless renewed.
    pub expires_at_ms: i64,
    /// Its epoch.
    pub epoch: u64,
}

/// The answer to asking for a lease.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LeaseAnswer {
    /// The caller holds it now.
    Acquired {
        /// What to present with every commit.
        token: LeaseToken,
        /// When it runs out unless renewed.
        expires_at_ms: i64,
    },
    /// Someone else does.
    Held(LeaseRecord),
}

/// An order typed in another process: pause, resume, abort, …
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewOrder {
    /// The rollout's id.
    pub rollout: String,
    /// The order's name.
    pub kind: String,
    /// Its encoded arguments.
    pub payload: Vec<u8>,
    /// Who gave it.
    pub actor: String,
    /// When.
    pub at_ms: i64,
}

/// A posted order that waits to be taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderRecord {
    /// Unique in the store; rises with every post.
    pub id: u64,
    /// What was posted.
    pub order: NewOrder,
}

/// What the running process did with an order, written with the decision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TakenOrder {
    /// The order's id.
    pub id: u64,
    /// Whether it was carried out.
    pub accepted: bool,
    /// What to tell who gave it.
    pub outcome: String,
    /// When it was taken.
    pub at_ms: i64,
}

/// What became of an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderOutcome {
    /// Whether it was carried out.
    pub accepted: bool,
    /// What to tell who gave it.
    pub outcome: String,
    /// When it was taken.
    pub at_ms: i64,
}

/// One account and Region, to read the ledger by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LedgerSite {
    /// The account's id.
    pub account: String,
    /// The Region's name.
    pub region: String,
}

/// What was last seen on a node for a package.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LedgerEntry {
    /// The node's account.
    pub account: String,
    /// The node's Region.
    pub region: String,
    /// The node's id.
    pub node: String,
    /// The package.
    pub package: String,
    /// Its version; `None` when the package is absent.
    pub version: Option<String>,
    /// Whether it was verified on the node, not only reported installed.
    pub verified: bool,
    /// When it was seen.
    pub at_ms: i64,
}

/// A package version to keep from being installed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewQuarantine {
    /// The package.
    pub package: String,
    /// Its version.
    pub version: String,
    /// Why.
    pub reason: String,
    /// Since when.
    pub since_ms: i64,
    /// Who or which rollout decided it.
    pub by: String,
}

/// The end of a quarantine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cleared {
    /// Why it was lifted.
    pub reason: String,
    /// By whom.
    pub by: String,
    /// When.
    pub at_ms: i64,
}

/// A quarantined package version, as read back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QuarantineEntry {
    /// What was quarantined, why, when and by whom.
    pub entry: NewQuarantine,
    /// Its end, if it ended.
    pub cleared: Option<Cleared>,
}
