//! Plan files.

use super::{Target, acts_on_a_terminal};
use std::collections::BTreeSet;
use wavetrain_model::diagnostic::{Report, Severity};
use wavetrain_model::spec::Rollout;
use wavetrain_spec::{codes, read, render};

const WORDS: [&str; 24] = [
    "apiVersion",
    "rollout",
    "waves",
    "percent",
    "tag",
    "after",
    "where",
    "fleet",
    "accounts",
    "regions",
    "select",
    "limits",
    "max_unavailable",
    "gates",
    "alarms",
    "every",
    "api",
    "first_poll",
    "100",
    "10%",
    "24h",
    "canary",
    "us-east-1",
    "recorded",
];

#[test]
fn plan() {
    let known: BTreeSet<&str> = codes().iter().map(|(code, _)| *code).collect();
    Target { name: "plan", seeds: seeds(), words: &WORDS, cases: 3000 }.run(|input| {
        let outcome = read("plan.yaml", input);
        check_report(&outcome.report, &known);
        match outcome.rollout {
            None => assert!(outcome.report.has_errors(), "refused without a reason"),
            Some(rollout) => {
                assert!(!outcome.report.has_errors());
                let written = serde_json::to_vec(&rollout).expect("a rollout is data");
                assert_eq!(serde_json::from_slice::<Rollout>(&written).expect("it reads back"), rollout);
            }
        }
    });
}

fn seeds() -> Vec<Vec<u8>> {
    let folder = crate::kit::binary::root().join("examples");
    let mut files: Vec<_> =
        std::fs::read_dir(folder).expect("examples").map(|file| file.expect("a file").path()).collect();
    files.sort();
    let mut seeds: Vec<Vec<u8>> = files
        .iter()
        .filter(|file| file.is_file())
        .map(|file| std::fs::read(file).expect("an example"))
        .collect();
    seeds.push(include_bytes!("../../../orchestrator/spec/tests/bounds/full.yaml").to_vec());
    seeds
}

/// Every problem has a known code and words, and a place inside the text unless it is about the whole file.
fn check_report(report: &Report, known: &BTreeSet<&str>) {
    for problem in &report.diagnostics {
        assert!(known.contains(&*problem.code), "{}", problem.code);
        assert!(!problem.message.is_empty() && !problem.help.is_empty(), "{}", problem.code);
        let is_of_whole_file = problem.code.starts_with("E000") || problem.code == "E0015";
        assert!(
            problem.span.is_some() || is_of_whole_file || problem.severity == Severity::Warning,
            "{}",
            problem.code
        );
        let (Some(span), Some(text)) = (problem.span, &report.text) else { continue };
        assert!(span.line > 0 && span.column > 0);
        assert!(text.is_char_boundary(span.offset), "{}: {span:?}", problem.code);
        assert!(span.offset + span.length <= text.len(), "{}: {span:?} of {}", problem.code, text.len());
    }
    let rendered = render(report);
    assert!(!acts_on_a_terminal(&rendered), "{rendered:?}");
    assert!(rendered.len() < 200_000, "{} bytes", rendered.len());
}
