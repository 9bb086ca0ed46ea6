//! A node with one package, driven by hand: the bench on which the rows are tested.

use std::cell::RefCell;
use std::sync::Arc;

use super::behaviour::{Behaviour, Effect, NodeTraits, Payload, PlatformType, Rule};
use super::local::{Agent, Bits, InstallState, Phase};
use super::request::{Action, ConfigurePackage};
use super::run::{Distributor, Ending, Fetched, Run, configure_package};
use crate::clock::WorldTime;
use crate::package::Attached;
use crate::random::Chance;

/// One document with its versions, in memory.
#[derive(Default)]
pub(super) struct Shelf {
    pub(super) versions: Vec<(String, Fetched)>,
    pub(super) default: usize,
    pub(super) inactive: Option<&'static str>,
}

impl Distributor for RefCell<Shelf> {
    fn fetch(&self, _: &NodeTraits, name: &str, version: Option<&str>) -> Result<Fetched, String> {
        let store = self.borrow();
        if let Some(status) = store.inactive {
            return Err(format!(
                "package document is not currently active, kindly retry when the status is active. \
                 Current document status - {status}"
            ));
        }
        let found = match version {
            None => store.versions.get(store.default),
            Some(version) => store.versions.iter().find(|(label, _)| label == version),
        };
        found.map(|(_, fetched)| fetched.clone()).ok_or_else(|| {
            format!(
                "failed to download manifest - failed to retrieve package document description: \
                 InvalidDocument: {name}"
            )
        })
    }
}

/// A node with one package, driven by hand.
pub(super) struct Bench {
    pub(super) node: NodeTraits,
    pub(super) agent: Agent,
    pub(super) bits: Bits,
    pub(super) shelf: RefCell<Shelf>,
    pub(super) now: WorldTime,
}

impl Bench {
    pub(super) fn new() -> Self {
        let node = NodeTraits {
            id: "i-00000000000000001".to_owned(),
            account: "111122223333".to_owned(),
            region: "eu-west-1".to_owned(),
            platform: PlatformType::Linux,
            platform_name: "Amazon Linux".to_owned(),
            platform_version: "2023".to_owned(),
            architecture: "x86_64".to_owned(),
            slowness: 1.0,
            chance: Chance::from_seed(1),
        };
        let shelf = RefCell::new(Shelf::default());
        Self { node, agent: Agent::default(), bits: Bits::default(), shelf, now: WorldTime::from_millis(0) }
    }

    pub(super) fn publish_as(&self, label: &str, manifest_version: &str, behaviour: Behaviour) {
        let mut store = self.shelf.borrow_mut();
        let document_version = store.versions.len() as u32 + 1;
        let payload = Payload {
            product: Arc::from("hello"),
            version: Arc::from(label),
            behaviour: Arc::new(behaviour),
            zip: Arc::new(Attached::Made(Arc::from([]))),
        };
        let fetched = Fetched {
            key: "hello".to_owned(),
            document_version,
            digest: u64::from(document_version),
            manifest_version: manifest_version.to_owned(),
            payload: Ok(payload),
        };
        store.versions.push((label.to_owned(), fetched));
    }

    pub(super) fn publish(&self, version: &str, behaviour: Behaviour) {
        self.publish_as(version, version, behaviour);
    }

    pub(super) fn good(&self, version: &str) {
        self.publish(version, Behaviour::default());
    }

    pub(super) fn set_default(&self, version: &str) {
        let mut store = self.shelf.borrow_mut();
        store.default = store.versions.iter().position(|(label, _)| label == version).expect("published");
    }

    pub(super) fn delete(&self, version: &str) {
        self.shelf.borrow_mut().versions.retain(|(label, _)| label != version);
    }

    pub(super) fn begin(&mut self, request: &ConfigurePackage) -> Run {
        let bits = self.bits.clone();
        let run = configure_package(
            request,
            &self.node,
            &mut self.agent,
            &|_| bits.clone(),
            &self.shelf,
            self.now,
            None,
        );
        if let Some((_, bits)) = run.changes.last() {
            self.bits = bits.clone();
        }
        run
    }

    pub(super) fn run(&mut self, request: &ConfigurePackage) -> Run {
        let run = self.begin(request);
        self.now = self.now.after(run.took_millis + 1);
        run
    }

    pub(super) fn install(&mut self, version: &str) -> Run {
        self.run(&request(Action::Install, version))
    }

    pub(super) fn install_in_place(&mut self, version: &str) -> Run {
        self.run(&ConfigurePackage { in_place: true, ..request(Action::Install, version) })
    }

    pub(super) fn uninstall(&mut self, version: &str) -> Run {
        self.run(&request(Action::Uninstall, version))
    }

    pub(super) fn state(&self) -> InstallState {
        self.agent.packages.get("hello").map(|local| local.state.clone()).unwrap_or_default()
    }

    pub(super) fn assert_state(&self, phase: Phase, version: &str) {
        let state = self.state();
        assert_eq!((state.phase, &*state.version), (phase, version));
    }

    pub(super) fn assert_bits(&self, version: Option<&str>) {
        assert_eq!(self.bits.version.as_deref(), version);
    }
}

pub(super) fn request(action: Action, version: &str) -> ConfigurePackage {
    ConfigurePackage {
        action,
        in_place: false,
        name: "hello".to_owned(),
        version: ConfigurePackage::version_of(version),
        additional_arguments: String::new(),
    }
}

pub(super) fn ruled(rule: Rule) -> Behaviour {
    Behaviour { rules: vec![rule], ..Behaviour::default() }
}

pub(super) fn failing() -> Behaviour {
    ruled(Rule { install: Effect::Fail, exit_code: Some(3), ..Rule::default() })
}

pub(super) fn flaky() -> Behaviour {
    ruled(Rule { install: Effect::FailOnce, ..Rule::default() })
}

/// The scripts that ran, as `action directory payload`.
pub(super) fn scripts(run: &Run) -> Vec<String> {
    let mut ran = Vec::new();
    let mut directory = String::new();
    for line in run.report.stdout.lines() {
        if let Some(rest) = line.strip_prefix("Initiating hello ") {
            rest.clone_into(&mut directory);
        }
        for verb in ["installing ", "uninstalling ", "updating to ", "validating "] {
            if let Some(payload) = line.strip_prefix(verb).and_then(|rest| rest.strip_prefix("hello ")) {
                ran.push(format!("{directory} by {payload}"));
            }
        }
    }
    ran
}

pub(super) fn assert_success(run: &Run) {
    assert_eq!(run.report.ending, Ending::Success, "{}{}", run.report.stdout, run.report.stderr);
}

pub(super) fn assert_failed(run: &Run) {
    assert_eq!(run.report.ending, Ending::Failed, "{}", run.report.stdout);
}
