//! A connection and the one thread that owns it.
//!
//! SQLite calls block. A transaction that ran inside an async task would be cut in two by a dropped future;
//! here it is one closure on a thread of its own, which finishes whether or not anyone still waits for it.

use std::sync::mpsc;
use std::thread::JoinHandle;

use rusqlite::Connection;
use tokio::sync::oneshot;

use super::fault::Fault;
use crate::{Error, Result};

type Job = Box<dyn FnOnce(&mut Connection) + Send>;

/// A thread that owns a connection and does one job after the other.
#[derive(Debug)]
pub(super) struct Worker {
    store: String,
    // Both are there until the drop takes them.
    jobs: Option<mpsc::Sender<Job>>,
    thread: Option<JoinHandle<()>>,
}

impl Worker {
    /// Gives the connection to a new thread.
    pub(super) fn spawn(store: &str, name: &str, mut connection: Connection) -> Result<Self> {
        let (jobs, queue) = mpsc::channel::<Job>();
        let work = move || {
            while let Ok(job) = queue.recv() {
                job(&mut connection);
            }
        };
        let thread = std::thread::Builder::new()
            .name(name.to_owned())
            .spawn(work)
            .map_err(|error| Error::Unavailable { store: store.to_owned(), detail: error.to_string() })?;
        Ok(Self { store: store.to_owned(), jobs: Some(jobs), thread: Some(thread) })
    }

    /// Runs a job on the thread. Dropping the future does not stop the job.
    pub(super) async fn call<T, F>(&self, job: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&mut Connection) -> std::result::Result<T, Fault> + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        let job: Job = Box::new(move |connection| {
            // Sending fails when no one waits any more; the job is done all the same.
            let _ = reply.send(job(connection));
        });
        let sent = self.jobs.as_ref().is_some_and(|jobs| jobs.send(job).is_ok());
        if !sent {
            return Err(self.stopped());
        }
        match answer.await {
            Ok(result) => result.map_err(|fault| fault.into_error(&self.store)),
            Err(_) => Err(self.stopped()),
        }
    }

    fn stopped(&self) -> Error {
        let detail = "its thread stopped after an internal error".to_owned();
        Error::Unavailable { store: self.store.clone(), detail }
    }
}

impl Drop for Worker {
    /// Waits for the jobs already given, so that the file is complete and closed when the store is gone.
    fn drop(&mut self) {
        drop(self.jobs.take());
        if let Some(thread) = self.thread.take() {
            // A panic of the thread was reported by the call that met it.
            let _ = thread.join();
        }
    }
}
