//! Gauges, read from a plan and a state.

use super::{Meter, catalogue, seconds};
use crate::progress::phase_word;
use crate::telemetry::wave_word;
use prometheus::IntGaugeVec;
use wavetrain_model::hold::Kind;
use wavetrain_model::limit::SMALL_STRATUM;
use wavetrain_model::outcome::Outcome;
use wavetrain_model::plan::Plan;
use wavetrain_model::state::{State, Tally, WavePhase};

impl Meter {
    /// Sets every gauge to what the state says.
    pub(crate) fn look(&self, plan: &Plan, state: &State) {
        self.look_at_course(plan, state);
        self.look_at_waves(plan, state);
        self.look_at_rollback(state);
    }

    fn look_at_course(&self, plan: &Plan, state: &State) {
        let (families, name) = (self.families(), self.rollout.as_str());
        let now = phase_word(state);
        for phase in catalogue::ROLLOUT_PHASES {
            families.rollout_phase.with_label_values(&[name, phase]).set(i64::from(*phase == now));
        }
        for kind in catalogue::HOLD_KINDS {
            let holds = state.holds.iter().filter(|hold| hold_word(hold.kind) == *kind).count();
            families.rollout_holds.with_label_values(&[name, kind]).set(whole(holds));
        }
        for outcome in Outcome::ALL {
            let nodes = state.tally.of(outcome);
            families.outcome_nodes.with_label_values(&[name, outcome.word()]).set(i64::from(nodes));
        }
        let troubled = state.sites.iter().filter(|site| site.errors > 0).count();
        self.set(&families.rollout_nodes, whole(plan.nodes.len()));
        self.set(&families.open_intents, whole(state.open.len()));
        self.set(&families.troubled_sites, whole(troubled));
        self.set(&families.exposed_nodes, i64::from(exposed(state)));
        families.failure_budget_used.with_label_values(&[name]).set(budget_used(plan, state));
        families.last_event.with_label_values(&[name]).set(seconds(state.updated_at));
    }

    fn look_at_waves(&self, plan: &Plan, state: &State) {
        let (families, name) = (self.families(), self.rollout.as_str());
        for phase in catalogue::WAVE_PHASES {
            let waves = state.waves.iter().filter(|wave| wave_word(wave.phase) == *phase).count();
            families.rollout_waves.with_label_values(&[name, phase]).set(whole(waves));
        }
        for index in plan.wave_indices() {
            let (wave, labels) = (state.wave(index), [name, plan.wave_name(index)]);
            let set = |family: &IntGaugeVec, nodes: u32| {
                family.with_label_values(&labels).set(i64::from(nodes));
            };
            set(&families.wave_size, plan.waves[index.at()].size);
            set(&families.wave_finished, wave.tally.finished());
            set(&families.wave_failed, wave.tally.failures());
            set(&families.wave_in_flight, wave.in_flight);
            set(&families.wave_bake, plan.spec.waves[index.at()].bake.0);
            families.wave_baked.with_label_values(&labels).set(wave.baked_ms as f64 / 1000.0);
        }
    }

    fn look_at_rollback(&self, state: &State) {
        let families = self.families();
        let back = state.rollback.as_ref();
        let counts = back.map_or([0; 4], |back| [back.total, back.restored, back.failed, back.in_flight]);
        let gauges = [
            &families.rollback_nodes,
            &families.rollback_restored,
            &families.rollback_failed,
            &families.rollback_in_flight,
        ];
        for (gauge, nodes) in gauges.into_iter().zip(counts) {
            self.set(gauge, i64::from(nodes));
        }
    }

    fn set(&self, gauge: &IntGaugeVec, value: i64) {
        gauge.with_label_values(&[&self.rollout]).set(value);
    }
}

fn whole(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// Nodes with a version that nothing vouches for. A rollback condemns the version, passed waves included.
fn exposed(state: &State) -> u32 {
    if let Some(back) = &state.rollback {
        return back.total.saturating_sub(back.restored);
    }
    let unproven = state.waves.iter().filter(|wave| !matches!(wave.phase, WavePhase::Passed { .. }));
    unproven.map(|wave| wave.tally.of(Outcome::Succeeded)).sum()
}

/// The budget that is nearest to its end: the run's, a stratum's, or that of a wave under way. The first failure beyond
/// what is tolerated stops, so a budget of none is wholly used by one failure. Accepted failures count no more.
fn budget_used(plan: &Plan, state: &State) -> f64 {
    let failures = plan.spec.limits.failures;
    if state.tally.failures() <= state.accepted_failures {
        return 0.0;
    }
    let used = |tally: &Tally, total: u32| {
        f64::from(tally.failures()) / f64::from(failures.tolerated(total).saturating_add(1))
    };
    // What failed stays in sight: it is why the rollout is where it is.
    let counts = |phase| !matches!(phase, WavePhase::Waiting | WavePhase::Passed { .. });
    let waves = plan.waves.iter().zip(&state.waves).filter(|(_, wave)| counts(wave.phase));
    let strata = plan.strata.iter().zip(&state.strata).filter(|(stratum, _)| stratum.size >= SMALL_STRATUM);
    waves
        .map(|(planned, wave)| used(&wave.tally, planned.size))
        .chain(strata.map(|(stratum, tally)| used(tally, stratum.size)))
        .fold(used(&state.tally, plan.nodes.len() as u32), f64::max)
}

fn hold_word(kind: Kind) -> &'static str {
    match kind {
        Kind::Operator => "operator",
        Kind::Emergency => "emergency",
        Kind::Approval(_) | Kind::SignOff(..) => "approval",
        Kind::Guardrail(_) => "guardrail",
        Kind::Gate(..) => "gate",
        Kind::Site(_) => "site",
        Kind::Refused(_) => "refused",
        Kind::Errand(_) => "errand",
        Kind::Twice => "twice",
    }
}
