//! A million nodes. Run it optimised: `cargo test --release -p wavetrain-engine --test planner -- --ignored --nocapture`.

use super::fixture::{canary, empty_fleet, in_region, node, percent, planned, rollout, with_canary_tag};
use std::time::Instant;
use wavetrain_model::fleet::{Architecture, Platform, Site};
use wavetrain_model::id::{AccountId, Region};

const SITES: u32 = 2_000;
const NODES_PER_SITE: usize = 500;

#[test]
#[ignore = "measured by hand, optimised"]
#[expect(clippy::print_stderr, reason = "prints what it measures")]
fn a_million_nodes_over_two_thousand_sites() {
    let spec = rollout(vec![
        canary("canary", &[]),
        percent("early", 5, &[0]),
        in_region(percent("eu", 50, &[1]), "eu-west-1"),
        in_region(percent("us", 50, &[1]), "us-east-1"),
        percent("all", 100, &[2, 3]),
    ]);
    let mut fleet = empty_fleet(&spec);
    let package = fleet.packages[0].clone();
    fleet.sites = (0..SITES)
        .map(|at| Site {
            account: AccountId::new(format!("{:012}", at / 2)),
            region: Region::from(if at % 2 == 0 { "eu-west-1" } else { "us-east-1" }),
            role: None,
            external_id: None,
        })
        .collect();
    fleet.packages = vec![package; SITES as usize];
    for number in 0..NODES_PER_SITE {
        for site in 0..SITES {
            let (platform, architecture) = match number % 5 {
                0 => (Platform::Windows, Architecture::X86_64),
                1 => (Platform::Linux, Architecture::Arm64),
                _ => (Platform::Linux, Architecture::X86_64),
            };
            let node = node(site, number, platform, architecture);
            fleet.nodes.push(if number == 7 { with_canary_tag(node) } else { node });
        }
    }
    eprintln!("fleet: resident {}", resident());
    let begun = Instant::now();
    let plan = planned(&spec, &fleet).unwrap();
    eprintln!("planned {} nodes in {:?}, resident {}", plan.nodes.len(), begun.elapsed(), resident());
    assert_eq!(plan.nodes.len(), SITES as usize * NODES_PER_SITE);
}

/// Now and at most, as Linux says.
fn resident() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let lines = status.lines().filter(|line| line.starts_with("VmRSS") || line.starts_with("VmHWM"));
    lines.map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect::<Vec<_>>().join(", ")
}
