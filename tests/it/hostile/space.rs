//! Disks that fill up while a rollout runs: it stops with a reason, and the same command goes on when there is space.

use crate::kit::stage::{APPLY, Ran, Stage, start};
use crate::kit::truth::{assert_everyone_has, assert_no_intent_twice};
use crate::kit::until;
use crate::kit::worlds::{GOOD, fleet, plan};
use std::fs::File;
use std::io::Write;
use std::path::PathBuf;
use std::process::Command;

const SPEED: u32 = 1000;

fn stage() -> Stage {
    let stage = Stage::new(&fleet("", ""), SPEED);
    stage.write("plan.yaml", &plan(GOOD));
    stage
}

fn assert_stopped_for_space(ran: &Ran) {
    assert_eq!(ran.code, 9, "{ran:?}");
    assert!(!ran.stderr.contains("panicked"), "{}", ran.stderr);
}

/// Runs `apply` so that no file grows beyond so many kibibytes; the system says so instead of ending the process.
fn applied_with_files_up_to(stage: &Stage, kib: u32) -> Ran {
    let program = stage.command(&APPLY);
    let mut limited = Command::new("sh");
    let line = format!("trap '' XFSZ; ulimit -f {}; exec \"$0\" \"$@\"", kib * 2);
    limited.args(["-c", &line]).arg(program.get_program()).args(program.get_args());
    limited.current_dir(program.get_current_dir().expect("a directory")).env_clear();
    limited.envs(program.get_envs().filter_map(|(name, value)| value.map(|value| (name, value))));
    start(limited, program.get_current_dir().expect("a directory")).wait()
}

#[test]
fn files_that_may_not_grow_stop_a_rollout_again_and_again_and_nothing_is_lost() {
    let stage = stage();
    let mut stops = 0;
    for kib in [64, 128, 192, 256, 384, 512] {
        let ran = applied_with_files_up_to(&stage, kib);
        assert_no_intent_twice(&stage.nodes());
        if ran.code == 0 {
            break;
        }
        assert_stopped_for_space(&ran);
        stops += 1;
    }
    assert!(stops > 0, "no limit was met");
    stage.apply().ended_with(0);
    let nodes = stage.nodes();
    assert_everyone_has(&nodes, GOOD);
    assert_no_intent_twice(&nodes);
}

/// A small file system of its own, gone with this.
struct Disk(PathBuf);

impl Disk {
    /// None where that takes more rights than this process has.
    fn mounted(at: PathBuf) -> Option<Self> {
        std::fs::create_dir(&at).expect("a directory");
        let mount = Command::new("mount").args(["-t", "tmpfs", "-o", "size=32m", "tmpfs"]).arg(&at).output();
        mount.is_ok_and(|mount| mount.status.success()).then_some(Self(at))
    }

    /// Leaves no byte free.
    fn fill(&self) {
        let mut filler = File::create(self.0.join("filler")).expect("a file");
        for size in [1 << 16, 1 << 12, 1] {
            while filler.write_all(&vec![0; size]).is_ok() {}
        }
    }

    fn clear(&self) {
        std::fs::remove_file(self.0.join("filler")).expect("the filler");
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // Whoever still has a file open there keeps it for as long.
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

#[test]
#[allow(clippy::print_stderr, reason = "a test that cannot be made says so")]
fn a_disk_that_fills_up_on_the_way_stops_the_rollout_and_it_ends_well_later() {
    let stage = stage();
    let Some(disk) = Disk::mounted(stage.file("disk")) else {
        eprintln!("skipped: this process may not mount a file system; the limit on files is tried instead");
        return;
    };
    let apply: Vec<&str> = APPLY.iter().copied().chain(["--state", "disk/state.db"]).collect();
    let running = stage.start(&apply);
    until("something is installed", || (stage.sim.sent("Install", GOOD) > 0).then_some(()));
    disk.fill();
    let ran = running.wait();
    assert_stopped_for_space(&ran);
    assert!(ran.stderr.contains("space"), "{}", ran.stderr);
    assert_stopped_for_space(&stage.run(&apply));
    disk.clear();
    stage.run(&apply).ended_with(0);
    let nodes = stage.nodes();
    assert_everyone_has(&nodes, GOOD);
    assert_no_intent_twice(&nodes);
}
