//! People and other systems that decide beside the measurements: approvals, signed reports, and what is waited for.

use crate::kit::stage::{Running, Stage, start};
use crate::kit::truth::assert_everyone_has;
use crate::kit::until;
use crate::kit::worlds::{GOOD, one_site, one_site_plan};
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha256;
use std::fmt::Write as _;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::Command;
use std::time::Duration;

const HAVE_OLD: &str = "{ 1.0.0-1: 1 }";

const SIGN_OFF: &str = "  gates:
    - { name: sign-off, waves: [canary], approval: { from: [alice, bob, tester], need: 2, within: 30d } }
";

const CI: &str = "  gates:
    - { name: ci, waves: [canary], http: { callback: { secret_env: CI_SECRET, within: 20d } } }
";

const SECRET: &str = "correct horse battery staple";

#[test]
fn two_people_who_saw_the_evidence_let_a_wave_pass() {
    let stage = Stage::new(&one_site(12, HAVE_OLD, "", ""), 2000);
    stage.write("plan.yaml", &one_site_plan(GOOD, "", SIGN_OFF));
    stage.apply().ended_with(6).says("gate sign-off waits for an approval after wave canary");
    let approve = |more: &[&str]| {
        let mut args = vec!["approve", "agent", "canary"];
        args.extend(more);
        stage.run(&args)
    };
    approve(&["--by", "mallory"]).ended_with(7).says("not among those who are asked");
    approve(&[]).ended_with(7).says("tester started this rollout and may not approve it");
    approve(&["--by", "alice", "--evidence", "0123456789ab"]).ended_with(7).says("another one now");
    approve(&["--gate", "sign-off", "--by", "alice"])
        .ended_with(0)
        .says("wave canary: 6 of 6 nodes have the target version")
        .says("approved by alice")
        .says("on evidence");
    stage
        .run(&["explain", "gate", "sign-off"])
        .ended_with(0)
        .says("1 of 2 approvals (alice); may approve: bob")
        .says("next step: `wavetrain approve agent canary --gate sign-off`");
    let stuck: Value = stage.run(&["explain", "stuck", "--output", "json"]).ended_with(0).json();
    assert_eq!(stuck["waits_for"]["kind"], "approval", "{stuck}");
    assert!(stuck["waits_for"]["deadline"].is_string(), "{stuck}");
    stage.run(&["explain", "wave", "all"]).ended_with(0).says("waits until wave half passed");
    let status: Value = stage.run(&["status", "--output", "json"]).ended_with(0).json();
    let approval = &status["approvals"][0];
    assert_eq!(
        (&approval["agreed"], &approval["may_approve"]),
        (&json!(["alice"]), &json!(["bob"])),
        "{status}"
    );
    let evidence = approval["evidence"].as_str().expect("a digest");
    approve(&["--by", "bob", "--evidence", &evidence[..12]]).ended_with(0);
    stage.apply().ended_with(0);
    assert_everyone_has(&stage.nodes(), GOOD);
}

#[test]
fn one_no_takes_the_version_back() {
    let stage = Stage::new(&one_site(12, HAVE_OLD, "", ""), 2000);
    stage.write("plan.yaml", &one_site_plan(GOOD, "", SIGN_OFF));
    stage.apply().ended_with(6);
    let refuse = ["approve", "agent", "canary", "--by", "bob", "--reject"];
    stage.run(&refuse).ended_with(2);
    stage.run(&[&refuse[..], &["--reason", "the graphs look odd"]].concat()).ended_with(0);
    stage.apply().ended_with(5).says("rejected by bob: the graphs look odd");
    assert!(stage.nodes().iter().all(|node| node.version.as_deref() != Some(GOOD)));
}

/// An `apply` that takes reports, and where.
fn listening(stage: &Stage) -> (Running, String) {
    let args = ["apply", "plan.yaml", "--yes", "--callback-listen", "127.0.0.1:0"];
    let mut command = stage.command(&args);
    command.env("CI_SECRET", SECRET);
    let running = start(command, &stage.file(""));
    let address = until("it listens for reports", || {
        let said = running.stderr_so_far();
        let rest = said.split("reports to http://").nth(1)?;
        rest.split_once("/v1/gates/").map(|(address, _)| address.to_owned())
    });
    (running, address)
}

fn baking(stage: &Stage) -> bool {
    let status: Value = stage.run(&["status", "--output", "json"]).json();
    status["waves"][0]["phase"] == "baking"
}

/// A report as of now in the world.
fn report(stage: &Stage, verdict: &str, nonce: &str) -> String {
    let now = stage.sim.get("clock")["now"].as_f64().expect("seconds");
    let at = wavetrain_model::time::Timestamp((now * 1000.0).round() as i64);
    let status: Value = stage.run(&["status", "--output", "json"]).json();
    json!({
        "rollout": "agent", "gate": "ci", "plan": status["plan_digest"], "verdict": verdict, "sentence": format!("the build says {verdict}"),
        "at": at.to_string(), "nonce": nonce,
    })
    .to_string()
}

/// The status of the answer; 0 when nobody answers.
fn send(address: &str, body: &str, secret: &str) -> u16 {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("any length will do");
    mac.update(body.as_bytes());
    let signature = mac.finalize().into_bytes().iter().fold(String::new(), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    });
    let request = format!(
        "POST /v1/gates/agent/ci HTTP/1.1\r\nhost: ci\r\nconnection: close\r\ncontent-type: application/json\r\n\
         x-wavetrain-signature: sha256={signature}\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    let Ok(mut stream) = TcpStream::connect(address) else { return 0 };
    stream.set_read_timeout(Some(Duration::from_mins(1))).expect("a socket option");
    let mut answer = String::new();
    if stream.write_all(request.as_bytes()).is_err() || stream.read_to_string(&mut answer).is_err() {
        return 0;
    }
    answer.split(' ').nth(1).and_then(|word| word.parse().ok()).unwrap_or(0)
}

#[test]
fn a_signed_report_survives_a_kill_and_counts_once() {
    let stage = Stage::new(&one_site(12, HAVE_OLD, "", ""), 60);
    stage.write("plan.yaml", &one_site_plan(GOOD, "", CI).replace("bake: 5m", "bake: 1m"));
    stage.apply().ended_with(2).says("CI_SECRET, which is not set");
    let mut deaf: Command = stage.command(&["apply", "plan.yaml", "--yes"]);
    deaf.env("CI_SECRET", SECRET);
    start(deaf, &stage.file("")).wait().ended_with(2).says("--callback-listen");

    let (running, address) = listening(&stage);
    until("the canary settled", || baking(&stage).then_some(()));
    let undecided = report(&stage, "inconclusive", "build-1");
    assert_eq!(send(&address, &undecided, "guess"), 401);
    assert_eq!(send(&address, &undecided, SECRET), 202);
    running.kill();

    let (running, address) = listening(&stage);
    until("it carries the rollout on", || {
        let status: Value = stage.run(&["status", "--output", "json"]).json();
        status["run_by"].is_string().then_some(())
    });
    // With a new time, so that not its age gives it away.
    let again = report(&stage, "pass", "build-1");
    assert_eq!(send(&address, &again, SECRET), 409);
    let status: Value = stage.run(&["status", "--output", "json"]).json();
    let gate = status["gates"].as_array().and_then(|gates| gates.iter().find(|gate| gate["gate"] == "ci"));
    assert_eq!(gate.map(|gate| &gate["sentence"]), Some(&json!("the build says inconclusive")), "{status}");
    stage.run(&["explain", "gate", "ci"]).ended_with(0).says("waits for a good signed report");
    assert_eq!(send(&address, &report(&stage, "pass", "build-2"), SECRET), 202);
    running.wait().ended_with(0);
    assert_everyone_has(&stage.nodes(), GOOD);
}

#[test]
fn a_bad_report_takes_the_version_back_at_once() {
    let stage = Stage::new(&one_site(12, HAVE_OLD, "", ""), 60);
    stage.write("plan.yaml", &one_site_plan(GOOD, "", CI));
    let (running, address) = listening(&stage);
    until("the canary settled", || baking(&stage).then_some(()));
    assert_eq!(send(&address, &report(&stage, "fail", "build-1"), SECRET), 202);
    running.wait().ended_with(5).says("the build says fail");
}
