//! The plan file of a story.

use super::{ACCOUNTS, Fleet, Mood, REGIONS, TARGET};
use crate::stories::dice::Dice;
use std::fmt::Write as _;

pub(super) fn plan(dice: &mut Dice, mood: Mood, fleet: &Fleet, has_probe: bool, settle: u32) -> String {
    let mut text = format!(
        "apiVersion: wavetrain/v1\nrollout:\n  name: story\n  package:\n    name: agent\n    owner: \"{}\"\n    version: {TARGET}\n    \
         install: {}\n",
        ACCOUNTS[0],
        dice.pick(&["reinstall", "reinstall", "in-place"]),
    );
    if has_probe {
        text.push_str(
            "    probe: { linux: agent --version, windows: agent --version, expect: \"{version}\" }\n",
        );
    }
    let _ = write!(
        text,
        "  fleet:\n    accounts: [{}]\n    regions: [{}]\n    role: arn:aws:iam::{{account}}:role/spoke\n    \
         exclude: {{ tags: {{ freeze: \"yes\" }} }}\n    min_coverage: 10%\n    max_offline_age: {}\n",
        fleet.accounts(),
        fleet.regions(),
        dice.pick(&["30m", "24h"]),
    );
    text.push_str(&waves(dice, fleet));
    let failures = match mood {
        Mood::Fair => dice.pick(&["2%", "10%", "1", "3"]),
        _ => dice.pick(&["0", "1", "2", "4", "10%", "25%", "60%"]),
    };
    let _ = writeln!(
        text,
        "  limits: {{ in_flight: {}, failures: {failures}, undelivered: {}{}{} }}",
        dice.pick(&["1", "3", "10%", "34%", "100%"]),
        dice.pick(&["5%", "30%", "100%", "1"]),
        dice.pick(&["", "", ", per_site: 2", ", per_site: 25%"]),
        match fleet.cells {
            0 => "",
            _ => ", max_unavailable: [{ tag: { cell: a }, nodes: 2 }, { tag: { cell2: b } }]",
        },
    );
    text.push_str(&gates(dice));
    let reactions = ["rollback", "rollback", "rollback", "pause", "abort"];
    let _ = writeln!(
        text,
        "  rollback: {{ on_fail: {}, on_error: {}, on_inconclusive: {}, pace: {}x }}",
        dice.pick(&reactions),
        dice.pick(&reactions[2..4]),
        dice.pick(&reactions[2..4]),
        dice.between(1, 5),
    );
    let _ = writeln!(
        text,
        "  deadlines: {{ delivery: {}m, execution: {}m, wave: {}h, hold: {} }}",
        dice.pick(&[2, 5, 20]),
        dice.pick(&[15, 65, 65, 90, 130]),
        dice.pick(&[1, 3, 12]),
        dice.pick(&["20m", "3h", "24h"]),
    );
    let _ = writeln!(
        text,
        "  api: {{ requests_per_second: {}, burst: {}, first_poll: {}s, longest_poll: {}s, settle: {settle}s }}",
        dice.pick(&[3, 20, 100]),
        dice.pick(&[2, 5, 100]),
        dice.pick(&[2, 5]),
        dice.pick(&[10, 30, 60]),
    );
    text
}

fn waves(dice: &mut Dice, fleet: &Fleet) -> String {
    let mut text = "  waves:\n".to_owned();
    let bake = |dice: &mut Dice| dice.pick(&["0s", "1m", "5m", "15m"]);
    if dice.chance(60) {
        let _ = writeln!(text, "    - {{ name: canary, tag: {{ rollout: canary }}, bake: {} }}", bake(dice));
    }
    if dice.chance(70) {
        let _ = writeln!(
            text,
            "    - {{ name: early, percent: {}, bake: {} }}",
            dice.pick(&[5, 10, 20]),
            bake(dice)
        );
    }
    let mut last = "";
    if fleet.regions == 2 && dice.chance(35) && text.contains("name:") {
        let before = if text.contains("early") { "early" } else { "canary" };
        for (name, region) in [("eu", REGIONS[0]), ("us", REGIONS[1])] {
            let _ = writeln!(
                text,
                "    - {{ name: {name}, percent: 60, bake: {}, after: [{before}], where: {{ regions: [{region}] }} }}",
                bake(dice)
            );
        }
        last = ", after: [eu, us]";
    } else if dice.chance(60) {
        let _ = writeln!(
            text,
            "    - {{ name: half, percent: {}, bake: {} }}",
            dice.pick(&[40, 50, 75]),
            bake(dice)
        );
    }
    let approval = if dice.chance(12) { ", approval: { from: [managers], within: 3h }" } else { "" };
    let _ = writeln!(text, "    - {{ name: all, percent: 100, bake: {}{last}{approval} }}", bake(dice));
    text
}

fn gates(dice: &mut Dice) -> String {
    let kinds = ["", "", ", guard: yes", ", guard: yes", ", blocker: yes", ", guard: yes, blocker: yes"];
    let gates: Vec<String> = (0..dice.pick(&[0, 0, 1, 1, 2]))
        .map(|at| {
            format!(
                "    - {{ name: gate-{at}{}, alarms: {{ names: [health], insufficient_data: {} }}, every: {}s, failure_limit: {}, \
                 deadline: {}m }}\n",
                dice.pick(&kinds),
                dice.pick(&["inconclusive", "fail", "ignore"]),
                dice.pick(&[20, 60, 120]),
                dice.pick(&[0, 0, 1]),
                dice.pick(&[10, 60]),
            )
        })
        .collect();
    if gates.is_empty() { String::new() } else { format!("  gates:\n{}", gates.concat()) }
}
