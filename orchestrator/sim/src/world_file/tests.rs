//! World files: what is read, and what is refused.

use super::{MAX_BYTES, WorldFile, WorldFileError};
use crate::trial::WORLD;

fn refused(text: &str) -> WorldFileError {
    WorldFile::parse(text).expect_err("refused")
}

#[test]
fn a_small_world_reads_with_its_defaults() {
    let file = WorldFile::parse(WORLD).expect("reads");
    assert_eq!(file.hub_account(), "111122223333");
    assert!(file.nodes[0].manifest_cached > 0.99);
    assert!(file.timing.listing_lag_seconds > 1.99);
    assert!(file.packages[0].versions[0].update_script);
}

#[test]
fn unknown_keys_are_refused_with_their_place() {
    match refused("sites: { accounts: [\"111122223333\"], regions: [eu-west-1] }\nnoods: []\n") {
        WorldFileError::Unreadable { message, line, .. } => {
            assert!(message.contains("noods"), "{message}");
            assert_eq!(line, 2);
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn values_that_cannot_be_are_refused_by_their_path() {
    let cases = [
        ("sites: { accounts: [], regions: [eu-west-1] }", "sites.accounts"),
        ("sites: { accounts: [\"12\"], regions: [eu-west-1] }", "sites.accounts"),
        (&*format!("starts_at: soon\n{WORLD}"), "starts_at"),
        (&*format!("{WORLD}faults: [{{ accounts: [\"111122223333\"] }}]"), "faults[0]"),
        (
            &*format!("{WORLD}alarms: [{{ name: a, raised_when: {{ package: hello, version: 9 }} }}]"),
            "alarms[0]",
        ),
        (&*WORLD.replace("count: 6", "count: 4000000"), "nodes"),
        (&*WORLD.replace("1.0.0: 1 }", "8.8.8: 1 }"), "nodes[0].installed.hello"),
    ];
    for (text, expected) in cases {
        match refused(text) {
            WorldFileError::Impossible { place, .. } => assert!(place.starts_with(expected), "{place}"),
            other => panic!("{expected}: {other:?}"),
        }
    }
}

#[test]
fn hostile_files_are_refused_quickly() {
    let bomb = "a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b]\n\
                d: &d [*c,*c,*c,*c,*c,*c,*c,*c]\ne: &e [*d,*d,*d,*d,*d,*d,*d,*d]\n";
    let deep = format!("nodes: {}", "[".repeat(10_000));
    let long = format!("seed: 1 #{}", "x".repeat(MAX_BYTES));
    for text in [bomb, &deep, &long, "\0", "- 1", "", "seed: 1\nseed: 2"] {
        refused(text);
    }
}

#[test]
fn the_same_file_gives_the_same_fleet_and_more_nodes_do_not_move_the_first() {
    let fleet = |text: &str| {
        let file = WorldFile::parse(text).expect("reads");
        let world = crate::world::World::new(&file).expect("builds");
        world.nodes().iter().map(|node| node.id.to_string()).collect::<Vec<_>>()
    };
    let small = fleet(WORLD);
    assert_eq!(small, fleet(WORLD));
    let large = fleet(&WORLD.replace("count: 6", "count: 60"));
    assert!(small.iter().all(|id| large.contains(id)));
    assert!(small.iter().all(|id| id.len() == 19 && id.starts_with("i-")));
}

#[test]
fn weights_and_fractions_are_kept_roughly() {
    let text = WORLD
        .replace("count: 6", "count: 1000")
        .replace("1.0.0: 1 }", "1.0.0: 3, 2.0.0: 1, none: 1 }")
        .replace("tags: { service: web }", "tagged: [{ key: rollout, value: canary, fraction: 0.1 }]");
    let world = crate::world::World::new(&WorldFile::parse(&text).expect("reads")).expect("builds");
    let web: Vec<_> = world.nodes().iter().filter(|node| node.group.name == "web").collect();
    let with = |version: Option<&str>| {
        web.iter().filter(|node| node.bits_of("hello").version.as_deref() == version).count()
    };
    assert_eq!(web.len(), 2000);
    assert!((1100..1300).contains(&with(Some("1.0.0"))), "{}", with(Some("1.0.0")));
    assert!((330..470).contains(&with(None)), "{}", with(None));
    let canaries = web.iter().filter(|node| node.tag("rollout") == Some("canary")).count();
    assert!((150..250).contains(&canaries), "{canaries}");
}

#[test]
fn the_example_of_the_documentation_builds() {
    let file = WorldFile::parse(include_str!("example.yaml")).expect("reads");
    let world = crate::world::World::new(&file).expect("builds");
    assert_eq!(world.nodes().len(), 4 * 55);
    assert!(world.nodes().iter().any(|node| node.tag("rollout") == Some("canary")));
}

#[test]
fn what_is_repeated_in_every_site_is_bounded() {
    let accounts: Vec<String> = (0..5_000).map(|n| format!("\"{n:012}\"")).collect();
    let alarms = "  - { name: a }\n".repeat(300);
    let text = format!("sites: {{ accounts: [{}], regions: [a] }}\nalarms:\n{alarms}", accounts.join(", "));
    assert!(
        matches!(WorldFile::parse(&text), Err(WorldFileError::Impossible { place, .. }) if place == "sites")
    );
}
