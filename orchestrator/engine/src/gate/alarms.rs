//! CloudWatch alarms: none may be in ALARM, or not in the combination that the plan file names.

use super::Judgement;
use std::collections::BTreeMap;
use wavetrain_model::expression::{Expression, Given};
use wavetrain_model::gate::{Alarm, AlarmState, Verdict};
use wavetrain_model::spec::{Alarms, InsufficientData};

/// Judges the alarms of one site.
pub(super) fn judge(alarms: &Alarms, place: &str, found: &[Alarm]) -> Judgement {
    let is_missing = |name: &&String| !found.iter().any(|alarm| alarm.name == **name);
    let missing: Vec<&String> = alarms.names.iter().filter(is_missing).collect();
    let judgement = present(alarms, place, found, &missing);
    match missing.first() {
        // What is bad is bad, whatever else could not be found.
        Some(missing) if judgement.verdict != Verdict::Fail => {
            Judgement::new(Verdict::Error, format!("{place}alarm {missing} does not exist"))
        }
        _ => judgement,
    }
}

fn present(alarms: &Alarms, place: &str, found: &[Alarm], missing: &[&String]) -> Judgement {
    if found.is_empty() {
        return Judgement::new(Verdict::Inconclusive, format!("{place}no alarm matches"));
    }
    let judged: Vec<(&Alarm, Verdict, String)> =
        found.iter().filter_map(|alarm| one(alarms, place, alarm)).collect();
    // Before the rule is asked: of alarms that are all left out most rules are false, and that would be a pass on no data.
    if judged.is_empty() {
        return Judgement::new(Verdict::Inconclusive, format!("{place}no alarm has data"));
    }
    if let Some(rule) = &alarms.fail_if {
        return composed(place, rule, found, &judged, missing);
    }
    match judged.into_iter().rev().max_by_key(|(_, verdict, _)| *verdict) {
        None => Judgement::new(Verdict::Inconclusive, format!("{place}no alarm has data")),
        Some((_, Verdict::Pass, _)) => {
            Judgement::new(Verdict::Pass, format!("{place}{} alarms are OK", found.len()))
        }
        Some((_, verdict, sentence)) => Judgement::new(verdict, sentence),
    }
}

/// One alarm by itself; None when it is left out.
fn one<'a>(alarms: &Alarms, place: &str, alarm: &'a Alarm) -> Option<(&'a Alarm, Verdict, String)> {
    let name = &alarm.name;
    let was = |wanted: AlarmState| alarm.meanwhile.iter().find(move |change| change.to == wanted);
    let (verdict, sentence) = match &alarm.state {
        AlarmState::Alarm => (Verdict::Fail, format!("{place}alarm {name} is in ALARM: {}", alarm.reason)),
        // It fired and recovered between two looks: OK now is not OK throughout.
        AlarmState::Ok | AlarmState::InsufficientData if let Some(change) = was(AlarmState::Alarm) => (
            Verdict::Fail,
            format!("{place}alarm {name} went into ALARM at {} and left it between two looks", change.at),
        ),
        AlarmState::Ok => match was(AlarmState::InsufficientData).map(|_| alarms.insufficient_data) {
            None | Some(InsufficientData::Ignore) => (Verdict::Pass, format!("{place}alarm {name} is OK")),
            Some(InsufficientData::Fail) => {
                (Verdict::Fail, format!("{place}alarm {name} had no data between two looks"))
            }
            Some(InsufficientData::Inconclusive) => {
                (Verdict::Inconclusive, format!("{place}alarm {name} had too little data between two looks"))
            }
        },
        AlarmState::InsufficientData => match alarms.insufficient_data {
            InsufficientData::Ignore => return None,
            InsufficientData::Fail => (Verdict::Fail, format!("{place}alarm {name} has no data")),
            InsufficientData::Inconclusive => {
                (Verdict::Inconclusive, format!("{place}alarm {name} has too little data"))
            }
        },
        AlarmState::Other(word) => {
            (Verdict::Inconclusive, format!("{place}alarm {name} is in the unknown state {word}"))
        }
    };
    Some((alarm, verdict, sentence))
}

/// A combination of alarms.
///
/// Where some say too little, it is asked twice: with all of those bad, and with all of those good. If both answers are the
/// same, they do not matter; that is exact for combinations of `&&` and `||`. Alarms that are left out are not bad.
fn composed(
    place: &str,
    rule: &str,
    found: &[Alarm],
    judged: &[(&Alarm, Verdict, String)],
    missing: &[&String],
) -> Judgement {
    let ask = |unclear: bool| {
        let left_out = found.iter().map(|alarm| (alarm.name.clone(), false));
        let alarm = judged.iter().map(|(alarm, verdict, _)| {
            let is_bad = match verdict {
                Verdict::Fail => true,
                Verdict::Pass => false,
                Verdict::Inconclusive | Verdict::Error => unclear,
            };
            (alarm.name.clone(), is_bad)
        });
        let missing = missing.iter().map(|name| ((*name).clone(), unclear));
        let given =
            [("alarm", Given::Flags(left_out.chain(alarm).chain(missing).collect::<BTreeMap<_, _>>()))];
        Expression::parse(rule, &["alarm"]).and_then(|expression| expression.holds(&given))
    };
    let bad: Vec<&str> = judged
        .iter()
        .filter(|(_, verdict, _)| *verdict == Verdict::Fail)
        .map(|(alarm, _, _)| alarm.name.as_str())
        .collect();
    let firing = if bad.is_empty() { "none is".to_owned() } else { format!("{} is", bad.join(", ")) };
    match (ask(true), ask(false)) {
        (Err(error), _) | (_, Err(error)) => {
            Judgement::new(Verdict::Error, format!("{place}{rule}: {error}"))
        }
        (Ok(true), Ok(true)) => {
            Judgement::new(Verdict::Fail, format!("{place}{firing} in ALARM, so {rule} is true"))
        }
        (Ok(false), Ok(false)) => {
            Judgement::new(Verdict::Pass, format!("{place}{firing} in ALARM, so {rule} is false"))
        }
        (Ok(_), Ok(_)) => Judgement::new(
            Verdict::Inconclusive,
            format!("{place}{rule} hangs on alarms with too little data"),
        ),
    }
}

pub(super) fn query(alarms: &Alarms) -> String {
    let names = match alarms.names.as_slice() {
        [] => String::new(),
        names => format!(" names {}", names.join(", ")),
    };
    let prefix = alarms.prefix.as_ref().map_or_else(String::new, |prefix| format!(" prefix {prefix}"));
    format!("DescribeAlarms{names}{prefix}")
}
