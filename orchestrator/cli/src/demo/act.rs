//! One act: a fresh world, one plan file, one rollout, and what became of it.

use super::checks::{self, Check};
use super::stage::Stage;
use super::truth::{self, Node};
use crate::args::OnHold;
use crate::commands::apply::Run;
use crate::commands::context::Context;
use crate::commands::sim::interrupted;
use crate::exit::{Exit, Stop, chain};
use crate::progress::Display;
use crate::scripts::Offer;
use std::time::{Duration, Instant};
use tokio_util::sync::CancellationToken;
use wavetrain_driver::{Finished, Start};
use wavetrain_model::event::Entry;
use wavetrain_model::id::RolloutId;
use wavetrain_model::state::Ending;

/// Real time after which an act is given up: it never takes this long unless something is wrong.
const PATIENCE: Duration = Duration::from_mins(5);

/// What is shown.
#[derive(Debug, Clone, Copy)]
pub struct Act {
    /// Word in JSON and names.
    pub name: &'static str,
    /// Heading.
    pub title: &'static str,
    /// What is going to happen.
    pub story: &'static str,
    /// Version that is rolled out.
    pub version: &'static str,
    /// How it must end.
    pub ends: Ending,
    /// Whether a Region is gone for a while.
    pub outage: bool,
}

impl Act {
    /// A version that works.
    pub const GOOD: Self = Self {
        name: "good",
        title: "A good version: 7.58.0-1",
        story: "canaries, then a tenth of one account, then half of everything, then all of it",
        version: "7.58.0-1",
        ends: Ending::Completed,
        outage: false,
    };

    /// A version that breaks Windows late.
    pub const BAD_WINDOWS: Self = Self {
        name: "bad-windows",
        title: "A bad version: 7.59.0-1",
        story: "passes the canaries and the first wave, then breaks Windows nodes of two accounts: it must be stopped, and\n\
                every touched node must get back the version that it had before, whichever that was",
        version: "7.59.0-1",
        ends: Ending::RolledBack,
        outage: false,
    };

    /// A version whose failure makes the agent lie.
    pub const LYING_AGENT: Self = Self {
        name: "lying-agent",
        title: "A version whose agent lies: 7.60.0-1",
        story: "the install fails once; the agent says that it rolled back, but the new version is what it left behind",
        version: "7.60.0-1",
        ends: Ending::RolledBack,
        outage: false,
    };

    /// A Region that is gone for a while.
    pub const OUTAGE: Self = Self {
        name: "outage",
        title: "An outage: a Region of one account is gone for twenty minutes",
        story: "its part of the work waits and goes on afterwards; nothing is sent twice",
        version: "7.58.0-1",
        ends: Ending::Completed,
        outage: true,
    };
}

/// An act that was played.
#[derive(Debug)]
pub struct Played {
    /// Which.
    pub act: Act,
    /// Its end, as wavetrain sees it.
    pub finished: Finished,
    /// Its log.
    pub log: Vec<Entry>,
    /// The world's truth before.
    pub before: Vec<Node>,
    /// The world's truth after.
    pub after: Vec<Node>,
    /// Whether what should hold holds.
    pub checks: Vec<Check>,
    /// Whether some nodes ran their scripts for real.
    pub scripts: Offer,
    /// Calls that the world received.
    pub calls: u64,
    /// How long it took in the world, and here.
    pub world_seconds: u64,
    /// Real seconds.
    pub real_seconds: f64,
}

impl Played {
    /// Whether every check holds.
    pub fn passed(&self) -> bool {
        self.checks.iter().all(|check| check.holds)
    }
}

/// Plays an act from an empty state to its end.
pub async fn play(context: &Context, act: Act, nodes: u32) -> Result<Played, Stop> {
    let began = Instant::now();
    let stage = Stage::build(act, nodes).await?;
    let played = play_on(context, act, &stage, began).await;
    stage.clear().await;
    played
}

async fn play_on(context: &Context, act: Act, stage: &Stage, began: Instant) -> Result<Played, Stop> {
    let before = stage.look(truth::nodes);
    let plan = stage.plan(context).await?;
    let id = RolloutId::new(uuid::Uuid::now_v7().to_string());
    let finished = {
        let run = Run {
            cloud: stage.cloud.clone(),
            store: stage.store.clone(),
            time: &stage.time,
            on_hold: OnHold::Wait,
            display: Display::new(context.console),
            metrics: wavetrain_driver::Metrics::default(),
            crash_at: None,
            guardrails: Vec::new(),
            // The demo's gates ask the simulated AWS only.
            signals: None,
        };
        let stop = CancellationToken::new();
        let driven = run.drive(Start::New(Box::new(plan), id.clone()), stop.clone());
        tokio::pin!(driven);
        tokio::select! {
            finished = &mut driven => finished,
            () = interrupted() => {
                stop.cancel();
                let _ = driven.await;
                return Err(Stop::new(Exit::Held, "the demo was interrupted; nothing is left of it"));
            }
            () = tokio::time::sleep(PATIENCE) => {
                stop.cancel();
                driven.await
            }
        }
    }
    .map_err(|error| Stop::new(Exit::Unexpected, chain(&error)))?;
    let after = stage.look(truth::nodes);
    let disks = stage.disks();
    let calls = stage.look(|world| world.calls().len() as u64);
    let log = stage.log(&id).await?;
    let mut checks = checks::all(act, &finished, &log, &before, &after);
    checks.extend(checks::disks(&stage.scripts, &disks, &after));
    let world_seconds = finished.state.updated_at.since(finished.state.started_at).0;
    Ok(Played {
        act,
        finished,
        log,
        before,
        after,
        checks,
        scripts: stage.scripts.clone(),
        calls,
        world_seconds: u64::from(world_seconds),
        real_seconds: began.elapsed().as_secs_f64(),
    })
}
