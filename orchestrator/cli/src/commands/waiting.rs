//! What a rollout that is not held waits for, wave by wave.

use crate::print::status::baked;
use crate::print::table::counted;
use crate::print::words;
use std::fmt::Write;
use wavetrain_engine::people;
use wavetrain_model::approval::Subject;
use wavetrain_model::id::WaveIndex;
use wavetrain_model::plan::Plan;
use wavetrain_model::state::{Phase, Progress, State, WavePhase};
use wavetrain_model::time::{Seconds, Timestamp};

/// One sentence for each thing that is waited for.
pub fn sentences(plan: &Plan, state: &State, now: Timestamp) -> String {
    let mut text = String::new();
    if state.phase == Phase::Running {
        for wave in plan.wave_indices() {
            if let Some(sentence) = wave_sentence(plan, state, now, wave) {
                let _ = writeln!(text, "wave {}: {sentence}", plan.wave_name(wave));
            }
        }
    }
    if let (Phase::RollingBack, Some(rollback)) = (&state.phase, &state.rollback) {
        let left = rollback.total.saturating_sub(rollback.restored + rollback.failed);
        let _ = writeln!(text, "rollback: {} left, {} in flight", counted(left, "node"), rollback.in_flight);
    }
    for open in state.open.values() {
        let site = &plan.sites[open.intent.site.at()].site;
        let what = match &open.progress {
            Progress::Recorded => "is being handed to AWS".to_owned(),
            Progress::Deferred { until } => format!("is put off until {until}"),
            Progress::Uncertain { since } => {
                format!("may have been sent; looked for since {}", words::short(now.since(*since)))
            }
            Progress::Sent { command, at } => {
                format!("runs as command {command} for {}", words::short(now.since(*at)))
            }
        };
        let nodes = counted(open.pending.len() as u64, "node");
        let _ = writeln!(text, "{site}: {} of {nodes} {what}", open.intent.action.word());
    }
    text
}

fn wave_sentence(plan: &Plan, state: &State, now: Timestamp, index: WaveIndex) -> Option<String> {
    let (spec, wave) = (&plan.spec.waves[index.at()], state.wave(index));
    Some(match wave.phase {
        WavePhase::Waiting => {
            let missing: Vec<&str> = spec
                .after
                .iter()
                .filter(|before| !matches!(state.wave(**before).phase, WavePhase::Passed { .. }))
                .map(|before| plan.wave_name(*before))
                .collect();
            let own = Subject { wave: index, gate: None, before: true };
            let standing = people::standing(plan, state, now, own).filter(|standing| !standing.is_agreed());
            match (missing.as_slice(), standing) {
                ([], Some(standing)) => format!("waits for people: {}", standing.sentence()),
                ([], None) => "is about to open".to_owned(),
                (missing, _) => format!("waits until {} passed", missing.join(" and ")),
            }
        }
        WavePhase::Blocked { since } => format!("its blockers are measured since {since}"),
        WavePhase::Open { since } => {
            let left = plan.waves[index.at()].size.saturating_sub(wave.tally.finished());
            format!(
                "{} without an outcome, {} in flight, open since {since}",
                counted(left, "node"),
                wave.in_flight
            )
        }
        WavePhase::Baking { since } => {
            let left = Seconds(spec.bake.0.saturating_sub(baked(wave).0));
            if left.0 == 0 {
                format!("its bake is over, its gates have not all passed yet (settled {since})")
            } else {
                format!("bakes for another {}", words::short(left))
            }
        }
        WavePhase::Passed { .. } | WavePhase::Failed { .. } => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::print::status::tests::plan;

    #[test]
    fn a_later_wave_says_which_wave_it_waits_for() {
        let plan = plan();
        let mut state = State::new(&plan);
        state.waves[0].phase = WavePhase::Baking { since: Timestamp(0) };
        state.waves[0].baked_ms = 60_000;
        let text = sentences(&plan, &state, Timestamp(60_000));
        assert_eq!(text, "wave canary: bakes for another 29m\nwave all: waits until canary passed\n");
    }
}
