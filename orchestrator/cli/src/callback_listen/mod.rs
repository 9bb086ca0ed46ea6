//! `POST /v1/gates/{rollout}/{gate}`: signed reports for gates that wait to be told.
//!
//! A report is believed for its signature: HMAC-SHA256 of the body with the gate's secret, hex, in `X-Wavetrain-Signature` after
//! `sha256=`. It goes into the state's mailbox, where orders of people go, and only then the sender hears of success: a process
//! that dies in between has either lost nothing or never said that it has it. Every connection has a bound in bytes and in time,
//! and there is a bound on how many are open.

mod bounded;
mod report;
#[cfg(test)]
mod tests;

use crate::exit::{Exit, Stop};
use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Json, Response};
use axum::routing::post;
use bounded::Bounded;
use hmac::{Hmac, KeyInit, Mac};
use report::Refusal;
use serde_json::json;
use sha2::Sha256;
use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::Mutex;
use tokio::task::JoinHandle;
use wavetrain_driver::log;
use wavetrain_engine::input::{Callback, Order};
use wavetrain_model::id::{GateIndex, RolloutId};
use wavetrain_model::limit::REPORT_BYTES;
use wavetrain_model::plan::Plan;
use wavetrain_model::spec::{Check, Rollout};
use wavetrain_ports::clock::Clock;
use wavetrain_store::{OrderOutcome, Store};

/// Header with the signature.
const SIGNATURE: &str = "x-wavetrain-signature";

/// How long the rules are waited for, so that a report that nobody waits for is answered so.
const PATIENCE: Duration = Duration::from_secs(4);

/// How often it is looked for their answer.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// The key of one gate's reports. Never shown.
#[derive(Clone)]
struct Secret(Vec<u8>);

/// The secrets of a plan file's gates, by gate.
#[derive(Clone, Default)]
pub struct Secrets(BTreeMap<String, Secret>);

impl Secrets {
    /// Reads them from the environment, all of them before anything is begun: one that lacks would be noticed when a wave waits
    /// for it.
    pub fn of(spec: &Rollout, environment: impl Fn(&str) -> Option<String>) -> Result<Self, Stop> {
        let mut secrets = BTreeMap::new();
        for gate in &spec.gates {
            let Check::Callback(callback) = &gate.check else { continue };
            let name = &callback.secret_env;
            let secret = environment(name).filter(|secret| !secret.is_empty()).ok_or_else(|| {
                let message = format!("gate {} checks reports with {name}, which is not set", gate.name);
                Stop::new(Exit::Usage, message)
                    .help("put the secret that its reports are signed with into that environment variable")
            })?;
            secrets.insert(gate.name.clone(), Secret(secret.into_bytes()));
        }
        Ok(Self(secrets))
    }

    /// Whether no gate waits for reports.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// A port that is ours, and not yet answered.
pub struct Bound {
    /// Where.
    pub address: SocketAddr,
    listener: TcpListener,
}

/// Takes the port. Before anything else is done: a taken one is known at once.
pub async fn bind(address: SocketAddr) -> Result<Bound, Stop> {
    let taken = |error: std::io::Error| {
        Stop::new(Exit::Unexpected, format!("cannot listen for reports on {address}: {error}"))
            .help("another process uses that address: choose another port, or 0 for a free one")
    };
    let listener = TcpListener::bind(address).await.map_err(taken)?;
    let address = listener.local_addr().map_err(taken)?;
    Ok(Bound { address, listener })
}

/// Reports being taken; it ends when dropped.
#[derive(Debug)]
pub struct Listening {
    accepting: JoinHandle<()>,
}

impl Drop for Listening {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

/// What reports are about.
pub struct Desk {
    /// The rollout.
    pub rollout: RolloutId,
    /// Its plan's digest.
    pub plan: wavetrain_model::id::Digest,
    /// Its name.
    pub name: String,
    /// Names of its waves.
    pub waves: Vec<String>,
    /// Where reports are kept.
    pub store: Arc<dyn Store>,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
    gates: BTreeMap<String, (GateIndex, Secret)>,
    /// What makes the reports so far each one of its kind.
    nonces: Mutex<BTreeSet<String>>,
}

impl Desk {
    /// For a plan; `nonces` are those of reports that came in before.
    pub fn new(
        (rollout, plan): (RolloutId, &Plan),
        secrets: &Secrets,
        nonces: BTreeSet<String>,
        store: Arc<dyn Store>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let gates = plan.spec.gates.iter().enumerate().filter_map(|(at, gate)| {
            let secret = secrets.0.get(&gate.name)?;
            Some((gate.name.clone(), (GateIndex(at as u16), secret.clone())))
        });
        Self {
            rollout,
            plan: plan.digest.clone(),
            name: plan.spec.name.clone(),
            waves: plan.spec.waves.iter().map(|wave| wave.name.clone()).collect(),
            store,
            clock,
            gates: gates.collect(),
            nonces: Mutex::new(nonces),
        }
    }

    /// Whether a rollout is meant, by its name or its id.
    fn is_about(&self, rollout: &str) -> bool {
        rollout == self.name || rollout == self.rollout.as_str()
    }
}

/// What makes the reports that wait in the mailbox each one of its kind.
pub async fn waiting(store: &dyn Store, rollout: &RolloutId) -> Result<BTreeSet<String>, Stop> {
    let orders = store.pending_orders(rollout.as_str()).await?;
    let nonces = orders.iter().filter_map(|order| match serde_json::from_slice(&order.order.payload) {
        Ok(Order::Report(report)) => Some(report.nonce),
        _ => None,
    });
    Ok(nonces.collect())
}

/// Takes reports from now on.
pub fn serve(bound: Bound, desk: Desk) -> Listening {
    let app = router(desk);
    let accepting = tokio::spawn(async move {
        // It accepts until it is aborted; there is no other end.
        let _ = axum::serve(Bounded::new(bound.listener), app).await;
    });
    Listening { accepting }
}

fn router(desk: Desk) -> Router {
    Router::new()
        .route("/v1/gates/{rollout}/{gate}", post(take))
        .layer(DefaultBodyLimit::max(REPORT_BYTES))
        .with_state(Arc::new(desk))
}

async fn take(
    State(desk): State<Arc<Desk>>,
    Path((rollout, gate)): Path<(String, String)>,
    head: HeaderMap,
    body: Bytes,
) -> Response {
    let callback = match read(&desk, &rollout, &gate, &head, &body) {
        Ok(callback) => callback,
        Err(refusal) => return refusal.into_response(),
    };
    match keep(&desk, &gate, callback).await {
        Ok(response) | Err(response) => response,
    }
}

/// Who sent it, and what it says.
fn read(desk: &Desk, rollout: &str, gate: &str, head: &HeaderMap, body: &[u8]) -> Result<Callback, Refusal> {
    let known = desk.is_about(rollout).then(|| desk.gates.get(gate)).flatten();
    let (index, secret) = known.ok_or(Refusal::NotFound("no such gate waits for reports".to_owned()))?;
    let signature = head.get(SIGNATURE).and_then(|value| value.to_str().ok());
    if !signature.is_some_and(|signature| is_signed(secret, body, signature)) {
        return Err(Refusal::Unsigned);
    }
    report::read(body, (desk, gate, *index), desk.clock.now())
}

fn is_signed(Secret(secret): &Secret, body: &[u8], signature: &str) -> bool {
    let Some(signature) = signature.strip_prefix("sha256=").and_then(unhex) else { return false };
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret) else { return false };
    mac.update(body);
    // Compares in constant time.
    mac.verify_slice(&signature).is_ok()
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let is_whole = text.len() == 64 && text.bytes().all(|digit| digit.is_ascii_hexdigit());
    let pair = |at: usize| u8::from_str_radix(text.get(at..at + 2)?, 16).ok();
    if is_whole { (0..64).step_by(2).map(pair).collect() } else { None }
}

/// Makes it durable, and says what the rules made of it if they answer soon.
async fn keep(desk: &Desk, gate: &str, callback: Callback) -> Result<Response, Response> {
    let lost = |error: &dyn std::error::Error| {
        tracing::warn!(gate, error = %crate::exit::chain(error), "a report could not be kept");
        Refusal::Lost.into_response()
    };
    let nonce = callback.nonce.clone();
    let order =
        log::order(&desk.rollout, &Order::Report(callback), &format!("callback {gate}"), desk.clock.now());
    let order = order.map_err(|error| lost(&error))?;
    // One after the other, so that of two that are the same the second is seen.
    let mut nonces = desk.nonces.lock().await;
    if nonces.contains(&nonce) {
        return Err(Refusal::Conflict("this report came in before".to_owned()).into_response());
    }
    let posted = desk.store.post_order(order).await.map_err(|error| lost(&error))?;
    nonces.insert(nonce);
    drop(nonces);
    let outcome = tokio::time::timeout(PATIENCE, outcome(desk, posted)).await.ok().flatten();
    Ok(match outcome {
        Some(OrderOutcome { accepted: false, outcome, .. }) => Refusal::Conflict(outcome).into_response(),
        // It is durable; whoever runs the rollout takes it from the mailbox.
        None => (StatusCode::ACCEPTED, Json(json!({ "accepted": null }))).into_response(),
        Some(OrderOutcome { outcome, .. }) => {
            (StatusCode::ACCEPTED, Json(json!({ "accepted": true, "outcome": outcome }))).into_response()
        }
    })
}

async fn outcome(desk: &Desk, posted: u64) -> Option<OrderOutcome> {
    loop {
        match desk.store.order_outcome(posted).await {
            Ok(None) => tokio::time::sleep(LOOK_EVERY).await,
            Ok(known) => return known,
            // That it is kept is what matters.
            Err(_) => return None,
        }
    }
}
