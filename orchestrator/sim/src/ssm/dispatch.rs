//! Which call does what.

use crate::api::ssm::Request;
use crate::api::{ApiError, Response};
use crate::fault::Judgement;
use crate::world::{SiteIndex, World};

impl World {
    pub(crate) fn carry_out_ssm(
        &mut self,
        site: SiteIndex,
        request: Request,
        judgement: &Judgement,
    ) -> Result<Response, ApiError> {
        use Request as R;
        match request {
            R::SendCommand(input) => self.send_command(site, *input, judgement).map(Into::into),
            R::ListCommands(input) => self.list_commands(site, &input, judgement).map(Into::into),
            R::ListCommandInvocations(input) => {
                self.list_command_invocations(site, &input, judgement).map(Into::into)
            }
            R::GetCommandInvocation(input) => {
                self.get_command_invocation(site, &input, judgement).map(Into::into)
            }
            R::CancelCommand(input) => self.cancel_command(site, &input).map(Into::into),
            R::DescribeInstanceInformation(input) => {
                self.describe_instance_information(site, &input, judgement).map(Into::into)
            }
            R::DescribeInstanceProperties(input) => {
                self.describe_instance_properties(site, &input, judgement).map(Into::into)
            }
            R::DescribeDocument(input) => self.describe_document(site, &input).map(Into::into),
            R::GetDocument(input) => self.get_document(site, &input).map(Into::into),
            R::ListDocumentVersions(input) => {
                self.list_document_versions(site, &input, judgement).map(Into::into)
            }
            R::ListDocuments(input) => self.list_documents(site, &input, judgement).map(Into::into),
            R::UpdateDocumentDefaultVersion(input) => {
                self.update_document_default_version(site, &input).map(Into::into)
            }
            R::AddTagsToResource(input) => self.add_tags_to_resource(site, &input).map(Into::into),
            R::ListTagsForResource(input) => self.list_tags_for_resource(site, &input).map(Into::into),
            R::PutComplianceItems(input) => self.put_compliance_items(site, *input).map(Into::into),
            R::ListComplianceItems(input) => {
                self.list_compliance_items(site, &input, judgement).map(Into::into)
            }
            R::ListResourceComplianceSummaries(input) => {
                self.list_resource_compliance_summaries(site, &input, judgement).map(Into::into)
            }
            R::ListComplianceSummaries(input) => {
                self.list_compliance_summaries(site, &input, judgement).map(Into::into)
            }
            request => self.carry_out_publishing(site, request, judgement),
        }
    }

    fn carry_out_publishing(
        &mut self,
        site: SiteIndex,
        request: Request,
        judgement: &Judgement,
    ) -> Result<Response, ApiError> {
        use Request as R;
        match request {
            R::CreateDocument(input) => self.create_document(site, &input).map(Into::into),
            R::UpdateDocument(input) => self.update_document(site, &input).map(Into::into),
            R::DeleteDocument(input) => self.delete_document(site, &input).map(Into::into),
            R::ModifyDocumentPermission(input) => {
                self.modify_document_permission(site, &input).map(Into::into)
            }
            R::DescribeDocumentPermission(input) => {
                self.describe_document_permission(site, &input, judgement).map(Into::into)
            }
            request => self.carry_out_agents(site, request, judgement),
        }
    }

    /// What agents call.
    fn carry_out_agents(
        &mut self,
        site: SiteIndex,
        request: Request,
        judgement: &Judgement,
    ) -> Result<Response, ApiError> {
        use Request as R;
        match request {
            R::UpdateInstanceInformation(input) => {
                self.update_instance_information(site, &input).map(Into::into)
            }
            R::ListInstanceAssociations(input) => {
                self.list_instance_associations(site, &input).map(Into::into)
            }
            R::UpdateInstanceAssociationStatus(input) => {
                self.update_instance_association_status(&input).map(Into::into)
            }
            R::GetManifest(input) => Err(Self::get_manifest(&input)),
            R::PutConfigurePackageResult(input) => self.put_configure_package_result(&input).map(Into::into),
            request => self.carry_out_associations(site, request, judgement),
        }
    }

    fn carry_out_associations(
        &mut self,
        site: SiteIndex,
        request: Request,
        judgement: &Judgement,
    ) -> Result<Response, ApiError> {
        use Request as R;
        match request {
            R::CreateAssociation(input) => self.create_association(site, *input).map(Into::into),
            R::UpdateAssociation(input) => self.update_association(site, &input).map(Into::into),
            R::DescribeAssociation(input) => self.describe_association(site, &input).map(Into::into),
            R::ListAssociations(input) => self.list_associations(site, &input, judgement).map(Into::into),
            R::ListAssociationVersions(input) => {
                self.list_association_versions(site, &input, judgement).map(Into::into)
            }
            R::DeleteAssociation(input) => self.delete_association(site, &input).map(Into::into),
            R::StartAssociationsOnce(input) => self.start_associations_once(site, &input).map(Into::into),
            R::DescribeAssociationExecutions(input) => {
                self.describe_association_executions(site, &input, judgement).map(Into::into)
            }
            R::DescribeAssociationExecutionTargets(input) => {
                self.describe_association_execution_targets(site, &input, judgement).map(Into::into)
            }
            R::DescribeEffectiveInstanceAssociations(input) => {
                self.describe_effective_instance_associations(site, &input, judgement).map(Into::into)
            }
            R::DescribeInstanceAssociationsStatus(input) => {
                self.describe_instance_associations_status(site, &input, judgement).map(Into::into)
            }
            _ => Err(ApiError::unknown_operation()),
        }
    }
}
