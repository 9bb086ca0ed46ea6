use proptest::prelude::*;
use wavetrain_engine::statistics::power::{
    Demand, EXACT_TRIALS, detectable_effect, detectable_excess, detectable_rise,
};

fn usual() -> Demand {
    Demand::new(0.05, 0.8).unwrap()
}

/// Power of Fisher's one-sided test, by adding every pair of outcomes.
fn plain_power(canary: u64, control: u64, baseline: f64, rate: f64, alpha: f64) -> f64 {
    use wavetrain_engine::statistics::Alternative;
    use wavetrain_engine::statistics::proportion::{Proportion, fisher_test};
    let mass = |n: u64, at: u64, rate: f64| {
        let ways: f64 = (0..at).map(|k| (n - k) as f64 / (k + 1) as f64).product();
        ways * rate.powi(at as i32) * (1.0 - rate).powi((n - at) as i32)
    };
    let mut power = 0.0;
    for ours in 0..=canary {
        for theirs in 0..=control {
            let (one, other) =
                (Proportion::new(ours, canary).unwrap(), Proportion::new(theirs, control).unwrap());
            if fisher_test(one, other, Alternative::Greater).p <= alpha * (1.0 + 1e-9) {
                power += mass(canary, ours, rate) * mass(control, theirs, baseline);
            }
        }
    }
    power
}

proptest! {
    #[test]
    fn the_smallest_rise_has_just_the_demanded_power(m in 3u64..16, n in 3u64..16, baseline in 0.0..0.3f64) {
        if let Some(rise) = detectable_rise(m, n, baseline, usual()).unwrap() {
            prop_assert!(rise.exact);
            prop_assert!(plain_power(m, n, baseline, rise.to, 0.05) >= 0.8 - 1e-9);
            prop_assert!(plain_power(m, n, baseline, rise.to - 1e-6, 0.05) < 0.8);
        } else {
            prop_assert!(plain_power(m, n, baseline, 1.0, 0.05) < 0.8);
        }
    }

    #[test]
    fn no_size_panics(
        m in any::<u64>(), n in any::<u64>(), rate in prop::num::f64::ANY, alpha in prop::num::f64::ANY, power in prop::num::f64::ANY,
    ) {
        if let Ok(demand) = Demand::new(alpha, power) {
            let _ = detectable_effect(m, n, demand);
        }
        let _ = detectable_rise(m, n, rate, Demand { alpha, power });
        let _ = detectable_excess(m, rate, Demand { alpha, power });
    }
}

#[test]
fn two_nodes_against_two_show_nothing() {
    assert_eq!(detectable_rise(2, 2, 0.01, usual()), Ok(None));
    assert_eq!(detectable_effect(2, 2, usual()), Ok(None));
    assert_eq!(detectable_rise(0, 9, 0.01, usual()), Ok(None));
    assert_eq!(detectable_excess(0, 0.01, usual()), Ok(None));
}

#[test]
fn twelve_against_twelve_show_a_rise_from_one_percent_to_forty_four() {
    let rise = detectable_rise(12, 12, 0.01, usual()).unwrap().unwrap();
    assert!(rise.exact && (rise.to - 0.4386).abs() < 1e-4, "{rise:?}");
    let effect = detectable_effect(12, 12, usual()).unwrap().unwrap();
    assert!((effect.standard_deviations - 1.1856).abs() < 1e-4, "{effect:?}");
}

#[test]
fn the_approximation_goes_on_where_exact_sums_end() {
    let half = EXACT_TRIALS / 2;
    let exact = detectable_rise(half, half, 0.05, usual()).unwrap().unwrap();
    let approximate = detectable_rise(half + 1, half, 0.05, usual()).unwrap().unwrap();
    assert!(exact.exact && !approximate.exact);
    // Fisher's test is conservative: a little more than the approximation is needed.
    assert!(exact.to > approximate.to && exact.to < approximate.to + 0.005);
}
