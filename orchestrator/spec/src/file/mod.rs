//! The plan file as it is written: one struct per mapping. Keys, defaults and descriptions stand here and
//! nowhere else.

use crate::scalar::{Length, Quantity, Share, Switch, Text, Whole, Word};
use crate::shape::{List, OneOrMany, Table, shape};
use crate::text::{
    Account, AgentVersion, AllowedAssociation, ApiVersion, Approver, ArgumentKey, ArgumentValue,
    ChosenVersion, Command, CustomType, Expectation, ExternalId, FilePath, KnownRegion, Name, NodeName, Pace,
    PackageName, PlatformWord, RestoreVersion, RoleTemplate, SeverityWord, TagKey, TagValue, Unit,
};
use wavetrain_model::limit;
use wavetrain_model::spec::{InstallMode, Reaction};

mod association;
mod gate;
mod guards;
mod policy;
mod recipe;

pub use association::{Dispatched, Dispatching, Finish, Keeping, Output};
pub use gate::{
    Alarms, Compare, Compliance, GATE_KINDS, Gate, Http, Install, Metric, NodeProbe, Prometheus, Query,
};
pub use guards::Guards;
pub use policy::{Guardrail, GuardrailFile, PolicyFile};
pub use recipe::{Accepted, Machine, PackageFile, Serves, Zip};

/// Seconds in a minute, an hour, a day; a year bounds every length of time.
const MINUTE: u32 = 60;
const HOUR: u32 = 60 * MINUTE;
const DAY: u32 = 24 * HOUR;
const YEAR: u32 = 365 * DAY;

/// `TimeoutSeconds` of SendCommand: 30 seconds to 30 days.
const DELIVERY_MIN: u32 = 30;
const DELIVERY_MAX: u32 = 2_592_000;

/// Accounts, Regions and node ids of one list.
const LISTED: usize = 10_000;

/// Tag keys of one selection.
const TAG_KEYS: usize = 32;

type Accounts = List<Text<Account>, 1, LISTED>;
type Regions = List<KnownRegion, 1, 100>;
type Tags = Table<Text<TagKey>, OneOrMany<Text<TagValue>>, 1, TAG_KEYS>;
type OneTag = Table<Text<TagKey>, Text<TagValue>, 1, 1>;

/// Other files, each of which may be as large as a plan file.
pub type Files = OneOrMany<Text<FilePath>, 10>;

shape! {
    /// A plan file: which package goes where, in which order, under which conditions.
    PlanFile = "a plan file" {
        /// Format of this file: `wavetrain/v1`.
        required api_version "apiVersion": Text<ApiVersion>;
        /// The rollout that the file describes.
        required rollout "rollout": Rollout;
    }
}

shape! {
    /// Gates by themselves.
    GatesFile = "a file of gates" {
        /// As in a plan file.
        required gates "gates": List<Gate, 0, { limit::GATES_PER_ROLLOUT }>;
    }
}

shape! {
    /// One rollout.
    Rollout = "a rollout" {
        /// Name of the rollout; one rollout of a name can be active at a time.
        required name "name": Text<Name>;
        /// What is installed.
        required package "package": Package;
        /// Which nodes.
        required fleet "fleet": Fleet;
        /// Policy packs that parts of this rollout come from: files beside this one, or above it.
        optional uses "use": Files;
        /// Files of guardrails that this rollout is held against as well; those given from outside always hold.
        optional guardrails "guardrails": Files;
        /// In which order the nodes get it. Waves of a policy pack do as well.
        required waves "waves": List<Wave, 1, { limit::WAVES_PER_ROLLOUT }>;
        /// Whether the waves may end below 100 %.
        defaulted partial "partial": Switch = "no";
        /// Salt of the order of nodes within a wave; the rollout's name unless given. Two rollouts with one
        /// salt take the nodes in one order.
        optional salt "salt": Text<Name>;
        /// How much changes at once, and how many failures are tolerated.
        section limits "limits": Limits;
        /// What must hold between waves, beside the failure limits.
        optional gates "gates": List<Gate, 0, { limit::GATES_PER_ROLLOUT }>;
        /// What every rollout is guarded by, unless switched off here.
        section guards "guards": Guards;
        /// What happens when something fails.
        section rollback "rollback": Rollback;
        /// How long is waited for what.
        section deadlines "deadlines": Deadlines;
        /// How hard AWS is asked.
        section api "api": Api;
        /// Show in SSM's compliance whether every touched node has the version that it should have. Not shown unless given.
        optional publish_compliance "publish_compliance": Publication;
        /// How installs reach the nodes: `command` (Run Command) or `association` (State Manager).
        defaulted dispatch "dispatch": Word<Dispatching> = "command";
        /// What the associations of `dispatch: association` are like.
        optional association "association": Dispatched;
        /// What happens once the last wave has passed.
        optional finish "finish": Finish;
        /// Associations of the package that bring nodes to another version and may stay: `all`, or their ids.
        optional allow_associations "allow_associations": OneOrMany<Text<AllowedAssociation>>;
    }
}

shape! {
    /// The Distributor package and the version to install.
    Package = "a package" {
        /// Name of the package document, not its ARN.
        required name "name": Text<PackageName>;
        /// Account that publishes the package, and shares it with the others.
        required owner "owner": Text<Account>;
        /// VersionName to install. Neither `latest` nor blank.
        required version "version": ChosenVersion;
        /// `reinstall`: the old version is uninstalled first; `in-place`: the package's update script runs.
        defaulted install "install": Word<InstallMode> = "reinstall";
        /// Environment of the package's scripts; keys begin with `SSM_`, values may be `{{ssm:/path}}`.
        optional arguments "arguments": Table<Text<ArgumentKey>, Text<ArgumentValue>, 0, 100>;
        /// Commands that print the installed product's version: the only proof of what is on a node.
        optional probe "probe": Probe;
        /// Whether every account has a document of its own, as `package publish --copy` makes them, instead of sharing the owner's.
        defaulted copies "copies": Switch = "no";
        /// Whether the version may be made of other files from site to site, as when each Region builds its own.
        defaulted allow_differing_contents "allow_differing_contents": Switch = "no";
    }
}

shape! {
    /// Commands that print the installed product's version.
    Probe = "a probe", anyOf ["linux", "windows"] {
        /// Shell command for Linux nodes.
        optional linux "linux": Text<Command>;
        /// PowerShell command for Windows nodes.
        optional windows "windows": Text<Command>;
        /// What is printed for a version, with `{version}` or `{version_without_revision}` in it. Unless
        /// given: the version itself, or the version without its last `-revision`.
        optional expect "expect": Text<Expectation>;
    }
}

shape! {
    /// Which nodes.
    Fleet = "a fleet", anyOf ["accounts", "organization"] {
        /// Accounts with nodes.
        optional accounts "accounts": Accounts;
        /// Accounts with nodes, by where they stand in AWS Organizations. Looked up before the plan is made.
        optional organization "organization": Organization;
        /// Regions with nodes, in each of the accounts.
        required regions "regions": Regions;
        /// Role to assume in each account, with `{account}` in it. One account can do without.
        optional role "role": Text<RoleTemplate>;
        /// External id that the role demands.
        optional external_id "external_id": Text<ExternalId>;
        /// Only nodes with all of these tags. Unless given: every managed node.
        optional select "select": Selection;
        /// Not these nodes.
        optional exclude "exclude": Exclusion;
        /// Least share of the selected nodes that must be eligible; below it the rollout does not start.
        defaulted min_coverage "min_coverage": Share = "90%";
        /// A node that SSM has not seen for longer is not eligible.
        defaulted max_offline_age "max_offline_age": Length<MINUTE, YEAR> = "24h";
        /// Oldest SSM agent that can be trusted with a reinstall.
        defaulted min_agent "min_agent": Text<AgentVersion> = "3.1.1374.0";
    }
}

shape! {
    /// Accounts of AWS Organizations.
    Organization = "an organization" {
        /// Units (`ou-…`) or the root (`r-…`): all active accounts in them and below.
        required units "units": List<Text<Unit>, 1, LISTED>;
        /// Accounts to leave out, however they got in.
        optional exclude "exclude": Accounts;
    }
}

shape! {
    /// Nodes to include.
    Selection = "a selection" {
        /// A node must have every key, with one of its values.
        required tags "tags": Tags;
    }
}

shape! {
    /// Nodes to leave alone.
    Exclusion = "an exclusion" {
        /// Nodes with any of these tags.
        optional tags "tags": Tags;
        /// Nodes by id.
        optional nodes "nodes": List<Text<NodeName>, 1, LISTED>;
    }
}

shape! {
    /// One wave: the nodes of a tag (the canary), or a cumulative percentage.
    Wave = "a wave", oneOf ["tag", "percent"] {
        /// Name of the wave.
        required name "name": Text<Name>;
        /// All nodes with this tag.
        optional tag "tag": OneTag;
        /// Share of the nodes that have the version after this wave, earlier waves included.
        optional percent "percent": Share;
        /// How long the wave is watched after its last node, before it counts as passed.
        defaulted bake "bake": Length<0, { 30 * DAY }> = "0s";
        /// Waves that must have passed before; the wave above unless given.
        optional after "after": List<Text<Name>, 0, { limit::WAVES_PER_ROLLOUT }>;
        /// Restricts the nodes that the percentage counts.
        optional within "where": Where;
        /// Whether a canary that lacks a platform or an architecture gets a node of it; `no`: the plan is
        /// refused.
        optional top_up "top_up": Switch;
        /// People who must agree before the wave begins.
        optional approval "approval": Approval;
    }
}

shape! {
    /// Restriction of a wave; what is not given is not restricted.
    Where = "a `where`" {
        /// Only nodes of these accounts.
        optional accounts "accounts": Accounts;
        /// Only nodes in these Regions.
        optional regions "regions": Regions;
        /// Only nodes of these platforms.
        optional platforms "platforms": List<PlatformWord, 1, 2>;
    }
}

shape! {
    /// People who must agree.
    Approval = "an approval" {
        /// People or groups who may agree.
        required from "from": List<Text<Approver>, 1, 100>;
        /// How many of them must.
        defaulted need "need": Whole<1, 100> = "1";
        /// Unanswered for longer, a wave's own approval ends the rollout and nodes stay as they are; a gate is inconclusive.
        defaulted within "within": Length<MINUTE, { 90 * DAY }> = "24h";
        /// How long one approval counts; as long as the evidence stays the same unless given.
        optional valid_for "valid_for": Length<MINUTE, { 90 * DAY }>;
        /// Whether whoever started the rollout may agree to it.
        defaulted author_may_approve "author_may_approve": Switch = "no";
    }
}

shape! {
    /// How much changes at once, and how many failures are tolerated.
    Limits = "limits" {
        /// Nodes that change at once, as a number or a share of the wave.
        defaulted in_flight "in_flight": Quantity<1> = "10%";
        /// Nodes that change at once in one account and Region.
        optional per_site "per_site": Quantity<1>;
        /// Nodes that change at once among those with one tag value.
        optional max_unavailable "max_unavailable": List<MaxUnavailable, 0, 64>;
        /// Failed nodes tolerated; one more stops the rollout.
        defaulted failures "failures": Quantity<0> = "2%";
        /// Nodes tolerated that could not be reached; one more stops the rollout.
        defaulted undelivered "undelivered": Quantity<0> = "5%";
    }
}

shape! {
    /// Nodes with one value of this tag that may change at once.
    MaxUnavailable = "a `max_unavailable`" {
        /// The tag; each value is counted on its own.
        required tag "tag": Table<Text<TagKey>, OneOrMany<Text<TagValue>>, 1, 1>;
        /// Nodes of one value that may change at once.
        defaulted nodes "nodes": Whole<1, 2_000_000> = "1";
    }
}

shape! {
    /// What happens when something fails.
    Rollback = "a rollback" {
        /// `recorded`, or the version for nodes whose own previous version is not known.
        defaulted to "to": RestoreVersion = "recorded";
        /// Leave nodes out whose previous version is only assumed.
        defaulted require_known "require_known": Switch = "no";
        /// After a failed gate, or more failures than tolerated.
        defaulted on_fail "on_fail": Word<Reaction> = "rollback";
        /// After a gate that could not be measured.
        defaulted on_error "on_error": Word<Reaction> = "pause";
        /// After a gate that measured too little.
        defaulted on_inconclusive "on_inconclusive": Word<Reaction> = "pause";
        /// Nodes restored at once, as a multiple of `in_flight`.
        defaulted pace "pace": Text<Pace> = "3x";
    }
}

shape! {
    /// How long is waited for what.
    Deadlines = "deadlines" {
        /// A node that has not begun by then is undelivered.
        defaulted delivery "delivery": Length<DELIVERY_MIN, DELIVERY_MAX> = "30m";
        /// A command that says nothing for this much longer has an unknown outcome.
        defaulted execution "execution": Length<MINUTE, { 7 * DAY }> = "2h";
        /// A wave whose nodes have not all begun by then: the others are undelivered. A bake that lasts this much longer than it should
        /// is inconclusive.
        defaulted wave "wave": Length<MINUTE, { 90 * DAY }> = "12h";
        /// Nobody answers a hold by then: the rollout ends and nodes stay as they are.
        defaulted hold "hold": Length<MINUTE, YEAR> = "24h";
    }
}

shape! {
    /// An item of SSM's compliance for every touched node.
    Publication = "a `publish_compliance`" {
        /// Type of the items; whatever else of this type a node has is replaced.
        defaulted kind "type": Text<CustomType> = "Custom:Wavetrain";
        /// Severity of the items.
        defaulted severity "severity": Text<SeverityWord> = "HIGH";
    }
}

shape! {
    /// How hard AWS is asked.
    Api = "an `api`" {
        /// Calls a second to one account and Region.
        defaulted requests_per_second "requests_per_second": Whole<1, 100> = "3";
        /// Calls that may follow each other without a pause.
        defaulted burst "burst": Whole<1, 1000> = "5";
        /// Time from sending a command to the first look at it.
        defaulted first_poll "first_poll": Length<1, HOUR> = "4s";
        /// Longest time between two looks at a command.
        defaulted longest_poll "longest_poll": Length<1, HOUR> = "30s";
        /// Time after a restart in which an unlisted command may still turn up.
        defaulted settle "settle": Length<30, HOUR> = "2m";
    }
}
