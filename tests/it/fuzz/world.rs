//! World files.

use super::{Target, acts_on_a_terminal};
use wavetrain_sim::world::World;
use wavetrain_sim::world_file::WorldFile;

const WORDS: [&str; 22] = [
    "sites",
    "accounts",
    "regions",
    "nodes",
    "count",
    "platform",
    "Linux",
    "Windows",
    "tagged",
    "fraction",
    "installed",
    "troubles",
    "packages",
    "versions",
    "behaviour",
    "takes_seconds",
    "alarms",
    "raised_when",
    "timing",
    "rates",
    "faults",
    "none",
];

/// Worlds up to this size are also built and left to themselves for a while.
const BUILT_NODES: u64 = 500;

#[test]
fn world() {
    Target { name: "world", seeds: seeds(), words: &WORDS, cases: 2000 }.run(|input| {
        let Ok(text) = std::str::from_utf8(input) else { return };
        match WorldFile::parse(text) {
            Err(error) => {
                let said = error.to_string();
                assert!(!said.is_empty() && said.len() < 20_000, "{} bytes", said.len());
                assert!(!acts_on_a_terminal(&said), "{said:?}");
            }
            Ok(file) => live(&file),
        }
    });
}

/// What is read means the same when it is written and read again, and nothing in it breaks a world.
fn live(file: &WorldFile) {
    let written = serde_json::to_string(file).expect("a world file is data");
    assert_eq!(WorldFile::parse(&written).as_ref(), Ok(file), "{written}");
    let sites = file.sites.accounts.len() as u64 * file.sites.regions.len() as u64;
    let nodes: u64 = file.nodes.iter().map(|group| u64::from(group.count)).sum();
    if nodes.saturating_mul(sites) <= BUILT_NODES {
        let mut world = World::new(file).expect("a checked file builds");
        let later = world.now().plus_seconds(86_400);
        world.advance_to(later);
    }
}

fn seeds() -> Vec<Vec<u8>> {
    let worlds = [
        include_str!("../../../orchestrator/sim/src/world_file/full.yaml"),
        include_str!("../../../examples/worlds/small.yaml"),
        include_str!("../../../examples/worlds/hostile.yaml"),
        include_str!("../../clients/world.yaml"),
    ];
    worlds.iter().map(|world| world.as_bytes().to_vec()).collect()
}
