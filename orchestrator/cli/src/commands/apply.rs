//! `apply`: carry a plan file out, or go on with its rollout.

use super::context::{Context, Time, holder, is_gone, person};
use super::{files, find, guardrails, look, planning};
use crate::args::{Apply, Format, OnHold};
use crate::callback_listen::{self, Bound, Desk, Secrets};
use crate::exit::{Exit, Stop};
use crate::metrics_listen::{self, Listening};
use crate::print::status::View;
use crate::print::summary;
use crate::progress::Display;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use tokio_util::sync::CancellationToken;
use wavetrain_aws::Aws;
use wavetrain_driver::crash::CrashAt;
use wavetrain_driver::log::Record;
use wavetrain_driver::metrics::{ApiCalls, CallSource};
use wavetrain_driver::{Driver, Finished, Metrics, Options, Reason, Start};
use wavetrain_engine::guardrail::{Known, is_room};
use wavetrain_engine::planner;
use wavetrain_model::guardrail::Guardrail;
use wavetrain_model::id::RolloutId;
use wavetrain_model::plan::Plan;
use wavetrain_model::spec::Rollout;
use wavetrain_model::state::Phase;
use wavetrain_model::time::Timestamp;
use wavetrain_ports::Cloud;
use wavetrain_ports::signals::Signals;
use wavetrain_store::Store;

/// Real seconds after which a lease that was not given back runs out.
const LEASE_SECONDS: u32 = 15;

/// Real seconds between two looks for orders.
const MAILBOX_SECONDS: u32 = 1;

/// `wavetrain apply`.
pub async fn apply(context: &Context, args: Apply) -> Result<Exit, Stop> {
    let time = context.time().await?;
    let files::Checked { rollout: spec, guardrails } =
        files::checked(context, &args.file, &args.guardrails, time.now())?;
    let store = context.store()?;
    let metrics = Metrics::default();
    let listening = listen(context, &args, &metrics).await?;
    let active = planning::active(store.as_ref(), &spec.name).await?;
    let record = match &active {
        Some(rollout) => Some(look::load(store.as_ref(), rollout).await?),
        None => None,
    };
    // On the way back and out no gate is judged any more, and nothing of what they need is.
    let is_leaving = record.as_ref().is_some_and(|record| record.state.phase != Phase::Running);
    let secrets =
        if is_leaving { Secrets::default() } else { Secrets::of(&spec, |name| std::env::var(name).ok())? };
    let bound = if is_leaving { None } else { bind_for_reports(context, &args, &spec, &secrets).await? };
    let start = match (active, record) {
        (Some(rollout), Some(record)) => {
            is_of_this_file(context, &record, &spec, &guardrails)?;
            Some(resume(context, store.as_ref(), &rollout, &spec, &time).await?)
        }
        _ => None,
    };
    let is_new = start.is_none();
    let id = start.unwrap_or_else(|| RolloutId::new(uuid::Uuid::now_v7().to_string()));
    let aws = planning::aws(&session(&id), &time).await?;
    metrics.count_calls(&spec.name, calls_of(&aws));
    let cloud: Arc<dyn Cloud> = Arc::clone(&aws) as Arc<dyn Cloud>;
    let start = if is_new {
        let spec = planning::resolved(context, spec, aws.as_ref()).await?;
        // Only before the start: a rollout that is under way must be able to go on, above all backwards.
        guardrails::hold_against(context, &guardrails, Known::File(&spec), time.now())?;
        let plan = planning::plan(context, &spec, &cloud, Some(store.as_ref()), &time).await?;
        let plan = planner::guarded(plan, guardrails.clone());
        guardrails::hold_against(context, &guardrails, Known::Plan(&plan), time.now())?;
        if plan.nodes.is_empty() {
            return nothing_to_do(context, &plan, args.output);
        }
        agree(context, &plan, &args)?;
        Start::New(Box::new(plan), id)
    } else {
        Start::Resume(id)
    };
    let _reports = match bound {
        Some(bound) => Some(take_reports(bound, &start, &secrets, &store, &time).await?),
        None => None,
    };
    let display = Display::new(context.console);
    #[cfg(feature = "crash-points")]
    let crash_at = crash_at()?;
    #[cfg(not(feature = "crash-points"))]
    let crash_at = None;
    let run = Run {
        cloud,
        store,
        time: &time,
        on_hold: args.on_hold,
        display,
        metrics,
        crash_at,
        guardrails,
        signals: Some(super::planning::signals()?),
    };
    let stop = stop_on_signals(context, &args.file);
    let finished = run.drive(start, stop.clone()).await.map_err(|error| {
        let stop = look::driver_stop(&error);
        if stop.help.is_empty() { stop.help(go_on(context, &args.file)) } else { stop }
    })?;
    let exit = conclude(context, &args, &finished, &time)?;
    // From here on Ctrl-C stops nothing any more.
    stop.cancel();
    // Whoever interrupts wants to be gone.
    if let Some(listening) = listening.filter(|_| finished.reason != Reason::Interrupted) {
        let_the_end_be_scraped(context, listening).await;
    }
    Ok(exit)
}

/// Where a test wants this process to die.
#[cfg(feature = "crash-points")]
fn crash_at() -> Result<Option<CrashAt>, Stop> {
    let Ok(asked) = std::env::var("WAVETRAIN_CRASH_AT") else { return Ok(None) };
    asked.parse().map(Some).map_err(|error| Stop::new(Exit::Usage, format!("WAVETRAIN_CRASH_AT: {error}")))
}

/// Serves the metrics if that is asked for. Before anything else is done: a taken port is known at once.
async fn listen(context: &Context, args: &Apply, metrics: &Metrics) -> Result<Option<Listening>, Stop> {
    let Some(address) = args.metrics_listen else { return Ok(None) };
    let listening = metrics_listen::listen(address, metrics.clone()).await?;
    context.console.note(&format!("metrics at http://{}/metrics", listening.address));
    Ok(Some(listening))
}

/// Takes the port for reports if the plan file has gates that wait for them. Without one no report could ever come.
async fn bind_for_reports(
    context: &Context,
    args: &Apply,
    spec: &Rollout,
    secrets: &Secrets,
) -> Result<Option<Bound>, Stop> {
    let Some(address) = args.callback_listen else {
        if secrets.is_empty() {
            return Ok(None);
        }
        return Err(Stop::new(
            Exit::Usage,
            "a gate of this plan file waits for reports, and nothing would take them",
        )
        .help("add --callback-listen ADDRESS, such as 127.0.0.1:9465"));
    };
    if secrets.is_empty() {
        context.console.note("no gate of this plan file waits for reports: nothing listens for any");
        return Ok(None);
    }
    let bound = callback_listen::bind(address).await?;
    context.console.note(&format!("reports to http://{}/v1/gates/{}/GATE", bound.address, spec.name));
    Ok(Some(bound))
}

async fn take_reports(
    bound: Bound,
    start: &Start,
    secrets: &Secrets,
    store: &Arc<dyn Store>,
    time: &Time,
) -> Result<callback_listen::Listening, Stop> {
    let (store, clock) = (Arc::clone(store), time.clock.clone());
    let desk = match start {
        Start::New(plan, id) => Desk::new((id.clone(), plan), secrets, BTreeSet::new(), store, clock),
        Start::Resume(id) => {
            let record = wavetrain_driver::log::load(store.as_ref(), id).await;
            let record = record.map_err(|error| look::driver_stop(&error))?;
            let mut nonces = callback_listen::waiting(store.as_ref(), id).await?;
            nonces.extend(record.state.nonces.into_keys());
            Desk::new((id.clone(), record.plan.as_ref()), secrets, nonces, store, clock)
        }
    };
    Ok(callback_listen::serve(bound, desk))
}

/// The calls of all sites together: there may be thousands of sites, and a series for each would be too many.
fn calls_of(cloud: &Arc<Aws>) -> CallSource {
    let cloud = Arc::clone(cloud);
    Box::new(move || {
        let mut sums: BTreeMap<(&'static str, &'static str), u64> = BTreeMap::new();
        for call in cloud.calls() {
            *sums.entry((call.operation, call.outcome)).or_default() += call.count;
        }
        let sum = |((operation, outcome), count)| ApiCalls { operation, outcome, count };
        sums.into_iter().map(sum).collect()
    })
}

async fn let_the_end_be_scraped(context: &Context, listening: Listening) {
    if listening.has_scraper() {
        context.console.note("waiting until the metrics of the end are scraped (Ctrl-C does not wait)");
        tokio::select! {
            () = listening.linger() => {}
            () = super::sim::interrupted() => {}
        }
    }
}

/// Name of the sessions in the spokes: their CloudTrail names the rollout.
fn session(id: &RolloutId) -> String {
    format!("wavetrain-{id}")
}

/// Whether a rollout goes on with this plan file. What counts is what it asks for, packs merged in: a changed comment changes
/// nothing. On the way back nothing in the file counts any more, and a rollback must not wait for a file to be mended.
fn is_of_this_file(
    context: &Context,
    record: &Record,
    spec: &Rollout,
    guardrails: &[Guardrail],
) -> Result<(), Stop> {
    let Record { rollout, plan, state } = record;
    let name = &spec.name;
    let is_leaving = state.phase != Phase::Running;
    if !asks_the_same(&plan.spec, spec) && plan.spec_digest != planner::digest_of(spec) {
        let said =
            format!("`{name}` is active with another plan file ({} {})", rollout.summary.version, rollout.id);
        if is_leaving {
            context.console.note(&format!("warning: {said}; it goes on with the plan that was frozen"));
        } else {
            return Err(Stop::new(Exit::Refused, said).help(format!(
                "go on with that file, end it with `wavetrain abort {name} --reason …` or \
                 `wavetrain rollback {name} --reason …`, or give this plan another name"
            )));
        }
    }
    if !is_leaving && !is_room(plan, state, guardrails) {
        return Err(Stop::new(Exit::Refused, format!("`{name}` would be held against too many guardrails"))
            .help("those that it began with still hold: leave out files that were changed since"));
    }
    Ok(())
}

/// Whether two plan files ask for the same thing, whatever the files around them look like. The accounts of an organization are
/// those that it had when the rollout began.
fn asks_the_same(frozen: &Rollout, now: &Rollout) -> bool {
    let bare = |spec: &Rollout| Rollout { packs: Vec::new(), guardrails: Vec::new(), ..spec.clone() };
    let mut now = bare(now);
    if let Some(organization) = &mut now.fleet.organization {
        organization.listed = Some(std::mem::replace(&mut now.fleet.accounts, frozen.fleet.accounts.clone()));
    }
    bare(frozen) == now
}

/// The active rollout of this name, once nobody else runs it.
async fn resume(
    context: &Context,
    store: &dyn Store,
    rollout: &wavetrain_store::Rollout,
    spec: &Rollout,
    time: &Time,
) -> Result<RolloutId, Stop> {
    wait_for_the_dead(context, store, rollout, time).await?;
    if let Some(holder) = find::runner(store, rollout, time.now()).await? {
        return Err(Stop::new(Exit::Refused, format!("`{}` is being carried out by {holder}", spec.name))
            .help(
                "`wavetrain watch` follows it; orders such as `wavetrain pause` reach it from any terminal",
            ));
    }
    context
        .console
        .note(&format!("going on with rollout {} ({}): {}", spec.name, rollout.id, rollout.summary.headline));
    Ok(find::id_of(rollout))
}

/// A process that was killed leaves its lease behind. It cannot be taken from it, but it runs out soon.
async fn wait_for_the_dead(
    context: &Context,
    store: &dyn Store,
    rollout: &wavetrain_store::Rollout,
    time: &Time,
) -> Result<(), Stop> {
    let Some(lease) = store.lease(&rollout.resource).await? else { return Ok(()) };
    let until = Timestamp(lease.expires_at_ms);
    if until > time.now() && is_gone(&lease.holder) {
        context.console.note("the process that ran this rollout is gone; waiting until its lease runs out");
        // A clock that stands still (only a simulated one can) would have us wait for ever.
        let patience = std::time::Duration::from_secs(u64::from(LEASE_SECONDS) + 5);
        if tokio::time::timeout(patience, time.clock.sleep_until(until)).await.is_err() {
            return Err(Stop::new(
                Exit::Refused,
                format!("the process that ran `{}` is gone, but not its lease", rollout.summary.name),
            )
            .help(format!("its lease runs out at {until}; run the same command again then")));
        }
    }
    Ok(())
}

fn nothing_to_do(context: &Context, plan: &Plan, output: Format) -> Result<Exit, Stop> {
    let sentence = format!(
        "nothing to do: {} selected nodes, none of them needs {}",
        plan.selected, plan.spec.package.version
    );
    match output {
        Format::Text => context.console.data(&sentence)?,
        Format::Json => context.console.json(&serde_json::json!({
            "version": crate::print::JSON_VERSION,
            "name": plan.spec.name,
            "phase": null,
            "nothing_to_do": true,
            "selected": plan.selected,
            "exit_code": Exit::Done.code(),
        }))?,
    }
    Ok(Exit::Done)
}

fn agree(context: &Context, plan: &Plan, args: &Apply) -> Result<(), Stop> {
    context.console.note(&planner::render::text(plan));
    if args.yes {
        return Ok(());
    }
    let question = format!(
        "Install {} {} on {} nodes, wave after wave?",
        plan.spec.package.name,
        plan.spec.package.version,
        plan.nodes.len()
    );
    context.console.confirm(&question)
}

/// A driver with everything around it.
pub struct Run<'a> {
    /// AWS.
    pub cloud: Arc<dyn Cloud>,
    /// State.
    pub store: Arc<dyn Store>,
    /// Clock.
    pub time: &'a Time,
    /// What to do when only a person can go on.
    pub on_hold: OnHold,
    /// Where the course is shown.
    pub display: Display,
    /// Where it is counted.
    pub metrics: Metrics,
    /// Where a test lets the process die; None otherwise.
    pub crash_at: Option<CrashAt>,
    /// What a rollout that goes on is held against beside its frozen guardrails.
    pub guardrails: Vec<Guardrail>,
    /// Servers that gates name.
    pub signals: Option<Arc<dyn Signals>>,
}

impl Run<'_> {
    /// Drives the rollout until it ends, needs a person or is stopped, and shows its course.
    pub async fn drive(
        self,
        start: Start,
        stop: CancellationToken,
    ) -> Result<Finished, wavetrain_driver::Error> {
        let mut options = Options::new(holder(), person());
        options.metrics = self.metrics;
        options.signals = self.signals;
        options.guardrails = self.guardrails;
        options.crash_at = self.crash_at;
        options.on_hold = match self.on_hold {
            OnHold::Exit => wavetrain_driver::OnHold::Exit,
            OnHold::Wait => wavetrain_driver::OnHold::Wait,
        };
        options.lease_seconds = self.time.seconds(LEASE_SECONDS).0;
        options.mailbox_seconds = self.time.seconds(MAILBOX_SECONDS).0;
        let driver = Driver { cloud: self.cloud, clock: self.time.clock.clone(), store: self.store, options };
        let (view, shown) = self.display.open();
        let finished = driver.run(start, stop, view).await;
        shown.close().await;
        finished
    }
}

/// Cancelled by the first SIGINT or SIGTERM; the second ends the process at once.
fn stop_on_signals(context: &Context, file: &Path) -> CancellationToken {
    let stop = CancellationToken::new();
    let (cancel, console, how) = (stop.clone(), context.console, go_on(context, file));
    tokio::spawn(async move {
        tokio::select! {
            () = super::sim::interrupted() => cancel.cancel(),
            () = cancel.cancelled() => return,
        }
        console.note(&format!(
            "\nstopping: what is under way is written down first (again to stop at once)\n{how}"
        ));
        super::sim::interrupted().await;
        // Nothing is lost: what is not written down yet is found again by its marker.
        std::process::exit(i32::from(Exit::Held.code()));
    });
    stop
}

fn go_on(context: &Context, file: &Path) -> String {
    format!(
        "to go on, run the same command again: wavetrain apply {} --state {}",
        file.display(),
        context.global.state
    )
}

fn conclude(context: &Context, args: &Apply, finished: &Finished, time: &Time) -> Result<Exit, Stop> {
    let exit = match finished.reason {
        Reason::Ended => Exit::of_phase(&finished.state.phase),
        Reason::Held | Reason::Interrupted => Exit::Held,
    };
    let view = View {
        id: finished.rollout.as_str(),
        plan: &finished.plan,
        state: &finished.state,
        now: time.now(),
        runner: None,
    };
    match args.output {
        Format::Text => context.console.data(&summary::text(view, context.console.out))?,
        Format::Json => context.console.json(&summary::final_document(view, exit))?,
    }
    match finished.reason {
        Reason::Ended => {}
        Reason::Held => {
            context.console.note(&format!("a person must act first; {}", go_on(context, &args.file)));
        }
        Reason::Interrupted => context.console.note(&format!("interrupted; {}", go_on(context, &args.file))),
    }
    Ok(exit)
}
