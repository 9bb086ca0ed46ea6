//! Whether what was read back from the store can belong together. A damaged record may still be well-formed JSON, and an
//! index that points beyond the plan would end the process instead of the command.

use wavetrain_model::approval::Subject;
use wavetrain_model::event::Event;
use wavetrain_model::gate::{Scope, Which};
use wavetrain_model::hold::{Hold, Kind};
use wavetrain_model::id::{NodeIndex, SiteIndex, VersionIndex, WaveIndex};
use wavetrain_model::intent::{Action, Intent};
use wavetrain_model::plan::{Before, Plan};
use wavetrain_model::state::{Restoration, State, Step};

/// Whether everything in the event that points into the plan points at something.
pub fn event(plan: &Plan, event: &Event) -> bool {
    let fit = Fit(plan);
    match event {
        Event::WaveBlocked { wave }
        | Event::WaveOpened { wave }
        | Event::WaveSettled { wave }
        | Event::BakeCredited { wave, .. }
        | Event::WavePassed { wave }
        | Event::WaveFailed { wave }
        | Event::GuardrailApproved { wave, .. }
        | Event::GuardrailRejected { wave, .. }
        | Event::Guarded { wave: Some(wave), .. }
        | Event::Held { hold: Hold { kind: Kind::Guardrail(wave), .. } } => fit.wave(*wave),
        Event::Approved { wave, gate, before, .. } => {
            fit.subject(Subject { wave: *wave, gate: *gate, before: *before })
        }
        Event::Rejected { subject, .. } => fit.subject(*subject),
        Event::Reported { gate, .. } => fit.gate(Which::Planned(*gate), Scope::Guard),
        Event::SiteFailed { site, .. } | Event::SiteAnswered { site } => fit.site(*site),
        Event::Intended { intent } => fit.intent(intent),
        Event::Surveyed { before, nodes, .. } => fit.before(*before) && fit.nodes(nodes),
        Event::Stepped { step, nodes, .. } => fit.step(*step) && fit.nodes(nodes),
        Event::Installed { nodes, .. }
        | Event::Requeued { nodes, .. }
        | Event::Finished { nodes, .. }
        | Event::Restored { nodes, .. }
        | Event::NotRestored { nodes, .. }
        | Event::Retried { nodes } => fit.nodes(nodes),
        Event::Probed { answers, .. } => answers.iter().all(|answer| fit.node(answer.node)),
        Event::Measured { which, scope, .. } | Event::Judged { which, scope, .. } => fit.gate(*which, *scope),
        // The rest speaks of intents, which are looked up, and of people's words.
        _ => true,
    }
}

/// Whether a snapshot has the shape of the plan. One that has not costs a replay, nothing else.
pub fn snapshot(plan: &Plan, state: &State) -> bool {
    let fit = Fit(plan);
    let domains: usize = plan.spec.limits.max_unavailable.iter().map(|entry| entry.values.len()).sum();
    let is_parallel = state.nodes.len() == plan.nodes.len()
        && state.waves.len() == plan.waves.len()
        && state.sites.len() == plan.sites.len()
        && state.strata.len() == plan.strata.len()
        && state.domains.len() == domains;
    is_parallel
        && state.nodes.iter().all(|node| fit.before(node.before) && fit.restoration(node.restoration))
        && state.open.values().all(|open| fit.intent(&open.intent) && fit.nodes(&open.pending))
        && state.rounds.iter().all(|round| {
            fit.gate(Which::Planned(round.gate), round.scope)
                && fit.nodes(&round.asked)
                && round.answers.iter().all(|answer| fit.node(answer.node))
                && round.refused.keys().all(|site| fit.site(*site))
        })
        && state.gates.iter().all(|gate| fit.gate(gate.which, gate.scope))
        && state.given.iter().all(|given| fit.subject(given.subject))
        && state.waves.iter().all(|wave| {
            let queued = wave.unsurveyed.iter().chain(&wave.ready);
            let sites = wave.site_in_flight.keys().chain(wave.site_size.keys());
            queued
                .into_iter()
                .all(|(site, nodes)| fit.site(*site) && nodes.iter().all(|node| fit.node(*node)))
                && wave.proving.iter().all(|(site, proving)| fit.site(*site) && fit.nodes(&proving.nodes))
                && wave.later.iter().all(|later| fit.node(later.node))
                && sites.into_iter().all(|site| fit.site(*site))
        })
        && state.rollback.iter().all(|rollback| {
            let mut queues = rollback.queue.values().flatten();
            queues.all(|(site, nodes)| fit.site(*site) && fit.nodes(nodes))
                && rollback.resting.keys().all(|node| fit.node(*node))
        })
        && state.notes.keys().all(|node| fit.node(*node))
}

struct Fit<'p>(&'p Plan);

impl Fit<'_> {
    fn wave(&self, wave: WaveIndex) -> bool {
        wave.at() < self.0.waves.len()
    }

    fn site(&self, site: SiteIndex) -> bool {
        site.at() < self.0.sites.len()
    }

    /// Nodes that no wave reaches are never spoken of.
    fn node(&self, node: NodeIndex) -> bool {
        self.0.nodes.get(node.at()).is_some_and(|node| node.wave.is_some())
    }

    fn nodes(&self, nodes: &[NodeIndex]) -> bool {
        nodes.iter().all(|node| self.node(*node))
    }

    fn version(&self, version: VersionIndex) -> bool {
        version.at() < self.0.versions.len()
    }

    fn before(&self, before: Before) -> bool {
        match before {
            Before::Version(version) => self.version(version),
            Before::Unknown | Before::Absent => true,
        }
    }

    fn step(&self, step: Step) -> bool {
        match step {
            Step::Uninstall(version) | Step::Reinstall(version) => self.version(version),
            Step::Look | Step::UninstallBlank | Step::Prove => true,
        }
    }

    fn restoration(&self, restoration: Restoration) -> bool {
        match restoration {
            Restoration::Waiting(step) | Restoration::Running(step) => self.step(step),
            Restoration::None | Restoration::Done | Restoration::Failed => true,
        }
    }

    fn intent(&self, intent: &Intent) -> bool {
        let is_known = match &intent.action {
            Action::Survey { wave } | Action::Install { wave, .. } | Action::Verify { wave } => {
                self.wave(*wave)
            }
            Action::Uninstall { version } => version.is_none_or(|version| self.version(version)),
            Action::Reinstall { version } => self.version(*version),
            Action::Ask { gate, scope } => self.gate(Which::Planned(*gate), *scope),
            Action::Prove | Action::Cancel { .. } | Action::Errand(_) => true,
        };
        is_known && self.site(intent.site) && self.nodes(&intent.nodes)
    }

    fn subject(&self, subject: Subject) -> bool {
        let which = subject.gate.map_or(Which::Install, Which::Planned);
        self.gate(which, Scope::Wave(subject.wave))
    }

    fn gate(&self, which: Which, scope: Scope) -> bool {
        let is_known = match which {
            Which::Install => true,
            Which::Planned(gate) => gate.at() < self.0.spec.gates.len(),
        };
        is_known
            && match scope {
                Scope::Blocker(wave) | Scope::Wave(wave) => self.wave(wave),
                Scope::Guard => true,
            }
    }
}
