//! Guardrails hold waves, whatever the plan says, and never what goes back.

use crate::cloud::{self, AUTHOR, Behaviour, Cloud, plan};
use wavetrain_engine::decide;
use wavetrain_engine::guardrail::{Known, ask};
use wavetrain_engine::input::{Input, Order};
use wavetrain_model::event::Event;
use wavetrain_model::guardrail::{Decision, Effect, Guardrail, Moment, Offset, Used, Zone};
use wavetrain_model::hold::Kind;
use wavetrain_model::id::WaveIndex;
use wavetrain_model::plan::Plan;
use wavetrain_model::spec::{Gate, Within};
use wavetrain_model::state::{Ending, Phase, State, WavePhase};
use wavetrain_model::time::{Seconds, Timestamp};

const FIRST: WaveIndex = WaveIndex(0);
const SECOND: WaveIndex = WaveIndex(1);

fn guardrail(when: &[Moment], require: &str) -> Guardrail {
    Guardrail {
        name: "rule".to_owned(),
        file: Used { path: "rules.yaml".to_owned(), digest: require.to_owned() },
        when: when.to_vec(),
        require: require.to_owned(),
        otherwise: Effect::Deny,
        message: "this is how it is done here".to_owned(),
        from: Vec::new(),
        need: 1,
        within: Seconds::hours(24),
        zone: Zone::utc(),
    }
}

fn approval(when: &[Moment], require: &str) -> Guardrail {
    let from = vec!["anna".to_owned(), "ben".to_owned()];
    Guardrail { otherwise: Effect::Approval, from, ..guardrail(when, require) }
}

fn held_against(mut plan: Plan, guardrails: Vec<Guardrail>) -> Cloud {
    plan.guardrails = guardrails;
    Cloud::new(plan)
}

fn decisions(cloud: &Cloud) -> Vec<(Option<WaveIndex>, Decision)> {
    let said = cloud.log.iter().filter_map(|entry| match &entry.event {
        Event::Guarded { wave, decision, .. } => Some((*wave, *decision)),
        _ => None,
    });
    said.collect()
}

fn opened_at(cloud: &Cloud, wave: WaveIndex) -> Option<Timestamp> {
    let opened = |event: &Event| matches!(event, Event::WaveOpened { wave: of } if *of == wave);
    cloud.log.iter().find(|entry| opened(&entry.event)).map(|entry| entry.at)
}

#[test]
fn a_wave_waits_for_its_hours_and_opens_by_itself() {
    let hours = guardrail(&[Moment::Wave], "wave.first || now.hour >= 9");
    let mut cloud = held_against(plan(&[10, 20], |_| {}), vec![hours]);
    cloud.run_until(|state| state.hold(Kind::Guardrail(SECOND)).is_some());
    let hold = cloud.state.hold(Kind::Guardrail(SECOND)).expect("held").clone();
    assert!(hold.reason.contains("this is how it is done here") && !hold.needs_person, "{hold:?}");
    assert_eq!(hold.deadline, Some(hold.since.plus(Seconds::hours(24))));
    cloud.run_until(State::is_over);
    assert_eq!(cloud.state.phase, Phase::Ended(Ending::Completed));
    assert_eq!(opened_at(&cloud, SECOND), Some(Timestamp(9 * 3_600_000)), "at nine, to the minute");
    // Said once per change, not at every look.
    let wave = |wave, decision| (Some(wave), decision);
    let said = [wave(FIRST, Decision::Allow), wave(SECOND, Decision::Deny), wave(SECOND, Decision::Allow)];
    assert_eq!(decisions(&cloud), said);
}

#[test]
fn hours_are_those_of_the_stated_time_zone() {
    let mut hours =
        guardrail(&[Moment::Wave], "now.hour == 23 && now.weekday == 3 && now.date == '1969-12-31'");
    hours.zone =
        Zone { name: "West".to_owned(), offsets: vec![Offset { from: Timestamp(0), seconds: -3600 }] };
    let plan = plan(&[10], |_| {});
    let cloud = Cloud::new(plan.clone());
    let known = Known::Wave(&plan, &cloud.state, FIRST);
    assert_eq!(ask(&hours, known, Timestamp(60_000)).decision, Decision::Allow);
    hours.zone.offsets.push(Offset { from: Timestamp(30_000), seconds: 0 });
    assert_eq!(ask(&hours, known, Timestamp(60_000)).decision, Decision::Deny, "summer began");
}

#[test]
fn a_wave_that_never_may_open_ends_the_rollout_and_leaves_nodes_as_they_are() {
    let never = guardrail(&[Moment::Wave], "wave.first");
    let mut cloud = held_against(plan(&[10, 20], |_| {}), vec![never]);
    cloud.run_until(State::is_over);
    assert_eq!(cloud.state.phase, Phase::Ended(Ending::Aborted));
    assert_eq!(opened_at(&cloud, SECOND), None);
    assert!(cloud.truth.iter().take(10).all(|truth| truth.bits == Some(0)));
}

#[test]
fn waves_beside_each_other_are_not_unverified_together() {
    let few = guardrail(&[Moment::Wave], "unverified <= 20");
    let beside = plan(&[10, 20], |spec| spec.waves[1].after.clear());
    let mut cloud = held_against(beside, vec![few]);
    cloud.run_until(|state| state.hold(Kind::Guardrail(SECOND)).is_some());
    cloud.run_until(|state| matches!(state.wave(SECOND).phase, WavePhase::Open { .. }));
    assert!(matches!(cloud.state.wave(FIRST).phase, WavePhase::Passed { .. }));
    cloud.run_until_over();
    assert_eq!(cloud.state.phase, Phase::Ended(Ending::Completed));
    assert!(cloud.state.holds.is_empty());
}

#[test]
fn an_approval_is_waited_for_and_only_those_named_may_give_it() {
    let large = approval(&[Moment::Wave], "wave.nodes < 15");
    let mut cloud = held_against(plan(&[10, 20], |_| {}), vec![large]);
    cloud.run_until_over();
    let hold = cloud.state.hold(Kind::Guardrail(SECOND)).expect("held");
    assert!(hold.needs_person && hold.reason.contains("anna, ben"), "{hold:?}");
    let order = cloud::approve(&cloud, 1);
    let by_eve = Input::Order { order: order.clone(), by: "eve".to_owned() };
    let refused = decide(&cloud.plan, &cloud.state, cloud.now, &by_eve).expect_err("not asked");
    assert_eq!(refused.code, "S0107");
    cloud.order(order);
    cloud.run_until_over();
    assert_eq!(cloud.state.phase, Phase::Ended(Ending::Completed));
    assert!(
        cloud
            .log
            .iter()
            .any(|entry| matches!(&entry.event, Event::GuardrailApproved { by, .. } if by == "anna"))
    );
}

#[test]
fn an_approval_of_the_start_is_one_of_the_first_wave() {
    let mut cloud = held_against(plan(&[10, 20], |_| {}), vec![approval(&[Moment::Start], "plan.nodes < 5")]);
    cloud.run_until_over();
    assert!(cloud.state.hold(Kind::Guardrail(FIRST)).is_some());
    assert_eq!(opened_at(&cloud, FIRST), None);
    let order = cloud::approve(&cloud, 0);
    cloud.order(order);
    cloud.run_until_over();
    assert_eq!(cloud.state.phase, Phase::Ended(Ending::Completed));
}

fn say(cloud: &mut Cloud, by: &str, order: Order) -> Result<(), String> {
    let input = Input::Order { order, by: by.to_owned() };
    let events = decide(&cloud.plan, &cloud.state, cloud.now, &input).map_err(|refused| refused.code)?;
    cloud.apply(events);
    cloud.tick();
    Ok(())
}

fn agree(cloud: &mut Cloud, wave: u16, by: &str) -> Result<(), String> {
    let order = cloud::approve(cloud, wave);
    say(cloud, by, order)
}

/// Held before its second wave by a guardrail that asks.
fn asked(guardrail: Guardrail) -> Cloud {
    let mut cloud = held_against(plan(&[10, 20], |_| {}), vec![guardrail]);
    cloud.run_until_over();
    assert!(cloud.state.hold(Kind::Guardrail(SECOND)).is_some());
    cloud
}

#[test]
fn nobody_agrees_to_a_guardrail_blindly_or_to_a_rollout_of_their_own() {
    let mut rule = approval(&[Moment::Wave], "wave.nodes < 15");
    rule.from.push("Author".to_owned());
    let mut cloud = asked(rule);
    let blind = Order::Approve { wave: SECOND, gate: None, evidence: None, typed_by: None };
    assert_eq!(say(&mut cloud, "anna", blind), Err("S0118".to_owned()));
    let other = Order::Approve { wave: SECOND, gate: None, evidence: Some("00".into()), typed_by: None };
    assert_eq!(say(&mut cloud, "anna", other), Err("S0109".to_owned()));
    for name in [AUTHOR, " AUTHOR"] {
        assert_eq!(agree(&mut cloud, 1, name), Err("S0110".to_owned()));
    }
    assert_eq!(opened_at(&cloud, SECOND), None);
    agree(&mut cloud, 1, "Anna").expect("she is asked");
    assert!(opened_at(&cloud, SECOND).is_some());
}

#[test]
fn an_approval_of_a_guardrail_ends_with_the_facts_it_was_given_for() {
    // The third wave runs beside the others: as long as it does, more nodes are unverified.
    let beside = plan(&[10, 20, 30], |spec| {
        spec.waves[2].after.clear();
        spec.waves[2].bake = Seconds::hours(2);
    });
    let mut rule = approval(&[Moment::Wave], "unverified < 15 || wave.index == 2");
    rule.need = 2;
    let mut cloud = held_against(beside, vec![rule]);
    cloud.run_until(|state| state.hold(Kind::Guardrail(SECOND)).is_some());
    let earlier = cloud::approve(&cloud, 1);
    agree(&mut cloud, 1, "anna").expect("she is asked");
    let is_told = |cloud: &Cloud| {
        decisions(cloud).iter().filter(|said| **said == (Some(SECOND), Decision::Approval)).count()
    };
    let before = is_told(&cloud);
    cloud.run_until(|state| matches!(state.waves[2].phase, WavePhase::Passed { .. }));
    cloud.tick();
    assert_eq!(is_told(&cloud), before + 1, "the facts are others now");
    assert_eq!(say(&mut cloud, "ben", earlier), Err("S0109".to_owned()));
    agree(&mut cloud, 1, "ben").expect("he is asked");
    assert_eq!(opened_at(&cloud, SECOND), None, "anna agreed to something else");
    agree(&mut cloud, 1, "anna").expect("she is asked again");
    assert!(opened_at(&cloud, SECOND).is_some());
}

#[test]
fn a_guardrail_may_ask_several_people_and_one_no_holds_the_wave() {
    let mut rule = approval(&[Moment::Wave], "wave.nodes < 15");
    rule.need = 2;
    let mut cloud = asked(rule);
    agree(&mut cloud, 1, "anna").expect("she is asked");
    agree(&mut cloud, 1, "ANNA").expect("said twice, counted once");
    assert_eq!(opened_at(&cloud, SECOND), None);
    say(&mut cloud, "ben", cloud::reject(1, "not on a Friday")).expect("he is asked");
    let reason = cloud.state.hold(Kind::Guardrail(SECOND)).expect("held").reason.clone();
    assert!(reason.contains("rejected by ben: not on a Friday, 1 of 2 approvals (anna)"), "{reason}");
    cloud.order(Order::Resume);
    cloud.crash_and_recover();
    cloud.tick();
    assert_eq!(opened_at(&cloud, SECOND), None, "ben said no");
    agree(&mut cloud, 1, "ben").expect("he may change his mind");
    assert!(opened_at(&cloud, SECOND).is_some());
}

#[test]
fn nobody_resumes_past_a_guardrail() {
    let never = guardrail(&[Moment::Wave], "false");
    let mut cloud = held_against(plan(&[10], |_| {}), vec![never]);
    cloud.run_until_over();
    let before = cloud.state.holds.clone();
    cloud.order(Order::Resume);
    cloud.tick();
    assert_eq!(cloud.state.holds, before);
    assert_eq!(opened_at(&cloud, FIRST), None);
}

#[test]
fn what_cannot_be_judged_is_denied_and_says_so() {
    for require in ["wave.no_such_part > 1", "plan.nodes + 1", "plan.waves[7].nodes < 3"] {
        let mut broken = guardrail(&[Moment::Wave], require);
        broken.otherwise = Effect::Warn;
        let mut cloud = held_against(plan(&[10], |_| {}), vec![broken]);
        cloud.run_until_over();
        assert_eq!(decisions(&cloud), [(Some(FIRST), Decision::Deny)], "{require}");
        let said = cloud.log.iter().any(|entry| {
            matches!(&entry.event, Event::Guarded { sentence, .. } if sentence.contains("counts as violated"))
        });
        assert!(said, "{require}");
    }
}

#[test]
fn a_warning_stops_nothing() {
    let warning = Guardrail { otherwise: Effect::Warn, ..guardrail(&[Moment::Wave], "false") };
    let mut cloud = held_against(plan(&[10], |_| {}), vec![warning]);
    cloud.run_until_over();
    assert_eq!(cloud.state.phase, Phase::Ended(Ending::Completed));
    assert_eq!(decisions(&cloud), [(Some(FIRST), Decision::Warn)]);
}

#[test]
fn a_start_that_is_denied_touches_nothing() {
    for moment in [Moment::Validate, Moment::Start] {
        let mut cloud =
            held_against(plan(&[10], |_| {}), vec![guardrail(&[moment], "plan.version == 'other'")]);
        cloud.run_until_over();
        assert_eq!(cloud.state.phase, Phase::Ended(Ending::Aborted));
        assert!(cloud.truth.iter().all(|truth| truth.commands.is_empty()));
        assert_eq!(decisions(&cloud), [(None, Decision::Deny)]);
    }
}

#[test]
fn frozen_guardrails_outlive_the_process_and_more_can_be_added_but_none_taken_away() {
    let few = guardrail(&[Moment::Wave], "unverified <= 10");
    let mut cloud = held_against(plan(&[10, 20, 5], |_| {}), vec![few.clone()]);
    cloud.run_until(|state| matches!(state.wave(FIRST).phase, WavePhase::Baking { .. }));
    cloud.crash_and_recover();
    // The same name with another content is another guardrail, not a new version of the first.
    let weaker = guardrail(&[Moment::Start], "unverified <= 1000 && plan.nodes > 1");
    cloud.input(&Input::Guardrails { guardrails: vec![few.clone(), weaker.clone()] });
    cloud.input(&Input::Guardrails { guardrails: vec![weaker, few] });
    cloud.input(&Input::Guardrails { guardrails: Vec::new() });
    assert_eq!(cloud.state.guardrails.len(), 1);
    cloud.run_until(|state| state.hold(Kind::Guardrail(SECOND)).is_some());
    cloud.crash_and_recover();
    cloud.tick();
    assert!(cloud.state.hold(Kind::Guardrail(SECOND)).is_some());
    let added = cloud.log.iter().filter(|entry| matches!(entry.event, Event::GuardrailsAdded { .. })).count();
    assert_eq!(added, 1);
    assert!(decisions(&cloud).contains(&(Some(SECOND), Decision::Allow)), "the added one was asked as well");
}

#[test]
fn a_rollback_is_never_held_up() {
    let frozen = guardrail(&[Moment::Wave], "wave.first");
    let mut cloud = held_against(plan(&[10, 20], |_| {}), vec![frozen]);
    cloud.run_until(|state| state.hold(Kind::Guardrail(SECOND)).is_some());
    cloud.order(Order::Rollback { reason: "bad".to_owned() });
    cloud.run_until_over();
    assert_eq!(cloud.state.phase, Phase::Ended(Ending::RolledBack));
}

#[test]
fn a_bad_version_is_given_back_outside_of_the_hours() {
    let hours = guardrail(&[Moment::Wave], "now.hour < 1");
    let mut cloud = held_against(plan(&[10, 20], |_| {}), vec![hours]);
    for truth in &mut cloud.truth {
        truth.behaviour = Behaviour::Breaks;
    }
    cloud.run_until_over();
    assert_eq!(cloud.state.phase, Phase::Ended(Ending::RolledBack));
}

#[test]
fn only_a_gate_that_decides_about_a_wave_as_a_whole_judges_it() {
    let required = "plan.waves.all(w, w.judged_by.exists(g, g.kind == 'alarms' && g.guard && g.whole))";
    let guard = Gate { guard: true, ..cloud::alarm_gate() };
    let elsewhere = Within { regions: vec!["us-east-1".into()], ..Within::default() };
    let here = Within { regions: vec!["eu-west-1".into()], ..Within::default() };
    let cases = [
        (guard.clone(), Decision::Allow, Decision::Allow),
        (
            Gate { name: "error-alarms".to_owned(), guard: false, ..guard.clone() },
            Decision::Deny,
            Decision::Deny,
        ),
        (Gate { dry_run: true, ..guard.clone() }, Decision::Deny, Decision::Deny),
        (Gate { waves: vec![FIRST], ..guard.clone() }, Decision::Deny, Decision::Deny),
        (Gate { waves: vec![FIRST, SECOND], ..guard.clone() }, Decision::Allow, Decision::Allow),
        (Gate { within: elsewhere, ..guard.clone() }, Decision::Deny, Decision::Deny),
        // All nodes are there, which nobody knows before there is a fleet.
        (Gate { within: here, ..guard }, Decision::Deny, Decision::Allow),
    ];
    for (gate, of_file, of_plan) in cases {
        let plan = plan(&[10, 20], |spec| spec.gates = vec![gate.clone()]);
        let rule = guardrail(&[Moment::Validate, Moment::Wave], required);
        let file = ask(&rule, Known::File(&plan.spec), Timestamp(0));
        assert_eq!(file.decision, of_file, "{gate:?}: {file:?}");
        let cloud = Cloud::new(plan.clone());
        let wave = ask(&rule, Known::Wave(&plan, &cloud.state, SECOND), Timestamp(0));
        assert_eq!(wave.decision, of_plan, "{gate:?}: {wave:?}");
    }
}

#[test]
fn what_a_plan_is_asked_about_is_what_it_says() {
    let plan = plan(&[10, 60, 130], |_| {});
    for require in [
        "plan.nodes == 200 && plan.waves.all(w, w.bake_seconds == 300)",
        "size(plan.waves) == 3 && plan.waves[0].first && plan.waves[2].last && plan.waves[0].nodes == 10",
        "plan.waves[2].share > 64.9 && plan.waves[2].share < 65.1 && plan.waves[1].percent == 100.0",
        "!plan.gates.exists(g, g.kind == 'alarms') && plan.rollback.on_fail == 'rollback'",
        "has(plan.limits.failures.percent) && !plan.partial && plan.probe",
        "unverified == 130 && 'eu-west-1' in regions && size(accounts) == 1",
        "now.weekday == 4 && now.hour == 0 && now.minute == 16 && now.date == '1970-01-01'",
    ] {
        let judged = ask(&guardrail(&[Moment::Start], require), Known::Plan(&plan), Timestamp(1_000_000));
        assert_eq!(judged.decision, Decision::Allow, "{require}: {judged:?}");
    }
    let early = ask(&guardrail(&[Moment::Validate], "plan.nodes < 5"), Known::File(&plan.spec), Timestamp(0));
    assert!(early.decision == Decision::Deny && early.sentence.contains("nodes"), "{early:?}");
}
