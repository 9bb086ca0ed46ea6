//! Guardrails of one file.

use super::gates;
use crate::code;
use crate::file;
use crate::outside::Outside;
use crate::problem::{Problems, quoted};
use crate::scalar::Text;
use crate::shape::Placed;
use crate::text::ZoneName;
use std::collections::BTreeMap;
use wavetrain_model::diagnostic::Span;
use wavetrain_model::guardrail::{Effect, Guardrail, Moment, Used, Zone};

/// The guardrails that can be used; what is wrong with the others was said.
pub fn check(
    file: file::GuardrailFile,
    used: &Used,
    outside: &dyn Outside,
    problems: &mut Problems,
) -> Vec<Guardrail> {
    let written = file.guardrails.map(|list| list.value.0).unwrap_or_default();
    let mut places = BTreeMap::new();
    for guardrail in &written {
        let Some(name) = &guardrail.value.name else { continue };
        if let Some(place) = places.insert(name.value.text.clone(), name.span) {
            let line = problems.line(place, name.span);
            problems.error(
                code::GUARDRAIL_NAME,
                name.span,
                format!("two guardrails are named {}", quoted(&name.value.text)),
                format!("the other stands on {line}; rename one of the two"),
            );
        }
    }
    let written = written.into_iter();
    written.filter_map(|placed| guardrail(placed, used, outside, problems)).collect()
}

fn guardrail(
    Placed { value: written, span }: Placed<file::Guardrail>,
    used: &Used,
    outside: &dyn Outside,
    problems: &mut Problems,
) -> Option<Guardrail> {
    let mut when: Vec<Moment> = Vec::new();
    for moment in &written.when.as_ref()?.value.0 {
        if when.contains(&moment.value.0) {
            super::repeated(word(moment.value.0), moment.span, problems);
        } else {
            when.push(moment.value.0);
        }
    }
    when.sort();
    let otherwise = written.otherwise.value.0;
    match (&written.from, otherwise) {
        (None, Effect::Approval) if !written.given.has("from") => problems.error(
            code::GUARDRAIL_FROM,
            span,
            "the guardrail asks for an approval, but from nobody",
            "add `from: [NAME]`",
        ),
        (Some(from), Effect::Deny | Effect::Warn) => problems.error(
            code::GUARDRAIL_FROM,
            from.span,
            "the guardrail asks nobody for an approval",
            "delete `from`, or write `otherwise: approval`",
        ),
        _ => {}
    }
    let need = need(&written, span, problems);
    // What is not known the first time it is asked could only ever be refused.
    let variables = when.first()?.variables();
    let require = written.require.as_ref().and_then(|rule| gates::expression(rule, variables, problems));
    let zone = zone(&written.timezone, outside, problems);
    Some(Guardrail {
        name: written.name?.value.text,
        file: used.clone(),
        when,
        require: require?,
        otherwise,
        message: written.message?.value.text,
        from: written.from.map(|from| super::distinct_people(from.value.0, problems)).unwrap_or_default(),
        need,
        within: written.within.value.0,
        zone: zone?,
    })
}

/// How many people must agree.
fn need(written: &file::Guardrail, span: Span, problems: &mut Problems) -> u32 {
    let Some(need) = &written.need else { return 1 };
    let most = written.from.as_ref().map_or(0, |from| from.value.0.len());
    if written.otherwise.value.0 != Effect::Approval {
        problems.error(
            code::GUARDRAIL_FROM,
            need.span,
            "the guardrail asks nobody for an approval",
            "delete `need`, or write `otherwise: approval`",
        );
    } else if need.value.0 as usize > most && most > 0 {
        problems.error(
            code::GUARDRAIL_FROM,
            span,
            format!("{} people must agree, but only {most} may", need.value.0),
            "lower `need`, or add names to `from`",
        );
    }
    need.value.0
}

fn word(moment: Moment) -> &'static str {
    match moment {
        Moment::Validate => "validate",
        Moment::Start => "start",
        Moment::Wave => "wave",
    }
}

fn zone(written: &Placed<Text<ZoneName>>, outside: &dyn Outside, problems: &mut Problems) -> Option<Zone> {
    let name = &written.value.text;
    if name == "UTC" {
        return Some(Zone::utc());
    }
    let Some(offsets) = outside.zone(name) else {
        problems.error(
            code::ZONE,
            written.span,
            format!("there is no time zone {}", quoted(name)),
            "write a name of the IANA database, such as `Europe/Berlin`, or `UTC`",
        );
        return None;
    };
    Some(Zone { name: name.clone(), offsets })
}
