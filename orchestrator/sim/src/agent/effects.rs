//! What one run of the package plugin does to its node, and when it shows.

use std::sync::Arc;

use super::behaviour::{Effect, NodeTraits, Script};
use super::local::Bits;
use super::run::{Fetched, bare_name};

/// Effects gathered over all passes of a run.
pub(super) struct Effects {
    pub(super) product: Option<Arc<str>>,
    pub(super) bits: Bits,
    pub(super) elapsed_millis: u64,
    pub(super) changes: Vec<(u64, Bits)>,
    pub(super) reboots: Vec<(u64, u64)>,
    /// Scripts that already asked for a reboot in this run: they do so once.
    rebooted: Vec<(Arc<str>, Script)>,
    /// A script did its work, but the agent's answer will be lost.
    pub(super) silent: bool,
}

impl Effects {
    pub(super) fn from_here(bits: &dyn Fn(&str) -> Bits, fetched: &Fetched) -> Self {
        let product = match &fetched.payload {
            Ok(payload) => Arc::clone(&payload.product),
            Err(_) => Arc::from(bare_name(&fetched.key)),
        };
        Self {
            bits: bits(&product),
            product: Some(product),
            elapsed_millis: 0,
            changes: Vec::new(),
            reboots: Vec::new(),
            rebooted: Vec::new(),
            silent: false,
        }
    }

    /// Records a reboot and moves on to the moment at which the document is resumed.
    pub(super) fn reboot(&mut self, node: &NodeTraits, round: u32) {
        let down = node.chance.named("reboot").numbered(u64::from(round)).between(40_000, 120_000);
        self.reboots.push((self.elapsed_millis, down));
        let wait = node.chance.named("resume").numbered(u64::from(round)).between(0, 15_000);
        self.elapsed_millis += down + wait;
    }

    /// A script's effect on the bits, which shows from now on.
    pub(super) fn script_ran(&mut self, script: Script, effect: Effect, version: &Arc<str>) {
        self.silent |= effect == Effect::Silent;
        let bits = bits_after(&self.bits, script, effect, version);

        if bits != self.bits {
            self.bits = bits.clone();
            self.changes.push((self.elapsed_millis, bits));
        }
    }

    /// A script asks for a reboot once in a run: true the first time.
    pub(super) fn asks_for_reboot(&mut self, script: Script, version: &Arc<str>) -> bool {
        let asked = (Arc::clone(version), script);
        let first = !self.rebooted.contains(&asked);
        if first {
            self.rebooted.push(asked);
        }
        first
    }
}

fn bits_after(before: &Bits, script: Script, effect: Effect, version: &Arc<str>) -> Bits {
    match (effect, script) {
        (Effect::Ok | Effect::Silent | Effect::Reboot, Script::Install | Script::Update) => {
            Bits { version: Some(Arc::clone(version)), debris: false }
        }
        (Effect::Ok | Effect::Silent | Effect::Reboot, Script::Uninstall) => Bits::default(),
        (_, Script::Install | Script::Update) => Bits { debris: true, ..before.clone() },
        (_, Script::Uninstall | Script::Validate) => before.clone(),
    }
}
