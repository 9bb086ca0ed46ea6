//! What a valid plan file becomes.

use wavetrain_model::fleet::Platform;
use wavetrain_model::id::{AccountId, Region, WaveIndex};
use wavetrain_model::quantity::{Amount, Percent};
use wavetrain_model::spec::{
    Alarms, Approval, Ask, Check, InstallMode, InsufficientData, Reaction, Rollout, Take, Within,
};
use wavetrain_model::time::Seconds;
use wavetrain_spec::{read, render};

fn rollout(text: &str) -> Rollout {
    let outcome = read("plan.yaml", text.as_bytes());
    outcome.rollout.unwrap_or_else(|| panic!("{}", render(&outcome.report)))
}

const SMALL: &str = "
apiVersion: wavetrain/v1
rollout:
  name: agent-1
  package: { name: agent, owner: '111122223333', version: 7.10, probe: { linux: a, windows: b } }
  fleet: { accounts: ['111122223333'], regions: [us-east-1] }
  waves:
    - { name: canary, tag: { rollout: canary } }
    - { name: all, percent: 100 }
";

#[test]
fn defaults_are_filled_in() {
    let rollout = rollout(SMALL);
    assert_eq!(rollout.salt, "agent-1");
    assert!(!rollout.partial);
    assert_eq!(rollout.package.version, "7.10", "a version is text, even if it looks like a number");
    assert_eq!(rollout.package.install, InstallMode::Reinstall);
    assert_eq!(rollout.fleet.min_coverage, Percent::whole(90));
    assert_eq!(rollout.fleet.max_offline_age, Seconds::hours(24));
    assert_eq!(rollout.fleet.min_agent, "3.1.1374.0");
    assert_eq!(rollout.limits.in_flight, Amount::Share(Percent::whole(10)));
    assert_eq!(rollout.limits.failures, Amount::Share(Percent::whole(2)));
    assert_eq!(rollout.limits.undelivered, Amount::Share(Percent::whole(5)));
    assert_eq!(rollout.limits.per_site, None);
    assert_eq!(rollout.rollback.to, None);
    assert_eq!(rollout.rollback.pace, 3);
    assert_eq!(
        (rollout.rollback.on_fail, rollout.rollback.on_error, rollout.rollback.on_inconclusive),
        (Reaction::Rollback, Reaction::Pause, Reaction::Pause)
    );
    let deadlines = &rollout.deadlines;
    assert_eq!((deadlines.delivery, deadlines.execution), (Seconds::minutes(30), Seconds::hours(2)));
    assert_eq!((deadlines.wave, deadlines.hold), (Seconds::hours(12), Seconds::hours(24)));
    let api = &rollout.api;
    assert_eq!((api.requests_per_second, api.burst), (3, 5));
    assert_eq!((api.first_poll, api.longest_poll, api.settle), (Seconds(4), Seconds(30), Seconds(120)));
    let guards: Vec<&str> = rollout.gates.iter().map(|gate| gate.name.as_str()).collect();
    assert_eq!(guards, ["connection", "reporting", "duration"], "nobody has to ask for them");
    assert!(
        rollout.gates.iter().all(|gate| gate.guard && !gate.judges(WaveIndex(0))),
        "no wave waits for them"
    );
}

#[test]
fn waves_come_after_the_wave_above_unless_they_say_otherwise() {
    let text = SMALL.replace(
        "    - { name: all",
        "    - { name: early, percent: 0.5, bake: 1h30m }
    - { name: linux, percent: 50%, after: [early], where: { platforms: [linux] } }
    - { name: windows, percent: \"50\", after: [early], where: { platforms: [windows], regions: us-east-1 } }
    - { after: [linux, windows], approval: { from: [managers] }, name: all",
    );
    let text = text.replace("regions: us-east-1 }", "regions: [us-east-1] }");
    let waves = rollout(&text).waves;
    assert_eq!(waves[0].take, Take::Tag { key: "rollout".to_owned(), value: "canary".to_owned() });
    assert!(waves[0].top_up);
    assert_eq!(waves[0].after, []);
    assert_eq!(waves[1].after, [WaveIndex(0)]);
    assert_eq!(waves[1].take, Take::Percent(Percent(50)));
    assert_eq!(waves[1].bake, Seconds::minutes(90));
    assert_eq!(waves[2].after, [WaveIndex(1)]);
    assert_eq!(waves[2].within, Within { platforms: vec![Platform::Linux], ..Within::default() });
    assert_eq!(waves[3].within.regions, [Region::new("us-east-1")]);
    assert_eq!(waves[4].after, [WaveIndex(2), WaveIndex(3)]);
    assert_eq!(
        waves[4].approval,
        Some(Approval {
            from: vec!["managers".to_owned()],
            need: 1,
            within: Seconds::hours(24),
            valid_for: None,
            author_may_approve: false,
        })
    );
}

#[test]
fn gates_limits_and_selection_are_taken_over() {
    let text = SMALL.replace(
        "regions: [us-east-1] }",
        "regions: [us-east-1], select: { tags: { service: [web, worker], stage: prod } },
           exclude: { tags: { freeze: 'yes' }, nodes: [i-0123456789abcdef0] } }
  limits: { in_flight: 20, failures: 0, max_unavailable: [{ tag: { rack: [a, b] } }] }
  gates: [{ name: alarms, guard: yes, alarms: { names: [x], prefix: y-, insufficient_data: ignore } }]
  rollback: { to: 1.0-1, on_fail: abort }
  salt: other",
    );
    let rollout = rollout(&text);
    assert_eq!(rollout.fleet.select["service"], ["web", "worker"]);
    assert_eq!(rollout.fleet.select["stage"], ["prod"]);
    assert_eq!(rollout.fleet.exclude["freeze"], ["yes"]);
    assert_eq!(rollout.fleet.exclude_nodes, ["i-0123456789abcdef0"]);
    assert_eq!((rollout.limits.in_flight, rollout.limits.failures), (Amount::Count(20), Amount::Count(0)));
    assert_eq!(rollout.limits.max_unavailable[0].values, ["a", "b"]);
    assert_eq!(rollout.limits.max_unavailable[0].nodes, 1);
    let gate = &rollout.gates[0];
    assert!(gate.guard && !gate.blocker);
    assert_eq!((gate.every, gate.deadline), (Seconds(60), Seconds::hours(1)));
    assert_eq!((gate.failure_limit, gate.consecutive_error_limit), (0, 4));
    let alarms = Alarms {
        names: vec!["x".to_owned()],
        prefix: Some("y-".to_owned()),
        insufficient_data: InsufficientData::Ignore,
        fail_if: None,
    };
    assert_eq!(gate.check, Check::Alarms(alarms));
    assert_eq!(rollout.rollback.to.as_deref(), Some("1.0-1"));
    assert_eq!(rollout.rollback.on_fail, Reaction::Abort);
    assert_eq!(rollout.salt, "other");
}

#[test]
fn a_metric_gate_is_read_with_its_manners() {
    let gates = r#"
  gates:
    - name: crashes
      guard: yes
      dry_run: yes
      waves: [canary]
      count: 5
      inconclusive_limit: 2
      consecutive_success_limit: 3
      initial_delay: 2m
      metric:
        queries:
          - { id: m1, namespace: CWAgent, name: crashes, dimensions: { InstanceId: i-1 }, statistic: Sum }
        expression: "m1 / PERIOD(m1)"
        window: 10m
        fail_if: value > 5 || samples.all(s, s > 3.0)
"#;
    let rollout = rollout(&format!("{}{gates}", SMALL.trim_end()));
    let gate = &rollout.gates[0];
    assert!(gate.guard && gate.dry_run);
    assert_eq!(gate.waves, [WaveIndex(0)]);
    assert_eq!((gate.count, gate.inconclusive_limit, gate.consecutive_success_limit), (Some(5), Some(2), 3));
    assert_eq!(gate.initial_delay, Seconds(120));
    let Check::Metric(metric) = &gate.check else { panic!("{:?}", gate.check) };
    assert_eq!(metric.ask, Ask::Expression("m1 / PERIOD(m1)".to_owned()));
    assert_eq!((metric.period, metric.window, metric.lag), (Seconds(60), Seconds(600), Seconds(60)));
    assert_eq!(metric.condition.fail_if.as_deref(), Some("value > 5 || samples.all(s, s > 3.0)"));
    assert!(matches!(&metric.queries[0].ask, Ask::Stat(stat) if stat.statistic == "Sum"));
}

#[test]
fn unquoted_accounts_keep_leading_zeros() {
    let text = SMALL.replace("accounts: ['111122223333']", "accounts: [000000000012]");
    assert_eq!(rollout(&text).fleet.accounts, [AccountId::new("000000000012")]);
}

#[test]
fn values_may_be_repeated_by_alias() {
    let text = SMALL
        .replace(
            "{ name: canary, tag: { rollout: canary } }",
            "{ name: canary, tag: { rollout: canary }, bake: &bake 1h }",
        )
        .replace("percent: 100 }", "percent: 100, bake: *bake }");
    assert_eq!(rollout(&text).waves[1].bake, Seconds::hours(1));
}

#[test]
fn byte_order_mark_and_windows_line_ends_do_no_harm() {
    let text = format!("\u{feff}{}", SMALL.replace('\n', "\r\n"));
    assert_eq!(rollout(&text), rollout(SMALL));
}

#[test]
fn json_is_a_plan_file_too() {
    let json = r#"{"apiVersion": "wavetrain/v1", "rollout": {"name": "a", "partial": true,
        "package": {"name": "agent", "owner": "111122223333", "version": "1.0-1"},
        "fleet": {"accounts": ["111122223333"], "regions": ["us-east-1"]},
        "waves": [{"name": "few", "percent": 5}]}}"#;
    assert!(rollout(json).partial);
}
