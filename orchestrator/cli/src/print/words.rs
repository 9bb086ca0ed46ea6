//! Short words and sentences for states, the same in every view.

use crate::console::Tone;
use std::fmt::Write;
use wavetrain_model::approval::Subject;
use wavetrain_model::gate::{Scope, Which};
use wavetrain_model::hold::{Hold, Kind};
use wavetrain_model::outcome::Outcome;
use wavetrain_model::plan::{Before, Plan};
use wavetrain_model::state::{Ending, Phase, Tally, WavePhase};
use wavetrain_model::time::{Seconds, Timestamp};

/// The phase for people.
pub fn phase_sentence(phase: &Phase) -> &'static str {
    match phase {
        Phase::Running => "running",
        Phase::RollingBack => "rolling back",
        Phase::Aborting => "aborting: awaiting what runs",
        Phase::Ended(Ending::Completed) => "completed: every wave passed",
        Phase::Ended(Ending::RolledBack) => "rolled back: every touched node has its previous version",
        Phase::Ended(Ending::RolledBackWithExceptions) => "rolled back, but some nodes could not be restored",
        Phase::Ended(Ending::Aborted) => "aborted: nodes left as they are",
    }
}

/// How the phase is painted.
pub fn phase_tone(phase: &Phase) -> Tone {
    match phase {
        Phase::Running => Tone::Strong,
        Phase::Ended(Ending::Completed) => Tone::Good,
        Phase::RollingBack | Phase::Aborting | Phase::Ended(Ending::RolledBack) => Tone::Careful,
        Phase::Ended(Ending::RolledBackWithExceptions | Ending::Aborted) => Tone::Bad,
    }
}

/// A wave's phase in one word.
pub fn wave_phase(phase: &WavePhase) -> &'static str {
    match phase {
        WavePhase::Waiting => "waiting",
        WavePhase::Blocked { .. } => "blocked",
        WavePhase::Open { .. } => "installing",
        WavePhase::Baking { .. } => "baking",
        WavePhase::Passed { .. } => "passed",
        WavePhase::Failed { .. } => "failed",
    }
}

/// A hold's kind in a few words, with the names of the plan.
pub fn hold_kind(plan: &Plan, kind: Kind) -> String {
    match kind {
        Kind::Operator => "paused".to_owned(),
        Kind::Emergency => "emergency stop".to_owned(),
        Kind::Approval(wave) => format!("approval of {}", plan.wave_name(wave)),
        Kind::SignOff(gate, wave) => {
            format!("approval of {}, gate {}", plan.wave_name(wave), plan.spec.gates[gate.at()].name)
        }
        Kind::Guardrail(wave) => format!("guardrails of {}", plan.wave_name(wave)),
        Kind::Gate(which, Some(wave)) => format!("gate {} of {}", gate(plan, which), plan.wave_name(wave)),
        Kind::Gate(which, None) => format!("gate {}", gate(plan, which)),
        Kind::Site(site) => format!("site {}", plan.sites[site.at()].site),
        Kind::Refused(site) => format!("refused by {}", plan.sites[site.at()].site),
        Kind::Errand(site) => format!("finish or associations in {}", plan.sites[site.at()].site),
        Kind::Twice => "found twice".to_owned(),
    }
}

/// A hold over a few lines: why, what ends it, and until when.
pub fn hold_lines(plan: &Plan, hold: &Hold, now: Timestamp) -> String {
    let mut text =
        format!("{}: {}\n  next step: {}\n", hold_kind(plan, hold.kind), hold.reason, hold.next_step);
    if let Some(deadline) = hold.deadline {
        let left = short(deadline.since(now));
        let then = match hold.kind {
            Kind::SignOff(..) => "the gate is inconclusive",
            _ => "the rollout is aborted and nodes stay as they are",
        };
        let _ = writeln!(text, "  unanswered until {deadline} (in {left}), {then}");
    }
    text
}

/// A gate's name, and whether it decides anything.
pub fn gate(plan: &Plan, which: Which) -> String {
    match which {
        Which::Install => "install budget".to_owned(),
        Which::Planned(gate) => {
            let gate = &plan.spec.gates[gate.at()];
            if gate.dry_run { format!("{} (dry run)", gate.name) } else { gate.name.clone() }
        }
    }
}

/// What people are asked about.
pub fn subject(plan: &Plan, subject: Subject) -> String {
    let wave = plan.wave_name(subject.wave);
    match (subject.gate, subject.before) {
        (None, _) => format!("wave {wave}"),
        (Some(gate), true) => format!("gate {} before {wave}", plan.spec.gates[gate.at()].name),
        (Some(gate), false) => format!("gate {} after {wave}", plan.spec.gates[gate.at()].name),
    }
}

/// What a measurement was about.
pub fn scope(plan: &Plan, scope: Scope) -> String {
    match scope {
        Scope::Blocker(wave) => format!("before {}", plan.wave_name(wave)),
        Scope::Wave(wave) => format!("after {}", plan.wave_name(wave)),
        Scope::Guard => "all touched nodes".to_owned(),
    }
}

/// A version that was on a node.
pub fn before(plan: &Plan, before: Before) -> &str {
    match before {
        Before::Unknown => "unknown",
        Before::Absent => "none",
        Before::Version(version) => plan.version(version),
    }
}

/// Outcomes that occurred, such as `412 succeeded, 3 failed_restored`; `nothing finished` when none did.
pub fn tally(tally: &Tally) -> String {
    let parts: Vec<String> = Outcome::ALL
        .into_iter()
        .filter(|outcome| tally.of(*outcome) > 0)
        .map(|outcome| format!("{} {outcome}", super::table::grouped(tally.of(outcome))))
        .collect();
    if parts.is_empty() { "nothing finished".to_owned() } else { parts.join(", ") }
}

/// A length of time with its two largest units, so that it fits into a line.
pub fn short(seconds: Seconds) -> String {
    let text = seconds.to_string();
    text.split(' ').take(2).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tally_names_only_what_occurred() {
        let mut counts = Tally::default();
        assert_eq!(tally(&counts), "nothing finished");
        counts.add(Outcome::Succeeded, 1200);
        counts.add(Outcome::FailedBroken, 2);
        assert_eq!(tally(&counts), "1,200 succeeded, 2 failed_broken");
    }

    #[test]
    fn long_times_are_cut_to_two_units() {
        assert_eq!(short(Seconds(90_061)), "1d 1h");
        assert_eq!(short(Seconds(45)), "45s");
    }
}
