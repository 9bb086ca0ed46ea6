//! Guardrails: what they are told, what they answer, and what that means for a wave. Pure like the rest: a guardrail brings
//! its time zone with it.
//!
//! An expression that cannot be judged does not hold: a rule that fails open is none.

use std::collections::BTreeMap;
use wavetrain_model::event::Event;
use wavetrain_model::expression::{Expression, Fact, Given};
use wavetrain_model::guardrail::{Decision, Effect, Guardrail, Moment};
use wavetrain_model::hold::{Hold, Kind};
use wavetrain_model::id::WaveIndex;
use wavetrain_model::plan::Plan;
use wavetrain_model::quantity::Amount;
use wavetrain_model::spec::{Check, Reaction, Rollout, Take};
use wavetrain_model::state::{State, WavePhase};
use wavetrain_model::time::Timestamp;

/// What a guardrail says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judged {
    /// It.
    pub decision: Decision,
    /// Why, one sentence.
    pub sentence: String,
    /// What the expression was told, in a few words.
    pub values: String,
}

/// What is known when a guardrail is asked.
#[derive(Debug, Clone, Copy)]
pub enum Known<'a> {
    /// The plan file.
    File(&'a Rollout),
    /// The plan for a fleet.
    Plan(&'a Plan),
    /// A wave that is about to open.
    Wave(&'a Plan, &'a State, WaveIndex),
}

/// Asks a guardrail.
pub fn ask(guardrail: &Guardrail, known: Known<'_>, now: Timestamp) -> Judged {
    let moment = match known {
        Known::File(_) => Moment::Validate,
        Known::Plan(_) => Moment::Start,
        Known::Wave(..) => Moment::Wave,
    };
    let facts = facts(guardrail, known, now);
    let values = values(&facts);
    let given: Vec<(&str, Given)> = facts.into_iter().map(|(name, fact)| (name, Given::Fact(fact))).collect();
    let held = Expression::parse(&guardrail.require, moment.variables()).and_then(|rule| rule.holds(&given));
    let (decision, said) = match held {
        Ok(true) => (Decision::Allow, "holds".to_owned()),
        Ok(false) => {
            let decision = match guardrail.otherwise {
                Effect::Deny => Decision::Deny,
                Effect::Warn => Decision::Warn,
                Effect::Approval => Decision::Approval,
            };
            (decision, guardrail.message.clone())
        }
        Err(error) => (
            Decision::Deny,
            format!("cannot be judged, which counts as violated: {error} ({})", guardrail.message),
        ),
    };
    Judged { decision, sentence: format!("guardrail {}: {said}", guardrail.name), values }
}

type Facts = Vec<(&'static str, Fact)>;

fn facts(guardrail: &Guardrail, known: Known<'_>, now: Timestamp) -> Facts {
    let (spec, plan) = match known {
        Known::File(spec) => (spec, None),
        Known::Plan(plan) | Known::Wave(plan, ..) => (&plan.spec, Some(plan)),
    };
    let texts = |texts: Vec<String>| Fact::List(texts.into_iter().map(Fact::Text).collect());
    let mut facts = vec![
        ("plan", about_plan(spec, plan)),
        ("now", about_now(guardrail, now)),
        ("accounts", texts(spec.fleet.accounts.iter().map(ToString::to_string).collect())),
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
        Fact::Object(object([
            ("name", text(&gate.name)),
            ("kind", text(&kind(&gate.check))),
            ("guard", Fact::Flag(gate.guard)),
            ("blocker", Fact::Flag(gate.blocker)),
            ("dry_run", Fact::Flag(gate.dry_run)),
        ]))
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

fn about_wave(spec: &Rollout, plan: Option<&Plan>, index: WaveIndex) -> Fact {
    let wave = &spec.waves[index.at()];
    let judges = spec.gates.iter().filter(|gate| gate.judges(index)).map(|gate| text(&gate.name));
    let mut about = object([
        ("name", text(&wave.name)),
        ("index", Fact::Whole(i64::from(index.0))),
        ("first", Fact::Flag(wave.after.is_empty())),
        ("last", Fact::Flag(spec.waves.iter().all(|other| !other.after.contains(&index)))),
        ("bake_seconds", whole(wave.bake.0)),
        ("approval", Fact::Flag(wave.approval.is_some())),
        ("gates", Fact::List(judges.collect())),
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
fn values(facts: &Facts) -> String {
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

/// Everything that a rollout is held against: frozen in its plan, then added while it ran.
fn all<'a>(plan: &'a Plan, state: &'a State) -> impl Iterator<Item = (u16, &'a Guardrail)> {
    (0..).zip(plan.guardrails.iter().chain(&state.guardrails))
}

/// Those not known yet, as one fact. Known is what has one name in one content: a time zone's rules do not matter.
pub(crate) fn added(plan: &Plan, state: &State, guardrails: &[Guardrail]) -> Vec<Event> {
    let is_same =
        |one: &Guardrail, other: &Guardrail| one.name == other.name && one.file.digest == other.file.digest;
    let is_new = |new: &&Guardrail| all(plan, state).all(|(_, known)| !is_same(known, new));
    let guardrails: Vec<Guardrail> = guardrails.iter().filter(is_new).cloned().collect();
    if guardrails.is_empty() { Vec::new() } else { vec![Event::GuardrailsAdded { guardrails }] }
}

/// What the guardrails of the plan say about its start, once. Whoever starts a rollout asks before; what was denied all the
/// same touches nothing.
pub(crate) fn started(plan: &Plan, state: &State, now: Timestamp) -> Vec<Event> {
    let mut events = Vec::new();
    let mut denied = None;
    for (at, guardrail) in (0..).zip(&plan.guardrails) {
        if !guardrail.is_asked(Moment::Start) || state.guarded(at, None).is_some() {
            continue;
        }
        let judged = ask(guardrail, Known::Plan(plan), now);
        if judged.decision == Decision::Deny {
            denied.get_or_insert_with(|| judged.sentence.clone());
        }
        events.push(event(at, guardrail, None, judged));
    }
    events.extend(denied.map(|cause| Event::AbortDecided { cause }));
    events
}

fn event(guardrail: u16, spec: &Guardrail, wave: Option<WaveIndex>, judged: Judged) -> Event {
    let Judged { decision, sentence, values } = judged;
    Event::Guarded { guardrail, wave, decision, require: spec.require.clone(), values, sentence }
}

/// Whether a guardrail has a say about a wave. What is asked at the start of a rollout, and came later, is asked of the waves
/// that are left; and an approval of a start is one of the first waves.
fn concerns(plan: &Plan, at: u16, guardrail: &Guardrail, wave: WaveIndex) -> bool {
    let is_added = usize::from(at) >= plan.guardrails.len();
    let is_first = plan.spec.waves[wave.at()].after.is_empty();
    let is_start = guardrail.is_asked(Moment::Start);
    guardrail.is_asked(Moment::Wave)
        || (is_start && (is_added || (is_first && guardrail.otherwise == Effect::Approval)))
}

/// What stands between a wave and its beginning; None: nothing. Asked at every look, said when it changes.
pub(crate) fn before(plan: &Plan, state: &State, wave: WaveIndex, now: Timestamp) -> Option<Vec<Event>> {
    let mut changed = Vec::new();
    let mut blocking: Vec<(&Guardrail, Decision)> = Vec::new();
    for (at, guardrail) in all(plan, state).filter(|(at, guardrail)| concerns(plan, *at, guardrail, wave)) {
        let judged = ask(guardrail, Known::Wave(plan, state, wave), now);
        let record = state.guarded(at, Some(wave));
        let is_approved = record.is_some_and(|record| !record.approved_by.is_empty());
        match judged.decision {
            Decision::Deny => blocking.push((guardrail, Decision::Deny)),
            Decision::Approval if !is_approved => blocking.push((guardrail, Decision::Approval)),
            Decision::Allow | Decision::Warn | Decision::Approval => {}
        }
        if record.is_none_or(|record| record.decision != judged.decision) {
            changed.push(event(at, guardrail, Some(wave), judged));
        }
    }
    if !changed.is_empty() {
        return Some(changed);
    }
    let kind = Kind::Guardrail(wave);
    let earlier = state.hold(kind);
    if blocking.is_empty() {
        return earlier.map(|_| vec![Event::Released { kind, accepted: false }]);
    }
    let hold = hold(plan, wave, &blocking, earlier.map_or(now, |hold| hold.since));
    Some(if earlier == Some(&hold) { Vec::new() } else { vec![Event::Held { hold }] })
}

fn hold(plan: &Plan, wave: WaveIndex, blocking: &[(&Guardrail, Decision)], since: Timestamp) -> Hold {
    let name = plan.wave_name(wave);
    let messages =
        blocking.iter().map(|(guardrail, _)| format!("{} ({})", guardrail.message, guardrail.name));
    let messages = messages.collect::<Vec<_>>().join("; ");
    let is_denied = blocking.iter().any(|(_, decision)| *decision == Decision::Deny);
    let from: Vec<&str> =
        blocking.iter().flat_map(|(guardrail, _)| &guardrail.from).map(String::as_str).collect();
    let (reason, next_step) = if is_denied {
        (format!("wave {name} may not open: {messages}"), "it opens by itself once that holds".to_owned())
    } else {
        (
            format!("wave {name} needs an approval from {}: {messages}", from.join(", ")),
            format!("`wavetrain approve {} {name} --by NAME`", plan.spec.name),
        )
    };
    let within = blocking.iter().map(|(guardrail, _)| guardrail.within).min();
    let deadline = within.map(|within| since.plus(within));
    Hold { kind: Kind::Guardrail(wave), reason, next_step, needs_person: !is_denied, since, deadline }
}

/// Whether guardrails wait for somebody's word about a wave.
pub(crate) fn is_awaiting(state: &State, wave: WaveIndex) -> bool {
    state.hold(Kind::Guardrail(wave)).is_some_and(|hold| hold.needs_person)
}

/// What somebody's word about a wave means to its guardrails; Err: whose word they wait for.
pub(crate) fn approved(plan: &Plan, state: &State, wave: WaveIndex, by: &str) -> Result<Vec<Event>, String> {
    let waits = |(at, guardrail): &(u16, &Guardrail)| {
        let record = state.guarded(*at, Some(wave));
        guardrail.otherwise == Effect::Approval
            && record
                .is_some_and(|record| record.decision == Decision::Approval && record.approved_by.is_empty())
    };
    let waiting: Vec<(u16, &Guardrail)> = all(plan, state).filter(waits).collect();
    let may = |(_, guardrail): &&(u16, &Guardrail)| guardrail.from.iter().any(|name| name == by);
    let mut events: Vec<Event> = waiting
        .iter()
        .filter(may)
        .map(|(at, _)| Event::GuardrailApproved { guardrail: *at, wave, by: by.to_owned() })
        .collect();
    if events.is_empty() && !waiting.is_empty() {
        let from: Vec<&str> =
            waiting.iter().flat_map(|(_, guardrail)| &guardrail.from).map(String::as_str).collect();
        return Err(from.join(", "));
    }
    if waiting.iter().all(|waits| may(&waits)) {
        events.push(Event::Released { kind: Kind::Guardrail(wave), accepted: true });
    }
    Ok(events)
}
