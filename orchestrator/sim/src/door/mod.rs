//! The HTTP door: a world behind AWS's wire formats, so that the AWS SDKs, the AWS CLI and boto3 work unchanged.
//!
//! [`protocol`] knows the formats, [`signature`] who calls, [`control`] the pages under `/_sim/` that show the truth
//! and move the clock. This module joins them to a [`Backend`], which is the world; the seam is a trait so that the
//! formats can be tested against answers no world would give.
//!
//! The door must not decide what a call does, and must not hold the world while it reads or writes bytes: one lock,
//! taken once per call, around "advance to now, call".

mod connection;
mod control;
mod pace;
mod protocol;
mod query;
mod s3;
mod signature;
mod truth;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::connect_info::IntoMakeServiceWithConnectInfo;
use axum::extract::{ConnectInfo, Path, Query, State};
use axum::http::{HeaderMap, HeaderValue, Request as HttpRequest, StatusCode, header};
use axum::response::{IntoResponse, Response as HttpResponse};
use axum::routing::{any, get};
use serde_json::Value;
use tokio::sync::watch;

use crate::agent::real::Bytes;
use crate::api::{ApiError, Caller, Delivery, Reply, Request, Response, Timestamp, messages, ssm, sts};
use crate::content::Content;
use crate::package::Attached;
use crate::s3::PartFacts;
use crate::ssm::BrokenLink;
use crate::zip::stored_zip;
use connection::CutSwitch;
use pace::Pace;
use protocol::{Answer, Protocol, Route};
use s3::download::{self, Range};
use s3::spool::Spool;

pub use control::{CallFilter, ControlError, NodeChange, NodeFilter};
pub use pace::{MAX_SPEED, PaceError};

pub(crate) use connection::CuttableListener;

/// What stands behind the door.
pub trait Backend: Send + 'static {
    /// The world's time, in milliseconds since the epoch.
    fn now_millis(&self) -> i64;

    /// Lets everything happen that is due until then. A moment in the past changes nothing.
    fn advance_to(&mut self, now_millis: i64);

    /// Carries out one call.
    fn call(&mut self, caller: &Caller, request: Request) -> Reply;

    /// The package zip that a document's attachment URL names by its path below `/_attachments/` and the date and
    /// signature of its query.
    fn attachment(&self, path: &str, date: &str, signature: &str) -> Result<Attached, BrokenLink>;

    /// Is told who keeps the bytes that callers hand in.
    fn keep_bytes(&mut self, bytes: Arc<dyn Bytes>);

    /// What is known of the parts of an upload that are there, in the order of the numbers given.
    fn parts(&self, bucket: &str, upload_id: &str, numbers: &[i32]) -> Vec<PartFacts>;

    /// Whether message delivery has something for a node.
    fn has_message(&self, destination: &str) -> bool;

    /// The truth about nodes.
    fn nodes(&self, filter: &NodeFilter) -> Value;

    /// The calls received so far.
    fn calls(&self, filter: &CallFilter) -> Value;

    /// Counts of nodes by what they run.
    fn summary(&self) -> Value;

    /// Adds the faults described, or clears them.
    fn change_faults(&mut self, faults: Value) -> Result<Value, ControlError>;

    /// Does something to one node that AWS or its owner could do.
    fn change_node(&mut self, id: &str, change: NodeChange) -> Result<Value, ControlError>;
}

/// Real time, given from outside so that nothing below the shell reads a clock.
pub(crate) trait RealTime: Send + Sync + 'static {
    /// Since the door opened; never goes back.
    fn elapsed(&self) -> Duration;

    /// What callers' own clocks say, in seconds since the epoch.
    fn epoch_seconds(&self) -> f64;
}

/// A backend and the pace of its time, behind one lock.
struct Paced<B> {
    backend: B,
    pace: Pace,
    /// How time moved before, oldest first.
    earlier: Vec<Pace>,
}

/// State of all handlers.
pub(crate) struct Door<B> {
    paced: Mutex<Paced<B>>,
    time: Box<dyn RealTime>,
    requests: AtomicU64,
    /// How often somebody moved or scaled the clock: who follows it waits here instead of asking again and again.
    clock_changes: watch::Sender<u64>,
    closing: watch::Receiver<bool>,
    /// The bytes of objects.
    spool: Spool,
}

impl<B: Backend> Door<B> {
    pub(crate) fn new(
        mut backend: B,
        speed: f64,
        time: impl RealTime,
        closing: watch::Receiver<bool>,
    ) -> Result<Self, PaceError> {
        let pace = Pace::new(backend.now_millis(), speed)?;
        let spool = Spool::default();
        backend.keep_bytes(Arc::new(spool.clone()));
        let paced = Mutex::new(Paced { backend, pace, earlier: Vec::new() });
        Ok(Self {
            paced,
            time: Box::new(time),
            requests: AtomicU64::new(0),
            clock_changes: watch::Sender::new(0),
            closing,
            spool,
        })
    }

    fn lock(&self) -> MutexGuard<'_, Paced<B>> {
        // A panic inside the world is our bug and already reported; the others may as well go on.
        self.paced.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs `f` on the backend as it is now.
    pub(crate) fn with<T>(&self, f: impl FnOnce(&mut B) -> T) -> T {
        let mut paced = self.lock();
        let now_millis = paced.pace.now_millis(self.time.elapsed());
        paced.backend.advance_to(now_millis);
        f(&mut paced.backend)
    }

    /// SDKs compare the end of their credentials with their own clock, which is not the world's: they would renew at
    /// every call, or never.
    fn with_real_expiry(&self, mut response: Response) -> Response {
        let expiration = match &mut response {
            Response::Sts(sts::Response::AssumeRole(output)) => Some(&mut output.credentials.expiration),
            Response::Ssm(ssm::Response::RequestManagedInstanceRoleToken(output)) => {
                output.token_expiration_date.as_mut()
            }
            _ => None,
        };
        if let Some(expiration) = expiration {
            let pace = self.lock().pace;
            let left = pace.real_seconds_until(expiration.as_millis(), self.time.elapsed());
            *expiration = Timestamp::from_millis(((self.time.epoch_seconds() + left) * 1000.0) as i64);
        }
        response
    }

    /// Agents count the seconds for which a message is hidden from them by their own clocks.
    fn with_real_patience(&self, mut request: Request) -> Request {
        if let Request::Messages(messages::Request::GetMessages(input)) = &mut request {
            let seconds = f64::from(input.visibility_timeout_in_seconds.unwrap_or(10));
            let scaled = seconds * self.lock().pace.speed().max(1.0);
            input.visibility_timeout_in_seconds = Some(scaled as i32);
        }
        request
    }

    /// The world's time when callers' own clocks showed a moment, in milliseconds since the epoch. What was before the
    /// door opened counts as its opening.
    fn world_millis_at(&self, epoch_seconds: f64) -> i64 {
        let elapsed = self.time.elapsed();
        let ago = (self.time.epoch_seconds() - epoch_seconds).max(0.0);
        let then = elapsed.saturating_sub(Duration::try_from_secs_f64(ago).unwrap_or(Duration::MAX));
        let paced = self.lock();
        let known = paced.earlier.iter().chain([&paced.pace]).rfind(|pace| pace.since() <= then);
        known.unwrap_or(&paced.pace).now_millis(then)
    }

    fn request_id(&self) -> String {
        let number = self.requests.fetch_add(1, Ordering::Relaxed);
        format!("{:08x}-0000-4000-8000-{number:012x}", number >> 48)
    }
}

/// Every route of the door.
pub(crate) fn service<B: Backend>(door: Arc<Door<B>>) -> IntoMakeServiceWithConnectInfo<Router, CutSwitch> {
    Router::new()
        .nest("/_sim", control::router())
        .route("/_attachments/{*path}", get(attachment::<B>))
        .route("/v1/control-channel/{*path}", any(no_channel))
        .route("/v1/data-channel/{*path}", any(no_channel))
        .fallback(call::<B>)
        .with_state(door)
        .into_make_service_with_connect_info()
}

async fn call<B: Backend>(
    State(door): State<Arc<Door<B>>>,
    ConnectInfo(connection): ConnectInfo<CutSwitch>,
    http: HttpRequest<Body>,
) -> HttpResponse {
    let request_id = door.request_id();
    let (head, body) = http.into_parts();
    if s3::is_meant(&head.uri, &head.headers) {
        return s3::call(&door, &connection, &head, body, &request_id).await;
    }
    let Some(route) = Route::find(head.uri.path(), &head.headers) else {
        // What AWS's JSON services answer to a request without a target.
        let answer = Protocol::Json11.error(&ApiError::unknown_operation().with_status(404), &request_id);
        return http_response(answer, None, &request_id);
    };
    let protocol = route.protocol;
    let Ok(body) = axum::body::to_bytes(body, protocol::MAX_BODY_BYTES as usize).await else {
        let answer = protocol.error(&protocol::too_large(), &request_id);
        return http_response(answer, Some(protocol), &request_id);
    };
    let caller = if route.is_registration() {
        Ok(Caller::default())
    } else {
        signature::caller(&head.headers, route.service)
    };
    let read = caller.and_then(|caller| Ok((caller, route.read(&head.headers, &body)?)));
    if let Ok((_, Request::Messages(messages::Request::GetMessages(input)))) = &read {
        wait_for_message(&door, &input.destination).await;
    }
    let reply = read.map_or_else(
        |error| Err(error).into(),
        |(caller, request)| {
            let request = door.with_real_patience(request);
            door.with(|world| world.call(&caller, request))
        },
    );
    match reply.delivery {
        Delivery::Arrives => {}
        Delivery::Dropped => connection.cut(),
        Delivery::Garbled => return garbled(protocol, &request_id),
        Delivery::Unavailable => return unavailable(),
        Delivery::Hangs => hang(door.closing.clone()).await,
    }
    let answer = match reply.result {
        Ok(response) => {
            let response = door.with_real_expiry(with_absolute_urls(response, &head.headers));
            protocol.success(&response, &request_id)
        }
        Err(error) => protocol.error(&error, &request_id),
    };
    http_response(answer, Some(protocol), &request_id)
}

fn http_response(answer: Answer, protocol: Option<Protocol>, request_id: &str) -> HttpResponse {
    let mut response = HttpResponse::new(Body::from(answer.body));
    *response.status_mut() = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(answer.content_type));
    if let Ok(request_id) = HeaderValue::from_str(request_id) {
        headers.insert("x-amzn-requestid", request_id);
    }
    if protocol == Some(Protocol::Cbor) {
        headers.insert("smithy-protocol", HeaderValue::from_static("rpc-v2-cbor"));
    }
    if let Some(query_error) = answer.query_error.and_then(|error| HeaderValue::from_str(&error).ok()) {
        headers.insert("x-amzn-query-error", query_error);
    }
    response
}

/// Longest wait of an agent for a message: shorter than its own patience, which is twenty seconds, because what is
/// written to a connection that it has given up is lost until it is shown again.
const LONGEST_MESSAGE_WAIT: Duration = Duration::from_secs(15);
/// How often somebody looks meanwhile. The world's messages come by its own time, of which nobody tells the door.
const MESSAGE_LOOK: Duration = Duration::from_millis(200);

async fn wait_for_message<B: Backend>(door: &Door<B>, destination: &str) {
    let mut closing = door.closing.clone();
    let look = async {
        while !door.with(|world| world.has_message(destination)) {
            tokio::time::sleep(MESSAGE_LOOK).await;
        }
    };
    tokio::select! {
        () = look => {}
        () = tokio::time::sleep(LONGEST_MESSAGE_WAIT) => {}
        // An error means that the one who could close the door is gone, which closes it too.
        _ = closing.wait_for(|closing| *closing) => {}
    }
}

/// Session Manager's channels are refused as they are to a node whose role has no rights to them: an agent then goes on
/// asking for messages. One that was opened, and never carried a command, would stop it from asking.
async fn no_channel() -> HttpResponse {
    let message =
        "There are no control channels and no data channels here: commands are delivered as messages.";
    let code = "AccessDeniedException";
    let body = serde_json::json!({ "__type": code, "message": message }).to_string();
    let headers = [("content-type", "application/json"), ("x-amzn-errortype", code)];
    (StatusCode::FORBIDDEN, headers, body).into_response()
}

/// A success that is not what the protocol promises.
fn garbled(protocol: Protocol, request_id: &str) -> HttpResponse {
    let content_type = protocol.success(&ssm::CancelCommandOutput {}.into(), request_id).content_type;
    let body = b"<html><body>\xff\x00 It works!</body></html>".to_vec();
    http_response(Answer { status: 200, content_type, query_error: None, body }, Some(protocol), request_id)
}

/// What a load balancer in front of a service says.
fn unavailable() -> HttpResponse {
    let body = "<html><body><h1>503 Service Unavailable</h1></body></html>";
    (StatusCode::SERVICE_UNAVAILABLE, [(header::CONTENT_TYPE, "text/html")], body).into_response()
}

/// Until the caller gives up (its connection ends this future) or the door closes.
async fn hang(mut closing: watch::Receiver<bool>) {
    // An error means that the one who could close the door is gone, which closes it too.
    let _ = closing.wait_for(|closing| *closing).await;
}

/// The world does not know under which address it is reached; attachment URLs get the one the caller used.
fn with_absolute_urls(mut response: Response, headers: &HeaderMap) -> Response {
    let Response::Ssm(ssm::Response::GetDocument(document)) = &mut response else { return response };
    let Some(host) = headers.get(header::HOST).and_then(|host| host.to_str().ok()) else { return response };
    for attachment in document.attachments_content.iter_mut().flatten() {
        if attachment.url.starts_with('/') {
            attachment.url = format!("http://{host}{}", attachment.url);
        }
    }
    response
}

/// The query of an attachment's URL.
#[derive(Default, serde::Deserialize)]
#[serde(default)]
struct LinkQuery {
    #[serde(rename = "X-Amz-Date")]
    date: String,
    #[serde(rename = "X-Amz-Signature")]
    signature: String,
}

async fn attachment<B: Backend>(
    State(door): State<Arc<Door<B>>>,
    Path(path): Path<String>,
    Query(query): Query<LinkQuery>,
    headers: HeaderMap,
) -> HttpResponse {
    let found = door.with(|world| world.attachment(&path, &query.date, &query.signature));
    match found {
        Ok(Attached::Made(entries)) => {
            ([(header::CONTENT_TYPE, "application/zip")], stored_zip(&entries)).into_response()
        }
        Ok(Attached::Stored(content)) => stored(&door.spool, &content, &headers),
        Err(BrokenLink::Gone) => StatusCode::NOT_FOUND.into_response(),
        Err(BrokenLink::Signature | BrokenLink::Expired) => StatusCode::FORBIDDEN.into_response(),
    }
}

/// An attachment that was handed in, or the range of it that is asked for.
fn stored(spool: &Spool, content: &Content, headers: &HeaderMap) -> HttpResponse {
    let asked = headers.get(header::RANGE).and_then(|range| range.to_str().ok());
    let whole = Range { start: 0, end: content.size };
    let Ok(range) = Range::read(asked, content.size) else {
        return StatusCode::RANGE_NOT_SATISFIABLE.into_response();
    };
    let sent = range.unwrap_or(whole);
    let Ok(body) = download::body(spool, content, sent) else {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    };
    let status = if range.is_some() { StatusCode::PARTIAL_CONTENT } else { StatusCode::OK };
    let bounds = format!("bytes {}-{}/{}", sent.start, sent.end.saturating_sub(1), content.size);
    let mut headers = vec![
        (header::CONTENT_TYPE, "application/zip".to_owned()),
        (header::CONTENT_LENGTH, (sent.end - sent.start).to_string()),
    ];
    headers.extend(range.map(|_| (header::CONTENT_RANGE, bounds)));
    let mut answer = (status, body).into_response();
    for (name, value) in headers {
        if let Ok(value) = HeaderValue::from_str(&value) {
            answer.headers_mut().insert(name, value);
        }
    }
    answer
}

#[cfg(test)]
mod tests;
