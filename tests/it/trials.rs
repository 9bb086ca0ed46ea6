//! Many healthy and many regressed rollouts, judged by the machine: the small version of the bench `rollouts`.

#[path = "../benches/trial/mod.rs"]
#[allow(dead_code, reason = "the bench takes more")]
mod trial;

use trial::{COMPARE, ERRORS, failed, plan_with};

const ROLLOUTS: u64 = 50;

#[test]
fn a_comparison_keeps_its_level_over_many_rollouts_and_sees_what_doubles() {
    let plan = plan_with(COMPARE);
    // At a level of 1 %, more than three of fifty happen once in six hundred times.
    let (alarms, _) = failed(&plan, ERRORS, 1.0, 0..ROLLOUTS);
    assert!(alarms <= 3, "{alarms} false alarms in {ROLLOUTS} healthy rollouts");
    let (caught, minutes) = failed(&plan, ERRORS, 2.0, ROLLOUTS..2 * ROLLOUTS);
    assert!(caught >= 48, "{caught} of {ROLLOUTS} regressions seen");
    assert!(minutes.is_some_and(|minutes| minutes < 30), "half of them only after {minutes:?} minutes");
}
