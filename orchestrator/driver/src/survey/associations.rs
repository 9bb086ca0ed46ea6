//! Associations of the package that lie in a site already, and which nodes they are for.

use wavetrain_model::association::{Found, Target};
use wavetrain_model::fleet::{Node, Site, TagAnswers, TagMatch};
use wavetrain_model::id::{NodeId, TagMatchIndex};
use wavetrain_model::limit::TAG_QUESTIONS;
use wavetrain_model::spec::Package;
use wavetrain_ports::Cloud;
use wavetrain_ports::failure::{Class, Failure};

/// The associations of a package; None: the site does not let us look.
pub(super) async fn of_package(
    cloud: &dyn Cloud,
    site: &Site,
    package: &Package,
) -> Result<Option<Vec<Found>>, Failure> {
    let mut found = Vec::new();
    let listed = match cloud.associations(site).await {
        Err(failure) if failure.class == Class::Denied => return Ok(None),
        listed => listed?,
    };
    for row in listed {
        // The listing shows no parameters: each must be asked about.
        let definition = match cloud.association(site, &row.id).await {
            Err(failure) if failure.class == Class::Denied => return Ok(None),
            // Deleted in between.
            Err(failure) if failure.class == Class::NotFound => continue,
            described => described?,
        };
        if definition.package() == package.name {
            found.push(Found { id: row.id, definition, nodes: None });
        }
    }
    found.sort_by(|a, b| a.id.cmp(&b.id));
    Ok(Some(found))
}

/// The plan file's questions, and behind them one for each tag that an association targets, as far as there is room.
pub(super) fn questions(questions: &[TagMatch], found: &[Found]) -> Vec<TagMatch> {
    let mut all = questions.to_vec();
    for target in found.iter().flat_map(|association| &association.definition.targets) {
        if let Some(question) = question(target)
            && !all[questions.len()..].contains(&question)
            && all.len() < TAG_QUESTIONS
        {
            all.push(question);
        }
    }
    all
}

fn question(target: &Target) -> Option<TagMatch> {
    let key = target.key.strip_prefix("tag:")?;
    Some(TagMatch { key: key.to_owned(), values: target.values.clone() })
}

/// Fills in which nodes each association targets, and forgets the answers that only told so.
pub(super) fn resolve(found: &mut [Found], all: &[TagMatch], own: usize, nodes: &mut [Node]) {
    for association in found {
        let targets = &association.definition.targets;
        let tests: Option<Vec<Test<'_>>> = targets.iter().map(|target| test(target, all, own)).collect();
        let Some(tests) = tests.filter(|tests| !tests.iter().all(|test| matches!(test, Test::Everyone)))
        else {
            continue;
        };
        let meant = nodes.iter().filter(|node| tests.iter().all(|test| test.holds(node)));
        let mut meant: Vec<NodeId> = meant.map(|node| node.id.clone()).collect();
        meant.sort();
        association.nodes = Some(meant);
    }
    let kept = if own >= 64 { u64::MAX } else { (1 << own) - 1 };
    for node in nodes {
        node.tags = TagAnswers(node.tags.0 & kept);
    }
}

enum Test<'a> {
    Everyone,
    Ids(&'a [String]),
    Tag(TagMatchIndex),
}

impl Test<'_> {
    fn holds(&self, node: &Node) -> bool {
        match self {
            Self::Everyone => true,
            Self::Ids(ids) => ids.iter().any(|id| id == node.id.as_str()),
            Self::Tag(question) => node.tags.has(*question),
        }
    }
}

/// How to see whether a node is meant; None for targets that nothing here can resolve, such as resource groups.
fn test<'a>(target: &'a Target, all: &[TagMatch], own: usize) -> Option<Test<'a>> {
    if target.is_everyone() {
        return Some(Test::Everyone);
    }
    if target.key == "InstanceIds" {
        return Some(Test::Ids(&target.values));
    }
    let question = question(target)?;
    let at = all[own..].iter().position(|asked| *asked == question)? + own;
    u8::try_from(at).ok().map(|at| Test::Tag(TagMatchIndex(at)))
}
