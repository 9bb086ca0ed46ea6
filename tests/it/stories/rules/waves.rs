//! The order of waves, and what a pass takes.

use super::{Judge, Rule};
use wavetrain_model::gate::{Evidence, Found, Reading, Scope, Verdict, Which};
use wavetrain_model::id::{GateIndex, WaveIndex};
use wavetrain_model::intent::{Action, Intent};
use wavetrain_model::spec::Check;
use wavetrain_model::time::Timestamp;

impl Judge<'_> {
    pub(super) fn wave_opens(&mut self, wave: WaveIndex) {
        let plan = self.book.plan;
        let spec = &plan.spec.waves[wave.at()];
        let early = spec.after.iter().find(|before| !self.book.passed.contains(before)).copied();
        self.require(early.is_none(), Rule::WaveOrder, || {
            format!("{} begins before {} has passed", spec.name, plan.wave_name(early.unwrap_or(wave)))
        });
        let is_agreed = spec.approval.is_none() || self.book.approved.contains(&wave);
        self.require(is_agreed, Rule::WaveOrder, || format!("{} begins without approval", spec.name));
    }

    /// A promise of installs is a beginning too, whatever the log calls open.
    pub(super) fn wave_may_begin(&mut self, intent: &Intent) {
        if !matches!(intent.action, Action::Install { .. } | Action::Survey { .. }) {
            return;
        }
        let of = |node: &wavetrain_model::id::NodeIndex| self.book.plan.nodes[node.at()].wave;
        let mut waves: Vec<_> = intent.nodes.iter().filter_map(of).collect();
        waves.dedup();
        for wave in waves {
            self.wave_opens(wave);
        }
    }

    /// A gate that a wave waits for passes only on data from every place, and says why in words whatever it says.
    pub(super) fn measurement_speaks(
        &mut self,
        which: Which,
        verdict: Verdict,
        evidence: &Evidence,
        readings: &[Reading],
    ) {
        let spoke = !evidence.sentence.is_empty() && !evidence.threshold.is_empty();
        self.require(spoke, Rule::Evidence, || format!("{which:?} said {verdict} without a sentence"));
        let Which::Planned(gate) = which else { return };
        let gate = &self.told.plan.spec.gates[gate.at()];
        if verdict != Verdict::Pass || gate.check.only_stops() {
            return;
        }
        let has_data = |reading: &Reading| match &reading.found {
            Ok(Found::Series(all)) => all.iter().any(|series| !series.points.is_empty()),
            Ok(Found::Alarms(alarms)) => !alarms.is_empty(),
            other => other.is_ok(),
        };
        // A site may have no node that is compared; together they must have some.
        let holds = match gate.check {
            Check::Compare(_) => readings.iter().any(has_data),
            _ => !readings.is_empty() && readings.iter().all(has_data),
        };
        self.require(holds, Rule::Evidence, || format!("{} passed on {readings:?}", gate.name));
    }

    pub(super) fn pass_is_earned(&mut self, wave: WaveIndex, at: Timestamp) {
        let plan = self.book.plan;
        if plan.waves[wave.at()].size == 0 {
            return;
        }
        let spec = &plan.spec.waves[wave.at()];
        let open = self.book.nodes_of(wave).filter(|node| !self.book.outcomes.contains_key(node)).count();
        let last =
            self.book.nodes_of(wave).filter_map(|node| self.book.finished_at.get(&node)).max().copied();
        let Some(settled) = self.book.settled.get(&wave).copied() else {
            return self.require(false, Rule::EarnedPass, || format!("{} passed unsettled", spec.name));
        };
        let watched = last.map_or(0, |last| at.since_ms(last));
        let mut missing = Vec::new();
        if open > 0 {
            missing.push(format!("{open} nodes without an outcome"));
        }
        if !self.book.judged.contains(&wave) {
            missing.push("no verdict about its installs".to_owned());
        }
        if watched < u64::from(spec.bake.0) * 1000 {
            missing.push(format!("watched for {watched} ms of {}", spec.bake));
        }
        let awaited = plan.spec.gates.iter().enumerate().filter(|(_, gate)| gate.judges(wave));
        for (index, gate) in awaited {
            let which = Which::Planned(GateIndex(index as u16));
            let scope = if gate.guard { Scope::Guard } else { Scope::Wave(wave) };
            let measured = self.book.measured.get(&(which, scope)).map_or(&[][..], Vec::as_slice);
            if !measured.iter().any(|(when, verdict)| *when > settled && *verdict == Verdict::Pass) {
                missing.push(format!("no pass of {} after it settled", gate.name));
            }
            // Each measurement vouches for its own interval (and a little more), never for an outage.
            let longest_ms = u64::from(gate.every.0) * 1250;
            // Before the first look there is nothing to see, so that look speaks for the time until then.
            let first_ms = match &gate.check {
                Check::Metric(metric) => u64::from(metric.lag.0 + 2 * metric.period.0) * 1250,
                Check::Compare(compare) => u64::from(compare.lag.0 + 2 * compare.period.0) * 1250,
                _ => 0,
            };
            let mut most_ms = if scope == Scope::Guard { longest_ms } else { longest_ms.max(first_ms) };
            let mut vouched_ms = 0;
            let mut from = settled;
            for (when, verdict) in measured.iter().filter(|(when, _)| *when > settled && *when <= at) {
                if matches!(verdict, Verdict::Pass | Verdict::Fail) {
                    vouched_ms += when.since_ms(from).min(most_ms);
                    most_ms = longest_ms;
                    from = *when;
                }
            }
            if vouched_ms < u64::from(spec.bake.0) * 1000 {
                missing
                    .push(format!("{} vouches for {vouched_ms} ms of the bake of {}", gate.name, spec.bake));
            }
        }
        self.require(missing.is_empty(), Rule::EarnedPass, || {
            format!("{} passed with {}", spec.name, missing.join("; "))
        });
    }
}
