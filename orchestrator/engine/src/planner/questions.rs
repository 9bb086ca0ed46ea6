//! Which bit of a node's tag answers says what.

use wavetrain_model::fleet::{TagAnswers, TagMatch};
use wavetrain_model::id::TagMatchIndex;
use wavetrain_model::spec::{Rollout, Take};

/// The plan file's tag questions, found among those that the fleet was asked.
#[derive(Debug)]
pub(super) struct Questions {
    /// Per wave: its tag.
    canary: Vec<Option<TagMatchIndex>>,
    select: Vec<TagMatchIndex>,
    exclude: Vec<(TagMatchIndex, String)>,
    /// Flattened `max_unavailable`.
    domains: Vec<TagMatchIndex>,
}

impl Questions {
    /// Looks each question up; the error is one that the fleet was not asked.
    pub(super) fn find(spec: &Rollout, asked: &[TagMatch]) -> Result<Self, TagMatch> {
        let find = |key: &str, values: &[String]| {
            let same = |question: &TagMatch| question.key == key && question.values == values;
            let at = asked.iter().position(same).and_then(|at| u8::try_from(at).ok()).filter(|at| *at < 64);
            at.map(TagMatchIndex).ok_or_else(|| TagMatch { key: key.to_owned(), values: values.to_vec() })
        };
        let canary = |take: &Take| match take {
            Take::Tag { key, value } => find(key, std::slice::from_ref(value)).map(Some),
            Take::Percent(_) => Ok(None),
        };
        let domains = spec.limits.max_unavailable.iter();
        Ok(Self {
            canary: spec.waves.iter().map(|wave| canary(&wave.take)).collect::<Result<_, _>>()?,
            select: spec
                .fleet
                .select
                .iter()
                .map(|(key, values)| find(key, values))
                .collect::<Result<_, _>>()?,
            exclude: spec
                .fleet
                .exclude
                .iter()
                .map(|(key, values)| Ok((find(key, values)?, format!("tag {key}={}", values.join("|")))))
                .collect::<Result<_, _>>()?,
            domains: domains
                .flat_map(|domain| {
                    domain.values.iter().map(|value| find(&domain.key, std::slice::from_ref(value)))
                })
                .collect::<Result<_, _>>()?,
        })
    }

    /// Whether the plan file selects the node.
    pub(super) fn selects(&self, tags: TagAnswers) -> bool {
        self.select.iter().all(|question| tags.has(*question))
    }

    /// The tag that excludes the node.
    pub(super) fn excludes(&self, tags: TagAnswers) -> Option<&str> {
        self.exclude.iter().find(|(question, _)| tags.has(*question)).map(|(_, by)| by.as_str())
    }

    /// Whether the node carries that wave's tag.
    pub(super) fn is_canary_of(&self, wave: usize, tags: TagAnswers) -> bool {
        self.canary[wave].is_some_and(|question| tags.has(question))
    }

    /// The first wave in the plan file whose tag the node carries.
    pub(super) fn first_canary(&self, tags: TagAnswers) -> Option<usize> {
        (0..self.canary.len()).find(|wave| self.is_canary_of(*wave, tags))
    }

    /// The node's failure domains.
    pub(super) fn domains(&self, tags: TagAnswers) -> Vec<u16> {
        let carried = self.domains.iter().enumerate().filter(|(_, question)| tags.has(**question));
        carried.map(|(at, _)| at as u16).collect()
    }
}
