//! The catalogue as instruments of one registry.

use super::catalogue::{self as all, Metric};
use prometheus::core::Collector;
use prometheus::{GaugeVec, HistogramOpts, HistogramVec, IntCounterVec, IntGaugeVec, Opts, Registry};

/// Upper bounds in seconds: from a commit to memory up to a store that hangs.
const SECONDS: [f64; 12] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0];

pub(super) struct Families {
    pub(super) rollout_info: IntGaugeVec,
    pub(super) rollout_phase: IntGaugeVec,
    pub(super) rollout_nodes: IntGaugeVec,
    pub(super) rollout_waves: IntGaugeVec,
    pub(super) rollout_holds: IntGaugeVec,
    pub(super) wave_size: IntGaugeVec,
    pub(super) wave_finished: IntGaugeVec,
    pub(super) wave_failed: IntGaugeVec,
    pub(super) wave_in_flight: IntGaugeVec,
    pub(super) wave_baked: GaugeVec,
    pub(super) wave_bake: IntGaugeVec,
    pub(super) outcome_nodes: IntGaugeVec,
    pub(super) exposed_nodes: IntGaugeVec,
    pub(super) failure_budget_used: GaugeVec,
    pub(super) rollback_nodes: IntGaugeVec,
    pub(super) rollback_restored: IntGaugeVec,
    pub(super) rollback_failed: IntGaugeVec,
    pub(super) rollback_in_flight: IntGaugeVec,
    pub(super) open_intents: IntGaugeVec,
    pub(super) troubled_sites: IntGaugeVec,
    pub(super) gate_measurements: IntCounterVec,
    pub(super) gate_verdicts: IntCounterVec,
    pub(super) events: IntCounterVec,
    pub(super) commands: IntCounterVec,
    pub(super) api_calls: IntCounterVec,
    pub(super) decision: HistogramVec,
    pub(super) commit: HistogramVec,
    pub(super) last_event: GaugeVec,
    pub(super) lease_expiry: GaugeVec,
}

impl Families {
    pub(super) fn new(registry: &Registry) -> Self {
        let whole = |metric: &Metric| in_registry(registry, IntGaugeVec::new(opts(metric), metric.labels));
        let gauge = |metric: &Metric| in_registry(registry, GaugeVec::new(opts(metric), metric.labels));
        let counter =
            |metric: &Metric| in_registry(registry, IntCounterVec::new(opts(metric), metric.labels));
        let seconds = |metric: &Metric| {
            let opts = HistogramOpts::from(opts(metric)).buckets(SECONDS.to_vec());
            in_registry(registry, HistogramVec::new(opts, metric.labels))
        };
        Self {
            rollout_info: whole(&all::ROLLOUT_INFO),
            rollout_phase: whole(&all::ROLLOUT_PHASE),
            rollout_nodes: whole(&all::ROLLOUT_NODES),
            rollout_waves: whole(&all::ROLLOUT_WAVES),
            rollout_holds: whole(&all::ROLLOUT_HOLDS),
            wave_size: whole(&all::WAVE_SIZE),
            wave_finished: whole(&all::WAVE_FINISHED),
            wave_failed: whole(&all::WAVE_FAILED),
            wave_in_flight: whole(&all::WAVE_IN_FLIGHT),
            wave_baked: gauge(&all::WAVE_BAKED),
            wave_bake: whole(&all::WAVE_BAKE),
            outcome_nodes: whole(&all::OUTCOME_NODES),
            exposed_nodes: whole(&all::EXPOSED_NODES),
            failure_budget_used: gauge(&all::FAILURE_BUDGET_USED),
            rollback_nodes: whole(&all::ROLLBACK_NODES),
            rollback_restored: whole(&all::ROLLBACK_RESTORED),
            rollback_failed: whole(&all::ROLLBACK_FAILED),
            rollback_in_flight: whole(&all::ROLLBACK_IN_FLIGHT),
            open_intents: whole(&all::OPEN_INTENTS),
            troubled_sites: whole(&all::TROUBLED_SITES),
            gate_measurements: counter(&all::GATE_MEASUREMENTS),
            gate_verdicts: counter(&all::GATE_VERDICTS),
            events: counter(&all::EVENTS),
            commands: counter(&all::COMMANDS),
            api_calls: counter(&all::API_CALLS),
            decision: seconds(&all::DECISION),
            commit: seconds(&all::COMMIT),
            last_event: gauge(&all::LAST_EVENT),
            lease_expiry: gauge(&all::LEASE_EXPIRY),
        }
    }
}

fn opts(metric: &Metric) -> Opts {
    Opts::new(metric.name, metric.help)
}

/// Names in the catalogue are constants: a wrong or repeated one fails every test that builds a driver.
fn in_registry<C: Collector + Clone + 'static>(registry: &Registry, made: prometheus::Result<C>) -> C {
    let family = made.expect("the catalogue's names and labels are valid");
    registry.register(Box::new(family.clone())).expect("the catalogue's names are distinct");
    family
}
