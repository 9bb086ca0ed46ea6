//! Door one: the world as implementations of the program's own ports, in memory.
//!
//! Every method makes the same API calls as a client of AWS would, with the same paging, credentials and failures,
//! so that a run over this door meets the same faults as one over the wire. What is left out is only bytes.

mod associations;
mod clock;
mod compliance;
mod distributor;
mod failure;
mod fleet;
mod metrics;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use wavetrain_model::fleet::Site;
use wavetrain_ports::failure::{Class, Failure};

use crate::api::sts::{AssumeRoleInput, Response as StsResponse};
use crate::api::{Caller, Request, Response};
use crate::world::World;

pub use clock::SimulatedClock;
use failure::Effect;

/// A world that several parts of a program share.
#[derive(Clone)]
pub struct SharedWorld(Arc<Mutex<World>>);

impl fmt::Debug for SharedWorld {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("SharedWorld").finish_non_exhaustive()
    }
}

impl SharedWorld {
    /// Shares a world.
    pub fn new(world: World) -> Self {
        Self(Arc::new(Mutex::new(world)))
    }

    /// Looks at the world or changes it. Others wait meanwhile: be quick, and do not call back.
    pub fn with<T>(&self, look: impl FnOnce(&mut World) -> T) -> T {
        look(&mut self.lock())
    }

    fn lock(&self) -> MutexGuard<'_, World> {
        // A panic inside the world is our bug and was reported where it happened; its state is still readable.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The simulated AWS as seen by one client: the hub account with sessions in the roles it assumed.
#[derive(Debug)]
pub struct SimulatedCloud {
    world: SharedWorld,
    session_name: String,
    sessions: Mutex<BTreeMap<Site, Caller>>,
}

impl SimulatedCloud {
    /// A client of a world. `session_name` is what its role sessions are called.
    pub fn new(world: SharedWorld, session_name: impl Into<String>) -> Self {
        Self { world, session_name: session_name.into(), sessions: Mutex::default() }
    }

    /// One call at a site, with its credentials renewed once when they have run out.
    fn call(&self, site: &Site, effect: Effect, request: impl Into<Request>) -> Result<Response, Failure> {
        let request = request.into();
        let (caller, fresh) = self.caller(site)?;
        let answer = self.call_as(&caller, effect, request.clone());
        match answer {
            Err(failure) if failure.class == Class::Expired && !fresh => {
                self.lock_sessions().remove(site);
                let (caller, _) = self.caller(site)?;
                self.call_as(&caller, effect, request)
            }
            answer => answer,
        }
    }

    fn call_as(&self, caller: &Caller, effect: Effect, request: Request) -> Result<Response, Failure> {
        let operation = request.operation();
        let reply = self.world.lock().call(caller, request);
        failure::settle(operation, effect, reply)
    }

    /// Credentials for a site, and whether they were fetched just now.
    fn caller(&self, site: &Site) -> Result<(Caller, bool), Failure> {
        let Some(role) = &site.role else { return Ok((hub(site.region.as_str()), true)) };
        if let Some(caller) = self.lock_sessions().get(site) {
            return Ok((caller.clone(), false));
        }
        let request = AssumeRoleInput {
            role_arn: role.clone(),
            role_session_name: self.session_name.clone(),
            external_id: site.external_id.clone(),
            ..Default::default()
        };
        // A request without a deed: asking twice for a session hurts nobody.
        let answer = self.call_as(&hub(site.region.as_str()), Effect::Read, request.into())?;
        let Response::Sts(StsResponse::AssumeRole(output)) = answer else {
            return Err(failure::nonsense("AssumeRole", Effect::Read));
        };
        let caller = Caller {
            access_key_id: output.credentials.access_key_id,
            session_token: Some(output.credentials.session_token),
            region: site.region.as_str().to_owned(),
        };
        self.lock_sessions().insert(site.clone(), caller.clone());
        Ok((caller, true))
    }

    fn lock_sessions(&self) -> MutexGuard<'_, BTreeMap<Site, Caller>> {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The caller's own credentials: any key the world did not hand out belongs to the hub.
fn hub(region: &str) -> Caller {
    Caller { access_key_id: "hub".to_owned(), session_token: None, region: region.to_owned() }
}

#[cfg(test)]
mod tests;
