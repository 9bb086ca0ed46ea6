//! Every metric there is: name, kind, labels, help. The registry is built from here, and so is the table for people.
//!
//! Names are `wavetrain_<noun>_<unit>`, counters end in `_total`. Every metric has the label `rollout` (the name in the
//! plan file); all others take their values from small sets that the program or the plan file knows. Never a node id.

/// What a number does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Only rises while the process lives; begins at zero with every process.
    Counter,
    /// Goes up and down.
    Gauge,
    /// Counts observations by size, in seconds.
    Histogram,
}

impl Kind {
    /// The word in `# TYPE` lines.
    pub fn word(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
        }
    }
}

/// One metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Metric {
    /// Name.
    pub name: &'static str,
    /// What the number does.
    pub kind: Kind,
    /// Label names, in the order in which values are given.
    pub labels: &'static [&'static str],
    /// What it means, in one sentence without a full stop.
    pub help: &'static str,
}

macro_rules! catalogue {
    ($($ident:ident = $name:literal, $kind:ident, $labels:expr, $help:literal;)*) => {
        $(pub(super) const $ident: Metric =
            Metric { name: $name, kind: Kind::$kind, labels: &$labels, help: $help };)*

        /// All metrics, in the order of the table.
        pub const ALL: &[Metric] = &[$($ident),*];
    };
}

catalogue! {
    ROLLOUT_INFO = "wavetrain_rollout_info", Gauge, ["rollout", "id", "package", "version"],
        "Always 1: which rollout this process drives, and what it installs";
    ROLLOUT_PHASE = "wavetrain_rollout_phase", Gauge, ["rollout", "phase"],
        "1 for the phase in which the rollout is, 0 for all others";
    ROLLOUT_NODES = "wavetrain_rollout_nodes", Gauge, ["rollout"],
        "Nodes of the plan";
    ROLLOUT_WAVES = "wavetrain_rollout_waves", Gauge, ["rollout", "phase"],
        "Waves by phase";
    ROLLOUT_HOLDS = "wavetrain_rollout_holds", Gauge, ["rollout", "kind"],
        "Holds in force by kind: each needs a person or a site that answers again";
    WAVE_SIZE = "wavetrain_wave_size_nodes", Gauge, ["rollout", "wave"],
        "Nodes in the wave";
    WAVE_FINISHED = "wavetrain_wave_finished_nodes", Gauge, ["rollout", "wave"],
        "Nodes of the wave that have an outcome";
    WAVE_FAILED = "wavetrain_wave_failed_nodes", Gauge, ["rollout", "wave"],
        "Nodes of the wave that count against the failure budget";
    WAVE_IN_FLIGHT = "wavetrain_wave_in_flight_nodes", Gauge, ["rollout", "wave"],
        "Nodes of the wave that are changing now";
    WAVE_BAKED = "wavetrain_wave_baked_seconds", Gauge, ["rollout", "wave"],
        "Bake time that the wave has earned, in seconds of the rollout's clock";
    WAVE_BAKE = "wavetrain_wave_bake_seconds", Gauge, ["rollout", "wave"],
        "Bake time that the wave must earn";
    OUTCOME_NODES = "wavetrain_outcome_nodes", Gauge, ["rollout", "outcome"],
        "Finished nodes by outcome on the way to the target version; a rollback does not change them";
    EXPOSED_NODES = "wavetrain_exposed_nodes", Gauge, ["rollout"],
        "Unverified exposure: nodes brought to the target version whose wave has not passed; once a rollback is decided, touched nodes that are not restored";
    FAILURE_BUDGET_USED = "wavetrain_failure_budget_used_ratio", Gauge, ["rollout"],
        "Failures as a share of those that stop the rollout, where it is nearest to that: in a wave, a platform of a site, or the whole run; 1 stops";
    ROLLBACK_NODES = "wavetrain_rollback_nodes", Gauge, ["rollout"],
        "Nodes that the rollback must restore; 0 without a rollback";
    ROLLBACK_RESTORED = "wavetrain_rollback_restored_nodes", Gauge, ["rollout"],
        "Nodes that have their previous version back";
    ROLLBACK_FAILED = "wavetrain_rollback_failed_nodes", Gauge, ["rollout"],
        "Nodes that could not be restored: a person must look";
    ROLLBACK_IN_FLIGHT = "wavetrain_rollback_in_flight_nodes", Gauge, ["rollout"],
        "Nodes that are being restored now";
    OPEN_INTENTS = "wavetrain_open_intents", Gauge, ["rollout"],
        "Commands and cancels that were promised and are not settled";
    TROUBLED_SITES = "wavetrain_troubled_sites", Gauge, ["rollout"],
        "Sites whose last calls failed";
    GATE_MEASUREMENTS = "wavetrain_gate_measurements_total", Counter, ["rollout", "gate", "scope", "verdict"],
        "Measurements of gates by what each alone says";
    GATE_VERDICTS = "wavetrain_gate_verdicts_total", Counter, ["rollout", "gate", "scope", "verdict"],
        "Verdicts that gates reached; the failure budgets are the gate `install`";
    EVENTS = "wavetrain_events_total", Counter, ["rollout", "kind"],
        "Events made durable, by kind";
    COMMANDS = "wavetrain_commands_total", Counter, ["rollout", "action", "origin"],
        "Commands that AWS has: newly `sent`, or `adopted` after a crash or a lost answer";
    API_CALLS = "wavetrain_api_calls_total", Counter, ["rollout", "operation", "outcome"],
        "Calls to AWS by how they ended; repetitions inside the SDK are not counted";
    DECISION = "wavetrain_decision_seconds", Histogram, ["rollout"],
        "Real time from taking inputs in until what follows from them is durable";
    COMMIT = "wavetrain_commit_seconds", Histogram, ["rollout"],
        "Real time of one commit to the store";
    LAST_EVENT = "wavetrain_last_event_timestamp_seconds", Gauge, ["rollout"],
        "When the last event happened, by the rollout's clock";
    LEASE_EXPIRY = "wavetrain_lease_expiry_timestamp_seconds", Gauge, ["rollout"],
        "Until when this process holds the lease, by the rollout's clock";
}

/// Phases of a rollout, as [`crate::progress::phase_word`] names them.
pub const ROLLOUT_PHASES: &[&str] = &[
    "running",
    "held",
    "rolling_back",
    "aborting",
    "completed",
    "rolled_back",
    "rolled_back_with_exceptions",
    "aborted",
];

/// Phases of a wave, as [`crate::telemetry::wave_word`] names them.
pub const WAVE_PHASES: &[&str] = &["waiting", "blocked", "open", "baking", "passed", "failed"];

/// Kinds of holds.
pub const HOLD_KINDS: &[&str] = &["operator", "emergency", "approval", "gate", "site", "refused", "twice"];

/// Actions of commands.
pub const ACTIONS: &[&str] = &["survey", "install", "verify", "uninstall", "reinstall", "prove"];
