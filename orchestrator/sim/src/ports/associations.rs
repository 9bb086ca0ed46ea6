//! State Manager through the world.

use std::collections::BTreeMap;

use async_trait::async_trait;
use wavetrain_model::association::{DOCUMENT, Definition, Output, Target};
use wavetrain_model::fleet::Site;
use wavetrain_model::id::{AssociationId, CommandId, NodeId};
use wavetrain_ports::associations::{Associations, Execution, Named, Run};
use wavetrain_ports::distributor::Sent;
use wavetrain_ports::failure::{Class, Failure};

use crate::api::Response;
use crate::api::ssm::{
    AssociationDescription, AssociationFilter, CreateAssociationInput, DeleteAssociationInput,
    DescribeAssociationExecutionTargetsInput, DescribeAssociationExecutionsInput, DescribeAssociationInput,
    InstanceAssociationOutputLocation, ListAssociationsInput, ListDocumentVersionsInput, Response as Ssm,
    S3OutputLocation, Target as WireTarget, UpdateAssociationInput, UpdateDocumentDefaultVersionInput,
};

use super::SimulatedCloud;
use super::failure::{Effect, nonsense};

/// `MaxResults` of the listings.
const PAGE: i32 = 50;

#[async_trait]
impl Associations for SimulatedCloud {
    async fn create_association(&self, site: &Site, definition: &Definition) -> Sent {
        let definition = definition.clone();
        let input = CreateAssociationInput {
            name: DOCUMENT.to_owned(),
            association_name: name(&definition),
            parameters: Some(parameters(&definition)),
            targets: Some(targets(&definition.targets)),
            output_location: definition.output.as_ref().map(location),
            schedule_expression: definition.schedule,
            compliance_severity: definition.compliance_severity,
            max_concurrency: definition.max_concurrency,
            max_errors: definition.max_errors,
            ..Default::default()
        };
        match self.call(site, Effect::Mutating, input) {
            Ok(Response::Ssm(Ssm::CreateAssociation(output))) => {
                Sent::Accepted { command: CommandId::new(output.association_description.association_id) }
            }
            Ok(_) => Sent::Unknown(nonsense("CreateAssociation", Effect::Mutating)),
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
        let definition = definition.clone();
        let input = UpdateAssociationInput {
            association_id: id.as_str().to_owned(),
            name: Some(DOCUMENT.to_owned()),
            association_name: name(&definition),
            parameters: Some(parameters(&definition)),
            targets: Some(targets(&definition.targets)),
            output_location: definition.output.as_ref().map(location),
            schedule_expression: definition.schedule,
            compliance_severity: definition.compliance_severity,
            max_concurrency: definition.max_concurrency,
            max_errors: definition.max_errors,
            ..Default::default()
        };
        self.call(site, Effect::Mutating, input).map(|_| ())
    }

    async fn retarget(&self, site: &Site, id: &AssociationId, wanted: &[Target]) -> Result<(), Failure> {
        let raw = self.described(site, id)?;
        if read_targets(&raw.targets) == wanted {
            return Ok(());
        }
        let input = UpdateAssociationInput {
            association_id: id.as_str().to_owned(),
            name: Some(raw.name),
            association_name: raw.association_name,
            document_version: raw.document_version,
            parameters: raw.parameters,
            targets: Some(targets(wanted)),
            schedule_expression: raw.schedule_expression,
            output_location: raw.output_location,
            max_errors: raw.max_errors,
            max_concurrency: raw.max_concurrency,
            compliance_severity: raw.compliance_severity,
            sync_compliance: raw.sync_compliance,
            apply_only_at_cron_interval: Some(raw.apply_only_at_cron_interval),
            schedule_offset: raw.schedule_offset,
            duration: raw.duration,
            alarm_configuration: raw.alarm_configuration,
            ..Default::default()
        };
        self.call(site, Effect::Mutating, input).map(|_| ())
    }

    async fn delete_association(&self, site: &Site, id: &AssociationId) -> Result<(), Failure> {
        let input =
            DeleteAssociationInput { association_id: Some(id.as_str().to_owned()), ..Default::default() };
        self.call(site, Effect::Mutating, input).map(|_| ())
    }

    async fn associations(&self, site: &Site) -> Result<Vec<Named>, Failure> {
        let (mut found, mut token) = (Vec::new(), None);
        loop {
            let filter = AssociationFilter { key: "Name".to_owned(), value: DOCUMENT.to_owned() };
            let input = ListAssociationsInput {
                association_filter_list: Some(vec![filter]),
                max_results: Some(PAGE),
                next_token: token,
            };
            let Response::Ssm(Ssm::ListAssociations(page)) = self.call(site, Effect::Read, input)? else {
                return Err(nonsense("ListAssociations", Effect::Read));
            };
            found.extend(page.associations.into_iter().map(|row| Named {
                id: AssociationId::new(row.association_id),
                name: row.association_name.unwrap_or_default(),
            }));
            token = page.next_token;
            if token.is_none() {
                return Ok(found);
            }
        }
    }

    async fn association(&self, site: &Site, id: &AssociationId) -> Result<Definition, Failure> {
        self.described(site, id).map(definition)
    }

    async fn executions(&self, site: &Site, id: &AssociationId) -> Result<Vec<Execution>, Failure> {
        let (mut found, mut token) = (Vec::new(), None);
        loop {
            let input = DescribeAssociationExecutionsInput {
                association_id: id.as_str().to_owned(),
                max_results: Some(PAGE),
                next_token: token,
                ..Default::default()
            };
            let answer = self.call(site, Effect::Read, input)?;
            let Response::Ssm(Ssm::DescribeAssociationExecutions(page)) = answer else {
                return Err(nonsense("DescribeAssociationExecutions", Effect::Read));
            };
            found.extend(
                page.association_executions
                    .iter()
                    .map(|row| Execution::read(&row.execution_id, &row.resource_count_by_status)),
            );
            token = page.next_token;
            if token.is_none() {
                found.reverse();
                return Ok(found);
            }
        }
    }

    async fn execution_targets(
        &self,
        site: &Site,
        id: &AssociationId,
        execution: &str,
    ) -> Result<Vec<Run>, Failure> {
        let (mut found, mut token) = (Vec::new(), None);
        loop {
            let input = DescribeAssociationExecutionTargetsInput {
                association_id: id.as_str().to_owned(),
                execution_id: execution.to_owned(),
                max_results: Some(PAGE),
                next_token: token,
                ..Default::default()
            };
            let answer = self.call(site, Effect::Read, input)?;
            let Response::Ssm(Ssm::DescribeAssociationExecutionTargets(page)) = answer else {
                return Err(nonsense("DescribeAssociationExecutionTargets", Effect::Read));
            };
            found.extend(page.association_execution_targets.into_iter().map(|row| Run {
                status: Run::status(&row.status, &row.detailed_status),
                command: row.output_source.map(|source| CommandId::new(source.output_source_id)),
                node: NodeId::new(row.resource_id),
            }));
            token = page.next_token;
            if token.is_none() {
                return Ok(found);
            }
        }
    }

    async fn set_default_version(&self, site: &Site, name: &str, version: &str) -> Result<bool, Failure> {
        let Some((number, is_default)) = self.numbered(site, name, version)? else {
            return Err(Failure {
                class: Class::NotFound,
                operation: "ListDocumentVersions".to_owned(),
                message: format!("{name} has no version {version}"),
                code: String::new(),
            });
        };
        if is_default {
            return Ok(false);
        }
        let input = UpdateDocumentDefaultVersionInput { name: name.to_owned(), document_version: number };
        self.call(site, Effect::Mutating, input).map(|_| true)
    }
}

impl SimulatedCloud {
    fn described(&self, site: &Site, id: &AssociationId) -> Result<AssociationDescription, Failure> {
        let input =
            DescribeAssociationInput { association_id: Some(id.as_str().to_owned()), ..Default::default() };
        match self.call(site, Effect::Read, input)? {
            Response::Ssm(Ssm::DescribeAssociation(output)) => Ok(output.association_description),
            _ => Err(nonsense("DescribeAssociation", Effect::Read)),
        }
    }

    /// A version's number there, and whether it is the default.
    fn numbered(&self, site: &Site, name: &str, version: &str) -> Result<Option<(String, bool)>, Failure> {
        let mut token = None;
        loop {
            let input = ListDocumentVersionsInput {
                name: name.to_owned(),
                max_results: Some(PAGE),
                next_token: token,
            };
            let Response::Ssm(Ssm::ListDocumentVersions(page)) = self.call(site, Effect::Read, input)? else {
                return Err(nonsense("ListDocumentVersions", Effect::Read));
            };
            let mut rows = page.document_versions.into_iter();
            if let Some(row) = rows.find(|row| row.version_name.as_deref() == Some(version)) {
                return Ok(Some((row.document_version, row.is_default_version)));
            }
            token = page.next_token;
            if token.is_none() {
                return Ok(None);
            }
        }
    }
}

fn name(definition: &Definition) -> Option<String> {
    (!definition.name.is_empty()).then(|| definition.name.clone())
}

fn parameters(definition: &Definition) -> BTreeMap<String, Vec<String>> {
    definition.parameters.iter().map(|(key, value)| (key.clone(), vec![value.clone()])).collect()
}

fn targets(targets: &[Target]) -> Vec<WireTarget> {
    let one = |target: &Target| WireTarget { key: Some(target.key.clone()), values: target.values.clone() };
    targets.iter().map(one).collect()
}

fn location(output: &Output) -> InstanceAssociationOutputLocation {
    InstanceAssociationOutputLocation {
        s3_location: Some(S3OutputLocation {
            output_s3_region: output.region.clone(),
            output_s3_bucket_name: Some(output.bucket.clone()),
            output_s3_key_prefix: output.prefix.clone(),
        }),
    }
}

fn read_targets(raw: &[WireTarget]) -> Vec<Target> {
    let one = |target: &WireTarget| Target {
        key: target.key.clone().unwrap_or_default(),
        values: target.values.clone(),
    };
    raw.iter().map(one).collect()
}

fn definition(raw: AssociationDescription) -> Definition {
    let mut targets = read_targets(&raw.targets);
    if let (true, Some(node)) = (targets.is_empty(), raw.instance_id) {
        targets.push(Target { key: "InstanceIds".to_owned(), values: vec![node] });
    }
    let s3 = raw.output_location.and_then(|location| location.s3_location);
    Definition {
        name: raw.association_name.unwrap_or_default(),
        parameters: raw
            .parameters
            .unwrap_or_default()
            .into_iter()
            .map(|(key, values)| (key, values.into_iter().next().unwrap_or_default()))
            .collect(),
        targets,
        schedule: raw.schedule_expression,
        compliance_severity: raw.compliance_severity,
        max_concurrency: raw.max_concurrency,
        max_errors: raw.max_errors,
        output: s3.and_then(|s3| {
            Some(Output {
                bucket: s3.output_s3_bucket_name?,
                prefix: s3.output_s3_key_prefix,
                region: s3.output_s3_region,
            })
        }),
    }
}
