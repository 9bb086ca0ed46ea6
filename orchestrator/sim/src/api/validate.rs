//! Limits of the service models, and the text with which AWS refuses what breaks them.

use std::fmt::Write as _;

use super::ApiError;

/// A regular expression of a service model and a function that decides the same. The expressions are few and
/// fixed; a regular expression engine for them would be the crate's largest dependency.
#[derive(Clone, Copy)]
pub(super) struct Pattern {
    /// The expression, as AWS prints it.
    pub(super) text: &'static str,
    /// Whether a text matches.
    pub(super) matches: fn(&str) -> bool,
}

/// What a text member must look like.
#[derive(Clone, Copy)]
pub(super) struct Text {
    min: usize,
    max: usize,
    pattern: Option<Pattern>,
    words: &'static [&'static str],
}

impl Text {
    /// Length limits in characters.
    pub(super) const fn length(min: usize, max: usize) -> Self {
        Self { min, max, pattern: None, words: &[] }
    }

    /// A pattern and no other limit.
    pub(super) const fn pattern(text: &'static str, matches: fn(&str) -> bool) -> Self {
        Self::length(0, usize::MAX).and_pattern(text, matches)
    }

    /// The same limits and a pattern.
    pub(super) const fn and_pattern(self, text: &'static str, matches: fn(&str) -> bool) -> Self {
        Self { pattern: Some(Pattern { text, matches }), ..self }
    }

    /// One word of a closed list.
    pub(super) const fn one_of(words: &'static [&'static str]) -> Self {
        Self { words, ..Self::length(0, usize::MAX) }
    }

    /// The constraints that a value breaks, in AWS's words.
    fn broken_by(&self, value: &str) -> Vec<String> {
        let mut broken = Vec::new();
        let length = value.chars().count();
        if length > self.max {
            broken.push(format!("Member must have length less than or equal to {}", self.max));
        }
        if length < self.min {
            broken.push(format!("Member must have length greater than or equal to {}", self.min));
        }
        if let Some(pattern) = self.pattern
            && !(pattern.matches)(value)
        {
            broken.push(format!("Member must satisfy regular expression pattern: {}", pattern.text));
        }
        if !self.words.is_empty() && !self.words.contains(&value) {
            broken.push(format!("Member must satisfy enum value set: [{}]", self.words.join(", ")));
        }
        broken
    }
}

/// The broken constraints of one request, collected so that all are reported at once.
#[derive(Debug, Default)]
pub struct Violations {
    details: Vec<String>,
}

impl Violations {
    fn add(&mut self, value: &str, path: &str, constraint: &str) {
        self.details.push(format!("Value {value} at '{path}' failed to satisfy constraint: {constraint}"));
    }

    /// A required text.
    pub(super) fn required(&mut self, path: &str, value: &str, rule: &Text) {
        if value.is_empty() {
            self.missing(path);
        } else {
            self.text(path, value, rule);
        }
    }

    /// A required member that is not there.
    pub(super) fn missing(&mut self, path: &str) {
        self.add("null", path, "Member must not be null");
    }

    /// An optional text.
    pub(super) fn optional(&mut self, path: &str, value: Option<&str>, rule: &Text) {
        if let Some(value) = value {
            self.text(path, value, rule);
        }
    }

    fn text(&mut self, path: &str, value: &str, rule: &Text) {
        for constraint in rule.broken_by(value) {
            self.add(&format!("'{value}'"), path, &constraint);
        }
    }

    /// Length of a list.
    pub(super) fn size<T>(
        &mut self,
        path: &str,
        list: &[T],
        min: usize,
        max: usize,
        shown: impl Fn(&T) -> String,
    ) {
        let constraint = if list.len() > max {
            format!("Member must have length less than or equal to {max}")
        } else if list.len() < min {
            format!("Member must have length greater than or equal to {min}")
        } else {
            return;
        };
        let value = list.iter().map(shown).collect::<Vec<_>>().join(", ");
        self.add(&format!("'[{value}]'"), path, &constraint);
    }

    /// Length of a list of texts, and each text.
    pub(super) fn texts(&mut self, path: &str, list: &[String], min: usize, max: usize, rule: &Text) {
        self.size(path, list, min, max, Clone::clone);
        let Some(broken) = list.iter().map(|text| rule.broken_by(text)).find(|broken| !broken.is_empty())
        else {
            return;
        };
        let constraint = format!("Member must satisfy constraint: [{}]", broken.join(", "));
        self.add(&format!("'[{}]'", list.join(", ")), path, &constraint);
    }

    /// An optional number.
    pub(super) fn range(&mut self, path: &str, value: Option<i32>, min: i32, max: i32) {
        let Some(value) = value else { return };
        let constraint = if value > max {
            format!("Member must have value less than or equal to {max}")
        } else if value < min {
            format!("Member must have value greater than or equal to {min}")
        } else {
            return;
        };
        self.add(&format!("'{value}'"), path, &constraint);
    }

    /// `Ok` if nothing was broken, else a `ValidationException` naming everything that was.
    pub fn into_result(self) -> Result<(), ApiError> {
        if self.details.is_empty() {
            return Ok(());
        }
        let count = self.details.len();
        let plural = if count == 1 { "" } else { "s" };
        let mut message = format!("{count} validation error{plural} detected: ");
        for (index, detail) in self.details.iter().enumerate() {
            let separator = if index == 0 { "" } else { "; " };
            // Writing to a String cannot fail.
            let _ = write!(message, "{separator}{detail}");
        }
        Err(ApiError::validation(message))
    }
}

/// Whether a text is a 12-digit account id.
pub fn is_account_id(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Whether a text is the id of a root (`r-…`) or of an organizational unit (`ou-…-…`).
pub fn is_unit_or_root(text: &str) -> bool {
    let is_id = |text: &str, least: usize| {
        (least..=32).contains(&text.len())
            && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
    };
    let unit = text.strip_prefix("ou-").and_then(|rest| rest.split_once('-'));
    unit.is_some_and(|(root, unit)| is_id(root, 4) && is_id(unit, 8))
        || text.strip_prefix("r-").is_some_and(|root| is_id(root, 4))
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

/// `i-` and 8 or 17 word characters, or `mi-` and 17.
pub(super) fn is_instance_id(text: &str) -> bool {
    let rest = |prefix, lengths: &[usize]| {
        text.strip_prefix(prefix)
            .is_some_and(|rest: &str| lengths.contains(&rest.len()) && rest.bytes().all(is_word))
    };
    rest("i-", &[8, 17]) || rest("mi-", &[17])
}

/// Letters, digits and `_-.:/`, 3 to 128 of them.
pub(super) fn is_document_arn(text: &str) -> bool {
    (3..=128).contains(&text.len()) && text.bytes().all(|byte| is_word(byte) || b"-.:/".contains(&byte))
}

/// Letters, digits and `_-.`, 1 to 128 of them.
pub(super) fn is_version_name(text: &str) -> bool {
    (1..=128).contains(&text.len()) && text.bytes().all(|byte| is_word(byte) || b"-.".contains(&byte))
}

/// A number from 1, `$LATEST` or `$DEFAULT`.
pub(super) fn is_document_version(text: &str) -> bool {
    // The model leaves the first two alternatives unanchored; nothing real depends on that.
    text == "$LATEST" || text == "$DEFAULT" || is_positive_number(text)
}

fn is_positive_number(text: &str) -> bool {
    !text.starts_with('0') && !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// A number from 1, or 1 to 100 percent.
pub(super) fn is_max_concurrency(text: &str) -> bool {
    match text.strip_suffix('%') {
        Some(percent) => is_positive_number(percent) && (percent.len() <= 2 || percent == "100"),
        None => is_positive_number(text),
    }
}

/// A number from 0, or 0 to 100 percent.
pub(super) fn is_max_errors(text: &str) -> bool {
    text == "0" || text == "0%" || is_max_concurrency(text)
}

/// `$LATEST` or a number from 1.
pub(super) fn is_association_version(text: &str) -> bool {
    text == "$LATEST" || is_positive_number(text)
}

/// Five groups of hexadecimal digits.
pub(super) fn is_uuid(text: &str) -> bool {
    let groups: Vec<&str> = text.split('-').collect();
    groups.iter().map(|group| group.len()).eq([8, 4, 4, 4, 12])
        && text.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-')
}

/// Letters, digits and `_-.`, 3 to 128 of them.
pub(super) fn is_association_name(text: &str) -> bool {
    text.len() >= 3 && is_version_name(text)
}

/// `Custom:` or nothing, then two or more word characters, the first of which may be `-`.
pub(super) fn is_compliance_type(text: &str) -> bool {
    let rest = text.strip_prefix("Custom:").unwrap_or(text);
    let mut bytes = rest.bytes();
    bytes.next().is_some_and(|first| is_word(first) || first == b'-') && rest.len() > 1 && bytes.all(is_word)
}

/// Letters, spaces, digits and `_.:/=-@`.
pub(super) fn is_target_key(text: &str) -> bool {
    text.chars().all(|c| c.is_alphanumeric() || c.is_whitespace() || "_.:/=-@".contains(c))
}

/// Like [`is_target_key`], and `+`.
pub(super) fn is_tag_text(text: &str) -> bool {
    text.chars().all(|c| c.is_alphanumeric() || c.is_whitespace() || "_.:/=+-@".contains(c))
}

/// Word characters and `=,.@+-`.
pub(super) fn is_session_name(text: &str) -> bool {
    text.bytes().all(|byte| is_word(byte) || b"=,.@+-".contains(&byte))
}

/// Like [`is_session_name`], and `:/`.
pub(super) fn is_external_id(text: &str) -> bool {
    text.bytes().all(|byte| is_word(byte) || b"=,.@+-:/".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::{ApiError, Request, ssm};

    fn refused(request: impl Into<Request>) -> String {
        let error: ApiError = request.into().validate().expect_err("refused");
        assert_eq!(error.code, "ValidationException");
        error.message.expect("a text")
    }

    #[test]
    fn fifty_one_ids_are_refused_with_the_service_s_text() {
        let ids: Vec<String> = (0..51).map(|n| format!("i-{n:017}")).collect();
        let shown = ids.join(", ");
        let message = refused(ssm::SendCommandInput {
            instance_ids: ids,
            document_name: "AWS-RunShellScript".into(),
            ..Default::default()
        });
        assert_eq!(
            message,
            format!(
                "1 validation error detected: Value '[{shown}]' at 'instanceIds' failed to satisfy constraint: \
                 Member must have length less than or equal to 50"
            )
        );
    }

    #[test]
    fn every_broken_limit_is_reported_at_once() {
        let message = refused(ssm::SendCommandInput {
            timeout_seconds: Some(5),
            max_errors: Some("101%".into()),
            ..Default::default()
        });
        assert_eq!(
            message,
            "3 validation errors detected: \
             Value null at 'documentName' failed to satisfy constraint: Member must not be null; \
             Value '5' at 'timeoutSeconds' failed to satisfy constraint: \
             Member must have value greater than or equal to 30; \
             Value '101%' at 'maxErrors' failed to satisfy constraint: Member must satisfy regular expression \
             pattern: ^([1-9][0-9]*|[0]|[1-9][0-9]%|[0-9]%|100%)$"
        );
    }

    #[test]
    fn page_sizes_outside_the_range_are_refused() {
        let request =
            |max_results| ssm::DescribeInstanceInformationInput { max_results, ..Default::default() };
        assert!(refused(request(Some(4))).contains("greater than or equal to 5"));
        assert!(refused(request(Some(51))).contains("less than or equal to 50"));
        assert!(Request::from(request(Some(50))).validate().is_ok());
        assert!(Request::from(request(None)).validate().is_ok());
    }

    #[test]
    fn unknown_words_are_answered_with_the_words_there_are() {
        let message = refused(ssm::ListCommandsInput {
            filters: Some(vec![ssm::CommandFilter { key: "Colour".into(), value: "red".into() }]),
            ..Default::default()
        });
        assert_eq!(
            message,
            "1 validation error detected: Value 'Colour' at 'filters.1.member.key' failed to satisfy constraint: \
             Member must satisfy enum value set: [InvokedAfter, InvokedBefore, Status, ExecutionStage, DocumentName]"
        );
    }

    #[test]
    fn instance_ids_have_one_of_three_forms() {
        for good in ["i-0123abcd", "i-0123456789abcdef0", "mi-0123456789abcdef0"] {
            assert!(is_instance_id(good), "{good}");
        }
        for bad in ["", "i-", "i-012345678", "mi-01234567", "x-01234567", "i-0123456789abcdef0 "] {
            assert!(!is_instance_id(bad), "{bad}");
        }
    }

    #[test]
    fn concurrency_and_error_limits_are_counts_or_percentages() {
        assert!(["1", "50", "9999999", "1%", "99%", "100%"].into_iter().all(is_max_concurrency));
        assert!(!["", "0", "0%", "101%", "007", "5.5", "-1"].into_iter().any(is_max_concurrency));
        assert!(["0", "0%", "10", "10%", "100%"].into_iter().all(is_max_errors));
        assert!(!["00", "101%", "%"].into_iter().any(is_max_errors));
    }
}
