//! Many healthy and many regressed rollouts, judged by the machine: the small version of the bench `rollouts`.

#[path = "../benches/trial/mod.rs"]
#[allow(dead_code, reason = "the bench takes more")]
mod trial;

use trial::{COMPARE, ERRORS, count, plan_with};

const ROLLOUTS: u64 = 50;

#[test]
fn a_comparison_keeps_its_level_over_many_rollouts_and_sees_what_doubles() {
    let plan = plan_with(COMPARE);
    // At a level of 1 %, more than three of fifty happen once in six hundred times.
    let healthy = count(&plan, ERRORS, 1.0, 0..ROLLOUTS);
    assert!(healthy.failed <= 3, "{healthy:?} of {ROLLOUTS} healthy rollouts");
    let regressed = count(&plan, ERRORS, 2.0, ROLLOUTS..2 * ROLLOUTS);
    assert!(regressed.failed >= 48 && regressed.passed == 0, "{regressed:?} of {ROLLOUTS} regressions");
    assert!(regressed.median_minutes.is_some_and(|minutes| minutes < 30), "seen late: {regressed:?}");
}
