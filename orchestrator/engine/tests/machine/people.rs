//! What people are asked, and what others report: whose word counts, for how long, and what it can never do.

use crate::cloud::{self, AUTHOR, Cloud, plan};
use proptest::prelude::*;
use wavetrain_engine::decide;
use wavetrain_engine::input::{Callback, Input, Order, Rejection};
use wavetrain_engine::people::{self, Standing};
use wavetrain_model::approval::Subject;
use wavetrain_model::event::Event;
use wavetrain_model::gate::{AlarmState, Verdict, Which};
use wavetrain_model::hold::Kind;
use wavetrain_model::id::{Digest, GateIndex, WaveIndex};
use wavetrain_model::spec::{self, Check, Gate, Reaction};
use wavetrain_model::state::{Ending, Phase, State, WavePhase};
use wavetrain_model::time::Seconds;

const PEOPLE: [&str; 3] = ["alice", "bob", "carol"];
const SIGN_OFF: GateIndex = GateIndex(1);
const FIRST: WaveIndex = WaveIndex(0);
const AFTER: Subject = Subject { wave: FIRST, gate: Some(SIGN_OFF), before: false };

/// Two of three.
fn sign_off() -> Gate {
    let check = Check::Approval(cloud::approval(&PEOPLE, 2, Seconds::hours(24)));
    Gate { name: "sign-off".to_owned(), check, ..cloud::alarm_gate() }
}

/// A guard on alarms that bears two failures, and a gate that asks people about the first wave.
fn with(gate: Gate, adjust: impl FnOnce(&mut spec::Rollout)) -> Cloud {
    let alarms = Gate { guard: true, failure_limit: 2, ..cloud::alarm_gate() };
    Cloud::new(plan(&[10, 10], |spec| {
        spec.gates = vec![alarms, Gate { waves: vec![FIRST], ..gate }];
        adjust(spec);
    }))
}

/// The same, at the moment at which only people are missing.
fn asked(gate: Gate, adjust: impl FnOnce(&mut spec::Rollout)) -> Cloud {
    let mut cloud = with(gate, adjust);
    cloud.run_until(|state| !state.holds.is_empty());
    assert_eq!(cloud.state.holds[0].kind, Kind::SignOff(SIGN_OFF, FIRST));
    cloud
}

fn say(cloud: &mut Cloud, by: &str, order: Order) -> Result<(), Rejection> {
    let input = Input::Order { order, by: by.to_owned() };
    let events = decide(&cloud.plan, &cloud.state, cloud.now, &input)?;
    cloud.apply(events);
    cloud.tick();
    Ok(())
}

fn agree_to(cloud: &mut Cloud, wave: u16, by: &str) -> Result<(), Rejection> {
    let order = cloud::approve(cloud, wave);
    say(cloud, by, order)
}

fn agree(cloud: &mut Cloud, by: &str) -> Result<(), Rejection> {
    let order = cloud::approve(cloud, 0);
    say(cloud, by, order)
}

fn refuse(cloud: &mut Cloud, by: &str) -> Result<(), Rejection> {
    say(cloud, by, cloud::reject(0, "the dashboards look odd"))
}

fn code(refused: Result<(), Rejection>) -> String {
    refused.expect_err("it is refused").code
}

fn standing(cloud: &Cloud, subject: Subject) -> Standing<'_> {
    people::standing(&cloud.plan, &cloud.state, cloud.now, subject).expect("it is asked for")
}

fn passed(state: &State) -> bool {
    matches!(state.waves[0].phase, WavePhase::Passed { .. })
}

#[test]
fn a_wave_passes_once_enough_different_people_agreed() {
    let mut cloud = asked(sign_off(), |_| {});
    assert!(cloud.state.waves[0].baked_ms >= 300_000, "people come last");
    agree(&mut cloud, "alice").expect("she is asked");
    agree(&mut cloud, "alice").expect("said twice, counted once");
    assert!(!passed(&cloud.state));
    assert_eq!(standing(&cloud, AFTER).sentence(), "1 of 2 approvals (alice); may approve: bob, carol");
    agree(&mut cloud, "bob").expect("he is asked");
    assert!(passed(&cloud.state) && cloud.state.holds.is_empty());
    let judged = cloud.state.gate(Which::Planned(SIGN_OFF), wavetrain_model::gate::Scope::Wave(FIRST));
    let judged = judged.expect("it was judged");
    assert_eq!(judged.judged, Some(Verdict::Pass));
    assert!(judged.sentence.starts_with("2 of 2 approvals (alice, bob)"), "{}", judged.sentence);
    cloud.crash_and_recover();
    cloud.run_until_over();
    assert_eq!(cloud.state.phase, Phase::Ended(Ending::Completed));
}

#[test]
fn strangers_and_the_author_are_refused() {
    let of_author = |may| {
        let mut approval = cloud::approval(&["alice", AUTHOR], 1, Seconds::hours(24));
        approval.author_may_approve = may;
        Gate { check: Check::Approval(approval), ..sign_off() }
    };
    let mut cloud = asked(of_author(false), |_| {});
    assert_eq!(code(agree(&mut cloud, "mallory")), "S0107");
    assert_eq!(code(agree(&mut cloud, AUTHOR)), "S0110");
    assert_eq!(standing(&cloud, AFTER).missing, ["alice"]);
    assert!(!passed(&cloud.state));
    let mut cloud = asked(of_author(true), |_| {});
    agree(&mut cloud, AUTHOR).expect("the plan file allows it");
    assert!(passed(&cloud.state));
}

#[test]
fn nobody_can_agree_before_there_is_evidence() {
    let mut cloud = with(sign_off(), |_| {});
    cloud.run_until(|state| matches!(state.waves[0].phase, WavePhase::Baking { .. }));
    assert_eq!(code(agree(&mut cloud, "alice")), "S0106");
    assert_eq!(code(agree_to(&mut cloud, 1, "alice")), "S0103");
}

#[test]
fn approvals_of_better_evidence_do_not_count_any_more() {
    let mut cloud = asked(sign_off(), |_| {});
    agree(&mut cloud, "alice").expect("she is asked");
    let shown = standing(&cloud, AFTER).evidence;
    // More of the same changes nothing, else no two people could ever agree.
    for _ in 0..30 {
        cloud.turn();
    }
    assert_eq!(standing(&cloud, AFTER).evidence, shown);
    cloud.alarm = AlarmState::Alarm;
    for _ in 0..8 {
        cloud.turn();
    }
    cloud.alarm = AlarmState::Ok;
    for _ in 0..8 {
        cloud.turn();
    }
    let now = standing(&cloud, AFTER);
    assert_ne!(now.evidence, shown);
    assert!(now.sentence().contains("given for other evidence: alice"), "{}", now.sentence());
    let old = Order::Approve { wave: FIRST, gate: Some(SIGN_OFF), evidence: Some(shown), typed_by: None };
    assert_eq!(code(say(&mut cloud, "bob", old)), "S0109");
    agree(&mut cloud, "bob").expect("he saw what there is");
    assert!(!passed(&cloud.state), "alice has not seen it");
    agree(&mut cloud, "alice").expect("now she has");
    assert!(passed(&cloud.state));
}

#[test]
fn a_verdict_that_a_person_accepted_still_takes_approvals_back() {
    let mut cloud = asked(sign_off(), |spec| {
        spec.gates[0].failure_limit = 0;
        spec.rollback.on_fail = Reaction::Pause;
    });
    agree(&mut cloud, "alice").expect("she is asked");
    cloud.alarm = AlarmState::Alarm;
    cloud.run_until(|state| state.holds.iter().any(|hold| matches!(hold.kind, Kind::Gate(..))));
    cloud.alarm = AlarmState::Ok;
    cloud.order(Order::Resume);
    assert!(cloud.state.hold(Kind::SignOff(SIGN_OFF, FIRST)).is_some(), "resuming approves nothing");
    assert_eq!(standing(&cloud, AFTER).outdated.len(), 1);
}

#[test]
fn one_no_is_a_failed_gate() {
    let mut cloud = asked(sign_off(), |_| {});
    agree(&mut cloud, "alice").expect("she is asked");
    refuse(&mut cloud, "bob").expect("he is asked");
    assert_eq!(cloud.state.phase, Phase::RollingBack);
    let cause = cloud.state.rollback.as_ref().map(|rollback| rollback.cause.clone()).unwrap_or_default();
    assert!(cause.contains("rejected by bob: the dashboards look odd"), "{cause}");
    cloud.run_until_over();
    assert_eq!(cloud.state.phase, Phase::Ended(Ending::RolledBack));
}

#[test]
fn unanswered_a_gate_is_inconclusive_and_may_be_asked_again() {
    let mut cloud = asked(sign_off(), |_| {});
    agree(&mut cloud, "alice").expect("she is asked");
    cloud.now = cloud.now.plus(Seconds::hours(25));
    cloud.tick();
    let hold = &cloud.state.holds[0];
    assert!(matches!(hold.kind, Kind::Gate(Which::Planned(SIGN_OFF), Some(FIRST))), "{hold:?}");
    assert!(hold.reason.contains("not approved within 1d: 1 of 2 approvals (alice)"), "{}", hold.reason);
    cloud.order(Order::Resume);
    cloud.run_until(|state| state.hold(Kind::SignOff(SIGN_OFF, FIRST)).is_some());
    agree(&mut cloud, "bob").expect("he is asked again");
    assert!(passed(&cloud.state), "what alice said still stands");
}

#[test]
fn an_approval_grows_old() {
    let mut approval = cloud::approval(&PEOPLE, 2, Seconds::hours(24));
    approval.valid_for = Some(Seconds::hours(1));
    let mut cloud = asked(Gate { check: Check::Approval(approval), ..sign_off() }, |_| {});
    agree(&mut cloud, "alice").expect("she is asked");
    cloud.now = cloud.now.plus(Seconds::hours(2));
    agree(&mut cloud, "bob").expect("he is asked");
    assert!(!passed(&cloud.state));
    assert!(standing(&cloud, AFTER).sentence().contains("expired: alice"));
    agree(&mut cloud, "carol").expect("she is asked");
    assert!(passed(&cloud.state));
}

#[test]
fn a_blocker_asks_before_the_wave_and_a_no_only_makes_it_wait() {
    let mut cloud = with(Gate { blocker: true, ..sign_off() }, |_| {});
    cloud.run_until(|state| !state.holds.is_empty());
    assert!(matches!(cloud.state.waves[0].phase, WavePhase::Blocked { .. }));
    assert!(cloud.truth.iter().all(|node| node.commands.is_empty()), "nothing was touched");
    refuse(&mut cloud, "carol").expect("she is asked");
    agree(&mut cloud, "alice").expect("she is asked");
    agree(&mut cloud, "bob").expect("he is asked");
    assert!(matches!(cloud.state.waves[0].phase, WavePhase::Blocked { .. }), "carol said no");
    agree(&mut cloud, "carol").expect("she may change her mind");
    cloud.run_until(|state| matches!(state.waves[0].phase, WavePhase::Open { .. }));
}

#[test]
fn a_guard_may_be_refused_while_nodes_change_but_agreed_to_only_when_all_else_is_found() {
    let mut cloud = with(Gate { guard: true, ..sign_off() }, |_| {});
    cloud.run_until(|state| matches!(state.waves[0].phase, WavePhase::Open { .. }));
    let early = standing(&cloud, AFTER).evidence;
    let order = Order::Approve { wave: FIRST, gate: Some(SIGN_OFF), evidence: Some(early), typed_by: None };
    assert_eq!(code(say(&mut cloud, "alice", order.clone())), "S0106");
    cloud.run_until(|state| matches!(state.waves[0].phase, WavePhase::Baking { .. }));
    assert_eq!(code(say(&mut cloud, "alice", order)), "S0106");
    cloud.run_until(|state| !state.holds.is_empty());
    agree(&mut cloud, "alice").expect("now she is asked");
    agree(&mut cloud, "bob").expect("he is asked");
    assert!(passed(&cloud.state));

    let mut cloud = with(Gate { guard: true, ..sign_off() }, |_| {});
    cloud.run_until(|state| matches!(state.waves[0].phase, WavePhase::Open { .. }));
    refuse(&mut cloud, "bob").expect("bad news is heard");
    assert!(cloud.state.rollback.is_some());
}

#[test]
fn an_approval_without_its_evidence_is_none() {
    let mut cloud = asked(sign_off(), |_| {});
    for gate in [None, Some(SIGN_OFF)] {
        let blind = Order::Approve { wave: FIRST, gate, evidence: None, typed_by: None };
        assert_eq!(code(say(&mut cloud, "alice", blind)), "S0118");
    }
    assert!(standing(&cloud, AFTER).agreed.is_empty());
    agree(&mut cloud, "alice").expect("she says what she saw");
}

#[test]
fn a_name_is_the_same_with_other_capitals_and_blanks() {
    let mut cloud = asked(sign_off(), |_| {});
    agree(&mut cloud, "Alice").expect("she is asked");
    agree(&mut cloud, " ALICE ").expect("said twice, counted once");
    assert!(!passed(&cloud.state));
    assert_eq!(standing(&cloud, AFTER).missing, ["bob", "carol"]);
    let approval = cloud::approval(&["Author", "alice"], 1, Seconds::hours(24));
    let mut cloud = asked(Gate { check: Check::Approval(approval), ..sign_off() }, |_| {});
    assert_eq!(code(agree(&mut cloud, "AUTHOR")), "S0110");
    assert_eq!(standing(&cloud, AFTER).missing, ["alice"]);
}

#[test]
fn who_typed_an_approval_is_in_the_log() {
    let mut cloud = asked(sign_off(), |_| {});
    let mut order = cloud::approve(&cloud, 0);
    if let Order::Approve { typed_by, .. } = &mut order {
        *typed_by = Some("mallory".to_owned());
    }
    say(&mut cloud, "alice", order).expect("she is asked");
    let is_said = |event: &Event| matches!(event, Event::Approved { by, typed_by, .. } if by == "alice" && typed_by.as_deref() == Some("mallory"));
    assert!(cloud.log.iter().any(|entry| is_said(&entry.event)));
}

#[test]
fn resuming_does_not_unsay_a_no() {
    let mut cloud = asked(sign_off(), |spec| spec.rollback.on_fail = Reaction::Pause);
    refuse(&mut cloud, "carol").expect("she is asked");
    assert!(matches!(cloud.state.holds[0].kind, Kind::Gate(..)));
    cloud.order(Order::Resume);
    cloud.run_until(|state| state.hold(Kind::SignOff(SIGN_OFF, FIRST)).is_some());
    agree(&mut cloud, "alice").expect("she is asked");
    agree(&mut cloud, "bob").expect("he is asked");
    assert!(!passed(&cloud.state), "carol said no");
    agree(&mut cloud, "carol").expect("she may change her mind");
    assert!(passed(&cloud.state));
}

#[test]
fn an_approval_said_again_counts_for_longer() {
    let mut approval = cloud::approval(&PEOPLE, 2, Seconds::hours(24));
    approval.valid_for = Some(Seconds::hours(1));
    let mut cloud = asked(Gate { check: Check::Approval(approval), ..sign_off() }, |_| {});
    agree(&mut cloud, "alice").expect("she is asked");
    cloud.now = cloud.now.plus(Seconds::minutes(50));
    agree(&mut cloud, "alice").expect("she says it again");
    cloud.now = cloud.now.plus(Seconds::minutes(50));
    agree(&mut cloud, "bob").expect("he is asked");
    assert!(passed(&cloud.state));
}

#[test]
fn a_waves_own_approval_has_the_same_rules() {
    let own = Subject { wave: WaveIndex(1), gate: None, before: true };
    let mut cloud = Cloud::new(plan(&[10, 10], |spec| {
        spec.waves[1].approval = Some(cloud::approval(&PEOPLE, 2, Seconds::hours(24)));
    }));
    assert_eq!(code(agree_to(&mut cloud, 1, "alice")), "S0106");
    cloud.run_until(|state| !state.holds.is_empty());
    assert_eq!(cloud.state.holds[0].kind, Kind::Approval(WaveIndex(1)));
    agree_to(&mut cloud, 1, "alice").expect("she is asked");
    assert_eq!(standing(&cloud, own).agreed.len(), 1);
    assert!(cloud.state.hold(Kind::Approval(WaveIndex(1))).is_some());
    agree_to(&mut cloud, 1, "bob").expect("he is asked");
    cloud.run_until_over();
    assert_eq!(cloud.state.phase, Phase::Ended(Ending::Completed));
}

fn ci() -> Gate {
    let callback = spec::Callback { secret_env: "CI_SECRET".to_owned(), within: Seconds::hours(2) };
    let (check, deadline) = (Check::Callback(callback), Seconds::hours(2));
    Gate { name: "ci".to_owned(), check, deadline, ..cloud::alarm_gate() }
}

fn report(cloud: &Cloud, verdict: Verdict, nonce: &str) -> Callback {
    Callback {
        gate: SIGN_OFF,
        wave: None,
        plan: cloud.plan.digest.clone(),
        verdict,
        sentence: format!("it is a {verdict}"),
        signed_at: cloud.now,
        nonce: nonce.to_owned(),
    }
}

fn baking(gate: Gate) -> Cloud {
    let mut cloud = with(gate, |_| {});
    cloud.run_until(|state| matches!(state.waves[0].phase, WavePhase::Baking { .. }));
    cloud.turn();
    cloud
}

fn send(cloud: &mut Cloud, report: Callback) -> Result<(), Rejection> {
    say(cloud, "callback ci", Order::Report(report))
}

#[test]
fn a_good_report_lets_the_wave_pass_and_a_bad_one_fails_it_at_once() {
    let mut cloud = baking(ci());
    let good = report(&cloud, Verdict::Pass, "1");
    send(&mut cloud, good).expect("it is waited for");
    cloud.run_until(passed);
    let mut cloud = baking(ci());
    let bad = report(&cloud, Verdict::Fail, "1");
    send(&mut cloud, bad).expect("it is waited for");
    assert_eq!(cloud.state.phase, Phase::RollingBack);
}

#[test]
fn a_report_counts_once_and_only_in_its_time_and_for_its_plan() {
    let mut cloud = baking(ci());
    let first = report(&cloud, Verdict::Inconclusive, "1");
    send(&mut cloud, first.clone()).expect("it is waited for");
    assert_eq!(code(send(&mut cloud, first)), "S0114");
    let stale = Callback { plan: Digest::from("01"), ..report(&cloud, Verdict::Pass, "2") };
    assert_eq!(code(send(&mut cloud, stale)), "S0112");
    let old = report(&cloud, Verdict::Pass, "3");
    cloud.now = cloud.now.plus(Seconds(301));
    assert_eq!(code(send(&mut cloud, old)), "S0113");
    let nobody = Callback { gate: GateIndex(0), ..report(&cloud, Verdict::Pass, "4") };
    assert_eq!(code(send(&mut cloud, nobody)), "S0111");
    let other = Callback { wave: Some(WaveIndex(1)), ..report(&cloud, Verdict::Pass, "5") };
    assert_eq!(code(send(&mut cloud, other)), "S0116");
    cloud.crash_and_recover();
    let again = report(&cloud, Verdict::Pass, "1");
    assert_eq!(code(send(&mut cloud, again)), "S0114");
}

#[test]
fn a_refused_report_is_spent_also_for_the_next_process() {
    let mut cloud = with(ci(), |_| {});
    cloud.run_until(|state| matches!(state.waves[0].phase, WavePhase::Open { .. }));
    let early = report(&cloud, Verdict::Pass, "1");
    let order = Order::Report(early.clone());
    assert_eq!(code(send(&mut cloud, early.clone())), "S0116");
    let spent = decide::refused(&cloud.plan, &cloud.state, &order);
    cloud.apply(spent);
    cloud.crash_and_recover();
    assert_eq!(code(send(&mut cloud, early)), "S0114");
    assert_eq!(decide::refused(&cloud.plan, &cloud.state, &order), [], "once is enough");
    assert_eq!(decide::refused(&cloud.plan, &cloud.state, &Order::Resume), []);
}

#[test]
fn a_report_from_before_the_wave_settled_proves_nothing() {
    let mut cloud = with(ci(), |_| {});
    cloud.run_until(|state| matches!(state.waves[0].phase, WavePhase::Open { .. }));
    let early = report(&cloud, Verdict::Pass, "1");
    assert_eq!(code(send(&mut cloud, early.clone())), "S0116");
    cloud.run_until(|state| matches!(state.waves[0].phase, WavePhase::Baking { .. }));
    let early = Callback { signed_at: early.signed_at, ..report(&cloud, Verdict::Pass, "2") };
    if cloud.now.since(early.signed_at) <= Seconds(300) {
        send(&mut cloud, early).expect("it is young enough");
    }
    for _ in 0..60 {
        cloud.turn();
    }
    assert!(!passed(&cloud.state));
}

#[test]
fn no_report_is_inconclusive_at_its_deadline() {
    let mut cloud = baking(ci());
    cloud.run_until_over();
    assert!(!passed(&cloud.state));
    let hold = &cloud.state.holds[0];
    assert!(
        hold.reason.contains("inconclusive: no pass within 2h after the bake: no report came"),
        "{}",
        hold.reason
    );
}

#[test]
fn a_guard_hears_bad_news_while_nodes_change() {
    let mut cloud = with(Gate { guard: true, ..ci() }, |_| {});
    cloud.run_until(|state| {
        matches!(state.waves[0].phase, WavePhase::Open { .. }) && state.tally.finished() > 0
    });
    let good = report(&cloud, Verdict::Pass, "1");
    assert_eq!(code(send(&mut cloud, good)), "S0116");
    let bad = report(&cloud, Verdict::Fail, "2");
    send(&mut cloud, bad).expect("bad news is heard");
    assert_eq!(cloud.state.phase, Phase::RollingBack);
}

/// Something that can happen to a wave that waits for people and a report.
#[derive(Debug, Clone, Copy)]
enum Step {
    Agree(usize),
    Refuse(usize),
    Report(Verdict),
    Alarm(bool),
    Time,
    Resume,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0..3_usize).prop_map(Step::Agree),
        1 => (0..3_usize).prop_map(Step::Refuse),
        2 => prop_oneof![Just(Verdict::Pass), Just(Verdict::Inconclusive), Just(Verdict::Fail)].prop_map(Step::Report),
        1 => any::<bool>().prop_map(Step::Alarm),
        4 => Just(Step::Time),
        1 => Just(Step::Resume),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever is said and measured in whatever order: a wave that passed had two standing approvals of the evidence as it was
    /// then, a good report last, and nobody's no; and what failed is not passed.
    #[test]
    fn no_order_of_words_and_measurements_turns_a_fail_into_a_pass(
        steps in proptest::collection::vec(step(), 1..60),
        pauses in any::<bool>(),
    ) {
        let mut cloud = with(sign_off(), |spec| {
            spec.gates.push(Gate { waves: vec![FIRST], failure_limit: 0, ..ci() });
            spec.gates[0].failure_limit = 1;
            if pauses {
                spec.rollback.on_fail = Reaction::Pause;
            }
        });
        cloud.run_until(|state| matches!(state.waves[0].phase, WavePhase::Baking { .. }));
        let (mut failed, mut nonce, mut last) = (false, 0, None);
        for step in steps {
            if cloud.state.phase != Phase::Running || passed(&cloud.state) {
                break;
            }
            let before = (cloud.state.clone(), cloud.now);
            match step {
                Step::Agree(who) => drop(agree(&mut cloud, PEOPLE[who])),
                Step::Refuse(who) => drop(refuse(&mut cloud, PEOPLE[who])),
                Step::Report(verdict) => {
                    nonce += 1;
                    let report = Callback { gate: GateIndex(2), ..report(&cloud, verdict, &nonce.to_string()) };
                    if send(&mut cloud, report).is_ok() {
                        last = Some(verdict);
                    }
                }
                Step::Alarm(fires) => cloud.alarm = if fires { AlarmState::Alarm } else { AlarmState::Ok },
                Step::Time => (0..9).for_each(|_| cloud.turn()),
                // A person takes the responsibility for what failed; from there it is judged anew.
                Step::Resume => {
                    cloud.order(Order::Resume);
                    failed = false;
                    cloud.tick();
                }
            }
            let new = &cloud.log[before.0.seq as usize..];
            let fails = |entry: &&wavetrain_model::event::Entry| {
                matches!(entry.event, Event::Judged { verdict: Verdict::Fail, .. })
            };
            failed |= new.iter().any(|entry| fails(&entry));
            if passed(&cloud.state) {
                prop_assert!(!failed, "passed after a fail");
                prop_assert_eq!(last, Some(Verdict::Pass));
                let standing = standing(&cloud, AFTER);
                prop_assert!(standing.is_agreed() || new.len() > 1, "{}", standing.sentence());
            }
        }
    }
}
