//! Security Token Service: temporary credentials of another account's role.

#![expect(missing_docs, reason = "members are documented in the API reference of the operation")]

use super::validate::{Text, Violations, is_external_id, is_session_name};
use super::wire::{Timestamp, operations, structures};

operations! {
    Sts:
    AssumeRole(AssumeRoleInput) -> AssumeRoleOutput,
    GetCallerIdentity(GetCallerIdentityInput) -> GetCallerIdentityOutput,
}

structures! {
    AssumeRoleInput {
        role_arn: String,
        role_session_name: String,
        policy: Option<String>,
        duration_seconds: Option<i32>,
        external_id: Option<String>,
        source_identity: Option<String>,
    }
    AssumeRoleOutput {
        credentials: Credentials,
        assumed_role_user: AssumedRoleUser,
        source_identity: Option<String>,
    }
    GetCallerIdentityInput {}
    GetCallerIdentityOutput { user_id: String, account: String, arn: String }
    Credentials {
        access_key_id: String,
        secret_access_key: String,
        session_token: String,
        expiration: Timestamp,
    }
    AssumedRoleUser { assumed_role_id: String, arn: String }
}

const SESSION_NAME: Text = Text::length(2, 64).and_pattern(r"[\w+=,.@-]*", is_session_name);
const EXTERNAL_ID: Text = Text::length(2, 1224).and_pattern(r"[\w+=,.@:\/-]*", is_external_id);

impl AssumeRoleInput {
    fn check(&self, v: &mut Violations) {
        v.required("roleArn", &self.role_arn, &Text::length(20, 2048));
        v.required("roleSessionName", &self.role_session_name, &SESSION_NAME);
        v.range("durationSeconds", self.duration_seconds, 900, 43_200);
        v.optional("externalId", self.external_id.as_deref(), &EXTERNAL_ID);
        v.optional("sourceIdentity", self.source_identity.as_deref(), &SESSION_NAME);
    }
}

impl GetCallerIdentityInput {
    #[expect(clippy::unused_self, reason = "every input of a service answers `check`")]
    fn check(&self, _: &mut Violations) {}
}
