//! Gates as they are written.

use super::{Approval, DAY, HOUR, MINUTE, Where, YEAR};
use crate::scalar::{Length, Quantity, Share, Switch, Text, Whole, Word};
use crate::shape::{List, Table, shape};
use crate::text::{
    AlarmName, CelText, Command, ComplianceType, DimensionText, MathText, MetricText, Name, NamespaceText,
    QueryId, QueryText, SeverityWord, Statistic, UrlText, VariableName,
};
use wavetrain_model::limit;
use wavetrain_model::spec::{InsufficientData, Per, Worse};

/// Kinds of checks that a gate can name, those of other versions included.
pub const GATE_KINDS: [&str; 9] =
    ["alarms", "compliance", "metric", "compare", "prometheus", "http", "probe", "approval", "install"];

/// `MetricDataQueries` of one GetMetricData, less one for what is judged.
const QUERIES: usize = 499;

type Dimensions = Table<Text<DimensionText>, Text<DimensionText>, 0, 30>;

shape! {
    /// A check between waves: one kind of check, and how often and how patiently it is made.
    Gate = "a gate", oneOf ["alarms", "metric", "compare", "prometheus", "http", "compliance", "probe", "approval", "install"] {
        /// Name of the gate.
        required name "name": Text<Name>;
        /// Whether it is also watched from the first install to the last bake.
        defaulted guard "guard": Switch = "no";
        /// Whether it must also pass before each wave begins.
        defaulted blocker "blocker": Switch = "no";
        /// Whether it is only measured and shown, and decides nothing.
        defaulted dry_run "dry_run": Switch = "no";
        /// Waves that it judges; every wave unless given.
        optional waves "waves": List<Text<Name>, 1, { limit::WAVES_PER_ROLLOUT }>;
        /// CloudWatch alarms in every account and Region of the fleet.
        optional alarms "alarms": Alarms;
        /// CloudWatch metrics in every account and Region of the fleet.
        optional metric "metric": Metric;
        /// A CloudWatch metric of upgraded nodes beside that of untouched ones.
        optional compare "compare": Compare;
        /// A query to a Prometheus server.
        optional prometheus "prometheus": Prometheus;
        /// A JSON document behind a URL, or a signed report.
        optional http "http": Http;
        /// SSM compliance of single nodes, and what their probes printed.
        optional compliance "compliance": Compliance;
        /// A command on single nodes, which looks and changes nothing.
        optional probe "probe": NodeProbe;
        /// How many installs may fail: the failure budgets' counters, held against stricter limits.
        optional install "install": Install;
        /// Restricts where the gate looks: sites, and nodes where it asks about single ones. A wave without such nodes passes it.
        optional within "where": Where;
        /// What is judged by itself, where the gate asks about single nodes: every `site`, or every `stratum` (site, platform and
        /// architecture); the worst counts. All nodes together unless given.
        optional per "per": Word<Per>;
        /// People who must agree.
        optional approval "approval": Approval;
        /// Time between two measurements.
        defaulted every "every": Length<10, DAY> = "1m";
        /// Time until the first measurement.
        defaulted initial_delay "initial_delay": Length<0, DAY> = "0s";
        /// Measurements of one wave after which a good gate is not measured any more; all through the bake unless given.
        optional count "count": Whole<1, 10_000>;
        /// Failed measurements tolerated; one more fails the gate.
        defaulted failure_limit "failure_limit": Whole<0, 1000> = "0";
        /// Inconclusive measurements tolerated; one more makes the gate inconclusive. Only the deadline does unless given.
        optional inconclusive_limit "inconclusive_limit": Whole<0, 10_000>;
        /// Measurements in a row that may go wrong; one more is an error.
        defaulted consecutive_error_limit "consecutive_error_limit": Whole<0, 1000> = "4";
        /// Good measurements in a row without which no wave passes.
        defaulted consecutive_success_limit "consecutive_success_limit": Whole<1, 1000> = "1";
        /// Without a verdict for longer, the gate is inconclusive.
        defaulted deadline "deadline": Length<MINUTE, { 30 * DAY }> = "1h";
    }
}

shape! {
    /// CloudWatch alarms, by name, by prefix, or both.
    Alarms = "alarms", anyOf ["names", "prefix"] {
        /// Alarms that must exist.
        optional names "names": List<Text<AlarmName>, 1, 100>;
        /// All alarms whose name begins so.
        optional prefix "prefix": Text<AlarmName>;
        /// What an alarm without data means.
        defaulted insufficient_data "insufficient_data": Word<InsufficientData> = "inconclusive";
        /// Which alarms together are bad, such as `alarm["crashes"] && alarm["restarts"]`; any alarm unless given.
        optional fail_if "fail_if": Text<CelText>;
    }
}

shape! {
    /// A question to CloudWatch metrics, and what its answer means: one metric, or an expression.
    Metric = "a metric", anyOf ["name", "expression"] {
        /// Metric math, a `SEARCH`, or Metrics Insights.
        optional expression "expression": Text<MathText>;
        /// Named inputs of the expression.
        optional queries "queries": List<Query, 1, QUERIES>;
        /// Namespace of the metric.
        optional namespace "namespace": Text<NamespaceText>;
        /// Name of the metric.
        optional name "name": Text<MetricText>;
        /// Dimensions of the metric, all of them.
        optional dimensions "dimensions": Dimensions;
        /// `Average`, `Sum`, `Minimum`, `Maximum`, `SampleCount`, `p99` and so on.
        defaulted statistic "statistic": Text<Statistic> = "Average";
        /// What one point stands for: 1, 5, 10 or 30 seconds, or whole minutes.
        defaulted period "period": Length<1, DAY> = "1m";
        /// How far back a measurement looks, but never to before the first install, or the end of the wave that is judged.
        defaulted window "window": Length<1, { 15 * DAY }> = "5m";
        /// How late points may still arrive.
        defaulted lag "lag": Length<0, HOUR> = "1m";
        /// Fewer points are inconclusive.
        defaulted minimum_samples "minimum_samples": Whole<1, 100_800> = "1";
        /// Bad when true: CEL over `value` (the newest), `samples`, `average`, `minimum`, `maximum`, `total` and `nodes`.
        optional fail_if "fail_if": Text<CelText>;
        /// Good when true.
        optional pass_if "pass_if": Text<CelText>;
    }
}

shape! {
    /// Upgraded nodes against untouched nodes of the same accounts, Regions and platforms: is a metric worse on them?
    Compare = "a comparison" {
        /// Namespace of the metric.
        required namespace "namespace": Text<NamespaceText>;
        /// Name of the metric.
        required name "name": Text<MetricText>;
        /// Dimensions of the metric, all but the one that names the node.
        optional dimensions "dimensions": Dimensions;
        /// The dimension that names the node.
        defaulted node_dimension "node_dimension": Text<DimensionText> = "InstanceId";
        /// `Average`, `Sum`, `Minimum`, `Maximum`, `SampleCount`, `p99` and so on.
        defaulted statistic "statistic": Text<Statistic> = "Average";
        /// What one point stands for: 1, 5, 10 or 30 seconds, or whole minutes.
        defaulted period "period": Length<1, DAY> = "1m";
        /// How far back a measurement looks, but never to before the first install, or the end of the wave that is judged.
        defaulted window "window": Length<1, { 15 * DAY }> = "30m";
        /// How late points may still arrive.
        defaulted lag "lag": Length<0, HOUR> = "1m";
        /// Which values are bad: `higher` or `lower` ones.
        defaulted worse "worse": Word<Worse> = "higher";
        /// How much worse is still fine, as a share of the untouched nodes' values.
        defaulted tolerance "tolerance": Share = "10%";
        /// A node is bad when true (CEL over `value`, `samples`, `average`, `minimum`, `maximum`, `total`); then shares of bad
        /// nodes are compared instead of values.
        optional bad_if "bad_if": Text<CelText>;
        /// Probability of a false alarm that is accepted, over all looks at one wave.
        defaulted alpha "alpha": Share = "1%";
        /// Nodes compared on each side, at most.
        defaulted nodes "nodes": Whole<2, 500> = "50";
        /// With fewer nodes on a side, nothing is said.
        defaulted minimum_nodes "minimum_nodes": Whole<2, 500> = "10";
    }
}

shape! {
    /// SSM compliance of single nodes: only what was found out after a node's install counts.
    Compliance = "a compliance check" {
        /// `Association`, `Patch` or `Custom:NAME`; each of them must have been reported.
        optional types "types": List<Text<ComplianceType>, 1, 20>;
        /// Severities that count as bad; all unless given.
        optional severities "severities": List<Text<SeverityWord>, 1, 5>;
        /// Whether the package's probe must have found the version, too.
        defaulted truth "truth": Switch = "no";
        /// Fewer good nodes among those that report are bad.
        defaulted at_least "at_least": Share = "98%";
        /// With fewer reporting nodes, nothing is said.
        defaulted minimum_reporting "minimum_reporting": Share = "90%";
        /// Before a wave: older evidence does not count.
        defaulted max_age "max_age": Length<MINUTE, YEAR> = "2d";
    }
}

shape! {
    /// A command on single nodes: it must only look, for nothing undoes it.
    NodeProbe = "a gate's probe", anyOf ["linux", "windows"] {
        /// Shell command for Linux nodes.
        optional linux "linux": Text<Command>;
        /// PowerShell command for Windows nodes.
        optional windows "windows": Text<Command>;
        /// Bad when true: CEL over `exit` (the exit code) and `output` (the first 1,024 bytes printed).
        optional fail_if "fail_if": Text<CelText>;
        /// Good when true; `exit == 0` when neither is given.
        optional pass_if "pass_if": Text<CelText>;
        /// Nodes asked at each look, at most.
        defaulted sample "sample": Whole<1, 500> = "20";
        /// Fewer good nodes among those that answer are bad.
        defaulted at_least "at_least": Share = "95%";
        /// With fewer answering nodes, nothing is said.
        defaulted minimum_reporting "minimum_reporting": Share = "90%";
        /// Nodes that have not answered by then do not count as answering.
        defaulted timeout "timeout": Length<30, HOUR> = "2m";
    }
}

shape! {
    /// How many installs may fail, as the failure budgets count them: in a wave, in a stratum of ten nodes or more, and over the run.
    Install = "an install check" {
        /// More failures are bad: a count, or a share of the nodes. Any failure, where a share is given and there are five nodes or fewer.
        required failures "failures": Quantity<0>;
        /// With fewer finished nodes a share says nothing.
        defaulted minimum_finished "minimum_finished": Whole<1, 100_000> = "5";
    }
}

shape! {
    /// A query to a Prometheus server, and what each series of its answer means.
    Prometheus = "a Prometheus query", anyOf ["fail_if", "pass_if"] {
        /// Base of the server's API, such as `https://prometheus.example:9090`.
        required url "url": Text<UrlText>;
        /// Environment variable with a bearer token.
        optional token_env "token_env": Text<VariableName>;
        /// The query, in PromQL.
        required query "query": Text<QueryText>;
        /// How far back the query looks: the longest range in it, or the range of a range query. A gate waits that long first.
        defaulted window "window": Length<1, { 15 * DAY }> = "5m";
        /// Step of a range query over the window; an instant query unless given.
        optional step "step": Length<1, DAY>;
        /// Fewer points are inconclusive.
        defaulted minimum_samples "minimum_samples": Whole<1, 11_000> = "1";
        /// Bad when true: CEL over `value` (the newest), `samples`, `average`, `minimum`, `maximum`, `total` and `nodes`.
        optional fail_if "fail_if": Text<CelText>;
        /// Good when true.
        optional pass_if "pass_if": Text<CelText>;
    }
}

shape! {
    /// A JSON document behind a URL, and what it means; or a report that somebody sends.
    Http = "an HTTP check", anyOf ["fail_if", "pass_if", "callback"] {
        /// What is asked with `GET`; redirects are not followed.
        optional url "url": Text<UrlText>;
        /// Environment variable with a bearer token.
        optional token_env "token_env": Text<VariableName>;
        /// Bad when true: CEL over `answer` (the document) and `status`.
        optional fail_if "fail_if": Text<CelText>;
        /// Good when true.
        optional pass_if "pass_if": Text<CelText>;
        /// Wait for a signed report instead of asking.
        optional callback "callback": Callback;
    }
}

shape! {
    /// A signed report that is waited for, instead of asking.
    Callback = "a callback" {
        /// Environment variable with the secret that signs reports.
        required secret_env "secret_env": Text<VariableName>;
        /// Without a good report for longer, the gate is inconclusive.
        defaulted within "within": Length<MINUTE, { 30 * DAY }> = "1h";
    }
}

shape! {
    /// One input of an expression: one metric, or another expression.
    Query = "a query", anyOf ["name", "expression"] {
        /// What the expression calls it.
        required id "id": Text<QueryId>;
        /// Metric math, a `SEARCH`, or Metrics Insights.
        optional expression "expression": Text<MathText>;
        /// Namespace of the metric.
        optional namespace "namespace": Text<NamespaceText>;
        /// Name of the metric.
        optional name "name": Text<MetricText>;
        /// Dimensions of the metric, all of them.
        optional dimensions "dimensions": Dimensions;
        /// `Average`, `Sum`, `Minimum`, `Maximum`, `SampleCount`, `p99` and so on.
        defaulted statistic "statistic": Text<Statistic> = "Average";
    }
}
