//! What must hold whatever happens, judged from the world's record and the log alone, never from the machine's own counts.

mod book;
mod budgets;
mod commands;
mod ends;
mod latency;
mod waves;

use super::chronicle::What;
use super::run::Told;
use book::Book;
use wavetrain_model::event::{Entry, Event};

pub use latency::Latency;
use latency::Trigger;

/// A promise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rule {
    /// No node gets two commands for one intent.
    Once,
    /// No command without a durable intent that says the same.
    Promised,
    /// No node changes under two commands at once.
    Alone,
    /// A wave begins when its predecessors have passed, and what asks for approval is approved.
    WaveOrder,
    /// No data never passes, and every measurement says a sentence.
    Evidence,
    /// A pass is earned: outcomes, verdict, bake, evidence after the wave settled.
    EarnedPass,
    /// No new install once a failure budget is broken.
    FailureBudget,
    /// No new install once the budget of unreachable nodes is broken.
    UndeliveredBudget,
    /// No more nodes change at once than the limits allow.
    InFlight,
    /// Nothing is begun while held, and no install after the decision to stop.
    Held,
    /// A node whose install failed is uninstalled before it gets its previous version.
    Suspect,
    /// The rollback is decided together with the quarantine.
    Quarantine,
    /// A rollback changes at most a third of its nodes at once.
    RollbackShare,
    /// The first command of a rollback goes out within two ticks.
    RollbackBegins,
    /// Nodes that take no part are not commanded, and nodes that nobody commanded do not change.
    LeftAlone,
    /// What the log says a probe proved is true.
    Truth,
    /// The end is what it says.
    End,
    /// Once nothing goes wrong any more, the rollout ends.
    Ends,
    /// A replay of the log gives the state that ran.
    Replay,
    /// The program does not panic.
    Panic,
}

/// A broken promise.
#[derive(Debug, Clone)]
pub struct Breach {
    pub rule: Rule,
    pub message: String,
    /// Where in the story; its length if at the end.
    pub at: usize,
}

/// A judge in the middle of a story.
struct Judge<'t> {
    told: &'t Told,
    book: Book<'t>,
    breaches: Vec<Breach>,
    at: usize,
}

impl Judge<'_> {
    fn require(&mut self, holds: bool, rule: Rule, message: impl FnOnce() -> String) {
        if !holds {
            self.breaches.push(Breach { rule, message: message(), at: self.at });
        }
    }

    fn entry(&mut self, entry: &Entry) {
        match &entry.event {
            Event::Intended { intent } => {
                self.wave_may_begin(intent);
                self.budgets_allow(intent);
                self.nothing_is_held(intent);
            }
            Event::Measured { which, verdict, evidence, readings, .. } => {
                self.measurement_speaks(*which, *verdict, evidence, readings);
            }
            Event::WavePassed { wave } => self.pass_is_earned(*wave, entry.at),
            Event::WaveOpened { wave } => self.wave_opens(*wave),
            Event::Finished { .. } | Event::Restored { .. } => self.is_true(entry),
            _ => {}
        }
        self.book.take(entry);
        match &entry.event {
            Event::Intended { intent } => self.limits_hold(intent),
            Event::Ended { ending } => self.end_is_what_it_says(*ending),
            _ => {}
        }
    }

    fn happening(&mut self, what: &What) {
        match what {
            What::Stored { entries, quarantines, .. } => {
                for entry in entries {
                    self.entry(entry);
                }
                let decides =
                    entries.iter().any(|entry| matches!(entry.event, Event::RollbackDecided { .. }));
                self.require(decides == *quarantines, Rule::Quarantine, || {
                    format!("rollback decided: {decides}, quarantined: {quarantines}")
                });
            }
            What::Asked(command) => self.asked(command),
            What::Taken { command, live } => self.taken(command, live),
            What::Began | What::Died | What::Calm => {}
        }
    }
}

/// Everything that was broken in a story, in order, and how fast its rollback began after a budget and after a guard.
pub fn judge(told: &Told) -> (Vec<Breach>, [Latency; 2]) {
    let mut judge = Judge { told, book: Book::new(&told.plan), breaches: Vec::new(), at: 0 };
    for (at, happening) in told.happenings.iter().enumerate() {
        judge.at = at;
        judge.happening(&happening.what);
    }
    judge.at = told.happenings.len();
    judge.ends();
    let latencies =
        [Trigger::Budget, Trigger::Guard].map(|trigger| (trigger, latency::measure(told, trigger)));
    // Before nodes are commanded their associations have to rest, which takes as long as they still change.
    let is_direct = told.plan.spec.dispatch.is_command();
    for (trigger, latency) in latencies {
        judge.require(
            !is_direct || latency.ticks.is_none_or(|ticks| ticks <= 2),
            Rule::RollbackBegins,
            || format!("the rollback's first command came {latency:?} after the break of a {trigger:?}"),
        );
    }
    let told = |(_, latency): (Trigger, Latency)| {
        if is_direct {
            latency
        } else {
            Latency { late_installs: latency.late_installs, ..Latency::default() }
        }
    };
    (judge.breaches, latencies.map(told))
}
