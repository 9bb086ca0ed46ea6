//! Intent → the order that AWS gets. Pure.

use wavetrain_model::fleet::Platform;
use wavetrain_model::id::{GateIndex, RolloutId, marker};
use wavetrain_model::intent::{Action, Intent};
use wavetrain_model::plan::Plan;
use wavetrain_model::spec::{Check, InstallMode, ProbeCheck};
use wavetrain_ports::distributor::{Job, Order};

/// The command that carries out an intent. Refused with a sentence if the plan does not allow it to be written.
pub(crate) fn order(plan: &Plan, rollout: &RolloutId, intent: &Intent) -> Result<Order, String> {
    let package = &plan.spec.package;
    let name = || plan.sites[intent.site.at()].package.clone();
    let (job, max_errors) = match &intent.action {
        Action::Install { max_errors, .. } => {
            let job = Job::Install {
                package: name(),
                version: package.version.clone(),
                mode: package.install,
                arguments: package.arguments.clone(),
            };
            (job, Some(*max_errors))
        }
        Action::Uninstall { version } => {
            let version = version.map(|version| plan.version(version).to_owned());
            (Job::Uninstall { package: name(), version }, None)
        }
        Action::Reinstall { version } => {
            let job = Job::Install {
                package: name(),
                version: plan.version(*version).to_owned(),
                // Not the plan's mode: an in-place update needs the new version's scripts to have left a sane
                // installation behind, which is what a rollback cannot assume.
                mode: InstallMode::Reinstall,
                arguments: package.arguments.clone(),
            };
            (job, None)
        }
        Action::Survey { .. } | Action::Verify { .. } | Action::Prove => (probe(plan, intent)?, None),
        Action::Ask { gate, .. } => (ask(plan, intent, check_of(plan, *gate)?)?, None),
        Action::Cancel { .. } => return Err("a cancel is not a command of its own".to_owned()),
    };
    Ok(Order {
        job,
        nodes: intent.nodes.iter().map(|node| plan.nodes[node.at()].id.clone()).collect(),
        comment: marker(rollout, intent.id),
        deliver_within: match &intent.action {
            // What comes later than anybody waits for it is work for nothing.
            Action::Ask { gate, .. } => check_of(plan, *gate)?.timeout,
            _ => plan.spec.deadlines.delivery,
        },
        max_concurrency: intent.nodes.len() as u32,
        max_errors,
    })
}

fn check_of(plan: &Plan, gate: GateIndex) -> Result<&ProbeCheck, String> {
    match plan.spec.gates.get(gate.at()).map(|gate| &gate.check) {
        Some(Check::Probe(check)) => Ok(check),
        _ => Err("the plan has no such probe".to_owned()),
    }
}

fn ask(plan: &Plan, intent: &Intent, check: &ProbeCheck) -> Result<Job, String> {
    let first = intent.nodes.first().ok_or("a probe of no nodes")?;
    let platform = plan.platform_of(*first);
    let command = check.script(platform).ok_or_else(|| format!("the gate has no probe for {platform}"))?;
    Ok(Job::Script { platform, command: command.to_owned() })
}

fn probe(plan: &Plan, intent: &Intent) -> Result<Job, String> {
    let first = intent.nodes.first().ok_or("a probe of no nodes")?;
    let platform = plan.platform_of(*first);
    let script = plan.spec.package.probe.as_ref().and_then(|probe| match platform {
        Platform::Linux => probe.linux.clone(),
        Platform::Windows => probe.windows.clone(),
        Platform::MacOs => None,
    });
    let command = script.ok_or_else(|| format!("the plan has no probe for {platform}"))?;
    Ok(Job::Script { platform, command })
}
