//! Rollouts and quarantined versions as lists.

use super::table::Columns;
use serde_json::{Value, json};
use wavetrain_model::time::Timestamp;
use wavetrain_store::{QuarantineEntry, Rollout};

/// Characters of an id that a list shows; enough to name one.
const ID_SHOWN: usize = 13;

/// Rollouts for people.
pub fn rollouts(rollouts: &[Rollout]) -> String {
    let mut columns =
        Columns::new(&["id", "name", "package", "version", "phase", "started", "where it stands"]);
    for rollout in rollouts {
        let summary = &rollout.summary;
        columns.row([
            rollout.id.get(..ID_SHOWN).unwrap_or(&rollout.id),
            &summary.name,
            &summary.package,
            &summary.version,
            &summary.phase,
            &Timestamp(rollout.created_at_ms).to_string(),
            &summary.headline,
        ]);
    }
    columns.text(0)
}

/// Rollouts for scripts.
pub fn rollouts_document(rollouts: &[Rollout]) -> Value {
    let rows: Vec<Value> = rollouts
        .iter()
        .map(|rollout| {
            json!({
                "id": rollout.id,
                "name": rollout.summary.name,
                "package": { "name": rollout.summary.package, "version": rollout.summary.version },
                "phase": rollout.summary.phase,
                "headline": rollout.summary.headline,
                "active": rollout.summary.active,
                "plan_digest": rollout.plan_digest,
                "events": rollout.version,
                "started_at": Timestamp(rollout.created_at_ms).to_string(),
                "updated_at": Timestamp(rollout.summary.updated_at_ms).to_string(),
            })
        })
        .collect();
    json!({ "version": super::JSON_VERSION, "rollouts": rows })
}

/// Quarantined versions for people.
pub fn quarantine(entries: &[QuarantineEntry]) -> String {
    let mut columns = Columns::new(&["package", "version", "since", "by", "reason", "cleared"]);
    for QuarantineEntry { entry, cleared } in entries {
        let end = cleared.as_ref().map_or_else(String::new, |cleared| {
            format!("{} by {}: {}", Timestamp(cleared.at_ms), cleared.by, cleared.reason)
        });
        columns.row([
            &entry.package,
            &entry.version,
            &Timestamp(entry.since_ms).to_string(),
            &entry.by,
            &super::event::one_line(&entry.reason),
            &end,
        ]);
    }
    columns.text(0)
}

/// Quarantined versions for scripts.
pub fn quarantine_document(entries: &[QuarantineEntry]) -> Value {
    let rows: Vec<Value> = entries
        .iter()
        .map(|QuarantineEntry { entry, cleared }| {
            json!({
                "package": entry.package,
                "version": entry.version,
                "reason": entry.reason,
                "since": Timestamp(entry.since_ms).to_string(),
                "by": entry.by,
                "cleared": cleared.as_ref().map(|cleared| json!({
                    "reason": cleared.reason,
                    "by": cleared.by,
                    "at": Timestamp(cleared.at_ms).to_string(),
                })),
            })
        })
        .collect();
    json!({ "version": super::JSON_VERSION, "quarantine": rows })
}

#[cfg(test)]
mod tests {
    use super::*;
    use wavetrain_store::{Cleared, NewQuarantine};

    #[test]
    fn a_cleared_quarantine_shows_who_cleared_it_and_why() {
        let entry = NewQuarantine {
            package: "agent".to_owned(),
            version: "2.0-1".to_owned(),
            reason: "broke Windows".to_owned(),
            since_ms: 0,
            by: "wavetrain".to_owned(),
        };
        let cleared = Cleared { reason: "fixed".to_owned(), by: "ann".to_owned(), at_ms: 1000 };
        let entries = [QuarantineEntry { entry, cleared: Some(cleared) }];
        assert!(quarantine(&entries).contains("by ann: fixed"));
        assert_eq!(quarantine_document(&entries)["quarantine"][0]["cleared"]["by"], "ann");
    }
}
