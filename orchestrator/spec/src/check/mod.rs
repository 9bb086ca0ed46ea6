//! The plan file as written → [`Rollout`]: defaults filled in, references resolved, and everything checked
//! that needs more than one value to be seen.

mod approval;
mod association;
mod fleet;
mod gates;
mod graph;
mod guardrails;
mod guards;
mod limits;
mod metrics;
mod nodes;
mod package;
mod population;
mod recipe;
mod servers;
mod waves;

pub use guardrails::check as guardrails;
pub use package::reserved_prefix;
pub use recipe::check as recipe;

use crate::code;
use crate::file;
use crate::problem::{Problems, quoted};
use crate::scalar::{Rule, Text};
use crate::shape::{List, Placed};
use std::collections::BTreeSet;
use wavetrain_model::plan;
use wavetrain_model::spec::{Check, Gate, Publication, Rollout};
use wavetrain_model::{diagnostic::Span, limit};

/// The checked rollout; None when anything refuses the file.
pub fn rollout(file: file::PlanFile, problems: &mut Problems) -> Option<Rollout> {
    let Placed { value: written, span } = file.rollout?;
    let package = package::check(written.package, problems);
    let fleet = fleet::check(written.fleet, problems);
    if let (Some(package), Some(fleet)) = (&package, &fleet) {
        package::fits_fleet(package, fleet, problems);
    }
    let names: Vec<&str> = written.waves.iter().flat_map(|waves| &waves.value.0).map(wave_name).collect();
    let around = gates::Around {
        waves: &names,
        fleet: fleet.as_ref().map(|fleet| &fleet.value),
        has_probe: package.as_ref().is_none_or(|package| package.value.probe.is_some()),
    };
    let gates = gates::check(written.gates, around, problems);
    let has_alarms = gates.as_ref().is_some_and(|gates| {
        gates.iter().any(|gate| matches!(gate.check, Check::Alarms(_)) && !gate.dry_run)
    });
    let gates = gates.map(|mut gates| {
        guards::add(&mut gates, written.guards, problems);
        gates
    });
    let partial = written.partial.value.0;
    let waves = written.waves.and_then(|waves| {
        waves::check(
            &waves.value.0,
            fleet.as_ref().map(|fleet| &fleet.value),
            partial || waves.value.1,
            has_alarms,
            problems,
        )
    });
    let limits = limits::check(written.limits.value, problems);
    let rollback =
        limits::rollback(written.rollback.value, package.as_ref().map(|package| &package.value), problems);
    let deadlines = limits::deadlines(&written.deadlines, problems);
    let api = limits::api(&written.api, problems);
    let dispatch = association::dispatch(written.dispatch.value.0, written.association, problems);
    let finish = association::finish(
        written.finish,
        package.as_ref().map(|package| package.value.name.as_str()),
        fleet.as_ref().map(|fleet| &fleet.value),
        partial,
        problems,
    );
    let allow_associations = association::allowed(written.allow_associations, problems);
    let name = written.name?.value.text;
    let rollout = Rollout {
        salt: written.salt.map_or_else(|| name.clone(), |salt| salt.value.text),
        name,
        package: package?.value,
        fleet: fleet?.value,
        waves: waves?,
        partial,
        limits,
        gates: gates?,
        rollback,
        deadlines,
        api,
        packs: Vec::new(),
        guardrails: Vec::new(),
        publish_compliance: written.publish_compliance.map(|publication| Publication {
            kind: publication.value.kind.value.text,
            severity: publication.value.severity.value.text,
        }),
        dispatch,
        finish,
        allow_associations,
    };
    questions(&rollout, span, problems);
    guards::ripe_in_time(&rollout, span, problems);
    nodes::installs(&rollout, span, problems);
    (!problems.has_errors()).then_some(rollout)
}

/// Gates by themselves, over waves of these names.
pub fn gates<const MAX: usize>(
    written: Option<Placed<List<file::Gate, 0, MAX>>>,
    waves: &[&str],
    problems: &mut Problems,
) -> Option<Vec<Gate>> {
    gates::check(written, gates::Around { waves, fleet: None, has_probe: true }, problems)
}

fn wave_name(wave: &Placed<file::Wave>) -> &str {
    wave.value.name.as_ref().map_or("", |name| name.value.text.as_str())
}

/// Tag questions are asked in every site, and answered in one machine word per node.
fn questions(rollout: &Rollout, span: Span, problems: &mut Problems) {
    let listed: usize = rollout.limits.max_unavailable.iter().map(|domain| domain.values.len()).sum();
    // Finding equal questions compares each with each, which is not worth it for a list that is far too long.
    let asked = if listed > 10 * limit::TAG_QUESTIONS { listed } else { plan::tag_questions(rollout).len() };
    if asked > limit::TAG_QUESTIONS {
        problems.error(
            code::QUESTIONS,
            span,
            format!(
                "the rollout asks {asked} questions about tags; at most {} are possible",
                limit::TAG_QUESTIONS
            ),
            "name fewer values in `max_unavailable`, and fewer keys in `select` and `exclude`",
        );
    }
}

/// The texts of a list without repeats, which are reported.
fn distinct<R: Rule>(items: Vec<Placed<Text<R>>>, problems: &mut Problems) -> Vec<String> {
    distinct_by(items, ToOwned::to_owned, problems)
}

/// People without repeats: nobody is two people by capitals or blanks.
fn distinct_people<R: Rule>(items: Vec<Placed<Text<R>>>, problems: &mut Problems) -> Vec<String> {
    distinct_by(items, wavetrain_model::approval::person, problems)
}

fn distinct_by<R: Rule>(
    items: Vec<Placed<Text<R>>>,
    key: impl Fn(&str) -> String,
    problems: &mut Problems,
) -> Vec<String> {
    let mut seen = BTreeSet::new();
    let mut kept = Vec::with_capacity(items.len());
    for item in items {
        if seen.insert(key(&item.value.text)) {
            kept.push(item.value.text);
        } else {
            repeated(&item.value.text, item.span, problems);
        }
    }
    kept
}

pub(crate) fn repeated(text: &str, span: Span, problems: &mut Problems) {
    problems.error(
        code::REPEATED,
        span,
        format!("{} is listed twice", quoted(text)),
        "delete one of the two",
    );
}
