//! Which engine a session runs in, chosen before its first statement.

use std::sync::Arc;

use session::JournalEntry;

use super::opened::Opened;
use super::own_options::{self, ENGINE};
use super::resolve::holder_of;
use super::session::{Bound, Session, Turn};
use super::session_options::{OptionError, OptionValue};
use crate::engine::{Engine, EngineSession};
use crate::error::{Error, ErrorCode, SqlState};

impl Session {
    /// Moves the session to another engine, empty as a new session is. The caller holds the session's turn.
    ///
    /// # Errors
    /// `InvalidValue` when this node has no engine of that name; `OPTION_INVALID` when a statement was planned or run
    /// already; the engine's and the store's.
    pub(super) async fn choose_engine(&self, turn: &mut Turn, value: OptionValue) -> Result<(), OptionError> {
        let wanted = match &value {
            OptionValue::String(name) => self.core.engine_named(name).ok_or(OptionError::InvalidValue)?,
            OptionValue::Empty => self.core.engine.as_ref().ok_or(OptionError::InvalidValue)?,
            _ => return Err(OptionError::InvalidValue),
        };
        if self.engine_of().name() == wanted.name() {
            return Ok(());
        }
        if self.engine.read().fixed {
            return Err(OptionError::Error(too_late()));
        }
        let holder = holder_of(self.id(), self.epoch(), self.principal());
        let opened = Opened::new(wanted.open_session(&holder, &[]).await?);
        // What was set in the other engine means nothing in this one.
        let journal = self.core.store.journal(self.id()).await;
        let journal = match journal {
            Ok(journal) => journal,
            Err(error) => return Err(OptionError::Error(self.store_failed(error).await)),
        };
        let forgotten: Vec<_> =
            journal.into_iter().map(|entry| JournalEntry { key: entry.key, statement: None }).collect();
        self.forget_state(turn, forgotten).await?;
        let before = self.own_options.lock().clone();
        let mut options = before.clone();
        options.insert(ENGINE.to_owned(), wanted.name().to_owned());
        self.keep_own_options(options).await?;
        match self.bind_to(wanted, opened) {
            Some(old) => {
                old.close().await;
                Ok(())
            }
            None => {
                self.keep_own_options(before).await?;
                Err(OptionError::Error(too_late()))
            }
        }
    }

    /// Puts the session into another engine, unless a statement was planned meanwhile; what it was in before.
    fn bind_to(&self, engine: &Arc<dyn Engine>, opened: Opened) -> Option<Arc<dyn EngineSession>> {
        let mut bound = self.engine.write();
        if bound.fixed {
            return None;
        }
        let session = opened.into_owned();
        session.set_wire_options(own_options::wire(&self.own_options.lock()));
        let old = std::mem::replace(&mut *bound, Bound { engine: Arc::clone(engine), session, fixed: false });
        Some(old.session)
    }
}

fn too_late() -> Error {
    let what = "the engine of a session can be chosen before its first statement only; connect again, and set \
                pintail.engine first";
    Error::new(ErrorCode::OptionInvalid, what).with_sqlstate(SqlState("25001"))
}
