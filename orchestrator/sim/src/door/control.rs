//! `/_sim/`: the truth of the world, the calls it received, its clock and its faults. For tests and demonstrations;
//! AWS has nothing like it.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::rejection::{JsonRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response as HttpResponse};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Backend, Door, PaceError};

/// Which nodes `GET /_sim/nodes` shows.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct NodeFilter {
    /// Of this account.
    pub account: Option<String>,
    /// In this Region.
    pub region: Option<String>,
    /// This node.
    pub id: Option<String>,
    /// `true`: nodes that ever were sent a command; `false`: the others.
    pub touched: Option<bool>,
    /// At most this many.
    pub limit: Option<usize>,
    /// Skips this many of those that match.
    pub offset: usize,
}

/// Which calls `GET /_sim/calls` shows.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CallFilter {
    /// Made in this account.
    pub account: Option<String>,
    /// Made in this Region.
    pub region: Option<String>,
    /// Of this operation.
    pub operation: Option<String>,
    /// Calls numbered above this one.
    pub since: Option<u64>,
    /// At most this many.
    pub limit: Option<usize>,
}

/// What `POST /_sim/nodes/{id}` does to a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum NodeChange {
    /// It is gone for good.
    Terminate,
    /// Its agent stops answering.
    Offline,
    /// Its agent answers again.
    Online,
}

/// Why a control request was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ControlError {
    /// The request makes no sense; the text says what to change.
    #[error("{0}")]
    Invalid(String),
    /// There is no such thing.
    #[error("{0}")]
    NotFound(String),
}

impl From<PaceError> for ControlError {
    fn from(error: PaceError) -> Self {
        Self::Invalid(error.to_string())
    }
}

impl From<JsonRejection> for ControlError {
    fn from(rejection: JsonRejection) -> Self {
        Self::Invalid(rejection.body_text())
    }
}

impl From<QueryRejection> for ControlError {
    fn from(rejection: QueryRejection) -> Self {
        Self::Invalid(rejection.body_text())
    }
}

impl IntoResponse for ControlError {
    fn into_response(self) -> HttpResponse {
        let status = match self {
            Self::Invalid(_) => StatusCode::BAD_REQUEST,
            Self::NotFound(_) => StatusCode::NOT_FOUND,
        };
        (status, Json(json!({ "error": self.to_string() }))).into_response()
    }
}

type Answer = Result<Json<Value>, ControlError>;

/// Longest wait for a change of the clock: shorter than any client's patience.
const LONGEST_CLOCK_WAIT: Duration = Duration::from_secs(10);

/// Routes below `/_sim`.
pub(super) fn router<B: Backend>() -> Router<Arc<Door<B>>> {
    Router::new()
        .route("/nodes", get(nodes::<B>))
        .route("/nodes/{id}", post(change_node::<B>))
        .route("/calls", get(calls::<B>))
        .route("/summary", get(summary::<B>))
        .route("/clock", get(clock::<B>).post(change_clock::<B>))
        .route("/faults", post(change_faults::<B>))
        .fallback(|| async { ControlError::NotFound("no such page under /_sim/".into()) })
}

async fn nodes<B: Backend>(
    State(door): State<Arc<Door<B>>>,
    filter: Result<Query<NodeFilter>, QueryRejection>,
) -> Answer {
    let Query(filter) = filter?;
    Ok(Json(door.with(|world| world.nodes(&filter))))
}

async fn calls<B: Backend>(
    State(door): State<Arc<Door<B>>>,
    filter: Result<Query<CallFilter>, QueryRejection>,
) -> Answer {
    let Query(filter) = filter?;
    Ok(Json(door.with(|world| world.calls(&filter))))
}

async fn summary<B: Backend>(State(door): State<Arc<Door<B>>>) -> Answer {
    Ok(Json(door.with(|world| world.summary())))
}

async fn change_faults<B: Backend>(
    State(door): State<Arc<Door<B>>>,
    faults: Result<Json<Value>, JsonRejection>,
) -> Answer {
    let Json(faults) = faults?;
    door.with(|world| world.change_faults(faults)).map(Json)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NodeOrder {
    action: NodeChange,
}

async fn change_node<B: Backend>(
    State(door): State<Arc<Door<B>>>,
    Path(id): Path<String>,
    order: Result<Json<NodeOrder>, JsonRejection>,
) -> Answer {
    let Json(order) = order?;
    door.with(|world| world.change_node(&id, order.action)).map(Json)
}

/// One or more changes of the clock, carried out in the order of the members.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct ClockOrder {
    advance_seconds: Option<f64>,
    speed: Option<f64>,
    pause: Option<bool>,
}

/// Who follows the clock says which change it has seen last, and is answered at the next one.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ClockFilter {
    after_change: Option<u64>,
}

async fn clock<B: Backend>(
    State(door): State<Arc<Door<B>>>,
    filter: Result<Query<ClockFilter>, QueryRejection>,
) -> Answer {
    let Query(filter) = filter?;
    if let Some(seen) = filter.after_change {
        let mut changes = door.clock_changes.subscribe();
        let mut closing = door.closing.clone();
        tokio::select! {
            // Errors mean that the door is gone; then any answer will do.
            _ = changes.wait_for(|change| *change != seen) => {}
            _ = closing.wait_for(|closing| *closing) => {}
            () = tokio::time::sleep(LONGEST_CLOCK_WAIT) => {}
        }
    }
    Ok(Json(door.clock()))
}

async fn change_clock<B: Backend>(
    State(door): State<Arc<Door<B>>>,
    order: Result<Json<ClockOrder>, JsonRejection>,
) -> Answer {
    let Json(order) = order?;
    door.change_clock(&order)?;
    Ok(Json(door.clock()))
}

impl<B: Backend> Door<B> {
    /// `now` is in seconds since the epoch, as everywhere on AWS's wires.
    fn clock(&self) -> Value {
        let now_millis = self.with(|world| world.now_millis());
        let pace = self.lock().pace;
        let change = *self.clock_changes.borrow();
        json!({
            "now": now_millis as f64 / 1000.0, "speed": pace.speed(), "paused": pace.is_paused(), "change": change,
        })
    }

    fn change_clock(&self, order: &ClockOrder) -> Result<(), PaceError> {
        let elapsed = self.time.elapsed();
        let mut paced = self.lock();
        // All or nothing: a refused member leaves the clock as it was.
        let mut pace = paced.pace;
        if let Some(seconds) = order.advance_seconds {
            pace.advance(elapsed, seconds)?;
        }
        if let Some(speed) = order.speed {
            pace.set_speed(elapsed, speed)?;
        }
        if let Some(pause) = order.pause {
            pace.set_paused(elapsed, pause);
        }
        let before = std::mem::replace(&mut paced.pace, pace);
        paced.earlier.push(before);
        paced.backend.advance_to(pace.now_millis(elapsed));
        drop(paced);
        self.clock_changes.send_modify(|change| *change += 1);
        Ok(())
    }
}
