//! Exit codes, and how a command ends early.
//!
//! The numbers are a promise to scripts: they never change their meaning.

use wavetrain_model::state::{Ending, Phase};
use wavetrain_ports::failure::{Class, Failure};

/// What the process says about itself when it ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Exit {
    /// Done and verified; or nothing had to be done.
    Done = 0,
    /// A fault of this program or of its surroundings that no other code names.
    Unexpected = 1,
    /// Wrong usage: an unknown flag, a missing argument, a question that nobody can answer.
    Usage = 2,
    /// A plan file, world file or saved plan is invalid.
    InvalidFile = 3,
    /// `plan --detailed-exit`: there is something to do.
    ChangesPending = 4,
    /// The rollout failed and every touched node has its previous version.
    RolledBack = 5,
    /// Held or interrupted: the rollout can go on, but a person must act first.
    Held = 6,
    /// Refused by the current state: another rollout, a quarantine, a plan that may not start.
    Refused = 7,
    /// AWS or a policy denies access, or credentials have run out.
    Denied = 8,
    /// Lost contact with AWS or with the store.
    LostContact = 9,
    /// Rolled back, but some nodes could not be restored.
    RolledBackWithExceptions = 10,
    /// Aborted, nodes left as they are.
    Aborted = 11,
}

impl Exit {
    /// All codes, in order.
    #[cfg(test)]
    pub const ALL: [Self; 12] = [
        Self::Done,
        Self::Unexpected,
        Self::Usage,
        Self::InvalidFile,
        Self::ChangesPending,
        Self::RolledBack,
        Self::Held,
        Self::Refused,
        Self::Denied,
        Self::LostContact,
        Self::RolledBackWithExceptions,
        Self::Aborted,
    ];

    /// The number.
    pub fn code(self) -> u8 {
        self as u8
    }

    /// What `apply` and `watch` end with for a rollout in this phase. A rollout that is not over ends them only
    /// when it waits for a person.
    pub fn of_phase(phase: &Phase) -> Self {
        match phase {
            Phase::Running | Phase::RollingBack | Phase::Aborting => Self::Held,
            Phase::Ended(Ending::Completed) => Self::Done,
            Phase::Ended(Ending::RolledBack) => Self::RolledBack,
            Phase::Ended(Ending::RolledBackWithExceptions) => Self::RolledBackWithExceptions,
            Phase::Ended(Ending::Aborted) => Self::Aborted,
        }
    }

    /// What a failed call to AWS ends the process with, when nothing can go on without it.
    pub fn of_class(class: Class) -> Self {
        match class {
            Class::Denied | Class::Expired => Self::Denied,
            Class::NotFound | Class::Invalid => Self::Refused,
            Class::Throttled | Class::Unavailable | Class::UnknownOutcome => Self::LostContact,
        }
    }
}

/// Why a command ends before its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stop {
    /// How the process ends.
    pub exit: Exit,
    /// What happened; empty when everything was said already.
    pub message: String,
    /// What to do about it; may be empty.
    pub help: String,
}

impl Stop {
    /// With a message for a person.
    pub fn new(exit: Exit, message: impl Into<String>) -> Self {
        Self { exit, message: message.into(), help: String::new() }
    }

    /// Everything was said already.
    pub fn silent(exit: Exit) -> Self {
        Self::new(exit, "")
    }

    /// With what to do about it.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = help.into();
        self
    }

    /// A fault without a code of its own.
    pub fn unexpected(error: &dyn std::error::Error) -> Self {
        Self::new(Exit::Unexpected, chain(error))
    }
}

/// An error with its causes, outermost first.
pub fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        let inner_text = inner.to_string();
        // Wrappers often repeat what they wrap.
        if !text.contains(&inner_text) {
            text.push_str(": ");
            text.push_str(&inner_text);
        }
        cause = inner.source();
    }
    text
}

impl From<wavetrain_store::Error> for Stop {
    fn from(error: wavetrain_store::Error) -> Self {
        use wavetrain_store::Error;
        let exit = match &error {
            Error::Unavailable { .. }
            | Error::Full { .. }
            | Error::ReadOnly { .. }
            | Error::Missing { .. }
            | Error::Corrupt { .. }
            | Error::Newer { .. }
            | Error::Older { .. } => Exit::LostContact,
            Error::NotFound { .. }
            | Error::VersionConflict { .. }
            | Error::LeaseLost { .. }
            | Error::AlreadyActive { .. } => Exit::Refused,
            _ => Exit::Unexpected,
        };
        Self::new(exit, error.to_string())
    }
}

impl From<Failure> for Stop {
    fn from(failure: Failure) -> Self {
        Self::new(Exit::of_class(failure.class), failure.to_string()).help(next_step(failure.class))
    }
}

/// What a person can do about a failed call.
pub fn next_step(class: Class) -> &'static str {
    match class {
        Class::Throttled => "wait a little; lower `api.requests_per_second` in the plan file if it persists",
        Class::Denied => {
            "check that the role exists there, trusts this account, and allows the named operation"
        }
        Class::Expired => {
            "renew the credentials (for example `aws sso login`), then run the same command again"
        }
        Class::NotFound => "check the name, and that it is shared with that account in that Region",
        Class::Invalid => "check the plan file against the message",
        Class::Unavailable => "check the network and the Region's name, then run the same command again",
        Class::UnknownOutcome => "run the same command again; nothing is sent twice",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_numbered_from_zero_without_gaps() {
        for (at, exit) in Exit::ALL.iter().enumerate() {
            assert_eq!(usize::from(exit.code()), at, "{exit:?}");
        }
    }

    #[test]
    fn every_ending_has_its_own_code() {
        let endings =
            [Ending::Completed, Ending::RolledBack, Ending::RolledBackWithExceptions, Ending::Aborted];
        let codes: Vec<u8> =
            endings.iter().map(|ending| Exit::of_phase(&Phase::Ended(*ending)).code()).collect();
        assert_eq!(codes, [0, 5, 10, 11]);
        assert_eq!(Exit::of_phase(&Phase::Running).code(), 6);
    }

    #[test]
    fn denied_and_expired_are_told_apart_from_lost_contact() {
        assert_eq!(Exit::of_class(Class::Denied), Exit::Denied);
        assert_eq!(Exit::of_class(Class::Expired), Exit::Denied);
        assert_eq!(Exit::of_class(Class::Unavailable), Exit::LostContact);
    }

    #[test]
    fn a_newer_or_a_damaged_store_is_lost_contact_and_says_what_helps() {
        let store = || "/x/y.db".to_owned();
        let newer = Stop::from(wavetrain_store::Error::Newer { store: store(), found: 9, supported: 1 });
        assert!(newer.exit == Exit::LostContact && newer.message.contains("use that version"), "{newer:?}");
        let corrupt = Stop::from(wavetrain_store::Error::Corrupt { store: store(), detail: "x".to_owned() });
        assert!(
            corrupt.exit == Exit::LostContact && corrupt.message.contains("left untouched"),
            "{corrupt:?}"
        );
    }

    #[test]
    fn a_store_that_cannot_be_written_is_lost_contact_and_names_the_place() {
        let error =
            wavetrain_store::Error::ReadOnly { store: "/x/y.db".to_owned(), detail: "denied".to_owned() };
        let stop = Stop::from(error);
        assert_eq!(stop.exit, Exit::LostContact);
        assert!(stop.message.contains("/x/y.db"), "{}", stop.message);
    }
}
