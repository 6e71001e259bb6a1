//! Transactions as clients name them: one state of the session, whether begun by an action or by SQL text.

use std::collections::VecDeque;
use std::fmt;

use session::Epoch;

use super::failure;
use super::receipts::Decided;
use super::session::{Session, Turn};
use super::transaction_mark::{commit_unknown, lost_transaction};
use crate::engine::{Request, StatementKind, TransactionStatus};
use crate::error::{Error, ErrorCode, Result};

/// How many ended transactions a session remembers. The oldest is forgotten first.
const MOST_ENDED: usize = 64;

const RANDOM: usize = 16;
const LENGTH: usize = 8 + RANDOM;

/// What a client knows an open transaction by: the epoch of its session, then random bytes.
///
/// The epoch tells a transaction that was lost with its node from one that never was.
#[derive(Clone, PartialEq, Eq)]
pub struct TransactionId([u8; LENGTH]);

impl TransactionId {
    /// Its bytes, as they go over the wire.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Its text form, as the store keeps it.
    pub(super) fn to_hex(&self) -> String {
        hex::encode(self.0)
    }

    /// Reads the text form.
    pub(super) fn from_hex(text: &str) -> Option<Self> {
        hex::decode(text).ok()?.try_into().ok().map(Self)
    }

    fn new(epoch: Epoch) -> Result<Self> {
        let mut bytes = [0; LENGTH];
        let (head, tail) = bytes.split_at_mut(8);
        head.copy_from_slice(&epoch.0.to_be_bytes());
        getrandom::fill(tail).map_err(|error| Error::internal(format_args!("no random bytes: {error}")))?;
        Ok(Self(bytes))
    }
}

/// The transactions of a session that have ended here, and whether they were committed.
#[derive(Default)]
pub(super) struct EndedTransactions(VecDeque<(TransactionId, bool)>);

impl EndedTransactions {
    fn note(&mut self, id: &[u8], is_committed: bool) {
        let Ok(id) = id.try_into().map(TransactionId) else { return };
        if self.0.len() >= MOST_ENDED {
            self.0.pop_front();
        }
        self.0.push_back((id, is_committed));
    }

    fn is_committed(&self, id: &[u8]) -> Option<bool> {
        self.0.iter().find(|(ended, _)| ended.0 == id).map(|(_, is_committed)| *is_committed)
    }
}

impl fmt::Debug for TransactionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TransactionId({})", hex::encode(self.0))
    }
}

impl Session {
    /// Begins a transaction, or joins the one that is open; its id either way.
    ///
    /// # Errors
    /// Only when the session has ended or the engine cannot begin one at all.
    pub async fn begin(&self) -> Result<TransactionId> {
        let _work = self.start()?;
        let mut turn = self.turn.lock().await;
        self.check()?;
        self.follow_transaction(None, None);
        self.forget_transaction(&mut turn).await?;
        if let Some(id) = self.current_transaction() {
            return Ok(id);
        }
        let id = TransactionId::new(self.epoch())?;
        let joined = self.engine().transaction() != TransactionStatus::Autocommit;
        *self.transaction.lock() = Some(id.clone());
        // In the store first: whoever takes the session must not take the client to be in autocommit.
        let begun = match joined {
            true => Ok(()),
            false => match self.mark_open(&mut turn).await {
                Ok(()) => self.fix_engine().begin().await.map_err(|error| self.explain(error)),
                Err(error) => Err(error),
            },
        };
        if begun.is_err() {
            *self.transaction.lock() = None;
        }
        begun.map(|()| id)
    }

    /// Commits the transaction with this id. It is over, even when this fails. One that was committed before, or a `request`
    /// that was, is not committed again, and is no failure.
    ///
    /// # Errors
    /// `TRANSACTION_LOST` when it was open on an earlier owner of the session, `TRANSACTION_UNKNOWN` when it is not
    /// the open one, and the engine's error when it could not be committed.
    pub async fn commit(&self, id: &[u8], request: Option<&Request>) -> Result<()> {
        let _work = self.start()?;
        let _underway = self.underway.enter(request.map(|request| request.id));
        let mut turn = self.turn.lock().await;
        self.check()?;
        if let Some(request) = request
            && self.was_applied(request).await?
        {
            return self.forget_transaction(&mut turn).await;
        }
        let ended = self.ended_transactions.lock().is_committed(id);
        match ended {
            // What it changed in the session may still have to be written.
            Some(true) => return self.write_state(&mut turn, &[]).await,
            Some(false) => return Err(rolled_back()),
            None => {}
        }
        if let Err(error) = self.check_transaction(id) {
            return match self.undecided() {
                // It stays known until something else comes: this answer may be lost as the first one was.
                Some(ending) if error.code == ErrorCode::TransactionLost => match self.outcome(&ending).await? {
                    Decided::Committed => Ok(()),
                    Decided::Unknown => Err(commit_unknown()),
                    Decided::NotCommitted => Err(error),
                },
                _ => {
                    self.forget_transaction(&mut turn).await?;
                    Err(error)
                }
            };
        }
        let request = request.cloned().unwrap_or_else(Request::of_own_commit);
        self.mark_ending(&mut turn, Some(request.id)).await?;
        let committed = self.engine().commit(Some(&request)).await;
        self.keep_receipt(Some(&request), &committed, None);
        *self.transaction.lock() = None;
        self.note_end(id, committed.is_ok());
        committed.map_err(|error| self.explain(error))?;
        self.write_state_after_transaction(&mut turn).await
    }

    /// Rolls the transaction with this id back. One that is not open, or was lost, is rolled back already.
    ///
    /// # Errors
    /// The engine's, when it could not roll back.
    pub async fn rollback(&self, id: &[u8]) -> Result<()> {
        let _work = self.start()?;
        let mut turn = self.turn.lock().await;
        self.check()?;
        if self.check_transaction(id).is_err() {
            return self.forget_transaction(&mut turn).await;
        }
        self.mark_ending(&mut turn, None).await?;
        let rolled_back = self.engine().rollback().await;
        *self.transaction.lock() = None;
        self.note_end(id, false);
        rolled_back.map_err(|error| self.explain(error))
    }

    /// Remembers how the open transaction ended.
    fn note_end(&self, id: &[u8], is_committed: bool) {
        self.ended_transactions.lock().note(id, is_committed);
        self.statement_log.lock().transaction_ended(Some(is_committed));
    }

    /// Writes what a transaction that is committed has changed in the session.
    async fn write_state_after_transaction(&self, turn: &mut Turn) -> Result<()> {
        let state = self.engine().state_after_transaction().await.map_err(|error| self.explain(error))?;
        let saved = self.write_state(turn, &state).await;
        saved.map_err(|error| failure::after_statement(StatementKind::Definition, error))
    }

    /// Whether the transaction that a statement names is the open one.
    ///
    /// # Errors
    /// `TRANSACTION_LOST` when it was open on an earlier owner of the session, `TRANSACTION_UNKNOWN` otherwise.
    pub fn check_transaction(&self, id: &[u8]) -> Result<()> {
        self.follow_transaction(None, None);
        if self.transaction.lock().as_ref().is_some_and(|current| current.0 == id) {
            return Ok(());
        }
        if let Ok(bytes) = <[u8; LENGTH]>::try_from(id)
            && let Some(epoch) = bytes.first_chunk::<8>()
            && (Epoch::FIRST.0..self.epoch().0).contains(&i64::from_be_bytes(*epoch))
        {
            return Err(lost_transaction());
        }
        Err(Error::new(
            ErrorCode::TransactionUnknown,
            "this session has no open transaction with that id: it was committed or rolled back, or never begun; \
             begin one and use the id it returns",
        ))
    }

    pub(super) fn current_transaction(&self) -> Option<TransactionId> {
        self.transaction.lock().clone()
    }

    /// Forgets the id of a transaction that SQL text ended: none is open any more, or a statement that begins or ends
    /// transactions ran, while `before` was open, and left one open. That one must be another, since no transaction
    /// can begin inside one.
    pub(super) fn follow_transaction(&self, before: Option<&TransactionId>, ran: Option<StatementKind>) {
        let status = self.engine().transaction();
        let another = ran == Some(StatementKind::Transaction);
        let mut current = self.transaction.lock();
        if status == TransactionStatus::Autocommit || (another && before.is_some() && current.as_ref() == before) {
            *current = None;
        }
    }
}

/// The transaction has ended, and not by a commit.
fn rolled_back() -> Error {
    Error::new(
        ErrorCode::TransactionUnknown,
        "this transaction was rolled back, and nothing of it is written; begin one and use the id it returns",
    )
}
