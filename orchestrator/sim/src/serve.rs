//! The shell around the door: a listening socket, real time, and an orderly end.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use std::{fmt, io};

use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::door::{Backend, CuttableListener, Door, PaceError, RealTime, service};

/// Why a world could not be served.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The simulated AWS checks no signatures and obeys everyone: it must not be reachable from outside.
    #[error("refusing to listen on {0}: only loopback addresses such as 127.0.0.1 are allowed")]
    NotLoopback(SocketAddr),
    /// The address cannot be bound.
    #[error("cannot listen on {address}")]
    Bind {
        /// Address asked for.
        address: SocketAddr,
        /// What the operating system said.
        source: io::Error,
    },
    /// The speed makes no sense.
    #[error(transparent)]
    Speed(#[from] PaceError),
}

/// A world being served. Dropping it stops serving at once; [`Handle::shutdown`] lets open calls finish first.
pub struct Handle<B: Backend> {
    /// Address listened on, with the port that was chosen.
    pub address: SocketAddr,
    /// What to give clients as their endpoint, such as `http://127.0.0.1:4711`.
    pub endpoint_url: String,
    door: Arc<Door<B>>,
    closing: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl<B: Backend> fmt::Debug for Handle<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handle").field("address", &self.address).finish_non_exhaustive()
    }
}

impl<B: Backend> Handle<B> {
    /// Looks at the world, or changes it, as it is now. Callers wait meanwhile: be quick.
    pub fn with<T>(&self, f: impl FnOnce(&mut B) -> T) -> T {
        self.door.with(f)
    }

    /// Stops accepting, lets open calls finish, and returns when the last connection is closed.
    pub async fn shutdown(mut self) {
        // Nobody listening any more means that it is closed already.
        let _ = self.closing.send(true);
        // A panic in the server task was reported when it happened.
        let _ = (&mut self.task).await;
    }
}

impl<B: Backend> Drop for Handle<B> {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Real time since a moment.
struct Since(Instant);

impl RealTime for Since {
    fn elapsed(&self) -> Duration {
        self.0.elapsed()
    }

    fn epoch_seconds(&self) -> f64 {
        // A machine whose clock stands before 1970 gets credentials that ended then: it has other worries.
        SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64()
    }
}

/// Serves a world on a loopback address (port 0 chooses a free one) until the handle is shut down or dropped.
///
/// The world's time runs `speed` times as fast as real time, from where it stands; `/_sim/clock` changes that.
pub async fn serve<B: Backend>(world: B, listen: SocketAddr, speed: f64) -> Result<Handle<B>, ServeError> {
    if !listen.ip().is_loopback() {
        return Err(ServeError::NotLoopback(listen));
    }
    let bind_error = |source| ServeError::Bind { address: listen, source };
    let listener = TcpListener::bind(listen).await.map_err(bind_error)?;
    let address = listener.local_addr().map_err(bind_error)?;

    let (closing, mut closed) = watch::channel(false);
    let door = Arc::new(Door::new(world, speed, Since(Instant::now()), closed.clone())?);
    let service = service(Arc::clone(&door));
    let task = tokio::spawn(async move {
        let until_closed = async move {
            // An error means that the handle is gone, which is the same.
            let _ = closed.wait_for(|closing| *closing).await;
        };
        let served =
            axum::serve(CuttableListener(listener), service).with_graceful_shutdown(until_closed).await;
        if let Err(error) = served {
            tracing::error!(%error, "the simulated AWS stopped serving");
        }
    });
    Ok(Handle { address, endpoint_url: format!("http://{address}"), door, closing, task })
}
