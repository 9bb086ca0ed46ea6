//! State Manager: how batches are dispatched, and how a rollout finishes.

use crate::code;
use crate::file;
use crate::problem::Problems;
use crate::shape::Placed;
use wavetrain_model::association::{Output, Target};
use wavetrain_model::diagnostic::Span;
use wavetrain_model::id::AssociationId;
use wavetrain_model::spec::{Allowed, Dispatch, Dispatched, Finish, Fleet, Keeping};

/// `Targets` of an association.
const TARGETS: usize = 5;
/// `Values` of one of them.
const VALUES: usize = 50;

pub fn dispatch(
    word: file::Dispatching,
    settings: Option<Placed<file::Dispatched>>,
    problems: &mut Problems,
) -> Dispatch {
    match (word, settings) {
        (file::Dispatching::Command, None) => Dispatch::Command,
        (file::Dispatching::Command, Some(settings)) => {
            problems.error(
                code::UNUSED_ASSOCIATION,
                settings.span,
                "`association` has no effect: installs are commands",
                "write `dispatch: association`, or delete it",
            );
            Dispatch::Command
        }
        (file::Dispatching::Association, settings) => {
            Dispatch::Association(settings.map_or_else(Dispatched::default, |settings| {
                let settings = settings.value;
                Dispatched {
                    compliance_severity: settings.compliance_severity.map(|word| word.value.0.0.to_owned()),
                    schedule: settings.schedule.map(|schedule| schedule.value.text),
                    max_concurrency: settings.max_concurrency.map(|most| most.value.text),
                    max_errors: settings.max_errors.map(|most| most.value.text),
                    output: settings.output.and_then(|output| output_of(output.value)),
                }
            }))
        }
    }
}

fn output_of(written: file::Output) -> Option<Output> {
    Some(Output {
        bucket: written.bucket?.value.text,
        prefix: written.prefix.map(|prefix| prefix.value.text),
        region: written.region.map(|region| region.value.0.name.to_owned()),
    })
}

pub fn finish(
    written: Option<Placed<file::Finish>>,
    package: Option<&str>,
    fleet: Option<&Fleet>,
    partial: bool,
    problems: &mut Problems,
) -> Finish {
    let Some(Placed { value: written, span }) = written else { return Finish::default() };
    if partial {
        problems.error(
            code::FINISH_PARTIAL,
            span,
            "`finish` would bring nodes to the version that no wave took",
            "delete `finish`, or `partial`",
        );
    }
    let default_version = written.default_version.value.0;
    if !default_version && written.association.is_none() {
        problems.error(
            code::FINISH_NOTHING,
            span,
            "this `finish` does nothing",
            "write `default_version: yes`, an `association`, or both",
        );
    }
    let association = written.association.and_then(|association| {
        let name = package.map_or_else(String::new, |package| format!("wavetrain-{package}"));
        keeping(association, name, fleet?, problems)
    });
    Finish { default_version, association }
}

fn keeping(
    written: Placed<file::Keeping>,
    name: String,
    fleet: &Fleet,
    problems: &mut Problems,
) -> Option<Keeping> {
    let Placed { value: written, span } = written;
    let (targets, span) = match written.targets {
        Some(targets) => {
            let tags = targets.value.tags?.value.0;
            let tag = |(key, values): (Placed<_>, Placed<_>)| tag(&key, values);
            (tags.into_iter().map(tag).collect::<Vec<_>>(), targets.span)
        }
        None => (selected(fleet, span, problems), span),
    };
    if targets.len() > TARGETS || targets.iter().any(|target| target.values.len() > VALUES) {
        problems.error(
            code::FINISH_TARGETS,
            span,
            format!("an association has at most {TARGETS} targets with {VALUES} values each"),
            "name fewer tags under `finish.association.targets`",
        );
    }
    Some(Keeping {
        name: written.name.map_or(name, |name| name.value.text).chars().take(128).collect(),
        schedule: written.schedule.value.text,
        targets,
        compliance_severity: written.compliance_severity.map(|word| word.value.0.0.to_owned()),
        max_concurrency: written.max_concurrency.value.text,
        max_errors: written.max_errors.value.text,
        output: written.output.and_then(|output| output_of(output.value)),
    })
}

fn tag(
    key: &Placed<crate::scalar::Text<crate::text::TagKey>>,
    values: Placed<crate::shape::OneOrMany<crate::scalar::Text<crate::text::TagValue>>>,
) -> Target {
    let values = values.value.0.into_iter().map(|value| value.value.text).collect();
    Target { key: format!("tag:{}", key.value.text), values }
}

/// What the fleet selects, in an association's words.
fn selected(fleet: &Fleet, span: Span, problems: &mut Problems) -> Vec<Target> {
    if !fleet.exclude.is_empty() || !fleet.exclude_nodes.is_empty() {
        problems.warning(
            code::KEEPS_EXCLUDED,
            span,
            "the association also keeps nodes that `fleet.exclude` leaves alone",
            "give `targets` tags that those nodes do not carry",
        );
    }
    if fleet.select.is_empty() {
        return vec![Target::everyone()];
    }
    let tag =
        |(key, values): (&String, &Vec<String>)| Target { key: format!("tag:{key}"), values: values.clone() };
    fleet.select.iter().map(tag).collect()
}

pub fn allowed(
    written: Option<Placed<crate::shape::OneOrMany<crate::scalar::Text<crate::text::AllowedAssociation>>>>,
    problems: &mut Problems,
) -> Allowed {
    let Some(written) = written else { return Allowed::None };
    let words = super::distinct(written.value.0, problems);
    if words.iter().any(|word| word == "all") {
        return Allowed::All;
    }
    Allowed::Ids(words.into_iter().map(AssociationId::new).collect())
}
