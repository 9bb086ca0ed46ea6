//! Calls that make, change, start and remove associations.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::agent::run::bare_name;
use crate::api::ApiError;
use crate::api::ssm::{
    AssociationDescription, CreateAssociationInput, CreateAssociationOutput, DeleteAssociationInput,
    DeleteAssociationOutput, DescribeAssociationInput, DescribeAssociationOutput, StartAssociationsOnceInput,
    StartAssociationsOnceOutput, UpdateAssociationInput, UpdateAssociationOutput,
};
use crate::ssm::parameters;
use crate::world::{SiteIndex, World};

use super::run::waits_for_its_time;
use super::schedule::Schedule;
use super::{Association, AssociationRef, Version};

/// Associations of an account and Region.
const MOST: usize = 2000;
/// Versions of one association.
const MOST_VERSIONS: usize = 1000;

impl World {
    pub(crate) fn create_association(
        &mut self,
        site: SiteIndex,
        input: CreateAssociationInput,
    ) -> Result<CreateAssociationOutput, ApiError> {
        self.check_definition(site, &input)?;
        if self.live_associations(site).count() >= MOST {
            return Err(ApiError::association_limit_exceeded());
        }
        let twin = |other: &CreateAssociationInput| {
            other.name == input.name && other.instance_id == input.instance_id
        };
        if input.instance_id.is_some()
            && self.live_associations(site).any(|(_, other)| twin(other.definition()))
        {
            return Err(ApiError::association_already_exists());
        }
        let at = AssociationRef { site, index: self.associations[site as usize].len() as u32 };
        let id: Arc<str> = Arc::from(self.next_uuid("association"));
        self.association_ids.insert(Arc::clone(&id), at);
        let version =
            Version { created: self.now, definition: CreateAssociationInput { tags: None, ..input } };
        self.associations[site as usize].push(Association {
            id,
            created: self.now,
            is_deleted: false,
            versions: vec![version],
            executions: Vec::new(),
            runs: BTreeMap::new(),
            plans: 0,
        });
        self.begin_version(at);
        Ok(CreateAssociationOutput { association_description: self.described_association(at, None)? })
    }

    /// A new version is applied at once, except where it waits for its time.
    fn begin_version(&mut self, at: AssociationRef) {
        if !waits_for_its_time(self.association(at)) {
            let nodes = self.association_nodes(at);
            self.apply_association(at, &nodes);
        }
        self.plan_association(at);
    }

    pub(crate) fn update_association(
        &mut self,
        site: SiteIndex,
        input: &UpdateAssociationInput,
    ) -> Result<UpdateAssociationOutput, ApiError> {
        let at = self.known_association(site, &input.association_id)?;
        let association = self.association(at);
        let count = association.version();
        match input.association_version.as_deref() {
            None | Some("$LATEST") => {}
            Some(version) if version == count.to_string() => {}
            Some(_) => {
                return Err(ApiError::invalid_association_version("Only the latest version can be updated."));
            }
        }
        if count >= MOST_VERSIONS {
            return Err(ApiError::association_version_limit_exceeded("There are 1000 versions already."));
        }
        let before = association.definition();
        let mut definition = input.definition(&before.name);
        definition.instance_id.clone_from(&before.instance_id);
        if definition.instance_id.is_none() && definition.targets.is_none() {
            // The one thing an association cannot be without.
            definition.targets.clone_from(&before.targets);
        }
        self.check_definition(site, &definition)?;
        let version = Version { created: self.now, definition };
        self.association_mut(at).versions.push(version);
        self.begin_version(at);
        Ok(UpdateAssociationOutput { association_description: self.described_association(at, None)? })
    }

    pub(crate) fn start_associations_once(
        &mut self,
        site: SiteIndex,
        input: &StartAssociationsOnceInput,
    ) -> Result<StartAssociationsOnceOutput, ApiError> {
        let ids = input.association_ids.as_deref().unwrap_or_default();
        let found: Result<Vec<_>, _> = ids.iter().map(|id| self.known_association(site, id)).collect();
        for at in found? {
            let nodes = self.association_nodes(at);
            self.apply_association(at, &nodes);
        }
        Ok(StartAssociationsOnceOutput {})
    }

    pub(crate) fn delete_association(
        &mut self,
        site: SiteIndex,
        input: &DeleteAssociationInput,
    ) -> Result<DeleteAssociationOutput, ApiError> {
        let (id, name, node) = (&input.association_id, &input.name, &input.instance_id);
        let at = self.named_association(site, id.as_deref(), name.as_deref(), node.as_deref())?;
        self.association_mut(at).is_deleted = true;
        Ok(DeleteAssociationOutput {})
    }

    pub(crate) fn describe_association(
        &self,
        site: SiteIndex,
        input: &DescribeAssociationInput,
    ) -> Result<DescribeAssociationOutput, ApiError> {
        let (id, name, node) = (&input.association_id, &input.name, &input.instance_id);
        let at = self.named_association(site, id.as_deref(), name.as_deref(), node.as_deref())?;
        let association_description = self.described_association(at, input.association_version.as_deref())?;
        Ok(DescribeAssociationOutput { association_description })
    }

    /// An association of the site, by id.
    pub(super) fn known_association(&self, site: SiteIndex, id: &str) -> Result<AssociationRef, ApiError> {
        let at = self.association_ids.get(id).copied().filter(|at| at.site == site);
        at.filter(|at| !self.association(*at).is_deleted)
            .ok_or_else(|| ApiError::association_does_not_exist(format!("Association {id} does not exist.")))
    }

    fn named_association(
        &self,
        site: SiteIndex,
        id: Option<&str>,
        name: Option<&str>,
        node: Option<&str>,
    ) -> Result<AssociationRef, ApiError> {
        if let Some(id) = id {
            return self.known_association(site, id);
        }
        let (Some(name), Some(node)) = (name, node) else {
            return Err(ApiError::validation("AssociationId, or Name and InstanceId, must be specified."));
        };
        let meant = |association: &Association| {
            let definition = association.definition();
            definition.name == name && definition.instance_id.as_deref() == Some(node)
        };
        let found =
            self.live_associations(site).find(|(_, association)| meant(association)).map(|(at, _)| at);
        found.ok_or_else(|| ApiError::association_does_not_exist("There is no such association."))
    }

    fn check_definition(&self, site: SiteIndex, input: &CreateAssociationInput) -> Result<(), ApiError> {
        let name = bare_name(&input.name);
        let document = parameters::command_document(name).ok_or_else(|| {
            ApiError::invalid_document(format!("Document with name {} does not exist.", input.name))
        })?;
        if !matches!(input.document_version.as_deref(), None | Some("$DEFAULT" | "$LATEST" | "1")) {
            return Err(ApiError::invalid_document_version("The document version is not valid."));
        }
        if input.target_maps.as_ref().is_some_and(|maps| !maps.is_empty()) {
            return Err(ApiError::invalid_target_maps("TargetMaps are for Automation documents."));
        }
        let automation = input.automation_target_parameter_name.is_some()
            || input.target_locations.as_ref().is_some_and(|locations| !locations.is_empty());
        if automation {
            return Err(ApiError::invalid_parameters("TargetLocations are for Automation documents."));
        }
        if input.calendar_names.as_ref().is_some_and(|names| !names.is_empty()) {
            return Err(ApiError::validation("Change calendars are not modelled here."));
        }
        parameters::job(document, &input.parameters.clone().unwrap_or_default())?;
        self.check_targets(site, input)?;
        check_schedule(input)
    }

    fn check_targets(&self, site: SiteIndex, input: &CreateAssociationInput) -> Result<(), ApiError> {
        let targets = input.targets.as_deref().unwrap_or_default();
        match (&input.instance_id, targets.is_empty()) {
            (Some(_), false) => {
                return Err(ApiError::invalid_target("InstanceId and Targets cannot both be specified."));
            }
            (None, true) => return Err(ApiError::invalid_target("InstanceId or Targets must be specified.")),
            (Some(id), true) if self.managed(site, id).is_none() => {
                return Err(ApiError::invalid_instance_id(format!("{id} is not a managed node.")));
            }
            _ => {}
        }
        for target in targets {
            if !target.is_supported() || target.values.is_empty() {
                let key = target.key.as_deref().unwrap_or_default();
                return Err(ApiError::invalid_target(format!(
                    "Target key {key} is not supported, or has no values."
                )));
            }
        }
        Ok(())
    }
}

fn check_schedule(input: &CreateAssociationInput) -> Result<(), ApiError> {
    let only_at_cron = input.apply_only_at_cron_interval == Some(true);
    let Some(text) = &input.schedule_expression else {
        return if only_at_cron || input.schedule_offset.is_some() {
            Err(ApiError::invalid_schedule(
                "ApplyOnlyAtCronInterval and ScheduleOffset need a cron schedule.",
            ))
        } else {
            Ok(())
        };
    };
    let schedule = Schedule::parse(text).map_err(ApiError::invalid_schedule)?;
    if only_at_cron && matches!(schedule, Schedule::Rate(_)) {
        return Err(ApiError::invalid_schedule(
            "ApplyOnlyAtCronInterval is not supported for rate expressions.",
        ));
    }
    if input.schedule_offset.is_some() && !(only_at_cron && schedule.is_cron()) {
        return Err(ApiError::invalid_schedule(
            "ScheduleOffset needs a cron schedule and ApplyOnlyAtCronInterval.",
        ));
    }
    Ok(())
}

impl World {
    fn described_association(
        &self,
        at: AssociationRef,
        version: Option<&str>,
    ) -> Result<AssociationDescription, ApiError> {
        let association = self.association(at);
        let number = match version {
            None | Some("$LATEST") => association.version(),
            Some(number) => {
                number.parse().ok().filter(|number| (1..=association.version()).contains(number)).ok_or_else(
                    || ApiError::invalid_association_version(format!("There is no version {number}.")),
                )?
            }
        };
        let Version { created, definition } = association.versions[number - 1].clone();
        let (last, last_good) = self.last_runs(association);
        Ok(AssociationDescription {
            name: definition.name,
            instance_id: definition.instance_id,
            association_version: number.to_string(),
            date: Some(super::listing::moment(association.created)),
            last_update_association_date: Some(super::listing::moment(created)),
            overview: self.overview(association),
            document_version: Some(definition.document_version.unwrap_or_else(|| "$DEFAULT".to_owned())),
            parameters: definition.parameters,
            association_id: association.id.to_string(),
            targets: definition.targets.unwrap_or_default(),
            schedule_expression: definition.schedule_expression,
            output_location: definition.output_location,
            last_execution_date: last,
            last_successful_execution_date: last_good,
            association_name: definition.association_name,
            max_errors: definition.max_errors,
            max_concurrency: definition.max_concurrency,
            compliance_severity: definition.compliance_severity,
            sync_compliance: definition.sync_compliance,
            apply_only_at_cron_interval: definition.apply_only_at_cron_interval.unwrap_or(false),
            schedule_offset: definition.schedule_offset,
            duration: definition.duration,
            alarm_configuration: definition.alarm_configuration,
            association_dispatch_assume_role: definition.association_dispatch_assume_role,
        })
    }
}
