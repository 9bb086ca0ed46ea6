//! Waves: what each takes, in which order, and whether together they reach every node exactly once.

use super::approval;
use super::fleet;
use super::graph::{self, Order};
use super::population::Population;
use crate::code;
use crate::file;
use crate::problem::{Problems, quoted};
use crate::shape::Placed;
use std::collections::{BTreeMap, BTreeSet};
use wavetrain_model::diagnostic::Span;
use wavetrain_model::id::{AccountId, Region, WaveIndex};
use wavetrain_model::quantity::Percent;
use wavetrain_model::spec::{Fleet, Take, Wave, Within};
use wavetrain_model::time::Seconds;

/// Metric delay, evaluation and one period of a one-minute CloudWatch alarm.
const ALARM_LAG: Seconds = Seconds::minutes(5);

/// A first percentage above this is no canary.
const CANARY_AT_MOST: Percent = Percent::whole(20);

/// A wave whose own values are usable.
struct Candidate {
    wave: Wave,
    span: Span,
    take_span: Span,
}

/// How accounts that are not known yet are called in a problem.
const OTHER_ACCOUNTS: &str = "other accounts of the organization";

/// The waves; None when one of them, or their order, is unusable.
pub fn check(
    written: &[Placed<file::Wave>],
    fleet: Option<&Fleet>,
    partial: bool,
    has_alarms: bool,
    problems: &mut Problems,
) -> Option<Vec<Wave>> {
    let names = names(written, problems);
    let after: Vec<Option<Vec<usize>>> =
        (0..written.len()).map(|at| predecessors(at, written, &names, problems)).collect();
    let mut candidates = Vec::new();
    for (placed, after) in written.iter().zip(&after) {
        let direct = after.as_deref().unwrap_or_default();
        candidates.push(candidate(placed, direct, fleet, problems));
        if has_alarms {
            bake(placed, problems);
        }
    }
    let after: Option<Vec<Vec<usize>>> = after.into_iter().collect();
    let order = order(&after?, written, problems)?;
    let candidates: Option<Vec<Candidate>> = candidates.into_iter().collect();
    let candidates = candidates?;
    first_share(&candidates, problems);
    if let Some(fleet) = fleet {
        populations(&candidates, &closed(fleet, &candidates), &order, partial, problems);
    }
    Some(candidates.into_iter().map(|candidate| candidate.wave).collect())
}

/// The first wave of each name.
fn names<'w>(written: &'w [Placed<file::Wave>], problems: &mut Problems) -> BTreeMap<&'w str, usize> {
    let mut names = BTreeMap::new();
    for (at, wave) in written.iter().enumerate() {
        let Some(name) = &wave.value.name else { continue };
        let Some(first) = names.get(name.value.text.as_str()).copied() else {
            names.insert(name.value.text.as_str(), at);
            continue;
        };
        problems.error(
            code::WAVE_NAME,
            name.span,
            format!("two waves are named {}", quoted(&name.value.text)),
            format!("the other is wave {} of the list; rename one of the two", first + 1),
        );
    }
    names
}

/// Waves directly before this one; None when a name is not known.
fn predecessors(
    at: usize,
    written: &[Placed<file::Wave>],
    names: &BTreeMap<&str, usize>,
    problems: &mut Problems,
) -> Option<Vec<usize>> {
    let Some(after) = &written[at].value.after else {
        return Some(at.checked_sub(1).into_iter().collect());
    };
    let mut direct = BTreeSet::new();
    let mut is_known = true;
    for name in &after.value.0 {
        let text = name.value.text.as_str();
        let Some(wave) = names.get(text) else {
            is_known = false;
            let help = match problems.nearest(text, names.keys().copied()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => "name a wave of this file".to_owned(),
            };
            problems.error(
                code::AFTER_UNKNOWN,
                name.span,
                format!("there is no wave {}", quoted(text)),
                help,
            );
            continue;
        };
        if !direct.insert(*wave) {
            super::repeated(text, name.span, problems);
        }
    }
    is_known.then(|| direct.into_iter().collect())
}

fn candidate(
    Placed { value: written, span }: &Placed<file::Wave>,
    after: &[usize],
    fleet: Option<&Fleet>,
    problems: &mut Problems,
) -> Option<Candidate> {
    let name_span = written.name.as_ref().map_or(*span, |name| name.span);
    let within = within(written.within.as_ref(), fleet, problems);
    let taken = take(written, name_span, problems);
    if let Some((Take::Tag { .. }, tag_span)) = &taken {
        tag_wave(written, after, *tag_span, problems);
    }
    if let (Some((Take::Percent(_), _)), Some(top_up)) = (&taken, &written.top_up) {
        problems.error(
            code::TOP_UP_ON_PERCENT,
            top_up.span,
            "`top_up` belongs to a tag wave",
            "delete it; a percentage is always spread over all platforms and architectures",
        );
    }
    let approval = written.approval.as_ref().and_then(|asked| approval::check(asked, problems));
    let (take, take_span) = taken?;
    let wave = Wave {
        name: written.name.as_ref()?.value.text.clone(),
        take,
        bake: written.bake.value.0,
        after: after.iter().map(|wave| WaveIndex(*wave as u16)).collect(),
        within,
        top_up: written.top_up.as_ref().is_none_or(|top_up| top_up.value.0),
        approval,
    };
    Some(Candidate { wave, span: name_span, take_span })
}

/// What the wave takes, and where that stands.
fn take(written: &file::Wave, span: Span, problems: &mut Problems) -> Option<(Take, Span)> {
    match (&written.tag, &written.percent) {
        (Some(tag), None) => {
            let (key, value) = tag.value.0.first()?;
            let (key, value) = (key.value.text.clone(), value.value.text.clone());
            Some((Take::Tag { key, value }, tag.span))
        }
        (None, Some(percent)) => Some((Take::Percent(percent.value.0), percent.span)),
        (Some(_), Some(percent)) => {
            problems.error(
                code::TAKE,
                percent.span,
                "the wave has both `tag` and `percent`",
                "make two waves of it: first the tag, then the percentage",
            );
            None
        }
        (None, None) => {
            if !written.given.has("tag") && !written.given.has("percent") {
                problems.error(
                    code::TAKE,
                    span,
                    "the wave does not say which nodes it takes",
                    "add `percent: …`, or `tag: { KEY: VALUE }` for a canary",
                );
            }
            None
        }
    }
}

fn tag_wave(written: &file::Wave, after: &[usize], tag_span: Span, problems: &mut Problems) {
    if !after.is_empty() {
        let (span, help) = match &written.after {
            Some(after) => (after.span, "delete `after`, or write `after: []`"),
            None => (tag_span, "move the wave to the top, or write `after: []` to run it beside the others"),
        };
        problems.error(code::CANARY_LATE, span, "a tag wave cannot come after another wave", help);
    }
    if let Some(within) = &written.within {
        problems.error(
            code::WHERE_ON_TAG,
            within.span,
            "`where` has no meaning on a tag wave",
            "delete it; the tag alone says which nodes are the canary",
        );
    }
}

/// A restriction; what is outside of the fleet is reported.
pub(super) fn within(
    written: Option<&Placed<file::Where>>,
    fleet: Option<&Fleet>,
    problems: &mut Problems,
) -> Within {
    let Some(Placed { value: written, .. }) = written else { return Within::default() };
    if let Some(fleet) = fleet {
        let accounts: BTreeSet<&str> = fleet.accounts.iter().map(AccountId::as_str).collect();
        let regions: BTreeSet<&str> = fleet.regions.iter().map(Region::as_str).collect();
        // Which accounts an organization has is known when the plan is made.
        let listed = written.accounts.iter().filter(|_| fleet.organization.is_none());
        for account in listed.flat_map(|accounts| &accounts.value.0) {
            outside_fleet("account", &account.value.text, account.span, &accounts, problems);
        }
        for region in written.regions.iter().flat_map(|regions| &regions.value.0) {
            outside_fleet("Region", region.value.0.name, region.span, &regions, problems);
        }
    }
    let mut platforms = Vec::new();
    for platform in written.platforms.iter().flat_map(|platforms| &platforms.value.0) {
        if platforms.contains(&platform.value.0) {
            super::repeated(&platform.value.0.to_string(), platform.span, problems);
        } else {
            platforms.push(platform.value.0);
        }
    }
    let accounts = written.accounts.clone().map(|list| fleet::account_ids(list.value.0, problems));
    let regions = written.regions.clone().map(|list| fleet::regions(list.value.0, problems).0);
    Within { accounts: accounts.unwrap_or_default(), regions: regions.unwrap_or_default(), platforms }
}

fn outside_fleet(noun: &str, text: &str, span: Span, known: &BTreeSet<&str>, problems: &mut Problems) {
    if !known.contains(text) {
        problems.error(
            code::OUTSIDE_FLEET,
            span,
            format!("the {noun} {} is not part of the fleet", quoted(text)),
            format!("add it to `fleet.{}s`, or delete it here", noun.to_lowercase()),
        );
    }
}

fn bake(written: &Placed<file::Wave>, problems: &mut Problems) {
    let bake = &written.value.bake;
    if bake.value.0 < ALARM_LAG {
        problems.warning(
            code::SHORT_BAKE,
            bake.span,
            format!("a bake of {} ends before an alarm could fire", bake.value.0),
            format!(
                "write `bake: {ALARM_LAG}` or longer: metrics, evaluation and one period take about that long"
            ),
        );
    }
}

fn order(after: &[Vec<usize>], written: &[Placed<file::Wave>], problems: &mut Problems) -> Option<Order> {
    let circles = match graph::order(after) {
        Ok(order) => return Some(order),
        Err(circles) => circles,
    };
    let name = |wave: usize| written[wave].value.name.as_ref().map_or("…", |name| name.value.text.as_str());
    let place =
        |wave: usize| written[wave].value.after.as_ref().map_or(written[wave].span, |after| after.span);
    for circle in &circles.circles {
        let Some(first) = circle.iter().min() else { continue };
        let mut shown: Vec<&str> = circle.iter().take(8).map(|wave| name(*wave)).collect();
        shown.push(if circle.len() > 8 { "…" } else { name(circle[0]) });
        problems.error(
            code::CYCLE,
            place(*first),
            format!("the waves wait for each other in a circle: {}", shown.join(" → ")),
            "delete one of the names from an `after`",
        );
    }
    for wave in circles.behind {
        problems.error(
            code::UNREACHABLE,
            place(wave),
            format!("the wave {} comes after waves that can never pass", quoted(name(wave))),
            "it begins once the circle before it is broken",
        );
    }
    None
}

fn first_share(candidates: &[Candidate], problems: &mut Problems) {
    let has_canary = candidates.iter().any(|candidate| matches!(candidate.wave.take, Take::Tag { .. }));
    for candidate in candidates.iter().filter(|candidate| candidate.wave.after.is_empty() && !has_canary) {
        if let Take::Percent(percent) = candidate.wave.take
            && percent > CANARY_AT_MOST
        {
            problems.warning(
                code::NO_CANARY,
                candidate.take_span,
                format!("the first wave already takes {percent} of its nodes"),
                "begin with a canary: `tag: { KEY: VALUE }`, or a few percent",
            );
        }
    }
}

/// A fleet for comparisons: an organization stands for the accounts that waves name, and one more that none does.
fn closed(fleet: &Fleet, candidates: &[Candidate]) -> Fleet {
    let mut fleet = fleet.clone();
    if fleet.organization.is_some() {
        let named = candidates.iter().flat_map(|candidate| &candidate.wave.within.accounts);
        fleet.accounts.extend(named.cloned().chain([AccountId::new(OTHER_ACCOUNTS)]));
        fleet.accounts.sort();
        fleet.accounts.dedup();
    }
    fleet
}

/// Checks that compare what waves take from.
fn populations(
    candidates: &[Candidate],
    fleet: &Fleet,
    order: &Order,
    partial: bool,
    problems: &mut Problems,
) {
    let populations: Vec<Population> =
        candidates.iter().map(|candidate| Population::of(&candidate.wave.within, fleet)).collect();
    for (at, candidate) in candidates.iter().enumerate() {
        rising(at, candidates, &populations, order, fleet, problems);
        let rival = (0..at).find(|other| {
            !order.is_ordered(*other, at)
                && populations[*other].meets(&populations[at])
                && may_share(&candidates[*other].wave.take, &candidate.wave.take)
        });
        if let Some(rival) = rival {
            problems.error(
                code::OVERLAP,
                candidate.span,
                format!(
                    "the waves {} and {} may run at the same time and take the same nodes",
                    quoted(&candidates[rival].wave.name),
                    quoted(&candidate.wave.name)
                ),
                "order them with `after`, or separate them with `where`",
            );
        }
    }
    if !partial {
        coverage(candidates, &populations, fleet, problems);
    }
}

/// Whether one node may belong to both. A node has one value of a tag key, so two values of one key are two
/// sets.
fn may_share(one: &Take, other: &Take) -> bool {
    match (one, other) {
        (Take::Tag { key, value }, Take::Tag { key: other_key, value: other_value }) => {
            key != other_key || value == other_value
        }
        _ => true,
    }
}

fn rising(
    at: usize,
    candidates: &[Candidate],
    populations: &[Population],
    order: &Order,
    fleet: &Fleet,
    problems: &mut Problems,
) {
    let Candidate { wave: Wave { take: Take::Percent(percent), .. }, take_span, .. } = &candidates[at] else {
        return;
    };
    let mut taken = Population::nothing(fleet);
    for (first, before) in candidates.iter().enumerate() {
        let Take::Percent(reached) = before.wave.take else { continue };
        if !order.is_before(first, at) || reached < *percent || !populations[first].meets(&populations[at]) {
            continue;
        }
        taken.add(&populations[first]);
        if reached > *percent || taken.covers(&populations[at]) {
            problems.error(
                code::NOT_RISING,
                *take_span,
                format!("the wave {} before this one already reaches {reached}", quoted(&before.wave.name)),
                "percentages count the nodes of all waves before; write a higher one, or delete the wave",
            );
            return;
        }
    }
}

fn coverage(candidates: &[Candidate], populations: &[Population], fleet: &Fleet, problems: &mut Problems) {
    let mut reached = Population::nothing(fleet);
    for (candidate, population) in candidates.iter().zip(populations) {
        if candidate.wave.take == Take::Percent(Percent::ALL) {
            reached.add(population);
        }
    }
    let everything = Population::of(&Within::default(), fleet);
    let (Some(missing), Some(last)) = (reached.first_missing(&everything, fleet), candidates.last()) else {
        return;
    };
    problems.error(
        code::COVERAGE,
        last.take_span,
        format!("no wave reaches 100% of the {missing}"),
        "add a last wave with `percent: 100`, or write `partial: yes` in the rollout",
    );
}
