//! Bucket policies, as far as letting other accounts read goes: `Allow` statements without conditions. What else a policy
//! says is kept and shown, but grants nothing.

use serde_json::Value;

/// A bucket's policy.
#[derive(Debug, Clone)]
pub(super) struct Policy {
    pub(super) text: String,
    statements: Vec<Value>,
}

impl Policy {
    /// Reads a policy. `None` when it is not JSON with statements.
    pub(super) fn read(text: &str) -> Option<Self> {
        let policy: Value = serde_json::from_str(text).ok()?;
        Some(Self { text: text.to_owned(), statements: list(policy.get("Statement")?) })
    }

    /// Whether it lets an account do something with a key of the bucket, or with the bucket itself.
    pub(super) fn allows(&self, account: &str, action: &str, bucket: &str, key: Option<&str>) -> bool {
        let resource = match key {
            Some(key) => format!("arn:aws:s3:::{bucket}/{key}"),
            None => format!("arn:aws:s3:::{bucket}"),
        };
        self.statements.iter().any(|statement| {
            statement["Effect"] == "Allow"
                && statement.get("Condition").is_none()
                && names(&statement["Principal"], account)
                && texts(&statement["Action"]).any(|pattern| covers(&pattern, action))
                && texts(&statement["Resource"]).any(|pattern| covers(&pattern, &resource))
        })
    }
}

/// Whether a principal is everyone, the account, or anything in it.
fn names(principal: &Value, account: &str) -> bool {
    let named = if principal.is_object() { &principal["AWS"] } else { principal };
    texts(named)
        .any(|name| name == "*" || name == account || name.split(':').nth(4).is_some_and(|id| id == account))
}

fn list(value: &Value) -> Vec<Value> {
    value.as_array().cloned().unwrap_or_else(|| vec![value.clone()])
}

fn texts(value: &Value) -> impl Iterator<Item = String> {
    list(value).into_iter().filter_map(|item| item.as_str().map(str::to_owned))
}

/// Whether a pattern with `*` covers a text. The pieces between the stars are looked for one after the other, each as
/// early as possible: trying every place would take for ever on a pattern made for that.
fn covers(pattern: &str, text: &str) -> bool {
    let Some((start, rest)) = pattern.split_once('*') else { return pattern == text };
    let Some(mut text) = text.strip_prefix(start) else { return false };
    let (middle, end) = rest.rsplit_once('*').unwrap_or(("", rest));
    for piece in middle.split('*').filter(|piece| !piece.is_empty()) {
        match text.find(piece) {
            Some(at) => text = &text[at + piece.len()..],
            None => return false,
        }
    }
    text.ends_with(end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_policy_lets_the_accounts_it_names_read_what_it_names() {
        let policy = Policy::read(
            r#"{"Statement": {"Effect": "Allow", "Principal": {"AWS": ["arn:aws:iam::444455556666:root"]},
                "Action": "s3:Get*", "Resource": "arn:aws:s3:::tools/packages/*"}}"#,
        )
        .expect("a policy");
        let may = |account, action, key| policy.allows(account, action, "tools", Some(key));
        assert!(may("444455556666", "s3:GetObject", "packages/a.zip"));
        assert!(!may("777788889999", "s3:GetObject", "packages/a.zip"));
        assert!(!may("444455556666", "s3:PutObject", "packages/a.zip"));
        assert!(!may("444455556666", "s3:GetObject", "secrets"));
        assert!(Policy::read("{").is_none());
        for (pattern, yes, no) in
            [("*", "", "\u{0}"), ("a*b*c", "aXbbc", "acb"), ("a*", "a", "b"), ("*b*", "abc", "ac")]
        {
            assert!(covers(pattern, yes), "{pattern}");
            assert!(pattern == "*" || !covers(pattern, no), "{pattern}");
        }
    }
}
