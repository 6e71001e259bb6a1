//! What a commit to a lake says of itself: who made it, and by which session.

use serde::Serialize;

use super::super::ffi::Connection;
use super::super::internal::{self, quoted_text};
use super::CATALOG;
use crate::engine::{Holder, Receipt};
use crate::error::Result;
use crate::failpoint::failpoint;

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
pub(super) struct Mark<'a> {
    pintail: Session<'a>,
    /// What the client itself had put there.
    #[serde(skip_serializing_if = "Option::is_none")]
    extra_info: Option<&'a str>,
}

#[derive(Serialize)]
struct Session<'a> {
    session: &'a str,
    epoch: i64,
    /// What was asked for in the transaction by requests that may come again.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    receipts: Vec<Kept<'a>>,
}

#[derive(Serialize)]
struct Kept<'a> {
    request: String,
    digest: &'a str,
    changed: Option<u64>,
    returned_rows: bool,
    /// Those rows. They do not stay in the mark: see `fence.sql`.
    #[serde(skip_serializing_if = "Option::is_none")]
    rows: Option<&'a str>,
    is_own: bool,
}

impl<'a> Mark<'a> {
    pub(super) fn of(holder: &'a Holder, note: &'a CommitNote, receipts: &'a [Receipt]) -> Self {
        let kept = receipts.iter().map(|receipt| Kept {
            request: receipt.request.id.to_string(),
            digest: &receipt.request.digest,
            changed: receipt.changed,
            returned_rows: receipt.returned.is_any(),
            rows: receipt.returned.kept(),
            is_own: receipt.request.is_own,
        });
        Self {
            pintail: Session { session: &holder.session, epoch: holder.epoch, receipts: kept.collect() },
            extra_info: note.extra_info.as_deref(),
        }
    }
}

/// Marks the open transaction as the session's, for its commit.
///
/// # Errors
/// When the catalog's database does not answer.
pub(in super::super) fn mark(
    connection: &Connection,
    holder: &Holder,
    note: &CommitNote,
    receipts: &[Receipt],
) -> Result<()> {
    let mark = serde_json::to_string(&Mark::of(holder, note, receipts)).map_err(crate::error::Error::internal)?;
    let text = |text: Option<&str>| text.map_or_else(|| "NULL".to_owned(), quoted_text);
    failpoint!("receipt.before", crate::failpoint::error());
    let author = note.author.as_deref().or(Some(&holder.principal));
    internal::run(
        connection,
        &format!(
            "CALL {CATALOG}.set_commit_message({}, {}, extra_info => {})",
            text(author),
            text(note.message.as_deref()),
            quoted_text(&mark)
        ),
    )?;
    failpoint!("receipt.written", crate::failpoint::error());
    Ok(())
}
