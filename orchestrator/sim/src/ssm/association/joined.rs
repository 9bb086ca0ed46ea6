//! Associations of real agents: they fetch them, apply them by their own clocks, and say what became of it.

use sha2::{Digest, Sha256};

use crate::agent::run::{Ending, Report};
use crate::api::ApiError;
use crate::api::ssm::{
    InstanceAssociationSummary, ListInstanceAssociationsInput, ListInstanceAssociationsOutput,
    UpdateInstanceAssociationStatusInput, UpdateInstanceAssociationStatusOutput,
};
use crate::package::hex;
use crate::world::{SiteIndex, World};

use super::Association;

impl World {
    pub(in crate::ssm) fn list_instance_associations(
        &self,
        site: SiteIndex,
        input: &ListInstanceAssociationsInput,
    ) -> Result<ListInstanceAssociationsOutput, ApiError> {
        let node = self.real_node(&input.instance_id)?;
        let live = self.live_associations(site).filter(|(at, _)| self.is_target(*at, node));
        let associations = live
            .map(|(_, association)| {
                let last = association.runs.get(&node).and_then(|runs| runs.last());
                let status = last.map_or("Pending", |run| self.run_state(run).0);
                summary(association, &input.instance_id, status)
            })
            .collect();
        Ok(ListInstanceAssociationsOutput { associations, next_token: None })
    }

    /// The agent's word on the latest time that an association was due on its node.
    pub(in crate::ssm) fn update_instance_association_status(
        &mut self,
        input: &UpdateInstanceAssociationStatusInput,
    ) -> Result<UpdateInstanceAssociationStatusOutput, ApiError> {
        let node = self.real_node(&input.instance_id)?;
        let at = self.association_ids.get(&*input.association_id).copied();
        let known = at.map(|at| self.association(at)).filter(|association| !association.is_deleted);
        let association = known.ok_or_else(|| {
            ApiError::client("AssociationDoesNotExist", format!("{} is unknown.", input.association_id))
        })?;
        let last = association.runs.get(&node).and_then(|runs| runs.last());
        let (Some(invocation), Some(result)) =
            (last.and_then(|run| run.invocation), input.execution_result.as_ref())
        else {
            return Ok(UpdateInstanceAssociationStatusOutput {});
        };
        let ending = match result.status.as_str() {
            "Success" => Ending::Success,
            "Failed" => Ending::Failed,
            "TimedOut" => Ending::TimedOut,
            "InProgress" => {
                self.mark_begun(invocation);
                return Ok(UpdateInstanceAssociationStatusOutput {});
            }
            _ => return Ok(UpdateInstanceAssociationStatusOutput {}),
        };
        let stdout = result.execution_summary.clone().unwrap_or_default();
        let code = i32::from(ending != Ending::Success);
        self.answer(invocation, Report { ending, code, stdout, stderr: String::new() });
        Ok(UpdateInstanceAssociationStatusOutput {})
    }
}

fn summary(association: &Association, instance_id: &str, status: &str) -> InstanceAssociationSummary {
    let definition = association.definition();
    let said = format!("{} {:?} {:?}", definition.name, definition.document_version, definition.parameters);
    InstanceAssociationSummary {
        association_id: association.id.to_string(),
        association_version: Some(association.version().to_string()),
        association_name: definition.association_name.clone(),
        checksum: Some(hex(&Sha256::digest(said.as_bytes()))),
        detailed_status: Some(status.to_owned()),
        document_version: Some(definition.document_version.clone().unwrap_or_else(|| "$DEFAULT".to_owned())),
        instance_id: instance_id.to_owned(),
        name: definition.name.clone(),
        parameters: definition.parameters.clone(),
        schedule_expression: definition.schedule_expression.clone(),
        targets: definition.targets.clone(),
    }
}
