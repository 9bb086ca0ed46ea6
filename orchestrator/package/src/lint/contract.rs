//! L03: what the agent counts on when it runs scripts: for any version, on half an install, twice.

use super::findings::{Findings, Script};
use super::script::{lines, pattern};
use super::{Zip, code};
use crate::contents::Error;
use crate::folder::Package;
use regex::Regex;
use std::ops::Range;
use std::sync::LazyLock;
use wavetrain_model::spec::InstallMode;

pattern!(REBOOT_SH = r"\b(?:exit|return)\s+194\b");
pattern!(REBOOT_PS1 = r"(?i)\bexit(?:\s*\(\s*|\s+)3010\b");
pattern!(EXIT_PS1 = r"(?im)^[^#\n]*\bexit(?:\s*[$(]|\s+[\d-])");
pattern!(
    REMOVES = r"^\s*(?:sudo\s+)?(rm|rmdir|unlink|userdel|groupdel|rpm\s+(?:-e|--erase)|dpkg\s+(?:-r|-P|--remove|--purge)|systemctl\s+(?:stop|disable)|service\s+\S+\s+stop|kill|pkill|killall)\s+(.*)$"
);
pattern!(MAKES = r"^\s*(?:sudo\s+)?(mkdir|ln|useradd|adduser|groupadd)\s+(.*)$");
pattern!(REMOVES_PS1 = r"(?im)^\s*(?:Remove-Item|Stop-Service|Uninstall-Package|Remove-Service)\b.*$");
pattern!(GUARDED_PS1 = r"(?i)-ErrorAction\s+(?:SilentlyContinue|Ignore)");
pattern!(ASKS_PS1 = r"(?i)\b(?:Test-Path|Get-Service|Get-Package|Get-Item)\b");
pattern!(STOPS_AT_ERRORS = r"(?m)^\s*set\s+-[a-z]*e");
pattern!(OPENS = r"^\s*(?:if|for|while|until|case)\b");
pattern!(CLOSES = r"(?:^|;)\s*(?:fi|done|esac)\b");

pub fn check(zip: &Zip<'_>, package: &Package, findings: &mut Findings) -> Result<(), Error> {
    for ending in zip.endings() {
        scripts(zip, ending, package, findings)?;
    }
    Ok(())
}

fn scripts(zip: &Zip<'_>, ending: &str, package: &Package, findings: &mut Findings) -> Result<(), Error> {
    let script = |action: &str| zip.script(&format!("{action}.{ending}"));
    let (install, uninstall) = (script("install")?, script("uninstall")?);
    let (update, validate) = (script("update")?, script("validate")?);
    if validate.is_none() {
        let message = format!("{} has no `validate.{ending}`", zip.name);
        let help = "add one that asks the product for its version, and fails if it is another one";
        findings.package(code::NO_VALIDATE, zip.span, message, help, &package.report);
        let pattern = if ending == "sh" { &REBOOT_SH } else { &REBOOT_PS1 };
        for script in install.iter().chain(&update) {
            reboot(script, pattern, ending, findings);
        }
    }
    let in_place = package.recipe.as_ref().filter(|recipe| recipe.install == InstallMode::InPlace);
    if let (Some(recipe), None) = (in_place, &update) {
        let message = format!("{} has no `update.{ending}`", zip.name);
        let help = "add one, or write `install: reinstall`";
        findings.package(code::NO_UPDATE, Some(recipe.install_span), message, help, &package.report);
    }
    if ending == "ps1" {
        for script in [&install, &uninstall, &update, &validate].into_iter().flatten() {
            if !EXIT_PS1.is_match(&script.text) {
                let message = "the script sets no exit code".to_owned();
                findings.script(
                    code::NO_EXIT_CODE,
                    0..0,
                    message,
                    "end every way out with `exit 0` or `exit 1`",
                    script,
                );
            }
        }
    }
    if let Some(script) = &uninstall {
        version_bound(script, &package.manifest.version, findings);
        fragile_uninstall(script, ending, findings);
    }
    if let (Some(script), "sh") = (&install, ending) {
        let help = "use `mkdir -p` or `ln -sf`, or ask before";
        for at in unguarded(&script.text, &MAKES) {
            let message = "this fails when the script runs again".to_owned();
            findings.script(code::FRAGILE_INSTALL, at, message, help, script);
        }
    }
    Ok(())
}

fn reboot(script: &Script, pattern: &Regex, ending: &str, findings: &mut Findings) {
    for (at, line) in lines(&script.text) {
        if let Some(found) = pattern.find(line) {
            let message = "after this restart nothing checks the install".to_owned();
            let help = format!("add `validate.{ending}`");
            let place = at + found.start()..at + found.end();
            findings.script(code::REBOOT_UNCHECKED, place, message, &help, script);
        }
    }
}

/// The version, with or without its revision, as a word of its own.
fn version_bound(script: &Script, version: &str, findings: &mut Findings) {
    let product = version.rsplit_once('-').map_or(version, |(product, _)| product);
    if !product.contains('.') {
        return;
    }
    let is_part = |character: char| character.is_ascii_alphanumeric() || character == '.';
    for (at, line) in lines(&script.text) {
        for (start, found) in line.match_indices(product) {
            let end = start + found.len();
            let before = line[..start].strip_suffix(['v', 'V']).unwrap_or(&line[..start]);
            // A dot may also end a sentence or begin a file's ending: only more digits make it another version.
            let rest = line[end..].trim_start_matches('.');
            if before.ends_with(is_part) || rest.starts_with(|next: char| next.is_ascii_digit()) {
                continue;
            }
            let message = "the uninstall script names the version of its own package".to_owned();
            let help = "remove whatever version is there";
            findings.script(code::VERSION_BOUND, at + start..at + end, message, help, script);
        }
    }
}

fn fragile_uninstall(script: &Script, ending: &str, findings: &mut Findings) {
    let places: Vec<Range<usize>> = if ending == "sh" {
        unguarded(&script.text, &REMOVES)
    } else if ASKS_PS1.is_match(&script.text) {
        Vec::new()
    } else {
        let found = REMOVES_PS1.find_iter(&script.text);
        found.filter(|line| !GUARDED_PS1.is_match(line.as_str())).map(|line| line.range()).collect()
    };
    for at in places {
        let message = "this fails if it was removed before".to_owned();
        let help = if ending == "sh" {
            "use `rm -f` or `|| true`, or ask before"
        } else {
            "ask with Test-Path before"
        };
        findings.script(code::FRAGILE_UNINSTALL, at, message, help, script);
    }
}

/// Commands of a shell script that end it, or are its last word, when what they change is not as they expect.
fn unguarded(text: &str, pattern: &Regex) -> Vec<Range<usize>> {
    let stops = STOPS_AT_ERRORS.is_match(text);
    let all: Vec<(usize, &str)> = lines(text).collect();
    let mut depth = 0_usize;
    let mut found = Vec::new();
    for (number, (at, line)) in all.iter().enumerate() {
        depth += usize::from(OPENS.is_match(line));
        let is_guarded = depth > 0 || line.contains("||");
        if CLOSES.is_match(line) {
            depth = depth.saturating_sub(1);
        }
        let matters = stops || number + 1 == all.len();
        let Some(command) = pattern.captures(line).filter(|_| matters && !is_guarded) else { continue };
        if !is_harmless(&command[1], &command[2]) {
            found.push(*at..at + line.len());
        }
    }
    found
}

/// Whether the flags of a command make it succeed either way.
fn is_harmless(command: &str, rest: &str) -> bool {
    let has = |flag: char, long: &str| {
        rest.split_whitespace().any(|word| {
            word == long || (word.starts_with('-') && !word.starts_with("--") && word.contains(flag))
        })
    };
    match command {
        "rm" | "ln" | "groupadd" => has('f', "--force"),
        "mkdir" => has('p', "--parents"),
        _ => false,
    }
}
