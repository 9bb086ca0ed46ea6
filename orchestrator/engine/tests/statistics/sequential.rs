use proptest::prelude::*;
use wavetrain_engine::statistics::Error;
use wavetrain_engine::statistics::proportion::Proportion;
use wavetrain_engine::statistics::sequential::{Margin, Proportions, Series, above_bound, level_of_look};

fn count(events: u64, trials: u64) -> Proportion {
    Proportion::new(events, trials).unwrap()
}

fn mass(trials: u64, events: u64, rate: f64) -> f64 {
    let ways: f64 = (0..events).map(|k| (trials - k) as f64 / (k + 1) as f64).product();
    ways * rate.powi(events as i32) * (1.0 - rate).powi((trials - events) as i32)
}

/// Expectation of the e-value after the given looks, over everything that can happen.
fn expectation(test: &Proportions, sizes: &[(u64, u64)], ours: f64, theirs: f64) -> f64 {
    let Some(((m, n), rest)) = sizes.split_first() else {
        return test.evidence().ln_e.exp();
    };
    let mut sum = 0.0;
    for canary in 0..=*m {
        for control in 0..=*n {
            let mut next = test.clone();
            next.observe(count(canary, *m), count(control, *n));
            sum +=
                mass(*m, canary, ours) * mass(*n, control, theirs) * expectation(&next, rest, ours, theirs);
        }
    }
    sum
}

/// Numbers that look random and are the same in every run (Steele, Lea and Flood 2014, SplitMix).
struct Numbers(u64);

impl Numbers {
    fn unit(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((bits ^ (bits >> 31)) >> 11) as f64 / (1u64 << 53) as f64
    }

    fn events(&mut self, trials: u64, rate: f64) -> Proportion {
        let events = (0..trials).filter(|_| self.unit() < rate).count() as u64;
        count(events, trials)
    }

    /// Values with a long tail and, rounded, with ties.
    fn values(&mut self, size: usize, shift: f64) -> Vec<f64> {
        (0..size).map(|_| (-self.unit().max(1e-300).ln() * 10.0).round() + shift).collect()
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn betting_on_two_rates_is_never_profitable_while_the_margin_is_kept(
        theirs in 0.0..=1.0f64, part in 0.0..=1.0f64, factor in 0.5..3.0f64, offset in -0.1..0.3f64,
        sizes in prop::collection::vec((1u64..4, 1u64..4), 1..4),
    ) {
        let ours = ((factor * theirs + offset) * part).clamp(0.0, 1.0);
        prop_assume!(ours <= factor * theirs + offset);
        let margin = Margin::new(factor, offset).unwrap();
        for history in [None, Some(count(30, 60))] {
            let test = Proportions::new(margin, history);
            prop_assert!(expectation(&test, &sizes, ours, theirs) <= 1.0 + 1e-9);
        }
    }

    #[test]
    fn betting_on_a_bound_is_never_profitable_below_it(trials in 0u64..60, bound in 0.001..0.999f64, part in 0.0..=1.0f64) {
        let e = |events| above_bound(count(events, trials), bound).unwrap().exp();
        let sum: f64 = (0..=trials).map(|events| mass(trials, events, bound * part) * e(events)).sum();
        prop_assert!(sum <= 1.0 + 1e-9);
        let fair: f64 = (0..=trials).map(|events| mass(trials, events, bound) * e(events)).sum();
        prop_assert!((fair - 1.0).abs() < 1e-9, "at the bound it is fair: {}", fair);
    }

    #[test]
    fn betting_on_ranks_is_fair_over_all_splits_and_less_with_ties(
        values in prop::collection::vec(0i32..8, 2..9), size in 1usize..8,
    ) {
        prop_assume!(size < values.len());
        let distinct = values.iter().collect::<std::collections::BTreeSet<_>>().len() == values.len();
        let (mut sum, mut splits) = (0.0, 0.0);
        for chosen in 0u32..1 << values.len() {
            if chosen.count_ones() as usize != size { continue; }
            let of = |bit| values.iter().enumerate().filter(move |(at, _)| chosen >> at & 1 == bit).map(|(_, value)| f64::from(*value));
            let mut test = Series::new(Margin::NONE);
            test.observe(&of(1).collect::<Vec<_>>(), &of(0).collect::<Vec<_>>()).unwrap();
            sum += test.evidence().ln_e.exp();
            splits += 1.0;
        }
        prop_assert!(sum / splits <= 1.0 + 1e-9);
        prop_assert!(!distinct || sum / splits > 1.0 - 1e-9);
    }

    #[test]
    fn nothing_panics_and_every_state_can_be_written_and_read(
        looks in prop::collection::vec((0u64..2_000_000, 0u64..2_000_000, 0.0..=1.0f64, 0.0..=1.0f64), 0..20),
        values in prop::collection::vec((prop::num::f64::NORMAL, prop::num::f64::NORMAL), 1..5),
        factor in prop::num::f64::ANY, offset in prop::num::f64::ANY, bound in prop::num::f64::ANY,
    ) {
        let margin = Margin::new(factor, offset).unwrap_or(Margin::NONE);
        let (mut rates, mut series) = (Proportions::new(margin, None), Series::new(margin));
        for (m, n, ours, theirs) in looks {
            let canary = count((m as f64 * ours) as u64, m);
            rates.observe(canary, count((n as f64 * theirs) as u64, n));
            let (ours, theirs): (Vec<f64>, Vec<f64>) = values.iter().copied().unzip();
            let _ = series.observe(&ours, &theirs);
            let _ = above_bound(canary, bound);
            for evidence in [rates.evidence(), series.evidence()] {
                prop_assert!(evidence.ln_e.is_finite() && (0.0..=1.0).contains(&evidence.p()));
            }
        }
        let text = serde_json::to_string(&(&rates, &series)).unwrap();
        let read: (Proportions, Series) = serde_json::from_str(&text).unwrap();
        // JSON's reader may be off by the last bit, which evidence does not notice.
        for (written, read) in [(rates.evidence(), read.0.evidence()), (series.evidence(), read.1.evidence())] {
            prop_assert!((written.ln_e - read.ln_e).abs() <= 1e-9 * written.ln_e.abs().max(1.0));
            prop_assert_eq!(written.looks, read.looks);
        }
    }
}

#[test]
fn nothing_seen_is_no_evidence() {
    let mut rates = Proportions::new(Margin::NONE, None);
    rates.observe(count(0, 0), count(1, 100));
    rates.observe(count(3, 3), count(0, 0));
    assert_eq!(rates.evidence().looks, 0);
    assert!((rates.evidence().p() - 1.0).abs() < 1e-12);
    let mut series = Series::new(Margin::NONE);
    assert_eq!(series.observe(&[], &[1.0]), Err(Error::Empty));
    assert_eq!(series.observe(&[f64::NAN], &[1.0]), Err(Error::NotFinite { at: 0 }));
    assert_eq!(series.evidence().looks, 0);
    assert!(above_bound(count(0, 0), 0.01).unwrap().abs() < 1e-12);
}

#[test]
fn the_levels_of_all_looks_sum_to_the_stated_one() {
    let levels = (0..1u64 << 16).filter_map(|look| level_of_look(look, 0.05).unwrap());
    let spent: f64 = levels.sum();
    assert!(spent < 0.05 && spent > 0.044, "{spent}");
    assert_eq!(level_of_look(0, 0.05), Ok(None));
    assert!(level_of_look(1, f64::NAN).is_err());
    assert!(level_of_look(u64::MAX, 0.05).is_ok() && level_of_look(1 << 63, 0.05).unwrap().is_some());
}

const LOOKS: usize = 240;
const STREAMS: u64 = 500;
const ALPHA: f64 = 0.05;

/// The look, from 1, at which a stream alarms.
fn alarm(mut p_after_look: impl FnMut(usize) -> f64) -> Option<usize> {
    (1..=LOOKS).find(|look| p_after_look(*look) <= ALPHA)
}

fn rates_alarm(seed: u64, ours: f64, since: usize) -> Option<usize> {
    let mut numbers = Numbers(seed);
    let mut test = Proportions::new(Margin::NONE, None);
    alarm(|look| {
        // Rates that rise and fall together during the day must not matter.
        let now = 0.02 + 0.015 * (look as f64 / 40.0).sin();
        let canary = numbers.events(12, if look < since { now } else { ours });
        test.observe(canary, numbers.events(24, now));
        test.evidence().p()
    })
}

fn series_alarm(seed: u64, shift: f64, since: usize) -> Option<usize> {
    let mut numbers = Numbers(seed);
    let mut test = Series::new(Margin::NONE);
    alarm(|look| {
        let canary = numbers.values(12, if look < since { 0.0 } else { shift });
        test.observe(&canary, &numbers.values(12, 0.0)).unwrap();
        test.evidence().p()
    })
}

fn share(alarms: impl Fn(u64) -> bool) -> f64 {
    (0..STREAMS).filter(|seed| alarms(*seed)).count() as f64 / STREAMS as f64
}

#[test]
fn guards_that_look_at_every_minute_raise_fewer_false_alarms_than_their_level() {
    let rates = share(|seed| rates_alarm(seed << 20, 0.0, usize::MAX).is_some());
    let series = share(|seed| series_alarm(seed << 20, 0.0, usize::MAX).is_some());
    let bound = share(|seed| {
        let mut numbers = Numbers(seed << 20);
        let (mut events, mut trials) = (0, 0);
        alarm(|_| {
            let fresh = numbers.events(12, 0.02);
            (events, trials) = (events + fresh.events(), trials + fresh.trials());
            (-above_bound(count(events, trials), 0.02).unwrap()).exp()
        })
        .is_some()
    });
    // Three standard deviations of 500 streams above a level of 0.05 would be 0.079.
    for found in [rates, series, bound] {
        assert!(found <= ALPHA, "{rates} {series} {bound}");
    }
}

#[test]
fn a_regression_is_seen_whether_it_comes_at_once_or_late() {
    for since in [1, LOOKS / 2] {
        let seen = |alarm: Option<usize>| alarm.is_some_and(|look| look >= since);
        let rates = share(|seed| seen(rates_alarm(seed << 20, 0.25, since)));
        let series = share(|seed| seen(series_alarm(seed << 20, 15.0, since)));
        assert!(rates > 0.9 && series > 0.9, "{since}: {rates} {series}");
    }
}
