//! Metric gates.

use super::gates::expression;
use crate::code;
use crate::file;
use crate::problem::{Problems, quoted};
use crate::scalar::Text;
use crate::shape::Placed;
use crate::text::{CelText, MathText};
use std::collections::{BTreeMap, BTreeSet};
use wavetrain_model::diagnostic::Span;
use wavetrain_model::spec::{Ask, CONDITION_VARIABLES, Compare, Condition, Metric, MetricStat, Query};

/// What stands for the gate's own question.
const JUDGED: &str = "judged";

/// Points of one GetMetricData.
const POINTS: u32 = 100_800;

/// A metric gate; None when it is unusable, which was reported.
pub fn check(
    Placed { value: written, span }: Placed<file::Metric>,
    problems: &mut Problems,
) -> Option<Metric> {
    let queries = written.queries.map(|queries| queries.value.0).unwrap_or_default();
    let queries = inputs(queries, problems);
    times(&written.period, &written.window, queries.len() as u32 + 1, problems);
    let stat = stat(written.namespace, written.name, written.dimensions, written.statistic, span, problems);
    let is_half = written.given.has("name") || written.given.has("namespace");
    let ask = ask(written.expression, stat, is_half, span, problems);
    if !queries.is_empty() && !matches!(ask, Some(Ask::Expression(_))) {
        problems.error(code::METRIC_ASK, span, "the queries feed no expression", "add `expression: …`");
    }
    let (period, window) = (written.period.value.0, written.window.value.0);
    let (holds, minimum) = (window.0 / period.0.max(1), written.minimum_samples.value.0);
    if holds > 0 && minimum > holds {
        problems.error(
            code::METRIC_TIMES,
            written.minimum_samples.span,
            format!("at least {minimum} points are wanted, and a window of {window} holds {holds}: it can never pass"),
            "raise `window`, or lower `minimum_samples`",
        );
    }
    let condition =
        condition(span, written.fail_if.as_ref(), written.pass_if.as_ref(), &CONDITION_VARIABLES, problems);
    Some(Metric {
        queries,
        ask: ask?,
        period,
        window,
        lag: written.lag.value.0,
        minimum_samples: written.minimum_samples.value.0,
        condition: condition?,
    })
}

/// A comparison; None when it is unusable, which was reported.
pub fn compare(
    Placed { value: written, span }: Placed<file::Compare>,
    is_blocker: bool,
    problems: &mut Problems,
) -> Option<Compare> {
    if is_blocker {
        problems.error(
            code::COMPARISON,
            span,
            "before a wave begins, nothing of it is upgraded that could be compared",
            "remove `blocker`",
        );
    }
    let (nodes, minimum) = (&written.nodes, &written.minimum_nodes);
    if minimum.value.0 > nodes.value.0 {
        problems.error(
            code::COMPARISON,
            minimum.span,
            format!(
                "at least {} nodes are wanted, but at most {} are compared",
                minimum.value.0, nodes.value.0
            ),
            "raise `nodes`, or lower `minimum_nodes`",
        );
    }
    if !(1..=5_000).contains(&written.alpha.value.0.0) {
        problems.error(
            code::COMPARISON,
            written.alpha.span,
            format!("no test keeps a level of {}", written.alpha.value.0),
            "write a share above 0% and at most 50%, such as `1%`",
        );
    }
    times(&written.period, &written.window, nodes.value.0, problems);
    let bad_if = match &written.bad_if {
        None => None,
        Some(text) => Some(expression(text, &CONDITION_VARIABLES, problems)?),
    };
    let stat = stat(written.namespace, written.name, written.dimensions, written.statistic, span, problems)?;
    if stat.dimensions.contains_key(&written.node_dimension.value.text) {
        problems.error(
            code::COMPARISON,
            written.node_dimension.span,
            format!(
                "dimension {} names the node, and stands among `dimensions`",
                written.node_dimension.value.text
            ),
            "remove it from `dimensions`: every node is asked for by itself",
        );
    }
    Some(Compare {
        metric: stat,
        node_dimension: written.node_dimension.value.text,
        period: written.period.value.0,
        window: written.window.value.0,
        lag: written.lag.value.0,
        worse: written.worse.value.0,
        tolerance: written.tolerance.value.0,
        bad_if,
        alpha: written.alpha.value.0,
        nodes: written.nodes.value.0,
        minimum_nodes: written.minimum_nodes.value.0,
    })
}

fn inputs(written: Vec<Placed<file::Query>>, problems: &mut Problems) -> Vec<Query> {
    let mut ids = BTreeSet::new();
    let mut queries = Vec::with_capacity(written.len());
    for Placed { value: written, span } in written {
        let stat =
            stat(written.namespace, written.name, written.dimensions, written.statistic, span, problems);
        let is_half = written.given.has("name") || written.given.has("namespace");
        let ask = ask(written.expression, stat, is_half, span, problems);
        let (Some(ask), Some(id)) = (ask, written.id) else { continue };
        if id.value.text == JUDGED {
            let help = "choose another name";
            problems.error(code::METRIC_ASK, id.span, "`judged` stands for what the gate judges", help);
        } else if ids.insert(id.value.text.clone()) {
            queries.push(Query { id: id.value.text, ask });
        } else {
            super::repeated(&id.value.text, id.span, problems);
        }
    }
    queries
}

/// A condition; None when it lacks or is wrong, which was reported.
pub(super) fn condition(
    span: Span,
    fail_if: Option<&Placed<Text<CelText>>>,
    pass_if: Option<&Placed<Text<CelText>>>,
    variables: &[&str],
    problems: &mut Problems,
) -> Option<Condition> {
    if fail_if.is_none() && pass_if.is_none() {
        problems.error(
            code::CONDITION,
            span,
            "nothing says which values are bad",
            format!("add `fail_if: {} > …`, `pass_if: …` or both", variables[0]),
        );
        return None;
    }
    let mut read = |written: Option<&Placed<Text<CelText>>>| match written {
        None => Some(None),
        Some(text) => expression(text, variables, problems).map(Some),
    };
    let (fail_if, pass_if) = (read(fail_if), read(pass_if));
    Some(Condition { fail_if: fail_if?, pass_if: pass_if? })
}

type Texts<A, B> = crate::shape::Table<Text<A>, Text<B>, 0, 30>;

fn stat<A, N, D, S>(
    namespace: Option<Placed<Text<A>>>,
    name: Option<Placed<Text<N>>>,
    dimensions: Option<Placed<Texts<D, D>>>,
    statistic: Placed<Text<S>>,
    span: Span,
    problems: &mut Problems,
) -> Option<MetricStat> {
    let (namespace, name) = match (namespace, name) {
        (Some(namespace), Some(name)) => (namespace, name),
        (None, None) => return None,
        (None, Some(_)) | (Some(_), None) => {
            problems.error(
                code::METRIC_ASK,
                span,
                "a metric has a namespace and a name",
                "add `namespace: …` and `name: …`",
            );
            return None;
        }
    };
    let dimensions = dimensions.map(|dimensions| dimensions.value.0).unwrap_or_default();
    let dimensions: BTreeMap<String, String> =
        dimensions.into_iter().map(|(name, value)| (name.value.text, value.value.text)).collect();
    Some(MetricStat {
        namespace: namespace.value.text,
        name: name.value.text,
        dimensions,
        statistic: statistic.value.text,
    })
}

fn ask(
    expression: Option<Placed<Text<MathText>>>,
    stat: Option<MetricStat>,
    is_half: bool,
    span: Span,
    problems: &mut Problems,
) -> Option<Ask> {
    match (expression, stat) {
        (Some(expression), None) => Some(Ask::Expression(expression.value.text)),
        (None, Some(stat)) => Some(Ask::Stat(stat)),
        (Some(expression), Some(stat)) => {
            problems.error(
                code::METRIC_ASK,
                expression.span,
                format!("both an expression and the metric {} are asked", quoted(&stat.name)),
                "keep one; inputs of an expression stand in `queries`",
            );
            None
        }
        // Half a metric was reported already.
        (None, None) if is_half => None,
        (None, None) => {
            problems.error(
                code::METRIC_ASK,
                span,
                "no metric is asked",
                "add `namespace: …` and `name: …`, or `expression: …`",
            );
            None
        }
    }
}

fn times<const A: u32, const B: u32, const C: u32, const D: u32>(
    period: &Placed<crate::scalar::Length<A, B>>,
    window: &Placed<crate::scalar::Length<C, D>>,
    queries: u32,
    problems: &mut Problems,
) {
    let (length, whole) = (period.value.0.0, window.value.0.0);
    if !matches!(length, 1 | 5 | 10 | 30) && !length.is_multiple_of(60) {
        problems.error(
            code::METRIC_TIMES,
            period.span,
            format!("CloudWatch has no period of {}", period.value.0),
            "write 1s, 5s, 10s, 30s or whole minutes",
        );
    }
    if whole < length {
        problems.error(
            code::METRIC_TIMES,
            window.span,
            format!("a window of {} holds no period of {}", window.value.0, period.value.0),
            "raise `window`, or lower `period`",
        );
    }
    if u64::from(whole / length.max(1)) * u64::from(queries) > u64::from(POINTS) {
        problems.error(
            code::METRIC_TIMES,
            window.span,
            format!("one measurement would ask for more than {POINTS} points"),
            "lower `window`, or raise `period`",
        );
    }
}
