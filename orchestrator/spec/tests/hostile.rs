//! Files made to exhaust or confuse: each gets a clear answer, and none makes the reader panic.

use std::fmt::Write;
use wavetrain_model::limit::{GUARDRAILS_PER_FILE, GUARDRAILS_PER_ROLLOUT, PLAN_FILE_BYTES};
use wavetrain_spec::{Alone, Source, read, read_with, render};

/// The codes of a text's problems, in order and without repeats.
fn codes(text: &str) -> Vec<String> {
    let outcome = read("plan.yaml", text.as_bytes());
    assert!(outcome.rollout.is_none());
    assert!(render(&outcome.report).len() < 200_000, "a report stays readable");
    let mut codes: Vec<String> = outcome.report.diagnostics.into_iter().map(|problem| problem.code).collect();
    codes.dedup();
    codes
}

fn plan(waves: &str) -> String {
    format!(
        "apiVersion: wavetrain/v1\nrollout:\n  name: agent\n  package: {{ name: agent, owner: '111122223333', version: 1.0-1 }}\n  \
         fleet: {{ accounts: ['111122223333'], regions: [us-east-1] }}\n  waves:\n{waves}"
    )
}

#[test]
fn file_beyond_the_size_limit_is_refused_unseen() {
    let outcome = read("plan.yaml", &vec![b'['; PLAN_FILE_BYTES + 1]);
    assert_eq!(outcome.report.diagnostics[0].code, "E0001");
    assert_eq!(outcome.report.text, None);
}

#[test]
fn file_of_brackets_is_refused_for_its_depth() {
    assert_eq!(codes(&"[".repeat(PLAN_FILE_BYTES)), ["E0007"]);
    assert_eq!(codes(&"{a: ".repeat(PLAN_FILE_BYTES / 4)), ["E0007"]);
    assert_eq!(codes(&"- ".repeat(PLAN_FILE_BYTES / 2)), ["E0007"]);
}

#[test]
fn file_of_indentation_is_refused_for_its_depth() {
    let mut text = String::new();
    for depth in 0..1000 {
        let _ = writeln!(text, "{}a:", " ".repeat(depth));
    }
    assert_eq!(codes(&text), ["E0007"]);
}

#[test]
fn aliases_of_aliases_are_refused_before_they_grow() {
    let mut text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..200 {
        let aliases = vec![format!("*a{}", level - 1); 10].join(", ");
        let _ = writeln!(text, "a{level}: &a{level} [{aliases}]");
    }
    assert_eq!(codes(&text), ["E0008"]);
}

#[test]
fn aliases_cannot_stack_depth() {
    let mut text = "a0: &a0 [x]\n".to_owned();
    for level in 1..200 {
        let _ = writeln!(text, "a{level}: &a{level} [*a{}]", level - 1);
    }
    assert_eq!(codes(&text), ["E0007"]);
}

#[test]
fn repeated_aliases_of_a_long_text_do_not_copy_it() {
    let text = format!("a: &a {}\nb: [{}]\n", "x".repeat(500_000), vec!["*a"; 90_000].join(", "));
    assert_eq!(codes(&text), ["E0101", "E0102", "E0101"]);
}

#[test]
fn ten_thousand_waves_are_one_problem() {
    let waves: String = (0..10_000).fold(String::new(), |mut waves, at| {
        let _ = writeln!(waves, "    - {{ name: w{at}, percent: {}.{:02}, bake: 1h }}", at / 100, at % 100);
        waves
    });
    let found = codes(&plan(&waves.replacen("percent: 0.00", "percent: 0.001", 1)));
    assert!(found.contains(&"E0114".to_owned()), "{found:?}");
}

#[test]
fn a_mebibyte_of_keys_is_read_in_one_pass() {
    let keys: String = (0..40_000).fold(String::new(), |mut keys, at| {
        let _ = writeln!(keys, "k{at}: 1");
        keys
    });
    assert_eq!(codes(&keys), ["E0101", "E0015"]);
}

#[test]
fn a_mebibyte_of_one_duplicate_key_is_capped() {
    let found = codes(&"a: 1\n".repeat(40_000));
    assert_eq!(found, ["E0013", "E0015"]);
}

#[test]
fn lines_of_a_mebibyte_are_cut_in_the_report() {
    let outcome = read("plan.yaml", format!("apiVersion: wavetrain/v1 {}", "x".repeat(1_000_000)).as_bytes());
    assert!(render(&outcome.report).lines().all(|line| line.chars().count() < 300));
}

#[test]
fn long_plain_text_and_keys_are_answered() {
    for text in [
        "x".repeat(1_000_000),
        format!("{}: 1", "x".repeat(1_000_000)),
        format!("? {}\n: 1", "x".repeat(1_000_000)),
        "\"".repeat(1_000_000),
        "'".repeat(999_999),
        "#".repeat(1_000_000),
        "\n".repeat(1_000_000),
        " ".repeat(1_000_000),
        "&".repeat(1_000_000),
        "&a ".repeat(300_000),
        "!".repeat(1_000_000),
        "- *a\n".repeat(200_000),
        "%YAML 1.2\n".repeat(100_000),
        "---\n".repeat(250_000),
        "a:\n".repeat(300_000),
        "? ".repeat(500_000),
        "[a,".repeat(300_000),
        "- - - [{".repeat(100_000),
        "|\n".repeat(500_000),
        "a: >\n  x\n".repeat(100_000),
        "\u{feff}".repeat(300_000),
        "\u{2028}".repeat(300_000),
    ] {
        assert!(!codes(&text).is_empty());
    }
}

#[test]
fn bytes_that_are_not_text_are_refused() {
    for bytes in [
        &b"\xff\xfea\0p\0i\0"[..],
        b"\xfe\xff\0a\0p\0i",
        b"\xff\xfe\0\0a\0\0\0",
        b"a\0p\0i\0V\0",
        b"apiVersion: \xe4",
        b"\x7fELF\x02\x01\x01",
        b"\xc0\x80",
        b"\xed\xa0\x80",
        b"a: \x1b[31m",
    ] {
        let outcome = read("plan.yaml", bytes);
        assert!(outcome.rollout.is_none() && outcome.report.has_errors(), "{bytes:?}");
        assert!(["E0002", "E0003"].contains(&outcome.report.diagnostics[0].code.as_str()), "{bytes:?}");
    }
}

/// Every prefix of an example, and every example with one byte changed, is read without a panic.
#[test]
fn damaged_examples_are_read_without_panic() {
    let text = include_str!("../../../examples/datadog-agent.yaml");
    for end in (0..text.len()).step_by(37) {
        render(&read("plan.yaml", &text.as_bytes()[..end]).report);
    }
    for at in (0..text.len()).step_by(23) {
        for replacement in [b'\0', b'\n', b'{', b'"', b':', b'*', 0x80, b'\t'] {
            let mut bytes = text.as_bytes().to_vec();
            bytes[at] = replacement;
            render(&read("plan.yaml", &bytes).report);
        }
    }
}

#[test]
fn many_mistyped_references_are_not_all_guessed() {
    let nobody = vec!["a-name-of-forty-eight-characters-that-is-no-wave-"; 100].join(", ");
    let waves: String = (0..100).fold(String::new(), |mut waves, at| {
        let name = format!("{}{at:02}", "wave".repeat(11));
        let _ = writeln!(waves, "    - {{ name: {name}, percent: 1.{at:02}, after: [{nobody}] }}");
        waves
    });
    let found = codes(&plan(&waves));
    assert!(found.contains(&"E0403".to_owned()), "{found:?}");
}

#[test]
fn fleet_of_too_many_sites_stops_before_its_sites_are_compared() {
    let accounts: Vec<String> = (0..10_000).map(|at| format!("'{at:012}'")).collect();
    let waves: String = (1..=99).fold(String::new(), |mut waves, at| {
        let _ = writeln!(waves, "    - {{ name: w{at}, percent: {at} }}");
        waves
    });
    let fleet = format!("accounts: [{}], regions: [us-east-1, us-east-2, eu-west-1]", accounts.join(", "));
    let text = plan(&waves).replace("accounts: ['111122223333'], regions: [us-east-1]", &fleet);
    let found = codes(&text);
    assert!(found.contains(&"E0312".to_owned()), "{found:?}");
}

#[test]
fn thousands_of_failure_domains_are_one_problem() {
    let values: Vec<String> = (0..100).map(|at| format!("v{at}")).collect();
    let mut text = plan("    - { name: all, percent: 100 }\n") + "  limits:\n    max_unavailable:\n";
    for at in 0..64 {
        let _ = writeln!(text, "      - {{ tag: {{ rack{at}: [{}] }} }}", values.join(", "));
    }
    let found = codes(&text);
    assert!(found.contains(&"E0311".to_owned()), "{found:?}");
}

#[test]
fn more_guardrails_than_can_hold_are_refused_not_left_out() {
    let mut text = "apiVersion: wavetrain/v1\nguardrails:\n".to_owned();
    for number in 0..GUARDRAILS_PER_FILE {
        let _ = writeln!(text, "  - {{ name: rule-{number}, when: [start], require: 'true', message: m }}");
    }
    let plan = plan("    - { name: all, percent: 100 }\n");
    let file = |number: usize| Source { path: format!("{number}.yaml"), bytes: text.clone().into() };
    let files: Vec<Source> = (0..=GUARDRAILS_PER_ROLLOUT / GUARDRAILS_PER_FILE).map(file).collect();
    let (_, few) = files.split_last().unwrap();
    let enough = read_with("plan.yaml", plan.as_bytes(), few, &Alone);
    assert!(enough.rollout.is_some(), "{}", render(&enough.report));
    let many = read_with("plan.yaml", plan.as_bytes(), &files, &Alone);
    assert!(many.rollout.is_none());
    let codes = many.reports().flat_map(|report| &report.diagnostics).map(|problem| problem.code.as_str());
    assert!(codes.collect::<Vec<_>>().contains(&"E0908"));
}
