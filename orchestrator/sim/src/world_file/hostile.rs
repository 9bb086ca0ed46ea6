//! World files of ill will: each is refused with its place, and every number at and beyond its bounds.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use serde_json::Value;

use super::{MAX_BYTES, WorldFile, WorldFileError};
use crate::trial::WORLD;

/// Every key that a world file can have, with a value.
const FULL: &str = include_str!("full.yaml");

const WHOLE: &str = "4294967295";
const LARGEST: &str = "18446744073709551615";
const DECADE: &str = "315360000";

/// Least and greatest value of every number. Those with a point are fractions.
const BOUNDS: &[(&str, &str, &str)] = &[
    ("alarms[].changes[].after_seconds", "0", DECADE),
    ("alarms[].on.datapoints_to_alarm", "1", "1440"),
    ("alarms[].on.evaluation_periods", "1", "1440"),
    ("alarms[].on.period_seconds", "10", "86400"),
    ("alarms[].on.threshold", "-1000000000.0", "1000000000.0"),
    ("alarms[].raised_when.delay_seconds", "0", DECADE),
    ("alarms[].raised_when.nodes_at_least", "0", WHOLE),
    ("compliance[].every_seconds", "60", "2592000"),
    ("compliance[].non_compliant", "0.0", "1.0"),
    ("compliance[].spoiled_by.fraction", "0.0", "1.0"),
    ("faults[].calls[]", "0", LARGEST),
    ("faults[].error.status", "400", "599"),
    ("faults[].every", "1", LARGEST),
    ("faults[].first_calls", "0", LARGEST),
    ("faults[].from_seconds", "0", DECADE),
    ("faults[].listing_lag_seconds", "0.0", "172800.0"),
    ("faults[].metric_lag_seconds", "0", "172800"),
    ("faults[].probability", "0.0", "1.0"),
    ("faults[].throttle.burst", "0.0", "1000000.0"),
    ("faults[].throttle.per_second", "0.0", "1000000.0"),
    ("faults[].until_seconds", "0", DECADE),
    ("metrics[].daily", "0.0", "1.0"),
    ("metrics[].duplicated", "0.0", "1.0"),
    ("metrics[].every_seconds", "5", "86400"),
    ("metrics[].late_seconds", "0", "86400"),
    ("metrics[].least", "-1000000000.0", "1000000000.0"),
    ("metrics[].level", "-1000000000.0", "1000000000.0"),
    ("metrics[].missing", "0.0", "1.0"),
    ("metrics[].node_spread", "0.0", "1000.0"),
    ("metrics[].spread", "0.0", "1000000000.0"),
    ("metrics[].swings[].by", "-1000000000.0", "1000000000.0"),
    ("metrics[].swings[].from_seconds", "0", DECADE),
    ("metrics[].swings[].times", "0.0", "1000000.0"),
    ("metrics[].swings[].until_seconds", "0", DECADE),
    ("nodes[].agent_versions.*", "0", WHOLE),
    ("nodes[].count", "0", "2000000"),
    ("nodes[].installed.*.*", "0", WHOLE),
    ("nodes[].manifest_cached", "0.0", "1.0"),
    ("nodes[].offline", "0.0", "1.0"),
    ("nodes[].slowness", "0.0", "1000.0"),
    ("nodes[].tagged[].first", "0", WHOLE),
    ("nodes[].tagged[].fraction", "0.0", "1.0"),
    ("nodes[].troubles[].first", "0", WHOLE),
    ("nodes[].troubles[].fraction", "0.0", "1.0"),
    ("nodes[].troubles[].locked_for_seconds", "0", DECADE),
    ("nodes[].troubles[].offline_after_seconds", "0", DECADE),
    ("nodes[].troubles[].online_after_seconds", "0", DECADE),
    ("nodes[].troubles[].registered_after_seconds", "0", DECADE),
    ("nodes[].troubles[].terminated_after_seconds", "0", DECADE),
    ("organization.accounts[].joins_after_seconds", "0", DECADE),
    ("packages[].versions[].behaviour[].exit_code", "-2147483648", "2147483647"),
    ("packages[].versions[].behaviour[].takes_seconds", "0", "172800"),
    ("packages[].versions[].behaviour[].when.attempts", "0", WHOLE),
    ("packages[].versions[].behaviour[].when.fraction", "0.0", "1.0"),
    ("packages[].versions[].loses_ping.after_seconds", "0", DECADE),
    ("packages[].versions[].loses_ping.when.attempts", "0", WHOLE),
    ("packages[].versions[].loses_ping.when.fraction", "0.0", "1.0"),
    ("packages[].versions[].raises[].after_seconds", "0", DECADE),
    ("packages[].versions[].raises[].by", "-1000000000.0", "1000000000.0"),
    ("packages[].versions[].raises[].for_seconds", "0", DECADE),
    ("packages[].versions[].raises[].spread_times", "0.0", "1000000.0"),
    ("packages[].versions[].raises[].times", "0.0", "1000000.0"),
    ("packages[].versions[].raises[].when.attempts", "0", WHOLE),
    ("packages[].versions[].raises[].when.fraction", "0.0", "1.0"),
    ("packages[].versions[].takes_seconds", "0", "172800"),
    ("probes[].absent_exit_code", "-2147483648", "2147483647"),
    ("published[].behaviour[].exit_code", "-2147483648", "2147483647"),
    ("published[].behaviour[].takes_seconds", "0", "172800"),
    ("published[].behaviour[].when.attempts", "0", WHOLE),
    ("published[].behaviour[].when.fraction", "0.0", "1.0"),
    ("published[].loses_ping.after_seconds", "0", DECADE),
    ("published[].loses_ping.when.attempts", "0", WHOLE),
    ("published[].loses_ping.when.fraction", "0.0", "1.0"),
    ("published[].raises[].after_seconds", "0", DECADE),
    ("published[].raises[].by", "-1000000000.0", "1000000000.0"),
    ("published[].raises[].for_seconds", "0", DECADE),
    ("published[].raises[].spread_times", "0.0", "1000000.0"),
    ("published[].raises[].times", "0.0", "1000000.0"),
    ("published[].raises[].when.attempts", "0", WHOLE),
    ("published[].raises[].when.fraction", "0.0", "1.0"),
    ("published[].takes_seconds", "0", "172800"),
    ("rates.*.burst", "0.0", "1000000.0"),
    ("rates.*.per_second", "0.0", "1000000.0"),
    ("roles[].max_session_seconds", "1", "43200"),
    ("seed", "0", LARGEST),
    ("timing.agent_wait_seconds", "0", "172800"),
    ("timing.compliance_lag_seconds", "0", "172800"),
    ("timing.delivery_millis", "0", "172800000"),
    ("timing.document_seconds", "0", "172800"),
    ("timing.listing_lag_seconds", "0.0", "172800.0"),
    ("timing.metric_listing_lag_seconds", "0", "172800"),
    ("timing.ramp_seconds", "0.0", "172800.0"),
    ("timing.script_millis", "0", "172800000"),
];

/// Keys of these mappings are the author's own.
const OWN_KEYS: [&str; 6] = ["rates", "agent_versions", "installed", "installed.*", "seen", "runs_on"];

/// Where values stand: as in [`BOUNDS`], and as a path of JSON.
#[derive(Default)]
struct Leaves {
    numbers: Vec<(String, String)>,
    given: BTreeSet<String>,
    missing: BTreeSet<String>,
}

impl Leaves {
    fn walk(&mut self, value: &Value, name: &str, pointer: &str) {
        let is_pair = |items: &[Value]| items.len() == 2 && items.iter().all(Value::is_number);
        match value {
            Value::Null => {
                self.missing.insert(name.to_owned());
                return;
            }
            Value::Number(_) => self.numbers.push((name.to_owned(), pointer.to_owned())),
            Value::Array(items) if is_pair(items) => self.numbers.push((name.to_owned(), pointer.to_owned())),
            Value::Array(items) if items.is_empty() => {
                self.missing.insert(name.to_owned());
                return;
            }
            Value::Array(items) => {
                for (at, item) in items.iter().enumerate() {
                    self.walk(item, &format!("{name}[]"), &format!("{pointer}/{at}"));
                }
            }
            Value::Object(entries) => {
                for (key, item) in entries {
                    let shown = if OWN_KEYS.iter().any(|own| name.ends_with(own)) { "*" } else { key };
                    let name = if name.is_empty() { shown.to_owned() } else { format!("{name}.{shown}") };
                    let key = key.replace('~', "~0").replace('/', "~1");
                    self.walk(item, &name, &format!("{pointer}/{key}"));
                }
            }
            Value::Bool(_) | Value::String(_) => {}
        }
        self.given.insert(name.to_owned());
    }
}

/// The full world as JSON, which is YAML too, with one number replaced by a text that may be no JSON.
fn with(pointer: &str, text: &str) -> Result<WorldFile, WorldFileError> {
    let mut document = full();
    let place = document.pointer_mut(pointer).expect("a place that was found before");
    *place = if place.is_array() { serde_json::json!(["@", "@"]) } else { Value::from("@") };
    WorldFile::parse(&document.to_string().replace("\"@\"", text))
}

fn full() -> Value {
    let file = WorldFile::parse(FULL).unwrap_or_else(|error| panic!("{error}"));
    serde_json::to_value(file).expect("a world file is data")
}

fn leaves() -> Leaves {
    let mut leaves = Leaves::default();
    leaves.walk(&full(), "", "");
    leaves
}

fn beyond(low: &str, high: &str) -> [String; 2] {
    if low.contains('.') {
        let (low, high): (f64, f64) = (low.parse().expect("a number"), high.parse().expect("a number"));
        return [(low - 1e-6).to_string(), (high * (1.0 + 1e-9)).to_string()];
    }
    let (low, high): (i128, i128) = (low.parse().expect("a number"), high.parse().expect("a number"));
    [(low - 1).to_string(), (high + 1).to_string()]
}

#[track_caller]
fn assert_refused_there(name: &str, text: &str, read: Result<WorldFile, WorldFileError>) {
    match read {
        Ok(_) => panic!("{name}: {text} is accepted"),
        Err(WorldFileError::Unreadable { line, message, .. }) => {
            assert!(line > 0, "{name}: {text}: {message}");
        }
        Err(WorldFileError::Impossible { place, .. }) => {
            let (first, last) =
                (name.split(['.', '[']).next(), name.trim_end_matches("[]").rsplit('.').next());
            let at = place.starts_with(first.expect("a word")) && place.contains(last.expect("a word"));
            // What is too much may be too much only over all sites.
            assert!(at || place == "nodes" || last == Some("*"), "{name}: {text}: {place}");
        }
        Err(other) => panic!("{name}: {text}: {other}"),
    }
}

#[test]
fn the_full_world_lacks_no_key_and_every_number_has_bounds() {
    let leaves = leaves();
    let lacking: Vec<_> = leaves.missing.difference(&leaves.given).collect();
    assert!(lacking.is_empty(), "add to full.yaml: {lacking:?}");
    let found: BTreeSet<&str> = leaves.numbers.iter().map(|(name, _)| &**name).collect();
    let bounded: BTreeSet<&str> = BOUNDS.iter().map(|(name, ..)| *name).collect();
    assert_eq!(found, bounded, "every number of full.yaml belongs into BOUNDS");
}

#[test]
fn numbers_are_accepted_at_their_bounds_and_refused_beyond() {
    let bounds: BTreeMap<&str, (&str, &str)> =
        BOUNDS.iter().map(|(name, low, high)| (*name, (*low, *high))).collect();
    for (name, pointer) in leaves().numbers {
        let (low, high) = bounds[&*name];
        for text in [low, high] {
            if let Err(error) = with(&pointer, text) {
                panic!("{name}: {text} is refused: {error}");
            }
        }
        let outside = beyond(low, high);
        let never =
            [".nan", ".inf", "-.inf", "1e999", "-1e999", "word", "{}", "[[]]", "99999999999999999999999"];
        for text in outside.iter().map(String::as_str).chain(never) {
            assert_refused_there(&name, text, with(&pointer, text));
        }
    }
}

#[test]
fn ranges_that_end_before_they_begin_are_refused() {
    let pairs: Vec<_> = leaves()
        .numbers
        .into_iter()
        .filter(|(_, pointer)| full().pointer(pointer).is_some_and(Value::is_array))
        .collect();
    assert_eq!(pairs.len(), 10);
    for (name, pointer) in pairs {
        let mut document = full();
        *document.pointer_mut(&pointer).expect("found before") = serde_json::json!([3, 2]);
        assert_refused_there(&name, "[3, 2]", WorldFile::parse(&document.to_string()));
    }
}

#[test]
fn times_out_of_a_calendar_are_refused() {
    for text in [
        "1969-12-31T23:59:59Z",
        "3000-01-01T00:00:00Z",
        "9999-12-31T23:59:59Z",
        "-009999-01-02T00:00:00Z",
        "",
        "0",
    ] {
        let read = WorldFile::parse(&format!("starts_at: \"{text}\"\n{WORLD}"));
        assert!(
            matches!(&read, Err(WorldFileError::Impossible { place, .. }) if place == "starts_at"),
            "{text}"
        );
    }
}

/// Says that a file is refused, in few words that a terminal can show.
#[track_caller]
fn refused(what: &str, text: &str) -> String {
    let error = WorldFile::parse(text).map(drop).expect_err(what);
    let message = error.to_string();
    assert!(message.len() < 10_000, "{what}: {} bytes", message.len());
    let is_bad = |character: char| {
        (character.is_control() && character != '\n')
            || "\u{202e}\u{202d}\u{2066}\u{200f}".contains(character)
    };
    assert!(!message.contains(is_bad), "{what}: {message:?}");
    message
}

#[test]
fn bombs_inside_known_keys_are_refused() {
    let mut bomb = "probes:\n- &a0 { contains: x, package: hello }\n".to_owned();
    for level in 1..12 {
        let _ = writeln!(bomb, "- &a{level} [{}]", vec![format!("*a{}", level - 1); 9].join(", "));
    }
    refused("a bomb in a list", &bomb);
    let mut bomb = "nodes:\n- &a0 { x: y }\n".to_owned();
    for level in 1..40 {
        let _ = writeln!(bomb, "- &a{level} {{ x: *a{}, y: *a{} }}", level - 1, level - 1);
    }
    refused("a bomb of mappings", &bomb);
    let merged = "rates: &r { a: { per_second: 1, burst: 1 } }\nnodes: [{ <<: *r, <<: *r }]";
    refused("a merge", merged);
    refused("an alias of itself", "rates: &a { x: *a }");
    refused("nobody's alias", "nodes: *nobody");
    let many = format!("seed: &s 1\nfaults: [{}]", vec!["{ every: *s }"; 50_000].join(","));
    refused("many aliases", &many);
}

#[test]
fn files_of_one_character_are_refused() {
    for piece in [
        "[",
        "{a: ",
        "- ",
        "? ",
        "nodes: [",
        "&a ",
        "!",
        "'",
        "\"",
        "|\n",
        "%YAML 1.2\n",
        "---\n",
        "\u{2028}",
        "#",
        " ",
        "*a ",
    ] {
        refused(piece, &piece.repeat(MAX_BYTES / piece.len()));
    }
}

#[test]
fn long_words_are_not_repeated_in_full() {
    let word = "x".repeat(900_000);
    refused("a key", &format!("{{ \"{word}\": 1 }}"));
    refused("an account", &format!("sites: {{ accounts: [{word}], regions: [a] }}"));
    refused("a Region", &format!("sites: {{ accounts: [\"111122223333\"], regions: [{word}] }}"));
    refused("a version", &WORLD.replace("1.0.0: 1 }", &format!("{word}: 1 }}")));
    refused("an operating system", &WORLD.replace("Linux", &word));
}

#[test]
fn characters_that_act_on_a_terminal_are_never_repeated() {
    for (what, bad) in [
        ("escape", "\\e[31m"),
        ("rings", "\\a"),
        ("turns", "\\u202e"),
        ("isolates", "\\u2066"),
        ("C1", "\\u009b"),
        ("NUL", "\\0"),
    ] {
        refused(what, &format!("\"{bad}\": 1\n"));
        refused(what, &format!("sites: {{ accounts: [\"{bad}\"], regions: [a] }}"));
        refused(what, &format!("sites: {{ accounts: [\"111122223333\"], regions: [\"{bad}\"] }}"));
        refused(what, &WORLD.replace("1.0.0: 1 }", &format!("\"{bad}\": 1 }}")));
        refused(what, &WORLD.replace("Linux", &format!("\"{bad}\"")));
    }
    for raw in ["\u{1b}[31m", "\u{7}", "\u{9b}31m", "\0", "\u{7f}"] {
        let message = refused("raw", &format!("{WORLD}# {raw}"));
        assert!(message.contains("control character"), "{message}");
    }
    refused("turned", &format!("{WORLD}\u{202e}sdrawkcab: 1"));
}

#[test]
fn a_byte_order_mark_and_other_line_ends_are_no_problem() {
    let file = WorldFile::parse(WORLD).expect("reads");
    for text in [
        format!("\u{feff}{WORLD}"),
        WORLD.replace('\n', "\r\n"),
        format!("---\n{WORLD}"),
        format!("{WORLD}...\n"),
    ] {
        assert_eq!(WorldFile::parse(&text).as_ref(), Ok(&file));
    }
}

#[test]
fn files_with_nothing_or_too_much_in_them_say_so_without_a_programmers_advice() {
    for (what, text) in
        [("nothing", String::new()), ("comments", "# a\n# b\n".to_owned()), ("blank", "  \n".to_owned())]
    {
        assert!(refused(what, &text).contains("empty"), "{what}");
    }
    assert!(refused("two worlds", &format!("{WORLD}---\n{WORLD}")).contains("second document"));
    for text in [format!("{WORLD}{WORLD}"), format!("{WORLD}---\n{WORLD}")] {
        let message = refused("twice", &text);
        assert!(!message.contains("Options") && !message.contains("from_str"), "{message}");
    }
}

#[test]
fn sites_beyond_their_bounds_are_refused() {
    let sites = |accounts: usize, regions: usize| {
        let accounts: Vec<String> = (0..accounts).map(|at| format!("\"{at:012}\"")).collect();
        let regions: Vec<String> = (0..regions).map(|at| format!("r-{at}")).collect();
        format!("sites: {{ accounts: [{}], regions: [{}] }}\n", accounts.join(","), regions.join(","))
    };
    assert!(WorldFile::parse(&sites(10_000, 1)).is_ok());
    assert!(WorldFile::parse(&sites(100, 100)).is_ok());
    refused("sites", &sites(10_001, 1));
    refused("sites", &sites(5_001, 2));
    refused("no account", &sites(0, 1));
    refused("no Region", &sites(1, 0));
    for account in
        ["11112222333", "1111222233334", "11112222333a", "１１１１２２２２３３３３", "arn:aws:iam::1"]
    {
        refused(account, &format!("sites: {{ accounts: [\"{account}\"], regions: [a] }}"));
    }
    refused("twice", "sites: { accounts: [\"111122223333\", \"111122223333\"], regions: [a] }");
}
