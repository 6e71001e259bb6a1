//! Statements that run while nobody waits for them: their client asks how far they are, now and then.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::AbortHandle;

use super::queries::QueryId;
use super::session::Session;
use crate::error::{Error, ErrorCode, Result};

/// How many of these statements a session remembers. The oldest goes first, and is ended if it still runs.
const MOST: usize = 64;

/// The statements of one session that run while nobody waits for them, and those that have run.
#[derive(Default)]
pub(super) struct PolledStatements {
    statements: VecDeque<(QueryId, Polled)>,
}

/// One of them.
struct Polled {
    outcome: watch::Receiver<Option<Result<Arc<[u8]>>>>,
    task: AbortHandle,
}

impl Drop for Polled {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl PolledStatements {
    pub(super) fn clear(&mut self) {
        self.statements.clear();
    }
}

/// How far a statement is.
pub enum PollState {
    /// It runs; how much is done, from 0 to 1, where the engine can tell.
    Running(Option<f64>),
    /// It has ended with what its work came to.
    Finished(Arc<[u8]>),
}

impl Session {
    /// Starts work that goes on without a caller, and can be polled and cancelled by the identity of its query. What it
    /// comes to is remembered.
    pub fn start_polled(self: &Arc<Self>, id: QueryId, work: impl Future<Output = Result<Vec<u8>>> + Send + 'static) {
        let (sender, outcome) = watch::channel(None);
        let session = Arc::clone(self);
        let task = tokio::spawn(async move {
            let outcome = session.unless_cancelled(id, work).await;
            sender.send_replace(Some(outcome.map(Arc::from)));
        });
        let mut polled = self.polled.lock();
        if polled.statements.len() >= MOST {
            polled.statements.pop_front();
        }
        polled.statements.push_back((id, Polled { outcome, task: task.abort_handle() }));
    }

    /// How far a statement is, asked again for up to `patience` while it runs.
    ///
    /// # Errors
    /// That of the statement when it failed; `RESULT_GONE` when it is not remembered; those of a session that has ended.
    pub async fn poll(&self, id: QueryId, patience: Duration) -> Result<PollState> {
        let _work = self.start()?;
        let outcome = {
            let polled = self.polled.lock();
            let found = polled.statements.iter().rev().find(|(known, _)| *known == id);
            found.map(|(_, polled)| polled.outcome.clone())
        };
        let mut outcome = outcome.ok_or_else(gone)?;
        match tokio::time::timeout(patience, outcome.wait_for(Option::is_some)).await {
            Err(_elapsed) => Ok(PollState::Running(self.engine().progress())),
            Ok(Err(_aborted)) => Err(self.explain(gone())),
            Ok(Ok(outcome)) => match &*outcome {
                Some(Ok(work)) => Ok(PollState::Finished(Arc::clone(work))),
                Some(Err(error)) => Err(self.explain(error.clone())),
                None => Err(gone()),
            },
        }
    }
}

fn gone() -> Error {
    Error::new(
        ErrorCode::ResultGone,
        format!(
            "the statement is no longer known: a session remembers the newest {MOST} that were polled, on the node that \
             ran them; look at what it was to change before it is run again"
        ),
    )
}
