//! Recorded readings, judged by other gates.

use crate::cloud::{self, Cloud, plan};
use wavetrain_engine::replay::{Finding, replay};
use wavetrain_model::gate::AlarmState;
use wavetrain_model::spec::Gate;
use wavetrain_model::state::{Ending, Phase};

/// What a gate with the same question comes to, in a rollout with so many alarms.
fn finding(alarms: u32) -> (Finding, u32, u64) {
    let mut cloud = Cloud::new(plan(&[5, 5], |spec| {
        spec.gates = vec![Gate { dry_run: true, ..cloud::alarm_gate() }];
    }));
    cloud.other_alarms = (0..alarms).map(|alarm| (format!("other-{alarm}"), AlarmState::Ok)).collect();
    cloud.run_until_over();
    assert_eq!(cloud.state.phase, Phase::Ended(Ending::Completed));
    let replay = replay(&cloud.plan, &cloud.log, &[cloud::alarm_gate()]);
    let gate = &replay.gates[0];
    (gate.finding, gate.cut, gate.left_out)
}

#[test]
fn what_a_cut_reading_would_have_said_is_undecided() {
    assert_eq!(finding(900), (Finding::Quiet, 0, 0));
    let (finding, cut, left_out) = finding(1_200);
    assert_eq!(finding, Finding::Undecided);
    assert!(cut > 1 && left_out == u64::from(cut) * 201, "{cut} {left_out}");
}
