//! Guards that look every minute for a day: how often they alarm without cause, beside ordinary tests repeated every minute; and
//! how long they take to see a regression. Also where their assumptions end.
#![allow(missing_docs)]
#![allow(clippy::unwrap_used, reason = "a bench that cannot be set up has nothing to say")]

#[path = "rehearsal/gauge.rs"]
#[allow(dead_code, reason = "every bench takes what it needs")]
mod gauge;

use gauge::{Figure, Target};
use std::f64::consts::TAU;
use wavetrain_engine::statistics::proportion::{Proportion, fisher_test};
use wavetrain_engine::statistics::rank::{Method, mann_whitney};
use wavetrain_engine::statistics::sequential::{Margin, Proportions, Series, above_bound, level_of_look};
use wavetrain_engine::statistics::{Alternative, significant};

const ALPHA: f64 = 0.05;
const STREAMS: u64 = 10_000;
const FEWER_STREAMS: u64 = 1_000;
const LOOKS: u64 = 24 * 60;
const CANARY: usize = 12;
const CONTROL: usize = 12;
const RATE: f64 = 0.01;

/// Numbers that look random and are the same in every run (Steele, Lea and Flood 2014, SplitMix).
struct Numbers(u64);

impl Numbers {
    fn unit(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (((bits ^ (bits >> 31)) >> 11) as f64 + 0.5) / (1u64 << 53) as f64
    }

    fn normal(&mut self) -> f64 {
        (-2.0 * self.unit().ln()).sqrt() * (TAU * self.unit()).cos()
    }

    fn events(&mut self, trials: usize, rate: f64) -> u64 {
        (0..trials).filter(|_| self.unit() < rate).count() as u64
    }
}

/// What is wrong with the canary, and from which look on.
#[derive(Clone, Copy)]
struct Regression {
    from_look: u64,
    /// Of the canary's events.
    rate: f64,
    /// Of the canary's values, in standard deviations of one node's minutes.
    shift: f64,
    /// Spread of differences between nodes that last, in the same unit.
    between_nodes: f64,
}

const HEALTHY: Regression = Regression { from_look: 1, rate: RATE, shift: 0.0, between_nodes: 0.0 };

/// A day of events: each minute each node has its check, which fails now and then. Fresh each minute.
struct Checks {
    numbers: Numbers,
    regression: Regression,
    canary: (u64, u64),
    control: (u64, u64),
}

impl Checks {
    fn new(seed: u64, regression: Regression) -> Self {
        Self { numbers: Numbers(seed << 32), regression, canary: (0, 0), control: (0, 0) }
    }

    fn next(&mut self, look: u64) -> (Proportion, Proportion) {
        let rate = if look < self.regression.from_look { RATE } else { self.regression.rate };
        let canary = self.numbers.events(CANARY, rate);
        let control = self.numbers.events(CONTROL, RATE);
        self.canary = (self.canary.0 + canary, self.canary.1 + CANARY as u64);
        self.control = (self.control.0 + control, self.control.1 + CONTROL as u64);
        (proportion((canary, CANARY as u64)), proportion((control, CONTROL as u64)))
    }

    fn fisher_of_totals(&self) -> f64 {
        fisher_test(proportion(self.canary), proportion(self.control), Alternative::Greater).p
    }
}

fn proportion((events, trials): (u64, u64)) -> Proportion {
    Proportion::new(events, trials).unwrap()
}

/// A day of values: long-tailed, rising and falling with the hour for everyone.
struct Values {
    numbers: Numbers,
    regression: Regression,
    nodes: Vec<f64>,
    now: Vec<f64>,
    sums: Vec<f64>,
}

impl Values {
    fn new(seed: u64, regression: Regression) -> Self {
        let mut numbers = Numbers(seed << 32);
        let nodes: Vec<f64> =
            (0..CANARY + CONTROL).map(|_| regression.between_nodes * numbers.normal()).collect();
        Self { numbers, regression, now: vec![0.0; nodes.len()], sums: vec![0.0; nodes.len()], nodes }
    }

    fn next(&mut self, look: u64) {
        let hour = (look as f64 / LOOKS as f64 * TAU).sin();
        for at in 0..self.now.len() {
            let sick = at < CANARY && look >= self.regression.from_look;
            let shift = if sick { self.regression.shift } else { 0.0 };
            self.now[at] = (hour + self.nodes[at] + shift + self.numbers.normal()).exp();
            self.sums[at] += self.now[at].ln();
        }
    }

    fn mann_whitney(values: &[f64]) -> f64 {
        let (canary, control) = values.split_at(CANARY);
        mann_whitney(canary, control, Alternative::Greater, Method::Auto).unwrap().p
    }

    /// Each node's mean over an hour before the install.
    fn own_past(&mut self) -> Vec<f64> {
        (0..self.now.len()).map(|at| self.nodes[at] + self.numbers.normal() / 60f64.sqrt()).collect()
    }
}

/// The first look that alarms.
fn first(mut alarms: impl FnMut(u64) -> bool) -> Option<u64> {
    (1..=LOOKS).find(|look| alarms(*look))
}

type Guard = fn(u64, Regression) -> Option<u64>;

fn two_rates(seed: u64, regression: Regression) -> Option<u64> {
    let (mut checks, mut test) = (Checks::new(seed, regression), Proportions::new(Margin::NONE, None));
    first(|look| {
        let (canary, control) = checks.next(look);
        test.observe(canary, control);
        significant(test.evidence().p(), ALPHA)
    })
}

fn bound(seed: u64, regression: Regression) -> Option<u64> {
    let mut checks = Checks::new(seed, regression);
    first(|look| {
        checks.next(look);
        above_bound(proportion(checks.canary), RATE).unwrap() >= -ALPHA.ln()
    })
}

fn fisher_spent(seed: u64, regression: Regression) -> Option<u64> {
    let mut checks = Checks::new(seed, regression);
    first(|look| {
        checks.next(look);
        level_of_look(look, ALPHA).unwrap().is_some_and(|level| significant(checks.fisher_of_totals(), level))
    })
}

fn fisher_repeated(seed: u64, regression: Regression) -> Option<u64> {
    let mut checks = Checks::new(seed, regression);
    first(|look| {
        checks.next(look);
        significant(checks.fisher_of_totals(), ALPHA)
    })
}

fn series(seed: u64, regression: Regression) -> Option<u64> {
    let (mut values, mut test) = (Values::new(seed, regression), Series::new(Margin::NONE));
    first(|look| {
        values.next(look);
        let (canary, control) = values.now.split_at(CANARY);
        test.observe(canary, control).unwrap();
        significant(test.evidence().p(), ALPHA)
    })
}

fn to_own_past(seed: u64, regression: Regression) -> Option<u64> {
    to_own_past_within(Margin::NONE, seed, regression)
}

fn to_own_past_with_margin(seed: u64, regression: Regression) -> Option<u64> {
    to_own_past_within(Margin::new(1.0, 0.5).unwrap(), seed, regression)
}

fn to_own_past_within(margin: Margin, seed: u64, regression: Regression) -> Option<u64> {
    let (mut values, mut test) = (Values::new(seed, regression), Series::new(margin));
    let past = values.own_past();
    first(|look| {
        values.next(look);
        let changes: Vec<f64> = values.now.iter().zip(&past).map(|(value, past)| value.ln() - past).collect();
        let (canary, control) = changes.split_at(CANARY);
        test.observe(canary, control).unwrap();
        significant(test.evidence().p(), ALPHA)
    })
}

fn ranks_spent(seed: u64, regression: Regression) -> Option<u64> {
    let mut values = Values::new(seed, regression);
    first(|look| {
        values.next(look);
        let level = level_of_look(look, ALPHA).unwrap();
        level.is_some_and(|level| significant(Values::mann_whitney(&values.sums), level))
    })
}

fn ranks_repeated(seed: u64, regression: Regression) -> Option<u64> {
    let mut values = Values::new(seed, regression);
    first(|look| {
        values.next(look);
        significant(Values::mann_whitney(&values.now), ALPHA)
    })
}

/// Percent of healthy streams that alarm at least once in the day. Where that is no promise but an illustration, fewer streams do.
fn false_alarms(measured: &str, guard: Guard, regression: Regression, target: Target) {
    let streams = if matches!(target, Target::None) { FEWER_STREAMS } else { STREAMS };
    let alarms = (0..streams).filter(|seed| guard(*seed, regression).is_some()).count();
    let value = 100.0 * alarms as f64 / streams as f64;
    let nodes = if regression.between_nodes > 0.0 { "nodes differ for good" } else { "a look a minute" };
    let on = &format!("{streams} healthy days, {nodes}");
    Figure { measured: &format!("false alarms: {measured}"), on, value, unit: "%", target }.print();
}

/// Median minutes from the regression to the alarm. Missed are days without one, or with one before it.
fn delay(measured: &str, guard: Guard, regression: Regression) {
    let found: Vec<Option<u64>> = (0..FEWER_STREAMS).map(|seed| guard(seed, regression)).collect();
    let seen = |alarm: &Option<u64>| alarm.filter(|look| *look >= regression.from_look);
    let mut minutes: Vec<u64> = found
        .iter()
        .map(|alarm| seen(alarm).map_or(u64::MAX, |look| look - regression.from_look + 1))
        .collect();
    minutes.sort_unstable();
    let missed = minutes.iter().filter(|minutes| **minutes == u64::MAX).count();
    let median = minutes[minutes.len() / 2];
    let hour = (regression.from_look - 1) / 60;
    let on =
        format!("1,000 days, from hour {hour}; missed {:.1} %", 100.0 * missed as f64 / FEWER_STREAMS as f64);
    // A day is the longest that was looked, and JSON has no infinity.
    let (word, value) = if median == u64::MAX { ("delay over", LOOKS) } else { ("delay", median) };
    let measured = format!("{word}: {measured}");
    Figure { measured: &measured, on: &on, value: value as f64, unit: "min", target: Target::None }.print();
}

fn main() {
    let level = Target::AtMost(100.0 * ALPHA);
    false_alarms("two rates", two_rates, HEALTHY, level);
    false_alarms("a bound", bound, HEALTHY, level);
    false_alarms("Fisher with spent level", fisher_spent, HEALTHY, level);
    false_alarms("Fisher repeated every minute", fisher_repeated, HEALTHY, Target::None);
    false_alarms("series", series, HEALTHY, level);
    false_alarms("Mann-Whitney of means, spent level", ranks_spent, HEALTHY, level);
    false_alarms("Mann-Whitney repeated every minute", ranks_repeated, HEALTHY, Target::None);
    let differing = Regression { between_nodes: 0.5, ..HEALTHY };
    false_alarms("series, values as they are", series, differing, Target::None);
    false_alarms("series, to own past hour", to_own_past, differing, Target::None);
    false_alarms("series, to own past hour, margin", to_own_past_with_margin, differing, level);
    false_alarms("Mann-Whitney of means, spent level", ranks_spent, differing, level);

    for from_look in [1, LOOKS / 2 + 1] {
        for percent in [2, 5, 20] {
            let sick = Regression { from_look, rate: f64::from(percent) / 100.0, ..HEALTHY };
            delay(&format!("two rates, 1 % to {percent} %"), two_rates, sick);
            delay(&format!("a bound, 1 % to {percent} %"), bound, sick);
            delay(&format!("Fisher, spent level, 1 % to {percent} %"), fisher_spent, sick);
        }
        for shift in [0.25, 1.0, 2.0] {
            let sick = Regression { from_look, shift, ..HEALTHY };
            delay(&format!("series, {shift} deviations"), series, sick);
            delay(&format!("means, spent level, {shift} deviations"), ranks_spent, sick);
        }
        for shift in [1.0, 2.0] {
            let sick = Regression { from_look, shift, ..differing };
            delay(&format!("own past, margin, {shift} deviations"), to_own_past_with_margin, sick);
            delay(&format!("differing nodes' means, {shift} deviations"), ranks_spent, sick);
        }
    }
}
