//! Every finding has a package that leads to it and one that does not.

#![allow(clippy::unwrap_used)] // a test may panic

mod cases;

use cases::{CASES, Change, MADE_ELSEWHERE};
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use wavetrain_model::diagnostic::Report;
use wavetrain_package::init::init;
use wavetrain_package::lint::{codes, explain, lint};
use wavetrain_package::{build, folder};

/// Carries out the changes; the folder to lint, and the VersionName.
fn prepared(root: &Path, changes: &[Change]) -> (PathBuf, Option<&'static str>) {
    let mut at = root.join("tool");
    init(&at, "tool").unwrap();
    let mut version_name = None;
    for change in changes {
        match *change {
            Change::Write(path, text) => {
                fs::create_dir_all(at.join(path).parent().unwrap()).unwrap();
                fs::write(at.join(path), text).unwrap();
            }
            Change::Large(path, bytes) => fs::File::create(at.join(path)).unwrap().set_len(bytes).unwrap(),
            Change::Many(path, count) => {
                fs::create_dir_all(at.join(path)).unwrap();
                (0..count).for_each(|file| fs::write(at.join(path).join(file.to_string()), "x").unwrap());
            }
            Change::Remove(path) => fs::remove_file(at.join(path)).unwrap(),
            Change::Replace(path, from, to) => {
                let text = fs::read_to_string(at.join(path)).unwrap();
                assert!(text.contains(from), "{path} has no {from:?}");
                fs::write(at.join(path), text.replace(from, to)).unwrap();
            }
            Change::Build => {
                let out = root.join("built");
                build::build(&folder::open(&at).unwrap(), &out).unwrap();
                at = out;
            }
            Change::VersionName(name) => version_name = Some(name),
        }
    }
    (at, version_name)
}

fn found(changes: &[Change]) -> Vec<Report> {
    let root = tempfile::tempdir().unwrap();
    let (at, version_name) = prepared(root.path(), changes);
    match folder::open(&at) {
        Ok(package) => lint(&package, version_name).unwrap(),
        Err(folder::Error::Refused(report)) => vec![*report],
        Err(error) => panic!("{error}"),
    }
}

fn codes_of(reports: &[Report]) -> Vec<&str> {
    reports.iter().flat_map(|report| &report.diagnostics).map(|found| found.code.as_str()).collect()
}

#[test]
fn what_init_writes_has_no_findings() {
    let reports = found(&[]);
    let said: String = reports.iter().map(wavetrain_spec::render).collect();
    assert_eq!(said, "");
}

#[test]
fn every_finding_is_found_where_it_is_and_only_there() {
    let mut wrong = String::new();
    for case in CASES {
        let (bad, good) = (found(case.bad), found(case.good));
        if !codes_of(&bad).contains(&case.code) {
            let _ = writeln!(wrong, "{} is not found: {:?}", case.code, codes_of(&bad));
        }
        if codes_of(&good).contains(&case.code) {
            let said: String = good.iter().map(wavetrain_spec::render).collect();
            let _ = writeln!(wrong, "{} is found although it is not there:\n{said}", case.code);
        }
        for found in bad.iter().flat_map(|report| &report.diagnostics) {
            assert!(!found.help.is_empty(), "{found:?}");
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn every_code_has_a_case_and_an_explanation() {
    let known: BTreeSet<&str> = codes().iter().map(|(code, _)| *code).collect();
    assert_eq!(known.len(), codes().len(), "a code is used twice");
    let shown: BTreeSet<&str> = CASES
        .iter()
        .map(|case| case.code)
        .chain(MADE_ELSEWHERE)
        .filter(|code| code.starts_with('L'))
        .collect();
    assert_eq!(known, shown);
    assert!(codes().iter().all(|(code, text)| explain(code) == Some(*text) && text.len() > 40));
}

#[test]
fn places_point_into_their_text() {
    for report in CASES.iter().flat_map(|case| found(case.bad)) {
        for diagnostic in &report.diagnostics {
            let (Some(span), Some(text)) = (diagnostic.span, &report.text) else { continue };
            assert!(text.get(span.offset..span.offset + span.length).is_some(), "{diagnostic:?}");
            assert_eq!(span.line, text[..span.offset].matches('\n').count() + 1, "{diagnostic:?}");
        }
    }
}

#[test]
fn nothing_that_is_shown_holds_the_secret() {
    for case in CASES.iter().filter(|case| case.code == "L0501") {
        let said: String = found(case.bad).iter().map(wavetrain_spec::render).collect();
        assert!(said.contains("L0501") && said.contains("****"), "{said}");
        assert!(!said.contains("0123456789abcdef") && !said.contains("3f2504"), "{said}");
    }
}

/// A built package with a manifest of so many files and keys for each.
fn manifest_of(root: &Path, files: usize, keys: usize) -> Vec<Report> {
    let (at, _) = prepared(root, &[Change::Build]);
    let mut manifest = folder::open(&at).unwrap().manifest;
    let listed = manifest.files["tool-linux.zip"].clone();
    let leaf = manifest.packages["ubuntu"]["_any"]["_any"].clone();
    for file in 0..files {
        let name = format!("tool-{file}.zip");
        manifest.files.insert(name.clone(), listed.clone());
        for key in 0..keys {
            let versions = manifest.packages.entry("ubuntu".to_owned()).or_default();
            let mut leaf = leaf.clone();
            leaf.file.clone_from(&name);
            versions.entry(format!("{file}.{key}")).or_default().insert("x86_64".to_owned(), leaf);
        }
    }
    fs::write(at.join("manifest.json"), manifest.text()).unwrap();
    lint(&folder::open(&at).unwrap(), None).unwrap()
}

#[test]
fn quotas_of_manifests_are_known() {
    let cases = [(17, 1, None), (19, 1, Some("L0405")), (17, 100, Some("L0401"))];
    for (files, keys, expected) in cases {
        let root = tempfile::tempdir().unwrap();
        let reports = manifest_of(root.path(), files, keys);
        for code in ["L0401", "L0405"] {
            assert_eq!(codes_of(&reports).contains(&code), expected == Some(code), "{files} {keys} {code}");
        }
    }
}

#[test]
fn a_zip_beyond_the_quota_is_found_by_its_size_on_disk() {
    for (bytes, is_found) in [(1_u64 << 30, false), ((1 << 30) + 1, true)] {
        let root = tempfile::tempdir().unwrap();
        let (at, _) = prepared(root.path(), &[]);
        let mut package = folder::open(&at).unwrap();
        // As a built package looks, without writing and reading a gibibyte.
        package.recipe = None;
        package.manifest.files.clear();
        fs::File::create(at.join("tool-linux.zip")).unwrap().set_len(bytes).unwrap();
        let reports = lint(&package, None).unwrap();
        assert_eq!(codes_of(&reports).contains(&"L0403"), is_found, "{bytes}");
    }
}
