//! Package documents and buckets in memory, where a process can be killed before or after any call.

use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;
use std::sync::Mutex;
use wavetrain_model::fleet::Site;
use wavetrain_model::id::{AccountId, Region};
use wavetrain_model::time::Timestamp;
use wavetrain_package::manifest::{Manifest, sha256};
use wavetrain_package::publish::Home;
use wavetrain_ports::bucket::{Bucket, Location, Object, Part};
use wavetrain_ports::clock::Clock;
use wavetrain_ports::failure::{Class, Failure};
use wavetrain_ports::registry::{Attached, Draft, Listed, Published, Registry};

pub const HOMES: usize = 4;

/// How a call ends that is not to end well.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Death {
    /// The process dies before it is made.
    Before,
    /// The process dies after it was made.
    After,
    /// It is made and the answer is lost.
    Lost,
    /// It is not made.
    Throttled,
}

#[derive(Debug, Default)]
struct Books {
    calls: usize,
    death: Option<(usize, Death)>,
    now: i64,
    made: usize,
    parts: usize,
    fails_next: Option<String>,
    documents: BTreeMap<String, Vec<Version>>,
    shares: BTreeMap<String, BTreeMap<AccountId, String>>,
    objects: BTreeMap<String, (Vec<u8>, String)>,
    uploads: BTreeMap<String, BTreeMap<u32, (Vec<u8>, String)>>,
}

#[derive(Debug, Clone)]
struct Version {
    listed: Listed,
    content: String,
    source: String,
    looks: u32,
}

#[derive(Debug, Default)]
pub struct Shelf(Mutex<Books>);

pub fn home(at: usize) -> Home {
    let region = ["eu-west-1", "us-east-1", "eu-north-1", "ap-south-1"][at];
    let account = AccountId::from("111122223333");
    Home {
        site: Site { account, region: Region::from(region), role: None, external_id: None },
        bucket: format!("packages-{region}"),
        prefix: "wavetrain".to_owned(),
        share_with: (0..45).map(|at| AccountId::new(format!("2000000000{at:02}"))).collect(),
    }
}

impl Shelf {
    pub fn dying(step: usize, death: Death) -> Self {
        Self(Mutex::new(Books { death: Some((step, death)), ..Books::default() }))
    }

    pub fn revive(&self) {
        self.0.lock().unwrap().death = None;
    }

    pub fn fail_next(&self, why: &str) {
        self.0.lock().unwrap().fails_next = Some(why.to_owned());
    }

    pub fn calls(&self) -> usize {
        self.0.lock().unwrap().calls
    }

    pub fn made(&self) -> usize {
        self.0.lock().unwrap().made
    }

    pub fn parts_sent(&self) -> usize {
        self.0.lock().unwrap().parts
    }

    pub fn default_of(&self, at: usize) -> String {
        let books = self.0.lock().unwrap();
        let versions = &books.documents[&home(at).site.to_string()];
        versions.iter().find(|version| version.listed.is_default).unwrap().listed.name.clone()
    }

    /// All that is left: documents, shares, objects, and uploads that nobody ended.
    pub fn truth(&self) -> String {
        let books = self.0.lock().unwrap();
        let versions: Vec<_> = books
            .documents
            .iter()
            .flat_map(|(site, all)| all.iter().map(move |version| (site, &version.listed, &version.source)))
            .collect();
        let objects: Vec<_> = books.objects.iter().map(|(key, (_, sum))| (key, sum)).collect();
        format!("{versions:?} {:?} {objects:?} {:?}", books.shares, books.uploads.keys())
    }

    /// A call with an effect or without; whether it is made, and what is answered.
    fn call<T>(&self, act: impl FnOnce(&mut Books) -> Result<T, Failure>) -> Result<T, Failure> {
        let mut books = self.0.lock().unwrap();
        let death = books.death.filter(|(step, _)| *step == books.calls).map(|(_, death)| death);
        let is_dead = books
            .death
            .is_some_and(|(step, death)| books.calls > step && matches!(death, Death::Before | Death::After));
        books.calls += 1;
        if is_dead {
            return Err(failure(Class::Denied, "Killed"));
        }
        match death {
            None => act(&mut books),
            Some(Death::Before) => Err(failure(Class::Denied, "Killed")),
            Some(Death::Throttled) => Err(failure(Class::Throttled, "Throttling")),
            Some(Death::After) => act(&mut books).and(Err(failure(Class::Denied, "Killed"))),
            Some(Death::Lost) => act(&mut books).and(Err(failure(Class::Unavailable, ""))),
        }
    }
}

fn failure(class: Class, code: &str) -> Failure {
    Failure { class, operation: "Call".to_owned(), message: "said so".to_owned(), code: code.to_owned() }
}

#[async_trait]
impl Clock for Shelf {
    fn now(&self) -> Timestamp {
        Timestamp(self.0.lock().unwrap().now)
    }

    async fn sleep_until(&self, until: Timestamp) {
        let mut books = self.0.lock().unwrap();
        books.now = books.now.max(until.0);
    }
}

#[async_trait]
impl Registry for Shelf {
    async fn versions(&self, site: &Site, _: &str) -> Result<Option<Vec<Listed>>, Failure> {
        self.call(|books| {
            let all = books.documents.get(&site.to_string()).filter(|all| !all.is_empty());
            Ok(all.map(|all| all.iter().map(|version| version.listed.clone()).collect()))
        })
    }

    async fn describe(&self, site: &Site, _: &str, name: Option<&str>) -> Result<Option<Listed>, Failure> {
        self.call(|books| {
            let mut all = books.documents.get(&site.to_string()).into_iter().flatten();
            let is_it = |listed: &Listed| name.map_or(listed.is_default, |name| listed.name == name);
            Ok(all.find(|version| is_it(&version.listed)).map(|version| version.listed.clone()))
        })
    }

    async fn version(&self, site: &Site, _: &str, name: &str) -> Result<Option<Published>, Failure> {
        self.call(|books| {
            let Books { documents, objects, .. } = books;
            let all = documents.entry(site.to_string()).or_default();
            let Some(version) = all.iter_mut().find(|version| version.listed.name == name) else {
                return Ok(None);
            };
            version.looks += 1;
            if version.looks > 1 && version.listed.status == "Creating" {
                "Active".clone_into(&mut version.listed.status);
            }
            let manifest = Manifest::parse(&version.content).unwrap();
            let file = |name: &String| {
                let (bytes, _) = &objects[&format!("{}/{name}", version.source)];
                let attached = Attached { size: bytes.len() as u64, sha256: sha256(bytes).to_string() };
                (name.clone(), attached)
            };
            Ok(Some(Published {
                status: version.listed.status.clone(),
                information: version.listed.information.clone(),
                content: version.content.clone(),
                files: manifest.files.keys().map(file).collect(),
            }))
        })
    }

    async fn put(&self, site: &Site, draft: &Draft) -> Result<(), Failure> {
        let put = self.call(|books| {
            let fails = books.fails_next.take();
            let all = books.documents.entry(site.to_string()).or_default();
            match (all.is_empty(), draft.is_update) {
                (false, false) => return Err(failure(Class::Invalid, "DocumentAlreadyExists")),
                (true, true) => return Err(failure(Class::NotFound, "InvalidDocument")),
                _ => {}
            }
            if all.iter().any(|version| version.listed.name == draft.version) {
                return Err(failure(Class::Invalid, "DuplicateDocumentVersionName"));
            }
            let status = if fails.is_some() { "Failed" } else { "Creating" };
            all.push(Version {
                listed: Listed {
                    number: (all.len() + 1).to_string(),
                    name: draft.version.clone(),
                    status: status.to_owned(),
                    information: fails.unwrap_or_default(),
                    is_default: all.is_empty(),
                },
                content: draft.content.clone(),
                source: draft.source.trim_start_matches("s3://").to_owned(),
                looks: 0,
            });
            books.made += 1;
            Ok(())
        });
        // Of a call that makes something, a lost answer is not known to be lost.
        put.map_err(|failure| match failure.class {
            Class::Unavailable => Failure { class: Class::UnknownOutcome, ..failure },
            _ => failure,
        })
    }

    async fn set_default(&self, site: &Site, _: &str, number: &str) -> Result<(), Failure> {
        self.call(|books| {
            for version in books.documents.get_mut(&site.to_string()).unwrap() {
                version.listed.is_default = version.listed.number == number;
            }
            Ok(())
        })
    }

    async fn delete(&self, site: &Site, _: &str, version: Option<&str>) -> Result<(), Failure> {
        self.call(|books| {
            let all = books.documents.entry(site.to_string()).or_default();
            all.retain(|kept| version.is_some_and(|version| kept.listed.name != version));
            Ok(())
        })
    }

    async fn shares(&self, site: &Site, _: &str) -> Result<BTreeMap<AccountId, String>, Failure> {
        self.call(|books| Ok(books.shares.get(&site.to_string()).cloned().unwrap_or_default()))
    }

    async fn share(&self, site: &Site, _: &str, accounts: &[AccountId]) -> Result<(), Failure> {
        assert!(accounts.len() <= 20);
        self.call(|books| {
            let shares = books.shares.entry(site.to_string()).or_default();
            shares.extend(accounts.iter().map(|account| (account.clone(), "$ALL".to_owned())));
            Ok(())
        })
    }

    async fn unshare(&self, site: &Site, _: &str, accounts: &[AccountId]) -> Result<(), Failure> {
        self.call(|books| {
            let shares = books.shares.entry(site.to_string()).or_default();
            shares.retain(|account, _| !accounts.contains(account));
            Ok(())
        })
    }
}

fn key(at: &Location) -> String {
    format!("{}/{}", at.bucket, at.key)
}

fn sum(bytes: &[u8]) -> String {
    STANDARD.encode(Sha256::digest(bytes))
}

#[async_trait]
impl Bucket for Shelf {
    async fn object(&self, _: &Site, at: &Location) -> Result<Option<Object>, Failure> {
        self.call(|books| {
            let found = books.objects.get(&key(at));
            Ok(found.map(|(bytes, sum)| Object { size: bytes.len() as u64, sha256: Some(sum.clone()) }))
        })
    }

    async fn put_object(&self, _: &Site, at: &Location, bytes: Vec<u8>, sha256: &str) -> Result<(), Failure> {
        assert_eq!(sum(&bytes), sha256);
        self.call(|books| {
            books.objects.insert(key(at), (bytes, sha256.to_owned()));
            Ok(())
        })
    }

    async fn uploads(&self, _: &Site, at: &Location) -> Result<Vec<String>, Failure> {
        let prefix = format!("{}#", key(at));
        self.call(|books| Ok(books.uploads.keys().filter(|id| id.starts_with(&prefix)).cloned().collect()))
    }

    async fn begin_upload(&self, _: &Site, at: &Location) -> Result<String, Failure> {
        self.call(|books| {
            let id = format!("{}#{:04}", key(at), books.calls);
            books.uploads.insert(id.clone(), BTreeMap::new());
            Ok(id)
        })
    }

    async fn parts(&self, _: &Site, _: &Location, upload: &str) -> Result<Option<Vec<Part>>, Failure> {
        self.call(|books| {
            let part = |(number, (bytes, sum)): (&u32, &(Vec<u8>, String))| Part {
                number: *number,
                size: bytes.len() as u64,
                tag: number.to_string(),
                sha256: Some(sum.clone()),
            };
            Ok(books.uploads.get(upload).map(|parts| parts.iter().map(part).collect()))
        })
    }

    async fn put_part(
        &self,
        _: &Site,
        _: &Location,
        upload: &str,
        number: u32,
        bytes: Vec<u8>,
        sha256: &str,
    ) -> Result<Part, Failure> {
        assert_eq!(sum(&bytes), sha256);
        self.call(|books| {
            books.parts += 1;
            let size = bytes.len() as u64;
            books.uploads.get_mut(upload).unwrap().insert(number, (bytes, sha256.to_owned()));
            Ok(Part { number, size, tag: number.to_string(), sha256: Some(sha256.to_owned()) })
        })
    }

    async fn end_upload(&self, _: &Site, at: &Location, upload: &str, parts: &[Part]) -> Result<(), Failure> {
        self.call(|books| {
            let Some(uploaded) = books.uploads.remove(upload) else {
                return Err(failure(Class::NotFound, "NoSuchUpload"));
            };
            assert_eq!(uploaded.len(), parts.len());
            let sums: Vec<u8> = uploaded.values().flat_map(|(bytes, _)| Sha256::digest(bytes)).collect();
            let bytes = uploaded.into_values().flat_map(|(bytes, _)| bytes).collect();
            books.objects.insert(key(at), (bytes, format!("{}-{}", sum(&sums), parts.len())));
            Ok(())
        })
    }

    async fn abort_upload(&self, _: &Site, _: &Location, upload: &str) -> Result<(), Failure> {
        self.call(|books| {
            books.uploads.remove(upload);
            Ok(())
        })
    }
}
