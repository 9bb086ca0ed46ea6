//! Where a rollout stands, from its plan and its state alone.

use super::table::{Columns, counted, grouped};
use super::words;
use crate::console::Paint;
use serde_json::{Map, Value, json};
use std::fmt::Write;
use wavetrain_driver::progress::{headline, phase_word};
use wavetrain_engine::people::{self, Standing};
use wavetrain_engine::waiting;
use wavetrain_model::approval::{Given, Subject};
use wavetrain_model::gate::Verdict;
use wavetrain_model::outcome::Outcome;
use wavetrain_model::plan::Plan;
use wavetrain_model::state::{State, Tally, Wave};
use wavetrain_model::time::{Seconds, Timestamp};

/// A rollout at one moment.
#[derive(Debug, Clone, Copy)]
pub struct View<'a> {
    /// Its id.
    pub id: &'a str,
    /// Its frozen plan.
    pub plan: &'a Plan,
    /// Its state.
    pub state: &'a State,
    /// The moment.
    pub now: Timestamp,
    /// Who runs it at this moment, if anyone does.
    pub runner: Option<&'a str>,
}

/// For people.
pub fn text(view: View<'_>, paint: Paint) -> String {
    let View { plan, state, .. } = view;
    let mut text = heading(view, paint);
    for hold in &state.holds {
        let _ = write!(text, "\nHELD {}", words::hold_lines(plan, hold, view.now));
    }
    text.push('\n');
    text.push_str(&waves(plan, state).text(2));
    let _ = writeln!(text, "\nnodes: {}", words::tally(&state.tally));
    text.push_str(&gates(plan, state));
    for standing in approvals(view) {
        let _ = writeln!(
            text,
            "approval of {}: {}\n  evidence {}",
            words::subject(plan, standing.subject),
            standing.sentence(),
            standing.evidence
        );
    }
    text.push_str(&rollback(state));
    text
}

/// Approvals that are asked for now, or that somebody answered.
fn approvals(view: View<'_>) -> Vec<Standing<'_>> {
    let View { plan, state, now, .. } = view;
    let all = plan.wave_indices().flat_map(|wave| people::subjects(plan, wave));
    let is_told = |subject: &Subject| {
        people::is_asked(plan, state, *subject) || state.given.iter().any(|given| given.subject == *subject)
    };
    all.filter(is_told).filter_map(|subject| people::standing(plan, state, now, subject)).collect()
}

fn approval(view: View<'_>, standing: &Standing<'_>) -> Value {
    let names = |given: &[Given]| given.iter().map(|given| given.by.clone()).collect::<Vec<_>>();
    let Standing { subject, approval, .. } = standing;
    let hold = view.state.hold(people::hold_kind(*subject));
    json!({
        "about": words::subject(view.plan, *subject),
        "wave": view.plan.wave_name(subject.wave),
        "gate": subject.gate.map(|gate| view.plan.spec.gates[gate.at()].name.as_str()),
        "before": subject.before,
        "need": approval.need,
        "evidence": standing.evidence,
        "shown": people::shown(view.plan, view.state, *subject).sentences,
        "agreed": names(&standing.agreed),
        "rejected": names(&standing.rejected),
        "given_for_other_evidence": names(&standing.outdated),
        "expired": names(&standing.expired),
        "may_approve": standing.missing,
        "deadline": hold.and_then(|hold| hold.deadline).map(|at| at.to_string()),
    })
}

fn heading(view: View<'_>, paint: Paint) -> String {
    let View { id, plan, state, now, runner } = view;
    let spec = &plan.spec;
    let standing = paint.tone(words::phase_tone(&state.phase), &headline(plan, state));
    let mut text = format!(
        "{} ({id})\n{} {} to {} in {}\n{standing}\n",
        spec.name,
        spec.package.name,
        spec.package.version,
        counted(plan.nodes.len() as u64, "node"),
        counted(plan.sites.len() as u64, "site"),
    );
    let (end, how) = if state.is_over() { (state.updated_at, "from start to end") } else { (now, "ago") };
    let _ =
        writeln!(text, "started {}, {} {how}", state.started_at, words::short(end.since(state.started_at)));
    if !state.is_over() {
        let run_by = runner.map_or_else(
            || "nobody runs it now: `wavetrain apply` with the same plan file goes on".to_owned(),
            |runner| format!("run by {runner}"),
        );
        let _ = writeln!(text, "{run_by}");
        // A hold says by itself what it waits for.
        if state.holds.is_empty() {
            let waiting = waiting::of_rollout(plan, state, now, true);
            let _ = writeln!(text, "waits for: {}", waiting.sentence);
        }
    }
    text
}

/// The waves as a table.
pub fn waves(plan: &Plan, state: &State) -> Columns {
    let mut columns =
        Columns::new(&["wave", "phase", "nodes#", "done#", "failed#", "undelivered#", "in flight#", "baked"]);
    for index in plan.wave_indices() {
        let (planned, wave) = (&plan.waves[index.at()], state.wave(index));
        columns.row([
            plan.wave_name(index).to_owned(),
            words::wave_phase(&wave.phase).to_owned(),
            grouped(planned.size),
            grouped(wave.tally.at_target()),
            grouped(wave.tally.failures()),
            grouped(wave.tally.undelivered()),
            grouped(wave.in_flight),
            format!("{} of {}", words::short(baked(wave)), plan.spec.waves[index.at()].bake),
        ]);
    }
    columns
}

/// Bake time earned.
pub fn baked(wave: &Wave) -> Seconds {
    Seconds(u32::try_from(wave.baked_ms / 1000).unwrap_or(u32::MAX))
}

fn gates(plan: &Plan, state: &State) -> String {
    let mut text = String::new();
    for record in &state.gates {
        let verdict = record.judged.unwrap_or(record.last);
        let standing = if record.judged.is_some() { "" } else { " so far" };
        let _ = writeln!(
            text,
            "gate {}, {}: {verdict}{standing}: {}",
            words::gate(plan, record.which),
            words::scope(plan, record.scope),
            record.sentence
        );
    }
    text
}

fn rollback(state: &State) -> String {
    let Some(rollback) = &state.rollback else { return String::new() };
    format!(
        "rollback decided {}: {}\n  {} of {} restored, {} not restored, {} in flight\n",
        rollback.decided_at,
        rollback.cause,
        grouped(rollback.restored),
        counted(rollback.total, "touched node"),
        grouped(rollback.failed),
        grouped(rollback.in_flight)
    )
}

/// For scripts.
pub fn document(view: View<'_>) -> Value {
    let View { id, plan, state, now, runner } = view;
    let spec = &plan.spec;
    json!({
        "version": super::JSON_VERSION,
        "id": id,
        "name": spec.name,
        "package": { "name": spec.package.name, "version": spec.package.version },
        "phase": phase_word(state),
        "over": state.is_over(),
        "waits_for": crate::commands::stuck::document(&waiting::of_rollout(plan, state, now, runner.is_some())),
        "run_by": runner,
        "plan_digest": plan.digest,
        "started_at": state.started_at.to_string(),
        "updated_at": state.updated_at.to_string(),
        "nodes": { "planned": plan.nodes.len(), "outcomes": tally(&state.tally) },
        "waves": plan.wave_indices().map(|index| wave(plan, state, now, index)).collect::<Vec<_>>(),
        "holds": state.holds.iter().map(|hold| json!({
            "kind": hold.kind,
            "what": words::hold_kind(plan, hold.kind),
            "reason": hold.reason,
            "next_step": hold.next_step,
            "since": hold.since.to_string(),
            "deadline": hold.deadline.map(|at| at.to_string()),
        })).collect::<Vec<_>>(),
        "gates": state.gates.iter().map(|record| json!({
            "gate": words::gate(plan, record.which),
            "about": words::scope(plan, record.scope),
            "judged": record.judged,
            "last": record.last,
            "sentence": record.sentence,
            "samples": record.samples,
        })).collect::<Vec<_>>(),
        "approvals": approvals(view).iter().map(|standing| approval(view, standing)).collect::<Vec<_>>(),
        "rollback": state.rollback.as_ref().map(|rollback| json!({
            "cause": rollback.cause,
            "decided_at": rollback.decided_at.to_string(),
            "touched": rollback.total,
            "restored": rollback.restored,
            "not_restored": rollback.failed,
            "in_flight": rollback.in_flight,
        })),
    })
}

fn wave(plan: &Plan, state: &State, now: Timestamp, index: wavetrain_model::id::WaveIndex) -> Value {
    let own = people::standing(plan, state, now, Subject { wave: index, gate: None, before: true });
    let agreed = own.map(|standing| standing.agreed).unwrap_or_default();
    let (planned, wave) = (&plan.waves[index.at()], state.wave(index));
    json!({
        "name": plan.wave_name(index),
        "phase": words::wave_phase(&wave.phase),
        "nodes": planned.size,
        "cumulative": planned.cumulative,
        "in_flight": wave.in_flight,
        "outcomes": tally(&wave.tally),
        "baked_seconds": baked(wave).0,
        "bake_seconds": plan.spec.waves[index.at()].bake.0,
        "approved_by": agreed.into_iter().map(|given| given.by).collect::<Vec<_>>(),
    })
}

/// Outcomes by their words; all of them, so that a script need not guess.
pub fn tally(tally: &Tally) -> Map<String, Value> {
    Outcome::ALL.into_iter().map(|outcome| (outcome.word().to_owned(), tally.of(outcome).into())).collect()
}

/// The sentences of gates that did not pass.
pub fn bad_verdicts(plan: &Plan, state: &State) -> Vec<String> {
    let bad =
        state.gates.iter().filter(|record| record.judged.is_some_and(|verdict| verdict != Verdict::Pass));
    bad.map(|record| {
        let verdict = record.judged.unwrap_or(record.last);
        let (gate, scope) = (words::gate(plan, record.which), words::scope(plan, record.scope));
        format!("gate {gate}, {scope}: {verdict}: {}", record.sentence)
    })
    .collect()
}

#[cfg(test)]
pub mod tests {
    use super::*;
    use std::collections::BTreeMap;
    use wavetrain_model::fleet::{Architecture, Platform, Site};
    use wavetrain_model::hold::{Hold, Kind};
    use wavetrain_model::id::{
        AccountId, BatchIndex, Digest, NodeId, NodeIndex, Region, SiteIndex, StratumIndex, VersionIndex,
        WaveIndex,
    };
    use wavetrain_model::plan::{
        Batch, Before, FORMAT, PlannedNode, PlannedSite, PlannedWave, Restore, Source, Stratum,
    };
    use wavetrain_model::quantity::{Amount, Percent};
    use wavetrain_model::spec;

    /// A small plan: one site, two waves, four nodes.
    pub fn plan() -> Plan {
        let site = Site {
            account: AccountId::new("111122223333"),
            region: Region::new("eu-west-1"),
            role: None,
            external_id: None,
        };
        let node = |at: u32| PlannedNode {
            id: NodeId::new(format!("i-{}", at + 1)),
            stratum: StratumIndex(0),
            rank: at,
            wave: Some(WaveIndex(u16::from(at > 0))),
            canary: at == 0,
            restore: Restore { to: Before::Version(VersionIndex(1)), source: Source::Ledger },
            domains: Vec::new(),
        };
        let wave = |size, cumulative, first| PlannedWave {
            size,
            cumulative,
            population: 4,
            topped_up: Vec::new(),
            first_batch: BatchIndex(first),
            batches: 1,
        };
        let batch = |wave, nodes: std::ops::Range<u32>| Batch {
            wave: WaveIndex(wave),
            site: SiteIndex(0),
            nodes: nodes.map(NodeIndex).collect(),
        };
        Plan {
            format: FORMAT,
            digest: Digest::new("0123456789abcdef"),
            spec_digest: Digest::new("fedcba9876543210"),
            spec: rollout(),
            observed_at: Timestamp(0),
            sites: vec![PlannedSite {
                site,
                package: "agent".to_owned(),
                restorable: vec![VersionIndex(1)],
                default_version: Some(VersionIndex(1)),
            }],
            versions: vec!["2.0-1".to_owned(), "1.0-1".to_owned()],
            strata: vec![Stratum {
                site: SiteIndex(0),
                platform: Platform::Linux,
                architecture: Architecture::X86_64,
                size: 4,
            }],
            nodes: (0..4).map(node).collect(),
            waves: vec![wave(1, 1, 0), wave(3, 4, 1)],
            batches: vec![batch(0, 0..1), batch(1, 1..4)],
            selected: 4,
            excluded: Vec::new(),
            notes: Vec::new(),
            guardrails: Vec::new(),
            paused: Vec::new(),
            planted: wavetrain_model::planted::Planted::default(),
        }
    }

    fn rollout() -> spec::Rollout {
        let wave = |name: &str, take, after| spec::Wave {
            name: name.to_owned(),
            take,
            bake: Seconds::minutes(30),
            after,
            within: spec::Within::default(),
            top_up: true,
            approval: None,
        };
        let canary = spec::Take::Tag { key: "rollout".to_owned(), value: "canary".to_owned() };
        spec::Rollout {
            name: "agent-2".to_owned(),
            package: spec::Package {
                name: "agent".to_owned(),
                owner: AccountId::new("111122223333"),
                version: "2.0-1".to_owned(),
                install: spec::InstallMode::Reinstall,
                arguments: BTreeMap::new(),
                probe: None,
                copies: false,
                allow_differing_contents: false,
            },
            fleet: spec::Fleet {
                accounts: vec![AccountId::new("111122223333")],
                organization: None,
                regions: vec![Region::new("eu-west-1")],
                role: None,
                external_id: None,
                select: BTreeMap::new(),
                exclude: BTreeMap::new(),
                exclude_nodes: Vec::new(),
                min_coverage: Percent::whole(90),
                max_offline_age: Seconds::hours(1),
                min_agent: "3.1.0.0".to_owned(),
            },
            waves: vec![
                wave("canary", canary, vec![]),
                wave("all", spec::Take::Percent(Percent::ALL), vec![WaveIndex(0)]),
            ],
            partial: false,
            salt: "agent-2".to_owned(),
            limits: spec::Limits {
                in_flight: Amount::Share(Percent::whole(10)),
                per_site: None,
                max_unavailable: Vec::new(),
                failures: Amount::Share(Percent::whole(2)),
                undelivered: Amount::Share(Percent::whole(5)),
            },
            gates: Vec::new(),
            rollback: spec::Rollback {
                to: None,
                require_known: false,
                on_fail: spec::Reaction::Rollback,
                on_error: spec::Reaction::Pause,
                on_inconclusive: spec::Reaction::Pause,
                pace: 3,
            },
            deadlines: spec::Deadlines {
                delivery: Seconds::minutes(10),
                execution: Seconds::hours(1),
                wave: Seconds::hours(6),
                hold: Seconds::hours(48),
            },
            publish_compliance: None,
            api: spec::Api {
                requests_per_second: 5,
                burst: 10,
                first_poll: Seconds(5),
                longest_poll: Seconds(60),
                settle: Seconds(60),
            },
            packs: Vec::new(),
            guardrails: Vec::new(),
            dispatch: wavetrain_model::spec::Dispatch::Command,
            finish: wavetrain_model::spec::Finish::default(),
            allow_associations: wavetrain_model::spec::Allowed::None,
        }
    }

    fn held() -> State {
        let mut state = State::new(&plan());
        state.waves[0].tally.add(Outcome::Succeeded, 1);
        state.tally.add(Outcome::Succeeded, 1);
        state.holds.push(Hold {
            kind: Kind::Operator,
            reason: "looking at the graphs".to_owned(),
            next_step: "wavetrain resume agent-2".to_owned(),
            needs_person: true,
            since: Timestamp(0),
            deadline: Some(Timestamp(3_600_000)),
        });
        state
    }

    #[test]
    fn a_hold_is_shown_with_its_reason_its_next_step_and_its_deadline() {
        let (plan, state) = (plan(), held());
        let view = View { id: "0190", plan: &plan, state: &state, now: Timestamp(60_000), runner: None };
        let shown = text(view, Paint(false));
        for part in [
            "looking at the graphs",
            "wavetrain resume agent-2",
            "1970-01-01T01:00:00Z (in 59m)",
            "nobody runs it",
        ] {
            assert!(shown.contains(part), "{part} is missing in\n{shown}");
        }
        assert!(shown.contains("canary"), "{shown}");
    }

    #[test]
    fn the_document_carries_version_phase_waves_and_holds() {
        let (plan, state) = (plan(), held());
        let view = View { id: "0190", plan: &plan, state: &state, now: Timestamp(0), runner: Some("host 1") };
        let document = document(view);
        assert_eq!(document["version"], 1);
        assert_eq!(document["phase"], "held");
        assert_eq!(document["waves"][0]["outcomes"]["succeeded"], 1);
        assert_eq!(document["holds"][0]["what"], "paused");
        assert_eq!(document["run_by"], "host 1");
    }
}
