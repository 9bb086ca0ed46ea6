//! Limits, rollback, deadlines and manners.

use crate::code;
use crate::file;
use crate::problem::{Problems, quoted};
use crate::shape::Placed;
use std::collections::BTreeMap;
use wavetrain_model::diagnostic::Span;
use wavetrain_model::quantity::{Amount, Percent};
use wavetrain_model::spec::{Api, Deadlines, Limits, MaxUnavailable, Package, Rollback};
use wavetrain_model::time::Seconds;

const ALL: Amount = Amount::Share(Percent::ALL);

pub fn check(written: file::Limits, problems: &mut Problems) -> Limits {
    for (key, amount) in [("failures", &written.failures), ("undelivered", &written.undelivered)] {
        if amount.value.0 == ALL {
            problems.warning(
                code::ANY_FAILURES,
                amount.span,
                format!("`{key}` of 100% never stops the rollout"),
                "write how many nodes may go wrong before a person should look",
            );
        }
    }
    if written.in_flight.value.0 == ALL {
        problems.warning(
            code::ALL_AT_ONCE,
            written.in_flight.span,
            "all nodes of a wave change at once",
            "a lower `in_flight` lets the first failures stop the rest of the wave",
        );
    }
    let max_unavailable = written.max_unavailable.map(|domains| domains.value.0).unwrap_or_default();
    let mut lines = BTreeMap::new();
    Limits {
        in_flight: written.in_flight.value.0,
        per_site: written.per_site.map(|amount| amount.value.0),
        max_unavailable: max_unavailable
            .into_iter()
            .filter_map(|domain| max_unavailable_of(domain.value, &mut lines, problems))
            .collect(),
        failures: written.failures.value.0,
        undelivered: written.undelivered.value.0,
    }
}

fn max_unavailable_of(
    written: file::MaxUnavailable,
    lines: &mut BTreeMap<(String, String), usize>,
    problems: &mut Problems,
) -> Option<MaxUnavailable> {
    let (key, values) = written.tag?.value.0.into_iter().next()?;
    for value in &values.value.0 {
        let domain = (key.value.text.clone(), value.value.text.clone());
        if let Some(line) = lines.insert(domain, value.span.line) {
            problems.error(
                code::DOMAIN_REPEATED,
                value.span,
                format!(
                    "the tag {} with the value {} is limited twice",
                    quoted(&key.value.text),
                    quoted(&value.value.text)
                ),
                format!("it already stands on line {line}; delete one of the two"),
            );
        }
    }
    let values = values.value.0.into_iter().map(|value| value.value.text).collect();
    Some(MaxUnavailable { key: key.value.text, values, nodes: written.nodes.value.0 })
}

pub fn rollback(written: file::Rollback, package: Option<&Package>, problems: &mut Problems) -> Rollback {
    let to = written.to.value.0.map(|version| version.0.text);
    if let (Some(to), Some(package)) = (&to, package)
        && *to == package.version
    {
        problems.error(
            code::ROLLBACK_TO_TARGET,
            written.to.span,
            format!("{} is the version that the rollout installs", quoted(to)),
            "name an older version, or write `recorded`",
        );
    }
    if written.require_known.value.0 && package.is_some_and(|package| package.probe.is_none()) {
        problems.warning(
            code::NOTHING_KNOWN,
            written.require_known.span,
            "without a probe, previous versions are known only where wavetrain verified them earlier",
            "add `package.probe`, or the first rollout may find no eligible node",
        );
    }
    Rollback {
        to,
        require_known: written.require_known.value.0,
        on_fail: written.on_fail.value.0,
        on_error: written.on_error.value.0,
        on_inconclusive: written.on_inconclusive.value.0,
        pace: written.pace.value.text.trim_end_matches('x').parse().unwrap_or(1),
    }
}

pub fn deadlines(written: &Placed<file::Deadlines>, problems: &mut Problems) -> Deadlines {
    let file::Deadlines { delivery, execution, wave, hold, .. } = &written.value;
    let slowest = Seconds(delivery.value.0.0.saturating_add(execution.value.0.0));
    if wave.value.0 < slowest {
        problems.warning(
            code::WAVE_DEADLINE,
            written.span,
            format!("a wave may take {}, but one slow node may take {slowest}", wave.value.0),
            "raise `wave`, or lower `delivery` and `execution`",
        );
    }
    Deadlines {
        delivery: delivery.value.0,
        execution: execution.value.0,
        wave: wave.value.0,
        hold: hold.value.0,
    }
}

pub fn api(written: &Placed<file::Api>, problems: &mut Problems) -> Api {
    let file::Api { requests_per_second, burst, first_poll, longest_poll, settle, .. } = &written.value;
    if first_poll.value.0 > longest_poll.value.0 {
        polls(first_poll.span, problems);
    }
    Api {
        requests_per_second: requests_per_second.value.0,
        burst: burst.value.0,
        first_poll: first_poll.value.0,
        longest_poll: longest_poll.value.0,
        settle: settle.value.0,
    }
}

fn polls(span: Span, problems: &mut Problems) {
    problems.error(
        code::POLLS,
        span,
        "`first_poll` is longer than `longest_poll`",
        "lower `first_poll`, or raise `longest_poll`",
    );
}
