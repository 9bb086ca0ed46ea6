use proptest::prelude::*;
use wavetrain_engine::statistics::proportion::{MOST_TRIALS, Proportion, binomial_test, fisher_test};
use wavetrain_engine::statistics::rank::{MannWhitney, Method, hodges_lehmann, mann_whitney};
use wavetrain_engine::statistics::{Alternative, Error};

const ALTERNATIVES: [Alternative; 3] = [Alternative::Less, Alternative::Greater, Alternative::TwoSided];

fn near(one: f64, other: f64) -> bool {
    (one - other).abs() <= 1e-12 + 1e-10 * one.abs().max(other.abs())
}

fn count(events: u64, trials: u64) -> Proportion {
    Proportion::new(events, trials).unwrap()
}

/// Pairs won and half the pairs drawn, by comparing all of them.
fn plain_u(canary: &[f64], control: &[f64]) -> f64 {
    let pairs = canary.iter().flat_map(|ours| control.iter().map(move |theirs| ours.partial_cmp(theirs)));
    pairs.map(|order| order.map_or(0.0, |order| f64::from(order as i8 + 1) / 2.0)).sum()
}

/// P(U ≥ seen) and P(U ≤ seen) over every way to choose the canaries.
fn plain_tails(canary: &[f64], control: &[f64]) -> (f64, f64) {
    let all: Vec<f64> = canary.iter().chain(control).copied().collect();
    let seen = plain_u(canary, control);
    let (mut above, mut below, mut splits) = (0u32, 0u32, 0u32);
    for chosen in 0u32..1 << all.len() {
        if chosen.count_ones() as usize != canary.len() {
            continue;
        }
        let of = |bit: u32| {
            let picked = all.iter().enumerate().filter(move |(at, _)| chosen >> at & 1 == bit);
            picked.map(|(_, value)| *value).collect::<Vec<f64>>()
        };
        let u = plain_u(&of(1), &of(0));
        splits += 1;
        above += u32::from(u >= seen);
        below += u32::from(u <= seen);
    }
    (f64::from(above) / f64::from(splits), f64::from(below) / f64::from(splits))
}

fn p(canary: &[f64], control: &[f64], alternative: Alternative, method: Method) -> f64 {
    mann_whitney(canary, control, alternative, method).unwrap().p
}

/// Values with many ties, or with practically none.
fn values(most: usize) -> impl Strategy<Value = Vec<f64>> {
    let tied = prop::collection::vec((0i32..4).prop_map(f64::from), 1..=most);
    prop_oneof![tied, prop::collection::vec(-1e6..1e6f64, 1..=most)]
}

proptest! {
    #[test]
    fn mann_whitney_exact_is_what_counting_every_split_gives(canary in values(6), control in values(6)) {
        let (above, below) = plain_tails(&canary, &control);
        prop_assert!(near(p(&canary, &control, Alternative::Greater, Method::Exact), above));
        prop_assert!(near(p(&canary, &control, Alternative::Less, Method::Exact), below));
        let both = (2.0 * above.min(below)).min(1.0);
        prop_assert!(near(p(&canary, &control, Alternative::TwoSided, Method::Exact), both));
    }

    #[test]
    fn mann_whitney_mirrors_when_the_samples_are_swapped(canary in values(60), control in values(60)) {
        for alternative in ALTERNATIVES {
            for method in [Method::Auto, Method::Asymptotic] {
                let one = mann_whitney(&canary, &control, alternative, method).unwrap();
                let other = mann_whitney(&control, &canary, alternative.mirrored(), method).unwrap();
                prop_assert!((0.0..=1.0).contains(&one.p));
                prop_assert!(near(one.p, other.p));
                prop_assert!(near(one.superiority, 1.0 - other.superiority));
                prop_assert!(near(one.rank_biserial(), -other.rank_biserial()));
                prop_assert!(near(one.u, plain_u(&canary, &control)));
            }
        }
    }

    #[test]
    fn mann_whitney_knows_no_order_of_values(canary in values(30), control in values(30)) {
        let reversed = |sample: &[f64]| sample.iter().rev().copied().collect::<Vec<f64>>();
        let one = mann_whitney(&canary, &control, Alternative::Greater, Method::Auto).unwrap();
        let other = mann_whitney(&reversed(&canary), &reversed(&control), Alternative::Greater, Method::Auto);
        prop_assert_eq!(one, other.unwrap());
    }

    #[test]
    fn raising_the_canary_never_raises_the_p_value(
        canary in prop::collection::vec(-1e6..1e6f64, 1..30), control in prop::collection::vec(-1e6..1e6f64, 1..30), by in 0.0..1e6f64,
    ) {
        let raised: Vec<f64> = canary.iter().map(|value| value + by).collect();
        for method in [Method::Auto, Method::Asymptotic] {
            let before = p(&canary, &control, Alternative::Greater, method);
            prop_assert!(p(&raised, &control, Alternative::Greater, method) <= before + 1e-12);
        }
    }

    #[test]
    fn the_shift_is_the_median_of_all_differences(canary in values(12), control in values(12)) {
        let mut all: Vec<f64> = canary.iter().flat_map(|ours| control.iter().map(move |theirs| ours - theirs)).collect();
        all.sort_by(f64::total_cmp);
        let shift = hodges_lehmann(&canary, &control, 0.95).unwrap();
        let median = f64::midpoint(all[(all.len() - 1) / 2], all[all.len() / 2]);
        prop_assert!(near(shift.estimate, median));
        prop_assert!(shift.low <= shift.estimate && shift.estimate <= shift.high);
        prop_assert!(all.contains(&shift.low) && all.contains(&shift.high));
        let wider = hodges_lehmann(&canary, &control, 0.99).unwrap();
        prop_assert!(wider.low <= shift.low && shift.high <= wider.high);
    }

    #[test]
    fn binomial_is_what_adding_all_masses_gives(trials in 0u64..40, part in 0.0..=1.0f64, rate in 0.0..=1.0f64) {
        let events = (trials as f64 * part).round() as u64;
        let mass = |at: u64| {
            let ways: f64 = (0..at).map(|k| (trials - k) as f64 / (k + 1) as f64).product();
            ways * rate.powi(at as i32) * (1.0 - rate).powi((trials - at) as i32)
        };
        let sum = |from: u64, to: u64| (from..=to).map(mass).sum::<f64>();
        let test = |alternative| binomial_test(count(events, trials), rate, alternative).unwrap();
        prop_assert!(near(test(Alternative::Greater), sum(events, trials)));
        prop_assert!(near(test(Alternative::Less), sum(0, events)));
        let unlikely = (0..=trials).map(mass).filter(|m| *m <= mass(events) * (1.0 + 1e-7)).sum::<f64>();
        prop_assert!(near(test(Alternative::TwoSided), unlikely.min(1.0)));
    }

    #[test]
    fn fisher_is_what_adding_all_tables_gives(a in 0u64..9, b in 0u64..9, c in 0u64..9, d in 0u64..9) {
        let choose = |n: u64, k: u64| (0..k).map(|at| (n - at) as f64 / (at + 1) as f64).product::<f64>();
        let (canary, control, events) = (a + b, c + d, a + c);
        let mass = |at: u64| {
            if at > canary || at > events || events - at > control { return 0.0; }
            choose(canary, at) * choose(control, events - at) / choose(canary + control, events)
        };
        let sum = |range: std::ops::RangeInclusive<u64>| range.map(mass).sum::<f64>();
        let test = |alternative| fisher_test(count(a, a + b), count(c, c + d), alternative).p;
        prop_assert!(near(test(Alternative::Greater), sum(a..=events)));
        prop_assert!(near(test(Alternative::Less), sum(0..=a)));
        let unlikely = (0..=events).map(mass).filter(|m| *m <= mass(a) * (1.0 + 1e-7)).sum::<f64>();
        prop_assert!(near(test(Alternative::TwoSided), unlikely.min(1.0)));
    }

    #[test]
    fn fisher_mirrors_and_stays_a_probability(
        m in 0u64..2_000_000, n in 0u64..2_000_000, one in 0.0..=1.0f64, other in 0.0..=1.0f64,
    ) {
        let canary = count((m as f64 * one) as u64, m);
        let control = count((n as f64 * other) as u64, n);
        for alternative in ALTERNATIVES {
            let ours = fisher_test(canary, control, alternative);
            let theirs = fisher_test(control, canary, alternative.mirrored());
            prop_assert!((0.0..=1.0).contains(&ours.p));
            prop_assert!((ours.p - theirs.p).abs() <= 1e-9 * ours.p.max(theirs.p));
        }
    }

    #[test]
    fn binomial_mirrors_when_events_and_their_absence_are_swapped(
        trials in 0u64..3_000_000, part in 0.0..=1.0f64, sixteenths in 0u32..=16,
    ) {
        let events = (trials as f64 * part) as u64;
        let rate = f64::from(sixteenths) / 16.0;
        for alternative in ALTERNATIVES {
            let ours = binomial_test(count(events, trials), rate, alternative).unwrap();
            let theirs = binomial_test(count(trials - events, trials), 1.0 - rate, alternative.mirrored()).unwrap();
            prop_assert!((0.0..=1.0).contains(&ours));
            prop_assert!((ours - theirs).abs() <= 1e-9 * ours.max(theirs));
        }
    }

    #[test]
    fn more_events_are_never_weaker_evidence(trials in 1u64..500, events in 0u64..499, rate in 0.001..0.999f64) {
        let events = events.min(trials - 1);
        let test = |events| binomial_test(count(events, trials), rate, Alternative::Greater).unwrap();
        prop_assert!(test(events + 1) <= test(events) + 1e-12);
        let table = |events| fisher_test(count(events, trials), count(7, 300), Alternative::Greater).p;
        prop_assert!(table(events + 1) <= table(events) + 1e-12);
    }

    #[test]
    fn no_series_panics(
        canary in prop::collection::vec(prop::num::f64::ANY, 0..5),
        control in prop::collection::vec(prop::num::f64::ANY, 0..5),
        confidence in prop::num::f64::ANY,
    ) {
        let sound = canary.iter().chain(&control).all(|value| value.is_finite());
        let filled = !canary.is_empty() && !control.is_empty();
        for method in [Method::Auto, Method::Exact, Method::Asymptotic] {
            let found = mann_whitney(&canary, &control, Alternative::TwoSided, method);
            prop_assert_eq!(found.is_ok(), sound && filled);
        }
        let _ = hodges_lehmann(&canary, &control, confidence);
    }
}

#[test]
fn a_missing_value_is_an_error_with_its_place() {
    let found = mann_whitney(&[1.0], &[2.0, f64::NAN], Alternative::Greater, Method::Auto);
    assert_eq!(found, Err(Error::NotFinite { at: 1 }));
    assert_eq!(mann_whitney(&[], &[1.0], Alternative::Greater, Method::Auto), Err(Error::Empty));
}

#[test]
fn equal_values_are_no_evidence() {
    for n in [1, 12, 500] {
        let same = vec![3.0; n];
        for alternative in ALTERNATIVES {
            let MannWhitney { p, superiority, .. } =
                mann_whitney(&same, &same, alternative, Method::Auto).unwrap();
            assert!(near(p, 1.0) && near(superiority, 0.5));
        }
    }
}

#[test]
fn plus_and_minus_zero_are_one_value() {
    let found = mann_whitney(&[0.0], &[-0.0], Alternative::Greater, Method::Auto).unwrap();
    assert!(near(found.superiority, 0.5));
}

#[test]
fn five_thousand_values_against_five_thousand_are_quick_and_sound() {
    let canary: Vec<f64> = (0..5_000).map(|at| f64::from(at * 7919 % 5_000) + 25.0).collect();
    let control: Vec<f64> = (0..5_000).map(|at| f64::from(at * 104_729 % 5_000)).collect();
    let found = mann_whitney(&canary, &control, Alternative::Greater, Method::Auto).unwrap();
    assert!(!found.exact && found.p > 0.0 && found.p < 0.5);
    assert!(near(hodges_lehmann(&canary, &control, 0.95).unwrap().estimate, 25.0));
    let few = mann_whitney(&canary[..8], &control, Alternative::Greater, Method::Exact);
    assert!(few.is_err() || few.is_ok_and(|found| found.exact));
}

#[test]
fn too_much_to_count_is_an_error_and_never_a_hang() {
    let many: Vec<f64> = (0..3_000).map(f64::from).collect();
    let found = mann_whitney(&many, &many[1..], Alternative::Greater, Method::Exact);
    assert!(matches!(found, Err(Error::TooLarge { .. })));
    assert!(matches!(Proportion::new(0, MOST_TRIALS + 1), Err(Error::TooLarge { .. })));
    assert_eq!(Proportion::new(2, 1), Err(Error::MoreEventsThanTrials { events: 2, trials: 1 }));
}

#[test]
fn the_largest_counts_have_an_answer() {
    let most = MOST_TRIALS;
    let p = fisher_test(count(most / 2 + 40_000, most), count(most / 2, most), Alternative::Greater).p;
    assert!(p > 0.03 && p < 0.04, "{p}");
    for rate in [0.0, 1e-300, 0.5, 1.0] {
        for events in [0, 1, most / 2, most] {
            for alternative in ALTERNATIVES {
                let p = binomial_test(count(events, most), rate, alternative).unwrap();
                assert!((0.0..=1.0).contains(&p));
            }
        }
    }
}

#[test]
fn no_trials_are_no_evidence() {
    let none = count(0, 0);
    for alternative in ALTERNATIVES {
        assert!(near(binomial_test(none, 0.3, alternative).unwrap(), 1.0));
        assert!(near(fisher_test(none, count(3, 4), alternative).p, 1.0));
    }
    assert_eq!(fisher_test(none, count(3, 4), Alternative::Less).difference, None);
    assert!(binomial_test(none, f64::NAN, Alternative::Less).is_err());
}

#[test]
fn a_proportion_is_checked_when_it_is_read() {
    assert!(serde_json::from_str::<Proportion>(r#"{"events":2,"trials":1}"#).is_err());
    let text = serde_json::to_string(&count(2, 5)).unwrap();
    assert_eq!(serde_json::from_str::<Proportion>(&text).unwrap(), count(2, 5));
}
