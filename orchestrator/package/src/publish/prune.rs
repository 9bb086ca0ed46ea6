//! Which versions nobody needs any more.

use std::collections::BTreeSet;
use wavetrain_model::limit::VERSIONS_PER_PACKAGE;
use wavetrain_ports::registry::Listed;

/// From so many versions on there is a warning: the next rollouts need room.
pub const CROWDED: usize = VERSIONS_PER_PACKAGE - 5;

/// Why a version stays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kept {
    /// It is the default version.
    Default,
    /// Nodes have it, or would get it back.
    InUse,
    /// It is one of the newest.
    Newest,
    /// It has no VersionName: nobody can say what it is for.
    Nameless,
    /// It is not active: something is being done with it, or it failed and publishing it again removes it.
    Unfinished,
}

/// Every version, oldest first, with why it stays; None: it can be deleted.
pub fn judged<'l>(
    listed: &'l [Listed],
    in_use: &BTreeSet<String>,
    newest: usize,
) -> Vec<(&'l Listed, Option<Kept>)> {
    let mut ordered: Vec<&Listed> = listed.iter().collect();
    ordered.sort_by_key(|line| line.number.parse::<u64>().unwrap_or(u64::MAX));
    let first_kept = ordered.len().saturating_sub(newest);
    let why = |at: usize, line: &Listed| {
        if line.is_default {
            Some(Kept::Default)
        } else if in_use.contains(&line.name) {
            Some(Kept::InUse)
        } else if line.name.is_empty() {
            Some(Kept::Nameless)
        } else if line.status != "Active" {
            Some(Kept::Unfinished)
        } else if at >= first_kept {
            Some(Kept::Newest)
        } else {
            None
        }
    };
    ordered.into_iter().enumerate().map(|(at, line)| (line, why(at, line))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_old_active_versions_that_nobody_needs_go() {
        let line = |number: u32, name: &str, status: &str, is_default: bool| Listed {
            number: number.to_string(),
            name: name.to_owned(),
            status: status.to_owned(),
            information: String::new(),
            is_default,
        };
        let listed = [
            line(10, "newest", "Active", false),
            line(9, "older", "Active", false),
            line(2, "default", "Active", true),
            line(1, "oldest", "Active", false),
            line(3, "on-nodes", "Active", false),
            line(4, "", "Active", false),
            line(5, "broken", "Failed", false),
        ];
        let judged = judged(&listed, &BTreeSet::from(["on-nodes".to_owned()]), 1);
        let judged: Vec<(&str, Option<Kept>)> =
            judged.into_iter().map(|(line, kept)| (line.name.as_str(), kept)).collect();
        assert_eq!(
            judged,
            [
                ("oldest", None),
                ("default", Some(Kept::Default)),
                ("on-nodes", Some(Kept::InUse)),
                ("", Some(Kept::Nameless)),
                ("broken", Some(Kept::Unfinished)),
                ("older", None),
                ("newest", Some(Kept::Newest)),
            ]
        );
    }
}
