//! State Manager: make, change, remove and follow associations; the default version of the package's document.

use crate::Aws;
use crate::classify::{Effect, nonsense};
use crate::page::Pages;
use crate::site::{Reach, with_reach};
use async_trait::async_trait;
use aws_sdk_ssm::types as ssm;
use std::collections::HashMap;
use wavetrain_model::association::{DOCUMENT, Definition, Output, Target};
use wavetrain_model::fleet::Site;
use wavetrain_model::id::{AssociationId, CommandId, NodeId};
use wavetrain_ports::associations::{Associations, Execution, Named, Run};
use wavetrain_ports::distributor::Sent;
use wavetrain_ports::failure::{Class, Failure};

/// `MaxResults` of the listings.
const PAGE: i32 = 50;

#[async_trait]
impl Associations for Aws {
    async fn create_association(&self, site: &Site, definition: &Definition) -> Sent {
        let made = async { with_reach!(self, site, |reach| create(reach, definition)) }.await;
        match made {
            Ok(id) => Sent::Accepted { command: CommandId::new(id) },
            Err(failure) if failure.class == Class::UnknownOutcome => Sent::Unknown(failure),
            Err(failure) => Sent::Refused(failure),
        }
    }

    async fn update_association(
        &self,
        site: &Site,
        id: &AssociationId,
        definition: &Definition,
    ) -> Result<(), Failure> {
        with_reach!(self, site, |reach| update(reach, id, definition))
    }

    async fn retarget(&self, site: &Site, id: &AssociationId, targets: &[Target]) -> Result<(), Failure> {
        with_reach!(self, site, |reach| retarget(reach, id, targets))
    }

    async fn delete_association(&self, site: &Site, id: &AssociationId) -> Result<(), Failure> {
        with_reach!(self, site, |reach| delete(reach, id))
    }

    async fn associations(&self, site: &Site) -> Result<Vec<Named>, Failure> {
        with_reach!(self, site, |reach| list(reach))
    }

    async fn association(&self, site: &Site, id: &AssociationId) -> Result<Definition, Failure> {
        let raw = with_reach!(self, site, |reach| describe(reach, id))?;
        Ok(definition(&raw))
    }

    async fn executions(&self, site: &Site, id: &AssociationId) -> Result<Vec<Execution>, Failure> {
        with_reach!(self, site, |reach| executions(reach, id))
    }

    async fn execution_targets(
        &self,
        site: &Site,
        id: &AssociationId,
        execution: &str,
    ) -> Result<Vec<Run>, Failure> {
        with_reach!(self, site, |reach| execution_targets(reach, id, execution))
    }

    async fn set_default_version(&self, site: &Site, name: &str, version: &str) -> Result<bool, Failure> {
        with_reach!(self, site, |reach| set_default_version(reach, name, version))
    }
}

async fn create(reach: &Reach, definition: &Definition) -> Result<String, Failure> {
    const OPERATION: &str = "CreateAssociation";
    let call = reach
        .run_command
        .create_association()
        .name(DOCUMENT)
        .set_association_name(name(definition))
        .set_parameters(Some(parameters(definition)))
        .set_targets(Some(targets(&definition.targets)))
        .set_schedule_expression(definition.schedule.clone())
        .set_compliance_severity(severity(definition))
        .set_max_concurrency(definition.max_concurrency.clone())
        .set_max_errors(definition.max_errors.clone())
        .set_output_location(definition.output.as_ref().map(location));
    let answer = reach.settle(OPERATION, Effect::Mutating, call.send().await)?;
    let id = answer.association_description().and_then(|made| made.association_id());
    id.map(str::to_owned)
        .ok_or_else(|| nonsense(OPERATION, Effect::Mutating, "the answer names no association"))
}

async fn update(reach: &Reach, id: &AssociationId, definition: &Definition) -> Result<(), Failure> {
    let call = reach
        .run_command
        .update_association()
        .association_id(id.as_str())
        .name(DOCUMENT)
        .set_association_name(name(definition))
        .set_parameters(Some(parameters(definition)))
        .set_targets(Some(targets(&definition.targets)))
        .set_schedule_expression(definition.schedule.clone())
        .set_compliance_severity(severity(definition))
        .set_max_concurrency(definition.max_concurrency.clone())
        .set_max_errors(definition.max_errors.clone())
        .set_output_location(definition.output.as_ref().map(location));
    reach.settle("UpdateAssociation", Effect::Mutating, call.send().await).map(|_| ())
}

/// Everything that the association says goes back as it is: what an update leaves out is reset.
async fn retarget(reach: &Reach, id: &AssociationId, wanted: &[Target]) -> Result<(), Failure> {
    let raw = describe(reach, id).await?;
    if read_targets(raw.targets()) == wanted {
        return Ok(());
    }
    let call = reach
        .run_command
        .update_association()
        .association_id(id.as_str())
        .set_name(raw.name)
        .set_association_name(raw.association_name)
        .set_document_version(raw.document_version)
        .set_parameters(raw.parameters)
        .set_targets(Some(targets(wanted)))
        .set_schedule_expression(raw.schedule_expression)
        .set_output_location(raw.output_location)
        .set_automation_target_parameter_name(raw.automation_target_parameter_name)
        .set_max_errors(raw.max_errors)
        .set_max_concurrency(raw.max_concurrency)
        .set_compliance_severity(raw.compliance_severity)
        .set_sync_compliance(raw.sync_compliance)
        .apply_only_at_cron_interval(raw.apply_only_at_cron_interval)
        .set_calendar_names(raw.calendar_names)
        .set_target_locations(raw.target_locations)
        .set_schedule_offset(raw.schedule_offset)
        .set_duration(raw.duration)
        .set_target_maps(raw.target_maps)
        .set_alarm_configuration(raw.alarm_configuration);
    reach.settle("UpdateAssociation", Effect::Mutating, call.send().await).map(|_| ())
}

async fn delete(reach: &Reach, id: &AssociationId) -> Result<(), Failure> {
    let result = reach.run_command.delete_association().association_id(id.as_str()).send().await;
    reach.settle("DeleteAssociation", Effect::Mutating, result).map(|_| ())
}

async fn list(reach: &Reach) -> Result<Vec<Named>, Failure> {
    const OPERATION: &str = "ListAssociations";
    let of_document = ssm::AssociationFilter::builder()
        .key(ssm::AssociationFilterKey::Name)
        .value(DOCUMENT)
        .build()
        .map_err(|error| nonsense(OPERATION, Effect::Read, &error.to_string()))?;
    let mut found = Vec::new();
    let mut pages = Pages::of(OPERATION);
    loop {
        let call = reach.ssm.list_associations().association_filter_list(of_document.clone());
        let result = call.max_results(PAGE).set_next_token(pages.token()).send().await;
        let page = reach.settle(OPERATION, Effect::Read, result)?;
        found.extend(page.associations().iter().filter_map(|row| {
            let name = row.association_name().unwrap_or_default().to_owned();
            Some(Named { id: AssociationId::new(row.association_id()?), name })
        }));
        if !pages.turn(page.next_token())? {
            return Ok(found);
        }
    }
}

async fn describe(reach: &Reach, id: &AssociationId) -> Result<ssm::AssociationDescription, Failure> {
    const OPERATION: &str = "DescribeAssociation";
    let result = reach.ssm.describe_association().association_id(id.as_str()).send().await;
    let answer = reach.settle(OPERATION, Effect::Read, result)?;
    answer
        .association_description
        .ok_or_else(|| nonsense(OPERATION, Effect::Read, "the answer describes no association"))
}

async fn executions(reach: &Reach, id: &AssociationId) -> Result<Vec<Execution>, Failure> {
    const OPERATION: &str = "DescribeAssociationExecutions";
    let mut found = Vec::new();
    let mut pages = Pages::of(OPERATION);
    loop {
        let call = reach.run_command.describe_association_executions().association_id(id.as_str());
        let result = call.max_results(PAGE).set_next_token(pages.token()).send().await;
        let page = reach.settle(OPERATION, Effect::Read, result)?;
        found.extend(page.association_executions().iter().filter_map(|row| {
            let counts = row.resource_count_by_status().unwrap_or_default();
            let at = row.created_time().and_then(|at| at.to_millis().ok()).unwrap_or(0);
            Some((at, Execution::read(row.execution_id()?, counts)))
        }));
        if !pages.turn(page.next_token())? {
            break;
        }
    }
    found.sort_by(|(a, one), (b, other)| (a, &one.id).cmp(&(b, &other.id)));
    Ok(found.into_iter().map(|(_, execution)| execution).collect())
}

async fn execution_targets(reach: &Reach, id: &AssociationId, execution: &str) -> Result<Vec<Run>, Failure> {
    const OPERATION: &str = "DescribeAssociationExecutionTargets";
    let mut found = Vec::new();
    let mut pages = Pages::of(OPERATION);
    loop {
        let call = reach.run_command.describe_association_execution_targets();
        let call = call.association_id(id.as_str()).execution_id(execution).max_results(PAGE);
        let result = call.set_next_token(pages.token()).send().await;
        let page = reach.settle(OPERATION, Effect::Read, result)?;
        found.extend(page.association_execution_targets().iter().filter_map(|row| {
            let words = (row.status().unwrap_or_default(), row.detailed_status().unwrap_or_default());
            let command = row.output_source().and_then(|source| source.output_source_id());
            Some(Run {
                node: NodeId::new(row.resource_id()?),
                status: Run::status(words.0, words.1),
                command: command.map(CommandId::new),
            })
        }));
        if !pages.turn(page.next_token())? {
            return Ok(found);
        }
    }
}

async fn set_default_version(reach: &Reach, name: &str, version: &str) -> Result<bool, Failure> {
    const OPERATION: &str = "ListDocumentVersions";
    let mut pages = Pages::of(OPERATION);
    let number = loop {
        let call = reach.run_command.list_document_versions().name(name).max_results(PAGE);
        let result = call.set_next_token(pages.token()).send().await;
        let page = reach.settle(OPERATION, Effect::Read, result)?;
        if let Some(row) = page.document_versions().iter().find(|row| row.version_name() == Some(version)) {
            if row.is_default_version() {
                return Ok(false);
            }
            break row.document_version().map(str::to_owned);
        }
        if !pages.turn(page.next_token())? {
            break None;
        }
    };
    // Numbers of one version differ from Region to Region: only the name says which one is meant.
    let Some(number) = number else {
        return Err(Failure {
            class: Class::NotFound,
            operation: OPERATION.to_owned(),
            message: format!("{name} has no version {version}"),
            code: String::new(),
        });
    };
    let call = reach.run_command.update_document_default_version().name(name).document_version(number);
    reach.settle("UpdateDocumentDefaultVersion", Effect::Mutating, call.send().await).map(|_| true)
}

fn name(definition: &Definition) -> Option<String> {
    (!definition.name.is_empty()).then(|| definition.name.clone())
}

fn parameters(definition: &Definition) -> HashMap<String, Vec<String>> {
    definition.parameters.iter().map(|(key, value)| (key.clone(), vec![value.clone()])).collect()
}

fn targets(targets: &[Target]) -> Vec<ssm::Target> {
    let one = |target: &Target| {
        ssm::Target::builder().key(&target.key).set_values(Some(target.values.clone())).build()
    };
    targets.iter().map(one).collect()
}

fn severity(definition: &Definition) -> Option<ssm::AssociationComplianceSeverity> {
    definition.compliance_severity.as_deref().map(ssm::AssociationComplianceSeverity::from)
}

fn location(output: &Output) -> ssm::InstanceAssociationOutputLocation {
    let s3 = ssm::S3OutputLocation::builder()
        .output_s3_bucket_name(&output.bucket)
        .set_output_s3_key_prefix(output.prefix.clone())
        .set_output_s3_region(output.region.clone())
        .build();
    ssm::InstanceAssociationOutputLocation::builder().s3_location(s3).build()
}

fn read_targets(raw: &[ssm::Target]) -> Vec<Target> {
    let one = |target: &ssm::Target| Target {
        key: target.key().unwrap_or_default().to_owned(),
        values: target.values().to_vec(),
    };
    raw.iter().map(one).collect()
}

fn definition(raw: &ssm::AssociationDescription) -> Definition {
    let text = |text: Option<&str>| text.map(str::to_owned);
    let parameters = raw.parameters().into_iter().flatten();
    let mut targets = read_targets(raw.targets());
    if let (true, Some(node)) = (targets.is_empty(), raw.instance_id()) {
        // The old form, for one node.
        targets.push(Target { key: "InstanceIds".to_owned(), values: vec![node.to_owned()] });
    }
    let s3 = raw.output_location().and_then(ssm::InstanceAssociationOutputLocation::s3_location);
    Definition {
        name: raw.association_name().unwrap_or_default().to_owned(),
        parameters: parameters
            .map(|(key, values)| (key.clone(), values.first().cloned().unwrap_or_default()))
            .collect(),
        targets,
        schedule: text(raw.schedule_expression()),
        compliance_severity: raw.compliance_severity().map(|severity| severity.as_str().to_owned()),
        max_concurrency: text(raw.max_concurrency()),
        max_errors: text(raw.max_errors()),
        output: s3.and_then(|s3| {
            Some(Output {
                bucket: s3.output_s3_bucket_name()?.to_owned(),
                prefix: text(s3.output_s3_key_prefix()),
                region: text(s3.output_s3_region()),
            })
        }),
    }
}
