//! `pause`, `resume`, `approve`, `abort`, `rollback`, `retry`: what people order.
//!
//! An order goes into the state's mailbox, where the process that runs the rollout takes it. If no process does, the
//! order is obeyed here: only the log is written, nothing is sent to AWS.

use super::approve::{self, Ready, Say};
use super::context::{Context, Time, person};
use super::desk;
use super::find::{self, Unsaid};
use super::look;
use crate::args::{Format, Target};
use crate::exit::{Exit, Stop};
use crate::print::table::counted;
use crate::print::words;
use serde_json::json;
use std::sync::Arc;
use std::time::{Duration, Instant};
use wavetrain_driver::log::Record;
use wavetrain_engine::input::Order;
use wavetrain_model::id::{NodeIndex, WaveIndex};
use wavetrain_model::plan::Plan;
use wavetrain_model::state::Touch;
use wavetrain_model::time::Timestamp;
use wavetrain_store::{OrderOutcome, Rollout, Store};

/// How long the process that runs the rollout is waited for; longer than the lease of one that was killed.
const PATIENCE: Duration = Duration::from_secs(20);

/// How often it is looked for an answer.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// What is ordered, before names are resolved in the rollout's plan.
#[derive(Debug, Clone)]
pub enum Wish {
    /// Stop new installs.
    Pause {
        /// Stop a rollback too.
        emergency: bool,
        /// Why.
        reason: String,
    },
    /// End every hold.
    Resume,
    /// Agree to a wave, or refuse it.
    Say(Say),
    /// End it, nodes left as they are.
    Abort {
        /// Why.
        reason: String,
        /// Do not ask.
        yes: bool,
    },
    /// Give every touched node its previous version back.
    Rollback {
        /// Why.
        reason: String,
        /// Do not ask.
        yes: bool,
    },
    /// Try nodes again.
    Retry {
        /// Node ids; empty: all.
        nodes: Vec<String>,
    },
}

impl Wish {
    fn verb(&self) -> &'static str {
        match self {
            Self::Pause { .. } => "pause",
            Self::Resume => "resume",
            Self::Say(say) if say.refusal.is_some() => "reject",
            Self::Say(_) => "approve",
            Self::Abort { .. } => "abort",
            Self::Rollback { .. } => "roll back",
            Self::Retry { .. } => "retry",
        }
    }

    /// Whether it is fulfilled already when nothing runs.
    fn is_about_stopping(&self) -> bool {
        matches!(self, Self::Pause { .. } | Self::Abort { .. })
    }
}

/// Gives an order and says what became of it.
pub async fn give(context: &Context, target: &Target, wish: Wish) -> Result<Exit, Stop> {
    let found = match context.existing_store()? {
        None => None,
        Some(store) => {
            find_for(store.as_ref(), target.rollout.as_deref(), &wish).await?.map(|found| (store, found))
        }
    };
    let Some((store, rollout)) = found else {
        return nothing_runs(context, target, &wish);
    };
    let record = look::load(store.as_ref(), &rollout).await?;
    let time = context.time().await?;
    let Ready { order, by, shown } = resolve(&record, &wish, time.now())?;
    if !shown.is_empty() {
        context.console.note(shown.trim_end());
    }
    // A rollout that is over refuses them by itself; asking before would promise something.
    if let Wish::Abort { yes, .. } | Wish::Rollback { yes, .. } = &wish
        && !record.state.is_over()
    {
        context.console.note(&effect(&record, &wish));
        if !yes {
            context.console.confirm(&format!("{} `{}`?", capital(wish.verb()), rollout.summary.name))?;
        }
    }
    let outcome = deliver(&store, &rollout, &order, &by, &time).await?;
    answer(context, target.output, &rollout, &wish, outcome)
}

async fn find_for(store: &dyn Store, said: Option<&str>, wish: &Wish) -> Result<Option<Rollout>, Stop> {
    // Only a retry makes sense after the end: of nodes that a rollback gave up on.
    let unsaid = if matches!(wish, Wish::Retry { .. }) { Unsaid::ActiveOrNewest } else { Unsaid::Active };
    find::rollout(store, said, unsaid).await
}

fn nothing_runs(context: &Context, target: &Target, wish: &Wish) -> Result<Exit, Stop> {
    if let Some(said) = &target.rollout {
        return Err(Stop::new(Exit::Refused, format!("there is no rollout called `{said}`"))
            .help(format!("there is no state at {} yet", context.place()?)));
    }
    let sentence = format!("no rollout is active in {}: nothing to {}", context.place()?, wish.verb());
    let exit = if wish.is_about_stopping() { Exit::Done } else { Exit::Refused };
    match target.output {
        Format::Text => context.console.note(&sentence),
        Format::Json => context.console.json(&json!({
            "version": crate::print::JSON_VERSION, "accepted": null, "outcome": sentence, "exit_code": exit.code(),
        }))?,
    }
    Ok(exit)
}

/// The order in the plan's own indices, and in whose name.
fn resolve(record: &Record, wish: &Wish, now: Timestamp) -> Result<Ready, Stop> {
    let plan = record.plan.as_ref();
    let order = match wish {
        Wish::Pause { emergency, reason } => Order::Pause { emergency: *emergency, reason: reason.clone() },
        Wish::Resume => Order::Resume,
        Wish::Abort { reason, .. } => Order::Abort { reason: reason.clone() },
        Wish::Rollback { reason, .. } => Order::Rollback { reason: reason.clone() },
        Wish::Say(say) => return approve::ready(record, say, wave_of(plan, &say.wave)?, now),
        Wish::Retry { nodes } => {
            let indices = nodes.iter().map(|id| node_of(plan, id)).collect::<Result<_, _>>()?;
            Order::Retry { nodes: indices }
        }
    };
    Ok(Ready { order, by: person(), shown: String::new() })
}

/// A wave by its name.
pub fn wave_of(plan: &Plan, name: &str) -> Result<WaveIndex, Stop> {
    plan.wave_indices().find(|wave| plan.wave_name(*wave) == name).ok_or_else(|| {
        let names: Vec<&str> = plan.wave_indices().map(|wave| plan.wave_name(wave)).collect();
        Stop::new(Exit::Usage, format!("the plan has no wave `{name}`"))
            .help(format!("its waves are {}", names.join(", ")))
    })
}

fn node_of(plan: &Plan, id: &str) -> Result<NodeIndex, Stop> {
    plan.node_indices().find(|node| plan.nodes[node.at()].id.as_str() == id).ok_or_else(|| {
        Stop::new(Exit::Usage, format!("node {id} is not part of this rollout"))
            .help(format!("`wavetrain explain node {id}` says why"))
    })
}

/// What a destructive order will do, before it is asked for.
fn effect(record: &Record, wish: &Wish) -> String {
    let (plan, state) = (record.plan.as_ref(), &record.state);
    let touched =
        state.nodes.iter().filter(|node| node.touch != Touch::No || node.forward.is_in_flight()).count()
            as u64;
    let version = &plan.spec.package.version;
    let standing = format!(
        "{} is {}; {}",
        plan.spec.name,
        words::phase_sentence(&state.phase),
        words::tally(&state.tally)
    );
    match wish {
        Wish::Abort { .. } => format!(
            "{standing}\nabort: no more installs; {} in flight are awaited or cancelled; {} at {version} stay as they are",
            counted(state.waves.iter().map(|wave| u64::from(wave.in_flight)).sum::<u64>(), "node"),
            counted(state.tally.at_target(), "node")
        ),
        _ => format!(
            "{standing}\nrollback: {} get their own previous version back, and {version} is quarantined",
            counted(touched, "touched node")
        ),
    }
}

/// Brings the order to whoever runs the rollout, or obeys it here. None: posted, and not answered yet.
async fn deliver(
    store: &Arc<dyn Store>,
    rollout: &Rollout,
    order: &Order,
    by: &str,
    time: &Time,
) -> Result<Option<OrderOutcome>, Stop> {
    let new = wavetrain_driver::log::order(&find::id_of(rollout), order, by, time.now())
        .map_err(|error| look::driver_stop(&error))?;
    let posted = store.post_order(new).await?;
    let patience = Instant::now();
    loop {
        if let Some(outcome) = store.order_outcome(posted).await? {
            return Ok(Some(outcome));
        }
        if find::runner(store.as_ref(), rollout, time.now()).await?.is_none() {
            // Another process may take the lease at the same moment; then it takes the order too.
            desk::obey_all(store, rollout, time).await?;
        }
        if patience.elapsed() > PATIENCE {
            return Ok(None);
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

fn answer(
    context: &Context,
    output: Format,
    rollout: &Rollout,
    wish: &Wish,
    outcome: Option<OrderOutcome>,
) -> Result<Exit, Stop> {
    let name = &rollout.summary.name;
    let accepted = outcome.as_ref().map(|outcome| outcome.accepted);
    let sentence = outcome.map_or_else(
        || {
            format!(
                "posted; the process that runs `{name}` did not answer yet, the order stays in its mailbox"
            )
        },
        |outcome| outcome.outcome,
    );
    let exit = if accepted == Some(false) { Exit::Refused } else { Exit::Done };
    match output {
        Format::Json => context.console.json(&json!({
            "version": crate::print::JSON_VERSION,
            "rollout": { "id": rollout.id, "name": name },
            "order": wish.verb(),
            "accepted": accepted,
            "outcome": sentence,
            "exit_code": exit.code(),
        }))?,
        Format::Text if exit == Exit::Done => {
            context.console.data(&format!("{} {name}: {sentence}", wish.verb()))?;
        }
        Format::Text => return Err(Stop::new(exit, format!("{} {name}: {sentence}", wish.verb()))),
    }
    Ok(exit)
}

fn capital(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::print::status::tests::plan;

    #[test]
    fn names_are_resolved_in_the_rollouts_own_plan() {
        let plan = plan();
        assert_eq!(wave_of(&plan, "all").unwrap(), WaveIndex(1));
        assert!(wave_of(&plan, "everyone").unwrap_err().help.contains("canary, all"));
        assert_eq!(node_of(&plan, "i-3").unwrap(), NodeIndex(2));
        assert_eq!(node_of(&plan, "i-99").unwrap_err().exit, Exit::Usage);
    }
}
