//! From a plan file to a plan: look at the fleet, ask the state what is known, plan.

use super::context::{Context, Time};
use super::look;
use crate::exit::{Exit, Stop, next_step};
use crate::print::event::one_line;
use crate::print::table::Columns;
use std::fmt::Write;
use std::sync::Arc;
use wavetrain_aws::Aws;
use wavetrain_driver::log::package_key;
use wavetrain_driver::survey::{self, SiteTrouble};
use wavetrain_engine::planner::{self, BusyNodes, Inputs};
use wavetrain_model::fleet::LedgerEntry;
use wavetrain_model::id::{AccountId, NodeId, Region};
use wavetrain_model::limit::SITES_PER_ROLLOUT;
use wavetrain_model::plan::{Plan, Refusal};
use wavetrain_model::spec::Rollout;
use wavetrain_model::time::Timestamp;
use wavetrain_ports::Cloud;
use wavetrain_ports::failure::{Class, Failure};
use wavetrain_ports::organization::Organization;
use wavetrain_ports::signals::Signals;
use wavetrain_signals::Web;
use wavetrain_store::Store;

/// Messages of sites shown in full.
const MESSAGES_SHOWN: usize = 6;

/// Sites asked at once.
const SITES_AT_ONCE: usize = 16;

/// AWS as the environment says it.
pub async fn aws(session_name: &str, time: &Time) -> Result<Arc<Aws>, Stop> {
    let options = wavetrain_aws::Options {
        session_name: session_name.to_owned(),
        clock: time.of_sessions(),
        ..Default::default()
    };
    Ok(Arc::new(Aws::connect(options).await?))
}

/// The servers that gates name, with tokens from the environment.
pub fn signals() -> Result<Arc<dyn Signals>, Stop> {
    let environment = Arc::new(|name: &str| std::env::var(name).ok());
    let web = Web::new(environment).map_err(|error| Stop::new(Exit::Unexpected, error.to_string()))?;
    Ok(Arc::new(web))
}

/// The rollout with the accounts that its fleet's organization has now, beside those that are listed. From here on they are as
/// if the file had listed them: a rollout never changes its accounts under way.
pub async fn resolved(
    context: &Context,
    mut spec: Rollout,
    organization: &dyn Organization,
) -> Result<Rollout, Stop> {
    let Some(wanted) = &spec.fleet.organization else { return Ok(spec) };
    let found = organization.accounts(&wanted.units).await.map_err(|failure| unresolved(&failure))?;
    let mut accounts = spec.fleet.accounts.clone();
    accounts.extend(found.into_iter().filter(|account| !spec.fleet.accounts.contains(account)));
    accounts.retain(|account| !wanted.exclude.contains(account));
    let units = wanted.units.join(", ");
    if accounts.is_empty() {
        return Err(Stop::new(Exit::Refused, format!("no active account is left in {units}"))
            .help("look at `fleet.organization`: its `units`, and what it leaves out"));
    }
    let sites = accounts.len() * spec.fleet.regions.len();
    if sites > SITES_PER_ROLLOUT {
        let what = format!(
            "{} accounts in {} Regions are {sites} sites; at most {SITES_PER_ROLLOUT} are possible",
            accounts.len(),
            spec.fleet.regions.len()
        );
        return Err(Stop::new(Exit::Refused, what).help("split the fleet over several plan files"));
    }
    let counted = crate::print::table::counted(accounts.len() as u64, "account");
    context.console.note(&format!("{counted}, with those of {units}"));
    let within = spec.waves.iter().map(|wave| &wave.within).chain(spec.gates.iter().map(|gate| &gate.within));
    if let Some(other) = within.flat_map(|within| &within.accounts).find(|named| !accounts.contains(named)) {
        return Err(Stop::new(
            Exit::Refused,
            format!("`where` names account {other}, which the fleet does not have"),
        )
        .help(
            "a wave or gate of no account would pass without a word: correct the account, or delete it there",
        ));
    }
    let listed = std::mem::replace(&mut spec.fleet.accounts, accounts);
    if let Some(organization) = &mut spec.fleet.organization {
        organization.listed = Some(listed);
    }
    Ok(spec)
}

fn unresolved(failure: &Failure) -> Stop {
    let help = match failure.class {
        Class::Denied => {
            "the organization is shown to its management account and to delegated administrators, with \
             policies/iam/hub.json; or list the accounts in `fleet.accounts`"
        }
        Class::NotFound => "`aws organizations list-organizational-units-for-parent` shows the ids of units",
        Class::Invalid if failure.code == "AWSOrganizationsNotInUseException" => {
            "the caller's account is in no organization: list the accounts in `fleet.accounts`"
        }
        class => next_step(class),
    };
    let what = format!("the accounts of the organization are not known: {failure}");
    Stop::new(Exit::of_class(failure.class), what).help(help)
}

/// Looks at the fleet and plans. Everything that stands in the way is shown; then the command ends.
pub async fn plan(
    context: &Context,
    spec: &Rollout,
    cloud: &Arc<dyn Cloud>,
    store: Option<&dyn Store>,
    time: &Time,
) -> Result<Plan, Stop> {
    let asked = spec.fleet.accounts.len() * spec.fleet.regions.len();
    context.console.note(&format!("looking at {} …", crate::print::table::counted(asked as u64, "site")));
    let known = known(store, spec).await?;
    let earlier = known.ledger.iter().filter_map(|entry| entry.version.clone()).collect();
    let observed = survey::observe(cloud, time.clock.as_ref(), spec, &earlier, SITES_AT_ONCE).await;
    let fleet = observed.map_err(|troubles| unreachable_sites(context, &troubles, asked))?;
    let inputs = Inputs {
        spec,
        fleet: &fleet,
        ledger: &known.ledger,
        busy: &known.busy,
        quarantined: known.quarantined.as_deref(),
    };
    planner::plan(&inputs).map_err(|refusals| refused(context, &refusals))
}

/// What the state knows about a package and its nodes.
struct Known {
    ledger: Vec<LedgerEntry>,
    busy: BusyNodes,
    quarantined: Option<String>,
}

async fn known(store: Option<&dyn Store>, spec: &Rollout) -> Result<Known, Stop> {
    let Some(store) = store else {
        return Ok(Known { ledger: Vec::new(), busy: BusyNodes::new(), quarantined: None });
    };
    let package = package_key(&spec.package);
    let ledger = store.ledger(&package, None).await?.into_iter().map(ledger_entry).collect();
    let quarantine = store.quarantine_list().await?;
    let quarantined = quarantine
        .into_iter()
        .find(|known| known.entry.package == package && known.entry.version == spec.package.version)
        .map(|known| known.entry.reason);
    Ok(Known { ledger, busy: busy(store, spec, &package).await?, quarantined })
}

fn ledger_entry(row: wavetrain_store::LedgerEntry) -> LedgerEntry {
    LedgerEntry {
        account: AccountId::new(row.account),
        region: Region::new(row.region),
        node: NodeId::new(row.node),
        version: row.version,
        verified_at: Timestamp(row.at_ms),
    }
}

/// Nodes of other active rollouts of the same package: two rollouts that change one node undo each other's work.
async fn busy(store: &dyn Store, spec: &Rollout, package: &str) -> Result<BusyNodes, Stop> {
    let mut busy = BusyNodes::new();
    for rollout in store.list().await? {
        let summary = &rollout.summary;
        if !summary.active || summary.package != package || summary.name == spec.name {
            continue;
        }
        let plan = look::load(store, &rollout).await?.plan;
        for index in plan.node_indices() {
            let node = &plan.nodes[index.at()];
            if node.wave.is_some() {
                let site = &plan.sites[plan.site_of(index).at()].site;
                let key = (site.account.clone(), site.region.clone(), node.id.clone());
                busy.insert(key, summary.name.clone());
            }
        }
    }
    Ok(busy)
}

/// The active rollout of a name.
pub async fn active(store: &dyn Store, name: &str) -> Result<Option<wavetrain_store::Rollout>, Stop> {
    Ok(store.find_by_name(name).await?.filter(|rollout| rollout.summary.active))
}

/// Shows which sites could not be looked at and what to do about each.
fn unreachable_sites(context: &Context, troubles: &[SiteTrouble], asked: usize) -> Stop {
    let mut columns = Columns::new(&["site", "what", "call", "next step"]);
    for SiteTrouble { site, failure } in troubles {
        let step = next_step(failure.class).to_owned();
        columns.row([site.to_string(), failure.class.to_string(), failure.operation.clone(), step]);
    }
    let mut text = columns.text(2);
    for SiteTrouble { site, failure } in troubles.iter().take(MESSAGES_SHOWN) {
        let _ = write!(text, "\n  {site} said: {}", one_line(&failure.message));
    }
    if troubles.len() > MESSAGES_SHOWN {
        let _ = write!(text, "\n  and {} more", troubles.len() - MESSAGES_SHOWN);
    }
    context.console.note(&text);
    let denied =
        troubles.iter().any(|trouble| matches!(trouble.failure.class, Class::Denied | Class::Expired));
    let exit = if denied { Exit::Denied } else { Exit::LostContact };
    Stop::new(
        exit,
        format!("{} of {asked} sites could not be looked at; nothing was changed", troubles.len()),
    )
}

/// Shows why there is no plan.
fn refused(context: &Context, refusals: &[Refusal]) -> Stop {
    context.console.note(&planner::render::refusals(refusals));
    Stop::new(Exit::Refused, "this plan may not start; nothing was changed")
}
