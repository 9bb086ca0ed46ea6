//! State Manager in a plan file.

use super::Selection;
use crate::scalar::{Switch, Text, Vocabulary, Word};
use crate::shape::shape;
use crate::text::{
    AssociationName, Bucket, BucketPrefix, KnownRegion, MaxConcurrency, MaxErrors, ScheduleExpression,
};

/// How installs reach the nodes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dispatching {
    /// Run Command.
    Command,
    /// State Manager.
    Association,
}

impl Vocabulary for Dispatching {
    const WORDS: &'static [(&'static str, Self)] =
        &[("command", Self::Command), ("association", Self::Association)];
}

/// How much a node that does not comply matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Severity(pub &'static str);

impl Vocabulary for Severity {
    const WORDS: &'static [(&'static str, Self)] = &[
        ("critical", Self("CRITICAL")),
        ("high", Self("HIGH")),
        ("medium", Self("MEDIUM")),
        ("low", Self("LOW")),
        ("unspecified", Self("UNSPECIFIED")),
    ];
}

shape! {
    /// What the associations of `dispatch: association` are like.
    Dispatched = "an `association`" {
        /// How much a node matters on which it failed, in the site's compliance.
        optional compliance_severity "compliance_severity": Word<Severity>;
        /// Applied again at these times while the batch runs. Unless given: once.
        optional schedule "schedule": Text<ScheduleExpression>;
        /// Nodes of a batch that change at once, as a number or a percentage; all of them unless given.
        optional max_concurrency "max_concurrency": Text<MaxConcurrency>;
        /// Failed nodes of a batch after which State Manager itself begins no more, as a number or a percentage; what the failure
        /// budget leaves unless given. The budget holds in any case.
        optional max_errors "max_errors": Text<MaxErrors>;
        /// Where the nodes' output is kept.
        optional output "output": Output;
    }
}

shape! {
    /// Where output is kept in S3.
    Output = "an `output`" {
        /// Name of the bucket; the nodes' role must be allowed to write there.
        required bucket "bucket": Text<Bucket>;
        /// Beginning of the objects' keys.
        optional prefix "prefix": Text<BucketPrefix>;
        /// Region of the bucket; the node's own unless given.
        optional region "region": KnownRegion;
    }
}

shape! {
    /// What happens once the last wave has passed.
    Finish = "a `finish`" {
        /// Make the version the package's default, in its owner's account and every Region of the fleet.
        defaulted default_version "default_version": Switch = "no";
        /// Keep nodes, also those that come later, on the version by an association in every site.
        optional association "association": Keeping;
    }
}

shape! {
    /// The association that keeps nodes on the version.
    Keeping = "an `association`" {
        /// Its name, by which it is found again; `wavetrain-` and the package's name unless given.
        optional name "name": Text<AssociationName>;
        /// When it is applied again: `rate(…)` or `cron(…)`.
        defaulted schedule "schedule": Text<ScheduleExpression> = "rate(30 days)";
        /// Nodes it is for; those that the fleet selects unless given.
        optional targets "targets": Selection;
        /// How much a node matters on which it fails, in the site's compliance.
        optional compliance_severity "compliance_severity": Word<Severity>;
        /// Nodes it changes at once, as a number or a percentage.
        defaulted max_concurrency "max_concurrency": Text<MaxConcurrency> = "10%";
        /// Failed nodes after which it is not applied to more, as a number or a percentage.
        defaulted max_errors "max_errors": Text<MaxErrors> = "5%";
        /// Where the nodes' output is kept.
        optional output "output": Output;
    }
}
