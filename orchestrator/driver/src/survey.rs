//! The fleet as every site shows it, before there is a plan.

mod associations;

use std::collections::BTreeSet;
use std::sync::Arc;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use wavetrain_model::fleet::{Node, PackageView, Site, Snapshot, TagMatch};
use wavetrain_model::id::{AccountId, SiteIndex};
use wavetrain_model::plan::tag_questions;
use wavetrain_model::spec::{Fleet, InstallMode, Package, Rollout};
use wavetrain_ports::Cloud;
use wavetrain_ports::clock::Clock;
use wavetrain_ports::failure::{Class, Failure};

/// Why a site could not be surveyed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{site}: {failure}")]
pub struct SiteTrouble {
    /// Where.
    pub site: Site,
    /// What happened.
    pub failure: Failure,
}

/// The sites of a plan file: accounts × Regions, sorted, each with its role's ARN filled in.
pub fn sites(fleet: &Fleet) -> Vec<Site> {
    let site = |account: &AccountId, region: &wavetrain_model::id::Region| Site {
        account: account.clone(),
        region: region.clone(),
        role: fleet.role.as_ref().map(|role| role.replace("{account}", account.as_str())),
        external_id: fleet.external_id.clone(),
    };
    let mut sites: Vec<Site> = fleet
        .accounts
        .iter()
        .flat_map(|account| fleet.regions.iter().map(move |region| site(account, region)))
        .collect();
    sites.sort();
    sites
}

/// Asks every site for its nodes, its view of the package and the documents we send. At most `at_once` sites are
/// asked at a time. The troubles of all sites come back together, sorted by site. `earlier` names versions that nodes are
/// known to have: they are what a rollback installs, so they are looked at as closely as the target.
pub async fn observe(
    cloud: &Arc<dyn Cloud>,
    clock: &dyn Clock,
    spec: &Rollout,
    earlier: &BTreeSet<String>,
    at_once: usize,
) -> Result<Snapshot, Vec<SiteTrouble>> {
    let sites = sites(&spec.fleet);
    check_reach(cloud, spec, &sites).await?;
    let questions = Arc::new(tag_questions(spec));
    let package = Arc::new(spec.package.clone());
    let wanted: Arc<[String]> = wanted(spec, earlier).into();
    let places = Arc::new(Semaphore::new(at_once.max(1)));
    let mut asked = JoinSet::new();
    for (at, site) in sites.iter().enumerate() {
        let (cloud, site, places) = (cloud.clone(), site.clone(), places.clone());
        let (questions, package, wanted) = (questions.clone(), package.clone(), wanted.clone());
        asked.spawn(async move {
            // The semaphore lives as long as its users and is never closed.
            let _place = places.acquire().await;
            (at, ask(cloud.as_ref(), &site, SiteIndex(at as u32), &questions, &package, &wanted).await)
        });
    }
    let mut answers: Vec<Option<Answer>> = sites.iter().map(|_| None).collect();
    while let Some(joined) = asked.join_next().await {
        match joined {
            Ok((at, answer)) => answers[at] = Some(answer),
            Err(error) => tracing::error!(%error, "a site's survey died"),
        }
    }
    let (nodes, packages) = gather(&sites, answers)?;
    let questions = Arc::unwrap_or_clone(questions);
    Ok(Snapshot { observed_at: clock.now(), sites, packages, questions, nodes })
}

type Answer = Result<(Vec<Node>, PackageView), Failure>;

async fn ask(
    cloud: &dyn Cloud,
    site: &Site,
    index: SiteIndex,
    questions: &[TagMatch],
    package: &Package,
    wanted: &[String],
) -> Answer {
    // One after the other: a role that cannot be assumed should be refused once, not three times.
    cloud.check_documents(site, &documents(package)).await?;
    let look_into_files = package.install == InstallMode::InPlace;
    let owner = package.owner_for(&site.account);
    let mut view = cloud.package(site, &package.name, owner, wanted, look_into_files).await?;
    let mut found = associations::of_package(cloud, site, package).await?;
    let all = associations::questions(questions, found.as_deref().unwrap_or_default());
    let mut nodes = cloud.nodes(site, index, &all).await?;
    if let Some(found) = &mut found {
        associations::resolve(found, &all, questions.len(), &mut nodes);
    }
    view.associations = found;
    Ok((nodes, view))
}

/// The target first, then all that may have to be given back.
fn wanted(spec: &Rollout, earlier: &BTreeSet<String>) -> Vec<String> {
    let target = &spec.package.version;
    let mut wanted = vec![target.clone()];
    let back: BTreeSet<&String> = earlier.iter().chain(&spec.rollback.to).collect();
    wanted.extend(back.into_iter().filter(|version| *version != target).cloned());
    wanted
}

fn gather(
    sites: &[Site],
    answers: Vec<Option<Answer>>,
) -> Result<(Vec<Node>, Vec<PackageView>), Vec<SiteTrouble>> {
    let (mut nodes, mut packages, mut troubles) = (Vec::new(), Vec::new(), Vec::new());
    for (site, answer) in sites.iter().zip(answers) {
        let answer = answer.unwrap_or_else(|| Err(failure(Class::UnknownOutcome, "survey", "it died")));
        match answer {
            Ok((found, view)) => {
                nodes.extend(found);
                packages.push(view);
            }
            Err(failure) => troubles.push(SiteTrouble { site: site.clone(), failure }),
        }
    }
    if troubles.is_empty() { Ok((nodes, packages)) } else { Err(troubles) }
}

/// Without a role the caller's own credentials are used everywhere, and they reach one account: asking another
/// would describe the wrong fleet under its name.
async fn check_reach(cloud: &Arc<dyn Cloud>, spec: &Rollout, sites: &[Site]) -> Result<(), Vec<SiteTrouble>> {
    if spec.fleet.role.is_some() {
        return Ok(());
    }
    let all = |failure: &Failure| -> Vec<SiteTrouble> {
        sites.iter().map(|site| SiteTrouble { site: site.clone(), failure: failure.clone() }).collect()
    };
    let own = cloud.caller_account().await.map_err(|failure| all(&failure))?;
    let foreign: Vec<SiteTrouble> = sites
        .iter()
        .filter(|site| site.account != own)
        .map(|site| {
            let message =
                format!("the credentials belong to account {own} and the plan names no role to assume");
            let failure = failure(Class::Denied, "GetCallerIdentity", &message);
            SiteTrouble { site: site.clone(), failure }
        })
        .collect();
    if foreign.is_empty() { Ok(()) } else { Err(foreign) }
}

fn failure(class: Class, operation: &str, message: &str) -> Failure {
    Failure { class, operation: operation.to_owned(), message: message.to_owned(), code: String::new() }
}

/// The command documents that a rollout of this package sends.
fn documents(package: &Package) -> Vec<&'static str> {
    let mut names = vec!["AWS-ConfigureAWSPackage"];
    if let Some(probe) = &package.probe {
        names.extend(probe.linux.as_ref().map(|_| "AWS-RunShellScript"));
        names.extend(probe.windows.as_ref().map(|_| "AWS-RunPowerShellScript"));
    }
    names
}
