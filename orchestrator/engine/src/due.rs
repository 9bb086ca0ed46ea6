//! What should be in flight right now, from state alone.
//!
//! Level-triggered: it does not know what just happened, so the first look after a crash is the same call as every other.

mod forward;
mod measure;
mod restore;
mod wake;

use crate::decide::answer::{patience, silent_since};
use crate::decide::ask;
use std::collections::{BTreeMap, BTreeSet};
use wavetrain_model::gate::{Scope, Window};
use wavetrain_model::hold::{Hold, Kind};
use wavetrain_model::id::{GateIndex, IntentId, NodeIndex, SiteIndex};
use wavetrain_model::intent::{Action, Errand, Intent};
use wavetrain_model::plan::Plan;
use wavetrain_model::state::{OpenIntent, Phase, Progress, State};
use wavetrain_model::time::{Seconds, Timestamp};

/// What should be in flight, and when to look again.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Due {
    /// New intents, numbered from `state.next_intent`. Record them as [`wavetrain_model::event::Event::Intended`], commit, then perform.
    pub intents: Vec<Intent>,
    /// Open intents that are durable, not with AWS, and may be performed now.
    pub perform: Vec<IntentId>,
    /// Recorded installs that are not wanted any more: those not yet handed to AWS must not be; answer with
    /// [`crate::input::Input::Withdrawn`].
    pub revoke: Vec<IntentId>,
    /// Uncertain intents: search the site's commands for their markers, answer with [`crate::input::Input::Looked`].
    pub look_for: Vec<IntentId>,
    /// Commands whose invocations are awaited, per site.
    pub watch: BTreeMap<SiteIndex, Vec<IntentId>>,
    /// Gates to measure now.
    pub measure: Vec<Measurement>,
    /// When the next deadline or measurement falls due, if nothing happens before.
    pub wake_at: Option<Timestamp>,
}

/// One gate to measure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Measurement {
    /// Gate.
    pub gate: GateIndex,
    /// About what.
    pub scope: Scope,
    /// Sites concerned.
    pub sites: Vec<SiteIndex>,
    /// Which stretch of time.
    pub window: Window,
    /// Upgraded nodes to compare; empty for gates that compare nothing.
    pub upgraded: Vec<NodeIndex>,
    /// Untouched nodes to compare them with.
    pub untouched: Vec<NodeIndex>,
    /// Nodes to ask about one by one; empty for gates that look at places as a whole.
    pub nodes: Vec<NodeIndex>,
    /// What happened from here on was not seen by an earlier look; None: nothing before this look counts.
    pub unseen_from: Option<Timestamp>,
}

/// What should be in flight at `now`.
pub fn due(plan: &Plan, state: &State, now: Timestamp) -> Due {
    let mut due = Due::default();
    if state.is_over() {
        return due;
    }
    let mut drafts = Drafts::new(state);
    let installs = may_install(state);
    let way = forward::OnTheWay::of(state, now);
    if installs {
        forward::survey(plan, state, now, &way, &mut drafts);
        forward::install(plan, state, now, &way, &mut drafts);
    }
    if state.phase != Phase::Aborting && !stops_everything(state) {
        forward::verify(plan, state, now, &way, &mut drafts);
    }
    if state.phase == Phase::RollingBack && !stops_everything(state) {
        restore::steps(plan, state, now, &mut drafts);
    }
    if state.phase != Phase::Running {
        restore::cancels(plan, state, &mut drafts);
    }
    measure::gates(plan, state, now, &mut due, &mut drafts);
    let outstanding = crate::errands::outstanding(plan, state);
    errands(state, &outstanding, &mut drafts);
    due.intents = drafts.intents;
    open_intents(plan, state, now, installs, &outstanding, &mut due);
    wake::times(plan, state, now, &mut due);
    due
}

/// New intents in the making, numbered as they come.
pub(crate) struct Drafts {
    next: u64,
    intents: Vec<Intent>,
}

impl Drafts {
    fn new(state: &State) -> Self {
        Self { next: state.next_intent, intents: Vec::new() }
    }

    fn push(&mut self, action: Action, site: SiteIndex, nodes: Vec<NodeIndex>) {
        self.intents.push(Intent { id: IntentId(self.next), action, site, nodes });
        self.next += 1;
    }
}

fn stops_everything(state: &State) -> bool {
    state.holds.iter().any(|hold| hold.kind.stops_rollback())
}

fn may_install(state: &State) -> bool {
    state.phase == Phase::Running && !state.holds.iter().any(|hold| hold.kind.stops_installs())
}

/// Sites to which no new command goes.
///
/// A lost site is asked again by the repetition of what it refused; where nothing is left to be repeated, new commands are the
/// question whether it is back.
fn is_held(state: &State, site: SiteIndex) -> bool {
    state.hold(Kind::Refused(site)).is_some()
        || state.hold(Kind::Site(site)).is_some() && state.open.values().any(|open| open.intent.site == site)
}

/// Whether a hold lets an errand begin. Removing goes on under all but an emergency stop, as a rollback does.
fn may_run(state: &State, errand: &Errand) -> bool {
    let is_forward = matches!(errand, Errand::Pause | Errand::MakeDefault | Errand::Keep);
    let is_stopped = |hold: &Hold| {
        if is_forward { hold.kind.stops_installs() } else { hold.kind.stops_rollback() }
    };
    !state.holds.iter().any(is_stopped)
}

/// New errands: those outstanding that are not on their way.
fn errands(state: &State, outstanding: &[(SiteIndex, Errand)], drafts: &mut Drafts) {
    if outstanding.is_empty() {
        return;
    }
    let open = state.open.values().filter_map(|open| match &open.intent.action {
        Action::Errand(errand) => Some((open.intent.site, errand.key())),
        _ => None,
    });
    let open: BTreeSet<(SiteIndex, Errand)> = open.collect();
    for (site, errand) in outstanding {
        let is_open = open.contains(&(*site, errand.key()));
        // What undoes another waits until nobody is doing it any more.
        let is_busy = undone_by(errand).is_some_and(|other| open.contains(&(*site, other)));
        if !is_open && !is_busy && may_run(state, errand) && state.hold(Kind::Errand(*site)).is_none() {
            drafts.push(Action::Errand(errand.clone()), *site, Vec::new());
        }
    }
}

/// The errand that this one takes back.
fn undone_by(errand: &Errand) -> Option<Errand> {
    match errand {
        Errand::Unkeep => Some(Errand::Keep),
        Errand::UnmakeDefault => Some(Errand::MakeDefault),
        Errand::Unpause => Some(Errand::Pause),
        Errand::Remove { .. } | Errand::Pause | Errand::MakeDefault | Errand::Keep => None,
    }
}

fn open_errand(
    state: &State,
    now: Timestamp,
    open: &OpenIntent,
    errand: &Errand,
    outstanding: &[(SiteIndex, Errand)],
    due: &mut Due,
) {
    let site = open.intent.site;
    let is_wanted = outstanding.iter().any(|(at, wanted)| *at == site && wanted.key() == errand.key())
        && may_run(state, errand);
    match open.progress {
        Progress::Recorded if !is_wanted => due.revoke.push(open.intent.id),
        Progress::Deferred { until } if is_wanted && state.hold(Kind::Errand(site)).is_none() => {
            if until <= now {
                due.perform.push(open.intent.id);
            } else {
                due.look_again(until);
            }
        }
        // Marked so while it is repeated, in case the process dies meanwhile.
        Progress::Recorded
        | Progress::Deferred { .. }
        | Progress::Uncertain { .. }
        | Progress::Sent { .. } => {}
    }
}

/// What is to be done about intents that are not settled.
fn open_intents(
    plan: &Plan,
    state: &State,
    now: Timestamp,
    installs: bool,
    outstanding: &[(SiteIndex, Errand)],
    due: &mut Due,
) {
    for open in state.open.values() {
        let id = open.intent.id;
        if let Action::Errand(errand) = &open.intent.action {
            open_errand(state, now, open, errand, outstanding, due);
            continue;
        }
        let is_install = matches!(open.intent.action, Action::Install { .. } | Action::Survey { .. });
        let is_ask = matches!(open.intent.action, Action::Ask { .. });
        let asks = state.phase == Phase::Running && !stops_everything(state);
        if let Some(at) = ask::ends_at(plan, state, open) {
            due.look_again(at);
        }
        match &open.progress {
            Progress::Recorded if is_install && !installs || is_ask && !asks => due.revoke.push(id),
            Progress::Recorded => {}
            Progress::Deferred { until } => {
                let is_refused = state.hold(Kind::Refused(open.intent.site)).is_some();
                let is_allowed =
                    if is_install { installs } else { !stops_everything(state) && (asks || !is_ask) };
                // A site that does not answer is asked again by exactly these repetitions; a refusing one waits for a person.
                if is_allowed && !is_refused {
                    if *until <= now {
                        due.perform.push(id);
                    } else {
                        due.look_again(*until);
                    }
                }
            }
            Progress::Uncertain { .. } => due.look_for.push(id),
            Progress::Sent { at, .. } => {
                due.watch.entry(open.intent.site).or_default().push(id);
                if is_ask {
                    continue;
                }
                let silent_since = silent_since(state, open.intent.site, *at);
                due.look_again(silent_since.plus(Seconds(patience(plan).0 + 1)));
            }
        }
    }
}

impl Due {
    /// Sets the alarm clock, if this is earlier.
    fn look_again(&mut self, at: Timestamp) {
        self.wake_at = Some(self.wake_at.map_or(at, |earlier| earlier.min(at)));
    }
}
