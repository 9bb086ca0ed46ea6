//! Publishing, killed at every step and done again.

#![allow(clippy::unwrap_used)]

mod shelf;

use shelf::{Death, HOMES, Shelf, home};
use std::path::Path;
use wavetrain_model::fleet::Site;
use wavetrain_model::id::AccountId;
use wavetrain_package::build::{Build, build};
use wavetrain_package::folder;
use wavetrain_package::publish::verify::Finding;
use wavetrain_package::publish::{Done, Error, Publisher, Release};

const PART: u64 = 4_096;

const RECIPE: &str = "apiVersion: wavetrain/v1
package:
  name: agent
  version: VERSION
  zips:
    linux.zip: { from: linux, serves: [{ platform: amazon }] }
";

/// A package with a payload that deflate cannot shrink, of three parts.
fn built(folder: &Path, version: &str, payload: u64) -> Build {
    std::fs::create_dir_all(folder.join("linux")).unwrap();
    std::fs::write(folder.join("package.yaml"), RECIPE.replace("VERSION", version)).unwrap();
    for script in ["install.sh", "uninstall.sh"] {
        std::fs::write(folder.join("linux").join(script), "exit 0\n").unwrap();
    }
    let mut state = 7_u64;
    let noise = (0..payload).map(|_| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (state >> 56) as u8
    });
    std::fs::write(folder.join("linux/payload.bin"), noise.collect::<Vec<u8>>()).unwrap();
    let package = folder::open(folder).unwrap();
    build(&package, &folder.join("dist").join(version)).unwrap()
}

fn made(folder: &Path, version: &str, payload: u64) -> Release {
    Release::in_parts("agent", &built(folder, version, payload), PART).unwrap()
}

async fn publish(shelf: &Shelf, release: &Release, is_default: bool) -> Result<Vec<Done>, Error> {
    let publisher = Publisher::new(shelf, shelf, shelf, &|_, _| ());
    let mut all = Vec::new();
    for at in 0..HOMES {
        all.push(publisher.publish(&home(at), release).await?);
    }
    if is_default {
        let homes: Vec<_> = (0..HOMES).map(home).collect();
        let sites: Vec<&Site> = homes.iter().map(|home| &home.site).collect();
        for moved in publisher.set_default(&sites, "agent", release.version()).await {
            moved?;
        }
    }
    Ok(all)
}

#[tokio::test]
async fn a_version_is_made_shared_and_only_on_request_the_default() {
    let folder = tempfile::tempdir().unwrap();
    let shelf = Shelf::default();
    let first = made(folder.path(), "1.0-1", 2 * PART);
    let done = publish(&shelf, &first, false).await.unwrap();
    assert!(done.iter().all(|done| done.is_new && done.uploaded > 2 * PART && done.shared == 45));
    let second = made(folder.path(), "1.1-1", 10);
    let done = publish(&shelf, &second, false).await.unwrap();
    assert!(done.iter().all(|done| done.is_new && done.shared == 0));
    assert_eq!(shelf.default_of(0), "1.0-1", "the first version is it by itself");
    let done = publish(&shelf, &second, true).await.unwrap();
    assert!(done.iter().all(|done| !done.is_new && done.uploaded == 0));
    assert_eq!(shelf.default_of(0), "1.1-1");
    let publisher = Publisher::new(&shelf, &shelf, &shelf, &|_, _| ());
    let homes: Vec<_> = (0..HOMES).map(home).collect();
    let seen = publisher.verify(&homes, "agent", "1.1-1").await;
    assert!(seen.iter().all(|there| there.findings.is_empty() && there.digest == seen[0].digest));
}

#[tokio::test]
async fn killed_at_any_step_it_ends_the_same_and_nothing_is_made_twice() {
    let folder = tempfile::tempdir().unwrap();
    let release = made(folder.path(), "1.0-1", 2 * PART);
    let reference = Shelf::default();
    publish(&reference, &release, true).await.unwrap();
    for death in [Death::Before, Death::After] {
        for step in 0..reference.calls() {
            let shelf = Shelf::dying(step, death);
            publish(&shelf, &release, true).await.unwrap_err();
            shelf.revive();
            publish(&shelf, &release, true).await.unwrap();
            assert_eq!(shelf.truth(), reference.truth(), "killed {death:?} call {step}");
            assert_eq!(shelf.made(), HOMES, "killed {death:?} call {step}");
            assert!(shelf.parts_sent() <= reference.parts_sent() + 4, "parts are not sent anew");
        }
    }
}

#[tokio::test]
async fn a_lost_answer_is_looked_into_and_throttling_is_waited_out() {
    let folder = tempfile::tempdir().unwrap();
    let release = made(folder.path(), "1.0-1", 10);
    let reference = Shelf::default();
    publish(&reference, &release, true).await.unwrap();
    for death in [Death::Lost, Death::Throttled] {
        for step in 0..reference.calls() {
            let shelf = Shelf::dying(step, death);
            publish(&shelf, &release, true).await.unwrap();
            assert_eq!(shelf.truth(), reference.truth(), "{death:?} at call {step}");
            assert_eq!(shelf.made(), HOMES, "{death:?} at call {step}");
        }
    }
}

#[tokio::test]
async fn a_version_that_failed_is_made_again_and_one_with_other_content_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let release = made(folder.path(), "1.0-1", 10);
    let shelf = Shelf::default();
    shelf.fail_next("access to the source was denied");
    let error = publish(&shelf, &release, false).await.unwrap_err();
    assert!(matches!(&error, Error::Failed { information, .. } if information.contains("denied")), "{error}");
    let done = publish(&shelf, &release, false).await.unwrap();
    assert!(done.iter().all(|done| done.is_new));
    let other = tempfile::tempdir().unwrap();
    let other = made(other.path(), "1.0-1", 11);
    let error = publish(&shelf, &other, false).await.unwrap_err();
    assert!(matches!(error, Error::Taken { .. }), "{error}");
}

#[tokio::test]
async fn what_is_missing_or_different_somewhere_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let release = made(folder.path(), "1.0-1", 10);
    let other = tempfile::tempdir().unwrap();
    let other = made(other.path(), "1.0-1", 11);
    let shelf = Shelf::default();
    let publisher = Publisher::new(&shelf, &shelf, &shelf, &|_, _| ());
    let mut homes: Vec<_> = (0..HOMES).map(home).collect();
    for (at, release) in [(0, &release), (1, &other), (2, &release)] {
        publisher.publish(&homes[at], release).await.unwrap();
    }
    homes[2].share_with.push(AccountId::from("999999999999"));
    let found: Vec<_> =
        publisher.verify(&homes, "agent", "1.0-1").await.into_iter().map(|seen| seen.findings).collect();
    assert_eq!(
        found,
        [
            vec![],
            vec![Finding::Different],
            vec![Finding::NotShared(vec![AccountId::from("999999999999")])],
            vec![Finding::Missing],
        ]
    );
}

#[test]
fn a_file_that_changed_after_the_build_is_not_published() {
    let folder = tempfile::tempdir().unwrap();
    let build = built(folder.path(), "1.0-1", 10);
    std::fs::write(&build.attachments[0].path, "something else").unwrap();
    assert!(matches!(Release::new("agent", &build).unwrap_err(), Error::Changed { .. }));
}
