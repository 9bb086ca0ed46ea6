//! How long commands usually take, learned from those that ended. Pure.

use std::collections::BTreeMap;
use wavetrain_model::intent::Action;

/// A command that was still running when it was expected to be over moves the expectation to its end, but by at most this
/// part of it: one that waited for its node is no measure for others.
const MOST_GROWTH_PART: i64 = 4;

/// A command that was over when it was expected to be makes the expectation shorter by this part: mostly right, rarely
/// much too late.
const DECAY_PART: i64 = 256;

/// Commands that take about as long as each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    /// A probe.
    Script,
    /// An install or uninstall.
    Package,
}

impl Kind {
    pub(crate) fn of(action: &Action) -> Self {
        match action {
            Action::Survey { .. }
            | Action::Verify { .. }
            | Action::Prove
            | Action::Ask { .. }
            | Action::Cancel { .. }
            | Action::Errand(_) => Self::Script,
            Action::Install { .. } | Action::Uninstall { .. } | Action::Reinstall { .. } => Self::Package,
        }
    }
}

/// What is known about the time from `SendCommand` to the end of a command's last node.
#[derive(Debug, Default)]
pub(super) struct Usual {
    by_kind: BTreeMap<Kind, i64>,
}

impl Usual {
    /// After how many milliseconds most commands of this kind are over; None before the first was.
    pub(super) fn duration_ms(&self, kind: Kind) -> Option<i64> {
        self.by_kind.get(&kind).copied()
    }

    /// A command was seen to be over at this age, having been seen running at the other.
    pub(super) fn learn(&mut self, kind: Kind, running_at_ms: i64, over_at_ms: i64) {
        let Some(expected_ms) = self.by_kind.get_mut(&kind) else {
            self.by_kind.insert(kind, over_at_ms);
            return;
        };
        if running_at_ms >= *expected_ms {
            *expected_ms += (over_at_ms - *expected_ms).min(*expected_ms / MOST_GROWTH_PART);
        } else {
            *expected_ms -= *expected_ms / DECAY_PART;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_command_of_a_kind_tells_how_long_the_others_take() {
        let mut usual = Usual::default();
        usual.learn(Kind::Package, 0, 40_000);
        assert_eq!(usual.duration_ms(Kind::Package), Some(40_000));
        assert_eq!(usual.duration_ms(Kind::Script), None);
    }

    #[test]
    fn most_commands_are_over_when_expected() {
        let mut usual = Usual::default();
        let mut on_time = 0;
        for round in 0..2_000_i64 {
            // Durations of 20 to 40 seconds, in an order without a pattern.
            let took_ms = 20_000 + round * 7_919 % 20_000;
            let expected_ms = usual.duration_ms(Kind::Package).unwrap_or(4_000);
            let (running_at_ms, over_at_ms) = if took_ms <= expected_ms {
                on_time += 1;
                (0, expected_ms)
            } else {
                (expected_ms, took_ms + 4_000)
            };
            usual.learn(Kind::Package, running_at_ms, over_at_ms);
        }
        assert!((1_900..1_990).contains(&on_time), "{on_time}");
    }
}
