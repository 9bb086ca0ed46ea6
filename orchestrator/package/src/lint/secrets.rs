//! L05: secrets that would be published.

use super::findings::{Findings, Script, path_of, span};
use super::script::pattern;
use super::{Zip, code};
use crate::contents::Error;
use crate::folder::Package;
use regex::Regex;
use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::LazyLock;

/// Larger texts are logs and data, rarely scripts and settings.
const TEXT_BYTES: u64 = 1 << 20;

/// Endings of files that are texts, whatever their size.
const TEXTS: [&str; 16] = [
    ".sh",
    ".ps1",
    ".psm1",
    ".py",
    ".yaml",
    ".yml",
    ".json",
    ".conf",
    ".cfg",
    ".ini",
    ".env",
    ".xml",
    ".toml",
    ".properties",
    ".txt",
    ".pem",
];

/// Fewest different characters of a random value; placeholders have fewer.
const DIFFERENT: usize = 6;

/// Words in values that stand for a secret without being one.
const PLACEHOLDERS: [&str; 8] =
    ["changeme", "example", "placeholder", "your", "xxxx", "dummy", "secretsmanager", "parameter"];

pattern!(AWS_KEY = r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b");
pattern!(PRIVATE_KEY = r"-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY-----");
pattern!(
    FORGE_TOKEN = r"\b(?:gh[pousr]_[A-Za-z0-9]{36,}|glpat-[A-Za-z0-9_-]{20,}|xox[abprs]-[A-Za-z0-9-]{10,})"
);
pattern!(
    ASSIGNED = r#"(?i)(?:api_?-?key|app_?-?key|access_?-?key|secret_?-?key|secret|token|passw(?:or)?d|pwd|credential)s?["']?\s*(?:[:=]|\s)\s*["']?([A-Za-z0-9+/_.~-]{12,})"#
);
pattern!(CARRIED = r"(?i)\b(?:bearer|basic)\s+([A-Za-z0-9+/_.~=-]{16,})");
pattern!(IN_URL = r#"[A-Za-z][A-Za-z0-9+.-]*://[^\s/:@"']+:([^\s/@"'$({]{4,})@"#);
// However short: people choose passwords.
pattern!(PASSWORD = r#"(?i)passw(?:or)?d["']?\s*[:=]\s*["']?([A-Za-z0-9!#%&*+,.:;<=>?@^_|~-]{5,})"#);

/// Every text of a zip: scripts and settings alike.
pub fn check(zip: &Zip<'_>, findings: &mut Findings) -> Result<(), Error> {
    for (name, entry) in &zip.contents.0 {
        let Some(bytes) = zip.contents.read(name, TEXT_BYTES)? else {
            if TEXTS.iter().any(|ending| name.to_ascii_lowercase().ends_with(ending)) {
                let message = format!("{} bytes of text were not searched for secrets", entry.bytes);
                findings.file(code::UNSEARCHED, message, UNSEARCHED_HELP, &path_of(zip.name, name, entry));
            }
            continue;
        };
        let is_named_text = TEXTS.iter().any(|ending| name.to_ascii_lowercase().ends_with(ending));
        let Some(text) = text(bytes, is_named_text) else { continue };
        let text = text.replace('\r', "");
        let found = secrets(&text);
        let script = Script { path: path_of(zip.name, name, entry), text };
        for at in found {
            findings.script(code::SECRET, at, message(), HELP, &script);
        }
    }
    Ok(())
}

const UNSEARCHED_HELP: &str =
    "look through it, and accept this for the file in package.yaml; or let the install fetch it";

/// The text that bytes are, if they are one: UTF-8, or UTF-16 as Windows tools write it; of what is called a text also another
/// encoding, of which the letters of secrets are the same.
fn text(bytes: Vec<u8>, is_named_text: bool) -> Option<String> {
    let wide = |pair: &[u8], is_little: bool| {
        let pair = [pair[0], pair[1]];
        if is_little { u16::from_le_bytes(pair) } else { u16::from_be_bytes(pair) }
    };
    let little = match bytes.get(..2) {
        Some([0xff, 0xfe]) => Some(true),
        Some([0xfe, 0xff]) => Some(false),
        _ => None,
    };
    let text = match little {
        Some(little) => {
            let words: Vec<u16> = bytes[2..].chunks_exact(2).map(|pair| wide(pair, little)).collect();
            String::from_utf16(&words).ok()
        }
        None if is_named_text => Some(String::from_utf8_lossy(&bytes).into_owned()),
        None => String::from_utf8(bytes).ok(),
    };
    text.filter(|text| !text.contains('\0'))
}

const HELP: &str = "keep it in Parameter Store or Secrets Manager, pass its name as an argument of the rollout, and delete it here";

fn message() -> String {
    "this looks like a secret, readable by everyone who gets the package".to_owned()
}

/// What package.yaml itself says.
pub fn recipe(package: &Package, findings: &mut Findings) {
    let Some(text) = package.report.text.as_deref().filter(|_| package.recipe.is_some()) else { return };
    for at in secrets(text) {
        findings.package(code::SECRET, Some(span(text, at)), message(), HELP, &package.report);
    }
}

/// Whether what a pattern found is a secret and not a name or a placeholder.
type Judge = fn(&str) -> bool;

/// The places of what looks like a secret.
fn secrets(text: &str) -> Vec<Range<usize>> {
    let mut found: BTreeSet<(usize, usize)> = BTreeSet::new();
    let plain: [&Regex; 3] = [&AWS_KEY, &PRIVATE_KEY, &FORGE_TOKEN];
    for place in plain.iter().flat_map(|pattern| pattern.find_iter(text)) {
        found.insert((place.start(), place.end()));
    }
    let judged: [(&Regex, Judge); 4] =
        [(&ASSIGNED, is_random), (&CARRIED, is_random), (&IN_URL, is_chosen), (&PASSWORD, is_chosen)];
    for (pattern, is_secret) in judged {
        let values = pattern.captures_iter(text).filter_map(|captures| captures.get(1));
        found.extend(
            values.filter(|value| is_secret(value.as_str())).map(|value| (value.start(), value.end())),
        );
    }
    found.into_iter().map(|(start, end)| start..end).collect()
}

fn is_random(value: &str) -> bool {
    let different: BTreeSet<char> = value.to_ascii_lowercase().chars().collect();
    // Where a secret is kept is told by a path, such as `prod/datadog/key1`; keys in base64 mix their letters.
    let is_path = value.contains('/') && !value.bytes().any(|byte| byte.is_ascii_uppercase() || byte == b'+');
    different.len() >= DIFFERENT && !is_path && is_chosen(value)
}

fn is_chosen(value: &str) -> bool {
    let lower = value.to_ascii_lowercase();
    value.bytes().any(|byte| byte.is_ascii_digit())
        && value.bytes().any(|byte| byte.is_ascii_alphabetic())
        && !value.starts_with(['/', '.'])
        && !PLACEHOLDERS.iter().any(|word| lower.contains(word))
}

/// The text as it may be shown: a finding must not spread what it warns of.
pub fn masked(text: &str) -> String {
    let found = secrets(text);
    let mut masked = String::with_capacity(text.len());
    let mut end = 0;
    for at in found {
        if at.start < end {
            continue;
        }
        masked.push_str(&text[end..at.start]);
        masked.extend(std::iter::repeat_n('*', at.len()));
        end = at.end;
    }
    masked.push_str(&text[end..]);
    masked
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shown_holds_no_secret() {
        let text = "DD_API_KEY=0123456789abcdef0123456789abcdef\necho done\n";
        let found = secrets(text);
        assert_eq!(found.first(), Some(&(11..43)));
        let shown = masked(text);
        assert_eq!(shown.len(), text.len());
        assert!(shown.starts_with("DD_API_KEY=****") && shown.ends_with("echo done\n"), "{shown}");
    }

    #[test]
    fn secrets_are_found_wherever_people_leave_them() {
        for text in [
            "SECRET=wJalrXUtnFEMI/K7MDENG/bPxRfiCYzzzzKEY",
            "curl -H 'Authorization: Bearer abcdef0123456789abcdef01' x",
            "curl https://user:hunter2hunter2@host.test/",
            "DB_PASSWORD=hunter2",
        ] {
            assert_eq!(secrets(text).len(), 1, "{text}");
        }
    }

    #[test]
    fn names_of_secrets_and_variables_are_no_secrets() {
        for text in [
            "api_key: \"${SSM_api_key}\"",
            "SSM_api_key_parameter: /datadog/api_key_2024",
            "password=$(aws ssm get-parameter --name /x)",
            "token: your-token-goes-here-1",
            "secret = \"aaaaaaaaaaaa1\"",
            "# the token is read from Parameter Store",
            "SECRET=prod/datadog/key1",
            "curl https://user:$PASSWORD1@example.test/",
            "DB_PASSWORD=${SSM_password1}",
            "Authorization: Bearer $TOKEN",
        ] {
            assert!(secrets(text).is_empty(), "{text}");
        }
    }

    #[test]
    fn texts_of_windows_tools_are_texts() {
        let wide: Vec<u8> = "\u{feff}token".encode_utf16().flat_map(u16::to_le_bytes).collect();
        assert_eq!(text(wide, false).as_deref(), Some("token"));
        assert_eq!(text(b"\xfe\xff\0t\0o".to_vec(), false).as_deref(), Some("to"));
        assert_eq!(text(b"plain".to_vec(), false).as_deref(), Some("plain"));
        assert_eq!(text(b"\0\x01\xff".to_vec(), false), None);
        assert_eq!(text(b"\xff\xfe\0\xd8".to_vec(), false), None);
        assert_eq!(text(b"caf\xe9: token".to_vec(), false), None);
        assert_eq!(text(b"caf\xe9: token".to_vec(), true).as_deref(), Some("caf\u{fffd}: token"));
    }
}
