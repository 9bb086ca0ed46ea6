//! A plan of a million nodes over two thousand sites: seconds of CPU, and memory.
#![allow(missing_docs)]

mod rehearsal;

use rehearsal::gauge::{Figure, Target, cpu_seconds, peak_megabytes, resident_megabytes};
use rehearsal::{REGIONS, Size};
use wavetrain_model::fleet::{
    Architecture, Manifest, Node, PackageView, Ping, Platform, Site, Snapshot, TagAnswers, VersionView,
};
use wavetrain_model::id::{Digest, NodeId, SiteIndex, TagMatchIndex};
use wavetrain_model::plan::tag_questions;
use wavetrain_model::spec::Rollout;
use wavetrain_model::time::Timestamp;

const NOW: Timestamp = Timestamp(1_777_000_000_000);
const SIZE: Size = Size { accounts: 1_000, nodes_per_site: 500, in_flight: "10%" };

fn main() {
    let on = "1,000,000 nodes, 2,000 sites, 4 waves";
    let spec = SIZE.spec();
    let fleet = fleet(&spec);
    let before = resident_megabytes();
    let begun = (std::time::Instant::now(), cpu_seconds());
    let plan = rehearsal::planned(&spec, &fleet);
    let (wall, cpu) = (begun.0.elapsed().as_secs_f64(), cpu_seconds() - begun.1);
    assert_eq!(plan.nodes.len(), SIZE.nodes());
    let figures = [
        ("planning, wall time", wall, "s", Target::AtMost(2.0)),
        ("planning, CPU", cpu, "s", Target::AtMost(2.0)),
        ("memory at most, fleet and plan together", peak_megabytes(), "MB", Target::AtMost(600.0)),
        ("memory of the fleet alone", before, "MB", Target::None),
    ];
    for (measured, value, unit, target) in figures {
        Figure { measured, on, value, unit, target }.print();
    }
}

fn fleet(spec: &Rollout) -> Snapshot {
    let sites: Vec<Site> = wavetrain_driver::survey::sites(&spec.fleet);
    assert_eq!(sites.len(), spec.fleet.accounts.len() * REGIONS.len());
    let mut nodes = Vec::with_capacity(SIZE.nodes());
    for at in 0..sites.len() as u32 {
        nodes.extend((0..SIZE.nodes_per_site).map(|number| node(at, number)));
    }
    Snapshot {
        observed_at: NOW,
        packages: vec![package(); sites.len()],
        questions: tag_questions(spec),
        sites,
        nodes,
    }
}

fn node(site: u32, number: usize) -> Node {
    let (platform, architecture) = match number % 5 {
        0 => (Platform::Windows, Architecture::X86_64),
        1 => (Platform::Linux, Architecture::Arm64),
        _ => (Platform::Linux, Architecture::X86_64),
    };
    let windows = platform == Platform::Windows;
    let tags = TagAnswers::default();
    Node {
        id: NodeId::new(format!("i-{site:04x}{:013x}", number * 7919)),
        site: SiteIndex(site),
        platform,
        distribution: if windows { "windows" } else { "amazon" }.into(),
        distribution_version: if windows { "10.0.20348" } else { "2023" }.into(),
        architecture,
        agent_version: "3.3.1230.0".into(),
        ping: Ping::Online,
        last_ping: NOW,
        tags: if number == 7 { tags.with(TagMatchIndex(0)) } else { tags },
    }
}

fn package() -> PackageView {
    let file = |platform: &str| {
        let any = |name: &str| [("_any".to_owned(), name.to_owned())].into();
        (platform.to_owned(), [("_any".to_owned(), any(&format!("{platform}.zip")))].into())
    };
    let version = |name: &str| VersionView {
        status: "Active".to_owned(),
        hash: Some(Digest::new(format!("hash of {name}"))),
        manifest: Some(Manifest {
            version: name.to_owned(),
            packages: [file("amazon"), file("windows")].into(),
            update_script: std::collections::BTreeMap::new(),
        }),
        amiss: Vec::new(),
    };
    PackageView {
        name: "agent".to_owned(),
        versions: ["1.0.0-1", "2.0.0-1"].map(|name| (name.to_owned(), version(name))).into(),
        default_version: Some("1.0.0-1".to_owned()),
        associations: Some(Vec::new()),
    }
}
