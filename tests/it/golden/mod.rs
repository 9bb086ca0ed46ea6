//! Golden plans: each folder of `tests/golden/plan` is a plan file, a fleet in few words, and what is shown for them.
//!
//! Adding a case is adding a folder with `plan.yaml` and `fleet.yaml`; `UPDATE_GOLDEN=1` writes its `expect.txt`, and
//! rewrites all others.

mod fleet;

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};
use wavetrain_engine::planner::render::{json, mermaid, refusals, text};
use wavetrain_engine::planner::{Inputs, plan};
use wavetrain_model::plan::Plan;
use wavetrain_model::spec::Rollout;

const UPDATE: &str = "UPDATE_GOLDEN";

fn cases() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("golden/plan");
    let entries = fs::read_dir(&folder).expect("the folder of golden plans is there");
    let mut cases: Vec<PathBuf> = entries
        .map(|entry| entry.expect("entries are readable").path())
        .filter(|path| path.is_dir())
        .collect();
    cases.sort();
    cases
}

fn rollout(case: &Path) -> Rollout {
    let bytes = fs::read(case.join("plan.yaml")).expect("a golden plan has a plan.yaml");
    let outcome = wavetrain_spec::read("plan.yaml", &bytes);
    outcome.rollout.unwrap_or_else(|| panic!("{}: {:#?}", case.display(), outcome.report.diagnostics))
}

/// The plan or its refusals, as a person would see them.
fn shown(spec: &Rollout, fleet: &fleet::Fleet) -> String {
    let observed = fleet.observe(spec);
    let inputs = Inputs {
        spec,
        fleet: &observed.snapshot,
        ledger: &observed.ledger,
        busy: &observed.busy,
        quarantined: fleet.quarantined.as_deref(),
    };
    match plan(&inputs) {
        Ok(plan) => format!("{}\nwave graph\n{}\nmembers\n{}", text(&plan), mermaid(&plan), members(&plan)),
        Err(all) => refusals(&all),
    }
}

/// Who is in which wave, so that any change of order shows.
fn members(plan: &Plan) -> String {
    let mut text = String::new();
    for wave in plan.wave_indices() {
        for batch in plan.waves[wave.at()].batch_indices() {
            let batch = &plan.batches[batch.at()];
            let ids: Vec<&str> = batch.nodes.iter().map(|node| plan.nodes[node.at()].id.as_str()).collect();
            let site = &plan.sites[batch.site.at()].site;
            let _ = writeln!(text, "  {} {site}: {}", plan.wave_name(wave), ids.join(" "));
        }
    }
    text
}

#[test]
fn golden_plans_are_as_kept() {
    let mut differing = BTreeMap::new();
    for case in cases() {
        let shown = shown(&rollout(&case), &fleet::Fleet::read(&case.join("fleet.yaml")));
        let expect = case.join("expect.txt");
        if std::env::var_os(UPDATE).is_some() {
            fs::write(&expect, &shown).expect("the golden folder is writable");
        } else if fs::read_to_string(&expect).unwrap_or_default() != shown {
            differing.insert(case.display().to_string(), shown);
        }
    }
    let all: Vec<String> =
        differing.iter().map(|(case, shown)| format!("=== {case} is now\n{shown}\n")).collect();
    let all = all.concat();
    assert!(differing.is_empty(), "{all}if they are right now, run again with {UPDATE}=1");
}

#[test]
fn golden_json_names_every_node_once() {
    for case in cases() {
        let (spec, fleet) = (rollout(&case), fleet::Fleet::read(&case.join("fleet.yaml")));
        let observed = fleet.observe(&spec);
        let inputs = Inputs {
            spec: &spec,
            fleet: &observed.snapshot,
            ledger: &observed.ledger,
            busy: &observed.busy,
            quarantined: None,
        };
        let Ok(plan) = plan(&inputs) else { continue };
        let json = json(&plan);
        let count = |key: &str| json[key].as_array().map_or(0, Vec::len);
        assert_eq!(count("nodes") + count("excluded"), plan.selected as usize);
    }
}
