//! Which rollout is meant.

use super::context::is_gone;
use crate::exit::{Exit, Stop};
use wavetrain_model::id::RolloutId;
use wavetrain_model::time::Timestamp;
use wavetrain_store::{Rollout, Store};

/// What may be meant when nothing is said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unsaid {
    /// The one that is active.
    Active,
    /// The one that is active, else the newest.
    ActiveOrNewest,
}

/// The rollout that `said` names, or that is meant when nothing is said. None: there is none.
pub async fn rollout(store: &dyn Store, said: Option<&str>, unsaid: Unsaid) -> Result<Option<Rollout>, Stop> {
    let all = store.list().await?;
    match said {
        Some(said) => named(&all, said).map(Some),
        None => meant(&all, unsaid),
    }
}

fn named(all: &[Rollout], said: &str) -> Result<Rollout, Stop> {
    // The list is newest first; of one name the active one counts, else the newest.
    let by_name = all.iter().filter(|rollout| rollout.summary.name == said);
    if let Some(rollout) =
        by_name.clone().find(|rollout| rollout.summary.active).or_else(|| by_name.clone().next())
    {
        return Ok(rollout.clone());
    }
    let by_id: Vec<&Rollout> =
        all.iter().filter(|rollout| !said.is_empty() && rollout.id.starts_with(said)).collect();
    match by_id.as_slice() {
        [one] => Ok((*one).clone()),
        [] => Err(Stop::new(Exit::Refused, format!("there is no rollout called `{said}`"))
            .help("`wavetrain list` shows all of them")),
        several => Err(Stop::new(Exit::Usage, format!("`{said}` is the beginning of {} ids", several.len()))
            .help("write more of the id; `wavetrain list --output json` shows them in full")),
    }
}

fn meant(all: &[Rollout], unsaid: Unsaid) -> Result<Option<Rollout>, Stop> {
    let active: Vec<&Rollout> = all.iter().filter(|rollout| rollout.summary.active).collect();
    match active.as_slice() {
        [one] => Ok(Some((*one).clone())),
        [] if unsaid == Unsaid::ActiveOrNewest => Ok(all.first().cloned()),
        [] => Ok(None),
        several => {
            let names: Vec<&str> = several.iter().map(|rollout| rollout.summary.name.as_str()).collect();
            Err(Stop::new(
                Exit::Usage,
                format!("{} rollouts are active: {}", several.len(), names.join(", ")),
            )
            .help("name the one you mean"))
        }
    }
}

/// Who runs a rollout at this moment, if anyone does. A process that was killed holds its lease a little longer; it runs
/// nothing.
pub async fn runner(store: &dyn Store, rollout: &Rollout, now: Timestamp) -> Result<Option<String>, Stop> {
    let lease = store.lease(&rollout.resource).await?;
    Ok(lease.filter(|lease| lease.expires_at_ms > now.0 && !is_gone(&lease.holder)).map(|lease| lease.holder))
}

/// The typed id of a stored rollout.
pub fn id_of(rollout: &Rollout) -> RolloutId {
    RolloutId::new(rollout.id.clone())
}

#[cfg(test)]
mod tests {
    use super::*;
    use wavetrain_store::Summary;

    fn rollout(id: &str, name: &str, active: bool) -> Rollout {
        Rollout {
            id: id.to_owned(),
            version: 1,
            resource: format!("rollout/{name}"),
            plan_digest: String::new(),
            created_at_ms: 0,
            summary: Summary {
                name: name.to_owned(),
                package: String::new(),
                version: String::new(),
                phase: String::new(),
                headline: String::new(),
                active,
                updated_at_ms: 0,
            },
        }
    }

    #[test]
    fn a_name_means_its_active_rollout_else_its_newest() {
        let all = [rollout("03", "a", false), rollout("02", "a", true), rollout("01", "a", false)];
        assert_eq!(named(&all, "a").unwrap().id, "02");
        assert_eq!(named(&all[..1], "a").unwrap().id, "03");
    }

    #[test]
    fn a_beginning_of_an_id_must_be_unique() {
        let all = [rollout("0190a", "a", false), rollout("0190b", "b", true)];
        assert_eq!(named(&all, "0190a").unwrap().summary.name, "a");
        assert_eq!(named(&all, "0190").unwrap_err().exit, Exit::Usage);
        assert_eq!(named(&all, "x").unwrap_err().exit, Exit::Refused);
    }

    #[test]
    fn nothing_said_means_the_only_active_one() {
        let all = [rollout("2", "b", false), rollout("1", "a", true)];
        assert_eq!(meant(&all, Unsaid::Active).unwrap().unwrap().id, "1");
        assert!(meant(&all[..1], Unsaid::Active).unwrap().is_none());
        assert_eq!(meant(&all[..1], Unsaid::ActiveOrNewest).unwrap().unwrap().id, "2");
        let two = [rollout("2", "b", true), rollout("1", "a", true)];
        assert_eq!(meant(&two, Unsaid::Active).unwrap_err().exit, Exit::Usage);
    }
}
