//! Gates that ask about single nodes, end to end: a fleet whose compliance reacts to what is installed, and alarms that come and go.

use crate::kit::stage::Stage;
use crate::kit::truth::{assert_all_back, assert_everyone_has};
use crate::kit::worlds::{BAD, GOOD, one_site, one_site_plan};

const SPEED: u32 = 2000;

const HAVE_OLD: &str = "{ 1.0.0-1: 1 }";

/// A scan every minute, which the bad version's nodes do not survive; some nodes lack a patch of little weight anyway.
const SCANS: &str = "compliance:
  - { id: KB1, severity: HIGH, every_seconds: 60, spoiled_by: { package: agent, version: 3.0.0-1 } }
  - { id: KB2, severity: LOW, every_seconds: 60, non_compliant: 0.5 }";

const PATCHES: &str = "  gates:
    - { name: patches, deadline: 10m, compliance: { types: [Patch], severities: [CRITICAL, HIGH], truth: yes } }
";

#[test]
fn nodes_that_lost_their_compliance_take_the_version_back() {
    let stage = Stage::new(&one_site(20, HAVE_OLD, "", SCANS), SPEED);
    stage.write("plan.yaml", &one_site_plan(BAD, "", PATCHES));
    let before = stage.nodes();
    stage.apply().ended_with(5).says("is not compliant in Patch");
    assert_all_back(&before, &stage.nodes(), BAD);

    let stage = Stage::new(&one_site(20, HAVE_OLD, "", SCANS), SPEED);
    stage.write("plan.yaml", &one_site_plan(GOOD, "", PATCHES));
    stage.apply().ended_with(0);
    assert_everyone_has(&stage.nodes(), GOOD);
}

#[test]
fn scans_from_before_the_install_hold_the_rollout() {
    let world = one_site(8, HAVE_OLD, "", &SCANS.replace("every_seconds: 60", "every_seconds: 864000"));
    let stage = Stage::new(&world, SPEED);
    stage.write("plan.yaml", &one_site_plan(GOOD, "", PATCHES));
    stage.apply().ended_with(6).says("last reported Patch at");
}
