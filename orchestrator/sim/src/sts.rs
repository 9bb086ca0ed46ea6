//! Security Token Service: who a caller is, and temporary credentials for another account's role.

use std::collections::BTreeMap;

use crate::api::sts::{
    AssumeRoleInput, AssumeRoleOutput, AssumedRoleUser, Credentials, GetCallerIdentityOutput,
};
use crate::api::{ApiError, Caller, Timestamp, is_account_id};
use crate::clock::WorldTime;
use crate::random::Chance;
use crate::world_file::{Role, WorldFile};

/// Longest session when the assuming credentials are themselves temporary.
const CHAINED_SECONDS: i64 = 3600;

/// Who stands behind a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// Account.
    pub account: String,
    /// Role and session name of temporary credentials.
    pub session: Option<(String, String)>,
}

impl Identity {
    /// The ARN, as `GetCallerIdentity` answers it.
    pub fn arn(&self) -> String {
        match &self.session {
            Some((role, session)) => format!("arn:aws:sts::{}:assumed-role/{role}/{session}", self.account),
            None => format!("arn:aws:iam::{}:user/operator", self.account),
        }
    }
}

#[derive(Debug, Clone)]
struct Session {
    identity: Identity,
    token: String,
    expires: WorldTime,
}

/// The roles of a world and the sessions handed out.
#[derive(Debug, Clone)]
pub struct Tokens {
    hub: String,
    accounts: Vec<String>,
    roles: Vec<Role>,
    sessions: BTreeMap<String, Session>,
    chance: Chance,
}

impl Tokens {
    /// The roles of a world file; no sessions yet.
    pub fn new(file: &WorldFile, chance: Chance) -> Self {
        Self {
            hub: file.hub_account().to_owned(),
            accounts: file.sites.accounts.clone(),
            roles: file.roles.clone(),
            sessions: BTreeMap::new(),
            chance,
        }
    }

    /// The account of unknown credentials.
    pub fn hub(&self) -> &str {
        &self.hub
    }

    /// Who a caller is: the holder of a session handed out here, an account whose id is used as the key, or the hub.
    pub fn identify(&self, caller: &Caller, now: WorldTime) -> Result<Identity, ApiError> {
        let key = caller.access_key_id.as_str();
        if let Some(session) = self.sessions.get(key) {
            if caller.session_token.as_deref() != Some(&session.token) {
                return Err(ApiError::unrecognized_client());
            }
            if now >= session.expires {
                return Err(ApiError::expired_token());
            }
            return Ok(session.identity.clone());
        }
        if key.starts_with("ASIA") && caller.session_token.is_some() {
            return Err(ApiError::unrecognized_client());
        }
        let account = if is_account_id(key) { key } else { &self.hub };
        Ok(Identity { account: account.to_owned(), session: None })
    }

    /// `AssumeRole`. Every reason to refuse looks the same to the caller.
    pub fn assume_role(
        &mut self,
        identity: &Identity,
        input: &AssumeRoleInput,
        now: WorldTime,
    ) -> Result<AssumeRoleOutput, ApiError> {
        let denied = || {
            ApiError::sts_access_denied(format!(
                "User: {} is not authorized to perform: sts:AssumeRole on resource: {}",
                identity.arn(),
                input.role_arn
            ))
        };
        let (account, name) = role_parts(&input.role_arn)
            .ok_or_else(|| ApiError::validation(format!("{} is invalid", input.role_arn)))?;
        let role =
            self.role(account, name).filter(|role| self.trusts(role, identity, input)).ok_or_else(denied)?;
        let asked = i64::from(input.duration_seconds.unwrap_or(3600));
        let longest = if identity.session.is_some() { CHAINED_SECONDS } else { role.max_session_seconds };
        if input.duration_seconds.is_some() && asked > longest {
            return Err(ApiError::validation(
                "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.",
            ));
        }
        let seconds = asked.min(longest);
        let identity = Identity {
            account: account.to_owned(),
            session: Some((name.to_owned(), input.role_session_name.clone())),
        };
        let output = AssumeRoleOutput {
            credentials: self.issue(account, name, &input.role_session_name, seconds, now),
            assumed_role_user: AssumedRoleUser {
                assumed_role_id: format!("AROA{}:{}", self.role_id(account, name), input.role_session_name),
                arn: identity.arn(),
            },
            source_identity: input.source_identity.clone(),
        };
        Ok(output)
    }

    /// Credentials of a role that nobody has to assume.
    pub fn issue(
        &mut self,
        account: &str,
        role: &str,
        session: &str,
        seconds: i64,
        now: WorldTime,
    ) -> Credentials {
        let chance = self.chance.numbered(self.sessions.len() as u64);
        let (role, session) = (role.to_owned(), session.to_owned());
        let session = Session {
            identity: Identity { account: account.to_owned(), session: Some((role, session)) },
            token: chance.named("token").hex(200),
            expires: now.plus_seconds(seconds),
        };
        let credentials = Credentials {
            access_key_id: format!("ASIA{}", chance.named("key").hex(16).to_uppercase()),
            secret_access_key: chance.named("secret").hex(40),
            session_token: session.token.clone(),
            expiration: Timestamp::from_millis(session.expires.millis()),
        };
        self.sessions.insert(credentials.access_key_id.clone(), session);
        credentials
    }

    fn role(&self, account: &str, name: &str) -> Option<&Role> {
        if !self.accounts.iter().any(|known| known == account) {
            return None;
        }
        self.roles.iter().find(|role| {
            role.name == name
                && (role.accounts.is_empty() || role.accounts.iter().any(|with| with == account))
        })
    }

    fn trusts(&self, role: &Role, identity: &Identity, input: &AssumeRoleInput) -> bool {
        let trusted = if role.trusts.is_empty() {
            identity.account == self.hub
        } else {
            role.trusts.contains(&identity.account)
        };
        trusted && (role.external_id.is_none() || role.external_id == input.external_id)
    }

    fn role_id(&self, account: &str, name: &str) -> String {
        self.chance.named(account).named(name).hex(17).to_uppercase()
    }
}

/// Account and name of a role's ARN; a path before the name is skipped.
fn role_parts(arn: &str) -> Option<(&str, &str)> {
    let mut parts = arn.splitn(6, ':');
    let (prefix, _partition, service) = (parts.next()?, parts.next()?, parts.next()?);
    let (region, account, resource) = (parts.next()?, parts.next()?, parts.next()?);
    let path = resource.strip_prefix("role/")?;
    let name = path.rsplit('/').next().filter(|name| !name.is_empty())?;
    (prefix == "arn" && service == "iam" && region.is_empty() && is_account_id(account))
        .then_some((account, name))
}

/// `GetCallerIdentity`.
pub fn caller_identity(identity: &Identity) -> GetCallerIdentityOutput {
    let user = Chance::from_seed(0).named(&identity.arn()).hex(17).to_uppercase();
    GetCallerIdentityOutput {
        user_id: match &identity.session {
            Some((_, session)) => format!("AROA{user}:{session}"),
            None => format!("AIDA{user}"),
        },
        account: identity.account.clone(),
        arn: identity.arn(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::ssm::ListCommandsInput;
    use crate::api::sts::{GetCallerIdentityInput, Response as StsResponse};
    use crate::api::{Request, Response};
    use crate::trial::{HUB, REGION, SPOKE, Trial, code, install};

    fn assume(role: &str, external_id: Option<&str>) -> AssumeRoleInput {
        AssumeRoleInput {
            role_arn: role.to_owned(),
            role_session_name: "wavetrain-run".to_owned(),
            external_id: external_id.map(str::to_owned),
            ..Default::default()
        }
    }

    fn spoke() -> String {
        format!("arn:aws:iam::{SPOKE}:role/spoke")
    }

    fn credentials(trial: &mut Trial) -> Caller {
        let Ok(Response::Sts(StsResponse::AssumeRole(output))) =
            trial.call(HUB, assume(&spoke(), Some("secret")))
        else {
            panic!("refused");
        };
        Caller {
            access_key_id: output.credentials.access_key_id,
            session_token: Some(output.credentials.session_token),
            region: REGION.to_owned(),
        }
    }

    fn as_caller(
        trial: &mut Trial,
        caller: &Caller,
        request: impl Into<Request>,
    ) -> Result<Response, ApiError> {
        trial.world.call(caller, request.into()).result
    }

    #[test]
    fn assumed_credentials_act_in_the_roles_account() {
        let mut trial = Trial::new("");
        let caller = credentials(&mut trial);
        match as_caller(&mut trial, &caller, GetCallerIdentityInput {}) {
            Ok(Response::Sts(StsResponse::GetCallerIdentity(output))) => {
                assert_eq!(output.account, SPOKE);
                assert_eq!(output.arn, format!("arn:aws:sts::{SPOKE}:assumed-role/spoke/wavetrain-run"));
            }
            other => panic!("{other:?}"),
        }
        let ids = trial.ids(SPOKE, "web");
        assert!(as_caller(&mut trial, &caller, install(&ids, "2.0.0")).is_ok());
        assert_eq!(
            trial.world.calls().last().and_then(|call| call.session.as_deref()),
            Some("wavetrain-run")
        );
    }

    #[test]
    fn wrong_external_id_unknown_role_and_untrusted_account_look_the_same() {
        let mut trial = Trial::new("");
        let elsewhere = "arn:aws:iam::999999999999:role/spoke";
        let unknown = format!("arn:aws:iam::{SPOKE}:role/other");
        for (account, request) in [
            (HUB, assume(&spoke(), None)),
            (HUB, assume(&spoke(), Some("guess"))),
            (HUB, assume(elsewhere, Some("secret"))),
            (HUB, assume(&unknown, Some("secret"))),
            (SPOKE, assume(&spoke(), Some("secret"))),
        ] {
            assert_eq!(code(trial.call(account, request)), "AccessDenied");
        }
    }

    #[test]
    fn sessions_end_and_their_tokens_must_match() {
        let mut trial = Trial::new("");
        let caller = credentials(&mut trial);
        let stranger = Caller { session_token: Some("x".into()), ..caller.clone() };
        assert_eq!(
            code(as_caller(&mut trial, &stranger, ListCommandsInput::default())),
            "UnrecognizedClientException"
        );
        trial.pass(3599);
        assert!(as_caller(&mut trial, &caller, ListCommandsInput::default()).is_ok());
        trial.pass(1);
        assert_eq!(
            code(as_caller(&mut trial, &caller, ListCommandsInput::default())),
            "ExpiredTokenException"
        );
    }

    #[test]
    fn unknown_keys_are_the_hub_and_a_region_without_a_site_refuses() {
        let mut trial = Trial::new("");
        let caller = Caller { access_key_id: "test".into(), session_token: None, region: REGION.into() };
        let ids = trial.ids(HUB, "web");
        assert!(as_caller(&mut trial, &caller, install(&ids, "2.0.0")).is_ok());
        let elsewhere = Caller { region: "mars-north-1".into(), ..caller };
        assert_eq!(
            code(as_caller(&mut trial, &elsewhere, ListCommandsInput::default())),
            "UnrecognizedClientException"
        );
    }
}
