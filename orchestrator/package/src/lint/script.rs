//! L02: the text of scripts.

use super::findings::{Findings, Script, path_of};
use super::{SCRIPT_BYTES, Zip, code};
use crate::contents::Error;
use crate::folder::Package;
use regex::Regex;
use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::LazyLock;

/// What the agent sets for scripts, beside proxies and arguments.
pub const VARIABLES: [&str; 12] = [
    "BWS_ACTION_NAME",
    "BWS_PLATFORM_NAME",
    "BWS_PLATFORM_VERSION",
    "BWS_PLATFORM_FAMILY",
    "BWS_ARCHITECTURE",
    "BWS_INIT_SYSTEM",
    "BWS_PACKAGE_MANAGER",
    "BWS_INSTANCE_ID",
    "BWS_INSTANCE_TYPE",
    "BWS_REGION",
    "BWS_ACCOUNT_ID",
    "BWS_AVAILABILITY_ZONE",
];

/// Set by the agent, not by whoever orders an install.
const COMMAND_ID: &str = "SSM_COMMAND_ID";

/// A pattern of this file, which a test compiles.
macro_rules! pattern {
    ($name:ident = $pattern:expr) => {
        static $name: LazyLock<Regex> =
            LazyLock::new(|| Regex::new($pattern).expect("a constant that tests compile"));
    };
}
pub(super) use pattern;

pattern!(VARIABLE = r"\b(?:BWS|SSM)_[A-Za-z0-9_]+");
pattern!(READ = r"(?i)(?:\$\{?|\$env:|\$\{env:)$");
pattern!(ENDS_IN_AMPERSAND = r"(?:^|[^&>|<])&\s*$");
pattern!(NOHUP = r"(?:^|[;&|]\s*)\s*(?:nohup|setsid)\s");
pattern!(START_PROCESS = r"(?i)\bStart-Process\b(?:[^\n`]|`\n)*");
pattern!(WAIT = r"(?i)-Wait\b");

pub fn check(zip: &Zip<'_>, package: &Package, findings: &mut Findings) -> Result<(), Error> {
    for (name, entry) in &zip.contents.0 {
        let ending =
            zip.endings().find(|ending| name.strip_suffix(ending).is_some_and(|rest| rest.ends_with('.')));
        let Some(ending) = ending else { continue };
        let path = path_of(zip.name, name, entry);
        let Some(bytes) = zip.contents.read(name, SCRIPT_BYTES)? else { continue };
        // What lies deeper is not run by the agent, but scripts that are may read it.
        if name.contains('/') {
            line_ends(&bytes, ending, &path, findings);
            continue;
        }
        encoding(&bytes, ending, &path, findings);
        line_ends(&bytes, ending, &path, findings);
        if let Some(script) = zip.script(name)? {
            text(&script, ending, findings);
            variables(&script, package, findings);
        }
    }
    Ok(())
}

fn encoding(bytes: &[u8], ending: &str, path: &str, findings: &mut Findings) {
    let is_shell = ending == "sh";
    if bytes.starts_with(b"\xef\xbb\xbf") && is_shell {
        let message = "the script begins with a byte order mark".to_owned();
        findings.file(code::ENCODING, message, "save it as UTF-8 without a byte order mark", path);
    }
    if std::str::from_utf8(bytes).is_err() || bytes.contains(&0) {
        let message = "the script is not UTF-8 text".to_owned();
        findings.file(code::ENCODING, message, "save it as UTF-8", path);
    }
}

fn line_ends(bytes: &[u8], ending: &str, path: &str, findings: &mut Findings) {
    if let (true, Some(at)) = (ending == "sh", bytes.windows(2).position(|pair| pair == b"\r\n")) {
        let line = bytes[..at].split(|byte| *byte == b'\n').count();
        let message = format!("line {line} ends in a carriage return");
        findings.file(code::CARRIAGE_RETURNS, message, "save it with line feeds only", path);
    }
}

fn text(script: &Script, ending: &str, findings: &mut Findings) {
    let is_shell = ending == "sh";
    if lines(&script.text).next().is_none() {
        let message = "the script holds no command".to_owned();
        findings.script(code::EMPTY_SCRIPT, 0..0, message, "write what it should do, or delete it", script);
        return;
    }
    let first = script.text.lines().next().unwrap_or_default();
    let shell = first.strip_prefix("#!").map(|command| command.trim().trim_start_matches("/usr/bin/env "));
    let shell =
        shell.and_then(|command| command.split_whitespace().next()).and_then(|path| path.rsplit('/').next());
    if let Some(shell) = shell.filter(|shell| is_shell && *shell != "sh") {
        let message = format!("the script is written for {shell}, the agent runs it with sh");
        findings.script(
            code::OTHER_SHELL,
            0..first.len(),
            message,
            "write portable shell and `#!/bin/sh`",
            script,
        );
    }
    let mut background = |at: Range<usize>, help| {
        let message = "this is not waited for".to_owned();
        findings.script(code::BACKGROUND, at, message, help, script);
    };
    if is_shell {
        for (at, line) in lines(&script.text) {
            if ENDS_IN_AMPERSAND.is_match(line) || NOHUP.is_match(line) {
                background(at..at + line.len(), "let the service manager start it, or wait for it");
            }
        }
        return;
    }
    for found in START_PROCESS.find_iter(&script.text).filter(|found| !WAIT.is_match(found.as_str())) {
        background(found.range(), "add -Wait -PassThru, and look at the ExitCode");
    }
}

fn variables(script: &Script, package: &Package, findings: &mut Findings) {
    let mut seen = BTreeMap::new();
    for (at, line) in lines(&script.text) {
        for found in VARIABLE.find_iter(line).filter(|found| READ.is_match(&line[..found.start()])) {
            seen.entry(found.as_str()).or_insert(at + found.start()..at + found.end());
        }
    }
    for (name, at) in seen {
        if name.starts_with("BWS_") {
            if !VARIABLES.contains(&name) {
                let message = format!("the agent sets no {name}");
                let help = "ship what the script must know in a file";
                findings.script(code::UNKNOWN_VARIABLE, at, message, help, script);
            }
            continue;
        }
        let declared = package.recipe.as_ref().map(|recipe| &recipe.arguments);
        if name != COMMAND_ID && declared.is_some_and(|declared| !declared.contains_key(name)) {
            let message = format!("{name} is not declared");
            let help = format!("add `{name}` to `arguments` in package.yaml, with a value for tests");
            findings.script(code::UNKNOWN_ARGUMENT, at, message, &help, script);
        }
    }
}

/// Lines that are neither blank nor a comment, with their offsets. Both shells begin comments alike.
pub fn lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut offset = 0;
    text.split_inclusive('\n').filter_map(move |line| {
        let at = offset;
        offset += line.len();
        let line = line.trim_end();
        let code = line.trim_start_matches('\u{feff}').trim_start();
        (!code.is_empty() && !code.starts_with('#')).then_some((at, line))
    })
}
