//! The threads on which everything of the engine runs, so that no async worker of the server ever waits for it.

use std::future::Future;
use std::sync::Arc;

use futures::FutureExt;
use tokio::runtime::{Builder, Handle, Runtime};
use tokio::task::{AbortHandle, JoinError, JoinHandle};

use super::errors;
use super::giving_up::GivenUp;
use crate::engine::priority;
use crate::error::{Error, Result};

/// The engine's own threads. They give way to the server's.
pub(super) struct EngineRuntime {
    /// `None` only while it is being dropped.
    runtime: Option<Runtime>,
    handle: Handle,
}

impl EngineRuntime {
    /// Starts `threads` workers.
    pub(super) fn start(threads: usize) -> Result<Arc<Self>> {
        let runtime = Builder::new_multi_thread()
            .worker_threads(threads.max(1))
            .thread_name("datafusion")
            .on_thread_start(priority::give_way)
            .enable_all()
            .build()
            .map_err(|error| Error::internal(format!("the engine's threads did not start: {error}")))?;
        let handle = runtime.handle().clone();
        Ok(Arc::new(Self { runtime: Some(runtime), handle }))
    }

    /// Starts `work` there. Dropping what is returned stops it where it waits next.
    pub(super) fn spawn<R: Send + 'static>(&self, work: impl Future<Output = Result<R>> + Send + 'static) -> Task<R> {
        let given_up = GivenUp::default();
        let handle = self.handle.spawn(given_up.over(work));
        Task { handle, given_up }
    }

    /// How many tasks there are that have not ended: statements, and the parts of them that run side by side.
    #[cfg(test)]
    pub(super) fn tasks(&self) -> usize {
        self.handle.metrics().num_alive_tasks()
    }
}

impl Drop for EngineRuntime {
    fn drop(&mut self) {
        // The last owner may be an async thread, which must not wait.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// Work on the engine's threads, ended when this is dropped.
pub(super) struct Task<R> {
    handle: JoinHandle<Result<R>>,
    given_up: GivenUp,
}

/// What ends a task from elsewhere.
#[derive(Debug, Clone)]
pub(super) struct Stop {
    handle: AbortHandle,
    given_up: GivenUp,
}

impl Stop {
    /// Ends it where it waits next, or where it looks whether it was given up.
    pub(super) fn stop(&self) {
        self.given_up.set();
        self.handle.abort();
    }

    /// Whether it has ended.
    pub(super) fn has_ended(&self) -> bool {
        self.handle.is_finished()
    }
}

impl<R> Task<R> {
    /// What ends it from elsewhere.
    pub(super) fn stop_handle(&self) -> Stop {
        Stop { handle: self.handle.abort_handle(), given_up: self.given_up.clone() }
    }

    /// Waits for its end.
    pub(super) async fn join(&mut self) -> Result<R> {
        (&mut self.handle).map(|ended| ended.unwrap_or_else(|error| Err(ended_early(&error)))).await
    }
}

impl<R> Drop for Task<R> {
    fn drop(&mut self) {
        // What it planned may go on in another task when it has ended.
        if !self.handle.is_finished() {
            self.stop_handle().stop();
        }
    }
}

fn ended_early(error: &JoinError) -> Error {
    if error.is_cancelled() {
        return errors::cancelled();
    }
    tracing::error!(%error, "a statement ended with a panic");
    Error::internal("the engine failed on this statement in a way it should not; the session goes on")
}
