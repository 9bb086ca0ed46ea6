//! Recorded readings of a rollout, judged by other gates.
//!
//! The other gates are put behind the plan's own, the log is folded as it happened, and every recorded measurement that answers an
//! other gate's question is given to the machine as that gate's measurement: one set of rules, live and here. What such a verdict would
//! have led to is not played out, because nobody knows what the nodes would have done then.

use crate::decide::gate::measured;
use crate::{evolve, gate};
use serde::Serialize;
use std::collections::BTreeSet;
use wavetrain_model::event::{Entry, Event};
use wavetrain_model::gate::{Reading, Scope, Verdict, Which, Window};
use wavetrain_model::id::GateIndex;
use wavetrain_model::plan::Plan;
use wavetrain_model::spec::{Check, Gate};
use wavetrain_model::state::{Phase, State, Touch, WavePhase};
use wavetrain_model::time::Timestamp;

/// What the rollout did and what each other gate would have said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Replay {
    /// What stopped the rollout; None: nothing did.
    pub stopped: Option<Moment>,
    /// The other gates, in the order of their file.
    pub gates: Vec<Replayed>,
    /// Questions whose answers were recorded, for gates that could not be judged.
    pub recorded: Vec<String>,
}

/// Something that happened at a moment, or would have.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Moment {
    /// When.
    pub at: Timestamp,
    /// Waves that were open or baking.
    pub waves: Vec<String>,
    /// Nodes touched by then.
    pub touched: u32,
    /// Why, one sentence.
    pub sentence: String,
}

/// One other gate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Replayed {
    /// Its name.
    pub name: String,
    /// Its question.
    pub query: String,
    /// What it comes to.
    pub finding: Finding,
    /// Recorded measurements that it judged.
    pub measurements: u32,
    /// Recorded measurements that it could not judge, because the log had no room for all that they found.
    pub cut: u32,
    /// Alarms, points, nodes or bytes that are missing in those, all together.
    pub left_out: u64,
    /// When it would have failed.
    pub failed: Option<Moment>,
    /// When it would have held the rollout: it measured too little, or could not.
    pub held: Option<Moment>,
}

/// What another gate comes to, in hindsight.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Finding {
    /// The rollout was stopped, and the gate would have failed.
    Caught,
    /// The rollout was stopped, and until then the gate would have said nothing.
    Missed,
    /// Nothing stopped the rollout, and the gate would have.
    FalseAlarm,
    /// Nothing stopped the rollout, nor would the gate have.
    Quiet,
    /// Only a part of an answer was recorded, and what is left out could change what it says.
    Undecided,
    /// No answer to its question was recorded.
    NotRecorded,
}

/// Judges a rollout's log with other gates. `waves` of the gates are those of the plan.
pub fn replay(plan: &Plan, entries: &[Entry], others: &[Gate]) -> Replay {
    let own = plan.spec.gates.len();
    let mut extended = plan.clone();
    // What must decide nothing here can still be asked what it would have decided.
    extended.spec.gates.extend(others.iter().map(|gate| Gate { dry_run: true, ..gate.clone() }));
    let mut state = State::new(plan);
    let mut replay = Replay {
        stopped: None,
        gates: others.iter().map(Replayed::new).collect(),
        recorded: recorded(plan, entries),
    };
    for entry in entries {
        if let Event::RollbackDecided { cause } | Event::AbortDecided { cause } = &entry.event
            && replay.stopped.is_none()
        {
            replay.stopped = Some(Moment::of(plan, &state, entry.at, cause.clone()));
        }
        evolve(&extended, &mut state, entry);
        let Event::Measured { which: Which::Planned(of), scope, evidence, readings, .. } = &entry.event
        else {
            continue;
        };
        let Some(source) = plan.spec.gates.get(of.at()) else { continue };
        let window = Window { from: evidence.from, until: evidence.until };
        for (index, other) in others.iter().enumerate() {
            if answers(source, other) && is_about(other, *scope) && state.phase == Phase::Running {
                let gate = GateIndex((own + index) as u16);
                replay.gates[index].hear(&extended, &mut state, entry.at, gate, *scope, window, readings);
            }
        }
    }
    for gate in &mut replay.gates {
        gate.finding = match (&replay.stopped, &gate.failed) {
            _ if gate.measurements == 0 && gate.cut == 0 => Finding::NotRecorded,
            (_, None) if gate.cut > 0 => Finding::Undecided,
            (Some(_), Some(_)) => Finding::Caught,
            (Some(_), None) => Finding::Missed,
            (None, Some(_)) => Finding::FalseAlarm,
            (None, None) => Finding::Quiet,
        };
    }
    replay
}

/// Whether what a recorded gate asked answers another gate's question: the same question of the same kind, or the same name.
fn answers(source: &Gate, other: &Gate) -> bool {
    let is_same_kind = std::mem::discriminant(&source.check) == std::mem::discriminant(&other.check);
    is_same_kind
        && !source.check.only_stops()
        && (question(source) == question(other) || source.name == other.name)
}

/// The whole question: for alarms the names that are asked, for metrics also the inputs of an expression.
fn question(gate: &Gate) -> String {
    let inputs = match &gate.check {
        Check::Metric(metric) => format!(" {:?}", metric.queries),
        _ => String::new(),
    };
    gate::query(gate) + &inputs
}

fn is_about(gate: &Gate, scope: Scope) -> bool {
    match scope {
        Scope::Guard => true,
        Scope::Blocker(wave) => (gate.blocker || gate.needs_baseline()) && gate.measures(wave),
        Scope::Wave(wave) => gate.measures(wave),
    }
}

fn recorded(plan: &Plan, entries: &[Entry]) -> Vec<String> {
    let mut questions = BTreeSet::new();
    for entry in entries {
        if let Event::Measured { which: Which::Planned(gate), .. } = &entry.event
            && let Some(spec) = plan.spec.gates.get(gate.at())
            && !spec.check.only_stops()
        {
            questions.insert(format!("{}: {}", spec.name, gate::query(spec)));
        }
    }
    questions.into_iter().collect()
}

impl Moment {
    fn of(plan: &Plan, state: &State, at: Timestamp, sentence: String) -> Self {
        let is_under_way = |phase| matches!(phase, WavePhase::Open { .. } | WavePhase::Baking { .. });
        let waves = plan.wave_indices().filter(|wave| is_under_way(state.wave(*wave).phase));
        let touched = state.nodes.iter().filter(|node| node.touch != Touch::No).count() as u32;
        Self { at, waves: waves.map(|wave| plan.wave_name(wave).to_owned()).collect(), touched, sentence }
    }
}

impl Replayed {
    fn new(gate: &Gate) -> Self {
        Self {
            name: gate.name.clone(),
            query: gate::query(gate),
            finding: Finding::NotRecorded,
            measurements: 0,
            cut: 0,
            left_out: 0,
            failed: None,
            held: None,
        }
    }

    #[expect(clippy::too_many_arguments, reason = "a measurement is what it is")]
    fn hear(
        &mut self,
        plan: &Plan,
        state: &mut State,
        at: Timestamp,
        gate: GateIndex,
        scope: Scope,
        window: Window,
        readings: &[Reading],
    ) {
        // Half of a reading is none: the missing half may be the good one, or the bad one.
        let missing: u64 = readings.iter().map(|reading| u64::from(reading.missing())).sum();
        let is_baseline = matches!(scope, Scope::Blocker(_)) && !plan.spec.gates[gate.at()].blocker;
        if missing > 0 && !is_baseline {
            self.cut += 1;
            self.left_out += missing;
            return;
        }
        self.measurements += u32::from(!is_baseline);
        for event in measured(plan, state, at, gate, scope, window, readings) {
            if let Event::Judged { which: Which::Planned(of), verdict, evidence, .. } = &event
                && *of == gate
            {
                let moment = || Moment::of(plan, state, at, evidence.sentence.clone());
                let place = match verdict {
                    // A pass is judged when a wave's bake is over, never by a measurement.
                    Verdict::Pass => continue,
                    Verdict::Fail => &mut self.failed,
                    Verdict::Inconclusive | Verdict::Error => &mut self.held,
                };
                place.get_or_insert_with(moment);
            }
            // The plan's own guards have spoken in the log already.
            let which = match &event {
                Event::Measured { which, .. } | Event::Judged { which, .. } => Some(*which),
                _ => None,
            };
            if which == Some(Which::Planned(gate)) {
                evolve(plan, state, &Entry { at, actor: "replay".to_owned(), event });
            }
        }
    }
}
