//! What a commit to a lake says of itself: who made it, and by which session.

use std::sync::Arc;

use serde::Serialize;

use super::super::ffi::Connection;
use super::super::internal::{self, quoted_text};
use super::CATALOG;
use crate::engine::Holder;
use crate::error::Result;

/// What a client wants a commit to say, by DuckLake's `set_commit_message`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(in super::super) struct CommitNote {
    pub(in super::super) author: Option<String>,
    pub(in super::super) message: Option<String>,
    pub(in super::super) extra_info: Option<String>,
}

/// What stands in the `commit_extra_info` of a commit: [`super::fence`] reads it, and so does everybody who wants to know which
/// session has changed what.
#[derive(Serialize)]
struct Mark<'a> {
    pintail: Session<'a>,
    /// What the client itself had put there.
    #[serde(skip_serializing_if = "Option::is_none")]
    extra_info: Option<&'a str>,
}

#[derive(Serialize)]
struct Session<'a> {
    session: &'a str,
    epoch: i64,
}

impl<'a> Mark<'a> {
    fn of(holder: &'a Holder, note: &'a CommitNote) -> Self {
        Self {
            pintail: Session { session: &holder.session, epoch: holder.epoch },
            extra_info: note.extra_info.as_deref(),
        }
    }
}

/// Marks the open transaction as the session's, for its commit.
///
/// # Errors
/// When the catalog's database does not answer.
fn mark(connection: &Connection, holder: &Holder, note: &CommitNote) -> Result<()> {
    let mark = serde_json::to_string(&Mark::of(holder, note)).map_err(crate::error::Error::internal)?;
    let text = |text: Option<&str>| text.map_or_else(|| "NULL".to_owned(), quoted_text);
    let author = note.author.as_deref().or(Some(&holder.principal));
    internal::run(
        connection,
        &format!(
            "CALL {CATALOG}.set_commit_message({}, {}, extra_info => {})",
            text(author),
            text(note.message.as_deref()),
            quoted_text(&mark)
        ),
    )
}

/// How transactions of a session are committed: those of a lake carry the session's mark.
pub(in super::super) struct Marking {
    holder: Arc<Holder>,
    note: CommitNote,
    is_lake: bool,
}

impl Marking {
    /// Of a session in such an instance, with what its client wants the commit to say.
    pub(in super::super) fn new(holder: &Arc<Holder>, note: &CommitNote, is_lake: bool) -> Self {
        Self { holder: Arc::clone(holder), note: note.clone(), is_lake }
    }

    /// Marks the open transaction for its commit.
    ///
    /// # Errors
    /// When the catalog's database does not answer.
    pub(in super::super) fn mark(&self, connection: &Connection) -> Result<()> {
        if self.is_lake { mark(connection, &self.holder, &self.note) } else { Ok(()) }
    }

    /// Commits the open transaction. When that fails, it is still to be rolled back.
    ///
    /// # Errors
    /// The engine's.
    pub(in super::super) fn commit(&self, connection: &Connection) -> Result<()> {
        self.mark(connection)?;
        internal::run(connection, "COMMIT")
    }
}
