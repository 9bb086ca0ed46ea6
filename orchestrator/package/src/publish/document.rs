//! The document's version: made once, waited for, and held against what was built.

use super::upload::folder;
use super::{Done, Error, Home, Publisher, Release, Step, is_passing};
use crate::manifest::Manifest;
use futures_util::future::join_all;
use wavetrain_model::fleet::Site;
use wavetrain_model::limit::VERSIONS_PER_PACKAGE;
use wavetrain_model::time::Seconds;
use wavetrain_ports::failure::{Class, Failure};
use wavetrain_ports::registry::{Draft, Listed, Published};

/// How long Systems Manager may copy files. It has no limit of its own that is known.
const PATIENCE: Seconds = Seconds(30 * 60);
/// Between two looks at a version that is being made.
const LOOK: Seconds = Seconds(3);
/// After which a version shows in listings that was made by a call whose answer was lost.
const SETTLE: Seconds = Seconds(10);
/// How often the document is sent.
const SENDS: u32 = 3;

impl Publisher<'_> {
    /// The version is there and active, whoever made it.
    pub(super) async fn make(&self, home: &Home, release: &Release) -> Result<Done, Error> {
        let mut done = Done::default();
        let mut own = self.own(home, release).await?;
        if own.as_ref().is_some_and(|own| own.status == "Failed") {
            self.remove(home, release).await?;
            own = self.own(home, release).await?;
        }
        if own.is_some() {
            self.tell(home, Step::Found);
        } else {
            done.uploaded = self.upload(home, release).await?;
            self.send(home, release).await?;
            self.tell(home, Step::Sent);
            done.is_new = true;
        }
        self.wait(home, release).await?;
        self.tell(home, Step::Active);
        Ok(done)
    }

    /// The version of this name, if it is ours.
    async fn own(&self, home: &Home, release: &Release) -> Result<Option<Published>, Error> {
        let (package, version) = (&release.package, release.version());
        let found = self.patiently(|| self.registry.version(&home.site, package, version)).await?;
        match found {
            // What failed makes room, whatever it was to be.
            Some(found) if found.status == "Failed" || is_same(&found.content, release) => Ok(Some(found)),
            Some(_) => Err(Error::Taken { version: version.to_owned() }),
            None => Ok(None),
        }
    }

    /// A version that Systems Manager could not make keeps its name taken. The only version of a document cannot be deleted alone.
    async fn remove(&self, home: &Home, release: &Release) -> Result<(), Error> {
        let listed = self.patiently(|| self.registry.versions(&home.site, &release.package)).await?;
        let listed = listed.unwrap_or_default();
        // Only where the list shows this very version and nothing else: it may lag behind, and a document that goes takes all with it.
        let is_alone = matches!(&listed[..], [line] if line.name == release.version() && line.number == "1");
        let version = (!is_alone).then(|| release.version());
        self.patiently(|| self.registry.delete(&home.site, &release.package, version)).await?;
        self.tell(home, Step::Removed);
        Ok(())
    }

    async fn send(&self, home: &Home, release: &Release) -> Result<(), Error> {
        let mut last = None;
        for _ in 0..SENDS {
            let default =
                self.patiently(|| self.registry.describe(&home.site, &release.package, None)).await?;
            let draft = Draft {
                package: release.package.clone(),
                version: release.version().to_owned(),
                content: release.content.clone(),
                source: format!("s3://{}/{}", home.bucket, folder(home, release)),
                is_update: default.is_some(),
            };
            let failure = match self.registry.put(&home.site, &draft).await {
                Ok(()) => return Ok(()),
                Err(failure) if failure.code == "DocumentVersionLimitExceeded" => {
                    return Err(Error::Full { versions: VERSIONS_PER_PACKAGE });
                }
                Err(failure) => failure,
            };
            if !(is_passing(&failure) || failure.class == Class::UnknownOutcome || is_there(&failure)) {
                return Err(failure.into());
            }
            // It may have been made all the same, by us or by somebody else.
            self.pause(SETTLE).await;
            if self.own(home, release).await?.is_some() {
                return Ok(());
            }
            last = Some(failure);
        }
        Err(last.map_or(Error::Missing { version: release.version().to_owned() }, Error::Call))
    }

    async fn wait(&self, home: &Home, release: &Release) -> Result<(), Error> {
        let (package, version) = (&release.package, release.version());
        let end = self.clock.now().plus(PATIENCE);
        loop {
            let found = self.patiently(|| self.registry.version(&home.site, package, version)).await?;
            let status = match found {
                Some(found) if !is_same(&found.content, release) => {
                    return Err(Error::Taken { version: version.to_owned() });
                }
                Some(found) if found.status == "Active" => return self.hold_against(home, &found, release),
                Some(Published { status, information, .. }) if status == "Failed" => {
                    return Err(Error::Failed { version: version.to_owned(), information });
                }
                Some(found) => found.status,
                None => "not listed".to_owned(),
            };
            if self.clock.now() >= end {
                return Err(Error::Slow { version: version.to_owned(), status, waited: PATIENCE });
            }
            self.tell(home, Step::Waiting);
            self.pause(LOOK).await;
        }
    }

    /// The files that Systems Manager has are those that were built.
    fn hold_against(&self, home: &Home, found: &Published, release: &Release) -> Result<(), Error> {
        if found.files.is_empty() && !release.files.is_empty() {
            // AWS names them of every active version; whoever does not is asked by `verify` once more.
            self.tell(home, Step::Unnamed);
            return Ok(());
        }
        same_files(found, release)
    }

    /// Moves the default version at all of these sites, or at none if it is not active at one of them: nodes install it at once
    /// where an association asks for the default. Whether it was another before, by site.
    ///
    /// # Errors
    /// There is no such active version, or AWS did not do it.
    pub async fn set_default(
        &self,
        sites: &[&Site],
        package: &str,
        version: &str,
    ) -> Vec<Result<bool, Error>> {
        let active = join_all(sites.iter().map(|site| self.active(site, package, version))).await;
        if active.iter().any(Result::is_err) {
            return active.into_iter().map(|found| found.and(Err(Error::Withheld))).collect();
        }
        let moves = active
            .into_iter()
            .zip(sites)
            .map(async |(line, site)| self.make_default(site, package, &line?).await);
        join_all(moves).await
    }

    async fn active(&self, site: &Site, package: &str, version: &str) -> Result<Listed, Error> {
        let line = self.patiently(|| self.registry.describe(site, package, Some(version))).await?;
        let line = line.filter(|line| line.status == "Active");
        line.ok_or_else(|| Error::Missing { version: version.to_owned() })
    }

    async fn make_default(&self, site: &Site, package: &str, line: &Listed) -> Result<bool, Error> {
        if line.is_default {
            return Ok(false);
        }
        self.patiently(|| self.registry.set_default(site, package, &line.number)).await?;
        (self.watcher)(site, Step::Default);
        Ok(true)
    }
}

fn is_there(failure: &Failure) -> bool {
    matches!(failure.code.as_str(), "DocumentAlreadyExists" | "DuplicateDocumentVersionName")
}

/// AWS may write the same JSON in another way.
fn is_same(content: &str, release: &Release) -> bool {
    content == release.content || Manifest::parse(content).is_ok_and(|there| there == release.manifest)
}

fn same_files(found: &Published, release: &Release) -> Result<(), Error> {
    for file in release.files.iter().map(|file| &file.attachment) {
        let there = found.files.get(&file.name);
        if there.is_none_or(|there| there.sha256 != file.sha256.as_str() || there.size != file.bytes) {
            return Err(Error::Different {
                version: release.version().to_owned(),
                file: file.name.clone(),
                found: there.map_or("missing", |there| &there.sha256).to_owned(),
                expected: file.sha256.to_string(),
            });
        }
    }
    Ok(())
}
