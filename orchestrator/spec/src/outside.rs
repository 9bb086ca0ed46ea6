//! What a plan file refers to beyond itself. Whoever calls this crate has a file system; this crate has not.

use wavetrain_model::guardrail::Offset;

/// The way to other files, and to the time zones of the world.
pub trait Outside {
    /// The file that a path of the plan file means; Err: why there is none, as the end of a sentence.
    fn file(&self, path: &str) -> Result<Source, String>;

    /// How a time zone differs from UTC, as far ahead as a rollout can last; None: there is no such zone.
    fn zone(&self, name: &str) -> Option<Vec<Offset>>;
}

/// A file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// Its path, as people should see it.
    pub path: String,
    /// What is in it, at most one byte more than [`wavetrain_model::limit::PLAN_FILE_BYTES`].
    pub bytes: Vec<u8>,
}

/// Nothing but the plan file, and UTC.
pub struct Alone;

impl Outside for Alone {
    fn file(&self, _: &str) -> Result<Source, String> {
        Err("the plan file is read without others here".to_owned())
    }

    fn zone(&self, _: &str) -> Option<Vec<Offset>> {
        None
    }
}
