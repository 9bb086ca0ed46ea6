//! Plan files and fleets in few words.

use std::collections::BTreeMap;
use wavetrain_engine::planner::{BusyNodes, Inputs, plan};
use wavetrain_model::fleet::{
    Architecture, LedgerEntry, Manifest, Node, PackageView, Ping, Platform, Site, Snapshot, TagAnswers,
    VersionView,
};
use wavetrain_model::id::{AccountId, Digest, NodeId, Region, SiteIndex, TagMatchIndex, WaveIndex};
use wavetrain_model::plan::{Exclusion, Plan, PlannedNode, Refusal, tag_questions};
use wavetrain_model::quantity::{Amount, Percent};
use wavetrain_model::spec::{
    Api, Deadlines, Fleet, InstallMode, Limits, Package, Reaction, Rollback, Rollout, Take, Wave, Within,
};
use wavetrain_model::time::{Seconds, Timestamp};

pub(crate) const TARGET: &str = "2.0.0";
pub(crate) const DEFAULT: &str = "1.0.0";
pub(crate) const NOW: Timestamp = Timestamp(1_777_000_000_000);

pub(crate) fn percent(name: &str, share: u16, after: &[u16]) -> Wave {
    Wave {
        name: name.to_owned(),
        take: Take::Percent(Percent::whole(share)),
        bake: Seconds::minutes(10),
        after: after.iter().copied().map(WaveIndex).collect(),
        within: Within::default(),
        top_up: true,
        approval: None,
    }
}

/// The tag `rollout=canary`: question 0 of every plan file here that has a canary.
pub(crate) fn canary(name: &str, after: &[u16]) -> Wave {
    let take = Take::Tag { key: "rollout".to_owned(), value: "canary".to_owned() };
    Wave { take, ..percent(name, 0, after) }
}

pub(crate) fn in_region(wave: Wave, region: &str) -> Wave {
    Wave { within: Within { regions: vec![Region::from(region)], ..Within::default() }, ..wave }
}

pub(crate) fn on_platform(wave: Wave, platform: Platform) -> Wave {
    Wave { within: Within { platforms: vec![platform], ..Within::default() }, ..wave }
}

pub(crate) fn rollout(waves: Vec<Wave>) -> Rollout {
    Rollout {
        name: "agent-2".to_owned(),
        package: Package {
            name: "agent".to_owned(),
            owner: AccountId::from("111122223333"),
            version: TARGET.to_owned(),
            install: InstallMode::Reinstall,
            arguments: BTreeMap::new(),
            probe: None,
            copies: false,
            allow_differing_contents: false,
        },
        fleet: Fleet {
            accounts: vec![AccountId::from("111122223333"), AccountId::from("444455556666")],
            organization: None,
            regions: vec![Region::from("eu-west-1"), Region::from("us-east-1")],
            role: None,
            external_id: None,
            select: BTreeMap::new(),
            exclude: BTreeMap::new(),
            exclude_nodes: Vec::new(),
            min_coverage: Percent::whole(90),
            max_offline_age: Seconds::hours(24),
            min_agent: "3.1.1374.0".to_owned(),
        },
        waves,
        partial: false,
        salt: "agent-2".to_owned(),
        limits: Limits {
            in_flight: Amount::Share(Percent::whole(10)),
            per_site: None,
            max_unavailable: Vec::new(),
            failures: Amount::Share(Percent::whole(2)),
            undelivered: Amount::Share(Percent::whole(5)),
        },
        gates: Vec::new(),
        rollback: Rollback {
            to: None,
            require_known: false,
            on_fail: Reaction::Rollback,
            on_error: Reaction::Pause,
            on_inconclusive: Reaction::Pause,
            pace: 3,
        },
        deadlines: Deadlines {
            delivery: Seconds::minutes(10),
            execution: Seconds::hours(1),
            wave: Seconds::hours(6),
            hold: Seconds::hours(24),
        },
        publish_compliance: None,
        api: Api {
            requests_per_second: 5,
            burst: 5,
            first_poll: Seconds(5),
            longest_poll: Seconds(60),
            settle: Seconds(60),
        },
        packs: Vec::new(),
        guardrails: Vec::new(),
        dispatch: wavetrain_model::spec::Dispatch::Command,
        finish: wavetrain_model::spec::Finish::default(),
        allow_associations: wavetrain_model::spec::Allowed::None,
    }
}

pub(crate) fn manifest(version: &str) -> Manifest {
    let file = |name: &str| BTreeMap::from([("_any".to_owned(), name.to_owned())]);
    let packages = BTreeMap::from([
        ("amazon".to_owned(), BTreeMap::from([("_any".to_owned(), file("linux.zip"))])),
        ("windows".to_owned(), BTreeMap::from([("_any".to_owned(), file("windows.zip"))])),
    ]);
    Manifest { version: version.to_owned(), packages, update_script: BTreeMap::new() }
}

pub(crate) fn version_view(version: &str) -> VersionView {
    VersionView {
        status: "Active".to_owned(),
        hash: Some(Digest::new(format!("hash of {version}"))),
        manifest: Some(manifest(version)),
        amiss: Vec::new(),
    }
}

pub(crate) fn package_view() -> PackageView {
    let versions = [DEFAULT, TARGET].map(|version| (version.to_owned(), version_view(version)));
    PackageView {
        name: "agent".to_owned(),
        versions: BTreeMap::from(versions),
        default_version: Some(DEFAULT.to_owned()),
        associations: Some(Vec::new()),
    }
}

/// Two accounts × two Regions, no nodes yet.
pub(crate) fn empty_fleet(spec: &Rollout) -> Snapshot {
    let site = |account: &AccountId, region: &Region| Site {
        account: account.clone(),
        region: region.clone(),
        role: None,
        external_id: None,
    };
    let accounts = spec.fleet.accounts.iter();
    let sites: Vec<Site> = accounts
        .flat_map(|account| spec.fleet.regions.iter().map(move |region| site(account, region)))
        .collect();
    Snapshot {
        observed_at: NOW,
        packages: sites.iter().map(|_| package_view()).collect(),
        sites,
        questions: tag_questions(spec),
        nodes: Vec::new(),
    }
}

pub(crate) fn node(site: u32, number: usize, platform: Platform, architecture: Architecture) -> Node {
    let (distribution, version) = match platform {
        Platform::Windows => ("windows", "10.0.17763"),
        Platform::Linux | Platform::MacOs => ("amazon", "2023"),
    };
    Node {
        id: NodeId::new(format!("i-{site:02}{:012x}", number * 7919)),
        site: SiteIndex(site),
        platform,
        distribution: distribution.into(),
        distribution_version: version.into(),
        architecture,
        agent_version: "3.3.1230.0".into(),
        ping: Ping::Online,
        last_ping: NOW,
        tags: TagAnswers::default(),
    }
}

pub(crate) fn with_canary_tag(node: Node) -> Node {
    Node { tags: node.tags.with(TagMatchIndex(0)), ..node }
}

/// `count` Linux nodes on x86_64 in site 0.
pub(crate) fn small_fleet(spec: &Rollout, count: usize) -> Snapshot {
    let mut fleet = empty_fleet(spec);
    fleet.nodes = (0..count).map(|at| node(0, at, Platform::Linux, Architecture::X86_64)).collect();
    fleet
}

pub(crate) fn verified(fleet: &Snapshot, node: &Node, version: Option<&str>) -> LedgerEntry {
    let site = &fleet.sites[node.site.at()];
    LedgerEntry {
        account: site.account.clone(),
        region: site.region.clone(),
        node: node.id.clone(),
        version: version.map(str::to_owned),
        verified_at: NOW,
    }
}

pub(crate) fn planned(spec: &Rollout, fleet: &Snapshot) -> Result<Plan, Vec<Refusal>> {
    planned_with(spec, fleet, &[])
}

pub(crate) fn planned_with(
    spec: &Rollout,
    fleet: &Snapshot,
    ledger: &[LedgerEntry],
) -> Result<Plan, Vec<Refusal>> {
    plan(&Inputs { spec, fleet, ledger, busy: &BusyNodes::new(), quarantined: None })
}

pub(crate) fn codes(outcome: Result<Plan, Vec<Refusal>>) -> Vec<String> {
    outcome.expect_err("a plan was made").into_iter().map(|refusal| refusal.code).collect()
}

pub(crate) fn planned_node<'a>(plan: &'a Plan, node: &Node) -> &'a PlannedNode {
    plan.nodes.iter().find(|planned| planned.id == node.id).expect("not in the plan")
}

pub(crate) fn exclusion<'a>(plan: &'a Plan, node: &Node) -> &'a Exclusion {
    &plan.excluded.iter().find(|excluded| excluded.id == node.id).expect("not excluded").reason
}
