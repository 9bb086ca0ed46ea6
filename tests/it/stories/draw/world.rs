//! The world file of a story: nodes and their troubles, what the versions do, alarms, how long things take.

use super::{Fleet, Mood, TARGET};
use crate::stories::dice::Dice;
use std::fmt::Write as _;

pub(super) fn world(dice: &mut Dice, mood: Mood, fleet: &Fleet, has_probe: bool, settle: u32) -> String {
    let mut text = format!(
        "seed: {seed}\nsites: {{ accounts: [{accounts}], regions: [{regions}] }}\nroles: [{{ name: spoke }}]\nnodes:\n",
        seed = dice.below(1_000_000),
        accounts = fleet.accounts(),
        regions = fleet.regions(),
    );
    groups(dice, mood, fleet, has_probe, &mut text);
    let takes = dice.pick(&["[1, 3]", "[3, 12]", "[20, 90]"]);
    let _ = write!(
        text,
        "packages:\n  - name: agent\n    default: 1.0.0-1\n    versions:\n      - {{ name: 1.0.0-1, takes_seconds: {takes}{old} }}\n      \
         - {{ name: 1.1.0-1, takes_seconds: {takes} }}\n      - {{ name: {TARGET}, takes_seconds: {takes}{new} }}\n",
        old = dice.pick(&["", "", "", ", behaviour: [{ when: { fraction: 0.1 }, uninstall: fail }]"]),
        new = behaviour(dice, mood),
    );
    text.push_str("probes: [{ contains: agent --version, package: agent, absent_exit_code: 127 }]\n");
    text.push_str(&alarms(dice, mood));
    let most = settle - 30;
    let lag = if mood == Mood::Doubtful { dice.between(most / 2, most) } else { dice.pick(&[0, 2, most]) };
    let _ = writeln!(
        text,
        "timing: {{ listing_lag_seconds: {lag}, agent_wait_seconds: [0, {}], ramp_seconds: {} }}",
        dice.pick(&[2, 15]),
        dice.pick(&["0.5", "1", "5"]),
    );
    text
}

/// The nodes: those of the rollout, and some that must be left alone.
fn groups(dice: &mut Dice, mood: Mood, fleet: &Fleet, has_probe: bool, text: &mut String) {
    // Without a probe what was there before is only assumed, so there the assumption must be true.
    let installed = if has_probe {
        dice.pick(&[
            "1.0.0-1: 1",
            "1.0.0-1: 2, 1.1.0-1: 1",
            "1.0.0-1: 3, 1.1.0-1: 2, none: 1",
            "1.0.0-1: 8, 1.1.0-1: 3, none: 1, 2.0.0-1: 1",
        ])
    } else {
        "1.0.0-1: 1"
    };
    let cached = dice.pick(&["1.0", "1.0", "0.5", "0.0"]);
    let mut trouble = dice.apart();
    for group in &fleet.groups {
        let _ = writeln!(
            text,
            "  - {{ name: {}, count: {}, platform: {}, architecture: {}, installed: {{ agent: {{ {installed} }} }}, \
             manifest_cached: {cached}, tagged: [{{ key: rollout, value: canary, first: {} }}{}], \
             slowness: [0.5, {}], offline: {}, troubles: [{}] }}",
            group.name,
            group.count,
            group.platform,
            group.architecture,
            dice.pick(&[0, 1, 1, 2]),
            if fleet.cells == 0 {
                ""
            } else {
                ", { key: cell, value: a, fraction: 0.5 }, { key: cell2, value: b, fraction: 0.3 }"
            },
            dice.pick(&["1.0", "1.0", "6.0"]),
            dice.pick(&["0.0", "0.0", "0.0", "0.1", "0.4"]),
            troubles(&mut trouble, mood),
        );
    }
    if dice.chance(40) {
        // Left alone by the plan file.
        text.push_str(
            "  - { name: frozen, count: 2, platform: Linux, tags: { freeze: \"yes\" }, installed: { agent: { 1.0.0-1: 1 } } }\n",
        );
    }
    if dice.chance(20) {
        // The package has no file for it, or its agent is too old.
        text.push_str(
            "  - { name: ancient, count: 1, platform: Linux, agent_versions: { 2.3.50.0: 1 }, installed: { agent: { 1.0.0-1: 1 } } }\n",
        );
    }
}

fn troubles(dice: &mut Dice, mood: Mood) -> String {
    let mut troubles = Vec::new();
    let often = if mood == Mood::Fair { 8 } else { 25 };
    for _ in 0..3 {
        if !dice.chance(often) {
            continue;
        }
        let share = dice.pick(&["0.05", "0.2", "0.5"]);
        let at = dice.below(5400);
        troubles.push(match dice.below(4) {
            0 => format!("{{ fraction: {share}, offline_after_seconds: {at} }}"),
            1 => format!(
                "{{ fraction: {share}, offline_after_seconds: {at}, online_after_seconds: {} }}",
                at + dice.between(30, 5000)
            ),
            2 => format!("{{ fraction: 0.1, terminated_after_seconds: {at} }}"),
            _ => format!("{{ fraction: {share}, locked_for_seconds: {} }}", dice.between(60, 4000)),
        });
    }
    troubles.join(", ")
}

/// What the target version does.
fn behaviour(dice: &mut Dice, mood: Mood) -> String {
    let sick = match mood {
        Mood::Fair => 15,
        Mood::Mixed | Mood::Doubtful => 45,
        Mood::Sick => 100,
    };
    if !dice.chance(sick) {
        return String::new();
    }
    let whole = [
        ", validate: fails",
        ", contents: missing-install",
        ", validate: checks-version",
        ", update_script: false",
    ];
    if dice.chance(10) {
        return dice.pick(&whole).to_owned();
    }
    let rules: Vec<String> = (0..dice.between(1, 2))
        .map(|_| {
            let when = dice.pick(&[
                "platform: Windows",
                "fraction: 0.05",
                "fraction: 0.15",
                "fraction: 0.3",
                "fraction: 0.6",
                "fraction: 1.0",
                "regions: [us-east-1]",
            ]);
            let bad = dice.pick(&[
                "fail",
                "fail",
                "fail",
                "fail",
                "fail-once",
                "fail-once",
                "hang",
                "time-out",
                "silent",
                "reboot",
            ]);
            let uninstall = dice.pick(&["ok", "ok", "ok", "fail-once", "fail"]);
            {
                let slow = dice.pick(&["", "", ", takes_seconds: [60, 500]"]);
                format!(
                    "{{ when: {{ {when} }}, install: {bad}, update: {bad}, uninstall: {uninstall}{slow} }}"
                )
            }
        })
        .collect();
    format!(", behaviour: [{}]", rules.join(", "))
}

fn alarms(dice: &mut Dice, mood: Mood) -> String {
    let often = if mood == Mood::Fair { 10 } else { 35 };
    let raised = if dice.chance(often / 2) {
        format!(
            ", raised_when: {{ package: agent, version: {TARGET}, nodes_at_least: {}, delay_seconds: {} }}",
            dice.between(1, 12),
            dice.pick(&[10, 60, 400])
        )
    } else {
        String::new()
    };
    let mut changes = Vec::new();
    if dice.chance(often) {
        let at = dice.below(6000);
        let state = dice.pick(&["ALARM", "ALARM", "INSUFFICIENT_DATA"]);
        changes.push(format!("{{ after_seconds: {at}, state: {state} }}"));
        changes.push(format!("{{ after_seconds: {}, state: OK }}", at + dice.between(5, 2000)));
    }
    format!("alarms: [{{ name: health{raised}, changes: [{}] }}]\n", changes.join(", "))
}
