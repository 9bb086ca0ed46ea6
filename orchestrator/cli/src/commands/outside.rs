//! The files that a plan file names, and the time zones of the world.

use super::files;
use std::path::{Path, PathBuf};
use wavetrain_model::guardrail::Offset;
use wavetrain_model::limit::PLAN_FILE_BYTES;
use wavetrain_model::time::{Seconds, Timestamp};
use wavetrain_spec::{Outside, Source};

/// How far ahead a time zone is looked up: longer than any rollout waits.
const AHEAD: Seconds = Seconds(3 * 365 * 24 * 3600);

/// What lies beside a plan file and above it.
#[derive(Debug)]
pub struct Beside {
    /// Folders in which paths are looked for, the plan file's own first; none if the plan file is not there.
    bases: Vec<PathBuf>,
    now: Timestamp,
}

impl Beside {
    /// Of a plan file.
    pub fn of(file: &Path, now: Timestamp) -> Self {
        let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty());
        let folder = std::fs::canonicalize(folder.unwrap_or(Path::new("."))).ok();
        let above: Vec<&Path> = folder.as_deref().into_iter().flat_map(Path::ancestors).collect();
        // A project ends at its repository. Without one nobody can tell where it ends, and far above lie folders, such as
        // /tmp, in which others can leave files.
        let root = above.iter().position(|folder| folder.join(".git").exists()).unwrap_or(1);
        let bases = above.into_iter().take(root + 1).map(Path::to_owned).collect();
        Self { bases, now }
    }

    fn find(&self, path: &Path) -> Result<PathBuf, String> {
        if path.is_absolute() {
            return Ok(path.to_owned());
        }
        let base = self.bases.iter().find(|base| base.join(path).symlink_metadata().is_ok());
        let Some(base) = base else {
            let looked: Vec<String> = self.bases.iter().map(|base| base.display().to_string()).collect();
            return Err(format!("there is no such file in {}", looked.join(", ")));
        };
        let found = std::fs::canonicalize(base.join(path)).map_err(|error| error.to_string())?;
        if found.starts_with(base) { Ok(found) } else { Err(format!("it leads out of {}", base.display())) }
    }
}

impl Outside for Beside {
    fn file(&self, path: &str) -> Result<Source, String> {
        let found = self.find(Path::new(path))?;
        let bytes = files::bytes(&found, PLAN_FILE_BYTES).map_err(|stop| stop.message)?;
        Ok(Source { path: shown(&found), bytes })
    }

    fn zone(&self, name: &str) -> Option<Vec<Offset>> {
        let zone = jiff::tz::TimeZone::get(name).ok()?;
        let now = jiff::Timestamp::from_millisecond(self.now.0).ok()?;
        let until = self.now.plus(AHEAD);
        let first = Offset { from: self.now, seconds: zone.to_offset(now).seconds() };
        let later = zone.following(now).map(|change| Offset {
            from: Timestamp(change.timestamp().as_millisecond()),
            seconds: change.offset().seconds(),
        });
        Some(std::iter::once(first).chain(later.take_while(|change| change.from <= until)).collect())
    }
}

/// A path as short as the working directory allows.
fn shown(path: &Path) -> String {
    let here = std::env::current_dir().and_then(std::fs::canonicalize);
    let short = here.ok().and_then(|here| path.strip_prefix(here).ok().map(Path::to_owned));
    short.unwrap_or_else(|| path.to_owned()).display().to_string()
}

/// Files of guardrails that hold for every plan, whatever it says: those of the flag and those of the environment.
pub fn enforced(flags: &[PathBuf]) -> Result<Vec<Source>, crate::exit::Stop> {
    let listed = std::env::var_os("WAVETRAIN_GUARDRAILS").unwrap_or_default();
    let listed = std::env::split_paths(&listed).filter(|path| !path.as_os_str().is_empty());
    let mut sources: Vec<Source> = Vec::new();
    for path in listed.chain(flags.iter().cloned()) {
        let source =
            Source { path: path.display().to_string(), bytes: files::bytes(&path, PLAN_FILE_BYTES)? };
        if !sources.contains(&source) {
            sources.push(source);
        }
    }
    Ok(sources)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn project() -> PathBuf {
        let root = std::env::temp_dir().join(format!("wavetrain-packs-{}", uuid::Uuid::now_v7()));
        fs::create_dir_all(root.join("plans/team")).unwrap();
        fs::create_dir_all(root.join("policies")).unwrap();
        fs::write(root.join("policies/a.yaml"), "a").unwrap();
        root
    }

    fn found(root: &Path, path: &str) -> Result<Vec<u8>, String> {
        let beside = Beside::of(&root.join("plans/team/plan.yaml"), Timestamp(0));
        beside.file(path).map(|source| source.bytes)
    }

    #[test]
    fn a_file_is_found_beside_the_plan_first_then_above_it_up_to_the_repository() {
        let root = project();
        assert!(found(&root, "policies/a.yaml").is_err(), "two folders above, and no repository");
        fs::write(root.join(".git"), "gitdir: elsewhere").unwrap();
        assert_eq!(found(&root, "policies/a.yaml"), Ok(b"a".to_vec()));
        fs::create_dir_all(root.join("plans/team/policies")).unwrap();
        fs::write(root.join("plans/team/policies/a.yaml"), "near").unwrap();
        assert_eq!(found(&root, "policies/a.yaml"), Ok(b"near".to_vec()));
        fs::write(root.join("plans/.git"), "").unwrap();
        fs::remove_dir_all(root.join("plans/team/policies")).unwrap();
        assert!(found(&root, "policies/a.yaml").is_err(), "another repository");
        fs::remove_dir_all(root).unwrap();
    }

    #[cfg(unix)]
    #[test]
    fn a_link_may_not_lead_out_of_the_folder_that_it_is_found_in() {
        let root = project();
        fs::write(root.join("outside.yaml"), "secret").unwrap();
        std::os::unix::fs::symlink("../outside.yaml", root.join("plans/link.yaml")).unwrap();
        std::os::unix::fs::symlink("link.yaml", root.join("plans/circle.yaml")).unwrap();
        std::os::unix::fs::symlink("nowhere", root.join("plans/broken.yaml")).unwrap();
        let reason = found(&root, "link.yaml").unwrap_err();
        assert!(reason.contains("leads out of"), "{reason}");
        assert!(found(&root, "circle.yaml").is_err() && found(&root, "broken.yaml").is_err());
        let absolute = root.join("outside.yaml").display().to_string();
        assert_eq!(found(&root, &absolute), Ok(b"secret".to_vec()), "whoever writes it out means it");
        fs::remove_dir_all(root).unwrap();
    }

    #[test]
    fn a_time_zone_is_known_for_the_years_ahead_with_its_summers() {
        let beside = Beside { bases: Vec::new(), now: Timestamp(1_772_000_000_000) };
        let berlin = beside.zone("Europe/Berlin").unwrap();
        assert_eq!(berlin[0].seconds, 3600);
        assert!(berlin.len() >= 6 && berlin[1].seconds == 7200, "{berlin:?}");
        assert_eq!(beside.zone("Europe/Nowhere"), None);
    }
}
