//! Bounds that hold everywhere, each with its reason.

/// Node ids in one `SendCommand`, and rows on one page of its listings (SSM API).
pub const NODES_PER_COMMAND: usize = 50;

/// Nodes of one rollout: indices are `u32`, and plans are held in memory.
pub const NODES_PER_ROLLOUT: usize = 2_000_000;

/// Waves of one rollout. A plan that needs more is a schedule, not a plan.
pub const WAVES_PER_ROLLOUT: usize = 100;

/// Sites of one rollout.
pub const SITES_PER_ROLLOUT: usize = 10_000;

/// Tag questions of one plan: answers are kept in one machine word per node.
pub const TAG_QUESTIONS: usize = 64;

/// Gates of one plan.
pub const GATES_PER_ROLLOUT: usize = 50;

/// Guardrails of one file.
pub const GUARDRAILS_PER_FILE: usize = 50;

/// Guardrails that one rollout is held against, those added later included.
pub const GUARDRAILS_PER_ROLLOUT: usize = 500;

/// Bytes of a plan file; the largest plan file that makes sense is a few kilobytes.
pub const PLAN_FILE_BYTES: usize = 1 << 20;

/// Failures tolerated as a percentage count only after this many nodes finished.
pub const FINISHED_BEFORE_PERCENT: u32 = 5;

/// Waves up to this size stop at any failure when the budget is a percentage.
pub const SMALL_WAVE: u32 = 5;

/// Strata below this size have no failure budget of their own.
pub const SMALL_STRATUM: u32 = 10;

/// Retries of one node during a rollback, after the first attempt.
pub const RESTORE_RETRIES: u8 = 2;

/// Retries of one node whose package was locked by another action.
pub const BUSY_RETRIES: u8 = 3;

/// Largest share of the touched nodes that a rollback changes at once, in percent.
pub const ROLLBACK_SHARE_PERCENT: u16 = 33;

/// Consecutive failed calls to one site before that site is held.
pub const SITE_ERRORS_BEFORE_HOLD: u32 = 5;

/// Evidence kept per failed node, in characters.
pub const EXCERPT_CHARS: usize = 400;

/// Bytes of what a gate's probe prints on one node; the rest is not looked at.
pub const PRINT_BYTES: usize = 1_024;

/// Bytes of an HTTP answer that a gate reads; a longer one is an error.
pub const ANSWER_BYTES: usize = 65_536;

/// How far a signed report's own time may lie from ours: what is older is refused, so only younger ones must be remembered.
pub const REPORT_SKEW_SECONDS: u32 = 5 * 60;

/// Bytes of a signed report.
pub const REPORT_BYTES: usize = 65_536;

/// Versions of one package in one account and Region (Distributor).
pub const VERSIONS_PER_PACKAGE: usize = 25;

/// Files attached to one version of a package (Distributor).
pub const ATTACHMENTS_PER_VERSION: usize = 20;

/// Bytes of one attached file (Distributor).
pub const ATTACHMENT_BYTES: u64 = 1 << 30;

/// Bytes of all files of one version (Distributor).
pub const VERSION_BYTES: u64 = 20 << 30;

/// Files in all zips of one version (Distributor).
pub const FILES_PER_VERSION: usize = 1_000;

/// Bytes of a manifest: it is the content of the package's document (SSM).
pub const MANIFEST_BYTES: usize = 64 << 10;
