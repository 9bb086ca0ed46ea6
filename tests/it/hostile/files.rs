//! Plan files and world files.

use super::{assert_told, run_in};
use crate::kit::stage::Ran;
use crate::kit::worlds;
use std::fmt::Write;
use std::path::Path;
use tempfile::TempDir;

/// The kinds of files, and how each is read without doing anything else.
const KINDS: [(&str, &[&str]); 3] = [
    ("plan", &["validate", "FILE"]),
    // A plan that is fine, but for the pack that it uses.
    ("pack", &["validate", USER]),
    // No machine listens there for us: a world that is read after all ends with another code.
    ("world", &["sim", "serve", "--world", "FILE", "--listen", "192.0.2.1:1"]),
];

const USER: &str = "user.yaml";

const PACK: &str = "apiVersion: wavetrain/v1
policy:
  waves:
    - { name: all, percent: 100, bake: 10m, where: { regions: [us-east-1, eu-west-1] } }
";

fn good(kind: &str) -> String {
    match kind {
        "plan" => worlds::plan("2.0.0-1"),
        "pack" => PACK.to_owned(),
        _ => worlds::fleet("", ""),
    }
}

/// A plan that has its waves from a pack.
fn user(pack: &str) -> String {
    let plan = worlds::plan("2.0.0-1");
    let (before, rest) = plan.split_once("  waves:\n").expect("waves");
    let after = rest.find("  limits").map_or("", |at| &rest[at..]);
    let path = serde_json::to_string(pack).expect("a text");
    format!("{before}  use: {path}\n{after}")
}

fn read(dir: &Path, args: &[&str], file: &str) -> Ran {
    if args.contains(&USER) {
        std::fs::write(dir.join(USER), user(file)).expect("a file");
    }
    let args: Vec<&str> = args.iter().map(|word| if *word == "FILE" { file } else { word }).collect();
    run_in(dir, &args)
}

/// Both kinds refuse these bytes as an invalid file.
#[track_caller]
fn assert_refused(what: &str, contents: impl Fn(&str) -> Vec<u8>) {
    for (kind, args) in KINDS {
        let dir = TempDir::with_prefix("wavetrain-").expect("a temporary directory");
        std::fs::write(dir.path().join("file.yaml"), contents(&good(kind))).expect("a file");
        assert_told(&format!("{what} as a {kind}"), &read(dir.path(), args, "file.yaml"), 3);
    }
}

fn bomb(levels: usize) -> String {
    let mut bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..levels {
        let _ = writeln!(bomb, "a{level}: &a{level} [{}]", vec![format!("*a{}", level - 1); 9].join(", "));
    }
    bomb
}

#[test]
fn bombs_are_refused() {
    assert_refused("an alias bomb", |_| bomb(30).into());
    assert_refused("an alias bomb behind a good file", |good| format!("{good}{}", bomb(9)).into());
    assert_refused("deep lists", |_| vec![b'['; 100_000]);
    assert_refused("deep mappings", |_| "{a: ".repeat(100_000).into());
    assert_refused("deep lists below a known key", |_| format!("nodes: {}", "[".repeat(100_000)).into());
    assert_refused("deep indentation", |_| {
        (0..1300).fold(String::new(), |text, level| format!("{text}{}a:\n", " ".repeat(level))).into()
    });
}

#[test]
fn a_hundred_megabytes_are_refused_by_their_length() {
    for (kind, args) in KINDS {
        let dir = TempDir::with_prefix("wavetrain-").expect("a temporary directory");
        // Sparse: it has the length, but nothing is written.
        let file = std::fs::File::create(dir.path().join("file.yaml")).expect("a file");
        file.set_len(100_000_000).expect("a length");
        let ran = read(dir.path(), args, "file.yaml");
        assert_told(kind, &ran, 3);
        assert!(ran.stderr.contains("larger") || ran.stderr.contains("longer"), "{}", ran.stderr);
    }
}

#[test]
fn bytes_that_are_no_text_are_refused() {
    let utf16 =
        |text: &str, bytes: fn(u16) -> [u8; 2]| text.encode_utf16().flat_map(bytes).collect::<Vec<u8>>();
    assert_refused("NUL bytes", |_| vec![0; 1000]);
    assert_refused("a NUL byte", |good| good.replacen('\n', "\0\n", 1).into());
    assert_refused("UTF-16, little end first", |good| utf16(good, u16::to_le_bytes));
    assert_refused("UTF-16, big end first", |good| utf16(good, u16::to_be_bytes));
    assert_refused("UTF-16 with its mark", |good| utf16(&format!("\u{feff}{good}"), u16::to_le_bytes));
    assert_refused("the other UTF-16 with its mark", |good| {
        utf16(&format!("\u{feff}{good}"), u16::to_be_bytes)
    });
    assert_refused("Latin-1", |good| [good.as_bytes(), b"# caf\xe9\n"].concat());
    assert_refused("half a character", |good| [good.as_bytes(), b"# \xe2\x82"].concat());
    assert_refused("a surrogate", |good| [good.as_bytes(), b"# \xed\xa0\x80\n"].concat());
    assert_refused("all bytes", |_| (0..=255).cycle().take(10_000).collect());
}

#[test]
fn files_without_one_document_are_refused() {
    assert_refused("nothing", |_| Vec::new());
    assert_refused("comments", |_| b"# a\n\n# b\n".to_vec());
    assert_refused("two documents", |good| format!("{good}---\n{good}").into());
    assert_refused("a list", |_| b"- a\n".to_vec());
    assert_refused("a word", |_| b"word".to_vec());
    assert_refused("tabs", |good| good.replace("  ", "\t").into());
    assert_refused("every key twice", |good| format!("{good}{good}").into());
    assert_refused("a directive", |good| format!("%YAML 1.2\n---\n{good}").replace("1.2", "9.9").into());
    assert_refused("a tag", |good| format!("x: !!python/object:os.system y\n{good}").into());
    assert_refused("a merge", |good| format!("x: &x {{ a: b }}\ny: {{ <<: *x }}\n{good}").into());
    assert_refused("the other kind", |good| {
        let (plan, world) = (worlds::plan("2.0.0-1"), worlds::fleet("", ""));
        if good == plan { world.into() } else { plan.into() }
    });
}

#[test]
fn words_that_act_on_a_terminal_are_not_repeated() {
    for bad in ["\\e[31m", "\\e]0;title\\a", "\\u202e", "\\u2066", "\\u009b2J", "\\r", "\\b", "\\0"] {
        assert_refused(bad, |good| format!("\"{bad}\": 1\n{good}").into());
        assert_refused(bad, |good| good.replacen("us-east-1", &format!("\"{bad}\""), 1).into());
    }
    for bad in ["\u{1b}[31m", "\u{7}", "\u{9b}31m", "\u{7f}", "\u{202e}: 1 #"] {
        assert_refused("as it is", |good| format!("{good}{bad}\n").into());
    }
    assert_refused("a huge key", |good| format!("{good}{}: 1\n", "k".repeat(500_000)).into());
    assert_refused("a huge word", |good| good.replacen("us-east-1", &"w".repeat(500_000), 1).into());
}

/// What other systems do to a text changes nothing about it.
#[test]
fn a_mark_other_line_ends_and_a_document_start_are_no_problem() {
    let changes: [fn(&str) -> String; 4] = [
        |good| format!("\u{feff}{good}"),
        |good| good.replace('\n', "\r\n"),
        |good| format!("---\n{good}"),
        |good| format!("{good}\n\n# the end"),
    ];
    for change in changes {
        let dir = TempDir::with_prefix("wavetrain-").expect("a temporary directory");
        for (kind, args) in KINDS {
            std::fs::write(dir.path().join("file.yaml"), change(&good(kind))).expect("a file");
            // A world that is read is then refused its address, which is wrong usage.
            read(dir.path(), args, "file.yaml").ended_with(if kind == "world" { 2 } else { 0 });
        }
    }
}

#[cfg(unix)]
#[test]
fn what_is_no_file_is_refused_and_not_waited_for() {
    let dir = TempDir::with_prefix("wavetrain-").expect("a temporary directory");
    let path = |name: &str| dir.path().join(name);
    assert!(std::process::Command::new("mkfifo").arg(path("pipe")).status().expect("mkfifo runs").success());
    std::fs::create_dir(path("directory")).expect("a directory");
    std::os::unix::fs::symlink("loop", path("loop")).expect("a link");
    std::os::unix::fs::symlink("nowhere", path("dangling")).expect("a link");
    let _socket = std::os::unix::net::UnixListener::bind(path("socket")).expect("a socket");
    let long = "x".repeat(5000);
    for file in [
        "pipe",
        "directory",
        "loop",
        "dangling",
        "socket",
        "missing",
        "/dev/zero",
        "/dev/null",
        "-",
        &long,
        "a\u{1b}[31m",
    ] {
        for (kind, args) in KINDS {
            assert_told(&format!("{file} as a {kind}"), &read(dir.path(), args, file), 3);
        }
        assert_told(file, &run_in(dir.path(), &["explain", "node", "i-1", "--plan", file]), 3);
    }
}

#[test]
fn ten_thousand_waves_are_one_problem() {
    let waves = (0..10_000).fold(String::new(), |mut waves, wave| {
        let _ =
            writeln!(waves, "    - {{ name: w{wave}, percent: {}.{:02}, bake: 1m }}", wave / 100, wave % 100);
        waves
    });
    let plan = good("plan");
    let (before, rest) = plan.split_once("  waves:\n").expect("waves");
    let after = rest.find("\n  limits").map_or("", |at| &rest[at + 1..]);
    let dir = TempDir::with_prefix("wavetrain-").expect("a temporary directory");
    std::fs::write(dir.path().join("plan.yaml"), format!("{before}  waves:\n{waves}{after}"))
        .expect("a file");
    let ran = run_in(dir.path(), &["validate", "plan.yaml"]);
    assert_told("10,000 waves", &ran, 3);
    assert!(ran.stderr.contains("at most 100"), "{}", ran.stderr);
}

fn validated(contents: &str) -> Ran {
    let dir = TempDir::with_prefix("wavetrain-").expect("a temporary directory");
    std::fs::write(dir.path().join("plan.yaml"), contents).expect("a file");
    run_in(dir.path(), &["validate", "plan.yaml"])
}

#[test]
fn impossible_plans_are_refused_with_all_their_problems() {
    let good = good("plan");
    let with_after = |after: &str| {
        good.replace("tag: { rollout: canary }", &format!("tag: {{ rollout: canary }}, after: [{after}]"))
    };
    assert_told("more than all", &validated(&good.replace("percent: 75", "percent: 101")), 3);
    assert_told("a cycle", &validated(&with_after("all")), 3);
    assert_told("a wave after itself", &validated(&with_after("canary")), 3);
    assert!(validated(&with_after("nobody")).ended_with(3).stderr.contains("nobody"));
    let region = good.replace("us-east-1", "us-esat-1");
    assert!(validated(&region).ended_with(3).stderr.contains("us-east-1"), "the nearest Region is named");
    for arn in ["arn:aws:s3:", "arn:aws:iam:us-east-1:", "arn:nobody:iam:", "arn:aws:sts:", "aws:arn:iam:"] {
        assert_told(arn, &validated(&good.replace("arn:aws:iam:", arn)), 3);
    }
    let both = region.replace("percent: 75", "percent: 101");
    validated(&both).ended_with(3).says("101").says("us-esat-1");
}

#[test]
fn the_example_itself_is_accepted() {
    validated(&good("plan")).ended_with(0);
}

#[cfg(unix)]
#[test]
fn a_pack_leads_nowhere_else_and_back_to_itself_no_more() {
    let dir = TempDir::with_prefix("wavetrain-").expect("a temporary directory");
    let inside = dir.path().join("inside");
    std::fs::create_dir(&inside).expect("a directory");
    std::fs::create_dir(inside.join(".git")).expect("a directory");
    std::fs::write(dir.path().join("secret.yaml"), format!("{PACK}# secret\n")).expect("a file");
    std::os::unix::fs::symlink("../secret.yaml", inside.join("link.yaml")).expect("a link");
    std::os::unix::fs::symlink("..", inside.join("up")).expect("a link");
    for (path, said) in [
        ("link.yaml", "leads out of"),
        ("up/secret.yaml", "leads out of"),
        ("secret.yaml", "no such file"),
        ("../secret.yaml", "is not a path"),
    ] {
        let ran = read(&inside, KINDS[1].1, path);
        assert_told(path, &ran, 3);
        assert!(ran.stderr.contains(said) && !ran.stderr.contains("# secret"), "{}", ran.stderr);
    }
    std::fs::write(inside.join("self.yaml"), PACK.replace("policy:", "policy:\n  use: self.yaml"))
        .expect("a file");
    read(&inside, KINDS[1].1, "self.yaml").ended_with(3).says("E0903");
    let many: Vec<String> = (0..1000).map(|pack| format!("{pack}.yaml")).collect();
    let list = user("x").replace("\"x\"", &format!("[{}]", many.join(", ")));
    assert_told("a thousand packs", &validated(&list), 3);
}

#[cfg(unix)]
#[test]
fn files_of_guardrails_are_read_like_plan_files() {
    let dir = TempDir::with_prefix("wavetrain-").expect("a temporary directory");
    let path = |name: &str| dir.path().join(name);
    assert!(std::process::Command::new("mkfifo").arg(path("pipe")).status().expect("mkfifo runs").success());
    std::fs::write(path("plan.yaml"), good("plan")).expect("a file");
    std::fs::write(path("bomb"), bomb(30)).expect("a file");
    std::fs::write(path("deep"), vec![b'['; 100_000]).expect("a file");
    std::fs::File::create(path("long")).expect("a file").set_len(100_000_000).expect("a length");
    for file in ["pipe", "bomb", "deep", "long", "missing", "/dev/zero", "."] {
        assert_told(file, &run_in(dir.path(), &["validate", "plan.yaml", "--guardrails", file]), 3);
    }
}
