//! What guardrails are told about a plan, its waves and the time.

use super::Known;
use crate::gate::sees_all;
use std::collections::BTreeMap;
use wavetrain_model::expression::Fact;
use wavetrain_model::guardrail::Guardrail;
use wavetrain_model::id::WaveIndex;
use wavetrain_model::plan::Plan;
use wavetrain_model::quantity::Amount;
use wavetrain_model::spec::{Check, Gate, Reaction, Rollout, Take};
use wavetrain_model::state::{State, WavePhase};
use wavetrain_model::time::Timestamp;

/// The name of the accounts of the fleet.
pub(super) const ACCOUNTS: &str = "accounts";

pub(super) type Facts = Vec<(&'static str, Fact)>;

/// What a guardrail is told.
pub(super) fn facts(guardrail: &Guardrail, known: Known<'_>, now: Timestamp) -> Facts {
    let (spec, plan) = match known {
        Known::File(spec) => (spec, None),
        Known::Plan(plan) | Known::Wave(plan, ..) => (&plan.spec, Some(plan)),
    };
    let texts = |texts: Vec<String>| Fact::List(texts.into_iter().map(Fact::Text).collect());
    let mut facts = vec![
        ("plan", about_plan(spec, plan)),
        ("now", about_now(guardrail, now)),
        (ACCOUNTS, texts(spec.fleet.accounts.iter().map(ToString::to_string).collect())),
        ("regions", texts(spec.fleet.regions.iter().map(ToString::to_string).collect())),
    ];
    match known {
        Known::File(_) => {}
        Known::Plan(plan) => facts.push(("unverified", whole(most_unverified(plan)))),
        Known::Wave(plan, state, wave) => {
            facts.push(("unverified", whole(unverified(plan, state, wave))));
            facts.push(("wave", about_wave(spec, Some(plan), wave)));
        }
    }
    facts
}

fn whole(number: u32) -> Fact {
    Fact::Whole(i64::from(number))
}

fn text(text: &(impl ToString + ?Sized)) -> Fact {
    Fact::Text(text.to_string())
}

fn object<const N: usize>(entries: [(&str, Fact); N]) -> BTreeMap<String, Fact> {
    entries.into_iter().map(|(key, fact)| (key.to_owned(), fact)).collect()
}

fn about_now(guardrail: &Guardrail, now: Timestamp) -> Fact {
    let Some(clock) = guardrail.zone.clock(now) else { return Fact::Object(BTreeMap::new()) };
    Fact::Object(object([
        ("weekday", Fact::Whole(clock.weekday)),
        ("hour", Fact::Whole(clock.hour)),
        ("minute", Fact::Whole(clock.minute)),
        ("date", Fact::Text(clock.date)),
        ("timezone", text(&guardrail.zone.name)),
    ]))
}

fn about_plan(spec: &Rollout, plan: Option<&Plan>) -> Fact {
    let waves = (0..spec.waves.len()).map(|wave| about_wave(spec, plan, WaveIndex(wave as u16)));
    let gates = spec.gates.iter().map(|gate| {
        let waves = (0..).map(WaveIndex).zip(&spec.waves).filter(|(index, _)| gate.measures(*index));
        let mut about = about_gate(gate);
        about.insert("dry_run".to_owned(), Fact::Flag(gate.dry_run));
        about.insert("waves".to_owned(), Fact::List(waves.map(|(_, wave)| text(&wave.name)).collect()));
        Fact::Object(about)
    });
    let limits = object([
        ("in_flight", amount(spec.limits.in_flight)),
        ("failures", amount(spec.limits.failures)),
        ("undelivered", amount(spec.limits.undelivered)),
    ]);
    let rollback = object([
        ("on_fail", text(&reaction(spec.rollback.on_fail))),
        ("on_error", text(&reaction(spec.rollback.on_error))),
        ("on_inconclusive", text(&reaction(spec.rollback.on_inconclusive))),
    ]);
    let mut about = object([
        ("name", text(&spec.name)),
        ("package", text(&spec.package.name)),
        ("version", text(&spec.package.version)),
        ("partial", Fact::Flag(spec.partial)),
        ("probe", Fact::Flag(spec.package.probe.is_some())),
        ("waves", Fact::List(waves.collect())),
        ("gates", Fact::List(gates.collect())),
        ("limits", Fact::Object(limits)),
        ("rollback", Fact::Object(rollback)),
    ]);
    if let Some(plan) = plan {
        about.insert("nodes".to_owned(), whole(plan.nodes.len() as u32));
    }
    Fact::Object(about)
}

fn about_gate(gate: &Gate) -> BTreeMap<String, Fact> {
    object([
        ("name", text(&gate.name)),
        ("kind", text(&kind(&gate.check))),
        ("guard", Fact::Flag(gate.guard)),
        ("blocker", Fact::Flag(gate.blocker)),
    ])
}

fn about_wave(spec: &Rollout, plan: Option<&Plan>, index: WaveIndex) -> Fact {
    let wave = &spec.waves[index.at()];
    let judges = spec.gates.iter().filter(|gate| gate.judges(index));
    // Whether a gate only watches or looks elsewhere is not left to a rule to remember: such a gate does not judge this wave.
    let judged_by = judges.clone().map(|gate| {
        let is_whole = match plan {
            Some(plan) => sees_all(plan, gate, wave),
            None => gate.within.is_everything() || gate.within == wave.within,
        };
        let mut about = about_gate(gate);
        about.insert("whole".to_owned(), Fact::Flag(is_whole));
        Fact::Object(about)
    });
    let mut about = object([
        ("name", text(&wave.name)),
        ("index", Fact::Whole(i64::from(index.0))),
        ("first", Fact::Flag(wave.after.is_empty())),
        ("last", Fact::Flag(spec.waves.iter().all(|other| !other.after.contains(&index)))),
        ("bake_seconds", whole(wave.bake.0)),
        ("approval", Fact::Flag(wave.approval.is_some())),
        ("gates", Fact::List(judges.clone().map(|gate| text(&gate.name)).collect())),
        ("judged_by", Fact::List(judged_by.collect())),
    ]);
    if let Take::Percent(percent) = wave.take {
        about.insert("percent".to_owned(), Fact::Number(f64::from(percent.0) / 100.0));
    }
    if let Some(plan) = plan {
        let (nodes, all) = (plan.waves[index.at()].size, plan.nodes.len().max(1));
        about.insert("nodes".to_owned(), whole(nodes));
        about.insert("share".to_owned(), Fact::Number(f64::from(nodes) * 100.0 / all as f64));
    }
    Fact::Object(about)
}

/// Either how many nodes, or which percentage: a number alone would not say which of the two.
fn amount(amount: Amount) -> Fact {
    Fact::Object(match amount {
        Amount::Count(nodes) => object([("nodes", whole(nodes))]),
        Amount::Share(percent) => object([("percent", Fact::Number(f64::from(percent.0) / 100.0))]),
    })
}

fn reaction(reaction: Reaction) -> &'static str {
    match reaction {
        Reaction::Rollback => "rollback",
        Reaction::Pause => "pause",
        Reaction::Abort => "abort",
    }
}

/// The key that the gate has in a plan file: stored gates have the same.
fn kind(check: &Check) -> String {
    let stored = serde_json::to_value(check).ok();
    let key = stored.as_ref().and_then(|stored| stored.as_object()?.keys().next());
    key.cloned().unwrap_or_default()
}

/// Nodes that would have the version without a passed wave that proves it, if this wave opened now.
fn unverified(plan: &Plan, state: &State, wave: WaveIndex) -> u32 {
    let is_open = |other: &WaveIndex| {
        let phase = state.wave(*other).phase;
        *other == wave
            || matches!(phase, WavePhase::Open { .. } | WavePhase::Baking { .. } | WavePhase::Failed { .. })
    };
    plan.wave_indices().filter(is_open).map(|wave| plan.waves[wave.at()].size).sum()
}

/// The most that can ever be: every wave with all that may run beside it.
fn most_unverified(plan: &Plan) -> u32 {
    let waves: Vec<WaveIndex> = plan.wave_indices().collect();
    let before = ancestors(plan);
    let beside = |one: WaveIndex, other: WaveIndex| {
        !before[one.at()].contains(&other) && !before[other.at()].contains(&one)
    };
    let size = |wave: &WaveIndex| plan.waves[wave.at()].size;
    let at_once = |wave: &WaveIndex| waves.iter().filter(|other| beside(*wave, **other)).map(size).sum();
    waves.iter().map(at_once).max().unwrap_or(0)
}

/// Every wave that must have passed before each wave.
fn ancestors(plan: &Plan) -> Vec<Vec<WaveIndex>> {
    let of = |wave: WaveIndex| {
        let mut found: Vec<WaveIndex> = Vec::new();
        let mut open = plan.spec.waves[wave.at()].after.clone();
        while let Some(next) = open.pop() {
            if !found.contains(&next) {
                found.push(next);
                open.extend(&plan.spec.waves[next.at()].after);
            }
        }
        found
    };
    plan.wave_indices().map(of).collect()
}

/// What the expression was told, as far as it fits into a line.
pub(super) fn values(facts: &Facts) -> String {
    let shown = |fact: &Fact| serde_json::to_string(fact).unwrap_or_default();
    let mut parts = Vec::new();
    for (name, fact) in facts {
        match (*name, fact) {
            ("plan", Fact::Object(plan)) => {
                parts.extend(plan.get("version").map(|version| format!("plan.version = {}", shown(version))));
                parts.extend(plan.get("nodes").map(|nodes| format!("plan.nodes = {}", shown(nodes))));
            }
            ("accounts" | "regions", Fact::List(list)) => {
                parts.push(format!("size({name}) = {}", list.len()));
            }
            _ => parts.push(format!("{name} = {}", shown(fact))),
        }
    }
    parts.join(", ")
}
