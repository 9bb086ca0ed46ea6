//! Intent → the order that AWS gets. Pure.

use std::collections::BTreeMap;
use wavetrain_model::association::{Definition, Target};
use wavetrain_model::fleet::Platform;
use wavetrain_model::id::{GateIndex, RolloutId, SiteIndex, association_name, marker};
use wavetrain_model::intent::{Action, Intent};
use wavetrain_model::plan::Plan;
use wavetrain_model::spec::{Check, Dispatched, InstallMode, ProbeCheck};
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
        Action::Cancel { .. } | Action::Errand(_) => {
            return Err(format!("to {} is not a command of its own", intent.action.word()));
        }
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

/// The association that carries out an install: its batch, under a name by which it is found again.
pub(crate) fn batch(
    plan: &Plan,
    rollout: &RolloutId,
    intent: &Intent,
    max_errors: u32,
    settings: &Dispatched,
) -> Definition {
    let ids = intent.nodes.iter().map(|node| plan.nodes[node.at()].id.as_str().to_owned());
    Definition {
        name: association_name(rollout, intent.id),
        parameters: parameters(plan, intent.site),
        targets: vec![Target { key: "InstanceIds".to_owned(), values: ids.collect() }],
        schedule: settings.schedule.clone(),
        compliance_severity: settings.compliance_severity.clone(),
        max_concurrency: Some(
            settings.max_concurrency.clone().unwrap_or_else(|| intent.nodes.len().max(1).to_string()),
        ),
        max_errors: Some(settings.max_errors.clone().unwrap_or_else(|| max_errors.to_string())),
        output: settings.output.clone(),
    }
}

/// The association of `finish` in a site.
pub(crate) fn keeping(plan: &Plan, site: SiteIndex) -> Option<Definition> {
    let keeping = plan.spec.finish.association.as_ref()?;
    Some(Definition {
        name: keeping.name.clone(),
        parameters: parameters(plan, site),
        targets: keeping.targets.clone(),
        schedule: Some(keeping.schedule.clone()),
        compliance_severity: keeping.compliance_severity.clone(),
        max_concurrency: Some(keeping.max_concurrency.clone()),
        max_errors: Some(keeping.max_errors.clone()),
        output: keeping.output.clone(),
    })
}

fn parameters(plan: &Plan, site: SiteIndex) -> BTreeMap<String, String> {
    let package = &plan.spec.package;
    let mode = match package.install {
        InstallMode::Reinstall => "Uninstall and reinstall",
        InstallMode::InPlace => "In-place update",
    };
    let mut parameters = BTreeMap::from([
        ("action".to_owned(), "Install".to_owned()),
        ("installationType".to_owned(), mode.to_owned()),
        ("name".to_owned(), plan.sites[site.at()].package.clone()),
        ("version".to_owned(), package.version.clone()),
    ]);
    if !package.arguments.is_empty() {
        // A `StringMap` parameter travels as JSON text.
        let arguments: serde_json::Value = package
            .arguments
            .iter()
            .map(|(key, value)| (key.clone(), serde_json::Value::from(value.as_str())))
            .collect();
        parameters.insert("additionalArguments".to_owned(), arguments.to_string());
    }
    parameters
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
