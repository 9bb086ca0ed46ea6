//! `package publish`, `versions`, `verify`, `share`, `set-default`, `prune`: a package in the accounts and Regions that keep it.

use super::lint;
use crate::args::{Format, Homes, Published};
use crate::commands::context::{Context, Time};
use crate::commands::{files, look, planning};
use crate::exit::{Exit, Stop, chain, next_step};
use crate::print::JSON_VERSION;
use crate::print::table::Columns;
use futures_util::future::join_all;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use wavetrain_aws::Aws;
use wavetrain_driver::log::package_key;
use wavetrain_driver::survey;
use wavetrain_model::fleet::Site;
use wavetrain_model::id::NodeIndex;
use wavetrain_model::limit::VERSIONS_PER_PACKAGE;
use wavetrain_model::plan::{Before, Plan};
use wavetrain_model::spec::Rollout;
use wavetrain_model::state::{Node, Restoration, Touch};
use wavetrain_package::build;
use wavetrain_package::publish::prune::{self, CROWDED, Kept};
use wavetrain_package::publish::verify::Finding;
use wavetrain_package::publish::{Done, Error, Home, Publisher, Release, Step};
use wavetrain_ports::registry::{ACCOUNTS_PER_DOCUMENT, Listed, Registry};

/// What all of these commands work on.
struct Shelf {
    aws: Arc<Aws>,
    time: Time,
    spec: Rollout,
    homes: Vec<Home>,
    output: Format,
}

/// Carries out one of the commands.
pub async fn run(context: &Context, command: Published) -> Result<Exit, Stop> {
    match command {
        Published::Publish { path, bucket, prefix, accept, default, homes } => {
            lint::must_be_publishable(context, &path, &accept)?;
            let shelf = Shelf::open(context, homes, &bucket, prefix.trim_matches('/')).await?;
            publish(context, &shelf, &path, default).await
        }
        Published::Versions { homes } => {
            let shelf = Shelf::open(context, homes, "", "").await?;
            versions(context, &shelf).await
        }
        Published::Verify { version, homes } => {
            let shelf = Shelf::open(context, homes, "", "").await?;
            let version = version.unwrap_or_else(|| shelf.spec.package.version.clone());
            verify(context, &shelf, &version).await
        }
        Published::Share { homes } => {
            let shelf = Shelf::open(context, homes, "", "").await?;
            share(context, &shelf).await
        }
        Published::SetDefault { version, yes, homes } => {
            let shelf = Shelf::open(context, homes, "", "").await?;
            set_default(context, &shelf, &version, yes).await
        }
        Published::Prune { keep, yes, without_state, homes } => {
            let shelf = Shelf::open(context, homes, "", "").await?;
            prune(context, &shelf, keep, yes, without_state).await
        }
    }
}

impl Shelf {
    async fn open(context: &Context, asked: Homes, bucket: &str, prefix: &str) -> Result<Self, Stop> {
        let time = context.time().await?;
        let spec = files::checked(context, &asked.plan, &[], time.now())?.rollout;
        let aws = planning::aws("wavetrain-package", &time).await?;
        let spec = planning::resolved(context, spec, aws.as_ref()).await?;
        let are_copies = asked.copy || spec.package.copies;
        if are_copies && asked.role.is_some() {
            return Err(Stop::new(Exit::Usage, "copies are made with the role of the plan, not with --role"));
        }
        if are_copies && !spec.package.copies {
            context.console.note(
                "rollouts of this plan install the owner's document: they use copies with `package: { copies: yes }`",
            );
        }
        let home = |site: Site, share_with| Home {
            bucket: bucket
                .replace("{account}", site.account.as_str())
                .replace("{region}", site.region.as_str()),
            // Accounts that use one bucket must not finish, or abort, each other's uploads.
            prefix: match (are_copies, prefix) {
                (false, _) => prefix.to_owned(),
                (true, "") => site.account.to_string(),
                (true, _) => format!("{prefix}/{}", site.account),
            },
            share_with,
            site,
        };
        let homes = if are_copies {
            survey::sites(&spec.fleet).into_iter().map(|site| home(site, Vec::new())).collect()
        } else {
            let owner = |region| Site {
                account: spec.package.owner.clone(),
                region,
                role: asked.role.clone(),
                external_id: None,
            };
            let regions = spec.fleet.regions.iter().cloned();
            regions.map(|region| home(owner(region), spec.fleet.accounts.clone())).collect()
        };
        Ok(Self { aws, time, spec, homes, output: asked.output })
    }

    fn package(&self) -> &str {
        &self.spec.package.name
    }

    fn sites(&self) -> Vec<&Site> {
        self.homes.iter().map(|home| &home.site).collect()
    }

    fn publisher<'p>(&'p self, watcher: &'p (dyn Fn(&Site, Step) + Sync)) -> Publisher<'p> {
        Publisher::new(self.aws.as_ref(), self.aws.as_ref(), self.time.clock.as_ref(), watcher)
    }
}

async fn publish(context: &Context, shelf: &Shelf, path: &Path, is_default: bool) -> Result<Exit, Stop> {
    let built = build::load(path).map_err(|error| {
        Stop::new(Exit::InvalidFile, chain(&error))
            .help("name the directory that `wavetrain package build` printed, such as dist/VERSION")
    })?;
    let release = Release::new(shelf.package(), &built).map_err(|error| stop(&error))?;
    has_room(context, shelf, release.version()).await?;
    context.console.note(&format!(
        "publishing {} {} to {}",
        shelf.package(),
        release.version(),
        crate::print::table::counted(shelf.homes.len() as u64, "site")
    ));
    let lines = Lines::default();
    let watcher = |site: &Site, step: Step| {
        if let Some(line) = lines.of(site, &step) {
            context.console.note(&line);
        }
    };
    let publisher = shelf.publisher(&watcher);
    let all = shelf.homes.iter().map(|home| publisher.publish(home, &release));
    let results = join_all(all).await;
    let moved = if is_default && results.iter().all(Result::is_ok) {
        publisher.set_default(&shelf.sites(), shelf.package(), release.version()).await
    } else {
        shelf.homes.iter().map(|_| Ok(false)).collect()
    };
    let results: Vec<Result<(Done, bool), Error>> =
        results.into_iter().zip(moved).map(|(done, moved)| Ok((done?, moved?))).collect();
    let rows = |result: &Result<(Done, bool), Error>| match result {
        Ok((done, is_default_now)) => {
            let what = if done.is_new { "published" } else { "was there" };
            json!({ "outcome": what, "uploaded_bytes": done.uploaded, "accounts_added": done.shared,
                "became_default": is_default_now })
        }
        Err(error) => json!({ "outcome": "failed", "error": chain(error) }),
    };
    let document = sites(shelf, results.iter().map(rows));
    report(
        context,
        shelf,
        release.version(),
        &document,
        &["outcome", "uploaded_bytes", "accounts_added", "became_default", "error"],
    )?;
    ended(shelf, &results)
}

/// Everything that would stop some of the homes is found before the first byte is sent: a version in half of the Regions helps nobody.
async fn has_room(context: &Context, shelf: &Shelf, version: &str) -> Result<(), Stop> {
    let mut buckets: BTreeMap<&str, &Site> = BTreeMap::new();
    for home in &shelf.homes {
        let other = buckets.entry(&home.bucket).or_insert(&home.site);
        if other.region != home.site.region {
            let what =
                format!("bucket {} cannot lie in {} and in {}", home.bucket, other.region, home.site.region);
            return Err(Stop::new(Exit::Usage, what)
                .help("write `{region}` in its name: Systems Manager copies the files from a bucket in its own Region"));
        }
        if home.share_with.len() > ACCOUNTS_PER_DOCUMENT {
            let accounts = home.share_with.len();
            let what = format!(
                "{accounts} accounts are more than the {ACCOUNTS_PER_DOCUMENT} that one document is shared with"
            );
            return Err(Stop::new(Exit::Refused, what).help("publish a copy into every account with --copy"));
        }
    }
    let all = shelf.homes.iter().map(|home| shelf.aws.versions(&home.site, shelf.package()));
    for (home, lines) in shelf.homes.iter().zip(join_all(all).await) {
        // Whoever may publish and not list is told by the service itself when there is no room.
        let lines = match lines {
            Ok(lines) => lines.unwrap_or_default(),
            Err(failure) => {
                let told = format!("{}: whether there is room is not known: {failure}", home.site);
                context.console.note(&told);
                continue;
            }
        };
        let is_there = lines.iter().any(|line| line.name == version);
        if lines.len() >= VERSIONS_PER_PACKAGE && !is_there {
            let what = format!("{} has {} versions, as many as are possible", home.site, lines.len());
            return Err(Stop::new(Exit::Refused, what)
                .help("make room with `wavetrain package prune`; nothing was uploaded"));
        }
        if lines.len() >= CROWDED {
            let told = format!(
                "{}: {} of {VERSIONS_PER_PACKAGE} versions; `wavetrain package prune` makes room",
                home.site,
                lines.len()
            );
            context.console.note(&told);
        }
    }
    Ok(())
}

/// One answer a home, as the JSON of the command.
fn sites(shelf: &Shelf, rows: impl Iterator<Item = Value>) -> Vec<Value> {
    let with_site = |(home, mut row): (&Home, Value)| {
        row["site"] = json!(home.site.to_string());
        row
    };
    shelf.homes.iter().zip(rows).map(with_site).collect()
}

fn report(
    context: &Context,
    shelf: &Shelf,
    version: &str,
    sites: &[Value],
    keys: &[&str],
) -> Result<(), Stop> {
    match shelf.output {
        Format::Json => context.console.json(&json!({
            "version": JSON_VERSION, "package": shelf.package(), "package_version": version, "sites": sites,
        })),
        Format::Text => {
            let keys: Vec<&str> = std::iter::once("site").chain(keys.iter().copied()).collect();
            let is_used = |key: &&str| sites.iter().any(|site| !site[*key].is_null());
            let keys: Vec<&str> = keys.into_iter().filter(|key| is_used(key)).collect();
            let headings: Vec<String> = keys.iter().map(|key| key.replace('_', " ")).collect();
            let mut columns = Columns::new(&headings.iter().map(String::as_str).collect::<Vec<_>>());
            for site in sites {
                columns.row(keys.iter().map(|key| cell(&site[*key])));
            }
            context.console.data(&columns.text(0))
        }
    }
}

fn cell(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::Bool(yes) => if *yes { "yes" } else { "no" }.to_owned(),
        Value::String(text) => text.clone(),
        Value::Array(all) => all.iter().map(cell).collect::<Vec<_>>().join(", "),
        other => other.to_string(),
    }
}

/// The worst of what happened: what was done stays, and the same command goes on from there.
fn ended<T>(shelf: &Shelf, results: &[Result<T, Error>]) -> Result<Exit, Stop> {
    let errors = || results.iter().filter_map(|result| result.as_ref().err());
    let is_cause = |error: &&Error| !matches!(error, Error::Withheld);
    let Some(error) = errors().find(is_cause) else { return Ok(Exit::Done) };
    let failed = errors().filter(is_cause).count();
    let mut stop = stop(error);
    stop.message = format!("{failed} of {} sites failed, the first: {}", shelf.homes.len(), stop.message);
    Err(stop)
}

fn stop(error: &Error) -> Stop {
    let (exit, help) = match error {
        Error::Call(failure) => (Exit::of_class(failure.class), next_step(failure.class)),
        Error::Taken { .. } => {
            (Exit::Refused, "a VersionName cannot be used again: build under another version")
        }
        Error::Different { .. } => {
            (Exit::Refused, "somebody else writes to this bucket or document; publish under another version")
        }
        Error::Failed { .. } => (
            Exit::Refused,
            "usually the caller may not read the bucket (s3:GetObject); then run the same command again",
        ),
        Error::Slow { .. } => (Exit::LostContact, "run the same command again: it goes on waiting"),
        Error::Full { .. } => (Exit::Refused, "`wavetrain package prune` deletes what nobody needs"),
        Error::TooManyAccounts { .. } => {
            (Exit::Refused, "publish with --copy: every account keeps its own then")
        }
        Error::Missing { .. } | Error::Withheld => {
            (Exit::Refused, "`wavetrain package versions` lists what is there")
        }
        Error::Unreadable { .. } => (Exit::Unexpected, ""),
        Error::Changed { .. } => (Exit::InvalidFile, "build it again"),
    };
    Stop::new(exit, chain(error)).help(help)
}

/// What is said while it is published: every step once, and of large files each tenth.
#[derive(Debug, Default)]
struct Lines(Mutex<BTreeMap<(String, String), u64>>);

impl Lines {
    fn of(&self, site: &Site, step: &Step) -> Option<String> {
        let said = match step {
            Step::Found => "is there already".to_owned(),
            Step::Uploading { file, done, of } => return self.uploading(site, file, *done, *of),
            Step::Removed => "an attempt that failed is deleted".to_owned(),
            Step::Sent => "Systems Manager copies the files".to_owned(),
            Step::Waiting => return self.once(site, "waiting"),
            Step::Unnamed => "the attached files are not named: their digests are not known".to_owned(),
            Step::Active => "active".to_owned(),
            Step::Shared(1) => "shared with 1 more account".to_owned(),
            Step::Shared(accounts) => format!("shared with {accounts} more accounts"),
            Step::Default => "is the default version now".to_owned(),
        };
        Some(format!("{site}: {said}"))
    }

    fn once(&self, site: &Site, what: &str) -> Option<String> {
        let mut told = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_first = told.insert((site.to_string(), what.to_owned()), 0).is_none();
        is_first.then(|| format!("{site}: {what} until it is active"))
    }

    fn uploading(&self, site: &Site, file: &str, done: u64, of: u64) -> Option<String> {
        let tenths = (done * 10).checked_div(of).unwrap_or(10);
        let mut told = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let before = told.insert((site.to_string(), file.to_owned()), tenths);
        (before != Some(tenths)).then(|| format!("{site}: {file} {done} of {of} bytes"))
    }
}

/// Every version by name, with what each home says of it.
async fn listed(shelf: &Shelf) -> Result<Vec<Vec<Listed>>, Stop> {
    let all = shelf.homes.iter().map(|home| shelf.aws.versions(&home.site, shelf.package()));
    join_all(all).await.into_iter().map(|found| Ok(found?.unwrap_or_default())).collect()
}

/// Versions that nodes have, by the ledger, and that active rollouts install or give back.
struct InUse {
    nodes: BTreeMap<String, usize>,
    planned: BTreeSet<String>,
}

/// None: there is no state, so nobody knows.
async fn in_use(context: &Context, shelf: &Shelf) -> Result<Option<InUse>, Stop> {
    let mut found = InUse { nodes: BTreeMap::new(), planned: BTreeSet::new() };
    let Some(store) = context.store_to_look_at()? else { return Ok(None) };
    let package = package_key(&shelf.spec.package);
    let ledger = store.ledger(&package, None).await?;
    for version in ledger.iter().filter_map(|row| row.version.clone()) {
        *found.nodes.entry(version).or_default() += 1;
    }
    let verified: BTreeMap<_, _> =
        ledger.iter().map(|row| ((&*row.account, &*row.region, &*row.node), row.at_ms)).collect();
    for rollout in store.list().await? {
        if rollout.summary.package != package {
            continue;
        }
        let loaded = look::load(store.as_ref(), &rollout).await?;
        let (plan, state) = (&loaded.plan, &loaded.state);
        if rollout.summary.active {
            found.planned.extend(plan.versions.clone());
            continue;
        }
        // It can still be taken back, as long as nodes have what it brought; and nodes that it left as nobody knows can still
        // get their version back, unless one was found on them since.
        let is_installed = found.nodes.contains_key(plan.version(Plan::TARGET));
        let is_left = |index: NodeIndex, node: &Node| {
            let site = &plan.sites[plan.site_of(index).at()].site;
            let id = plan.nodes[index.at()].id.as_str();
            let known = verified.get(&(site.account.as_str(), site.region.as_str(), id));
            node.touch != Touch::No
                && node.restoration != Restoration::Done
                && known.is_none_or(|at| *at <= state.updated_at.0)
        };
        for (index, node) in plan.node_indices().zip(&state.nodes) {
            if let Before::Version(version) = node.before
                && (is_installed || is_left(index, node))
            {
                found.planned.insert(plan.version(version).to_owned());
            }
        }
    }
    Ok(Some(found))
}

async fn versions(context: &Context, shelf: &Shelf) -> Result<Exit, Stop> {
    let all = shelf.homes.iter().map(|home| shelf.aws.versions(&home.site, shelf.package()));
    let listed = join_all(all).await;
    let in_use = in_use(context, shelf).await?;
    if in_use.is_none() {
        context.console.note("there is no state file: which nodes have a version is not known");
    }
    let nodes = |version: &str| in_use.as_ref().map(|known| known.nodes.get(version).copied().unwrap_or(0));
    let in_rollouts = |version: &str| in_use.as_ref().map(|known| known.planned.contains(version));
    let mut rows = Vec::new();
    // One Region that does not answer must not hide what the others have.
    let mut silent = Vec::new();
    for (home, lines) in shelf.homes.iter().zip(&listed) {
        let lines = match lines {
            Ok(lines) => lines.as_deref().unwrap_or_default(),
            Err(failure) => {
                context.console.note(&format!("{}: {failure}", home.site));
                silent.push(failure);
                continue;
            }
        };
        let manifests = lines.iter().map(|line| shelf.aws.version(&home.site, shelf.package(), &line.name));
        for (line, found) in lines.iter().zip(join_all(manifests).await) {
            let digest = |content: &str| wavetrain_package::manifest::sha256(content.as_bytes()).to_string();
            let hash = match found {
                Ok(found) => found.map(|found| digest(&found.content)),
                Err(failure) => {
                    context.console.note(&format!("{} {}: {failure}", home.site, line.name));
                    None
                }
            };
            rows.push(json!({
                "site": home.site.to_string(), "version": line.name, "number": line.number, "status": line.status,
                "default": line.is_default, "manifest_sha256": hash, "nodes": nodes(&line.name),
                "rollouts": in_rollouts(&line.name), "information": line.information,
            }));
        }
        if lines.len() >= CROWDED {
            context.console.note(&format!(
                "{}: {} of {VERSIONS_PER_PACKAGE} versions; `wavetrain package prune` makes room",
                home.site,
                lines.len()
            ));
        }
    }
    match shelf.output {
        Format::Json => context
            .console
            .json(&json!({ "version": JSON_VERSION, "package": shelf.package(), "versions": rows }))?,
        Format::Text if rows.is_empty() => context.console.note("there is no version anywhere"),
        Format::Text => {
            let mut columns =
                Columns::new(&["version", "site", "number#", "status", "default", "manifest", "nodes#"]);
            rows.sort_by_key(|row| (cell(&row["version"]), cell(&row["site"])));
            for row in &rows {
                let hash: String = cell(&row["manifest_sha256"]).chars().take(12).collect();
                let default = if row["default"] == true { "default" } else { "" };
                columns.row([
                    cell(&row["version"]),
                    cell(&row["site"]),
                    cell(&row["number"]),
                    cell(&row["status"]),
                    default.to_owned(),
                    hash,
                    cell(&row["nodes"]),
                ]);
            }
            context.console.data(&columns.text(0))?;
        }
    }
    let Some(failure) = silent.first() else { return Ok(Exit::Done) };
    let what = format!("{} of {} sites did not say what they have", silent.len(), shelf.homes.len());
    Err(Stop::new(Exit::of_class(failure.class), what).help(next_step(failure.class)))
}

async fn verify(context: &Context, shelf: &Shelf, version: &str) -> Result<Exit, Stop> {
    let seen = shelf.publisher(&|_, _| ()).verify(&shelf.homes, shelf.package(), version).await;
    let row = |seen: &wavetrain_package::publish::verify::Seen| {
        let findings: Vec<String> = seen.findings.iter().map(said).collect();
        let verdict = if findings.is_empty() { "fine" } else { "wrong" };
        json!({ "verdict": verdict, "digest": seen.digest, "findings": findings })
    };
    let rows = sites(shelf, seen.iter().map(row));
    report(context, shelf, version, &rows, &["verdict", "findings"])?;
    let wrong = seen.iter().filter(|seen| !seen.findings.is_empty()).count();
    if wrong == 0 {
        return Ok(Exit::Done);
    }
    let is_unknown = seen.iter().flat_map(|seen| &seen.findings).all(|it| matches!(it, Finding::Unknown(_)));
    let exit = if is_unknown { Exit::LostContact } else { Exit::Refused };
    Err(Stop::new(exit, format!("version {version} is not right in {wrong} of {} sites", seen.len()))
        .help("`wavetrain package publish` makes what is missing, `wavetrain package share` shares it"))
}

fn said(finding: &Finding) -> String {
    match finding {
        Finding::Missing => "not there".to_owned(),
        Finding::NotActive(status, information) if information.is_empty() => format!("status {status}"),
        Finding::NotActive(status, information) => format!("status {status}: {information}"),
        Finding::NoManifest => "its manifest cannot be read".to_owned(),
        Finding::OtherVersion(version) => format!("its manifest says version {version}"),
        Finding::File(file) => format!("{file} is not what the manifest says"),
        Finding::Different => "not the same as in other sites".to_owned(),
        Finding::NotShared(accounts) => {
            let accounts: Vec<&str> = accounts.iter().map(wavetrain_model::id::AccountId::as_str).collect();
            format!("not shared with {}", accounts.join(", "))
        }
        Finding::Unknown(error) => error.clone(),
    }
}

async fn share(context: &Context, shelf: &Shelf) -> Result<Exit, Stop> {
    let publisher = shelf.publisher(&|_, _| ());
    let all = shelf.homes.iter().map(|home| publisher.share(&home.site, shelf.package(), &home.share_with));
    let results = join_all(all).await;
    let row = |result: &Result<usize, Error>| match result {
        Ok(added) => json!({ "accounts_added": added }),
        Err(error) => json!({ "error": chain(error) }),
    };
    let rows = sites(shelf, results.iter().map(row));
    report(context, shelf, &shelf.spec.package.version, &rows, &["accounts_added", "error"])?;
    ended(shelf, &results)
}

async fn set_default(context: &Context, shelf: &Shelf, version: &str, yes: bool) -> Result<Exit, Stop> {
    if !yes {
        context.console.confirm(&format!(
            "make {version} the default version of {} in {}? Nodes that install it without naming a version get this one.",
            shelf.package(),
            crate::print::table::counted(shelf.homes.len() as u64, "site")
        ))?;
    }
    let publisher = shelf.publisher(&|_, _| ());
    let results = publisher.set_default(&shelf.sites(), shelf.package(), version).await;
    let row = |result: &Result<bool, Error>| match result {
        Ok(true) => json!({ "outcome": "is the default version now" }),
        Ok(false) => json!({ "outcome": "was the default version already" }),
        Err(error) => json!({ "outcome": "failed", "error": chain(error) }),
    };
    let rows = sites(shelf, results.iter().map(row));
    report(context, shelf, version, &rows, &["outcome", "error"])?;
    ended(shelf, &results)
}

/// Versions that must stay, whatever their age.
async fn needed(context: &Context, shelf: &Shelf, without_state: bool) -> Result<BTreeSet<String>, Stop> {
    match in_use(context, shelf).await? {
        Some(in_use) => Ok(in_use.nodes.into_keys().chain(in_use.planned).collect()),
        None if without_state => Ok(BTreeSet::new()),
        None => {
            let what = "there is no state file: nobody knows which versions nodes have";
            Err(Stop::new(Exit::Refused, what)
                .help("name it with --state; --without-state prunes by age alone"))
        }
    }
}

async fn prune(
    context: &Context,
    shelf: &Shelf,
    keep: usize,
    yes: bool,
    without_state: bool,
) -> Result<Exit, Stop> {
    let (listed, needed) = (listed(shelf).await?, needed(context, shelf, without_state).await?);
    let mut rows = Vec::new();
    let mut doomed = Vec::new();
    for (home, lines) in shelf.homes.iter().zip(&listed) {
        for (line, kept) in prune::judged(lines, &needed, keep) {
            if kept.is_none() {
                doomed.push((home, line.name.clone()));
            }
            let why = kept.map_or("deleted", reason);
            rows.push(json!({ "site": home.site.to_string(), "version": line.name, "kept": kept.is_some(), "why": why }));
        }
    }
    if shelf.output == Format::Text {
        let mut columns = Columns::new(&["site", "version", "stays because"]);
        for row in &rows {
            let why = if row["kept"] == true { cell(&row["why"]) } else { "- nobody needs it".to_owned() };
            columns.row([cell(&row["site"]), cell(&row["version"]), why]);
        }
        context.console.data(&columns.text(0))?;
    }
    if doomed.is_empty() {
        context.console.note("nothing to delete");
    } else if !yes {
        context.console.confirm(&format!("delete {} versions?", doomed.len()))?;
        // Nobody waits with a rollout until somebody has answered.
        let by_now = self::needed(context, shelf, without_state).await?;
        doomed.retain(|(_, version)| !by_now.contains(version));
    }
    for (home, version) in &doomed {
        shelf.aws.delete(&home.site, shelf.package(), Some(version)).await?;
        context.console.note(&format!("{}: {version} is deleted", home.site));
    }
    if shelf.output == Format::Json {
        context
            .console
            .json(&json!({ "version": JSON_VERSION, "package": shelf.package(), "versions": rows }))?;
    }
    Ok(Exit::Done)
}

fn reason(kept: Kept) -> &'static str {
    match kept {
        Kept::Default => "it is the default version",
        Kept::InUse => "nodes have it, or would get it back",
        Kept::Newest => "it is one of the newest",
        Kept::Nameless => "it has no name",
        Kept::Unfinished => "it is not active",
    }
}
