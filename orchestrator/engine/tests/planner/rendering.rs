//! What people and programs are shown.

use super::eligibility::mixed_fleet;
use super::fixture::{canary, in_region, percent, planned, rollout};
use wavetrain_engine::planner::render::{Explanation, dot, explain_node, json, mermaid, refusals, text};
use wavetrain_model::id::TagMatchIndex;
use wavetrain_model::plan::Plan;
use wavetrain_model::quantity::Percent;

fn forked() -> Plan {
    let mut spec = rollout(vec![
        canary("canary", &[]),
        in_region(percent("eu", 50, &[0]), "eu-west-1"),
        in_region(percent("us", 50, &[0]), "us-east-1"),
        percent("all", 100, &[1, 2]),
    ]);
    spec.fleet.min_coverage = Percent(0);
    let mut fleet = mixed_fleet(&spec);
    fleet.nodes[1].tags = fleet.nodes[1].tags.with(TagMatchIndex(0));
    fleet.nodes[7].agent_version = "2.0".into();
    planned(&spec, &fleet).unwrap()
}

#[test]
fn text_shows_every_wave_and_reason() {
    let text = text(&forked());
    for wanted in ["canary", "eu-west-1", "agent_too_old", "package default", "windows/x86_64", "topped up"] {
        assert!(text.contains(wanted), "{wanted} is missing in\n{text}");
    }
    assert!(text.lines().all(|line| line == line.trim_end()));
}

#[test]
fn graphs_draw_every_edge() {
    let plan = forked();
    let (dot, mermaid) = (dot(&plan), mermaid(&plan));
    for (from, to) in [(0, 1), (0, 2), (1, 3), (2, 3)] {
        assert!(dot.contains(&format!("w{from} -> w{to};")));
        assert!(mermaid.contains(&format!("w{from} --> w{to}")));
    }
}

#[test]
fn names_cannot_break_out_of_a_graph() {
    let mut plan = forked();
    plan.spec.waves[0].name = "a\"]; b".to_owned();
    assert!(dot(&plan).contains("a\\\"]; b"));
    assert!(mermaid(&plan).contains("a#quot;]; b"));
}

#[test]
fn json_is_versioned_and_complete() {
    let plan = forked();
    let json = json(&plan);
    assert_eq!(json["version"], 1);
    assert_eq!(json["nodes"].as_array().unwrap().len(), plan.nodes.len());
    assert_eq!(json["excluded"][0]["reason"], "agent_too_old");
    assert_eq!(json["summary"]["waves"][3]["after"][1], "us");
}

#[test]
fn a_planned_node_is_explained_by_a_beginning_of_its_id() {
    let plan = forked();
    let node = &plan.nodes[plan.waves[0].topped_up[0].at()];
    let Some(Explanation::Planned(story)) = explain_node(&plan, node.id.as_str()) else {
        panic!("not planned")
    };
    assert_eq!((story.wave.as_deref(), story.topped_up, story.batches), (Some("canary"), true, 2));
    assert_eq!(story.rank, node.rank + 1);
    assert!(Explanation::Planned(story).to_string().contains("tops the canary up"));
}

#[test]
fn unknown_ambiguous_and_excluded_ids_are_told_apart() {
    let plan = forked();
    assert_eq!(explain_node(&plan, "mi-"), None);
    let Some(Explanation::Ambiguous { candidates, total }) = explain_node(&plan, "i-") else {
        panic!("not ambiguous")
    };
    assert_eq!((candidates.len(), total), (20, 160));
    let excluded = plan.excluded[0].id.as_str();
    let Some(Explanation::Excluded { reason, sentence, .. }) = explain_node(&plan, excluded) else {
        panic!("not excluded")
    };
    assert_eq!(reason, "agent_too_old");
    assert!(sentence.contains("2.0"));
}

#[test]
fn refusals_come_with_their_codes_and_help() {
    let spec = rollout(vec![percent("half", 50, &[])]);
    let text = refusals(&planned(&spec, &mixed_fleet(&spec)).unwrap_err());
    assert!(text.starts_with("refused [R0110]: 80 of 160") && text.contains("\n  help: "), "{text}");
}

#[test]
fn a_plan_survives_being_stored() {
    let plan = forked();
    let text = serde_json::to_string(&plan).unwrap();
    assert_eq!(serde_json::from_str::<Plan>(&text).unwrap(), plan);
    let unsealed = Plan { digest: wavetrain_model::id::Digest::new(""), ..plan.clone() };
    assert_eq!(wavetrain_engine::planner::digest_of(&unsealed), plan.digest);
}
