//! How fast a rollback begins once a budget or a guard is broken.

use super::super::chronicle::What;
use super::super::run::Told;
use super::book::Book;
use super::budgets::Budget;
use wavetrain_model::event::{Entry, Event};
use wavetrain_model::gate::{Scope, Verdict, Which};
use wavetrain_model::intent::Action;
use wavetrain_model::time::Timestamp;

/// What breaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Trigger {
    /// The failure budget, with the outcome that is one too many.
    Budget,
    /// A guard, with the measurement that is one too many.
    Guard,
}

impl Trigger {
    fn breaks(self, book: &Book<'_>, entries: &[Entry]) -> bool {
        match self {
            Self::Budget => book.broken(Budget::Failures).is_some(),
            Self::Guard => {
                book.is_decided
                    && entries.iter().any(|entry| {
                        let Event::Judged { which, scope, verdict, .. } = &entry.event else { return false };
                        matches!(which, Which::Planned(_))
                            && (*scope, *verdict) == (Scope::Guard, Verdict::Fail)
                    })
            }
        }
    }
}

/// From the commit with the breaking outcome to the first command of the rollback.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Latency {
    /// Commits after that one until the command left; None: no budget broke, or nothing could be sent.
    pub ticks: Option<u32>,
    /// Virtual milliseconds; None as above.
    pub millis: Option<u64>,
    /// Installs that left after that commit.
    pub late_installs: u32,
}

struct Broken {
    at: Timestamp,
    ticks: u32,
    /// A rollback is decided, and nodes wait for their first step at sites that are not held.
    may_send: bool,
}

pub(super) fn measure(told: &Told, trigger: Trigger) -> Latency {
    let mut latency = Latency::default();
    let mut book = Book::new(&told.plan);
    let mut broken: Option<Broken> = None;
    for happening in &told.happenings {
        match &happening.what {
            What::Stored { entries, .. } => {
                let mut steps = Vec::new();
                for entry in entries {
                    if let Event::Stepped { nodes, .. } = &entry.event {
                        steps.extend(nodes.iter().copied());
                    }
                    book.take(entry);
                }
                let is_ready = steps.iter().any(|node| {
                    let site = told.plan.site_of(*node);
                    !book.holds.iter().any(|kind| kind.site() == Some(site))
                });
                let may_send = is_ready && book.is_decided && !book.stops_everything();
                match &mut broken {
                    Some(broken) => {
                        broken.ticks += 1;
                        // What could not be sent at once is measured from when it could.
                        if may_send && !broken.may_send {
                            *broken = Broken { at: happening.at, ticks: 0, may_send };
                        }
                    }
                    None if trigger.breaks(&book, entries) => {
                        broken = Some(Broken { at: happening.at, ticks: 0, may_send });
                    }
                    None => {}
                }
            }
            What::Asked(command) => {
                let action = command.intent().and_then(|intent| book.intents.get(&intent));
                match (action.map(|intent| &intent.action), &broken) {
                    (Some(Action::Install { .. }), Some(_)) => latency.late_installs += 1,
                    (
                        Some(Action::Uninstall { .. } | Action::Reinstall { .. } | Action::Prove),
                        Some(Broken { at, ticks, may_send: true }),
                    ) => {
                        latency.ticks = Some(*ticks);
                        latency.millis = Some(happening.at.since_ms(*at));
                        return latency;
                    }
                    // It had begun before, for another reason.
                    (Some(Action::Uninstall { .. } | Action::Reinstall { .. } | Action::Prove), _) => {
                        return latency;
                    }
                    _ => {}
                }
            }
            // A dead process sends nothing, and an accepted budget is not broken.
            What::Died => return latency,
            What::Taken { .. } | What::Began | What::Calm => {}
        }
        if broken.is_some() && trigger == Trigger::Budget && book.broken(Budget::Failures).is_none() {
            broken = None;
        }
    }
    latency
}
