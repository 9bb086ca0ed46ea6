//! The example package in the sandbox: what goes well, and that a broken one is caught.

#![allow(clippy::unwrap_used)] // a test may panic

use std::io::Write as _;
use std::path::Path;
use wavetrain_package::{folder, trial};

/// Past the test harness, which shows nothing of a test that passes.
fn skipped(reason: &str) {
    let _ = writeln!(std::io::stderr(), "skipped: there is no sandbox here: {reason}");
}

#[test]
fn the_example_is_installed_upgraded_rolled_back_and_uninstalled() {
    if let Some(reason) = trial::missing() {
        skipped(&reason);
        return;
    }
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/datadog-agent");
    let (package, earlier) =
        (folder::open(&example).unwrap(), folder::open(&example.join("earlier")).unwrap());
    let trials = trial::run("datadog-agent", &package, Some(&earlier), None, 60).unwrap();
    for step in trials.iter().flat_map(|trial| &trial.steps) {
        assert_eq!(step.problem, None, "{step:#?}");
    }
    assert!(trials[0].steps.len() >= 10, "{trials:#?}");
    assert!(trials[0].left.is_empty(), "{:?}", trials[0].left);
    assert!(!Path::new("/opt/datadog-agent").exists(), "the machine is not touched");
}

/// A package of one zip with this install script.
fn package_that(install: &str) -> (tempfile::TempDir, folder::Package) {
    let dir = tempfile::tempdir().unwrap();
    let recipe = "apiVersion: wavetrain/v1\npackage:\n  name: hostile\n  version: 1.0.0\n  zips:\n    hostile.zip: { from: linux, \
                  serves: [{ platform: _any }] }\n";
    std::fs::write(dir.path().join("package.yaml"), recipe).unwrap();
    std::fs::create_dir(dir.path().join("linux")).unwrap();
    for (script, text) in [("install.sh", install), ("uninstall.sh", "exit 0\n"), ("validate.sh", "exit 0\n")]
    {
        std::fs::write(dir.path().join("linux").join(script), text).unwrap();
    }
    let package = folder::open(dir.path()).unwrap();
    (dir, package)
}

/// What went wrong with it; None: there is no sandbox.
fn fresh_install(install: &str) -> Option<Vec<String>> {
    if let Some(reason) = trial::missing() {
        skipped(&reason);
        return None;
    }
    let (_dir, package) = package_that(install);
    let trials = trial::run("hostile", &package, None, None, 60).unwrap();
    Some(trials[0].steps[0].problem.clone().into_iter().collect())
}

#[test]
fn scripts_cannot_change_the_machine_whoever_tries_them() {
    let reaches = "for setting in /proc/sys/vm/swappiness /proc/sys/kernel/core_pattern /proc/sysrq-trigger; do\n\
                   [ -e $setting ] || continue; if (: >>$setting) 2>/dev/null; then exit 9; fi\ndone\n\
                   mount -o remount,bind,rw /usr 2>/dev/null\n\
                   if [ -O /proc/1/root/etc/shadow ]; then exit 10; fi\nexit 0\n";
    if let Some(problems) = fresh_install(reaches) {
        assert!(problems.is_empty(), "{problems:?}");
    }
}

#[test]
fn a_link_that_a_script_leaves_where_the_sandbox_mounts_is_not_followed() {
    if let Some(reason) = trial::missing() {
        skipped(&reason);
        return;
    }
    let (dir, package) = package_that("ln -sfn /tmp /.old\n");
    let trials = trial::run("hostile", &package, None, None, 60).unwrap();
    assert!(trials[0].steps.len() > 1, "{trials:#?}");
    for step in &trials[0].steps {
        assert_eq!(step.problem, None, "{step:#?}");
    }
    drop(dir);
}

#[test]
fn a_script_that_never_stops_talking_is_read_to_its_end_and_forgotten() {
    if let Some(problems) = fresh_install("head -c 300000000 /dev/zero\nexit 0\n") {
        assert!(problems.is_empty(), "{problems:?}");
    }
}

#[test]
fn a_restart_between_install_and_validate_is_no_failure() {
    if let Some(problems) = fresh_install("exit 194\n") {
        assert!(problems.is_empty(), "{problems:?}");
    }
    if let Some(problems) = fresh_install("exit 7\n") {
        assert!(problems.concat().contains('7'), "{problems:?}");
    }
}

/// A stand-in for PowerShell that lies in a folder of its own, as the real one does: what is tried is how it is called.
#[cfg(unix)]
#[test]
fn scripts_for_windows_are_run_where_powershell_is() {
    use std::os::unix::fs::PermissionsExt as _;
    if let Some(reason) = trial::missing() {
        skipped(&reason);
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let recipe = "apiVersion: wavetrain/v1\npackage:\n  name: desk\n  version: 1.0.0\n  zips:\n    desk.zip: { from: windows, \
                  serves: [{ platform: windows }] }\n";
    std::fs::write(dir.path().join("package.yaml"), recipe).unwrap();
    std::fs::create_dir(dir.path().join("windows")).unwrap();
    let says = "[ \"$0\" = \"$BWS_ACTION_NAME.ps1\" ] && [ \"$BWS_PLATFORM_FAMILY\" = windows ] || exit 9\n";
    for (script, text) in [
        (
            "install.ps1",
            "mount -o remount,bind,rw /.shell 2>/dev/null && exit 10\n\
             unshare -Um mount -o remount,bind,rw /.shell 2>/dev/null && exit 11\n\
             (: >>/.shell/pwsh) 2>/dev/null && exit 12\n\
             umount -l /dev /.shell 2>/dev/null && exit 13\ntouch /opt/desk\n",
        ),
        ("uninstall.ps1", "rm -f /opt/desk\n"),
        ("validate.ps1", "[ -e /opt/desk ]\n"),
    ] {
        std::fs::write(dir.path().join("windows").join(script), format!("{says}{text}")).unwrap();
    }
    let program = dir.path().join("pwsh");
    let text = "#!/bin/sh\n[ \"$1 $2 $3 $4\" = '-NoLogo -NoProfile -NonInteractive -Command' ] || exit 8\n\
                script=${5#.\\\\}\nexec sh \"${script%; exit \\$LASTEXITCODE}\"\n";
    std::fs::write(&program, text).unwrap();
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
    std::fs::set_permissions(dir.path(), std::fs::Permissions::from_mode(0o755)).unwrap();

    let package = folder::open(dir.path()).unwrap();
    let trials = trial::run("desk", &package, None, Some(&program), 60).unwrap();
    assert!(trials[0].steps.len() >= 4, "{trials:#?}");
    for step in &trials[0].steps {
        assert_eq!(step.problem, None, "{step:#?}");
    }
    assert!(trials[0].steps[0].invocation.stdout.contains("aws:runPowerShellScript"));
    let without = trial::run("desk", &package, None, None, 60).unwrap();
    assert!(without[0].steps.is_empty() && without[0].skipped[0].contains("pwsh"), "{without:#?}");
}
