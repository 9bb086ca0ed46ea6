//! The command line as clap reads it.

mod package;
mod published;

pub use package::Package;
pub use published::{Accepted, Homes, Published};

use clap::{Args, Parser, Subcommand, ValueEnum};
use std::net::SocketAddr;
use std::path::PathBuf;

/// The SDK's own warnings repeat, at length, what a command says in a sentence.
const DEFAULT_LOG: &str = "warn,aws_config=error";

const AFTER_HELP: &str = "\
Exit codes:
   0  done and verified, or nothing to do     6  held or interrupted: a person must act
   1  unexpected failure                      7  refused by the current state
   2  wrong usage                             8  access denied, or credentials have run out
   3  invalid file                            9  lost contact with AWS or the store
   4  changes pending (plan --detailed-exit) 10  rolled back, some nodes not restored
   5  rolled back                            11  aborted, nodes left as they are

AWS settings come from where AWS tools look for them: profiles, SSO, AWS_* variables, AWS_ENDPOINT_URL.
Data goes to standard output, everything else to standard error.
Start here:  wavetrain demo";

/// Rolls a Systems Manager Distributor package out to a fleet, wave after wave, and back again when it fails.
#[derive(Debug, Parser)]
#[command(name = "wavetrain", version, about, after_help = AFTER_HELP, max_term_width = 110)]
pub struct Cli {
    /// Settings of every command.
    #[command(flatten)]
    pub global: Global,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// Settings of every command.
#[derive(Debug, Clone, Args)]
pub struct Global {
    /// Where rollouts are kept: sqlite:PATH or a path. The file must be on a local disk.
    #[arg(
        long,
        global = true,
        env = "WAVETRAIN_STATE",
        default_value = "sqlite:wavetrain.db",
        value_name = "STATE",
        help_heading = "Global options"
    )]
    pub state: String,
    /// What to log to standard error: error, warn, info, debug, trace, or a filter such as wavetrain_driver=debug.
    #[arg(
        long,
        global = true,
        env = "WAVETRAIN_LOG",
        default_value = DEFAULT_LOG,
        value_name = "FILTER",
        help_heading = "Global options"
    )]
    pub log: String,
    /// Whether to use colours. Nothing is said by colour alone.
    #[arg(long, global = true, value_enum, default_value_t = Color::Auto, value_name = "WHEN", help_heading = "Global options")]
    pub color: Color,
    /// Follow the clock of a simulated AWS instead of the real one: its address, or auto for AWS_ENDPOINT_URL. Only for
    /// `wavetrain sim serve`; real AWS has no such clock.
    #[arg(
        long,
        global = true,
        env = "WAVETRAIN_SIM_CLOCK",
        value_name = "URL|auto",
        hide_short_help = true,
        help_heading = "Global options"
    )]
    pub sim_clock: Option<String>,
}

/// When to use colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Color {
    /// On a terminal, unless NO_COLOR is set.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// Text or JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people.
    Text,
    /// One JSON document with a `version`.
    Json,
}

/// Forms of a plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum PlanFormat {
    /// For people.
    Text,
    /// The whole plan; can be kept and given to `explain node --plan`.
    Json,
    /// Graphviz.
    Dot,
    /// Mermaid.
    Mermaid,
}

/// Files that have a schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum SchemaKind {
    /// Plan files.
    Plan,
    /// Policy packs.
    Policy,
    /// Files of guardrails.
    Guardrails,
    /// Files that say what a package is made of.
    Package,
}

/// What `apply` does when everything waits for a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum OnHold {
    /// Ends with code 6; the same command goes on later.
    Exit,
    /// Stays until somebody answers from another terminal.
    Wait,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Check a plan file and report every problem in it.
    Validate {
        /// Plan file.
        file: PathBuf,
        /// File of guardrails that the plan is held against as well; may be given several times. WAVETRAIN_GUARDRAILS lists
        /// more, separated as in PATH.
        #[arg(long, value_name = "FILE")]
        guardrails: Vec<PathBuf>,
        /// Form of the report.
        #[arg(long, value_enum, default_value_t = Format::Text)]
        output: Format,
    },
    /// Print the JSON Schema of plan files, or of the policy files that they use.
    Schema {
        /// Kind of file.
        #[arg(long, value_enum, default_value_t = SchemaKind::Plan)]
        kind: SchemaKind,
    },
    /// Print a completion script.
    Completions {
        /// Shell to complete for.
        shell: clap_complete::Shell,
    },
    /// Look at the fleet and show what would happen. Changes nothing.
    Plan {
        /// Plan file.
        file: PathBuf,
        /// File of guardrails that the plan is held against as well; may be given several times. WAVETRAIN_GUARDRAILS lists
        /// more, separated as in PATH.
        #[arg(long, value_name = "FILE")]
        guardrails: Vec<PathBuf>,
        /// Form of the plan.
        #[arg(long, value_enum, default_value_t = PlanFormat::Text)]
        output: PlanFormat,
        /// End with code 4 when there is something to do, 0 when there is not.
        #[arg(long)]
        detailed_exit: bool,
    },
    /// Carry out a plan file, or go on with its rollout if there is one.
    Apply(Apply),
    /// Show where a rollout stands.
    Status {
        /// Name or the beginning of an id; the active one, or else the newest one, when left out.
        rollout: Option<String>,
        /// Form of the answer.
        #[arg(long, value_enum, default_value_t = Format::Text)]
        output: Format,
    },
    /// List all rollouts, newest first.
    List {
        /// Form of the answer.
        #[arg(long, value_enum, default_value_t = Format::Text)]
        output: Format,
    },
    /// Follow a rollout's events until it ends; then end with the code that `apply` would end with.
    Watch {
        /// Name or the beginning of an id; the active one when left out.
        rollout: Option<String>,
        /// Lines for people, or JSON lines.
        #[arg(long, value_enum, default_value_t = Format::Text)]
        output: Format,
        /// Show every event, also those about single commands.
        #[arg(long)]
        all: bool,
    },
    /// Stop new installs. What runs is finished, and a rollback goes on unless --emergency.
    Pause {
        /// Which rollout.
        #[command(flatten)]
        target: Target,
        /// Stop a rollback too.
        #[arg(long)]
        emergency: bool,
        /// Why; kept in the log.
        #[arg(long)]
        reason: String,
    },
    /// End every hold, and accept what the held gates saw.
    Resume {
        /// Which rollout.
        #[command(flatten)]
        target: Target,
    },
    /// Agree to a wave that waits for approval, or say no with --reject. Shows what is agreed to.
    Approve {
        /// Name or the beginning of an id.
        rollout: String,
        /// Name of the wave.
        wave: String,
        /// The gate that asks; may be left out when only one does.
        #[arg(long, value_name = "NAME")]
        gate: Option<String>,
        /// In whose name; the login name when left out. Recorded, not authenticated.
        #[arg(long, value_name = "NAME")]
        by: Option<String>,
        /// Beginning of the digest of the evidence that is meant (`status` shows it); refused if it is another one now.
        #[arg(long, value_name = "DIGEST")]
        evidence: Option<String>,
        /// Say no: a gate fails, a wave that has not begun goes on waiting.
        #[arg(long, requires = "reason")]
        reject: bool,
        /// Why not; kept in the log.
        #[arg(long, requires = "reject")]
        reason: Option<String>,
        /// Form of the answer.
        #[arg(long, value_enum, default_value_t = Format::Text)]
        output: Format,
    },
    /// End a rollout and leave its nodes as they are. Ordered twice, running commands are not awaited.
    Abort {
        /// Which rollout.
        #[command(flatten)]
        target: Target,
        /// Do not ask.
        #[arg(long, short = 'y')]
        yes: bool,
        /// Why; kept in the log.
        #[arg(long)]
        reason: String,
    },
    /// Give every touched node its own previous version back, and quarantine the version.
    Rollback {
        /// Which rollout.
        #[command(flatten)]
        target: Target,
        /// Do not ask.
        #[arg(long, short = 'y')]
        yes: bool,
        /// Why; kept in the log.
        #[arg(long)]
        reason: String,
    },
    /// Try nodes again that failed or, after a rollback, were not restored.
    Retry {
        /// Which rollout.
        #[command(flatten)]
        target: Target,
        /// Only this node; may be given several times.
        #[arg(long = "node", value_name = "ID")]
        nodes: Vec<String>,
    },
    /// Judge the recorded measurements of a rollout with other gates: what they would have caught, and what for nothing.
    Replay {
        /// Name or the beginning of an id.
        rollout: String,
        /// File with `gates:` as in a plan file.
        #[arg(long, value_name = "FILE")]
        gates: PathBuf,
        /// Form of the answer.
        #[arg(long, value_enum, default_value_t = Format::Text)]
        output: Format,
    },
    /// Say why: about a node, an error code, or what a rollout waits for.
    #[command(subcommand)]
    Explain(Explain),
    /// Package versions that no rollout may install.
    #[command(subcommand)]
    Quarantine(Quarantine),
    /// Make Distributor packages.
    #[command(subcommand)]
    Package(Package),
    /// A simulated AWS to try everything out.
    #[command(subcommand)]
    Sim(Sim),
    /// Show the whole thing on a simulated AWS inside this process: no account, no configuration.
    Demo(Demo),
}

/// Carry out a plan file.
#[derive(Debug, Args)]
pub struct Apply {
    /// Plan file.
    pub file: PathBuf,
    /// Do not ask.
    #[arg(long, short = 'y')]
    pub yes: bool,
    /// File of guardrails that the plan is held against as well; may be given several times. WAVETRAIN_GUARDRAILS lists
    /// more, separated as in PATH.
    #[arg(long, value_name = "FILE")]
    pub guardrails: Vec<PathBuf>,
    /// What to do when everything waits for a person.
    #[arg(long, value_enum, default_value_t = OnHold::Exit)]
    pub on_hold: OnHold,
    /// Serve /metrics for Prometheus and /healthz there, such as 127.0.0.1:9464; port 0 chooses a free one.
    #[arg(long, value_name = "ADDRESS")]
    pub metrics_listen: Option<SocketAddr>,
    /// Take signed reports there for gates with `http: { callback: … }`, such as 127.0.0.1:9465; port 0 chooses a free one.
    #[arg(long, value_name = "ADDRESS")]
    pub callback_listen: Option<SocketAddr>,
    /// Form of the final summary.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub output: Format,
}

/// Which rollout an order is for, and how it is answered.
#[derive(Debug, Args)]
pub struct Target {
    /// Name or the beginning of an id; may be left out when exactly one rollout is active.
    pub rollout: Option<String>,
    /// Form of the answer.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub output: Format,
}

/// About which rollout is asked, and how it is answered.
#[derive(Debug, Args)]
pub struct Asked {
    /// Name or the beginning of an id; the active one, or else the newest one, when left out.
    #[arg(long, value_name = "ROLLOUT")]
    pub rollout: Option<String>,
    /// Form of the answer.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub output: Format,
}

/// What to explain.
#[derive(Debug, Subcommand)]
pub enum Explain {
    /// Which wave a node belongs to and why, or why it takes no part.
    Node {
        /// Node id, such as i-0123456789abcdef0.
        id: String,
        /// Plan file, or a plan saved with `plan --output json`.
        #[arg(long, value_name = "FILE", conflicts_with = "rollout")]
        plan: Option<PathBuf>,
        /// Rollout whose frozen plan is asked; the active one, or else the newest one, when nothing is given.
        #[arg(long, value_name = "ROLLOUT")]
        rollout: Option<String>,
    },
    /// What a code of `validate` or `package lint` means.
    Code {
        /// Such as E0107.
        code: String,
    },
    /// What a rollout waits for.
    Rollout {
        /// Name or the beginning of an id; the active one, or else the newest one, when left out.
        rollout: Option<String>,
    },
    /// The one thing that a gate waits for, its evidence so far and its deadline.
    Gate {
        /// Name of the gate.
        gate: String,
        /// Which rollout, and in which form.
        #[command(flatten)]
        asked: Asked,
    },
    /// The one thing that a wave waits for, its evidence so far and its deadline.
    Wave {
        /// Name of the wave.
        wave: String,
        /// Which rollout, and in which form.
        #[command(flatten)]
        asked: Asked,
    },
    /// The one thing that the whole rollout waits for, its evidence so far and its deadline.
    Stuck {
        /// Which rollout, and in which form.
        #[command(flatten)]
        asked: Asked,
    },
}

/// Package versions that no rollout may install.
#[derive(Debug, Subcommand)]
pub enum Quarantine {
    /// Show them.
    List {
        /// Show cleared ones too.
        #[arg(long)]
        all: bool,
        /// Form of the answer.
        #[arg(long, value_enum, default_value_t = Format::Text)]
        output: Format,
    },
    /// Add one.
    Add {
        /// Package name.
        package: String,
        /// VersionName.
        version: String,
        /// Why.
        #[arg(long)]
        reason: String,
    },
    /// Allow one again.
    Clear {
        /// Package name.
        package: String,
        /// VersionName.
        version: String,
        /// Why.
        #[arg(long)]
        reason: String,
    },
}

/// A simulated AWS.
#[derive(Debug, Subcommand)]
pub enum Sim {
    /// Serve a world on a loopback address until interrupted; prints one JSON line with the endpoint when ready.
    Serve {
        /// World file.
        #[arg(long, value_name = "FILE")]
        world: PathBuf,
        /// Loopback address to listen on; port 0 chooses a free one.
        #[arg(long, default_value = "127.0.0.1:0", value_name = "ADDRESS")]
        listen: SocketAddr,
        /// Seconds of the world in a second of real time.
        #[arg(long, default_value_t = 1.0, value_name = "N")]
        speed: f64,
    },
    /// Write a commented world file and a plan file for it.
    Init {
        /// Directory to write into; created if it is not there.
        #[arg(default_value = ".")]
        path: PathBuf,
    },
}

/// Scenarios of the demo.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Scenario {
    /// First `good`, then `bad-windows`.
    Both,
    /// A good version reaches every node.
    Good,
    /// A version breaks Windows nodes, but only from a later wave on; everything touched goes back.
    BadWindows,
    /// A failed install whose agent claims to have rolled back, on nodes where that is not true.
    LyingAgent,
    /// A Region answers nothing for a while; the rollout waits for it and then ends well.
    Outage,
}

/// Show the whole thing.
#[derive(Debug, Args)]
pub struct Demo {
    /// What to show.
    #[arg(long, value_enum, default_value_t = Scenario::Both)]
    pub scenario: Scenario,
    /// Nodes in the simulated fleet.
    #[arg(long, default_value_t = 2400, value_name = "N", value_parser = clap::value_parser!(u32).range(120..=20_000))]
    pub nodes: u32,
    /// Form of the report.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub output: Format,
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_definition_holds_together() {
        Cli::command().debug_assert();
    }

    #[test]
    fn orders_need_their_reason() {
        for verb in ["pause", "abort", "rollback"] {
            assert!(Cli::try_parse_from(["wavetrain", verb]).is_err(), "{verb}");
            assert!(Cli::try_parse_from(["wavetrain", verb, "--reason", "x"]).is_ok(), "{verb}");
        }
    }

    #[test]
    fn retry_takes_several_nodes() {
        let cli = Cli::try_parse_from(["wavetrain", "retry", "--node", "i-1", "--node", "i-2"]).unwrap();
        assert!(matches!(cli.command, Command::Retry { nodes, .. } if nodes == ["i-1", "i-2"]));
    }
}
