//! Tells one story: the real driver, engine and store against the simulated AWS, in virtual time.

use super::chronicle::{Happening, NodeTruth, What};
use super::clock::StoryClock;
use super::doors::{Door, Stage};
use super::draw::{Act, Draft};
use std::collections::BTreeMap;
use std::pin::pin;
use std::sync::Arc;
use tokio_util::sync::CancellationToken;
use wavetrain_driver::{Driver, Error, Finished, OnHold, Options, Reason, Start, View, log, survey};
use wavetrain_engine::input::Order;
use wavetrain_engine::planner::{self, BusyNodes, Inputs};
use wavetrain_engine::question::questions;
use wavetrain_model::hold::Kind;
use wavetrain_model::id::{Digest, NodeId, NodeIndex, RolloutId};
use wavetrain_model::plan::Plan;
use wavetrain_model::planted::Planted;
use wavetrain_model::state::{Phase, State};
use wavetrain_model::time::{Seconds, Timestamp};
use wavetrain_ports::Cloud;
use wavetrain_ports::clock::Clock;
use wavetrain_sim::ports::{SharedWorld, SimulatedCloud};
use wavetrain_sim::world::World;
use wavetrain_sim::world_file::WorldFile;
use wavetrain_store::Store;

/// Virtual time within which a rollout must end once nothing goes wrong any more.
const CALM: Seconds = Seconds::hours(96);

/// Processes of one story; more means that it turns in circles.
const PROCESSES: u32 = 200;

/// A story told to its end.
pub struct Told {
    pub plan: Plan,
    pub index: BTreeMap<NodeId, NodeIndex>,
    pub before: BTreeMap<NodeId, NodeTruth>,
    pub happenings: Vec<Happening>,
    pub after: BTreeMap<NodeId, NodeTruth>,
    /// Associations of batches that are still there.
    pub left: Vec<String>,
    /// Where the rollout stands; None if it never ended.
    pub end: Result<State, String>,
}

fn id() -> RolloutId {
    "0190-story".into()
}

/// None: there is nothing to tell, because the planner refuses.
pub fn tell(draft: &Draft, planted: Planted) -> Option<Told> {
    let file = WorldFile::parse(&draft.world).unwrap_or_else(|error| panic!("{error}\n{}", draft.world));
    let world = SharedWorld::new(World::new(&file).expect("a checked world"));
    let clock = StoryClock::new(world.clone());
    clock.runtime().block_on(story(draft, world, clock.clone(), planted))
}

async fn story(draft: &Draft, world: SharedWorld, clock: StoryClock, planted: Planted) -> Option<Told> {
    let plan = planned(&world, &clock, &draft.plan, planted).await?;
    world.with(|world| draft.faults.iter().for_each(|fault| world.add_fault(fault.clone())));
    let stage = Stage::new(world, clock, &plan, draft.wire, draft.deaths.clone(), draft.dice.clone());
    let teller = Teller::new(draft, Arc::new(stage), plan);
    Some(teller.tell().await)
}

async fn planned(world: &SharedWorld, clock: &StoryClock, file: &str, planted: Planted) -> Option<Plan> {
    let outcome = wavetrain_spec::read("plan.yaml", file.as_bytes());
    let text = wavetrain_spec::render(&outcome.report);
    let spec = outcome.rollout.unwrap_or_else(|| panic!("{text}\n{file}"));
    let cloud: Arc<dyn Cloud> = Arc::new(SimulatedCloud::new(world.clone(), "survey"));
    let fleet = survey::observe(&cloud, clock, &spec, &std::collections::BTreeSet::new(), 4)
        .await
        .expect("a fleet without faults");
    let busy = BusyNodes::new();
    let inputs = Inputs { spec: &spec, fleet: &fleet, ledger: &[], busy: &busy, quarantined: None };
    let mut plan = planner::plan(&inputs).ok()?;
    if !planted.is_none() {
        plan.planted = planted;
        plan.digest = Digest::new("");
        plan.digest = planner::digest_of(&plan);
    }
    Some(plan)
}

/// How a process ended.
enum End {
    Died,
    Over(State),
    Held(State),
    Stopped,
    Busy(Timestamp),
    Failed(String),
}

struct Teller<'d> {
    draft: &'d Draft,
    stage: Arc<Stage>,
    plan: Plan,
    start: Timestamp,
    acts: Vec<(Timestamp, Act)>,
    answers: Vec<(u32, Act)>,
    gaps: Vec<u32>,
    is_calm: bool,
    /// Holds answered in the calm.
    patience: u32,
}

impl<'d> Teller<'d> {
    fn new(draft: &'d Draft, stage: Arc<Stage>, plan: Plan) -> Self {
        let start = stage.clock.now();
        let moment = |(after, act): &(u32, Act)| (start.plus(Seconds(*after)), *act);
        let mut acts: Vec<(Timestamp, Act)> = draft.acts.iter().map(moment).collect();
        acts.reverse();
        Self {
            draft,
            stage,
            plan,
            start,
            acts,
            answers: draft.answers.clone(),
            gaps: draft.gaps.clone(),
            is_calm: false,
            patience: 0,
        }
    }

    async fn tell(mut self) -> Told {
        let before = self.stage.truth();
        let end = self.processes().await;
        self.stage.look();
        let stage = &self.stage;
        let index =
            self.plan.node_indices().map(|node| (self.plan.nodes[node.at()].id.clone(), node)).collect();
        let (after, happenings) = (stage.truth(), stage.happenings());
        let mut left = Vec::new();
        for planned in &self.plan.sites {
            left.extend(stage.batches_left(&planned.site).await);
        }
        Told { index, before, after, happenings, left, plan: self.plan, end }
    }

    /// One process after the other until the rollout is over.
    async fn processes(&mut self) -> Result<State, String> {
        let calm_at = self.start.plus(Seconds(self.draft.storm));
        for number in 0..PROCESSES {
            if !self.is_calm && self.stage.clock.now() >= calm_at {
                self.is_calm = true;
                self.acts.clear();
                self.stage.calm();
            }
            match self.process(number, calm_at).await {
                End::Over(state) => return Ok(state),
                End::Died => {
                    self.stage.note(What::Died);
                    let gap = if self.is_calm { 0 } else { self.gaps.pop().unwrap_or(10) };
                    self.wait(gap).await;
                }
                End::Held(state) => self.answer(&state).await,
                End::Stopped => self.wait(1).await,
                End::Busy(until) => self.stage.clock.sleep_until(until).await,
                End::Failed(why) => return Err(why),
            }
            if self.stage.clock.now() > calm_at.plus(CALM) {
                return Err(format!("not over {CALM} after the calm began"));
            }
        }
        Err(format!("not over after {PROCESSES} processes"))
    }

    async fn wait(&self, seconds: u32) {
        let until = self.stage.clock.now().plus(Seconds(seconds));
        self.stage.clock.sleep_until(until).await;
    }

    async fn process(&mut self, number: u32, calm_at: Timestamp) -> End {
        let door = Arc::new(Door(self.stage.clone()));
        let mut options = Options::new(format!("process-{number}"), "alice");
        options.lease_seconds = self.draft.lease_seconds;
        options.mailbox_seconds = self.draft.mailbox_seconds;
        let waits = self.draft.waits_when_held && !self.is_calm;
        options.on_hold = if waits { OnHold::Wait } else { OnHold::Exit };
        let driver = Driver {
            cloud: door.clone(),
            clock: Arc::new(self.stage.clock.clone()),
            store: door.clone(),
            options,
        };
        let exists = door.find_by_id(id().as_str()).await.is_ok_and(|found| found.is_some());
        let start = if exists { Start::Resume(id()) } else { Start::New(Box::new(self.plan.clone()), id()) };
        let (death, stop) = (self.stage.begin(), CancellationToken::new());
        let clock = self.stage.clock.clone();
        let mut run = pin!(driver.run(start, stop.clone(), View::blind()));
        // Nobody waits longer than that for the end.
        let last = if self.is_calm { calm_at.plus(CALM) } else { calm_at };
        loop {
            let until = self.acts.last().map_or(last, |(at, _)| (*at).min(last));
            tokio::select! {
                biased;
                () = death.cancelled() => return End::Died,
                finished = &mut run => return ended(finished),
                () = clock.sleep_until(until) => {}
            }
            if clock.now() >= last {
                return End::Died;
            }
            while let Some((_, act)) = self.acts.pop_if(|(at, _)| *at <= clock.now()) {
                match act {
                    Act::Kill => return End::Died,
                    Act::Stop => stop.cancel(),
                    act => self.order(act).await,
                }
            }
        }
    }

    async fn order(&self, act: Act) {
        let reason = "because".to_owned();
        let order = match act {
            Act::Pause => Order::Pause { emergency: false, reason },
            Act::Emergency => Order::Pause { emergency: true, reason },
            Act::Resume => Order::Resume,
            Act::Rollback => Order::Rollback { reason },
            Act::Abort => Order::Abort { reason },
            Act::Retry => Order::Retry { nodes: Vec::new() },
            Act::Stop | Act::Kill => return,
        };
        self.post(&order).await;
    }

    async fn post(&self, order: &Order) {
        self.post_by(order, "alice").await;
    }

    async fn post_by(&self, order: &Order, by: &str) {
        let order = log::order(&id(), order, by, self.stage.clock.now()).expect("orders can be written");
        self.stage.store.post_order(order).await.expect("the store takes orders");
    }

    /// What a person does about a held rollout.
    async fn answer(&mut self, state: &State) {
        for hold in &state.holds {
            if let Kind::Approval(wave) = hold.kind {
                let now = self.stage.clock.now();
                let asked = questions(&self.plan, state, now, (wave, None), false);
                let evidence = asked.first().map(|question| question.shown.digest.clone());
                let order = Order::Approve { wave, gate: None, evidence, typed_by: None };
                return self.post_by(&order, "managers").await;
            }
        }
        let (after, act) = if self.is_calm { (1, self.calm_answer(state)) } else { self.stormy_answer() };
        self.wait(after).await;
        self.order(act).await;
        if act == Act::Retry {
            self.order(Act::Resume).await;
        }
    }

    fn stormy_answer(&mut self) -> (u32, Act) {
        self.answers.pop().unwrap_or((60, Act::Resume))
    }

    /// Accepts a few times what is shown, then wants it undone, then has enough.
    fn calm_answer(&mut self, state: &State) -> Act {
        self.patience += 1;
        match self.patience {
            13..=24 if state.phase == Phase::Running => Act::Rollback,
            0..=24 => Act::Resume,
            _ => Act::Abort,
        }
    }
}

fn ended(finished: Result<Finished, Error>) -> End {
    match finished {
        Ok(Finished { reason: Reason::Ended, state, .. }) => End::Over(state),
        Ok(Finished { reason: Reason::Held, state, .. }) => End::Held(state),
        Ok(Finished { reason: Reason::Interrupted, .. }) => End::Stopped,
        Err(Error::LeaseHeld { expires_at, .. }) => End::Busy(expires_at),
        Err(error) => End::Failed(format!("the process failed: {error:?}")),
    }
}
