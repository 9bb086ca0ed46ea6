//! `ScheduleExpression` of associations: `rate(…)`, `cron(…)` in UTC and `at(…)`.

use std::collections::BTreeSet;

use jiff::civil::{Date, Weekday};

use crate::clock::WorldTime;

/// Shortest time between two runs.
const SHORTEST_MINUTES: i64 = 30;
/// Longest `rate`.
const LONGEST_MINUTES: i64 = 31 * 1440;
/// Days looked ahead for the next run of a cron expression.
const DAYS_AHEAD: i64 = 366;
const DAY_MINUTES: i64 = 1440;
const MINUTE_MILLIS: i64 = 60_000;

/// When an association runs by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Schedule {
    /// So many minutes after the last time.
    Rate(i64),
    /// At certain minutes.
    Cron(Box<Cron>),
    /// Once.
    At(WorldTime),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Cron {
    minutes: BTreeSet<u32>,
    hours: BTreeSet<u32>,
    days: Days,
    years: Option<BTreeSet<u32>>,
}

/// On which days.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Days {
    Every,
    OfMonth(BTreeSet<u32>),
    LastOfMonth,
    /// 1 is Sunday.
    OfWeek(BTreeSet<u32>),
    /// Weekday, and which of the month.
    Nth(u32, u32),
    /// The last such weekday of the month.
    LastOfWeek(u32),
}

impl Schedule {
    /// Reads an expression; the error says what is wrong.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let inside = |word: &str| text.strip_prefix(word)?.strip_prefix('(')?.strip_suffix(')');
        if let Some(rate) = inside("rate") {
            return parse_rate(rate.trim());
        }
        if let Some(cron) = inside("cron") {
            return Cron::parse(cron).map(|cron| Self::Cron(Box::new(cron)));
        }
        if let Some(at) = inside("at") {
            let time = WorldTime::parse(&format!("{at}Z")).or_else(|| WorldTime::parse(at));
            return time.map(Self::At).ok_or_else(|| format!("at({at}) is no time"));
        }
        Err(format!("{text} is neither rate(…), cron(…) nor at(…)"))
    }

    /// Whether it is a cron expression.
    pub(crate) fn is_cron(&self) -> bool {
        matches!(self, Self::Cron(_))
    }

    /// The next time after a moment; `offset_days` later for a cron expression.
    pub(crate) fn next(&self, after: WorldTime, offset_days: i64) -> Option<WorldTime> {
        match self {
            Self::Rate(minutes) => Some(after.plus_millis(minutes * MINUTE_MILLIS)),
            Self::At(at) => (*at > after).then_some(*at),
            Self::Cron(cron) => {
                let offset = offset_days * DAY_MINUTES * MINUTE_MILLIS;
                cron.next(after.plus_millis(-offset)).map(|at| at.plus_millis(offset))
            }
        }
    }
}

fn parse_rate(text: &str) -> Result<Schedule, String> {
    let wrong = || format!("rate({text}) is not such as rate(30 minutes)");
    let (number, unit) = text.split_once(' ').ok_or_else(wrong)?;
    let number: i64 = number.parse().map_err(|_| wrong())?;
    let minutes = match unit.trim() {
        "minute" | "minutes" => number,
        "hour" | "hours" => number.saturating_mul(60),
        "day" | "days" => number.saturating_mul(DAY_MINUTES),
        _ => return Err(wrong()),
    };
    if (SHORTEST_MINUTES..LONGEST_MINUTES).contains(&minutes) {
        Ok(Schedule::Rate(minutes))
    } else {
        Err(format!("rate({text}) is not between 30 minutes and 31 days"))
    }
}

impl Cron {
    fn parse(text: &str) -> Result<Self, String> {
        let fields: Vec<&str> = text.split_whitespace().collect();
        let [minutes, hours, days, month, weekdays, rest @ ..] = fields.as_slice() else {
            return Err(format!("cron({text}) has fewer than five fields"));
        };
        if rest.len() > 1 {
            return Err(format!("cron({text}) has more than six fields"));
        }
        if *month != "*" {
            return Err("the month of an association's schedule must be *".to_owned());
        }
        let minutes = numbers(minutes, 0, 59)?;
        let hours = numbers(hours, 0, 23)?;
        let years = match rest.first() {
            None | Some(&"*") => None,
            Some(years) => Some(numbers(years, 1970, 2199)?),
        };
        let close =
            minutes.iter().zip(minutes.iter().skip(1)).any(|(a, b)| i64::from(b - a) < SHORTEST_MINUTES);
        if close {
            return Err("an association runs every 30 minutes at most".to_owned());
        }
        Ok(Self { minutes, hours, days: Days::parse(days, weekdays)?, years })
    }

    fn next(&self, after: WorldTime) -> Option<WorldTime> {
        let first = after.millis().div_euclid(MINUTE_MILLIS) + 1;
        let today = first.div_euclid(DAY_MINUTES);
        for day in today..today.saturating_add(DAYS_AHEAD * 2) {
            if !self.runs_on(day) {
                continue;
            }
            for hour in &self.hours {
                for minute in &self.minutes {
                    let at = day * DAY_MINUTES + i64::from(*hour) * 60 + i64::from(*minute);
                    if at >= first {
                        return Some(WorldTime::from_millis(at * MINUTE_MILLIS));
                    }
                }
            }
        }
        None
    }

    fn runs_on(&self, day: i64) -> bool {
        let epoch = Date::constant(1970, 1, 1);
        let Ok(date) = epoch.checked_add(jiff::Span::new().days(day.clamp(0, 1_000_000))) else {
            return false;
        };
        let year = u32::try_from(date.year()).unwrap_or(0);
        let number = u32::from(date.day().unsigned_abs());
        let last = u32::from(date.days_in_month().unsigned_abs());
        let weekday = match date.weekday() {
            Weekday::Sunday => 1,
            other => u32::from(other.to_monday_one_offset().unsigned_abs()) + 1,
        };
        let meant = match &self.days {
            Days::Every => true,
            Days::OfMonth(days) => days.contains(&number),
            Days::LastOfMonth => number == last,
            Days::OfWeek(days) => days.contains(&weekday),
            Days::Nth(day, nth) => weekday == *day && (number - 1) / 7 + 1 == *nth,
            Days::LastOfWeek(day) => weekday == *day && number + 7 > last,
        };
        meant && self.years.as_ref().is_none_or(|years| years.contains(&year))
    }
}

impl Days {
    fn parse(days: &str, weekdays: &str) -> Result<Self, String> {
        let any = |field: &str| matches!(field, "*" | "?");
        match (any(days), any(weekdays)) {
            (true, true) => Ok(Self::Every),
            (false, true) if days == "L" => Ok(Self::LastOfMonth),
            (false, true) => numbers(days, 1, 31).map(Self::OfMonth),
            (true, false) => Self::parse_weekdays(weekdays),
            (false, false) => Err("a schedule names days of the month or of the week, not both".to_owned()),
        }
    }

    fn parse_weekdays(text: &str) -> Result<Self, String> {
        let mut text = text.to_owned();
        for (number, name) in ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"].iter().enumerate() {
            text = text.replace(name, &(number + 1).to_string());
        }
        let one = |text: &str| match numbers(text, 1, 7)?.into_iter().collect::<Vec<_>>().as_slice() {
            [day] => Ok(*day),
            _ => Err(format!("{text} is not one day of the week")),
        };
        if let Some((day, nth)) = text.split_once('#') {
            let nth = nth.parse().ok().filter(|nth| (1..=5).contains(nth));
            return Ok(Self::Nth(one(day)?, nth.ok_or_else(|| format!("{text} has no such week"))?));
        }
        match text.strip_suffix('L') {
            Some(day) => Ok(Self::LastOfWeek(one(day)?)),
            None => numbers(&text, 1, 7).map(Self::OfWeek),
        }
    }
}

/// `*`, `5`, `1,2`, `1-5`, `0/30`, `*/30`.
fn numbers(text: &str, least: u32, most: u32) -> Result<BTreeSet<u32>, String> {
    let wrong = || format!("{text} is no list of numbers from {least} to {most}");
    let mut found = BTreeSet::new();
    for part in text.split(',') {
        let (range, step) = match part.split_once('/') {
            Some((range, step)) => (range, Some(step.parse::<u32>().map_err(|_| wrong())?)),
            None => (part, None),
        };
        let (low, high) = match (range, range.split_once('-')) {
            ("*", _) => (least, most),
            (_, Some((low, high))) => (low.parse().map_err(|_| wrong())?, high.parse().map_err(|_| wrong())?),
            (one, None) => {
                let low: u32 = one.parse().map_err(|_| wrong())?;
                (low, if step.is_some() { most } else { low })
            }
        };
        if low < least || high > most || low > high || step == Some(0) {
            return Err(wrong());
        }
        found.extend((low..=high).step_by(step.unwrap_or(1) as usize));
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn next(text: &str, after: &str) -> String {
        let schedule = Schedule::parse(text).expect("readable");
        let after = WorldTime::parse(after).expect("a time");
        schedule.next(after, 0).map(|at| at.to_string()).unwrap_or_default()
    }

    #[test]
    fn the_next_run_is_found() {
        // The second of March 2026 is a Monday.
        let now = "2026-03-02T08:10:00Z";
        for (text, wanted) in [
            ("rate(30 minutes)", "2026-03-02T08:40:00.000Z"),
            ("rate(1 day)", "2026-03-03T08:10:00.000Z"),
            ("cron(0/30 * * * ? *)", "2026-03-02T08:30:00.000Z"),
            ("cron(0 8 ? * * *)", "2026-03-03T08:00:00.000Z"),
            ("cron(15 10 ? * MON *)", "2026-03-02T10:15:00.000Z"),
            ("cron(15 8 ? * TUE-FRI *)", "2026-03-03T08:15:00.000Z"),
            ("cron(0 2 ? * THU#3 *)", "2026-03-19T02:00:00.000Z"),
            ("cron(0 2 L * ? *)", "2026-03-31T02:00:00.000Z"),
            ("cron(0 2 ? * 6L *)", "2026-03-27T02:00:00.000Z"),
            ("at(2026-03-05T10:00:00)", "2026-03-05T10:00:00.000Z"),
            ("at(2026-03-01T10:00:00)", ""),
        ] {
            assert_eq!(next(text, now), wanted, "{text}");
        }
    }

    #[test]
    fn an_offset_in_days_moves_every_run() {
        let schedule = Schedule::parse("cron(0 2 ? * TUE#2 *)").expect("readable");
        let after = WorldTime::parse("2026-03-11T08:00:00Z").expect("a time");
        let at = schedule.next(after, 2).map(|at| at.to_string());
        assert_eq!(at.as_deref(), Some("2026-03-12T02:00:00.000Z"));
    }

    #[test]
    fn broken_schedules_are_refused() {
        for text in [
            "",
            "rate()",
            "rate(5 minutes)",
            "rate(31 days)",
            "rate(1 week)",
            "cron(0 8 * * *",
            "cron(0/5 * * * ? *)",
            "cron(0 8 1 JAN ? *)",
            "cron(0 8 1 * MON *)",
            "cron(61 8 ? * * *)",
            "cron(0 8 ? * MON#9 *)",
            "at(tomorrow)",
            "daily",
        ] {
            assert!(Schedule::parse(text).is_err(), "{text}");
        }
    }
}
