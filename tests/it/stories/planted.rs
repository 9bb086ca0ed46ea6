//! The tests of the stories: each bug on purpose is found, by the rule that it breaks, in few stories.

use super::rules::Rule;
use super::{Ending, hear};
use std::io::Write as _;
use wavetrain_model::planted::{Bug, Planted};

/// Stories within which a bug must be found.
const WITHIN: u64 = 300;

fn is_found(bug: Bug, by: &[Rule]) {
    for seed in 0..WITHIN {
        if let Ending::Broken { breach, story } = hear(seed, Planted::of(bug)) {
            assert!(by.contains(&breach.rule), "seed {seed}: {:?}: {}\n{story}", breach.rule, breach.message);
            let _ = writeln!(std::io::stderr(), "{bug:?}: found by {:?} in story {}", breach.rule, seed + 1);
            return;
        }
    }
    panic!("{bug:?} was not found within {WITHIN} stories");
}

#[test]
fn resending_without_adopting_is_found() {
    is_found(Bug::ResendWithoutAdopting, &[Rule::Once]);
}

#[test]
fn a_settle_time_counted_from_the_intent_is_found() {
    is_found(Bug::SettleFromIntent, &[Rule::Once]);
}

#[test]
fn a_budget_off_by_one_is_found() {
    is_found(Bug::BudgetOffByOne, &[Rule::FailureBudget, Rule::InFlight]);
}

#[test]
fn a_trusted_suspect_is_found() {
    is_found(Bug::SuspectTrusted, &[Rule::Suspect]);
}

#[test]
fn a_wave_before_the_verdict_is_found() {
    is_found(Bug::WaveBeforeVerdict, &[Rule::WaveOrder]);
}
