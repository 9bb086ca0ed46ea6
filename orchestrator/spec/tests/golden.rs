//! What a person reads about a bad plan file: every folder of `bad/` holds a `plan.yaml` (or a
//! `package.yaml`) and the `expect.txt` that it leads to. Adding a case is adding a folder; `UPDATE_GOLDEN=1` writes what is said now.

#![allow(clippy::unwrap_used, clippy::disallowed_methods)] // a test reads files and may panic

mod kit;

use kit::case;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use wavetrain_model::diagnostic::Report;
use wavetrain_spec::{Outcome, codes, explain, render};

fn cases() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/bad");
    let mut cases: Vec<PathBuf> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_dir())
        .collect();
    cases.sort();
    cases
}

#[test]
fn bad_files_are_explained_as_expected() {
    let is_update = std::env::var_os("UPDATE_GOLDEN").is_some();
    let mut differing = Vec::new();
    for case in cases() {
        let outcome = self::case(&case);
        let is_refused = outcome.reports().any(Report::has_errors);
        assert_eq!(outcome.rollout.is_none(), is_refused, "{}", case.display());
        let said =
            outcome.reports().map(render).filter(|said| !said.is_empty()).collect::<Vec<_>>().join("\n");
        assert!(!said.is_empty(), "{} is not bad", case.display());
        let expected = case.join("expect.txt");
        if is_update {
            fs::write(&expected, &said).unwrap();
        } else if fs::read_to_string(&expected).unwrap_or_default() != said {
            differing.push(format!("{}:\n{said}", case.display()));
        }
    }
    assert!(differing.is_empty(), "UPDATE_GOLDEN=1 accepts these:\n\n{}", differing.join("\n"));
}

#[test]
fn every_code_has_a_case_and_an_explanation() {
    let shown: BTreeSet<String> = cases()
        .iter()
        .flat_map(|case| {
            let Outcome { report, others, .. } = self::case(case);
            [report].into_iter().chain(others).flat_map(|report| report.diagnostics)
        })
        .map(|diagnostic| diagnostic.code)
        .collect();
    let known: BTreeSet<String> = codes().iter().map(|(code, _)| (*code).to_owned()).collect();
    assert_eq!(known.len(), codes().len(), "a code is used twice");
    // A file of more than a mebibyte and more than five hundred guardrails are made in `hostile.rs` instead of being kept.
    let is_kept = |code: &&String| !["E0001", "E0908"].contains(&code.as_str());
    let missing: Vec<&String> = known.difference(&shown).filter(is_kept).collect();
    assert!(missing.is_empty(), "codes without a case: {missing:?}");
    assert!(shown.is_subset(&known));
    assert!(codes().iter().all(|(code, text)| explain(code) == Some(*text) && text.len() > 40));
}

#[test]
fn every_problem_has_a_place_in_its_text_and_a_help_line() {
    let reports = |case: PathBuf| {
        let Outcome { report, others, .. } = self::case(&case);
        [report].into_iter().chain(others).map(move |report| (case.clone(), report))
    };
    for (case, report) in cases().into_iter().flat_map(reports) {
        for diagnostic in &report.diagnostics {
            assert!(!diagnostic.help.is_empty(), "{}: {diagnostic:?}", case.display());
            let (Some(span), Some(text)) = (diagnostic.span, &report.text) else { continue };
            assert!(
                text.get(span.offset..span.offset + span.length).is_some(),
                "{}: {diagnostic:?}",
                case.display()
            );
            let before = &text[..span.offset];
            assert_eq!(span.line, before.matches('\n').count() + 1, "{}: {diagnostic:?}", case.display());
            let line = before.rsplit('\n').next().unwrap();
            assert_eq!(span.column, line.chars().count() + 1, "{}: {diagnostic:?}", case.display());
        }
    }
}
