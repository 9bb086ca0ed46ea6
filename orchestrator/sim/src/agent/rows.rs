//! What the real agent does in each known situation, one test each. The letters are this project's names of the
//! situations.

use std::collections::BTreeMap;

use super::behaviour::{Behaviour, Contents, Effect, Rule, Selector, Validate};
use super::bench::{Bench, assert_failed, assert_success, failing, flaky, request, ruled, scripts};
use super::local::{Bits, Phase};
use super::request::{Action, ConfigurePackage};
use super::run::Ending;
use crate::random::Chance;

/// 1.0 installed by the agent, as most rows begin.
fn upgraded_node() -> Bench {
    let mut bench = Bench::new();
    bench.good("1.0");
    assert_success(&bench.install("1.0"));
    bench
}

/// The state after G: the agent says 1.0, the machine has 2.0.
fn lying_node() -> Bench {
    let mut bench = upgraded_node();
    bench.publish("2.0", flaky());
    assert_failed(&bench.install("2.0"));
    bench
}

#[test]
fn row_a_fresh_install_succeeds() {
    let mut bench = Bench::new();
    bench.good("1.0");
    let run = bench.install("1.0");
    assert_success(&run);
    assert_eq!(scripts(&run), ["1.0 install by 1.0"]);
    assert!(run.report.stdout.contains("Successfully installed hello 1.0"));
    bench.assert_state(Phase::Installed, "1.0");
    bench.assert_bits(Some("1.0"));
}

#[test]
fn row_b_installing_the_installed_version_runs_nothing() {
    let mut bench = upgraded_node();
    let run = bench.install("1.0");
    assert_success(&run);
    assert!(scripts(&run).is_empty());
    assert!(run.report.stdout.contains("hello 1.0 is already installed"));
    bench.assert_state(Phase::Installed, "1.0");
}

#[test]
fn row_c_upgrade_to_an_unseen_version_runs_the_new_uninstall_script() {
    let mut bench = upgraded_node();
    bench.good("2.0");
    let run = bench.install("2.0");
    assert_success(&run);
    assert_eq!(scripts(&run), ["1.0 uninstall by 2.0", "2.0 install by 2.0"]);
    bench.assert_state(Phase::Installed, "2.0");
    bench.assert_bits(Some("2.0"));
}

#[test]
fn row_d_going_to_a_version_with_a_cached_manifest_runs_the_real_uninstall() {
    let mut bench = upgraded_node();
    bench.good("2.0");
    bench.install("2.0");
    let run = bench.install("1.0");
    assert_success(&run);
    assert_eq!(scripts(&run), ["2.0 uninstall by 2.0", "1.0 install by 1.0"]);
    bench.assert_state(Phase::Installed, "1.0");
    bench.assert_bits(Some("1.0"));
}

#[test]
fn row_e_failed_upgrade_to_an_unseen_version_leaves_nothing_installed() {
    let mut bench = upgraded_node();
    bench.publish("3.0", failing());
    let run = bench.install("3.0");
    assert_failed(&run);
    let expected =
        ["1.0 uninstall by 3.0", "3.0 install by 3.0", "3.0 uninstall by 3.0", "1.0 install by 3.0"];
    assert_eq!(scripts(&run), expected);
    assert_eq!(run.report.stderr.matches("Failed to install package; install status Failed").count(), 2);
    bench.assert_state(Phase::Failed, "1.0");
    bench.assert_bits(None);
    assert!(bench.bits.debris);
}

#[test]
fn row_f_installing_the_old_version_after_e_repairs_the_node() {
    let mut bench = upgraded_node();
    bench.publish("3.0", failing());
    bench.install("3.0");
    let run = bench.install("1.0");
    assert_success(&run);
    assert_eq!(scripts(&run), ["1.0 install by 1.0"]);
    bench.assert_state(Phase::Installed, "1.0");
    bench.assert_bits(Some("1.0"));
}

#[test]
fn row_g_flaky_upgrade_leaves_new_bits_under_the_old_name() {
    let mut bench = upgraded_node();
    bench.publish("2.0", flaky());
    let run = bench.install("2.0");
    assert_failed(&run);
    assert_eq!(scripts(&run).last().map(String::as_str), Some("1.0 install by 2.0"));
    assert!(run.report.stdout.contains("successfully rolled back to hello 1.0"));
    bench.assert_state(Phase::Installed, "1.0");
    bench.assert_bits(Some("2.0"));
}

#[test]
fn row_h_installing_the_old_version_after_g_does_nothing() {
    let mut bench = lying_node();
    let run = bench.install("1.0");
    assert_success(&run);
    assert!(scripts(&run).is_empty());
    assert!(run.report.stdout.contains("hello 1.0 is already installed"));
    bench.assert_state(Phase::Installed, "1.0");
    bench.assert_bits(Some("2.0"));
}

#[test]
fn row_i_uninstall_then_install_after_g_repairs_the_node() {
    for version in ["1.0", ""] {
        let mut bench = lying_node();
        let run = bench.uninstall(version);
        assert_success(&run);
        assert_eq!(scripts(&run), ["1.0 uninstall by 2.0"]);
        assert!(run.report.stdout.contains("Successfully uninstalled hello 1.0"));
        let run = bench.install("1.0");
        assert_success(&run);
        assert_eq!(scripts(&run), ["1.0 install by 1.0"]);
        bench.assert_state(Phase::Installed, "1.0");
        bench.assert_bits(Some("1.0"));
    }
}

#[test]
fn row_j_failing_again_with_a_cached_manifest_rolls_back_for_real() {
    let mut bench = upgraded_node();
    bench.publish("3.0", failing());
    bench.install("3.0");
    bench.install("1.0");
    let run = bench.install("3.0");
    assert_failed(&run);
    let expected =
        ["1.0 uninstall by 1.0", "3.0 install by 3.0", "3.0 uninstall by 3.0", "1.0 install by 1.0"];
    assert_eq!(scripts(&run), expected);
    assert!(run.report.stdout.contains("successfully rolled back to hello 1.0"));
    bench.assert_state(Phase::Installed, "1.0");
    bench.assert_bits(Some("1.0"));
}

#[test]
fn row_k_two_labels_with_one_manifest_version_reinstall_after_saying_already() {
    let mut bench = upgraded_node();
    bench.publish_as("1.0-b", "1.0", Behaviour::default());
    let run = bench.install("1.0-b");
    assert_success(&run);
    assert!(run.report.stdout.contains("hello 1.0 is already installed"));
    assert_eq!(scripts(&run), ["1.0 uninstall by 1.0-b", "1.0 install by 1.0-b"]);
    bench.assert_bits(Some("1.0-b"));
}

#[test]
fn row_l_a_failing_uninstall_script_does_not_stop_an_upgrade() {
    let mut bench = upgraded_node();
    bench.publish("2.0", ruled(Rule { uninstall: Effect::Fail, ..Rule::default() }));
    let run = bench.install("2.0");
    assert_success(&run);
    assert!(
        run.report.stderr.contains("Failed to uninstall version 1.0 of package; uninstall status Failed")
    );
    bench.assert_state(Phase::Installed, "2.0");
    bench.assert_bits(Some("2.0"));
}

#[test]
fn row_m_in_place_without_an_update_script_names_a_version_never_installed() {
    let mut bench = upgraded_node();
    bench.publish("2.0", Behaviour { update_script: false, ..Behaviour::default() });
    let run = bench.install_in_place("2.0");
    assert_failed(&run);
    assert!(scripts(&run).is_empty());
    assert!(run.report.stderr.contains("missing update script required for in-place update"));
    bench.assert_state(Phase::Failed, "2.0");
    bench.assert_bits(Some("1.0"));
}

#[test]
fn row_n_a_failing_update_script_rolls_back_in_name_only() {
    let mut bench = upgraded_node();
    bench.publish("2.0", ruled(Rule { update: Effect::Fail, ..Rule::default() }));
    let run = bench.install_in_place("2.0");
    assert_failed(&run);
    assert_eq!(scripts(&run), ["2.0 update by 2.0", "2.0 uninstall by 2.0", "1.0 install by 2.0"]);
    assert!(run.report.stdout.contains("successfully rolled back to hello 1.0"));
    bench.assert_state(Phase::Installed, "1.0");
    bench.assert_bits(Some("2.0"));
}

#[test]
fn row_o_a_failed_first_install_is_not_uninstalled() {
    let mut bench = Bench::new();
    bench.publish("3.0", failing());
    let run = bench.install("3.0");
    assert_failed(&run);
    assert_eq!(scripts(&run), ["3.0 install by 3.0"]);
    bench.assert_state(Phase::Failed, "3.0");
    assert_eq!(bench.state().last_installed, None);
    bench.assert_bits(None);
    assert!(bench.bits.debris);
}

#[test]
fn row_p_uninstall_after_o_leaves_the_debris() {
    for (version, said) in [("3.0", "version: 3.0 is not installed"), ("", "version:  is not installed")] {
        let mut bench = Bench::new();
        bench.publish("3.0", failing());
        bench.install("3.0");
        let run = bench.uninstall(version);
        assert_success(&run);
        assert!(run.report.stdout.contains(said), "{}", run.report.stdout);
        bench.assert_state(Phase::Failed, "3.0");
        assert!(bench.bits.debris);
    }
}

#[test]
fn row_q_another_version_after_o_is_uninstalled_into_place() {
    let mut bench = Bench::new();
    bench.publish("3.0", failing());
    bench.good("4.0");
    bench.install("3.0");
    let run = bench.install("4.0");
    assert_success(&run);
    assert_eq!(scripts(&run), ["3.0 uninstall by 4.0", "4.0 install by 4.0"]);
    bench.assert_state(Phase::Installed, "4.0");
    bench.assert_bits(Some("4.0"));
    assert!(!bench.bits.debris);
}

#[test]
fn row_r_an_install_that_reboots_is_not_run_again() {
    let mut bench = upgraded_node();
    bench.publish("2.0", ruled(Rule { install: Effect::Reboot, ..Rule::default() }));
    let run = bench.install("2.0");
    assert_success(&run);
    assert_eq!(run.reboots.len(), 1);
    assert_eq!(bench.agent.attempts.iter().filter(|((_, version, _), _)| &**version == "2.0").count(), 2);
    assert!(bench.agent.attempts.values().all(|count| *count == 1));
    assert!(run.report.stdout.contains("Successfully installed hello 2.0"));
    bench.assert_state(Phase::Installed, "2.0");
    bench.assert_bits(Some("2.0"));
}

#[test]
fn row_s_an_uninstall_that_reboots_during_an_upgrade_runs_again() {
    let mut bench = upgraded_node();
    bench.publish("2.0", ruled(Rule { uninstall: Effect::Reboot, ..Rule::default() }));
    let run = bench.install("2.0");
    assert_success(&run);
    assert_eq!(run.reboots.len(), 1);
    assert_eq!(scripts(&run), ["1.0 uninstall by 2.0", "2.0 install by 2.0"], "after the reboot");
    bench.assert_state(Phase::Installed, "2.0");
    bench.assert_bits(Some("2.0"));
}

#[test]
fn row_t_a_zip_without_its_scripts_touches_nothing() {
    for (contents, said) in [
        (Contents::MissingInstall, "Package is not supported (package is missing install action)"),
        (Contents::Incomplete, "Package is incomplete"),
    ] {
        let mut bench = upgraded_node();
        bench.publish("2.0", Behaviour { contents, ..Behaviour::default() });
        let run = bench.install("2.0");
        assert_failed(&run);
        assert!(scripts(&run).is_empty());
        assert!(run.report.stderr.contains(said));
        bench.assert_state(Phase::Installed, "1.0");
        bench.assert_bits(Some("1.0"));
    }
}

#[test]
fn row_u_an_unknown_or_inactive_version_touches_nothing() {
    let mut bench = upgraded_node();
    let run = bench.install("9.9");
    assert_failed(&run);
    assert!(run.report.stderr.starts_with("failed to download manifest - "));
    bench.shelf.borrow_mut().inactive = Some("Creating");
    let run = bench.install("1.0");
    assert_failed(&run);
    assert!(run.report.stderr.ends_with("Current document status - Creating\n"));
    bench.assert_state(Phase::Installed, "1.0");
    bench.assert_bits(Some("1.0"));
}

#[test]
fn row_v_changing_only_the_arguments_does_nothing() {
    let mut bench = upgraded_node();
    let arguments = r#"{"SSM_site":"b"}"#.to_owned();
    let run =
        bench.run(&ConfigurePackage { additional_arguments: arguments, ..request(Action::Install, "1.0") });
    assert_success(&run);
    assert!(scripts(&run).is_empty());
    assert!(run.report.stdout.contains("is already installed"));
}

#[test]
fn row_w_uninstalling_a_version_that_is_not_installed_succeeds_silently() {
    let mut bench = upgraded_node();
    bench.good("2.0");
    let run = bench.uninstall("2.0");
    assert_success(&run);
    assert!(run.report.stdout.contains("version: 2.0 is not installed"));
    bench.assert_state(Phase::Installed, "1.0");
    bench.assert_bits(Some("1.0"));
}

/// No situation is known under this letter. It stands for the pair nearest to it: the same package under its two
/// names has two independent states.
#[test]
fn row_x_bare_name_and_arn_are_two_states_of_one_product() {
    let mut bench = upgraded_node();
    let arn = "arn:aws:ssm:eu-west-1:111122223333:document/hello";
    for (_, fetched) in &mut bench.shelf.borrow_mut().versions {
        arn.clone_into(&mut fetched.key);
    }
    let run = bench.install("1.0");
    assert_success(&run);
    assert!(run.report.stdout.contains(&format!("Successfully installed {arn} 1.0")));
    assert_eq!(bench.agent.packages.len(), 2);
}

#[test]
fn row_y_a_held_lock_fails_at_once() {
    let mut bench = upgraded_node();
    bench.good("2.0");
    let first = bench.begin(&request(Action::Install, "2.0"));
    assert_success(&first);
    let state = bench.state();
    let second = bench.begin(&request(Action::Install, "1.0"));
    assert_failed(&second);
    assert_eq!(second.report.stderr, "Package \"hello\" is already in the process of action \"Install\"\n");
    assert!(second.changes.is_empty());
    assert_eq!(bench.state(), state);
}

#[test]
fn row_z_a_blank_uninstall_runs_the_default_versions_script() {
    let mut bench = upgraded_node();
    bench.good("2.0");
    bench.set_default("2.0");
    let run = bench.uninstall("");
    assert_success(&run);
    assert_eq!(scripts(&run), ["1.0 uninstall by 2.0"]);
    bench.assert_state(Phase::None, "");
    bench.assert_bits(None);
}

#[test]
fn row_aa_the_overlay_happens_after_a_failure_even_with_a_cached_manifest() {
    let mut bench = upgraded_node();
    bench.good("2.0");
    bench.install("2.0");
    bench.install("1.0");
    bench.publish("3.0", failing());
    bench.install("3.0");
    bench.assert_state(Phase::Failed, "1.0");
    let run = bench.install("2.0");
    assert_success(&run);
    assert_eq!(scripts(&run), ["1.0 uninstall by 2.0", "2.0 install by 2.0"]);
    bench.assert_state(Phase::Installed, "2.0");
}

#[test]
fn row_ab_uninstalling_the_new_version_after_g_does_nothing() {
    let mut bench = lying_node();
    let run = bench.uninstall("2.0");
    assert_success(&run);
    assert!(run.report.stdout.contains("version: 2.0 is not installed"));
    bench.assert_bits(Some("2.0"));
}

#[test]
fn row_ac_the_old_payload_under_a_new_label_repairs_the_node() {
    let mut bench = lying_node();
    bench.good("1.0-rb1");
    let run = bench.install("1.0-rb1");
    assert_success(&run);
    assert_eq!(scripts(&run), ["1.0 uninstall by 1.0-rb1", "1.0-rb1 install by 1.0-rb1"]);
    bench.assert_state(Phase::Installed, "1.0-rb1");
    bench.assert_bits(Some("1.0-rb1"));
}

#[test]
fn row_ad_a_deleted_version_can_be_neither_installed_nor_uninstalled_by_name() {
    let mut bench = upgraded_node();
    bench.good("2.0");
    bench.delete("1.0");
    for run in [bench.install("1.0"), bench.uninstall("1.0")] {
        assert_failed(&run);
        assert!(run.report.stderr.contains("InvalidDocument"));
    }
    bench.assert_state(Phase::Installed, "1.0");
    assert_success(&bench.uninstall(""));
    bench.assert_bits(None);
}

#[test]
fn a_validate_script_that_checks_the_version_decides_about_already_installed() {
    let mut bench = Bench::new();
    bench.publish("1.0", Behaviour { validate: Validate::ChecksVersion, ..Behaviour::default() });
    bench.install("1.0");
    bench.bits = Bits::default();
    let run = bench.install("1.0");
    assert_success(&run);
    assert!(run.report.stdout.contains("Successfully installed hello 1.0"));
    bench.assert_bits(Some("1.0"));
}

#[test]
fn a_script_that_hangs_keeps_the_lock_for_its_thirty_minutes() {
    let mut bench = upgraded_node();
    bench.publish("2.0", ruled(Rule { install: Effect::Hang, ..Rule::default() }));
    let run = bench.install("2.0");
    assert_eq!(run.report.ending, Ending::NoAnswer);
    assert_failed(&bench.install("1.0"));
    bench.now = bench.now.plus_seconds(30 * 60);
    assert_success(&bench.install("1.0"));
}

/// The state file still says "installing", which the agent takes for a resume after a reboot, of whatever version.
#[test]
fn after_an_abandoned_install_another_install_believes_itself_done() {
    let mut bench = upgraded_node();
    bench.publish("2.0", ruled(Rule { install: Effect::Hang, ..Rule::default() }));
    bench.install("2.0");
    bench.now = bench.now.plus_seconds(30 * 60);
    let run = bench.install("1.0");
    assert!(scripts(&run).is_empty());
    assert!(run.report.stdout.contains("Successfully installed hello 1.0"));
    bench.assert_bits(None);
    assert_success(&bench.uninstall("1.0"));
    assert_success(&bench.install("1.0"));
    bench.assert_bits(Some("1.0"));
}

#[test]
fn a_rule_with_a_fraction_hits_that_part_of_the_nodes_and_always_the_same() {
    let rule = Rule {
        when: Selector { fraction: Some(0.25), ..Selector::default() },
        install: Effect::Fail,
        ..Rule::default()
    };
    let hit = |seed: u64| -> Vec<bool> {
        (0..400)
            .map(|index| {
                let mut bench = Bench::new();
                bench.node.chance = Chance::from_seed(seed).numbered(index);
                bench.publish("1.0", ruled(rule.clone()));
                bench.install("1.0").report.ending == Ending::Failed
            })
            .collect()
    };
    let first = hit(5);
    assert_eq!(first, hit(5));
    let failures = first.iter().filter(|failed| **failed).count();
    assert!((70..130).contains(&failures), "{failures}");
}

#[test]
fn additional_arguments_are_checked_on_the_node() {
    let mut bench = Bench::new();
    bench.good("1.0");
    for (arguments, said) in [
        (r#"{"site":"a"}"#, "keys need to start with \"SSM_\" prefix"),
        (r#"{"":"a"}"#, "empty key is not allowed"),
        ("[]", "unable to unmarshal additional arguments from input"),
    ] {
        let run = bench.run(&ConfigurePackage {
            additional_arguments: arguments.to_owned(),
            ..request(Action::Install, "1.0")
        });
        assert_failed(&run);
        assert!(run.report.stderr.contains(said), "{}", run.report.stderr);
    }
}

#[test]
fn a_node_without_a_file_in_the_manifest_fails_untouched() {
    let mut bench = upgraded_node();
    let text =
        "failed to find platform: no manifest found for platform: amazon, version 2023, architecture x86_64";
    bench.good("2.0");
    bench.shelf.borrow_mut().versions[1].1.payload = Err(text.to_owned());
    let run = bench.install("2.0");
    assert_failed(&run);
    assert!(run.report.stderr.contains(text));
    bench.assert_state(Phase::Installed, "1.0");
}

#[test]
fn attempts_are_counted_per_script() {
    let mut bench = Bench::new();
    bench.publish(
        "1.0",
        ruled(Rule {
            when: Selector { attempts: Some(2), ..Selector::default() },
            install: Effect::Fail,
            ..Rule::default()
        }),
    );
    let endings: Vec<Ending> = (0..3).map(|_| bench.install("1.0").report.ending).collect();
    assert_eq!(endings, [Ending::Failed, Ending::Failed, Ending::Success]);
    let counts: BTreeMap<_, _> = bench.agent.attempts.iter().collect();
    assert_eq!(counts.len(), 1);
}
