//! Approvals: of a wave before it begins, and of gates.

use super::distinct_people;
use crate::code;
use crate::file;
use crate::problem::Problems;
use crate::shape::Placed;
use wavetrain_model::spec::Approval;

/// An approval; None when it is unusable, which was reported.
pub fn check(
    Placed { value: written, span }: &Placed<file::Approval>,
    problems: &mut Problems,
) -> Option<Approval> {
    let from = distinct_people(written.from.clone()?.value.0, problems);
    let need = written.need.value.0;
    if need as usize > from.len() && !from.is_empty() {
        problems.error(
            code::APPROVAL,
            *span,
            format!("{need} people must agree, but only {} may", from.len()),
            "lower `need`, or add names to `from`",
        );
    }
    Some(Approval {
        from,
        need,
        within: written.within.value.0,
        valid_for: written.valid_for.as_ref().map(|life| life.value.0),
        author_may_approve: written.author_may_approve.value.0,
    })
}
