//! What the agent on a node calls, beside reading documents. These operations are in no public reference; their shapes
//! are those that the agent, whose source is public, sends and expects.

use std::collections::BTreeMap;

use super::Target;
use crate::api::validate::{Text, Violations};
use crate::api::wire::{Timestamp, structures};

structures! {
    UpdateInstanceInformationInput {
        instance_id: String,
        agent_name: Option<String>,
        agent_status: Option<String>,
        agent_version: Option<String>,
        platform_type: Option<String>,
        platform_name: Option<String>,
        platform_version: Option<String>,
        #[serde(rename = "IPAddress")]
        ip_address: Option<String>,
        computer_name: Option<String>,
        availability_zone: Option<String>,
    }
    UpdateInstanceInformationOutput {}

    ListInstanceAssociationsInput { instance_id: String, max_results: Option<i32>, next_token: Option<String> }
    ListInstanceAssociationsOutput { associations: Vec<InstanceAssociationSummary>, next_token: Option<String> }
    InstanceAssociationSummary {
        association_id: String,
        association_version: Option<String>,
        association_name: Option<String>,
        /// Of what it does: another checksum is another thing to do.
        checksum: Option<String>,
        detailed_status: Option<String>,
        document_version: Option<String>,
        instance_id: String,
        name: String,
        parameters: Option<BTreeMap<String, Vec<String>>>,
        schedule_expression: Option<String>,
        targets: Option<Vec<Target>>,
    }
    UpdateInstanceAssociationStatusInput {
        association_id: String,
        instance_id: String,
        execution_result: Option<InstanceAssociationExecutionResult>,
    }
    InstanceAssociationExecutionResult {
        status: String,
        error_code: Option<String>,
        execution_date: Option<Timestamp>,
        execution_summary: Option<String>,
    }
    UpdateInstanceAssociationStatusOutput {}

    GetManifestInput { package_name: String, package_version: Option<String> }
    GetManifestOutput { manifest: Option<String> }
    PutConfigurePackageResultInput {
        package_name: String,
        package_version: String,
        previous_package_version: Option<String>,
        operation: Option<String>,
        /// 0 when it worked.
        result: i64,
        attributes: Option<BTreeMap<String, String>>,
    }
    PutConfigurePackageResultOutput {}

    RegisterManagedInstanceInput {
        activation_id: String,
        activation_code: String,
        fingerprint: Option<String>,
        public_key: Option<String>,
        public_key_type: Option<String>,
    }
    RegisterManagedInstanceOutput { instance_id: String }
    RequestManagedInstanceRoleTokenInput { fingerprint: String }
    RequestManagedInstanceRoleTokenOutput {
        access_key_id: String,
        secret_access_key: String,
        session_token: String,
        token_expiration_date: Option<Timestamp>,
        update_key_pair: bool,
    }
}

const ANY: Text = Text::length(1, usize::MAX);

macro_rules! required {
    ($($input:ident: $($path:literal $field:ident),*;)*) => { $(
        impl $input {
            pub(super) fn check(&self, v: &mut Violations) {
                $(v.required($path, &self.$field, &ANY);)*
            }
        }
    )* };
}

required! {
    UpdateInstanceInformationInput: "instanceId" instance_id;
    ListInstanceAssociationsInput: "instanceId" instance_id;
    UpdateInstanceAssociationStatusInput: "associationId" association_id, "instanceId" instance_id;
    GetManifestInput: "packageName" package_name;
    PutConfigurePackageResultInput: "packageName" package_name;
    RegisterManagedInstanceInput: "activationId" activation_id, "activationCode" activation_code;
    RequestManagedInstanceRoleTokenInput: "fingerprint" fingerprint;
}
