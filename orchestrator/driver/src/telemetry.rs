//! Events as sentences and as log lines. A line exists because an event exists; there are no others about a
//! rollout's course.

use crate::progress;
use wavetrain_model::approval::Subject;
use wavetrain_model::event::{Entry, Event};
use wavetrain_model::gate::{Scope, Which};
use wavetrain_model::guardrail::Decision;
use wavetrain_model::hold::Kind;
use wavetrain_model::id::{Digest, IntentId, NodeIndex, RolloutId, SiteIndex, WaveIndex};
use wavetrain_model::intent::{Action, Intent};
use wavetrain_model::plan::{Before, Plan};
use wavetrain_model::state::{Step, WavePhase};

/// Writes one event as one line: decisions, waves, gates and holds at `info`, everything else at `debug`.
pub fn log(plan: &Plan, rollout: &RolloutId, entry: &Entry) {
    let message = sentence(plan, entry);
    let Facts { wave, site, nodes } = facts(plan, &entry.event);
    let (kind, actor) = (entry.event.word(), entry.actor.as_str());
    // Two calls because the level of a line is fixed where it is written.
    if is_decision(&entry.event) {
        tracing::info!(%rollout, kind, actor, wave, site, nodes, "{message}");
    } else {
        tracing::debug!(%rollout, kind, actor, wave, site, nodes, "{message}");
    }
}

/// Whether people want to see it without asking for details.
pub fn is_decision(event: &Event) -> bool {
    match event {
        Event::Started { .. }
        | Event::Recovered
        | Event::Ordered { .. }
        | Event::WaveBlocked { .. }
        | Event::WaveOpened { .. }
        | Event::WaveSettled { .. }
        | Event::WavePassed { .. }
        | Event::WaveFailed { .. }
        | Event::Judged { .. }
        | Event::Held { .. }
        | Event::Released { .. }
        | Event::Approved { .. }
        | Event::Guarded { .. }
        | Event::GuardrailApproved { .. }
        | Event::GuardrailRejected { .. }
        | Event::GuardrailsAdded { .. }
        | Event::Rejected { .. }
        | Event::Reported { .. }
        | Event::CarriedOut { .. }
        | Event::RollbackDecided { .. }
        | Event::NotRestored { .. }
        | Event::Retried { .. }
        | Event::AbortDecided { .. }
        | Event::Ended { .. } => true,
        Event::BakeCredited { .. }
        | Event::Intended { .. }
        | Event::Sent { .. }
        | Event::Deferred { .. }
        | Event::Uncertain { .. }
        | Event::Cleared { .. }
        | Event::Settled { .. }
        | Event::Surveyed { .. }
        | Event::Installed { .. }
        | Event::Requeued { .. }
        | Event::Finished { .. }
        | Event::Probed { .. }
        | Event::Measured { .. }
        | Event::SiteFailed { .. }
        | Event::SiteAnswered { .. }
        | Event::Stepped { .. }
        | Event::Restored { .. } => false,
    }
}

struct Facts {
    wave: Option<String>,
    site: Option<String>,
    nodes: Option<usize>,
}

fn facts(plan: &Plan, event: &Event) -> Facts {
    let wave = match event {
        Event::WaveBlocked { wave }
        | Event::WaveOpened { wave }
        | Event::WaveSettled { wave }
        | Event::BakeCredited { wave, .. }
        | Event::WavePassed { wave }
        | Event::WaveFailed { wave }
        | Event::Approved { wave, .. }
        | Event::Rejected { subject: Subject { wave, .. }, .. }
        | Event::Guarded { wave: Some(wave), .. }
        | Event::GuardrailApproved { wave, .. }
        | Event::GuardrailRejected { wave, .. }
        | Event::Measured { scope: Scope::Wave(wave) | Scope::Blocker(wave), .. }
        | Event::Judged { scope: Scope::Wave(wave) | Scope::Blocker(wave), .. } => Some(*wave),
        Event::Intended { intent } => wave_of(&intent.action),
        _ => None,
    };
    let site = match event {
        Event::Intended { intent } => Some(intent.site),
        Event::SiteFailed { site, .. } | Event::SiteAnswered { site } => Some(*site),
        Event::Held { hold } => hold.kind.site(),
        Event::Released { kind, .. } => kind.site(),
        _ => None,
    };
    Facts {
        wave: wave.map(|wave| plan.wave_name(wave).to_owned()),
        site: site.map(|site| site_name(plan, site)),
        nodes: nodes_of(event).map(<[NodeIndex]>::len),
    }
}

fn wave_of(action: &Action) -> Option<WaveIndex> {
    match action {
        Action::Survey { wave }
        | Action::Install { wave, .. }
        | Action::Verify { wave }
        | Action::Ask { scope: Scope::Wave(wave) | Scope::Blocker(wave), .. } => Some(*wave),
        Action::Uninstall { .. }
        | Action::Reinstall { .. }
        | Action::Prove
        | Action::Ask { scope: Scope::Guard, .. }
        | Action::Cancel { .. }
        | Action::Errand(_) => None,
    }
}

fn nodes_of(event: &Event) -> Option<&[NodeIndex]> {
    match event {
        Event::Intended { intent } => Some(&intent.nodes),
        Event::Surveyed { nodes, .. }
        | Event::Installed { nodes, .. }
        | Event::Requeued { nodes, .. }
        | Event::Finished { nodes, .. }
        | Event::Stepped { nodes, .. }
        | Event::Restored { nodes, .. }
        | Event::NotRestored { nodes, .. }
        | Event::Retried { nodes } => Some(nodes),
        _ => None,
    }
}

/// The event as one sentence that can be read alone.
pub fn sentence(plan: &Plan, entry: &Entry) -> String {
    match &entry.event {
        Event::Started { .. } | Event::Recovered | Event::Ordered { .. } | Event::Ended { .. } => {
            course(plan, entry)
        }
        Event::WaveBlocked { wave } => format!("wave {}: blockers are being measured", plan.wave_name(*wave)),
        Event::WaveOpened { wave } => format!(
            "wave {} opens: {}",
            plan.wave_name(*wave),
            count(plan.waves[wave.at()].size as usize, "node")
        ),
        Event::WaveSettled { wave } => format!(
            "wave {}: every node has its outcome, bake of {} begins",
            plan.wave_name(*wave),
            plan.spec.waves[wave.at()].bake
        ),
        Event::BakeCredited { wave, earned_ms, .. } => {
            format!("wave {}: {}s of bake earned", plan.wave_name(*wave), earned_ms / 1000)
        }
        Event::WavePassed { wave } => format!("wave {} passed", plan.wave_name(*wave)),
        Event::WaveFailed { wave } => format!("wave {} failed", plan.wave_name(*wave)),
        Event::Measured { which, scope, verdict, evidence, .. } => {
            format!("{} measured {verdict}: {}", gate(plan, *which, *scope), evidence.sentence)
        }
        Event::Judged { which, scope, verdict, evidence } => {
            format!("{}: {verdict}: {}", gate(plan, *which, *scope), evidence.sentence)
        }
        Event::Held { hold } => format!("held: {} ({})", hold.reason, hold.next_step),
        Event::Released { kind, accepted } => {
            let how = if *accepted { ", accepted by a person" } else { "" };
            format!("no longer held: {}{how}", hold(plan, *kind))
        }
        Event::Approved { .. } | Event::Rejected { .. } => word(plan, &entry.event),
        Event::Reported { gate, .. } => {
            format!("a signed report came in for gate {}", plan.spec.gates[gate.at()].name)
        }
        Event::Guarded { .. }
        | Event::GuardrailApproved { .. }
        | Event::GuardrailRejected { .. }
        | Event::GuardrailsAdded { .. } => guarded(plan, &entry.event),
        Event::SiteFailed { site, message } => {
            format!("{} does not answer: {message}", site_name(plan, *site))
        }
        Event::SiteAnswered { site } => format!("{} answers again", site_name(plan, *site)),
        Event::RollbackDecided { cause } => format!(
            "rolling back: {cause}; {} {} is quarantined",
            plan.spec.package.name, plan.spec.package.version
        ),
        Event::AbortDecided { cause } => format!("aborting: {cause}"),
        _ => work(plan, &entry.event),
    }
}

/// What guardrails say.
fn guarded(plan: &Plan, event: &Event) -> String {
    match event {
        Event::Guarded { wave, decision, require, values, sentence, .. } => {
            let what = wave.map_or("the start".to_owned(), |wave| format!("wave {}", plan.wave_name(wave)));
            let why =
                if *decision == Decision::Allow { String::new() } else { format!(" [{require}; {values}]") };
            format!("{sentence}: it {} {what}{why}", decision.word())
        }
        Event::GuardrailApproved { wave, by, evidence, typed_by, .. } => {
            let (wave, by, shown) =
                (plan.wave_name(*wave), person(by, typed_by.as_deref()), shown(evidence.as_ref()));
            format!("wave {wave} approved by {by}{shown}, as a guardrail asks")
        }
        Event::GuardrailRejected { wave, by, reason, typed_by, .. } => {
            let (wave, by) = (plan.wave_name(*wave), person(by, typed_by.as_deref()));
            format!("wave {wave} rejected by {by}, whom a guardrail asks: {reason}")
        }
        Event::GuardrailsAdded { guardrails } => {
            let names: Vec<&str> = guardrails.iter().map(|guardrail| guardrail.name.as_str()).collect();
            format!("held against more guardrails from now on: {}", names.join(", "))
        }
        other => other.word().replace('_', " "),
    }
}

/// In whose name, and who typed that, if it is somebody else.
fn person(by: &str, typed_by: Option<&str>) -> String {
    match typed_by {
        Some(typed_by) if typed_by != by => format!("{by} (typed by {typed_by})"),
        _ => by.to_owned(),
    }
}

fn shown(evidence: Option<&Digest>) -> String {
    let short = evidence.and_then(|evidence| evidence.as_str().get(..12));
    short.map_or_else(String::new, |short| format!(" on evidence {short}"))
}

/// What a person said.
fn word(plan: &Plan, event: &Event) -> String {
    let about = |subject: Subject| {
        let wave = plan.wave_name(subject.wave);
        let gate = subject.gate.map(|gate| plan.spec.gates[gate.at()].name.as_str());
        match (gate, subject.before) {
            (None, _) => format!("wave {wave}"),
            (Some(gate), true) => format!("wave {wave} (gate {gate}, before it)"),
            (Some(gate), false) => format!("wave {wave} (gate {gate})"),
        }
    };
    match event {
        Event::Approved { wave, by, gate, before, evidence, typed_by } => {
            let subject = Subject { wave: *wave, gate: *gate, before: *before };
            let by = person(by, typed_by.as_deref());
            format!("{} approved by {by}{}", about(subject), shown(evidence.as_ref()))
        }
        Event::Rejected { subject, by, evidence, reason, typed_by } => {
            let by = person(by, typed_by.as_deref());
            format!("{} rejected by {by}{}: {reason}", about(*subject), shown(Some(evidence)))
        }
        other => other.word().replace('_', " "),
    }
}

fn course(plan: &Plan, entry: &Entry) -> String {
    match &entry.event {
        Event::Started { .. } => format!(
            "rollout of {} {} to {} begins",
            plan.spec.package.name,
            plan.spec.package.version,
            count(plan.nodes.len(), "node")
        ),
        Event::Recovered => "rollout taken up again".to_owned(),
        Event::Ordered { order } => format!("{} ordered: {order}", entry.actor),
        Event::Ended { ending } => format!("rollout {}", progress::ending_word(*ending).replace('_', " ")),
        other => other.word().replace('_', " "),
    }
}

/// Sentences about intents and nodes.
fn work(plan: &Plan, event: &Event) -> String {
    match event {
        Event::Intended { intent } => intended(plan, intent),
        Event::Sent { intent, command, adopted: false } => format!("intent {intent}: sent as {command}"),
        Event::Sent { intent, command, adopted: true } => format!("intent {intent}: found as {command}"),
        Event::Deferred { intent, until, reason } => {
            format!("intent {intent}: not sent, again at {until}: {reason}")
        }
        Event::Uncertain { intents, reason } => {
            format!("{} may have been sent and are looked for: {reason}", intent_list(intents))
        }
        Event::Cleared { intent } => format!("intent {intent}: was never sent"),
        Event::CarriedOut { note, done: true, .. } => note.clone(),
        Event::CarriedOut { note, done: false, .. } => format!("given up: {note}"),
        Event::Settled { intents } => format!("{} settled", intent_list(intents)),
        Event::Surveyed { before, nodes, .. } => {
            format!("{} had {}", count(nodes.len(), "node"), before_text(plan, *before))
        }
        Event::Installed { nodes, .. } => {
            format!("{} reported installed, to be proven", count(nodes.len(), "node"))
        }
        Event::Requeued { nodes, until, reason, .. } => {
            format!("{} again at {until}: {reason}", count(nodes.len(), "node"))
        }
        Event::Finished { outcome, nodes, note, .. } => {
            let note = if note.is_empty() { String::new() } else { format!(": {note}") };
            format!("{} {outcome}{note}", count(nodes.len(), "node"))
        }
        Event::Stepped { step, nodes, retry, note, .. } => {
            let again = if *retry { " again" } else { "" };
            format!("{} to {}{again}: {note}", count(nodes.len(), "node"), step_text(plan, *step))
        }
        Event::Restored { nodes, proof, .. } => format!("{} restored: {proof}", count(nodes.len(), "node")),
        Event::NotRestored { nodes, note, .. } => {
            format!("{} not restored: {note}", count(nodes.len(), "node"))
        }
        Event::Probed { refused: Some(why), .. } => format!("a gate's probe was refused: {why}"),
        Event::Probed { answers, .. } => {
            let answered = answers.iter().filter(|answer| answer.exit.is_some()).count();
            format!("{answered} of {} answered a probe", count(answers.len(), "node"))
        }
        Event::Retried { nodes } => format!("{} to be tried again", count(nodes.len(), "node")),
        other => other.word().replace('_', " "),
    }
}

fn intended(plan: &Plan, intent: &Intent) -> String {
    if let Action::Errand(errand) = &intent.action {
        return format!("intent {} to {} in {}", intent.id, errand.word(), site_name(plan, intent.site));
    }
    let wave = wave_of(&intent.action).map(|wave| format!("wave {}: ", plan.wave_name(wave)));
    format!(
        "{}intent {} to {} {} in {}",
        wave.unwrap_or_default(),
        intent.id,
        intent.action.word(),
        count(intent.nodes.len(), "node"),
        site_name(plan, intent.site)
    )
}

/// A wave's phase in one word, for tables.
pub fn wave_word(phase: WavePhase) -> &'static str {
    match phase {
        WavePhase::Waiting => "waiting",
        WavePhase::Blocked { .. } => "blocked",
        WavePhase::Open { .. } => "open",
        WavePhase::Baking { .. } => "baking",
        WavePhase::Passed { .. } => "passed",
        WavePhase::Failed { .. } => "failed",
    }
}

fn gate(plan: &Plan, which: Which, scope: Scope) -> String {
    let name = match which {
        Which::Install => "install budget".to_owned(),
        Which::Planned(gate) => {
            let gate = &plan.spec.gates[gate.at()];
            if gate.dry_run { format!("{} (dry run)", gate.name) } else { gate.name.clone() }
        }
    };
    match scope {
        Scope::Blocker(wave) => format!("blocker {name} of wave {}", plan.wave_name(wave)),
        Scope::Wave(wave) => format!("gate {name} of wave {}", plan.wave_name(wave)),
        Scope::Guard => format!("guard {name}"),
    }
}

fn hold(plan: &Plan, kind: Kind) -> String {
    match kind {
        Kind::Operator => "paused by a person".to_owned(),
        Kind::Emergency => "emergency stop".to_owned(),
        Kind::Approval(wave) => format!("approval of wave {}", plan.wave_name(wave)),
        Kind::SignOff(gate, wave) => {
            format!("approval of wave {} (gate {})", plan.wave_name(wave), plan.spec.gates[gate.at()].name)
        }
        Kind::Guardrail(wave) => format!("guardrails of wave {}", plan.wave_name(wave)),
        Kind::Gate(Which::Install, _) => "install budget".to_owned(),
        Kind::Gate(Which::Planned(gate), _) => format!("gate {}", plan.spec.gates[gate.at()].name),
        Kind::Site(site) => format!("{} could not be reached", site_name(plan, site)),
        Kind::Refused(site) => format!("a request was refused in {}", site_name(plan, site)),
        Kind::Errand(site) => format!("State Manager or the document in {}", site_name(plan, site)),
        Kind::Twice => "one intent was sent twice".to_owned(),
    }
}

fn before_text(plan: &Plan, before: Before) -> &str {
    match before {
        Before::Unknown => "an unknown version",
        Before::Absent => "nothing installed",
        Before::Version(version) => plan.version(version),
    }
}

fn step_text(plan: &Plan, step: Step) -> String {
    match step {
        Step::Look => "look".to_owned(),
        Step::Uninstall(version) => format!("uninstall {}", plan.version(version)),
        Step::UninstallBlank => "uninstall whatever is there".to_owned(),
        Step::Reinstall(version) => format!("reinstall {}", plan.version(version)),
        Step::Prove => "prove".to_owned(),
    }
}

fn site_name(plan: &Plan, site: SiteIndex) -> String {
    plan.sites[site.at()].site.to_string()
}

fn count(n: usize, what: &str) -> String {
    if n == 1 { format!("1 {what}") } else { format!("{n} {what}s") }
}

fn intent_list(intents: &[IntentId]) -> String {
    match intents {
        [one] => format!("intent {one}"),
        many => format!("{} intents", many.len()),
    }
}
