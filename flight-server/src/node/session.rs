//! A session that lives on this node: who it belongs to, under which epoch, and the engine's side of it.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::Ordering;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use futures::{StreamExt, TryStreamExt};
use parking_lot::{Mutex, RwLock};
use session::{Epoch, Fence, FenceLoss, JournalEntry, Principal, SessionId, SessionState, StoreError, TokenHash};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::core::Core;
use super::drain::PATIENCE;
use super::failure;
use super::kept::{Kept, KeptResults, StatementId};
use super::lost_state::LostState;
use super::polled::PolledStatements;
use super::prepared::PreparedStatements;
use super::presence::Presences;
use super::queries::Queries;
use super::receipts::Remembered;
use super::resumable::columns_of;
use super::running::RunningGuard;
use super::spooled::SpooledResults;
use super::statement_log::StatementLog;
use super::transaction::{EndedTransactions, TransactionId};
use super::transaction_mark::TransactionLife;
use super::usage::{Usage, UsageGuard};
use super::write_outcome::Underway;
use crate::engine::{Engine, EngineSession, Plan, Rows, StateEntry};
use crate::error::{Error, ErrorCode, Result};
use crate::failpoint::failpoint;

/// A session that lives on this node.
///
/// Its row in the store outlives it. It ends when it is closed, when it expires, and when this node may no longer act
/// as its owner; its engine state is dropped at that moment, and every later call on it fails saying why.
pub struct Session {
    pub(super) fence: Fence,
    pub(super) core: Arc<Core>,
    pub(super) engine: RwLock<Bound>,
    /// The server's own options that were set, as the store has them. Changed in the session's turn only.
    pub(super) own_options: Mutex<BTreeMap<String, String>>,
    pub(super) usage: Arc<Usage>,
    /// Serialises what changes the session, so that the journal has the order of execution. A session executes one
    /// statement at a time anyway, and the rows of a result are read outside it.
    pub(super) turn: tokio::sync::Mutex<Turn>,
    pub(super) prepared: Mutex<PreparedStatements>,
    /// The id clients know the open transaction by, if one was given out.
    pub(super) transaction: Mutex<Option<TransactionId>>,
    pub(super) ended_transactions: Mutex<EndedTransactions>,
    principal: Principal,
    /// What the store was told of the transaction, and why.
    pub(super) transaction_life: Mutex<TransactionLife>,
    token_hash: TokenHash,
    kept: Mutex<KeptResults>,
    pub(super) spooled: Mutex<SpooledResults>,
    pub(super) queries: Mutex<Queries>,
    pub(super) polled: Mutex<PolledStatements>,
    pub(super) statement_log: Mutex<StatementLog>,
    /// Writes that may be sent again, where the engine keeps no receipts of them.
    pub(super) receipts: Mutex<Remembered>,
    /// The requests that its calls are at.
    pub(super) underway: Underway,
    pub(super) presences: Presences,
    /// What takeovers of the session could not bring along.
    pub(super) lost_state: Mutex<LostState>,
    ended: Arc<OnceLock<Ended>>,
}

/// The engine that a session runs in.
pub(super) struct Bound {
    pub(super) engine: Arc<dyn Engine>,
    pub(super) session: Arc<dyn EngineSession>,
    /// Whether it may no longer be changed, because a statement was planned or run in it.
    pub(super) fixed: bool,
}

/// What only the holder of the session's turn may touch.
#[derive(Default)]
pub(super) struct Turn {
    /// State the engine has already taken on, but the store not: it did not answer, or the call was dropped meanwhile.
    unwritten: Vec<JournalEntry>,
}

/// Why a session no longer lives here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ended {
    /// By its client or an operator.
    Closed,
    /// It was idle, or open, for too long.
    Expired,
    /// This node is no longer its owner, or may not be for sure.
    Moved,
    /// This node hands it back, and is its owner until it has.
    Leaving,
}

/// What a new [`Session`] is made of.
pub(super) struct SessionParts {
    pub(super) core: Arc<Core>,
    pub(super) fence: Fence,
    pub(super) principal: Principal,
    pub(super) token_hash: TokenHash,
    pub(super) engine: Bound,
    pub(super) own_options: BTreeMap<String, String>,
    pub(super) idle_timeout: Duration,
    pub(super) age_left: Duration,
    pub(super) spooled: SpooledResults,
}

impl Session {
    pub(super) fn new(parts: SessionParts) -> Self {
        Self {
            usage: Arc::new(Usage::new(parts.idle_timeout, parts.age_left)),
            fence: parts.fence,
            core: parts.core,
            engine: RwLock::new(parts.engine),
            own_options: Mutex::new(parts.own_options),
            turn: tokio::sync::Mutex::default(),
            prepared: Mutex::default(),
            transaction: Mutex::default(),
            ended_transactions: Mutex::default(),
            transaction_life: Mutex::default(),
            principal: parts.principal,
            token_hash: parts.token_hash,
            kept: Mutex::default(),
            spooled: Mutex::new(parts.spooled),
            queries: Mutex::default(),
            polled: Mutex::default(),
            statement_log: Mutex::default(),
            receipts: Mutex::default(),
            underway: Underway::default(),
            presences: Presences::new(),
            lost_state: Mutex::default(),
            ended: Arc::default(),
        }
    }

    /// Its id, which is no secret.
    pub fn id(&self) -> &SessionId {
        &self.fence.session
    }

    /// Whose it is.
    pub fn principal(&self) -> &Principal {
        &self.principal
    }

    /// How often it has changed hands.
    pub fn epoch(&self) -> Epoch {
        self.fence.epoch
    }

    /// The engine's side of it, for metadata. Statements go through [`Session::plan`] and [`Session::execute`].
    pub fn engine(&self) -> Arc<dyn EngineSession> {
        Arc::clone(&self.engine.read().session)
    }

    /// The engine it runs in.
    pub fn engine_of(&self) -> Arc<dyn Engine> {
        Arc::clone(&self.engine.read().engine)
    }

    /// Plans a statement without running it.
    ///
    /// # Errors
    /// The engine's, and those of a session that has ended.
    pub async fn plan(&self, sql: &str) -> Result<Plan> {
        let sql = columns_of(sql).unwrap_or(sql);
        self.fix_engine().plan(sql).await.map_err(|error| self.explain(error))
    }

    /// The engine's side of it, for what must not find itself in another engine later.
    pub(super) fn fix_engine(&self) -> Arc<dyn EngineSession> {
        {
            let bound = self.engine.read();
            if bound.fixed {
                return Arc::clone(&bound.session);
            }
        }
        let mut bound = self.engine.write();
        bound.fixed = true;
        Arc::clone(&bound.session)
    }

    /// Whether something keeps the session here while the node drains: work, or a client that is in the middle of it.
    pub(super) fn is_busy(&self) -> bool {
        let waiting = || self.kept.lock().waiting(PATIENCE);
        let bound = || self.prepared.lock().are_waiting(PATIENCE);
        self.ended.get().is_none() && (self.usage.is_running() || self.is_amid_transaction() || waiting() || bound())
    }

    /// Keeps a result until it is fetched. See [`Kept`] for what is kept, and how much of it.
    pub fn keep(&self, result: Kept) -> StatementId {
        let id = StatementId::random();
        self.kept.lock().insert(id, result);
        id
    }

    /// A kept result; it stays kept.
    ///
    /// # Errors
    /// `RESULT_GONE` when it is not kept, or no longer.
    pub fn kept(&self, id: &StatementId) -> Result<Arc<Kept>> {
        self.kept.lock().get(id)
    }

    /// Whether `hash` is that of the session's token.
    pub(super) fn opens_with(&self, hash: &TokenHash) -> bool {
        self.token_hash.matches(hash)
    }

    /// Whether the session lives, here and now.
    pub(super) fn check(&self) -> Result<()> {
        if let Some(ended) = self.ended.get() {
            return Err(self.error_of(*ended));
        }
        self.core.lease.check()?;
        if self.usage.expired(Instant::now()) {
            self.end(Ended::Expired);
            return Err(self.error_of(Ended::Expired));
        }
        Ok(())
    }

    pub(super) fn ended(&self) -> Option<Ended> {
        self.ended.get().copied()
    }

    /// Whether its engine serves it still. It ends on this node if not, and is rebuilt by the next call.
    pub(super) fn is_whole(&self) -> bool {
        let is_whole = !self.engine().is_broken();
        if !is_whole {
            self.end(Ended::Moved);
        }
        is_whole
    }

    /// `error`, unless the session ended meanwhile: then that is what made it fail, and what the client must know.
    pub(super) fn explain(&self, error: Error) -> Error {
        explained(self.id(), &self.ended, error)
    }

    /// The same rows, with the error explained by which they end.
    pub(super) fn explain_rows(&self, rows: Rows) -> Rows {
        let (id, ended) = (self.id().clone(), Arc::clone(&self.ended));
        let batches = rows.batches.map_err(move |error| explained(&id, &ended, error));
        Rows { schema: rows.schema, batches: batches.boxed() }
    }

    /// Work starts on the session; it counts as running until the guard is dropped.
    pub(super) fn start(&self) -> Result<Work> {
        self.check()?;
        Ok(Work {
            usage: Some(self.usage.start()),
            running: Some(self.core.running.start()),
            core: Arc::clone(&self.core),
        })
    }

    /// Ends the session on this node and drops all it held here; what runs in it is interrupted. Does nothing when it
    /// has ended already. The handle resolves when the engine is done.
    ///
    /// An expired session stays in the list of live ones as its own tombstone until the store has marked it: by the
    /// store's clock it may have some moments left, and a call must not find it empty in them. So does one that is handed
    /// back, until it has been: a call that finds it in the store as this node's own would build it anew.
    pub(super) fn end(&self, why: Ended) -> Option<JoinHandle<()>> {
        self.ended.set(why).ok()?;
        if !matches!(why, Ended::Expired | Ended::Leaving) {
            self.core.live.remove(&self.fence);
        }
        if matches!(why, Ended::Closed | Ended::Expired) {
            self.core.connections.forget(self.id());
        }
        self.kept.lock().clear();
        self.queries.lock().clear();
        self.polled.lock().clear();
        self.prepared.lock().clear();
        *self.transaction.lock() = None;
        tracing::debug!(session = %self.id(), epoch = %self.epoch(), why = ?why, "session ended on this node");
        let engine = self.engine();
        let core = Arc::clone(&self.core);
        let forgotten = matches!(why, Ended::Closed | Ended::Expired).then(|| self.id().clone());
        tokio::runtime::Handle::try_current().ok().map(|runtime| {
            runtime.spawn(async move {
                engine.close().await;
                core.has_freed.store(true, Ordering::Release);
                if let Some(id) = forgotten {
                    core.forget_spooled(&id).await;
                }
            })
        })
    }

    /// What a failed write to the store means. A write that was fenced off drops the session at once.
    pub(super) async fn store_failed(&self, error: StoreError) -> Error {
        let StoreError::Fenced { loss, .. } = &error else {
            return failure::of_store(&error);
        };
        let why = match loss {
            FenceLoss::Claimed | FenceLoss::Unknown => Ended::Moved,
            FenceLoss::LeaseOver => {
                self.core.beat_now();
                Ended::Moved
            }
            // Somebody ended it or handed it back. Which of them is worth a look, since the client is told.
            FenceLoss::NotActive => match self.core.store.session(self.id()).await {
                Ok(Some(record)) if record.state == SessionState::Closed => Ended::Closed,
                Ok(Some(record)) if record.state == SessionState::Expired => Ended::Expired,
                Ok(_) | Err(_) => Ended::Moved,
            },
        };
        tracing::info!(session = %self.id(), epoch = %self.epoch(), %loss, "a write was fenced off; dropping the session");
        self.end(why);
        if why == Ended::Expired {
            // The store has marked it, so it needs no tombstone.
            self.core.live.remove(&self.fence);
        }
        self.error_of(self.ended().unwrap_or(why))
    }

    /// Writes `state`, and what an earlier call could not write, to the journal.
    pub(super) async fn write_state(&self, turn: &mut Turn, state: &[StateEntry]) -> Result<()> {
        let mark = self.mark_with(state);
        let made_again = self.lost_state.lock().made_again(state);
        let entries = state.iter().chain(&mark).chain(&made_again);
        turn.unwritten
            .extend(entries.map(|entry| JournalEntry { key: entry.key.clone(), statement: entry.sql.clone() }));
        if turn.unwritten.is_empty() {
            return Ok(());
        }
        match self.write_journal(&turn.unwritten).await {
            Ok(()) => {
                turn.unwritten.clear();
                Ok(())
            }
            Err(error) => Err(self.store_failed(error).await),
        }
    }

    async fn write_journal(&self, entries: &[JournalEntry]) -> session::Result<()> {
        failpoint!("journal.before", crate::failpoint::store_error());
        self.core.store.write_journal(&self.fence, entries).await?;
        failpoint!("journal.written", crate::failpoint::store_error());
        Ok(())
    }

    /// Takes entries out of the journal.
    pub(super) async fn forget_state(&self, turn: &mut Turn, entries: Vec<JournalEntry>) -> Result<()> {
        turn.unwritten.extend(entries);
        self.write_state(turn, &[]).await
    }

    fn error_of(&self, ended: Ended) -> Error {
        error_of(self.id(), ended)
    }
}

fn error_of(id: &SessionId, ended: Ended) -> Error {
    match ended {
        Ended::Closed => failure::closed(id, None),
        Ended::Expired => failure::expired(id, None),
        Ended::Moved | Ended::Leaving => failure::moved(id, "another node, or will be"),
    }
}

fn explained(id: &SessionId, ended: &OnceLock<Ended>, error: Error) -> Error {
    match ended.get() {
        // The session ended by it: whoever sent the call again would have it fail again.
        Some(_) if error.code == ErrorCode::EngineFailed => error,
        Some(ended) => error_of(id, *ended),
        None => error,
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session")
            .field("id", self.id())
            .field("principal", &self.principal)
            .field("epoch", &self.fence.epoch)
            .field("ended", &self.ended.get())
            .finish_non_exhaustive()
    }
}

/// Counts as running, on the node and in its session, while it lives.
pub(super) struct Work {
    usage: Option<UsageGuard>,
    running: Option<RunningGuard>,
    core: Arc<Core>,
}

impl Drop for Work {
    fn drop(&mut self) {
        drop((self.usage.take(), self.running.take()));
        // It may have been what kept the session here.
        if self.core.is_draining() {
            self.core.drain_on();
        }
    }
}
